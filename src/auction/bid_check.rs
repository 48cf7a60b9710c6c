//! Bid checks: a deal is a contract, not a string (architecture, invariant 3). A bid counts only for a deal that was
//! offered, on that imp, to that DSP, for a seat of its buyer, at the deal's price, with a creative that is approved, live
//! and allowed there.

use openrtb::response::Bid;
use openrtb::{Arena, BidRequest, Decoder, Text, WirePrice};

use super::BidRejection;
use super::admission::{Admitted, OfferedImp};
use super::eligibility::{Invitation, Invited, Offer};
use super::fit;
use super::native;
use super::pod::{Position, guarantees};
use super::unreviewed::Unreviewed;
use crate::ids::AuctionId;
use crate::market::Market;
use crate::market::demand::{Advertiser, Creative, CreativeState};
use crate::market::supply::{Format, Size, within_category, within_domain};
use crate::markup::{self, Unfit, digest};

/// A bid that counts.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedBid<'r> {
    pub(super) offer: usize,
    pub(super) creative: &'r Creative,
    pub(super) advertiser: &'r Advertiser,
    pub(super) size: Option<Size>,
    pub(super) position: Position,
    pub(super) markup: &'r str,
    pub(super) words: BidWords<'r>,
}

/// A bid that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedBid<'r> {
    /// The offer that it was for, if one can be told.
    pub offer: Option<usize>,
    /// Why.
    pub reason: BidRejection,
    /// What it said; `None` when the answer as a whole is wrong.
    pub words: Option<BidWords<'r>>,
}

/// What a DSP said of a bid, for macros and for its own notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BidWords<'r> {
    /// `BidResponse.bidid`.
    pub response: Option<&'r str>,
    /// The seat.
    pub seat: Option<&'r str>,
    /// `Bid.adid`.
    pub ad: Option<&'r str>,
    /// The price that it named, CPM in its own currency.
    pub price: WirePrice,
    /// `Bid.nurl`.
    pub win: Option<&'r str>,
    /// `Bid.burl`.
    pub bill: Option<&'r str>,
    /// `Bid.lurl`.
    pub loss: Option<&'r str>,
}

/// What one DSP's answer comes to.
#[derive(Clone, Debug, Default)]
pub struct CheckedAnswer<'r> {
    /// Bids that count.
    pub accepted: Vec<AcceptedBid<'r>>,
    /// Bids that do not.
    pub rejected: Vec<RejectedBid<'r>>,
    /// Those of them whose creative nobody has reviewed.
    pub unreviewed: Vec<Unreviewed<'r>>,
}

/// Checks a DSP's answer against what it was asked. What counts borrows from the body's copy in the arena.
pub fn check<'r>(
    market: &'r Market,
    invited: &Invited<'r>,
    invitation: &Invitation<'r>,
    auction: AuctionId,
    decoder: &mut Decoder,
    (body, arena): (&[u8], &'r Arena),
) -> CheckedAnswer<'r> {
    let mut answer = CheckedAnswer::default();
    let whole = |reason| RejectedBid { offer: None, reason, words: None };
    let response = match decoder.decode_response_in(arena.copy(body), arena) {
        Ok(response) => response,
        Err(_) => {
            answer.rejected.push(whole(BidRejection::InvalidResponse));
            return answer;
        }
    };
    let count = response.seatbid.iter().map(|seat| seat.bid.len()).sum::<usize>();
    if count == 0 {
        return answer;
    }
    if response.id.as_str().as_bytes() != auction.to_hex() {
        answer.rejected.push(whole(BidRejection::WrongAuction));
        return answer;
    }
    // OpenRTB 2.6 §4.2.1: an absent `cur` is USD.
    if response.cur.as_deref().unwrap_or("USD") != invitation.dsp.currency.as_str() {
        answer.rejected.push(whole(BidRejection::WrongCurrency));
        return answer;
    }
    let mut context = Context { market, invited, invitation, decoder };
    for seatbid in response.seatbid {
        // A group that only wins as a whole cannot: each ad is decided for itself (OpenRTB 2.6 §4.2.2).
        let grouped = seatbid.group == Some(1) && seatbid.bid.len() > 1;
        for bid in seatbid.bid {
            let words = BidWords {
                response: response.bidid.map(|text| text.as_str()).filter(|text| is_plain(text)),
                seat: seatbid.seat.map(|text| text.as_str()),
                ad: bid.adid.map(|text| text.as_str()).filter(|text| is_plain(text)),
                price: bid.price.unwrap_or_default(),
                win: bid.nurl.map(|text| text.as_str()),
                bill: bid.burl.map(|text| text.as_str()),
                loss: bid.lurl.map(|text| text.as_str()),
            };
            match context.bid(bid, words, grouped) {
                Ok(accepted) => answer.accepted.push(accepted),
                Err((offer, reason)) => {
                    answer.unreviewed.extend(offer.and_then(|offer| Unreviewed::of(bid, offer, reason)));
                    answer.rejected.push(RejectedBid { offer, reason, words: Some(words) });
                }
            }
        }
    }
    answer
}

