//! How often an auction asks the allocator, held as a number (performance.md, "heap allocations per auction").
//!
//! A binary of its own, because an allocator serves a whole process. Counted on the core's thread only, after a warm-up, with the
//! whole request path of the exchange but its HTTP server: `ours` without a network (every DSP is at its cap, the fallback is
//! shown), `bids` with three scripted DSPs over loopback, where hyper's client, its requests and answers are counted too, `told` with
//! DSPs that want to hear of every bid.
//!
//! `cargo test --test allocations -- --nocapture` prints both.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and says what it counted")]
#![allow(unsafe_code, reason = "the trait of an allocator is unsafe; this one passes every call on unchanged")]

#[path = "../benches/common/fixture.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Endless, REQUEST, catalog, changed, example, noon};
use loadtest::dsp::{Script, ScriptedDsp, Temper};
use pmpx::bidding::{BidNotice, Notifier, Setup, Tidings, Times};
use pmpx::billing::token::{TokenKey, Tokens};
use pmpx::clock::{Chance, Clock};
use pmpx::exchange::{Core, Exchange, Incoming, Reply, Seed};
use pmpx::ids::{AuctionId, Boot, DspId, ImpIndex, Lane, NodeId, Slot};
use pmpx::market::Market;
use pmpx::money::{Currency, Quantity};
use pmpx::store::MemoryStore;

struct Counting;

thread_local! {
    /// `None` while nothing is counted.
    static COUNT: Cell<Option<u64>> = const { Cell::new(None) };
}

fn one_more() {
    // A thread that is ending has no counter any more.
    let _ = COUNT.try_with(|count| count.set(count.get().map(|it| it + 1)));
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        one_more();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        one_more();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const WARM_UP: u32 = 200;
const ROUNDS: u32 = 500;

/// Allocations of one auction on `market`, rounded up; every round must end as `expected` says.
fn per_auction(market: Market, warm: usize, told: bool) -> u64 {
    let clock = Clock::manual(noon());
    let tokens = Tokens::new(&[TokenKey { id: 1, secret: std::array::from_fn(|index| index as u8) }]).unwrap();
    let exchange =
        Exchange::new(market, tokens, Arc::new(MemoryStore::new()), Arc::new(Exchange::metrics()), clock.clone());
    exchange.budgets.tend(&exchange.needs(noon()), &Endless, exchange.lives(), noon()).unwrap();
    let seed = Seed { lane: Lane(0), node: NodeId(1), boot: Boot(1), chance: Chance::seeded(1) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exchange = Arc::new(exchange);
    let notifier = told.then(|| {
        let of = exchange.clone();
        let market = Box::new(move || of.market.load_full());
        let (clock, chance, outbox) = (clock.clone(), Chance::seeded(2), Arc::new(MemoryStore::new()));
        Notifier::start(
            &exchange.notices,
            Setup { node: NodeId(1), clock, chance, market, outbox, times: Times::default() },
        )
        .unwrap()
    });
    let core = Core::new(exchange, seed);
    let body = Bytes::from_static(REQUEST);
    let one = || async {
        let incoming =
            Incoming { arrived: clock.instant(), bearer: Some("sunrise.demo-sunrise-secret"), body: body.clone() };
        let reply = core.auction(incoming).await;
        assert!(matches!(reply, Reply::Bid(_)), "every auction is won");
    };
    tokio::task::LocalSet::new().block_on(&runtime, async {
        core.warm(warm).await;
        for _ in 0..WARM_UP {
            one().await;
        }
        COUNT.set(Some(0));
        for _ in 0..ROUNDS {
            one().await;
        }
        let count = COUNT.take().unwrap().div_ceil(ROUNDS.into());
        notifier.into_iter().for_each(|notifier| notifier.stop(Duration::from_secs(3)));
        count
    })
}

/// The guaranteed deals are due at every request.
fn always_due(parts: &mut pmpx::market::Parts) {
    parts.deals.iter_mut().filter_map(|deal| deal.volume.as_mut()).for_each(|volume| volume.daily = 1_000_000_000_000);
}

#[test]
fn an_auction_allocates_no_more_than_it_did() {
    let ours = per_auction(
        changed(&example(), |parts| {
            always_due(parts);
            parts.dsps.iter_mut().for_each(|dsp| dsp.most_in_flight = 0);
        }),
        0,
        false,
    );
    let dsps = ScriptedDsp::start_all(&catalog(), &Script::always(Temper::Bid).with_notices(), false, None).unwrap();
    let asked = || {
        changed(&example(), |parts| {
            always_due(parts);
            for (dsp, scripted) in parts.dsps.iter_mut().zip(&dsps) {
                dsp.endpoint.port = scripted.addr().port();
            }
        })
    };
    // The same bids in both, so that only the telling differs.
    let bids = per_auction(asked(), 2, false);
    let told = per_auction(asked(), 2, true);
    println!("allocations an auction: ours {ours}, with three DSPs over hyper's client {bids}, that are told {told}");
    assert!(dsps.iter().any(|dsp| dsp.stats().losses > 0), "who lost is told");
    assert!(dsps.iter().all(|dsp| dsp.stats().bids > 0), "all three are asked and bid");
    assert!(ours <= 30, "{ours} allocations an auction without a network");
    assert!(bids <= 75, "{bids} allocations an auction with three DSPs");
    assert!(told <= 75, "{told} allocations an auction with three DSPs that are told");
}

#[test]
fn what_dsps_are_told_takes_two_allocations_an_auction_and_none_where_nobody_asks() {
    let of_bids = |url: Option<&str>| {
        let bid = BidNotice {
            dsp: DspId(1),
            imp: ImpIndex(0),
            imp_id: "1",
            response: Some("r1"),
            seat: Some("seat"),
            ad: None,
            bid: 40_000_000,
            currency: Currency::CNY,
        };
        COUNT.set(Some(0));
        let mut tidings = Tidings::new(AuctionId(1), 4);
        assert!(tidings.won(&bid, (url, url), (Slot(0), 35_000_000, Quantity::ONE, noon())));
        for _ in 0..3 {
            assert!(tidings.lost(&bid, url, 102));
        }
        let count = COUNT.take().unwrap();
        drop(tidings);
        count
    };
    assert_eq!(of_bids(Some("https://dsp.example/notice?price=${AUCTION_PRICE}")), 2);
    assert_eq!(of_bids(None), 0);
}
