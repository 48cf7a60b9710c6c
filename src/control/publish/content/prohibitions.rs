//! What media prohibit themselves, taken from the docket (R-CATEGORY).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::read::Unread;
use super::{MOST_RACES, PAGE, Review};
use crate::compliance::prohibitions::{IN_FORCE, Prohibitions as Record};
use crate::event::{KeptStep, StoreUnavailable, Subject, SubjectKind, Wanted};
use crate::ids::{IdBook, MediaId};
use crate::market::Market;
use crate::market::supply::{Media, Prohibitions};

impl Review {
    /// All of them.
    pub(super) fn read_prohibitions(
        &mut self,
        market: &Market,
    ) -> Result<HashMap<MediaId, Prohibitions>, StoreUnavailable> {
        let (mut all, mut above) = (HashMap::new(), 0);
        loop {
            let page = self.docket.list(SubjectKind::Prohibitions, &Wanted::default(), above, PAGE)?;
            let Some(last) = page.last() else { return Ok(all) };
            above = last.seq;
            for kept in &page {
                all.extend(self.prohibited_by(kept, market));
            }
        }
    }

    /// Reads those of some media again. What cannot be read leaves the last good word in force.
    pub(super) fn refresh_prohibitions(
        &mut self,
        names: &BTreeSet<String>,
        market: &Market,
    ) -> Result<bool, StoreUnavailable> {
        for left in (0..MOST_RACES).rev() {
            let mut changed = Vec::new();
            for name in names {
                let subject = Subject { kind: SubjectKind::Prohibitions, name: name.clone(), version: 0 };
                self.troubles.remove(&subject);
                let Some(kept) = self.docket.standing(&subject)? else { continue };
                changed.extend(self.prohibited_by(&kept, market));
            }
            match self.save_numbers() {
                Ok(()) => {}
                Err(error) if left == 0 => return Err(error),
                Err(_) => continue,
            }
            let any = !changed.is_empty();
            if any {
                Arc::make_mut(&mut self.prohibited).extend(changed);
            }
            return Ok(any);
        }
        Ok(false)
    }

    /// The names of those whose records name industries: what these are may be another thing in another generation.
    pub(super) fn prohibiting_industries(&self, market: &Market) -> impl Iterator<Item = String> {
        let naming = |media: &&Media| self.prohibited.get(&media.id).is_some_and(|it| !it.industries.is_empty());
        market.media.iter().filter(naming).map(|media| media.wire.clone())
    }

    /// What a record comes to, and whose it is. What is wrong with it is told; an industry that is gone takes nothing else away.
    fn prohibited_by(&mut self, kept: &KeptStep, market: &Market) -> Option<(MediaId, Prohibitions)> {
        match read(kept, &mut self.book, market) {
            Ok((media, prohibited, words)) => {
                let known = |id: &&String| market.terms.content.industry(id).is_some();
                let (_, gone): (Vec<_>, Vec<_>) = prohibited.industries.iter().partition(known);
                if !gone.is_empty() {
                    let gone = gone.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                    self.tell(kept, &Unread::Industries(gone));
                }
                self.words.say(media, words);
                Some((media, prohibited))
            }
            Err(wrong) => {
                self.tell(kept, &wrong);
                None
            }
        }
    }
}

/// A record as the market has it, and its words. An advertiser that nobody knows yet gets its number: it may be registered later.
fn read(kept: &KeptStep, book: &mut IdBook, market: &Market) -> Result<(MediaId, Prohibitions, Vec<String>), Unread> {
    if kept.step.state != IN_FORCE {
        return Err(Unread::State(kept.step.state));
    }
    let media = book.find(&kept.step.subject.name).ok_or_else(|| Unread::Media(kept.step.subject.name.clone()))?;
    let record: Record = kept.step.read().map_err(|error| Unread::Body(error.to_string()))?;
    let advertisers = record.advertisers.iter().map(|name| book.assign(name)).collect();
    let Record { categories, industries, domains, attributes, words, .. } = record;
    let categories = market.terms.content.with_industries(&categories, &industries);
    Ok((media, Prohibitions { categories, industries, domains, advertisers, attributes }, words))
}
