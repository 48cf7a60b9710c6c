//! From the config folder to the market that is served: one door, one lock, and nothing half done (architecture, invariant 13).
//!
//! The order is that of what can be taken back: numbers of new names are stored first, opening balances are booked by their reference,
//! and only then the snapshot is swapped. A refusal before that leaves the old market serving.

mod diff;

pub use diff::{Changes, Diff, Names};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Compiled, Diagnostic, Diagnostics, Moment, Sources, TokenKeySource, compile, load};
use crate::clock::UnixMillis;
use crate::event::StoreUnavailable;
use crate::exchange::Exchange;
use crate::ids::{BuyerId, IdBook, IdKind, NodeId};
use crate::market::Market;
use crate::market::demand::TopUp;
use crate::store::Registry;

/// Retired snapshots that wait for their last reader at most. Beyond, the oldest is let go and its last reader frees it.
const MOST_RETIRED: usize = 8;

/// Books an opening balance once, by the buyer and the top-up's reference; says what is wrong with it otherwise.
pub type BookTopUp = Box<dyn Fn(BuyerId, &TopUp, UnixMillis) -> Result<(), String> + Send + Sync>;

/// What the publisher writes to.
pub struct Ports {
    /// Numbers of names.
    pub identities: Arc<dyn Registry>,
    /// Opening balances.
    pub top_ups: BookTopUp,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

/// A reload that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The generation that serves now.
    pub generation: u64,
    /// Whether it is a new one; `false` when the folder is what is served already.
    pub changed: bool,
    /// What is different from the one before.
    pub diff: Diff,
    /// What is served, but should be looked at.
    pub warnings: Vec<Diagnostic>,
}

/// A reload that changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("generation {generation} keeps serving: {trouble}")]
pub struct Refused {
    /// Why.
    pub trouble: Trouble,
    /// The generation that keeps serving.
    pub generation: u64,
}

/// Why a folder is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The folder is wrong.
    #[error("{0}")]
    Config(#[from] Diagnostics),
    /// The folder may be right; what it needs could not be stored.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
}

/// How the last reload ended, and when.
#[derive(Clone, Debug)]
pub struct LastReload {
    /// When it ended.
    pub at: UnixMillis,
    /// How.
    pub outcome: Result<Published, Refused>,
}

/// The first market of a process, before there is an exchange to serve it.
#[derive(Debug)]
pub struct Opened {
    /// The market.
    pub market: Market,
    /// What should be looked at.
    pub warnings: Vec<Diagnostic>,
    /// This node.
    pub node: NodeId,
    /// Keys of the charge tokens.
    pub token_keys: Vec<TokenKeySource>,
    /// Becomes the publisher.
    pub desk: Desk,
}

/// What the publisher works with; nobody else holds it.
#[derive(Debug)]
pub struct Desk {
    folder: PathBuf,
    ports: Ports,
    book: IdBook,
    /// Numbers that were given and are not known to be stored. Kept though a reload fails: the store may have them, and a number
    /// never gets a second meaning.
    unsaved: Vec<(IdKind, u32, Box<str>)>,
    /// What a running process cannot change.
    started: (NodeId, Vec<TokenKeySource>),
    /// Of the opened market.
    warnings: Vec<Diagnostic>,
    retired: Vec<Arc<Market>>,
}

impl Desk {
    /// Reads and compiles the folder for the first time, stores its numbers and books its opening balances.
    ///
    /// # Errors
    /// [`Trouble`] when there is nothing to start with.
    pub fn open(folder: &Path, book: IdBook, ports: Ports, at: &Moment) -> Result<Opened, Trouble> {
        let started = (NodeId::default(), Vec::new());
        let (unsaved, retired) = (Vec::new(), Vec::new());
        let mut desk = Self { folder: folder.to_owned(), ports, book, unsaved, started, warnings: Vec::new(), retired };
        let sources = load(&desk.folder)?;
        let Compiled { market, warnings, node, token_keys, .. } = desk.prepare(&sources, at)?;
        desk.started = (node, token_keys.clone());
        desk.warnings.clone_from(&warnings);
        Ok(Opened { market, warnings, node, token_keys, desk })
    }

    /// The publisher of an exchange that serves the opened market.
    #[must_use]
    pub fn publisher(self, exchange: Arc<Exchange>) -> Publisher {
        let warnings = Mutex::new(self.warnings.clone());
        Publisher { exchange, desk: Mutex::new(self), last: Mutex::new(None), warnings }
    }

