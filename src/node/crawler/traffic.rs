//! How much the deals of a page's advertiser serve: what serves more is looked at more often.

use std::collections::HashMap;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::compliance::landing::Record;
use crate::event::{Measure, Stage, StoreUnavailable};
use crate::ids::DealId;
use crate::market::Market;
use crate::store::SqliteStore;

/// How long counts are used.
const FRESH_MS: u64 = 600_000;

/// Impressions of deals, of yesterday or today, whichever are more.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    counted_at: Option<UnixMillis>,
    impressions: HashMap<DealId, u64>,
}

impl Traffic {
    /// Impressions a day of the deals under which the page's advertiser may be shown. Where they cannot be read, of what was read before.
    pub(super) fn of(&mut self, record: &Record, market: &Market, store: &SqliteStore, now: UnixMillis) -> u64 {
        if self.counted_at.is_none_or(|at| now.0.abs_diff(at.0) >= FRESH_MS) {
            self.counted_at = Some(now);
            match count(market, store, now) {
                Ok(impressions) => self.impressions = impressions,
                Err(error) => tracing::warn!(%error, "landing pages are looked at by older counts"),
            }
        }
        let buyer = market.buyers.iter().find(|it| it.account == record.account).map(|it| it.id);
        let advertiser = buyer.and_then(|buyer| market.advertiser_named(buyer, &record.advertiser)).map(|it| it.id);
        let deals = market.deals.iter().filter(|deal| {
            Some(deal.buyer) == buyer && advertiser.is_none_or(|advertiser| deal.takes_advertiser(advertiser))
        });
        deals.filter_map(|deal| self.impressions.get(&deal.id)).sum()
    }
}

fn count(market: &Market, store: &SqliteStore, now: UnixMillis) -> Result<HashMap<DealId, u64>, StoreUnavailable> {
    let billed = Measure::Stage(Stage::Billed);
    let deals: Vec<_> = market.deals.iter().map(|deal| deal.id).collect();
    let today = now.shanghai_day();
    let mut most = HashMap::new();
    for day in [ShanghaiDay(today.0.saturating_sub(1)), today] {
        let mut of_day: HashMap<DealId, u64> = HashMap::new();
        let here = store.counts_here(day)?;
        let elsewhere = store.counts_elsewhere(day, &deals, &[billed])?;
        for tally in here.into_iter().chain(elsewhere).filter(|tally| tally.measure == billed) {
            *of_day.entry(tally.deal).or_default() += tally.count;
        }
        for (deal, count) in of_day {
            let known = most.entry(deal).or_insert(0);
            *known = count.max(*known);
        }
    }
    Ok(most)
}
