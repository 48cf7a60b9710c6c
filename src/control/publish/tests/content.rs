//! What is reviewed, over markets that come and go.

mod words;

use super::*;
use crate::compliance::creative::{Origin, Record, tests::banner};
use crate::compliance::prohibitions::{Edit, EditError, Prohibitions as Wanted, edit as edit_prohibitions, present};
use crate::event::{Docket, DocketError, Owner, Step, Subject, SubjectKind, Taken};
use crate::ids::{BuyerId, CreativeId, CreativeVersion};
use crate::market::demand::CreativeState;
use crate::market::supply::{Format, Prohibitions, Size};

use CreativeState::{Approved, PendingReview, Rejected, Suspended};

const ACCOUNT: &str = "80010003";
const SIZE: Size = Size { w: 300, h: 250 };

fn record(account: &str, crid: &str, version: u32) -> Record {
    let mut submission = banner();
    (submission.account, submission.advertiser) = (account.into(), "paopao-games".into());
    (submission.crid, submission.version, submission.sizes) = (crid.into(), version, vec![SIZE]);
    submission.landing_page = format!("https://paopao.example/{version}");
    Record::new(submission, Origin::Submitted)
}

/// A step of a creative's version, with its record or another body.
fn take(bench: &Bench, (account, crid, version): (&str, &str, u32), state: u16, body: Option<&str>) {
    let record = record(account, crid, version);
    let subject = record.submission.subject();
    let after = bench.docket.standing(&subject).unwrap().map_or(0, |it| it.seq);
    let body = body.map_or_else(|| serde_json::to_string(&record).unwrap(), str::to_owned);
    let (actor, reason) = ("reviewer".to_owned(), String::new());
    let step = Step { subject, owner: Owner::Buyer(BuyerId(0)), state, due: None, at: noon(), actor, reason, body };
    bench.docket.take(&[Taken { step, after }]).unwrap();
}

fn decide(bench: &Bench, crid: &str, version: u32, state: CreativeState) {
    take(bench, (ACCOUNT, crid, version), state.code(), None);
    bench.publisher.follow_content().unwrap();
}

/// How a creative stands: version, state, number; and whether it is found by what it fits.
fn stands(publisher: &Publisher, account: &str, crid: &str) -> Option<(u16, CreativeState, CreativeId)> {
    let market = publisher.exchange().market.load_full();
    let buyer = market.buyers.iter().find(|it| it.account == account)?.id;
    let it = market.creative(buyer, crid)?;
    let state = market.creative_state(it);
    let fits = market.approved_creatives(buyer, Format::Banner, Some(SIZE)).any(|other| other.id == it.id);
    assert_eq!(fits, state == Approved && it.format == Format::Banner);
    Some((it.version.0, state, it.id))
}

fn told(publisher: &Publisher, crid: &str) -> Option<(u16, CreativeState)> {
    stands(publisher, ACCOUNT, crid).map(|(version, state, _)| (version, state))
}

/// R-REVIEW, R-REFUSE: a verdict is served at once, by every process, under one number, and outlives whatever market comes.
#[test]
fn r_review_a_verdict_is_served_by_all_and_outlives_markets() {
    let mut bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    decide(&bench, "new-1", 1, PendingReview);
    assert_eq!(told(&bench.publisher, "new-1"), Some((1, PendingReview)));
    decide(&bench, "new-1", 1, Approved);
    let (_, _, number) = stands(&bench.publisher, ACCOUNT, "new-1").unwrap();
    assert!(
        held(&bench.saved).contains(&(IdKind::Creative, number.0, "80010003/new-1".into())),
        "its number is durable"
    );
    let shared = bench.publisher.exchange().market.load_full();
    assert_eq!(stands(&other, ACCOUNT, "new-1"), None);
    other.follow_content().unwrap();
    assert_eq!(stands(&other, ACCOUNT, "new-1"), Some((1, Approved, number)));
    decide(&bench, "new-1", 2, PendingReview);
    assert_eq!(told(&bench.publisher, "new-1"), Some((1, Approved)), "a newer one that waits takes nothing away");
    decide(&bench, "new-1", 2, Rejected);
    assert_eq!(told(&bench.publisher, "new-1"), Some((1, Approved)));
    decide(&bench, "new-1", 3, Approved);
    decide(&bench, "new-1", 1, Suspended);
    assert_eq!(told(&bench.publisher, "new-1"), Some((3, Approved)), "what was replaced can be suspended");
    assert!(bench.publisher.exchange().market.load().shares(&shared), "nothing of the config is built anew");
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert_eq!(told(&bench.publisher, "new-1"), Some((3, Approved)));
    decide(&bench, "paopao-banner-1", 2, Suspended);
    assert_eq!(told(&bench.publisher, "paopao-banner-1"), Some((2, Suspended)), "the review comes before the config");
    bench.restart(false).unwrap();
    assert_eq!(
        [told(&bench.publisher, "new-1"), told(&bench.publisher, "paopao-banner-1")],
        [Some((3, Approved)), Some((2, Suspended))]
    );
    assert_eq!(stands(&bench.publisher, ACCOUNT, "new-1").unwrap().2, number);
}

