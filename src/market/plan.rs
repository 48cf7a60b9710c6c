//! How a guaranteed deal's volume spreads over a day.

use std::collections::HashMap;

use super::Table;
use super::deal::Deal;
use super::supply::Placement;
use super::targeting::{Dayparts, Place};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::DealId;

const HOURS: usize = 24;
/// The bits of all hours.
const ALL: u32 = 0xff_ffff;
const HOUR_MS: u64 = 3_600_000;
/// More impressions a day than any placement has; keeps the sums in their integers.
const MOST_CAPACITY: u64 = 1 << 40;
/// An hour without forecast traffic gets this part of the day. By the plan that offers nothing there; but what was not offered
/// when only such hours are left is spread over them.
const FAINT: u128 = 1_000_000;

/// A day's plan: which share of the day's offers is due by a moment.
///
/// It follows the forecast traffic of the deal's placements, each by its capacity, within the deal's hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayPlan {
    /// `sums[h]`: the share of the day before hour `h`, in units of which the day has [`DayPlan::WHOLE`].
    sums: [u64; HOURS + 1],
}

impl DayPlan {
    /// The whole day.
    pub const WHOLE: u64 = 1 << 47;

    /// The plan of a deal that runs in `hours` (one bit each, from midnight) on placements, each with its 24 hourly weights (midnight first) and its forecast
    /// impressions a day. Without any traffic the deal's hours count alike; without any hours, those of the day.
    #[must_use]
    pub fn new(hours: u32, traffic: impl IntoIterator<Item = ([u32; HOURS], u64)>) -> Self {
        let mut shares = [0_u128; HOURS];
        for (weights, capacity) in traffic {
            let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            for (share, weight) in shares.iter_mut().zip(weights) {
                // Scaled, so that a small weight of a small placement does not vanish beside a large one.
                *share += ((u128::from(capacity.clamp(1, MOST_CAPACITY)) * u128::from(weight)) << 24)
                    / u128::from(sum.max(1));
            }
        }
        let hours = if hours & ALL == 0 { ALL } else { hours };
        let runs = |hour: usize| hours >> hour & 1 == 1;
        let whole: u128 = (0..HOURS).filter(|hour| runs(*hour)).map(|hour| shares[hour]).sum();
        let faint = (whole / FAINT).max(1);
        let mut sums = [0; HOURS + 1];
        for (hour, share) in shares.iter_mut().enumerate() {
            *share = if runs(hour) { (*share).max(faint) } else { 0 };
        }
        let whole: u128 = shares.iter().sum();
        let mut before = 0;
        for (share, sum) in shares.iter().zip(sums.iter_mut().skip(1)) {
            before += share;
            *sum = (before * u128::from(Self::WHOLE) / whole) as u64;
        }
        Self { sums }
    }

    /// The same share in every hour of a deal.
    #[must_use]
    pub fn flat(hours: u32) -> Self {
        Self::new(hours, [])
    }

    /// The share of the day that has passed by a time of day, ms since midnight in Shanghai: 0 to [`DayPlan::WHOLE`].
    #[must_use]
    pub fn passed_by(&self, time_of_day_ms: u64) -> u64 {
        let hour = usize::try_from(time_of_day_ms / HOUR_MS).unwrap_or(HOURS);
        let Some([before, after]) = self.sums.get(hour..).and_then(|sums| sums.first_chunk()) else {
            return Self::WHOLE;
        };
        let within = u128::from(after - before) * u128::from(time_of_day_ms % HOUR_MS) / u128::from(HOUR_MS);
        before + within as u64
    }

    /// The share of the day that has passed at a moment.
    #[must_use]
    pub fn passed_at(&self, now: UnixMillis) -> u64 {
        self.passed_by(now.shanghai_time_of_day_ms())
    }
}

/// The plans of a week, Monday first: a deal's hours may differ by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekPlan {
    /// Those that differ.
    plans: Box<[DayPlan]>,
    days: [u8; 7],
}

