//! Bids that were refused because nobody has reviewed their creative, as far as a review needs them (R-REVIEW).

use openrtb::Text;
use openrtb::response::Bid;

use super::BidRejection;
use super::eligibility::Invited;
use super::fit;
use crate::ids::{BuyerId, DspId};
use crate::market::supply::{Format, Size};
use crate::market::unreviewed::UnreviewedBid;

/// The most sizes of an imp that are told.
const MOST_SIZES: usize = 32;

/// A refused bid whose creative may be reviewed. It borrows: nothing is copied before somebody wants it.
#[derive(Clone, Copy, Debug)]
pub struct Unreviewed<'r> {
    bid: &'r Bid<'r>,
    crid: &'r str,
    markup: &'r str,
    offer: usize,
    changed: bool,
}

impl<'r> Unreviewed<'r> {
    /// Of a bid for an offer that was refused for that reason; `None` where a review would not mend it, or there is nothing to review.
    pub(super) fn of(bid: &'r Bid<'r>, offer: usize, reason: BidRejection) -> Option<Self> {
        let changed = match reason {
            BidRejection::UnknownCreative => false,
            BidRejection::MarkupNotApproved => true,
            _ => return None,
        };
        let crid = bid.crid.as_ref()?.as_str();
        let markup = bid.adm.as_ref()?.as_str();
        (!markup.trim().is_empty()).then_some(Self { bid, crid, markup, offer, changed })
    }

    /// Whose creative it is, and who bid with it; `None` where it was for no offer of these.
    #[must_use]
    pub fn parties(&self, invited: &Invited<'_>) -> Option<(BuyerId, DspId)> {
        let offer = invited.offers.get(self.offer)?;
        Some((offer.deal.buyer, offer.dsp.id))
    }

    /// What tells it from others of its buyer: `bid.crid`, and whether the creative is known and its markup is another.
    #[must_use]
    pub fn name(&self) -> (&'r str, bool) {
        (self.crid, self.changed)
    }

    /// How large its texts are, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let lists = self.bid.adomain.iter().chain(self.bid.cat).map(|text| text.len()).sum::<usize>();
        self.markup.len() + self.crid.len() + lists + size_of_val(self.bid.attr)
    }

    /// A copy that outlives the auction; `None` where it was for no offer of these.
    #[must_use]
    pub fn copied(&self, invited: &Invited<'_>) -> Option<UnreviewedBid> {
        let offer = invited.offers.get(self.offer)?;
        let imp = invited.matched.admitted.imps.get(offer.imp)?;
        let bid = self.bid;
        let owned = |list: &[Text<'_>]| list.iter().map(|text| text.as_str().to_owned()).collect();
        let side = |side: Option<i32>| side.and_then(|side| u16::try_from(side).ok()).filter(|side| *side > 0);
        let comparable = bid.cattax.is_none_or(|taxonomy| taxonomy == 1);
        Some(UnreviewedBid {
            dsp: offer.dsp.id,
            deal: offer.deal.id,
            buyer: offer.deal.buyer,
            changed: self.changed,
            crid: self.crid.to_owned(),
            domains: owned(bid.adomain),
            markup: self.markup.to_owned(),
            offered: imp.formats.and(offer.deal.targeting.formats),
            format: bid.mtype.and_then(|mtype| Format::ALL.into_iter().find(|format| format.mtype() == mtype)),
            size: side(bid.w).zip(side(bid.h)).map(|(w, h)| Size { w, h }),
            asked: fit::asked_sizes(imp).take(MOST_SIZES).collect(),
            duration_s: bid.dur.and_then(|dur| u32::try_from(dur).ok()),
            categories: if comparable { owned(bid.cat) } else { Vec::new() },
            attributes: bid.attr.to_vec(),
        })
    }
}
