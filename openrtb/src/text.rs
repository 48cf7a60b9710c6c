//! A string of the wire, or a number standing where a string belongs.

use std::borrow::Borrow;
use std::fmt::{self, Write};
use std::ops::Deref;

/// Longest number kept as text: an i64 with its sign has 20 characters.
const NUMBER_BYTES: usize = 22;

/// A string, borrowed from the body, already unescaped.
///
/// Partners send numbers for string ids (`"id":5`); such a value is the number's decimal text, so that `5` and `"5"`
/// compare equal and an id echoed by a bidder still matches. Compares, hashes and orders as `str`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

/// The decimal text of a number.
pub(crate) struct NumberText {
    bytes: [u8; NUMBER_BYTES],
    len: usize,
}

impl NumberText {
    /// `None` if it is longer than an id can be.
    pub(crate) fn new(number: impl fmt::Display) -> Option<Self> {
        let mut text = Self { bytes: [0; NUMBER_BYTES], len: 0 };
        write!(text, "{number}").ok()?;
        Some(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only `fmt` wrote these bytes, so they are ASCII and the fallback is never taken.
        self.bytes.get(..self.len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl Write for NumberText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let Some(room) = self.bytes.get_mut(self.len..end) else { return Err(fmt::Error) };
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_decimal_text_unless_that_is_too_long_for_an_id() {
        assert_eq!(NumberText::new(5).unwrap().as_str(), "5");
        assert_eq!(NumberText::new(i64::MIN).unwrap().as_str(), "-9223372036854775808");
        assert!(NumberText::new(1e30).is_none());
    }
}
