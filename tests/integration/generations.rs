//! A running program whose files change, that is rolled back, killed and started again.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::crash::{Server, start_with_control, valid_for_ever};
use crate::harness::{PATIENCE, ask_control, copied_config, start_dsps};
use crate::patch;

const PRICED: &str = "id=PD-2026-DAIRY-FEED";

/// A program on folders that outlive it.
struct Program {
    config: TempDir,
    data: TempDir,
    runtime: Runtime,
    running: Option<(Server, SocketAddr)>,
}

impl Program {
    fn start() -> Self {
        let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
        valid_for_ever(config.path());
        drop(start_dsps(config.path()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut program = Self { config, data, runtime, running: None };
        program.run();
        program
    }

    fn run(&mut self) {
        let (server, _, control) = start_with_control(&self.runtime, self.config.path(), self.data.path(), "off");
        self.running = Some((server, control));
    }

    fn kill(&mut self) {
        // Dropping it sends SIGKILL and waits.
        self.running = None;
    }

    fn control(&self, path: &str, body: Option<&Value>) -> (u16, Value) {
        ask_control(self.running.as_ref().unwrap().1, path, body)
    }

    fn market(&self) -> Value {
        self.control("/api/v1/market", None).1
    }

    fn generation(&self) -> u64 {
        self.market()["generation"].as_u64().unwrap()
    }

    fn price(&self) -> String {
        self.control("/api/v1/deals/PD-2026-DAIRY-FEED", None).1["price"]["cpm"].as_str().unwrap().to_owned()
    }

    fn edit(&self, price: &str) {
        edit(self.config.path(), price);
    }

    fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        let waiting = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        assert!(waited.is_ok(), "waited in vain until {what}: {}", self.market());
    }
}

fn edit(config: &Path, price: &str) {
    patch::apply(config, &json!({"deals.toml": {"deal": {PRICED: {"cpm": price}}}}));
}

#[test]
fn files_that_change_are_served_refused_and_ignored_by_themselves() {
    let program = Program::start();
    program.edit("25.00");
    program.wait_until("a file that was written is served", || program.price() == "25.00");
    let deals = program.config.path().join("deals.toml");
    let text = std::fs::read_to_string(&deals).unwrap();
    std::fs::write(deals.with_extension("new"), text.replace("25.00", "26.00")).unwrap();
    std::fs::rename(deals.with_extension("new"), &deals).unwrap();
    program.wait_until("a file that was replaced is served", || program.price() == "26.00");
    let generation = program.generation();
    std::fs::remove_file(&deals).unwrap();
    program.wait_until("a refusal is told", || program.market()["folder_refused"] == true);
    assert_eq!((program.generation(), program.price().as_str()), (generation, "26.00"));
    std::fs::write(&deals, text.replace("25.00", "26.00")).unwrap();
    program.wait_until("the folder is right again", || program.market()["folder_refused"] == false);
    assert_eq!(program.generation(), generation, "nothing new");
    // Pinned: a change of files is told and ignored, SIGHUP is somebody who asks.
    assert_eq!(program.control("/api/v1/market/rollback", Some(&json!({"generation": 1}))).0, 200);
    assert_eq!(program.price(), "24.00");
    program.edit("27.00");
    let page = || {
        let control = program.running.as_ref().unwrap().1.to_string();
        let get = || loadtest::process::get(&control, "/").unwrap().body;
        let body = std::thread::scope(|scope| scope.spawn(get).join().unwrap());
        String::from_utf8(body.to_vec()).unwrap()
    };
    program.wait_until("the change was seen", || page().contains("Files changed; generation"));
    assert_eq!((program.price().as_str(), program.market()["pinned"].as_bool()), ("24.00", Some(true)));
    let id = program.running.as_ref().unwrap().0.0.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    program.wait_until("SIGHUP ends the pin", || program.price() == "27.00");
    assert_eq!(program.market()["pinned"], false);
}

#[test]
fn what_was_published_pinned_and_suspended_survives_kill_9() {
    let mut program = Program::start();
    program.edit("25.00");
    assert_eq!(program.control("/api/v1/reload", Some(&json!({}))).0, 200);
    let back = program.control("/api/v1/market/rollback", Some(&json!({"generation": 1, "reason": "price"})));
    assert_eq!(back.0, 200, "{}", back.1);
    let key = json!({"reason": "malware"});
    assert_eq!(program.control("/api/v1/dsps/aurora/suspend", Some(&key)).0, 200);
    let before = program.market();
    program.kill();
    program.run();
    let after = program.market();
    for what in ["generation", "digest", "pinned", "restores"] {
        assert_eq!(before[what], after[what], "{what}");
    }
    assert_eq!((after["restores"].as_u64(), program.price().as_str()), (Some(1), "24.00"));
    let aurora = &program.control("/api/v1/dsps", None).1["items"][0];
    assert_eq!(
        (aurora["state"].as_str(), aurora["suspension"]["reason"].as_str()),
        (Some("suspended"), Some("malware"))
    );
    let log = program.control("/api/v1/audit", None).1;
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["suspend", "rollback", "publish", "publish"]);
}

#[test]
fn a_generation_is_whole_or_never_was_whenever_the_process_is_killed() {
    let mut program = Program::start();
    let mut served = program.generation();
    for round in 0..5_u64 {
        let price = format!("{}.00", 25 + round);
        let control = program.running.as_ref().unwrap().1;
        program.edit(&price);
        // The answer does not come, or comes just in time.
        let reload = std::thread::spawn(move || {
            std::panic::catch_unwind(|| ask_control(control, "/api/v1/reload", Some(&json!({})))).ok()
        });
        let moment = Duration::from_millis(round * 12);
        program.runtime.block_on(async { tokio::time::sleep(moment).await });
        program.kill();
        let acknowledged = reload.join().unwrap().and_then(|(_, told)| told["generation"].as_u64());
        // What the next start finds is not the folder that was killed, but one that is wrong: the last good one is served.
        let deals = program.config.path().join("deals.toml");
        let text = std::fs::read_to_string(&deals).unwrap();
        std::fs::write(&deals, "schema = 1\n[[deal]]\n").unwrap();
        program.run();
        let market = program.market();
        assert_eq!(market["folder_refused"], true);
        let generation = market["generation"].as_u64().unwrap();
        assert!(generation >= acknowledged.unwrap_or(served), "round {round}: {acknowledged:?} was acknowledged");
        let newest = &program.control("/api/v1/market/history?limit=1", None).1["items"][0];
        assert_eq!((newest["generation"].as_u64(), &newest["digest"]), (Some(generation), &market["digest"]));
        if generation > served {
            assert_eq!(program.price(), price);
        }
        std::fs::write(&deals, text).unwrap();
        let put_right = program.control("/api/v1/reload", Some(&json!({})));
        assert_eq!(put_right.0, 200, "{}", put_right.1);
        assert_eq!(program.price(), price);
        served = program.generation();
        assert!(served >= generation, "numbers only grow");
    }
}
