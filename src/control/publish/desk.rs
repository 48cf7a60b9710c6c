//! What a reload works with: the folder, the book of numbers, and the markets that wait for their last reader.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Trouble;
use super::content::Review;
use super::keys::{KeyError, TokenKeys, Turn};
use crate::billing::budget::Lives;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::control::config::{Compiled, Diagnostic, Diagnostics, Moment, Sources, TokenKeySource, compile};
use crate::event::{Docket, Ledger, Operations, StoreUnavailable};
use crate::ids::{BuyerId, IdBook, IdKind, NodeId};
use crate::market::Market;
use crate::market::demand::TopUp;
use crate::store::Registry;

/// Retired snapshots that wait for their last reader at most. Beyond, the oldest is let go and its last reader frees it.
const MOST_RETIRED: usize = 8;
/// Numbers that are stored in one commit at most: billing notices wait for it.
pub(super) const NUMBERS: usize = 2_048;
/// How often in a row another process may be faster.
pub(super) const MOST_RACES: u32 = 5;

/// Books an opening balance once, by the buyer and the top-up's reference; says what is wrong with it otherwise. Where the buyer's cooperation is over,
/// its last day: then only what was booked before is right (R-TERM).
pub type BookTopUp = Box<dyn Fn(BuyerId, &TopUp, Option<ShanghaiDay>, UnixMillis) -> Result<(), String> + Send + Sync>;

/// Reads the numbers that are stored.
pub type StoredIds = Arc<dyn Fn() -> Result<IdBook, StoreUnavailable> + Send + Sync>;

/// What the publisher writes to.
pub struct Ports {
    /// Numbers of names.
    pub identities: Arc<dyn Registry>,
    /// All that are stored: another process may have given some.
    pub stored_ids: StoredIds,
    /// Opening balances.
    pub top_ups: BookTopUp,
    /// Generations, kill switches, the audit log.
    pub operations: Arc<dyn Operations>,
    /// What was entered about orders.
    pub ledger: Arc<dyn Ledger>,
    /// What is reviewed.
    pub docket: Arc<dyn Docket>,
    /// This process among those of the data folder.
    pub node: NodeId,
    /// The data folder: what is known of the keys of charge tokens is kept there.
    pub data: PathBuf,
    /// Looks up `env:NAME` secrets.
    pub variable: fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

impl std::fmt::Debug for dyn Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Operations")
    }
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
    node: NodeId,
    pub(super) keys: TokenKeys,
    /// The keys that the config which is served names.
    asked: Vec<TokenKeySource>,
    retired: Vec<Market>,
}

