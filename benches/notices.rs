//! Billing notices over HTTP, each acknowledged once it is durable: how fast, and how soon.
//!
//! `cargo bench -p pmpx --bench notices`. The data folder is in the system's folder for temporary files: point `TMPDIR` at the disk to
//! measure. Node and client share this process and the machine's cores.
//!
//! - `open loop`: notices depart on a schedule of 1,000, 3,000 and 10,000 a second, whatever the node does; the time from the intended
//!   departure to the answer, percentiles in µs.
//! - `closed loop`: 512 connections, each asking again as soon as it is answered: what saturates `/n/bill`, against what saturates
//!   `/readyz`, which answers a constant through the same door (the floor). Three rounds in turn, medians.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed measurement should stop; a table is printed"
)]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use loadtest::client::Client;
use loadtest::time::{sharpen_sleep, sleep_until};
use pmpx::billing::token::{Purpose, TokenKey, Tokens};
use pmpx::clock::{Clock, UnixMillis};
use pmpx::event::{Charge, ChargeKey, LeaseRequest, Leases, Ledger, Source};
use pmpx::ids::{AuctionId, ImpIndex, LeaseId, Slot};
use pmpx::market::supply::Placement;
use pmpx::money::{MicroYuan, Quantity};
use pmpx::node::{Node, Settings};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

const SECONDS: u32 = 5;
const CONNECTIONS: usize = 512;
const ROUNDS: usize = 3;
const SECRET: [u8; 64] = [7; 64];

/// The example config with a token key that is known here.
fn config(folder: &Path) {
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.join("exchange.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[[notices.keys]]\nid = 1\nsecret = \"env:BENCH\"\n")).unwrap();
}

