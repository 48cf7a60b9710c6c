//! The data plane's door: one acceptor hands sockets to the least-loaded core, each core serves its own (architecture §5).

mod body;
mod lane;
mod routes;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::exchange::{Exchange, Seed};

/// Connections that the whole data plane holds at most; beyond, new ones are closed at once.
const MOST_CONNECTIONS: usize = 20_000;
/// Sockets that wait for their core at most.
const QUEUE: usize = 1_024;

/// Where the data plane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Serves; `/readyz` says so.
    Serving,
    /// Still serves, while `/readyz` tells load balancers to go elsewhere.
    NotReady,
    /// Takes no new connections and ends the others after their request.
    Closing,
}

/// The running data plane.
#[derive(Debug)]
pub struct DataPlane {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    connections: Arc<Vec<AtomicUsize>>,
}

/// One core's mailbox.
type Mailbox = mpsc::Sender<std::net::TcpStream>;

impl DataPlane {
    /// Starts one thread per seed, and the acceptor.
    ///
    /// # Errors
    /// When the listener cannot be used or a thread cannot be started.
    pub fn start(listener: TcpListener, exchange: &Arc<Exchange>, seeds: Vec<Seed>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (phase, watched) = watch::channel(Phase::Serving);
        let connections: Arc<Vec<_>> = Arc::new(seeds.iter().map(|_| AtomicUsize::new(0)).collect());
        let mut threads = Vec::new();
        let mut mailboxes = Vec::new();
        for (index, seed) in seeds.into_iter().enumerate() {
            let (mailbox, sockets) = mpsc::channel(QUEUE);
            mailboxes.push(mailbox);
            let duty = lane::Duty {
                exchange: exchange.clone(),
                seed,
                sockets,
                phase: watched.clone(),
                connections: connections.clone(),
                index,
            };
            let name = format!("pmpx-core-{index}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || lane::run(duty))?);
        }
        let counts = connections.clone();
        let accept = move || accept(listener, &mailboxes, &counts, watched);
        threads.push(std::thread::Builder::new().name("pmpx-accept".into()).spawn(accept)?);
        Ok(Self { address, phase, threads, connections })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Tells load balancers to go elsewhere; everything is still served.
    pub fn not_ready(&self) {
        self.phase.send_replace(Phase::NotReady);
    }

    /// Takes no new connections, lets requests finish for at most five seconds, and ends.
    pub fn stop(self) {
        self.phase.send_replace(Phase::Closing);
        for thread in self.threads {
            // A core that panicked has said so on its own.
            let _ = thread.join();
        }
    }
}

/// Hands each new socket to the core with the fewest connections.
fn accept(
    listener: TcpListener,
    mailboxes: &[Mailbox],
    connections: &[AtomicUsize],
    mut phase: watch::Receiver<Phase>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() else { return };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => hand_over(socket, mailboxes, connections),
                    // Out of file handles, most likely: wait instead of spinning.
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                },
                changed = phase.changed() => {
                    if changed.is_err() || *phase.borrow_and_update() == Phase::Closing {
                        return;
                    }
                }
            }
        }
    });
}

fn hand_over(socket: tokio::net::TcpStream, mailboxes: &[Mailbox], connections: &[AtomicUsize]) {
    let counts = connections.iter().map(|count| count.load(Ordering::Relaxed));
    let total: usize = counts.clone().sum();
    let Some((index, _)) = counts.enumerate().min_by_key(|(_, count)| *count) else { return };
    if total >= MOST_CONNECTIONS {
        return;
    }
    let _ = socket.set_nodelay(true);
    let Ok(socket) = socket.into_std() else { return };
    connections[index].fetch_add(1, Ordering::Relaxed);
    if mailboxes[index].try_send(socket).is_err() {
        connections[index].fetch_sub(1, Ordering::Relaxed);
    }
}
