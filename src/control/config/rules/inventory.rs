//! R-INVENTORY: the same forecast impressions are not promised twice.
//!
//! A guaranteed deal takes its daily volume times its push ratio on each day of its period that is not past, from any of its placements
//! and in any of its hours. Whether all of them fit is a flow problem and is judged exactly: what can be served is never refused, what
//! cannot always is. Paused and suspended orders keep what they locked. What a placement's traffic is by region or device is not
//! forecast, so a deal that narrows these counts as if it could take all of it.

mod flow;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::super::Folder;
use super::super::deals::Standing;
use super::super::diagnostic::Report;
use super::super::links::Links;
use super::super::targeting::week_of;
use crate::clock::ShanghaiDay;
use crate::market::targeting::Dayparts;
use flow::{Excess, Promise};

/// More names than these are not given in one message.
const MOST_NAMED: usize = 5;
const HOURS: usize = 24;

/// What one deal takes on each day of its period.
struct Lock {
    deal: usize,
    from: ShanghaiDay,
    /// The first day after it.
    end: ShanghaiDay,
    impressions: u128,
    class: usize,
}

/// Deals that take from the same placements in the same hours are one promise.
struct Class {
    placements: Rc<[usize]>,
    week: Dayparts,
}

pub(super) fn judge(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    let (classes, locks) = locks(folder, links, today);
    for mut group in connected(folder.supply.placements.entries.len(), &classes, locks) {
        group.sort_by_key(|lock| lock.deal);
        Pool::new(folder, &classes, &group).judge(folder, &group, report);
    }
}

fn locks(folder: &Folder, links: &Links, today: ShanghaiDay) -> (Vec<Class>, Vec<Lock>) {
    let mut known = HashMap::new();
    let mut classes = Vec::new();
    let mut locks = Vec::new();
    for (index, (deal, resolved)) in folder.deals.entries.iter().zip(&links.deals).enumerate() {
        let (Some(volume), Some(resolved)) = (&deal.volume, resolved) else { continue };
        let live = matches!(deal.standing, Standing::Live(_)) && deal.period.1 >= today.max(deal.period.0);
        let placements = &resolved.places.placements;
        if !live || placements.is_empty() {
            continue;
        }
        let week = week_of(&deal.include, &deal.exclude);
        let class = *known.entry((Rc::clone(placements), week)).or_insert_with(|| {
            classes.push(Class { placements: Rc::clone(placements), week });
            classes.len() - 1
        });
        locks.push(Lock {
            deal: index,
            from: deal.period.0.max(today),
            end: deal.period.1.next(),
            impressions: volume.value.push.offers_for(volume.value.daily).into(),
            class,
        });
    }
    (classes, locks)
}

/// The locks in groups that share no placement: each is judged by itself.
fn connected(placements: usize, classes: &[Class], locks: Vec<Lock>) -> impl Iterator<Item = Vec<Lock>> {
    let mut parents: Vec<usize> = (0..placements).collect();
    fn root(parents: &mut [usize], mut of: usize) -> usize {
        while parents[of] != of {
            parents[of] = parents[parents[of]];
            of = parents[of];
        }
        of
    }
    for class in classes {
        for pair in class.placements.windows(2) {
            let (a, b) = (root(&mut parents, pair[0]), root(&mut parents, pair[1]));
            parents[a] = b;
        }
    }
    let mut groups: BTreeMap<usize, Vec<Lock>> = BTreeMap::new();
    for lock in locks {
        let Some(first) = classes[lock.class].placements.first() else { continue };
        groups.entry(root(&mut parents, *first)).or_default().push(lock);
    }
    groups.into_values()
}

/// The slots of one group: its placements, or the hours of its placements where some deal does not run around the clock.
struct Pool {
    placements: Vec<usize>,
    /// Slots of one placement: 1 or 24.
    hours: usize,
    capacities: Vec<u64>,
    /// Of each class that the group has, by day of the week (one for all days where hours do not matter), the slots it takes from.
    slots: BTreeMap<usize, Vec<Vec<u32>>>,
    /// What is taken from each slot by day of the week when every deal takes from each in proportion to its capacity: if that fits,
    /// no flow is needed.
    loads: Vec<Vec<u128>>,
    overloaded: Vec<usize>,
    amounts: BTreeMap<usize, u128>,
}

impl Pool {
    fn new(folder: &Folder, classes: &[Class], group: &[Lock]) -> Self {
        let used: BTreeSet<usize> = group.iter().map(|lock| lock.class).collect();
        let timed = used.iter().any(|class| classes[*class].week != Dayparts::ALL);
        let (hours, days) = if timed { (HOURS, 7) } else { (1, 1) };
        let placements: BTreeSet<usize> =
            used.iter().flat_map(|class| classes[*class].placements.iter().copied()).collect();
        let placements: Vec<usize> = placements.into_iter().collect();
        let capacities: Vec<u64> = placements.iter().flat_map(|row| capacities(folder, *row, hours)).collect();
        let slots_of = |class: &Class, day: usize| -> Vec<u32> {
            let rows = class.placements.iter().filter_map(|row| placements.binary_search(row).ok());
            let open = |hour: &usize| !timed || class.week.0[day] >> hour & 1 == 1;
            rows.flat_map(|row| (0..hours).filter(open).map(move |hour| (row * hours + hour) as u32)).collect()
        };
        let slots = used.iter().map(|class| (*class, (0..days).map(|day| slots_of(&classes[*class], day)).collect()));
        Self {
            slots: slots.collect(),
            hours,
            loads: vec![vec![0; capacities.len()]; days],
            overloaded: vec![0; days],
            amounts: BTreeMap::new(),
            placements,
            capacities,
        }
    }

