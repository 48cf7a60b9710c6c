//! What it costs to seal a day and to let its detail go, and what that does to commits meanwhile.
//!
//! `cargo bench -p pmpx --bench seal`. The store is in the system's folder for temporary files: point `TMPDIR` at the disk to measure.
//! `PMPX_ROWS` charges (a million unless told otherwise) are sealed, swept out and, for comparison, dropped at once. Then two days of a tenth
//! as many each are sealed and swept at the keeper's pace, 20 ms of every 200 ms, while notices are posted one after the other.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a failed measurement should stop; figures are printed, and pauses are the point"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use pmpx::clock::{Clock, ShanghaiDay, UnixMillis};
use pmpx::event::{
    Archive, Charge, ChargeKey, Journal, LeaseRequest, Leases, Ledger, Method, Posting, Recorded, Resolution, Source,
    Via,
};
use pmpx::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, Lane, LeaseId, MediaId,
    NodeId, PlacementId, Slot,
};
use pmpx::money::{CpmMicroYuan, MicroYuan, Quantity};
use pmpx::settlement::ledger::derive;
use pmpx::settlement::seal::{Progress, Sealer};
use pmpx::store::{Options, SqliteStore};

const BUYER: BuyerId = BuyerId(1);
const LEASES: u32 = 64;
const FIRST: ShanghaiDay = ShanghaiDay(20_000);
const DAY_MS: u64 = 86_400_000;

fn moment(day: u64, ms: u64) -> UnixMillis {
    FIRST.starts_at().plus_ms(day * DAY_MS + ms)
}

fn posting(day: u64, number: u32, lease: LeaseId) -> Posting {
    let at = moment(day, 1_000 + u64::from(number / 20));
    let auction = AuctionId((u128::from(at.0) << 80) | u128::from(number));
    let charge = Charge {
        key: ChargeKey { auction, imp: ImpIndex(0), slot: Slot(0) },
        expires_at: at.plus_ms(600_000),
        media: MediaId(number % 20),
        placement: PlacementId(number % 200),
        dsp: DspId(number % 5),
        buyer: BUYER,
        advertiser: AdvertiserId(number % 50),
        creative: CreativeId(number % 50),
        version: CreativeVersion(1),
        deal: DealId(number % 50),
        method: Method::Pd,
        lease,
        quantity: Quantity::ONE,
        price: CpmMicroYuan::parse_yuan("35.00").unwrap(),
        earning: CpmMicroYuan::parse_yuan("29.75").unwrap(),
        minimum_display_ms: 0,
    };
    Posting { charge, resolution: Resolution::Posted, at, via: Via::Notice, displayed_ms: None }
}

struct Bench {
    store: SqliteStore,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn lease(&self, day: u64) -> LeaseId {
        let window_ends = moment(day, 60_000);
        let want = MicroYuan(1_000_000_000_000);
        let source = Source::Balance(BUYER);
        let request = LeaseRequest { source, buyer: BUYER, want, window_ends, closes_at: window_ends };
        self.store.grant(request).unwrap().unwrap().id
    }

