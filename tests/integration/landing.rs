//! Landing pages of a running node: from the page that changes to the bid that stops, the money that it costs and the words that its buyer reads.

mod guard;
mod pictures;
mod site;

use std::time::Duration;

use pmpx::clock::{Chance, Clock, UnixMillis};
use pmpx::compliance::creative::{Offer, Origin, Record as Creative, Submission};
use pmpx::compliance::digest_of;
use pmpx::compliance::landing::{self, Deed, PageState, Record, Standpoint, Stop, Use, Verdict, Watched};
use pmpx::compliance::office::{By, Office};
use pmpx::event::{Docket, KeptStep, Owner, Step, Subject, SubjectKind, Taken, Wanted};
use pmpx::ids::BuyerId;
use pmpx::market::demand::CreativeState;
use pmpx::market::supply::{Format, Size};
use pmpx::store::SqliteDocket;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, moment, parsed, splash};
use crate::process::Process;
use site::Site;

const ACCOUNT: &str = "80010001";
const ADVERTISER: &str = "qinghe-dairy";
/// The only creative of the example that fits the splash screen's programmatic direct buy.
const CRID: &str = "milk-open-1";
const PDB: &str = "PDB-2026-SPRING-OPEN";
const BY: By<'_> = By { actor: "li.wei", reason: "seen on a telephone" };

/// A page whose price is told; a time, a session and a nonce vary with each answer.
fn milk(price: &str) -> String {
    format!(
        "<!doctype html><title>青禾鲜牛奶</title><h1>青禾 鲜牛奶</h1><p>每箱 {price}元</p><p>2026-11-22 12:00:{{n}}</p>\
         <a href=\"/buy?sid=8f14e45fceea167a5a36dedd4bea25{{n}}\">买</a><script nonce=\"q1w2e3r4{{n}}\">var t = 1;</script>"
    )
}

/// What lets a node look at the pages of a server of this machine, soon and often.
fn crawling(site: &Site) -> Value {
    json!({"landing.toml": {
        "crawl": true,
        "rates": {"gap": "0s"},
        "reach": {"plain_ports": [site.port()], "plain": [format!("{ACCOUNT}/{ADVERTISER}")], "internal": ["127.0.0.1"]},
        "host": [{"name": "qinghe.example", "address": "127.0.0.1"}],
        "watch": {"longest": "1s", "shortest": "1s", "confirm": "100ms"},
    }})
}

fn submission(version: u32, url: &str) -> Submission {
    Submission {
        account: ACCOUNT.into(),
        advertiser: ADVERTISER.into(),
        crid: CRID.into(),
        version,
        format: Format::Banner,
        sizes: vec![Size { w: 1080, h: 1920 }],
        duration_s: None,
        categories: Vec::new(),
        attributes: Vec::new(),
        landing_page: url.to_owned(),
        markup: "<a href=\"__CLICK_URL__\"><img src=\"https://cdn.qinghe.example/1.jpg\"></a>".into(),
        files: Vec::new(),
        monitors: Default::default(),
        app: None,
        offer: Offer { brand: Some("青禾".into()), product: None, terms: vec!["9.9元".into()] },
        display_from_ms: None,
        display_until_ms: None,
    }
}

/// A step of a creative, as a reviewer's process takes it.
fn decide(docket: &SqliteDocket, owner: Owner, (version, url): (u32, &str), state: CreativeState) {
    let submission = submission(version, url);
    let subject = submission.subject();
    let record = Creative {
        submission,
        origin: Origin::Submitted,
        findings: Vec::new(),
        reasons: Vec::new(),
        named: Vec::new(),
    };
    step(docket, owner, subject, (state.code(), serde_json::to_string(&record).unwrap()), false);
}

fn step(docket: &SqliteDocket, owner: Owner, subject: Subject, of: (u16, String), is_due: bool) {
    let after = docket.standing(&subject).unwrap().map_or(0, |it| it.seq);
    docket.take(&[Taken { step: step_of(owner, subject, of, is_due), after }]).unwrap();
}

fn step_of(owner: Owner, subject: Subject, (state, body): (u16, String), is_due: bool) -> Step {
    let due = is_due.then_some(UnixMillis(0));
    let (actor, reason) = ("reviewer".to_owned(), String::new());
    Step { subject, owner, state, due, at: moment(NOON), actor, reason, body }
}

