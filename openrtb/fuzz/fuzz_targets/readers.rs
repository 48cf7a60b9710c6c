//! Any bytes as a request and as a response: both readers accept the same, see the same fields and break the same rule,
//! and what was kept survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openrtb::{DecodeCode, DecodeError, Decoder, Limits, WireObject, validate_request};

/// One reader may call too deep what the other calls malformed; of neither is the place the same.
fn told(error: &DecodeError) -> (bool, String) {
    match error.code {
        DecodeCode::Malformed | DecodeCode::TooDeep => (true, String::new()),
        _ => (false, error.to_string()),
    }
}

fn fields(object: &impl WireObject) -> Vec<u8> {
    let mut out = Vec::new();
    object.write_fields(&mut out);
    out
}

fn whole(object: &impl WireObject) -> Vec<u8> {
    let mut out = Vec::new();
    object.write_json(&mut out);
    out
}

fuzz_target!(|body: &[u8]| {
    let limits =
        Limits { depth: 12, imps: 3, deals: 3, list_items: 8, id_bytes: 16, text_bytes: 4096, ..Limits::default() };
    // Written out, escapes and numbers may be longer than they came.
    let written = Limits { body_bytes: usize::MAX, ..limits };
    let (mut fast, mut own, mut again) = (Decoder::new(limits), Decoder::new(limits), Decoder::new(written));
    let mut bytes = body.to_vec();
    match (fast.decode_request(&mut bytes), own.decode_whole_request(body)) {
        (Ok(one), Ok(other)) => {
            assert_eq!(fields(&one), fields(&other));
            assert_eq!(validate_request(&one), validate_request(&other));
            assert_eq!(again.decode_whole_request(&whole(&other)).unwrap(), other);
        }
        (one, other) => assert_eq!(one.err().as_ref().map(told), other.err().as_ref().map(told)),
    }
    let mut bytes = body.to_vec();
    match (fast.decode_response(&mut bytes), own.decode_whole_response(body)) {
        (Ok(one), Ok(other)) => {
            assert_eq!(fields(&one), fields(&other));
            assert_eq!(again.decode_whole_response(&whole(&other)).unwrap(), other);
        }
        (one, other) => assert_eq!(one.err().as_ref().map(told), other.err().as_ref().map(told)),
    }
});
