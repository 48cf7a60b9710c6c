//! The fan-out by itself, over HTTP/2 and with packed requests: connections are few and shared, limits of the other side hold, and
//! what goes away is replaced.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pmpx::bidding::{Answer, Ask, Bidders, Breakers, Inbox, Silence, Unasked};
use pmpx::clock::{Chance, Clock};
use pmpx::control::config::{Moment, compile, load};
use pmpx::exchange::Exchange;
use pmpx::ids::IdBook;
use pmpx::market::demand::{Dsp, Transport};
use pmpx::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::harness::{NOON, PATIENCE, example, moment};

/// Streams that the other side allows at once.
const STREAMS: u32 = 2;

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    asked: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// An HTTP/2 server that says back what it was sent. `/hang` is never answered.
struct Echo {
    address: SocketAddr,
    seen: Arc<Seen>,
    /// Counts up: every connection says that it goes away.
    leave: watch::Sender<usize>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (leave, left) = watch::channel(0);
        let seen = Arc::new(Seen::default());
        let inside = seen.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(accept(listener, inside, left));
        });
        Self { address, seen, leave, thread: Some(thread) }
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.leave.send_replace(usize::MAX);
        let _ = self.thread.take().unwrap().join();
    }
}

async fn accept(listener: std::net::TcpListener, seen: Arc<Seen>, mut left: watch::Receiver<usize>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            _ = left.changed() => {
                if *left.borrow_and_update() == usize::MAX { return }
                continue;
            }
        };
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let (seen, mut left) = (seen.clone(), left.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| echo(request, seen.clone()));
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(STREAMS);
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = left.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        });
    }
}

