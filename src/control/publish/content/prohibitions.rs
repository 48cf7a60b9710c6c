//! What media prohibit themselves, taken from the docket (R-CATEGORY).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::read::Unread;
use super::{MOST_RACES, PAGE, Review};
use crate::compliance::prohibitions::{IN_FORCE, Prohibitions as Record};
use crate::event::{KeptStep, StoreUnavailable, Subject, SubjectKind, Wanted};
use crate::ids::{IdBook, MediaId};
use crate::market::supply::Prohibitions;

impl Review {
    /// All of them.
    pub(super) fn read_prohibitions(&mut self) -> Result<HashMap<MediaId, Prohibitions>, StoreUnavailable> {
        let (mut all, mut above) = (HashMap::new(), 0);
        loop {
            let page = self.docket.list(SubjectKind::Prohibitions, &Wanted::default(), above, PAGE)?;
            let Some(last) = page.last() else { return Ok(all) };
            above = last.seq;
            for kept in &page {
                match read(kept, &mut self.book) {
                    Ok((media, prohibited, words)) => {
                        self.words.say(media, words);
                        all.insert(media, prohibited);
                    }
                    Err(wrong) => self.tell(kept, &wrong),
                }
            }
        }
    }

    /// Reads those of some media again. What cannot be read leaves the last good word in force.
    pub(super) fn refresh_prohibitions(&mut self, names: &BTreeSet<String>) -> Result<bool, StoreUnavailable> {
        for left in (0..MOST_RACES).rev() {
            let mut changed = Vec::new();
            for name in names {
                let subject = Subject { kind: SubjectKind::Prohibitions, name: name.clone(), version: 0 };
                self.troubles.remove(&subject);
                let Some(kept) = self.docket.standing(&subject)? else { continue };
                match read(&kept, &mut self.book) {
                    Ok((media, prohibited, words)) => {
                        self.words.say(media, words);
                        changed.push((media, prohibited));
                    }
                    Err(wrong) => self.tell(&kept, &wrong),
                }
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
}

/// A record as the market has it, and its words. An advertiser that nobody knows yet gets its number: it may be registered later.
fn read(kept: &KeptStep, book: &mut IdBook) -> Result<(MediaId, Prohibitions, Vec<String>), Unread> {
    if kept.step.state != IN_FORCE {
        return Err(Unread::State(kept.step.state));
    }
    let media = book.find(&kept.step.subject.name).ok_or_else(|| Unread::Media(kept.step.subject.name.clone()))?;
    let record = Record::read(&kept.step.body).map_err(|error| Unread::Body(error.to_string()))?;
    let advertisers = record.advertisers.iter().map(|name| book.assign(name)).collect();
    let Record { categories, domains, attributes, words, .. } = record;
    Ok((media, Prohibitions { categories, domains, advertisers, attributes }, words))
}
