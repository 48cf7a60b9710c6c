//! What comes and goes, what is kept of a round, and when it is looked at again: each by the example that fails without it.

use super::*;

impl Life {
    /// A creative's new standing; when the page is looked at again for it, `None`: it changes nothing.
    fn comes(&mut self, version: u32, now: Standpoint) -> Option<Again> {
        let lead = Lead { crid: "milk-9", version, from_ms: None };
        let standing = used(self.state, &self.record, &lead, now)?;
        (self.state, self.record) = (standing.state, standing.record);
        Some(standing.again)
    }

    /// A round of which more is known than looks.
    fn detailed(&mut self, look: fn(Agent) -> Look, detail: impl FnOnce(&mut Round)) -> Again {
        self.at += 600_000;
        let looks = Agent::ALL.map(|agent| (agent, look(agent))).to_vec();
        let mut round = Round {
            at: UnixMillis(self.at),
            looks,
            apart: None,
            infected: None,
            unproven: false,
            unscanned: None,
            matches: Vec::new(),
            more: false,
            marks: self.marks.clone(),
            ruling: self.ruling.clone(),
        };
        detail(&mut round);
        let standing = seen(self.state, &self.record, &round, &watch());
        (self.state, self.record) = (standing.state, standing.record);
        standing.again
    }

    /// To what page each kind of browser is held.
    fn held_to(&self) -> Vec<&str> {
        self.record.frozen.iter().map(|sight| &sight.sha256[..2]).collect()
    }
}

fn matched(version: u32, score: u8) -> Matched {
    Matched { crid: "milk-9".to_owned(), version, sha256: "01".repeat(32), score, reasons: Vec::new() }
}

/// R-LANDING-FROZEN: what it was when others led to it does not bind those that come later.
#[test]
fn r_landing_frozen_a_page_that_nobody_leads_to_rests_and_begins_anew() {
    let mut life = Life::frozen();
    life.detailed(same, |round| round.matches = vec![matched(1, 40), matched(2, 90)]);
    assert_eq!(life.comes(2, Standpoint::Gone), None, "it never led here");
    assert_eq!(life.comes(2, Standpoint::Approved), Some(Again::Now), "a new one has it looked at");
    assert_eq!(life.comes(2, Standpoint::Approved), None);
    assert_eq!(life.comes(2, Standpoint::Suspended), Some(Again::AsBefore));
    life.round([none; 3], None);
    life.round([other; 3], None);
    assert_eq!((life.state, life.record.misses), (PageState::Doubted, 0));
    life.round([none; 3], None);
    assert_eq!(life.comes(1, Standpoint::Gone), Some(Again::AsBefore));
    assert_eq!(life.record.matches, [matched(2, 90)], "how it matches goes with it");
    assert_eq!((life.comes(2, Standpoint::Gone), life.state), (Some(Again::Never), PageState::Retired));
    let (resting, at) = (life.record.clone(), life.at);
    assert_eq!((life.round([other; 3], None), life.at > at), (Again::Never, true));
    assert_eq!(life.record, resting);
    assert_eq!((life.comes(3, Standpoint::Approved), life.state), (Some(Again::Now), PageState::Watched));
    let Record { frozen, latest, misses, doubted, .. } = &life.record;
    assert_eq!((frozen.len(), latest.len(), *misses, doubted.len()), (0, 0, 0, 0));
    life.round([other; 3], None);
    assert_eq!((life.state, life.held_to()), (PageState::Watched, vec!["02"; 3]));
}

/// R-LANDING-SAFE: one that is approved for a page that is stopped is suspended at once, also one that was known before.
#[test]
fn r_landing_safe_what_is_approved_for_a_stopped_page_is_not_left_until_the_next_look() {
    let mut life = Life::frozen();
    life.used(2, Standpoint::Pending);
    life.round([same; 3], Some("Test.Eicar"));
    life.owed();
    assert_eq!((life.comes(2, Standpoint::Approved), life.owed()), (Some(Again::Now), vec![Deed::Suspend]));
}

