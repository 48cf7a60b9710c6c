//! How a placement's traffic spreads over a day, for pacing: exact integers, no floats.

const HOUR_MS: u64 = 3_600_000;
const HOURS: usize = 24;

/// The hourly weights of a day in Shanghai, as their running sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficCurve {
    /// `sums[h]`: the weights of all hours before `h`; the last is the whole and never zero.
    sums: [u32; HOURS + 1],
}

impl TrafficCurve {
    /// The largest weight of an hour.
    pub const MOST: u32 = 1_000_000;

    /// A curve from 24 weights, midnight first; `None` when one is above [`TrafficCurve::MOST`] or all are zero.
    #[must_use]
    pub fn new(weights: &[u32; HOURS]) -> Option<Self> {
        let mut sums = [0; HOURS + 1];
        let mut sum = 0;
        for (weight, after) in weights.iter().zip(sums.iter_mut().skip(1)) {
            sum += Some(*weight).filter(|weight| *weight <= Self::MOST)?;
            *after = sum;
        }
        (sum > 0).then_some(Self { sums })
    }

    /// As much in every hour.
    #[must_use]
    pub fn flat() -> Self {
        let mut sums = [0; HOURS + 1];
        for (hour, sum) in (0..).zip(sums.iter_mut()) {
            *sum = hour;
        }
        Self { sums }
    }

    /// The share of the day's traffic that has passed by a time of day in ms since midnight in Shanghai, as a fraction: within an
    /// hour it grows evenly; from the end of the day on it is the whole, numerator = denominator.
    #[must_use]
    pub fn elapsed(&self, time_of_day_ms: u64) -> (u64, u64) {
        let whole = u64::from(self.sums[HOURS]) * HOUR_MS;
        let hour = usize::try_from(time_of_day_ms / HOUR_MS).unwrap_or(HOURS);
        let Some([before, after]) = self.sums.get(hour..).and_then(|sums| sums.first_chunk()) else {
            return (whole, whole);
        };
        let within = u64::from(after - before) * (time_of_day_ms % HOUR_MS);
        (u64::from(*before) * HOUR_MS + within, whole)
    }

    /// How much of a day's total is due by a time of day, rounded down; all of it at the end of the day.
    #[must_use]
    pub fn due(&self, total: u64, time_of_day_ms: u64) -> u64 {
        let (elapsed, whole) = self.elapsed(time_of_day_ms);
        u64::try_from(u128::from(total) * u128::from(elapsed) / u128::from(whole)).unwrap_or(total)
    }

    /// The weights, midnight first.
    pub fn weights(&self) -> impl Iterator<Item = u32> + '_ {
        self.sums.iter().zip(self.sums.iter().skip(1)).map(|(before, after)| after - before)
    }
}

impl Default for TrafficCurve {
    fn default() -> Self {
        Self::flat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn a_curve_interpolates_within_the_hour() {
        let mut weights = [1; HOURS];
        weights[20] = 7;
        let curve = TrafficCurve::new(&weights).unwrap();
        assert_eq!(curve.due(30, 20 * HOUR_MS), 20);
        assert_eq!(curve.due(30, 20 * HOUR_MS + HOUR_MS / 7), 20, "floor(20.99…)");
        assert_eq!(curve.due(30, 20 * HOUR_MS + HOUR_MS / 7 + 1), 21);
        assert_eq!(curve.due(30, 21 * HOUR_MS), 27);
        assert_eq!(curve.weights().collect::<Vec<_>>(), weights);
        assert_eq!(TrafficCurve::flat(), TrafficCurve::new(&[1; HOURS]).unwrap());
    }

    #[test]
    fn a_curve_of_nothing_or_too_much_is_none() {
        assert_eq!(TrafficCurve::new(&[0; HOURS]), None);
        let mut weights = [0; HOURS];
        weights[3] = TrafficCurve::MOST + 1;
        assert_eq!(TrafficCurve::new(&weights), None);
    }

    proptest! {
        #[test]
        fn what_is_due_never_falls_and_ends_at_the_whole(
            weights in prop::array::uniform24(0..=TrafficCurve::MOST), total in any::<u64>(), step in 1..DAY_MS / 50,
        ) {
            let Some(curve) = TrafficCurve::new(&weights) else { return Ok(()) };
            let due: Vec<_> = (0..=DAY_MS).step_by(step as usize).map(|ms| curve.due(total, ms)).collect();
            prop_assert_eq!(due[0], 0);
            prop_assert!(due.is_sorted());
            prop_assert_eq!(curve.due(total, DAY_MS), total);
            let (elapsed, whole) = curve.elapsed(DAY_MS);
            prop_assert_eq!(elapsed, whole);
        }
    }
}
