use serde_json::{Value, json};

use super::*;
use crate::event::{AccountKind, Booking, TransactionKind};
use crate::settlement::notice::last_days;
use crate::settlement::suite::desk::{BUYER, Desk, day, on_both, yuan};

fn violation(on: &str, breach: Value) -> Value {
    let evidence = json!({
        "expected": "the page as it was approved", "found": "another page", "at": format!("{on}T08:00:00+08:00"),
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    });
    let mut violation = json!({ "buyer": "8001", "day": on, "evidence": evidence });
    violation["breach"] = breach;
    violation
}

fn page_change(on: &str) -> Value {
    violation(on, json!({ "kind": "page-change", "unlawful": false }))
}

fn breaches(desk: &Desk<'_>) -> Breaches {
    Breaches::of(&desk.facts(), BUYER)
}

/// What entering a violation costs.
fn costs(desk: &Desk<'_>, reference: &str, breach: Value) -> Charged {
    desk.enter(FactKind::Violation, reference, violation("2026-11-10", breach)).unwrap();
    breaches(desk).violation(reference).unwrap().violation.charged.clone().unwrap()
}

/// R-DAMAGE-CHANGE, R-DEDUCT: worked example 4.
#[test]
fn r_damage_change_three_changes_are_deducted_and_the_fourth_ends_the_cooperation() {
    on_both(|mut desk| {
        desk.top_up("bank 1", 300_000);
        desk.book(TransactionKind::Rebate, AccountKind::ExchangeRevenue, AccountKind::BuyerRebate, yuan(50_000));
        for (reference, free, rebate, owed) in
            [("v1", 280_000, 50_000, 0), ("v2", 180_000, 50_000, 0), ("v3", 0, 0, 270_000)]
        {
            desk.enter(FactKind::Violation, reference, page_change("2026-11-10")).unwrap();
            assert_eq!((desk.free(), desk.holds(AccountKind::BuyerRebate)), (yuan(free), yuan(rebate)), "{reference}");
            assert_eq!(desk.holds(AccountKind::BuyerReceivable), yuan(owed));
            assert_eq!(breaches(&desk).owed(), yuan(owed));
        }
        assert_eq!(desk.holds(AccountKind::Damages), yuan(620_000));
        let again = desk.enter(FactKind::Violation, "v3", page_change("2026-11-10")).unwrap();
        assert_eq!(again.booking, Booking::AlreadyBooked, "the same words are the same record");
        assert_eq!(breaches(&desk).stops_delivery(day("2026-11-10")), None);
        // What comes in later pays what is owed first.
        desk.top_up("bank 2", 100_000);
        assert_eq!((desk.free(), breaches(&desk).owed()), (yuan(0), yuan(170_000)));

        desk.at("2026-11-12");
        desk.enter(FactKind::Violation, "v4", page_change("2026-11-11")).unwrap();
        let stand = breaches(&desk);
        assert_eq!(stand.ended, Some(day("2026-11-11")));
        assert_eq!(stand.stops_delivery(day("2026-11-11")), Some("R-DAMAGE-CHANGE"));
        assert_eq!(stand.stops_delivery(day("2026-11-10")), None);
        assert_eq!(desk.holds(AccountKind::Damages), yuan(620_000), "the fourth costs nothing more");
        let buyer = desk.market.buyers.get(BUYER).unwrap();
        let last = last_days(&desk.facts(), buyer, &desk.market.terms.figures).unwrap();
        assert_eq!((last.cooperation, last.of_use), (day("2026-11-11"), day("2026-11-11")), "for good: no extension");

        let late = json!({"buyer": "8001", "amount": "1.00"});
        assert!(desk.refused(FactKind::TopUp, late).contains("R-TERM: the cooperation ended on 2026-11-11"));
        let receipt = |amount: &str| json!({"buyer": "8001", "amount": amount, "from": "bank", "day": "2026-11-12"});
        assert!(desk.refused(FactKind::Receipt, receipt("170000.01")).contains("R-DEDUCT: ¥170000.00 is owed"));
        desk.enter(FactKind::Receipt, "r1", receipt("170000")).unwrap();
        assert_eq!(breaches(&desk).owed(), yuan(0));
        assert_eq!(desk.holds(AccountKind::BuyerReceivable), yuan(0));
        desk.verify();
    });
}

