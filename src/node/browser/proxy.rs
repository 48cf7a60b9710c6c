//! The way out of a browser: a forward proxy on a loopback port of its own, as long as one picture takes. Every connection is resolved and judged by the
//! crawler's rule (R-MALICE, R-LANDING-SAFE), and what was judged is what is connected to: a name that is bound anew leads nowhere.
//!
//! Whoever asks must know the token of this one picture. The browser is told it over its pipe: command lines can be read by every user of a machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::compliance::crawl::{Dialer, Phase, Refusal};
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::scan::listed;
use crate::market::policy::landing::LandingTerms;

/// Connections at once.
const MOST_OPEN: usize = 48;
/// Connections of one picture.
const MOST_CONNECTIONS: u64 = 600;
/// Bytes of one picture, both ways.
const MOST_BYTES: u64 = 48 << 20;
/// A request's head, bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// A request's head arrives within this.
const HEAD: Duration = Duration::from_secs(15);
/// Refusals that are remembered.
const MOST_REFUSED: usize = 32;
/// The name beside the token.
const USER: &str = "pmpx";
/// Whom Chromium asks by itself, whatever it is told: nobody leads there.
const OWN_HOSTS: [&str; 2] = ["accounts.google.com", "update.googleapis.com"];
/// What concerns one connection only (RFC 9110 §7.6.1), or the proxy.
const OWN_HEADERS: [HeaderName; 9] = [
    header::CONNECTION,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
];

/// A proxy that is open as long as this lives.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    gate: Arc<Gate>,
    /// Takes every connection with it when it is dropped.
    _serving: JoinSet<()>,
}

/// Who may go where, and how much is left.
#[derive(Debug)]
struct Gate {
    dialer: Arc<Dialer>,
    terms: LandingTerms,
    /// Whether it may be without TLS.
    plain: bool,
    token: String,
    connections: AtomicU64,
    bytes: AtomicU64,
    refused: Mutex<Vec<Finding>>,
}

/// A connection that was asked for, and the way to where it leads.
type Tunnel = Arc<Mutex<Option<(OnUpgrade, TcpStream)>>>;

impl Proxy {
    /// Opens one, behind a token that nobody has seen.
    pub(super) async fn open(dialer: Arc<Dialer>, terms: LandingTerms, plain: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let token = crate::compliance::digest_text(&crate::clock::secret_bytes::<32>()?);
        let (connections, bytes) = (AtomicU64::new(MOST_CONNECTIONS), AtomicU64::new(MOST_BYTES));
        let gate = Arc::new(Gate { dialer, terms, plain, token, connections, bytes, refused: Mutex::default() });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, gate.clone()));
        Ok(Self { address, gate, _serving: serving })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name and the word that it asks for.
    pub(super) fn credentials(&self) -> (&'static str, &str) {
        (USER, &self.gate.token)
    }

    /// Where was not gone, and why: the first of them.
    pub(super) fn refused(&self) -> Vec<Finding> {
        self.gate.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, gate: Arc<Gate>) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST_OPEN {
            open.join_next().await;
            continue;
        }
        match listener.accept().await {
            Ok((socket, _)) if take(&gate.connections, 1) => drop(open.spawn(serve(socket, gate.clone()))),
            Ok(_) => {}
            // The process is out of files, most likely.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Takes from what is left; whether there was enough.
fn take(left: &AtomicU64, count: u64) -> bool {
    left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count)).is_ok()
}

async fn serve(socket: TcpStream, gate: Arc<Gate>) {
    let tunnel = Tunnel::default();
    let service = service_fn(|request| {
        let (gate, tunnel) = (gate.clone(), tunnel.clone());
        async move { gate.answer(request, &tunnel).await }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LARGEST_HEAD);
    // What a browser does wrong ends its connection and concerns nobody else.
    let _ = builder.serve_connection(TokioIo::new(socket), service).with_upgrades().await;
    let asked = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((upgrade, far)) = asked else { return };
    if let Ok(near) = upgrade.await {
        gate.relay(near, far).await;
    }
}

/// Why somebody is not asked.
#[derive(Debug)]
enum Denied {
    /// By the crawler's rule.
    Crawl(Refusal),
    /// By an entry of a blocklist.
    Listed(String),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Crawl(refusal)
    }
}

impl Denied {
    /// What is told of it. It concerns something that the page loads, not the page: a person weighs what leads into a network or to malware.
    fn finding(self, asked: &str) -> Finding {
        let (heavy, found) = match self {
            Self::Crawl(refusal) => (matches!(refusal, Refusal::Internal(_)), refusal.finding(asked)),
            Self::Listed(entry) => {
                let words = ("the page loads something of a host on a blocklist", "页面加载了黑名单主机上的内容");
                let place = format!("page {asked}");
                (true, Finding::new("R-LANDING-SAFE", "page-listed", Weight::Person, (place, &entry), words))
            }
        };
        Finding { weight: if heavy { Weight::Person } else { Weight::Note }, ..found }
    }
}

/// Why a connection is cut without an answer: a browser shows an answer as if it were the page.
#[derive(Debug, thiserror::Error)]
#[error("not gone there")]
struct Cut;

