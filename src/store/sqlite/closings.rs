//! Closed days of guaranteed deals as the file keeps them, and which days can be closed.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::ledger;
use super::reader::sealed::leases_stand;
use super::reader::{rows, unknown};
use super::vault::File;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{AFTER_MIDNIGHT_MS, Cause, ClosedDay, DayClosing, KeptCommitment, Measure, StoreUnavailable};
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
        Ok(())
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
pub(super) fn closable(connection: &Connection, now: UnixMillis) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
    // Days are closed in order: those before the last one of which something is closed need no second look.
    let open = "SELECT min(day) FROM commitment WHERE ordered IS NOT NULL AND day < ?1
                AND day >= coalesce((SELECT max(day) FROM day_closing), 0)
                AND NOT EXISTS (SELECT 1 FROM day_closing WHERE day_closing.deal = commitment.deal AND day_closing.day = commitment.day)";
    let day: Option<u32> =
        connection.prepare_cached(open)?.query_row([now.shanghai_day().0], |row| row.get(0)).optional()?.flatten();
    let Some(day) = day.map(ShanghaiDay) else { return Ok(Vec::new()) };
    if !is_settled(connection, day, now)? {
        return Ok(Vec::new());
    }
    let of_day = "day = ?1 AND ordered IS NOT NULL
                  AND NOT EXISTS (SELECT 1 FROM day_closing WHERE day_closing.deal = commitment.deal AND day_closing.day = ?1)";
    ledger::commitments_where(connection, of_day, [day.0])
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
    select(connection, "made_good_on = ?1 AND kept > 0", [day.0])
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
    let causes: Vec<((DealId, ShanghaiDay), (Cause, u64))> = rows(connection, &causes, parameters, cause)?;
    for (key, cause) in causes {
        if let Some(one) = places.get(&key).and_then(|place| closed.get_mut(*place)) {
            one.closing.causes.push(cause);
        }
    }
    Ok(closed)
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
    })
}
