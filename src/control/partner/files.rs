//! Files that a buyer uploads, by their SHA-256: pages of documents, images and videos of creatives. What it registers or submits may name its
//! own uploads only: a digest that somebody else has uploaded is nothing that one could learn of, or borrow.

use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::{AsBuyer, Caller};
use super::change::{Done, Sent, change};
use super::docket::{below_owner, is_of, own_subject, told};
use super::lists::{Asked, Page, page};
use super::problem::Problem;
use super::{Answered, read};
use crate::compliance::{digest_text, upload};
use crate::control::admin::{ControlState, Shared};
use crate::event::{DocketError, KeptStep, Step, SubjectKind, Taken, Wanted};

/// The state of every upload: it is there.
const KEPT: u16 = 1;

/// What is known of an upload: the body of its one step.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    /// What it is, found by its bytes.
    kind: String,
    /// How large it is.
    bytes: u64,
}

pub(super) async fn upload(state: Shared, buyer: AsBuyer, sent: Sent) -> Answered {
    let limits = state.market().terms.content.limits;
    let whole = sent.bytes(&state, limits.file_bytes.max(limits.document_bytes)).await?;
    let declared = whole.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let declared = declared.unwrap_or_default().to_owned();
    change(state.0, buyer.caller, whole, move |state, caller, body| kept(state, caller, body, &declared)).await
}

fn kept(state: &ControlState, caller: &Caller, body: &[u8], declared: &str) -> Done {
    // A file that does not say what it is would be taken for what a browser makes of it.
    if declared.trim().is_empty() {
        let en = "`content-type` must say what the file is";
        let problem = Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            en,
            "`content-type` 须说明文件类型",
        );
        return Err(problem.at("content-type"));
    }
    let kind = upload::check(body, declared).map_err(|finding| {
        let problem =
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_file", finding.en.as_str(), finding.zh.as_str());
        problem.rule(finding.rule.clone()).at(finding.place.as_str())
    })?;
    let kind = kind.media_type();
    let now = state.exchange().clock.now();
    state.partners().charge(caller.partner, now.shanghai_day(), body.len() as u64)?;
    let digest = digest_text(&state.docket().keep(body, now).map_err(of_docket)?);
    let subject = own_subject(caller, SubjectKind::Upload, &digest, 0);
    let value = json!({ "sha256": digest, "kind": kind, "bytes": body.len() });
    if state.docket().standing(&subject)?.is_some() {
        return Ok((StatusCode::OK, value));
    }
    let upload = Upload { kind: kind.to_owned(), bytes: body.len() as u64 };
    let step = Step {
        owner: caller.owner(),
        state: KEPT,
        due: None,
        at: now,
        actor: caller.actor(),
        reason: format!("by key {}", caller.key_id),
        body: json!(upload).to_string(),
        subject,
    };
    match state.docket().take(&[Taken { step, after: 0 }]) {
        // The same file in another request a moment ago.
        Ok(_) | Err(DocketError::Overtaken { .. }) => Ok((StatusCode::CREATED, value)),
        Err(error) => Err(of_docket(error)),
    }
}

fn of_docket(error: DocketError) -> Problem {
    match error {
        DocketError::Unavailable(why) => Problem::unavailable(&why),
        DocketError::TooLarge(_) | DocketError::Twice(_) | DocketError::Overtaken { .. } => {
            let zh = format!("文件未能保存：{error}");
            Problem::new(StatusCode::CONFLICT, "taken", error.to_string(), zh)
        }
    }
}

/// A buyer's own uploads, the oldest first. Their bytes are not served.
pub(super) async fn list(state: Shared, buyer: AsBuyer, asked: Asked) -> Answered {
    let asked = Page::of(asked)?;
    read(state.0, buyer.caller, move |state, caller| {
        let (above, limit) = (asked.number(0)?, asked.limit()?);
        let wanted = Wanted { state: None, owner: Some(caller.owner()) };
        let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut kept = state.docket().list(SubjectKind::Upload, &wanted, above, most)?;
        let more = kept.len() > limit;
        kept.truncate(limit);
        let items = kept.iter().map(line).collect::<Result<_, Problem>>()?;
        Ok(page(items, kept.last().filter(|_| more).map(|kept| kept.seq.to_string())))
    })
    .await
}

fn line(kept: &KeptStep) -> Result<Value, Problem> {
    let subject = &kept.step.subject;
    let body: Upload = kept.step.read().map_err(|why| Problem::unreadable(&told(subject), &why))?;
    Ok(json!({
        "sha256": below_owner(subject),
        "kind": body.kind,
        "bytes": body.bytes,
        "at": kept.step.at.to_rfc3339(),
    }))
}

/// Refuses what names a file that the caller has not uploaded.
pub(super) fn are_own(state: &ControlState, caller: &Caller, digests: &[String]) -> Result<(), Problem> {
    for (row, digest) in digests.iter().enumerate() {
        let subject = own_subject(caller, SubjectKind::Upload, digest, 0);
        if !state.docket().standing(&subject)?.is_some_and(|kept| is_of(&kept, caller.owner())) {
            let shown: String = digest.chars().take(64).collect();
            let en = format!("you have not uploaded a file with SHA-256 {shown}: send it to /partner/v1/files first");
            let zh = format!("您尚未上传 SHA-256 为 {shown} 的文件，请先上传至 /partner/v1/files");
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_uploaded", en, zh);
            return Err(problem.at(format!("files[{row}]")));
        }
    }
    Ok(())
}
