//! The elements that something is put into or beside, and how VAST writes times.

/// An element that matters here, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Root,
    Ad,
    InLine,
    Wrapper,
    Impression,
    Creatives,
    Creative,
    Linear,
    Duration,
    TrackingEvents,
    Clicks,
    ClickThrough,
    NonLinearAds,
    NonLinear,
    CompanionAds,
    Companion,
    /// Of an overlay or a companion.
    OtherThrough(&'static str),
    Other,
}

impl Element {
    /// What an element is, by where it stands.
    pub(super) fn of(parent: Option<Self>, name: &str) -> Self {
        match (parent, name) {
            (Some(Self::Root), "Ad") => Self::Ad,
            (Some(Self::Ad), "InLine") => Self::InLine,
            (Some(Self::Ad), "Wrapper") => Self::Wrapper,
            (Some(Self::InLine | Self::Wrapper), "Impression") => Self::Impression,
            (Some(Self::InLine | Self::Wrapper), "Creatives") => Self::Creatives,
            (Some(Self::Creatives), "Creative") => Self::Creative,
            (Some(Self::Creative), "Linear") => Self::Linear,
            (Some(Self::Creative), "NonLinearAds") => Self::NonLinearAds,
            (Some(Self::Creative), "CompanionAds") => Self::CompanionAds,
            (Some(Self::Linear), "Duration") => Self::Duration,
            (Some(Self::Linear), "TrackingEvents") => Self::TrackingEvents,
            (Some(Self::Linear), "VideoClicks" | "AdInteractions") => Self::Clicks,
            (Some(Self::Clicks), "ClickThrough") => Self::ClickThrough,
            (Some(Self::NonLinearAds), "NonLinear") => Self::NonLinear,
            (Some(Self::CompanionAds), "Companion") => Self::Companion,
            (Some(Self::NonLinear), "NonLinearClickThrough") => Self::OtherThrough("NonLinearClickTracking"),
            (Some(Self::Companion), "CompanionClickThrough") => Self::OtherThrough("CompanionClickTracking"),
            _ => Self::Other,
        }
    }
}

/// `HH:MM:SS.mmm`.
pub(super) fn offset(ms: u32) -> String {
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, ms % 1_000)
}

/// Milliseconds of `HH:MM:SS` or `HH:MM:SS.mmm`.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':').map(|part| part.parse::<u64>().ok().filter(|_| part.len() <= 4));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && !fraction.is_empty();
    let ms = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok().filter(|_| digits && parts.next().is_none())?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms)
}
