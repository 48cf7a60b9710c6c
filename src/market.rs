//! The market: everything that the hot plane needs to know, as one immutable snapshot with its indexes (architecture §1, invariant 1).
//!
//! `control::config` compiles its [`Catalog`] from the config folder; `exchange` loads it once per request. Entities stand in [`Table`]s by
//! their dense ids; strings of the wire are looked up once, at the door.

pub mod agreement;
pub mod barred;
pub mod client_address;
pub mod content;
pub mod deal;
pub mod demand;
pub mod few;
pub mod figures;
mod index;
mod lookup;
pub mod network;
pub mod ordered;
pub mod partner;
pub mod plan;
pub mod policy;
pub mod rates;
pub mod shared;
pub mod supply;
mod suspension;
pub mod targeting;
mod traffic;
pub mod unreviewed;
mod vocabulary;

pub use index::{Facts, ImpFacts};

pub use suspension::{Market, Marks, Suspensions};

use std::sync::Arc;

use std::collections::HashMap;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{AdvertiserId, BuyerId, CreativeId, DealId, DenseId, DspId, MediaId, PlacementId, PropertyId};
use crate::money::{Currency, Rate};

use deal::Deal;
use demand::{Advertiser, Buyer, Creative, Dsp};
use partner::PartnerKey;
use plan::{DayPlan, WeekPlan};
use rates::Rates;
use supply::{Format, Media, MediaKey, Placement, Property, Size};

use index::Index;
use lookup::{Hash, Lookup};

/// Items by dense id, without holes in memory for ids that are not in this snapshot (4 bytes each).
#[derive(Clone, Debug)]
pub struct Table<I, T> {
    rows: Vec<u32>,
    items: Vec<T>,
    kind: std::marker::PhantomData<I>,
}

impl<I: DenseId, T> Table<I, T> {
    const ABSENT: u32 = u32::MAX;

    /// A table of items with their ids; of two items with the same id the later one stays reachable.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = (I, T)>) -> Self {
        let entries = entries.into_iter();
        let mut rows = Vec::new();
        let mut items = Vec::with_capacity(entries.size_hint().0);
        for (id, item) in entries {
            if rows.len() <= id.index() {
                rows.resize(id.index() + 1, Self::ABSENT);
            }
            rows[id.index()] = u32::try_from(items.len()).unwrap_or(Self::ABSENT);
            items.push(item);
        }
        Self { rows, items, kind: std::marker::PhantomData }
    }

    /// The item with that id, if this snapshot has it.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        self.rows.get(id.index()).and_then(|row| self.items.get(*row as usize))
    }

    /// The item with that id and its row among the items.
    pub(crate) fn entry(&self, id: I) -> Option<(u32, &T)> {
        let row = *self.rows.get(id.index())?;
        self.items.get(row as usize).map(|item| (row, item))
    }

    /// The item of a row.
    fn at(&self, row: usize) -> Option<&T> {
        self.items.get(row)
    }

    /// All items.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<I: DenseId, T> Default for Table<I, T> {
    fn default() -> Self {
        Self::new([])
    }
}

/// The exchange's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeTerms {
    /// What notice URLs begin with, without a slash at the end.
    pub public_url: String,
    /// Our domain: `asi` of our supply-chain node (OpenRTB 2.6 §3.2.26).
    pub domain: String,
    /// Our name in contracts and on statements; `None`: nobody has said (R-STATEMENT).
    pub legal_name: Option<String>,
    /// What a request without `tmax` gets, ms.
    pub default_tmax_ms: u32,
    /// The most that any request gets, ms.
    pub longest_tmax_ms: u32,
    /// Kept back from `tmax`, ms.
    pub margin_ms: u32,
    /// The largest body of a request, bytes, also after decompression.
    pub largest_body: usize,
    /// The most imps in a request.
    pub most_imps: usize,
    /// Requests in flight per core before new ones are refused.
    pub most_in_flight: usize,
    /// How long a core's queue may stand before new requests are refused, ms.
    pub target_delay_ms: u32,
    /// The same for a burst: while the queue was empty a moment ago, ms.
    pub burst_delay_ms: u32,
    /// One auction in so many is told in the log, stage by stage; 0: none.
    pub trace_one_in: u32,
    /// How long a token can be billed, ms, where the placement says nothing.
    pub token_life_ms: u64,
    /// By how much the clocks of nodes may differ, ms.
    pub clock_skew_ms: u64,
    /// How long after its end a sealed day's charges and clicks are kept, ms (R-RETAIN).
    pub detail_ms: u64,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<network::AddressRange>,
    /// The figures of the agreements.
    pub figures: Arc<figures::DatedFigures>,
    /// Who may count ads besides the exchange (R-MONITOR-LIST).
    pub monitors: agreement::MonitorList,
    /// Documents, industries and the bounds of reviews.
    pub content: Arc<policy::content::ContentTerms>,
    /// How landing pages are fetched and watched.
    pub landing: Arc<policy::landing::LandingTerms>,
    /// Words that ads may not say, or not without a person having read them.
    pub words: Arc<policy::words::WordTerms>,
    /// Who may ask the control plane.
    pub operators: Arc<policy::operators::Operators>,
}

