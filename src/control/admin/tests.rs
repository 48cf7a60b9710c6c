//! The routes over a real socket, asked by a client that knows no more HTTP than it needs.

mod breaches;
mod changes;
mod finance;
mod month;
mod on_air;
mod operators;
mod pages;
mod reviews;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;
use crate::control::publish::tests::Bench;
use crate::event::{Cause, Measure, Stage};
use crate::ids::Lane;
use crate::metrics::{Outcome, STUCK};
use crate::store::MemoryDocket;

/// A control plane that serves.
struct Plane {
    bench: Bench,
    state: Arc<ControlState>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// What came back.
struct Reply {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn docket() -> Arc<MemoryDocket> {
    Arc::default()
}

impl Plane {
    async fn on(bench: Bench) -> Self {
        let readiness = Arc::new(Readiness::default());
        let docket = bench.docket.clone();
        let state = Arc::new(ControlState::new(bench.publisher.clone(), bench.ledger(), docket, readiness));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let served = tokio::spawn(serve(listener, state.clone(), shutdown));
        Self { bench, state, address, stop: Some(stop), served }
    }

    async fn new() -> Self {
        Self::on(Bench::new()).await
    }

    async fn send(&self, head: &str, body: &str) -> Reply {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{head}\r\nconnection: close\r\n\r\n{body}");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Reply { status, headers, body: body.to_owned() }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: {}", self.address), "").await
    }

    async fn reload(&self) -> Reply {
        self.send(&format!("POST /api/v1/reload HTTP/1.1\r\nhost: {}\r\ncontent-length: 0", self.address), "").await
    }

    /// Counts that often what happened to a deal today.
    fn count(&self, deal: &str, measure: Measure, times: u64) {
        let market = self.state.market();
        let deal = market.deal_named(deal).unwrap().id;
        let day = self.state.exchange.clock.now().shanghai_day();
        (0..times).for_each(|_| self.state.exchange.attribution.count(deal, day, measure));
    }
}

