//! A bounded HTTP/1.1 client for one server: pinned connections, the last used first.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// No answer here needs more; one that is larger is broken.
const LARGEST_ANSWER: usize = 4 << 20;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made.
    Connect(String),
    /// The connection ended or the answer was not HTTP.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(why) => write!(out, "no connection: {why}"),
            Self::Broken(why) => write!(out, "broken answer: {why}"),
        }
    }
}

type Sender = SendRequest<Full<Bytes>>;

#[derive(Debug)]
struct Inner {
    authority: String,
    address: SocketAddr,
    idle: Mutex<Vec<Sender>>,
    permits: Semaphore,
}

/// The client. Clones share their connections; use them on one runtime.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl Client {
    /// For a server at `host:port`, with at most that many connections; a request beyond them waits for its turn.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    pub fn new(authority: &str, connections: usize) -> io::Result<Self> {
        let address = authority.to_socket_addrs()?.next();
        let address =
            address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{authority}: no address")))?;
        let inner = Inner {
            authority: authority.to_owned(),
            address,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(connections.max(1)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.inner.authority
    }

    /// Sends a request and reads the whole answer. Set no time limit inside: drop the future and its connection closes.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let broken = |error: &dyn fmt::Display| Failure::Broken(error.to_string());
        let _permit = self.inner.permits.acquire().await.map_err(|error| broken(&error))?;
        if !request.headers().contains_key(HOST) {
            let host = self.inner.authority.parse().map_err(|error| broken(&error))?;
            request.headers_mut().insert(HOST, host);
        }
        loop {
            let mut sender = self.connection().await?;
            let answer = match sender.try_send_request(request).await {
                Ok(answer) => answer,
                Err(mut error) => match error.take_message() {
                    // An idle connection that the server had closed: nothing was sent, so another one may try.
                    Some(unsent) => {
                        request = unsent;
                        continue;
                    }
                    None => return Err(Failure::Broken(error.error().to_string())),
                },
            };
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| broken(&error))?.to_bytes();
            self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            return Ok(Answer { status: head.status, headers: head.headers, body });
        }
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// As [`Client::send`]; also when the target is no path.
    pub async fn get(&self, target: &str) -> Result<Answer, Failure> {
        let request = Request::get(target).body(Full::default());
        self.send(request.map_err(|error| Failure::Broken(format!("{target}: {error}")))?).await
    }

    async fn connection(&self) -> Result<Sender, Failure> {
        loop {
            let last = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut sender) = last else { break };
            if !sender.is_closed() && sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let refused = |error: &dyn fmt::Display| Failure::Connect(error.to_string());
        let socket = TcpStream::connect(self.inner.address).await.map_err(|error| refused(&error))?;
        socket.set_nodelay(true).map_err(|error| refused(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(|error| refused(&error))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
