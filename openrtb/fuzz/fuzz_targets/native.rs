//! Any text as a native request and as a native ad: what is read and written reads back as it was, and a native request
//! inside a bid request is read as it is read alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openrtb::{Decoder, NativeRequest, WireObject, encode};

fuzz_target!(|text: &str| {
    let (mut decoder, mut again, mut outer) = (Decoder::default(), Decoder::default(), Decoder::default());
    if let Ok(ad) = decoder.decode_native_response(text) {
        let mut out = Vec::new();
        ad.write_json(&mut out);
        assert_eq!(again.decode_native_response(str::from_utf8(&out).unwrap()).unwrap(), ad);
    }
    let mut body = br#"{"imp":[{"native":{"request":"#.to_vec();
    encode::write_string(&mut body, text);
    body.extend_from_slice(b"}}]}");
    let request = outer.decode_whole_request(&body).unwrap();
    match (decoder.decode_native_request(text), request.imp[0].native.unwrap().request) {
        (Ok(alone), NativeRequest::Asked { json, request }) => {
            assert_eq!((json, *request), (text, alone));
            let mut out = Vec::new();
            alone.write_json(&mut out);
            assert_eq!(again.decode_native_request(str::from_utf8(&out).unwrap()).unwrap(), alone);
        }
        (Err(error), NativeRequest::Unreadable { json, path, .. }) => {
            assert_eq!((json, path), (text, error.path.as_str()))
        }
        (Err(_), NativeRequest::Absent) => assert!(text.trim().is_empty()),
        (alone, inside) => panic!("{alone:?} alone, {inside:?} inside"),
    }
});
