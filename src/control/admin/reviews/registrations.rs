//! Advertisers, their documents and their apps: who waits, and what a person decides (R-QUALIFY, R-APP).

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::changes::{Acting, Asking, change, parsed};
use super::{Asked, Query1, Shared, answer, bad, done, page, step_line, told};
use crate::compliance::office::{Office, Refusal};
use crate::compliance::qualification::Standing;
use crate::event::{KeptStep, Subject, SubjectKind, Wanted};

pub(super) async fn advertisers(state: Shared, asked: Query1) -> Response {
    list(state, SubjectKind::Advertiser, asked).await
}

pub(super) async fn documents(state: Shared, asked: Query1) -> Response {
    list(state, SubjectKind::Document, asked).await
}

pub(super) async fn apps(state: Shared, asked: Query1) -> Response {
    list(state, SubjectKind::App, asked).await
}

async fn list(state: Shared, kind: SubjectKind, asked: Query1) -> Response {
    let (asked, above, most) = match Asked::of(asked) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let label = asked.state.clone().unwrap_or_else(|| Standing::Pending.label().to_owned());
    let Some(wanted) = Standing::ALL.into_iter().find(|state| state.label() == label) else {
        return *bad("`state` must be one of pending, verified, refused, expired, withdrawn");
    };
    told(state, move |_, office| {
        let wanted = Wanted { state: Some(wanted.code()), owner: asked.owner(office)? };
        let found = office.docket.list(kind, &wanted, above, most)?;
        page(found, most, |kept| kept.seq, line)
    })
    .await
}

/// A registration: what was registered, and where it stands.
fn line(kept: &KeptStep) -> Result<Value, Refusal> {
    let subject = &kept.step.subject;
    let body: Value = crate::compliance::office::body_of(kept)?;
    Ok(json!({
        "name": subject.name, "version": subject.version, "state": Standing::of(kept)?.label(), "since": step_line(kept),
        "registered": body,
    }))
}

pub(super) async fn advertiser(state: Shared, named: Result<Path<(String, String)>, PathRejection>) -> Response {
    let Ok(Path((account, advertiser))) = named else { return answer::not_found("no such advertiser") };
    told(state, move |_, office| whole(office, &account, &advertiser)).await
}

fn whole(office: &Office<'_>, account: &str, advertiser: &str) -> Result<Value, Refusal> {
    let name = format!("{account}/{advertiser}");
    let versions = office.docket.versions(SubjectKind::Advertiser, &name)?;
    if versions.is_empty() {
        return Err(Refusal::Unknown(Subject { kind: SubjectKind::Advertiser, name, version: 1 }));
    }
    let qualification = office.qualification(account, advertiser)?;
    let documents = office.documents(account, advertiser)?;
    Ok(json!({
        "name": name,
        "versions": versions.iter().map(line).collect::<Result<Vec<_>, _>>()?,
        "documents_in_force": documents,
        "qualified_until": qualification.until,
        "findings": qualification.findings,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(default)]
    reason: String,
    seen: Option<u64>,
}

pub(super) async fn judge_advertiser(
    state: Shared,
    named: Result<Path<(String, String, u32, String)>, PathRejection>,
    asking: Asking,
) -> Response {
    let Ok(Path((account, advertiser, version, verb))) = named else { return answer::not_found("no such advertiser") };
    let subject = Subject { kind: SubjectKind::Advertiser, name: format!("{account}/{advertiser}"), version };
    judge(state, (subject, verb), asking).await
}

type NamedOf = Result<Path<(String, String, String, u32, String)>, PathRejection>;

pub(super) async fn judge_document(state: Shared, named: NamedOf, asking: Asking) -> Response {
    judge_of(state, SubjectKind::Document, named, asking).await
}

pub(super) async fn judge_app(state: Shared, named: NamedOf, asking: Asking) -> Response {
    judge_of(state, SubjectKind::App, named, asking).await
}

async fn judge_of(state: Shared, kind: SubjectKind, named: NamedOf, asking: Asking) -> Response {
    let Ok(Path((account, advertiser, name, version, verb))) = named else {
        return answer::not_found("no such registration");
    };
    judge(state, (Subject { kind, name: format!("{account}/{advertiser}/{name}"), version }, verb), asking).await
}

async fn judge(state: Shared, (subject, verb): (Subject, String), asking: Asking) -> Response {
    let to = match verb.as_str() {
        "verify" => Standing::Verified,
        "refuse" => Standing::Refused,
        "withdraw" => Standing::Withdrawn,
        _ => return answer::not_found("a registration has `verify`, `refuse` and `withdraw`"),
    };
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent>(body) {
        Ok(sent) => done(state, &sent.reason, |office, by| {
            let (standing, changed) = office.judge_registration(&subject, to, sent.seen, by)?;
            Ok((StatusCode::OK, json!({ "state": standing.label(), "changed": changed })))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}
