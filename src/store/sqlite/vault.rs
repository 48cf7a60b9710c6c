//! Pots, grants and accounts as the file keeps them.

use rusqlite::{Connection, OptionalExtension, Row};

use super::ledger;
use super::reader::{rows, unknown};
use crate::clock::ShanghaiDay;
use crate::event::{
    BookError, Booking, Fund, GrantId, GrantTerms, LeasePart, Pot, Source, Standing, StoreUnavailable, Transaction,
};
use crate::ids::{AdvertiserId, BuyerId, DealId, LeaseId};
use crate::money::MicroYuan;
use crate::store::funds::Vault;
use crate::store::purse::Purse;

/// The file, as the rules of money see it. For reading also on a connection that cannot write.
pub(super) struct File<'c>(pub(super) &'c Connection);

const POT: &str = "state, deal, day, fund_kind, fund_owner";
const MONEY: &str = "buyer, funded, settled, held";
const GRANT: &str = "number, grant_terms.buyer, client, last_day";
const FREE_GRANT: &str = "state = 1 AND fund_kind = 1 AND funded - settled - held > 0";

/// A pot as its five stored numbers.
fn pot_key(pot: Pot) -> (u8, u32, u32, u8, u32) {
    let (state, deal, day) = match pot {
        Pot::Free(_) => (1, 0, 0),
        Pot::Committed(deal, day, _) => (2, deal.0, day.0),
        Pot::MakeGood(deal, day, _) => (3, deal.0, day.0),
    };
    let (kind, owner) = match pot.fund() {
        Fund::Grant(grant) => (1, grant.0),
        Fund::Client(client) => (2, client.0),
        Fund::Cash(buyer) => (3, buyer.0),
        Fund::Credit(buyer) => (4, buyer.0),
    };
    (state, deal, day, kind, owner)
}

/// The pot in five columns from `first`.
fn pot_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Pot> {
    let owner = row.get(first + 4)?;
    let fund = match row.get::<_, u8>(first + 3)? {
        1 => Fund::Grant(GrantId(owner)),
        2 => Fund::Client(AdvertiserId(owner)),
        3 => Fund::Cash(BuyerId(owner)),
        4 => Fund::Credit(BuyerId(owner)),
        _ => return Err(unknown(first + 3, "kind of fund")),
    };
    let (deal, day) = (DealId(row.get(first + 1)?), ShanghaiDay(row.get(first + 2)?));
    match row.get::<_, u8>(first)? {
        1 => Ok(Pot::Free(fund)),
        2 => Ok(Pot::Committed(deal, day, fund)),
        3 => Ok(Pot::MakeGood(deal, day, fund)),
        _ => Err(unknown(first, "state of a pot")),
    }
}

fn purse_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Purse> {
    let money = |column| row.get(column).map(MicroYuan);
    let (funded, settled, held) = (money(first + 1)?, money(first + 2)?, money(first + 3)?);
    Ok(Purse { buyer: BuyerId(row.get(first)?), funded, settled, held })
}

fn pot_and_purse(row: &Row<'_>) -> rusqlite::Result<(Pot, Purse)> {
    Ok((pot_of(row, 0)?, purse_of(row, 5)?))
}

fn grant_of(row: &Row<'_>) -> rusqlite::Result<GrantTerms> {
    let client = row.get::<_, Option<u32>>(2)?.map(AdvertiserId);
    let (grant, buyer) = (GrantId(row.get(0)?), BuyerId(row.get(1)?));
    Ok(GrantTerms { grant, buyer, client, last_day: ShanghaiDay(row.get(3)?) })
}

/// Every pot with its money.
pub(super) fn pots(connection: &Connection) -> Result<Vec<(Pot, Purse)>, StoreUnavailable> {
    let sql = format!("SELECT {POT}, {MONEY} FROM pot ORDER BY 1, 2, 3, 4, 5");
    rows(connection, &sql, (), pot_and_purse)
}

/// Every grant that was given.
pub(super) fn grants(connection: &Connection) -> Result<Vec<GrantTerms>, StoreUnavailable> {
    rows(connection, &format!("SELECT {GRANT} FROM grant_terms ORDER BY 1"), (), grant_of)
}

/// What leases that may be awarded from at a moment hold of each pot; a pot may come several times.
pub(super) fn open_parts(connection: &Connection, now_ms: i64) -> Result<Vec<LeasePart>, StoreUnavailable> {
    let sql = "SELECT part.state, deal, day, fund_kind, fund_owner, part.amount FROM lease JOIN lease_part AS part ON lease = id
               WHERE lease.state = 0 AND window_ends_ms > ?1";
    rows(connection, sql, [now_ms], part_of)
}

/// The parts of a lease in order.
pub(super) fn parts(connection: &Connection, lease: LeaseId) -> Result<Vec<LeasePart>, StoreUnavailable> {
    let sql = format!("SELECT {POT}, amount FROM lease_part WHERE lease = ?1 ORDER BY place");
    rows(connection, &sql, [lease.0.cast_signed()], part_of)
}

fn part_of(row: &Row<'_>) -> rusqlite::Result<LeasePart> {
    Ok(LeasePart { pot: pot_of(row, 0)?, amount: MicroYuan(row.get(5)?) })
}

pub(super) fn keep_parts(connection: &Connection, lease: LeaseId, parts: &[LeasePart]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO lease_part VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for (place, part) in (0_u32..).zip(parts) {
        let (state, deal, day, kind, owner) = pot_key(part.pot);
        insert.execute((lease.0.cast_signed(), place, state, deal, day, kind, owner, part.amount.0))?;
    }
    Ok(())
}

