//! Dynamic Native Ads 1.2: what `imp.native.request` asks for and what `bid.adm` answers.
//!
//! The root is the object itself; the wrapper of 1.0, `{"native":{…}}`, is taken off.

use crate::fault::Fault;
use crate::read::{Element, Member, Reader};
use crate::scan::ScanError;

pub mod request;
pub mod response;

pub use request::Request;
pub use response::Response;

/// `imp.native.request`: JSON in a string by the text, an object by practice (OpenRTB 2.6 §3.2.9). What is in it is read
/// with the bid request; what cannot be read does not sink that, and is [`crate::validate_request`]'s to refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum NativeRequest<'a> {
    /// Nothing, or a blank string.
    #[default]
    Absent,
    /// A native request.
    Asked {
        /// Its JSON, unescaped. Of an object: its bytes if the whole body is kept, otherwise empty.
        json: &'a str,
        /// What it asks for.
        request: &'a Request<'a>,
    },
    /// Something that is no native request.
    Unreadable {
        /// As [`NativeRequest::Asked`].
        json: &'a str,
        /// The value at fault, from the root of the native request; empty if that is no JSON object.
        path: &'a str,
        /// What is wrong.
        message: &'a str,
    },
}

impl<'a> NativeRequest<'a> {
    /// What is asked for, if it could be read.
    #[must_use]
    pub fn request(&self) -> Option<&'a Request<'a>> {
        match self {
            Self::Asked { request, .. } => Some(request),
            Self::Absent | Self::Unreadable { .. } => None,
        }
    }
}

impl<'a> Member<'a> for NativeRequest<'a> {
    fn read_member<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault> {
        if reader.peek_object().is_some() {
            let json = if KEEP { reader.raw_value() } else { "" };
            let read = reader.aside(|reader| read_root::<Request<'a>, KEEP>(reader));
            *self = told(json, read, reader);
            return Ok(());
        }
        let json = reader.text()?;
        *self = match json.trim() {
            "" => Self::Absent,
            _ => match reader.embedded(json, read_root::<Request<'a>, KEEP>) {
                Ok(read) => told(json, read, reader),
                Err(error) => not_json(json, &error, reader),
            },
        };
        Ok(())
    }
}

fn told<'a, const KEEP: bool>(
    json: &'a str,
    read: Result<&'a Request<'a>, Fault>,
    reader: &Reader<'_, 'a, KEEP>,
) -> NativeRequest<'a> {
    match read {
        Ok(request) => NativeRequest::Asked { json, request },
        Err(fault) => {
            let error = fault.into_error();
            let (path, message) = (reader.arena.text(&error.path), reader.arena.text(&error.message));
            NativeRequest::Unreadable { json, path, message }
        }
    }
}

#[cold]
fn not_json<'a, const KEEP: bool>(
    json: &'a str,
    error: &ScanError,
    reader: &Reader<'_, 'a, KEEP>,
) -> NativeRequest<'a> {
    NativeRequest::Unreadable { json, path: "", message: reader.arena.text(&error.to_string()) }
}

/// Reads an object, or the one object in its wrapper of 1.0.
pub(crate) fn read_root<'a, T: Element<'a>, const KEEP: bool>(
    reader: &mut Reader<'_, 'a, KEEP>,
) -> Result<&'a T, Fault> {
    reader.enter_wrapper("native");
    let object = reader.arena.object::<T>();
    object.read_element(reader)?;
    Ok(object)
}
