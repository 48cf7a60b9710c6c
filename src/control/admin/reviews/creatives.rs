//! The queue, one review, and what is decided of it.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::changes::{Acting, Asking, change, parsed};
use super::{Asked, Shared, answer, bad, done, page, step_line, subject_line, told};
use crate::compliance::creative::Record;
use crate::compliance::office::{Aired, By, Moved, Office, Refusal, Verdict, body_of, state_of};
use crate::event::{KeptStep, Subject, SubjectKind, Wanted};
use crate::market::demand::CreativeState;

/// Steps of a history that one answer shows.
const MOST_STEPS: u32 = 200;

type Named = Result<Path<(String, String, u32)>, PathRejection>;

pub(super) fn subject(account: &str, crid: &str, version: u32) -> Subject {
    Subject { kind: SubjectKind::Creative, name: format!("{account}/{crid}"), version }
}

/// Which page of the queue.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Listed {
    cursor: Option<u64>,
    limit: Option<usize>,
    state: Option<String>,
    buyer: Option<String>,
    /// Only what is on the air before its review.
    on_air: bool,
}

pub(super) async fn queue(state: Shared, asked: Result<Query<Listed>, QueryRejection>) -> Response {
    let on_air = asked.as_ref().is_ok_and(|Query(asked)| asked.on_air);
    let asked =
        asked.map(|Query(it)| Query(Asked { cursor: it.cursor, limit: it.limit, state: it.state, buyer: it.buyer }));
    let (asked, above, most) = match Asked::of(asked) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let label = asked.state.clone().unwrap_or_else(|| CreativeState::PendingReview.label().to_owned());
    let Some(wanted) = CreativeState::ALL.into_iter().find(|state| state.label() == label) else {
        let known: Vec<_> = CreativeState::ALL.iter().map(|state| state.label()).collect();
        return *bad(&format!("`state` must be one of {}", known.join(", ")));
    };
    if on_air && wanted != CreativeState::PendingReview {
        return *bad("`on_air` tells of what waits for its review: leave `state` out, or say pending_review");
    }
    told(state, move |_, office| {
        let owner = asked.owner(office)?;
        if on_air {
            let found = office.on_air(owner, above, most as usize - 1)?;
            let items = found.versions.iter().map(|(kept, record, aired)| line(kept, record, aired));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            return Ok(json!({ "items": items, "next_cursor": found.next }));
        }
        let wanted = Wanted { state: Some(wanted.code()), owner };
        let found = office.docket.list(SubjectKind::Creative, &wanted, above, most)?;
        page(
            found,
            most,
            |kept| kept.seq,
            |kept| {
                let record = body_of(kept)?;
                line(kept, &record, &office.aired(kept, &record)?)
            },
        )
    })
    .await
}

/// A review in a list.
fn line(kept: &KeptStep, record: &Record, aired: &[Aired]) -> Result<Value, Refusal> {
    let it = &record.submission;
    let count = |weight| record.findings.iter().filter(|finding| finding.weight == weight).count();
    use crate::compliance::finding::Weight::{Note, Person, Refuse};
    Ok(json!({
        "account": it.account, "advertiser": it.advertiser, "crid": it.crid, "version": it.version,
        "format": it.format.name(), "state": state_of(kept)?.label(), "since": step_line(kept),
        "landing_page": it.landing_page, "reasons": record.reasons, "on_air": aired.iter().map(shown).collect::<Vec<_>>(),
        "findings": { "refuse": count(Refuse), "person": count(Person), "note": count(Note) },
    }))
}

/// A deal by which it is on the air before its review.
fn shown(it: &Aired) -> Value {
    json!({ "deal": it.deal, "media": it.media, "a_day": it.a_day, "reserved_today": it.reserved })
}

pub(super) async fn reasons(state: Shared) -> Response {
    told(state, |_, office| {
        let reason = |it: &crate::market::policy::content::Reason| {
            json!({ "code": it.code, "rule": it.rule, "en": it.name.en, "zh": it.name.zh })
        };
        Ok(json!({ "items": office.terms().reasons.iter().map(reason).collect::<Vec<_>>() }))
    })
    .await
}

pub(super) async fn one(state: Shared, named: Named) -> Response {
    let Ok(Path((account, crid, version))) = named else { return answer::not_found("no such review") };
    told(state, move |_, office| whole(office, &subject(&account, &crid, version))).await
}

