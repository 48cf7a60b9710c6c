//! What the binary does: sets up DSPs and a server, runs the load, reports.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loadtest::catalog::{Catalog, Secrets};
use loadtest::check::Rules;
use loadtest::delays::Delays;
use loadtest::dsp::{DspPlan, Script, ScriptedDsp, Temper, heard};
use loadtest::floor::{Floor, FloorPlan};
use loadtest::notices::NoticePlan;
use loadtest::openloop::{Plan, run_blocking};
use loadtest::outcome::{Outcome, Snapshot};
use loadtest::process::{Server, free_address, get, relocated_config};
use loadtest::report;
use loadtest::traffic::{Arrivals, Traffic};
use serde_json::json;

use crate::arguments::Arguments;

pub(crate) type Fallible<T> = Result<T, String>;

/// Where DSPs listen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Where the config says.
    Configured,
    /// There, or on free ports if one of them is taken.
    Preferred,
    /// On free ports.
    Free,
}

pub(crate) struct Bench<'a> {
    arguments: &'a Arguments,
    catalog: Arc<Catalog>,
    delays: Arc<Delays>,
    /// What each DSP of the catalog does, in its order.
    tempers: Vec<Temper>,
    dsps: Vec<ScriptedDsp>,
}

/// One run against the floor, a started exchange or a running one; returns its errors.
pub(crate) fn single(arguments: &Arguments) -> Fallible<u64> {
    let (name, outcome) = if arguments.floor {
        let bench = Bench::new(arguments, Ports::Free)?;
        ("floor", bench.floor(&BTreeMap::new())?)
    } else if let Some(binary) = &arguments.serve {
        let bench = Bench::new(arguments, Ports::Preferred)?;
        ("exchange", bench.exchange(binary)?)
    } else {
        let bench = Bench::new(arguments, Ports::Configured)?;
        ("exchange", bench.running()?)
    };
    if !arguments.json {
        say(&report::text(name, &outcome))?;
    } else {
        // Not through a `Value`: its keys would be sorted, and the documented order lost.
        say(&format!("{}\n", serde_json::to_string(&outcome).map_err(text)?))?;
    }
    page(arguments, &[(name.to_owned(), &outcome)])?;
    Ok(outcome.errors)
}

