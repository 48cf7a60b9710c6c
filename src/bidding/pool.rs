//! One core's connections to one endpoint. HTTP/1.1: pinned, the last used first, one question each. HTTP/2: few, shared.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::rt::{Executor, Read, Write};
use hyper::{HeaderMap, Method, Request, Uri, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::answer::{LARGEST_ANSWER, Silence, read};
use super::dial::{Dialer, Lookup, Stream};
use crate::clock::{Chance, Clock};
use crate::ids::DspId;
use crate::market::demand::{Dsp, Endpoint, Transport};
use crate::metrics::{DspCounts, Metrics};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const OPENRTB_VERSION: HeaderName = HeaderName::from_static("x-openrtb-version");
/// Idle HTTP/1.1 connections kept per DSP and core.
const MOST_IDLE: usize = 512;
/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// A connection is used for so long, and a minute more or less by chance, so that a DSP's new address is found.
const LIFE: Duration = Duration::from_secs(300);
/// HTTP/2 connections per DSP and core.
const MOST_SHARED: usize = 4;
/// Questions on one HTTP/2 connection before another one is opened. The other side's own limit holds besides.
const STREAMS: usize = 64;
/// The largest head of an answer, bytes.
const LARGEST_HEAD: usize = 64 * 1_024;

type Body = Full<Bytes>;

/// What the pools of a core share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) clock: Clock,
    pub(super) chance: RefCell<Chance>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lookup: Lookup,
}

impl House {
    fn counts(&self, dsp: DspId) -> Option<&DspCounts> {
        self.metrics.dsps.get(dsp)
    }
}

/// A question as it is sent.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) body: Bytes,
    pub(super) packed: bool,
    /// Nothing is sent any more after this.
    pub(super) deadline: Instant,
}

