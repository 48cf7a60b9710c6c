//! The bare fan-out floor: parse, ask all DSPs, answer the highest bid. What any exchange of this design must cost.
//!
//! One current-thread runtime per core with its own connections to the DSPs, the last used first; one acceptor hands
//! sockets to the runtime with the fewest. No authentication, no deals, no checks, no tokens, no counting.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

const LARGEST_BODY: usize = 1 << 20;
/// Sockets that wait for one runtime; beyond that the acceptor waits.
const HANDOVER: usize = 1024;

/// What the floor is started with.
#[derive(Debug, Clone)]
pub struct FloorPlan {
    /// Where it listens; port 0 = a free one.
    pub address: SocketAddr,
    /// Whom it asks, at `/bid`.
    pub dsps: Vec<SocketAddr>,
    /// DSPs (indices) by the first imp's `tagid`; a placement that is not named asks all. An exchange asks only DSPs that
    /// hold a deal on the placement, so a fair comparison gives the floor the same fan-out.
    pub routes: BTreeMap<String, Vec<usize>>,
    /// Runtimes; one per core is meant.
    pub threads: usize,
    /// How long it waits for DSPs.
    pub deadline: Duration,
}

/// A running floor. Dropping it ends its threads.
#[derive(Debug)]
pub struct Floor {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

type Sender = SendRequest<Full<Bytes>>;

struct Worker {
    dsps: Vec<(SocketAddr, HeaderValue)>,
    routes: BTreeMap<String, Vec<usize>>,
    everyone: Vec<usize>,
    idle: RefCell<Vec<Vec<Sender>>>,
    deadline: Duration,
    connections: Arc<AtomicUsize>,
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    imp: Vec<AskedImp<'a>>,
}

#[derive(Deserialize)]
struct AskedImp<'a> {
    #[serde(borrow, default)]
    tagid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    seatbid: Vec<SaidSeat<'a>>,
}

#[derive(Deserialize)]
struct SaidSeat<'a> {
    #[serde(borrow, default)]
    bid: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct SaidBid<'a> {
    #[serde(borrow)]
    impid: Cow<'a, str>,
    price: f64,
}

