//! What every store promises of sealed days and of their detail.

use super::*;
use crate::clock::Chance;
use crate::event::{AFTER_MIDNIGHT_MS, Archive, ClickGroup, ClickKey, Group, GroupKey, Journaled, Seal, Totals};
use crate::settlement::ledger::Verified;
use crate::settlement::seal::{Progress, SealError, Sealer};

/// Everything of the day is over.
pub(super) fn after_the_day() -> UnixMillis {
    DAY.next().starts_at().plus_ms(AFTER_MIDNIGHT_MS)
}

/// Leases of `DAY` and of the day after: of the balance, and the first one's windows end at noon, the second one's at the next noon.
fn two_leases(store: &dyn Engine) -> [LeaseId; 2] {
    top_up(store, "bank 1", 10_000_000).unwrap();
    [noon(), noon().plus_ms(86_400_000)].map(|now| {
        let (window_ends, closes_at) = (now.plus_ms(60_000), now.plus_ms(700_000));
        store.grant(LeaseRequest { window_ends, closes_at, ..request(CASH, 1_000_000) }).unwrap().unwrap().id
    })
}

/// Charges of two days, mixed as they are around midnight: voids, creatives, media, clicks, a slot that is none's alone.
fn traffic(store: &dyn Engine, leases: [LeaseId; 2], seed: u64, rounds: u32) {
    let mut chance = Chance::seeded(seed);
    for number in 0..rounds {
        let tomorrow = chance.below(3) == 0;
        let mut charge = charge(number, leases[usize::from(tomorrow)], Method::Pd, i64::from(chance.below(50)));
        if tomorrow {
            charge.key.auction.0 += u128::from(86_400_000_u64) << 80;
        }
        charge.creative = CreativeId(chance.below(3));
        charge.version = CreativeVersion(chance.below(2) as u16);
        charge.quantity = Quantity(chance.below(3_000));
        let posting = if chance.below(5) == 0 { voided(charge) } else { posted(charge) };
        record(store, posting).unwrap();
        for _ in 0..chance.below(3) {
            clicks::click(store, charge, u64::from(chance.below(1_000)));
        }
        if chance.below(10) == 0 {
            derive(store, noon()).unwrap();
        }
    }
}

/// Steps until a day is sealed, or until nothing is left to do.
pub(super) fn seal_next(store: &dyn Engine, now: UnixMillis) -> Option<Seal> {
    let mut sealer = Sealer::default();
    loop {
        match sealer.step(store, now).unwrap() {
            Progress::Idle => return None,
            Progress::Working => {}
            Progress::Sealed(seal) => return Some(seal),
        }
    }
}

fn all_groups(store: &dyn Engine, day: ShanghaiDay) -> Vec<Group> {
    let books = store.snapshot().unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = books.groups(day, after, 3).unwrap();
        let Some(last) = page.last() else { return all };
        after = Some(last.key);
        all.extend(page);
    }
}

/// The groups of some rows, counted plainly.
fn grouped(rows: &[Journaled]) -> Vec<Group> {
    let mut keys: Vec<_> = rows.iter().map(key_of).collect();
    keys.sort();
    keys.dedup();
    let group = |key: &GroupKey| {
        let mine = || rows.iter().filter(|row| key_of(row) == *key);
        Group {
            key: *key,
            count: mine().count() as u64,
            quantity: mine().map(|row| u64::from(row.quantity)).sum(),
            amount: mine().map(|row| row.amount).sum(),
            earned: mine().map(|row| row.earned).sum(),
        }
    };
    keys.iter().map(group).collect()
}

fn key_of(row: &Journaled) -> GroupKey {
    GroupKey {
        buyer: row.buyer,
        media: row.media,
        deal: row.deal,
        lease: row.lease,
        creative: row.creative,
        creative_version: row.creative_version,
        method: row.method,
        resolution: row.resolution,
    }
}

fn proved(store: &dyn Engine) -> Verified {
    verify(&*store.snapshot().unwrap()).unwrap()
}

fn totals(store: &dyn Engine) -> Totals {
    store.snapshot().unwrap().totals().unwrap()
}

