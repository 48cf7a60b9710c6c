//! One exchange under test: a node on a loopback port with its own config and data folders, a scripted DSP for each of the
//! config's, and a media's client.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use loadtest::catalog::{Catalog, Secrets};
use loadtest::client::{Answer, Client};
use loadtest::dsp::{DspPlan, Script, ScriptedDsp, Temper};
use pmpx::auction::BidRejection;
use pmpx::billing::budget::Shortage;
use pmpx::clock::{Clock, ShanghaiDay, UnixMillis};
use pmpx::event::{Books, Journaled};
use pmpx::exchange::Exchange;
use pmpx::ids::NodeId;
use pmpx::money::MicroYuan;
use pmpx::node::{Node, Settings};
use pmpx::settlement::ledger::{self, Verified};
use pmpx::store::{SqliteDocket, SqliteReader, SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::patch;

/// No answer takes longer; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Counts by name, by whom they are about.
pub(crate) type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// Noon in Shanghai on 2026-11-22: cases do not depend on the day on which they run.
pub(crate) const NOON: &str = "2026-11-22T12:00:00+08:00";

/// Reads `YYYY-MM-DDThh:mm:ss+08:00`.
pub(crate) fn moment(text: &str) -> UnixMillis {
    let parts: Vec<u64> =
        text.get(11..19).unwrap_or_default().split(':').filter_map(|part| part.parse().ok()).collect();
    let (Some(day), [hour, minute, second], true) =
        (ShanghaiDay::parse(&text[..10]), &parts[..], text.ends_with("+08:00"))
    else {
        panic!("{text} is not like {NOON}");
    };
    day.starts_at().plus_ms((hour * 3_600 + minute * 60 + second) * 1_000)
}

/// The repository's config folder.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

/// A copy of the example config in a folder of its own.
///
/// DSPs and requests get more time than in the example, and a core may be late: a case is about what happens, not about how fast
/// the machine is. A case about time takes it away again.
pub(crate) fn copied_config() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(example()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let slow = json!({"timeout": "2s"});
    let base = json!({
        "exchange.toml": {
            "auction": {"default_tmax": "3s", "longest_tmax": "3s"},
            "overload": {"target_delay": "10s", "burst_delay": "10s"},
        },
        "dsps.toml": {"dsp": {"id=aurora": slow, "id=basalt": slow, "id=comet": slow}},
        // So that nothing is warned of but what a case asks for.
        "settlement.toml": {"figures": {"from=2023-01-01": {"late_fee_confirmed": true}}},
    });
    patch::apply(folder.path(), &base);
    folder
}

/// What is known of deals and creatives: those of the folder, and the example's where both have a deal. So a DSP goes on to bid
/// with a creative that the exchange has suspended.
fn catalog(folder: &Path) -> Arc<Catalog> {
    let mut known = Catalog::from_config(folder, &Secrets::demo()).unwrap();
    let example = Catalog::from_config(&example(), &Secrets::demo()).unwrap();
    for (id, deal) in example.deals {
        known.deals.entry(id).and_modify(|here| here.creatives.clone_from(&deal.creatives)).or_insert(deal);
    }
    Arc::new(known)
}

/// Starts a scripted DSP for each of the folder's, and writes their endpoints into it.
pub(crate) fn start_dsps(folder: &Path) -> Vec<ScriptedDsp> {
    let catalog = catalog(folder);
    let start = |card: &loadtest::catalog::DspCard| {
        let seats: Vec<_> = card.seats.iter().map(String::as_str).collect();
        let mut plan = DspPlan::new(&card.id, &seats, Script::always(Temper::Bid));
        plan.record = 64;
        ScriptedDsp::start(plan, catalog.clone()).unwrap()
    };
    let dsps: Vec<_> = catalog.dsps.iter().map(start).collect();
    for dsp in &dsps {
        let place = format!("id={}", dsp.name());
        patch::apply(folder, &json!({"dsps.toml": {"dsp": {place: {"endpoint": dsp.endpoint()}}}}));
    }
    dsps
}

/// An exchange under test. Dropping it stops it.
pub(crate) struct Pmpx {
    config: TempDir,
    data: TempDir,
    clock: Clock,
    dsps: Vec<ScriptedDsp>,
    node: Option<Node>,
    client: Client,
    runtime: Runtime,
}

impl Pmpx {
    /// On a copy of the example config with some edits (see [`patch`]), at a moment that stands still.
    pub(crate) fn start(now: &str, edits: &Value) -> Self {
        Self::start_with(Clock::manual(moment(now)), edits)
    }

    /// The same with any clock.
    pub(crate) fn start_with(clock: Clock, edits: &Value) -> Self {
        let config = copied_config();
        patch::apply(config.path(), edits);
        let dsps = start_dsps(config.path());
        let data = tempfile::tempdir().unwrap();
        let node = start_node(config.path(), data.path(), &clock, None);
        let client = client_of(node.address());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { config, data, clock, dsps, node: Some(node), client, runtime }
    }

    /// Stops the node and starts one on the same data, with further edits of its config.
    pub(crate) fn restart(&mut self, edits: &Value) {
        self.stop();
        patch::apply(self.config.path(), edits);
        let node = start_node(self.config.path(), self.data.path(), &self.clock, None);
        self.client = client_of(node.address());
        self.node = Some(node);
    }

    /// The config folder.
    pub(crate) fn config(&self) -> &Path {
        self.config.path()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Edits the config folder of the running node.
    pub(crate) fn edit(&self, edits: &Value) {
        patch::apply(self.config.path(), edits);
    }

    /// Publishes what the config folder says now.
    pub(crate) fn reload(&self) {
        self.node.as_ref().unwrap().reload().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Drains and stops the node; its data stay.
    pub(crate) fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop(Duration::ZERO);
        }
    }

    /// Moves the clock, and waits until the leases of the new moment are there.
    pub(crate) fn set_clock(&self, now: &str) {
        let now = moment(now);
        self.clock.set(now);
        let exchange = self.exchange();
        let unfunded = || {
            let probe = |source| exchange.budgets.probe(source, MicroYuan(1), now);
            exchange.needs(now).iter().any(|need| probe(need.source) == Err(Shortage::NoLease))
        };
        self.wait_until("leases are renewed", || !unfunded());
    }

    /// Waits for something that happens on another thread.
    pub(crate) fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        let waiting = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        assert!(waited.is_ok(), "waited in vain until {what}");
    }

    /// Where the data plane listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.node.as_ref().unwrap().address()
    }

    /// Where the control plane listens.
    pub(crate) fn control_address(&self) -> SocketAddr {
        self.node.as_ref().unwrap().control_address().unwrap()
    }

    /// Asks the control plane: a GET, or a POST with a body. May be called while the runtime is busy.
    pub(crate) fn control(&self, path: &str, body: Option<&Value>) -> (u16, Value) {
        ask_control(self.control_address(), path, body)
    }

    /// Suspends or resumes through the control plane: `switch("dsps/aurora/suspend")`.
    pub(crate) fn switch(&self, path: &str) {
        let (status, answer) = self.control(&format!("/api/v1/{path}"), Some(&json!({"reason": "a test"})));
        assert_eq!((status, answer["changed"].as_bool()), (200, Some(true)), "{path}: {answer}");
    }

    /// The hot plane's shared state.
    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        self.node.as_ref().unwrap().exchange()
    }

    /// The store of the running node.
    pub(crate) fn store(&self) -> &Arc<SqliteStore> {
        self.node.as_ref().unwrap().store()
    }

    /// What is reviewed.
    pub(crate) fn docket(&self) -> &Arc<SqliteDocket> {
        self.node.as_ref().unwrap().docket()
    }

    /// All DSPs.
    pub(crate) fn dsps(&self) -> &[ScriptedDsp] {
        &self.dsps
    }

    /// A DSP by its id.
    pub(crate) fn dsp(&self, id: &str) -> &ScriptedDsp {
        self.dsps.iter().find(|dsp| dsp.name() == id).unwrap_or_else(|| panic!("there is no DSP {id}"))
    }

    /// Lets a DSP answer like this from now on.
    pub(crate) fn script(&self, id: &str, temper: Temper) {
        self.dsp(id).set_script(Script::always(temper));
    }

    /// Sends a request of a media to the auction with its own key.
    pub(crate) fn auction(&self, media: &str, body: &Value) -> Answer {
        self.send(auction(media).body(Full::new(body.to_string().into())).unwrap())
    }

    /// The same, doing something before the answer comes: called again and again until it returns `true`.
    pub(crate) fn auction_while(&self, media: &str, body: &Value, mut act: impl FnMut() -> bool) -> Answer {
        let request = auction(media).body(Full::new(body.to_string().into())).unwrap();
        let acting = async {
            while !act() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let both = async { tokio::join!(self.client.send(request), acting) };
        let (answer, ()) =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, both).await }).expect("in time");
        answer.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Sends any request.
    pub(crate) fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let sending = async { tokio::time::timeout(PATIENCE, self.client.send(request)).await };
        self.runtime.block_on(sending).expect("an answer in time").unwrap_or_else(|why| panic!("{why}"))
    }

    /// Gets a path, or a URL of this exchange whatever host it names.
    pub(crate) fn get(&self, url: &str) -> Answer {
        self.send(Request::get(path_of(url)).body(Full::default()).unwrap())
    }

    /// Sends the same request on that many connections at once, `each` times on each.
    pub(crate) fn auctions(&self, media: &str, body: &Value, (connections, each): (usize, usize)) -> Vec<Answer> {
        let body = Bytes::from(body.to_string());
        self.runtime.block_on(async {
            let mut flying = tokio::task::JoinSet::new();
            for _ in 0..connections {
                let (client, body, media) =
                    (Client::new(&self.address().to_string(), 1).unwrap(), body.clone(), media.to_owned());
                flying.spawn(async move {
                    let mut answers = Vec::with_capacity(each);
                    for _ in 0..each {
                        let request = auction(&media).body(Full::new(body.clone())).unwrap();
                        answers.push(client.send(request).await.unwrap_or_else(|why| panic!("{why}")));
                    }
                    answers
                });
            }
            let all = tokio::time::timeout(PATIENCE, flying.join_all()).await.expect("answers in time");
            all.into_iter().flatten().collect()
        })
    }

    /// Gets a URL over that many connections at once.
    pub(crate) fn get_at_once(&self, url: &str, times: usize) -> Vec<Answer> {
        let path = path_of(url);
        self.runtime.block_on(async {
            let mut flying = tokio::task::JoinSet::new();
            for _ in 0..times {
                let (client, path) = (self.client.clone(), path.clone());
                flying.spawn(async move { client.get(&path).await });
            }
            let all = tokio::time::timeout(PATIENCE, flying.join_all()).await.expect("answers in time");
            all.into_iter().map(|answer| answer.unwrap_or_else(|why| panic!("{why}"))).collect()
        })
    }

    /// What happened to each deal since the node started.
    pub(crate) fn events(&self) -> Counts {
        let exchange = self.exchange();
        let of = |deal: &pmpx::market::deal::Deal| {
            let counts = exchange.attribution.since_start(deal.id);
            (deal.wire.clone(), counts.map(|(measure, count)| (measure.label().to_owned(), count)).collect())
        };
        exchange.market.load().deals.iter().map(of).collect()
    }

    /// Rejected bids by DSP and reason since the node started.
    pub(crate) fn rejected(&self) -> Counts {
        let exchange = self.exchange();
        let of = |dsp: &pmpx::market::demand::Dsp| {
            let counts = exchange.metrics.dsps.get(dsp.id).unwrap();
            let reasons = BidRejection::ALL.iter().zip(&counts.rejected).filter(|(_, count)| count.get() > 0);
            (dsp.wire.clone(), reasons.map(|(reason, count)| (reason.label().to_owned(), count.get())).collect())
        };
        exchange.market.load().dsps.iter().map(of).collect()
    }

    /// The rows of the journal.
    pub(crate) fn journal(&self) -> Vec<Journaled> {
        self.books().charges(0, 1_000_000).unwrap()
    }

    /// The books as they are now.
    pub(crate) fn books(&self) -> SqliteReader {
        SqliteReader::open(self.data.path()).unwrap()
    }

    /// Stops the node and proves its books.
    pub(crate) fn settle(&mut self) -> Verified {
        self.stop();
        proved(self.data.path())
    }
}

