//! What each partner reads of its own.

use super::*;
use crate::event::{Measure, Stage};

const BUYER: (&str, &str) = ("buyer", "80010001");

/// All items of a list, a few at a time.
async fn all(plane: &Plane, partner: (&str, &str), path: &str, limit: usize) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = plane.get(partner, &format!("{path}?limit={limit}{cursor}")).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        seen.extend(items.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={}", crate::control::view::segment(next)),
            None => return seen,
        }
    }
}

fn names(items: &[Value]) -> Vec<(&str, u64, &str, &str)> {
    let text = |item: &'_ Value, field: &str| item[field].as_str().unwrap().to_owned().leak() as &str;
    items
        .iter()
        .map(|it| (text(it, "crid"), it["version"].as_u64().unwrap(), text(it, "state"), text(it, "origin")))
        .collect()
}

#[test]
fn creatives_come_from_the_docket_then_from_the_config_and_none_twice() {
    on_a_still_clock(async {
        let plane = Plane::new();
        plane.submit("80010001", "b", 1, CreativeState::Rejected);
        plane.submit("80010002", "theirs", 1, CreativeState::Approved);
        plane.submit("80010001", "a", 1, CreativeState::PendingReview);
        // One that the config has too: what was submitted says where it stands.
        plane.submit("80010001", "milk-open-1", 2, CreativeState::Checking);
        plane.submit("80010001", "b", 1, CreativeState::Suspended);
        let expected = [
            ("a", 1, "pending_review", "submitted"),
            ("milk-open-1", 2, "checking", "submitted"),
            ("b", 1, "suspended", "submitted"),
            ("milk-feed-1", 1, "approved", "config"),
        ];
        for limit in [1, 2, 3, 4, 500] {
            assert_eq!(names(&all(&plane, BUYER, "/creatives", limit).await), expected, "{limit}");
        }
        // The DSP of this buyer sees where they stand, not why.
        for limit in [1, 3, 500] {
            let seen = all(&plane, ("dsp", "aurora"), "/creatives", limit).await;
            assert_eq!(names(&seen), expected);
            assert!(seen.iter().all(|it| it.get("reason").is_none() && it.get("reasons").is_none()));
        }
        // Basalt bids for two buyers.
        let seen = all(&plane, ("dsp", "basalt"), "/creatives", 1).await;
        let accounts: Vec<_> = seen.iter().map(|it| it["account"].as_str().unwrap()).collect();
        assert!(accounts.is_sorted() && accounts.first() == Some(&"80010002") && accounts.last() == Some(&"80010003"));
        for cursor in ["x", "80010001/s/x", "80010001/z/1", "/"] {
            let reply = plane.get(BUYER, &format!("/creatives?cursor={cursor}")).await;
            assert_eq!(reply.code(), (400, "bad_query".to_owned()), "{cursor}");
            assert_eq!(reply.json()["error"]["path"], "cursor");
        }
        assert_eq!(
            plane.get(BUYER, "/creatives?cursor=80010002/s/0").await.json()["items"],
            json!([]),
            "another's cursor"
        );
    });
}

#[test]
fn a_creative_is_told_with_its_versions_its_history_and_why() {
    on_a_still_clock(async {
        let plane = Plane::new();
        plane.submit("80010001", "milk/9", 1, CreativeState::Checking);
        plane.submit("80010001", "milk/9", 1, CreativeState::Rejected);
        plane.submit("80010001", "milk/9", 2, CreativeState::Approved);
        let versions = plane.get(BUYER, "/creatives/milk%2F9").await.json();
        let states: Vec<_> =
            versions["items"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["rejected", "approved"]);
        let one = plane.get(BUYER, "/creatives/milk%2F9/1").await.json();
        assert_eq!((one["reason"].as_str(), one["state"].as_str()), (Some("reason for 80010001"), Some("rejected")));
        assert_eq!(one["submission"]["markup"], "<b>markup of 80010001</b>");
        let history = all(&plane, BUYER, "/creatives/milk%2F9/1/history", 1).await;
        let states: Vec<_> = history.iter().map(|it| it["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["rejected", "checking"]);
        assert!(history.iter().all(|it| it["by"] == "exchange"), "its people are not named: {history:?}");
        for path in
            ["/creatives/milk%2F9/3", "/creatives/milk%2F9/x", "/creatives/milk%2F9/0", "/creatives/milk/9/1/history"]
        {
            assert_eq!(plane.get(BUYER, path).await.status, 404, "{path}");
        }
        let config = plane.get(BUYER, "/creatives/milk-open-1").await.json();
        assert_eq!(
            (config["items"][0]["origin"].as_str(), config["items"][0]["served"].as_bool()),
            (Some("config"), Some(true))
        );
    });
}

#[test]
fn deals_tell_a_buyer_its_progress_and_its_price() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let deal = plane.state.market().deal_named("PDB-2026-SPRING-OPEN").unwrap().id;
        let day = plane.state.exchange().clock.now().shanghai_day();
        for (stage, times) in [(Stage::Offered, 40), (Stage::Won, 30), (Stage::Billed, 20)] {
            (0..times).for_each(|_| plane.state.exchange().attribution.count(deal, day, Measure::Stage(stage)));
        }
        let ids: Vec<_> =
            all(&plane, BUYER, "/deals", 1).await.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, ["PD-2026-DAIRY-FEED", "PDB-2026-SPRING-OPEN"]);
        let one = plane.get(BUYER, "/deals/PDB-2026-SPRING-OPEN?days=31").await.json();
        assert_eq!(one["today"], json!({ "offered": 40, "won": 30, "billed": 20 }));
        assert_eq!(
            (one["price"]["cpm"].as_str(), one["progress"]["ordered"].as_u64()),
            (Some("60.00"), Some(2_000_000))
        );
        assert_eq!(one["delivered"], json!([]));
        for days in ["0", "32", "x"] {
            let reply = plane.get(BUYER, &format!("/deals/PDB-2026-SPRING-OPEN?days={days}")).await;
            assert_eq!(reply.code(), (400, "bad_query".to_owned()), "{days}");
        }
        for limit in ["0", "501", "-1"] {
            let reply = plane.get(BUYER, &format!("/deals?limit={limit}")).await;
            assert_eq!(reply.code(), (400, "bad_query".to_owned()), "{limit}");
            assert!(reply.json()["error"]["zh"].as_str().unwrap().chars().any(|it| it > '\u{4e00}'));
        }
    });
}

#[test]
fn what_is_not_understood_is_an_error_and_names_it() {
    on_a_still_clock(async {
        let plane = Plane::new();
        plane.submit("80010001", "milk", 1, CreativeState::Checking);
        let market = plane.state.market();
        let buyer = market.buyers.iter().find(|buyer| buyer.account == "80010001").unwrap().id;
        let kind = crate::event::SubjectKind::Creative;
        let wanted = crate::event::Wanted { state: None, owner: Some(Owner::Buyer(buyer)) };
        let kept = plane.docket.list(kind, &wanted, 0, 1).unwrap().pop().unwrap();
        let step = Step { body: "{\"newer\": 1}".to_owned(), ..kept.step };
        plane.docket.take(&[Taken { step, after: kept.seq }]).unwrap();
        let reply = plane.get(BUYER, "/creatives").await;
        assert_eq!(reply.code(), (500, "unreadable".to_owned()));
        assert_eq!(reply.json()["error"]["path"], "creative milk version 1");
    });
}
