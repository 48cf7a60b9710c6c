//! What follows from what is seen: by examples, and by random lives that a few sentences hold of.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod lives;

use std::time::Duration;

use proptest::prelude::*;

use super::life::MOST_ROUNDS;
use super::*;
use crate::market::policy::landing::Watch;

const MISSES: u32 = 3;
const CONFIRM_MS: u64 = 60_000;

fn watch() -> Watch {
    Watch { confirm: Duration::from_millis(CONFIRM_MS), misses: MISSES, ..Watch::default() }
}

fn sight(agent: Agent, page: u8) -> Sight {
    let sha256 = format!("{page:02x}").repeat(32);
    Sight {
        agent,
        at_ms: 0,
        route: vec!["https://shop.example/".into()],
        content_type: "text/html".into(),
        sha256,
        also: Vec::new(),
    }
}

fn same(agent: Agent) -> Look {
    Look::Same(sight(agent, 1))
}

fn other(agent: Agent) -> Look {
    Look::Other(Some(sight(agent, 2)), vec!["another form".to_owned()])
}

fn none(_: Agent) -> Look {
    Look::None("page-status 500".to_owned())
}

fn later(_: Agent) -> Look {
    Look::Later
}

/// One life of a page.
struct Life {
    state: PageState,
    record: Record,
    at: u64,
    unproven: bool,
    marks: Vec<Mark>,
    ruling: Ruling,
}

impl Life {
    fn new(state: PageState) -> Self {
        let record = Record::new("80010001", "qinghe-dairy", "https://shop.example/");
        Self { state, record, at: 1, unproven: false, marks: Vec::new(), ruling: Ruling::Take }
    }

    /// Approved and seen once.
    fn frozen() -> Self {
        let mut life = Self::new(PageState::Awaited);
        life.used(1, Standpoint::Pending);
        life.round([same; 3], None);
        life.used(1, Standpoint::Approved);
        assert_eq!((life.state, life.record.frozen.len()), (PageState::Watched, 3));
        life
    }

    fn used(&mut self, version: u32, now: Standpoint) {
        self.used_from(version, None, now);
    }

    fn used_from(&mut self, version: u32, from_ms: Option<u64>, now: Standpoint) {
        let lead = Lead { crid: "milk-9", version, from_ms };
        if let Some(standing) = used(self.state, &self.record, &lead, now) {
            (self.state, self.record) = (standing.state, standing.record);
        }
    }

    fn round(&mut self, looks: [fn(Agent) -> Look; 3], infected: Option<&str>) -> Again {
        self.at += 600_000;
        let looks = Agent::ALL.iter().zip(looks).map(|(agent, look)| (*agent, look(*agent))).collect();
        let infected = infected.map(str::to_owned);
        let (apart, matches) = (None, Vec::new());
        let round = Round {
            at: UnixMillis(self.at),
            looks,
            apart,
            infected,
            unproven: self.unproven,
            unscanned: None,
            marks: self.marks.clone(),
            ruling: self.ruling.clone(),
            matches,
            more: false,
        };
        let standing = seen(self.state, &self.record, &round, &watch());
        (self.state, self.record) = (standing.state, standing.record);
        standing.again
    }

    fn decide(&mut self, verdict: Verdict) -> bool {
        let standing = decided(self.state, &self.record, verdict);
        if let Ok(standing) = &standing {
            (self.state, self.record) = (standing.state, standing.record.clone());
        }
        standing.is_ok()
    }

    fn confirm(&mut self) {
        self.decide(Verdict::Confirmed);
    }

    fn owed(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.record.owed)
    }
}

