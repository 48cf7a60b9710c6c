//! The thread that submits what DSPs bid with and nobody has reviewed (R-REVIEW): only what this process heard. Where another process heard the
//! same, the docket takes it once. It also reserves what serve-first deals may win here before review.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::compliance::office::{By, Heard, Office, Refusal};
use crate::exchange::Exchange;
use crate::ids::DealId;
use crate::market::unreviewed::UnreviewedBid;
use crate::metrics::UnreviewedOutcome;
use crate::store::SqliteDocket;

/// How often it is looked whether the node ends, and whether a share is running out.
const BEAT: Duration = Duration::from_millis(100);
/// After how long a share that is used up, or could not be read, is asked for again, ms: another process may have given some back.
const AGAIN_MS: u64 = 60_000;

/// The running intake.
pub(super) struct Intake {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Intake {
    pub(super) fn start(exchange: Arc<Exchange>, docket: Arc<SqliteDocket>) -> io::Result<Self> {
        let bids = exchange.unreviewed.open().ok_or_else(|| io::Error::other("bids are submitted already"))?;
        let (stop, stopped) = sync_channel(1);
        let mut desk = Submitting { exchange, docket, failed: false, used_up: HashMap::new() };
        desk.reserve();
        let run = move || desk.run(&bids, &stopped);
        let thread = std::thread::Builder::new().name("pmpx-intake".into()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it after the bid that it is at, and gives back what was reserved and not won. What waits comes again with its next bid.
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
    /// Deals whose share is reserved whole, each by the day and the share, and when it is asked for again.
    used_up: HashMap<DealId, (ShanghaiDay, u32, UnixMillis)>,
}

impl Submitting {
    fn run(&mut self, bids: &Receiver<Box<UnreviewedBid>>, stopped: &Receiver<()>) {
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            match bids.recv_timeout(BEAT) {
                Ok(bid) => self.submit(&bid),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.reserve();
        }
        self.give_back();
    }

    /// Reserves the next part of each serve-first deal's share of today, before what this process has is used up.
    fn reserve(&mut self) {
        let market = self.exchange.market.load_full();
        let office = Office { docket: &*self.docket, market: &market, now: self.exchange.clock.now() };
        let today = office.now.shanghai_day();
        for deal in market.deals.iter().filter(|deal| deal.unreviewed_a_day.is_some() && deal.runs_on(today)) {
            let share = deal.unreviewed_a_day.unwrap_or(0);
            let part = Office::part_of(share);
            let enough = self.exchange.allowances.left(deal.id, today) >= part.div_ceil(2);
            let used_up = |(day, of, again): &(ShanghaiDay, u32, UnixMillis)| {
                (*day, *of) == (today, share) && office.now < *again
            };
            if enough || self.used_up.get(&deal.id).is_some_and(used_up) {
                continue;
            }
            match office.reserve(deal, today, part, &By::exchange("impressions before review")) {
                Ok(0) => drop(self.used_up.insert(deal.id, (today, share, office.now.plus_ms(AGAIN_MS)))),
                Ok(granted) => self.exchange.allowances.add(deal.id, today, granted),
                Err(error) => {
                    self.used_up.insert(deal.id, (today, share, office.now.plus_ms(AGAIN_MS)));
                    tracing::error!(%error, deal = deal.wire, "nothing can be reserved of what it may win before review");
                }
            }
        }
    }

    fn give_back(&self) {
        let market = self.exchange.market.load_full();
        let office = Office { docket: &*self.docket, market: &market, now: self.exchange.clock.now() };
        for (id, day, left) in self.exchange.allowances.close() {
            let Some(deal) = market.deals.get(id) else { continue };
            if let Err(error) = office.give_back(deal, day, left, &By::exchange("not won before the end")) {
                tracing::warn!(%error, deal = deal.wire, "what was reserved before review stays reserved for the day");
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
