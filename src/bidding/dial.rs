//! The way to a new connection: name, address, TCP, TLS. Every address that is dialled is judged, after the name is resolved, so a
//! name that is bound anew to an internal address leads nowhere.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::Silence;
use crate::clock::Clock;
use crate::market::demand::{Endpoint, Transport};
use crate::market::network::is_public;

/// A connection with its handshake is made within this.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
/// One address of several may take this long.
const EACH: Duration = Duration::from_millis(400);
/// How long a resolved name is used; the resolver does not tell the record's own time to live.
const FRESH: Duration = Duration::from_secs(30);
/// How long it is used when it cannot be resolved anew.
const STALE: Duration = Duration::from_secs(600);
/// A failed resolution is repeated after this.
const AGAIN: Duration = Duration::from_secs(1);
/// One resolution takes at most this.
const RESOLVE: Duration = Duration::from_secs(5);

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>>>>;
/// Resolves a name.
pub(super) type Lookup = fn(String, u16) -> Addresses;

/// The machine's own resolver.
pub(super) fn system_lookup(host: String, port: u16) -> Addresses {
    Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
}

/// A connected stream.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Makes connections to one endpoint.
#[derive(Debug)]
pub(super) struct Dialer {
    names: Rc<Names>,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    /// The protocol that TLS must agree on.
    http2: bool,
    allow_internal: bool,
    turn: Cell<usize>,
}

impl Dialer {
    /// # Errors
    /// [`Silence::Tls`] when no TLS can be spoken to such a host.
    pub(super) fn new(
        endpoint: &Endpoint,
        transport: &Transport,
        allow_internal: bool,
        clock: Clock,
        lookup: Lookup,
    ) -> Result<Self, Silence> {
        let tls = if endpoint.tls {
            let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| Silence::Tls)?;
            Some((name, client_config(transport)?))
        } else {
            None
        };
        let names = Rc::new(Names::new(endpoint, clock, lookup));
        Ok(Self { names, tls, http2: transport.http2, allow_internal, turn: Cell::new(0) })
    }

    /// A connection, within [`CONNECT`].
    pub(super) async fn dial(&self) -> Result<Stream, Silence> {
        timeout(CONNECT, self.connect()).await.unwrap_or(Err(Silence::Connection))
    }

    async fn connect(&self) -> Result<Stream, Silence> {
        let stream = self.reach().await?;
        let _ = stream.set_nodelay(true);
        let Some((name, config)) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let connector = TlsConnector::from(config.clone());
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| {
            // An alert or a refused certificate is told as data that is invalid; anything else is the connection's end.
            if error.kind() == io::ErrorKind::InvalidData { Silence::Tls } else { Silence::Connection }
        })?;
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(Silence::Protocol);
        }
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// The first of the allowed addresses that can be connected to, another one first each time.
    async fn reach(&self) -> Result<TcpStream, Silence> {
        let addresses = self.names.addresses().await.map_err(|_| Silence::Connection)?;
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let mut last = Silence::Connection;
        for place in 0..addresses.len() {
            let address = addresses[(turn + place) % addresses.len()];
            if !self.allow_internal && !is_public(address.ip()) {
                last = Silence::Forbidden;
                continue;
            }
            match timeout(EACH, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                _ => last = Silence::Connection,
            }
        }
        Err(last)
    }
}

