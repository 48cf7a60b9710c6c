//! The structural rules: each broken alone, in a request that is otherwise right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use openrtb::{Decoder, validate_request};
use serde_json::{Value, json};

fn sound() -> Value {
    json!({
        "id": "r",
        "imp": [
            {"id": "1", "banner": {"format": [{"w": 1, "h": 1}, {"wratio": 1, "hratio": 1, "wmin": 1}]},
             "pmp": {"deals": [{"id": "d", "bidfloor": 0}]}},
            {"id": "2", "banner": {"w": 0, "h": 0}, "video": {"mimes": ["a"], "startdelay": -2, "podseq": -1},
             "audio": {"mimes": ["a"]}, "native": {"request": "{}"}, "bidfloor": 0},
        ],
        "site": {}, "device": {"w": 1, "h": 1}, "tmax": 0, "wseat": ["a"], "bcat": ["b"],
        "regs": {"coppa": 1, "gdpr": 0, "ext": {"gdpr": 1}},
    })
}

/// Sets `pointer` to `value` (null removes the meaning of a member) and gives the path refused.
fn refused(pointer: &str, value: Value) -> Option<String> {
    let mut request = sound();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = request.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(members) => drop(members.insert(key.to_owned(), value)),
        Value::Array(elements) => elements[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
    let mut body = request.to_string().into_bytes();
    let mut decoder = Decoder::default();
    let request = decoder.decode_request(&mut body).unwrap();
    validate_request(&request).err().map(|invalid| invalid.path)
}

#[test]
fn a_sound_request_passes() {
    assert_eq!(refused("/tmax", json!(120)), None);
    assert_eq!(refused("/site", Value::Null), None);
    assert_eq!(refused("/imp/1/native/request", json!({"assets": []})), None);
}

#[test]
fn each_rule_alone_is_enough() {
    for (pointer, value, path) in [
        ("/id", Value::Null, "id"),
        ("/id", json!(""), "id"),
        ("/imp", json!([]), "imp"),
        ("/imp/1/id", json!(""), "imp[1].id"),
        ("/imp/1/id", json!("1"), "imp[1].id"),
        ("/imp/1/id", json!(1), "imp[1].id"),
        ("/imp/0/banner", Value::Null, "imp[0].banner"),
        ("/imp/0/banner", json!({}), "imp[0].banner.format"),
        ("/imp/0/banner", json!({"w": 1}), "imp[0].banner.format"),
        ("/imp/0/banner", json!({"h": 1}), "imp[0].banner.format"),
        ("/imp/0/banner/w", json!(-1), "imp[0].banner.w"),
        ("/imp/0/banner/h", json!(-1), "imp[0].banner.h"),
        ("/imp/0/banner/format/0", json!({"w": 1}), "imp[0].banner.format[0].w"),
        ("/imp/0/banner/format/1", json!({"wratio": 1, "hratio": 1}), "imp[0].banner.format[1].w"),
        ("/imp/0/banner/format/1/wratio", json!(-1), "imp[0].banner.format[1].wratio"),
        ("/imp/0/banner/format/1/hratio", json!(-1), "imp[0].banner.format[1].hratio"),
        ("/imp/0/banner/format/1/wmin", json!(-1), "imp[0].banner.format[1].wmin"),
        ("/imp/0/banner/format/0/w", json!(-1), "imp[0].banner.format[0].w"),
        ("/imp/0/banner/format/0/h", json!(-1), "imp[0].banner.format[0].h"),
        ("/imp/0/pmp/deals/0/id", Value::Null, "imp[0].pmp.deals[0].id"),
        ("/imp/0/pmp/deals/0/bidfloor", json!(-0.1), "imp[0].pmp.deals[0].bidfloor"),
        ("/imp/0/exp", json!(-1), "imp[0].exp"),
        ("/imp/1/bidfloor", json!(-1), "imp[1].bidfloor"),
        ("/imp/1/video/mimes", json!([]), "imp[1].video.mimes"),
        ("/imp/1/video/w", json!(-1), "imp[1].video.w"),
        ("/imp/1/video/h", json!(-1), "imp[1].video.h"),
        ("/imp/1/video/minduration", json!(-1), "imp[1].video.minduration"),
        ("/imp/1/video/maxduration", json!(-1), "imp[1].video.maxduration"),
        ("/imp/1/video/maxseq", json!(-1), "imp[1].video.maxseq"),
        ("/imp/1/video/poddur", json!(-1), "imp[1].video.poddur"),
        ("/imp/1/video/sequence", json!(-1), "imp[1].video.sequence"),
        ("/imp/1/video/minbitrate", json!(-1), "imp[1].video.minbitrate"),
        ("/imp/1/video/maxbitrate", json!(-1), "imp[1].video.maxbitrate"),
        ("/imp/1/audio/mimes", Value::Null, "imp[1].audio.mimes"),
        ("/imp/1/audio/minduration", json!(-1), "imp[1].audio.minduration"),
        ("/imp/1/audio/maxduration", json!(-1), "imp[1].audio.maxduration"),
        ("/imp/1/audio/maxseq", json!(-1), "imp[1].audio.maxseq"),
        ("/imp/1/audio/poddur", json!(-1), "imp[1].audio.poddur"),
        ("/imp/1/audio/sequence", json!(-1), "imp[1].audio.sequence"),
        ("/imp/1/audio/minbitrate", json!(-1), "imp[1].audio.minbitrate"),
        ("/imp/1/audio/maxbitrate", json!(-1), "imp[1].audio.maxbitrate"),
        ("/imp/1/native/request", json!(" "), "imp[1].native.request"),
        ("/imp/1/native/request", json!({}), "imp[1].native.request"),
        ("/app", json!({}), "app"),
        ("/dooh", json!({}), "dooh"),
        ("/bseat", json!(["b"]), "bseat"),
        ("/acat", json!(["b"]), "bcat"),
        ("/tmax", json!(-2), "tmax"),
        ("/device/w", json!(-1), "device.w"),
        ("/device/h", json!(-1), "device.h"),
        ("/regs/coppa", json!(2), "regs.coppa"),
        ("/regs/gdpr", json!(-1), "regs.gdpr"),
        ("/regs/ext/gdpr", json!(2), "regs.ext.gdpr"),
    ] {
        assert_eq!(refused(pointer, value.clone()).as_deref(), Some(path), "{pointer} = {value}");
    }
}
