//! Reviewed creatives, laid over those of the config (R-REVIEW; `docs/decisions/0029-content-in-the-market.md`).
//!
//! A verdict must reach the hot plane at once, and there may be a million creatives: so there is a large shelf that is rarely built, and
//! a small one of what has changed since. The small one comes first; then the large one; then the config.

mod advertisers;
mod shelf;

pub use shelf::{Shelf, ShelfDraft};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::barred::Barred;
use super::demand::{Advertiser, Creative, CreativeState};
use super::supply::{Format, Media, Prohibitions, Size};
use super::{Catalog, Fit, Market, Table, named};
use crate::clock::ShanghaiDay;
use crate::ids::{AdvertiserId, BuyerId, CreativeId, CreativeVersion, MediaId};

/// What is reviewed, as one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Content {
    base: Arc<Shelf>,
    /// What has changed since the base was built.
    recent: Arc<Shelf>,
    /// Versions that were stopped, of creatives of which another one stands.
    stopped: Arc<HashSet<(CreativeId, CreativeVersion)>>,
    /// What media prohibit themselves.
    prohibited: Arc<HashMap<MediaId, Prohibitions>>,
    /// Whom the words of media keep away.
    barred: Arc<HashMap<MediaId, Barred>>,
    /// Those of whom the docket has a word, as they stand by it and by the config.
    advertisers: Arc<Advertisers>,
    /// The last day on which each buyer's account was used or verified.
    used: Arc<HashMap<BuyerId, ShanghaiDay>>,
}

/// Advertisers by id, each behind a pointer of its own: one that changes copies none of the others.
pub type Advertisers = Table<AdvertiserId, Arc<Advertiser>>;

impl Content {
    /// A base, what has changed since it was built, and the versions that were stopped where another one stands.
    #[must_use]
    pub fn new(base: Arc<Shelf>, recent: Arc<Shelf>, stopped: Arc<HashSet<(CreativeId, CreativeVersion)>>) -> Self {
        let (prohibited, barred, advertisers, used) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        Self { base, recent, stopped, prohibited, barred, advertisers, used }
    }

    /// With the advertisers of whom the docket has a word (R-QUALIFY).
    #[must_use]
    pub fn advertising(self, advertisers: Arc<Advertisers>) -> Self {
        Self { advertisers, ..self }
    }

    /// With what media prohibit themselves, beside their contracts.
    #[must_use]
    pub fn prohibiting(self, prohibited: Arc<HashMap<MediaId, Prohibitions>>) -> Self {
        Self { prohibited, ..self }
    }

    /// With whom the words of media keep away.
    #[must_use]
    pub fn barring(self, barred: Arc<HashMap<MediaId, Barred>>) -> Self {
        Self { barred, ..self }
    }

    /// With the last day on which each buyer's account was used or verified.
    #[must_use]
    pub fn using(self, used: Arc<HashMap<BuyerId, ShanghaiDay>>) -> Self {
        Self { used, ..self }
    }

    /// The base.
    #[must_use]
    pub fn base(&self) -> &Arc<Shelf> {
        &self.base
    }

    /// What has changed since the base was built.
    #[must_use]
    pub fn recent(&self) -> &Shelf {
        &self.recent
    }

    fn get(&self, id: CreativeId) -> Option<&Creative> {
        self.recent.get(id).or_else(|| self.base.get(id))
    }

    fn named(&self, hash: u64, buyer: BuyerId, crid: &str) -> Option<&Creative> {
        let recent = self.recent.named(hash, buyer, crid);
        recent.or_else(|| self.base.named(hash, buyer, crid))
    }

    /// Of the base, what nothing newer stands for.
    fn lasting<'c>(&'c self, of_base: impl Iterator<Item = &'c Creative>) -> impl Iterator<Item = &'c Creative> {
        of_base.filter(|it| !self.recent.known.has(it.id))
    }

    fn iter(&self) -> impl Iterator<Item = &Creative> {
        self.recent.iter().chain(self.lasting(self.base.iter()))
    }

    fn fitting(&self, fit: Fit) -> impl Iterator<Item = &Creative> {
        self.recent.fitting(fit).chain(self.lasting(self.base.fitting(fit)))
    }
}

/// Whether a review has ever let a creative in that state run: then it comes before what the config says. What waits, or was refused, takes nothing away.
#[must_use]
pub const fn was_live(state: CreativeState) -> bool {
    matches!(state, CreativeState::Approved | CreativeState::Suspended | CreativeState::Expired)
}