/// Floor and exchange in turn with the same traffic, DSPs and rate; returns the errors of all runs.
pub(crate) fn compare(arguments: &Arguments) -> Fallible<u64> {
    let binary = arguments.serve.as_deref().ok_or("--compare needs --serve PATH")?;
    let bench = Bench::new(arguments, Ports::Preferred)?;
    let routes = bench.catalog.routes();
    let (mut floors, mut exchanges) = (Vec::new(), Vec::new());
    for round in 1..=arguments.rounds.max(1) {
        floors.push(bench.floor(&routes)?);
        exchanges.push(bench.exchange(binary)?);
        say(&report::text(&format!("round {round}, floor"), &floors[round - 1]))?;
        say(&report::text(&format!("round {round}, exchange"), &exchanges[round - 1]))?;
    }
    type Figure = (&'static str, fn(&Outcome) -> Option<f64>);
    let figures: [Figure; 6] = [
        ("cpu_us_per_auction", |run| run.cpu_us_per_auction),
        ("p50", |run| Some(run.latency_us.p50 as f64)),
        ("p99", |run| Some(run.latency_us.p99 as f64)),
        ("overhead_p50", |run| Some(run.overhead_us.p50 as f64)),
        ("overhead_p99", |run| Some(run.overhead_us.p99 as f64)),
        ("dsp_requests_per_auction", |run| run.dsp_requests_per_auction),
    ];
    let (mut of_floor, mut of_exchange, mut ratios) = (json!({}), json!({}), json!({}));
    say(&format!("\nmedians of {} rounds       floor  exchange     ratio\n", floors.len()))?;
    for (name, figure) in figures {
        let (floor, exchange) = (median(&floors, figure), median(&exchanges, figure));
        let ratio = floor.zip(exchange).filter(|(floor, _)| *floor > 0.0).map(|(floor, exchange)| exchange / floor);
        let ratio = ratio.map(|ratio| (ratio * 1000.0).round() / 1000.0);
        let show = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
        say(&format!("{name:<24}{:>9}{:>10}{:>10}\n", show(floor), show(exchange), show(ratio)))?;
        (of_floor[name], of_exchange[name], ratios[name]) = (json!(floor), json!(exchange), json!(ratio));
    }
    let errors: u64 = floors.iter().chain(&exchanges).map(|run| run.errors).sum();
    let result = json!({
        "rounds": floors.len(), "rate": arguments.rate, "seconds": arguments.seconds, "errors": errors,
        "floor": of_floor, "exchange": of_exchange, "ratio": ratios
    });
    say(&format!("{result}\n"))?;
    if let (Some(floor), Some(exchange)) = (floors.last(), exchanges.last()) {
        page(arguments, &[("floor, last round".to_owned(), floor), ("exchange, last round".to_owned(), exchange)])?;
    }
    Ok(errors)
}

/// The floor in a process of its own: prints its address, serves until standard input ends.
pub(crate) fn floor_child(dsps: &[SocketAddr], routes: &[String]) -> Fallible<()> {
    let route = |text: &String| {
        let (tag, indices) = text.rsplit_once('=')?;
        let indices: Result<Vec<usize>, _> =
            indices.split('+').filter(|part| !part.is_empty()).map(str::parse).collect();
        Some((tag.to_owned(), indices.ok()?))
    };
    let plan = FloorPlan {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        dsps: dsps.to_vec(),
        routes: routes.iter().filter_map(route).collect(),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        deadline: Duration::from_millis(140),
    };
    let floor = Floor::start(&plan).map_err(text)?;
    say(&format!("{}\n", floor.addr()))?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

impl<'a> Bench<'a> {
    pub(crate) fn new(arguments: &'a Arguments, ports: Ports) -> Fallible<Self> {
        let mut secrets = Secrets::demo();
        for pair in &arguments.secret {
            let (media, secret) = pair.split_once('=').ok_or(format!("--secret {pair}: not MEDIA=SECRET"))?;
            secrets = secrets.with(media, secret);
        }
        let catalog = Arc::new(Catalog::from_config(&arguments.config, &secrets)?);
        let delays = Arc::new(Delays::default());
        let tempers = tempers(&catalog, &arguments.misbehave)?;
        let mut bench = Self { arguments, catalog, delays, tempers, dsps: Vec::new() };
        bench.dsps = match (ports, bench.start_dsps(ports != Ports::Free)) {
            (Ports::Preferred, Err(_)) => bench.start_dsps(false)?,
            (_, started) => started?,
        };
        Ok(bench)
    }

    fn start_dsps(&self, configured: bool) -> Fallible<Vec<ScriptedDsp>> {
        let known = &self.catalog.dsps;
        let count = self.arguments.dsps.unwrap_or(known.len());
        if count > known.len() && !self.arguments.floor {
            return Err(format!("--dsps {count}: the config has only {}", known.len()));
        }
        let mut started = Vec::new();
        for index in 0..count {
            let card = known.get(index);
            let plan = DspPlan {
                name: card.map_or_else(|| format!("dsp-{index}"), |card| card.id.clone()),
                seats: card.map_or_else(|| vec![format!("seat-{index}")], |card| card.seats.clone()),
                address: card.and_then(|card| card.address).filter(|_| configured),
                script: self.script(index),
                record: 0,
                delays: Some(Arc::clone(&self.delays)),
            };
            started.push(ScriptedDsp::start(plan, Arc::clone(&self.catalog)).map_err(text)?);
        }
        Ok(started)
    }

    fn script(&self, index: usize) -> Script {
        let seed = self.arguments.seed.wrapping_add(index as u64);
        let temper = self.tempers.get(index).cloned().unwrap_or(Temper::Bid);
        let script = Script::always(temper).latency(self.arguments.dsp_latency).seed(seed);
        if self.asks_for_notices() { script.with_notices() } else { script }
    }

    /// Whether bids carry notice URLs. A comparison is with a floor that sends none.
    fn asks_for_notices(&self) -> bool {
        let asked = self.arguments;
        !(asked.no_dsp_notices || asked.compare || asked.overload || asked.floor || asked.generic)
    }

    /// Holds what the DSPs heard, once the exchange has ended, against what the media know was shown and billed.
    fn hear(&self, outcome: &mut Outcome) {
        if !self.asks_for_notices() {
            return;
        }
        let stats: Vec<_> = self.dsps.iter().map(ScriptedDsp::stats).collect();
        for complaint in heard(&stats, &outcome.bill) {
            fault(outcome, complaint);
        }
    }

    /// The floor knows no deals, so its DSPs bid on what they would be offered; an exchange's must be offered it.
    fn behave(&self, without_deals: bool) {
        for (index, dsp) in self.dsps.iter().enumerate() {
            let script = self.script(index);
            dsp.set_script(if without_deals { script.without_deals() } else { script });
        }
    }

    fn running(&self) -> Fallible<Outcome> {
        self.load("exchange", &self.arguments.url, None, self.arguments.generic)
    }

    fn floor(&self, routes: &BTreeMap<String, Vec<usize>>) -> Fallible<Outcome> {
        self.behave(true);
        let mut arguments = vec!["--floor-child".to_owned()];
        let addresses: Vec<String> = self.dsps.iter().map(|dsp| dsp.addr().to_string()).collect();
        arguments.extend((!addresses.is_empty()).then(|| addresses.join(",")));
        for (tag, indices) in routes {
            let indices: Vec<String> =
                indices.iter().filter(|index| **index < self.dsps.len()).map(usize::to_string).collect();
            arguments.push(format!("--route={tag}={}", indices.join("+")));
        }
        let own = std::env::current_exe().map_err(text)?;
        let server = Server::announcing(&own, &arguments).map_err(text)?;
        let outcome =
            self.load("floor", &format!("http://{}/openrtb2/auction", server.address), Some(server.pid()), true)?;
        server.stop().map_err(text)?;
        Ok(outcome)
    }

    fn exchange(&self, binary: &Path) -> Fallible<Outcome> {
        let running = self.start(binary, None)?;
        let mut outcome = self.load("exchange", &running.url, Some(running.server.pid()), self.arguments.generic)?;
        running.end(binary, &mut outcome)?;
        self.hear(&mut outcome);
        Ok(outcome)
    }

    /// Starts an exchange on free ports with its DSPs where they really are.
    pub(crate) fn start(&self, binary: &Path, cores: Option<usize>) -> Fallible<Running> {
        self.behave(false);
        let folder = Temporary::new()?;
        let (address, control) = (free_address().map_err(text)?, free_address().map_err(text)?);
        let moved = |dsp: &ScriptedDsp| {
            let card = self.catalog.dsps.iter().find(|card| card.id == dsp.name())?;
            Some((card.address?, dsp.addr()))
        };
        let moved: Vec<_> = self.dsps.iter().filter_map(moved).collect();
        let config =
            relocated_config(&self.arguments.config, &folder.0.join("config"), address, &moved).map_err(text)?;
        let data = folder.0.join("data");
        let server = Server::exchange(binary, &config, &data, address, control, cores).map_err(text)?;
        Ok(Running { url: format!("http://{address}/openrtb2/auction"), server, control, data, _folder: folder })
    }

    fn load(&self, name: &str, url: &str, server: Option<u32>, generic: bool) -> Fallible<Outcome> {
        let plan = self.plan(url, server, generic)?;
        self.run(name, plan)
    }

    /// What the arguments ask for, against that URL.
    pub(crate) fn plan(&self, url: &str, server: Option<u32>, generic: bool) -> Fallible<Plan> {
        let arguments = self.arguments;
        let traffic = match &arguments.traffic {
            Some(path) => Traffic::from_ipinyou(path, &self.catalog, arguments.seed)?,
            None => Traffic::from_sample(&self.catalog, arguments.seed)?,
        };
        let seconds = |value: f64| Duration::try_from_secs_f64(value).map_err(text);
        let authority = loadtest::catalog::authority_of(url);
        let mut notice_authorities: Vec<String> = authority.into_iter().collect();
        if server.is_none() {
            notice_authorities.extend(self.catalog.public_authority.clone());
        }
        let mut plan = Plan::new(url, arguments.rate, traffic, Arc::clone(&self.catalog));
        plan.duration = Some(seconds(arguments.seconds)?);
        plan.warmup = seconds(arguments.warmup)?;
        plan.arrivals = if arguments.replay { Arrivals::Replay } else { Arrivals::Poisson };
        plan.rules = Rules { generic, notice_authorities };
        plan.connections = arguments.connections;
        plan.timeout = Duration::from_millis(arguments.timeout);
        plan.notices = (!arguments.no_notices && !generic).then(NoticePlan::default);
        plan.delays = Some(Arc::clone(&self.delays));
        plan.constant_delay = arguments.dsp_latency.constant().filter(|_| !self.dsps.is_empty());
        plan.server = server;
        plan.seed = arguments.seed;
        Ok(plan)
    }

    /// Runs a plan to its end.
    pub(crate) fn run(&self, name: &str, plan: Plan) -> Fallible<Outcome> {
        let before = self.dsp_requests();
        let mut outcome = run_blocking(plan, |snapshot| progress(name, snapshot)).map_err(text)?;
        if !self.dsps.is_empty() && outcome.answered_in_all > 0 {
            let asked = (self.dsp_requests() - before) as f64 / outcome.answered_in_all as f64;
            outcome.dsp_requests_per_auction = Some((asked * 1000.0).round() / 1000.0);
        }
        if std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr());
        }
        Ok(outcome)
    }

    fn dsp_requests(&self) -> u64 {
        self.dsps.iter().map(|dsp| dsp.stats().requests).sum()
    }
}

