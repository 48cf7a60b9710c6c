//! `exchange.toml`: the exchange itself and its limits; `notices` reads its tokens' lives and keys.

use toml::de::DeValue;

use std::sync::Arc;

use super::diagnostic::{File, Report};
use super::names::{address_range, domain, host, label, public_url};
use super::notices::{self, NOTICE_KEYS, TokenKeySource, TokenLives};
use super::reader::{Table, Wrong, read_file};
use super::units::{bytes, day, duration_ms, short_ms, small, text, whole};
use super::values;
use crate::ids::NodeId;
use crate::market::ExchangeTerms;
use crate::market::agreement::ListedMonitor;

const KEYS: &[&str] = &[
    "schema",
    "public_url",
    "domain",
    "legal_name",
    "node",
    "trusted_proxies",
    "auction",
    "overload",
    "logging",
    "notices",
    "retention",
    "targeting",
    "monitors",
];
const AUCTION_KEYS: &[&str] =
    &["default_tmax", "longest_tmax", "margin", "largest_body", "most_imps", "most_in_flight"];
const OVERLOAD_KEYS: &[&str] = &["target_delay", "burst_delay"];
const LOGGING_KEYS: &[&str] = &["sample"];
const MONITOR_KEYS: &[&str] = &["name", "hosts", "from", "until"];
const DAY_MS: u64 = 86_400_000;

/// The shortest that detail is kept. Media check last month's figures by the 15th (R-RECONCILE): then that month's first day has been over
/// for 45 days. Buyers object within 5 days after their period's end (R-OBJECT), which for a month is earlier.
const SHORTEST_DETAIL_MS: u64 = 46 * DAY_MS;
/// Where the config says nothing: a quarter (R-QUARTER).
const USUAL_DETAIL_MS: u64 = 92 * DAY_MS;
/// Ten years; financial records are kept five years after a contract's end (R-RECORDS), and those are the seals and the ledger.
const LONGEST_DETAIL_MS: u64 = 3_650 * DAY_MS;

pub(super) struct Exchange {
    pub(super) node: NodeId,
    pub(super) terms: ExchangeTerms,
    pub(super) token_keys: Vec<TokenKeySource>,
    pub(super) token_lives: TokenLives,
    /// What no deal may target (R-SENSITIVE), lower case; `None`: nobody has said.
    pub(super) forbidden_segment_labels: Option<Vec<String>>,
}

pub(super) fn read(text: &str, report: &Report) -> Option<Exchange> {
    read_file(File::Exchange, text, KEYS, report, exchange)?
}

fn exchange(table: Table<'_>) -> Option<Exchange> {
    let public_url = table.required("public_url", public_url);
    let domain = table.required("domain", domain);
    let legal_name = table.optional("legal_name", label);
    let node = table.required("node", small(0_u16, u16::MAX));
    let trusted_proxies = table.list("trusted_proxies", address_range);
    let auction = table.section("auction", AUCTION_KEYS).and_then(auction);
    let notices = table.section("notices", NOTICE_KEYS).and_then(notices::read);
    let targeting = match table.optional_section("targeting", &["forbidden_segment_labels"]) {
        Some(Some(section)) => section.filled_list("forbidden_segment_labels", label).map(Some),
        absent => absent.map(|_| None),
    };
    let overload = match table.optional_section("overload", OVERLOAD_KEYS)? {
        Some(table) => overload(table),
        None => Some(Overload::USUAL),
    };
    let trace_one_in = match table.optional_section("logging", LOGGING_KEYS)? {
        Some(table) => table.optional("sample", sample).map(Option::unwrap_or_default),
        None => Some(0),
    };
    let detail_ms = match table.optional_section("retention", &["detail"])? {
        Some(table) => table.optional("detail", detail).map(|ms| ms.unwrap_or(USUAL_DETAIL_MS)),
        None => Some(USUAL_DETAIL_MS),
    };
    let monitors = table.tables("monitors", MONITOR_KEYS, monitor);
    let (auction, notices, overload, monitors) = (auction?, notices?, overload?, values(monitors?));
    Some(Exchange {
        node: NodeId(node?),
        terms: ExchangeTerms {
            public_url: public_url?,
            domain: domain?,
            legal_name: legal_name?,
            default_tmax_ms: auction.default_tmax_ms,
            longest_tmax_ms: auction.longest_tmax_ms,
            margin_ms: auction.margin_ms,
            largest_body: auction.largest_body,
            most_imps: auction.most_imps,
            most_in_flight: auction.most_in_flight,
            target_delay_ms: overload.target_delay_ms,
            burst_delay_ms: overload.burst_delay_ms,
            trace_one_in: trace_one_in?,
            token_life_ms: notices.token_lives.usual_ms,
            clock_skew_ms: notices.clock_skew_ms,
            detail_ms: detail_ms?,
            trusted_proxies: values(trusted_proxies?),
            // `compile` puts those of settlement.toml and of the optional files here.
            figures: Arc::default(),
            monitors: monitors.into(),
            content: Arc::default(),
            landing: Arc::default(),
            operators: Arc::default(),
            words: Arc::default(),
        },
        token_keys: notices.token_keys,
        token_lives: notices.token_lives,
        forbidden_segment_labels: targeting?
            .map(|labels| labels.into_iter().map(|label| label.value.to_lowercase()).collect()),
    })
}

