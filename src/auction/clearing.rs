//! Clearing: who wins each imp, by the documented precedence and at the agreed price (architecture, invariant 4).

use super::bid_check::{AcceptedBid, CheckedAnswer, stand_in};
use super::eligibility::{Invited, Offer, Rank};
use crate::event::{Cause, Measure, Stage};
use crate::ids::DealId;
use crate::market::Market;
use crate::market::deal::Deal;
use crate::market::demand::{Creative, Dsp};
use crate::market::supply::Size;

/// Why a DSP gave no answer that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Not in time.
    Timeout,
    /// Its connection, status or body failed.
    Failed,
    /// It was not asked: its agreed rate is used up.
    Throttled,
    /// It was not asked: it failed lately, and its breaker is open.
    BreakerOpen,
    /// It was not asked: the exchange is at its own limit.
    Busy,
    /// It was suspended after it was asked, and is not heard (R-DSP).
    Suspended,
}

#[derive(Debug)]
enum Reply {
    Pending,
    Bid,
    Rejected,
    Passed,
    NoAnswer(NoAnswer),
}

/// An auction whose answers are coming in.
#[derive(Debug)]
pub struct Clearing<'r> {
    market: &'r Market,
    invited: Invited<'r>,
    results: Vec<Reply>,
    bids: Vec<AcceptedBid<'r>>,
}

/// What may be shown on an imp, in the order of precedence.
#[derive(Debug)]
pub struct Contender<'r> {
    rank: Rank,
    /// The deal.
    pub deal: &'r Deal,
    /// Who bid, or should have (a fallback).
    pub dsp: &'r Dsp,
    /// What is shown.
    pub creative: &'r Creative,
    /// Its size, for formats that have one.
    pub size: Option<Size>,
    /// The DSP's own words, for macros; `None` for a fallback (R-FALLBACK).
    pub bid: Option<BidWords>,
    /// The markup, macros not yet filled in.
    pub markup: String,
}

/// What a DSP said of its bid, for `${AUCTION_…}` macros.
#[derive(Debug, Default)]
pub struct BidWords {
    /// `BidResponse.bidid`.
    pub response: Option<String>,
    /// The seat.
    pub seat: String,
    /// `Bid.adid`.
    pub ad: Option<String>,
}

/// The decision on one imp.
#[derive(Debug)]
pub struct ImpOutcome<'r> {
    /// The imp, by its place among the admitted ones.
    pub imp: usize,
    /// Who may win it: the first that can be paid does.
    pub contenders: Vec<Contender<'r>>,
}

/// The decision.
#[derive(Debug)]
pub struct Outcome<'r> {
    /// What was invited.
    pub invited: Invited<'r>,
    /// Per imp with at least one contender.
    pub imps: Vec<ImpOutcome<'r>>,
    /// How the offers of deals without a contender ended.
    pub ends: Vec<(DealId, Measure)>,
}

impl<'r> Clearing<'r> {
    /// Waits for every offer.
    #[must_use]
    pub fn new(market: &'r Market, invited: Invited<'r>) -> Self {
        let results = invited.offers.iter().map(|_| Reply::Pending).collect();
        Self { market, invited, results, bids: Vec::new() }
    }