#[test]
fn r_damage_content_ip_own_and_others_cost_what_they_say() {
    on_both(|desk| {
        let cases = [
            (json!({"kind": "content"}), yuan(5_000), "2026-11-10"),
            // The loss above the damages is due in five working days.
            (json!({"kind": "content", "loss": "7500.50"}), MicroYuan(7_500_500_000), "2026-11-17"),
            (
                json!({"kind": "infringement", "fees": "150000.05", "review_proven": false}),
                MicroYuan(30_000_010_000),
                "2026-11-10",
            ),
            (json!({"kind": "infringement", "fees": "149999", "review_proven": false}), yuan(30_000), "2026-11-10"),
            (json!({"kind": "infringement", "fees": "900000", "review_proven": true}), yuan(0), "2026-11-10"),
            (json!({"kind": "resale", "rate_card_value": "12000"}), yuan(2_400), "2026-11-17"),
            (json!({"kind": "bribery", "contract_amount": "300000"}), yuan(100_000), "2026-11-10"),
            (json!({"kind": "bribery", "contract_amount": "400000"}), yuan(120_000), "2026-11-10"),
            (json!({"kind": "poaching"}), yuan(100_000), "2026-11-10"),
            (json!({"kind": "page-change", "unlawful": true}), yuan(25_000), "2026-11-10"),
            (json!({"kind": "page-change", "unlawful": false}), yuan(100_000), "2026-11-10"),
        ];
        let mut owed = yuan(0);
        for (index, (breach, cost, due)) in cases.into_iter().enumerate() {
            let charged = costs(&desk, &format!("v{index}"), breach.clone());
            assert_eq!((charged.taken.amount, charged.due), (cost, day(due)), "{breach}");
            owed += cost;
            assert_eq!(breaches(&desk).owed(), owed, "nothing was there to take it from");
        }
        // The oldest claim is paid first, over as many as it takes.
        let pays = breaches(&desk).pays(yuan(6_000));
        let of = |claim: &str, yuan: i64| Payment { claim: claim.to_owned(), amount: MicroYuan(yuan * 1_000_000) };
        assert_eq!(pays, [of("violation v0", 5_000), of("violation v1", 1_000)]);
        desk.verify();
    });
}

#[test]
fn a_waived_violation_gives_back_and_leaves_the_ladder() {
    on_both(|desk| {
        desk.top_up("bank 1", 110_000);
        desk.enter(FactKind::Violation, "v1", page_change("2026-11-10")).unwrap();
        desk.enter(FactKind::Violation, "v2", page_change("2026-11-10")).unwrap();
        assert_eq!((desk.free(), breaches(&desk).owed()), (yuan(0), yuan(10_000)));
        desk.top_up("bank 2", 4_000);
        assert_eq!(breaches(&desk).owed(), yuan(6_000));
        let waiver = |violation: &str, reason: &str| json!({"buyer": "8001", "violation": violation, "reason": reason});
        assert!(desk.refused(FactKind::Waiver, waiver("v2", " ")).contains("`reason`"));
        assert!(desk.refused(FactKind::Waiver, waiver("v9", "x")).contains("no violation \"v9\""));
        desk.enter(FactKind::Waiver, "w1", waiver("v2", "the exchange's own copy was old")).unwrap();
        // 90,000 of cash and 4,000 paid later come back, 6,000 are owed no more.
        assert_eq!((desk.free(), breaches(&desk).owed()), (yuan(94_000), yuan(0)));
        assert_eq!(desk.holds(AccountKind::BuyerReceivable), yuan(0));
        assert_eq!(desk.holds(AccountKind::Damages), yuan(20_000));
        assert!(desk.refused(FactKind::Waiver, waiver("v2", "again")).contains("was waived before"));
        let stand = breaches(&desk);
        assert_eq!((stand.violations.len(), stand.next_step()), (2, 2), "it stays on record and counts no more");
        let next = costs(&desk, "v3", json!({"kind": "page-change", "unlawful": false}));
        assert_eq!((next.step, next.taken.amount), (Some(2), yuan(100_000)));
        desk.verify();
    });
}

