//! What deals may still win today with content that no person has seen (R-REVIEW, serve first).
//!
//! A deal's share of a day is kept in the docket, where every process reserves parts of it before it serves them; here stands what this process has
//! reserved and not won yet. So the share is never exceeded, whichever process ends whenever: what one that is killed had reserved is not served.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::ShanghaiDay;
use crate::ids::{Cells, DealId};

/// Impressions by deal, of one day each: the day in the upper half, what is left of it in the lower one.
#[derive(Debug, Default)]
pub struct Allowances {
    cells: Cells<DealId, AtomicU64>,
}

impl Allowances {
    /// How many impressions a deal has left on a day.
    #[must_use]
    pub fn left(&self, deal: DealId, day: ShanghaiDay) -> u32 {
        self.cells.get(deal).map_or(0, |cell| left_of(cell.load(Ordering::Acquire), day))
    }

    /// Takes that many; `false`: there are fewer, and nothing is taken.
    pub fn take(&self, deal: DealId, day: ShanghaiDay, impressions: u32) -> bool {
        let Some(cell) = self.cells.get(deal) else { return false };
        let taken = |value| Some(packed(day, left_of(value, day).checked_sub(impressions)?));
        cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }

    /// Adds what was reserved for a day, or was taken and not won. What another day had left is gone; a day that is over has none.
    pub fn add(&self, deal: DealId, day: ShanghaiDay, impressions: u32) {
        let Some(cell) = self.cells.get(deal) else { return };
        let added = |value| {
            let later = value >> 32 > u64::from(day.0);
            (!later).then(|| packed(day, left_of(value, day).saturating_add(impressions)))
        };
        // It fails where a later day has begun.
        let _ = cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
    }

    /// Takes all that is left of any day, to be given back: each with its deal, its day and how many.
    pub fn close(&self) -> Vec<(DealId, ShanghaiDay, u32)> {
        let taken = self.cells.touched().map(|(deal, cell)| (deal, cell.swap(0, Ordering::AcqRel)));
        let parts = taken.map(|(deal, value)| {
            let day = ShanghaiDay(u32::try_from(value >> 32).unwrap_or(0));
            (deal, day, left_of(value, day))
        });
        parts.filter(|(_, _, left)| *left > 0).collect()
    }
}

fn packed(day: ShanghaiDay, left: u32) -> u64 {
    u64::from(day.0) << 32 | u64::from(left)
}

fn left_of(value: u64, day: ShanghaiDay) -> u32 {
    if value >> 32 == u64::from(day.0) { (value & u64::from(u32::MAX)) as u32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAL: DealId = DealId(300);
    const TODAY: ShanghaiDay = ShanghaiDay(20_779);

    #[test]
    fn r_review_no_more_is_taken_than_was_reserved_for_the_day() {
        let allowances = Allowances::default();
        let next = ShanghaiDay(TODAY.0 + 1);
        assert!(!allowances.take(DEAL, TODAY, 1));
        allowances.add(DEAL, TODAY, 3);
        assert!(!allowances.take(DEAL, next, 1), "of that day only");
        assert!(allowances.take(DEAL, TODAY, 2) && !allowances.take(DEAL, TODAY, 2));
        assert_eq!(allowances.left(DEAL, TODAY), 1, "what does not suffice is not taken");
        allowances.add(DEAL, next, 5);
        allowances.add(DEAL, TODAY, 9);
        assert_eq!((allowances.left(DEAL, TODAY), allowances.left(DEAL, next)), (0, 5), "what is over is over");
        assert_eq!((allowances.close(), allowances.left(DEAL, next)), (vec![(DEAL, next, 5)], 0));
    }

    #[test]
    fn r_review_cores_share_what_was_reserved() {
        let allowances = Allowances::default();
        allowances.add(DEAL, TODAY, 1_000);
        let won = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Each may take it all, and no more: it ends whatever `take` says.
                    let taken = (0..=1_000).take_while(|_| allowances.take(DEAL, TODAY, 1)).count();
                    won.fetch_add(taken as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(won.into_inner(), 1_000);
    }
}
