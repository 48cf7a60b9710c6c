//! One core's connections to the DSPs: pinned, last used first, late answers drained so that their connections live on
//! (performance.md, "A DSP that never answers").

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::address::is_public;
use super::inbox::Inbox;
use crate::clock::Clock;
use crate::ids::DspId;
use crate::market::demand::{Dsp, Endpoint};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OPENRTB_VERSION: HeaderName = HeaderName::from_static("x-openrtb-version");
/// The largest answer that is read, bytes.
const LARGEST_ANSWER: usize = 256 * 1_024;
/// How long after its deadline an answer is still read, so that the connection can be used again.
const DRAIN: Duration = Duration::from_secs(1);
/// Idle connections kept per DSP and core.
const MOST_IDLE: usize = 512;

/// One question to one DSP.
#[derive(Debug)]
pub struct Ask<'d> {
    /// The DSP.
    pub dsp: &'d Dsp,
    /// Its request.
    pub body: Bytes,
    /// Until when its answer counts.
    pub deadline: Instant,
    /// What the answer is handed in with.
    pub tag: usize,
}

/// An answer or its absence.
#[derive(Debug)]
pub struct Answer {
    /// The tag of the question.
    pub tag: usize,
    /// 200: the body; 204: `None`; or why there is nothing.
    pub result: Result<Option<Vec<u8>>, Silence>,
    /// How long it took.
    pub took: Duration,
}

/// Why a DSP's answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Not in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// An address that is not allowed (not on the public internet).
    Forbidden,
    /// A status other than 200 and 204.
    Status,
    /// Not JSON by its content type.
    ContentType,
    /// Larger than 256 KiB.
    TooLarge,
}

impl Silence {
    /// The name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Forbidden => "forbidden",
            Self::Status => "status",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
        }
    }
}

type Sender = SendRequest<Full<Bytes>>;

#[derive(Debug)]
struct Pool {
    endpoint: Endpoint,
    /// The request line's target and the host header, made once; `None` when the endpoint cannot be put into HTTP.
    target: Option<(Uri, HeaderValue)>,
    allow_internal: bool,
    idle: RefCell<Vec<Sender>>,
    in_flight: Cell<usize>,
}

/// The DSP connections of one core. Lives on one thread, within a `LocalSet`.
#[derive(Debug)]
pub struct Bidders {
    clock: Clock,
    pools: RefCell<HashMap<DspId, Rc<Pool>>>,
}

impl Bidders {
    /// No connections yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, pools: RefCell::default() }
    }

    /// Sends a question; its answer arrives in the inbox, at the latest at the deadline. `false` when the cap of requests
    /// in flight to this DSP on this core is reached: nothing is sent, and nothing arrives.
    pub fn ask(&self, ask: Ask<'_>, inbox: &mut Inbox<Answer>) -> bool {
        let pool = self.pool(ask.dsp);
        if pool.in_flight.get() >= ask.dsp.most_in_flight {
            return false;
        }
        let slip = inbox.slip();
        let (clock, tag, started) = (self.clock.clone(), ask.tag, self.clock.instant());
        let answer = move |result| Answer { tag, result, took: clock.instant().saturating_duration_since(started) };
        pool.in_flight.set(pool.in_flight.get() + 1);
        let (body, deadline) = (ask.body, ask.deadline);
        tokio::task::spawn_local(async move {
            let exchange = pool.exchange(body);
            tokio::pin!(exchange);
            match timeout_at(deadline, &mut exchange).await {
                Ok(result) => slip.hand_in(answer(result)),
                Err(_) => {
                    slip.hand_in(answer(Err(Silence::Timeout)));
                    let _ = timeout_at(deadline + DRAIN, exchange).await;
                }
            }
            pool.in_flight.set(pool.in_flight.get() - 1);
        });
        true
    }

    /// Opens connections ahead of traffic, so that the first requests do not pay for them.
    pub async fn warm<'d>(&self, dsps: impl Iterator<Item = &'d Dsp>, each: usize) {
        for dsp in dsps {
            let pool = self.pool(dsp);
            let missing = each.saturating_sub(pool.idle.borrow().len());
            for _ in 0..missing {
                match tokio::time::timeout(DRAIN, pool.connect()).await {
                    Ok(Ok(sender)) => pool.idle.borrow_mut().push(sender),
                    _ => break,
                }
            }
        }
    }

    /// The pool of a DSP; a new one when its endpoint has changed.
    fn pool(&self, dsp: &Dsp) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        let known = pools.get(&dsp.id);
        match known {
            Some(pool) if pool.endpoint == dsp.endpoint && pool.allow_internal == dsp.allow_internal => pool.clone(),
            _ => {
                let host = format!("{}:{}", dsp.endpoint.host, dsp.endpoint.port);
                let target = dsp.endpoint.path.parse().ok().zip(HeaderValue::try_from(host).ok());
                let pool = Rc::new(Pool {
                    endpoint: dsp.endpoint.clone(),
                    target,
                    allow_internal: dsp.allow_internal,
                    idle: RefCell::default(),
                    in_flight: Cell::new(0),
                });
                pools.insert(dsp.id, pool.clone());
                pool
            }
        }
    }
}

