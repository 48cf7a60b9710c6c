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

/// A partner may ask 20 times a second.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks the partner API of a node.
fn ask(pmpx: &Pmpx, token: &str, method: &str, path: &str, (kind, body): (&str, &[u8])) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("/partner/v1{path}"));
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", kind);
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    let address = pmpx.control_address();
    // Within the rate that a partner has.
    std::thread::sleep(PAUSE);
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = client_of(address);
            let answer =
                tokio::time::timeout(PATIENCE, client.send(request)).await.expect("an answer in time").unwrap();
            (answer.status.as_u16(), parsed(&answer))
        })
    };
    std::thread::scope(|scope| scope.spawn(asking).join().unwrap())
}

fn get(pmpx: &Pmpx, token: &str, path: &str) -> (u16, Value) {
    ask(pmpx, token, "GET", path, ("application/json", b""))
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
