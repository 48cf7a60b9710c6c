use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use loadtest::dsp::{DspPlan, Latency, Script, ScriptedDsp, Stop, Temper};
use serde_json::{Value, json};

use crate::harness::{always, catalog, dsp, parts, raw};

fn request() -> Value {
    json!({"id": "q-1", "source": {"tid": "t-1"}, "imp": [{
        "id": "i-1", "tagid": "city-top", "banner": {"w": 728, "h": 90},
        "pmp": {"private_auction": 1, "deals": [
            {"id": "PD-2026-PAOPAO", "bidfloor": 62.0, "bidfloorcur": "CNY", "at": 3, "wseat": ["basalt-3"]},
            {"id": "PD-2026-X7-TOP", "bidfloor": 9.5, "bidfloorcur": "CNY", "at": 3, "wseat": ["basalt-1"]}
        ]}
    }]})
}

fn answer(temper: Temper) -> (u16, String, String) {
    parts(&raw(always(temper).addr(), "/bid", &request().to_string()))
}

fn spoken(temper: Temper) -> Value {
    let (status, head, body) = answer(temper);
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json"), "{head}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_bid_is_the_deals_price_by_the_owned_seat_with_a_fitting_creative() {
    let said = spoken(Temper::Bid);
    assert_eq!((&said["id"], &said["cur"]), (&json!("q-1"), &json!("CNY")));
    assert_eq!(said["seatbid"].as_array().unwrap().len(), 1);
    assert_eq!(said["seatbid"][0]["seat"], "basalt-3");
    let bid = &said["seatbid"][0]["bid"][0];
    assert_eq!((&bid["impid"], &bid["dealid"], &bid["price"]), (&json!("i-1"), &json!("PD-2026-PAOPAO"), &json!(62.0)));
    assert_eq!(
        (&bid["crid"], &bid["w"], &bid["h"], &bid["mtype"]),
        (&json!("paopao-banner-1"), &json!(728), &json!(90), &json!(1))
    );
    assert_eq!((&bid["adomain"], &bid["cat"]), (&json!(["paopao.example"]), &json!(["IAB9"])));
    let markup = bid["adm"].as_str().unwrap();
    assert!(markup.contains("${AUCTION_ID}") && markup.contains("href=\"https://paopao.example/island\""), "{markup}");
    assert!(bid.get("nurl").is_none());
}

#[test]
fn every_deal_is_bid_for_when_asked_to_and_notices_lead_back() {
    let dsp = dsp(Script::always(Temper::Bid).every_deal().with_notices());
    let (_, _, body) = parts(&raw(dsp.addr(), "/bid?x=1", &request().to_string()));
    let said: Value = serde_json::from_str(&body).unwrap();
    let seats: Vec<&str> =
        said["seatbid"].as_array().unwrap().iter().map(|group| group["seat"].as_str().unwrap()).collect();
    assert_eq!(seats, ["basalt-3", "basalt-1"]);
    let burl = said["seatbid"][1]["bid"][0]["burl"].as_str().unwrap();
    assert!(burl.starts_with(&format!("http://{}/notice/bill?", dsp.addr())), "{burl}");
    raw(dsp.addr(), "/notice/bill?auction=1", "");
    raw(dsp.addr(), "/notice/win", "");
    raw(dsp.addr(), "/notice/loss?reason=102", "");
    let stats = dsp.stats();
    assert_eq!((stats.requests, stats.bids, stats.wins, stats.billed, stats.losses), (1, 2, 1, 1, 1));
    assert_eq!(dsp.notices()[2], "/notice/loss?reason=102");
    let seen = &dsp.seen()[0];
    assert_eq!((seen.target.as_str(), &seen.body[..]), ("/bid?x=1", request().to_string().as_bytes()));
    assert_eq!(seen.headers["host"], "dsp");
}

#[test]
fn a_seat_that_the_deal_does_not_allow_or_a_size_that_no_creative_has_gets_no_bid() {
    let dsp = always(Temper::Bid);
    let ask = |path: &str, value: Value| {
        let mut request = request();
        *request.pointer_mut(path).unwrap() = value;
        parts(&raw(dsp.addr(), "/bid", &request.to_string()))
    };
    let (_, _, body) = ask("/imp/0/pmp/deals/0/wseat", json!(["comet-3"]));
    assert!(body.contains("PD-2026-X7-TOP") && !body.contains("PAOPAO"), "{body}");
    assert_eq!(ask("/imp/0/banner/w", json!(1)).0, 204);
    assert_eq!(ask("/imp/0/pmp/deals", json!([])).0, 204);
    assert_eq!(parts(&raw(dsp.addr(), "/bid", "{\"id\":")).0, 400);
    assert_eq!(dsp.stats().unreadable, 1);
}

#[test]
fn each_lie_changes_exactly_what_it_says() {
    let right = spoken(Temper::Bid);
    let bid = "/seatbid/0/bid/0";
    let lies: [(Temper, String, Value); 14] = [
        (Temper::WrongId, "/id".into(), json!("not-q-1")),
        (Temper::UnknownImp, format!("{bid}/impid"), json!("no-such-imp")),
        (Temper::BelowFloor, format!("{bid}/price"), json!(31.0)),
        (Temper::AbovePrice, format!("{bid}/price"), json!(124.0)),
        (Temper::WrongCurrency, "/cur".into(), json!("USD")),
        (Temper::NoCurrency, "/cur".into(), Value::Null),
        (Temper::UnknownDeal, format!("{bid}/dealid"), json!("no-such-deal")),
        (Temper::NoDeal, format!("{bid}/dealid"), Value::Null),
        (Temper::UnofferedDeal("D9".into()), format!("{bid}/dealid"), json!("D9")),
        (Temper::WrongSeat, "/seatbid/0/seat".into(), json!("no-such-seat")),
        (Temper::UnknownCreative, format!("{bid}/crid"), json!("no-such-creative")),
        (Temper::NoMarkup, format!("{bid}/adm"), Value::Null),
        (Temper::NoCreativeId, format!("{bid}/crid"), Value::Null),
        (Temper::ForeignAdvertiser, format!("{bid}/adomain"), json!(["foreign.example"])),
    ];
    for (temper, path, value) in lies {
        let name = temper.name();
        let said = spoken(temper);
        assert_eq!(said.pointer(&path).unwrap_or(&Value::Null), &value, "{name}");
        // With that one field put right again, nothing differs.
        let mut healed = right.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let holder = healed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            holder.remove(key)
        } else {
            holder.insert(key.to_owned(), value)
        };
        assert_eq!(said, healed, "{name} changed more than it should");
    }
    let sized = spoken(Temper::WrongSize);
    assert_eq!(sized["seatbid"][0]["bid"][0]["w"], 729);
}

