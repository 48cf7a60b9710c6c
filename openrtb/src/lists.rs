//! Values of the enumerated lists, as open integers: an unknown value is legal everywhere and 500 and above are vendors'.

/// `at` of a request or deal (OpenRTB 2.6 §3.2.1, §3.2.12).
pub mod auction_type {
    /// The winner pays its bid.
    pub const FIRST_PRICE: i32 = 1;
    /// The winner pays just above the next bid.
    pub const SECOND_PRICE_PLUS: i32 = 2;
    /// Deals only: the floor is the price.
    pub const FIXED_PRICE: i32 = 3;
}

/// `bid.mtype` (OpenRTB 2.6 §4.2.3).
pub mod markup_type {
    /// Banner.
    pub const BANNER: i32 = 1;
    /// Video.
    pub const VIDEO: i32 = 2;
    /// Audio.
    pub const AUDIO: i32 = 3;
    /// Native.
    pub const NATIVE: i32 = 4;
}

/// `banner.btype` (OpenRTB 2.6 §3.2.6).
pub mod banner_type {
    /// Text ad.
    pub const XHTML_TEXT: i32 = 1;
    /// Banner ad.
    pub const XHTML_BANNER: i32 = 2;
    /// Script.
    pub const JAVASCRIPT: i32 = 3;
    /// Inline frame.
    pub const IFRAME: i32 = 4;
}

/// `cattax` (AdCOM 1.0).
pub mod category_taxonomy {
    /// Content 1.0, the default.
    pub const CONTENT_1_0: i32 = 1;
    /// Content 2.0.
    pub const CONTENT_2_0: i32 = 2;
    /// Ad product 1.0.
    pub const AD_PRODUCT_1_0: i32 = 3;
    /// Audience 1.1.
    pub const AUDIENCE_1_1: i32 = 4;
    /// Content 2.1.
    pub const CONTENT_2_1: i32 = 5;
    /// Content 2.2.
    pub const CONTENT_2_2: i32 = 6;
    /// Content 3.0.
    pub const CONTENT_3_0: i32 = 7;
    /// Ad product 2.0.
    pub const AD_PRODUCT_2_0: i32 = 8;
    /// Content 3.1.
    pub const CONTENT_3_1: i32 = 9;
}

/// `api`, `apis` (AdCOM 1.0).
pub mod api_framework {
    /// VPAID 1.0.
    pub const VPAID_1: i32 = 1;
    /// VPAID 2.0.
    pub const VPAID_2: i32 = 2;
    /// MRAID 1.
    pub const MRAID_1: i32 = 3;
    /// ORMMA.
    pub const ORMMA: i32 = 4;
    /// MRAID 2.
    pub const MRAID_2: i32 = 5;
    /// MRAID 3.
    pub const MRAID_3: i32 = 6;
    /// OMID 1.
    pub const OMID_1: i32 = 7;
    /// SIMID 1.0.
    pub const SIMID_1_0: i32 = 8;
    /// SIMID 1.1.
    pub const SIMID_1_1: i32 = 9;
}

/// `protocols`, `bid.protocol` (AdCOM 1.0).
pub mod creative_subtype {
    /// VAST 1.0.
    pub const VAST_1: i32 = 1;
    /// VAST 2.0.
    pub const VAST_2: i32 = 2;
    /// VAST 3.0.
    pub const VAST_3: i32 = 3;
    /// VAST 1.0 wrapper.
    pub const VAST_1_WRAPPER: i32 = 4;
    /// VAST 2.0 wrapper.
    pub const VAST_2_WRAPPER: i32 = 5;
    /// VAST 3.0 wrapper.
    pub const VAST_3_WRAPPER: i32 = 6;
    /// VAST 4.0.
    pub const VAST_4_0: i32 = 7;
    /// VAST 4.0 wrapper.
    pub const VAST_4_0_WRAPPER: i32 = 8;
    /// DAAST 1.0.
    pub const DAAST_1: i32 = 9;
    /// DAAST 1.0 wrapper.
    pub const DAAST_1_WRAPPER: i32 = 10;
    /// VAST 4.1.
    pub const VAST_4_1: i32 = 11;
    /// VAST 4.1 wrapper.
    pub const VAST_4_1_WRAPPER: i32 = 12;
    /// VAST 4.2.
    pub const VAST_4_2: i32 = 13;
    /// VAST 4.2 wrapper.
    pub const VAST_4_2_WRAPPER: i32 = 14;
    /// VAST 4.3.
    pub const VAST_4_3: i32 = 15;
    /// VAST 4.3 wrapper.
    pub const VAST_4_3_WRAPPER: i32 = 16;
}

