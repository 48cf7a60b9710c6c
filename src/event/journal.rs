//! The port to the durable journal, and how a commit is announced: one wake per runtime, not one channel per beacon
//! (performance.md, "Durable events").

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::{Click, Posting, Tally};
use crate::ids::Lane;

/// How the journal took a posting. Each is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Recorded {
    /// Written now as posted.
    Posted = 1,
    /// The same charge was posted before; nothing changed.
    AlreadyPosted = 2,
    /// Written now as void.
    Voided = 3,
    /// The charge was made void before; nothing changed.
    AlreadyVoided = 4,
    /// The lease of the charge is closed: too late.
    LeaseClosed = 5,
}

/// Why a posting is not durable. The caller answers 503 and may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Unrecorded {
    /// The queue is at its bound.
    #[error("the journal's queue is full")]
    Full = 101,
    /// The store refused the commit.
    #[error("the journal could not commit")]
    Failed = 102,
    /// The journal has ended.
    #[error("the journal is closed")]
    Closed = 103,
}

/// The durable journal. Hot threads submit; they never wait in a call.
pub trait Journal: Send + Sync {
    /// Queues a posting; its receipt tells when and how it is durable.
    ///
    /// # Errors
    /// [`Unrecorded::Full`] or [`Unrecorded::Closed`], at once.
    fn submit(&self, lane: Lane, posting: Posting) -> Result<Receipt, Unrecorded>;

    /// Queues increments of counts; nobody waits for them.
    ///
    /// # Errors
    /// [`Unrecorded::Full`] or [`Unrecorded::Closed`], at once; the caller keeps the counts and adds them to the next tally.
    fn tally(&self, rows: Vec<Tally>) -> Result<(), Unrecorded>;

    /// Queues a click; nobody waits for it. It is durable with the next commit that succeeds. One under a lease that is closed by
    /// then counts nothing: its ad's tokens are dead.
    ///
    /// # Errors
    /// [`Unrecorded::Full`] or [`Unrecorded::Closed`], at once: it is not counted.
    fn click(&self, click: Click) -> Result<(), Unrecorded>;
}

/// A promise of one outcome.
#[derive(Debug)]
pub struct Receipt(State);

#[derive(Debug)]
enum State {
    Known(Result<Recorded, Unrecorded>),
    Pending(Arc<LaneBoard>, Ticket),
}

impl Receipt {
    /// The receipt of a journal that commits within the call.
    #[must_use]
    pub const fn known(outcome: Result<Recorded, Unrecorded>) -> Self {
        Self(State::Known(outcome))
    }

    /// The receipt of a ticket on a board.
    #[must_use]
    pub const fn pending(board: Arc<LaneBoard>, ticket: Ticket) -> Self {
        Self(State::Pending(board, ticket))
    }

    /// Waits for the commit.
    ///
    /// # Errors
    /// [`Unrecorded`] when the posting is not durable.
    pub async fn outcome(self) -> Result<Recorded, Unrecorded> {
        match self.0 {
            State::Known(outcome) => outcome,
            State::Pending(board, ticket) => board.wait(ticket).await,
        }
    }
}

/// The number of one posting on its lane's board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// Where the journal writes the outcomes for one lane. A ring: an outcome stays readable for `capacity` further tickets.
#[derive(Debug)]
pub struct LaneBoard {
    outcomes: Box<[AtomicU64]>,
    issued: AtomicU64,
    settled: AtomicU64,
    announced: watch::Sender<u64>,
}

