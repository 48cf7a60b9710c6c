//! What a month may come to before it is over: what is committed for the days to come, and for preferred deals what the last days were
//! like (R-MINIMUM). Costs the number of days, whatever the number of impressions.

use std::collections::BTreeMap;

use crate::clock::{Month, ShanghaiDay};
use crate::money::MicroYuan;

/// How many days the mean of preferred deals is made of.
const RECENT_DAYS: u32 = 7;
/// From how many days on each weekday has a mean of its own: four of each.
pub(super) const WEEKDAY_DAYS: u32 = 28;

/// What a month may come to, in micro-yuan, grants included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// What is expected.
    pub expected: MicroYuan,
    /// If each day to come is as the worst of those that the mean is made of.
    pub least: MicroYuan,
    /// If each is as the best.
    pub most: MicroYuan,
}

/// What a forecast is made from.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'b> {
    /// Which month.
    pub month: Month,
    /// Today, which is not over.
    pub today: ShanghaiDay,
    /// What the days of the month before today came to, of all deals; where a day is not closed, so far.
    pub so_far: MicroYuan,
    /// What preferred deals have consumed today so far.
    pub preferred_today: MicroYuan,
    /// What preferred deals consumed on each day before today; days without are left out.
    pub preferred: &'b BTreeMap<ShanghaiDay, MicroYuan>,
    /// The first day of which the consumption is known: those since then that are left out came to nothing.
    pub known_from: ShanghaiDay,
    /// What guaranteed deals come to from today to the month's end.
    pub committed: MicroYuan,
}

/// One day of preferred deals, as it may be.
#[derive(Clone, Copy, Default)]
struct Typical {
    mean: i64,
    least: i64,
    most: i64,
}

/// What the month may come to. Of a month that is over: what it came to.
#[must_use]
pub fn forecast(basis: &Basis<'_>) -> Forecast {
    let fixed = i128::from(basis.so_far.0) + i128::from(basis.committed.0);
    let mut sums = [fixed; 3];
    let mut day = basis.today.max(basis.month.first_day());
    while day <= basis.month.last_day() {
        let typical = typical(basis, day);
        let floor = if day == basis.today { basis.preferred_today.0 } else { 0 };
        for (sum, part) in sums.iter_mut().zip([typical.mean, typical.least, typical.most]) {
            *sum += i128::from(part.max(floor));
        }
        day = day.next();
    }
    let [expected, least, most] = sums.map(|sum| MicroYuan(i64::try_from(sum).unwrap_or(i64::MAX)));
    Forecast { expected, least, most }
}

/// What preferred deals may consume on a day: by the mean of the days of its weekday where enough are known, else by the last seven.
fn typical(basis: &Basis<'_>, day: ShanghaiDay) -> Typical {
    let today = basis.today.0;
    let known = today.saturating_sub(basis.known_from.0);
    let by_weekday = known >= WEEKDAY_DAYS;
    let days = if by_weekday { WEEKDAY_DAYS } else { known.min(RECENT_DAYS) };
    let chosen = (today - days..today).map(ShanghaiDay).filter(|it| !by_weekday || it.weekday() == day.weekday());
    let amounts: Vec<i64> = chosen.map(|it| basis.preferred.get(&it).copied().unwrap_or_default().0).collect();
    let Ok(count) = i128::try_from(amounts.len()) else { return Typical::default() };
    if count == 0 {
        return Typical::default();
    }
    let sum: i128 = amounts.iter().copied().map(i128::from).sum();
    Typical {
        mean: i64::try_from((sum + count / 2) / count).unwrap_or(i64::MAX),
        least: amounts.iter().copied().min().unwrap_or(0),
        most: amounts.iter().copied().max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> ShanghaiDay {
        ShanghaiDay::parse(text).unwrap()
    }

    /// Consumption of 100 on weekdays, 40 on weekends, in the days before 21 November 2026, a Saturday.
    fn history(days: u32) -> BTreeMap<ShanghaiDay, MicroYuan> {
        let today = day("2026-11-21").0;
        let amount = |day: ShanghaiDay| if day.weekday() >= 5 { MicroYuan(40) } else { MicroYuan(100) };
        (today - days..today).map(|it| (ShanghaiDay(it), amount(ShanghaiDay(it)))).collect()
    }

    fn of(days: u32, preferred_today: i64) -> Forecast {
        let preferred = history(days);
        forecast(&Basis {
            month: Month::parse("2026-11").unwrap(),
            today: day("2026-11-21"),
            so_far: MicroYuan(5_000),
            preferred_today: MicroYuan(preferred_today),
            preferred: &preferred,
            known_from: ShanghaiDay(day("2026-11-21").0 - days),
            committed: MicroYuan(700),
        })
    }

    #[test]
    fn r_minimum_the_forecast_is_the_mean_of_seven_days_and_what_is_committed() {
        // (5 × 100 + 2 × 40) / 7 = 82.86 a day for ten days, today among them.
        let all = Forecast {
            expected: MicroYuan(5_700 + 830),
            least: MicroYuan(5_700 + 400),
            most: MicroYuan(5_700 + 1_000),
        };
        assert_eq!(of(7, 0), all);
        assert_eq!(of(20, 0), all, "the last seven");
        assert_eq!(
            of(20, 90).expected,
            MicroYuan(5_700 + 9 * 83 + 90),
            "today has consumed more than the mean already"
        );
        let friday_alone = Forecast { expected: MicroYuan(6_700), least: MicroYuan(6_700), most: MicroYuan(6_700) };
        assert_eq!(of(1, 0), friday_alone);
        assert_eq!(of(0, 0), Forecast { expected: MicroYuan(5_700), least: MicroYuan(5_700), most: MicroYuan(5_700) });
    }

    #[test]
    fn r_minimum_with_four_weeks_each_weekday_has_its_own_mean() {
        // From Saturday 21st to Monday 30th: four weekend days, six weekdays.
        let exact = MicroYuan(5_700 + 4 * 40 + 6 * 100);
        assert_eq!(of(28, 0), Forecast { expected: exact, least: exact, most: exact });
    }
}
