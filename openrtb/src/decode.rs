//! From a body to a borrowed request or response, within limits.

use std::borrow::Cow;
use std::fmt;

use simd_json::{Buffers, ErrorType, Tape};

use crate::arena::Arena;
use crate::fault::Fault;
use crate::native;
use crate::read::{Element, Nodes, Reader};
use crate::request::BidRequest;
use crate::response::BidResponse;
use crate::scan::{ScanError, ScanErrorKind};
use crate::tape::OwnTape;

/// What a body may cost. Sizes are in bytes of the decoded string or of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the body.
    pub body_bytes: usize,
    /// Objects and arrays inside one another, the outermost counted.
    pub depth: usize,
    /// `imp`.
    pub imps: usize,
    /// `pmp.deals` of an impression.
    pub deals: usize,
    /// `banner.format`, and `companionad` of a video or audio.
    pub formats: usize,
    /// `seatbid`.
    pub seatbids: usize,
    /// Bids of a response, all seats together.
    pub bids: usize,
    /// Any other list.
    pub list_items: usize,
    /// Ids: of the request, impression, deal, response, bid and seat.
    pub id_bytes: usize,
    /// Any other string of a request.
    pub text_bytes: usize,
    /// Any other string of a response: markup is one.
    pub markup_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            depth: 64,
            imps: 64,
            deals: 256,
            formats: 128,
            seatbids: 64,
            bids: 256,
            list_items: 4096,
            id_bytes: 512,
            text_bytes: 64 << 10,
            markup_bytes: 512 << 10,
        }
    }
}

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeCode {
    /// [`Limits::body_bytes`].
    BodyTooLarge,
    /// [`Limits::depth`].
    TooDeep,
    /// Not JSON, or not UTF-8.
    Malformed,
    /// A value of a kind that its field cannot mean.
    WrongType,
    /// A number outside what its field can hold.
    OutOfRange,
    /// A known key twice in an object.
    Duplicate,
    /// A list longer than its limit.
    TooMany,
    /// A string longer than its limit.
    TooLong,
}

