//! What a scripted DSP counts and remembers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::HeaderMap;

/// Counters of a scripted DSP since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DspStats {
    /// Connections accepted.
    pub connections: u64,
    /// Bid requests read.
    pub requests: u64,
    /// Bid requests that were not JSON or had no id.
    pub unreadable: u64,
    /// Bids written, lies included.
    pub bids: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of response bodies.
    pub bytes_out: u64,
    /// Requests by the temper that they met.
    pub tempers: BTreeMap<&'static str, u64>,
    /// Calls of its `nurl`.
    pub wins: u64,
    /// Calls of its `burl`.
    pub billed: u64,
    /// Calls of its `lurl`.
    pub losses: u64,
}

/// A bid request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Path and query.
    pub target: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Counters and the last few messages. Locks are held for a count, never across an await.
#[derive(Debug, Default)]
pub(super) struct Memory {
    stats: Mutex<DspStats>,
    seen: Mutex<VecDeque<Seen>>,
    notices: Mutex<VecDeque<String>>,
    most: usize,
}

impl Memory {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, DspStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, target: &str, headers: &HeaderMap, body: &Bytes) {
        if self.most > 0 {
            let seen = Seen { target: target.to_owned(), headers: headers.clone(), body: body.clone() };
            push(&self.seen, self.most, seen);
        }
    }

    pub(super) fn notice(&self, target: &str) {
        let mut stats = self.stats();
        match target.split(['/', '?']).nth(2) {
            Some("win") => stats.wins += 1,
            Some("bill") => stats.billed += 1,
            Some("loss") => stats.losses += 1,
            _ => {}
        }
        drop(stats);
        if self.most > 0 {
            push(&self.notices, self.most, target.to_owned());
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn push<T>(queue: &Mutex<VecDeque<T>>, most: usize, item: T) {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
