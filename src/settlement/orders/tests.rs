use serde_json::{Value, json};

use super::*;
use crate::event::{AccountKind, Entered, Fact};
use crate::ids::DealId;
use crate::market::deal::DealState;
use crate::market::supply::Formats;
use crate::market::{ExchangeTerms, ImpFacts, Market, Parts};
use crate::settlement::breaches::Breaches;
use crate::settlement::suite::desk::{BUYER, Desk, day, on_both, yuan};

fn line(deal: &str, method: &str, daily: Option<u64>, push: &str) -> Value {
    let mut line = json!({
        "deal": deal, "method": method, "from": "2026-11-01", "until": "2026-12-31", "cpm": "60.00", "push_ratio": push,
    });
    if let Some(daily) = daily {
        line["daily"] = json!(daily);
    }
    line
}

/// PDB-1 and PD-1 as they stand in the market: 61 days of 200,000 at ¥60 are ¥732,000.
fn order(version: u32) -> Value {
    json!({
        "number": "O-1", "version": version, "buyer": "8001", "contract": "PMP-1", "signed": "2026-10-20",
        "lines": [line("PDB-1", "PDB", Some(200_000), "1.3"), line("PD-1", "PD", None, "1")],
    })
}

fn confirmation(version: u32, on: &str) -> Value {
    json!({"buyer": "8001", "number": "O-1", "version": version, "day": on})
}

fn notice(served: &str) -> Value {
    let ways = json!([{"by": "platform", "published": format!("{served}T09:00:00+08:00")}]);
    json!({"buyer": "8001", "from": "buyer", "about": "order", "text": "to change or to cancel O-1", "ways": ways})
}

/// The daily volume and price in micro-yuan per mille that settle a day of PDB-1.
fn settles(desk: &Desk<'_>, on: &str) -> Option<(u64, i64)> {
    match Orders::of(&desk.facts()).terms("PDB-1", day(on)) {
        Terms::Ordered(_, _, line) => Some((line.daily.unwrap(), line.cpm.micro_yuan_per_mille())),
        Terms::NotOrdered(_) => Some((0, 0)),
        Terms::Config => None,
    }
}

#[test]
fn r_order_binds_when_confirmed_and_changes_with_notice() {
    on_both(|mut desk| {
        desk.enter(FactKind::Order, "o1", order(1)).unwrap();
        assert_eq!(settles(&desk, "2026-11-10"), None, "the config's terms until it is confirmed");
        assert!(desk.refused(FactKind::OrderConfirmation, confirmation(1, "2026-10-19")).contains("R-ORDER"));
        desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-10-21")).unwrap();
        assert_eq!(settles(&desk, "2026-11-10"), None, "a day that has begun was set aside on other terms (R-COMMIT)");
        assert_eq!(settles(&desk, "2026-11-11"), Some((200_000, 60_000_000)));
        assert_eq!(settles(&desk, "2027-01-01"), Some((0, 0)), "what no line has is not ordered");
        let orders = Orders::of(&desk.facts());
        let of = |on| orders.order_of("PDB-1", day(on)).map(|order| order.number.as_str());
        assert_eq!(
            (of("2026-11-01"), of("2027-01-01")),
            (Some("O-1"), None),
            "a statement names it from its first day"
        );
        assert_eq!(orders.get("O-1").unwrap().confirmed().unwrap().order.amount(), yuan(732_000));

        // Less from the thirtieth day after the notice is served.
        let mut change = order(2);
        change["lines"][0]["daily"] = json!(150_000);
        assert!(desk.refused(FactKind::Order, change.clone()).contains("needs `effective`"));
        (change["effective"], change["notice"]) = (json!("2026-12-09"), json!("n1"));
        assert!(desk.refused(FactKind::Order, change.clone()).contains("no notice \"n1\""));
        desk.enter(FactKind::Notice, "n1", notice("2026-11-10")).unwrap();
        let refused = desk.refused(FactKind::Order, change.clone());
        assert!(refused.contains("30 days' notice") && refused.contains("from 2026-12-10"), "{refused}");
        change["effective"] = json!("2026-12-10");
        assert!(desk.refused(FactKind::Order, change.clone()).contains("its volume is not that of the market"));
        change["lines"][0]["differs"] = json!(["volume"]);
        desk.enter(FactKind::Order, "o2", change.clone()).unwrap();
        assert_eq!(settles(&desk, "2026-12-10"), Some((200_000, 60_000_000)), "not confirmed");
        assert!(desk.refused(FactKind::OrderConfirmation, confirmation(2, "2026-11-09")).contains("has settled"));
        desk.enter(FactKind::OrderConfirmation, "c2", confirmation(2, "2026-11-10")).unwrap();
        assert_eq!(settles(&desk, "2026-12-09"), Some((200_000, 60_000_000)), "until then the old one settles");
        assert_eq!(settles(&desk, "2026-12-10"), Some((150_000, 60_000_000)));
        let all = Orders::of(&desk.facts());
        let november = all.get("O-1").unwrap().amount_of(day("2026-12-09"), day("2026-12-10"));
        assert_eq!(november, yuan(12_000 + 9_000), "each day by its version");

        // Confirmed late, it settles no day that had begun.
        (change["version"], change["lines"][0]["daily"]) = (json!(3), json!(100_000));
        desk.enter(FactKind::Order, "o3", change).unwrap();
        desk.at("2026-12-20");
        desk.enter(FactKind::OrderConfirmation, "c3", confirmation(3, "2026-12-20")).unwrap();
        assert_eq!(settles(&desk, "2026-12-20"), Some((150_000, 60_000_000)));
        assert_eq!(settles(&desk, "2026-12-21"), Some((100_000, 60_000_000)));
    });
}

