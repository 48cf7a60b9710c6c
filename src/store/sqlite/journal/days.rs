//! Which days have a table of charges, and which take no more.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::StoreUnavailable;
use crate::ids::AuctionId;
use crate::store::sqlite::schema::charge_table;

/// What the journal's thread knows of its days.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// Those with a table of charges.
    pub(super) tables: HashSet<ShanghaiDay>,
    /// Those that are sealed.
    sealed: HashSet<ShanghaiDay>,
    /// From each backup that was restored to its restoring: what was won then is not known here.
    lost: Vec<(UnixMillis, UnixMillis)>,
}

impl Days {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreUnavailable> {
        let sealed = read(connection, "SELECT day FROM sealed_day")?.into_iter().collect();
        let mut lost = connection.prepare_cached("SELECT taken_at_ms, restored_at_ms FROM restored")?;
        let lost = lost.query_map((), |row| Ok((UnixMillis(row.get(0)?), UnixMillis(row.get(1)?))))?;
        let lost = lost.collect::<Result<_, _>>()?;
        Ok(Self { tables: days(connection)?.into_iter().collect(), sealed, lost })
    }

    /// Whether a day takes no more.
    pub(super) fn is_sealed(&self, day: ShanghaiDay) -> bool {
        self.sealed.contains(&day)
    }

    /// Whether an auction belonged to a disk that was lost.
    pub(super) fn is_lost(&self, auction: AuctionId) -> bool {
        let at = auction.at();
        self.lost.iter().any(|(taken, restored)| *taken < at && at <= *restored)
    }
}

/// The days that have a table of charges, in order; not those whose detail was let go.
pub(in crate::store::sqlite) fn days(connection: &Connection) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
    read(connection, "SELECT day FROM charge_day WHERE day NOT IN (SELECT day FROM gone_day) ORDER BY day")
}

/// Those of them that may have rows above `after`: a sealed day has none above its last.
pub(in crate::store::sqlite) fn days_after(
    connection: &Connection,
    after: u64,
) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
    let mut passed = connection.prepare_cached("SELECT day FROM sealed_day WHERE last_seq <= ?1")?;
    let passed: HashSet<_> = passed
        .query_map([i64::try_from(after).unwrap_or(i64::MAX)], |row| row.get(0).map(ShanghaiDay))?
        .collect::<Result<_, _>>()?;
    Ok(days(connection)?.into_iter().filter(|day| !passed.contains(day)).collect())
}

/// The last row of the journal, over all days, also those that are gone; 0 for none.
pub(in crate::store::sqlite) fn head_seq(connection: &Connection) -> Result<u64, StoreUnavailable> {
    let sealed = "SELECT coalesce(max(last_seq), 0) FROM sealed_day";
    let mut head = connection.query_row(sealed, (), |row| row.get(0))?;
    for day in read(connection, "SELECT day FROM charge_day WHERE day NOT IN (SELECT day FROM sealed_day)")? {
        let sql = format!("SELECT coalesce(max(seq), 0) FROM {}", charge_table(day));
        head = u64::max(head, connection.query_row(&sql, (), |row| row.get(0))?);
    }
    Ok(head)
}

fn read(connection: &Connection, sql: &str) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
    let mut statement = connection.prepare_cached(sql)?;
    let days = statement.query_map((), |row| row.get(0).map(ShanghaiDay))?;
    Ok(days.collect::<Result<_, _>>()?)
}
