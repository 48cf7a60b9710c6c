//! The guard of the watch, where the crawler works: what was seen lately, whom it asks besides, and what is told while verdicts are held back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use super::{PAGE, Post, Trouble, whole_ms};
use crate::clock::UnixMillis;
use crate::compliance::landing::{
    self, Moment, PATIENCE, PageState, Recent, Record, Round, Ruling, Saw, Standing, Watched, rule, site,
};
use crate::event::{Docket, SubjectKind, Wanted};
use crate::market::policy::landing::LandingTerms;

/// Looks that are remembered; the oldest are forgotten.
const MOST_LOOKS: usize = 4_096;
/// How often it is told that verdicts are held back, as long as they are.
const TOLD_MS: u64 = 600_000;

/// What was seen of pages lately, by their names in the docket. Pages that are other ones have it in their records, and are known after a restart too; of
/// the others nothing is written, and witnesses are asked anew.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// From when on it is known.
    since: Option<UnixMillis>,
    looks: BTreeMap<String, Recent>,
    /// Pages of which no verdict is taken.
    held: BTreeSet<String>,
    told: Option<UnixMillis>,
}

impl Lately {
    fn note(&mut self, name: String, recent: Recent, window_ms: u64) {
        let oldest = recent.at.0.saturating_sub(window_ms);
        self.looks.retain(|_, look| look.at.0 >= oldest);
        self.looks.insert(name, recent);
        if self.looks.len() > MOST_LOOKS {
            let oldest = self.looks.iter().min_by_key(|(_, look)| look.at).map(|(name, _)| name.clone());
            oldest.into_iter().for_each(|name| drop(self.looks.remove(&name)));
        }
    }
}

impl Post {
    /// Reads once, when this process begins to lead, what the docket knows of pages that are other ones; and tells again and again that verdicts are
    /// held back.
    pub(super) fn recall(&self) -> Result<(), Trouble> {
        let now = self.exchange.clock.now();
        if self.lately.borrow().since.is_some() {
            self.remind(now);
            return Ok(());
        }
        let window_ms = whole_ms(self.market().terms.landing.guard.window);
        let mut lately = Lately { since: Some(now), ..Lately::default() };
        let mut held = Vec::new();
        for state in [PageState::Doubted, PageState::Changed, PageState::Cloaked] {
            let (wanted, mut above) = (Wanted { state: Some(state.code()), owner: None }, 0);
            loop {
                let kept = self.docket.list(SubjectKind::Page, &wanted, above, PAGE)?;
                for page in kept.iter().filter_map(|kept| Watched::read(kept).ok()) {
                    let Record { odd, stop, .. } = &page.record;
                    let Some(odd) = odd else { continue };
                    // What is in doubt is so until its next look, which is soon.
                    let at = stop.as_ref().map_or(now, |stop| UnixMillis(stop.at_ms));
                    if at.0 >= now.0.saturating_sub(window_ms) {
                        let recent = Recent::of(page.state, &page.record, at, Saw::Other(odd.marks.clone()));
                        lately.note(page.record.subject().name, recent, window_ms);
                    }
                    held.push(page);
                }
                match kept.last() {
                    Some(last) => above = last.seq,
                    None => break,
                }
            }
        }
        self.lately.replace(lately);
        held.iter().for_each(|page| self.tell_held(page.state, &page.record));
        Ok(())
    }

    /// What follows from a round, as far as the guard lets it.
    pub(super) fn guarded(
        &self,
        (state, record): (PageState, &Record),
        round: &mut Round,
    ) -> Result<Standing, Trouble> {
        let market = self.market();
        let terms = &market.terms.landing;
        let window_ms = whole_ms(terms.guard.window);
        let mut standing = landing::seen(state, record, round, &terms.watch);
        let became = |standing: &Standing, it: PageState| standing.state == it && state != it;
        if became(&standing, PageState::Doubted) && self.lately.borrow().held.is_empty() {
            self.witnesses(record, round.at, terms)?;
        }
        // What is infected harms whoever comes to it, whosever line that is, and costs nobody anything but delivery.
        if became(&standing, PageState::Changed) || became(&standing, PageState::Cloaked) {
            round.ruling = self.ruling(record, round, terms)?;
            standing = landing::seen(state, record, round, &terms.watch);
        }
        if let Some(saw) = Saw::of(state, record, round) {
            let recent = Recent::of(standing.state, record, round.at, saw);
            self.lately.borrow_mut().note(record.subject().name, recent, window_ms);
        }
        Ok(standing)
    }

