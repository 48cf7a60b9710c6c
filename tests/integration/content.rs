//! What reviews decide, from the docket to the bid and the beacon.

use loadtest::dsp::Temper;
use pmpx::auction::BidRejection;
use pmpx::clock::UnixMillis;
use pmpx::compliance::creative::{Origin, Record, Submission};
use pmpx::event::{Cause, Docket, Measure, Owner, Step, Subject, SubjectKind, Taken};
use pmpx::exchange::Exchange;
use pmpx::ids::BuyerId;
use pmpx::market::Market;
use pmpx::market::demand::CreativeState;
use pmpx::market::supply::{Format, Size};
use serde_json::{Value, json};

use crate::company::Second;
use crate::harness::{NOON, Pmpx, bids, moment, top};
use crate::partners::{get, put};

const CRID: &str = "paopao-banner-1";

/// A version of the banner that DSPs bid with in the example.
fn submission(version: u32) -> Submission {
    Submission {
        account: "80010003".into(),
        advertiser: "paopao-games".into(),
        crid: CRID.into(),
        version,
        format: Format::Banner,
        sizes: vec![Size { w: 728, h: 90 }],
        duration_s: None,
        categories: Vec::new(),
        attributes: Vec::new(),
        landing_page: format!("https://paopao.example/{version}"),
        markup: "<a href=\"__CLICK_URL__\"><img src=\"https://cdn.paopao.example/1.jpg\"></a>".into(),
        files: Vec::new(),
        monitors: Default::default(),
        app: None,
        offer: Default::default(),
        display_from_ms: None,
        display_until_ms: None,
    }
}

/// Takes a step in the docket, as another process would: the exchange finds it there.
fn decide(pmpx: &Pmpx, version: u32, state: CreativeState) {
    take(pmpx, submission(version), state);
}

fn take(pmpx: &Pmpx, submission: Submission, state: CreativeState) {
    let subject = submission.subject();
    let after = pmpx.docket().standing(&subject).unwrap().map_or(0, |it| it.seq);
    let record =
        Record { submission, origin: Origin::Submitted, findings: Vec::new(), reasons: Vec::new(), named: Vec::new() };
    let step = Step {
        subject,
        owner: Owner::Buyer(BuyerId(0)),
        state: state.code(),
        due: None,
        at: moment(NOON),
        actor: "reviewer".into(),
        reason: String::new(),
        body: serde_json::to_string(&record).unwrap(),
    };
    pmpx.docket().take(&[Taken { step, after }]).unwrap();
}

/// A second banner of the same buyer, approved in no category of its own.
fn approve_another(pmpx: &Pmpx) {
    let first = submission(1);
    let submission = Submission { crid: "paopao-banner-2".into(), ..first };
    take(pmpx, submission, CreativeState::Approved);
}

/// Waits until a version stands in a state, as the hot plane sees it.
fn until(pmpx: &Pmpx, version: u16, state: CreativeState) {
    pmpx.wait_until("the verdict is served", || {
        let market = pmpx.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        let it = market.creative(buyer, CRID).unwrap();
        (it.version.0, market.creative_state(it)) == (version, state)
    });
}

fn only_paopao() -> Pmpx {
    let pmpx = Pmpx::start(NOON, &json!({"deals.toml": {"deal": {"id=PD-2026-X7-TOP": {"state": "paused"}}}}));
    pmpx.script("basalt", Temper::Pass);
    pmpx
}

fn won(pmpx: &Pmpx) -> Value {
    bids(&pmpx.auction("citypages", &top())).remove(0)
}

fn bill(pmpx: &Pmpx, bid: &Value) -> u16 {
    pmpx.get(bid["burl"].as_str().unwrap()).status.as_u16()
}

