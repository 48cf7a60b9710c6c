//! R-INVENTORY: the same forecast impressions are not promised twice.
//!
//! A guaranteed deal takes its daily volume times its push ratio, on each day of its period that is not past. On several placements it
//! takes from each in proportion to its capacity. If everything fits that way, it can be served; a combination that would only fit
//! another way is refused too, and is fixed by one deal per placement. Paused and suspended orders keep what they locked.

use super::super::Folder;
use super::super::deals::{DealEntry, Standing};
use super::super::diagnostic::Report;
use super::super::links::Links;
use crate::clock::ShanghaiDay;

/// What one deal takes of a placement on each day of its period.
struct Taken {
    deal: usize,
    from: ShanghaiDay,
    until: ShanghaiDay,
    impressions: u64,
}

/// More deals than these are not named in one message.
const MOST_NAMED: usize = 5;

pub(super) fn judge(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    let placements = &folder.supply.placements.entries;
    let mut taken: Vec<Vec<Taken>> = placements.iter().map(|_| Vec::new()).collect();
    for (index, (deal, resolved)) in folder.deals.entries.iter().zip(&links.deals).enumerate() {
        let (Some(volume), Some(resolved)) = (&deal.volume, resolved) else { continue };
        if !matches!(deal.standing, Standing::Live(_)) || deal.period.1 < today.max(deal.period.0) {
            continue;
        }
        let offered = u128::from(volume.value.push.offers_for(volume.value.daily));
        let whole: u128 =
            resolved.places.placements.iter().map(|row| u128::from(placements[*row].daily_capacity)).sum();
        for row in resolved.places.placements.iter() {
            let share = (offered * u128::from(placements[*row].daily_capacity)).checked_div(whole).unwrap_or(offered);
            taken[*row].push(Taken {
                deal: index,
                from: deal.period.0.max(today),
                until: deal.period.1,
                impressions: u64::try_from(share).unwrap_or(u64::MAX),
            });
        }
    }
    for (placement, taken) in placements.iter().zip(&taken) {
        if let Some((day, sum)) = first_excess(taken, placement.daily_capacity) {
            let on_day: Vec<_> =
                taken.iter().filter(|it| it.from <= day && day <= it.until).map(|it| it.deal).collect();
            let deals = &folder.deals.entries;
            let Some(last) = on_day.last().and_then(|index| deals.get(*index)) else { continue };
            let place = last.volume.map_or(last.place, |volume| volume.place);
            report.error(
                place,
                format!(
                    "`{}` is promised {sum} times on {day}, its capacity is {} a day; promised by {} (R-INVENTORY)",
                    placement.name,
                    placement.daily_capacity,
                    named(&on_day, deals),
                ),
            );
        }
    }
}

/// The first day on which more is taken than there is, and how much.
fn first_excess(taken: &[Taken], capacity: u64) -> Option<(ShanghaiDay, u64)> {
    let mut changes: Vec<(ShanghaiDay, i128)> = Vec::with_capacity(2 * taken.len());
    for it in taken {
        changes.push((it.from, i128::from(it.impressions)));
        changes.push((it.until.next(), -i128::from(it.impressions)));
    }
    changes.sort_unstable();
    let mut sum = 0_i128;
    let mut index = 0;
    while let Some((day, _)) = changes.get(index).copied() {
        while let Some((_, change)) = changes.get(index).filter(|(it, _)| *it == day) {
            sum += change;
            index += 1;
        }
        if sum > i128::from(capacity) {
            return Some((day, u64::try_from(sum).unwrap_or(u64::MAX)));
        }
    }
    None
}

fn named(indexes: &[usize], deals: &[DealEntry]) -> String {
    let shown: Vec<_> = indexes.iter().take(MOST_NAMED).map(|index| format!("`{}`", deals[*index].id)).collect();
    let more = indexes.len().saturating_sub(MOST_NAMED);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