impl Gate {
    async fn answer(&self, mut request: Request<Incoming>, tunnel: &Tunnel) -> Result<Response<Full<Bytes>>, Cut> {
        if !self.knows(request.headers().get(header::PROXY_AUTHORIZATION)) {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
            let challenge = HeaderValue::from_static("Basic realm=\"pmpx\"");
            answer.headers_mut().insert(header::PROXY_AUTHENTICATE, challenge);
            return Ok(answer);
        }
        let host = request.uri().host().unwrap_or_default().to_ascii_lowercase();
        if OWN_HOSTS.contains(&host.as_str()) {
            return Err(Cut);
        }
        if *request.method() != Method::CONNECT {
            let asked = format!("http://{host}:{}/", request.uri().port_u16().unwrap_or(80));
            return self.plain(request, &host, &asked).await.map_err(|denied| self.refuse(denied.finding(&asked)));
        }
        let port = request.uri().port_u16().unwrap_or(443);
        let asked = format!("https://{host}:{port}/");
        let far = self.reach((&host, port, &asked), &self.terms.reach.ports).await;
        let far = far.map_err(|denied| self.refuse(denied.finding(&asked)))?;
        let upgrade = hyper::upgrade::on(&mut request);
        *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, far));
        Ok(Response::new(Full::default()))
    }

    /// Whether the token is known.
    fn knows(&self, given: Option<&HeaderValue>) -> bool {
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{}", self.token)));
        given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
    }

    fn refuse(&self, found: Finding) -> Cut {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MOST_REFUSED && !refused.contains(&found) {
            refused.push(found);
        }
        Cut
    }

    /// A connection to an address that was judged just now.
    async fn reach(&self, (host, port, asked): (&str, u16, &str), ports: &[u16]) -> Result<TcpStream, Denied> {
        if !ports.contains(&port) {
            return Err(Refusal::Port(port).into());
        }
        let url = Url::parse(asked).map_err(|error| Refusal::Malformed(error.to_string()))?;
        if let Some(entry) = listed(&url, &self.terms.blocklists) {
            return Err(Denied::Listed(entry));
        }
        let judged = self.dialer.judged(host, port).await?;
        Ok(self.dialer.connect(&judged).await?)
    }

    /// A request without TLS, for those who may do without it: only what a page that is looked at needs.
    async fn plain(
        &self,
        request: Request<Incoming>,
        host: &str,
        asked: &str,
    ) -> Result<Response<Full<Bytes>>, Denied> {
        let scheme = request.uri().scheme_str().unwrap_or_default();
        if !self.plain || scheme != "http" || !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Scheme(format!("{} {scheme}", request.method())).into());
        }
        let port = request.uri().port_u16().unwrap_or(80);
        let far = self.reach((host, port, asked), &self.terms.reach.plain_ports).await?;
        let limits = &self.terms.limits;
        let wrong = |error: hyper::Error| Refusal::Protocol(error.to_string());
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder.max_buf_size(limits.largest_head.max(8 << 10));
        let (mut sender, connection) = builder.handshake(TokioIo::new(far)).await.map_err(wrong)?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let asking = timeout(limits.head, sender.send_request(onward(&request)?)).await;
        let answer = asking.map_err(|_| Refusal::Slow(Phase::Head))?.map_err(wrong)?;
        let (mut parts, body) = answer.into_parts();
        let most = limits.largest_body;
        let whole = Limited::new(body, most).collect().await.map_err(|_| Refusal::LargeBody(most))?.to_bytes();
        if !take(&self.bytes, whole.len() as u64) {
            return Err(Refusal::Busy("bytes of a picture").into());
        }
        OWN_HEADERS.iter().for_each(|own| drop(parts.headers.remove(own)));
        Ok(Response::from_parts(parts, Full::new(whole)))
    }

    /// Both ways, until both have ended or there is too much of it.
    async fn relay(&self, near: Upgraded, far: TcpStream) {
        let (mut near_from, mut near_to) = tokio::io::split(TokioIo::new(near));
        let (mut far_from, mut far_to) = far.into_split();
        let up = self.pump(&mut near_from, &mut far_to);
        let down = self.pump(&mut far_from, &mut near_to);
        let _ = tokio::try_join!(up, down);
    }

    async fn pump(&self, from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut piece = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut piece).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            if !take(&self.bytes, read as u64) {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            to.write_all(piece.get(..read).unwrap_or_default()).await?;
        }
    }
}

/// A browser's request as its server is asked it.
fn onward(request: &Request<Incoming>) -> Result<Request<Empty<Bytes>>, Refusal> {
    let malformed = |error: &dyn std::fmt::Display| Refusal::Malformed(error.to_string());
    let uri = request.uri();
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    let authority = uri.authority().map_or("", |it| it.as_str());
    // A user and a password would stand before it.
    if authority.contains('@') {
        return Err(Refusal::Credentials);
    }
    let mut asked = Request::builder().method(request.method()).uri(path).header(header::HOST, authority);
    for (name, value) in request.headers() {
        if !OWN_HEADERS.contains(name) && !name.as_str().starts_with("proxy-") && name.as_str() != "keep-alive" {
            asked = asked.header(name, value);
        }
    }
    asked.header(header::CONNECTION, "close").body(Empty::new()).map_err(|error| malformed(&error))
}
