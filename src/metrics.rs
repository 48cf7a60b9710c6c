//! What the outside counts: plain atomics that the hot plane adds to, written as OpenMetrics by the control plane.
//!
//! Label sets are bounded by what the market has; names are resolved when they are written, not when they are counted.

mod health;
mod landing;
mod partner;
mod process;
mod write;

pub use health::{BEAT, Health, STUCK};
pub use landing::Landing;
pub use partner::PartnerAnswer;
pub use write::{Names, write};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ids::{Cells, DspId, MediaId};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less; each follows an [`Level::up`].
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets of every histogram, in microseconds: 50 µs to 10 s.
pub const BOUNDS_US: [u64; 22] = [
    50, 100, 150, 200, 300, 400, 600, 800, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 15_000, 30_000, 60_000, 100_000,
    200_000, 500_000, 1_000_000, 10_000_000,
];

/// How long something took, in buckets.
#[derive(Debug, Default)]
pub struct Timing {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Timing {
    /// Notes one duration.
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Sum in seconds, count, and the count per bucket with its upper bound in seconds.
    #[must_use]
    pub fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let counts: Vec<_> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::MAX]);
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        (sum, counts.iter().sum(), bounds.zip(counts).collect())
    }

    /// The upper bound, in microseconds, of the bucket in which the given share (0 to 1) of the durations is reached;
    /// 0 without any.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> u64 {
        let counts: Vec<_> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (count, bound) in counts.iter().zip(BOUNDS_US.iter().chain([&BOUNDS_US[BOUNDS_US.len() - 1]])) {
            seen += count;
            if seen >= wanted && wanted > 0 {
                return *bound;
            }
        }
        0
    }
}

/// How a request to the auction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// 200 with at least one bid.
    Bid = 0,
    /// 204, or 200 with a reason.
    NoBid = 1,
    /// 400.
    BadRequest = 2,
    /// 401; counted under no media.
    Unauthorized = 3,
    /// 413.
    TooLarge = 4,
    /// 415.
    Unsupported = 5,
    /// 503 at the door.
    Shed = 6,
}

impl Outcome {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Bid, "bid"),
        (Self::NoBid, "no_bid"),
        (Self::BadRequest, "bad_request"),
        (Self::Unauthorized, "unauthorized"),
        (Self::TooLarge, "too_large"),
        (Self::Unsupported, "unsupported"),
        (Self::Shed, "shed"),
    ];
}

/// At which bound something was refused (architecture, invariant 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shed {
    /// A request: too many are in flight on its core.
    InFlight = 0,
    /// A connection: too many are open, or its core does not take it.
    Connections = 1,
    /// A billing notice: the journal could not take it.
    Journal = 2,
    /// A request: its core's queue stands for too long.
    Delay = 3,
    /// A notice: its core is far behind, or too many wait for the disk.
    Notices = 4,
}

impl Shed {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::InFlight, "in_flight"),
        (Self::Connections, "connections"),
        (Self::Journal, "journal"),
        (Self::Delay, "delay"),
        (Self::Notices, "notices"),
    ];
}

/// Counts by reason: an array whose places have names.
#[derive(Debug)]
pub struct Reasons {
    labels: Box<[&'static str]>,
    counts: Box<[Counter]>,
}

impl Reasons {
    /// Counts for these names.
    #[must_use]
    pub fn new(labels: impl IntoIterator<Item = &'static str>) -> Self {
        let labels: Box<[_]> = labels.into_iter().collect();
        let counts = labels.iter().map(|_| Counter::default()).collect();
        Self { labels, counts }
    }

    /// One more under the name at that place; nothing beyond the last.
    pub fn one(&self, place: usize) {
        if let Some(counter) = self.counts.get(place) {
            counter.one();
        }
    }

    /// Names with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.labels.iter().copied().zip(self.counts.iter().map(Counter::get))
    }
}

/// How questions to a DSP ended, as [`DspCounts::asked`] counts them. The last three were not sent.
pub const DSP_OUTCOMES: [&str; 15] = [
    "bid",
    "no_bid",
    "timeout",
    "connection",
    "forbidden",
    "tls",
    "protocol",
    "status",
    "content_type",
    "encoding",
    "too_large",
    "suspended",
    "busy",
    "throttled",
    "breaker_open",
];

