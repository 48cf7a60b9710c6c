//! A script in the page itself, as it is compared.

use sha2::{Digest, Sha256};

use super::mask;
use crate::clock::ShanghaiDay;

/// Characters of a script that are told.
const SHOWN: usize = 120;
/// What sends the visitor elsewhere.
const SENDS: &[&str] = &["location", "replace", "assign", "open", "navigate"];

/// A script's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub(super) tokens: Vec<String>,
}

impl Script {
    /// Reads code. `what` tells scripts from handlers: `script`, `onclick`.
    pub(super) fn read(what: &str, code: &str, today: Option<ShanghaiDay>) -> Self {
        let mut tokens = vec![what.to_owned()];
        tokens.extend(mask::code(code, today));
        Self { tokens }
    }

    /// SHA-256 of its tokens, 24 hexadecimal digits of it; the tokens at these places count only by their kind.
    pub(super) fn digest(&self, wild: &[u32]) -> String {
        let mut hash = Sha256::new();
        let mut wild = wild.iter().copied().peekable();
        for (at, token) in self.tokens.iter().enumerate() {
            let token = if wild.next_if(|it| *it as usize == at).is_some() { kind(token) } else { token };
            hash.update((token.len() as u64).to_be_bytes());
            hash.update(token.as_bytes());
        }
        hash.finalize().iter().take(12).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// The places at which another fetch of the same script has other values; `None` if more than values differ.
    pub(super) fn values_that_differ(&self, other: &Self) -> Option<Vec<u32>> {
        if self.tokens.len() != other.tokens.len() {
            return None;
        }
        let mut wild = Vec::new();
        for (at, (mine, theirs)) in self.tokens.iter().zip(&other.tokens).enumerate() {
            if mine != theirs {
                if kind(mine) == "code" || kind(mine) != kind(theirs) {
                    return None;
                }
                wild.push(u32::try_from(at).ok()?);
            }
        }
        Some(wild)
    }

    /// How it begins.
    pub(super) fn start(&self) -> String {
        let text = self.tokens.join(" ");
        text.chars().take(SHOWN).collect()
    }

    /// Whether it may send the visitor elsewhere.
    pub(super) fn sends(&self) -> bool {
        self.tokens.iter().any(|token| SENDS.contains(&token.as_str()))
    }
}

/// What kind of value a token is: one that may be learned to vary, or `code`.
fn kind(token: &str) -> &'static str {
    let value = token.trim_matches(['"', '\'', '`']);
    let is_text = value.len() < token.len();
    if !is_text && token.starts_with(|it: char| it.is_ascii_digit()) {
        "number"
    } else if is_text && !value.is_empty() && (mask::is_opaque(value) || mask::is_decimal(value)) {
        "value"
    } else {
        "code"
    }
}
