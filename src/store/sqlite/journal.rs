//! The journal's thread: it owns this process's write connection, commits whatever is queued, and announces each lane once.
//!
//! A batch is all or nothing. What a failed batch leaves behind is nothing: every ticket is told so, and what the thread
//! knows about the file is read again before the next batch. So it is when another process has committed in between: a transaction begins by
//! taking the one write lock of the file, and only then asks whether what is known still holds.

mod batch;
mod clicks;
mod days;

pub(super) use days::{days, days_after, head_seq};

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use rusqlite::Connection;

use crate::clock::{Clock, ShanghaiDay};
use crate::event::{Click, LaneBoard, Posting, Recorded, StoreUnavailable, Tally, Ticket, Unrecorded};
use crate::ids::{Boot, NodeId};
use crate::store::sqlite::claim::pause;
use batch::{Batch, Done};
use days::Days;

/// The most messages of one commit: bounds how long the first of them waits for the last.
const BATCH: usize = 4_096;
/// How long this process leaves the file alone after a commit when another one commits too: longer than that one sleeps between two attempts,
/// so that they take turns.
const GAP: Duration = Duration::from_micros(1_500);

/// Called after each successful commit of postings: how long it took, and how many postings it made durable.
pub type OnCommit = Box<dyn Fn(Duration, usize) + Send>;

/// Figures of the journal since start; written by its thread, read by whoever asks.
#[derive(Debug, Default)]
pub struct JournalStats {
    /// Commits of postings or tallies.
    pub commits: AtomicU64,
    /// Postings in them.
    pub postings: AtomicU64,
    /// Batches that could not be committed.
    pub failures: AtomicU64,
    /// Submissions refused because the queue was full.
    pub refused: AtomicU64,
    /// Postings that would have taken more than their lease holds: always 0 while billing is right.
    pub beyond_lease: AtomicU64,
    /// Postings under live leases to days that are sealed: always 0 while no clock is set back by hours.
    pub sealed_days: AtomicU64,
    /// Messages waiting now.
    pub queued: AtomicU64,
    /// Clicks that wait for a commit now; as bounded as the queue.
    pub clicks_waiting: AtomicU64,
    /// How long the last commit took, in microseconds.
    pub last_commit_us: AtomicU64,
    /// How long all commits took, in microseconds.
    pub total_commit_us: AtomicU64,
    /// The last durable row of the journal.
    pub head_seq: AtomicU64,
}

/// What reaches the thread.
pub(super) enum Message {
    Post(Submission),
    Tally(Vec<Tally>),
    Click(Click),
    Call(Box<dyn FnOnce(&mut Writer) + Send>),
    Stop,
}

/// A queued posting. Dropped without an outcome, also when the thread ends in any way, it says `Closed`: no beacon waits for ever.
pub(super) struct Submission {
    pub(super) board: Arc<LaneBoard>,
    pub(super) ticket: Option<Ticket>,
    pub(super) posting: Posting,
}

impl Submission {
    /// Writes the outcome, once.
    pub(super) fn settle(&mut self, outcome: Result<Recorded, Unrecorded>) {
        if let Some(ticket) = self.ticket.take() {
            self.board.settle(ticket, outcome);
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.settle(Err(Unrecorded::Closed));
            self.board.announce();
        }
    }
}

