#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::clock::UnixMillis;
use crate::compliance::office::Office;
use crate::compliance::office::tests::{BY, day, market, noon};
use crate::event::{Step, Subject, Taken};
use crate::market::Market;
use crate::store::MemoryDocket;

/// An advertiser of food in the config, whose papers are said to be in order until the end of 2027.
const NAME: &str = "80010001/qinghe-dairy";

struct Desk {
    docket: MemoryDocket,
    market: Market,
}

impl Desk {
    fn new() -> Self {
        Self { docket: MemoryDocket::default(), market: market() }
    }

    fn on(&self, now: UnixMillis) -> Office<'_> {
        Office { docket: &self.docket, market: &self.market, now }
    }

    /// Until when it is qualified, as of a day; and what is missing.
    fn until(&self, date: &str) -> (Option<String>, Vec<String>) {
        let told = self.on(day(date).starts_at()).qualification("80010001", "qinghe-dairy").unwrap();
        (told.until.map(|day| day.to_string()), told.findings.into_iter().map(|it| it.code.into()).collect())
    }

    fn register(&self, source: &str) -> Subject {
        let text = format!(
            r#"{{"account":"80010001","advertiser":"qinghe-dairy","name":"Qinghe","source":"{source}","domains":["qinghe.example"],"category":"IAB8"}}"#
        );
        self.on(noon()).register(&serde_json::from_str(&text).unwrap(), &BY).unwrap().subject
    }

    fn document(&self, kind: &str, number: &str, days: (&str, &str)) -> Subject {
        let sha256 = crate::compliance::digest_text(&self.docket.keep(b"%PDF-1.7", noon()).unwrap());
        let document = Document {
            account: "80010001".to_owned(),
            advertiser: "qinghe-dairy".to_owned(),
            number: number.to_owned(),
            kind: kind.to_owned(),
            issuer: "x".to_owned(),
            valid_from: day(days.0),
            valid_until: Some(day(days.1)),
            files: vec![sha256],
        };
        self.on(noon()).register_document(&document, &BY).unwrap().subject
    }

    fn judge(&self, subject: &Subject, to: Standing) {
        self.on(noon()).judge_registration(subject, to, None, &BY).unwrap();
    }
}

fn qualified(until: &str) -> (Option<String>, Vec<String>) {
    (Some(until.to_owned()), Vec::new())
}

fn lacks(code: &str) -> (Option<String>, Vec<String>) {
    (None, vec![code.to_owned()])
}

/// R-QUALIFY, R-IDLE: what only waits, or was refused while it waited, takes nothing away; what was in force and was taken back stops, whatever
/// the config says.
#[test]
fn r_idle_a_registration_that_was_never_in_force_says_nothing_and_one_that_was_taken_back_stops() {
    let desk = Desk::new();
    assert_eq!(desk.until("2026-11-22"), qualified("2027-12-31"));
    assert_eq!(desk.until("2028-01-01"), lacks("not-verified"));
    let first = desk.register("a");
    assert_eq!((desk.until("2026-11-22"), Papers::of(&desk.docket, NAME)), (qualified("2027-12-31"), Ok(None)));
    desk.judge(&first, Standing::Refused);
    assert_eq!(desk.until("2026-11-22"), qualified("2027-12-31"));
    let second = desk.register("b");
    desk.judge(&second, Standing::Verified);
    assert_eq!(desk.until("2026-11-22"), qualified("2027-12-31"), "its documents are not here yet: the config's stand");
    assert_eq!(desk.until("2028-01-01"), (None, vec!["document-missing".to_owned(); 2]));
    let third = desk.register("c");
    desk.judge(&third, Standing::Refused);
    let papers = Papers::of(&desk.docket, NAME).unwrap().unwrap();
    assert_eq!((papers.registration.source.as_str(), desk.until("2026-11-22")), ("b", qualified("2027-12-31")));
    for back in [Standing::Withdrawn, Standing::Refused] {
        let newest = desk.register(back.label());
        desk.judge(&newest, Standing::Verified);
        assert_eq!(desk.until("2026-11-22"), qualified("2027-12-31"));
        desk.judge(&newest, back);
        assert_eq!(desk.until("2026-11-22"), lacks("not-verified"), "{back:?}");
        assert!(Papers::are_taken_back(&desk.docket, NAME).unwrap());
        let papers = Papers::of(&desk.docket, NAME).unwrap().unwrap();
        assert_eq!(papers.registration.source, back.label(), "known by its last name still");
        desk.register("waits");
        assert_eq!(desk.until("2026-11-22"), lacks("not-verified"), "until another one is verified");
    }
    assert_eq!(Papers::all(&desk.docket).unwrap()[NAME], Ok(Papers::of(&desk.docket, NAME).unwrap().unwrap()));
}

