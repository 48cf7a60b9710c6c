//! The description is true: it has the routes that there are, for the partners that they are for, and what they answer is in its form.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::*;

pub(super) fn described() -> &'static Value {
    static DESCRIBED: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap());
    &DESCRIBED
}

/// Every described operation: method, path, itself.
pub(super) fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let paths = api["paths"].as_object().unwrap().iter();
    let each = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(|(method, operation)| (method, path.clone(), operation)).collect::<Vec<_>>()
    };
    paths.flat_map(each).collect()
}

/// Names of parameters in a path.
pub(super) fn parameters(path: &str) -> Vec<String> {
    path.split('/').filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned())).collect()
}

#[test]
fn what_is_described_is_there_and_what_is_there_is_described() {
    let api = described();
    let said: BTreeSet<_> = operations(api).into_iter().map(|(method, path, _)| (method, path)).collect();
    let there: BTreeSet<_> = routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(said, there);
    for (method, path, operation) in operations(api) {
        let mut named = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(api, parameter);
            if parameter["in"] == "path" {
                named.push(parameter["name"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(named, parameters(&path), "{method} {path}");
    }
}

/// What a reference means.
fn resolved<'a>(api: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => api.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference}")),
        None => value,
    }
}

/// What of a value is not as a schema says: required fields, types, enumerated words, fields that are not described.
pub(super) fn wrong(api: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = resolved(api, schema);
    let mut found = Vec::new();
    if let Some(all) = schema["allOf"].as_array() {
        return all
            .iter()
            .flat_map(|it| wrong(api, it, value, place))
            .filter(|it| !it.contains("not described"))
            .collect();
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let fits = any.iter().any(|it| wrong(api, it, value, place).is_empty());
        return if fits { Vec::new() } else { vec![format!("{place} is none of those: {value}")] };
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{place} is none of its words: {value}"));
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![is],
    };
    if !types.contains(&is) {
        found.push(format!("{place} is {is}, not {types:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{place}.{name} is missing"));
        }
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, field) in fields {
            match properties.get(name) {
                Some(schema) => found.extend(wrong(api, schema, field, &format!("{place}.{name}"))),
                None => found.push(format!("{place}.{name} is not described")),
            }
        }
    }
    if schema.get("items").is_some() {
        for (row, item) in value.as_array().into_iter().flatten().enumerate() {
            found.extend(wrong(api, &schema["items"], item, &format!("{place}[{row}]")));
        }
    }
    found
}

/// Holds an answer to the description: its status, its form. Every answer of every test is held to it.
pub(super) fn hold(method: &str, path: &str, reply: &Reply) {
    let api = described();
    let asked: Vec<_> = path.split(['?']).next().unwrap().split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        parts.len() == asked.len()
            && parts.iter().zip(&asked).all(|(part, asked)| part == asked || part.starts_with('{'))
    };
    let mut found: Vec<_> = operations(api).into_iter().filter(|(is, path, _)| is == method && fits(path)).collect();
    found.sort_by_key(|(_, path, _)| path.matches('{').count());
    if reply.status >= 400 {
        assert_eq!(wrong(api, &api["components"]["schemas"]["Error"], &reply.json(), path), [""; 0]);
    }
    let Some((_, template, operation)) = found.first() else { return };
    let status = reply.status.to_string();
    let Some(response) = operation["responses"].get(&status) else {
        // What a path is not for is not there.
        assert!(reply.status == 404, "{method} {template} is not said to answer {status}: {}", reply.body);
        return;
    };
    let schema = resolved(api, response).pointer("/content/application~1json/schema");
    if let Some(schema) = schema.filter(|_| reply.status < 400) {
        assert_eq!(wrong(api, schema, &reply.json(), path), [""; 0], "{method} {template}: {}", reply.body);
    }
}

/// Every GET as every partner: whom it is for gets an answer in its form, others get what a stranger gets.
#[test]
fn every_path_answers_whom_it_is_for() {
    on_a_still_clock(async {
        let (api, plane) = (described(), Plane::new());
        plane.submit("80010001", "milk", 1, CreativeState::Rejected);
        isolation::furnish(&plane, "80010001", "tea");
        let names = [
            ("{id}", "PDB-2026-SPRING-OPEN"),
            ("{crid}", "milk"),
            ("{version}", "1"),
            ("{advertiser}", "tea"),
            ("{number}", "1"),
            ("{app}", "com.a"),
        ];
        for (_, path, operation) in operations(api).into_iter().filter(|(method, ..)| method == "get") {
            let whom: Vec<_> = operation["x-partners"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let path = names.iter().fold(path, |path, (hole, name)| path.replace(hole, name));
            for partner in PARTNERS {
                let reply = plane.get(partner, &path).await;
                if !whom.contains(&partner.0) {
                    assert_eq!(reply.code(), (404, "not_found".to_owned()), "{path} {partner:?}");
                } else if ["80010001", "aurora", "sunrise"].contains(&partner.1) {
                    assert_eq!(reply.status, 200, "{path} {partner:?}: {}", reply.body);
                }
            }
        }
    });
}

#[test]
fn a_wrong_form_is_seen() {
    let api = described();
    let schema = &api["components"]["schemas"]["Me"]["properties"]["limits"];
    let right = json!({ "requests_a_second": 1, "burst": 2, "in_flight": 3 });
    assert_eq!(wrong(api, schema, &right, ""), [""; 0]);
    let bad = json!({ "requests_a_second": "1", "burst": 2, "more": 3 });
    assert_eq!(wrong(api, schema, &bad, "").len(), 3);
}
