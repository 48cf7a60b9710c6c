//! What a running node does of reviews by itself.

use pmpx::event::{Docket, Subject, SubjectKind, Taken};
use pmpx::store::SqliteDocket;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, moment};

const QUEUE: &str = "/api/v1/reviews/creatives";

fn banner(crid: &str, page: &str) -> Value {
    json!({
        "account": "80010001", "advertiser": "qinghe-dairy", "crid": crid, "version": 1, "format": "banner", "sizes": ["640x360"],
        "landing_page": page, "markup": "<a href=\"__CLICK_URL__\">广告 青禾乳业</a>",
    })
}

/// With a script and an absolute term.
fn loud() -> Value {
    let mut it = banner("loud", "https://qinghe.example/spring");
    it["markup"] =
        Value::from("<script src=\"https://evil.example/x.js\"></script><a href=\"__CLICK_URL__\">广告 国家级牛奶</a>");
    it
}

fn state(pmpx: &Pmpx, crid: &str) -> String {
    let (_, review) = pmpx.control(&format!("{QUEUE}/80010001/{crid}/1"), None);
    review["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn r_review_a_node_checks_what_was_submitted_also_after_a_sudden_end() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let batch = json!({ "creatives": [
        banner("milk-9", "https://qinghe.example/spring"),
        banner("odd", "https://elsewhere.example/"),
        banner("bad", "nowhere"),
        loud(),
    ]});
    let (status, told) = pmpx.control(QUEUE, Some(&batch));
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["items"][0]["state"], "checking", "it is answered before it is checked");
    assert_eq!(told["items"][2]["status"], 400, "one that is refused holds up no other");
    pmpx.wait_until("both are examined", || {
        state(&pmpx, "milk-9") == "pending_review" && state(&pmpx, "odd") == "rejected"
    });
    let (_, odd) = pmpx.control(&format!("{QUEUE}/80010001/odd/1"), None);
    assert_eq!(odd["findings"][0]["rule"], "R-OWN");
    pmpx.wait_until("it is examined", || state(&pmpx, "loud") == "rejected");
    let (_, loud) = pmpx.control(&format!("{QUEUE}/80010001/loud/1"), None);
    let found: Vec<_> = loud["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert!(found.contains(&"foreign-script") && found.iter().any(|code| code.starts_with("words-")), "{found:?}");
    pmpx.stop();

    // As a node leaves it that is killed between a submission's commit and its checks.
    let docket = SqliteDocket::open(pmpx.data(), moment(NOON)).unwrap();
    let subject = Subject { kind: SubjectKind::Creative, name: "80010001/milk-9".to_owned(), version: 1 };
    let mut step = docket.history(&subject, u64::MAX, 9).unwrap().pop().unwrap().step;
    step.subject.name = "80010001/milk-10".to_owned();
    step.body = step.body.replace("milk-9", "milk-10");
    step.due = Some(moment(NOON));
    docket.take(&[Taken { step, after: 0 }]).unwrap();
    drop(docket);
    pmpx.restart(&json!({}));
    pmpx.wait_until("it is examined", || state(&pmpx, "milk-10") == "pending_review");
}
