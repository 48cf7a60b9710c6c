//! Rollbacks, kill switches, idempotency keys, the audit log.

use serde_json::json;

use super::*;

impl Plane {
    pub(super) async fn post(&self, path: &str, body: &str, more: &str) -> Reply {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}{more}",
            self.address,
            body.len()
        );
        self.send(&head, body).await
    }

    async fn switch(&self, path: &str) -> Value {
        let reply = self.post(&format!("/api/v1/{path}"), r#"{"reason": "because <b>"}"#, "").await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json()
    }
}

#[tokio::test]
async fn a_rollback_is_told_in_market_history_log_and_metrics() {
    let plane = Plane::new().await;
    plane.bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    plane.reload().await;
    let body = r#"{"generation": 1, "reason": "wrong price"}"#;
    let done = plane.post("/api/v1/market/rollback", body, "").await.json();
    assert_eq!((done["generation"].as_u64(), done["pinned"].as_bool()), (Some(3), Some(true)));
    let market = plane.get("/api/v1/market").await.json();
    assert_eq!((market["pinned"].as_bool(), market["restores"].as_u64()), (Some(true), Some(1)));
    let first = plane.get("/api/v1/market/history?limit=2").await.json();
    assert_eq!(first["items"][0]["trigger"], "rollback");
    assert_eq!(first["items"][1]["changes"], json!(["deals: 1 changed (PD-2026-DAIRY-FEED)"]));
    let rest = plane.get(&format!("/api/v1/market/history?cursor={}", first["next_cursor"].as_str().unwrap())).await;
    let rest = rest.json();
    assert_eq!((rest["items"][0]["generation"].as_u64(), rest["next_cursor"].is_null()), (Some(1), true));
    assert_eq!(rest["items"][0]["digest"], market["digest"]);
    let log = plane.get("/api/v1/audit?limit=1").await.json();
    assert_eq!(
        (log["items"][0]["action"].as_str(), log["items"][0]["by"].as_str()),
        (Some("rollback"), Some("loopback"))
    );
    assert_eq!(log["items"][0]["reason"], "wrong price");
    assert_eq!(log["items"][0]["at"], "2026-11-22T12:00:00.000+08:00");
    let metrics = plane.get("/metrics").await.body;
    assert!(metrics.contains("pmpx_market_pinned 1\n") && metrics.contains("pmpx_config_refused 0\n"));
    assert!(plane.get("/").await.body.contains("Generation 3 with the content of generation 1 is pinned."));
    assert_eq!(plane.post("/api/v1/market/rollback", r#"{"generation": 9}"#, "").await.code().0, 404);
    for wrong in ["", "{}", r#"{"generation": "1"}"#, r#"{"generation": 1, "force": true}"#] {
        let code = plane.post("/api/v1/market/rollback", wrong, "").await.code();
        assert_eq!(code, (400, "bad_body".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn a_refused_folder_is_told_in_market_metrics_and_banner_until_it_is_right() {
    let plane = Plane::new().await;
    plane.bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = 24.00");
    assert_eq!(plane.reload().await.status, 422);
    let market = plane.get("/api/v1/market").await.json();
    assert_eq!(market["folder_refused"], true);
    assert_eq!(market["refusal"]["errors"][0]["line"], 84);
    assert!(plane.get("/metrics").await.body.contains("pmpx_config_refused 1\n"));
    assert!(plane.get("/").await.body.contains("The config folder is refused."));
    plane.bench.edit("deals.toml", "cpm = 24.00", "cpm = \"24.00\"");
    assert_eq!(plane.reload().await.status, 200);
    assert_eq!(plane.get("/api/v1/market").await.json()["folder_refused"], false);
    assert!(!plane.get("/").await.body.contains("The config folder is refused."));
}

#[tokio::test]
async fn every_kind_has_a_kill_switch_a_list_and_a_row_on_the_page() {
    let plane = Plane::new().await;
    let creative = "creatives/80010003%2Fpaopao-banner-1";
    let subjects = [
        ("media/sunrise", "sunrise"),
        ("buyers/80010003", "80010003"),
        ("dsps/basalt", "basalt"),
        ("deals/PD-2026-PAOPAO", "PD-2026-PAOPAO"),
        (creative, "80010003/paopao-banner-1"),
    ];
    for (path, id) in subjects {
        let done = plane.switch(&format!("{path}/suspend")).await;
        assert_eq!(
            (done["id"].as_str(), done["changed"].as_bool(), done["suspended"].as_bool()),
            (Some(id), Some(true), Some(true))
        );
        assert_eq!(done["suspension"]["by"], "loopback");
        let list = plane.get(&format!("/api/v1/{}", path.split('/').next().unwrap())).await.json();
        let items = list["items"].as_array().unwrap();
        let stopped: Vec<_> =
            items.iter().filter(|it| it["state"] == "suspended").map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(stopped, [id], "{path}");
        let row = items.iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(row["suspension"]["reason"], "because <b>");
    }
    let page = plane.get("/").await.body;
    assert!(page.contains("because &lt;b&gt;") && !page.contains("because <b>"));
    assert!(page.contains("data-change=\"/api/v1/creatives/80010003%2Fpaopao-banner-1/resume\""));
    assert!(plane.get("/metrics").await.body.contains("pmpx_suspensions 5\n"));
    assert_eq!(plane.get("/api/v1/market").await.json()["counts"]["suspensions"], 5);
    // The same creative, its id in two segments.
    assert_eq!(plane.switch("creatives/80010003/paopao-banner-1/resume").await["changed"], true);
    assert_eq!(plane.switch(&format!("{creative}/resume")).await["changed"], false);
    assert_eq!(plane.post("/api/v1/dsps/nobody/suspend", r#"{"reason":"x"}"#, "").await.code().0, 404);
    assert_eq!(plane.post("/api/v1/dsps/basalt/pause", r#"{"reason":"x"}"#, "").await.code().0, 404);
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(501));
    for wrong in ["", "{}", r#"{"reason":" "}"#, r#"{"reason":"a\nb"}"#, &long] {
        let code = plane.post("/api/v1/dsps/basalt/resume", wrong, "").await.code();
        assert_eq!(code, (400, "bad_body".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn a_resume_says_when_the_config_still_suspends() {
    let edits = [(
        "deals.toml",
        "method = \"PD\"\nstate = \"active\"\naccount = \"80010003\"",
        "method = \"PD\"\nstate = \"suspended\"\naccount = \"80010003\"",
    )];
    let plane = Plane::on(Bench::edited(&edits)).await;
    plane.switch("deals/PD-2026-PAOPAO/suspend").await;
    let done = plane.switch("deals/PD-2026-PAOPAO/resume").await;
    assert_eq!((done["changed"].as_bool(), done["suspended"].as_bool()), (Some(true), Some(true)));
    assert!(done["note"].as_str().unwrap().contains("the config suspends it too"));
}

#[tokio::test]
async fn a_change_under_a_key_is_made_once_and_answered_alike() {
    let plane = Plane::new().await;
    let key = "\r\nidempotency-key: 7d1c";
    let (path, body) = ("/api/v1/dsps/basalt/suspend", r#"{"reason":"x"}"#);
    let first = plane.post(path, body, key).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    plane.switch("dsps/basalt/resume").await;
    let again = plane.post(path, body, key).await;
    assert_eq!((again.status, &again.body, again.headers["idempotent-replayed"].as_str()), (200, &first.body, "true"));
    let state = plane.get("/api/v1/dsps").await.json()["items"][1]["state"].clone();
    assert_eq!(state, "approved", "a retry does not throw the switch that was lifted since");
    for (path, body) in [(path, r#"{"reason":"y"}"#), ("/api/v1/dsps/aurora/suspend", body)] {
        let code = plane.post(path, body, key).await.code();
        assert_eq!(code, (422, "idempotency_key_reused".to_owned()));
    }
    // What was refused may be tried again under its key.
    let key = "\r\nidempotency-key: 7d1d";
    plane.bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = 24.00");
    assert_eq!(plane.post("/api/v1/reload", "{}", key).await.status, 422);
    plane.bench.edit("deals.toml", "cpm = 24.00", "cpm = \"25.00\"");
    assert_eq!(plane.post("/api/v1/reload", "{}", key).await.json()["generation"], 2);
    plane.bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"26.00\"");
    assert_eq!(plane.post("/api/v1/reload", "{}", key).await.json()["generation"], 2, "the answer of before");
    for wrong in ["", "\r\nidempotency-key: b", " c", &"d".repeat(129)] {
        let more = format!("\r\nidempotency-key: a{wrong}");
        let expected = if wrong.is_empty() { 200 } else { 400 };
        assert_eq!(plane.post("/api/v1/reload", "{}", &more).await.status, expected, "{wrong}");
    }
    let claimed = axum::http::HeaderMap::from_iter([("idempotency-key".parse().unwrap(), "busy".parse().unwrap())]);
    let claim = idempotency::claim(&plane.state, None, &claimed, "/", b"").unwrap();
    let code = plane.post("/api/v1/reload", "{}", "\r\nidempotency-key: busy").await.code();
    assert_eq!(code, (409, "idempotency_key_in_use".to_owned()));
    drop(claim);
    assert_eq!(plane.post("/api/v1/reload", "{}", "\r\nidempotency-key: busy").await.status, 200);
}

#[tokio::test]
async fn what_is_described_is_what_is_routed() {
    let plane = Plane::new().await;
    let api = plane.get("/api/v1/openapi.json").await.json();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let concrete = path.replace(['{', '}'], "");
        for method in methods.as_object().unwrap().keys() {
            let reply = match method.as_str() {
                "get" if path == "/events" => continue,
                "get" => plane.get(&concrete).await,
                _ => plane.post(&concrete, "[]", "").await,
            };
            let unrouted = reply.status == 405 || reply.body.contains("no such path");
            assert!(!unrouted, "{method} {path}: {}", reply.body);
        }
    }
}
