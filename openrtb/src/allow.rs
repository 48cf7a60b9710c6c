//! The allow-list copier: what of an object may go further, byte for byte.

use std::ops::Range;

use crate::scan::{Cursor, MAX_DEPTH, ScanError, ScanErrorKind, error};

/// The members of an object that may be copied; at most 128.
#[derive(Debug)]
pub struct Allow {
    /// Key, as it stands in JSON, and what of its value is kept.
    pub fields: &'static [(&'static str, Keep)],
}

/// What is kept of a value.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// All of it, whatever it is.
    Whole,
    /// These members of an object; a value that is no object is dropped.
    Object(&'static Allow),
    /// These members of each object in an array; other elements are dropped, and so is a value that is no array.
    EachObject(&'static Allow),
}

/// Appends the object to `out` with the allowed members only: in source order, keys and values byte for byte, without
/// the white space around them. Every byte of the object is checked, dropped or not.
///
/// An object that the table enters must not hold a listed key twice (another reader might take the other one) nor any
/// key written with escapes (`"if\u0061"` is `ifa` to a decoder). What is kept whole is not looked into.
///
/// # Errors
/// [`ScanError`]; `out` is then as it was.
pub fn copy_allowed(src: &[u8], object: Range<usize>, allow: &Allow, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let before = out.len();
    let mut cursor = Cursor::new(src, &object);
    let result = copy_object(&mut cursor, allow, out, 0).and_then(|()| cursor.expect_end());
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// Recurses as deep as the table does, and no deeper than [`MAX_DEPTH`].
pub(crate) fn copy_object(
    cursor: &mut Cursor<'_>,
    allow: &Allow,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), ScanError> {
    if allow.fields.len() > 128 || depth >= MAX_DEPTH {
        return Err(error(ScanErrorKind::TableTooLarge, cursor.at));
    }
    out.push(b'{');
    let first = out.len();
    let mut seen = 0u128;
    let mut more = cursor.enter(b'{', b'}')?;
    while more {
        let (key, escaped) = cursor.key()?;
        if escaped {
            return Err(error(ScanErrorKind::EscapedKey, key.start));
        }
        let name = cursor.bytes.get(key.clone()).unwrap_or_default();
        // Most names differ in their first byte already, and comparing that is cheaper than comparing texts.
        let same = |field: &[u8]| field.first() == name.first() && field == name;
        let listed = allow.fields.iter().enumerate().find(|(_, (field, _))| same(field.as_bytes()));
        match listed {
            None => cursor.skip_value(depth + 1)?,
            Some((index, (_, keep))) => {
                if seen & 1 << index != 0 {
                    return Err(error(ScanErrorKind::DuplicateKey, key.start));
                }
                seen |= 1 << index;
                let before = out.len();
                if before > first {
                    out.push(b',');
                }
                out.push(b'"');
                out.extend_from_slice(name);
                out.extend_from_slice(b"\":");
                if !copy_value(cursor, *keep, out, depth + 1)? {
                    out.truncate(before);
                }
            }
        }
        more = cursor.more(b'}')?;
    }
    out.push(b'}');
    Ok(())
}

/// False if the value is not of the kind that is kept.
fn copy_value(cursor: &mut Cursor<'_>, keep: Keep, out: &mut Vec<u8>, depth: u32) -> Result<bool, ScanError> {
    match (keep, cursor.peek()) {
        (Keep::Whole, _) => {
            let start = cursor.at;
            cursor.skip_value(depth)?;
            out.extend_from_slice(cursor.bytes.get(start..cursor.at).unwrap_or_default());
        }
        (Keep::Object(allow), Some(b'{')) => copy_object(cursor, allow, out, depth)?,
        (Keep::EachObject(allow), Some(b'[')) => {
            out.push(b'[');
            let first = out.len();
            let mut more = cursor.enter(b'[', b']')?;
            while more {
                cursor.white_space();
                if cursor.peek() == Some(b'{') {
                    if out.len() > first {
                        out.push(b',');
                    }
                    copy_object(cursor, allow, out, depth + 1)?;
                } else {
                    cursor.skip_value(depth + 1)?;
                }
                more = cursor.more(b']')?;
            }
            out.push(b']');
        }
        _ => {
            cursor.skip_value(depth)?;
            return Ok(false);
        }
    }
    Ok(true)
}
