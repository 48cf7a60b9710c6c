//! Bookings on the write connection: entries and the pots they move, in one transaction.

use rusqlite::{Connection, OptionalExtension};

use super::vault::File;
use super::{reader, sums};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{BookError, Booking, DayCommitment, DayTerms, KeptCommitment, StoreUnavailable, Transaction};
use crate::ids::{BuyerId, DealId, IdKind};
use crate::money::{CpmMicroYuan, MicroYuan};
use crate::store::{contradicts, funds, purse};

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
    funds::move_money(&mut File(connection), transaction)?;
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
    commitment: &DayCommitment,
    now: UnixMillis,
) -> Result<bool, StoreUnavailable> {
    let DayCommitment { deal, day, buyer, terms, .. } = *commitment;
    let find = "SELECT funded FROM commitment WHERE deal = ?1 AND day = ?2";
    let before: Option<bool> = connection.query_row(find, (deal.0, day.0), |row| row.get(0)).optional()?;
    if before == Some(true) {
        return Ok(true);
    }
    let funded = now.shanghai_day() <= day && funds::commit(&mut File(connection), commitment, now)?;
    let sql = "INSERT OR REPLACE INTO commitment (deal, day, buyer, amount, funded, decided_at_ms, ordered, price, push_numerator,
               push_denominator) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let (decided, ordered) = (now.0.cast_signed(), terms.ordered.cast_signed());
    let (price, (numerator, denominator)) = (terms.price.micro_yuan_per_mille(), terms.push);
    let row = (deal.0, day.0, buyer.0, terms.amount.0, funded, decided, ordered, price, numerator, denominator);
    connection.prepare_cached(sql)?.execute(row)?;
    let open = "INSERT OR IGNORE INTO open_day SELECT ?1, ?2
                WHERE NOT EXISTS (SELECT 1 FROM day_closing WHERE day_closing.deal = ?2 AND day_closing.day >= ?1)";
    connection.prepare_cached(open)?.execute((day.0, deal.0))?;
    Ok(funded)
}

/// The decided days from one to another, both included.
pub(super) fn commitments(
    connection: &Connection,
    from: ShanghaiDay,
    to: ShanghaiDay,
) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
    commitments_where(connection, "day BETWEEN ?1 AND ?2", (from.0, to.0))
}

/// The decided days that a condition holds for, in order of day and deal.
pub(super) fn commitments_where(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
    let sql = format!(
        "SELECT deal, day, buyer, amount, funded, ordered, price, push_numerator, push_denominator FROM commitment
         WHERE {condition} ORDER BY day, deal"
    );
    reader::rows(connection, &sql, parameters, |row| {
        let amount = MicroYuan(row.get(3)?);
        let (deal, day, buyer) = (DealId(row.get(0)?), ShanghaiDay(row.get(1)?), BuyerId(row.get(2)?));
        let terms = match (row.get(5)?, row.get::<_, Option<i64>>(6)?, row.get(7)?, row.get(8)?) {
            (Some(ordered), Some(price), Some(numerator), Some(denominator)) => {
                let price = CpmMicroYuan::new(price).ok_or_else(|| reader::unknown(6, "price"))?;
                Some(DayTerms { ordered, price, push: (numerator, denominator), amount })
            }
            _ => None,
        };
        Ok(KeptCommitment { deal, day, buyer, amount, terms, funded: row.get(4)? })
    })
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
