//! `/partner/v1/deals`: to each partner its own deals, as far as they are its business. A DSP sees no counts, a media no gross price and no
//! buyer, nobody another's figures (R-SECRET).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::lists::{Asked, Page, by_name, page};
use super::problem::Problem;
use super::{Answered, read};
use crate::clock::ShanghaiDay;
use crate::control::admin::{ControlState, Shared};
use crate::control::view::{Amount, Now, Price, Progress};
use crate::event::{Delivered, Measure, Stage};
use crate::ids::{DspId, MediaId};
use crate::market::Market;
use crate::market::deal::{Deal, DealState};
use crate::market::demand::Advertiser;
use crate::market::partner::Partner;
use crate::market::targeting::Place;

/// Days whose deliveries are told at most.
const MOST_DAYS: u32 = 31;
/// Days whose deliveries are told where nothing is asked.
const DAYS: u32 = 7;

pub(super) async fn list(state: Shared, caller: Caller, asked: Asked) -> Result<Json<Value>, Problem> {
    let (market, asked) = (state.market(), Page::of(asked)?);
    let own = market.deals.iter().filter(|deal| concerns(&market, deal, caller.partner));
    let (items, next) = by_name(own, &asked, |deal: &Deal| deal.wire.clone())?;
    Ok(Json(page(items.into_iter().map(|deal| line(&state, &market, deal, caller.partner)).collect(), next)))
}

/// How far back deliveries are told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Since {
    days: Option<u32>,
}

pub(super) async fn one(
    state: Shared,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    since: Result<Query<Since>, QueryRejection>,
) -> Answered {
    let (Path(id), days) = (id?, since?.0.days.unwrap_or(DAYS));
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::bad_query("`days` must be 1 to 31", "`days` 必须为 1 至 31").at("days"));
    }
    read(state.0, caller, move |state, caller| {
        let market = state.market();
        let deal = market.deal_named(&id).filter(|deal| concerns(&market, deal, caller.partner));
        let deal = deal.ok_or_else(Problem::not_found)?;
        let mut value = line(state, &market, deal, caller.partner);
        if let Some(delivered) = delivered(state, deal, caller.partner, days)? {
            value["delivered"] = delivered;
        }
        Ok(value)
    })
    .await
}

/// Whether a deal is a partner's business: it buys it, is asked for it, or shows it.
fn concerns(market: &Market, deal: &Deal, partner: Partner) -> bool {
    match partner {
        Partner::Buyer(buyer) => deal.buyer == buyer,
        Partner::Dsp(dsp) => deal.dsps.contains(&dsp),
        Partner::Media(media) => deal.targeting.places.iter().any(|place| is_of(market, *place, media)),
    }
}

fn is_of(market: &Market, place: Place, media: MediaId) -> bool {
    match place {
        Place::Media(it) => it == media,
        Place::Property(it) => market.properties.get(it).is_some_and(|it| it.media == media),
        Place::Placement(it) => market.placements.get(it).is_some_and(|it| it.media == media),
    }
}

fn line(state: &ControlState, market: &Market, deal: &Deal, partner: Partner) -> Value {
    let today = state.exchange().clock.now().shanghai_day();
    let mut value = json!({
        "id": deal.wire,
        "method": deal.method.name(),
        "state": match market.deal_state(deal) {
            DealState::Active => "active",
            DealState::Paused => "paused",
            DealState::Suspended => "suspended",
            DealState::NotOrdered => "not_ordered",
        },
        "in_period": deal.runs_on(today),
        "from": deal.period.0.to_string(),
        "until": deal.period.1.to_string(),
    });
    let own = match partner {
        Partner::Buyer(_) => for_buyer(state, market, deal),
        Partner::Dsp(dsp) => for_dsp(market, deal, dsp),
        Partner::Media(media) => for_media(market, deal, media),
    };
    if let (Value::Object(fields), Value::Object(own)) = (&mut value, own) {
        fields.extend(own);
    }
    value
}

