//! Who may work on a folder with whom, and what comes of it.

use std::path::Path;

use proptest::prelude::*;

use super::super::model::{check, steps};
use super::super::seals::{after_the_day, seal_next};
use super::*;
use crate::settlement::seal::{Progress, Sealer};
use crate::store::{OpenError, Restoring, SqliteReader, backup};

fn open(folder: &Path, node: u16) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(Options::new(folder, NodeId(node)), noon())
}

proptest! {
    // Each step is a commit on disk.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn r_prepay_random_histories_over_several_processes_agree_with_the_model(
        history in steps(), nodes in 2..=3_u16, seed in any::<u64>(),
    ) {
        check(&Several::open(nodes, seed), &history);
    }
}

/// Three processes spend one balance at once, in leases that never come out even.
#[test]
fn r_prepay_processes_that_race_spend_a_balance_to_the_last_impression() {
    const PRICE: i64 = 35_000;
    const IMPRESSIONS: i64 = 300;
    let several = Several::open(3, 1);
    top_up(&several, "bank 1", PRICE * IMPRESSIONS + PRICE - 1).unwrap();
    let spend = |node: &SqliteStore, first: u32| {
        let (mut number, mut spent) = (first, 0);
        while let Some(lease) = node.grant(request(CASH, PRICE * 3 / 2)).unwrap() {
            let fits = lease.amount.0 / PRICE;
            for _ in 0..fits {
                number += 1;
                let charge = posted(charge(number, lease.id, Method::Pd, PRICE));
                assert_eq!(wait(node.submit(Lane(0), charge).unwrap().outcome()), Ok(Recorded::Posted));
                let again = wait(node.submit(Lane(1), charge).unwrap().outcome());
                assert_eq!(again, Ok(Recorded::AlreadyPosted));
            }
            node.retire(lease.id, MicroYuan(PRICE * fits)).unwrap();
            spent += fits;
            // What cannot pay for one alone may with what another process has given back.
            if fits == 0 && position(&several, CASH).held() == MicroYuan(spent_by(&several)) {
                break;
            }
        }
        spent
    };
    let spent: i64 = std::thread::scope(|scope| {
        let threads: Vec<_> = several
            .nodes
            .iter()
            .zip([0, 10_000, 20_000])
            .map(|(node, first)| scope.spawn(move || spend(node, first)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(spent, IMPRESSIONS);
    derive(&several, noon()).unwrap();
    let proved = verify(&*several.snapshot().unwrap()).unwrap();
    assert_eq!((proved.charges, proved.posted_micro_yuan), (IMPRESSIONS as u64, PRICE * IMPRESSIONS));
    several.close_dead(noon().plus_ms(700_000)).unwrap();
    let left = position(&several, CASH);
    assert_eq!((left.available().0, left.held().0), (PRICE - 1, 0), "every lease is back");
}

fn spent_by(store: &Several) -> i64 {
    store.any().snapshot().unwrap().totals().unwrap().posted.0
}

#[test]
fn each_node_has_one_process_and_bookings_are_entered_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqliteStore::open_for_entry(folder.path(), noon());
    assert!(matches!(missing, Err(OpenError::Missing(_))), "a folder that was mistyped gets no store");
    let [one, two] = [1, 2].map(|node| open(folder.path(), node).unwrap());
    let Err(error) = open(folder.path(), 2) else { panic!("two processes are node 2") };
    assert!(matches!(error, OpenError::NodeInUse { node: 2, .. }) && error.to_string().contains("--node"), "{error}");
    assert_eq!((one.boot().0, two.boot().0), (1, 1), "nodes count apart");
    let entry = SqliteStore::open_for_entry(folder.path(), noon()).unwrap();
    assert_eq!(entry.boot().0, 0);
    assert_eq!(entry.top_up(BUYER, "bank 1", MicroYuan(100), noon()), Ok(Booking::Booked));
    assert_eq!(top_up(&one, "bank 1", 100), Ok(Booking::AlreadyBooked));
    let lease = grant(&two, CASH, 100).unwrap();
    assert!(entry.grant(request(CASH, 1)).unwrap_err().to_string().contains("bookings only"));
    assert_eq!(entry.submit(Lane(0), posted(charge(1, lease.id, Method::Pd, 10))).unwrap_err(), Unrecorded::Closed);
    let tally = Tally { day: DAY, deal: DEAL, measure: Measure::Stage(Stage::Billed), count: 1 };
    assert_eq!(entry.tally(vec![tally]), Err(Unrecorded::Closed));
    assert!(!entry.leads() && one.leads() && !two.leads(), "one leads, and it is a node");
    assert_eq!(two.close_dead(noon().plus_ms(700_000)), Ok(0));
    one.close();
    assert!(two.leads() && !one.leads());
    assert_eq!(two.close_dead(noon().plus_ms(700_000)), Ok(1));
    let again = open(folder.path(), 1).unwrap();
    assert_eq!(again.boot().0, 2);
}

#[test]
fn the_schema_is_brought_up_to_date_by_who_has_the_folder_alone() {
    // As an older program left it.
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), 1).unwrap());
    let raw = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
    raw.execute_batch("DROP TRIGGER migration_stay").unwrap();
    let newest: i64 = raw.query_row("SELECT max(version) FROM migration", (), |row| row.get(0)).unwrap();
    raw.execute("DELETE FROM migration WHERE version = ?1", [newest]).unwrap();
    raw.pragma_update(None, "user_version", newest - 1).unwrap();
    drop(raw);
    let older = std::fs::File::options().write(true).open(folder.path().join("pmpx.lock")).unwrap();
    older.lock_shared().unwrap();
    let refused = open(folder.path(), 2).err().unwrap();
    assert!(matches!(refused, OpenError::InUse(_)), "a running process keeps its schema: {refused}");
    assert!(matches!(SqliteReader::open(folder.path()), Err(OpenError::Older { .. })));
    older.unlock().unwrap();
    older.lock().unwrap();
    assert!(matches!(open(folder.path(), 2), Err(OpenError::InUse(_))), "one that is alone is not disturbed");
}