impl Desk {
    pub(super) fn new(folder: &Path, book: IdBook, ports: Ports) -> Result<Self, Trouble> {
        let keys = TokenKeys::open(&ports.data, ports.node, ports.variable).map_err(|error| unstored(&error))?;
        Ok(Self {
            folder: folder.to_owned(),
            ports,
            book,
            unsaved: Vec::new(),
            node: NodeId::default(),
            keys,
            asked: Vec::new(),
            retired: Vec::new(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the sources of a market find of `env:NAME` secrets.
    pub(super) fn variable(&self) -> fn(&str) -> Option<String> {
        self.ports.variable
    }

    pub(super) fn operations(&self) -> &Arc<dyn Operations> {
        &self.ports.operations
    }

    pub(super) fn ledger(&self) -> Arc<dyn Ledger> {
        self.ports.ledger.clone()
    }

    /// What follows reviews.
    pub(super) fn review(&self) -> Review {
        let Ports { docket, identities, stored_ids, .. } = &self.ports;
        Review::new(docket.clone(), identities.clone(), stored_ids.clone())
    }

    /// Notes what only a restart changes.
    pub(super) fn starts_as(&mut self, node: NodeId) {
        self.node = node;
    }

    /// The keys that seal and open under a market.
    pub(super) fn turn(&self, asked: &[TokenKeySource], market: &Market, now: UnixMillis) -> Result<Turn, Trouble> {
        let line = |message| Diagnostic { file: self.folder.join("exchange.toml"), line: 1, message };
        self.keys.prepare(asked, Lives::of(market), now).map_err(|error| match error {
            KeyError::File(..) => unstored(&error),
            wrong => Diagnostics::from(vec![line(wrong.to_string())]).into(),
        })
    }

    /// The same for the config that is served: its secrets may have changed where they are kept.
    pub(super) fn turn_again(&self, market: &Market, now: UnixMillis) -> Result<Turn, Trouble> {
        self.turn(&self.asked, market, now)
    }

    /// Makes durable that the keys of a turn may seal.
    pub(super) fn promise(&self, turn: &Turn) -> Result<(), Trouble> {
        self.keys.promise(turn).map_err(|error| unstored(&error))
    }

    /// Notes that a turn is in use.
    pub(super) fn turned(&mut self, turn: Turn, asked: Option<Vec<TokenKeySource>>, now: UnixMillis) {
        self.keys.served(turn, now);
        self.asked = asked.unwrap_or(std::mem::take(&mut self.asked));
    }

    /// What should be looked at, of keys.
    pub(super) fn key_warnings(&self, turn: &Turn) -> Vec<Diagnostic> {
        let file = self.folder.join("exchange.toml");
        turn.warnings.iter().map(|it| Diagnostic { file: file.clone(), line: 1, message: it.clone() }).collect()
    }

    /// A market that may be served: its numbers are durable and its opening balances are booked.
    pub(super) fn prepare(&mut self, sources: &Sources, at: &Moment) -> Result<Compiled, Trouble> {
        let mut compiled = compile(sources, &mut self.book, at)?;
        for left in (0..MOST_RACES).rev() {
            let Err(error) = self.save_numbers() else { break };
            let stored = (self.ports.stored_ids)()?;
            if left == 0 || !stored.contradicts(&self.unsaved) {
                return Err(error.into());
            }
            // Another process has given them other meanings first. None of these is in use: those that count are stored.
            (self.book, self.unsaved) = (stored, Vec::new());
            compiled = compile(sources, &mut self.book, at)?;
        }
        let top_ups = std::mem::take(&mut compiled.top_ups);
        let mut problems = Vec::new();
        for (buyer, top_up) in &top_ups {
            let known = compiled.market.buyers.get(*buyer);
            let last = known.and_then(|buyer| buyer.cooperation).map(|it| it.until);
            let over = last.filter(|last| *last < at.now.shanghai_day());
            if let Err(reason) = (self.ports.top_ups)(*buyer, top_up, over, at.now) {
                let account = known.map_or("?", |buyer| buyer.account.as_str());
                let message =
                    format!("the opening balance `{}` of {account} is not booked: {reason}", top_up.reference);
                problems.push(Diagnostic { file: sources.folder().join("buyers.toml"), line: 1, message });
            }
        }
        if problems.is_empty() { Ok(compiled) } else { Err(Diagnostics::from(problems).into()) }
    }

    fn save_numbers(&mut self) -> Result<(), StoreUnavailable> {
        self.unsaved.extend(self.book.fresh());
        for batch in self.unsaved.chunks(NUMBERS) {
            self.ports.identities.save_ids(batch)?;
        }
        self.unsaved = Vec::new();
        Ok(())
    }

    /// What the folder asks for and only a restart brings.
    pub(super) fn needs_restart(&self, node: NodeId) -> Option<Diagnostic> {
        let message = "`node` changed: takes effect when the exchange is started again".to_owned();
        (node != self.node).then(|| Diagnostic { file: self.folder.join("exchange.toml"), line: 1, message })
    }

    /// Keeps a market that the hot plane may still read: freed by the publisher, it never costs a request anything.
    pub(super) fn retire(&mut self, market: &Market) {
        if self.retired.len() >= MOST_RETIRED {
            self.retired.remove(0);
        }
        self.retired.push(market.clone());
    }

    #[cfg(test)]
    pub(super) fn retired(&self) -> usize {
        self.retired.len()
    }

    /// The retired markets that nobody else reads any more.
    pub(super) fn take_dead(&mut self) -> Vec<Market> {
        self.retired.extract_if(.., |market| market.is_last()).collect()
    }
}

/// What the data folder does not take.
fn unstored(error: &KeyError) -> Trouble {
    StoreUnavailable(error.to_string()).into()
}
