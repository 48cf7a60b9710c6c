//! All that is known of a page: the body of its steps in the docket.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Held, Look, Matched, Odd, PageState, Round, Standpoint, subject};
use crate::clock::UnixMillis;
use crate::compliance::crawl::Agent;
use crate::compliance::digest_text;
use crate::compliance::finding::Finding;
use crate::compliance::office::{Refusal, body_of};
use crate::event::{Docket, KeptStep, Owner, Subject};

/// A creative that leads to a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Its id on the wire.
    pub crid: String,
    /// Its version.
    pub version: u32,
    /// Where it stands.
    pub standing: Standpoint,
    /// When its display period begins, Unix ms; left out: when it is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
}

impl Use {
    /// Whether it was approved, and may be again: the page is held to what was frozen for it.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self.standing, Standpoint::Approved | Standpoint::Suspended)
    }

    /// Whether it may be shown at a moment.
    #[must_use]
    pub fn runs(&self, at: UnixMillis) -> bool {
        self.standing == Standpoint::Approved && self.from_ms.is_none_or(|from| from <= at.0)
    }
}

/// A page as one kind of browser saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sight {
    /// Which kind.
    pub agent: Agent,
    /// When, Unix ms.
    pub at_ms: u64,
    /// Its URLs, from the one that was asked for to the one where the page is.
    pub route: Vec<String>,
    /// The `Content-Type` that it was served with.
    pub content_type: String,
    /// The SHA-256 of its bytes, in hexadecimal: the docket has them.
    pub sha256: String,
    /// Those of other fetches of the same moment: in what they differ varies by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// A round in few words, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// When, Unix ms.
    pub at_ms: u64,
    /// By kind of browser: `same`, `other`, `none: …`, `later`.
    pub looks: Vec<(Agent, String)>,
}

/// What stopped a page: its evidence (business rules §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// As what it was stopped: changed, cloaked, infected.
    pub state: PageState,
    /// When, Unix ms.
    pub at_ms: u64,
    /// The page as it was frozen, by the kinds of browsers that saw another one.
    pub before: Vec<Sight>,
    /// What they saw.
    pub after: Vec<Sight>,
    /// In what it differs, or what was found.
    pub found: Vec<String>,
    /// The violations that were entered for it, by their references; and what could not be entered, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<String>,
}

impl Stop {
    /// The SHA-256 of what was found, in hexadecimal; `None` where nothing could be fetched of it.
    #[must_use]
    pub fn found_sha256(&self) -> Option<&str> {
        self.after.first().map(|sight| sight.sha256.as_str())
    }
}

/// What follows from a stop, and is owed until it is done. Doing any of it again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Its creatives are suspended.
    Suspend,
    /// A change of the page is entered as a violation (R-DAMAGE-CHANGE).
    Violation,
    /// What a person found unlawful is entered as a violation (R-DAMAGE-CONTENT), and its buyer is told.
    Unlawful,
    /// Its buyer is told.
    Tell,
    /// Creatives that were suspended for it are resumed.
    Resume,
}

impl Deed {
    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Violation => "violation",
            Self::Unlawful => "unlawful",
            Self::Tell => "tell",
            Self::Resume => "resume",
        }
    }
}

/// All that is known of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The buyer's ACCOUNT ID.
    pub account: String,
    /// The advertiser's id.
    pub advertiser: String,
    /// The page.
    pub url: String,
    /// The creatives that lead to it.
    pub uses: Vec<Use>,
    /// The page as it is held to, by kind of browser; while it is awaited, as it was last seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<Sight>,
    /// The page as it was last seen, where that is another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latest: Vec<Sight>,
    /// In what kinds of browsers see different pages: for a person, who knows whether that is as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<String>,
    /// How well it says what its creatives state (R-LANDING-MATCH).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Matched>,
    /// The SHA-256 of a picture of it, in hexadecimal: the docket has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<String>,
    /// What the picture is of: the SHA-256 of [`Record::current`] when it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictured: Option<String>,
    /// What a person should know of how it behaved when its picture was taken, with its scripts: where it reached for, and was not let.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Finding>,
    /// Rounds in a row in which some kind of browser got no answer.
    #[serde(default)]
    pub misses: u32,
    /// The kinds of browsers that saw another page, and not the one that was frozen since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubted: Vec<Agent>,
    /// From when on it is known to have been as it was frozen while a creative that leads to it ran, Unix ms. Before that, that it is another
    /// page is no change in the display period (R-LANDING-FROZEN).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// What it shows since it is another page, by which the guard knows it again at other sites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odd: Option<Odd>,
    /// Why no verdict is taken of it, though it is another page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// What stopped it, if it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// What follows and is not done yet, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Deed>,
    /// The newest rounds that changed something, and one a day of the others; the last at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Noted>,
}

