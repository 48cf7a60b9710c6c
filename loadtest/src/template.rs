//! Prepared bid requests: everything rendered once, with holes of fixed width where each request differs.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::catalog::{Format, MediaCard, MediaKind, PlacementCard};
use crate::check::{Expectation, ExpectedImp};
use crate::sample::{Slot, iso_region};

const ID_MARK: &str = "@ID@--------------------";
const TID_MARK: &str = "@TID@---------------------------";
const USER_MARK: &str = "@USER@----------";
const IP_MARK: &str = "@IP@-@IP@-@IP@";

/// A request but for its id, transaction id, user and address.
#[derive(Debug)]
pub(crate) struct Template {
    body: Vec<u8>,
    id: usize,
    tid: usize,
    user: usize,
    ip: usize,
    pub(crate) media: usize,
    pub(crate) expectation: Arc<Expectation>,
}

/// A filled template.
pub(crate) struct Filled {
    pub(crate) id: String,
    pub(crate) tid: String,
    pub(crate) body: Bytes,
}

impl Template {
    fn new(request: &Value, media: usize, expectation: Expectation) -> Result<Self, String> {
        let text = request.to_string();
        let hole = |mark: &str| match text.matches(mark).count() {
            1 => text.find(mark).ok_or_else(|| mark.to_owned()),
            count => Err(format!("a request template has {count} holes {mark}")),
        };
        let (id, tid, user, ip) = (hole(ID_MARK)?, hole(TID_MARK)?, hole(USER_MARK)?, hole(IP_MARK)?);
        Ok(Self { body: text.into_bytes(), id, tid, user, ip, media, expectation: Arc::new(expectation) })
    }

    /// The `serial`-th request of a run; `noise` is random and makes its user and address.
    pub(crate) fn fill(&self, run: u32, serial: u64, noise: u64) -> Filled {
        let id = format!("lt-{run:08x}-{:012x}", serial & 0xffff_ffff_ffff);
        let tid = format!("{run:08x}{:08x}{serial:016x}", noise >> 32);
        let mut body = self.body.clone();
        let mut put = |at: usize, text: std::fmt::Arguments<'_>| {
            // Widths are fixed by construction; a slice never grows.
            if let Some(mut hole) = body.get_mut(at..) {
                let _ = hole.write_fmt(text);
            }
        };
        put(self.id, format_args!("{id}"));
        put(self.tid, format_args!("{tid}"));
        put(self.user, format_args!("{noise:016x}"));
        // 198.18.0.0/15 is reserved for load tests (RFC 2544): large enough that no address stands out.
        let (net, third, fourth) = (18 + noise % 2, 100 + (noise >> 8) % 150, 100 + (noise >> 20) % 150);
        put(self.ip, format_args!("198.{net}.{third}.{fourth}"));
        Filled { id, tid, body: body.into() }
    }
}

/// A banner on a site, in a slot of the log; `second` is another placement on the same page.
pub(crate) fn site(
    index: usize,
    media: &MediaCard,
    place: &PlacementCard,
    second: Option<&PlacementCard>,
    slot: &Slot,
) -> Result<Template, String> {
    let mut imps = vec![banner("1", place, &[slot.size], slot)];
    let mut expected = vec![expected("1", place, Format::Banner, &[slot.size])];
    if let Some((other, size)) = second.and_then(|other| Some((other, *other.sizes.first()?))) {
        imps.push(banner("2", other, &[size], slot));
        expected.push(self::expected("2", other, Format::Banner, &[size]));
    }
    let domain = format!("www.{}.example", media.id);
    let request = request(
        &imps,
        &(
            "site",
            json!({
                "id": media.id, "name": media.name, "domain": domain, "cat": ["IAB12"], "sectioncat": ["IAB12-2"],
                "page": format!("https://{domain}/local/{}/{}.html", slot.region, slot.offset_ms),
                "ref": format!("https://{domain}/"), "mobile": 0, "privacypolicy": 1,
                "publisher": {"id": format!("pub-{}", media.id), "name": media.name, "domain": domain},
                "content": content("article", slot.offset_ms),
                "keywords": "news,local,weather,traffic"
            }),
        ),
        json!({
            "ua": slot.user_agent, "ip": IP_MARK, "devicetype": 2, "os": system(&slot.user_agent), "js": 1, "dnt": 0,
            "language": "zh", "w": 1440, "h": 900, "connectiontype": 1, "geo": geo(slot), "lmt": 0
        }),
        media,
        None,
    );
    Template::new(&request, index, Expectation { imps: expected, media: media.id.clone() })
}