/// What stands for a creative that the review and the config know.
fn first<'m>(
    reviewed: Option<&'m Creative>,
    configured: impl FnOnce() -> Option<&'m Creative>,
) -> Option<&'m Creative> {
    match reviewed {
        Some(it) if was_live(it.state) => Some(it),
        waiting => configured().or(waiting),
    }
}

impl Market {
    /// The same market with what is reviewed. Takes no time, whatever the market's size.
    #[must_use]
    pub fn showing(&self, content: Content) -> Self {
        Self { content: Arc::new(content), ..self.clone() }
    }

    /// The creative that a buyer calls `crid`, as it stands now.
    #[must_use]
    pub fn creative(&self, buyer: BuyerId, crid: &str) -> Option<&Creative> {
        let hash = named(buyer.0, crid);
        first(self.content.named(hash, buyer, crid), || self.configured().creative_hashed(hash, buyer, crid))
    }

    /// The creative with that id, as it stands now.
    #[must_use]
    pub fn creative_numbered(&self, id: CreativeId) -> Option<&Creative> {
        first(self.content.get(id), || self.configured().creatives.get(id))
    }

    /// Whether a creative waits in the review with its automatic checks passed. What only the config calls pending was never checked.
    #[must_use]
    pub fn is_checked(&self, creative: &Creative) -> bool {
        let known = self.content.get(creative.id);
        self.creative_state(creative) == CreativeState::PendingReview
            && known.is_some_and(|known| std::ptr::eq(known, creative))
    }

    /// What a media never shows: by its contract, and by its own word (R-CATEGORY).
    #[must_use]
    pub fn prohibited<'m>(&'m self, media: &'m Media) -> [&'m Prohibitions; 2] {
        [&media.prohibited, self.content.prohibited.get(&media.id).unwrap_or(Prohibitions::NONE)]
    }

    /// Whom a media's words keep away; `None`: it prohibits none (R-CATEGORY).
    #[must_use]
    pub fn barred(&self, media: &Media) -> Option<&Barred> {
        self.content.barred.get(&media.id)
    }

    /// Whether a buyer's account was unused for so long that it must be verified before it is used (R-IDLE). One that nobody has noted yet is not.
    #[must_use]
    pub fn buyer_is_idle(&self, buyer: BuyerId, day: ShanghaiDay) -> bool {
        let last = self.content.used.get(&buyer);
        last.is_some_and(|last| last.0.saturating_add(self.terms.content.idle_days) < day.0)
    }

    /// Whether a version that was won may not be shown any more: it, or the creative as it stands, was suspended or rejected (R-REFUSE).
    #[must_use]
    pub fn is_stopped(&self, id: CreativeId, version: CreativeVersion) -> bool {
        let off = |it| matches!(self.creative_state(it), CreativeState::Suspended | CreativeState::Rejected);
        self.creative_numbered(id).is_some_and(off) || self.content.stopped.contains(&(id, version))
    }

    /// All creatives, each as it stands now, in no order. Not for requests.
    pub fn all_creatives(&self) -> impl Iterator<Item = &Creative> {
        let configured = &self.configured().creatives;
        let of_review = self.content.iter().filter(|it| was_live(it.state) || configured.get(it.id).is_none());
        of_review.chain(self.of_config(configured.iter()))
    }

    /// Of the config's creatives, those that no review stands for.
    fn of_config<'m>(&'m self, creatives: impl Iterator<Item = &'m Creative>) -> impl Iterator<Item = &'m Creative> {
        creatives.filter(|it| self.content.get(it.id).is_none_or(|reviewed| !was_live(reviewed.state)))
    }

    /// The approved creatives of a buyer of a format and, for banners, of a size, that are not suspended.
    pub fn approved_creatives(
        &self,
        buyer: BuyerId,
        format: Format,
        size: Option<Size>,
    ) -> impl Iterator<Item = &Creative> {
        let fit = (buyer, format, size);
        let approved = self.content.fitting(fit).chain(self.of_config(self.configured().fitting(fit)));
        approved.filter(|creative| !self.is_switched_off(creative.id))
    }
}

impl Catalog {
    fn creative_hashed(&self, hash: u64, buyer: BuyerId, crid: &str) -> Option<&Creative> {
        let is = |row| self.creatives.at(row).is_some_and(|it| it.buyer == buyer && it.crid() == crid);
        self.creatives.at(self.crids.find(hash, is)?)
    }

    fn fitting(&self, fit: Fit) -> impl Iterator<Item = &Creative> {
        let ids = self.by_fit.get(&fit).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.creatives.get(*id))
    }
}

#[cfg(test)]
mod tests;
