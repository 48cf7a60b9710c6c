//! What is traded in the simulation: the terms as plain numbers, which the model knows, and the market that the product makes of them.

use pmpx::clock::{Chance, ShanghaiDay};
use pmpx::event::{Charge, Method};
use pmpx::ids::{AdvertiserId, BuyerId, CreativeId, DealId, DspId, MediaId, PlacementId};
use pmpx::market::deal::{Deal, PushRatio, Volume};
use pmpx::market::demand::CreativeTexts;
use pmpx::market::supply::{Format, Formats};
use pmpx::market::targeting::Place;
use pmpx::market::{Market, Parts, Suspensions};
use pmpx::money::{CpmMicroYuan, Margin};
use serde_json::{Value, json};

#[path = "../../benches/common/fixture.rs"]
mod common;

/// By how much nodes' clocks may differ, ms.
pub(crate) const SKEW_MS: u64 = 5_000;
/// The longest life of a token in each generation, ms: that of the last placement.
pub(crate) const LONGEST_LIFE_MS: [u64; 2] = [30 * 3_600_000, 36 * 3_600_000];

/// A placement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacementTerms {
    pub(crate) tagid: &'static str,
    pub(crate) media: &'static str,
    /// The life of its tokens in each generation, ms.
    pub(crate) life_ms: [u64; 2],
    pub(crate) minimum_ms: u32,
    /// The media's margin in each generation, basis points.
    pub(crate) margin: [i64; 2],
}

pub(crate) const PLACEMENTS: [PlacementTerms; 3] = [
    PlacementTerms {
        tagid: "sunrise-open",
        media: "sunrise",
        life_ms: [3_600_000; 2],
        minimum_ms: 0,
        margin: [1_500; 2],
    },
    PlacementTerms {
        tagid: "harbor-preroll",
        media: "harbor",
        life_ms: [14_400_000, 7_200_000],
        minimum_ms: 2_000,
        margin: [2_000, 1_733],
    },
    PlacementTerms {
        tagid: "city-top",
        media: "citypages",
        life_ms: LONGEST_LIFE_MS,
        minimum_ms: 500,
        margin: [1_500; 2],
    },
];

/// A deal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DealTerms {
    pub(crate) wire: &'static str,
    pub(crate) method: Method,
    /// The place among the example's buyers.
    pub(crate) buyer: usize,
    /// The place among [`PLACEMENTS`].
    pub(crate) placement: usize,
    /// What one impression costs in each generation, micro-yuan.
    pub(crate) price: [i64; 2],
    /// Impressions a day; 0 for a preferred deal.
    pub(crate) daily: u64,
}

/// Dear impressions, so that a few of them use up a lease, and a few hundred a balance.
pub(crate) const DEALS: [DealTerms; 7] = [
    DealTerms { wire: "PDB-A", method: Method::Pdb, buyer: 0, placement: 0, price: [60_000_000; 2], daily: 60 },
    DealTerms { wire: "BPG-B", method: Method::Bpg, buyer: 1, placement: 1, price: [68_123_457; 2], daily: 40 },
    DealTerms { wire: "PDB-C", method: Method::Pdb, buyer: 2, placement: 2, price: [33_333_333; 2], daily: 50 },
    DealTerms { wire: "PD-D", method: Method::Pd, buyer: 2, placement: 0, price: [62_000_001, 59_000_003], daily: 0 },
    DealTerms { wire: "PD-E", method: Method::Pd, buyer: 1, placement: 2, price: [9_500_000; 2], daily: 0 },
    DealTerms { wire: "PD-F", method: Method::Pd, buyer: 0, placement: 1, price: [24_017_123, 31_999_999], daily: 0 },
    // An impression of a large screen: dearer than the first lease.
    DealTerms { wire: "PD-G", method: Method::Pd, buyer: 1, placement: 2, price: [345_678_901; 2], daily: 0 },
];

/// Buyers of the example, in the order of [`DealTerms::buyer`].
const BUYERS: usize = 3;

/// What the product calls what the terms name: for building charges and suspensions.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) deals: Vec<DealNames>,
    pub(crate) buyers: Vec<BuyerId>,
    pub(crate) placements: Vec<(PlacementId, MediaId)>,
}

/// What the product calls a deal and what is shown under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DealNames {
    pub(crate) id: DealId,
    pub(crate) dsp: DspId,
    pub(crate) advertiser: AdvertiserId,
    pub(crate) creative: CreativeId,
}

/// The two generations of the market, and what the product calls everything in them.
pub(crate) fn markets() -> ([Market; 2], Names) {
    let example = common::example();
    let make = |generation: usize| {
        let market = common::changed(&example, |parts| change(parts, generation));
        let mut terms = market.terms.clone();
        terms.clock_skew_ms = SKEW_MS;
        // Again, with the simulation's skew.
        let mut parts = None;
        let _ = common::changed(&market, |made| parts = Some(std::mem::take(made)));
        Market::assemble(generation as u64 + 1, market.loaded_at, [generation as u8; 32], terms, parts.unwrap())
    };
    let markets = [make(0), make(1)];
    let market = &markets[0];
    let placement = |terms: &PlacementTerms| {
        let found = market.placements.iter().find(|it| it.tagid == terms.tagid).unwrap();
        (found.id, found.media)
    };
    let deal = |terms: &DealTerms| {
        let deal = market.deal_named(terms.wire).unwrap();
        let creative = market.creatives.get(deal.fallback.unwrap()).unwrap();
        DealNames { id: deal.id, dsp: deal.dsps[0], advertiser: creative.advertiser, creative: creative.id }
    };
    let names = Names {
        deals: DEALS.iter().map(deal).collect(),
        buyers: market.buyers.iter().map(|buyer| buyer.id).collect(),
        placements: PLACEMENTS.iter().map(placement).collect(),
    };
    (markets, names)
}

