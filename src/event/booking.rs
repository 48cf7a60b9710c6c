//! What is booked, why it may not be, and the port to the ledger.

use super::{Account, Books, Entered, FactKind, StoreUnavailable, Transaction, TransactionKind, Unbalanced};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{BuyerId, DealId};
use crate::money::MicroYuan;

/// Whether a booking changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// Durable now.
    Booked,
    /// The same was booked before; nothing changed.
    AlreadyBooked,
}

/// Why something was not booked. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The reference is taken by something else.
    #[error("R-PREPAY: the {} reference {reference:?} was booked before with other contents", kind.label())]
    ReferenceTaken {
        /// Of what kind.
        kind: TransactionKind,
        /// Which.
        reference: String,
    },
    /// The reference of a fact is taken by something else.
    #[error("the {} reference {reference:?} was entered before with other contents", kind.label())]
    FactTaken {
        /// Of what kind.
        kind: FactKind,
        /// Which.
        reference: String,
    },
    /// Another fact came in between: what was judged may have changed.
    #[error("fact {0} was entered in between")]
    Overtaken(u64),
    /// Not a payment: zero or negative.
    #[error("R-PREPAY: a top-up of {0} is not an amount above zero")]
    NotPositive(MicroYuan),
    /// It would take more from a buyer than is free.
    #[error("R-PREPAY: buyer number {} has {available} free, {asked} is needed", buyer.0)]
    Insufficient {
        /// Whose balance.
        buyer: BuyerId,
        /// What is free.
        available: MicroYuan,
        /// What was asked.
        asked: MicroYuan,
    },
    /// A delivery that does not continue where the ledger ends: someone else has booked it.
    #[error("the ledger follows the journal up to {cursor}, a delivery from {first_seq} does not continue it")]
    NotNext {
        /// Where the ledger ends.
        cursor: u64,
        /// Where the delivery starts.
        first_seq: u64,
    },
    /// An account that was closed, or one that was never opened.
    #[error("R-RESTRICT: {0}")]
    NoAccount(String),
    /// Leases or commitments hold money of an account that is to be closed.
    #[error("R-RESTRICT: buyer number {} has {held} in leases and commitments: close its accounts when that has come back", buyer.0)]
    StillHeld {
        /// Whose.
        buyer: BuyerId,
        /// How much.
        held: MicroYuan,
    },
    /// Money that is set aside moves only with its deal and day, which entries do not have.
    #[error("R-COMMIT: only a commitment and its day's closing move what is set aside, not an entry on {0}")]
    MovesCommitment(Account),
    /// A day of a guaranteed deal cannot be closed in that way.
    #[error("R-COMMIT: {day} of deal number {} is not closed: {why}", deal.0)]
    NotClosed {
        /// Of which deal.
        deal: DealId,
        /// Which.
        day: ShanghaiDay,
        /// What is against it.
        why: &'static str,
    },
    /// Not balanced, or a balance beyond [`MicroYuan::LIMIT`].
    #[error("not a transaction: {0}")]
    Unbalanced(#[from] Unbalanced),
    /// Not durable.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// The port to the ledger. Called from the cold plane; may block for a commit.
pub trait Ledger: Send + Sync {
    /// The books as they are now.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when they cannot be read.
    fn snapshot(&self) -> Result<Box<dyn Books>, StoreUnavailable>;

    /// Books transactions: all of them or none. What they take from or give to a buyer's cash, other than by delivery, also
    /// changes what the buyer can spend.
    ///
    /// # Errors
    /// [`BookError`]; nothing was booked.
    fn book(&self, transactions: Vec<Transaction>) -> Result<Booking, BookError>;

    /// Enters a fact and books its transactions: all of it or nothing. What was entered before under its kind and reference is entered
    /// once; its transactions, which depend on the day of entry, are not looked at again.
    ///
    /// # Errors
    /// [`BookError::FactTaken`] when the reference stands for something else, [`BookError::Overtaken`] when its author did not know the
    /// last fact, and those of [`Ledger::book`]; nothing was entered.
    fn enter(&self, entered: Entered) -> Result<Booking, BookError>;

    /// Books a buyer's payment, once per reference (R-PREPAY).
    ///
    /// # Errors
    /// [`BookError::ReferenceTaken`] when that reference was booked for another buyer or amount; the others likewise.
    fn top_up(
        &self,
        buyer: BuyerId,
        reference: &str,
        amount: MicroYuan,
        now: UnixMillis,
    ) -> Result<Booking, BookError> {
        if !amount.is_positive() {
            return Err(BookError::NotPositive(amount));
        }
        self.book(vec![Transaction::top_up(buyer, reference, amount, now)?])
    }
}