pub(super) fn r_settle_a_day_is_sealed_when_its_tokens_are_dead_and_it_is_booked(store: &dyn Engine) {
    assert_eq!(seal_next(store, after_the_day()), None, "nothing there");
    let leases = two_leases(store);
    traffic(store, leases, 1, 120);
    let early = UnixMillis(after_the_day().0 - 1);
    let sealable = |now| store.snapshot().unwrap().sealable(now).unwrap();
    store.close_dead(noon().plus_ms(699_999)).unwrap();
    derive(store, noon()).unwrap();
    assert_eq!(sealable(after_the_day()), [], "a token may still come");
    record(store, posted(charge(1_000, leases[0], Method::Pd, 1))).unwrap();
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    assert_eq!(sealable(after_the_day()), [], "the last row is not booked");
    derive(store, noon()).unwrap();
    assert_eq!((sealable(early), sealable(after_the_day())), (vec![], vec![DAY]));
    let books = store.snapshot().unwrap();
    let rows = books.charges_of(DAY, 0, 1_000).unwrap();
    let before = (proved(store), totals(store));

    let seal = seal_next(store, after_the_day()).unwrap();
    assert_eq!((seal.day, seal.sealed_at), (DAY, after_the_day()));
    assert_eq!((seal.rows, seal.last_seq), (rows.len() as u64, rows.last().unwrap().seq));
    assert_eq!(seal.digest, books.day_digest(DAY).unwrap());
    assert_eq!(all_groups(store, DAY), grouped(&rows));
    let clicks = books.clicks(DAY, None, 1_000).unwrap();
    let groups = store.snapshot().unwrap().click_groups(DAY).unwrap();
    assert_eq!(groups.iter().map(|it| it.ads).sum::<u64>(), clicks.len() as u64);
    assert_eq!(groups.iter().map(|it| it.clicks).sum::<u64>(), clicks.iter().map(|it| it.times).sum::<u64>());
    let one = groups[0].key;
    let mine = |it: &&crate::event::Clicked| {
        (it.media, it.creative, it.creative_version) == (one.media, one.creative, one.creative_version)
    };
    assert_eq!(groups[0].ads, clicks.iter().filter(mine).count() as u64);
    assert_eq!(proved(store), Verified { sealed_days: 1, ..before.0 });
    assert_eq!(totals(store), before.1);
    assert_eq!(seal_next(store, after_the_day()), None, "tomorrow is not over");
}

pub(super) fn a_sealed_day_takes_nothing_more(store: &dyn Engine) {
    let leases = two_leases(store);
    traffic(store, leases, 2, 20);
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    derive(store, noon()).unwrap();
    let known = charge(1_000, leases[1], Method::Pd, 7);
    // A lease of another day that a wrong clock has brought here.
    assert_eq!(record(store, posted(known)), Ok(Recorded::Posted));
    derive(store, noon()).unwrap();
    seal_next(store, after_the_day()).unwrap();
    let head = store.snapshot().unwrap().head_seq().unwrap();
    assert_eq!(record(store, posted(known)), Ok(Recorded::AlreadyPosted), "told how it ended");
    assert_eq!(record(store, posted(charge(1_001, leases[1], Method::Pd, 7))), Ok(Recorded::LeaseClosed));
    assert_eq!(store.snapshot().unwrap().head_seq(), Ok(head));
    let clicked = store.snapshot().unwrap().clicks(DAY, None, 100).unwrap();
    clicks::click(store, known, 5);
    assert_eq!(record(store, posted(known)), Ok(Recorded::AlreadyPosted), "a click does not stop the journal");
    assert_eq!(store.snapshot().unwrap().clicks(DAY, None, 100).unwrap(), clicked);
    let key = ClickKey { buyer: BUYER, media: MediaId(0), deal: DEAL, creative: 0, creative_version: 0 };
    assert!(store.lay(DAY, &[], &[ClickGroup { key, ads: 1, clicks: 1 }]).is_err());
    assert!(store.clear(DAY, 10).is_err(), "its groups stay");
    let again = store.snapshot().unwrap().seals().unwrap()[0].seal;
    assert!(store.seal(&again).is_err(), "once");
    proved(store);
}

pub(super) fn a_day_that_is_not_ready_is_not_sealed(store: &dyn Engine) {
    let leases = two_leases(store);
    traffic(store, leases, 3, 20);
    derive(store, noon()).unwrap();
    let last_seq = store.snapshot().unwrap().charges_of(DAY, 0, 100).unwrap().last().unwrap().seq;
    let seal = Seal { day: DAY, sealed_at: noon(), rows: 1, last_seq, digest: [0; 32], groups_digest: [0; 32] };
    assert!(store.seal(&seal).is_err(), "a lease stands");
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    assert!(store.seal(&Seal { last_seq: last_seq - 1, ..seal }).is_err(), "another last row");
    record(store, posted(charge(1_000, leases[1], Method::Pd, 7))).unwrap();
    assert!(store.seal(&Seal { last_seq: last_seq + 1, ..seal }).is_err(), "not booked");
    assert!(store.let_go(DAY, noon()).is_err(), "not sealed");
    assert_eq!(store.snapshot().unwrap().seals(), Ok(vec![]));
}

