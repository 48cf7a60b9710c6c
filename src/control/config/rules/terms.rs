//! Terms of media and DSPs that other files bound: currencies by their rates, `tmax` by the exchange's, industries by content.toml.

use super::super::Folder;
use super::super::diagnostic::{Place, Report};
use super::super::media::MediaEntry;
use crate::clock::ShanghaiDay;
use crate::market::rates::Rates;
use crate::money::Currency;

pub(super) fn judge(folder: &Folder, today: ShanghaiDay, report: &Report) {
    let rates = folder.currencies.complete.then(|| Rates::new(folder.currencies.rows.clone()));
    let has_rate = |currency: Currency, place: Place, day: ShanghaiDay| {
        if rates.as_ref().is_some_and(|rates| rates.on(currency, day).is_none()) {
            report.error(place, format!("`currency` {currency} has no rate in currencies.toml on {day}"));
        }
    };
    for dsp in &folder.dsps.entries {
        // Rates stay in force until the next, so that one at the beginning covers the whole approval.
        has_rate(dsp.currency.value, dsp.currency.place, dsp.approved.0);
    }
    for media in &folder.supply.media.entries {
        prohibits_known(folder, media, report);
        has_rate(media.currency.value, media.currency.place, today);
        let (Some(tmax), Some(exchange)) = (media.default_tmax_ms, &folder.exchange) else { continue };
        let (margin, longest) = (exchange.terms.margin_ms, exchange.terms.longest_tmax_ms);
        if tmax.value <= margin {
            report.error(tmax.place, format!("`default_tmax` is all taken by the exchange's `margin`, {margin}ms"));
        } else if tmax.value > longest {
            report
                .error(tmax.place, format!("`default_tmax` is longer than the exchange's `longest_tmax`, {longest}ms"));
        }
    }
}

/// R-CATEGORY: what a media prohibits by its name is an industry of content.toml, and not everybody's.
fn prohibits_known(folder: &Folder, media: &MediaEntry, report: &Report) {
    let Some(content) = &folder.content else { return };
    for industry in &media.prohibited_industries {
        if !content.prohibitable().any(|known| known == industry.value) {
            let known: Vec<_> = content.prohibitable().collect();
            let (name, known) = (&industry.value, known.join(", "));
            let why = "is no industry of content.toml that a media may prohibit (R-CATEGORY)";
            report.error(industry.place, format!("`{name}` {why}; known: {known}"));
        }
    }
}
