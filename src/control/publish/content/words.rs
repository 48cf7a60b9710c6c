//! Words that media prohibit (R-CATEGORY): which creatives say one. Texts are read here and in a thread of its own, never for a bid.
//!
//! New words are looked for in every creative that is approved or waits for a person, page by page, by a thread that gives way to everything else. A creative that it has not come
//! to yet is kept away from the media whose words are new. What is approved or changed meanwhile is looked at at once.

mod scan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Rank, Review, STEPS, names_of, rank};
use crate::compliance::words::{Banned, Spoken, spoken};
use crate::event::{KeptStep, StoreUnavailable, SubjectKind};
use crate::ids::{CreativeId, MediaId};
use crate::market::Market;
use crate::market::barred::Barred;
use crate::market::demand::Creative;

use scan::{Scan, Scanned, Told};

/// Creatives that are looked at at once between two looks at the docket.
const MOST_AT_ONCE: usize = 256;

/// A media's words.
type Words = Arc<[String]>;

/// What each media says, and whom it keeps away.
#[derive(Debug, Default)]
pub(super) struct MediaWords {
    said: BTreeMap<MediaId, Words>,
    /// What is looked for, and for whom. Behind what media say while a scan begins.
    finder: Arc<Finder>,
    barred: Arc<HashMap<MediaId, Barred>>,
    scan: Option<Scan>,
    /// Whether somebody says what nobody has looked for yet.
    is_due: bool,
    /// Creatives that are to be looked at again: `ACCOUNT/CRID`.
    again: BTreeSet<String>,
}

/// The words of media as they were when it was made.
#[derive(Debug, Default)]
pub(super) struct Finder {
    said: BTreeMap<MediaId, Words>,
    banned: Option<Banned>,
}

impl Finder {
    /// The media that prohibit something of what is said.
    fn media_of(&self, texts: &[Spoken]) -> Box<[MediaId]> {
        let Some(banned) = &self.banned else { return Box::default() };
        let lists = banned.lists_in(texts);
        (0_u32..).zip(self.said.keys()).filter(|(list, _)| lists.contains(list)).map(|(_, media)| *media).collect()
    }
}

impl MediaWords {
    /// Whom each media keeps away.
    pub(super) fn barred(&self) -> Arc<HashMap<MediaId, Barred>> {
        Arc::clone(&self.barred)
    }

    /// Takes what a media says now.
    pub(super) fn say(&mut self, media: MediaId, words: Vec<String>) {
        let before = self.said.get(&media);
        if before.map_or(words.is_empty(), |before| **before == *words) {
            return;
        }
        if words.is_empty() {
            self.said.remove(&media);
            Arc::make_mut(&mut self.barred).remove(&media);
            return;
        }
        let known: BTreeSet<&String> = before.iter().flat_map(|before| before.iter()).collect();
        if words.iter().any(|word| !known.contains(word)) {
            // Nobody knows yet who says it.
            Arc::make_mut(&mut self.barred).insert(media, Barred::default());
        }
        self.said.insert(media, words.into());
        self.is_due = true;
    }

    /// Media of which the finder knows what they say now, and the others.
    fn is_known(&self, media: MediaId) -> bool {
        matches!((self.said.get(&media), self.finder.said.get(&media)), (Some(now), Some(then)) if Arc::ptr_eq(now, then))
    }

    /// Says of a creative who keeps it away. Media whose words nobody has looked for yet do where it is `new` to them; tells whether there are any.
    fn set(&mut self, id: CreativeId, by: &[MediaId], new: bool) -> bool {
        let (known, unknown): (Vec<_>, Vec<_>) = self.said.keys().copied().partition(|media| self.is_known(*media));
        let barred = Arc::make_mut(&mut self.barred);
        for media in &known {
            barred.entry(*media).or_default().set(id, by.contains(media));
        }
        for media in unknown.iter().filter(|_| new) {
            barred.entry(*media).or_default().set(id, true);
        }
        !unknown.is_empty()
    }
}

impl Review {
    /// Whether everything that is said has been looked for everywhere.
    #[cfg(test)]
    pub(in crate::control::publish) fn words_are_settled(&self) -> bool {
        self.words.scan.is_none() && !self.words.is_due && self.words.again.is_empty()
    }

    /// Takes over that a scan has found nothing in a version.
    #[cfg(test)]
    pub(in crate::control::publish) fn nothing_was_found_in(&mut self, name: &str, version: u32, market: &Market) {
        self.take_one(&Scanned { name: name.to_owned(), version, by: Box::default() }, market);
    }

    /// Lets the scan that is due have begun, and have ended before it has seen anything.
    #[cfg(test)]
    pub(in crate::control::publish) fn a_scan_ends_early(&mut self) {
        assert!(std::mem::take(&mut self.words.is_due), "one is due");
        self.words.scan = Some(Scan::ended());
    }

    /// Looks at creatives whose steps were just taken over.
    pub(super) fn look_at(&mut self, names: &BTreeSet<String>, market: &Market) -> Result<(), StoreUnavailable> {
        if self.words.said.is_empty() {
            return Ok(());
        }
        for name in names {
            self.look_at_one(name, market)?;
        }
        Ok(())
    }

