//! Nodes and leases on the write connection.

use rusqlite::{Connection, OptionalExtension, Row};

use super::reader::unknown;
use super::vault::{self, File};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Lease, LeaseRecord, LeaseRequest, LeaseState, Source, StoreUnavailable};
use crate::ids::{AdvertiserId, Boot, BuyerId, DealId, LeaseId, NodeId};
use crate::money::MicroYuan;
use crate::store::funds;

/// Boot numbers have 24 bits in an auction id.
const BOOTS: u32 = 1 << 24;

/// The columns that a lease is read from, in order.
pub(super) const LEASE_COLUMNS: &str = "id, source_kind, source_owner, source_day, buyer, amount, awarded, posted, \
                                        posted_count, window_ends_ms, closes_at_ms, state";

/// A source as its three stored numbers.
pub(super) fn source_key(source: Source) -> (u8, u32, u32) {
    match source {
        Source::Balance(buyer) => (1, buyer.0, 0),
        Source::Commitment(deal, day) => (2, deal.0, day.0),
        Source::Client(client) => (3, client.0, 0),
    }
}

/// The source in three columns from `first`.
pub(super) fn source_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Source> {
    let (owner, day) = (row.get(first + 1)?, row.get(first + 2)?);
    Ok(match row.get::<_, u8>(first)? {
        1 => Source::Balance(BuyerId(owner)),
        2 => Source::Commitment(DealId(owner), ShanghaiDay(day)),
        3 => Source::Client(AdvertiserId(owner)),
        _ => return Err(unknown(first, "source of leases")),
    })
}

/// Starts this node once more, durably. Leases that an earlier start left open may not be awarded from any more; they stay
/// held in full until they close, because their tokens may still come.
pub(super) fn boot(connection: &Connection, node: NodeId) -> rusqlite::Result<Option<Boot>> {
    let find = "SELECT boot FROM node WHERE node = ?1";
    let before: Option<u32> = connection.query_row(find, [node.0], |row| row.get(0)).optional()?;
    let boot = before.map_or(1, |before| before + 1);
    if boot >= BOOTS {
        return Ok(None);
    }
    connection.execute("INSERT OR REPLACE INTO node VALUES (?1, ?2)", (node.0, boot))?;
    connection.execute("UPDATE lease SET state = 1, awarded = amount WHERE state = 0 AND node = ?1", [node.0])?;
    Ok(Some(Boot(boot)))
}

pub(super) fn lease_of(row: &Row<'_>) -> rusqlite::Result<LeaseRecord> {
    Ok(LeaseRecord {
        id: LeaseId(row.get(0)?),
        source: source_of(row, 1)?,
        buyer: BuyerId(row.get(4)?),
        amount: MicroYuan(row.get(5)?),
        awarded: row.get::<_, Option<i64>>(6)?.map(MicroYuan),
        posted: MicroYuan(row.get(7)?),
        posted_count: row.get(8)?,
        window_ends: UnixMillis(row.get(9)?),
        closes_at: UnixMillis(row.get(10)?),
        state: match row.get::<_, u8>(11)? {
            0 => LeaseState::Open,
            1 => LeaseState::Retired,
            _ => LeaseState::Closed,
        },
    })
}

pub(super) fn load(connection: &Connection, id: LeaseId) -> rusqlite::Result<Option<LeaseRecord>> {
    let mut find = connection.prepare_cached(&format!("SELECT {LEASE_COLUMNS} FROM lease WHERE id = ?1"))?;
    find.query_row([id.0.cast_signed()], lease_of).optional()
}

/// Keeps what was posted under a lease.
pub(super) fn save_posted(connection: &Connection, lease: &LeaseRecord) -> rusqlite::Result<()> {
    let mut save = connection.prepare_cached("UPDATE lease SET posted = ?2, posted_count = ?3 WHERE id = ?1")?;
    save.execute((lease.id.0.cast_signed(), lease.posted.0, lease.posted_count.cast_signed()))?;
    Ok(())
}

fn save_state(connection: &Connection, lease: &LeaseRecord) -> rusqlite::Result<()> {
    let mut save = connection.prepare_cached("UPDATE lease SET awarded = ?2, state = ?3 WHERE id = ?1")?;
    save.execute((lease.id.0.cast_signed(), lease.awarded.map(|awarded| awarded.0), lease.state as u8))?;
    Ok(())
}

pub(super) fn grant(
    connection: &Connection,
    node: NodeId,
    boot: Boot,
    request: &LeaseRequest,
) -> Result<Option<Lease>, StoreUnavailable> {
    let Some(parts) = funds::lease(&mut File(connection), request)? else { return Ok(None) };
    let amount: MicroYuan = parts.iter().map(|part| part.amount).sum();
    let (kind, owner, day) = source_key(request.source);
    // Numbered on after a restore, where the lost disk may have given the next numbers.
    let next = "SELECT max((SELECT coalesce(max(id), 0) + 1 FROM lease), (SELECT coalesce(max(first_lease), 1) FROM restored))";
    let id: i64 = connection.prepare_cached(next)?.query_row((), |row| row.get(0))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO lease (id, source_kind, source_owner, source_day, buyer, node, boot, amount, window_ends_ms, closes_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let (ends, closes) = (request.window_ends.0.cast_signed(), request.closes_at.0.cast_signed());
    insert.execute((id, kind, owner, day, request.buyer.0, node.0, boot.0, amount.0, ends, closes))?;
    let id = LeaseId(id.cast_unsigned());
    vault::keep_parts(connection, id, &parts)?;
    Ok(Some(Lease { id, source: request.source, amount, window_ends: request.window_ends }))
}

pub(super) fn retire(connection: &Connection, id: LeaseId, awarded: MicroYuan) -> Result<(), StoreUnavailable> {
    let Some(mut lease) = load(connection, id)? else { return Ok(()) };
    let parts = vault::parts(connection, id)?;
    if funds::retire(&mut File(connection), &mut lease, &parts, awarded)? {
        save_state(connection, &lease)?;
    }
    Ok(())
}

pub(super) fn close_dead(connection: &Connection, now: UnixMillis) -> Result<u64, StoreUnavailable> {
    let sql = format!("SELECT {LEASE_COLUMNS} FROM lease WHERE state <> 2 AND closes_at_ms <= ?1 ORDER BY id");
    let mut find = connection.prepare_cached(&sql)?;
    let dead: Vec<_> = find.query_map([now.0.cast_signed()], lease_of)?.collect::<Result<_, _>>()?;
    for mut lease in dead.iter().copied() {
        let parts = vault::parts(connection, lease.id)?;
        funds::close(&mut File(connection), &mut lease, &parts)?;
        save_state(connection, &lease)?;
    }
    Ok(dead.len() as u64)
}
