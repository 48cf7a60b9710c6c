//! Rules that a golden file cannot say well: every lie of a DSP, prices in whatever form, limits of time.

use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use loadtest::dsp::{Script, Temper};
use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, auction, bids, parsed, splash, top};

/// Each lie of a DSP, and the reason under which its bid is counted.
#[test]
fn every_lie_of_a_dsp_has_its_reason_and_wins_nothing() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("basalt", Temper::Pass);
    let lies = [
        (Temper::WrongId, "wrong_auction"),
        (Temper::UnknownImp, "unknown_imp"),
        (Temper::BelowFloor, "below_deal_price"),
        (Temper::WrongCurrency, "wrong_currency"),
        (Temper::NoCurrency, "wrong_currency"),
        (Temper::UnknownDeal, "deal_not_offered"),
        (Temper::NoDeal, "missing_deal"),
        (Temper::UnofferedDeal("PDB-2026-SPRING-OPEN".into()), "deal_not_offered"),
        (Temper::WrongSeat, "seat_not_allowed"),
        (Temper::UnknownCreative, "unknown_creative"),
        (Temper::NoMarkup, "missing_markup"),
        (Temper::NoCreativeId, "missing_creative"),
        (Temper::ForeignAdvertiser, "foreign_advertiser"),
        (Temper::WrongSize, "size_not_allowed"),
        (Temper::Malformed, "invalid_response"),
    ];
    let mut expected = BTreeMap::<String, u64>::new();
    for (lie, reason) in lies {
        let name = lie.name();
        pmpx.script("comet", lie);
        let answer = pmpx.auction("citypages", &top());
        assert_eq!((answer.status.as_u16(), &answer.headers["x-pmpx-nbr"]), (204, &"504".parse().unwrap()), "{name}");
        *expected.entry(reason.to_owned()).or_default() += 1;
        assert_eq!(pmpx.rejected()["comet"], expected, "{name}");
    }
    let deal = &pmpx.events()["PD-2026-PAOPAO"];
    assert_eq!((deal["offered"], deal["bid_rejected"], deal.get("won")), (15, 15, None));
}

/// Answers that are no OpenRTB at all: each is counted at its DSP, and the deal's opportunity ends as the DSP's failure.
#[test]
fn a_broken_dsp_is_a_failure_and_no_error_for_the_media() {
    let pmpx = Pmpx::start(NOON, &json!({"dsps.toml": {"dsp": {"id=comet": {"timeout": "100ms"}}}}));
    pmpx.script("basalt", Temper::Pass);
    let ways = [
        (Temper::Status(500), "status", "dsp_failed"),
        (Temper::WrongType, "content_type", "dsp_failed"),
        (Temper::Oversized(300 * 1_024), "too_large", "dsp_failed"),
        (Temper::Reset, "connection", "dsp_failed"),
        (Temper::Truncate, "connection", "dsp_failed"),
        (Temper::Silent, "timeout", "dsp_timeout"),
    ];
    let exchange = pmpx.exchange();
    let comet = exchange.market.load().dsps.iter().find(|dsp| dsp.wire == "comet").unwrap().id;
    let asked = |outcome: &str| {
        let place = pmpx::metrics::DSP_OUTCOMES.iter().position(|label| *label == outcome).unwrap();
        exchange.metrics.dsps.get(comet).unwrap().asked[place].get()
    };
    for (way, outcome, cause) in ways {
        let name = way.name();
        let ended = || pmpx.events()["PD-2026-PAOPAO"].get(cause).copied().unwrap_or(0);
        let before = (asked(outcome), ended());
        pmpx.script("comet", way);
        let answer = pmpx.auction("citypages", &top());
        assert_eq!((answer.status.as_u16(), &answer.headers["x-pmpx-nbr"]), (204, &"503".parse().unwrap()), "{name}");
        assert_eq!((asked(outcome), ended()), (before.0 + 1, before.1 + 1), "{name}");
    }
}

