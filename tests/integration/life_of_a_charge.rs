//! A charge from the bid to the ledger: exactly once, over restarts, suspensions and many connections at once.

use loadtest::dsp::Temper;
use pmpx::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, moment, parsed, splash, top};

/// Wins an impression of a media and gives its billing URL.
pub(crate) fn won(pmpx: &Pmpx, media: &str, body: &Value) -> String {
    let answer = pmpx.auction(media, body);
    bids(&answer)[0]["burl"].as_str().unwrap().to_owned()
}

/// Status and body of a billing notice.
pub(crate) fn billed(pmpx: &Pmpx, url: &str) -> (u16, Value) {
    let answer = pmpx.get(url);
    (answer.status.as_u16(), parsed(&answer))
}

pub(crate) fn yes() -> (u16, Value) {
    (200, json!({"billable": true}))
}

#[test]
fn r_settle_what_was_displayed_is_what_buyers_pay() {
    let mut pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &json!({}));
    let mut urls = Vec::new();
    for _ in 0..5 {
        urls.push(won(&pmpx, "sunrise", &splash()));
    }
    pmpx.script("basalt", Temper::Pass);
    for _ in 0..3 {
        urls.push(won(&pmpx, "citypages", &top()));
    }
    let displayed = [&urls[..4], &urls[5..]].concat();
    for url in &displayed {
        assert_eq!(billed(&pmpx, url), yes());
        assert_eq!(billed(&pmpx, url), yes(), "a second notice is answered like the first");
    }
    assert_eq!(pmpx.get(&urls[4].replace("/n/bill/", "/n/win/")).status, 403, "a bill's token is no win's");
    let journal = pmpx.journal();
    // Four PDB impressions at ¥60 CPM and three PD impressions at ¥62 CPM; the media earn 85 %.
    let sum = 4 * 60_000 + 3 * 62_000;
    assert_eq!(journal.len(), 7);
    assert_eq!(journal.iter().map(|row| row.amount.0).sum::<i64>(), sum);
    assert_eq!(journal.iter().map(|row| row.earned.0).sum::<i64>(), sum * 85 / 100);
    let metered = pmpx.exchange().metrics.billed_micro_yuan.iter().map(|counter| counter.get()).collect::<Vec<_>>();
    assert_eq!(metered, [240_000, 0, 186_000], "PDB, BPG, PD");
    let proof = pmpx.settle();
    assert_eq!((proof.charges, proof.posted_micro_yuan, proof.ledger_micro_yuan), (7, sum, sum));
}

#[test]
fn one_display_told_over_many_connections_is_one_charge() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    for _ in 0..3 {
        let url = won(&pmpx, "sunrise", &splash());
        for answer in pmpx.get_at_once(&url, 32) {
            assert_eq!((answer.status.as_u16(), parsed(&answer)), yes());
        }
    }
    assert_eq!(pmpx.events()["PDB-2026-SPRING-OPEN"]["billed"], 3);
    assert_eq!(pmpx.settle().posted_micro_yuan, 180_000);
}

#[test]
fn a_token_outlives_its_node() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let (told_before, told_after) = (won(&pmpx, "sunrise", &splash()), won(&pmpx, "sunrise", &splash()));
    assert_eq!(billed(&pmpx, &told_before), yes());
    pmpx.restart(&json!({}));
    assert_eq!(billed(&pmpx, &told_before), yes());
    assert_eq!(billed(&pmpx, &told_after), yes());
    assert_eq!(pmpx.journal().len(), 2, "the first was posted before");
    assert_eq!(pmpx.settle().posted_micro_yuan, 120_000);
}

#[test]
fn r_push_a_restart_does_not_forget_what_was_offered_today() {
    let edits = json!({"deals.toml": {"deal": {"id=PDB-2026-SPRING-OPEN": {"daily_volume": 1, "push_ratio": "1"}}}});
    let mut pmpx = Pmpx::start(NOON, &edits);
    won(&pmpx, "sunrise", &splash());
    pmpx.restart(&json!({}));
    let answer = pmpx.auction("sunrise", &splash());
    assert_eq!(bids(&answer)[0]["dealid"], "PD-2026-PAOPAO", "the day's one offer was made before the restart");
    assert_eq!(pmpx.events()["PDB-2026-SPRING-OPEN"]["ahead_of_plan"], 1);
}

