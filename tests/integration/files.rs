//! Files that the markup of creatives names: fetched before a person is asked, and another one afterwards stops the creative.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use pmpx::clock::Clock;
use pmpx::market::demand::CreativeState;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::bidding::Authority;
use crate::harness::{NOON, Pmpx, moment};

const HOST: &str = "cdn.qinghe.example";
const QUEUE: &str = "/api/v1/reviews/creatives";
const GIF: &[u8] = b"GIF89a\x02\0\x01\0\x80\0\0\x10\x20\x30\xf0\xe0\xd0,\0\0\0\0\x02\0\x01\0\0\x02\x02D\x0a\0;";

/// What a server of this machine answers over TLS, by path; and what it was asked for.
struct Site {
    port: u16,
    pem: String,
    files: Files,
    asked: Arc<Mutex<Vec<String>>>,
}

/// By path: the last stays, those before it are answered once.
type Files = Arc<Mutex<HashMap<String, VecDeque<Vec<u8>>>>>;

impl Site {
    fn start() -> Self {
        let authority = Authority::new();
        let acceptor = authority.acceptor(HOST, 2100, &["http/1.1"]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Self { port, pem: authority.pem, files: Arc::default(), asked: Arc::default() };
        let (files, asked) = (site.files.clone(), site.asked.clone());
        // It ends with the tests.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(answer(acceptor.clone(), stream, files.clone(), asked.clone()));
                }
            });
        });
        site
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.port)
    }

    fn put(&self, path: &str, body: &[u8]) {
        self.files.lock().unwrap().insert(path.to_owned(), VecDeque::from([body.to_vec()]));
    }

    /// What is answered once, before what is there.
    fn put_once(&self, path: &str, body: &[u8]) {
        self.files.lock().unwrap().get_mut(path).unwrap().push_front(body.to_vec());
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|it| *it == path).count()
    }

    /// A node that fetches from here, soon and often.
    fn node(&self) -> Pmpx {
        let pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &json!({}));
        std::fs::write(pmpx.config().join("site.pem"), &self.pem).unwrap();
        pmpx.edit(&json!({"landing.toml": {
            "crawl": true,
            "rates": {"gap": "0s"},
            "reach": {"ports": [self.port], "internal": ["127.0.0.1"], "ca_file": "site.pem"},
            "host": [{"name": HOST, "address": "127.0.0.1"}],
            "watch": {"longest": "1s", "shortest": "1s", "confirm": "100ms"},
            "files": {"again": "1s", "pause": "100ms"},
        }}));
        pmpx.reload();
        pmpx
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream, files: Files, asked: Arc<Mutex<Vec<String>>>) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(path.clone());
    let body = files
        .lock()
        .unwrap()
        .get_mut(&path)
        .and_then(|answers| if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() });
    let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let kind = if path.ends_with(".gif") { "image/gif" } else { "text/html" };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}

fn banner(site: &Site, crid: &str, image: &str) -> Value {
    json!({
        "account": "80010001", "advertiser": "qinghe-dairy", "crid": crid, "version": 1, "format": "banner", "sizes": ["640x360"],
        "landing_page": site.url("/spring"),
        "markup": format!("<a href=\"__CLICK_URL__\"><img src=\"{image}\" alt=\"青禾\">广告 青禾乳业</a>"),
    })
}

fn review(pmpx: &Pmpx, crid: &str) -> Value {
    pmpx.control(&format!("{QUEUE}/80010001/{crid}/1"), None).1
}

fn until(pmpx: &Pmpx, crid: &str, state: &str) -> Value {
    pmpx.wait_until(&format!("{crid} is {state}"), || review(pmpx, crid)["state"] == state);
    review(pmpx, crid)
}