/// R-REVIEW, R-REFUSE: a suspension in the docket stops bids, and what was won and not displayed is void; what was displayed stays billed.
#[test]
fn r_refuse_a_suspension_in_the_docket_reaches_bids_and_beacons() {
    let mut pmpx = only_paopao();
    let (shown, kept) = (won(&pmpx), won(&pmpx));
    assert_eq!(bill(&pmpx, &shown), 200);
    decide(&pmpx, 2, CreativeState::Suspended);
    until(&pmpx, 2, CreativeState::Suspended);
    assert_eq!((bill(&pmpx, &kept), bill(&pmpx, &kept)), (410, 410));
    assert_eq!(bill(&pmpx, &shown), 200, "it is billed already");
    let answer = pmpx.auction("citypages", &top());
    assert_eq!(
        (answer.status.as_u16(), pmpx.events()["PD-2026-PAOPAO"]["no_creative"]),
        (204, 1),
        "R-MAKEGOOD: the buyer's cause"
    );
    decide(&pmpx, 2, CreativeState::Approved);
    until(&pmpx, 2, CreativeState::Approved);
    assert_eq!(bill(&pmpx, &won(&pmpx)), 200);
    assert_eq!(pmpx.settle().posted_micro_yuan, 124_000, "two displays");
}

/// R-REFUSE: a version that was suspended is void though a newer one runs.
#[test]
fn r_refuse_a_suspended_version_is_void_though_a_newer_one_runs() {
    let pmpx = only_paopao();
    decide(&pmpx, 2, CreativeState::Approved);
    until(&pmpx, 2, CreativeState::Approved);
    let (first, second) = (won(&pmpx), won(&pmpx));
    decide(&pmpx, 3, CreativeState::Approved);
    until(&pmpx, 3, CreativeState::Approved);
    let newer = won(&pmpx);
    assert_eq!(bill(&pmpx, &first), 200, "what was replaced was rightly won");
    decide(&pmpx, 2, CreativeState::Suspended);
    pmpx.wait_until("the old version is stopped", || {
        let market = pmpx.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        market.is_stopped(market.creative(buyer, CRID).unwrap().id, pmpx::ids::CreativeVersion(2))
    });
    assert_eq!((bill(&pmpx, &second), bill(&pmpx, &newer)), (410, 200));
}

/// R-REVIEW: what is approved is shown from the first moment of its display period to the last, and not beside it.
#[test]
fn r_review_a_creative_is_accepted_within_its_display_period_only() {
    let pmpx = only_paopao();
    let period = [30, 90].map(|second| Some(moment(NOON).0 + second * 1_000));
    let shown = Submission { display_from_ms: period[0], display_until_ms: period[1], ..submission(2) };
    take(&pmpx, shown, CreativeState::Approved);
    until(&pmpx, 2, CreativeState::Approved);
    let status = |now: &str| {
        pmpx.set_clock(&format!("2026-11-22T{now}+08:00"));
        pmpx.auction("citypages", &top()).status.as_u16()
    };
    let told = ["12:00:29", "12:00:30", "12:01:29", "12:01:30"].map(status);
    assert_eq!(told, [204, 200, 200, 204]);
}

/// What is approved and what is suspended is known before a restarted node serves.
#[test]
fn r_review_verdicts_outlive_a_restart() {
    let mut pmpx = only_paopao();
    decide(&pmpx, 2, CreativeState::Suspended);
    until(&pmpx, 2, CreativeState::Suspended);
    pmpx.restart(&json!({}));
    assert_eq!(pmpx.auction("citypages", &top()).status, 204);
    assert_eq!(pmpx.control("/api/v1/market", None).1["warnings"], json!([]));
}

/// Rejected bids of `comet` for a reason, and how often its deal was not offered for a cause, since a node started.
fn counted(exchange: &Exchange, reason: BidRejection, cause: Cause) -> (u64, u64) {
    let market = exchange.market.load_full();
    let dsp = market.dsps.iter().find(|it| it.wire == "comet").unwrap().id;
    let place = BidRejection::ALL.iter().position(|it| *it == reason).unwrap();
    let rejected = exchange.metrics.dsps.get(dsp).unwrap().rejected[place].get();
    let deal = market.deal_named("PD-2026-PAOPAO").unwrap().id;
    let causes = exchange.attribution.since_start(deal).filter(|(measure, _)| *measure == Measure::Cause(cause));
    (rejected, causes.map(|(_, count)| count).sum())
}

