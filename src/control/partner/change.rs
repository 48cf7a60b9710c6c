//! What changes something: once for each `Idempotency-Key` of its partner, within the bounds of its path.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::caller::Caller;
use super::problem::Problem;
use super::{Answered, closing, ended_early};
use crate::compliance::office::{By, Office, Refusal};
use crate::control::admin::{ControlState, answer, idempotency};
use crate::market::Market;
use crate::market::partner::Partner;

/// When it is worth asking again where people must decide first.
const MINUTES_OF_REVIEW: u32 = 10;

/// A request whose body is not read yet: how much is read is its path's business.
pub(super) struct Sent {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    method: Method,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        Ok(Self { uri: head.uri, headers: head.headers, method: head.method, body })
    }
}

/// A request with its body.
pub(super) struct Whole {
    pub(super) headers: HeaderMap,
    /// What an idempotency key stands for beside the body.
    asked: String,
    body: Bytes,
    /// Large bodies take turns over all partners.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Sent {
    /// The whole body as JSON of at most `most` bytes.
    pub(super) async fn json(self, most: usize) -> Result<Whole, Problem> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let (en, zh) =
                ("the body must be `content-type: application/json`", "请求正文须为 `content-type: application/json`");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", en, zh).at("content-type"));
        }
        self.whole(most, None).await
    }

    /// A body that says nothing.
    pub(super) async fn anything(self, most: usize) -> Result<Whole, Problem> {
        self.whole(most, None).await
    }

    /// The same for bodies that are so large that only a few are held at a time.
    pub(super) async fn large_json(self, state: &ControlState, most: usize) -> Result<Whole, Problem> {
        let turn = large(state)?;
        let whole = self.json(most).await?;
        Ok(Whole { _turn: Some(turn), ..whole })
    }

    /// Bytes of any kind, of which only a few are held at a time.
    pub(super) async fn bytes(self, state: &ControlState, most: usize) -> Result<Whole, Problem> {
        let turn = large(state)?;
        self.whole(most, Some(turn)).await
    }

    async fn whole(self, most: usize, turn: Option<OwnedSemaphorePermit>) -> Result<Whole, Problem> {
        let kind = self.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let asked = format!("{} {} {}", self.method, self.uri, String::from_utf8_lossy(kind));
        let body = to_bytes(self.body, most).await.map_err(|error| {
            let too_large = std::error::Error::source(&error).is_some_and(|it| it.is::<LengthLimitError>());
            if too_large {
                let (en, zh) = (format!("the body has more than {most} bytes"), format!("请求正文超过 {most} 字节"));
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", en, zh);
            }
            Problem::bad_body("the body ended early", "请求正文未完整到达")
        })?;
        Ok(Whole { headers: self.headers, asked, body, _turn: turn })
    }
}

fn large(state: &ControlState) -> Result<OwnedSemaphorePermit, Problem> {
    state.partners().uploads.clone().try_acquire_owned().map_err(|_| {
        let en = "several large requests are being read; send it again in a moment";
        let zh = "正在接收其他大型请求，请稍后重试";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", en, zh).after(1)
    })
}

/// Status and body of what was done.
pub(super) type Done = Result<(StatusCode, Value), Problem>;

/// Does a change in its turn, on a thread that may wait; it goes on though the client goes away.
pub(super) async fn change(
    state: Arc<ControlState>,
    caller: Caller,
    sent: Whole,
    work: impl FnOnce(&ControlState, &Caller, &[u8]) -> Done + Send + 'static,
) -> Answered {
    change_of((state, true), caller, sent, work).await
}

/// The same for what is no use of the account: an idle one may do it too.
pub(super) async fn note(
    state: Arc<ControlState>,
    caller: Caller,
    sent: Whole,
    work: impl FnOnce(&ControlState, &Caller, &[u8]) -> Done + Send + 'static,
) -> Answered {
    change_of((state, false), caller, sent, work).await
}