/// R-REVIEW: beside a version of the docket that was only ever rejected the config's creative goes on, at the process that saw it and at one that
/// starts later, whatever the versions' numbers are.
#[test]
fn r_review_a_rejected_version_stops_nothing_that_it_did_not_replace() {
    let bench = Bench::new();
    decide(&bench, "paopao-banner-1", 1, Rejected);
    let late = bench.beside(bench.folder.path(), false).unwrap();
    for publisher in [&bench.publisher, &late] {
        publisher.follow_content().unwrap();
        let (version, state, id) = stands(publisher, ACCOUNT, "paopao-banner-1").unwrap();
        let market = publisher.exchange().market.load_full();
        assert_eq!((version, state, market.is_stopped(id, CreativeVersion(1))), (1, Approved, false));
    }
}

#[test]
fn r_review_two_processes_that_give_a_number_at_once_agree() {
    let bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    take(&bench, (ACCOUNT, "a", 1), Approved.code(), None);
    bench.publisher.follow_content().unwrap();
    take(&bench, (ACCOUNT, "b", 1), Approved.code(), None);
    // The other one has not seen that a number was given, neither by a review nor by a reload.
    other.follow_content().unwrap();
    bench.publisher.follow_content().unwrap();
    for crid in ["a", "b"] {
        assert_eq!(stands(&bench.publisher, ACCOUNT, crid), stands(&other, ACCOUNT, crid));
        assert!(told(&other, crid).is_some());
    }
    let numbers = ["a", "b", "paopao-banner-1"].map(|crid| stands(&other, ACCOUNT, crid).unwrap().2);
    assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2]);
    // A reload gives numbers too, and knows nothing of these.
    bench.edit("creatives.toml", "crid = \"paopao-video-1\"", "crid = \"paopao-video-2\"");
    bench.reload().unwrap();
    let video = stands(&bench.publisher, ACCOUNT, "paopao-video-2").unwrap().2;
    assert!(!numbers.contains(&video));
}

/// What cannot be read keeps the last good word, but for what is to be stopped; it is told, until it can be read.
#[test]
fn r_refuse_a_broken_record_is_told_and_stops_what_it_stops() {
    let bench = Bench::new();
    decide(&bench, "new-1", 1, Approved);
    let broken = |version, state: u16, body: &str| {
        take(&bench, (ACCOUNT, "new-1", version), state, Some(body));
        bench.publisher.follow_content().unwrap();
    };
    broken(2, Approved.code(), "{\"submission\": 1}");
    assert_eq!(told(&bench.publisher, "new-1"), Some((1, Approved)));
    let troubles = bench.publisher.content_troubles();
    assert_eq!((troubles.len(), troubles[0].step), (1, 2));
    assert!(
        troubles[0].message.starts_with("creative 80010003/new-1 version 2: its record cannot be read: "),
        "{troubles:?}"
    );
    broken(2, Suspended.code(), "{}");
    assert_eq!(told(&bench.publisher, "new-1"), Some((1, Suspended)), "it is stopped all the same");
    decide(&bench, "new-1", 2, Approved);
    assert_eq!(
        (told(&bench.publisher, "new-1"), bench.publisher.content_troubles()),
        (Some((2, Approved)), Vec::new())
    );
    let elsewhere = serde_json::to_string(&record(ACCOUNT, "other", 1)).unwrap();
    broken(3, Approved.code(), &elsewhere);
    assert_eq!(told(&bench.publisher, "new-1"), Some((2, Approved)));
    assert_eq!(told(&bench.publisher, "other"), None);
    assert!(bench.publisher.content_troubles()[0].message.ends_with("it is 80010003/other version 1"));
}

