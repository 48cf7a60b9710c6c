//! Bids with content that nobody has reviewed: refused, and put into the queue, once and within bounds (R-REVIEW).

use std::collections::BTreeMap;
use std::time::Duration;

use loadtest::dsp::Temper;
use pmpx::clock::Clock;
use pmpx::event::{Docket, SubjectKind, Wanted};
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, moment, start_node, top};

const QUEUE: &str = "/api/v1/reviews?buyer=80010003&limit=1000";
const MARKUP: &str = "<a href=\"__CLICK_URL__\">广告 泡泡游戏</a>";

/// Only PD-2026-PAOPAO is sold at the top of `citypages`, and only `basalt` is heard.
fn only_basalt(deal: &Value) -> Pmpx {
    let edits = json!({"deals.toml": {"deal": {"id=PD-2026-X7-TOP": {"state": "paused"}, "id=PD-2026-PAOPAO": deal}}});
    let pmpx = Pmpx::start(NOON, &edits);
    pmpx.script("comet", Temper::Pass);
    pmpx
}

/// An answer of `basalt` with this creative for these imps.
fn fixed(crid: &str, markup: &str, imps: &[&str]) -> Temper {
    let bid = |imp: &&str| {
        json!({
            "id": "b", "impid": imp, "dealid": "PD-2026-PAOPAO", "price": 62, "crid": crid, "adm": markup,
            "adomain": ["paopao.example"], "mtype": 1, "w": 728, "h": 90, "cat": ["IAB9"],
        })
    };
    let bids: Vec<_> = imps.iter().map(bid).collect();
    let body = json!({"id": "@REQUEST_ID@", "cur": "CNY", "seatbid": [{"seat": "basalt-3", "bid": bids}]});
    Temper::Fixed(body.to_string().into())
}

/// `basalt` bids with this creative from now on.
fn bids_with(pmpx: &Pmpx, crid: &str, markup: &str) {
    pmpx.script("basalt", fixed(crid, markup, &["@IMP_ID@"]));
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
    bids_with(&pmpx, "test-1", MARKUP);
    let test = json!({"id": "r", "test": 1, "imp": top()["imp"], "site": {"id": "s"}});
    assert_eq!(pmpx.auction("citypages", &test).status, 204, "a test request leaves nothing behind");
    bids_with(&pmpx, "new-7", MARKUP);
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

fn state(pmpx: &Pmpx) -> &'static str {
    let market = pmpx.exchange().market.load_full();
    let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
    market.creative(buyer, "new-7").map_or("unknown", |it| it.state.label())
}

/// A serve-first deal under which `basalt` has bid with a creative that waits for a person now.
fn serve_first(a_day: u32, media: &Value) -> Pmpx {
    let deal = json!({"review": "after", "unreviewed_a_day": a_day, "formats": ["banner", "video"]});
    let other = json!({"state": "paused"});
    let edits = json!({
        "deals.toml": {"deal": {"id=PD-2026-X7-TOP": other, "id=PD-2026-PAOPAO": deal}},
        "media.toml": {"media": {"id=citypages": media}},
    });
    let pmpx = Pmpx::start(NOON, &edits);
    pmpx.script("comet", Temper::Pass);
    bids_with(&pmpx, "new-7", MARKUP);
    assert_eq!(pmpx.auction("citypages", &top()).status, 204);
    pmpx.wait_until("its checks are done", || state(&pmpx) == "pending_review");
    pmpx
}

/// How many of these auctions were won.
fn won(pmpx: &Pmpx, (connections, each): (usize, usize)) -> usize {
    pmpx.auctions("citypages", &top(), (connections, each)).iter().filter(|answer| answer.status == 200).count()
}

