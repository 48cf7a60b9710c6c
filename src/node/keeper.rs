//! The cold plane's housekeeping, on a thread of its own: leases, counts, the ledger, and whether the store can be written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::archivist::Archivist;
use crate::event::Ledger;
use crate::exchange::Exchange;
use crate::settlement::day::make_good_of;
use crate::settlement::ledger;
use crate::store::SqliteStore;

/// How often leases are tended.
const BEAT: Duration = Duration::from_millis(200);
/// Counts are flushed and the ledger is derived every so many beats.
const BEATS_PER_FLUSH: u32 = 5;
/// A journal that has committed nothing for so many beats is asked whether it could.
const BEATS_PER_PROBE: u32 = 25;

/// The running housekeeper.
pub(super) struct Keeper {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
    duty: Arc<Duty>,
}

impl Keeper {
    /// Tends the leases once, so that the first request finds money, and goes on from there.
    pub(super) fn start(exchange: Arc<Exchange>, store: Arc<SqliteStore>) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let duty = Arc::new(Duty { exchange, store });
        duty.note_make_good();
        duty.tend();
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

/// What is to be kept.
pub(super) struct Duty {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
}

impl Duty {
    fn run(&self, stopped: &Receiver<()>) {
        let mut beat = 0_u32;
        let mut seen = self.journal();
        let mut archivist = Archivist::default();
        while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            beat = beat.wrapping_add(1);
            self.tend();
            if beat.is_multiple_of(BEATS_PER_FLUSH) {
                self.flush_counts();
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
            if self.exchange.metrics.health.is_writable() {
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

    fn tend(&self) {
        let now = self.exchange.clock.now();
        let needs = self.exchange.needs(now);
        if let Err(error) = self.exchange.budgets.tend(&needs, &*self.store, self.exchange.lives(), now) {
            tracing::error!(%error, "leases could not be renewed");
        }
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

    /// Derives the ledger to the journal's end.
    pub(super) fn derive_ledger(&self) {
        if let Err(error) = ledger::derive(&*self.store, self.exchange.clock.now()) {
            tracing::error!(%error, "the ledger does not follow the journal");
        }
    }
}
