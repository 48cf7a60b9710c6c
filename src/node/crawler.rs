//! Landing pages under watch: the process that leads looks at those that are due, on a thread and a runtime of its own, and does what follows.
//!
//! What a verdict demands stands in the page's record before any of it is done, and doing it again changes nothing: what a process that ends in
//! between leaves undone, the next one does.

mod deeds;
mod follow;
mod guard;
mod pictures;
mod traffic;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::{Chance, UnixMillis};
use crate::compliance::crawl::{Fetcher, Target};
use crate::compliance::landing::{
    self, Again, CRAWLER, Looker, Offered, PageState, Record, RoundError, Standing, Watched,
};
use crate::compliance::office::{Office, Refusal};
use crate::control::publish::Publisher;
use crate::event::{Docket, DocketError, Owner, Step, StoreUnavailable, Subject, SubjectKind, Taken};
use crate::exchange::Exchange;
use crate::market::Market;
use crate::market::policy::landing::LandingTerms;
use crate::store::{SqliteDocket, SqliteStore};

use super::browser::Browser;
use super::outside::{Fetching, Outside, put_off, whole_ms};
use follow::Seen;
use guard::Lately;
use traffic::Traffic;

/// How often it is looked which pages are due, and what became of creatives.
const LOOK: Duration = Duration::from_millis(500);
/// Steps and creatives that are read at once.
const PAGE: u32 = 256;
/// How often a page's step is judged again because another came in between.
const ATTEMPTS: u32 = 16;

