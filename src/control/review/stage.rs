//! The third listener: it shows one thing, what a reviewer asked to see, at a path that nobody can guess, for a few minutes.
//!
//! Loopback only, an origin of its own (another port than the control plane's), and a policy that sandboxes whatever is shown.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::clock::{Clock, UnixMillis, secret_bytes};
use crate::compliance::{digest_of, digest_text};
use crate::control::publish::held;
use crate::event::Docket;

/// How long something is shown, ms.
const SHOWN_MS: u64 = 600_000;
/// Things that are shown at a time; the oldest makes room.
const MOST_SHOWN: usize = 512;

/// What may run in what is shown. Both are off unless a reviewer asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liberties {
    /// Its scripts, still without an origin, a form or a way out.
    pub scripts: bool,
    /// Pictures and videos from the network over https.
    pub remote: bool,
}

/// What is shown.
#[derive(Clone, Debug)]
struct Sheet {
    html: Option<Arc<str>>,
    /// Uploaded files that it may show, by digest.
    files: Vec<[u8; 32]>,
    liberties: Liberties,
    until: UnixMillis,
}

/// What the stage shows, by its unguessable names.
#[derive(Debug)]
pub struct Stage {
    docket: Arc<dyn Docket>,
    clock: Clock,
    sheets: Mutex<HashMap<String, Sheet>>,
    /// Where it listens, and the port of the pages that may frame it.
    places: OnceLock<(SocketAddr, u16)>,
}

impl Stage {
    /// A stage that does not listen yet.
    #[must_use]
    pub fn new(docket: Arc<dyn Docket>, clock: Clock) -> Self {
        Self { docket, clock, sheets: Mutex::default(), places: OnceLock::new() }
    }

    /// Says where it listens and where the pages are that frame it; once.
    pub fn listens(&self, stage: SocketAddr, pages: SocketAddr) {
        // A second call would be another listener's; the first stays.
        let _ = self.places.set((stage, pages.port()));
    }

    /// Its origin, for the frames' policy; `None` while it does not listen.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        self.places.get().map(|(stage, _)| format!("http://{stage}"))
    }

    /// Shows a document with some uploaded files for ten minutes; tells its URL. `make` is given what a file's digest is shown as.
    ///
    /// # Errors
    /// When the machine has no randomness to give. `None` while it does not listen.
    pub fn show(
        &self,
        files: Vec<[u8; 32]>,
        liberties: Liberties,
        make: impl FnOnce(&dyn Fn(&[u8; 32]) -> String) -> Option<String>,
    ) -> std::io::Result<Option<String>> {
        let Some(origin) = self.origin() else { return Ok(None) };
        let name: String = secret_bytes::<24>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let html = make(&|digest| format!("/{name}/{}", digest_text(digest))).map(Arc::from);
        let now = self.clock.now();
        let mut sheets = held(&self.sheets);
        sheets.retain(|_, sheet| sheet.until > now);
        if sheets.len() >= MOST_SHOWN {
            let oldest = sheets.iter().min_by_key(|(_, sheet)| sheet.until).map(|(name, _)| name.clone());
            oldest.map(|oldest| sheets.remove(&oldest));
        }
        sheets.insert(name.clone(), Sheet { html, files, liberties, until: now.plus_ms(SHOWN_MS) });
        Ok(Some(format!("{origin}/{name}")))
    }

    fn sheet(&self, name: &str) -> Option<Sheet> {
        let now = self.clock.now();
        held(&self.sheets).get(name).filter(|sheet| sheet.until > now).cloned()
    }

    /// The policy under which something is shown: a sandbox first, whatever the page that frames it says.
    fn policy(&self, liberties: Liberties) -> String {
        let sandbox = if liberties.scripts { "sandbox allow-scripts" } else { "sandbox" };
        let scripts = if liberties.scripts { "'unsafe-inline'" } else { "'none'" };
        let media = if liberties.remote { "'self' data: https:" } else { "'self' data:" };
        let port = self.places.get().map_or(0, |(_, port)| *port);
        format!(
            "{sandbox}; default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src {media}; media-src {media}; font-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors http://127.0.0.1:{port} http://localhost:{port}"
        )
    }
}

/// The stage's routes: something that is shown, and its files; nothing else.
pub(in crate::control) fn router(stage: Arc<Stage>) -> Router {
    Router::new()
        .route("/{name}", get(document))
        .route("/{name}/{digest}", get(file))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(stage)
}

type Shared = State<Arc<Stage>>;

async fn document(stage: Shared, headers: HeaderMap, Path(name): Path<String>) -> Response {
    let sheet = stage.sheet(&name).filter(|_| is_asked_by_this_machine(&headers));
    let Some((sheet, html)) = sheet.and_then(|sheet| sheet.html.clone().map(|html| (sheet, html))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    sealed(&stage, sheet.liberties, "text/html; charset=utf-8", html.as_bytes().to_vec())
}

async fn file(stage: Shared, headers: HeaderMap, Path((name, digest)): Path<(String, String)>) -> Response {
    let digest = digest_of(&digest).filter(|_| is_asked_by_this_machine(&headers));
    let sheet = stage.sheet(&name);
    let Some((sheet, digest)) = sheet.zip(digest).filter(|(sheet, digest)| sheet.files.contains(digest)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let docket = stage.docket.clone();
    match tokio::task::spawn_blocking(move || docket.document(&digest)).await {
        Ok(Ok(Some(bytes))) => sealed(&stage, sheet.liberties, kind_of(&bytes), bytes),
        Ok(Ok(None)) => StatusCode::NOT_FOUND.into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn sealed(stage: &Stage, liberties: Liberties, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response();
    let headers = response.headers_mut();
    // Its own text has no character that a header may not have.
    if let Ok(policy) = HeaderValue::from_str(&stage.policy(liberties)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if kind == UNKNOWN {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=(), clipboard-write=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a browser is not asked to show: it is saved.
const UNKNOWN: &str = "application/octet-stream";

/// The kind of a file by its first bytes: only pictures and videos are shown, and never what can carry script.
fn kind_of(bytes: &[u8]) -> &'static str {
    const KINDS: [(usize, &[u8], &str); 7] = [
        (0, b"\x89PNG\r\n\x1a\n", "image/png"),
        (0, b"\xff\xd8\xff", "image/jpeg"),
        (0, b"GIF87a", "image/gif"),
        (0, b"GIF89a", "image/gif"),
        (8, b"WEBP", "image/webp"),
        (4, b"ftyp", "video/mp4"),
        (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    ];
    let is = |(at, magic, _): &&(usize, &[u8], &str)| bytes.get(*at..at + magic.len()) == Some(*magic);
    KINDS.iter().find(is).map_or(UNKNOWN, |(_, _, kind)| *kind)
}

/// Whether `Host` names this machine: a foreign name that was given this address is refused.
fn is_asked_by_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|_| hosts.next().is_none());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    let loopback = |name: &str| {
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    name.is_some_and(loopback)
}
