//! What a slow disk does to auctions: nothing. Whole auctions on one core, as in `end_to_end/no_network`, while another thread posts to
//! the same journal and counts are flushed to it: its commits take as long as the disk takes, or 200 ms more each.
//!
//! `cargo bench -p pmpx --bench slow_disk`. Seven rounds of each in turn; medians of a round's mean, and of a round's slowest auction.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a failed measurement should stop; figures are printed, and pauses are the point"
)]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::{Endless, REQUEST, changed, example, noon};
use pmpx::billing::token::{TokenKey, Tokens};
use pmpx::clock::{Chance, Clock};
use pmpx::event::{Journal, Measure, Stage, Tally};
use pmpx::exchange::{Core, Exchange, Incoming, Reply, Seed};
use pmpx::ids::{Boot, DealId, Lane, NodeId};
use pmpx::store::{Options, SqliteStore};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

const ROUNDS: usize = 7;
const AUCTIONS: u32 = 20_000;
const SLOW: Duration = Duration::from_millis(200);

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    let (slow, commits, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path(), NodeId(1));
    let (wait, count) = (slow.clone(), commits.clone());
    options.on_commit = Some(Box::new(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        if wait.load(Ordering::Relaxed) {
            std::thread::sleep(SLOW);
        }
    }));
    let store = Arc::new(SqliteStore::open(options, noon()).unwrap());
    let market = changed(&example(), |parts| {
        parts
            .deals
            .iter_mut()
            .filter_map(|deal| deal.volume.as_mut())
            .for_each(|volume| volume.daily = 1_000_000_000_000);
        parts.dsps.iter_mut().for_each(|dsp| dsp.most_in_flight = 0);
    });
    let clock = Clock::manual(noon());
    let tokens = Tokens::new(&[TokenKey { id: 1, secret: std::array::from_fn(|index| index as u8) }]).unwrap();
    let exchange = Arc::new(Exchange::new(market, tokens, store.clone(), Arc::new(Exchange::metrics()), clock.clone()));
    exchange.budgets.tend(&exchange.needs(noon()), &Endless, exchange.lives(), noon()).unwrap();
    let core =
        Core::new(exchange.clone(), Seed { lane: Lane(0), node: NodeId(1), boot: Boot(1), chance: Chance::seeded(1) });
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    let round = || {
        local.block_on(&runtime, async {
            let (started, mut slowest) = (clock.instant(), Duration::ZERO);
            for number in 0..AUCTIONS {
                let arrived = clock.instant();
                let incoming = Incoming {
                    arrived,
                    bearer: Some("sunrise.demo-sunrise-secret"),
                    body: Bytes::from_static(REQUEST),
                };
                assert!(matches!(black_box(core.auction(incoming).await), Reply::Bid(_)), "every auction is won");
                slowest = slowest.max(clock.instant().saturating_duration_since(arrived));
                if number.is_multiple_of(2_000) {
                    let _ = exchange.flush_counts();
                }
            }
            let mean = clock.instant().saturating_duration_since(started).as_secs_f64() * 1e6 / f64::from(AUCTIONS);
            (mean, slowest.as_secs_f64() * 1e6)
        })
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let tally =
                Tally { day: noon().shanghai_day(), deal: DealId(0), measure: Measure::Stage(Stage::Billed), count: 1 };
            while !done.load(Ordering::Relaxed) {
                let _ = store.tally(vec![tally]);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        round();
        let mut figures = [(vec![], vec![], 0), (vec![], vec![], 0)];
        for number in 0..2 * ROUNDS {
            slow.store(number % 2 == 1, Ordering::Relaxed);
            let before = commits.load(Ordering::Relaxed);
            let (mean, slowest) = round();
            let of = &mut figures[number % 2];
            of.0.push(mean);
            of.1.push(slowest);
            of.2 += commits.load(Ordering::Relaxed) - before;
        }
        done.store(true, Ordering::Relaxed);
        slow.store(false, Ordering::Relaxed);
        for (what, (mean, slowest, commits)) in
            ["the disk as it is", "each commit 200 ms longer"].into_iter().zip(figures)
        {
            println!(
                "{what}: {:.2} us an auction, the slowest {:.0} us, {commits} commits meanwhile",
                median(mean),
                median(slowest)
            );
        }
    });
}
