//! What a partner is told, and whether it has read it: suspensions, rejections, documents that end (R-NOTICE's platform notices); a DSP, what
//! became of content that it bid with.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::caller::Caller;
use super::change::{Sent, note, office};
use super::docket::below_owner;
use super::lists::{Page, page};
use super::{Answered, LARGEST_BODY, read};
use crate::compliance::office::{By, Message, MessageState};
use crate::control::admin::Shared;

/// Which messages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Which {
    cursor: Option<String>,
    limit: Option<usize>,
    /// Only those that were not read.
    unread: bool,
}

pub(super) async fn list(state: Shared, caller: Caller, asked: Result<Query<Which>, QueryRejection>) -> Answered {
    let Query(Which { cursor, limit, unread }) = asked?;
    let asked = Page::new(cursor, limit);
    read(state.0, caller, move |state, caller| {
        let owner = caller.owner();
        let (above, limit, market) = (asked.number(0)?, asked.limit()?, state.market());
        let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut found = office(state, &market).messages(owner, unread, (above, most))?;
        let more = found.len() > limit;
        found.truncate(limit);
        let items = found.iter().map(|(kept, message)| {
            json!({
                "id": below_owner(&kept.step.subject),
                "at": kept.step.at.to_rfc3339(),
                "read": kept.step.state == MessageState::Read as u16,
                "rule": message.rule,
                "about": message.about,
                "message": message.en,
                "zh": message.zh,
            })
        });
        Ok(page(items.collect(), found.last().filter(|_| more).map(|(kept, _)| kept.seq.to_string())))
    })
    .await
}

/// Notes that a message was read. Again changes nothing.
pub(super) async fn acknowledge(
    state: Shared,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    sent: Sent,
) -> Answered {
    let (Path(id), whole) = (id?, sent.anything(LARGEST_BODY).await?);
    note(state.0, caller, whole, move |state, caller, _| {
        let (owner, name) = (caller.owner(), Message::name(caller.owner(), &id));
        let market = state.market();
        let by = By { actor: &caller.actor(), reason: "read" };
        office(state, &market).read(owner, &name, &by)?;
        Ok((StatusCode::OK, json!({ "id": id, "read": true })))
    })
    .await
}