    /// Goes through the days on which something changes, up to the first on which not everything fits.
    fn judge(mut self, folder: &Folder, group: &[Lock], report: &Report) {
        let mut changes: BTreeMap<ShanghaiDay, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (index, lock) in group.iter().enumerate() {
            changes.entry(lock.from).or_default().0.push(index);
            changes.entry(lock.end).or_default().1.push(index);
        }
        let mut changes = changes.into_iter().peekable();
        while let Some((day, (begun, ended))) = changes.next() {
            ended.iter().for_each(|index| self.change(&group[*index], false));
            begun.iter().for_each(|index| self.change(&group[*index], true));
            let Some((next, _)) = changes.peek() else { return };
            if let Some((day, excess)) = self.first_excess(day, *next) {
                self.tell(folder, group, day, &excess, report);
                return;
            }
        }
    }

    fn change(&mut self, lock: &Lock, begins: bool) {
        let amount = self.amounts.entry(lock.class).or_default();
        *amount = if begins { *amount + lock.impressions } else { *amount - lock.impressions };
        let Some(slots) = self.slots.get(&lock.class) else { return };
        for ((slots, loads), overloaded) in slots.iter().zip(&mut self.loads).zip(&mut self.overloaded) {
            let whole: u128 = slots.iter().map(|slot| u128::from(self.capacities[*slot as usize])).sum();
            if whole == 0 {
                // Nothing to take from: never fits.
                *overloaded = if begins { *overloaded + 1 } else { *overloaded - 1 };
                continue;
            }
            for slot in slots.iter().map(|slot| *slot as usize) {
                let capacity = u128::from(self.capacities[slot]);
                let share = (lock.impressions * capacity).div_ceil(whole);
                let was = loads[slot] > capacity;
                loads[slot] = if begins { loads[slot] + share } else { loads[slot] - share };
                match (was, loads[slot] > capacity) {
                    (false, true) => *overloaded += 1,
                    (true, false) => *overloaded -= 1,
                    _ => {}
                }
            }
        }
    }

    /// The first day of those before `next` on which not everything fits.
    fn first_excess(&self, from: ShanghaiDay, next: ShanghaiDay) -> Option<(ShanghaiDay, Excess)> {
        let days = (0..self.loads.len() as u32).map(|after| ShanghaiDay(from.0 + after)).take_while(|day| *day < next);
        for day in days {
            let kind = if self.loads.len() == 1 { 0 } else { usize::from(day.weekday()) };
            if self.overloaded[kind] == 0 {
                continue;
            }
            let promised: Vec<_> = self.amounts.iter().filter(|(_, amount)| **amount > 0).collect();
            let promises: Vec<_> = promised
                .iter()
                .filter_map(|(class, amount)| {
                    Some(Promise { amount: **amount, slots: self.slots.get(class)?.get(kind)? })
                })
                .collect();
            if let Err(mut excess) = flow::fit(&promises, &self.capacities) {
                excess.promises.iter_mut().for_each(|row| *row = *promised[*row].0);
                return Some((day, excess));
            }
        }
        None
    }

    /// Says what does not fit, at the last deal that takes part in it.
    fn tell(&self, folder: &Folder, group: &[Lock], day: ShanghaiDay, excess: &Excess, report: &Report) {
        let deals = &folder.deals.entries;
        let part = |lock: &&Lock| lock.from <= day && day < lock.end && excess.promises.contains(&lock.class);
        let part: Vec<_> = group.iter().filter(part).collect();
        let Some(last) = part.last().and_then(|lock| deals.get(lock.deal)) else { return };
        let place = last.volume.map_or(last.place, |volume| volume.place);
        let promised: u128 = part.iter().map(|lock| lock.impressions).sum();
        let by = named(part.iter().filter_map(|lock| deals.get(lock.deal)).map(|deal| deal.id.as_str()));
        if excess.slots.is_empty() {
            report.error(
                place,
                format!("{by} promises {promised} on {day}, a day on which it has no hour (R-INVENTORY)"),
            );
            return;
        }
        let there: u128 = excess.slots.iter().map(|slot| u128::from(self.capacities[*slot])).sum();
        let rows: BTreeSet<usize> = excess.slots.iter().map(|slot| self.placements[slot / self.hours]).collect();
        let entries = &folder.supply.placements.entries;
        let names = named(rows.iter().filter_map(|row| entries.get(*row)).map(|it| it.name.as_str()));
        let (are, their) = if rows.len() == 1 { ("is", "its") } else { ("are", "their") };
        let hours: BTreeSet<usize> = excess.slots.iter().map(|slot| slot % self.hours).collect();
        let within = if self.hours == 1 || hours.len() == HOURS {
            String::new()
        } else {
            let hours: Vec<_> = hours.iter().map(ToString::to_string).collect();
            format!(" in the hours {}", hours.join(", "))
        };
        report.error(
            place,
            format!(
                "{names} {are} promised {promised} times on {day}, {their} capacity{within} is {there} a day; promised by {by} (R-INVENTORY)"
            ),
        );
    }
}

/// A placement's capacity in one slot or 24, by its traffic's curve; the slots add up to the whole.
fn capacities(folder: &Folder, row: usize, hours: usize) -> Vec<u64> {
    let placement = &folder.supply.placements.entries[row];
    if hours == 1 {
        return vec![placement.daily_capacity];
    }
    let curve = placement.traffic.clone().unwrap_or_default();
    let due: Vec<_> = (0..=HOURS as u64).map(|hour| curve.due(placement.daily_capacity, hour * 3_600_000)).collect();
    due.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn named<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let shown: Vec<_> = names.clone().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.count().saturating_sub(MOST_NAMED);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
