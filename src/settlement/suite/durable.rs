//! What only the durable engine promises: restarts, bounds, a full disk, refused files, one writer.

use std::sync::atomic::Ordering;
use std::sync::mpsc;

use super::*;
use crate::store::{OpenError, SqliteReader};

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap()
}

fn raw(folder: &tempfile::TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap()
}

#[test]
fn a_restart_continues_the_journal_counts_the_boot_and_retires_old_leases() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    top_up(&store, "bank 1", 100).unwrap();
    let lease = grant(&store, CASH, 60).unwrap();
    record(&store, posted(charge(1, lease.id, Method::Pd, 10))).unwrap();
    assert_eq!((store.boot().0, store.head_seq()), (1, 1));
    drop(store);
    let store = open(&folder);
    assert_eq!((store.boot().0, store.head_seq()), (2, 1));
    let seen = position(&store, CASH);
    assert_eq!((seen.open, seen.holding), (MicroYuan(0), MicroYuan(60)), "held in full, not awarded from");
    store.retire(lease.id, MicroYuan(10)).unwrap();
    assert_eq!(position(&store, CASH).holding, MicroYuan(60), "nobody knows what the old process had awarded");
    assert_eq!(record(&store, posted(charge(1, lease.id, Method::Pd, 10))), Ok(Recorded::AlreadyPosted));
    assert_eq!(record(&store, posted(charge(2, lease.id, Method::Pd, 10))), Ok(Recorded::Posted), "its tokens live");
    assert_eq!(store.head_seq(), 2);
    drop(store);
    let other = SqliteStore::open(Options::new(folder.path(), NodeId(2)), noon()).unwrap();
    assert_eq!(other.boot().0, 1, "nodes count apart");
}

#[test]
fn the_queue_is_bounded_and_a_closed_journal_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path(), NodeId(1));
    options.queue = 2;
    let store = SqliteStore::open(options, noon()).unwrap();
    top_up(&store, "bank 1", 100).unwrap();
    let lease = grant(&store, CASH, 100).unwrap();
    // The thread is held in a command, so that nothing is taken from the queue.
    let (entered, is_in) = mpsc::channel();
    let (release, go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            store.raw(move |_| {
                entered.send(()).unwrap();
                go_on.recv().unwrap();
                Ok(())
            })
        });
        is_in.recv().unwrap();
        let posting = |number| posted(charge(number, lease.id, Method::Pd, 1));
        let first = store.submit(Lane(0), posting(1)).unwrap();
        let second = store.submit(Lane(3), posting(2)).unwrap();
        assert_eq!(store.submit(Lane(0), posting(3)).unwrap_err(), Unrecorded::Full);
        assert_eq!(store.tally(vec![]).unwrap_err(), Unrecorded::Full);
        let click = crate::event::Click { charge: posting(1).charge, at: noon() };
        assert_eq!(store.click(click).unwrap_err(), Unrecorded::Full);
        for _ in 0..100 {
            assert_eq!(store.submit(Lane(0), posting(3)).unwrap_err(), Unrecorded::Full, "uses up no ticket");
        }
        assert_eq!(store.stats().queued.load(Ordering::Relaxed), 2);
        release.send(()).unwrap();
        assert_eq!(wait(first.outcome()), Ok(Recorded::Posted));
        assert_eq!(wait(second.outcome()), Ok(Recorded::Posted));
    });
    let last = store.submit(Lane(0), posted(charge(4, lease.id, Method::Pd, 1))).unwrap();
    store.close();
    assert_eq!(wait(last.outcome()), Ok(Recorded::Posted), "what was queued is committed");
    let after = store.submit(Lane(0), posted(charge(5, lease.id, Method::Pd, 1)));
    assert_eq!(after.unwrap_err(), Unrecorded::Closed);
    assert!(grant_error(&store).contains("ended"));
    assert_eq!(store.stats().queued.load(Ordering::Relaxed), 0);
    assert_eq!(SqliteReader::open(folder.path()).map(|_| ()).map_err(|error| error.to_string()), Ok(()));
}

/// However long no commit succeeds, what waits for one is bounded.
#[test]
fn clicks_that_wait_for_the_disk_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path(), NodeId(1));
    options.queue = 50;
    let store = SqliteStore::open(options, noon()).unwrap();
    top_up(&store, "bank 1", 100).unwrap();
    let lease = grant(&store, CASH, 100).unwrap();
    let limit = |pages: u32| {
        let set = format!("PRAGMA max_page_count = {pages}");
        store.raw(move |connection| Ok(connection.query_row(&set, (), |_| Ok(()))?)).unwrap();
    };
    // Fewer than there are: no table can be made.
    limit(1);
    let click = crate::event::Click { charge: charge(1, lease.id, Method::Pd, 1), at: noon() };
    let mut taken = 0;
    while store.click(click).is_ok() {
        taken += 1;
        let _ = store.confirm();
    }
    assert_eq!((taken, store.stats().queued.load(Ordering::Relaxed)), (50, 0));
    limit(1_000_000);
    store.confirm().unwrap();
    assert_eq!(store.click(click), Ok(()), "there is room again");
    store.confirm().unwrap();
    assert_eq!(store.snapshot().unwrap().clicks(DAY, None, 9).unwrap()[0].times, 51);
}

