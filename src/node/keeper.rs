//! The cold plane's housekeeping, on a thread of its own: leases, counts, the ledger, and whether the store can be written.
//!
//! Each process tends its own leases, writes its own counts, and sees what the others did. What concerns the data folder as a whole, the
//! ledger and the days that are over, is done by the one that leads (`SqliteStore::leads`).

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::archivist::Archivist;
use crate::clock::{Clock, ShanghaiDay, UnixMillis};
use crate::control::publish::Publisher;
use crate::event::{BookError, Leases, Ledger};
use crate::exchange::Exchange;
use crate::ids::BuyerId;
use crate::settlement::day::make_good_of;
use crate::settlement::ledger;
use crate::settlement::office::accounts::{close_ended, ended_uses};
use crate::settlement::office::facts_of;
use crate::store::SqliteStore;

/// How often leases are tended.
const BEAT: Duration = Duration::from_millis(200);
/// Counts are flushed and the ledger is derived every so many beats.
const BEATS_PER_FLUSH: u32 = 5;
/// Grants that are over are voided, and accounts whose time is over closed, every so many beats: once a minute, and at the start.
const BEATS_PER_EXPIRY: u32 = 300;
/// A journal that has committed nothing for so many beats is asked whether it could.
const BEATS_PER_PROBE: u32 = 25;

/// By how much a wall clock may fall behind a steady one between two beats before leases are taken anew, ms.
const SET_BACK_MS: u64 = 1_000;

/// The running housekeeper.
pub(super) struct Keeper {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
    duty: Arc<Duty>,
}

impl Keeper {
    /// Tends the leases once, so that the first request finds money, and goes on from there.
    pub(super) fn start(
        exchange: Arc<Exchange>,
        store: Arc<SqliteStore>,
        publisher: Arc<Publisher>,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let duty = Arc::new(Duty { exchange, store, publisher, ended: Mutex::default() });
        duty.note_ended();
        duty.count_elsewhere();
        duty.note_make_good();
        duty.tend(duty.exchange.clock.now());
        let running = duty.clone();
        let thread = std::thread::Builder::new().name("pmpx-keeper".into()).spawn(move || running.run(&stopped))?;
        Ok(Self { stop, thread: Some(thread), duty })
    }

    /// What is kept, for the end.
    pub(super) fn duty(&self) -> Arc<Duty> {
        self.duty.clone()
    }

