//! `/api/v1/buyers/{account}/orders` and `/breaches`: what was ordered and by what it settles, what was broken and what is owed of it. What a
//! breach ends is also thrown here as a kill switch, which nobody lifts while it lasts.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use serde_json::{Value, json};

use super::{ControlState, Shared, answer};
use crate::clock::ShanghaiDay;
use crate::event::{KeptFact, StoreUnavailable};
use crate::ids::{BuyerId, IdKind};
use crate::market::Market;
use crate::market::demand::Buyer;
use crate::settlement::breaches::{Breaches, Claim, KeptViolation, Late};
use crate::settlement::damages::of_delay;
use crate::settlement::notice::{LastDays, last_days};
use crate::settlement::office::Facts;
use crate::settlement::orders::{KeptOrder, Line, Orders, Version};

type Named = Result<Path<String>, PathRejection>;

/// What was entered about a buyer.
fn facts(state: &ControlState, buyer: BuyerId) -> Result<Facts, StoreUnavailable> {
    Facts::about(&*state.ledger.snapshot()?, Some(buyer), &[])
}

/// Answers what is said of a buyer, off the thread that feeds the dashboard.
async fn told(state: Shared, account: Named, say: fn(&Market, &Buyer, &[KeptFact], ShanghaiDay) -> Value) -> Response {
    let state = state.0;
    let work = move || {
        let market = state.market();
        let buyer = account.ok().and_then(|Path(account)| market.buyers.iter().find(|it| it.account == account));
        let Some(buyer) = buyer else { return answer::not_found("no such buyer; they are known by ACCOUNT ID") };
        match facts(&state, buyer.id) {
            Ok(facts) => answer::ok(say(&market, buyer, &facts, state.exchange.clock.now().shanghai_day())),
            Err(error) => answer::unavailable(&error),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())))
}

pub(super) async fn orders(state: Shared, account: Named) -> Response {
    told(state, account, |market, buyer, facts, today| {
        let orders = Orders::of(facts);
        let own = orders.iter().filter(|order| order.buyer == buyer.id);
        let items: Vec<_> = own.map(|order| order_line(market, order, today)).collect();
        json!({ "items": items, "last_days": last_days(facts, buyer, &market.terms.figures).map(days) })
    })
    .await
}

fn days(last: LastDays) -> Value {
    json!({ "cooperation": last.cooperation, "of_use": last.of_use })
}

fn order_line(market: &Market, order: &KeptOrder, today: ShanghaiDay) -> Value {
    let in_force = order.version_on(today).map(|version| version.order.version);
    let amount = order.confirmed().map(|version| version.order.amount());
    let figures = market.terms.figures.on(today);
    json!({
        "number": order.number,
        "in_force": in_force,
        "amount": amount,
        // R-LIABILITY: the most that the exchange pays of a loss, where it is no PMP advertising.
        "liability_outside_pmp": amount.map(|amount| figures.liability.of(amount)),
        "cancelled": order.cancelled.as_ref().map(|(from, reference)| json!({ "from": from, "reference": reference })),
        "versions": order.versions.iter().map(|version| version_line(market, order, version, today)).collect::<Vec<_>>(),
    })
}

fn version_line(market: &Market, kept: &KeptOrder, version: &Version, today: ShanghaiDay) -> Value {
    let order = &version.order;
    let in_force = kept.version_on(today) == Some(version);
    json!({
        "version": order.version,
        "contract": order.contract,
        "signed": order.signed,
        "effective": order.effective,
        "notice": order.notice,
        "confirmed": version.confirmed,
        "in_force_from": version.in_force_from(),
        "amount": order.amount(),
        "lines": order.lines.iter().map(|line| line_of(market, line, in_force && line.includes(today))).collect::<Vec<_>>(),
    })
}

/// A line, whether the deal is served by it today, and what of it deals.toml says otherwise. A preferred deal is never served by an order
/// (R-METHODS).
fn line_of(market: &Market, line: &Line, in_force: bool) -> Value {
    let deal = market.deal_named(&line.deal);
    let differs = deal.map(|deal| line.differences(deal));
    let served = in_force && deal.is_some_and(|deal| deal.volume.is_some() && deal.method == line.method);
    let mut value = serde_json::to_value(line).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("in_market".to_owned(), Value::from(deal.is_some()));
        fields.insert("served".to_owned(), Value::from(served));
        fields.insert("differs_from_config".to_owned(), json!(differs.unwrap_or_default()));
        fields.insert("amount".to_owned(), json!(line.amount_of(line.from, line.until)));
    }
    value
}

pub(super) async fn breaches(state: Shared, account: Named) -> Response {
    told(state, account, |market, buyer, facts, today| {
        let stand = Breaches::of(facts, buyer.id);
        let figures = &market.terms.figures;
        let late = |late: &Late| {
            let days = figures.on(late.due).late_days_until_end;
            json!({
                "violation": late.reference, "of": late.of, "month": late.month, "due": late.due, "owed": late.owed, "open": late.open(),
                "fee_until_today": of_delay(late.open(), late.due, today, figures),
                "contract_may_end": late.open().is_positive() && today > late.due.plus_days(days),
            })
        };
        let holds = stand.holds.iter().map(|(reference, reason)| json!({ "reference": reference, "reason": reason }));
        json!({
            "violations": stand.violations.iter().map(violation_line).collect::<Vec<_>>(),
            "next_page_change": stand.next_step(),
            "owed": stand.owed(),
            "claims": stand.claims.iter().map(claim_line).collect::<Vec<_>>(),
            "late": stand.late.iter().map(late).collect::<Vec<_>>(),
            "holds": holds.collect::<Vec<_>>(),
            "ended_for_good": stand.ended,
            "delivery_stopped_by": stand.stops_delivery(today),
            "last_days": last_days(facts, buyer, figures).map(days),
        })
    })
    .await
}

fn violation_line(kept: &KeptViolation) -> Value {
    let violation = &kept.violation;
    json!({
        "reference": kept.reference, "rule": violation.breach.rule(), "day": violation.day, "breach": violation.breach,
        "evidence": violation.evidence, "charged": violation.charged, "waived": kept.waived,
    })
}

fn claim_line(claim: &Claim) -> Value {
    json!({ "for": claim.name, "due": claim.due, "owed": claim.owed, "paid": claim.paid, "open": claim.open() })
}

/// The rule that stops a buyer's delivery today, if one does.
///
/// # Errors
/// [`StoreUnavailable`] when what was entered cannot be read.
pub(super) fn stopped(state: &ControlState, buyer: BuyerId) -> Result<Option<&'static str>, StoreUnavailable> {
    let today = state.exchange.clock.now().shanghai_day();
    Ok(Breaches::of(&facts(state, buyer)?, buyer).stops_delivery(today))
}

/// Throws the buyer's kill switch where a breach stops its delivery. Called after each record of the buyer, also one that was entered
/// before: whoever did not hear that it was done sends it again.
///
/// # Errors
/// [`StoreUnavailable`]: the record is entered, the switch is not thrown.
pub(super) fn enforce(state: &ControlState, buyer: BuyerId, actor: &str) -> Result<(), StoreUnavailable> {
    let Some(rule) = stopped(state, buyer)? else { return Ok(()) };
    let market = state.market();
    let Some(buyer) = market.buyers.get(buyer) else { return Ok(()) };
    let reason = format!("{rule}: see /api/v1/buyers/{}/breaches", buyer.account);
    let done = state.publisher.switch(IdKind::Buyer, &buyer.account, true, actor, &reason);
    done.map(|_| ()).map_err(|error| StoreUnavailable(error.to_string()))
}
