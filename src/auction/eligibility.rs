//! Eligibility: which of the deals that fit may run now, and who is invited for them. A deal that may not is named with
//! its cause (R-MAKEGOOD).

use std::cmp::Reverse;

use super::admission::OfferedImp;
use super::fit;
use super::matching::Matched;
use super::pod::Dynamic;
use crate::clock::{Chance, ShanghaiDay};
use crate::event::{Cause, Measure, Method, Stage};
use crate::ids::{BuyerId, DealId};
use crate::market::Market;
use crate::market::deal::{Deal, DealState};
use crate::market::demand::Dsp;
use crate::market::supply::Format;
use crate::money::{ConvertedCpm, CpmMicroYuan, MicroYuan};

/// How a deal stands at the moment of a request, as plain values.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// For a guaranteed deal: how far it is behind its plan, in millionths of the day's offers; `None`: not behind.
    pub behind: Option<u32>,
    /// Whether the user has seen it as often as was agreed (R-FREQUENCY).
    pub capped: bool,
    /// Whether its money is at hand.
    pub funds: Funds,
    /// Whether its DSP may still return what it is offered (R-PUSH).
    pub may_return: bool,
    /// Whether it may still win with content that no person has seen (R-REVIEW).
    pub unreviewed: bool,
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

/// The precedence of an offer: the smaller wins (architecture, invariant 4). Draws are made once, one for a
/// deal and one for each of its DSPs on an imp, so ranks never tie and no other deal stands between two DSPs of one deal. In a pod a
/// deal takes the first of its imps first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    method: Method,
    behind: Reverse<u32>,
    priority: u8,
    price: Reverse<CpmMicroYuan>,
    draw: u32,
    deal: DealId,
    imp: usize,
    turn: u32,
}

impl Rank {
    /// Whether it comes before the other for its price alone.
    #[must_use]
    pub fn outbids(self, other: Self) -> bool {
        (self.method, self.behind, self.priority) == (other.method, other.behind, other.priority)
            && self.price < other.price
    }
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
    /// The agreed price in the DSP's currency, rounded up: what it is told, and what its bid is compared with.
    pub floor: ConvertedCpm,
    /// Whether a pass is a return within the allowance.
    pub may_return: bool,
    /// Whether it may still win with content that no person has seen, as far as the deal goes (R-REVIEW).
    pub unreviewed: bool,
}

/// What one DSP is asked; see [`Invited::offers_of`].
#[derive(Debug)]
pub struct Invitation<'r> {
    /// Who is asked.
    pub dsp: &'r Dsp,
    /// Its part of [`Invited::order`].
    first: usize,
    count: usize,
}

/// Who is invited for what, and why the others are not.
#[derive(Debug)]
pub struct Invited<'r> {
    pub(super) matched: Matched<'r>,
    pub(super) offers: Vec<Offer<'r>>,
    /// The offers by invitation.
    order: Vec<usize>,
    invitations: Vec<Invitation<'r>>,
    ends: Vec<(DealId, Measure)>,
}

