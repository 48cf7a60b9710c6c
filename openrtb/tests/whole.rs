//! The whole of a body: what is no field is kept byte for byte, what is written reads back as it was, and both readers
//! see the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use openrtb::{BidRequest, DecodeCode, Decoder, Limits, NativeRequest, WireObject};
use proptest::prelude::*;

fn written(request: &BidRequest<'_>) -> String {
    let mut out = Vec::new();
    request.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

fn rewritten(source: &str) -> String {
    written(&Decoder::default().decode_whole_request(source.as_bytes()).expect(source))
}

#[test]
fn what_is_no_field_is_kept_byte_for_byte() {
    let ext = r#"{ "big":123456789012345678901234567890, "n":[1.00,1e3,-0,0.10E-2], "s":"\u0041\/\ud83d\ude00é", "a":1,"a":2 ,"":null}"#;
    let source = format!(
        r#"{{"x" : [ 1.0 ,{{}}],"id":"1","imp":[{{"ext":{ext},"\u0061b\"":"\"","id":"i","y":null}}],"ext":{ext},"z":"", "x":2}}"#
    );
    let mut decoder = Decoder::default();
    let request = decoder.decode_whole_request(source.as_bytes()).unwrap();
    let rest = request.rest.unwrap();
    assert_eq!(rest.ext, Some(ext));
    let unknown: Vec<_> = rest.unknown.iter().map(|member| (member.key, member.value)).collect();
    assert_eq!(unknown, [("x", "[ 1.0 ,{}]"), ("z", "\"\""), ("x", "2")]);
    let rest = request.imp[0].rest.unwrap();
    assert_eq!(rest.ext, Some(ext));
    let unknown: Vec<_> = rest.unknown.iter().map(|member| (member.key, member.value)).collect();
    assert_eq!(unknown, [(r#"\u0061b\""#, r#""\"""#), ("y", "null")]);
    let expected = format!(
        r#"{{"id":"1","imp":[{{"id":"i","\u0061b\"":"\"","y":null,"ext":{ext}}}],"x":[ 1.0 ,{{}}],"z":"","x":2,"ext":{ext}}}"#
    );
    assert_eq!(written(&request), expected);
    assert_eq!(rewritten(&expected), expected);
}

#[test]
fn an_ext_with_a_table_is_read_and_still_kept_as_sent() {
    let source = r#"{"id":"1","user":{"ext":{"consent" : "CO","eids":[{"source":"a","uids":[{"id":7}]}],"other":[1.0]}},"source":{"ext":{"schain":{"complete":1,"nodes":[{"asi":"a","sid":1}],"ver":1.0}}},"regs":{"ext":{"gdpr":"1","us_privacy":"1---","gpc":"1"}}}"#;
    let mut decoder = Decoder::default();
    let request = decoder.decode_whole_request(source.as_bytes()).unwrap();
    let (user, regs) = (request.user.unwrap(), request.regs.unwrap());
    assert_eq!(user.consent_string(), Some("CO"));
    assert_eq!(user.extended_ids()[0].uids[0].id.unwrap(), "7");
    assert_eq!((regs.gdpr_applies(), regs.us_privacy_string()), (Some(1), Some("1---")));
    assert_eq!(regs.ext.unwrap().gpc, Some(1));
    let chain = request.supply_chain().unwrap();
    assert_eq!((chain.complete, chain.ver.unwrap().as_str(), chain.nodes.len()), (Some(1), "1", 1));
    assert_eq!(written(&request), source);
    // The fields alone, with the typed members of `ext` in their canonical form.
    let mut out = Vec::new();
    request.regs.unwrap().write_fields(&mut out);
    assert_eq!(str::from_utf8(&out).unwrap(), r#"{"ext":{"gdpr":1,"us_privacy":"1---","gpc":1}}"#);
}

#[test]
fn the_chain_of_2_4_is_found_in_ext_of_the_request() {
    let mut body = br#"{"id":"1","ext":{"schain":{"complete":0,"nodes":[],"ver":"1.0"}},"source":{"ext":[]}}"#.to_vec();
    let mut decoder = Decoder::default();
    assert_eq!(decoder.decode_request(&mut body).unwrap().supply_chain().unwrap().complete, Some(0));
}

#[test]
fn an_ext_that_is_no_object_passes_unchanged() {
    for ext in ["[]", "[1]", "\"x\"", "7.0", "true", "{}"] {
        let source = format!(r#"{{"id":"1","user":{{"ext":{ext}}},"ext":{ext}}}"#);
        assert_eq!(rewritten(&source), source);
        Decoder::default().decode_request(&mut source.into_bytes()).unwrap();
    }
    assert_eq!(rewritten(r#"{"id":"1","ext":null}"#), r#"{"id":"1"}"#);
}

#[test]
fn scalars_are_written_in_the_type_of_their_field() {
    let source = r#"{"id":5,"tmax":"120","test":false,"at":1.0,"cur":"CNY","bcat":[7,null,"a"],"imp":[{"id":1.50,"bidfloor":"0.1000","dt":1.7e12,"qty":{"multiplier":1e-1}}],"device":{"pxratio":"2","geo":{"lat":-0.0,"lon":1e300}},"wseat":[],"site":[],"app":null}"#;
    let expected = r#"{"id":"5","imp":[{"id":"1.5","bidfloor":0.1,"qty":{"multiplier":0.1},"dt":1700000000000.0}],"device":{"geo":{"lat":-0.0,"lon":1e300},"pxratio":2.0},"test":0,"at":1,"tmax":120,"cur":["CNY"],"bcat":["7","a"]}"#;
    assert_eq!(rewritten(source), expected);
    assert_eq!(rewritten(expected), expected);
}

#[test]
fn native_requests_are_read_in_every_form() {
    let inner = r#"{"ver":"1.2","x":1.0,"assets":[{"id":"1","title":{"len":25}}]}"#;
    let string = serde_json::to_string(inner).unwrap();
    let wrapped = serde_json::to_string(&format!(r#"{{"native":{inner}}}"#)).unwrap();
    for request in [string.as_str(), inner, wrapped.as_str(), &format!(r#"{{"native":{inner}}}"#)] {
        let source = format!(r#"{{"imp":[{{"native":{{"request":{request}}}}}]}}"#);
        let mut fast = Decoder::default();
        let mut bytes = source.clone().into_bytes();
        let native = fast.decode_request(&mut bytes).unwrap().imp[0].native.unwrap().request;
        assert_eq!(native.request().unwrap().assets[0].title.unwrap().len, Some(25), "{source}");
        let mut whole = Decoder::default();
        let decoded = whole.decode_whole_request(source.as_bytes()).unwrap();
        let native = decoded.imp[0].native.unwrap().request;
        assert_eq!(native.request().unwrap().rest.unwrap().unknown[0].value, "1.0");
        let again = rewritten(&source);
        assert_eq!(Decoder::default().decode_whole_request(again.as_bytes()).unwrap(), decoded, "{source}");
    }
    for (request, path) in [
        ("\"{json}\"", ""),
        ("\"[]\"", ""),
        ("\"5\"", ""),
        (r#""{\"assets\":[{\"id\":{}}]}""#, "assets[0].id"),
        (r#"{"assets":[{},{"title":7}]}"#, "assets[1].title"),
        (r#"{"assets":[null],"x":{"y":[1]}}"#, "assets[0]"),
    ] {
        let source = format!(r#"{{"imp":[{{"native":{{"request":{request},"ver":"1"}},"tagid":"t"}}]}}"#);
        for whole in [false, true] {
            let (mut decoder, mut bytes) = (Decoder::default(), source.clone().into_bytes());
            let decoded =
                if whole { decoder.decode_whole_request(&bytes) } else { decoder.decode_request(&mut bytes) }.unwrap();
            let native = decoded.imp[0].native.unwrap();
            let NativeRequest::Unreadable { path: found, message, .. } = native.request else { panic!("{source}") };
            assert_eq!((found, message.is_empty()), (path, false), "{source}");
            assert_eq!((native.ver.unwrap().as_str(), decoded.imp[0].tagid.unwrap().as_str()), ("1", "t"));
        }
    }
    for nothing in ["\"\"", "\" \"", "null"] {
        let mut body = format!(r#"{{"imp":[{{"native":{{"request":{nothing}}}}}]}}"#).into_bytes();
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode_request(&mut body).unwrap().imp[0].native.unwrap().request, NativeRequest::Absent);
    }
}

#[test]
fn native_ads_are_read_with_what_is_beside() {
    let json = r#"{"native":{"link":{"url":"u","x":[]},"assets":[{"id":1,"data":{"value":5}}],"eventtrackers":[{"event":1,"method":1,"customdata":{ "a":1.0}}]}}"#;
    let mut decoder = Decoder::default();
    let native = decoder.decode_native_response(json).unwrap();
    assert_eq!(native.link.unwrap().rest.unwrap().unknown[0].value, "[]");
    assert_eq!(native.eventtrackers[0].customdata.unwrap().as_str(), r#"{ "a":1.0}"#);
    assert_eq!(native.assets[0].data.unwrap().value.unwrap(), "5");
    assert_eq!(decoder.decode_native_response("{json}").unwrap_err().code, DecodeCode::Malformed);
    assert_eq!(decoder.decode_native_request(r#"{"assets":5}"#).unwrap_err().path, "assets");
}

/// The error's code and path from both readers; what is no JSON may be called too deep by one and malformed by the other.
fn outcome<T>(result: Result<T, openrtb::DecodeError>) -> Result<T, (bool, String)> {
    let broken = |code| matches!(code, DecodeCode::Malformed | DecodeCode::TooDeep);
    result.map_err(|error| (broken(error.code), if broken(error.code) { String::new() } else { format!("{error}") }))
}

/// Both readers on one body: they accept the same and see the same fields, and what is kept survives writing.
fn check(source: &[u8], limits: Limits) {
    let (mut fast, mut whole) = (Decoder::new(limits), Decoder::new(limits));
    let mut bytes = source.to_vec();
    let shown = String::from_utf8_lossy(source);
    let (one, other) = (outcome(fast.decode_request(&mut bytes)), outcome(whole.decode_whole_request(source)));
    match (one, other) {
        (Ok(one), Ok(other)) => {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            one.write_fields(&mut left);
            other.write_fields(&mut right);
            assert_eq!(String::from_utf8_lossy(&left), String::from_utf8_lossy(&right), "{shown}");
            let out = written(&other);
            let mut again = Decoder::new(Limits { body_bytes: usize::MAX, ..limits });
            assert_eq!(again.decode_whole_request(out.as_bytes()).expect(&out), other, "{shown}");
        }
        (one, other) => assert_eq!(one.err(), other.err(), "{shown}"),
    }
    let (mut fast, mut bytes) = (Decoder::new(limits), source.to_vec());
    match (outcome(fast.decode_response(&mut bytes)), outcome(whole.decode_whole_response(source))) {
        (Ok(one), Ok(other)) => {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            one.write_fields(&mut left);
            other.write_fields(&mut right);
            assert_eq!(left, right, "{shown}");
        }
        (one, other) => assert_eq!(one.err(), other.err(), "{shown}"),
    }
}

#[test]
fn both_readers_hold_the_same_limits() {
    let limits = Limits {
        body_bytes: 60,
        depth: 4,
        imps: 2,
        deals: 1,
        list_items: 3,
        id_bytes: 4,
        text_bytes: 6,
        ..Limits::default()
    };
    for body in [
        r#"{"imp":[{},{}]}"#,
        r#"{"imp":[{},{},{}]}"#,
        r#"{"imp":[{"pmp":{"deals":[{}]}}]}"#,
        r#"{"imp":[{"pmp":{"deals":[{},{}]}}]}"#,
        r#"{"cur":["a","b","c"]}"#,
        r#"{"cur":["a","b","c","d"]}"#,
        r#"{"id":"1234"}"#,
        r#"{"id":"12345"}"#,
        r#"{"id":12345}"#,
        r#"{"site":{"page":"123456"}}"#,
        r#"{"site":{"page":"1234567"}}"#,
        r#"{"site":{"page":"\u0041\u0041\u0041\u0041\u0041\u0041"}}"#,
        r#"{"x":[[[1]]]}"#,
        r#"{"x":[[[[1]]]]}"#,
        r#"{"x":[[[[]]]]}"#,
        r#"{"x":"                                                   "}"#,
        r#"{"x":"                                                    "}"#,
        r#"{"x":"                                                     "}"#,
        r#"{"imp":[{"native":{"request":"[[1]]"}}]}"#,
        r#"{"imp":[{"id":"1","native":{"request":"{}"}}]}"#,
    ] {
        check(body.as_bytes(), limits);
        check(body.as_bytes(), Limits { body_bytes: 1000, ..limits });
    }
}

/// Values of any kind, in forms that readers might take differently.
fn any_value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        "-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?",
        r#""([ -!#-\[\]-~é价]|\\[nt"/\\]|\\u00[0-7][0-9a-f]|\\ud83d\\ude00){0,9}""#,
        r#""-?[0-9]{1,3}(\.[0-9]{1,2})?""#,
    ];
    scalar.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|elements| format!("[{}]", elements.join(", "))),
            proptest::collection::vec((key(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "id", "imp", "banner", "w", "format", "video", "native", "request", "assets", "pmp", "deals", "bidfloor",
            "ext", "cur", "user", "eids", "uids", "consent", "site", "content", "data", "geo", "lat", "seatbid", "bid",
            "price", "schain", "nodes", "source", "tmax", "i\\u0064",
        ])
        .prop_map(str::to_owned),
        "[a-c]{1,2}",
    ]
}

static FULL: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("cases/full_request.json")).unwrap());

/// For each value inside `value`: a body with that one alone, replaced by `odd`, in the objects and lists around it.
fn each_alone(value: &serde_json::Value, odd: &str, around: &dyn Fn(&str) -> String, check: &mut dyn FnMut(&str)) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                let around = |inner: &str| around(&format!("{{\"{key}\":{inner}}}"));
                check(&around(odd));
                each_alone(member, odd, &around, check);
            }
        }
        serde_json::Value::Array(elements) => {
            for element in elements {
                let around = |inner: &str| around(&format!("[{inner}]"));
                check(&around(odd));
                each_alone(element, odd, &around, check);
            }
        }
        _ => {}
    }
}

#[test]
fn both_readers_agree_on_every_value_of_every_field() {
    let (mut fast, mut whole) = (Decoder::default(), Decoder::default());
    let mut checked = 0;
    let odd = [
        "null",
        "[]",
        "{}",
        "\"3\"",
        "3",
        "3.0",
        "3.5",
        "true",
        "\"x\"",
        "[1,\"2\",null]",
        "[{}]",
        "99999999999",
        "-1e-7",
        "\"\"",
    ];
    for value in odd {
        each_alone(&FULL, value, &str::to_owned, &mut |body| {
            let mut bytes = body.as_bytes().to_vec();
            checked += 1;
            match (fast.decode_request(&mut bytes), whole.decode_whole_request(body.as_bytes())) {
                (Ok(one), Ok(other)) => assert_eq!(without_rest(&one), without_rest(&other), "{body}"),
                (one, other) => assert_eq!(one.err(), other.err(), "{body}"),
            }
        });
    }
    assert!(checked > 7_000, "{checked}");
}

fn without_rest(request: &BidRequest<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    request.write_fields(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_on_any_document(body in any_value()) {
        check(body.as_bytes(), Limits::default());
        check(format!(r#"{{"id":"1","imp":[{{"id":"1","ext":{body},"x":{body}}}],"ext":{body}}}"#).as_bytes(), Limits::default());
        check(format!(r#"{{"imp":[{{"native":{{"request":{body}}}}}]}}"#).as_bytes(), Limits::default());
        let quoted = serde_json::to_string(&body).unwrap();
        check(format!(r#"{{"imp":[{{"native":{{"request":{quoted}}}}}]}}"#).as_bytes(), Limits::default());
    }

    #[test]
    fn both_readers_agree_on_broken_documents(body in any_value(), at in any::<prop::sample::Index>(), with in proptest::option::of(any::<u8>())) {
        let mut bytes = body.into_bytes();
        let at = at.index(bytes.len());
        match with {
            Some(byte) => bytes[at] = byte,
            None => drop(bytes.remove(at)),
        }
        check(&bytes, Limits { depth: 6, ..Limits::default() });
    }

    /// What surrounds a known field is kept as it is, whatever it is.
    #[test]
    fn any_ext_is_kept_byte_for_byte(ext in any_value().prop_filter("null is absence", |ext| ext != "null")) {
        let source = format!(r#"{{"id":"1","imp":[{{"id":"1","x":{ext},"ext":{ext}}}]}}"#);
        let mut decoder = Decoder::default();
        let request = decoder.decode_whole_request(source.as_bytes()).unwrap();
        prop_assert_eq!(request.imp[0].rest.unwrap().ext, Some(ext.as_str()));
        prop_assert_eq!(written(&request), source);
    }
}
