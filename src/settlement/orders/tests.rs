use serde_json::{Value, json};

use super::*;
use crate::event::AccountKind;
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
        assert_eq!(settles(&desk, "2026-11-01"), Some((200_000, 60_000_000)));
        assert_eq!(settles(&desk, "2027-01-01"), None);
        let orders = Orders::of(&desk.facts());
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

        // Confirmed late, it settles no day before the confirmation.
        (change["version"], change["lines"][0]["daily"]) = (json!(3), json!(100_000));
        desk.enter(FactKind::Order, "o3", change).unwrap();
        desk.at("2026-12-20");
        desk.enter(FactKind::OrderConfirmation, "c3", confirmation(3, "2026-12-20")).unwrap();
        assert_eq!(settles(&desk, "2026-12-19"), Some((150_000, 60_000_000)));
        assert_eq!(settles(&desk, "2026-12-20"), Some((100_000, 60_000_000)));
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
