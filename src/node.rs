//! One running node: opens the store, compiles the market, starts the planes, and ends them in order. `main`, the demo and the
//! integration tests start the same node.

mod archivist;
pub mod browser;
mod crawler;
mod desk;
mod drain;
mod examiner;
mod files;
mod intake;
mod keeper;
mod outside;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::bidding::{Notifier, Setup, StartError as NoticesError, Times};
use crate::clock::{Chance, Clock, UnixMillis};
use crate::control::admin::Stand;
use crate::control::publish::{By, Choice, Desk, Opened, Ports, Published, Refused, Stored, Trouble, Watch, choose};
use crate::event::{Ledger, StoreUnavailable, Trigger};
use crate::exchange::{Exchange, Seed};
use crate::http::DataPlane;
use crate::ids::{Lane, NodeId};
use crate::store::{OpenError, Options, SqliteDocket, SqliteReader, SqliteStore};

use desk::ControlPlane;
pub use drain::Hurry;

use drain::Drain;
use examiner::Examiner;
use intake::Intake;
use keeper::{Duty, Keeper};
use outside::Outside;

/// How often in a row another process may publish while this one starts.
const MOST_RACES: u32 = 5;

/// What a node is started with.
#[derive(Debug)]
pub struct Settings {
    /// The config folder.
    pub config: PathBuf,
    /// The data folder; made when it is not there.
    pub data: PathBuf,
    /// The data plane's listener, bound by the caller.
    pub listener: TcpListener,
    /// The control plane's listener, on loopback; `None`: no control plane.
    pub control: Option<TcpListener>,
    /// The review listener, on loopback, where what was uploaded is shown apart from the control plane; `None`: it is not shown.
    pub review: Option<TcpListener>,
    /// Cores of the hot plane: 1 to 255.
    pub cores: u8,
    /// Time.
    pub clock: Clock,
    /// Whether changes of the config folder's files are served by themselves.
    pub watch: bool,
    /// The node's number; `None`: the config's. Each process of a data folder has one of its own.
    pub node: Option<NodeId>,
    /// Whether a pin of an earlier rollback ends.
    pub unpin: bool,
    /// Looks up `env:NAME` secrets.
    pub variable: fn(&str) -> Option<String>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not open.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The config cannot be served: it does not compile, or what it needs could not be stored.
    #[error("{0}")]
    Market(#[from] Trouble),
    /// The store could not be read.
    #[error("{0}")]
    Unavailable(#[from] StoreUnavailable),
    /// What DSPs are owed could not be read, or nobody can tell them.
    #[error("notices to DSPs: {0}")]
    Notices(#[from] NoticesError),
    /// The machine refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A running node.
pub struct Node {
    exchange: Arc<Exchange>,
    store: Arc<SqliteStore>,
    docket: Arc<SqliteDocket>,
    data_plane: DataPlane,
    keeper: Keeper,
    examiner: Examiner,
    /// Fetches what the markup of creatives names.
    files: Outside,
    intake: Intake,
    crawler: Outside,
    notifier: Notifier,
    control: ControlPlane,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl Node {
    /// Starts a node. When it returns, commitments are made, leases are held and requests are served.
    ///
    /// # Errors
    /// [`StartError`] in words for the operator; nothing is left running.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings { config: folder, data, listener, control, review, cores, clock, watch, node, unpin, variable } =
            settings;
        let now = clock.now();
        let watch = watch.then(|| Watch::new(&folder));
        // The node's number is in the config, and the store must know it before it can say which ids are taken.
        let choice = choose(&folder, newest_generation(&data, now)?, unpin, variable, now)?;
        let node = node.unwrap_or(choice.node());
        let metrics = Arc::new(Exchange::metrics());
        let timings = metrics.clone();
        let on_commit = move |took, _| timings.journal_commit_seconds.note(took);
        let options =
            Options { on_commit: Some(Box::new(on_commit)), clock: clock.clone(), ..Options::new(&data, node) };
        let store = Arc::new(SqliteStore::open(options, now)?);
        let docket = Arc::new(SqliteDocket::open(&data, now)?);
        let start = Start { node, config: &folder, data: &data, store: &store, docket: &docket, unpin, variable, now };
        let Opened { market, tokens, opening } = start.open(choice)?;
        for warning in opening.warnings() {
            tracing::warn!("{warning}");
        }
        let exchange = Arc::new(Exchange::new(market, tokens, store.clone(), metrics, clock));
        exchange.attribution.restore(&store.counts_here(now.shanghai_day())?);
        let publisher = Arc::new(opening.publisher(exchange.clone()));
        publisher.follow_content()?;
        let control = ControlPlane::start(publisher.clone(), store.clone(), docket.clone(), (control, review), watch)?;
        let notifier = start_notifier(node, &exchange, &store)?;
        let keeper = Keeper::start(exchange.clone(), store.clone(), publisher.clone())?;
        let (files, orders) = files::start(exchange.clone(), store.clone(), docket.clone())?;
        let examiner = Examiner::start(exchange.clone(), store.clone(), docket.clone(), orders)?;
        let intake = Intake::start(exchange.clone(), docket.clone())?;
        let crawler = crawler::start(exchange.clone(), store.clone(), docket.clone(), publisher)?;
        let seeds = (0..cores.max(1)).map(|index| seed(index, node, &store)).collect();
        let data_plane = DataPlane::start(listener, &exchange, seeds)?;
        control.stand(Stand::Ready);
        Ok(Self { exchange, store, docket, data_plane, keeper, examiner, files, intake, crawler, notifier, control })
    }

    /// Where the data plane listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.data_plane.address()
    }

    /// Where the control plane listens.
    #[must_use]
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control.address()
    }

    /// Where what is reviewed is shown.
    #[must_use]
    pub fn review_address(&self) -> Option<SocketAddr> {
        self.control.review_address()
    }

    /// The hot plane's shared state.
    #[must_use]
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<SqliteStore> {
        &self.store
    }

    /// What is reviewed.
    #[must_use]
    pub fn docket(&self) -> &Arc<SqliteDocket> {
        &self.docket
    }

    /// Reads the config folder again and serves it, if it is right.
    ///
    /// # Errors
    /// [`Refused`]: the old market keeps serving.
    pub fn reload(&self) -> Result<Published, Refused> {
        self.control.publisher().reload(&By::trigger(Trigger::Signal))
    }

    /// [`Node::drain`] without a hurry.
    pub fn stop(self, drain_delay: Duration) {
        self.drain(drain_delay, &Hurry::default());
    }

    /// Ends in named phases, each bounded and logged with its duration: `not_ready` (load balancers are told) → `drain_delay`
    /// (everything is still served) → `stop_accepting` → `finish` (open requests, 5 s at most) → `flush` (counts; notices to DSPs, sent or kept) →
    /// `last_commit` → `close_leases` → `derive_ledger` → `close_store`.
    pub fn drain(self, drain_delay: Duration, hurry: &Hurry) {
        let Self { exchange, store, docket, data_plane, keeper, examiner, files, intake, crawler, notifier, control } =
            self;
        let drain = Drain { clock: &exchange.clock, hurry };
        drain.phase("not_ready", || {
            control.stand(Stand::Draining);
            data_plane.not_ready();
        });
        drain.phase("drain_delay", || drain.delay(drain_delay));
        drain.phase("stop_accepting", || data_plane.close());
        drain.phase("finish", || drain.finish(data_plane));
        let duty = keeper.duty();
        let phase = |name, work: fn(&Duty)| {
            let duty = duty.clone();
            drain.bounded(name, move || work(&duty));
        };
        drain.bounded("stop_housekeeping", move || {
            intake.stop();
            crawler.stop();
            examiner.stop();
            files.stop();
            keeper.stop();
        });
        let (flushed, wait) = (duty.clone(), drain.time_for_notices());
        drain.bounded("flush", move || {
            flushed.flush_counts();
            notifier.stop(wait);
        });
        phase("last_commit", Duty::confirm);
        phase("close_leases", Duty::close_leases);
        phase("derive_ledger", Duty::derive_ledger);
        drain.phase("stop_control", || control.stop());
        drain.bounded("close_store", move || {
            drop(docket);
            store.close();
        });
        tracing::info!("stopped");
    }
}

/// The thread that calls DSPs; it goes on with what an earlier start owed them.
fn start_notifier(node: NodeId, exchange: &Arc<Exchange>, store: &Arc<SqliteStore>) -> Result<Notifier, NoticesError> {
    let of = exchange.clone();
    let setup = Setup {
        node,
        clock: exchange.clock.clone(),
        chance: Chance::unpredictable(),
        market: Box::new(move || of.market.load_full()),
        outbox: store.clone(),
        times: Times::default(),
    };
    Notifier::start(&exchange.notices, setup)
}

/// What a start works with.
struct Start<'s> {
    node: NodeId,
    config: &'s Path,
    data: &'s Path,
    store: &'s Arc<SqliteStore>,
    docket: &'s Arc<SqliteDocket>,
    unpin: bool,
    variable: fn(&str) -> Option<String>,
    now: UnixMillis,
}

impl Start<'_> {
    /// Compiles the first market and makes it durable. Where another process has published in between, it is chosen anew.
    fn open(&self, mut choice: Choice) -> Result<Opened, StartError> {
        for left in (0..MOST_RACES).rev() {
            let known = choice.newest();
            let ids = self.store.snapshot()?.load_ids()?;
            let trouble = match Desk::open(self.config, choice, ids, self.ports(), self.now) {
                Ok(opened) => return Ok(opened),
                Err(trouble) => trouble,
            };
            let newest = newest_generation(self.data, self.now)?;
            let overtaken = newest.as_ref().map_or(0, |it| it.generation.number) != known;
            if left == 0 || !overtaken {
                return Err(trouble.into());
            }
            choice = choose(self.config, newest, self.unpin, self.variable, self.now)?;
        }
        Err(StoreUnavailable("other processes publish without a break".to_owned()).into())
    }

