//! Landing pages over the API and on the reviewers' pages.

use serde_json::json;

use super::*;
use crate::clock::UnixMillis;
use crate::compliance::crawl::Agent;
use crate::compliance::digest_text;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::landing::{Cause, Deed, Held, Matched, Noted, PageState, Record, Sight, Standpoint, Stop, Use};
use crate::compliance::page::matching::{Aspect, Reason};
use crate::control::view::segment;
use crate::event::{Owner, Step, Subject, SubjectKind, Taken};

/// A URL that would be markup, and other segments of a path, if it were not escaped.
const URL: &str = "https://qinghe.example/spring?a=<b>/c";
const HOSTILE: &str = "<script>alert(1)</script>";

impl Plane {
    fn path(&self) -> String {
        format!("/api/v1/pages/80010001/qinghe-dairy/{}", segment(URL))
    }

    fn keep(&self, bytes: &[u8]) -> String {
        digest_text(&self.state.docket().keep(bytes, self.now()).unwrap())
    }

    fn now(&self) -> UnixMillis {
        self.state.exchange.clock.now()
    }

    /// The next step of the page, as the crawler takes it.
    fn page(&self, state: PageState, owed: Vec<Deed>) -> u64 {
        let sight = |agent, bytes: &[u8]| Sight {
            agent,
            at_ms: self.now().0,
            route: vec![URL.to_owned()],
            content_type: "text/html".into(),
            sha256: self.keep(bytes),
            also: Vec::new(),
        };
        let frozen = vec![sight(Agent::Mobile, b"<p>9.9")];
        let stop = Stop {
            state,
            at_ms: self.now().0,
            before: frozen.clone(),
            after: vec![sight(Agent::Mobile, HOSTILE.as_bytes())],
            found: vec![format!("mobile: text: \"9.9\" became {HOSTILE}")],
            entered: Vec::new(),
        };
        let lead = Use { crid: "milk-9".into(), version: 1, standing: Standpoint::Suspended, from_ms: None };
        let reason = Reason { aspect: Aspect::Term, stated: "9.9元".into(), met: 0 };
        let matched = Matched {
            crid: "milk-9".into(),
            version: 1,
            sha256: self.keep(b"<p>9.9"),
            score: 40,
            reasons: vec![reason],
        };
        let words = ("leads inside", "指向内部网络");
        let reached =
            Finding::new("R-MALICE", "page-internal", Weight::Person, ("page http://10.0.0.7/", "10.0.0.7"), words);
        let record = Record {
            uses: vec![lead],
            frozen,
            matches: vec![matched],
            screenshot: Some(self.keep(b"\x89PNG")),
            reached: vec![reached],
            stop: state.is_stopped().then_some(stop),
            owed,
            rounds: vec![Noted { at_ms: self.now().0, looks: vec![(Agent::Mobile, "other".into())] }],
            ..Record::new("80010001", "qinghe-dairy", URL)
        };
        let subject = record.subject();
        let after = self.state.docket().standing(&subject).unwrap().map_or(0, |kept| kept.seq);
        let owner = Owner::Buyer(self.state.market().buyers.iter().find(|it| it.account == "80010001").unwrap().id);
        let (actor, reason, due) = ("crawler".to_owned(), "mobile other".to_owned(), Some(self.now()));
        let body = serde_json::to_string(&record).unwrap();
        let step = Step { subject, owner, state: state.code(), due, at: self.now(), actor, reason, body };
        self.state.docket().take(&[Taken { step, after }]).unwrap()[0]
    }
}

