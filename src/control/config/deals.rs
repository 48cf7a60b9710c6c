//! `deals.toml`: what was agreed, and the rules that one deal alone can break (R-METHODS, R-PUSH, R-RATE, R-COMMIT).

use super::choice;
use super::diagnostic::{At, File, Place, Report};
use super::names::{account, id, wire};
use super::reader::{Register, Table, read_parts};
use super::targeting::{self, Side};
use super::units::{day, flag, price, push_ratio, small, whole};
use crate::clock::ShanghaiDay;
use crate::event::Method;
use crate::market::deal::{DealState, FrequencyCap, FrequencyPeriod, PushRatio, Volume};
use crate::market::supply::{Format, Formats};
use crate::money::{CpmMicroYuan, MicroYuan};

const KEYS: &[&str] = &[
    "id",
    "method",
    "state",
    "account",
    "dsps",
    "from",
    "until",
    "signed",
    "cpm",
    "daily_volume",
    "push_ratio",
    "priority",
    "fallback",
    "identifiers",
    "adm",
    "review",
    "unreviewed_a_day",
    "advertisers",
    "payer",
    "frequency",
    "exclude",
    // As `targeting::KEYS`.
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
const METHODS: &[(&str, Method)] = &[("PDB", Method::Pdb), ("BPG", Method::Bpg), ("PD", Method::Pd)];
const STATES: &[(&str, Standing)] = &[
    ("draft", Standing::Draft),
    ("active", Standing::Live(DealState::Active)),
    ("paused", Standing::Live(DealState::Paused)),
    ("suspended", Standing::Live(DealState::Suspended)),
    ("ended", Standing::Ended),
];
const PERIODS: &[(&str, FrequencyPeriod)] =
    &[("day", FrequencyPeriod::Day), ("week", FrequencyPeriod::Week), ("flight", FrequencyPeriod::Flight)];
/// Whether the client's own account pays.
const PAYERS: &[(&str, bool)] = &[("buyer", false), ("client", true)];
/// Whether only the approved one is taken.
const MARKUP: &[(&str, bool)] = &[("any", false), ("approved", true)];
/// Whether content is served before a person has seen it.
const REVIEW: &[(&str, bool)] = &[("before", false), ("after", true)];
/// The most impressions a day that may be served so.
const MOST_UNREVIEWED: u32 = 1_000_000;
/// Whether they are served.
const UNKNOWN_USER: &[(&str, bool)] = &[("serve", true), ("skip", false)];

/// PDB's push ratio where the order does not say one (R-PUSH).
const DEFAULT_PUSH: &str = "1.3";
/// A preferred deal's priority where it does not say one.
const DEFAULT_PRIORITY: u8 = 100;

/// Where a deal stands in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not agreed yet: not in the market.
    Draft,
    /// In the market.
    Live(DealState),
    /// Over: not in the market.
    Ended,
}

pub(super) struct DealEntry {
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) standing: Standing,
    pub(super) account: At<String>,
    pub(super) dsps: Vec<At<String>>,
    pub(super) period: (ShanghaiDay, ShanghaiDay),
    pub(super) signed: Option<At<ShanghaiDay>>,
    pub(super) cpm: At<CpmMicroYuan>,
    pub(super) volume: Option<At<Volume>>,
    pub(super) priority: u8,
    pub(super) fallback: Option<At<String>>,
    pub(super) identifiers: bool,
    pub(super) approved_markup: bool,
    /// Impressions a day with content that no person has seen; `None`: review comes first.
    pub(super) unreviewed_a_day: Option<u32>,
    pub(super) advertisers: Vec<At<String>>,
    /// Whether its only advertiser pays from an account of its own.
    pub(super) client_pays: bool,
    pub(super) frequency: Option<FrequencyCap>,
    pub(super) include: Side,
    pub(super) exclude: Side,
    pub(super) place: Place,
}

impl DealEntry {
    /// Whether it is in the market and its period is not over.
    pub(super) fn concerns(&self, today: ShanghaiDay) -> bool {
        matches!(self.standing, Standing::Live(_)) && self.period.1 >= today
    }

    /// The formats as a set.
    pub(super) fn format_set(&self) -> Formats {
        let set = |formats: &[At<Format>]| formats.iter().map(|format| format.value).collect::<Formats>();
        let included = if self.include.formats.is_empty() { Formats::ALL } else { set(&self.include.formats) };
        included.without(set(&self.exclude.formats))
    }
}

