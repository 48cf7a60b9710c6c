//! The private marketplace of an impression (OpenRTB 2.6 §3.2.11, §3.2.12, §3.2.35).

use crate::number::WirePrice;
use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// The private marketplace of an impression (OpenRTB 2.6 §3.2.11).
    Pmp {
        /// 1 = only the listed deals may bid; default 0.
        private_auction: Option<i32>,
        /// The deals.
        deals: &'a [Deal<'a>],
    }
}

wire_object! { 'a;
    /// A deal (OpenRTB 2.6 §3.2.12).
    Deal [limit deals] {
        /// Required; echoed as `bid.dealid`.
        id: Text<'a>,
        /// Least CPM, or the price itself where `at` is 3, in `bidfloorcur`; default 0.
        bidfloor: Option<WirePrice>,
        /// Currency, ISO 4217; default USD, never inherited from the impression.
        bidfloorcur: Option<Text<'a>>,
        /// 1 first price, 2 second price plus, 3 the floor is the price; absent = the request's.
        at: Option<i32>,
        /// Seats that may bid; empty = any.
        wseat: &'a [Text<'a>],
        /// Advertiser domains allowed; empty = any.
        wadomain: &'a [Text<'a>],
        /// 1 = guaranteed: the bidder must bid; default 0.
        guar: Option<i32>,
        /// Least price per second (audio, video), as CPM.
        mincpmpersec: Option<WirePrice>,
        /// Floors by duration (audio, video).
        durfloors: &'a [DurFloors<'a>],
    }
}

wire_object! { 'a;
    /// The floor of a band of durations (OpenRTB 2.6 §3.2.35).
    DurFloors {
        /// Shortest creative, s; absent = no lower end.
        mindur: Option<i32>,
        /// Longest creative, s; absent = no upper end.
        maxdur: Option<i32>,
        /// Least CPM inside the band; default 0.
        bidfloor: Option<WirePrice>,
    }
}