impl WeekPlan {
    fn new(dayparts: &Dayparts, traffic: &[([u32; HOURS], u64)]) -> Self {
        let mut plans: Vec<DayPlan> = Vec::with_capacity(1);
        let days = dayparts.0.map(|hours| {
            let plan = DayPlan::new(hours, traffic.iter().copied());
            let known = plans.iter().position(|known| *known == plan);
            let place = known.unwrap_or(plans.len());
            if known.is_none() {
                plans.push(plan);
            }
            place as u8
        });
        Self { plans: plans.into(), days }
    }

    /// The plan of a day.
    #[must_use]
    pub fn on(&self, day: ShanghaiDay) -> &DayPlan {
        // A weekday is below seven and every place in `days` was pushed before it was noted.
        &self.plans[usize::from(self.days[usize::from(day.weekday())])]
    }
}

/// The plan of every guaranteed deal, from the traffic of all placements that it names and does not exclude.
pub(super) fn plans_of(deals: &[Deal], placements: &[Placement]) -> Table<DealId, WeekPlan> {
    let mut by_place: HashMap<Place, Vec<&Placement>> = HashMap::new();
    for placement in placements {
        for place in places_of(placement) {
            by_place.entry(place).or_default().push(placement);
        }
    }
    let plan = |deal: &Deal| {
        let conditions = deal.targeting.conditions.as_deref();
        let excluded = |placement: &Placement| {
            let places = places_of(placement);
            conditions.is_some_and(|it| places.iter().any(|place| it.excluded_places.contains(place)))
        };
        let named = deal.targeting.places.iter().filter_map(|place| by_place.get(place)).flatten();
        let traffic = named.filter(|placement| !excluded(placement)).map(|placement| {
            let mut weights = [0; HOURS];
            weights.iter_mut().zip(placement.traffic.weights()).for_each(|(weight, told)| *weight = told);
            (weights, placement.daily_capacity)
        });
        let dayparts = conditions.map_or(Dayparts::ALL, |conditions| conditions.dayparts);
        (deal.id, WeekPlan::new(&dayparts, &traffic.collect::<Vec<_>>()))
    };
    Table::new(deals.iter().filter(|deal| deal.volume.is_some()).map(plan))
}

const fn places_of(placement: &Placement) -> [Place; 3] {
    [Place::Placement(placement.id), Place::Property(placement.property), Place::Media(placement.media)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The share of an hour, in thousandths of the day.
    fn share(plan: &DayPlan, hour: u64) -> u64 {
        let span = plan.passed_by((hour + 1) * HOUR_MS) - plan.passed_by(hour * HOUR_MS);
        (span + DayPlan::WHOLE / 2_000) / (DayPlan::WHOLE / 1_000)
    }

    #[test]
    fn placements_count_by_their_capacity() {
        let (mut morning, mut evening) = ([0; HOURS], [0; HOURS]);
        morning[8] = 10;
        evening[20] = 1;
        let plan = DayPlan::new(ALL, [(morning, 1_000), (evening, 3_000)]);
        assert_eq!((share(&plan, 8), share(&plan, 20), share(&plan, 9)), (250, 750, 0));
    }

    #[test]
    fn hours_in_which_the_deal_does_not_run_get_nothing() {
        let mut weights = [1; HOURS];
        weights[20] = 5;
        let plan = DayPlan::new(0b11_1111 << 18, [(weights, 7)]);
        assert_eq!((plan.passed_by(18 * HOUR_MS), plan.passed_by(24 * HOUR_MS)), (0, DayPlan::WHOLE));
        assert_eq!((share(&plan, 18), share(&plan, 20)), (100, 500));
        let elsewhere = DayPlan::new(1, [([0; HOURS], 7)]);
        assert_eq!(elsewhere, DayPlan::flat(1), "no traffic forecast in the deal's hours: they count alike");
    }

    proptest! {
        #[test]
        fn a_plan_never_falls_and_ends_at_the_whole(
            weights in prop::array::uniform24(0..1_000_000_u32), hours in 0..=ALL, capacity in any::<u64>(),
        ) {
            let plan = DayPlan::new(hours, [(weights, capacity)]);
            let passed: Vec<_> = (0..=96).map(|quarter| plan.passed_by(quarter * HOUR_MS / 4)).collect();
            prop_assert_eq!((passed[0], passed[96]), (0, DayPlan::WHOLE));
            prop_assert!(passed.is_sorted());
        }
    }
}
