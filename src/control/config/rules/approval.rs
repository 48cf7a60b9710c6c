//! R-DSP: who may bid for a deal. R-QUALIFY: whose ads may run at all.

use std::collections::{BTreeMap, HashMap};

use super::super::Folder;
use super::super::deals::{DealEntry, Standing};
use super::super::diagnostic::Report;
use super::super::links::{DealLinks, Links};
use crate::clock::ShanghaiDay;
use crate::market::deal::DealState;

pub(super) fn judge(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    for (deal, resolved) in folder.deals.entries.iter().zip(&links.deals) {
        if let Some(resolved) = resolved {
            approved_dsps(folder, links, deal, resolved, today, report);
        }
    }
    qualified_advertisers(folder, links, today, report);
}

fn approved_dsps(
    folder: &Folder,
    links: &Links,
    deal: &DealEntry,
    resolved: &DealLinks,
    today: ShanghaiDay,
    report: &Report,
) {
    for (row, named) in resolved.dsps.iter().zip(&deal.dsps) {
        let dsp = &folder.dsps.entries[*row];
        let account = &deal.account.value;
        let buyers = &links.dsps[*row];
        if buyers.as_ref().is_some_and(|buyers| !buyers.contains(&resolved.buyer)) {
            report.error(named.place, format!("dsp `{}` is not approved for account `{account}` (R-DSP)", dsp.id));
        }
        let ((from, until), (approved_from, approved_until)) = (deal.period, dsp.approved);
        if deal.standing == Standing::Ended || until < from || approved_until < approved_from {
            continue;
        }
        if approved_until < from || until < approved_from {
            report.error(
                named.place,
                format!(
                    "dsp `{}` is approved from {approved_from} until {approved_until}, on no day of this deal (R-DSP)",
                    dsp.id
                ),
            );
        } else if deal.concerns(today) && (approved_until < until || approved_from > from.max(today)) {
            let message = if approved_until < until {
                format!("dsp `{}` is approved until {approved_until}, this deal runs until {until} (R-DSP)", dsp.id)
            } else {
                format!("dsp `{}` is approved from {approved_from}, this deal runs from {from} (R-DSP)", dsp.id)
            };
            // The list may be narrowed after notice: that must be possible while deals run. A deal that is yet to begin is put right.
            if from > today { report.error(named.place, message) } else { report.warning(named.place, message) }
        }
    }
}

/// R-QUALIFY: an advertiser's expiry is said once; a deal that only expired ones could serve is refused.
fn qualified_advertisers(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    let advertisers = &folder.buyers.advertisers;
    let mut of_accounts: HashMap<&str, Vec<usize>> = HashMap::new();
    for (row, advertiser) in advertisers.entries.iter().enumerate() {
        of_accounts.entry(&advertiser.account).or_default().push(row);
        let until = advertiser.qualified_until;
        if until.value < today {
            report.warning(
                until.place,
                format!(
                    "the documents of `{}` were valid until {}: nothing of it runs (R-QUALIFY)",
                    advertiser.id, until.value
                ),
            );
        }
    }
    if !advertisers.is_whole() {
        return;
    }
    let mut ends_within: BTreeMap<usize, &DealEntry> = BTreeMap::new();
    for (deal, resolved) in folder.deals.entries.iter().zip(&links.deals) {
        let active = deal.standing == Standing::Live(DealState::Active) && deal.concerns(today);
        let account = deal.account.value.as_str();
        let Some(resolved) = resolved.as_ref().filter(|_| active) else { continue };
        let all = of_accounts.get(account).map_or(&[][..], Vec::as_slice);
        let (named, place) = match deal.advertisers.first() {
            Some(first) => (resolved.advertisers.as_slice(), first.place),
            None => (all, deal.account.place),
        };
        let day = today.max(deal.period.0);
        let until = |row: &usize| advertisers.entries.get(*row).map(|it| it.qualified_until.value);
        if named.iter().filter_map(until).all(|until| until < day) {
            let whose =
                if deal.advertisers.is_empty() { format!("account `{account}`") } else { "this deal".to_owned() };
            report.error(place, format!("{whose} has no advertiser whose documents are valid on {day} (R-QUALIFY)"));
        }
        let ending = named.iter().filter(|row| until(row).is_some_and(|until| day <= until && until < deal.period.1));
        for row in ending {
            ends_within.entry(*row).or_insert(deal);
        }
    }
    for (row, deal) in ends_within {
        let Some(advertiser) = advertisers.entries.get(row) else { continue };
        let until = advertiser.qualified_until;
        report.warning(
            until.place,
            format!(
                "the documents of `{}` are valid until {}, its deal `{}` runs until {} (R-QUALIFY)",
                advertiser.id, until.value, deal.id, deal.period.1
            ),
        );
    }
}