#[tokio::test]
async fn r_landing_safe_a_person_sees_why_a_page_is_stopped_and_only_a_person_lifts_it() {
    let plane = Plane::new().await;
    let seq = plane.page(PageState::Changed, Vec::new());
    let listed = plane.get("/api/v1/pages?state=changed&buyer=80010001").await.json();
    let line = &listed["items"][0];
    assert_eq!((&line["url"], &line["score"], &line["step"]), (&json!(URL), &json!(40), &json!(seq)));
    assert_eq!((&line["creatives"], &listed["next_cursor"], &listed["unread"]), (&json!(1), &Value::Null, &json!([])));
    assert_eq!(plane.get("/api/v1/pages?limit=1").await.json()["next_cursor"], json!(seq), "a full page goes on");
    for none in ["?state=watched", "?buyer=80010002", &format!("?cursor={seq}")] {
        assert_eq!(plane.get(&format!("/api/v1/pages{none}")).await.json()["items"], json!([]), "{none}");
    }
    assert_eq!(plane.get("/api/v1/pages?state=lost").await.code(), (400, "bad_query".to_owned()));
    let path = plane.path();
    let one = plane.get(&path).await.json();
    assert_eq!((&one["state"], &one["step"]), (&json!("changed"), &json!(seq)));
    assert_eq!(one["may"], json!(["confirm", "unlawful", "changed", "look"]));
    assert_eq!((&one["matches"][0]["weight"], &one["matches"][0]["reasons"][0]["met"]), (&json!("person"), &json!(0)));
    assert_eq!(
        (&one["reached"][0]["code"], &one["looks"][0]["looks"]),
        (&json!("page-internal"), &json!([["mobile", "other"]]))
    );
    assert!(one["differences"]["found"][0].as_str().unwrap().contains(HOSTILE));
    assert_eq!((&one["history"][0]["by"], &one["history"][0]["state"]), (&json!("crawler"), &json!("changed")));
    assert_eq!(plane.get("/api/v1/pages/80010001/qinghe-dairy/https%3A%2F%2Fother.example").await.status, 404);

    let decide = async |verb: &str, body: Value, more: &str| {
        plane.post(&format!("{path}/{verb}"), &body.to_string(), more).await
    };
    assert_eq!(decide("confirm", json!({}), "").await.code(), (400, "bad_body".to_owned()), "a verdict says why");
    let stale = json!({ "reason": "seen", "seen": seq - 1 });
    assert_eq!(decide("confirm", stale, "").await.code(), (409, "taken".to_owned()));
    assert_eq!(decide("forget", json!({ "reason": "x" }), "").await.status, 404);
    let looked = decide("look", json!({}), "").await.json();
    assert_eq!((&looked["step"], &looked["crawls"]), (&json!(seq), &json!(false)), "no step, and nobody looks here");
    let key = "\r\nidempotency-key: once";
    let sent = json!({ "reason": "as ordered", "seen": seq });
    let confirmed = decide("confirm", sent.clone(), key).await;
    assert_eq!((&confirmed.json()["state"], &confirmed.json()["owed"]), (&json!("watched"), &json!(["resume"])));
    let again = decide("confirm", sent, key).await;
    assert_eq!((again.body, again.headers["idempotent-replayed"].as_str()), (confirmed.body, "true"));
    let after = plane.get(&path).await.json();
    assert_eq!(
        (&after["history"][0]["reason"], &after["history"][0]["by"]),
        (&json!("as ordered"), &json!("loopback"))
    );
    assert_eq!((&after["may"], &after["owed"]), (&json!(["look"]), &json!(["resume"])), "first what follows is done");
}

