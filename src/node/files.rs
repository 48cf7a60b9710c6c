//! Files that creatives' markup names: the process that leads fetches them, on a thread and a runtime of its own, in the examiner's order. What is
//! asked for stands in the docket as due: what a process that ends in between leaves undone, the next one does.

mod orders;
mod watch;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::ShanghaiDay;
use crate::compliance::creative::Record;
use crate::compliance::files::{Looker, Missed, Named, Seen};
use crate::compliance::office::{Office, Refusal};
use crate::compliance::upload;
use crate::event::{Docket, DocketError, KeptStep, StoreUnavailable};
use crate::exchange::Exchange;
use crate::market::Market;
use crate::market::demand::CreativeState;
use crate::market::policy::landing::LandingTerms;
use crate::store::{SqliteDocket, SqliteStore};

use super::outside::{Fetching, Outside, whole_ms};
use orders::Order;
pub(super) use orders::Orders;

/// Buyers whose bytes of a day are counted; more are not kept.
const MOST_COUNTED: usize = 100_000;

/// Why a creative's files wait for their next turn.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Office(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    #[error(transparent)]
    Docket(#[from] DocketError),
    #[error("the authorities cannot be used: {0}")]
    Authorities(#[from] rustls::Error),
}

/// Starts what fetches the files; they are asked for in its orders.
pub(super) fn start(
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    docket: Arc<SqliteDocket>,
) -> io::Result<(Outside, Arc<Orders>)> {
    let orders = Arc::new(Orders::default());
    let taken = orders.clone();
    let running = Outside::start("pmpx-files", move || {
        let (fetching, kept, measuring) = (Fetching::default(), RefCell::default(), Semaphore::new(1));
        Rc::new(Post { exchange, store, docket, orders: taken, fetching, kept, measuring }).run()
    })?;
    Ok((running, orders))
}

/// Where files are fetched.
struct Post {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    docket: Arc<SqliteDocket>,
    orders: Arc<Orders>,
    fetching: Fetching,
    kept: RefCell<Kept>,
    /// A picture takes much memory while it is measured: one at a time.
    measuring: Semaphore,
}

impl Post {
    async fn run(self: Rc<Self>) {
        loop {
            let order = self.orders.next().await;
            let post = self.clone();
            tokio::task::spawn_local(async move {
                if let Err(error) = post.fill(&order).await {
                    let (name, version) = (&order.subject.name, order.subject.version);
                    tracing::error!(creative = name, version, %error, "a creative's files wait for their next turn");
                }
                post.orders.done(&order.subject);
            });
        }
    }

    fn market(&self) -> Arc<Market> {
        self.exchange.market.load_full()
    }

    fn office<'o>(&'o self, market: &'o Market) -> Office<'o> {
        Office { docket: &*self.docket, market, now: self.exchange.clock.now() }
    }

    /// Fetches what was asked for. Where it is not asked for any more, or another process leads by now, that is nothing; what is due stays so.
    async fn fill(&self, order: &Order) -> Result<(), Trouble> {
        let market = self.market();
        let (kept, state, record) = self.office(&market).creative(&order.subject)?;
        if kept.seq != order.seq || !self.store.leads() || !market.terms.landing.crawl {
            return Ok(());
        }
        match state {
            CreativeState::Checking => self.first(&market, (&kept, &record), &order.urls).await,
            CreativeState::Approved => self.again(&market, (&kept, record)).await,
            _ => Ok(()),
        }
    }

    /// Files of a version that is being checked.
    async fn first(
        &self,
        market: &Market,
        (kept, record): (&KeptStep, &Record),
        urls: &[String],
    ) -> Result<(), Trouble> {
        let terms = &market.terms.landing.files;
        let (mut named, mut wait) = (record.named.clone(), None::<Duration>);
        for url in urls {
            let place = named.iter().position(|it| it.url == *url);
            let known = place.and_then(|place| named.get(place));
            let (file, missed) = match self.look(market, &record.submission.account, (url, known)).await? {
                Seen::File(file) => (Some(file), None),
                Seen::None(missed) => (None, Some(missed)),
                Seen::Later => {
                    wait = wait.into_iter().chain([terms.pause]).min();
                    continue;
                }
            };
            if let Some(again) = missed.as_ref().and_then(|it| pause(it, terms.tries, terms.pause)) {
                wait = wait.into_iter().chain([again]).min();
            }
            let at_ms = self.exchange.clock.now().0;
            let seen = Named { url: url.clone(), at_ms, file, other: None, missed };
            match place.and_then(|place| named.get_mut(place)) {
                Some(known) => *known = seen,
                None => named.push(seen),
            }
        }
        let again = self.exchange.clock.now().plus_ms(wait.map_or(0, whole_ms));
        let subject = &kept.step.subject;
        if named == record.named {
            return Ok(self.docket.put_off(&[(subject.clone(), Some(again))])?);
        }
        // Somebody's step in between says what follows now.
        self.office(market).note_files(subject, kept.seq, (&named, again))?;
        Ok(())
    }

    /// Looks at one file.
    async fn look(
        &self,
        market: &Market,
        account: &str,
        (url, known): (&str, Option<&Named>),
    ) -> Result<Seen, Trouble> {
        let clock = &self.exchange.clock;
        let fetcher = self.fetching.by(&terms_of(market), clock)?;
        let looker = Looker { fetcher: &fetcher, docket: &*self.docket, clock, measuring: &self.measuring };
        let most = market.terms.landing.files.kept_a_day;
        let may_keep = |bytes| self.kept.borrow_mut().take((account, clock.now().shanghai_day()), bytes, most);
        let seen = looker.look(url, known, &may_keep).await?;
        self.exchange.metrics.landing.file(seen.label());
        if let Seen::None(missed) = &seen {
            let why = &missed.why;
            tracing::info!(url, why = why.en, found = why.found, "a creative's file could not be fetched");
        }
        Ok(seen)
    }
}

/// Bytes that were kept of each buyer, by account, on a day. Another process begins anew: it is a bound of disks, not of money.
#[derive(Debug, Default)]
struct Kept(BTreeMap<String, (ShanghaiDay, u64)>);

impl Kept {
    /// Counts bytes that are kept of a buyer today, if they are within its most.
    fn take(&mut self, (account, today): (&str, ShanghaiDay), bytes: u64, most: u64) -> bool {
        if self.0.len() >= MOST_COUNTED {
            self.0.retain(|_, (day, _)| *day == today);
        }
        if self.0.len() >= MOST_COUNTED && !self.0.contains_key(account) {
            return false;
        }
        let (day, sum) = self.0.entry(account.to_owned()).or_insert((today, 0));
        if *day != today {
            (*day, *sum) = (today, 0);
        }
        let has_room = sum.saturating_add(bytes) <= most;
        *sum += if has_room { bytes } else { 0 };
        has_room
    }
}

/// How files are fetched: as pages are, but as large as an upload may be, and in their own time.
fn terms_of(market: &Market) -> LandingTerms {
    let mut terms = (*market.terms.landing).clone();
    terms.limits.largest_body = market.terms.content.limits.file_bytes.min(upload::LARGEST);
    terms.limits.whole = terms.files.whole;
    terms
}

/// How long after a miss a file is asked for again; `None`: it is not.
fn pause(missed: &Missed, tries: u32, pause: Duration) -> Option<Duration> {
    (!missed.ends && missed.times < tries).then(|| pause.saturating_mul(missed.times))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::finding::{Finding, Weight};
    use crate::compliance::office::tests::market_with;

    #[test]
    fn a_buyer_s_bytes_are_counted_by_day() {
        let mut kept = Kept::default();
        let mut take = |account, day, bytes| kept.take((account, ShanghaiDay(day)), bytes, 100);
        assert!(take("a", 1, 60) && take("b", 1, 100));
        assert!(!take("a", 1, 41), "more than is left");
        assert!(take("a", 1, 40), "what was not kept was not counted");
        assert!(!take("a", 1, 1) && take("a", 2, 100) && !take("a", 2, 1));
    }

    #[test]
    fn a_file_is_as_large_as_an_upload_may_be() {
        let of = |file: &str| {
            let market = market_with("file = \"16MiB\"", &format!("file = \"{file}\""));
            let terms = terms_of(&market);
            assert_eq!(terms.limits.whole, terms.files.whole);
            terms.limits.largest_body
        };
        assert_eq!((of("2MiB"), of("32MiB")), (2 << 20, upload::LARGEST));
    }

    #[test]
    fn a_file_is_asked_for_again_later_each_time_and_not_for_ever() {
        let why = Finding::new("R-REVIEW", "file-unreachable", Weight::Person, ("file", ""), ("", ""));
        let of = |times, ends| pause(&Missed { times, ends, why: why.clone() }, 3, Duration::from_secs(60));
        assert_eq!([of(1, false), of(2, false)], [60, 120].map(|seconds| Some(Duration::from_secs(seconds))));
        assert_eq!([of(3, false), of(1, true)], [None, None]);
    }
}
