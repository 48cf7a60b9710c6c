//! Clicks: what the journal is told of them, and what it keeps.

use super::{Charge, ChargeKey};
use crate::clock::UnixMillis;
use crate::ids::{AuctionId, BuyerId, DealId, ImpIndex, MediaId, Slot};

/// A click on an ad that was won. It is no money: it is counted, and told to nobody who would have to wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Click {
    /// What its token carries.
    pub charge: Charge,
    /// When it came.
    pub at: UnixMillis,
}

/// All clicks on one ad, as they are kept: repeated ones are seen by their count and by how far apart they are (R-IVT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clicked {
    /// Its auction.
    pub auction: AuctionId,
    /// Its imp.
    pub imp: u8,
    /// Its ad of the imp.
    pub slot: u8,
    /// The media's number.
    pub media: MediaId,
    /// The placement's number.
    pub placement: u32,
    /// The DSP's number.
    pub dsp: u32,
    /// The buyer's number.
    pub buyer: BuyerId,
    /// The advertiser's number.
    pub advertiser: u32,
    /// The deal's number.
    pub deal: DealId,
    /// The creative's number.
    pub creative: u32,
    /// The creative's version.
    pub creative_version: u16,
    /// The first of them.
    pub first_at: UnixMillis,
    /// The last of them.
    pub last_at: UnixMillis,
    /// How many, from 1.
    pub times: u64,
}

impl Clicked {
    /// The row of a first click.
    #[must_use]
    pub fn new(click: &Click) -> Self {
        let charge = &click.charge;
        Self {
            auction: charge.key.auction,
            imp: charge.key.imp.0,
            slot: charge.key.slot.0,
            media: charge.media,
            placement: charge.placement.0,
            dsp: charge.dsp.0,
            buyer: charge.buyer,
            advertiser: charge.advertiser.0,
            deal: charge.deal,
            creative: charge.creative.0,
            creative_version: charge.version.0,
            first_at: click.at,
            last_at: click.at,
            times: 1,
        }
    }

    /// Counts one more.
    pub fn again(&mut self, at: UnixMillis) {
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
        self.times += 1;
    }

    /// Of which ad.
    #[must_use]
    pub const fn key(&self) -> ChargeKey {
        ChargeKey { auction: self.auction, imp: ImpIndex(self.imp), slot: Slot(self.slot) }
    }
}
