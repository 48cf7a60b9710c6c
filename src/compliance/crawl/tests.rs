//! Scripted faults: a server of the tests' own, with certificates of their own, behind names that the tests bind.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::io::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::market::network::AddressRange;
use crate::market::policy::landing::{Limits, Rates, Reach};

/// How the server answers.
#[derive(Clone)]
pub(in crate::compliance) enum Answer {
    /// So, and the connection ends.
    Whole(Vec<u8>),
    /// So, and then one byte after the other, without an end.
    Drip(&'static str),
    /// So, and then as fast as it is read, without an end.
    Endless(&'static str),
}

fn page(body: &str) -> Answer {
    raw("200 OK", "content-type: text/html; charset=utf-8\r\n", body.as_bytes())
}

pub(in crate::compliance) fn raw(status: &str, head: &str, body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\n\r\n", body.len());
    Answer::Whole([head.as_bytes(), body].concat())
}

pub(in crate::compliance) fn redirect_to(location: &str) -> Answer {
    raw("302 Found", &format!("location: {location}\r\n"), b"")
}

/// Names and the addresses that they have one look-up after the other; the last stays.
#[derive(Debug, Default)]
pub(in crate::compliance) struct Names(Mutex<HashMap<String, (Vec<IpAddr>, usize)>>);

impl Names {
    pub(in crate::compliance) fn bind(&self, host: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
        self.0.lock().unwrap().insert(host.to_owned(), (addresses, 0));
    }

    fn looked_up(&self, host: &str) -> usize {
        self.0.lock().unwrap()[host].1
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Addresses {
        let mut names = self.0.lock().unwrap();
        let found = names.get_mut(host).map(|(addresses, turn)| {
            *turn += 1;
            addresses[(*turn - 1).min(addresses.len() - 1)]
        });
        Box::pin(async move { found.map(|it| vec![it]).ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

/// A site: its answers by path, and what it was asked.
pub(in crate::compliance) struct Site {
    port: u16,
    pub(in crate::compliance) names: Arc<Names>,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    authority: CertificateDer<'static>,
}

const DOMAINS: &[&str] = &["shop.example"];

impl Site {
    /// A site whose certificate is for `shop.example` and what is under it.
    pub(in crate::compliance) async fn start() -> Self {
        Self::with(&["shop.example", "*.shop.example"], "127.0.0.1").await
    }

    async fn with(certified: &[&str], address: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().into();
        let acceptor = acceptor(certified, &Issuer::new(params, key));
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let site = Self {
            port: listener.local_addr().unwrap().port(),
            names: Arc::default(),
            answers: Arc::default(),
            asked: Arc::default(),
            authority,
        };
        site.names.bind("shop.example", &[address]);
        site.names.bind("www.shop.example", &[address]);
        let (answers, asked) = (site.answers.clone(), site.asked.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, answers, asked) = (acceptor.clone(), answers.clone(), asked.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    serve(stream, &answers, &asked).await;
                });
            }
        });
        site
    }

    pub(in crate::compliance) fn url(&self, path: &str) -> String {
        format!("https://shop.example:{}{path}", self.port)
    }

    pub(in crate::compliance) fn put(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// The paths that were asked for, robots.txt left out.
    pub(in crate::compliance) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|path| *path != "/robots.txt").cloned().collect()
    }

    pub(in crate::compliance) fn terms(&self) -> LandingTerms {
        let reach = Reach {
            ports: vec![self.port],
            internal: vec![AddressRange::parse("127.0.0.1").unwrap()],
            authorities: Some(Arc::from([self.authority.clone()])),
            ..Reach::default()
        };
        LandingTerms { reach, rates: Rates { gap: Duration::ZERO, ..Rates::default() }, ..LandingTerms::default() }
    }

    pub(in crate::compliance) fn fetcher(&self, terms: LandingTerms) -> Fetcher {
        Fetcher::new(terms, self.names.clone(), Clock::system()).unwrap()
    }

    async fn fetch_by(&self, terms: LandingTerms, url: &str) -> Fetch {
        let domains: Vec<_> = DOMAINS.iter().map(|it| (*it).to_owned()).collect();
        let target = Target { url, domains: &domains, plain: false };
        self.fetcher(terms).fetch(&target, Agent::Mobile).await
    }

    /// Why a path of the site is refused.
    async fn refused(&self, path: &str) -> Refusal {
        self.fetch_by(self.terms(), &self.url(path)).await.result.unwrap_err().1
    }
}

fn acceptor(certified: &[&str], issuer: &Issuer<'_, KeyPair>) -> TlsAcceptor {
    let names: Vec<_> = certified.iter().map(|it| (*it).to_owned()).collect();
    let params = CertificateParams::new(names).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate: CertificateDer<'static> = params.signed_by(&key, issuer).unwrap().into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()))
}

async fn serve(
    mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    answers: &Mutex<HashMap<String, Answer>>,
    asked: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(path.clone());
    let answer = answers.lock().unwrap().get(&path).cloned().unwrap_or_else(|| raw("404 Not Found", "", b""));
    match answer {
        Answer::Whole(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Drip(head) => {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b"a").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Answer::Endless(head) => {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'a'; 16_384]).await.is_ok() {}
        }
    }
}

#[tokio::test]
async fn a_page_is_fetched_over_redirects_within_the_registered_domains() {
    let site = Site::start().await;
    site.put("/sale", redirect_to("/to?x=1#there"));
    site.put("/to?x=1", redirect_to(&format!("https://www.shop.example:{}/meta", site.port)));
    site.put("/meta", page("<meta http-equiv=refresh content='0;url=/header'>"));
    site.put("/header", raw("200 OK", "content-type: text/html\r\nrefresh: 1;url=/milk\r\n", b""));
    site.put("/milk", page("<p>牛奶"));
    let fetch = site.fetch_by(site.terms(), &site.url("/sale")).await;
    assert_eq!(fetch.result.unwrap().body, "<p>牛奶".as_bytes());
    let statuses: Vec<_> = fetch.route.iter().map(|hop| (hop.url.path(), hop.status)).collect();
    assert_eq!(statuses, [("/sale", 302), ("/to", 302), ("/meta", 200), ("/header", 200), ("/milk", 200)]);
    assert_eq!(fetch.route[4].url.host_str(), Some("www.shop.example"));
}

/// R-MALICE, R-LANDING-SAFE: each hop is judged like the first.
#[tokio::test]
async fn what_leads_elsewhere_is_refused_at_every_hop() {
    let site = Site::start().await;
    site.names.bind("inner.shop.example", &["10.0.0.7"]);
    site.names.bind("cloud.shop.example", &["169.254.169.254"]);
    site.names.bind("mapped.shop.example", &["::ffff:10.0.0.7"]);
    site.names.bind("nat64.shop.example", &["64:ff9b::a00:7"]);
    let at = |host: &str| format!("https://{host}:{}/x", site.port);
    let internal = |address: &str| Refusal::Internal(address.parse().unwrap());
    let rows = [
        (at("inner.shop.example"), internal("10.0.0.7")),
        (at("cloud.shop.example"), internal("169.254.169.254")),
        (at("mapped.shop.example"), internal("::ffff:10.0.0.7")),
        (at("nat64.shop.example"), internal("64:ff9b::a00:7")),
        (at("evil.example"), Refusal::Outside("evil.example".into())),
        (at("evilshop.example"), Refusal::Outside("evilshop.example".into())),
        (at("shop.example.evil.example"), Refusal::Outside("shop.example.evil.example".into())),
        (at("10.0.0.7"), Refusal::Outside("10.0.0.7".into())),
        (at("[::1]"), Refusal::Outside("[::1]".into())),
        (at("me:secret@shop.example"), Refusal::Credentials),
        ("https://shop.example:22/".into(), Refusal::Port(22)),
        (format!("http://shop.example:{}/", site.port), Refusal::Scheme("http".into())),
        ("file:///etc/passwd".into(), Refusal::Scheme("file".into())),
        ("javascript:alert(1)".into(), Refusal::Scheme("javascript".into())),
    ];
    for (url, refusal) in rows {
        let first = site.fetch_by(site.terms(), &url).await;
        assert_eq!(first.result.unwrap_err().1, refusal, "at once: {url}");
        site.put("/hop", redirect_to(&url));
        let later = site.fetch_by(site.terms(), &site.url("/hop")).await;
        assert_eq!(later.result.unwrap_err().1, refusal, "after a redirect: {url}");
        site.put("/meta", page(&format!("<meta http-equiv=refresh content='0;url={url}'>")));
        assert_eq!(site.refused("/meta").await, refusal, "after a refresh: {url}");
        assert_eq!(refusal.meaning(), Meaning::Elsewhere);
    }
    assert!(site.asked().iter().all(|path| ["/hop", "/meta"].contains(&path.as_str())), "{:?}", site.asked());
    // A page in an encoding in which ASCII does not look like ASCII.
    let meta = format!("<meta http-equiv=refresh content='0;url={}'>", at("evil.example"));
    let utf16: Vec<u8> = meta.encode_utf16().flat_map(u16::to_le_bytes).collect();
    site.put("/wide", raw("200 OK", "content-type: text/html; charset=utf-16le\r\n", &utf16));
    assert_eq!(site.refused("/wide").await, Refusal::Outside("evil.example".into()));
    let found = internal("10.0.0.7").finding("https://inner.shop.example/");
    assert_eq!((found.rule.as_ref(), found.found.as_str()), ("R-MALICE", "10.0.0.7"));
    assert!(found.en.contains("internal network") && found.zh.contains("内部网络"));
}

/// R-MALICE: a name that is bound anew between look-ups leads nowhere, and what was judged is what is connected to.
#[tokio::test]
async fn a_name_that_is_bound_anew_leads_nowhere() {
    let site = Site::with(&["shop.example"], "127.0.0.2").await;
    let inner = TcpListener::bind(("127.0.0.1", site.port)).await.unwrap();
    let mut terms = site.terms();
    terms.reach.internal = vec![AddressRange::parse("127.0.0.2").unwrap()];
    site.put("/", page("<p>milk"));
    site.put("/again", redirect_to("/"));
    // robots.txt and the page: a look-up each, and whatever the next one would say, this one is connected to.
    site.names.bind("shop.example", &["127.0.0.2", "127.0.0.2", "127.0.0.1"]);
    assert!(site.fetch_by(terms.clone(), &site.url("/")).await.result.is_ok());
    assert_eq!(site.names.looked_up("shop.example"), 2);
    // The third look-up is the redirect's.
    site.names.bind("shop.example", &["127.0.0.2", "127.0.0.2", "127.0.0.1"]);
    let fetch = site.fetch_by(terms, &site.url("/again")).await;
    assert_eq!(fetch.result.unwrap_err().1, Refusal::Internal("127.0.0.1".parse().unwrap()));
    assert_eq!(site.names.looked_up("shop.example"), 3);
    let nobody = timeout(Duration::from_millis(1), inner.accept()).await;
    assert!(nobody.is_err(), "nobody is connected to at the internal address");
}

#[tokio::test]
async fn certificates_are_verified() {
    let other = Site::with(&["other.example"], "127.0.0.1").await;
    assert!(matches!(other.refused("/").await, Refusal::Certificate(_)), "another name");
    let (ours, foreign) = (Site::start().await, Site::start().await);
    let mut terms = ours.terms();
    terms.reach.authorities = foreign.terms().reach.authorities;
    let fetch = ours.fetch_by(terms, &ours.url("/")).await;
    assert!(matches!(fetch.result.unwrap_err().1, Refusal::Certificate(_)), "another authority");
    assert_eq!(ours.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_takes_too_long_or_has_no_end_is_cut() {
    const TYPE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n";
    let site = Site::start().await;
    site.put("/head", Answer::Drip("HTTP/1.1 200 OK\r\nx: "));
    site.put("/body", Answer::Drip(TYPE));
    site.put("/endless", Answer::Endless(TYPE));
    site.put("/endless-head", Answer::Endless("HTTP/1.1 200 OK\r\nx: "));
    let with = |head: u64, whole: u64| {
        let mut terms = site.terms();
        terms.limits.head = Duration::from_millis(head);
        terms.limits.whole = Duration::from_millis(whole);
        terms
    };
    // Asked beforehand, so that what is short is not spent on it.
    const LONG: u64 = 60_000;
    let slow = |terms: LandingTerms, path: &'static str| {
        let site = &site;
        async move { site.fetch_by(terms, &site.url(path)).await.result.unwrap_err().1 }
    };
    assert_eq!(slow(with(1_500, LONG), "/head").await, Refusal::Slow(Phase::Head), "a byte at a time");
    assert_eq!(slow(with(LONG, 1_500), "/body").await, Refusal::Slow(Phase::Whole), "a byte at a time");
    assert_eq!(site.refused("/endless").await, Refusal::LargeBody(Limits::default().largest_body));
    assert_eq!(site.refused("/endless-head").await, Refusal::LargeHead(Limits::default().largest_head));
}

#[tokio::test]
async fn bombs_downloads_and_what_is_no_page_are_refused() {
    let site = Site::start().await;
    let most = Limits::default().largest_body;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; most + 1]).unwrap();
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < most / 500);
    site.put("/bomb", raw("200 OK", "content-type: text/html\r\ncontent-encoding: gzip\r\n", &bomb));
    site.put("/app", raw("200 OK", "content-type: application/vnd.android.package-archive\r\n", b"PK"));
    let saved = "content-type: text/html\r\ncontent-disposition: Attachment; filename=\"x.apk\"\r\n";
    site.put("/saved", raw("200 OK", saved, b"PK"));
    site.put("/nothing", raw("204 No Content", "", b""));
    site.put("/broken", raw("500 Internal Server Error", "content-type: text/html\r\n", b"<p>"));
    site.put("/words", Answer::Whole(b"milk is good\r\n\r\n".to_vec()));
    assert_eq!(site.refused("/bomb").await, Refusal::LargeBody(most));
    assert_eq!(site.refused("/app").await, Refusal::Type("application/vnd.android.package-archive".into()));
    assert_eq!(site.refused("/saved").await, Refusal::Download("Attachment; filename=\"x.apk\"".into()));
    assert_eq!(site.refused("/nothing").await, Refusal::Type(String::new()));
    assert_eq!(site.refused("/broken").await, Refusal::Status(500));
    assert!(matches!(site.refused("/words").await, Refusal::Protocol(_)));
}