/// `battr`, `bid.attr` (AdCOM 1.0).
pub mod creative_attribute {
    /// Sound by itself.
    pub const AUDIO_AUTO: i32 = 1;
    /// Sound by the viewer.
    pub const AUDIO_USER: i32 = 2;
    /// Expands by itself.
    pub const EXPAND_AUTO: i32 = 3;
    /// Expands on a click.
    pub const EXPAND_CLICK: i32 = 4;
    /// Expands on rollover.
    pub const EXPAND_ROLLOVER: i32 = 5;
    /// Video in the banner, by itself.
    pub const IN_BANNER_VIDEO_AUTO: i32 = 6;
    /// Video in the banner, by the viewer.
    pub const IN_BANNER_VIDEO_USER: i32 = 7;
    /// Opens a window.
    pub const POP: i32 = 8;
    /// Provocative.
    pub const PROVOCATIVE: i32 = 9;
    /// Shakes or flashes.
    pub const FLASHING: i32 = 10;
    /// Survey.
    pub const SURVEY: i32 = 11;
    /// Text only.
    pub const TEXT_ONLY: i32 = 12;
    /// Interactive.
    pub const INTERACTIVE: i32 = 13;
    /// Dialog or alert.
    pub const DIALOG: i32 = 14;
    /// Has a sound button.
    pub const AUDIO_BUTTON: i32 = 15;
    /// Has a skip button of its own.
    pub const SKIP_BUTTON: i32 = 16;
    /// Adobe Flash.
    pub const FLASH: i32 = 17;
    /// Responsive.
    pub const RESPONSIVE: i32 = 18;
    /// QR code.
    pub const QR_CODE: i32 = 19;
    /// Alpha transparency.
    pub const ALPHA_TRANSPARENCY: i32 = 20;
    /// Static.
    pub const STATIC_VISUAL: i32 = 21;
    /// Limited motion.
    pub const LIMITED_MOTION: i32 = 22;
    /// Full motion.
    pub const FULL_MOTION: i32 = 23;
}

/// `device.devicetype` (AdCOM 1.0).
pub mod device_type {
    /// Phone or tablet.
    pub const MOBILE_OR_TABLET: i32 = 1;
    /// Personal computer.
    pub const PC: i32 = 2;
    /// Connected TV.
    pub const CONNECTED_TV: i32 = 3;
    /// Phone.
    pub const PHONE: i32 = 4;
    /// Tablet.
    pub const TABLET: i32 = 5;
    /// Connected device.
    pub const CONNECTED_DEVICE: i32 = 6;
    /// Set-top box.
    pub const SET_TOP_BOX: i32 = 7;
    /// Public screen.
    pub const OUT_OF_HOME: i32 = 8;
}

/// `device.connectiontype` (AdCOM 1.0).
pub mod connection_type {
    /// Ethernet.
    pub const ETHERNET: i32 = 1;
    /// Wi-Fi.
    pub const WIFI: i32 = 2;
    /// Cellular, generation unknown.
    pub const CELLULAR: i32 = 3;
    /// 2G.
    pub const CELLULAR_2G: i32 = 4;
    /// 3G.
    pub const CELLULAR_3G: i32 = 5;
    /// 4G.
    pub const CELLULAR_4G: i32 = 6;
    /// 5G.
    pub const CELLULAR_5G: i32 = 7;
}

/// `pos` (AdCOM 1.0).
pub mod placement_position {
    /// Unknown.
    pub const UNKNOWN: i32 = 0;
    /// Above the fold.
    pub const ABOVE_FOLD: i32 = 1;
    /// Locked.
    pub const LOCKED: i32 = 2;
    /// Below the fold.
    pub const BELOW_FOLD: i32 = 3;
    /// Header.
    pub const HEADER: i32 = 4;
    /// Footer.
    pub const FOOTER: i32 = 5;
    /// Sidebar.
    pub const SIDEBAR: i32 = 6;
    /// Full screen.
    pub const FULL_SCREEN: i32 = 7;
}

/// `video.plcmt` (AdCOM 1.0).
pub mod plcmt {
    /// In the stream.
    pub const INSTREAM: i32 = 1;
    /// Beside content.
    pub const ACCOMPANYING: i32 = 2;
    /// Interstitial.
    pub const INTERSTITIAL: i32 = 3;
    /// Without content.
    pub const STANDALONE: i32 = 4;
    /// On pause.
    pub const PAUSE: i32 = 5;
    /// Screen saver.
    pub const SCREENSAVER: i32 = 6;
    /// Overlay.
    pub const OVERLAY: i32 = 7;
    /// Squeeze-back.
    pub const SQUEEZEBACK: i32 = 8;
    /// In the scene.
    pub const IN_SCENE: i32 = 9;
}

/// `startdelay`; above 0 it is seconds into the content (AdCOM 1.0).
pub mod start_delay {
    /// Before the content.
    pub const PRE_ROLL: i32 = 0;
    /// Somewhere inside.
    pub const GENERIC_MID_ROLL: i32 = -1;
    /// After the content.
    pub const GENERIC_POST_ROLL: i32 = -2;
}

/// `podseq` (AdCOM 1.0).
pub mod pod_sequence {
    /// Last pod.
    pub const LAST: i32 = -1;
    /// Any pod.
    pub const ANY: i32 = 0;
    /// First pod.
    pub const FIRST: i32 = 1;
}

/// `slotinpod` (AdCOM 1.0).
pub mod slot_in_pod {
    /// Last slot.
    pub const LAST: i32 = -1;
    /// Any slot.
    pub const ANY: i32 = 0;
    /// First slot.
    pub const FIRST: i32 = 1;
    /// First or last slot.
    pub const FIRST_OR_LAST: i32 = 2;
}

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
