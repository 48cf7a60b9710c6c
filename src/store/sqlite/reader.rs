//! The books as they were at one moment: a read-only connection inside one read transaction, so that all answers agree,
//! also while another process serves from the same data folder.

pub(super) mod booked;
pub(super) mod sealed;

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, Row};

use super::claim::Claim;
use super::leases::{LEASE_COLUMNS, lease_of};
use super::schema::{self, OpenError, charge_table};
use super::vault::{self, File};
use super::{closings, facts, journal, ledger, sums};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountKind, Books, ChargeKey, ClickGroup, Clicked, ClosedDay, DaySum, FactHead, FactKind, GrantTerms,
    Group, GroupKey, Journaled, KeptCommitment, KeptFact, Kinds, LeasePart, LeaseRecord, Measure, Method, Position,
    Sealed, Standing, StoreUnavailable, Stored, Tally, Totals, TransactionKind, Whose,
};
use crate::ids::{AuctionId, BuyerId, DealId, IdBook, IdKind, LeaseId, MediaId};
use crate::money::MicroYuan;
use crate::store::funds::{self, Vault};

/// A read-only view of a data folder. Keep it shortly: the log cannot be emptied past it.
#[derive(Debug)]
pub struct SqliteReader(Connection);

impl SqliteReader {
    /// Opens the data folder as it is now; whoever serves from it is not disturbed.
    ///
    /// # Errors
    /// [`OpenError`] when there is no store of this program's schema.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let connection = schema::open_for_reading(folder)?;
        // The transaction starts with its first read.
        let begin = connection.execute_batch("BEGIN; SELECT count(*) FROM charge_day;");
        begin.map_err(|source| OpenError::database(&schema::file_in(folder), source))?;
        Ok(Self(connection))
    }

    /// Opens the data folder, brought to this program's schema; `None` where there is no store yet.
    ///
    /// # Errors
    /// [`OpenError`], also when it is older and another process works on it.
    pub fn open_current(folder: &Path, now: UnixMillis) -> Result<Option<Self>, OpenError> {
        if !schema::file_in(folder).exists() {
            return Ok(None);
        }
        let claim = Claim::as_visitor(folder, now)?;
        let opened = Self::open(folder).map(Some);
        drop(claim);
        opened
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }

    fn rows<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreUnavailable> {
        rows(&self.0, sql, parameters, read)
    }
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreUnavailable> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A stored code that this program does not know, as an error of its column.
pub(super) fn unknown(column: usize, what: &str) -> rusqlite::Error {
    let cause = StoreUnavailable(format!("unknown {what}"));
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Integer, Box::new(cause))
}

pub(super) fn method_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Method> {
    Method::from_code(row.get(column)?).ok_or_else(|| unknown(column, "method"))
}

fn charge_of(row: &Row<'_>) -> rusqlite::Result<Journaled> {
    Ok(Journaled {
        seq: row.get(0)?,
        auction: AuctionId::from_bytes(row.get(1)?),
        imp: row.get(2)?,
        slot: row.get(3)?,
        resolution: row.get(4)?,
        version: row.get(5)?,
        media: MediaId(row.get(6)?),
        placement: row.get(7)?,
        dsp: row.get(8)?,
        buyer: BuyerId(row.get(9)?),
        advertiser: row.get(10)?,
        deal: DealId(row.get(11)?),
        creative: row.get(12)?,
        creative_version: row.get(13)?,
        method: method_of(row, 14)?,
        lease: LeaseId(row.get(15)?),
        quantity: row.get(16)?,
        price: row.get(17)?,
        earning: row.get(18)?,
        amount: MicroYuan(row.get(19)?),
        earned: MicroYuan(row.get(20)?),
        at: UnixMillis(row.get(21)?),
        via: row.get(22)?,
        displayed_ms: row.get(23)?,
    })
}

fn clicked_of(row: &Row<'_>) -> rusqlite::Result<Clicked> {
    Ok(Clicked {
        auction: AuctionId::from_bytes(row.get(0)?),
        imp: row.get(1)?,
        slot: row.get(2)?,
        media: MediaId(row.get(3)?),
        placement: row.get(4)?,
        dsp: row.get(5)?,
        buyer: BuyerId(row.get(6)?),
        advertiser: row.get(7)?,
        deal: DealId(row.get(8)?),
        creative: row.get(9)?,
        creative_version: row.get(10)?,
        first_at: UnixMillis(row.get(11)?),
        last_at: UnixMillis(row.get(12)?),
        times: row.get(13)?,
    })
}

impl Books for SqliteReader {
    fn head_seq(&self) -> Result<u64, StoreUnavailable> {
        journal::head_seq(&self.0)
    }

