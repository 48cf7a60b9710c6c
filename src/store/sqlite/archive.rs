//! Sealing days, letting their detail go, and giving its space back: on the write connection, each call one short commit.

use rusqlite::{Connection, OptionalExtension};

use super::reader::sealed::{last_seq, leases_stand};
use super::schema::{charge_table, click_table};
use super::vault::File;
use super::{SqliteStore, reader};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Archive, BookError, Booking, ClickGroup, DayClosing, Group, Seal, StoreUnavailable};
use crate::ids::DealId;
use crate::store::closing;

impl SqliteStore {
    /// Days are sealed and let go in several commits, by the process that leads.
    fn must_lead(&self) -> Result<(), StoreUnavailable> {
        if self.leads() {
            return Ok(());
        }
        Err(StoreUnavailable("another process seals days and lets them go".to_owned()))
    }
}

impl Archive for SqliteStore {
    fn lay(&self, day: ShanghaiDay, charges: &[Group], clicks: &[ClickGroup]) -> Result<(), StoreUnavailable> {
        self.must_lead()?;
        let (charges, clicks) = (charges.to_vec(), clicks.to_vec());
        self.call(move |connection, _| lay(connection, day, &charges, &clicks))
    }

    fn clear(&self, day: ShanghaiDay, limit: u32) -> Result<bool, StoreUnavailable> {
        self.must_lead()?;
        self.call(move |connection, _| clear(connection, day, limit))
    }

    fn seal(&self, seal: &Seal) -> Result<(), StoreUnavailable> {
        self.must_lead()?;
        let seal = *seal;
        self.call(move |connection, writer| {
            writer.forget_days();
            put(connection, &seal)
        })
    }

    fn close_day(&self, closing: &DayClosing, now: UnixMillis) -> Result<Booking, BookError> {
        let closing = closing.clone();
        self.call(move |connection, _| closing::close(&mut File(connection), &closing, now))
    }

    fn exempt_day(
        &self,
        deal: DealId,
        day: ShanghaiDay,
        made_good_on: Option<ShanghaiDay>,
        now: UnixMillis,
    ) -> Result<Booking, BookError> {
        self.call(move |connection, _| closing::exempt(&mut File(connection), (deal, day), made_good_on, now))
    }

    fn let_go(&self, day: ShanghaiDay, now: UnixMillis) -> Result<(), StoreUnavailable> {
        self.must_lead()?;
        self.call(move |connection, writer| {
            writer.forget_days();
            let_go(connection, day, now)
        })
    }

    fn sweep(&self, limit: u32) -> Result<bool, StoreUnavailable> {
        self.must_lead()?;
        // Looked for on a connection of its own: mostly there is nothing.
        match remains(self.reader()?.connection())? {
            Some(table) => self.call(move |connection, _| sweep(connection, &table, limit)).map(|()| true),
            None => Ok(false),
        }
    }
}

fn lay(
    connection: &Connection,
    day: ShanghaiDay,
    charges: &[Group],
    clicks: &[ClickGroup],
) -> Result<(), StoreUnavailable> {
    let mut insert = connection
        .prepare_cached("INSERT INTO sealed_charge VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")?;
    for Group { key, count, quantity, amount, earned } in charges {
        let (buyer, media, deal, lease) = (key.buyer.0, key.media.0, key.deal.0, key.lease.0.cast_signed());
        let (creative, version, method) = (key.creative, key.creative_version, key.method.code());
        let key = (day.0, buyer, media, deal, lease, creative, version, method, key.resolution);
        let (count, quantity) = (count.cast_signed(), quantity.cast_signed());
        insert.execute((
            key.0, key.1, key.2, key.3, key.4, key.5, key.6, key.7, key.8, count, quantity, amount.0, earned.0,
        ))?;
    }
    let mut insert = connection.prepare_cached("INSERT INTO sealed_click VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for ClickGroup { key, ads, clicks } in clicks {
        let (buyer, media, deal) = (key.buyer.0, key.media.0, key.deal.0);
        let counts = (ads.cast_signed(), clicks.cast_signed());
        insert.execute((day.0, buyer, media, deal, key.creative, key.creative_version, counts.0, counts.1))?;
    }
    Ok(())
}

