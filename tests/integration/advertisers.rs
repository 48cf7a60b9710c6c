//! Advertisers that are registered in the docket, from the partner API to the bid and the beacon (R-QUALIFY, R-OWN).

use loadtest::dsp::Temper;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, moment, start_node, top};
use crate::partners::{LICENCE, ask, get, post};

const BUYER: &str = "buyer-80010003.demo-80010003-partner-secret";
const DEAL: &str = "PD-2026-PAOPAO";
/// What DSPs bid with in the example under that deal; they tell its config's domain, and its category, IAB9.
const CRID: &str = "paopao-banner-1";
const DOMAIN: &str = "paopao.example";

fn only_paopao() -> Pmpx {
    let pmpx = Pmpx::start(NOON, &json!({"deals.toml": {"deal": {"id=PD-2026-X7-TOP": {"state": "paused"}}}}));
    pmpx.script("basalt", Temper::Pass);
    pmpx
}

/// Sends what a partner registers.
fn sends(pmpx: &Pmpx, path: &str, body: &Value) {
    let (status, told) = post(pmpx, BUYER, path, body);
    assert_eq!(status, 201, "{told}");
}

/// What a reviewer does.
fn does(pmpx: &Pmpx, path: &str, reason: &str) {
    let (status, told) = pmpx.control(&format!("/api/v1/reviews/{path}"), Some(&json!({ "reason": reason })));
    assert_eq!(status, 200, "{told}");
}

/// Until when an advertiser of the buyer is qualified, as the hot plane sees it; `None`: it is not there, or not qualified.
fn served_until(pmpx: &Pmpx, advertiser: &str) -> Option<String> {
    let market = pmpx.exchange().market.load_full();
    let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
    market.advertiser_named(buyer, advertiser)?.qualified_until.map(|day| day.to_string())
}

/// Registers an advertiser with a licence that ends and a contract, as its buyer does; a reviewer verifies all of it.
fn registers(pmpx: &Pmpx, advertiser: &str, licence_until: &str) {
    let registration = json!({
        "account": "80010003", "advertiser": advertiser, "name": "泡泡海家居", "source": "泡泡海", "domains": [DOMAIN], "category": "IAB9-2",
    });
    sends(pmpx, "/advertisers", &registration);
    let (_, file) = ask(pmpx, BUYER, "POST", "/files", ("application/pdf", LICENCE));
    for (kind, number, until) in [("business-licence", "L1", licence_until), ("client-contract", "C1", "2027-06-30")] {
        let document = json!({
            "account": "80010003", "advertiser": advertiser, "number": number, "kind": kind, "issuer": "上海市市场监督管理局",
            "valid_from": "2026-01-01", "valid_until": until, "files": [file["sha256"]],
        });
        sends(pmpx, "/documents", &document);
        does(pmpx, &format!("documents/80010003/{advertiser}/{number}/1/verify"), "seen");
    }
    does(pmpx, &format!("advertisers/80010003/{advertiser}/1/verify"), "seen");
}

/// Submits the creative that DSPs bid with as the advertiser's; a reviewer approves it.
fn submits(pmpx: &Pmpx, advertiser: &str) {
    let creative = json!({
        "account": "80010003", "advertiser": advertiser, "crid": CRID, "version": 1, "format": "banner", "sizes": ["728x90"],
        "landing_page": "https://paopao.example/sea",
        "markup": "<a href=\"__CLICK_URL__\"><img src=\"https://cdn.paopao.example/1.jpg\" alt=\"\"></a>广告 泡泡海",
    });
    sends(pmpx, "/creatives", &creative);
    let state = || get(pmpx, BUYER, &format!("/creatives/{CRID}/1")).1["state"].clone();
    pmpx.wait_until("it is examined", || state() != "checking");
    does(pmpx, &format!("creatives/80010003/{CRID}/1/approve"), "seen");
    pmpx.wait_until("the verdict is served", || {
        let market = pmpx.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        let owner = market.advertiser(market.creative(buyer, CRID).unwrap().advertiser);
        owner.is_some_and(|owner| owner.wire == advertiser)
    });
}

fn wins(pmpx: &Pmpx) -> Value {
    bids(&pmpx.auction("citypages", &top())).remove(0)
}

/// Nothing is won, and why not is the buyer's (R-MAKEGOOD).
fn loses_unqualified(pmpx: &Pmpx, times: u64) {
    assert_eq!(pmpx.auction("citypages", &top()).status.as_u16(), 204);
    assert_eq!(pmpx.events()[DEAL]["not_qualified"], times);
}

fn bill(pmpx: &Pmpx, bid: &Value) -> u16 {
    pmpx.get(bid["burl"].as_str().unwrap()).status.as_u16()
}

