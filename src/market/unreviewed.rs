//! What a bid said of content that nobody has reviewed: handed from the exchange to the review (R-REVIEW).

use super::supply::{Format, Formats, Size};
use crate::ids::{BuyerId, DealId, DspId};

/// A bid that was refused because of its creative, in its own words: nothing of it has been judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreviewedBid {
    /// Who bid.
    pub dsp: DspId,
    /// Under which deal.
    pub deal: DealId,
    /// For whom.
    pub buyer: BuyerId,
    /// Whether the creative is known and only its markup is other than what was approved.
    pub changed: bool,
    /// `bid.crid`.
    pub crid: String,
    /// `bid.adomain`.
    pub domains: Vec<String>,
    /// `bid.adm`.
    pub markup: String,
    /// What the imp takes under the deal.
    pub offered: Formats,
    /// The format of `bid.mtype`.
    pub format: Option<Format>,
    /// `bid.w` and `bid.h`.
    pub size: Option<Size>,
    /// The sizes that the imp asks for.
    pub asked: Vec<Size>,
    /// `bid.dur`, s.
    pub duration_s: Option<u32>,
    /// `bid.cat`, where its taxonomy is the config's (OpenRTB 2.6 `cattax` 1).
    pub categories: Vec<String>,
    /// `bid.attr`.
    pub attributes: Vec<i32>,
}
