//! How well a landing page says what the creative says (R-LANDING-MATCH): a score with its reasons, for the person who decides.
//!
//! Texts are compared as words are looked for ([`crate::compliance::words`]): width, case, traditional characters and marks do not count. Numbers are
//! compared as numbers: ¥9.90 is 9.9元, and 50% off is 5折.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Page;
use crate::compliance::creative::Offer;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::words::plain;

/// From this score on the page says what the creative says, as far as a program can tell: the finding is a note.
pub const MATCHES: u8 = 80;
/// Of so many parts, what brand, product, terms and app weigh. What the creative does not state weighs nothing.
const WEIGHTS: [u32; 4] = [30, 30, 30, 10];
/// A name that is found in parts counts from so much of its pairs of letters on, per cent.
const LEAST_PAIRS: u32 = 60;

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The brand.
    Brand,
    /// The product.
    Product,
    /// A price or term.
    Term,
    /// The app.
    App,
}

/// One thing that the creative states, and how far the page says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What.
    pub aspect: Aspect,
    /// As the creative states it.
    pub stated: String,
    /// How far the page says it, per cent.
    pub met: u8,
}

/// How well a page matches a creative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// 0 to 100: the weighted mean of the reasons; 0 where the creative states nothing.
    pub score: u8,
    /// Each thing that the creative states.
    pub reasons: Vec<Reason>,
}

/// Compares what a creative states with the page that it leads to. `app` is the id of the app that it leads to: `com.paopao.island`.
#[must_use]
pub fn compare(offer: &Offer, page: &Page, app: Option<&str>) -> Match {
    let mut text = page.visible_text();
    // What a single-page app shows stands in its data.
    for token in page.code.iter().flat_map(|code| &code.tokens).filter(|token| token.starts_with(['"', '\'', '`'])) {
        text.push('\n');
        text.push_str(token.trim_matches(['"', '\'', '`']));
    }
    let (letters, values) = (plain(&text), values(&text));
    let mut reasons = Vec::new();
    let mut add = |aspect, stated: &str, met| reasons.push(Reason { aspect, stated: stated.to_owned(), met });
    if let Some(brand) = &offer.brand {
        add(Aspect::Brand, brand, named(&letters, brand));
    }
    if let Some(product) = &offer.product {
        add(Aspect::Product, product, named(&letters, product));
    }
    for term in &offer.terms {
        add(Aspect::Term, term, said(&letters, &values, term));
    }
    if let Some(app) = app {
        let of_page = page.downloads.iter().chain(page.links.iter().map(|link| &link.is)).map(String::as_str);
        let is_there = of_page.chain([text.as_str()]).any(|text| has_id(text, app));
        add(Aspect::App, app, if is_there { 100 } else { 0 });
    }
    Match { score: score(&reasons), reasons }
}

fn score(reasons: &[Reason]) -> u8 {
    let aspects = [Aspect::Brand, Aspect::Product, Aspect::Term, Aspect::App];
    let (mut sum, mut weights) = (0, 0);
    for (aspect, weight) in aspects.into_iter().zip(WEIGHTS) {
        let met: Vec<u32> = reasons.iter().filter(|it| it.aspect == aspect).map(|it| u32::from(it.met)).collect();
        if let Some(count) = u32::try_from(met.len()).ok().filter(|count| *count > 0) {
            sum += weight * met.iter().sum::<u32>() / count;
            weights += weight;
        }
    }
    sum.checked_div(weights).and_then(|score| u8::try_from(score).ok()).unwrap_or_default()
}

impl Match {
    /// What the reviewer is told: a note from [`MATCHES`] on, else a question to a person. It never refuses by itself.
    #[must_use]
    pub fn finding(&self, url: &str) -> Finding {
        let weight = if self.score >= MATCHES { Weight::Note } else { Weight::Person };
        let mut en = format!("the landing page says {} of 100 of what the creative states", self.score);
        let mut zh = format!("落地页与创意一致性评分 {}（满分 100）", self.score);
        if self.reasons.is_empty() {
            en = "the creative states no brand, product or terms to compare the landing page with".to_owned();
            zh = "创意未填写品牌、产品或价格条款，无法与落地页比对".to_owned();
        }
        for Reason { aspect, stated, met } in &self.reasons {
            let (name, chinese) = match aspect {
                Aspect::Brand => ("brand", "品牌"),
                Aspect::Product => ("product", "产品"),
                Aspect::Term => ("price or term", "价格或条款"),
                Aspect::App => ("app", "应用"),
            };
            let (found, seen) = match met {
                100 => ("is there", "一致"),
                0 => ("is not there", "未找到"),
                _ => ("is there in part", "部分一致"),
            };
            en += &format!("; {name} \"{stated}\" {found}");
            zh += &format!("；{chinese}“{stated}”{seen}");
        }
        let worst = self.reasons.iter().min_by_key(|reason| reason.met).map_or("", |reason| reason.stated.as_str());
        Finding::new("R-LANDING-MATCH", "landing-match", weight, (format!("page {url}"), worst), (en, zh))
    }
}

/// How far a name is there, per cent: whole, or by its pairs of letters.
fn named(letters: &str, name: &str) -> u8 {
    let name = plain(name);
    if name.is_empty() {
        return 0;
    }
    if letters.contains(&name) {
        return 100;
    }
    let name: Vec<char> = name.chars().collect();
    let pairs: Vec<String> = name.windows(2).map(|pair| pair.iter().collect()).collect();
    let found = pairs.iter().filter(|pair| letters.contains(pair.as_str())).count();
    let share = (100 * found).checked_div(pairs.len()).and_then(|share| u32::try_from(share).ok()).unwrap_or_default();
    if share >= LEAST_PAIRS { u8::try_from(share.min(99)).unwrap_or_default() } else { 0 }
}

