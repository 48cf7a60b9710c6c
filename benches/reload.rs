//! Reloads of a large folder under load: what requests feel of them, and what memory they cost.
//!
//! `cargo bench -p pmpx --bench reload -- [--deals 100000] [--rate 500] [--seconds 20]` starts the exchange on a copy of the example
//! with that many deals, measures the given time without and then with reloads one after the other, each of a changed price, and
//! prints one JSON object.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench ends at the first thing that is not as it should be, and prints what it measured"
)]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use loadtest::catalog::{Catalog, Secrets};
use loadtest::client::Client;
use loadtest::delays::Delays;
use loadtest::dsp::{DspPlan, Script, ScriptedDsp, Temper};
use loadtest::openloop::{Plan, run_blocking};
use loadtest::outcome::Outcome;
use loadtest::process::{Server, free_address, relocated_config, resident_bytes};
use loadtest::traffic::Traffic;
use serde_json::{Value, json};

const DEALS_PER_PLACEMENT: usize = 100;
/// The price that each reload changes.
const PRICES: [&str; 2] = ["cpm = \"24.00\"", "cpm = \"25.00\""];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` runs benches too, to see that they build.
    if !arguments.iter().any(|it| it == "--bench") {
        return;
    }
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|it| it == name);
        place.map_or(default, |place| arguments[place + 1].parse().expect("a number"))
    };
    let (deals, rate) = (number("--deals", 100_000), number("--rate", 500));
    let seconds = Duration::from_secs(number("--seconds", 20) as u64);
    let bench = Bench::start(deals, rate as f64);
    let before = bench.load(seconds);
    let after_load = bench.memory();
    let (during, mut reloads) = bench.load_with_reloads(seconds);
    reloads.sort_unstable();
    let after_reloads = bench.memory();
    let (_, more) = bench.load_with_reloads(seconds);
    std::thread::park_timeout(Duration::from_secs(3));
    let figures = |run: &Outcome| {
        let failed = run.shed + run.errors + run.timeouts;
        json!({"requests": run.sent, "failed": failed, "p50_us": run.latency_us.p50, "p99_us": run.latency_us.p99,
               "p999_us": run.latency_us.p999, "max_us": run.latency_us.max})
    };
    let result = json!({
        "deals": deals,
        "rate": rate,
        "without": figures(&before),
        "with_reloads": figures(&during),
        "p99_ratio": during.latency_us.p99 as f64 / before.latency_us.p99 as f64,
        "reloads": {"count": reloads.len(), "median_ms": reloads[reloads.len() / 2], "longest_ms": reloads.last()},
        "memory_mib": {"before": after_load, "after_reloads": after_reloads,
                       "after_as_many_again": bench.memory(), "further_reloads": more.len()},
    });
    println!("{result}");
    bench.server.stop().expect("an orderly end");
}

struct Bench {
    catalog: Arc<Catalog>,
    delays: Arc<Delays>,
    _dsps: Vec<ScriptedDsp>,
    folder: tempfile::TempDir,
    server: Server,
    control: SocketAddr,
    rate: f64,
}

impl Bench {
    fn start(deals: usize, rate: f64) -> Self {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let catalog = Arc::new(Catalog::from_config(&example, &Secrets::demo()).unwrap());
        let delays = Arc::new(Delays::default());
        let start = |card: &loadtest::catalog::DspCard| {
            let plan = DspPlan {
                name: card.id.clone(),
                seats: card.seats.clone(),
                address: None,
                script: Script::always(Temper::Bid),
                record: 0,
                delays: Some(delays.clone()),
            };
            ScriptedDsp::start(plan, catalog.clone()).unwrap()
        };
        let dsps: Vec<_> = catalog.dsps.iter().map(start).collect();
        let moved: Vec<_> =
            catalog.dsps.iter().zip(&dsps).map(|(card, dsp)| (card.address.unwrap(), dsp.addr())).collect();
        let folder = tempfile::tempdir().unwrap();
        let (address, control) = (free_address().unwrap(), free_address().unwrap());
        let config = relocated_config(&example, &folder.path().join("config"), address, &moved).unwrap();
        enlarge(&config, deals.saturating_sub(catalog.deals.len()));
        let binary = Path::new(env!("CARGO_BIN_EXE_pmpx"));
        let server = Server::exchange(binary, &config, &folder.path().join("data"), address, control, None).unwrap();
        Self { catalog, delays, _dsps: dsps, folder, server, control, rate }
    }

    fn load(&self, seconds: Duration) -> Outcome {
        let traffic = Traffic::from_sample(&self.catalog, 1).unwrap();
        let url = format!("http://{}/openrtb2/auction", self.server.address);
        let mut plan = Plan::new(&url, self.rate, traffic, self.catalog.clone());
        plan.duration = Some(seconds);
        plan.delays = Some(self.delays.clone());
        plan.server = Some(self.server.pid());
        plan.rules.notice_authorities = vec![self.server.address.to_string()];
        run_blocking(plan, |_| {}).unwrap()
    }

    /// Load, and reloads as long as it lasts; how long each took, ms.
    fn load_with_reloads(&self, seconds: Duration) -> (Outcome, Vec<u64>) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reloading = scope.spawn(|| {
                let mut took = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    took.push(self.reload());
                }
                took
            });
            let outcome = self.load(seconds);
            over.store(true, Ordering::Relaxed);
            (outcome, reloading.join().unwrap())
        })
    }

    /// Changes a price and reloads.
    fn reload(&self) -> u64 {
        let path = self.folder.path().join("config/deals.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let [from, to] = if text.contains(PRICES[0]) { PRICES } else { [PRICES[1], PRICES[0]] };
        let next = path.with_extension("next");
        std::fs::write(&next, text.replacen(from, to, 1)).unwrap();
        std::fs::rename(&next, &path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = tokio::time::Instant::now();
        let answer = runtime.block_on(async {
            let client = Client::new(&self.control.to_string(), 1).unwrap();
            let request = Request::post("/api/v1/reload").header("host", self.control.to_string());
            client.send(request.body(Full::default()).unwrap()).await.unwrap()
        });
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(told["generation"].as_u64().unwrap() > 1, "{told}");
        u64::try_from(started.elapsed().as_millis()).unwrap()
    }

    fn memory(&self) -> Option<u64> {
        resident_bytes(self.server.pid()).map(|bytes| bytes >> 20)
    }
}

/// Adds deals on placements of their own: the traffic is that of the example, the market is large.
fn enlarge(config: &Path, deals: usize) {
    let (mut placements, mut cards, mut sold) = (String::new(), String::new(), String::new());
    for number in 0..deals {
        let place = number / DEALS_PER_PLACEMENT;
        if number % DEALS_PER_PLACEMENT == 0 {
            write!(
                placements,
                "\n[[media.placements]]\ntagid = \"bench-{place}\"\nformats = [\"banner\"]\nsizes = [\"728x90\"]\n\
                 daily_capacity = 1_000_000\n"
            )
            .unwrap();
            writeln!(cards, "    {{ media = \"citypages\", tagid = \"bench-{place}\", cpm = \"8.00\" }},").unwrap();
        }
        write!(
            sold,
            "\n[[deal]]\nid = \"PD-BENCH-{number:06}\"\nmethod = \"PD\"\nstate = \"active\"\naccount = \"80010003\"\n\
             dsps = [\"comet\", \"basalt\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\ncpm = \"9.00\"\npriority = 5\n\
             placements = [{{ media = \"citypages\", tagid = \"bench-{place}\" }}]\n"
        )
        .unwrap();
    }
    let edit = |file: &str, change: &dyn Fn(String) -> String| {
        let path = config.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, change(text)).unwrap();
    };
    edit("media.toml", &|text| text + &placements);
    edit("deals.toml", &|text| text + &sold);
    edit("rate_card.toml", &|text| {
        let open = text.trim_end().strip_suffix(']').expect("the prices end the file");
        format!("{open}{cards}]\n")
    });
}
