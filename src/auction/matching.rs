//! Matching: which deals fit each imp by what was agreed, whatever their state or money.

use super::NoBid;
use super::admission::{Admitted, OfferedImp};
use crate::market::Market;
use crate::market::deal::Deal;

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
        market.deals_on(imp.placement.id).filter(|deal| fits(deal, imp, &admitted)).collect()
    };
    let deals: Vec<_> = admitted.imps.iter().map(fitting).collect();
    if deals.iter().all(Vec::is_empty) {
        return Err(NoBid::NoDeal);
    }
    Ok(Matched { admitted, deals })
}

fn fits(deal: &Deal, imp: &OfferedImp<'_>, admitted: &Admitted<'_>) -> bool {
    let targeting = &deal.targeting;
    let device = admitted.request.device.as_ref();
    let region = device.and_then(|device| device.geo.as_ref()).and_then(|geo| geo.region.as_deref());
    let system = device.and_then(|device| device.os.as_deref());
    let listed = |list: &[String], given: Option<&str>| {
        list.is_empty() || given.is_some_and(|given| list.iter().any(|it| it.eq_ignore_ascii_case(given)))
    };
    deal.runs_on(admitted.day)
        && imp.only.as_ref().is_none_or(|only| only.contains(&deal.id))
        && !imp.formats.and(targeting.formats).is_empty()
        && targeting.hours.include(admitted.at)
        && listed(&targeting.regions, region)
        && listed(&targeting.operating_systems, system)
}
