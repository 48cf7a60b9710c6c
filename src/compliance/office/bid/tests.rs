#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::tests::{BY, market, noon};
use super::super::{MessageState, Verdict};
use super::*;
use crate::event::{Docket, Subject};
use crate::market::Market;
use crate::market::supply::Formats;
use crate::store::MemoryDocket;

const MARKUP: &str =
    r#"<a href="__CLICK_URL__"><img src="https://cdn.paopao.example/7.jpg?cb=${AUCTION_ID}" alt="广告"></a>"#;
const LARGE: Size = Size { w: 728, h: 90 };
const SMALL: Size = Size { w: 300, h: 250 };

/// Of `basalt` for account 80010003, with a banner that nobody knows.
fn bid(market: &Market) -> UnreviewedBid {
    let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
    UnreviewedBid {
        dsp: market.dsps.iter().find(|it| it.wire == "basalt").unwrap().id,
        deal: market.deals.iter().find(|it| it.wire == "PD-2026-PAOPAO").unwrap().id,
        buyer,
        changed: false,
        crid: "new-7".to_owned(),
        domains: vec!["play.paopao.example".to_owned()],
        markup: MARKUP.to_owned(),
        offered: Formats::ALL,
        format: Some(Format::Banner),
        size: Some(LARGE),
        asked: vec![SMALL, LARGE],
        duration_s: None,
        categories: vec!["IAB9-30".to_owned()],
        attributes: vec![1],
    }
}

fn versions(docket: &dyn Docket, crid: &str) -> Vec<KeptStep> {
    docket.versions(SubjectKind::Creative, &format!("80010003/{crid}")).unwrap()
}

fn decide(office: &Office<'_>, version: u32, to: CreativeState) {
    let subject = Subject { kind: SubjectKind::Creative, name: "80010003/new-7".to_owned(), version };
    let verdict = |to| Verdict { to, reasons: &[], findings: None, files: None, seen: None };
    office.decide(&subject, &verdict(PendingReview), &BY).unwrap();
    office.decide(&subject, &verdict(to), &BY).unwrap();
}

#[test]
fn r_review_a_bids_creative_is_submitted_once_in_the_bids_own_words() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    assert_eq!(office.submit_bid(&bid(&market)), Ok(Heard::Submitted));
    let kept = versions(&docket, "new-7").remove(0);
    let record: Record = body_of(&kept).unwrap();
    let it = &record.submission;
    assert_eq!((it.account.as_str(), it.advertiser.as_str(), it.version), ("80010003", "paopao-games", 1));
    assert_eq!((it.format, it.sizes.as_slice(), it.markup.as_str()), (Format::Banner, &[LARGE][..], MARKUP));
    assert_eq!((it.categories.as_slice(), it.attributes.as_slice()), (&["IAB9-30".to_owned()][..], &[1][..]));
    assert_eq!((record.origin, kept.step.actor.as_str()), (Origin::Bid, "dsp:basalt"));
    assert_eq!(kept.step.reason, "bid for deal PD-2026-PAOPAO, of play.paopao.example");
    assert_eq!(state_of(&kept), Ok(Checking));
    // Whatever a DSP fills in, and whatever another one calls by the same name.
    let filled = UnreviewedBid { markup: MARKUP.replace("${AUCTION_ID}", "018b"), ..bid(&market) };
    let other = UnreviewedBid { markup: "<p>other</p>".to_owned(), ..bid(&market) };
    for again in [bid(&market), filled, other] {
        assert_eq!(office.submit_bid(&again), Ok(Heard::Known));
    }
    assert_eq!(docket.last_step().unwrap(), 1);
    let known = UnreviewedBid { crid: "paopao-banner-1".to_owned(), ..bid(&market) };
    assert_eq!(office.submit_bid(&known), Ok(Heard::Known), "the config has it");
}