/// Everything that is known of one version.
fn whole(office: &Office<'_>, subject: &Subject) -> Result<Value, Refusal> {
    let (kept, state, record) = office.creative(subject)?;
    let history = office.docket.history(subject, u64::MAX, MOST_STEPS)?;
    let step = |kept: &KeptStep| -> Result<Value, Refusal> {
        let mut value = step_line(kept);
        value["state"] = Value::from(state_of(kept)?.label());
        value["reasons"] = json!(body_of::<Record>(kept)?.reasons);
        Ok(value)
    };
    let versions = office.docket.versions(SubjectKind::Creative, &subject.name)?;
    let version = |kept: &KeptStep| -> Result<Value, Refusal> {
        Ok(json!({ "version": kept.step.subject.version, "state": state_of(kept)?.label() }))
    };
    let it = &record.submission;
    let qualification = office.qualification(&it.account, &it.advertiser)?;
    Ok(json!({
        "subject": subject_line(subject),
        "state": state.label(),
        "step": kept.seq,
        "due": kept.step.due.map(|due| due.to_rfc3339()),
        "on_air": office.aired(&kept, &record)?.iter().map(shown).collect::<Vec<_>>(),
        "submission": record.submission,
        "origin": record.origin,
        "findings": record.findings,
        "files": record.named,
        "reasons": record.reasons,
        "qualified_until": qualification.until,
        "qualification": qualification.findings,
        "landing_page": landing_page(office, &record)?,
        "versions": versions.iter().map(version).collect::<Result<Vec<_>, _>>()?,
        "history": history.iter().map(step).collect::<Result<Vec<_>, _>>()?,
    }))
}

/// What is known of the page that it leads to; `null`: nobody has looked yet.
fn landing_page(office: &Office<'_>, record: &Record) -> Result<Value, Refusal> {
    let it = &record.submission;
    let name = format!("{}/{} {}", it.account, it.advertiser, it.landing_page);
    let page = office.docket.standing(&Subject { kind: SubjectKind::Page, name, version: 0 })?;
    Ok(page.map_or(Value::Null, |kept| {
        let mut value = step_line(&kept);
        value["known"] = serde_json::from_str(&kept.step.body).unwrap_or_default();
        value
    }))
}

/// What is asked of a version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// Codes of the reasons' list.
    #[serde(default)]
    reasons: Vec<String>,
    /// In words.
    #[serde(default)]
    reason: String,
    /// The step that was looked at.
    seen: Option<u64>,
}

pub(super) async fn decide(
    state: Shared,
    named: Result<Path<(String, String, u32, String)>, PathRejection>,
    asking: Asking,
) -> Response {
    let Ok(Path((account, crid, version, verb))) = named else { return answer::not_found("no such review") };
    if !VERBS.contains(&verb.as_str()) {
        return answer::not_found(&format!("a review has {}", VERBS.join(", ")));
    }
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent>(body) {
        Ok(sent) => done(state, &sent.reason, |office, by| {
            let moved = decided(office, &subject(&account, &crid, version), &verb, &sent, by)?;
            Ok((
                StatusCode::OK,
                json!({ "state": moved.state.label(), "changed": moved.changed, "replaced": moved.replaced }),
            ))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}

const VERBS: [&str; 6] = ["approve", "reject", "request-changes", "suspend", "resume", "check"];

fn decided(office: &Office<'_>, subject: &Subject, verb: &str, sent: &Sent, by: &By<'_>) -> Result<Moved, Refusal> {
    let verdict = |to, reasons| Verdict { to, reasons, findings: None, files: None, seen: sent.seen };
    let named = !sent.reasons.is_empty();
    let missing = || Refusal::Malformed("`reasons` must say why, by codes of /api/v1/reviews/reasons".to_owned());
    match verb {
        "approve" => {
            let (_, state, _) = office.creative(subject)?;
            if state == CreativeState::Suspended {
                let words = ("it is suspended: use `resume`", "该创意已暂停，请使用恢复操作");
                return Err(Refusal::rule("R-REVIEW", words));
            }
            office.decide(subject, &verdict(CreativeState::Approved, &sent.reasons), by)
        }
        "reject" if named => office.decide(subject, &verdict(CreativeState::Rejected, &sent.reasons), by),
        "request-changes" => {
            if by.reason.trim().is_empty() {
                return Err(Refusal::Malformed(
                    "`reason` must say what is to be changed: the buyer reads it".to_owned(),
                ));
            }
            let mut reasons = sent.reasons.clone();
            let code = "changes-requested".to_owned();
            if !reasons.contains(&code) && office.terms().reason(&code).is_some() {
                reasons.push(code);
            }
            office.decide(subject, &verdict(CreativeState::Rejected, &reasons), by)
        }
        "suspend" if named => office.decide(subject, &verdict(CreativeState::Suspended, &sent.reasons), by),
        "resume" if named => office.resume(subject, &sent.reasons, by),
        "check" => office.decide(subject, &verdict(CreativeState::Checking, &[]), by),
        _ => Err(missing()),
    }
}