#[test]
fn r_landing_frozen_a_page_takes_no_more_creatives_than_it_can_suspend() {
    let mut life = Life::frozen();
    let one = life.record.uses[0].clone();
    life.record.uses = (1..=1_000).map(|version| Use { version, ..one.clone() }).collect();
    assert_eq!(life.comes(1_001, Standpoint::Approved), None);
    assert_eq!(life.comes(1_000, Standpoint::Suspended), Some(Again::AsBefore), "those that it has go on");
}

/// What a round brings beside its looks.
#[test]
fn a_round_keeps_the_newest_matches_and_what_is_apart_and_what_is_left_is_soon() {
    let mut life = Life::frozen();
    life.detailed(same, |round| round.matches = vec![matched(1, 40), matched(2, 50)]);
    let apart = vec!["mobile sees another page".to_owned()];
    let again = life.detailed(same, |round| {
        (round.matches, round.more, round.apart) = (vec![matched(1, 90)], true, Some(apart.clone()));
    });
    assert_eq!(again, Again::After(CONFIRM_MS));
    assert_eq!((&life.record.matches[..], &life.record.apart), (&[matched(2, 50), matched(1, 90)][..], &apart));
    life.detailed(same, |_| {});
    assert_eq!(life.record.apart, apart, "they were not compared");
    life.detailed(other, |round| round.more = true);
    assert_eq!(life.detailed(other, |round| round.more = true), Again::Now, "a stop comes first");
}

/// R-LANDING-FROZEN: a kind of browser that had no answer when the page was frozen is held to what it sees first.
#[test]
fn r_landing_frozen_each_kind_of_browser_is_held_to_what_it_saw_first() {
    let record = Record::new("80010001", "qinghe-dairy", "https://shop.example/");
    let mut life =
        Life { state: PageState::Awaited, record, at: 1, unproven: false, marks: Vec::new(), ruling: Ruling::Take };
    life.used(1, Standpoint::Pending);
    life.round([same, same, later], None);
    life.used(1, Standpoint::Approved);
    life.round([same, same, other], None);
    assert_eq!((life.state, life.held_to()), (PageState::Watched, vec!["01", "01", "02"]));
}

/// R-LANDING-FROZEN, R-DAMAGE-CHANGE: a doubt ends when the browsers that have it see the page again, and leaves nothing behind.
#[test]
fn r_landing_frozen_a_doubt_ends_by_those_who_have_it_and_leaves_nothing_behind() {
    // While it is in doubt it is not known to be as it was frozen: no change in the display period.
    let mut life = Life::frozen();
    life.round([other, same, same], None);
    assert_eq!(life.round([later, same, same], None), Again::After(CONFIRM_MS));
    assert_eq!((life.state, life.record.since_ms), (PageState::Doubted, None));
    life.round([other; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, vec![Deed::Suspend, Deed::Tell]));
    // What was doubted is nothing that a person who confirms later would confirm.
    let mut life = Life::frozen();
    life.round([other, same, same], None);
    assert_eq!(life.round([same, same, none], None), Again::After(2 * CONFIRM_MS));
    assert_eq!(life.state, PageState::Doubted, "one of them does not answer");
    for _ in 0..MISSES {
        life.round([none; 3], None);
    }
    assert_eq!((life.state, life.owed()), (PageState::Unreachable, vec![Deed::Tell]));
    life.confirm();
    assert_eq!((life.state, life.owed(), life.held_to()), (PageState::Watched, vec![], vec!["01"; 3]));
    assert_eq!(life.record.misses, 0, "silence is counted anew");
    // Nor what it was before malware was found in it.
    let mut life = Life::frozen();
    life.round([other; 3], None);
    life.round([other; 3], Some("Test.Eicar"));
    life.owed();
    life.confirm();
    assert_eq!((life.owed(), life.held_to()), (vec![Deed::Resume], vec!["01"; 3]));
    // A page that waits again for its review is in no doubt.
    let mut life = Life::frozen();
    life.round([other; 3], None);
    life.used(1, Standpoint::Pending);
    life.round([other; 3], None);
    life.used(1, Standpoint::Approved);
    assert_eq!(life.held_to(), ["02"; 3]);
    life.round([other; 3], None);
    assert_eq!(life.state, PageState::Doubted, "the first look of another one");
}

