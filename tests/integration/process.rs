//! The binary as a process: its log, its metrics, its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use loadtest::client::{Answer, Client, Failure};
use loadtest::dsp::ScriptedDsp;
use pmpx::event::Books;
use pmpx::store::SqliteReader;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::crash::valid_for_ever;
use crate::harness::{PATIENCE, auction, client_of, copied_config, parsed, proved, splash, start_dsps, top};
use crate::patch;

/// A serving process with its DSPs. Dropping it kills it.
pub(crate) struct Process {
    pub(crate) child: Child,
    client: Client,
    control: Client,
    /// Where its data folder `store` and its log are.
    place: PathBuf,
    /// Where the place is, unless it is the caller's.
    own: Option<TempDir>,
    config: TempDir,
    _dsps: Vec<ScriptedDsp>,
    runtime: Runtime,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    pub(crate) fn start(edits: &Value, arguments: &[&str]) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut started = Self::start_in(own.path(), edits, arguments);
        started.own = Some(own);
        started
    }

    /// With its data and its log in a folder of the caller's.
    pub(crate) fn start_in(place: &Path, edits: &Value, arguments: &[&str]) -> Self {
        let config = copied_config();
        valid_for_ever(config.path());
        patch::apply(config.path(), edits);
        let dsps = start_dsps(config.path());
        let (child, client, control) = spawn(config.path(), place, arguments);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = Self { child, client, control, place: place.to_owned(), own: None, config, _dsps: dsps, runtime };
        started.until("the server is ready", async || started.readyz().await == Some(200));
        started
    }

    pub(crate) fn until(&self, what: &str, done: impl AsyncFn() -> bool) {
        let waiting = async {
            while !done().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        assert!(waited.is_ok(), "waited in vain until {what}; the log:\n{}", self.log());
    }

    pub(crate) async fn readyz(&self) -> Option<u16> {
        self.client.get("/readyz").await.ok().map(|answer| answer.status.as_u16())
    }

    fn send(&self, request: Request<Full<bytes::Bytes>>) -> Answer {
        let sending = async { tokio::time::timeout(PATIENCE, self.client.send(request)).await };
        self.runtime.block_on(sending).expect("an answer in time").unwrap_or_else(|why| panic!("{why}"))
    }

    pub(crate) fn auction(&self, body: &Value) -> Answer {
        self.auction_of("sunrise", body)
    }

    pub(crate) fn auction_of(&self, media: &str, body: &Value) -> Answer {
        self.send(auction(media).body(Full::new(body.to_string().into())).unwrap())
    }

    pub(crate) fn get(&self, url: &str) -> Answer {
        let path = url.find("/n/").map_or(url, |start| &url[start..]).replace("${AUCTION_LOSS}", "102");
        self.send(Request::get(path).body(Full::default()).unwrap())
    }

    pub(crate) fn signal(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let waiting = async {
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        ended.expect("the server ends in time")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.join("log")).unwrap()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.place.join("store")
    }

    pub(crate) fn config(&self) -> &Path {
        self.config.path()
    }

    /// Kills it with nothing written any more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with its data in another folder: the same DSPs, config and arguments.
    pub(crate) fn start_again_in(&mut self, place: &Path) {
        (self.child, self.client, self.control) = spawn(self.config.path(), place, &[]);
        self.place = place.to_owned();
        self.until("the server is ready again", async || self.readyz().await == Some(200));
    }

    /// What the control plane says.
    pub(crate) fn control(&self, path: &str) -> Answer {
        let sent = self.runtime.block_on(self.control.get(path));
        sent.unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Starts the binary with its data and its log in a folder.
fn spawn(config: &Path, place: &Path, arguments: &[&str]) -> (Child, Client, Client) {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, control): (SocketAddr, SocketAddr) = (free(), free());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.arg("serve").arg("--config").arg(config).arg("--data").arg(place.join("store"));
    command.args(["--cores", "2"]).args(arguments).env("PMPX_LOG_FORMAT", "json").env_remove("PMPX_LOG");
    command.env("PMPX_LISTEN", address.to_string()).env("PMPX_CONTROL_LISTEN", control.to_string());
    command.env("PMPX_REVIEW_LISTEN", "127.0.0.1:0");
    let log = File::create(place.join("log")).unwrap();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    (child, client_of(address), client_of(control))
}

/// R-RETAIN, R-SECRET: an auction that is told is told in full, each line under its id, and nothing names a user, a device, a
/// credential, a token or a price.
#[test]
fn r_retain_a_told_auction_names_nobody() {
    let logging = json!({"exchange.toml": {"logging": {"sample": "1/1"}}});
    let mut process = Process::start(&logging, &[]);
    let mut body = splash();
    body["id"] = "media-request-id".into();
    body["tmax"] = 2_000.into();
    body["user"] = json!({"id": "user-quartz", "buyeruid": "buyer-uid-topaz", "consent": "1"});
    body["device"] = json!({"ifa": "ifa-onyx", "ip": "203.0.113.77", "ua": "agent-jasper", "didmd5": "did-zircon",
        "geo": {"lat": 71.2304, "lon": 121.4737}});
    let answer = process.auction(&body);
    assert_eq!(answer.status, 200);
    let answer = parsed(&answer);
    let bid = &answer["seatbid"][0]["bid"][0];
    let urls = ["nurl", "burl", "lurl"].map(|name| bid[name].as_str().unwrap().to_owned());
    assert_eq!(urls.each_ref().map(|url| process.get(url).status.as_u16()), [204, 200, 204]);
    process.signal();
    assert!(process.ended().success());
    let log = process.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        lines.iter().filter(|line| line["message"].as_str().is_some_and(|it| it.starts_with("auction: "))).collect();
    assert!(told.iter().all(|line| line["auction"] == answer["bidid"]), "{log}");
    let stages: BTreeSet<_> = told.iter().map(|line| &line["message"].as_str().unwrap()[9..]).collect();
    let expected = ["answered", "checked", "heard", "invited", "matched", "notice", "read", "won"];
    assert_eq!(stages.into_iter().collect::<Vec<_>>(), expected);
    let won = told.iter().find(|line| line["message"] == "auction: won").unwrap();
    assert_eq!((won["deal"].as_str(), won["dsp"].as_str()), (Some("PDB-2026-SPRING-OPEN"), Some("aurora")));
    let tokens = urls.iter().map(|url| url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned());
    // Words that neither a time nor an id in hexadecimal can have in it; no time has a second 71.
    let secrets =
        ["quartz", "topaz", "onyx", "jasper", "zircon", "203.0.113", "71.23", "121.47", "media-request-id", "demo-"];
    for secret in secrets.iter().map(ToString::to_string).chain(tokens) {
        assert!(!log.contains(&secret), "{secret} in the log:\n{log}");
    }
}

/// The families of `/metrics`: names, types and labels (interfaces.md, "Metrics", and what stands beside it).
const FAMILIES: &[(&str, &str, &str)] = &[
    ("pmpx_requests", "counter", "media,outcome"),
    ("pmpx_request_seconds", "histogram", ""),
    ("pmpx_overhead_seconds", "histogram", ""),
    ("pmpx_no_bids", "counter", "reason"),
    ("pmpx_unreviewed_bids", "counter", "outcome"),
    ("pmpx_partner_requests", "counter", "answer"),
    ("pmpx_landing_looks", "counter", "seen"),
    ("pmpx_landing_verdicts", "counter", "verdict"),
    ("pmpx_landing_unscanned", "counter", ""),
    ("pmpx_creative_files", "counter", "seen"),
    ("pmpx_creative_files_changed", "counter", ""),
    ("pmpx_landing_overdue_seconds", "gauge", ""),
    ("pmpx_landing_held", "gauge", ""),
    ("pmpx_dsp_requests", "counter", "dsp,outcome"),
    ("pmpx_dsp_seconds", "histogram", "dsp"),
    ("pmpx_dsp_breaker", "gauge", "dsp"),
    ("pmpx_dsp_in_flight", "gauge", "dsp"),
    ("pmpx_dsp_connections", "gauge", "dsp"),
    ("pmpx_dsp_notices", "counter", "dsp,kind,outcome"),
    ("pmpx_dsp_notice_queue", "gauge", "dsp"),
    ("pmpx_dsp_kept_notices", "gauge", "state"),
    ("pmpx_dsp_waiting_notices", "gauge", ""),
    ("pmpx_click_monitors", "counter", "outcome"),
    ("pmpx_bids_rejected", "counter", "dsp,reason"),
    ("pmpx_deal_events", "counter", "deal,stage"),
    ("pmpx_billed_micro_yuan", "counter", "method"),
    ("pmpx_billing_notices", "counter", "answer"),
    ("pmpx_clicks", "counter", "answer"),
    ("pmpx_journal_commit_seconds", "histogram", ""),
    ("pmpx_market_generation", "gauge", ""),
    ("pmpx_market_pinned", "gauge", ""),
    ("pmpx_config_refused", "gauge", ""),
    ("pmpx_suspensions", "gauge", ""),
    ("pmpx_reloads", "counter", "result"),
    ("pmpx_shed", "counter", "at"),
    ("pmpx_queue_delay_seconds", "histogram", ""),
    ("pmpx_connections", "gauge", ""),
    ("pmpx_in_flight", "gauge", ""),
    ("process_cpu_seconds", "counter", ""),
    ("process_resident_memory_bytes", "gauge", ""),
    ("process_open_fds", "gauge", ""),
    ("process_max_fds", "gauge", ""),
    ("process_threads", "gauge", ""),
];

#[test]
fn metrics_have_the_names_types_and_labels_that_are_promised() {
    let process = Process::start(&json!({}), &["--log", "error"]);
    let answer = process.auction(&splash());
    let burl = parsed(&answer)["seatbid"][0]["bid"][0]["burl"].as_str().unwrap().to_owned();
    assert_eq!(process.get(&burl).status, 200);
    let control = |request: Request<Full<bytes::Bytes>>| {
        let sent = process.runtime.block_on(process.control.send(request));
        sent.unwrap_or_else(|why| panic!("{why}"))
    };
    assert_eq!(control(Request::post("/api/v1/reload").body(Full::default()).unwrap()).status, 200);
    assert_eq!(control(Request::get("/healthz").body(Full::default()).unwrap()).status, 200);
    let page = control(Request::get("/metrics").body(Full::default()).unwrap());
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    let families: BTreeMap<_, _> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let expected: BTreeMap<_, _> = FAMILIES.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    assert_eq!(families, expected);
    for (name, kind, labels) in FAMILIES {
        let of = |series: &str| {
            series.strip_prefix(name).is_some_and(|rest| !rest.starts_with("_s") || rest.starts_with("_sum"))
        };
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && of(line)).collect();
        assert!(!samples.is_empty(), "{name} has no sample");
        for sample in samples {
            let inside = sample.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
            let found: Vec<_> = inside.split(',').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
            let found: Vec<_> = found.into_iter().filter(|label| *kind != "histogram" || *label != "le").collect();
            assert_eq!(found.join(","), *labels, "{sample}");
        }
    }
    let has = |series: &str| assert!(text.lines().any(|line| line == series), "no {series} in\n{text}");
    has("pmpx_requests_total{media=\"sunrise\",outcome=\"bid\"} 1");
    has("pmpx_dsp_requests_total{dsp=\"aurora\",outcome=\"bid\"} 1");
    has("pmpx_deal_events_total{deal=\"PDB-2026-SPRING-OPEN\",stage=\"billed\"} 1");
    has("pmpx_billed_micro_yuan_total{method=\"PDB\"} 60000");
    has("pmpx_billing_notices_total{answer=\"posted\"} 1");
    has("pmpx_shed_total{at=\"delay\"} 0");
    has("pmpx_market_generation 1");
}

