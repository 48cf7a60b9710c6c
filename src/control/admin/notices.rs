//! `/api/v1/notices`: what DSPs are owed, and having it sent again.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::changes::{Acting, Asking, Outcome, change, checked, parsed, refuse};
use super::lists::{LARGEST_PAGE, PAGE, bad};
use super::{ControlState, Shared, answer};
use crate::event::{Audit, KeptNotice, NoticeFilter, Outbox, Resend, StoreUnavailable};
use crate::ids::DspId;
use crate::market::Market;

/// Which page of which notices.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    cursor: Option<String>,
    limit: Option<usize>,
    /// Of this DSP only.
    dsp: Option<String>,
    /// `retrying` or `undelivered`.
    state: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reason {
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfDsp {
    dsp: String,
    #[serde(default)]
    reason: String,
}

/// Until notices are sent there are none.
fn closed() -> StoreUnavailable {
    StoreUnavailable("nobody sends notices to DSPs yet".to_owned())
}

fn outbox(state: &ControlState) -> Result<Arc<dyn Outbox>, StoreUnavailable> {
    state.exchange.notices.outbox().cloned().ok_or_else(closed)
}

fn dsp_named(market: &Market, name: &str) -> Option<DspId> {
    market.dsps.iter().find(|dsp| dsp.wire == name).map(|dsp| dsp.id)
}

impl Asked {
    fn filter(&self, market: &Market) -> Result<(NoticeFilter, u64, usize), Box<Response>> {
        let limit = self.limit.unwrap_or(PAGE);
        if limit == 0 || limit > LARGEST_PAGE {
            return Err(bad("`limit` must be 1 to 1000"));
        }
        let below = self.cursor.as_ref().map_or(Ok(u64::MAX), |cursor| cursor.parse());
        let below = below.map_err(|_| bad("`cursor` must be what `next_cursor` was"))?;
        let undelivered = match self.state.as_deref() {
            None => None,
            Some("undelivered") => Some(true),
            Some("retrying") => Some(false),
            Some(_) => return Err(bad("`state` must be `retrying` or `undelivered`")),
        };
        let dsp =
            self.dsp.as_ref().map(|name| dsp_named(market, name).ok_or_else(|| bad("`dsp` is none of the market")));
        Ok((NoticeFilter { dsp: dsp.transpose()?, undelivered }, below, limit))
    }
}

pub(super) async fn list(state: Shared, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let market = state.market();
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return *bad(&rejection.body_text()),
    };
    let (filter, below, limit) = match asked.filter(&market) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    let read = move || outbox(&state.0)?.notices(filter, below, limit + 1);
    let mut items = match tokio::task::spawn_blocking(read).await {
        Ok(Ok(items)) => items,
        Ok(Err(error)) => return answer::unavailable(&error),
        Err(_) => return answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())),
    };
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|it| it.id.to_string());
    let items: Vec<_> = items.iter().map(|it| line(&market, it)).collect();
    Json(json!({ "items": items, "next_cursor": next })).into_response()
}

fn line(market: &Market, it: &KeptNotice) -> Value {
    let KeptNotice { id, notice } = it;
    let dsp = market.dsps.get(notice.dsp);
    json!({
        "id": id,
        "dsp": dsp.map(|dsp| dsp.wire.as_str()),
        "kind": notice.kind.label(),
        "state": if notice.next_at.is_some() { "retrying" } else { "undelivered" },
        "auction": notice.key.auction.to_string(),
        "imp": notice.key.imp.0,
        "slot": notice.key.slot.0,
        "url": notice.url,
        "attempts": notice.attempts,
        "error": notice.error,
        "made_at": notice.made_at.to_rfc3339(),
        "next_at": notice.next_at.map(|at| at.to_rfc3339()),
    })
}

/// `POST /api/v1/notices/{id}/resend`.
pub(super) async fn resend_one(state: Shared, id: Result<Path<u64>, PathRejection>, asking: Asking) -> Response {
    let Ok(Path(id)) = id else { return answer::not_found("a notice has a number; see /api/v1/notices") };
    let turns = state.switching.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| {
        let asked = if body.is_empty() { Ok(Reason::default()) } else { parsed::<Reason>(body) };
        match asked.and_then(|it| checked(&it.reason).map(|()| it)) {
            Ok(it) => resend(state, Resend::One(id), &format!("notice {id}"), it.reason),
            Err(outcome) => outcome,
        }
    };
    change(state.0, turns, asking, work).await
}

/// `POST /api/v1/notices/resend`: all that a DSP is owed and that are not tried by themselves any more.
pub(super) async fn resend_all(state: Shared, asking: Asking) -> Response {
    let turns = state.switching.clone();
    let work = |state: &Acting<'_>, body: &[u8]| {
        let asked = parsed::<OfDsp>(body).and_then(|it| checked(&it.reason).map(|()| it));
        let it = match asked {
            Ok(it) => it,
            Err(outcome) => return outcome,
        };
        match dsp_named(&state.market(), &it.dsp) {
            Some(dsp) => resend(state, Resend::Of(dsp), &format!("notices of DSP {}", it.dsp), it.reason),
            None => refuse(StatusCode::NOT_FOUND, "not_found", "no such DSP in the market"),
        }
    };
    change(state.0, turns, asking, work).await
}

fn resend(state: &Acting<'_>, which: Resend, subject: &str, reason: String) -> Outcome {
    let at = state.exchange.clock.now();
    let audit = Audit {
        seq: 0,
        at,
        actor: state.who.to_owned(),
        action: "resend".to_owned(),
        subject: subject.to_owned(),
        before: "undelivered".to_owned(),
        after: "retrying".to_owned(),
        reason,
    };
    match outbox(state).and_then(|outbox| outbox.resend(which, at, &audit)) {
        Ok(0) if matches!(which, Resend::One(_)) => {
            let message =
                "no undelivered notice has this number: it was delivered, is tried by itself, or is not kept any more";
            refuse(StatusCode::NOT_FOUND, "not_found", message)
        }
        Ok(count) => {
            state.exchange.notices.stir();
            (StatusCode::OK, json!({ "resent": count }))
        }
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", &error.to_string()),
    }
}
