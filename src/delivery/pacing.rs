//! Pacing of guaranteed deals: the day's offers spread over what is left of the day, with bursts capped.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::UnixMillis;
use crate::ids::{Cells, DealId};
use crate::market::deal::Volume;

const DAY_US: u64 = 86_400_000_000;
/// How much of a lull may be made up at once, µs: two seconds of offers.
const BURST_US: u64 = 2_000_000;

/// Whether a guaranteed deal wants an opportunity now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Behind its plan, by that many millionths of the day's offers; the larger, the sooner it must be served.
    Behind(u32),
    /// At or ahead of its plan, or done for the day.
    Ahead,
}

/// The pace of every guaranteed deal on this node. Each deal is one number: when its next offer is due, in µs of
/// the day. The rate follows from what remains, so a late start or an outage spreads over the rest of the day.
#[derive(Debug, Default)]
pub struct Pacing {
    due: Cells<DealId, AtomicU64>,
}

impl Pacing {
    /// How a deal stands at a moment. `offered` counts today's offers and withheld opportunities.
    #[must_use]
    pub fn pace(&self, deal: DealId, volume: Volume, offered: u64, now: UnixMillis) -> Pace {
        let promised = volume.push.offers_for(volume.daily);
        if offered >= promised {
            return Pace::Ahead;
        }
        let Some(due) = self.due.get(deal) else { return Pace::Ahead };
        let time = time_us(now);
        if due_today(due.load(Ordering::Relaxed), now) > time {
            return Pace::Ahead;
        }
        let planned = u128::from(promised) * u128::from(time) / u128::from(DAY_US);
        let missing = planned.saturating_sub(u128::from(offered));
        Pace::Behind(u32::try_from(missing * 1_000_000 / u128::from(promised.max(1))).unwrap_or(u32::MAX))
    }

    /// Takes one opportunity for a deal: `false` when another thread took the last that was due.
    pub fn take(&self, deal: DealId, volume: Volume, offered: u64, now: UnixMillis) -> bool {
        let Some(due) = self.due.get(deal) else { return false };
        let time = time_us(now);
        let left = volume.push.offers_for(volume.daily).saturating_sub(offered);
        if left == 0 {
            return false;
        }
        let interval = (DAY_US - time) / left;
        let step = |stored: u64| {
            let at = due_today(stored, now);
            (at <= time).then(|| stored_at(at.max(time.saturating_sub(BURST_US)) + interval, now))
        };
        due.fetch_update(Ordering::AcqRel, Ordering::Relaxed, step).is_ok()
    }
}

fn time_us(now: UnixMillis) -> u64 {
    now.shanghai_time_of_day_ms() * 1_000
}

/// The due time in today's µs; 0 when it was left by an earlier day.
fn due_today(stored: u64, now: UnixMillis) -> u64 {
    let day = u64::from(now.shanghai_day().0 & 0x7f_ffff);
    if stored >> 40 == day { stored & 0xff_ffff_ffff } else { 0 }
}

/// Day number in the upper 24 bits, µs of the day in the lower 40.
fn stored_at(due_us: u64, now: UnixMillis) -> u64 {
    u64::from(now.shanghai_day().0 & 0x7f_ffff) << 40 | due_us.min(0xff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShanghaiDay;
    use crate::market::deal::PushRatio;
    use proptest::prelude::*;

    const DEAL: DealId = DealId(1);

    /// Serves a day in which an opportunity comes every `gap_ms`, from `start_ms` on; returns offers by hour.
    fn day(volume: Volume, start_ms: u64, gap_ms: u64) -> Vec<u64> {
        let pacing = Pacing::default();
        let midnight = ShanghaiDay(20_779).starts_at();
        let (mut offered, mut hours) = (0, vec![0; 24]);
        for ms in (start_ms..86_400_000).step_by(gap_ms as usize) {
            let now = midnight.plus_ms(ms);
            if matches!(pacing.pace(DEAL, volume, offered, now), Pace::Behind(_))
                && pacing.take(DEAL, volume, offered, now)
            {
                offered += 1;
                hours[(ms / 3_600_000) as usize] += 1;
            }
        }
        hours
    }

    #[test]
    fn r_push_a_day_offers_ratio_times_volume_evenly() {
        let volume = Volume { daily: 24_000, push: PushRatio::parse("1.3").unwrap() };
        let hours = day(volume, 0, 1_000);
        assert_eq!(hours.iter().sum::<u64>(), 31_200, "{hours:?}");
        assert!(hours.iter().all(|offers| (1_290..=1_310).contains(offers)), "{hours:?}");
    }

    #[test]
    fn a_late_start_spreads_over_the_rest_of_the_day_without_a_burst() {
        let volume = Volume { daily: 24_000, push: PushRatio::ONE };
        let hours = day(volume, 12 * 3_600_000, 500);
        assert_eq!(hours.iter().sum::<u64>(), 24_000);
        assert!(hours[12..].iter().all(|offers| (1_990..=2_010).contains(offers)), "{hours:?}");
    }

    proptest! {
        #[test]
        fn never_more_than_promised(daily in 1..5_000_u64, gap in 500..20_000_u64, start in 0..86_000_000_u64) {
            let volume = Volume { daily, push: PushRatio::parse("1.3").unwrap() };
            prop_assert!(day(volume, start, gap).iter().sum::<u64>() <= volume.push.offers_for(daily));
        }
    }

    #[test]
    fn the_further_behind_is_told_apart() {
        let pacing = Pacing::default();
        let noon = ShanghaiDay(20_779).starts_at().plus_ms(43_200_000);
        let volume = Volume { daily: 1_000, push: PushRatio::ONE };
        assert_eq!(pacing.pace(DEAL, volume, 400, noon), Pace::Behind(100_000));
        assert_eq!(pacing.pace(DEAL, volume, 450, noon), Pace::Behind(50_000));
        assert_eq!(pacing.pace(DEAL, volume, 1_000, noon), Pace::Ahead);
    }
}