/// R-REVIEW: what waits for a person wins where deal and media say so, as it was submitted, up to the day's limit: over a restart, and until it is approved.
#[test]
fn r_review_a_serve_first_deal_wins_up_to_its_limit_before_review() {
    let mut pmpx = serve_first(5, &json!({}));
    let refused = |pmpx: &Pmpx, reason: &str| pmpx.rejected()["basalt"].get(reason).copied().unwrap_or(0);
    assert_eq!((won(&pmpx, (1, 2)), refused(&pmpx, "unreviewed_not_taken")), (0, 2), "the media has not agreed");
    pmpx.edit(&json!({"media.toml": {"media": {"id=citypages": {"unreviewed": true}}}}));
    pmpx.reload();
    bids_with(&pmpx, "new-7", &MARKUP.replace("泡泡游戏", "泡泡游戏 2"));
    assert_eq!((won(&pmpx, (1, 2)), refused(&pmpx, "markup_not_approved")), (0, 2));
    bids_with(&pmpx, "new-7", MARKUP);
    assert_eq!(won(&pmpx, (2, 2)), 4);
    // Two places, and one impression left: both bids count, and one of them wins.
    let place = |id: &str| json!({"id": id, "tagid": "city-top", "banner": {"w": 728, "h": 90}});
    let two = json!({"id": "r", "imp": [place("1"), place("2")], "site": {"id": "s"}});
    pmpx.script("basalt", fixed("new-7", MARKUP, &["1", "2"]));
    assert_eq!(bids(&pmpx.auction("citypages", &two)).len(), 1);
    assert_eq!(pmpx.events()["PD-2026-PAOPAO"]["won"], 5);
    bids_with(&pmpx, "new-7", MARKUP);
    assert_eq!((won(&pmpx, (1, 3)), refused(&pmpx, "unreviewed_limit")), (0, 3));
    pmpx.restart(&json!({}));
    assert_eq!((won(&pmpx, (1, 2)), refused(&pmpx, "unreviewed_limit")), (0, 2), "the day is the same");
    let (_, deal) = pmpx.control("/api/v1/deals/PD-2026-PAOPAO", None);
    assert_eq!(deal["unreviewed"], json!({"a_day": 5, "left_here": 0}), "{deal}");
    approve(&pmpx, 1);
    assert_eq!(won(&pmpx, (2, 4)), 8, "what is approved is not limited");
}

/// R-REVIEW: two processes on one data folder share the day; one that ends gives back what it has not won.
#[test]
fn r_review_two_processes_win_no_more_together_than_the_share() {
    let pmpx = serve_first(60, &json!({"unreviewed": true}));
    let clock = Clock::manual(moment(NOON));
    let second = start_node(pmpx.config(), pmpx.data(), &clock, Some(2));
    let won_at = |address| {
        let answers = pmpx.auctions_at(address, "citypages", &top(), (1, 70));
        answers.iter().filter(|answer| answer.status == 200).count()
    };
    let other = won_at(second.address());
    assert_eq!((other, won(&pmpx, (1, 70))), (10, 50), "the first one has reserved 50 of the 60");
    second.stop(Duration::ZERO);
    let third = start_node(pmpx.config(), pmpx.data(), &clock, Some(3));
    assert_eq!(won_at(third.address()), 0);
    third.stop(Duration::ZERO);

    let mut pmpx = serve_first(60, &json!({"unreviewed": true}));
    assert_eq!(won(&pmpx, (1, 20)), 20);
    pmpx.restart(&json!({}));
    assert_eq!(won(&pmpx, (1, 70)), 40, "what was not won before the restart");
}