fn buyer(pmpx: &Pmpx) -> BuyerId {
    pmpx.exchange().market.load().buyers.iter().find(|it| it.account == ACCOUNT).unwrap().id
}

fn page(pmpx: &Pmpx, url: &str) -> Option<Watched> {
    Watched::of(&**pmpx.docket(), &landing::subject(ACCOUNT, ADVERTISER, url)).unwrap()
}

/// Waits until a page stands so, with nothing owed.
fn until(pmpx: &Pmpx, url: &str, what: &str, is_so: impl Fn(PageState, &Record) -> bool) -> Watched {
    pmpx.wait_until(what, || {
        page(pmpx, url).is_some_and(|it| it.record.owed.is_empty() && is_so(it.state, &it.record))
    });
    page(pmpx, url).unwrap()
}

/// Waits until the hot plane sees the creative so.
fn served(pmpx: &Pmpx, state: CreativeState) {
    pmpx.wait_until("the verdict is served", || {
        let market = pmpx.exchange().market.load_full();
        market.creative(buyer(pmpx), CRID).is_some_and(|it| market.creative_state(it) == state)
    });
}

fn wins(pmpx: &Pmpx) -> bool {
    let answer = pmpx.auction("sunrise", &splash());
    answer.status == 200 && bids(&answer)[0]["dealid"] == PDB
}

fn violations(pmpx: &Pmpx) -> Vec<Value> {
    let (status, told) = pmpx.control(&format!("/api/v1/buyers/{ACCOUNT}/breaches"), None);
    assert_eq!(status, 200, "{told}");
    told["violations"].as_array().unwrap().clone()
}

/// What the buyer was told of a page.
fn told(pmpx: &Pmpx) -> Vec<KeptStep> {
    let wanted = Wanted { state: None, owner: Some(Owner::Buyer(buyer(pmpx))) };
    let all = pmpx.docket().list(SubjectKind::Message, &wanted, 0, 1_000).unwrap();
    all.into_iter().filter(|kept| kept.step.subject.name.contains("/page/")).collect()
}

fn text(pmpx: &Pmpx, sha256: &str) -> String {
    let bytes = pmpx.docket().document(&digest_of(sha256).unwrap()).unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

fn confirm(pmpx: &Pmpx, url: &str, verdict: Verdict) {
    let market = pmpx.exchange().market.load_full();
    let office = Office { docket: &**pmpx.docket(), market: &market, now: pmpx.exchange().clock.now() };
    office.confirm_page(&landing::subject(ACCOUNT, ADVERTISER, url), verdict, None, &BY).unwrap();
}

/// R-LANDING-MATCH, R-LANDING-FROZEN, R-DAMAGE-CHANGE: the whole story of a page that changes four times.
#[test]
fn r_damage_change_a_changed_page_stops_its_creatives_and_the_fourth_ends_the_cooperation() {
    let site = Site::start(&milk("9.90"));
    let url = site.url("/spring");
    let pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &crawling(&site));
    let owner = Owner::Buyer(buyer(&pmpx));
    decide(pmpx.docket(), owner, (1, &url), CreativeState::PendingReview);
    let seen = until(&pmpx, &url, "it is there for the reviewer", |state, it| {
        state == PageState::Awaited && it.frozen.len() == 3 && !it.matches.is_empty()
    });
    assert_eq!((seen.record.matches[0].score, seen.record.matches[0].reasons.len()), (100, 2), "brand and price");
    decide(pmpx.docket(), owner, (1, &url), CreativeState::Approved);
    let frozen = until(&pmpx, &url, "it is frozen", |state, it| state == PageState::Watched && it.since_ms.is_some());
    assert!(text(&pmpx, &frozen.record.frozen[0].sha256).contains("9.90元"));
    assert!(wins(&pmpx));
    // What varies by itself is no change, as often as it is looked at.
    let asked = site.asked();
    pmpx.wait_until("it was looked at again", || site.asked() >= asked + 9);
    let still = page(&pmpx, &url).unwrap();
    assert_eq!((still.state, &still.record.frozen), (PageState::Watched, &frozen.record.frozen));
    assert_eq!((violations(&pmpx).len(), told(&pmpx).len(), wins(&pmpx)), (0, 0, true));

    let mut before = "9.90".to_owned();
    for round in 1..=4 {
        let price = format!("{round}9.90");
        site.put(&milk(&price));
        let stopped = until(&pmpx, &url, "it is stopped", |state, _| state == PageState::Changed);
        served(&pmpx, CreativeState::Suspended);
        let stop = stopped.record.stop.unwrap();
        assert!(stop.found.iter().any(|it| it.contains(&before) && it.contains(&price)), "{:?}", stop.found);
        let both = [&stop.before[0], &stop.after[0]].map(|sight| text(&pmpx, &sight.sha256));
        assert!(both[0].contains(&format!(" {before}元")) && both[1].contains(&format!(" {price}元")), "{both:?}");
        let entered = violations(&pmpx);
        assert_eq!((entered.len(), told(&pmpx).len()), (round, round), "one of each");
        let newest = entered.last().unwrap();
        assert_eq!((&newest["rule"], &newest["charged"]["step"]), (&json!("R-DAMAGE-CHANGE"), &json!(round)));
        assert_eq!(newest["evidence"]["sha256"], stop.after[0].sha256.as_str());
        assert_eq!(stop.entered, [newest["reference"].as_str().unwrap()]);
        assert!(!wins(&pmpx), "nothing is served of it");
        if round < 4 {
            confirm(&pmpx, &url, Verdict::Confirmed);
            served(&pmpx, CreativeState::Approved);
            until(&pmpx, &url, "it is held to the new one", |state, it| {
                state == PageState::Watched && it.since_ms.is_some()
            });
            assert!(wins(&pmpx), "resumed by a person");
        }
        before = price;
    }
    let (_, breaches) = pmpx.control(&format!("/api/v1/buyers/{ACCOUNT}/breaches"), None);
    assert_eq!(breaches["ended_for_good"], "2026-11-22");
    assert!(pmpx.exchange().market.load().buyer_is_suspended(buyer(&pmpx)), "by the rule that stops its delivery");
    // Its creatives go: nobody looks at the page any more.
    decide(pmpx.docket(), owner, (1, &url), CreativeState::Expired);
    until(&pmpx, &url, "it is retired", |state, _| state == PageState::Retired);
}

