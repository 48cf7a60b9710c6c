//! Pacing of guaranteed deals: the day's offers spread over what is left of its plan, with bursts capped.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{Cells, DealId};
use crate::market::Market;
use crate::market::deal;
use crate::market::plan::DayPlan;

/// How much of a lull may be made up at once, ms: two seconds of the plan.
const BURST_MS: u64 = 2_000;

/// What a guaranteed deal is offered today.
#[derive(Clone, Copy, Debug)]
pub struct Promise<'p> {
    /// The offers of the day: push ratio × what was ordered and what is to be made good (R-PUSH, R-MAKEGOOD).
    pub offers: u64,
    /// How they spread over the day.
    pub plan: &'p DayPlan,
}

impl<'m> Promise<'m> {
    /// What a deal, as it is on a day, is promised on it, so much being also made good; `None` for a preferred deal, and where it is not ordered.
    #[must_use]
    pub fn of(market: &'m Market, deal: &deal::Deal, day: ShanghaiDay, make_good: u64) -> Option<Self> {
        let volume = deal.volume.filter(|_| deal.state != deal::DealState::NotOrdered)?;
        let impressions = volume.daily.saturating_add(make_good);
        Some(Self { offers: volume.push.offers_for(impressions), plan: market.plan_of(deal.id, day)? })
    }
}

/// Whether a guaranteed deal wants an opportunity now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Behind its plan, by that many millionths of the day's offers; the larger, the sooner it must be served.
    Behind(u32),
    /// At or ahead of its plan, or done for the day.
    Ahead,
}

/// The pace of every guaranteed deal on this node. The rate follows from what remains of the plan and of the volume, so a late
/// start or an outage spreads over the rest of the day.
#[derive(Debug, Default)]
pub struct Pacing {
    deals: Cells<DealId, Progress>,
}

/// Two numbers of a day, each with the day in its upper 16 bits, so that a new day begins without anybody's doing.
#[derive(Debug, Default)]
struct Progress {
    /// By which share of the plan the next offer is due, plus one; 0: not known yet.
    due: AtomicU64,
    /// Opportunities taken: those that were counted and those that are on their way.
    taken: AtomicU64,
}

impl Pacing {
    /// How a deal stands at a moment. `offered` counts today's offers and withheld opportunities, of earlier runs too.
    #[must_use]
    pub fn pace(&self, deal: DealId, promise: Promise<'_>, offered: u64, now: UnixMillis) -> Pace {
        let Some(cell) = self.deals.get(deal) else { return Pace::Ahead };
        let taken = today(cell.taken.load(Ordering::Relaxed), now).max(offered);
        let passed = promise.plan.passed_at(now);
        let due = due_share(cell.due.load(Ordering::Relaxed), promise, taken, now);
        if taken >= promise.offers || due > passed {
            return Pace::Ahead;
        }
        let planned = u128::from(promise.offers) * u128::from(passed) / u128::from(DayPlan::WHOLE);
        let missing = planned.saturating_sub(u128::from(taken));
        Pace::Behind(u32::try_from(missing * 1_000_000 / u128::from(promise.offers.max(1))).unwrap_or(u32::MAX))
    }

    /// Takes one opportunity for a deal: `false` when another thread took the last that was due.
    pub fn take(&self, deal: DealId, promise: Promise<'_>, offered: u64, now: UnixMillis) -> bool {
        let Some(cell) = self.deals.get(deal) else { return false };
        let passed = promise.plan.passed_at(now);
        let time = now.shanghai_time_of_day_ms();
        let burst = passed - promise.plan.passed_by(time.saturating_sub(BURST_MS));
        let taken = today(cell.taken.load(Ordering::Relaxed), now).max(offered);
        let Some(left) = promise.offers.checked_sub(taken).filter(|left| *left > 0) else { return false };
        let step = |stored: u64| {
            let due = due_share(stored, promise, taken, now);
            let base = due.max(passed.saturating_sub(burst));
            (due <= passed).then(|| of_day(base + step(base, left) + 1, now))
        };
        if cell.due.fetch_update(Ordering::AcqRel, Ordering::Relaxed, step).is_err() {
            return false;
        }
        // A thread that read an older count may have moved the due time; the count itself lets nobody beyond the promise.
        let more = |stored: u64| {
            let taken = today(stored, now).max(offered);
            (taken < promise.offers).then(|| of_day(taken + 1, now))
        };
        cell.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
    }

