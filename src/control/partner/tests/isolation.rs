//! Each partner sees only its own (R-SECRET): for pairs of partners, every described path with every name that the other one sees, and every
//! list. What is another's answers as what does not exist, and nothing of it stands in any body.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::description::{described, operations, parameters};
use super::*;
use crate::control::view::segment;

/// Names by what they are called in paths: `crid`, `id`.
type Names = BTreeMap<String, BTreeSet<String>>;

/// The parameter that a field of a list's items is asked for by.
const NAMED: [(&str, &str); 3] = [("crid", "crid"), ("version", "version"), ("id", "id")];

/// What a partner sees: the names in its lists.
async fn names_of(plane: &Plane, api: &Value, partner: (&str, &str)) -> Names {
    let mut names = Names::new();
    for (_, path, _) in operations(api).into_iter().filter(|(method, path, _)| method == "get" && !path.contains('{')) {
        let reply = plane.get(partner, &path).await;
        for item in reply.json()["items"].as_array().into_iter().flatten() {
            for (field, parameter) in NAMED {
                let name = match &item[field] {
                    Value::String(name) => name.clone(),
                    Value::Number(number) => number.to_string(),
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
            format!("PMP-2026-{}", &account[4..]),
        ],
        (_, id) => vec![format!("demo-{id}"), format!("{id}-partner")],
    }
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
                if own_as_well {
                    plane.submit(account, "the same for all", 1, CreativeState::Approved);
                }
            }
            let (mine, theirs) = (names_of(&plane, &api, one).await, names_of(&plane, &api, other).await);
            let secrets = secrets_of(other);
            let seen = |path: &str, body: &str| {
                for secret in &secrets {
                    assert!(!body.contains(secret.as_str()), "{one:?} reads {secret} of {other:?} on {path}: {body}");
                }
            };
            for (_, path, _) in operations(&api).into_iter().filter(|(method, path, _)| method == "get" && !path.contains('{')) {
                if path != "/openapi.json" {
                    seen(&path, &plane.get(one, &path).await.body);
                }
            }
            let own: BTreeSet<_> = filled(&api, &mine).into_iter().collect();
            for (method, path) in filled(&api, &theirs).into_iter().filter(|it| !own.contains(it)) {
                assert_eq!(method, "get");
                let reply = plane.get(one, &path).await;
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
