//! Advertisers of the docket, taken over into the market (R-QUALIFY, R-OWN, R-IDLE; `docs/decisions/0037-advertisers-in-the-market.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::read::Unread;
use super::{MOST_RACES, Review};
use crate::clock::ShanghaiDay;
use crate::compliance::office::Refusal;
use crate::compliance::qualification::{Papers, Qualification, owner_of};
use crate::event::{KeptStep, StoreUnavailable, Subject, SubjectKind};
use crate::ids::{AdvertiserId, BuyerId};
use crate::market::Market;
use crate::market::content::Advertisers;
use crate::market::demand::Advertiser;

/// Advertisers of whom the docket has a word, by id.
pub(super) type Known = BTreeMap<AdvertiserId, Arc<Advertiser>>;

/// The advertisers that steps are about: their registrations and their documents.
pub(super) fn names_of(steps: &[KeptStep]) -> BTreeSet<String> {
    let named = steps.iter().map(|it| &it.step.subject).filter_map(|subject| match subject.kind {
        SubjectKind::Advertiser => Some(subject.name.clone()),
        SubjectKind::Document => Some(owner_of(&subject.name).to_owned()),
        _ => None,
    });
    named.collect()
}

impl Review {
    /// Lets the market show these, and no others.
    pub(super) fn show_advertisers(&mut self, known: Known) {
        self.shown = Arc::new(Advertisers::new(known.iter().map(|(id, it)| (*id, Arc::clone(it)))));
        self.advertisers = known;
    }

    /// All of them, judged as of a day. Of one that cannot be read the last good word stays.
    pub(super) fn read_advertisers(&mut self, market: &Market, day: ShanghaiDay) -> Result<Known, StoreUnavailable> {
        let mut known = Known::new();
        for (name, papers) in Papers::all(&*self.docket)? {
            known.extend(self.judged(&name, papers, market, day)?);
        }
        Ok(known)
    }

    /// Reads all again, for another day or under other terms. Nothing has changed where it fails.
    pub(super) fn turn_advertisers(&mut self, market: &Market, day: ShanghaiDay) -> Result<bool, StoreUnavailable> {
        for left in (0..MOST_RACES).rev() {
            let told = |subject: &Subject| matches!(subject.kind, SubjectKind::Advertiser | SubjectKind::Document);
            self.troubles.retain(|subject, _| !told(subject));
            let known = self.read_advertisers(market, day)?;
            match self.save_numbers() {
                Ok(()) => {}
                Err(error) if left == 0 => return Err(error),
                Err(_) => continue,
            }
            let changed = self.advertisers != known;
            if changed {
                self.show_advertisers(known);
            }
            return Ok(changed);
        }
        Ok(false)
    }

    /// Reads some again, by `ACCOUNT/ADVERTISER`. Nothing has changed where it fails.
    pub(super) fn refresh_advertisers(
        &mut self,
        names: &BTreeSet<String>,
        market: &Market,
        day: ShanghaiDay,
    ) -> Result<bool, StoreUnavailable> {
        for left in (0..MOST_RACES).rev() {
            let mut read = Vec::new();
            for name in names {
                self.forget_troubles_of(name);
                let papers = match Papers::of(&*self.docket, name) {
                    Ok(None) => continue,
                    Ok(Some(papers)) => Ok(papers),
                    Err(Refusal::Unavailable(error)) => return Err(error),
                    Err(refusal) => Err(refusal),
                };
                read.extend(self.judged(name, papers, market, day)?);
            }
            match self.save_numbers() {
                Ok(()) => {}
                Err(error) if left == 0 => return Err(error),
                Err(_) => continue,
            }
            let changed = read.iter().any(|(id, it)| self.advertisers.get(id) != Some(it));
            if changed {
                let mut known = std::mem::take(&mut self.advertisers);
                known.extend(read);
                self.show_advertisers(known);
            }
            return Ok(changed);
        }
        Ok(false)
    }

    fn forget_troubles_of(&mut self, name: &str) {
        self.troubles.retain(|subject, _| match subject.kind {
            SubjectKind::Advertiser => subject.name != name,
            SubjectKind::Document => owner_of(&subject.name) != name,
            _ => true,
        });
    }

    /// An advertiser as it stands by its papers. The book gives a new one its number.
    fn judged(
        &mut self,
        name: &str,
        papers: Result<Papers, Refusal>,
        market: &Market,
        day: ShanghaiDay,
    ) -> Result<Option<(AdvertiserId, Arc<Advertiser>)>, StoreUnavailable> {
        let papers = match papers {
            Ok(papers) => papers,
            Err(refusal) => return self.unread(name, refusal, market),
        };
        let it = &papers.registration;
        let of = Subject { kind: SubjectKind::Advertiser, name: name.to_owned(), version: 0 };
        if format!("{}/{}", it.account, it.advertiser) != name {
            let wrong = Unread::Body(format!("it says that it is {}/{}", it.account, it.advertiser));
            self.tell_of(&of, self.after, &wrong);
            return Ok(None);
        }
        let Some(buyer) = self.book.find::<BuyerId>(&it.account) else {
            self.tell_of(&of, self.after, &Unread::Account(it.account.clone()));
            return Ok(None);
        };
        let configured = market.configured_advertiser(buyer, &it.advertiser);
        let come_to = Qualification::of(Some(&papers), configured, &market.terms.content, day, name);
        let id = self.book.assign(name);
        let it = papers.registration;
        let advertiser = Advertiser {
            id,
            buyer,
            wire: it.advertiser,
            name: it.name,
            source: it.source,
            domains: it.domains,
            category: it.category,
            industries: it.industries,
            qualified_until: come_to.until,
        };
        Ok(Some((id, Arc::new(advertiser))))
    }

    /// One that cannot be read stays as it was, but for what its states alone say: a registration that was taken back.
    fn unread(
        &mut self,
        name: &str,
        refusal: Refusal,
        market: &Market,
    ) -> Result<Option<(AdvertiserId, Arc<Advertiser>)>, StoreUnavailable> {
        let subject = match &refusal {
            Refusal::Unreadable { subject, .. } => subject.clone(),
            _ => Subject { kind: SubjectKind::Advertiser, name: name.to_owned(), version: 0 },
        };
        let step = self.docket.standing(&subject)?.map_or(self.after, |kept| kept.seq);
        let why = match refusal {
            Refusal::Unreadable { why, .. } => why,
            other => other.to_string(),
        };
        self.tell_of(&subject, step, &Unread::Body(why));
        let id: Option<AdvertiserId> = self.book.find(name);
        let Some(present) = id.and_then(|id| Some((id, market.advertiser(id)?))) else { return Ok(None) };
        let qualified_until = match Papers::are_taken_back(&*self.docket, name) {
            Ok(true) => None,
            Ok(false) => present.1.qualified_until,
            Err(Refusal::Unavailable(error)) => return Err(error),
            Err(_) => present.1.qualified_until,
        };
        Ok(Some((present.0, Arc::new(Advertiser { qualified_until, ..present.1.clone() }))))
    }
}
