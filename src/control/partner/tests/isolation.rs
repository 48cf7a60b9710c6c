//! Each partner sees only its own (R-SECRET): for pairs of partners, every described path with every name that the other one sees, and every
//! list. What is another's answers as what does not exist, and nothing of it stands in any body.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::description::{described, operations, parameters};
use super::*;
use crate::compliance::office::{By, Message};
use crate::control::view::segment;

/// Names by what they are called in paths: `crid`, `id`.
type Names = BTreeMap<String, BTreeSet<String>>;

/// The list, the field of its items, and the parameter that it is asked for by; an empty list: any.
const NAMED: [(&str, &str, &str); 9] = [
    ("", "/crid", "crid"),
    ("", "/version", "version"),
    ("", "/advertiser", "advertiser"),
    ("", "/registration/advertiser", "advertiser"),
    ("", "/registration/number", "number"),
    ("", "/registration/app", "app"),
    ("", "/sha256", "sha256"),
    ("/deals", "/id", "id"),
    ("/messages", "/id", "message"),
];

/// What a partner sees: the names in its lists.
async fn names_of(plane: &Plane, api: &Value, partner: (&str, &str)) -> Names {
    let mut names = Names::new();
    for (_, path, _) in operations(api).into_iter().filter(|(method, path, _)| method == "get" && !path.contains('{')) {
        let reply = plane.get(partner, &path).await;
        for item in reply.json()["items"].as_array().into_iter().flatten() {
            for (list, field, parameter) in NAMED {
                let name = match item.pointer(field).filter(|_| list.is_empty() || list == path) {
                    Some(Value::String(name)) => name.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => continue,
                };
                names.entry(parameter.to_owned()).or_default().insert(name);
            }
        }
    }
    names
}

/// Every path of the description with every combination of names.
fn filled(api: &Value, names: &Names) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (method, path, _) in operations(api) {
        let mut paths = vec![path.clone()];
        for parameter in parameters(&path) {
            let values = names.get(&parameter).cloned().unwrap_or_default();
            let put = |path: &String| {
                let hole = format!("{{{parameter}}}");
                values.iter().map(|value| path.replace(&hole, &segment(value))).collect::<Vec<_>>()
            };
            paths = paths.iter().flat_map(put).collect();
        }
        all.extend(paths.into_iter().filter(|it| *it != path).map(|path| (method.clone(), path)));
    }
    all
}

/// What must never be read by anybody but its owner, the DSPs that bid for it, and where a deal shows it.
fn secrets_of(partner: (&str, &str)) -> Vec<String> {
    match partner {
        ("buyer", account) => vec![
            format!("landing-{account}.example"),
            format!("markup of {account}"),
            format!("reason for {account}"),
            format!("words of {account}"),
            format!("Company of {account}"),
            format!("PMP-2026-{}", &account[4..]),
        ],
        (_, id) => {
            let names = ["demo-{}", "{}-partner", "never-on-{}.example", "words of {}"];
            names.iter().map(|name| name.replace("{}", id)).collect()
        }
    }
}

/// Lays down a message of a DSP's or media's.
fn tell(plane: &Plane, (kind, id): (&str, &str)) {
    let market = plane.state.market();
    let dsp = market.dsps.iter().find(|it| (kind, it.wire.as_str()) == ("dsp", id)).map(|it| Owner::Dsp(it.id));
    let media = market.media.iter().find(|it| (kind, it.wire.as_str()) == ("media", id)).map(|it| Owner::Media(it.id));
    let Some(owner) = dsp.or(media) else { return };
    let words = format!("words of {id}");
    let message = Message { rule: "R-REVIEW".to_owned(), about: words.clone(), en: words.clone(), zh: words };
    let by = By { actor: "a test", reason: "" };
    change::office(&plane.state, &market).tell(owner, &format!("own/{id}"), &message, &by).unwrap();
}

