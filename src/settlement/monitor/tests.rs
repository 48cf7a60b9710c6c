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
