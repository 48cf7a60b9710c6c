//! The bid response (OpenRTB 2.6 §4.2).

use crate::number::WirePrice;
use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// A bidder's answer (OpenRTB 2.6 §4.2.1).
    BidResponse {
        /// The request's id; required.
        id: Text<'a>,
        /// Bids by seat; none is a no-bid.
        seatbid: &'a [SeatBid<'a>],
        /// The bidder's id of this response, for `${AUCTION_BID_ID}`.
        bidid: Option<Text<'a>>,
        /// Currency of all the bids, ISO 4217; default USD.
        cur: Option<Text<'a>>,
        /// To be kept in the exchange's cookie.
        customdata: Option<Text<'a>>,
        /// Why there is no bid ([`crate::lists::no_bid_reason`]).
        nbr: Option<i32>,
    }
}

wire_object! { 'a;
    /// The bids of a seat (OpenRTB 2.6 §4.2.2).
    SeatBid [limit seatbids] {
        /// Required; one or more.
        bid: &'a [Bid<'a>],
        /// The buyer.
        seat: Option<Text<'a>>,
        /// 1 = all of these win or none does; default 0.
        group: Option<i32>,
    }
}

wire_object! { 'a;
    /// A bid (OpenRTB 2.6 §4.2.3).
    Bid [limit bids] {
        /// The bidder's id of the bid; required.
        id: Text<'a>,
        /// The impression bid for; required.
        impid: Text<'a>,
        /// CPM in the response's currency; required.
        price: Option<WirePrice>,
        /// Win notice.
        nurl: Option<Text<'a>>,
        /// Billing notice.
        burl: Option<Text<'a>>,
        /// Loss notice.
        lurl: Option<Text<'a>>,
        /// Markup; outranks what `nurl` answers.
        adm: Option<Text<'a>>,
        /// Id of an ad preloaded.
        adid: Option<Text<'a>>,
        /// Advertiser's domains.
        adomain: &'a [Text<'a>],
        /// Store id of the app advertised.
        bundle: Option<Text<'a>>,
        /// Sample image.
        iurl: Option<Text<'a>>,
        /// Campaign id.
        cid: Option<Text<'a>>,
        /// Creative id.
        crid: Option<Text<'a>>,
        /// The buyer's label.
        tactic: Option<Text<'a>>,
        /// Taxonomy of `cat`; default 1.
        cattax: Option<i32>,
        /// Categories of the creative.
        cat: &'a [Text<'a>],
        /// Creative attributes ([`crate::lists::creative_attribute`]).
        attr: &'a [i32],
        /// API frameworks the markup needs.
        apis: &'a [i32],
        /// One of them; deprecated.
        api: Option<i32>,
        /// Protocol of the markup ([`crate::lists::creative_subtype`]).
        protocol: Option<i32>,
        /// Media rating: 1 all, 2 over 12, 3 mature.
        qagmediarating: Option<i32>,
        /// ISO 639-1; not together with `langb`.
        language: Option<Text<'a>>,
        /// BCP 47.
        langb: Option<Text<'a>>,
        /// The deal bid under.
        dealid: Option<Text<'a>>,
        /// Width, DIPS.
        w: Option<i32>,
        /// Height, DIPS.
        h: Option<i32>,
        /// Width's part of the ratio.
        wratio: Option<i32>,
        /// Height's part of the ratio.
        hratio: Option<i32>,
        /// Seconds that the bidder will wait for the impression.
        exp: Option<i32>,
        /// Length of the creative, s.
        dur: Option<i32>,
        /// Kind of markup ([`crate::lists::markup_type`]).
        mtype: Option<i32>,
        /// Position wanted in a dynamic pod; default 0.
        slotinpod: Option<i32>,
    }
}