#[test]
fn r_review_what_was_suspended_since_it_won_is_void() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("basalt", Temper::Pass);
    let urls: Vec<_> = (0..3).map(|_| won(&pmpx, "citypages", &top())).collect();
    assert_eq!(billed(&pmpx, &urls[0]), yes());
    let suspended = json!({"creatives.toml": {"creative": {"crid=paopao-banner-1": {"state": "suspended"}}}});
    // Published while it runs, and again after a restart.
    pmpx.edit(&suspended);
    pmpx.reload();
    let void = |pmpx: &Pmpx, url: &str| {
        let (status, body) = billed(pmpx, url);
        assert_eq!((status, body["error"]["code"].as_str()), (410, Some("void")));
    };
    void(&pmpx, &urls[1]);
    void(&pmpx, &urls[1]);
    pmpx.restart(&json!({}));
    void(&pmpx, &urls[2]);
    assert_eq!(billed(&pmpx, &urls[0]), yes(), "what was posted stays posted");
    let resolutions: Vec<_> = pmpx.journal().iter().map(|row| row.resolution).collect();
    assert_eq!(resolutions, [0, 1, 1], "one posted, two void for the creative");
    // What was void once stays void when the creative comes back.
    pmpx.restart(&json!({"creatives.toml": {"creative": {"crid=paopao-banner-1": {"state": "approved"}}}}));
    void(&pmpx, &urls[2]);
    let proof = pmpx.settle();
    assert_eq!((proof.charges, proof.posted_micro_yuan), (3, 62_000));
}

#[test]
fn a_deal_that_was_suspended_since_it_won_is_void_and_a_paused_one_is_paid() {
    for (state, answered, reason, posted) in [("suspended", 410, 2, 0), ("paused", 200, 0, 62_000)] {
        let mut pmpx = Pmpx::start(NOON, &json!({}));
        pmpx.script("basalt", Temper::Pass);
        let url = won(&pmpx, "citypages", &top());
        pmpx.edit(&json!({"deals.toml": {"deal": {"id=PD-2026-PAOPAO": {"state": state}}}}));
        pmpx.reload();
        assert_eq!(billed(&pmpx, &url).0, answered, "{state}");
        assert_eq!(pmpx.journal().iter().map(|row| row.resolution).collect::<Vec<_>>(), [reason], "{state}");
        assert_eq!(pmpx.settle().posted_micro_yuan, posted, "{state}");
    }
}

#[test]
fn a_token_dies_at_the_end_of_its_life_and_not_before() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let (in_time, late) = (won(&pmpx, "sunrise", &splash()), won(&pmpx, "sunrise", &splash()));
    pmpx.set_clock("2026-11-22T13:00:00+08:00");
    assert_eq!(billed(&pmpx, &in_time), yes(), "its life is an hour");
    pmpx.set_clock("2026-11-22T13:00:01+08:00");
    let (status, body) = billed(&pmpx, &late);
    assert_eq!((status, body["error"]["code"].as_str()), (410, Some("expired")));
    assert_eq!(pmpx.settle().charges, 1);
}

#[test]
fn r_month_a_display_counts_on_the_day_of_its_auction() {
    let mut pmpx = Pmpx::start("2026-11-30T23:59:59+08:00", &json!({}));
    let url = won(&pmpx, "sunrise", &splash());
    pmpx.set_clock("2026-12-01T00:30:00+08:00");
    assert_eq!(billed(&pmpx, &url), yes());
    assert_eq!(pmpx.journal()[0].day().to_string(), "2026-11-30");
    assert_eq!(pmpx.settle().posted_micro_yuan, 60_000);
}

#[test]
fn a_forged_token_is_refused_and_leaves_no_trace() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let url = won(&pmpx, "sunrise", &splash());
    let (path, token) = url.rsplit_once('/').unwrap();
    for place in 0..token.len() {
        let mut letters = token.as_bytes().to_vec();
        letters[place] = if letters[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(letters).unwrap();
        let (status, body) = billed(&pmpx, &format!("{path}/{forged}"));
        assert_eq!((status, body["error"]["code"].as_str()), (403, Some("bad_token")), "letter {place}");
    }
    let other = Pmpx::start(NOON, &json!({}));
    assert_eq!(billed(&pmpx, &won(&other, "sunrise", &splash())).0, 403, "another exchange's token");
    assert_eq!(pmpx.journal().len(), 0);
    assert_eq!(billed(&pmpx, &url), yes());
    assert_eq!(pmpx.settle().charges, 1);
}

#[test]
fn r_prepay_a_balance_never_goes_below_zero() {
    // ¥1.00 pays for 16 impressions of ¥0.062.
    let balance = json!({"amount": "1.00", "reference": "one"});
    let edits = json!({"buyers.toml": {"buyer": {"account=80010003": {"opening_balance": balance}}}});
    let mut pmpx = Pmpx::start(NOON, &edits);
    pmpx.script("basalt", Temper::Pass);
    let mut displayed = 0;
    for round in 0..24 {
        if round == 10 {
            // A restart books the opening balance no second time, and what is under lease is not free.
            pmpx.restart(&json!({}));
        }
        let answer = pmpx.auction("citypages", &top());
        if answer.status == 200 {
            assert_eq!(billed(&pmpx, bids(&answer)[0]["burl"].as_str().unwrap()), yes());
            displayed += 1;
        }
    }
    assert_eq!(displayed, 16);
    let proof = pmpx.settle();
    assert_eq!(proof.posted_micro_yuan, 16 * 62_000);
}
