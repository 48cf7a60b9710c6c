//! What buyers register and submit, and what they read of what they were told.

use super::*;
use crate::compliance::office::{By, Message};
use crate::control::view::segment;

const BUYER: (&str, &str) = ("buyer", "80010001");
const OTHER: (&str, &str) = ("buyer", "80010002");

fn advertiser(name: &str) -> Value {
    json!({
        "account": "80010001", "advertiser": "lotus-tea", "name": name, "source": "Lotus Tea Co.", "domains": ["lotus.example"],
        "category": "IAB8",
    })
}

fn creative(crid: &str, version: u32, markup: &str) -> Value {
    json!({
        "account": "80010001", "advertiser": "qinghe-dairy", "crid": crid, "version": version, "format": "banner", "sizes": ["300x250"],
        "landing_page": "https://qinghe.example/", "markup": markup,
    })
}

#[test]
fn r_qualify_an_advertiser_is_registered_changed_and_taken_back() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let first = plane.post(BUYER, "/advertisers", &advertiser("Lotus Tea")).await;
        assert_eq!(first.status, 201, "{}", first.body);
        assert_eq!(first.json(), json!({ "name": "lotus-tea", "version": 1, "state": "pending", "entered": true }));
        let again = plane.post(BUYER, "/advertisers", &advertiser("Lotus Tea")).await;
        assert_eq!((again.status, again.json()["entered"].as_bool()), (200, Some(false)));
        assert_eq!(plane.post(BUYER, "/advertisers", &advertiser("Lotus Teas")).await.json()["version"], 2);
        let one = plane.get(BUYER, "/advertisers/lotus-tea").await.json();
        let states: Vec<_> = one["items"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["withdrawn", "pending"], "what still waited is not looked at any more");
        assert_eq!((one["configured"].as_bool(), one["qualified_until"].is_null()), (Some(false), true));
        assert!(one["findings"][0]["zh"].as_str().unwrap().chars().any(|it| it > '\u{4e00}'), "{one}");
        let path = "/advertisers/lotus-tea/2/withdraw";
        assert_eq!(plane.post(OTHER, path, &json!({ "reason": "x" })).await.status, 404);
        assert_eq!(plane.post(BUYER, path, &json!({ "reason": "" })).await.code(), (400, "malformed".to_owned()));
        let done = plane.post(BUYER, path, &json!({ "reason": "sold" })).await.json();
        assert_eq!((done["state"].as_str(), done["changed"].as_bool()), (Some("withdrawn"), Some(true)));
        let back = plane.post(BUYER, path, &json!({ "reason": "sold" })).await;
        assert_eq!((back.status, back.json()["changed"].as_bool()), (200, Some(false)));
        assert_eq!(plane.get(OTHER, "/advertisers").await.json()["items"], json!([]));
        let history = plane.get(BUYER, "/advertisers/lotus-tea").await.json()["items"][1]["history"].clone();
        assert_eq!((history[0]["by"].as_str(), history[0]["reason"].as_str()), (Some("you"), Some("sold")));
        let config = plane.get(BUYER, "/advertisers/qinghe-dairy").await.json();
        assert_eq!(
            (config["configured"].as_bool(), config["qualified_until"].as_str()),
            (Some(true), Some("2027-12-31"))
        );
    });
}

