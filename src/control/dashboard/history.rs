//! The last two minutes of the counters, one sample a second: rates and quantiles are differences between two of them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{BOUNDS_US, Metrics, Outcome, Timing};

/// Seconds that are kept.
const KEPT: usize = 120;
/// Over which rates and quantiles are told.
const WINDOW: Duration = Duration::from_secs(10);

type Buckets = [u64; BOUNDS_US.len() + 1];

/// The counters at one moment.
#[derive(Clone, Debug)]
struct Sample {
    at: Instant,
    requests: u64,
    bids: u64,
    shed: u64,
    no_bids: Vec<u64>,
    request: Buckets,
    overhead: Buckets,
    commit: Buckets,
}

impl Sample {
    fn take(metrics: &Metrics, at: Instant) -> Self {
        Self {
            at,
            requests: Outcome::ALL.iter().map(|(outcome, _)| metrics.total(*outcome)).sum(),
            bids: metrics.total(Outcome::Bid),
            shed: metrics.shed.iter().map(|(_, count)| count).sum(),
            no_bids: metrics.no_bids.iter().map(|(_, count)| count).collect(),
            request: buckets(&metrics.request_seconds),
            overhead: buckets(&metrics.overhead_seconds),
            commit: buckets(&metrics.journal_commit_seconds),
        }
    }
}

fn buckets(timing: &Timing) -> Buckets {
    let mut counts = Buckets::default();
    for (count, (_, read)) in counts.iter_mut().zip(timing.read().2) {
        *count = read;
    }
    counts
}

/// Samples, oldest first.
#[derive(Debug, Default)]
pub(in crate::control) struct History(VecDeque<Sample>);

/// What happened within the window.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) requests_per_second: f64,
    pub(super) bids_per_second: f64,
    pub(super) shed: u64,
    /// In the order of the metric's names.
    pub(super) no_bids: Vec<u64>,
    /// p50 and p99, µs; `None` without any.
    pub(super) request: [Option<u64>; 2],
    pub(super) overhead: [Option<u64>; 2],
    pub(super) commit_p99: Option<u64>,
}

impl History {
    /// Notes the counters now.
    pub(in crate::control) fn note(&mut self, metrics: &Metrics, at: Instant) {
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Sample::take(metrics, at));
    }

    /// What happened since the sample that is a window old, or since the oldest.
    pub(super) fn recent(&self, metrics: &Metrics, at: Instant) -> Recent {
        let now = Sample::take(metrics, at);
        let within = |sample: &&Sample| at.saturating_duration_since(sample.at) <= WINDOW;
        let since = self.0.iter().find(within).unwrap_or(&now);
        let seconds = at.saturating_duration_since(since.at).as_secs_f64();
        let rate = |count: u64| if seconds < 0.05 { 0.0 } else { count as f64 / seconds };
        let both = |now: &Buckets, since: &Buckets| [0.5, 0.99].map(|share| quantile(now, since, share));
        Recent {
            requests_per_second: rate(now.requests - since.requests),
            bids_per_second: rate(now.bids - since.bids),
            shed: now.shed - since.shed,
            no_bids: now.no_bids.iter().zip(&since.no_bids).map(|(now, since)| now - since).collect(),
            request: both(&now.request, &since.request),
            overhead: both(&now.overhead, &since.overhead),
            commit_p99: quantile(&now.commit, &since.commit, 0.99),
        }
    }

    /// Requests and bids of each second, oldest first.
    pub(super) fn series(&self) -> (Vec<u64>, Vec<u64>) {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let per_second = |(from, to): (&Sample, &Sample)| {
            let seconds = to.at.saturating_duration_since(from.at).as_secs_f64().max(0.05);
            let rate = |count: u64| (count as f64 / seconds).round() as u64;
            (rate(to.requests - from.requests), rate(to.bids - from.bids))
        };
        pairs.map(per_second).unzip()
    }
}

/// The upper bound of the bucket in which the share is reached between two samples; the last bound for what is beyond it.
fn quantile(now: &Buckets, since: &Buckets, share: f64) -> Option<u64> {
    let counts: Vec<u64> = now.iter().zip(since).map(|(now, since)| now - since).collect();
    let total: u64 = counts.iter().sum();
    let wanted = ((total as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    let reached = counts.iter().position(|count| {
        seen += count;
        seen >= wanted
    })?;
    Some(BOUNDS_US[reached.min(BOUNDS_US.len() - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Exchange;

    #[test]
    fn rates_and_quantiles_are_those_of_the_window_only() {
        let metrics = Exchange::metrics();
        let start = Instant::now();
        let mut history = History::default();
        assert_eq!(history.recent(&metrics, start).request, [None, None]);
        metrics.request_seconds.note(Duration::from_secs(5));
        for second in 0..=130 {
            history.note(&metrics, start + Duration::from_secs(second));
            (0..40).for_each(|_| metrics.request(None, Outcome::Bid));
            (0..60).for_each(|_| metrics.request(None, Outcome::NoBid));
            metrics.no_bids.one(2);
            metrics.request_seconds.note(Duration::from_micros(90));
        }
        let recent = history.recent(&metrics, start + Duration::from_secs(131));
        assert_eq!((recent.requests_per_second.round(), recent.bids_per_second.round()), (100.0, 40.0));
        assert_eq!((recent.no_bids[2], recent.request), (10, [Some(100), Some(100)]));
        let (requests, bids) = history.series();
        assert_eq!((requests.len(), bids.len()), (KEPT, KEPT));
        assert!(requests.iter().all(|count| *count == 100) && bids.iter().all(|count| *count == 40));
    }
}