/// R-DAMAGE-CHANGE: that verdicts are held back is told wherever pages are, and a person's word is asked for there.
#[tokio::test]
async fn r_damage_change_what_is_held_back_is_told_and_released_by_a_person_with_a_reason() {
    let plane = Plane::new().await;
    let (path, all) = (plane.path(), "/api/v1/pages/held/release");
    plane.page(PageState::Doubted, Vec::new());
    assert_eq!(plane.get("/api/v1/pages").await.json()["held"], Value::Null);
    assert!(!plane.get("/reviews/pages").await.body.contains(all));
    assert_eq!(plane.post(&format!("{path}/release"), r#"{"reason":"mine"}"#, "").await.status, 422, "nothing is held");
    let hold = || {
        plane.page(PageState::Doubted, Vec::new());
        let subject = Subject { kind: SubjectKind::Page, name: format!("80010001/qinghe-dairy {URL}"), version: 0 };
        let kept = plane.state.docket().standing(&subject).unwrap().unwrap();
        let mut record: Record = serde_json::from_str(&kept.step.body).unwrap();
        let (cause, sites) = (Cause::SamePage, vec![HOSTILE.to_owned()]);
        record.held = Some(Held { cause, since_ms: plane.now().0, sites, released: false });
        let step = Step { body: serde_json::to_string(&record).unwrap(), ..kept.step };
        plane.state.docket().take(&[Taken { step, after: kept.seq }]).unwrap();
    };
    hold();
    let listed = plane.get("/api/v1/pages?state=watched").await.json();
    let held = &listed["held"];
    assert_eq!((&held["pages"], &held["more"], &listed["items"]), (&json!(1), &json!(false), &json!([])));
    assert_eq!((&held["since"], &held["why"][0]), (&json!(plane.now().to_rfc3339()), &json!(Cause::SamePage.words())));
    let one = plane.get(&path).await.json();
    assert_eq!((&one["held"]["cause"], &one["may"]), (&json!("same-page"), &json!(["confirm", "release", "look"])));
    let page = plane.get("/reviews/pages").await.body;
    assert!(page.contains(all) && page.contains("暂缓处理") && !page.contains(HOSTILE), "{page}");
    let shown = plane.get(&format!("/reviews/pages/80010001/qinghe-dairy/{}", segment(URL))).await.body;
    assert!(shown.contains("暂缓处理") && shown.contains("/release\"") && !shown.contains(HOSTILE), "{shown}");
    assert_eq!(plane.post(&format!("{path}/release"), "{}", "").await.status, 400);
    assert_eq!(plane.post(all, r#"{"reason":" "}"#, "").await.status, 400);
    let released = plane.post(&format!("{path}/release"), r#"{"reason":"seen at home"}"#, "").await;
    assert_eq!(released.json()["state"], "doubted", "{}", released.body);
    let one = plane.get(&path).await.json();
    assert_eq!((&one["held"]["released"], &one["may"]), (&json!(true), &json!(["confirm", "look"])));
    assert_eq!(plane.post(all, r#"{"reason":"all"}"#, "").await.json(), json!({ "released": 0 }), "it was");
    hold();
    assert_eq!(plane.post(all, r#"{"reason":"all"}"#, "").await.json(), json!({ "released": 1 }));
    let history = plane.get(&path).await.json()["history"][0].clone();
    assert_eq!((&history["by"], &history["reason"]), (&json!("loopback"), &json!("all")));
}

/// R-DAMAGE-CONTENT: a person's verdict; what follows is owed, and the page stays stopped.
#[tokio::test]
async fn r_damage_content_is_a_persons_verdict_with_a_reason() {
    let plane = Plane::new().await;
    let path = plane.path();
    plane.page(PageState::Watched, Vec::new());
    let decide = async |verb: &str, reason: &str| {
        plane.post(&format!("{path}/{verb}"), &json!({ "reason": reason }).to_string(), "").await
    };
    let refused = decide("unlawful", "gambling").await;
    assert_eq!((refused.status, &refused.json()["error"]["rule"]), (422, &json!("R-LANDING-FROZEN")), "no evidence");
    plane.page(PageState::Cloaked, Vec::new());
    assert_eq!(decide("unlawful", " ").await.status, 400);
    let decided = decide("unlawful", "gambling").await.json();
    assert_eq!((&decided["state"], &decided["owed"]), (&json!("cloaked"), &json!(["unlawful"])));
    assert_eq!(decide("unlawful", "gambling").await.code(), (409, "taken".to_owned()), "while it is being entered");
    plane.page(PageState::Infected, Vec::new());
    let one = plane.get(&path).await.json();
    assert_eq!(one["may"], json!(["confirm", "unlawful", "look"]), "the buyer's cause is no change");
}

/// R-MALICE: what was fetched is saved, and never rendered from this origin.
#[tokio::test]
async fn evidence_is_a_file_to_save_and_only_of_its_page() {
    let plane = Plane::new().await;
    plane.page(PageState::Changed, Vec::new());
    // Another step: what the one before kept is evidence still.
    plane.page(PageState::Watched, Vec::new());
    let evidence = async |sha256: &str| plane.get(&format!("{}/evidence/{sha256}", plane.path())).await;
    let page = plane.keep(HOSTILE.as_bytes());
    let saved = evidence(&page).await;
    assert_eq!((saved.status, saved.body.as_str()), (200, HOSTILE));
    assert_eq!(saved.headers["content-type"], "application/octet-stream");
    assert_eq!(saved.headers["content-disposition"], format!("attachment; filename=\"{page}.txt\""));
    assert_eq!(saved.headers["x-content-type-options"], "nosniff");
    assert!(saved.headers["content-security-policy"].starts_with("default-src 'none'"));
    let other = plane.keep(b"a licence of somebody else");
    for sha256 in [other.as_str(), &"0".repeat(64), "..%2f..%2fetc", "x"] {
        assert_eq!(evidence(sha256).await.status, 404, "{sha256}");
    }
}

#[tokio::test]
async fn pages_for_reviewers_show_what_stands_against_a_page_as_text() {
    let plane = Plane::new().await;
    plane.page(PageState::Changed, Vec::new());
    let listed = plane.get("/reviews/pages").await.body;
    let link = format!("/reviews/pages/80010001/qinghe-dairy/{}", segment(URL));
    assert!(listed.contains(&format!("href=\"{link}\"")) && listed.contains("crawl"), "{listed}");
    assert!(!plane.get("/reviews/pages?state=watched").await.body.contains(&link));
    let one = plane.get(&link).await;
    let body = &one.body;
    assert_eq!(one.status, 200, "{body}");
    for shown in ["page-internal", "匹配度", "40", "9.9元", "/api/v1/pages/80010001", "confirm\"", "evidence/"] {
        assert!(body.contains(shown), "{shown}: {body}");
    }
    for raw in [HOSTILE, "?a=<b>"] {
        assert!(!body.contains(raw) && !listed.contains(raw), "{raw}");
    }
    let missing = plane.get("/reviews/pages/80010001/qinghe-dairy/https%3A%2F%2Fother.example").await;
    assert_eq!(missing.status, 404);
}
