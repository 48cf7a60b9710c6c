//! Media, buyers and creatives as operators see them, and what is suspended.

use serde::Serialize;

use super::Now;
use crate::event::Suspension;
use crate::ids::{DenseId, IdKind};
use crate::market::Market;
use crate::market::demand::{Buyer, Creative};
use crate::market::supply::Media;

/// A kill switch that is thrown.
#[derive(Debug, Serialize)]
pub(in crate::control) struct SuspensionLine {
    pub(in crate::control) since: String,
    pub(in crate::control) by: String,
    pub(in crate::control) reason: String,
}

impl From<&Suspension> for SuspensionLine {
    fn from(it: &Suspension) -> Self {
        Self { since: it.at.to_rfc3339(), by: it.actor.clone(), reason: it.reason.clone() }
    }
}

impl Now<'_> {
    /// The kill switch of a subject, while it is thrown.
    pub(in crate::control) fn suspension<I: DenseId>(self, id: I) -> Option<SuspensionLine> {
        self.thrown.get(&(I::KIND, id.number())).map(SuspensionLine::from)
    }
}

/// Where the kill switches of a kind are: `/api/v1/` and this.
pub(in crate::control) const fn collection(kind: IdKind) -> &'static str {
    match kind {
        IdKind::Media => "media",
        IdKind::Dsp => "dsps",
        IdKind::Buyer => "buyers",
        IdKind::Creative => "creatives",
        IdKind::Deal => "deals",
        IdKind::Placement | IdKind::Property | IdKind::Advertiser => "",
    }
}

const fn active_or_suspended(suspended: bool) -> &'static str {
    if suspended { "suspended" } else { "active" }
}

/// A media in a list.
#[derive(Debug, Serialize)]
pub(in crate::control) struct MediaLine {
    id: String,
    name: String,
    state: &'static str,
    suspension: Option<SuspensionLine>,
}

impl MediaLine {
    pub(in crate::control) fn of(now: Now<'_>, media: &Media) -> Self {
        Self {
            id: media.wire.clone(),
            name: media.name.clone(),
            state: active_or_suspended(now.market.media_is_suspended(media)),
            suspension: now.suspension(media.id),
        }
    }
}

/// A buyer in a list.
#[derive(Debug, Serialize)]
pub(in crate::control) struct BuyerLine {
    id: String,
    name: String,
    contract: String,
    state: &'static str,
    suspension: Option<SuspensionLine>,
}

impl BuyerLine {
    pub(in crate::control) fn of(now: Now<'_>, buyer: &Buyer) -> Self {
        Self {
            id: buyer.account.clone(),
            name: buyer.name.clone(),
            contract: buyer.contract.clone(),
            state: active_or_suspended(now.market.buyer_is_suspended(buyer.id)),
            suspension: now.suspension(buyer.id),
        }
    }
}

/// A creative in a list.
#[derive(Debug, Serialize)]
pub(in crate::control) struct CreativeLine {
    id: String,
    buyer: String,
    crid: String,
    version: u16,
    format: &'static str,
    state: &'static str,
    suspension: Option<SuspensionLine>,
}

impl CreativeLine {
    pub(in crate::control) fn of(now: Now<'_>, creative: &Creative) -> Self {
        let id = creative_name(now.market, creative);
        let buyer = id.split('/').next().unwrap_or_default().to_owned();
        Self {
            id,
            buyer,
            crid: creative.crid().to_owned(),
            version: creative.version.0,
            format: creative.format.name(),
            state: now.market.creative_state(creative).label(),
            suspension: now.suspension(creative.id),
        }
    }
}

/// `account/crid`: crids are a buyer's own.
pub(in crate::control) fn creative_name(market: &Market, creative: &Creative) -> String {
    let account = market.buyers.get(creative.buyer).map_or("?", |buyer| buyer.account.as_str());
    format!("{account}/{}", creative.crid())
}

/// A name as one segment of a URL's path (RFC 3986 §2.3).
pub(in crate::control) fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_whatever_it_holds() {
        assert_eq!(segment("80010003/paopao 1?"), "80010003%2Fpaopao%201%3F");
        assert_eq!(segment("PD-2026_x.~"), "PD-2026_x.~");
    }
}
