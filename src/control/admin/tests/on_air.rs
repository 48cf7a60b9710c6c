//! What is on the air before its review, where reviewers see it first (R-REVIEW, serve first).

use serde_json::json;

use super::*;
use crate::compliance::office::{By, Office};

const DEAL: &str = "PD-2026-PAOPAO";

impl Plane {
    async fn serving_first() -> Self {
        let first =
            "id = \"PD-2026-PAOPAO\"\nreview = \"after\"\nunreviewed_a_day = 60\nformats = [\"banner\", \"video\"]";
        let media = "id = \"citypages\"\nunreviewed = true";
        let edits = [("deals.toml", "id = \"PD-2026-PAOPAO\"", first), ("media.toml", "id = \"citypages\"", media)];
        Self::on(Bench::edited(&edits)).await
    }

    fn with<T>(&self, work: impl FnOnce(&Office<'_>) -> T) -> T {
        let (market, now) = (self.state.market(), self.state.exchange.clock.now());
        work(&Office { docket: &**self.state.docket(), market: &market, now })
    }

    /// Submits a version, which then waits for its review, and is known to the market.
    async fn waits(&self, (account, advertiser, host): (&str, &str, &str), crid: &str, version: u32) {
        let body = json!({ "creatives": [{
            "account": account, "advertiser": advertiser, "crid": crid, "version": version, "format": "banner", "sizes": ["728x90"],
            "landing_page": format!("https://{host}/"), "markup": format!("<a href=\"__CLICK_URL__\">广告 {version}</a>"), "attributes": [5],
        }]});
        let reply = self.post("/api/v1/reviews/creatives", &body.to_string(), "").await;
        assert_eq!(reply.json()["items"][0]["state"], "checking", "{}", reply.body);
        self.checked();
    }

    /// Does what the examiner and the publisher of a node do.
    fn checked(&self) {
        self.with(|office| office.tend_creatives(99, &[], &|_, _, _| None).unwrap());
        self.bench.publisher.follow_content().unwrap();
    }

    async fn on_air(&self, more: &str) -> Vec<String> {
        let reply = self.get(&format!("/api/v1/reviews?on_air=true{more}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let items = reply.json()["items"].as_array().unwrap().clone();
        items.iter().map(|it| format!("{}/{}", it["crid"].as_str().unwrap(), it["version"])).collect()
    }

    async fn decide(&self, path: &str, body: Value) {
        let reply = self.post(&format!("/api/v1/reviews/creatives/80010003/{path}"), &body.to_string(), "").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.bench.publisher.follow_content().unwrap();
    }
}

const MILK: (&str, &str, &str) = ("80010001", "qinghe-dairy", "qinghe.example");
const GAMES: (&str, &str, &str) = ("80010003", "paopao-games", "paopao.example");

#[tokio::test]
async fn r_review_what_is_on_the_air_before_its_review_comes_first_and_says_how_much_is_reserved() {
    let plane = Plane::serving_first().await;
    plane.waits(MILK, "milk-9", 1).await;
    plane.waits(GAMES, "new-1", 1).await;
    plane.waits(GAMES, "new-2", 1).await;
    let (deal, day) =
        (plane.state.market().deal_named(DEAL).unwrap().clone(), plane.state.exchange.clock.now().shanghai_day());
    plane.with(|office| office.reserve(&deal, day, 50, &By { actor: "node", reason: "" }).unwrap());
    let queue = plane.get("/api/v1/reviews").await.json();
    let items: Vec<_> =
        queue["items"].as_array().unwrap().iter().map(|it| (it["crid"].clone(), it["on_air"].clone())).collect();
    let shown = json!([{ "deal": DEAL, "media": ["citypages"], "a_day": 60, "reserved_today": 50 }]);
    let expected = [("milk-9", json!([])), ("new-1", shown.clone()), ("new-2", shown.clone())];
    assert_eq!(items, expected.map(|(crid, on_air)| (json!(crid), on_air)));
    assert_eq!(plane.get("/api/v1/reviews/creatives/80010003/new-1/1").await.json()["on_air"], shown);
    // Only these, page by page.
    assert_eq!(plane.on_air("").await, ["new-1/1", "new-2/1"]);
    assert_eq!(
        (plane.on_air("&buyer=80010001").await, plane.on_air("&limit=1").await),
        (vec![], vec!["new-1/1".to_owned()])
    );
    let next = plane.get("/api/v1/reviews?on_air=true&limit=1").await.json()["next_cursor"].clone();
    assert_eq!(plane.on_air(&format!("&limit=1&cursor={next}")).await, ["new-2/1"]);
    let wrong = plane.get("/api/v1/reviews?on_air=true&state=approved").await;
    assert_eq!(wrong.code(), (400, "bad_query".to_owned()));
    // On the pages: first, each once, and with a word on its own page.
    let page = plane.get("/reviews").await.body;
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}: {page}"));
    assert!(at("new-1") < at("new-2") && at("new-2") < at("milk-9"), "{page}");
    assert_eq!(page.matches(">new-1<").count(), 1);
    assert!(page.contains("PD-2026-PAOPAO · citypages · 今日已预留 reserved today 50/60"), "{page}");
    let only = plane.get("/reviews?on_air=true").await.body;
    assert!(only.contains("new-2") && !only.contains("milk-9"));
    let own = async |path: &str| plane.get(&format!("/reviews/creatives/{path}/1")).await.body.contains("先投后审");
    assert_eq!((own("80010003/new-1").await, own("80010001/milk-9").await), (true, false));
}

#[tokio::test]
async fn r_review_what_no_bid_can_show_before_its_review_is_not_on_the_air() {
    let plane = Plane::serving_first().await;
    plane.waits(GAMES, "new-1", 1).await;
    plane.waits(GAMES, "new-2", 1).await;
    plane.decide("new-1/1/reject", json!({ "reasons": ["quality"], "reason": "no" })).await;
    assert_eq!(plane.on_air("").await, ["new-2/1"]);
    plane.decide("new-2/1/approve", json!({})).await;
    plane.waits(GAMES, "new-2", 2).await;
    assert_eq!(plane.on_air("").await, [""; 0], "the approved version goes on until the next is");
    plane.waits(GAMES, "new-3", 1).await;
    assert_eq!(plane.on_air("").await, ["new-3/1"]);
    // The deal has no native.
    let native = json!({ "creatives": [{
        "account": "80010003", "advertiser": "paopao-games", "crid": "native-1", "version": 1, "format": "native", "sizes": [],
        "landing_page": "https://paopao.example/",
        "markup": r#"{"native":{"ver":"1.2","link":{"url":"__CLICK_URL__"},"assets":[{"id":1,"title":{"text":"广告 泡泡游戏"}}]}}"#,
    }]});
    assert_eq!(plane.post("/api/v1/reviews/creatives", &native.to_string(), "").await.status, 200);
    plane.checked();
    assert_eq!(plane.get("/api/v1/reviews/creatives/80010003/native-1/1").await.json()["state"], "pending_review");
    assert_eq!(plane.on_air("").await, ["new-3/1"]);
    // Whatever stands between the deal and a screen: each edit, and what takes it back.
    for (file, old, new) in [
        ("media.toml", "unreviewed = true", "unreviewed = false"),
        ("media.toml", "prohibited_categories = [\"IAB25\"]", "prohibited_categories = [\"IAB25\", \"IAB9\"]"),
        ("media.toml", "prohibited_categories = [\"IAB25\"]", "prohibited_advertisers = [\"paopao.example\"]"),
        (
            "media.toml",
            "prohibited_categories = [\"IAB25\"]",
            "prohibited_advertiser_ids = [\"80010003/paopao-games\"]",
        ),
        ("media.toml", "prohibited_categories = [\"IAB25\"]", "prohibited_attributes = [5]"),
        (
            "deals.toml",
            "    { media = \"citypages\", tagid = \"city-top\" },\n    { media = \"citypages\", tagid = \"city-side\" },\n]\n",
            "] # not at citypages\n",
        ),
        (
            "deals.toml",
            "tagid = \"city-side\" },\n]\n",
            "tagid = \"city-side\" },\n]\nexclude = { placements = [{ media = \"citypages\", tagid = \"city-top\" }, { media = \"citypages\", tagid = \"city-side\" }] }\n",
        ),
        ("deals.toml", "review = \"after\"\nunreviewed_a_day = 60\n", ""),
        (
            "deals.toml",
            "method = \"PD\"\nstate = \"active\"\naccount = \"80010003\"",
            "method = \"PD\"\nstate = \"paused\"\naccount = \"80010003\"",
        ),
        (
            "buyers.toml",
            "domains = [\"paopao.example\"]\ncategory = \"IAB9\"\nqualified_until = \"2027-12-31\"",
            "domains = [\"paopao.example\"]\ncategory = \"IAB9\"\nqualified_until = \"2026-01-01\"",
        ),
    ] {
        for (from, to, expected) in [(old, new, None), (new, old, Some("new-3/1"))] {
            if from.is_empty() {
                plane.bench.edit(file, "id = \"PD-2026-PAOPAO\"\n", &format!("id = \"PD-2026-PAOPAO\"\n{to}"));
            } else {
                plane.bench.edit(file, from, to);
            }
            let reloaded = plane.reload().await;
            assert_eq!(reloaded.status, 200, "{}", reloaded.body);
            assert_eq!(plane.on_air("").await.first().map(String::as_str), expected, "{file}: {to}");
        }
    }
    let switch = async |what: &str| plane.post(&format!("/api/v1/{what}"), r#"{"reason":"x"}"#, "").await.status;
    for what in ["buyers/80010003", "media/citypages", "deals/PD-2026-PAOPAO"] {
        let stopped = (switch(&format!("{what}/suspend")).await, plane.on_air("").await);
        assert_eq!(stopped, (200, vec![]), "{what}");
        let goes_on = (switch(&format!("{what}/resume")).await, plane.on_air("").await);
        assert_eq!(goes_on, (200, vec!["new-3/1".to_owned()]), "{what}");
    }
    // Its display period is to come.
    let later = json!({ "creatives": [{
        "account": "80010003", "advertiser": "paopao-games", "crid": "new-4", "version": 1, "format": "banner", "sizes": ["728x90"],
        "landing_page": "https://paopao.example/", "markup": "<a href=\"__CLICK_URL__\">广告</a>",
        "display_from_ms": plane.state.exchange.clock.now().0 + 86_400_000,
    }]});
    assert_eq!(plane.post("/api/v1/reviews/creatives", &later.to_string(), "").await.status, 200);
    plane.checked();
    assert_eq!(plane.get("/api/v1/reviews/creatives/80010003/new-4/1").await.json()["state"], "pending_review");
    assert_eq!(plane.on_air("").await, ["new-3/1"]);
}