/// An exchange that was started for one round.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) server: Server,
    control: SocketAddr,
    data: PathBuf,
    _folder: Temporary,
}

impl Running {
    /// Holds its bill and its books against what the media know, and ends it.
    fn end(self, binary: &Path, outcome: &mut Outcome) -> Fallible<()> {
        reconcile(outcome, self.control);
        if let Err(error) = self.server.stop() {
            fault(outcome, error.to_string());
        }
        verify(outcome, binary, &self.data)
    }

    /// Ends it; its books must hold, whatever the media know.
    pub(crate) fn end_under_load(self, binary: &Path, outcome: &mut Outcome) -> Fallible<()> {
        if let Err(error) = self.server.stop() {
            fault(outcome, error.to_string());
        }
        verify(outcome, binary, &self.data)
    }
}

/// Holds what the server says it billed against what the media know.
fn reconcile(outcome: &mut Outcome, control: SocketAddr) {
    let Ok(metrics) = get(&control.to_string(), "/metrics") else { return };
    let text = String::from_utf8_lossy(&metrics.body);
    let billed = text.lines().filter(|line| line.starts_with("pmpx_billed_micro_yuan_total"));
    let values: Vec<f64> = billed.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    if values.is_empty() {
        return;
    }
    // Counters are written as floats; whole micro-yuan are exact up to 2^53.
    let ledger = values.iter().sum::<f64>() as i64;
    outcome.ledger_micro_yuan = Some(ledger);
    let expected = outcome.bill.expected_billed_micro_yuan;
    if outcome.bill.notices_unknown == 0 && ledger != expected {
        fault(outcome, format!("the server billed {ledger} micro-yuan, the media know of {expected}"));
    }
}

