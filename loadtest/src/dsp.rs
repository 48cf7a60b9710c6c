//! Scripted DSPs over real HTTP/1.1. Each runs on a thread of its own, so that it works whatever runtime the caller has.

mod bid;
mod script;
mod serve;
mod stats;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::catalog::Catalog;
use crate::delays::Delays;
pub use script::{Latency, Script, Temper};
pub use stats::{DspStats, Seen, heard};

/// How long a graceful stop waits for open connections.
const GRACE: Duration = Duration::from_secs(1);

/// What a scripted DSP is started with.
#[derive(Debug, Clone)]
pub struct DspPlan {
    /// The DSP's id, for errors and figures.
    pub name: String,
    /// The seats that it owns; a bid takes the first that the deal's `wseat` allows.
    pub seats: Vec<String>,
    /// Where it listens; `None` = a free port on 127.0.0.1.
    pub address: Option<SocketAddr>,
    /// How it behaves.
    pub script: Script,
    /// How many of the last requests and notices it remembers; 0 = none.
    pub record: usize,
    /// Where it writes down its deliberate waits.
    pub delays: Option<Arc<Delays>>,
}

impl DspPlan {
    /// A DSP on a free port of 127.0.0.1 that remembers nothing.
    #[must_use]
    pub fn new(name: &str, seats: &[&str], script: Script) -> Self {
        let seats = seats.iter().map(|seat| (*seat).to_owned()).collect();
        Self { name: name.to_owned(), seats, address: None, script, record: 0, delays: None }
    }
}

/// How a DSP ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Answers what it has begun, for at most a second.
    Graceful,
    /// Breaks every connection at once.
    Abrupt,
}

struct Shared {
    bidder: bid::Bidder,
    catalog: Arc<Catalog>,
    script: RwLock<Arc<Script>>,
    rng: Mutex<StdRng>,
    memory: stats::Memory,
    delays: Option<Arc<Delays>>,
    serial: AtomicU64,
    open: AtomicUsize,
}

impl Shared {
    fn script(&self) -> Arc<Script> {
        Arc::clone(&self.script.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running DSP. Dropping it breaks its connections and frees its port.
pub struct ScriptedDsp {
    name: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<Option<Stop>>,
    ended: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for ScriptedDsp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ScriptedDsp")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl ScriptedDsp {
    /// Listens at once, then serves on a thread of its own.
    ///
    /// # Errors
    /// When the address is taken (the error names it), or no thread or runtime can be had.
    pub fn start(plan: DspPlan, catalog: Arc<Catalog>) -> io::Result<Self> {
        let wanted = plan.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let named = |error: io::Error| io::Error::new(error.kind(), format!("DSP {} on {wanted}: {error}", plan.name));
        let listener = std::net::TcpListener::bind(wanted).map_err(named)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            bidder: bid::Bidder { seats: plan.seats, address },
            catalog,
            rng: Mutex::new(StdRng::seed_from_u64(plan.script.seed)),
            script: RwLock::new(Arc::new(plan.script)),
            memory: stats::Memory::new(plan.record),
            delays: plan.delays,
            serial: AtomicU64::new(1),
            open: AtomicUsize::new(0),
        });
        let (stop, stopped) = watch::channel(None);
        let (end, ended) = oneshot::channel();
        let inside = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name(format!("dsp-{}", plan.name)).spawn(move || {
            runtime.block_on(accept(listener, inside, stopped));
            drop(runtime);
            let _ = end.send(());
        })?;
        Ok(Self { name: plan.name, address, shared, stop, ended, thread: Some(thread) })
    }

    /// Starts every DSP of the catalog with its own seats and the same script (seeds differ), on the ports of the config
    /// or on free ones.
    ///
    /// # Errors
    /// As [`ScriptedDsp::start`]; those already started are stopped.
    pub fn start_all(
        catalog: &Arc<Catalog>,
        script: &Script,
        configured_ports: bool,
        delays: Option<&Arc<Delays>>,
    ) -> io::Result<Vec<Self>> {
        let mut started = Vec::new();
        for (index, card) in catalog.dsps.iter().enumerate() {
            let plan = DspPlan {
                name: card.id.clone(),
                seats: card.seats.clone(),
                address: card.address.filter(|_| configured_ports),
                script: script.clone().seed(script.seed.wrapping_add(index as u64)),
                record: 0,
                delays: delays.cloned(),
            };
            started.push(Self::start(plan, Arc::clone(catalog))?);
        }
        Ok(started)
    }

    /// The DSP's id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Where bid requests go; any path but `/notice/…` would do.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}/bid", self.address)
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> DspStats {
        self.shared.memory.stats().clone()
    }

    /// The last requests, oldest first, as many as `DspPlan::record` keeps.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.memory.seen()
    }

    /// The last notices' paths and queries, oldest first, as many as `DspPlan::record` keeps.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.shared.memory.notices()
    }

    /// Behaves differently from the next request on; the draws go on from the old seed.
    pub fn set_script(&self, script: Script) {
        *self.shared.script.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(script);
    }

    /// Ends it and waits until its port is free.
    pub async fn stop(mut self, how: Stop) {
        let _ = self.stop.send(Some(how));
        let _ = (&mut self.ended).await;
    }
}

impl Drop for ScriptedDsp {
    fn drop(&mut self) {
        // Also after `stop`, where it changes nothing: the thread has ended.
        self.stop.send_if_modified(|state| state.is_none() && state.replace(Stop::Abrupt).is_none());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<Option<Stop>>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let how = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    shared.memory.stats().connections += 1;
                    tokio::spawn(converse(socket, Arc::clone(&shared), stopped.clone()));
                }
                // No descriptor left, say: wait instead of spinning.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            changed = stopped.changed() => match (changed, *stopped.borrow()) {
                (Err(_), _) => break Stop::Abrupt,
                (Ok(()), Some(how)) => break how,
                (Ok(()), None) => {}
            },
        }
    };
    drop(listener);
    if how == Stop::Graceful {
        let drained = async {
            while shared.open.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(GRACE, drained).await;
    }
}

async fn converse(socket: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<Option<Stop>>) {
    let _ = socket.set_nodelay(true);
    shared.open.fetch_add(1, Ordering::Relaxed);
    let inside = Arc::clone(&shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&inside);
        async move { serve::serve(&shared, request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    shared.open.fetch_sub(1, Ordering::Relaxed);
}