/// R-REVIEW, R-REFUSE: a person's rejection stops it, and what was won and not displayed is void. Another day is another share.
#[test]
fn r_refuse_what_is_served_first_stops_when_it_is_rejected() {
    let pmpx = serve_first(2, &json!({"unreviewed": true}));
    assert_eq!(won(&pmpx, (1, 3)), 2);
    pmpx.set_clock("2026-11-23T12:00:00+08:00");
    pmpx.wait_until("the next day's share is reserved", || {
        let deal = pmpx.exchange().market.load().deal_named("PD-2026-PAOPAO").unwrap().id;
        pmpx.exchange().allowances.left(deal, pmpx.exchange().clock.now().shanghai_day()) == 2
    });
    let bid = || bids(&pmpx.auction("citypages", &top())).remove(0);
    let (shown, kept) = (bid(), bid());
    let bill = |bid: &Value| pmpx.get(bid["burl"].as_str().unwrap()).status.as_u16();
    assert_eq!(bill(&shown), 200);
    let path = "/api/v1/reviews/creatives/80010003/new-7/1/reject";
    let (status, answer) = pmpx.control(path, Some(&json!({"reasons": ["misleading"], "reason": "no"})));
    assert_eq!(status, 200, "{answer}");
    pmpx.wait_until("the verdict is served", || state(&pmpx) == "rejected");
    assert_eq!((bill(&kept), bill(&shown)), (410, 200), "what was billed stays billed");
    assert_eq!(won(&pmpx, (1, 1)), 0);
    assert_eq!(pmpx.rejected()["basalt"]["creative_not_approved"], 1);
}

/// R-REVIEW: what a bid says goes into the queue as it says it; what it does not say is taken from the imp where that leaves no choice, and what a review
/// would not mend, or could not read, is not handed over at all.
#[test]
fn r_review_a_bids_words_are_taken_as_they_are_and_no_others() {
    let pmpx = Pmpx::start(
        NOON,
        &json!({
            "deals.toml": {"deal": {"id=PD-2026-PAOPAO": {"formats": ["banner"], "placements": [{"media": "sunrise", "tagid": "sunrise-feed"}]},
                "id=PD-2026-DAIRY-FEED": {"state": "paused"}}},
        }),
    );
    pmpx.script("comet", Temper::Pass);
    let bid = |crid: &str, more: Value| {
        let mut bid = json!({
            "id": crid, "impid": "1", "dealid": "PD-2026-PAOPAO", "price": 62, "crid": crid, "adm": MARKUP, "adomain": ["paopao.example"],
            "mtype": 1, "w": 640, "h": 360, "cat": ["IAB9"],
        });
        for (key, value) in more.as_object().unwrap() {
            bid[key] = value.clone();
        }
        bid
    };
    let answer = |bids: Vec<Value>| {
        let body = json!({"id": "@REQUEST_ID@", "cur": "CNY", "seatbid": [{"seat": "basalt-3", "bid": bids}]});
        pmpx.script("basalt", Temper::Fixed(body.to_string().into()));
    };
    let feed = |sizes: &[(u16, u16)]| {
        let format: Vec<_> = sizes.iter().map(|(w, h)| json!({"w": w, "h": h})).collect();
        let native = json!({"request": {"ver": "1.2", "assets": [{"id": 1, "required": 1, "title": {"len": 30}}]}});
        let imp = json!({"id": "1", "tagid": "sunrise-feed", "banner": {"format": format}, "native": native});
        json!({"id": "r", "imp": [imp], "app": {"id": "a"}})
    };
    answer(vec![
        bid("cheap", json!({"price": 1})),
        bid("empty", json!({"adm": " "})),
        bid("no-size", json!({"w": 0, "h": 0})),
        bid("other-list", json!({"cat": ["150"], "cattax": 7})),
        bid("no-format", json!({"mtype": null})),
        bid("large", json!({"adm": format!("{MARKUP}{}", "x".repeat(90 << 10))})),
    ]);
    assert_eq!(pmpx.auction("sunrise", &feed(&[(640, 360)])).status, 204);
    answer(vec![bid("which-size", json!({"w": null, "h": null}))]);
    assert_eq!(pmpx.auction("sunrise", &feed(&[(640, 360), (1200, 627)])).status, 204);
    pmpx.wait_until("they are heard", || outcomes(&pmpx).values().sum::<u64>() == 5);
    assert_eq!(outcomes(&pmpx), BTreeMap::from([("incomplete", 1), ("submitted", 3), ("too_large", 1)]));
    pmpx.wait_until("their checks are done", || queue(&pmpx).len() == 3);
    let said = |crid: &str| {
        let (_, review) = pmpx.control(&format!("/api/v1/reviews/creatives/80010003/{crid}/1"), None);
        let it = &review["submission"];
        (it["format"].clone(), it["sizes"].clone(), it["categories"].clone())
    };
    assert_eq!(said("no-size"), (json!("banner"), json!(["640x360"]), json!(["IAB9"])));
    assert_eq!(said("no-format"), said("no-size"));
    assert_eq!(said("other-list").2.as_array().map_or(0, Vec::len), 0, "categories of another list are not compared");
}

