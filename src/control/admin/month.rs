//! `/api/v1/buyers/{id}/month`: what a buyer's month has come to, what is still to be consumed, and what it may come to (R-MINIMUM).

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::bad;
use super::{ControlState, Shared, answer};
use crate::clock::Month;
use crate::control::view::{Amount, Price};
use crate::event::StoreUnavailable;
use crate::ids::BuyerId;
use crate::market::Market;
use crate::settlement::monitor::{Standing, Subject};
use crate::settlement::month::{Achievement, Stand, stand};
use crate::settlement::office::{Facts, Refusal, View};
use crate::settlement::statement::{DealLine, Status};

/// Which month.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// `YYYY-MM`; left out: the running one.
    month: Option<String>,
}

pub(super) async fn month(
    state: Shared,
    account: Result<Path<String>, PathRejection>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return *bad(&rejection.body_text()),
    };
    let market = state.market();
    let buyer = account.ok().and_then(|Path(account)| market.buyers.iter().find(|buyer| buyer.account == account));
    let Some(buyer) = buyer.map(|buyer| buyer.id) else {
        return answer::not_found("no such buyer; it is asked for by its ACCOUNT ID");
    };
    let today = state.exchange.clock.now().shanghai_day();
    let Some(month) = asked.month.map_or(Some(today.month()), |text| Month::parse(&text)) else {
        return *bad("`month` must be like 2026-11");
    };
    let state = state.0;
    let told = tokio::task::spawn_blocking(move || tell(&state, buyer, month)).await;
    told.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())))
}

fn tell(state: &ControlState, buyer: BuyerId, month: Month) -> Response {
    let market = state.market();
    let found = (|| {
        let books = state.ledger.snapshot()?;
        let facts = Facts::about(&*books, Some(buyer), &[])?;
        let view = View { market: &market, books: &*books, facts: &facts, now: state.exchange.clock.now() };
        stand(&view, buyer, month)
    })();
    match found {
        Ok(stand) => Json(told(&market, &stand)).into_response(),
        Err(Refusal::Unavailable(error)) => answer::unavailable(&error),
        Err(refusal) => answer::error(StatusCode::UNPROCESSABLE_ENTITY, "no_figures", &refusal.to_string()),
    }
}

fn told(market: &Market, stand: &Stand) -> Value {
    let (draft, sums) = (stand.statement.draft(), stand.statement.sums());
    let (state, through) = match draft.status {
        Status::Provisional { through, .. } => ("provisional", through),
        Status::Closed { .. } => ("closed", draft.last_day),
    };
    let forecast = stand.forecast.map(|forecast| {
        json!({
            "expected": Amount::from(forecast.expected),
            "least": Amount::from(forecast.least),
            "most": Amount::from(forecast.most),
        })
    });
    let adjustments: Vec<_> = draft
        .adjustments
        .iter()
        .map(|it| json!({ "reference": it.reference, "month": it.month, "reason": it.reason, "amount": Amount::from(it.amount) }))
        .collect();
    json!({
        "account": draft.account,
        "month": draft.month,
        "state": state,
        "through": through.to_string(),
        "digest": stand.digest,
        "consumption": Amount::from(sums.consumption),
        "from_grants": Amount::from(sums.from_grants),
        "minimum": draft.minimum.map(Amount::from),
        "still_to_consume": Amount::from(sums.still_to_consume),
        "shortfall": Amount::from(sums.shortfall),
        "total": Amount::from(sums.total),
        "forecast": forecast,
        "deals": draft.deals.iter().map(|line| deal(market, line)).collect::<Vec<_>>(),
        "adjustments": adjustments,
        "monitor_figures": stand.standings.iter().map(figures).collect::<Vec<_>>(),
        "open_objections": stand.objections,
        "quarters": stand.quarters.iter().map(quarter).collect::<Vec<_>>(),
    })
}

fn deal(market: &Market, line: &DealLine) -> Value {
    let causes: serde_json::Map<_, _> =
        line.causes.iter().map(|(cause, count)| (cause.label().to_owned(), Value::from(*count))).collect();
    let volume = market.deal_named(&line.deal).and_then(|deal| deal.volume);
    json!({
        "deal": line.deal,
        "order": line.order,
        "project": line.project,
        "method": line.method.name(),
        "from": line.first_day.to_string(),
        "until": line.last_day.to_string(),
        "price": Price::from(line.price),
        "push_ratio": volume.map(|volume| volume.push.to_string()),
        "ordered": line.ordered,
        "delivered": line.delivered,
        "undelivered_by_buyer": line.undelivered_by_buyer,
        "undelivered_by_exchange": line.undelivered_by_exchange,
        "undelivered_by_cause": causes,
        "made_good": line.made_good,
        "monitor": line.monitor.as_ref().map(|it| json!({ "name": it.name, "impressions": it.impressions })),
        "settled": line.settled,
        "consumption": Amount::from(line.consumption),
        "from_grants": Amount::from(line.from_grants),
    })
}

fn figures(standing: &Standing) -> Value {
    let (deal, order) = match &standing.subject {
        Subject::Deal(deal) => (Some(deal), None),
        Subject::Order(order) => (None, Some(order)),
    };
    let deals = standing.deals.iter();
    let deals =
        deals.map(|(deal, exchange, settles)| json!({ "deal": deal, "exchange": exchange, "settles": settles }));
    json!({
        "reference": standing.reference,
        "deal": deal,
        "order": order,
        "deals": deals.collect::<Vec<_>>(),
        "monitor": standing.monitor,
        "exchange": standing.exchange,
        "third_party": standing.third,
        "settles": standing.settles,
    })
}

fn quarter(achievement: &Achievement) -> Value {
    json!({
        "quarter": achievement.quarter.to_string(),
        "target": Amount::from(achievement.target),
        "consumed": Amount::from(achievement.consumed),
        "cumulative_target": Amount::from(achievement.cumulative_target),
        "cumulative": Amount::from(achievement.cumulative),
        "missed": achievement.missed,
    })
}
