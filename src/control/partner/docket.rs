//! What is reviewed, as its owner sees it: standings, steps, what was found.

use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use crate::compliance::creative::Record;
use crate::event::{KeptStep, Owner, Subject, SubjectKind};
use crate::market::demand::CreativeState;

/// A subject of the caller's by its name below the caller's own: `crid` of `80010001/crid`. Whoever else's it is, it is not this.
pub(super) fn own_subject(caller: &Caller, kind: SubjectKind, name: &str, version: u32) -> Subject {
    Subject { kind, name: format!("{}/{name}", caller.name), version }
}

/// A subject's name below its owner's: what stands behind the first slash.
pub(super) fn below_owner(subject: &Subject) -> &str {
    subject.name.split_once('/').map_or(subject.name.as_str(), |(_, name)| name)
}

/// A subject as it is kept, for error messages and logs.
pub(super) fn told(subject: &Subject) -> String {
    match subject.version {
        0 => format!("{} {}", subject.kind.label(), below_owner(subject)),
        version => format!("{} {} version {version}", subject.kind.label(), below_owner(subject)),
    }
}

/// Whether a step is the caller's business; names say so already, this says it again.
pub(super) fn is_of(kept: &KeptStep, owner: Owner) -> bool {
    owner == kept.step.owner
}

/// Who took a step: the partner itself, or the exchange, whose people are not named.
pub(super) fn by(kept: &KeptStep, caller: &Caller) -> &'static str {
    if kept.step.actor == caller.actor() { "you" } else { "exchange" }
}

/// What is known of a creative after a step.
pub(super) fn record(kept: &KeptStep) -> Result<Record, Problem> {
    let told = told(&kept.step.subject);
    kept.step.read().map_err(|why| Problem::unreadable(&told, &why))
}

/// Where a creative stands after a step.
pub(super) fn creative_state(kept: &KeptStep) -> Result<CreativeState, Problem> {
    let state = CreativeState::from_code(kept.step.state);
    let why = format!("no state has the code {}", kept.step.state);
    state.ok_or_else(|| Problem::unreadable(&told(&kept.step.subject), &why))
}

/// A step: what it led to, who took it, when and why.
pub(super) fn step(kept: &KeptStep, caller: &Caller, state: &str) -> Value {
    json!({
        "seq": kept.seq,
        "state": state,
        "at": kept.step.at.to_rfc3339(),
        "by": by(kept, caller),
        "reason": kept.step.reason,
    })
}
