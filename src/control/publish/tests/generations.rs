//! Generations, rollbacks and starts.

use super::*;

const DEAL: &str = "PD-2026-DAIRY-FEED";

fn by(trigger: Trigger) -> By {
    By::trigger(trigger)
}

/// Generation 1 sells at ¥24, generation 2 at ¥25, generation 3 is 1 again and pinned.
fn rolled_back() -> Bench {
    let bench = Bench::new();
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    let why = By { trigger: Trigger::Rollback, actor: "loopback".to_owned(), reason: "wrong price".to_owned() };
    let done = bench.publisher.rollback(1, &why).unwrap();
    assert_eq!((done.generation, done.changed, done.pinned), (3, true, true));
    assert_eq!(done.diff.lines(), [format!("deals: 1 changed ({DEAL})")]);
    bench
}

#[test]
fn a_rollback_is_the_next_generation_and_stays_until_a_reload_is_asked_for() {
    for trigger in [Trigger::Signal, Trigger::Api] {
        let bench = rolled_back();
        assert_eq!((bench.serving(), bench.price(DEAL).as_str()), (3, "¥24.00 CPM"));
        let ignored = bench.publisher.reload(&by(Trigger::File)).unwrap();
        assert_eq!((ignored.generation, ignored.changed, ignored.pinned), (3, false, true));
        assert_eq!(bench.price(DEAL), "¥24.00 CPM");
        let done = bench.publisher.reload(&by(trigger)).unwrap();
        assert_eq!((done.generation, done.changed, done.pinned), (4, true, false));
        assert_eq!(bench.price(DEAL), "¥25.00 CPM");
        bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"26.00\"");
        assert!(bench.publisher.reload(&by(Trigger::File)).unwrap().changed, "files count again");
    }
}

#[test]
fn a_pin_ends_without_a_new_generation_where_the_folder_is_the_same() {
    let bench = rolled_back();
    bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"24.00\"");
    let done = bench.reload().unwrap();
    assert_eq!((done.generation, done.changed, done.pinned), (3, false, false));
    assert!(!bench.publisher.standing().pinned && !bench.store.generations(u64::MAX, 1).unwrap()[0].pinned);
    assert_eq!(bench.store.audits(u64::MAX, 1).unwrap()[0].action, "unpin");
}

#[test]
fn a_refused_folder_does_not_end_a_pin() {
    let bench = rolled_back();
    bench.edit("deals.toml", "cpm = \"9.50\"", "cpm = 9.50");
    assert!(bench.reload().is_err());
    let standing = bench.publisher.standing();
    assert!(standing.pinned && standing.refused);
    assert!(!bench.publisher.reload(&by(Trigger::File)).unwrap().changed);
    assert!(bench.publisher.standing().refused, "the folder was not looked at");
}

#[test]
fn history_and_log_tell_who_did_what() {
    let bench = rolled_back();
    let history = bench.store.generations(u64::MAX, 10).unwrap();
    let told: Vec<_> = history.iter().map(|it| (it.number, it.trigger, it.pinned, it.restores)).collect();
    let expected =
        [(3, Trigger::Rollback, true, Some(1)), (2, Trigger::Api, false, None), (1, Trigger::Start, false, None)];
    assert_eq!(told, expected);
    assert_eq!(history[0].digest, history[2].digest);
    let log = &bench.store.audits(u64::MAX, 10).unwrap()[0];
    assert_eq!((log.action.as_str(), log.actor.as_str(), log.reason.as_str()), ("rollback", "loopback", "wrong price"));
    assert_eq!((log.before.as_str(), log.after.as_str()), ("generation 2", "generation 3, the content of 1, pinned"));
    let unknown = bench.publisher.rollback(9, &by(Trigger::Rollback)).unwrap_err();
    assert_eq!((unknown.generation, unknown.trouble), (3, Trouble::NotKept(9)));
}

#[test]
fn numbers_go_on_after_a_restart_and_the_same_folder_is_the_same_generation() {
    let mut bench = rolled_back();
    bench.reload().unwrap();
    bench.restart(false).unwrap();
    assert_eq!((bench.serving(), bench.price(DEAL).as_str()), (4, "¥25.00 CPM"));
    bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"26.00\"");
    bench.restart(false).unwrap();
    assert_eq!((bench.serving(), bench.price(DEAL).as_str()), (5, "¥26.00 CPM"));
    assert_eq!(bench.store.generations(u64::MAX, 1).unwrap()[0].trigger, Trigger::Start);
}

