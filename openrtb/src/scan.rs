//! Byte ranges of JSON values.
//!
//! Nothing is decoded, allocated or recursed over: a value is walked by a loop that remembers its open brackets in 128
//! bits. The grammar is checked in full (RFC 8259), so a range is exactly one value; UTF-8 and the pairing of surrogate
//! escapes are not, since the body that is scanned has also been decoded.

use std::fmt;
use std::ops::Range;

/// Most objects and arrays inside one another that the scanner follows.
pub const MAX_DEPTH: u32 = 64;

/// Why the scan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// The kind.
    pub kind: ScanErrorKind,
    /// Byte offset in the whole input.
    pub offset: usize,
}

/// The kinds of [`ScanError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanErrorKind {
    /// The input ends inside a value.
    EndsEarly,
    /// A byte that JSON does not allow here.
    UnexpectedByte,
    /// More than [`MAX_DEPTH`] brackets open.
    TooDeep,
    /// The range holds more than one value.
    TrailingBytes,
    /// An object was expected and something else stands here.
    NotAnObject,
    /// A key that was asked for stands twice in its object.
    DuplicateKey,
    /// A key on the path of a copy or search is written with escapes, and so might be a name in disguise.
    EscapedKey,
    /// An [`Allow`](crate::Allow) table with more than 128 fields, or one that contains itself.
    TableTooLarge,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ScanErrorKind::EndsEarly => "the JSON ends early",
            ScanErrorKind::UnexpectedByte => "not JSON",
            ScanErrorKind::TooDeep => "too many objects and arrays inside one another",
            ScanErrorKind::TrailingBytes => "more follows the JSON value",
            ScanErrorKind::NotAnObject => "expected an object",
            ScanErrorKind::DuplicateKey => "this key stands twice in its object",
            ScanErrorKind::EscapedKey => "a key must not be written with escapes",
            ScanErrorKind::TableTooLarge => "the allow table is too large",
        };
        write!(f, "{what} (byte {})", self.offset)
    }
}

impl std::error::Error for ScanError {}

#[cold]
pub(crate) fn error(kind: ScanErrorKind, offset: usize) -> ScanError {
    ScanError { kind, offset }
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key as written, without its quotes.
    pub key: Range<usize>,
    /// Whether the key is written with escapes: then `key` is not its text.
    pub key_escaped: bool,
    /// The value, exactly.
    pub value: Range<usize>,
}

/// The members of an object, in source order. Stops after the first error.
#[derive(Clone, Debug)]
pub struct ObjectScan<'s> {
    walk: Walk<'s>,
}

/// The elements of an array, in source order. Stops after the first error.
#[derive(Clone, Debug)]
pub struct ArrayScan<'s> {
    walk: Walk<'s>,
}

impl<'s> ObjectScan<'s> {
    /// Scans the object that fills `range` of `source`, give or take white space.
    #[must_use]
    pub fn new(source: &'s [u8], range: Range<usize>) -> Self {
        Self { walk: Walk::new(source, &range, b'{') }
    }
}

impl<'s> ArrayScan<'s> {
    /// Scans the array that fills `range` of `source`, give or take white space.
    #[must_use]
    pub fn new(source: &'s [u8], range: Range<usize>) -> Self {
        Self { walk: Walk::new(source, &range, b'[') }
    }
}

impl Iterator for ObjectScan<'_> {
    type Item = Result<Member, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.step(b'}', Cursor::member)
    }
}

impl Iterator for ArrayScan<'_> {
    type Item = Result<Range<usize>, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.step(b']', |cursor| {
            cursor.white_space();
            let start = cursor.at;
            cursor.skip_value(1)?;
            Ok(start..cursor.at)
        })
    }
}

/// The range of the one value that `source` holds.
///
/// # Errors
/// [`ScanError`] if it is not one JSON value.
pub fn root(source: &[u8]) -> Result<Range<usize>, ScanError> {
    let mut cursor = Cursor::new(source, &(0..source.len()));
    cursor.white_space();
    let start = cursor.at;
    cursor.skip_value(0)?;
    let end = cursor.at;
    cursor.expect_end()?;
    Ok(start..end)
}

/// The ranges of the values under `keys` in an object, in one pass; `None` for a key that is not there.
///
/// # Errors
/// [`ScanError`] if it is not an object, if one of `keys` stands in it twice, or any key is written with escapes.
pub fn find<const N: usize>(
    source: &[u8],
    object: Range<usize>,
    keys: [&str; N],
) -> Result<[Option<Range<usize>>; N], ScanError> {
    let mut found = [const { None }; N];
    for member in ObjectScan::new(source, object) {
        let member = member?;
        if member.key_escaped {
            return Err(error(ScanErrorKind::EscapedKey, member.key.start));
        }
        let key = source.get(member.key.clone()).unwrap_or_default();
        for (name, slot) in keys.iter().zip(&mut found) {
            if name.as_bytes() == key {
                if slot.is_some() {
                    return Err(error(ScanErrorKind::DuplicateKey, member.key.start));
                }
                *slot = Some(member.value.clone());
            }
        }
    }
    Ok(found)
}

/// The iteration that objects and arrays share.
#[derive(Clone, Debug)]
struct Walk<'s> {
    cursor: Cursor<'s>,
    state: WalkState,
}

#[derive(Clone, Debug)]
enum WalkState {
    NotEntered(u8),
    Inside,
    Over,
}

impl<'s> Walk<'s> {
    fn new(source: &'s [u8], range: &Range<usize>, open: u8) -> Self {
        Self { cursor: Cursor::new(source, range), state: WalkState::NotEntered(open) }
    }

