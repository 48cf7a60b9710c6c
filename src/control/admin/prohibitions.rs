//! `/api/v1/media/{id}/prohibitions`: what a media never shows, and how that came to be (R-CATEGORY). The media edits it itself over the partner API.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::lists::{Asked, Page};
use super::{ControlState, Shared, answer};
use crate::compliance::prohibitions::{EditError, changes, present as present_of};
use crate::control::view::prohibitions::{change_line, present_line};
use crate::event::{DocketError, KeptStep, StoreUnavailable};
use crate::ids::MediaId;

/// Changes of a page at most: each may be as large as the record.
const MOST_CHANGES: usize = 20;

type Named = Result<Path<String>, PathRejection>;

pub(super) async fn present(state: Shared, media: Named) -> Response {
    told(state, media, |state, (id, name)| {
        let present = present_of(&**state.docket(), name)?;
        Ok(present_line(&state.market(), id, &present, signed))
    })
    .await
}

pub(super) async fn history(state: Shared, media: Named, asked: Asked) -> Response {
    let (below, limit) = match Page::below(asked) {
        Ok((below, limit)) => (below, limit.min(MOST_CHANGES)),
        Err(response) => return *response,
    };
    told(state, media, move |state, (_, name)| {
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let (changes, next) = changes(&**state.docket(), name, (below, most))?;
        let items: Vec<_> = changes.iter().map(|change| change_line(change, signed)).collect();
        Ok(json!({ "items": items, "next_cursor": next.map(|seq| seq.to_string()) }))
    })
    .await
}

fn signed(kept: &KeptStep) -> String {
    kept.step.actor.clone()
}

/// Answers on a thread that may wait.
async fn told(
    state: Shared,
    media: Named,
    say: impl FnOnce(&ControlState, (MediaId, &str)) -> Result<Value, EditError> + Send + 'static,
) -> Response {
    let market = state.market();
    let known = media.ok().and_then(|Path(media)| market.media.iter().find(|it| it.wire == media));
    let Some((id, name)) = known.map(|it| (it.id, it.wire.clone())) else {
        return answer::not_found("no such media; it is asked for by its id");
    };
    let state = state.0;
    let work = move || match say(&state, (id, &name)) {
        Ok(value) => answer::ok(value),
        Err(EditError::Docket(DocketError::Unavailable(error))) => answer::unavailable(&error),
        Err(error) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", &error.to_string()),
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())))
}
