//! The structural rules: each broken alone, in a request that is otherwise right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use openrtb::{Decoder, validate_request};
use serde_json::{Value, json};

fn sound() -> Value {
    json!({
        "id": "r",
        "imp": [
            {"id": "1", "banner": {"format": [{"w": 1, "h": 1}, {"wratio": 1, "hratio": 1, "wmin": 1}]},
             "pmp": {"deals": [{"id": "d", "bidfloor": 0, "durfloors": [{"mindur": 1}, {"maxdur": 2, "mindur": 1}]}]},
             "metric": [{"type": "t", "value": 0}], "qty": {"multiplier": 0.5, "sourcetype": 1, "vendor": "v"},
             "refresh": {"count": 0, "refsettings": [{"minint": 0}]}},
            {"id": "2", "banner": {"w": 0, "h": 0},
             "video": {"mimes": ["a"], "startdelay": -2, "podseq": -1, "maxseq": 1, "poddur": 1, "minduration": 0, "rqddurs": [1],
                       "companionad": [{}, {"format": [{"w": 1, "h": 1}]}], "durfloors": [{"mindur": 1}]},
             "audio": {"mimes": ["a"], "minduration": 1, "maxduration": 2, "mincpmpersec": 1, "companionad": [{}]}, "bidfloor": 0,
             "native": {"request": {"assets": [
                 {"id": 1, "title": {"len": 1}}, {"img": {"wmin": 0}}, {"data": {"type": 1}}, {"id": 4, "video":
                     {"mimes": ["a"], "minduration": 0, "maxduration": 1, "protocols": [1, 16]}}],
                 "eventtrackers": [{"event": 1, "methods": [1]}]}}},
        ],
        "site": {"keywords": "k", "content": {"langb": "l", "kwarray": ["k"]}}, "tmax": 0, "wseat": ["a"], "bcat": ["b"], "wlang": ["c"],
        "device": {"w": 1, "h": 1, "language": "l", "geo": {"lat": -90, "lon": 180, "accuracy": 0, "lastfix": 0},
                   "sua": {"browsers": [{"brand": "b"}], "platform": {"brand": "p"}}},
        "user": {"keywords": "k", "geo": {}},
        "regs": {"coppa": 1, "gdpr": 0, "ext": {"gdpr": 1}},
        "source": {"schain": {"complete": 1, "nodes": [{"asi": "a", "sid": "1"}], "ver": "1.0"},
                   "ext": {"schain": {"complete": 0, "nodes": [{"asi": "a", "sid": "1"}], "ver": "1.0"}}},
        "ext": {"schain": {"complete": 0, "nodes": [{"asi": "a", "sid": "1"}], "ver": "1.0"}},
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
    match decoder.decode_request(&mut body) {
        Ok(request) => validate_request(&request).err().map(|invalid| invalid.path),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_sound_request_passes() {
    assert_eq!(refused("/tmax", json!(120)), None);
    assert_eq!(refused("/site", Value::Null), None);
    let native = r#"{"native":{"assets":[{"title":{"len":25}}]}}"#;
    assert_eq!(refused("/imp/1/native/request", json!(native)), None);
    assert_eq!(refused("/imp/0/pmp/deals/0/at", json!(9)), None);
    // The default of a floor or of a duration is none.
    assert_eq!(refused("/imp/0/pmp/deals/0/mincpmpersec", Value::Null), None);
    assert_eq!(refused("/imp/1/video/maxduration", Value::Null), None);
}

#[test]
fn apps_and_screens_are_held_to_the_rules_of_sites() {
    for (context, path) in [
        (json!({"app": {"keywords": "k", "kwarray": ["k"]}}), "app.kwarray"),
        (json!({"app": {"content": {"len": -1}}}), "app.content.len"),
        (json!({"dooh": {"content": {"len": -1}}}), "dooh.content.len"),
    ] {
        let mut request = sound();
        request["site"] = Value::Null;
        request.as_object_mut().unwrap().extend(context.as_object().unwrap().clone());
        let mut body = request.to_string().into_bytes();
        let mut decoder = Decoder::default();
        assert_eq!(validate_request(&decoder.decode_request(&mut body).unwrap()).unwrap_err().path, path);
    }
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
        ("/imp/1/native", json!({}), "imp[1].native.request"),
        ("/imp/1/native/request", json!("{json}"), "imp[1].native.request"),
        ("/imp/1/native/request", json!("[]"), "imp[1].native.request"),
        ("/imp/1/native/request", json!("{\"assets\":{}}"), "imp[1].native.request.assets"),
        ("/imp/1/native/request", json!({}), "imp[1].native.request.assets"),
        ("/imp/1/native/request/assets", json!([]), "imp[1].native.request.assets"),
        ("/imp/1/native/request/plcmtcnt", json!(-1), "imp[1].native.request.plcmtcnt"),
        ("/imp/1/native/request/seq", json!(-1), "imp[1].native.request.seq"),
        ("/imp/1/native/request/assets/1", json!({"id": 3}), "imp[1].native.request.assets[1]"),
        ("/imp/1/native/request/assets/1/data", json!({"type": 1}), "imp[1].native.request.assets[1]"),
        ("/imp/1/native/request/assets/3/id", json!(1), "imp[1].native.request.assets[3].id"),
        ("/imp/1/native/request/assets/3/id", json!({}), "imp[1].native.request.assets[3].id"),
        ("/imp/1/native/request/assets/0/title/len", Value::Null, "imp[1].native.request.assets[0].title.len"),
        ("/imp/1/native/request/assets/0/title/len", json!(-1), "imp[1].native.request.assets[0].title.len"),
        ("/imp/1/native/request/assets/1/img/w", json!(-1), "imp[1].native.request.assets[1].img.w"),
        ("/imp/1/native/request/assets/1/img/wmin", json!(-1), "imp[1].native.request.assets[1].img.wmin"),
        ("/imp/1/native/request/assets/1/img/h", json!(-1), "imp[1].native.request.assets[1].img.h"),
        ("/imp/1/native/request/assets/1/img/hmin", json!(-1), "imp[1].native.request.assets[1].img.hmin"),
        ("/imp/1/native/request/assets/2/data/type", Value::Null, "imp[1].native.request.assets[2].data.type"),
        ("/imp/1/native/request/assets/2/data/len", json!(-1), "imp[1].native.request.assets[2].data.len"),
        ("/imp/1/native/request/assets/3/video/mimes", json!([]), "imp[1].native.request.assets[3].video.mimes"),
        (
            "/imp/1/native/request/assets/3/video/minduration",
            Value::Null,
            "imp[1].native.request.assets[3].video.minduration",
        ),
        (
            "/imp/1/native/request/assets/3/video/maxduration",
            Value::Null,
            "imp[1].native.request.assets[3].video.maxduration",
        ),
        (
            "/imp/1/native/request/assets/3/video/minduration",
            json!(-1),
            "imp[1].native.request.assets[3].video.minduration",
        ),
        (
            "/imp/1/native/request/assets/3/video/maxduration",
            json!(-1),
            "imp[1].native.request.assets[3].video.maxduration",
        ),
        (
            "/imp/1/native/request/assets/3/video/protocols",
            json!([]),
            "imp[1].native.request.assets[3].video.protocols",
        ),
        (
            "/imp/1/native/request/assets/3/video/protocols",
            json!([1, 17]),
            "imp[1].native.request.assets[3].video.protocols[1]",
        ),
        (
            "/imp/1/native/request/assets/3/video/protocols",
            json!([0]),
            "imp[1].native.request.assets[3].video.protocols[0]",
        ),
        ("/imp/1/native/request/eventtrackers/0/event", Value::Null, "imp[1].native.request.eventtrackers[0].event"),
        ("/imp/1/native/request/eventtrackers/0/methods", json!([]), "imp[1].native.request.eventtrackers[0].methods"),
        ("/imp/0/pmp/deals/0/bidfloor", json!(1), "imp[0].pmp.deals[0].durfloors"),
        ("/imp/0/pmp/deals/0/mincpmpersec", json!(0), "imp[0].pmp.deals[0].durfloors"),
        (
            "/imp/0/pmp/deals/0",
            json!({"id": "d", "bidfloor": 1, "mincpmpersec": 1}),
            "imp[0].pmp.deals[0].mincpmpersec",
        ),
        ("/imp/0/pmp/deals/0/mincpmpersec", json!(-1), "imp[0].pmp.deals[0].mincpmpersec"),
        ("/imp/0/pmp/deals/0/durfloors/0", json!({}), "imp[0].pmp.deals[0].durfloors[0].mindur"),
        ("/imp/0/pmp/deals/0/durfloors/0/mindur", json!(-1), "imp[0].pmp.deals[0].durfloors[0].mindur"),
        ("/imp/0/pmp/deals/0/durfloors/0/maxdur", json!(-1), "imp[0].pmp.deals[0].durfloors[0].maxdur"),
        ("/imp/0/pmp/deals/0/durfloors/0/bidfloor", json!(-1), "imp[0].pmp.deals[0].durfloors[0].bidfloor"),
        ("/imp/0/metric/0/type", json!(""), "imp[0].metric[0].type"),
        ("/imp/0/metric/0/value", Value::Null, "imp[0].metric[0].value"),
        ("/imp/0/qty/multiplier", Value::Null, "imp[0].qty.multiplier"),
        ("/imp/0/qty/multiplier", json!(-0.1), "imp[0].qty.multiplier"),
        ("/imp/0/qty/vendor", Value::Null, "imp[0].qty.vendor"),
        ("/imp/0/refresh/count", json!(-1), "imp[0].refresh.count"),
        ("/imp/0/refresh/refsettings/0/minint", json!(-1), "imp[0].refresh.refsettings[0].minint"),
        ("/imp/1/video/skipmin", json!(-1), "imp[1].video.skipmin"),
        ("/imp/1/video/skipafter", json!(-1), "imp[1].video.skipafter"),
        ("/imp/1/video/minduration", json!(1), "imp[1].video.minduration"),
        ("/imp/1/video/maxduration", json!(1), "imp[1].video.maxduration"),
        ("/imp/1/video/rqddurs", json!([-1]), "imp[1].video.rqddurs"),
        ("/imp/1/video/poddur", Value::Null, "imp[1].video.poddur"),
        ("/imp/1/video/mincpmpersec", json!(1), "imp[1].video.durfloors"),
        ("/imp/1/video/durfloors/0", json!({}), "imp[1].video.durfloors[0].mindur"),
        ("/imp/1/video/companionad/0/w", json!(-1), "imp[1].video.companionad[0].w"),
        ("/imp/1/video/companionad/1/format/0/h", json!(-1), "imp[1].video.companionad[1].format[0].h"),
        ("/imp/1/audio/rqddurs", json!([1]), "imp[1].audio.minduration"),
        ("/imp/1/audio/mincpmpersec", json!(-1), "imp[1].audio.mincpmpersec"),
        ("/imp/1/audio/durfloors", json!([{"mindur": 1}]), "imp[1].audio.durfloors"),
        ("/imp/1/audio/companionad/0/h", json!(-1), "imp[1].audio.companionad[0].h"),
        ("/app", json!({}), "app"),
        ("/dooh", json!({}), "dooh"),
        ("/bseat", json!(["b"]), "bseat"),
        ("/wlangb", json!(["c"]), "wlangb"),
        ("/site/kwarray", json!(["k"]), "site.kwarray"),
        ("/site/content/keywords", json!("k"), "site.content.kwarray"),
        ("/site/content/language", json!("l"), "site.content.langb"),
        ("/site/content/len", json!(-1), "site.content.len"),
        ("/device/langb", json!("l"), "device.langb"),
        ("/device/ppi", json!(-1), "device.ppi"),
        ("/device/pxratio", json!(-0.5), "device.pxratio"),
        ("/device/geo/lat", json!(90.1), "device.geo.lat"),
        ("/device/geo/lon", json!(-180.1), "device.geo.lon"),
        ("/device/geo/accuracy", json!(-1), "device.geo.accuracy"),
        ("/device/geo/lastfix", json!(-1), "device.geo.lastfix"),
        ("/device/sua/browsers/0/brand", Value::Null, "device.sua.browsers[0].brand"),
        ("/device/sua/platform/brand", Value::Null, "device.sua.platform.brand"),
        ("/user/kwarray", json!(["k"]), "user.kwarray"),
        ("/user/geo/accuracy", json!(-1), "user.geo.accuracy"),
        ("/source/schain/complete", Value::Null, "source.schain.complete"),
        ("/source/schain/complete", json!(2), "source.schain.complete"),
        ("/source/schain/nodes", json!([]), "source.schain.nodes"),
        ("/source/schain/ver", Value::Null, "source.schain.ver"),
        ("/source/schain/nodes/0/asi", Value::Null, "source.schain.nodes[0].asi"),
        ("/source/schain/nodes/0/sid", json!(""), "source.schain.nodes[0].sid"),
        ("/source/ext/schain/ver", Value::Null, "source.ext.schain.ver"),
        ("/ext/schain/nodes/0/sid", Value::Null, "ext.schain.nodes[0].sid"),
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