pub(super) fn read(text: &str, report: &Report) -> Register<DealEntry> {
    let made = || Register::new("deal");
    let read = read_parts(File::Deals, text, "deal", &["schema", "deal"], report, made, |deals, table| {
        table.each("deal", KEYS, |table| {
            let name = table.required_at("id", wire);
            let entry = deal(table, name.as_ref().map(|name| name.value.clone()));
            deals.add(name, entry, report);
        });
    });
    read.unwrap_or_else(|| Register::unread("deal"))
}

fn deal(table: Table<'_>, name: Option<String>) -> Option<DealEntry> {
    let method = table.required("method", choice(METHODS));
    let standing = table.required("state", choice(STATES));
    let account = table.required_at("account", account);
    let dsps = table.filled_list("dsps", id);
    let from = table.required("from", day);
    let until = table.required_at("until", day);
    let signed = table.optional_at("signed", day);
    let cpm = table.required_at("cpm", price);
    let daily_volume = table.optional_at("daily_volume", whole(1, 1_000_000_000_000));
    let push = table.optional_at("push_ratio", push_ratio);
    let priority = table.optional_at("priority", small(0_u8, u8::MAX));
    let fallback = table.optional_at("fallback", wire);
    let identifiers = table.optional("identifiers", flag);
    let approved_markup = table.optional_at("adm", choice(MARKUP));
    let review = table.optional_at("review", choice(REVIEW));
    let unreviewed = table.optional_at("unreviewed_a_day", small(1_u32, MOST_UNREVIEWED));
    let advertisers = chosen(table, "advertisers", table.list("advertisers", id));
    let payer = payer(table, advertisers.as_deref());
    let frequency = frequency(table);
    let include = Side::read(table);
    if include.as_ref().is_some_and(Side::has_no_place) {
        table.missing("placements");
    }
    let include = include.filter(|side| !side.has_no_place());
    let exclude = match table.optional_section("exclude", targeting::KEYS) {
        Some(Some(section)) => Side::read(section),
        absent => absent.map(|_| Side::default()),
    };

    let (method, standing, cpm, from, until) = (method?, standing?, cpm?, from?, until?);
    let terms = Terms {
        method,
        standing,
        daily_volume: daily_volume?,
        push: push?,
        priority: priority?,
        fallback: fallback?,
        signed: signed?,
    };
    terms.check(table);
    if until.value < from {
        table.report().error(until.place, format!("`until` {} is before `from` {from}", until.value));
    }
    let volume = terms.volume(cpm, table);
    let entry = DealEntry {
        id: name?,
        method,
        standing,
        account: account?,
        dsps: dsps?,
        period: (from, until.value),
        signed: terms.signed,
        cpm,
        volume,
        priority: terms.priority.map_or(DEFAULT_PRIORITY, |priority| priority.value),
        fallback: terms.fallback,
        identifiers: identifiers?.unwrap_or(false),
        approved_markup: approved_markup.as_ref()?.as_ref().is_some_and(|it| it.value),
        unreviewed_a_day: unreviewed_a_day(table, (review.as_ref()?.as_ref(), unreviewed?))?,
        advertisers: advertisers?,
        client_pays: payer?,
        frequency: frequency?,
        include: include?,
        exclude: exclude?,
        place: table.place,
    };
    for (compares, said, key) in [
        (entry.approved_markup, &approved_markup, "`adm` is \"approved\""),
        (entry.unreviewed_a_day.is_some(), &review, "`review` is \"after\""),
    ] {
        if let (true, Some(Some(said))) = (compares && entry.format_set().has(Format::Native), said) {
            let why = "native markup answers each request in numbers of its own and cannot be compared; list `formats` without native";
            table.report().error(said.place, format!("{key}: {why} (R-REVIEW)"));
        }
    }
    Some(entry)
}

/// R-REVIEW: how much may be served before a person has seen it; that it may be at all is said beside.
fn unreviewed_a_day(table: Table<'_>, (review, most): (Option<&At<bool>>, Option<At<u32>>)) -> Option<Option<u32>> {
    match (review.is_some_and(|review| review.value), most) {
        (true, Some(most)) => Some(Some(most.value)),
        (false, None) => Some(None),
        (true, None) => {
            if !table.misspells("unreviewed_a_day") {
                let why = "`unreviewed_a_day` is missing: `review` is \"after\", so say how many impressions a day may be served before a \
                           person has seen them (R-REVIEW)";
                table.report().error(table.place, why);
            }
            None
        }
        (false, Some(most)) => {
            let why = "`unreviewed_a_day` is for deals whose `review` is \"after\"; this one's comes first (R-REVIEW)";
            table.report().error(most.place, why);
            None
        }
    }
}