/// How far a price or term is said, per cent: its numbers, each with what it is of; without numbers, its words.
fn said(letters: &str, values: &BTreeSet<Value>, term: &str) -> u8 {
    let stated = self::values(term);
    if stated.is_empty() {
        return named(letters, term);
    }
    let met = |value: &Value| -> usize {
        let bare = Value { of: Of::Number, ..*value };
        match value.of {
            _ if values.contains(value) => 100,
            Of::Number if values.iter().any(|it| it.amount == value.amount) => 100,
            // The number is there, and what it is of is written in another way.
            _ if values.contains(&bare) => 50,
            _ => 0,
        }
    };
    let sum: usize = stated.iter().map(met).sum();
    u8::try_from(sum / stated.len()).unwrap_or_default()
}

/// What a number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    /// It is not said.
    Number,
    Yuan,
    Dollar,
    /// Per cent.
    Percent,
    /// Per cent off the price.
    Off,
}

/// A number in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    of: Of,
    /// In ten-thousandths.
    amount: u64,
}

/// The numbers of a text. Those of letters and digits (`m900`) are none.
fn values(text: &str) -> BTreeSet<Value> {
    let text: String = text.nfkc().collect::<String>().to_lowercase();
    let mut found = BTreeSet::new();
    let mut before = "";
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|it: char| it.is_ascii_digit() || is_numeral(it)) {
        before = if at == 0 { before } else { &rest[..at] };
        let behind = &rest[at..];
        let (amount, length) = read_number(behind);
        rest = &behind[length..];
        let joined = before.ends_with(|it: char| it.is_ascii_alphabetic())
            && !before.ends_with("rmb")
            && !before.ends_with("cny");
        let next = rest.trim_start_matches(' ');
        if let (Some(mut amount), false) = (amount, joined) {
            let after = next.strip_prefix('万');
            amount = amount.saturating_mul(if after.is_some() { 10_000 } else { 1 });
            let value = value(before.trim_end(), amount, after.unwrap_or(next));
            // A numeral is one only where something makes it a number: 五折.
            if behind.starts_with(|it: char| it.is_ascii_digit()) || value.of == Of::Off {
                found.insert(value);
            }
        }
        before = "";
    }
    if text.contains("半价") || text.contains("half price") {
        found.insert(Value { of: Of::Off, amount: 500_000 });
    }
    found
}

/// What a number is of, by what stands before and behind it.
fn value(before: &str, amount: u64, behind: &str) -> Value {
    let ends = |list: &[&str]| list.iter().any(|it| before.ends_with(it));
    let starts = |list: &[&str]| list.iter().any(|it| behind.starts_with(it));
    if let Some(rest) = behind.strip_prefix('%') {
        let of = if rest.trim_start().starts_with("off") { Of::Off } else { Of::Percent };
        return Value { of, amount };
    }
    if behind.starts_with('折') {
        // 5折 is 50 % of the price, 85折 and 8.5折 are 85 %.
        let paid = if amount < 100_000 { amount * 10 } else { amount };
        return Value { of: Of::Off, amount: 1_000_000_u64.saturating_sub(paid) };
    }
    let of = if ends(&["¥", "rmb", "cny"]) || starts(&["元", "块", "yuan", "rmb", "cny"]) {
        Of::Yuan
    } else if ends(&["$"]) || starts(&["美元", "usd"]) {
        Of::Dollar
    } else {
        Of::Number
    };
    Value { of, amount }
}

const NUMERALS: &str = "零一二三四五六七八九";

fn is_numeral(it: char) -> bool {
    NUMERALS.contains(it)
}

/// A number in ten-thousandths and its length, bytes; `None`: it is too large to be one, or its fraction too long.
fn read_number(text: &str) -> (Option<u64>, usize) {
    if !text.starts_with(|it: char| it.is_ascii_digit()) {
        let run: String = text.chars().take_while(|it| is_numeral(*it)).collect();
        let digit = |it: char| NUMERALS.chars().position(|numeral| numeral == it).unwrap_or_default() as u64;
        let number = run.chars().try_fold(0_u64, |number, it| number.checked_mul(10)?.checked_add(digit(it)));
        return (number.and_then(|number| number.checked_mul(10_000)), run.len());
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(text);
    let mut whole = text[..length].to_owned();
    while let Some(rest) = text[length..].strip_prefix(',').filter(|rest| digits(rest) == 3) {
        whole.push_str(&rest[..3]);
        length += 4;
    }
    let mut fraction = String::new();
    if let Some(rest) = text[length..].strip_prefix('.').filter(|rest| digits(rest) > 0) {
        fraction.push_str(&rest[..digits(rest)]);
        length += 1 + fraction.len();
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 4 {
        return (None, length);
    }
    let parts = whole.parse::<u64>().ok().zip(format!("{fraction:0<4}").parse::<u64>().ok());
    (parts.and_then(|(whole, fraction)| whole.checked_mul(10_000)?.checked_add(fraction)), length)
}

/// Whether an id stands in a text as a whole: `com.paopao` does not in `com.paopao.island`.
fn has_id(text: &str, id: &str) -> bool {
    let (text, id) = (text.to_ascii_lowercase(), id.to_ascii_lowercase());
    let part = |it: char| it.is_ascii_alphanumeric() || it == '_';
    !id.is_empty()
        && text.match_indices(&id).any(|(at, _)| {
            let (before, behind) = (&text[..at], &text[at + id.len()..]);
            let goes_on =
                behind.strip_prefix('.').is_some_and(|rest| rest.starts_with(part) && !rest.starts_with("apk"));
            !before.ends_with(|it: char| part(it) || it == '.') && !behind.starts_with(part) && !goes_on
        })
}
