//! An account that nobody used for long (R-IDLE).

use super::*;
use crate::clock::UnixMillis;

const BUYER: (&str, &str) = ("buyer", "80010001");

impl Plane {
    /// Notes the last use of an account, so many days ago.
    fn used(&self, account: &str, days_ago: u64) {
        let subject = Subject { kind: SubjectKind::Account, name: account.to_owned(), version: 0 };
        let step = Step {
            subject,
            owner: Owner::Buyer(self.buyer(account)),
            state: 2,
            due: None,
            at: UnixMillis(self.state.exchange().clock.now().0 - days_ago * 86_400_000),
            actor: "exchange".to_owned(),
            reason: String::new(),
            body: "{}".to_owned(),
        };
        let after = self.docket.standing(&step.subject).unwrap().map_or(0, |kept| kept.seq);
        self.docket.take(&[Taken { step, after }]).unwrap();
    }

    async fn operator(&self, method: &str, path: &str, body: &Value) -> Reply {
        let request = Request::builder().method(method).uri(format!("/api/v1/reviews/accounts{path}"));
        let request = request.header("host", "localhost").header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }
}

fn creative(crid: &str) -> Value {
    json!({
        "account": "80010001", "advertiser": "qinghe-dairy", "crid": crid, "version": 1, "format": "banner", "sizes": ["300x250"],
        "landing_page": "https://qinghe.example/", "markup": "<b>x</b>",
    })
}

#[test]
fn r_idle_an_unused_account_reads_and_changes_nothing_until_a_person_has_verified_it() {
    on_a_still_clock(async {
        let plane = Plane::new();
        plane.used("80010001", 180);
        let before = plane.docket.last_step().unwrap();
        assert_eq!(plane.post(BUYER, "/creatives", &creative("a")).await.status, 201, "the last day");
        let steps = plane.docket.last_step().unwrap();
        assert_eq!(steps, before + 2, "the creative, and its use");
        assert_eq!(plane.post(BUYER, "/creatives", &creative("b")).await.status, 201);
        assert_eq!(plane.docket.last_step().unwrap(), steps + 1, "its use is noted once a day");
        assert!(!plane.operator("GET", "", &Value::Null).await.json()["items"][0]["idle"].as_bool().unwrap());

        plane.used("80010001", 181);
        let steps = plane.docket.last_step().unwrap();
        let registration = json!({ "account": "80010001", "advertiser": "t", "name": "t", "source": "t", "domains": ["t.example"], "category": "IAB8" });
        for (path, body) in [
            ("/creatives", creative("c")),
            ("/creatives/batch", json!({ "creatives": [creative("c")] })),
            ("/creatives/a/1/withdraw", json!({ "reason": "x" })),
            ("/advertisers", registration),
        ] {
            let refused = plane.post(BUYER, path, &body).await;
            let error = refused.json()["error"].clone();
            assert_eq!((refused.code(), error["rule"].as_str()), ((403, "idle".to_owned()), Some("R-IDLE")), "{path}");
            assert!(error["zh"].as_str().unwrap().contains("180 天"), "{error}");
        }
        assert_eq!(plane.docket.last_step().unwrap(), steps);
        assert_eq!(plane.get(BUYER, "/creatives/a/1").await.status, 200, "it reads");
        assert_eq!(
            plane.post(("buyer", "80010002"), "/creatives/a/1/withdraw", &json!({ "reason": "x" })).await.status,
            404
        );

        let idle = plane.operator("GET", "", &Value::Null).await.json()["items"][0].clone();
        assert_eq!((&idle["account"], &idle["idle"]), (&json!("80010001"), &json!(true)));
        let verify = async |reason: &str, seen: &Value| {
            plane.operator("POST", "/80010001/verify", &json!({ "reason": reason, "seen": seen })).await
        };
        assert_eq!(verify("", &Value::Null).await.status, 400);
        assert_eq!(verify("licence seen", &json!(1)).await.status, 409, "of what was looked at");
        let done = verify("licence seen", &idle["last"]["step"]).await.json();
        assert_eq!(
            (&done["idle"], &done["changed"], &done["state"]),
            (&json!(false), &json!(true), &json!("verified"))
        );
        assert_eq!(plane.operator("POST", "/80019999/verify", &json!({ "reason": "x" })).await.status, 400);
        assert_eq!(plane.post(BUYER, "/creatives", &creative("c")).await.status, 201);
    });
}
