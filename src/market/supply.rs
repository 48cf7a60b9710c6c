//! Media and their placements.

use std::sync::Arc;

use crate::clock::ShanghaiDay;
use crate::ids::{AdvertiserId, MediaId, PlacementId, PropertyId};
use crate::money::{CpmMicroYuan, Currency, Margin};

use super::demand::Advertiser;
use super::targeting::Place;
pub use super::traffic::TrafficCurve;

/// What a media is, and what its requests carry (OpenRTB 2.6 §3.2.1: one of `app`, `site`, `dooh`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// An app.
    App,
    /// A web site.
    Site,
    /// Screens in public places (OpenRTB 2.6 §3.2.32).
    Dooh,
}

impl MediaKind {
    /// Formats whose markup bills where a placement does not say: on a site all; in an app what a player or an SDK renders by
    /// events, but no banner, which may be loaded long before it is shown; on screens none, whose owner tells what was played.
    #[must_use]
    pub const fn beacons(self) -> Formats {
        match self {
            Self::Site => Formats::ALL,
            Self::App => Formats::ALL.without(Formats::NONE.with(Format::Banner)),
            Self::Dooh => Formats::NONE,
        }
    }
}

/// A media: an app or site owner who sends requests and is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// Its id on the wire and in config.
    pub wire: String,
    /// Its name.
    pub name: String,
    /// App, site or screens; its properties may differ.
    pub kind: MediaKind,
    /// The exchange's margin on its gross prices (R-SHARE).
    pub margin: Margin,
    /// Since when its contract asserts its users' consent; `None`: never (R-CONSENT).
    pub consent_since: Option<ShanghaiDay>,
    /// What its contract keeps from it (R-CATEGORY); what it prohibits itself stands beside, in the [`Market`](super::Market).
    pub prohibited: Prohibitions,
    /// Whether it shows content that has passed the automatic checks before a person has seen it, where a deal may serve it (R-REVIEW).
    pub takes_unreviewed: bool,
    /// The categories among it as its contract names them: `prohibited` has those of its industries too.
    pub prohibited_categories: Vec<String>,
    /// The advertisers among it as its contract names them, `ACCOUNT/ADVERTISER`: some may not be registered yet.
    pub prohibited_advertisers: Vec<String>,
    /// Whether a no-bid is answered as 200 with `{"id","nbr"}` instead of 204.
    pub no_bid_body: bool,
    /// What a request of it without `tmax` gets, ms.
    pub default_tmax_ms: u32,
    /// What it is told prices in when a request says no `cur`.
    pub currency: Currency,
    /// Whether all its traffic is stopped.
    pub suspended: bool,
}

/// What a media never shows (R-CATEGORY).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prohibitions {
    /// Categories, those of the industries among them; a category includes its children.
    pub categories: Vec<String>,
    /// Industries, by their ids: advertisers that name one are of it whatever their category.
    pub industries: Vec<String>,
    /// Advertisers' domains, with their subdomains, lower case.
    pub domains: Vec<String>,
    /// Advertisers.
    pub advertisers: Vec<AdvertiserId>,
    /// Creative attributes (AdCOM 1.0, list Creative Attributes).
    pub attributes: Vec<i32>,
}

impl Prohibitions {
    /// Nothing.
    pub const NONE: &Self = &Self {
        categories: Vec::new(),
        industries: Vec::new(),
        domains: Vec::new(),
        advertisers: Vec::new(),
        attributes: Vec::new(),
    };

    /// Whether a category is one of them, or within one.
    #[must_use]
    pub fn has_category(&self, given: &str) -> bool {
        self.categories.iter().any(|banned| within_category(given, banned))
    }

    /// Whether one of these industries, which an advertiser names, is one of them.
    #[must_use]
    pub fn has_industry(&self, named: &[String]) -> bool {
        named.iter().any(|industry| self.industries.contains(industry))
    }

    /// Whether ads of an advertiser are never shown (R-CATEGORY), whatever they are.
    #[must_use]
    pub fn bans(&self, advertiser: &Advertiser) -> bool {
        self.advertisers.contains(&advertiser.id)
            || self.has_industry(&advertiser.industries)
            || advertiser.domains.iter().any(|domain| self.has_domain(domain))
    }

    /// Whether a domain is one of them, or within one.
    #[must_use]
    pub fn has_domain(&self, given: &str) -> bool {
        self.domains.iter().any(|banned| within_domain(given, banned))
    }
}

/// An app, a site or a set of screens of a media. A media that lists none is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its id.
    pub id: PropertyId,
    /// Whose it is.
    pub media: MediaId,
    /// Its id in config.
    pub wire: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: MediaKind,
    /// What the world knows it by: an app's bundle, a site's or a screen owner's domain; `None` where the media did not say.
    pub address: Option<String>,
}

/// Whether `given` is `parent` or one of its children: `IAB7-39` is within `IAB7`.
#[must_use]
pub fn within_category(given: &str, parent: &str) -> bool {
    given.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether `given` is `parent` or a subdomain of it; ASCII case does not matter.
#[must_use]
pub fn within_domain(given: &str, parent: &str) -> bool {
    let Some(start) = given.len().checked_sub(parent.len()) else { return false };
    given.is_char_boundary(start)
        && given[start..].eq_ignore_ascii_case(parent)
        && (start == 0 || given.as_bytes()[start - 1] == b'.')
}

/// A media's key for its requests: `Authorization: Bearer KEYID.SECRET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaKey {
    /// The public part.
    pub key_id: String,
    /// SHA-256 of the secret part.
    pub sha256: [u8; 32],
    /// Whose it is.
    pub media: MediaId,
}

