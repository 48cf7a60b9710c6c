//! A page's server on this machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One page at every path, but for robots.txt, which is not there. `{n}` in it is another number with each answer, `{host}` the host that was asked for.
pub(super) struct Site {
    port: u16,
    body: Arc<Mutex<String>>,
    /// Pages of some hosts.
    others: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<AtomicU64>,
}

impl Site {
    pub(super) fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let body = Arc::new(Mutex::new(body.to_owned()));
        let site = Self { port, body, others: Arc::default(), asked: Arc::default() };
        let (body, others, asked) = (site.body.clone(), site.others.clone(), site.asked.clone());
        // It ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), (&body, &others), &asked);
            }
        });
        site
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://qinghe.example:{}{path}", self.port)
    }

    /// Shows another page from now on.
    pub(super) fn put(&self, body: &str) {
        body.clone_into(&mut self.body.lock().unwrap());
    }

    /// Shows another page at one host from now on.
    pub(super) fn put_for(&self, host: &str, body: &str) {
        self.others.lock().unwrap().insert(host.to_owned(), body.to_owned());
    }

    /// How often the page was asked for.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(
    mut stream: TcpStream,
    (body, others): (&Mutex<String>, &Mutex<BTreeMap<String, String>>),
    asked: &AtomicU64,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if head.starts_with(b"GET /robots.txt") {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let count = 10 + asked.fetch_add(1, Ordering::SeqCst) % 50;
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let other = others.lock().unwrap().get(host).cloned();
    let body = other.unwrap_or_else(|| body.lock().unwrap().clone());
    let body = body.replace("{n}", &count.to_string()).replace("{host}", host);
    let head =
        format!("content-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n{body}")
}