/// What is the same in every request to an endpoint.
#[derive(Debug)]
struct Head {
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    /// `None` when the endpoint cannot be put into HTTP.
    fn new(endpoint: &Endpoint, transport: &Transport) -> Option<Self> {
        let usual = if endpoint.tls { 443 } else { 80 };
        let authority = match endpoint.port {
            port if port == usual => endpoint.host.clone(),
            port => format!("{}:{port}", endpoint.host),
        };
        let scheme = if endpoint.tls { "https" } else { "http" };
        let mut headers = HeaderMap::with_capacity(8 + transport.headers.len());
        // HTTP/2 has the authority in the target (RFC 9113 §8.3.1).
        let uri = if transport.http2 {
            format!("{scheme}://{authority}{}", endpoint.path)
        } else {
            headers.insert(HOST, HeaderValue::try_from(authority).ok()?);
            endpoint.path.clone()
        };
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, JSON);
        headers.insert(OPENRTB_VERSION, HeaderValue::from_static(transport.openrtb.name()));
        if transport.gzip_answers {
            headers.insert(ACCEPT_ENCODING, GZIP);
        }
        headers.extend(transport.headers.iter().cloned());
        Some(Self { uri: uri.parse().ok()?, headers })
    }

    fn request(&self, question: Question, version: Version) -> Request<Body> {
        let mut request = Request::new(Full::new(question.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = version;
        *request.headers_mut() = self.headers.clone();
        if question.packed {
            request.headers_mut().insert(CONTENT_ENCODING, GZIP);
        }
        request
    }
}

/// A kept HTTP/1.1 connection.
#[derive(Debug)]
struct Pinned {
    sender: http1::SendRequest<Body>,
    used: Instant,
    until: Instant,
}

/// A shared HTTP/2 connection.
#[derive(Debug, Clone)]
struct Shared {
    sender: http2::SendRequest<Body>,
    streams: Rc<Cell<usize>>,
    until: Instant,
}

/// One core's connections to one endpoint.
#[derive(Debug)]
pub(super) struct Pool {
    house: Rc<House>,
    dsp: DspId,
    endpoint: Endpoint,
    allow_internal: bool,
    transport: Arc<Transport>,
    head: Option<Head>,
    dialer: Result<Dialer, Silence>,
    pinned: RefCell<Vec<Pinned>>,
    shared: RefCell<Vec<Shared>>,
    /// Whether an HTTP/2 connection is being made, and when that has ended.
    dialling: Cell<bool>,
    dialled: Notify,
    in_flight: Cell<usize>,
    asked: Cell<Instant>,
}

impl Pool {
    pub(super) fn new(dsp: &Dsp, house: Rc<House>) -> Self {
        let (endpoint, transport) = (&dsp.endpoint, &dsp.transport);
        let dialer = Dialer::new(endpoint, transport, dsp.allow_internal, house.clock.clone(), house.lookup);
        Self {
            dsp: dsp.id,
            endpoint: endpoint.clone(),
            allow_internal: dsp.allow_internal,
            transport: transport.clone(),
            head: Head::new(endpoint, transport),
            dialer,
            pinned: RefCell::default(),
            shared: RefCell::default(),
            dialling: Cell::new(false),
            dialled: Notify::new(),
            in_flight: Cell::new(0),
            asked: Cell::new(house.clock.instant()),
            house,
        }
    }

    /// Whether it leads where this DSP's config says.
    pub(super) fn is_for(&self, dsp: &Dsp) -> bool {
        let same = Arc::ptr_eq(&self.transport, &dsp.transport) || self.transport == dsp.transport;
        same && self.endpoint == dsp.endpoint && self.allow_internal == dsp.allow_internal
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// A place among the questions in flight, until it is dropped.
    pub(super) fn enter(self: &Rc<Self>, now: Instant) -> Flight {
        self.asked.set(now);
        self.in_flight.set(self.in_flight.get() + 1);
        if let Some(counts) = self.house.counts(self.dsp) {
            counts.in_flight.up();
        }
        Flight(self.clone())
    }

    /// One question and its whole answer.
    pub(super) async fn exchange(&self, question: Question) -> Result<Option<Vec<u8>>, Silence> {
        if self.transport.http2 { Box::pin(self.over_http2(question)).await } else { self.over_http1(question).await }
    }

    /// A kept connection that turns out to be closed before anything was sent is replaced by a new one, once.
    async fn over_http1(&self, question: Question) -> Result<Option<Vec<u8>>, Silence> {
        let head = self.head.as_ref().ok_or(Silence::Protocol)?;
        let deadline = question.deadline;
        let mut pinned = match self.idle() {
            Some(pinned) => pinned,
            None => self.connect_in_time(deadline).await?,
        };
        let request = head.request(question, Version::HTTP_11);
        let response = match pinned.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let Some(request) = error.take_message() else { return Err(Silence::of(error.error())) };
                pinned = self.connect_in_time(deadline).await?;
                pinned.sender.send_request(request).await.map_err(|error| Silence::of(&error))?
            }
        };
        let answer = read(response).await;
        // What was read to its end leaves a connection that can be used again, whatever was in it; nobody waits for the rest of
        // what is too large.
        let read_to_its_end = !matches!(answer, Err(Silence::TooLarge | Silence::Connection | Silence::Protocol));
        if read_to_its_end && pinned.sender.ready().await.is_ok() {
            self.keep(pinned);
        }
        answer
    }

    /// A new connection for a question. When it is too late to send one, the connection is kept for the next.
    async fn connect_in_time(&self, deadline: Instant) -> Result<Pinned, Silence> {
        let pinned = Box::pin(self.pin_one()).await?;
        if self.house.clock.instant() < deadline {
            return Ok(pinned);
        }
        self.keep(pinned);
        Err(Silence::Timeout)
    }

    fn idle(&self) -> Option<Pinned> {
        let mut pinned = self.pinned.borrow_mut();
        std::iter::from_fn(|| pinned.pop()).find(|pinned| pinned.sender.is_ready())
    }

    fn keep(&self, mut pinned: Pinned) {
        pinned.used = self.house.clock.instant();
        let mut kept = self.pinned.borrow_mut();
        if kept.len() < MOST_IDLE && pinned.used < pinned.until {
            kept.push(pinned);
        }
    }

    async fn pin_one(&self) -> Result<Pinned, Silence> {
        let sender = match self.dialer()?.dial().await? {
            Stream::Plain(stream) => self.speak_http1(TokioIo::new(stream)).await?,
            Stream::Tls(stream) => self.speak_http1(TokioIo::new(stream)).await?,
        };
        Ok(Pinned { sender, used: self.house.clock.instant(), until: self.end_of_life() })
    }

    async fn speak_http1<I>(&self, io: I) -> Result<http1::SendRequest<Body>, Silence>
    where
        I: Read + Write + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD);
        let (sender, connection) = builder.handshake(io).await.map_err(|error| Silence::of(&error))?;
        let line = Line::new(&self.house, self.dsp);
        tokio::task::spawn_local(async move {
            // Ends when either side closes; the sender sees it.
            let _ = connection.await;
            drop(line);
        });
        Ok(sender)
    }

    async fn over_http2(&self, question: Question) -> Result<Option<Vec<u8>>, Silence> {
        let head = self.head.as_ref().ok_or(Silence::Protocol)?;
        let deadline = question.deadline;
        let mut shared = self.share_one().await?;
        if self.house.clock.instant() >= deadline {
            return Err(Silence::Timeout);
        }
        let request = head.request(question, Version::HTTP_2);
        let response = match shared.1.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                // It went away (GOAWAY, or the connection's end) before the question was sent.
                let Some(request) = error.take_message() else { return Err(Silence::of(error.error())) };
                shared = self.share_one().await?;
                shared.1.sender.send_request(request).await.map_err(|error| Silence::of(&error))?
            }
        };
        let answer = read(response).await;
        shared.0.answered = true;
        answer
    }

    /// A place on a connection: the one with the fewest questions, or a new one, of which one is made at a time.
    async fn share_one(&self) -> Result<(Place<'_>, Shared), Silence> {
        if let Some(found) = self.place() {
            return Ok(found);
        }
        if self.dialling.get() {
            self.dialled.notified().await;
            return self.place().ok_or(Silence::Connection);
        }
        let dialling = Dialling::begin(self);
        let made = Box::pin(self.open_one()).await;
        if let Ok(shared) = &made {
            self.shared.borrow_mut().push(shared.clone());
        }
        drop(dialling);
        made?;
        self.place().ok_or(Silence::Connection)
    }

    fn place(&self) -> Option<(Place<'_>, Shared)> {
        let now = self.house.clock.instant();
        let mut shared = self.shared.borrow_mut();
        shared.retain(|it| it.sender.is_ready() && now < it.until);
        let least = shared.iter().min_by_key(|it| it.streams.get())?;
        if least.streams.get() >= STREAMS && shared.len() < MOST_SHARED {
            return None;
        }
        least.streams.set(least.streams.get() + 1);
        Some((Place { pool: self, streams: least.streams.clone(), answered: false }, least.clone()))
    }

    async fn open_one(&self) -> Result<Shared, Silence> {
        let sender = match self.dialer()?.dial().await? {
            Stream::Plain(stream) => self.speak_http2(TokioIo::new(stream)).await?,
            Stream::Tls(stream) => self.speak_http2(TokioIo::new(stream)).await?,
        };
        Ok(Shared { sender, streams: Rc::default(), until: self.end_of_life() })
    }

    async fn speak_http2<I>(&self, io: I) -> Result<http2::SendRequest<Body>, Silence>
    where
        I: Read + Write + Unpin + 'static,
    {
        let mut builder = http2::Builder::new(Local);
        builder
            .timer(TokioTimer::new())
            // Until the other side has told its limit: what is above it would be refused.
            .initial_max_send_streams(Some(1))
            .max_header_list_size(LARGEST_HEAD as u32)
            .initial_stream_window_size(LARGEST_ANSWER as u32)
            .initial_connection_window_size(4 * LARGEST_ANSWER as u32);
        let (sender, connection) = builder.handshake(io).await.map_err(|error| Silence::of(&error))?;
        let line = Line::new(&self.house, self.dsp);
        tokio::task::spawn_local(async move {
            let _ = connection.await;
            drop(line);
        });
        Ok(sender)
    }

    fn dialer(&self) -> Result<&Dialer, Silence> {
        self.dialer.as_ref().map_err(|silence| *silence)
    }

    fn end_of_life(&self) -> Instant {
        let more = self.house.chance.borrow_mut().below(60_000);
        self.house.clock.instant() + LIFE + Duration::from_millis(more.into())
    }

    /// Opens so many connections ahead of traffic; one, where it is shared.
    pub(super) async fn warm(&self, each: usize) {
        if self.transport.http2 {
            let _ = self.share_one().await.map(|(mut place, _)| place.answered = true);
            return;
        }
        let missing = each.saturating_sub(self.pinned.borrow().len());
        for _ in 0..missing {
            match Box::pin(self.pin_one()).await {
                Ok(pinned) => self.keep(pinned),
                Err(_) => return,
            }
        }
    }

    /// Closes what was idle for too long; tells whether anything is left to keep it for.
    pub(super) fn sweep(&self, now: Instant) -> bool {
        let fresh = |used: Instant| now.saturating_duration_since(used) < IDLE;
        self.pinned.borrow_mut().retain(|it| fresh(it.used) && it.sender.is_ready());
        let asked = fresh(self.asked.get());
        self.shared.borrow_mut().retain(|it| it.sender.is_ready() && (asked || it.streams.get() > 0));
        asked || self.in_flight.get() > 0
    }
}

