//! What a buyer or media is told: suspensions, rejections, documents that end (R-NOTICE's platform notices), and whether it has read it.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::caller::Caller;
use super::change::{Sent, note, office};
use super::docket::below_owner;
use super::lists::{Page, page};
use super::problem::Problem;
use super::{Answered, LARGEST_BODY, read};
use crate::compliance::office::{By, MessageState};
use crate::control::admin::Shared;
use crate::event::Owner;

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
        let owner = caller.owner().ok_or_else(Problem::not_found)?;
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
        let owner = caller.owner().ok_or_else(Problem::not_found)?;
        let name = match owner {
            Owner::Buyer(buyer) => format!("buyer-{}/{id}", buyer.0),
            Owner::Media(media) => format!("media-{}/{id}", media.0),
            Owner::Exchange => return Err(Problem::not_found()),
        };
        let market = state.market();
        let by = By { actor: &caller.actor(), reason: "read" };
        office(state, &market).read(owner, &name, &by)?;
        Ok((StatusCode::OK, json!({ "id": id, "read": true })))
    })
    .await
}