fn for_buyer(state: &ControlState, market: &Market, deal: &Deal) -> Value {
    let (thrown, exchange) = (state.publisher().thrown(), state.exchange());
    let now = Now::new(exchange, market, &thrown);
    let today = now.at.shanghai_day();
    let count = |stage| exchange.attribution.today(deal.id, today, Measure::Stage(stage));
    let fallback = deal.fallback.and_then(|id| market.creatives.get(id));
    json!({
        "price": Price::from(deal.price),
        "dsps": deal.dsps.iter().filter_map(|id| Some(market.dsps.get(*id)?.wire.as_str())).collect::<Vec<_>>(),
        "advertisers": advertisers(market, deal).map(|it| it.wire.as_str()).collect::<Vec<_>>(),
        "payer": if deal.client.is_some() { "client" } else { "buyer" },
        "fallback": fallback.map(|creative| creative.crid()),
        "today": {
            "offered": count(Stage::Offered),
            "won": count(Stage::Won),
            "billed": count(Stage::Billed),
        },
        "progress": deal.volume.map(|volume| Progress::of(now, deal, volume)),
    })
}

/// The advertisers that a deal is narrowed to; none where it takes all of its buyer's.
fn advertisers<'m>(market: &'m Market, deal: &'m Deal) -> impl Iterator<Item = &'m Advertiser> {
    deal.advertisers.iter().filter_map(|id| market.advertiser(*id))
}

/// What a DSP needs to know to bid; no counts, which would tell of other DSPs (R-SECRET).
fn for_dsp(market: &Market, deal: &Deal, dsp: DspId) -> Value {
    let dsp = market.dsps.get(dsp);
    let narrowed =
        advertisers(market, deal).map(|advertiser| json!({ "id": advertiser.wire, "domains": advertiser.domains }));
    json!({
        "account": market.buyers.get(deal.buyer).map(|buyer| buyer.account.as_str()),
        "seats": dsp.and_then(|dsp| dsp.seats_of(deal.buyer)),
        "price": Price::from(deal.price),
        "bid_currency": dsp.map(|dsp| dsp.currency.to_string()),
        "advertisers": narrowed.collect::<Vec<_>>(),
        "obliges_to_bid": deal.obliges_to_bid(),
        "push_ratio": deal.volume.map(|volume| volume.push.to_string()),
    })
}

/// What a media earns by it, never what the buyer pays or who that is (R-SECRET, R-SHARE).
fn for_media(market: &Market, deal: &Deal, media: MediaId) -> Value {
    let margin = market.media.get(media).map(|media| media.margin);
    let own = deal.targeting.places.iter().filter(|place| is_of(market, **place, media));
    let places = own.filter_map(|place| {
        Some(match *place {
            Place::Media(_) => json!({ "media": market.media.get(media)?.wire }),
            Place::Property(id) => json!({ "property": market.properties.get(id)?.wire }),
            Place::Placement(id) => json!({ "placement": market.placements.get(id)?.tagid }),
        })
    });
    json!({
        "net_price": margin.map(|margin| Price::from(deal.price.after_margin(margin))),
        "places": places.collect::<Vec<_>>(),
    })
}

/// What was delivered and is in the ledger, by settlement day, the oldest first: to a buyer what it pays, to a media its own part and what it
/// earns; nothing to a DSP.
fn delivered(state: &ControlState, deal: &Deal, partner: Partner, days: u32) -> Result<Option<Value>, Problem> {
    let last = state.exchange().clock.now().shanghai_day();
    let first = ShanghaiDay(last.0.saturating_sub(days - 1));
    let (buyer, media) = match partner {
        Partner::Buyer(buyer) => (buyer, None),
        Partner::Media(media) => (deal.buyer, Some(media)),
        Partner::Dsp(_) => return Ok(None),
    };
    let mut sums = BTreeMap::<ShanghaiDay, Delivered>::new();
    for sum in state.ledger().snapshot()?.day_sums(first, last, Some(buyer))? {
        if sum.key.deal == deal.id && media.is_none_or(|media| sum.key.media == media) {
            let all = sums.entry(sum.key.day).or_default();
            let too_large = || Problem::unreadable(&deal.wire, &"its sums are beyond what amounts can be");
            *all = all.checked_add(sum.sums).ok_or_else(too_large)?;
        }
    }
    let day = |(day, sum): (ShanghaiDay, Delivered)| {
        let mut value = json!({ "day": day.to_string(), "impressions": sum.count });
        let (name, amount) = if media.is_some() { ("earned", sum.earned) } else { ("amount", sum.amount) };
        value[name] = json!(Amount::from(amount));
        value
    };
    Ok(Some(sums.into_iter().map(day).collect()))
}
