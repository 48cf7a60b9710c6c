//! What one day of a guaranteed deal comes to, and what of it is made good later (R-MAKEGOOD, R-EXEMPT). Pure.

mod closing;
mod exempt;
mod late;

pub use closing::{Closer, Closing, make_good_of};
pub use exempt::{Adjusted, Exemption};

pub(in crate::settlement) use exempt::waiting;

use std::collections::BTreeMap;

use crate::clock::ShanghaiDay;
use crate::event::{Cause, Measure, Party, Stage, Tally};
use crate::market::deal::PushRatio;
use crate::money::{CpmMicroYuan, MicroYuan};

/// What was ordered for one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Impressions.
    pub ordered: u64,
    /// The agreed price.
    pub price: CpmMicroYuan,
    /// How much more is offered (R-PUSH).
    pub push: PushRatio,
    /// Whether neither side fails on that day (R-EXEMPT).
    pub exempt: bool,
}

/// What was counted of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    /// Opportunities that were sent to a DSP or withheld for a reason of the buyer.
    pub offered: u64,
    /// Impressions that were displayed and billed, those of make-good among them.
    pub delivered: u64,
    /// How many opportunities ended under each cause.
    pub causes: BTreeMap<Cause, u64>,
}

impl DayCounts {
    /// The counts of one deal's day, from its tallies.
    #[must_use]
    pub fn of<'t>(tallies: impl IntoIterator<Item = &'t Tally>, delivered: u64) -> Self {
        let mut counts = Self { delivered, ..Self::default() };
        for tally in tallies {
            match tally.measure {
                Measure::Stage(Stage::Offered | Stage::Withheld) => counts.offered += tally.count,
                Measure::Stage(_) => {}
                Measure::Cause(cause) => *counts.causes.entry(cause).or_default() += tally.count,
            }
        }
        counts
    }
}

/// What a day comes to, in impressions. `delivered + undelivered` is what was ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayOutcome {
    /// What the exchange offered suffices for so many.
    pub deliverable: u64,
    /// Delivered of what was ordered for the day.
    pub delivered: u64,
    /// Delivered beyond that: repays open failures, and is at the exchange's cost otherwise.
    pub beyond: u64,
    /// Not delivered, each under one cause; none is zero.
    pub undelivered: BTreeMap<Cause, u64>,
}

impl DayOutcome {
    /// What is undelivered for reasons of one party.
    #[must_use]
    pub fn undelivered_by(&self, party: Party) -> u64 {
        self.undelivered.iter().filter(|(cause, _)| party_of(**cause) == party).map(|(_, count)| count).sum()
    }

    /// What is payable though it was not delivered.
    #[must_use]
    pub fn payable(&self) -> u64 {
        self.undelivered_by(Party::Buyer)
    }

    /// What is to be served later: the exchange's failure, or what an exempt day left over.
    #[must_use]
    pub fn to_make_good(&self) -> u64 {
        self.undelivered.values().sum::<u64>() - self.payable()
    }
}

/// Whose volume it is that ended under a cause, once a day is over. Offered in full and yet not displayed stays payable, also where nobody
/// failed: the exchange has done its part (R-MAKEGOOD: buyer's = ordered − delivered − exchange's failure).
fn party_of(cause: Cause) -> Party {
    match (cause, cause.party()) {
        (Cause::Exempt, _) => Party::Neither,
        (_, Party::Exchange) => Party::Exchange,
        (_, Party::Neither | Party::Buyer) => Party::Buyer,
    }
}

/// One day of one guaranteed deal (R-MAKEGOOD). Causes are counted by opportunity and volume by impression: each party's part is
/// apportioned over its causes by largest remainder.
#[must_use]
pub fn outcome(terms: &Terms, counts: &DayCounts) -> DayOutcome {
    let delivered = counts.delivered.min(terms.ordered);
    let beyond = counts.delivered - delivered;
    let deliverable = terms.push.deliverable_of(counts.offered);
    let mut undelivered = BTreeMap::new();
    if terms.exempt {
        undelivered.insert(Cause::Exempt, terms.ordered - delivered);
    } else {
        let failure = terms.ordered.saturating_sub(counts.delivered.max(deliverable));
        let buyers = terms.ordered - delivered - failure;
        let mut counted = |cause: &Cause| counts.causes.get(cause).map(|count| (*cause, *count));
        let own: Vec<_> =
            Cause::ALL.iter().filter(|cause| cause.party() == Party::Exchange).filter_map(&mut counted).collect();
        let inside = failure.min(own.iter().map(|(_, count)| count).sum());
        apportion(inside, &own, &mut undelivered);
        *undelivered.entry(Cause::TooLittleTraffic).or_default() += failure - inside;
        let theirs: Vec<_> =
            Cause::ALL.iter().filter(|cause| cause.party() == Party::Buyer).filter_map(&mut counted).collect();
        let offered: Vec<_> = ENDS_OF_OFFERS.iter().filter_map(&mut counted).collect();
        let weights = [theirs, offered, vec![(Cause::NotDisplayed, 1)]];
        let told = weights.iter().find(|weights| weights.iter().any(|(_, count)| *count > 0));
        apportion(buyers, told.map_or(&[], Vec::as_slice), &mut undelivered);
    }
    undelivered.retain(|_, count| *count > 0);
    DayOutcome { deliverable, delivered, beyond, undelivered }
}

