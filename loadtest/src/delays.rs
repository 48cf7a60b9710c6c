//! How long the slowest DSP of an auction took on purpose, so that it can be subtracted from the latency.
//!
//! The exchange gives an auction an id of its own, but OpenRTB's `source.tid` is shared by all participants of an auction
//! (§3.2.2): every request of the traffic has one, DSPs write the time that they waited under it, and the media takes
//! it out with the answer. An exchange that does not pass `source.tid` on leaves nothing here; then the constant latency of
//! the DSPs is subtracted, or nothing if it was not constant.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 16;
/// Entries of auctions that nobody came back for are dropped with their shard at this size.
const MOST_PER_SHARD: usize = 50_000;

/// Microseconds of deliberate delay, by `source.tid`.
#[derive(Debug, Default)]
pub struct Delays {
    shards: [Mutex<HashMap<String, u64>>; SHARDS],
    hasher: RandomState,
}

impl Delays {
    /// A DSP waits, or waited, that long; the longest of all DSPs counts.
    pub fn note(&self, tid: &str, microseconds: u64) {
        let mut shard = self.shard(tid).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(longest) = shard.get_mut(tid) {
            *longest = microseconds.max(*longest);
            return;
        }
        if shard.len() >= MOST_PER_SHARD {
            shard.clear();
        }
        shard.insert(tid.to_owned(), microseconds);
    }

    /// Takes out what is known of an auction.
    #[must_use]
    pub fn take(&self, tid: &str) -> Option<u64> {
        self.shard(tid).lock().unwrap_or_else(PoisonError::into_inner).remove(tid)
    }

    fn shard(&self, tid: &str) -> &Mutex<HashMap<String, u64>> {
        let index = usize::try_from(self.hasher.hash_one(tid) % SHARDS as u64).unwrap_or(0);
        &self.shards[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_counts_and_is_taken_once() {
        let delays = Delays::default();
        delays.note("a", 5);
        delays.note("a", 9);
        delays.note("a", 2);
        assert_eq!(delays.take("a"), Some(9));
        assert_eq!(delays.take("a"), None);
    }
}
