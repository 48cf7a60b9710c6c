//! From the journal to double entry, and the proof that the two agree.
//!
//! [`transactions_of`] is pure; [`derive()`] reads the journal after the ledger's cursor in bounded chunks and books what it makes of them.
//! The digest is a chain over rows, not over chunks: however the journal is cut, the digest up to a row is the same.

mod verify;

pub use verify::{Break, Verified, verify};

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    BookError, Books, Cursor, DeliveryLine, Journaled, Ledger, Method, Span, StoreUnavailable, Totals, Transaction,
    Unbalanced,
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
    /// Where the ledger is now.
    pub cursor: Cursor,
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
    let mut derived = Derived { cursor: ledger.snapshot()?.cursor()?, ..Derived::default() };
    let until = ledger.snapshot()?.head_seq()?;
    while derived.cursor.seq < until {
        let rows = ledger.snapshot()?.charges(derived.cursor.seq, chunk)?;
        let made = transactions_of(derived.cursor, &rows, now)?;
        let Some(span) = made.first().and_then(|first| first.contents().span) else {
            let after = derived.cursor.seq;
            return Err(
                StoreUnavailable(format!("the journal has no row after {after}, though its head is {until}")).into()
            );
        };
        derived.rows += rows.len() as u64;
        derived.transactions += made.len() as u64;
        ledger.book(made)?;
        derived.cursor = Cursor { seq: span.last_seq, digest: span.digest };
    }
    Ok(derived)
}

/// The transactions of rows that follow the cursor: one for each day in them, all with the same span. Voids cost nothing, but
/// are part of the span. Rows behind a gap are left out: the ledger must not pass one.
///
/// # Errors
/// [`Unbalanced`] when a sum is beyond the limit of one amount.
pub fn transactions_of(cursor: Cursor, rows: &[Journaled], now: UnixMillis) -> Result<Vec<Transaction>, Unbalanced> {
    let mut days = BTreeMap::<ShanghaiDay, Lines>::new();
    let (mut last_seq, mut digest) = (cursor.seq, cursor.digest);
    for row in rows {
        if row.seq != last_seq + 1 {
            break;
        }
        last_seq = row.seq;
        digest = chain(digest, row);
        days.entry(row.day()).or_default().add(row);
    }
    let span = Span { first_seq: cursor.seq + 1, last_seq, digest };
    days.into_iter().map(|(day, lines)| Transaction::delivery(day, span, lines.into_lines()?, now)).collect()
}

/// The dimensions of a delivery line.
type Dimensions = (BuyerId, DealId, MediaId, Method);

/// Count, amount and earnings by those dimensions, in micro-yuan.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines(BTreeMap<Dimensions, (u64, i128, i128)>);

impl Lines {
    fn add(&mut self, row: &Journaled) {
        if row.is_posted() {
            let sums = self.0.entry((row.buyer, row.deal, row.media, row.method)).or_default();
            sums.0 += 1;
            sums.1 += i128::from(row.amount.0);
            sums.2 += i128::from(row.earned.0);
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

/// The digest of the journal up to a row, from the digest before it: SHA-256 over both, every field at its full width.
fn chain(before: [u8; 32], row: &Journaled) -> [u8; 32] {
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

/// The digest of the whole journal, made from nothing but its rows.
///
/// # Errors
/// [`StoreUnavailable`] when it cannot be read.
pub fn rebuild_digest(books: &dyn Books) -> Result<Cursor, StoreUnavailable> {
    let mut cursor = Cursor::default();
    loop {
        let rows = books.charges(cursor.seq, CHUNK)?;
        let Some(last) = rows.last() else { return Ok(cursor) };
        cursor = Cursor { seq: last.seq, digest: rows.iter().fold(cursor.digest, chain) };
    }
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
