//! The proxy by hand, and a real Chromium behind it; where there is none, its tests say so and pass. All servers are on loopback.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;
use crate::compliance::crawl::{Addresses, Resolve};
use crate::market::network::AddressRange;
use crate::market::policy::landing::Limits;
use crate::market::supply::Size;

/// Names, and the addresses that they have one look-up after the other; the last stays.
#[derive(Debug, Default)]
struct Names(Mutex<HashMap<String, Vec<&'static str>>>);

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Addresses {
        let mut names = self.0.lock().unwrap();
        let found = names.get_mut(host).map(|turns| if turns.len() > 1 { turns.remove(0) } else { turns[0] });
        let found = found.map(|it| it.parse::<IpAddr>().unwrap());
        Box::pin(async move { found.map(|it| vec![it]).ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

/// A page's server on 127.0.0.2, and on 127.0.0.1, with the same ports, one that nothing may reach.
struct Site {
    port: u16,
    names: Arc<Names>,
    /// What was asked of the page's server.
    asked: Arc<Mutex<Vec<String>>>,
    /// Connections and datagrams that came to the other one.
    reached: Arc<AtomicUsize>,
}

type Pages = fn(u16, &str) -> Option<(&'static str, String)>;

impl Site {
    async fn start(pages: Pages) -> Self {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = inner.local_addr().unwrap().port();
        let outer = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let datagrams = UdpSocket::bind(("127.0.0.1", port)).await.unwrap();
        let site = Self { port, names: Arc::default(), asked: Arc::default(), reached: Arc::default() };
        site.bind("shop.example", &["127.0.0.2"]);
        let (reached, counted) = (site.reached.clone(), site.reached.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = inner.accept().await {
                reached.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream, |_| Some(("200 OK", String::new()))));
            }
        });
        tokio::spawn(async move {
            while datagrams.recv(&mut [0; 64]).await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let asked = site.asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = outer.accept().await {
                let asked = asked.clone();
                tokio::spawn(answer(stream, move |path| {
                    asked.lock().unwrap().push(path.to_owned());
                    pages(port, path)
                }));
            }
        });
        site
    }

    fn bind(&self, host: &str, addresses: &[&'static str]) {
        self.names.0.lock().unwrap().insert(host.to_owned(), addresses.to_vec());
    }

    fn terms(&self, internal: &str) -> LandingTerms {
        let mut terms = LandingTerms::default();
        (terms.reach.ports, terms.reach.plain_ports) = (vec![self.port], vec![self.port]);
        terms.reach.internal = vec![AddressRange::parse(internal).unwrap()];
        terms.limits = Limits { connect: Duration::from_secs(5), ..Limits::default() };
        terms
    }

    fn dialer(&self, terms: &LandingTerms) -> Arc<Dialer> {
        Arc::new(Dialer::new(terms.reach.clone(), terms.limits.clone(), self.names.clone()).unwrap())
    }

    async fn proxy(&self, terms: LandingTerms, plain: bool) -> Proxy {
        Proxy::open(self.dialer(&terms), terms, plain).await.unwrap()
    }

    /// A browser, where there is one.
    fn browser(&self, mut terms: LandingTerms, within: Duration) -> Option<Browser> {
        let Some(program) = chromium() else {
            println!("skipped: there is no Chromium on this machine");
            return None;
        };
        terms.browser = Some(BrowserTerms { program, size: SIZE, within, sandbox: !geteuid().is_root() });
        Browser::new(&terms, self.dialer(&terms), Clock::system())
    }

    fn url(&self, path: &str) -> String {
        format!("http://shop.example:{}{path}", self.port)
    }
}

const SIZE: Size = Size { w: 400, h: 700 };
/// Longer than a picture takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The only address that may be reached though it is internal.
const OUTER: &str = "127.0.0.2";

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

async fn answer(mut stream: TcpStream, page: impl Fn(&str) -> Option<(&'static str, String)>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some((status, body)) = page(head.split(' ').nth(1).unwrap_or_default()) else {
        // Nothing, for ever.
        return std::future::pending().await;
    };
    let head = "content-type: text/html; charset=utf-8\r\nconnection: close\r\naccess-control-allow-origin: *\r\n";
    let _ = stream
        .write_all(format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .await;
    let _ = stream.shutdown().await;
}

/// What a proxy answers to a head: all that it sends before it waits or ends.
async fn said(proxy: &Proxy, head: &str, known: bool) -> String {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let (user, token) = proxy.credentials();
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{user}:{token}"));
    let token = if known { format!("Proxy-Authorization: Basic {basic}\r\n") } else { String::new() };
    stream.write_all(format!("{head}\r\n{token}\r\n").as_bytes()).await.unwrap();
    let mut answer = vec![0; 65_536];
    let read = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

fn plain_page(_: u16, path: &str) -> Option<(&'static str, String)> {
    Some(if path == "/" { ("200 OK", "milk".to_owned()) } else { ("404 Not Found", String::new()) })
}

/// R-MALICE: who does not know the token gets nothing, and who knows it gets nowhere inside.
#[tokio::test]
async fn the_proxy_serves_its_browser_only_and_leads_nowhere_inside() {
    let site = Site::start(plain_page).await;
    let port = site.port;
    let open = site.proxy(site.terms(OUTER), true).await;
    let get = |host: &str| format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}");
    let connect = |host: &str| format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}");
    assert!(said(&open, &get("shop.example"), false).await.starts_with("HTTP/1.1 407 "));
    assert!(said(&open, &connect("shop.example"), false).await.starts_with("HTTP/1.1 407 "));
    let other = "\r\nProxy-Authorization: Basic cG1weDpndWVzcw==";
    assert!(said(&open, &(connect("shop.example") + other), false).await.starts_with("HTTP/1.1 407 "));
    assert_eq!(site.asked.lock().unwrap().len(), 0, "nobody was asked for those");
    let answer = said(&open, &get("shop.example"), true).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("milk"), "{answer}");
    assert!(said(&open, &connect("shop.example"), true).await.starts_with("HTTP/1.1 200 "));
    // Each by whatever way it is written; the last is bound anew after the first look.
    site.bind("inner.example", &["127.0.0.1"]);
    site.bind("cloud.example", &["169.254.169.254"]);
    site.bind("rebound.example", &["127.0.0.2", "127.0.0.1"]);
    assert!(said(&open, &connect("rebound.example"), true).await.starts_with("HTTP/1.1 200 "));
    let inside = ["127.0.0.1", "inner.example", "cloud.example", "169.254.169.254", "[::1]", "rebound.example"];
    for host in inside.into_iter().chain(["[::ffff:127.0.0.1]", "10.0.0.7", "0.0.0.0"]) {
        for head in [connect(host), get(host)] {
            assert_eq!(said(&open, &head, true).await, "", "{head}");
        }
    }
    assert_eq!(site.reached.load(Ordering::SeqCst), 0);
    let refused = open.refused();
    let heavy =
        |found: &Finding| (&*found.code, found.weight) == ("page-internal", crate::compliance::finding::Weight::Person);
    assert!(refused.iter().all(heavy) && refused.len() == 18, "{refused:#?}");
    assert_eq!(said(&open, "CONNECT update.googleapis.com:443 HTTP/1.1\r\nHost: x", true).await, "");
    assert_eq!(open.refused().len(), 18, "what a browser asks by itself is not the page's");
    // Other ports and ways, and what is on a blocklist.
    let other_port = format!("CONNECT shop.example:{} HTTP/1.1\r\nHost: x", port.wrapping_add(1).max(1));
    let post = format!("POST http://shop.example:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0");
    for head in [other_port.as_str(), &post] {
        assert_eq!(said(&open, head, true).await, "", "{head}");
    }
    let mut listing = site.terms(OUTER);
    let lists = crate::market::policy::landing::Blocklists { hosts: vec!["shop.example".to_owned()], urls: Vec::new() };
    listing.blocklists = Arc::new(lists);
    let listing = site.proxy(listing, true).await;
    assert_eq!(said(&listing, &connect("shop.example"), true).await, "");
    assert_eq!(listing.refused()[0].code, "page-listed");
    let secure = site.proxy(site.terms(OUTER), false).await;
    assert_eq!(said(&secure, &get("shop.example"), true).await, "", "without TLS only where that is allowed");
    // A token is of one picture.
    let (before, address) = (open.credentials().1.to_owned(), open.address());
    assert_ne!(before, secure.credentials().1);
    drop(open);
    let gone = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, gone).await.expect("the port is closed with its proxy");
}

/// What reaches for the inside of a network in every way that a page has.
fn hostile(port: u16, path: &str) -> Option<(&'static str, String)> {
    let page = format!(
        r#"<!DOCTYPE html><html><body style="margin:0;background:#0a7">
<img src="http://127.0.0.1:{port}/img"><img src="http://localhost:{port}/name"><img src="http://169.254.169.254/latest/">
<img src="http://[::1]:{port}/six"><img src="http://rebound.example:{port}/again"><iframe src="http://127.0.0.1:{port}/frame" width=0 height=0></iframe>
<link rel=stylesheet href="http://127.0.0.1:{port}/css"><link rel=dns-prefetch href="//127.0.0.1"><link rel=preconnect href="http://127.0.0.1:{port}">
<script>
fetch("http://127.0.0.1:{port}/fetch",{{mode:"no-cors"}}).catch(function(){{}});
try{{new WebSocket("ws://127.0.0.1:{port}/socket")}}catch(e){{}}
var w=window.open("http://127.0.0.1:{port}/popup");
var r=new RTCPeerConnection({{iceServers:[{{urls:"stun:127.0.0.1:{port}"}},{{urls:"turn:127.0.0.1:{port}",username:"a",credential:"b"}}]}});
r.createDataChannel("x");r.createOffer().then(function(o){{r.setLocalDescription(o)}});
navigator.sendBeacon("http://127.0.0.1:{port}/beacon","x");
alert("look");
</script><img src="/seen"></body></html>"#
    );
    match path {
        "/" => Some(("200 OK", page)),
        "/missing" => Some(("404 Not Found", "<p>none".to_owned())),
        "/never" => None,
        "/half" => Some(("200 OK", r#"<body style="margin:0;background:#0a7"><img src="/never">"#.to_owned())),
        _ => Some(("200 OK", String::new())),
    }
}

/// R-MALICE, R-LANDING-SAFE: a page's scripts run in a browser that gets nowhere inside; the same page gets there where that is allowed.
#[tokio::test]
async fn a_page_in_a_real_browser_reaches_nothing_inside() {
    let _turn = TURN.lock().await;
    let site = Site::start(hostile).await;
    let bind = || site.bind("rebound.example", &["127.0.0.2", "127.0.0.1"]);
    bind();
    let Some(browser) = site.browser(site.terms(OUTER), PATIENCE) else { return };
    let picture = browser.picture(&site.url("/"), Agent::Mobile, true).await.unwrap();
    assert_eq!(site.reached.load(Ordering::SeqCst), 0, "{:?}", site.asked.lock().unwrap());
    assert!(site.asked.lock().unwrap().iter().any(|path| path == "/seen"), "its own pictures are there");
    assert_eq!(picture.url, site.url("/"));
    let drawn = image::load_from_memory(&picture.png).unwrap().to_rgb8();
    assert_eq!(drawn.dimensions(), (u32::from(SIZE.w), u32::from(SIZE.h)));
    assert_eq!(drawn.get_pixel(399, 699).0, [0x00, 0xaa, 0x77]);
    let internal: Vec<_> = picture.refused.iter().filter(|it| it.code == "page-internal").collect();
    assert!(
        internal.iter().any(|it| it.found == "127.0.0.1") && internal.iter().any(|it| it.found == "::1"),
        "{internal:?}"
    );
    // The page would get there: it is the proxy that does not let it.
    bind();
    let open = site.browser(site.terms("127.0.0.0/8"), PATIENCE).unwrap();
    open.picture(&site.url("/"), Agent::Desktop, true).await.unwrap();
    assert!(site.reached.load(Ordering::SeqCst) > 0);
    nothing_is_left_behind().await;
}

/// One browser test at a time, so that each sees what is left of its own.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Waits until no process of a browser that was started here is left.
async fn nothing_is_left_behind() {
    let mine = format!("pmpx-browser-{}-", std::process::id());
    let gone = async {
        loop {
            let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            let mut commands = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
            if !commands.any(|command| String::from_utf8_lossy(&command).contains(&mine)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("a browser's processes end with its picture");
    let profiles = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let left: Vec<_> = profiles.filter(|it| it.file_name().to_string_lossy().starts_with(&mine)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_is_no_page_has_no_picture_and_time_is_bounded() {
    let _turn = TURN.lock().await;
    let site = Site::start(hostile).await;
    let Some(browser) = site.browser(site.terms(OUTER), PATIENCE) else { return };
    let refused = async |url: &str, plain| browser.picture(url, Agent::Mobile, plain).await.unwrap_err().to_string();
    assert!(refused("file:///etc/passwd", true).await.contains("file:///etc/passwd"));
    assert!(refused(&site.url("/"), false).await.contains("https://"), "http only where it is allowed");
    assert!(refused(&site.url("/missing"), true).await.contains("status 404"));
    site.bind("inner.example", &["127.0.0.1"]);
    let inner = refused(&format!("http://inner.example:{}/", site.port), true).await;
    assert!(inner.contains("net::ERR_"), "{inner}");
    // Its server speaks no TLS: nothing of the page is shown.
    let broken = refused(&format!("https://shop.example:{}/", site.port), true).await;
    assert!(broken.contains("net::ERR_"), "{broken}");
    let short = site.browser(site.terms(OUTER), Duration::from_secs(12)).unwrap();
    let half = short.picture(&site.url("/half"), Agent::Mobile, true).await;
    assert!(matches!(half, Ok(_) | Err(Refusal::Slow)), "a page that is never done is taken as it is: {half:?}");
    let never = short.picture(&site.url("/never"), Agent::Mobile, true).await;
    assert!(matches!(never, Err(Refusal::Slow)), "{never:?}");
    let mut odd = site.browser(site.terms(OUTER), PATIENCE).unwrap();
    odd.browser.program = "/bin/false".into();
    assert!(matches!(
        odd.picture(&site.url("/"), Agent::Mobile, true).await,
        Err(Refusal::Ended | Refusal::EndedSaying(_))
    ));
    if geteuid().is_root() {
        odd.browser.sandbox = true;
        assert!(matches!(odd.picture(&site.url("/"), Agent::Mobile, true).await, Err(Refusal::Root)));
    }
    // A caller that does not wait leaves nothing behind either.
    let long = site.browser(site.terms(OUTER), PATIENCE).unwrap();
    let _ = timeout(Duration::from_secs(3), long.picture(&site.url("/never"), Agent::Mobile, true)).await;
    nothing_is_left_behind().await;
    assert_eq!(site.reached.load(Ordering::SeqCst), 0);
}
