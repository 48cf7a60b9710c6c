//! `/api/v1`: what is served, and how ready the node is.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Shared, Stand};
use crate::control::config::Diagnostic;
use crate::control::publish::Trouble;

/// The description of this API.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// Whether this process should be left alone: every core that serves media gets on.
pub(super) async fn healthz(state: Shared) -> (StatusCode, String) {
    let stuck = state.exchange.metrics.health.stuck(state.exchange.clock.instant());
    if stuck.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let cores: Vec<_> = stuck.iter().map(|lane| lane.0.to_string()).collect();
    (StatusCode::SERVICE_UNAVAILABLE, format!("no sign of life for 5 s from core {}\n", cores.join(", ")))
}

/// Whether this node should get traffic: its market is loaded, it is not draining, and its store can be written.
pub(super) async fn readyz(state: Shared) -> (StatusCode, String) {
    let stand = state.readiness.get();
    if stand == Stand::Ready && !state.exchange.metrics.health.is_writable() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be written\n".to_owned());
    }
    let status = if stand == Stand::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", stand.label()))
}

pub(super) async fn market(state: Shared) -> Json<Value> {
    let market = state.market();
    let standing = state.publisher.standing();
    let refused = standing.last.as_ref().filter(|_| standing.refused);
    let problems = refused.and_then(|last| match &last.outcome {
        Err(refused) => match &refused.trouble {
            Trouble::Config(problems) => Some((last, problems)),
            _ => None,
        },
        Ok(_) => None,
    });
    let problems = problems.map(|(last, problems)| {
        let errors: Vec<_> = problems.iter().cloned().collect();
        let omitted = problems.count() - errors.len();
        json!({ "at": last.at.to_rfc3339(), "errors": diagnostics(&errors), "omitted": omitted })
    });
    let mut warnings = diagnostics(&standing.warnings);
    // A line of the docket is a step.
    let told = state.publisher.content_troubles().into_iter();
    warnings.extend(told.map(|it| json!({ "file": "docket", "line": it.step, "message": it.message })));
    Json(json!({
        "generation": market.generation,
        "loaded_at": market.loaded_at.to_rfc3339(),
        "digest": hexadecimal(&market.digest),
        "pinned": standing.pinned,
        "restores": standing.restores,
        "folder_refused": standing.refused,
        "refusal": problems,
        "counts": {
            "media": market.media.len(),
            "placements": market.placements.len(),
            "dsps": market.dsps.len(),
            "buyers": market.buyers.len(),
            "advertisers": market.all_advertisers().count(),
            "creatives": market.all_creatives().count(),
            "deals": market.deals.len(),
            "suspensions": state.publisher.thrown().len(),
        },
        "warnings": warnings,
    }))
}

pub(super) fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn diagnostics(list: &[Diagnostic]) -> Vec<Value> {
    let shown =
        |it: &Diagnostic| json!({ "file": it.file.display().to_string(), "line": it.line, "message": it.message });
    list.iter().map(shown).collect()
}
