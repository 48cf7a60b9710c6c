use proptest::prelude::*;

use super::{DIGITS, capital_numerals, in_capitals};
use crate::money::Fen;

/// Written by hand: a zero in each place, runs of zeros within and across the groups of four, with and without 角 and 分.
const CASES: [(&str, &str); 96] = [
    // The rule's own.
    ("1409.50", "壹仟肆佰零玖元伍角整"),
    ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
    ("325.04", "叁佰贰拾伍元零肆分"),
    ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
    ("0.05", "伍分"),
    ("0.00", "零元整"),
    ("100000.00", "壹拾万元整"),
    // Below one yuan.
    ("0.01", "壹分"),
    ("0.10", "壹角整"),
    ("0.50", "伍角整"),
    ("0.99", "玖角玖分"),
    ("0.11", "壹角壹分"),
    // Units and tens; 壹拾, never 拾.
    ("1.00", "壹元整"),
    ("1.01", "壹元零壹分"),
    ("1.10", "壹元壹角整"),
    ("9.99", "玖元玖角玖分"),
    ("10.00", "壹拾元整"),
    ("10.05", "壹拾元零伍分"),
    ("10.50", "壹拾元伍角整"),
    ("11.00", "壹拾壹元整"),
    ("20.02", "贰拾元零贰分"),
    ("99.00", "玖拾玖元整"),
    // Hundreds.
    ("100.00", "壹佰元整"),
    ("100.01", "壹佰元零壹分"),
    ("101.00", "壹佰零壹元整"),
    ("101.10", "壹佰零壹元壹角整"),
    ("110.00", "壹佰壹拾元整"),
    ("110.11", "壹佰壹拾元壹角壹分"),
    ("305.06", "叁佰零伍元零陆分"),
    // Thousands.
    ("1000.00", "壹仟元整"),
    ("1000.50", "壹仟元伍角整"),
    ("1000.05", "壹仟元零伍分"),
    ("1001.00", "壹仟零壹元整"),
    ("1010.00", "壹仟零壹拾元整"),
    ("1100.00", "壹仟壹佰元整"),
    ("1011.00", "壹仟零壹拾壹元整"),
    ("1101.00", "壹仟壹佰零壹元整"),
    ("1110.00", "壹仟壹佰壹拾元整"),
    ("6007.14", "陆仟零柒元壹角肆分"),
    ("9999.99", "玖仟玖佰玖拾玖元玖角玖分"),
    // 万.
    ("10000.00", "壹万元整"),
    ("10000.01", "壹万元零壹分"),
    ("10001.00", "壹万零壹元整"),
    ("10010.00", "壹万零壹拾元整"),
    ("10100.00", "壹万零壹佰元整"),
    ("11000.00", "壹万壹仟元整"),
    ("10101.01", "壹万零壹佰零壹元零壹分"),
    ("20050.30", "贰万零伍拾元叁角整"),
    ("100001.00", "壹拾万零壹元整"),
    ("100500.00", "壹拾万零伍佰元整"),
    ("107000.53", "壹拾万柒仟元伍角叁分"),
    ("107050.00", "壹拾万柒仟零伍拾元整"),
    ("1000000.00", "壹佰万元整"),
    ("1010000.00", "壹佰零壹万元整"),
    ("1000001.00", "壹佰万零壹元整"),
    ("1001000.00", "壹佰万壹仟元整"),
    ("1010100.00", "壹佰零壹万零壹佰元整"),
    ("10000000.00", "壹仟万元整"),
    ("10010000.00", "壹仟零壹万元整"),
    ("10100000.00", "壹仟零壹拾万元整"),
    ("10001000.00", "壹仟万壹仟元整"),
    ("10000100.09", "壹仟万零壹佰元零玖分"),
    ("12345678.90", "壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整"),
    ("99999999.99", "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    // 亿.
    ("100000000.00", "壹亿元整"),
    ("100000000.10", "壹亿元壹角整"),
    ("100000001.00", "壹亿零壹元整"),
    ("100001000.00", "壹亿零壹仟元整"),
    ("100005000.00", "壹亿零伍仟元整"),
    ("100010000.00", "壹亿零壹万元整"),
    ("100010001.00", "壹亿零壹万零壹元整"),
    ("100100000.00", "壹亿零壹拾万元整"),
    ("101000000.00", "壹亿零壹佰万元整"),
    ("110000000.00", "壹亿壹仟万元整"),
    ("110001000.00", "壹亿壹仟万壹仟元整"),
    ("110000001.00", "壹亿壹仟万零壹元整"),
    ("1000000000.00", "壹拾亿元整"),
    ("1050000000.00", "壹拾亿伍仟万元整"),
    ("1005000000.00", "壹拾亿零伍佰万元整"),
    ("1010000000.00", "壹拾亿壹仟万元整"),
    ("10100000000.00", "壹佰零壹亿元整"),
    ("123456789012.34", "壹仟贰佰叁拾肆亿伍仟陆佰柒拾捌万玖仟零壹拾贰元叁角肆分"),
    ("100000000000.00", "壹仟亿元整"),
    ("999999999999.99", "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    // 万亿.
    ("1000000000000.00", "壹万亿元整"),
    ("1000000000000.01", "壹万亿元零壹分"),
    ("1000000000001.00", "壹万亿零壹元整"),
    ("1000100000000.00", "壹万零壹亿元整"),
    ("1000000010000.00", "壹万亿零壹万元整"),
    ("1000010000000.00", "壹万亿零壹仟万元整"),
    ("1010000000000.00", "壹万零壹佰亿元整"),
    ("1100000000000.00", "壹万壹仟亿元整"),
    ("10000000000000.00", "壹拾万亿元整"),
    ("12030000450000.60", "壹拾贰万零叁佰亿零肆拾伍万元陆角整"),
    // A credit.
    ("-0.05", "负伍分"),
    ("-1409.50", "负壹仟肆佰零玖元伍角整"),
];

#[test]
fn r_statement_capital_numerals() {
    for (yuan, text) in CASES {
        let amount = Fen(yuan.replace('.', "").parse().unwrap());
        assert_eq!(capital_numerals(amount), text, "{amount}");
        assert_eq!(in_capitals(amount), format!("人民币{text}"));
    }
}

/// Reads numerals back without knowing how they are written: each unit multiplies what stands before it.
fn read(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('负') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut total, mut group, mut digit, mut fen) = (0_i64, 0_i64, 0_i64, 0_i64);
    let mut ten_thousands = 0_i64;
    for character in text.chars() {
        if let Some(value) = DIGITS.iter().position(|it| *it == character) {
            digit = i64::try_from(value).ok()?;
            continue;
        }
        match character {
            '拾' => group += digit * 10,
            '佰' => group += digit * 100,
            '仟' => group += digit * 1_000,
            '万' => (ten_thousands, group) = ((group + digit) * 10_000, 0),
            '亿' => (total, ten_thousands, group) = ((total + ten_thousands + group + digit) * 100_000_000, 0, 0),
            '元' => (fen, total) = ((total + ten_thousands + group + digit) * 100, 0),
            '角' => fen += digit * 10,
            '分' => fen += digit,
            '整' => {}
            _ => return None,
        }
        digit = 0;
    }
    (total == 0).then_some(if negative { -fen } else { fen })
}

/// Whether 零 is due between two digits next to each other among those that are not zero, said by places (分 is 0, 角 1, 元 2): some
/// place between them is of the lower one's group of four, or a whole group is empty.
fn zero_is_due(higher: usize, lower: usize) -> bool {
    let group = |place: usize| (place >= 2).then(|| (place - 2) / 4);
    match (group(higher), group(lower)) {
        (Some(high), Some(low)) if high == low => higher - lower > 1,
        (Some(high), Some(low)) => high - low > 1 || (lower - 2) % 4 != 3,
        (Some(_), None) => lower == 0,
        _ => false,
    }
}

proptest! {
    #[test]
    fn r_statement_capital_numerals_read_back(
        fen in prop_oneof![0..=100_000_i64, 0..=100_000_000_000_000_000_i64],
        mask in 0..1_u32 << 18,
        negative: bool,
    ) {
        // Most random numbers have few zeros: some digits are struck out.
        let struck = (0..18).filter(|place| mask & (1 << place) != 0);
        let fen = struck.fold(fen, |fen, place| fen - fen / 10_i64.pow(place) % 10 * 10_i64.pow(place));
        let text = capital_numerals(Fen(if negative { -fen } else { fen }));
        prop_assert_eq!(read(&text), Some(if negative { -fen } else { fen }), "{}", text);
        prop_assert_eq!(text.ends_with('整'), fen % 10 == 0, "{}", text);

        let places: Vec<_> = (0..18).rev().filter(|place| fen / 10_i64.pow(*place) % 10 != 0).collect();
        let due = places.windows(2).filter(|pair| zero_is_due(pair[0] as usize, pair[1] as usize)).count();
        prop_assert_eq!(text.matches('零').count(), if fen == 0 { 1 } else { due }, "{}", text);
        for wrong in ["零零", "零元角", "零万", "零亿", "零角", "零分", "零整", "亿万"] {
            prop_assert!(!text.contains(wrong), "{}", text);
        }
    }

    #[test]
    fn every_amount_has_numerals(fen: i64) {
        prop_assert!(!capital_numerals(Fen(fen)).is_empty());
    }
}