#[test]
fn r_order_lines_agree_with_the_deal_or_say_what_differs() {
    on_both(|desk| {
        let with = |path: &str, value: Value| {
            let mut body = order(1);
            *body.pointer_mut(path).unwrap() = value;
            desk.refused(FactKind::Order, body)
        };
        for (path, value, words) in [
            ("/lines/0/deal", json!("PDB-9"), "R-ORDER: the buyer has no deal \"PDB-9\""),
            ("/buyer", json!("8002"), "R-ORDER: the buyer has no deal \"PDB-1\""),
            ("/contract", json!("PMP-2"), "the buyer's contract is \"PMP-1\""),
            ("/lines/0/method", json!("BPG"), "R-METHODS: deal \"PDB-1\": it is bought by PDB, not BPG"),
            ("/lines/0/cpm", json!("61"), "its price is not that of the market"),
            ("/lines/0/until", json!("2026-12-30"), "its period is not that of the market"),
            ("/lines/0/push_ratio", json!("1.2"), "its push ratio is not that of the market"),
            ("/lines/0/push_ratio", json!("0.5"), "R-PUSH"),
            ("/lines/0/daily", json!(0), "R-METHODS"),
            ("/version", json!(2), "the next version of order \"O-1\" is 1, not 2"),
            ("/signed", json!("2026-11-11"), "still to come"),
            ("/lines/1", line("PDB-1", "PDB", Some(200_000), "1.3"), "two lines have it on the same day"),
        ] {
            let refused = with(path, value);
            assert!(refused.contains(words), "{path}: {refused}");
        }
        assert!(desk.facts().is_empty());
    });
}

#[test]
fn r_rate_r_inventory_are_judged_at_confirmation() {
    on_both(|desk| {
        let mut cheap = order(1);
        (cheap["lines"][0]["cpm"], cheap["lines"][0]["differs"]) = (json!("59.999"), json!(["price"]));
        desk.enter(FactKind::Order, "o1", cheap.clone()).unwrap();
        let refused = desk.refused(FactKind::OrderConfirmation, confirmation(1, "2026-10-21"));
        assert!(refused.contains("R-RATE") && refused.contains("¥60.00 CPM"), "{refused}");
        // The card in force at signing judges: ¥55 until August.
        (cheap["number"], cheap["signed"]) = (json!("O-2"), json!("2026-07-31"));
        desk.enter(FactKind::Order, "o2", cheap.clone()).unwrap();
        let confirm = |number: &str| json!({"buyer": "8001", "number": number, "version": 1, "day": "2026-11-01"});
        desk.enter(FactKind::OrderConfirmation, "c2", confirm("O-2")).unwrap();
        // It locks its inventory: no other order may have the deal on its days.
        assert!(desk.refused(FactKind::Order, order(1)).contains("the next version"));
        cheap["number"] = json!("O-3");
        assert!(desk.refused(FactKind::Order, cheap).contains("R-INVENTORY: deal \"PDB-1\": order \"O-2\""));

        let mut more = json!({
            "number": "O-4", "version": 1, "buyer": "8001", "contract": "PMP-1", "signed": "2026-10-20",
            "lines": [line("BPG-1", "BPG", Some(100_001), "1")],
        });
        more["lines"][0]["differs"] = json!(["volume"]);
        desk.enter(FactKind::Order, "o4", more).unwrap();
        let refused = desk.refused(FactKind::OrderConfirmation, confirm("O-4"));
        assert!(refused.contains("R-INVENTORY") && refused.contains("deals.toml locks 100000"), "{refused}");
    });
}

