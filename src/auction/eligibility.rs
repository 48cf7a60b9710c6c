//! Eligibility: which of the deals that fit may run now, and who is invited for them. A deal that may not is named with
//! its cause (R-MAKEGOOD).

use std::cmp::Reverse;

use super::admission::OfferedImp;
use super::fit;
use super::matching::Matched;
use crate::clock::Chance;
use crate::event::{Cause, Measure, Method, Stage};
use crate::ids::{DealId, DspId};
use crate::market::Market;
use crate::market::deal::{Deal, DealState};
use crate::market::demand::Dsp;
use crate::market::supply::Format;
use crate::money::{CpmMicroYuan, MicroYuan};

/// How a deal stands at the moment of a request, as plain values.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// For a guaranteed deal: how far it is behind its plan, in millionths of the day's offers; `None`: not behind.
    pub behind: Option<u32>,
    /// Whether its money is at hand.
    pub funds: Funds,
    /// Whether its DSP may still return what it is offered (R-PUSH).
    pub may_return: bool,
}

/// Whether an impression could be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Funds {
    /// It could.
    Ready,
    /// The balance or commitment is used up: the buyer's reason.
    Empty,
    /// No lease is held: the exchange's reason.
    NoLease,
}

/// The live state behind a decision.
pub trait Delivery {
    /// How a deal stands, when an impression would cost that much.
    fn standing(&self, deal: &Deal, cost: MicroYuan) -> Standing;
    /// Takes one opportunity of a guaranteed deal's plan; `false` when none is due any more.
    fn take(&self, deal: &Deal) -> bool;
}

/// The precedence of an offer: the smaller wins (architecture, invariant 4). Draws are made once, so ranks never tie in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    method: Method,
    priority: u8,
    price: Reverse<CpmMicroYuan>,
    draw: u32,
}

/// One deal offered on one imp to one DSP.
#[derive(Debug)]
pub struct Offer<'r> {
    /// The imp, by its place among the admitted ones.
    pub imp: usize,
    /// The deal.
    pub deal: &'r Deal,
    /// Who is asked.
    pub dsp: &'r Dsp,
    /// Its precedence.
    pub rank: Rank,
    /// Whether a pass is a return within the allowance.
    pub may_return: bool,
}

/// What one DSP is asked: its offers, by their place in [`Invited::offers`].
#[derive(Debug)]
pub struct Invitation<'r> {
    /// Who is asked.
    pub dsp: &'r Dsp,
    /// For what; never empty.
    pub offers: Vec<usize>,
}

/// Who is invited for what, and why the others are not.
#[derive(Debug)]
pub struct Invited<'r> {
    pub(super) matched: Matched<'r>,
    pub(super) offers: Vec<Offer<'r>>,
    invitations: Vec<Invitation<'r>>,
    ends: Vec<(DealId, Measure)>,
}

impl<'r> Invited<'r> {
    /// What was matched.
    #[must_use]
    pub fn matched(&self) -> &Matched<'r> {
        &self.matched
    }

    /// All offers.
    #[must_use]
    pub fn offers(&self) -> &[Offer<'r>] {
        &self.offers
    }

    /// Each opportunity, as imp and deal: two DSPs of one deal on an imp are two offers and one opportunity.
    pub fn opportunities(&self) -> impl Iterator<Item = (usize, DealId)> {
        let told = |index: usize| (self.offers[index].imp, self.offers[index].deal.id);
        let first = move |index: &usize| !(0..*index).any(|earlier| told(earlier) == told(*index));
        (0..self.offers.len()).filter(first).map(told)
    }

    /// The invitations that an opportunity is part of, by their places.
    pub fn invited_for(&self, imp: usize, deal: DealId) -> impl Iterator<Item = usize> {
        let part = move |offer: &Offer<'_>| offer.imp == imp && offer.deal.id == deal;
        let holds = move |it: &Invitation<'_>| it.offers.iter().any(|index| part(&self.offers[*index]));
        self.invitations.iter().enumerate().filter(move |(_, it)| holds(it)).map(|(place, _)| place)
    }

    /// One invitation per DSP; empty when nothing may run.
    #[must_use]
    pub fn invitations(&self) -> &[Invitation<'r>] {
        &self.invitations
    }

    /// What to count: stages reached, and the causes of what was not offered.
    #[must_use]
    pub fn ends(&self) -> &[(DealId, Measure)] {
        &self.ends
    }
}

/// Decides what is offered to whom. For one imp at most one guaranteed deal, the first by precedence that is behind its
/// plan, and every preferred deal that may run.
pub fn invite<'r>(
    market: &'r Market,
    matched: Matched<'r>,
    delivery: &dyn Delivery,
    chance: &mut Chance,
) -> Invited<'r> {
    let mut round = Round { market, delivery, chance, offers: Vec::new(), ends: Vec::new() };
    for (place, imp) in matched.admitted.imps.iter().enumerate() {
        round.imp(place, imp, &matched);
    }
    let Round { mut offers, ends, .. } = round;
    // A DSP that bids on one deal only takes the first: it is told of the one that would win first.
    offers.sort_by_key(|offer| (offer.imp, offer.rank));
    let mut invitations: Vec<Invitation<'r>> = Vec::new();
    for (index, offer) in offers.iter().enumerate() {
        match invitations.iter_mut().find(|invitation| invitation.dsp.id == offer.dsp.id) {
            Some(invitation) => invitation.offers.push(index),
            None => invitations.push(Invitation { dsp: offer.dsp, offers: vec![index] }),
        }
    }
    Invited { matched, offers, invitations, ends }
}