/// What one media saw at the end.
#[derive(Debug)]
struct Seen {
    acknowledged: BTreeSet<String>,
    end: Failure,
    /// Answers since the signal.
    after: usize,
}

/// Wins and displays until the door is closed.
async fn display(client: Client, place: usize, signalled: Arc<Mutex<bool>>) -> Seen {
    let (mut acknowledged, mut after) = (BTreeSet::new(), 0);
    let end = loop {
        let (media, body) = if place.is_multiple_of(2) { ("sunrise", splash()) } else { ("citypages", top()) };
        let answer = match client.send(auction(media).body(Full::new(body.to_string().into())).unwrap()).await {
            Ok(answer) => answer,
            Err(end) => break end,
        };
        after += usize::from(*signalled.lock().unwrap());
        if answer.status != 200 {
            assert_eq!(answer.status, 204, "{:?}", answer.body);
            continue;
        }
        let body = parsed(&answer);
        let burl = body["seatbid"][0]["bid"][0]["burl"].as_str().unwrap();
        match client.get(&burl[burl.find("/n/").unwrap()..]).await {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{:?}", answer.body);
                acknowledged.insert(body["bidid"].as_str().unwrap().to_owned());
            }
            Err(end) => break end,
        }
    };
    Seen { acknowledged, end, after }
}

