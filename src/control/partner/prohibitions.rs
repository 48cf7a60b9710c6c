//! `/partner/v1/prohibitions`: what a media never shows (R-CATEGORY): what its contract says, what it says itself, and how that came to be.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::caller::{AsMedia, Caller};
use super::change::{Sent, change, parsed};
use super::docket::by;
use super::lists::{Asked, page};
use super::problem::Problem;
use super::{Answered, read};
use crate::compliance::finding::Finding;
use crate::compliance::prohibitions::{self, Edit, EditError, Present, Prohibitions};
use crate::control::admin::{ControlState, Shared};
use crate::control::view::prohibitions::{change_line, present_line};
use crate::event::{DocketError, KeptStep, StoreUnavailable, object};
use crate::ids::MediaId;

/// The largest body, bytes: every list as long as it may be, with names of the usual length several times over.
const LARGEST_RECORD: usize = 1 << 20;
/// Changes of a page: each may be as large as the record.
const CHANGES: usize = 10;
const MOST_CHANGES: usize = 20;
/// Findings that are told at once.
const MOST_FINDINGS: usize = 100;

/// The record as it is, and what the contract prohibits beside it.
pub(super) async fn present(state: Shared, media: AsMedia) -> Answered {
    read(state.0, media.caller, move |state, caller| {
        let present = prohibitions::present(&**state.docket(), &caller.name)?;
        Ok(line(state, media.id, caller, &present))
    })
    .await
}

fn line(state: &ControlState, media: MediaId, caller: &Caller, present: &Present) -> Value {
    present_line(&state.market(), media, present, signed(caller))
}

fn signed(caller: &Caller) -> impl Fn(&KeptStep) -> String {
    |kept| by(kept, caller).to_owned()
}

/// How it came to be, the newest change first.
pub(super) async fn history(state: Shared, media: AsMedia, asked: Asked) -> Answered {
    let asked = asked?.0;
    let (below, limit) = (asked.number(u64::MAX)?, asked.limit_within(CHANGES, MOST_CHANGES)?);
    read(state.0, media.caller, move |state, caller| {
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let (changes, next) = prohibitions::changes(&**state.docket(), &caller.name, (below, most))?;
        let items = changes.iter().map(|change| change_line(change, signed(caller))).collect();
        Ok(page(items, next.map(|seq| seq.to_string())))
    })
    .await
}

/// The whole record that shall be in force.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `seq` of the record that its author knew.
    after: u64,
    prohibitions: Box<RawValue>,
    #[serde(default)]
    reason: String,
}

/// Puts a record in the place of the present one.
pub(super) async fn edit(state: Shared, media: AsMedia, sent: Sent) -> Answered {
    let whole = sent.large_json(&state, LARGEST_RECORD).await?;
    change(state.0, media.caller, whole, move |state, caller, body| {
        let Wanted { after, prohibitions, reason } = parsed(body)?;
        let wanted: Prohibitions = object(prohibitions.get()).map_err(|error| {
            Problem::bad_body(error.to_string(), format!("请求正文格式不符：{error}")).at("prohibitions")
        })?;
        let key = format!("by key {}", caller.key_id);
        let reason = if reason.trim().is_empty() { &key } else { &reason };
        let edit = Edit { at: state.exchange().clock.now(), actor: &caller.actor(), reason };
        let docket = &**state.docket();
        let edited = prohibitions::edit(docket, &state.market(), &caller.name, (&wanted, after), &edit);
        let present = || Ok::<_, Problem>(line(state, media.id, caller, &prohibitions::present(docket, &caller.name)?));
        match edited {
            Ok(edited) => {
                let mut value = present()?;
                value["changed"] = Value::from(edited.changed);
                Ok((StatusCode::OK, value))
            }
            Err(EditError::Docket(DocketError::Overtaken { last, .. })) => Err(overtaken(after, last, present()?)),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

fn overtaken(after: u64, last: u64, present: Value) -> Problem {
    let en = format!(
        "the record is at step {last}, not at {after}: lay your change over what is there now, and send it after {last}"
    );
    let zh = format!("记录的当前版本为 {last}，而非 {after}：请在当前内容上修改后，以 {last} 重新提交");
    Problem::new(StatusCode::CONFLICT, "overtaken", en, zh).rule("R-CATEGORY").at("after").telling("present", present)
}

fn against(findings: &[Finding]) -> Problem {
    let count = findings.len();
    let en = format!("{count} entries cannot be taken: `findings` says which, the first {MOST_FINDINGS} of them");
    let zh = format!("{count} 项内容不符合要求：详见 `findings`（最多列出 {MOST_FINDINGS} 项）");
    let told: Vec<_> = findings.iter().take(MOST_FINDINGS).collect();
    let first = findings.first().map(|finding| finding.place.clone()).unwrap_or_default();
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "against_a_rule", en, zh).rule("R-CATEGORY");
    problem.at(first).telling("findings", json!(told))
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::UnknownMedia(_) => Self::not_found(),
            EditError::Wrong(findings) => against(&findings),
            EditError::Unreadable { why, .. } => Self::unreadable("prohibitions", &why),
            EditError::Docket(DocketError::Unavailable(why)) => Self::unavailable(&why),
            EditError::Docket(error) => Self::unavailable(&StoreUnavailable(error.to_string())),
        }
    }
}
