//! JSON for golden files: written so that a person can review it, compared so that a difference can be read.

use serde_json::Value;

/// Keys that come before others, in this order.
const FIRST: [&str; 23] = [
    "rules", "about", "config", "now", "requests", "media", "key", "headers", "raw", "body", "pad", "gzip", "answers",
    "notices", "expect", "asked", "response", "status", "events", "rejected", "journal", "id", "imp",
];
/// Lines are broken beyond this.
const WIDTH: usize = 120;

/// Writes a value: what fits on one line stands on one.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, 0, &mut out);
    out.push('\n');
    out
}

fn write(value: &Value, indent: usize, before: usize, out: &mut String) {
    let line = one_line(value);
    let nested = matches!(value, Value::Array(_) | Value::Object(_));
    if !nested || indent > 0 && indent + before + line.len() <= WIDTH {
        out.push_str(&line);
        return;
    }
    let pad = " ".repeat(indent + 2);
    let (open, close, parts) = match value {
        Value::Array(items) => ('[', ']', items.iter().map(|item| (String::new(), item)).collect()),
        Value::Object(_) => ('{', '}', members(value)),
        _ => return,
    };
    out.push(open);
    for (index, (name, part)) in parts.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.push_str(&pad);
        out.push_str(name);
        write(part, indent + 2, name.len() + 1, out);
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push(close);
}

fn members(value: &Value) -> Vec<(String, &Value)> {
    let mut members: Vec<_> = value.as_object().into_iter().flatten().collect();
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    members.sort_by_key(|(key, _)| (place(key), key.as_str()));
    members.into_iter().map(|(key, member)| (format!("{}: ", Value::from(key.as_str())), member)).collect()
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        Value::Object(_) => {
            let members = members(value).into_iter().map(|(name, member)| name + &one_line(member));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// Every place in which two values differ, one a line: `path: expected … got …`.
pub(crate) fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", expected, got, &mut found);
    found
}

fn compare(path: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<_> = left.keys().chain(right.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let at = format!("{path}/{key}");
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => compare(&at, left, right, found),
                    (Some(left), None) => found.push(format!("{at}: expected {}, got nothing", one_line(left))),
                    (None, Some(right)) => found.push(format!("{at}: expected nothing, got {}", one_line(right))),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{path}/{index}"), left, right, found);
            }
        }
        _ if expected == got => {}
        _ => found.push(format!("{path}: expected {}, got {}", one_line(expected), one_line(got))),
    }
}

/// Replaces what differs from run to run in every string: the auction's id, tokens, and the time that a DSP really had.
pub(crate) fn mask(value: &mut Value, auction: &str) {
    match value {
        Value::String(text) => {
            if !auction.is_empty() {
                *text = text.replace(auction, "AUCTION");
            }
            *text = mask_tokens(text);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, auction)),
        Value::Object(members) => members.values_mut().for_each(|member| mask(member, auction)),
        _ => {}
    }
}

fn mask_tokens(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let paths = ["/n/bill/", "/n/win/", "/n/loss/", "/t/imp/", "/t/click/"];
    let starts = |rest: &str| paths.iter().filter_map(|it| Some(rest.find(it)? + it.len())).min();
    while let Some(start) = starts(rest) {
        let is_token = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let end = rest[start..].find(|letter| !is_token(letter)).map_or(rest.len(), |length| start + length);
        out.push_str(&rest[..start]);
        out.push_str("TOKEN");
        rest = &rest[end..];
    }
    out + rest
}

#[test]
fn differences_name_the_path_and_masks_leave_the_rest() {
    let (left, right) =
        (serde_json::json!({"a": [1, {"b": 2}], "c": 0}), serde_json::json!({"a": [1, {"b": 3}], "d": 0}));
    let told = ["/a/1/b: expected 2, got 3", "/c: expected 0, got nothing", "/d: expected nothing, got 0"];
    assert_eq!(differences(&left, &right), told);
    let mut value = serde_json::json!({"id": "0af", "lurl": "http://h/n/loss/A-b_9?reason=x", "tid": "t0af-1"});
    mask(&mut value, "0af");
    assert_eq!(
        value,
        serde_json::json!({"id": "AUCTION", "lurl": "http://h/n/loss/TOKEN?reason=x", "tid": "tAUCTION-1"})
    );
}