/// Why a page waits for its next turn.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Round(#[from] RoundError),
    #[error(transparent)]
    Office(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    #[error(transparent)]
    Docket(#[from] DocketError),
    #[error("violation: {0}")]
    Violation(#[from] crate::settlement::office::Refusal),
    #[error("the landing pages' authorities cannot be used: {0}")]
    Authorities(#[from] rustls::Error),
}

/// Starts the crawler.
pub(super) fn start(
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    docket: Arc<SqliteDocket>,
    publisher: Arc<Publisher>,
) -> io::Result<Outside> {
    Outside::start("pmpx-crawler", move || {
        let post = Rc::new(Post {
            exchange,
            store,
            docket,
            publisher,
            fetching: Fetching::default(),
            busy: RefCell::default(),
            browser: RefCell::default(),
            pictured: RefCell::default(),
            chance: RefCell::new(Chance::unpredictable()),
            traffic: RefCell::default(),
            lately: RefCell::default(),
        });
        post.run()
    })
}

/// Where the crawler works.
struct Post {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    docket: Arc<SqliteDocket>,
    publisher: Arc<Publisher>,
    fetching: Fetching,
    /// Pages that are being looked at.
    busy: RefCell<BTreeSet<String>>,
    /// By the terms that it was made by.
    browser: RefCell<Option<(Arc<LandingTerms>, Rc<Browser>)>>,
    /// Pages that wait for their picture.
    pictured: RefCell<BTreeSet<String>>,
    chance: RefCell<Chance>,
    traffic: RefCell<Traffic>,
    /// What was seen of pages lately, by their names in the docket.
    lately: RefCell<Lately>,
}

impl Post {
    async fn run(self: Rc<Self>) {
        let (mut seen, mut more, mut failed) = (Seen::default(), false, false);
        let mut crawled = None;
        loop {
            tokio::time::sleep(if more { Duration::ZERO } else { LOOK }).await;
            more = false;
            if !self.store.leads() {
                seen = Seen::default();
                self.lately.take();
                self.exchange.metrics.landing.overdue_seconds.store(0, Ordering::Relaxed);
                self.exchange.metrics.landing.held.store(0, Ordering::Relaxed);
                continue;
            }
            // What is owed is done whether pages are looked at or not.
            let crawls = self.market().terms.landing.crawl;
            if crawled.replace(crawls) != Some(crawls) {
                let is = if crawls { "are looked at" } else { "are not looked at: `crawl` of landing.toml is off" };
                tracing::info!("landing pages {is}");
            }
            let followed = match crawls {
                true => self.recall().and_then(|()| self.follow(&mut seen)),
                false => Ok(false),
            };
            if !crawls {
                seen = Seen::default();
                self.lately.take();
                self.exchange.metrics.landing.held.store(0, Ordering::Relaxed);
            }
            let begun = self.begin(crawls);
            match followed.and_then(|more| begun.map(|()| more)) {
                Ok(again) => (more, failed) = (again, false),
                Err(error) => {
                    if !std::mem::replace(&mut failed, true) {
                        tracing::error!(%error, "landing pages wait; they are tried again");
                    }
                }
            }
        }
    }

    fn market(&self) -> Arc<Market> {
        self.exchange.market.load_full()
    }

    fn office<'o>(&'o self, market: &'o Market) -> Office<'o> {
        Office { docket: &*self.docket, market, now: self.exchange.clock.now() }
    }

    /// Starts with what is due, as far as there are connections for it.
    fn begin(self: &Rc<Self>, crawls: bool) -> Result<(), Trouble> {
        let market = self.market();
        let most = market.terms.landing.rates.connections;
        let busy = self.busy.borrow().len();
        if crawls && busy >= most {
            return Ok(());
        }
        let now = self.exchange.clock.now();
        let limit = if crawls { u32::try_from(most).unwrap_or(u32::MAX) } else { PAGE };
        let due = self.docket.due(SubjectKind::Page, now, limit)?;
        let longest = due.first().and_then(|kept| kept.step.due).filter(|_| crawls);
        let overdue_ms = longest.map_or(0, |due| now.0.saturating_sub(due.0));
        self.exchange.metrics.landing.overdue_seconds.store(overdue_ms / 1_000, Ordering::Relaxed);
        let watch = &market.terms.landing.watch;
        for kept in due {
            let name = kept.step.subject.name.clone();
            let page = Watched::read(&kept);
            if !crawls && page.as_ref().is_ok_and(|page| page.record.owed.is_empty()) {
                self.later(&kept.step.subject, kept.seq, Some(now.plus_ms(whole_ms(watch.shortest))))?;
                continue;
            }
            if self.busy.borrow().len() >= most || !self.busy.borrow_mut().insert(name.clone()) {
                continue;
            }
            let (post, confirm_ms) = (self.clone(), whole_ms(watch.confirm));
            tokio::task::spawn_local(async move {
                let visited = match page {
                    Ok(page) => post.visit(page).await,
                    Err(error) => Err(error.into()),
                };
                // Where no fetcher can be made, nothing was looked at.
                let fetcher = post.fetcher(&post.market().terms.landing).ok().filter(|_| crawls);
                let pictured = |fetcher| post.picture(&kept.step.subject, &fetcher);
                let visited = visited.and_then(|()| fetcher.map_or(Ok(()), pictured));
                if let Err(error) = visited {
                    tracing::error!(page = name, %error, "a landing page waits for its next turn");
                    let again = post.exchange.clock.now().plus_ms(confirm_ms);
                    if let Err(error) = post.later(&kept.step.subject, kept.seq, Some(again)) {
                        tracing::error!(page = name, %error, "it could not be put off");
                    }
                }
                post.busy.borrow_mut().remove(&name);
            });
        }
        Ok(())
    }

    fn fetcher(&self, terms: &LandingTerms) -> Result<Rc<Fetcher>, Trouble> {
        Ok(self.fetching.by(terms, &self.exchange.clock)?)
    }

    /// Does what is owed of a page, or looks at it.
    async fn visit(&self, page: Watched) -> Result<(), Trouble> {
        let Watched { seq, state, record, owner, due } = page;
        self.tell_held(state, &record);
        let market = self.market();
        let watch = &market.terms.landing.watch;
        if !record.owed.is_empty() {
            let entered = self.perform(&market, state, &record)?;
            let standing = landing::done(state, &record, entered, watch);
            self.take((seq, due), owner, &standing, "what follows is done")?;
            return Ok(());
        }
        if state == PageState::Retired {
            return self.later(&record.subject(), seq, None);
        }
        let fetcher = self.fetcher(&market.terms.landing)?;
        let domains = self.domains(&market, &record.account, &record.advertiser)?;
        let plain = fetcher.terms().reach.plain.contains(&format!("{}/{}", record.account, record.advertiser));
        let target = Target { url: &record.url, domains: &domains, plain };
        let looker = Looker { fetcher: &fetcher, docket: &*self.docket, clock: &self.exchange.clock };
        if let Err(out) = looker.reaches(&record, &target) {
            let (url, why) = (&out.url, &out.why.en);
            tracing::warn!(
                page = record.url,
                url,
                why,
                "a landing page is not looked at: the terms or its advertiser's domains have changed"
            );
            let standing = Standing { state, record, again: Again::Usual };
            return self.later(&standing.record.subject(), seq, self.due(&standing, due));
        }
        let offered = self.offered(&market, &record)?;
        let mut round = looker.look((state, &record), &target, &offered).await?;
        let standing = self.guarded((state, &record), &mut round)?;
        let (counts, told) = (&self.exchange.metrics.landing, landing::told(&round));
        round.looks.iter().for_each(|(_, look)| counts.look(look.label()));
        if let Some(why) = &round.unscanned {
            counts.unscanned.one();
            tracing::warn!(page = record.url, why, "a landing page could not be scanned for malware");
        }
        if (standing.state, &standing.record) == (state, &record) {
            tracing::debug!(page = record.url, told, "a landing page is as it was");
            return self.later(&record.subject(), seq, self.due(&standing, due));
        }
        let is_verdict = standing.state != state;
        let verdict = standing.state.label();
        if self.take((seq, due), owner, &standing, &told)? && is_verdict {
            counts.verdict(verdict);
        }
        Ok(())
    }

    /// What the creatives state that were not compared with the page as it was last seen (R-LANDING-MATCH).
    fn offered(&self, market: &Market, record: &Record) -> Result<Vec<Offered>, Trouble> {
        let office = self.office(market);
        let current = record.current().map(|sight| sight.sha256.as_str());
        let is_compared = |crid: &str, version: u32| {
            let of = |it: &landing::Matched| (it.crid.as_str(), it.version) == (crid, version);
            record.matches.iter().any(|it| of(it) && Some(it.sha256.as_str()) == current)
        };
        let mut offered = Vec::new();
        for it in record.uses.iter().filter(|it| !is_compared(&it.crid, it.version)) {
            let name = format!("{}/{}", record.account, it.crid);
            let subject = Subject { kind: SubjectKind::Creative, name, version: it.version };
            let submission = office.creative(&subject)?.2.submission;
            offered.push(Offered {
                crid: it.crid.clone(),
                version: it.version,
                offer: submission.offer,
                app: submission.app,
            });
        }
        Ok(offered)
    }

    /// Moves when a page is looked at again, where nobody took a step of it meanwhile: what that asks for is not put off.
    fn later(&self, subject: &Subject, seq: u64, due: Option<UnixMillis>) -> Result<(), Trouble> {
        Ok(put_off(&*self.docket, (subject, seq), (due, self.exchange.clock.now()))?)
    }

    /// Takes a page's step, after the one that was known and when it was due then; whether nobody came in between.
    fn take(
        &self,
        (after, before): (u64, Option<UnixMillis>),
        owner: Owner,
        standing: &Standing,
        reason: &str,
    ) -> Result<bool, Trouble> {
        let due = self.due(standing, before);
        let body = serde_json::to_string(&standing.record).map_err(|error| StoreUnavailable(error.to_string()))?;
        let step = Step {
            subject: standing.record.subject(),
            owner,
            state: standing.state.code(),
            due,
            at: self.exchange.clock.now(),
            actor: CRAWLER.to_owned(),
            reason: reason.to_owned(),
            body,
        };
        match self.docket.take(&[Taken { step, after }]) {
            Ok(_) => {
                let (page, state) = (&standing.record.url, standing.state.label());
                let owed: Vec<_> = standing.record.owed.iter().map(|deed| deed.label()).collect();
                tracing::info!(page, state, owed = owed.join(" "), reason, "landing page");
                self.tell_held(standing.state, &standing.record);
                Ok(true)
            }
            Err(DocketError::Overtaken { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// When a page is looked at again.
    fn due(&self, standing: &Standing, before: Option<UnixMillis>) -> Option<UnixMillis> {
        let now = self.exchange.clock.now();
        match standing.again {
            Again::Now => Some(now),
            Again::After(ms) => Some(now.plus_ms(ms)),
            Again::AsBefore => before,
            Again::Never => None,
            Again::Usual => {
                let market = self.market();
                let served = self.traffic.borrow_mut().of(&standing.record, &market, &self.store, now);
                let draw = u16::try_from(self.chance.borrow_mut().below(1_000)).unwrap_or(0);
                Some(now.plus_ms(landing::interval(&market.terms.landing.watch, served, draw)))
            }
        }
    }
}