fn clear(connection: &Connection, day: ShanghaiDay, limit: u32) -> Result<bool, StoreUnavailable> {
    // Tables without a rowid have no other way to say "the first so many".
    let key = "day, buyer, media, deal, lease, creative, creative_version, method, resolution";
    let some = format!(
        "DELETE FROM sealed_charge WHERE ({key}) IN (SELECT {key} FROM sealed_charge WHERE day = ?1 ORDER BY {key} LIMIT ?2)"
    );
    let cleared = connection.prepare_cached(&some)?.execute((day.0, limit))?;
    let clicks = connection.prepare_cached("DELETE FROM sealed_click WHERE day = ?1")?.execute([day.0])?;
    Ok(cleared + clicks > 0)
}

fn put(connection: &Connection, seal: &Seal) -> Result<(), StoreUnavailable> {
    let refuse = |why: &str| Err(StoreUnavailable(format!("{} cannot be sealed: {why}", seal.day)));
    if leases_stand(connection, seal.day)? {
        return refuse("a lease that may carry its charges is not closed");
    }
    if last_seq(connection, seal.day)? != seal.last_seq {
        return refuse("its last row is another");
    }
    if reader::booked::cursor(connection)? < seal.last_seq {
        return refuse("the ledger is not past its last row");
    }
    // Should another process have begun anew in between, not all of them are there.
    let laid = "SELECT coalesce(sum(count), 0) FROM sealed_charge WHERE day = ?1";
    let laid: u64 = connection.prepare_cached(laid)?.query_row([seal.day.0], |row| row.get(0))?;
    let known =
        "SELECT EXISTS (SELECT 1 FROM click_day WHERE day = ?1) = EXISTS (SELECT 1 FROM sealed_click WHERE day = ?1)";
    let clicks: bool = connection.prepare_cached(known)?.query_row([seal.day.0], |row| row.get(0))?;
    if laid != seal.rows || !clicks {
        return refuse("its groups are not all laid down");
    }
    let (rows, last) = (seal.rows.cast_signed(), seal.last_seq.cast_signed());
    connection.execute(
        "INSERT INTO sealed_day VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (seal.day.0, seal.sealed_at.0.cast_signed(), rows, last, seal.digest, seal.groups_digest),
    )?;
    for table in tables(connection, seal.day)? {
        connection.execute_batch(&format!(
            "CREATE TRIGGER {table}_shut BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'the day is sealed'); END;"
        ))?;
    }
    Ok(())
}

fn let_go(connection: &Connection, day: ShanghaiDay, now: UnixMillis) -> Result<(), StoreUnavailable> {
    // A day that is not sealed is refused by the file itself.
    connection.execute("INSERT INTO gone_day VALUES (?1, ?2)", (day.0, now.0.cast_signed()))?;
    for table in tables(connection, day)? {
        connection.execute_batch(&format!("DROP TRIGGER {table}_keep; DROP TRIGGER {table}_stay;"))?;
    }
    Ok(())
}

/// Which of a day's two tables are there.
fn tables(connection: &Connection, day: ShanghaiDay) -> Result<Vec<String>, StoreUnavailable> {
    let mut there = connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
    let mut found = Vec::new();
    for table in [charge_table(day), click_table(day)] {
        if there.exists([&table])? {
            found.push(table);
        }
    }
    Ok(found)
}

/// The first table of a day that is gone.
fn remains(connection: &Connection) -> Result<Option<String>, StoreUnavailable> {
    for day in reader::rows(connection, "SELECT day FROM gone_day ORDER BY day DESC", (), |row| row.get(0))? {
        if let Some(table) = tables(connection, ShanghaiDay(day))?.pop() {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Takes the first rows out of a table that is gone, and the table itself with its last rows.
fn sweep(connection: &Connection, table: &str, limit: u32) -> Result<(), StoreUnavailable> {
    let key = if table.starts_with("charge") { "seq" } else { "auction" };
    let bound = format!("SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET ?1");
    let bound: Option<rusqlite::types::Value> = connection.query_row(&bound, [limit], |row| row.get(0)).optional()?;
    match bound {
        Some(bound) => {
            let swept = connection.execute(&format!("DELETE FROM {table} WHERE {key} < ?1"), [&bound])?;
            // More ads of one auction than the limit: such an auction does not exist, and would go on for ever.
            if swept == 0 {
                connection.execute(&format!("DELETE FROM {table} WHERE {key} = ?1"), [&bound])?;
            }
        }
        None => connection.execute_batch(&format!("DROP TABLE {table}"))?,
    }
    Ok(())
}