#[test]
fn what_is_wrong_is_named_by_field_and_rule_in_both_languages() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let edited = |field: &str, value: Value| {
            let mut body = advertiser("Lotus Tea");
            body[field] = value;
            body
        };
        let wrong = [
            (edited("domains", json!(["LOTUS"])), 400, "malformed", Some("domains"), None),
            (edited("account", json!("80010002")), 400, "bad_body", Some("account"), Some("R-OWN")),
            (edited("colour", json!("red")), 400, "bad_body", None, None),
        ];
        for (body, status, code, path, rule) in wrong {
            let reply = plane.post(BUYER, "/advertisers", &body).await;
            let error = reply.json()["error"].clone();
            assert_eq!(reply.code(), (status, code.to_owned()), "{body}");
            assert_eq!((error["path"].as_str(), error["rule"].as_str()), (path, rule), "{body}");
            assert!(error["zh"].as_str().unwrap().chars().any(|it| it > '\u{4e00}'), "{error}");
        }
        let mut theirs = creative("a", 1, "<b>x</b>");
        theirs["advertiser"] = json!("yunfan-auto");
        let lost = plane.post(BUYER, "/creatives", &theirs).await;
        assert_eq!(
            (lost.code(), lost.json()["error"]["rule"].as_str()),
            ((422, "against_a_rule".to_owned()), Some("R-OWN"))
        );
        let json = ("content-type", "application/json");
        for path in ["/advertisers", "/documents", "/apps", "/creatives", "/creatives/batch"] {
            let plain = plane.post_with(BUYER, path, &[("content-type", "text/plain")], "{}").await;
            assert_eq!(plain.code(), (415, "unsupported_media_type".to_owned()), "{path}");
            let large = plane.post_with(BUYER, path, &[json], vec![b' '; (16 << 20) + 1]).await;
            assert_eq!(large.code(), (413, "too_large".to_owned()), "{path}");
            assert_eq!(plane.post_with(BUYER, path, &[json], "{").await.code(), (400, "bad_body".to_owned()), "{path}");
        }
        let twice = r#"{"account":"80010002","account":"80010001"}"#;
        assert_eq!(plane.post_with(BUYER, "/advertisers", &[json], twice).await.code(), (400, "bad_body".to_owned()));
        assert_eq!(plane.docket.last_step().unwrap(), 0);
    });
}

#[test]
fn r_review_a_version_is_submitted_once_and_never_changes() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let done = plane.post(BUYER, "/creatives", &creative("tea", 1, "<b>1</b>")).await;
        assert_eq!(done.status, 201, "{}", done.body);
        assert_eq!(done.json(), json!({ "crid": "tea", "version": 1, "state": "checking", "submitted": true }));
        assert_eq!(plane.post(BUYER, "/creatives", &creative("tea", 1, "<b>1</b>")).await.status, 200);
        let other = plane.post(BUYER, "/creatives", &creative("tea", 1, "<b>2</b>")).await;
        assert_eq!(other.code(), (409, "taken".to_owned()));
        assert_eq!(
            plane.post(BUYER, "/creatives", &creative("tea", 3, "<b>3</b>")).await.status,
            409,
            "not the next one"
        );
        let draft = plane.post(BUYER, "/creatives?draft=true", &creative("tea", 2, "<b>2</b>")).await;
        assert_eq!((draft.status, draft.json()["state"].as_str()), (201, Some("draft")));
        let written_again = plane.post(BUYER, "/creatives?draft=true", &creative("tea", 2, "<b>2b</b>")).await;
        assert_eq!(written_again.status, 201);
        assert_eq!(plane.post(BUYER, "/creatives", &creative("tea", 2, "<b>2b</b>")).await.json()["state"], "checking");
        let taken_back = plane.post(BUYER, "/creatives/tea/1/withdraw", &json!({ "reason": "wrong price" })).await;
        assert_eq!(taken_back.json()["state"], "expired");
        assert_eq!(plane.post(OTHER, "/creatives/tea/2/withdraw", &json!({ "reason": "x" })).await.status, 404);
        assert_eq!(plane.post(BUYER, "/creatives/tea/2/withdraw", &json!({ "reason": " " })).await.status, 400);
        let history = plane.get(BUYER, "/creatives/tea/1/history").await.json();
        assert_eq!(
            (history["items"][0]["by"].as_str(), history["items"][0]["reason"].as_str()),
            (Some("you"), Some("wrong price"))
        );
    });
}