impl Vault for File<'_> {
    fn purse(&self, pot: Pot) -> Result<Option<Purse>, StoreUnavailable> {
        let mut find = self.0.prepare_cached(
            "SELECT buyer, funded, settled, held FROM pot
             WHERE state = ?1 AND deal = ?2 AND day = ?3 AND fund_kind = ?4 AND fund_owner = ?5",
        )?;
        Ok(find.query_row(pot_key(pot), |row| purse_of(row, 0)).optional()?)
    }

    fn keep_purse(&mut self, pot: Pot, purse: &Purse) -> Result<(), StoreUnavailable> {
        let mut save = self.0.prepare_cached(
            "INSERT INTO pot VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET funded = excluded.funded, settled = excluded.settled, held = excluded.held",
        )?;
        let (state, deal, day, kind, owner) = pot_key(pot);
        let (buyer, funded, settled, held) = (purse.buyer.0, purse.funded.0, purse.settled.0, purse.held.0);
        save.execute((state, deal, day, kind, owner, buyer, funded, settled, held))?;
        Ok(())
    }

    fn set_aside(&self, deal: DealId, day: ShanghaiDay) -> Result<Vec<(Pot, Purse)>, StoreUnavailable> {
        let sql =
            format!("SELECT {POT}, {MONEY} FROM pot WHERE state IN (2, 3) AND deal = ?1 AND day = ?2 ORDER BY 1, 4, 5");
        rows(self.0, &sql, (deal.0, day.0), pot_and_purse)
    }

    fn purses_of(&self, buyer: BuyerId) -> Result<Vec<(Pot, Purse)>, StoreUnavailable> {
        let sql = format!("SELECT {POT}, {MONEY} FROM pot WHERE buyer = ?1 ORDER BY 1, 2, 3, 4, 5");
        rows(self.0, &sql, [buyer.0], pot_and_purse)
    }

    fn grant_terms(&self, grant: GrantId) -> Result<Option<GrantTerms>, StoreUnavailable> {
        let sql = format!("SELECT {GRANT} FROM grant_terms WHERE number = ?1");
        Ok(self.0.prepare_cached(&sql)?.query_row([grant.0], grant_of).optional()?)
    }

    fn keep_grant(&mut self, terms: &GrantTerms) -> Result<(), StoreUnavailable> {
        let row = (terms.grant.0, terms.buyer.0, terms.client.map(|client| client.0), terms.last_day.0);
        let sql = "INSERT INTO grant_terms (number, buyer, client, last_day) VALUES (?1, ?2, ?3, ?4)";
        self.0.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    fn grants_to(&self, source: Source) -> Result<Vec<GrantTerms>, StoreUnavailable> {
        let (column, owner) = match source {
            Source::Balance(buyer) => ("client IS NULL AND grant_terms.buyer", buyer.0),
            Source::Client(client) => ("client", client.0),
            Source::Commitment(..) => return Ok(Vec::new()),
        };
        let sql = format!(
            "SELECT {GRANT} FROM pot INDEXED BY pot_grant JOIN grant_terms ON number = fund_owner
             WHERE {FREE_GRANT} AND {column} = ?1 ORDER BY last_day, number"
        );
        rows(self.0, &sql, [owner], grant_of)
    }

    fn grants_over(&self, today: ShanghaiDay) -> Result<Vec<GrantTerms>, StoreUnavailable> {
        let sql = format!(
            "SELECT {GRANT} FROM pot INDEXED BY pot_grant JOIN grant_terms ON number = fund_owner
             WHERE {FREE_GRANT} AND last_day < ?1 ORDER BY last_day, number"
        );
        rows(self.0, &sql, [today.0], grant_of)
    }

    fn count_void(&mut self, grant: GrantId) -> Result<u32, StoreUnavailable> {
        let sql = "UPDATE grant_terms SET voids = voids + 1 WHERE number = ?1 RETURNING voids";
        Ok(self.0.prepare_cached(sql)?.query_row([grant.0], |row| row.get(0))?)
    }

    fn client(&self, client: AdvertiserId) -> Result<Option<BuyerId>, StoreUnavailable> {
        let mut find = self.0.prepare_cached("SELECT buyer FROM client_account WHERE client = ?1")?;
        Ok(find.query_row([client.0], |row| row.get(0).map(BuyerId)).optional()?)
    }

    fn clients_of(&self, buyer: BuyerId) -> Result<Vec<AdvertiserId>, StoreUnavailable> {
        let sql = "SELECT client FROM client_account WHERE buyer = ?1 ORDER BY 1";
        rows(self.0, sql, [buyer.0], |row| row.get(0).map(AdvertiserId))
    }

    fn keep_client(&mut self, client: AdvertiserId, buyer: BuyerId) -> Result<(), StoreUnavailable> {
        self.0.prepare_cached("INSERT INTO client_account VALUES (?1, ?2)")?.execute((client.0, buyer.0))?;
        Ok(())
    }

    fn standing(&self, buyer: BuyerId) -> Result<(Standing, MicroYuan), StoreUnavailable> {
        let mut find = self.0.prepare_cached("SELECT measures, credit_limit FROM standing WHERE buyer = ?1")?;
        let read = |row: &Row<'_>| Ok((Standing::from_code(row.get(0)?), MicroYuan(row.get(1)?)));
        Ok(find.query_row([buyer.0], read).optional()?.unwrap_or_default())
    }

    fn keep_standing(&mut self, buyer: BuyerId, standing: Standing, limit: MicroYuan) -> Result<(), StoreUnavailable> {
        let sql = "INSERT OR REPLACE INTO standing VALUES (?1, ?2, ?3)";
        self.0.prepare_cached(sql)?.execute((buyer.0, standing.code(), limit.0))?;
        Ok(())
    }

    fn book(&mut self, transaction: &Transaction) -> Result<Booking, BookError> {
        ledger::book(self.0, transaction)
    }
}
