//! The hot plane composed: one auction from its bytes to its answer, in the order of architecture §1.

mod answer;
mod asking;
mod award;
mod click;
mod core;
mod elsewhere;
mod known;
mod live;
mod notices;
mod trace;
mod unreviewed;

pub use answer::{BadRequest, Reply};
pub use click::{ClickedAds, Clicking, Destination};
pub use core::{Core, Incoming, Seed};
pub use unreviewed::Unreviewed;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::auction::{BidRejection, NoBid};
use crate::bidding::{Breakers, Notices, Throttles};
use crate::billing::budget::{Budgets, Lives, Need, source_of};
use crate::billing::token::Tokens;
use crate::clock::{Clock, ShanghaiDay, UnixMillis, secret_bytes};
use crate::delivery::attribution::Attribution;
use crate::delivery::frequency::Frequency;
use crate::delivery::make_good::MakeGood;
use crate::delivery::pacing::{Pacing, Promise};
use crate::event::{Journal, Unrecorded};
use crate::market::Market;
use crate::market::deal::{Deal, DealState};
use crate::metrics::{MOST_REJECTIONS, Metrics};

// Each reason has a counter of its own.
const _: () = assert!(BidRejection::ALL.len() <= MOST_REJECTIONS);

/// What all cores of a node share: the market, the live state that outlives it, and the ports.
pub struct Exchange {
    /// The market; loaded once per request.
    pub market: ArcSwap<Market>,
    /// What seals and opens charge tokens; another one after a rotation of keys.
    pub tokens: ArcSwap<Tokens>,
    /// What may be awarded.
    pub budgets: Budgets,
    /// The pace of guaranteed deals.
    pub pacing: Pacing,
    /// What is made good today.
    pub make_good: MakeGood,
    /// How often users have seen capped deals.
    pub frequency: Frequency,
    /// What happened to each deal's opportunities.
    pub attribution: Attribution,
    /// Which ads were clicked.
    pub clicked: ClickedAds,
    /// Rates promised to DSPs.
    pub throttles: Throttles,
    /// Who of the DSPs fails.
    pub breakers: Arc<Breakers>,
    /// What DSPs are told of their bids.
    pub notices: Notices,
    /// Bids whose creative nobody has reviewed, on their way to the review.
    pub unreviewed: Unreviewed,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The durable journal.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Clock,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("generation", &self.market.load().generation).finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange on a market, with nothing leased or counted yet.
    #[must_use]
    pub fn new(market: Market, tokens: Tokens, journal: Arc<dyn Journal>, metrics: Arc<Metrics>, clock: Clock) -> Self {
        let throttles = Throttles::new(clock.instant());
        let breakers = Arc::new(Breakers::new(clock.instant()));
        let attribution = Attribution::default();
        attribution.turn(clock.now());
        Self {
            market: ArcSwap::from_pointee(market),
            tokens: ArcSwap::from_pointee(tokens),
            budgets: Budgets::default(),
            pacing: Pacing::default(),
            make_good: MakeGood::default(),
            // Without randomness the key is known to nobody all the same: it never leaves this process.
            frequency: Frequency::new(secret_bytes().unwrap_or_default()),
            attribution,
            clicked: ClickedAds::default(),
            throttles,
            breakers,
            notices: Notices::new(metrics.clone()),
            unreviewed: Unreviewed::new(metrics.clone()),
            metrics,
            journal,
            clock,
        }
    }

    /// Metrics with the names of this exchange's reasons.
    #[must_use]
    pub fn metrics() -> Metrics {
        let notices = [
            "posted",
            "already_posted",
            "too_short",
            "expired",
            "void",
            "bad_token",
            "not_durable",
            "pixel_lost",
            "bad_ms",
        ];
        Metrics::new(
            NoBid::ALL.iter().map(|reason| reason.label()).collect(),
            BidRejection::ALL.iter().map(|reason| reason.label()).collect(),
            notices.to_vec(),
            click::CLICKS.to_vec(),
        )
    }

    /// What must be funded now: the balance behind each preferred deal and today's commitment of each guaranteed one, by its terms of today.
    #[must_use]
    pub fn needs(&self, now: UnixMillis) -> Vec<Need> {
        let market = self.market.load();
        let day = now.shanghai_day();
        let ended = market.ended_uses(day);
        let served = market.deals.iter().filter_map(|deal| market.served_on(deal, day));
        let running = served.filter(|deal| market.deal_state(deal) == DealState::Active);
        let mut needs: Vec<Need> = Vec::new();
        for deal in running {
            let source = source_of(deal, day);
            let ended = ended.iter().any(|(buyer, _)| *buyer == deal.buyer);
            let need = Need { source, buyer: deal.buyer, commitment: deal.commitment_on(day), ended };
            // Commitments first: what is promised is set aside before preferred deals lease the rest (R-COMMIT).
            if !deal.method.is_guaranteed() {
                if !needs.iter().any(|known| known.source == source) {
                    needs.push(need);
                }
            } else {
                needs.insert(0, need);
            }
        }
        needs
    }

    /// What a deal, as it is on a day, is promised on it; `None` for a preferred deal, and where it is not ordered.
    #[must_use]
    pub fn promise<'m>(&self, market: &'m Market, deal: &Deal, day: ShanghaiDay) -> Option<Promise<'m>> {
        Promise::of(market, deal, day, self.make_good.of(deal.id, day))
    }

    /// How long leases and tokens live in this market.
    #[must_use]
    pub fn lives(&self) -> Lives {
        Lives::of(&self.market.load())
    }

    /// Hands the counts since the last call to the journal; what it does not take is handed over next time.
    ///
    /// # Errors
    /// [`Unrecorded`] when the journal took nothing.
    pub fn flush_counts(&self) -> Result<(), Unrecorded> {
        self.attribution.turn(self.clock.now());
        let rows = self.attribution.drain();
        if rows.is_empty() {
            return Ok(());
        }
        let kept = rows.clone();
        self.journal.tally(rows).inspect_err(|_| self.attribution.put_back(&kept))
    }
}

/// Milliseconds until a moment, none when it has passed.
fn left_ms(until: Instant, now: Instant) -> u32 {
    u32::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(u32::MAX)
}
