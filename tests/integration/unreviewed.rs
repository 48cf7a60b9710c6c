//! Bids with content that nobody has reviewed: refused, and put into the queue, once and within bounds (R-REVIEW).

use std::collections::BTreeMap;

use loadtest::dsp::Temper;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, top};

const QUEUE: &str = "/api/v1/reviews?buyer=80010003&limit=1000";
const MARKUP: &str = "<a href=\"__CLICK_URL__\">广告 泡泡游戏</a>";

/// Only PD-2026-PAOPAO is sold at the top of `citypages`, and only `basalt` is heard.
fn only_basalt(deal: &Value) -> Pmpx {
    let edits = json!({"deals.toml": {"deal": {"id=PD-2026-X7-TOP": {"state": "paused"}, "id=PD-2026-PAOPAO": deal}}});
    let pmpx = Pmpx::start(NOON, &edits);
    pmpx.script("comet", Temper::Pass);
    pmpx
}

/// `basalt` bids with this creative from now on.
fn bids_with(pmpx: &Pmpx, crid: &str, markup: &str) {
    let body = json!({"id": "@REQUEST_ID@", "cur": "CNY", "seatbid": [{"seat": "basalt-3", "bid": [{
        "id": "b", "impid": "@IMP_ID@", "dealid": "PD-2026-PAOPAO", "price": 62, "crid": crid, "adm": markup,
        "adomain": ["paopao.example"], "mtype": 1, "w": 728, "h": 90, "cat": ["IAB9"],
    }]}]});
    pmpx.script("basalt", Temper::Fixed(body.to_string().into()));
}

fn queue(pmpx: &Pmpx) -> Vec<Value> {
    let (status, answer) = pmpx.control(QUEUE, None);
    assert_eq!(status, 200, "{answer}");
    answer["items"].as_array().unwrap().clone()
}

/// Approves a version as the only one that waits, and waits until it is served.
fn approve(pmpx: &Pmpx, version: u16) {
    pmpx.wait_until("its checks are done", || !queue(pmpx).is_empty());
    let waiting: Vec<_> = queue(pmpx).iter().map(|it| (it["crid"].clone(), it["version"].clone())).collect();
    assert_eq!(waiting, [(json!("new-7"), json!(version))]);
    let path = format!("/api/v1/reviews/creatives/80010003/new-7/{version}/approve");
    let (status, answer) = pmpx.control(&path, Some(&json!({})));
    assert_eq!((status, answer["state"].as_str()), (200, Some("approved")), "{answer}");
    pmpx.wait_until("it is served", || {
        let market = pmpx.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        let it = market.creative(buyer, "new-7").unwrap();
        (it.version.0, it.state.label()) == (version, "approved")
    });
}

fn outcomes(pmpx: &Pmpx) -> BTreeMap<&'static str, u64> {
    pmpx.exchange().metrics.unreviewed.iter().filter(|(_, count)| *count > 0).collect()
}

/// R-REVIEW: from the first bid with an unknown creative to its win, and the same for its next version.
#[test]
fn r_review_a_bids_creative_is_in_the_queue_once_and_wins_when_it_is_approved() {
    let pmpx = only_basalt(&json!({"adm": "approved", "formats": ["banner", "video"]}));
    bids_with(&pmpx, "new-7", MARKUP);
    let test = json!({"id": "r", "test": 1, "imp": top()["imp"], "site": {"id": "s"}});
    assert_eq!(pmpx.auction("citypages", &test).status, 204, "a test request leaves nothing behind");
    let answers = pmpx.auctions("citypages", &top(), (2, 500));
    assert!(answers.len() == 1_000 && answers.iter().all(|answer| answer.status == 204));
    let refused = |reason: &str| pmpx.rejected()["basalt"].get(reason).copied().unwrap_or(0);
    assert_eq!(refused("unknown_creative") + refused("creative_pending"), 1_001);
    pmpx.wait_until("it is submitted", || !outcomes(&pmpx).is_empty());
    approve(&pmpx, 1);
    assert_eq!(outcomes(&pmpx), BTreeMap::from([("submitted", 1)]), "one copy for a thousand bids");
    let (_, review) = pmpx.control("/api/v1/reviews/creatives/80010003/new-7/1", None);
    assert_eq!(
        (&review["origin"], &review["submission"]["landing_page"]),
        (&json!("bid"), &json!("https://paopao.example/"))
    );
    let first = review["history"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&first["by"], &first["reason"]),
        (&json!("dsp:basalt"), &json!("bid for deal PD-2026-PAOPAO, of paopao.example"))
    );
    assert!(review["findings"].as_array().unwrap().iter().any(|it| it["code"] == "page-assumed"), "{review}");
    let won = bids(&pmpx.auction("citypages", &top())).remove(0);
    assert_eq!(won["crid"], "new-7");

    bids_with(&pmpx, "new-7", &MARKUP.replace("泡泡游戏", "泡泡游戏 2"));
    assert!(pmpx.auctions("citypages", &top(), (2, 50)).iter().all(|answer| answer.status == 204));
    assert_eq!(refused("markup_not_approved"), 100);
    pmpx.wait_until("it is submitted", || outcomes(&pmpx)["submitted"] == 2);
    approve(&pmpx, 2);
    assert_eq!(bids(&pmpx.auction("citypages", &top())).remove(0)["crid"], "new-7");
}

/// R-REVIEW: a DSP with a new creative in every bid fills neither the docket nor the queue, and what is left out is counted.
#[test]
fn r_review_a_flood_of_new_creatives_is_bounded() {
    let pmpx = only_basalt(&json!({}));
    bids_with(&pmpx, "@REQUEST_ID@", MARKUP);
    let handed =
        || outcomes(&pmpx).iter().filter(|(name, _)| **name != "too_often").map(|(_, count)| count).sum::<u64>();
    for minute in 0..4_u64 {
        pmpx.set_clock(&format!("2026-11-22T12:0{minute}:00+08:00"));
        pmpx.auctions("citypages", &top(), (2, 20));
        pmpx.wait_until("they are heard", || handed() == 30 * (minute + 1));
    }
    let expected = BTreeMap::from([("submitted", 100), ("too_many_waiting", 20), ("too_often", 40)]);
    assert_eq!(outcomes(&pmpx), expected);
    pmpx.wait_until("their checks are done", || queue(&pmpx).len() == 100);
}
