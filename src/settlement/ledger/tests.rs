//! Each kind of break is found and named; the digest does not depend on how the journal was cut.

use super::*;
use crate::event::{Leases, Source};
use crate::ids::NodeId;
use crate::settlement::suite::{BUYER, DAY, charge, grant, noon, posted, record, top_up, voided};
use crate::store::{MemoryStore, Options, SqliteReader, SqliteStore};

const ROWS: u32 = 30;

/// A data folder with postings of two spans, all derived.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
    top_up(&store, "bank 1", 1_000_000).unwrap();
    let lease = grant(&store, Source::Balance(BUYER), 500_000).unwrap();
    for number in 0..ROWS {
        let charge = charge(number, lease.id, Method::Pd, 1_000);
        record(&store, if number == 7 { voided(charge) } else { posted(charge) }).unwrap();
    }
    derive_in_chunks(&store, noon(), 20).unwrap();
    folder
}

/// Changes the file behind the store's back, its triggers and indexes gone, and tells what the proof says.
fn tampered(sql: &str) -> Break {
    let folder = folder();
    assert!(verify(&SqliteReader::open(folder.path()).unwrap()).is_ok());
    let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
    let table = format!("charge_{}", DAY.compact());
    let drops = format!(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER {table}_keep; DROP TRIGGER {table}_stay; DROP INDEX {table}_key;
         DROP TRIGGER ledger_entry_keep; DROP TRIGGER ledger_entry_stay; DROP TRIGGER ledger_delivery_keep;
         DROP TRIGGER ledger_transaction_stay; DROP TRIGGER ledger_transaction_keep;"
    );
    connection.execute_batch(&drops).unwrap();
    connection.execute_batch(&sql.replace("CHARGE", &table)).unwrap();
    verify(&SqliteReader::open(folder.path()).unwrap()).unwrap_err()
}

#[test]
fn a_deleted_entry_is_found() {
    let found = tampered("DELETE FROM ledger_entry WHERE transaction_id = 2 AND account_kind = 400");
    assert!(matches!(found, Break::Transaction { id: 2, why: Unbalanced::Sum(_), .. }), "{found}");
}

#[test]
fn entries_that_balance_but_are_not_those_of_their_lines_are_found() {
    let found = tampered("UPDATE ledger_entry SET amount = amount * 2 WHERE transaction_id = 2");
    assert!(matches!(found, Break::Transaction { id: 2, why: Unbalanced::Lines, .. }), "{found}");
}

#[test]
fn a_deleted_transaction_is_found() {
    let delete =
        "DELETE FROM ledger_entry WHERE transaction_id = 2; DELETE FROM ledger_delivery WHERE transaction_id = 2;
                  DELETE FROM ledger_transaction WHERE id = 2;";
    let found = tampered(&format!("DROP TRIGGER ledger_delivery_stay; DROP TRIGGER ledger_lease_stay; {delete}"));
    assert_eq!(found, Break::TransactionMissing { expected: 2, found: 3 });
}

#[test]
fn an_altered_amount_is_found_with_its_buyer_deal_and_media() {
    let found = tampered("UPDATE CHARGE SET amount = 1001 WHERE seq = 22");
    let text = found.to_string();
    assert!(matches!(found, Break::Line { first_seq: 21, last_seq: 30, id: 3, .. }), "{text}");
    assert!(text.contains("buyer 4, deal 2, media 0, PD") && text.contains("¥0.003001"), "{text}");
}

#[test]
fn an_alteration_that_keeps_every_sum_is_found() {
    let found = tampered("UPDATE CHARGE SET creative = 99 WHERE seq = 3");
    assert_eq!(found, Break::Digest { first_seq: 1, last_seq: 20, id: 2 });
}

#[test]
fn a_missing_row_is_found_in_the_middle_and_at_the_end() {
    assert_eq!(tampered("DELETE FROM CHARGE WHERE seq = 5"), Break::Gap { expected: 5, found: 6 });
    assert_eq!(tampered("DELETE FROM CHARGE WHERE seq = 30"), Break::Gap { expected: 30, found: 30 });
}

