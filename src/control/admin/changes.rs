//! `/api/v1`: what changes something. Each takes an `Idempotency-Key` and lands in the audit log.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::api::diagnostics;
use super::operators::{self, Who};
use super::{ControlState, Shared, answer, breaches, idempotency};
use crate::control::publish::{By, Diff, Names, Published, Refused, Trouble, Unswitched};
use crate::control::view::SuspensionLine;
use crate::event::Trigger;
use crate::ids::IdKind;

/// The longest reason, characters.
const LONGEST_REASON: usize = 500;

/// Status and body of an answer.
pub(super) type Outcome = (StatusCode, Value);

/// A request that changes something: what is asked, and by whom.
pub(super) struct Asking {
    path: String,
    headers: HeaderMap,
    who: Who,
    body: Result<Bytes, BytesRejection>,
}

impl FromRequest<Arc<ControlState>> for Asking {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<ControlState>) -> Result<Self, Response> {
        // Whoever comes past the door without a name changes nothing.
        let Some(who) = request.extensions().get::<Who>().cloned() else { return Err(operators::nobody()) };
        let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
        Ok(Self { path, headers, who, body: Bytes::from_request(request, state).await })
    }
}

/// The control plane, and who asks it for a change.
pub(super) struct Acting<'a> {
    state: &'a ControlState,
    /// As what is done is signed.
    pub(super) who: &'a str,
}

impl Deref for Acting<'_> {
    type Target = ControlState;

    fn deref(&self) -> &ControlState {
        self.state
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reload {
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    generation: u64,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    reason: String,
}

pub(super) fn refuse(status: StatusCode, code: &str, message: &str) -> Outcome {
    (status, json!({ "error": { "code": code, "message": message } }))
}

pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Outcome> {
    let bad = |error: serde_json::Error| refuse(StatusCode::BAD_REQUEST, "bad_body", &error.to_string());
    serde_json::from_slice(body).map_err(bad)
}

pub(super) fn checked(reason: &str) -> Result<(), Outcome> {
    let tame = reason.chars().count() <= LONGEST_REASON && !reason.chars().any(char::is_control);
    let message = format!("`reason` must have at most {LONGEST_REASON} characters, in one line");
    if tame { Ok(()) } else { Err(refuse(StatusCode::BAD_REQUEST, "bad_body", &message)) }
}

fn by(trigger: Trigger, who: &str, reason: String) -> By {
    By { trigger, actor: who.to_owned(), reason }
}

/// Does a change in its turn, once for each key, on a thread that may wait.
pub(super) async fn change(
    state: Arc<ControlState>,
    turns: Arc<Semaphore>,
    asking: Asking,
    work: impl FnOnce(&Acting<'_>, &[u8]) -> Outcome + Send + 'static,
) -> Response {
    let Asking { path, headers, who, body } = asking;
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer::error(rejection.status(), "bad_body", &rejection.body_text()),
    };
    let claim = match idempotency::claim(&state, who.scope(), &headers, &path, &body) {
        Ok(claim) => claim,
        Err(outcome) => return answer::of(outcome),
    };
    let Ok(turn) = turns.acquire_owned().await else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "closing", "the exchange is closing");
    };
    // It goes on, and keeps its turn, though the client goes away.
    let done = tokio::task::spawn_blocking(move || {
        let acting = Acting { state: &state, who: who.signature() };
        let response = match claim {
            Some(claim) => claim.once(&state, || work(&acting, &body)),
            None => answer::of(work(&acting, &body)),
        };
        state.stir.notify_one();
        drop(turn);
        response
    });
    let early = |_| {
        let message = "the change ended early; see the log";
        answer::error(StatusCode::INTERNAL_SERVER_ERROR, "change_failed", message)
    };
    done.await.unwrap_or_else(early)
}

pub(super) async fn reload(state: Shared, asking: Asking) -> Response {
    let turns = state.reloading.clone();
    let work = |state: &Acting<'_>, body: &[u8]| {
        let asked = if body.is_empty() { Ok(Reload::default()) } else { parsed::<Reload>(body) };
        match asked.and_then(|it| checked(&it.reason).map(|()| it.reason)) {
            Ok(reason) => published(&state.publisher.reload(&by(Trigger::Api, state.who, reason))),
            Err(outcome) => outcome,
        }
    };
    change(state.0, turns, asking, work).await
}

pub(super) async fn rollback(state: Shared, asking: Asking) -> Response {
    let turns = state.reloading.clone();
    let work = |state: &Acting<'_>, body: &[u8]| {
        let asked = parsed::<Rollback>(body).and_then(|it| checked(&it.reason).map(|()| it));
        match asked {
            Ok(it) => published(&state.publisher.rollback(it.generation, &by(Trigger::Rollback, state.who, it.reason))),
            Err(outcome) => outcome,
        }
    };
    change(state.0, turns, asking, work).await
}

/// The name and the verb of `/api/v1/dsps/{id}/{verb}`.
type Named = Result<Path<(String, String)>, PathRejection>;

macro_rules! kill_switches {
    ($($handler:ident = $kind:ident),+) => {
        $(pub(super) async fn $handler(state: Shared, named: Named, asking: Asking) -> Response {
            let named = named.map(|Path(named)| named);
            switch(state.0, IdKind::$kind, named, asking).await
        })+
    };
}

