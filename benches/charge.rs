//! What a won impression costs until its notices are made, and what counts it: nanoseconds per call.
//!
//! `cargo bench -p pmpx --bench charge`. One thread: atomics that another core also writes cost more.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;

use common::{Endless, auction, noon};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pmpx::billing::budget::{Budgets, Lives, Need};
use pmpx::billing::notice::urls;
use pmpx::billing::token::{Purpose, TokenKey, Tokens};
use pmpx::delivery::attribution::Attribution;
use pmpx::delivery::pacing::{Pace, Pacing, Promise};
use pmpx::event::{Charge, ChargeKey, Measure, Method, Source, Stage};
use pmpx::ids::{
    AdvertiserId, AuctionIds, Boot, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, Lane, LeaseId,
    MediaId, NodeId, PlacementId, Slot,
};
use pmpx::market::plan::DayPlan;
use pmpx::money::{CpmMicroYuan, MicroYuan, Quantity};

const DEAL: DealId = DealId(4_000);
const BUYER: BuyerId = BuyerId(40);

fn charge() -> Charge {
    Charge {
        key: ChargeKey { auction: auction(), imp: ImpIndex(0), slot: Slot(0) },
        expires_at: noon().plus_ms(3_600_000),
        media: MediaId(1),
        placement: PlacementId(200),
        dsp: DspId(3),
        buyer: BUYER,
        advertiser: AdvertiserId(300),
        creative: CreativeId(50_000),
        version: CreativeVersion(2),
        deal: DEAL,
        method: Method::Pdb,
        lease: LeaseId(1_000_000),
        quantity: Quantity::ONE,
        price: CpmMicroYuan::parse_yuan("60").unwrap(),
        earning: CpmMicroYuan::parse_yuan("51").unwrap(),
        minimum_display_ms: 2_000,
    }
}

/// A token sealed and opened, and the notice URLs of a bid.
fn token(criterion: &mut Criterion) {
    let tokens = Tokens::new(&[TokenKey { id: 1, secret: std::array::from_fn(|index| index as u8) }]).unwrap();
    let charge = charge();
    let mut sealed = String::with_capacity(256);
    let mut group = criterion.benchmark_group("charge/token");
    group.throughput(Throughput::Elements(1));
    group.bench_function("seal", |bencher| {
        bencher.iter(|| {
            sealed.clear();
            tokens.seal(Purpose::Bill, black_box(&charge), &mut sealed);
            black_box(&mut sealed);
        });
    });
    assert_eq!(tokens.open(Purpose::Bill, &sealed), Ok(charge));
    group.bench_function("open", |bencher| bencher.iter(|| tokens.open(Purpose::Bill, black_box(&sealed))));
    group.bench_function("notice_urls", |bencher| {
        bencher.iter(|| urls("https://exchange.example", &tokens, black_box(&charge)));
    });
    group.finish();
}

/// The money, the pace, the counts and the id of one impression.
fn state(criterion: &mut Criterion) {
    let (now, day) = (noon(), noon().shanghai_day());
    let mut group = criterion.benchmark_group("charge/state");
    group.throughput(Throughput::Elements(1));

    let budgets = Budgets::default();
    let source = Source::Commitment(DEAL, day);
    let need = Need { source, buyer: BUYER, commitment: None };
    budgets.tend(&[need], &Endless, Lives { longest_token_ms: 3_600_000, clock_skew_ms: 5_000 }, now).unwrap();
    group.bench_function("award", |bencher| {
        bencher.iter(|| budgets.award(black_box(source), black_box(MicroYuan(60_000)), now).unwrap());
    });

    let pacing = Pacing::default();
    // So much that the next offer is always due.
    let plan = DayPlan::flat(0xff_ffff);
    let promise = Promise { offers: 1_000_000_000_000, plan: &plan };
    group.bench_function("pace_and_take", |bencher| {
        bencher.iter(|| {
            let pace = pacing.pace(black_box(DEAL), black_box(promise), black_box(400_000), now);
            assert!(matches!(pace, Pace::Behind(_)) && pacing.take(DEAL, promise, 400_000, now));
        });
    });

    let attribution = Attribution::default();
    group.bench_function("count", |bencher| {
        bencher.iter(|| attribution.count(black_box(DEAL), day, black_box(Measure::Stage(Stage::Offered))));
    });

    let mut ids = AuctionIds::new(NodeId(1), Boot(1), Lane(0));
    group.bench_function("auction_id", |bencher| bencher.iter(|| ids.next(black_box(now))));
    group.finish();
}

criterion_group!(benches, token, state);
criterion_main!(benches);
