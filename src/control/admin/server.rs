//! The listener: bounded connections, slow senders cut off, an orderly end.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{ControlState, router};
use crate::control::review::{Stage, stage};

/// Connections at a time; beyond, new ones are closed at once.
const MOST_CONNECTIONS: usize = 256;
/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// How long open requests may take after the end was called.
const GRACE: Duration = Duration::from_secs(5);

/// The address at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::control) struct Peer(pub(in crate::control) IpAddr);

/// Serves the control plane until `shutdown`, then lets open requests finish for 5 s.
///
/// # Errors
/// When the listener is not on a loopback address: keys would cross the network in clear text.
pub async fn serve(
    listener: TcpListener,
    state: Arc<ControlState>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!(
            "the control plane speaks no TLS and listens on loopback only, not on {address}: put a proxy in front"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut ticker = JoinSet::new();
    ticker.spawn(tick(state.clone()));
    let app = router(state.clone());
    let streams = state.clone();
    converse_until(listener, app, shutdown, move || streams.streams.close()).await;
    Ok(())
}

/// Serves the stage (`control::review`) until `shutdown`, with the bounds of the control plane.
///
/// # Errors
/// When the listener is not on a loopback address.
pub async fn listen(listener: TcpListener, stage: Arc<Stage>, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!("the review listener is on loopback only, not on {address}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    converse_until(listener, stage::router(stage), shutdown, || {}).await;
    Ok(())
}

/// Accepts connections until `shutdown`; after that `end` is called, and open requests may finish for 5 s.
async fn converse_until(listener: TcpListener, app: Router, shutdown: impl Future<Output = ()>, end: impl FnOnce()) {
    let (closing, closed) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) if connections.len() < MOST_CONNECTIONS => {
                    connections.spawn(converse(socket, Peer(peer.ip()), app.clone(), closed.clone()));
                }
                Ok(_) => tracing::warn!("the control plane is at its bound of {MOST_CONNECTIONS} connections"),
                // Out of file handles, most likely: wait instead of spinning.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    end();
    closing.send_replace(());
    let ended = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(open = connections.len(), "connections of the control plane were cut off");
    }
}

async fn converse(socket: TcpStream, peer: Peer, app: Router, mut closing: watch::Receiver<()>) {
    let _ = socket.set_nodelay(true);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let connection = builder.serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that went away is no news.
        _ = connection.as_mut() => return,
        _ = closing.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Samples the counters and feeds the streams, once a second and when something was reloaded.
async fn tick(state: Arc<ControlState>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = seconds.tick() => state.tick(),
            () = state.stir.notified() => {}
        }
        state.feed();
    }
}
