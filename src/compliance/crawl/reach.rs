//! From a host to a connection: the name is resolved once, each of its addresses is judged, and one of those very addresses is connected
//! to. A name that is bound anew in between leads nowhere, because nobody asks for it again.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::refusal::{Phase, Refusal};
use crate::market::network::is_public;
use crate::market::policy::landing::{Limits, Reach};

/// The most addresses of one name that are judged.
const MOST_ADDRESSES: usize = 32;

/// The addresses of a name.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names.
pub trait Resolve: Send + Sync + std::fmt::Debug {
    /// The addresses of a name.
    fn resolve(&self, host: &str) -> Addresses;
}

/// The machine's own resolver.
#[derive(Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Addresses {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|it| it.ip()).collect()) })
    }
}

/// Both directions of a connection.
pub trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// Addresses of one host that may be connected to. Only [`Dialer::judged`] makes them.
#[derive(Clone, Debug)]
pub struct Judged(Vec<SocketAddr>);

/// The way to a page's server.
#[derive(Debug)]
pub struct Dialer {
    reach: Reach,
    limits: Limits,
    resolver: Arc<dyn Resolve>,
    tls: Arc<ClientConfig>,
}

impl Dialer {
    /// # Errors
    /// Where the authorities' certificates cannot be used.
    pub fn new(reach: Reach, limits: Limits, resolver: Arc<dyn Resolve>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        match &reach.authorities {
            Some(authorities) => {
                for authority in authorities.iter() {
                    roots.add(authority.clone())?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { reach, limits, resolver, tls: Arc::new(tls) })
    }

    /// Resolves a host, once, and judges all of its addresses: where one of them is internal the host is refused, whatever the others are.
    ///
    /// # Errors
    /// [`Refusal::Internal`], [`Refusal::Nameless`], or [`Refusal::Slow`].
    pub async fn judged(&self, host: &str, port: u16) -> Result<Judged, Refusal> {
        let found = if let Some(address) = literal(host).or_else(|| self.reach.hosts.get(host).copied()) {
            vec![address]
        } else {
            let looking = timeout(self.limits.resolve, self.resolver.resolve(host)).await;
            let found = looking.map_err(|_| Refusal::Slow(Phase::Resolve))?;
            found.map_err(|error| Refusal::Nameless(error.to_string()))?
        };
        if found.is_empty() {
            return Err(Refusal::Nameless("no address".to_owned()));
        }
        if found.len() > MOST_ADDRESSES {
            return Err(Refusal::Nameless(format!("more than {MOST_ADDRESSES} addresses")));
        }
        if let Some(internal) = found.iter().find(|address| !self.may_reach(**address)) {
            return Err(Refusal::Internal(*internal));
        }
        Ok(Judged(found.into_iter().map(|address| SocketAddr::new(address, port)).collect()))
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        is_public(address) || self.reach.internal.iter().any(|range| range.has(address))
    }

    /// A connection to the first of the addresses that answers, within [`Limits::connect`].
    ///
    /// # Errors
    /// [`Refusal::Unreachable`], [`Refusal::Slow`].
    pub async fn connect(&self, judged: &Judged) -> Result<TcpStream, Refusal> {
        let trying = async {
            let mut last = Refusal::Unreachable("no address".to_owned());
            for address in &judged.0 {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = Refusal::Unreachable(error.to_string()),
                }
            }
            Err(last)
        };
        timeout(self.limits.connect, trying).await.map_err(|_| Refusal::Slow(Phase::Connect))?
    }

    /// TLS with a verified certificate for that host.
    ///
    /// # Errors
    /// [`Refusal::Certificate`] also for a host that is no name, [`Refusal::Unreachable`], [`Refusal::Slow`].
    pub async fn secured(&self, host: &str, stream: TcpStream) -> Result<Box<dyn Line>, Refusal> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| Refusal::Certificate(error.to_string()))?;
        let shaking = TlsConnector::from(self.tls.clone()).connect(name, stream);
        match timeout(self.limits.connect, shaking).await {
            Err(_) => Err(Refusal::Slow(Phase::Connect)),
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            // An alert or a refused certificate is told as data that is invalid; anything else is the connection's end.
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Refusal::Certificate(error.to_string()))
            }
            Ok(Err(error)) => Err(Refusal::Unreachable(error.to_string())),
        }
    }
}

/// The address that a host is written as, if it is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
