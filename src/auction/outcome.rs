//! The outcome: who is paid for each place, and what every other bid is told.

use super::BidRejection;
use super::admission::OfferedImp;
use super::bid_check::BidWords;
use super::eligibility::{Invited, Offer, Rank};
use super::pod::{Candidate, Packing, Position};
use super::reason::Loss;
use crate::event::{Cause, Measure, Stage};
use crate::ids::{DealId, Slot};
use crate::market::deal::Deal;
use crate::market::demand::{Advertiser, Creative, Dsp};
use crate::market::supply::Size;
use crate::money::ConvertedCpm;

/// What may be shown on an imp.
#[derive(Debug)]
pub struct Contender<'r> {
    pub(super) rank: Rank,
    offer: usize,
    ad: Candidate<'r>,
    /// The imp, by its place among the admitted ones.
    pub imp: usize,
    /// The deal.
    pub deal: &'r Deal,
    /// Who bid, or should have (a fallback).
    pub dsp: &'r Dsp,
    /// What is shown.
    pub creative: &'r Creative,
    /// Whose ad it is.
    pub advertiser: &'r Advertiser,
    /// Its size, for formats that have one.
    pub size: Option<Size>,
    /// The DSP's own words, for macros; `None` for a fallback (R-FALLBACK).
    pub bid: Option<BidWords<'r>>,
    /// The deal's price as the DSP was told it.
    pub floor: ConvertedCpm,
    /// The markup, macros not yet filled in.
    pub markup: &'r str,
}

impl<'r> Contender<'r> {
    pub(super) fn new(
        offer: &Offer<'r>,
        index: usize,
        creative: &'r Creative,
        ad: Candidate<'r>,
        size: Option<Size>,
        markup: &'r str,
        bid: Option<BidWords<'r>>,
    ) -> Self {
        let (rank, imp, deal, dsp, floor) = (offer.rank, offer.imp, offer.deal, offer.dsp, offer.floor);
        Self { rank, offer: index, ad, imp, deal, dsp, creative, advertiser: ad.advertiser, size, bid, floor, markup }
    }
}

/// Why a bid did not win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// It does not count.
    Rejected(BidRejection),
    /// It counts, and something else was shown.
    Lost(Loss),
}

impl LossReason {
    /// The value of `${AUCTION_LOSS}` (OpenRTB 2.6 §5.25, own ones from 500).
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Rejected(reason) => reason.code(),
            Self::Lost(loss) => loss.code(),
        }
    }
}

/// A bid that won nothing.
#[derive(Debug)]
pub struct Lost<'r> {
    /// Whose it is.
    pub dsp: &'r Dsp,
    /// The offer that it was for, by its place in [`Invited::offers`], if one can be told.
    pub offer: Option<usize>,
    /// Why.
    pub reason: LossReason,
    /// What it said; `None` when the answer as a whole is wrong.
    pub bid: Option<BidWords<'r>>,
}

/// The decision: all that may be shown, in the order of precedence.
#[derive(Debug)]
pub struct Outcome<'r> {
    pub(super) invited: Invited<'r>,
    pub(super) contenders: Vec<Contender<'r>>,
    pub(super) ends: Vec<(DealId, Measure)>,
    pub(super) losses: Vec<Lost<'r>>,
}

/// An ad that is shown.
#[derive(Debug)]
pub struct Winner<'r, P> {
    /// What is shown where.
    pub contender: Contender<'r>,
    /// Which ad of its imp, in the order of showing.
    pub slot: Slot,
    /// The place that it asked for and has.
    pub position: Position,
    /// What pays for it.
    pub paid: P,
}

/// What became of everything that was offered.
#[derive(Debug)]
pub struct Award<'r, P> {
    /// What was invited.
    pub invited: Invited<'r>,
    /// What is shown, by imp and slot.
    pub winners: Vec<Winner<'r, P>>,
    /// How each opportunity ended.
    pub ends: Vec<(DealId, Measure)>,
    /// Every bid that won nothing, with what its DSP is told.
    pub losses: Vec<Lost<'r>>,
}

/// How the contenders of one deal on one imp fared: an opportunity.
struct Fate {
    imp: usize,
    deal: DealId,
    won: u32,
    /// Of the first that lost.
    cause: Cause,
}

