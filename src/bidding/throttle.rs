//! The rate that each DSP was promised not to exceed, per node: one atomic number a DSP, shared by all cores.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::ids::{Cells, DspId};

/// How much of an idle spell may be made up at once, µs.
const BURST_US: u64 = 100_000;

/// Token buckets by DSP; they outlive reloads (architecture, invariant 15).
#[derive(Debug)]
pub struct Throttles {
    start: Instant,
    due_ns: Cells<DspId, AtomicU64>,
}

impl Throttles {
    /// Full buckets; `start` is any moment that is not in the future.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, due_ns: Cells::new() }
    }

    /// Takes one request from a DSP's bucket; `false` when its rate is used up.
    pub fn take(&self, dsp: DspId, queries_per_second: u32, now: Instant) -> bool {
        let Some(due) = self.due_ns.get(dsp) else { return false };
        let interval = 1_000_000_000 / u64::from(queries_per_second.max(1));
        let passed = now.saturating_duration_since(self.start).as_nanos();
        // An hour ahead of the start, so that the first burst needs no negative time.
        let time = u64::try_from(passed).unwrap_or(u64::MAX / 2).saturating_add(3_600_000_000_000);
        let step = |due: u64| (due <= time).then(|| due.max(time - BURST_US * 1_000) + interval);
        due.fetch_update(Ordering::AcqRel, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_dsp_is_asked_at_its_rate_with_a_small_burst() {
        let start = Instant::now();
        let throttles = Throttles::new(start);
        let second = |from: u64| {
            (0..10_000_u64)
                .filter(|step| throttles.take(DspId(1), 1_000, start + Duration::from_micros(from + step * 100)))
                .count()
        };
        let first = second(0);
        assert!((1_000..=1_101).contains(&first), "{first}");
        let next = second(1_000_000);
        assert!((999..=1_001).contains(&next), "{next}");
        assert!(throttles.take(DspId(2), 1, start), "buckets are apart");
    }
}