/// Lays down an advertiser, a document, an app and a message of a buyer's.
pub(super) fn furnish(plane: &Plane, account: &str, name: &str) {
    let market = plane.state.market();
    let (office, by) = (change::office(&plane.state, &market), By { actor: "a test", reason: "" });
    let id: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let company = format!("Company of {account}");
    let registration = json!({
        "account": account, "advertiser": id, "name": company, "source": company, "domains": ["a.example"], "category": "IAB8",
    });
    office.register(&serde_json::from_value(registration).unwrap(), &by).unwrap();
    let app = json!({
        "account": account, "advertiser": id, "app": "com.a", "name": company, "version": "1", "developer": company,
        "permissions": [], "privacy_policy": "https://a.example/p", "functions": "shows milk", "download": "https://a.example/d",
    });
    office.register_app(&serde_json::from_value(app).unwrap(), &by).unwrap();
    let file = plane.upload(account, format!("pages of {account}").as_bytes());
    let kind = office.terms().documents.iter().find(|kind| kind.forms.is_empty() && !kind.ends_by_number).unwrap();
    let document = json!({
        "account": account, "advertiser": id, "number": "1", "kind": kind.id, "issuer": company, "valid_from": "2026-01-01",
        "files": [file],
    });
    office.register_document(&serde_json::from_value(document).unwrap(), &by).unwrap();
    let words = format!("words of {account}");
    let message = Message { rule: "R-REVIEW".to_owned(), about: words.clone(), en: words.clone(), zh: words };
    office.tell(Owner::Buyer(plane.buyer(account)), &format!("about/{name}"), &message, &by).unwrap();
}

/// R-OWN: nothing is registered or submitted in another's name, or with another's files.
async fn forge(plane: &Plane, one: (&str, &str), account: &str) {
    // That its own account was used is no step of this.
    if let ("buyer", own) = one {
        let market = plane.state.market();
        change::office(&plane.state, &market).use_account(own, &By { actor: "a test", reason: "" }).unwrap();
    }
    let before = plane.docket.last_step().unwrap();
    let text = |name: &str| json!({ "account": account, "advertiser": name, "name": "x", "source": "x", "domains": ["x.example"], "category": "IAB8" });
    let submission = json!({
        "account": account, "advertiser": "qinghe-dairy", "crid": "forged", "version": 1, "format": "native", "landing_page": "https://x.example/",
        "markup": "{}",
    });
    let mut replies =
        vec![plane.post(one, "/advertisers", &text("forged")).await, plane.post(one, "/creatives", &submission).await];
    let batch = plane.post(one, "/creatives/batch", &json!({ "creatives": [submission] })).await;
    if one.0 == "buyer" {
        assert_eq!(batch.json()["items"][0]["error"]["rule"], "R-OWN");
        let file = crate::compliance::digest_text(
            &<sha2::Sha256 as sha2::Digest>::digest(format!("pages of {account}")).into(),
        );
        let borrowed = json!({
            "account": one.1, "advertiser": "a", "number": "1", "kind": "business-licence", "issuer": "x", "valid_from": "2026-01-01",
            "files": [file],
        });
        assert_eq!(plane.post(one, "/documents", &borrowed).await.code(), (422, "not_uploaded".to_owned()));
        assert!(replies.iter().all(|it| it.json()["error"]["rule"] == "R-OWN"));
    } else {
        replies.push(batch);
        assert!(replies.iter().all(|it| it.status == 404), "{one:?} is no buyer");
    }
    assert_eq!(plane.docket.last_step().unwrap(), before, "{one:?} for {account}");
}

