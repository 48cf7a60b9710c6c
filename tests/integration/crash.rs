//! kill -9: what was acknowledged is in the journal, and the books add up, whenever the process ends.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use loadtest::client::Client;
use pmpx::clock::Clock;
use pmpx::event::Ledger;
use pmpx::ids::NodeId;
use pmpx::settlement::ledger;
use pmpx::store::{Options, SqliteStore};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::{PATIENCE, auction, client_of, copied_config, proved, splash, start_dsps, top};
use crate::patch;

const ROUNDS: u64 = 4;
/// Media connections that are served at once.
const CONNECTIONS: usize = 8;

/// Auctions whose billing notice was answered with 200 `{"billable":true}`.
type Acknowledged = Arc<Mutex<BTreeSet<String>>>;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let seed = std::env::var("PMPX_SEED").map_or_else(|_| RandomState::new().hash_one(0), |seed| seed.parse().unwrap());
    println!("PMPX_SEED={seed}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
    valid_for_ever(config.path());
    let _dsps = start_dsps(config.path());
    let acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let before = acknowledged.lock().unwrap().len();
        let (mut server, address) = start(&runtime, config.path(), data.path());
        let client = client_of(address);
        // Somewhere within the first 20 to 620 ms of traffic.
        let moment = Duration::from_millis(
            20 + (seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd) % 600,
        );
        runtime.block_on(async {
            let mut media = tokio::task::JoinSet::new();
            for place in 0..CONNECTIONS {
                media.spawn(display(client.clone(), place, acknowledged.clone()));
            }
            tokio::time::sleep(moment).await;
            server.0.kill().unwrap();
            // Each media ends with its broken connection.
            let ended = tokio::time::timeout(PATIENCE, media.join_all()).await;
            ended.expect("the media end when the server is gone");
        });
        server.0.wait().unwrap();
        let posted = reopen(data.path());
        let acknowledged = acknowledged.lock().unwrap();
        println!(
            "round {round}: killed after {moment:?}, {} acknowledged in it, {} posted in all",
            acknowledged.len() - before,
            posted.len()
        );
        let lost: Vec<_> = acknowledged.difference(&posted).collect();
        assert!(lost.is_empty(), "seed {seed}, round {round}: acknowledged and not in the journal: {lost:?}");
        // At most one display per connection can be durable without its acknowledgement having arrived, each round.
        assert!(posted.len() <= acknowledged.len() + CONNECTIONS * usize::try_from(round + 1).unwrap());
    }
    assert!(acknowledged.lock().unwrap().len() >= 10, "the rounds were too short to say anything");
}

/// The example's terms end one day; this test runs on the machine's clock.
pub(crate) fn valid_for_ever(config: &Path) {
    let always = |key: &str| json!({key: "2099-12-31"});
    let deals =
        ["PDB-2026-SPRING-OPEN", "BPG-2026-X7-PREROLL", "PD-2026-PAOPAO", "PD-2026-X7-TOP", "PD-2026-DAIRY-FEED"];
    let each = |ids: &[&str], edit: Value| -> Value {
        ids.iter().map(|id| (format!("id={id}"), edit.clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let advertiser = |id: &str| json!({"advertisers": {format!("id={id}"): always("qualified_until")}});
    let edits = json!({
        "deals.toml": {"deal": each(&deals, always("until"))},
        "dsps.toml": {"dsp": each(&["aurora", "basalt", "comet"], always("approved_until"))},
        "buyers.toml": {"buyer": {
            "account=80010001": advertiser("qinghe-dairy"),
            "account=80010002": advertiser("yunfan-auto"),
            "account=80010003": advertiser("paopao-games"),
        }},
    });
    patch::apply(config, &edits);
}

/// A server process. Dropping it kills it.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Starts the binary and waits until it is ready.
fn start(runtime: &Runtime, config: &Path, data: &Path) -> (Server, SocketAddr) {
    let (server, address, _) = start_with_control(runtime, config, data, "error");
    (server, address)
}

/// The same, with the address of its control plane.
pub(crate) fn start_with_control(
    runtime: &Runtime,
    config: &Path,
    data: &Path,
    log: &str,
) -> (Server, SocketAddr, SocketAddr) {
    let (address, control) = (free_address(), free_address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.arg("serve").arg("--config").arg(config).arg("--data").arg(data).args(["--cores", "2", "--log", log]);
    command.env("PMPX_LISTEN", address.to_string()).env("PMPX_CONTROL_LISTEN", control.to_string());
    let server = Server(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    let client = client_of(address);
    let ready = async {
        while !client.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    runtime.block_on(async { tokio::time::timeout(PATIENCE, ready).await }).expect("the server is ready in time");
    (server, address, control)
}

/// One media: wins and displays until the server is gone.
async fn display(client: Client, place: usize, acknowledged: Acknowledged) {
    loop {
        let (media, body) = if place.is_multiple_of(2) { ("sunrise", splash()) } else { ("citypages", top()) };
        let Ok(answer) = client.send(auction(media).body(Full::new(body.to_string().into())).unwrap()).await else {
            return;
        };
        if answer.status != 200 {
            assert_eq!(answer.status, 204, "{:?}", answer.body);
            continue;
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let burl = body["seatbid"][0]["bid"][0]["burl"].as_str().unwrap();
        let path = burl.find("/n/bill/").map(|start| &burl[start..]).unwrap();
        let Ok(answer) = client.get(path).await else { return };
        match answer.status.as_u16() {
            200 => {
                assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), json!({"billable": true}));
                acknowledged.lock().unwrap().insert(body["bidid"].as_str().unwrap().to_owned());
            }
            // Not durable, and said so: the media would ask again.
            503 => {}
            other => panic!("a billing notice was answered with {other}: {:?}", answer.body),
        }
    }
}

/// Opens what the process left, derives and proves it. Returns the auctions that were posted.
fn reopen(data: &Path) -> BTreeSet<String> {
    let clock = Clock::system();
    let store = SqliteStore::open(Options::new(data, NodeId(1)), clock.now()).unwrap();
    ledger::derive(&store, clock.now()).unwrap();
    let rows = store.snapshot().unwrap().charges(0, 1_000_000).unwrap();
    store.close();
    let proof = proved(data);
    let sum: i64 = rows.iter().filter(|row| row.is_posted()).map(|row| row.amount.0).sum();
    assert_eq!((proof.charges, proof.posted_micro_yuan), (rows.len() as u64, sum));
    let posted: BTreeSet<_> = rows.iter().map(|row| row.auction.to_string()).collect();
    assert_eq!(posted.len(), rows.len(), "each of these auctions has one imp");
    posted
}