/// R-LANDING-SAFE: infected pages are suspended until a person confirms; what is not delivered meanwhile is the buyer's cause, and no violation.
#[test]
fn r_landing_safe_an_infected_page_stays_off_until_a_person_confirms_and_is_the_buyers_cause() {
    let site = Site::start(&milk("9.90"));
    let url = site.url("/spring");
    let pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &json!({}));
    let owner = Owner::Buyer(buyer(&pmpx));
    decide(pmpx.docket(), owner, (1, &url), CreativeState::Approved);
    served(&pmpx, CreativeState::Approved);
    // The switch and the list are a reload's; before it nothing is asked.
    assert_eq!((site.asked(), page(&pmpx, &url)), (0, None));
    std::fs::write(pmpx.config().join("ours.list"), "evil.example\n").unwrap();
    pmpx.edit(&crawling(&site));
    pmpx.edit(&json!({"landing.toml": {"malware": {"blocklists": ["ours.list"]}}}));
    pmpx.reload();
    until(&pmpx, &url, "it is watched", |state, it| state == PageState::Watched && it.since_ms.is_some());
    site.put(&(milk("9.90") + "<script src=\"https://cdn.evil.example/x.js\"></script>"));
    let stopped = until(&pmpx, &url, "it is stopped", |state, _| state == PageState::Infected);
    assert!(stopped.record.stop.unwrap().found[0].contains("evil.example"));
    served(&pmpx, CreativeState::Suspended);
    assert!(!wins(&pmpx));
    let events = pmpx.events();
    assert_eq!(events[PDB]["no_creative"], 1, "R-MAKEGOOD: withheld for a cause of the buyer");
    assert_eq!(pmpx::event::Cause::NoCreative.party(), pmpx::event::Party::Buyer);
    assert_eq!(events[PDB]["withheld"], 1, "counts as offered: it stays payable");
    // Clean again: only a person resumes.
    site.put(&milk("9.90"));
    let asked = site.asked();
    pmpx.wait_until("it was looked at again", || site.asked() >= asked + 9);
    assert_eq!(page(&pmpx, &url).unwrap().state, PageState::Infected);
    assert!(!wins(&pmpx));
    confirm(&pmpx, &url, Verdict::Confirmed);
    served(&pmpx, CreativeState::Approved);
    until(&pmpx, &url, "it is watched", |state, it| state == PageState::Watched && it.stop.is_none());
    assert!(wins(&pmpx));
    assert_eq!((violations(&pmpx), told(&pmpx).len()), (vec![], 1), "no breach, and the buyer was told");
}