/// A buyer that is in no config yet: its creative is served as soon as it is.
#[test]
fn r_review_a_creative_waits_for_its_buyer() {
    let bench = Bench::new();
    take(&bench, ("80010099", "new-1", 1), Approved.code(), None);
    bench.publisher.follow_content().unwrap();
    assert_eq!(bench.publisher.content_troubles().len(), 1);
    let path = bench.folder.path().join("buyers.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let more =
        "\n[[buyer]]\naccount = \"80010099\"\nname = \"New Co.\"\ncontract = \"PMP-99\"\nmonthly_minimum = \"0.00\"\n";
    std::fs::write(&path, text + more).unwrap();
    bench.reload().unwrap();
    assert_eq!(stands(&bench.publisher, "80010099", "new-1").map(|it| (it.0, it.1)), Some((1, Approved)));
    assert_eq!(bench.publisher.content_troubles(), []);
}

/// R-REVIEW, R-CATEGORY: who came with a reload is known from then on, whatever the docket says of them later, and needs no other reload.
#[test]
fn r_review_a_buyer_and_a_media_that_a_reload_brought_are_known_to_the_docket_at_once() {
    let bench = Bench::new();
    let path = bench.folder.path().join("buyers.toml");
    let more =
        "\n[[buyer]]\naccount = \"80010099\"\nname = \"New Co.\"\ncontract = \"PMP-99\"\nmonthly_minimum = \"0.00\"\n";
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + more).unwrap();
    for file in ["media.toml", "deals.toml", "rate_card.toml"] {
        let path = bench.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap().replace("citypages", "cityworld");
        std::fs::write(&path, text).unwrap();
    }
    bench.reload().unwrap();
    take(&bench, ("80010099", "new-1", 1), Approved.code(), None);
    let market = bench.publisher.exchange().market.load_full();
    let wanted = Wanted { categories: vec!["IAB9".into()], ..Wanted::default() };
    let by = Edit { at: noon(), actor: "cityworld", reason: "" };
    edit_prohibitions(&*bench.docket, &market, "cityworld", (&wanted, 0), &by).unwrap();
    bench.publisher.follow_content().unwrap();
    assert_eq!(bench.publisher.content_troubles(), []);
    assert_eq!(stands(&bench.publisher, "80010099", "new-1").map(|it| (it.0, it.1)), Some((1, Approved)));
    let market = bench.publisher.exchange().market.load_full();
    let media = market.media.iter().find(|it| it.wire == "cityworld").unwrap();
    assert_eq!(market.prohibited(media)[1].categories, ["IAB9"]);
}

#[test]
fn a_number_that_is_not_durable_is_not_served() {
    let bench = Bench::new();
    *held(&bench.broken) = true;
    take(&bench, (ACCOUNT, "new-1", 1), Approved.code(), None);
    assert!(bench.publisher.follow_content().is_err());
    assert_eq!(told(&bench.publisher, "new-1"), None);
    *held(&bench.broken) = false;
    bench.publisher.follow_content().unwrap();
    assert_eq!(told(&bench.publisher, "new-1"), Some((1, Approved)));
}

/// More verdicts than are kept beside the large shelf: it is built anew meanwhile, and none is lost.
#[test]
fn r_review_many_verdicts_are_served_while_the_large_shelf_is_built() {
    let bench = Bench::new();
    for number in 0..200_u32 {
        decide(&bench, &format!("many-{number}"), 1, Approved);
        if number % 3 == 0 {
            decide(&bench, &format!("many-{}", number / 2), 1, Suspended);
        }
    }
    let suspended: std::collections::BTreeSet<_> = (0..200_u32).filter(|it| it % 3 == 0).map(|it| it / 2).collect();
    for number in 0..200_u32 {
        let state = if suspended.contains(&number) { Suspended } else { Approved };
        assert_eq!(told(&bench.publisher, &format!("many-{number}")), Some((1, state)), "{number}");
    }
    // The one that is being built may have been begun with few of them: the next verdict begins another.
    for crid in ["last-1", "last-2"] {
        let mut looks = 0;
        while held(&bench.publisher.review).is_building() {
            bench.publisher.follow_content().unwrap();
            looks += 1;
            assert!(looks < 10_000_000, "it is built some time");
        }
        decide(&bench, crid, 1, Approved);
    }
    assert!(held(&bench.publisher.review).content().base().len() > 100);
}