impl Pool {
    /// One request and its whole answer. A kept connection that turns out to be closed before anything was sent is
    /// replaced by a new one, once.
    async fn exchange(&self, body: Bytes) -> Result<Option<Vec<u8>>, Silence> {
        let mut sender = match self.idle_connection() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let request = self.request(body)?;
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let request = error.take_message().ok_or(Silence::Connection)?;
                sender = self.connect().await?;
                sender.send_request(request).await.map_err(|_| Silence::Connection)?
            }
        };
        let answer = read(response).await?;
        if sender.ready().await.is_ok() && self.idle.borrow().len() < MOST_IDLE {
            self.idle.borrow_mut().push(sender);
        }
        Ok(answer)
    }

    fn idle_connection(&self) -> Option<Sender> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find(Sender::is_ready)
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, Silence> {
        let (uri, host) = self.target.as_ref().ok_or(Silence::Connection)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, host.clone());
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, JSON);
        headers.insert(OPENRTB_VERSION, HeaderValue::from_static("2.6"));
        Ok(request)
    }

    async fn connect(&self) -> Result<Sender, Silence> {
        let stream = self.dial().await?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| Silence::Connection)?;
        tokio::task::spawn_local(async move {
            // Ends when either side closes; the sender sees it.
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// Connects to the first address that is allowed; the check is on the address that is dialled, after name resolution.
    async fn dial(&self) -> Result<TcpStream, Silence> {
        let addresses = self.resolve().await.map_err(|_| Silence::Connection)?;
        let mut last = Silence::Connection;
        for address in addresses {
            if !self.allow_internal && !is_public(address.ip()) {
                last = Silence::Forbidden;
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(_) => last = Silence::Connection,
            }
        }
        Err(last)
    }

    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.endpoint.host.parse() {
            return Ok(vec![SocketAddr::new(address, self.endpoint.port)]);
        }
        Ok(tokio::net::lookup_host((self.endpoint.host.as_str(), self.endpoint.port)).await?.collect())
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<Option<Vec<u8>>, Silence> {
    let status = response.status();
    let typed = response.headers().get(CONTENT_TYPE);
    // OpenRTB 2.6 §2.4: a missing type is JSON.
    let json = typed.is_none_or(|value| value.to_str().is_ok_and(|text| text.starts_with("application/json")));
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Silence::Connection)?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > LARGEST_ANSWER {
            return Err(Silence::TooLarge);
        }
        bytes.extend_from_slice(data);
    }
    match status {
        StatusCode::NO_CONTENT => Ok(None),
        StatusCode::OK if !json => Err(Silence::ContentType),
        StatusCode::OK => Ok(Some(bytes)),
        _ => Err(Silence::Status),
    }
}
