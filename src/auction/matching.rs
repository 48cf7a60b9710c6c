//! Matching: which deals fit each imp by what was agreed, whatever their state or money.

use super::NoBid;
use super::admission::{Admitted, OfferedImp};
use super::fit;
use crate::market::Market;
use crate::market::deal::Deal;
use crate::market::targeting::{Conditions, Dimension, Listed, OperatingSystem, Place, Sizes, Version};

/// The deals that fit, per imp; at least one in all.
#[derive(Debug)]
pub struct Matched<'r> {
    pub(super) admitted: Admitted<'r>,
    pub(super) deals: Vec<Vec<&'r Deal>>,
}

impl<'r> Matched<'r> {
    /// What was admitted.
    #[must_use]
    pub fn admitted(&self) -> &Admitted<'r> {
        &self.admitted
    }

    /// The deals that fit an imp, by its place among the admitted ones.
    #[must_use]
    pub fn deals(&self, imp: usize) -> &[&'r Deal] {
        self.deals.get(imp).map_or(&[], Vec::as_slice)
    }
}

/// Finds the deals that fit.
///
/// # Errors
/// [`NoBid::NoDeal`] when none fits any imp.
pub fn match_deals<'r>(market: &'r Market, admitted: Admitted<'r>) -> Result<Matched<'r>, NoBid> {
    let fitting = |imp: &OfferedImp<'r>| -> Vec<_> {
        market.deals_on(imp.placement).filter(|deal| fits(deal, imp, &admitted)).collect()
    };
    let deals: Vec<_> = admitted.imps.iter().map(fitting).collect();
    if deals.iter().all(Vec::is_empty) {
        return Err(NoBid::NoDeal);
    }
    Ok(Matched { admitted, deals })
}

fn fits(deal: &Deal, imp: &OfferedImp<'_>, admitted: &Admitted<'_>) -> bool {
    deal.runs_on(admitted.day)
        && imp.only.as_ref().is_none_or(|only| only.contains(&deal.id))
        && !imp.formats.and(deal.targeting.formats).is_empty()
        && deal.targeting.conditions.as_ref().is_none_or(|conditions| hold(conditions, imp, admitted))
}

fn hold(conditions: &Conditions, imp: &OfferedImp<'_>, admitted: &Admitted<'_>) -> bool {
    let placement = imp.placement;
    let places = [Place::Placement(placement.id), Place::Property(placement.property), Place::Media(placement.media)];
    let mut sizes = fit::asked_sizes(imp);
    conditions.dayparts.include(admitted.at)
        && !places.iter().any(|place| conditions.excluded_places.contains(place))
        && match &conditions.sizes {
            Sizes::Any => true,
            Sizes::Only(_) => sizes.any(|size| conditions.sizes.take(size)),
            Sizes::Except(_) => {
                let mut sizes = sizes.peekable();
                sizes.peek().is_none() || sizes.any(|size| conditions.sizes.take(size))
            }
        }
        && conditions.clauses.iter().all(|clause| clause.exclude != meets(&clause.listed, admitted))
}

/// Whether a request is one of what is listed; what it does not say is none of it.
fn meets(listed: &Listed, admitted: &Admitted<'_>) -> bool {
    let device = admitted.request.device.as_ref();
    let geo = device.and_then(|device| device.geo.as_ref());
    match listed {
        Listed::Texts(dimension, texts) => {
            let has = |given: Option<&str>| {
                given.is_some_and(|given| texts.iter().any(|text| text.eq_ignore_ascii_case(given)))
            };
            match dimension {
                Dimension::Country => has(geo.and_then(|geo| geo.country.as_deref())),
                Dimension::Region => has(geo.and_then(|geo| geo.region.as_deref())),
                Dimension::City => has(geo.and_then(|geo| geo.city.as_deref())),
                Dimension::Make => has(device.and_then(|device| device.make.as_deref())),
                Dimension::Carrier => has(device.and_then(|device| device.carrier.as_deref())),
                Dimension::Language => has(device.and_then(|device| device.language.as_deref())),
            }
        }
        Listed::DeviceTypes(kinds) => {
            let given = device.and_then(|device| device.devicetype);
            given.is_some_and(|given| kinds.iter().any(|kind| kind.covers(given)))
        }
        Listed::Connections(kinds) => {
            let given = device.and_then(|device| device.connectiontype);
            given.is_some_and(|given| kinds.iter().any(|kind| kind.covers(given)))
        }
        Listed::OperatingSystems(systems) => {
            let name = device.and_then(|device| device.os.as_deref());
            let version = device.and_then(|device| device.osv.as_deref()).and_then(Version::of_device);
            let is = |system: &OperatingSystem, name: &str| {
                system.name.eq_ignore_ascii_case(name)
                    && system.least.is_none_or(|least| version.is_some_and(|version| version >= least))
            };
            name.is_some_and(|name| systems.iter().any(|system| is(system, name)))
        }
        Listed::Segments(_) => false,
    }
}
