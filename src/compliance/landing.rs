//! Landing pages under watch (R-LANDING-FROZEN, R-LANDING-SAFE): what is known of a page, when it is looked at again, and what follows from
//! what was seen. What follows (`life`) is pure: the crawler fetches (`round`), this decides, and what it decides is owed until it is done (`deeds`).
//!
//! A page comes under watch with the first creative that leads to it. Until one of them is approved, the newest sight of it is kept for the
//! reviewers; with the first approval the page is frozen as each kind of browser saw it. From then on each is compared with its own.

mod deeds;
mod desk;
mod guard;
mod interval;
mod life;
mod matches;
mod record;
mod round;

#[cfg(test)]
mod tests;

pub use deeds::{CRAWLER, Shown, claim, resume, stop_one, suspend, tell, tell_unlawful, use_of};
pub use desk::{Decided, HeldPages, Listed, Verdict};
pub use guard::{Cause, Held, Mark, Moment, Odd, PATIENCE, Recent, Ruling, Saw, rule, site};
pub use interval::interval;
pub use life::{decided, done, seen, used};
pub use matches::{Matched, Offered};
pub use record::{Deed, Noted, Record, Sight, Stop, Use, Watched, told};
pub use round::{Looker, OutOfReach, RoundError};

use serde::{Deserialize, Serialize};

use super::crawl::Agent;
use crate::clock::UnixMillis;
use crate::event::{Subject, SubjectKind};

/// Creatives of one page that are known. One more is not shown: nobody would suspend it.
pub const MOST_USES: usize = 1_000;

/// Where a page stands. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u16)]
pub enum PageState {
    /// Creatives that lead to it wait for their review: nothing is frozen, nothing follows.
    Awaited = 1,
    /// It is as it was when it was frozen, as far as is known.
    Watched = 2,
    /// It was another page once; it is looked at again before anything follows.
    Doubted = 3,
    /// It changed: its creatives are suspended (R-LANDING-FROZEN).
    Changed = 4,
    /// It shows some browsers another page than others: its creatives are suspended (R-MALICE).
    Cloaked = 5,
    /// It is infected: its creatives are suspended (R-LANDING-SAFE).
    Infected = 6,
    /// It has not answered for a while, or may not be fetched: a person decides.
    Unreachable = 7,
    /// No creative leads to it any more.
    Retired = 8,
}

impl PageState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Awaited,
        Self::Watched,
        Self::Doubted,
        Self::Changed,
        Self::Cloaked,
        Self::Infected,
        Self::Unreachable,
        Self::Retired,
    ];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Its name on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Watched => "watched",
            Self::Doubted => "doubted",
            Self::Changed => "changed",
            Self::Cloaked => "cloaked",
            Self::Infected => "infected",
            Self::Unreachable => "unreachable",
            Self::Retired => "retired",
        }
    }

    /// The state in Chinese.
    #[must_use]
    pub const fn label_zh(self) -> &'static str {
        match self {
            Self::Awaited => "待审核",
            Self::Watched => "监测中",
            Self::Doubted => "复核中",
            Self::Changed => "已变更",
            Self::Cloaked => "内容不一致",
            Self::Infected => "存在安全风险",
            Self::Unreachable => "无法访问",
            Self::Retired => "已停止监测",
        }
    }

    /// The state with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The state with that name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }

    /// Whether creatives that lead to it stay suspended until a person confirms that it is safe.
    #[must_use]
    pub const fn is_stopped(self) -> bool {
        matches!(self, Self::Changed | Self::Cloaked | Self::Infected)
    }
}

/// What a creative is to its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standpoint {
    /// It waits for its review.
    Pending,
    /// It is approved: it may be shown from now on.
    Approved,
    /// It is suspended after it was approved.
    Suspended,
    /// It will not be shown again.
    Gone,
}

impl Standpoint {
    /// In words.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "waiting for its review",
            Self::Approved => "approved",
            Self::Suspended => "suspended",
            Self::Gone => "not shown any more",
        }
    }
}

/// A version of a creative, as far as its page is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead<'l> {
    /// Its id on the wire.
    pub crid: &'l str,
    /// Its version.
    pub version: u32,
    /// When its display period begins, Unix ms; `None`: when it is approved.
    pub from_ms: Option<u64>,
}

/// What one kind of browser saw in a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The page as it is known, or with what legitimately varies: the sight that it is like. Or nothing is known yet: then what was seen.
    Same(Sight),
    /// Another page, or one that leads elsewhere, and in what it differs. Without a sight where nothing could be fetched of it.
    Other(Option<Sight>, Vec<String>),
    /// No page, and why.
    None(String),
    /// It was not asked: the crawler's own budget was used up.
    Later,
}

impl Look {
    /// What was seen, where a page was.
    #[must_use]
    pub const fn sight(&self) -> Option<&Sight> {
        match self {
            Self::Same(sight) | Self::Other(Some(sight), _) => Some(sight),
            Self::Other(None, _) | Self::None(_) | Self::Later => None,
        }
    }

    /// What it was, in one word.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Same(_) => "same",
            Self::Other(..) => "other",
            Self::None(_) => "none",
            Self::Later => "later",
        }
    }
}

/// What was seen at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// When.
    pub at: UnixMillis,
    /// What each kind of browser saw.
    pub looks: Vec<(Agent, Look)>,
    /// In what kinds of browsers saw different pages; `None`: they were not compared.
    pub apart: Option<Vec<String>>,
    /// What malware was found, if any.
    pub infected: Option<String>,
    /// Whether what was found may be of this side's making: a name that is resolved to an internal address. A person judges whose it is.
    pub unproven: bool,
    /// Why some of it could not be scanned for malware: it is not known to be clean.
    pub unscanned: Option<String>,
    /// What other pages that were seen are known by.
    pub marks: Vec<Mark>,
    /// What the guard says of a verdict that this round would lead to.
    pub ruling: Ruling,
    /// How well the page says what creatives state that were not compared with it before.
    pub matches: Vec<Matched>,
    /// Whether more creatives are still to be compared with it.
    pub more: bool,
}

/// When a page is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// As soon as may be.
    Now,
    /// After so many ms.
    After(u64),
    /// After the usual interval.
    Usual,
    /// When it was to be looked at anyway.
    AsBefore,
    /// Never.
    Never,
}

/// Where a page stands after something, and when it is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where.
    pub state: PageState,
    /// What is known.
    pub record: Record,
    /// When it is looked at again.
    pub again: Again,
}

/// The subject of a page.
#[must_use]
pub fn subject(account: &str, advertiser: &str, url: &str) -> Subject {
    Subject { kind: SubjectKind::Page, name: format!("{account}/{advertiser} {url}"), version: 0 }
}