#[test]
fn many_processes_start_on_a_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let boots: Vec<_> = std::thread::scope(|scope| {
        let start = |node| open(&data, node).map(|store| store.boot().0);
        let threads: Vec<_> = (0..6).map(|node| scope.spawn(move || start(node))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });
    assert_eq!(boots, [1; 6]);
}

#[test]
fn numbers_of_generations_rise_over_all_processes() {
    let several = Several::open(2, 1);
    the_last_word_on_a_subject_is_its_state(&several);
    let publish = |node: usize, number: u64, sources: &[u8]| {
        let generation = Generation { number, ..operations::generation(1, sources[0]) };
        several.nodes[node].publish(&generation, sources, &operations::audit("publish"))
    };
    publish(0, 1, &[1; 9]).unwrap();
    assert!(publish(1, 1, &[2; 9]).is_err(), "that number was given at the same moment");
    publish(1, 2, &[2; 9]).unwrap();
    assert_eq!(several.nodes[0].sources(2), Ok(Some(vec![2; 9])), "its sources are its own");
    let seen = || several.nodes[0].pulse().map(|seen| (seen.generation, seen.pinned, seen.switches));
    assert!(matches!(seen(), Ok((2, true, 1..))), "{:?}", seen());
    several.nodes[1].unpin(2, &operations::audit("unpin")).unwrap();
    assert!(matches!(seen(), Ok((2, false, 1..))), "{:?}", seen());
}

#[test]
fn a_backup_under_several_processes_is_whole_and_restores_for_several() {
    let several = Several::open(2, 3);
    top_up(&several, "bank 1", 1_000_000).unwrap();
    let lease = grant(&several, CASH, 500_000).unwrap();
    for number in 0..50 {
        record(&several, posted(charge(number, lease.id, Method::Pd, 100))).unwrap();
    }
    let to = tempfile::tempdir().unwrap();
    backup(several._folder.path(), &to.path().join("backup"), noon()).unwrap();
    let restoring = Restoring::begin(&to.path().join("backup"), &to.path().join("data"), noon()).unwrap();
    restoring.finish(noon()).unwrap();
    let [one, two] = [1, 2].map(|node| open(&to.path().join("data"), node).unwrap());
    assert!(one.boot().0 > 4_096 && two.boot().0 > 4_096, "no boot comes twice");
    derive(&one, noon()).unwrap();
    assert_eq!(verify(&*two.snapshot().unwrap()).unwrap().charges, 50);
}

/// The lock that lets one process lead was taken away from under it: for a moment two of them derive and seal. Each refuses what the other has
/// done, and the books stay whole.
#[test]
fn two_that_lead_at_once_do_no_harm() {
    for seed in 0..6 {
        let several = Several::open(2, seed);
        let [one, two] = [&several.nodes[0], &several.nodes[1]];
        top_up(&several, "bank 1", 10_000_000).unwrap();
        let lease = grant(&several, CASH, 5_000_000).unwrap();
        for number in 0..200 {
            record(&several, posted(charge(number, lease.id, Method::Pd, i64::from(number % 7)))).unwrap();
            clicks::click(&several, charge(number, lease.id, Method::Pd, 0), 5);
        }
        std::fs::remove_file(several._folder.path().join("lead.lock")).unwrap();
        assert!(one.leads() && two.leads());
        let derived: Vec<_> = std::thread::scope(|scope| {
            let derive = |store: &SqliteStore| derive(store, noon());
            let threads: Vec<_> = several.nodes.iter().map(|store| scope.spawn(move || derive(store))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = |done: &Result<_, BookError>| {
            matches!(done, Err(BookError::NotNext { .. } | BookError::ReferenceTaken { .. }))
        };
        assert!(derived.iter().all(|done| done.is_ok() || refused(done)), "{derived:?}");
        derive(&several, noon()).unwrap();
        let now = after_the_day();
        let closed: u64 = several.nodes.iter().map(|node| node.close_dead(now).unwrap()).sum();
        assert_eq!(closed, 1, "a lease is closed once");
        let (mut sealers, mut chance) = ([Sealer::default(), Sealer::default()], Chance::seeded(seed));
        let mut sealed = 0;
        for _ in 0..400 {
            let turn = usize::from(chance.below(2) == 0);
            // An error is a step that is begun anew.
            if let Ok(Progress::Sealed(_)) = sealers[turn].step(&several.nodes[turn], now) {
                sealed += 1;
            }
        }
        if sealed == 0 {
            // Each took the other's groups away before they were looked at: the next that leads alone seals.
            assert!(seal_next(two, now).is_some(), "seed {seed}");
        }
        assert!(sealed <= 1);
        let proved = verify(&*several.snapshot().unwrap()).unwrap();
        assert_eq!((proved.sealed_days, proved.charges), (1, 200));
        let groups = several.snapshot().unwrap().click_groups(DAY).unwrap();
        assert_eq!(groups.iter().map(|group| group.ads).sum::<u64>(), 200, "seed {seed}");
    }
}