/// R-REVIEW: an ad takes as many impressions of the share as it counts, and gives them back where nothing pays for it. Without a share nobody is asked.
#[test]
fn r_review_what_is_won_before_review_takes_its_whole_quantity_of_the_share_and_no_more() {
    let frequency = json!({"impressions": 2, "per": "day", "unknown_user": "serve"});
    let deal =
        json!({"review": "after", "unreviewed_a_day": 5, "formats": ["banner", "video"], "frequency": frequency});
    let over = json!({
        "state": "paused", "review": "after", "unreviewed_a_day": 5, "until": "2026-11-21", "formats": ["banner"],
    });
    let pmpx = Pmpx::start(
        NOON,
        &json!({
            "deals.toml": {"deal": {"id=PD-2026-X7-TOP": over, "id=PD-2026-PAOPAO": deal}},
            "media.toml": {"media": {"id=citypages": {"unreviewed": true, "consent_since": "2026-01-01"}}},
            "creatives.toml": {"creative": {"crid=paopao-banner-1": {"state": "pending_review"}}},
        }),
    );
    pmpx.script("comet", Temper::Pass);
    bids_with(&pmpx, "new-7", MARKUP);
    assert_eq!(pmpx.auction("citypages", &top()).status, 204);
    pmpx.wait_until("its checks are done", || state(&pmpx) == "pending_review");
    let left = || pmpx.control("/api/v1/deals/PD-2026-PAOPAO", None).1["unreviewed"]["left_here"].clone();
    let imp = |id: &str, quantity: u32| json!({"id": id, "tagid": "city-top", "banner": {"w": 728, "h": 90}, "qty": {"multiplier": quantity}});
    let ask = |imps: &[Value], user: &str| {
        pmpx.auction("citypages", &json!({"id": "r", "imp": imps, "site": {"id": "s"}, "user": {"id": user}}))
    };
    assert_eq!((ask(&[imp("1", 2)], "anna").status.as_u16(), left()), (200, json!(3)));
    // The second of two is one too many for her: it is not won, and takes nothing.
    pmpx.script("basalt", fixed("new-7", MARKUP, &["1", "2"]));
    assert_eq!((bids(&ask(&[imp("1", 1), imp("2", 1)], "anna")).len(), left()), (1, json!(2)));
    bids_with(&pmpx, "new-7", MARKUP);
    assert_eq!((ask(&[imp("1", 3)], "ben").status.as_u16(), left()), (204, json!(2)), "more than is left");
    assert_eq!((ask(&[imp("1", 2)], "ben").status.as_u16(), left()), (200, json!(0)));
    let asked = |pmpx: &Pmpx| pmpx.dsp("basalt").stats().requests;
    let before = asked(&pmpx);
    assert_eq!(
        (ask(&[imp("1", 1)], "cleo").status.as_u16(), asked(&pmpx)),
        (204, before),
        "nobody is asked for nothing"
    );
    let shares = pmpx.docket().list(SubjectKind::Allowance, &Wanted::default(), 0, 9).unwrap();
    assert_eq!(shares.len(), 1, "none is reserved of a deal that is over");
}