#[test]
fn a_drain_under_load_breaks_nothing_and_loses_nothing() {
    let mut process = Process::start(&json!({}), &["--drain-delay", "200"]);
    let signalled = Arc::new(Mutex::new(false));
    let seen = process.runtime.block_on(async {
        let mut media = tokio::task::JoinSet::new();
        for place in 0..8 {
            media.spawn(display(process.client.clone(), place, signalled.clone()));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        process.signal();
        *signalled.lock().unwrap() = true;
        tokio::time::timeout(PATIENCE, media.join_all()).await.expect("each media ends at the closed door")
    });
    for one in &seen {
        assert!(matches!(&one.end, Failure::Connect(_)), "a media saw {:?}; the log:\n{}", one.end, process.log());
        assert!(one.after > 0, "still served after the signal");
    }
    assert!(process.ended().success());
    let lines: Vec<Value> = process.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let phases: Vec<_> =
        lines.iter().filter(|line| line["ms"].is_u64()).filter_map(|line| line["phase"].as_str()).collect();
    let expected = [
        "not_ready",
        "drain_delay",
        "stop_accepting",
        "finish",
        "stop_housekeeping",
        "flush",
        "last_commit",
        "close_leases",
        "derive_ledger",
        "stop_control",
        "close_store",
    ];
    assert_eq!(phases, expected);
    assert!(lines.iter().all(|line| line["level"] != "ERROR" && line["level"] != "WARN"), "{}", process.log());
    let acknowledged: BTreeSet<_> = seen.into_iter().flat_map(|one| one.acknowledged).collect();
    let rows = SqliteReader::open(&process.store()).unwrap().charges(0, 1_000_000).unwrap();
    let posted: BTreeSet<_> = rows.iter().filter(|row| row.is_posted()).map(|row| row.auction.to_string()).collect();
    assert!(acknowledged.len() > 10 && acknowledged.is_subset(&posted));
    proved(&process.store());
    assert_eq!(open_leases(&process.store()), 0);
}

fn open_leases(store: &Path) -> u64 {
    let database = rusqlite::Connection::open(store.join("pmpx.db")).unwrap();
    database.query_row("SELECT count(*) FROM lease WHERE state = 0", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_second_signal_ends_the_drain_delay() {
    let mut process = Process::start(&json!({}), &["--drain-delay", "3600000"]);
    process.signal();
    process.until("the node says that it is not ready", async || process.readyz().await == Some(503));
    assert_eq!(process.auction(&splash()).status, 200, "it still serves");
    // Without the second signal this would take an hour. A signal that comes before the drain listens is none.
    process.until("a second signal ends it", async || {
        process.signal();
        process.log().contains("in a hurry")
    });
    assert!(process.ended().success());
    assert_eq!(open_leases(&process.store()), 0);
    proved(&process.store());
}
