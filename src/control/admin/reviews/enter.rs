//! What an operator enters for a partner: files, creatives, advertisers, documents, apps.

use axum::http::StatusCode;
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::changes::{Acting, Asking, change, parsed};
use super::{Shared, done, refused, subject_line};
use crate::compliance::creative::{Origin, Submission};
use crate::compliance::digest_text;
use crate::compliance::office::{Became, By, Office, Refusal};
use crate::compliance::qualification::{App, Document, Registered, Registration};

/// Keeps a file by its digest; nothing is done with it until a document or a creative names it.
pub(super) async fn file(state: Shared, asking: Asking) -> Response {
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, bytes: &[u8]| {
        done(state, "", |office, _| {
            if bytes.is_empty() {
                return Err(Refusal::Malformed("the file is empty".to_owned()));
            }
            let digest = office.docket.keep(bytes, office.now)?;
            Ok((StatusCode::CREATED, json!({ "sha256": digest_text(&digest), "bytes": bytes.len() })))
        })
    };
    change(state.0, turns, asking, work).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    creatives: Vec<Submission>,
    #[serde(default)]
    reason: String,
}

/// Submits one or several creatives, each for itself.
pub(super) async fn creatives(state: Shared, asking: Asking) -> Response {
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Batch>(body) {
        Ok(batch) => done(state, &batch.reason, |office, by| {
            let told = office.submit_all(&batch.creatives, Origin::Submitted, by)?;
            let line = |result: &Result<_, Refusal>| submitted(result.as_ref());
            Ok((StatusCode::OK, json!({ "items": told.iter().map(line).collect::<Vec<_>>() })))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}

fn submitted(result: Result<&crate::compliance::office::Receipt, &Refusal>) -> Value {
    match result {
        Ok(receipt) => json!({
            "subject": subject_line(&receipt.subject),
            "state": receipt.state.label(),
            "submitted": receipt.became == Became::Submitted,
        }),
        Err(refusal) => {
            let (status, mut value) = refused(refusal);
            value["status"] = Value::from(status.as_u16());
            value
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<T> {
    registration: T,
    #[serde(default)]
    reason: String,
}

pub(super) async fn advertiser(state: Shared, asking: Asking) -> Response {
    enter::<Registration>(state, asking, |office, it, by| office.register(it, by)).await
}

pub(super) async fn document(state: Shared, asking: Asking) -> Response {
    enter::<Document>(state, asking, |office, it, by| office.register_document(it, by)).await
}

pub(super) async fn app(state: Shared, asking: Asking) -> Response {
    enter::<App>(state, asking, |office, it, by| office.register_app(it, by)).await
}

async fn enter<T: DeserializeOwned + Serialize + 'static>(
    state: Shared,
    asking: Asking,
    register: fn(&Office<'_>, &T, &By<'_>) -> Result<Registered, Refusal>,
) -> Response {
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent<T>>(body) {
        Ok(sent) => done(state, &sent.reason, |office, by| {
            let registered = register(office, &sent.registration, by)?;
            let status = if registered.entered { StatusCode::CREATED } else { StatusCode::OK };
            let subject = subject_line(&registered.subject);
            Ok((
                status,
                json!({ "subject": subject, "state": registered.standing.label(), "entered": registered.entered }),
            ))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}
