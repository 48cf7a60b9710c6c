//! The control plane's thread and runtime, apart from those that answer media.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::control::admin::{self, ControlState, Readiness, Stand};
use crate::control::publish::{By, Publisher, Watch};
use crate::event::Trigger;
use crate::store::{SqliteDocket, SqliteStore};

/// The running control plane, with or without a listener.
#[derive(Debug)]
pub(super) struct ControlPlane {
    publisher: Arc<Publisher>,
    readiness: Arc<Readiness>,
    address: Option<SocketAddr>,
    review: Option<SocketAddr>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    following: Vec<(SyncSender<()>, JoinHandle<()>)>,
}

/// How often it is looked whether another process has published; the folder is looked at every second time.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS_PER_WATCH: u32 = (Watch::PAUSE.as_millis() / LOOK.as_millis()) as u32;

impl ControlPlane {
    /// Starts serving, where there is a listener, following what other processes publish, and watching, where there is something to watch.
    pub(super) fn start(
        publisher: Arc<Publisher>,
        store: Arc<SqliteStore>,
        docket: Arc<SqliteDocket>,
        (listener, review): (Option<TcpListener>, Option<TcpListener>),
        watch: Option<Watch>,
    ) -> io::Result<Self> {
        let readiness = Arc::new(Readiness::default());
        let following = vec![follow(publisher.clone(), store.clone(), watch)?, follow_content(publisher.clone())?];
        let mut plane = Self { publisher, readiness, address: None, review: None, running: None, following };
        let Some(listener) = listener else { return Ok(plane) };
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            let message = format!("the control plane listens on loopback only, not on {address}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        listener.set_nonblocking(true)?;
        plane.address = Some(address);
        plane.review = review.as_ref().map(on_loopback).transpose()?;
        let state = Arc::new(ControlState::new(plane.publisher.clone(), store, docket, plane.readiness.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        if let Some(review) = plane.review {
            state.stage().listens(review, address);
        }
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let (ending, ended) = oneshot::channel::<()>();
                let stopped = async {
                    let _ = stopped.await;
                    drop(ending);
                };
                let stage = async {
                    let Some(review) = review else { return Ok(()) };
                    let ended = async {
                        let _ = ended.await;
                    };
                    admin::listen(tokio::net::TcpListener::from_std(review)?, state.stage().clone(), ended).await
                };
                let (control, stage) = tokio::join!(admin::serve(listener, state.clone(), stopped), stage);
                control.and(stage)
            });
            if let Err(error) = served {
                tracing::error!(%error, "the control plane ended");
            }
        };
        let thread = std::thread::Builder::new().name("pmpx-control".into()).spawn(serve)?;
        plane.running = Some((stop, thread));
        Ok(plane)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where it shows what is reviewed.
    pub(super) fn review_address(&self) -> Option<SocketAddr> {
        self.review
    }

    /// Who publishes markets.
    pub(super) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// What `/readyz` says from now on.
    pub(super) fn stand(&self, stand: Stand) {
        self.readiness.set(stand);
    }

    /// Ends after the requests that are open.
    pub(super) fn stop(self) {
        for (stop, thread) in self.following {
            let _ = stop.try_send(());
            let _ = thread.join();
        }
        if let Some((stop, thread)) = self.running {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// Where a review listener listens; made ready for the runtime.
fn on_loopback(listener: &TcpListener) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!("what is reviewed is shown on loopback only, not on {address}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    listener.set_nonblocking(true)?;
    Ok(address)
}

/// Serves what other processes publish, and what the config folder says whenever its files have changed.
fn follow(
    publisher: Arc<Publisher>,
    store: Arc<SqliteStore>,
    mut watch: Option<Watch>,
) -> io::Result<(SyncSender<()>, JoinHandle<()>)> {
    let mut looks = 0_u32;
    now_and_then("pmpx-follow", move || {
        looks = looks.wrapping_add(1);
        // A store that cannot be read is told by the keeper.
        if store.pulse().is_ok_and(|pulse| publisher.is_behind(pulse.generation, pulse.pinned)) {
            publisher.follow();
        }
        if looks.is_multiple_of(LOOKS_PER_WATCH) && watch.as_mut().is_some_and(Watch::look) {
            // The publisher logs what comes of it.
            let _ = publisher.reload(&By::trigger(Trigger::File));
        }
    })
}

/// Serves what is reviewed, at whichever process; on a thread of its own, so that a suspension never waits for a reload (R-REFUSE).
fn follow_content(publisher: Arc<Publisher>) -> io::Result<(SyncSender<()>, JoinHandle<()>)> {
    let mut failing = false;
    now_and_then("pmpx-review", move || {
        let followed = publisher.follow_content();
        if let (Err(error), false) = (&followed, failing) {
            tracing::error!(%error, "WHAT IS REVIEWED CANNOT BE READ; what was known goes on being served");
        }
        failing = followed.is_err();
    })
}

fn now_and_then(name: &str, mut look: impl FnMut() + Send + 'static) -> io::Result<(SyncSender<()>, JoinHandle<()>)> {
    let (stop, stopped) = sync_channel(1);
    let looks = move || {
        while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            look();
        }
    };
    Ok((stop, std::thread::Builder::new().name(name.into()).spawn(looks)?))
}
