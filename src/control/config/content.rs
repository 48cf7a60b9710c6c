//! `content.toml`: documents by industry, reasons of a review, trackers, spot checks and bounds (R-QUALIFY, R-SCOPE, R-REVIEW). Optional: what
//! it leaves out is as in `content/usual.toml`, which is compiled in.

use std::collections::HashSet;

use toml::de::DeValue;

use super::diagnostic::{At, File, Report};
use super::names::{category, host, id, label};
use super::reader::{Table, Wrong, read_file};
use super::units::{bytes, flag, percent, small, text};
use super::values;
use crate::event::LARGEST_BLOB;
use crate::market::figures::BasisPoints;
use crate::market::policy::content::{
    ContentTerms, DocumentKind, Industry, LONGEST_NUMBER, Limits, Name, Reason, SpotChecks,
};

const USUAL: &str = include_str!("content/usual.toml");

const KEYS: &[&str] =
    &["schema", "document", "industry", "reason", "trackers", "expiry", "accounts", "spot_checks", "limits"];
const DOCUMENT_KEYS: &[&str] = &["id", "zh", "en", "forms", "ends_by_number", "shown", "contract"];
const INDUSTRY_KEYS: &[&str] = &["id", "zh", "en", "categories", "documents", "excluded", "of_all"];
const REASON_KEYS: &[&str] = &["code", "rule", "zh", "en"];
const LIMIT_KEYS: &[&str] = &["markup", "file", "files", "document", "documents", "versions", "batch", "waiting"];
/// The most stars of a form: each multiplies the work of comparing a number with it.
const MOST_STARS: usize = 3;
/// How many trackers a creative may have where nothing is said.
const USUAL_TRACKERS: u32 = 4;
/// When a document's end is told beforehand where nothing is said, days.
const USUAL_NOTICE: [u32; 3] = [30, 7, 1];

/// After how many unused days an account is verified again where nothing is said (R-IDLE).
const USUAL_IDLE_DAYS: u32 = 180;

/// The terms, or `None` when they are refused.
pub(super) fn read(given: Option<&str>, report: &Report) -> Option<ContentTerms> {
    let read = |text, whole| read_file(File::Content, text, KEYS, report, |table| lists(table, whole))?;
    let usual = read(USUAL, true);
    let own = read(given.unwrap_or("schema = 1"), false);
    let (usual, own) = (usual?, own?);
    let terms = ContentTerms {
        documents: own.documents.unwrap_or(usual.documents?),
        industries: Vec::new(),
        reasons: own.reasons.unwrap_or(usual.reasons?),
        tracker_hosts: own.trackers.hosts,
        most_trackers: own.trackers.most,
        expiry_notice_days: own.notice,
        idle_days: own.idle_days,
        spot_checks: own.spot_checks,
        limits: own.limits,
    };
    let industries = own.industries.unwrap_or(usual.industries?);
    let known = |kind: &At<String>| {
        let known = terms.document(&kind.value).is_some();
        if !known {
            let names = terms.documents.iter().map(|kind| kind.id.as_str());
            let near = report.suggestion(&kind.value, names);
            report.error(kind.place, format!("document `{}` is not known (R-QUALIFY){near}", kind.value));
        }
        known
    };
    let mut all_known = true;
    for need in industries.iter().flat_map(|(_, needs)| needs.iter().flatten()) {
        all_known &= known(need);
    }
    let industries = industries
        .into_iter()
        .map(|(industry, needs)| Industry { needs: needs.into_iter().map(values).collect(), ..industry });
    all_known.then(|| ContentTerms { industries: industries.collect(), ..terms })
}

/// An industry, and what it needs with the lines.
type Entry = (Industry, Vec<Vec<At<String>>>);

/// What one of the two files says; `None`: nothing of that list.
struct Lists {
    documents: Option<Vec<DocumentKind>>,
    industries: Option<Vec<Entry>>,
    reasons: Option<Vec<Reason>>,
    trackers: Trackers,
    notice: Vec<u32>,
    idle_days: u32,
    spot_checks: SpotChecks,
    limits: Limits,
}