struct Round<'r, 'd> {
    market: &'r Market,
    delivery: &'d dyn Delivery,
    chance: &'d mut Chance,
    offers: Vec<Offer<'r>>,
    ends: Vec<(DealId, Measure)>,
}

impl<'r> Round<'r, '_> {
    fn imp(&mut self, place: usize, imp: &OfferedImp<'r>, matched: &Matched<'r>) {
        let mut guaranteed: Vec<(&'r Deal, Standing, Vec<DspId>)> = Vec::new();
        for deal in matched.deals(place) {
            self.stage(deal, Stage::Matched);
            let standing = self.delivery.standing(deal, deal.price.cost(imp.quantity));
            if deal.method.is_guaranteed() && standing.behind.is_none() {
                self.end(deal, Cause::AheadOfPlan);
                continue;
            }
            match self.admissible(deal, imp, matched, standing) {
                Err(cause) => self.withhold(deal, cause),
                Ok(dsps) if deal.method.is_guaranteed() => guaranteed.push((deal, standing, dsps)),
                Ok(dsps) => self.offer(place, deal, standing, &dsps),
            }
        }
        guaranteed.sort_by_cached_key(|(deal, standing, _)| {
            (deal.method, Reverse(standing.behind), self.chance.below(u32::MAX))
        });
        let mut taken = false;
        for (deal, standing, dsps) in guaranteed {
            if taken {
                self.end(deal, Cause::OtherGuaranteed);
            } else if self.delivery.take(deal) {
                taken = true;
                self.offer(place, deal, standing, &dsps);
            } else {
                self.end(deal, Cause::AheadOfPlan);
            }
        }
    }

    /// Why a deal may not run on an imp now, or the DSPs that may be asked for it.
    fn admissible(
        &self,
        deal: &Deal,
        imp: &OfferedImp<'_>,
        matched: &Matched<'_>,
        standing: Standing,
    ) -> Result<Vec<DspId>, Cause> {
        let admitted = &matched.admitted;
        if self.market.deal_state(deal) != DealState::Active {
            return Err(Cause::DealSuspended);
        }
        if self.market.buyers.get(deal.buyer).is_none() || self.market.buyer_is_suspended(deal.buyer) {
            return Err(Cause::BuyerSuspended);
        }
        // R-RATE: a guaranteed order keeps its signed price; a preferred deal takes the card of the impression's day.
        let card = imp.placement.card_on(admitted.day);
        if deal.method == Method::Pd && card.is_none_or(|card| deal.price < card) {
            return Err(Cause::UnderRateCard);
        }
        self.servable(deal, imp, matched)?;
        let approved = |dsp: &DspId| {
            self.market
                .dsps
                .get(*dsp)
                .is_some_and(|dsp| self.market.dsp_is_approved(dsp, admitted.day) && dsp.seats_of(deal.buyer).is_some())
        };
        let dsps: Vec<_> = deal.dsps.iter().copied().filter(approved).collect();
        if dsps.is_empty() {
            return Err(Cause::DspNotApproved);
        }
        match standing.funds {
            Funds::Ready => Ok(dsps),
            Funds::Empty => Err(Cause::BalanceEmpty),
            Funds::NoLease => Err(Cause::NoLease),
        }
    }

    /// Whether the buyer has any creative that could run here today.
    fn servable(&self, deal: &Deal, imp: &OfferedImp<'_>, matched: &Matched<'_>) -> Result<(), Cause> {
        let (media, day) = (matched.admitted.media, matched.admitted.day);
        let formats = imp.formats.and(deal.targeting.formats);
        let mut cause = Cause::NoCreative;
        let asked = Format::ALL.into_iter().filter(|format| formats.has(*format));
        let kinds = asked.flat_map(|format| fit::sizes_for(imp, format).map(move |size| (format, size)));
        let creatives = kinds.flat_map(|(format, size)| self.market.approved_creatives(deal.buyer, format, size));
        for creative in creatives {
            let Some(advertiser) = self.market.advertisers.get(creative.advertiser) else { continue };
            if advertiser.qualified_until < day {
                cause = Cause::NotQualified;
                continue;
            }
            let categories = creative.categories.iter().chain([&advertiser.category]).map(String::as_str);
            if !media.prohibits(categories, advertiser.domains.iter().map(String::as_str)) {
                return Ok(());
            }
            cause = Cause::Prohibited;
        }
        Err(cause)
    }

    /// R-MAKEGOOD: an opportunity withheld from a guaranteed deal for the buyer's reason is paced and counts as offered.
    fn withhold(&mut self, deal: &Deal, cause: Cause) {
        let buyers_reason = cause.party() == crate::event::Party::Buyer;
        if deal.method.is_guaranteed() && buyers_reason {
            if !self.delivery.take(deal) {
                self.end(deal, Cause::AheadOfPlan);
                return;
            }
            self.stage(deal, Stage::Withheld);
        }
        self.end(deal, cause);
    }

    fn offer(&mut self, place: usize, deal: &'r Deal, standing: Standing, dsps: &[DspId]) {
        self.stage(deal, Stage::Eligible);
        for dsp in dsps.iter().filter_map(|dsp| self.market.dsps.get(*dsp)) {
            let draw = self.chance.below(u32::MAX);
            let rank = Rank { method: deal.method, priority: deal.priority, price: Reverse(deal.price), draw };
            self.offers.push(Offer { imp: place, deal, dsp, rank, may_return: standing.may_return });
        }
    }

    fn stage(&mut self, deal: &Deal, stage: Stage) {
        self.ends.push((deal.id, Measure::Stage(stage)));
    }

    fn end(&mut self, deal: &Deal, cause: Cause) {
        self.ends.push((deal.id, Measure::Cause(cause)));
    }
}
