//! Closed days of guaranteed deals as the file keeps them, and which days can be closed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row};

use super::ledger;
use super::reader::sealed::leases_stand;
use super::reader::{rows, unknown};
use super::vault::File;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    AFTER_MIDNIGHT_MS, Account, AccountKind, Cause, ClosedDay, DayClosing, Entry, KeptCommitment, LateExemption,
    Measure, StoreUnavailable, TransactionKind,
};
use crate::ids::{BuyerId, DealId};
use crate::money::{CpmMicroYuan, MicroYuan};
use crate::store::closing::Closings;

const COLUMNS: &str = "deal, day, buyer, price, ordered, offered, delivered, made_good, at_cost, failed, exempted, by_buyer, good_until, \
                       made_good_on, closed_at_ms, funded, payable, from_grants, from_cash, owed, kept, released";

impl Closings for File<'_> {
    fn commitment(&self, deal: DealId, day: ShanghaiDay) -> Result<Option<KeptCommitment>, StoreUnavailable> {
        let mut found = ledger::commitments_where(self.0, "deal = ?1 AND day = ?2", (deal.0, day.0))?;
        Ok(found.pop())
    }

    fn first_open(&self, deal: DealId) -> Result<Option<ShanghaiDay>, StoreUnavailable> {
        let first = "SELECT min(day) FROM commitment WHERE deal = ?1 AND ordered IS NOT NULL
                     AND day > coalesce((SELECT max(day) FROM day_closing WHERE deal = ?1), -1)";
        let day: Option<u32> = self.0.prepare_cached(first)?.query_row([deal.0], |row| row.get(0))?;
        Ok(day.map(ShanghaiDay))
    }

    fn closed(&self, deal: DealId, day: ShanghaiDay) -> Result<Option<ClosedDay>, StoreUnavailable> {
        Ok(select(self.0, "deal = ?1 AND day = ?2", (deal.0, day.0))?.pop())
    }

    fn keep_closed(&mut self, closed: &ClosedDay) -> Result<(), StoreUnavailable> {
        let places: Vec<String> = (1..=22).map(|place| format!("?{place}")).collect();
        let sql = format!("INSERT INTO day_closing ({COLUMNS}) VALUES ({})", places.join(", "));
        let closing = &closed.closing;
        let counts = [
            closing.ordered,
            closing.offered,
            closing.delivered,
            closing.made_good,
            closing.at_cost,
            closing.failed,
            closing.exempted,
            closing.by_buyer,
        ];
        let ids = [closing.deal.0, closing.day.0, closing.buyer.0].map(i64::from);
        let money = [closed.payable, closed.from_grants, closed.from_cash, closed.owed, closed.kept, closed.released];
        let head = ids.into_iter().chain([closing.price.micro_yuan_per_mille()]);
        let values = head.chain(counts.map(u64::cast_signed)).chain([i64::from(closing.good_until.0)]).map(Some);
        let values = values.chain([closing.made_good_on.map(|on| i64::from(on.0))]);
        let rest = [closed.closed_at.0.cast_signed(), i64::from(closed.funded)].into_iter();
        let values = values.chain(rest.chain(money.map(|amount| amount.0)).map(Some));
        self.0.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values))?;
        let mut insert = self.0.prepare_cached("INSERT INTO day_closing_cause VALUES (?1, ?2, ?3, ?4)")?;
        for (cause, count) in &closing.causes {
            insert.execute((closing.deal.0, closing.day.0, cause.code(), count.cast_signed()))?;
        }
        let closed = "DELETE FROM open_day WHERE day = ?1 AND deal = ?2";
        self.0.prepare_cached(closed)?.execute((closing.day.0, closing.deal.0))?;
        Ok(())
    }

    fn keep_exempted(
        &mut self,
        deal: DealId,
        day: ShanghaiDay,
        exemption: &LateExemption,
    ) -> Result<(), StoreUnavailable> {
        let LateExemption { at, back, to_grants, kept, made_good_on } = *exemption;
        let on = made_good_on.map(|on| on.0);
        let row = (deal.0, day.0, at.0.cast_signed(), back.0, to_grants.0, kept.0, on);
        self.0.prepare_cached("INSERT INTO day_exemption VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(row)?;
        Ok(())
    }

    fn entries_of(&self, kind: TransactionKind, reference: &str) -> Result<Vec<Entry>, StoreUnavailable> {
        let entries = "SELECT account_kind, account_owner, amount FROM ledger_entry JOIN ledger_transaction ON id = transaction_id
                       WHERE kind = ?1 AND reference = ?2";
        rows(self.0, entries, (kind.code(), reference), |row| {
            let kind = AccountKind::from_code(row.get(0)?).ok_or_else(|| unknown(0, "kind of account"))?;
            Ok(Entry { account: Account { kind, owner: row.get(1)? }, amount: MicroYuan(row.get(2)?) })
        })
    }

    fn balance(&self, account: Account) -> Result<MicroYuan, StoreUnavailable> {
        let balance = "SELECT amount FROM balance WHERE account_kind = ?1 AND account_owner = ?2";
        let mut found = self.0.prepare_cached(balance)?;
        let amount: Option<i64> = found.query_row((account.kind.code(), account.owner), |row| row.get(0)).optional()?;
        Ok(MicroYuan(amount.unwrap_or_default()))
    }

    fn is_settled(&self, day: ShanghaiDay, now: UnixMillis) -> Result<bool, StoreUnavailable> {
        is_settled(self.0, day, now)
    }
}

