//! Why there is no bid, and why a bid lost.

/// `nbr` (OpenRTB 3.0); 500 and above are the exchange's.
pub mod no_bid_reason {
    /// Unknown error.
    pub const UNKNOWN_ERROR: i32 = 0;
    /// Technical error.
    pub const TECHNICAL_ERROR: i32 = 1;
    /// Invalid request.
    pub const INVALID_REQUEST: i32 = 2;
    /// Known crawler.
    pub const KNOWN_CRAWLER: i32 = 3;
    /// Suspected non-human traffic.
    pub const NON_HUMAN: i32 = 4;
    /// Cloud, data centre or proxy address.
    pub const DATA_CENTRE_IP: i32 = 5;
    /// Unsupported device.
    pub const UNSUPPORTED_DEVICE: i32 = 6;
    /// Blocked publisher or site.
    pub const BLOCKED_PUBLISHER: i32 = 7;
    /// Unmatched user.
    pub const UNMATCHED_USER: i32 = 8;
    /// Daily cap of the user.
    pub const DAILY_USER_CAP: i32 = 9;
    /// Daily cap of the domain.
    pub const DAILY_DOMAIN_CAP: i32 = 10;
    /// ads.txt unavailable.
    pub const ADS_TXT_UNAVAILABLE: i32 = 11;
    /// ads.txt violation.
    pub const ADS_TXT_VIOLATION: i32 = 12;
    /// ads.cert unavailable.
    pub const ADS_CERT_UNAVAILABLE: i32 = 13;
    /// ads.cert violation.
    pub const ADS_CERT_VIOLATION: i32 = 14;
    /// Not enough time for an auction.
    pub const INSUFFICIENT_TIME: i32 = 15;
    /// Incomplete supply chain.
    pub const INCOMPLETE_SCHAIN: i32 = 16;
    /// Blocked node in the supply chain.
    pub const BLOCKED_SCHAIN_NODE: i32 = 17;
}

/// `${AUCTION_LOSS}` (OpenRTB 3.0); 500 and above are the exchange's.
pub mod loss_reason {
    /// Won.
    pub const WON: i32 = 0;
    /// Internal error.
    pub const INTERNAL_ERROR: i32 = 1;
    /// Impression opportunity expired.
    pub const EXPIRED: i32 = 2;
    /// Invalid bid response.
    pub const INVALID_RESPONSE: i32 = 3;
    /// Invalid deal id.
    pub const INVALID_DEAL_ID: i32 = 4;
    /// Invalid auction id.
    pub const INVALID_AUCTION_ID: i32 = 5;
    /// Invalid or missing advertiser domain.
    pub const INVALID_ADVERTISER_DOMAIN: i32 = 6;
    /// Missing markup.
    pub const MISSING_MARKUP: i32 = 7;
    /// Missing creative id.
    pub const MISSING_CREATIVE_ID: i32 = 8;
    /// Missing price.
    pub const MISSING_PRICE: i32 = 9;
    /// Missing data for approval.
    pub const MISSING_APPROVAL_DATA: i32 = 10;
    /// Below the auction's floor.
    pub const BELOW_FLOOR: i32 = 100;
    /// Below the deal's floor.
    pub const BELOW_DEAL_FLOOR: i32 = 101;
    /// Lost to a higher bid.
    pub const LOST_TO_HIGHER_BID: i32 = 102;
    /// Lost to a deal's bid.
    pub const LOST_TO_DEAL_BID: i32 = 103;
    /// Seat blocked.
    pub const SEAT_BLOCKED: i32 = 104;
    /// Creative filtered, reason unknown.
    pub const CREATIVE_FILTERED: i32 = 200;
    /// Creative being processed.
    pub const CREATIVE_PENDING: i32 = 201;
    /// Creative disapproved.
    pub const CREATIVE_DISAPPROVED: i32 = 202;
    /// Size not allowed.
    pub const SIZE_NOT_ALLOWED: i32 = 203;
    /// Wrong format.
    pub const WRONG_FORMAT: i32 = 204;
    /// Advertiser excluded.
    pub const ADVERTISER_EXCLUDED: i32 = 205;
    /// App store id excluded.
    pub const APP_STORE_ID_EXCLUDED: i32 = 206;
    /// Not secure.
    pub const NOT_SECURE: i32 = 207;
    /// Language excluded.
    pub const LANGUAGE_EXCLUDED: i32 = 208;
    /// Category excluded.
    pub const CATEGORY_EXCLUDED: i32 = 209;
    /// Creative attribute excluded.
    pub const ATTRIBUTE_EXCLUDED: i32 = 210;
    /// Ad type excluded.
    pub const AD_TYPE_EXCLUDED: i32 = 211;
    /// Animation too long.
    pub const ANIMATION_TOO_LONG: i32 = 212;
    /// Not allowed in the deal.
    pub const NOT_ALLOWED_IN_DEAL: i32 = 213;
    /// Invalid SKAdNetwork.
    pub const INVALID_SKADNETWORK: i32 = 214;
    /// App bundle excluded.
    pub const APP_BUNDLE_EXCLUDED: i32 = 215;
}
