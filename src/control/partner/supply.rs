//! `/partner/v1/placements`: a media's own placements.

use axum::Json;
use serde_json::{Value, json};

use super::caller::AsMedia;
use super::lists::{Asked, Page, by_name, page};
use super::problem::Problem;
use crate::control::admin::Shared;
use crate::market::Market;
use crate::market::supply::{Format, Placement};

pub(super) async fn placements(state: Shared, media: AsMedia, asked: Asked) -> Result<Json<Value>, Problem> {
    let (market, asked) = (state.market(), Page::of(asked)?);
    let own = market.placements.iter().filter(|placement| placement.media == media.id);
    let (items, next) = by_name(own, &asked, |placement: &Placement| placement.tagid.clone())?;
    Ok(Json(page(items.into_iter().map(|placement| line(&market, placement)).collect(), next)))
}

/// A placement without its price: the rate card is what buyers pay (R-SECRET).
fn line(market: &Market, placement: &Placement) -> Value {
    let formats: Vec<_> = Format::ALL.into_iter().filter(|it| placement.formats.has(*it)).map(Format::name).collect();
    let billing: Vec<_> = Format::ALL.into_iter().filter(|it| placement.beacons.has(*it)).map(Format::name).collect();
    let sizes: Vec<_> = placement.sizes.iter().map(|size| format!("{}x{}", size.w, size.h)).collect();
    json!({
        "tagid": placement.tagid,
        "property": market.properties.get(placement.property).map(|it| it.wire.as_str()),
        "formats": formats,
        "sizes": sizes,
        "minimum_display_ms": placement.minimum_display_ms,
        "billed_by_markup": billing,
        "token_life_ms": placement.token_life_ms,
        "daily_capacity": placement.daily_capacity,
        "competitive_separation": placement.competitive_separation,
    })
}