    fn step<T>(
        &mut self,
        close: u8,
        item: impl FnOnce(&mut Cursor<'s>) -> Result<T, ScanError>,
    ) -> Option<Result<T, ScanError>> {
        let entered = match self.state {
            WalkState::Over => return None,
            WalkState::Inside => self.cursor.more(close),
            WalkState::NotEntered(open) => self.cursor.enter(open, close),
        };
        self.state = WalkState::Over;
        match entered {
            Err(error) => Some(Err(error)),
            Ok(false) => self.cursor.expect_end().err().map(Err),
            Ok(true) => {
                let item = item(&mut self.cursor);
                if item.is_ok() {
                    self.state = WalkState::Inside;
                }
                Some(item)
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Cursor<'s> {
    /// The input up to the end of the range; offsets are those of the whole input.
    pub(crate) bytes: &'s [u8],
    pub(crate) at: usize,
}

impl<'s> Cursor<'s> {
    pub(crate) fn new(source: &'s [u8], range: &Range<usize>) -> Self {
        Self { bytes: source.get(..range.end).unwrap_or(source), at: range.start }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn unexpected(&self) -> ScanError {
        let kind = if self.at < self.bytes.len() { ScanErrorKind::UnexpectedByte } else { ScanErrorKind::EndsEarly };
        error(kind, self.at)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    pub(crate) fn expect_end(&mut self) -> Result<(), ScanError> {
        self.white_space();
        if self.at < self.bytes.len() {
            return Err(error(ScanErrorKind::TrailingBytes, self.at));
        }
        Ok(())
    }

    /// Enters a container; false if it is empty, and then it is left.
    #[inline]
    pub(crate) fn enter(&mut self, open: u8, close: u8) -> Result<bool, ScanError> {
        self.white_space();
        match self.peek() {
            Some(byte) if byte == open => self.at += 1,
            Some(_) if open == b'{' => return Err(error(ScanErrorKind::NotAnObject, self.at)),
            _ => return Err(self.unexpected()),
        }
        self.white_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Behind an item: whether another follows; otherwise the container is left.
    #[inline]
    pub(crate) fn more(&mut self, close: u8) -> Result<bool, ScanError> {
        self.white_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A key and its colon, up to the value: the key's range and whether it has escapes.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<(Range<usize>, bool), ScanError> {
        self.white_space();
        let start = self.at + 1;
        let escaped = self.skip_string()?;
        let key = start..self.at - 1;
        self.white_space();
        self.expect(b':')?;
        self.white_space();
        Ok((key, escaped))
    }

    fn member(&mut self) -> Result<Member, ScanError> {
        let (key, key_escaped) = self.key()?;
        let start = self.at;
        self.skip_value(1)?;
        Ok(Member { key, key_escaped, value: start..self.at })
    }

    /// Skips a value of any depth; `outer` brackets are open around it.
    pub(crate) fn skip_value(&mut self, outer: u32) -> Result<(), ScanError> {
        // The open brackets, the innermost in the lowest bit: 1 an object, 0 an array.
        let (mut brackets, mut depth) = (0u128, 0u32);
        loop {
            self.white_space();
            let empty = match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth + outer >= MAX_DEPTH {
                        return Err(error(ScanErrorKind::TooDeep, self.at));
                    }
                    let object = open == b'{';
                    // The closing bracket stands two places behind the opening one in ASCII.
                    if self.enter(open, open + 2)? {
                        brackets = brackets << 1 | u128::from(object);
                        depth += 1;
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                    true
                }
                _ => false,
            };
            if !empty {
                self.skip_scalar()?;
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = brackets & 1 == 1;
                if self.more(if object { b'}' } else { b']' })? {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                brackets >>= 1;
                depth -= 1;
            }
        }
    }

    #[inline]
    pub(crate) fn skip_scalar(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'"') => self.skip_string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b't') => self.skip_literal(b"true"),
            Some(b'f') => self.skip_literal(b"false"),
            Some(b'n') => self.skip_literal(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    fn skip_literal(&mut self, literal: &[u8]) -> Result<(), ScanError> {
        for byte in literal {
            self.expect(*byte)?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    fn skip_number(&mut self) -> Result<(), ScanError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Whether the string has escapes.
    #[inline]
    pub(crate) fn skip_string(&mut self) -> Result<bool, ScanError> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            self.at += plain_prefix(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.skip_escape()?;
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn skip_escape(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.unexpected());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }
}

/// How many bytes stand before the first quote, backslash or control character; eight are looked at together.
#[inline]
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte's high bit is set where it is zero after the xor, or less than a space. A borrow may also set bits
        // above the first such byte, never below it, and only the lowest is used.
        let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES) & !(word ^ (ONES * 0x22));
        let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES) & !(word ^ (ONES * 0x5c));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let special = (quote | backslash | control) & HIGHS;
        if special != 0 {
            return index * 8 + (special.trailing_zeros() / 8) as usize;
        }
    }
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    bytes.len() - rest.len() + rest.iter().take_while(|byte| plain(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight bytes at a time must see what one at a time sees, wherever the special byte stands and whatever follows.
    #[test]
    fn the_plain_prefix_ends_at_each_special_byte_and_no_other() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut bytes = [filler; 21];
                    bytes[at] = byte;
                    let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(plain_prefix(&bytes), if special { at } else { 21 }, "{byte:#x} at {at} in {filler:#x}");
                    bytes[at + 1] = b'"';
                    assert_eq!(plain_prefix(&bytes), if special { at } else { at + 1 });
                }
            }
        }
    }
}
