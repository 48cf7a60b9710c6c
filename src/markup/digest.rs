//! Whether a bid's markup is the one that was approved (R-REVIEW): byte for byte, but for what a DSP fills in.
//!
//! What may differ is the value of a macro that the approved markup has there, and only of macros that say which auction it is, at what
//! price, or when ([`FILLED_IN`]), standing at the end of a value in a URL's query. It may be the macro itself, for the exchange to fill
//! in, or up to 128 letters, digits and `-._~`: nothing that could end the value, or be a URL. Everything else that a user sees, loads
//! or runs is in the digest. White space around the whole does not count.
//!
//! Comparing reads the markup once and allocates nothing: it costs a SHA-256 of the markup (`cargo bench -p pmpx
//! --bench shelves` times it).

use sha2::{Digest, Sha256};

use crate::market::demand::Print;

/// The macros whose values may differ, beside all of `${AUCTION_…}` (OpenRTB 2.6 §4.4).
pub const FILLED_IN: [&str; 9] = [
    "__TS__",
    "__REQUESTID__",
    "${TIMESTAMP}",
    "${CACHEBUSTER}",
    "${CACHEBUSTING}",
    "${RANDOM}",
    "[TIMESTAMP]",
    "[CACHEBUSTING]",
    "[RANDOM]",
];
/// Characters of a value at most.
const LONGEST_VALUE: usize = 128;

/// What tells an approved markup from others.
#[must_use]
pub fn print(approved: &str) -> Print {
    let mut before = Vec::new();
    let (mut rest, mut whole) = (approved.trim(), Sha256::new());
    while let Some((start, length)) = next_filled_in(rest, if before.is_empty() { Place::Text } else { Place::Value }) {
        let (literal, after) = rest.split_at(start);
        take(&mut whole, literal);
        before.push(u32::try_from(literal.len()).unwrap_or(u32::MAX));
        rest = after.get(length..).unwrap_or_default();
    }
    whole.update(rest);
    Print { digest: half(whole), before: before.into() }
}

/// Whether a markup is the one with that print, but for what is filled in.
#[must_use]
pub fn is_as_approved(print: &Print, markup: &str) -> bool {
    let (mut rest, mut whole) = (markup.trim(), Sha256::new());
    for length in &print.before {
        let Some((literal, after)) = rest.split_at_checked(*length as usize) else { return false };
        take(&mut whole, literal);
        let filled = macro_at(after).unwrap_or_else(|| value_at(after));
        rest = after.get(filled..).unwrap_or_default();
        if filled > LONGEST_VALUE || !ends_value(rest) {
            return false;
        }
    }
    whole.update(rest);
    half(whole) == print.digest
}

fn take(whole: &mut Sha256, literal: &str) {
    whole.update(literal);
    whole.update([0]);
}

fn half(whole: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = whole.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// Where one stands in a text, as far as URLs go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Url,
    /// Behind a `?` or `&`.
    Name,
    /// Behind a `=`.
    Value,
}

/// Where the next macro that may be filled in begins, and its length. What follows such a macro is the end of its value.
fn next_filled_in(text: &str, mut place: Place) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if place == Place::Value
            && let Some(length) = macro_at(rest)
            && ends_value(rest.get(length..).unwrap_or_default())
        {
            return Some((at, length));
        }
        let letter = rest.chars().next().unwrap_or_default();
        place = match (place, letter) {
            (_, it) if it.is_whitespace() || it.is_control() || "\"'`<>\\()".contains(it) => Place::Text,
            (Place::Text, ':') if rest.starts_with("://") => Place::Url,
            (Place::Url, '?') | (Place::Name | Place::Value, '&') => Place::Name,
            (Place::Name, '=') => Place::Value,
            (Place::Name | Place::Value, '#') => Place::Url,
            (place, _) => place,
        };
        at += letter.len_utf8();
    }
    None
}

/// The length of the macro that a text begins with, if its value may differ.
fn macro_at(text: &str) -> Option<usize> {
    if let Some(rest) = text.strip_prefix("${AUCTION_") {
        let name = rest.find('}').filter(|end| *end <= 32)?;
        let plain = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || matches!(it, b'_' | b':');
        return rest.as_bytes()[..name].iter().all(|it| plain(*it)).then_some("${AUCTION_".len() + name + 1);
    }
    FILLED_IN.iter().find(|known| text.starts_with(**known)).map(|known| known.len())
}

