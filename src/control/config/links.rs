//! Who is meant where one file names an entry of another; the rows are those of the registers.

use std::collections::{HashMap, HashSet};

use super::Folder;
use super::deals::DealEntry;
use super::diagnostic::{At, Report};
use super::rate_card::{Card, PlacementRef};
use super::reader::Register;
use crate::clock::ShanghaiDay;
use crate::money::CpmMicroYuan;

/// A placement's prices, the oldest first.
pub(super) type Prices = Vec<(ShanghaiDay, CpmMicroYuan)>;

/// The price in force on a day.
pub(super) fn price_on(prices: &Prices, day: ShanghaiDay) -> Option<CpmMicroYuan> {
    prices.iter().rev().find(|(from, _)| *from <= day).map(|(_, price)| *price)
}

pub(super) struct DealLinks {
    pub(super) buyer: usize,
    pub(super) dsps: Vec<usize>,
    pub(super) placements: Vec<usize>,
    pub(super) fallback: Option<usize>,
}

/// One row each as in the folder's registers; `None` where a reference was refused, so that rules pass over it.
pub(super) struct Links {
    pub(super) prices: Vec<Prices>,
    /// Whether a price that is not there is really missing.
    pub(super) priced: bool,
    /// Buyers of each DSP.
    pub(super) dsps: Vec<Option<Vec<usize>>>,
    /// Buyer and advertiser of each creative.
    pub(super) creatives: Vec<Option<(usize, usize)>>,
    pub(super) deals: Vec<Option<DealLinks>>,
}

pub(super) fn resolve(folder: &Folder, report: &Report) -> Links {
    let accounts = &folder.buyers.buyers;
    let dsps = folder.dsps.entries.iter().map(|dsp| {
        let rows: Vec<_> = dsp.buyers.iter().map(|(account, _)| accounts.refer(account, report)).collect();
        rows.into_iter().collect()
    });
    let creatives = folder.creatives.entries.iter().map(|creative| {
        let buyer = accounts.refer(&creative.account, report);
        let advertisers = &folder.buyers.advertisers;
        let advertiser = owned(advertisers, accounts, "advertiser", &creative.account, &creative.advertiser, report);
        buyer.zip(advertiser)
    });
    let (prices, priced) = prices(folder, report);
    Links {
        prices,
        priced,
        dsps: dsps.collect(),
        creatives: creatives.collect(),
        deals: folder.deals.entries.iter().map(|it| deal(folder, it, report)).collect(),
    }
}

fn placement(folder: &Folder, wanted: &PlacementRef, report: &Report) -> Option<usize> {
    let media = &folder.supply.media;
    if media.lacks(&wanted.media.value) {
        media.refer(&wanted.media, report);
        return None;
    }
    folder.supply.placements.refer_within(&wanted.media.value, &wanted.tagid, report)
}

/// An entry of an account; of another account's it is refused (R-OWN).
fn owned<T, U>(
    register: &Register<T>,
    accounts: &Register<U>,
    noun: &str,
    account: &At<String>,
    name: &At<String>,
    report: &Report,
) -> Option<usize> {
    if accounts.lacks(&account.value) {
        return None;
    }
    let full = format!("{}/{}", account.value, name.value);
    if register.lacks(&full) && !report.is_crowded() {
        let namesakes = register.names().filter_map(|it| it.split_once('/'));
        let other = namesakes.filter(|(_, it)| *it == name.value).map(|(owner, _)| owner).min();
        if let Some(other) = other {
            let message =
                format!("{noun} `{}` belongs to account `{other}`, not to `{}` (R-OWN)", name.value, account.value);
            report.error(name.place, message);
            return None;
        }
    }
    register.refer_within(&account.value, name, report)
}

fn deal(folder: &Folder, deal: &DealEntry, report: &Report) -> Option<DealLinks> {
    let buyer = folder.buyers.buyers.refer(&deal.account, report);
    let mut named = HashSet::new();
    for dsp in &deal.dsps {
        if !named.insert(&dsp.value) {
            report.error(dsp.place, format!("dsp `{}` is listed twice", dsp.value));
        }
    }
    let dsps: Vec<_> = deal.dsps.iter().map(|dsp| folder.dsps.refer(dsp, report)).collect();
    let placements: Vec<_> = deal.placements.iter().map(|it| placement(folder, &it.value, report)).collect();
    let mut placed = HashSet::new();
    for (row, wanted) in placements.iter().zip(&deal.placements) {
        if row.is_some_and(|row| !placed.insert(row)) {
            report.error(wanted.place, "this placement is listed twice");
        }
    }
    let fallback = match &deal.fallback {
        None => Some(None),
        Some(crid) => {
            let accounts = &folder.buyers.buyers;
            owned(&folder.creatives, accounts, "creative", &deal.account, crid, report).map(Some)
        }
    };
    Some(DealLinks {
        buyer: buyer?,
        dsps: dsps.into_iter().collect::<Option<_>>()?,
        placements: placements.into_iter().collect::<Option<_>>()?,
        fallback: fallback?,
    })
}

/// The card of each placement. Every version must price what the one before it does: a price is valid until the next version's
/// day, so a placement left out would have none, which nobody means.
fn prices(folder: &Folder, report: &Report) -> (Vec<Prices>, bool) {
    let mut prices = vec![Prices::new(); folder.supply.placements.entries.len()];
    let mut priced = folder.rates.complete;
    let mut before: HashMap<usize, &Card> = HashMap::new();
    for card in &folder.rates.cards {
        let mut now = HashMap::new();
        for At { value: (wanted, price), place } in &card.prices {
            let Some(row) = placement(folder, wanted, report) else {
                priced = false;
                continue;
            };
            if now.insert(row, card).is_some() {
                report.error(*place, "this placement is already priced by this card (R-RATE)");
                continue;
            }
            prices[row].push((card.from, *price));
        }
        let mut left_out: Vec<_> = before.keys().filter(|row| priced && !now.contains_key(row)).collect();
        left_out.sort_unstable();
        for row in left_out {
            let name = &folder.supply.placements.entries[*row].name;
            report.error(
                card.place,
                format!("the card from {} does not price `{name}`, which the one before it does (R-RATE)", card.from),
            );
        }
        before = now;
    }
    (prices, priced)
}