pub(super) fn r_retain_what_is_gone_stays_in_the_books(store: &dyn Engine) {
    let leases = two_leases(store);
    traffic(store, leases, 4, 150);
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    derive(store, noon()).unwrap();
    let rows = store.snapshot().unwrap().charges_of(DAY, 0, 1_000).unwrap();
    let posted_of = || [DAY, DAY.next()].map(|day| store.snapshot().unwrap().posted_of(day).unwrap());
    let before = (proved(store), totals(store), posted_of());
    seal_next(store, after_the_day()).unwrap();
    let gone_at = after_the_day().plus_ms(1);
    store.let_go(DAY, gone_at).unwrap();
    assert!(store.let_go(DAY, gone_at).is_err(), "once");
    // The same books, also while what is left is swept out, and afterwards.
    loop {
        let books = store.snapshot().unwrap();
        assert_eq!(books.seals().unwrap()[0].gone_at, Some(gone_at));
        assert_eq!((books.charges_of(DAY, 0, 10), books.clicks(DAY, None, 10)), (Ok(vec![]), Ok(vec![])));
        assert!(books.charges(0, 1_000).unwrap().iter().all(|row| row.day() == DAY.next()));
        assert_eq!(proved(store), Verified { sealed_days: 1, gone_days: 1, ..before.0 });
        assert_eq!((totals(store), posted_of()), (before.1, before.2.clone()));
        if !store.sweep(20).unwrap() {
            break;
        }
    }
    // A key is not needed longer than its token: the lease is closed, and nothing is looked up.
    for row in [rows[0], rows[rows.len() - 1]] {
        let mut late = charge(0, leases[0], Method::Pd, 1);
        late.key.auction = row.auction;
        assert_eq!(record(store, posted(late)), Ok(Recorded::LeaseClosed));
        clicks::click(store, late, 5);
        let wrong_clock = Charge { lease: leases[1], ..late };
        assert_eq!(record(store, posted(wrong_clock)), Ok(Recorded::LeaseClosed));
        clicks::click(store, wrong_clock, 5);
    }
    // The journal goes on where it was, and the next day is sealed and let go like the first.
    let head = store.snapshot().unwrap().head_seq().unwrap();
    let mut next = charge(2_000, leases[1], Method::Pd, 11);
    next.key.auction.0 += u128::from(86_400_000_u64) << 80;
    assert_eq!(record(store, posted(next)), Ok(Recorded::Posted));
    let (tomorrow, over) = (DAY.next(), after_the_day().plus_ms(86_400_000));
    store.close_dead(over).unwrap();
    derive(store, over).unwrap();
    assert_eq!(seal_next(store, over).unwrap().last_seq, head + 1);
    store.let_go(tomorrow, over).unwrap();
    while store.sweep(1_000).unwrap() {}
    let proof = proved(store);
    assert_eq!((proof.charges, proof.gone_days, proof.head_seq), (head + 1, 2, head + 1));
    assert_eq!(proof.posted_micro_yuan, before.0.posted_micro_yuan + 11);
    assert_eq!(derive(store, over).unwrap().rows, 0, "nothing anew");
    let lease =
        store.grant(LeaseRequest { window_ends: over, closes_at: over, ..request(CASH, 100) }).unwrap().unwrap();
    let mut fresh = charge(1, lease.id, Method::Pd, 1);
    fresh.key.auction = AuctionId(u128::from(over.0) << 80);
    assert_eq!(record(store, posted(fresh)), Ok(Recorded::Posted));
    assert_eq!(store.snapshot().unwrap().head_seq(), Ok(head + 2), "no seq twice, though no row is left");
}