fn name() -> impl Strategy<Value = String> {
    // What would mean something in a path or a name of the docket, among it.
    prop_oneof![
        "[a-z0-9./%_ -]{1,24}".prop_filter("a wire name", |it| it.trim() == it && it != "." && it != ".."),
        Just("80010001/milk".to_owned()),
        Just("../80010002".to_owned()),
        Just("牛奶 1".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_anothers_is_not_there(
        one in 0..PARTNERS.len(),
        other in 0..PARTNERS.len(),
        names in prop::collection::vec(name(), 3),
        own_as_well in any::<bool>(),
    ) {
        prop_assume!(one != other);
        on_a_still_clock(async {
            let (api, plane, one, other) = (described(), Plane::new(), PARTNERS[one], PARTNERS[other]);
            for ((_, account), name) in PARTNERS.iter().filter(|(kind, _)| *kind == "buyer").zip(&names) {
                plane.submit(account, name, 1, CreativeState::Rejected);
                plane.submit(account, name, 2, CreativeState::PendingReview);
                furnish(&plane, account, name);
                if own_as_well {
                    plane.submit(account, "the same for all", 1, CreativeState::Approved);
                }
            }
            PARTNERS.into_iter().for_each(|partner| tell(&plane, partner));
            for (_, media) in PARTNERS.into_iter().filter(|(kind, _)| *kind == "media") {
                let record = json!({ "after": 0, "prohibitions": { "domains": [format!("never-on-{media}.example")] } });
                assert_eq!(plane.put(("media", media), "/prohibitions", &record).await.status, 200);
            }
            let (mine, theirs) = (names_of(&plane, api, one).await, names_of(&plane, api, other).await);
            let secrets = secrets_of(other);
            let seen = |path: &str, body: &str| {
                for secret in &secrets {
                    assert!(!body.contains(secret.as_str()), "{one:?} reads {secret} of {other:?} on {path}: {body}");
                }
            };
            for (_, path, _) in operations(api).into_iter().filter(|(method, path, _)| method == "get" && !path.contains('{')) {
                if path != "/openapi.json" {
                    seen(&path, &plane.get(one, &path).await.body);
                }
            }
            if let ("buyer", account) = other {
                forge(&plane, one, account).await;
            }
            let own: BTreeSet<_> = filled(api, &mine).into_iter().collect();
            for (method, path) in filled(api, &theirs).into_iter().filter(|it| !own.contains(it)) {
                let before = plane.docket.last_step().unwrap();
                let reply = match method.as_str() {
                    "get" => plane.get(one, &path).await,
                    _ => plane.post(one, &path, &json!({ "reason": "mine now" })).await,
                };
                assert_eq!(plane.docket.last_step().unwrap(), before, "{one:?} changes {path} of {other:?}");
                assert_eq!(reply.code(), (404, "not_found".to_owned()), "{one:?} asks {path} of {other:?}");
                seen(&path, &reply.body);
                let nothing = plane.get(one, "/deals/nobody-has-this").await;
                assert_eq!(reply.body, nothing.body, "as what does not exist");
            }
            for (_, path) in own.into_iter().filter(|(method, _)| method == "get") {
                let reply = plane.get(one, &path).await;
                // A buyer's names are asked of every path that takes such a name.
                assert!([200, 404].contains(&reply.status), "{one:?} {path}: {}", reply.body);
                seen(&path, &reply.body);
            }
        });
    }
}

/// R-SECRET: a media learns neither gross prices nor who buys, a DSP no counts and nothing of deals that it is not asked for.
#[test]
fn r_secret_a_media_sees_no_gross_price_and_a_dsp_no_figures() {
    on_a_still_clock(async {
        let plane = Plane::new();
        for media in PARTNERS.into_iter().filter(|(kind, _)| *kind == "media") {
            let mut bodies = plane.get(media, "/deals").await.body;
            for deal in plane.get(media, "/deals").await.json()["items"].as_array().unwrap() {
                bodies += &plane.get(media, &format!("/deals/{}", deal["id"].as_str().unwrap())).await.body;
            }
            bodies += &plane.get(media, "/placements").await.body;
            bodies += &plane.get(media, "/me").await.body;
            for gross in ["60.00", "68.00", "62.00", "9.50", "24.00", "8001000", "margin", "15%"] {
                assert!(!bodies.contains(gross), "{media:?} reads {gross}: {bodies}");
            }
        }
        let sunrise = plane.get(("media", "sunrise"), "/deals/PD-2026-PAOPAO").await.json();
        assert_eq!(sunrise["net_price"]["cpm"], "52.70", "R-SHARE: 62.00 less 15 %");
        let harbor = plane.get(("media", "harbor"), "/deals/PD-2026-PAOPAO").await.json();
        assert_eq!(harbor["net_price"]["cpm"], "49.60", "less its own 20 %");
        assert_eq!(harbor["places"], json!([{ "placement": "harbor-preroll" }]), "another media's are not told");
        let deals = plane.get(("dsp", "comet"), "/deals").await.json();
        assert_eq!(deals["items"].as_array().unwrap().len(), 1);
        let deal = &deals["items"][0];
        assert_eq!((deal["id"].as_str(), &deal["seats"]), (Some("PD-2026-PAOPAO"), &json!(["comet-3"])));
        for field in ["today", "progress", "delivered", "dsps"] {
            assert!(deal.get(field).is_none(), "{field}");
        }
    });
}