/// R-SECRET: the agreed price, and the amounts made of it, stand nowhere in what the media gets, in whatever form.
#[test]
fn r_secret_a_media_never_sees_a_gross_price() {
    let price = |cpm: &str| json!({"deals.toml": {"deal": {"id=PD-2026-PAOPAO": {"cpm": cpm}}}});
    let pmpx = Pmpx::start(NOON, &price("87.654"));
    pmpx.script("basalt", Temper::Fixed(bid_with_price_macros()));
    pmpx.script("comet", Temper::Pass);
    let answer = pmpx.auction("citypages", &top());
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(bids(&answer)[0]["price"].to_string(), "74.505", "87.654 less 15 %, down to a tenth of a fen");
    for gross in ["87.654", "87,654", "87654", "0.087654"] {
        assert!(!text.contains(gross), "{gross} in {text}");
    }
    let markup = bids(&answer)[0]["adm"].as_str().unwrap().to_owned();
    assert!(markup.starts_with("<a p= e=><img src="), "a price in the markup would reach the media: {markup}");
    // What the token holds is not the price with another alphabet: the same charge seals to other bytes per purpose.
    let token = |name: &str| {
        let url = bids(&answer)[0][name].as_str().unwrap().to_owned();
        url.split('/').nth(5).unwrap().split('?').next().unwrap().to_owned()
    };
    assert!(token("burl") != token("nurl") && token("burl").len() < 256);
}

fn bid_with_price_macros() -> bytes::Bytes {
    let bid = json!({"id": "b", "impid": "1", "price": 87.654, "dealid": "PD-2026-PAOPAO", "crid": "paopao-banner-1",
        "adomain": ["paopao.example"], "adm": "<a p=${AUCTION_PRICE} e=${AUCTION_PRICE:B64}>", "w": 728, "h": 90});
    json!({"id": "@REQUEST_ID@", "cur": "CNY", "seatbid": [{"seat": "basalt-3", "bid": [bid]}]}).to_string().into()
}

/// R-SECRET: nothing of other DSPs, buyers or media is in what a DSP is sent.
#[test]
fn r_secret_a_dsp_sees_nothing_of_others() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.auction("sunrise", &splash());
    pmpx.wait_until("all are asked", || pmpx.dsps().iter().all(|dsp| dsp.stats().requests == 1));
    let foreign = [
        ("aurora", ["PAOPAO", "basalt", "comet", "62", "80010002", "80010003"]),
        ("basalt", ["SPRING", "aurora", "comet", "60", "80010001", "basalt-1"]),
        ("comet", ["SPRING", "aurora", "basalt", "60", "80010001", "80010003"]),
    ];
    for (dsp, names) in foreign {
        let seen = pmpx.dsp(dsp).seen().pop().unwrap();
        let mut body: Value = serde_json::from_slice(&seen.body).unwrap();
        body["id"] = Value::Null;
        body["source"]["schain"]["nodes"][0]["rid"] = Value::Null;
        body["tmax"] = Value::Null;
        let text = body.to_string();
        for name in names {
            assert!(!text.contains(name), "{dsp} sees {name}: {text}");
        }
        assert!(seen.headers.get("authorization").is_none(), "the media's key stays here");
        assert_eq!(seen.headers["x-openrtb-version"], "2.6");
    }
}

/// A DSP is told the time that it really has: within the request's, less what is kept back, and within its own.
#[test]
fn a_dsp_is_told_the_time_that_it_has() {
    let pmpx = Pmpx::start(NOON, &json!({"dsps.toml": {"dsp": {"id=comet": {"timeout": "50ms"}}}}));
    for dsp in pmpx.dsps() {
        dsp.set_script(Script::always(Temper::Pass));
    }
    let mut body = top();
    body["tmax"] = 400.into();
    pmpx.auction("citypages", &body);
    let told = |dsp: &str| {
        let seen = pmpx.dsp(dsp).seen().pop().unwrap();
        serde_json::from_slice::<Value>(&seen.body).unwrap()["tmax"].as_u64().unwrap()
    };
    assert!((200..=390).contains(&told("basalt")), "{}", told("basalt"));
    assert!((20..=50).contains(&told("comet")), "{}", told("comet"));
}

