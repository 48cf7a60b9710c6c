//! Edits of a copied config folder, written as JSON: `{"deals.toml": {"deal": {"id=PD-1": {"state": "paused"}}}}`.
//!
//! Objects are merged; a list of tables is entered by `key=value`, and `"+"` appends to it; `null` removes; anything else
//! replaces. What is to be changed must be there: a typo in an edit is an error, not a case that tests nothing.

use std::path::Path;

use serde_json::{Map, Value};

/// Edits every file that the patch names.
pub(crate) fn apply(folder: &Path, patch: &Value) {
    for (file, edits) in patch.as_object().into_iter().flatten() {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut contents: Value = toml::from_str(&text).unwrap();
        merge(&mut contents, edits, file);
        std::fs::write(&path, toml::to_string(&contents).unwrap()).unwrap();
    }
}

fn merge(target: &mut Value, edits: &Value, at: &str) {
    match (target, edits) {
        (Value::Object(target), Value::Object(edits)) => merge_table(target, edits, at),
        (Value::Array(items), Value::Object(edits)) => merge_list(items, edits, at),
        (target, edits) => *target = edits.clone(),
    }
}

fn merge_table(target: &mut Map<String, Value>, edits: &Map<String, Value>, at: &str) {
    for (key, edit) in edits {
        let at = format!("{at} {key}");
        match (target.get_mut(key), edit) {
            (_, Value::Null) => assert!(target.remove(key).is_some(), "{at}: there is nothing to remove"),
            (Some(known), edit) => merge(known, edit, &at),
            (None, edit) => {
                target.insert(key.clone(), edit.clone());
            }
        }
    }
}

fn merge_list(items: &mut Vec<Value>, edits: &Map<String, Value>, at: &str) {
    for (place, edit) in edits {
        if place == "+" {
            items.extend(edit.as_array().expect("\"+\" takes a list").iter().cloned());
            continue;
        }
        let (key, wanted) = place.split_once('=').unwrap_or_else(|| panic!("{at}: {place} is no key=value"));
        let found = items.iter().position(|item| item[key] == *wanted);
        let found = found.unwrap_or_else(|| panic!("{at}: there is no {place}"));
        if edit.is_null() {
            items.remove(found);
        } else {
            merge(&mut items[found], edit, &format!("{at} {place}"));
        }
    }
}

#[test]
fn edits_enter_lists_by_key_and_must_find_what_they_change() {
    let mut value = serde_json::json!({"deal": [{"id": "a", "cpm": "1"}, {"id": "b"}], "schema": 1});
    let edits =
        serde_json::json!({"deal": {"id=a": {"cpm": null, "state": "paused"}, "+": [{"id": "c"}]}, "schema": 2});
    merge(&mut value, &edits, "x.toml");
    let expected = serde_json::json!({"deal": [{"id": "a", "state": "paused"}, {"id": "b"}, {"id": "c"}], "schema": 2});
    assert_eq!(value, expected);
    let typos = [serde_json::json!({"deal": {"id=z": {}}}), serde_json::json!({"shema": null})];
    for typo in typos {
        let mut value = expected.clone();
        let merged = std::panic::catch_unwind(move || merge(&mut value, &typo, "x.toml"));
        assert!(merged.is_err());
    }
}