/// `ledger verify` on what the server left behind; exit code 1 is a break, others mean that it does not know the command.
fn verify(outcome: &mut Outcome, binary: &Path, data: &Path) -> Fallible<()> {
    let mut command = std::process::Command::new(binary);
    let ran = command.args(["ledger", "verify", "--data"]).arg(data).output().map_err(text)?;
    match ran.status.code() {
        Some(0) => {}
        Some(1) => {
            let said = String::from_utf8_lossy(&ran.stderr);
            fault(outcome, format!("ledger verify: {}", said.lines().next().unwrap_or("a break")));
        }
        _ => {
            let _ = writeln!(std::io::stderr(), "loadtest: `ledger verify` could not be run ({})", ran.status);
        }
    }
    Ok(())
}

fn fault(outcome: &mut Outcome, reason: String) {
    outcome.errors += 1;
    *outcome.error_reasons.entry(reason).or_default() += 1;
}

/// A folder for the time of one run.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Fallible<Self> {
        let serial = loadtest::time::unix_seconds();
        for attempt in 0..100 {
            let path = std::env::temp_dir().join(format!("loadtest-{}-{serial}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("{}: {error}", path.display())),
            }
        }
        Err("no temporary folder can be made".to_owned())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn median(runs: &[Outcome], figure: fn(&Outcome) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = runs.iter().filter_map(figure).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

fn progress(name: &str, now: &Snapshot) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _ = write!(
            terminal,
            "\r{name} {:5.1} s  {} sent  {} bids  {} errors  {} timeouts  {} in flight  p99 {} µs   ",
            now.elapsed_s, now.sent, now.bids, now.errors, now.timeouts, now.in_flight, now.latency_us.p99
        );
    }
}

fn page(arguments: &Arguments, runs: &[(String, &Outcome)]) -> Fallible<()> {
    let Some(path) = &arguments.report else { return Ok(()) };
    let title = format!("Load test at {:.0} requests a second", arguments.rate);
    std::fs::write(path, report::html(&title, runs)).map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn say(text: &str) -> Fallible<()> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(self::text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What each DSP of the catalog does, as `--misbehave` says.
fn tempers(catalog: &Catalog, misbehave: &[String]) -> Fallible<Vec<Temper>> {
    let mut tempers = vec![Temper::Bid; catalog.dsps.len()];
    for told in misbehave {
        let (name, how) = told.split_once('=').ok_or_else(|| format!("--misbehave {told}: not DSP=HOW"))?;
        let place = catalog.dsps.iter().position(|card| card.id == name);
        let place = place.ok_or_else(|| format!("--misbehave {told}: the config has no DSP `{name}`"))?;
        tempers[place] = match how {
            "silent" => Temper::Silent,
            "reset" => Temper::Reset,
            "truncated" => Temper::Truncate,
            "malformed" => Temper::Malformed,
            "dribbling" => Temper::Dribble(Duration::from_millis(5)),
            "oversized" => Temper::Oversized(1 << 20),
            "error" => Temper::Status(500),
            _ => {
                let known = "silent, reset, truncated, malformed, dribbling, oversized, error";
                return Err(format!("--misbehave {told}: `{how}` is none of {known}"));
            }
        };
    }
    Ok(tempers)
}
