//! Where, when and to whom a deal applies, as it was agreed. `market::index` turns it into integers for the hot path.
//!
//! Every dimension may include and exclude. What a request does not say matches no inclusion and every exclusion.

use std::sync::Arc;

use super::few::Few;
use super::supply::{Formats, Size};
use crate::clock::UnixMillis;
use crate::ids::{MediaId, PlacementId, PropertyId};

/// A part of the supply that a deal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// All of a media.
    Media(MediaId),
    /// One app, site or set of screens.
    Property(PropertyId),
    /// One placement.
    Placement(PlacementId),
}

/// Where a deal applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targeting {
    /// On which supply; never empty, and no place is within another.
    pub places: Few<Place>,
    /// In which formats, exclusions taken off.
    pub formats: Formats,
    /// Further conditions; `None`: none. Deals with the same ones share them.
    pub conditions: Option<Arc<Conditions>>,
}

impl Targeting {
    /// Whether an ad of that size may be shown under the deal.
    #[must_use]
    pub fn takes_size(&self, size: Size) -> bool {
        self.conditions.as_ref().is_none_or(|conditions| conditions.sizes.take(size))
    }
}

/// What narrows a deal beside its places and formats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// Places within the deal's that it does not run on.
    pub excluded_places: Few<Place>,
    /// Which sizes it takes.
    pub sizes: Sizes,
    /// When it runs.
    pub dayparts: Dayparts,
    /// What a request must and must not be: all of them hold.
    pub clauses: Box<[Clause]>,
}

/// Which sizes of ads a deal takes. An imp matches that takes one of them; an imp without sizes matches exclusions only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sizes {
    /// All.
    #[default]
    Any,
    /// These; never empty.
    Only(Box<[Size]>),
    /// All but these.
    Except(Box<[Size]>),
}

impl Sizes {
    /// Whether a size is taken.
    #[must_use]
    pub fn take(&self, size: Size) -> bool {
        match self {
            Self::Any => true,
            Self::Only(sizes) => sizes.contains(&size),
            Self::Except(sizes) => !sizes.contains(&size),
        }
    }
}

/// The hours of a week in Shanghai on which a deal runs: one bit an hour, one word a day, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dayparts(pub [u32; 7]);

impl Dayparts {
    const DAY: u32 = 0xff_ffff;
    /// The whole week.
    pub const ALL: Self = Self([Self::DAY; 7]);
    /// Never.
    pub const NONE: Self = Self([0; 7]);

    /// Whether a moment is within them.
    #[must_use]
    pub fn include(&self, at: UnixMillis) -> bool {
        let hour = at.shanghai_time_of_day_ms() / 3_600_000;
        let day = usize::from(at.shanghai_day().weekday());
        self.0.get(day).is_some_and(|hours| hours >> hour & 1 == 1)
    }

    /// The hours that are in neither.
    #[must_use]
    pub fn without(&self, other: Self) -> Self {
        let mut days = self.0;
        days.iter_mut().zip(other.0).for_each(|(hours, other)| *hours &= !other);
        Self(days)
    }

    /// The hours that are in one of them.
    #[must_use]
    pub fn with(&self, other: Self) -> Self {
        let mut days = self.0;
        days.iter_mut().zip(other.0).for_each(|(hours, other)| *hours |= other);
        Self(days)
    }

    /// Whether there is no hour.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 7]
    }
}

impl Default for Dayparts {
    fn default() -> Self {
        Self::ALL
    }
}

/// One thing that a request must be, or must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause {
    /// Whether what is listed is excluded.
    pub exclude: bool,
    /// What is listed; never empty.
    pub listed: Listed,
}

/// The values of one dimension. Texts compare without ASCII case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listed {
    /// A dimension whose values are plain texts.
    Texts(Dimension, Box<[Box<str>]>),
    /// Kinds of devices.
    DeviceTypes(Box<[DeviceType]>),
    /// Kinds of connections.
    Connections(Box<[Connection]>),
    /// Operating systems, from a version on or any.
    OperatingSystems(Box<[OperatingSystem]>),
    /// Audience segments; used with consent only (R-CONSENT, R-SENSITIVE).
    Segments(Box<[Segment]>),
}

