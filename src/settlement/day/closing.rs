//! Closing the days of guaranteed deals, one after the other, once they are sealed (R-COMMIT, `docs/decisions/0027-day-closing.md`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::late::Late;
use super::{DayCounts, Terms, outcome};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Archive, BookError, Books, DayClosing, FactKind, KeptCommitment, KeptFact, Kinds, Party, Tally, Whose,
};
use crate::ids::DealId;
use crate::market::Market;
use crate::market::deal::PushRatio;
use crate::settlement::office::facts_by;

/// How many deals in a row the store may fail to close before it is taken to be the store's own trouble.
const MOST_FAILURES: u32 = 8;

/// What one step has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// No day can be closed.
    Idle,
    /// There is more to do for a day.
    Working,
    /// A deal's day was closed, now or before.
    Closed(DayClosing),
    /// A deal's closed day is exempt, now or before.
    Exempted(DealId, ShanghaiDay),
}

/// Closes days, deal by deal, and gives back what an exemption asks for that was entered behind a day's closing. What it has read is lost with
/// it and read again.
#[derive(Debug, Default)]
pub struct Closer {
    work: Option<Work>,
    /// Deals of which a day was refused: their later days wait, others do not.
    refused: BTreeMap<DealId, BookError>,
    failures: u32,
    late: Late,
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
    /// Does one step: reads what was counted of a day, closes one deal's day, or exempts one that was closed.
    ///
    /// # Errors
    /// [`BookError`] when it cannot be read or made durable; the next call begins anew. A day of a deal that is refused is told once everything
    /// else is done, and tried again from then on.
    pub fn step(&mut self, store: &dyn Archive, market: &Market, now: UnixMillis) -> Result<Closing, BookError> {
        let Some(mut work) = self.work.take() else { return self.begin(store, market, now) };
        let Some(kept) = work.left.pop_front() else { return Ok(Closing::Working) };
        let closed = work.decide(&kept, market, now).and_then(|closing| {
            store.close_day(&closing, now)?;
            Ok(closing)
        });
        match closed {
            Ok(closing) => {
                self.failures = 0;
                self.work = (!work.left.is_empty()).then_some(work);
                Ok(Closing::Closed(closing))
            }
            Err(error) => {
                self.failures = if matches!(error, BookError::Unavailable(_)) { self.failures + 1 } else { 0 };
                if self.failures >= MOST_FAILURES {
                    (self.failures, self.refused) = (0, BTreeMap::new());
                    return Err(error);
                }
                self.refused.insert(kept.deal, error);
                self.work = (!work.left.is_empty()).then_some(work);
                Ok(Closing::Working)
            }
        }
    }

    fn begin(&mut self, store: &dyn Archive, market: &Market, now: UnixMillis) -> Result<Closing, BookError> {
        let books = store.snapshot()?;
        self.work = Work::begin(&*books, &self.refused.keys().copied().collect(), now)?;
        if self.work.is_some() {
            return Ok(Closing::Working);
        }
        let next = self.late.next(&*books, market, now)?;
        drop(books);
        if let Some(late) = next {
            let Some((deal, day, made_good_on)) = late else { return Ok(Closing::Working) };
            store.exempt_day(deal, day, made_good_on, now)?;
            self.late.done();
            return Ok(Closing::Exempted(deal, day));
        }
        match std::mem::take(&mut self.refused).pop_first() {
            Some((_, error)) => Err(error),
            None => Ok(Closing::Idle),
        }
    }
}

impl Work {
    fn begin(books: &dyn Books, passing: &BTreeSet<DealId>, now: UnixMillis) -> Result<Option<Self>, BookError> {
        let left: VecDeque<_> = books.closable(now, passing)?.into();
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

    /// What one deal's day comes to; an error where nobody knows its terms.
    fn decide(&self, kept: &KeptCommitment, market: &Market, now: UnixMillis) -> Result<DayClosing, BookError> {
        let KeptCommitment { deal, day, buyer, .. } = *kept;
        let terms = kept.terms.and_then(|agreed| Some((agreed, PushRatio::of(agreed.push.0, agreed.push.1)?)));
        let why = "it was decided on terms that nobody knows";
        let (agreed, push) = terms.ok_or(BookError::NotClosed { deal, day, why })?;
        let exempt = super::exempt::is_exempt(&self.facts, market, deal, day);
        let terms = Terms { ordered: agreed.ordered, price: agreed.price, push, exempt };
        let none = DayCounts::default();
        let counts = self.counts.get(&deal).unwrap_or(&none);
        let outcome = outcome(&terms, counts);
        let made_good = outcome.beyond.min(self.scheduled.get(&deal).copied().unwrap_or_default());
        // A deal that is in the market no more has no later days, and one whose order was cancelled none after that.
        let known = market.deals.get(deal);
        let good_until = known.and_then(|known| market.last_day_of(known)).map_or(day, |last| last.max(day));
        let next = Some(day.next().max(now.shanghai_day()));
        // Nothing is made good on a day that is not ordered: nobody would close it.
        let next = next.filter(|next| known.is_some_and(|known| market.served_on(known, *next).is_some()));
        Ok(DayClosing {
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
            made_good_on: next,
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
        *volumes.entry(closed.closing.deal).or_default() += closed.to_make_good(day);
    }
    Ok(volumes)
}
