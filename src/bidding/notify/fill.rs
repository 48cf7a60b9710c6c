//! Macros of notices (OpenRTB 2.6 §4.4).
//!
//! A DSP hears of money what is its own: the agreed price in its own currency, and its own bid. `${AUCTION_MIN_TO_WIN}` is the
//! agreed price to a winner, who wins at it and not below; to a loser it is empty, because no other bid of its own at a fixed price
//! would have won, and the price that beat it is another party's (R-SECRET).

use openrtb::encode::write_millionths;
use openrtb::{Macros, substitute};

use crate::clock::UnixMillis;
use crate::event::{ChargeKey, NoticeWords, WonBid};
use crate::money::Currency;

/// The loss reason of what won (OpenRTB 2.6 §5.25).
const WON: &str = "0";

/// A won bid's notice; `shown_at` is when the ad was shown, once that is known.
pub(super) fn won(win: &WonBid, template: &str, shown_at: Option<UnixMillis>) -> String {
    let auction = win.key.auction.to_hex();
    let price = decimal(win.price);
    let ratio = decimal(ratio(win.price, win.bid));
    let quantity = decimal(i64::from(win.quantity.0) * 1_000);
    let shown_at = shown_at.map(|at| at.0.to_string());
    let macros = Macros {
        price: Some(&price),
        market_bid_ratio: Some(&ratio),
        loss: Some(WON),
        min_to_win: Some(&price),
        multiplier: Some(&quantity),
        imp_ts: shown_at.as_deref(),
        ..words(&auction, &win.words, &win.currency)
    };
    filled(template, &macros)
}

/// A lost bid's notice.
pub(super) fn lost(key: ChargeKey, said: &NoticeWords, currency: Currency, reason: i32, template: &str) -> String {
    let (auction, reason) = (key.auction.to_hex(), reason.to_string());
    filled(template, &Macros { loss: Some(&reason), ..words(&auction, said, &currency) })
}

/// What won and lost bids hear alike. No discounts are agreed, so their macros have no value.
fn words<'w>(auction: &'w [u8], said: &'w NoticeWords, currency: &'w Currency) -> Macros<'w> {
    Macros {
        id: str::from_utf8(auction).ok(),
        bid_id: said.response.as_deref(),
        imp_id: Some(&said.imp),
        seat_id: said.seat.as_deref(),
        ad_id: said.ad.as_deref(),
        currency: Some(currency.as_str()),
        ..Macros::default()
    }
}

fn filled(template: &str, macros: &Macros<'_>) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    substitute(template, macros, &mut out);
    out
}

fn decimal(millionths: i64) -> String {
    let mut out = Vec::with_capacity(16);
    write_millionths(&mut out, millionths);
    String::from_utf8(out).unwrap_or_default()
}

/// Price over bid in millionths, rounded half up; a bid is at least the price.
fn ratio(price: i64, bid: i64) -> i64 {
    let (price, bid) = (i128::from(price), i128::from(bid.max(1)));
    i64::try_from((price * 1_000_000 + bid / 2) / bid).unwrap_or(i64::MAX)
}
