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

/// R-QUALIFY: an advertiser's expiry is said once, and each deal that none of buyers.toml could serve: others may be registered and verified.
fn qualified_advertisers(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    let advertisers = &folder.buyers.advertisers;
    let mut latest: HashMap<&str, ShanghaiDay> = HashMap::new();
    for advertiser in &advertisers.entries {
        let until = advertiser.qualified_until;
        let known = latest.entry(&advertiser.account).or_insert(until.value);
        *known = (*known).max(until.value);
        if until.value < today {
            report.warning(
                until.place,
                format!(
                    "the documents of `{}` were valid until {}: nothing of it runs but by what is registered and verified (R-QUALIFY)",
                    advertiser.id, until.value
                ),
            );
        }
    }
    if !advertisers.is_whole() {
        return;
    }
    let mut longest = Longest::default();
    for (deal, resolved) in folder.deals.entries.iter().zip(&links.deals) {
        let active = deal.standing == Standing::Live(DealState::Active) && deal.concerns(today);
        let Some(resolved) = resolved.as_ref().filter(|_| active) else { continue };
        let account = deal.account.value.as_str();
        let named = resolved.advertisers.iter().filter_map(|row| advertisers.entries.get(*row));
        let (last, place, whose) = match deal.advertisers.first() {
            Some(first) => (named.map(|it| it.qualified_until.value).max(), first.place, "this deal".to_owned()),
            None => (latest.get(account).copied(), deal.account.place, format!("account `{account}`")),
        };
        let day = today.max(deal.period.0);
        if last.is_none_or(|until| until < day) && resolved.registered.is_empty() {
            let message = format!(
                "{whose} has no advertiser here whose documents are valid on {day}: only registered and verified ones run (R-QUALIFY)"
            );
            report.warning(place, message);
        }
        longest.add(deal, resolved);
    }
    for (row, advertiser) in advertisers.entries.iter().enumerate() {
        let until = advertiser.qualified_until;
        if let Some(deal) = longest.of(row, &advertiser.account)
            && (today..deal.period.1).contains(&until.value)
        {
            report.warning(
                until.place,
                format!(
                    "the documents of `{}` are valid until {}, its deal `{}` runs until {} (R-QUALIFY)",
                    advertiser.id, until.value, deal.id, deal.period.1
                ),
            );
        }
    }
}

/// The deal that ends last, of those that any advertiser of an account may run under and of those that name an advertiser.
#[derive(Default)]
struct Longest<'f> {
    of_accounts: HashMap<&'f str, &'f DealEntry>,
    of_advertisers: HashMap<usize, &'f DealEntry>,
}

impl<'f> Longest<'f> {
    fn add(&mut self, deal: &'f DealEntry, resolved: &DealLinks) {
        let later = |known: &mut &'f DealEntry| {
            if known.period.1 < deal.period.1 {
                *known = deal;
            }
        };
        if resolved.advertisers.is_empty() && resolved.registered.is_empty() {
            self.of_accounts.entry(&deal.account.value).and_modify(later).or_insert(deal);
        }
        for row in &resolved.advertisers {
            self.of_advertisers.entry(*row).and_modify(later).or_insert(deal);
        }
    }

    fn of(&self, row: usize, account: &str) -> Option<&'f DealEntry> {
        let known = [self.of_accounts.get(account), self.of_advertisers.get(&row)];
        known.into_iter().flatten().copied().max_by_key(|deal| deal.period.1)
    }
}
