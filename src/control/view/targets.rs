//! A deal's targeting as operators see it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ids::MediaId;
use crate::market::Market;
use crate::market::supply::{Format, Size};
use crate::market::targeting::{Dayparts, Place, Sizes, Targeting};

/// Where a deal applies, as config writes it.
#[derive(Debug, Serialize)]
pub(in crate::control) struct Targets {
    media: Vec<String>,
    properties: Vec<String>,
    placements: Vec<String>,
    formats: Vec<&'static str>,
    /// Hours of the day in Shanghai, Monday first; empty: all of the week.
    dayparts: Vec<Vec<u8>>,
    #[serde(flatten)]
    included: BTreeMap<&'static str, Vec<String>>,
    exclude: BTreeMap<&'static str, Vec<String>>,
}

impl Targets {
    pub(super) fn of(market: &Market, targeting: &Targeting) -> Self {
        let mut named = Self::places(market, &targeting.places);
        let mut take = |key| named.remove(key).unwrap_or_default();
        let mut targets = Self {
            media: take("media"),
            properties: take("properties"),
            placements: take("placements"),
            formats: Format::ALL.iter().filter(|it| targeting.formats.has(**it)).map(|it| it.name()).collect(),
            dayparts: Vec::new(),
            included: BTreeMap::new(),
            exclude: BTreeMap::new(),
        };
        let Some(conditions) = &targeting.conditions else { return targets };
        if conditions.dayparts != Dayparts::ALL {
            let hours = |bits: &u32| (0..24).filter(|hour| bits >> hour & 1 == 1).collect();
            targets.dayparts = conditions.dayparts.0.iter().map(hours).collect();
        }
        targets.exclude = Self::places(market, &conditions.excluded_places);
        let shown = |sizes: &[Size]| sizes.iter().map(|size| format!("{}x{}", size.w, size.h)).collect();
        match &conditions.sizes {
            Sizes::Any => {}
            Sizes::Only(sizes) => drop(targets.included.insert("sizes", shown(sizes))),
            Sizes::Except(sizes) => drop(targets.exclude.insert("sizes", shown(sizes))),
        }
        for clause in &conditions.clauses {
            let side = if clause.exclude { &mut targets.exclude } else { &mut targets.included };
            side.insert(clause.listed.key(), clause.listed.to_texts());
        }
        targets
    }

    fn places(market: &Market, places: &[Place]) -> BTreeMap<&'static str, Vec<String>> {
        let mut named: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let within = |media: MediaId, name: &str| Some(format!("{}/{name}", market.media.get(media)?.wire));
        for place in places {
            let (key, name) = match place {
                Place::Media(id) => ("media", market.media.get(*id).map(|media| media.wire.clone())),
                Place::Property(id) => {
                    ("properties", market.properties.get(*id).and_then(|it| within(it.media, &it.wire)))
                }
                Place::Placement(id) => {
                    ("placements", market.placements.get(*id).and_then(|it| within(it.media, &it.tagid)))
                }
            };
            named.entry(key).or_default().extend(name);
        }
        named
    }
}
