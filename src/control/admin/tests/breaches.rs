//! Orders and breaches over HTTP.

use serde_json::json;

use super::*;

async fn enter(plane: &Plane, kind: &str, reference: &str, record: Value) -> Reply {
    let body = json!({ "reference": reference, "record": record }).to_string();
    plane.post(&format!("/api/v1/finance/{kind}"), &body, "").await
}

#[tokio::test]
async fn r_damage_change_the_fourth_suspends_the_buyer_for_good() {
    let plane = Plane::new().await;
    let violation = json!({
        "buyer": "80010001", "day": "2026-11-22", "breach": {"kind": "page-change", "unlawful": false},
        "evidence": {
            "expected": "the page as it was approved", "found": "another page", "at": "2026-11-22T08:00:00+08:00",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        },
    });
    for reference in ["v1", "v2", "v3"] {
        let entered = enter(&plane, "violation", reference, violation.clone()).await;
        assert_eq!(entered.status, 201, "{}", entered.body);
    }
    let stand = plane.get("/api/v1/buyers/80010001/breaches").await.json();
    assert_eq!((stand["owed"].as_str(), stand["next_page_change"].as_u64()), (Some("620000.00"), Some(4)));
    assert_eq!(stand["delivery_stopped_by"], Value::Null);
    let buyer = plane.state.market().buyers.iter().find(|buyer| buyer.account == "80010001").unwrap().id;
    assert!(!plane.state.market().buyer_is_suspended(buyer));

    assert_eq!(enter(&plane, "violation", "v4", violation).await.status, 201);
    assert!(plane.state.market().buyer_is_suspended(buyer), "the next request sees it");
    let stand = plane.get("/api/v1/buyers/80010001/breaches").await.json();
    assert_eq!(stand["delivery_stopped_by"], "R-DAMAGE-CHANGE");
    assert_eq!((&stand["ended_for_good"], &stand["last_days"]["of_use"]), (&json!("2026-11-22"), &json!("2026-11-22")));
    let refused = plane.post("/api/v1/buyers/80010001/resume", r#"{"reason":"please"}"#, "").await;
    assert_eq!(refused.code(), (422, "against_a_rule".to_owned()));

    // A waiver takes it back; whoever waives also resumes.
    let waiver = json!({"buyer": "80010001", "violation": "v4", "reason": "the page had not changed"});
    assert_eq!(enter(&plane, "waiver", "w1", waiver).await.status, 201);
    let resumed = plane.post("/api/v1/buyers/80010001/resume", r#"{"reason":"waived"}"#, "").await;
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    assert!(!plane.state.market().buyer_is_suspended(buyer));
    assert_eq!(plane.get("/api/v1/buyers/1/breaches").await.status, 404);
}

#[tokio::test]
async fn r_order_a_confirmed_order_is_in_the_market_from_the_next_day_on() {
    let plane = Plane::new().await;
    let market = plane.state.market();
    let deal = market.deal_named("PDB-2026-SPRING-OPEN").unwrap();
    let (from, until) = deal.period;
    let order = json!({
        "number": "O-1", "version": 1, "buyer": "80010001", "contract": "PMP-2026-0001", "signed": "2026-11-20",
        "lines": [{
            "deal": deal.wire, "method": "PDB", "from": from, "until": until, "cpm": "61.00", "push_ratio": "1.5",
            "daily": 1_000, "differs": ["price", "volume", "push-ratio"],
        }],
    });
    let entered = enter(&plane, "order", "o1", order).await;
    assert_eq!(entered.status, 201, "{}", entered.body);
    let confirmation = json!({"buyer": "80010001", "number": "O-1", "version": 1, "day": "2026-11-22"});
    let confirmed = enter(&plane, "order-confirmation", "c1", confirmation).await;
    assert_eq!(confirmed.status, 201, "{}", confirmed.body);
    let orders = plane.get("/api/v1/buyers/80010001/orders").await.json();
    let order = &orders["items"][0];
    assert_eq!((&order["number"], &order["in_force"]), (&json!("O-1"), &Value::Null), "the day has begun");
    assert_eq!(order["versions"][0]["in_force_from"], "2026-11-23");
    let line = &order["versions"][0]["lines"][0];
    assert_eq!((&line["cpm"], &line["served"]), (&json!("61.00"), &json!(false)));
    assert_eq!(line["differs_from_config"], json!(["price", "volume", "push-ratio"]));

    let page = plane.get("/api/v1/deals/PDB-2026-SPRING-OPEN").await.json();
    assert_eq!((&page["price"]["cpm"], &page["terms"]["by"]), (&json!("60.00"), &json!("deals.toml")));
    let turn = &page["turns"][0];
    assert_eq!(
        (&turn["from"], &turn["price"]["cpm"], &turn["ordered"]),
        (&json!("2026-11-23"), &json!("61.00"), &json!(1_000))
    );
    let warnings = plane.get("/api/v1/market").await.json()["warnings"].to_string();
    assert!(warnings.contains("deals.toml says another price, volume, push ratio; the order is served"), "{warnings}");

    // Midnight, and nobody has done anything.
    plane.state.exchange.clock.set(crate::clock::ShanghaiDay::parse("2026-11-23").unwrap().starts_at());
    let page = plane.get("/api/v1/deals/PDB-2026-SPRING-OPEN").await.json();
    assert_eq!(page["price"]["cpm"], "61.00");
    assert_eq!(page["terms"], json!({"by": "order", "order": "O-1", "version": 1}));
    let progress = &page["progress"];
    assert_eq!(
        (&progress["ordered"], &progress["push_ratio"], &progress["to_offer"]),
        (&json!(1_000), &json!("1.5"), &json!(1_500))
    );
    let orders = plane.get("/api/v1/buyers/80010001/orders").await.json();
    assert_eq!(orders["items"][0]["in_force"], 1);
    assert_eq!(orders["items"][0]["versions"][0]["lines"][0]["served"], true);
    assert!(plane.get("/api/v1/buyers/80010002/orders").await.json()["items"].as_array().unwrap().is_empty());

    let gone = json!({"buyer": "80010001", "number": "O-1", "from": "2026-11-24", "reason": "the campaign is over"});
    assert_eq!(enter(&plane, "order-cancellation", "x1", gone).await.status, 201);
    plane.state.exchange.clock.set(crate::clock::ShanghaiDay::parse("2026-11-24").unwrap().starts_at());
    let page = plane.get("/api/v1/deals/PDB-2026-SPRING-OPEN").await.json();
    assert_eq!((&page["state"], &page["progress"]), (&json!("not_ordered"), &Value::Null));
    assert_eq!(page["terms"], json!({"by": "not_ordered", "order": "O-1"}));
}