/// Why a body was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The kind.
    pub code: DecodeCode,
    /// For a person.
    pub message: Cow<'static, str>,
    /// The value at fault, such as `imp[3].pmp.deals`; empty if the body as a whole is.
    pub path: String,
    /// Byte offset in the body where the JSON breaks off, near enough; known for `Malformed` and `TooDeep` only.
    pub offset: Option<usize>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match self.offset {
            Some(offset) => write!(f, " (byte {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A body longer than this does not leave its buffers behind: a tape takes up to 24 times the body.
const KEEP_BUFFERS_BELOW: usize = 64 << 10;

/// Decodes body after body with the same buffers: once they have grown, decoding allocates nothing. One for each thread.
///
/// What is decoded borrows from the body and from an [`Arena`]: the decoder's own, which the next decoding uses again,
/// or one of the caller's, for what is kept while other bodies are decoded.
pub struct Decoder {
    engine: Engine,
    arena: Arena,
}

struct Engine {
    limits: Limits,
    buffers: Buffers,
    tape: Tape<'static>,
    /// For bodies that are kept whole.
    own: OwnTape<'static>,
    /// For JSON inside a string.
    inner: OwnTape<'static>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("limits", &self.engine.limits).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that holds bodies to `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let buffers = Buffers::with_max_depth(4096, limits.depth);
        let (own, inner) = (OwnTape::default(), OwnTape::default());
        Self { engine: Engine { limits, buffers, tape: Tape(Vec::new()), own, inner }, arena: Arena::new() }
    }

    /// Decodes a request. The body is rewritten in place (strings are unescaped) and borrowed by the result: whoever
    /// needs its bytes afterwards copies it first.
    ///
    /// # Errors
    /// [`DecodeError`] if the body is not JSON, exceeds a limit, or a field cannot be read. What the request must
    /// contain is [`crate::validate_request`]'s.
    pub fn decode_request<'a>(&'a mut self, body: &'a mut [u8]) -> Result<BidRequest<'a>, DecodeError> {
        self.arena.reset();
        self.engine.request(body, &self.arena)
    }

    /// Decodes a request into an arena of the caller's; as [`Decoder::decode_request`].
    ///
    /// # Errors
    /// As there.
    pub fn decode_request_in<'a>(
        &mut self,
        body: &'a mut [u8],
        arena: &'a Arena,
    ) -> Result<BidRequest<'a>, DecodeError> {
        self.engine.request(body, arena)
    }

    /// Decodes a request and keeps all of it: unknown members and `ext` as they stand in the body ([`crate::Rest`]). The
    /// body is left as it is. Takes a few times as long as [`Decoder::decode_request`] and accepts what that accepts.
    ///
    /// # Errors
    /// As there.
    pub fn decode_whole_request<'a>(&'a mut self, body: &'a [u8]) -> Result<BidRequest<'a>, DecodeError> {
        self.arena.reset();
        self.engine.whole_request(body, &self.arena)
    }

    /// Decodes a response and keeps all of it; as [`Decoder::decode_whole_request`].
    ///
    /// # Errors
    /// As there.
    pub fn decode_whole_response<'a>(&'a mut self, body: &'a [u8]) -> Result<BidResponse<'a>, DecodeError> {
        self.arena.reset();
        self.engine.whole_response(body, &self.arena)
    }

    /// Decodes a native request, such as the text of [`crate::NativeRequest`], and keeps all of it.
    ///
    /// # Errors
    /// As [`Decoder::decode_request`].
    pub fn decode_native_request<'a>(&'a mut self, json: &'a str) -> Result<native::Request<'a>, DecodeError> {
        self.arena.reset();
        let text_bytes = self.engine.limits.text_bytes;
        self.engine.whole(json.as_bytes(), text_bytes, &self.arena, |reader| native::read_root(reader).copied())
    }

    /// Decodes a native ad, such as the text of `bid.adm`, and keeps all of it.
    ///
    /// # Errors
    /// As [`Decoder::decode_request`].
    pub fn decode_native_response<'a>(&'a mut self, json: &'a str) -> Result<native::Response<'a>, DecodeError> {
        self.arena.reset();
        let text_bytes = self.engine.limits.markup_bytes;
        self.engine.whole(json.as_bytes(), text_bytes, &self.arena, |reader| native::read_root(reader).copied())
    }

    /// Decodes a response; as [`Decoder::decode_request`].
    ///
    /// # Errors
    /// As there.
    pub fn decode_response<'a>(&'a mut self, body: &'a mut [u8]) -> Result<BidResponse<'a>, DecodeError> {
        self.arena.reset();
        self.engine.response(body, &self.arena)
    }

    /// Decodes a response into an arena of the caller's; as [`Decoder::decode_request`].
    ///
    /// # Errors
    /// As there.
    pub fn decode_response_in<'a>(
        &mut self,
        body: &'a mut [u8],
        arena: &'a Arena,
    ) -> Result<BidResponse<'a>, DecodeError> {
        self.engine.response(body, arena)
    }
}

impl Engine {
    fn request<'a>(&mut self, body: &'a mut [u8], arena: &'a Arena) -> Result<BidRequest<'a>, DecodeError> {
        let request: BidRequest<'a> = self.decode(body, self.limits.text_bytes, arena)?;
        check_request_ids(&request, &self.limits).map_err(Fault::into_error)?;
        Ok(request)
    }

    fn response<'a>(&mut self, body: &'a mut [u8], arena: &'a Arena) -> Result<BidResponse<'a>, DecodeError> {
        let response: BidResponse<'a> = self.decode(body, self.limits.markup_bytes, arena)?;
        check_response(&response, &self.limits).map_err(Fault::into_error)?;
        Ok(response)
    }