impl Drop for Pmpx {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Proves the books of a stopped node: everything is derived, and what was posted is what buyers paid.
pub(crate) fn proved(data: &Path) -> Verified {
    let proof = ledger::verify(&SqliteReader::open(data).unwrap()).unwrap_or_else(|broken| panic!("broken: {broken}"));
    assert_eq!((proof.derived_seq, proof.pending_micro_yuan), (proof.head_seq, 0), "the ledger follows to the end");
    assert_eq!(proof.posted_micro_yuan, proof.ledger_micro_yuan);
    proof
}

/// Starts a node, under the number of its config or another one.
pub(crate) fn start_node(config: &Path, data: &Path, clock: &Clock, node: Option<u16>) -> Node {
    let settings = Settings {
        config: config.to_owned(),
        data: data.to_owned(),
        listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        control: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
        review: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
        cores: 1,
        clock: clock.clone(),
        watch: false,
        node: node.map(NodeId),
        unpin: false,
        variable: |_| None,
    };
    Node::start(settings).unwrap_or_else(|why| panic!("the node does not start:\n{why}"))
}

/// Asks a control plane, on a thread of its own: the caller's runtime may be running.
pub(crate) fn ask_control(address: SocketAddr, path: &str, body: Option<&Value>) -> (u16, Value) {
    let request = match body {
        Some(body) => {
            let head = Request::post(path).header("content-type", "application/json");
            head.body(Full::new(Bytes::from(body.to_string())))
        }
        None => Request::get(path).body(Full::default()),
    };
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = client_of(address);
            let asking = tokio::time::timeout(PATIENCE, client.send(request.unwrap()));
            let answer = asking.await.expect("an answer in time").unwrap_or_else(|why| panic!("{path}: {why}"));
            (answer.status.as_u16(), parsed(&answer))
        })
    };
    std::thread::scope(|scope| scope.spawn(ask).join().unwrap())
}