    fn look_at_one(&mut self, name: &str, market: &Market) -> Result<(), StoreUnavailable> {
        let id = self.present(name, market).map(|it| it.id).or_else(|| self.book.find(name));
        let Some(id) = id else { return Ok(()) };
        let versions = self.docket.versions(SubjectKind::Creative, name)?;
        let standing = versions.iter().filter_map(|it| Some((rank(it)?, it))).max_by_key(|(rank, _)| *rank);
        let mut texts = Vec::new();
        if let Some((_, kept)) = standing {
            let Some(said) = said_in(kept) else { return Ok(()) };
            texts = said;
        }
        // What the config says of it counts until a review has let it run.
        let runs = standing.is_some_and(|((was_live, _), _): (Rank, _)| was_live);
        if let Some(configured) = market.creatives.get(id).filter(|_| !runs) {
            texts.extend(said_by_config(configured));
        }
        let by = self.words.finder.media_of(&texts);
        if self.words.set(id, &by, true) {
            self.words.again.insert(name.to_owned());
        }
        Ok(())
    }

    /// Creatives of the config: those whose markup the exchange has are looked at; of the others nothing is known, and nothing kept away.
    pub(super) fn look_at_config(&mut self, market: &Market) {
        if self.words.said.is_empty() {
            return;
        }
        for creative in market.creatives.iter() {
            let stands = market.creative_numbered(creative.id).is_some_and(|it| std::ptr::eq(it, creative));
            let buyer = market.buyers.get(creative.buyer).filter(|_| stands);
            match (&creative.markup, buyer) {
                (Some(_), Some(buyer)) => {
                    self.words.again.insert(format!("{}/{}", buyer.account, creative.crid()));
                }
                (None, Some(_)) => drop(self.words.set(creative.id, &[], false)),
                (_, None) => {}
            }
        }
    }

    /// Looks at those whose steps a reading of everything went past.
    pub(super) fn look_at_since(&mut self, upto: u64, market: &Market) -> Result<(), StoreUnavailable> {
        let mut above = self.after;
        while above < upto && above > 0 && !self.words.said.is_empty() {
            let steps = self.docket.steps(above, STEPS)?;
            let Some(last) = steps.last() else { break };
            above = last.seq;
            self.look_at(&names_of(SubjectKind::Creative, &steps), market)?;
        }
        self.look_at_config(market);
        Ok(())
    }

    /// Looks at some of those that are to be looked at again. Tells whether there were any.
    pub(super) fn look_again(&mut self, market: &Market) -> Result<bool, StoreUnavailable> {
        // Those whose media's words are still unknown come back when they are.
        let is_current = self.words.said.keys().all(|media| self.words.is_known(*media));
        if !is_current || self.words.again.is_empty() {
            return Ok(false);
        }
        let names: BTreeSet<_> = self.words.again.iter().take(MOST_AT_ONCE).cloned().collect();
        self.look_at(&names, market)?;
        self.words.again.retain(|name| !names.contains(name));
        Ok(true)
    }

    /// Begins a scan where words are new, and takes over what one has found. Tells whether anything has changed.
    pub(super) fn take_scanned(&mut self, market: &Market) -> bool {
        if self.words.said.is_empty() {
            let said = std::mem::take(&mut self.words);
            return !said.barred.is_empty();
        }
        if self.words.scan.is_none() && std::mem::take(&mut self.words.is_due) {
            self.words.scan = Scan::begin(&self.docket, &self.words.said, market);
            self.words.is_due = self.words.scan.is_none();
        }
        let mut changed = false;
        while let Some(told) = self.words.scan.as_ref().and_then(Scan::told) {
            changed = true;
            match told {
                Told::Finder(finder) => {
                    self.words.finder = finder;
                    self.look_at_config(market);
                }
                Told::Scanned(page) => page.iter().for_each(|it| self.take_one(it, market)),
                Told::Ended => self.words.scan = None,
                Told::Failed(why) => {
                    tracing::error!(%why, "words of media could not be looked for; what was not looked at stays away, and it is tried again");
                    self.words.scan = None;
                    self.words.is_due = true;
                }
            }
        }
        changed
    }

    /// Takes over what the scan found in a version, where it still stands.
    fn take_one(&mut self, scanned: &Scanned, market: &Market) {
        let Some(creative) = self.present(&scanned.name, market) else { return };
        let newer = self.recent.get(&creative.id).map_or(creative.version, |(_, recent)| recent.version);
        if u32::from(creative.version.0) == scanned.version && newer == creative.version {
            // For media whose words are newer than the scan's it is as it was.
            self.words.set(creative.id, &scanned.by, false);
        }
    }
}

/// What a creative says: its markup's texts, and its offer. `None`: its record cannot be read, and what was known of it stays.
fn said_in(kept: &KeptStep) -> Option<Vec<Spoken>> {
    let record: crate::compliance::creative::Record = kept.step.read().ok()?;
    Some(crate::compliance::words::said(&record.submission))
}

fn said_by_config(creative: &Creative) -> Vec<Spoken> {
    creative.markup.as_deref().map_or_else(Vec::new, |markup| spoken(creative.format, markup))
}
