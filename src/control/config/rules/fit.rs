//! Whether a deal's formats and its fallback creative fit its placements (R-REVIEW, R-FALLBACK).

use super::super::Folder;
use super::super::creatives::CreativeEntry;
use super::super::deals::{DealEntry, Standing};
use super::super::diagnostic::{At, Report};
use super::super::links::{DealLinks, Links, PlaceRow};
use super::super::media::PlacementEntry;
use super::super::targeting::Side;
use crate::clock::ShanghaiDay;
use crate::market::demand::CreativeState;
use crate::market::supply::Size;

pub(super) fn judge(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    for (deal, resolved) in folder.deals.entries.iter().zip(&links.deals) {
        let Some(resolved) = resolved.as_ref().filter(|_| deal.standing != Standing::Ended) else { continue };
        formats(folder, deal, resolved, report);
        if let (Some(crid), Some(row)) = (&deal.fallback, resolved.fallback)
            && deal.concerns(today)
            && deal.method.is_guaranteed()
        {
            fallback(folder, deal, crid, &folder.creatives.entries[row], resolved, report);
        }
    }
}

fn formats(folder: &Folder, deal: &DealEntry, resolved: &DealLinks, report: &Report) {
    let placements = || resolved.places.placements.iter().map(|row| &folder.supply.placements.entries[*row]);
    for format in &deal.include.formats {
        if !placements().any(|placement| placement.formats.has(format.value)) {
            report.error(format.place, format!("no placement of this deal shows {}", format.value.name()));
        }
    }
    for named in &resolved.places.included {
        let PlaceRow::Placement(row) = named.value else { continue };
        let placement = &folder.supply.placements.entries[row];
        if placement.formats.and(deal.format_set()).is_empty() {
            report.error(named.place, format!("`{}` shows none of this deal's formats", placement.name));
        }
    }
}

/// A fallback is shown without asking anybody, so it must be right before it is needed.
fn fallback(
    folder: &Folder,
    deal: &DealEntry,
    crid: &At<String>,
    creative: &CreativeEntry,
    resolved: &DealLinks,
    report: &Report,
) {
    let refuse = |why: String| report.error(crid.place, format!("fallback `{}` {why}", crid.value));
    if creative.state != CreativeState::Approved {
        refuse("is not approved (R-REVIEW)".to_owned());
    }
    if creative.markup.is_none() {
        refuse("has no markup for the exchange to show (R-FALLBACK)".to_owned());
    }
    for row in resolved.places.placements.iter() {
        let placement = &folder.supply.placements.entries[*row];
        let format = creative.format;
        if !placement.formats.and(deal.format_set()).has(format) {
            refuse(format!("is a {}, which this deal does not show on `{}` (R-REVIEW)", format.name(), placement.name));
        } else if !fits(deal, creative, placement) {
            refuse(format!("has no size that fits `{}` (R-REVIEW)", placement.name));
        }
    }
}

/// Whether one of its sizes is taken by the deal and by the placement.
fn fits(deal: &DealEntry, creative: &CreativeEntry, placement: &PlacementEntry) -> bool {
    let listed = |side: &Side, size| side.sizes.iter().any(|it| it.value == size);
    let taken = |size: &Size| {
        (placement.sizes.is_empty() || placement.sizes.contains(size))
            && (deal.include.sizes.is_empty() || listed(&deal.include, *size))
            && !listed(&deal.exclude, *size)
    };
    creative.sizes.is_empty() || creative.sizes.iter().any(taken)
}