    /// What was invited.
    #[must_use]
    pub fn invited(&self) -> &Invited<'r> {
        &self.invited
    }

    /// Notes a DSP's answer. Of several bids for one offer the first counts.
    pub fn answered(&mut self, invitation: usize, answer: CheckedAnswer<'r>) {
        let offers = &self.invited.invitations()[invitation].offers;
        let whole = answer.rejected.iter().any(|rejected| rejected.offer.is_none());
        for offer in offers {
            self.results[*offer] = if whole { Reply::Rejected } else { Reply::Passed };
        }
        for rejected in &answer.rejected {
            if let Some(offer) = rejected.offer {
                self.results[offer] = Reply::Rejected;
            }
        }
        for bid in answer.accepted {
            if !matches!(self.results[bid.offer], Reply::Bid) {
                self.results[bid.offer] = Reply::Bid;
                self.bids.push(bid);
            }
        }
    }

    /// Notes that a DSP gave no answer.
    pub fn unanswered(&mut self, invitation: usize, why: NoAnswer) {
        for offer in &self.invited.invitations()[invitation].offers {
            self.results[*offer] = Reply::NoAnswer(why);
        }
    }

    /// Whether no outstanding answer can change the decision (architecture, invariant 5).
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let open = |offer: usize| matches!(self.results[offer], Reply::Pending);
        (0..self.invited.offers.len()).filter(|offer| open(*offer)).all(|offer| {
            let waiting = &self.invited.offers[offer];
            self.best_rank(waiting.imp).is_some_and(|best| best < waiting.rank)
        })
    }

    fn best_rank(&self, imp: usize) -> Option<Rank> {
        let offers = &self.invited.offers;
        let bids =
            self.bids.iter().map(|bid| &offers[bid.offer]).filter(|offer| offer.imp == imp).map(|offer| offer.rank);
        let fallbacks = self.fallbacks(imp).map(|fallback| fallback.rank);
        bids.chain(fallbacks).min()
    }

    /// R-FALLBACK: guaranteed deals of an imp whose DSPs all failed, with what is shown instead. A pass within the
    /// allowance is no failure; one beyond it is.
    fn fallbacks(&self, imp: usize) -> impl Iterator<Item = Contender<'r>> {
        let offers = self.invited.offers.iter().enumerate().filter(move |(_, offer)| offer.imp == imp);
        offers.filter_map(move |(index, offer)| {
            let creative = self.market.creatives.get(offer.deal.fallback?)?;
            let of_deal = || self.of_deal(imp, offer.deal.id);
            let first = of_deal().next() == Some(index);
            let failed = of_deal().any(|it| match self.results[it] {
                Reply::NoAnswer(_) | Reply::Rejected => true,
                Reply::Passed => !offer.may_return,
                Reply::Pending | Reply::Bid => false,
            });
            let over = of_deal().all(|it| !matches!(self.results[it], Reply::Pending | Reply::Bid));
            if !(first && failed && over) {
                return None;
            }
            let (size, markup) = stand_in(self.market, creative, offer, &self.invited.matched.admitted)?;
            let markup = markup.to_owned();
            Some(Contender { rank: offer.rank, deal: offer.deal, dsp: offer.dsp, creative, size, bid: None, markup })
        })
    }

    fn of_deal(&self, imp: usize, deal: DealId) -> impl Iterator<Item = usize> {
        let offers = self.invited.offers.iter().enumerate();
        offers.filter(move |(_, offer)| offer.imp == imp && offer.deal.id == deal).map(|(index, _)| index)
    }

    /// Decides with what has come. Offers still open are those that the answer did not wait for (`late` is `false`), or
    /// those whose DSP was too late.
    #[must_use]
    pub fn decide(mut self, late: bool) -> Outcome<'r> {
        if late {
            for result in &mut self.results {
                if matches!(result, Reply::Pending) {
                    *result = Reply::NoAnswer(NoAnswer::Timeout);
                }
            }
        }
        let mut imps = Vec::new();
        let mut ends = Vec::new();
        for imp in 0..self.invited.matched.admitted.imps.len() {
            let contenders = self.contenders(imp);
            self.ends_of(imp, &contenders, &mut ends);
            if !contenders.is_empty() {
                imps.push(ImpOutcome { imp, contenders });
            }
        }
        Outcome { invited: self.invited, imps, ends }
    }

    fn contenders(&mut self, imp: usize) -> Vec<Contender<'r>> {
        let mut contenders: Vec<_> = self.fallbacks(imp).collect();
        let offers = &self.invited.offers;
        for bid in self.bids.extract_if(.., |bid| offers[bid.offer].imp == imp) {
            let offer = &offers[bid.offer];
            contenders.push(Contender {
                rank: offer.rank,
                deal: offer.deal,
                dsp: offer.dsp,
                creative: bid.creative,
                size: bid.size,
                bid: Some(BidWords { response: bid.bid_id, seat: bid.seat, ad: bid.ad_id }),
                markup: bid.markup,
            });
        }
        contenders.sort_by_key(|contender| contender.rank);
        contenders
    }

    /// How the deals of an imp ended that have no contender; those that have one end when it is known who is paid.
    fn ends_of(&self, imp: usize, contenders: &[Contender<'r>], ends: &mut Vec<(DealId, Measure)>) {
        for (index, offer) in self.invited.offers.iter().enumerate() {
            let first = self.of_deal(imp, offer.deal.id).next() == Some(index);
            if offer.imp != imp || !first {
                continue;
            }
            let results = || self.of_deal(imp, offer.deal.id).map(|it| &self.results[it]);
            if results().any(|result| matches!(result, Reply::Bid)) {
                ends.push((offer.deal.id, Measure::Stage(Stage::Answered)));
            }
            if contenders.iter().any(|contender| contender.deal.id == offer.deal.id) {
                continue;
            }
            let cause = results().map(|result| cause_of(result, offer)).max_by_key(|cause| severity(*cause));
            ends.extend(cause.map(|cause| (offer.deal.id, Measure::Cause(cause))));
        }
    }
}

fn cause_of(result: &Reply, offer: &Offer<'_>) -> Cause {
    match result {
        Reply::Pending | Reply::Bid => Cause::Outranked,
        Reply::Rejected => Cause::BidRejected,
        Reply::Passed if !offer.deal.method.is_guaranteed() => Cause::Passed,
        Reply::Passed if offer.may_return => Cause::Returned,
        Reply::Passed => Cause::PassedBeyondReturn,
        Reply::NoAnswer(NoAnswer::Timeout) => Cause::DspTimeout,
        Reply::NoAnswer(NoAnswer::Failed) => Cause::DspFailed,
        Reply::NoAnswer(NoAnswer::Throttled) => Cause::DspThrottled,
        Reply::NoAnswer(NoAnswer::BreakerOpen) => Cause::BreakerOpen,
        Reply::NoAnswer(NoAnswer::Busy) => Cause::ExchangeBusy,
        Reply::NoAnswer(NoAnswer::Suspended) => Cause::DspNotApproved,
    }
}

/// Of several DSPs of one deal, the one that came nearest to serving it names the cause.
fn severity(cause: Cause) -> u8 {
    match cause {
        Cause::Outranked => 6,
        Cause::BidRejected => 5,
        Cause::DspFailed => 4,
        Cause::DspTimeout => 3,
        Cause::PassedBeyondReturn | Cause::Returned | Cause::Passed => 2,
        _ => 1,
    }
}
