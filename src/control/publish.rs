//! From the config folder to the market that is served: one door, and nothing half done (architecture, invariant 13).
//!
//! The order is that of what can be taken back: numbers of new names are stored first, opening balances are booked by their reference,
//! the generation is made durable with its sources, and only then the snapshot is swapped. A refusal before that leaves the old market
//! serving.
//!
//! Three locks: one for a whole reload, which may take seconds, one for laying orders over what the config says (`orders`), and one for the moment of
//! a swap. A kill switch (`switches`) takes only the last, so that it never waits for a reload.
//!
//! Several processes may publish on one data folder: each catches up with what the others have stored before it decides (`follow`).

mod background;
mod content;
mod desk;
mod diff;
mod follow;
mod keys;
mod orders;
mod pack;
mod report;
mod start;
mod switches;
mod watch;

pub use content::ContentTrouble;
pub use desk::{BookTopUp, Desk, Ports, StoredIds};
pub use diff::{Changes, Diff, Names};
pub use report::{By, LastReload, Published, Refused, Trouble};
pub use start::{Choice, Opened, Stored, choose};
pub use switches::{Switched, Thrown, Unswitched};
pub use watch::Watch;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Compiled, Diagnostic, Moment, Sources, TokenKeySource, load};
use crate::event::{Audit, Generation, Operations, StoreUnavailable, Trigger};
use crate::exchange::Exchange;
use crate::market::Market;

use content::Review;
use keys::Turn;
use orders::OrderBook;
use report::generation_words;
use switches::Overlay;

/// Publishes markets to one exchange, and suspends what is in them.
#[derive(Debug)]
pub struct Publisher {
    exchange: Arc<Exchange>,
    operations: Arc<dyn Operations>,
    /// Held for a whole reload.
    desk: Mutex<Desk>,
    /// Held for a swap of the catalog, and while orders are laid over it; taken before `overlay`.
    orders: Mutex<OrderBook>,
    /// Held for a swap of the market, and for the commit of a kill switch.
    overlay: Mutex<Overlay>,
    /// Held while the docket is followed; taken before `overlay`.
    review: Mutex<Review>,
    standing: Mutex<Standing>,
    /// The newest generation of another process that cannot be served here; 0: none.
    passed_over: AtomicU64,
}

/// How the market that is served stands to its folder.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// How the last reload ended; `None` before the first one.
    pub last: Option<Arc<LastReload>>,
    /// What is served, but should be looked at.
    pub warnings: Vec<Diagnostic>,
    /// Whether changes of files are ignored.
    pub pinned: bool,
    /// The older generation whose content is served, after a rollback.
    pub restores: Option<u64>,
    /// Whether the folder, as it was last read, is refused and something else is served.
    pub refused: bool,
}

/// What is published, and why.
struct Candidate<'c> {
    sources: &'c Sources,
    by: &'c By,
    restores: Option<u64>,
}

/// A generation that is to be in force.
struct Made<'m> {
    sources: &'m Sources,
    number: u64,
    pinned: bool,
    restores: Option<u64>,
}

impl Publisher {
    /// Reads the folder again and serves it, if it is right. Reads files and waits for the store: not for an async thread.
    ///
    /// An unchanged folder publishes nothing, and counts neither as published nor as refused. While a generation is pinned, a change
    /// of files does nothing; any other reload ends the pin, if the folder is right.
    ///
    /// # Errors
    /// [`Refused`]: the old market keeps serving.
    pub fn reload(&self, by: &By) -> Result<Published, Refused> {
        self.try_to(by, |desk, serving| {
            let pinned = self.standing().pinned;
            let unchanged = |pinned| Published {
                generation: serving.generation,
                changed: false,
                pinned,
                diff: Diff::default(),
                warnings: self.standing().warnings,
            };
            if pinned && by.trigger == Trigger::File {
                tracing::warn!(
                    generation = serving.generation,
                    "config files changed; the pinned generation keeps serving"
                );
                return Ok(unchanged(true));
            }
            let sources = load(desk.folder())?.with_environment(desk.variable());
            if sources.digest() != serving.digest {
                return self.publish(desk, serving, &Candidate { sources: &sources, by, restores: None });
            }
            // The folder names secrets that are kept elsewhere.
            let turn = desk.turn_again(serving, self.exchange.clock.now())?;
            if desk.keys.is_news(&turn) {
                desk.promise(&turn)?;
                self.serve_keys(desk, turn, None);
            }
            if pinned {
                let words = |pinned| generation_words(serving.generation, pinned, None);
                let audit = self.audit(by, "unpin", "market", words(true), words(false));
                self.operations.unpin(serving.generation, &audit)?;
                held(&self.standing).pinned = false;
            }
            Ok(unchanged(false))
        })
    }

