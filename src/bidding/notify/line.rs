//! Connections to where notices go: HTTP/1.1, a few kept per host, few hosts per DSP; every address is judged when it is dialled.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};

use super::super::answer::Silence;
use super::super::dial::{Dialer, Lookup, Stream};
use crate::clock::Clock;
use crate::ids::DspId;
use crate::market::demand::{Endpoint, Transport};

/// Hosts of one DSP with connections at most; a click monitor's are counted together.
const MOST_HOSTS: usize = 16;
/// Idle connections kept per host.
const MOST_IDLE: usize = 16;
/// A connection that nobody used for so long is closed: sooner than a server would, so that no call meets a closed one.
const IDLE: Duration = Duration::from_secs(20);
/// The most that is read of an answer's body, bytes; nothing of it is kept.
const LARGEST_BODY: usize = 64 * 1_024;
/// The largest head of an answer, bytes.
const LARGEST_HEAD: usize = 16 * 1_024;

type Sender = http1::SendRequest<Empty<Bytes>>;

/// How somebody may be spoken to.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// Whether an address that is not on the public internet may be dialled.
    pub(super) allow_internal: bool,
    /// The authorities that are trusted; headers of bid requests are not sent with notices.
    pub(super) transport: Arc<Transport>,
}

/// All connections. Lives on one thread, within a `LocalSet`.
#[derive(Debug)]
pub(super) struct Lines {
    clock: Clock,
    lookup: Lookup,
    call: Duration,
    lines: RefCell<HashMap<Option<DspId>, Vec<Rc<Line>>>>,
}

impl Lines {
    pub(super) fn new(clock: Clock, lookup: Lookup, call: Duration) -> Self {
        Self { clock, lookup, call, lines: RefCell::default() }
    }

    /// One GET. A status of 2xx counts whatever the body does.
    pub(super) async fn get(&self, to: Option<DspId>, manner: &Manner, target: &Endpoint) -> Result<(), Silence> {
        let line = self.line(to, manner, target);
        let status = Cell::new(None);
        let done = timeout(self.call, line.get(&target.path, &self.clock, &status)).await;
        match (status.get(), done) {
            (Some(status), _) if StatusCode::is_success(&status) => Ok(()),
            (Some(status), _) => Err(Silence::Status(status.as_u16())),
            (None, Ok(Err(silence))) => Err(silence),
            (None, _) => Err(Silence::Timeout),
        }
    }

    /// The connections to a target's host; new ones when how its owner may be spoken to has changed.
    fn line(&self, to: Option<DspId>, manner: &Manner, target: &Endpoint) -> Rc<Line> {
        let now = self.clock.instant();
        let mut lines = self.lines.borrow_mut();
        let own = lines.entry(to).or_default();
        own.retain(|line| now.saturating_duration_since(line.used.get()) < IDLE || Rc::strong_count(line) > 1);
        if let Some(line) = own.iter().find(|line| line.is_for(manner, target)) {
            line.used.set(now);
            return line.clone();
        }
        if own.len() >= MOST_HOSTS
            && let Some(oldest) = (0..own.len()).min_by_key(|place| own.get(*place).map(|line| line.used.get()))
        {
            own.swap_remove(oldest);
        }
        let line = Rc::new(Line::new(manner.clone(), target.clone(), self.lookup, &self.clock));
        own.push(line.clone());
        line
    }
}

/// A kept connection.
#[derive(Debug)]
struct Idle {
    sender: Sender,
    used: Instant,
}

/// Connections to one host.
#[derive(Debug)]
struct Line {
    manner: Manner,
    target: Endpoint,
    dialer: Result<Dialer, Silence>,
    authority: Option<HeaderValue>,
    idle: RefCell<Vec<Idle>>,
    used: Cell<Instant>,
}

impl Line {
    fn new(manner: Manner, target: Endpoint, lookup: Lookup, clock: &Clock) -> Self {
        // Notices are HTTP/1.1, whatever the DSP's bid requests are.
        let transport = Transport { authorities: manner.transport.authorities.clone(), ..Transport::default() };
        let dialer = Dialer::new(&target, &transport, manner.allow_internal, clock.clone(), lookup);
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
        let usual = if target.tls { 443 } else { 80 };
        let authority = if target.port == usual { host } else { format!("{host}:{}", target.port) };
        let (authority, used) = (HeaderValue::try_from(authority).ok(), Cell::new(clock.instant()));
        Self { manner, target, dialer, authority, idle: RefCell::default(), used }
    }

    fn is_for(&self, manner: &Manner, target: &Endpoint) -> bool {
        let place = |it: &Endpoint| (it.tls, it.port);
        let same = Arc::ptr_eq(&self.manner.transport, &manner.transport)
            || self.manner.transport.authorities == manner.transport.authorities;
        same && self.manner.allow_internal == manner.allow_internal
            && place(&self.target) == place(target)
            && self.target.host == target.host
    }

    /// A kept connection that turns out to be closed before anything was sent is replaced by a new one, once.
    async fn get(&self, path: &str, clock: &Clock, status: &Cell<Option<StatusCode>>) -> Result<(), Silence> {
        let request = self.request(path).ok_or(Silence::Protocol)?;
        let mut sender = match self.kept(clock.instant()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let Some(request) = error.take_message() else { return Err(Silence::of(error.error())) };
                sender = self.connect().await?;
                sender.send_request(request).await.map_err(|error| Silence::of(&error))?
            }
        };
        status.set(Some(response.status()));
        if is_read_to_its_end(response.into_body()).await && sender.ready().await.is_ok() {
            let mut idle = self.idle.borrow_mut();
            if idle.len() < MOST_IDLE {
                idle.push(Idle { sender, used: clock.instant() });
            }
        }
        Ok(())
    }

    fn request(&self, path: &str) -> Option<Request<Empty<Bytes>>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = path.parse().ok()?;
        request.headers_mut().insert(HOST, self.authority.clone()?);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
        Some(request)
    }

    fn kept(&self, now: Instant) -> Option<Sender> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|it| now.saturating_duration_since(it.used) < IDLE && it.sender.is_ready());
        idle.pop().map(|it| it.sender)
    }

    async fn connect(&self) -> Result<Sender, Silence> {
        let dialer = self.dialer.as_ref().map_err(|silence| *silence)?;
        match dialer.dial().await? {
            Stream::Plain(stream) => speak(TokioIo::new(stream)).await,
            Stream::Tls(stream) => speak(TokioIo::new(stream)).await,
        }
    }
}

async fn speak<I>(io: I) -> Result<Sender, Silence>
where
    I: Read + Write + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD);
    let (sender, connection) = builder.handshake(io).await.map_err(|error| Silence::of(&error))?;
    tokio::task::spawn_local(async move {
        // Ends when either side closes; the sender sees it.
        let _ = connection.await;
    });
    Ok(sender)
}

/// Whether a body came whole within its bound, so that its connection can be used again.
async fn is_read_to_its_end(mut body: Incoming) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > LARGEST_BODY {
            return false;
        }
    }
    true
}
