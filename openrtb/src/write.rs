//! Writing wire objects: fields in the order of their table, then unknown members in source order, then `ext`.
//!
//! What is absent is not written, and neither is an empty list or a required string that is empty: they are one. Scalars
//! are written in the type of their field, whatever form they came in.

use crate::encode::{ArrayWriter, ObjectWriter, write_f64, write_i64, write_millionths, write_string};
use crate::native::NativeRequest;
use crate::number::{Millionths, WirePrice};
use crate::read::RawJson;
use crate::rest::Rest;
use crate::text::Text;

/// A field of an object.
pub(crate) trait WriteMember {
    fn is_absent(&self) -> bool;
    fn write(&self, out: &mut Vec<u8>, whole: bool);
}

/// A value that is there.
pub(crate) trait WriteValue {
    fn write_value(&self, out: &mut Vec<u8>, whole: bool);
}

impl<T: WriteValue> WriteMember for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn write(&self, out: &mut Vec<u8>, whole: bool) {
        if let Some(value) = self {
            value.write_value(out, whole);
        }
    }
}

impl<T: WriteValue> WriteMember for &[T] {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>, whole: bool) {
        let mut array = ArrayWriter::new(out);
        for element in *self {
            element.write_value(array.value(), whole);
        }
        array.finish();
    }
}

impl WriteMember for Text<'_> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>, _: bool) {
        write_string(out, self);
    }
}

impl WriteMember for NativeRequest<'_> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Always a string, as the text has it.
    fn write(&self, out: &mut Vec<u8>, whole: bool) {
        match self {
            Self::Asked { json, .. } if whole && !json.is_empty() => write_string(out, json),
            Self::Asked { request, .. } => {
                let mut json = Vec::new();
                request.write_value(&mut json, whole);
                write_string(out, &String::from_utf8_lossy(&json));
            }
            Self::Unreadable { json, .. } => write_string(out, if whole { json } else { "" }),
            Self::Absent => out.extend_from_slice(b"null"),
        }
    }
}

impl<T: WriteValue> WriteValue for &T {
    fn write_value(&self, out: &mut Vec<u8>, whole: bool) {
        (*self).write_value(out, whole);
    }
}

impl WriteValue for i32 {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        write_i64(out, (*self).into());
    }
}

impl WriteValue for f64 {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        write_f64(out, *self);
    }
}

impl WriteValue for WirePrice {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        write_millionths(out, self.0);
    }
}

impl WriteValue for Millionths {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        write_millionths(out, self.0);
    }
}

impl WriteValue for &str {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        write_string(out, self);
    }
}

impl WriteValue for Text<'_> {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        write_string(out, self);
    }
}

impl WriteValue for RawJson<'_> {
    fn write_value(&self, out: &mut Vec<u8>, _: bool) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
}

/// Writes a field unless it is absent.
pub(crate) fn write_field<T: WriteMember>(object: &mut ObjectWriter<'_>, key: &'static str, field: &T, whole: bool) {
    if !field.is_absent() {
        field.write(object.value(key), whole);
    }
}

/// Writes what was kept beside the fields; tells whether `ext` was among it.
pub(crate) fn write_rest(object: &mut ObjectWriter<'_>, rest: Option<&Rest<'_>>) -> bool {
    let Some(rest) = rest else { return false };
    for member in rest.unknown {
        object.raw_member(member.key, member.value);
    }
    if let Some(ext) = rest.ext {
        object.raw_member("ext", ext);
    }
    rest.ext.is_some()
}