fn cancellation(from: &str) -> Value {
    json!({"buyer": "8001", "number": "O-1", "from": from, "reason": "the campaign is over"})
}

#[test]
fn r_damage_cancel_notice_and_confirmation_cost_nothing_and_without_them_it_does() {
    on_both(|desk| {
        desk.enter(FactKind::Order, "o1", order(1)).unwrap();
        desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-10-21")).unwrap();
        desk.enter(FactKind::Notice, "n1", notice("2026-11-10")).unwrap();
        let mut agreed = cancellation("2026-12-10");
        (agreed["notice"], agreed["confirmed"]) = (json!("n1"), json!(true));
        desk.enter(FactKind::OrderCancellation, "x1", agreed).unwrap();
        assert_eq!(Breaches::of(&desk.facts(), BUYER).owed(), yuan(0));
        assert_eq!(settles(&desk, "2026-12-09"), Some((200_000, 60_000_000)), "what accrued settles");
        assert_eq!(settles(&desk, "2026-12-10"), Some((0, 0)));
        assert!(desk.refused(FactKind::OrderCancellation, cancellation("2026-12-20")).contains("is cancelled"));
    });
    for (from, notice_served, confirmed) in [
        ("2026-12-09", Some("2026-11-10"), true),
        ("2026-12-10", Some("2026-11-10"), false),
        ("2026-12-10", None, true),
    ] {
        on_both(|desk| {
            desk.top_up("bank 1", 100_000);
            desk.enter(FactKind::Order, "o1", order(1)).unwrap();
            desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-10-21")).unwrap();
            let mut body = cancellation(from);
            body["confirmed"] = json!(confirmed);
            if let Some(served) = notice_served {
                desk.enter(FactKind::Notice, "n1", notice(served)).unwrap();
                body["notice"] = json!("n1");
            }
            body["resold"] = json!("50000");
            desk.enter(FactKind::OrderCancellation, "x1", body).unwrap();
            // ¥12,000 for each day that was locked, less what was sold again, and 20 % of ¥732,000.
            let days = i64::from(day("2027-01-01").0 - day(from).0);
            let cost = yuan(12_000 * days - 50_000 + 146_400);
            assert_eq!(desk.holds(AccountKind::Damages), cost);
            assert_eq!(desk.free(), yuan(0), "from the prepayment");
            let stand = Breaches::of(&desk.facts(), BUYER);
            assert_eq!(stand.owed(), cost - yuan(100_000));
            assert_eq!(stand.claims[0].due, day("2026-11-24"), "in ten working days");
            desk.verify();
        });
    }
}

#[test]
fn r_order_what_does_not_bind_is_cancelled_for_nothing() {
    on_both(|desk| {
        desk.enter(FactKind::Order, "o1", order(1)).unwrap();
        assert!(desk.refused(FactKind::OrderCancellation, cancellation("2026-11-09")).contains("is over"));
        desk.enter(FactKind::OrderCancellation, "x1", cancellation("2026-11-10")).unwrap();
        assert_eq!(desk.holds(AccountKind::Damages), yuan(0));
        assert!(desk.refused(FactKind::OrderConfirmation, confirmation(1, "2026-11-10")).contains("is cancelled"));
    });
}

#[test]
fn r_commit_what_has_begun_is_not_cancelled_and_the_last_minute_counts_as_begun() {
    on_both(|mut desk| {
        desk.enter(FactKind::Order, "o1", order(1)).unwrap();
        desk.now = UnixMillis(day("2026-11-11").starts_at().0 - 60_001);
        desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-10-21")).unwrap();
        assert_eq!(settles(&desk, "2026-11-11"), Some((200_000, 60_000_000)), "every node knows it by midnight");
        let mut later = order(1);
        (later["number"], later["lines"]) = (json!("O-2"), json!([line("BPG-1", "BPG", Some(100_000), "1")]));
        desk.enter(FactKind::Order, "o2", later).unwrap();
        desk.now = desk.now.plus_ms(1);
        let confirm = json!({"buyer": "8001", "number": "O-2", "version": 1, "day": "2026-10-21"});
        desk.enter(FactKind::OrderConfirmation, "c2", confirm).unwrap();
        let orders = Orders::of(&desk.facts());
        assert_eq!(orders.terms("BPG-1", day("2026-11-11")), Terms::Config, "that would be too late for some node");
        assert!(matches!(orders.terms("BPG-1", day("2026-11-12")), Terms::Ordered(..)));
        let refused = desk.refused(FactKind::OrderCancellation, cancellation("2026-11-11"));
        assert!(refused.contains("R-COMMIT") && refused.contains("from 2026-11-12 on"), "{refused}");
        desk.enter(FactKind::OrderCancellation, "x1", cancellation("2026-11-12")).unwrap();
        assert_eq!(
            [settles(&desk, "2026-11-11"), settles(&desk, "2026-11-12")],
            [Some((200_000, 60_000_000)), Some((0, 0))]
        );
    });
}

