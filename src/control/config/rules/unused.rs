//! What is configured and nothing uses: mostly a name that was meant elsewhere. Unsold placements are no mistake and not told.

use std::collections::HashSet;

use super::super::Folder;
use super::super::deals::Standing;
use super::super::diagnostic::Report;
use super::super::links::Links;

pub(super) fn judge(folder: &Folder, links: &Links, report: &Report) {
    let supply = &folder.supply;
    if supply.properties.is_whole() && supply.placements.is_whole() {
        let used: HashSet<_> = links.properties.iter().flatten().collect();
        for (_, property) in supply.properties.entries.iter().enumerate().filter(|(row, _)| !used.contains(row)) {
            report.warning(property.place, format!("property `{}` has no placement", property.full));
        }
    }
    let advertisers = &folder.buyers.advertisers;
    if folder.creatives.is_whole() && advertisers.is_whole() {
        let used: HashSet<_> = links.creatives.iter().flatten().map(|(_, advertiser)| *advertiser).collect();
        for (_, advertiser) in advertisers.entries.iter().enumerate().filter(|(row, _)| !used.contains(row)) {
            report.warning(advertiser.place, format!("advertiser `{}` has no creative", advertiser.id));
        }
    }
    if !folder.deals.is_whole() || links.deals.iter().any(Option::is_none) {
        return;
    }
    let deals = folder.deals.entries.iter().zip(links.deals.iter().flatten());
    let going: Vec<_> = deals.filter(|(deal, _)| deal.standing != Standing::Ended).map(|(_, links)| links).collect();
    let dsps: HashSet<_> = going.iter().flat_map(|deal| &deal.dsps).collect();
    for (_, dsp) in folder.dsps.entries.iter().enumerate().filter(|(row, _)| !dsps.contains(row)) {
        report.warning(dsp.place, format!("no deal names dsp `{}`", dsp.id));
    }
    let buyers: HashSet<_> = going.iter().map(|deal| deal.buyer).collect();
    for (_, buyer) in folder.buyers.buyers.entries.iter().enumerate().filter(|(row, _)| !buyers.contains(row)) {
        report.warning(buyer.place, format!("account `{}` has no deal", buyer.account));
    }
}
