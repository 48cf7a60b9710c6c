//! Targeting that nobody could mean: by forbidden labels (R-SENSITIVE), or such that nothing can ever match.

use super::super::Folder;
use super::super::deals::{DealEntry, Standing};
use super::super::diagnostic::Report;
use super::super::links::{DealLinks, Links};
use super::super::media::PlacementEntry;
use super::super::targeting::week_of;
use crate::market::targeting::{Connection, DeviceType, Listed};

pub(super) fn judge(folder: &Folder, links: &Links, report: &Report) {
    sensitive(folder, report);
    for (deal, resolved) in folder.deals.entries.iter().zip(&links.deals) {
        if let (Some(resolved), true) = (resolved, deal.standing != Standing::Ended) {
            contradictions(folder, deal, resolved, report);
        }
    }
}

/// R-SENSITIVE: nobody is targeted by real identity, hardship or discriminatory labels.
fn sensitive(folder: &Folder, report: &Report) {
    // Where exchange.toml is refused, its list is not known.
    let Some(exchange) = &folder.exchange else { return };
    for deal in folder.deals.entries.iter().filter(|deal| deal.standing != Standing::Ended) {
        for segment in deal.include.segments.iter().chain(&deal.exclude.segments) {
            let Some(forbidden) = &exchange.forbidden_segment_labels else {
                report.error(
                    segment.place,
                    "segments cannot be judged: exchange.toml has no [targeting] with `forbidden_segment_labels` (R-SENSITIVE)",
                );
                return;
            };
            let label = &segment.value.label;
            let lower = label.value.to_lowercase();
            if let Some(found) = forbidden.iter().find(|forbidden| lower.contains(forbidden.as_str())) {
                report.error(
                    label.place,
                    format!("segment `{}` says `{found}`, by which nobody may be targeted (R-SENSITIVE)", label.value),
                );
            }
        }
    }
}

/// A deal that can match nothing looks agreed and never serves.
fn contradictions(folder: &Folder, deal: &DealEntry, resolved: &DealLinks, report: &Report) {
    let (include, exclude) = (&deal.include, &deal.exclude);
    let placements = || resolved.places.placements.iter().filter_map(|row| folder.supply.placements.entries.get(*row));
    if placements().next().is_none() {
        let first = resolved.places.included.first().map_or(deal.place, |named| named.place);
        report.error(first, "there is no placement here that this deal could run on");
    }
    if let Some(formats) = exclude.formats.first().filter(|_| deal.format_set().is_empty()) {
        report.error(formats.place, "`exclude` takes away all formats; nothing can match");
    }
    if let Some(hours) = exclude.dayparts.filter(|_| week_of(include, exclude).is_empty()) {
        report.error(hours.place, "`exclude` takes away all hours; nothing can match");
    }
    let gone = |size| exclude.sizes.iter().any(|excluded| excluded.value == size);
    if let Some(size) = include.sizes.first().filter(|_| include.sizes.iter().all(|size| gone(size.value))) {
        report.error(size.place, "`exclude` takes away all of `sizes`; nothing can match");
    }
    for size in &include.sizes {
        let takes = |placement: &PlacementEntry| placement.sizes.is_empty() || placement.sizes.contains(&size.value);
        if !placements().any(takes) {
            report.error(size.place, format!("no placement of this deal takes {}x{}", size.value.w, size.value.h));
        }
    }
    let (included, excluded): (Vec<_>, Vec<_>) = (include.all_listed().collect(), exclude.all_listed().collect());
    for listed in &included {
        if excluded.iter().any(|excluded| takes_all(excluded, listed)) {
            let place = exclude.listed.iter().find(|it| it.value.key() == listed.key()).map(|it| it.place);
            let place = place.or_else(|| exclude.segments.first().map(|segment| segment.place)).unwrap_or(deal.place);
            report.error(place, format!("`exclude` takes away all of `{}`; nothing can match", listed.key()));
        }
    }
}

/// Whether what is excluded leaves nothing of what is included.
fn takes_all(excluded: &Listed, included: &Listed) -> bool {
    match (excluded, included) {
        (Listed::Texts(of, excluded), Listed::Texts(dimension, texts)) => {
            of == dimension && texts.iter().all(|text| excluded.contains(text))
        }
        (Listed::DeviceTypes(excluded), Listed::DeviceTypes(kinds)) => {
            let gone = |kind: &DeviceType| excluded.iter().any(|excluded| excluded.covers(*kind as i32));
            kinds.iter().all(gone)
        }
        (Listed::Connections(excluded), Listed::Connections(kinds)) => {
            let gone = |kind: &Connection| excluded.iter().any(|excluded| excluded.covers(*kind as i32));
            kinds.iter().all(gone)
        }
        (Listed::OperatingSystems(excluded), Listed::OperatingSystems(systems)) => systems.iter().all(|system| {
            // An absent version is below every other.
            excluded.iter().any(|excluded| excluded.name == system.name && excluded.least <= system.least)
        }),
        (Listed::Segments(excluded), Listed::Segments(segments)) => segments.iter().all(|it| excluded.contains(it)),
        _ => false,
    }
}
