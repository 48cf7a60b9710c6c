use super::*;

fn day(text: &str) -> ShanghaiDay {
    ShanghaiDay::parse(text).unwrap()
}

fn november() -> Month {
    Month::parse("2026-11").unwrap()
}

fn price(yuan: &str) -> CpmMicroYuan {
    CpmMicroYuan::parse_yuan(yuan).unwrap()
}

fn sum(day: ShanghaiDay, method: Method, paid_by: PaidBy, impressions: u64, cpm: &str) -> Billed {
    let amount = MicroYuan(price(cpm).per_impression().0 * i64::try_from(impressions).unwrap());
    Billed { day, deal: DealId(1), method, paid_by, impressions, quantity: impressions * 1_000, amount }
}

/// A day of worked example 2: 200,000 ordered at ¥60.
fn result(day: ShanghaiDay, delivered: u64, failed: u64, made_good: u64) -> DayResult {
    let by_buyer = 200_000_u64.saturating_sub(delivered.min(200_000) + failed);
    DayResult {
        deal: DealId(1),
        method: Method::Pdb,
        day,
        price: price("60.00"),
        ordered: 200_000,
        offered: 200_000,
        delivered,
        failed,
        exempted: 0,
        by_buyer,
        causes: BTreeMap::from([(Cause::DspTimeout, by_buyer)]),
        made_good,
        funded: true,
        good_until: ShanghaiDay::parse("2026-12-31").unwrap(),
        undelivered_from_grants: MicroYuan::ZERO,
    }
}

fn lines(sums: &[Billed], results: &[DayResult], settled: &[Settled]) -> Vec<Line> {
    lines_of(&Inputs { month: november(), sums, results, open: &[], settled }).unwrap()
}

fn yuan(yuan: i64) -> MicroYuan {
    MicroYuan(yuan * 1_000_000)
}

#[test]
fn r_settle_worked_example_1_a_pd_settles_by_what_was_billed() {
    let sums = [
        sum(day("2026-11-02"), Method::Pd, PaidBy::Cash, 2_000_000, "35.00"),
        sum(day("2026-11-30"), Method::Pd, PaidBy::Cash, 431_907, "35.00"),
        sum(day("2026-12-01"), Method::Pd, PaidBy::Cash, 5, "35.00"),
    ];
    let lines = lines(&sums, &[], &[]);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].consumption, lines[0].settled), (MicroYuan(85_116_745_000), 2_431_907));
    assert_eq!(
        (lines[0].price, lines[0].first_day, lines[0].last_day),
        (price("35.00"), day("2026-11-02"), day("2026-11-30"))
    );
}

/// 5,100,000 delivered in 30 days; the exchange failed 50,000 on the 12th.
fn example_2() -> Vec<DayResult> {
    let delivered = |day: ShanghaiDay| match day.0 - november().first_day().0 {
        11 => 140_000,
        0..20 => 200_000,
        20 => 160_000,
        _ => 1_000_000 / 9,
    };
    let mut results: Vec<_> = november().days().map(|day| result(day, delivered(day), 0, 0)).collect();
    results[11] = DayResult { offered: 150_000, failed: 50_000, by_buyer: 10_000, ..results[11].clone() };
    let missing = 5_100_000 - results.iter().map(|result| result.delivered).sum::<u64>();
    results[29] = result(day("2026-11-30"), results[29].delivered + missing, 0, 0);
    results
}

#[test]
fn r_settle_worked_example_2_an_order_is_charged_delivered_or_not_less_what_the_exchange_failed() {
    let lines = lines(&[], &example_2(), &[]);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(
        (line.ordered, line.delivered, line.by_exchange, line.by_buyer),
        (6_000_000, 5_100_000, 50_000, 850_000)
    );
    assert_eq!((line.consumption, line.settled), (yuan(357_000), 5_950_000));
    assert_eq!(line.causes.values().sum::<u64>(), 840_000 + 60_000, "opportunities, as they were counted");
}

#[test]
fn r_makegood_what_is_made_good_in_the_month_is_charged_in_full() {
    let mut results = example_2();
    // Later over-delivery on the 13th repays 30,000, on the 14th 20,000.
    results[12] = result(day("2026-11-13"), 230_000, 0, 30_000);
    results[13] = result(day("2026-11-14"), 220_000, 0, 20_000);
    let lines = lines(&[], &results, &[]);
    assert_eq!((lines.len(), lines[0].consumption, lines[0].made_good), (1, yuan(360_000), 50_000));
}