/// What came of a notice to a DSP, or of one attempt at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NoticeOutcome {
    /// It was called, and answered with 2xx.
    Delivered = 0,
    /// An attempt failed; it is tried again.
    Retried = 1,
    /// It failed for the last time by itself.
    Undelivered = 2,
    /// There was no room for it.
    Dropped = 3,
    /// Its URL is too long, or none that is called.
    BadUrl = 4,
    /// Its DSP is suspended and hears nothing.
    Suspended = 5,
}

impl NoticeOutcome {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Delivered, "delivered"),
        (Self::Retried, "retried"),
        (Self::Undelivered, "undelivered"),
        (Self::Dropped, "dropped"),
        (Self::BadUrl, "bad_url"),
        (Self::Suspended, "suspended"),
    ];
}

/// Kinds of notices to DSPs, with their names in metrics, in the order of [`DspCounts::notices`].
pub const NOTICE_KINDS: [&str; 3] = ["win", "bill", "loss"];

/// What came of the call of a click monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MonitorOutcome {
    /// It was called, and answered with 2xx.
    Delivered = 0,
    /// It was tried twice in vain, or may not be called.
    Failed = 1,
    /// There was no room for it.
    Dropped = 2,
    /// Its URL is none that is called.
    BadUrl = 3,
}

impl MonitorOutcome {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Delivered, "delivered"),
        (Self::Failed, "failed"),
        (Self::Dropped, "dropped"),
        (Self::BadUrl, "bad_url"),
    ];
}

/// What came of a bid's creative that nobody has reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum UnreviewedOutcome {
    /// It was submitted, and its checks begin.
    Submitted = 0,
    /// It is in the docket, or in the config, by now.
    Known = 1,
    /// No advertiser of its buyer is registered with its domains (R-OWN).
    NotRegistered = 2,
    /// The bid does not say all that a submission must say.
    Incomplete = 3,
    /// As many of its buyer wait for a person as may.
    TooManyWaiting = 4,
    /// It is larger than what is reviewed.
    TooLarge = 5,
    /// Its buyer's DSPs brought as many of late as they may.
    TooOften = 6,
    /// There was no room for it.
    Dropped = 7,
    /// The docket could not be read or written.
    Failed = 8,
}

impl UnreviewedOutcome {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Submitted, "submitted"),
        (Self::Known, "known"),
        (Self::NotRegistered, "not_registered"),
        (Self::Incomplete, "incomplete"),
        (Self::TooManyWaiting, "too_many_waiting"),
        (Self::TooLarge, "too_large"),
        (Self::TooOften, "too_often"),
        (Self::Dropped, "dropped"),
        (Self::Failed, "failed"),
    ];
}

/// Reasons for which a bid may be rejected: at most this many.
pub const MOST_REJECTIONS: usize = 64;

/// The counts of one DSP.
#[derive(Debug)]
pub struct DspCounts {
    /// Questions by outcome, in the order of [`DSP_OUTCOMES`].
    pub asked: [Counter; DSP_OUTCOMES.len()],
    /// Rejected bids by the place of the reason.
    pub rejected: [Counter; MOST_REJECTIONS],
    /// How long answers took.
    pub seconds: Timing,
    /// Questions whose answers are waited for, late ones too.
    pub in_flight: Level,
    /// Open connections.
    pub connections: Level,
    /// Its notices by kind, in the order of [`NOTICE_KINDS`], and outcome, in that of [`NoticeOutcome::ALL`].
    pub notices: [[Counter; NoticeOutcome::ALL.len()]; NOTICE_KINDS.len()],
    /// Notices that wait to be sent, or are under way.
    pub notice_queue: Level,
}

impl DspCounts {
    /// Counts a notice of a kind by its place in [`NOTICE_KINDS`].
    pub fn notice(&self, kind: usize, outcome: NoticeOutcome) {
        if let Some(counts) = self.notices.get(kind) {
            counts[outcome as usize].one();
        }
    }
}