/// R-QUALIFY, R-OWN: an advertiser that no config knows runs once its papers are verified, at each process and after a restart; what is taken back
/// stops bids, and what was won and not displayed.
#[test]
fn r_qualify_an_advertiser_of_the_docket_wins_until_it_is_withdrawn() {
    let mut pmpx = only_paopao();
    registers(&pmpx, "paopao-sea", "2027-03-31");
    submits(&pmpx, "paopao-sea");
    pmpx.wait_until("it is served", || served_until(&pmpx, "paopao-sea").as_deref() == Some("2027-03-31"));
    let bid = wins(&pmpx);
    assert_eq!((&bid["crid"], &bid["cat"]), (&json!(CRID), &json!(["IAB9-2"])), "of the docket, not of the config");
    assert_eq!(bill(&pmpx, &bid), 200);
    pmpx.restart(&json!({}));
    let second = start_node(pmpx.config(), pmpx.data(), &pmpx.exchange().clock, Some(2));
    let there = || {
        let market = second.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        market.advertiser_named(buyer, "paopao-sea").unwrap().is_qualified_on(moment(NOON).shanghai_day())
    };
    assert!(there(), "a second process knows it before it serves");
    let (shown, kept) = (wins(&pmpx), wins(&pmpx));
    assert_eq!(bill(&pmpx, &shown), 200);
    does(&pmpx, "advertisers/80010003/paopao-sea/1/withdraw", "the contract is over");
    pmpx.wait_until("both have taken it over", || served_until(&pmpx, "paopao-sea").is_none() && !there());
    assert_eq!((bill(&pmpx, &kept), bill(&pmpx, &kept), bill(&pmpx, &shown)), (410, 410, 200));
    loses_unqualified(&pmpx, 1);
    let (_, told) = get(&pmpx, BUYER, "/me");
    let own: Vec<_> = told["advertisers"].as_array().unwrap().iter().map(|it| &it["qualified_until"]).collect();
    assert_eq!(own, [&Value::Null, &json!("2027-12-31")]);
    second.stop(std::time::Duration::ZERO);
    assert_eq!(pmpx.settle().posted_micro_yuan, 124_000, "two displays");
}

/// R-QUALIFY: at midnight in Shanghai after a document's last day bids stop by themselves, and what was won before is void; a renewal brings them back.
#[test]
fn r_qualify_a_document_ends_at_midnight_by_itself() {
    let pmpx = only_paopao();
    registers(&pmpx, "paopao-sea", "2026-11-22");
    submits(&pmpx, "paopao-sea");
    pmpx.wait_until("it is served", || served_until(&pmpx, "paopao-sea").as_deref() == Some("2026-11-22"));
    pmpx.set_clock("2026-11-22T23:59:59+08:00");
    let (shown, kept) = (wins(&pmpx), wins(&pmpx));
    assert_eq!(bill(&pmpx, &shown), 200);
    pmpx.set_clock("2026-11-23T00:00:00+08:00");
    assert_eq!(bill(&pmpx, &kept), 410, "whether anybody has looked at the document yet or not");
    loses_unqualified(&pmpx, 1);
    let (_, file) = ask(&pmpx, BUYER, "POST", "/files", ("application/pdf", LICENCE));
    let renewal = json!({
        "account": "80010003", "advertiser": "paopao-sea", "number": "L2", "kind": "business-licence", "issuer": "x",
        "valid_from": "2026-11-23", "valid_until": "2027-11-22", "files": [file["sha256"]],
    });
    sends(&pmpx, "/documents", &renewal);
    does(&pmpx, "documents/80010003/paopao-sea/L2/1/verify", "seen");
    pmpx.wait_until("it is served again", || served_until(&pmpx, "paopao-sea").as_deref() == Some("2027-06-30"));
    assert_eq!(bill(&pmpx, &wins(&pmpx)), 200);
}

/// R-QUALIFY: what the config qualifies is stopped by the docket as soon as the docket has had it in force.
#[test]
fn r_qualify_the_docket_stops_an_advertiser_of_the_config() {
    let pmpx = only_paopao();
    let kept = wins(&pmpx);
    registers(&pmpx, "paopao-games", "2027-03-31");
    pmpx.wait_until("it is served", || served_until(&pmpx, "paopao-games").as_deref() == Some("2027-03-31"));
    let bid = wins(&pmpx);
    assert_eq!(bid["cat"], json!(["IAB9-2"]), "as it was verified");
    does(&pmpx, "documents/80010003/paopao-games/L1/1/refuse", "the seal is wrong");
    pmpx.wait_until("it is stopped", || served_until(&pmpx, "paopao-games").is_none());
    assert_eq!((bill(&pmpx, &kept), bill(&pmpx, &bid)), (410, 410));
    loses_unqualified(&pmpx, 1);
}

/// R-QUALIFY: the deal is offered for another advertiser of the buyer that is qualified; a bid for the registered one that is not is refused.
#[test]
fn r_qualify_a_bid_for_a_registered_advertiser_that_is_not_qualified_is_refused() {
    let other = json!({
        "crid": "paopao-banner-2", "account": "80010003", "advertiser": "paopao-games", "version": 1, "state": "approved",
        "format": "banner", "sizes": ["728x90"], "landing_page": "https://paopao.example/island",
    });
    let pmpx = Pmpx::start(
        NOON,
        &json!({
            "deals.toml": {"deal": {"id=PD-2026-X7-TOP": {"state": "paused"}}},
            "creatives.toml": {"creative": {"+": [other]}},
        }),
    );
    pmpx.script("basalt", Temper::Pass);
    registers(&pmpx, "paopao-sea", "2027-03-31");
    submits(&pmpx, "paopao-sea");
    pmpx.wait_until("it is served", || served_until(&pmpx, "paopao-sea").is_some());
    assert_eq!(wins(&pmpx)["crid"], CRID);
    does(&pmpx, "documents/80010003/paopao-sea/C1/1/refuse", "the seal is wrong");
    pmpx.wait_until("it is stopped", || served_until(&pmpx, "paopao-sea").is_none());
    assert_eq!(pmpx.auction("citypages", &top()).status.as_u16(), 204);
    assert_eq!(pmpx.rejected()["comet"]["not_qualified"], 1);
    assert_eq!(pmpx.events()[DEAL]["bid_rejected"], 1, "it was offered");
}