impl Record {
    /// A page that nothing is known of.
    #[must_use]
    pub fn new(account: &str, advertiser: &str, url: &str) -> Self {
        Self {
            account: account.to_owned(),
            advertiser: advertiser.to_owned(),
            url: url.to_owned(),
            uses: Vec::new(),
            frozen: Vec::new(),
            latest: Vec::new(),
            apart: Vec::new(),
            matches: Vec::new(),
            screenshot: None,
            pictured: None,
            reached: Vec::new(),
            misses: 0,
            doubted: Vec::new(),
            since_ms: None,
            odd: None,
            held: None,
            stop: None,
            owed: Vec::new(),
            rounds: Vec::new(),
        }
    }

    /// Its subject in the docket.
    #[must_use]
    pub fn subject(&self) -> Subject {
        subject(&self.account, &self.advertiser, &self.url)
    }

    /// A short name of it: the beginning of the SHA-256 of its name in the docket, in hexadecimal.
    #[must_use]
    pub fn key(&self) -> String {
        let digest: [u8; 32] = Sha256::digest(self.subject().name).into();
        digest_text(&digest).chars().take(16).collect()
    }

    /// Whether it is held to what was frozen: a creative that leads to it was approved.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.uses.iter().any(Use::is_held)
    }

    /// Whether a creative that leads to it may be shown at a moment.
    #[must_use]
    pub fn runs(&self, at: UnixMillis) -> bool {
        self.uses.iter().any(|it| it.runs(at))
    }

    /// The page as it was frozen for a kind of browser.
    #[must_use]
    pub fn frozen_for(&self, agent: Agent) -> Option<&Sight> {
        self.frozen.iter().find(|sight| sight.agent == agent)
    }

    /// The page as a kind of browser saw it last, as far as is kept.
    #[must_use]
    pub fn last_for(&self, agent: Agent) -> Option<&Sight> {
        self.latest.iter().find(|sight| sight.agent == agent).or_else(|| self.frozen_for(agent))
    }

    /// The page as it was last seen, by the first kind of browser that saw it: what a picture of it should show.
    #[must_use]
    pub fn current(&self) -> Option<&Sight> {
        Agent::ALL.into_iter().find_map(|agent| self.last_for(agent))
    }

    /// Whether there is no picture of the page as it was last seen.
    #[must_use]
    pub fn wants_picture(&self) -> bool {
        self.current().is_some_and(|sight| self.pictured.as_ref() != Some(&sight.sha256))
    }
}

/// A page as the docket has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The place of its last step.
    pub seq: u64,
    /// Whose it is.
    pub owner: Owner,
    /// When it is looked at again.
    pub due: Option<UnixMillis>,
    /// Where it stands.
    pub state: PageState,
    /// What is known of it.
    pub record: Record,
}

impl Watched {
    /// Reads a page's last step.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for a state or a body that this program does not know.
    pub fn read(kept: &KeptStep) -> Result<Self, Refusal> {
        let unknown = || Refusal::Unreadable {
            subject: kept.step.subject.clone(),
            why: format!("state {} is not known", kept.step.state),
        };
        let state = PageState::from_code(kept.step.state).ok_or_else(unknown)?;
        let (seq, owner, due) = (kept.seq, kept.step.owner, kept.step.due);
        Ok(Self { seq, owner, due, state, record: body_of(kept)? })
    }

    /// A page as it stands.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn of(docket: &dyn Docket, subject: &Subject) -> Result<Option<Self>, Refusal> {
        docket.standing(subject)?.as_ref().map(Self::read).transpose()
    }
}

/// A round as it is kept.
pub(super) fn noted(round: &Round) -> Noted {
    let words = |look: &Look| match look {
        Look::None(why) => format!("none: {why}"),
        _ => look.label().to_owned(),
    };
    Noted { at_ms: round.at.0, looks: round.looks.iter().map(|(agent, look)| (*agent, words(look))).collect() }
}

/// A round in one line.
#[must_use]
pub fn told(round: &Round) -> String {
    let looks = noted(round).looks;
    let looks: Vec<_> = looks.iter().map(|(agent, look)| format!("{} {look}", agent.label())).collect();
    let infected = round.infected.iter().map(|found| format!("; {found}"));
    let unscanned = round.unscanned.iter().map(|why| format!("; not scanned: {why}"));
    looks.join(", ") + &infected.chain(unscanned).collect::<String>()
}
