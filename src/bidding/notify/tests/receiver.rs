//! A scripted receiver on a raw socket: it writes what a case wants, whether that is HTTP or not.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a receiver does with one request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Writes this and goes on.
    Say(&'static str),
    /// Closes the connection without a word.
    Close,
    /// Says nothing for as long as the other side stays.
    Silent,
    /// A good head, then a body that never ends.
    Endless,
    /// A head that comes byte by byte and never ends.
    Dribble,
}

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
pub(super) const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";
pub(super) const FAIL: &str = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";

#[derive(Debug, Default)]
struct Log {
    acts: VecDeque<Act>,
    targets: Vec<String>,
    heads: Vec<String>,
    connections: usize,
}

/// A receiver. Acts are used up one by one; after the last one it says 200.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

impl Receiver {
    pub(super) fn start(acts: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Log { acts: acts.iter().cloned().collect(), ..Log::default() }));
        let inside = log.clone();
        // Ends with the process: a listener cannot be told to stop.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                inside.lock().unwrap().connections += 1;
                let log = inside.clone();
                std::thread::spawn(move || converse(stream, &log));
            }
        });
        Self { address, log }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The targets of all requests so far.
    pub(super) fn targets(&self) -> Vec<String> {
        self.log.lock().unwrap().targets.clone()
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.log.lock().unwrap().heads.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }
}

fn converse(mut stream: TcpStream, log: &Mutex<Log>) {
    let mut head = Vec::new();
    loop {
        head.clear();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let text = String::from_utf8(head.clone()).unwrap();
        let target = text.split(' ').nth(1).unwrap().to_owned();
        let act = {
            let mut log = log.lock().unwrap();
            log.targets.push(target);
            log.heads.push(text);
            log.acts.pop_front().unwrap_or(Act::Say(OK))
        };
        match act {
            Act::Say(answer) => stream.write_all(answer.as_bytes()).unwrap(),
            Act::Close => return,
            Act::Silent => {
                let _ = stream.read(&mut byte);
                return;
            }
            Act::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
                while stream.write_all(&[b'x'; 16_384]).is_ok() {}
                return;
            }
            Act::Dribble => {
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                for byte in b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'y')) {
                    // Until the other side has gone.
                    if stream.write_all(&[*byte]).is_err() || matches!(stream.read(&mut [0]), Ok(0)) {
                        return;
                    }
                }
            }
        }
    }
}
