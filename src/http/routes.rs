//! The data plane's calls (interfaces.md, "Data plane"): HTTP in, HTTP out; what happens between is the exchange's. Notices and
//! beacons have a file of their own, `beacons`.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming as Body;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};

use super::beacons;
use super::body::{self, BodyError};
use super::door::{Admission, Caller, Door, Limits};
use crate::exchange::{BadRequest, Core, Incoming, Reply};
use crate::metrics::{Outcome, Shed};

/// How long a client may take to send a body, beyond [`PROMPT`].
const BODY_TIME: Duration = Duration::from_secs(2);
/// A body that takes longer comes from a slow sender.
const PROMPT: Duration = Duration::from_millis(10);
/// Answers from this size are worth compressing.
const WORTH_GZIP: usize = 1_024;

const OPENRTB_VERSION: HeaderName = HeaderName::from_static("x-openrtb-version");
const NO_BID_REASON: HeaderName = HeaderName::from_static("x-pmpx-nbr");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) type Sent = Response<Full<Bytes>>;

/// The answer as the last one of its connection.
pub(super) fn last(mut response: Sent) -> Sent {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Answers one request.
pub(super) async fn respond(core: &Core, door: &Door, request: Request<Body>, ready: bool, peer: IpAddr) -> Sent {
    let (method, path) = (request.method(), request.uri().path());
    let get = method == Method::GET || method == Method::HEAD;
    if path == "/openrtb2/auction" {
        return if method == Method::POST { auction(core, door, request).await } else { not_allowed("POST") };
    }
    if path.starts_with("/n/") || path.starts_with("/t/") {
        let response = beacons::respond(core, door, &request, peer).await;
        return response.unwrap_or_else(|| error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"));
    }
    match path {
        "/readyz" if get && ready && core.exchange().metrics.health.is_writable() => plain(StatusCode::OK, "ready\n"),
        "/readyz" if get => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        _ => error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"),
    }
}

async fn auction(core: &Core, door: &Door, request: Request<Body>) -> Sent {
    let exchange = core.exchange();
    let now = exchange.clock.instant();
    let (admitted, largest) = {
        let terms = &exchange.market.load().terms;
        (door.admit(Caller::Auction, &Limits::of(terms), now), terms.largest_body)
    };
    // Before the body is read, and before anything is looked up: what is refused costs next to nothing.
    let admission = match admitted {
        Ok(admission) => admission,
        Err(at) => return shed_auction(core, at),
    };
    let arrived = now.checked_sub(admission.waited).unwrap_or(now);
    let (head, body) = request.into_parts();
    let bearer = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if !core.knows(bearer) {
        exchange.metrics.request(None, Outcome::Unauthorized);
        return unauthorized();
    }
    let (body, _place) = match take_in(core, door, admission, read_json(&head.headers, body, largest)).await {
        Ok(taken) => taken,
        Err(Refusal::Shed(at)) => return shed_auction(core, at),
        Err(refusal) => {
            exchange.metrics.request(None, refusal.outcome());
            return refusal.response(largest);
        }
    };
    let reply = core.auction(Incoming { arrived, bearer, body }).await;
    let mut response = match reply {
        Reply::Bid(body) => json(StatusCode::OK, body, &head.headers),
        Reply::NoBid(reason, body) => {
            let mut response = match body {
                Some(body) => json(StatusCode::OK, body, &head.headers),
                None => empty(StatusCode::NO_CONTENT),
            };
            response.headers_mut().insert(NO_BID_REASON, HeaderValue::from(reason.code()));
            response
        }
        Reply::BadRequest(why) => json(StatusCode::BAD_REQUEST, why.to_json(), &head.headers),
        Reply::TooLarge(message) => error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message),
        Reply::Unauthorized => unauthorized(),
    };
    response.headers_mut().insert(OPENRTB_VERSION, HeaderValue::from_static("2.6"));
    response
}

fn unauthorized() -> Sent {
    let message = "send Authorization: Bearer KEYID.SECRET with a key of yours";
    let mut response = error(StatusCode::UNAUTHORIZED, "unknown_media", message);
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    headers.insert(OPENRTB_VERSION, HeaderValue::from_static("2.6"));
    response
}

/// Waits for a body. Who sends slowly gives up the place inside meanwhile, and takes one among the slow.
async fn take_in<'d>(
    core: &Core,
    door: &'d Door,
    admission: Admission<'d>,
    reading: impl Future<Output = Result<Bytes, Refusal>>,
) -> Result<(Bytes, Admission<'d>), Refusal> {
    tokio::pin!(reading);
    if let Ok(read) = tokio::time::timeout(PROMPT, &mut reading).await {
        return Ok((read?, admission));
    }
    let slow = door.step_aside(admission).map_err(Refusal::Shed)?;
    let body = tokio::time::timeout(BODY_TIME, reading).await.map_err(|_| Refusal::Slow)??;
    let admission = door.step_in(slow, &Limits::of(&core.exchange().market.load().terms)).map_err(Refusal::Shed)?;
    Ok((body, admission))
}