/// An app's banner or video, seen from where the slot's user was.
pub(crate) fn app(index: usize, media: &MediaCard, place: &PlacementCard, slot: &Slot) -> Result<Template, String> {
    let video = place.formats.contains(&Format::Video);
    let size = place.sizes.get(usize::try_from(slot.offset_ms).unwrap_or(0) % place.sizes.len().max(1)).copied();
    let size = size.ok_or_else(|| format!("placement {} has no sizes", place.tagid))?;
    let (imp, format) = match video {
        true => (video_imp("1", place, size, slot), Format::Video),
        false => (banner("1", place, &place.sizes, slot), Format::Banner),
    };
    let allowed = if video { vec![size] } else { place.sizes.clone() };
    let expected = expected("1", place, format, &allowed);
    let bundle = format!("com.example.{}", media.id);
    let request = request(
        &[imp],
        &(
            "app",
            json!({
                "id": media.id, "name": media.name, "bundle": bundle, "ver": "8.4.1", "cat": ["IAB12"], "privacypolicy": 1,
                "storeurl": format!("https://store.example/app/{bundle}"), "paid": 0, "domain": format!("{}.example", media.id),
                "publisher": {"id": format!("pub-{}", media.id), "name": media.name, "domain": format!("{}.example", media.id)},
                "content": content(if video { "episode" } else { "article" }, slot.offset_ms),
                "keywords": "news,video,entertainment"
            }),
        ),
        handset(slot),
        media,
        // One user in ten asked not to be tracked.
        slot.offset_ms.is_multiple_of(10).then_some(1),
    );
    Template::new(&request, index, Expectation { imps: vec![expected], media: media.id.clone() })
}

fn request(imps: &[Value], place: &(&str, Value), mut device: Value, media: &MediaCard, lmt: Option<u8>) -> Value {
    if let Some(lmt) = lmt {
        device["lmt"] = json!(lmt);
    }
    let app = media.kind == MediaKind::App;
    json!({
        "id": ID_MARK, "imp": imps, (place.0): place.1, "device": device,
        "user": {
            "id": USER_MARK, "keywords": "sports,finance,travel",
            "data": [{"id": "lt-segments", "name": "interests", "segment": [
                {"id": "10063", "name": "News"}, {"id": "10083", "name": "Digital"}, {"id": "10110", "name": "Household"}
            ]}]
        },
        "at": 1, "tmax": 150, "cur": ["CNY"], "allimps": 0, "test": 0,
        "bcat": ["IAB7-39", "IAB25", "IAB26"], "badv": ["lottery.example"], "wlang": ["zh"],
        "source": {
            "fd": 0, "tid": TID_MARK,
            "schain": {"ver": "1.0", "complete": 1, "nodes": [
                {"asi": format!("{}.example", media.id), "sid": format!("pub-{}", media.id), "hp": 1, "name": media.name}
            ]}
        },
        "regs": {"coppa": 0, "gdpr": 0},
        "ext": {"sdk": {"name": if app { "lt-sdk" } else { "lt-tag" }, "ver": "3.2.0"}}
    })
}

fn imp(id: &str, place: &PlacementCard, slot: &Slot) -> Value {
    json!({
        "id": id, "tagid": place.tagid, "secure": 1, "instl": 0,
        "bidfloor": f64::from(slot.floor_fen) / 100.0, "bidfloorcur": "CNY", "clickbrowser": 0,
        "metric": [{"type": "viewability", "value": viewability(&slot.visibility), "vendor": "EXCHANGE"}],
        "displaymanager": "lt-sdk", "displaymanagerver": "3.2.0", "exp": 3600
    })
}

