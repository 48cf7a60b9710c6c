//! A creative's record in the docket, as the market has it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::clock::ShanghaiDay;
use crate::compliance::creative::{Record, Submission, Told};
use crate::control::config::host_of;
use crate::event::KeptStep;
use crate::ids::{AdvertiserId, BuyerId, CreativeId, CreativeVersion, IdBook};
use crate::market::Market;
use crate::market::agreement::OnList;
use crate::market::demand::{Approved, Creative, CreativeState, CreativeTexts, Monitors};
use crate::markup::digest;

/// Why a record cannot be served. What was served before goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// Not in the form of its kind.
    #[error("its record cannot be read: {0}")]
    Body(String),
    /// Stored under another name or version than its own.
    #[error("its record says that it is {0} version {1}")]
    Misplaced(String, u32),
    /// A state that this program does not know.
    #[error("state {0} means nothing to this program")]
    State(u16),
    /// Nobody has that account.
    #[error("account {0} has never been in a config")]
    Account(String),
    /// Nobody has that id.
    #[error("media {0} has never been in a config")]
    Media(String),
    /// Industries that content.toml had when they were prohibited.
    #[error("industries {0} are not in content.toml any more: of these only advertisers that name them are kept away")]
    Industries(String),
    /// More versions than a charge can say.
    #[error("version {0} is beyond 65535")]
    Version(u32),
}

/// What records are read with.
pub(super) struct Reading<'r> {
    pub(super) market: &'r Market,
    /// Those that the exchange shows itself (R-FALLBACK).
    fallbacks: HashSet<CreativeId>,
    day: ShanghaiDay,
}

impl<'r> Reading<'r> {
    /// For a market.
    pub(super) fn of(market: &'r Market) -> Self {
        let fallbacks = market.deals.iter().filter_map(|deal| deal.fallback).collect();
        Self { market, fallbacks, day: market.loaded_at.shanghai_day() }
    }

    /// The creative of a record. The book gives new names their numbers; `present`: its number is known.
    pub(super) fn creative(
        &self,
        kept: &KeptStep,
        book: &mut IdBook,
        present: Option<CreativeId>,
    ) -> Result<Creative, Unread> {
        let record: Record = kept.step.read().map_err(|error| Unread::Body(error.to_string()))?;
        let submission = record.submission;
        let named = submission.subject();
        if named != kept.step.subject {
            return Err(Unread::Misplaced(named.name, named.version));
        }
        let state = CreativeState::from_code(kept.step.state).ok_or(Unread::State(kept.step.state))?;
        let version = u16::try_from(named.version).map_err(|_| Unread::Version(named.version))?;
        let buyer: Option<BuyerId> = book.find(&submission.account);
        let buyer = buyer.ok_or_else(|| Unread::Account(submission.account.clone()))?;
        let advertiser: AdvertiserId = book.assign(&format!("{}/{}", submission.account, submission.advertiser));
        let id = present.unwrap_or_else(|| book.assign(&named.name));
        // A million copies would be gigabytes: the market has those that it shows itself (R-FALLBACK).
        let is_fallback = self.fallbacks.contains(&id);
        let monitors = monitors(&submission.monitors, self.market, self.day);
        Ok(Creative {
            id,
            version: CreativeVersion(version),
            buyer,
            advertiser,
            texts: CreativeTexts::new(&submission.crid, &submission.landing_page),
            state,
            format: submission.format,
            sizes: submission.sizes.clone().into(),
            duration_s: submission.duration_s,
            categories: submission.categories.clone().into(),
            markup: is_fallback.then(|| submission.markup.as_str().into()),
            monitors: Some(monitors).filter(Monitors::is_told).map(Box::new),
            review: Some(Arc::new(approved(&submission))),
            print: Some(digest::print(&submission.markup)),
        })
    }
}

fn approved(submission: &Submission) -> Approved {
    let seconds = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
    Approved {
        attributes: Some(submission.attributes.clone().into()),
        shown: (
            submission.display_from_ms.map_or(0, |ms| seconds(ms.div_ceil(1_000))),
            submission.display_until_ms.map_or(u32::MAX, |ms| seconds(ms / 1_000)),
        ),
    }
}

/// Those that are on the list (R-MONITOR-LIST).
fn monitors(told: &Told, market: &Market, day: ShanghaiDay) -> Monitors {
    let listed = &market.terms.monitors;
    let on_list = |url: &&String| host_of(url).is_some_and(|host| listed.lists_host(&host, day) == OnList::Yes);
    let urls = |list: &[String]| list.iter().filter(on_list).cloned().collect();
    Monitors { impression: urls(&told.impression), click: urls(&told.click) }
}
