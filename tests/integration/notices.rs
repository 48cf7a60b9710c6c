//! What DSPs hear of their bids, through a whole node: once each, with the right words, over restarts, and again on request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use loadtest::dsp::{Script, Temper};
use pmpx::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, moment, splash, top};

/// Every DSP bids for every deal, with notices of its own.
fn with_notices(pmpx: &Pmpx) {
    pmpx.dsps().iter().for_each(|dsp| dsp.set_script(Script::always(Temper::Bid).every_deal().with_notices()));
}

/// What a DSP has heard: kind and macros, without its own marks and with the auction's id masked.
fn heard(pmpx: &Pmpx, dsp: &str, auction: &str) -> Vec<String> {
    let mut heard: Vec<_> = pmpx.dsp(dsp).notices();
    for target in &mut heard {
        let (path, query) = target.split_once('?').unwrap();
        let macros = query.split_once("&auction=").unwrap().1;
        let response = macros.split_once("&bid=").unwrap().1.split('&').next().unwrap();
        let masked = macros.replace(auction, "AUCTION").replace(&format!("&bid={response}&"), "&bid=R&");
        *target = format!("{} {masked}", path.trim_start_matches("/notice/"));
    }
    heard.sort();
    heard
}

fn counts(pmpx: &Pmpx) -> BTreeMap<String, [u64; 3]> {
    let of = |dsp: &loadtest::dsp::ScriptedDsp| {
        let stats = dsp.stats();
        assert_eq!(stats.wrong_notices, BTreeMap::new(), "{}", dsp.name());
        (dsp.name().to_owned(), [stats.wins, stats.billed, stats.losses])
    };
    pmpx.dsps().iter().map(of).collect()
}

fn urls(pmpx: &Pmpx, media: &str, body: &Value) -> (String, String, String) {
    let answer = pmpx.auction(media, body);
    let bid = &bids(&answer)[0];
    let text = |name: &str| bid[name].as_str().unwrap().to_owned();
    let auction = text("id").split('-').next().unwrap().to_owned();
    (auction, text("nurl"), text("burl"))
}

#[test]
fn r_secret_each_dsp_hears_once_and_only_what_is_its_own() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    with_notices(&pmpx);
    // A request whose guaranteed deal wins over two DSPs' bids for the preferred one: all three must have been heard.
    pmpx.dsp("aurora")
        .set_script(Script::always(Temper::Slow(std::time::Duration::from_millis(300))).every_deal().with_notices());
    let (auction, nurl, burl) = urls(&pmpx, "sunrise", &splash());
    pmpx.wait_until("the losers heard", || counts(&pmpx).values().map(|it| it[2]).sum::<u64>() >= 1);
    assert_eq!(pmpx.get(&nurl).status, 204);
    pmpx.wait_until("the winner heard that it won", || counts(&pmpx)["aurora"] == [1, 0, 0]);
    assert_eq!(pmpx.get(&nurl).status, 204);
    for answer in pmpx.get_at_once(&burl, 8) {
        assert_eq!(answer.status, 200);
    }
    pmpx.wait_until("it heard that it was billed", || counts(&pmpx)["aurora"] == [1, 1, 0]);
    assert_eq!(pmpx.get(&nurl).status, 204);
    pmpx.stop();
    let words = |price: &str, loss: &str, seat: &str, more: &str| {
        format!(
            "AUCTION&bid=R&imp=1&seat={seat}&ad=&price={price}&cur=CNY&mbr={}&loss={loss}&min={price}&mult={}&ts={more}&pct=&cpm=",
            if price.is_empty() { "" } else { "1" },
            if price.is_empty() { "" } else { "1" },
        )
    };
    let billed_at = moment(NOON).0.to_string();
    let expected = [
        format!("bill {}", words("60", "0", "aurora-1", &billed_at)),
        format!("win {}", words("60", "0", "aurora-1", "")),
    ];
    assert_eq!(heard(&pmpx, "aurora", &auction), expected);
    for (dsp, seat) in [("basalt", "basalt-3"), ("comet", "comet-3")] {
        let lost = heard(&pmpx, dsp, &auction);
        assert_eq!(lost, [format!("loss {}", words("", "103", seat, ""))], "{dsp} hears why, and nobody's price");
    }
}

#[test]
fn a_rejected_bid_hears_why_and_a_test_request_tells_nobody() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    with_notices(&pmpx);
    let mut body = splash();
    body["test"] = 1.into();
    assert_eq!(pmpx.auction("sunrise", &body).status, 200);
    pmpx.dsp("basalt").set_script(Script::always(Temper::Pass));
    pmpx.dsp("comet").set_script(Script::always(Temper::BelowFloor).with_notices());
    let answer = pmpx.auction("citypages", &top());
    assert_eq!(answer.status, 204);
    pmpx.wait_until("it hears why", || pmpx.dsp("comet").notices().len() == 1);
    let lost = pmpx.dsp("comet").notices().remove(0);
    assert!(lost.contains("&loss=101&") && lost.contains("&price=&") && lost.contains("&min=&"), "{lost}");
    pmpx.stop();
    assert_eq!(
        counts(&pmpx),
        BTreeMap::from(
            ["aurora", "basalt", "comet"].map(|dsp| { (dsp.to_owned(), [0, 0, u64::from(dsp == "comet")]) })
        )
    );
}