    /// Takes note of `more` opportunities that other nodes have taken: the next one is due here as if they had been taken here, so that all
    /// nodes together keep the pace of one. `offered` counts them already.
    pub fn note_elsewhere(&self, deal: DealId, promise: Promise<'_>, more: u64, offered: u64, now: UnixMillis) {
        let Some(cell) = self.deals.get(deal) else { return };
        let known = |stored: u64| (stored >> 48 == day_mark(now)).then(|| of_day(today(stored, now) + more, now));
        // Nothing was taken here today: the count alone says it.
        let _ = cell.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, known);
        let taken = today(cell.taken.load(Ordering::Relaxed), now).max(offered);
        let step = step(promise.plan.passed_at(now), promise.offers.saturating_sub(taken).max(1));
        // Before the first opportunity here the count alone says how the day stands.
        let moved = |stored: u64| {
            let due = today(stored, now).checked_sub(1)?;
            Some(of_day(due.saturating_add(step.saturating_mul(more)).min(DayPlan::WHOLE) + 1, now))
        };
        let _ = cell.due.fetch_update(Ordering::AcqRel, Ordering::Relaxed, moved);
    }

    /// Gives back an opportunity that was taken and then neither offered nor withheld.
    pub fn give_back(&self, deal: DealId, now: UnixMillis) {
        let Some(cell) = self.deals.get(deal) else { return };
        let less = |stored: u64| today(stored, now).checked_sub(1).map(|taken| of_day(taken, now));
        // Nothing was taken today: midnight has passed in between.
        let _ = cell.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
    }
}

/// How far apart offers are when `left` of them are to spread over the rest of the plan, of which the last half step stays free:
/// offers on time keep the step, and the last one does not wait for midnight.
fn step(passed: u64, left: u64) -> u64 {
    (2 * DayPlan::WHOLE.saturating_sub(passed) / (2 * left).saturating_sub(1).max(1)).max(1)
}

/// By which share of the plan the next offer is due. The first one of a day, or after a start, is due half a step in.
fn due_share(stored: u64, promise: Promise<'_>, taken: u64, now: UnixMillis) -> u64 {
    match today(stored, now).checked_sub(1) {
        Some(due) => due,
        None if taken == 0 => DayPlan::WHOLE / (2 * promise.offers.max(1)),
        None => 0,
    }
}

/// What was stored today; 0 when an earlier day left it.
fn today(stored: u64, now: UnixMillis) -> u64 {
    if stored >> 48 == day_mark(now) { stored & 0xffff_ffff_ffff } else { 0 }
}

fn of_day(value: u64, now: UnixMillis) -> u64 {
    day_mark(now) << 48 | value.min(0xffff_ffff_ffff)
}

