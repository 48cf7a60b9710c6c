//! What a partner is told when something is not done: one form, in English and Chinese.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::event::StoreUnavailable;

/// `{"error":{"code","message","zh","rule"?,"path"?,…}}` with its status.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// For programs. Once given it keeps its meaning.
    code: &'static str,
    en: Box<str>,
    zh: Box<str>,
    rule: Option<Cow<'static, str>>,
    /// Where in the request: `items[3].landing_page`, a header, a parameter.
    path: Option<Box<str>>,
    /// When to come again, seconds.
    retry_after: Option<u32>,
    /// What else its reader needs to put it right, by name.
    told: Option<Box<(&'static str, Value)>>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let (en, zh) = (en.into().into_boxed_str(), zh.into().into_boxed_str());
        Self { status, code, en, zh, rule: None, path: None, retry_after: None, told: None }
    }

    /// 404: it is not there, or it is somebody else's; nobody learns which.
    pub(super) fn not_found() -> Self {
        let en = "there is no such thing of yours; see /partner/v1/openapi.json";
        Self::new(StatusCode::NOT_FOUND, "not_found", en, "您名下没有此项内容；参见 /partner/v1/openapi.json")
    }

    pub(super) fn bad_query(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", en, zh)
    }

    pub(super) fn bad_body(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", en, zh)
    }

    /// 503: the store cannot be read or written. What it said stays in the log.
    pub(super) fn unavailable(why: &StoreUnavailable) -> Self {
        tracing::error!(%why, "a partner could not be answered");
        let en = "this cannot be read or kept at the moment; nothing has changed, try again later";
        let zh = "暂时无法读取或保存；未作任何更改，请稍后重试";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", en, zh).after(1)
    }

    /// 500: what is kept is not understood, which an operator must see to.
    pub(super) fn unreadable(subject: &str, why: &dyn std::fmt::Display) -> Self {
        tracing::error!(subject, %why, "what is kept of a partner's is not understood");
        let (en, zh) =
            ("what is kept of this is not understood; the exchange has been told", "保存的内容无法解读；平台已获知");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", en, zh).at(subject)
    }

    pub(super) fn rule(mut self, rule: impl Into<Cow<'static, str>>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// The same of a part of the request.
    pub(super) fn inside(mut self, place: &str) -> Self {
        let path = self.path.map_or_else(|| place.to_owned(), |path| format!("{place}.{path}"));
        self.path = Some(path.into());
        self
    }

    pub(super) fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into().into());
        self
    }

    /// With something else that its reader needs.
    pub(super) fn telling(mut self, name: &'static str, value: Value) -> Self {
        self.told = Some(Box::new((name, value)));
        self
    }

    pub(super) const fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its body.
    pub(super) fn value(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": &*self.en, "zh": &*self.zh });
        if let Some(rule) = &self.rule {
            error["rule"] = Value::from(rule.as_ref());
        }
        if let Some(path) = &self.path {
            error["path"] = Value::from(&**path);
        }
        if let Some((name, value)) = self.told.as_deref() {
            error[*name] = value.clone();
        }
        json!({ "error": error })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.value())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreUnavailable> for Problem {
    fn from(why: StoreUnavailable) -> Self {
        Self::unavailable(&why)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_query(rejection.body_text(), "查询参数无效")
    }
}

/// A name that is no text names nothing.
impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::not_found()
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let en = "the body is larger than this path takes; see /partner/v1/openapi.json";
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", en, "请求正文超过此接口的上限");
        }
        Self::bad_body(rejection.body_text(), "请求正文无法读取")
    }
}
