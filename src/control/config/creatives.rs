//! `creatives.toml`: creatives with their review state (R-REVIEW).

use toml::de::DeValue;

use super::diagnostic::{At, File, Report};
use super::names::{account, category, format, id, markup, monitor_url, page, wire};
use super::reader::{Register, Table, Wrong, read_parts};
use super::units::{seconds, size, small};
use super::{choice, values};
use crate::ids::CreativeVersion;
use crate::market::demand::CreativeState;
use crate::market::supply::{Format, Size};
use crate::markup::{self, Display, Unfit};

const KEYS: &[&str] = &[
    "crid",
    "account",
    "advertiser",
    "version",
    "state",
    "format",
    "sizes",
    "duration",
    "categories",
    "attributes",
    "landing_page",
    "markup",
    "monitors",
];
const STATES: &[(&str, CreativeState)] = &[
    ("draft", CreativeState::Draft),
    ("checking", CreativeState::Checking),
    ("pending_review", CreativeState::PendingReview),
    ("approved", CreativeState::Approved),
    ("rejected", CreativeState::Rejected),
    ("suspended", CreativeState::Suspended),
    ("expired", CreativeState::Expired),
];

/// Each is a request by the user's browser.
const MOST_MONITORS: usize = 4;

pub(super) struct CreativeEntry {
    pub(super) account: At<String>,
    pub(super) crid: String,
    pub(super) advertiser: At<String>,
    pub(super) version: CreativeVersion,
    pub(super) state: CreativeState,
    pub(super) format: Format,
    pub(super) sizes: Vec<Size>,
    pub(super) duration_s: Option<u32>,
    pub(super) categories: Vec<String>,
    /// `None`: not said.
    pub(super) attributes: Option<Vec<i32>>,
    pub(super) landing_page: String,
    pub(super) markup: Option<String>,
    pub(super) monitors: Option<Box<MonitorEntry>>,
}

/// URLs of monitors, each with its line.
pub(super) struct MonitorEntry {
    pub(super) impression: Vec<At<String>>,
    pub(super) click: Vec<At<String>>,
}

/// By `account/crid`.
pub(super) fn read(text: &str, report: &Report) -> Register<CreativeEntry> {
    let made = || Register::new("creative");
    let read =
        read_parts(File::Creatives, text, "creative", &["schema", "creative"], report, made, |creatives, table| {
            if !table.each("creative", KEYS, |table| creative(table, creatives)) {
                creatives.is_incomplete();
            }
        });
    read.unwrap_or_else(|| Register::unread("creative"))
}

fn creative(table: Table<'_>, creatives: &mut Register<CreativeEntry>) {
    let report = table.report();
    let crid = table.required_at("crid", wire);
    let account = table.required_at("account", account);
    let advertiser = table.required_at("advertiser", id);
    let version = table.required("version", small(1_u16, u16::MAX));
    let state = table.required("state", choice(STATES));
    let format = table.required("format", format);
    let sizes = table.list("sizes", size);
    let duration = table.optional_at("duration", seconds);
    let categories = table.list("categories", category);
    let attributes = table.list("attributes", attribute).map(|list| table.has("attributes").then(|| values(list)));
    let landing_page = table.required("landing_page", page);
    let markup = table.optional_at("markup", markup);
    let monitors = monitors(table);
    if let (Some(format), Some(Some(markup))) = (format, &markup) {
        readable(format, markup, report);
    }

    let timed = matches!(format, Some(Format::Video | Format::Audio));
    let sized = matches!(format, Some(Format::Video | Format::Banner));
    if let (Some(format), Some(duration)) = (format, &duration) {
        match duration {
            None if timed => report.error(table.place, format!("`duration` is missing: a {} has one", format.name())),
            Some(given) if !timed => report.error(given.place, format!("`duration`: a {} has none", format.name())),
            _ => {}
        }
    }
    if let (Some(format), Some(sizes)) = (format, &sizes)
        && sizes.is_empty() == sized
    {
        let must = if sized { "needs at least one" } else { "has none" };
        report.error(table.place_of("sizes"), format!("`sizes`: a {} {must}", format.name()));
    }
    let name = account
        .as_ref()
        .zip(crid.as_ref())
        .map(|(account, crid)| At { value: format!("{}/{}", account.value, crid.value), place: crid.place });
    let entry = (|| {
        Some(CreativeEntry {
            account: account?,
            crid: crid?.value,
            advertiser: advertiser?,
            version: CreativeVersion(version?),
            state: state?,
            format: format?,
            sizes: values(sizes?),
            duration_s: duration?.map(|duration| duration.value),
            categories: values(categories?),
            attributes: attributes?,
            landing_page: landing_page?,
            markup: markup?.map(|markup| markup.value),
            monitors: monitors?,
        })
    })();
    creatives.add(name, entry, report);
}

/// A creative attribute (AdCOM 1.0, list Creative Attributes; own ones from 500).
pub(super) fn attribute(value: &DeValue<'_>) -> Result<i32, Wrong> {
    small(1_u16, 9_999)(value).map(i32::from)
}

fn monitors(table: Table<'_>) -> Option<Option<Box<MonitorEntry>>> {
    let Some(section) = table.optional_section("monitors", &["impression", "click"])? else { return Some(None) };
    let (impression, click) = (section.list("impression", monitor_url), section.list("click", monitor_url));
    let (impression, click) = (impression?, click?);
    let most = |list: &[At<String>]| list.len() <= MOST_MONITORS;
    if !most(&impression) || !most(&click) {
        table.report().error(section.place, format!("`monitors`: at most {MOST_MONITORS} of each kind"));
        return None;
    }
    let empty = impression.is_empty() && click.is_empty();
    Some((!empty).then(|| Box::new(MonitorEntry { impression, click })))
}

/// R-FALLBACK: what nobody can read is never shown, and that is better known now.
fn readable(format: Format, markup: &At<String>, report: &Report) {
    let anywhere = Display { format, beacon: true, minimum_ms: 0, duration_ms: None, size: None, native: None };
    let wrong = match markup::check(&markup.value, &anywhere) {
        Ok(()) => return,
        Err(Unfit::Malformed) if format == Format::Native => "is no native ad with a link",
        Err(Unfit::Malformed) => "is no well-formed VAST or DAAST document",
        Err(Unfit::Unbillable | Unfit::TooShort) => "has no ad in it",
    };
    report.error(markup.place, format!("`markup` {wrong} (R-FALLBACK)"));
}