#[tokio::test]
async fn readiness_follows_the_node_and_its_store() {
    let plane = Plane::new().await;
    for (stand, expected) in [(Stand::Starting, 503), (Stand::Ready, 200), (Stand::Draining, 503)] {
        plane.state.readiness.set(stand);
        let reply = plane.get("/readyz").await;
        assert_eq!((reply.status, reply.body), (expected, format!("{}\n", stand.label())));
    }
    let health = &plane.state.exchange.metrics.health;
    plane.state.readiness.set(Stand::Ready);
    health.store_writes(false);
    assert_eq!(plane.get("/readyz").await.status, 503, "what is won could not be billed");
    health.store_writes(true);
    assert_eq!(plane.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_core_without_a_sign_of_life_is_ill_health() {
    let plane = Plane::new().await;
    let (health, now) = (&plane.state.exchange.metrics.health, plane.state.exchange.clock.instant());
    health.beat(Lane(7), 0, now.checked_sub(STUCK * 2).unwrap());
    health.beat(Lane(1), 0, now);
    let reply = plane.get("/healthz").await;
    assert_eq!((reply.status, reply.body.as_str()), (503, "no sign of life for 5 s from core 7\n"));
    health.beat(Lane(7), 0, now);
    assert_eq!(plane.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_market_says_what_it_is_and_no_secret() {
    let plane = Plane::new().await;
    let market = plane.get("/api/v1/market").await.json();
    assert_eq!((market["generation"].as_u64(), market["counts"]["deals"].as_u64()), (Some(1), Some(5)));
    assert_eq!(market["loaded_at"], "2026-11-22T12:00:00.000+08:00");
    assert_eq!(market["digest"].as_str().unwrap().len(), 64);
    assert_eq!(market["warnings"], Value::Array(Vec::new()));
    for path in ["/", "/api/v1/market", "/api/v1/deals", "/api/v1/dsps", "/metrics"] {
        assert!(!plane.get(path).await.body.contains("0af1aa275fbdb47e"), "a key's digest on {path}");
    }
}

#[tokio::test]
async fn a_reload_publishes_refuses_or_finds_nothing_new() {
    let plane = Plane::new().await;
    let same = plane.reload().await.json();
    assert_eq!((same["generation"].as_u64(), same["changed"].as_bool()), (Some(1), Some(false)));
    plane.bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    let done = plane.reload().await;
    assert_eq!(done.status, 200);
    let done = done.json();
    assert_eq!(done["generation"], 2);
    assert_eq!(done["diff"]["deals"]["changed"]["first"], serde_json::json!(["PD-2026-DAIRY-FEED"]));
    assert_eq!(done["diff"]["dsps"]["added"]["count"], 0);
    plane.bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = 25.00");
    let refused = plane.reload().await;
    assert_eq!(refused.code(), (422, "config_refused".to_owned()));
    let refused = refused.json();
    assert_eq!((refused["generation"].as_u64(), refused["errors"][0]["line"].as_u64()), (Some(2), Some(84)));
    assert!(refused["errors"][0]["file"].as_str().unwrap().ends_with("deals.toml"));
    assert_eq!(plane.get("/api/v1/market").await.json()["generation"], 2, "the old one keeps serving");
    assert!(plane.get("/").await.body.contains("Refused: generation 2 keeps serving"));
}

#[tokio::test]
async fn deals_come_in_pages_by_id_that_miss_and_repeat_none() {
    let plane = Plane::new().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = plane.get(&format!("/api/v1/deals?limit=2{cursor}")).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|deal| deal["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted());
    assert_eq!(plane.get("/api/v1/deals").await.json()["items"][4]["price"]["cpm"], "60.00");
    for query in ["limit=0", "limit=1001", "limit=x", "page=2"] {
        assert_eq!(plane.get(&format!("/api/v1/deals?{query}")).await.code(), (400, "bad_query".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_deals_funnel_shows_each_cause_with_its_party() {
    let plane = Plane::new().await;
    let deal = "PDB-2026-SPRING-OPEN";
    plane.count(deal, Measure::Stage(Stage::Offered), 40);
    plane.count(deal, Measure::Stage(Stage::Withheld), 2);
    plane.count(deal, Measure::Cause(Cause::DspTimeout), 7);
    plane.count(deal, Measure::Cause(Cause::NoLease), 3);
    let page = plane.get(&format!("/api/v1/deals/{deal}")).await.json();
    assert_eq!((page["method"].as_str(), page["day"].as_str()), (Some("PDB"), Some("2026-11-22")));
    let funnel = page["funnel"].as_array().unwrap();
    assert_eq!(funnel.len(), Stage::ALL.len());
    assert!(funnel.contains(&serde_json::json!({ "stage": "offered", "count": 40 })));
    let causes = page["causes"].as_array().unwrap();
    assert_eq!(causes.len(), Cause::ALL.len());
    assert!(causes.contains(&serde_json::json!({ "cause": "dsp_timeout", "party": "buyer", "count": 7 })));
    assert!(causes.contains(&serde_json::json!({ "cause": "no_lease", "party": "exchange", "count": 3 })));
    assert!(causes.contains(&serde_json::json!({ "cause": "returned", "party": "neither", "count": 0 })));
    assert_eq!(page["today"]["lost"][0]["cause"], "dsp_timeout");
    let progress = &page["progress"];
    assert_eq!(
        (progress["to_offer"].as_u64(), progress["planned_by_now"].as_u64()),
        (Some(2_600_000), Some(1_300_000))
    );
    assert_eq!((progress["pace"].as_str(), progress["push_ratio"].as_str()), (Some("behind"), Some("1.3")));
    assert_eq!(progress["behind_millionths"], 499_983);
    assert_eq!(page["funds"], "no_lease");
    assert_eq!(plane.get("/api/v1/deals/nobody").await.code(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn dsps_show_outcomes_rejections_and_times() {
    let plane = Plane::new().await;
    let market = plane.state.market();
    let basalt = market.dsps.iter().find(|dsp| dsp.wire == "basalt").unwrap();
    let counts = plane.state.exchange.metrics.dsps.get(basalt.id).unwrap();
    counts.asked[2].add(3);
    counts.rejected[7].one();
    counts.seconds.note(Duration::from_millis(12));
    let page = plane.get("/api/v1/dsps").await.json();
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|dsp| dsp["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["aurora", "basalt", "comet"]);
    let basalt = &page["items"][1];
    assert_eq!((basalt["state"].as_str(), basalt["asked"].as_u64()), (Some("approved"), Some(3)));
    assert!(basalt["outcomes"].as_array().unwrap().contains(&serde_json::json!({ "name": "timeout", "count": 3 })));
    assert_eq!(basalt["rejected"], serde_json::json!([{ "name": "below_deal_price", "count": 1 }]));
    assert_eq!(basalt["breaker"], "closed");
    assert_eq!((basalt["p50_us"].as_u64(), basalt["p99_us"].as_u64()), (Some(15_000), Some(15_000)));
}

#[tokio::test]
async fn metrics_parse_line_by_line_and_end() {
    let plane = Plane::new().await;
    plane.count("PD-2026-PAOPAO", Measure::Stage(Stage::Won), 2);
    plane.state.exchange.metrics.request(None, Outcome::Unauthorized);
    let reply = plane.get("/metrics").await;
    assert_eq!(reply.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(reply.body.ends_with("# EOF\n"));
    let mut series = std::collections::HashSet::new();
    for line in reply.body.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(
            (name.starts_with("pmpx_") || name.starts_with("process_")) && name.contains('{') == name.ends_with('}'),
            "{line}"
        );
        assert!(series.insert(name.to_owned()), "twice: {line}");
    }
    assert!(series.contains("pmpx_deal_events_total{deal=\"PD-2026-PAOPAO\",stage=\"won\"}"), "{series:?}");
}

#[tokio::test]
async fn beyond_a_thousand_deals_metrics_count_the_others_together() {
    let last = "placements = [{ media = \"sunrise\", tagid = \"sunrise-feed\" }]\n";
    let mut more = last.to_owned();
    for number in 0..1_000 {
        more.push_str(&format!(
            "[[deal]]\nid = \"PD-{number:04}\"\nmethod = \"PD\"\nstate = \"active\"\naccount = \"80010001\"\n\
             dsps = [\"aurora\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\ncpm = \"24.00\"\n{last}"
        ));
    }
    let plane = Plane::on(Bench::edited(&[("deals.toml", last, &more)])).await;
    for deal in ["PD-0994", "PD-0995", "PD-0999"] {
        plane.count(deal, Measure::Stage(Stage::Won), 3);
    }
    let text = plane.get("/metrics").await.body;
    let events: Vec<_> = text.lines().filter(|line| line.starts_with("pmpx_deal_events_total")).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("deal=\"PD-0994\"") && events[0].ends_with(" 3"), "{events:?}");
    assert!(events[1].contains("deal=\"other\"") && events[1].ends_with(" 6"), "{events:?}");
    let page = plane.get("/").await.body;
    assert!(page.contains("100 of 1,005; the others are on the API"));
}

#[tokio::test]
async fn requests_that_another_page_started_are_refused() {
    let plane = Plane::new().await;
    let own = plane.address.to_string();
    let status = async |method: &str, host: &str, more: &str| {
        plane.send(&format!("{method} /api/v1/market HTTP/1.1\r\nhost: {host}{more}"), "").await.status
    };
    assert_eq!(status("GET", &format!("localhost:{}", plane.address.port()), "").await, 200);
    assert_eq!(status("GET", "[::1]:1", "").await, 200);
    assert_eq!(status("GET", "rebound.example:8081", "").await, 403);
    assert_eq!(status("GET", &own, "\r\nhost: localhost").await, 403, "two hosts");
    assert_eq!(status("GET", &own, &format!("\r\norigin: http://{own}")).await, 200);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(status("GET", &own, &format!("\r\norigin: {origin}")).await, 403, "{origin}");
    }
    assert_eq!(status("GET", &own, "\r\nsec-fetch-site: cross-site\r\nsec-fetch-dest: image").await, 403);
    assert_eq!(status("GET", &own, "\r\nsec-fetch-site: cross-site\r\nsec-fetch-dest: document").await, 200);
    let head = format!("POST /api/v1/reload HTTP/1.1\r\nhost: {own}\r\ncontent-length: 2\r\ncontent-type: text/plain");
    assert_eq!(plane.send(&head, "{}").await.code(), (415, "unsupported_media_type".to_owned()));
    let head = format!("GET http://rebound.example/ HTTP/1.1\r\nhost: {own}");
    assert_eq!(plane.send(&head, "").await.code(), (403, "host_refused".to_owned()));
}

#[tokio::test]
async fn every_answer_is_sealed_and_errors_have_one_form() {
    let plane = Plane::new().await;
    for path in ["/", "/style.css", "/nothing"] {
        let reply = plane.get(path).await;
        assert!(
            reply.headers["content-security-policy"].starts_with("default-src 'none'; script-src 'self'"),
            "{path}"
        );
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    }
    assert_eq!(plane.get("/nothing").await.code(), (404, "not_found".to_owned()));
    let reply = plane.get("/api/v1/reload").await;
    assert_eq!(reply.code(), (405, "method_not_allowed".to_owned()));
    assert_eq!(reply.headers["allow"], "POST");
    let head = format!(
        "POST /api/v1/reload HTTP/1.1\r\nhost: {}\r\ncontent-length: 70000\r\ncontent-type: application/json",
        plane.address
    );
    assert_eq!(plane.send(&head, &" ".repeat(70_000)).await.status, 413);
    let api = plane.get("/api/v1/openapi.json").await.json();
    assert_eq!(api["openapi"], "3.1.0");
}

#[tokio::test]
async fn names_are_text_on_the_page_whatever_they_hold() {
    let name = "<script>alert(1)</script>";
    let plane = Plane::on(Bench::edited(&[("dsps.toml", "Aurora DSP", name)])).await;
    let page = plane.get("/").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.body.contains(name) && !page.body.contains("{{"));
    assert!(page.body.contains("PDB-2026-SPRING-OPEN"));
}

#[tokio::test]
async fn events_come_at_once_are_bounded_and_end_with_the_server() {
    let mut plane = Plane::new().await;
    let open = async || {
        let mut socket = TcpStream::connect(plane.address).await.unwrap();
        let head = format!("GET /events HTTP/1.1\r\nhost: {}\r\n\r\n", plane.address);
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        while !text.contains("\n\n") {
            let mut bytes = vec![0; 16_384];
            let read = socket.read(&mut bytes).await.unwrap();
            assert!(read > 0, "ended after {text:?}");
            text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            if text.starts_with("HTTP/1.1 503") {
                break;
            }
        }
        (socket, text)
    };
    let mut sockets = Vec::new();
    for _ in 0..streams::MOST_STREAMS {
        let (socket, text) = open().await;
        assert!(text.contains("content-type: text/event-stream"));
        sockets.push(socket);
    }
    let event = open().await.1;
    assert!(event.starts_with("HTTP/1.1 503") && event.contains("too_many_streams"), "{event}");
    plane.stop.take().unwrap().send(()).unwrap();
    for mut socket in sockets {
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.unwrap();
    }
    plane.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_loopback_is_served() {
    let bench = Bench::new();
    let state = Arc::new(ControlState::new(bench.publisher.clone(), bench.ledger(), docket(), Arc::default()));
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let error = serve(listener, state, std::future::ready(())).await.unwrap_err();
    assert!(error.to_string().contains("listens on loopback only, not on 0.0.0.0:"), "{error}");
}
