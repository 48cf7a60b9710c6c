//! Keys, roles and sessions of operators.

use sha2::{Digest, Sha256};

use super::*;
use crate::compliance::digest_text;

/// A plane whose `operators.toml` names somebody of each role; their keys are `NAME.secret-NAME`.
async fn manned() -> Plane {
    let plane = Plane::new().await;
    let names = [("vera", "viewer"), ("rui", "reviewer"), ("fen", "finance"), ("ola", "operator")];
    assert_eq!(plane.reload_with(&file(&names)).await, 200, "nobody is named yet");
    plane
}

fn file(names: &[(&str, &str)]) -> String {
    let sha256 = |name: &str| digest_text(&Sha256::digest(format!("secret-{name}").as_bytes()).into());
    let entry = |(name, role): &(&str, &str)| {
        let key = format!("{{ id = \"{name}\", sha256 = \"{}\" }}", sha256(name));
        format!("[[operator]]\nid = \"{name}\"\nroles = [\"{role}\"]\nkeys = [{key}]\n")
    };
    format!("schema = 1\n{}", names.iter().map(entry).collect::<String>())
}

fn bearer(name: &str) -> String {
    format!("\r\nauthorization: Bearer {name}.secret-{name}")
}

impl Plane {
    async fn reload_with(&self, text: &str) -> u16 {
        std::fs::write(self.bench.folder.path().join("operators.toml"), text).unwrap();
        self.asked("POST", "/api/v1/reload", &bearer("ola")).await.status
    }

    async fn asked(&self, method: &str, path: &str, more: &str) -> Reply {
        let body = if method == "GET" { "" } else { "{}" };
        let kind = if method == "GET" { "" } else { "\r\ncontent-type: application/json" };
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}{kind}{more}", self.address);
        self.send(&head, body).await
    }

    async fn signed_in(&self, key: &str) -> Reply {
        let body = format!("{{\"key\": \"{key}\"}}");
        let head = format!(
            "POST /api/v1/session HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}",
            self.address,
            body.len()
        );
        self.send(&head, &body).await
    }
}

#[tokio::test]
async fn nobody_asks_without_a_key_once_somebody_is_named() {
    let plane = manned().await;
    for (method, path) in [("GET", "/"), ("GET", "/api/v1/market"), ("GET", "/reviews"), ("GET", "/events")] {
        assert_eq!(plane.asked(method, path, "").await.code(), (401, "no_token".to_owned()), "{path}");
        let events = path == "/events";
        assert!(events || plane.asked(method, path, &bearer("vera")).await.status == 200, "{path}");
    }
    assert_eq!(plane.asked("POST", "/api/v1/reload", "").await.code(), (401, "no_token".to_owned()));
    assert_eq!(plane.asked("GET", "/healthz", "").await.status, 200);
    // Figures are for whoever scrapes on this machine, and for nobody behind a proxy.
    assert_eq!(plane.asked("GET", "/metrics", "").await.status, 200);
    assert_eq!(plane.asked("GET", "/metrics", "\r\nx-forwarded-for: 203.0.113.9").await.status, 401);
    // Partners have keys of their own, and an operator's is none.
    let partner = "\r\nauthorization: Bearer buyer-80010001.demo-80010001-partner-secret";
    assert_eq!(plane.asked("GET", "/partner/v1/me", partner).await.status, 200);
    assert_eq!(plane.asked("GET", "/partner/v1/me", &bearer("ola")).await.status, 401);
    assert_eq!(plane.asked("GET", "/api/v1/market", partner).await.code(), (401, "bad_token".to_owned()));
}

#[tokio::test]
async fn each_does_what_its_role_may_and_signs_it() {
    let plane = manned().await;
    let work = [("rui", "/api/v1/reviews/creatives"), ("fen", "/api/v1/finance/payment"), ("ola", "/api/v1/reload")];
    for (name, path) in work {
        for (other, _) in work.iter().chain(&[("vera", "")]) {
            let reply = plane.asked("POST", path, &bearer(other)).await;
            let let_in = reply.status != 403;
            assert_eq!(let_in, *other == name, "{other} {path}: {}", reply.body);
            assert!(let_in || reply.code().1 == "role_needed");
        }
    }
    assert_eq!(plane.reload_with(&file(&[("vera", "viewer"), ("ola", "operator")])).await, 200);
    let audit = plane.asked("GET", "/api/v1/audit", &bearer("vera")).await.json();
    let by: Vec<_> = audit["items"].as_array().unwrap().iter().map(|it| it["by"].as_str().unwrap()).collect();
    assert_eq!(by[..2], ["operator ola", "loopback"], "the reloads, the newest first: {audit}");
}

