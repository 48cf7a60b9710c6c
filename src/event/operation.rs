//! What operators did to the market: generations, suspensions, the audit log, and answers that are given once
//! (`docs/decisions/0017-generations-and-kill-switches.md`).

use super::StoreUnavailable;
use crate::clock::UnixMillis;
use crate::ids::IdKind;

/// What made a generation. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trigger {
    /// The exchange was started.
    Start = 1,
    /// A file of the config folder changed.
    File = 2,
    /// SIGHUP.
    Signal = 3,
    /// A call of the control plane.
    Api = 4,
    /// An older generation was asked for again.
    Rollback = 5,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Start, Self::File, Self::Signal, Self::Api, Self::Rollback];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The trigger with that code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }

    /// Its name on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Api => "api",
            Self::Rollback => "rollback",
        }
    }
}

/// One market that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// From 1; one more for each, over restarts; never given twice.
    pub number: u64,
    /// SHA-256 of its sources.
    pub digest: [u8; 32],
    /// When it was made durable, a moment before it was served.
    pub published_at: UnixMillis,
    /// Why.
    pub trigger: Trigger,
    /// Who.
    pub actor: String,
    /// In the words of whoever asked for it; empty without any.
    pub reason: String,
    /// What was different from the one before, a line each.
    pub changes: Vec<String>,
    /// The older generation whose content it has, after a rollback.
    pub restores: Option<u64>,
    /// Whether changes of files are ignored while it is served.
    pub pinned: bool,
    /// Bytes of its packed sources; 0 when they are not kept any more.
    pub size: u64,
}

/// A kill switch, thrown or lifted. The last record of a subject is its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// A media, DSP, buyer, creative or deal.
    pub kind: IdKind,
    /// Its number.
    pub number: u32,
    /// Its name on the wire, as numbers are given to it.
    pub name: String,
    /// Thrown, or lifted.
    pub suspended: bool,
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// One change, for those who ask later who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Its place in the log, from 1; given by the store.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// How it was.
    pub before: String,
    /// How it is since.
    pub after: String,
    /// Why; empty without a reason.
    pub reason: String,
}

/// The answer to a change that was asked for under an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// SHA-256 of what was asked: another request under the same key is a mistake.
    pub request: [u8; 32],
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's body.
    pub body: Vec<u8>,
    /// When it was given.
    pub at: UnixMillis,
}

/// How long an answer is remembered, ms: 24 hours.
pub const REMEMBERED_MS: u64 = 86_400_000;

/// The port to what operators did. Called from the cold plane; may block for a commit. What returns without an error is durable.
pub trait Operations: Send + Sync {
    /// Stores a generation with its packed sources, together with its entry of the log. Old generations beyond the store's bounds
    /// are let go; the newest never is.
    ///
    /// # Errors
    /// [`StoreUnavailable`] here and in every other call: nothing changed.
    fn publish(&self, generation: &Generation, sources: &[u8], audit: &Audit) -> Result<(), StoreUnavailable>;

    /// Lets a generation follow its files again, together with its entry of the log.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn unpin(&self, number: u64, audit: &Audit) -> Result<(), StoreUnavailable>;

    /// At most `limit` kept generations with a number below, the newest first.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn generations(&self, below: u64, limit: usize) -> Result<Vec<Generation>, StoreUnavailable>;

    /// The packed sources of a generation, while they are kept.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn sources(&self, number: u64) -> Result<Option<Vec<u8>>, StoreUnavailable>;

    /// Stores a kill switch's new state, together with its entry of the log.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn switch(&self, suspension: &Suspension, audit: &Audit) -> Result<(), StoreUnavailable>;

    /// The kill switches that are thrown now, by kind and number.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn suspensions(&self) -> Result<Vec<Suspension>, StoreUnavailable>;

    /// At most `limit` entries of the log with a place below, the newest first.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn audits(&self, below: u64, limit: usize) -> Result<Vec<Audit>, StoreUnavailable>;

    /// Remembers an answer under a key, if the key is new. Answers older than [`REMEMBERED_MS`] go, and the oldest beyond the store's
    /// bound.
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn remember(&self, key: &str, answer: &Remembered) -> Result<(), StoreUnavailable>;

    /// The answer under a key, unless it is older than [`REMEMBERED_MS`].
    ///
    /// # Errors
    /// See [`Operations::publish`].
    fn recall(&self, key: &str, now: UnixMillis) -> Result<Option<Remembered>, StoreUnavailable>;
}
