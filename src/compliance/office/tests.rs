#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::clock::ShanghaiDay;
use crate::compliance::creative::tests::banner;
use crate::compliance::creative::{Origin, Submission};
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::qualification::{App, Document, Papers, Registration, Standing};
use crate::compliance::review::may_follow;
use crate::control::config::{Moment, compile, load};
use crate::event::{SubjectKind, Wanted};
use crate::ids::IdBook;
use crate::store::MemoryDocket;

/// The repository's own config, on 22 November 2026.
pub(crate) fn market() -> Market {
    market_of(Path::new("config"))
}

fn market_of(config: &Path) -> Market {
    let at = Moment { now: noon(), generation: 1 };
    compile(&load(config).unwrap(), &mut IdBook::default(), &at).unwrap().market
}

/// The repository's own config, with another text in the place of one of its own.
pub(crate) fn market_with(own: &str, other: &str) -> Market {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir("config").unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap().replace(own, other);
        std::fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    market_of(folder.path())
}

pub(crate) fn noon() -> UnixMillis {
    day("2026-11-22").starts_at().plus_ms(12 * 3_600_000)
}

pub(crate) fn day(text: &str) -> ShanghaiDay {
    ShanghaiDay::parse(text).unwrap()
}

pub(crate) const BY: By<'_> = By { actor: "reviewer", reason: "seen" };

fn decide(office: &Office<'_>, version: u32, to: CreativeState) -> Result<Moved, Refusal> {
    let subject = Submission { version, ..banner() }.subject();
    office.decide(&subject, &Verdict { to, reasons: &[], findings: None, files: None, seen: None }, &BY)
}

/// Submits a version and takes it to the queue.
fn pending(office: &Office<'_>, version: u32) {
    office.submit(&Submission { version, ..banner() }, Origin::Submitted, &BY).unwrap();
    decide(office, version, CreativeState::PendingReview).unwrap();
}

#[test]
fn r_review_the_same_version_again_is_the_same_and_other_content_is_refused() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let first = office.submit(&banner(), Origin::Submitted, &BY).unwrap();
    assert_eq!((first.became, first.state), (Became::Submitted, CreativeState::Checking));
    let again = office.submit(&banner(), Origin::Submitted, &BY).unwrap();
    assert_eq!((again.became, docket.last_step().unwrap()), (Became::Known, 1));
    let other = Submission { landing_page: "https://qinghe.example/other".to_owned(), ..banner() };
    assert!(matches!(office.submit(&other, Origin::Submitted, &BY), Err(Refusal::Taken(_))));
    let skipped = Submission { version: 3, ..banner() };
    assert!(office.submit(&skipped, Origin::Submitted, &BY).unwrap_err().to_string().contains("the next version is 2"));
    // R-OWN.
    let foreign = Submission { advertiser: "nobody".to_owned(), crid: "n".to_owned(), ..banner() };
    assert!(matches!(office.submit(&foreign, Origin::Submitted, &BY), Err(Refusal::Rule { rule: "R-OWN", .. })));
    let due = docket.due(SubjectKind::Creative, noon(), 9).unwrap();
    assert_eq!(due.len(), 1, "its checks are due at once");
}

#[test]
fn r_review_a_batch_is_judged_item_by_item_and_bounded() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let bad = Submission { crid: "b".to_owned(), markup: String::new(), ..banner() };
    let told = office.submit_all(&[bad, banner(), banner()], Origin::Submitted, &BY).unwrap();
    assert!(matches!(told[0], Err(Refusal::Malformed(_))));
    assert_eq!(told[1].as_ref().unwrap().became, Became::Submitted);
    assert_eq!(told[2].as_ref().unwrap().became, Became::Known);
    let long = vec![banner(); 101];
    assert!(matches!(office.submit_all(&long, Origin::Submitted, &BY), Err(Refusal::Malformed(_))));
    assert!(matches!(office.submit_all(&[], Origin::Submitted, &BY), Err(Refusal::Malformed(_))));
}

