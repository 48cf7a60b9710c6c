//! Advertisers of the docket, over markets that come and go (R-QUALIFY).

use super::*;
use crate::compliance::office::{By as Judge, Office};
use crate::compliance::qualification::{Document, Registration, Standing};
use crate::event::{Docket, Step, Subject, Taken};
use crate::ids::{AdvertiserId, BuyerId};

const ACCOUNT: &str = "80010003";
const BY: Judge<'_> = Judge { actor: "reviewer", reason: "seen" };

fn registration(advertiser: &str, domain: &str) -> Registration {
    Registration {
        account: ACCOUNT.to_owned(),
        advertiser: advertiser.to_owned(),
        name: "鹿鹿家居".to_owned(),
        source: "鹿鹿".to_owned(),
        domains: vec![domain.to_owned()],
        category: "IAB10".to_owned(),
        industries: Vec::new(),
    }
}

/// Does something at the desk where registrations are judged.
fn at<T>(bench: &Bench, act: impl FnOnce(&Office<'_>) -> T) -> T {
    let market = bench.publisher.exchange().market.load_full();
    act(&Office { docket: &*bench.docket, market: &market, now: bench.publisher.exchange().clock.now() })
}

fn judge(bench: &Bench, subject: &Subject, to: Standing) {
    at(bench, |office| office.judge_registration(subject, to, None, &BY)).unwrap();
    bench.publisher.follow_content().unwrap();
}

fn register(bench: &Bench, advertiser: &str, domain: &str) -> Subject {
    at(bench, |office| office.register(&registration(advertiser, domain), &BY)).unwrap().subject
}

fn document(bench: &Bench, advertiser: &str, kind: &str, number: &str, days: (&str, &str)) -> Subject {
    let day = |text| ShanghaiDay::parse(text).unwrap();
    let sha256 = crate::compliance::digest_text(&bench.docket.keep(b"%PDF-1.7", noon()).unwrap());
    let document = Document {
        account: ACCOUNT.to_owned(),
        advertiser: advertiser.to_owned(),
        number: number.to_owned(),
        kind: kind.to_owned(),
        issuer: "x".to_owned(),
        valid_from: day(days.0),
        valid_until: Some(day(days.1)),
        files: vec![sha256],
    };
    at(bench, |office| office.register_document(&document, &BY)).unwrap().subject
}

/// How an advertiser stands: its number, its domains, until when it is qualified.
type Stands = (AdvertiserId, String, Option<String>);

fn stands(publisher: &Publisher, advertiser: &str) -> Option<Stands> {
    let market = publisher.exchange().market.load_full();
    let buyer = market.buyers.iter().find(|it| it.account == ACCOUNT).unwrap().id;
    let it = market.advertiser_named(buyer, advertiser)?;
    assert_eq!(market.advertiser(it.id), Some(it));
    assert_eq!(market.all_advertisers().filter(|other| other.id == it.id).count(), 1);
    Some((it.id, it.domains.join(" "), it.qualified_until.map(|day| day.to_string())))
}

fn until(publisher: &Publisher, advertiser: &str) -> Option<String> {
    stands(publisher, advertiser).and_then(|(.., until)| until)
}

/// R-QUALIFY, R-OWN: one that only the docket knows is served by every process under one number, in the form in which it was verified, and
/// stopped as soon as a paper is taken back.
#[test]
fn r_qualify_an_advertiser_of_the_docket_is_served_by_all_and_outlives_markets() {
    let mut bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    let first = register(&bench, "lulu", "lulu.example");
    bench.publisher.follow_content().unwrap();
    assert_eq!(stands(&bench.publisher, "lulu"), None, "nobody has verified it");
    judge(&bench, &first, Standing::Verified);
    let (number, ..) = stands(&bench.publisher, "lulu").unwrap();
    assert!(held(&bench.saved).contains(&(IdKind::Advertiser, number.0, "80010003/lulu".into())), "durable");
    assert_eq!(until(&bench.publisher, "lulu"), None, "without its documents");
    let licence = document(&bench, "lulu", "business-licence", "L1", ("2026-01-01", "2026-12-31"));
    let contract = document(&bench, "lulu", "client-contract", "C1", ("2026-01-01", "2027-06-30"));
    judge(&bench, &licence, Standing::Verified);
    assert_eq!(until(&bench.publisher, "lulu"), None);
    judge(&bench, &contract, Standing::Verified);
    let served = Some((number, "lulu.example".to_owned(), Some("2026-12-31".to_owned())));
    assert_eq!(stands(&bench.publisher, "lulu"), served);
    assert_eq!(stands(&other, "lulu"), None);
    other.follow_content().unwrap();
    assert_eq!(stands(&other, "lulu"), served);
    // R-IDLE: a change is in force when it is verified.
    let change = register(&bench, "lulu", "lulu-home.example");
    bench.publisher.follow_content().unwrap();
    assert_eq!(stands(&bench.publisher, "lulu"), served);
    judge(&bench, &change, Standing::Verified);
    let served = Some((number, "lulu-home.example".to_owned(), Some("2026-12-31".to_owned())));
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert_eq!(stands(&bench.publisher, "lulu"), served);
    bench.restart(false).unwrap();
    assert_eq!(stands(&bench.publisher, "lulu"), served);
    judge(&bench, &contract, Standing::Withdrawn);
    assert_eq!(until(&bench.publisher, "lulu"), None);
    bench.restart(false).unwrap();
    assert_eq!(stands(&bench.publisher, "lulu"), Some((number, "lulu-home.example".to_owned(), None)));
}

/// R-QUALIFY: where config and docket both know it, one rule: a registration that was verified decides, a document that has begun too; what waits does not.
#[test]
fn r_qualify_the_docket_stops_what_the_config_qualifies() {
    let bench = Bench::new();
    let served = |domain: &str, until: Option<&str>| {
        let (_, domains, day) = stands(&bench.publisher, "paopao-games").unwrap();
        assert_eq!((domains.as_str(), day.as_deref()), (domain, until));
    };
    let waiting = register(&bench, "paopao-games", "new.example");
    bench.publisher.follow_content().unwrap();
    served("paopao.example", Some("2027-12-31"));
    judge(&bench, &waiting, Standing::Verified);
    served("new.example", Some("2027-12-31"));
    let licence = document(&bench, "paopao-games", "business-licence", "L1", ("2026-01-01", "2026-12-31"));
    judge(&bench, &licence, Standing::Verified);
    served("new.example", Some("2026-12-31"));
    // Another config is judged by at once.
    let day = "category = \"IAB9\"\nqualified_until = ";
    bench.edit("buyers.toml", &format!("{day}\"2027-12-31\""), &format!("{day}\"2026-12-15\""));
    bench.reload().unwrap();
    served("new.example", Some("2026-12-15"));
    judge(&bench, &waiting, Standing::Withdrawn);
    served("new.example", None);
}

/// R-QUALIFY: a day that comes brings what begins on it, also where no step says so; what ends on it needs no step at all.
#[test]
fn r_qualify_midnight_brings_what_begins_and_ends_what_is_over() {
    let bench = Bench::new();
    let clock = &bench.publisher.exchange().clock;
    for (kind, number, days) in [
        ("business-licence", "L1", ("2026-01-01", "2027-12-31")),
        ("client-contract", "C1", ("2026-12-01", "2026-12-31")),
    ] {
        let it = document(&bench, "lulu", kind, number, days);
        judge(&bench, &it, Standing::Verified);
    }
    judge(&bench, &register(&bench, "lulu", "lulu.example"), Standing::Verified);
    let day = |text: &str| ShanghaiDay::parse(text).unwrap();
    let seen = |now: UnixMillis| {
        clock.set(now);
        bench.publisher.follow_content().unwrap();
        until(&bench.publisher, "lulu")
    };
    assert_eq!(seen(UnixMillis(day("2026-12-01").starts_at().0 - 1)), None);
    assert_eq!(seen(day("2026-12-01").starts_at()).as_deref(), Some("2026-12-31"));
    assert_eq!(seen(UnixMillis(day("2027-01-01").starts_at().0 - 1)).as_deref(), Some("2026-12-31"));
    let market = bench.publisher.exchange().market.load_full();
    let (id, ..) = stands(&bench.publisher, "lulu").unwrap();
    let on = |text| market.advertiser(id).unwrap().is_qualified_on(day(text));
    assert_eq!([on("2026-12-31"), on("2027-01-01")], [true, false]);
    assert_eq!(seen(day("2027-01-01").starts_at()), None);
}

/// What cannot be read keeps the last good word, but for what its states alone say; it is told until it can be read, and holds up no other.
#[test]
fn r_qualify_broken_papers_are_told_and_a_registration_taken_back_stops_all_the_same() {
    let bench = Bench::new();
    let registered = register(&bench, "paopao-games", "new.example");
    judge(&bench, &registered, Standing::Verified);
    let take = |subject: &Subject, state: Standing, body: Option<&str>| {
        let kept = bench.docket.standing(subject).unwrap().unwrap();
        let body = body.map_or(kept.step.body.clone(), str::to_owned);
        let step = Step { state: state.code(), body, ..kept.step };
        bench.docket.take(&[Taken { step, after: kept.seq }]).unwrap()[0]
    };
    let licence = document(&bench, "paopao-games", "business-licence", "L1", ("2026-01-01", "2026-12-31"));
    let step = take(&licence, Standing::Verified, Some("[]"));
    bench.publisher.follow_content().unwrap();
    assert_eq!(until(&bench.publisher, "paopao-games").as_deref(), Some("2027-12-31"), "the last good word");
    let troubles = bench.publisher.content_troubles();
    assert_eq!((troubles.len(), troubles[0].step), (1, step));
    assert!(
        troubles[0].message.starts_with("document 80010003/paopao-games/L1 version 1: its record cannot be read"),
        "{troubles:?}"
    );
    let lulu = register(&bench, "lulu", "lulu.example");
    judge(&bench, &lulu, Standing::Verified);
    assert!(stands(&bench.publisher, "lulu").is_some(), "the others go on");
    take(&registered, Standing::Withdrawn, Some("[]"));
    bench.publisher.follow_content().unwrap();
    assert_eq!(until(&bench.publisher, "paopao-games"), None);
    let beside = bench.beside(bench.folder.path(), false).unwrap();
    assert_eq!(until(&beside, "paopao-games"), None, "also where it was never read before");
    let again = register(&bench, "lulu", "lulu-home.example");
    judge(&bench, &again, Standing::Verified);
    assert_eq!(bench.publisher.content_troubles().len(), 1, "it is told still");
    let text = serde_json::to_string(&registration("paopao-games", "new.example")).unwrap();
    take(&registered, Standing::Verified, Some(&text));
    take(&licence, Standing::Refused, Some("[]"));
    bench.publisher.follow_content().unwrap();
    assert_eq!(bench.publisher.content_troubles().len(), 1);
    let good = document(&bench, "paopao-games", "business-licence", "L2", ("2026-01-01", "2026-12-30"));
    judge(&bench, &good, Standing::Verified);
    assert_eq!(until(&bench.publisher, "paopao-games"), None, "as long as one of its papers cannot be read");
}

#[test]
fn r_qualify_a_number_that_is_not_durable_is_not_served_and_two_that_give_it_agree() {
    let bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    *held(&bench.broken) = true;
    let lulu = register(&bench, "lulu", "lulu.example");
    at(&bench, |office| office.judge_registration(&lulu, Standing::Verified, None, &BY)).unwrap();
    assert!(bench.publisher.follow_content().is_err());
    assert_eq!(stands(&bench.publisher, "lulu"), None);
    *held(&bench.broken) = false;
    bench.publisher.follow_content().unwrap();
    let luna = register(&bench, "luna", "luna.example");
    judge(&bench, &luna, Standing::Verified);
    other.follow_content().unwrap();
    for advertiser in ["lulu", "luna"] {
        assert_eq!(stands(&bench.publisher, advertiser), stands(&other, advertiser));
        assert!(stands(&other, advertiser).is_some());
    }
    let market = other.exchange().market.load_full();
    assert_eq!(market.advertiser_named(BuyerId(0), "luna"), None, "R-OWN: of its buyer only");
}

/// An advertiser whose buyer is in no config yet is served as soon as it is.
#[test]
fn r_qualify_an_advertiser_waits_for_its_buyer() {
    let bench = Bench::new();
    let lulu = register(&bench, "lulu", "lulu.example");
    let kept = bench.docket.standing(&lulu).unwrap().unwrap();
    let text = serde_json::to_string(&Registration { account: "80010099".into(), ..registration("lulu", "l.example") });
    let subject = Subject { name: "80010099/lulu".to_owned(), ..lulu };
    let step = Step { subject, state: Standing::Verified.code(), body: text.unwrap(), ..kept.step };
    bench.docket.take(&[Taken { step, after: 0 }]).unwrap();
    bench.publisher.follow_content().unwrap();
    assert!(bench.publisher.content_troubles()[0].message.contains("account 80010099 has never been in a config"));
    let path = bench.folder.path().join("buyers.toml");
    let more =
        "\n[[buyer]]\naccount = \"80010099\"\nname = \"New Co.\"\ncontract = \"PMP-99\"\nmonthly_minimum = \"0.00\"\n";
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + more).unwrap();
    bench.reload().unwrap();
    let market = bench.publisher.exchange().market.load_full();
    let buyer = market.buyers.iter().find(|it| it.account == "80010099").unwrap().id;
    assert!(market.advertiser_named(buyer, "lulu").is_some());
    assert_eq!(bench.publisher.content_troubles(), []);
}

/// R-OWN: a record that says that it is another one is told, and serves neither.
#[test]
fn r_own_a_record_of_another_name_is_told_and_not_served() {
    let bench = Bench::new();
    let lulu = register(&bench, "lulu", "lulu.example");
    let kept = bench.docket.standing(&lulu).unwrap().unwrap();
    let body = serde_json::to_string(&registration("luna", "luna.example")).unwrap();
    let step = Step { state: Standing::Verified.code(), body, ..kept.step };
    bench.docket.take(&[Taken { step, after: kept.seq }]).unwrap();
    bench.publisher.follow_content().unwrap();
    assert_eq!(["lulu", "luna"].map(|it| stands(&bench.publisher, it)), [None, None]);
    let troubles = bench.publisher.content_troubles();
    assert!(troubles.len() == 1 && troubles[0].message.contains("it says that it is 80010003/luna"), "{troubles:?}");
}
