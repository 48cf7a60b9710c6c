//! Every macro of the reference, exactly.

use super::super::fill;
use super::super::message::Told;
use super::*;
use crate::event::WonBid;

const EVERY: &str = "id=${AUCTION_ID}&bid=${AUCTION_BID_ID}&imp=${AUCTION_IMP_ID}&seat=${AUCTION_SEAT_ID}&ad=${AUCTION_AD_ID}\
                     &price=${AUCTION_PRICE}&cur=${AUCTION_CURRENCY}&mbr=${AUCTION_MBR}&loss=${AUCTION_LOSS}\
                     &min=${AUCTION_MIN_TO_WIN}&mult=${AUCTION_MULTIPLIER}&ts=${AUCTION_IMP_TS}&pct=${AUCTION_DISCOUNT_PCT}\
                     &cpm=${AUCTION_DISCOUNT_CPM}&b64=${AUCTION_PRICE:B64}&other=${OTHER}";

fn tidings() -> Tidings {
    let usd = Currency::parse("USD").unwrap();
    let said = BidNotice { ad: Some("ad ${AUCTION_PRICE}"), currency: usd, bid: 10_000_000, ..bid(1) };
    let mut tidings = Tidings::new(key(1).auction, 2);
    let won = (Slot(2), 8_536_400, Quantity(1_500), noon().plus_ms(1));
    assert!(tidings.won(&said, (Some(EVERY), Some("second")), won));
    assert!(tidings.lost(&BidNotice { seat: None, ..said }, Some(EVERY), 103));
    tidings
}

fn told() -> (WonBid, String) {
    let tidings = tidings();
    let mut bids = tidings.bids();
    let (Some(Told::Won(win)), Some(Told::Lost { key, words, currency, reason, url, .. })) = (bids.next(), bids.next())
    else {
        panic!("not what was said");
    };
    assert!(bids.next().is_none());
    (win, fill::lost(key, &words, currency, reason, &url))
}

#[test]
fn r_secret_a_winner_hears_its_own_price_in_its_own_currency() {
    let (win, _) = told();
    assert_eq!((win.bill.as_deref(), win.key.slot, win.expires_at), (Some("second"), Slot(2), noon().plus_ms(1)));
    let auction = key(1).auction.to_string();
    let expected = |ts: &str| {
        format!(
            "id={auction}&bid=r1&imp=imp-1&seat=seat&ad=ad ${{AUCTION_PRICE}}&price=8.5364&cur=USD&mbr=0.85364&loss=0\
             &min=8.5364&mult=1.5&ts={ts}&pct=&cpm=&b64=OC41MzY0&other=${{OTHER}}"
        )
    };
    assert_eq!(fill::won(&win, EVERY, None), expected(""));
    assert_eq!(fill::won(&win, EVERY, Some(UnixMillis(1_700_000_000_123))), expected("1700000000123"));
    let even = WonBid { bid: 8_536_400, ..win.clone() };
    assert_eq!(fill::won(&even, "${AUCTION_MBR}", None), "1");
    let third = WonBid { price: 1, bid: 3, ..win };
    assert_eq!(fill::won(&third, "${AUCTION_MBR}", None), "0.333333");
}

#[test]
fn r_secret_a_loser_hears_why_and_nobodys_price() {
    let (_, lost) = told();
    let auction = key(1).auction.to_string();
    let expected = format!(
        "id={auction}&bid=r1&imp=imp-1&seat=&ad=ad ${{AUCTION_PRICE}}&price=&cur=USD&mbr=&loss=103&min=&mult=&ts=&pct=&cpm=&b64=\
         &other=${{OTHER}}"
    );
    assert_eq!(lost, expected);
}
