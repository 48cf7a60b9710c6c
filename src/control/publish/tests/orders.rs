//! Orders over markets, as they are entered here and at other processes.

use serde_json::{Value, json};

use super::*;
use crate::event::{Entered, Fact, FactKind, Ledger};
use crate::ids::BuyerId;
use crate::settlement::office::{self, Submission};

const DEAL: &str = "PDB-2026-SPRING-OPEN";

fn enter(bench: &Bench, kind: FactKind, reference: &str, body: &Value) {
    let body = body.to_string();
    let submission = Submission { kind, reference, actor: "finance", body: body.as_bytes() };
    let market = bench.publisher.exchange().market.load_full();
    office::enter(&submission, &market, &bench.store, bench.publisher.exchange().clock.now()).unwrap();
}

/// Orders the deal at ¥61, and confirms it at noon on the 22nd.
fn order(bench: &Bench) {
    let order = json!({
        "number": "O-1", "version": 1, "buyer": "80010001", "contract": "PMP-2026-0001", "signed": "2026-11-20",
        "lines": [{
            "deal": DEAL, "method": "PDB", "from": "2026-01-01", "until": "2027-12-31", "cpm": "61.00", "push_ratio": "1.3",
            "daily": 2_000_000, "differs": ["price"],
        }],
    });
    enter(bench, FactKind::Order, "o1", &order);
    enter(
        bench,
        FactKind::OrderConfirmation,
        "c1",
        &json!({"buyer": "80010001", "number": "O-1", "version": 1, "day": "2026-11-22"}),
    );
}

fn price(publisher: &Publisher, on: &str) -> Option<String> {
    let market = publisher.exchange().market.load();
    let deal = market.served_on(market.deal_named(DEAL).unwrap(), ShanghaiDay::parse(on).unwrap());
    deal.map(|deal| deal.price.to_string())
}

#[test]
fn r_order_what_is_confirmed_is_laid_over_every_market_at_every_process() {
    let mut bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    order(&bench);
    let prices = |publisher: &Publisher| ["2026-11-22", "2026-11-23"].map(|on| price(publisher, on).unwrap());
    let [old, new] = ["¥60.00 CPM", "¥61.00 CPM"].map(str::to_owned);
    for publisher in [&bench.publisher, &other] {
        assert_eq!(prices(publisher), [old.clone(), old.clone()]);
        let before = publisher.exchange().market.load_full();
        publisher.follow_orders(2).unwrap();
        assert_eq!(prices(publisher), [old.clone(), new.clone()]);
        assert!(publisher.exchange().market.load().shares(&before), "the catalog is the same");
        assert_eq!(prices_of(&before), [old.clone(), old.clone()], "a request keeps its snapshot");
        let laid = publisher.exchange().market.load_full();
        publisher.follow_orders(2).unwrap();
        assert!(Arc::ptr_eq(&laid, &publisher.exchange().market.load_full()), "no news, no market");
    }
    let remarks = bench.publisher.standing().warnings;
    assert!(remarks[0].message.contains("deals.toml says another price; the order is served"), "{remarks:?}");

    // It outlives a kill switch, a reload, what another process publishes, a rollback and a restart.
    let last = |bench: &Bench| prices(&bench.publisher);
    bench.publisher.switch(IdKind::Dsp, "basalt", true, "a test", "").unwrap();
    assert_eq!(last(&bench)[1], new);
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    assert_eq!(bench.reload().unwrap().generation, 2);
    assert_eq!((last(&bench)[1].as_str(), bench.price("PD-2026-DAIRY-FEED").as_str()), (new.as_str(), "¥25.00 CPM"));
    other.follow();
    assert_eq!((other.exchange().market.load().generation, prices(&other)[1].as_str()), (2, new.as_str()));
    bench.publisher.rollback(1, &By::trigger(Trigger::Api)).unwrap();
    assert_eq!(last(&bench)[1], new);
    bench.restart(false).unwrap();
    assert_eq!(last(&bench), [old, new]);

    // Cancelled in mid-period: it ends with the day before, and a kill switch is no part of that.
    let until = json!({"buyer": "80010001", "number": "O-1", "from": "2026-11-25", "reason": "the campaign is over"});
    enter(&bench, FactKind::OrderCancellation, "x1", &until);
    bench.publisher.follow_orders(3).unwrap();
    let days = ["2026-11-24", "2026-11-25"].map(|on| price(&bench.publisher, on).is_some());
    assert_eq!(days, [true, false]);
}

fn prices_of(market: &Market) -> [String; 2] {
    let deal = market.deal_named(DEAL).unwrap();
    ["2026-11-22", "2026-11-23"].map(|on| market.on_day(deal, ShanghaiDay::parse(on).unwrap()).price.to_string())
}

#[test]
fn a_record_that_is_not_understood_leaves_the_last_good_orders_serving_and_is_told() {
    let mut bench = Bench::new();
    order(&bench);
    bench.publisher.follow_orders(2).unwrap();
    let fact = Fact {
        kind: FactKind::OrderCancellation,
        reference: "x1".to_owned(),
        buyer: Some(BuyerId(0)),
        day: ShanghaiDay::parse("2026-11-25").unwrap(),
        at: noon(),
        actor: "a newer program".to_owned(),
        body: "{\"until\":\"2026-11-25\"}".to_owned(),
    };
    bench.store.enter(Entered { fact, transactions: vec![], changes: vec![], after: 2 }).unwrap();
    let error = bench.publisher.follow_orders(3).unwrap_err();
    assert!(error.to_string().contains("record 3, order-cancellation x1, is not understood"), "{error}");
    assert_eq!(price(&bench.publisher, "2026-11-25").as_deref(), Some("¥61.00 CPM"));
    let remarks = bench.publisher.standing().warnings;
    assert!(remarks[0].message.contains("are not followed") && remarks[0].message.contains("record 3"), "{remarks:?}");
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert_eq!(price(&bench.publisher, "2026-11-25").as_deref(), Some("¥61.00 CPM"), "a reload keeps them too");
    let refused = bench.restart(false).unwrap_err().to_string();
    assert!(refused.contains("record 3"), "nothing is served by half of the orders: {refused}");
}