#[test]
fn r_review_a_buyers_creatives_wait_in_bounded_number() {
    let (docket, market) = (MemoryDocket::default(), market_with("waiting = 1000", "waiting = 2"));
    let office = Office { docket: &docket, market: &market, now: noon() };
    let named = |crid: &str| Submission { crid: crid.to_owned(), ..banner() };
    pending(&office, 1);
    let told = office.submit_all(&[named("a"), named("b")], Origin::Submitted, &BY).unwrap();
    assert!(told[0].is_ok());
    let Err(Refusal::TooMany { rule: "R-REVIEW", en, zh }) = &told[1] else { panic!("{told:?}") };
    assert!(en.contains("at most 2") && zh.contains("上限为 2"), "{en} {zh}");
    assert!(matches!(office.submit(&named("b"), Origin::Submitted, &BY), Err(Refusal::TooMany { .. })));
    // What is known is no other one, a draft waits for nobody, and another buyer has room of its own.
    assert_eq!(office.submit(&named("a"), Origin::Submitted, &BY).unwrap().became, Became::Known);
    assert!(office.draft(&named("b"), &BY).is_ok());
    let theirs = Submission { account: "80010002".into(), advertiser: "yunfan-auto".into(), ..banner() };
    assert!(office.submit(&theirs, Origin::Submitted, &BY).is_ok());
    decide(&office, 1, CreativeState::Approved).unwrap();
    assert_eq!(office.submit(&named("b"), Origin::Submitted, &BY).unwrap().became, Became::Submitted);
}

#[test]
fn r_review_an_approval_replaces_the_version_before_in_the_same_commit_and_tells_the_buyer() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    pending(&office, 1);
    decide(&office, 1, CreativeState::Approved).unwrap();
    pending(&office, 2);
    let state = |version| {
        let subject = Submission { version, ..banner() }.subject();
        office.creative(&subject).unwrap().1
    };
    assert_eq!([state(1), state(2)], [CreativeState::Approved, CreativeState::PendingReview], "the old one is live");
    let before = docket.last_step().unwrap();
    let moved = decide(&office, 2, CreativeState::Approved).unwrap();
    assert_eq!((moved.replaced, [state(1), state(2)]), (vec![1], [CreativeState::Expired, CreativeState::Approved]));
    assert_eq!(docket.last_step().unwrap() - before, 3, "both, and a message");
    let owner = Owner::Buyer(office.buyer("80010001").unwrap());
    let messages = office.messages(owner, true, (0, 9)).unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[1].1.zh.contains("已通过审核") && messages[1].1.en.contains("version 2 is approved"));
    office.read(owner, &messages[0].0.step.subject.name, &BY).unwrap();
    assert_eq!(office.messages(owner, true, (0, 9)).unwrap().len(), 1);
    let foreign = Owner::Buyer(BuyerId(2));
    assert!(office.read(foreign, &messages[1].0.step.subject.name, &BY).is_err(), "R-SECRET: not another's");
}

#[test]
fn r_refuse_what_the_checks_refuse_nobody_approves_and_what_was_seen_is_what_is_judged() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    office.submit(&banner(), Origin::Submitted, &BY).unwrap();
    let words = ("a foreign script", "外部脚本");
    let findings = [Finding::new("R-MALICE", "foreign-script", Weight::Refuse, ("adm:1:1", "x"), words)];
    let verdict = |to, seen| Verdict { to, reasons: &[], findings: Some(&findings), files: None, seen };
    let subject = banner().subject();
    assert!(matches!(
        office.decide(&subject, &verdict(CreativeState::PendingReview, Some(7)), &BY),
        Err(Refusal::Taken(_))
    ));
    office.decide(&subject, &verdict(CreativeState::PendingReview, Some(1)), &BY).unwrap();
    let refused = decide(&office, 1, CreativeState::Approved).unwrap_err();
    assert!(matches!(&refused, Refusal::Rule { rule: "R-REFUSE", zh, .. } if zh.contains("外部脚本")), "{refused}");
    let unknown = ["because".to_owned()];
    let verdict = Verdict { to: CreativeState::Rejected, reasons: &unknown, findings: None, files: None, seen: None };
    assert!(matches!(office.decide(&subject, &verdict, &BY), Err(Refusal::Malformed(_))), "reasons are of the list");
}

