//! Landing pages under watch (R-LANDING-FROZEN, R-LANDING-SAFE): what is known of a page, when it is looked at again, and what follows from
//! what was seen. Pure: the crawler fetches, this decides, and what it decides is owed until it is done.
//!
//! A page comes under watch with the first creative that leads to it. Until one of them is approved, the newest sight of it is kept for the
//! reviewers; with the first approval the page is frozen as each kind of browser saw it. From then on each is compared with its own.

mod interval;

#[cfg(test)]
mod tests;

pub use interval::interval;

use serde::{Deserialize, Serialize};

use super::crawl::Agent;
use crate::clock::UnixMillis;
use crate::event::{Subject, SubjectKind};
use crate::market::policy::landing::Watch;

/// Rounds that are kept in a page's record, the newest last.
const MOST_ROUNDS: usize = 12;
const DAY_MS: u64 = 86_400_000;
/// Creatives of one page that are known. More are refused: nobody could look at them.
pub const MOST_USES: usize = 1_000;

/// Where a page stands. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The state with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether creatives that lead to it stay suspended until a person confirms that it is safe.
    #[must_use]
    pub const fn is_stopped(self) -> bool {
        matches!(self, Self::Changed | Self::Cloaked | Self::Infected)
    }
}

/// A creative that leads to a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Its id on the wire.
    pub crid: String,
    /// Its version.
    pub version: u32,
    /// Whether it was approved; else it waits for its review.
    pub approved: bool,
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
}

/// What one kind of browser saw in a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The page as it was frozen, or with what legitimately varies; or nothing is frozen.
    Same(Sight),
    /// Another page, or one that leads elsewhere, and in what it differs. Without a sight where nothing could be fetched of it.
    Other(Option<Sight>, Vec<String>),
    /// No page, and why.
    None(String),
    /// It was not asked: the crawler's own budget was used up.
    Later,
}

/// What was seen at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// When.
    pub at: UnixMillis,
    /// What each kind of browser saw.
    pub looks: Vec<(Agent, Look)>,
    /// In what kinds of browsers saw different pages.
    pub apart: Vec<String>,
    /// What malware was found, if any.
    pub infected: Option<String>,
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
    /// When, Unix ms.
    pub at_ms: u64,
    /// The page as it was frozen, by the kinds of browsers that saw another one.
    pub before: Vec<Sight>,
    /// What they saw.
    pub after: Vec<Sight>,
    /// In what it differs, or what was found.
    pub found: Vec<String>,
}

/// What follows from a stop, and is owed until it is done. Doing any of it again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Its creatives are suspended.
    Suspend,
    /// A change of the page is entered as a violation (R-DAMAGE-CHANGE).
    Violation,
    /// Its buyer is told.
    Tell,
    /// Creatives that were suspended for it are resumed.
    Resume,
}

/// All that is known of a page: the body of its steps in the docket.
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
    /// Rounds in a row in which some kind of browser got no answer.
    #[serde(default)]
    pub misses: u32,
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

/// Where a page stands after something, and when it is looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where.
    pub state: PageState,
    /// What is known.
    pub record: Record,
    /// After how long it is looked at again, ms; `None`: after the usual interval, or never if it is retired.
    pub again_ms: Option<u64>,
}

/// The subject of a page.
#[must_use]
pub fn subject(account: &str, advertiser: &str, url: &str) -> Subject {
    Subject { kind: SubjectKind::Page, name: format!("{account}/{advertiser} {url}"), version: 0 }
}

impl Record {
    /// A page that nothing is known of.
    #[must_use]
    pub fn new(account: &str, advertiser: &str, url: &str) -> Self {
        let (account, advertiser, url) = (account.to_owned(), advertiser.to_owned(), url.to_owned());
        let (uses, frozen, latest) = (Vec::new(), Vec::new(), Vec::new());
        let (apart, owed, rounds) = (Vec::new(), Vec::new(), Vec::new());
        Self { account, advertiser, url, uses, frozen, latest, apart, misses: 0, stop: None, owed, rounds }
    }

    /// Its subject in the docket.
    #[must_use]
    pub fn subject(&self) -> Subject {
        subject(&self.account, &self.advertiser, &self.url)
    }

    /// Whether it is held to what was frozen: a creative that leads to it is approved.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.uses.iter().any(|it| it.approved)
    }

    /// The page as it was frozen for a kind of browser.
    #[must_use]
    pub fn frozen_for(&self, agent: Agent) -> Option<&Sight> {
        self.frozen.iter().find(|sight| sight.agent == agent)
    }
}

