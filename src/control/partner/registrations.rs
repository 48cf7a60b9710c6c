//! Advertisers, their documents and their apps (R-QUALIFY, R-SCOPE, R-APP): what a buyer registers, in versions, each verified by a person.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::AsBuyer;
use super::change::{Done, Sent, change, is_own, office, parsed};
use super::docket::{below_owner, is_of, own_subject, step};
use super::files;
use super::lists::{Asked, Page, page};
use super::problem::Problem;
use super::{Answered, LARGEST_BODY, read};
use crate::compliance::office::{By, Office, Refusal, body_of};
use crate::compliance::qualification::{App, Document, Registered, Registration, Standing};
use crate::control::admin::{ControlState, Shared};
use crate::event::{KeptStep, SubjectKind, Wanted};

/// What a buyer registers.
pub(super) trait Form: Serialize + DeserializeOwned + Send + 'static {
    /// Its kind.
    const KIND: SubjectKind;
    /// In whose name it is sent.
    fn account(&self) -> &str;
    /// Files that it names, which must be the buyer's own uploads.
    fn files(&self) -> &[String];
    /// Its name below its owner's.
    fn name(&self) -> String;
    /// Registers it.
    fn enter(&self, office: &Office<'_>, by: &By<'_>) -> Result<Registered, Refusal>;
}

macro_rules! forms {
    ($($form:ident = $kind:ident, $name:expr, $files:expr, $enter:ident);+ $(;)?) => {
        $(impl Form for $form {
            const KIND: SubjectKind = SubjectKind::$kind;

            fn account(&self) -> &str {
                &self.account
            }

            fn files(&self) -> &[String] {
                let files: fn(&Self) -> &[String] = $files;
                files(self)
            }

            fn name(&self) -> String {
                let name: fn(&Self) -> String = $name;
                name(self)
            }

            fn enter(&self, office: &Office<'_>, by: &By<'_>) -> Result<Registered, Refusal> {
                office.$enter(self, by)
            }
        })+
    };
}

forms! {
    Registration = Advertiser, |it| it.advertiser.clone(), |_| &[], register;
    Document = Document, |it| format!("{}/{}", it.advertiser, it.number), |it| &it.files, register_document;
    App = App, |it| format!("{}/{}", it.advertiser, it.app), |_| &[], register_app;
}

/// A version of a registration as its owner sees it.
fn line<F: Form>(kept: &KeptStep, state: Standing) -> Result<Value, Problem> {
    let form: F = body_of(kept)?;
    Ok(json!({
        "name": below_owner(&kept.step.subject),
        "version": kept.step.subject.version,
        "state": state.label(),
        "at": kept.step.at.to_rfc3339(),
        "reason": kept.step.reason,
        "registration": form,
    }))
}

/// All versions of all of a kind, in the order of their last steps.
pub(super) async fn list<F: Form>(state: Shared, buyer: AsBuyer, asked: Asked) -> Answered {
    let asked = Page::of(asked)?;
    read(state.0, buyer.caller, move |state, caller| {
        let (above, limit) = (asked.number(0)?, asked.limit()?);
        let wanted = Wanted { state: None, owner: Some(caller.owner()) };
        let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut kept = state.docket().list(F::KIND, &wanted, above, most)?;
        let more = kept.len() > limit;
        kept.truncate(limit);
        let items = kept.iter().map(|kept| line::<F>(kept, Standing::of(kept)?)).collect::<Result<_, Problem>>()?;
        Ok(page(items, kept.last().filter(|_| more).map(|kept| kept.seq.to_string())))
    })
    .await
}

/// All versions of one, the oldest first, with what happened to each.
fn versions<F: Form>(state: &ControlState, caller: &super::caller::Caller, name: &str) -> Result<Vec<Value>, Problem> {
    let subject = own_subject(caller, F::KIND, name, 0);
    let kept = state.docket().versions(F::KIND, &subject.name)?;
    let mut items = Vec::new();
    for kept in kept.iter().filter(|kept| is_of(kept, caller.owner())) {
        let mut item = line::<F>(kept, Standing::of(kept)?)?;
        let steps = state.docket().history(&kept.step.subject, u64::MAX, MOST_STEPS)?;
        let steps = steps.iter().map(|kept| Ok(step(kept, caller, Standing::of(kept)?.label())));
        item["history"] = steps.collect::<Result<Value, Problem>>()?;
        items.push(item);
    }
    if items.is_empty() { Err(Problem::not_found()) } else { Ok(items) }
}

