//! Kill switches over markets that come and go.

use super::*;
use crate::market::deal::DealState;
use crate::market::demand::CreativeState;

fn switch(bench: &Bench, kind: IdKind, name: &str, suspended: bool) -> Switched {
    bench.publisher.switch(kind, name, suspended, "loopback", "because").unwrap()
}

/// What is suspended, by the name of its kind.
fn suspended(bench: &Bench) -> Vec<&'static str> {
    let market = bench.publisher.exchange().market.load_full();
    let day = noon().shanghai_day();
    let creative = market.creative(market.deal_named("PD-2026-PAOPAO").unwrap().buyer, "paopao-banner-1").unwrap();
    let deal = market.deal_named("PD-2026-PAOPAO").unwrap();
    let approved = creative.sizes.iter().any(|size| {
        market.approved_creatives(creative.buyer, creative.format, Some(*size)).any(|it| it.id == creative.id)
    });
    assert_eq!(approved, market.creative_state(creative) == CreativeState::Approved);
    let basalt = market.dsps.iter().find(|dsp| dsp.wire == "basalt").unwrap();
    assert_eq!(market.dsp_is_approved(basalt, day), !market.dsp_is_suspended(basalt.id));
    let all = [
        ("media", market.media.iter().any(|it| it.wire == "sunrise" && market.media_is_suspended(it))),
        ("dsp", market.dsp_is_suspended(basalt.id)),
        ("buyer", market.buyer_is_suspended(deal.buyer)),
        ("creative", market.creative_state(creative) == CreativeState::Suspended),
        ("deal", market.deal_state(deal) == DealState::Suspended),
    ];
    all.into_iter().filter(|(_, suspended)| *suspended).map(|(kind, _)| kind).collect()
}

const SUBJECTS: [(IdKind, &str, &str); 5] = [
    (IdKind::Media, "sunrise", "media"),
    (IdKind::Dsp, "basalt", "dsp"),
    (IdKind::Buyer, "80010003", "buyer"),
    (IdKind::Creative, "80010003/paopao-banner-1", "creative"),
    (IdKind::Deal, "PD-2026-PAOPAO", "deal"),
];

#[test]
fn each_switch_stops_its_own_and_nothing_else() {
    let bench = Bench::new();
    for (kind, name, told) in SUBJECTS {
        let before = bench.publisher.exchange().market.load_full();
        let done = switch(&bench, kind, name, true);
        assert!(done.changed && done.thrown.is_some() && !done.by_config, "{told}");
        assert_eq!(suspended(&bench), [told]);
        let after = bench.publisher.exchange().market.load_full();
        assert!(after.shares(&before) && after.generation == 1, "nothing is built anew");
        assert!(!switch(&bench, kind, name, true).changed, "thrown already");
        assert!(switch(&bench, kind, name, false).changed);
        assert!(suspended(&bench).is_empty() && !switch(&bench, kind, name, false).changed);
    }
    let log = bench.store.audits(u64::MAX, 100).unwrap();
    assert_eq!(log.len(), 11, "one start, ten changes");
    let told = (log[1].action.as_str(), log[1].subject.as_str(), log[1].before.as_str(), log[1].after.as_str());
    assert_eq!(told, ("suspend", "deal PD-2026-PAOPAO", "not suspended", "suspended"));
    for (kind, name) in [(IdKind::Deal, "nobody"), (IdKind::Creative, "paopao-banner-1"), (IdKind::Media, "basalt")] {
        let unknown = bench.publisher.switch(kind, name, true, "loopback", "because");
        assert!(matches!(unknown, Err(Unswitched::Unknown { .. })), "{name}");
    }
}

#[test]
fn switches_outlive_reloads_rollbacks_and_restarts() {
    let mut bench = Bench::new();
    let all = SUBJECTS.map(|(_, _, told)| told);
    SUBJECTS.iter().for_each(|(kind, name, _)| drop(switch(&bench, *kind, name, true)));
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert_eq!(suspended(&bench), all);
    bench.publisher.rollback(1, &By::trigger(Trigger::Rollback)).unwrap();
    assert_eq!(suspended(&bench), all);
    bench.restart(false).unwrap();
    assert_eq!(suspended(&bench), all);
    assert_eq!(bench.publisher.thrown().values().next().unwrap().reason, "because");
    switch(&bench, IdKind::Dsp, "basalt", false);
    bench.restart(true).unwrap();
    assert_eq!(suspended(&bench), ["media", "buyer", "creative", "deal"]);
}

#[test]
fn a_switch_does_not_wait_for_a_reload() {
    let bench = Bench::new();
    let reloading = held(&bench.publisher.desk);
    assert!(switch(&bench, IdKind::Dsp, "basalt", true).changed);
    assert_eq!(suspended(&bench), ["dsp"]);
    drop(reloading);
}

#[test]
fn a_resume_does_not_lift_what_the_config_suspends() {
    let bench = Bench::edited(&[(
        "deals.toml",
        "id = \"PD-2026-PAOPAO\"\nmethod = \"PD\"\nstate = \"active\"",
        "id = \"PD-2026-PAOPAO\"\nmethod = \"PD\"\nstate = \"suspended\"",
    )]);
    assert_eq!(suspended(&bench), ["deal"]);
    assert!(switch(&bench, IdKind::Deal, "PD-2026-PAOPAO", true).by_config);
    let done = switch(&bench, IdKind::Deal, "PD-2026-PAOPAO", false);
    assert!(done.changed && done.by_config && done.thrown.is_none());
    assert_eq!(suspended(&bench), ["deal"]);
}

#[test]
fn what_has_left_the_market_can_be_resumed() {
    let bench = Bench::new();
    switch(&bench, IdKind::Deal, "PD-2026-X7-TOP", true);
    bench.edit("deals.toml", "id = \"PD-2026-X7-TOP\"", "id = \"PD-2026-X7-OTHER\"");
    bench.reload().unwrap();
    assert!(switch(&bench, IdKind::Deal, "PD-2026-X7-TOP", false).changed);
    assert!(bench.publisher.thrown().is_empty());
}

#[test]
fn a_market_is_freed_by_the_publisher_though_a_switch_has_copied_it() {
    let bench = Bench::new();
    let reader = bench.publisher.exchange().market.load_full();
    switch(&bench, IdKind::Dsp, "basalt", true);
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    bench.publisher.sweep();
    assert!(!reader.is_last(), "kept for whoever reads it");
    assert_eq!(held(&bench.publisher.desk).retired(), 1);
    drop(reader);
    bench.publisher.sweep();
    assert_eq!(held(&bench.publisher.desk).retired(), 0);
}

#[test]
fn a_switch_that_would_not_outlive_a_restart_does_not_move() {
    let bench = Bench::new();
    *held(&bench.broken) = true;
    let refused = bench.publisher.switch(IdKind::Dsp, "basalt", true, "loopback", "because");
    assert_eq!(refused, Err(Unswitched::Store(StoreUnavailable("disk full".to_owned()))));
    assert!(suspended(&bench).is_empty() && bench.publisher.thrown().is_empty());
    *held(&bench.broken) = false;
    assert!(switch(&bench, IdKind::Dsp, "basalt", true).changed);
}