impl<'r> Invited<'r> {
    /// What was matched.
    #[must_use]
    pub fn matched(&self) -> &Matched<'r> {
        &self.matched
    }

    /// All offers, by imp and then by precedence.
    #[must_use]
    pub fn offers(&self) -> &[Offer<'r>] {
        &self.offers
    }

    /// The offers of an invitation with their places, by imp and then by precedence; never none.
    pub fn offers_of(&self, invitation: &Invitation<'r>) -> impl Iterator<Item = (usize, &Offer<'r>)> + Clone {
        let places = &self.order[invitation.first..invitation.first + invitation.count];
        places.iter().map(|place| (*place, &self.offers[*place]))
    }

    /// Each opportunity, as imp and deal: two DSPs of one deal on an imp are two offers and one opportunity.
    pub fn opportunities(&self) -> impl Iterator<Item = (usize, DealId)> {
        let told = |index: usize| (self.offers[index].imp, self.offers[index].deal.id);
        // A deal's offers on an imp stand beside each other.
        let first = move |index: &usize| *index == 0 || told(index - 1) != told(*index);
        (0..self.offers.len()).filter(first).map(told)
    }

    /// The invitations that an opportunity is part of, by their places.
    pub fn invited_for(&self, imp: usize, deal: DealId) -> impl Iterator<Item = usize> {
        let holds =
            move |it: &Invitation<'r>| self.offers_of(it).any(|(_, offer)| offer.imp == imp && offer.deal.id == deal);
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

/// Decides what is offered to whom. For one imp at most as many guaranteed deals as it surely has room for, the first by
/// precedence that are behind their plan, and every preferred deal that may run.
pub fn invite<'r>(
    market: &'r Market,
    matched: Matched<'r>,
    delivery: &dyn Delivery,
    chance: &mut Chance,
) -> Invited<'r> {
    let deals: usize = (0..matched.admitted.imps.len()).map(|place| matched.deals(place).len()).sum();
    let mut round = Round {
        market,
        delivery,
        chance,
        offers: Vec::with_capacity(2 * deals),
        ends: Vec::with_capacity(3 * deals),
        guaranteed: Vec::new(),
        draws: Vec::with_capacity(deals),
        reserved: Vec::new(),
    };
    for (place, imp) in matched.admitted.imps.iter().enumerate() {
        round.imp(place, imp, &matched);
    }
    let Round { mut offers, ends, .. } = round;
    // A DSP that bids on one deal only takes the first: it is told of the one that would win first.
    offers.sort_unstable_by_key(|offer| (offer.imp, offer.rank));
    let mut invitations: Vec<Invitation<'r>> = Vec::with_capacity(4);
    for offer in &offers {
        match invitations.iter_mut().find(|invitation| invitation.dsp.id == offer.dsp.id) {
            Some(invitation) => invitation.count += 1,
            None => invitations.push(Invitation { dsp: offer.dsp, first: 0, count: 1 }),
        }
    }
    let mut order = Vec::with_capacity(offers.len());
    for invitation in &mut invitations {
        invitation.first = order.len();
        let own = offers.iter().enumerate().filter(|(_, offer)| offer.dsp.id == invitation.dsp.id);
        order.extend(own.map(|(place, _)| place));
    }
    Invited { matched, offers, order, invitations, ends }
}

struct Round<'r, 'd> {
    market: &'r Market,
    delivery: &'d dyn Delivery,
    chance: &'d mut Chance,
    offers: Vec<Offer<'r>>,
    ends: Vec<(DealId, Measure)>,
    /// The guaranteed deals of the imp at hand.
    guaranteed: Vec<Candidate<'r>>,
    draws: Vec<(DealId, u32)>,
    /// Guaranteed deals that are offered, with their pods.
    reserved: Vec<(usize, DealId, BuyerId)>,
}

/// A guaranteed deal that may run on an imp.
#[derive(Clone, Copy)]
struct Candidate<'r> {
    deal: &'r Deal,
    standing: Standing,
    /// Its longest ad, s.
    longest_s: u32,
    draw: u32,
}

/// How many guaranteed deals an imp surely has room for, however long their ads are.
struct Room {
    slots: u8,
    seconds: u32,
}

impl Room {
    fn of(imp: &OfferedImp<'_>) -> Self {
        let mut formats = Format::ALL.into_iter().filter(|format| imp.formats.has(*format));
        match (formats.next().and_then(|only| Dynamic::of(imp.imp, only)), formats.next()) {
            (Some(dynamic), None) => Self { slots: dynamic.most, seconds: dynamic.length_s },
            // An ad of another format would have the imp for itself.
            _ => Self { slots: 1, seconds: u32::MAX },
        }
    }

    fn takes(&self, seconds: u32) -> bool {
        self.slots > 0 && seconds <= self.seconds
    }

    fn reserve(&mut self, seconds: u32) {
        self.slots -= 1;
        self.seconds -= seconds;
    }
}