/// R-LANDING-FROZEN, R-DAMAGE-CHANGE: a change stops the page, after another look.
#[test]
fn r_landing_frozen_a_change_that_stays_stops_the_page_and_an_odd_answer_does_not() {
    let mut life = Life::frozen();
    assert_eq!(life.round([same; 3], None), Again::Usual);
    assert_eq!(life.round([other; 3], None), Again::After(CONFIRM_MS));
    assert_eq!((life.state, life.owed()), (PageState::Doubted, vec![]));
    assert_eq!(life.round([same; 3], None), Again::Usual);
    assert_eq!(life.state, PageState::Watched, "one odd answer is no verdict");
    life.round([other; 3], None);
    // Nobody answers: it is still in doubt.
    assert_eq!(life.round([none; 3], None), Again::After(2 * CONFIRM_MS));
    assert_eq!(life.state, PageState::Doubted);
    assert_eq!(life.round([other; 3], None), Again::Now);
    assert_eq!((life.state, life.owed()), (PageState::Changed, vec![Deed::Suspend, Deed::Violation, Deed::Tell]));
    let stop = life.record.stop.clone().unwrap();
    let digests = |sights: &[Sight]| sights.iter().map(|it| it.sha256[..2].to_owned()).collect::<Vec<_>>();
    assert_eq!((digests(&stop.before), digests(&stop.after)), (vec!["01".to_owned(); 3], vec!["02".to_owned(); 3]));
    assert_eq!(stop.found[0], "mobile: another form");
    // It is as it was again: only a person resumes.
    life.round([same; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, vec![]));
    life.confirm();
    assert_eq!((life.state, life.owed()), (PageState::Watched, vec![Deed::Resume]));
    assert_eq!(life.record.frozen_for(Agent::Mobile).unwrap().sha256[..2], *"01", "as it was last seen");
}

/// R-LANDING-SAFE: what is infected stays off until a person confirms, and is no change of the page.
#[test]
fn r_landing_safe_what_is_infected_stays_off_until_a_person_confirms() {
    let mut life = Life::frozen();
    assert_eq!(life.round([other; 3], Some("Test.Eicar")), Again::Now);
    assert_eq!((life.state, life.owed()), (PageState::Infected, vec![Deed::Suspend, Deed::Tell]), "no violation");
    assert_eq!(life.record.stop.as_ref().unwrap().found, ["Test.Eicar"]);
    life.round([other; 3], Some("Test.Eicar"));
    life.round([none; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Infected, vec![]));
    life.confirm();
    assert_eq!((life.state, life.owed()), (PageState::Watched, vec![Deed::Resume]));
    assert_eq!(life.record.frozen_for(Agent::Mobile).unwrap().sha256[..2], *"01", "never frozen as infected");
    // Another creative that is approved for a page that is stopped does not run either.
    life.round([same; 3], Some("Test.Eicar"));
    life.owed();
    life.used(2, Standpoint::Approved);
    assert_eq!((life.state, life.owed()), (PageState::Infected, vec![Deed::Suspend]));
    // Neither does it all begin anew when its creatives go and come.
    life.used(1, Standpoint::Gone);
    life.used(2, Standpoint::Gone);
    assert_eq!(life.state, PageState::Retired);
    life.used(3, Standpoint::Approved);
    assert_eq!((life.state, life.owed()), (PageState::Infected, vec![Deed::Suspend]));
}

/// R-MALICE: who shows some browsers another page is stopped; a person judges whether that is a breach.
#[test]
fn r_malice_a_page_that_changes_for_some_browsers_only_is_cloaked() {
    let mut life = Life::frozen();
    life.round([same, other, same], None);
    assert_eq!(life.state, PageState::Doubted);
    life.round([same, other, same], None);
    assert_eq!((life.state, life.owed()), (PageState::Cloaked, vec![Deed::Suspend, Deed::Tell]));
}

#[test]
fn who_does_not_answer_is_told_once_and_is_back_when_it_answers() {
    let mut life = Life::frozen();
    assert_eq!(life.round([none; 3], None), Again::After(2 * CONFIRM_MS));
    assert_eq!(life.round([same, same, none], None), Again::After(4 * CONFIRM_MS));
    assert_eq!(life.state, PageState::Watched);
    assert_eq!(life.round([later; 3], None), Again::After(CONFIRM_MS), "not asked: it says nothing of the page");
    assert_eq!((life.record.misses, life.round([none; 3], None)), (2, Again::Now));
    assert_eq!((life.state, life.owed()), (PageState::Unreachable, vec![Deed::Tell]));
    life.round([none; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Unreachable, vec![]), "told once");
    life.round([same; 3], None);
    assert_eq!((life.state, life.record.misses), (PageState::Watched, 0));
}

