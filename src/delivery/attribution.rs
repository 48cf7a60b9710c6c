//! Counts of what happened to each deal's opportunities, per settlement day; every one ends under a named cause.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Measure, Tally};
use crate::ids::{Cells, DealId};

/// Measures have codes below this.
const CODES: usize = 512;

/// The counts of one deal: two banks, for the days with even and odd numbers, so that a midnight keeps them apart.
#[derive(Debug)]
struct Counts {
    /// What is not in the journal yet.
    fresh: [Box<[AtomicU64]>; 2],
    /// All of the day.
    total: [Box<[AtomicU64]>; 2],
    /// All since the process started.
    ever: Box<[AtomicU64]>,
}

impl Default for Counts {
    fn default() -> Self {
        let bank = || (0..measures().len()).map(|_| AtomicU64::new(0)).collect();
        Self { fresh: [bank(), bank()], total: [bank(), bank()], ever: bank() }
    }
}

/// The live counts of all deals; lock-free to add to.
#[derive(Debug, Default)]
pub struct Attribution {
    deals: Cells<DealId, Counts>,
}

impl Attribution {
    /// Counts one opportunity of a deal.
    pub fn count(&self, deal: DealId, day: ShanghaiDay, measure: Measure) {
        self.add(deal, day, measure, 1);
    }

    fn add(&self, deal: DealId, day: ShanghaiDay, measure: Measure, count: u64) {
        let (Some(counts), Some(row)) = (self.deals.get(deal), row_of(measure)) else { return };
        counts.fresh[bank_of(day)][row].fetch_add(count, Ordering::Relaxed);
        counts.total[bank_of(day)][row].fetch_add(count, Ordering::Relaxed);
        counts.ever[row].fetch_add(count, Ordering::Relaxed);
    }

    /// What happened to a deal since the process started, where anything did.
    pub fn since_start(&self, deal: DealId) -> impl Iterator<Item = (Measure, u64)> {
        let rows = self.deals.get(deal).map_or(&[][..], |counts| &counts.ever);
        let counts = measures().iter().zip(rows).map(|(measure, count)| (*measure, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// How often something happened to a deal today, the journal's count at start included.
    #[must_use]
    pub fn today(&self, deal: DealId, day: ShanghaiDay, measure: Measure) -> u64 {
        let (Some(counts), Some(row)) = (self.deals.get(deal), row_of(measure)) else { return 0 };
        counts.total[bank_of(day)][row].load(Ordering::Relaxed)
    }

    /// Restores what the journal knows of the day at start.
    pub fn restore(&self, tallies: &[Tally]) {
        for tally in tallies {
            let (Some(counts), Some(row)) = (self.deals.get(tally.deal), row_of(tally.measure)) else { continue };
            counts.total[bank_of(tally.day)][row].fetch_add(tally.count, Ordering::Relaxed);
        }
    }

    /// Takes the increments since the last call. `now` tells which day each bank stands for: today's and yesterday's.
    ///
    /// Must be called at least once between 00:00 and 23:59 of each day, which frees the bank of the day to come.
    #[must_use]
    pub fn drain(&self, now: UnixMillis) -> Vec<Tally> {
        let today = now.shanghai_day();
        let days = [today, ShanghaiDay(today.0.saturating_sub(1))];
        let mut rows = Vec::new();
        for (deal, counts) in self.deals.touched() {
            for day in days {
                for (row, measure) in measures().iter().enumerate() {
                    let count = counts.fresh[bank_of(day)][row].swap(0, Ordering::Relaxed);
                    if count > 0 {
                        rows.push(Tally { day, deal, measure: *measure, count });
                    }
                }
            }
        }
        rows
    }

    /// Puts back increments that could not be written.
    pub fn put_back(&self, tallies: &[Tally]) {
        for tally in tallies {
            let (Some(counts), Some(row)) = (self.deals.get(tally.deal), row_of(tally.measure)) else { continue };
            counts.fresh[bank_of(tally.day)][row].fetch_add(tally.count, Ordering::Relaxed);
        }
    }

    /// Forgets yesterday's totals, so that its bank can serve tomorrow. Called once after each midnight's last drain.
    pub fn forget(&self, day: ShanghaiDay) {
        for (_, counts) in self.deals.touched() {
            for total in &counts.total[bank_of(day)] {
                total.store(0, Ordering::Relaxed);
            }
        }
    }
}

const fn bank_of(day: ShanghaiDay) -> usize {
    (day.0 & 1) as usize
}

fn measures() -> &'static [Measure] {
    static ALL: std::sync::OnceLock<Vec<Measure>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| Measure::all().collect())
}

fn row_of(measure: Measure) -> Option<usize> {
    static ROWS: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        let mut rows = vec![u8::MAX; CODES];
        for (row, measure) in measures().iter().enumerate() {
            rows[usize::from(measure.code())] = row as u8;
        }
        rows
    });
    rows.get(usize::from(measure.code())).filter(|row| **row != u8::MAX).map(|row| usize::from(*row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, Stage};

    const DEAL: DealId = DealId(4);
    const OFFERED: Measure = Measure::Stage(Stage::Offered);

    #[test]
    fn r_makegood_every_measure_is_counted_under_its_own_name_and_day() {
        let counts = Attribution::default();
        let today = ShanghaiDay(20_779);
        for (index, measure) in Measure::all().enumerate() {
            counts.add(DEAL, today, measure, index as u64 + 1);
        }
        let yesterday = ShanghaiDay(today.0 - 1);
        counts.count(DEAL, yesterday, OFFERED);
        let drained = counts.drain(today.starts_at());
        for (index, measure) in Measure::all().enumerate() {
            let row = Tally { day: today, deal: DEAL, measure, count: index as u64 + 1 };
            assert!(drained.contains(&row), "{measure:?}");
        }
        assert!(drained.contains(&Tally { day: yesterday, deal: DEAL, measure: OFFERED, count: 1 }));
        assert_eq!(counts.drain(today.starts_at()), [], "taken once");
    }

    #[test]
    fn what_could_not_be_written_is_written_next_time_and_totals_survive() {
        let counts = Attribution::default();
        let today = ShanghaiDay(20_779);
        counts.restore(&[Tally { day: today, deal: DEAL, measure: OFFERED, count: 100 }]);
        counts.count(DEAL, today, OFFERED);
        counts.count(DEAL, today, Measure::Cause(Cause::Returned));
        let drained = counts.drain(today.starts_at());
        counts.put_back(&drained);
        assert_eq!(counts.drain(today.starts_at()), drained);
        assert_eq!(counts.today(DEAL, today, OFFERED), 101);
        counts.forget(today);
        assert_eq!(counts.today(DEAL, today, OFFERED), 0);
    }
}