struct Context<'r, 'c> {
    market: &'r Market,
    invited: &'c Invited<'r>,
    invitation: &'c Invitation<'r>,
    /// For native markup, which is JSON within JSON.
    decoder: &'c mut Decoder,
}

impl<'r, 'c> Context<'r, 'c> {
    fn bid(
        &mut self,
        bid: &Bid<'r>,
        words: BidWords<'r>,
        grouped: bool,
    ) -> Result<AcceptedBid<'r>, (Option<usize>, BidRejection)> {
        let (index, offer) = self.offer(bid).map_err(|reason| (None, reason))?;
        self.terms(bid, words, (index, offer), grouped).map_err(|reason| (Some(index), reason))
    }

    fn terms(
        &mut self,
        bid: &Bid<'r>,
        words: BidWords<'r>,
        (index, offer): (usize, &'c Offer<'r>),
        grouped: bool,
    ) -> Result<AcceptedBid<'r>, BidRejection> {
        let invited = self.invited;
        let admitted = &invited.matched.admitted;
        let imp = &admitted.imps[offer.imp];
        // OpenRTB 2.6 §3.2.12, `at` 3: a lower bid fails, a higher one pays the agreed price.
        if words.price.0 < offer.floor.millionths() {
            return Err(BidRejection::BelowDealPrice);
        }
        if grouped {
            return Err(BidRejection::GroupedBid);
        }
        let seats = offer.dsp.seats_of(offer.deal.buyer).unwrap_or_default();
        if !words.seat.is_some_and(|seat| seats.iter().any(|own| own == seat)) {
            return Err(BidRejection::SeatNotAllowed);
        }
        let creative = self.creative(bid, offer)?;
        let advertiser = self.market.advertiser(creative.advertiser).ok_or(BidRejection::NotQualified)?;
        if !offer.deal.takes_advertiser(advertiser.id) {
            return Err(BidRejection::AdvertiserNotInDeal);
        }
        advertised(bid, creative, advertiser, admitted)?;
        classified(bid, creative, advertiser)?;
        taken(bid, words.seat, admitted.request)?;
        let size = fits(bid, creative, imp, offer)?;
        let position = self.position(bid, creative, imp, offer)?;
        let markup = bid.adm.map(|text| text.as_str()).filter(|markup| !markup.trim().is_empty());
        let markup = markup.ok_or(BidRejection::MissingMarkup)?;
        if (offer.deal.approved_markup || creative.state == CreativeState::PendingReview)
            && !is_approved(creative, markup)
        {
            return Err(BidRejection::MarkupNotApproved);
        }
        if !is_secure(imp, markup) {
            return Err(BidRejection::NotSecure);
        }
        let display = imp.display(creative, size);
        if creative.format == Format::Native {
            let asked = display.native.ok_or(BidRejection::FormatNotAllowed)?;
            native::check(self.decoder, asked, markup, imp.imp.secure == Some(1))?;
        }
        markup::check(markup, &display).map_err(|unfit| match unfit {
            Unfit::Malformed if creative.format == Format::Native => BidRejection::InvalidNative,
            Unfit::Malformed => BidRejection::InvalidVast,
            Unfit::Unbillable => BidRejection::UnbillableMarkup,
            Unfit::TooShort => BidRejection::DurationNotAllowed,
        })?;
        Ok(AcceptedBid { offer: index, creative, advertiser, size, position, markup, words })
    }

    /// The place in the pod that a bid asks for, at a price that the media takes for an ad of its length.
    fn position(
        &self,
        bid: &Bid<'_>,
        creative: &Creative,
        imp: &OfferedImp<'_>,
        offer: &Offer<'_>,
    ) -> Result<Position, BidRejection> {
        let asked = Position::asked(bid.slotinpod).ok_or(BidRejection::SlotNotOffered)?;
        if !guarantees(imp.imp, creative.format, asked) {
            return Err(BidRejection::SlotNotOffered);
        }
        let earning = offer.deal.price.after_margin(self.invited.matched.admitted.media.margin);
        if fit::meets_floor(imp, creative, earning) { Ok(asked) } else { Err(BidRejection::BelowFloorPerSecond) }
    }

    /// The offer that a bid is for.
    fn offer(&self, bid: &Bid<'_>) -> Result<(usize, &'c Offer<'r>), BidRejection> {
        let invited = self.invited;
        let imps = &invited.matched.admitted.imps;
        let offers = || invited.offers_of(self.invitation);
        if !offers().any(|(_, offer)| imps[offer.imp].imp.id == bid.impid) {
            return Err(BidRejection::UnknownImp);
        }
        bid.price.filter(|price| price.0 > 0).ok_or(BidRejection::MissingPrice)?;
        let wire = bid.dealid.as_deref().ok_or(BidRejection::MissingDeal)?;
        let found = offers().find(|(_, offer)| imps[offer.imp].imp.id == bid.impid && offer.deal.wire == wire);
        found.ok_or(BidRejection::DealNotOffered)
    }

    fn creative(&self, bid: &Bid<'_>, offer: &Offer<'r>) -> Result<&'r Creative, BidRejection> {
        let crid = bid.crid.as_deref().ok_or(BidRejection::MissingCreative)?;
        let creative = self.market.creative(offer.deal.buyer, crid).ok_or(BidRejection::UnknownCreative)?;
        match self.market.creative_state(creative) {
            CreativeState::Approved if creative.shows_at(self.invited.matched.admitted.at) => Ok(creative),
            CreativeState::PendingReview => self.before_review(creative, offer),
            CreativeState::Draft | CreativeState::Checking => Err(BidRejection::CreativePending),
            CreativeState::Approved | CreativeState::Rejected | CreativeState::Suspended | CreativeState::Expired => {
                Err(BidRejection::CreativeNotApproved)
            }
        }
    }

    /// R-REVIEW: what waits for a person is served only where the deal and the media both say so, once its automatic checks have passed, and within
    /// the deal's share of the day.
    fn before_review(&self, creative: &'r Creative, offer: &Offer<'r>) -> Result<&'r Creative, BidRejection> {
        let admitted = &self.invited.matched.admitted;
        if offer.deal.unreviewed_a_day.is_none() || !self.market.is_checked(creative) {
            return Err(BidRejection::CreativePending);
        }
        if !admitted.media.takes_unreviewed {
            return Err(BidRejection::UnreviewedNotTaken);
        }
        if !creative.shows_at(admitted.at) {
            return Err(BidRejection::CreativeNotApproved);
        }
        if offer.unreviewed { Ok(creative) } else { Err(BidRejection::UnreviewedLimit) }
    }
}

