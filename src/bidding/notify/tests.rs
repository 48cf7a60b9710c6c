//! Notices against receivers that are not friendly, and the model of what waits for the media's word.

mod calls;
mod macros;
mod model;
mod receiver;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::dial::{Lookup, system_lookup};
use super::{BidNotice, Notices, Notifier, Setup, Tidings, Times};
use crate::clock::{Chance, Clock, ShanghaiDay, UnixMillis};
use crate::event::{ChargeKey, KeptNotice, NoticeFilter, NoticeKind, Outbox};
use crate::ids::{AuctionId, DspId, ImpIndex, NodeId, Slot};
use crate::market::demand::{Dsp, Endpoint};
use crate::market::{ExchangeTerms, Market, Parts};
use crate::metrics::{Metrics, NoticeOutcome};
use crate::money::{Currency, Quantity};
use crate::store::MemoryStore;

/// Nothing takes longer; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn noon() -> UnixMillis {
    ShanghaiDay(20_000).starts_at().plus_ms(12 * 3_600_000)
}

/// Retries come at once, and won bids are written out only when that is the case's point.
fn quick() -> Times {
    let ms = Duration::from_millis;
    Times {
        tick: ms(2),
        visit: ms(2),
        hold: Duration::from_secs(3_600),
        again: ms(10),
        call: ms(500),
        look: ms(5),
        tidy: Duration::from_secs(3_600),
    }
}

fn dsp(id: u32, allow_internal: bool, suspended: bool) -> Dsp {
    Dsp {
        id: DspId(id),
        wire: format!("dsp-{id}"),
        name: String::new(),
        endpoint: Endpoint { tls: false, host: "127.0.0.1".to_owned(), port: 1, path: "/".to_owned() },
        transport: Arc::default(),
        allow_internal,
        approved: (ShanghaiDay(0), ShanghaiDay(40_000)),
        buyers: Vec::new(),
        queries_per_second: 1,
        most_in_flight: 1,
        timeout_ms: 1,
        currency: Currency::CNY,
        suspended,
    }
}

/// DSP 0 and 1 may be called on this machine, 2 may not, 3 is suspended.
fn market() -> Market {
    let terms = ExchangeTerms::plain();
    let dsps = vec![dsp(0, true, false), dsp(1, true, false), dsp(2, false, false), dsp(3, true, true)];
    Market::assemble(1, noon(), [0; 32], terms, Parts { dsps, ..Parts::default() })
}

/// A sender under test with a store that outlives it.
struct Bench {
    store: MemoryStore,
    metrics: Arc<Metrics>,
    notices: Notices,
    notifier: Option<Notifier>,
    times: Times,
    lookup: Lookup,
}

impl Bench {
    fn start() -> Self {
        Self::with(quick(), system_lookup)
    }

    fn with(times: Times, lookup: Lookup) -> Self {
        let metrics = Arc::new(Metrics::new(vec![], vec![], vec![], vec![]));
        let notices = Notices::new(metrics.clone());
        let mut bench = Self { store: MemoryStore::new(), metrics, notices, notifier: None, times, lookup };
        bench.begin();
        bench
    }

    fn begin(&mut self) {
        let market = Arc::new(market());
        let setup = Setup {
            node: NodeId(0),
            clock: Clock::following(noon()),
            chance: Chance::seeded(1),
            market: Box::new(move || market.clone()),
            outbox: Arc::new(self.store.clone()),
            times: self.times,
        };
        self.notifier = Some(Notifier::start_with(&self.notices, setup, self.lookup).unwrap());
    }

    /// Ends it as a drain does.
    fn stop(&mut self) {
        self.notifier.take().unwrap().stop(Duration::from_secs(2));
    }

    /// Ends it, and starts another one on the same store.
    fn restart(&mut self) {
        self.stop();
        self.notices = Notices::new(self.metrics.clone());
        self.begin();
    }

    /// An auction that the DSP won with these URLs.
    fn won(&self, number: u32, dsp: u32, win: Option<&str>, bill: Option<&str>) -> ChargeKey {
        let key = key(number);
        let mut tidings = Tidings::new(key.auction, 1);
        let won = (key.slot, 35_100_000, Quantity::ONE, noon().plus_ms(600_000));
        assert!(tidings.won(&bid(dsp), (win, bill), won));
        self.notices.decided(tidings);
        key
    }

    /// An auction that the DSP lost.
    fn lost(&self, number: u32, dsp: u32, url: &str) {
        let mut tidings = Tidings::new(key(number).auction, 1);
        assert!(tidings.lost(&bid(dsp), Some(url), 102));
        self.notices.decided(tidings);
    }

    fn posted(&self, key: ChargeKey) {
        self.notices.posted(key, DspId(0), noon());
    }

    fn kept(&self) -> Vec<KeptNotice> {
        self.store.notices(NoticeFilter::default(), u64::MAX, 1_000).unwrap()
    }

    fn counted(&self, dsp: u32, kind: NoticeKind, outcome: NoticeOutcome) -> u64 {
        self.metrics.dsps.get(DspId(dsp)).unwrap().notices[usize::from(kind.code()) - 1][outcome as usize].get()
    }

    fn until(&self, what: &str, done: impl Fn() -> bool) {
        until(what, done);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(notifier) = self.notifier.take() {
            notifier.stop(Duration::ZERO);
        }
    }
}

/// Waits for something that happens on another thread.
#[allow(clippy::disallowed_methods, reason = "a test waits for another thread, whatever the clock under test says")]
fn until(what: &str, done: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn key(number: u32) -> ChargeKey {
    let auction = AuctionId((u128::from(noon().0) << 80) | u128::from(number));
    ChargeKey { auction, imp: ImpIndex(0), slot: Slot(0) }
}

fn bid(dsp: u32) -> BidNotice<'static> {
    BidNotice {
        dsp: DspId(dsp),
        imp: ImpIndex(0),
        imp_id: "imp-1",
        response: Some("r1"),
        seat: Some("seat"),
        ad: None,
        bid: 40_000_000,
        currency: Currency::CNY,
    }
}

/// A resolver that leads every name to this machine.
#[allow(clippy::needless_pass_by_value, reason = "as every look-up")]
fn loopback(_: String, port: u16) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>>>> {
    Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) })
}
