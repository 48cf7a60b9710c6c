//! Who is meant where one file names an entry of another; the rows are those of the registers.

mod places;

pub(super) use places::{PlaceRow, Places};

use std::collections::{HashMap, HashSet};

use super::Folder;
use super::deals::DealEntry;
use super::diagnostic::{At, Report};
use super::rate_card::{Card, PlacementRef};
use super::reader::Register;
use crate::clock::ShanghaiDay;
use crate::money::CpmMicroYuan;
use places::Homes;

/// A placement's prices, the oldest first.
pub(super) type Prices = Vec<(ShanghaiDay, CpmMicroYuan)>;

/// The price in force on a day.
pub(super) fn price_on(prices: &Prices, day: ShanghaiDay) -> Option<CpmMicroYuan> {
    prices.iter().rev().find(|(from, _)| *from <= day).map(|(_, price)| *price)
}

pub(super) struct DealLinks {
    pub(super) buyer: usize,
    pub(super) dsps: Vec<usize>,
    pub(super) advertisers: Vec<usize>,
    /// Advertisers beside them that buyers.toml does not have, as `ACCOUNT/ADVERTISER`: who registers them may do so at any time (R-QUALIFY).
    pub(super) registered: Vec<String>,
    pub(super) places: Places,
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
    /// Property of each placement.
    pub(super) properties: Vec<Option<usize>>,
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
    let mut homes = Homes::of(folder, report);
    let deals = folder.deals.entries.iter().map(|it| deal(folder, &mut homes, it, report)).collect();
    Links {
        prices,
        priced,
        dsps: dsps.collect(),
        creatives: creatives.collect(),
        properties: homes.properties(),
        deals,
    }
}

fn placement(folder: &Folder, wanted: &PlacementRef, report: &Report) -> Option<usize> {
    places::known_media(folder, &wanted.media, report)?;
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

fn deal(folder: &Folder, homes: &mut Homes, deal: &DealEntry, report: &Report) -> Option<DealLinks> {
    let buyer = folder.buyers.buyers.refer(&deal.account, report);
    let mut named = HashSet::new();
    for dsp in &deal.dsps {
        if !named.insert(&dsp.value) {
            report.error(dsp.place, format!("dsp `{}` is listed twice", dsp.value));
        }
    }
    let dsps: Vec<_> = deal.dsps.iter().map(|dsp| folder.dsps.refer(dsp, report)).collect();
    let mut registered = Vec::new();
    let own = deal.advertisers.iter().filter(|it| !is_registered(folder, deal, it, &mut registered, report));
    let advertisers: Vec<_> = own.map(|it| own_advertiser(folder, deal, it, report)).collect();
    let places = places::resolve(folder, homes, deal, report);
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
        advertisers: advertisers.into_iter().collect::<Option<_>>()?,
        registered,
        places: places?,
        fallback: fallback?,
    })
}

/// Whether nobody in buyers.toml has an advertiser's name: then the docket may, and it is noted and warned of.
fn is_registered(
    folder: &Folder,
    deal: &DealEntry,
    name: &At<String>,
    registered: &mut Vec<String>,
    report: &Report,
) -> bool {
    let advertisers = &folder.buyers.advertisers;
    let account = &deal.account.value;
    let full = format!("{account}/{}", name.value);
    let elsewhere = || advertisers.names().any(|it| it.split_once('/').is_some_and(|(_, it)| it == name.value));
    if folder.buyers.buyers.lacks(account) || !advertisers.lacks(&full) || elsewhere() {
        return false;
    }
    let own = advertisers.names().filter_map(|it| it.strip_prefix(account.as_str())?.strip_prefix('/'));
    let suggestion = report.suggestion(&name.value, own);
    let id = &name.value;
    report.warning(
        name.place,
        format!(
            "advertiser `{id}` of `{account}` is not in buyers.toml: it runs once it is registered and verified (R-QUALIFY){suggestion}"
        ),
    );
    registered.push(full);
    true
}

fn own_advertiser(folder: &Folder, deal: &DealEntry, name: &At<String>, report: &Report) -> Option<usize> {
    let (advertisers, accounts) = (&folder.buyers.advertisers, &folder.buyers.buyers);
    owned(advertisers, accounts, "advertiser", &deal.account, name, report)
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
