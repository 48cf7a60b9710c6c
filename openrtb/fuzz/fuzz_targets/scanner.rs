//! Any bytes: the scanner finds the structure that serde_json finds, and an allow-list copy holds what its table says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openrtb::{Allow, ArrayScan, Keep, ObjectScan, copy_allowed, scan};
use serde_json::Value;

static GEO: Allow = Allow { fields: &[("country", Keep::Whole)] };
static TABLE: Allow = Allow {
    fields: &[("id", Keep::Whole), ("ext", Keep::Whole), ("geo", Keep::Object(&GEO)), ("imp", Keep::EachObject(&GEO))],
};

fn walk(source: &[u8], range: std::ops::Range<usize>, expected: &Value) {
    match expected {
        Value::Object(members) => {
            let mut seen = std::collections::BTreeMap::new();
            for member in ObjectScan::new(source, range) {
                let member = member.unwrap();
                let quoted = &source[member.key.start - 1..member.key.end + 1];
                let key: String = serde_json::from_slice(quoted).unwrap();
                seen.insert(key, member.value);
            }
            assert_eq!(seen.len(), members.len());
            for (key, value) in seen {
                walk(source, value, &members[&key]);
            }
        }
        Value::Array(elements) => {
            let scanned: Vec<_> = ArrayScan::new(source, range).map(Result::unwrap).collect();
            assert_eq!(scanned.len(), elements.len());
            scanned.into_iter().zip(elements).for_each(|(range, element)| walk(source, range, element));
        }
        scalar => assert_eq!(serde_json::from_slice::<Value>(&source[range]).unwrap(), *scalar),
    }
}

fuzz_target!(|body: &[u8]| {
    let Ok(expected) = serde_json::from_slice::<Value>(body) else {
        let _ = scan::root(body);
        return;
    };
    // serde_json allows more depth than the scanner follows.
    let Ok(root) = scan::root(body) else { return };
    walk(body, root.clone(), &expected);
    let mut out = Vec::new();
    if copy_allowed(body, root, &TABLE, &mut out).is_err() {
        assert!(out.is_empty());
        return;
    }
    let copy: Value = serde_json::from_slice(&out).unwrap();
    let kept = |of: &Value| -> Value {
        let members = of.as_object().into_iter().flatten().filter(|(key, _)| *key == "country");
        members.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    for (key, value) in copy.as_object().unwrap() {
        let original = &expected[key];
        match key.as_str() {
            "geo" => assert_eq!(*value, kept(original)),
            "imp" => {
                let objects = original.as_array().unwrap().iter().filter(|element| element.is_object());
                assert_eq!(*value, objects.map(kept).collect::<Value>());
            }
            _ => assert_eq!(value, original),
        }
    }
});
