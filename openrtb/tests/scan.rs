//! The scanner and the copier against serde_json and simd-json.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ops::Range;

use openrtb::scan::{self, MAX_DEPTH};
use openrtb::{Allow, ArrayScan, Keep, ObjectScan, ScanErrorKind, copy_allowed};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// JSON values whose text is then written with random white space and escapes.
fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from)
    ];
    let scalar =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text().prop_map(Value::from)];
    scalar.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            object_of(inner).prop_map(Value::Object),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![r#"[{}\[\]":,\\/\n\t\u{0}é价a-c ]{0,12}"#, ".{0,20}"]
}

/// Keys without escapes, few enough that tables meet them.
fn object_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map("[abcd]|[ -!#-\\[\\]-~价]{0,6}", inner, 0..6)
        .prop_map(|members| members.into_iter().collect())
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    object_of(value())
}

/// Writes a value with white space as `spaces` says, and some strings in `\u` escapes.
fn write(value: &Value, spaces: &mut impl Iterator<Item = u8>, out: &mut String) {
    let mut space = |out: &mut String| match spaces.next().unwrap_or(0) % 8 {
        0 => out.push(' '),
        1 => out.push_str("\r\n\t"),
        _ => {}
    };
    space(out);
    match value {
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(element, spaces, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(&serde_json::to_string(key).unwrap());
                out.push_str(if index % 2 == 0 { ":" } else { " :\n" });
                write(member, spaces, out);
            }
            out.push(' ');
            out.push('}');
        }
        Value::String(text) if spaces.next().unwrap_or(0).is_multiple_of(4) => {
            out.push('"');
            for unit in text.encode_utf16() {
                out.push_str(&format!("\\u{unit:04X}"));
            }
            out.push('"');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn written(value: &Value, spaces: &[u8]) -> String {
    let mut out = String::new();
    write(value, &mut spaces.iter().copied().cycle(), &mut out);
    out
}

/// Every range, at every level, is exactly the value that serde_json has there.
fn check_ranges(source: &str, range: Range<usize>, expected: &Value) {
    let bytes = &source.as_bytes()[range.clone()];
    assert_eq!(&serde_json::from_slice::<Value>(bytes).unwrap(), expected);
    assert!(!bytes[0].is_ascii_whitespace() && !bytes[bytes.len() - 1].is_ascii_whitespace());
    match expected {
        Value::Object(members) => {
            let found: Vec<_> = ObjectScan::new(source.as_bytes(), range).map(Result::unwrap).collect();
            assert_eq!(found.len(), members.len());
            for (member, (key, value)) in found.iter().zip(members) {
                let quoted = &source[member.key.start - 1..member.key.end + 1];
                assert_eq!(&serde_json::from_str::<String>(quoted).unwrap(), key);
                assert_eq!(member.key_escaped, quoted.contains('\\'));
                check_ranges(source, member.value.clone(), value);
            }
        }
        Value::Array(elements) => {
            let found: Vec<_> = ArrayScan::new(source.as_bytes(), range).map(Result::unwrap).collect();
            assert_eq!(found.len(), elements.len());
            for (element, value) in found.into_iter().zip(elements) {
                check_ranges(source, element, value);
            }
        }
        _ => {}
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn table() -> impl Strategy<Value = &'static Allow> {
    let key = || prop_oneof!["[abcd]", "[a-d]{2}"];
    let build = |fields: std::collections::BTreeMap<String, Keep>| {
        let fields: Vec<_> = fields.into_iter().map(|(key, keep)| (leak(key).as_str(), keep)).collect();
        leak(Allow { fields: Vec::leak(fields) }) as &'static Allow
    };
    let leaf = proptest::collection::btree_map(key(), Just(Keep::Whole), 0..4).prop_map(build);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        let keep =
            prop_oneof![Just(Keep::Whole), inner.clone().prop_map(Keep::Object), inner.prop_map(Keep::EachObject)];
        proptest::collection::btree_map(key(), keep, 0..5).prop_map(build)
    })
}

/// What the copier must leave, said the other way round.
fn model(members: &Map<String, Value>, allow: &Allow) -> Value {
    let mut kept = Map::new();
    for (key, keep) in allow.fields {
        let value = match (keep, members.get(*key)) {
            (Keep::Whole, Some(value)) => value.clone(),
            (Keep::Object(inner), Some(Value::Object(object))) => model(object, inner),
            (Keep::EachObject(inner), Some(Value::Array(elements))) => {
                elements.iter().filter_map(Value::as_object).map(|object| model(object, inner)).collect()
            }
            _ => continue,
        };
        kept.insert((*key).to_owned(), value);
    }
    Value::Object(kept)
}

fn tape_keys(source: &str) -> Vec<String> {
    let mut bytes = source.as_bytes().to_vec();
    let tape = simd_json::to_tape(&mut bytes).unwrap();
    let mut at = 1;
    let mut keys = Vec::new();
    while let Some(simd_json::Node::String(key)) = tape.0.get(at) {
        keys.push((*key).to_owned());
        at += 1;
        at += match tape.0[at] {
            simd_json::Node::Object { count, .. } | simd_json::Node::Array { count, .. } => count + 1,
            _ => 1,
        };
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn ranges_are_the_values_of_serde_json(value in value(), spaces in proptest::collection::vec(any::<u8>(), 1..9)) {
        let source = written(&value, &spaces);
        let range = scan::root(source.as_bytes()).unwrap();
        let expected: Value = serde_json::from_str(&source).unwrap();
        check_ranges(&source, range, &expected);
    }

    /// On text with one byte changed, cut or doubled, the scanner accepts exactly what serde_json accepts.
    #[test]
    fn what_is_not_json_is_refused(value in value(), spaces in proptest::collection::vec(any::<u8>(), 1..9), at in any::<prop::sample::Index>(), with in "[{}\\[\\]\":,\\\\0-9eE.+a-fntu -]", kind in 0..3) {
        let source: Vec<char> = written(&value, &spaces).chars().collect();
        let at = at.index(source.len());
        let mut broken = source[..at].to_vec();
        match kind {
            0 => broken.extend(with.chars().chain(source[at + 1..].iter().copied())),
            1 => broken.extend(&source[at + 1..]),
            _ => broken.extend(with.chars().chain(source[at..].iter().copied())),
        }
        let broken: String = broken.into_iter().collect();
        // A lone surrogate escape and a number beyond f64 are grammar, and left to the decoder.
        let strict = serde_json::from_str::<Value>(&broken);
        let left_to_decoder = strict.as_ref().is_err_and(|error| {
            let text = error.to_string();
            text.contains("surrogate") || text.contains("hex escape") || text.contains("number out of range")
        });
        prop_assert!(left_to_decoder || scan::root(broken.as_bytes()).is_ok() == strict.is_ok(), "{}", broken);
    }

    #[test]
    fn the_copy_holds_exactly_what_is_allowed(members in object(), allow in table(), spaces in proptest::collection::vec(any::<u8>(), 1..9)) {
        let source = written(&Value::Object(members), &spaces);
        let Value::Object(members) = serde_json::from_str(&source).unwrap() else { unreachable!() };
        let mut out = b"before".to_vec();
        copy_allowed(source.as_bytes(), 0..source.len(), allow, &mut out).unwrap();
        let copy: Value = serde_json::from_slice(out.strip_prefix(b"before").unwrap()).unwrap();
        prop_assert_eq!(copy, model(&members, allow));
    }

    #[test]
    fn decoder_and_scanner_see_the_same_keys(members in object(), spaces in proptest::collection::vec(any::<u8>(), 1..9)) {
        let source = written(&Value::Object(members), &spaces);
        let scanned: Vec<String> = ObjectScan::new(source.as_bytes(), 0..source.len())
            .map(|member| source[member.unwrap().key].to_owned())
            .collect();
        prop_assert_eq!(&scanned, &tape_keys(&source));
        let distinct: BTreeSet<_> = scanned.iter().collect();
        prop_assert_eq!(distinct.len(), scanned.len());
    }
}

static GEO: Allow = Allow { fields: &[("country", Keep::Whole)] };
static DEVICE: Allow = Allow { fields: &[("os", Keep::Whole), ("geo", Keep::Object(&GEO))] };
static IMP: Allow = Allow { fields: &[("id", Keep::Whole)] };
static REQUEST: Allow =
    Allow { fields: &[("id", Keep::Whole), ("device", Keep::Object(&DEVICE)), ("imp", Keep::EachObject(&IMP))] };

fn copy(source: &str) -> Result<String, ScanErrorKind> {
    let mut out = b"kept ".to_vec();
    let result = copy_allowed(source.as_bytes(), 0..source.len(), &REQUEST, &mut out);
    let text = String::from_utf8(out).unwrap();
    match result {
        Ok(()) => Ok(text.strip_prefix("kept ").unwrap().to_owned()),
        Err(error) => {
            assert_eq!(text, "kept ", "an error leaves the output as it was");
            Err(error.kind)
        }
    }
}

#[test]
fn a_copy_keeps_source_order_and_bytes() {
    let source = r#" { "x":[1], "device" : {"ifa":"secret","geo":{"lat":1,"country" : "CHN"},"os":"A\u0041"}, "imp":[{"id":1.50,"ext":{}},null,{}] ,"id":"1" } "#;
    let expected = r#"{"device":{"geo":{"country":"CHN"},"os":"A\u0041"},"imp":[{"id":1.50},{}],"id":"1"}"#;
    assert_eq!(copy(source).unwrap(), expected);
}

#[test]
fn a_value_of_another_kind_is_left_out() {
    assert_eq!(copy(r#"{"device":null,"imp":{"id":1},"id":[{}]}"#).unwrap(), r#"{"id":[{}]}"#);
    assert_eq!(copy(r#"{"device":"{","imp":7}"#).unwrap(), "{}");
    assert_eq!(copy(r#"{"imp":[],"device":{}}"#).unwrap(), r#"{"imp":[],"device":{}}"#);
}

#[test]
fn two_readings_of_a_key_are_refused() {
    for source in [
        r#"{"id":1,"id":2}"#,
        r#"{"device":null,"device":{}}"#,
        r#"{"device":{"geo":{"country":1,"country":2}}}"#,
        r#"{"imp":[{"id":1},{"id":1,"id":2}]}"#,
    ] {
        assert_eq!(copy(source), Err(ScanErrorKind::DuplicateKey), "{source}");
    }
    for source in [r#"{"i\u0064":1}"#, r#"{"device":{"if\u0061":1}}"#, r#"{"imp":[{"\/":1}]}"#] {
        assert_eq!(copy(source), Err(ScanErrorKind::EscapedKey), "{source}");
    }
    // Off the path and inside what is kept whole, keys are not looked at.
    let aside = r#"{"x":{"a":1,"a":2,"\u0061":3},"id":{"b":1,"b":2}}"#;
    assert_eq!(copy(aside).unwrap(), r#"{"id":{"b":1,"b":2}}"#);
}

#[test]
fn a_broken_object_is_refused_wherever_it_breaks() {
    for source in ["[]", "null", "\"{}\""] {
        assert_eq!(copy(source), Err(ScanErrorKind::NotAnObject), "{source}");
    }
    for source in ["", "{", r#"{"id""#, r#"{"id":"#, r#"{"id":1"#, r#"{"x":[{"#, r#"{"x":"\u12"#] {
        assert_eq!(copy(source), Err(ScanErrorKind::EndsEarly), "{source}");
    }
    for source in
        [r#"{"id":1,}"#, r#"{"x":[1,]}"#, r#"{"x":[1}}"#, r#"{"x":01}"#, r#"{"x":tru}"#, r#"{x:1}"#, "{\"x\":\"\n\"}"]
    {
        assert_eq!(copy(source), Err(ScanErrorKind::UnexpectedByte), "{source}");
    }
    assert_eq!(copy("{} {}"), Err(ScanErrorKind::TrailingBytes));
}

static ENDLESS: Allow = Allow { fields: &[("a", Keep::Object(&ENDLESS))] };

#[test]
fn depth_is_bounded() {
    let nested = |depth: u32| "[".repeat(depth as usize) + &"]".repeat(depth as usize);
    let kind = |source: &str| scan::root(source.as_bytes()).map_err(|error| error.kind);
    assert_eq!(kind(&nested(MAX_DEPTH)), Ok(0..2 * MAX_DEPTH as usize));
    assert_eq!(kind(&nested(MAX_DEPTH + 1)), Err(ScanErrorKind::TooDeep));
    assert_eq!(kind(&"[".repeat(100_000)), Err(ScanErrorKind::TooDeep));
    let member = |depth: u32| format!(r#"{{"x":{}}}"#, nested(depth - 1));
    assert_eq!(copy(&member(MAX_DEPTH)).unwrap(), "{}");
    assert_eq!(copy(&member(MAX_DEPTH + 1)), Err(ScanErrorKind::TooDeep));
    let endless = r#"{"a":"#.repeat(1000) + "1" + &"}".repeat(1000);
    let result = copy_allowed(endless.as_bytes(), 0..endless.len(), &ENDLESS, &mut Vec::new());
    assert_eq!(result.unwrap_err().kind, ScanErrorKind::TableTooLarge);
}

#[test]
fn find_gives_ranges_in_one_pass() {
    let source = r#"x{"imp":[1, 2],"id" : "a","é":{}}x"#;
    let object = 1..source.len() - 1;
    let found = scan::find(source.as_bytes(), object.clone(), ["id", "imp", "none"]).unwrap();
    let texts = found.map(|range| range.map(|range| &source[range]));
    assert_eq!(texts, [Some("\"a\""), Some("[1, 2]"), None]);
    let kind = |source: &str| scan::find(source.as_bytes(), 0..source.len(), ["id"]).unwrap_err().kind;
    assert_eq!(kind(r#"{"id":1,"id":1}"#), ScanErrorKind::DuplicateKey);
    assert_eq!(kind(r#"{"\u0069d":1}"#), ScanErrorKind::EscapedKey);
    assert_eq!(kind("[1]"), ScanErrorKind::NotAnObject);
}

#[test]
fn a_scan_ends_after_its_first_error() {
    let mut scan = ObjectScan::new(br#"{"a":1,"b":}"#, 0..12);
    assert!(scan.next().unwrap().is_ok());
    assert_eq!(scan.next().unwrap().unwrap_err().offset, 11);
    assert!(scan.next().is_none());
    let mut scan = ArrayScan::new(b"[] 1", 0..4);
    assert_eq!(scan.next().unwrap().unwrap_err().kind, ScanErrorKind::TrailingBytes);
    assert!(scan.next().is_none());
    assert!(ArrayScan::new(b" [ ] ", 0..5).next().is_none());
    assert_eq!(ObjectScan::new(b"{}", 5..9).next().unwrap().unwrap_err().kind, ScanErrorKind::EndsEarly);
}