/// R-CATEGORY: what a media prohibits over the partner API is neither offered nor accepted there, at once and on every node, and may be taken back.
#[test]
fn r_category_what_a_media_prohibits_itself_is_neither_accepted_nor_offered_on_any_node() {
    let pmpx = only_paopao();
    let second = Second::beside(&pmpx);
    let run_of_net = Submission { categories: vec!["IAB9-30".into()], ..submission(2) };
    take(&pmpx, run_of_net, CreativeState::Approved);
    approve_another(&pmpx);
    let media = "media-citypages.demo-citypages-partner-secret";
    let mut after = 0;
    let mut prohibit = |categories: Value| {
        let body = json!({ "after": after, "prohibitions": { "categories": categories }, "reason": "a test" });
        let (status, told) = put(&pmpx, media, "/prohibitions", &body);
        assert_eq!((status, &told["changed"]), (200, &json!(true)), "{told}");
        after = told["seq"].as_u64().unwrap();
    };
    let answers = || [pmpx.auction("citypages", &top()).status, second.auction("citypages", &top()).status];
    let nodes = [&**pmpx.exchange(), &**second.node.exchange()];
    let counts = || nodes.map(|node| counted(node, BidRejection::CategoryProhibited, Cause::Prohibited));
    let everywhere = |what: &str, is: &dyn Fn(&Market) -> bool| {
        pmpx.wait_until(what, || nodes.iter().all(|node| is(&node.market.load())));
    };
    let says = |market: &Market, categories: &[&str]| {
        let media = market.media.iter().find(|it| it.wire == "citypages").unwrap();
        market.prohibited(media)[1].categories == categories
    };
    let banners = |market: &Market| market.all_creatives().filter(|it| it.crid().starts_with("paopao-banner-")).count();
    everywhere("both creatives are served", &|market| banners(market) == 2);
    assert_eq!(answers(), [200, 200]);

    // The deal has another creative: it is offered, and the bid with this one is refused.
    prohibit(json!(["IAB9-30"]));
    everywhere("the category is prohibited", &|market| says(market, &["IAB9-30"]));
    assert_eq!((answers(), counts()), ([204.try_into().unwrap(); 2], [(1, 0); 2]));

    // The advertiser's own category: nothing of it may run, so that the deal is not offered.
    prohibit(json!(["IAB9"]));
    everywhere("its parent is prohibited", &|market| says(market, &["IAB9"]));
    assert_eq!((answers(), counts()), ([204.try_into().unwrap(); 2], [(1, 1); 2]));

    prohibit(json!([]));
    everywhere("nothing is prohibited", &|market| says(market, &[]));
    assert_eq!(answers(), [200, 200]);
    second.node.stop(std::time::Duration::ZERO);
}