/// TLS 1.2 and 1.3 with verified certificates; sessions are resumed.
fn client_config(transport: &Transport) -> Result<Arc<ClientConfig>, Silence> {
    let mut roots = RootCertStore::empty();
    match &transport.authorities {
        Some(authorities) => {
            roots.add_parsable_certificates(authorities.iter().cloned());
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.map_err(|_| Silence::Tls)?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![if transport.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Arc::new(config))
}

/// What a name resolved to.
#[derive(Debug)]
struct Known {
    addresses: Rc<[SocketAddr]>,
    /// When they were found.
    since: Instant,
    /// When it is resolved anew.
    again: Instant,
}

/// The addresses of one host: resolved by one task at a time, whoever waits for it.
#[derive(Debug)]
struct Names {
    host: String,
    port: u16,
    /// The host, if it is an address.
    fixed: Option<SocketAddr>,
    clock: Clock,
    lookup: Lookup,
    known: RefCell<Known>,
    looking: Cell<bool>,
    looked: Notify,
}

impl Names {
    fn new(endpoint: &Endpoint, clock: Clock, lookup: Lookup) -> Self {
        let fixed = endpoint.host.parse().ok().map(|address| SocketAddr::new(address, endpoint.port));
        let now = clock.instant();
        let known = RefCell::new(Known { addresses: Rc::new([]), since: now, again: now });
        let (looking, looked) = (Cell::new(false), Notify::new());
        Self { host: endpoint.host.clone(), port: endpoint.port, fixed, clock, lookup, known, looking, looked }
    }

    async fn addresses(self: &Rc<Self>) -> io::Result<Rc<[SocketAddr]>> {
        if let Some(address) = self.fixed {
            return Ok(Rc::new([address]));
        }
        if self.clock.instant() >= self.known.borrow().again && !self.looking.replace(true) {
            tokio::task::spawn_local(self.clone().look());
        }
        if self.usable().is_empty() && self.looking.get() {
            self.looked.notified().await;
        }
        let found = self.usable();
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }

    /// What is known, unless it is too old.
    fn usable(&self) -> Rc<[SocketAddr]> {
        let known = self.known.borrow();
        let old = self.clock.instant().saturating_duration_since(known.since) >= STALE;
        if old { Rc::new([]) } else { known.addresses.clone() }
    }

    /// Not a part of any question: one that gives up does not start another look-up.
    async fn look(self: Rc<Self>) {
        let found = timeout(RESOLVE, (self.lookup)(self.host.clone(), self.port)).await;
        let now = self.clock.instant();
        {
            let mut known = self.known.borrow_mut();
            match found {
                Ok(Ok(found)) if !found.is_empty() => {
                    *known = Known { addresses: found.into(), since: now, again: now + FRESH };
                }
                _ => known.again = now + AGAIN,
            }
        }
        self.looking.set(false);
        self.looked.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::LocalSet;

    static LOOKED: AtomicUsize = AtomicUsize::new(0);

    /// A resolver that binds the name to another address each time: public, internal, nothing.
    #[allow(clippy::needless_pass_by_value, reason = "as every look-up")]
    fn rebinding(host: String, port: u16) -> Addresses {
        assert_eq!(host, "dsp.example");
        let turn = LOOKED.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match turn {
                0 => Ok(vec![SocketAddr::new([192, 88, 98, 1].into(), port)]),
                1 => Ok(vec![SocketAddr::new([127, 0, 0, 1].into(), port)]),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    fn endpoint(port: u16) -> Endpoint {
        Endpoint { tls: false, host: "dsp.example".into(), port, path: "/".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_kept_looked_up_once_and_judged_each_time() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        LocalSet::new()
            .run_until(async {
                let clock = Clock::system();
                let endpoint = endpoint(port);
                let dialer = Dialer::new(&endpoint, &Transport::default(), false, clock, rebinding).unwrap();
                let first = at_once(&dialer).await;
                assert_eq!(
                    (first[0].ip(), LOOKED.load(Ordering::SeqCst)),
                    ([192, 88, 98, 1].into(), 1),
                    "once for all"
                );
                tokio::time::advance(FRESH).await;
                let _ = dialer.names.addresses().await;
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                // Rebound to loopback, where somebody listens: nothing is dialled.
                assert_eq!(LOOKED.load(Ordering::SeqCst), 2);
                assert!(matches!(dialer.dial().await, Err(Silence::Forbidden)));
                // It cannot be resolved any more: the last answer is used for a while, then not.
                tokio::time::advance(FRESH).await;
                let _ = dialer.names.addresses().await;
                tokio::task::yield_now().await;
                let stale = dialer.names.addresses().await.unwrap();
                assert!(stale[0].ip().is_loopback(), "{stale:?}");
                tokio::time::advance(STALE).await;
                assert!(matches!(dialer.dial().await, Err(Silence::Connection)));
            })
            .await;
    }

    /// Two at once.
    async fn at_once(dialer: &Dialer) -> Rc<[SocketAddr]> {
        let (one, two) = tokio::join!(dialer.names.addresses(), dialer.names.addresses());
        assert_eq!(one.as_ref().unwrap(), two.as_ref().unwrap());
        one.unwrap()
    }

    #[test]
    fn the_public_authorities_are_known() {
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100);
        let config = client_config(&Transport { http2: true, ..Transport::default() }).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2"]);
    }
}
