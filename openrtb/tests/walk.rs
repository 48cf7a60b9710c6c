//! The one-pass walk against the scanner and copier that take one range at a time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use openrtb::{Allow, ArrayScan, Keep, Members, ScanErrorKind, copy_allowed, scan};
use proptest::prelude::*;
use serde_json::{Map, Value};

static INNER: Allow = Allow { fields: &[("a", Keep::Whole)] };
static TABLE: Allow =
    Allow { fields: &[("a", Keep::Whole), ("b", Keep::Object(&INNER)), ("c", Keep::EachObject(&INNER))] };

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), ".{0,9}".prop_map(Value::from)];
    scalar.prop_recursive(4, 48, 5, |inner| {
        let members = proptest::collection::btree_map("[abcd]", inner.clone(), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map("[abcd]", value(), 0..5).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn one_pass_takes_what_separate_scans_take(root in object(), pretty: bool, only in 0..3_usize) {
        let root = Value::Object(root);
        let text = if pretty { serde_json::to_vec_pretty(&root) } else { serde_json::to_vec(&root) }.unwrap();
        let [a, b, c] = scan::find(&text, 0..text.len(), ["a", "b", "c"]).unwrap();
        let wanted = |place: usize| place % 3 == only;

        let (mut ranges, mut copied, mut each, mut places) = (None, Vec::new(), Vec::new(), Vec::new());
        let mut was_object = false;
        let mut members = Members::new(&text);
        while let Some(key) = members.key().unwrap() {
            match key {
                b"a" => ranges = Some(members.range().unwrap()),
                b"b" => was_object = members.copy(&TABLE, &mut copied).unwrap(),
                b"c" => members
                    .copy_each(&TABLE, &mut each, wanted, |place, source, out, start| {
                        places.push((place, source, start..out.len()));
                        Ok(())
                    })
                    .unwrap(),
                _ => {}
            }
        }
        prop_assert_eq!(ranges, a);
        let is = |range: &std::ops::Range<usize>, open: u8| text[range.start] == open;
        let expected = b.filter(|range| is(range, b'{'));
        prop_assert_eq!(was_object, expected.is_some());
        let mut out = Vec::new();
        if let Some(range) = expected {
            copy_allowed(&text, range, &TABLE, &mut out).unwrap();
        }
        prop_assert_eq!(copied, out);
        let elements: Vec<_> = c.filter(|range| is(range, b'[')).into_iter()
            .flat_map(|range| ArrayScan::new(&text, range).map(Result::unwrap).enumerate())
            .filter(|(place, range)| wanted(*place) && is(range, b'{'))
            .collect();
        prop_assert_eq!(elements.len(), places.len());
        for ((place, range), (told, source, part)) in elements.into_iter().zip(places) {
            prop_assert_eq!((place, &range), (told, &source));
            let mut out = Vec::new();
            copy_allowed(&text, range, &TABLE, &mut out).unwrap();
            prop_assert_eq!(&each[part], &out[..]);
        }
    }

    /// Whatever is cut off or changed, the walk errs exactly where a whole scan does, and never loops.
    #[test]
    fn a_walk_errs_where_a_scan_errs(root in object(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut text = serde_json::to_vec(&Value::Object(root)).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        let walk = || {
            let mut members = Members::new(&text);
            while let Some(key) = members.key()? {
                if key == b"b" {
                    members.copy(&INNER, &mut Vec::new())?;
                }
            }
            Ok::<_, openrtb::ScanError>(())
        };
        let scanned = scan::root(&text).and_then(|_| scan::find(&text, 0..text.len(), [""]).map(drop));
        if scanned.is_ok() {
            // Within what is copied, the tables' own rules hold too.
            let kinds = [ScanErrorKind::DuplicateKey, ScanErrorKind::EscapedKey];
            prop_assert!(walk().is_ok() || walk().is_err_and(|error| kinds.contains(&error.kind)));
        } else {
            prop_assert!(walk().is_err());
        }
    }
}

#[test]
fn an_escaped_key_ends_the_walk_and_an_untaken_value_is_skipped() {
    let mut members = Members::new(br#" {"x" : [1, {"y": 2}], "a": 3 , "\u0061": 4} "#);
    assert_eq!(members.key().unwrap(), Some(&b"x"[..]));
    assert_eq!(members.key().unwrap(), Some(&b"a"[..]));
    assert_eq!(members.range().unwrap(), 28..29);
    assert_eq!(members.range().unwrap().len(), 0, "taken before");
    assert_eq!(members.key().unwrap_err().kind, ScanErrorKind::EscapedKey);
    assert_eq!(members.key().unwrap(), None, "nothing follows an error");
    assert_eq!(Members::new(b"[]").key().unwrap_err().kind, ScanErrorKind::NotAnObject);
    assert_eq!(Members::new(b"{} x").key().unwrap_err().kind, ScanErrorKind::TrailingBytes);
}