#[test]
fn r_makegood_an_earlier_months_failure_is_a_line_of_its_own_at_equal_value() {
    // 120,000 at ¥50 are worth 100,000 at ¥60; then 5,000 of November's own.
    let october = DayResult { price: price("50.00"), ..result(day("2026-10-30"), 80_000, 120_000, 0) };
    let first = result(day("2026-11-01"), 190_000, 10_000, 0);
    let second = result(day("2026-11-02"), 305_000, 0, 105_000);
    let found = lines(&[], &[second.clone(), october.clone(), first.clone()], &[]);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].repays, found[0].consumption, found[0].made_good), (None, yuan(23_700), 5_000));
    let earlier = &found[1];
    assert_eq!((earlier.repays, earlier.price), (Month::parse("2026-10"), price("60.00")));
    assert_eq!((earlier.consumption, earlier.made_good, earlier.ordered), (yuan(6_000), 100_000, 0));
    // Once the order is over, nothing of it is owed any more; nor of a day that was never paid for.
    let late = DayResult { good_until: day("2026-10-31"), ..october.clone() };
    let unpaid = DayResult { funded: false, ..october.clone() };
    for nothing in [late, unpaid] {
        let results = [nothing, first.clone(), second.clone()];
        let refused = lines_of(&Inputs { month: november(), sums: &[], results: &results, open: &[], settled: &[] });
        let Err(MonthError::MoreMadeGoodThanFailed { excess, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(excess, yuan(5_700));
    }
    // An order that goes on takes along what is still owed.
    let ended = DayResult { good_until: day("2026-10-31"), ..october };
    let extended = result(day("2026-10-31"), 200_000, 0, 0);
    assert_eq!(lines(&[], &[ended, extended, first, second], &[])[1].consumption, yuan(6_000));
}

#[test]
fn r_exempt_what_neither_side_failed_is_not_charged_until_it_is_served() {
    let exempt = DayResult { exempted: 80_000, by_buyer: 0, ..result(day("2026-11-03"), 120_000, 0, 0) };
    let lines_then = lines(&[], std::slice::from_ref(&exempt), &[]);
    assert_eq!((lines_then[0].consumption, lines_then[0].by_exchange), (yuan(7_200), 0), "actual delivery settles");
    let later = lines(&[], &[exempt, result(day("2026-11-04"), 280_000, 0, 80_000)], &[]);
    assert_eq!(later[0].consumption, yuan(24_000));
}

#[test]
fn r_grant_invoice_what_grants_paid_is_part_of_the_consumption_and_apart() {
    let sums = [
        sum(day("2026-11-02"), Method::Pd, PaidBy::Cash, 1_000, "35.00"),
        sum(day("2026-11-02"), Method::Pd, PaidBy::Grant, 400, "35.00"),
    ];
    let line = &lines(&sums, &[], &[])[0];
    assert_eq!((line.consumption, line.from_grants, line.payable()), (yuan(49), yuan(14), yuan(35)));
    // The grant's last micro-yuan pays a part of one impression, cash the rest: the price is still that of the deal.
    let border =
        [Billed { amount: MicroYuan(13_990_000), ..sums[1] }, Billed { amount: MicroYuan(35_010_000), ..sums[0] }];
    let lines_at_border = lines(&border, &[], &[]);
    assert_eq!(lines_at_border.len(), 1, "{lines_at_border:?}");
    assert_eq!((lines_at_border[0].price, lines_at_border[0].from_grants), (price("35.00"), MicroYuan(13_990_000)));
    // Of a closed day, the sums say who paid, and the order how much it is.
    let undelivered = DayResult { undelivered_from_grants: yuan(60), ..result(day("2026-11-02"), 199_000, 0, 0) };
    let granted = sum(day("2026-11-02"), Method::Pdb, PaidBy::Grant, 9_000, "60.00");
    let line = &lines(&[granted], std::slice::from_ref(&undelivered), &[])[0];
    assert_eq!((line.consumption, line.from_grants), (yuan(12_000), yuan(600)));
    let beyond = Billed { amount: yuan(12_000), ..granted };
    let inputs = Inputs { month: november(), sums: &[beyond], results: &[undelivered], open: &[], settled: &[] };
    assert!(matches!(lines_of(&inputs), Err(MonthError::MoreGrantedThanConsumed { .. })));
}

#[test]
fn a_day_that_is_not_closed_counts_what_was_billed_so_far() {
    let running = [
        sum(day("2026-11-03"), Method::Pdb, PaidBy::Cash, 1_000, "60.00"),
        sum(day("2026-11-03"), Method::Pdb, PaidBy::Exchange, 77, "60.00"),
        sum(day("2026-11-02"), Method::Pdb, PaidBy::Cash, 150_000, "60.00"),
    ];
    let line = &lines(&running, &[result(day("2026-11-02"), 150_000, 0, 0)], &[])[0];
    assert_eq!((line.consumption, line.delivered, line.settled), (yuan(12_060), 151_077, 201_000));
}

#[test]
fn a_day_that_is_not_closed_tells_what_is_ordered_for_it() {
    let open = |on: &str, cpm: &str, ordered| {
        let (deal, method) = (DealId(1), Method::Pdb);
        OpenDay { deal, method, day: day(on), price: price(cpm), ordered }
    };
    let days = [
        open("2026-11-02", "60.00", 9),
        open("2026-11-03", "60.00", 200_000),
        open("2026-11-04", "61.00", 1_000),
        open("2026-12-01", "61.00", 1_000),
    ];
    let results = [result(day("2026-11-02"), 150_000, 0, 0)];
    let sums = [sum(day("2026-11-03"), Method::Pdb, PaidBy::Cash, 1_000, "60.00")];
    let inputs = Inputs { month: november(), sums: &sums, results: &results, open: &days, settled: &[] };
    let lines = lines_of(&inputs).unwrap();
    let told: Vec<_> =
        lines.iter().map(|line| (line.ordered, line.delivered, line.settled, line.consumption)).collect();
    // The closed day is as it was closed; the others consume what was billed.
    assert_eq!(told, [(400_000, 151_000, 201_000, yuan(12_060)), (1_000, 0, 0, MicroYuan::ZERO)]);
    assert_eq!((lines[1].first_day, lines[1].last_day), (day("2026-11-04"), day("2026-11-04")));
}

fn settles(impressions: u64, order_is_over: bool) -> Settled {
    Settled { deal: DealId(1), by: "Example Count".to_owned(), impressions, order_is_over }
}

#[test]
fn r_stats_another_count_settles_a_pd_both_ways() {
    let sums = [
        sum(day("2026-11-02"), Method::Pd, PaidBy::Cash, 100, "35.00"),
        sum(day("2026-11-02"), Method::Pd, PaidBy::Grant, 900, "35.00"),
    ];
    let line = |impressions| lines(&sums, &[], &[settles(impressions, true)]).remove(0);
    assert_eq!((line(950).consumption, line(950).from_grants), (MicroYuan(33_250_000), MicroYuan(31_500_000)));
    assert_eq!((line(850).consumption, line(850).payable()), (MicroYuan(29_750_000), MicroYuan::ZERO));
    assert_eq!((line(1_100).consumption, line(1_100).payable()), (MicroYuan(38_500_000), yuan(7)));
    assert_eq!(line(1_100).corrected.map(|it| it.adds), Some(MicroYuan(3_500_000)));
    // Two prices: each line has its part.
    let mut sums = sums.to_vec();
    sums.push(sum(day("2026-11-03"), Method::Pd, PaidBy::Cash, 1_000, "70.00"));
    let both = lines(&sums, &[], &[settles(1_801, true)]);
    assert_eq!((both[0].settled, both[1].settled), (900, 901));
}

#[test]
fn r_stats_worked_example_3_a_missing_impression_is_the_exchanges_failure() {
    let line = |impressions, over| lines(&[], &example_2(), &[settles(impressions, over)]).remove(0);
    let lower = line(4_590_000, true);
    assert_eq!((lower.consumption, lower.by_exchange), (yuan(326_400), 560_000));
    // A higher figure takes from what the exchange failed to deliver, once nothing is made good any more.
    assert_eq!((line(5_110_000, true).consumption, line(5_110_000, true).by_exchange), (yuan(357_600), 40_000));
    assert_eq!(line(5_200_000, true).consumption, yuan(360_000), "the ordered amount is the most");
    assert_eq!(line(5_200_000, false).consumption, yuan(357_000));
    // What nobody paid for goes first.
    let over = [result(day("2026-11-02"), 230_000, 0, 0)];
    assert_eq!(lines(&[], &over, &[settles(210_000, true)])[0].consumption, yuan(12_000));
    assert_eq!(lines(&[], &over, &[settles(190_000, true)])[0].consumption, yuan(11_400));
    // But not what made good an earlier month, which is charged.
    let october = result(day("2026-10-31"), 180_000, 20_000, 0);
    let repaid = [october, DayResult { made_good: 20_000, ..over[0].clone() }];
    let both = lines(&[], &repaid, &[settles(215_000, true)]);
    assert_eq!((both[0].consumption, both[1].consumption), (yuan(11_700), yuan(1_200)));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let impossible = DayResult { failed: 200_001, by_buyer: 0, ..result(day("2026-11-02"), 0, 0, 0) };
    let inputs = Inputs { month: november(), sums: &[], results: &[impossible], open: &[], settled: &[] };
    let refused = lines_of(&inputs).unwrap_err();
    assert!(matches!(refused, MonthError::MoreUndeliveredThanOrdered { .. }));
    assert!(refused.to_string().contains("R-MAKEGOOD") && refused.to_string().contains("2026-11-02"));
}
