//! The thread that submits what DSPs bid with and nobody has reviewed (R-REVIEW): only what this process heard. Where another process heard the
//! same, the docket takes it once.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::compliance::office::{Heard, Office, Refusal};
use crate::exchange::Exchange;
use crate::market::unreviewed::UnreviewedBid;
use crate::metrics::UnreviewedOutcome;
use crate::store::SqliteDocket;

/// How often it is looked whether the node ends.
const BEAT: Duration = Duration::from_millis(100);

/// The running intake.
pub(super) struct Intake {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Intake {
    pub(super) fn start(exchange: Arc<Exchange>, docket: Arc<SqliteDocket>) -> io::Result<Self> {
        let bids = exchange.unreviewed.open().ok_or_else(|| io::Error::other("bids are submitted already"))?;
        let (stop, stopped) = sync_channel(1);
        let mut desk = Submitting { exchange, docket, failed: false };
        let run = move || desk.run(&bids, &stopped);
        let thread = std::thread::Builder::new().name("pmpx-intake".into()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it after the bid that it is at. What waits comes again with its next bid.
    pub(super) fn stop(mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Submitting {
    exchange: Arc<Exchange>,
    docket: Arc<SqliteDocket>,
    /// Whether the last one failed: told once.
    failed: bool,
}

impl Submitting {
    fn run(&mut self, bids: &Receiver<Box<UnreviewedBid>>, stopped: &Receiver<()>) {
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            match bids.recv_timeout(BEAT) {
                Ok(bid) => self.submit(&bid),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn submit(&mut self, bid: &UnreviewedBid) {
        let market = self.exchange.market.load_full();
        let office = Office { docket: &*self.docket, market: &market, now: self.exchange.clock.now() };
        let heard = office.submit_bid(bid);
        let outcome = outcome(&heard);
        self.exchange.unreviewed.count(outcome);
        match heard {
            Ok(heard) => {
                self.failed = false;
                let dsp = market.dsps.get(bid.dsp).map_or("?", |dsp| dsp.wire.as_str());
                let account = market.buyers.get(bid.buyer).map_or("?", |buyer| buyer.account.as_str());
                match heard {
                    Heard::Known => {}
                    Heard::Submitted => tracing::info!(dsp, account, crid = bid.crid, "a bid's creative is in review"),
                    _ => {
                        let domains = bid.domains.join(" ");
                        let why = UnreviewedOutcome::ALL[outcome as usize].1;
                        tracing::info!(
                            dsp,
                            account,
                            crid = bid.crid,
                            domains,
                            why,
                            "a bid's creative is not in review"
                        );
                    }
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::error!(%error, "a bid's creative could not be submitted; it is tried again when it is bid with again");
                }
            }
        }
    }
}

const fn outcome(heard: &Result<Heard, Refusal>) -> UnreviewedOutcome {
    match heard {
        Ok(Heard::Submitted) => UnreviewedOutcome::Submitted,
        Ok(Heard::Known) => UnreviewedOutcome::Known,
        Ok(Heard::NotRegistered) => UnreviewedOutcome::NotRegistered,
        Ok(Heard::Incomplete) => UnreviewedOutcome::Incomplete,
        Ok(Heard::TooManyWaiting) => UnreviewedOutcome::TooManyWaiting,
        Err(_) => UnreviewedOutcome::Failed,
    }
}
