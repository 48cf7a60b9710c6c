//! Whether the hot threads get on, and whether the store takes what it is given: what `/healthz` and `/readyz` ask.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::ids::Lane;

/// A core says that often that it gets on.
pub const BEAT: Duration = Duration::from_secs(1);
/// A core that has said nothing for so long is stuck.
pub const STUCK: Duration = Duration::from_secs(5);

/// Lanes of a node at most.
const LANES: usize = 256;

/// Signs of life. A core that has not begun, or has ended in order, gives none and is not missed.
#[derive(Debug)]
pub struct Health {
    start: OnceLock<Instant>,
    /// Milliseconds from the start to the last beat, plus one; 0: none is expected.
    beats: Box<[AtomicU64]>,
    /// Requests inside each core at its last beat.
    inside: Box<[AtomicU64]>,
    refuses: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        let lanes = || (0..LANES).map(|_| AtomicU64::new(0)).collect();
        Self { start: OnceLock::new(), beats: lanes(), inside: lanes(), refuses: AtomicBool::new(false) }
    }
}

impl Health {
    fn since_start(&self, now: Instant) -> u64 {
        let start = *self.start.get_or_init(|| now);
        u64::try_from(now.saturating_duration_since(start).as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// A core gets on, with so many requests inside.
    pub fn beat(&self, lane: Lane, inside: usize, now: Instant) {
        let place = usize::from(lane.0);
        self.beats[place].store(self.since_start(now) + 1, Ordering::Relaxed);
        self.inside[place].store(inside as u64, Ordering::Relaxed);
    }

    /// A core has ended in order.
    pub fn rest(&self, lane: Lane) {
        self.beats[usize::from(lane.0)].store(0, Ordering::Relaxed);
        self.inside[usize::from(lane.0)].store(0, Ordering::Relaxed);
    }

    /// Cores that have given no sign of life for longer than [`STUCK`].
    #[must_use]
    pub fn stuck(&self, now: Instant) -> Vec<Lane> {
        let now = self.since_start(now) + 1;
        let late = |beat: u64| beat > 0 && u128::from(now.saturating_sub(beat)) > STUCK.as_millis();
        let lanes = (0..=u8::MAX).zip(&self.beats);
        lanes.filter(|(_, beat)| late(beat.load(Ordering::Relaxed))).map(|(lane, _)| Lane(lane)).collect()
    }

    /// Requests inside all cores at their last beats.
    #[must_use]
    pub fn inside(&self) -> u64 {
        self.inside.iter().map(|inside| inside.load(Ordering::Relaxed)).sum()
    }

    /// Says whether the store takes what it is given. Returns whether that is news.
    pub fn store_writes(&self, writes: bool) -> bool {
        self.refuses.swap(!writes, Ordering::Relaxed) == writes
    }

    /// Whether the store took what it was given last.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.refuses.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_missed_when_it_stops_without_a_word_and_not_when_it_ends() {
        let health = Health::default();
        let start = Instant::now();
        assert_eq!(health.stuck(start), [], "none has begun");
        health.beat(Lane(0), 3, start);
        health.beat(Lane(255), 4, start);
        assert_eq!(health.inside(), 7);
        assert_eq!(health.stuck(start + STUCK), []);
        health.beat(Lane(0), 1, start + STUCK);
        assert_eq!(health.stuck(start + STUCK + Duration::from_millis(1)), [Lane(255)]);
        health.rest(Lane(255));
        assert_eq!((health.stuck(start + STUCK * 2), health.inside()), (vec![], 1));
        assert_eq!(health.stuck(start + STUCK * 3), [Lane(0)]);
    }

    #[test]
    fn a_change_of_the_store_is_news_once() {
        let health = Health::default();
        assert!(health.is_writable());
        let news = [true, false, false, true].map(|writes| health.store_writes(writes));
        assert_eq!(news, [false, true, false, true]);
    }
}
