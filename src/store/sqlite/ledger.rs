//! Bookings on the write connection: entries and the purses they move, in one transaction.

use rusqlite::{Connection, OptionalExtension};

use super::leases::{load_purse, save_purse};
use super::{reader, sums};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{BookError, Booking, Source, StoreUnavailable, Transaction};
use crate::ids::{BuyerId, DealId, IdKind};
use crate::money::MicroYuan;
use crate::store::contradicts;
use crate::store::purse::{self, Purse};

/// Books one transaction; the caller's SQL transaction makes several of them all or none.
pub(super) fn book(connection: &Connection, transaction: &Transaction) -> Result<Booking, BookError> {
    let contents = transaction.contents();
    let find = "SELECT id FROM ledger_transaction WHERE kind = ?1 AND reference = ?2";
    let known: Option<u64> = connection
        .prepare_cached(find)?
        .query_row((contents.kind.code(), &contents.reference), |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        let stored = reader::booked::transactions(connection, id - 1, 1)?;
        if stored.first().is_some_and(|stored| purse::same_booking(&stored.contents, contents)) {
            return Ok(Booking::AlreadyBooked);
        }
        return Err(BookError::ReferenceTaken { kind: contents.kind, reference: contents.reference.clone() });
    }
    if let Some(span) = contents.span {
        let last = "SELECT first_seq, last_seq FROM ledger_transaction WHERE last_seq IS NOT NULL ORDER BY last_seq DESC LIMIT 1";
        let last: Option<(u64, u64)> =
            connection.query_row(last, (), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let cursor = last.map_or(0, |(_, cursor)| cursor);
        // Several days of one span share it.
        if span.first_seq != cursor + 1 && Some((span.first_seq, span.last_seq)) != last {
            return Err(BookError::NotNext { cursor, first_seq: span.first_seq });
        }
    }
    for (buyer, change) in purse::cash_moves(transaction) {
        let source = Source::Balance(buyer);
        let mut purse = load_purse(connection, source)?.unwrap_or(Purse::empty(buyer));
        purse.fund(change)?;
        save_purse(connection, source, &purse)?;
    }
    write(connection, transaction)?;
    Ok(Booking::Booked)
}

fn write(connection: &Connection, transaction: &Transaction) -> rusqlite::Result<()> {
    let contents = transaction.contents();
    let id: i64 =
        connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM ledger_transaction", (), |row| row.get(0))?;
    let span = contents.span;
    connection
        .prepare_cached("INSERT INTO ledger_transaction VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
        .execute((
            id,
            contents.kind.code(),
            &contents.reference,
            contents.day.0,
            contents.made_at.0.cast_signed(),
            span.map(|span| span.first_seq.cast_signed()),
            span.map(|span| span.last_seq.cast_signed()),
            span.map(|span| span.digest),
            &contents.note,
            span.and_then(|span| span.rows),
        ))?;
    let mut insert = connection.prepare_cached("INSERT INTO ledger_entry VALUES (?1, ?2, ?3, ?4)")?;
    for entry in &contents.entries {
        insert.execute((id, entry.account.kind.code(), entry.account.owner, entry.amount.0))?;
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO ledger_delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
    for line in &contents.lines {
        let (count, quantity) = (line.count.cast_signed(), line.quantity.map(u64::cast_signed));
        let (buyer, deal, media, method) = (line.buyer.0, line.deal.0, line.media.0, line.method.code());
        let (payer, owner) = (line.payer.kind.code(), line.payer.owner);
        let (amount, earned) = (line.amount.0, line.earned.0);
        insert.execute((id, buyer, deal, media, method, payer, owner, count, quantity, amount, earned))?;
    }
    let mut insert = connection.prepare_cached("INSERT INTO ledger_lease VALUES (?1, ?2, ?3)")?;
    for (lease, amount) in &contents.draws {
        insert.execute((lease.0.cast_signed(), id, amount.0))?;
    }
    sums::add(connection, contents)
}

/// Funds a day of a guaranteed deal, once (R-COMMIT).
pub(super) fn commit_day(
    connection: &Connection,
    deal: DealId,
    day: ShanghaiDay,
    buyer: BuyerId,
    amount: MicroYuan,
    now: UnixMillis,
) -> Result<bool, StoreUnavailable> {
    let find = "SELECT funded FROM commitment WHERE deal = ?1 AND day = ?2";
    let before: Option<bool> = connection.query_row(find, (deal.0, day.0), |row| row.get(0)).optional()?;
    if before == Some(true) {
        return Ok(true);
    }
    let funded = now.shanghai_day() <= day && fund_day(connection, deal, day, buyer, amount, now)?;
    connection.execute(
        "INSERT INTO commitment VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET
         buyer = excluded.buyer, amount = excluded.amount, funded = excluded.funded, decided_at_ms = excluded.decided_at_ms",
        (deal.0, day.0, buyer.0, amount.0, funded, now.0.cast_signed()),
    )?;
    Ok(funded)
}

fn fund_day(
    connection: &Connection,
    deal: DealId,
    day: ShanghaiDay,
    buyer: BuyerId,
    amount: MicroYuan,
    now: UnixMillis,
) -> Result<bool, StoreUnavailable> {
    if amount.is_positive() {
        let made = Transaction::commitment(deal, day, buyer, amount, now);
        match made.map_err(BookError::from).and_then(|made| book(connection, &made)) {
            Ok(_) => {}
            Err(BookError::Insufficient { .. }) => return Ok(false),
            Err(error) => return Err(StoreUnavailable(error.to_string())),
        }
    }
    save_purse(connection, Source::Commitment(deal, day), &Purse { funded: amount, ..Purse::empty(buyer) })?;
    Ok(true)
}

/// Stores numbers that were given.
pub(super) fn save_ids(connection: &Connection, fresh: &[(IdKind, u32, Box<str>)]) -> Result<(), StoreUnavailable> {
    let mut insert = connection.prepare_cached("INSERT INTO identity VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    let mut same = connection.prepare_cached("SELECT 1 FROM identity WHERE kind = ?1 AND number = ?2 AND wire = ?3")?;
    for (kind, number, wire) in fresh {
        let row = (kind.code(), number, &**wire);
        if insert.execute(row)? == 0 && !same.exists(row)? {
            return Err(contradicts(*kind, *number, wire));
        }
    }
    Ok(())
}
