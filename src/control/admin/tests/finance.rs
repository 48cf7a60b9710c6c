//! Money records over HTTP.

use serde_json::json;

use super::*;

const RECORD: &str = r#"{"reference":"bank 7","record":{"buyer":"80010001","amount":"1200.50"}}"#;

#[tokio::test]
async fn r_prepay_a_top_up_is_entered_once_and_told_in_list_and_log() {
    let plane = Plane::new().await;
    let first = plane.post("/api/v1/finance/top-up", RECORD, "").await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.json()["record"], json!({"buyer": "80010001", "amount": "1200.50"}));
    let again = plane.post("/api/v1/finance/top-up", RECORD, "\r\nidempotency-key: k1").await;
    assert_eq!((again.status, again.json()["entered"].as_bool()), (200, Some(false)));
    let other = RECORD.replace("1200.50", "1200.51");
    assert_eq!(plane.post("/api/v1/finance/top-up", &other, "").await.code(), (409, "reference_taken".to_owned()));
    let second = RECORD.replace("bank 7", "bank 8").replace("80010001", "80010002");
    assert_eq!(plane.post("/api/v1/finance/top-up", &second, "").await.status, 201);

    let page = plane.get("/api/v1/finance?limit=1").await.json();
    let item = &page["items"][0];
    assert_eq!(
        (item["seq"].as_u64(), item["reference"].as_str(), item["actor"].as_str()),
        (Some(1), Some("bank 7"), Some("loopback"))
    );
    let rest = plane.get(&format!("/api/v1/finance?cursor={}", page["next_cursor"])).await.json();
    assert_eq!((rest["items"][0]["seq"].as_u64(), rest["next_cursor"].is_null()), (Some(2), true));
    let own = plane.get("/api/v1/finance?buyer=80010002&kind=top-up").await.json();
    assert_eq!((own["items"].as_array().unwrap().len(), own["items"][0]["buyer"].as_str()), (1, Some("80010002")));
    let log = plane.get("/api/v1/audit").await.json();
    assert_eq!(
        (log["items"][0]["action"].as_str(), log["items"][0]["subject"].as_str()),
        (Some("enter"), Some("top-up bank 8"))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_record_is_said_and_changes_nothing() {
    let plane = Plane::new().await;
    let cases = [
        (RECORD.replace("80010001", "1"), 400, "buyer \"1\" is not known"),
        (RECORD.replace("1200.50", "-1"), 400, "not above zero"),
        (RECORD.replace("\"amount\"", "\"amount\":\"1.00\",\"amount\""), 400, "duplicate field"),
        (RECORD.replace("bank 7", ""), 400, "reference"),
        (RECORD.replace("\"reference\"", "\"ref\""), 400, "unknown field"),
        ("{".to_owned(), 400, "EOF"),
    ];
    for (body, status, words) in cases {
        let reply = plane.post("/api/v1/finance/top-up", &body, "").await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        let message = reply.json()["error"]["message"].to_string().replace("\\\"", "\"");
        assert!(message.contains(words), "{body}: {message}");
    }
    let unknown = plane.post("/api/v1/finance/gift", RECORD, "").await;
    assert!(unknown.status == 404 && unknown.body.contains("top-up"), "{}", unknown.body);
    assert_eq!(plane.get("/api/v1/finance?kind=gift").await.code().0, 400);
    assert_eq!(plane.get("/api/v1/finance?buyer=1").await.code().0, 400);
    assert!(plane.get("/api/v1/finance").await.json()["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn r_balance_a_buyers_money_is_told_by_fund_and_state() {
    let plane = Plane::new().await;
    let enter = async |kind: &str, reference: &str, record: Value| {
        let body = json!({ "reference": reference, "record": record }).to_string();
        let reply = plane.post(&format!("/api/v1/finance/{kind}"), &body, "").await;
        assert_eq!(reply.status, 201, "{}", reply.body);
    };
    enter("top-up", "bank 1", json!({"buyer": "80010001", "amount": "100.00"})).await;
    enter("grant", "gift 1", json!({"buyer": "80010001", "amount": "7.50", "last_day": "2027-01-31"})).await;
    let now = plane.state.exchange.clock.now();
    let buyer = plane.state.market().buyers.iter().find(|buyer| buyer.account == "80010001").unwrap().id;
    let request = crate::event::LeaseRequest {
        source: crate::event::Source::Balance(buyer),
        buyer,
        want: crate::money::MicroYuan(10_000_000),
        window_ends: now.plus_ms(60_000),
        closes_at: now.plus_ms(700_000),
    };
    crate::event::Leases::grant(&plane.bench.store(), request).unwrap().unwrap();
    enter("restriction", "r 1", json!({"buyer": "80010001", "measures": ["freeze_cash"], "reason": "checked"})).await;

    let told = plane.get("/api/v1/buyers/80010001/balance").await.json();
    let funds = told["funds"].as_array().unwrap();
    let of = |fund: &str| funds.iter().find(|line| line["fund"] == fund).unwrap();
    assert_eq!(
        (of("grant")["free"]["open"]["amount"].as_str(), of("grant")["last_day"].as_str()),
        (Some("7.50"), Some("2027-01-31"))
    );
    let cash = &of("cash")["free"];
    assert_eq!((cash["available"]["amount"].as_str(), cash["open"]["amount"].as_str()), (Some("97.50"), Some("2.50")));
    assert_eq!(told["unspendable_now"]["amount"], "10.00");
    assert_eq!(told["measures"], json!(["freeze_cash"]));
    assert_eq!(plane.get("/api/v1/buyers/1/balance").await.status, 404);
}