#[test]
fn a_batch_tells_what_became_of_each() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let foreign = json!({ "account": "80010002" });
        let mut unloaded = creative("files", 1, "<img src='https://cdn.example/a.png'>");
        unloaded["files"] = json!([{ "url": "https://cdn.example/a.png", "sha256": "0".repeat(64) }]);
        let batch = [
            creative("a", 1, "<b>a</b>"),
            json!(7),
            creative("b", 2, "<b>b</b>"),
            foreign,
            unloaded,
            creative("c", 1, "<b>c</b>"),
        ];
        let reply = plane.post(BUYER, "/creatives/batch", &json!({ "creatives": batch })).await;
        let items = reply.json()["items"].as_array().unwrap().clone();
        let told: Vec<_> =
            items.iter().map(|it| (it["status"].as_u64().unwrap(), it["error"]["path"].as_str())).collect();
        let expected = [
            (201, None),
            (400, Some("creatives[1]")),
            (409, Some("creatives[2]")),
            (400, Some("creatives[3]")),
            (422, Some("creatives[4].files[0]")),
            (201, None),
        ];
        assert_eq!(told, expected, "{items:?}");
        let many: Vec<_> = (0..101).map(|number| creative(&format!("n{number}"), 1, "<b>n</b>")).collect();
        let before = plane.docket.last_step().unwrap();
        for wrong in [json!(many), json!([])] {
            let reply = plane.post(BUYER, "/creatives/batch", &json!({ "creatives": wrong })).await;
            assert_eq!(
                (reply.code(), reply.json()["error"]["path"].as_str()),
                ((400, "bad_body".to_owned()), Some("creatives"))
            );
        }
        assert_eq!(plane.docket.last_step().unwrap(), before);
    });
}

#[test]
fn an_idempotency_key_is_its_partners_own() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
        let body = advertiser("Lotus Tea").to_string();
        let first = plane.post_with(BUYER, "/advertisers", &headers, body.clone()).await;
        assert_eq!(first.status, 201);
        let again = plane.post_with(BUYER, "/advertisers", &headers, body.clone()).await;
        assert_eq!(
            (again.status, &again.body, &again.headers["idempotent-replayed"]),
            (201, &first.body, &"true".parse().unwrap())
        );
        let reused = plane.post_with(BUYER, "/advertisers", &headers, advertiser("Other").to_string()).await;
        assert_eq!(reused.code(), (422, "idempotency_key_reused".to_owned()));
        assert!(reused.json()["error"]["zh"].is_string());
        let theirs = body.replace("80010001", "80010002");
        let theirs = plane.post_with(OTHER, "/advertisers", &headers, theirs).await;
        assert_eq!(
            (theirs.status, theirs.headers.contains_key("idempotent-replayed")),
            (201, false),
            "{}",
            theirs.body
        );
    });
}

#[test]
fn r_qualify_a_document_names_its_own_uploads() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let terms = plane.state.market().terms.content.clone();
        let kind =
            terms.documents.iter().find(|kind| kind.forms.is_empty() && !kind.ends_by_number).unwrap().id.clone();
        let file = plane.upload("80010001", b"%PDF-1.7 licence");
        let mut document = json!({
            "account": "80010001", "advertiser": "qinghe-dairy", "number": "沪 2026-1", "kind": kind, "issuer": "Bureau",
            "valid_from": "2026-01-01", "valid_until": "2027-01-01", "files": [file],
        });
        let done = plane.post(BUYER, "/documents", &document).await;
        assert_eq!(done.status, 201, "{}", done.body);
        let path = format!("/documents/qinghe-dairy/{}", segment("沪 2026-1"));
        let one = plane.get(BUYER, &path).await.json();
        assert_eq!(one["items"][0]["registration"]["files"][0], file);
        assert_eq!(plane.get(OTHER, &path).await.status, 404);
        assert_eq!(plane.get(BUYER, "/files").await.json()["items"][0]["sha256"], file);
        // The same file, which is there, but somebody else's.
        document["account"] = json!("80010002");
        let borrowed = plane.post(OTHER, "/documents", &document).await;
        assert_eq!(
            (borrowed.code(), borrowed.json()["error"]["path"].as_str()),
            ((422, "not_uploaded".to_owned()), Some("files[0]"))
        );
        document["account"] = json!("80010001");
        document["valid_until"] = json!("2026-11-21");
        let over = plane.post(BUYER, "/documents", &document).await;
        assert_eq!(
            (over.code(), over.json()["error"]["rule"].as_str()),
            ((422, "against_a_rule".to_owned()), Some("R-QUALIFY"))
        );
    });
}