/// The length of the value that a text begins with; beyond the longest it does not matter.
fn value_at(text: &str) -> usize {
    let plain = |it: &u8| it.is_ascii_alphanumeric() || b"-._~".contains(it);
    text.bytes().take(LONGEST_VALUE + 1).take_while(plain).count()
}

/// Whether a value of a query ends before this text.
fn ends_value(text: &str) -> bool {
    text.chars().next().is_none_or(|it| "&#\"'`<>\\)]".contains(it) || it.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BANNER: &str = r#"<a href="__CLICK_URL__"><img src="https://cdn.a.example/1.jpg?v=3" alt="Ad · A"></a>
<img src="https://t.a.example/i?a=${AUCTION_ID}&amp;p=${AUCTION_PRICE:B64}&cb=__TS__#x"><script src='https://t.a.example/v.js?r=[CACHEBUSTING]'></script>"#;

    fn filled(values: [&str; 4]) -> String {
        let macros = ["${AUCTION_ID}", "${AUCTION_PRICE:B64}", "__TS__", "[CACHEBUSTING]"];
        macros.iter().zip(values).fold(BANNER.to_owned(), |text, (name, value)| text.replacen(name, value, 1))
    }

    #[test]
    fn r_review_what_a_dsp_fills_in_is_the_same_markup() {
        let approved = print(BANNER);
        assert_eq!(approved.before.len(), 4);
        for values in [
            ["018bcfe568", "MzUuMDA", "1700000000000", "42"],
            ["", "", "", ""],
            ["${AUCTION_BID_ID}", "35.00", "${TIMESTAMP}", "0"],
        ] {
            assert!(is_as_approved(&approved, &format!("  {}\n", filled(values))), "{values:?}");
        }
        assert!(is_as_approved(&approved, BANNER));
    }

    #[test]
    fn r_review_a_value_brings_no_markup_and_no_url() {
        let approved = print(BANNER);
        let long = "a".repeat(LONGEST_VALUE + 1);
        for value in [
            "1&to=evil",
            "https%3A%2F%2Fevil.example",
            "//evil.example",
            "\"onload=\"x()",
            "<b>",
            "1 2",
            "値",
            &long,
            "${CLICK_URL}",
        ] {
            for place in 0..4 {
                let mut values = ["1"; 4];
                values[place] = value;
                assert!(!is_as_approved(&approved, &filled(values)), "{value} in place {place}");
            }
        }
    }

    #[test]
    fn r_review_only_a_querys_value_may_differ() {
        let fixed = [
            "Only ${AUCTION_PRICE} yuan",
            "<img src=\"https://${AUCTION_ID}.example/1.jpg\">",
            "<script src=\"https://a.example/${AUCTION_ID}.js\"></script>",
            "<img src=\"https://a.example/?${AUCTION_ID}=1\">",
            "<a href=\"https://a.example/?to=__CLICK_URL_ESC__\">",
            "<img src=\"https://a.example/?to=${HOST}\">",
            "<img src=\"https://a.example/?to=${AUCTION_ID}.evil.example\">",
            "https://a.example/#t=${AUCTION_ID}",
            "<b>\"https://a.example\" a?b=${AUCTION_PRICE}</b>",
        ];
        for text in fixed {
            assert!(print(text).before.is_empty(), "{text}");
            assert!(is_as_approved(&print(text), text));
        }
    }

    proptest! {
        /// R-REVIEW: nothing but values may differ, wherever it stands.
        #[test]
        fn r_review_any_other_change_is_another_markup(place in 0..BANNER.chars().count(), letter in any::<char>()) {
            let was = BANNER.chars().nth(place).unwrap();
            let changed: String = BANNER.chars().enumerate().map(|(at, it)| if at == place { letter } else { it }).collect();
            let token = [("${AUCTION_ID}", 0), ("${AUCTION_PRICE:B64}", 1), ("__TS__", 2), ("[CACHEBUSTING]", 3)].iter().any(|(name, _)| {
                let start = BANNER[..BANNER.find(name).unwrap()].chars().count();
                (start..start + name.len()).contains(&place)
            });
            prop_assume!(was != letter && !token);
            prop_assert!(!is_as_approved(&print(BANNER), &changed), "{changed}");
        }
    }
}