/// The causes of neither side under which an opportunity ends that was offered.
const ENDS_OF_OFFERS: [Cause; 5] =
    [Cause::Outranked, Cause::Returned, Cause::NotDisplayed, Cause::MediaGone, Cause::Separated];

/// Splits a whole by weights: each gets its share rounded down, and what is left goes to the largest remainders, one each; among equal ones to
/// the lower code.
fn apportion(whole: u64, weights: &[(Cause, u64)], into: &mut BTreeMap<Cause, u64>) {
    let sum: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
    if sum == 0 {
        return;
    }
    let share = |weight: u64| u128::from(whole) * u128::from(weight);
    let mut remainders: Vec<_> = weights.iter().map(|(cause, weight)| (share(*weight) % sum, *cause)).collect();
    remainders.sort_by_key(|(remainder, cause)| (std::cmp::Reverse(*remainder), *cause));
    let mut left = whole;
    for (cause, weight) in weights {
        let floor = u64::try_from(share(*weight) / sum).unwrap_or(whole);
        left -= floor;
        *into.entry(*cause).or_default() += floor;
    }
    for (_, cause) in remainders.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        *into.entry(*cause).or_default() += 1;
    }
}

/// What the exchange still has to make good, by the day on which it failed, in impressions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenFailures(BTreeMap<ShanghaiDay, u64>);

impl OpenFailures {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// By the day of the failure, oldest first.
    pub fn by_day(&self) -> impl Iterator<Item = (ShanghaiDay, u64)> {
        self.0.iter().map(|(day, count)| (*day, *count))
    }

    /// Adds what a day failed.
    pub fn add(&mut self, day: ShanghaiDay, count: u64) {
        if count > 0 {
            *self.0.entry(day).or_default() += count;
        }
    }

    /// Repays the oldest failures first; tells how much was repaid.
    pub fn repay(&mut self, delivered: u64) -> u64 {
        let mut left = delivered;
        for open in self.0.values_mut() {
            let repaid = left.min(*open);
            *open -= repaid;
            left -= repaid;
        }
        self.0.retain(|_, open| *open > 0);
        delivered - left
    }
}

/// What several days of one order come to, in impressions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderOutcome {
    /// Ordered.
    pub ordered: u64,
    /// Delivered of what was ordered for its day.
    pub delivered: u64,
    /// Delivered later in the place of a failure.
    pub made_good: u64,
    /// Not delivered and payable.
    pub payable: u64,
    /// Delivered at the exchange's cost.
    pub at_cost: u64,
    /// Not made good.
    pub open: OpenFailures,
}

impl OrderOutcome {
    /// Adds the next day of the order; days come in order. What a day delivers beyond its own volume repays failures of earlier days, never
    /// its own and never later ones (R-MAKEGOOD).
    pub fn add(&mut self, day: ShanghaiDay, terms: &Terms, outcome: &DayOutcome) {
        let made_good = self.open.repay(outcome.beyond);
        self.ordered += terms.ordered;
        self.delivered += outcome.delivered;
        self.made_good += made_good;
        self.at_cost += outcome.beyond - made_good;
        self.payable += outcome.payable();
        self.open.add(day, outcome.to_make_good());
    }

    /// What is charged: everything that was ordered, less what was not made good (R-SETTLE).
    #[must_use]
    pub fn charged(&self, price: CpmMicroYuan) -> MicroYuan {
        cost(price, self.delivered + self.made_good + self.payable)
    }
}

/// What so many whole impressions cost; exact. Saturates beyond what an amount can be, which the store refuses.
#[must_use]
pub fn cost(price: CpmMicroYuan, impressions: u64) -> MicroYuan {
    let cost = i128::from(price.per_impression().0) * i128::from(impressions);
    MicroYuan(i64::try_from(cost).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
