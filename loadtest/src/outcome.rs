//! What a run found: the figures of the JSON result, and those of the moment.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::notices::Bill;

/// Latencies in microseconds: percentiles of one histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half are at or below.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// 99 in 100.
    pub p99: u64,
    /// 999 in 1,000.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
}

impl Percentiles {
    /// Reads them off.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| histogram.value_at_quantile(quantile);
        if histogram.is_empty() {
            return Self::default();
        }
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: histogram.max() }
    }
}

/// How `overhead_us` was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverheadBy {
    /// Nothing was subtracted: the DSPs do not wait on purpose, or nothing is known of them.
    #[default]
    Nothing,
    /// The DSPs' own record of each auction, found by `source.tid`.
    TransactionId,
    /// The DSPs' constant latency.
    Constant,
}

/// One second of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Second {
    /// Requests sent.
    pub sent: u64,
    /// Bids and no-bids.
    pub answered: u64,
    /// Refusals, errors and time-outs.
    pub failed: u64,
    /// Latency of what was answered.
    pub latency: Percentiles,
    /// The server's resident memory at its end, in bytes, where the system tells.
    pub server_rss_bytes: Option<u64>,
}

/// A run's result. Counts and latencies leave the warm-up out, `errors` and the bill do not.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// Requests a second that the schedule asked for.
    pub offered_rate: f64,
    /// Bids and no-bids a second.
    pub achieved_rate: f64,
    /// Requests sent.
    pub sent: u64,
    /// Answers with bids.
    pub bids: u64,
    /// Answers without.
    pub no_bids: u64,
    /// 503 with `Retry-After`.
    pub shed: u64,
    /// Bids and no-bids that came in time (`Plan::in_time`).
    pub in_time: u64,
    /// From the departure to the whole refusal, of `shed`.
    pub shed_us: Percentiles,
    /// Broken or wrong answers, and wrong answers to notices; warm-up included.
    pub errors: u64,
    /// Requests without an answer in time, and those of `not_sent`.
    pub timeouts: u64,
    /// Processor time of the server for each bid or no-bid, in microseconds; `None` if it is no known process.
    pub cpu_us_per_auction: Option<f64>,
    /// From the intended departure to the whole answer, of bids and no-bids.
    pub latency_us: Percentiles,
    /// The same less the slowest DSP's deliberate wait.
    pub overhead_us: Percentiles,
    /// What `overhead_us` subtracts.
    pub overhead_by: OverheadBy,
    /// Departures left out because too many requests were in flight.
    pub not_sent: u64,
    /// No-bids by reason; -1 = none given.
    pub no_bid_reasons: BTreeMap<i64, u64>,
    /// The first 20 distinct errors with their counts.
    pub error_reasons: BTreeMap<String, u64>,
    /// What the media believe was billed.
    #[serde(flatten)]
    pub bill: Bill,
    /// What the server says it billed, where it was asked (`--serve`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_micro_yuan: Option<i64>,
    /// The server's largest resident memory seen, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_rss_bytes: Option<u64>,
    /// The server's resident memory after each tenth of the run, in bytes: whether it grows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub server_rss_by_tenth: Vec<u64>,
    /// DSP requests for each bid or no-bid, where the DSPs are ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dsp_requests_per_auction: Option<f64>,
    /// Bids and no-bids of the whole run, warm-up included.
    #[serde(skip)]
    pub answered_in_all: u64,
    /// Each second of the run, for the timeline.
    #[serde(skip)]
    pub seconds: Vec<Second>,
    /// (share at or below, microseconds), for the percentile curve.
    #[serde(skip)]
    pub curve: Vec<(f64, u64)>,
}

/// The figures so far.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Snapshot {
    /// Seconds since the start, warm-up included.
    pub elapsed_s: f64,
    /// Requests sent.
    pub sent: u64,
    /// Answers with bids.
    pub bids: u64,
    /// Answers without.
    pub no_bids: u64,
    /// Refused under load.
    pub shed: u64,
    /// Broken or wrong answers.
    pub errors: u64,
    /// No answer in time.
    pub timeouts: u64,
    /// Requests under way.
    pub in_flight: usize,
    /// Latency so far.
    pub latency_us: Percentiles,
    /// The bill so far.
    #[serde(flatten)]
    pub bill: Bill,
}