fn banner(id: &str, place: &PlacementCard, sizes: &[(u32, u32)], slot: &Slot) -> Value {
    let mut imp = imp(id, place, slot);
    let format: Vec<Value> = sizes.iter().map(|(w, h)| json!({"w": w, "h": h})).collect();
    let (w, h) = sizes.first().copied().unwrap_or_default();
    let pos = u8::from(slot.visibility == "FirstView");
    imp["banner"] = json!({"w": w, "h": h, "format": format, "pos": pos, "battr": [1, 3, 8], "mimes": ["image/jpeg", "image/png"], "topframe": 1});
    imp
}

fn video_imp(id: &str, place: &PlacementCard, (w, h): (u32, u32), slot: &Slot) -> Value {
    let mut imp = imp(id, place, slot);
    imp["video"] = json!({
        "mimes": ["video/mp4"], "minduration": 5, "maxduration": 30, "protocols": [2, 3, 5, 6], "w": w, "h": h,
        "startdelay": 0, "plcmt": 1, "linearity": 1, "skip": 0, "playbackmethod": [1], "delivery": [2], "pos": 7,
        "boxingallowed": 1, "api": [7]
    });
    imp
}

fn expected(id: &str, place: &PlacementCard, format: Format, sizes: &[(u32, u32)]) -> ExpectedImp {
    ExpectedImp {
        id: id.to_owned(),
        tagid: place.tagid.clone(),
        format,
        sizes: sizes.to_vec(),
        minimum_display_ms: place.minimum_display_ms,
    }
}

fn content(kind: &str, number: u64) -> Value {
    json!({
        "id": format!("{kind}-{number}"), "title": "城市早新闻：天气、交通与市集", "series": "City Morning", "genre": "news",
        "cat": ["IAB12", "IAB12-2"], "context": if kind == "episode" { 1 } else { 5 }, "language": "zh", "len": 1260,
        "keywords": "city,morning,weather,traffic,market", "livestream": 0,
        "url": format!("https://content.example/{kind}/{number}")
    })
}

fn geo(slot: &Slot) -> Value {
    let mut geo = json!({"country": "CHN", "type": 2, "utcoffset": 480, "ext": {"city_code": slot.city}});
    if let Some(region) = iso_region(slot.region) {
        geo["region"] = json!(region);
    }
    geo
}

fn handset(slot: &Slot) -> Value {
    const CARRIERS: [(&str, &str); 3] =
        [("China Mobile", "460-00"), ("China Unicom", "460-01"), ("China Telecom", "460-11")];
    let (carrier, mccmnc) = CARRIERS[usize::try_from(slot.offset_ms % 3).unwrap_or(0)];
    let mut device = match slot.offset_ms % 4 {
        0 => json!({
            "ua": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "make": "Apple", "model": "iPhone16,1", "os": "iOS", "osv": "18.5", "w": 1179, "h": 2556, "ppi": 460
        }),
        1 => json!({
            "ua": "Mozilla/5.0 (Linux; Android 15; V2324A Build/AP3A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile Safari/537.36",
            "make": "vivo", "model": "V2324A", "os": "Android", "osv": "15", "w": 1260, "h": 2800, "ppi": 452
        }),
        _ => json!({
            "ua": "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile Safari/537.36",
            "make": "Xiaomi", "model": "23127PN0CC", "os": "Android", "osv": "14", "w": 1200, "h": 2670, "ppi": 460
        }),
    };
    let common = json!({
        "ip": IP_MARK, "devicetype": 4, "js": 1, "language": "zh", "carrier": carrier, "mccmnc": mccmnc,
        "connectiontype": 2 + slot.offset_ms % 5, "dnt": 0, "lmt": 0, "geo": geo(slot), "pxratio": 3.0
    });
    if let (Some(device), Some(common)) = (device.as_object_mut(), common.as_object()) {
        device.extend(common.clone());
    }
    device
}

fn system(user_agent: &str) -> &'static str {
    let known =
        [("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    known.iter().find(|(mark, _)| user_agent.contains(mark)).map_or("Other", |(_, name)| name)
}

fn viewability(visibility: &str) -> f64 {
    match visibility {
        "FirstView" => 0.85,
        "SecondView" => 0.6,
        "Na" => 0.5,
        _ => 0.35,
    }
}
