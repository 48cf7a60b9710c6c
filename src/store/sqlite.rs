//! The durable store: one data folder with one SQLite file, in each process one thread that writes, read-only connections beside it.
//!
//! WAL with `synchronous = FULL`: a commit has reached the disk when it returns. Several processes may write, each as a node of its own
//! number or to enter bookings only; any number may read ([`SqliteReader`]).

mod archive;
mod backup;
mod claim;
mod closings;
mod docket;
mod elsewhere;
mod facts;
mod journal;
mod leases;
mod ledger;
mod operations;
mod outbox;
mod reader;
mod schema;
mod sums;
mod vault;

pub use backup::{BackupError, BackupFile, Manifest, Restoring, backup};
pub use claim::node_is_away;
pub use docket::SqliteDocket;
pub use elsewhere::Pulse;
pub use journal::{JournalStats, OnCommit};
pub use reader::SqliteReader;
pub use schema::OpenError;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use claim::{Claim, Lead};
use journal::{Message, Submission, Writer};

use super::Registry;
use crate::clock::{Clock, ShanghaiDay, UnixMillis};
use crate::event::{
    BookError, Booking, Books, Click, DayCommitment, Entered, Journal, LaneBoard, Lease, LeaseRequest, Leases, Ledger,
    Posting, Receipt, StoreUnavailable, Tally, Transaction, Unrecorded,
};
use crate::ids::{Boot, BuyerId, IdKind, Lane, LeaseId, NodeId};
use crate::money::MicroYuan;

/// How to open a store.
pub struct Options {
    /// The data folder; made with mode 0700 when it is not there.
    pub folder: PathBuf,
    /// This node.
    pub node: NodeId,
    /// How many messages may wait for the journal's thread; 65,536 unless set.
    pub queue: usize,
    /// For measured durations only.
    pub clock: Clock,
    /// Told of each commit, on the journal's thread: keep it short.
    pub on_commit: Option<OnCommit>,
}

impl Options {
    /// The usual options for a folder and node.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, node: NodeId) -> Self {
        Self { folder: folder.into(), node, queue: 65_536, clock: Clock::system(), on_commit: None }
    }
}

/// The durable store of one process. Dropping it closes it.
pub struct SqliteStore {
    folder: PathBuf,
    /// `None`: for bookings only.
    node: Option<(NodeId, Boot)>,
    queue: SyncSender<Message>,
    /// Receipts in flight per lane: made on a lane's first posting.
    boards: Box<[OnceLock<Arc<LaneBoard>>]>,
    /// How many messages may wait.
    bound: u64,
    stats: Arc<JournalStats>,
    lead: Mutex<Lead>,
    /// For short looks at what other processes did.
    glances: Mutex<Option<rusqlite::Connection>>,
    thread: Mutex<Option<(JoinHandle<()>, Claim)>>,
}

impl SqliteStore {
    /// Opens the data folder for writing, brings its schema up to date, and starts this node once more. Other processes may serve from it
    /// under other numbers.
    ///
    /// # Errors
    /// [`OpenError`]; the file is not changed.
    pub fn open(options: Options, now: UnixMillis) -> Result<Self, OpenError> {
        let claim = Claim::as_node(&options.folder, options.node, now)?;
        let node = options.node;
        Self::start(options, claim, |connection| Ok(leases::boot(connection, node)?.map(|boot| Some((node, boot)))))
    }

    /// Opens the data folder to enter bookings and operators' records, whether or not nodes serve from it: [`Ledger`] and
    /// [`Operations`](crate::event::Operations). It is no node: it starts none, leases nothing, and takes no posting, count or click.
    ///
    /// # Errors
    /// [`OpenError`], also when no exchange has been started on the folder yet; the file is not changed.
    pub fn open_for_entry(folder: impl Into<PathBuf>, now: UnixMillis) -> Result<Self, OpenError> {
        // Nothing is ever submitted as this node.
        let options = Options { queue: 64, ..Options::new(folder, NodeId::default()) };
        let claim = Claim::as_visitor(&options.folder, now)?;
        Self::start(options, claim, |_| Ok(Some(None)))
    }