fn secret(_: &str) -> Option<String> {
    Some(SECRET.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes charges of a preferred deal of the example, as many as are asked for, each with its notice's path.
struct Mint {
    tokens: Tokens,
    model: Charge,
    made: u64,
}

impl Mint {
    fn new(node: &Node, now: UnixMillis) -> Self {
        let market = node.exchange().market.load_full();
        let deal = market.deals.iter().find(|deal| !deal.method.is_guaranteed()).unwrap();
        let sold = |placement: &&Placement| market.deals_on(placement).any(|it| it.id == deal.id);
        let placement = market.placements.iter().find(sold).unwrap();
        let creative = market.creatives.iter().find(|creative| creative.buyer == deal.buyer).unwrap();
        let store = node.store();
        let amount = MicroYuan(1_000_000_000_000);
        store.top_up(deal.buyer, "bench", amount, now).unwrap();
        let (source, window_ends) = (Source::Balance(deal.buyer), now.plus_ms(3_600_000));
        let closes_at = window_ends.plus_ms(3_600_000);
        let request = LeaseRequest { source, buyer: deal.buyer, want: amount, window_ends, closes_at };
        let lease: LeaseId = store.grant(request).unwrap().unwrap().id;
        let model = Charge {
            key: ChargeKey { auction: AuctionId(0), imp: ImpIndex(0), slot: Slot(0) },
            expires_at: now.plus_ms(3_600_000),
            media: placement.media,
            placement: placement.id,
            dsp: deal.dsps[0],
            buyer: deal.buyer,
            advertiser: creative.advertiser,
            creative: creative.id,
            version: creative.version,
            deal: deal.id,
            method: deal.method,
            lease,
            quantity: Quantity::ONE,
            price: deal.price,
            earning: deal.price,
            minimum_display_ms: 0,
        };
        let tokens = Tokens::new(&[TokenKey { id: 1, secret: SECRET }]).unwrap();
        Self { tokens, model, made: 0 }
    }

    fn paths(&mut self, count: usize, now: UnixMillis) -> Arc<Vec<String>> {
        let path = |_| {
            self.made += 1;
            let auction = AuctionId((u128::from(now.0) << 80) | u128::from(self.made));
            let charge = Charge { key: ChargeKey { auction, ..self.model.key }, ..self.model };
            let mut path = String::from("/n/bill/");
            self.tokens.seal(Purpose::Bill, &charge, &mut path);
            path
        };
        Arc::new((0..count).map(path).collect())
    }
}

/// Asks for each path at its time; microseconds from then to the answer.
fn open_loop(runtime: &Runtime, client: &Client, paths: &Arc<Vec<String>>, rate: u32) -> Histogram<u64> {
    let (gate, mut departures) = tokio::sync::mpsc::unbounded_channel::<(usize, Instant)>();
    let count = paths.len();
    let pacer = std::thread::spawn(move || {
        sharpen_sleep();
        let start = Instant::now();
        for index in 0..count {
            let due = start + Duration::from_secs_f64(index as f64 / f64::from(rate));
            sleep_until(due);
            gate.send((index, due)).unwrap();
        }
    });
    let local = tokio::task::LocalSet::new();
    let histogram = std::rc::Rc::new(std::cell::RefCell::new(Histogram::new_with_bounds(1, 60_000_000, 3).unwrap()));
    let noted = histogram.clone();
    let (client, paths) = (client.clone(), paths.clone());
    local.spawn_local(async move {
        while let Some((index, due)) = departures.recv().await {
            let (client, paths, noted) = (client.clone(), paths.clone(), noted.clone());
            tokio::task::spawn_local(async move {
                let answer = client.get(&paths[index]).await.unwrap();
                assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &br#"{"billable":true}"#[..]));
                let took = u64::try_from(due.elapsed().as_micros()).unwrap();
                noted.borrow_mut().saturating_record(took.max(1));
            });
        }
    });
    runtime.block_on(local);
    pacer.join().unwrap();
    histogram.borrow().clone()
}

impl Mint {
    /// Requests a second that 512 connections get answered.
    fn closed_loop(&mut self, runtime: &Runtime, client: &Client, notices: bool, now: UnixMillis) -> f64 {
        const COUNT: usize = 60_000;
        let paths = if notices { self.paths(COUNT, now) } else { Arc::new(vec!["/readyz".to_owned(); COUNT]) };
        let next = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let local = tokio::task::LocalSet::new();
        for _ in 0..CONNECTIONS {
            let (client, paths, next) = (client.clone(), paths.clone(), next.clone());
            local.spawn_local(async move {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    assert_eq!(client.get(path).await.unwrap().status.as_u16(), 200);
                }
            });
        }
        runtime.block_on(local);
        COUNT as f64 / started.elapsed().as_secs_f64()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folder_of = |name: &str| folder.path().join(name);
    fs::create_dir(folder_of("config")).unwrap();
    config(&folder_of("config"));
    let clock = Clock::system();
    let node = Node::start(Settings {
        config: folder_of("config"),
        data: folder_of("data"),
        listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        control: None,
        review: None,
        cores: 2,
        clock: clock.clone(),
        variable: secret,
        watch: false,
        node: None,
        unpin: false,
    })
    .unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&node.address().to_string(), 512).unwrap();
    let mut mint = Mint::new(&node, clock.now());
    open_loop(&runtime, &client, &mint.paths(4_000, clock.now()), 1_000);

    println!("open loop, µs        p50      p99     p999      max");
    for rate in [1_000, 3_000, 10_000] {
        let paths = mint.paths((rate * SECONDS) as usize, clock.now());
        let took = open_loop(&runtime, &client, &paths, rate);
        let at = |quantile| took.value_at_quantile(quantile);
        println!("{rate:>8}/s      {:>8} {:>8} {:>8} {:>8}", at(0.5), at(0.99), at(0.999), took.max());
    }
    let (mut floor, mut bill) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(mint.closed_loop(&runtime, &client, false, clock.now()));
        bill.push(mint.closed_loop(&runtime, &client, true, clock.now()));
    }
    let (floor, bill) = (median(floor), median(bill));
    println!("closed loop: /readyz {floor:.0}/s, /n/bill {bill:.0}/s, floor over notices {:.2}", floor / bill);
    node.stop(Duration::ZERO);
}