async fn echo(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, Infallible> {
    seen.asked.fetch_add(1, Ordering::SeqCst);
    let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most.fetch_max(now, Ordering::SeqCst);
    if request.uri().path() == "/hang" {
        // Until the other side gives the stream up.
        let _leaving = Leaving(seen.clone());
        std::future::pending::<()>().await;
    }
    let head = format!("{} {:?} {:?} ", request.uri(), request.version(), request.headers().get("content-encoding"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    tokio::time::sleep(Duration::from_millis(5)).await;
    seen.now.fetch_sub(1, Ordering::SeqCst);
    Ok(Response::new(Full::new([head.as_bytes(), &body].concat().into())))
}

struct Leaving(Arc<Seen>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One core's fan-out with a DSP to ask.
struct Bench {
    bidders: Bidders,
    metrics: Arc<Metrics>,
    dsp: Dsp,
}

impl Bench {
    fn new(echo: &Echo, transport: Transport) -> Self {
        let at = Moment { now: moment(NOON), generation: 1 };
        let market = compile(&load(&example()).unwrap(), &mut IdBook::default(), &at).unwrap().market;
        let mut dsp = market.dsps.iter().next().unwrap().clone();
        dsp.endpoint.port = echo.address.port();
        dsp.transport = Arc::new(transport);
        let (clock, metrics) = (Clock::system(), Arc::new(Exchange::metrics()));
        let breakers = Arc::new(Breakers::new(clock.instant()));
        Self { bidders: Bidders::new(clock, Chance::seeded(1), breakers, metrics.clone()), metrics, dsp }
    }

    fn ask(&self, body: &str, time: Duration, inbox: &mut Inbox<Answer>) -> Result<(), Unasked> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.bidders.ask(Ask { dsp: &self.dsp, body, deadline: Instant::now() + time, tag: 0 }, inbox)
    }

    async fn answer(&self, body: &str, time: Duration) -> Result<Vec<u8>, Silence> {
        let mut inbox = Inbox::new();
        self.ask(body, time, &mut inbox).unwrap();
        inbox.next().await.unwrap().result.map(Option::unwrap_or_default)
    }

    async fn at_rest(&self) {
        let counts = self.metrics.dsps.get(self.dsp.id).unwrap();
        while counts.in_flight.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn connections(&self) -> u64 {
        self.metrics.dsps.get(self.dsp.id).unwrap().connections.get()
    }
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { tokio::time::timeout(PATIENCE, test()).await.expect("in time") });
}

#[test]
fn questions_share_a_connection_within_the_other_sides_limit() {
    let echo = Echo::start();
    run(async || {
        let bench = Bench::new(&echo, Transport { http2: true, ..Transport::default() });
        let mut inbox = Inbox::new();
        for number in 0..20 {
            bench.ask(&number.to_string(), PATIENCE, &mut inbox).unwrap();
        }
        let mut heard = Vec::new();
        while let Some(answer) = inbox.next().await {
            heard.push(String::from_utf8(answer.result.unwrap().unwrap()).unwrap());
        }
        let head = format!("http://127.0.0.1:{}/bid HTTP/2.0 None ", bench.dsp.endpoint.port);
        let mut expected: Vec<_> = (0..20).map(|number| format!("{head}{number}")).collect();
        heard.sort();
        expected.sort();
        assert_eq!(heard, expected);
        let most = echo.seen.most.load(Ordering::SeqCst);
        assert!(most <= STREAMS as usize, "{most} at once");
        assert_eq!((echo.connections(), bench.connections()), (1, 1));
    });
}

#[test]
fn a_connection_that_goes_away_or_leads_nowhere_is_replaced() {
    let echo = Echo::start();
    run(async || {
        let mut bench = Bench::new(&echo, Transport { http2: true, ..Transport::default() });
        assert!(bench.answer("1", PATIENCE).await.is_ok());
        // GOAWAY, again and again: no question is lost.
        for turn in 1..=3 {
            echo.leave.send_replace(turn);
            while bench.connections() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(bench.answer("2", PATIENCE).await.is_ok());
            assert_eq!(echo.connections(), turn + 1);
        }
        // A question that is never answered, also not late: its connection is given up with it.
        let right = std::mem::replace(&mut bench.dsp.endpoint.path, "/hang".into());
        let before = echo.connections();
        assert_eq!(bench.answer("3", Duration::from_millis(50)).await, Err(Silence::Timeout));
        bench.at_rest().await;
        bench.dsp.endpoint.path = right;
        assert!(bench.answer("4", PATIENCE).await.is_ok());
        assert!(echo.connections() > before);
        while echo.seen.now.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn nobody_who_speaks_http2_is_a_failure_for_all_who_wait() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let echo = Echo::start();
    run(async || {
        let mut bench = Bench::new(&echo, Transport { http2: true, ..Transport::default() });
        bench.dsp.endpoint.port = port;
        let mut inbox = Inbox::new();
        (0..5).for_each(|_| bench.ask("1", PATIENCE, &mut inbox).unwrap());
        while let Some(answer) = inbox.next().await {
            assert_eq!(answer.result, Err(Silence::Connection));
        }
        bench.at_rest().await;
        assert_eq!(bench.connections(), 0);
    });
}

#[test]
fn large_requests_are_packed_where_the_dsp_reads_it() {
    let echo = Echo::start();
    run(async || {
        let bench = Bench::new(&echo, Transport { http2: true, gzip_requests: true, ..Transport::default() });
        let large = "{\"id\":\"1\"}".repeat(300);
        for _ in 0..2 {
            let heard = bench.answer(&large, PATIENCE).await.unwrap();
            let packed = heard.windows(2).position(|two| two == [0x1f, 0x8b]).unwrap();
            assert!(heard[..packed].ends_with(b"Some(\"gzip\") "));
            let text = std::io::read_to_string(GzDecoder::new(&heard[packed..])).unwrap();
            assert!(text == large && heard.len() < large.len() / 4);
        }
        assert!(bench.answer("{}", PATIENCE).await.unwrap().ends_with(b"None {}"), "small ones are not");
    });
}

#[test]
fn the_cap_of_questions_in_flight_holds_until_they_are_given_up() {
    let echo = Echo::start();
    run(async || {
        let mut bench = Bench::new(&echo, Transport { http2: true, ..Transport::default() });
        bench.dsp.endpoint.path = "/hang".into();
        bench.dsp.most_in_flight = 2;
        let mut inbox = Inbox::new();
        let asked: Vec<_> = (0..3).map(|_| bench.ask("1", Duration::from_millis(20), &mut inbox)).collect();
        assert_eq!(asked, [Ok(()), Ok(()), Err(Unasked::Busy)]);
        while inbox.next().await.is_some() {}
        assert_eq!(bench.ask("1", PATIENCE, &mut inbox), Err(Unasked::Busy), "late answers are still waited for");
        bench.at_rest().await;
        assert_eq!(bench.ask("1", Duration::from_millis(1), &mut inbox), Ok(()));
    });
}
