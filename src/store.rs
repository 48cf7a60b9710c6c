//! The only place that knows a database (architecture §2): the ports of `event`, kept by two engines.
//!
//! | engine | for | durable |
//! |---|---|---|
//! | [`SqliteStore`] | serving; one data folder, nothing to install | a commit is on disk before it is acknowledged |
//! | [`MemoryStore`] | simulation and tests; every call is done when it returns | no |
//!
//! What is reviewed has a file of its own, [`SqliteDocket`], and [`MemoryDocket`] beside it.
//!
//! What may be granted, posted and closed is decided once, in `funds` and `purse`; the engines only load and keep.
//! Both pass the same suite, and a model-based test compares them with a third, plain account of the same rules. The suite is in
//! `settlement::suite`: it ends with the proof of the books, which the store must not know.

mod bounds;
mod closing;
#[cfg(test)]
mod docket_suite;
mod funds;
mod memory;
mod purse;
mod sqlite;

pub use memory::{MemoryDocket, MemoryStore};
pub use sqlite::{
    BackupError, BackupFile, JournalStats, Manifest, OnCommit, OpenError, Options, Pulse, Restoring, SqliteDocket,
    SqliteReader, SqliteStore, backup, node_is_away,
};

use std::collections::BTreeSet;

use crate::event::{BookError, Booking, DocketError, Fact, StoreUnavailable, Taken};
use crate::ids::IdKind;

/// Writes of the control plane that are no event. Durable when they return.
pub trait Registry: Send + Sync {
    /// Stores numbers that were given (`IdBook::fresh`), before a market that uses them is published. All or none; a number or
    /// string that is stored already with the same meaning is left alone.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when they are not durable, or when one contradicts what is stored.
    fn save_ids(&self, fresh: &[(IdKind, u32, Box<str>)]) -> Result<(), StoreUnavailable>;
}

fn contradicts(kind: IdKind, number: u32, wire: &str) -> StoreUnavailable {
    StoreUnavailable(format!("{kind:?} number {number} for {wire:?} contradicts a number that was given before"))
}

/// Refuses two steps of one subject in one call: the second's author cannot know the first.
fn refuse_twice(steps: &[Taken]) -> Result<(), DocketError> {
    let mut subjects = BTreeSet::new();
    let twice = steps.iter().map(|taken| &taken.step.subject).find(|subject| !subjects.insert(*subject));
    twice.map_or(Ok(()), |subject| Err(DocketError::Twice(subject.clone())))
}

/// What entering a fact comes to whose kind and reference are known.
fn entered_before(known: &Fact, again: &Fact) -> Result<Booking, BookError> {
    if known.says_the_same(again) {
        return Ok(Booking::AlreadyBooked);
    }
    Err(BookError::FactTaken { kind: again.kind, reference: again.reference.clone() })
}
