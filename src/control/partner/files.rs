//! Files that a buyer uploads, by their SHA-256: pages of documents, images and videos of creatives. What it registers or submits may name its
//! own uploads only: a digest that somebody else has uploaded is nothing that one could learn of, or borrow.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::{AsBuyer, Caller};
use super::docket::{below_owner, is_of, own_subject, told};
use super::lists::{Asked, Page, page};
use super::problem::Problem;
use super::{Answered, read};
use crate::control::admin::{ControlState, Shared};
use crate::event::{KeptStep, SubjectKind, Wanted};

/// What is known of an upload: the body of its one step.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    /// What it is, found by its bytes.
    kind: String,
    /// How large it is.
    bytes: u64,
}

/// A buyer's own uploads, the oldest first. Their bytes are not served.
pub(super) async fn list(state: Shared, buyer: AsBuyer, asked: Asked) -> Answered {
    let asked = Page::of(asked)?;
    read(state.0, buyer.caller, move |state, caller| {
        let (above, limit) = (asked.number(0)?, asked.limit()?);
        let wanted = Wanted { state: None, owner: caller.owner() };
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
    let body: Upload =
        serde_json::from_str(&kept.step.body).map_err(|why| Problem::unreadable(&told(subject), &why))?;
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