/// A kind of ad. The discriminants are bits of [`Formats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Format {
    /// OpenRTB 2.6 §3.2.6.
    Banner = 1,
    /// OpenRTB 2.6 §3.2.7.
    Video = 2,
    /// OpenRTB 2.6 §3.2.8.
    Audio = 4,
    /// OpenRTB 2.6 §3.2.9.
    Native = 8,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Banner, Self::Video, Self::Audio, Self::Native];

    /// Its name in config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Native => "native",
        }
    }

    /// Its `mtype` (OpenRTB 2.6 §4.2.3).
    #[must_use]
    pub const fn mtype(self) -> i32 {
        match self {
            Self::Banner => 1,
            Self::Video => 2,
            Self::Audio => 3,
            Self::Native => 4,
        }
    }
}

/// A set of formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Formats(u8);

impl Formats {
    /// All four.
    pub const ALL: Self = Self(15);
    /// None.
    pub const NONE: Self = Self(0);

    /// With one more.
    #[must_use]
    pub const fn with(self, format: Format) -> Self {
        Self(self.0 | format as u8)
    }

    /// Those in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a format is in it.
    #[must_use]
    pub const fn has(self, format: Format) -> bool {
        self.0 & format as u8 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Format> for Formats {
    fn from_iter<T: IntoIterator<Item = Format>>(formats: T) -> Self {
        formats.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A size in device-independent pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// Width.
    pub w: u16,
    /// Height.
    pub h: u16,
}

/// A place of a media where ads are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its id.
    pub id: PlacementId,
    /// Whose it is.
    pub media: MediaId,
    /// The app, site or screens that it is part of.
    pub property: PropertyId,
    /// What the media calls it: `imp.tagid`.
    pub tagid: String,
    /// What can be shown there.
    pub formats: Formats,
    /// Sizes that fit; empty: any.
    pub sizes: Vec<Size>,
    /// How long a display must last to count, ms; 0: no minimum (R-DISPLAY).
    pub minimum_display_ms: u32,
    /// Formats whose markup carries the beacon that bills them; the others are billed by the media's notice alone (interfaces.md,
    /// "Where the billable moment lies").
    pub beacons: Formats,
    /// How long a charge of it can be billed, ms.
    pub token_life_ms: u64,
    /// Forecast impressions a day that may be reserved (R-INVENTORY).
    pub daily_capacity: u64,
    /// How its traffic spreads over the day.
    pub traffic: Arc<TrafficCurve>,
    /// Whether an ad pod shows one ad of an advertiser at most (竞品隔离).
    pub competitive_separation: bool,
    /// The rate card: each price from its day on, ascending (R-RATE).
    pub card: Vec<(ShanghaiDay, CpmMicroYuan)>,
}

impl Placement {
    /// What deals can name to reach it: itself, its property, its media.
    #[must_use]
    pub fn places(&self) -> [Place; 3] {
        [Place::Placement(self.id), Place::Property(self.property), Place::Media(self.media)]
    }

    /// The card's price on a day; `None` before the first card.
    #[must_use]
    pub fn card_on(&self, day: ShanghaiDay) -> Option<CpmMicroYuan> {
        self.card.iter().rev().find(|(from, _)| *from <= day).map(|(_, price)| *price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_category_a_parent_covers_its_children_and_no_namesake() {
        assert!(within_category("IAB7-39", "IAB7-39") && within_category("IAB7-39", "IAB7"));
        assert!(!within_category("IAB70", "IAB7") && !within_category("IAB7", "IAB7-39"));
    }

    /// By its id, an industry that it names, or any of its domains; its category is asked beside, with the creative's.
    #[test]
    fn r_category_an_advertiser_is_banned_by_what_it_is() {
        let advertiser = Advertiser {
            id: AdvertiserId(7),
            buyer: crate::ids::BuyerId(1),
            wire: "baikang".to_owned(),
            name: String::new(),
            source: String::new(),
            domains: vec!["a.example".to_owned(), "shop.b.example".to_owned()],
            category: "IAB7".to_owned(),
            industries: vec!["medicine".to_owned()],
            qualified_until: None,
        };
        let none = || Prohibitions::NONE.clone();
        for (bans, prohibitions) in [
            (false, none()),
            (true, Prohibitions { advertisers: vec![AdvertiserId(7)], ..none() }),
            (false, Prohibitions { advertisers: vec![AdvertiserId(8)], ..none() }),
            (true, Prohibitions { industries: vec!["medicine".to_owned()], ..none() }),
            (false, Prohibitions { industries: vec!["games".to_owned()], ..none() }),
            (true, Prohibitions { domains: vec!["b.example".to_owned()], ..none() }),
            (false, Prohibitions { categories: vec!["IAB7".to_owned()], ..none() }),
        ] {
            assert_eq!(prohibitions.bans(&advertiser), bans, "{prohibitions:?}");
        }
    }

    #[test]
    fn r_category_a_domain_covers_its_subdomains_and_no_namesake() {
        assert!(
            within_domain("a.lottery.example", "lottery.example")
                && within_domain("LOTTERY.example", "lottery.example")
        );
        assert!(
            !within_domain("notlottery.example", "lottery.example") && !within_domain("example", "lottery.example")
        );
    }
}
