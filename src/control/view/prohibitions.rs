//! What a media never shows (R-CATEGORY), as it and operators see it.

use serde_json::{Value, json};

use crate::compliance::prohibitions::{Change, Present, Prohibitions};
use crate::event::KeptStep;
use crate::ids::MediaId;
use crate::market::Market;

/// A media's record, and beside it what its contract prohibits. `by` says who took a step.
pub(in crate::control) fn present_line(
    market: &Market,
    media: MediaId,
    present: &Present,
    by: impl Fn(&KeptStep) -> String,
) -> Value {
    let last = present.last.as_ref();
    json!({
        "seq": present.seq(),
        "at": last.map(|kept| kept.step.at.to_rfc3339()),
        "by": last.map(by),
        "reason": last.map(|kept| kept.step.reason.as_str()),
        "prohibitions": record(&present.record),
        "contract": market.media.get(media).map(|media| {
            json!({
                "categories": media.prohibited_categories,
                "industries": media.prohibited.industries,
                "advertisers": media.prohibited_advertisers,
                "domains": media.prohibited.domains,
                "attributes": media.prohibited.attributes,
            })
        }),
        "generation": market.generation,
    })
}

/// A step of a record: what has been prohibited since, and what no more.
pub(in crate::control) fn change_line(change: &Change, by: impl Fn(&KeptStep) -> String) -> Value {
    let step = &change.step.step;
    json!({
        "seq": change.step.seq,
        "at": step.at.to_rfc3339(),
        "by": by(&change.step),
        "reason": step.reason,
        "added": record(&change.added),
        "removed": record(&change.removed),
    })
}

/// All lists, those that are empty too.
fn record(record: &Prohibitions) -> Value {
    let Prohibitions { categories, industries, advertisers, domains, attributes, words } = record;
    json!({
        "categories": categories, "industries": industries, "advertisers": advertisers, "domains": domains,
        "attributes": attributes, "words": words,
    })
}
