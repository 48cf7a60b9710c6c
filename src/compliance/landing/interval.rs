//! When a page is looked at again: more often for what serves more.

use crate::market::policy::landing::Watch;

/// Until the next round, ms: the longest for a page to which no impressions lead, half of it at [`Watch::impressions_a_day`], a quarter at three
/// times as many, never below the shortest. `draw`, 0 to 999, takes up to a fifth off, so that pages are not all due at once; the interval is
/// an upper bound.
#[must_use]
pub fn interval(watch: &Watch, impressions_a_day: u64, draw: u16) -> u64 {
    let ms = |it: std::time::Duration| it.as_millis();
    let per = u128::from(watch.impressions_a_day.max(1));
    let usual = ms(watch.longest) * per / (per + u128::from(impressions_a_day));
    let bounded = usual.max(ms(watch.shortest));
    let off = bounded * u128::from(draw.min(999)) / 5_000;
    u64::try_from(bounded - off).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_serves_more_is_looked_at_more_often_within_bounds() {
        const HOUR: u64 = 3_600_000;
        let watch = Watch {
            longest: Duration::from_secs(12 * 3_600),
            shortest: Duration::from_secs(600),
            impressions_a_day: 10_000,
            ..Watch::default()
        };
        assert_eq!([0, 10_000, 30_000].map(|it| interval(&watch, it, 0)), [12 * HOUR, 6 * HOUR, 3 * HOUR]);
        assert_eq!([710_000, 5_000_000, u64::MAX].map(|it| interval(&watch, it, 0)), [600_000; 3]);
        let spread = [0, 500, 999, 9_999].map(|draw| interval(&watch, 0, draw));
        assert_eq!(spread, [12 * HOUR, 12 * HOUR - 4_320_000, 12 * HOUR - 8_631_360, 12 * HOUR - 8_631_360]);
    }
}