struct Trackers {
    hosts: Vec<String>,
    most: u32,
}

impl Default for Trackers {
    fn default() -> Self {
        Self { hosts: Vec::new(), most: USUAL_TRACKERS }
    }
}

/// Reads a file; `whole`: every list must be there.
fn lists(table: Table<'_>, whole: bool) -> Option<Lists> {
    let documents = list(table, "document", DOCUMENT_KEYS, whole, document, |it| &it.id);
    let industries = list(table, "industry", INDUSTRY_KEYS, whole, industry, |(it, _)| &it.id);
    let reasons = list(table, "reason", REASON_KEYS, whole, reason, |it| &it.code);
    let trackers = match table.optional_section("trackers", &["hosts", "most"])? {
        Some(section) => trackers(section),
        None => Some(Trackers::default()),
    };
    let notice = match table.optional_section("expiry", &["notice_days"])? {
        Some(section) => section.list("notice_days", small(1_u32, 365)).map(values),
        None => Some(USUAL_NOTICE.to_vec()),
    };
    let idle_days = match table.optional_section("accounts", &["idle_days"])? {
        Some(section) => section.optional("idle_days", small(1_u32, 3_650)).map(|days| days.unwrap_or(USUAL_IDLE_DAYS)),
        None => Some(USUAL_IDLE_DAYS),
    };
    let spot_checks = match table.optional_section("spot_checks", &["share", "most"])? {
        Some(section) => spot_checks(section),
        None => Some(SpotChecks::default()),
    };
    let limits = match table.optional_section("limits", LIMIT_KEYS)? {
        Some(section) => limits(section),
        None => Some(Limits::default()),
    };
    let (documents, industries, reasons, notice) = (documents?, industries?, reasons?, notice?);
    Some(Lists {
        documents,
        industries,
        reasons,
        trackers: trackers?,
        notice,
        idle_days: idle_days?,
        spot_checks: spot_checks?,
        limits: limits?,
    })
}

/// A list that may be left out; names are unique in it.
fn list<T>(
    table: Table<'_>,
    key: &'static str,
    keys: &'static [&'static str],
    whole: bool,
    read: impl Fn(Table<'_>) -> Option<T>,
    name: impl Fn(&T) -> &String,
) -> Option<Option<Vec<T>>> {
    if !whole && !table.has(key) {
        return Some(None);
    }
    let entries = table.filled_tables(key, keys, read)?;
    let mut seen = HashSet::new();
    let mut unique = true;
    for entry in &entries {
        if !seen.insert(name(&entry.value).as_str()) {
            table.report().error(entry.place, format!("{key} `{}` stands twice", name(&entry.value)));
            unique = false;
        }
    }
    unique.then(|| Some(values(entries)))
}

fn named(table: Table<'_>) -> Option<Name> {
    let (zh, en) = (table.required("zh", label), table.required("en", label));
    Some(Name { zh: zh?, en: en? })
}

fn yes(table: Table<'_>, key: &str) -> Option<bool> {
    table.optional(key, flag).map(Option::unwrap_or_default)
}

fn document(table: Table<'_>) -> Option<DocumentKind> {
    let (id, name) = (table.required("id", id), named(table));
    let forms = table.list("forms", form);
    let (ends_by_number, shown, contract) = (yes(table, "ends_by_number"), yes(table, "shown"), yes(table, "contract"));
    let (id, name, forms, ends_by_number) = (id?, name?, values(forms?), ends_by_number?);
    if ends_by_number && forms.is_empty() {
        let why = "`ends_by_number` needs `forms`: a number of any form has no day in it";
        table.report().error(table.place_of("ends_by_number"), why);
        return None;
    }
    Some(DocumentKind { id, name, forms, ends_by_number, shown: shown?, contract: contract? })
}