/// Why a body is not a request.
enum Refusal {
    TooLarge,
    Unsupported(&'static str),
    Malformed(&'static str),
    Slow,
    Shed(Shed),
}

impl Refusal {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::TooLarge => Outcome::TooLarge,
            Self::Unsupported(_) => Outcome::Unsupported,
            Self::Malformed(_) | Self::Slow => Outcome::BadRequest,
            Self::Shed(_) => Outcome::Shed,
        }
    }

    fn response(&self, largest: usize) -> Sent {
        match self {
            Self::TooLarge => {
                let message = format!("the body is larger than {largest} bytes, as sent or after decompression");
                error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message)
            }
            Self::Unsupported(message) => error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", message),
            Self::Malformed(message) => error(StatusCode::BAD_REQUEST, "malformed", message),
            Self::Slow => error(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not come within 2 s"),
            Self::Shed(_) => overloaded(),
        }
    }
}

async fn read_json(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Refusal> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    // OpenRTB 2.6 §2.4: a missing type is JSON.
    if text(CONTENT_TYPE).is_some_and(|value| !value.trim_start().to_ascii_lowercase().starts_with("application/json"))
    {
        return Err(Refusal::Unsupported("the body must be application/json"));
    }
    let packed = match text(CONTENT_ENCODING).map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => false,
        Some("gzip" | "x-gzip") => true,
        Some(_) => return Err(Refusal::Unsupported("the only content encoding that is read is gzip")),
    };
    let refuse = |why| match why {
        BodyError::TooLarge => Refusal::TooLarge,
        BodyError::Broken => Refusal::Malformed("the body broke off"),
        BodyError::NotGzip => Refusal::Malformed("the body is not the gzip that its content encoding says"),
    };
    let body = body::read(body, most).await.map_err(refuse)?;
    if packed { body::gunzip(&body, most).map_err(refuse) } else { Ok(body) }
}

fn json(status: StatusCode, body: Vec<u8>, asked: &HeaderMap) -> Sent {
    let gzip = || asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(accepts_gzip);
    let packed = if body.len() >= WORTH_GZIP && gzip() { body::gzip(&body) } else { None };
    let zipped = packed.is_some();
    let mut response = Response::new(Full::new(Bytes::from(packed.unwrap_or(body))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if zipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// Whether gzip is named and not refused by `q=0` (RFC 9110 §12.5.3).
fn accepts_gzip(value: &str) -> bool {
    value.split(',').any(|choice| {
        let (coding, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

pub(super) fn plain_json(status: StatusCode, body: &'static str) -> Sent {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn plain(status: StatusCode, body: &'static str) -> Sent {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn empty(status: StatusCode) -> Sent {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

pub(super) fn error(status: StatusCode, code: &'static str, message: &str) -> Sent {
    let body = BadRequest { code, message: message.to_owned(), path: String::new() }.to_json();
    json(status, body, &HeaderMap::new())
}

fn shed_auction(core: &Core, at: Shed) -> Sent {
    core.exchange().metrics.request(None, Outcome::Shed);
    shed(core, at)
}

pub(super) fn shed(core: &Core, at: Shed) -> Sent {
    core.exchange().metrics.shed(at);
    overloaded()
}

/// 503. Thousands a second are made of it, so nothing is rendered.
fn overloaded() -> Sent {
    const BODY: &str =
        "{\"error\":{\"code\":\"overloaded\",\"message\":\"the exchange is busy; try again later\",\"path\":\"\"}}";
    let mut response = plain_json(StatusCode::SERVICE_UNAVAILABLE, BODY);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn retry(code: &'static str, message: &str) -> Sent {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, code, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn not_allowed(methods: &'static str) -> Sent {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", methods);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_who_asks_for_it() {
        assert!(accepts_gzip("deflate, gzip;q=0.5"));
        assert!(!accepts_gzip("gzip;q=0, br") && !accepts_gzip("br"));
    }
}
