//! The shared corpus of real bodies, where it is present: `PMPX_SHARED`, or `../../shared` beside the repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::PathBuf;

use openrtb::{ArrayScan, Decoder, WireObject, scan, validate_request};
use serde_json::Value;

/// `None`, said aloud, without the corpus.
fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("PMPX_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    if !shared.join("data/openrtb").is_dir() {
        println!("SKIPPED: {} is not there (set PMPX_SHARED)", shared.display());
        return None;
    }
    Some(shared)
}

fn lines(name: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(shared()?.join("data/openrtb").join(name)).expect("a readable corpus");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a line of the corpus is JSON")).collect())
}

#[test]
fn every_request_decodes_and_scans() {
    let Some(lines) = lines("requests.jsonl") else { return };
    let mut decoder = Decoder::default();
    let (mut failures, mut valid) = (Vec::new(), 0);
    for line in &lines {
        let body = line["body"].to_string();
        let mut bytes = body.clone().into_bytes();
        match decoder.decode_request(&mut bytes) {
            Ok(request) => {
                match validate_request(&request) {
                    Ok(()) => valid += 1,
                    Err(invalid) => println!("{}: {invalid}", line["source"]),
                }
                check_against_json(&line["body"], &request);
                let root = scan::root(body.as_bytes()).unwrap();
                let [imps] = scan::find(body.as_bytes(), root, ["imp"]).unwrap();
                let scanned = imps.map_or(0, |imps| ArrayScan::new(body.as_bytes(), imps).map(Result::unwrap).count());
                assert_eq!(scanned, request.imp.len());
            }
            Err(error) => failures.push(format!("{}: {error}", line["source"])),
        }
    }
    println!("{} requests, {} fail to decode, {valid} are structurally valid", lines.len(), failures.len());
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(lines.len() >= 1604);
}

/// What was decoded is what an independent parser sees.
fn check_against_json(body: &Value, request: &openrtb::BidRequest<'_>) {
    assert_eq!(&*request.id, body["id"].as_str().unwrap_or_default());
    assert_eq!(request.tmax.map(i64::from), body["tmax"].as_i64());
    assert_eq!(request.site.is_some(), body["site"].is_object());
    assert_eq!(request.app.is_some(), body["app"].is_object());
    for (imp, json) in request.imp.iter().zip(body["imp"].as_array().into_iter().flatten()) {
        assert_eq!(&*imp.id, json["id"].as_str().unwrap_or_default());
        assert_eq!(imp.banner.is_some(), json["banner"].is_object());
        assert_eq!(imp.video.is_some(), json["video"].is_object());
        assert_eq!(imp.native.is_some(), json["native"].is_object());
        let floor = json["bidfloor"].as_f64().map(|floor| (floor * 1e6).round() as i64);
        assert_eq!(imp.bidfloor.map(|floor| floor.0), floor);
        let sizes = json["banner"]["format"].as_array().map_or(0, Vec::len);
        assert_eq!(imp.banner.as_ref().map_or(0, |banner| banner.format.len()), sizes);
    }
}

#[test]
fn every_response_decodes() {
    let Some(lines) = lines("responses.jsonl") else { return };
    let mut decoder = Decoder::default();
    let mut failures = Vec::new();
    for line in &lines {
        let mut bytes = line["body"].to_string().into_bytes();
        match decoder.decode_response(&mut bytes) {
            Ok(response) => {
                let seats = line["body"]["seatbid"].as_array().into_iter().flatten();
                let bids = seats.flat_map(|seat| seat["bid"].as_array().into_iter().flatten());
                for (bid, json) in response.seatbid.iter().flat_map(|seat| seat.bid).zip(bids) {
                    let price = json["price"].as_f64().map(|price| (price * 1e6).round() as i64);
                    assert_eq!(bid.price.map(|price| price.0), price, "{}", line["source"]);
                    assert_eq!(bid.adm.as_deref(), json["adm"].as_str());
                    assert_eq!(bid.crid.as_deref(), json["crid"].as_str());
                }
            }
            Err(error) => failures.push(format!("{}: {error}", line["source"])),
        }
    }
    println!("{} responses, {} fail to decode", lines.len(), failures.len());
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(lines.len() >= 561);
}