impl<'r> Round<'r, '_> {
    fn imp(&mut self, place: usize, imp: &OfferedImp<'r>, matched: &Matched<'r>) {
        let mut guaranteed = std::mem::take(&mut self.guaranteed);
        for deal in matched.deals(place) {
            self.stage(deal, Stage::Matched);
            if self.market.deal_state(deal) == DealState::NotOrdered {
                self.end(deal, Cause::NotOrdered);
                continue;
            }
            let standing = self.delivery.standing(deal, deal.price.cost(imp.quantity));
            if deal.method.is_guaranteed() && standing.behind.is_none() {
                self.end(deal, Cause::AheadOfPlan);
                continue;
            }
            if standing.capped {
                self.end(deal, Cause::FrequencyCapped);
                continue;
            }
            let longest_s = match self.admissible(deal, imp, matched, standing) {
                Ok(longest_s) => longest_s,
                Err(cause) => {
                    self.withhold(deal, cause);
                    continue;
                }
            };
            let candidate = Candidate { deal, standing, longest_s, draw: self.draw(deal.id) };
            if deal.method.is_guaranteed() {
                guaranteed.push(candidate);
            } else {
                self.offer(place, candidate, matched);
            }
        }
        guaranteed.sort_unstable_by_key(|it| (it.deal.method, Reverse(it.standing.behind), it.draw));
        let mut room = Room::of(imp);
        for candidate in guaranteed.drain(..) {
            let deal = candidate.deal;
            if self.is_repeated(deal, imp) || !room.takes(candidate.longest_s) {
                self.end(deal, Cause::OtherGuaranteed);
            } else if self.delivery.take(deal) {
                room.reserve(candidate.longest_s);
                self.reserved.push((imp.pod, deal.id, deal.buyer));
                self.offer(place, candidate, matched);
            } else {
                self.end(deal, Cause::AheadOfPlan);
            }
        }
        self.guaranteed = guaranteed;
    }

    /// The draw of a deal in this auction.
    fn draw(&mut self, deal: DealId) -> u32 {
        if let Some((_, draw)) = self.draws.iter().find(|(it, _)| *it == deal) {
            return *draw;
        }
        let draw = self.chance.below(u32::MAX);
        self.draws.push((deal, draw));
        draw
    }

    /// Whether the pod of an imp has a guaranteed deal that this one would not be allowed beside: an offer that separation may take
    /// away would be counted as offered (R-MAKEGOOD). A buyer's two deals may be of one advertiser.
    fn is_repeated(&self, deal: &Deal, imp: &OfferedImp<'_>) -> bool {
        let separation = imp.separation;
        let any = separation.advertiser || separation.category || separation.creative;
        self.reserved.iter().any(|(pod, reserved, buyer)| {
            *pod == imp.pod && (any && *reserved == deal.id || separation.advertiser && *buyer == deal.buyer)
        })
    }

    /// Why a deal may not run on an imp now, or how long its ads are at most, s.
    fn admissible(
        &self,
        deal: &Deal,
        imp: &OfferedImp<'_>,
        matched: &Matched<'_>,
        standing: Standing,
    ) -> Result<u32, Cause> {
        let admitted = &matched.admitted;
        if self.market.deal_state(deal) != DealState::Active {
            return Err(Cause::DealSuspended);
        }
        let stopped = |buyer| self.market.buyer_is_suspended(buyer) || self.market.buyer_is_idle(buyer, admitted.day);
        if self.market.buyers.get(deal.buyer).is_none() || stopped(deal.buyer) {
            return Err(Cause::BuyerSuspended);
        }
        // R-RATE: a guaranteed order keeps its signed price; a preferred deal takes the card of the impression's day.
        let card = imp.placement.card_on(admitted.day);
        if deal.method == Method::Pd && card.is_none_or(|card| deal.price < card) {
            return Err(Cause::UnderRateCard);
        }
        let longest_s = match self.servable(deal, imp, matched) {
            // A bid may bring what is checked and waits for a person.
            Err(Cause::NoCreative) if standing.unreviewed && admitted.media.takes_unreviewed && !is_dynamic(imp) => 0,
            servable => servable?,
        };
        let (market, day) = (self.market, admitted.day);
        if approved(market, deal, day).next().is_none() {
            return Err(Cause::DspNotApproved);
        }
        if told(market, deal, day).next().is_none() {
            return Err(Cause::ExchangeError);
        }
        match standing.funds {
            Funds::Ready => Ok(longest_s),
            Funds::Empty => Err(Cause::BalanceEmpty),
            Funds::NoLease => Err(Cause::NoLease),
        }
    }

    /// Whether the buyer has any creative that could run here today; how long the longest is, s, where that matters.
    fn servable(&self, deal: &Deal, imp: &OfferedImp<'_>, matched: &Matched<'_>) -> Result<u32, Cause> {
        let (media, day) = (matched.admitted.media, matched.admitted.day);
        let formats = imp.formats.and(deal.targeting.formats);
        let mut found = Err(Cause::NoCreative);
        let asked = Format::ALL.into_iter().filter(|format| formats.has(*format));
        let kinds = asked.flat_map(|format| fit::sizes_for(imp, format).map(move |size| (format, size)));
        let kinds = kinds.filter(|(_, size)| size.is_none_or(|size| deal.targeting.takes_size(size)));
        let creatives = kinds.flat_map(|(format, size)| self.market.approved_creatives(deal.buyer, format, size));
        let creatives = creatives.filter(|it| deal.takes_advertiser(it.advertiser));
        let creatives = creatives.filter(|it| it.shows_at(matched.admitted.at));
        let creatives = creatives.filter(|it| fit::takes_duration(imp.imp, it.format, it.duration_s));
        for creative in creatives {
            let Some(advertiser) = self.market.advertiser(creative.advertiser) else { continue };
            let mut categories = creative.categories.iter().chain([&advertiser.category]);
            let admitted = &matched.admitted;
            let prohibited = admitted.prohibits_advertiser(advertiser)
                || categories.any(|it| admitted.prohibits_category(it))
                || creative.attributes().iter().any(|it| admitted.prohibits_attribute(*it))
                || admitted.prohibits_words_of(creative);
            let cause = if !advertiser.is_qualified_on(day) {
                Cause::NotQualified
            } else if prohibited {
                Cause::Prohibited
            } else if !fit::meets_floor(imp, creative, deal.price.after_margin(media.margin)) {
                Cause::UnderFloor
            } else if Dynamic::of(imp.imp, creative.format).is_none() {
                return Ok(0);
            } else {
                let seconds = creative.duration_s.unwrap_or(0);
                found = Ok(found.map_or(seconds, |longest: u32| longest.max(seconds)));
                continue;
            };
            found = found.or(Err(cause));
        }
        found
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

    fn offer(&mut self, place: usize, candidate: Candidate<'r>, matched: &Matched<'r>) {
        let Candidate { deal, standing, draw, .. } = candidate;
        self.stage(deal, Stage::Eligible);
        for (dsp, floor) in told(self.market, deal, matched.admitted.day) {
            let rank = Rank {
                method: deal.method,
                behind: Reverse(standing.behind.unwrap_or(0)),
                priority: deal.priority,
                price: Reverse(deal.price),
                draw,
                deal: deal.id,
                imp: place,
                turn: self.chance.below(u32::MAX),
            };
            let Standing { may_return, unreviewed, .. } = standing;
            self.offers.push(Offer { imp: place, deal, dsp, rank, floor, may_return, unreviewed });
        }
    }

    fn stage(&mut self, deal: &Deal, stage: Stage) {
        self.ends.push((deal.id, Measure::Stage(stage)));
    }

    fn end(&mut self, deal: &Deal, cause: Cause) {
        self.ends.push((deal.id, Measure::Cause(cause)));
    }
}

/// Whether an imp shows several ads: as many as surely have room.
fn is_dynamic(imp: &OfferedImp<'_>) -> bool {
    [Format::Video, Format::Audio].into_iter().any(|format| Dynamic::of(imp.imp, format).is_some())
}

/// The DSPs that may be asked for a deal today (R-DSP).
fn approved<'r>(market: &'r Market, deal: &'r Deal, day: ShanghaiDay) -> impl Iterator<Item = &'r Dsp> {
    let dsps = deal.dsps.iter().filter_map(|dsp| market.dsps.get(*dsp));
    dsps.filter(move |dsp| market.dsp_is_approved(dsp, day) && dsp.seats_of(deal.buyer).is_some())
}

/// The same with the deal's price in each one's currency; without those whose currency has no rate on that day.
fn told<'r>(market: &'r Market, deal: &'r Deal, day: ShanghaiDay) -> impl Iterator<Item = (&'r Dsp, ConvertedCpm)> {
    approved(market, deal, day)
        .filter_map(move |dsp| Some((dsp, deal.price.converted_up(market.rate_on(dsp.currency, day)?))))
}
