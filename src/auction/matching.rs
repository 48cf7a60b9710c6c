//! Matching: which deals fit each imp by what was agreed, whatever their state or money.

use super::NoBid;
use super::admission::{Admitted, OfferedImp};
use super::fit;
use crate::market::deal::Deal;
use crate::market::targeting::{Dimension, Version};
use crate::market::{Facts, ImpFacts, Market};

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
    let facts = facts(market, &admitted);
    let mut sizes = Vec::new();
    let mut fitting = |imp: &OfferedImp<'r>| -> Vec<&'r Deal> {
        sizes.clear();
        sizes.extend(fit::asked_sizes(imp));
        let only = imp.only.as_deref();
        market.deals_for(&facts, ImpFacts { placement: imp.placement, formats: imp.formats, sizes: &sizes, only })
    };
    let deals: Vec<_> = admitted.imps.iter().map(&mut fitting).collect();
    if deals.iter().all(Vec::is_empty) {
        return Err(NoBid::NoDeal);
    }
    Ok(Matched { admitted, deals })
}

/// What the request says of place, device and audience (OpenRTB 2.6 §3.2.18 to §3.2.22).
fn facts<'r>(market: &'r Market, admitted: &Admitted<'_>) -> Facts<'r> {
    let mut facts = market.facts(admitted.at);
    if let Some(device) = &admitted.request.device {
        let geo = device.geo.as_ref();
        let language = device.language.as_ref().map(|it| it.split(['-', '_']).next().unwrap_or_default());
        let texts = [
            (Dimension::Country, geo.and_then(|geo| geo.country.as_deref())),
            (Dimension::Region, geo.and_then(|geo| geo.region.as_deref())),
            (Dimension::City, geo.and_then(|geo| geo.city.as_deref())),
            (Dimension::Make, device.make.as_deref()),
            (Dimension::Carrier, device.carrier.as_deref()),
            (Dimension::Carrier, device.mccmnc.as_deref()),
            (Dimension::Language, language),
        ];
        for (dimension, text) in texts {
            text.into_iter().for_each(|text| facts.text(dimension, text));
        }
        device.devicetype.into_iter().for_each(|given| facts.device_type(given));
        device.connectiontype.into_iter().for_each(|given| facts.connection(given));
        if let Some(system) = device.os.as_deref() {
            facts.system(system, device.osv.as_deref().and_then(Version::of_device));
        }
    }
    // R-CONSENT: what providers say of a person is used only where the person agreed.
    if admitted.consent {
        let data = admitted.request.user.iter().flat_map(|user| user.data);
        for (provider, data) in data.filter_map(|data| Some((data.id.as_deref()?, data))) {
            let ids = data.segment.iter().filter_map(|segment| segment.id.as_deref());
            ids.for_each(|id| facts.segment(provider, id));
        }
    }
    facts
}

#[cfg(test)]
mod tests;
