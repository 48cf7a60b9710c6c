//! R-DSP: who may bid for a deal. R-QUALIFY: whose ads may run at all.

use std::collections::HashMap;

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
    qualified_advertisers(folder, today, report);
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
        } else if deal.concerns(today) && approved_until < until {
            report.warning(
                named.place,
                format!("dsp `{}` is approved until {approved_until}, this deal runs until {until} (R-DSP)", dsp.id),
            );
        } else if deal.concerns(today) && approved_from > from.max(today) {
            report.warning(
                named.place,
                format!("dsp `{}` is approved from {approved_from}, this deal runs from {from} (R-DSP)", dsp.id),
            );
        }
    }
}

fn qualified_advertisers(folder: &Folder, today: ShanghaiDay, report: &Report) {
    let mut latest: HashMap<&str, ShanghaiDay> = HashMap::new();
    for advertiser in &folder.buyers.advertisers.entries {
        let until = advertiser.qualified_until.value;
        let known = latest.entry(&advertiser.account).or_insert(until);
        *known = (*known).max(until);
        if until < today {
            report.warning(
                advertiser.qualified_until.place,
                format!(
                    "the documents of `{}` were valid until {until}: nothing of it runs (R-QUALIFY)",
                    advertiser.id
                ),
            );
        }
    }
    if !folder.buyers.advertisers.is_whole() {
        return;
    }
    for deal in &folder.deals.entries {
        let active = deal.standing == Standing::Live(DealState::Active) && deal.concerns(today);
        let account = deal.account.value.as_str();
        if !active || folder.buyers.buyers.row(account).is_none() {
            continue;
        }
        let day = today.max(deal.period.0);
        if latest.get(account).is_none_or(|until| *until < day) {
            report.error(
                deal.account.place,
                format!("account `{account}` has no advertiser whose documents are valid on {day} (R-QUALIFY)"),
            );
        }
    }
}