fn is_settled(connection: &Connection, day: ShanghaiDay, now: UnixMillis) -> Result<bool, StoreUnavailable> {
    if now < day.next().starts_at().plus_ms(AFTER_MIDNIGHT_MS) || leases_stand(connection, day)? {
        return Ok(false);
    }
    let sealed = "SELECT 1 WHERE EXISTS (SELECT 1 FROM sealed_day WHERE day = ?1)
                  OR NOT EXISTS (SELECT 1 FROM charge_day WHERE day = ?1 UNION ALL SELECT 1 FROM click_day WHERE day = ?1)";
    Ok(connection.prepare_cached(sealed)?.exists([day.0])?)
}

/// The first day that has something to close at `now`, with what of it: each the first open day of its deal.
pub(super) fn closable(
    connection: &Connection,
    now: UnixMillis,
    passing: &BTreeSet<DealId>,
) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
    let open = "SELECT day, deal FROM open_day WHERE day < ?1 ORDER BY day, deal";
    let mut open = connection.prepare_cached(open)?;
    let mut open = open.query_map([now.shanghai_day().0], |row| Ok((ShanghaiDay(row.get(0)?), DealId(row.get(1)?))))?;
    let first = open.find(|row| row.as_ref().map_or(true, |(_, deal)| !passing.contains(deal)));
    let Some((day, _)) = first.transpose()? else { return Ok(Vec::new()) };
    if !is_settled(connection, day, now)? {
        return Ok(Vec::new());
    }
    let of_day = "day = ?1 AND ordered IS NOT NULL AND EXISTS (SELECT 1 FROM open_day WHERE open_day.day = ?1 AND open_day.deal = commitment.deal)";
    let mut found = ledger::commitments_where(connection, of_day, [day.0])?;
    found.retain(|kept| !passing.contains(&kept.deal));
    Ok(found)
}

/// Closed days from one to another, in order of day and deal.
pub(super) fn between(
    connection: &Connection,
    first: ShanghaiDay,
    last: ShanghaiDay,
) -> Result<Vec<ClosedDay>, StoreUnavailable> {
    select(connection, "day BETWEEN ?1 AND ?2", (first.0, last.0))
}

/// Closed days of a buyer from one to another, of one of its deals or of all, in order of day and deal.
pub(super) fn of_buyer(
    connection: &Connection,
    buyer: BuyerId,
    deal: Option<DealId>,
    first: ShanghaiDay,
    last: ShanghaiDay,
) -> Result<Vec<ClosedDay>, StoreUnavailable> {
    match deal {
        None => select(connection, "buyer = ?1 AND day BETWEEN ?2 AND ?3", (buyer.0, first.0, last.0)),
        Some(deal) => {
            let of_deal = "buyer = ?1 AND day BETWEEN ?2 AND ?3 AND deal = ?4";
            select(connection, of_deal, (buyer.0, first.0, last.0, deal.0))
        }
    }
}

