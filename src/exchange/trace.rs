//! One auction told in the log, stage by stage. Which auctions are told follows from their ids alone, so every node, and a
//! notice that comes an hour later, agrees. An auction that is not told costs one multiplication.
//!
//! Every line carries the auction's id. No line carries anything that names a user or a device, a credential, or a token
//! (R-RETAIN, R-SECRET): only our own names of media, deals and DSPs, reasons, counts and times.

use std::time::Duration;

use openrtb::request::BidRequest;

use super::answer::Reply;
use crate::auction::bid_check::CheckedAnswer;
use crate::auction::clearing::Clearing;
use crate::auction::eligibility::Invited;
use crate::event::{Cause, Measure};
use crate::ids::AuctionId;
use crate::market::Market;
use crate::market::supply::Media;

/// Names in one line at most.
const MOST_NAMES: usize = 16;

/// Whether one auction is told, and what it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    auction: AuctionId,
    told: bool,
}

impl Trace {
    /// Decides by the id: one in `one_in` is told, none where that is 0.
    pub(super) fn of(auction: AuctionId, one_in: u32) -> Self {
        Self { auction, told: one_in > 0 && mixed(auction).is_multiple_of(u64::from(one_in)) }
    }

    /// A request was decoded and its media is known.
    pub(super) fn read(&self, media: &Media, request: &BidRequest<'_>) {
        if self.told {
            let (imps, test) = (request.imp.len(), request.test == Some(1));
            tracing::info!(auction = %self.auction, media = media.wire, imps, test, tmax = request.tmax, "auction: read");
        }
    }

    /// Which opportunities go to which DSPs.
    pub(super) fn invited(&self, market: &Market, invited: &Invited<'_>) {
        if !self.told {
            return;
        }
        let auction = self.auction;
        let deals: Vec<_> = invited.opportunities().map(|(_, deal)| deal).collect();
        let names = deals.iter().take(MOST_NAMES).filter_map(|deal| market.deals.get(*deal));
        let names: Vec<_> = names.map(|deal| deal.wire.as_str()).collect();
        tracing::info!(%auction, opportunities = deals.len(), deals = names.join(" "), "auction: matched");
        for invitation in invited.invitations() {
            let offers = invited.offers_of(invitation).count();
            tracing::info!(%auction, dsp = invitation.dsp.wire, offers, "auction: invited");
        }
    }

    /// How a DSP answered.
    pub(super) fn heard(&self, clearing: &Clearing<'_>, invitation: usize, outcome: &str, took: Option<Duration>) {
        if self.told {
            let dsp = clearing.invited().invitations().get(invitation).map(|it| it.dsp.wire.as_str());
            let us = took.map(micros);
            tracing::info!(auction = %self.auction, dsp, outcome, us, "auction: heard");
        }
    }

    /// What its bids came to.
    pub(super) fn checked(&self, dsp: &str, checked: &CheckedAnswer<'_>) {
        if !self.told {
            return;
        }
        let auction = self.auction;
        tracing::info!(%auction, dsp, accepted = checked.accepted.len(), "auction: checked");
        for bid in checked.rejected.iter().take(MOST_NAMES) {
            tracing::info!(%auction, dsp, reason = bid.reason.label(), "auction: rejected");
        }
    }

    /// An imp was won and paid for; prices stay in the deal's terms.
    pub(super) fn won(&self, imp: u8, deal: &str, dsp: &str) {
        if self.told {
            tracing::info!(auction = %self.auction, imp, deal, dsp, "auction: won");
        }
    }

    /// A winner's money was gone.
    pub(super) fn unfunded(&self, deal: &str, cause: Cause) {
        if self.told {
            let cause = Measure::Cause(cause).label();
            tracing::info!(auction = %self.auction, deal, cause, "auction: unfunded");
        }
    }

    /// The answer to the media: how it took, and how much of that only DSPs were waited for.
    pub(super) fn answered(&self, reply: &Reply, took: Duration, waited: Duration) {
        if !self.told {
            return;
        }
        let (answer, reason) = match reply {
            Reply::Bid(_) => ("bid", None),
            Reply::NoBid(reason, _) => ("no_bid", Some(reason.label())),
            Reply::BadRequest(bad) => ("bad_request", Some(bad.code)),
            Reply::Unauthorized => ("unauthorized", None),
            Reply::TooLarge(_) => ("too_large", None),
        };
        let (us, waited_us) = (micros(took), micros(waited));
        tracing::info!(auction = %self.auction, answer, reason, us, waited_us, "auction: answered");
    }

    /// A notice for the auction: its kind, and what it was answered.
    pub(super) fn noticed(&self, notice: &str, answer: &str) {
        if self.told {
            tracing::info!(auction = %self.auction, notice, answer, "auction: notice");
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The id's bits well mixed (the finalizer of splitmix64), since times and sequences differ in few of them.
const fn mixed(auction: AuctionId) -> u64 {
    let folded = (auction.0 >> 64) as u64 ^ auction.0 as u64;
    let once = (folded ^ (folded >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_told_whatever_the_ids_have_in_common() {
        let told = |one_in: u32| {
            // A lane's ids: the same millisecond, node and boot, a sequence in the lowest bits.
            let ids = (0..100_000).map(|sequence: u128| AuctionId((1_763_000_000_000 << 80) | (7 << 40) | sequence));
            ids.filter(|id| Trace::of(*id, one_in).told).count()
        };
        assert_eq!((told(0), told(1)), (0, 100_000));
        assert!((900..1_100).contains(&told(100)), "{}", told(100));
    }
}
