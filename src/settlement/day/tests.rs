use super::*;
use proptest::prelude::*;

const FIRST: ShanghaiDay = ShanghaiDay(20_758);

fn terms(push: &str) -> Terms {
    let (price, push) = (CpmMicroYuan::parse_yuan("60.00").unwrap(), PushRatio::parse(push).unwrap());
    Terms { ordered: 200_000, price, push, exempt: false }
}

fn counts(offered: u64, delivered: u64) -> DayCounts {
    DayCounts { offered, delivered, causes: BTreeMap::from([(Cause::DspTimeout, 9)]) }
}

/// The order of worked example 2: 200,000 a day from 1 to 30 November; on the 12th too little is offered. `extra` is delivered on each
/// of the five days after it, beyond what was ordered.
fn worked_example_2(push: &str, offered_on_12th: u64, extra: u64) -> OrderOutcome {
    let (terms, mut order) = (terms(push), OrderOutcome::default());
    let enough = terms.push.offers_for(200_000);
    for index in 0..30_u32 {
        let counts = match index {
            11 => counts(offered_on_12th, 140_000),
            12..=16 => counts(enough + terms.push.offers_for(extra), if extra > 0 { 200_000 + extra } else { 180_000 }),
            // 4,960,000 less what the five days have, over 24 days.
            _ if extra > 0 => counts(enough, 165_000),
            // 5,100,000 − 140,000 − 5 × 180,000 = 4,060,000 over 24 days.
            17 => counts(enough, 170_000 - 20_000),
            _ => counts(enough, 170_000),
        };
        order.add(ShanghaiDay(FIRST.0 + index), &terms, &outcome(&terms, &counts));
    }
    order
}

#[test]
fn r_makegood_worked_example_2_without_make_good() {
    for (push, offered) in [("1", 150_000), ("1.3", 195_000)] {
        let order = worked_example_2(push, offered, 0);
        assert_eq!((order.ordered, order.delivered), (6_000_000, 5_100_000), "push {push}");
        assert_eq!(order.open.by_day().collect::<Vec<_>>(), [(ShanghaiDay(FIRST.0 + 11), 50_000)]);
        assert_eq!((order.payable, order.made_good, order.at_cost), (850_000, 0, 0));
        assert_eq!(order.charged(terms(push).price).to_string(), "¥357000.00");
    }
}

#[test]
fn r_makegood_worked_example_2_made_good_by_50000_more_on_later_days() {
    for (push, offered) in [("1", 150_000), ("1.3", 195_000)] {
        let order = worked_example_2(push, offered, 10_000);
        assert_eq!((order.open.total(), order.made_good, order.at_cost), (0, 50_000, 0), "push {push}");
        assert_eq!(order.delivered + order.payable, 5_950_000);
        assert_eq!(order.charged(terms(push).price).to_string(), "¥360000.00");
    }
}

#[test]
fn r_makegood_the_12th_of_worked_example_2() {
    for (push, offered) in [("1", 150_000), ("1.3", 195_000)] {
        let day = outcome(&terms(push), &counts(offered, 140_000));
        assert_eq!((day.deliverable, day.delivered, day.beyond), (150_000, 140_000, 0));
        let undelivered = BTreeMap::from([(Cause::DspTimeout, 10_000), (Cause::TooLittleTraffic, 50_000)]);
        assert_eq!(day.undelivered, undelivered);
        assert_eq!((day.payable(), day.to_make_good()), (10_000, 50_000));
    }
}

#[test]
fn r_push_a_return_within_the_allowance_is_no_failure() {
    // 260,000 offered at 1.3, 60,000 returned, all others shown.
    let mut counted = counts(260_000, 200_000);
    counted.causes = BTreeMap::from([(Cause::Returned, 60_000)]);
    assert_eq!(outcome(&terms("1.3"), &counted).undelivered, BTreeMap::new());
    // 1,000 more ended by nobody's fault: offered in full, so payable, under the causes that were counted.
    counted.delivered = 199_000;
    counted.causes = BTreeMap::from([(Cause::MediaGone, 1_000)]);
    assert_eq!(outcome(&terms("1.3"), &counted).undelivered, BTreeMap::from([(Cause::MediaGone, 1_000)]));
    counted.causes.clear();
    assert_eq!(outcome(&terms("1.3"), &counted).undelivered, BTreeMap::from([(Cause::NotDisplayed, 1_000)]));
}

#[test]
fn r_makegood_the_buyers_part_falls_on_its_causes_by_largest_remainder() {
    let mut counted = counts(200_000, 199_990);
    counted.causes = BTreeMap::from([
        (Cause::NoCreative, 1),
        (Cause::DspTimeout, 1),
        (Cause::DspFailed, 1),
        (Cause::AheadOfPlan, 5_000),
        (Cause::NoLease, 7),
    ]);
    let day = outcome(&terms("1"), &counted);
    let split = BTreeMap::from([(Cause::NoCreative, 4), (Cause::DspTimeout, 3), (Cause::DspFailed, 3)]);
    assert_eq!(day.undelivered, split, "10 over three equal causes");
    // The exchange's own causes take the failure as far as they were counted; the rest is traffic that was not there.
    counted.offered = 199_980;
    counted.delivered = 199_970;
    let day = outcome(&terms("1"), &counted);
    assert_eq!((day.undelivered[&Cause::NoLease], day.undelivered[&Cause::TooLittleTraffic]), (7, 13));
}

