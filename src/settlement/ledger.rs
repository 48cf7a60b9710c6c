//! From the journal to double entry, and the proof that the two agree.
//!
//! [`transactions_of`] is pure; [`derive()`] reads the journal after the ledger's cursor in bounded chunks and books what it makes of them.
//! Each day has a digest of its own, a chain over its rows, not over chunks: however the journal is cut, a day's digest up to a row is the
//! same, and it can be proved as long as that day's rows are there, whatever became of other days' (`seal`).

mod verify;

pub use verify::{Break, Verified, verify};

pub(super) use verify::first_difference;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sha2::{Digest, Sha256};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    BookError, Books, DeliveryLine, Group, GroupKey, Journaled, Ledger, Method, Span, StoreUnavailable, Totals,
    Transaction, Unbalanced,
};
use crate::ids::{BuyerId, DealId, MediaId};
use crate::money::MicroYuan;

/// The most rows of the journal in one span: bounds memory, and how long one booking holds the journal's thread.
pub const CHUNK: u32 = 65_536;

/// What [`derive()`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// Rows of the journal, posted or void.
    pub rows: u64,
    /// Transactions booked.
    pub transactions: u64,
    /// The last row that is in the ledger now.
    pub cursor: u64,
}

/// Books everything that the journal had when the call began and the ledger had not. Calling it again, also after an end in
/// the middle, books nothing twice.
///
/// # Errors
/// [`BookError::NotNext`] when another caller derives at the same time; what is wrong with the store otherwise.
pub fn derive(ledger: &dyn Ledger, now: UnixMillis) -> Result<Derived, BookError> {
    derive_in_chunks(ledger, now, CHUNK)
}

fn derive_in_chunks(ledger: &dyn Ledger, now: UnixMillis, chunk: u32) -> Result<Derived, BookError> {
    let books = ledger.snapshot()?;
    let (mut derived, until) = (Derived { cursor: books.cursor()?, ..Derived::default() }, books.head_seq()?);
    drop(books);
    while derived.cursor < until {
        let books = ledger.snapshot()?;
        let rows = books.charges(derived.cursor, chunk)?;
        let mut digests = Digests::new();
        for row in &rows {
            if let Entry::Vacant(new) = digests.entry(row.day()) {
                new.insert(books.day_digest(row.day())?);
            }
        }
        drop(books);
        let made = transactions_of(derived.cursor, &digests, &rows, now)?;
        let Some(span) = made.first().and_then(|first| first.contents().span) else {
            let after = derived.cursor;
            return Err(
                StoreUnavailable(format!("the journal has no row after {after}, though its head is {until}")).into()
            );
        };
        derived.rows += rows.len() as u64;
        derived.transactions += made.len() as u64;
        ledger.book(made)?;
        derived.cursor = span.last_seq;
    }
    Ok(derived)
}

/// The digest of each day's rows up to some row; zeros for a day that has none.
pub type Digests = BTreeMap<ShanghaiDay, [u8; 32]>;

/// The transactions of rows that follow the cursor: one for each day in them, all over the same span. Voids cost nothing, but
/// are part of the span. Rows behind a gap are left out: the ledger must not pass one.
///
/// # Errors
/// [`Unbalanced`] when a sum is beyond the limit of one amount.
pub fn transactions_of(
    cursor: u64,
    digests: &Digests,
    rows: &[Journaled],
    now: UnixMillis,
) -> Result<Vec<Transaction>, Unbalanced> {
    let mut days = BTreeMap::<ShanghaiDay, (u64, [u8; 32], Lines)>::new();
    let mut last_seq = cursor;
    for row in rows {
        if row.seq != last_seq + 1 {
            break;
        }
        last_seq = row.seq;
        let day = row.day();
        let before = || (0, digests.get(&day).copied().unwrap_or_default(), Lines::default());
        let (rows, digest, lines) = days.entry(day).or_insert_with(before);
        *rows += 1;
        *digest = chain(*digest, row);
        lines.add(row);
    }
    let transaction = |(day, (rows, digest, lines)): (ShanghaiDay, (u64, [u8; 32], Lines))| {
        let span = Span { first_seq: cursor + 1, last_seq, rows: Some(rows), digest };
        Transaction::delivery(day, span, lines.into_lines()?, now)
    };
    days.into_iter().map(transaction).collect()
}

/// The dimensions of a delivery line.
type Dimensions = (BuyerId, DealId, MediaId, Method);

/// Count, amount and earnings by those dimensions, in micro-yuan.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines(BTreeMap<Dimensions, (u64, i128, i128)>);

impl Lines {
    /// Adds what a delivery says.
    pub(super) fn add_lines(&mut self, lines: &[DeliveryLine]) {
        for line in lines {
            let key = (line.buyer, line.deal, line.media, line.method);
            self.add_sums(key, line.count, line.amount.0.into(), line.earned.0.into());
        }
    }

    /// Adds what a group of a sealed day says.
    pub(super) fn add_group(&mut self, group: &Group) {
        let GroupKey { buyer, deal, media, method, resolution, .. } = group.key;
        if resolution == 0 {
            self.add_sums((buyer, deal, media, method), group.count, group.amount.0.into(), group.earned.0.into());
        }
    }

    fn add_sums(&mut self, key: Dimensions, count: u64, amount: i128, earned: i128) {
        let sums = self.0.entry(key).or_default();
        sums.0 += count;
        sums.1 += amount;
        sums.2 += earned;
    }

    fn add(&mut self, row: &Journaled) {
        if row.is_posted() {
            let key = (row.buyer, row.deal, row.media, row.method);
            self.add_sums(key, 1, row.amount.0.into(), row.earned.0.into());
        }
    }

    fn into_lines(self) -> Result<Vec<DeliveryLine>, Unbalanced> {
        let line = |((buyer, deal, media, method), (count, amount, earned))| {
            let within = |sum| {
                let sum = i64::try_from(sum).map(MicroYuan);
                sum.map_err(|_| Unbalanced::TooLarge(crate::event::Account::payable(media)))
            };
            Ok(DeliveryLine { buyer, deal, media, method, count, amount: within(amount)?, earned: within(earned)? })
        };
        self.0.into_iter().map(line).collect()
    }
}

/// The digest of a day's rows up to one, from the digest before it: SHA-256 over both, every field at its full width.
pub(super) fn chain(before: [u8; 32], row: &Journaled) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(row.seq.to_be_bytes());
    hash.update(row.auction.to_bytes());
    hash.update([row.imp, row.slot, row.resolution, row.version, row.method.code(), row.via]);
    for number in
        [row.media.0, row.placement, row.dsp, row.buyer.0, row.advertiser, row.deal.0, row.creative, row.quantity]
    {
        hash.update(number.to_be_bytes());
    }
    hash.update(row.creative_version.to_be_bytes());
    hash.update(row.lease.0.to_be_bytes());
    for amount in [row.price, row.earning, row.amount.0, row.earned.0] {
        hash.update(amount.to_be_bytes());
    }
    hash.update(row.at.0.to_be_bytes());
    // Unknown and 0 differ.
    hash.update(row.displayed_ms.map_or(-1, i64::from).to_be_bytes());
    hash.finalize().into()
}

/// What the journal says was posted, and what the ledger says buyers paid for it: equal once everything is derived.
///
/// # Errors
/// [`StoreUnavailable`] when they cannot be read.
pub fn totals(books: &dyn Books) -> Result<Totals, StoreUnavailable> {
    books.totals()
}

#[cfg(test)]
mod tests;
