//! Reviews over the API and on their pages, and the stage that shows what was uploaded.

use serde_json::json;

use super::*;
use crate::compliance::office::Office;
use crate::control::admin::listen;

const BANNER: &str = "/api/v1/reviews/creatives/80010001/milk-9/1";

/// A banner of which a browser would do everything that it must not.
fn hostile() -> Value {
    json!({
        "account": "80010001", "advertiser": "qinghe-dairy", "crid": "milk-9", "version": 1, "format": "banner", "sizes": ["640x360"],
        "landing_page": "https://qinghe.example/spring", "offer": { "brand": "<script>alert(1)</script>" },
        "markup": "<script>top.location='https://evil.example/'</script><form action='https://evil.example/'></form><a href='x'>广告</a>",
    })
}

impl Plane {
    /// Does what the examiner of a node does.
    fn examine(&self) {
        let market = self.state.market();
        let now = self.state.exchange.clock.now();
        Office { docket: &**self.state.docket(), market: &market, now }
            .tend_creatives(99, &[], &|_, _, _| None)
            .unwrap();
    }

    async fn submit(&self) {
        let body = json!({ "creatives": [hostile()] }).to_string();
        let reply = self.post("/api/v1/reviews/creatives", &body, "").await;
        assert_eq!(reply.json()["items"][0]["state"], "checking", "{}", reply.body);
        self.examine();
    }
}

