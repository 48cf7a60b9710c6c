//! Which pages are watched: those to which creatives lead that wait for their review or were approved.

use super::{ATTEMPTS, PAGE, Post, Trouble};
use crate::compliance::crawl::is_under;
use crate::compliance::landing::{self, MOST_USES, PageState, Record, Standpoint, Watched};
use crate::compliance::office::Refusal;
use crate::event::{Docket, KeptStep, StoreUnavailable, SubjectKind, Wanted};
use crate::market::Market;

/// How far creatives were followed.
#[derive(Debug, Default)]
pub(super) enum Seen {
    /// Nothing is known.
    #[default]
    Nothing,
    /// All creatives are gone through, of which those up to a step were; afterwards steps are followed from another one on.
    Listing {
        /// The last step of those that were.
        above: u64,
        /// The docket's last step when the list was begun.
        from: u64,
    },
    /// Every step up to this one was seen.
    Steps(u64),
}

impl Post {
    /// Has pages watched to which creatives lead, and rests those to which none leads any more. At first all creatives are gone through, then
    /// every step of them; a bounded number at a time, so that what is due meanwhile is not held up. Whether more are to be gone through.
    pub(super) fn follow(&self, seen: &mut Seen) -> Result<bool, Trouble> {
        match *seen {
            Seen::Nothing => {
                *seen = Seen::Listing { above: 0, from: self.docket.last_step()? };
                Ok(true)
            }
            Seen::Listing { above, from } => {
                let creatives = self.docket.list(SubjectKind::Creative, &Wanted::default(), above, PAGE)?;
                creatives.iter().try_for_each(|kept| self.note(kept))?;
                *seen = match creatives.last() {
                    Some(newest) => Seen::Listing { above: newest.seq, from },
                    None => Seen::Steps(from),
                };
                Ok(true)
            }
            Seen::Steps(last) => {
                let steps = self.docket.steps(last, PAGE)?;
                let of_creatives = steps.iter().filter(|kept| kept.step.subject.kind == SubjectKind::Creative);
                of_creatives.into_iter().try_for_each(|kept| self.note(kept))?;
                if let Some(newest) = steps.last() {
                    *seen = Seen::Steps(newest.seq);
                }
                Ok(!steps.is_empty())
            }
        }
    }

    /// Notes where a creative stands with its page. What cannot be read is told, and holds up no other.
    fn note(&self, kept: &KeptStep) -> Result<(), Trouble> {
        match self.noted(kept) {
            Err(Trouble::Office(error @ Refusal::Unreadable { .. })) => {
                tracing::error!(%error, creative = kept.step.subject.name, "a landing page is not watched");
                Ok(())
            }
            done => done,
        }
    }

    /// The same, as the docket has it now, whichever of its steps this is.
    fn noted(&self, kept: &KeptStep) -> Result<(), Trouble> {
        let Some(kept) = self.docket.standing(&kept.step.subject)? else { return Ok(()) };
        let (submission, now) = landing::use_of(&kept)?;
        let url = &submission.landing_page;
        let (account, advertiser) = (&submission.account, &submission.advertiser);
        for _ in 0..ATTEMPTS {
            let page = Watched::of(&*self.docket, &landing::subject(account, advertiser, url))?;
            let (after, before, state, record) = match page {
                Some(it) => (it.seq, it.due, it.state, it.record),
                // An app store's page is not the advertiser's to freeze.
                None if now == Standpoint::Gone || !self.is_own(account, advertiser, url)? => return Ok(()),
                None => (0, None, PageState::Retired, Record::new(account, advertiser, url)),
            };
            let lead = submission.lead();
            let is_known = record.uses.iter().any(|it| (it.crid.as_str(), it.version) == (lead.crid, lead.version));
            if now == Standpoint::Approved && !is_known && record.uses.len() >= MOST_USES {
                return Ok(landing::stop_one(&self.office(&self.market()), &submission.subject(), url)?);
            }
            let Some(standing) = landing::used(state, &record, &lead, now) else { return Ok(()) };
            let version = submission.version;
            let reason = format!("creative {} version {version} is {}", submission.subject().name, now.label());
            if self.take((after, before), kept.step.owner, &standing, &reason)? {
                return Ok(());
            }
        }
        Err(StoreUnavailable("too many others take steps of a page at the same time".to_owned()).into())
    }

    fn is_own(&self, account: &str, advertiser: &str, url: &str) -> Result<bool, Trouble> {
        let Ok(url) = url::Url::parse(url) else { return Ok(false) };
        let host = url.host_str().unwrap_or_default();
        Ok(self.domains(&self.market(), account, advertiser)?.iter().any(|domain| is_under(host, domain)))
    }

    /// The domains of an advertiser: those that it has registered, and those that it is served with.
    pub(super) fn domains(&self, market: &Market, account: &str, advertiser: &str) -> Result<Vec<String>, Trouble> {
        let office = self.office(market);
        let mut domains = office.registered(account, advertiser)?.map(|it| it.domains).unwrap_or_default();
        let buyer = market.buyers.iter().find(|it| it.account == account).map(|it| it.id);
        let served = buyer.and_then(|buyer| market.advertiser_named(buyer, advertiser));
        domains.extend(served.into_iter().flat_map(|it| it.domains.clone()));
        Ok(domains)
    }
}
