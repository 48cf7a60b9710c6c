//! One pass over an object: each member is copied, looked into or left out as its key says, and no byte is read twice.

use std::ops::Range;

use crate::allow::{Allow, copy_object};
use crate::scan::{Cursor, ScanError, ScanErrorKind, error};

/// The members of an object, one after the other, in source order.
///
/// Every byte is held to JSON's grammar, whatever becomes of it. A key that is written with escapes is refused, since a decoder might
/// read it as a listed name; that a name stands twice is for the caller to notice.
#[derive(Debug)]
pub struct Members<'s> {
    cursor: Cursor<'s>,
    state: State,
    /// Where the last key begins.
    key: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotEntered,
    /// In front of the value of the last key.
    AtValue,
    Behind,
    Over,
}

impl<'s> Members<'s> {
    /// The members of the object that fills `source`, give or take white space.
    #[must_use]
    pub fn new(source: &'s [u8]) -> Self {
        Self { cursor: Cursor::new(source, &(0..source.len())), state: State::NotEntered, key: 0 }
    }

    /// The next key; `None` behind the last. A value that was not taken is skipped.
    ///
    /// # Errors
    /// [`ScanError`] if the bytes are not one JSON object, or a key is written with escapes. Nothing follows an error.
    pub fn key(&mut self) -> Result<Option<&'s [u8]>, ScanError> {
        let state = std::mem::replace(&mut self.state, State::Over);
        let more = match state {
            State::Over => return Ok(None),
            State::NotEntered => self.cursor.enter(b'{', b'}')?,
            State::AtValue => {
                self.cursor.skip_value(1)?;
                self.cursor.more(b'}')?
            }
            State::Behind => self.cursor.more(b'}')?,
        };
        if !more {
            self.cursor.expect_end()?;
            return Ok(None);
        }
        let (key, escaped) = self.cursor.key()?;
        if escaped {
            return Err(error(ScanErrorKind::EscapedKey, key.start));
        }
        self.state = State::AtValue;
        self.key = key.start;
        Ok(self.cursor.bytes.get(key))
    }

    /// What to refuse the object with when the last key has been seen before.
    #[must_use]
    pub fn duplicate(&self) -> ScanError {
        error(ScanErrorKind::DuplicateKey, self.key)
    }

    /// Takes the value as a range of the source; empty when it was taken before.
    ///
    /// # Errors
    /// [`ScanError`] if it is not JSON.
    pub fn range(&mut self) -> Result<Range<usize>, ScanError> {
        let start = self.cursor.at;
        self.take(|cursor| cursor.skip_value(1))?;
        Ok(start..self.cursor.at)
    }

    /// Takes the value: appends its allowed members if it is an object, and tells whether it is one.
    ///
    /// # Errors
    /// As [`copy_allowed`](crate::copy_allowed); what was appended then means nothing.
    pub fn copy(&mut self, allow: &Allow, out: &mut Vec<u8>) -> Result<bool, ScanError> {
        let object = self.state == State::AtValue && self.cursor.peek() == Some(b'{');
        self.take(|cursor| if object { copy_object(cursor, allow, out, 1) } else { cursor.skip_value(1) })?;
        Ok(object)
    }

    /// Takes the value: of an array, appends the allowed members of each object that `wanted` asks for by its place. `copied` is told the
    /// place, the object's range of the source, and where in `out` its copy begins; it may go on writing.
    ///
    /// # Errors
    /// As [`copy_allowed`](crate::copy_allowed), and those of `copied`; what was appended then means nothing.
    pub fn copy_each(
        &mut self,
        allow: &Allow,
        out: &mut Vec<u8>,
        wanted: impl Fn(usize) -> bool,
        mut copied: impl FnMut(usize, Range<usize>, &mut Vec<u8>, usize) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.take(|cursor| {
            if cursor.peek() != Some(b'[') {
                return cursor.skip_value(1);
            }
            let mut more = cursor.enter(b'[', b']')?;
            let mut place = 0;
            while more {
                cursor.white_space();
                if cursor.peek() == Some(b'{') && wanted(place) {
                    let (from, start) = (cursor.at, out.len());
                    copy_object(cursor, allow, out, 2)?;
                    copied(place, from..cursor.at, out, start)?;
                } else {
                    cursor.skip_value(2)?;
                }
                place += 1;
                more = cursor.more(b']')?;
            }
            Ok(())
        })
    }

    fn take(&mut self, value: impl FnOnce(&mut Cursor<'s>) -> Result<(), ScanError>) -> Result<(), ScanError> {
        if self.state != State::AtValue {
            return Ok(());
        }
        // An error ends the walk.
        self.state = State::Over;
        value(&mut self.cursor)?;
        self.state = State::Behind;
        Ok(())
    }
}