#[test]
fn r_landing_safe_a_suspended_version_is_resumed_and_a_second_suspension_keeps_the_first_reason() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    pending(&office, 1);
    let subject = banner().subject();
    assert!(office.suspend(&subject, &[], &BY).is_err(), "what is not approved is not offline");
    decide(&office, 1, CreativeState::Approved).unwrap();
    let (unsafe_page, changed) = (["landing-unsafe".to_owned()], ["landing-changed".to_owned()]);
    assert!(office.suspend(&subject, &unsafe_page, &BY).unwrap().changed);
    assert!(!office.suspend(&subject, &changed, &BY).unwrap().changed);
    assert_eq!(office.creative(&subject).unwrap().2.reasons, unsafe_page);
    assert!(office.resume(&subject, &["safe-again".to_owned()], &BY).unwrap().changed);
    assert_eq!(office.creative(&subject).unwrap().1, CreativeState::Approved);
}

pub(crate) fn registration() -> Registration {
    let text = r#"{"account":"80010001","advertiser":"baikang","name":"百康医疗器械有限公司","source":"百康","domains":["baikang.example"],
        "category":"IAB7","industries":["medical-devices"]}"#;
    serde_json::from_str(text).unwrap()
}

pub(crate) fn document(office: &Office<'_>, kind: &str, number: &str, days: (&str, Option<&str>)) -> Document {
    let sha256 = crate::compliance::digest_text(&office.docket.keep(b"%PDF-1.7", office.now).unwrap());
    Document {
        account: "80010001".to_owned(),
        advertiser: "baikang".to_owned(),
        number: number.to_owned(),
        kind: kind.to_owned(),
        issuer: "上海市市场监督管理局".to_owned(),
        valid_from: day(days.0),
        valid_until: days.1.map(day),
        files: vec![sha256],
    }
}

fn papers(office: &Office<'_>) -> Option<Papers> {
    Papers::of(office.docket, "80010001/baikang").unwrap()
}

pub(crate) fn verify(office: &Office<'_>, subject: &Subject) {
    office.judge_registration(subject, Standing::Verified, None, &BY).unwrap();
}

/// Registers and verifies an advertiser of medical devices with all that it needs; the approval of its ads ends on 30 November.
pub(crate) fn qualified(office: &Office<'_>) {
    verify(office, &office.register(&registration(), &BY).unwrap().subject);
    for (kind, number, until) in [
        ("business-licence", "91310000MA1K00000X", None),
        ("client-contract", "PMP-2026-17", Some("2027-06-30")),
        ("device-registration", "沪械注准20262070001", Some("2028-01-31")),
        ("device-ad-approval", "沪械广审(文)第261130-00123号", Some("2026-11-30")),
    ] {
        let it = document(office, kind, number, ("2026-01-01", until));
        verify(office, &office.register_document(&it, &BY).unwrap().subject);
    }
}

