//! R-SENSITIVE: nobody is targeted by real identity, hardship or discriminatory labels.

use super::super::Folder;
use super::super::deals::Standing;
use super::super::diagnostic::Report;

pub(super) fn judge(folder: &Folder, report: &Report) {
    // Where exchange.toml is refused, its list is not known.
    let Some(exchange) = &folder.exchange else { return };
    for deal in folder.deals.entries.iter().filter(|deal| deal.standing != Standing::Ended) {
        for segment in deal.include.segments.iter().chain(&deal.exclude.segments) {
            let Some(forbidden) = &exchange.forbidden_segment_labels else {
                report.error(
                    segment.place,
                    "segments cannot be judged: exchange.toml has no [targeting] with `forbidden_segment_labels` (R-SENSITIVE)",
                );
                return;
            };
            let label = &segment.value.label;
            let lower = label.value.to_lowercase();
            if let Some(found) = forbidden.iter().find(|forbidden| lower.contains(forbidden.as_str())) {
                report.error(
                    label.place,
                    format!("segment `{}` says `{found}`, by which nobody may be targeted (R-SENSITIVE)", label.value),
                );
            }
        }
    }
}
