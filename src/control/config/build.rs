//! Entries with names to a market with numbers. Runs only on a folder without errors.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::Folder;
use super::creatives::{CreativeEntry, MonitorEntry};
use super::deals::{DealEntry, Standing};
use super::diagnostic::At;
use super::links::{DealLinks, Links, PlaceRow};
use super::names::host_of;
use super::notices::TokenLives;
use crate::clock::ShanghaiDay;
use crate::ids::{AdvertiserId, BuyerId, CreativeId, DealId, DenseId, DspId, IdBook, MediaId, PlacementId, PropertyId};
use crate::market::agreement::{MonitorList, OnList};
use crate::market::deal::{Deal, Targeting};
use crate::market::demand::{
    Advertiser, Approved, Buyer, Creative, CreativeTextsDraft, Dsp, Monitors as CreativeMonitors,
};
use crate::market::rates::Rates;
use crate::market::shared::Shared;
use crate::market::supply::{Media, MediaKey, Placement, Prohibitions, Property, TrafficCurve};
use crate::market::targeting::{Conditions, Place};
use crate::market::{ExchangeTerms, Parts};
use crate::markup::digest;

/// The numbers, by the rows of the registers.
struct Numbers {
    media: Vec<MediaId>,
    properties: Vec<PropertyId>,
    placements: Vec<PlacementId>,
    dsps: Vec<DspId>,
    buyers: Vec<BuyerId>,
    advertisers: Vec<AdvertiserId>,
    creatives: Vec<CreativeId>,
}

/// The parts of the market, in the order of the files. `terms` are those of media and placements that say nothing; of monitors those
/// are kept that are on the list on the day.
pub(super) fn parts(
    mut folder: Folder,
    links: Links,
    (terms, lives, today): (&ExchangeTerms, &TokenLives, ShanghaiDay),
    book: &mut IdBook,
) -> Parts {
    let mut parts = Parts { rates: Rates::new(std::mem::take(&mut folder.currencies.rows)), ..Parts::default() };
    media(&folder, terms, book, &mut parts);
    placements(&folder, &links.properties, links.prices, lives, book, &mut parts);
    let buyers = assign(book, folder.buyers.buyers.entries.iter().map(|it| it.account.as_str()));
    let full = folder.buyers.advertisers.entries.iter().map(|it| format!("{}/{}", it.account, it.id));
    let advertisers = assign(book, full);
    let dsps = assign(book, folder.dsps.entries.iter().map(|it| it.id.as_str()));
    let full = folder.creatives.entries.iter().map(|it| format!("{}/{}", it.account.value, it.crid));
    let creatives = assign(book, full);
    let numbers = Numbers {
        media: parts.media.iter().map(|it| it.id).collect(),
        properties: parts.properties.iter().map(|it| it.id).collect(),
        placements: parts.placements.iter().map(|it| it.id).collect(),

        dsps,
        buyers,
        advertisers,
        creatives,
    };
    demand(&folder, &links.dsps, &numbers, &mut parts);
    parts.partner_keys = super::partner_keys::of(&folder, &parts);
    creatives_of(&folder, &links.creatives, &numbers, (&terms.monitors, today), &mut parts);
    deals(folder, links.deals, &numbers, book, &mut parts);
    parts
}

fn assign<I: DenseId>(book: &mut IdBook, names: impl Iterator<Item = impl AsRef<str>>) -> Vec<I> {
    names.map(|name| book.assign(name.as_ref())).collect()
}

fn media(folder: &Folder, terms: &ExchangeTerms, book: &mut IdBook, parts: &mut Parts) {
    for media in &folder.supply.media.entries {
        let industries: Vec<_> = media.prohibited_industries.iter().map(|it| it.value.clone()).collect();
        parts.media.push(Media {
            id: book.assign(&media.id),
            wire: media.id.clone(),
            name: media.name.clone(),
            kind: media.kind,
            margin: media.margin,
            consent_since: media.consent_since,
            prohibited: Prohibitions {
                categories: terms.content.with_industries(&media.prohibited_categories, &industries),
                industries,
                domains: media.prohibited_advertisers.clone(),
                advertisers: media.prohibited_ids.iter().map(|name| book.assign(name)).collect(),
                attributes: media.prohibited_attributes.clone(),
            },
            takes_unreviewed: media.takes_unreviewed,
            prohibited_categories: media.prohibited_categories.clone(),
            prohibited_advertisers: media.prohibited_ids.clone(),
            no_bid_body: media.no_bid_body,
            default_tmax_ms: media.default_tmax_ms.map_or(terms.default_tmax_ms, |tmax| tmax.value),
            currency: media.currency.value,
            suspended: media.suspended,
        });
    }
    for property in &folder.supply.properties.entries {
        parts.properties.push(Property {
            id: book.assign(&property.full),
            media: book.assign(&property.media),
            wire: property.id.clone(),
            name: property.name.clone(),
            kind: property.kind,
            address: property.address.clone(),
        });
    }
    for key in &folder.supply.keys.entries {
        let media: MediaId = book.assign(&key.media);
        parts.keys.push(MediaKey { key_id: key.key_id.clone(), sha256: key.sha256, media });
    }
}