impl Listed {
    /// Its name in config.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Texts(dimension, _) => dimension.key(),
            Self::DeviceTypes(_) => "device_types",
            Self::Connections(_) => "connections",
            Self::OperatingSystems(_) => "operating_systems",
            Self::Segments(_) => "segments",
        }
    }

    /// Its values as config writes them; a segment as `provider/id`.
    #[must_use]
    pub fn to_texts(&self) -> Vec<String> {
        match self {
            Self::Texts(_, texts) => texts.iter().map(ToString::to_string).collect(),
            Self::DeviceTypes(kinds) => named(&DeviceType::ALL, kinds),
            Self::Connections(kinds) => named(&Connection::ALL, kinds),
            Self::OperatingSystems(systems) => systems.iter().map(ToString::to_string).collect(),
            Self::Segments(segments) => segments.iter().map(|it| format!("{}/{}", it.provider, it.id)).collect(),
        }
    }
}

fn named<T: PartialEq>(all: &[(&'static str, T)], listed: &[T]) -> Vec<String> {
    all.iter().filter(|(_, kind)| listed.contains(kind)).map(|(name, _)| (*name).to_owned()).collect()
}

/// The dimensions whose values are plain texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Dimension {
    /// `geo.country`, ISO 3166-1 alpha-3.
    Country,
    /// `geo.region`, ISO 3166-2.
    Region,
    /// `geo.city`.
    City,
    /// `device.make`.
    Make,
    /// `device.carrier`, or `device.mccmnc` as `460-00`.
    Carrier,
    /// `device.language`, ISO 639-1.
    Language,
}

impl Dimension {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Country, Self::Region, Self::City, Self::Make, Self::Carrier, Self::Language];

    /// Its name in config.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Country => "countries",
            Self::Region => "regions",
            Self::City => "cities",
            Self::Make => "makes",
            Self::Carrier => "carriers",
            Self::Language => "languages",
        }
    }
}

/// A kind of device (OpenRTB 2.6 §3.2.18 `devicetype`; AdCOM 1.0 list). The discriminants are the list's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DeviceType {
    /// A phone or a tablet: as a target, both and what says no more.
    MobileOrTablet = 1,
    /// A personal computer.
    Pc = 2,
    /// A connected TV.
    ConnectedTv = 3,
    /// A phone.
    Phone = 4,
    /// A tablet.
    Tablet = 5,
    /// Another connected device.
    ConnectedDevice = 6,
    /// A set-top box.
    SetTopBox = 7,
    /// A public screen.
    OutOfHome = 8,
}

impl DeviceType {
    /// Every kind with its name in config.
    pub const ALL: [(&'static str, Self); 8] = [
        ("mobile_or_tablet", Self::MobileOrTablet),
        ("pc", Self::Pc),
        ("connected_tv", Self::ConnectedTv),
        ("phone", Self::Phone),
        ("tablet", Self::Tablet),
        ("connected_device", Self::ConnectedDevice),
        ("set_top_box", Self::SetTopBox),
        ("out_of_home", Self::OutOfHome),
    ];

    /// Whether a device of which a request says `devicetype` is one of these.
    #[must_use]
    pub const fn covers(self, devicetype: i32) -> bool {
        self as i32 == devicetype || (self as u8 == Self::MobileOrTablet as u8 && matches!(devicetype, 4 | 5))
    }
}

/// A kind of connection (OpenRTB 2.6 §3.2.18 `connectiontype`; AdCOM 1.0 list). The discriminants are the list's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Connection {
    /// Wired.
    Ethernet = 1,
    /// Wi-Fi.
    Wifi = 2,
    /// Cellular: as a target, every generation and what says no more.
    Cellular = 3,
    /// 2G.
    Cellular2g = 4,
    /// 3G.
    Cellular3g = 5,
    /// 4G.
    Cellular4g = 6,
    /// 5G.
    Cellular5g = 7,
}