#[test]
fn passes_and_statuses_are_plain_http() {
    assert_eq!(answer(Temper::Pass).0, 204);
    assert_eq!(answer(Temper::PassEmpty).2, "{}");
    let said = spoken(Temper::NoBidReason(8));
    assert_eq!((&said["id"], &said["nbr"]), (&json!("q-1"), &json!(8)));
    assert_eq!(answer(Temper::Status(503)).0, 503);
    let (status, head, _) = answer(Temper::Redirect);
    assert!(status == 302 && head.contains("location: /elsewhere"), "{head}");
    let coded =
        [Temper::Gzip, Temper::Bomb(200_000)].map(|temper| raw(always(temper).addr(), "/bid", &request().to_string()));
    for bytes in coded {
        let text = String::from_utf8_lossy(&bytes);
        // How small it gets differs by the library that compresses; a bomb expands to more than fifty times of what is sent.
        assert!(text.contains("content-encoding: gzip") && bytes.len() * 50 < 200_000, "{} {text}", bytes.len());
    }
    assert!(answer(Temper::Dribble(Duration::from_micros(10))).2.contains("PD-2026-PAOPAO"));
    assert!(answer(Temper::WrongType).1.contains("content-type: text/html"));
    assert!(answer(Temper::Oversized(300_000)).2.len() >= 300_000);
    let fixed = Temper::Fixed(r#"{"id":"@REQUEST_ID@","i":"@IMP_ID@","d":"@DEAL_ID@"}"#.into());
    assert_eq!(spoken(fixed), json!({"id": "q-1", "i": "i-1", "d": "PD-2026-PAOPAO"}));
}

#[test]
fn broken_answers_are_truly_broken() {
    let (status, head, body) = answer(Temper::Truncate);
    let promised = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let promised: usize = promised.trim().parse().unwrap();
    assert_eq!(status, 200);
    assert!(!body.is_empty() && body.len() < promised, "{} of {promised} bytes came", body.len());
    let (_, _, half) = answer(Temper::Malformed);
    assert!(!half.is_empty() && serde_json::from_str::<Value>(&half).is_err());
    assert_eq!(raw(always(Temper::Reset).addr(), "/bid", &request().to_string()), b"", "a reset says nothing");
}

#[test]
fn a_silent_dsp_keeps_the_connection_open_and_says_nothing() {
    let dsp = always(Temper::Silent);
    let mut socket = TcpStream::connect(dsp.addr()).unwrap();
    let body = request().to_string();
    write!(socket, "POST /bid HTTP/1.1\r\nhost: d\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let error = socket.read(&mut [0; 16]).unwrap_err();
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
    assert_eq!(dsp.stats().tempers["silent"], 1);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test measures a real wait")]
fn waits_are_kept_and_written_down_for_the_media() {
    let delays = std::sync::Arc::new(loadtest::delays::Delays::default());
    let script =
        Script::always(Temper::Slow(Duration::from_millis(20))).latency(Latency::Constant(Duration::from_millis(10)));
    let mut plan = DspPlan::new("basalt", &["basalt-3"], script);
    plan.delays = Some(std::sync::Arc::clone(&delays));
    let dsp = ScriptedDsp::start(plan, catalog()).unwrap();
    let started = Instant::now();
    assert_eq!(parts(&raw(dsp.addr(), "/bid", &request().to_string())).0, 200);
    assert!(started.elapsed() >= Duration::from_millis(30));
    assert!(delays.take("t-1").unwrap() >= 30_000);
}

#[tokio::test]
async fn a_stopped_dsp_frees_its_port_and_a_taken_port_is_named() {
    for how in [Stop::Graceful, Stop::Abrupt] {
        let dsp = always(Temper::Bid);
        let address = dsp.addr();
        let mut plan = DspPlan::new("second", &[], Script::always(Temper::Pass));
        plan.address = Some(address);
        let error = ScriptedDsp::start(plan, catalog()).unwrap_err();
        assert!(error.to_string().contains(&format!("second on {address}")), "{error}");
        dsp.stop(how).await;
        assert!(TcpStream::connect(address).is_err(), "{how:?}");
    }
}

#[test]
fn a_script_can_change_while_the_dsp_runs() {
    let dsp = always(Temper::Pass);
    let ask = || parts(&raw(dsp.addr(), "/bid", &request().to_string())).0;
    assert_eq!(ask(), 204);
    dsp.set_script(Script::always(Temper::Bid));
    assert_eq!(ask(), 200);
}