/// How a number is written.
fn form(value: &DeValue<'_>) -> Result<String, Wrong> {
    let form = label(value)?;
    if form.chars().count() > LONGEST_NUMBER {
        return Err(format!("must be at most {LONGEST_NUMBER} characters"));
    }
    if form.matches('*').count() > MOST_STARS {
        return Err(format!("must have at most {MOST_STARS} stars"));
    }
    Ok(form)
}

fn industry(table: Table<'_>) -> Option<Entry> {
    let (id, name) = (table.required("id", id), named(table));
    let categories = table.list("categories", category);
    let documents = table.list("documents", alternatives);
    let (excluded, of_all) = (yes(table, "excluded"), yes(table, "of_all"));
    let (id, name, categories, documents) = (id?, name?, values(categories?), documents?);
    let (excluded, of_all) = (excluded?, of_all?);
    if excluded && (of_all || !documents.is_empty()) {
        let why = "an excluded industry needs no documents and is not everybody's (R-SCOPE)";
        table.report().error(table.place_of("excluded"), why);
        return None;
    }
    let each = |need: At<Vec<String>>| need.value.into_iter().map(|value| At { value, place: need.place }).collect();
    let needs = documents.into_iter().map(each).collect();
    Some((Industry { id, name, categories, needs: Vec::new(), excluded, of_all }, needs))
}

/// `"a"`, or `"a | b"` where one of them is enough.
fn alternatives(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    let each: Vec<_> = text(value)?.split('|').map(|kind| kind.trim().to_owned()).collect();
    if each.iter().any(String::is_empty) {
        Err("must be ids of documents, with | between them".to_owned())
    } else {
        Ok(each)
    }
}

fn reason(table: Table<'_>) -> Option<Reason> {
    let (code, rule, name) = (table.required("code", id), table.required("rule", rule), named(table));
    Some(Reason { code: code?, rule: rule?, name: name? })
}

fn rule(value: &DeValue<'_>) -> Result<String, Wrong> {
    let given = id(value)?;
    if given.starts_with("R-") { Ok(given) } else { Err("must be a rule's id such as \"R-REVIEW\"".to_owned()) }
}

fn trackers(section: Table<'_>) -> Option<Trackers> {
    let (hosts, most) = (section.list("hosts", host), section.optional("most", small(0_u32, 100)));
    Some(Trackers { hosts: values(hosts?), most: most?.unwrap_or(USUAL_TRACKERS) })
}

fn spot_checks(section: Table<'_>) -> Option<SpotChecks> {
    let usual = SpotChecks::default();
    let (share, most) = (section.optional("share", percent), section.optional("most", small(0_u32, 10_000)));
    let share = share?.map_or(usual.share, |share| BasisPoints(share.basis_points().into()));
    Some(SpotChecks { share, most: most?.unwrap_or(usual.most) })
}

fn limits(section: Table<'_>) -> Option<Limits> {
    let usual = Limits::default();
    let size = |key, most, usual| section.optional(key, bytes(1_024, most)).map(|given| given.unwrap_or(usual));
    let count = |key, most: u32, usual| section.optional(key, small(1, most)).map(|given| given.unwrap_or(usual));
    let markup_bytes = size("markup", 1 << 20, usual.markup_bytes);
    let file_bytes = size("file", LARGEST_BLOB, usual.file_bytes);
    let files = count("files", 1_000, usual.files);
    let document_bytes = size("document", LARGEST_BLOB, usual.document_bytes);
    let documents = count("documents", 10_000, usual.documents);
    let versions = count("versions", 60_000, usual.versions);
    let batch = count("batch", 1_000, usual.batch);
    let waiting = count("waiting", 100_000, usual.waiting);
    Some(Limits {
        markup_bytes: markup_bytes?,
        file_bytes: file_bytes?,
        files: files?,
        document_bytes: document_bytes?,
        documents: documents?,
        versions: versions?,
        batch: batch?,
        waiting: waiting?,
    })
}