impl Connection {
    /// Every kind with its name in config.
    pub const ALL: [(&'static str, Self); 7] = [
        ("ethernet", Self::Ethernet),
        ("wifi", Self::Wifi),
        ("cellular", Self::Cellular),
        ("2g", Self::Cellular2g),
        ("3g", Self::Cellular3g),
        ("4g", Self::Cellular4g),
        ("5g", Self::Cellular5g),
    ];

    /// Whether a connection of which a request says `connectiontype` is one of these.
    #[must_use]
    pub const fn covers(self, connectiontype: i32) -> bool {
        self as i32 == connectiontype || (self as u8 == Self::Cellular as u8 && matches!(connectiontype, 4..=7))
    }
}

/// An operating system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatingSystem {
    /// Its name, lower case.
    pub name: Box<str>,
    /// The lowest version; `None`: any, also an unknown one.
    pub least: Option<Version>,
}

impl std::fmt::Display for OperatingSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        self.least.iter().try_for_each(|least| write!(f, ">={least}"))
    }
}

/// A version: up to four numbers of 16 bits, the first counts most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// Reads what a device says, such as `15.1`, `15_1_1` or `13.0 beta`: leading numbers count, what follows does not. `None` without one.
    #[must_use]
    pub fn of_device(text: &str) -> Option<Self> {
        let mut version = 0;
        let mut read = 0;
        let mut rest = text.trim_start();
        while read < 4 {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Some(number) = rest.get(..digits).filter(|it| !it.is_empty()) else { break };
            version = version << 16 | number.parse::<u64>().unwrap_or(u64::MAX).min(0xffff);
            read += 1;
            match rest.get(digits..).and_then(|rest| rest.strip_prefix(['.', '_'])) {
                Some(after) => rest = after,
                None => break,
            }
        }
        (read > 0).then(|| Self(version << (16 * (4 - read))))
    }

    /// Reads one to four numbers between points.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = 0;
        for part in text.split('.') {
            parts += 1;
            if part.is_empty() || part.len() > 5 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            part.parse::<u16>().ok()?;
        }
        if parts > 4 { None } else { Self::of_device(text) }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |index: u64| self.0 >> (16 * (3 - index)) & 0xffff;
        let last = (1..4).rev().find(|index| part(*index) > 0).unwrap_or(0);
        write!(f, "{}", part(0))?;
        (1..=last).try_for_each(|index| write!(f, ".{}", part(index)))
    }
}

/// A segment of a data provider (OpenRTB 2.6 §3.2.21, §3.2.22).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// `user.data.id`.
    pub provider: Box<str>,
    /// `user.data.segment.id`.
    pub id: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShanghaiDay;

    #[test]
    fn dayparts_are_those_of_shanghai() {
        let mut hours = Dayparts::NONE;
        let day = ShanghaiDay(20_000);
        hours.0[usize::from(day.weekday())] = 1 << 20;
        let eight_in_the_evening = day.starts_at().plus_ms(20 * 3_600_000);
        assert!(hours.include(eight_in_the_evening));
        assert!(!hours.include(UnixMillis(eight_in_the_evening.0 - 1)));
        assert!(!hours.include(eight_in_the_evening.plus_ms(86_400_000)), "another day of the week");
        assert!(hours.include(eight_in_the_evening.plus_ms(7 * 86_400_000)));
        assert!(!Dayparts::ALL.without(hours).include(eight_in_the_evening));
    }

    #[test]
    fn versions_order_by_their_numbers() {
        let read = |text| Version::of_device(text);
        assert!(read("9.3") < read("10") && read("15.1") < read("15.10") && read("15") == read("15.0.0"));
        assert_eq!(read("15_1_1"), Version::parse("15.1.1"));
        assert_eq!(read("13.0 beta"), Version::parse("13"));
        assert_eq!([read("beta"), read("")], [None, None]);
        assert_eq!(Version::parse("15.0.2").unwrap().to_string(), "15.0.2");
        assert_eq!(Version::parse("15").unwrap().to_string(), "15");
        for text in ["", "15.", "1.2.3.4.5", "65536", "x", "-1"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn general_kinds_cover_their_particular_ones() {
        assert!(DeviceType::MobileOrTablet.covers(4) && DeviceType::MobileOrTablet.covers(1));
        assert!(!DeviceType::Phone.covers(1) && !DeviceType::Phone.covers(5));
        assert!(Connection::Cellular.covers(7) && Connection::Cellular.covers(3) && !Connection::Cellular.covers(2));
        assert!(!Connection::Cellular5g.covers(3));
    }
}
