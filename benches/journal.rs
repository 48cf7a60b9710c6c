//! Durable postings per second through the journal's API with its unique key, of one process and of two that share the data folder; what a lease
//! costs, and what each commit pays to learn whether another process has committed.
//!
//! `cargo bench -p pmpx --bench journal`. The store is in the system's folder for temporary files: point `TMPDIR` at the disk to measure.
//! Rows pile up from sample to sample, as they do on a long day; `PMPX_ROWS=100000000` puts that many into the day's table before the
//! first sample (about 200 bytes each).
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pmpx::clock::{Clock, ShanghaiDay, UnixMillis};
use pmpx::event::{
    Charge, ChargeKey, Journal, LeaseRequest, Leases, Ledger, Method, Posting, Recorded, Resolution, Source,
    Unrecorded, Via,
};
use pmpx::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, Lane, LeaseId, MediaId,
    NodeId, PlacementId, Slot,
};
use pmpx::money::{CpmMicroYuan, MicroYuan, Quantity};
use pmpx::store::{Options, SqliteStore};

const BUYER: BuyerId = BuyerId(1);
const LANES: u8 = 2;
const LEASES: u32 = 64;
const PER_LANE: u32 = 50_000;

fn noon() -> UnixMillis {
    ShanghaiDay(20_000).starts_at().plus_ms(43_200_000)
}

fn posting(number: u32, lease: LeaseId) -> Posting {
    let at = noon().plus_ms(u64::from(number / 10));
    let auction = AuctionId((u128::from(at.0) << 80) | (1 << 40) | u128::from(number));
    let charge = Charge {
        key: ChargeKey { auction, imp: ImpIndex(0), slot: Slot(0) },
        expires_at: at.plus_ms(600_000),
        media: MediaId(number % 20),
        placement: PlacementId(number % 200),
        dsp: DspId(number % 5),
        buyer: BUYER,
        advertiser: AdvertiserId(number % 50),
        creative: CreativeId(number % 5_000),
        version: CreativeVersion(1),
        deal: DealId(number % 500),
        method: Method::Pd,
        lease,
        quantity: Quantity::ONE,
        price: CpmMicroYuan::parse_yuan("35.00").unwrap(),
        earning: CpmMicroYuan::parse_yuan("29.75").unwrap(),
        minimum_display_ms: 1_000,
    };
    Posting { charge, resolution: Resolution::Posted, at, via: Via::Notice, displayed_ms: Some(2_000) }
}

/// Submits a lane's share as fast as the queue takes it, and waits until the last is durable.
fn run_lane(store: &SqliteStore, lane: u8, first: u32, leases: &[LeaseId]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut receipts = Vec::with_capacity(PER_LANE as usize);
    for number in first..first + PER_LANE {
        let lease = leases[(number % LEASES) as usize];
        loop {
            match store.submit(Lane(lane), posting(number, lease)) {
                Ok(receipt) => break receipts.push(receipt),
                Err(Unrecorded::Full) => std::thread::yield_now(),
                Err(other) => unreachable!("{other}"),
            }
        }
    }
    runtime.block_on(async {
        for receipt in receipts {
            assert_eq!(black_box(receipt.outcome().await), Ok(Recorded::Posted));
        }
    });
}

fn journal(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
    store.top_up(BUYER, "bench", MicroYuan::LIMIT, noon()).unwrap();
    let request = |want| LeaseRequest {
        source: Source::Balance(BUYER),
        buyer: BUYER,
        want: MicroYuan(want),
        window_ends: noon().plus_ms(60_000),
        closes_at: noon().plus_ms(40_000_000),
    };
    let leases: Vec<_> =
        (0..LEASES).map(|_| store.grant(request(1_000_000_000_000_000)).unwrap().unwrap().id).collect();
    let clock = Clock::system();
    let next = AtomicU32::new(0);
    let round = || {
        std::thread::scope(|scope| {
            for lane in 0..LANES {
                let first = next.fetch_add(PER_LANE, Ordering::Relaxed);
                let (store, leases) = (&store, &leases);
                scope.spawn(move || run_lane(store, lane, first, leases));
            }
        });
    };
    let rows = std::env::var("PMPX_ROWS").map_or(0, |rows| rows.parse::<u32>().unwrap());
    while next.load(Ordering::Relaxed) < rows {
        round();
    }

    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10).measurement_time(Duration::from_secs(15));
    group.throughput(Throughput::Elements(u64::from(PER_LANE) * u64::from(LANES)));
    group.bench_function("durable_postings", |bencher| {
        bencher.iter_custom(|rounds| {
            let started = clock.instant();
            for _ in 0..rounds {
                round();
            }
            clock.instant().saturating_duration_since(started)
        });
    });
    group.finish();

    let other = SqliteStore::open(Options::new(folder.path(), NodeId(2)), noon()).unwrap();
    let shared = || {
        std::thread::scope(|scope| {
            for (lane, store) in [&store, &other].into_iter().enumerate() {
                let (first, leases) = (next.fetch_add(PER_LANE, Ordering::Relaxed), &leases);
                scope.spawn(move || run_lane(store, lane as u8, first, leases));
            }
        });
    };
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10).measurement_time(Duration::from_secs(15));
    group.throughput(Throughput::Elements(u64::from(PER_LANE) * 2));
    group.bench_function("durable_postings_of_two_processes", |bencher| {
        bencher.iter_custom(|rounds| {
            let started = clock.instant();
            for _ in 0..rounds {
                shared();
            }
            clock.instant().saturating_duration_since(started)
        });
    });
    group.finish();
    drop(other);

    // The question as the journal's thread asks it: prepared, inside a transaction.
    let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
    connection.execute_batch("BEGIN; SELECT count(*) FROM node").unwrap();
    let mut group = criterion.benchmark_group("commit");
    group.bench_function("data_version", |bencher| {
        let ask = || -> i64 {
            let mut version = connection.prepare_cached("PRAGMA data_version").unwrap();
            version.query_row((), |row| row.get(0)).unwrap()
        };
        bencher.iter(|| black_box(ask()));
    });
    group.finish();
    drop(connection);

    let mut group = criterion.benchmark_group("lease");
    group.bench_function("grant_and_retire", |bencher| {
        bencher.iter(|| {
            let lease = store.grant(request(1_000)).unwrap().unwrap();
            store.retire(lease.id, MicroYuan(0)).unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
