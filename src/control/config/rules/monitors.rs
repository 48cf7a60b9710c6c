//! R-MONITOR-LIST: who may count an ad besides the exchange.

use super::super::Folder;
use super::super::diagnostic::{At, Report};
use super::super::exchange::{Monitors, OnList};
use super::super::names::host_of;
use crate::clock::ShanghaiDay;

pub(super) fn judge(folder: &Folder, today: ShanghaiDay, report: &Report) {
    let Some(exchange) = &folder.exchange else { return };
    for monitors in folder.creatives.entries.iter().filter_map(|creative| creative.monitors.as_ref()) {
        for url in monitors.impression.iter().chain(&monitors.click) {
            listed(&exchange.monitors, url, today, report);
        }
    }
}

fn listed(monitors: &Monitors, url: &At<String>, today: ShanghaiDay, report: &Report) {
    let Some(host) = host_of(&url.value) else { return };
    match monitors.lists(&host, today) {
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
