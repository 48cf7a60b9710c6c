//! Closing the days of guaranteed deals, one after the other, once they are sealed (R-COMMIT, `docs/decisions/0027-day-closing.md`).

use std::collections::{BTreeMap, VecDeque};

use super::{DayCounts, Terms, outcome};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Archive, BookError, Booking, Books, DayClosing, FactKind, KeptCommitment, KeptFact, Kinds, Party, Tally, Whose,
};
use crate::ids::DealId;
use crate::market::Market;
use crate::market::deal::PushRatio;
use crate::settlement::office::facts_by;

/// What one step has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// No day can be closed.
    Idle,
    /// There is more to do for a day.
    Working,
    /// A deal's day was closed, now or before.
    Closed(DayClosing),
}

/// Closes days, deal by deal. What it has read of a day is lost with it and read again.
#[derive(Debug, Default)]
pub struct Closer {
    work: Option<Work>,
}

/// What was counted of one day, and what is still to be closed of it.
#[derive(Debug)]
struct Work {
    counts: BTreeMap<DealId, DayCounts>,
    /// Impressions that were to be made good that day.
    scheduled: BTreeMap<DealId, u64>,
    facts: Vec<KeptFact>,
    left: VecDeque<KeptCommitment>,
}

impl Closer {
    /// Does one step: reads what was counted of a day, or closes one deal's day.
    ///
    /// # Errors
    /// [`BookError`] when it cannot be read or made durable; the next call begins anew.
    pub fn step(&mut self, store: &dyn Archive, market: &Market, now: UnixMillis) -> Result<Closing, BookError> {
        let Some(mut work) = self.work.take() else {
            self.work = Work::begin(&*store.snapshot()?, now)?;
            return Ok(if self.work.is_some() { Closing::Working } else { Closing::Idle });
        };
        let Some(kept) = work.left.pop_front() else { return Ok(Closing::Working) };
        let Some(closing) = work.decide(&kept, market, now) else { return Ok(Closing::Working) };
        match store.close_day(&closing, now)? {
            Booking::Booked | Booking::AlreadyBooked => {}
        }
        self.work = (!work.left.is_empty()).then_some(work);
        Ok(Closing::Closed(closing))
    }
}

impl Work {
    fn begin(books: &dyn Books, now: UnixMillis) -> Result<Option<Self>, BookError> {
        let left: VecDeque<_> = books.closable(now)?.into();
        let Some(day) = left.front().map(|kept| kept.day) else { return Ok(None) };
        let mut tallies = BTreeMap::<DealId, Vec<Tally>>::new();
        for tally in books.tallies_of(day)? {
            tallies.entry(tally.deal).or_default().push(tally);
        }
        let mut delivered = BTreeMap::<DealId, u64>::new();
        for sum in books.day_sums(day, day, None)?.iter().filter(|sum| sum.key.method.is_guaranteed()) {
            *delivered.entry(sum.key.deal).or_default() += sum.sums.quantity;
        }
        let count = |kept: &KeptCommitment| {
            let own = tallies.get(&kept.deal).map_or(&[][..], Vec::as_slice);
            // Whole impressions: what is left of a fraction is the buyer's.
            (kept.deal, DayCounts::of(own, delivered.get(&kept.deal).copied().unwrap_or_default() / 1_000))
        };
        let counts = left.iter().map(count).collect();
        let scheduled = make_good_of(books, day)?;
        let exemptions = facts_by(books, Kinds::Only(FactKind::Exemption), Whose::Anybodys)?;
        Ok(Some(Self { counts, scheduled, facts: exemptions, left }))
    }

    /// What one deal's day comes to; `None` where nobody knows its terms.
    fn decide(&self, kept: &KeptCommitment, market: &Market, now: UnixMillis) -> Option<DayClosing> {
        let KeptCommitment { deal, day, buyer, .. } = *kept;
        let agreed = kept.terms?;
        let push = PushRatio::of(agreed.push.0, agreed.push.1)?;
        let exempt = super::exempt::is_exempt(&self.facts, market, deal, day);
        let terms = Terms { ordered: agreed.ordered, price: agreed.price, push, exempt };
        let none = DayCounts::default();
        let counts = self.counts.get(&deal).unwrap_or(&none);
        let outcome = outcome(&terms, counts);
        let made_good = outcome.beyond.min(self.scheduled.get(&deal).copied().unwrap_or_default());
        // A deal that is in the market no more has no later days.
        let good_until =
            market.deals.iter().find(|known| known.id == deal).map_or(day, |known| known.period.1.max(day));
        let next = day.next().max(now.shanghai_day());
        Some(DayClosing {
            deal,
            day,
            buyer,
            price: agreed.price,
            ordered: agreed.ordered,
            offered: counts.offered,
            delivered: outcome.delivered,
            made_good,
            at_cost: outcome.beyond - made_good,
            failed: outcome.undelivered_by(Party::Exchange),
            exempted: outcome.undelivered_by(Party::Neither),
            by_buyer: outcome.payable(),
            causes: outcome.undelivered.iter().map(|(cause, count)| (*cause, *count)).collect(),
            good_until,
            made_good_on: (next <= good_until).then_some(next),
        })
    }
}

/// How many impressions of each deal are to be made good on a day, beside its own volume (R-MAKEGOOD).
///
/// # Errors
/// [`BookError::Unavailable`] when it cannot be read.
pub fn make_good_of(books: &dyn Books, day: ShanghaiDay) -> Result<BTreeMap<DealId, u64>, BookError> {
    let mut volumes = BTreeMap::new();
    for closed in books.made_good_on(day)? {
        *volumes.entry(closed.closing.deal).or_default() += closed.to_make_good();
    }
    Ok(volumes)
}
