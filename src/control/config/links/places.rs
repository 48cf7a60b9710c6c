//! Which parts of the supply a deal means, and which placements those are.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::super::Folder;
use super::super::deals::DealEntry;
use super::super::diagnostic::{At, Report};
use super::super::targeting::Side;

/// A part of the supply by its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::control::config) enum PlaceRow {
    Media(usize),
    Property(usize),
    Placement(usize),
}

/// Where a deal runs.
pub(in crate::control::config) struct Places {
    /// As it names them.
    pub(in crate::control::config) included: Vec<At<PlaceRow>>,
    pub(in crate::control::config) excluded: Vec<PlaceRow>,
    /// The placements within the included and not within the excluded ones. Deals that name the same places share them.
    pub(in crate::control::config) placements: Rc<[usize]>,
}

/// What each placement is part of.
pub(super) struct Homes {
    homes: Vec<(Option<usize>, Option<usize>)>,
    within: HashMap<PlaceRow, Vec<usize>>,
    known: HashMap<Sides, Rc<[usize]>>,
}

/// What is included and what is excluded.
type Sides = (Vec<PlaceRow>, Vec<PlaceRow>);

impl Homes {
    pub(super) fn of(folder: &Folder, report: &Report) -> Self {
        let mut homes = Vec::new();
        let mut within: HashMap<PlaceRow, Vec<usize>> = HashMap::new();
        for (row, placement) in folder.supply.placements.entries.iter().enumerate() {
            let media = folder.supply.media.row(&placement.media);
            let property = folder.supply.properties.refer_within(&placement.media, &placement.property, report);
            let places = [media.map(PlaceRow::Media), property.map(PlaceRow::Property)];
            places.into_iter().flatten().for_each(|place| within.entry(place).or_default().push(row));
            homes.push((media, property));
        }
        Self { homes, within, known: HashMap::new() }
    }

    pub(super) fn properties(&self) -> Vec<Option<usize>> {
        self.homes.iter().map(|(_, property)| *property).collect()
    }

    /// What a place is part of.
    fn around(&self, folder: &Folder, place: PlaceRow) -> Vec<PlaceRow> {
        let (media, property) = match place {
            PlaceRow::Media(_) => (None, None),
            PlaceRow::Property(row) => {
                let media = folder.supply.properties.entries.get(row).map(|property| &property.media);
                (media.and_then(|media| folder.supply.media.row(media)), None)
            }
            PlaceRow::Placement(row) => self.homes.get(row).copied().unwrap_or_default(),
        };
        [media.map(PlaceRow::Media), property.map(PlaceRow::Property)].into_iter().flatten().collect()
    }

    fn placements(&self, place: PlaceRow) -> &[usize] {
        self.within.get(&place).map_or(&[], Vec::as_slice)
    }

    fn left(&mut self, included: &[At<PlaceRow>], excluded: &[PlaceRow]) -> Rc<[usize]> {
        let key = (included.iter().map(|place| place.value).collect::<Vec<_>>(), excluded.to_vec());
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let rows = |place: &PlaceRow| match place {
            PlaceRow::Placement(row) => vec![*row],
            place => self.placements(*place).to_vec(),
        };
        let gone: HashSet<usize> = excluded.iter().flat_map(rows).collect();
        let left: Rc<[usize]> = key.0.iter().flat_map(rows).filter(|row| !gone.contains(row)).collect();
        self.known.insert(key, Rc::clone(&left));
        left
    }
}

/// The places of a deal; `None` when one is refused.
pub(super) fn resolve(folder: &Folder, homes: &mut Homes, deal: &DealEntry, report: &Report) -> Option<Places> {
    let included = side(folder, &deal.include, report);
    let excluded = side(folder, &deal.exclude, report);
    let (included, excluded) = (included?, excluded?);
    let named: HashSet<_> = included.iter().map(|place| place.value).collect();
    for place in &included {
        if homes.around(folder, place.value).iter().any(|around| named.contains(around)) {
            report.error(place.place, "this is part of what the deal names as a whole; name one of them");
        }
    }
    for place in &excluded {
        let runs = named.contains(&place.value)
            || homes.around(folder, place.value).iter().any(|around| named.contains(around))
            || included.iter().any(|named| homes.around(folder, named.value).contains(&place.value));
        if !runs {
            report.warning(place.place, "this deal does not run there anyway; the exclusion does nothing");
        }
    }
    let excluded: Vec<_> = excluded.into_iter().map(|place| place.value).collect();
    let placements = homes.left(&included, &excluded);
    Some(Places { included, excluded, placements })
}

/// The places of one side, each once.
fn side(folder: &Folder, side: &Side, report: &Report) -> Option<Vec<At<PlaceRow>>> {
    let supply = &folder.supply;
    let media =
        side.media.iter().map(|it| At { value: supply.media.refer(it, report).map(PlaceRow::Media), place: it.place });
    let properties = side.properties.iter().map(|it| {
        let (media, id) = (&it.value.media, &it.value.id);
        let row =
            known_media(folder, media, report).and_then(|()| supply.properties.refer_within(&media.value, id, report));
        At { value: row.map(PlaceRow::Property), place: it.place }
    });
    let placements = side.placements.iter().map(|it| {
        let row = super::placement(folder, &it.value, report);
        At { value: row.map(PlaceRow::Placement), place: it.place }
    });
    let named: Vec<_> = media.chain(properties).chain(placements).collect();
    let mut seen = HashSet::new();
    for place in &named {
        if let Some(row) = place.value
            && !seen.insert(row)
        {
            let noun = match row {
                PlaceRow::Media(_) => "media",
                PlaceRow::Property(_) => "property",
                PlaceRow::Placement(_) => "placement",
            };
            report.error(place.place, format!("this {noun} is listed twice"));
        }
    }
    named.into_iter().map(|it| Some(At { value: it.value?, place: it.place })).collect()
}

pub(super) fn known_media(folder: &Folder, media: &At<String>, report: &Report) -> Option<()> {
    if folder.supply.media.lacks(&media.value) {
        folder.supply.media.refer(media, report);
        return None;
    }
    Some(())
}
