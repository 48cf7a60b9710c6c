//! From the journal to double entry, and the proof that the two agree.
//!
//! [`transactions_of`] is pure; [`derive()`] reads the journal after the ledger's cursor in bounded chunks and books what it makes of them.
//! Each day has a digest of its own, a chain over its rows, not over chunks: however the journal is cut, a day's digest up to a row is the
//! same, and it can be proved as long as that day's rows are there, whatever became of other days' (`seal`).

mod payers;
mod verify;

pub use payers::Payers;
pub use verify::{Break, Verified, verify};

use payers::Draws;
pub(super) use verify::first_difference;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sha2::{Digest, Sha256};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountKind, BookError, Books, DeliveryLine, Group, GroupKey, Journaled, Ledger, Method, Span,
    StoreUnavailable, Totals, Transaction, Unbalanced,
};
use crate::ids::{BuyerId, DealId, LeaseId, MediaId};
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
        let made = transactions_of(derived.cursor, &digests, &mut Payers::default(), &rows, now)?;
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
/// are part of the span. Rows behind a gap are left out: the ledger must not pass one. Where a lease carries charges of two days, the
/// earlier day takes of it first.
///
/// # Errors
/// [`Unbalanced`] when a sum is beyond the limit of one amount.
pub fn transactions_of(
    cursor: u64,
    digests: &Digests,
    payers: &mut Payers,
    rows: &[Journaled],
    now: UnixMillis,
) -> Result<Vec<Transaction>, Unbalanced> {
    let mut days = BTreeMap::<ShanghaiDay, ([u8; 32], Vec<&Journaled>)>::new();
    let mut last_seq = cursor;
    for row in rows {
        if row.seq != last_seq + 1 {
            break;
        }
        last_seq = row.seq;
        let day = row.day();
        let before = || (digests.get(&day).copied().unwrap_or_default(), Vec::new());
        let (digest, rows) = days.entry(day).or_insert_with(before);
        *digest = chain(*digest, row);
        rows.push(row);
    }
    let transaction = |(day, (digest, rows)): (ShanghaiDay, ([u8; 32], Vec<&Journaled>))| {
        let (mut lines, mut draws) = (Lines::default(), Draws::default());
        rows.iter().for_each(|row| lines.add(row, payers, &mut draws));
        let span = Span { first_seq: cursor + 1, last_seq, rows: Some(rows.len() as u64), digest };
        let drawn = |(lease, amount): (LeaseId, i128)| Ok((lease, within(amount, Account::single(AccountKind::Bank))?));
        let draws = draws.0.into_iter().map(drawn).collect::<Result<_, Unbalanced>>()?;
        Transaction::delivery(day, span, lines.into_lines()?, draws, now)
    };
    days.into_iter().map(transaction).collect()
}

/// The dimensions of a delivery line. Without the payer where only groups of sealed days tell, which do not know it.
type Dimensions = (BuyerId, DealId, MediaId, Method, Option<Account>);

/// Count, quantity, amount and earnings, amounts in micro-yuan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) count: u64,
    /// Thousandths of an impression.
    pub(super) quantity: u64,
    /// A line of before quantities were kept is part of it.
    unknown: bool,
    pub(super) amount: i128,
    pub(super) earned: i128,
}

/// As far as both know.
impl PartialEq for Sum {
    fn eq(&self, other: &Self) -> bool {
        (self.count, self.amount, self.earned) == (other.count, other.amount, other.earned)
            && (self.quantity == other.quantity || self.unknown || other.unknown)
    }
}

/// Sums by those dimensions.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<Dimensions, Sum>);

impl Lines {
    /// Adds what a delivery says, by payer.
    pub(super) fn add_lines(&mut self, lines: &[DeliveryLine]) {
        lines.iter().for_each(|line| self.add_line(line, Some(line.payer)));
    }

    /// Adds what a delivery says, whoever paid.
    pub(super) fn add_lines_of_all_payers(&mut self, lines: &[DeliveryLine]) {
        lines.iter().for_each(|line| self.add_line(line, None));
    }

    fn add_line(&mut self, line: &DeliveryLine, payer: Option<Account>) {
        let DeliveryLine { count, quantity, .. } = *line;
        let (amount, earned) = (line.amount.0.into(), line.earned.0.into());
        let sum = Sum { count, quantity: quantity.unwrap_or_default(), unknown: quantity.is_none(), amount, earned };
        self.add_sum((line.buyer, line.deal, line.media, line.method, payer), sum);
    }

    /// Adds what a group of a sealed day says.
    pub(super) fn add_group(&mut self, group: &Group) {
        let GroupKey { buyer, deal, media, method, resolution, .. } = group.key;
        if resolution == 0 {
            let Group { count, quantity, .. } = *group;
            let (amount, earned) = (group.amount.0.into(), group.earned.0.into());
            self.add_sum((buyer, deal, media, method, None), Sum { count, quantity, unknown: false, amount, earned });
        }
    }

    fn add_sum(&mut self, key: Dimensions, sum: Sum) {
        let sums = self.0.entry(key).or_default();
        sums.count += sum.count;
        sums.quantity += sum.quantity;
        sums.unknown |= sum.unknown;
        sums.amount += sum.amount;
        sums.earned += sum.earned;
    }

    /// Adds a row; what it takes of a lease that draws on several accounts is noted in `draws`.
    pub(super) fn add(&mut self, row: &Journaled, payers: &mut Payers, draws: &mut Draws) {
        if !row.is_posted() {
            return;
        }
        if payers.has_several(row.lease) {
            draws.add(row);
        }
        let mut rest = Some((1, u64::from(row.quantity), i128::from(row.earned.0)));
        payers.pay(row, |payer, amount| {
            // All of the impression but its price is with whoever paid first.
            let (count, quantity, earned) = rest.take().unwrap_or_default();
            let key = (row.buyer, row.deal, row.media, row.method, Some(payer));
            self.add_sum(key, Sum { count, quantity, unknown: false, amount, earned });
        });
    }

    fn into_lines(self) -> Result<Vec<DeliveryLine>, Unbalanced> {
        let line = |((buyer, deal, media, method, payer), sum): (Dimensions, Sum)| {
            let payer = payer.unwrap_or(Account::by_method(method, buyer));
            let (amount, earned) = (within(sum.amount, payer)?, within(sum.earned, Account::payable(media))?);
            let quantity = (!sum.unknown).then_some(sum.quantity);
            Ok(DeliveryLine { buyer, deal, media, method, payer, count: sum.count, quantity, amount, earned })
        };
        self.0.into_iter().map(line).collect()
    }
}

fn within(sum: i128, account: Account) -> Result<MicroYuan, Unbalanced> {
    i64::try_from(sum).map(MicroYuan).map_err(|_| Unbalanced::TooLarge(account))
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
