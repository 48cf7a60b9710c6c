//! R-RATE: the rate card in force is the price.

use super::super::Folder;
use super::super::deals::{DealEntry, Standing};
use super::super::diagnostic::Report;
use super::super::links::{DealLinks, Links, price_on};
use crate::clock::ShanghaiDay;

pub(super) fn judge(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    if links.priced {
        for (placement, prices) in folder.supply.placements.entries.iter().zip(&links.prices) {
            if price_on(prices, today).is_none() {
                let first = prices.first().map(|(from, _)| format!("; its first is from {from}")).unwrap_or_default();
                let name = &placement.name;
                report.error(
                    placement.place,
                    format!("`{name}` has no price in the rate card of {today}{first} (R-RATE)"),
                );
            }
        }
    }
    for (deal, resolved) in folder.deals.entries.iter().zip(&links.deals) {
        let Some(resolved) = resolved else { continue };
        if deal.method.is_guaranteed() {
            signed_price(folder, links, deal, resolved, report);
        } else if deal.concerns(today) {
            preferred_price(folder, links, deal, resolved, today.max(deal.period.0), report);
        }
    }
}

/// A guaranteed order keeps its signed price, which may not be under the card in force at signing.
fn signed_price(folder: &Folder, links: &Links, deal: &DealEntry, resolved: &DealLinks, report: &Report) {
    let Some(signed) = deal.signed.filter(|_| deal.standing != Standing::Ended) else { return };
    for row in resolved.places.placements.iter() {
        let name = &folder.supply.placements.entries[*row].name;
        match price_on(&links.prices[*row], signed.value) {
            None if links.priced => {
                report.error(
                    signed.place,
                    format!(
                        "`{name}` has no price in the rate card of {}, when this was signed (R-RATE)",
                        signed.value
                    ),
                );
            }
            Some(card) if deal.cpm.value < card => {
                report.error(
                    deal.cpm.place,
                    format!(
                        "`cpm` {} is under the rate card of `{name}` on {}, when this was signed: {card} (R-RATE)",
                        deal.cpm.value, signed.value
                    ),
                );
            }
            _ => {}
        }
    }
}

/// A preferred deal under the card is not served where it is under it; said once, as a warning.
fn preferred_price(
    folder: &Folder,
    links: &Links,
    deal: &DealEntry,
    resolved: &DealLinks,
    day: ShanghaiDay,
    report: &Report,
) {
    for row in resolved.places.placements.iter() {
        let Some(card) = price_on(&links.prices[*row], day).filter(|card| deal.cpm.value < *card) else { continue };
        let name = &folder.supply.placements.entries[*row].name;
        report.warning(
            deal.cpm.place,
            format!(
                "`cpm` {} is under the rate card of `{name}` on {day}, {card}: this deal does not serve there (R-RATE)",
                deal.cpm.value
            ),
        );
    }
    for row in resolved.places.placements.iter() {
        let later = links.prices[*row].iter().filter(|(from, _)| *from > day && *from <= deal.period.1);
        let Some((from, card)) = later.into_iter().find(|(_, card)| deal.cpm.value < *card) else { continue };
        let name = &folder.supply.placements.entries[*row].name;
        report.warning(
            deal.cpm.place,
            format!(
                "`cpm` {} is under the rate card of `{name}` from {from} on, {card}: this deal does not serve there then (R-RATE)",
                deal.cpm.value
            ),
        );
    }
}
