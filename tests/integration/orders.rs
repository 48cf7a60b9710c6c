//! R-ORDER, R-COMMIT: a confirmed version reaches the market by itself, at midnight and at every process, and what is served, set aside, closed and
//! stated of a day are one. R-TERM: what the end of a cooperation does to accounts by itself.

use std::time::Duration;

use loadtest::dsp::{Script, Temper};
use pmpx::clock::{Clock, ShanghaiDay};
use pmpx::event::{Books, ClosedDay, FactKind, KeptCommitment};
use pmpx::exchange::Exchange;
use pmpx::ids::BuyerId;
use pmpx::settlement::office::{Submission, enter};
use pmpx::store::SqliteStore;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, bids, moment, splash, start_node};

const DEAL: &str = "PDB-2026-SPRING-OPEN";

fn day(text: &str) -> ShanghaiDay {
    ShanghaiDay::parse(text).unwrap()
}

/// A million impressions a day at ¥61, push ratio 1.
fn order() -> Value {
    json!({
        "number": "O-1", "version": 1, "buyer": "80010001", "contract": "PMP-2026-0001", "signed": "2026-11-20",
        "lines": [{
            "deal": DEAL, "method": "PDB", "from": "2026-01-01", "until": "2027-12-31", "cpm": "61.00", "push_ratio": "1", "daily": 1_000_000,
            "differs": ["price", "volume", "push-ratio"],
        }],
    })
}

fn post(pmpx: &Pmpx, kind: &str, reference: &str, record: &Value) {
    let body = json!({"reference": reference, "record": record});
    let (status, answer) = pmpx.control(&format!("/api/v1/finance/{kind}"), Some(&body));
    assert_eq!(status, 201, "{answer}");
}

fn price(exchange: &Exchange, on: &str) -> Option<String> {
    let market = exchange.market.load_full();
    market.served_on(market.deal_named(DEAL).unwrap(), day(on)).map(|deal| deal.price.to_string())
}

/// The offer of the deal that the DSP was sent last: its floor, and whether it must bid.
fn offered(pmpx: &Pmpx) -> Option<(Value, Value)> {
    let seen = pmpx.dsp("aurora").seen().pop()?;
    let request: Value = serde_json::from_slice(&seen.body).unwrap();
    let deals = request["imp"][0]["pmp"]["deals"].as_array()?.clone();
    let own = deals.into_iter().find(|deal| deal["id"] == DEAL)?;
    Some((own["bidfloor"].clone(), own["guar"].clone()))
}

/// Wins and bills an impression of the deal; what it cost the buyer, in micro-yuan.
fn bought(pmpx: &Pmpx) -> i64 {
    let before = pmpx.journal().len();
    let bid = bids(&pmpx.auction("sunrise", &splash())).remove(0);
    assert_eq!(bid["dealid"], DEAL);
    assert_eq!(pmpx.get(bid["burl"].as_str().unwrap()).status, 200);
    pmpx.wait_until("it is written", || pmpx.journal().len() > before);
    pmpx.journal().last().unwrap().amount.0
}

fn committed(pmpx: &Pmpx, on: &str) -> Vec<KeptCommitment> {
    let market = pmpx.exchange().market.load_full();
    let deal = market.deal_named(DEAL).unwrap().id;
    let mut all = pmpx.books().commitments(day(on), day(on)).unwrap();
    all.retain(|kept| kept.deal == deal);
    all
}

/// The ordered volume and the price of a day, in yuan per mille, as they were set aside.
fn set_aside(pmpx: &Pmpx, on: &str) -> Option<(u64, String)> {
    let kept = committed(pmpx, on).pop()?;
    kept.terms.map(|terms| (terms.ordered, terms.price.to_string()))
}

