//! Who may ask: a page from elsewhere must not reach a listener on loopback through the operator's browser.
//!
//! A foreign page can send requests here (cross-site), and can give its own name this address (DNS rebinding). The first shows in
//! `Origin` and `Sec-Fetch-Site`, the second in `Host`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponseParts, Response, ResponseParts};

use super::answer::error_in_both;
use super::{ControlState, operators};

/// The most that an answer may take. A reload on the largest folder stays far below it.
const LONGEST: Duration = Duration::from_secs(30);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Judges a request, bounds the time of its answer and seals the answer.
pub(super) async fn guard(State(state): State<Arc<ControlState>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&state, &mut request) {
        Err(refusal) => *refusal,
        Ok(()) => match tokio::time::timeout(LONGEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => error_in_both(
                StatusCode::SERVICE_UNAVAILABLE,
                "timeout",
                "the answer took longer than 30 s; what was begun goes on, a reload too: see /api/v1/market",
                "应答超过 30 秒；已开始的操作仍在继续",
            ),
        },
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(Frames(origin)) = response.extensions_mut().remove::<Frames>()
        && let Ok(policy) = HeaderValue::from_str(&format!("{POLICY}; frame-src {origin}"))
    {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Partners have a gate of their own; everybody else comes in as an operator.
fn admit(state: &ControlState, request: &mut Request) -> Result<(), Box<Response>> {
    judge(request).map_err(|(status, code, (message, zh))| Box::new(error_in_both(status, code, message, zh)))?;
    if !is_partners(request) {
        let who = operators::enter(state, request)?;
        request.extensions_mut().insert(who);
    }
    Ok(())
}

fn is_partners(request: &Request) -> bool {
    request.uri().path().starts_with("/partner/")
}

/// The one origin whose documents a page may frame: the stage's.
#[derive(Clone, Debug)]
pub(super) struct Frames(pub(super) String);

impl IntoResponseParts for Frames {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// Status, code, and the words in English and Chinese.
type Refusal = (StatusCode, &'static str, (&'static str, &'static str));

fn judge(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = single(headers, &header::HOST).filter(|host| is_local(host));
    let target = request.uri().authority().is_none_or(|authority| is_local(authority.as_str()));
    let Some(host) = host.filter(|_| target) else {
        let words = ("`Host` must be localhost or a loopback address", "`Host` 须为 localhost 或回环地址");
        return Err((StatusCode::FORBIDDEN, "host_refused", words));
    };
    let words = ("only pages of this control plane may send requests to it", "仅本控制面自身的页面可以发送请求");
    let foreign = (StatusCode::FORBIDDEN, "origin_refused", words);
    if headers.contains_key(header::ORIGIN) {
        let origin = single(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
            return Err(foreign);
        }
    }
    // Following a link to the dashboard is no harm; anything else that a foreign page starts is. Browsers send no `Origin` with
    // an image, say, and a few dozen images of `/events` would use up its streams.
    let elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let followed = request.method() == Method::GET && headers.get("sec-fetch-dest").is_some_and(|it| it == "document");
    if elsewhere && !followed {
        return Err(foreign);
    }
    // Documents are uploaded as they are; each of these paths says what it takes, and a token stands for them all.
    if !is_partners(request) && request.method() == Method::POST && has_body(headers) && !is_json(headers) {
        let words =
            ("the body must be `content-type: application/json`", "请求正文须为 `content-type: application/json`");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", words));
    }
    Ok(())
}

/// The value of a header that stands exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether an authority is `localhost` or a loopback address, with any port.
fn is_local(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) => (host, port),
            None => return false,
        },
        None => match authority.find(':') {
            Some(colon) => authority.split_at(colon),
            None => (authority, ""),
        },
    };
    let port_is_one = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    port_is_one && (loopback || host.eq_ignore_ascii_case("localhost"))
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = single(headers, &header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:8081"] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "localhost.evil.example",
            "evil.example:8081",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "::1",
            "127.0.0.1:x",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