    /// A day with so many charges, all its leases closed, all of it booked.
    fn fill(&self, day: u64, rows: u32) {
        let leases: Vec<_> = (0..LEASES).map(|_| self.lease(day)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for first in (0..rows).step_by(20_000) {
            let post =
                |number| self.store.submit(Lane(0), posting(day, number, leases[(number % LEASES) as usize])).unwrap();
            let receipts: Vec<_> = (first..rows.min(first + 20_000)).map(post).collect();
            runtime.block_on(async {
                for receipt in receipts {
                    assert_eq!(receipt.outcome().await, Ok(Recorded::Posted));
                }
            });
        }
        self.store.close_dead(moment(day, DAY_MS)).unwrap();
        derive(&self.store, moment(day, DAY_MS)).unwrap();
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let started = self.clock.instant();
        let done = work();
        (done, self.clock.instant().saturating_duration_since(started))
    }

    /// All steps, with a pause wherever `pace` asks for one; the work's time, its longest step and how many there were.
    fn steps(&self, mut step: impl FnMut() -> bool, pace: bool) -> (Duration, Duration, u32) {
        let (mut all, mut longest, mut count, mut beat) = (Duration::ZERO, Duration::ZERO, 0, Duration::ZERO);
        loop {
            let (more, took) = self.timed(&mut step);
            (all, longest, count, beat) = (all + took, longest.max(took), count + 1, beat + took);
            if !more {
                return (all, longest, count);
            }
            if pace && beat > Duration::from_millis(20) {
                std::thread::sleep(Duration::from_millis(180));
                beat = Duration::ZERO;
            }
        }
    }

    fn seal(&self, now: UnixMillis, pace: bool) -> (Duration, Duration, u32) {
        let mut sealer = Sealer::default();
        self.steps(|| !matches!(sealer.step(&self.store, now).unwrap(), Progress::Sealed(_)), pace)
    }
}

fn print(what: &str, (all, longest, steps): (Duration, Duration, u32)) {
    println!("{what}: {} ms in {steps} steps, the longest {:.1} ms", all.as_millis(), longest.as_secs_f64() * 1e3);
}

/// Posts one notice after the other until told to stop; how long each took to be durable, µs.
fn post(bench: &Bench, stop: &AtomicBool, day: u64, lease: LeaseId) -> Histogram<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut took = Histogram::new(3).unwrap();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let posting = posting(day, number, lease);
        let (done, time) = bench.timed(|| runtime.block_on(bench.store.submit(Lane(1), posting).unwrap().outcome()));
        assert_eq!(done, Ok(Recorded::Posted));
        took.record(u64::try_from(time.as_micros()).unwrap()).unwrap();
        number += 1;
        std::thread::sleep(Duration::from_micros(500));
    }
    took
}

fn beside(bench: &Bench, what: &str, first: u64, work: impl FnOnce()) {
    let lease = bench.lease(first);
    let stop = AtomicBool::new(false);
    let took = std::thread::scope(|scope| {
        let posting = scope.spawn(|| post(bench, &stop, first, lease));
        work();
        stop.store(true, Ordering::Relaxed);
        posting.join().unwrap()
    });
    let at = |quantile| took.value_at_quantile(quantile);
    let figures = (at(0.5), at(0.99), at(0.999), took.max(), took.len());
    println!(
        "a commit {what}: p50 {} p99 {} p99.9 {} max {} us, {} of them",
        figures.0, figures.1, figures.2, figures.3, figures.4
    );
}

fn main() {
    let rows = std::env::var("PMPX_ROWS").map_or(1_000_000, |rows| rows.parse::<u32>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), moment(0, 0)).unwrap();
    let bench = Bench { store, clock: Clock::system(), _folder: folder };
    bench.store.top_up(BUYER, "bench", MicroYuan::LIMIT, moment(0, 0)).unwrap();
    bench.fill(0, rows);
    print(&format!("seal {rows} rows"), bench.seal(moment(2, 0), false));
    bench.store.let_go(FIRST, moment(2, 0)).unwrap();
    print(&format!("sweep {rows} rows"), bench.steps(|| bench.store.sweep(2_048).unwrap(), false));
    bench.fill(2, rows);
    bench.seal(moment(4, 0), false);
    bench.store.let_go(moment(2, 0).shanghai_day(), moment(4, 0)).unwrap();
    let (_, drop_all) = bench.timed(|| bench.store.sweep(u32::MAX).unwrap());
    println!("drop the table of {rows} rows in one commit: {} ms", drop_all.as_millis());

    bench.fill(4, rows / 10);
    bench.fill(6, rows / 10);
    beside(&bench, "while nothing else is done", 10, || std::thread::sleep(Duration::from_secs(4)));
    beside(&bench, "while two days are sealed and swept", 11, || {
        for day in [4, 6] {
            print("  seal", bench.seal(moment(day + 2, 0), true));
            bench.store.let_go(moment(day, 0).shanghai_day(), moment(day + 2, 0)).unwrap();
            print("  sweep", bench.steps(|| bench.store.sweep(2_048).unwrap(), true));
        }
    });
}