    fn charges(&self, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable> {
        let range = (after.cast_signed(), after.saturating_add(limit.into()).cast_signed());
        let mut found = Vec::new();
        for day in journal::days_after(&self.0, after)? {
            let sql = format!("SELECT * FROM {} WHERE seq > ?1 AND seq <= ?2 ORDER BY seq", charge_table(day));
            let of_day = self.rows(&sql, range, charge_of)?;
            if let Some(stray) = of_day.iter().find(|row| row.day() != day) {
                let text = format!("charge {} of {} is in the table of {day}", stray.seq, stray.day());
                return Err(StoreUnavailable(text));
            }
            found.extend(of_day);
        }
        found.sort_by_key(|row| row.seq);
        Ok(found)
    }

    fn doubled_charge(&self) -> Result<Option<u64>, StoreUnavailable> {
        for day in journal::days(&self.0)? {
            let sql = format!(
                "SELECT max(seq) FROM {} GROUP BY auction, imp, slot HAVING count(*) > 1 LIMIT 1",
                charge_table(day)
            );
            if let Some(seq) = self.rows(&sql, (), |row| row.get(0))?.first() {
                return Ok(Some(*seq));
            }
        }
        Ok(None)
    }

    fn cursor(&self) -> Result<u64, StoreUnavailable> {
        booked::cursor(&self.0)
    }

    fn day_digest(&self, day: ShanghaiDay) -> Result<[u8; 32], StoreUnavailable> {
        booked::day_digest(&self.0, day)
    }

    fn deliveries_of(&self, day: ShanghaiDay, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable> {
        booked::deliveries_of(&self.0, day, after, limit)
    }

    fn charges_of(&self, day: ShanghaiDay, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable> {
        if !journal::days(&self.0)?.contains(&day) {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT * FROM {} WHERE seq > ?1 ORDER BY seq LIMIT ?2", charge_table(day));
        self.rows(&sql, (after.cast_signed(), limit), charge_of)
    }

    fn sealable(&self, now: UnixMillis) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
        sealed::sealable(&self.0, now)
    }

    fn seals(&self) -> Result<Vec<Sealed>, StoreUnavailable> {
        sealed::seals(&self.0)
    }

    fn groups(&self, day: ShanghaiDay, after: Option<GroupKey>, limit: u32) -> Result<Vec<Group>, StoreUnavailable> {
        sealed::groups(&self.0, day, after, limit)
    }

    fn click_groups(&self, day: ShanghaiDay) -> Result<Vec<ClickGroup>, StoreUnavailable> {
        sealed::click_groups(&self.0, day)
    }

    fn transactions(&self, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable> {
        booked::transactions(&self.0, after, limit)
    }

    fn day_sums(
        &self,
        first: ShanghaiDay,
        last: ShanghaiDay,
        buyer: Option<BuyerId>,
    ) -> Result<Vec<DaySum>, StoreUnavailable> {
        sums::between(&self.0, first, last, buyer)
    }

    fn balances(&self) -> Result<Vec<(Account, MicroYuan)>, StoreUnavailable> {
        sums::balances(&self.0)
    }

    fn leases(&self, after: u64, limit: u32) -> Result<Vec<LeaseRecord>, StoreUnavailable> {
        let sql = format!("SELECT {LEASE_COLUMNS} FROM lease WHERE id > ?1 ORDER BY id LIMIT ?2");
        self.rows(&sql, (after.cast_signed(), limit), lease_of)
    }

    fn lease_parts(&self, leases: &[LeaseId]) -> Result<Vec<(LeaseId, Vec<LeasePart>)>, StoreUnavailable> {
        leases.iter().map(|lease| Ok((*lease, vault::parts(&self.0, *lease)?))).collect()
    }

    fn drawn(&self, leases: &[LeaseId]) -> Result<Vec<(LeaseId, MicroYuan)>, StoreUnavailable> {
        sums::drawn(&self.0, leases)
    }

    fn grants(&self) -> Result<Vec<GrantTerms>, StoreUnavailable> {
        vault::grants(&self.0)
    }

    fn standing(&self, buyer: BuyerId) -> Result<Standing, StoreUnavailable> {
        Ok(File(&self.0).standing(buyer)?.0)
    }

    fn commitments(&self, from: ShanghaiDay, to: ShanghaiDay) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
        ledger::commitments(&self.0, from, to)
    }

    fn closable(&self, now: UnixMillis, passing: &BTreeSet<DealId>) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
        closings::closable(&self.0, now, passing)
    }

    fn closed_days(&self) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
        self.rows("SELECT DISTINCT day FROM day_closing ORDER BY day", (), |row| row.get(0).map(ShanghaiDay))
    }

    fn closings(&self, first: ShanghaiDay, last: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable> {
        closings::between(&self.0, first, last)
    }

    fn closings_of(
        &self,
        buyer: BuyerId,
        deal: Option<DealId>,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Result<Vec<ClosedDay>, StoreUnavailable> {
        closings::of_buyer(&self.0, buyer, deal, first, last)
    }

    fn made_good_on(&self, day: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable> {
        closings::made_good_on(&self.0, day)
    }

    fn positions(&self, now: UnixMillis) -> Result<Vec<Position>, StoreUnavailable> {
        let open = vault::open_parts(&self.0, now.0.cast_signed())?;
        funds::positions(&File(&self.0), vault::pots(&self.0)?, open)
    }

    fn positions_of(&self, buyer: BuyerId, now: UnixMillis) -> Result<Vec<Position>, StoreUnavailable> {
        let open = vault::open_parts(&self.0, now.0.cast_signed())?;
        let file = File(&self.0);
        funds::positions(&file, file.purses_of(buyer)?, open)
    }

    fn totals(&self) -> Result<Totals, StoreUnavailable> {
        let sealed = "SELECT coalesce(sum(count), 0), coalesce(sum(amount), 0) FROM sealed_charge
                      JOIN gone_day USING (day) WHERE resolution = 0";
        let gone: (u64, i64) = self.0.query_row(sealed, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut totals = Totals { posted_count: gone.0, posted: MicroYuan(gone.1), ledger: MicroYuan::ZERO };
        for day in journal::days(&self.0)? {
            let sql =
                format!("SELECT count(*), coalesce(sum(amount), 0) FROM {} WHERE resolution = 0", charge_table(day));
            let of_day: (u64, i64) = self.0.query_row(&sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
            totals.posted_count += of_day.0;
            totals.posted += MicroYuan(of_day.1);
        }
        let payers = AccountKind::ALL.iter().filter(|kind| kind.pays_for_delivery());
        let payers: Vec<String> = payers.map(|kind| kind.code().to_string()).collect();
        let sql = format!(
            "SELECT coalesce(sum(amount), 0) FROM ledger_entry JOIN ledger_transaction ON id = transaction_id
             WHERE kind = ?1 AND account_kind IN ({})",
            payers.join(", ")
        );
        totals.ledger = self.0.query_row(&sql, [TransactionKind::Delivery.code()], |row| row.get(0).map(MicroYuan))?;
        Ok(totals)
    }

    fn tallies_of(&self, day: ShanghaiDay) -> Result<Vec<Tally>, StoreUnavailable> {
        let sql =
            "SELECT deal, measure, sum(count) FROM tally WHERE day = ?1 GROUP BY deal, measure ORDER BY deal, measure";
        self.rows(sql, [day.0], |row| {
            let measure = Measure::from_code(row.get(1)?).ok_or_else(|| unknown(1, "measure"))?;
            Ok(Tally { day, deal: DealId(row.get(0)?), measure, count: row.get(2)? })
        })
    }

    fn posted_of(&self, day: ShanghaiDay) -> Result<Vec<(DealId, u64)>, StoreUnavailable> {
        let deal = |row: &Row<'_>| Ok((DealId(row.get(0)?), row.get(1)?));
        if journal::days(&self.0)?.contains(&day) {
            let table = charge_table(day);
            let sql = format!("SELECT deal, count(*) FROM {table} WHERE resolution = 0 GROUP BY deal ORDER BY deal");
            return self.rows(&sql, (), deal);
        }
        let sealed = "SELECT deal, sum(count) FROM sealed_charge JOIN sealed_day USING (day)
                      WHERE day = ?1 AND resolution = 0 GROUP BY deal ORDER BY deal";
        self.rows(sealed, [day.0], deal)
    }

    fn clicks(&self, day: ShanghaiDay, after: Option<ChargeKey>, limit: u32) -> Result<Vec<Clicked>, StoreUnavailable> {
        let there = "SELECT 1 FROM click_day WHERE day = ?1 AND day NOT IN (SELECT day FROM gone_day)";
        if !self.0.prepare_cached(there)?.exists([day.0])? {
            return Ok(Vec::new());
        }
        let (auction, imp, slot) = match after {
            Some(key) => (key.auction.to_bytes().to_vec(), i32::from(key.imp.0), i32::from(key.slot.0)),
            None => (Vec::new(), -1, -1),
        };
        let table = schema::click_table(day);
        let sql = format!(
            "SELECT * FROM {table} WHERE (auction, imp, slot) > (?1, ?2, ?3) ORDER BY auction, imp, slot LIMIT ?4"
        );
        self.rows(&sql, (auction, imp, slot, limit), clicked_of)
    }

    fn facts_of(&self, kinds: Kinds, whose: Whose, after: u64, limit: u32) -> Result<Vec<KeptFact>, StoreUnavailable> {
        facts::of(&self.0, kinds, whose, (after, limit))
    }

    fn fact_heads(
        &self,
        kind: FactKind,
        whose: Whose,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Result<Vec<FactHead>, StoreUnavailable> {
        facts::heads(&self.0, kind, whose, (first, last))
    }

    fn fact(&self, kind: FactKind, reference: &str) -> Result<Option<KeptFact>, StoreUnavailable> {
        facts::named(&self.0, kind, reference)
    }

    fn last_fact(&self) -> Result<u64, StoreUnavailable> {
        facts::last(&self.0)
    }

    fn load_ids(&self) -> Result<IdBook, StoreUnavailable> {
        let mut book = IdBook::default();
        let stored = self.rows("SELECT kind, number, wire FROM identity ORDER BY kind, number", (), |row| {
            let code: u8 = row.get(0)?;
            let kind = IdKind::ALL.iter().copied().find(|kind| kind.code() == code);
            Ok((kind.ok_or_else(|| unknown(0, "kind of id"))?, row.get(1)?, row.get::<_, Box<str>>(2)?))
        })?;
        for (kind, number, wire) in stored {
            book.restore(kind, number, &wire);
        }
        Ok(book)
    }
}
