//! What operators ask over HTTP: metrics, readiness, the market and its history, lists, reloads, rollbacks, kill switches, the audit
//! log and the dashboard, on its own listener.
//!
//! On loopback only ([`serve`] refuses any other address); who asks is an operator by its key (`operators`), where the config names any. A browser on
//! the same machine reaches it too, so each request is also judged by where its page comes from (`guard`).

pub(in crate::control) mod answer;
mod api;
pub(in crate::control) mod balance;
mod breaches;
mod changes;
mod finance;
mod guard;
pub(in crate::control) mod idempotency;
mod lists;
mod month;
mod notices;
mod operators;
mod pages;
mod prohibitions;
mod reviews;
mod scrape;
mod server;
mod streams;

#[cfg(test)]
mod tests;

pub(in crate::control) use server::Peer;
pub use server::{listen, serve};

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use tokio::sync::{Notify, Semaphore};

use super::dashboard::{self, Figures, History};
use super::partner::{self, Gate};
use super::publish::{Publisher, held};
use super::review::{self, Stage};
use super::view::Now;
use crate::event::{Docket, Ledger};
use crate::exchange::Exchange;
use crate::market::Market;
use streams::Streams;

/// The largest body of a request, bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Whether this node should get traffic; what load balancers ask for.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stand {
    /// Not yet.
    Starting = 0,
    /// Serving.
    Ready = 1,
    /// Not any more.
    Draining = 2,
}

impl Stand {
    const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

impl Readiness {
    /// Says where the node stands now.
    pub fn set(&self, stand: Stand) {
        self.0.store(stand as u8, Ordering::Release);
    }

    /// Where the node stands.
    #[must_use]
    pub fn get(&self) -> Stand {
        match self.0.load(Ordering::Acquire) {
            0 => Stand::Starting,
            1 => Stand::Ready,
            _ => Stand::Draining,
        }
    }
}

/// What the control plane's routes share.
#[derive(Debug)]
pub struct ControlState {
    exchange: Arc<Exchange>,
    publisher: Arc<Publisher>,
    ledger: Arc<dyn Ledger>,
    docket: Arc<dyn Docket>,
    stage: Arc<Stage>,
    readiness: Arc<Readiness>,
    history: Mutex<History>,
    streams: Streams,
    /// One reload at a time; others wait for their turn until they time out, without a thread each.
    reloading: Arc<Semaphore>,
    /// One kill switch at a time, and never behind a reload.
    switching: Arc<Semaphore>,
    /// One money record at a time: two would only overtake each other.
    entering: Arc<Semaphore>,
    /// One step of the docket at a time: two would only overtake each other.
    reviewing: Arc<Semaphore>,
    /// Idempotency keys whose changes are being made.
    busy: idempotency::Busy,
    /// The door of the partner API.
    partners: Gate,
    /// The door of operators.
    door: operators::Door,
    /// Something changed that the dashboard should not learn a second later.
    stir: Notify,
}

impl ControlState {
    /// The state of a control plane on the publisher's exchange.
    #[must_use]
    pub fn new(
        publisher: Arc<Publisher>,
        ledger: Arc<dyn Ledger>,
        docket: Arc<dyn Docket>,
        readiness: Arc<Readiness>,
    ) -> Self {
        let exchange = publisher.exchange().clone();
        let stage = Arc::new(Stage::new(docket.clone(), exchange.clock.clone()));
        Self {
            exchange,
            publisher,
            ledger,
            docket,
            stage,
            readiness,
            history: Mutex::default(),
            streams: Streams::default(),
            reloading: Arc::new(Semaphore::new(1)),
            switching: Arc::new(Semaphore::new(1)),
            entering: Arc::new(Semaphore::new(1)),
            reviewing: Arc::new(Semaphore::new(1)),
            busy: idempotency::Busy::default(),
            partners: Gate::default(),
            door: operators::Door::default(),
            stir: Notify::new(),
        }
    }

    /// What is reviewed.
    #[must_use]
    pub fn docket(&self) -> &Arc<dyn Docket> {
        &self.docket
    }

    /// Where what is reviewed is shown.
    #[must_use]
    pub fn stage(&self) -> &Arc<Stage> {
        &self.stage
    }

    pub(in crate::control) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    pub(in crate::control) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    pub(in crate::control) fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    pub(in crate::control) fn partners(&self) -> &Gate {
        &self.partners
    }

    pub(in crate::control) fn market(&self) -> Arc<Market> {
        self.exchange.market.load_full()
    }

