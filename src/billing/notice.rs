//! The exchange's own notice URLs (interfaces.md, "Data plane").

use super::token::{Purpose, Tokens};
use crate::event::Charge;

/// The three notice URLs of one won bid.
#[derive(Clone, Debug, Default)]
pub struct NoticeUrls {
    /// `nurl`.
    pub win: String,
    /// `burl`: the only one that is money.
    pub bill: String,
    /// `lurl`, with the loss macro for the media to fill in.
    pub loss: String,
}

/// The path of each purpose, up to its token.
#[must_use]
pub const fn path(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Bill => "/n/bill/",
        Purpose::Win => "/n/win/",
        Purpose::Loss => "/n/loss/",
    }
}

/// Builds the notice URLs of a charge.
pub fn urls(public_url: &str, tokens: &mut Tokens, charge: &Charge) -> NoticeUrls {
    let mut url = |purpose| {
        let mut url = String::with_capacity(public_url.len() + 128);
        url.push_str(public_url);
        url.push_str(path(purpose));
        tokens.seal(purpose, charge, &mut url);
        url
    };
    let (win, bill, mut loss) = (url(Purpose::Win), url(Purpose::Bill), url(Purpose::Loss));
    loss.push_str("?reason=${AUCTION_LOSS}");
    NoticeUrls { win, bill, loss }
}
