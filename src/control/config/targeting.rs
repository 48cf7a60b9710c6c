//! Targeting as `deals.toml` writes it: the same keys in a deal, which include, and in its `exclude`, which exclude.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::deals::chosen;
use super::diagnostic::{At, Place};
use super::names::{city, country, format, id, language, named_text, operating_system, region, wire};
use super::rate_card::PlacementRef;
use super::reader::{Table, Wrong};
use super::units::{days, hours, size};
use super::{choice, values};
use crate::market::few::Few;
use crate::market::supply::{Format, Size};
use crate::market::targeting::{
    self as market, Clause, Conditions, Connection, Dayparts, DeviceType, Dimension, Listed, Segment, Sizes,
};

/// The keys of either side.
pub(super) const KEYS: &[&str] = &[
    "media",
    "properties",
    "placements",
    "formats",
    "sizes",
    "hours",
    "dayparts",
    "countries",
    "regions",
    "cities",
    "device_types",
    "operating_systems",
    "makes",
    "carriers",
    "connections",
    "segments",
    "languages",
];

/// A property as deals name it: `{ media = …, id = … }`.
pub(super) struct PropertyRef {
    pub(super) media: At<String>,
    pub(super) id: At<String>,
}

/// A segment and what it says about people, which R-SENSITIVE judges.
pub(super) struct SegmentRef {
    pub(super) segment: Segment,
    pub(super) label: At<String>,
}

/// What one side lists; an empty list is one that was left out.
#[derive(Default)]
pub(super) struct Side {
    pub(super) media: Vec<At<String>>,
    pub(super) properties: Vec<At<PropertyRef>>,
    pub(super) placements: Vec<At<PlacementRef>>,
    pub(super) formats: Vec<At<Format>>,
    pub(super) sizes: Vec<At<Size>>,
    pub(super) dayparts: Option<At<Dayparts>>,
    pub(super) segments: Vec<At<SegmentRef>>,
    /// All but segments.
    pub(super) listed: Vec<At<Listed>>,
}

impl Side {
    /// Whether no part of the supply is named.
    pub(super) fn has_no_place(&self) -> bool {
        self.media.is_empty() && self.properties.is_empty() && self.placements.is_empty()
    }

    /// Every dimension that it lists.
    pub(super) fn all_listed(&self) -> impl Iterator<Item = Listed> + '_ {
        let segments: BTreeSet<_> = self.segments.iter().map(|it| it.value.segment.clone()).collect();
        let segments = (!segments.is_empty()).then(|| Listed::Segments(segments.into_iter().collect()));
        self.listed.iter().map(|listed| listed.value.clone()).chain(segments)
    }

    /// Reads one side; `None` when something of it was refused.
    pub(super) fn read(table: Table<'_>) -> Option<Self> {
        let media = chosen(table, "media", table.list("media", id));
        let properties = table.tables("properties", &["media", "id"], |table| {
            let media = table.required_at("media", id);
            let id = table.required_at("id", id);
            Some(PropertyRef { media: media?, id: id? })
        });
        let properties = chosen(table, "properties", properties);
        let placements = table.tables("placements", PlacementRef::KEYS, PlacementRef::read);
        let placements = chosen(table, "placements", placements);
        let formats = chosen(table, "formats", table.list("formats", format));
        let sizes = chosen(table, "sizes", table.list("sizes", size));
        let dayparts = dayparts(table);
        let segments = chosen(table, "segments", table.tables("segments", &["provider", "id", "label"], segment));
        let mut listed = Some(Vec::new());
        let mut add = |item: Option<Option<At<Listed>>>| match (item, &mut listed) {
            (Some(item), Some(all)) => all.extend(item),
            _ => listed = None,
        };
        for dimension in Dimension::ALL {
            add(list(table, dimension.key(), text_of(dimension), |texts| Listed::Texts(dimension, texts)));
        }
        add(list(table, "device_types", choice(&DeviceType::ALL), Listed::DeviceTypes));
        add(list(table, "connections", choice(&Connection::ALL), Listed::Connections));
        add(list(table, "operating_systems", operating_system, Listed::OperatingSystems));
        Some(Self {
            media: media?,
            properties: properties?,
            placements: placements?,
            formats: formats?,
            sizes: sizes?,
            dayparts: dayparts?,
            segments: segments?,
            listed: listed?,
        })
    }
}

