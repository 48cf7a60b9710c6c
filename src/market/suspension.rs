//! What is suspended at run time, over what the config says: a small overlay that a kill switch swaps without building anything anew.
//!
//! The hot plane asks the [`Market`], never the entities' own state: an entity is stopped when its config or the overlay says so.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use super::content::Content;
use super::deal::{Deal, DealState};
use super::demand::{Creative, CreativeState, Dsp};
use super::ordered::Ordered;
use super::supply::Media;
use super::{Catalog, ExchangeTerms, Facts, ImpFacts, Parts};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{BuyerId, CreativeId, DealId, DenseId, DspId, MediaId};

/// A set of ids of one kind: one bit for each number up to the largest in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks<I> {
    words: Box<[u64]>,
    kind: PhantomData<fn(I)>,
}

impl<I: DenseId> Marks<I> {
    /// Whether an id is in it.
    #[must_use]
    pub fn has(&self, id: I) -> bool {
        self.words.get(id.index() / 64).is_some_and(|word| word >> (id.index() % 64) & 1 == 1)
    }
}

impl<I: DenseId> FromIterator<I> for Marks<I> {
    fn from_iter<T: IntoIterator<Item = I>>(ids: T) -> Self {
        let mut words = Vec::new();
        for id in ids {
            if words.len() <= id.index() / 64 {
                words.resize(id.index() / 64 + 1, 0);
            }
            words[id.index() / 64] |= 1_u64 << (id.index() % 64);
        }
        Self { words: words.into(), kind: PhantomData }
    }
}

impl<I: DenseId> Default for Marks<I> {
    fn default() -> Self {
        Self::from_iter([])
    }
}

/// Who and what is suspended at run time. It outlives snapshots: numbers mean the same in all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspensions {
    /// Media.
    pub media: Marks<MediaId>,
    /// DSPs.
    pub dsps: Marks<DspId>,
    /// Buyers.
    pub buyers: Marks<BuyerId>,
    /// Creatives.
    pub creatives: Marks<CreativeId>,
    /// Deals.
    pub deals: Marks<DealId>,
}

/// One immutable snapshot: what the config says, shared with other snapshots of the same generation, what orders say of it, what is
/// reviewed, and what is suspended.
#[derive(Clone, Debug)]
pub struct Market {
    pub(super) catalog: Arc<Catalog>,
    pub(super) ordered: Arc<Ordered>,
    pub(super) content: Arc<Content>,
    pub(super) suspensions: Arc<Suspensions>,
}

impl Deref for Market {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        &self.catalog
    }
}

impl Market {
    /// Builds the indexes over the parts; nothing is ordered or suspended beyond what the parts say.
    #[must_use]
    pub fn assemble(
        generation: u64,
        loaded_at: UnixMillis,
        digest: [u8; 32],
        terms: ExchangeTerms,
        parts: Parts,
    ) -> Self {
        let catalog = Catalog::assemble(generation, loaded_at, digest, terms, parts);
        let (ordered, content, suspensions) = (Arc::default(), Arc::default(), Arc::default());
        Self { catalog: Arc::new(catalog), ordered, content, suspensions }
    }

    /// The same market under other suspensions. Takes no time, whatever the market's size.
    #[must_use]
    pub fn under(&self, suspensions: Suspensions) -> Self {
        Self { suspensions: Arc::new(suspensions), ..self.clone() }
    }

    /// Whether two snapshots are of the same generation's one catalog.
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalog, &other.catalog)
    }

    /// Whether this is the last snapshot of its catalog anywhere: dropping it frees what the config said.
    #[must_use]
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.catalog) == 1
    }

    /// Whether a media is stopped.
    #[must_use]
    pub fn media_is_suspended(&self, media: &Media) -> bool {
        media.suspended || self.suspensions.media.has(media.id)
    }

    /// Whether a buyer's trading is stopped (R-ABNORMAL, R-RESTRICT). One that has left the market is not.
    #[must_use]
    pub fn buyer_is_suspended(&self, buyer: BuyerId) -> bool {
        self.suspensions.buyers.has(buyer) || self.buyers.get(buyer).is_some_and(|it| it.suspended)
    }

    /// Whether a DSP is stopped. One that has left the market is not.
    #[must_use]
    pub fn dsp_is_suspended(&self, dsp: DspId) -> bool {
        self.suspensions.dsps.has(dsp) || self.dsps.get(dsp).is_some_and(|it| it.suspended)
    }

    /// Whether a DSP may be asked and heard on that day (R-DSP).
    #[must_use]
    pub fn dsp_is_approved(&self, dsp: &Dsp, day: ShanghaiDay) -> bool {
        !self.suspensions.dsps.has(dsp.id) && dsp.is_approved_on(day)
    }

    /// Where a deal stands: a suspension comes before whatever its config says. What is not ordered on the day cannot be suspended either.
    #[must_use]
    pub fn deal_state(&self, deal: &Deal) -> DealState {
        match deal.state {
            DealState::NotOrdered => DealState::NotOrdered,
            _ if self.suspensions.deals.has(deal.id) => DealState::Suspended,
            state => state,
        }
    }

    /// The deals that apply to an imp by what was agreed, in the order of their numbers, each as it is on the day of the facts. Those that are not
    /// ordered that day are among them, as such.
    #[must_use]
    pub fn deals_for(&self, facts: &Facts<'_>, imp: ImpFacts<'_>) -> Vec<&Deal> {
        let (catalog, day) = (&*self.catalog, facts.day());
        let mut found = Vec::new();
        let on_day = |row: u32| catalog.deals.at(row as usize).map(|deal| self.on_day(deal, day));
        catalog.index.find(facts, imp, &catalog.deals, |row| found.extend(on_day(row)));
        catalog.index.among(facts, imp, self.widened(day), &mut found);
        found.sort_unstable_by_key(|deal| deal.id);
        found
    }

    /// Where a creative stands: a suspension comes before whatever its review says.
    #[must_use]
    pub fn creative_state(&self, creative: &Creative) -> CreativeState {
        if self.suspensions.creatives.has(creative.id) { CreativeState::Suspended } else { creative.state }
    }

    /// Whether an operator has suspended a creative.
    pub(super) fn is_switched_off(&self, creative: CreativeId) -> bool {
        self.suspensions.creatives.has(creative)
    }

    /// What the config says.
    pub(super) fn configured(&self) -> &Catalog {
        &self.catalog
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_hold_what_was_put_in_and_nothing_beside() {
        let marks: Marks<DealId> = [0, 63, 64, 1_000].into_iter().map(DealId).collect();
        let held: Vec<_> = (0..2_000).filter(|number| marks.has(DealId(*number))).collect();
        assert_eq!(held, [0, 63, 64, 1_000]);
        assert!(!marks.has(DealId(u32::MAX)) && !Marks::default().has(DealId(0)));
    }
}