async fn change_of(
    (state, is_use): (Arc<ControlState>, bool),
    caller: Caller,
    sent: Whole,
    work: impl FnOnce(&ControlState, &Caller, &[u8]) -> Done + Send + 'static,
) -> Answered {
    let work = move |state: &ControlState, caller: &Caller, body: &[u8]| {
        if is_use { used(state, caller, || work(state, caller, body)) } else { work(state, caller, body) }
    };
    let scope = caller.actor();
    let claim = idempotency::claim(&state, Some(&scope), &sent.headers, &sent.asked, &sent.body);
    let claim = match claim {
        Ok(claim) => claim,
        Err(outcome) => return Ok(answer::of(outcome)),
    };
    let Ok(turn) = state.partners().turns.clone().acquire_owned().await else { return Err(closing()) };
    let done = tokio::task::spawn_blocking(move || -> Response {
        let response = match claim {
            Some(claim) => claim.once(&state, || match work(&state, &caller, &sent.body) {
                Ok(done) => done,
                Err(problem) => (problem.status, problem.value()),
            }),
            None => match work(&state, &caller, &sent.body) {
                Ok(done) => answer::of(done),
                Err(problem) => problem.into_response(),
            },
        };
        drop(turn);
        response
    });
    done.await.map_err(|_| ended_early())
}

/// R-IDLE: does what uses a buyer's account, and notes that it was used; one that is idle is verified first.
fn used(state: &ControlState, caller: &Caller, work: impl FnOnce() -> Done) -> Done {
    if !matches!(caller.partner, Partner::Buyer(_)) {
        return work();
    }
    let market = state.market();
    let office = office(state, &market);
    if office.account(&caller.name)?.is_idle {
        let days = office.terms().idle_days;
        let en = format!(
            "your account was not used for more than {days} days: the exchange verifies it again before it is used; you may read meanwhile"
        );
        let zh = format!("您的账户已超过 {days} 天未使用：须由平台重新核验后方可使用，期间仍可查询");
        return Err(Problem::new(StatusCode::FORBIDDEN, "idle", en, zh).rule("R-IDLE"));
    }
    let done = work()?;
    let by = By { actor: &caller.actor(), reason: &format!("by key {}", caller.key_id) };
    if let Err(error) = office.use_account(&caller.name, &by) {
        tracing::error!(%error, "that an account was used could not be noted; its next use is");
    }
    Ok(done)
}

/// A body in its form.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let bad = |error: serde_json::Error| Problem::bad_body(error.to_string(), format!("请求正文格式不符：{error}"));
    serde_json::from_slice(body).map_err(bad)
}

/// Where steps are taken, as of now.
pub(super) fn office<'o>(state: &'o ControlState, market: &'o Market) -> Office<'o> {
    Office { docket: &**state.docket(), market, now: state.exchange().clock.now() }
}

/// R-OWN: what is sent in the name of an account must be the caller's own.
pub(super) fn is_own(caller: &Caller, account: &str) -> Result<(), Problem> {
    if account == caller.name {
        return Ok(());
    }
    let (en, zh) = ("`account` must be your own ACCOUNT ID (R-OWN)", "`account` 必须为您自己的 ACCOUNT ID（R-OWN）");
    Err(Problem::bad_body(en, zh).rule("R-OWN").at("account"))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(en) => {
                // What is wrong with a field begins with its name.
                let field =
                    en.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(field, _)| field.to_owned());
                let zh = format!("内容不符合要求：{en}");
                let problem = Self::new(StatusCode::BAD_REQUEST, "malformed", en, zh);
                match field {
                    Some(field) => problem.at(field),
                    None => problem,
                }
            }
            Refusal::Rule { rule, en, zh } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "against_a_rule", en, zh).rule(rule)
            }
            Refusal::TooMany { rule, en, zh } => {
                let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_waiting", en, zh);
                problem.rule(rule).after(MINUTES_OF_REVIEW * 60)
            }
            Refusal::Unknown(_) => Self::not_found(),
            Refusal::Taken(en) => {
                let zh = format!("与已保存的内容冲突：{en}");
                Self::new(StatusCode::CONFLICT, "taken", en, zh)
            }
            Refusal::Unreadable { subject, why } => Self::unreadable(&super::docket::told(&subject), &why),
            Refusal::Unavailable(why) => Self::unavailable(&why),
        }
    }
}
