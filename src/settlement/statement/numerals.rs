//! Amounts in Chinese capital numerals, as statements and invoices carry them beside the figures (R-STATEMENT).
//!
//! 零 stands once for a run of zeros between two digits, and not where the run only ends a group of four (壹拾万柒仟元) or the whole yuan
//! before 角 (捌拾元叁角): the written form allows both there, and the rule's examples leave it out. A group that is empty has its 零
//! (壹亿零伍仟元). 整 follows 元 and 角, never 分.
//!
//! A negative amount is written with 负: a month whose corrections outweigh its consumption is a credit, and must be printable too.

use crate::money::Fen;

/// What a sum in RMB begins with; no gap follows it.
pub const PREFIX: &str = "人民币";

const DIGITS: [char; 10] = ['零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖'];

/// The amount in capital numerals without the prefix: `壹仟肆佰零玖元伍角整`. Every amount has one; above 万亿, 亿 multiplies all before it.
#[must_use]
pub fn capital_numerals(amount: Fen) -> String {
    let magnitude = amount.0.unsigned_abs();
    let (yuan, jiao, fen) = (magnitude / 100, magnitude / 10 % 10, magnitude % 10);
    let mut text = String::new();
    if amount.0 < 0 {
        text.push('负');
    }
    if yuan > 0 || magnitude == 0 {
        write_whole(&mut text, yuan);
        text.push('元');
    }
    if jiao > 0 {
        text.push(digit(jiao));
        text.push('角');
    }
    if fen == 0 {
        text.push('整');
    } else {
        if jiao == 0 && yuan > 0 {
            text.push('零');
        }
        text.push(digit(fen));
        text.push('分');
    }
    text
}

/// The amount in capital numerals with the prefix: `人民币壹拾万元整`.
#[must_use]
pub fn in_capitals(amount: Fen) -> String {
    format!("{PREFIX}{}", capital_numerals(amount))
}

fn digit(value: u64) -> char {
    usize::try_from(value).ok().and_then(|index| DIGITS.get(index)).copied().unwrap_or('零')
}

/// A whole number: eight digits at a time, so that 亿 may follow a number that has a 万 of its own (壹万亿).
fn write_whole(text: &mut String, number: u64) {
    const HUNDRED_MILLION: u64 = 100_000_000;
    let (above, rest) = (number / HUNDRED_MILLION, number % HUNDRED_MILLION);
    if above > 0 {
        write_whole(text, above);
        text.push('亿');
    }
    let (high, low) = (rest / 10_000, rest % 10_000);
    if high > 0 {
        let after_empty_group = above > 0 && above % 10_000 == 0;
        if after_empty_group || (above > 0 && high < 1_000) {
            text.push('零');
        }
        write_four(text, high);
        text.push('万');
    }
    if low > 0 {
        let after_empty_group = above > 0 && high == 0;
        if after_empty_group || (high > 0 && low < 1_000) {
            text.push('零');
        }
        write_four(text, low);
    }
    if number == 0 {
        text.push('零');
    }
}

/// One to four digits, without zeros at either end.
fn write_four(text: &mut String, number: u64) {
    let (mut begun, mut zeros) = (false, false);
    for (place, unit) in [(1_000, Some('仟')), (100, Some('佰')), (10, Some('拾')), (1, None)] {
        let value = number / place % 10;
        if value == 0 {
            zeros = begun;
            continue;
        }
        if zeros {
            text.push('零');
        }
        text.push(digit(value));
        text.extend(unit);
        (begun, zeros) = (true, false);
    }
}

#[cfg(test)]
mod tests;