#[test]
fn r_malice_a_file_is_what_its_bytes_say() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let pdf: &[u8] = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n";
        let live =
            String::from_utf8_lossy(pdf).replace("/Catalog", "/Catalog /OpenAction << /S /JavaScript >>").into_bytes();
        let send = async |partner, kind: &str, bytes: &[u8]| {
            plane.post_with(partner, "/files", &[("content-type", kind)], bytes.to_vec()).await
        };
        let first = send(BUYER, "application/pdf", pdf).await;
        assert_eq!((first.status, first.json()["kind"].as_str()), (201, Some("application/pdf")), "{}", first.body);
        assert_eq!(first.json()["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(send(BUYER, "application/pdf; q=1", pdf).await.status, 200, "it was there already");
        // The other buyer's own upload of the same file is its own, and new to it.
        assert_eq!(send(OTHER, "application/pdf", pdf).await.status, 201);
        let wrong: [(&str, &[u8], &str); 6] = [
            ("image/png", pdf, "R-REVIEW"),
            ("image/png", b"", "R-REVIEW"),
            ("text/html", b"<html><script>x</script></html>", "R-MALICE"),
            ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>", "R-MALICE"),
            ("application/zip", b"PK\x03\x04", "R-MALICE"),
            ("application/pdf", &live, "R-MALICE"),
        ];
        for (kind, bytes, rule) in wrong {
            let reply = send(BUYER, kind, bytes).await;
            assert_eq!(
                (reply.code(), reply.json()["error"]["rule"].as_str()),
                ((422, "bad_file".to_owned()), Some(rule)),
                "{kind}"
            );
        }
        assert_eq!(send(BUYER, "", pdf).await.code(), (415, "unsupported_media_type".to_owned()));
        let most = plane.state.market().terms.content.limits;
        let large = vec![b'x'; most.file_bytes.max(most.document_bytes) + 1];
        assert_eq!(send(BUYER, "image/png", &large).await.code(), (413, "too_large".to_owned()));
        assert_eq!(plane.get(BUYER, "/files").await.json()["items"].as_array().unwrap().len(), 1);
        assert_eq!(send(("media", "sunrise"), "application/pdf", pdf).await.status, 404);
        let day = plane.state.exchange().clock.now().shanghai_day();
        let partner = crate::market::partner::Partner::Buyer(plane.buyer("80010001"));
        assert!(plane.state.partners().charge(partner, day, 1 << 30).is_err(), "what was sent today counts");
        assert!(plane.state.partners().charge(partner, day.next(), 1 << 30).is_ok());
    });
}