fn placements(
    folder: &Folder,
    properties: &[Option<usize>],
    prices: Vec<super::links::Prices>,
    lives: &TokenLives,
    book: &mut IdBook,
    parts: &mut Parts,
) {
    let flat = Arc::new(TrafficCurve::flat());
    for ((placement, property), card) in folder.supply.placements.entries.iter().zip(properties).zip(prices) {
        let Some(property) = property.and_then(|row| parts.properties.get(row)) else { continue };
        parts.placements.push(Placement {
            id: book.assign(&placement.name),
            media: book.assign(&placement.media),
            property: property.id,
            tagid: placement.tagid.clone(),
            formats: placement.formats,
            sizes: placement.sizes.clone(),
            minimum_display_ms: placement.minimum_display_ms,
            beacons: placement.billing.unwrap_or_else(|| property.kind.beacons()),
            token_life_ms: placement.token_life_ms.unwrap_or_else(|| lives.of(placement.formats, property.kind)),
            daily_capacity: placement.daily_capacity,
            traffic: placement.traffic.clone().map_or_else(|| Arc::clone(&flat), Arc::new),
            competitive_separation: placement.competitive_separation,
            card,
        });
    }
}

fn demand(folder: &Folder, dsp_buyers: &[Option<Vec<usize>>], numbers: &Numbers, parts: &mut Parts) {
    for (buyer, id) in folder.buyers.buyers.entries.iter().zip(&numbers.buyers) {
        parts.buyers.push(Buyer {
            id: *id,
            account: buyer.account.clone(),
            name: buyer.name.clone(),
            contract: buyer.contract.clone(),
            opening_balance: buyer.opening_balance.clone(),
            monthly_minimum: buyer.monthly_minimum,
            suspended: buyer.suspended,
            invoice_title: buyer.invoice_title.clone().unwrap_or_else(|| buyer.name.clone()),
            cooperation: buyer.cooperation,
            parties: buyer.parties.clone(),
            monitor: buyer.monitor.as_ref().map(|monitor| monitor.value.clone()),
        });
    }
    for (advertiser, id) in folder.buyers.advertisers.entries.iter().zip(&numbers.advertisers) {
        let Some(row) = folder.buyers.buyers.row(&advertiser.account) else { continue };
        parts.advertisers.push(Advertiser {
            id: *id,
            buyer: numbers.buyers[row],
            wire: advertiser.id.clone(),
            name: advertiser.name.clone(),
            source: advertiser.source.clone(),
            domains: advertiser.domains.clone(),
            category: advertiser.category.clone(),
            industries: Vec::new(),
            qualified_until: Some(advertiser.qualified_until.value),
        });
    }
    for ((dsp, rows), id) in folder.dsps.entries.iter().zip(dsp_buyers).zip(&numbers.dsps) {
        let rows = rows.as_deref().unwrap_or_default();
        let seats = dsp.buyers.iter().map(|(_, seats)| seats.clone());
        parts.dsps.push(Dsp {
            id: *id,
            wire: dsp.id.clone(),
            name: dsp.name.clone(),
            endpoint: dsp.endpoint.clone(),
            allow_internal: dsp.allow_internal,
            transport: dsp.transport.clone(),
            approved: dsp.approved,
            buyers: rows.iter().map(|row| numbers.buyers[*row]).zip(seats).collect(),
            queries_per_second: dsp.queries_per_second,
            most_in_flight: dsp.most_in_flight,
            timeout_ms: dsp.timeout_ms,
            currency: dsp.currency.value,
            suspended: dsp.suspended,
        });
    }
}