    fn figures(&self) -> Figures {
        let market = self.market();
        let thrown = self.publisher.thrown();
        let now = Now::new(&self.exchange, &market, &thrown);
        Figures::of(now, self.readiness.get().label(), &held(&self.history), &self.publisher.standing())
    }

    /// Notes the counters and has retired snapshots freed, on a thread on which nobody waits.
    fn tick(&self) {
        held(&self.history).note(&self.exchange.metrics, self.exchange.clock.instant());
        let publisher = self.publisher.clone();
        tokio::task::spawn_blocking(move || publisher.sweep());
    }

    fn feed(&self) {
        if self.streams.anybody() {
            self.streams.send(&streams::frame(&self.figures()));
        }
    }
}

impl std::fmt::Debug for dyn Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

pub(in crate::control) type Shared = axum::extract::State<Arc<ControlState>>;

pub(in crate::control) fn router(state: Arc<ControlState>) -> Router {
    Router::new()
        .route("/", get(dashboard_page))
        .route("/style.css", get(|| async { answer::asset("text/css; charset=utf-8", dashboard::STYLE) }))
        .route("/script.js", get(|| async { answer::asset("text/javascript; charset=utf-8", dashboard::SCRIPT) }))
        .route("/events", get(streams::events))
        .route("/metrics", get(scrape::metrics))
        .route("/healthz", get(api::healthz))
        .route("/readyz", get(api::readyz))
        .route("/login", get(operators::page))
        .route("/login.js", get(operators::script))
        .route("/api/v1/session", post(operators::sign_in).delete(operators::sign_out))
        .route("/api/v1/market", get(api::market))
        .route("/api/v1/market/history", get(lists::history))
        .route("/api/v1/market/rollback", post(changes::rollback))
        .route("/api/v1/reload", post(changes::reload))
        .route("/api/v1/audit", get(lists::audit))
        .route("/api/v1/deals", get(lists::deals))
        .route("/api/v1/deals/{id}", get(lists::deal))
        .route("/api/v1/deals/{id}/{verb}", post(changes::deal))
        .route("/api/v1/dsps", get(lists::dsps))
        .route("/api/v1/dsps/{id}/{verb}", post(changes::dsp))
        .route("/api/v1/media", get(lists::media))
        .route("/api/v1/media/{id}/prohibitions", get(prohibitions::present))
        .route("/api/v1/media/{id}/prohibitions/history", get(prohibitions::history))
        .route("/api/v1/media/{id}/{verb}", post(changes::media))
        .route("/api/v1/buyers", get(lists::buyers))
        .route("/api/v1/buyers/{id}/balance", get(balance::balance))
        .route("/api/v1/buyers/{id}/month", get(month::month))
        .route("/api/v1/buyers/{id}/orders", get(breaches::orders))
        .route("/api/v1/buyers/{id}/breaches", get(breaches::breaches))
        .route("/api/v1/buyers/{id}/{verb}", post(changes::buyer))
        .route("/api/v1/creatives", get(lists::creatives))
        .route("/api/v1/creatives/{id}/{verb}", post(changes::creative))
        .route("/api/v1/creatives/{account}/{crid}/{verb}", post(changes::creative_of))
        .route("/api/v1/finance", get(finance::list))
        .route("/api/v1/finance/{kind}", post(finance::enter).layer(DefaultBodyLimit::max(finance::LARGEST_BODY)))
        .route("/api/v1/notices", get(notices::list))
        .route("/api/v1/notices/resend", post(notices::resend_all))
        .route("/api/v1/notices/{id}/resend", post(notices::resend_one))
        .route("/reviews", get(pages::queue))
        .route("/reviews/creatives/{account}/{crid}/{version}", get(pages::creative))
        .route("/reviews/registrations", get(pages::registrations))
        .route("/reviews/spot-checks", get(pages::spot_checks))
        .route("/reviews/pages", get(pages::landing_pages))
        .route("/reviews/pages/{account}/{advertiser}/{url}", get(pages::landing_page))
        .route("/reviews/style.css", get(|| async { answer::asset("text/css; charset=utf-8", review::STYLE) }))
        .route("/reviews/script.js", get(|| async { answer::asset("text/javascript; charset=utf-8", review::SCRIPT) }))
        .merge(reviews::routes())
        .route("/api/v1/openapi.json", get(|| async { answer::asset("application/json", api::OPENAPI) }))
        .route("/partner/v1/", any(partner::nothing))
        .nest("/partner/v1", partner::router(&state))
        .fallback(|| async { answer::not_found("no such path; see /api/v1/openapi.json") })
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}

async fn dashboard_page(state: Shared) -> axum::response::Html<String> {
    axum::response::Html(dashboard::page(&state.figures()))
}
