//! The data plane's door: one acceptor hands sockets to the least-loaded core, each core serves its own (architecture §5).

mod beacons;
mod body;
mod door;
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
use crate::metrics::{Metrics, Shed};

/// Connections that the whole data plane holds at most; beyond, new ones are closed at once.
const MOST_CONNECTIONS: usize = 20_000;
/// Sockets that wait for their core at most.
const QUEUE: usize = 1_024;

/// Where the data plane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serves; `/readyz` says so.
    Serving,
    /// Still serves, while `/readyz` tells load balancers to go elsewhere.
    NotReady,
    /// Takes no new connections and ends the others after their next answer.
    Closing,
    /// Ends what is open, whatever it is doing.
    Cutting,
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
        let (counts, metrics) = (connections.clone(), exchange.metrics.clone());
        let accept = move || accept(listener, &mailboxes, &counts, &metrics, watched);
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

    /// Takes no new connections; what is open ends after its next answer, or when it is idle for half a second.
    pub fn close(&self) {
        self.phase.send_replace(Phase::Closing);
    }

    /// Ends what is open, whatever it is doing.
    pub fn cut(&self) {
        self.phase.send_replace(Phase::Cutting);
    }

    /// Whether every thread has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits until every thread has ended; [`DataPlane::close`] or [`DataPlane::cut`] comes before.
    pub fn join(self) {
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
    metrics: &Metrics,
    mut phase: watch::Receiver<Phase>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() else { return };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => {
                        let handed = socket.into_std().is_ok_and(|socket| hand_over(socket, mailboxes, connections, metrics));
                        if !handed {
                            metrics.shed(Shed::Connections);
                        }
                    }
                    // Out of file handles, most likely: wait instead of spinning.
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                },
                changed = phase.changed() => {
                    if changed.is_err() || *phase.borrow_and_update() >= Phase::Closing {
                        if let Ok(listener) = listener.into_std() {
                            empty_backlog(&listener, mailboxes, connections, metrics);
                        }
                        return;
                    }
                }
            }
        }
    });
}

/// Hands over the connections that the system has made already: closing the listener would reset them.
fn empty_backlog(listener: &TcpListener, mailboxes: &[Mailbox], connections: &[AtomicUsize], metrics: &Metrics) {
    while let Ok((socket, _)) = listener.accept() {
        if !hand_over(socket, mailboxes, connections, metrics) {
            metrics.shed(Shed::Connections);
        }
    }
}

/// `false` when the socket was closed instead, because a bound is reached.
fn hand_over(
    socket: std::net::TcpStream,
    mailboxes: &[Mailbox],
    connections: &[AtomicUsize],
    metrics: &Metrics,
) -> bool {
    let counts = connections.iter().map(|count| count.load(Ordering::Relaxed));
    let total: usize = counts.clone().sum();
    let Some((index, _)) = counts.enumerate().min_by_key(|(_, count)| *count) else { return false };
    if total >= MOST_CONNECTIONS {
        return false;
    }
    let _ = socket.set_nodelay(true);
    if socket.set_nonblocking(true).is_err() {
        return false;
    }
    connections[index].fetch_add(1, Ordering::Relaxed);
    metrics.connections.fetch_add(1, Ordering::Relaxed);
    let taken = mailboxes[index].try_send(socket).is_ok();
    if !taken {
        connections[index].fetch_sub(1, Ordering::Relaxed);
        metrics.connections.fetch_sub(1, Ordering::Relaxed);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket.
    fn socket() -> std::net::TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    }

    #[test]
    fn a_socket_goes_to_the_core_with_the_fewest_and_to_none_at_the_bound() {
        let (first, _keep_first) = mpsc::channel(8);
        let (second, mut sockets) = mpsc::channel(1);
        let mailboxes = [first, second];
        let connections = [AtomicUsize::new(5), AtomicUsize::new(4)];
        let metrics = Exchange::metrics();
        assert!(hand_over(socket(), &mailboxes, &connections, &metrics));
        assert!(sockets.try_recv().is_ok(), "the second had fewer");
        assert_eq!(connections[1].load(Ordering::Relaxed), 5);
        connections[0].store(MOST_CONNECTIONS, Ordering::Relaxed);
        assert!(!hand_over(socket(), &mailboxes, &connections, &metrics), "the bound of all");
        connections[0].store(100, Ordering::Relaxed);
        assert!(hand_over(socket(), &mailboxes, &connections, &metrics));
        assert!(!hand_over(socket(), &mailboxes, &connections, &metrics), "the mailbox is full");
        assert_eq!(connections[1].load(Ordering::Relaxed), 6, "what was not taken is not counted");
        assert_eq!(metrics.connections.load(Ordering::Relaxed), 2);
    }
}