/// A question in flight.
#[derive(Debug)]
pub(super) struct Flight(pub(super) Rc<Pool>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
        if let Some(counts) = self.0.house.counts(self.0.dsp) {
            counts.in_flight.down();
        }
    }
}

/// A question's place on a shared connection.
struct Place<'p> {
    pool: &'p Pool,
    streams: Rc<Cell<usize>>,
    /// Whether an answer came. A connection on which one did not, also not late, is used no more: it may lead nowhere.
    answered: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.streams.set(self.streams.get() - 1);
        if !self.answered {
            self.pool.shared.borrow_mut().retain(|it| !Rc::ptr_eq(&it.streams, &self.streams));
        }
    }
}

/// While a shared connection is made; whoever waits is told when that has ended, also by giving up.
struct Dialling<'p>(&'p Pool);

impl<'p> Dialling<'p> {
    fn begin(pool: &'p Pool) -> Self {
        pool.dialling.set(true);
        Self(pool)
    }
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.dialling.set(false);
        self.0.dialled.notify_waiters();
    }
}

/// An open connection, as it is counted.
struct Line(Arc<Metrics>, DspId);

impl Line {
    fn new(house: &House, dsp: DspId) -> Self {
        if let Some(counts) = house.counts(dsp) {
            counts.connections.up();
        }
        Self(house.metrics.clone(), dsp)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(counts) = self.0.dsps.get(self.1) {
            counts.connections.down();
        }
    }
}

/// Runs what an HTTP/2 connection needs on the core's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