/// Whether a DSP's own id may stand in markup that was checked: nothing that ends a string or begins a tag or a URL.
fn is_plain(text: &str) -> bool {
    !text.contains("://") && !text.chars().any(|it| it.is_control() || matches!(it, '"' | '\'' | '<' | '>' | '\\'))
}

/// What the request as a whole takes: seats, languages, apps.
fn taken(bid: &Bid<'_>, seat: Option<&str>, request: &BidRequest<'_>) -> Result<(), BidRejection> {
    let listed = |list: &[Text<'_>], seat: &str| list.iter().any(|it| *it == *seat);
    let seat = seat.unwrap_or_default();
    if listed(request.bseat, seat) || !request.wseat.is_empty() && !listed(request.wseat, seat) {
        return Err(BidRejection::SeatNotAllowed);
    }
    let speaks = |told: Option<Text<'_>>, list: &[Text<'_>]| {
        list.is_empty() || told.is_none_or(|told| list.iter().any(|it| it.eq_ignore_ascii_case(&told)))
    };
    if !speaks(bid.language, request.wlang) || !speaks(bid.langb, request.wlangb) {
        return Err(BidRejection::LanguageNotAllowed);
    }
    if bid.bundle.is_some_and(|bundle| listed(request.bapp, &bundle)) {
        return Err(BidRejection::AppBlocked);
    }
    Ok(())
}

