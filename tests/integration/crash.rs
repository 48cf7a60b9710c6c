//! kill -9 of the real binary under load: what was acknowledged is in the journal, nothing is in it twice, what was reserved comes
//! back, and the books add up, whenever the process ends (architecture, invariants 6 to 8).
//!
//! A round starts the program on the same data, lets media win, display, tell twice and retry, and kills it at a [`moment`] that is
//! drawn from a seed: anywhere, around a commit, a checkpoint, a reload or the start itself. Then the folder is opened and proved.
//!
//! `PMPX_SEED=n` draws the same moments again, `PMPX_LONG=1` kills 200 times, `PMPX_ROUNDS=n` any number (docs/testing.md).

mod closings;
mod media;
mod moment;
mod reopen;
mod several;

use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pmpx::clock::{Chance, Clock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::{PATIENCE, client_of, copied_config, start_dsps};
use crate::patch;

use media::Told;
use moment::Moment;

/// Kills in the suite that always runs, and in the long one.
const ROUNDS: (usize, usize) = (12, 200);
/// Media that are served at once.
const MEDIA: usize = 8;

/// A number of the environment.
fn told<N: std::str::FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let seed = told("PMPX_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let usual = if std::env::var("PMPX_LONG").is_ok_and(|it| it == "1") { ROUNDS.1 } else { ROUNDS.0 };
    let rounds = told("PMPX_ROUNDS").unwrap_or(usual);
    println!("PMPX_SEED={seed} PMPX_ROUNDS={rounds}");
    let mut suite = Suite::new(seed);
    let (started, mut kills) = (Clock::system().instant(), 0);
    for round in 0..rounds {
        kills += suite.round(round);
    }
    let (told, posted) = (suite.told.count(), suite.posted);
    println!(
        "{kills} kills in {rounds} rounds and {:?}: {} won, {} acknowledged, {posted} posted, {} told again after a restart",
        started.elapsed(),
        told.won,
        told.acknowledged,
        told.retried
    );
    assert!(told.acknowledged >= rounds, "the rounds were too short to say anything");
}

/// The folders that outlive each process, and what its media know.
struct Suite {
    runtime: Runtime,
    config: TempDir,
    data: TempDir,
    _dsps: Vec<loadtest::dsp::ScriptedDsp>,
    chance: Chance,
    told: Arc<Told>,
    posted: usize,
}

impl Suite {
    fn new(seed: u64) -> Self {
        let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
        valid_for_ever(config.path());
        let dsps = start_dsps(config.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (chance, told) = (Chance::seeded(seed), Arc::new(Told::default()));
        Self { runtime, config, data, _dsps: dsps, chance, told, posted: 0 }
    }

    /// One life of the program, its end, and the proof of what it left. Returns how often it was killed.
    fn round(&mut self, round: usize) -> usize {
        let moment = Moment::draw(round, &mut self.chance);
        let mut kills = 1;
        if let Moment::Start(after) = moment {
            kills += 2;
            self.kill_starts(after);
        } else {
            self.kill_under_load(round, moment);
        }
        let acknowledged = self.told.count().acknowledged;
        let posted = reopen::proved_after_kill(self.data.path(), &self.told, &[1]);
        println!("round {round}: killed {moment}; {acknowledged} acknowledged and {posted} posted so far");
        assert!(posted >= self.posted, "the journal has lost rows");
        self.posted = posted;
        kills
    }

    fn kill_under_load(&mut self, round: usize, moment: Moment) {
        let (mut server, address, control) =
            start_with_control(&self.runtime, self.config.path(), self.data.path(), "error");
        let client = client_of(address);
        let place = moment::Place { config: self.config.path(), data: self.data.path(), control, round };
        let told = self.told.clone();
        self.runtime.block_on(async {
            let mut media = tokio::task::JoinSet::new();
            for number in 0..MEDIA {
                media.spawn(media::display(client.clone(), number, told.clone()));
            }
            media.spawn(media::tell_again(client.clone(), told.clone()));
            moment.wait(&place, &told).await;
            server.0.kill().unwrap();
            // Each media ends with its broken connection.
            let ended = tokio::time::timeout(PATIENCE, media.join_all()).await;
            ended.expect("the media end when the server is gone");
        });
        server.0.wait().unwrap();
    }

    /// Three processes that are killed while they start: two on the data of this suite, one on a folder that is not there yet.
    fn kill_starts(&mut self, after: [Duration; 3]) {
        let fresh = tempfile::tempdir().unwrap();
        let first = fresh.path().join("data");
        for (after, data) in after.into_iter().zip([self.data.path(), self.data.path(), &first]) {
            let (server, ..) = spawn(self.config.path(), data, "off");
            self.runtime.block_on(async { tokio::time::sleep(after).await });
            drop(server);
        }
        // Whatever the first start of all left there, the second one serves.
        drop(start_with_control(&self.runtime, self.config.path(), &first, "error"));
        reopen::proved_after_kill(&first, &Told::default(), &[1]);
    }
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

/// Starts the binary as the node that the config says.
fn spawn(config: &Path, data: &Path, log: &str) -> (Server, SocketAddr, SocketAddr) {
    spawn_with(config, data, log, &[])
}

fn spawn_with(config: &Path, data: &Path, log: &str, more: &[&str]) -> (Server, SocketAddr, SocketAddr) {
    let (address, control) = (free_address(), free_address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.arg("serve").arg("--config").arg(config).arg("--data").arg(data).args(["--cores", "2", "--log", log]);
    command.args(more);
    command.env("PMPX_LISTEN", address.to_string()).env("PMPX_CONTROL_LISTEN", control.to_string());
    command.env("PMPX_REVIEW_LISTEN", "127.0.0.1:0");
    let server = Server(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    (server, address, control)
}

/// Starts the binary and waits until it is ready. Returns the addresses of its data plane and its control plane.
pub(crate) fn start_with_control(
    runtime: &Runtime,
    config: &Path,
    data: &Path,
    log: &str,
) -> (Server, SocketAddr, SocketAddr) {
    let (mut server, address, control) = spawn(config, data, log);
    wait_until_ready(runtime, &mut server, address);
    (server, address, control)
}

/// A start waits for disks and cores that a whole suite shares; what went wrong is on the process's standard error.
fn wait_until_ready(runtime: &Runtime, server: &mut Server, address: SocketAddr) {
    let client = client_of(address);
    let ready = async {
        while !client.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
            if let Some(ended) = server.0.try_wait().unwrap() {
                panic!("the server has ended before it was ready: {ended}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    runtime.block_on(async { tokio::time::timeout(PATIENCE, ready).await }).expect("the server is ready in time");
}