#[test]
fn r_late_fees_run_until_paid_and_stop_delivery() {
    on_both(|mut desk| {
        desk.book(
            TransactionKind::MonthClosing,
            AccountKind::BuyerReceivable,
            AccountKind::MinimumShortfall,
            yuan(10_000),
        );
        let late = |due: &str| {
            violation("2026-11-10", json!({"kind": "late-payment", "of": "fees", "owed": "10000", "due": due}))
        };
        assert!(desk.refused(FactKind::Violation, late("2026-11-10")).contains("is overdue from 2026-11-11 on"));
        desk.enter(FactKind::Violation, "l1", late("2026-11-05")).unwrap();
        let stand = breaches(&desk);
        assert_eq!(stand.stops_delivery(day("2026-11-05")), None);
        assert_eq!(stand.stops_delivery(day("2026-11-06")), Some("R-LATE"), "from the first overdue day");

        let receipt = |amount: &str, on: &str| json!({"buyer": "8001", "amount": amount, "from": "bank", "day": on, "late": "l1"});
        desk.enter(FactKind::Receipt, "r1", receipt("4000", "2026-11-10")).unwrap();
        // 4,000 for five days at 3 %: 600, and nothing to take it from.
        assert_eq!(desk.holds(AccountKind::LateFees), yuan(600));
        assert_eq!(breaches(&desk).owed(), yuan(600));
        assert_eq!(breaches(&desk).stops_delivery(day("2026-11-10")), Some("R-LATE"), "6,000 are still overdue");

        let end = |on: &str| json!({"buyer": "8001", "by": "exchange", "end": on, "ground": {"because": "late-payment", "violation": "l1"}});
        assert!(desk.refused(FactKind::Termination, end("2026-11-20")).contains("R-LATE: it may end on 2026-11-21"));
        desk.at("2026-11-15");
        assert!(desk.refused(FactKind::Receipt, receipt("6000.01", "2026-11-15")).contains("R-LATE: ¥6000.00 is owed"));
        desk.enter(FactKind::Receipt, "r2", receipt("6000", "2026-11-15")).unwrap();
        assert_eq!(desk.holds(AccountKind::LateFees), yuan(600 + 1_800));
        assert_eq!(desk.holds(AccountKind::BuyerReceivable), yuan(2_400), "the fees; what was overdue is paid");
        assert_eq!(breaches(&desk).stops_delivery(day("2026-11-15")), None);
        desk.top_up("bank 1", 5_000);
        assert_eq!((desk.free(), breaches(&desk).owed()), (yuan(2_600), yuan(0)));
        desk.verify();
    });
}

#[test]
fn r_deduct_cash_that_became_free_pays_what_is_owed() {
    on_both(|desk| {
        costs(&desk, "v1", json!({"kind": "content"}));
        desk.book(TransactionKind::Deposit, AccountKind::Bank, AccountKind::BuyerCash, yuan(3_000));
        let receipt = |amount: &str| json!({"buyer": "8001", "amount": amount, "from": "balance", "day": "2026-11-10"});
        assert!(desk.refused(FactKind::Receipt, receipt("3001")).contains("¥3000.00 is free"));
        desk.enter(FactKind::Receipt, "r1", receipt("3000")).unwrap();
        assert_eq!((desk.free(), breaches(&desk).owed()), (yuan(0), yuan(2_000)));
        // The deposit comes after cash and before rebates.
        desk.book(TransactionKind::Refund, AccountKind::Bank, AccountKind::BuyerDeposit, yuan(4_000));
        desk.book(TransactionKind::Rebate, AccountKind::ExchangeRevenue, AccountKind::BuyerRebate, yuan(4_000));
        let taken = costs(&desk, "v2", json!({"kind": "content"})).taken;
        assert_eq!((taken.cash, taken.deposit, taken.rebate), (yuan(0), yuan(4_000), yuan(1_000)));
        desk.verify();
    });
}

#[test]
fn r_hold_lasts_until_it_ends() {
    on_both(|desk| {
        let hold = |client: &str| json!({"buyer": "8001", "client": client, "reason": "the client disputes November"});
        assert!(desk.refused(FactKind::Hold, hold("tea")).contains("no client \"tea\""));
        desk.enter(FactKind::Hold, "h1", hold("milk")).unwrap();
        assert!(breaches(&desk).is_held());
        let end = |hold: &str| json!({"buyer": "8001", "hold": hold, "reason": "settled"});
        assert!(desk.refused(FactKind::HoldEnd, end("h2")).contains("R-HOLD"));
        desk.enter(FactKind::HoldEnd, "e1", end("h1")).unwrap();
        assert!(!breaches(&desk).is_held());
        assert!(!Breaches::of(&desk.facts(), BuyerId(1)).is_held());
    });
}

#[test]
fn a_violation_needs_its_evidence() {
    on_both(|desk| {
        let with = |path: &str, value: Value| {
            let mut body = page_change("2026-11-10");
            *body.pointer_mut(path).unwrap() = value;
            desk.refused(FactKind::Violation, body)
        };
        assert!(with("/evidence/sha256", json!("E3")).contains("`sha256`"));
        assert!(with("/evidence/found", json!("")).contains("`found`"));
        assert!(with("/evidence/at", json!("2026-11-10T11:00:00+08:00")).contains("still to come"));
        assert!(with("/evidence/at", json!("yesterday")).contains("is no moment"));
        assert!(with("/day", json!("2026-11-11")).contains("still to come"));
        assert!(with("/breach/kind", json!("rudeness")).contains("unknown variant"));
        let mut body = page_change("2026-11-10");
        body["charged"] = json!({"taken": {}, "due": "2026-11-10", "ends": false});
        assert!(desk.enter(FactKind::Violation, "x", body).is_err(), "what it cost is not its author's to say");
        let negative = violation("2026-11-10", json!({"kind": "infringement", "fees": "-1", "review_proven": false}));
        assert!(desk.refused(FactKind::Violation, negative).contains("`fees`"));
        assert!(desk.facts().is_empty());
    });
}
