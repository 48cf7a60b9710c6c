//! `/partner/v1/me`: who asks, and within which bounds.

use axum::Json;
use serde_json::{Value, json};

use super::caller::Caller;
use super::gate::{A_SECOND, BURST, IN_FLIGHT};
use super::problem::Problem;
use crate::control::admin::Shared;
use crate::market::partner::Partner;

pub(super) async fn me(state: Shared, caller: Caller) -> Result<Json<Value>, Problem> {
    let market = state.market();
    let (name, suspended) = match caller.partner {
        Partner::Buyer(id) => (market.buyers.get(id).map(|it| &it.name), market.buyer_is_suspended(id)),
        Partner::Dsp(id) => (market.dsps.get(id).map(|it| &it.name), market.dsp_is_suspended(id)),
        Partner::Media(id) => {
            let media = market.media.get(id);
            (media.map(|it| &it.name), media.is_some_and(|it| market.media_is_suspended(it)))
        }
    };
    let mut value = json!({
        "kind": caller.partner.kind(),
        "id": caller.name,
        "name": name.ok_or_else(Problem::not_found)?,
        "key": caller.key_id,
        "state": if suspended { "suspended" } else { "active" },
        "at": state.exchange().clock.now().to_rfc3339(),
        "limits": { "requests_a_second": A_SECOND, "burst": BURST, "in_flight": IN_FLIGHT },
    });
    if let Partner::Buyer(id) = caller.partner {
        if market.buyer_is_idle(id, state.exchange().clock.now().shanghai_day()) {
            value["state"] = Value::from("idle");
        }
        let own = market.all_advertisers().filter(|advertiser| advertiser.buyer == id);
        let own = own.map(|it| {
            json!({
                "id": it.wire,
                "name": it.name,
                "domains": it.domains,
                "category": it.category,
                "qualified_until": it.qualified_until.map(|day| day.to_string()),
            })
        });
        value["advertisers"] = own.collect();
    }
    if let Partner::Dsp(id) = caller.partner
        && let Some(dsp) = market.dsps.get(id)
    {
        let buyers = dsp.buyers.iter().filter_map(|(buyer, seats)| {
            let buyer = market.buyers.get(*buyer)?;
            Some(json!({ "account": buyer.account, "name": buyer.name, "seats": seats }))
        });
        value["buyers"] = buyers.collect();
        value["approved_from"] = Value::from(dsp.approved.0.to_string());
        value["approved_until"] = Value::from(dsp.approved.1.to_string());
    }
    Ok(Json(value))
}
