//! Facts: entered on the write connection, in one transaction with the money that they move.

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::reader::{rows, unknown};
use super::vault::File;
use super::{ledger, operations};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{BookError, Booking, Entered, Fact, FactHead, FactKind, KeptFact, Kinds, StoreUnavailable, Whose};
use crate::ids::BuyerId;
use crate::store::{entered_before, funds};

const COLUMNS: &str = "seq, kind, reference, buyer, day, at_ms, actor, body";

/// Facts of some kinds above a place, in order, at most so many.
pub(super) fn of(
    connection: &Connection,
    kinds: Kinds,
    whose: Whose,
    (after, limit): (u64, u32),
) -> Result<Vec<KeptFact>, StoreUnavailable> {
    let (mut asked, mut values) = (vec!["seq > ?"], vec![after.cast_signed()]);
    ask_whose(whose, &mut asked, &mut values);
    let kind = match kinds {
        Kinds::All => None,
        Kinds::Only(kind) => Some(("kind = ?", kind)),
        Kinds::AllBut(kind) => Some(("kind <> ?", kind)),
    };
    if let Some((condition, kind)) = kind {
        asked.push(condition);
        values.push(kind.code().into());
    }
    values.push(limit.into());
    rows(connection, &ordered(COLUMNS, &asked, "LIMIT ?"), params_from_iter(values), fact_of)
}

/// The heads of the facts of a kind with a day from one to another, in order.
pub(super) fn heads(
    connection: &Connection,
    kind: FactKind,
    whose: Whose,
    (first, last): (ShanghaiDay, ShanghaiDay),
) -> Result<Vec<FactHead>, StoreUnavailable> {
    let mut asked = vec!["kind = ?", "day BETWEEN ? AND ?"];
    let mut values = vec![kind.code().into(), first.0.into(), last.0.into()];
    ask_whose(whose, &mut asked, &mut values);
    rows(connection, &ordered("seq, reference, buyer, day", &asked, ""), params_from_iter(values), |row| {
        let buyer = row.get::<_, Option<u32>>(2)?.map(BuyerId);
        Ok(FactHead { seq: row.get(0)?, reference: row.get(1)?, buyer, day: ShanghaiDay(row.get(3)?) })
    })
}

fn ask_whose(whose: Whose, asked: &mut Vec<&str>, values: &mut Vec<i64>) {
    match whose {
        Whose::Anybodys => {}
        Whose::Of(buyer) => {
            asked.push("buyer = ?");
            values.push(buyer.0.into());
        }
        Whose::Everybodys => asked.push("buyer IS NULL"),
    }
}

fn ordered(columns: &str, asked: &[&str], limit: &str) -> String {
    format!("SELECT {columns} FROM fact WHERE {} ORDER BY seq {limit}", asked.join(" AND "))
}

/// The fact of a kind with that reference.
pub(super) fn named(
    connection: &Connection,
    kind: FactKind,
    reference: &str,
) -> Result<Option<KeptFact>, StoreUnavailable> {
    let find = format!("SELECT {COLUMNS} FROM fact WHERE kind = ?1 AND reference = ?2");
    Ok(connection.prepare_cached(&find)?.query_row((kind.code(), reference), fact_of).optional()?)
}

/// The place of the last fact; 0 for none.
pub(super) fn last(connection: &Connection) -> Result<u64, StoreUnavailable> {
    let last = "SELECT coalesce(max(seq), 0) FROM fact";
    Ok(connection.prepare_cached(last)?.query_row((), |row| row.get(0))?)
}

/// Enters a fact and books its transactions; the caller's SQL transaction makes it all or nothing.
pub(super) fn enter(connection: &Connection, entered: &Entered) -> Result<Booking, BookError> {
    let Entered { fact, transactions, changes, after } = entered;
    if let Some(known) = named(connection, fact.kind, &fact.reference)? {
        return entered_before(&known.fact, fact);
    }
    let head = last(connection)?;
    if head != *after {
        return Err(BookError::Overtaken(head));
    }
    for change in changes {
        funds::apply(&mut File(connection), change, fact.at)?;
    }
    for transaction in transactions {
        ledger::book(connection, transaction)?;
    }
    connection.prepare_cached("INSERT INTO fact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute((
        (head + 1).cast_signed(),
        fact.kind.code(),
        &fact.reference,
        fact.buyer.map(|buyer| buyer.0),
        fact.day.0,
        fact.at.0.cast_signed(),
        &fact.actor,
        &fact.body,
    ))?;
    operations::save_audit(connection, &fact.audit())?;
    Ok(Booking::Booked)
}

fn fact_of(row: &Row<'_>) -> rusqlite::Result<KeptFact> {
    let kind = FactKind::from_code(row.get(1)?).ok_or_else(|| unknown(1, "kind of fact"))?;
    let fact = Fact {
        kind,
        reference: row.get(2)?,
        buyer: row.get::<_, Option<u32>>(3)?.map(BuyerId),
        day: ShanghaiDay(row.get(4)?),
        at: UnixMillis(row.get(5)?),
        actor: row.get(6)?,
        body: row.get(7)?,
    };
    Ok(KeptFact { seq: row.get(0)?, fact })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    // What is asked of one buyer or one kind reads that and no more, and no record is sorted: its cost is that of its answer.
    #[test]
    fn each_question_has_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_for_writing(folder.path(), UnixMillis(0)).unwrap();
        let plan = |sql: &str| -> String {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let count = statement.parameter_count();
            let lines = statement.query_map(params_from_iter(vec![1; count]), |row| row.get::<_, String>(3)).unwrap();
            lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        let cases = [
            (&["seq > ?"][..], "SEARCH fact USING INTEGER PRIMARY KEY (rowid>?)"),
            (&["seq > ?", "buyer = ?"], "SEARCH fact USING INDEX fact_of_buyer (buyer=? AND rowid>?)"),
            (&["seq > ?", "buyer IS NULL"], "SEARCH fact USING INDEX fact_of_buyer (buyer=? AND rowid>?)"),
            (&["seq > ?", "buyer = ?", "kind <> ?"], "SEARCH fact USING INDEX fact_of_buyer (buyer=? AND rowid>?)"),
            (&["seq > ?", "kind = ?"], "SEARCH fact USING INDEX fact_of_kind (kind=? AND rowid>?)"),
            (
                &["seq > ?", "buyer = ?", "kind = ?"],
                "SEARCH fact USING INDEX fact_of_buyer_and_kind (buyer=? AND kind=? AND rowid>?)",
            ),
        ];
        for (asked, expected) in cases {
            assert_eq!(plan(&ordered(COLUMNS, asked, "LIMIT ?")), expected, "{asked:?}");
        }
        let heads = ["kind = ?", "day BETWEEN ? AND ?", "buyer = ?"];
        let told = plan(&ordered("seq, reference, buyer, day", &heads, ""));
        assert_eq!(told, "SEARCH fact USING INDEX fact_of_buyer_and_kind (buyer=? AND kind=?)");
    }
}
