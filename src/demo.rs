//! `pmpx demo`: the exchange between scripted DSPs of different temper and replayed media traffic, in one process.

mod screen;

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use loadtest::catalog::{Catalog, Secrets};
use loadtest::delays::Delays;
use loadtest::dsp::{DspPlan, DspStats, Latency, Script, ScriptedDsp, Temper, heard};
use loadtest::openloop::{Plan, run_blocking};
use loadtest::outcome::{Outcome, Percentiles};
use loadtest::process::relocated_config;
use loadtest::traffic::Traffic;
use pmpx::clock::Clock;
use pmpx::node::{Node, Settings};
use pmpx::settlement::ledger::{self, Verified};
use pmpx::store::SqliteReader;

use crate::arguments::Demo;
use crate::commands::{all_cores, complain, say};
use screen::Screen;

/// The example config, so that the demo runs from anywhere.
const CONFIG: [(&str, &str); 12] = [
    ("exchange.toml", include_str!("../config/exchange.toml")),
    ("media.toml", include_str!("../config/media.toml")),
    ("dsps.toml", include_str!("../config/dsps.toml")),
    ("buyers.toml", include_str!("../config/buyers.toml")),
    ("creatives.toml", include_str!("../config/creatives.toml")),
    ("currencies.toml", include_str!("../config/currencies.toml")),
    ("rate_card.toml", include_str!("../config/rate_card.toml")),
    ("deals.toml", include_str!("../config/deals.toml")),
    ("settlement.toml", include_str!("../config/settlement.toml")),
    ("content.toml", include_str!("../config/content.toml")),
    ("landing.toml", include_str!("../config/landing.toml")),
    ("words.toml", include_str!("../config/words.toml")),
];
/// Seed of the DSPs' and the traffic's draws.
const SEED: u64 = 20_131_021;

/// Runs the demo to its end.
pub(crate) fn run(arguments: &Demo) -> Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("pmpx-demo-").tempdir().context("making a temporary folder")?;
    complain(&format!("pmpx demo: everything is written under {} and removed at the end", folder.path().display()));
    let original = folder.path().join("example");
    write_example(&original)?;
    let catalog = Arc::new(Catalog::from_config(&original, &Secrets::demo()).map_err(|error| anyhow!(error))?);
    let delays = Arc::new(Delays::default());
    let dsps = start_dsps(&catalog, &delays)?;
    let listener = TcpListener::bind("127.0.0.1:0").context("listening on loopback")?;
    let moved: Vec<_> =
        catalog.dsps.iter().zip(&dsps).filter_map(|(card, dsp)| Some((card.address?, dsp.addr()))).collect();
    let config = relocated_config(&original, &folder.path().join("config"), listener.local_addr()?, &moved)?;
    let data = folder.path().join("data");
    let control = TcpListener::bind(arguments.control_listen)
        .with_context(|| format!("listening on {}", arguments.control_listen))?;
    let review = TcpListener::bind("127.0.0.1:0").context("listening on loopback")?;
    let node = Node::start(Settings {
        config,
        data: data.clone(),
        listener,
        control: Some(control),
        review: Some(review),
        cores: all_cores(),
        clock: Clock::system(),
        watch: true,
        node: None,
        unpin: false,
        variable: |_| None,
    })?;
    let outcome = drive(arguments, &node, &catalog, &delays, &dsps)?;
    let metrics = node.exchange().metrics.clone();
    node.stop(Duration::ZERO);
    let proof = prove(&data)?;
    let told: Vec<_> = dsps.iter().map(ScriptedDsp::stats).collect();
    let unheard = heard(&told, &outcome.bill);
    drop(dsps);
    let agreed = conclude(arguments, &outcome, &proof, &metrics)?;
    if !arguments.json {
        screen::heard(&told)?;
    }
    unheard.iter().for_each(|complaint| complain(complaint));
    Ok(if unheard.is_empty() { agreed } else { ExitCode::FAILURE })
}