/// R-LANDING-SAFE, R-LANDING-FROZEN: who confirms, confirms what was seen last, and it is known anew from then on.
#[test]
fn r_landing_frozen_what_is_confirmed_is_what_was_seen_last() {
    let mut life = Life::frozen();
    life.round([same; 3], None);
    assert!(life.record.since_ms.is_some());
    life.round([other; 3], None);
    life.confirm();
    assert_eq!((life.state, life.owed(), life.held_to()), (PageState::Watched, vec![], vec!["02"; 3]), "a doubt");
    assert_eq!((life.record.doubted.len(), life.record.since_ms), (0, None));
    let third = |agent| Look::Other(Some(sight(agent, 3)), vec!["yet another form".to_owned()]);
    let mut life = Life::frozen();
    life.round([other; 3], None);
    life.round([third; 3], None);
    life.owed();
    life.confirm();
    assert_eq!((life.owed(), life.held_to()), (vec![Deed::Resume], vec!["03"; 3]), "a stop");
    // To which nobody leads any more: its stop is lifted, and it rests.
    life.round([other; 3], None);
    life.round([other; 3], None);
    life.owed();
    life.used(1, Standpoint::Gone);
    life.owed();
    life.confirm();
    assert_eq!((life.state, &life.record.stop), (PageState::Retired, &None));
}

/// R-DAMAGE-CHANGE: it counts what runs at the time, not what ran once or is yet to run.
#[test]
fn r_damage_change_needs_a_creative_that_runs_when_it_is_seen_and_when_it_changes() {
    let told = [Deed::Suspend, Deed::Tell];
    // As it was frozen only before the period began.
    let mut life = Life::frozen();
    let begins = life.at + 900_000;
    life.used_from(1, Some(begins), Standpoint::Approved);
    life.round([same; 3], None);
    life.round([other; 3], None);
    life.round([other; 3], None);
    assert!(life.at > begins && life.record.runs(UnixMillis(life.at)));
    assert_eq!((life.state, life.owed()), (PageState::Changed, told.to_vec()));
    // As it was frozen while one ran that is gone; the next one's period has not begun.
    let mut life = Life::frozen();
    life.round([same; 3], None);
    life.used_from(2, Some(u64::MAX), Standpoint::Approved);
    life.used(1, Standpoint::Gone);
    assert!(life.record.since_ms.is_some());
    life.round([other; 3], None);
    life.round([other; 3], None);
    assert_eq!((life.state, life.owed()), (PageState::Changed, told.to_vec()));
}

/// Where what was owed is done: its references are kept once, and the page is looked at when its state says.
#[test]
fn what_is_done_is_kept_once_and_the_next_look_is_as_the_state_says() {
    let mut life = Life::frozen();
    life.round([other; 3], None);
    life.round([other; 3], None);
    for entered in [["a", "b"], ["b", "c"]] {
        let standing = done(life.state, &life.record, entered.map(str::to_owned).to_vec(), &watch());
        life.record = standing.record;
        assert_eq!((life.owed(), standing.again), (vec![], Again::Usual));
    }
    assert_eq!(life.record.stop.as_ref().unwrap().entered, ["a", "b", "c"]);
    life.record.misses = 3;
    let again = [PageState::Retired, PageState::Watched, PageState::Awaited, PageState::Unreachable]
        .map(|state| done(state, &life.record, Vec::new(), &watch()).again);
    assert_eq!(again, [Again::Never, Again::Now, Again::Now, Again::After(8 * CONFIRM_MS)]);
}