#[test]
fn r_exempt_days_are_neither_sides_failure_and_served_later_else_actual_delivery_settles() {
    let exempt = Terms { exempt: true, ..terms("1") };
    let day = outcome(&exempt, &counts(150_000, 140_000));
    assert_eq!(day.undelivered, BTreeMap::from([(Cause::Exempt, 60_000)]));
    assert_eq!((day.payable(), day.to_make_good()), (0, 60_000));
    let mut order = OrderOutcome::default();
    order.add(FIRST, &exempt, &day);
    assert_eq!(order.charged(exempt.price), cost(exempt.price, 140_000), "actual delivery");
    order.add(FIRST.next(), &terms("1"), &outcome(&terms("1"), &counts(260_000, 260_000)));
    assert_eq!((order.made_good, order.open.total()), (60_000, 0));
}

#[test]
fn r_makegood_earlier_over_delivery_never_offsets_and_the_oldest_failure_is_repaid_first() {
    let mut order = OrderOutcome::default();
    let terms = terms("1");
    let mut add = |index: u32, offered, delivered| {
        order.add(ShanghaiDay(FIRST.0 + index), &terms, &outcome(&terms, &counts(offered, delivered)));
        order.clone()
    };
    assert_eq!(add(0, 230_000, 230_000).at_cost, 30_000);
    assert_eq!(add(1, 190_000, 190_000).open.total(), 10_000, "the day before does not offset");
    add(2, 180_000, 180_000);
    let open: Vec<_> = add(3, 215_000, 215_000).open.by_day().collect();
    assert_eq!(open, [(ShanghaiDay(FIRST.0 + 2), 15_000)], "the oldest first");
    let end = add(4, 220_000, 220_000);
    assert_eq!((end.open.total(), end.made_good, end.at_cost), (0, 30_000, 35_000));
}

prop_compose! {
    fn days()(days in prop::collection::vec((0..400_u64, 0..600_u64, 0..500_u64, prop::bool::weighted(0.1),
        prop::collection::btree_map(prop::sample::select(Cause::ALL), 0..90_u64, 0..6)), 1..20),
        push in prop::sample::select(vec!["1", "1.3", "2"])) -> Vec<(Terms, DayCounts)> {
        let push = PushRatio::parse(push).unwrap();
        let price = CpmMicroYuan::parse_yuan("60.00").unwrap();
        days.into_iter().map(|(ordered, offered, delivered, exempt, causes)| {
            (Terms { ordered, price, push, exempt }, DayCounts { offered, delivered, causes })
        }).collect()
    }
}

proptest! {
    // Invariant 9: every unit that was ordered was delivered, or ended under one cause that has a party.
    #[test]
    fn r_makegood_every_unit_ends_under_one_cause(days in days()) {
        let mut order = OrderOutcome::default();
        for (index, (terms, counts)) in days.iter().enumerate() {
            let day = outcome(terms, counts);
            prop_assert_eq!(day.delivered + day.undelivered.values().sum::<u64>(), terms.ordered);
            prop_assert_eq!(day.delivered + day.beyond, counts.delivered);
            prop_assert!(day.undelivered.values().all(|count| *count > 0));
            // The formula as the rule has it.
            let offered = counts.offered * 10 / match terms.push { one if one.is_one() => 10, two if two == PushRatio::parse("2").unwrap() => 20, _ => 13 };
            let failure = terms.ordered.saturating_sub(counts.delivered.max(offered));
            if terms.exempt {
                prop_assert_eq!(day.payable(), 0);
            } else {
                prop_assert_eq!(day.undelivered_by(Party::Exchange), failure);
                prop_assert_eq!(day.payable(), terms.ordered.saturating_sub(counts.delivered + failure));
            }
            let open = order.open.total();
            order.add(ShanghaiDay(FIRST.0 + index as u32), terms, &day);
            prop_assert_eq!(order.open.total(), open - open.min(day.beyond) + day.to_make_good());
        }
        let all = order.delivered + order.made_good + order.payable + order.open.total();
        prop_assert_eq!(all, order.ordered);
        let delivered: u64 = days.iter().map(|(_, counts)| counts.delivered).sum();
        prop_assert_eq!(order.delivered + order.made_good + order.at_cost, delivered);
    }

    #[test]
    fn parts_add_up_and_are_within_one_of_their_share(whole in 0..100_000_u64, weights in prop::collection::vec(0..50_u64, 1..8)) {
        let weights: Vec<_> = Cause::ALL.iter().copied().zip(weights).collect();
        let mut parts = BTreeMap::new();
        apportion(whole, &weights, &mut parts);
        let sum: u64 = weights.iter().map(|(_, weight)| weight).sum();
        prop_assert_eq!(parts.values().sum::<u64>(), if sum == 0 { 0 } else { whole });
        for (cause, weight) in weights.iter().filter(|_| sum > 0) {
            let floor = whole * weight / sum;
            prop_assert!((floor..=floor + 1).contains(&parts[cause]));
            // Whoever got one more had no smaller remainder than any who did not.
            for (other, less) in &weights {
                let one_more = parts[cause] > floor && parts[other] == whole * less / sum;
                prop_assert!(!one_more || whole * weight % sum >= whole * less % sum);
            }
        }
    }
}
