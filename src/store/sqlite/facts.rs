//! Facts: entered on the write connection, in one transaction with the money that they move.

use rusqlite::{Connection, OptionalExtension, Row};

use super::reader::{rows, unknown};
use super::vault::File;
use super::{ledger, operations};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{BookError, Booking, Entered, Fact, FactKind, KeptFact, StoreUnavailable};
use crate::ids::BuyerId;
use crate::store::{entered_before, funds};

const COLUMNS: &str = "seq, kind, reference, buyer, day, at_ms, actor, body";

/// Facts above `after`, in order.
pub(super) fn after(connection: &Connection, after: u64, limit: u32) -> Result<Vec<KeptFact>, StoreUnavailable> {
    let sql = format!("SELECT {COLUMNS} FROM fact WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    rows(connection, &sql, (after.cast_signed(), limit), fact_of)
}

/// Enters a fact and books its transactions; the caller's SQL transaction makes it all or nothing.
pub(super) fn enter(connection: &Connection, entered: &Entered) -> Result<Booking, BookError> {
    let Entered { fact, transactions, changes, after } = entered;
    let find = format!("SELECT {COLUMNS} FROM fact WHERE kind = ?1 AND reference = ?2");
    let known = connection.prepare_cached(&find)?.query_row((fact.kind.code(), &fact.reference), fact_of).optional()?;
    if let Some(known) = known {
        return entered_before(&known.fact, fact);
    }
    let head: u64 = connection.query_row("SELECT coalesce(max(seq), 0) FROM fact", (), |row| row.get(0))?;
    if head != *after {
        return Err(BookError::Overtaken(head));
    }
    for change in changes {
        funds::apply(&mut File(connection), change, fact.at)?;
    }
    for transaction in transactions {
        ledger::book(connection, transaction)?;
    }
    connection.prepare_cached("INSERT INTO fact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute((
        (head + 1).cast_signed(),
        fact.kind.code(),
        &fact.reference,
        fact.buyer.map(|buyer| buyer.0),
        fact.day.0,
        fact.at.0.cast_signed(),
        &fact.actor,
        &fact.body,
    ))?;
    operations::save_audit(connection, &fact.audit())?;
    Ok(Booking::Booked)
}

fn fact_of(row: &Row<'_>) -> rusqlite::Result<KeptFact> {
    let kind = FactKind::from_code(row.get(1)?).ok_or_else(|| unknown(1, "kind of fact"))?;
    let fact = Fact {
        kind,
        reference: row.get(2)?,
        buyer: row.get::<_, Option<u32>>(3)?.map(BuyerId),
        day: ShanghaiDay(row.get(4)?),
        at: UnixMillis(row.get(5)?),
        actor: row.get(6)?,
        body: row.get(7)?,
    };
    Ok(KeptFact { seq: row.get(0)?, fact })
}