#[test]
fn what_was_won_before_a_restart_is_told_after_it() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    with_notices(&pmpx);
    let (_, first_win, first_bill) = urls(&pmpx, "sunrise", &splash());
    let (_, _, second_bill) = urls(&pmpx, "sunrise", &splash());
    assert_eq!(pmpx.get(&first_win).status, 204);
    pmpx.wait_until("the first won", || counts(&pmpx)["aurora"][0] == 1);
    pmpx.restart(&json!({}));
    for url in [&first_bill, &first_bill, &second_bill] {
        assert_eq!(pmpx.get(url).status, 200);
    }
    assert_eq!(pmpx.get(&first_win).status, 204);
    pmpx.wait_until("both were billed", || counts(&pmpx)["aurora"][..2] == [2, 2]);
    pmpx.restart(&json!({}));
    pmpx.stop();
    assert_eq!(counts(&pmpx)["aurora"][..2], [2, 2], "and nothing twice");
    assert_eq!(pmpx.settle().posted_micro_yuan, 120_000);
}

/// The status that a receiver answers with, and the targets that it was asked for.
type Log = Arc<Mutex<(u16, Vec<String>)>>;

/// A receiver that says 404 until it is told another status.
fn receiver() -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new((404_u16, Vec::new())));
    let inside = state.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                continue;
            }
            let mut rest = String::new();
            // An empty line ends the head.
            while reader.read_line(&mut rest).unwrap_or(0) > 2 {
                rest.clear();
            }
            let mut state = inside.lock().unwrap();
            state.1.push(line.split(' ').nth(1).unwrap().to_owned());
            let answer = format!("HTTP/1.1 {} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", state.0);
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    (address, state)
}

/// A bid of comet's for the top of `citypages` with this `burl`.
fn bid_with(burl: &str) -> Temper {
    let bid = json!({"id": "b", "impid": "@IMP_ID@", "price": 62, "dealid": "PD-2026-PAOPAO", "crid": "paopao-banner-1",
        "adomain": ["paopao.example"], "w": 728, "h": 90, "mtype": 1, "adm": "<a></a>", "burl": burl});
    let body = json!({"id": "@REQUEST_ID@", "cur": "CNY", "seatbid": [{"seat": "comet-3", "bid": [bid]}]});
    Temper::Fixed(body.to_string().into())
}

fn listed(pmpx: &Pmpx, query: &str) -> Vec<Value> {
    let (status, answer) = pmpx.control(&format!("/api/v1/notices{query}"), None);
    assert_eq!(status, 200, "{answer}");
    answer["items"].as_array().unwrap().clone()
}

#[test]
fn what_could_not_be_delivered_is_listed_outlives_a_restart_and_is_sent_again() {
    let mut pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &json!({}));
    let (address, state) = receiver();
    let heard = || state.lock().unwrap().1.clone();
    pmpx.script("basalt", Temper::Pass);
    for number in 1..=3 {
        pmpx.script("comet", bid_with(&format!("http://{address}/bill/{number}?p=${{AUCTION_PRICE}}")));
        let (_, _, burl) = urls(&pmpx, "citypages", &top());
        assert_eq!(pmpx.get(&burl).status, 200);
        pmpx.wait_until("it is kept", || listed(&pmpx, "").len() == number);
    }
    let kept = listed(&pmpx, "?dsp=comet&state=undelivered");
    let of = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        (text("kind"), text("state"), text("error"), text("url"), item["attempts"].as_u64().unwrap())
    };
    let url = |number: u32| format!("http://{address}/bill/{number}?p=62");
    assert_eq!(of(&kept[0]), ("bill".into(), "undelivered".into(), "status 404".into(), url(3), 1), "the newest first");
    assert_eq!(listed(&pmpx, "?dsp=aurora"), [] as [Value; 0]);
    assert_eq!(listed(&pmpx, "?state=retrying"), [] as [Value; 0]);
    for query in ["?dsp=nobody", "?state=lost", "?limit=0", "?cursor=x", "?page=2"] {
        assert_eq!(pmpx.control(&format!("/api/v1/notices{query}"), None).0, 400, "{query}");
    }
    pmpx.restart(&json!({}));
    assert_eq!(listed(&pmpx, "").len(), 3);
    assert_eq!(heard(), ["/bill/1?p=62", "/bill/2?p=62", "/bill/3?p=62"], "not tried by itself any more");
    state.lock().unwrap().0 = 200;
    let id = kept[2]["id"].as_u64().unwrap();
    let again = |path: &str, body: Value| pmpx.control(&format!("/api/v1/notices/{path}"), Some(&body));
    assert_eq!(again(&format!("{id}/resend"), json!({"reason": "they moved it"})), (200, json!({"resent": 1})));
    pmpx.wait_until("the first has come", || heard().len() == 4 && listed(&pmpx, "").len() == 2);
    assert_eq!(again(&format!("{id}/resend"), json!({})).0, 404, "it was delivered");
    assert_eq!(again("resend", json!({"dsp": "nobody"})).0, 404);
    assert_eq!(again("resend", json!({})).0, 400);
    assert_eq!(again("resend", json!({"dsp": "comet"})), (200, json!({"resent": 2})));
    pmpx.wait_until("all have come", || heard().len() == 6 && listed(&pmpx, "").is_empty());
    let (_, log) = pmpx.control("/api/v1/audit", None);
    let told: Vec<_> = log["items"].as_array().unwrap().iter().filter(|it| it["action"] == "resend").collect();
    assert_eq!(told.len(), 2, "{log}");
    assert_eq!(
        (told[1]["subject"].as_str(), told[1]["reason"].as_str()),
        (Some(&*format!("notice {id}")), Some("they moved it"))
    );
}

#[test]
fn r_dsp_a_suspended_dsp_hears_nothing() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    with_notices(&pmpx);
    let (_, nurl, burl) = urls(&pmpx, "sunrise", &splash());
    pmpx.switch("dsps/aurora/suspend");
    assert_eq!(pmpx.get(&nurl).status, 204);
    assert_eq!(pmpx.get(&burl).status, 410, "its charge is void");
    pmpx.stop();
    assert_eq!(counts(&pmpx)["aurora"], [0, 0, 0]);
}