#[test]
fn rounds_that_change_nothing_leave_the_record_as_it_is_but_for_one_a_day() {
    let mut life = Life::frozen();
    life.round([same; 3], None);
    let before = life.record.clone();
    for _ in 0..143 {
        life.round([same; 3], None);
    }
    assert_eq!(life.record, before);
    life.round([same; 3], None);
    assert_eq!(life.record.rounds.len(), before.rounds.len() + 1, "a day later");
}

/// R-LANDING-FROZEN, R-DAMAGE-CHANGE: what was not shown, or was never seen as it was approved, has not changed in its display period.
#[test]
fn r_damage_change_only_a_change_while_a_creative_runs_is_a_violation() {
    let stopped = [Deed::Suspend, Deed::Tell];
    // Another page from the first look on: it may have changed before the approval.
    let mut life = Life::frozen();
    life.round([other; 3], None);
    life.round([other; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, stopped.to_vec()));
    // A person knows better.
    assert!(life.decide(Verdict::Changed));
    assert_eq!((life.state, life.owed()), (PageState::Changed, vec![Deed::Violation]));
    // The display period has not begun.
    let mut life = Life::frozen();
    life.used_from(1, Some(u64::MAX), Standpoint::Approved);
    life.round([same; 3], None);
    life.round([other; 3], None);
    life.round([other; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, stopped.to_vec()));
    // Its name is resolved to an internal address: whose making that is, a person judges.
    let mut life = Life::frozen();
    life.round([same; 3], None);
    life.unproven = true;
    life.round([other; 3], None);
    life.round([other; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, stopped.to_vec()));
    // It was suspended for something else when the page changed, and resumed before anybody looked.
    let mut life = Life::frozen();
    life.round([same; 3], None);
    life.used(1, Standpoint::Suspended);
    life.used(1, Standpoint::Approved);
    life.round([other; 3], None);
    life.round([other; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, stopped.to_vec()));
}

/// R-DAMAGE-CHANGE: while the guard holds a verdict back, the page stays in doubt, with what it shows; then it is judged, or is as it was.
#[test]
fn r_damage_change_a_verdict_that_is_held_back_is_not_taken_and_not_lost() {
    let held = |cause, since_ms| Held { cause, since_ms, sites: vec!["b.example".into()], released: false };
    let begin = || {
        let mut life = Life::frozen();
        life.round([same; 3], None);
        life.marks = vec![Mark::Bytes("02".into())];
        life.round([other; 3], None);
        life
    };
    let mut life = begin();
    let first = life.record.odd.clone().unwrap();
    assert_eq!((first.since_ms, first.marks.as_slice()), (life.at, &life.marks[..]));
    life.ruling = Ruling::Wait;
    assert_eq!(life.round([other; 3], None), Again::After(CONFIRM_MS));
    assert_eq!((life.state, life.record.held.clone(), life.owed()), (PageState::Doubted, None, vec![]));
    life.ruling = Ruling::Hold(held(Cause::Many, life.at));
    assert_eq!(life.round([other; 3], None), Again::After(75_000), "an eighth of the time that it lasts");
    let record = life.record.clone();
    assert_eq!(life.round([other; 3], None), Again::After(150_000));
    assert_eq!((life.state, &life.record), (PageState::Doubted, &record), "nothing new is written");
    for _ in 0..20 {
        life.round([other; 3], None);
    }
    assert_eq!(life.round([other; 3], None), Again::After(600_000), "no less often than the busiest page");
    life.marks = vec![Mark::Bytes("03".into())];
    life.round([other; 3], None);
    let odd = life.record.odd.clone().unwrap();
    assert_eq!((odd.since_ms, odd.at_ms, odd.marks.as_slice()), (first.since_ms, life.at, &life.marks[..]));
    // The cause is another one now.
    let other_cause = held(Cause::SamePage, life.at);
    life.ruling = Ruling::Hold(other_cause.clone());
    life.round([other; 3], None);
    assert_eq!(life.record.held, Some(other_cause));
    // As it was again.
    let mut back = Life { record: life.record.clone(), marks: Vec::new(), ruling: Ruling::Take, ..life };
    assert_eq!((back.round([same; 3], None), back.state), (Again::Usual, PageState::Watched));
    assert_eq!((back.record.odd.clone(), back.record.held.clone(), back.owed()), (None, None, vec![]));
    // Or judged: with a violation, where it is the page.
    for (ruling, owed) in [
        (Ruling::Take, vec![Deed::Suspend, Deed::Violation, Deed::Tell]),
        (Ruling::Unproven, vec![Deed::Suspend, Deed::Tell]),
    ] {
        let mut life = begin();
        life.ruling = Ruling::Hold(held(Cause::SamePage, life.at));
        life.round([other; 3], None);
        life.ruling = ruling;
        life.round([other; 3], None);
        assert_eq!((life.state, life.record.held.clone(), life.owed()), (PageState::Changed, None, owed));
        assert!(life.record.odd.is_some(), "others that show the same are known by it");
    }
    // A person releases what is held, once; or takes the page as it is.
    let mut life = begin();
    assert!(!life.decide(Verdict::Released), "nothing is held");
    life.ruling = Ruling::Hold(held(Cause::Many, life.at));
    life.round([other; 3], None);
    let mut confirmed = Life { record: life.record.clone(), marks: Vec::new(), ruling: Ruling::Take, ..life };
    assert!(confirmed.decide(Verdict::Released) && !confirmed.decide(Verdict::Released));
    assert!(confirmed.state == PageState::Doubted && confirmed.record.held.as_ref().unwrap().released);
    confirmed.confirm();
    assert_eq!((confirmed.state, &confirmed.record.odd, &confirmed.record.held), (PageState::Watched, &None, &None));
    // What is infected is stopped, whatever else is held back.
    let mut life = begin();
    life.ruling = Ruling::Hold(held(Cause::Many, life.at));
    life.round([other; 3], None);
    life.round([other; 3], Some("Test.Eicar"));
    assert_eq!((life.state, &life.record.held), (PageState::Infected, &None));
}