#[test]
fn r_qualify_each_needed_document_is_asked_for_and_the_shortest_decides() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let of = || office.qualification("80010001", "baikang").unwrap();
    assert_eq!(of().findings[0].code, "not-verified");
    qualified(&office);
    assert_eq!((of().until, of().findings), (Some(day("2026-11-30")), vec![]));
    let all = Papers::all(&docket).unwrap();
    let one = all["80010001/baikang"].as_ref().unwrap();
    assert_eq!((all.len(), Some(one), &one.registration), (1, papers(&office).as_ref(), &registration()));
    // Any of them taken away, and nothing is released.
    for kept in docket.list(SubjectKind::Document, &Wanted::default(), 0, 9).unwrap() {
        let other = MemoryDocket::default();
        let office = Office { docket: &other, ..office };
        qualified(&office);
        office.judge_registration(&kept.step.subject, Standing::Refused, None, &BY).unwrap();
        let judged = office.qualification("80010001", "baikang").unwrap();
        assert_eq!((judged.until, judged.findings.len()), (None, 1), "{}", kept.step.subject.name);
        assert_eq!(judged.findings[0].code, "document-missing");
        assert_eq!(
            judged.findings[0].rule == "R-SCOPE",
            kept.step.subject.name.ends_with("PMP-2026-17"),
            "the contract"
        );
    }
}

#[test]
fn r_qualify_expiry_comes_at_midnight_with_notice_before_and_a_renewal_bridges_it() {
    let (docket, market) = (MemoryDocket::default(), market());
    let at = |now| Office { docket: &docket, market: &market, now };
    qualified(&at(noon()));
    let owner = Owner::Buyer(at(noon()).buyer("80010001").unwrap());
    let told = |office: &Office<'_>| {
        let all = office.messages(owner, false, (0, 99)).unwrap();
        all.into_iter().filter(|(_, message)| message.zh.contains("将于")).count()
    };
    // 8 days are left: the notice of 30 days is past due at once, that of 7 comes tomorrow.
    let before = |date: &str| {
        let office = at(day(date).starts_at());
        while office.tend_documents(9).unwrap().seen > 0 {}
        told(&office)
    };
    assert_eq!([before("2026-11-23"), before("2026-11-23"), before("2026-11-29"), before("2026-11-29")], [1, 1, 2, 2]);
    let last = at(UnixMillis(day("2026-12-01").starts_at().0 - 1));
    last.tend_documents(9).unwrap();
    assert_eq!(last.qualification("80010001", "baikang").unwrap().until, Some(day("2026-11-30")));
    let after = at(day("2026-12-01").starts_at());
    let lapsed = after.qualification("80010001", "baikang").unwrap();
    assert_eq!((lapsed.until, &*lapsed.findings[0].code), (None, "document-expired"), "though nobody has looked yet");
    assert_eq!(after.tend_documents(9).unwrap().expired, 1);
    assert_eq!(after.tend_documents(9).unwrap().seen, 0);
    // The same with a renewal that begins on the day after.
    let docket = MemoryDocket::default();
    let office = Office { docket: &docket, market: &market, now: noon() };
    qualified(&office);
    let number = "沪械广审(文)第271130-00456号";
    let renewal = document(&office, "device-ad-approval", number, ("2026-12-01", Some("2027-11-30")));
    verify(&office, &office.register_document(&renewal, &BY).unwrap().subject);
    let bridged = office.qualification("80010001", "baikang").unwrap().until;
    assert_eq!(bridged, Some(day("2027-06-30")), "until the contract ends");
}

