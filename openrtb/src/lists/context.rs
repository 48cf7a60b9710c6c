//! Lists about what is around the ad: content, device, audience, player, screen.

/// `qty.sourcetype` (AdCOM 1.0).
pub mod multiplier_source {
    /// Unknown.
    pub const UNKNOWN: i32 = 0;
    /// A measurement vendor, who is named.
    pub const MEASUREMENT_VENDOR: i32 = 1;
    /// The publisher.
    pub const PUBLISHER: i32 = 2;
    /// The exchange.
    pub const EXCHANGE: i32 = 3;
}

/// `refsettings.reftype` (AdCOM 1.0).
pub mod refresh_trigger {
    /// Unknown.
    pub const UNKNOWN: i32 = 0;
    /// The user does something.
    pub const USER_ACTION: i32 = 1;
    /// Something else happens.
    pub const EVENT: i32 = 2;
    /// Time passes.
    pub const TIME: i32 = 3;
}

/// `dooh.venuetypetax` (AdCOM 1.0).
pub mod venue_taxonomy {
    /// AdCOM's; deprecated.
    pub const ADCOM: i32 = 0;
    /// OpenOOH 1.0, the default.
    pub const OPEN_OOH_1_0: i32 = 1;
    /// DPAA.
    pub const DPAA: i32 = 2;
    /// DMI 1.1.
    pub const DMI_1_1: i32 = 3;
    /// OMA 2022.
    pub const OMA_2022: i32 = 4;
    /// OpenOOH 1.1.
    pub const OPEN_OOH_1_1: i32 = 5;
}

/// `content.prodq` (AdCOM 1.0).
pub mod production_quality {
    /// Unknown.
    pub const UNKNOWN: i32 = 0;
    /// Professional.
    pub const PROFESSIONAL: i32 = 1;
    /// By keen amateurs.
    pub const PROSUMER: i32 = 2;
    /// By users.
    pub const USER_GENERATED: i32 = 3;
}

/// `content.context` (AdCOM 1.0).
pub mod content_context {
    /// Video.
    pub const VIDEO: i32 = 1;
    /// Game.
    pub const GAME: i32 = 2;
    /// Music.
    pub const MUSIC: i32 = 3;
    /// Application.
    pub const APPLICATION: i32 = 4;
    /// Text.
    pub const TEXT: i32 = 5;
    /// Other.
    pub const OTHER: i32 = 6;
    /// Unknown.
    pub const UNKNOWN: i32 = 7;
}

/// `sua.source` (AdCOM 1.0).
pub mod user_agent_source {
    /// Unknown.
    pub const UNKNOWN: i32 = 0;
    /// Client hints that every request carries.
    pub const LOW_ENTROPY_HINTS: i32 = 1;
    /// Client hints that were asked for.
    pub const HIGH_ENTROPY_HINTS: i32 = 2;
    /// The parsed user agent string.
    pub const PARSED: i32 = 3;
}

/// `geo.type` (AdCOM 1.0).
pub mod location_type {
    /// Position of the device.
    pub const GPS: i32 = 1;
    /// Place of the address.
    pub const IP_ADDRESS: i32 = 2;
    /// Told by the user.
    pub const USER_PROVIDED: i32 = 3;
}

/// `geo.ipservice` (AdCOM 1.0).
pub mod ip_location_service {
    /// ip2location.
    pub const IP2LOCATION: i32 = 1;
    /// Neustar.
    pub const NEUSTAR: i32 = 2;
    /// MaxMind.
    pub const MAXMIND: i32 = 3;
    /// NetAcuity.
    pub const NETACUITY: i32 = 4;
}

/// `eid.mm` (AdCOM 1.0).
pub mod id_match_method {
    /// Unknown.
    pub const UNKNOWN: i32 = 0;
    /// Not matched.
    pub const NONE: i32 = 1;
    /// By cookies.
    pub const COOKIE_SYNC: i32 = 2;
    /// By a login.
    pub const AUTHENTICATED: i32 = 3;
    /// By observation.
    pub const OBSERVED: i32 = 4;
    /// By inference.
    pub const INFERRED: i32 = 5;
}