/// A verdict with all that follows from it, of which nothing is noted as done.
fn verdict(docket: &SqliteDocket, url: &str, at_ms: u64) -> Record {
    let sha256 = pmpx::compliance::digest_text(&docket.keep("<p>另一页</p>".as_bytes(), moment(NOON)).unwrap());
    let sight = landing::Sight {
        agent: pmpx::compliance::crawl::Agent::Mobile,
        at_ms,
        route: vec![url.to_owned()],
        content_type: "text/html".into(),
        sha256,
        also: Vec::new(),
    };
    let stop = Stop {
        state: PageState::Changed,
        at_ms,
        before: Vec::new(),
        after: vec![sight],
        found: vec!["mobile: text: \"9.9元\" became \"99元\"".into()],
        entered: Vec::new(),
    };
    let lead = Use { crid: CRID.into(), version: 1, standing: Standpoint::Approved, from_ms: None };
    let owed = vec![Deed::Suspend, Deed::Violation, Deed::Tell];
    Record { uses: vec![lead], stop: Some(stop), owed, ..Record::new(ACCOUNT, ADVERTISER, url) }
}

/// Takes a verdict's step, as a process does that is killed before it has noted that anything of it is done.
fn take(docket: &SqliteDocket, owner: Owner, record: &Record) {
    let body = serde_json::to_string(record).unwrap();
    step(docket, owner, record.subject(), (PageState::Changed.code(), body), true);
}

/// What follows from a verdict is done by the next process, once, wherever the one before ended: before any of it, in between, or after all of it.
#[test]
fn r_damage_change_what_is_owed_of_a_verdict_is_done_once_wherever_a_process_ends() {
    const URL: &str = "https://qinghe.example/spring";
    let at_ms = moment(NOON).0;
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let owner = Owner::Buyer(buyer(&pmpx));
    let creative = submission(1, URL).subject();
    decide(pmpx.docket(), owner, (1, URL), CreativeState::Approved);
    for (round, count, suspensions) in [("nothing was done", 1, 1), ("half of it was", 2, 2), ("all of it was", 2, 2)] {
        if round == "half of it was" {
            // Another verdict, of which its creatives are suspended and its buyer is told, but nothing is in the books.
            decide(pmpx.docket(), owner, (1, URL), CreativeState::Approved);
            served(&pmpx, CreativeState::Approved);
            let market = pmpx.exchange().market.load_full();
            let office = Office { docket: &**pmpx.docket(), market: &market, now: moment(NOON) };
            let record = verdict(pmpx.docket(), URL, at_ms - 1);
            landing::suspend(&office, PageState::Changed, &record).unwrap();
            landing::tell(&office, PageState::Changed, &record).unwrap();
        }
        pmpx.stop();
        let docket = SqliteDocket::open(pmpx.data(), moment(NOON)).unwrap();
        take(&docket, owner, &verdict(&docket, URL, if count == 1 { at_ms } else { at_ms - 1 }));
        drop(docket);
        // Pages are not even looked at by this config: what is owed is done all the same.
        pmpx.restart(&json!({}));
        let after = until(&pmpx, URL, "it is done", |state, it| {
            state == PageState::Changed && !it.stop.as_ref().unwrap().entered.is_empty()
        });
        served(&pmpx, CreativeState::Suspended);
        let entered = violations(&pmpx);
        assert_eq!((entered.len(), told(&pmpx).len()), (count, count), "{round}");
        assert_eq!(after.record.stop.unwrap().entered, [entered.last().unwrap()["reference"].as_str().unwrap()]);
        let steps = pmpx.docket().history(&creative, u64::MAX, 99).unwrap();
        let suspended = steps.iter().filter(|kept| kept.step.state == CreativeState::Suspended.code()).count();
        assert_eq!(suspended, suspensions, "{round}: suspended once");
    }
}

