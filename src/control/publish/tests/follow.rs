//! Two processes on one data folder: what one publishes and suspends, the other serves.

use super::*;

const DEAL: &str = "PD-2026-DAIRY-FEED";

fn price(publisher: &Publisher) -> String {
    publisher.exchange().market.load().deal_named(DEAL).unwrap().price.to_string()
}

fn serving(publisher: &Publisher) -> u64 {
    publisher.exchange().market.load().generation
}

fn generations(bench: &Bench) -> usize {
    bench.store.generations(u64::MAX, 100).unwrap().len()
}

/// What a process does a few times a second: whether there was something to do.
fn follow(bench: &Bench, publisher: &Publisher) -> bool {
    let newest = bench.store.generations(u64::MAX, 1).unwrap().pop().unwrap();
    let behind = publisher.is_behind(newest.number, newest.pinned);
    publisher.follow();
    behind
}

#[test]
fn a_generation_is_published_once_and_adopted_by_all() {
    let bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    assert_eq!(
        (generations(&bench), serving(&other)),
        (1, 1),
        "what is served already is not published again at a start"
    );
    assert!(!follow(&bench, &other));
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert!(follow(&bench, &other) && !follow(&bench, &other));
    assert_eq!((serving(&other), price(&other).as_str()), (2, "¥25.00 CPM"));
    let same = other.reload(&By::trigger(Trigger::File)).unwrap();
    assert_eq!(
        (same.changed, same.generation, generations(&bench)),
        (false, 2, 2),
        "its own look at the files finds it served"
    );
    // Faster than the look at the store.
    bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"26.00\"");
    other.reload(&By::trigger(Trigger::File)).unwrap();
    let adopted = bench.reload().unwrap();
    assert_eq!((adopted.changed, adopted.generation, generations(&bench)), (true, 3, 3));
    assert_eq!(adopted.diff.lines(), [format!("deals: 1 changed ({DEAL})")]);
    // At the very same moment: the slower one finds its number taken, and what it wanted served.
    bench.edit("deals.toml", "cpm = \"26.00\"", "cpm = \"27.00\"");
    let rival = other.clone();
    *held(&bench.rival) = Some(Box::new(move || drop(rival.reload(&By::trigger(Trigger::File)).unwrap())));
    let overtaken = bench.reload().unwrap();
    assert_eq!((overtaken.changed, overtaken.generation, generations(&bench)), (true, 4, 4));
    assert_eq!([serving(&other), bench.serving()], [4, 4]);
    // Something else at the same moment: both are published, in order, and the later one counts everywhere.
    bench.edit("deals.toml", "cpm = \"27.00\"", "cpm = \"28.00\"");
    let rival = other.clone();
    let why = By { trigger: Trigger::Rollback, actor: "loopback".to_owned(), reason: "wrong price".to_owned() };
    *held(&bench.rival) = Some(Box::new(move || drop(rival.rollback(1, &why).unwrap())));
    let later = bench.reload().unwrap();
    assert_eq!((later.generation, later.pinned, bench.price(DEAL).as_str()), (6, false, "¥28.00 CPM"));
    assert!(follow(&bench, &other) && price(&other) == "¥28.00 CPM" && !other.standing().pinned);
}

#[test]
fn a_rollback_at_one_process_is_served_and_pinned_at_all() {
    let bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    bench.publisher.rollback(1, &By::trigger(Trigger::Rollback)).unwrap();
    let ignored = other.reload(&By::trigger(Trigger::File)).unwrap();
    assert_eq!(
        (serving(&other), price(&other).as_str(), ignored.pinned),
        (3, "¥24.00 CPM", true),
        "a change of files is kept out"
    );
    assert_eq!((other.standing().restores, generations(&bench)), (Some(1), 3));
    bench.edit("deals.toml", "cpm = \"25.00\"", "cpm = \"24.00\"");
    assert!(!bench.reload().unwrap().pinned, "the same content: the pin ends without a new generation");
    assert!(follow(&bench, &other) && !other.standing().pinned && serving(&other) == 3);
}

#[test]
fn a_kill_switch_at_one_process_is_thrown_at_all() {
    let bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    let suspended = |publisher: &Publisher| {
        let market = publisher.exchange().market.load_full();
        let basalt = market.dsps.iter().find(|dsp| dsp.wire == "basalt").unwrap();
        market.dsp_is_suspended(basalt.id)
    };
    let switch =
        |publisher: &Publisher, suspend| publisher.switch(IdKind::Dsp, "basalt", suspend, "loopback", "why").unwrap();
    assert!(switch(&bench.publisher, true).changed);
    other.follow_switches(1).unwrap();
    assert!(suspended(&other) && other.thrown().len() == 1);
    assert!(!switch(&other, true).changed, "thrown already");
    assert!(switch(&other, false).changed && suspended(&bench.publisher));
    // Before its next look this process does as if it had looked.
    assert!(!switch(&bench.publisher, false).changed && !suspended(&bench.publisher));
    assert!(switch(&other, true).changed);
    bench.publisher.follow_switches(3).unwrap();
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert!(suspended(&bench.publisher), "laid over the next market too");
    *held(&bench.broken) = true;
    bench.publisher.follow_switches(3).unwrap();
    assert!(suspended(&bench.publisher));
}

/// A process that does not know yet which numbers another one has given gives none a second meaning.
#[test]
fn numbers_that_two_processes_give_have_one_meaning() {
    let bench = Bench::new();
    let folder = Bench::new().folder;
    let other = bench.beside(folder.path(), false).unwrap();
    bench.edit("deals.toml", "id = \"PD-2026-X7-TOP\"", "id = \"PD-FIRST\"");
    bench.reload().unwrap();
    edit(folder.path(), "deals.toml", "id = \"PD-2026-X7-TOP\"", "id = \"PD-SECOND\"");
    other.reload(&By::trigger(Trigger::Api)).unwrap();
    follow(&bench, &bench.publisher);
    let number =
        |publisher: &Publisher, name| publisher.exchange().market.load().deal_named(name).map(|deal| deal.id.0);
    assert_eq!((number(&other, "PD-SECOND"), number(&bench.publisher, "PD-SECOND")), (Some(6), Some(6)));
    let given: Vec<_> = held(&bench.saved).iter().filter(|it| it.1 == 5 && it.0 == IdKind::Deal).cloned().collect();
    assert_eq!(given, [(IdKind::Deal, 5, "PD-FIRST".into())]);
}

#[test]
fn a_generation_that_is_refused_here_is_passed_over_until_the_next() {
    let bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    // As a program of another version would leave it.
    let first = bench.store.generations(u64::MAX, 1).unwrap().pop().unwrap();
    let audit = bench.store.audits(u64::MAX, 1).unwrap().pop().unwrap();
    let foreign = Generation { number: 2, digest: [7; 32], ..first };
    bench.store.publish(&foreign, b"not what this program packs", &audit).unwrap();
    assert!(follow(&bench, &other) && !follow(&bench, &other));
    assert_eq!((serving(&other), other.exchange().metrics.reloads[1].get()), (1, 1));
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert!(follow(&bench, &other));
    assert_eq!((serving(&other), price(&other).as_str()), (3, "¥25.00 CPM"));
}