impl ExchangeTerms {
    /// How we are named on statements: our legal name, else our domain (R-STATEMENT).
    #[must_use]
    pub fn name(&self) -> &str {
        self.legal_name.as_deref().unwrap_or(&self.domain)
    }
}

#[cfg(test)]
impl ExchangeTerms {
    /// For markets of tests that are not about the exchange's own terms.
    pub(crate) fn plain() -> Self {
        Self {
            public_url: String::new(),
            domain: String::new(),
            legal_name: None,
            default_tmax_ms: 100,
            longest_tmax_ms: 100,
            margin_ms: 0,
            largest_body: 1,
            most_imps: 1,
            most_in_flight: 1,
            target_delay_ms: 1,
            burst_delay_ms: 1,
            trace_one_in: 0,
            token_life_ms: 1,
            clock_skew_ms: 0,
            detail_ms: 0,
            trusted_proxies: Vec::new(),
            figures: Arc::new(figures::DatedFigures::new(figures::Figures::of_2023(), Vec::new())),
            monitors: agreement::MonitorList::default(),
            content: Arc::default(),
            landing: Arc::default(),
            words: Arc::default(),
            operators: Arc::default(),
        }
    }
}

/// What goes into a market; [`Market::assemble`] builds the indexes.
#[derive(Debug, Default)]
pub struct Parts {
    /// Media.
    pub media: Vec<Media>,
    /// Their apps, sites and screens.
    pub properties: Vec<Property>,
    /// Their keys.
    pub keys: Vec<MediaKey>,
    /// Placements.
    pub placements: Vec<Placement>,
    /// DSPs.
    pub dsps: Vec<Dsp>,
    /// Buyers.
    pub buyers: Vec<Buyer>,
    /// Advertisers.
    pub advertisers: Vec<Advertiser>,
    /// Creatives: the newest version of each.
    pub creatives: Vec<Creative>,
    /// Deals in every state that must be counted: all but drafts and ended ones.
    pub deals: Vec<Deal>,
    /// What other currencies are worth.
    pub rates: Rates,
    /// Keys of partners.
    pub partner_keys: Vec<PartnerKey>,
}

/// What the config says, with its indexes. The hot plane reads it through a [`Market`], which knows what is suspended beside it.
#[derive(Debug)]
pub struct Catalog {
    /// One more for each published market.
    pub generation: u64,
    /// When it was compiled.
    pub loaded_at: UnixMillis,
    /// SHA-256 of its sources.
    pub digest: [u8; 32],
    /// The exchange's own terms.
    pub terms: ExchangeTerms,
    /// Media by id.
    pub media: Table<MediaId, Media>,
    /// Apps, sites and screens by id.
    pub properties: Table<PropertyId, Property>,
    /// Placements by id.
    pub placements: Table<PlacementId, Placement>,
    /// DSPs by id.
    pub dsps: Table<DspId, Dsp>,
    /// Buyers by id.
    pub buyers: Table<BuyerId, Buyer>,
    /// The config's advertisers by id; how one stands now says [`Market::advertiser`].
    advertisers: Table<AdvertiserId, Advertiser>,
    advertiser_names: Lookup,
    /// The config's creatives by id; how one stands now says [`Market::creative_numbered`].
    pub creatives: Table<CreativeId, Creative>,
    /// Deals by id.
    pub deals: Table<DealId, Deal>,
    /// What other currencies are worth, by day.
    pub rates: Rates,
    keys: HashMap<Box<str>, MediaKey>,
    partner_keys: HashMap<Box<str>, PartnerKey>,
    tags: Lookup,
    crids: Lookup,
    deal_names: Lookup,
    index: Index,
    plans: Table<DealId, WeekPlan>,
    by_fit: HashMap<Fit, Vec<CreativeId>>,
}

/// What an imp asks a buyer's creatives for; a size for banners only.
type Fit = (BuyerId, Format, Option<Size>);