    fn decode<'a, T: Element<'a>>(
        &mut self,
        body: &'a mut [u8],
        text_bytes: usize,
        arena: &'a Arena,
    ) -> Result<T, DecodeError> {
        let length = body.len();
        check_body(length, &self.limits)?;
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let mut inner = std::mem::take(&mut self.inner).reset();
        // The depth is counted while the tape is built, with a stack of its own size and no recursion: a body that is
        // too deep is left at that bracket, so no pass over it is needed beforehand.
        let result = match simd_json::fill_tape(body, &mut self.buffers, &mut tape) {
            Ok(()) => {
                let nodes = Nodes { nodes: &tape.0, spans: &[], body: "" };
                let mut reader = Reader::<false>::new(nodes, &self.limits, text_bytes, arena, Some(&mut inner));
                let mut object = T::default();
                object.read_element(&mut reader).map(|()| object).map_err(Fault::into_error)
            }
            Err(error) => Err(not_json(&error, self.limits.depth)),
        };
        if length <= KEEP_BUFFERS_BELOW {
            self.tape = tape.reset();
            self.inner = inner.reset();
        } else {
            self.buffers = Buffers::with_max_depth(4096, self.limits.depth);
        }
        result
    }

    fn whole_request<'a>(&mut self, body: &'a [u8], arena: &'a Arena) -> Result<BidRequest<'a>, DecodeError> {
        let request: BidRequest<'a> = self.whole(body, self.limits.text_bytes, arena, read_object)?;
        check_request_ids(&request, &self.limits).map_err(Fault::into_error)?;
        Ok(request)
    }

    fn whole_response<'a>(&mut self, body: &'a [u8], arena: &'a Arena) -> Result<BidResponse<'a>, DecodeError> {
        let response: BidResponse<'a> = self.whole(body, self.limits.markup_bytes, arena, read_object)?;
        check_response(&response, &self.limits).map_err(Fault::into_error)?;
        Ok(response)
    }

    fn whole<'a, T>(
        &mut self,
        body: &'a [u8],
        text_bytes: usize,
        arena: &'a Arena,
        read: impl FnOnce(&mut Reader<'_, 'a, true>) -> Result<T, Fault>,
    ) -> Result<T, DecodeError> {
        check_body(body.len(), &self.limits)?;
        let text = str::from_utf8(body).map_err(|error| {
            let offset = Some(error.valid_up_to());
            DecodeError { code: DecodeCode::Malformed, message: "not UTF-8".into(), path: String::new(), offset }
        })?;
        let mut own = std::mem::take(&mut self.own).reset();
        let mut inner = std::mem::take(&mut self.inner).reset();
        let result = match own.fill(text, self.limits.depth, arena) {
            Ok(()) => {
                let nodes = own.nodes(text);
                read(&mut Reader::new(nodes, &self.limits, text_bytes, arena, Some(&mut inner)))
                    .map_err(Fault::into_error)
            }
            Err(error) => Err(not_scanned(error, self.limits.depth)),
        };
        if body.len() <= KEEP_BUFFERS_BELOW {
            self.own = own.reset();
            self.inner = inner.reset();
        }
        result
    }
}

fn read_object<'a, T: Element<'a>>(reader: &mut Reader<'_, 'a, true>) -> Result<T, Fault> {
    let mut object = T::default();
    object.read_element(reader)?;
    Ok(object)
}

fn check_body(length: usize, limits: &Limits) -> Result<(), DecodeError> {
    if length <= limits.body_bytes {
        return Ok(());
    }
    let message = format!("{length} bytes, at most {} are accepted", limits.body_bytes);
    Err(Fault::new(DecodeCode::BodyTooLarge, message).into_error())
}