impl<'r> Outcome<'r> {
    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contenders.is_empty()
    }

    /// Gives each place to the first contender that fits and can be paid. `pay` takes the money for one ad, or says why there is
    /// none; [`Cause::BidRejected`]: nobody has reviewed it, and the deal's share of the day is used up.
    pub fn award<P>(self, mut pay: impl FnMut(&Contender<'r>, &OfferedImp<'r>) -> Result<P, Cause>) -> Award<'r, P> {
        let Self { invited, contenders, mut ends, mut losses } = self;
        let mut winners: Vec<Winner<'r, P>> = Vec::with_capacity(contenders.len());
        let mut fates: Vec<Fate> = Vec::with_capacity(contenders.len());
        let imps = &invited.matched.admitted.imps;
        let mut packing = Packing::new(imps);
        for contender in contenders {
            let imp = contender.imp;
            let tried = packing.place_for(&contender.ad).map_err(|loss| (loss, cause_of(loss)));
            let paid = tried.and_then(|place| match pay(&contender, &imps[imp]) {
                Ok(paid) => Ok((place, paid)),
                Err(Cause::FrequencyCapped) => Err((Loss::FrequencyCapped, Cause::FrequencyCapped)),
                Err(Cause::BidRejected) => Err((Loss::UnreviewedLimit, Cause::BidRejected)),
                Err(cause) => Err((Loss::Unfunded, cause)),
            });
            let (deal, cause) = (contender.deal.id, paid.as_ref().err().map(|(_, cause)| *cause));
            note(&mut fates, imp, deal, cause);
            match paid {
                Ok((position, paid)) => {
                    packing.put(contender.ad, position);
                    winners.push(Winner { contender, slot: Slot::default(), position, paid });
                }
                Err((loss, _)) => {
                    let outbid = |winner: &Winner<'r, P>| {
                        winner.contender.imp == imp && winner.contender.rank.outbids(contender.rank)
                    };
                    let dearer = loss == Loss::Outranked && winners.iter().any(outbid);
                    let loss = if dearer { Loss::Outbid } else { loss };
                    let reason = LossReason::Lost(loss);
                    let (dsp, offer) = (contender.dsp, Some(contender.offer));
                    // A fallback is nobody's bid.
                    losses.extend(contender.bid.map(|bid| Lost { dsp, offer, reason, bid: Some(bid) }));
                }
            }
        }
        fates.iter().for_each(|fate| fate.tell(&mut ends));
        number(&mut winners);
        Award { invited, winners, ends, losses }
    }
}

fn note(fates: &mut Vec<Fate>, imp: usize, deal: DealId, cause: Option<Cause>) {
    let won = u32::from(cause.is_none());
    match fates.iter_mut().find(|fate| fate.imp == imp && fate.deal == deal) {
        Some(fate) => fate.won += won,
        None => fates.push(Fate { imp, deal, won, cause: cause.unwrap_or(Cause::Outranked) }),
    }
}

impl Fate {
    /// A preferred deal with several ads in a pod had as many opportunities, and each of them went all the way.
    fn tell(&self, ends: &mut Vec<(DealId, Measure)>) {
        if self.won == 0 {
            ends.push((self.deal, Measure::Cause(self.cause)));
            return;
        }
        ends.push((self.deal, Measure::Stage(Stage::Won)));
        for _ in 1..self.won {
            let whole = [Stage::Matched, Stage::Eligible, Stage::Offered, Stage::Answered, Stage::Won];
            ends.extend(whole.map(|stage| (self.deal, Measure::Stage(stage))));
        }
    }
}

const fn cause_of(loss: Loss) -> Cause {
    match loss {
        Loss::Separated => Cause::Separated,
        Loss::FrequencyCapped => Cause::FrequencyCapped,
        Loss::Unfunded => Cause::BalanceEmpty,
        Loss::UnreviewedLimit => Cause::BidRejected,
        Loss::Outbid | Loss::Outranked | Loss::SecondBid => Cause::Outranked,
    }
}

/// Numbers the ads of each imp in the order of showing: who asked for the first place, then by precedence, then who asked for the
/// last.
fn number<P>(winners: &mut [Winner<'_, P>]) {
    let place = |position| match position {
        Position::First => 0,
        Position::Any | Position::FirstOrLast => 1,
        Position::Last => 2_u8,
    };
    winners.sort_by_key(|winner| (winner.contender.imp, place(winner.position), winner.contender.rank));
    let mut before = None;
    let mut next = 0;
    for winner in winners {
        next = if before == Some(winner.contender.imp) { next + 1 } else { 0 };
        before = Some(winner.contender.imp);
        winner.slot = Slot(next);
    }
}
