//! `/api/v1`: lists, a page at a time.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::hexadecimal;
use super::{ControlState, Shared, answer};
use crate::control::view::{
    BuyerLine, CreativeLine, DealLine, DealPage, DspLine, MediaLine, Now, creative_name, first_by_key,
};
use crate::event::{Audit, Generation, StoreUnavailable};
use crate::market::Market;

/// Items of a page, where nothing is asked.
pub(super) const PAGE: usize = 100;
/// Items of a page at most.
pub(super) const LARGEST_PAGE: usize = 1_000;

/// Which page of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Begins after the item with this id.
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Goes through all items of a kind.
type All<T> = fn(&Market) -> Box<dyn Iterator<Item = &T> + '_>;

pub(super) type Asked = Result<Query<Page>, QueryRejection>;

pub(super) fn bad(message: &str) -> Box<Response> {
    Box::new(answer::error(StatusCode::BAD_REQUEST, "bad_query", message))
}

impl Page {
    fn of(asked: Asked) -> Result<(Option<String>, usize), Box<Response>> {
        let page = asked.map_err(|rejection| bad(&rejection.body_text()))?.0;
        let limit = page.limit.unwrap_or(PAGE);
        if limit == 0 || limit > LARGEST_PAGE {
            return Err(bad("`limit` must be 1 to 1000"));
        }
        Ok((page.cursor, limit))
    }

    /// For lists in order of a number, the newest first: below which one.
    pub(super) fn below(asked: Asked) -> Result<(u64, usize), Box<Response>> {
        let (cursor, limit) = Self::of(asked)?;
        let below = cursor.map_or(Ok(u64::MAX), |cursor| cursor.parse());
        Ok((below.map_err(|_| bad("`cursor` must be what `next_cursor` was"))?, limit))
    }
}

/// Answers a page of items of the market by their names.
async fn page<T: 'static, L: Serialize + 'static>(
    state: Shared,
    asked: Asked,
    all: All<T>,
    name: fn(&Market, &T) -> String,
    line: fn(Now<'_>, &T) -> L,
) -> Response {
    let (cursor, limit) = match Page::of(asked) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    // Millions of creatives take a while to go through: not on the thread that feeds the dashboard.
    let state = state.0;
    let page = tokio::task::spawn_blocking(move || page_of(&state, (cursor, limit), all, name, line)).await;
    page.map_or_else(|_| answer::unavailable(&StoreUnavailable("listing ended early".to_owned())), answer::ok)
}

fn page_of<T, L: Serialize>(
    state: &ControlState,
    (cursor, limit): (Option<String>, usize),
    all: All<T>,
    name: fn(&Market, &T) -> String,
    line: fn(Now<'_>, &T) -> L,
) -> Value {
    let market = state.market();
    let thrown = state.publisher.thrown();
    let now = Now::new(&state.exchange, &market, &thrown);
    let named = all(&market).map(|item| (name(&market, item), item));
    let rest: Vec<_> = named.filter(|(name, _)| cursor.as_ref().is_none_or(|after| name > after)).collect();
    let more = rest.len() > limit;
    let rest: Vec<_> = rest.iter().collect();
    let items = first_by_key(rest, limit, |it| it.0.as_str());
    let next = items.last().filter(|_| more).map(|it| it.0.clone());
    let items: Vec<_> = items.into_iter().map(|it| line(now, it.1)).collect();
    json!({ "generation": market.generation, "items": items, "next_cursor": next })
}

pub(super) async fn deals(state: Shared, asked: Asked) -> Response {
    page(state, asked, |market| Box::new(market.deals.iter()), |_, it| it.wire.clone(), DealLine::of).await
}

pub(super) async fn dsps(state: Shared, asked: Asked) -> Response {
    page(state, asked, |market| Box::new(market.dsps.iter()), |_, it| it.wire.clone(), DspLine::of).await
}

pub(super) async fn media(state: Shared, asked: Asked) -> Response {
    page(state, asked, |market| Box::new(market.media.iter()), |_, it| it.wire.clone(), MediaLine::of).await
}

pub(super) async fn buyers(state: Shared, asked: Asked) -> Response {
    page(state, asked, |market| Box::new(market.buyers.iter()), |_, it| it.account.clone(), BuyerLine::of).await
}

pub(super) async fn creatives(state: Shared, asked: Asked) -> Response {
    page(state, asked, |market| Box::new(market.all_creatives()), creative_name, CreativeLine::of).await
}

pub(super) async fn deal(state: Shared, id: Result<Path<String>, PathRejection>) -> Response {
    let market = state.market();
    let Some(deal) = id.ok().and_then(|id| market.deal_named(&id)) else {
        return answer::not_found("no such deal; drafts and ended deals are not in the market");
    };
    let thrown = state.publisher.thrown();
    Json(DealPage::of(Now::new(&state.exchange, &market, &thrown), deal)).into_response()
}

/// Answers a page of what the store keeps by number, the newest first.
async fn newest<T: Send + 'static>(
    state: Shared,
    asked: Asked,
    read: fn(&ControlState, u64, usize) -> Result<Vec<T>, StoreUnavailable>,
    number: fn(&T) -> u64,
    line: fn(&T) -> Value,
) -> Response {
    let (below, limit) = match Page::below(asked) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    let state = state.0;
    let read = tokio::task::spawn_blocking(move || read(&state, below, limit + 1)).await;
    let mut items = match read {
        Ok(Ok(items)) => items,
        Ok(Err(error)) => return answer::unavailable(&error),
        Err(_) => return answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())),
    };
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|it| number(it).to_string());
    let items: Vec<_> = items.iter().map(line).collect();
    Json(json!({ "items": items, "next_cursor": next })).into_response()
}

pub(super) async fn history(state: Shared, asked: Asked) -> Response {
    let line = |it: &Generation| {
        json!({
            "generation": it.number,
            "published_at": it.published_at.to_rfc3339(),
            "trigger": it.trigger.label(),
            "by": it.actor,
            "reason": it.reason,
            "digest": hexadecimal(&it.digest),
            "changes": it.changes,
            "restores": it.restores,
            "pinned": it.pinned,
            "kept": it.size > 0,
        })
    };
    let read = |state: &ControlState, below, limit| state.publisher.operations().generations(below, limit);
    newest(state, asked, read, |it| it.number, line).await
}

pub(super) async fn audit(state: Shared, asked: Asked) -> Response {
    let line = |it: &Audit| {
        json!({
            "seq": it.seq,
            "at": it.at.to_rfc3339(),
            "by": it.actor,
            "action": it.action,
            "subject": it.subject,
            "before": it.before,
            "after": it.after,
            "reason": it.reason,
        })
    };
    let read = |state: &ControlState, below, limit| state.publisher.operations().audits(below, limit);
    newest(state, asked, read, |it| it.seq, line).await
}