impl Floor {
    /// Listens at once and serves on threads of its own.
    ///
    /// # Errors
    /// When the address is taken or no thread or runtime can be had.
    pub fn start(plan: &FloorPlan) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(plan.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let (mut threads, mut desks) = (Vec::new(), Vec::new());
        for index in 0..plan.threads.max(1) {
            let (hand, sockets) = mpsc::channel(HANDOVER);
            let load = Arc::new(AtomicUsize::new(0));
            desks.push((hand, Arc::clone(&load)));
            let (plan, stopped) = (plan.clone(), stopped.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new().name(format!("floor-{index}"));
            threads
                .push(thread.spawn(move || LocalSet::new().block_on(&runtime, work(&plan, sockets, load, stopped)))?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let acceptor = std::thread::Builder::new().name("floor-accept".to_owned());
        threads.push(acceptor.spawn(move || runtime.block_on(accept(listener, desks, stopped)))?);
        Ok(Self { address, stop, threads })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

type Desk = (mpsc::Sender<std::net::TcpStream>, Arc<AtomicUsize>);

async fn accept(listener: std::net::TcpListener, desks: Vec<Desk>, mut stopped: watch::Receiver<bool>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let Ok(socket) = socket.and_then(|(socket, _)| socket.into_std()) else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let least = desks.iter().min_by_key(|(_, load)| load.load(Ordering::Relaxed));
        if let Some((desk, load)) = least {
            load.fetch_add(1, Ordering::Relaxed);
            let _ = desk.send(socket).await;
        }
    }
}

async fn work(
    plan: &FloorPlan,
    mut sockets: mpsc::Receiver<std::net::TcpStream>,
    connections: Arc<AtomicUsize>,
    mut stopped: watch::Receiver<bool>,
) {
    let host = |address: &SocketAddr| HeaderValue::try_from(address.to_string()).ok().map(|host| (*address, host));
    let worker = Rc::new(Worker {
        dsps: plan.dsps.iter().filter_map(host).collect(),
        routes: plan.routes.clone(),
        everyone: (0..plan.dsps.len()).collect(),
        idle: RefCell::new(plan.dsps.iter().map(|_| Vec::new()).collect()),
        deadline: plan.deadline,
        connections,
    });
    loop {
        let socket = tokio::select! {
            socket = sockets.recv() => socket,
            _ = stopped.changed() => None,
        };
        let Some(socket) = socket else { return };
        if let Ok(socket) = TcpStream::from_std(socket) {
            tokio::task::spawn_local(converse(Rc::clone(&worker), socket));
        }
    }
}

async fn converse(worker: Rc<Worker>, socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let worker = Rc::clone(&worker);
        async move { Ok::<_, Infallible>(auction(&worker, request).await) }
    });
    let _ = server::Builder::new().serve_connection(TokioIo::new(socket), service).await;
    worker.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn auction(worker: &Rc<Worker>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Ok(body) = Limited::new(request.into_body(), LARGEST_BODY).collect().await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let Ok(asked) = serde_json::from_slice::<Asked<'_>>(&body) else { return status(StatusCode::BAD_REQUEST) };
    let place = asked.imp.first().map_or("", |imp| imp.tagid.as_ref());
    let whom = worker.routes.get(place).unwrap_or(&worker.everyone);
    let said = ask_all(worker, whom, &body).await;
    let Some(answer) = highest(&asked.id, &said) else { return status(StatusCode::NO_CONTENT) };
    let mut response = Response::new(Full::new(answer.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}

/// Whatever all of them said until the deadline.
async fn ask_all(worker: &Rc<Worker>, whom: &[usize], body: &Bytes) -> Vec<Bytes> {
    type Asking = Pin<Box<dyn Future<Output = Option<Bytes>>>>;
    let one = |index: &usize| -> Asking { Box::pin(ask(Rc::clone(worker), *index, body.clone())) };
    let mut asking: Vec<Asking> = whom.iter().map(one).collect();
    let mut said = Vec::with_capacity(asking.len());
    let all = std::future::poll_fn(|context| {
        let mut index = 0;
        while index < asking.len() {
            match asking[index].as_mut().poll(context) {
                Poll::Ready(answer) => {
                    said.extend(answer);
                    drop(asking.swap_remove(index));
                }
                Poll::Pending => index += 1,
            }
        }
        if asking.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    });
    let _ = tokio::time::timeout(worker.deadline, all).await;
    said
}

async fn ask(worker: Rc<Worker>, index: usize, body: Bytes) -> Option<Bytes> {
    let (address, host) = worker.dsps.get(index)?;
    let mut idle = worker.idle.borrow_mut().get_mut(index)?.pop();
    if let Some(sender) = &mut idle
        && sender.ready().await.is_err()
    {
        idle = None;
    }
    let mut sender = match idle {
        Some(sender) => sender,
        None => connect(*address).await?,
    };
    let request = Request::post("/bid").header(HOST, host.clone()).header(CONTENT_TYPE, "application/json");
    let answer = sender.send_request(request.body(Full::new(body)).ok()?).await.ok()?;
    let found = answer.status() == StatusCode::OK;
    let body = Limited::new(answer.into_body(), LARGEST_BODY).collect().await.ok()?.to_bytes();
    worker.idle.borrow_mut().get_mut(index)?.push(sender);
    found.then_some(body)
}

async fn connect(address: SocketAddr) -> Option<Sender> {
    let socket = TcpStream::connect(address).await.ok()?;
    socket.set_nodelay(true).ok()?;
    let (sender, connection) = client::handshake(TokioIo::new(socket)).await.ok()?;
    tokio::task::spawn_local(connection);
    Some(sender)
}

/// The highest bid for each imp, in one response.
fn highest(id: &str, said: &[Bytes]) -> Option<Vec<u8>> {
    let mut best: Vec<(Cow<'_, str>, f64, &RawValue)> = Vec::new();
    for body in said {
        let Ok(response) = serde_json::from_slice::<Said<'_>>(body) else { continue };
        for raw in response.seatbid.into_iter().flat_map(|seat| seat.bid) {
            let Ok(bid) = serde_json::from_str::<SaidBid<'_>>(raw.get()) else { continue };
            match best.iter_mut().find(|(imp, ..)| *imp == bid.impid) {
                Some(held) if held.1 >= bid.price => {}
                Some(held) => (held.1, held.2) = (bid.price, raw),
                None => best.push((bid.impid, bid.price, raw)),
            }
        }
    }
    if best.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"id\":");
    serde_json::to_writer(&mut out, id).ok()?;
    out.extend_from_slice(b",\"cur\":\"CNY\",\"seatbid\":[{\"bid\":[");
    for (index, (_, _, raw)) in best.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(raw.get().as_bytes());
    }
    out.extend_from_slice(b"]}]}");
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bid_of_each_imp_wins_and_nonsense_is_passed_over() {
        let said = [
            r#"{"id":"r","seatbid":[{"bid":[{"id":"a","impid":"1","price":2.0},{"id":"b","impid":"2","price":1.0}]}]}"#,
            "half a{",
            r#"{"id":"r","seatbid":[{"bid":[{"id":"c","impid":"1","price":3.5}]}]}"#,
        ];
        let said: Vec<Bytes> = said.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        let answer: serde_json::Value = serde_json::from_slice(&highest("r\"1", &said).unwrap()).unwrap();
        assert_eq!(answer["id"], "r\"1");
        let ids: Vec<&str> =
            answer["seatbid"][0]["bid"].as_array().unwrap().iter().map(|bid| bid["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["c", "b"]);
        assert_eq!(highest("r", &said[1..2]), None);
    }
}
