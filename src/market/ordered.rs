//! What orders say of guaranteed deals, laid over what the config says (R-ORDER, R-COMMIT; architecture, invariant 14).
//!
//! It is dated: a market knows by which terms a deal is served on each day, so that a version takes effect at midnight, Shanghai time, on every
//! node and for every request of that day without anybody's doing (`docs/decisions/0028-order-versions-in-the-market.md`).

use std::sync::Arc;

use super::deal::{Deal, DealState, Volume};
use super::{Catalog, Market, Table};
use crate::clock::ShanghaiDay;
use crate::ids::DealId;
use crate::money::CpmMicroYuan;

/// What a line of an order says of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTerms {
    /// The unit price.
    pub price: CpmMicroYuan,
    /// What is promised.
    pub volume: Volume,
    /// First and last day.
    pub period: (ShanghaiDay, ShanghaiDay),
}

/// By whose word a deal is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The config's: no order of it is in force.
    Config,
    /// A version's of an order.
    Order {
        /// The order's number.
        number: Arc<str>,
        /// Which version.
        version: u32,
        /// What it says.
        terms: LineTerms,
    },
    /// It is not ordered: this order was cancelled, or does not have it.
    NotOrdered {
        /// The order's number.
        number: Arc<str>,
    },
}

/// The days from one on until the next span of the deal, and how it is served on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub from: ShanghaiDay,
    /// By whose word.
    pub word: Word,
    /// The deal as it is served; `None`: as the config has it.
    deal: Option<Deal>,
}

/// The orders over one catalog.
#[derive(Debug, Default)]
pub struct Ordered {
    /// By deal, oldest first; of guaranteed deals with orders only.
    spans: Table<DealId, Box<[Span]>>,
    /// Deals with days that the config's period does not have. The index does not know those.
    widened: Vec<DealId>,
}

impl Ordered {
    /// Lays what orders say of some guaranteed deals over them: each with the first days of its words, oldest first. What is said of a deal that
    /// the catalog does not have, or that is no guaranteed one there, counts for nothing.
    pub fn new(catalog: &Catalog, said: impl IntoIterator<Item = (DealId, Vec<(ShanghaiDay, Word)>)>) -> Self {
        let (mut laid, mut widened) = (Vec::new(), Vec::new());
        for (id, words) in said {
            let Some(deal) = catalog.deals.get(id).filter(|deal| deal.volume.is_some()) else { continue };
            let wider = |(_, word): &(ShanghaiDay, Word)| match word {
                Word::Order { terms, .. } => !(deal.runs_on(terms.period.0) && deal.runs_on(terms.period.1)),
                Word::Config | Word::NotOrdered { .. } => false,
            };
            if words.iter().any(wider) {
                widened.push(id);
            }
            let span = |(from, word): (ShanghaiDay, Word)| Span { from, deal: under(deal, &word), word };
            laid.push((id, words.into_iter().map(span).collect()));
        }
        Self { spans: Table::new(laid), widened }
    }

    /// How a deal is served, by day, oldest first; none before the first, which is by the config.
    #[must_use]
    pub fn spans(&self, deal: DealId) -> &[Span] {
        self.spans.get(deal).map_or(&[], |spans| spans)
    }

    fn span_on(&self, deal: DealId, day: ShanghaiDay) -> Option<&Span> {
        let spans = self.spans(deal);
        spans.get(spans.partition_point(|span| span.from <= day).checked_sub(1)?)
    }
}

/// A deal by somebody's word; `None` where that is what the config says.
fn under(deal: &Deal, word: &Word) -> Option<Deal> {
    let served = match word {
        Word::Config => return None,
        Word::Order { terms, .. } => {
            Deal { price: terms.price, volume: Some(terms.volume), period: terms.period, ..deal.clone() }
        }
        Word::NotOrdered { .. } => Deal { state: DealState::NotOrdered, ..deal.clone() },
    };
    (served != *deal).then_some(served)
}

impl Market {
    /// A deal as it is on a day: by the version of its order that is in force then, else as the config has it. One that is not ordered that day
    /// stands as [`DealState::NotOrdered`].
    #[must_use]
    pub fn on_day<'m>(&'m self, deal: &'m Deal, day: ShanghaiDay) -> &'m Deal {
        self.ordered.span_on(deal.id, day).and_then(|span| span.deal.as_ref()).unwrap_or(deal)
    }

    /// A deal as it is on a day, if that is one of its days.
    #[must_use]
    pub fn served_on<'m>(&'m self, deal: &'m Deal, day: ShanghaiDay) -> Option<&'m Deal> {
        let deal = self.on_day(deal, day);
        (deal.runs_on(day) && deal.state != DealState::NotOrdered).then_some(deal)
    }

    /// The days of a deal from one to another, each with the deal as it is then.
    pub fn days_of<'m>(
        &'m self,
        deal: &'m Deal,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> impl Iterator<Item = (ShanghaiDay, &'m Deal)> {
        let (begins, ends) = self.reach_of(deal);
        let days = (first.max(begins).0..=last.min(ends).0).map(ShanghaiDay);
        days.filter_map(|day| Some((day, self.served_on(deal, day)?)))
    }

    /// The last day on which a deal is served; `None` where there is none.
    #[must_use]
    pub fn last_day_of(&self, deal: &Deal) -> Option<ShanghaiDay> {
        let mut until = ShanghaiDay(u32::MAX);
        let spans = self.ordered.spans(deal.id).iter().rev();
        let spans = spans.map(|span| (span.from, span.deal.as_ref().unwrap_or(deal)));
        for (from, served) in spans.chain([(ShanghaiDay(0), deal)]) {
            let last = served.period.1.min(until);
            if served.state != DealState::NotOrdered && last >= from.max(served.period.0) {
                return Some(last);
            }
            until = ShanghaiDay(from.0.saturating_sub(1));
        }
        None
    }

    /// By whose word a deal is served, by day, oldest first; before the first by the config's.
    #[must_use]
    pub fn words_of(&self, deal: DealId) -> &[Span] {
        self.ordered.spans(deal)
    }

    /// By whose word a deal is served on a day.
    #[must_use]
    pub fn word_on(&self, deal: DealId, day: ShanghaiDay) -> &Word {
        self.ordered.span_on(deal, day).map_or(&Word::Config, |span| &span.word)
    }

    /// The same market under other orders. Takes no time, whatever the market's size.
    #[must_use]
    pub fn by_orders(&self, ordered: Ordered) -> Self {
        Self { ordered: Arc::new(ordered), ..self.clone() }
    }

    /// The first and the last day that a deal may have by anybody's word.
    fn reach_of(&self, deal: &Deal) -> (ShanghaiDay, ShanghaiDay) {
        let spans = self.ordered.spans(deal.id).iter().filter_map(|span| span.deal.as_ref());
        let periods = spans.map(|served| served.period);
        periods.fold(deal.period, |(first, last), (from, until)| (first.min(from), last.max(until)))
    }

    /// Deals that are served on a day which the config's period does not have.
    pub(super) fn widened(&self, day: ShanghaiDay) -> impl Iterator<Item = (u32, &Deal)> {
        self.ordered.widened.iter().filter_map(move |id| {
            let (row, deal) = self.deals.entry(*id)?;
            let served = if deal.runs_on(day) { None } else { self.served_on(deal, day) };
            Some((row, served?))
        })
    }
}
