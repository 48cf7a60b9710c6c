//! R-MONITOR-LIST: who may count an ad besides the exchange.

use super::super::Folder;
use super::super::diagnostic::{At, Report};
use super::super::names::host_of;
use crate::clock::ShanghaiDay;
use crate::market::agreement::{MonitorList, OnList};

pub(super) fn judge(folder: &Folder, today: ShanghaiDay, report: &Report) {
    let Some(exchange) = &folder.exchange else { return };
    let monitors = &exchange.terms.monitors;
    for told in folder.creatives.entries.iter().filter_map(|creative| creative.monitors.as_ref()) {
        for url in told.impression.iter().chain(&told.click) {
            listed(monitors, url, today, report);
        }
    }
    for agreed in folder.buyers.buyers.entries.iter().filter_map(|buyer| buyer.monitor.as_ref()) {
        match monitors.lists_name(&agreed.value, today) {
            OnList::Yes => {}
            OnList::No => {
                let suggestion = report.suggestion(&agreed.value, monitors.iter().map(|it| it.name.as_str()));
                let why = "is not on the exchange's list in exchange.toml, `[[monitors]]` (R-MONITOR-LIST)";
                report.error(agreed.place, format!("monitor `{}` {why}{suggestion}", agreed.value));
            }
            OnList::OtherDays(from, until) => {
                let until = until.map_or(String::new(), |until| format!(" until {until}"));
                let why = "its figures of other days are void (R-MONITOR-LIST)";
                let listed = format!("monitor `{}` is on the list from {from}{until}: {why}", agreed.value);
                report.warning(agreed.place, listed);
            }
        }
    }
}

fn listed(monitors: &MonitorList, url: &At<String>, today: ShanghaiDay, report: &Report) {
    let Some(host) = host_of(&url.value) else { return };
    match monitors.lists_host(&host, today) {
        OnList::Yes => {}
        OnList::No => report.error(
            url.place,
            format!(
                "`{host}` is of no monitor on the exchange's list in exchange.toml, `[[monitors]]` (R-MONITOR-LIST)"
            ),
        ),
        // A list is changed on notice, and days pass: what runs goes on without that monitor.
        OnList::OtherDays(from, until) => {
            let until = until.map_or(String::new(), |until| format!(" until {until}"));
            report.warning(
                url.place,
                format!(
                    "`{host}` is on the list of monitors from {from}{until}: it is not called today (R-MONITOR-LIST)"
                ),
            );
        }
    }
}