#[test]
fn r_qualify_a_number_that_cannot_be_is_refused_and_a_change_waits_for_its_verification() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    qualified(&office);
    let kind = "device-ad-approval";
    let refused = |number, days| {
        let it = document(&office, kind, number, days);
        office.register_document(&it, &BY).unwrap_err()
    };
    let rule = |refusal: Refusal| matches!(refusal, Refusal::Rule { rule: "R-QUALIFY", .. });
    assert!(rule(refused("沪药广审(文)第271130-00456号", ("2026-12-01", Some("2027-11-30")))), "a drug's");
    assert!(
        rule(refused("沪械广审(文)第271130-00456号", ("2026-12-01", Some("2027-12-31")))),
        "the number says otherwise"
    );
    assert!(rule(refused("沪械广审(文)第251130-00456号", ("2025-01-01", Some("2025-11-30")))), "over");
    let mut unknown = document(&office, "business-licence", "X", ("2026-01-01", None));
    unknown.files = vec!["0".repeat(64)];
    assert!(matches!(office.register_document(&unknown, &BY), Err(Refusal::Malformed(_))), "not uploaded");
    // R-IDLE: the registration in force stays until the change is verified.
    let changed = Registration { source: "百康器械".to_owned(), ..registration() };
    let entered = office.register(&changed, &BY).unwrap();
    assert_eq!((entered.subject.version, entered.entered), (2, true));
    assert!(!office.register(&changed, &BY).unwrap().entered);
    assert_eq!(office.registered("80010001", "baikang").unwrap().unwrap().source, "百康");
    verify(&office, &entered.subject);
    assert_eq!(office.registered("80010001", "baikang").unwrap().unwrap().source, "百康器械");
    // R-SCOPE.
    let tobacco = Registration { industries: vec!["tobacco".to_owned()], ..registration() };
    assert!(matches!(office.register(&tobacco, &BY), Err(Refusal::Rule { rule: "R-SCOPE", .. })));
}

#[test]
fn r_review_the_checks_decide_what_goes_to_people() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let odd = Submission { crid: "odd".to_owned(), landing_page: "https://elsewhere.example/".to_owned(), ..banner() };
    let app =
        Submission { crid: "app".to_owned(), landing_page: "https://qinghe.example/milk.apk".to_owned(), ..banner() };
    let tiny =
        Submission { crid: "tiny".to_owned(), sizes: vec![crate::market::supply::Size { w: 1, h: 1 }], ..banner() };
    for submission in [&banner(), &odd, &app, &tiny] {
        office.submit(submission, Origin::Submitted, &BY).unwrap();
    }
    let examined = office.tend_creatives(9, &[], &|_, _, _| None).unwrap();
    assert_eq!((examined.seen, examined.pending, examined.rejected), (4, 1, 3));
    let found = |submission: &Submission| -> Vec<String> {
        let (_, _, record) = office.creative(&submission.subject()).unwrap();
        record.findings.iter().map(|finding| format!("{} {}", finding.rule, finding.code)).collect()
    };
    assert_eq!(found(&banner()), Vec::<String>::new());
    assert_eq!(
        (found(&odd), found(&app)),
        (vec!["R-OWN foreign-domain".to_owned()], vec!["R-APP app-not-named".to_owned()])
    );
    assert_eq!(found(&tiny), ["R-REVIEW size-unknown"]);
    // What the checks say is told once, and not again as a person's words.
    let owner = Owner::Buyer(office.buyer("80010001").unwrap());
    let told = office.messages(owner, false, (0, 9)).unwrap();
    let about = |name: &str| told.iter().find(|(_, it)| it.about.contains(name)).unwrap().1.en.clone();
    assert!(about("tiny").contains("no placement shows a banner of this size"), "{}", about("tiny"));
    assert!(!about("tiny").contains("checks"), "{}", about("tiny"));
    assert_eq!(office.tend_creatives(9, &[], &|_, _, _| None).unwrap().seen, 0, "what is done is not due");
}

#[test]
fn what_cannot_be_read_is_told_by_name_and_holds_up_no_other() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    office.submit(&banner(), Origin::Submitted, &BY).unwrap();
    let mut step = docket.standing(&banner().subject()).unwrap().unwrap().step;
    step.subject.name = "80010001/newer".to_owned();
    step.body = r#"{"of":"a newer program"}"#.to_owned();
    step.due = Some(UnixMillis(1));
    docket.take(&[Taken { step: step.clone(), after: 0 }]).unwrap();
    step.subject = Subject { kind: SubjectKind::Document, name: "80010001/baikang/1".to_owned(), version: 1 };
    step.state = Standing::Verified.code();
    docket.take(&[Taken { step, after: 0 }]).unwrap();
    let examined = office.tend_creatives(9, &[], &|_, _, _| None).unwrap();
    assert_eq!((examined.pending, examined.unread.len()), (1, 1));
    assert!(examined.unread[0].to_string().contains("80010001/newer"), "{}", examined.unread[0]);
    assert_eq!(office.tend_creatives(9, &[], &|_, _, _| None).unwrap().seen, 0, "later");
    let tended = office.tend_documents(9).unwrap();
    assert!(tended.unread[0].to_string().contains("80010001/baikang/1"));
    assert_eq!(office.tend_documents(9).unwrap().seen, 0);
}