    /// A market that may be served: its numbers are durable and its opening balances are booked.
    fn prepare(&mut self, sources: &Sources, at: &Moment) -> Result<Compiled, Trouble> {
        let mut compiled = compile(sources, &mut self.book, at)?;
        self.unsaved.extend(self.book.fresh());
        if !self.unsaved.is_empty() {
            self.ports.identities.save_ids(&self.unsaved)?;
            self.unsaved.clear();
        }
        let top_ups = std::mem::take(&mut compiled.top_ups);
        let mut problems = Vec::new();
        for (buyer, top_up) in &top_ups {
            if let Err(reason) = (self.ports.top_ups)(*buyer, top_up, at.now) {
                let account = compiled.market.buyers.get(*buyer).map_or("?", |buyer| buyer.account.as_str());
                let message =
                    format!("the opening balance `{}` of {account} is not booked: {reason}", top_up.reference);
                problems.push(Diagnostic { file: self.folder.join("buyers.toml"), line: 1, message });
            }
        }
        if problems.is_empty() { Ok(compiled) } else { Err(Diagnostics::from(problems).into()) }
    }

    /// What the folder asks for and only a restart brings.
    fn needs_restart(&self, node: NodeId, token_keys: &[TokenKeySource]) -> Vec<Diagnostic> {
        let file = self.folder.join("exchange.toml");
        let warning = |what: &str| Diagnostic {
            file: file.clone(),
            line: 1,
            message: format!("{what} changed: takes effect when the exchange is started again"),
        };
        let node = (node != self.started.0).then(|| warning("`node`"));
        let keys = (token_keys != self.started.1).then(|| warning("`notices.keys`"));
        node.into_iter().chain(keys).collect()
    }

    /// Frees retired snapshots that nobody reads any more.
    fn sweep(&mut self) {
        self.retired.retain(|market| Arc::strong_count(market) > 1);
    }
}

/// Publishes markets to one exchange.
#[derive(Debug)]
pub struct Publisher {
    exchange: Arc<Exchange>,
    desk: Mutex<Desk>,
    last: Mutex<Option<Arc<LastReload>>>,
    warnings: Mutex<Vec<Diagnostic>>,
}

impl Publisher {
    /// Reads the folder again and serves it, if it is right. Reads files and waits for the store: not for an async thread.
    ///
    /// An unchanged folder publishes nothing, and counts neither as published nor as refused.
    ///
    /// # Errors
    /// [`Refused`]: the old market keeps serving.
    pub fn reload(&self) -> Result<Published, Refused> {
        let mut desk = held(&self.desk);
        desk.sweep();
        let serving = self.exchange.market.load_full();
        let outcome =
            self.publish(&mut desk, &serving).map_err(|trouble| Refused { trouble, generation: serving.generation });
        let [published, refused] = &self.exchange.metrics.reloads;
        match &outcome {
            Ok(done) if done.changed => {
                published.one();
                tracing::info!(generation = done.generation, diff = %done.diff, "market published");
            }
            Ok(_) => tracing::info!(generation = serving.generation, "config unchanged"),
            Err(error) => {
                refused.one();
                tracing::warn!(%error, "config refused");
            }
        }
        let last = LastReload { at: self.exchange.clock.now(), outcome: outcome.clone() };
        *held(&self.last) = Some(Arc::new(last));
        outcome
    }

    /// How the last reload ended; `None` before the first one.
    #[must_use]
    pub fn last(&self) -> Option<Arc<LastReload>> {
        held(&self.last).clone()
    }

    /// The exchange that it publishes to.
    #[must_use]
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// What is served, but should be looked at.
    #[must_use]
    pub fn warnings(&self) -> Vec<Diagnostic> {
        held(&self.warnings).clone()
    }

    /// Frees retired snapshots that nobody reads any more. To be called now and then; does nothing while a reload runs.
    pub fn sweep(&self) {
        if let Ok(mut desk) = self.desk.try_lock() {
            desk.sweep();
        }
    }

    fn publish(&self, desk: &mut Desk, serving: &Arc<Market>) -> Result<Published, Trouble> {
        let generation = serving.generation;
        let sources = load(&desk.folder)?;
        if sources.digest() == serving.digest {
            let warnings = self.warnings();
            return Ok(Published { generation, changed: false, diff: Diff::default(), warnings });
        }
        let at = Moment { now: self.exchange.clock.now(), generation: generation + 1 };
        let Compiled { market, mut warnings, node, token_keys, .. } = desk.prepare(&sources, &at)?;
        warnings.extend(desk.needs_restart(node, &token_keys));
        let diff = Diff::between(serving, &market);
        // The hot plane may hold the old one a little longer; freed here, it never costs a request anything.
        let old = self.exchange.market.swap(Arc::new(market));
        if desk.retired.len() >= MOST_RETIRED {
            desk.retired.remove(0);
        }
        desk.retired.push(old);
        held(&self.warnings).clone_from(&warnings);
        Ok(Published { generation: at.generation, changed: true, diff, warnings })
    }
}

/// A lock whose holder panicked still guards whole values: each is replaced at once.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(in crate::control) mod tests;
