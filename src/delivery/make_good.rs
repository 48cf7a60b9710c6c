//! What the exchange makes good today beside what was ordered for the day (R-MAKEGOOD): read by requests, set by the housekeeping.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::ShanghaiDay;
use crate::ids::{Cells, DealId};

/// The volumes of all deals; each with its day, so that yesterday's counts for nothing.
#[derive(Debug, Default)]
pub struct MakeGood {
    deals: Cells<DealId, AtomicU64>,
}

/// The most impressions that a cell holds: 48 bits; the day has the others.
const MOST: u64 = 0xffff_ffff_ffff;

impl MakeGood {
    /// Sets how many impressions of a deal are to be made good on a day.
    pub fn set(&self, deal: DealId, day: ShanghaiDay, impressions: u64) {
        if let Some(cell) = self.deals.get(deal) {
            cell.store(mark(day) | impressions.min(MOST), Ordering::Relaxed);
        }
    }

    /// How many impressions of a deal are to be made good on a day; 0 where nobody has said it.
    #[must_use]
    pub fn of(&self, deal: DealId, day: ShanghaiDay) -> u64 {
        let stored = self.deals.get(deal).map_or(0, |cell| cell.load(Ordering::Relaxed));
        if stored & !MOST == mark(day) { stored & MOST } else { 0 }
    }
}

fn mark(day: ShanghaiDay) -> u64 {
    u64::from(day.0 & 0xffff) << 48
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_makegood_a_volume_counts_on_its_day_only() {
        let (volumes, deal, day) = (MakeGood::default(), DealId(3), ShanghaiDay(20_779));
        assert_eq!(volumes.of(deal, day), 0);
        volumes.set(deal, day, 50_000);
        assert_eq!((volumes.of(deal, day), volumes.of(deal, day.next()), volumes.of(DealId(4), day)), (50_000, 0, 0));
        volumes.set(deal, day.next(), u64::MAX);
        assert_eq!((volumes.of(deal, day), volumes.of(deal, day.next())), (0, MOST));
    }
}