fn prohibited(publisher: &Publisher) -> [Prohibitions; 2] {
    let market = publisher.exchange().market.load_full();
    market.prohibited(market.media.iter().find(|it| it.wire == "sunrise").unwrap()).map(Clone::clone)
}

/// R-CATEGORY: what a media prohibits itself stands beside its contract, on every process, and is edited by who knew what was there.
#[test]
fn r_category_a_medias_own_prohibitions_are_served_beside_its_contract() {
    let mut bench = Bench::edited(&[(
        "media.toml",
        "prohibited_categories = [",
        "prohibited_attributes = [3]
prohibited_categories = [",
    )]);
    let other = bench.beside(bench.folder.path(), false).unwrap();
    let market = bench.publisher.exchange().market.load_full();
    let by = Edit { at: noon(), actor: "sunrise", reason: "no games" };
    let wanted = Wanted {
        categories: vec!["IAB9".into()],
        industries: Vec::new(),
        advertisers: vec!["80010003/paopao-games".into(), "80010003/registered-later".into()],
        domains: vec!["paopao.example".into()],
        attributes: vec![6],
        words: Vec::new(),
    };
    let take = |wanted: &Wanted, after| {
        edit_prohibitions(&*bench.docket, &market, "sunrise", (wanted, after), &by).map(|it| it.seq)
    };
    let first = take(&wanted, 0).unwrap();
    assert!(matches!(take(&Wanted::default(), 0), Err(EditError::Docket(DocketError::Overtaken { .. }))));
    let nobody = edit_prohibitions(&*bench.docket, &market, "nobody", (&wanted, 0), &by);
    assert_eq!(nobody, Err(EditError::UnknownMedia("nobody".to_owned())));
    let wrong = take(&Wanted { categories: vec!["games".into()], ..Wanted::default() }, first).unwrap_err();
    assert!(matches!(&wrong, EditError::Wrong(found) if found[0].place == "categories[0]"), "{wrong}");
    let kept = present(&*bench.docket, "sunrise").unwrap();
    assert_eq!((kept.seq(), kept.record), (first, wanted.clone()));
    for publisher in [&bench.publisher, &other] {
        publisher.follow_content().unwrap();
        let [contract, own] = prohibited(publisher);
        assert_eq!((contract.attributes.as_slice(), own.attributes.as_slice()), (&[3][..], &[6][..]));
        assert_eq!(
            (own.categories, own.domains, own.advertisers.len()),
            (wanted.categories.clone(), wanted.domains.clone(), 2)
        );
        let market = publisher.exchange().market.load_full();
        let paopao = market.configured_advertisers().iter().find(|it| it.wire == "paopao-games").unwrap().id;
        assert!(own.advertisers.contains(&paopao));
    }
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    let before = prohibited(&bench.publisher);
    assert_eq!(before[1].attributes, [6]);
    bench.restart(false).unwrap();
    assert_eq!(prohibited(&bench.publisher), before, "after a restart, under the same numbers");
    let subject = Subject { kind: SubjectKind::Prohibitions, name: "sunrise".into(), version: 0 };
    let kept = bench.docket.standing(&subject).unwrap().unwrap();
    let broken = Step { body: "[]".to_owned(), ..kept.step };
    bench.docket.take(&[Taken { step: broken, after: kept.seq }]).unwrap();
    bench.publisher.follow_content().unwrap();
    assert_eq!(prohibited(&bench.publisher), before, "the last good word stays in force");
    assert!(
        bench.publisher.content_troubles()[0]
            .message
            .starts_with("prohibitions of media sunrise: its record cannot be read")
    );
    let last = |state: u16, body: &str| {
        let kept = bench.docket.standing(&subject).unwrap().unwrap();
        let step = Step { state, body: body.to_owned(), ..kept.step };
        bench.docket.take(&[Taken { step, after: kept.seq }]).unwrap();
        bench.publisher.follow_content().unwrap();
        bench.publisher.content_troubles().len()
    };
    assert_eq!(
        (last(2, "{}"), prohibited(&bench.publisher)),
        (1, before),
        "a state of which nobody knows what it means"
    );
    assert_eq!(last(1, "{}"), 0, "it can be read again");
    assert_eq!(prohibited(&bench.publisher)[1], Prohibitions::default());
}

/// R-CATEGORY: an industry is what content.toml says that it is, in the contract and in the media's own word; whoever names it is of it.
#[test]
fn r_category_a_prohibited_industry_is_its_categories_as_the_generation_has_them() {
    let contract = (
        "media.toml",
        "prohibited_categories = [\"IAB7-39\"",
        "prohibited_industries = [\"food\"]\nprohibited_categories = [\"IAB7-39\"",
    );
    let industry = |id: &str, categories: &str| {
        format!("[[industry]]\nid = \"{id}\"\nzh = \"业\"\nen = \"{id}\"\ncategories = [{categories}]\n\n")
    };
    let limits = "[limits]";
    let listed =
        [industry("food", "\"IAB8\", \"IAB7-39\""), industry("games", "\"IAB9-30\", \"IAB9-31\""), limits.to_owned()]
            .concat();
    let mut bench = Bench::edited(&[contract, ("content.toml", limits, &listed)]);
    let market = bench.publisher.exchange().market.load_full();
    let by = Edit { at: noon(), actor: "sunrise", reason: "" };
    let wanted = Wanted { categories: vec!["IAB9-31".into()], industries: vec!["games".into()], ..Wanted::default() };
    let take = |wanted: &Wanted, market: &Market, after| {
        edit_prohibitions(&*bench.docket, market, "sunrise", (wanted, after), &by)
    };
    let unknown = Wanted { industries: vec!["toys".into()], ..Wanted::default() };
    let wrong = take(&unknown, &market, 0).unwrap_err();
    assert!(matches!(&wrong, EditError::Wrong(found) if found[0].en.ends_with(": food, games")), "{wrong:?}");
    let first = take(&wanted, &market, 0).unwrap().seq;
    bench.publisher.follow_content().unwrap();
    let categories = |publisher: &Publisher| prohibited(publisher).map(|it| it.categories);
    let texts = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let contract = texts(&["IAB7-39", "IAB25", "IAB26", "IAB8"]);
    assert_eq!(categories(&bench.publisher), [contract, texts(&["IAB9-31", "IAB9-30"])]);
    let [_, own] = prohibited(&bench.publisher);
    assert!(
        own.has_industry(&texts(&["food", "games"])) && !own.has_industry(&texts(&["food"])),
        "by those that an advertiser names"
    );

    bench.edit("content.toml", "\"IAB9-30\", \"IAB9-31\"", "\"IAB9-5\"");
    bench.edit("content.toml", "\"IAB8\", \"IAB7-39\"", "\"IAB8-5\"");
    bench.reload().unwrap();
    let contract = texts(&["IAB7-39", "IAB25", "IAB26", "IAB8-5"]);
    let changed = [contract, texts(&["IAB9-31", "IAB9-5"])];
    assert_eq!(categories(&bench.publisher), changed, "with the reload");
    bench.restart(false).unwrap();
    assert_eq!(categories(&bench.publisher), changed, "after a restart");

    // One that content.toml drops takes nothing else away, and is told until the media drops it.
    bench.edit("content.toml", "id = \"games\"", "id = \"play\"");
    bench.reload().unwrap();
    assert_eq!(prohibited(&bench.publisher)[1].categories, ["IAB9-31"]);
    let trouble = bench.publisher.content_troubles().remove(0).message;
    assert!(
        trouble.starts_with("prohibitions of media sunrise: industries games are not in content.toml any more"),
        "{trouble}"
    );
    let market = bench.publisher.exchange().market.load_full();
    let wanted = Wanted { industries: vec!["play".into()], ..wanted };
    edit_prohibitions(&*bench.docket, &market, "sunrise", (&wanted, first), &by).unwrap();
    bench.publisher.follow_content().unwrap();
    assert_eq!((prohibited(&bench.publisher)[1].categories.len(), bench.publisher.content_troubles()), (2, vec![]));
}