/// R-DAMAGE-CONTENT: only where a person finds it unlawful, beside what the change costs, and once.
#[test]
fn r_damage_content_is_entered_where_a_person_finds_the_new_page_unlawful() {
    const URL: &str = "https://qinghe.example/spring";
    let pmpx = Pmpx::start(NOON, &json!({}));
    let owner = Owner::Buyer(buyer(&pmpx));
    decide(pmpx.docket(), owner, (1, URL), CreativeState::Approved);
    take(pmpx.docket(), owner, &verdict(pmpx.docket(), URL, moment(NOON).0));
    let is_done = |_: PageState, it: &Record| !it.stop.as_ref().unwrap().entered.is_empty();
    until(&pmpx, URL, "it is done", is_done);
    assert_eq!(violations(&pmpx).len(), 1);
    for _ in 0..2 {
        confirm(&pmpx, URL, Verdict::Unlawful);
        until(&pmpx, URL, "it is entered", |state, it| {
            state == PageState::Changed && it.stop.as_ref().unwrap().entered.len() == 2
        });
        let rules: Vec<_> = violations(&pmpx).iter().map(|it| it["rule"].as_str().unwrap().to_owned()).collect();
        assert_eq!((rules, told(&pmpx).len()), (vec!["R-DAMAGE-CHANGE".to_owned(), "R-DAMAGE-CONTENT".to_owned()], 2));
    }
}

/// R-DAMAGE-CHANGE, through kill -9 of the real binary at any moment around a verdict: each change of the page is one violation and one message.
#[test]
fn r_damage_change_kill_9_around_a_verdict_loses_nothing_and_doubles_nothing() {
    let site = Site::start(&milk("9.90"));
    let url = site.url("/spring");
    let mut process = Process::start(&crawling(&site), &["--log", "warn"]);
    let place = process.store().parent().unwrap().to_owned();
    let docket = SqliteDocket::open(&process.store(), Clock::system().now()).unwrap();
    let creative = submission(1, &url).subject();
    let subject = landing::subject(ACCOUNT, ADVERTISER, &url);
    let known = || Watched::of(&docket, &subject).unwrap();
    let state_of = |subject: &Subject| docket.standing(subject).unwrap().unwrap().step.state;
    let settled = |process: &Process, what: &str, is_so: &dyn Fn(&Watched) -> bool| {
        process.until(what, async || known().is_some_and(|it| it.record.owed.is_empty() && is_so(&it)));
    };
    decide(&docket, Owner::Exchange, (1, &url), CreativeState::Approved);
    let held = |it: &Watched| it.state == PageState::Watched && it.record.since_ms.is_some();
    settled(&process, "it is held", &held);
    let mut chance = Chance::unpredictable();
    let (_kept, never) = std::sync::mpsc::channel::<()>();
    for round in 1..=3 {
        site.put(&milk(&format!("{round}9.90")));
        for _ in 0..3 {
            let _ = never.recv_timeout(Duration::from_millis(u64::from(chance.below(1_200))));
            process.kill();
            process.start_again_in(&place);
        }
        settled(&process, "what follows is done", &|it| it.state == PageState::Changed);
        assert_eq!(state_of(&creative), CreativeState::Suspended.code());
        // The crawler takes steps too: it notes what became of the creative.
        process.until("a person confirms", async || {
            let page = known().unwrap();
            let standing = landing::decided(page.state, &page.record, Verdict::Confirmed).unwrap();
            let body = serde_json::to_string(&standing.record).unwrap();
            let of = (standing.state.code(), body);
            docket.take(&[Taken { step: step_of(page.owner, subject.clone(), of, true), after: page.seq }]).is_ok()
        });
        settled(&process, "it is held to the new page", &held);
        assert_eq!(state_of(&creative), CreativeState::Approved.code());
    }
    let breaches: Value = parsed(&process.control(&format!("/api/v1/buyers/{ACCOUNT}/breaches")));
    let steps: Vec<_> =
        breaches["violations"].as_array().unwrap().iter().map(|it| it["charged"]["step"].clone()).collect();
    assert_eq!(steps, [json!(1), json!(2), json!(3)], "{}", process.log());
    let messages = docket.list(SubjectKind::Message, &Wanted::default(), 0, 1_000).unwrap();
    let of_page = messages.iter().filter(|kept| kept.step.subject.name.contains("/page/")).count();
    let history = docket.history(&creative, u64::MAX, 1_000).unwrap();
    let suspended = history.iter().filter(|kept| kept.step.state == CreativeState::Suspended.code()).count();
    assert_eq!((of_page, suspended), (3, 3));
}
