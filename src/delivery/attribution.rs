//! Counts of what happened to each deal's opportunities, per settlement day; every one ends under a named cause.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Measure, Tally};
use crate::ids::{Cells, DealId};

/// Measures have codes below this.
const CODES: usize = 512;
const NOON_MS: u64 = 12 * 3_600_000;

/// The counts of one deal: two banks, for days with even and odd numbers, so that a midnight keeps them apart.
#[derive(Debug)]
struct Counts {
    /// What is not in the journal yet.
    fresh: [Box<[AtomicU64]>; 2],
    /// All of the bank's day on this node.
    total: [Box<[AtomicU64]>; 2],
    /// What other nodes have counted on the bank's day, as far as that is known here.
    elsewhere: [Box<[AtomicU64]>; 2],
    /// All since the process started.
    ever: Box<[AtomicU64]>,
}

impl Default for Counts {
    fn default() -> Self {
        let bank = || (0..measures().len()).map(|_| AtomicU64::new(0)).collect();
        let banks = || [bank(), bank()];
        Self { fresh: banks(), total: banks(), elsewhere: banks(), ever: bank() }
    }
}

/// The live counts of all deals; lock-free to add to for today and the day before or after it.
#[derive(Debug, Default)]
pub struct Attribution {
    deals: Cells<DealId, Counts>,
    /// The day that each bank stands for, as its number plus one; 0 before the first [`Attribution::turn`].
    days: [AtomicU64; 2],
    /// Counts of other days: displays that are billed long after their auction.
    late: Mutex<BTreeMap<(ShanghaiDay, DealId, Measure), u64>>,
}

impl Attribution {
    /// Counts one opportunity of a deal.
    pub fn count(&self, deal: DealId, day: ShanghaiDay, measure: Measure) {
        self.add(deal, day, measure, 1);
    }

    fn add(&self, deal: DealId, day: ShanghaiDay, measure: Measure, count: u64) {
        let (Some(counts), Some(row)) = (self.deals.get(deal), row_of(measure)) else { return };
        counts.ever[row].fetch_add(count, Ordering::Relaxed);
        let Some(bank) = self.bank(day) else {
            *self.late().entry((day, deal, measure)).or_default() += count;
            return;
        };
        counts.fresh[bank][row].fetch_add(count, Ordering::Relaxed);
        counts.total[bank][row].fetch_add(count, Ordering::Relaxed);
    }

