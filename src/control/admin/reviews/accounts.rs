//! Buyers' accounts: when they were last used, and the verification of those that nobody used for long (R-IDLE).

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::changes::{Acting, Asking, change, parsed};
use super::{Asked, Query1, Shared, answer, bad, done, page, step_line, told};
use crate::compliance::account::{Account, AccountState};

pub(super) async fn list(state: Shared, asked: Query1) -> Response {
    let (asked, above, most) = match Asked::of(asked) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    if asked.state.is_some() || asked.buyer.is_some() {
        return *bad("accounts are listed as they are: who was used the longest ago first");
    }
    told(state, move |_, office| {
        let found = office.accounts((above, most))?;
        let seq = |it: &(String, Account)| it.1.last.as_ref().map_or(0, |kept| kept.seq);
        page(found, most, seq, |(name, account)| Ok(line(name, account)))
    })
    .await
}

fn line(name: &str, account: &Account) -> Value {
    json!({
        "account": name,
        "idle": account.is_idle,
        "until": account.until.map(|day| day.to_string()),
        "last": account.last.as_ref().map(step_line),
        "state": account.last.as_ref().and_then(|kept| AccountState::from_code(kept.step.state)).map(AccountState::label),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    reason: String,
    /// The step that was looked at.
    seen: Option<u64>,
}

pub(super) async fn verify(state: Shared, named: Result<Path<String>, PathRejection>, asking: Asking) -> Response {
    let Ok(Path(account)) = named else { return answer::not_found("no such account") };
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent>(body) {
        Ok(sent) => done(state, &sent.reason, |office, by| {
            let (stands, changed) = office.verify_account(&account, sent.seen, by)?;
            let mut value = line(&account, &stands);
            value["changed"] = Value::from(changed);
            Ok((StatusCode::OK, value))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}
