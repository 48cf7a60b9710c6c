//! A string of the wire, or a number standing where a string belongs.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Longest number kept as text: an i64 with its sign has 20 characters.
const NUMBER_BYTES: usize = 22;

/// A string, borrowed from the body, already unescaped.
///
/// Partners send numbers for string ids (`"id":5`); such a value holds the number's decimal text, so that `5` and `"5"`
/// compare equal and an id echoed by a bidder still matches. Compares, hashes and orders as `str`.
#[derive(Clone, Copy)]
pub struct Text<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Borrowed(&'a str),
    Number { bytes: [u8; NUMBER_BYTES], len: u8 },
}

impl<'a> Text<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Borrowed(text) => text,
            // Only `fmt` wrote these bytes, so they are ASCII and the fallback is never taken.
            Form::Number { bytes, len } => {
                bytes.get(..usize::from(*len)).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
            }
        }
    }

    /// The text with the body's lifetime; `None` where the sender wrote a number.
    #[must_use]
    pub fn as_borrowed(&self) -> Option<&'a str> {
        match self.0 {
            Form::Borrowed(text) => Some(text),
            Form::Number { .. } => None,
        }
    }

    /// The decimal text of a number; `None` if it is longer than an id can be.
    pub(crate) fn from_number(number: impl fmt::Display) -> Option<Self> {
        let mut buffer = NumberBuffer { bytes: [0; NUMBER_BYTES], len: 0 };
        write!(buffer, "{number}").ok()?;
        Some(Self(Form::Number { bytes: buffer.bytes, len: u8::try_from(buffer.len).ok()? }))
    }
}

struct NumberBuffer {
    bytes: [u8; NUMBER_BYTES],
    len: usize,
}

impl Write for NumberBuffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let Some(room) = self.bytes.get_mut(self.len..end) else { return Err(fmt::Error) };
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self(Form::Borrowed(""))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Form::Borrowed(text))
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

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

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

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
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
    fn a_number_equals_its_text() {
        assert_eq!(Text::from_number(5), Some(Text::from("5")));
        assert_eq!(Text::from_number(i64::MIN).unwrap(), "-9223372036854775808");
        assert_ne!(Text::from_number(5), Some(Text::from("05")));
    }

    #[test]
    fn a_number_too_long_for_an_id_is_refused() {
        assert_eq!(Text::from_number(1e30), None);
    }
}
