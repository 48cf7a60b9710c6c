//! What follows from a verdict, in both dockets, done once and done again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::compliance::creative::Origin;
use crate::compliance::creative::tests::banner;
use crate::compliance::landing::{Deed, Verdict, Watched, subject};
use crate::compliance::office::tests::{BY, market, noon};
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