fn check_request_ids(request: &BidRequest<'_>, limits: &Limits) -> Result<(), Fault> {
    check_id("id", &request.id, limits)?;
    for (index, imp) in request.imp.iter().enumerate() {
        let in_imp = |fault: Fault| fault.in_element(index).in_member("imp");
        check_id("id", &imp.id, limits).map_err(in_imp)?;
        let deals = imp.pmp.iter().flat_map(|pmp| pmp.deals).enumerate();
        for (at, deal) in deals {
            check_id("id", &deal.id, limits)
                .map_err(|fault| in_imp(fault.in_element(at).in_member("deals").in_member("pmp")))?;
        }
    }
    Ok(())
}

fn check_response(response: &BidResponse<'_>, limits: &Limits) -> Result<(), Fault> {
    check_id("id", &response.id, limits)?;
    let bids: usize = response.seatbid.iter().map(|seatbid| seatbid.bid.len()).sum();
    if bids > limits.bids {
        let message = format!("{bids} bids, at most {} are accepted", limits.bids);
        return Err(Fault::new(DecodeCode::TooMany, message).in_member("seatbid"));
    }
    for (index, seatbid) in response.seatbid.iter().enumerate() {
        let in_seat = |fault: Fault| fault.in_element(index).in_member("seatbid");
        check_id("seat", seatbid.seat.as_deref().unwrap_or_default(), limits).map_err(in_seat)?;
        for (at, bid) in seatbid.bid.iter().enumerate() {
            let dealid = bid.dealid.as_deref().unwrap_or_default();
            check_id("id", &bid.id, limits)
                .and_then(|()| check_id("impid", &bid.impid, limits))
                .and_then(|()| check_id("dealid", dealid, limits))
                .map_err(|fault| in_seat(fault.in_element(at).in_member("bid")))?;
        }
    }
    Ok(())
}

fn check_id(name: &'static str, id: &str, limits: &Limits) -> Result<(), Fault> {
    if id.len() <= limits.id_bytes {
        return Ok(());
    }
    let message = format!("{} bytes, at most {} are accepted", id.len(), limits.id_bytes);
    Err(Fault::new(DecodeCode::TooLong, message).in_member(name))
}

#[cold]
fn not_json(error: &simd_json::Error, depth: usize) -> DecodeError {
    let (code, message) = match error.error() {
        ErrorType::DepthLimitExceeded => {
            (DecodeCode::TooDeep, format!("more than {depth} objects and arrays inside one another"))
        }
        ErrorType::InvalidUtf8 => (DecodeCode::Malformed, "not UTF-8".to_owned()),
        ErrorType::Eof => (DecodeCode::Malformed, "not JSON: the body is empty or ends early".to_owned()),
        other => (DecodeCode::Malformed, format!("not JSON: {other:?}")),
    };
    // simd-json says 0 where it does not know.
    let offset = Some(error.index()).filter(|index| *index > 0);
    DecodeError { code, message: message.into(), path: String::new(), offset }
}

#[cold]
fn not_scanned(error: ScanError, depth: usize) -> DecodeError {
    let (code, message) = match error.kind {
        ScanErrorKind::TooDeep => {
            (DecodeCode::TooDeep, format!("more than {depth} objects and arrays inside one another").into())
        }
        ScanErrorKind::EndsEarly => (DecodeCode::Malformed, "not JSON: the body is empty or ends early".into()),
        _ => (DecodeCode::Malformed, "not JSON".into()),
    };
    DecodeError { code, message, path: String::new(), offset: Some(error.offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_does_not_keep_its_memory() {
        let body = |elements: usize| format!(r#"{{"ext":[{}1]}}"#, "1,".repeat(elements)).into_bytes();
        let mut decoder = Decoder::default();
        decoder.decode_request(&mut body(1_000)).unwrap();
        let kept = decoder.engine.tape.0.capacity();
        assert!((1_000..10_000).contains(&kept), "an ordinary body's buffer is used again: {kept}");
        decoder.decode_request(&mut body(200_000)).unwrap();
        assert_eq!(decoder.engine.tape.0.capacity(), 0);
        assert!(decoder.engine.buffers.structural_indexes().is_empty());
    }
}
