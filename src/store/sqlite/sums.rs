//! Delivered by day and balances by account: written with each booking, read by key.

use rusqlite::{Connection, Row};

use super::reader::booked::account_of;
use super::reader::{method_of, rows};
use crate::clock::ShanghaiDay;
use crate::event::{Account, DaySum, Delivered, Draft, StoreUnavailable, SumKey};
use crate::ids::{BuyerId, DealId, MediaId};
use crate::money::MicroYuan;

/// Adds what a transaction says. A sum beyond what SQLite's integers hold is an error of the statement (STRICT tables hold no floats).
pub(super) fn add(connection: &Connection, contents: &Draft) -> rusqlite::Result<()> {
    let mut sum = connection.prepare_cached(
        "INSERT INTO day_sum VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO UPDATE SET
         count = count + excluded.count, quantity = quantity + excluded.quantity, amount = amount + excluded.amount,
         earned = earned + excluded.earned",
    )?;
    for DaySum { key, sums } in contents.day_sums() {
        let (buyer, deal, media, method) = (key.buyer.0, key.deal.0, key.media.0, key.method.code());
        let (payer, owner) = (key.payer.kind.code(), key.payer.owner);
        let (count, quantity) = (sums.count.cast_signed(), sums.quantity.cast_signed());
        let row = (key.day.0, buyer, deal, media, method, payer, owner, count, quantity, sums.amount.0, sums.earned.0);
        sum.execute(row)?;
    }
    let mut balance = connection.prepare_cached(
        "INSERT INTO balance VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
    )?;
    for entry in &contents.entries {
        balance.execute((entry.account.kind.code(), entry.account.owner, entry.amount.0))?;
    }
    Ok(())
}

/// Delivered of the days from `first` to `last`. One buyer's are looked up day by day, so that others' cost nothing.
pub(super) fn between(
    connection: &Connection,
    first: ShanghaiDay,
    last: ShanghaiDay,
    buyer: Option<BuyerId>,
) -> Result<Vec<DaySum>, StoreUnavailable> {
    let Some(buyer) = buyer else {
        let all = "SELECT * FROM day_sum WHERE day BETWEEN ?1 AND ?2 ORDER BY day, buyer, deal, media, method, payer_kind, payer_owner";
        return rows(connection, all, (first.0, last.0), sum_of);
    };
    let own = "WITH RECURSIVE days (number) AS (
                   SELECT min(day) FROM day_sum WHERE day >= ?1
                   UNION ALL SELECT (SELECT min(day) FROM day_sum WHERE day > number) FROM days WHERE number < ?2
               )
               SELECT day_sum.* FROM days CROSS JOIN day_sum ON day = number WHERE number <= ?2 AND buyer = ?3
               ORDER BY day, deal, media, method, payer_kind, payer_owner";
    rows(connection, own, (first.0, last.0, buyer.0), sum_of)
}

fn sum_of(row: &Row<'_>) -> rusqlite::Result<DaySum> {
    let key = SumKey {
        day: ShanghaiDay(row.get(0)?),
        buyer: BuyerId(row.get(1)?),
        deal: DealId(row.get(2)?),
        media: MediaId(row.get(3)?),
        method: method_of(row, 4)?,
        payer: account_of(row, 5)?,
    };
    let (amount, earned) = (MicroYuan(row.get(9)?), MicroYuan(row.get(10)?));
    Ok(DaySum { key, sums: Delivered { count: row.get(7)?, quantity: row.get(8)?, amount, earned } })
}

/// What the entries of each account add up to.
pub(super) fn balances(connection: &Connection) -> Result<Vec<(Account, MicroYuan)>, StoreUnavailable> {
    let all = "SELECT * FROM balance ORDER BY account_kind, account_owner";
    rows(connection, all, (), |row| Ok((account_of(row, 0)?, MicroYuan(row.get(2)?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AccountKind;

    /// Books of before lines said who paid: the method says it, and every impression counts as one.
    #[test]
    fn older_lines_are_paid_by_their_method_and_added_up() {
        let connection = Connection::open_in_memory().unwrap();
        let earlier = [include_str!("0001_first.sql"), include_str!("0003_clicks_seals_backups.sql")];
        earlier.iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        connection
            .execute_batch(
                "INSERT INTO ledger_transaction VALUES (1, 3, 'a', 20000, 0, 1, 5, zeroblob(32), '', 5);
                 INSERT INTO ledger_transaction VALUES (2, 3, 'b', 20000, 0, 6, 9, zeroblob(32), '', 4);
                 INSERT INTO ledger_delivery VALUES (1, 4, 2, 7, 3, 3, 30, 20), (2, 4, 2, 7, 3, 2, 20, 10), (2, 4, 3, 7, 1, 1, 60, 50);
                 INSERT INTO ledger_entry VALUES (1, 200, 4, 30), (1, 300, 7, -20), (1, 400, 0, -10);
                 INSERT INTO ledger_entry VALUES (2, 200, 4, 20), (2, 201, 4, 60), (2, 300, 7, -60), (2, 400, 0, -20);",
            )
            .unwrap();
        connection.execute_batch(include_str!("0007_books.sql")).unwrap();
        let read = super::super::reader::booked::transactions(&connection, 0, 9).unwrap();
        let lines: Vec<_> = read.iter().flat_map(|stored| &stored.contents.lines).collect();
        let (cash, committed) = (Account::cash(BuyerId(4)), Account::committed(BuyerId(4)));
        assert_eq!(lines.iter().map(|line| line.payer).collect::<Vec<_>>(), [cash, cash, committed]);
        assert!(lines.iter().all(|line| line.quantity.is_none()), "unknown");
        let sums = between(&connection, ShanghaiDay(20_000), ShanghaiDay(20_000), Some(BuyerId(4))).unwrap();
        let told: Vec<_> = sums.iter().map(|sum| (sum.key.deal.0, sum.sums.count, sum.sums.quantity)).collect();
        assert_eq!(told, [(2, 5, 5_000), (3, 1, 1_000)]);
        assert_eq!((sums[0].sums.amount, sums[0].sums.earned), (MicroYuan(50), MicroYuan(30)));
        let revenue = (Account::single(AccountKind::ExchangeRevenue), MicroYuan(-30));
        let payable = (Account::payable(MediaId(7)), MicroYuan(-80));
        assert_eq!(
            balances(&connection).unwrap(),
            [(cash, MicroYuan(50)), (committed, MicroYuan(60)), payable, revenue]
        );
    }
}