fn codes(review: &Value) -> Vec<&str> {
    review["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect()
}

fn decide(pmpx: &Pmpx, crid: &str, verb: &str) {
    let sent = json!({ "reasons": ["rectified"], "reason": "seen" });
    let (status, told) = pmpx.control(&format!("{QUEUE}/80010001/{crid}/1/{verb}"), Some(&sent));
    assert_eq!(status, 200, "{told}");
}

/// R-REVIEW: what is shown is what was reviewed, from the first fetch to the bid.
#[test]
fn r_review_a_file_is_fetched_before_a_person_is_asked_and_another_one_stops_the_creative() {
    let site = Site::start();
    site.put("/spring", "<!doctype html><title>青禾</title><p>牛奶".as_bytes());
    site.put("/1.gif", GIF);
    site.put("/page.gif", b"<!doctype html><script>x()</script>");
    let pmpx = site.node();
    let gone = site.url("/gone.gif");
    let batch = json!({ "creatives": [
        banner(&site, "milk-9", &site.url("/1.gif")),
        banner(&site, "page", &site.url("/page.gif")),
        banner(&site, "gone", &gone),
    ]});
    let (status, told) = pmpx.control(QUEUE, Some(&batch));
    assert_eq!(status, 200, "{told}");
    let milk = until(&pmpx, "milk-9", "pending_review");
    let (file, sha256) = (&milk["files"][0]["file"], milk["files"][0]["file"]["sha256"].clone());
    assert_eq!(
        (&file["kind"], &file["size"], &file["kept"]),
        (&json!("image/gif"), &json!([2, 1]), &json!(true)),
        "{milk}"
    );
    assert!(!codes(&milk).iter().any(|code| code.starts_with("file")), "{milk}");
    assert!(codes(&until(&pmpx, "page", "rejected")).contains(&"file-html"));
    // It may be there next time; in the end a person decides, and is told.
    let missing = until(&pmpx, "gone", "pending_review");
    assert!(codes(&missing).contains(&"file-unreachable"), "{missing}");
    assert_eq!((site.asked("/gone.gif"), &missing["files"][0]["missed"]["times"]), (3, &json!(3)));

    decide(&pmpx, "milk-9", "approve");
    let served = |state| {
        pmpx.wait_until("the verdict is served", || {
            let market = pmpx.exchange().market.load_full();
            let buyer = market.buyers.iter().find(|it| it.account == "80010001").unwrap().id;
            market.creative(buyer, "milk-9").is_some_and(|it| market.creative_state(it) == state)
        });
    };
    served(CreativeState::Approved);
    // At once, and again after each interval; the same file is no step.
    let before = review(&pmpx, "milk-9")["step"].clone();
    let asked = site.asked("/1.gif");
    pmpx.wait_until("it was looked at twice more", || site.asked("/1.gif") >= asked + 2);
    assert_eq!((&review(&pmpx, "milk-9")["state"], &review(&pmpx, "milk-9")["step"]), (&json!("approved"), &before));
    // One that is not there is none that changed.
    site.files.lock().unwrap().remove("/1.gif");
    let asked = site.asked("/1.gif");
    pmpx.wait_until("it was looked at in vain", || site.asked("/1.gif") >= asked + 2);
    assert_eq!(review(&pmpx, "milk-9")["state"], "approved");

    // One odd answer is not believed.
    let mut other = GIF.to_vec();
    other[13] ^= 0x40;
    site.put("/1.gif", GIF);
    site.put_once("/1.gif", &other);
    let asked = site.asked("/1.gif");
    pmpx.wait_until("it was looked at again", || site.asked("/1.gif") >= asked + 3);
    assert_eq!(review(&pmpx, "milk-9")["state"], "approved");

    site.put("/1.gif", &other);
    let stopped = until(&pmpx, "milk-9", "suspended");
    served(CreativeState::Suspended);
    assert_eq!((&stopped["reasons"], &stopped["files"][0]["file"]["sha256"]), (&json!(["content-changed"]), &sha256));
    let seen = &stopped["files"][0]["other"];
    assert!(seen["sha256"] != sha256 && seen["kept"] == true, "both are kept: {stopped}");
    assert_eq!(pmpx.exchange().metrics.landing.files_changed.get(), 1);
    // Who resumes it takes the other one; it is held to that.
    decide(&pmpx, "milk-9", "resume");
    served(CreativeState::Approved);
    let asked = site.asked("/1.gif");
    pmpx.wait_until("it was looked at twice more", || site.asked("/1.gif") >= asked + 2);
    let resumed = review(&pmpx, "milk-9");
    assert_eq!((&resumed["state"], &resumed["files"][0]["file"]["sha256"]), (&json!("approved"), &seen["sha256"]));
}
