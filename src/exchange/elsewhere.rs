//! What other nodes of the exchange have offered: guaranteed deals keep one pace over all of them.

use std::collections::BTreeMap;

use super::Exchange;
use crate::clock::UnixMillis;
use crate::event::{Cause, Measure, Stage, Tally};
use crate::ids::DealId;
use crate::market::deal::DealState;

impl Exchange {
    /// What a deal's pace depends on: how much was offered or withheld, and how much came back.
    pub const PACED: [Measure; 3] =
        [Measure::Stage(Stage::Offered), Measure::Stage(Stage::Withheld), Measure::Cause(Cause::Returned)];

    /// The guaranteed deals that run today.
    #[must_use]
    pub fn paced_deals(&self, now: UnixMillis) -> Vec<DealId> {
        let (market, day) = (self.market.load(), now.shanghai_day());
        let guaranteed = market.deals.iter().filter(|deal| deal.volume.is_some());
        let running = guaranteed.filter_map(|deal| market.served_on(deal, day));
        running.filter(|deal| market.deal_state(deal) == DealState::Active).map(|deal| deal.id).collect()
    }

    /// Takes note of what all other nodes have counted today.
    pub fn count_elsewhere(&self, counts: &[Tally], now: UnixMillis) {
        let (market, day) = (self.market.load_full(), now.shanghai_day());
        let mut more = BTreeMap::<DealId, u64>::new();
        for tally in counts {
            let news = self.attribution.note_elsewhere(tally);
            if matches!(tally.measure, Measure::Stage(Stage::Offered | Stage::Withheld)) {
                *more.entry(tally.deal).or_default() += news;
            }
        }
        for (id, more) in more.into_iter().filter(|(_, more)| *more > 0) {
            let deal = market.deals.get(id).map(|deal| market.on_day(deal, day));
            let promise = deal.and_then(|deal| self.promise(&market, deal, day));
            let today = |stage| self.attribution.today(id, day, Measure::Stage(stage));
            if let Some(promise) = promise {
                self.pacing.note_elsewhere(id, promise, more, today(Stage::Offered) + today(Stage::Withheld), now);
            }
        }
    }
}