/// R-LANDING-MATCH.
#[test]
fn r_landing_match_the_page_is_what_a_link_names_or_a_person_is_asked() {
    let market = market();
    let page = |markup: &str| {
        let docket = MemoryDocket::default();
        let office = Office { docket: &docket, market: &market, now: noon() };
        office.submit_bid(&UnreviewedBid { markup: markup.to_owned(), ..bid(&market) }).unwrap();
        let record: Record = body_of(&versions(&docket, "new-7").remove(0)).unwrap();
        let found = office.examine(&record, &[]).unwrap();
        (
            record.submission.landing_page,
            found.iter().any(|it| it.code == "page-assumed" && it.weight == Weight::Person),
        )
    };
    let own = "https://play.paopao.example/".to_owned();
    assert_eq!(page(MARKUP), (own, true));
    let links = r#"<a href="https://t.other.example/1">a</a><a href="https://www.play.paopao.example/p?x=1">b</a>"#;
    assert_eq!(page(links), ("https://www.play.paopao.example/p?x=1".to_owned(), false));
    let foreign = r#"<a href="https://t.other.example/1">a</a>"#;
    assert_eq!(page(foreign), ("https://t.other.example/1".to_owned(), false), "the checks say that it is foreign");
}

/// R-OWN.
#[test]
fn r_own_without_a_registered_advertiser_nothing_is_submitted_and_the_buyer_is_told_once_a_day() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    for domains in [vec![], vec!["other.example"], vec!["paopao.example", "other.example"], vec!["qinghe.example"]] {
        let domains = domains.into_iter().map(str::to_owned).collect();
        assert_eq!(office.submit_bid(&UnreviewedBid { domains, ..bid(&market) }), Ok(Heard::NotRegistered));
    }
    assert_eq!(versions(&docket, "new-7"), []);
    let owner = Owner::Buyer(bid(&market).buyer);
    let told = office.messages(owner, true, (0, 9)).unwrap();
    assert_eq!((told.len(), told[0].0.step.state), (1, MessageState::Unread as u16));
    assert!(
        told[0].1.en.starts_with("creative new-7, which DSP basalt bid with, is not in review: no single advertiser")
    );
    // Once it is registered, the next bid with it is heard.
    let form = r#"{"account": "80010003", "advertiser": "other", "name": "O", "source": "O", "domains": ["other.example"], "category": "IAB9"}"#;
    office.register(&serde_json::from_str(form).unwrap(), &BY).unwrap();
    let known = UnreviewedBid { domains: vec!["other.example".to_owned()], ..bid(&market) };
    assert_eq!(office.submit_bid(&known), Ok(Heard::Submitted));
}

#[test]
fn r_review_what_a_bid_does_not_say_is_not_made_up() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    type Spoil = fn(&mut UnreviewedBid);
    let spoiled: [(Spoil, Heard); 9] = [
        (|it| it.size = None, Heard::Incomplete),
        (|it| it.format = None, Heard::Incomplete),
        (|it| (it.format, it.size) = (Some(Format::Audio), None), Heard::Incomplete),
        (|it| it.crid = "a/b".to_owned(), Heard::Incomplete),
        (|it| it.categories = vec!["food".to_owned()], Heard::Incomplete),
        (|it| it.markup = "x".repeat(70_000), Heard::Incomplete),
        (|it| (it.size, it.asked) = (None, vec![SMALL]), Heard::Submitted),
        (|it| (it.format, it.offered) = (None, Formats::NONE.with(Format::Banner)), Heard::Submitted),
        (
            |it| {
                it.format = Some(Format::Video);
                it.markup = "<VAST version=\"3.0\"><Ad><InLine><Creatives><Creative><Linear><Duration>00:00:14.5</Duration></Linear></Creative></Creatives></InLine></Ad></VAST>".to_owned();
            },
            Heard::Submitted,
        ),
    ];
    for (place, (spoil, heard)) in spoiled.into_iter().enumerate() {
        let mut it = UnreviewedBid { crid: format!("new-{place}"), ..bid(&market) };
        spoil(&mut it);
        assert_eq!(office.submit_bid(&it), Ok(heard), "{place}");
    }
    let video: Record = body_of(&versions(&docket, "new-8").remove(0)).unwrap();
    assert_eq!(video.submission.duration_s, Some(15));
}

