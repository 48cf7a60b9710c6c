//! `/metrics`: the counters with the names of the market.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::control::view::first_by_key;
use crate::exchange::Exchange;
use crate::ids::{DspId, MediaId};
use crate::market::Market;
use crate::metrics::{Names, write};

/// Deals with a label of their own at most.
const MOST_DEALS: usize = 1_000;
/// The label of all others.
const OTHER: &str = "other";

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(super) async fn metrics(state: Shared) -> Response {
    let standing = state.publisher.standing();
    let (pinned, refused) = (standing.pinned, standing.refused);
    let suspensions = state.publisher.thrown().len() as u64;
    let names = MarketNames { market: state.market(), exchange: state.exchange.clone(), pinned, refused, suspensions };
    let text = write(&state.exchange.metrics, Arc::new(names));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

struct MarketNames {
    market: Arc<Market>,
    exchange: Arc<Exchange>,
    pinned: bool,
    refused: bool,
    suspensions: u64,
}

impl Names for MarketNames {
    fn media(&self, id: MediaId) -> Option<String> {
        self.market.media.get(id).map(|media| media.wire.clone())
    }

    fn dsp(&self, id: DspId) -> Option<String> {
        self.market.dsps.get(id).map(|dsp| dsp.wire.clone())
    }

    fn breaker(&self, id: DspId) -> u8 {
        self.exchange.breakers.state(id) as u8
    }

    fn generation(&self) -> u64 {
        self.market.generation
    }

    fn pinned(&self) -> bool {
        self.pinned
    }

    fn folder_refused(&self) -> bool {
        self.refused
    }

    fn suspensions(&self) -> u64 {
        self.suspensions
    }

    fn deal_events(&self) -> Vec<(String, &'static str, u64)> {
        // By number: the oldest deals keep their labels through every reload.
        let deals = first_by_key(self.market.deals.iter().collect(), usize::MAX, |deal| deal.id);
        let mut events = Vec::new();
        let mut others: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (place, deal) in deals.into_iter().enumerate() {
            for (measure, count) in self.exchange.attribution.since_start(deal.id) {
                if place < MOST_DEALS && deal.wire != OTHER {
                    events.push((deal.wire.clone(), measure.label(), count));
                } else {
                    *others.entry(measure.label()).or_default() += count;
                }
            }
        }
        events.extend(others.into_iter().map(|(label, count)| (OTHER.to_owned(), label, count)));
        events
    }
}
