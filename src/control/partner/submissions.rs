//! Creatives as buyers submit them (R-REVIEW): one, many, a draft, and taken back.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::caller::{AsBuyer, Caller};
use super::change::{Done, Sent, change, is_own, office, parsed};
use super::docket::{is_of, own_subject};
use super::files;
use super::problem::Problem;
use super::registrations::Because;
use super::{Answered, LARGEST_BODY};
use crate::compliance::creative::{Origin, Submission};
use crate::compliance::office::{Became, By, Verdict};
use crate::control::admin::{ControlState, Shared};
use crate::event::SubjectKind;
use crate::market::Market;
use crate::market::demand::CreativeState;

/// The largest body of one creative, bytes: its markup written as JSON, with everything else that it has.
const LARGEST_CREATIVE: usize = 512 * 1024;
/// The largest body of a batch, bytes.
const LARGEST_BATCH: usize = 16 << 20;

/// How a creative is taken.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct How {
    /// Whether it is kept as a draft, which is not checked and may be written again.
    draft: bool,
}

pub(super) async fn submit(
    state: Shared,
    buyer: AsBuyer,
    how: Result<Query<How>, QueryRejection>,
    sent: Sent,
) -> Answered {
    let (Query(how), whole) = (how?, sent.json(LARGEST_CREATIVE).await?);
    change(state.0, buyer.caller, whole, move |state, caller, body| {
        let market = state.market();
        taken(state, &market, caller, &parsed(body)?, how)
    })
    .await
}

/// What is sent as a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// Each read by itself, so that one that cannot be read holds up no other.
    creatives: Vec<Box<RawValue>>,
}

/// Takes many, each by itself, and tells what became of each in the order of the batch.
pub(super) async fn batch(
    state: Shared,
    buyer: AsBuyer,
    how: Result<Query<How>, QueryRejection>,
    sent: Sent,
) -> Answered {
    let Query(how) = how?;
    let whole = sent.large_json(&state, LARGEST_BATCH).await?;
    change(state.0, buyer.caller, whole, move |state, caller, body| {
        let batch: Batch = parsed(body)?;
        let market = state.market();
        let most = market.terms.content.limits.batch;
        if batch.creatives.is_empty() || batch.creatives.len() > most as usize {
            let count = batch.creatives.len();
            let en = format!("a batch has 1 to {most} creatives, not {count}");
            return Err(Problem::bad_body(en, format!("每批须为 1 至 {most} 个创意，而非 {count} 个")).at("creatives"));
        }
        let each = |row: usize, raw: &RawValue| {
            let done = parsed(raw.get().as_bytes()).and_then(|one| taken(state, &market, caller, &one, how));
            let (status, mut value) = match done {
                Ok(done) => done,
                Err(problem) => {
                    let problem = problem.inside(&format!("creatives[{row}]"));
                    (problem.status, problem.value())
                }
            };
            value["status"] = Value::from(status.as_u16());
            value
        };
        let items: Vec<_> = batch.creatives.iter().enumerate().map(|(row, raw)| each(row, raw)).collect();
        Ok((StatusCode::OK, json!({ "items": items })))
    })
    .await
}

fn taken(state: &ControlState, market: &Market, caller: &Caller, submission: &Submission, how: How) -> Done {
    is_own(caller, &submission.account)?;
    let digests: Vec<_> = submission.files.iter().map(|file| file.sha256.clone()).collect();
    files::are_own(state, caller, &digests)?;
    let (actor, reason) = (caller.actor(), format!("by key {}", caller.key_id));
    let (office, by) = (office(state, market), By { actor: &actor, reason: &reason });
    let receipt =
        if how.draft { office.draft(submission, &by)? } else { office.submit(submission, Origin::Submitted, &by)? };
    let submitted = receipt.became == Became::Submitted;
    let value = json!({
        "crid": submission.crid,
        "version": submission.version,
        "state": receipt.state.label(),
        "submitted": submitted,
    });
    Ok((if submitted { StatusCode::CREATED } else { StatusCode::OK }, value))
}

/// Takes a version back: it is not served any more, and does not come back.
pub(super) async fn withdraw(
    state: Shared,
    buyer: AsBuyer,
    named: Result<Path<(String, u32)>, PathRejection>,
    sent: Sent,
) -> Answered {
    let (Path((crid, version)), whole) = (named?, sent.json(LARGEST_BODY).await?);
    change(state.0, buyer.caller, whole, move |state, caller, body| {
        let why: Because = parsed(body)?;
        let subject = own_subject(caller, SubjectKind::Creative, &crid, version);
        let own = state.docket().standing(&subject)?.filter(|kept| is_of(kept, caller.owner()));
        own.ok_or_else(Problem::not_found)?;
        if why.reason.trim().is_empty() {
            return Err(Problem::bad_body("`reason` must say why", "`reason` 须说明原因").at("reason"));
        }
        let market = state.market();
        let verdict = Verdict { to: CreativeState::Expired, reasons: &[], findings: None, files: None, seen: None };
        let by = By { actor: &caller.actor(), reason: &why.reason };
        let moved = office(state, &market).decide(&subject, &verdict, &by)?;
        let value = json!({ "crid": crid, "version": version, "state": moved.state.label(), "changed": moved.changed });
        Ok((StatusCode::OK, value))
    })
    .await
}
