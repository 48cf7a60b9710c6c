//! A DSP down to its bytes: what it sends, and when its connections end, is written by the test.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::HandshakeKind;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// What it does with a question, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Writes bytes.
    Send(Vec<u8>),
    /// Writes bytes one by one, this far apart.
    Dribble(Vec<u8>, Duration),
    /// Waits.
    Pause(Duration),
    /// Ends the connection in order.
    Close,
    /// Breaks the connection off.
    Reset,
    /// Does nothing more until the other side closes.
    Hang,
}

/// Makes the steps from the right bid for a question.
pub(crate) type Way = Arc<dyn Fn(Value) -> Vec<Step> + Send + Sync>;

/// 200 with a body of JSON.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    with_head("content-type: application/json\r\n", body)
}

/// 200 with these header lines and the length of the body.
pub(crate) fn with_head(lines: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{lines}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[derive(Default)]
struct Shared {
    way: Mutex<Option<Way>>,
    asked: AtomicUsize,
    open: AtomicUsize,
    resumed: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

/// A running DSP. Dropping it ends its thread.
pub(crate) struct RawDsp {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl RawDsp {
    /// On a free port of loopback; over TLS where an acceptor is given. It bids until it is told another way.
    pub(crate) fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let shared = Arc::new(Shared::default());
        let inside = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    tokio::select! {
                        accepted = listener.accept() => {
                            tokio::spawn(connection(accepted.unwrap().0, tls.clone(), inside.clone()));
                        }
                        _ = stopped.changed() => return,
                    }
                }
            });
        });
        Self { address, shared, stop, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers like this from now on.
    pub(crate) fn set(&self, way: Way) {
        *self.shared.way.lock().unwrap() = Some(way);
    }

    /// Questions so far.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// TLS sessions that were taken up again.
    pub(crate) fn resumed(&self) -> usize {
        self.shared.resumed.load(Ordering::SeqCst)
    }

    /// The heads of the questions, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }
}

impl Drop for RawDsp {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        let _ = self.thread.take().unwrap().join();
    }
}

async fn connection(socket: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    shared.open.fetch_add(1, Ordering::SeqCst);
    match tls {
        None => {
            let (mut read, mut write) = socket.into_split();
            let reset = converse(&mut read, &mut write, &shared).await;
            let socket = read.reunite(write).unwrap();
            if reset {
                #[allow(deprecated, reason = "a zero linger is what makes the kernel send RST")]
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        Some(tls) => {
            if let Ok(stream) = tls.accept(socket).await {
                let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
                shared.resumed.fetch_add(usize::from(resumed), Ordering::SeqCst);
                let (mut read, mut write) = tokio::io::split(stream);
                converse(&mut read, &mut write, &shared).await;
                let _ = write.shutdown().await;
            }
        }
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

/// Answers questions until one side ends it. Tells whether it is to be broken off.
async fn converse(read: &mut (impl AsyncRead + Unpin), write: &mut (impl AsyncWrite + Unpin), shared: &Shared) -> bool {
    while let Some((head, body)) = question(read).await {
        shared.asked.fetch_add(1, Ordering::SeqCst);
        shared.heads.lock().unwrap().push(head);
        let way = shared.way.lock().unwrap().clone();
        let bid = right_bid(&serde_json::from_slice(&body).unwrap_or(Value::Null));
        let steps = match way {
            Some(way) => way(bid),
            None => vec![Step::Send(ok(bid.to_string().as_bytes()))],
        };
        for step in steps {
            let done = match step {
                Step::Send(bytes) => write.write_all(&bytes).await,
                Step::Dribble(bytes, pause) => dribble(write, &bytes, pause).await,
                Step::Pause(time) => {
                    tokio::time::sleep(time).await;
                    Ok(())
                }
                Step::Close => return false,
                Step::Reset => return true,
                Step::Hang => {
                    while !matches!(read.read(&mut [0; 1_024]).await, Ok(0) | Err(_)) {}
                    return false;
                }
            };
            if done.is_err() {
                return false;
            }
        }
    }
    false
}

async fn dribble(write: &mut (impl AsyncWrite + Unpin), bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    for byte in bytes {
        write.write_all(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// One request; `None` at the connection's end.
async fn question(read: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 * 1_024];
    loop {
        // A greeting of TLS where none is spoken.
        if bytes.first() == Some(&0x16) {
            return Some((String::new(), Vec::new()));
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some((head, bytes[end + 4..end + 4 + length].to_vec()));
            }
        }
        match read.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// The right bid for PD-2026-PAOPAO on the first imp.
pub(crate) fn right_bid(asked: &Value) -> Value {
    let bid = json!({"id": "b", "impid": asked["imp"][0]["id"], "price": 62.0, "dealid": "PD-2026-PAOPAO",
        "crid": "paopao-banner-1", "adomain": ["paopao.example"], "adm": "<a href=\"https://paopao.example/\">x</a>",
        "w": 728, "h": 90});
    json!({"id": asked["id"], "cur": "CNY", "seatbid": [{"seat": "comet-3", "bid": [bid]}]})
}
