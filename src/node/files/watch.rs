//! Files of approved creatives, looked at again: what is shown stays what was approved (R-REVIEW).

use crate::compliance::creative::Record;
use crate::compliance::files::{Differs, Missed, Named};
use crate::compliance::review;
use crate::event::KeptStep;
use crate::market::Market;
use crate::market::demand::CreativeState;

use super::super::outside::{put_off, whole_ms};
use super::{Post, Trouble};

impl Post {
    /// Looks at the files of an approved version. One that is another is looked at once more before anything follows.
    pub(super) async fn again(&self, market: &Market, (kept, record): (&KeptStep, Record)) -> Result<(), Trouble> {
        let terms = &market.terms.landing;
        let account = &record.submission.account;
        let all: Vec<_> = (0..record.named.len()).collect();
        let doubted = self.differing(market, account, (&record.named, &all)).await?;
        if doubted.is_empty() {
            return self.is_as_it_was(market, kept, &record);
        }
        tokio::time::sleep(terms.watch.confirm).await;
        let places: Vec<_> = doubted.iter().map(|(place, _)| *place).collect();
        let differing = self.differing(market, account, (&record.named, &places)).await?;
        if differing.is_empty() {
            return self.is_as_it_was(market, kept, &record);
        }
        let at_ms = self.exchange.clock.now().0;
        let mut named = record.named;
        for (place, differs) in &differing {
            let Some(it) = named.get_mut(*place) else { continue };
            it.at_ms = at_ms;
            match differs.clone() {
                Differs::Other(now) | Differs::Harmful(now) => it.other = Some(now),
                Differs::Gone(why) => it.missed = Some(Missed { times: 1, ends: true, why }),
            }
        }
        let subject = &kept.step.subject;
        let moved = self.office(market).files_differ(subject, kept.seq, (&named, &differing))?;
        if moved.changed {
            self.exchange.metrics.landing.files_changed.one();
            let urls: Vec<_> = differing.iter().filter_map(|(place, _)| named.get(*place)).map(|it| &*it.url).collect();
            let (creative, version) = (&subject.name, subject.version);
            tracing::warn!(
                creative,
                version,
                urls = urls.join(" "),
                "files are not those that were reviewed: suspended"
            );
        }
        Ok(())
    }

    /// Which of some files are not what was reviewed, and how.
    async fn differing(
        &self,
        market: &Market,
        account: &str,
        (named, places): (&[Named], &[usize]),
    ) -> Result<Vec<(usize, Differs)>, Trouble> {
        let mut differing = Vec::new();
        for (place, it) in places.iter().filter_map(|place| named.get(*place).map(|it| (*place, it))) {
            if it.file.is_none() {
                continue;
            }
            let seen = self.look(market, account, (&it.url, Some(it))).await?;
            differing.extend(it.differs(&seen).map(|differs| (place, differs)));
        }
        Ok(differing)
    }

    /// The next look, or the end of its display period.
    fn is_as_it_was(&self, market: &Market, kept: &KeptStep, record: &Record) -> Result<(), Trouble> {
        let now = self.exchange.clock.now();
        let next = now.plus_ms(whole_ms(market.terms.landing.files.again));
        let ends = review::due(CreativeState::Approved, &record.submission, now);
        let due = ends.into_iter().chain([next]).min();
        Ok(put_off(&*self.docket, (&kept.step.subject, kept.seq), (due, now))?)
    }
}
