//! Days of traffic on a seeded clock, network and disk, as fast as they can be computed: the product's own exchange, budgets, tokens,
//! beacons and ledger on one thread, with everything around them scripted (architecture §6; invariants 6 to 10).
//!
//! - `terms`: what is traded, as plain numbers, and the market that the product makes of it.
//! - `node`: one node of the product with a clock and memory of its own. `disk`: what is durable, in front of it what is not.
//! - `world`: what happens, one event at a time; `world::media` asks and displays, `world::flights` follows a notice through a node,
//!   `world::faults` breaks things, `world::reckoning` compares everything and ends the run.
//! - `model`: what must be true, written a second time; it looks on after every event. `audit`: all books against it.
//!
//! The same seed writes the same log, byte for byte (docs/testing.md).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it saw"
)]

mod audit;
mod disk;
mod log;
mod model;
mod node;
mod terms;
mod world;

use std::collections::BTreeSet;

use pmpx::clock::Clock;
use tokio::time::Instant;

use disk::Cheat;
use world::{Broken, Kind, Options, Report, World};

/// Seeds of the suite that always runs, and of the long one; days of each.
const SEEDS: (u64, u64) = (2, 100);
const DAYS: (u64, u64) = (5, 9);

/// A number of the environment.
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn long() -> bool {
    std::env::var("PMPX_LONG").is_ok_and(|it| it == "1")
}

fn options(seed: u64) -> Options {
    let without = std::env::var("PMPX_SIM_WITHOUT").unwrap_or_default();
    let known = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    let without = without.split(',').filter(|name| !name.is_empty());
    Options {
        seed,
        days: told("PMPX_SIM_DAYS").unwrap_or(if long() { DAYS.1 } else { DAYS.0 }),
        without: without.map(|name| known(name).unwrap_or_else(|| panic!("{name} is nothing to leave out"))).collect(),
        most_steps: told("PMPX_SIM_STEPS").unwrap_or(u64::MAX),
        cheat: None,
    }
}

/// What one needs to see a break again, and which kinds of trouble it does not need.
fn explain(options: &Options, broken: &Broken) -> String {
    let mut spare = Vec::new();
    for kind in Kind::ALL {
        let without = BTreeSet::from([kind]);
        if World::run(Options { without, ..options.clone() }).is_err() {
            spare.push(kind.name());
        }
    }
    format!(
        "{}\nat step {} of seed {}, after:\n{}\nit also breaks without: {}\nagain: PMPX_SIM_SEED={} PMPX_SIM_DAYS={} PMPX_SIM_STEPS={} cargo test --test simulation weeks",
        broken.why,
        broken.step,
        options.seed,
        broken.last,
        spare.join(", "),
        options.seed,
        options.days,
        broken.step
    )
}

fn print(seed: u64, report: &Report, started: Instant) {
    let counts: Vec<_> = report.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!(
        "seed {seed}: {} events in {:?}, {} charges, {} micro-yuan posted; {}; log {}",
        report.steps,
        started.elapsed(),
        report.audited.charges,
        report.audited.posted,
        counts.join(", "),
        report.digest
    );
}

#[test]
fn weeks_of_traffic_and_trouble_lose_nothing_and_bill_nothing_twice() {
    let seeds = told("PMPX_SIM_SEEDS").unwrap_or(if long() { SEEDS.1 } else { SEEDS.0 });
    let first = told("PMPX_SIM_SEED");
    for seed in first.unwrap_or(1)..=first.unwrap_or(seeds) {
        let (options, started) = (options(seed), Clock::system().instant());
        match World::run(options.clone()) {
            Ok(report) => print(seed, &report, started),
            Err(broken) => panic!("{}", explain(&options, &broken)),
        }
    }
}

/// A short run of its own, whatever the environment asks for.
fn short(seed: u64, cheat: Option<Cheat>) -> Options {
    Options { seed, days: 2, without: BTreeSet::new(), most_steps: u64::MAX, cheat }
}

#[test]
fn the_same_seed_writes_the_same_bytes_in_this_process_and_in_another() {
    let run =
        |seed| World::run(Options { days: 1, ..short(seed, None) }).unwrap_or_else(|broken| panic!("{}", broken.why));
    let (first, second, other) = (run(11), run(11), run(12));
    assert!(first.log.lines().count() > 5_000, "there is something to compare");
    let differs = first.log.lines().zip(second.log.lines()).find(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert!(first.log == second.log && first.log != other.log);
    // Another process has other addresses and other hash keys.
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["weeks", "--nocapture"]).env("PMPX_SIM_SEED", "11").env("PMPX_SIM_DAYS", "1");
    let output = again.env_remove("PMPX_SIM_WITHOUT").env_remove("PMPX_SIM_STEPS").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&first.digest), "another log than {}: {said}", first.digest);
}

/// Who checks the checker: each of these stores would cost somebody money, and none gets away with it.
#[test]
fn a_store_that_lies_is_caught() {
    for cheat in Cheat::ALL {
        let caught = (1..=4).find_map(|seed| World::run(short(seed, Some(cheat))).err());
        let broken = caught.unwrap_or_else(|| panic!("{cheat:?} gets away with it"));
        println!("{cheat:?} is caught at step {}: {}", broken.step, broken.why);
    }
}