kill_switches!(media = Media, dsp = Dsp, buyer = Buyer, deal = Deal, creative = Creative);

/// A creative as `/api/v1/creatives/{account}/{crid}/{verb}`.
pub(super) async fn creative_of(
    state: Shared,
    named: Result<Path<(String, String, String)>, PathRejection>,
    asking: Asking,
) -> Response {
    let named = named.map(|Path((account, crid, verb))| (format!("{account}/{crid}"), verb));
    switch(state.0, IdKind::Creative, named, asking).await
}

async fn switch(
    state: Arc<ControlState>,
    kind: IdKind,
    named: Result<(String, String), PathRejection>,
    asking: Asking,
) -> Response {
    let (name, suspended) = match named {
        Ok((name, verb)) if verb == "suspend" => (name, true),
        Ok((name, verb)) if verb == "resume" => (name, false),
        _ => return answer::not_found("a kill switch has `suspend` and `resume`"),
    };
    let turns = state.switching.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| {
        let asked = parsed::<Switch>(body).and_then(|it| checked(&it.reason).map(|()| it));
        match asked {
            Ok(it) if it.reason.trim().is_empty() => {
                refuse(StatusCode::BAD_REQUEST, "bad_body", "`reason` must say why: it stays in the audit log")
            }
            Ok(it) => switched(state, kind, &name, suspended, &it.reason),
            Err(outcome) => outcome,
        }
    };
    change(state, turns, asking, work).await
}

/// What forbids to resume a subject: a breach of a buyer that lasts (R-DAMAGE-CHANGE, R-LATE).
fn forbidden(state: &ControlState, kind: IdKind, name: &str) -> Option<Outcome> {
    let market = state.market();
    let buyer = market.buyers.iter().find(|buyer| kind == IdKind::Buyer && buyer.account == name)?;
    match breaches::stopped(state, buyer.id) {
        Ok(rule) => rule.map(|rule| {
            let message = format!("{rule}: this buyer stays suspended; see /api/v1/buyers/{name}/breaches");
            refuse(StatusCode::UNPROCESSABLE_ENTITY, "against_a_rule", &message)
        }),
        Err(error) => Some(refuse(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", &error.to_string())),
    }
}

fn switched(state: &Acting<'_>, kind: IdKind, name: &str, suspended: bool, reason: &str) -> Outcome {
    if let Some(outcome) = (!suspended).then(|| forbidden(state, kind, name)).flatten() {
        return outcome;
    }
    match state.publisher.switch(kind, name, suspended, state.who, reason) {
        Ok(done) => {
            let still = done.by_config && !suspended;
            let note = still.then_some("the config suspends it too: it stays suspended until the config is changed");
            let value = json!({
                "kind": kind.label(),
                "id": name,
                "changed": done.changed,
                "suspended": done.by_config || done.thrown.is_some(),
                "suspended_by_config": done.by_config,
                "suspension": done.thrown.as_ref().map(SuspensionLine::from),
                "note": note,
            });
            (StatusCode::OK, value)
        }
        Err(unknown @ Unswitched::Unknown { .. }) => refuse(StatusCode::NOT_FOUND, "not_found", &unknown.to_string()),
        Err(Unswitched::Store(error)) => {
            refuse(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", &error.to_string())
        }
    }
}

fn published(outcome: &Result<Published, Refused>) -> Outcome {
    match outcome {
        Ok(done) => (
            StatusCode::OK,
            json!({
                "generation": done.generation,
                "changed": done.changed,
                "pinned": done.pinned,
                "diff": diff(&done.diff),
                "warnings": diagnostics(&done.warnings),
            }),
        ),
        Err(refused) => refusal(refused),
    }
}

fn refusal(refused: &Refused) -> Outcome {
    let told = refused.trouble.to_string();
    let (status, code, message, errors, omitted) = match &refused.trouble {
        Trouble::Config(problems) | Trouble::Pinned { problems, .. } => {
            let errors: Vec<_> = problems.iter().cloned().collect();
            let omitted = problems.count() - errors.len();
            let message = format!("{} errors; nothing changed", problems.count());
            (StatusCode::UNPROCESSABLE_ENTITY, "config_refused", message, errors, omitted)
        }
        Trouble::NotKept(_) => (StatusCode::NOT_FOUND, "not_found", told, Vec::new(), 0),
        Trouble::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", told, Vec::new(), 0),
        Trouble::Overtaken(_) => (StatusCode::SERVICE_UNAVAILABLE, "overtaken", told, Vec::new(), 0),
        Trouble::Thread(_) => (StatusCode::SERVICE_UNAVAILABLE, "no_thread", told, Vec::new(), 0),
    };
    let value = json!({
        "error": { "code": code, "message": message },
        "errors": diagnostics(&errors),
        "omitted": omitted,
        "generation": refused.generation,
    });
    (status, value)
}

fn diff(diff: &Diff) -> Value {
    let names = |names: &Names| json!({ "count": names.count, "first": names.first });
    let mut value = json!({ "terms": diff.terms });
    for (kind, changes) in Diff::KINDS.iter().zip(&diff.kinds) {
        value[*kind] = json!({
            "added": names(&changes.added),
            "changed": names(&changes.changed),
            "removed": names(&changes.removed),
        });
    }
    value
}
