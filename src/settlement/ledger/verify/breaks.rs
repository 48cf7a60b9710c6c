//! What can be wrong with the books, in words.

use crate::clock::ShanghaiDay;
use crate::event::{StoreUnavailable, Unbalanced};
use crate::ids::LeaseId;
use crate::money::MicroYuan;

/// The first thing that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A transaction is missing.
    #[error("ledger transaction {expected} is missing: {found} follows")]
    TransactionMissing {
        /// Which should be there.
        expected: u64,
        /// Which is.
        found: u64,
    },
    /// A transaction that could not have been booked.
    #[error("ledger transaction {id} ({reference}): {why}")]
    Transaction {
        /// Which.
        id: u64,
        /// Its reference.
        reference: String,
        /// What is wrong.
        why: Unbalanced,
    },
    /// Debits and credits of the whole ledger differ.
    #[error("all accounts together are {0} micro-yuan instead of 0")]
    Sum(i128),
    /// Rows of the journal that no delivery has, or two have.
    #[error("ledger transaction {id} covers journal rows {first_seq} to {last_seq}; it should start at {expected}")]
    Span {
        /// Which transaction.
        id: u64,
        /// Its first row.
        first_seq: u64,
        /// Its last row.
        last_seq: u64,
        /// The row after the last covered one.
        expected: u64,
    },
    /// A row of the journal is missing.
    #[error("journal row {expected} is missing: {found} follows")]
    Gap {
        /// Which should be there.
        expected: u64,
        /// Which is; the head when none is.
        found: u64,
    },
    /// The same charge twice.
    #[error("journal row {0} is a charge that was resolved before")]
    Doubled(u64),
    /// The journal's rows are not what the ledger booked.
    #[error(
        "journal rows {first_seq} to {last_seq}, {day}, {what}: the journal says {journal}, ledger transaction {id} says {ledger}"
    )]
    Line {
        /// The first row of the span.
        first_seq: u64,
        /// Its last.
        last_seq: u64,
        /// The settlement day.
        day: ShanghaiDay,
        /// Buyer, deal, media and method.
        what: String,
        /// Count, amount and earnings by the journal.
        journal: String,
        /// The same by the ledger.
        ledger: String,
        /// The transaction; 0 when none has the day.
        id: u64,
    },
    /// Another number of rows than the ledger booked.
    #[error(
        "journal rows {first_seq} to {last_seq}, {day}: {journal} rows are there, ledger transaction {id} booked {ledger}"
    )]
    Rows {
        /// The first row of the span.
        first_seq: u64,
        /// Its last.
        last_seq: u64,
        /// The settlement day.
        day: ShanghaiDay,
        /// How many are there.
        journal: u64,
        /// How many the ledger booked.
        ledger: u64,
        /// The transaction.
        id: u64,
    },
    /// A seal does not agree with its groups, with the ledger, or with the detail.
    #[error("the seal of {day}: {what}")]
    Seal {
        /// Which day's.
        day: ShanghaiDay,
        /// What differs.
        what: String,
    },
    /// What is kept beside the ledger, so that it is read quickly, is not what the ledger adds up to.
    #[error("{what}: {kept} is kept, the ledger adds up to {expected}")]
    Kept {
        /// Which sum or balance.
        what: String,
        /// What is kept.
        kept: String,
        /// What the ledger says.
        expected: String,
    },
    /// A fact is missing.
    #[error("fact {expected} is missing: {found} follows")]
    Fact {
        /// Which should be there.
        expected: u64,
        /// Which is.
        found: u64,
    },
    /// Sums agree, but a row was altered.
    #[error("journal rows {first_seq} to {last_seq} were altered after ledger transaction {id} was booked")]
    Digest {
        /// The first row of the span.
        first_seq: u64,
        /// Its last.
        last_seq: u64,
        /// The transaction that has the digest.
        id: u64,
    },
    /// A lease does not say what the journal posted under it.
    #[error("lease {}: it says {lease} posted by {lease_count} charges, the journal {journal} by {journal_count}", id.0)]
    Lease {
        /// Which.
        id: LeaseId,
        /// By the lease.
        lease: MicroYuan,
        /// By the lease.
        lease_count: u64,
        /// By the journal.
        journal: MicroYuan,
        /// By the journal.
        journal_count: u64,
    },
    /// A purse does not agree with its leases or with the ledger.
    #[error("the money of {whose}: {what} is {purse}, it should be {expected}")]
    Purse {
        /// Whose.
        whose: String,
        /// Which figure.
        what: &'static str,
        /// What the purse says.
        purse: MicroYuan,
        /// What leases or ledger say.
        expected: MicroYuan,
    },
    /// It could not be read; a row with an unknown code is such a case.
    #[error(transparent)]
    Unreadable(#[from] StoreUnavailable),
}
