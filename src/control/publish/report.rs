//! Why a market is published, and what came of it.

use super::Diff;
use crate::clock::UnixMillis;
use crate::control::config::{Diagnostic, Diagnostics};
use crate::event::{StoreUnavailable, Trigger};

/// Who asks, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// What made it.
    pub trigger: Trigger,
    /// Who.
    pub actor: String,
    /// In their words; may be empty.
    pub reason: String,
}

impl By {
    /// By something that has no words.
    #[must_use]
    pub fn trigger(trigger: Trigger) -> Self {
        Self { trigger, actor: trigger.label().to_owned(), reason: String::new() }
    }
}

/// A reload that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The generation that serves now.
    pub generation: u64,
    /// Whether it is a new one; `false` when the folder is what is served already, or a pin kept it out.
    pub changed: bool,
    /// Whether changes of files are ignored from now on.
    pub pinned: bool,
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

/// Why something is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The folder, or the generation that was asked for, is wrong.
    #[error("{0}")]
    Config(#[from] Diagnostics),
    /// A pinned generation is refused by this program or on this day, at a start.
    #[error(
        "generation {number} is pinned and is refused now; `--unpin` serves the config folder instead:\n{problems}"
    )]
    Pinned {
        /// Which.
        number: u64,
        /// Why.
        problems: Diagnostics,
    },
    /// The sources of that generation are not kept.
    #[error("generation {0} is not kept; GET /api/v1/market/history lists those that are")]
    NotKept(u64),
    /// It may be right; what it needs could not be stored.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    /// Other processes of this data folder published at the same moments.
    #[error("another process published generation {0} at the same moment; ask again")]
    Overtaken(u64),
    /// The machine gave no thread.
    #[error("no thread to compile on: {0}")]
    Thread(String),
}

impl Trouble {
    /// Whether the config itself is at fault.
    #[must_use]
    pub const fn is_of_folder(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

/// How the last reload ended, and when.
#[derive(Clone, Debug)]
pub struct LastReload {
    /// When it ended.
    pub at: UnixMillis,
    /// What made it.
    pub trigger: Trigger,
    /// How.
    pub outcome: Result<Published, Refused>,
}

/// A generation in the words of the audit log.
pub(super) fn generation_words(number: u64, pinned: bool, restores: Option<u64>) -> String {
    let content = restores.map_or_else(String::new, |older| format!(", the content of {older}"));
    format!("generation {number}{content}{}", if pinned { ", pinned" } else { "" })
}