#[test]
fn r_month_no_order_is_confirmed_in_a_closed_month() {
    on_both(|desk| {
        desk.enter(FactKind::Order, "o1", order(1)).unwrap();
        let fact = Fact {
            kind: FactKind::MonthClosing,
            reference: "2026-10".to_owned(),
            buyer: Some(BUYER),
            day: day("2026-10-31"),
            at: desk.now,
            actor: "finance".to_owned(),
            body: r#"{"buyer":"8001","month":"2026-10"}"#.to_owned(),
        };
        desk.store.enter(Entered { fact, transactions: vec![], changes: vec![], after: 1 }).unwrap();
        let refused = desk.refused(FactKind::OrderConfirmation, confirmation(1, "2026-10-31"));
        assert!(
            refused.contains("R-MONTH") && refused.contains("R-ORDER") && refused.contains("2026-10 is closed"),
            "{refused}"
        );
        desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-11-01")).unwrap();
    });
}

/// What a day of a deal is served by: its price in micro-yuan per mille and its volume; `None` where it is not ordered.
fn served(market: &Market, deal: &str, on: &str) -> Option<(i64, u64)> {
    let deal = market.served_on(market.deal_named(deal).unwrap(), day(on))?;
    Some((deal.price.micro_yuan_per_mille(), deal.volume.map_or(0, |volume| volume.daily)))
}

#[test]
fn r_order_a_market_serves_each_day_by_the_version_in_force_on_it() {
    on_both(|desk| {
        // From the 20th, at another price and push ratio; a preferred deal's line is for reference (R-METHODS).
        let mut first = order(1);
        first["lines"][0]["from"] = json!("2026-11-20");
        first["lines"][0]["push_ratio"] = json!("1.5");
        first["lines"][0]["cpm"] = json!("61");
        first["lines"][0]["differs"] = json!(["price", "push-ratio", "period"]);
        (first["lines"][1]["cpm"], first["lines"][1]["differs"]) = (json!("70"), json!(["price"]));
        desk.enter(FactKind::Order, "o1", first.clone()).unwrap();
        desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-11-10")).unwrap();
        desk.enter(FactKind::Notice, "n1", notice("2026-11-10")).unwrap();
        let mut change = first;
        (change["version"], change["effective"], change["notice"]) = (json!(2), json!("2026-12-10"), json!("n1"));
        (change["lines"][0]["daily"], change["lines"][0]["until"]) = (json!(150_000), json!("2026-12-20"));
        change["lines"][0]["differs"] = json!(["price", "push-ratio", "period", "volume"]);
        desk.enter(FactKind::Order, "o2", change).unwrap();
        desk.enter(FactKind::OrderConfirmation, "c2", confirmation(2, "2026-11-10")).unwrap();

        let orders = Orders::of(&desk.facts());
        let market = desk.market.by_orders(orders.over(&desk.market));
        assert!(market.shares(&desk.market), "nothing is compiled for it");
        let by_config = Some((60_000_000, 200_000));
        assert_eq!(served(&market, "PDB-1", "2026-11-10"), by_config, "the day of the confirmation has begun");
        assert_eq!(served(&market, "PDB-1", "2026-11-11"), None, "from then on only what is ordered");
        assert_eq!(served(&market, "PDB-1", "2026-11-19"), None);
        for on in ["2026-11-20", "2026-12-09"] {
            assert_eq!(served(&market, "PDB-1", on), Some((61_000_000, 200_000)));
        }
        assert_eq!(served(&market, "PDB-1", "2026-12-10"), Some((61_000_000, 150_000)));
        assert_eq!(
            [served(&market, "PDB-1", "2026-12-20"), served(&market, "PDB-1", "2026-12-21")].map(|it| it.is_some()),
            [true, false]
        );
        assert_eq!(served(&market, "PD-1", "2026-11-30"), Some((60_000_000, 0)), "R-METHODS");
        let deal = market.deal_named("PDB-1").unwrap();
        assert_eq!(market.last_day_of(deal), Some(day("2026-12-20")));
        let days: Vec<_> =
            market.days_of(deal, day("2026-11-09"), day("2026-11-21")).map(|(day, _)| day.to_string()).collect();
        assert_eq!(days, ["2026-11-09", "2026-11-10", "2026-11-20", "2026-11-21"]);
        let push = market.on_day(deal, day("2026-11-20")).volume.unwrap().push;
        assert_eq!(push.to_string(), "1.5");
        let committed = market.on_day(deal, day("2026-12-10")).commitment_on(day("2026-12-10")).unwrap().terms;
        assert_eq!(
            (committed.ordered, committed.price.micro_yuan_per_mille(), committed.push),
            (150_000, 61_000_000, (3, 2))
        );
        let stopped = market.on_day(deal, day("2026-12-21"));
        assert_eq!(market.deal_state(stopped), DealState::NotOrdered);
        let remarks = orders.remarks(&desk.market, desk.now.shanghai_day());
        assert_eq!(remarks.len(), 2, "{remarks:?}");
        assert!(
            remarks[0].contains("order \"O-1\" version 1") && remarks[0].contains("price, push ratio, period"),
            "{remarks:?}"
        );
    });
}

