//! What the ledger has.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use super::{method_of, rows, unknown};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Account, AccountKind, DeliveryLine, Draft, Entry, Span, StoreUnavailable, Stored, TransactionKind};
use crate::ids::{BuyerId, DealId, LeaseId, MediaId};
use crate::money::MicroYuan;

const HEAD: &str = "id, kind, reference, day, made_at_ms, first_seq, last_seq, digest, note, rows";
const ENTRY: &str = "transaction_id, account_kind, account_owner, amount";
const LINE: &str =
    "transaction_id, buyer, deal, media, method, payer_kind, payer_owner, count, quantity, amount, earned";
const DRAW: &str = "transaction_id, lease, amount";

/// The last row of the journal that is in the ledger; 0 for none.
pub(in crate::store::sqlite) fn cursor(connection: &Connection) -> Result<u64, StoreUnavailable> {
    let last = "SELECT last_seq FROM ledger_transaction WHERE last_seq IS NOT NULL ORDER BY last_seq DESC LIMIT 1";
    Ok(rows(connection, last, (), |row| row.get(0))?.pop().unwrap_or_default())
}

/// The digest of a day's last delivery that has one of the day's own; zeros for none.
pub(super) fn day_digest(connection: &Connection, day: ShanghaiDay) -> Result<[u8; 32], StoreUnavailable> {
    let last = "SELECT digest FROM ledger_transaction WHERE day = ?1 AND last_seq IS NOT NULL AND rows IS NOT NULL
                ORDER BY id DESC LIMIT 1";
    Ok(rows(connection, last, [day.0], |row| row.get(0))?.pop().unwrap_or_default())
}

/// Stored transactions above `after`, with their entries and lines.
pub(in crate::store::sqlite) fn transactions(
    connection: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<Stored>, StoreUnavailable> {
    let after = after.cast_signed();
    let heads = format!("SELECT {HEAD} FROM ledger_transaction WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut stored = rows(connection, &heads, (after, limit), head_of)?;
    let Some(last) = stored.last().map(|stored| stored.id.cast_signed()) else { return Ok(stored) };
    let places: BTreeMap<_, _> = stored.iter().enumerate().map(|(place, one)| (one.id, place)).collect();
    let range = "WHERE transaction_id > ?1 AND transaction_id <= ?2";
    let entries = format!("SELECT {ENTRY} FROM ledger_entry {range} ORDER BY 1, 2, 3");
    for (id, entry) in rows(connection, &entries, (after, last), entry_of)? {
        let place = places.get(&id).ok_or_else(|| StoreUnavailable(format!("an entry of no transaction: {id}")))?;
        stored[*place].contents.entries.push(entry);
    }
    let lines = format!("SELECT {LINE} FROM ledger_delivery {range} ORDER BY 1, 2, 3, 4, 5, 6, 7");
    for (id, line) in rows(connection, &lines, (after, last), line_of)? {
        let place = places.get(&id).ok_or_else(|| StoreUnavailable(format!("a line of no transaction: {id}")))?;
        stored[*place].contents.lines.push(line);
    }
    let draws = format!("SELECT {DRAW} FROM ledger_lease {range} ORDER BY 1, 2");
    for (id, draw) in rows(connection, &draws, (after, last), draw_of)? {
        let place = places.get(&id).ok_or_else(|| StoreUnavailable(format!("a draw of no transaction: {id}")))?;
        stored[*place].contents.draws.push(draw);
    }
    Ok(stored)
}

/// Deliveries of one day above `after`, with their entries and lines.
pub(super) fn deliveries_of(
    connection: &Connection,
    day: ShanghaiDay,
    after: u64,
    limit: u32,
) -> Result<Vec<Stored>, StoreUnavailable> {
    let heads = format!(
        "SELECT {HEAD} FROM ledger_transaction WHERE day = ?1 AND last_seq IS NOT NULL AND id > ?2 ORDER BY id LIMIT ?3"
    );
    let entries = format!("SELECT {ENTRY} FROM ledger_entry WHERE transaction_id = ?1 ORDER BY 1, 2, 3");
    let lines = format!("SELECT {LINE} FROM ledger_delivery WHERE transaction_id = ?1 ORDER BY 1, 2, 3, 4, 5, 6, 7");
    let draws = format!("SELECT {DRAW} FROM ledger_lease WHERE transaction_id = ?1 ORDER BY 1, 2");
    let mut stored = rows(connection, &heads, (day.0, after.cast_signed(), limit), head_of)?;
    for one in &mut stored {
        let id = one.id.cast_signed();
        one.contents.entries = rows(connection, &entries, [id], |row| entry_of(row).map(|(_, entry)| entry))?;
        one.contents.lines = rows(connection, &lines, [id], |row| line_of(row).map(|(_, line)| line))?;
        one.contents.draws = rows(connection, &draws, [id], |row| draw_of(row).map(|(_, draw)| draw))?;
    }
    Ok(stored)
}

fn head_of(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let span = match (row.get(5)?, row.get(6)?, row.get(7)?) {
        (Some(first_seq), Some(last_seq), Some(digest)) => {
            Some(Span { first_seq, last_seq, rows: row.get(9)?, digest })
        }
        _ => None,
    };
    let contents = Draft {
        kind: TransactionKind::from_code(row.get(1)?).ok_or_else(|| unknown(1, "kind of transaction"))?,
        reference: row.get(2)?,
        day: ShanghaiDay(row.get(3)?),
        made_at: UnixMillis(row.get(4)?),
        span,
        note: row.get(8)?,
        entries: Vec::new(),
        lines: Vec::new(),
        draws: Vec::new(),
    };
    Ok(Stored { id: row.get(0)?, contents })
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<(u64, Entry)> {
    Ok((row.get(0)?, Entry { account: account_of(row, 1)?, amount: MicroYuan(row.get(3)?) }))
}

fn line_of(row: &Row<'_>) -> rusqlite::Result<(u64, DeliveryLine)> {
    let line = DeliveryLine {
        buyer: BuyerId(row.get(1)?),
        deal: DealId(row.get(2)?),
        media: MediaId(row.get(3)?),
        method: method_of(row, 4)?,
        payer: account_of(row, 5)?,
        count: row.get(7)?,
        quantity: row.get(8)?,
        amount: MicroYuan(row.get(9)?),
        earned: MicroYuan(row.get(10)?),
    };
    Ok((row.get(0)?, line))
}

fn draw_of(row: &Row<'_>) -> rusqlite::Result<(u64, (LeaseId, MicroYuan))> {
    Ok((row.get(0)?, (LeaseId(row.get(1)?), MicroYuan(row.get(2)?))))
}

/// The account in two columns from `first`.
pub(in crate::store::sqlite) fn account_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Account> {
    let kind = AccountKind::from_code(row.get(first)?).ok_or_else(|| unknown(first, "kind of account"))?;
    Ok(Account { kind, owner: row.get(first + 1)? })
}
