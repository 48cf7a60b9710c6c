//! `Idempotency-Key`: a change that is asked for again under the same key is not done again; its answer is given again.
//!
//! Only answers that changed something, or found it so already, are kept: what was refused may be tried again. The answer is stored after
//! the change. Should the process die in between, the change is done again, and finds nothing to do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::changes::Outcome;
use super::{ControlState, answer};
use crate::control::publish::held;
use crate::event::Remembered;

/// The longest key.
const LONGEST: usize = 128;

/// Keys whose changes are being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Busy(Arc<Mutex<HashSet<String>>>);

/// A key that is this request's own until it is answered.
pub(in crate::control) struct Claim {
    busy: Busy,
    key: String,
    request: [u8; 32],
}

impl Drop for Claim {
    fn drop(&mut self) {
        held(&self.busy.0).remove(&self.key);
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Outcome {
    (status, json!({ "error": { "code": code, "message": message } }))
}

/// Claims the request's key, if it has one. Keys are a scope's own: a partner's name, or nothing for operators, whose keys have no space
/// in them.
///
/// # Errors
/// 400 when it is no key, 409 while another request with it is under way.
pub(in crate::control) fn claim(
    state: &ControlState,
    scope: Option<&str>,
    headers: &HeaderMap,
    path: &str,
    body: &[u8],
) -> Result<Option<Claim>, Outcome> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len()));
    let Some(key) = key.filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()) && values.next().is_none()) else {
        let message = "`Idempotency-Key` must stand once and have 1 to 128 visible ASCII characters";
        return Err(refuse(StatusCode::BAD_REQUEST, "bad_idempotency_key", message));
    };
    let key = scope.map_or_else(|| key.to_owned(), |scope| format!("{scope} {key}"));
    if !held(&state.busy.0).insert(key.clone()) {
        let message = "a request with this `Idempotency-Key` is under way";
        return Err(refuse(StatusCode::CONFLICT, "idempotency_key_in_use", message));
    }
    let mut request = Sha256::new();
    request.update(path);
    request.update([0]);
    request.update(body);
    Ok(Some(Claim { busy: state.busy.clone(), key, request: request.finalize().into() }))
}

impl Claim {
    /// The answer that was given before, or that of the change, which is kept. May wait for the store.
    pub(in crate::control) fn once(self, state: &ControlState, work: impl FnOnce() -> Outcome) -> Response {
        let operations = state.publisher.operations();
        match operations.recall(&self.key, state.exchange.clock.now()) {
            Ok(Some(before)) if before.request == self.request => return replayed(before),
            Ok(Some(_)) => {
                let message = "this `Idempotency-Key` was used for another request within the last 24 hours";
                return answer::of(refuse(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message));
            }
            Ok(None) => {}
            Err(error) => return answer::unavailable(&error),
        }
        let outcome = work();
        if outcome.0.is_success() {
            let body = outcome.1.to_string().into_bytes();
            let at = state.exchange.clock.now();
            let answer = Remembered { request: self.request, status: outcome.0.as_u16(), body, at };
            if let Err(error) = operations.remember(&self.key, &answer) {
                tracing::error!(%error, "the answer to an idempotency key could not be kept");
            }
        }
        answer::of(outcome)
    }
}

fn replayed(before: Remembered) -> Response {
    let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK);
    let mut response = answer::json(status, before.body);
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}
