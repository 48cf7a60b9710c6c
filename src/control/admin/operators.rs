//! Who of the operators asks, and whether their role may: by a key each, or by a session that a browser got for one.
//!
//! Where `operators.toml` names nobody, whoever reaches the listener on loopback may do everything, and signs as `loopback`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::Request;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::answer::{asset, error_in_both, ok};
use super::{ControlState, Peer, Shared};
use crate::clock::{UnixMillis, secret_bytes};
use crate::control::partner::{Failed, Failures, LOCKED_OUT_S, bearer, known};
use crate::control::publish::held;
use crate::market::client_address;
use crate::market::policy::operators::{Operator, Operators, Role};

/// The session's cookie.
const COOKIE: &str = "pmpx_session";
/// How long a session lasts: a working day.
const LIFE_S: u64 = 12 * 3_600;
/// Sessions at a time; the one that ends first makes room.
const MOST_SESSIONS: usize = 256;
/// Forms of a forwarded address: with one of them the request comes from elsewhere.
const FORWARDED: [&str; 2] = ["forwarded", "x-forwarded-for"];

/// Who asks; `None`: whoever reaches the listener, as nobody has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who(Option<Arc<str>>);

impl Who {
    fn of(operator: &Operator) -> Self {
        Self(Some(format!("operator {}", operator.id).into()))
    }

    /// As what is done is signed.
    pub(super) fn signature(&self) -> &str {
        self.0.as_deref().unwrap_or("loopback")
    }

    /// What its idempotency keys are its own in.
    pub(super) fn scope(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The control plane's door.
#[derive(Debug, Default)]
pub(super) struct Door {
    failures: Mutex<Failures>,
    /// By the SHA-256 of the cookie's value.
    sessions: Mutex<HashMap<[u8; 32], Session>>,
}

/// A browser that has shown a key. It ends with the key.
#[derive(Clone, Debug)]
struct Session {
    key_id: String,
    sha256: [u8; 32],
    until: UnixMillis,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Role(Role),
}

/// What a path needs, by what is asked of it. What is not listed needs the most.
fn needed(method: &Method, path: &str) -> Need {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match path {
        "/healthz" | "/readyz" | "/login" | "/login.js" | "/api/v1/session" | "/style.css" => return Need::Nothing,
        _ => {}
    }
    Need::Role(if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        Role::Viewer
    } else if below("/api/v1/reviews") || below("/api/v1/pages") {
        Role::Reviewer
    } else if below("/api/v1/finance") {
        Role::Finance
    } else {
        Role::Operator
    })
}

/// Who asks, or why they may not.
pub(super) fn enter(state: &ControlState, request: &Request) -> Result<Who, Box<Response>> {
    let market = state.market();
    let operators = &market.terms.operators;
    let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
    let need = needed(method, path);
    let Need::Role(role) = need else { return Ok(Who(None)) };
    // A scraper beside the exchange needs no key for figures.
    let beside = path == "/metrics" && !FORWARDED.iter().any(|name| headers.contains_key(*name));
    if operators.is_empty() || beside {
        return Ok(Who(None));
    }
    let operator = match (bearer(headers), session_of(headers)) {
        (Some(token), _) => by_key(state, operators, token, client(request, state))?,
        (None, Some(cookie)) => state.door.resume(operators, &cookie, state.exchange.clock.now()),
        (None, None) => None,
    };
    let Some(operator) = operator else { return Err(Box::new(stranger(method, path, headers))) };
    if !operator.has(role) {
        let role = role.label();
        let en = format!("this needs the role `{role}`, which operator `{}` does not have", operator.id);
        let zh = format!("需要 `{role}` 角色，操作员 `{}` 没有该角色", operator.id);
        return Err(Box::new(error_in_both(StatusCode::FORBIDDEN, "role_needed", &en, &zh)));
    }
    Ok(Who::of(operator))
}

fn by_key<'o>(
    state: &ControlState,
    operators: &'o Operators,
    (key_id, secret): (&str, &str),
    client: IpAddr,
) -> Result<Option<&'o Operator>, Box<Response>> {
    let find = || known(operators.key(key_id).map(|(operator, key)| (operator, &key.sha256)), secret);
    let found = held(&state.door.failures).attempt((key_id, client), state.exchange.clock.instant(), find);
    match found {
        Ok(operator) => Ok(Some(operator)),
        Err(Failed::Wrong) => {
            let (en, zh) = ("this is no operator's key, or not its secret", "操作员密钥不存在，或密钥错误");
            Err(Box::new(error_in_both(StatusCode::UNAUTHORIZED, "bad_token", en, zh)))
        }
        Err(Failed::LockedOut) => {
            let en = "too many wrong secrets for this key id from your address; wait two minutes";
            let zh = "此密钥ID在您的地址上多次使用错误密钥，请等待两分钟";
            let mut response = error_in_both(StatusCode::TOO_MANY_REQUESTS, "locked_out", en, zh);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(LOCKED_OUT_S));
            Err(Box::new(response))
        }
    }
}

