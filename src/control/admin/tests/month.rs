//! A buyer's month over HTTP.

use super::*;

#[tokio::test]
async fn r_minimum_a_month_says_what_is_still_to_be_consumed() {
    let plane = Plane::new().await;
    let minimum =
        r#"{"reference":"m","record":{"buyer":"80010001","from":"2020-01","amount":"5.00","notified":"2020-01-01"}}"#;
    assert_eq!(plane.post("/api/v1/finance/minimum", minimum, "").await.status, 201);
    let month = plane.get("/api/v1/buyers/80010001/month").await.json();
    assert_eq!((month["state"].as_str(), month["account"].as_str()), (Some("provisional"), Some("80010001")));
    assert_eq!(month["still_to_consume"]["amount"], "5.00");
    assert_eq!(month["digest"].as_str().map(str::len), Some(64));
    assert!(month["forecast"]["expected"]["amount"].is_string());
    let closing = r#"{"reference":"c","record":{"buyer":"80010001","month":"2999-01"}}"#;
    let early = plane.post("/api/v1/finance/month-closing", closing, "").await;
    assert_eq!(early.code(), (422, "against_a_rule".to_owned()));
    assert!(early.body.contains("2999-01 cannot be closed: it is not over before 2999-02-01"), "{}", early.body);
    assert_eq!(plane.get("/api/v1/buyers/1/month").await.status, 404);
    assert_eq!(plane.get("/api/v1/buyers/80010001/month?month=2026-13").await.code().0, 400);
    assert_eq!(plane.get("/api/v1/buyers/80010001/month?moon=2026-12").await.code().0, 400);
    let future = plane.get("/api/v1/buyers/80010001/month?month=2999-01").await;
    assert_eq!(future.code(), (422, "no_figures".to_owned()));
}
