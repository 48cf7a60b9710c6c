//! Spot checks of what was approved (R-REVIEW).

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::changes::{Acting, Asking, Outcome, change, parsed, refuse};
use super::{Asked, Query1, Shared, answer, bad, done, page, step_line, told};
use crate::compliance::sample::SpotState;
use crate::ids::IdKind;

pub(super) async fn list(state: Shared, asked: Query1) -> Response {
    let (asked, above, most) = match Asked::of(asked) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let label = asked.state.as_deref().unwrap_or(SpotState::Open.label());
    let wanted = [SpotState::Open, SpotState::Passed, SpotState::Failed].into_iter().find(|it| it.label() == label);
    let Some(wanted) = wanted.filter(|_| asked.buyer.is_none()) else {
        return *bad("`state` must be one of open, passed, failed; spot checks are not listed by buyer");
    };
    told(state, move |_, office| {
        let found = office.spot_checks(wanted, (above, most))?;
        page(found, most, |(kept, _)| kept.seq, |(kept, check)| {
            Ok(json!({
                "number": kept.step.subject.name, "state": wanted.label(), "since": step_line(kept), "day": check.day,
                "creative": check.creative, "version": check.version, "reasons": check.reasons,
            }))
        })
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default)]
    reason: String,
    /// Whether the account's transactions are suspended too.
    #[serde(default)]
    suspend_account: bool,
}

pub(super) async fn decide(
    state: Shared,
    named: Result<Path<(String, String)>, PathRejection>,
    asking: Asking,
) -> Response {
    let (number, passed) = match named {
        Ok(Path((number, verb))) if verb == "pass" => (number, true),
        Ok(Path((number, verb))) if verb == "fail" => (number, false),
        _ => return answer::not_found("a spot check has `pass` and `fail`"),
    };
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent>(body) {
        Ok(sent) if passed && sent.suspend_account => {
            refuse(StatusCode::BAD_REQUEST, "bad_body", "`suspend_account`: what passed suspends nobody")
        }
        Ok(sent) => decided(state, &number, passed, &sent),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}

fn decided(state: &Acting<'_>, number: &str, passed: bool, sent: &Sent) -> Outcome {
    let mut account = None;
    let outcome = done(state, &sent.reason, |office, by| {
        let (check, moved) = office.decide_spot_check(number, passed, &sent.reasons, by)?;
        account = check.creative.split_once('/').map(|(account, _)| account.to_owned());
        let creative = moved.map(|moved| moved.state.label());
        Ok((
            StatusCode::OK,
            json!({ "creative": check.creative, "version": check.version, "creative_state": creative }),
        ))
    });
    let (status, mut value) = outcome;
    let Some(account) = account.filter(|_| sent.suspend_account && status.is_success()) else { return (status, value) };
    // R-REVIEW: the account's transactions, by the kill switch that there is for it.
    let reason = format!("R-REVIEW: spot check {number} failed: {}", sent.reason);
    match state.publisher.switch(IdKind::Buyer, &account, true, state.who, &reason) {
        Ok(_) => {
            value["account_suspended"] = Value::from(account);
            (status, value)
        }
        Err(error) => {
            let message = format!("the creative is offline, the account is not suspended yet; send it again: {error}");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", &message)
        }
    }
}