fn client(request: &Request, state: &ControlState) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    client_address::client(peer, request.headers(), &state.market().terms.trusted_proxies)
}

/// Whoever has shown nothing that is known: a person is led to where a key is shown.
fn stranger(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let reads = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok()).is_some_and(|it| it.contains("text/html"));
    // Only plain paths are led back to.
    let plain = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|it| it.is_ascii_graphic());
    if method == Method::GET && reads && plain && !path.contains(['"', '\\', '&', '?', '#']) {
        let place = HeaderValue::from_str(&format!("/login?to={path}"));
        if let Ok(place) = place {
            return (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
        }
    }
    nobody()
}

/// Whoever has shown nothing.
pub(super) fn nobody() -> Response {
    let en = "send `Authorization: Bearer KEYID.SECRET` with an operator's key, or sign in at /login";
    let zh = "请携带操作员密钥 `Authorization: Bearer 密钥ID.密钥`，或在 /login 登录";
    let mut response = error_in_both(StatusCode::UNAUTHORIZED, "no_token", en, zh);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The session cookie's value, where it stands once.
fn session_of(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(';'));
    let mut values = all.filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    let value = values.next()?;
    values.next().is_none().then(|| value.to_owned())
}

impl Door {
    /// Whose a session is; none where it is over, or where its key is gone.
    fn resume<'o>(&self, operators: &'o Operators, cookie: &str, now: UnixMillis) -> Option<&'o Operator> {
        let name: [u8; 32] = Sha256::digest(cookie.as_bytes()).into();
        let session = held(&self.sessions).get(&name).filter(|session| session.until > now).cloned()?;
        let (operator, key) = operators.key(&session.key_id)?;
        (key.sha256 == session.sha256).then_some(operator)
    }

    fn begin(&self, session: Session, now: UnixMillis) -> std::io::Result<String> {
        let value: String = secret_bytes::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sessions = held(&self.sessions);
        sessions.retain(|_, session| session.until > now);
        if sessions.len() >= MOST_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.until).map(|(name, _)| *name);
            oldest.map(|oldest| sessions.remove(&oldest));
        }
        sessions.insert(Sha256::digest(value.as_bytes()).into(), session);
        Ok(value)
    }

    fn end(&self, cookie: &str) {
        let name: [u8; 32] = Sha256::digest(cookie.as_bytes()).into();
        held(&self.sessions).remove(&name);
    }
}

/// What a browser shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// `KEYID.SECRET`.
    key: String,
}