    /// What the guard says of a verdict on this round.
    fn ruling(&self, record: &Record, round: &Round, terms: &LandingTerms) -> Result<Ruling, Trouble> {
        let since = UnixMillis(record.odd.as_ref().map_or(round.at.0, |odd| odd.since_ms));
        let page = Recent::of(PageState::Doubted, record, round.at, Saw::Other(round.marks.clone()));
        let others: Vec<Recent> = {
            let (lately, name) = (self.lately.borrow(), record.subject().name);
            lately.looks.iter().filter(|(of, _)| **of != name).map(|(_, look)| look.clone()).collect()
        };
        // Nobody waits for what was before this process led.
        let known = self.lately.borrow().since.unwrap_or(round.at).max(since);
        let patience = known.plus_ms(whole_ms(terms.watch.confirm).saturating_mul(PATIENCE));
        let moment = Moment { now: round.at, since, patience, more: false };
        let judge = |moment: &Moment| rule(&page, record.held.as_ref(), &others, moment, &terms.guard);
        match judge(&moment) {
            Ruling::Take if !record.held.as_ref().is_some_and(|held| held.released) => {
                let more = self.witnesses(record, since, terms)?;
                Ok(judge(&Moment { more, ..moment }))
            }
            ruling => Ok(ruling),
        }
    }

    /// Has a few pages of others looked at now that were not since a moment: whether there are any. Which, is drawn, so that nobody can arrange for them.
    fn witnesses(&self, record: &Record, since: UnixMillis, terms: &LandingTerms) -> Result<bool, Trouble> {
        let most = terms.guard.witnesses as usize;
        if most == 0 {
            return Ok(false);
        }
        let (now, own) = (self.exchange.clock.now(), site(&record.url));
        let last = u32::try_from(self.docket.last_step()?).unwrap_or(u32::MAX);
        let from = u64::from(self.chance.borrow_mut().below(last.max(1)));
        let wanted = Wanted { state: Some(PageState::Watched.code()), owner: None };
        let (mut chosen, mut due) = (Vec::<Recent>::new(), Vec::new());
        for above in [from, 0] {
            let kept = self.docket.list(SubjectKind::Page, &wanted, above, PAGE)?;
            for page in kept.iter().filter_map(|kept| Watched::read(kept).ok()) {
                let subject = page.record.subject();
                let one = Recent::of(page.state, &page.record, now, Saw::Same);
                let is_known = self.lately.borrow().looks.get(&subject.name).is_some_and(|look| look.at >= since);
                let is_related = one.is_related(&record.account, &own)
                    || chosen.iter().any(|other| other.is_related(&one.account, &one.site));
                if chosen.len() < most && page.record.is_held() && !is_known && !is_related {
                    if page.due.is_some_and(|due| due > now) {
                        due.push((subject, Some(now)));
                    }
                    chosen.push(one);
                }
            }
        }
        self.docket.put_off(&due)?;
        Ok(!chosen.is_empty())
    }

    /// Notes whether a verdict on a page is held back, and tells it when that begins and ends.
    pub(super) fn tell_held(&self, state: PageState, record: &Record) {
        let mut lately = self.lately.borrow_mut();
        let name = record.subject().name;
        let page = &record.url;
        match record.held.as_ref().filter(|_| state == PageState::Doubted) {
            Some(held) if lately.held.insert(name.clone()) => {
                let (why, sites) = (held.cause.words(), held.sites.join(" "));
                tracing::error!(
                    page,
                    why,
                    sites,
                    "no verdict is taken on a landing page that is another one: is it this side's line? See /reviews/pages"
                );
                lately.told = lately.told.or(Some(self.exchange.clock.now()));
            }
            None if lately.held.remove(&name) => {
                tracing::warn!(page, state = state.label(), "no verdict on this landing page is held back any more");
            }
            _ => {}
        }
        let count = u64::try_from(lately.held.len()).unwrap_or(u64::MAX);
        self.exchange.metrics.landing.held.store(count, Ordering::Relaxed);
    }

    fn remind(&self, now: UnixMillis) {
        let mut lately = self.lately.borrow_mut();
        let is_due = lately.told.is_none_or(|told| now.0.saturating_sub(told.0) >= TOLD_MS);
        if lately.held.is_empty() || !is_due {
            return;
        }
        lately.told = Some(now);
        let pages = lately.held.len();
        tracing::error!(
            pages,
            "no verdict is taken on landing pages that are other ones: a person decides, at /reviews/pages"
        );
    }
}
