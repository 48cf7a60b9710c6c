//! Values of the enumerated lists, as open integers: an unknown value is legal everywhere and 500 and above are vendors'.

mod context;
mod reasons;

pub use context::*;
pub use reasons::*;

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
    /// Part of the screen.
    pub const PARTIAL_SCREEN: i32 = 8;
    /// Top left.
    pub const TOP_LEFT: i32 = 9;
    /// Top right.
    pub const TOP_RIGHT: i32 = 10;
    /// Frames the content.
    pub const FRAMES_CONTENT: i32 = 11;
    /// Beside the content, in a box of its own.
    pub const DOUBLE_BOX: i32 = 12;
    /// The same, with a background.
    pub const DOUBLE_BOX_WITH_BACKGROUND: i32 = 13;
    /// Bottom left.
    pub const BOTTOM_LEFT: i32 = 14;
    /// Bottom right.
    pub const BOTTOM_RIGHT: i32 = 15;
    /// Around two sides.
    pub const L_SHAPE: i32 = 16;
    /// Around the other two sides.
    pub const REVERSED_L_SHAPE: i32 = 17;
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
