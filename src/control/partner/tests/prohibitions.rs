//! A media edits what it never shows (R-CATEGORY).

use super::*;

const MEDIA: (&str, &str) = ("media", "sunrise");
const OTHER: (&str, &str) = ("media", "harbor");
const PATH: &str = "/prohibitions";

fn no_games(after: u64) -> Value {
    json!({ "after": after, "reason": "no games", "prohibitions": {
        "categories": ["IAB9"], "industries": ["games"], "advertisers": ["80010003/paopao-games"], "domains": ["paopao.example"], "attributes": [6],
        "words": ["游戏"],
    }})
}

#[test]
fn r_category_a_media_edits_what_it_knew_and_is_told_what_is_there_otherwise() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let none = plane.get(MEDIA, PATH).await.json();
        assert_eq!((&none["seq"], &none["by"]), (&json!(0), &Value::Null));
        assert_eq!(none["contract"]["categories"], json!(["IAB7-39", "IAB25", "IAB26"]), "read only, beside it");
        let done = plane.put(MEDIA, PATH, &no_games(0)).await;
        let first = done.json();
        assert_eq!(
            (done.status, &first["changed"], &first["reason"]),
            (200, &json!(true), &json!("no games")),
            "{first}"
        );
        assert_eq!(first["prohibitions"], no_games(0)["prohibitions"]);
        let seq = first["seq"].as_u64().unwrap();
        let again = plane.put(MEDIA, PATH, &no_games(0)).await.json();
        assert_eq!((&again["changed"], &again["seq"]), (&json!(false), &json!(seq)), "what stands so already");

        let mut other = no_games(0);
        other["prohibitions"] = json!({ "categories": ["IAB8-5"] });
        let late = plane.put(MEDIA, PATH, &other).await;
        assert_eq!(late.code(), (409, "overtaken".to_owned()));
        let error = late.json()["error"].clone();
        assert_eq!((&error["present"]["seq"], error["path"].as_str()), (&json!(seq), Some("after")));
        assert_eq!(error["present"]["prohibitions"], no_games(0)["prohibitions"], "what is there now");
        other["after"] = json!(seq);
        let second = plane.put(MEDIA, PATH, &other).await.json();
        assert_eq!(
            second["prohibitions"],
            json!({ "categories": ["IAB8-5"], "industries": [], "advertisers": [], "domains": [], "attributes": [], "words": [] })
        );
        assert_eq!(plane.get(OTHER, PATH).await.json()["prohibitions"]["categories"], json!([]), "another's stays");
        let kept = plane.docket.steps(0, 9).unwrap();
        assert_eq!(kept.len(), 2, "each change is one step");
        assert!(kept.iter().all(|it| it.step.actor == "media sunrise" && it.step.subject.name == "sunrise"));
    });
}

#[test]
fn r_category_its_history_says_who_when_why_and_what_a_few_at_a_time() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let put = async |after: u64, categories: Value, reason: &str| {
            let body = json!({ "after": after, "prohibitions": { "categories": categories }, "reason": reason });
            plane.put(MEDIA, PATH, &body).await.json()["seq"].as_u64().unwrap()
        };
        let first = put(0, json!(["IAB9", "IAB8"]), "first").await;
        let second = put(first, json!(["IAB8", "IAB7-5"]), "").await;
        let third = put(second, json!([]), "all may run").await;
        let expected = [
            (third, "all may run", json!([]), json!(["IAB8", "IAB7-5"])),
            (second, "by key media-sunrise", json!(["IAB7-5"]), json!(["IAB9"])),
            (first, "first", json!(["IAB9", "IAB8"]), json!([])),
        ];
        for limit in [1, 2, 3, 20] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = plane.get(MEDIA, &format!("{PATH}/history?limit={limit}{cursor}")).await.json();
                assert!(page["items"].as_array().unwrap().len() <= limit);
                seen.extend(page["items"].as_array().unwrap().clone());
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            let told: Vec<_> = seen
                .iter()
                .map(|it| {
                    let (added, removed) = (it["added"]["categories"].clone(), it["removed"]["categories"].clone());
                    (it["seq"].as_u64().unwrap(), it["reason"].as_str().unwrap(), added, removed)
                })
                .collect();
            assert_eq!(told, expected, "{limit}");
            assert!(seen.iter().all(|it| it["by"] == "you" && it["at"].is_string()));
        }
        assert_eq!(plane.get(MEDIA, &format!("{PATH}/history?limit=21")).await.code(), (400, "bad_query".to_owned()));
        assert_eq!(plane.get(OTHER, &format!("{PATH}/history")).await.json()["items"], json!([]));
    });
}