fn write_example(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in CONFIG {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// One DSP that is steady, one that passes and stalls, one that fails and lies.
fn start_dsps(catalog: &Arc<Catalog>, delays: &Arc<Delays>) -> Result<Vec<ScriptedDsp>> {
    let ms = Duration::from_millis;
    let steady = Script::weighted([(97, Temper::Bid), (3, Temper::Pass)]).latency(Latency::Uniform(ms(1), ms(6)));
    let moody = [(80, Temper::Bid), (16, Temper::PassEmpty), (2, Temper::Silent), (2, Temper::Slow(ms(40)))];
    let moody = Script::weighted(moody).latency(Latency::Uniform(ms(2), ms(15)));
    let sly = [
        (78, Temper::Bid),
        (4, Temper::Gzip),
        (5, Temper::Pass),
        (3, Temper::BelowFloor),
        (2, Temper::UnknownDeal),
        (2, Temper::UnknownCreative),
        (2, Temper::Malformed),
        (1, Temper::Status(500)),
        (1, Temper::Redirect),
        (1, Temper::Bomb(200_000)),
        (1, Temper::Reset),
    ];
    let sly = Script::weighted(sly).latency(Latency::Uniform(ms(1), ms(10)));
    let scripts = [steady, moody, sly];
    let mut dsps = Vec::new();
    for (index, (card, script)) in catalog.dsps.iter().zip(scripts).enumerate() {
        let seats: Vec<_> = card.seats.iter().map(String::as_str).collect();
        let script = script.every_deal().with_notices().seed(SEED + index as u64);
        let mut plan = DspPlan::new(&card.id, &seats, script);
        plan.delays = Some(delays.clone());
        dsps.push(ScriptedDsp::start(plan, catalog.clone())?);
    }
    Ok(dsps)
}

/// Sends the traffic and shows what comes of it.
fn drive(
    arguments: &Demo,
    node: &Node,
    catalog: &Arc<Catalog>,
    delays: &Arc<Delays>,
    dsps: &[ScriptedDsp],
) -> Result<Outcome> {
    let url = format!("http://{}/openrtb2/auction", node.address());
    let traffic = Traffic::from_sample(catalog, SEED).map_err(|error| anyhow!(error))?;
    let mut plan = Plan::new(&url, f64::from(arguments.rate), traffic, catalog.clone());
    plan.duration = arguments.seconds.map(Duration::from_secs);
    plan.warmup = Duration::ZERO;
    plan.delays = Some(delays.clone());
    plan.rules.notice_authorities = vec![node.address().to_string()];
    plan.seed = SEED;
    stop_at_interrupt(plan.stop.clone())?;
    let mut screen = Screen::new(arguments.json, node);
    let mut told: Vec<(String, DspStats)> = Vec::new();
    let outcome = run_blocking(plan, |snapshot| {
        told.clear();
        told.extend(dsps.iter().map(|dsp| (dsp.name().to_owned(), dsp.stats())));
        screen.show(snapshot, node, &told);
    })?;
    screen.end();
    Ok(outcome)
}

/// Ctrl-C and SIGTERM end the traffic; what is under way is finished.
fn stop_at_interrupt(stop: Arc<AtomicBool>) -> Result<()> {
    let wait = move || {
        if crate::commands::wait_for_signals(|| {}).is_ok() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    std::thread::Builder::new().name("pmpx-signals".into()).spawn(wait)?;
    Ok(())
}

fn prove(data: &Path) -> Result<Verified> {
    let books = SqliteReader::open(data)?;
    ledger::verify(&books).map_err(|broken| anyhow!("the ledger does not hold: {broken}"))
}

/// The summary, and whether all is well: no errors, and what the media were told was billed is what the ledger has.
fn conclude(
    arguments: &Demo,
    outcome: &Outcome,
    proof: &Verified,
    metrics: &pmpx::metrics::Metrics,
) -> Result<ExitCode> {
    let bill = &outcome.bill;
    let requests = outcome.sent;
    let latency = percentiles(&outcome.latency_us);
    let overhead = percentiles(&outcome.overhead_us);
    let billed = bill.expected_billed_micro_yuan;
    let agreed = billed == proof.ledger_micro_yuan && proof.posted_micro_yuan == proof.ledger_micro_yuan;
    let errors = outcome.errors + outcome.timeouts;
    if arguments.json {
        say(&format!(
            "{{\"requests\":{requests},\"bids\":{},\"no_bids\":{},\"errors\":{errors},\"impressions_billed\":{},\
             \"billed_micro_yuan\":{billed},\"ledger_micro_yuan\":{},\"latency_us\":{latency},\"overhead_us\":{overhead}}}",
            outcome.bids, outcome.no_bids, bill.impressions_billed, proof.ledger_micro_yuan,
        ))?;
    } else {
        screen::summary(outcome, proof, metrics)?;
    }
    for (reason, count) in &outcome.error_reasons {
        complain(&format!("error, {count} times: {reason}"));
    }
    if !agreed {
        complain(&format!(
            "media were told that {billed} micro-yuan were billed, the journal has {}, the ledger {}",
            proof.posted_micro_yuan, proof.ledger_micro_yuan
        ));
    }
    Ok(if errors == 0 && agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn percentiles(of: &Percentiles) -> String {
    format!("{{\"p50\":{},\"p90\":{},\"p99\":{},\"p999\":{},\"max\":{}}}", of.p50, of.p90, of.p99, of.p999, of.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_carries_every_file_of_the_example() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<_> = files.collect();
        let mut carried: Vec<_> = CONFIG.iter().map(|(name, _)| (*name).to_owned()).collect();
        files.sort_unstable();
        carried.sort_unstable();
        assert_eq!(files, carried);
    }
}
