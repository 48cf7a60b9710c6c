//! `/api/v1/finance`: money records, entered once by their references, and read in the order of their entry.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::changes::{Acting, Asking, Outcome, change, parsed, refuse};
use super::lists::{LARGEST_PAGE, PAGE, bad};
use super::{ControlState, Shared, answer, breaches};
use crate::event::{Booking, Fact, FactKind, KeptFact, Kinds, StoreUnavailable, Whose};
use crate::market::Market;
use crate::settlement::office::{self, Refusal, Submission};

/// The largest body of a record, bytes: a month's figures of a monitor fit in.
pub(super) const LARGEST_BODY: usize = office::LARGEST_BODY + 1_024;

/// What is sent: the record itself in the form of its kind, under its author's reference.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    reference: String,
    /// Read by its kind, which refuses a key that stands twice.
    record: Box<RawValue>,
}

pub(super) async fn enter(state: Shared, kind: Result<Path<String>, PathRejection>, asking: Asking) -> Response {
    let known = kind.ok().and_then(|Path(label)| FactKind::from_label(&label));
    let Some(kind) = known.filter(|kind| office::kinds().any(|label| label == kind.label())) else {
        let kinds: Vec<_> = office::kinds().collect();
        return answer::not_found(&format!("no such kind of record; there are {}", kinds.join(", ")));
    };
    let turns = state.entering.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent>(body) {
        Ok(sent) => {
            let record = sent.record.get().as_bytes();
            entered(state, &Submission { kind, reference: &sent.reference, actor: state.who, body: record })
        }
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}

fn entered(state: &ControlState, submission: &Submission<'_>) -> Outcome {
    let market = state.market();
    match office::enter(submission, &market, &*state.ledger, state.exchange.clock.now()) {
        Ok(receipt) => {
            // What was entered about orders is in the market when it is answered. Where that fails, it is told, and tried again at once.
            let _ = state.publisher.follow_orders(u64::MAX);
            let enforced = receipt.fact.buyer.map(|buyer| breaches::enforce(state, buyer, submission.actor));
            if let Some(Err(error)) = enforced {
                let message = format!("entered, but what it ends is not suspended yet; send it again: {error}");
                return refuse(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", &message);
            }
            let status = if receipt.booking == Booking::Booked { StatusCode::CREATED } else { StatusCode::OK };
            let mut value = line(&market, &receipt.fact);
            if let Value::Object(fields) = &mut value {
                fields.insert("entered".to_owned(), Value::from(receipt.booking == Booking::Booked));
            }
            (status, value)
        }
        Err(refusal) => {
            let (status, code) = match &refusal {
                Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "bad_record"),
                Refusal::Rule { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "against_a_rule"),
                Refusal::Taken(_) => (StatusCode::CONFLICT, "reference_taken"),
                Refusal::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            };
            let mut outcome = refuse(status, code, &refusal.to_string());
            if let Refusal::Rule { rule, .. } = &refusal {
                outcome.1["error"]["rule"] = Value::from(*rule);
            }
            outcome
        }
    }
}

/// Which records.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    cursor: Option<u64>,
    limit: Option<usize>,
    /// Those of one buyer, by its ACCOUNT ID.
    buyer: Option<String>,
    /// Those of one kind.
    kind: Option<String>,
}

pub(super) async fn list(state: Shared, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return *bad(&rejection.body_text()),
    };
    let limit = asked.limit.unwrap_or(PAGE);
    if limit == 0 || limit > LARGEST_PAGE {
        return *bad("`limit` must be 1 to 1000");
    }
    let state = state.0;
    let listed = tokio::task::spawn_blocking(move || page(&state, &asked, limit)).await;
    listed.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("listing ended early".to_owned())))
}

fn page(state: &ControlState, asked: &Asked, limit: usize) -> Response {
    let market = state.market();
    let buyer = match asked.buyer.as_ref().map(|account| market.buyers.iter().find(|it| it.account == *account)) {
        Some(None) => return *bad("`buyer` is not known"),
        Some(Some(buyer)) => Some(buyer.id),
        None => None,
    };
    let kind = match asked.kind.as_ref().map(|label| FactKind::from_label(label)) {
        Some(None) => return *bad("`kind` is not known"),
        Some(kind) => kind,
        None => None,
    };
    let (kinds, whose) = (kind.map_or(Kinds::All, Kinds::Only), buyer.map_or(Whose::Anybodys, Whose::Of));
    let (after, most) = (asked.cursor.unwrap_or(0), limit as u32 + 1);
    let found = state.ledger.snapshot().and_then(|books| office::page_of(&*books, kinds, whose, after, most));
    let mut found = match found {
        Ok(found) => found,
        Err(error) => return answer::unavailable(&error),
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|kept| kept.seq);
    let records: Vec<_> = found.iter().map(|kept| numbered(&market, kept)).collect();
    Json(json!({ "items": records, "next_cursor": next })).into_response()
}

fn numbered(market: &Market, kept: &KeptFact) -> Value {
    let mut value = line(market, &kept.fact);
    if let Value::Object(fields) = &mut value {
        fields.insert("seq".to_owned(), Value::from(kept.seq));
    }
    value
}

fn line(market: &Market, fact: &Fact) -> Value {
    let account = fact.buyer.and_then(|buyer| market.buyers.get(buyer)).map(|buyer| buyer.account.clone());
    json!({
        "kind": fact.kind.label(),
        "reference": fact.reference,
        "buyer": account,
        "day": fact.day.to_string(),
        "at": fact.at.to_rfc3339(),
        "actor": fact.actor,
        "record": serde_json::from_str::<Value>(&fact.body).unwrap_or_default(),
    })
}