#[test]
fn r_app_an_ad_says_what_is_registered_of_its_app() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let text = r#"{"account":"80010001","advertiser":"qinghe-dairy","app":"com.qinghe.milk","name":"青禾送奶","version":"3.2.1",
        "developer":"青禾乳业有限公司","permissions":["定位"],"privacy_policy":"https://qinghe.example/privacy","functions":"订购鲜牛奶",
        "download":"https://qinghe.example/milk.apk"}"#;
    let app: App = serde_json::from_str(text).unwrap();
    let subject = office.register_app(&app, &BY).unwrap().subject;
    let with = |markup: &str| {
        let landing_page = "https://qinghe.example/milk.apk".to_owned();
        let app = Some("com.qinghe.milk".to_owned());
        Submission { landing_page, app, markup: markup.to_owned(), ..banner() }
    };
    let codes = |markup: &str| -> Vec<String> {
        let record = Record {
            submission: with(markup),
            origin: Origin::Submitted,
            findings: vec![],
            reasons: vec![],
            named: Vec::new(),
        };
        let found = office.examine(&record, &[]).unwrap();
        found.into_iter().map(|it| format!("{} {}", it.code, it.found)).collect()
    };
    let whole = "<p>广告 青禾送奶 3.2.1 青禾乳业有限公司 定位 https://qinghe.example/privacy 订购 鲜牛奶</p>";
    assert_eq!(codes(whole), ["app-not-registered com.qinghe.milk"], "nobody has confirmed it");
    verify(&office, &subject);
    assert_eq!(codes(whole), Vec::<String>::new());
    assert_eq!(codes(&whole.replace("3.2.1", "3.2.0")), ["app-element 3.2.1"]);
}