fn day_mark(now: UnixMillis) -> u64 {
    u64::from(now.shanghai_day().0 & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::deal::PushRatio;
    use proptest::prelude::*;

    const DEAL: DealId = DealId(1);
    const HOUR_MS: u64 = 3_600_000;
    const ALL: u32 = 0xff_ffff;
    const DAY_MS: u64 = 24 * HOUR_MS;

    fn at(ms: u64) -> UnixMillis {
        ShanghaiDay(20_779).starts_at().plus_ms(ms)
    }

    /// Serves a day in which an opportunity comes every `gap_ms` from `start_ms` on, but not in the hours of `outage`; returns
    /// offers by hour.
    fn day(plan: &DayPlan, offers: u64, start_ms: u64, gap_ms: u64, outage: std::ops::Range<u64>) -> Vec<u64> {
        let (pacing, promise) = (Pacing::default(), Promise { offers, plan });
        let (mut offered, mut hours) = (0, vec![0; 24]);
        for ms in (start_ms..DAY_MS).step_by(gap_ms as usize) {
            if outage.contains(&(ms / HOUR_MS)) {
                continue;
            }
            let behind = matches!(pacing.pace(DEAL, promise, offered, at(ms)), Pace::Behind(_));
            if behind && pacing.take(DEAL, promise, offered, at(ms)) {
                offered += 1;
                hours[(ms / HOUR_MS) as usize] += 1;
            }
        }
        hours
    }

    /// A day with a quiet night and a peak in the evening; nothing at three.
    fn evening() -> ([u32; 24], DayPlan) {
        let weights = [2, 1, 1, 0, 1, 2, 4, 6, 7, 6, 6, 7, 8, 7, 6, 6, 6, 7, 9, 12, 14, 12, 8, 4];
        (weights, DayPlan::new(ALL, [(weights, 1)]))
    }

    #[test]
    fn r_push_a_day_offers_ratio_times_volume_along_the_curve() {
        let offers = PushRatio::parse("1.3").unwrap().offers_for(24_000);
        let (weights, plan) = evening();
        let hours = day(&plan, offers, 0, 1_000, 0..0);
        assert_eq!(hours.iter().sum::<u64>(), 31_200, "{hours:?}");
        let whole: u32 = weights.iter().sum();
        for (hour, weight) in weights.iter().enumerate() {
            let planned = offers * u64::from(*weight) / u64::from(whole);
            assert!(hours[hour].abs_diff(planned) <= 2, "hour {hour}: {} instead of {planned}", hours[hour]);
        }
        let flat = day(&DayPlan::flat(ALL), 31_200, 0, 1_000, 0..0);
        assert!(flat.iter().all(|offers| (1_299..=1_301).contains(offers)), "{flat:?}");
    }

    #[test]
    fn r_makegood_a_day_offers_what_is_made_good_beside_what_was_ordered() {
        let deal = deal::Deal {
            id: DEAL,
            wire: "PDB-1".to_owned(),
            method: crate::event::Method::Pdb,
            state: deal::DealState::Active,
            buyer: crate::ids::BuyerId(0),
            dsps: Vec::new().into(),
            advertisers: Vec::new().into(),
            period: (ShanghaiDay(20_779), ShanghaiDay(20_780)),
            price: crate::money::CpmMicroYuan::default(),
            volume: Some(deal::Volume { daily: 1_000, push: PushRatio::parse("1.3").unwrap() }),
            priority: 0,
            fallback: None,
            identifiers: false,
            approved_markup: false,
            unreviewed_a_day: None,
            frequency: None,
            client: None,
            targeting: deal::Targeting {
                places: Vec::new().into(),
                formats: crate::market::supply::Formats::ALL,
                conditions: None,
            },
        };
        let preferred = deal::Deal { id: DealId(0), volume: None, ..deal.clone() };
        let parts = crate::market::Parts { deals: vec![preferred.clone(), deal.clone()], ..Default::default() };
        let terms = crate::market::ExchangeTerms::plain();
        let market = Market::assemble(1, at(0), [0; 32], terms, parts);
        let offers = |make_good| Promise::of(&market, &deal, ShanghaiDay(20_779), make_good).unwrap().offers;
        assert_eq!((offers(0), offers(500)), (1_300, 1_950), "ratio × (ordered + make-good)");
        assert!(Promise::of(&market, &preferred, ShanghaiDay(20_779), 500).is_none());
    }

    #[test]
    fn a_deal_of_some_hours_spreads_its_volume_over_them() {
        let hours = 0b11_1111 << 18;
        let served = day(&DayPlan::flat(hours), 6_000, 0, 1_000, 0..18);
        assert_eq!(served.iter().sum::<u64>(), 6_000);
        assert!(served[18..].iter().all(|offers| (998..=1_002).contains(offers)), "{served:?}");
    }

    #[test]
    fn a_late_start_spreads_over_the_rest_of_the_day_without_a_burst() {
        let hours = day(&DayPlan::flat(ALL), 24_000, 12 * HOUR_MS, 500, 0..0);
        assert_eq!(hours.iter().sum::<u64>(), 24_000);
        assert!(hours[12..].iter().all(|offers| (1_990..=2_010).contains(offers)), "{hours:?}");
    }

    #[test]
    fn an_outage_is_made_up_along_the_rest_of_the_curve() {
        let (weights, plan) = evening();
        let hours = day(&plan, 14_200, 0, 500, 9..12);
        assert_eq!(hours.iter().sum::<u64>(), 14_200);
        let rest: u32 = weights[12..].iter().sum();
        let left = 14_200 - hours[..9].iter().sum::<u64>();
        for hour in 12..24 {
            let planned = left * u64::from(weights[hour]) / u64::from(rest);
            assert!(hours[hour].abs_diff(planned) <= 5, "hour {hour}: {} instead of {planned}", hours[hour]);
        }
    }

    #[test]
    fn an_hour_without_forecast_offers_nothing_unless_only_such_hours_are_left() {
        let mut weights = [0; 24];
        weights[8..20].fill(5);
        let plan = DayPlan::new(ALL, [(weights, 1)]);
        let hours = day(&plan, 12_000, 0, 1_000, 0..0);
        assert_eq!((hours[..8].iter().sum::<u64>(), hours[20..].iter().sum::<u64>()), (0, 0), "{hours:?}");
        let late = day(&plan, 12_000, 0, 1_000, 17..20);
        assert_eq!(late.iter().sum::<u64>(), 12_000, "what was missed comes in the faint hours: {late:?}");
        assert!(late[20..].iter().all(|offers| (700..=800).contains(offers)), "without a burst: {late:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn never_more_than_promised_and_all_of_it_when_traffic_suffices(
            weights in prop::array::uniform24(0..10_u32), hours in 1..=ALL, offers in 1..3_000_u64,
            start in 0..20 * HOUR_MS, gap in 1_000..20_000_u64,
        ) {
            let plan = DayPlan::new(hours, [(weights, 1)]);
            let served = day(&plan, offers, start, gap, 0..0).iter().sum::<u64>();
            prop_assert!(served <= offers);
            // Whatever the curve, the rest of the day's steps are longer than the gap when its sparsest hour could take all.
            let last = (0..24).rev().find(|hour| plan.passed_by(hour * HOUR_MS) < DayPlan::WHOLE).unwrap();
            let first = (0..24).find(|hour| plan.passed_by((hour + 1) * HOUR_MS) > 0).unwrap();
            if start < first * HOUR_MS && offers * gap * 4 < HOUR_MS && last > first {
                prop_assert_eq!(served, offers);
            }
        }

        #[test]
        fn threads_that_read_old_counts_never_take_more_than_promised(offers in 1..20_u64, reads in 0..5_u64) {
            let plan = DayPlan::flat(ALL);
            let (pacing, promise) = (Pacing::default(), Promise { offers, plan: &plan });
            let mut taken = 0;
            for ms in (0..DAY_MS).step_by(60_000) {
                // The count that comes from the records lags behind.
                let told = taken - taken.min(reads);
                taken += u64::from(pacing.take(DEAL, promise, told, at(ms)));
            }
            prop_assert_eq!(taken, offers);
        }
    }

    #[test]
    fn what_is_given_back_is_offered_again_and_a_restart_keeps_what_was_counted() {
        let plan = DayPlan::flat(ALL);
        let (pacing, promise) = (Pacing::default(), Promise { offers: 2, plan: &plan });
        assert!(!pacing.take(DEAL, promise, 0, at(HOUR_MS)), "the first of two is due at six");
        assert!(pacing.take(DEAL, promise, 0, at(6 * HOUR_MS)));
        pacing.give_back(DEAL, at(6 * HOUR_MS));
        assert!(pacing.take(DEAL, promise, 0, at(20 * HOUR_MS)) && pacing.take(DEAL, promise, 1, at(DAY_MS - 1)));
        assert!(!pacing.take(DEAL, promise, 0, at(DAY_MS - 1)), "both are taken, though they are not counted yet");
        let restarted = Pacing::default();
        assert!(restarted.take(DEAL, promise, 1, at(DAY_MS / 2)) && !restarted.take(DEAL, promise, 1, at(DAY_MS - 1)));
    }

    /// Several nodes serve a day, with traffic in other measure; each hears once a second what the others had counted a second before. Returns
    /// offers by hour.
    fn shared_day(plan: &DayPlan, offers: u64, gaps_ms: &[u64]) -> Vec<u64> {
        let (promise, nodes) = (Promise { offers, plan }, gaps_ms.len());
        let pacings: Vec<_> = gaps_ms.iter().map(|_| Pacing::default()).collect();
        let (mut own, mut flushed, mut heard) = (vec![0; nodes], vec![0; nodes], vec![0; nodes]);
        let mut hours = vec![0; 24];
        for ms in (0..DAY_MS).step_by(100) {
            if ms.is_multiple_of(1_000) {
                let all: u64 = flushed.iter().sum();
                for node in 0..nodes {
                    let elsewhere = all - flushed[node];
                    let more = elsewhere - heard[node];
                    heard[node] = elsewhere;
                    if more > 0 {
                        pacings[node].note_elsewhere(DEAL, promise, more, own[node] + elsewhere, at(ms));
                    }
                }
                flushed.clone_from(&own);
            }
            for node in (0..nodes).filter(|node| ms.is_multiple_of(gaps_ms[*node])) {
                let known = own[node] + heard[node];
                let behind = matches!(pacings[node].pace(DEAL, promise, known, at(ms)), Pace::Behind(_));
                if behind && pacings[node].take(DEAL, promise, known, at(ms)) {
                    own[node] += 1;
                    hours[(ms / HOUR_MS) as usize] += 1;
                }
            }
        }
        hours
    }

    #[test]
    fn r_push_several_nodes_keep_the_pace_of_one_and_pass_the_promise_by_seconds_at_most() {
        let offers = 172_800;
        // Two a second are due. Traffic is even, uneven, and at one node only now and then.
        for gaps in [&[100, 100][..], &[100, 700], &[100, 100, 200], &[100, 5_000]] {
            let hours = shared_day(&DayPlan::flat(ALL), offers, gaps);
            let (all, further) = (hours.iter().sum::<u64>(), gaps.len() as u64 - 1);
            // Five seconds of the plan for each further node.
            assert!((offers..=offers + further * 10).contains(&all), "{gaps:?}: {all}");
            assert!(hours.iter().all(|hour| hour.abs_diff(7_200) <= 72), "{gaps:?}: {hours:?}");
        }
    }

    #[test]
    fn the_further_behind_is_told_apart() {
        let plan = DayPlan::flat(ALL);
        let (pacing, promise) = (Pacing::default(), Promise { offers: 1_000, plan: &plan });
        let pace = |offered| pacing.pace(DEAL, promise, offered, at(DAY_MS / 2));
        assert_eq!((pace(400), pace(450)), (Pace::Behind(100_000), Pace::Behind(50_000)));
        assert_eq!(pace(1_000), Pace::Ahead);
        let short = Promise { offers: 10, plan: &plan };
        assert_eq!(Pacing::default().pace(DEAL, short, 4, at(DAY_MS / 2)), Pace::Behind(100_000), "by its own plan");
    }
}