/// R-REVIEW: changing it makes a new version, reviewed again; one at a time, and no version for what a DSP fills in.
#[test]
fn r_review_other_markup_of_an_approved_creative_is_its_next_version() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let with = |crid: &str, markup: &str| UnreviewedBid {
        changed: true,
        crid: crid.to_owned(),
        markup: markup.to_owned(),
        ..bid(&market)
    };
    assert_eq!(
        office.submit_bid(&with("paopao-banner-1", "<b>1</b>")),
        Ok(Heard::Known),
        "the config's is changed there"
    );
    office.submit_bid(&bid(&market)).unwrap();
    assert_eq!(office.submit_bid(&with("new-7", "<b>2</b>")), Ok(Heard::Known), "the first one waits");
    decide(&office, 1, CreativeState::Approved);
    let filled = MARKUP.replace("${AUCTION_ID}", "018b");
    assert_eq!(office.submit_bid(&with("new-7", &filled)), Ok(Heard::Known));
    assert_eq!(office.submit_bid(&with("new-7", "<b>2</b>")), Ok(Heard::Submitted));
    assert_eq!(office.submit_bid(&with("new-7", "<b>3</b>")), Ok(Heard::Known), "one at a time");
    decide(&office, 2, CreativeState::Rejected);
    assert_eq!(office.submit_bid(&with("new-7", "<b>2</b>")), Ok(Heard::Known), "what was rejected is not asked again");
    assert_eq!(office.submit_bid(&with("new-7", "<b>3</b>")), Ok(Heard::Submitted));
    assert_eq!(versions(&docket, "new-7").len(), 3);
}

#[test]
fn r_review_the_next_version_keeps_what_the_bid_does_not_say() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let first = submission_of(&bid(&market), "80010003", ("paopao-games".to_owned(), 1)).unwrap();
    let first = Submission {
        sizes: vec![SMALL],
        landing_page: "https://paopao.example/play?x=1".to_owned(),
        monitors: crate::compliance::creative::Told {
            click: vec!["https://m.example/c".to_owned()],
            ..Default::default()
        },
        ..first
    };
    office.submit(&first, Origin::Submitted, &BY).unwrap();
    decide(&office, 1, CreativeState::Approved);
    let changed = UnreviewedBid {
        changed: true,
        markup: "<a href=\"__CLICK_URL__\">2</a>".to_owned(),
        categories: Vec::new(),
        ..bid(&market)
    };
    assert_eq!(office.submit_bid(&changed), Ok(Heard::Submitted));
    let record: Record = body_of(&versions(&docket, "new-7").remove(1)).unwrap();
    let expected = Submission { version: 2, sizes: vec![SMALL, LARGE], markup: changed.markup, ..first };
    assert_eq!(record.submission, expected);
    let found = office.examine(&record, &[]).unwrap();
    assert!(found.iter().all(|it| it.code != "page-assumed"), "the page is known");
}

#[test]
fn r_review_no_more_of_a_buyer_wait_by_bids_than_may() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let nth = |n: usize| UnreviewedBid { crid: format!("new-{n}"), ..bid(&market) };
    // What the buyer submits itself does not count.
    let own = Submission {
        crid: "own".to_owned(),
        ..submission_of(&nth(0), "80010003", ("paopao-games".to_owned(), 1)).unwrap()
    };
    office.submit(&own, Origin::Submitted, &BY).unwrap();
    for n in 0..MOST_WAITING {
        assert_eq!(office.submit_bid(&nth(n)), Ok(Heard::Submitted), "{n}");
    }
    assert_eq!(office.submit_bid(&nth(MOST_WAITING)), Ok(Heard::TooManyWaiting));
    decide(&office, 1, CreativeState::Rejected);
    assert_eq!(office.submit_bid(&nth(MOST_WAITING)), Ok(Heard::Submitted), "one was decided");
}
