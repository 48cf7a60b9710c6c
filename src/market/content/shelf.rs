//! Creatives that stand together, as compactly as a million of them ask for.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::ids::{BuyerId, CreativeId};
use crate::market::demand::{Approved, Creative, CreativeTextsDraft};
use crate::market::lookup::Lookup;
use crate::market::shared::Shared;
use crate::market::supply::Size;
use crate::market::{Fit, Marks, named};

/// Some creatives with their indexes; immutable.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By id, ascending; no id twice.
    creatives: Vec<Creative>,
    pub(super) known: Marks<CreativeId>,
    crids: Lookup,
    /// The rows of approved ones.
    by_fit: HashMap<Fit, Vec<u32>>,
}

impl Shelf {
    /// Of creatives in any order; of two with one id the later one stays. What several of them have in common is kept once.
    #[must_use]
    pub fn new(creatives: impl IntoIterator<Item = Creative>) -> Self {
        let creatives = creatives.into_iter();
        let mut draft = ShelfDraft::default();
        draft.creatives.reserve(creatives.size_hint().0);
        creatives.for_each(|it| draft.put(it));
        draft.finish()
    }

    /// This shelf with another one's creatives in place of its own.
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        let kept = self.creatives.iter().filter(|it| !newer.known.has(it.id));
        let mut draft = ShelfDraft::default();
        draft.creatives.reserve(self.len().max(newer.len()));
        kept.chain(&newer.creatives).for_each(|it| draft.put(it.clone()));
        draft.finish()
    }

    /// All of them, by id.
    pub fn iter(&self) -> std::slice::Iter<'_, Creative> {
        self.creatives.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.creatives.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.creatives.is_empty()
    }

    pub(super) fn get(&self, id: CreativeId) -> Option<&Creative> {
        if !self.known.has(id) {
            return None;
        }
        self.creatives.get(self.creatives.binary_search_by_key(&id, |it| it.id).ok()?)
    }

    pub(super) fn named(&self, hash: u64, buyer: BuyerId, crid: &str) -> Option<&Creative> {
        let is = |row: usize| self.creatives.get(row).is_some_and(|it| it.buyer == buyer && it.crid() == crid);
        self.creatives.get(self.crids.find(hash, is)?)
    }

    pub(super) fn fitting(&self, fit: Fit) -> impl Iterator<Item = &Creative> {
        let rows = self.by_fit.get(&fit).map_or(&[][..], Vec::as_slice);
        rows.iter().filter_map(|row| self.creatives.get(*row as usize))
    }
}

/// A shelf that is being filled. What a creative brings is taken over into common memory at once, so that a million of them leave no holes behind.
#[derive(Debug, Default)]
pub struct ShelfDraft {
    creatives: Vec<Creative>,
    texts: CreativeTextsDraft,
    sizes: HashSet<Shared<Size>>,
    categories: HashSet<Shared<String>>,
    reviews: HashSet<Arc<Approved>>,
}

impl ShelfDraft {
    /// Puts a creative there, in place of one with the same id.
    pub fn put(&mut self, mut creative: Creative) {
        creative.texts = self.texts.add(creative.crid(), creative.landing_page());
        creative.sizes = once(&mut self.sizes, &creative.sizes);
        creative.categories = once(&mut self.categories, &creative.categories);
        creative.review = creative.review.as_ref().map(|review| once(&mut self.reviews, review));
        self.creatives.push(creative);
    }

    /// The shelf.
    #[must_use]
    pub fn finish(self) -> Shelf {
        let Self { mut creatives, texts, .. } = self;
        let all = creatives.len();
        creatives.reverse();
        creatives.sort_by_key(|it| it.id);
        creatives.dedup_by_key(|it| it.id);
        creatives.shrink_to_fit();
        texts.finish(creatives.iter_mut().map(|it| &mut it.texts));
        if creatives.len() < all {
            // Without the texts of those whose place was taken.
            let mut texts = CreativeTextsDraft::default();
            creatives.iter_mut().for_each(|it| it.texts = texts.add(it.crid(), it.landing_page()));
            texts.finish(creatives.iter_mut().map(|it| &mut it.texts));
        }
        let mut by_fit: HashMap<Fit, Vec<u32>> = HashMap::new();
        for (row, creative) in (0_u32..).zip(&creatives) {
            for size in creative.fitting_sizes() {
                by_fit.entry((creative.buyer, creative.format, size)).or_default().push(row);
            }
        }
        by_fit.values_mut().for_each(Vec::shrink_to_fit);
        Shelf {
            known: creatives.iter().map(|it| it.id).collect(),
            crids: Lookup::new(creatives.iter().map(|it| named(it.buyer.0, it.crid()))),
            creatives,
            by_fit,
        }
    }
}

/// The one that was seen first of those that are equal.
fn once<T: Clone + Eq + Hash>(seen: &mut HashSet<T>, one: &T) -> T {
    if let Some(kept) = seen.get(one) {
        return kept.clone();
    }
    seen.insert(one.clone());
    one.clone()
}
