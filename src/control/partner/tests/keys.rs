//! Keys, wrong keys, and how often.

use super::*;
use crate::control::admin::Peer;
use crate::market::partner::Partner;

fn me(authorization: &[&str], more: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/partner/v1/me").header("host", "localhost");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[test]
fn a_key_opens_its_own_door_only() {
    on_a_still_clock(async {
        let plane = Plane::new();
        for (kind, id) in PARTNERS {
            let me = plane.get((kind, id), "/me").await.json();
            assert_eq!((me["kind"].as_str(), me["id"].as_str()), (Some(kind), Some(id)));
        }
        let right = token("buyer", "80010001");
        let wrong = [
            vec![],
            vec![""],
            vec!["Bearer"],
            vec!["Basic YTpi"],
            vec!["Bearer demo-80010001-partner-secret"],
            vec!["Bearer .demo-80010001-partner-secret"],
            vec![right.as_str(), right.as_str()],
        ];
        for values in wrong {
            assert_eq!(plane.send(me(&values, &[])).await.code(), (401, "no_token".to_owned()), "{values:?}");
        }
        let wrong = [
            "Bearer buyer-80010001.demo-80010002-partner-secret",
            "Bearer buyer-80010009.demo-80010001-partner-secret",
            "Bearer buyer-80010001.",
            // A request key is no partner key, and the other way round.
            "Bearer sunrise.demo-sunrise-secret",
        ];
        let mut told = Vec::new();
        for value in wrong {
            let reply = plane.send(me(&[value], &[])).await;
            assert_eq!((reply.status, reply.headers["www-authenticate"].to_str().unwrap()), (401, "Bearer"), "{value}");
            told.push(reply.body);
        }
        told.dedup();
        assert_eq!(told.len(), 1, "an unknown id is answered like a wrong secret");
        let metrics: Vec<_> = plane.state.exchange().metrics.partners.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(metrics, [("ok", 9), ("no_token", 7), ("bad_token", 4)]);
    });
}

#[test]
fn wrong_secrets_are_held_off_by_key_id_and_address_whether_the_id_is_known_or_not() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let from = |address: [u8; 4], value: &str| {
            let mut request = me(&[value], &[]);
            request.extensions_mut().insert(Peer(address.into()));
            request
        };
        for id in ["buyer-80010001", "nobody"] {
            let wrong = format!("Bearer {id}.guess");
            for _ in 0..gate::MOST_FAILURES {
                assert_eq!(plane.send(from([10, 0, 0, 1], &wrong)).await.status, 401);
            }
            let reply = plane.send(from([10, 0, 0, 1], &wrong)).await;
            assert_eq!(reply.code(), (429, "locked_out".to_owned()));
            assert_eq!(reply.headers["retry-after"], "120");
        }
        let right = token("buyer", "80010001");
        assert_eq!(
            plane.send(from([10, 0, 0, 1], &right)).await.status,
            429,
            "not even then: that would be a guess more"
        );
        assert_eq!(plane.send(from([10, 0, 0, 2], &right)).await.status, 200, "who guesses locks out nobody else");
        assert_eq!(plane.send(from([10, 0, 0, 1], &token("buyer", "80010002"))).await.status, 200);
        tokio::time::advance(Duration::from_secs(120)).await;
        assert_eq!(plane.send(from([10, 0, 0, 1], &right)).await.status, 200);
    });
}

#[test]
fn a_partner_is_bounded_and_the_others_are_not() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let right = token("media", "sunrise");
        for _ in 0..gate::BURST {
            assert_eq!(plane.send(me(&[&right], &[])).await.status, 200);
        }
        let reply = plane.send(me(&[&right], &[])).await;
        assert_eq!(
            (reply.code(), &reply.headers["retry-after"]),
            ((429, "too_fast".to_owned()), &"1".parse().unwrap())
        );
        assert_eq!(plane.send(me(&[&token("media", "harbor")], &[])).await.status, 200);
    });
}

#[test]
fn pages_of_browsers_are_judged_as_on_the_rest_of_the_control_plane() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let right = token("dsp", "aurora");
        let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        for header in foreign {
            assert_eq!(plane.send(me(&[&right], &[header])).await.status, 403, "{header:?}");
        }
        let request = Request::get("/partner/v1/me").header("host", "rebound.example").header("authorization", &right);
        assert_eq!(plane.send(request.body(Body::empty()).unwrap()).await.status, 403);
        let reply = plane.send(me(&[&right], &[])).await;
        assert!(!reply.headers.contains_key("set-cookie"));
        assert_eq!(reply.headers["cache-control"], "no-store");
        for path in ["/nothing", "", "/"] {
            let reply = plane.get(("dsp", "aurora"), path).await;
            assert_eq!(reply.status, 404, "{path}: {}", reply.body);
        }
        let request = Request::get("/partner/v1/nothing").header("host", "localhost").body(Body::empty()).unwrap();
        assert_eq!(
            plane.send(request).await.code(),
            (401, "no_token".to_owned()),
            "what is there is told to partners only"
        );
    });
}

#[test]
fn a_key_is_changed_while_the_old_one_still_works() {
    on_a_still_clock(async {
        let line = "partner_keys = [{ id = \"buyer-80010001\", sha256 = \
            \"919b9a83f26026c2e2caec68c20e7f9cbee208a49255cb6f59a1f4ed3e712018\" }";
        // SHA-256 of "another".
        let two = format!(
            "{line}, {{ id = \"buyer-80010001-b\", sha256 = \"ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5\" }}"
        );
        let plane = Plane::on(Bench::edited(&[("buyers.toml", line, &two)]));
        let other = "Bearer buyer-80010001-b.another";
        for value in [token("buyer", "80010001").as_str(), other] {
            let reply = plane.send(me(&[value], &[])).await;
            assert_eq!((reply.status, reply.json()["id"].as_str()), (200, Some("80010001")), "{value}");
        }
        let market = plane.state.market();
        let key = market.partner_key("buyer-80010001-b").unwrap();
        assert!(matches!(key.partner, Partner::Buyer(id) if market.buyers.get(id).unwrap().account == "80010001"));
        // The old one goes with a reload.
        plane.bench.edit("buyers.toml", &two, &two.replacen("id = \"buyer-80010001\"", "id = \"gone\"", 1));
        let by = crate::control::publish::By::trigger(crate::event::Trigger::Api);
        let done = plane.state.publisher().reload(&by).unwrap();
        assert_eq!(done.diff.lines(), ["partner_keys: 1 added (gone)", "partner_keys: 1 removed (buyer-80010001)"]);
        assert_eq!(plane.send(me(&[&token("buyer", "80010001")], &[])).await.status, 401);
        assert_eq!(plane.send(me(&[other], &[])).await.status, 200);
    });
}
