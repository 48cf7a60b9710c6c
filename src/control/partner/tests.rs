//! The routes without a socket: who is let in, what each partner sees, what nobody sees.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod accounts;
mod changes;
mod description;
mod isolation;
mod keys;
mod prohibitions;
mod reads;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use super::*;
use crate::compliance::creative::{Origin, Record, Submission};
use crate::control::admin::{Readiness, router};
use crate::control::publish::tests::Bench;
use crate::event::{Docket, Owner, Step, Subject, SubjectKind, Taken};
use crate::market::demand::CreativeState;
use crate::store::MemoryDocket;

/// Every partner of the example config: its kind and its id.
const PARTNERS: [(&str, &str); 9] = [
    ("buyer", "80010001"),
    ("buyer", "80010002"),
    ("buyer", "80010003"),
    ("dsp", "aurora"),
    ("dsp", "basalt"),
    ("dsp", "comet"),
    ("media", "sunrise"),
    ("media", "harbor"),
    ("media", "citypages"),
];

/// A partner's token in the example config.
fn token(kind: &str, id: &str) -> String {
    format!("Bearer {kind}-{id}.demo-{id}-partner-secret")
}

/// A control plane without a listener.
struct Plane {
    bench: Bench,
    state: Arc<ControlState>,
    docket: Arc<MemoryDocket>,
    app: TowerToHyperService<Router>,
}

/// What came back.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Runs a test on a clock that stands still but when somebody moves it, so that rates are no matter of the machine.
fn on_a_still_clock(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test);
}

impl Plane {
    fn new() -> Self {
        Self::on(Bench::new())
    }

    fn on(bench: Bench) -> Self {
        let docket = Arc::new(MemoryDocket::default());
        let readiness = Arc::new(Readiness::default());
        let state = ControlState::new(bench.publisher.clone(), bench.ledger(), docket.clone(), readiness);
        let state = Arc::new(state);
        let app = TowerToHyperService::new(router(state.clone()));
        Self { bench, state, docket, app }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.app.call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Asks as a partner, long enough after whatever was asked before.
    async fn get(&self, partner: (&str, &str), path: &str) -> Reply {
        tokio::time::advance(Duration::from_secs(1)).await;
        let request = Request::get(format!("/partner/v1{path}")).header("host", "localhost");
        let request = request.header("authorization", token(partner.0, partner.1)).body(Body::empty());
        let reply = self.send(request.unwrap()).await;
        description::hold("get", path, &reply);
        reply
    }

    /// Sends JSON as a partner.
    async fn post(&self, partner: (&str, &str), path: &str, body: &Value) -> Reply {
        self.post_with(partner, path, &[("content-type", "application/json")], body.to_string()).await
    }

    async fn post_with(
        &self,
        partner: (&str, &str),
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        self.change_with("post", partner, path, headers, body).await
    }

    /// Puts JSON as a partner.
    async fn put(&self, partner: (&str, &str), path: &str, body: &Value) -> Reply {
        self.change_with("put", partner, path, &[("content-type", "application/json")], body.to_string()).await
    }

    async fn change_with(
        &self,
        method: &str,
        partner: (&str, &str),
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut request = Request::builder().method(method.to_uppercase().as_str());
        request = request.uri(format!("/partner/v1{path}")).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("authorization", token(partner.0, partner.1)).body(body.into());
        let reply = self.send(request.unwrap()).await;
        description::hold(method, path, &reply);
        reply
    }

    /// The number of a buyer.
    fn buyer(&self, account: &str) -> crate::ids::BuyerId {
        self.state.market().buyers.iter().find(|buyer| buyer.account == account).unwrap().id
    }

    /// Lays down the upload of a file of a buyer's, and tells its digest.
    fn upload(&self, account: &str, bytes: &[u8]) -> String {
        let now = self.state.exchange().clock.now();
        let digest = crate::compliance::digest_text(&self.docket.keep(bytes, now).unwrap());
        let step = Step {
            subject: Subject { kind: SubjectKind::Upload, name: format!("{account}/{digest}"), version: 0 },
            owner: Owner::Buyer(self.buyer(account)),
            state: 1,
            due: None,
            at: now,
            actor: format!("buyer {account}"),
            reason: String::new(),
            body: format!(r#"{{"kind":"application/pdf","bytes":{}}}"#, bytes.len()),
        };
        self.docket.take(&[Taken { step, after: 0 }]).unwrap();
        digest
    }

    /// Lays down a version of a creative of a buyer's, in a state.
    fn submit(&self, account: &str, crid: &str, version: u32, state: CreativeState) {
        let submission = json!({
            "account": account, "advertiser": "any", "crid": crid, "version": version, "format": "banner", "sizes": ["300x250"],
            "landing_page": format!("https://landing-{account}.example/"), "markup": format!("<b>markup of {account}</b>"),
        });
        let submission: Submission = serde_json::from_value(submission).unwrap();
        let buyer = self.buyer(account);
        let subject = submission.subject();
        let after = self.docket.standing(&subject).unwrap().map_or(0, |kept| kept.seq);
        let record = Record {
            submission,
            origin: Origin::Submitted,
            findings: Vec::new(),
            reasons: Vec::new(),
            named: Vec::new(),
        };
        let step = Step {
            subject,
            owner: Owner::Buyer(buyer),
            state: state.code(),
            due: None,
            at: self.state.exchange().clock.now(),
            actor: "reviewer Wang".to_owned(),
            reason: format!("reason for {account}"),
            body: serde_json::to_string(&record).unwrap(),
        };
        self.docket.take(&[Taken { step, after }]).unwrap();
    }
}
