//! What follows from a verdict, in both dockets, done once and done again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::compliance::crawl::Agent;
use crate::compliance::creative::Origin;
use crate::compliance::creative::tests::banner;
use crate::compliance::landing::{Deed, Noted, Sight, Verdict, Watched, subject};
use crate::compliance::office::tests::{BY, market, market_with, noon};
use crate::compliance::office::{Verdict as OfCreative, written};
use crate::event::{Step, Taken, Wanted};
use crate::store::{MemoryDocket, SqliteDocket};

/// Does a test on both engines.
fn on_both(test: impl Fn(&Office<'_>)) {
    let market = market();
    let folder = tempfile::tempdir().unwrap();
    let (memory, sqlite) = (MemoryDocket::default(), SqliteDocket::open(folder.path(), noon()).unwrap());
    for docket in [&memory as &dyn Docket, &sqlite] {
        test(&Office { docket, market: &market, now: noon() });
    }
}

/// An approved creative; its page is the banner's.
fn approved(office: &Office<'_>, crid: &str) -> Subject {
    let submission = creative::Submission { crid: crid.to_owned(), ..banner() };
    office.submit(&submission, Origin::Submitted, &BY).unwrap();
    for to in [CreativeState::PendingReview, CreativeState::Approved] {
        let verdict = OfCreative { to, reasons: &[], findings: None, files: None, seen: None };
        office.decide(&submission.subject(), &verdict, &BY).unwrap();
    }
    submission.subject()
}

/// A page that was stopped, to which these creatives lead.
fn stopped(crids: &[&str]) -> Record {
    let it = banner();
    let one = |crid: &&str| Use { crid: (*crid).to_owned(), version: 1, standing: Standpoint::Approved, from_ms: None };
    let found = vec!["text: \"9.9元\" became \"99元\"".to_owned()];
    let (state, at_ms) = (PageState::Changed, noon().0);
    let stop = Stop { state, at_ms, before: Vec::new(), after: Vec::new(), found, entered: Vec::new() };
    let uses = crids.iter().map(one).collect();
    Record { uses, stop: Some(stop), ..Record::new(&it.account, &it.advertiser, &it.landing_page) }
}

fn put(office: &Office<'_>, subject: Subject, (state, body): (u16, String)) -> u64 {
    let after = office.docket.standing(&subject).unwrap().map_or(0, |kept| kept.seq);
    let owner = Owner::Buyer(office.buyer("80010001").unwrap());
    let (actor, reason) = ("somebody".to_owned(), String::new());
    let step = Step { subject, owner, state, due: None, at: noon(), actor, reason, body };
    office.docket.take(&[Taken { step, after }]).unwrap()[0]
}

fn state(office: &Office<'_>, creative: &Subject) -> CreativeState {
    office.creative(creative).unwrap().1
}

/// R-LANDING-FROZEN: all of its creatives, whatever one of them is; done again it is nothing new.
#[test]
fn r_landing_frozen_every_creative_is_suspended_and_the_buyer_told_once() {
    on_both(|office| {
        let all = ["milk-9", "milk-10"].map(|crid| approved(office, crid));
        // One that is gone, and one that cannot be read, hold up no other.
        let unreadable = Subject { name: "80010001/odd".to_owned(), ..all[0].clone() };
        put(office, unreadable, (CreativeState::Approved.code(), "{}".to_owned()));
        let record = stopped(&["gone", "odd", "milk-9", "milk-10"]);
        suspend(office, PageState::Changed, &record).unwrap();
        tell(office, PageState::Changed, &record).unwrap();
        for creative in &all {
            let (kept, state, of) = office.creative(creative).unwrap();
            assert_eq!((state, kept.step.actor.as_str()), (CreativeState::Suspended, CRAWLER));
            assert_eq!(of.reasons, ["landing-changed"], "by the list's reason");
        }
        let before = office.docket.last_step().unwrap();
        suspend(office, PageState::Changed, &record).unwrap();
        tell(office, PageState::Changed, &record).unwrap();
        assert_eq!(office.docket.last_step().unwrap(), before, "nothing is done twice");
        let messages = office.docket.list(SubjectKind::Message, &Wanted::default(), 0, 99).unwrap();
        let told: Vec<_> = messages.iter().filter(|kept| kept.step.subject.name.contains("/page/")).collect();
        assert_eq!(told.len(), 1);
        let message: Message = body_of(told[0]).unwrap();
        assert!(message.rule == "R-LANDING-FROZEN" && message.en.contains("99元") && message.zh.contains("99元"));
    });
}

/// R-LANDING-SAFE: a confirmed page brings back what was suspended for it, and nothing that a person suspended.
#[test]
fn r_landing_safe_what_a_person_suspended_is_not_resumed_with_the_page() {
    on_both(|office| {
        let [ours, theirs] = ["milk-9", "milk-10"].map(|crid| approved(office, crid));
        office.suspend(&theirs, &["quality".to_owned()], &BY).unwrap();
        let record = stopped(&["milk-9", "milk-10"]);
        suspend(office, PageState::Infected, &record).unwrap();
        assert_eq!(office.creative(&ours).unwrap().2.reasons, ["landing-unsafe"]);
        for _ in 0..2 {
            resume(office, &record).unwrap();
            assert_eq!(
                (state(office, &ours), state(office, &theirs)),
                (CreativeState::Approved, CreativeState::Suspended)
            );
        }
    });
}

/// What reviewers read of pages, and their word on them.
#[test]
fn a_person_decides_by_what_was_seen_and_once() {
    on_both(|office| {
        let record = Record { owed: vec![Deed::Tell], ..stopped(&["milk-9"]) };
        let page = subject(&record.account, &record.advertiser, &record.url);
        let put = |record: &Record| put(office, page.clone(), (PageState::Changed.code(), written(record).unwrap()));
        assert!(matches!(office.page(&page), Err(Refusal::Unknown(_))));
        let first = put(&record);
        let listed = office.pages(Some(PageState::Changed), None, (0, 1)).unwrap();
        assert_eq!((listed.pages.len(), listed.next), (1, Some(first)));
        let none = office.pages(Some(PageState::Watched), None, (0, 1)).unwrap();
        assert_eq!((none.pages.len(), none.next), (0, None));
        let owing = office.confirm_page(&page, Verdict::Confirmed, None, &BY);
        assert!(matches!(owing, Err(Refusal::Taken(_))), "{owing:?}");
        let second = put(&Record { owed: Vec::new(), ..record });
        let stale = office.confirm_page(&page, Verdict::Confirmed, Some(first), &BY);
        assert!(matches!(stale, Err(Refusal::Taken(_))), "{stale:?}");
        let decided = office.confirm_page(&page, Verdict::Confirmed, Some(second), &BY).unwrap();
        assert_eq!((decided.state, decided.owed.as_slice()), (PageState::Watched, &[Deed::Resume][..]));
        let due = office.docket.due(SubjectKind::Page, noon(), 9).unwrap();
        assert_eq!((due.len(), due[0].step.actor.as_str(), due[0].step.reason.as_str()), (1, BY.actor, BY.reason));
        // A picture is kept once, and puts nothing off.
        let digest = "ab".repeat(32);
        assert!(office.picture_page(&page, (&digest, &digest), &[]).unwrap());
        assert!(!office.picture_page(&page, (&digest, &digest), &[]).unwrap());
        assert!(matches!(office.picture_page(&page, ("ab", &digest), &[]), Err(Refusal::Malformed(_))));
        let Watched { record, due, .. } = office.page(&page).unwrap();
        assert_eq!((record.screenshot, due), (Some(digest), Some(noon())));
        office.docket.put_off(&[(page.clone(), None)]).unwrap();
        office.look_now(&page).unwrap();
        assert_eq!(office.page(&page).unwrap().due, Some(noon()));
    });
}

/// The messages of pages that a buyer was told, and under which rule.
fn told(office: &Office<'_>) -> Vec<(String, Message)> {
    let kept = office.docket.list(SubjectKind::Message, &Wanted::default(), 0, 99).unwrap();
    let pages = kept.iter().filter(|kept| kept.step.subject.name.contains("/page/"));
    pages.map(|kept| body_of::<Message>(kept).unwrap()).map(|it| (it.rule.clone(), it)).collect()
}

/// Once for each stop, however often it is looked at meanwhile; what a person finds of it is another thing.
#[test]
fn r_damage_content_the_buyer_is_told_once_of_each_stop_and_of_what_is_unlawful() {
    on_both(|office| {
        let record = stopped(&["milk-9"]);
        let round = |at_ms| Noted { at_ms, looks: Vec::new() };
        let later = Record { rounds: vec![round(noon().0 + 7)], ..record.clone() };
        tell(office, PageState::Changed, &record).unwrap();
        tell(office, PageState::Changed, &later).unwrap();
        for _ in 0..2 {
            tell_unlawful(office, &later).unwrap();
        }
        let rules = |office: &Office<'_>| told(office).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
        assert_eq!(rules(office), ["R-LANDING-FROZEN", "R-DAMAGE-CONTENT"]);
        let mut again = record.clone();
        let stop = again.stop.as_mut().unwrap();
        (stop.at_ms, stop.found) = (noon().0 + 1, vec!["变".repeat(5_000)]);
        tell(office, PageState::Cloaked, &again).unwrap();
        let (rule, message) = told(office).pop().unwrap();
        assert_eq!(
            (rule.as_str(), message.zh.matches('变').count()),
            ("R-MALICE", LONGEST_FOUND),
            "and no endless one"
        );
        // Who does not answer, each time anew.
        for at_ms in [1, 1, 2] {
            let silent = Record { stop: None, rounds: vec![round(at_ms)], ..record.clone() };
            tell(office, PageState::Unreachable, &silent).unwrap();
        }
        assert_eq!(told(office).len(), 5);
        // Whose account is gone holds up nothing.
        let gone = Record { account: "80019999".to_owned(), ..record };
        assert_eq!((tell(office, PageState::Changed, &gone), tell_unlawful(office, &gone)), (Ok(()), Ok(())));
        assert_eq!(told(office).len(), 5);
    });
}

/// R-LANDING-FROZEN: an operator's list of reasons may not have the crawler's; the creatives are suspended all the same, and the words say why.
#[test]
fn r_landing_frozen_creatives_are_suspended_where_the_list_has_no_such_reason() {
    let own = "[[reason]]\ncode = \"quality\"\nrule = \"R-REVIEW\"\nzh = \"质量\"\nen = \"quality\"\n\n[accounts]";
    let market = market_with("[accounts]", own);
    let docket = MemoryDocket::default();
    let office = Office { docket: &docket, market: &market, now: noon() };
    let creative = approved(&office, "milk-9");
    suspend(&office, PageState::Changed, &stopped(&["milk-9"])).unwrap();
    let (kept, state, of) = office.creative(&creative).unwrap();
    assert_eq!((state, of.reasons.len()), (CreativeState::Suspended, 0));
    assert_eq!(kept.step.reason, "landing page https://qinghe.example/spring is changed");
}

/// R-LANDING-FROZEN: what could not be suspended because the store was away is not done.
#[test]
fn r_landing_frozen_a_store_that_is_away_is_told_and_nothing_counts_as_done() {
    let (market, folder) = (market(), tempfile::tempdir().unwrap());
    let docket = SqliteDocket::open(folder.path(), noon()).unwrap();
    let office = Office { docket: &docket, market: &market, now: noon() };
    approved(&office, "milk-9");
    let record = stopped(&["milk-9"]);
    let other = rusqlite::Connection::open(folder.path().join("content.db")).unwrap();
    other.execute_batch("ALTER TABLE subject RENAME TO away").unwrap();
    for done in [
        suspend(&office, PageState::Changed, &record),
        resume(&office, &record),
        tell(&office, PageState::Changed, &record),
        stop_one(&office, &record.creative(&record.uses[0]), &record.url),
    ] {
        assert!(matches!(done, Err(Refusal::Unavailable(_))), "{done:?}");
    }
}

/// R-DAMAGE-CHANGE: a claim names the page as those browsers were held to it that saw another one, and the very bytes that they saw.
#[test]
fn r_damage_change_a_claim_shows_what_was_held_and_what_was_found() {
    on_both(|office| {
        let sight = |agent, page: &str| Sight {
            agent,
            at_ms: 1,
            route: vec!["https://qinghe.example/spring".to_owned()],
            content_type: "text/html".to_owned(),
            sha256: page.repeat(32),
            also: Vec::new(),
        };
        let held = [sight(Agent::Mobile, "01"), sight(Agent::Desktop, "03")];
        let record = Record { frozen: held.to_vec(), ..stopped(&[]) };
        let of = |before: &[Sight], after: &[Sight]| {
            let (before, after) = (before.to_vec(), after.to_vec());
            claim(office.docket, &record, &Stop { before, after, ..record.stop.clone().unwrap() }).unwrap()
        };
        let shown = of(&held[..1], &[sight(Agent::Mobile, "02")]);
        let url = "https://qinghe.example/spring as frozen:";
        let [mobile, desktop] = ["01", "03"].map(|page| page.repeat(32));
        assert_eq!(shown.expected, format!("{url} mobile {mobile}"));
        assert_eq!((shown.sha256, shown.found.as_str()), ("02".repeat(32), "text: \"9.9元\" became \"99元\""));
        // It leads elsewhere, and nothing could be fetched there: the words are the evidence, and are kept.
        let shown = of(&[], &[]);
        assert_eq!(shown.expected, format!("{url} mobile {mobile}, desktop {desktop}"));
        let digest = crate::compliance::digest_of(&shown.sha256).unwrap();
        assert_eq!(office.docket.document(&digest).unwrap().as_deref(), Some(shown.found.as_bytes()));
    });
}

/// What a creative is to its page, in each of its states.
#[test]
fn a_creative_that_waits_leads_to_its_page_and_one_that_is_not_shown_again_does_not() {
    on_both(|office| {
        let creative = approved(office, "milk-9");
        let kept = office.docket.standing(&creative).unwrap().unwrap();
        let of = |state: CreativeState| {
            let step = Step { state: state.code(), ..kept.step.clone() };
            use_of(&KeptStep { step, ..kept.clone() }).unwrap().1.label()
        };
        let states = [CreativeState::Checking, CreativeState::PendingReview, CreativeState::Approved];
        assert_eq!(states.map(of), ["not shown any more", "waiting for its review", "approved"]);
        let states = [CreativeState::Suspended, CreativeState::Expired, CreativeState::Rejected];
        assert_eq!(states.map(of), ["suspended", "not shown any more", "not shown any more"]);
    });
}
