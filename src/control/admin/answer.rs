//! The few forms that answers have.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::event::StoreUnavailable;

/// `{"error":{"code","message"}}`.
pub(in crate::control) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    of((status, json!({ "error": { "code": code, "message": message } })))
}

/// A status with a JSON body.
pub(in crate::control) fn of((status, value): (StatusCode, Value)) -> Response {
    (status, Json(value)).into_response()
}

/// 200 with a JSON body.
pub(in crate::control) fn ok(value: Value) -> Response {
    of((StatusCode::OK, value))
}

/// A status with a body that is JSON already.
pub(in crate::control) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

pub(in crate::control) fn not_found(message: &str) -> Response {
    error(StatusCode::NOT_FOUND, "not_found", message)
}

pub(in crate::control) fn unavailable(why: &StoreUnavailable) -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", &why.to_string())
}

pub(in crate::control) async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method; see `Allow`")
}

pub(in crate::control) fn asset(content_type: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], content).into_response()
}