#[tokio::test]
async fn a_key_of_idempotency_is_its_operators_own() {
    let plane = manned().await;
    let names = [("ola", "operator"), ("olga", "operator")];
    assert_eq!(plane.reload_with(&file(&names)).await, 200);
    let same = "\r\nidempotency-key: once";
    let replayed = async |name: &str| {
        let reply = plane.asked("POST", "/api/v1/reload", &format!("{}{same}", bearer(name))).await;
        assert_eq!(reply.status, 200);
        reply.headers.contains_key("idempotent-replayed")
    };
    assert!(!replayed("ola").await);
    assert!(!replayed("olga").await, "another's key is another key");
    assert!(replayed("ola").await);
}

#[tokio::test]
async fn wrong_secrets_lock_a_key_id_out() {
    let plane = manned().await;
    let wrong = "\r\nauthorization: Bearer rui.guessed";
    for _ in 0..10 {
        assert_eq!(plane.asked("GET", "/", wrong).await.code(), (401, "bad_token".to_owned()));
    }
    let reply = plane.asked("GET", "/", &bearer("rui")).await;
    assert_eq!(reply.code(), (429, "locked_out".to_owned()));
    assert_eq!(reply.headers["retry-after"], "120");
    assert_eq!(plane.signed_in("rui.secret-rui").await.status, 429, "by whichever door");
    assert_eq!(plane.asked("GET", "/", &bearer("vera")).await.status, 200, "others are not touched");
}

#[tokio::test]
async fn a_browser_has_a_session_until_it_signs_out_or_its_key_is_gone() {
    let plane = manned().await;
    let html = "\r\naccept: text/html";
    let led = plane.asked("GET", "/reviews", html).await;
    assert_eq!((led.status, led.headers["location"].as_str()), (303, "/login?to=/reviews"));
    assert!(plane.get("/login").await.body.contains("type=\"password\""));
    assert_eq!(plane.signed_in("rui.guessed").await.status, 401);
    let begun = plane.signed_in("rui.secret-rui").await;
    assert_eq!((begun.status, begun.json()["operator"].as_str()), (200, Some("rui")));
    let set = &begun.headers["set-cookie"];
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = format!("\r\ncookie: other=1; {}", set.split(';').next().unwrap());
    assert_eq!(plane.asked("GET", "/reviews", &cookie).await.status, 200);
    assert_eq!(plane.asked("POST", "/api/v1/reload", &cookie).await.status, 403, "it is a reviewer's");
    let elsewhere = format!("{cookie}\r\norigin: http://evil.example");
    assert_eq!(plane.asked("POST", "/api/v1/reviews/creatives", &elsewhere).await.code().1, "origin_refused");
    let twice = format!("{cookie}{cookie}");
    assert_eq!(plane.asked("GET", "/reviews", &twice).await.status, 401, "which of them?");

    let gone = plane.asked("DELETE", "/api/v1/session", &cookie).await;
    assert_eq!(gone.status, 204);
    assert!(gone.headers["set-cookie"].contains("Max-Age=0"));
    assert_eq!(plane.asked("GET", "/reviews", &cookie).await.status, 401);

    let begun = plane.signed_in("rui.secret-rui").await;
    let cookie = format!("\r\ncookie: {}", begun.headers["set-cookie"].split(';').next().unwrap());
    assert_eq!(plane.asked("GET", "/reviews", &cookie).await.status, 200);
    assert_eq!(plane.reload_with(&file(&[("ola", "operator")])).await, 200);
    assert_eq!(plane.asked("GET", "/reviews", &cookie).await.status, 401, "the key is gone");
}