/// What a creative is to its page now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What follows for a page from what became of a creative; `None`: nothing.
#[must_use]
pub fn used(state: PageState, record: &Record, (crid, version): (&str, u32), now: Standpoint) -> Option<Standing> {
    let mut next = record.clone();
    let place = next.uses.iter().position(|it| it.crid == crid && it.version == version);
    let approved = matches!(now, Standpoint::Approved | Standpoint::Suspended);
    match place {
        Some(place) if now == Standpoint::Gone => drop(next.uses.remove(place)),
        // What was approved once stays held.
        Some(place) => next.uses.iter_mut().skip(place).take(1).for_each(|it| it.approved |= approved),
        None if now == Standpoint::Gone || next.uses.len() >= MOST_USES => return None,
        None => next.uses.push(Use { crid: crid.to_owned(), version, approved }),
    }
    let held = next.is_held();
    let next_state = match state {
        _ if next.uses.is_empty() => PageState::Retired,
        PageState::Retired if next.stop.is_some() => stopped_as(&next),
        // What it was when others led to it does not bind those that come now; a stop does, until a person lifts it.
        PageState::Retired => {
            (next.frozen, next.latest, next.misses) = (Vec::new(), Vec::new(), 0);
            if held { PageState::Watched } else { PageState::Awaited }
        }
        PageState::Awaited if held => PageState::Watched,
        state => state,
    };
    if next_state.is_stopped() && now == Standpoint::Approved && !next.owed.contains(&Deed::Suspend) {
        next.owed.retain(|deed| *deed != Deed::Resume);
        next.owed.insert(0, Deed::Suspend);
    }
    if (next_state, &next) == (state, record) {
        return None;
    }
    let again_ms = (next_state != PageState::Retired || !next.owed.is_empty()).then_some(0);
    Some(Standing { state: next_state, record: next, again_ms })
}

/// As what a page was stopped, by what was found.
fn stopped_as(record: &Record) -> PageState {
    match &record.stop {
        Some(stop) if stop.before.is_empty() => PageState::Infected,
        Some(stop) if stop.before.len() < record.frozen.len() => PageState::Cloaked,
        _ => PageState::Changed,
    }
}

/// What follows from a round. Where the state and the record are the same afterwards, nothing does; nor while something is still owed of the
/// last verdict, whose evidence would be lost.
#[must_use]
pub fn seen(state: PageState, record: &Record, round: &Round, watch: &Watch) -> Standing {
    if !record.owed.is_empty() {
        return Standing { state, record: record.clone(), again_ms: Some(0) };
    }
    let mut standing = follow(state, record, round, watch);
    let last_ms = record.rounds.last().map_or(0, |noted| noted.at_ms);
    if (standing.state, &standing.record) != (state, record) || round.at.0 >= last_ms.saturating_add(DAY_MS) {
        let rounds = &mut standing.record.rounds;
        rounds.push(noted(round));
        let over = rounds.len().saturating_sub(MOST_ROUNDS);
        rounds.drain(..over);
    }
    standing
}

fn follow(state: PageState, record: &Record, round: &Round, watch: &Watch) -> Standing {
    let mut record = record.clone();
    let seen = || round.looks.iter().filter_map(|(_, look)| look.sight().cloned());
    let confirm_ms = u64::try_from(watch.confirm.as_millis()).unwrap_or(u64::MAX);
    if state == PageState::Retired {
        return Standing { state, record, again_ms: None };
    }
    if round.looks.iter().all(|(_, look)| matches!(look, Look::Later)) && round.infected.is_none() {
        return Standing { state, record, again_ms: Some(confirm_ms) };
    }
    let none = round.looks.iter().any(|(_, look)| matches!(look, Look::None(_)));
    record.misses = if none { record.misses.saturating_add(1) } else { 0 };
    if !round.looks.iter().any(|(_, look)| matches!(look, Look::Later)) {
        record.apart.clone_from(&round.apart);
    }
    if let Some(found) = &round.infected {
        // What is infected is not what the page should be: it is nothing that a person could confirm.
        record.latest.clear();
        if state == PageState::Infected {
            return missed(state, record, 0);
        }
        let stop = Stop { at_ms: round.at.0, before: Vec::new(), after: seen().collect(), found: vec![found.clone()] };
        return stopped(PageState::Infected, record, stop);
    }
    if state.is_stopped() {
        merge(&mut record.latest, seen());
        record.misses = 0;
        return missed(state, record, 0);
    }
    if !record.is_held() {
        merge(&mut record.frozen, seen());
        if record.misses >= watch.misses {
            return told_unreachable(state, record);
        }
        return missed(PageState::Awaited, record, confirm_ms);
    }
    judged(state, record, round, (watch, confirm_ms))
}