    fn ports(&self) -> Ports {
        let (ledger, books) = (self.store.clone(), self.store.clone());
        Ports {
            identities: self.store.clone(),
            stored_ids: Arc::new(move || books.snapshot()?.load_ids()),
            top_ups: Box::new(move |buyer, top_up, over, now| {
                if let Some(last) = over
                    && !ledger.has_top_up(&top_up.reference).map_err(|error| error.to_string())?
                {
                    return Err(format!("R-TERM: the cooperation ended on {last}; there is no top-up after it"));
                }
                let booked = ledger.top_up(buyer, &top_up.reference, top_up.amount, now);
                booked.map(|_| ()).map_err(|error| error.to_string())
            }),
            operations: self.store.clone(),
            ledger: self.store.clone(),
            docket: self.docket.clone(),
            node: self.node,
            data: self.data.to_owned(),
            variable: self.variable,
        }
    }
}

/// The newest generation of a data folder, if it has one.
fn newest_generation(data: &Path, now: UnixMillis) -> Result<Option<Stored>, StartError> {
    let Some(reader) = SqliteReader::open_current(data, now)? else { return Ok(None) };
    let Some(generation) = reader.generations(u64::MAX, 1)?.pop() else { return Ok(None) };
    let sources = reader.sources(generation.number)?;
    Ok(sources.map(|sources| Stored { generation, sources }))
}

fn seed(index: u8, node: NodeId, store: &SqliteStore) -> Seed {
    Seed { lane: Lane(index), node, boot: store.boot(), chance: Chance::unpredictable() }
}
