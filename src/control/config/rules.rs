//! The rules that concern more than one file. Each refuses or warns at the line that an operator would change, by its id.

mod approval;
mod fit;
mod inventory;
mod monitors;
mod partner_keys;
mod rates;
mod targeting;
mod terms;
mod unused;

use super::Folder;
use super::diagnostic::Report;
use super::links::Links;
use crate::clock::ShanghaiDay;

/// Judges the folder as of a day in Shanghai. What could not be read or resolved is passed over: it has been reported.
pub(super) fn judge(folder: &Folder, links: &Links, today: ShanghaiDay, report: &Report) {
    terms::judge(folder, today, report);
    targeting::judge(folder, links, report);
    rates::judge(folder, links, today, report);
    approval::judge(folder, links, today, report);
    fit::judge(folder, links, today, report);
    inventory::judge(folder, links, today, report);
    monitors::judge(folder, today, report);
    partner_keys::judge(folder, report);
    unused::judge(folder, links, report);
}