#[test]
fn a_doubled_charge_is_found() {
    let double = "CREATE TEMP TABLE copy AS SELECT * FROM CHARGE WHERE seq = 4; UPDATE copy SET seq = 31;
                  INSERT INTO CHARGE SELECT * FROM copy;";
    assert_eq!(tampered(double), Break::Doubled(31));
}

#[test]
fn spans_that_overlap_or_leave_rows_out_are_found() {
    let found = tampered("UPDATE ledger_transaction SET first_seq = 20 WHERE id = 3");
    assert_eq!(found, Break::Span { id: 3, first_seq: 20, last_seq: 30, expected: 21 });
    let found = tampered("UPDATE ledger_transaction SET first_seq = 22, rows = 9 WHERE id = 3");
    assert!(matches!(found, Break::Span { expected: 21, .. }), "{found}");
}

#[test]
fn a_day_with_another_number_of_rows_than_was_booked_is_found() {
    let found = tampered("UPDATE ledger_transaction SET rows = 9 WHERE id = 3");
    assert!(matches!(found, Break::Rows { journal: 10, ledger: 9, id: 3, .. }), "{found}");
}

#[test]
fn sums_and_balances_that_the_ledger_does_not_add_up_to_are_found() {
    let cases = [
        (
            "UPDATE day_sum SET quantity = quantity + 1 WHERE media = 1",
            "the sum of 2024-10-04, buyer 4, deal 2, media 1",
        ),
        ("DELETE FROM day_sum WHERE media = 2", "nothing is kept"),
        ("INSERT INTO day_sum VALUES (1, 1, 1, 1, 3, 200, 1, 0, 0, 0, 0)", "adds up to nothing"),
        ("UPDATE balance SET amount = amount - 1 WHERE account_kind = 400", "the balance of exchange_revenue/0"),
    ];
    for (sql, words) in cases {
        let found = tampered(sql);
        assert!(matches!(found, Break::Kept { .. }) && found.to_string().contains(words), "{found}");
    }
}

#[test]
fn a_line_that_another_account_paid_is_found() {
    let found = tampered(
        "UPDATE ledger_delivery SET payer_kind = 201 WHERE transaction_id = 2 AND media = 1;
         UPDATE ledger_entry SET amount = amount - (SELECT amount FROM ledger_delivery WHERE transaction_id = 2 AND media = 1)
             WHERE transaction_id = 2 AND account_kind = 200;
         INSERT INTO ledger_entry SELECT 2, 201, 4, amount FROM ledger_delivery WHERE transaction_id = 2 AND media = 1;",
    );
    assert!(matches!(found, Break::Line { id: 2, .. }) && found.to_string().contains("paid by buyer_c"), "{found}");
}

#[test]
fn a_missing_fact_is_found() {
    let fact = |seq: u32| format!("INSERT INTO fact VALUES ({seq}, 23, 'n {seq}', NULL, 0, 0, 'finance', '{{}}');");
    assert_eq!(tampered(&[1, 2, 4].map(fact).concat()), Break::Fact { expected: 3, found: 4 });
}

/// Books that were begun before each day had a digest of its own: proved as they were, continued, and never sealed, because what
/// proves them needs every row.
#[test]
fn older_books_are_proved_over_the_rows_of_all_days() {
    let folder = folder();
    let digest = |until: u32| {
        let reader = SqliteReader::open(folder.path()).unwrap();
        reader.charges(0, until).unwrap().iter().fold([0; 32], chain)
    };
    let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
    connection.execute_batch("DROP TRIGGER ledger_transaction_keep").unwrap();
    for (id, until) in [(2, 20), (3, 30)] {
        let older = "UPDATE ledger_transaction SET rows = NULL, digest = ?2 WHERE id = ?1";
        connection.execute(older, (id, digest(until))).unwrap();
    }
    drop(connection);
    let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
    let proof = verify(&*store.snapshot().unwrap()).unwrap();
    assert_eq!((proof.charges, proof.transactions), (30, 3));
    record(&store, posted(charge(31, LeaseId(1), Method::Pd, 5))).unwrap();
    derive(&store, noon()).unwrap();
    let books = store.snapshot().unwrap();
    assert_eq!(verify(&*books).unwrap().transactions, 4);
    assert_eq!(books.transactions(3, 1).unwrap()[0].contents.span.unwrap().rows, Some(1));
    drop(books);
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    let over = DAY.next().next().starts_at();
    assert_eq!(store.snapshot().unwrap().sealable(over), Ok(vec![]));
    drop(store);
    let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
    connection.execute("UPDATE ledger_transaction SET digest = zeroblob(32) WHERE id = 3", ()).unwrap();
    let found = verify(&SqliteReader::open(folder.path()).unwrap()).unwrap_err();
    assert_eq!(found, Break::Digest { first_seq: 21, last_seq: 30, id: 3 });
}

