//! One whole auction, from its bytes to its answer, without the data plane's HTTP: microseconds, one after the other on one core.
//!
//! `cargo bench -p pmpx --bench end_to_end`.
//!
//! - `three_dsps`: over loopback connections to three scripted DSPs that bid at once. They have a thread each, and what they take
//!   until the winning bid is there is in the figure: an upper bound of what the exchange adds.
//! - `no_network`: every DSP is at its cap of requests in flight, so that all of them are refused on the spot and the guaranteed deal's
//!   fallback is shown: all of our own work but a bid's check (`decide/answer`) and the sockets.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Endless, REQUEST, catalog, changed, example, noon};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loadtest::dsp::{Script, ScriptedDsp, Temper};
use pmpx::billing::token::{TokenKey, Tokens};
use pmpx::clock::{Chance, Clock};
use pmpx::exchange::{Core, Exchange, Incoming, Reply, Seed};
use pmpx::ids::{Boot, Lane, NodeId};
use pmpx::market::{Market, Parts};
use pmpx::store::MemoryStore;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

const BEARER: &str = "sunrise.demo-sunrise-secret";

/// The guaranteed deals are due at every request.
fn always_due(parts: &mut Parts) {
    parts.deals.iter_mut().filter_map(|deal| deal.volume.as_mut()).for_each(|volume| volume.daily = 1_000_000_000_000);
}

/// One core with endless money.
struct Bench {
    runtime: Runtime,
    local: LocalSet,
    core: Core,
    clock: Clock,
    body: Bytes,
}

impl Bench {
    fn new(market: Market) -> Self {
        // It stands still, so that no lease has to be renewed; deadlines run on the monotonic clock.
        let clock = Clock::manual(noon());
        let tokens = Tokens::new(&[TokenKey { id: 1, secret: std::array::from_fn(|index| index as u8) }]).unwrap();
        let exchange =
            Exchange::new(market, tokens, Arc::new(MemoryStore::new()), Arc::new(Exchange::metrics()), clock.clone());
        exchange.budgets.tend(&exchange.needs(noon()), &Endless, exchange.lives(), noon()).unwrap();
        let seed = Seed { lane: Lane(0), node: NodeId(1), boot: Boot(1), chance: Chance::seeded(1) };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let core = Core::new(Arc::new(exchange), seed);
        Self { runtime, local: LocalSet::new(), core, clock, body: Bytes::from_static(REQUEST) }
    }

    /// That many auctions in turn; how long they took.
    fn run(&self, rounds: u64) -> Duration {
        self.local.block_on(&self.runtime, async {
            let started = self.clock.instant();
            for _ in 0..rounds {
                let arrived = self.clock.instant();
                let reply =
                    self.core.auction(Incoming { arrived, bearer: Some(BEARER), body: self.body.clone() }).await;
                assert!(matches!(black_box(reply), Reply::Bid(_)), "every auction is won");
            }
            self.clock.instant().saturating_duration_since(started)
        })
    }
}

fn end_to_end(criterion: &mut Criterion) {
    let dsps = ScriptedDsp::start_all(&catalog(), &Script::always(Temper::Bid), false, None).unwrap();
    let mut group = criterion.benchmark_group("end_to_end");
    group.throughput(Throughput::Elements(1));

    let asking = Bench::new(changed(&example(), |parts| {
        always_due(parts);
        for (dsp, scripted) in parts.dsps.iter_mut().zip(&dsps) {
            dsp.endpoint.port = scripted.addr().port();
        }
    }));
    asking.local.block_on(&asking.runtime, asking.core.warm(2));
    asking.run(100);
    assert!(dsps.iter().all(|dsp| dsp.stats().bids > 0), "all three are asked and bid");
    group.bench_function("three_dsps", |bencher| bencher.iter_custom(|rounds| asking.run(rounds)));

    let alone = Bench::new(changed(&example(), |parts| {
        always_due(parts);
        parts.dsps.iter_mut().for_each(|dsp| dsp.most_in_flight = 0);
    }));
    group.bench_function("no_network", |bencher| bencher.iter_custom(|rounds| alone.run(rounds)));
    group.finish();
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