    /// Publishes the next generation with the content of an older one, and pins it: changes of files are ignored until a reload is
    /// asked for. Like [`Publisher::reload`], not for an async thread.
    ///
    /// # Errors
    /// [`Refused`]: the old market keeps serving. [`Trouble::NotKept`] when the generation's sources are not there.
    pub fn rollback(&self, number: u64, by: &By) -> Result<Published, Refused> {
        self.try_to(by, |desk, serving| {
            let packed = self.operations.sources(number)?.ok_or(Trouble::NotKept(number))?;
            let sources = pack::unpack(number, &packed)?.with_environment(desk.variable());
            self.publish(desk, serving, &Candidate { sources: &sources, by, restores: Some(number) })
        })
    }

    /// The exchange that it publishes to.
    #[must_use]
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// How the market that is served stands to its folder, and to the orders.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let remarks = held(&self.orders).remarks();
        let mut standing = held(&self.standing).clone();
        standing.warnings.extend(remarks);
        standing
    }

    /// What operators did.
    #[must_use]
    pub fn operations(&self) -> &dyn Operations {
        &*self.operations
    }

    /// Frees retired snapshots that nobody reads any more. To be called now and then; does nothing while a reload runs.
    pub fn sweep(&self) {
        if let Ok(mut desk) = self.desk.try_lock() {
            let dead = desk.take_dead();
            if !dead.is_empty() {
                // Freeing a large market takes a while too. Without a thread for it, it is freed here.
                let _ = background::run(move || drop(dead));
            }
        }
    }

    /// Runs one attempt to publish in the background, and tells everybody how it ended.
    fn try_to(
        &self,
        by: &By,
        attempt: impl Fn(&mut Desk, &Market) -> Result<Published, Trouble> + Send,
    ) -> Result<Published, Refused> {
        let mut desk = held(&self.desk);
        let desk = &mut *desk;
        let ended = background::run(|| {
            drop(desk.take_dead());
            self.after_catching_up(desk, attempt)
        });
        let outcome = ended.unwrap_or_else(|error| Err(Trouble::Thread(error.to_string())));
        let generation = self.exchange.market.load().generation;
        let outcome = outcome.map_err(|trouble| Refused { trouble, generation });
        self.tell(by, &outcome);
        outcome
    }

    fn tell(&self, by: &By, outcome: &Result<Published, Refused>) {
        let [published, refused] = &self.exchange.metrics.reloads;
        let trigger = by.trigger.label();
        match outcome {
            Ok(done) if done.changed => {
                published.one();
                tracing::info!(generation = done.generation, trigger, diff = %done.diff, "market published");
            }
            Ok(done) => tracing::info!(generation = done.generation, trigger, "config unchanged"),
            Err(error) => {
                refused.one();
                tracing::warn!(%error, trigger, "config refused");
            }
        }
        let mut standing = held(&self.standing);
        match outcome {
            // The files changed and nothing came of it: whoever reloaded before still wants to see their own report.
            Ok(done) if done.pinned && !done.changed => {}
            Ok(done) if !done.changed && by.trigger == Trigger::File && !standing.refused => return,
            Ok(_) => standing.refused = false,
            Err(refused) => standing.refused |= by.trigger != Trigger::Rollback && refused.trouble.is_of_folder(),
        }
        let last = LastReload { at: self.exchange.clock.now(), trigger: by.trigger, outcome: outcome.clone() };
        standing.last = Some(Arc::new(last));
    }

    fn publish(&self, desk: &mut Desk, serving: &Market, candidate: &Candidate<'_>) -> Result<Published, Trouble> {
        let Candidate { sources, by, restores } = *candidate;
        let number = self.newest()?.max(serving.generation) + 1;
        let pinned = restores.is_some();
        let words = generation_words(serving.generation, self.standing().pinned, self.standing().restores);
        let action = if pinned { "rollback" } else { "publish" };
        let audit = self.audit(by, action, "market", words, generation_words(number, pinned, restores));
        let made = Made { sources, number, pinned, restores };
        self.put_in_force(desk, serving, &made, |diff| {
            let stored = store(&*self.operations, &audit, diff, number, candidate);
            stored.map_err(|error| {
                if self.newest().is_ok_and(|newest| newest >= number) {
                    Trouble::Overtaken(number)
                } else {
                    error.into()
                }
            })
        })
    }

    /// Serves a generation: its numbers and keys are made durable, then itself by `keep`, and then it is in force.
    fn put_in_force(
        &self,
        desk: &mut Desk,
        serving: &Market,
        made: &Made<'_>,
        keep: impl FnOnce(&Diff) -> Result<(), Trouble>,
    ) -> Result<Published, Trouble> {
        let Made { sources, number, pinned, restores } = *made;
        let at = Moment { now: self.exchange.clock.now(), generation: number };
        let Compiled { market, mut warnings, node, token_keys, .. } = desk.prepare(sources, &at)?;
        let turn = desk.turn(&token_keys, &market, at.now)?;
        warnings.extend(desk.needs_restart(node));
        warnings.extend(desk.key_warnings(&turn));
        let diff = Diff::between(serving, &market);
        desk.promise(&turn)?;
        keep(&diff).inspect_err(|_| desk.keys.withdraw(at.now))?;
        let old = self.swap(&market);
        self.serve_keys(desk, turn, Some(token_keys));
        desk.retire(&old);
        self.follow_content_after_reload();
        let mut standing = held(&self.standing);
        standing.warnings.clone_from(&warnings);
        (standing.pinned, standing.restores) = (pinned, restores);
        drop(standing);
        warnings.extend(held(&self.orders).remarks());
        Ok(Published { generation: number, changed: true, pinned, diff, warnings })
    }

    /// The number of the newest generation that is stored; 0 for none.
    fn newest(&self) -> Result<u64, StoreUnavailable> {
        Ok(self.operations.generations(u64::MAX, 1)?.first().map_or(0, |it| it.number))
    }

    /// Seals and opens with the keys of a turn, whose promise is durable.
    fn serve_keys(&self, desk: &mut Desk, turn: Turn, asked: Option<Vec<TokenKeySource>>) {
        if let Some(tokens) = turn.tokens() {
            self.exchange.tokens.store(Arc::new(tokens));
            desk.turned(turn, asked, self.exchange.clock.now());
        }
    }

    fn audit(&self, by: &By, action: &str, subject: &str, before: String, after: String) -> Audit {
        let (action, subject) = (action.to_owned(), subject.to_owned());
        let (actor, reason) = (by.actor.clone(), by.reason.clone());
        Audit { seq: 0, at: self.exchange.clock.now(), actor, action, subject, before, after, reason }
    }
}

/// Makes a generation durable.
fn store(
    operations: &dyn Operations,
    audit: &Audit,
    diff: &Diff,
    number: u64,
    candidate: &Candidate<'_>,
) -> Result<(), StoreUnavailable> {
    let generation = Generation {
        number,
        digest: candidate.sources.digest(),
        published_at: audit.at,
        trigger: candidate.by.trigger,
        actor: audit.actor.clone(),
        reason: audit.reason.clone(),
        changes: diff.lines(),
        restores: candidate.restores,
        pinned: candidate.restores.is_some(),
        size: 0,
    };
    operations.publish(&generation, &pack::pack(candidate.sources), audit)
}

/// A lock whose holder panicked still guards whole values: each is replaced at once.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(in crate::control) mod tests;
