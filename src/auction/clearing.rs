//! Clearing: what may be shown on each imp, in the documented precedence (architecture, invariant 4), from the answers as they
//! come in; and when no outstanding answer can change it any more (invariant 5).

use super::bid_check::{AcceptedBid, CheckedAnswer, RejectedBid, stand_in};
use super::eligibility::{Invited, Offer, Rank};
use super::outcome::{Contender, LossReason, Lost, Outcome};
use super::pod::{Dynamic, Packing, Position};
use super::reason::Loss;
use crate::event::{Cause, Measure, Stage};
use crate::ids::DealId;
use crate::market::Market;
use crate::market::demand::{Advertiser, Creative};
use crate::market::supply::{Format, Size};

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
    /// Per offer.
    results: Vec<Reply>,
    bids: Vec<AcceptedBid<'r>>,
    losses: Vec<Lost<'r>>,
}

/// What is shown when a guaranteed deal's DSPs all failed (R-FALLBACK).
struct Fallback<'r> {
    /// The deal's last offer on the imp: no DSP of it can answer any more.
    offer: usize,
    creative: &'r Creative,
    advertiser: &'r Advertiser,
    size: Option<Size>,
    markup: &'r str,
}

impl<'r> Clearing<'r> {
    /// Waits for every offer.
    #[must_use]
    pub fn new(market: &'r Market, invited: Invited<'r>) -> Self {
        let results = invited.offers.iter().map(|_| Reply::Pending).collect();
        Self { market, invited, results, bids: Vec::new(), losses: Vec::new() }
    }