#[test]
fn r_order_a_version_is_served_set_aside_closed_and_stated_from_midnight_on_and_a_cancelled_one_no_more() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.dsp("aurora").set_script(Script::always(Temper::Bid));
    let clock = Clock::manual(moment(NOON));
    let second = start_node(pmpx.config(), pmpx.data(), &clock, Some(2));
    post(&pmpx, "order", "o1", &order());
    let confirmation = json!({"buyer": "80010001", "number": "O-1", "version": 1, "day": "2026-11-22"});
    post(&pmpx, "order-confirmation", "c1", &confirmation);
    assert_eq!(price(pmpx.exchange(), "2026-11-23").as_deref(), Some("¥61.00 CPM"), "when it is answered");
    pmpx.wait_until("the other process knows it", || {
        price(second.exchange(), "2026-11-23").as_deref() == Some("¥61.00 CPM")
    });

    // The day has begun: it is served as it was set aside.
    assert_eq!(bought(&pmpx), 60_000);
    assert_eq!(offered(&pmpx), Some((json!(60), Value::Null)));
    pmpx.set_clock("2026-11-22T23:59:59+08:00");
    assert_eq!(bought(&pmpx), 60_000);
    assert_eq!(set_aside(&pmpx, "2026-11-22"), Some((2_000_000, "¥60.00 CPM".to_owned())));
    assert_eq!(set_aside(&pmpx, "2026-11-23"), None);

    // Midnight: the day is set aside by the order before anything of it is served.
    pmpx.set_clock("2026-11-23T00:00:00+08:00");
    assert_eq!(set_aside(&pmpx, "2026-11-23"), Some((1_000_000, "¥61.00 CPM".to_owned())));
    pmpx.set_clock("2026-11-23T12:00:00+08:00");
    assert_eq!((bought(&pmpx), bought(&pmpx)), (61_000, 61_000));
    assert_eq!(offered(&pmpx), Some((json!(61), json!(1))), "what DSPs are sent, with a push ratio of 1");
    let (_, page) = pmpx.control(&format!("/api/v1/deals/{DEAL}"), None);
    assert_eq!(page["terms"], json!({"by": "order", "order": "O-1", "version": 1}));
    assert_eq!((&page["price"]["cpm"], &page["progress"]["ordered"]), (&json!("61.00"), &json!(1_000_000)));

    // A reload and a restart keep it.
    pmpx.edit(&json!({"deals.toml": {"deal": {"id=PD-2026-DAIRY-FEED": {"cpm": "25.00"}}}}));
    pmpx.reload();
    assert_eq!(bought(&pmpx), 61_000);

    // Cancelled by a command beside the running nodes, from the 24th on.
    let market = pmpx.exchange().market.load_full();
    let store = SqliteStore::open_for_entry(pmpx.data(), moment("2026-11-23T12:00:00+08:00")).unwrap();
    let gone = json!({"buyer": "80010001", "number": "O-1", "from": "2026-11-24", "reason": "the campaign is over"})
        .to_string();
    let submission =
        Submission { kind: FactKind::OrderCancellation, reference: "x1", actor: "finance", body: gone.as_bytes() };
    enter(&submission, &market, &store, moment("2026-11-23T12:00:00+08:00")).unwrap();
    drop(store);
    for exchange in [pmpx.exchange(), second.exchange()] {
        pmpx.wait_until("the cancellation is known", || price(exchange, "2026-11-24").is_none());
        assert_eq!(price(exchange, "2026-11-23").as_deref(), Some("¥61.00 CPM"), "what has begun is served");
    }
    assert_eq!(bought(&pmpx), 61_000);
    second.stop(Duration::ZERO);
    pmpx.set_clock("2026-11-24T12:00:00+08:00");
    let bid = bids(&pmpx.auction("sunrise", &splash())).remove(0);
    assert_ne!(bid["dealid"], DEAL);
    assert_eq!(pmpx.events()[DEAL]["not_ordered"], 1, "every opportunity ends under a cause");
    assert_eq!(committed(&pmpx, "2026-11-24"), []);

    // Closed by what was set aside, one day after the other; what is owed of the last day goes back.
    pmpx.set_clock("2026-11-26T12:00:00+08:00");
    let deal = pmpx.exchange().market.load().deal_named(DEAL).unwrap().id;
    let closed = |pmpx: &Pmpx| -> Vec<ClosedDay> {
        pmpx.books().closings_of(BuyerId(0), Some(deal), day("2026-11-01"), day("2026-11-30")).unwrap()
    };
    pmpx.wait_until("both days are closed", || closed(&pmpx).len() == 2);
    let days = closed(&pmpx);
    let of = |closed: &ClosedDay| (closed.closing.ordered, closed.closing.price.to_string(), closed.closing.delivered);
    assert_eq!(of(&days[0]), (2_000_000, "¥60.00 CPM".to_owned(), 2));
    assert_eq!(of(&days[1]), (1_000_000, "¥61.00 CPM".to_owned(), 4));
    assert_eq!((days[1].closing.made_good_on, days[1].kept.0), (None, 0));
    let (_, month) = pmpx.control("/api/v1/buyers/80010001/month", None);
    let lines: Vec<_> = month["deals"].as_array().unwrap().iter().filter(|line| line["deal"] == DEAL).collect();
    let by_order = lines.iter().find(|line| line["price"]["cpm"] == "61.00").unwrap();
    assert_eq!(
        (&by_order["ordered"], &by_order["delivered"], &by_order["order"]),
        (&json!(1_000_000), &json!(4), &json!("O-1"))
    );
    // What the exchange failed to offer is not charged.
    assert_eq!((days[1].closing.by_buyer, &by_order["consumption"]["amount"]), (0, &json!("0.244")));
    pmpx.settle();
}