/// R-CATEGORY: an ad that says a word that a media prohibits is neither accepted nor offered there, on any node; one that is approved later neither.
#[test]
fn r_category_an_ad_that_says_a_prohibited_word_is_neither_accepted_nor_offered_on_any_node() {
    let pmpx = only_paopao();
    let second = Second::beside(&pmpx);
    let saying = |submission: Submission, text: &str| Submission {
        markup: format!("<a href=\"__CLICK_URL__\"><img src=\"https://cdn.paopao.example/1.jpg\" alt=\"{text}\"></a>"),
        ..submission
    };
    take(&pmpx, saying(submission(2), "Ad · 開 心 消消乐"), CreativeState::Approved);
    approve_another(&pmpx);
    let media = "media-citypages.demo-citypages-partner-secret";
    let prohibit = |after: u64, words: Value| {
        let body = json!({ "after": after, "prohibitions": { "words": words }, "reason": "a test" });
        put(&pmpx, media, "/prohibitions", &body).1["seq"].as_u64().unwrap()
    };
    let answers = || [pmpx.auction("citypages", &top()).status, second.auction("citypages", &top()).status];
    let nodes = [&**pmpx.exchange(), &**second.node.exchange()];
    let counts = || nodes.map(|node| counted(node, BidRejection::WordProhibited, Cause::Prohibited));
    let everywhere = |what: &str, is: &dyn Fn(&Market) -> bool| {
        pmpx.wait_until(what, || nodes.iter().all(|node| is(&node.market.load())));
    };
    let barred = |market: &Market, crid: &str| {
        let media = market.media.iter().find(|it| it.wire == "citypages").unwrap();
        let creative = market.all_creatives().find(|it| it.crid() == crid).map(|it| it.id);
        creative.and_then(|id| Some(market.barred(media)?.has(id)))
    };
    everywhere("both creatives are served", &|market| {
        market.all_creatives().filter(|it| it.crid().starts_with("paopao-banner-")).count() == 2
    });
    assert_eq!(answers(), [200, 200]);

    // The deal has another creative, which says nothing of it: it is offered, and the bid with this one is refused.
    let first = prohibit(0, json!(["开心"]));
    everywhere("the words are looked for", &|market| {
        barred(market, CRID) == Some(true) && barred(market, "paopao-banner-2") == Some(false)
    });
    assert_eq!((answers(), counts()), ([204.try_into().unwrap(); 2], [(1, 0); 2]));

    // The next version of the other one says it too: nothing may run, and the deal is not offered.
    let next = Submission { crid: "paopao-banner-2".into(), ..submission(2) };
    take(&pmpx, saying(next, "开心每一天"), CreativeState::Approved);
    everywhere("the other one says it", &|market| barred(market, "paopao-banner-2") == Some(true));
    assert_eq!((answers(), counts()), ([204.try_into().unwrap(); 2], [(1, 1); 2]));

    prohibit(first, json!([]));
    everywhere("no word is prohibited", &|market| barred(market, CRID).is_none());
    assert_eq!(answers(), [200, 200]);
    second.node.stop(std::time::Duration::ZERO);
}

/// R-IDLE: the deals of an account that nobody used for long are not offered, for the buyer's reason, until a person has verified it.
#[test]
fn r_idle_an_unused_account_does_not_trade_until_it_is_verified() {
    let pmpx = only_paopao();
    let subject = Subject { kind: SubjectKind::Account, name: "80010003".into(), version: 0 };
    pmpx.wait_until("the node has noted it", || pmpx.docket().standing(&subject).unwrap().is_some());
    assert_eq!(pmpx.auction("citypages", &top()).status, 200);
    let kept = pmpx.docket().standing(&subject).unwrap().unwrap();
    let long_ago = Step { at: UnixMillis(kept.step.at.0 - 181 * 86_400_000), ..kept.step };
    pmpx.docket().take(&[Taken { step: long_ago, after: kept.seq }]).unwrap();
    let is_idle = || {
        let market = pmpx.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == "80010003").unwrap().id;
        market.buyer_is_idle(buyer, moment(NOON).shanghai_day())
    };
    pmpx.wait_until("it is idle", is_idle);
    assert_eq!(get(&pmpx, "buyer-80010003.demo-80010003-partner-secret", "/me").1["state"], "idle");
    assert_eq!(pmpx.auction("citypages", &top()).status, 204);
    assert_eq!(pmpx.events()["PD-2026-PAOPAO"]["buyer_suspended"], 1);
    let (status, told) =
        pmpx.control("/api/v1/reviews/accounts/80010003/verify", Some(&json!({ "reason": "the licence was seen" })));
    assert_eq!((status, &told["idle"]), (200, &json!(false)), "{told}");
    pmpx.wait_until("it trades again", || !is_idle());
    assert_eq!(pmpx.auction("citypages", &top()).status, 200);
}