/// `uid.atype` (AdCOM 1.0).
pub mod agent_type {
    /// A browser or device.
    pub const BROWSER_OR_DEVICE: i32 = 1;
    /// An app on a device.
    pub const IN_APP: i32 = 2;
    /// A person.
    pub const PERSON: i32 = 3;
}

/// `banner.expdir` (AdCOM 1.0).
pub mod expandable_direction {
    /// Left.
    pub const LEFT: i32 = 1;
    /// Right.
    pub const RIGHT: i32 = 2;
    /// Up.
    pub const UP: i32 = 3;
    /// Down.
    pub const DOWN: i32 = 4;
    /// Full screen.
    pub const FULL_SCREEN: i32 = 5;
    /// It shrinks.
    pub const SHRINK: i32 = 6;
}

/// `video.playbackmethod` (AdCOM 1.0).
pub mod playback_method {
    /// On page load, with sound.
    pub const AUTO_SOUND: i32 = 1;
    /// On page load, without sound.
    pub const AUTO_MUTED: i32 = 2;
    /// On a click.
    pub const CLICK: i32 = 3;
    /// On mouse-over.
    pub const MOUSE_OVER: i32 = 4;
    /// In view, with sound.
    pub const VIEWPORT_SOUND: i32 = 5;
    /// In view, without sound.
    pub const VIEWPORT_MUTED: i32 = 6;
    /// After another video.
    pub const CONTINUOUS: i32 = 7;
    /// On pause, with sound.
    pub const PAUSE_SOUND: i32 = 8;
    /// On pause, without sound.
    pub const PAUSE_MUTED: i32 = 9;
    /// When idle, with sound.
    pub const IDLE_SOUND: i32 = 10;
    /// When idle, without sound.
    pub const IDLE_MUTED: i32 = 11;
}

/// `video.playbackend` (AdCOM 1.0).
pub mod playback_end {
    /// At its end.
    pub const COMPLETION: i32 = 1;
    /// When out of view.
    pub const LEAVING_VIEWPORT: i32 = 2;
    /// At its end, floating when out of view.
    pub const FLOATING: i32 = 3;
}

/// `delivery` (AdCOM 1.0).
pub mod delivery_method {
    /// Streaming.
    pub const STREAMING: i32 = 1;
    /// Progressive.
    pub const PROGRESSIVE: i32 = 2;
    /// Download.
    pub const DOWNLOAD: i32 = 3;
}

/// `companiontype` (AdCOM 1.0).
pub mod companion_type {
    /// Static.
    pub const STATIC: i32 = 1;
    /// HTML.
    pub const HTML: i32 = 2;
    /// Inline frame.
    pub const IFRAME: i32 = 3;
}

/// `video.poddedupe` (AdCOM 1.0).
pub mod pod_deduplication {
    /// By advertiser's domain.
    pub const ADVERTISER_DOMAIN: i32 = 1;
    /// By category.
    pub const CATEGORY: i32 = 2;
    /// By creative id.
    pub const CREATIVE_ID: i32 = 3;
    /// By media file.
    pub const MEDIA_FILE: i32 = 4;
    /// Not at all.
    pub const NONE: i32 = 5;
}

/// `audio.feed` (AdCOM 1.0).
pub mod feed_type {
    /// Music service.
    pub const MUSIC_SERVICE: i32 = 1;
    /// Broadcast radio.
    pub const BROADCAST: i32 = 2;
    /// Podcast.
    pub const PODCAST: i32 = 3;
    /// Catch-up radio.
    pub const CATCH_UP_RADIO: i32 = 4;
    /// Web radio.
    pub const WEB_RADIO: i32 = 5;
    /// Video game.
    pub const GAME: i32 = 6;
    /// Spoken text.
    pub const TEXT_TO_SPEECH: i32 = 7;
}

/// `audio.nvol` (AdCOM 1.0).
pub mod volume_normalization {
    /// None.
    pub const NONE: i32 = 0;
    /// By average.
    pub const AVERAGE: i32 = 1;
    /// By peak.
    pub const PEAK: i32 = 2;
    /// By loudness.
    pub const LOUDNESS: i32 = 3;
    /// Otherwise.
    pub const CUSTOM: i32 = 4;
}