#[test]
fn r_term_nothing_comes_in_after_the_cooperation_and_the_leading_node_closes_the_accounts_after_the_extension() {
    let terms = |reference: &str| {
        let cooperation = json!({"from": "2026-01-01", "until": "2026-11-22"});
        let opening = json!({"amount": "2000000.00", "reference": reference});
        json!({"buyers.toml": {"buyer": {"account=80010003": {"cooperation": cooperation, "opening_balance": opening}}}})
    };
    let mut pmpx = Pmpx::start(NOON, &terms("bank-2026-0003"));
    pmpx.set_clock("2026-11-23T12:00:00+08:00");
    pmpx.restart(&json!({}));
    // What was booked in time stays right; another one is a top-up after the cooperation.
    pmpx.edit(&terms("bank-2026-0009"));
    let (status, answer) = pmpx.control("/api/v1/reload", Some(&json!({"reason": "a test"})));
    assert!(
        status != 200 && answer.to_string().contains("R-TERM: the cooperation ended on 2026-11-22"),
        "{status} {answer}"
    );
    pmpx.edit(&terms("bank-2026-0003"));
    let closed = |pmpx: &Pmpx| {
        let facts = pmpx.books().facts(0, 99).unwrap();
        facts
            .into_iter()
            .filter(|kept| kept.fact.kind == FactKind::AccountClosing)
            .map(|kept| kept.fact.actor)
            .collect::<Vec<_>>()
    };
    pmpx.set_clock("2027-02-22T12:00:00+08:00");
    pmpx.restart(&json!({}));
    pmpx.wait_until("it leads", || pmpx.store().leads());
    assert_eq!(closed(&pmpx), Vec::<String>::new(), "the last of three months");
    pmpx.set_clock("2027-02-23T12:00:00+08:00");
    pmpx.restart(&json!({}));
    pmpx.wait_until("the accounts are closed", || closed(&pmpx) == ["exchange"]);
    pmpx.restart(&json!({}));
    pmpx.wait_until("it leads", || pmpx.store().leads());
    assert_eq!(closed(&pmpx).len(), 1, "once");
    pmpx.settle();
}
