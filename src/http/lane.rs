//! One core: a current-thread runtime that serves its sockets.

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
use super::routes::respond;
use crate::exchange::{Core, Exchange, Seed};

/// How long requests may finish after the door has closed.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// How long a client may take to send a request's head.
const HEAD: Duration = Duration::from_secs(30);
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
    let Some(core) = Core::new(exchange, seed) else {
        tracing::error!("a core has no token key");
        return;
    };
    let core = Rc::new(core);
    let warming = core.clone();
    tokio::task::spawn_local(async move { warming.warm(WARM).await });
    while *phase.borrow_and_update() != Phase::Closing {
        tokio::select! {
            socket = sockets.recv() => {
                let Some(socket) = socket else { break };
                let leaving = Leaving(connections.clone(), index);
                if let Ok(socket) = TcpStream::from_std(socket) {
                    tokio::task::spawn_local(connection(socket, core.clone(), phase.clone(), leaving));
                }
            }
            changed = phase.changed() => if changed.is_err() { break },
        }
    }
    let empty = async {
        while connections[index].load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(GRACE, empty).await.is_err() {
        tracing::warn!(core = index, "connections were cut after the grace period");
    }
}

/// Takes the connection off its core's count.
struct Leaving(Arc<Vec<AtomicUsize>>, usize);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0[self.1].fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(socket: TcpStream, core: Rc<Core>, mut phase: watch::Receiver<Phase>, _leaving: Leaving) {
    let ready = phase.clone();
    let service = service_fn(move |request| {
        let (core, ready) = (core.clone(), *ready.borrow() == Phase::Serving);
        async move { Ok::<_, std::convert::Infallible>(respond(&core, request, ready).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(128 * 1_024)
        .serve_connection(TokioIo::new(socket), service);
    tokio::pin!(serving);
    loop {
        tokio::select! {
            // A client that breaks off is no event worth a line.
            _ = serving.as_mut() => return,
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow_and_update() == Phase::Closing {
                    serving.as_mut().graceful_shutdown();
                    let _ = serving.as_mut().await;
                    return;
                }
            }
        }
    }
}