#[test]
fn r_order_an_order_outlives_what_becomes_of_deals_toml() {
    on_both(|desk| {
        desk.enter(FactKind::Order, "o1", order(1)).unwrap();
        desk.enter(FactKind::OrderConfirmation, "c1", confirmation(1, "2026-11-10")).unwrap();
        let orders = Orders::of(&desk.facts());
        let edited = |edit: &dyn Fn(&mut Deal)| {
            let mut deals: Vec<Deal> = desk.market.deals.iter().cloned().collect();
            edit(&mut deals[0]);
            let placements = desk.market.placements.iter().cloned().collect();
            let parts =
                Parts { deals, placements, buyers: desk.market.buyers.iter().cloned().collect(), ..Parts::default() };
            let market = Market::assemble(2, desk.now, [0; 32], ExchangeTerms::plain(), parts);
            (market.by_orders(orders.over(&market)), orders.remarks(&market, desk.now.shanghai_day()).join(" "))
        };
        let (same, remarks) = edited(&|_| {});
        assert_eq!((served(&same, "PDB-1", "2026-11-11"), remarks.as_str()), (Some((60_000_000, 200_000)), ""));
        // Shorter and less in deals.toml: the order stands, and its days are found.
        let (short, remarks) = edited(&|deal| {
            deal.period = (day("2026-11-01"), day("2026-11-15"));
            deal.volume.as_mut().unwrap().daily = 10;
        });
        assert!(remarks.contains("R-INVENTORY"), "{remarks}");
        assert_eq!(served(&short, "PDB-1", "2026-11-30"), Some((60_000_000, 200_000)));
        assert_eq!(short.last_day_of(short.deal_named("PDB-1").unwrap()), Some(day("2026-12-31")));
        let placement = short.placements.iter().next().unwrap();
        let found = |on: &str, only: Option<&[DealId]>| {
            let facts = short.facts(day(on).starts_at());
            let imp = ImpFacts { placement, formats: Formats::ALL, sizes: &[], only };
            short
                .deals_for(&facts, imp)
                .iter()
                .map(|deal| (deal.wire.clone(), deal.volume.map_or(0, |it| it.daily)))
                .collect::<Vec<_>>()
        };
        let of = |wire: &str, daily| (wire.to_owned(), daily);
        assert_eq!(found("2026-11-30", None), [of("PDB-1", 200_000), of("BPG-1", 100_000), of("PD-1", 0)]);
        assert_eq!(found("2026-11-10", None)[0], of("PDB-1", 10));
        assert_eq!(found("2026-11-11", None)[0], of("PDB-1", 200_000));
        assert_eq!(
            found("2026-11-30", Some(&[DealId(1)])),
            [of("BPG-1", 100_000)],
            "what the media restricts to stays so"
        );
        assert_eq!(found("2026-11-30", Some(&[DealId(0)])), [of("PDB-1", 200_000)]);
        assert_eq!(found("2027-01-01", None), []);
        // Another one in deals.toml: what cannot be served is told.
        for (edit, words) in [
            (&(|deal: &mut Deal| (deal.method, deal.volume) = (Method::Pd, None)) as &dyn Fn(&mut Deal), "R-METHODS"),
            (&|deal: &mut Deal| deal.wire = "PDB-2".to_owned(), "deals.toml does not have the deal"),
            (&|deal: &mut Deal| deal.buyer = BuyerId(1), "another buyer's"),
        ] {
            let (_, remarks) = edited(edit);
            assert!(remarks.contains(words), "{words}: {remarks}");
        }
    });
}
