//! What is on the air before a person has reviewed it (R-REVIEW, serve first): where reviewers look first.

use super::{Office, Refusal, state_of};
use crate::compliance::creative::Record;
use crate::event::{KeptStep, Owner, SubjectKind, Wanted};
use crate::ids::BuyerId;
use crate::market::deal::{Deal, DealState};
use crate::market::demand::{Creative, CreativeState};
use crate::market::supply::Media;

/// Versions that are read at once, and gone through for one list.
const AT_ONCE: u32 = 256;
const MOST_SEEN: u32 = 10_000;

/// A deal under which a version that waits for its review is shown already, where its DSPs bid with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aired {
    /// The deal's id on the wire.
    pub deal: String,
    /// The media that take it, by their ids.
    pub media: Vec<String>,
    /// How many impressions a day the deal may win before review.
    pub a_day: u32,
    /// How many of today's processes have reserved: no more were won.
    pub reserved: u32,
}

/// Versions that are on the air before their review, who waits longest first.
#[derive(Debug, Default)]
pub struct OnAir {
    /// The versions, each with its deals.
    pub versions: Vec<(KeptStep, Record, Vec<Aired>)>,
    /// After this step the list goes on; `None`: all that wait were gone through.
    pub next: Option<u64>,
}

impl Office<'_> {
    /// Under which deals a version may be shown before its review; none where review comes first, or it does not wait.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn aired(&self, kept: &KeptStep, record: &Record) -> Result<Vec<Aired>, Refusal> {
        if state_of(kept)? != CreativeState::PendingReview {
            return Ok(Vec::new());
        }
        let Some((creative, deals)) = self.served_first(record) else { return Ok(Vec::new()) };
        let day = self.now.shanghai_day();
        let mut aired = Vec::new();
        for deal in deals {
            let media: Vec<_> = self.showing(deal, creative).map(|media| media.wire.clone()).collect();
            let a_day = deal.unreviewed_a_day.unwrap_or(0);
            if a_day > 0 && !media.is_empty() {
                let reserved = self.reserved(deal, day)?;
                aired.push(Aired { deal: deal.wire.clone(), media, a_day, reserved });
            }
        }
        Ok(aired)
    }

    /// At most `limit` versions after a step that are on the air before their review, of one buyer or all. 10,000 that wait are gone through for one answer.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn on_air(&self, owner: Option<Owner>, above: u64, limit: usize) -> Result<OnAir, Refusal> {
        let first = |buyer: BuyerId| self.deals_first(buyer).next().is_some();
        let buyers: Vec<_> = self.market.buyers.iter().map(|it| it.id).filter(|buyer| first(*buyer)).collect();
        let wanted = Wanted { state: Some(CreativeState::PendingReview.code()), owner };
        let (mut found, mut above, mut seen) = (OnAir::default(), above, 0);
        if buyers.is_empty() {
            return Ok(found);
        }
        while seen < MOST_SEEN {
            let kept = self.docket.list(SubjectKind::Creative, &wanted, above, AT_ONCE)?;
            let Some(last) = kept.last().map(|kept| kept.seq) else { return Ok(found) };
            // By the account's name: an owner's number is of the market that took the step.
            for kept in kept {
                let record: Record = super::body_of(&kept)?;
                let is_first = self.buyer(&record.submission.account).is_ok_and(|buyer| buyers.contains(&buyer));
                let aired = if is_first { self.aired(&kept, &record)? } else { Vec::new() };
                let seq = kept.seq;
                if !aired.is_empty() {
                    found.versions.push((kept, record, aired));
                }
                if found.versions.len() >= limit {
                    found.next = Some(seq);
                    return Ok(found);
                }
            }
            (above, seen) = (last, seen + AT_ONCE);
        }
        found.next = Some(above);
        Ok(found)
    }

    /// The creative as the hot path has it, if a bid with it counts before its review, and the deals that say so.
    fn served_first(&self, record: &Record) -> Option<(&Creative, Vec<&Deal>)> {
        let (it, market) = (&record.submission, self.market);
        let buyer = self.buyer(&it.account).ok()?;
        let creative = market.creative(buyer, &it.crid)?;
        let is_it = u32::from(creative.version.0) == it.version && market.is_checked(creative);
        let day = self.now.shanghai_day();
        let qualified = market.advertiser(creative.advertiser).is_some_and(|it| it.is_qualified_on(day));
        let trades = !market.buyer_is_suspended(buyer) && !market.buyer_is_idle(buyer, day);
        if !is_it || !creative.shows_at(self.now) || !qualified || !trades {
            return None;
        }
        let takes =
            |deal: &&Deal| deal.takes_advertiser(creative.advertiser) && deal.targeting.formats.has(creative.format);
        Some((creative, self.deals_first(buyer).filter(takes).collect()))
    }

    /// A buyer's deals of today that serve first.
    fn deals_first(&self, buyer: BuyerId) -> impl Iterator<Item = &Deal> {
        let (market, day) = (self.market, self.now.shanghai_day());
        let deals = market.deals.iter().filter(move |deal| deal.buyer == buyer && deal.unreviewed_a_day.is_some());
        deals
            .filter_map(move |deal| market.served_on(deal, day))
            .filter(move |deal| market.deal_state(deal) == DealState::Active)
    }

    /// The media of a deal that take what nobody has reviewed, and do not prohibit this.
    fn showing<'s>(&'s self, deal: &'s Deal, creative: &'s Creative) -> impl Iterator<Item = &'s Media> {
        let market = self.market;
        let placements = market.placements.iter().filter(move |it| {
            let within = |places: &[crate::market::targeting::Place]| it.places().iter().any(|at| places.contains(at));
            let excluded = deal.targeting.conditions.as_ref().is_some_and(|more| within(&more.excluded_places));
            within(&deal.targeting.places) && !excluded
        });
        let of: std::collections::BTreeSet<_> = placements.map(|it| it.media).collect();
        market.media.iter().filter(move |media| {
            media.takes_unreviewed
                && of.contains(&media.id)
                && !market.media_is_suspended(media)
                && !self.is_prohibited(media, creative)
        })
    }

    fn is_prohibited(&self, media: &Media, creative: &Creative) -> bool {
        let market = self.market;
        let Some(advertiser) = market.advertiser(creative.advertiser) else { return true };
        let attributes = creative.attributes();
        let said = market.prohibited(media).iter().any(|it| {
            it.bans(advertiser)
                || creative.categories.iter().chain([&advertiser.category]).any(|category| it.has_category(category))
                || attributes.iter().any(|attribute| it.attributes.contains(attribute))
        });
        said || market.barred(media).is_some_and(|barred| barred.has(creative.id))
    }
}