/// The same for a page that is held to what was frozen.
fn judged(state: PageState, mut record: Record, round: &Round, (watch, confirm_ms): (&Watch, u64)) -> Standing {
    let other = |(agent, look): &&(Agent, Look)| match look {
        Look::Other(..) => record.frozen_for(*agent).is_some(),
        _ => false,
    };
    let others: Vec<_> = round.looks.iter().filter(other).collect();
    if others.is_empty() {
        // What a kind of browser sees for the first time is what it is held to from now on.
        let new = round.looks.iter().filter(|(agent, _)| record.frozen_for(*agent).is_none());
        let new: Vec<_> = new.filter_map(|(_, look)| look.sight().cloned()).collect();
        merge(&mut record.frozen, new.into_iter());
        record.latest.clear();
        if record.misses >= watch.misses {
            return told_unreachable(state, record);
        }
        let asked = round.looks.iter().any(|(_, look)| matches!(look, Look::Same(_)));
        let state = if asked && record.misses == 0 { PageState::Watched } else { state };
        return missed(state, record, confirm_ms);
    }
    let after: Vec<_> = others.iter().filter_map(|(_, look)| look.sight().cloned()).collect();
    if state != PageState::Doubted {
        record.latest = after;
        return Standing { state: PageState::Doubted, record, again_ms: Some(confirm_ms) };
    }
    let before = others.iter().filter_map(|(agent, _)| record.frozen_for(*agent).cloned()).collect();
    let same = round.looks.iter().any(|(_, look)| matches!(look, Look::Same(_)));
    let found = others.iter().flat_map(|(agent, look)| look.differences().map(|it| format!("{}: {it}", agent.label())));
    let found = found.collect();
    let stop = Stop { at_ms: round.at.0, before, after, found };
    stopped(if same { PageState::Cloaked } else { PageState::Changed }, record, stop)
}

fn stopped(state: PageState, mut record: Record, stop: Stop) -> Standing {
    if state != PageState::Infected {
        record.latest.clone_from(&stop.after);
    }
    record.misses = 0;
    record.stop = Some(stop);
    record.owed = vec![Deed::Suspend, Deed::Violation, Deed::Tell];
    // What is infected is suspended for a cause of the buyer and is no breach by itself; what is cloaked a person judges.
    record.owed.retain(|deed| *deed != Deed::Violation || state == PageState::Changed);
    Standing { state, record, again_ms: Some(0) }
}

/// Where no answer came lately it is looked again soon, then less and less soon.
fn missed(state: PageState, record: Record, confirm_ms: u64) -> Standing {
    let again_ms = match record.misses {
        0 => None,
        misses => Some(confirm_ms.saturating_mul(1 << misses.min(10))),
    };
    Standing { state, record, again_ms }
}

fn told_unreachable(before: PageState, mut record: Record) -> Standing {
    if before != PageState::Unreachable && !record.owed.contains(&Deed::Tell) {
        record.owed.push(Deed::Tell);
    }
    let again_ms = (!record.owed.is_empty()).then_some(0);
    Standing { state: PageState::Unreachable, record, again_ms }
}

/// What follows when a person confirms that the page is as it should be: it is frozen as it was last seen, and its creatives come back. `None`
/// while something of the last verdict is still to be done.
#[must_use]
pub fn confirmed(state: PageState, record: &Record) -> Option<Standing> {
    if !record.owed.is_empty() {
        return None;
    }
    let mut record = record.clone();
    let latest = std::mem::take(&mut record.latest);
    merge(&mut record.frozen, latest.into_iter());
    record.misses = 0;
    if record.stop.take().is_some() {
        record.owed.push(Deed::Resume);
    }
    let state = match state {
        PageState::Retired => PageState::Retired,
        _ if record.is_held() => PageState::Watched,
        _ => PageState::Awaited,
    };
    Some(Standing { state, record, again_ms: Some(0) })
}

/// Replaces what each kind of browser saw, where it is another page.
fn merge(known: &mut Vec<Sight>, new: impl Iterator<Item = Sight>) {
    for sight in new {
        let same = |it: &Sight| (it.agent, &it.sha256, &it.route) == (sight.agent, &sight.sha256, &sight.route);
        if known.iter().any(same) {
            continue;
        }
        known.retain(|it| it.agent != sight.agent);
        known.push(sight);
    }
    known.sort_by_key(|sight| sight.agent);
}

fn noted(round: &Round) -> Noted {
    let words = |look: &Look| match look {
        Look::Same(_) => "same".to_owned(),
        Look::Other(..) => "other".to_owned(),
        Look::None(why) => format!("none: {why}"),
        Look::Later => "later".to_owned(),
    };
    Noted { at_ms: round.at.0, looks: round.looks.iter().map(|(agent, look)| (*agent, words(look))).collect() }
}

impl Look {
    fn sight(&self) -> Option<&Sight> {
        match self {
            Self::Same(sight) => Some(sight),
            Self::Other(sight, _) => sight.as_ref(),
            Self::None(_) | Self::Later => None,
        }
    }

    fn differences(&self) -> impl Iterator<Item = &String> {
        let found: &[String] = if let Self::Other(_, found) = self { found } else { &[] };
        found.iter()
    }
}