/// `POST /api/v1/session`: a session for a key. The cookie is the browser's alone: no script reads it, no other site sends it.
pub(super) async fn sign_in(
    state: Shared,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    body: Result<Json<Shown>, JsonRejection>,
) -> Response {
    let Ok(Json(Shown { key })) = body else {
        let (en, zh) = ("the body must be {\"key\": \"KEYID.SECRET\"}", "请求正文须为 {\"key\": \"密钥ID.密钥\"}");
        return error_in_both(StatusCode::BAD_REQUEST, "bad_body", en, zh);
    };
    let market = state.market();
    let operators = &market.terms.operators;
    if operators.is_empty() {
        let en = "operators.toml names nobody: no key is needed on this machine";
        let zh = "operators.toml 未登记任何操作员，本机访问无需密钥";
        return error_in_both(StatusCode::CONFLICT, "no_operators", en, zh);
    }
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.0);
    let client = client_address::client(peer, &headers, &market.terms.trusted_proxies);
    let (key_id, secret) = key.split_once('.').unwrap_or_default();
    let operator = match by_key(&state, operators, (key_id, secret), client) {
        Ok(Some(operator)) => operator,
        Ok(None) => return nobody(),
        Err(refusal) => return *refusal,
    };
    let now = state.exchange.clock.now();
    let until = now.plus_ms(LIFE_S * 1_000);
    let session = Session { key_id: key_id.to_owned(), sha256: Sha256::digest(secret.as_bytes()).into(), until };
    let cookie = state.door.begin(session, now).map(|value| cookie(&value, LIFE_S));
    let Ok(Ok(cookie)) = cookie else {
        let (en, zh) = ("the machine has no randomness to give", "系统暂无可用随机数");
        return error_in_both(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", en, zh);
    };
    tracing::info!(operator = operator.id, %client, "an operator signed in");
    let roles: Vec<_> = operator.roles.iter().map(|role| role.label()).collect();
    let mut response = ok(serde_json::json!({ "operator": operator.id, "roles": roles, "until": until.to_rfc3339() }));
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// `DELETE /api/v1/session`: signs out; a session that is over already is no error.
pub(super) async fn sign_out(state: Shared, headers: HeaderMap) -> Response {
    if let Some(cookie) = session_of(&headers) {
        state.door.end(&cookie);
    }
    match cookie("", 0) {
        Ok(gone) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

fn cookie(value: &str, life_s: u64) -> Result<HeaderValue, header::InvalidHeaderValue> {
    HeaderValue::from_str(&format!("{COOKIE}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict"))
}

/// `GET /login`.
pub(super) async fn page() -> Html<&'static str> {
    Html(include_str!("operators/login.html"))
}

/// `GET /login.js`.
pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("operators/login.js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_needs_its_role_and_what_is_not_known_the_operators() {
        let post = |path| needed(&Method::POST, path);
        assert_eq!(needed(&Method::GET, "/api/v1/finance"), Need::Role(Role::Viewer));
        assert_eq!(post("/api/v1/finance/payment"), Need::Role(Role::Finance));
        assert_eq!(post("/api/v1/reviews/creatives"), Need::Role(Role::Reviewer));
        assert_eq!(needed(&Method::PUT, "/api/v1/reviews/files"), Need::Role(Role::Reviewer));
        for path in ["/api/v1/reload", "/api/v1/financed", "/api/v1/reviews.html", "/healthz/x", "/"] {
            assert_eq!(post(path), Need::Role(Role::Operator), "{path}");
        }
        for path in ["/healthz", "/readyz", "/login"] {
            assert_eq!(needed(&Method::GET, path), Need::Nothing, "{path}");
        }
    }

    #[test]
    fn nobody_is_led_to_another_site() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html,*/*"));
        let place = |path| stranger(&Method::GET, path, &headers).headers().get(header::LOCATION).cloned();
        assert_eq!(place("/reviews/spot-checks").unwrap(), "/login?to=/reviews/spot-checks");
        for path in ["//evil.example/", "/\\evil.example", "/a\"b"] {
            assert_eq!(place(path), None, "{path}");
        }
        assert_eq!(stranger(&Method::POST, "/reviews", &headers).status(), StatusCode::UNAUTHORIZED);
        assert_eq!(stranger(&Method::GET, "/reviews", &HeaderMap::new()).status(), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn sessions_are_bounded_and_end_with_their_time_and_their_key() {
        let key = |secret: &str| crate::market::policy::operators::OperatorKey {
            key_id: "mei-1".to_owned(),
            sha256: Sha256::digest(secret.as_bytes()).into(),
        };
        let of = |secret| {
            let mei = Operator { id: "mei".to_owned(), roles: vec![Role::Reviewer], keys: vec![key(secret)] };
            Operators::new(vec![mei])
        };
        let (door, now) = (Door::default(), UnixMillis(1_000));
        let session = |until| Session { key_id: "mei-1".to_owned(), sha256: key("one").sha256, until };
        let first = door.begin(session(UnixMillis(5_000)), now).unwrap();
        assert!(door.resume(&of("one"), &first, now).is_some());
        assert!(door.resume(&of("one"), &first, UnixMillis(5_000)).is_none(), "it is over");
        assert!(door.resume(&of("two"), &first, now).is_none(), "the key has changed");
        assert!(door.resume(&Operators::default(), &first, now).is_none(), "the key is gone");
        assert!(door.resume(&of("one"), "another", now).is_none());
        for more in 0..2 * MOST_SESSIONS as u64 {
            door.begin(session(UnixMillis(6_000 + more)), now).unwrap();
        }
        assert_eq!(held(&door.sessions).len(), MOST_SESSIONS);
        let last = door.begin(session(UnixMillis(60_000)), now).unwrap();
        door.end(&last);
        assert!(door.resume(&of("one"), &last, now).is_none());
    }
}
