//! `creatives.toml`: creatives with their review state (R-REVIEW).

use super::diagnostic::{At, File, Report};
use super::names::{account, category, format, id, markup, page, wire};
use super::reader::{Register, Table, read_parts};
use super::units::{seconds, size, small};
use super::{choice, values};
use crate::ids::CreativeVersion;
use crate::market::demand::CreativeState;
use crate::market::supply::{Format, Size};

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
    "landing_page",
    "markup",
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
    pub(super) landing_page: String,
    pub(super) markup: Option<String>,
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
    let landing_page = table.required("landing_page", page);
    let markup = table.optional("markup", markup);

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
            landing_page: landing_page?,
            markup: markup?,
        })
    })();
    creatives.add(name, entry, report);
}