#[tokio::test]
async fn r_review_a_creative_goes_from_submission_to_approval_with_its_audit() {
    let plane = Plane::new().await;
    plane.submit().await;
    let queue = plane.get("/api/v1/reviews?buyer=80010001").await.json();
    assert_eq!((&queue["items"][0]["crid"], &queue["next_cursor"]), (&json!("milk-9"), &Value::Null));
    let step = plane.get(BANNER).await.json()["step"].as_u64().unwrap();
    let decide = async |verb: &str, body: Value, more: &str| {
        plane.post(&format!("{BANNER}/{verb}"), &body.to_string(), more).await
    };
    assert_eq!(decide("reject", json!({ "reason": "no" }), "").await.code(), (400, "bad_body".to_owned()));
    let stale = json!({ "seen": step - 1 });
    assert_eq!(decide("approve", stale, "").await.code(), (409, "taken".to_owned()), "somebody acted in between");
    let key = "\r\nidempotency-key: once";
    let approved = decide("approve", json!({ "seen": step }), key).await;
    assert_eq!((approved.status, &approved.json()["changed"]), (200, &json!(true)), "{}", approved.body);
    let again = decide("approve", json!({ "seen": step }), key).await;
    assert_eq!((again.body, again.headers["idempotent-replayed"].as_str()), (approved.body, "true"));
    let refused = decide("reject", json!({ "reasons": ["quality"] }), "").await;
    assert_eq!((refused.status, &refused.json()["error"]["rule"]), (422, &json!("R-REVIEW")));
    assert!(refused.json()["error"]["message_zh"].as_str().unwrap().contains("已通过"));
    let suspended = decide("suspend", json!({ "reasons": ["landing-unsafe"], "reason": "EICAR" }), "").await;
    assert_eq!(suspended.json()["state"], "suspended");
    let one = plane.get(BANNER).await.json();
    let states: Vec<_> = one["history"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(states, ["suspended", "approved", "pending_review", "checking"]);
    assert_eq!((&one["history"][0]["reason"], &one["history"][0]["by"]), (&json!("EICAR"), &json!("loopback")));
    assert_eq!(plane.get("/api/v1/reviews/creatives/80010001/nothing/1").await.status, 404);
    assert_eq!(plane.get("/api/v1/reviews?state=lost").await.code(), (400, "bad_query".to_owned()));
}

#[tokio::test]
async fn r_qualify_an_operator_enters_and_verifies_an_advertiser_with_its_documents() {
    let plane = Plane::new().await;
    let file = plane.put("/api/v1/reviews/files", b"%PDF-1.7").await;
    assert_eq!(file.status, 201);
    let registered = json!({ "registration": {
        "account": "80010001", "advertiser": "lulu", "name": "鹿鹿家居", "source": "鹿鹿", "domains": ["lulu.example"], "category": "IAB10",
    }});
    let path = "/api/v1/reviews/advertisers";
    assert_eq!(plane.post(path, &registered.to_string(), "").await.status, 201);
    assert_eq!(plane.post(path, &registered.to_string(), "").await.status, 200, "the same again");
    for (kind, number) in [("business-licence", "91310000MA1K00000X"), ("client-contract", "PMP-17")] {
        let document = json!({ "registration": {
            "account": "80010001", "advertiser": "lulu", "number": number, "kind": kind, "issuer": "上海市市场监督管理局",
            "valid_from": "2026-01-01", "valid_until": "2099-12-31", "files": [file.json()["sha256"]],
        }});
        let reply = plane.post("/api/v1/reviews/documents", &document.to_string(), "").await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        let verify = format!("/api/v1/reviews/documents/80010001/lulu/{number}/1/verify");
        assert_eq!(plane.post(&verify, "{}", "").await.json()["state"], "verified");
    }
    let of = "/api/v1/reviews/advertisers/80010001/lulu";
    assert_eq!(plane.get(of).await.json()["findings"][0]["code"], "not-verified");
    assert_eq!(plane.post(&format!("{of}/1/verify"), "{}", "").await.status, 200);
    assert_eq!(plane.get(of).await.json()["qualified_until"], "2099-12-31");
    let excluded = registered.to_string().replace("IAB10", "IAB9-9");
    let refused = plane.post(path, &excluded, "").await;
    assert_eq!((refused.status, &refused.json()["error"]["rule"]), (422, &json!("R-SCOPE")));
}

#[tokio::test]
async fn nothing_uploaded_comes_from_the_control_plane_and_the_stage_sandboxes_it() {
    let plane = Plane::new().await;
    plane.submit().await;
    let page = "/reviews/creatives/80010001/milk-9/1";
    assert!(!plane.get(page).await.body.contains("<iframe"), "no stage, no frame");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    plane.state.stage().listens(address, plane.address);
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = async {
        let _ = stopped.await;
    };
    let stage = tokio::spawn(listen(listener, plane.state.stage().clone(), ended));

    let shown = plane.get(page).await;
    assert!(shown.headers["content-security-policy"].ends_with(&format!("frame-src http://{address}")));
    assert!(!shown.body.contains("<script>") && shown.body.contains("&lt;script&gt;alert(1)"), "text stays text");
    let frame = shown.body.split("src=\"http://").nth(1).unwrap().split('"').next().unwrap();
    let (host, name) = frame.split_once('/').unwrap();
    assert_eq!((host, name.len()), (address.to_string().as_str(), 48), "24 bytes that nobody guesses");
    let ask = async |path: &str, host: &str| {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        text
    };
    let local = address.to_string();
    let sheet = ask(&format!("/{name}"), &local).await;
    assert!(sheet.starts_with("HTTP/1.1 200") && sheet.contains("top.location"), "as it was uploaded: {sheet}");
    let policy = sheet.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
    let rules: Vec<_> = policy.split("; ").collect();
    assert_eq!(&rules[..3], ["sandbox", "default-src 'none'", "script-src 'none'"]);
    assert!(rules.contains(&"form-action 'none'") && rules.contains(&"img-src 'self' data:"));
    assert!(ask(&format!("/{name}"), "rebound.example").await.starts_with("HTTP/1.1 404"));
    // A file that is kept, and that this creative does not show: somebody's licence, say.
    let now = plane.state.exchange.clock.now();
    let kept = crate::compliance::digest_text(&plane.state.docket().keep(b"\x89PNG\r\n\x1a\n", now).unwrap());
    for path in ["/", "/reviews", "/api/v1/market", &format!("/{}", "0".repeat(48)), &format!("/{name}/{kept}")] {
        assert!(ask(path, &local).await.starts_with("HTTP/1.1 404"), "{path}");
    }
    let scripts = plane.get(&format!("{page}?show=scripts")).await.body;
    assert!(scripts.contains("sandbox=\"allow-scripts\""));
    assert!(plane.get("/reviews").await.body.contains("milk-9"));
    for page in ["/reviews/registrations", "/reviews/spot-checks"] {
        assert_eq!(plane.get(page).await.status, 200);
    }
    stop.send(()).unwrap();
    stage.await.unwrap().unwrap();
}