/// What both sides mean together, in one form for all that mean the same.
pub(super) fn conditions(include: &Side, exclude: &Side, excluded_places: Few<market::Place>) -> Conditions {
    let dayparts = week_of(include, exclude);
    let mut clauses: Vec<_> = [(false, include), (true, exclude)]
        .into_iter()
        .flat_map(|(exclude, side)| side.all_listed().map(move |listed| Clause { exclude, listed }))
        .collect();
    clauses.sort_unstable();
    Conditions { excluded_places, sizes: sizes(include, exclude), dayparts, clauses: clauses.into() }
}

/// The hours of a week that are left.
pub(super) fn week_of(include: &Side, exclude: &Side) -> Dayparts {
    let week = |side: &Side| side.dayparts.map(|hours| hours.value);
    week(include).unwrap_or(Dayparts::ALL).without(week(exclude).unwrap_or(Dayparts::NONE))
}

fn sizes(include: &Side, exclude: &Side) -> Sizes {
    let list = |side: &Side| side.sizes.iter().map(|size| size.value).collect::<BTreeSet<_>>();
    let (only, except) = (list(include), list(exclude));
    match (only.is_empty(), except.is_empty()) {
        (true, true) => Sizes::Any,
        (true, false) => Sizes::Except(except.into_iter().collect()),
        (false, _) => Sizes::Only(only.difference(&except).copied().collect()),
    }
}

/// A list of one dimension, sorted and without repetitions, so that deals that mean the same are the same.
fn list<T: Ord>(
    table: Table<'_>,
    key: &str,
    read: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    make: impl FnOnce(Box<[T]>) -> Listed,
) -> Option<Option<At<Listed>>> {
    let mut items = values(chosen(table, key, table.list(key, read))?);
    if items.is_empty() {
        return Some(None);
    }
    items.sort_unstable();
    items.dedup();
    Some(Some(At { value: make(items.into()), place: table.place_of(key) }))
}

type ReadText = fn(&DeValue<'_>) -> Result<Box<str>, Wrong>;

fn text_of(dimension: Dimension) -> ReadText {
    match dimension {
        Dimension::Country => country,
        Dimension::Region => region,
        Dimension::City => city,
        Dimension::Make | Dimension::Carrier => named_text,
        Dimension::Language => language,
    }
}

fn segment(table: Table<'_>) -> Option<SegmentRef> {
    let provider = table.required("provider", id);
    let id = table.required("id", wire);
    let label = table.required_at("label", super::names::label);
    Some(SegmentRef { segment: Segment { provider: provider?.into(), id: id?.into() }, label: label? })
}

/// `hours` of every day, or `dayparts`: days with their hours.
fn dayparts(table: Table<'_>) -> Option<Option<At<Dayparts>>> {
    let report = table.report();
    let every_day = chosen(table, "hours", table.list("hours", hours));
    let parts = table.tables("dayparts", &["days", "hours"], |table| {
        let days = chosen(table, "days", table.list("days", days));
        let hours = chosen(table, "hours", table.list("hours", hours));
        let (days, hours) = (union(&days?, 0x7f), union(&hours?, 0xff_ffff));
        let mut week = Dayparts::NONE;
        for (day, bits) in week.0.iter_mut().enumerate() {
            *bits = if days >> day & 1 == 1 { hours } else { 0 };
        }
        Some(week)
    });
    let parts = chosen(table, "dayparts", parts);
    let (every_day, parts) = (every_day?, parts?);
    let place: Place = match (every_day.first(), parts.first()) {
        (Some(_), Some(part)) => {
            report.error(part.place, "`dayparts` and `hours` exclude each other; write the hours into `dayparts`");
            return None;
        }
        (Some(hours), None) => hours.place,
        (None, Some(part)) => part.place,
        (None, None) => return Some(None),
    };
    let week = Dayparts([union(&every_day, 0); 7]);
    Some(Some(At { value: parts.iter().fold(week, |week, part| week.with(part.value)), place }))
}

/// The bits of all items; `none` where there is none.
fn union(items: &[At<u32>], none: u32) -> u32 {
    if items.is_empty() { none } else { items.iter().fold(0, |bits, item| bits | item.value) }
}