fn change(parts: &mut Parts, generation: usize) {
    for terms in PLACEMENTS {
        let placement = parts.placements.iter_mut().find(|it| it.tagid == terms.tagid).unwrap();
        placement.token_life_ms = terms.life_ms[generation];
        placement.minimum_display_ms = terms.minimum_ms;
        let media = parts.media.iter_mut().find(|it| it.wire == terms.media).unwrap();
        media.margin = Margin::from_basis_points(u16::try_from(terms.margin[generation]).unwrap()).unwrap();
    }
    parts.placements.retain(|it| PLACEMENTS.iter().any(|terms| terms.tagid == it.tagid));
    // Nobody is asked over a network: each guaranteed deal shows its fallback (R-FALLBACK).
    parts.dsps.iter_mut().for_each(|dsp| dsp.most_in_flight = 0);
    let template = parts.deals[0].clone();
    let model = parts.creatives[0].clone();
    parts.creatives.clear();
    parts.deals.clear();
    for (number, terms) in DEALS.iter().enumerate() {
        let buyer = &parts.buyers[terms.buyer];
        let advertiser = parts.advertisers.iter().find(|it| it.buyer == buyer.id).unwrap();
        let placement = parts.placements.iter().find(|it| it.tagid == PLACEMENTS[terms.placement].tagid).unwrap();
        let format = if terms.placement == 1 { Format::Video } else { Format::Banner };
        let mut creative = model.clone();
        creative.id = CreativeId(number as u32);
        creative.texts = CreativeTexts::new(&format!("creative-{number}"), "https://example.com/");
        (creative.buyer, creative.advertiser, creative.format) = (buyer.id, advertiser.id, format);
        creative.sizes = placement.sizes.as_slice().into();
        creative.duration_s = (format == Format::Video).then_some(15);
        if format == Format::Video {
            creative.markup = Some(VAST.into());
        }
        let price = CpmMicroYuan::new(terms.price[generation] * 1_000).unwrap();
        let volume = Volume { daily: terms.daily, push: PushRatio::ONE };
        let mut deal = Deal {
            id: DealId(number as u32),
            wire: terms.wire.to_owned(),
            method: terms.method,
            buyer: buyer.id,
            price,
            volume: terms.method.is_guaranteed().then_some(volume),
            fallback: Some(creative.id),
            ..template.clone()
        };
        let may = |dsp: &&pmpx::market::demand::Dsp| dsp.seats_of(buyer.id).is_some();
        deal.dsps = vec![parts.dsps.iter().find(may).unwrap().id].into();
        deal.targeting.places = vec![Place::Placement(placement.id)].into();
        deal.targeting.formats = Formats::ALL;
        parts.creatives.push(creative);
        parts.deals.push(deal);
    }
    assert!(parts.buyers.len() >= BUYERS, "the example has a buyer for each");
}

const VAST: &str = r#"<VAST version="4.0"><Ad id="1"><InLine><AdSystem>pmpx</AdSystem><AdTitle>Ad</AdTitle><Creatives><Creative><Linear><Duration>00:00:15</Duration><MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="1280" height="720">https://cdn.yunfan.example/15.mp4</MediaFile></MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>"#;

/// A media's request for one ad on a placement.
pub(crate) fn request(placement: usize) -> Value {
    let (tagid, format, value) = match placement {
        0 => ("sunrise-open", "banner", json!({"w": 1080, "h": 1920})),
        1 => (
            "harbor-preroll",
            "video",
            json!({"mimes": ["video/mp4"], "w": 1280, "h": 720, "minduration": 5, "maxduration": 30}),
        ),
        _ => ("city-top", "banner", json!({"w": 728, "h": 90})),
    };
    let distribution = if placement == 2 { "site" } else { "app" };
    json!({"id": "r", "imp": [{"id": "1", "tagid": tagid, format: value}], distribution: {"id": "a"}})
}

/// Who or what is suspended: at most one of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suspended {
    pub(crate) creative: Option<CreativeId>,
    pub(crate) deal: Option<DealId>,
    pub(crate) buyer: Option<BuyerId>,
    pub(crate) media: Option<MediaId>,
    pub(crate) dsp: Option<DspId>,
}

impl Suspended {
    /// Throws or lifts one switch of what a charge is of.
    pub(crate) fn turn(&mut self, charge: &Charge, chance: &mut Chance) {
        fn flip<I: Copy>(switch: &mut Option<I>, id: I) {
            *switch = if switch.is_some() { None } else { Some(id) };
        }
        match chance.below(10) {
            0..=1 => flip(&mut self.creative, charge.creative),
            2..=3 => flip(&mut self.deal, charge.deal),
            4..=5 => flip(&mut self.buyer, charge.buyer),
            6..=7 => flip(&mut self.media, charge.media),
            _ => flip(&mut self.dsp, charge.dsp),
        }
    }

    /// As the product keeps it.
    pub(crate) fn overlay(&self) -> Suspensions {
        Suspensions {
            media: self.media.into_iter().collect(),
            dsps: self.dsp.into_iter().collect(),
            buyers: self.buyer.into_iter().collect(),
            creatives: self.creative.into_iter().collect(),
            deals: self.deal.into_iter().collect(),
        }
    }
}

/// The day on which the simulation starts: four days before a month ends.
pub(crate) fn first_day() -> ShanghaiDay {
    ShanghaiDay::parse("2026-05-28").unwrap()
}
