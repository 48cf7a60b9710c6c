//! What sealed days come to, and which days can be sealed.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{booked, method_of, rows};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{AFTER_MIDNIGHT_MS, ClickGroup, ClickKey, Group, GroupKey, Seal, Sealed, StoreUnavailable};
use crate::ids::{BuyerId, DealId, LeaseId, MediaId};
use crate::money::MicroYuan;
use crate::store::sqlite::schema::charge_table;

/// The days with charges or clicks that can be sealed at `now`.
pub(super) fn sealable(connection: &Connection, now: UnixMillis) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
    let days = "SELECT day FROM (SELECT day FROM charge_day UNION SELECT day FROM click_day)
                WHERE day NOT IN (SELECT day FROM sealed_day) ORDER BY day";
    let mut found = Vec::new();
    for day in rows(connection, days, (), |row| row.get(0).map(ShanghaiDay))? {
        // Later days are not over either.
        if now < day.next().starts_at().plus_ms(AFTER_MIDNIGHT_MS) || leases_stand(connection, day)? {
            break;
        }
        let old = "SELECT 1 FROM ledger_transaction WHERE day = ?1 AND last_seq IS NOT NULL AND rows IS NULL LIMIT 1";
        let old: Option<i64> = connection.query_row(old, [day.0], |row| row.get(0)).optional()?;
        if old.is_none() && last_seq(connection, day)? <= booked::cursor(connection)? {
            found.push(day);
        }
    }
    Ok(found)
}

/// Whether a lease is not closed that may carry charges of a day, or of an earlier one.
pub(in crate::store::sqlite) fn leases_stand(connection: &Connection, day: ShanghaiDay) -> rusqlite::Result<bool> {
    let until = day.next().starts_at().plus_ms(AFTER_MIDNIGHT_MS).0.cast_signed();
    connection.prepare_cached("SELECT 1 FROM lease WHERE state <> 2 AND window_ends_ms <= ?1 LIMIT 1")?.exists([until])
}

/// The last row of a day that has a table; 0 for none.
pub(in crate::store::sqlite) fn last_seq(connection: &Connection, day: ShanghaiDay) -> rusqlite::Result<u64> {
    if !connection.prepare_cached("SELECT 1 FROM charge_day WHERE day = ?1")?.exists([day.0])? {
        return Ok(0);
    }
    let last = format!("SELECT coalesce(max(seq), 0) FROM {}", charge_table(day));
    connection.query_row(&last, (), |row| row.get(0))
}

/// The sealed days in order.
pub(super) fn seals(connection: &Connection) -> Result<Vec<Sealed>, StoreUnavailable> {
    let sql = "SELECT day, sealed_at_ms, rows, last_seq, digest, groups_digest, gone_at_ms
               FROM sealed_day LEFT JOIN gone_day USING (day) ORDER BY day";
    rows(connection, sql, (), |row| {
        let seal = Seal {
            day: ShanghaiDay(row.get(0)?),
            sealed_at: UnixMillis(row.get(1)?),
            rows: row.get(2)?,
            last_seq: row.get(3)?,
            digest: row.get(4)?,
            groups_digest: row.get(5)?,
        };
        Ok(Sealed { seal, gone_at: row.get::<_, Option<u64>>(6)?.map(UnixMillis) })
    })
}

/// Groups of a day with a key above `after`.
pub(super) fn groups(
    connection: &Connection,
    day: ShanghaiDay,
    after: Option<GroupKey>,
    limit: u32,
) -> Result<Vec<Group>, StoreUnavailable> {
    const COLUMNS: &str = "buyer, media, deal, lease, creative, creative_version, method, resolution";
    let Some(after) = after else {
        let first = format!("SELECT * FROM sealed_charge WHERE day = ?1 ORDER BY {COLUMNS} LIMIT ?2");
        return rows(connection, &first, (day.0, limit), group_of);
    };
    let sql = format!(
        "SELECT * FROM sealed_charge WHERE day = ?1 AND ({COLUMNS}) > (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ORDER BY {COLUMNS} LIMIT ?10"
    );
    let GroupKey { buyer, media, deal, lease, creative, creative_version, method, resolution } = after;
    let lease = lease.0.cast_signed();
    let key = (day.0, buyer.0, media.0, deal.0, lease, creative, creative_version, method.code(), resolution, limit);
    rows(connection, &sql, key, group_of)
}

fn group_of(row: &Row<'_>) -> rusqlite::Result<Group> {
    let key = GroupKey {
        buyer: BuyerId(row.get(1)?),
        media: MediaId(row.get(2)?),
        deal: DealId(row.get(3)?),
        lease: LeaseId(row.get(4)?),
        creative: row.get(5)?,
        creative_version: row.get(6)?,
        method: method_of(row, 7)?,
        resolution: row.get(8)?,
    };
    let (amount, earned) = (MicroYuan(row.get(11)?), MicroYuan(row.get(12)?));
    Ok(Group { key, count: row.get(9)?, quantity: row.get(10)?, amount, earned })
}

/// Groups of clicks of a day.
pub(super) fn click_groups(connection: &Connection, day: ShanghaiDay) -> Result<Vec<ClickGroup>, StoreUnavailable> {
    let sql = "SELECT buyer, media, deal, creative, creative_version, ads, clicks FROM sealed_click WHERE day = ?1
               ORDER BY buyer, media, deal, creative, creative_version";
    rows(connection, sql, [day.0], |row| {
        let key = ClickKey {
            buyer: BuyerId(row.get(0)?),
            media: MediaId(row.get(1)?),
            deal: DealId(row.get(2)?),
            creative: row.get(3)?,
            creative_version: row.get(4)?,
        };
        Ok(ClickGroup { key, ads: row.get(5)?, clicks: row.get(6)? })
    })
}
