//! `/api/v1/buyers/{id}/balance`: a buyer's money by where it comes from and by its state, and how much of it is unspendable now
//! (R-BALANCE; architecture, invariant 8).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{ControlState, Shared, answer};
use crate::control::view::Amount;
use crate::event::{AccountKind, Fund, GrantTerms, Pot, Standing, StoreUnavailable, Sums};
use crate::ids::BuyerId;
use crate::market::Market;
use crate::money::MicroYuan;

pub(super) async fn balance(state: Shared, account: Result<Path<String>, PathRejection>) -> Response {
    let market = state.market();
    let buyer = account.ok().and_then(|Path(account)| market.buyers.iter().find(|buyer| buyer.account == account));
    let Some(buyer) = buyer.map(|buyer| buyer.id) else {
        return answer::not_found("no such buyer; it is asked for by its ACCOUNT ID");
    };
    let state = state.0;
    let told = tokio::task::spawn_blocking(move || tell(&state, buyer)).await;
    let told = told.unwrap_or_else(|_| Err(StoreUnavailable("reading ended early; see the log".to_owned())));
    told.map_or_else(|error| answer::unavailable(&error), |value| Json(value).into_response())
}

/// What one fund has in each state.
#[derive(Default)]
struct Row {
    free: Sums,
    committed: Sums,
    make_good: Sums,
}

pub(in crate::control) fn tell(state: &ControlState, buyer: BuyerId) -> Result<Value, StoreUnavailable> {
    let (market, now) = (state.market(), state.exchange.clock.now());
    let books = state.ledger.snapshot()?;
    let mut rows = BTreeMap::<Fund, Row>::new();
    for position in books.positions_of(buyer, now)? {
        let row = rows.entry(position.pot.fund()).or_default();
        *match position.pot {
            Pot::Free(_) => &mut row.free,
            Pot::Committed(..) => &mut row.committed,
            Pot::MakeGood(..) => &mut row.make_good,
        } += position.sums();
    }
    let grants = books.grants()?;
    let mut unspendable = MicroYuan::ZERO;
    let mut lines = Vec::new();
    for (fund, row) in &rows {
        let all = [row.free, row.committed, row.make_good];
        let held: MicroYuan = all.iter().map(Sums::held).sum();
        if held == MicroYuan::ZERO && all.iter().all(|sums| sums.available() == MicroYuan::ZERO) {
            continue;
        }
        unspendable += held;
        lines.push(line(&market, *fund, row, &grants));
    }
    let own = |kind| {
        let balances = books.balances()?;
        let found = balances.iter().find(|(account, _)| account.kind == kind && account.owner == buyer.0);
        Ok::<_, StoreUnavailable>(found.map_or(MicroYuan::ZERO, |(_, amount)| *amount))
    };
    Ok(json!({
        "account": market.buyers.get(buyer).map(|it| it.account.as_str()),
        "at": now.to_rfc3339(),
        "funds": lines,
        "unspendable_now": Amount::from(unspendable),
        "receivable": Amount::from(own(AccountKind::BuyerReceivable)?),
        "rebate": Amount::from(-own(AccountKind::BuyerRebate)?),
        "deposit": Amount::from(-own(AccountKind::BuyerDeposit)?),
        "measures": measures(books.standing(buyer)?),
    }))
}

fn line(market: &Market, fund: Fund, row: &Row, grants: &[GrantTerms]) -> Value {
    let client = |client| market.advertiser(client).map(|it| it.wire.clone());
    let (kind, grant, client) = match fund {
        Fund::Grant(grant) => {
            let terms = grants.iter().find(|terms| terms.grant == grant);
            ("grant", terms, terms.and_then(|terms| terms.client).and_then(client))
        }
        Fund::Client(id) => ("client", None, client(id)),
        Fund::Cash(_) => ("cash", None, None),
        Fund::Credit(_) => ("credit", None, None),
    };
    let state = |sums: Sums| {
        json!({
            "available": Amount::from(sums.available()),
            "open": Amount::from(sums.open),
            "holding": Amount::from(sums.holding),
        })
    };
    json!({
        "fund": kind,
        "grant": grant.map(|terms| terms.grant.0),
        "last_day": grant.map(|terms| terms.last_day.to_string()),
        "client": client,
        "free": state(row.free),
        "committed": state(row.committed),
        "make_good": state(row.make_good),
    })
}

fn measures(standing: Standing) -> Vec<&'static str> {
    let all = [
        (standing.cash_frozen, "freeze_cash"),
        (standing.grants_frozen, "freeze_grants"),
        (standing.no_new_accounts, "bar_new_accounts"),
        (standing.no_leases, "limit_functions"),
        (standing.closed, "closed"),
    ];
    all.into_iter().filter_map(|(taken, label)| taken.then_some(label)).collect()
}
