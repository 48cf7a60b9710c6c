//! What may run: advertisers and their documents, creatives and their review, words, landing pages (business rules §3, R-SCOPE, R-CATEGORY).
//!
//! Rooms decide from what they are given and say why, in Chinese and English; what happened is kept in the [`Docket`](crate::event::Docket).
//! Verdicts go into the market, where the hot plane looks them up.

pub mod account;
pub mod check;
pub mod crawl;
pub mod creative;
pub mod examine;
pub mod files;
pub mod finding;
pub mod html;
pub mod landing;
pub mod markup;
pub mod media;
pub mod office;
pub mod page;
pub mod prohibitions;
pub mod qualification;
pub mod review;
pub mod sample;
pub mod scan;
pub mod upload;
pub mod words;

/// SHA-256 as people and bodies write it: 64 hexadecimal digits in lower case.
#[must_use]
pub fn digest_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let plain = |digit: &u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit);
    if digits.len() != 64 || !digits.iter().all(plain) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// The same the other way.
#[must_use]
pub fn digest_text(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