fn creatives_of(
    folder: &Folder,
    owners: &[Option<(usize, usize)>],
    numbers: &Numbers,
    (listed, day): (&MonitorList, ShanghaiDay),
    parts: &mut Parts,
) {
    let on_list =
        |url: &&At<String>| host_of(&url.value).is_some_and(|host| listed.lists_host(&host, day) == OnList::Yes);
    let urls = |list: &[At<String>]| list.iter().filter(on_list).map(|url| url.value.clone()).collect::<Vec<_>>();
    let monitors =
        |entry: &MonitorEntry| CreativeMonitors { impression: urls(&entry.impression), click: urls(&entry.click) };
    let (mut sizes, mut categories) = (HashSet::new(), HashSet::new());
    let mut texts = CreativeTextsDraft::default();
    let entries = folder.creatives.entries.iter();
    for ((creative, owner), id) in entries.zip(owners).zip(&numbers.creatives) {
        let Some((buyer, advertiser)) = *owner else { continue };
        parts.creatives.push(Creative {
            id: *id,
            version: creative.version,
            buyer: numbers.buyers[buyer],
            advertiser: numbers.advertisers[advertiser],
            texts: texts.add(&creative.crid, &creative.landing_page),
            state: creative.state,
            format: creative.format,
            sizes: shared(&mut sizes, &creative.sizes),
            duration_s: creative.duration_s,
            categories: shared(&mut categories, &creative.categories),
            markup: creative.markup.as_deref().map(Box::from),
            monitors: creative.monitors.as_deref().map(monitors).filter(CreativeMonitors::is_told).map(Box::new),
            review: approved(creative).map(Arc::new),
            print: creative.markup.as_deref().map(digest::print),
        });
    }
    texts.finish(parts.creatives.iter_mut().map(|it| &mut it.texts));
}

/// What the config says of its approval; `None`: nothing, as of most.
fn approved(creative: &CreativeEntry) -> Option<Approved> {
    let attributes = creative.attributes.as_deref()?;
    Some(Approved { attributes: Some(attributes.into()), shown: (0, u32::MAX) })
}

/// The same list as one that was made before, where there is one.
fn shared<T: Clone + Eq + Hash>(made: &mut HashSet<Shared<T>>, list: &[T]) -> Shared<T> {
    if let Some(kept) = made.get(list) {
        return kept.clone();
    }
    let list = Shared::from(list);
    made.insert(list.clone());
    list
}

fn deals(folder: Folder, links: Vec<Option<DealLinks>>, numbers: &Numbers, book: &mut IdBook, parts: &mut Parts) {
    let mut shared = HashMap::new();
    for (deal, resolved) in folder.deals.entries.into_iter().zip(links) {
        let (Standing::Live(state), Some(resolved)) = (deal.standing, resolved) else { continue };
        let targeting = targeting(&deal, &resolved, numbers, &mut shared);
        let registered = resolved.registered.iter().map(|name| book.assign(name));
        let advertisers: Vec<AdvertiserId> =
            resolved.advertisers.iter().map(|row| numbers.advertisers[*row]).chain(registered).collect();
        parts.deals.push(Deal {
            id: book.assign::<DealId>(&deal.id),
            wire: deal.id,
            method: deal.method,
            state,
            buyer: numbers.buyers[resolved.buyer],
            dsps: resolved.dsps.iter().map(|row| numbers.dsps[*row]).collect(),
            period: deal.period,
            price: deal.cpm.value,
            volume: deal.volume.map(|volume| volume.value),
            priority: deal.priority,
            fallback: resolved.fallback.map(|row| numbers.creatives[row]),
            identifiers: deal.identifiers,
            approved_markup: deal.approved_markup,
            unreviewed_a_day: deal.unreviewed_a_day,
            client: advertisers.first().filter(|_| deal.client_pays).copied(),
            advertisers: advertisers.into(),
            frequency: deal.frequency,
            targeting,
        });
    }
}

/// A deal's targeting; the same conditions are kept once for all deals.
fn targeting(
    deal: &DealEntry,
    resolved: &DealLinks,
    numbers: &Numbers,
    shared: &mut HashMap<Arc<Conditions>, ()>,
) -> Targeting {
    let place = |row: &PlaceRow| match row {
        PlaceRow::Media(row) => Place::Media(numbers.media[*row]),
        PlaceRow::Property(row) => Place::Property(numbers.properties[*row]),
        PlaceRow::Placement(row) => Place::Placement(numbers.placements[*row]),
    };
    let excluded_places = resolved.places.excluded.iter().map(place).collect();
    let conditions = super::targeting::conditions(&deal.include, &deal.exclude, excluded_places);
    let conditions = (conditions != Conditions::default()).then(|| {
        let made = Arc::new(conditions);
        let kept = shared.get_key_value(&made).map(|(kept, ())| Arc::clone(kept));
        kept.unwrap_or_else(|| {
            shared.insert(Arc::clone(&made), ());
            made
        })
    });
    let places = resolved.places.included.iter().map(|named| place(&named.value)).collect();
    Targeting { places, formats: deal.format_set(), conditions }
}