pub(super) fn a_sealing_that_was_interrupted_begins_anew(store: &dyn Engine) {
    let leases = two_leases(store);
    traffic(store, leases, 5, 60);
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    derive(store, noon()).unwrap();
    let expected = grouped(&store.snapshot().unwrap().charges_of(DAY, 0, 1_000).unwrap());
    // Ended after one step, after two, and so on: whatever it had laid down does not count twice.
    for steps in 1.. {
        let mut sealer = Sealer::default();
        let mut progress = Progress::Idle;
        for _ in 0..steps {
            progress = sealer.step(store, after_the_day()).unwrap();
        }
        if let Progress::Sealed(_) = progress {
            break;
        }
        assert_eq!(store.snapshot().unwrap().seals(), Ok(vec![]));
    }
    assert_eq!(all_groups(store, DAY), expected);
    proved(store);
}

pub(super) fn a_day_of_clicks_alone_is_sealed(store: &dyn Engine) {
    let leases = two_leases(store);
    clicks::click(store, charge(1, leases[0], Method::Pd, 1), 5);
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    let seal = seal_next(store, after_the_day()).unwrap();
    assert_eq!((seal.rows, seal.last_seq, seal.digest), (0, 0, [0; 32]));
    assert_eq!(store.snapshot().unwrap().click_groups(DAY).unwrap().len(), 1);
    store.let_go(DAY, after_the_day()).unwrap();
    while store.sweep(1).unwrap() {}
    assert_eq!(proved(store).gone_days, 1);
}

/// What the file alone can show: alterations behind the store's back.
mod tampered {
    use super::*;
    use crate::settlement::ledger::Break;
    use crate::store::SqliteReader;

    /// A folder with a day that is sealed, and gone if asked; altered, and what the proof says.
    fn broken(gone: bool, sql: &str) -> Break {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
        let leases = two_leases(&store);
        traffic(&store, leases, 6, 80);
        store.close_dead(noon().plus_ms(700_000)).unwrap();
        derive(&store, noon()).unwrap();
        seal_next(&store, after_the_day()).unwrap();
        if gone {
            store.let_go(DAY, after_the_day()).unwrap();
        }
        drop(store);
        alter(&folder, sql);
        verify(&SqliteReader::open(folder.path()).unwrap()).unwrap_err()
    }

    fn alter(folder: &tempfile::TempDir, sql: &str) {
        let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
        let triggers = "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: Vec<String> = connection
            .prepare(triggers)
            .unwrap()
            .query_map((), |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        connection.execute_batch(&triggers.join(";")).unwrap();
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let table = format!("charge_{}", DAY.compact());
        connection.execute_batch(&sql.replace("CHARGE", &table).replace("DAY", &DAY.0.to_string())).unwrap();
    }

    #[test]
    fn each_part_of_a_seal_is_proved() {
        let seal = |what: &str, gone| {
            let found = broken(gone, what);
            assert!(matches!(found, Break::Seal { day: DAY, .. }), "{what}: {found}");
            found.to_string()
        };
        for gone in [false, true] {
            assert!(seal("UPDATE sealed_charge SET amount = amount + 1 WHERE lease = 1", gone).contains("altered"));
            assert!(seal("DELETE FROM sealed_charge WHERE media = 1", gone).contains("altered"));
            assert!(seal("UPDATE sealed_click SET clicks = clicks + 1", gone).contains("altered"));
            assert!(seal("UPDATE sealed_day SET rows = rows + 1", gone).contains("charges, it says"));
            assert!(seal("UPDATE sealed_day SET digest = zeroblob(32)", gone).contains("booked other rows"));
        }
        let clicks = format!("UPDATE click_{} SET times = times + 1", DAY.compact());
        assert!(seal(&clicks, false).contains("not what its charges and clicks"));
        let found = broken(false, "UPDATE CHARGE SET creative = 77 WHERE seq = (SELECT min(seq) FROM CHARGE)");
        assert!(matches!(found, Break::Digest { .. }), "{found}");
    }

    /// Nothing that the ledger says of a gone day can be changed without its seal telling.
    #[test]
    fn the_ledger_of_a_gone_day_is_proved_by_its_seal() {
        let found = broken(true, "UPDATE ledger_transaction SET rows = rows + 1 WHERE id = 2");
        assert!(matches!(found, Break::Rows { .. } | Break::Transaction { .. }), "{found}");
        let shift = "UPDATE ledger_delivery SET media = 9 WHERE transaction_id = 2 AND media = 1;
                     UPDATE ledger_entry SET account_owner = 9 WHERE transaction_id = 2 AND account_kind = 300 AND account_owner = 1";
        let found = broken(true, shift);
        assert!(matches!(found, Break::Seal { .. }), "{found}");
        let found = broken(true, "DELETE FROM sealed_day");
        assert!(!matches!(found, Break::Unreadable(_)), "{found}");
        let found = broken(true, "UPDATE lease SET posted = posted - 1 WHERE id = 1");
        assert!(matches!(found, Break::Lease { .. }), "{found}");
    }

    #[test]
    fn a_day_that_does_not_agree_is_told_once_and_not_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
        let store = open();
        let leases = two_leases(&store);
        traffic(&store, leases, 7, 40);
        store.close_dead(noon().plus_ms(700_000)).unwrap();
        derive(&store, noon()).unwrap();
        drop(store);
        alter(&folder, "UPDATE CHARGE SET creative = 77 WHERE seq = (SELECT min(seq) FROM CHARGE)");
        let store = open();
        let mut sealer = Sealer::default();
        let error = loop {
            match sealer.step(&store, after_the_day()) {
                Ok(progress) => assert_eq!(progress, Progress::Working),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, SealError::Differs { day: DAY, .. }) && error.to_string().contains("altered"),
            "{error}"
        );
        assert_eq!(sealer.step(&store, after_the_day()), Ok(Progress::Idle));
        assert_eq!(store.snapshot().unwrap().seals(), Ok(vec![]));
    }

