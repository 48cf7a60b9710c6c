//! The cold plane's housekeeping, on a thread of its own: leases, counts, the ledger.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::exchange::Exchange;
use crate::settlement::ledger;
use crate::store::SqliteStore;

/// How often leases are tended.
const BEAT: Duration = Duration::from_millis(200);
/// Counts are flushed and the ledger is derived every so many beats.
const BEATS_PER_FLUSH: u32 = 5;

/// The running housekeeper.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Tends the leases once, so that the first request finds money, and goes on from there.
    pub(super) fn start(exchange: Arc<Exchange>, store: Arc<SqliteStore>) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let duty = Duty { exchange, store };
        duty.tend();
        let thread = std::thread::Builder::new().name("pmpx-keeper".into()).spawn(move || duty.run(&stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Lets time pass while the node still serves.
    #[allow(clippy::unused_self, reason = "the keeper goes on while the caller waits")]
    pub(super) fn wait(&self, time: Duration) {
        let (_never, nothing) = sync_channel::<()>(0);
        let _ = nothing.recv_timeout(time);
    }

    /// Flushes what is counted, gives every lease back, derives the ledger to the journal's end.
    pub(super) fn stop(mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Duty {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
}

impl Duty {
    fn run(self, stopped: &Receiver<()>) {
        let mut beat = 0_u32;
        while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            beat = beat.wrapping_add(1);
            self.tend();
            if beat.is_multiple_of(BEATS_PER_FLUSH) {
                self.flush();
            }
        }
        self.flush();
        if let Err(error) = self.exchange.budgets.close(&*self.store) {
            tracing::error!(%error, "leases could not be given back; they return when their tokens are dead");
        }
    }

    fn tend(&self) {
        let now = self.exchange.clock.now();
        let needs = self.exchange.needs(now);
        if let Err(error) = self.exchange.budgets.tend(&needs, &*self.store, self.exchange.lives(), now) {
            tracing::error!(%error, "leases could not be renewed");
        }
    }

    fn flush(&self) {
        if let Err(error) = self.exchange.flush_counts() {
            tracing::warn!(%error, "counts wait for the next flush");
        }
        if let Err(error) = ledger::derive(&*self.store, self.exchange.clock.now()) {
            tracing::error!(%error, "the ledger does not follow the journal");
        }
    }
}