/// A DSP that never answers holds an auction until its deadline and no longer; then it has timed out.
#[test]
fn a_silent_dsp_is_waited_for_until_the_deadline_and_no_answer_of_it_counts() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    for dsp in pmpx.dsps() {
        dsp.set_script(Script::always(Temper::Silent));
    }
    let mut body = top();
    body["tmax"] = 300.into();
    let answer = pmpx.auction("citypages", &body);
    assert_eq!(answer.headers["x-pmpx-nbr"], "503");
    let (sum, count, _) = pmpx.exchange().metrics.request_seconds.read();
    assert_eq!(count, 1);
    assert!(sum >= 0.2, "nobody else could have ended the wait: {sum} s");
    assert_eq!(pmpx.events()["PD-2026-PAOPAO"]["dsp_timeout"], 1);
}

/// One snapshot per request: a market that is published in the middle of one changes nothing for it (architecture, invariant 1).
#[test]
fn a_reload_in_the_middle_of_a_request_changes_nothing_for_it() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("basalt", Temper::Pass);
    pmpx.script("comet", Temper::Slow(Duration::from_millis(700)));
    let answer = pmpx.auction_while("citypages", &top(), || {
        let asked = pmpx.dsp("comet").stats().requests == 1;
        if asked {
            pmpx.edit(&json!({"deals.toml": {"deal": {"id=PD-2026-PAOPAO": {"cpm": "99.00"}}}}));
            pmpx.reload();
        }
        asked
    });
    assert_eq!(bids(&answer)[0]["price"].to_string(), "52.7", "as it was offered");
    pmpx.script("comet", Temper::Bid);
    assert_eq!(bids(&pmpx.auction("citypages", &top()))[0]["price"].to_string(), "84.15", "99.00 less 15 %");
}

/// A media that breaks off while DSPs are asked: the opportunity ends under that cause, and nothing is awarded.
#[test]
fn r_makegood_what_the_media_breaks_off_ends_under_a_cause() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("aurora", Temper::Silent);
    pmpx.script("basalt", Temper::Silent);
    pmpx.script("comet", Temper::Silent);
    let body = splash().to_string();
    let mut socket = std::net::TcpStream::connect(pmpx.address()).unwrap();
    let head = "POST /openrtb2/auction HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sunrise.demo-sunrise-secret";
    write!(socket, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    pmpx.wait_until("a DSP is asked", || pmpx.dsp("aurora").stats().requests == 1);
    drop(socket);
    let ended = |deal: &str, cause: &str| pmpx.events().get(deal).and_then(|counts| counts.get(cause)).copied();
    pmpx.wait_until("the media is missed", || ended("PDB-2026-SPRING-OPEN", "media_gone") == Some(1));
    assert_eq!(ended("PDB-2026-SPRING-OPEN", "offered"), Some(1));
    assert_eq!(ended("PDB-2026-SPRING-OPEN", "won"), None, "the fallback was not awarded to nobody");
    pmpx.settle();
}

/// Only POST asks for an auction; what is there for load balancers answers; nothing else is there.
#[test]
fn calls_have_their_methods() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    let send = |method: &str, path: &str| {
        let answer = pmpx.send(Request::builder().method(method).uri(path).body(Full::default()).unwrap());
        let allow = answer.headers.get("allow").map(|value| value.to_str().unwrap().to_owned());
        (answer.status.as_u16(), allow)
    };
    assert_eq!(send("GET", "/openrtb2/auction"), (405, Some("POST".into())));
    assert_eq!(send("PUT", "/n/bill/x"), (405, Some("GET, POST".into())));
    assert_eq!(send("POST", "/n/win/x"), (405, Some("GET".into())));
    assert_eq!(send("GET", "/readyz"), (200, None));
    assert_eq!(send("GET", "/"), (404, None));
    let no_type = Request::post("/openrtb2/auction").header("authorization", "Bearer sunrise.demo-sunrise-secret");
    let answer = pmpx.send(no_type.body(Full::new(splash().to_string().into())).unwrap());
    assert_eq!(answer.status, 200, "OpenRTB 2.6 §2.4: a missing type is JSON");
    let answer =
        pmpx.send(auction("sunrise").header("content-encoding", "gzip").body(Full::new("no gzip".into())).unwrap());
    assert_eq!((answer.status.as_u16(), parsed(&answer)["error"]["code"].as_str()), (400, Some("malformed")));
}