/// R-OWN, R-QUALIFY, R-CATEGORY: whose ad it is, and whether it may be shown on this media.
fn advertised(
    bid: &Bid<'_>,
    creative: &Creative,
    advertiser: &Advertiser,
    admitted: &Admitted<'_>,
) -> Result<(), BidRejection> {
    if bid.adomain.is_empty() {
        return Err(BidRejection::MissingAdvertiser);
    }
    if !bid.adomain.iter().all(|domain| advertiser.domains.iter().any(|own| within_domain(domain, own))) {
        return Err(BidRejection::ForeignAdvertiser);
    }
    allowed(creative, advertiser, admitted, (bid.adomain, bid.cat, bid.attr))
}

/// R-QUALIFY, R-CATEGORY: whether a creative may be shown on this media today, by its own domains and categories and by
/// those that were told beside them.
fn allowed(
    creative: &Creative,
    advertiser: &Advertiser,
    admitted: &Admitted<'_>,
    (told_domains, told_categories, told_attributes): (&[Text<'_>], &[Text<'_>], &[i32]),
) -> Result<(), BidRejection> {
    if !advertiser.is_qualified_on(admitted.day) {
        return Err(BidRejection::NotQualified);
    }
    let domains = || told_domains.iter().map(Text::as_str).chain(advertiser.domains.iter().map(String::as_str));
    let blocked = |domain: &str| admitted.request.badv.iter().any(|banned| within_domain(domain, banned));
    let prohibited = |domain: &str| admitted.prohibited.iter().any(|it| it.has_domain(domain));
    if admitted.prohibits_advertiser(advertiser) || domains().any(|it| blocked(it) || prohibited(it)) {
        return Err(BidRejection::AdvertiserProhibited);
    }
    let own = creative.categories.iter().chain([&advertiser.category]).map(String::as_str);
    let categories = || told_categories.iter().map(Text::as_str).chain(own.clone());
    let blocked = |category: &str| admitted.request.bcat.iter().any(|banned| within_category(category, banned));
    let wanted = admitted.request.acat;
    let unwanted =
        |category: &str| !wanted.is_empty() && !wanted.iter().any(|parent| within_category(category, parent));
    if categories().any(|it| admitted.prohibits_category(it) || blocked(it) || unwanted(it)) {
        return Err(BidRejection::CategoryProhibited);
    }
    let attributes = told_attributes.iter().chain(creative.attributes());
    if attributes.into_iter().any(|attribute| admitted.prohibits_attribute(*attribute)) {
        return Err(BidRejection::AttributeBlocked);
    }
    if admitted.prohibits_words_of(creative) {
        return Err(BidRejection::WordProhibited);
    }
    Ok(())
}

/// R-REVIEW: what a bid tells of its kind must be what was approved: the categories, or those within or around them, of the creative or
/// its advertiser, in the taxonomy of the config (OpenRTB 2.6 `cattax` 1); and no attribute beside those that are known.
fn classified(bid: &Bid<'_>, creative: &Creative, advertiser: &Advertiser) -> Result<(), BidRejection> {
    let near = |told: &str| {
        let mut approved = creative.categories.iter().chain([&advertiser.category]);
        approved.any(|own| within_category(told, own) || within_category(own, told))
    };
    let comparable = bid.cattax.is_none_or(|taxonomy| taxonomy == 1);
    if !bid.cat.iter().all(|told| comparable && near(told)) {
        return Err(BidRejection::CategoryNotApproved);
    }
    let known = creative.review.as_ref().and_then(|review| review.attributes.as_deref());
    if known.is_some_and(|known| bid.attr.iter().any(|told| !known.contains(told))) {
        return Err(BidRejection::AttributeNotApproved);
    }
    Ok(())
}