impl LaneBoard {
    /// A board for at most `capacity` postings in flight (at least 1).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let outcomes = (0..capacity.max(1)).map(|_| AtomicU64::new(0)).collect();
        Self { outcomes, issued: AtomicU64::new(0), settled: AtomicU64::new(0), announced: watch::Sender::new(0) }
    }

    /// The next ticket, or `None` while `capacity` of them are in flight.
    #[must_use]
    pub fn issue(&self) -> Option<Ticket> {
        let capacity = self.outcomes.len() as u64;
        let next = |issued| (issued - self.settled.load(Ordering::Acquire) < capacity).then_some(issued + 1);
        self.issued.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(|before| Ticket(before + 1))
    }

    /// Writes an outcome; called once for each issued ticket, by the journal. Wakes nobody.
    pub fn settle(&self, ticket: Ticket, outcome: Result<Recorded, Unrecorded>) {
        let code = match outcome {
            Ok(recorded) => recorded as u64,
            Err(unrecorded) => unrecorded as u64,
        };
        self.slot(ticket).store((ticket.0 << 8) | code, Ordering::Release);
        self.settled.fetch_add(1, Ordering::AcqRel);
    }

    /// Wakes the lane once for all outcomes written so far.
    pub fn announce(&self) {
        self.announced.send_modify(|batches| *batches += 1);
    }

    async fn wait(&self, ticket: Ticket) -> Result<Recorded, Unrecorded> {
        let mut announced = self.announced.subscribe();
        loop {
            if let Some(outcome) = self.read(ticket) {
                return outcome;
            }
            if announced.changed().await.is_err() {
                return Err(Unrecorded::Closed);
            }
        }
    }

    fn slot(&self, ticket: Ticket) -> &AtomicU64 {
        let index = (ticket.0 % self.outcomes.len() as u64) as usize;
        &self.outcomes[index]
    }

    fn read(&self, ticket: Ticket) -> Option<Result<Recorded, Unrecorded>> {
        let value = self.slot(ticket).load(Ordering::Acquire);
        if value >> 8 < ticket.0 {
            return None;
        }
        // A later ticket's outcome in the same slot: this one was committed, its outcome is gone. "Failed" makes the
        // caller retry, which is harmless: the key is unique.
        if value >> 8 > ticket.0 {
            return Some(Err(Unrecorded::Failed));
        }
        Some(match (value & 0xff) as u8 {
            1 => Ok(Recorded::Posted),
            2 => Ok(Recorded::AlreadyPosted),
            3 => Ok(Recorded::Voided),
            4 => Ok(Recorded::AlreadyVoided),
            5 => Ok(Recorded::LeaseClosed),
            101 => Err(Unrecorded::Full),
            103 => Err(Unrecorded::Closed),
            _ => Err(Unrecorded::Failed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_announcement_wakes_every_waiter_with_its_own_outcome() {
        let board = Arc::new(LaneBoard::new(4));
        let tickets: Vec<_> = std::iter::from_fn(|| board.issue()).collect();
        assert_eq!(tickets.len(), 4, "bounded");
        let waiters: Vec<_> =
            tickets.iter().map(|ticket| tokio::spawn(Receipt::pending(board.clone(), *ticket).outcome())).collect();
        tokio::task::yield_now().await;
        let outcomes =
            [Ok(Recorded::Posted), Ok(Recorded::AlreadyVoided), Err(Unrecorded::Failed), Ok(Recorded::LeaseClosed)];
        for (ticket, outcome) in tickets.iter().zip(outcomes) {
            board.settle(*ticket, outcome);
        }
        board.announce();
        for (waiter, outcome) in waiters.into_iter().zip(outcomes) {
            assert_eq!(waiter.await.unwrap(), outcome);
        }
        assert!(board.issue().is_some(), "settled tickets make room");
    }

    #[tokio::test]
    async fn an_outcome_that_was_overwritten_asks_for_a_retry() {
        let board = Arc::new(LaneBoard::new(1));
        let first = board.issue().unwrap();
        board.settle(first, Ok(Recorded::Posted));
        let second = board.issue().unwrap();
        board.settle(second, Ok(Recorded::Posted));
        assert_eq!(board.wait(first).await, Err(Unrecorded::Failed));
        assert_eq!(board.wait(second).await, Ok(Recorded::Posted));
    }
}