    /// What was invited.
    #[must_use]
    pub fn invited(&self) -> &Invited<'r> {
        &self.invited
    }

    /// Notes a DSP's answer. Of several bids for one offer the first counts; where an imp shows several ads, a preferred deal may
    /// have several of them, and all its bids count.
    pub fn answered(&mut self, invitation: usize, answer: CheckedAnswer<'r>) {
        let invitation = &self.invited.invitations()[invitation];
        let whole = answer.rejected.iter().any(|rejected| rejected.offer.is_none());
        for (offer, _) in self.invited.offers_of(invitation) {
            self.results[offer] = if whole { Reply::Rejected } else { Reply::Passed };
        }
        for RejectedBid { offer, reason, words } in answer.rejected {
            if let Some(offer) = offer {
                self.results[offer] = Reply::Rejected;
            }
            self.losses.push(Lost { dsp: invitation.dsp, offer, reason: LossReason::Rejected(reason), bid: words });
        }
        for bid in answer.accepted {
            let offer = &self.invited.offers[bid.offer];
            let second = matches!(self.results[bid.offer], Reply::Bid);
            if second && (offer.deal.method.is_guaranteed() || !self.is_dynamic(offer.imp)) {
                self.losses.push(Lost {
                    dsp: invitation.dsp,
                    offer: Some(bid.offer),
                    reason: LossReason::Lost(Loss::SecondBid),
                    bid: Some(bid.words),
                });
                continue;
            }
            self.results[bid.offer] = Reply::Bid;
            self.bids.push(bid);
        }
    }

    /// Notes that a DSP gave no answer.
    pub fn unanswered(&mut self, invitation: usize, why: NoAnswer) {
        let invitation = &self.invited.invitations()[invitation];
        for (offer, _) in self.invited.offers_of(invitation) {
            self.results[offer] = Reply::NoAnswer(why);
        }
    }

    /// Whether an imp may show several ads.
    fn is_dynamic(&self, imp: usize) -> bool {
        let imp = self.invited.matched.admitted.imps[imp].imp;
        [Format::Video, Format::Audio].into_iter().any(|format| Dynamic::of(imp, format).is_some())
    }

    /// Whether no outstanding answer can change the decision (architecture, invariant 5). An answer changes nothing when every
    /// place that it could have is filled by what comes before it: filling goes by rank, so what comes after does not matter.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let open = |offer: usize| matches!(self.results[offer], Reply::Pending);
        (0..self.invited.offers.len()).filter(|offer| open(*offer)).all(|offer| {
            let waiting = &self.invited.offers[offer];
            let imps = &self.invited.matched.admitted.imps;
            let alone = imps.iter().filter(|imp| imp.pod == imps[waiting.imp].pod).count() == 1;
            if alone && !self.is_dynamic(waiting.imp) {
                return self.best_rank(waiting.imp).is_some_and(|best| best < waiting.rank);
            }
            self.is_full_before(waiting)
        })
    }

    fn best_rank(&self, imp: usize) -> Option<Rank> {
        let offers = &self.invited.offers;
        let bids =
            self.bids.iter().map(|bid| &offers[bid.offer]).filter(|offer| offer.imp == imp).map(|offer| offer.rank);
        let fallbacks = self.fallbacks(imp).map(|fallback| offers[fallback.offer].rank);
        bids.chain(fallbacks).min()
    }

    /// Whether what is known and comes before an offer leaves no place on its imp.
    fn is_full_before(&self, waiting: &Offer<'r>) -> bool {
        let imps = &self.invited.matched.admitted.imps;
        let offers = &self.invited.offers;
        let pod = imps[waiting.imp].pod;
        let mut known = Vec::with_capacity(self.bids.len());
        for bid in &self.bids {
            known.push((&offers[bid.offer], bid.creative, bid.advertiser, bid.position));
        }
        for imp in (0..imps.len()).filter(|imp| imps[*imp].pod == pod) {
            let of = |it: Fallback<'r>| (&offers[it.offer], it.creative, it.advertiser, Position::Any);
            known.extend(self.fallbacks(imp).map(of));
        }
        known.retain(|(offer, ..)| imps[offer.imp].pod == pod && offer.rank < waiting.rank);
        known.sort_by_key(|(offer, ..)| (offer.rank, offer.imp));
        let mut packing = Packing::new(imps);
        for (offer, creative, advertiser, position) in known {
            let ad = candidate(offer, creative, advertiser, position);
            if let Ok(place) = packing.place_for(&ad) {
                packing.put(ad, place);
            }
        }
        packing.is_full(waiting.imp, one_only(waiting))
    }

    /// R-FALLBACK: guaranteed deals of an imp whose DSPs all failed, with what is shown instead. A pass within the
    /// allowance is no failure; one beyond it is.
    fn fallbacks(&self, imp: usize) -> impl Iterator<Item = Fallback<'r>> {
        let offers = self.invited.offers.iter().enumerate().filter(move |(_, offer)| offer.imp == imp);
        offers.filter_map(move |(index, offer)| {
            let creative = self.market.creative_numbered(offer.deal.fallback?)?;
            let of_deal = || self.of_deal(imp, offer.deal.id);
            let last = of_deal().last() == Some(index);
            let failed = of_deal().any(|it| match self.results[it] {
                Reply::NoAnswer(_) | Reply::Rejected => true,
                Reply::Passed => !offer.may_return,
                Reply::Pending | Reply::Bid => false,
            });
            let over = of_deal().all(|it| !matches!(self.results[it], Reply::Pending | Reply::Bid));
            if !(last && failed && over) {
                return None;
            }
            let (advertiser, size, markup) = stand_in(self.market, creative, offer, &self.invited.matched.admitted)?;
            Some(Fallback { offer: index, creative, advertiser, size, markup })
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
        let imps = self.invited.matched.admitted.imps.len();
        let mut contenders = Vec::with_capacity(self.bids.len() + 1);
        for imp in 0..imps {
            let offers = &self.invited.offers;
            contenders.extend(self.fallbacks(imp).map(|fallback| {
                let offer = &offers[fallback.offer];
                let ad = candidate(offer, fallback.creative, fallback.advertiser, Position::Any);
                Contender::new(offer, fallback.offer, fallback.creative, ad, fallback.size, fallback.markup, None)
            }));
        }
        for bid in std::mem::take(&mut self.bids) {
            let offer = &self.invited.offers[bid.offer];
            let ad = candidate(offer, bid.creative, bid.advertiser, bid.position);
            let words = Some(bid.words);
            contenders.push(Contender::new(offer, bid.offer, bid.creative, ad, bid.size, bid.markup, words));
        }
        contenders.sort_by_key(|contender| (contender.rank, contender.imp));
        let mut ends = Vec::with_capacity(2 * self.invited.offers.len());
        for imp in 0..imps {
            self.ends_of(imp, &contenders, &mut ends);
        }
        Outcome { invited: self.invited, contenders, ends, losses: self.losses }
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
            if contenders.iter().any(|contender| contender.imp == imp && contender.deal.id == offer.deal.id) {
                continue;
            }
            let cause = results().map(|result| cause_of(result, offer)).max_by_key(|cause| severity(*cause));
            ends.extend(cause.map(|cause| (offer.deal.id, Measure::Cause(cause))));
        }
    }
}

/// The deal of an offer if it may have one ad on its imp only: one opportunity was taken from its plan.
fn one_only(offer: &Offer<'_>) -> Option<DealId> {
    offer.deal.method.is_guaranteed().then_some(offer.deal.id)
}

fn candidate<'r>(
    offer: &Offer<'r>,
    creative: &Creative,
    advertiser: &'r Advertiser,
    asked: Position,
) -> super::pod::Candidate<'r> {
    super::pod::Candidate {
        imp: offer.imp,
        alone: one_only(offer),
        creative: creative.id,
        advertiser,
        format: creative.format,
        seconds: creative.duration_s.unwrap_or(0),
        asked,
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