#[tokio::test]
async fn circles_and_long_ways_end() {
    let site = Site::start().await;
    site.put("/a", redirect_to("/b"));
    site.put("/b", redirect_to("/a"));
    assert_eq!(site.refused("/a").await, Refusal::Loop(site.url("/a")));
    for hop in 0..9 {
        site.put(&format!("/{hop}"), redirect_to(&format!("/{}", hop + 1)));
    }
    assert_eq!(site.refused("/0").await, Refusal::Hops(5));
    assert_eq!(site.asked().len(), 2 + 6);
}

#[tokio::test]
async fn robots_are_asked_once_and_obeyed() {
    let site = Site::start().await;
    site.put("/", page("<p>milk"));
    site.put("/robots.txt", raw("200 OK", "", b"User-agent: pmpx-landing\nDisallow: /\n"));
    assert_eq!(site.refused("/").await, Refusal::Robots);
    site.put("/robots.txt", raw("503 Service Unavailable", "", b""));
    assert_eq!(site.refused("/").await, Refusal::RobotsGone);
    assert!(site.asked().is_empty(), "nothing else was asked for");
    site.put("/robots.txt", redirect_to("/elsewhere.txt"));
    site.put("/elsewhere.txt", raw("200 OK", "", b"User-agent: *\nDisallow: /secret\n"));
    let fetcher = site.fetcher(site.terms());
    let domains = [DOMAINS[0].to_owned()];
    for (path, refused) in [("/", None), ("/secret", Some(Refusal::Robots)), ("/", None)] {
        let url = site.url(path);
        let target = Target { url: &url, domains: &domains, plain: false };
        let fetch = fetcher.fetch(&target, Agent::Desktop).await;
        assert_eq!(fetch.result.err().map(|(_, refusal)| refusal), refused, "{path}");
    }
    let asked = site.asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|path| *path == "/robots.txt").count(), 3, "once by each of three fetchers");
}