impl Catalog {
    /// Builds the indexes over the parts.
    fn assemble(generation: u64, loaded_at: UnixMillis, digest: [u8; 32], terms: ExchangeTerms, parts: Parts) -> Self {
        let keys = parts.keys.into_iter().map(|key| (key.key_id.as_str().into(), key)).collect();
        let partner_keys = parts.partner_keys.into_iter().map(|key| (key.key_id.as_str().into(), key)).collect();
        let tags = parts.placements.iter().map(|it| named(it.media.0, &it.tagid));
        let tags = Lookup::new(tags);
        let crids = Lookup::new(parts.creatives.iter().map(|it| named(it.buyer.0, it.crid())));
        let advertiser_names = Lookup::new(parts.advertisers.iter().map(|it| named(it.buyer.0, &it.wire)));
        let deal_names = Lookup::new(parts.deals.iter().map(|it| named(0, &it.wire)));
        let mut by_fit: HashMap<Fit, Vec<CreativeId>> = HashMap::new();
        for creative in &parts.creatives {
            for size in creative.fitting_sizes() {
                by_fit.entry((creative.buyer, creative.format, size)).or_default().push(creative.id);
            }
        }
        let plans = plan::plans_of(&parts.deals, &parts.placements);
        let deals = Table::new(parts.deals.into_iter().map(|it| (it.id, it)));
        let index = index::Builder::default().build(&deals, loaded_at.shanghai_day());
        Self {
            generation,
            loaded_at,
            digest,
            terms,
            media: Table::new(parts.media.into_iter().map(|it| (it.id, it))),
            properties: Table::new(parts.properties.into_iter().map(|it| (it.id, it))),
            placements: Table::new(parts.placements.into_iter().map(|it| (it.id, it))),
            dsps: Table::new(parts.dsps.into_iter().map(|it| (it.id, it))),
            buyers: Table::new(parts.buyers.into_iter().map(|it| (it.id, it))),
            advertisers: Table::new(parts.advertisers.into_iter().map(|it| (it.id, it))),
            advertiser_names,
            creatives: Table::new(parts.creatives.into_iter().map(|it| (it.id, it))),
            deals,
            rates: parts.rates,
            keys,
            partner_keys,
            tags,
            crids,
            deal_names,
            index,
            plans,
            by_fit,
        }
    }

    /// The last day on which a buyer's money may be used: its cooperation's last and the months of extension after it (R-TERM);
    /// `None` where the cooperation has no end.
    #[must_use]
    pub fn last_day_of_use(&self, buyer: BuyerId) -> Option<ShanghaiDay> {
        let until = self.buyers.get(buyer)?.cooperation?.until;
        Some(until.plus_months(self.terms.figures.on(until).extension_months))
    }

    /// The buyers whose last day of use is before a day, with that day.
    #[must_use]
    pub fn ended_uses(&self, today: ShanghaiDay) -> Vec<(BuyerId, ShanghaiDay)> {
        let last = |buyer: &Buyer| Some((buyer.id, self.last_day_of_use(buyer.id)?));
        self.buyers.iter().filter_map(last).filter(|(_, last)| *last < today).collect()
    }

    /// The request key with that id.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&MediaKey> {
        self.keys.get(key_id)
    }

    /// All request keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &MediaKey> {
        self.keys.values()
    }

    /// The partner's key with that id.
    #[must_use]
    pub fn partner_key(&self, key_id: &str) -> Option<&PartnerKey> {
        self.partner_keys.get(key_id)
    }

    /// All partners' keys, in no order.
    pub fn partner_keys(&self) -> impl Iterator<Item = &PartnerKey> {
        self.partner_keys.values()
    }

    /// The placement that a media calls `tagid` (OpenRTB 2.6 §3.2.4).
    #[must_use]
    pub fn placement(&self, media: MediaId, tagid: &str) -> Option<&Placement> {
        let is = |row| self.placements.at(row).is_some_and(|it| it.media == media && it.tagid == tagid);
        self.placements.at(self.tags.find(named(media.0, tagid), is)?)
    }

    /// The deal with that wire id.
    #[must_use]
    pub fn deal_named(&self, wire: &str) -> Option<&Deal> {
        let is = |row| self.deals.at(row).is_some_and(|it| it.wire == *wire);
        self.deals.at(self.deal_names.find(named(0, wire), is)?)
    }

    /// To be told what a request of that moment says; then [`Market::deals_for`].
    #[must_use]
    pub fn facts(&self, at: UnixMillis) -> Facts<'_> {
        self.index.facts(at)
    }

    /// The deals that name a placement, its property or its media, whatever else they ask. Goes through all deals: not for requests.
    pub fn deals_on(&self, placement: &Placement) -> impl Iterator<Item = &Deal> {
        let places = placement.places();
        self.deals.iter().filter(move |deal| deal.targeting.places.iter().any(|place| places.contains(place)))
    }

    /// How a guaranteed deal's volume spreads over a day; `None` for a preferred deal.
    #[must_use]
    pub fn plan_of(&self, deal: DealId, day: ShanghaiDay) -> Option<&DayPlan> {
        self.plans.get(deal).map(|week| week.on(day))
    }

    /// What a unit of a currency is worth in yuan on a day; `None` when it is not traded in (architecture §5, "money").
    #[must_use]
    pub fn rate_on(&self, currency: Currency, day: ShanghaiDay) -> Option<Rate> {
        self.rates.on(currency, day)
    }
}

/// The hash of a name that is `owner`'s.
fn named(owner: u32, name: &str) -> u64 {
    Hash::new().number(owner).text(name).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_finds_what_it_has_and_nothing_else() {
        let table: Table<DealId, &str> = Table::new([(DealId(5), "five"), (DealId(2), "two")]);
        assert_eq!(table.get(DealId(5)), Some(&"five"));
        assert_eq!(table.get(DealId(2)), Some(&"two"));
        assert_eq!(table.get(DealId(3)), None);
        assert_eq!(table.get(DealId(6)), None);
        assert_eq!(table.len(), 2);
    }
}