#[test]
fn messages_are_read_once_and_by_their_owner() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let market = plane.state.market();
        let office = change::office(&plane.state, &market);
        let message = |words: &str| {
            let text = words.to_owned();
            Message { rule: "R-REVIEW".to_owned(), about: "creative tea".to_owned(), en: text.clone(), zh: text }
        };
        let by = By { actor: "reviewer Wang", reason: "seen" };
        let owner = Owner::Buyer(plane.buyer("80010001"));
        office.tell(owner, "creative/80010001/tea/1/7", &message("rejected"), &by).unwrap();
        office.tell(owner, "document/1", &message("ends soon"), &by).unwrap();
        let sunrise = market.media.iter().find(|media| media.wire == "sunrise").unwrap().id;
        office.tell(Owner::Media(sunrise), "own", &message("for the media"), &by).unwrap();
        // A DSP's number may be a buyer's or media's too.
        for dsp in market.dsps.iter() {
            let words = format!("for {}", dsp.wire);
            office.tell(Owner::Dsp(dsp.id), &format!("own/{}", dsp.wire), &message(&words), &by).unwrap();
        }
        let told = async |partner, query: &str| {
            let page = plane.get(partner, &format!("/messages?{query}")).await.json();
            let items = page["items"].as_array().unwrap().clone();
            items.iter().map(|it| it["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(BUYER, "").await, ["rejected", "ends soon"]);
        assert_eq!(told(BUYER, "limit=1").await, ["rejected"]);
        assert_eq!(told(("media", "sunrise"), "").await, ["for the media"]);
        assert!(told(OTHER, "").await.is_empty() && told(("media", "harbor"), "").await.is_empty());
        let path = format!("/messages/{}/acknowledge", segment("creative/80010001/tea/1/7"));
        for stranger in [OTHER, ("media", "sunrise"), ("dsp", "aurora")] {
            assert_eq!(plane.post_with(stranger, &path, &[], "").await.status, 404, "{stranger:?}");
        }
        for _ in 0..2 {
            assert_eq!(plane.post_with(BUYER, &path, &[], "").await.json()["read"], true);
        }
        assert_eq!(told(BUYER, "unread=true").await, ["ends soon"]);
        assert_eq!(told(BUYER, "").await, ["ends soon", "rejected"]);
        let body = plane.get(BUYER, "/messages").await.body;
        assert!(!body.contains("Wang") && body.contains("\"read\":true"), "{body}");
        for dsp in ["aurora", "basalt", "comet"] {
            assert_eq!(told(("dsp", dsp), "").await, [format!("for {dsp}")]);
            let path = format!("/messages/{}/acknowledge", segment("own/aurora"));
            let expected = if dsp == "aurora" { 200 } else { 404 };
            assert_eq!(plane.post_with(("dsp", dsp), &path, &[], "").await.status, expected, "R-SECRET: {dsp}");
        }
        assert!(told(("dsp", "aurora"), "unread=true").await.is_empty());
    });
}

#[test]
fn r_review_what_waits_is_bounded_single_and_in_a_batch() {
    on_a_still_clock(async {
        let plane = Plane::on(Bench::edited(&[("content.toml", "waiting = 1000", "waiting = 2")]));
        assert_eq!(plane.post(BUYER, "/creatives", &creative("a", 1, "<b>a</b>")).await.status, 201);
        let batch = [creative("b", 1, "<b>b</b>"), creative("c", 1, "<b>c</b>"), creative("a", 1, "<b>a</b>")];
        let items = plane.post(BUYER, "/creatives/batch", &json!({ "creatives": batch })).await.json()["items"].clone();
        let statuses: Vec<_> = items.as_array().unwrap().iter().map(|it| it["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [201, 429, 200], "{items}");
        assert_eq!(items[1]["error"]["code"], "too_many_waiting");
        let refused = plane.post(BUYER, "/creatives", &creative("c", 1, "<b>c</b>")).await;
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status, error["rule"].as_str()), (429, Some("R-REVIEW")));
        assert!(
            error["message"].as_str().unwrap().contains("at most 2")
                && error["zh"].as_str().unwrap().contains("上限为 2")
        );
        assert_eq!(refused.headers["retry-after"], "600");
        plane.post(BUYER, "/creatives/b/1/withdraw", &json!({ "reason": "room" })).await;
        assert_eq!(plane.post(BUYER, "/creatives", &creative("c", 1, "<b>c</b>")).await.status, 201);
    });
}