/// R-REVIEW: whether the markup is the one that was approved, but for the values of its macros.
fn is_approved(creative: &Creative, markup: &str) -> bool {
    creative.print.as_ref().is_some_and(|print| digest::is_as_approved(print, markup))
}

/// What a fallback shows on an imp: its size and markup. It is held to the same rules as a bid (R-FALLBACK): approved,
/// qualified, not prohibited here, of a kind, size, length and transport that the imp takes, and billable there.
pub(super) fn stand_in<'r>(
    market: &'r Market,
    creative: &'r Creative,
    offer: &Offer<'_>,
    admitted: &Admitted<'_>,
) -> Option<(&'r Advertiser, Option<Size>, &'r str)> {
    let imp = &admitted.imps[offer.imp];
    let advertiser = market.advertiser(creative.advertiser)?;
    let markup = creative.markup.as_deref()?;
    let blocked = fit::blocked_attributes(imp.imp, creative.format);
    let shown = market.creative_state(creative) == CreativeState::Approved
        && creative.shows_at(admitted.at)
        && !creative.attributes().iter().any(|attribute| blocked.contains(attribute))
        && offer.deal.takes_advertiser(advertiser.id)
        && allowed(creative, advertiser, admitted, (&[], &[], &[])).is_ok()
        && imp.formats.and(offer.deal.targeting.formats).has(creative.format)
        && fit::takes_duration(imp.imp, creative.format, creative.duration_s)
        && fit::meets_floor(imp, creative, offer.deal.price.after_margin(admitted.media.margin))
        && is_secure(imp, markup)
        && markup::check(markup, &imp.display(creative, None)).is_ok();
    fit::fitting_size(imp, offer.deal, creative).filter(|_| shown).map(|size| (advertiser, size, markup))
}

fn is_secure(imp: &OfferedImp<'_>, markup: &str) -> bool {
    imp.imp.secure != Some(1) || !markup.contains("http://")
}

/// Whether the ad fits the imp; the size that is shown.
fn fits(
    bid: &Bid<'_>,
    creative: &Creative,
    imp: &OfferedImp<'_>,
    offer: &Offer<'_>,
) -> Result<Option<Size>, BidRejection> {
    let format = creative.format;
    let offered = imp.formats.and(offer.deal.targeting.formats).has(format);
    if !offered || bid.mtype.is_some_and(|mtype| mtype != format.mtype()) {
        return Err(BidRejection::FormatNotAllowed);
    }
    if !fit::takes_interfaces(imp.imp, format, bid) {
        return Err(BidRejection::ApiNotAllowed);
    }
    let blocked = fit::blocked_attributes(imp.imp, format);
    if bid.attr.iter().chain(creative.attributes()).any(|attribute| blocked.contains(attribute)) {
        return Err(BidRejection::AttributeBlocked);
    }
    if !fit::takes_duration(imp.imp, format, creative.duration_s)
        || bid.dur.is_some_and(|dur| creative.duration_s.is_some_and(|own| u32::try_from(dur) != Ok(own)))
    {
        return Err(BidRejection::DurationNotAllowed);
    }
    let told = match (bid.w.and_then(|w| u16::try_from(w).ok()), bid.h.and_then(|h| u16::try_from(h).ok())) {
        (Some(w), Some(h)) => Some(Size { w, h }),
        _ => None,
    };
    match told {
        Some(size)
            if creative.sizes.contains(&size)
                && fit::takes_size(imp, format, size)
                && offer.deal.targeting.takes_size(size) =>
        {
            Ok(Some(size))
        }
        Some(size) if format == Format::Banner || !creative.sizes.is_empty() && !creative.sizes.contains(&size) => {
            Err(BidRejection::SizeNotAllowed)
        }
        _ => fit::fitting_size(imp, offer.deal, creative).ok_or(BidRejection::SizeNotAllowed),
    }
}
