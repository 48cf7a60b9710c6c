//! The exchange's own notice URLs (interfaces.md, "Data plane").

use std::ops::Range;

use super::token::{Purpose, Tokens};
use crate::event::Charge;

const WIN: &str = "/n/win/";
const LOSS: &str = "/n/loss/";
const CLICK: &str = "/t/click/";
const BILL: &str = "/n/bill/";
const IMPRESSION: &str = "/t/imp/";
/// For the media to fill in.
const REASON: &str = "?reason=${AUCTION_LOSS}";
/// Room for a token that is somewhat longer than the typical one.
const TOKEN: usize = 64;

/// The notice URLs of one won bid: two tokens, one allocation. Empty by default.
#[derive(Clone, Debug, Default)]
pub struct NoticeUrls {
    text: String,
    /// Where each begins but the first, which begins at 0; in the order of the constants above.
    starts: [usize; 4],
}

impl NoticeUrls {
    /// `nurl`.
    #[must_use]
    pub fn win(&self) -> &str {
        self.part(0..self.starts[0])
    }

    /// `lurl`, with the loss macro for the media to fill in.
    #[must_use]
    pub fn loss(&self) -> &str {
        self.part(self.starts[0]..self.starts[1])
    }

    /// `/t/click/{token}`: counts the click and leads to the landing page; with `?track=1` only counts it.
    #[must_use]
    pub fn click(&self) -> &str {
        self.part(self.starts[1]..self.starts[2])
    }

    /// `burl`: money, from the media's server or SDK.
    #[must_use]
    pub fn bill(&self) -> &str {
        self.part(self.starts[2]..self.starts[3])
    }

    /// `/t/imp/{token}`: the same money as a pixel, for markup and VAST.
    #[must_use]
    pub fn impression(&self) -> &str {
        self.part(self.starts[3]..self.text.len())
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

/// Builds the notice URLs of a charge.
#[must_use]
pub fn urls(public_url: &str, tokens: &Tokens, charge: &Charge) -> NoticeUrls {
    let mut text = String::with_capacity(room(public_url));
    let sealed = |text: &mut String, purpose, path| {
        text.extend([public_url, path]);
        let start = text.len();
        tokens.seal(purpose, charge, text);
        start..text.len()
    };
    let notice = sealed(&mut text, Purpose::Notice, WIN);
    let loss = text.len();
    text.extend([public_url, LOSS]);
    text.extend_from_within(notice.clone());
    text.push_str(REASON);
    let click = text.len();
    text.extend([public_url, CLICK]);
    text.extend_from_within(notice);
    let bill = text.len();
    let token = sealed(&mut text, Purpose::Bill, BILL);
    let impression = text.len();
    text.extend([public_url, IMPRESSION]);
    text.extend_from_within(token);
    NoticeUrls { text, starts: [loss, click, bill, impression] }
}

const fn room(public_url: &str) -> usize {
    5 * (public_url.len() + CLICK.len() + TOKEN) + REASON.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::token::tests::{charge, key};

    #[test]
    fn the_bill_and_the_pixel_carry_money_and_the_others_do_not() {
        let tokens = Tokens::new(&[key(1)]).unwrap();
        let urls = urls("https://x.example", &tokens, &charge());
        let opened = |url: &str, path: &str, purpose| {
            let token = url.strip_prefix("https://x.example").and_then(|rest| rest.strip_prefix(path)).unwrap();
            tokens.open(purpose, token.split('?').next().unwrap())
        };
        for (url, path) in [(urls.bill(), "/n/bill/"), (urls.impression(), "/t/imp/")] {
            assert_eq!(opened(url, path, Purpose::Bill), Ok(charge()), "{url}");
            assert!(opened(url, path, Purpose::Notice).is_err(), "{url}");
        }
        for (url, path) in [(urls.win(), "/n/win/"), (urls.loss(), "/n/loss/"), (urls.click(), "/t/click/")] {
            assert_eq!(opened(url, path, Purpose::Notice), Ok(charge()), "{url}");
            assert!(opened(url, path, Purpose::Bill).is_err(), "{url}");
        }
        assert!(urls.loss().ends_with("?reason=${AUCTION_LOSS}"));
        assert_eq!(NoticeUrls::default().impression(), "");
    }

    #[test]
    fn the_buffer_is_allocated_once() {
        let long = format!("https://{}.example", "a".repeat(60));
        for public_url in ["http://x", &long] {
            let urls = urls(public_url, &Tokens::new(&[key(1)]).unwrap(), &charge());
            assert_eq!(urls.text.capacity(), room(public_url), "it never grew");
        }
    }
}
