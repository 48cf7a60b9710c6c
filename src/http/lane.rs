//! One core: a current-thread runtime that serves its sockets.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use super::Phase;
use super::door::Door;
use super::routes::respond;
use crate::exchange::{Core, Exchange, Seed};
use crate::ids::Lane;
use crate::metrics::BEAT;

/// How long requests may finish after the door has closed.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// How long an idle connection stays open after the door has closed: its client may be sending a request just now.
const LINGER: Duration = Duration::from_millis(500);
/// How long a client may take to send a request's head, and may leave a connection idle.
const HEAD: Duration = Duration::from_secs(30);
/// The largest head of a request, bytes; above it 431.
const LARGEST_HEAD: usize = 128 * 1_024;
/// Connections opened to each DSP before the first request.
const WARM: usize = 8;

/// What a core's thread is given.
pub(super) struct Duty {
    pub(super) exchange: Arc<Exchange>,
    pub(super) seed: Seed,
    pub(super) sockets: mpsc::Receiver<std::net::TcpStream>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) connections: Arc<Vec<AtomicUsize>>,
    pub(super) index: usize,
}

/// Serves until the phase is closing and the last request is answered, or the grace is over.
pub(super) fn run(duty: Duty) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a core could not start");
            return;
        }
    };
    let local = LocalSet::new();
    runtime.block_on(local.run_until(serve(duty)));
}

async fn serve(duty: Duty) {
    let Duty { exchange, seed, mut sockets, mut phase, connections, index } = duty;
    let lane = seed.lane;
    let door = Rc::new(Door::new(exchange.clock.instant()));
    let core = Rc::new(Core::new(exchange.clone(), seed));
    let warming = core.clone();
    tokio::task::spawn_local(async move { warming.warm(WARM).await });
    tokio::task::spawn_local(door.clone().watch(exchange.clone()));
    tokio::task::spawn_local(beat(exchange.clone(), door.clone(), lane));
    let take = |socket: std::net::TcpStream, phase: &watch::Receiver<Phase>| {
        let leaving = Leaving { exchange: exchange.clone(), connections: connections.clone(), index };
        if let Ok(socket) = TcpStream::from_std(socket) {
            tokio::task::spawn_local(connection(socket, core.clone(), door.clone(), phase.clone(), leaving));
        }
    };
    while *phase.borrow_and_update() < Phase::Closing {
        tokio::select! {
            socket = sockets.recv() => match socket {
                Some(socket) => take(socket, &phase),
                None => break,
            },
            changed = phase.changed() => if changed.is_err() { break },
        }
    }
    let empty = async {
        // The acceptor hands over what it had already taken, and goes.
        while let Some(socket) = sockets.recv().await {
            take(socket, &phase);
        }
        while connections[index].load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut watched = phase.clone();
    tokio::select! {
        ended = tokio::time::timeout(GRACE, empty) => if ended.is_err() {
            let open = connections[index].load(Ordering::Relaxed);
            tracing::warn!(core = index, open, "connections were cut after the grace period");
        },
        _ = watched.wait_for(|phase| *phase == Phase::Cutting) => {
            let open = connections[index].load(Ordering::Relaxed);
            tracing::warn!(core = index, open, "connections were cut, as was asked for");
        }
    }
    exchange.metrics.health.rest(lane);
}

/// Says every second that this core gets on.
async fn beat(exchange: Arc<Exchange>, door: Rc<Door>, lane: Lane) {
    loop {
        exchange.metrics.health.beat(lane, door.inside(), exchange.clock.instant());
        tokio::time::sleep(BEAT).await;
    }
}

/// Takes the connection off its core's count.
struct Leaving {
    exchange: Arc<Exchange>,
    connections: Arc<Vec<AtomicUsize>>,
    index: usize,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.connections[self.index].fetch_sub(1, Ordering::Relaxed);
        self.exchange.metrics.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one connection until it ends. Once the door has closed, each answer says that it is the connection's last; a
/// connection that stays idle is closed after a while, since its client may be sending a request just now.
async fn connection(
    socket: TcpStream,
    core: Rc<Core>,
    door: Rc<Door>,
    mut phase: watch::Receiver<Phase>,
    _leaving: Leaving,
) {
    let now = phase.clone();
    // Whoever has gone already gets no answer.
    let peer = socket.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let service = service_fn(move |request| {
        let (core, door, phase) = (core.clone(), door.clone(), *now.borrow());
        let now = now.clone();
        async move {
            let response = respond(&core, &door, request, phase == Phase::Serving, peer).await;
            let last = *now.borrow() >= Phase::Closing;
            Ok::<_, std::convert::Infallible>(if last { super::routes::last(response) } else { response })
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(socket), service);
    tokio::pin!(serving);
    let closing = async {
        // An error is the end of the data plane, too.
        let _ = phase.wait_for(|phase| *phase >= Phase::Closing).await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        // A client that breaks off is no event worth a line.
        _ = serving.as_mut() => return,
        () = closing => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