/// Closed days whose failures are to be made good on a day, in order of deal.
pub(super) fn made_good_on(connection: &Connection, day: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable> {
    let due = "made_good_on = ?1 AND kept > 0
               OR (deal, day) IN (SELECT deal, day FROM day_exemption WHERE made_good_on = ?1 AND kept > 0)";
    select(connection, due, [day.0])
}

fn select(
    connection: &Connection,
    which: &str,
    parameters: impl rusqlite::Params + Clone,
) -> Result<Vec<ClosedDay>, StoreUnavailable> {
    let heads = format!("SELECT {COLUMNS} FROM day_closing WHERE {which} ORDER BY day, deal");
    let mut closed = rows(connection, &heads, parameters.clone(), closed_of)?;
    let places: BTreeMap<_, _> =
        closed.iter().enumerate().map(|(place, one)| ((one.closing.deal, one.closing.day), place)).collect();
    let causes = format!(
        "SELECT deal, day, cause, count FROM day_closing_cause
         WHERE (deal, day) IN (SELECT deal, day FROM day_closing WHERE {which}) ORDER BY deal, day, cause"
    );
    let cause = |row: &Row<'_>| {
        let Some(Measure::Cause(cause)) = Measure::from_code(row.get(2)?) else { return Err(unknown(2, "cause")) };
        Ok(((DealId(row.get(0)?), ShanghaiDay(row.get(1)?)), (cause, row.get(3)?)))
    };
    let causes: Vec<((DealId, ShanghaiDay), (Cause, u64))> = rows(connection, &causes, parameters.clone(), cause)?;
    for (key, cause) in causes {
        if let Some(one) = places.get(&key).and_then(|place| closed.get_mut(*place)) {
            one.closing.causes.push(cause);
        }
    }
    let exemptions = format!(
        "SELECT deal, day, at_ms, back, to_grants, kept, made_good_on FROM day_exemption
         WHERE (deal, day) IN (SELECT deal, day FROM day_closing WHERE {which})"
    );
    for (key, exemption) in rows(connection, &exemptions, parameters, exemption_of)? {
        if let Some(one) = places.get(&key).and_then(|place| closed.get_mut(*place)) {
            one.exemption = Some(exemption);
        }
    }
    Ok(closed)
}

fn exemption_of(row: &Row<'_>) -> rusqlite::Result<((DealId, ShanghaiDay), LateExemption)> {
    let money = |column| row.get(column).map(MicroYuan);
    let (at, made_good_on) = (UnixMillis(row.get(2)?), row.get::<_, Option<u32>>(6)?.map(ShanghaiDay));
    let exemption = LateExemption { at, back: money(3)?, to_grants: money(4)?, kept: money(5)?, made_good_on };
    Ok(((DealId(row.get(0)?), ShanghaiDay(row.get(1)?)), exemption))
}

fn closed_of(row: &Row<'_>) -> rusqlite::Result<ClosedDay> {
    let money = |column| row.get(column).map(MicroYuan);
    let closing = DayClosing {
        deal: DealId(row.get(0)?),
        day: ShanghaiDay(row.get(1)?),
        buyer: BuyerId(row.get(2)?),
        price: CpmMicroYuan::new(row.get(3)?).ok_or_else(|| unknown(3, "price"))?,
        ordered: row.get(4)?,
        offered: row.get(5)?,
        delivered: row.get(6)?,
        made_good: row.get(7)?,
        at_cost: row.get(8)?,
        failed: row.get(9)?,
        exempted: row.get(10)?,
        by_buyer: row.get(11)?,
        causes: Vec::new(),
        good_until: ShanghaiDay(row.get(12)?),
        made_good_on: row.get::<_, Option<u32>>(13)?.map(ShanghaiDay),
    };
    Ok(ClosedDay {
        closing,
        closed_at: UnixMillis(row.get(14)?),
        funded: row.get(15)?,
        payable: money(16)?,
        from_grants: money(17)?,
        from_cash: money(18)?,
        owed: money(19)?,
        kept: money(20)?,
        released: money(21)?,
        exemption: None,
    })
}