fn grant_error(store: &SqliteStore) -> String {
    store.grant(request(CASH, 1)).unwrap_err().to_string()
}

#[test]
fn an_aborted_command_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    top_up(&store, "bank 1", 100).unwrap();
    let failed: Result<(), _> = store.raw(|connection| {
        connection.execute("UPDATE pot SET funded = 1000", ())?;
        Err(crate::event::StoreUnavailable("no".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(position(&store, CASH).funded, MicroYuan(100));
    let below = store.raw(|connection| {
        connection.execute("UPDATE pot SET held = 101", ())?;
        Ok(())
    });
    assert!(below.unwrap_err().to_string().contains("CHECK"), "the file itself refuses a balance below zero");
}

#[test]
fn a_full_disk_fails_whole_batches_and_the_journal_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    top_up(&store, "bank 1", 100_000_000).unwrap();
    let lease = grant(&store, CASH, 100_000_000).unwrap();
    let limit = |pages: &'static str| {
        store.raw(move |connection| {
            let wanted = if pages == "now" { "(SELECT page_count + 3 FROM pragma_page_count)" } else { pages };
            let count: i64 = connection.query_row(&format!("SELECT {wanted}"), (), |row| row.get(0))?;
            connection.query_row(&format!("PRAGMA max_page_count = {count}"), (), |_| Ok(()))?;
            Ok(())
        })
    };
    record(&store, posted(charge(0, lease.id, Method::Pd, 1))).unwrap();
    limit("now").unwrap();
    let tally = Tally { day: DAY, deal: DEAL, measure: Measure::Stage(Stage::Billed), count: 1 };
    let mut outcomes = Vec::new();
    for number in 1..400 {
        outcomes.push(record(&store, posted(charge(number, lease.id, Method::Pd, 1))));
        store.tally(vec![tally]).unwrap();
        clicks::click(&store, charge(number, lease.id, Method::Pd, 1), 0);
    }
    assert!(store.stats().clicks_waiting.load(Ordering::Relaxed) > 0, "kept");
    let written = outcomes.iter().take_while(|outcome| **outcome == Ok(Recorded::Posted)).count();
    assert!(written > 0 && written < 398, "{written}");
    assert!(outcomes[written..].contains(&Err(Unrecorded::Failed)));
    assert!(store.stats().failures.load(Ordering::Relaxed) > 0);
    let fine = |outcome: &&Result<_, _>| **outcome == Ok(Recorded::Posted);
    let durable = 1 + outcomes.iter().filter(fine).count() as u64;
    assert_eq!(store.snapshot().unwrap().head_seq(), Ok(durable), "nothing of a failed batch");
    limit("1000000").unwrap();
    for (number, before) in (1..400).zip(&outcomes) {
        let expected = if before.is_ok() { Recorded::AlreadyPosted } else { Recorded::Posted };
        assert_eq!(record(&store, posted(charge(number, lease.id, Method::Pd, 1))), Ok(expected));
    }
    derive(&store, noon()).unwrap();
    let books = store.snapshot().unwrap();
    assert_eq!(verify(&*books).unwrap().charges, 400);
    assert_eq!(books.tallies_of(DAY).unwrap()[0].count, 399, "counts wait for the next commit that succeeds");
    let clicks = books.clicks(DAY, None, 1_000).unwrap();
    assert_eq!((clicks.len(), clicks.iter().all(|it| it.times == 1)), (399, true), "clicks too");
    assert_eq!(store.stats().clicks_waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn the_file_refuses_to_be_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    top_up(&store, "bank 1", 100).unwrap();
    let lease = grant(&store, CASH, 100).unwrap();
    record(&store, posted(charge(1, lease.id, Method::Pd, 10))).unwrap();
    clicks::click(&store, charge(1, lease.id, Method::Pd, 10), 0);
    store.save_ids(&[(crate::ids::IdKind::Deal, 0, "PD-1".into())]).unwrap();
    the_last_word_on_a_subject_is_its_state(&store);
    a_fact_is_entered_once_with_all_of_its_money(&store);
    funds::open_client(&store);
    funds::give(&store, 90, None, DAY, 5);
    derive(&store, noon()).unwrap();
    drop(store);
    let connection = raw(&folder);
    let (charges, clicks) = (format!("charge_{}", DAY.compact()), format!("click_{}", DAY.compact()));
    for table in [
        "ledger_transaction",
        "ledger_entry",
        "ledger_delivery",
        "identity",
        "migration",
        "charge_day",
        "click_day",
        "suspension",
        "audit",
        "fact",
        "grant_terms",
        "client_account",
        "lease_part",
        &charges,
        &clicks,
    ] {
        let deleted = connection.execute(&format!("DELETE FROM {table}"), ());
        assert!(deleted.unwrap_err().to_string().contains("append-only"), "{table}");
        let column: String =
            connection.query_row("SELECT name FROM pragma_table_info(?1) LIMIT 1", [table], |row| row.get(0)).unwrap();
        let updated = connection.execute(&format!("UPDATE {table} SET {column} = {column}"), ());
        assert!(updated.unwrap_err().to_string().contains("append-only"), "{table}");
    }
}

#[test]
fn files_that_are_foreign_damaged_or_newer_are_refused_and_left_alone() {
    let now = noon();
    let refused = |prepare: &dyn Fn(&std::path::Path)| {
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder.path().join("pmpx.db"));
        let before = std::fs::read(folder.path().join("pmpx.db")).unwrap();
        let error = SqliteStore::open(Options::new(folder.path(), NodeId(1)), now).err().unwrap();
        assert_eq!(std::fs::read(folder.path().join("pmpx.db")).unwrap(), before);
        error
    };
    let garbage =
        refused(&|path| std::fs::write(path, "not a database, but long enough to look at".repeat(100)).unwrap());
    assert!(matches!(garbage, OpenError::NotOurs { .. }), "{garbage}");
    let foreign = refused(&|path| {
        rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    });
    assert!(foreign.to_string().contains("not a store of pmpx"), "{foreign}");
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    raw(&folder).pragma_update(None, "user_version", 99).unwrap();
    let newer = SqliteStore::open(Options::new(folder.path(), NodeId(1)), now).err().unwrap();
    assert!(matches!(newer, OpenError::Newer { found: 99, known: 5.., .. }), "{newer}");
    assert!(matches!(SqliteReader::open(folder.path()), Err(OpenError::Newer { .. })));
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    raw(&folder).execute_batch("DROP TRIGGER migration_keep; UPDATE migration SET digest = zeroblob(32)").unwrap();
    let altered = SqliteStore::open(Options::new(folder.path(), NodeId(1)), now).err().unwrap();
    assert!(matches!(altered, OpenError::Altered { version: 1, .. }), "{altered}");
    assert!(SqliteReader::open(tempfile::tempdir().unwrap().path()).is_err(), "nothing there, nothing made");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let store = SqliteStore::open(Options::new(&data, NodeId(1)), noon()).unwrap();
    top_up(&store, "bank 1", 100).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert!(store.leads());
    for file in ["pmpx.db", "pmpx.db-wal", "pmpx.db-shm", "pmpx.lock", "node-1.lock", "lead.lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn each_commit_of_postings_is_told_to_the_hook() {
    let folder = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let mut options = Options::new(folder.path(), NodeId(1));
    options.on_commit = Some(Box::new(move |took, postings| tell.send((took, postings)).unwrap()));
    let store = SqliteStore::open(options, noon()).unwrap();
    top_up(&store, "bank 1", 100).unwrap();
    let lease = grant(&store, CASH, 100).unwrap();
    record(&store, posted(charge(1, lease.id, Method::Pd, 10))).unwrap();
    let (took, postings) = told.recv().unwrap();
    assert!(postings == 1 && !took.is_zero());
    assert_eq!(store.stats().commits.load(Ordering::Relaxed), 1);
}

/// R-RETAIN: the journal cannot keep who saw or clicked an ad. What it keeps of a charge and a click are these numbers, none of them a
/// person's, a device's or an address; text has no column.
#[test]
fn r_retain_the_journal_has_no_column_for_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    top_up(&store, "bank 1", 100).unwrap();
    let lease = grant(&store, CASH, 100).unwrap();
    record(&store, posted(charge(1, lease.id, Method::Pd, 10))).unwrap();
    clicks::click(&store, charge(1, lease.id, Method::Pd, 10), 0);
    drop(store);
    let connection = raw(&folder);
    let columns = |table: &str| -> Vec<String> {
        let sql = "SELECT name || ' ' || type FROM pragma_table_info(?1)";
        connection.prepare(sql).unwrap().query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let expected = |keys: &str| -> Vec<String> {
        let kind = |name: &str| if name == "auction" { "BLOB" } else { "INTEGER" };
        keys.split_whitespace().map(|name| format!("{name} {}", kind(name))).collect()
    };
    assert_eq!(
        columns(&format!("charge_{}", DAY.compact())),
        expected(
            "seq auction imp slot resolution version media placement dsp buyer advertiser deal creative creative_version method \
             lease quantity price earning amount earned at_ms via displayed_ms"
        )
    );
    assert_eq!(
        columns(&format!("click_{}", DAY.compact())),
        expected(
            "auction imp slot media placement dsp buyer advertiser deal creative creative_version first_at_ms last_at_ms times"
        )
    );
    for table in ["sealed_charge", "sealed_click", "tally", "lease"] {
        assert!(columns(table).iter().all(|column| column.ends_with(" INTEGER")), "{table}");
    }
}
