use super::sample::{day, empty, full, preferred, provisional, worked_example_1, yuan};
use super::*;

fn made(draft: Draft) -> Statement {
    Statement::new(draft).unwrap()
}

#[test]
fn r_minimum_worked_example_1() {
    let made = made(worked_example_1());
    assert_eq!(made.sums().consumption, MicroYuan(85_116_745_000));
    assert_eq!(made.sums().shortfall, MicroYuan(14_883_255_000));
    assert_eq!((made.printed().deals[0], made.printed().shortfall), (Fen(8_511_675), Fen(1_488_325)));
    assert_eq!(made.printed().consumption, Fen(8_511_675));
    assert_eq!(made.taxed(), Taxed { total: Fen(10_000_000), net: Fen(9_433_962), vat: Fen(566_038) });
    assert_eq!(numerals::in_capitals(made.taxed().total), "人民币壹拾万元整");
}

#[test]
fn r_grant_invoice_grants_count_toward_the_minimum_and_are_outside_the_total() {
    let mut draft = worked_example_1();
    draft.deals[0].from_grants = yuan("20000.00");
    let made = made(draft);
    assert_eq!(made.sums().shortfall, MicroYuan(14_883_255_000), "as without grants");
    assert_eq!(made.taxed().total, Fen(8_000_000));
    assert_eq!((made.printed().grants.clone(), made.printed().granted), (vec![Fen(2_000_000)], Fen(2_000_000)));
    assert_eq!(made.printed().deals[0], Fen(6_511_675));
}

#[test]
fn r_minimum_damages_never_count_and_are_never_in_the_total() {
    let with = made(full());
    let without = made(Draft { deductions: Vec::new(), ..full() });
    assert_eq!((with.taxed(), with.sums().consumption), (without.taxed(), without.sums().consumption));
    assert_eq!((with.sums().deductions, with.printed().deducted), (yuan("20000.00"), Fen(2_000_000)));
    let mut draft = worked_example_1();
    draft.deductions = full().deductions;
    assert_eq!(made(draft).sums().shortfall, MicroYuan(14_883_255_000));
}

#[test]
fn r_statement_the_printed_lines_add_up_to_the_total() {
    let made = made(full());
    // 357,000 + 68.005 × 1,050,001 / 1000 − 1,234.56 + 85,116.745 − 5,000 − 1,250.005 + 88, by hand.
    assert_eq!(made.sums().total, MicroYuan(506_125_498_005));
    assert_eq!(made.taxed().total, Fen(50_612_550));
    let printed = made.printed();
    let lines = printed.deals.iter().chain([&printed.shortfall]).chain(&printed.adjustments);
    assert_eq!(lines.map(|fen| fen.0).sum::<i64>(), made.taxed().total.0);
    assert_eq!(printed.grants.iter().map(|fen| fen.0).sum::<i64>(), printed.granted.0);
    assert_eq!(printed.deductions.iter().map(|fen| fen.0).sum::<i64>(), printed.deducted.0);
}

#[test]
fn r_minimum_the_shortfall_stands_only_when_the_month_is_over() {
    let running = made(provisional());
    assert_eq!(running.sums().consumption, MicroYuan(48_232_835_000));
    assert_eq!((running.sums().shortfall, running.sums().still_to_consume), (MicroYuan(0), MicroYuan(51_767_165_000)));
    assert_eq!(running.taxed().total, Fen(4_823_284));
    // Both end in half a fen; beside the minimum they must add up to it, so only one is rounded up.
    assert_eq!((running.printed().consumption, running.printed().still_to_consume), (Fen(4_823_284), Fen(5_176_716)));
    assert_eq!(
        (running.printed().forecast, running.printed().forecast_shortfall),
        (Some(Fen(9_135_027)), Fen(864_973))
    );
    let over = Status::Provisional { through: day("2026-11-30"), forecast: None };
    let over = made(Draft { status: over, ..provisional() });
    assert_eq!((over.sums().shortfall, over.sums().still_to_consume), (MicroYuan(51_767_165_000), MicroYuan(0)));
    assert!(!over.is_closed());
    let extension = made(Draft { minimum: None, ..worked_example_1() });
    assert_eq!((extension.sums().shortfall, extension.taxed().total), (MicroYuan(0), Fen(8_511_675)), "R-TERM");
}

#[test]
fn r_object_adjustments_may_outweigh_the_month() {
    let made = made(Draft { adjustments: full().adjustments, ..empty() });
    assert_eq!(made.taxed(), Taxed { total: Fen(-116_201), net: Fen(-109_624), vat: Fen(-6_577) });
    assert_eq!(numerals::capital_numerals(made.taxed().total), "负壹仟壹佰陆拾贰元零壹分");
    assert_eq!(made.printed().adjustments, [Fen(-125_001), Fen(8_800)]);
    assert!(!made.is_empty());
}