#[tokio::test]
async fn bytes_of_a_minute_are_spent_by_all() {
    let site = Site::start().await;
    site.put("/", page(&"milk ".repeat(100)));
    let mut terms = site.terms();
    terms.rates.bytes_a_minute = 900;
    let fetcher = site.fetcher(terms);
    let (url, domains) = (site.url("/"), [DOMAINS[0].to_owned()]);
    let target = Target { url: &url, domains: &domains, plain: false };
    assert!(fetcher.fetch(&target, Agent::Mobile).await.result.is_ok());
    for _ in 0..2 {
        let refused = fetcher.fetch(&target, Agent::Mobile).await.result.unwrap_err().1;
        assert_eq!((refused.meaning(), refused), (Meaning::Unasked, Refusal::Busy("bytes in this minute")));
    }
    assert_eq!(site.asked().len(), 2, "what would not be read is not asked for");
}

#[tokio::test]
async fn pages_without_tls_are_fetched_where_that_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4_096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\ncontent-type: text/html\r\n\r\n<p>milk").await;
        }
    });
    let mut terms = Site::start().await.terms();
    terms.reach.plain_ports = vec![port];
    terms.reach.hosts.insert("shop.example".to_owned(), "127.0.0.1".parse().unwrap());
    let fetcher = Fetcher::new(terms, Arc::<Names>::default(), Clock::system()).unwrap();
    let (url, domains) = (format!("http://shop.example:{port}/"), ["shop.example".to_owned()]);
    let target = |plain| Target { url: &url, domains: &domains, plain };
    assert!(fetcher.fetch(&target(true), Agent::InApp).await.result.is_ok());
    let refused = fetcher.fetch(&target(false), Agent::InApp).await.result.unwrap_err().1;
    assert_eq!(refused, Refusal::Scheme("http".into()));
}