#[test]
fn a_doubt_outlives_silence() {
    let mut life = Life::frozen();
    life.round([same; 3], None);
    life.round([other, same, same], None);
    for _ in 0..MISSES {
        life.round([none; 3], None);
    }
    assert_eq!((life.state, life.owed()), (PageState::Unreachable, vec![Deed::Tell]));
    // Those that had no doubt see the same; the one that had is not asked.
    life.round([later, same, same], None);
    assert_eq!(life.record.doubted, [Agent::Mobile]);
    life.round([other; 3], None);
    assert_eq!((life.state, life.record.stop.is_some()), (PageState::Changed, true));
}

/// R-LANDING-SAFE, R-DAMAGE-CONTENT: what only a person may decide.
#[test]
fn r_damage_content_is_owed_only_where_a_person_finds_the_content_unlawful() {
    let mut life = Life::frozen();
    for verdict in Verdict::ALL {
        assert!(!life.decide(verdict), "nothing stands against it: {verdict:?}");
    }
    life.round([same, other, same], None);
    life.round([same, other, same], None);
    assert!(!life.decide(Verdict::Confirmed), "what is owed is done first");
    life.owed();
    assert!(life.decide(Verdict::Unlawful));
    assert_eq!((life.state, life.owed()), (PageState::Cloaked, vec![Deed::Unlawful]));
    assert!(life.decide(Verdict::Changed));
    assert_eq!((life.state, life.owed()), (PageState::Cloaked, vec![Deed::Violation]));
    life.confirm();
    assert_eq!((life.state, life.owed(), &life.record.stop), (PageState::Watched, vec![Deed::Resume], &None));
    life.round([same; 3], Some("Test.Eicar"));
    life.owed();
    assert!(!life.decide(Verdict::Changed), "an infection is no change of the page");
    assert_eq!(life.round([none; 3], Some("Test.Eicar")), Again::Usual, "a stopped page is never asked in haste");
    assert!(life.decide(Verdict::Unlawful));
}