#[test]
fn a_draft_is_kept_and_read_back() {
    for draft in [full(), provisional(), empty()] {
        let kept = serde_json::to_string(&draft).unwrap();
        assert_eq!(serde_json::from_str::<Draft>(&kept).unwrap(), draft);
    }
    let kept = serde_json::to_string(&full()).unwrap();
    for (from, to) in
        [("\"PDB\"", "\"PBD\""), ("no_creative", "no_creativ"), ("2026-11-10", "2026-11-31"), (":600", ":10001")]
    {
        let wrong = kept.replacen(from, to, 1);
        assert_ne!(wrong, kept);
        assert!(serde_json::from_str::<Draft>(&wrong).is_err(), "{to}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    type Spoil = fn(&mut Draft);
    let cases: [(Spoil, &str); 26] = [
        (|it| it.minimum = Some(MicroYuan(5_000)), "the minimum: ¥0.005 is finer than a fen (R-MINIMUM)"),
        (|it| it.number = " ".into(), "the statement number is empty"),
        (|it| it.invoice_title = "a\u{7}b".into(), "the invoice title has a control character"),
        (|it| it.buyer = "x\u{202e}y".into(), "the buyer's name has a control character"),
        (|it| it.contract = "x".repeat(201), "the contract number is longer"),
        (|it| it.account = "80O1".into(), "the ACCOUNT ID is not digits: \"80O1\""),
        (|it| it.joint_parties.push(String::new()), "a joint party is empty"),
        (|it| it.last_day = day("2026-12-01"), "the publishing period: 2026-12-01 is not in 2026-11"),
        (
            |it| (it.first_day, it.last_day) = (it.last_day, it.first_day),
            "2026-11-01 is before the first day, 2026-11-30",
        ),
        (
            |it| it.status = Status::Closed { on: day("2026-11-30") },
            "the day of closing: 2026-11-30 is not after 2026-11",
        ),
        (|it| it.minimum = Some(MicroYuan(-1)), "the minimum: -¥0.000001 is negative (R-MINIMUM)"),
        (|it| it.deals[0].deal.clear(), "a deal's id is empty"),
        (|it| it.deals[0].last_day = day("2026-10-31"), "deal PDB-2026-OPEN: 2026-10-31 is not in 2026-11"),
        (
            |it| it.deals[0].consumption = MicroYuan(-1),
            "deal PDB-2026-OPEN, consumption: -¥0.000001 is negative (R-SETTLE)",
        ),
        (|it| it.deals[2].from_grants = yuan("90000.00"), "PD-2026-A, from grants: ¥90000.00 is more than the deal's"),
        (|it| it.deals[2].from_grants = MicroYuan(-1), "is negative (R-GRANT-INVOICE)"),
        (|it| it.deals[0].ordered = None, "deal PDB-2026-OPEN: a guaranteed deal has an ordered volume (R-METHODS)"),
        (|it| it.deals[2].ordered = Some(1), "deal PD-2026-A: a PD has no ordered volume"),
        (|it| it.deals[2].made_good = 1, "deal PD-2026-A: a PD has nothing undelivered"),
        (
            |it| it.deals.push(preferred("PD-2026-A", 1)),
            "deal PD-2026-A at ¥35.00 CPM from 2026-11-01 stands there twice",
        ),
        (|it| it.adjustments[0].month = it.month, "adjustment ADJ-7: 2026-11 is not before 2026-11"),
        (|it| it.adjustments[0].amount = MicroYuan(0), "adjustment ADJ-7: ¥0.00 is nothing (R-OBJECT)"),
        (|it| it.adjustments[1].reference = "ADJ-7".into(), "adjustment ADJ-7 stands there twice"),
        (|it| it.deductions[0].amount = MicroYuan(-5), "deduction VIO-2026-31: -¥0.000005 is negative (R-DEDUCT)"),
        (|it| it.deductions[1].source = DeductedFrom::Prepayment, "deduction VIO-2026-31 stands there twice"),
        (|it| it.deals[1].monitor.as_mut().unwrap().name.clear(), "deal BPG-2026-X7, monitor is empty"),
    ];
    for (spoil, says) in cases {
        let mut draft = full();
        spoil(&mut draft);
        let why = Statement::new(draft).unwrap_err().to_string();
        assert!(why.contains(says), "{why:?} does not say {says:?}");
    }
}

#[test]
fn sums_beyond_the_limit_are_refused() {
    let mut draft = empty();
    draft.deals =
        (0..3).map(|index| DealLine { consumption: MicroYuan::LIMIT, ..preferred(&format!("D{index}"), 0) }).collect();
    assert_eq!(Statement::new(draft), Err(StatementError::TooLarge { what: "the consumption of all deals" }));
    let mut draft = empty();
    draft.joint_parties = vec!["x".to_owned(); MOST_LINES + 1];
    assert_eq!(Statement::new(draft), Err(StatementError::TooManyLines(MOST_LINES + 1)));
}

mod formats;
