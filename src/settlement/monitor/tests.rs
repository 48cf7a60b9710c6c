use super::*;

#[test]
fn r_stats_worked_example_3_ten_percent_settles_and_one_impression_more_is_reviewed() {
    let tolerance = BasisPoints(1_000);
    assert_eq!(compare(5_100_000, 4_590_000, tolerance), Verdict::ThirdSettles);
    assert_eq!(compare(5_100_000, 4_589_999, tolerance), Verdict::Review);
    assert_eq!(compare(5_100_000, 5_610_000, tolerance), Verdict::ThirdSettles, "a higher figure too");
    assert_eq!(compare(5_100_000, 5_610_001, tolerance), Verdict::Review);
    assert_eq!(compare(0, 0, tolerance), Verdict::ThirdSettles);
    assert_eq!(compare(0, 1, tolerance), Verdict::Review);
    assert_eq!(compare(u64::MAX, u64::MAX / 10 * 9, tolerance), Verdict::Review, "no overflow");
}

#[test]
fn r_stats_an_orders_figure_is_shared_out_as_the_exchange_counted() {
    assert_eq!(shares(95, &[60, 40]), [57, 38]);
    assert_eq!(shares(10, &[1, 1, 1]), [4, 3, 3], "the first of equal remainders");
    assert_eq!(shares(7, &[2, 3, 5]), [1, 2, 4], "1.4, 2.1 and 3.5");
    assert_eq!(shares(5, &[0, 0]), [5, 0], "nothing to go by");
    assert_eq!(
        shares(u64::MAX, &[u64::MAX, u64::MAX]).iter().map(|part| u128::from(*part)).sum::<u128>(),
        u128::from(u64::MAX)
    );
}