pub(crate) fn client_of(address: SocketAddr) -> Client {
    Client::new(&address.to_string(), 64).unwrap()
}

/// A request to the auction with a media's key, without a body yet.
pub(crate) fn auction(media: &str) -> hyper::http::request::Builder {
    let request = Request::post("/openrtb2/auction").header("content-type", "application/json");
    request.header("authorization", format!("Bearer {media}.demo-{media}-secret"))
}

/// Path and query of a URL, with the loss macro filled in.
fn path_of(url: &str) -> String {
    let url = url.replace("${AUCTION_LOSS}", "102");
    if url.starts_with('/') { url } else { format!("/{}", url.splitn(4, '/').nth(3).unwrap()) }
}

/// A body as JSON.
pub(crate) fn parsed(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|why| panic!("{why}: {:?}", answer.body))
}

/// The bids of an answer.
pub(crate) fn bids(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{:?} {:?}", answer.headers, answer.body);
    parsed(answer)["seatbid"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|seat| seat["bid"].as_array().unwrap().clone())
        .collect()
}

/// A request for the splash screen of `sunrise`: a PDB with a fallback, and a PD of two DSPs, are sold there.
pub(crate) fn splash() -> Value {
    json!({"id": "r", "imp": [{"id": "1", "tagid": "sunrise-open", "banner": {"w": 1080, "h": 1920}}], "app": {"id": "a"}})
}

/// A request for the top of `citypages`: two PDs are sold there.
pub(crate) fn top() -> Value {
    json!({"id": "r", "imp": [{"id": "1", "tagid": "city-top", "banner": {"w": 728, "h": 90}}], "site": {"id": "s"}})
}