#[test]
fn r_category_what_cannot_be_taken_is_named_by_its_place_in_both_languages() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let mut wrong = no_games(0);
        wrong["prohibitions"] = json!({ "categories": ["IAB9", "games"], "domains": ["https://a.example"] });
        let error = plane.put(MEDIA, PATH, &wrong).await.json()["error"].clone();
        let told: Vec<_> = error["findings"].as_array().unwrap().iter().map(|it| it["place"].clone()).collect();
        assert_eq!(
            (told, error["rule"].as_str()),
            (vec![json!("categories[1]"), json!("domains[0]")], Some("R-CATEGORY"))
        );
        assert!(error["findings"][0]["zh"].as_str().unwrap().contains("分类"), "{error}");
        wrong["prohibitions"] = json!({ "industries": ["medicine", "toys"] });
        let error = plane.put(MEDIA, PATH, &wrong).await.json()["error"]["findings"][0].clone();
        assert_eq!((&error["place"], &error["found"]), (&json!("industries[1]"), &json!("toys")));
        assert!(error["en"].as_str().unwrap().contains("medical-services, medicine,"), "those that there are: {error}");
        wrong["prohibitions"] = json!({ "categories": vec!["x"; 1_000] });
        let many = plane.put(MEDIA, PATH, &wrong).await;
        assert_eq!((many.status, many.json()["error"]["findings"].as_array().unwrap().len()), (422, 100));
        let long = json!({ "after": 0, "prohibitions": {}, "reason": "x".repeat(501) });
        assert_eq!(plane.put(MEDIA, PATH, &long).await.json()["error"]["path"], "reason");
        let malformed = [
            r#"{"after": 0, "prohibitions": []}"#,
            r#"{"after": 0, "prohibitions": {"colour": []}}"#,
            r#"{"after": 0, "prohibitions": {"domains": [], "domains": ["a.example"]}}"#,
            r#"{"prohibitions": {}}"#,
            r#"{"after": -1, "prohibitions": {}}"#,
        ];
        let json = [("content-type", "application/json")];
        for body in malformed {
            let reply = plane.change_with("put", MEDIA, PATH, &json, body).await;
            assert_eq!(reply.code(), (400, "bad_body".to_owned()), "{body}");
        }
        let large = plane.change_with("put", MEDIA, PATH, &json, vec![b' '; (1 << 20) + 1]).await;
        assert_eq!(large.code(), (413, "too_large".to_owned()));
        assert_eq!(plane.change_with("put", MEDIA, PATH, &[], "{}").await.status, 415);
        for partner in [("buyer", "80010001"), ("dsp", "aurora")] {
            assert_eq!(plane.put(partner, PATH, &no_games(0)).await.code(), (404, "not_found".to_owned()));
        }
        assert_eq!(plane.docket.last_step().unwrap(), 0, "nothing was taken");
    });
}

#[test]
fn an_idempotency_key_takes_an_edit_once() {
    on_a_still_clock(async {
        let plane = Plane::new();
        let headers = [("content-type", "application/json"), ("idempotency-key", "spring")];
        let body = no_games(0).to_string();
        let first = plane.change_with("put", MEDIA, PATH, &headers, body.clone()).await;
        let again = plane.change_with("put", MEDIA, PATH, &headers, body.clone()).await;
        assert_eq!((&again.body, again.headers["idempotent-replayed"].to_str().unwrap()), (&first.body, "true"));
        let theirs = plane.change_with("put", OTHER, PATH, &headers, body).await;
        assert!(theirs.headers.get("idempotent-replayed").is_none(), "another's key is another one");
        assert_eq!(plane.docket.last_step().unwrap(), 2);
    });
}

/// Operators read what a media says, and who said it.
#[test]
fn operators_read_a_medias_record_and_its_history() {
    on_a_still_clock(async {
        let plane = Plane::new();
        plane.put(MEDIA, PATH, &no_games(0)).await;
        let ask = async |path: &str| {
            let request = Request::get(format!("/api/v1/media/{path}")).header("host", "localhost");
            plane.send(request.body(Body::empty()).unwrap()).await
        };
        let present = ask("sunrise/prohibitions").await.json();
        assert_eq!((&present["by"], &present["prohibitions"]["attributes"]), (&json!("media sunrise"), &json!([6])));
        let history = ask("sunrise/prohibitions/history").await.json();
        assert_eq!(
            (&history["items"][0]["added"]["domains"], &history["next_cursor"]),
            (&json!(["paopao.example"]), &Value::Null)
        );
        assert_eq!(ask("nobody/prohibitions").await.status, 404);
    });
}
