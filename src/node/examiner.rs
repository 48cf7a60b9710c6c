//! The thread that does what reviews have due: the checks of what was submitted, expiry of documents and display periods, the day's draw of spot
//! checks. Only the process that leads does it, a bounded number at a time, from what the docket says: nothing is lost when it ends, and a submission
//! waits for none of it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::{Chance, ShanghaiDay};
use crate::compliance::creative::Record;
use crate::compliance::examine::Rooms;
use crate::compliance::office::{Office, Refusal};
use crate::event::{KeptStep, Ledger};
use crate::exchange::Exchange;
use crate::store::{SqliteDocket, SqliteStore};

use super::files::Orders;

/// How often it is looked whether something is due.
const BEAT: Duration = Duration::from_millis(250);
/// Creatives that one beat examines: each takes its checks' time, and the end waits for the beat.
const CREATIVES: u32 = 8;
/// Documents that one beat looks at.
const DOCUMENTS: u32 = 64;

/// How often it is looked whose accounts are used.
const HOUR_MS: u64 = 3_600_000;

/// The running examiner.
pub(super) struct Examiner {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Examiner {
    pub(super) fn start(
        exchange: Arc<Exchange>,
        store: Arc<SqliteStore>,
        docket: Arc<SqliteDocket>,
        files: Arc<Orders>,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let mut round = Round {
            exchange,
            store,
            docket,
            files,
            chance: Chance::unpredictable(),
            rooms: None,
            drawn: None,
            accounts: None,
            failed: false,
        };
        let run = move || round.run(&stopped);
        let thread = std::thread::Builder::new().name("pmpx-examiner".into()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it after the beat that it is in.
    pub(super) fn stop(mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Round {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    docket: Arc<SqliteDocket>,
    /// Where files that markup names are asked for.
    files: Arc<Orders>,
    chance: Chance,
    /// The rooms, made ready for a market's generation and a day.
    rooms: Option<(u64, ShanghaiDay, Rooms)>,
    /// The day whose spot checks are drawn.
    drawn: Option<ShanghaiDay>,
    /// When accounts were last looked at, and in which generation.
    accounts: Option<(u64, u64)>,
    /// Whether the last beat failed: told once.
    failed: bool,
}

impl Round {
    fn run(&mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            if !self.store.leads() {
                continue;
            }
            // What is due beyond a beat's share is done in the next one.
            match self.beat() {
                Ok(()) => self.failed = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.failed, true) {
                        tracing::error!(%error, "reviews that are due could not be done; they are tried again");
                    }
                }
            }
        }
    }

    fn beat(&mut self) -> Result<(), Refusal> {
        let market = self.exchange.market.load_full();
        let office = Office { docket: &*self.docket, market: &market, now: self.exchange.clock.now() };
        let day = office.now.shanghai_day();
        if self.rooms.as_ref().is_none_or(|(generation, of, _)| (*generation, *of) != (market.generation, day)) {
            // Words that cannot be used are refused where the config is read.
            let rooms = Rooms::of(&market, day).map_err(|error| Refusal::Malformed(error.to_string()))?;
            self.rooms = Some((market.generation, day, rooms));
        }
        let Some((_, _, rooms)) = &self.rooms else { return Ok(()) };
        let files = |kept: &KeptStep, state, record: &Record| {
            self.files.tend((&market, rooms, office.now), (kept, state, record))
        };
        let examined = office.tend_creatives(CREATIVES, &[&|record, office| rooms.check(record, office)], &files)?;
        for refusal in &examined.unread {
            tracing::error!(%refusal, "a creative that is due could not be judged");
        }
        if examined.pending + examined.rejected + examined.expired > 0 {
            let (pending, rejected, expired) = (examined.pending, examined.rejected, examined.expired);
            tracing::info!(pending, rejected, expired, "creatives were examined");
        }
        let tended = office.tend_documents(DOCUMENTS)?;
        for refusal in &tended.unread {
            tracing::error!(%refusal, "a document that is due could not be judged");
        }
        if tended.expired + tended.told > 0 {
            tracing::info!(expired = tended.expired, told = tended.told, "documents end");
        }
        let hour = (office.now.0 / HOUR_MS, market.generation);
        if self.accounts != Some(hour) {
            // R-IDLE. What was delivered late in an hour is in the books by the next one.
            let before = ShanghaiDay(day.0.saturating_sub(1));
            let sums = self.store.snapshot()?.day_sums(before, day, None)?;
            office.tend_accounts(&sums.iter().map(|sum| sum.key.buyer).collect())?;
            self.accounts = Some(hour);
        }
        let today = office.now.shanghai_day();
        if self.drawn != Some(today) {
            let chance = &mut self.chance;
            let seed = || u64::from(chance.below(u32::MAX)) << 32 | u64::from(chance.below(u32::MAX));
            if let Some(draw) = office.draw(seed)? {
                tracing::info!(approved = draw.approved, drawn = draw.drawn, "spot checks were drawn");
            }
            self.drawn = Some(today);
        }
        Ok(())
    }
}