fn monitor(table: Table<'_>) -> Option<ListedMonitor> {
    let name = table.required("name", label);
    let hosts = table.filled_list("hosts", host);
    let (from, until) = (table.required("from", day), table.optional_at("until", day));
    let (name, from, until) = (name?, from?, until?);
    if let Some(until) = until.as_ref().filter(|until| until.value < from) {
        table.report().error(until.place, "`until` is before `from`");
        return None;
    }
    Some(ListedMonitor { name, hosts: values(hosts?), from, until: until.map(|until| until.value) })
}

struct Auction {
    default_tmax_ms: u32,
    longest_tmax_ms: u32,
    margin_ms: u32,
    largest_body: usize,
    most_imps: usize,
    most_in_flight: usize,
}

fn auction(table: Table<'_>) -> Option<Auction> {
    let default_tmax = table.required("default_tmax", short_ms(1, 10_000));
    let longest_tmax = table.required("longest_tmax", short_ms(1, 10_000));
    let margin = table.required("margin", short_ms(0, 10_000));
    let largest_body = table.required("largest_body", bytes(1 << 10, 64 << 20));
    // An imp's index stands in one byte of each charge's key.
    let most_imps = table.required("most_imps", whole(1, 256));
    let most_in_flight = table.required("most_in_flight", whole(1, 1_000_000));
    let terms = Auction {
        default_tmax_ms: default_tmax?,
        longest_tmax_ms: longest_tmax?,
        margin_ms: margin?,
        largest_body: largest_body?,
        most_imps: usize::try_from(most_imps?).ok()?,
        most_in_flight: usize::try_from(most_in_flight?).ok()?,
    };
    let report = table.report();
    if terms.default_tmax_ms > terms.longest_tmax_ms {
        report.error(table.place_of("default_tmax"), "`default_tmax` is longer than `longest_tmax`");
        return None;
    }
    if terms.margin_ms >= terms.default_tmax_ms {
        report.error(table.place_of("margin"), "`margin` leaves nothing of `default_tmax`");
        return None;
    }
    Some(terms)
}

struct Overload {
    target_delay_ms: u32,
    burst_delay_ms: u32,
}

impl Overload {
    /// Where the config says nothing (docs/decisions/0019-overload.md).
    const USUAL: Self = Self { target_delay_ms: 3, burst_delay_ms: 20 };
}

fn overload(table: Table<'_>) -> Option<Overload> {
    let target = table.optional("target_delay", short_ms(1, 10_000));
    let burst = table.optional("burst_delay", short_ms(1, 10_000));
    let usual = Overload::USUAL;
    let target_delay_ms = target?.unwrap_or(usual.target_delay_ms);
    let burst_delay_ms = burst?.unwrap_or(usual.burst_delay_ms.max(target_delay_ms));
    if burst_delay_ms < target_delay_ms {
        table.report().error(table.place_of("burst_delay"), "`burst_delay` is shorter than `target_delay`");
        return None;
    }
    Some(Overload { target_delay_ms, burst_delay_ms })
}

/// How long detail is kept, ms.
fn detail(value: &DeValue<'_>) -> Result<u64, Wrong> {
    let wrong = |why| format!("{why}: detail outlives objections and reconciliation (R-OBJECT, R-RECONCILE)");
    duration_ms(SHORTEST_DETAIL_MS, LONGEST_DETAIL_MS)(value).map_err(wrong)
}

/// `"1/1000"`: one in a thousand; `"0"`: none.
fn sample(value: &DeValue<'_>) -> Result<u32, Wrong> {
    const FORM: &str = "must be a share like \"1/1000\", or \"0\" for none";
    let one_in = match text(value)? {
        "0" => Some(0),
        share => share.strip_prefix("1/").and_then(|of| of.parse().ok()).filter(|of| *of > 0),
    };
    one_in.ok_or_else(|| FORM.to_owned())
}