/// Where each body of the corpus that breaks a rule breaks it; the first two are refused by the decoder.
const PATHS: &[(&str, &str)] = &[
    ("whole__malformed-bid-request", ""),
    ("whole__null", ""),
    ("whole__user-ext-consent-int", "user.ext.consent"),
    ("native__asset-data-no-type", "imp[0].native.request.assets[0].data.type"),
    ("native__asset-img-hmin-negative", "imp[0].native.request.assets[0].img.hmin"),
    ("native__asset-img-wmin-negative", "imp[0].native.request.assets[0].img.wmin"),
    ("native__asset-mixed-type", "imp[0].native.request.assets[0]"),
    ("native__asset-video-mimes-empty", "imp[0].native.request.assets[0].video.mimes"),
    ("native__asset-video-no-minduration", "imp[0].native.request.assets[0].video.minduration"),
    ("native__asset-video-protocols-invalid", "imp[0].native.request.assets[0].video.protocols[0]"),
    ("native__assets-with-dup-ids", "imp[0].native.request.assets[1].id"),
    ("native__eventtracker-methods-empty", "imp[0].native.request.eventtrackers[0].methods"),
    ("whole__audio-maxbitrate-negative", "imp[0].audio.maxbitrate"),
    ("whole__audio-mimes-empty", "imp[0].audio.mimes"),
    ("whole__audio-minbitrate-negative", "imp[0].audio.minbitrate"),
    ("whole__audio-sequence-negative", "imp[0].audio.sequence"),
    ("whole__banner-h-negative", "imp[0].banner.h"),
    ("whole__deal-no-id", "imp[0].pmp.deals[0].id"),
    ("whole__device-h-negative", "device.h"),
    ("whole__format-empty-object", "imp[0].banner.format[0].w"),
    ("whole__format-hratio-negative", "imp[0].banner.format[0].hratio"),
    ("whole__format-w-negative", "imp[0].banner.format[0].w"),
    ("whole__format-wmin-negative", "imp[0].banner.format[0].wmin"),
    ("whole__format-wratio-negative", "imp[0].banner.format[0].wratio"),
    ("whole__imp-empty-array", "imp"),
    ("whole__imp-empty-object", "imp[0].id"),
    ("whole__native-empty", "imp[0].native.request"),
    ("whole__regs-gdpr-invalid", "regs.gdpr"),
    ("whole__site-app-both", "app"),
    ("whole__site-dooh-both", "dooh"),
    ("whole__tmax-negative", "tmax"),
    ("whole__user-geo-accuracy-negative", "user.geo.accuracy"),
    ("whole__video-empty", "imp[0].video.mimes"),
    ("whole__video-w-negative", "imp[0].video.w"),
];