/// The write connection and what its thread knows.
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// Who leases and counts; nobody, where only bookings are entered.
    node: Option<(NodeId, Boot)>,
    clock: Clock,
    stats: Arc<JournalStats>,
    on_commit: Option<OnCommit>,
    /// SQLite's mark of what other connections have committed, as it was when the rest was read.
    data_version: Option<i64>,
    /// When the last commit ended, if another process had committed before it.
    crowded: Option<tokio::time::Instant>,
    /// The seq of the next row; `None` when it must be read again.
    next_seq: Option<u64>,
    /// What is known of the days; `None` when it must be read again.
    days: Option<Days>,
    /// Set by a command that sealed a day or let one go.
    days_changed: Cell<bool>,
    /// Counts that are not durable yet; a failed commit keeps them. Bounded by deals × measures × days.
    tallies: BTreeMap<(ShanghaiDay, u32, u16), u64>,
    /// Clicks that are not durable yet; a failed commit keeps them. Bounded by the places for them.
    clicks: Vec<Click>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        node: Option<(NodeId, Boot)>,
        clock: Clock,
        stats: Arc<JournalStats>,
        on_commit: Option<OnCommit>,
    ) -> Self {
        let (tallies, clicks) = (BTreeMap::new(), Vec::new());
        let (days, days_changed) = (None, Cell::new(false));
        let (data_version, crowded, next_seq) = (None, None, None);
        Self {
            connection,
            node,
            clock,
            stats,
            on_commit,
            data_version,
            crowded,
            next_seq,
            days,
            days_changed,
            tallies,
            clicks,
        }
    }

    /// Which node this is, and its how manieth start.
    pub(super) fn node(&self) -> Result<(NodeId, Boot), StoreUnavailable> {
        self.node
            .ok_or_else(|| StoreUnavailable("it was opened for bookings only; a node leases and counts".to_owned()))
    }

    /// Serves until told to stop or until nobody can send any more; then commits what is left and empties the log.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut stopping = false;
        while !stopping {
            let Ok(mut message) = queue.recv() else { break };
            let (mut call, mut taken) = (None, 0);
            loop {
                self.stats.queued.fetch_sub(1, Ordering::Relaxed);
                taken += 1;
                match message {
                    Message::Post(submission) => batch.push(submission),
                    Message::Tally(rows) => self.add_tallies(&rows),
                    Message::Click(click) => self.clicks.push(click),
                    Message::Call(work) => call = Some(work),
                    // What was queued before is committed; what is queued behind is told `Closed` when the queue goes.
                    Message::Stop => stopping = true,
                }
                if call.is_some() || stopping || taken == BATCH {
                    break;
                }
                match queue.try_recv() {
                    Ok(next) => message = next,
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            self.commit(&mut batch);
            if let Some(work) = call {
                work(&mut self);
                self.roll_back();
            }
        }
        while !self.clicks.is_empty() && self.commit(&mut batch) {}
        // A failure here costs nothing: the next start reads the log. Nobody waits for it, neither this process nor others.
        let _ = self.connection.busy_timeout(Duration::ZERO);
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;");
    }

    /// Has what is known of the days read again before the next posting.
    pub(super) fn forget_days(&self) {
        self.days_changed.set(true);
    }

    /// Runs work in one transaction: all of it is durable, or nothing happened.
    pub(super) fn transaction<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction =
            rusqlite::Transaction::new_unchecked(&self.connection, rusqlite::TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn add_tallies(&mut self, rows: &[Tally]) {
        for row in rows {
            *self.tallies.entry((row.day, row.deal.0, row.measure.code())).or_default() += row.count;
        }
    }

    /// One commit for everything in the batch, then one announcement per lane; whether it is durable.
    fn commit(&mut self, batch: &mut Vec<Submission>) -> bool {
        if batch.is_empty() && self.tallies.is_empty() && self.clicks.is_empty() {
            return true;
        }
        self.give_way();
        let started = self.clock.instant();
        let outcomes = self.write(batch);
        let durable = outcomes.is_ok();
        let ended = self.clock.instant();
        let took = ended.saturating_duration_since(started);
        self.crowded = self.crowded.map(|_| ended);
        match outcomes {
            Ok(outcomes) => {
                self.count_commit(took, batch.len());
                for (submission, recorded) in batch.iter_mut().zip(outcomes) {
                    submission.settle(Ok(recorded));
                }
            }
            Err(error) => {
                tracing::error!(%error, postings = batch.len(), "the journal could not commit; every caller is told to retry");
                self.stats.failures.fetch_add(1, Ordering::Relaxed);
                self.roll_back();
                self.next_seq = None;
                self.days = None;
                batch.iter_mut().for_each(|submission| submission.settle(Err(Unrecorded::Failed)));
            }
        }
        let mut announced = HashSet::new();
        for submission in batch.drain(..) {
            if announced.insert(Arc::as_ptr(&submission.board)) {
                submission.board.announce();
            }
        }
        durable
    }

    /// Lets another process commit that wants to.
    fn give_way(&self) {
        let rest = self.crowded.map(|ended| GAP.saturating_sub(self.clock.instant().saturating_duration_since(ended)));
        if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
            pause(rest);
        }
    }

    /// Forgets what another process may have changed. Within a transaction that has the write lock: nobody changes it any more.
    fn look_around(&mut self) -> Result<(), StoreUnavailable> {
        let mut version = self.connection.prepare_cached("PRAGMA data_version")?;
        let version = version.query_row((), |row| row.get(0))?;
        let others = self.data_version.is_some_and(|known| known != version);
        if others || self.days_changed.take() {
            self.days = None;
        }
        if others {
            self.next_seq = None;
        }
        self.crowded = others.then(|| self.clock.instant());
        self.data_version = Some(version);
        Ok(())
    }

    fn count_commit(&self, took: Duration, postings: usize) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
        self.stats.postings.fetch_add(postings as u64, Ordering::Relaxed);
        self.stats.last_commit_us.store(micros, Ordering::Relaxed);
        self.stats.total_commit_us.fetch_add(micros, Ordering::Relaxed);
        if let Some(hook) = &self.on_commit {
            hook(took, postings);
        }
    }

    /// Ends a transaction that an error or a forgetful command left open.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Adds pending counts to this node's own.
    fn save_tallies(&self) -> Result<(), StoreUnavailable> {
        if self.tallies.is_empty() {
            return Ok(());
        }
        let (node, _) = self.node()?;
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?;
        for ((day, deal, measure), count) in &self.tallies {
            upsert.execute((day.0, deal, measure, node.0, count.cast_signed()))?;
        }
        Ok(())
    }

    /// Writes postings and pending tallies in one transaction.
    fn write(&mut self, batch: &[Submission]) -> Result<Vec<Recorded>, StoreUnavailable> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        self.look_around()?;
        let first = match self.next_seq {
            Some(next) => next,
            None => head_seq(&self.connection)? + 1,
        };
        let mut days = match self.days.take() {
            Some(known) => known,
            None => Days::load(&self.connection)?,
        };
        let mut work = Batch::new(&self.connection, first, &mut days);
        let outcomes = batch.iter().map(|it| work.record(&it.posting)).collect::<Result<Vec<_>, _>>()?;
        let Done { next_seq: next, beyond, sealed } = work.finish()?;
        self.save_tallies()?;
        let clicks = self.clicks.len().min(BATCH);
        clicks::save(&self.connection, &days, &self.clicks[..clicks])?;
        self.connection.execute_batch("COMMIT")?;
        self.days = Some(days);
        self.tallies.clear();
        self.clicks.drain(..clicks);
        self.stats.clicks_waiting.fetch_sub(clicks as u64, Ordering::AcqRel);
        self.next_seq = Some(next);
        self.stats.head_seq.store(next - 1, Ordering::Release);
        if beyond > 0 {
            tracing::error!(postings = beyond, "postings beyond their leases were refused: awards and leases disagree");
            self.stats.beyond_lease.fetch_add(beyond, Ordering::Relaxed);
        }
        if sealed > 0 {
            tracing::error!(postings = sealed, "postings to sealed days were refused: has a clock been set back?");
            self.stats.sealed_days.fetch_add(sealed, Ordering::Relaxed);
        }
        Ok(outcomes)
    }
}