#[test]
fn r_review_spot_checks_are_drawn_once_a_day_by_their_seed_and_a_failed_one_is_taken_offline() {
    let market = market();
    let drawn = |seed: u64| {
        let docket = MemoryDocket::default();
        let office = Office { docket: &docket, market: &market, now: noon() };
        for number in 0..150 {
            let it = Submission { crid: format!("milk-{number}"), ..banner() };
            office.submit(&it, Origin::Submitted, &BY).unwrap();
            for to in [CreativeState::PendingReview, CreativeState::Approved] {
                office
                    .decide(&it.subject(), &Verdict { to, reasons: &[], findings: None, files: None, seen: None }, &BY)
                    .unwrap();
            }
        }
        let draw = office.draw(|| seed).unwrap().unwrap();
        assert_eq!((draw.approved, draw.drawn), (150, 2));
        assert_eq!(office.draw(|| panic!("twice a day")).unwrap(), None);
        let checks = office.spot_checks(crate::compliance::sample::SpotState::Open, (0, 9)).unwrap();
        let names: Vec<_> = checks.iter().map(|(_, check)| check.creative.clone()).collect();
        let number = &checks[0].0.step.subject.name;
        assert!(matches!(office.decide_spot_check(number, false, &[], &BY), Err(Refusal::Malformed(_))));
        let (check, moved) = office.decide_spot_check(number, false, &["spot-check".to_owned()], &BY).unwrap();
        assert_eq!(moved.unwrap().state, CreativeState::Suspended);
        let subject = Subject { kind: SubjectKind::Creative, name: check.creative, version: check.version };
        assert_eq!(office.creative(&subject).unwrap().1, CreativeState::Suspended);
        assert!(matches!(office.decide_spot_check(number, true, &[], &BY), Err(Refusal::Taken(_))));
        names
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[derive(Clone, Debug)]
enum Deed {
    Submit { version: u32, content: u8, draft: bool },
    Decide { version: u32, to: CreativeState },
}

fn deed() -> impl Strategy<Value = Deed> {
    let submit = (1..5_u32, 0..2_u8, any::<bool>());
    let decide = (1..5_u32, prop::sample::select(CreativeState::ALL.to_vec()));
    prop_oneof![
        1 => submit.prop_map(|(version, content, draft)| Deed::Submit { version, content, draft }),
        2 => decide.prop_map(|(version, to)| Deed::Decide { version, to }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// R-REVIEW: whatever is done in whatever order, at most one version is approved or suspended, contents never change after submission, and
    /// the docket is as the model.
    #[test]
    fn r_review_the_docket_is_as_the_model(deeds in prop::collection::vec(deed(), 1..40)) {
        let (docket, market) = (MemoryDocket::default(), MARKET.with(std::rc::Rc::clone));
        let office = Office { docket: &docket, market: &market, now: noon() };
        let mut model = BTreeMap::<u32, (u8, CreativeState)>::new();
        for deed in deeds {
            match deed {
                Deed::Submit { version, content, draft } => {
                    let brand = Some(format!("brand {content}"));
                    let submission = Submission { version, offer: crate::compliance::creative::Offer { brand, ..Default::default() }, ..banner() };
                    let done = if draft { office.draft(&submission, &BY) } else { office.submit(&submission, Origin::Submitted, &BY) };
                    let to = if draft { CreativeState::Draft } else { CreativeState::Checking };
                    let last = model.keys().last().copied().unwrap_or(0);
                    let expected = match model.get(&version) {
                        None if version == last + 1 => true,
                        None => false,
                        Some((_, CreativeState::Draft)) => true,
                        Some((known, _)) => *known == content,
                    };
                    prop_assert_eq!(done.is_ok(), expected, "{:?}", done);
                    if expected && model.get(&version).is_none_or(|(_, state)| *state == CreativeState::Draft) {
                        model.insert(version, (content, to));
                    }
                }
                Deed::Decide { version, to } => {
                    let done = decide(&office, version, to);
                    let from = model.get(&version).map(|(_, state)| *state);
                    let newer = |it: (&u32, &(u8, CreativeState))| {
                        *it.0 > version && matches!(it.1.1, CreativeState::Approved | CreativeState::Suspended)
                    };
                    let blocked = to == CreativeState::Approved && model.iter().any(newer);
                    let expected = from.is_some_and(|from| from == to || may_follow(Some(from), to) && !blocked);
                    prop_assert_eq!(done.is_ok(), expected, "{:?} {:?}", from, done);
                    if expected && from != Some(to) {
                        if to == CreativeState::Approved {
                            let older = model.range_mut(..version).filter(|(_, (_, state))| *state != CreativeState::Rejected);
                            older.for_each(|(_, (_, state))| *state = CreativeState::Expired);
                        }
                        model.get_mut(&version).unwrap().1 = to;
                    }
                }
            }
            let kept = docket.versions(SubjectKind::Creative, "80010001/milk-9").unwrap();
            let is: Vec<_> = kept.iter().map(|kept| (kept.step.subject.version, state_of(kept).unwrap())).collect();
            let should: Vec<_> = model.iter().map(|(version, (_, state))| (*version, *state)).collect();
            prop_assert_eq!(&is, &should);
            let live = is.iter().filter(|(_, state)| *state == CreativeState::Approved).count();
            prop_assert!(live <= 1);
        }
    }
}

thread_local! {
    static MARKET: std::rc::Rc<Market> = std::rc::Rc::new(market());
}
