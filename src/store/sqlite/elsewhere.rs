//! What the other processes of a data folder did: read on a connection that stays open, so often that each second counts.

use std::sync::PoisonError;

use rusqlite::Connection;

use super::{SqliteStore, schema};
use crate::clock::ShanghaiDay;
use crate::event::{Measure, StoreUnavailable, Tally, TransactionKind};
use crate::ids::DealId;

/// How the market stands in the store, whoever has changed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// The newest generation; 0 for none.
    pub generation: u64,
    /// Whether it is pinned.
    pub pinned: bool,
    /// The number of the last kill switch that was thrown or lifted; 0 for none.
    pub switches: u64,
    /// The number of the last money record that was entered; 0 for none.
    pub facts: u64,
}

impl SqliteStore {
    /// How the market stands now: four look-ups.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be read.
    pub fn pulse(&self) -> Result<Pulse, StoreUnavailable> {
        let newest = "SELECT coalesce(max(number), 0), coalesce((SELECT pinned FROM generation ORDER BY number DESC LIMIT 1), 0),
                      (SELECT coalesce(max(seq), 0) FROM suspension), (SELECT coalesce(max(seq), 0) FROM fact) FROM generation";
        self.glance(|connection| {
            Ok(connection.prepare_cached(newest)?.query_row((), |row| {
                Ok(Pulse { generation: row.get(0)?, pinned: row.get(1)?, switches: row.get(2)?, facts: row.get(3)? })
            })?)
        })
    }

    /// Whether a top-up was booked under that reference.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be read.
    pub fn has_top_up(&self, reference: &str) -> Result<bool, StoreUnavailable> {
        let known = "SELECT 1 FROM ledger_transaction WHERE kind = ?1 AND reference = ?2";
        let kind = TransactionKind::TopUp.code();
        self.glance(|connection| Ok(connection.prepare_cached(known)?.exists((kind, reference))?))
    }

    /// Whether another node was ever started on the folder.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be read.
    pub fn has_company(&self) -> Result<bool, StoreUnavailable> {
        let Some((node, _)) = self.node else { return Ok(false) };
        let others = "SELECT 1 FROM node WHERE node <> ?1 LIMIT 1";
        self.glance(|connection| Ok(connection.prepare_cached(others)?.exists([node.0])?))
    }

    /// What this node has counted on a day, over all its starts.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be read.
    pub fn counts_here(&self, day: ShanghaiDay) -> Result<Vec<Tally>, StoreUnavailable> {
        let Some((node, _)) = self.node else { return Ok(Vec::new()) };
        let of_day = "SELECT deal, measure, count FROM tally WHERE day = ?1 AND node = ?2";
        self.glance(|connection| {
            let mut find = connection.prepare_cached(of_day)?;
            let rows = find.query_map((day.0, node.0), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let rows: Vec<(u32, u16, u64)> = rows.collect::<Result<_, _>>()?;
            let tally = |(deal, code, count)| {
                let measure =
                    Measure::from_code(code).ok_or_else(|| StoreUnavailable(format!("unknown measure {code}")))?;
                Ok(Tally { day, deal: DealId(deal), measure, count })
            };
            rows.into_iter().map(tally).collect()
        })
    }

    /// What other nodes have counted of some deals on a day: one row for each deal and measure that any of them has counted. Costs a look-up
    /// for each.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be read.
    pub fn counts_elsewhere(
        &self,
        day: ShanghaiDay,
        deals: &[DealId],
        measures: &[Measure],
    ) -> Result<Vec<Tally>, StoreUnavailable> {
        let Some((node, _)) = self.node else { return Ok(Vec::new()) };
        self.glance(|connection| {
            let mut sum = connection.prepare_cached(
                "SELECT coalesce(sum(count), 0) FROM tally WHERE day = ?1 AND deal = ?2 AND measure = ?3 AND node <> ?4",
            )?;
            let mut found = Vec::new();
            for deal in deals {
                for measure in measures {
                    let key = (day.0, deal.0, measure.code(), node.0);
                    let count = sum.query_row(key, |row| row.get(0))?;
                    if count > 0 {
                        found.push(Tally { day, deal: *deal, measure: *measure, count });
                    }
                }
            }
            Ok(found)
        })
    }

    /// Reads on the connection that stays open; after an error on a new one.
    fn glance<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreUnavailable>) -> Result<T, StoreUnavailable> {
        let mut kept = self.glances.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match kept.take() {
            Some(connection) => connection,
            None => schema::open_for_reading(&self.folder).map_err(|error| StoreUnavailable(error.to_string()))?,
        };
        let found = read(&connection)?;
        *kept = Some(connection);
        Ok(found)
    }
}