/// Steps of one version that are told: there are a handful in its life.
const MOST_STEPS: u32 = 50;

type Named<T> = Result<Path<T>, PathRejection>;

/// An advertiser: its versions, and what its documents come to today.
pub(super) async fn advertiser(state: Shared, buyer: AsBuyer, id: Named<String>) -> Answered {
    let Path(id) = id?;
    read(state.0, buyer.caller, move |state, caller| {
        let market = state.market();
        let configured = market.configured_advertiser(buyer.id, &id);
        let items = match (versions::<Registration>(state, caller, &id), configured) {
            (Err(problem), Some(_)) if problem.status == StatusCode::NOT_FOUND => Vec::new(),
            (items, _) => items?,
        };
        let come_to = office(state, &market).qualification(&caller.name, &id)?;
        Ok(json!({
            "advertiser": id,
            "configured": configured.is_some(),
            "qualified_until": come_to.until.map(|day| day.to_string()),
            "findings": come_to.findings,
            "items": items,
        }))
    })
    .await
}

/// A document or an app: its versions.
pub(super) async fn one<F: Form>(state: Shared, buyer: AsBuyer, named: Named<(String, String)>) -> Answered {
    let Path((advertiser, name)) = named?;
    let name = format!("{advertiser}/{name}");
    read(state.0, buyer.caller, move |state, caller| Ok(json!({ "items": versions::<F>(state, caller, &name)? }))).await
}

/// Registers one, or a change of one.
pub(super) async fn enter<F: Form>(state: Shared, buyer: AsBuyer, sent: Sent) -> Answered {
    let whole = sent.json(LARGEST_BODY).await?;
    change(state.0, buyer.caller, whole, |state, caller, body| {
        let form: F = parsed(body)?;
        is_own(caller, form.account())?;
        files::are_own(state, caller, form.files())?;
        let market = state.market();
        let (actor, reason) = (caller.actor(), format!("by key {}", caller.key_id));
        let entered = form.enter(&office(state, &market), &By { actor: &actor, reason: &reason })?;
        let status = if entered.entered { StatusCode::CREATED } else { StatusCode::OK };
        let value = json!({
            "name": form.name(),
            "version": entered.subject.version,
            "state": entered.standing.label(),
            "entered": entered.entered,
        });
        Ok((status, value))
    })
    .await
}

/// Why something is taken back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    pub(super) reason: String,
}

pub(super) async fn withdraw_advertiser(
    state: Shared,
    buyer: AsBuyer,
    named: Named<(String, u32)>,
    sent: Sent,
) -> Answered {
    let Path((name, version)) = named?;
    withdraw(state, buyer, SubjectKind::Advertiser, name, version, sent).await
}

pub(super) async fn withdraw_other<F: Form>(
    state: Shared,
    buyer: AsBuyer,
    named: Named<(String, String, u32)>,
    sent: Sent,
) -> Answered {
    let Path((advertiser, name, version)) = named?;
    withdraw(state, buyer, F::KIND, format!("{advertiser}/{name}"), version, sent).await
}

async fn withdraw(
    state: Shared,
    buyer: AsBuyer,
    kind: SubjectKind,
    name: String,
    version: u32,
    sent: Sent,
) -> Answered {
    let whole = sent.json(LARGEST_BODY).await?;
    change(state.0, buyer.caller, whole, move |state, caller, body| -> Done {
        let why: Because = parsed(body)?;
        let subject = own_subject(caller, kind, &name, version);
        let own = state.docket().standing(&subject)?.filter(|kept| is_of(kept, caller.owner()));
        own.ok_or_else(Problem::not_found)?;
        let market = state.market();
        let by = By { actor: &caller.actor(), reason: &why.reason };
        let (standing, changed) =
            office(state, &market).judge_registration(&subject, Standing::Withdrawn, None, &by)?;
        let value = json!({ "name": name, "version": version, "state": standing.label(), "changed": changed });
        Ok((StatusCode::OK, value))
    })
    .await
}
