//! What a scripted DSP counts and remembers.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::HeaderMap;

use crate::notices::Bill;

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
    /// Notices that were called a second time, said of one bid that it won and that it lost, or said what is not so; by what is wrong.
    pub wrong_notices: BTreeMap<&'static str, u64>,
}

/// What is wrong with the notices that some DSPs heard of a run: each billed impression of a bid of theirs is billed to its DSP
/// exactly once, each win told exactly once, in words that are so. Without an answer of the exchange to every notice of the
/// media nobody knows how many there must be.
#[must_use]
pub fn heard(dsps: &[DspStats], bill: &Bill) -> Vec<String> {
    let mut complaints = Vec::new();
    for (wrong, count) in dsps.iter().flat_map(|dsp| &dsp.wrong_notices) {
        complaints.push(format!("notices to DSPs: {count} {wrong}"));
    }
    let sum = |of: fn(&DspStats) -> u64| dsps.iter().map(of).sum::<u64>();
    let told = [("bill", sum(|dsp| dsp.billed), bill.dsp_billed), ("win", sum(|dsp| dsp.wins), bill.dsp_told)];
    for (kind, found, owed) in told.into_iter().filter(|_| bill.notices_unknown == 0) {
        if found != owed {
            complaints.push(format!("DSPs heard {found} {kind} notices and are owed {owed}"));
        }
    }
    complaints
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
    heard: Mutex<Heard>,
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
        let wrong = self.heard.lock().unwrap_or_else(PoisonError::into_inner).judge(target);
        let mut stats = self.stats();
        match (wrong, target.split(['/', '?']).nth(2)) {
            (Some(wrong), _) => *stats.wrong_notices.entry(wrong).or_default() += 1,
            (None, Some("win")) => stats.wins += 1,
            (None, Some("bill")) => stats.billed += 1,
            (None, Some("loss")) => stats.losses += 1,
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

/// Notices of this many bids are remembered, to tell a second call from a first.
const MOST_HEARD: usize = 1 << 18;

/// What was heard of bids, by kind and the bid's own id.
#[derive(Debug, Default)]
struct Heard {
    known: HashSet<(u8, u64)>,
    order: VecDeque<(u8, u64)>,
}

impl Heard {
    /// What is wrong with a notice of a scripted bid. URLs that others wrote are not judged.
    fn judge(&mut self, target: &str) -> Option<&'static str> {
        let (path, query) = target.split_once('?')?;
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or("")
        };
        let own = value("own").strip_prefix('b').map(|own| own.split('-').map(str::parse::<u64>).collect::<Vec<_>>());
        let Some([Ok(serial), Ok(count)]) = own.as_deref() else { return None };
        let id = serial << 16 | count;
        let kind = match path.rsplit('/').next() {
            Some("win") => 0,
            Some("bill") => 1,
            Some("loss") => 2,
            _ => return Some("of no known kind"),
        };
        let (won, contrary): (bool, &[u8]) = if kind == 2 { (false, &[0, 1]) } else { (true, &[2]) };
        if self.known.contains(&(kind, id)) {
            return Some("called twice");
        }
        if contrary.iter().any(|other| self.known.contains(&(*other, id))) {
            return Some("won and lost");
        }
        self.known.insert((kind, id));
        self.order.push_back((kind, id));
        if self.order.len() > MOST_HEARD
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        words(won, kind == 1, &value)
    }
}

/// What is wrong with a notice's macros.
fn words<'q>(won: bool, billed: bool, value: &impl Fn(&str) -> &'q str) -> Option<&'static str> {
    let number = |name: &str| value(name).parse::<f64>().ok();
    let near = |one: Option<f64>, other: Option<f64>| one.zip(other).is_some_and(|(a, b)| (a - b).abs() < 5e-7);
    let own_price = near(number("price"), number("want")) && near(number("min"), number("want"));
    let share = number("mbr").is_some_and(|ratio| ratio > 0.0 && ratio <= 1.0);
    match () {
        () if value("auction").len() != 32 => Some("without its auction"),
        () if !value("bid").starts_with('r') => Some("without its response"),
        () if value("cur") != value("wantcur") => Some("in another currency"),
        () if value("seat") != value("wantseat") => Some("for another seat"),
        () if won && value("imp") != value("wantimp") => Some("for another imp"),
        () if won && !(own_price && share) => Some("at another price"),
        () if won && (value("loss") != "0" || number("mult").is_none()) => Some("won for a reason of losing"),
        () if billed && value("ts").len() != 13 => Some("without its time"),
        () if !won && number("loss").is_none_or(|reason| reason < 1.0) => Some("lost without a reason"),
        () if !won && ["price", "min", "mbr", "mult", "ts"].iter().any(|name| !value(name).is_empty()) => {
            Some("lost, with a price")
        }
        () if ["ad", "pct", "cpm"].iter().any(|name| !value(name).is_empty()) => Some("with a value that nobody has"),
        () => None,
    }
}

fn push<T>(queue: &Mutex<VecDeque<T>>, most: usize, item: T) {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
