//! `/partner/v1`: what buyers, DSPs and media ask of their own, over the control plane's listener (docs/partners.md).
//!
//! A key always stands for one partner, and every name is looked up within what is that partner's: what is somebody else's is not there.

mod balance;
mod caller;
mod change;
mod creatives;
mod deals;
mod docket;
mod files;
mod gate;
mod lists;
mod messages;
mod problem;
mod profile;
mod prohibitions;
mod registrations;
mod submissions;
mod supply;

#[cfg(test)]
mod tests;

pub(in crate::control) use gate::{Failed, Failures, Gate, LOCKED_OUT_S, bearer, known};

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use serde_json::Value;

use super::admin::{ControlState, answer};
use crate::compliance::qualification::{App, Document, Registration};
use caller::Caller;
use problem::Problem;

/// The description of this API.
const OPENAPI: &str = include_str!("partner/openapi.json");
/// The largest body where a path says nothing else, bytes. Each path reads its own body.
const LARGEST_BODY: usize = 64 * 1024;

/// A route, as it is described: its method and its path.
struct Route {
    #[cfg_attr(not(test), allow(dead_code, reason = "the router knows it; tests hold the description to it"))]
    method: &'static str,
    path: &'static str,
    answer: MethodRouter<Arc<ControlState>>,
}

fn on_get<H: Handler<T, Arc<ControlState>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: "get", path, answer: get(handler) }
}

fn on_post<H: Handler<T, Arc<ControlState>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: "post", path, answer: post(handler) }
}

fn on_put<H: Handler<T, Arc<ControlState>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: "put", path, answer: put(handler) }
}

fn routes() -> Vec<Route> {
    let mut all = reading();
    all.extend(changing());
    all
}

fn reading() -> Vec<Route> {
    vec![
        on_get("/me", profile::me),
        on_get("/openapi.json", || async { answer::asset("application/json", OPENAPI) }),
        on_get("/balance", balance::balance),
        on_get("/deals", deals::list),
        on_get("/deals/{id}", deals::one),
        on_get("/placements", supply::placements),
        on_get("/prohibitions", prohibitions::present),
        on_get("/prohibitions/history", prohibitions::history),
        on_get("/creatives", creatives::list),
        on_get("/creatives/{crid}", creatives::versions),
        on_get("/creatives/{crid}/{version}", creatives::one),
        on_get("/creatives/{crid}/{version}/history", creatives::history),
        on_get("/messages", messages::list),
        on_get("/files", files::list),
        on_get("/advertisers", registrations::list::<Registration>),
        on_get("/advertisers/{advertiser}", registrations::advertiser),
        on_get("/documents", registrations::list::<Document>),
        on_get("/documents/{advertiser}/{number}", registrations::one::<Document>),
        on_get("/apps", registrations::list::<App>),
        on_get("/apps/{advertiser}/{app}", registrations::one::<App>),
    ]
}

fn changing() -> Vec<Route> {
    vec![
        on_put("/prohibitions", prohibitions::edit),
        on_post("/messages/{message}/acknowledge", messages::acknowledge),
        on_post("/files", files::upload),
        on_post("/advertisers", registrations::enter::<Registration>),
        on_post("/advertisers/{advertiser}/{version}/withdraw", registrations::withdraw_advertiser),
        on_post("/documents", registrations::enter::<Document>),
        on_post("/documents/{advertiser}/{number}/{version}/withdraw", registrations::withdraw_other::<Document>),
        on_post("/apps", registrations::enter::<App>),
        on_post("/apps/{advertiser}/{app}/{version}/withdraw", registrations::withdraw_other::<App>),
        on_post("/creatives", submissions::submit),
        on_post("/creatives/batch", submissions::batch),
        on_post("/creatives/{crid}/{version}/withdraw", submissions::withdraw),
    ]
}

/// The routes, behind their gate.
pub(in crate::control) fn router(state: &Arc<ControlState>) -> Router<Arc<ControlState>> {
    let router = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.answer));
    router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), gate::gate))
}

/// What is asked below no path.
pub(in crate::control) async fn nothing() -> impl IntoResponse {
    Problem::not_found()
}

async fn method_not_allowed() -> Problem {
    let en = "this path does not take this method; see `Allow`";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", en, "此接口不接受该方法，参见 `Allow`")
}

type Answered = Result<Response, Problem>;

/// Reads for a partner on a thread that may wait: a few at a time over all partners, and each keeps its place in flight until it ends.
async fn read<T: Into<Value> + Send + 'static>(
    state: Arc<ControlState>,
    caller: Caller,
    work: impl FnOnce(&ControlState, &Caller) -> Result<T, Problem> + Send + 'static,
) -> Answered {
    let Ok(turn) = state.partners().turns.clone().acquire_owned().await else { return Err(closing()) };
    let done = tokio::task::spawn_blocking(move || {
        let value = work(&state, &caller);
        drop(turn);
        value
    });
    let value: Value = done.await.unwrap_or_else(|_| Err(ended_early()))?.into();
    Ok(answer::ok(value).into_response())
}

fn closing() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "closing", "the exchange is closing", "平台正在关闭").after(5)
}

fn ended_early() -> Problem {
    let (en, zh) = ("the request ended early; an operator can see why", "请求提前结束，运营人员可查明原因");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", en, zh)
}
