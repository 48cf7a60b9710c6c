//! `/api/v1/reviews` and `/api/v1/pages`: what people decide of creatives, advertisers, documents, apps and landing pages, and what they decide by. Each change takes an
//! `Idempotency-Key` and is a step of the docket, with who and why: a subject's history is its audit.

mod accounts;
mod creatives;
mod enter;
mod pages;
mod registrations;
mod spot_checks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::changes::{Acting, Outcome, checked, refuse};
use super::lists::{LARGEST_PAGE, PAGE, bad};
use super::{ControlState, Shared, answer};
use crate::compliance::office::{By, Office, Refusal};
use crate::event::{KeptStep, LARGEST_BLOB, Owner, StoreUnavailable, Subject};

/// The largest body of a submission, bytes: markup of the largest size that a config may allow, escaped, and what stands around it.
const LARGEST_SUBMISSION: usize = 4 << 20;
/// The largest body of a registration, bytes.
const LARGEST_REGISTRATION: usize = 256 << 10;

pub(super) fn routes() -> Router<Arc<ControlState>> {
    let submission = DefaultBodyLimit::max(LARGEST_SUBMISSION);
    let registration = DefaultBodyLimit::max(LARGEST_REGISTRATION);
    Router::new()
        .route("/api/v1/reviews", get(creatives::queue))
        .route("/api/v1/reviews/reasons", get(creatives::reasons))
        .route("/api/v1/reviews/files", put(enter::file).layer(DefaultBodyLimit::max(LARGEST_BLOB)))
        .route("/api/v1/reviews/creatives", post(enter::creatives).layer(submission))
        .route("/api/v1/reviews/creatives/{account}/{crid}/{version}", get(creatives::one))
        .route("/api/v1/reviews/creatives/{account}/{crid}/{version}/{verb}", post(creatives::decide))
        .route("/api/v1/reviews/accounts", get(accounts::list))
        .route("/api/v1/reviews/accounts/{account}/verify", post(accounts::verify))
        .route("/api/v1/reviews/advertisers", get(registrations::advertisers).post(enter::advertiser))
        .route("/api/v1/reviews/advertisers/{account}/{advertiser}", get(registrations::advertiser))
        .route(
            "/api/v1/reviews/advertisers/{account}/{advertiser}/{version}/{verb}",
            post(registrations::judge_advertiser),
        )
        .route("/api/v1/reviews/documents", get(registrations::documents).post(enter::document))
        .route(
            "/api/v1/reviews/documents/{account}/{advertiser}/{number}/{version}/{verb}",
            post(registrations::judge_document),
        )
        .route("/api/v1/reviews/apps", get(registrations::apps).post(enter::app).layer(registration))
        .route("/api/v1/reviews/apps/{account}/{advertiser}/{app}/{version}/{verb}", post(registrations::judge_app))
        .route("/api/v1/pages", get(pages::list))
        .route("/api/v1/pages/held/release", post(pages::release))
        .route("/api/v1/pages/{account}/{advertiser}/{url}", get(pages::one))
        .route("/api/v1/pages/{account}/{advertiser}/{url}/{verb}", post(pages::decide))
        .route("/api/v1/pages/{account}/{advertiser}/{url}/evidence/{sha256}", get(pages::evidence))
        .route("/api/v1/reviews/spot-checks", get(spot_checks::list))
        .route("/api/v1/reviews/spot-checks/{number}/{verb}", post(spot_checks::decide))
}

/// Answers what the office says, on a thread that may wait.
async fn told(
    state: Shared,
    say: impl FnOnce(&ControlState, &Office<'_>) -> Result<Value, Refusal> + Send + 'static,
) -> Response {
    let state = state.0;
    let work = move || {
        let market = state.market();
        let office = Office { docket: &*state.docket, market: &market, now: state.exchange.clock.now() };
        match say(&state, &office) {
            Ok(value) => answer::ok(value),
            Err(refusal) => answer::of(refused(&refusal)),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())))
}

/// What a change comes to, signed by who asks for it.
fn done(
    state: &Acting<'_>,
    reason: &str,
    work: impl FnOnce(&Office<'_>, &By<'_>) -> Result<(StatusCode, Value), Refusal>,
) -> Outcome {
    if let Err(outcome) = checked(reason) {
        return outcome;
    }
    let market = state.market();
    let office = Office { docket: &*state.docket, market: &market, now: state.exchange.clock.now() };
    work(&office, &By { actor: state.who, reason }).unwrap_or_else(|refusal| refused(&refusal))
}

/// A refusal as an answer.
fn refused(refusal: &Refusal) -> Outcome {
    let (status, code) = match refusal {
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "bad_body"),
        Refusal::Rule { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "against_a_rule"),
        Refusal::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_waiting"),
        Refusal::Unknown(_) => (StatusCode::NOT_FOUND, "not_found"),
        Refusal::Taken(_) => (StatusCode::CONFLICT, "taken"),
        Refusal::Unreadable { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "unreadable"),
        Refusal::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
    };
    let (status, mut value) = refuse(status, code, &refusal.to_string());
    if let Refusal::Rule { rule, zh, .. } | Refusal::TooMany { rule, zh, .. } = refusal {
        value["error"]["rule"] = Value::from(*rule);
        value["error"]["message_zh"] = Value::from(zh.as_str());
    }
    (status, value)
}

/// What a person may ask of a landing page as it stands.
pub(super) fn page_verbs(page: &crate::compliance::landing::Watched) -> Vec<&'static str> {
    pages::verbs(page.state, &page.record)
}

/// A refusal as a response.
pub(super) fn refusal(refusal: &Refusal) -> Response {
    answer::of(refused(refusal))
}

/// Which page of a list: who waits longest comes first.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    cursor: Option<u64>,
    limit: Option<usize>,
    state: Option<String>,
    buyer: Option<String>,
}

type Query1 = Result<Query<Asked>, QueryRejection>;

impl Asked {
    /// The place after which the page begins, and one more than it holds at most.
    fn of(asked: Query1) -> Result<(Self, u64, u32), Box<Response>> {
        let asked = asked.map_err(|rejection| bad(&rejection.body_text()))?.0;
        let limit = asked.limit.unwrap_or(PAGE);
        if limit == 0 || limit > LARGEST_PAGE {
            return Err(bad("`limit` must be 1 to 1000"));
        }
        let above = asked.cursor.unwrap_or(0);
        Ok((asked, above, u32::try_from(limit + 1).unwrap_or(u32::MAX)))
    }

    fn owner(&self, office: &Office<'_>) -> Result<Option<Owner>, Refusal> {
        self.buyer.as_ref().map(|account| office.buyer(account).map(Owner::Buyer)).transpose()
    }
}

/// A page of what was found: one more than it holds says that there is another.
fn page<T>(
    mut found: Vec<T>,
    most: u32,
    seq: impl Fn(&T) -> u64,
    line: impl Fn(&T) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let limit = most as usize - 1;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(seq);
    let items = found.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "items": items, "next_cursor": next }))
}

/// What every step shows.
fn step_line(kept: &KeptStep) -> Value {
    let step = &kept.step;
    json!({
        "step": kept.seq,
        "at": step.at.to_rfc3339(),
        "by": step.actor,
        "reason": step.reason,
    })
}

fn subject_line(subject: &Subject) -> Value {
    json!({ "kind": subject.kind.label(), "name": subject.name, "version": subject.version })
}
