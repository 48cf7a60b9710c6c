//! `/partner/v1`: what buyers, DSPs and media ask of their own, over the control plane's listener (docs/partners.md).
//!
//! A key always stands for one partner, and every name is looked up within what is that partner's: what is somebody else's is not there.

mod balance;
mod caller;
mod creatives;
mod deals;
mod docket;
mod gate;
mod lists;
mod problem;
mod profile;
mod supply;

#[cfg(test)]
mod tests;

pub(in crate::control) use gate::Gate;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde_json::Value;

use super::admin::{ControlState, answer};
use caller::Caller;
use problem::Problem;

/// The description of this API.
const OPENAPI: &str = include_str!("partner/openapi.json");
/// The largest body where a path says nothing else, bytes.
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

fn routes() -> Vec<Route> {
    vec![
        on_get("/me", profile::me),
        on_get("/openapi.json", || async { answer::asset("application/json", OPENAPI) }),
        on_get("/balance", balance::balance),
        on_get("/deals", deals::list),
        on_get("/deals/{id}", deals::one),
        on_get("/placements", supply::placements),
        on_get("/creatives", creatives::list),
        on_get("/creatives/{crid}", creatives::versions),
        on_get("/creatives/{crid}/{version}", creatives::one),
        on_get("/creatives/{crid}/{version}/history", creatives::history),
    ]
}

/// The routes, behind their gate.
pub(in crate::control) fn router(state: &Arc<ControlState>) -> Router<Arc<ControlState>> {
    let router = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.answer));
    router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(state.clone(), gate::gate))
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
    let Ok(turn) = state.partners().reads.clone().acquire_owned().await else { return Err(closing()) };
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