#[test]
fn r_prepay_money_that_nobody_paid_in_is_found() {
    let found = tampered("UPDATE pot SET funded = funded + 1");
    assert!(found.to_string().contains("buyer_cash/4"), "{found}");
    let found = tampered("UPDATE lease SET posted = posted - 1000");
    assert!(matches!(found, Break::Lease { .. }), "{found}");
    let found = tampered("UPDATE pot SET held = held - 1");
    assert!(found.to_string().contains("what leases hold"), "{found}");
}

#[test]
fn the_proof_reads_a_folder_that_another_one_serves_from() {
    let folder = folder();
    let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
    let reader = SqliteReader::open(folder.path()).unwrap();
    top_up(&store, "bank 2", 5).unwrap();
    assert_eq!(verify(&reader).unwrap().transactions, 3, "the books of one moment");
    assert_eq!(verify(&SqliteReader::open(folder.path()).unwrap()).unwrap().transactions, 4);
}

#[test]
fn the_digest_is_the_same_however_the_journal_is_cut() {
    let digests = |chunk| {
        let store = MemoryStore::new();
        top_up(&store, "bank 1", 1_000_000).unwrap();
        let lease = grant(&store, Source::Balance(BUYER), 500_000).unwrap();
        for number in 0..ROWS {
            let mut charge = charge(number, lease.id, Method::Pd, 1_000);
            if number % 4 == 0 {
                charge.key.auction.0 += u128::from(12 * 3_600_000_u64) << 80;
            }
            record(&store, posted(charge)).unwrap();
        }
        derive_in_chunks(&store, noon(), chunk).unwrap();
        let books = store.snapshot().unwrap();
        assert!(verify(&*books).is_ok());
        [DAY, DAY.next()].map(|day| books.day_digest(day).unwrap())
    };
    let whole = digests(CHUNK);
    assert_eq!((digests(1), digests(7)), (whole, whole));
    assert!(whole[0] != whole[1] && whole[1] != [0; 32], "each day has its own");
}

#[test]
fn a_span_over_midnight_has_one_transaction_for_each_day() {
    let store = MemoryStore::new();
    top_up(&store, "bank 1", 1_000_000).unwrap();
    let lease = grant(&store, Source::Balance(BUYER), 500_000).unwrap();
    let mut late = charge(1, lease.id, Method::Pd, 10);
    late.key.auction = crate::ids::AuctionId(u128::from(DAY.next().starts_at().0) << 80);
    for charge in [charge(2, lease.id, Method::Pd, 10), late, charge(3, lease.id, Method::Pd, 10)] {
        record(&store, posted(charge)).unwrap();
    }
    assert_eq!(derive(&store, noon()).unwrap().transactions, 2);
    let books = store.snapshot().unwrap();
    verify(&*books).unwrap();
    let days: Vec<_> = books.transactions(1, 10).unwrap().iter().map(|stored| stored.contents.day).collect();
    assert_eq!(days, [DAY, DAY.next()], "R-MONTH: each in its own day");
}

#[test]
fn two_derivations_at_once_book_nothing_twice() {
    let store = MemoryStore::new();
    top_up(&store, "bank 1", 1_000).unwrap();
    let lease = grant(&store, Source::Balance(BUYER), 1_000).unwrap();
    record(&store, posted(charge(1, lease.id, Method::Pd, 10))).unwrap();
    let rows = store.snapshot().unwrap().charges(0, 10).unwrap();
    let stale = transactions_of(0, &Digests::new(), &mut Payers::default(), &rows, noon()).unwrap();
    record(&store, posted(charge(2, lease.id, Method::Pd, 10))).unwrap();
    derive(&store, noon()).unwrap();
    assert_eq!(store.book(stale), Err(BookError::NotNext { cursor: 2, first_seq: 1 }));
}
