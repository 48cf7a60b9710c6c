//! Everything that the dashboard shows at one moment.

use super::history::History;
use crate::control::publish::{LastReload, Standing};
use crate::control::view::{
    Amount, Counted, DealLine, DspLine, Now, SuspensionLine, collection, first_by_key, segment,
};
use crate::metrics::Counter;
use crate::money::MicroYuan;

/// Rows of a table at most; the rest is on the API.
pub(super) const MOST_ROWS: usize = 100;
/// Reasons in the tile at most.
const MOST_REASONS: usize = 4;

/// The figures.
#[derive(Debug)]
pub(in crate::control) struct Figures {
    pub(super) generation: u64,
    pub(super) loaded_at: String,
    pub(super) pinned: bool,
    pub(super) restores: Option<u64>,
    /// Whether the config folder is refused and something else is served.
    pub(super) refused: bool,
    pub(super) readiness: &'static str,
    /// Over the last 10 s.
    pub(super) requests_per_second: f64,
    pub(super) bids_per_second: f64,
    /// The most frequent ones of the last 10 s.
    pub(super) no_bids: Vec<Counted>,
    /// p50 and p99 of the last 10 s, upper bounds; `None` without any.
    pub(super) request_us: [Option<u64>; 2],
    pub(super) overhead_us: [Option<u64>; 2],
    pub(super) commit_p99_us: Option<u64>,
    /// Since the process started.
    pub(super) billed: Amount,
    /// Since the process started, and within the last 10 s.
    pub(super) shed: u64,
    pub(super) shed_recently: u64,
    pub(super) series: Series,
    pub(super) deals: Vec<DealLine>,
    pub(super) deals_total: usize,
    pub(super) dsps: Vec<DspLine>,
    pub(super) dsps_total: usize,
    pub(super) suspensions: Vec<Thrown>,
    pub(super) suspensions_total: usize,
    pub(super) warnings: usize,
    pub(super) reload: Option<ReloadReport>,
}

/// A kill switch that is thrown.
#[derive(Debug)]
pub(super) struct Thrown {
    pub(super) kind: String,
    pub(super) name: String,
    /// What lifts it.
    pub(super) resume: String,
    pub(super) line: SuspensionLine,
}

/// Requests and bids of each of the last seconds.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) requests: Vec<u64>,
    pub(super) bids: Vec<u64>,
}

/// How a reload ended, in lines for people.
#[derive(Debug)]
pub(super) struct ReloadReport {
    pub(super) at: String,
    pub(super) trigger: &'static str,
    pub(super) result: &'static str,
    pub(super) generation: u64,
    pub(super) lines: Vec<String>,
}

/// Lines of a report at most.
const MOST_LINES: usize = 60;

impl ReloadReport {
    fn of(last: &LastReload) -> Self {
        let (result, generation, mut lines) = match &last.outcome {
            Ok(done) => {
                let result = match () {
                    () if done.changed => "published",
                    () if done.pinned => "kept",
                    () => "unchanged",
                };
                let warnings = done.warnings.iter().map(|warning| format!("warning: {warning}"));
                (result, done.generation, done.diff.lines().into_iter().chain(warnings).collect())
            }
            Err(refused) => {
                let lines: Vec<_> = refused.trouble.to_string().lines().map(str::to_owned).collect();
                ("refused", refused.generation, lines)
            }
        };
        if lines.len() > MOST_LINES {
            let more = lines.len() - MOST_LINES;
            lines.truncate(MOST_LINES);
            lines.push(format!("… and {more} more"));
        }
        Self { at: last.at.to_rfc3339(), trigger: last.trigger.label(), result, generation, lines }
    }
}

impl Thrown {
    fn of(it: &crate::event::Suspension) -> Self {
        Self {
            kind: it.kind.label(),
            name: it.name.clone(),
            resume: format!("/api/v1/{}/{}/resume", collection(it.kind), segment(&it.name)),
            line: it.into(),
        }
    }
}

impl Figures {
    pub(in crate::control) fn of(
        now: Now<'_>,
        readiness: &'static str,
        history: &History,
        standing: &Standing,
    ) -> Self {
        let metrics = &now.exchange.metrics;
        let recent = history.recent(metrics, now.exchange.clock.instant());
        let names = metrics.no_bids.iter().map(|(name, _)| name);
        let mut no_bids: Vec<_> =
            names.zip(&recent.no_bids).map(|(name, count)| Counted { name, count: *count }).collect();
        no_bids.retain(|counted| counted.count > 0);
        no_bids.sort_by(|a, b| b.count.cmp(&a.count).then(a.name.cmp(b.name)));
        no_bids.truncate(MOST_REASONS);
        let billed: u64 = metrics.billed_micro_yuan.iter().map(Counter::get).sum();
        let (requests, bids) = history.series();
        let deals = first_by_key(now.market.deals.iter().collect(), MOST_ROWS, |it| (it.method, it.wire.as_str()));
        let dsps = first_by_key(now.market.dsps.iter().collect(), MOST_ROWS, |it| it.wire.as_str());
        Self {
            generation: now.market.generation,
            loaded_at: now.market.loaded_at.to_rfc3339(),
            pinned: standing.pinned,
            restores: standing.restores,
            refused: standing.refused,
            readiness,
            requests_per_second: recent.requests_per_second,
            bids_per_second: recent.bids_per_second,
            no_bids,
            request_us: recent.request,
            overhead_us: recent.overhead,
            commit_p99_us: recent.commit_p99,
            billed: MicroYuan(i64::try_from(billed).unwrap_or(i64::MAX)).into(),
            shed: metrics.shed.iter().map(|(_, count)| count).sum(),
            shed_recently: recent.shed,
            series: Series { requests, bids },
            deals: deals.into_iter().map(|deal| DealLine::of(now, deal)).collect(),
            deals_total: now.market.deals.len(),
            dsps: dsps.into_iter().map(|dsp| DspLine::of(now, dsp)).collect(),
            dsps_total: now.market.dsps.len(),
            suspensions: now.thrown.values().take(MOST_ROWS).map(Thrown::of).collect(),
            suspensions_total: now.thrown.len(),
            warnings: standing.warnings.len(),
            reload: standing.last.as_deref().map(ReloadReport::of),
        }
    }
}