    /// Ends the housekeeping after the beat that it is in.
    pub(super) fn stop(mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where the clock's hands were. A clock that is set back gives each lease a window that is longer than was granted.
struct Hands {
    wall: UnixMillis,
    /// Goes on whatever becomes of the wall clock.
    steady: tokio::time::Instant,
}

impl Hands {
    fn of(clock: &Clock) -> Self {
        Self { wall: clock.now(), steady: clock.instant() }
    }

    /// Whether the wall clock was set back since the last look.
    fn were_set_back(&mut self, clock: &Clock) -> bool {
        let before = std::mem::replace(self, Self::of(clock));
        let passed = self.steady.saturating_duration_since(before.steady);
        let passed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        // A clock that stands still is a test's.
        self.wall != before.wall && self.wall.plus_ms(SET_BACK_MS) < before.wall.plus_ms(passed)
    }
}

/// What is to be kept.
pub(super) struct Duty {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    publisher: Arc<Publisher>,
    ended: Mutex<Ended>,
}

/// The buyers whose time of use is over.
#[derive(Default)]
struct Ended {
    /// Of which day, record and generation that was read.
    read: (ShanghaiDay, u64, u64),
    /// Each with its last day.
    buyers: Vec<(BuyerId, ShanghaiDay)>,
}

impl Duty {
    fn run(&self, stopped: &Receiver<()>) {
        let mut beat = 0_u32;
        let mut hands = Hands::of(&self.exchange.clock);
        let mut seen = self.journal();
        let mut archivist = Archivist::default();
        while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            beat = beat.wrapping_add(1);
            let now = self.exchange.clock.now();
            self.follow();
            if hands.were_set_back(&self.exchange.clock) {
                tracing::warn!("the clock was set back: all leases are given back and taken anew");
                self.close_leases();
            }
            self.tend(now);
            if beat % BEATS_PER_EXPIRY == 1 {
                self.end_uses();
            }
            if beat.is_multiple_of(BEATS_PER_FLUSH) {
                self.flush_counts();
                self.count_elsewhere();
                self.note_make_good();
                self.derive_ledger();
            }
            let now = self.journal();
            let failed = now.1 > seen.1;
            if failed {
                self.store_writes(false);
            } else if now.0 > seen.0 {
                self.store_writes(true);
            } else if beat.is_multiple_of(BEATS_PER_PROBE) || !self.exchange.metrics.health.is_writable() {
                self.confirm();
            }
            seen = now;
            if self.exchange.metrics.health.is_writable() && self.store.leads() {
                archivist.beat(&self.exchange, &*self.store);
            }
        }
    }

    /// Commits and failures of the journal so far.
    fn journal(&self) -> (u64, u64) {
        let stats = self.store.stats();
        (stats.commits.load(Ordering::Relaxed), stats.failures.load(Ordering::Relaxed))
    }

    fn store_writes(&self, writes: bool) {
        if self.exchange.metrics.health.store_writes(writes) {
            match writes {
                true => tracing::info!("the store can be written again"),
                false => tracing::error!("the store cannot be written; the node is not ready"),
            }
        }
    }

    /// Makes everything that was queued durable, and notes whether that is possible.
    pub(super) fn confirm(&self) {
        let confirmed = self.store.confirm();
        if let Err(error) = &confirmed {
            tracing::error!(%error, "the store could not be written");
        }
        self.store_writes(confirmed.is_ok());
    }

    /// Sets aside and leases what is needed at `now`. Orders are followed after that moment and before this: what a day's commitment is made by was
    /// entered before its day began, and is known here.
    fn tend(&self, now: UnixMillis) {
        let mut needs = self.exchange.needs(now);
        let ended = self.ended();
        for need in &mut needs {
            need.ended |= ended.buyers.iter().any(|(buyer, _)| *buyer == need.buyer);
        }
        drop(ended);
        if let Err(error) = self.exchange.budgets.tend(&needs, &*self.store, self.exchange.lives(), now) {
            tracing::error!(%error, "leases could not be renewed");
        }
    }

    /// Voids what is left of grants that are over, and closes the accounts of buyers whose time of use is (R-BALANCE, R-TERM). What could not be
    /// done now is tried again.
    fn end_uses(&self) {
        self.note_ended();
        let (now, market) = (self.exchange.clock.now(), self.exchange.market.load_full());
        let ended = self.ended().buyers.clone();
        match self.store.expire(&ended, now) {
            Ok(0) => {}
            Ok(grants) => tracing::info!(grants, "what was left of grants is void"),
            Err(error) => tracing::error!(%error, "grants that are over could not be voided"),
        }
        if !self.store.leads() {
            return;
        }
        match close_ended(&ended, &market, &*self.store, now) {
            Ok(0) => {}
            Ok(buyers) => tracing::info!(buyers, "accounts are closed: their time of use is over"),
            Err(error) => tracing::error!(%error, "accounts whose time of use is over could not be closed"),
        }
    }

    /// Sees whose time of use is over; what was entered is read again only when there is more of it, or another day or market.
    fn note_ended(&self) {
        let (today, market) = (self.exchange.clock.now().shanghai_day(), self.exchange.market.load_full());
        let read = self.store.pulse().and_then(|pulse| {
            let read = (today, pulse.facts, market.generation);
            if self.ended().read == read {
                return Ok(());
            }
            let facts = facts_of(&*self.store.snapshot()?)?;
            *self.ended() = Ended { read, buyers: ended_uses(&facts, &market, today) };
            Ok(())
        });
        if let Err(error) = read {
            tracing::warn!(%error, "whose time of use is over could not be read");
        }
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives every lease back, so that what was not spent can be leased again at once.
    pub(super) fn close_leases(&self) {
        if let Err(error) = self.exchange.budgets.close(&*self.store) {
            tracing::error!(%error, "leases could not be given back; they return when their tokens are dead");
        }
    }

    /// Hands the counts to the journal.
    pub(super) fn flush_counts(&self) {
        if let Err(error) = self.exchange.flush_counts() {
            tracing::warn!(%error, "counts wait for the next flush");
        }
    }

    /// Tells the hot plane what is made good today (R-MAKEGOOD).
    fn note_make_good(&self) {
        let today = self.exchange.clock.now().shanghai_day();
        let volumes = self.store.snapshot().map_err(Into::into).and_then(|books| make_good_of(&*books, today));
        match volumes {
            Ok(volumes) => volumes.iter().for_each(|(deal, volume)| self.exchange.make_good.set(*deal, today, *volume)),
            Err(error) => tracing::warn!(%error, "what is to be made good today could not be read"),
        }
    }

    /// Sees how far other nodes are with what guaranteed deals are promised.
    fn count_elsewhere(&self) {
        let now = self.exchange.clock.now();
        let counted = self.store.has_company().and_then(|company| {
            self.exchange.budgets.share(company);
            let deals = if company { self.exchange.paced_deals(now) } else { Vec::new() };
            self.store.counts_elsewhere(now.shanghai_day(), &deals, &Exchange::PACED)
        });
        match counted {
            Ok(counts) => self.exchange.count_elsewhere(&counts, now),
            Err(error) => tracing::warn!(%error, "what other nodes have offered could not be read"),
        }
    }

    /// Takes over what was suspended and resumed, and what was entered about orders, at another process or command.
    fn follow(&self) {
        let pulse = match self.store.pulse() {
            Ok(pulse) => pulse,
            Err(error) => return tracing::warn!(%error, "what other processes have done could not be read"),
        };
        if let Err(error) = self.publisher.follow_switches(pulse.switches) {
            tracing::warn!(%error, "kill switches of other processes could not be read");
        }
        // The publisher says what is wrong.
        let _ = self.publisher.follow_orders(pulse.facts);
    }

    /// Derives the ledger to the journal's end, unless another process does.
    pub(super) fn derive_ledger(&self) {
        if !self.store.leads() {
            return;
        }
        match ledger::derive(&*self.store, self.exchange.clock.now()) {
            // Whoever led before was still at it.
            Ok(_) | Err(BookError::NotNext { .. }) => {}
            Err(error) => tracing::error!(%error, "the ledger does not follow the journal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_noticed_and_one_that_stands_or_goes_on_is_not() {
        let clock = Clock::manual(UnixMillis(1_795_312_800_000));
        let mut hands = Hands::of(&clock);
        let mut look_at = |change: i64| {
            clock.set(UnixMillis(clock.now().0.saturating_add_signed(change)));
            hands.were_set_back(&clock)
        };
        assert_eq!(
            [0, 1, 3_600_000, -900, -1_001, 0, -3_600_000].map(&mut look_at),
            [false, false, false, false, true, false, true]
        );
    }
}
