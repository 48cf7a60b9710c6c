//! A page's server on this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One page at every path, but for robots.txt, which is not there. `{n}` in it is another number with each answer.
pub(super) struct Site {
    port: u16,
    body: Arc<Mutex<String>>,
    asked: Arc<AtomicU64>,
}

impl Site {
    pub(super) fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Self { port, body: Arc::new(Mutex::new(body.to_owned())), asked: Arc::default() };
        let (body, asked) = (site.body.clone(), site.asked.clone());
        // It ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), &body, &asked);
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

    /// How often the page was asked for.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, body: &Mutex<String>, asked: &AtomicU64) -> std::io::Result<()> {
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
    let body = body.lock().unwrap().replace("{n}", &count.to_string());
    let head =
        format!("content-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n{body}")
}
