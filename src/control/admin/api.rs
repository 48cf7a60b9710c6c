//! `/api/v1`: the market, deals, DSPs and the reload.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, Stand, answer};
use crate::control::config::Diagnostic;
use crate::control::dashboard::ReloadReport;
use crate::control::publish::{Diff, LastReload, Names, Published, Refused, Trouble};
use crate::control::view::{DealLine, DealPage, DspLine, Now, first_by_key};

/// The description of this API.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// Items of a page, where nothing is asked.
const PAGE: usize = 100;
/// Items of a page at most.
const LARGEST_PAGE: usize = 1_000;

pub(super) async fn readyz(state: Shared) -> (StatusCode, String) {
    let stand = state.readiness.get();
    let status = if stand == Stand::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", stand.label()))
}

pub(super) async fn market(state: Shared) -> Json<Value> {
    let market = state.market();
    let digest: String = market.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Json(json!({
        "generation": market.generation,
        "loaded_at": market.loaded_at.to_rfc3339(),
        "digest": digest,
        "counts": {
            "media": market.media.len(),
            "placements": market.placements.len(),
            "dsps": market.dsps.len(),
            "buyers": market.buyers.len(),
            "advertisers": market.advertisers.len(),
            "creatives": market.creatives.len(),
            "deals": market.deals.len(),
        },
        "warnings": diagnostics(&state.publisher.warnings()),
    }))
}

pub(super) async fn reload(state: Shared, body: Result<Bytes, BytesRejection>) -> Response {
    if let Err(rejection) = body {
        return answer::error(rejection.status(), "bad_body", &rejection.body_text());
    }
    let Ok(turn) = state.reloading.clone().acquire_owned().await else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "closing", "the exchange is closing");
    };
    let publisher = state.publisher.clone();
    // It goes on, and keeps its turn, though the client goes away.
    let work = tokio::task::spawn_blocking(move || {
        let outcome = publisher.reload();
        drop(turn);
        outcome
    });
    let Ok(outcome) = work.await else {
        return answer::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "reload_failed",
            "the reload ended early; see the log",
        );
    };
    state.stir.notify_one();
    // The same report as the dashboard's stream brings, unless another reload has ended since.
    let last = state.publisher.last().filter(|last| last.outcome == outcome);
    let report = match last {
        Some(last) => ReloadReport::of(&last),
        None => ReloadReport::of(&LastReload { at: state.exchange.clock.now(), outcome: outcome.clone() }),
    };
    let (status, mut value) = match outcome {
        Ok(published) => (StatusCode::OK, done(&published)),
        Err(refused) => refusal(&refused),
    };
    value["report"] = json!(report);
    (status, Json(value)).into_response()
}

fn done(published: &Published) -> Value {
    json!({
        "generation": published.generation,
        "changed": published.changed,
        "diff": diff(&published.diff),
        "warnings": diagnostics(&published.warnings),
    })
}

fn refusal(refused: &Refused) -> (StatusCode, Value) {
    let (status, code, message, errors, omitted) = match &refused.trouble {
        Trouble::Config(problems) => {
            let errors: Vec<_> = problems.iter().cloned().collect();
            let omitted = problems.count() - errors.len();
            let message = format!("{} errors; nothing changed", problems.count());
            (StatusCode::UNPROCESSABLE_ENTITY, "config_refused", message, errors, omitted)
        }
        Trouble::Store(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", error.to_string(), Vec::new(), 0)
        }
    };
    let value = json!({
        "error": { "code": code, "message": message },
        "errors": diagnostics(&errors),
        "omitted": omitted,
        "generation": refused.generation,
    });
    (status, value)
}

fn diagnostics(list: &[Diagnostic]) -> Vec<Value> {
    let shown =
        |it: &Diagnostic| json!({ "file": it.file.display().to_string(), "line": it.line, "message": it.message });
    list.iter().map(shown).collect()
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

/// Which page of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Begins after the item with this id.
    cursor: Option<String>,
    limit: Option<usize>,
}

type Asked = Result<Query<Page>, QueryRejection>;

impl Page {
    fn of(asked: Asked) -> Result<(Option<String>, usize), Box<Response>> {
        let bad = |message: &str| Box::new(answer::error(StatusCode::BAD_REQUEST, "bad_query", message));
        let page = asked.map_err(|rejection| bad(&rejection.body_text()))?.0;
        let limit = page.limit.unwrap_or(PAGE);
        if limit == 0 || limit > LARGEST_PAGE {
            return Err(bad("`limit` must be 1 to 1000"));
        }
        Ok((page.cursor, limit))
    }
}

/// The items of a page by their names, and the cursor of the next one.
fn paged<'m, T>(
    all: impl Iterator<Item = &'m T>,
    name: impl Fn(&'m T) -> &'m str,
    (cursor, limit): (Option<String>, usize),
) -> (Vec<&'m T>, Option<&'m str>) {
    let after = cursor.as_deref();
    let rest: Vec<&'m T> = all.filter(|item| after.is_none_or(|after| name(item) > after)).collect();
    let more = rest.len() > limit;
    let items = first_by_key(rest, limit, |item| name(item));
    let next = items.last().filter(|_| more).map(|item| name(item));
    (items, next)
}

pub(super) async fn deals(state: Shared, asked: Asked) -> Response {
    let page = match Page::of(asked) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    let market = state.market();
    let now = Now::new(&state.exchange, &market);
    let (items, next) = paged(market.deals.iter(), |deal| deal.wire.as_str(), page);
    let items: Vec<_> = items.into_iter().map(|deal| DealLine::of(now, deal)).collect();
    Json(json!({ "generation": market.generation, "items": items, "next_cursor": next })).into_response()
}

pub(super) async fn deal(state: Shared, id: Result<Path<String>, PathRejection>) -> Response {
    let market = state.market();
    let Some(deal) = id.ok().and_then(|id| market.deal_named(&id)) else {
        return answer::not_found("no such deal; drafts and ended deals are not in the market");
    };
    Json(DealPage::of(Now::new(&state.exchange, &market), deal)).into_response()
}

pub(super) async fn dsps(state: Shared, asked: Asked) -> Response {
    let page = match Page::of(asked) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    let market = state.market();
    let now = Now::new(&state.exchange, &market);
    let (items, next) = paged(market.dsps.iter(), |dsp| dsp.wire.as_str(), page);
    let items: Vec<_> = items.into_iter().map(|dsp| DspLine::of(now, dsp)).collect();
    Json(json!({ "generation": market.generation, "items": items, "next_cursor": next })).into_response()
}