/// R-QUALIFY: of each list of documents the docket decides from the day on which the first of it begins, whatever became of that one since.
#[test]
fn r_qualify_the_config_stands_for_documents_that_have_not_begun() {
    let desk = Desk::new();
    desk.judge(&desk.register("a"), Standing::Verified);
    let licence = desk.document("business-licence", "L1", ("2026-01-01", "2026-12-31"));
    desk.judge(&licence, Standing::Verified);
    assert_eq!(desk.until("2026-11-22"), qualified("2026-12-31"), "shorter than the config's");
    assert_eq!(desk.until("2027-01-01"), lacks("document-expired"));
    let renewal = desk.document("business-licence", "L2", ("2027-01-01", "2028-06-30"));
    desk.judge(&renewal, Standing::Verified);
    assert_eq!(desk.until("2026-11-22"), qualified("2027-12-31"), "the contract is the config's still");
    assert_eq!(desk.until("2028-01-01"), lacks("document-missing"));
    let contract = desk.document("client-contract", "C1", ("2027-02-01", "2028-03-31"));
    desk.judge(&contract, Standing::Verified);
    assert_eq!(desk.until("2026-11-22"), qualified("2028-03-31"), "the config's until this one begins");
    let short = desk.document("client-contract", "C2", ("2027-01-15", "2027-01-20"));
    desk.judge(&short, Standing::Verified);
    assert_eq!(desk.until("2026-11-22"), qualified("2027-01-20"), "from its first day the config's does not stand");
    assert_eq!(desk.until("2027-01-25"), lacks("document-expired"));
    assert_eq!(desk.until("2027-02-01"), qualified("2028-03-31"));
    desk.judge(&short, Standing::Withdrawn);
    assert_eq!(desk.until("2027-01-25"), qualified("2028-03-31"), "taken back before it began: as if it had not been");
    // Taken back while it was in force.
    desk.judge(&licence, Standing::Withdrawn);
    assert_eq!(desk.until("2026-11-22"), lacks("document-expired"), "the renewal begins later");
    // A step at midnight says the same as the day itself.
    desk.on(day("2028-07-01").starts_at()).tend_documents(99).unwrap();
    assert_eq!(desk.until("2028-07-01"), (None, vec!["document-expired".to_owned(); 2]));
}

/// One that cannot be read holds up no other, and what its states alone say is known.
#[test]
fn r_qualify_papers_that_cannot_be_read_are_named() {
    let desk = Desk::new();
    desk.judge(&desk.register("a"), Standing::Verified);
    let licence = desk.document("business-licence", "L1", ("2026-01-01", "2026-12-31"));
    let kept = desk.docket.standing(&licence).unwrap().unwrap();
    let step = Step { body: "[]".to_owned(), state: Standing::Verified.code(), ..kept.step };
    desk.docket.take(&[Taken { step, after: kept.seq }]).unwrap();
    let refused = Papers::all(&desk.docket).unwrap()[NAME].clone().unwrap_err();
    assert!(matches!(&refused, Refusal::Unreadable { subject, .. } if *subject == licence), "{refused}");
    assert!(!Papers::are_taken_back(&desk.docket, NAME).unwrap());
}

/// R-QUALIFY, R-IDLE: a renewal under the same number that begins later leaves what it renews in force until then, and ends it on that day.
#[test]
fn r_idle_a_renewal_that_begins_later_leaves_no_gap() {
    let desk = Desk::new();
    desk.judge(&desk.register("a"), Standing::Verified);
    let first = desk.document("business-licence", "L1", ("2026-01-01", "2027-11-30"));
    desk.judge(&first, Standing::Verified);
    let renewal = desk.document("business-licence", "L1", ("2026-12-01", "2027-06-30"));
    desk.judge(&renewal, Standing::Verified);
    let state = |subject| Standing::of(&desk.docket.standing(subject).unwrap().unwrap()).unwrap();
    assert_eq!([state(&first), state(&renewal)], [Standing::Verified; 2]);
    assert_eq!(desk.until("2026-11-30").0.as_deref(), Some("2027-11-30"));
    desk.on(day("2026-12-01").starts_at()).tend_documents(9).unwrap();
    assert_eq!([state(&first), state(&renewal)], [Standing::Expired, Standing::Verified]);
    assert_eq!(desk.until("2026-12-01"), qualified("2027-06-30"));
}

/// R-QUALIFY: a document that is taken back on its first day has begun: the config does not stand for it again; and it is missing, not over.
#[test]
fn r_qualify_a_document_taken_back_on_its_first_day_had_begun() {
    let desk = Desk::new();
    desk.judge(&desk.register("a"), Standing::Verified);
    let licence = desk.document("business-licence", "L1", ("2026-11-22", "2027-06-30"));
    desk.judge(&licence, Standing::Verified);
    assert_eq!(desk.until("2026-11-22"), qualified("2027-06-30"));
    desk.judge(&licence, Standing::Withdrawn);
    assert_eq!(desk.until("2026-11-22"), lacks("document-missing"));
}

/// The newest registration that is in force counts, in whatever order their last steps were taken, read alone or with all others.
#[test]
fn r_qualify_registrations_are_read_by_their_versions() {
    let desk = Desk::new();
    let [first, second] = ["a", "b"].map(|source| desk.register(source));
    desk.judge(&second, Standing::Verified);
    let kept = desk.docket.standing(&first).unwrap().unwrap();
    let step = Step { state: Standing::Verified.code(), ..kept.step };
    desk.docket.take(&[Taken { step, after: kept.seq }]).unwrap();
    let papers = Papers::of(&desk.docket, NAME).unwrap().unwrap();
    assert_eq!(
        (papers.registration.source.as_str(), Papers::all(&desk.docket).unwrap()[NAME].clone()),
        ("b", Ok(papers.clone()))
    );
}
