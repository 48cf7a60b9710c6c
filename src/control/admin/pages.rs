//! The pages for reviewers, as routes.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::guard::Frames;
use super::{ControlState, Shared, answer};
use crate::compliance::landing::{self, PageState};
use crate::compliance::office::{Office, Refusal};
use crate::control::review::page;
use crate::control::review::stage::Liberties;
use crate::event::{StoreUnavailable, Subject, SubjectKind};
use crate::market::demand::CreativeState;

/// Answers a page, which may frame the stage.
async fn drawn(
    state: Shared,
    draw: impl FnOnce(&ControlState, &Office<'_>) -> Result<String, Refusal> + Send + 'static,
) -> Response {
    let state = state.0;
    let work = move || {
        let market = state.market();
        let office = Office { docket: &*state.docket, market: &market, now: state.exchange.clock.now() };
        match draw(&state, &office) {
            Ok(html) => (state.stage.origin().map(Frames), Html(html)).into_response(),
            Err(refusal) => super::reviews::refusal(&refusal),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("drawing ended early; see the log".to_owned())))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    state: Option<String>,
    cursor: Option<u64>,
    show: Option<String>,
    on_air: bool,
}

type Query1 = Result<Query<Asked>, QueryRejection>;

pub(super) async fn queue(state: Shared, asked: Query1) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let wanted = CreativeState::ALL.into_iter().find(|it| Some(it.label()) == asked.state.as_deref());
    let wanted = wanted.unwrap_or(CreativeState::PendingReview);
    drawn(state, move |_, office| page::queue(office, wanted, (asked.cursor.unwrap_or(0), asked.on_air))).await
}

pub(super) async fn creative(
    state: Shared,
    named: Result<Path<(String, String, u32)>, PathRejection>,
    asked: Query1,
) -> Response {
    let Ok(Path((account, crid, version))) = named else { return answer::not_found("no such review") };
    let show = asked.ok().and_then(|Query(asked)| asked.show);
    let liberties = match show.as_deref() {
        Some("scripts") => Liberties { scripts: true, remote: false },
        Some("remote") => Liberties { scripts: false, remote: true },
        _ => Liberties::default(),
    };
    let subject = Subject { kind: SubjectKind::Creative, name: format!("{account}/{crid}"), version };
    drawn(state, move |state, office| page::creative(office, &state.stage, &subject, liberties)).await
}

pub(super) async fn registrations(state: Shared) -> Response {
    drawn(state, |state, office| page::registrations(office, &state.stage)).await
}

pub(super) async fn spot_checks(state: Shared) -> Response {
    drawn(state, |_, office| page::spot_checks(office)).await
}

pub(super) async fn landing_pages(state: Shared, asked: Query1) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let wanted = asked.state.as_deref().and_then(PageState::from_label);
    drawn(state, move |_, office| page::pages(office, wanted, asked.cursor.unwrap_or(0))).await
}

pub(super) async fn landing_page(
    state: Shared,
    named: Result<Path<(String, String, String)>, PathRejection>,
) -> Response {
    let Ok(Path((account, advertiser, url))) = named else { return answer::not_found("no such page") };
    let subject = landing::subject(&account, &advertiser, &url);
    drawn(state, move |state, office| page::page(office, &state.stage, &subject, super::reviews::page_verbs)).await
}