    #[test]
    fn the_file_keeps_a_seal_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
        let leases = two_leases(&store);
        traffic(&store, leases, 8, 40);
        store.close_dead(noon().plus_ms(700_000)).unwrap();
        derive(&store, noon()).unwrap();
        seal_next(&store, after_the_day()).unwrap();
        let charges = format!("charge_{}", DAY.compact());
        for (sql, why) in [
            ("UPDATE sealed_day SET rows = rows".to_owned(), "append-only"),
            ("DELETE FROM sealed_day".to_owned(), "append-only"),
            ("UPDATE sealed_charge SET count = count".to_owned(), "append-only"),
            ("DELETE FROM sealed_charge".to_owned(), "append-only"),
            ("UPDATE sealed_click SET ads = ads".to_owned(), "append-only"),
            ("DELETE FROM sealed_click".to_owned(), "append-only"),
            (format!("DELETE FROM {charges}"), "append-only"),
            (format!("INSERT INTO {charges} SELECT * FROM {charges}"), "the day is sealed"),
        ] {
            let refused = store.raw(move |connection| Ok(connection.execute_batch(&sql)?)).unwrap_err();
            assert!(refused.to_string().contains(why), "{refused}");
        }
        store.let_go(DAY, after_the_day()).unwrap();
        for sql in ["UPDATE gone_day SET gone_at_ms = 0", "DELETE FROM gone_day"] {
            let refused = store.raw(move |connection| Ok(connection.execute_batch(sql)?)).unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
    }

    /// R-RETAIN: the space of what is gone is used again.
    #[test]
    fn r_retain_the_file_does_not_grow_with_days_that_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
        top_up(&store, "bank 1", 1_000_000_000).unwrap();
        let mut sizes = Vec::new();
        for day in 0..4_u64 {
            let now = noon().plus_ms(day * 86_400_000);
            let (window_ends, closes_at) = (now.plus_ms(60_000), now.plus_ms(700_000));
            let lease =
                store.grant(LeaseRequest { window_ends, closes_at, ..request(CASH, 1_000_000) }).unwrap().unwrap();
            let receipts: Vec<_> = (0..3_000)
                .map(|number| {
                    let mut charge = charge(number, lease.id, Method::Pd, 1);
                    charge.key.auction.0 += u128::from(day * 86_400_000) << 80;
                    store.submit(Lane(0), posted(charge)).unwrap()
                })
                .collect();
            receipts.into_iter().for_each(|receipt| assert_eq!(wait(receipt.outcome()), Ok(Recorded::Posted)));
            let over = after_the_day().plus_ms(day * 86_400_000);
            store.close_dead(over).unwrap();
            derive(&store, over).unwrap();
            let sealed = seal_next(&store, over).unwrap().day;
            let pages = "SELECT page_count FROM pragma_page_count";
            sizes.push(store.raw(move |it| Ok(it.query_row(pages, (), |row| row.get::<_, u64>(0))?)).unwrap());
            store.let_go(sealed, over).unwrap();
            while store.sweep(512).unwrap() {}
        }
        assert!(sizes[0] > 100 && sizes[3] < sizes[0] + 20, "pages at the end of each day: {sizes:?}");
        assert_eq!(verify(&*store.snapshot().unwrap()).unwrap().charges, 12_000);
    }
}