impl Default for DspCounts {
    fn default() -> Self {
        Self {
            asked: Default::default(),
            rejected: std::array::from_fn(|_| Counter::default()),
            seconds: Timing::default(),
            in_flight: Level::default(),
            connections: Level::default(),
            notices: Default::default(),
            notice_queue: Level::default(),
        }
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    /// Requests by media and outcome, in the order of [`Outcome::ALL`].
    pub requests: Cells<MediaId, [Counter; Outcome::ALL.len()]>,
    /// Requests without a known media, by outcome.
    pub strangers: [Counter; Outcome::ALL.len()],
    /// Arrival to answer.
    pub request_seconds: Timing,
    /// The same, less the time in which only DSPs were waited for.
    pub overhead_seconds: Timing,
    /// No-bids by reason.
    pub no_bids: Reasons,
    /// By DSP.
    pub dsps: Cells<DspId, DspCounts>,
    /// Names of the reasons for rejected bids.
    pub rejections: Box<[&'static str]>,
    /// Billed amounts, micro-yuan, by method: PDB, BPG, PD.
    pub billed_micro_yuan: [Counter; 3],
    /// Billing notices by answer.
    pub notices: Reasons,
    /// Clicks by how they were taken.
    pub clicks: Reasons,
    /// From submission to a durable commit, one per batch.
    pub journal_commit_seconds: Timing,
    /// Reloads that were published, and refused.
    pub reloads: [Counter; 2],
    /// What was refused at a bound, in the order of [`Shed::ALL`].
    pub shed: Reasons,
    /// How long the probes stood in the cores' queues.
    pub queue_delay_seconds: Timing,
    /// Connections of media that are open now.
    pub connections: AtomicU64,
    /// Signs of life.
    pub health: Health,
    /// Calls of click monitors, in the order of [`MonitorOutcome::ALL`].
    pub monitors: Reasons,
    /// Bids' creatives that nobody has reviewed, in the order of [`UnreviewedOutcome::ALL`].
    pub unreviewed: Reasons,
    /// Requests to the partner API, in the order of [`PartnerAnswer::ALL`].
    pub partners: Reasons,
    /// Looks at landing pages.
    pub landing: Landing,
    /// Won bids whose DSPs wait for the media's word.
    pub notices_waiting: AtomicU64,
    /// Kept notices that are tried again, and that are not by themselves.
    pub notices_owed: [AtomicU64; 2],
}

impl Metrics {
    /// All zero. The names come from those who own the reasons.
    #[must_use]
    pub fn new(
        no_bids: Vec<&'static str>,
        rejections: Vec<&'static str>,
        notices: Vec<&'static str>,
        clicks: Vec<&'static str>,
    ) -> Self {
        Self {
            requests: Cells::new(),
            strangers: Default::default(),
            request_seconds: Timing::default(),
            overhead_seconds: Timing::default(),
            no_bids: Reasons::new(no_bids),
            dsps: Cells::new(),
            rejections: rejections.into(),
            billed_micro_yuan: Default::default(),
            notices: Reasons::new(notices),
            clicks: Reasons::new(clicks),
            journal_commit_seconds: Timing::default(),
            reloads: Default::default(),
            shed: Reasons::new(Shed::ALL.map(|(_, label)| label)),
            queue_delay_seconds: Timing::default(),
            connections: AtomicU64::new(0),
            health: Health::default(),
            monitors: Reasons::new(MonitorOutcome::ALL.map(|(_, label)| label)),
            unreviewed: Reasons::new(UnreviewedOutcome::ALL.map(|(_, label)| label)),
            partners: Reasons::new(PartnerAnswer::ALL.map(|(_, label)| label)),
            landing: Landing::default(),
            notices_waiting: AtomicU64::new(0),
            notices_owed: Default::default(),
        }
    }

    /// Counts what was refused at a bound.
    pub fn shed(&self, at: Shed) {
        self.shed.one(at as usize);
    }

    /// Counts a request of a media, or of a stranger.
    pub fn request(&self, media: Option<MediaId>, outcome: Outcome) {
        match media.and_then(|media| self.requests.get(media)) {
            Some(counts) => counts[outcome as usize].one(),
            None => self.strangers[outcome as usize].one(),
        }
    }

    /// Requests that ended so, over all media.
    #[must_use]
    pub fn total(&self, outcome: Outcome) -> u64 {
        let known: u64 = self.requests.touched().map(|(_, counts)| counts[outcome as usize].get()).sum();
        known + self.strangers[outcome as usize].get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_whose_bound_it_does_not_exceed() {
        let timing = Timing::default();
        for us in [50, 51, 9_999_999, 20_000_000] {
            timing.note(Duration::from_micros(us));
        }
        let (sum, count, buckets) = timing.read();
        assert_eq!((sum, count), (30.000_1, 4));
        assert_eq!(buckets[0].1, 1);
        assert_eq!(buckets[1].1, 1);
        assert_eq!(buckets[BOUNDS_US.len() - 1].1, 1);
        assert_eq!(buckets[BOUNDS_US.len()].1, 1);
        assert_eq!(timing.quantile_us(0.5), 100);
    }
}