#[test]
fn invalid_requests_are_refused_where_they_are_wrong() {
    let Some(lines) = lines("invalid-requests.jsonl") else { return };
    let mut wrong = Vec::new();
    for line in &lines {
        let source = line["source"].as_str().expect("a source");
        let body = line["body_text"].as_str().expect("a body");
        let known = PATHS.iter().find(|(name, _)| source.ends_with(name));
        let expected = known.unwrap_or_else(|| panic!("no path is known for {source}")).1;
        for whole in [false, true] {
            let (mut decoder, mut bytes) = (Decoder::default(), body.as_bytes().to_vec());
            let decoded = if whole { decoder.decode_whole_request(&bytes) } else { decoder.decode_request(&mut bytes) };
            let found = match decoded {
                Ok(request) => validate_request(&request).err().map(|invalid| invalid.path),
                Err(error) => Some(error.path),
            };
            if found.as_deref() != Some(expected) {
                wrong.push(format!("{source}: expected {expected:?}, found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(lines.len(), PATHS.len());
}

/// Everything is kept: decoded whole, written, decoded again, and held against what serde_json sees of the original.
fn check_kept(name: &str, body: &str, request: bool) {
    let (mut fast, mut whole, mut again) = (Decoder::default(), Decoder::default(), Decoder::default());
    let (mut written, mut fields, mut known) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = body.as_bytes().to_vec();
    if request {
        let decoded = whole.decode_whole_request(body.as_bytes()).expect(name);
        decoded.write_json(&mut written);
        assert_eq!(again.decode_whole_request(&written).expect(name), decoded, "{name}");
        decoded.write_fields(&mut known);
        fast.decode_request(&mut bytes).expect(name).write_fields(&mut fields);
    } else {
        let decoded = whole.decode_whole_response(body.as_bytes()).expect(name);
        decoded.write_json(&mut written);
        assert_eq!(again.decode_whole_response(&written).expect(name), decoded, "{name}");
        decoded.write_fields(&mut known);
        fast.decode_response(&mut bytes).expect(name).write_fields(&mut fields);
    }
    assert_eq!(fields, known, "{name}: both readers see the same fields");
    let original: Value = serde_json::from_str(body).expect(name);
    let written: Value = serde_json::from_slice(&written).expect(name);
    if let Err(path) = same(&original, &written) {
        panic!("{name}: {path} was lost or changed");
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.iter().all(Value::is_null),
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// The same value, but for what the wire holds to be one: absence in its forms, and scalars in the type of their field.
fn same(original: &Value, written: &Value) -> Result<(), String> {
    match (original, written) {
        (Value::Object(old), Value::Object(new)) => {
            if let Some(extra) = new.keys().find(|key| !old.contains_key(*key)) {
                return Err(format!(".{extra}"));
            }
            old.iter().try_for_each(|(key, old)| match new.get(key) {
                None if is_nothing(old) => Ok(()),
                Some(new) if key == "ext" => {
                    if old == new {
                        Ok(())
                    } else {
                        Err(".ext".to_owned())
                    }
                }
                Some(new) => same(old, new).map_err(|path| format!(".{key}{path}")),
                None => Err(format!(".{key}")),
            })
        }
        (Value::Array(old), Value::Array(new)) => {
            let old: Vec<_> = old.iter().filter(|element| !element.is_null()).collect();
            if old.len() != new.len() {
                return Err("[]".to_owned());
            }
            old.iter().zip(new).try_for_each(|(old, new)| same(old, new).map_err(|path| format!("[]{path}")))
        }
        (scalar, Value::Array(new)) if new.len() == 1 => same(scalar, &new[0]),
        // Prices are rounded to millionths, once.
        (Value::Number(old), Value::Number(new)) if (old.as_f64().unwrap() - new.as_f64().unwrap()).abs() <= 5e-7 => {
            Ok(())
        }
        _ => {
            if scalar(original) == scalar(written) {
                Ok(())
            } else {
                Err(format!(" ({original})"))
            }
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(flag) => i32::from(*flag).to_string(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |number| number.to_string()),
        Value::String(text) => text.trim().parse::<f64>().map_or_else(|_| text.clone(), |number| number.to_string()),
        // A native request that is an object is written as the string that it should be.
        other => other.to_string(),
    }
}

#[test]
fn nothing_of_the_corpus_is_lost() {
    for (file, request) in [("requests.jsonl", true), ("responses.jsonl", false)] {
        let Some(lines) = texts(file) else { return };
        for (source, body) in &lines {
            check_kept(source, body, request);
        }
        println!("{} bodies of {file} are kept whole", lines.len());
    }
}

/// Source and body of each line, the body as it stands there.
fn texts(name: &str) -> Option<Vec<(String, String)>> {
    let lines = std::fs::read_to_string(shared()?.join("data/openrtb").join(name)).expect("a readable corpus");
    let text = |line: &str| {
        let [source, body] = scan::find(line.as_bytes(), 0..line.len(), ["source", "body"]).expect("a line is JSON");
        (line[source.expect("a source")].to_owned(), line[body.expect("a body")].to_owned())
    };
    Some(lines.lines().map(text).collect())
}

#[test]
fn the_examples_of_the_specification_are_kept_whole() {
    let Some(shared) = shared() else { return };
    for entry in std::fs::read_dir(shared.join("data/iab-examples")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let body = std::fs::read_to_string(&path).expect("a readable example");
        match name.rsplit_once("__").map(|(_, kind)| kind) {
            Some(kind) if kind.starts_with("request") => check_kept(&name, &body, true),
            Some(kind) if kind.starts_with("response") => check_kept(&name, &body, false),
            _ => assert!(name.contains("__fragment"), "neither request nor response: {name}"),
        }
    }
}