/// R-BALANCE: whether the client's own account pays. Whose that is must be said: by exactly one advertiser.
fn payer(table: Table<'_>, advertisers: Option<&[At<String>]>) -> Option<bool> {
    let payer = table.optional_at("payer", choice(PAYERS))?;
    let Some(payer) = payer.filter(|payer| payer.value) else { return Some(false) };
    let named = advertisers?.len();
    if named != 1 {
        let found = if named == 0 { "none is named".to_owned() } else { format!("{named} are") };
        let why = format!("`payer` is the client, so `advertisers` must name exactly one; {found} (R-BALANCE)");
        table.report().error(payer.place, why);
        return None;
    }
    Some(true)
}

/// R-FREQUENCY: whether a user who cannot be recognised is served must be said.
fn frequency(table: Table<'_>) -> Option<Option<FrequencyCap>> {
    let keys = &["impressions", "per", "unknown_user"];
    let Some(cap) = table.optional_section("frequency", keys)? else { return Some(None) };
    let impressions = cap.required("impressions", small(1_u16, u16::MAX));
    let per = cap.required("per", choice(PERIODS));
    let serves_unknown = cap.required("unknown_user", choice(UNKNOWN_USER));
    Some(Some(FrequencyCap { impressions: impressions?, per: per?, serves_unknown: serves_unknown? }))
}

/// A list that narrows a deal: left out it narrows nothing, so that an empty one would say the opposite of what it looks like.
pub(super) fn chosen<T>(table: Table<'_>, key: &str, list: Option<Vec<At<T>>>) -> Option<Vec<At<T>>> {
    let place = table.place_of(key);
    if list.as_ref().is_some_and(Vec::is_empty) && table.has(key) {
        table.report().error(place, format!("`{key}` is empty; leave it out where it does not narrow the deal"));
        return None;
    }
    list
}

/// What depends on the method (R-METHODS).
struct Terms {
    method: Method,
    standing: Standing,
    daily_volume: Option<At<u64>>,
    push: Option<At<PushRatio>>,
    priority: Option<At<u8>>,
    fallback: Option<At<String>>,
    signed: Option<At<ShanghaiDay>>,
}

impl Terms {
    fn check(&self, table: Table<'_>) {
        let report = table.report();
        let name = self.method.name();
        if self.method.is_guaranteed() {
            if self.daily_volume.is_none() && !table.misspells("daily_volume") {
                report.error(table.place, format!("`daily_volume` is missing: a {name} promises one (R-METHODS)"));
            }
            if self.signed.is_none() && self.standing != Standing::Draft && !table.misspells("signed") {
                report.error(
                    table.place,
                    format!("`signed` is missing: a {name}'s price is judged by the rate card of that day (R-RATE)"),
                );
            }
            if let Some(priority) = &self.priority {
                report
                    .error(priority.place, format!("`priority` orders preferred deals; a {name} has none (R-METHODS)"));
            }
        } else {
            let refused = [
                (self.daily_volume.as_ref().map(|it| it.place), "`daily_volume`", "R-METHODS"),
                (self.push.as_ref().map(|it| it.place), "`push_ratio`", "R-METHODS"),
                (self.fallback.as_ref().map(|it| it.place), "`fallback`", "R-FALLBACK"),
            ];
            for (place, key, rule) in refused {
                if let Some(place) = place {
                    report.error(place, format!("{key} is for guaranteed deals; a PD has none ({rule})"));
                }
            }
        }
        if let (Method::Bpg, Some(push)) = (self.method, &self.push)
            && !push.value.is_one()
        {
            report.error(push.place, "`push_ratio` of a BPG is 1: it has no return allowance (R-PUSH)");
        }
    }

    /// The promised volume; its day must be an amount that the ledger can hold.
    fn volume(&self, cpm: At<CpmMicroYuan>, table: Table<'_>) -> Option<At<Volume>> {
        let daily = self.daily_volume.as_ref().filter(|_| self.method.is_guaranteed())?;
        let push = match (&self.push, self.method) {
            (Some(push), Method::Pdb) => push.value,
            (None, Method::Pdb) => PushRatio::parse(DEFAULT_PUSH).unwrap_or(PushRatio::ONE),
            _ => PushRatio::ONE,
        };
        let commitment = i128::from(cpm.value.per_impression().0) * i128::from(daily.value);
        if commitment > i128::from(MicroYuan::LIMIT.0) {
            table.report().error(
                daily.place,
                format!(
                    "{} impressions a day at {} are above {}, the most that one entry may be (R-COMMIT)",
                    daily.value,
                    cpm.value,
                    MicroYuan::LIMIT
                ),
            );
        }
        Some(At { value: Volume { daily: daily.value, push }, place: daily.place })
    }
}
