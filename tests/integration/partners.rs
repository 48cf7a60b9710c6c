//! The partner API of a running node, as partners use it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};

use crate::harness::{NOON, PATIENCE, Pmpx, bids, client_of, parsed, splash};

const BUYER: &str = "buyer-80010001.demo-80010001-partner-secret";
const OTHER: &str = "buyer-80010002.demo-80010002-partner-secret";
const DSP: &str = "dsp-aurora.demo-aurora-partner-secret";
const MEDIA: &str = "media-sunrise.demo-sunrise-partner-secret";

/// A document of one page, without a page.
pub(crate) const LICENCE: &[u8] =
    b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n";
/// A partner may ask 20 times a second.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks the partner API of a node.
pub(crate) fn ask(pmpx: &Pmpx, token: &str, method: &str, path: &str, (kind, body): (&str, &[u8])) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("/partner/v1{path}"));
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", kind);
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    let address = pmpx.control_address();
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Within the rate that a partner has.
            tokio::time::sleep(PAUSE).await;
            let client = client_of(address);
            let answer =
                tokio::time::timeout(PATIENCE, client.send(request)).await.expect("an answer in time").unwrap();
            (answer.status.as_u16(), parsed(&answer))
        })
    };
    std::thread::scope(|scope| scope.spawn(asking).join().unwrap())
}

/// Puts JSON over the partner API of a node.
pub(crate) fn put(pmpx: &Pmpx, token: &str, path: &str, body: &Value) -> (u16, Value) {
    ask(pmpx, token, "PUT", path, ("application/json", body.to_string().as_bytes()))
}

pub(crate) fn get(pmpx: &Pmpx, token: &str, path: &str) -> (u16, Value) {
    ask(pmpx, token, "GET", path, ("application/json", b""))
}

pub(crate) fn post(pmpx: &Pmpx, token: &str, path: &str, body: &Value) -> (u16, Value) {
    ask(pmpx, token, "POST", path, ("application/json", body.to_string().as_bytes()))
}

/// R-SHARE, R-SECRET: what is billed shows to the buyer as what it pays, to the media as what it earns, to nobody else.
#[test]
fn an_impression_shows_to_each_as_its_own() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    let answer = pmpx.auction("sunrise", &splash());
    let bid = &bids(&answer)[0];
    let deal = bid["dealid"].as_str().unwrap().to_owned();
    assert_eq!(deal, "PDB-2026-SPRING-OPEN");
    assert_eq!(pmpx.get(bid["burl"].as_str().unwrap()).status, 200);
    let path = format!("/deals/{deal}");
    pmpx.wait_until("the ledger has it", || get(&pmpx, BUYER, &path).1["delivered"][0]["impressions"] == 1);
    let day = |token, field: &str| get(&pmpx, token, &path).1["delivered"][0][field].clone();
    assert_eq!((day(BUYER, "impressions"), day(MEDIA, "impressions")), (json!(1), json!(1)));
    assert_eq!(day(BUYER, "amount")["amount"], "0.06", "60.00 for a thousand");
    assert_eq!(day(MEDIA, "earned")["amount"], "0.051", "less 15 %");
    assert_eq!((day(BUYER, "earned"), day(MEDIA, "amount")), (Value::Null, Value::Null));
    assert_eq!(get(&pmpx, DSP, &path).1.get("delivered"), None);
    assert_eq!(get(&pmpx, OTHER, &path).0, 404);
    let (_, balance) = get(&pmpx, BUYER, "/balance");
    assert_eq!(balance["account"], "80010001");
    assert_eq!(get(&pmpx, "sunrise.demo-sunrise-secret", "/me").0, 401, "a request key opens nothing here");
}

/// The path of what a buyer puts before the exchange: an advertiser with its licence, a creative, and what people decide; nobody else sees
/// any of it.
#[test]
fn r_review_what_a_buyer_submits_is_decided_and_stays_its_own() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    let registration = json!({
        "account": "80010001", "advertiser": "lotus-tea", "name": "Lotus Tea", "source": "Lotus Tea Co.", "domains": ["lotus.example"],
        "category": "IAB8",
    });
    let (status, told) = post(&pmpx, BUYER, "/advertisers", &registration);
    assert_eq!((status, told["state"].as_str()), (201, Some("pending")), "{told}");
    let (status, file) = ask(&pmpx, BUYER, "POST", "/files", ("application/pdf", LICENCE));
    assert_eq!(status, 201, "{file}");
    let creative = json!({
        "account": "80010001", "advertiser": "qinghe-dairy", "crid": "spring-9", "version": 1, "format": "banner", "sizes": ["640x360"],
        "landing_page": "https://qinghe.example/spring", "markup": "<a href=\"__CLICK_URL__\">广告 青禾乳业</a>",
    });
    let (status, told) = post(&pmpx, BUYER, "/creatives", &creative);
    assert_eq!((status, told["state"].as_str()), (201, Some("checking")), "{told}");

    let state = || get(&pmpx, BUYER, "/creatives/spring-9/1").1["state"].clone();
    pmpx.wait_until("it is examined", || state() == "pending_review");
    let verify = "/api/v1/reviews/advertisers/80010001/lotus-tea/1/verify";
    assert_eq!(pmpx.control(verify, Some(&json!({ "reason": "the licence was seen" }))).0, 200);
    let decide = "/api/v1/reviews/creatives/80010001/spring-9/1/reject";
    let (_, reasons) = pmpx.control("/api/v1/reviews/reasons", None);
    let reason = &reasons["items"][0]["code"];
    let (status, told) = pmpx.control(decide, Some(&json!({ "reasons": [reason], "reason": "no price on the page" })));
    assert_eq!(status, 200, "{told}");

    assert_eq!(get(&pmpx, BUYER, "/advertisers/lotus-tea").1["items"][0]["state"], "verified");
    let (_, rejected) = get(&pmpx, BUYER, "/creatives/spring-9/1");
    assert_eq!(
        (rejected["state"].as_str(), rejected["reason"].as_str()),
        (Some("rejected"), Some("no price on the page"))
    );
    let (_, messages) = get(&pmpx, BUYER, "/messages?unread=true");
    assert!(messages["items"].as_array().is_some_and(|it| !it.is_empty()), "the buyer is told: {messages}");

    for (token, own) in [(OTHER, 200), (MEDIA, 404), (DSP, 404)] {
        for path in
            ["/advertisers/lotus-tea", "/creatives/spring-9", "/creatives/spring-9/1", "/creatives/spring-9/1/history"]
        {
            assert_eq!(get(&pmpx, token, path).0, 404, "{path}");
        }
        for path in ["/advertisers", "/files"] {
            let (status, list) = get(&pmpx, token, path);
            assert_eq!((status, list["items"].as_array().map_or(0, Vec::len)), (own, 0), "{path}");
        }
    }
    // Its DSP sees where it stands, and not why.
    let (_, seen) = get(&pmpx, DSP, "/creatives");
    let seen = seen["items"].as_array().unwrap().iter().find(|it| it["crid"] == "spring-9").unwrap().clone();
    assert_eq!((seen["state"].as_str(), seen.get("reason")), (Some("rejected"), None));
    let (_, foreign) = get(&pmpx, "dsp-comet.demo-comet-partner-secret", "/creatives");
    assert!(foreign["items"].as_array().unwrap().iter().all(|it| it["account"] == "80010003"));
}