#[derive(Clone, Debug)]
enum Event {
    Used(u32, Standpoint),
    Round([u8; 3], bool),
    Confirm,
    Done,
}

fn event() -> impl Strategy<Value = Event> {
    let standpoint = prop_oneof![
        3 => Just(Standpoint::Approved),
        1 => Just(Standpoint::Pending),
        1 => Just(Standpoint::Suspended),
        1 => Just(Standpoint::Gone)
    ];
    prop_oneof![
        2 => (1_u32..4, standpoint).prop_map(|(version, now)| Event::Used(version, now)),
        9 => (prop::array::uniform3(0_u8..4), prop::bool::weighted(0.05)).prop_map(|(looks, bad)| Event::Round(looks, bad)),
        3 => (0_u8..4).prop_map(|look| Event::Round([look; 3], false)),
        1 => Just(Event::Confirm),
        2 => Just(Event::Done),
    ]
}

proptest! {
    #[test]
    fn every_life_of_a_page_keeps_the_rules(events in prop::collection::vec(event(), 1..60)) {
        let mut life = Life::new(PageState::Retired);
        for event in events {
            let before = (life.state, life.record.clone());
            match event.clone() {
                Event::Used(version, now) => life.used(version, now),
                Event::Round(looks, bad) => {
                    let looks = looks.map(|look| [same, other, none, later][usize::from(look)]);
                    life.round(looks, bad.then_some("Test.Eicar"));
                }
                Event::Confirm => life.confirm(),
                Event::Done => drop(life.owed()),
            }
            let told = format!("{event:?} on {before:?}");
            let was = before.0;
            let stopped = life.state.is_stopped();
            // Only a person lifts a stop, whoever comes and goes; nothing of it is lost while the page rests.
            if !before.1.owed.is_empty() && matches!(event, Event::Round(..) | Event::Confirm) {
                prop_assert_eq!((life.state, &life.record), (was, &before.1), "what is owed is done first");
            }
            if was.is_stopped() && !matches!(event, Event::Confirm) {
                prop_assert!(stopped || life.state == PageState::Retired, "{}", told);
                prop_assert!(life.record.stop.is_some(), "{}", told);
            }
            prop_assert!(!stopped || life.record.stop.is_some(), "{}", told);
            prop_assert!(!stopped || life.record.doubted.is_empty() && life.record.misses == 0, "decided: {}", told);
            // No stop without its suspension being owed from that moment, and no verdict but infection without a second look.
            if stopped && !was.is_stopped() && was != PageState::Retired {
                prop_assert!(life.record.owed.contains(&Deed::Suspend) && life.record.owed.contains(&Deed::Tell), "{}", told);
                prop_assert!(!before.1.doubted.is_empty() || life.state == PageState::Infected, "{}", told);
            }
            // A violation is a change that was seen twice, with both versions.
            if life.record.owed.contains(&Deed::Violation) && !before.1.owed.contains(&Deed::Violation) {
                let stop = life.record.stop.as_ref().unwrap();
                prop_assert!(life.state == PageState::Changed && !stop.before.is_empty(), "{}", told);
                prop_assert!(before.1.since_ms.is_some() && before.1.runs(UnixMillis(life.at)), "{}", told);
            }
            if let Event::Round(_, true) = event && was != PageState::Retired && before.1.owed.is_empty() {
                // Infection always stops it, unless nothing was asked.
                prop_assert!(life.state == PageState::Infected, "{}", told);
            }
            prop_assert_eq!(life.record.uses.is_empty(), life.state == PageState::Retired, "{}", told);
            prop_assert!(life.record.rounds.len() <= MOST_ROUNDS && life.record.frozen.len() <= 3, "{}", told);
            let mut owed = life.record.owed.clone();
            owed.sort_by_key(|deed| *deed as u8);
            owed.dedup();
            prop_assert_eq!(owed.len(), life.record.owed.len(), "each is owed once: {}", told);
            let both = life.record.owed.contains(&Deed::Suspend) && life.record.owed.contains(&Deed::Resume);
            prop_assert!(!both, "{}", told);
            let text = serde_json::to_string(&life.record).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Record>(&text).unwrap(), &life.record);
        }
    }
}
