//! When an advertiser's documents suffice, and what follows for its creatives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::clock::UnixMillis;
use crate::compliance::creative::tests::banner;
use crate::compliance::creative::{Origin, Submission};
use crate::compliance::office::tests::{BY, day, document, market, noon, qualified, registration, verify};
use crate::compliance::office::{Moved, Verdict};
use crate::event::Docket;
use crate::market::demand::CreativeState;
use crate::market::policy::content::ContentTerms;
use crate::store::MemoryDocket;

fn decide(office: &Office<'_>, of: &Submission, to: CreativeState) -> Result<Moved, Refusal> {
    office.decide(&of.subject(), &Verdict { to, reasons: &[], findings: None, files: None, seen: None }, &BY)
}

#[test]
fn r_qualify_nothing_is_approved_of_an_advertiser_that_is_not_qualified() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    office.register(&registration(), &BY).unwrap();
    let device = Submission { advertiser: "baikang".to_owned(), crid: "device".to_owned(), ..banner() };
    office.submit(&device, Origin::Submitted, &BY).unwrap();
    decide(&office, &device, CreativeState::PendingReview).unwrap();
    let refused = decide(&office, &device, CreativeState::Approved).unwrap_err();
    assert!(matches!(&refused, Refusal::Rule { rule: "R-QUALIFY", .. }), "{refused}");
    qualified(&office);
    assert!(decide(&office, &device, CreativeState::Approved).unwrap().changed);
}

#[test]
fn r_qualify_documents_follow_one_another_without_a_day_between() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let licence = |from, until| document(&office, "business-licence", "91310000MA1K00000X", (from, Some(until)));
    let until = |documents: &[Document]| {
        let papers = Papers::verified(registration(), documents.to_vec());
        papers.covered(&["business-licence".to_owned()], None, day("2026-11-22"))
    };
    let first = licence("2026-01-01", "2026-11-30");
    assert_eq!(until(&[licence("2026-12-01", "2027-11-30"), first.clone()]), Some(day("2027-11-30")));
    assert_eq!(
        until(&[first.clone(), licence("2026-12-02", "2027-11-30")]),
        Some(day("2026-11-30")),
        "a day is missing"
    );
    assert_eq!(until(&[licence("2026-01-01", "2026-11-21")]), None, "over since yesterday");
    assert_eq!(until(&[licence("2026-11-23", "2027-11-30")]), None, "not before tomorrow");
    assert_eq!(until(&[licence("2026-11-22", "2026-11-22")]), Some(day("2026-11-22")), "both days count");
}

#[test]
fn r_scope_an_industry_that_is_excluded_is_not_qualified_whatever_its_documents_say() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    qualified(&office);
    let documents = office.documents("80010001", "baikang").unwrap();
    let judge = |terms: &ContentTerms, documents| {
        let papers = Papers::verified(registration(), documents);
        Qualification::of(Some(&papers), None, terms, day("2026-11-22"), "x")
    };
    let judged = |terms: &ContentTerms| judge(terms, documents.clone());
    assert_eq!(judged(office.terms()).until, Some(day("2026-11-30")));
    let mut terms = office.terms().clone();
    terms.industries.iter_mut().filter(|it| it.id == "medical-devices").for_each(|it| it.excluded = true);
    let excluded = judged(&terms);
    assert_eq!((excluded.until, &*excluded.findings[0].rule), (None, "R-SCOPE"));
    // Without a written contract nobody is in.
    let others: Vec<_> = documents.iter().filter(|it| it.kind != "client-contract").cloned().collect();
    let without = judge(office.terms(), others);
    assert_eq!((without.until, &*without.findings[0].rule), (None, "R-SCOPE"));
}

#[test]
fn r_idle_the_newest_verified_registration_is_the_one_that_is_laid_over_the_market() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    qualified(&office);
    for name in ["二", "三"] {
        let changed = Registration { name: name.to_owned(), ..registration() };
        verify(&office, &office.register(&changed, &BY).unwrap().subject);
    }
    let waiting = Registration { name: "四".to_owned(), ..registration() };
    office.register(&waiting, &BY).unwrap();
    let all = Papers::all(&docket).unwrap().into_values();
    let names: Vec<_> = all.map(|it| it.unwrap().registration.name).collect();
    assert_eq!(names, ["三"]);
}

#[test]
fn r_qualify_a_document_that_begins_later_is_a_step_on_its_first_day() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let later = document(&office, "business-licence", "91310000MA1K00000X", ("2026-11-25", Some("2027-11-30")));
    let subject = office.register_document(&later, &BY).unwrap().subject;
    verify(&office, &subject);
    let steps = |now| {
        let before = docket.last_step().unwrap();
        Office { now, ..office }.tend_documents(9).unwrap();
        docket.last_step().unwrap() - before
    };
    let begins = day("2026-11-25").starts_at();
    let told = [UnixMillis(begins.0 - 1), begins, begins.plus_ms(1)].map(steps);
    assert_eq!(told, [0, 1, 0], "once, so that whoever follows the docket judges its advertiser anew");
    assert_eq!(docket.standing(&subject).unwrap().unwrap().step.state, Standing::Verified.code());
}

#[test]
fn r_review_an_approved_version_is_due_at_its_display_periods_end() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let end = day("2026-12-24").starts_at();
    let until = Submission { display_until_ms: Some(end.0), ..banner() };
    office.submit(&until, Origin::Submitted, &BY).unwrap();
    for to in [CreativeState::PendingReview, CreativeState::Approved] {
        decide(&office, &until, to).unwrap();
        assert_eq!(docket.standing(&until.subject()).unwrap().unwrap().step.due, Some(end), "{to:?}");
    }
}

#[test]
fn r_review_versions_are_bounded() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let most = office.terms().limits.versions;
    for version in 1..=most {
        office.submit(&Submission { version, ..banner() }, Origin::Submitted, &BY).unwrap();
    }
    let beyond = Submission { version: most + 1, ..banner() };
    let refused = office.submit(&beyond, Origin::Submitted, &BY).unwrap_err();
    assert!(refused.to_string().contains("take another `crid`"), "{refused}");
}