    /// Starts the thread that writes. `register` says as which node; not at all when its starts are used up.
    fn start(
        options: Options,
        claim: Claim,
        register: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<Option<Option<(NodeId, Boot)>>>,
    ) -> Result<Self, OpenError> {
        let Options { folder, node, queue, clock, on_commit } = options;
        let file = schema::file_in(&folder);
        let mut connection = schema::open_beside_others(&folder)?;
        let started = (|| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let node = register(&transaction)?;
            transaction.commit()?;
            Ok(node)
        })();
        let node = started.map_err(|error| OpenError::database(&file, error))?.ok_or(OpenError::Boots(node.0))?;
        let stats = Arc::new(JournalStats::default());
        let head =
            journal::head_seq(&connection).map_err(|why| OpenError::NotOurs { path: file, why: why.to_string() })?;
        stats.head_seq.store(head, Ordering::Release);
        let (sender, receiver) = sync_channel(queue.max(1));
        let writer = Writer::new(connection, node, clock, stats.clone(), on_commit);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|source| OpenError::Folder { path: folder.clone(), source })?;
        let boards = (0..=usize::from(u8::MAX)).map(|_| OnceLock::new()).collect();
        let bound = queue.max(1) as u64;
        let (thread, lead, glances) = (Mutex::new(Some((thread, claim))), Mutex::default(), Mutex::default());
        Ok(Self { folder, node, queue: sender, boards, bound, stats, lead, glances, thread })
    }

    /// How many times this node has started: part of its auction ids. 0 where only bookings are entered.
    #[must_use]
    pub fn boot(&self) -> Boot {
        self.node.map_or_else(Boot::default, |(_, boot)| boot)
    }

    /// Whether this process does what one of a data folder's processes does for all: from now on, if none does it. It leads until it is
    /// closed or ends, however it ends; then another one that asks does.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.node.is_some() && self.lead.lock().unwrap_or_else(PoisonError::into_inner).take(&self.folder)
    }

    /// The journal's figures.
    #[must_use]
    pub fn stats(&self) -> &Arc<JournalStats> {
        &self.stats
    }

    /// The last durable row of the journal, as far as this process has seen it.
    #[must_use]
    pub fn head_seq(&self) -> u64 {
        self.stats.head_seq.load(Ordering::Acquire)
    }

    /// Writes and commits behind everything that was queued before: when it returns, all of that is durable, or every caller
    /// was told that it is not. Also tells whether the store can be written at all.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when nothing can be written.
    pub fn confirm(&self) -> Result<(), StoreUnavailable> {
        self.call(|connection, writer| {
            let (node, _) = writer.node()?;
            connection.execute("UPDATE node SET boot = boot WHERE node = ?1", [node.0])?;
            Ok(())
        })
    }

    /// Commits what is queued, empties the log, and gives the folder free. Later submissions get `Closed`. Blocks until done.
    pub fn close(&self) {
        let running = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((thread, claim)) = running {
            self.stats.queued.fetch_add(1, Ordering::Relaxed);
            let _ = self.queue.send(Message::Stop);
            let _ = thread.join();
            self.lead.lock().unwrap_or_else(PoisonError::into_inner).end();
            self.glances.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(claim);
        }
    }

    /// The file as it is now.
    fn reader(&self) -> Result<SqliteReader, StoreUnavailable> {
        SqliteReader::open(&self.folder).map_err(|error| StoreUnavailable(error.to_string()))
    }

    fn board(&self, lane: Lane) -> &Arc<LaneBoard> {
        self.boards[usize::from(lane.0)].get_or_init(|| Arc::new(LaneBoard::new(self.bound as usize * 2)))
    }

    /// Takes a place in the queue. Before a ticket is issued: a ticket that is only refused would use up a place on the lane's
    /// board, and under overload push out outcomes that were not read yet.
    fn reserve(&self) -> Result<(), Unrecorded> {
        if self.node.is_none() {
            return Err(Unrecorded::Closed);
        }
        let place = |queued| (queued < self.bound).then_some(queued + 1);
        if self.stats.queued.fetch_update(Ordering::AcqRel, Ordering::Relaxed, place).is_err() {
            self.stats.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Unrecorded::Full);
        }
        Ok(())
    }

    /// Sends into a reserved place; a command that came between may still have taken it.
    fn send(&self, message: Message) -> Result<(), Unrecorded> {
        let (refused, why) = match self.queue.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(refused)) => (refused, Unrecorded::Full),
            Err(TrySendError::Disconnected(refused)) => (refused, Unrecorded::Closed),
        };
        self.release();
        if let Message::Post(mut submission) = refused {
            submission.settle(Err(why));
        }
        Err(why)
    }

    fn release(&self) {
        self.stats.queued.fetch_sub(1, Ordering::AcqRel);
        self.stats.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs work on the journal's thread, in a transaction of its own between two batches, and waits for it. Everything that
    /// was queued before is committed first.
    fn call<T, E>(
        &self,
        work: impl FnOnce(&rusqlite::Connection, &Writer) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + From<StoreUnavailable> + Send + 'static,
    {
        let (reply, answer) = sync_channel(1);
        let ended = || E::from(StoreUnavailable("the journal has ended".to_owned()));
        let run = move |writer: &mut Writer| {
            // The caller waits for the answer; that it went away changes nothing.
            let _ = reply.send(writer.transaction(|connection| work(connection, writer)));
        };
        self.stats.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.send(Message::Call(Box::new(run))).is_err() {
            self.stats.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(ended());
        }
        answer.recv().unwrap_or_else(|_| Err(ended()))
    }

    /// For tests: work on the write connection, in a transaction of its own.
    #[cfg(test)]
    pub(crate) fn raw<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreUnavailable> + Send + 'static,
    ) -> Result<T, StoreUnavailable> {
        self.call(|connection, _| work(connection))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl From<rusqlite::Error> for StoreUnavailable {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rusqlite::Error> for BookError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Journal for SqliteStore {
    fn submit(&self, lane: Lane, posting: Posting) -> Result<Receipt, Unrecorded> {
        self.reserve()?;
        let board = self.board(lane);
        let Some(ticket) = board.issue() else {
            self.release();
            return Err(Unrecorded::Full);
        };
        self.send(Message::Post(Submission { board: board.clone(), ticket: Some(ticket), posting }))?;
        Ok(Receipt::pending(board.clone(), ticket))
    }

    fn tally(&self, rows: Vec<Tally>) -> Result<(), Unrecorded> {
        self.reserve()?;
        self.send(Message::Tally(rows))
    }

    fn click(&self, click: Click) -> Result<(), Unrecorded> {
        let room = |waiting| (waiting < self.bound).then_some(waiting + 1);
        if self.stats.clicks_waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, room).is_err() {
            self.stats.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Unrecorded::Full);
        }
        let sent = self.reserve().and_then(|()| self.send(Message::Click(click)));
        if sent.is_err() {
            self.stats.clicks_waiting.fetch_sub(1, Ordering::AcqRel);
        }
        sent
    }
}

impl Leases for SqliteStore {
    fn grant(&self, request: LeaseRequest) -> Result<Option<Lease>, StoreUnavailable> {
        self.call(move |connection, writer| {
            let (node, boot) = writer.node()?;
            leases::grant(connection, node, boot, &request)
        })
    }

    fn retire(&self, lease: LeaseId, awarded: MicroYuan) -> Result<(), StoreUnavailable> {
        self.call(move |connection, _| leases::retire(connection, lease, awarded))
    }

    /// Only the process that leads closes any: one clock says which are over.
    fn close_dead(&self, now: UnixMillis) -> Result<u64, StoreUnavailable> {
        if !self.leads() {
            return Ok(0);
        }
        self.call(move |connection, _| leases::close_dead(connection, now))
    }

    fn commit_day(&self, commitment: &DayCommitment, now: UnixMillis) -> Result<bool, StoreUnavailable> {
        let commitment = *commitment;
        self.call(move |connection, _| ledger::commit_day(connection, &commitment, now))
    }

    fn expire(&self, ends: &[(BuyerId, ShanghaiDay)], now: UnixMillis) -> Result<u64, StoreUnavailable> {
        let ends = ends.to_vec();
        self.call(move |connection, _| super::funds::expire(&mut vault::File(connection), &ends, now))
    }
}

impl Ledger for SqliteStore {
    fn snapshot(&self) -> Result<Box<dyn Books>, StoreUnavailable> {
        Ok(Box::new(self.reader()?))
    }

    fn book(&self, transactions: Vec<Transaction>) -> Result<Booking, BookError> {
        transactions.iter().try_for_each(super::funds::check_bookable)?;
        self.call(move |connection, _| {
            let mut booking = Booking::AlreadyBooked;
            for transaction in &transactions {
                if ledger::book(connection, transaction)? == Booking::Booked {
                    booking = Booking::Booked;
                }
            }
            Ok(booking)
        })
    }

    fn enter(&self, entered: Entered) -> Result<Booking, BookError> {
        entered.transactions.iter().try_for_each(super::funds::check_bookable)?;
        self.call(move |connection, _| facts::enter(connection, &entered))
    }
}

impl Registry for SqliteStore {
    fn save_ids(&self, fresh: &[(IdKind, u32, Box<str>)]) -> Result<(), StoreUnavailable> {
        let fresh = fresh.to_vec();
        self.call(move |connection, _| ledger::save_ids(connection, &fresh))
    }
}