#[test]
fn a_pin_survives_a_restart_until_the_start_is_told_otherwise() {
    let mut bench = rolled_back();
    bench.restart(false).unwrap();
    let standing = bench.publisher.standing();
    assert_eq!((bench.serving(), standing.pinned, standing.restores), (3, true, Some(1)));
    assert_eq!(bench.price(DEAL), "¥24.00 CPM");
    assert!(!bench.publisher.reload(&by(Trigger::File)).unwrap().changed);
    bench.restart(true).unwrap();
    assert_eq!((bench.serving(), bench.publisher.standing().pinned), (4, false));
    assert_eq!(bench.price(DEAL), "¥25.00 CPM");
}

#[test]
fn a_start_with_a_bad_folder_serves_the_last_good_one_and_says_so() {
    let mut bench = Bench::new();
    // Refused by its text, and refused by what is booked.
    for (file, good, bad) in
        [("deals.toml", "cpm = \"9.50\"", "cpm = 9.50"), ("buyers.toml", "bank-2026-0002", "stolen")]
    {
        bench.edit(file, good, bad);
        bench.restart(false).unwrap();
        let standing = bench.publisher.standing();
        assert!(standing.refused && !standing.pinned);
        assert_eq!((bench.serving(), bench.reloads()), (1, [0, 1]));
        let last = standing.last.unwrap();
        let told = last.outcome.as_ref().unwrap_err().to_string();
        assert!(told.starts_with("generation 1 keeps serving: ") && told.contains(file), "{told}");
        bench.edit(file, bad, good);
        assert!(!bench.publisher.reload(&by(Trigger::File)).unwrap().changed);
        assert!(!bench.publisher.standing().refused, "put right");
    }
}

#[test]
fn a_first_start_with_a_bad_folder_fails() {
    let mut bench = Bench::new();
    bench.store = MemoryStore::new();
    bench.edit("deals.toml", "cpm = \"9.50\"", "cpm = 9.50");
    assert!(matches!(bench.restart(false), Err(Trouble::Config(_))));
}

#[test]
fn a_pinned_generation_that_is_refused_now_says_the_way_out() {
    let mut bench = rolled_back();
    let mut bad = std::collections::BTreeMap::new();
    bad.insert("deals.toml".to_owned(), b"schema = 2".to_vec());
    let mut files: std::collections::BTreeMap<_, _> = load(bench.folder.path())
        .unwrap()
        .files()
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        .collect();
    files.append(&mut bad);
    let sources = Sources::from_files(Path::new("x"), files).unwrap();
    let newest = bench.store.generations(u64::MAX, 1).unwrap().remove(0);
    let audit = bench.store.audits(u64::MAX, 1).unwrap().remove(0);
    let broken = Generation { number: 4, digest: sources.digest(), ..newest };
    bench.store.publish(&broken, &pack::pack(&sources), &audit).unwrap();
    let told = bench.restart(false).unwrap_err().to_string();
    assert!(told.contains("`--unpin`") && told.contains("generation 4/deals.toml:1"), "{told}");
    bench.restart(true).unwrap();
    assert_eq!(bench.serving(), 5);
}

#[test]
fn nothing_is_served_or_unpinned_that_is_not_durable() {
    let bench = rolled_back();
    *held(&bench.broken) = true;
    assert_eq!(bench.reload().unwrap_err().trouble, Trouble::Store(StoreUnavailable("disk full".to_owned())));
    assert!(bench.publisher.rollback(2, &by(Trigger::Rollback)).is_err());
    assert_eq!((bench.serving(), bench.price(DEAL).as_str()), (3, "¥24.00 CPM"));
    bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"24.00\"");
    assert!(bench.reload().is_err() && bench.publisher.standing().pinned, "the pin would come back");
    assert!(!bench.publisher.standing().refused, "the folder is not at fault");
    *held(&bench.broken) = false;
    assert!(!bench.reload().unwrap().pinned);
}