    /// What happened to a deal since the process started, where anything did.
    pub fn since_start(&self, deal: DealId) -> impl Iterator<Item = (Measure, u64)> {
        let rows = self.deals.get(deal).map_or(&[][..], |counts| &counts.ever);
        let counts = measures().iter().zip(rows).map(|(measure, count)| (*measure, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// How often something happened to a deal on a day, the journal's count at start and what was told of other nodes included; 0 for a
    /// day that no bank stands for.
    #[must_use]
    pub fn today(&self, deal: DealId, day: ShanghaiDay, measure: Measure) -> u64 {
        let (Some(counts), Some(row), Some(bank)) = (self.deals.get(deal), row_of(measure), self.bank(day)) else {
            return 0;
        };
        counts.total[bank][row].load(Ordering::Relaxed) + counts.elsewhere[bank][row].load(Ordering::Relaxed)
    }

    /// Notes how often something has happened on all other nodes, and says how much more that is than was known.
    pub fn note_elsewhere(&self, tally: &Tally) -> u64 {
        let place = (self.deals.get(tally.deal), row_of(tally.measure), self.bank(tally.day));
        let (Some(counts), Some(row), Some(bank)) = place else { return 0 };
        tally.count.saturating_sub(counts.elsewhere[bank][row].swap(tally.count, Ordering::Relaxed))
    }

    /// Restores what the journal knows of this node's day at start, after the first [`Attribution::turn`].
    pub fn restore(&self, tallies: &[Tally]) {
        for tally in tallies {
            let (Some(counts), Some(row)) = (self.deals.get(tally.deal), row_of(tally.measure)) else { continue };
            if let Some(bank) = self.bank(tally.day) {
                counts.total[bank][row].fetch_add(tally.count, Ordering::Relaxed);
            }
        }
    }

    /// Gives each bank its day: today's, and until noon yesterday's, then tomorrow's, so that a bank is ready long before
    /// its day begins. Called before the first count and at least every few hours.
    pub fn turn(&self, now: UnixMillis) {
        let today = now.shanghai_day();
        let afternoon = now.shanghai_time_of_day_ms() >= NOON_MS;
        let other = if afternoon { today.next() } else { ShanghaiDay(today.0.saturating_sub(1)) };
        for day in [today, other] {
            let bank = usize::from(day.0 & 1 == 1);
            let mark = u64::from(day.0) + 1;
            let before = self.days[bank].swap(mark, Ordering::AcqRel);
            if before != mark {
                self.empty(bank, before.checked_sub(1).map(|number| ShanghaiDay(number as u32)));
            }
        }
    }

    /// Moves what a bank still holds of its old day to the late counts.
    fn empty(&self, bank: usize, old: Option<ShanghaiDay>) {
        for (deal, counts) in self.deals.touched() {
            for (row, measure) in measures().iter().enumerate() {
                counts.total[bank][row].store(0, Ordering::Relaxed);
                counts.elsewhere[bank][row].store(0, Ordering::Relaxed);
                let count = counts.fresh[bank][row].swap(0, Ordering::Relaxed);
                if let Some(day) = old.filter(|_| count > 0) {
                    *self.late().entry((day, deal, *measure)).or_default() += count;
                }
            }
        }
    }

    /// Takes the increments since the last call.
    #[must_use]
    pub fn drain(&self) -> Vec<Tally> {
        let late = std::mem::take(&mut *self.late());
        let tally = |((day, deal, measure), count)| Tally { day, deal, measure, count };
        let mut rows: Vec<_> = late.into_iter().map(tally).collect();
        let days: [_; 2] = std::array::from_fn(|bank| self.days[bank].load(Ordering::Acquire));
        for (deal, counts) in self.deals.touched() {
            for (bank, mark) in days.iter().enumerate() {
                let Some(day) = mark.checked_sub(1).map(|number| ShanghaiDay(number as u32)) else { continue };
                for (row, measure) in measures().iter().enumerate() {
                    let count = counts.fresh[bank][row].swap(0, Ordering::Relaxed);
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
        let mut late = self.late();
        for tally in tallies {
            *late.entry((tally.day, tally.deal, tally.measure)).or_default() += tally.count;
        }
    }

    /// The bank that stands for a day.
    fn bank(&self, day: ShanghaiDay) -> Option<usize> {
        let bank = usize::from(day.0 & 1 == 1);
        (self.days[bank].load(Ordering::Acquire) == u64::from(day.0) + 1).then_some(bank)
    }

    fn late(&self) -> MutexGuard<'_, BTreeMap<(ShanghaiDay, DealId, Measure), u64>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    const TODAY: ShanghaiDay = ShanghaiDay(20_779);

    fn at_hour(day: ShanghaiDay, hour: u64) -> Attribution {
        let counts = Attribution::default();
        counts.turn(day.starts_at().plus_ms(hour * 3_600_000));
        counts
    }

    fn row(day: ShanghaiDay, measure: Measure, count: u64) -> Tally {
        Tally { day, deal: DEAL, measure, count }
    }

    #[test]
    fn r_makegood_every_measure_is_counted_under_its_own_name() {
        let counts = at_hour(TODAY, 9);
        for (index, measure) in Measure::all().enumerate() {
            counts.add(DEAL, TODAY, measure, index as u64 + 1);
        }
        let drained = counts.drain();
        for (index, measure) in Measure::all().enumerate() {
            assert!(drained.contains(&row(TODAY, measure, index as u64 + 1)), "{measure:?}");
        }
        assert_eq!(counts.drain(), [], "taken once");
    }

    #[test]
    fn r_month_each_count_belongs_to_its_auctions_day_however_late_it_comes() {
        let counts = at_hour(TODAY, 9);
        let days = [TODAY.0 - 5, TODAY.0 - 1, TODAY.0, TODAY.0 + 1].map(ShanghaiDay);
        days.iter().for_each(|day| counts.count(DEAL, *day, OFFERED));
        let mut drained = counts.drain();
        drained.sort_by_key(|tally| tally.day);
        assert_eq!(drained, days.map(|day| row(day, OFFERED, 1)));
    }

    #[test]
    fn a_midnight_keeps_the_days_apart_and_tomorrow_starts_from_nothing() {
        let counts = at_hour(TODAY, 9);
        let (yesterday, tomorrow) = (ShanghaiDay(TODAY.0 - 1), TODAY.next());
        counts.count(DEAL, yesterday, OFFERED);
        counts.turn(TODAY.starts_at().plus_ms(13 * 3_600_000));
        counts.count(DEAL, TODAY, OFFERED);
        counts.count(DEAL, yesterday, OFFERED);
        assert_eq!(counts.today(DEAL, tomorrow, OFFERED), 0);
        counts.count(DEAL, tomorrow, OFFERED);
        assert_eq!(counts.today(DEAL, TODAY, OFFERED), 1);
        counts.turn(tomorrow.starts_at().plus_ms(1));
        assert_eq!(counts.today(DEAL, tomorrow, OFFERED), 1, "turning again loses nothing");
        let mut drained = counts.drain();
        drained.sort_by_key(|tally| tally.day);
        assert_eq!(drained, [row(yesterday, OFFERED, 2), row(TODAY, OFFERED, 1), row(tomorrow, OFFERED, 1)]);
    }

    #[test]
    fn r_makegood_what_other_nodes_count_is_seen_and_written_by_nobody_twice() {
        let counts = at_hour(TODAY, 9);
        counts.count(DEAL, TODAY, OFFERED);
        let told = [(7, 7), (7, 0), (12, 5)].map(|(count, _)| counts.note_elsewhere(&row(TODAY, OFFERED, count)));
        assert_eq!(told, [7, 0, 5], "what is more than before");
        assert_eq!(counts.today(DEAL, TODAY, OFFERED), 13);
        assert_eq!(counts.drain(), [row(TODAY, OFFERED, 1)], "each node writes its own");
        counts.turn(TODAY.next().starts_at().plus_ms(13 * 3_600_000));
        let later = ShanghaiDay(TODAY.0 + 2);
        assert_eq!(counts.today(DEAL, later, OFFERED), 0, "a new day begins from nothing");
        assert_eq!(counts.note_elsewhere(&row(TODAY, OFFERED, 12)), 0, "no bank stands for that day any more");
    }

    #[test]
    fn what_could_not_be_written_is_written_next_time_and_totals_survive() {
        let counts = at_hour(TODAY, 9);
        counts.restore(&[row(TODAY, OFFERED, 100)]);
        counts.count(DEAL, TODAY, OFFERED);
        counts.count(DEAL, TODAY, Measure::Cause(Cause::Returned));
        let drained = counts.drain();
        counts.put_back(&drained);
        counts.count(DEAL, TODAY, OFFERED);
        let again: u64 = counts.drain().iter().filter(|tally| tally.measure == OFFERED).map(|tally| tally.count).sum();
        assert_eq!((drained.len(), again), (2, 2));
        assert_eq!(counts.today(DEAL, TODAY, OFFERED), 102);
    }
}
