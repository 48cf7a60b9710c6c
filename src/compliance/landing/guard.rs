//! The guard of the watch: pages of unrelated sites that turn into other pages within a short time are more likely this side's fault (a captive
//! portal, a broken proxy, a poisoned resolver) than theirs. Then no verdict is taken that stops a page: it stays in doubt until it is as it was
//! again, or until a person says that it is the pages (decision 0038). Pure: what was seen lately is passed in.
//!
//! Who counts is a party: pages of one buyer, or of one site, are one, however many they are, so that nobody is guarded by its own other pages.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Look, PageState, Record, Round};
use crate::clock::UnixMillis;
use crate::compliance::digest_text;
use crate::compliance::page::{Page, SimHash};
use crate::market::policy::landing::Guard;

/// The most marks that are kept of a page.
pub(super) const MOST_MARKS: usize = 12;
/// Sites that a record names.
const MOST_NAMED: usize = 10;
/// Letters below which two texts are the same only where their hashes are, and below which they say nothing.
const LONG_TEXT: u32 = 64;
const SHORT_TEXT: u32 = 8;
/// In how many of 64 bits the hashes of two long texts differ at most that are one page: what they name of where they were asked for.
const NEAR: u32 = 10;
/// Looks for which a page waits until others were looked at, in times of [`Watch::confirm`](crate::market::policy::landing::Watch::confirm).
pub const PATIENCE: u64 = 10;

/// What another page is known by, so that it is known again at another site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mark {
    /// The SHA-256 of its bytes, in hexadecimal.
    Bytes(String),
    /// The hash of its visible text, 16 hexadecimal digits, and how many letters that has.
    Text(String, u32),
    /// The host or the address that it leads to.
    Leads(String),
}

impl Mark {
    /// What a page is known by.
    #[must_use]
    pub fn of(page: &Page) -> Vec<Self> {
        let letters = page.visible_text().chars().filter(|char| !char.is_whitespace()).count();
        let letters = u32::try_from(letters).unwrap_or(u32::MAX);
        let mut marks = vec![Self::Bytes(digest_text(&page.digest))];
        if letters >= SHORT_TEXT {
            marks.push(Self::Text(format!("{:016x}", page.simhash().0), letters));
        }
        marks
    }

    /// Whether both are of one page.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one, letters), Self::Text(two, of)) if (*letters).min(*of) >= LONG_TEXT => {
                let hash = |text: &str| u64::from_str_radix(text, 16).ok().map(SimHash);
                hash(one).zip(hash(two)).is_some_and(|(one, two)| one.distance(two) <= NEAR)
            }
            (one, two) => one == two,
        }
    }
}

/// Whether two pages have a mark in common.
#[must_use]
pub(super) fn alike(one: &[Mark], two: &[Mark]) -> bool {
    one.iter().any(|mark| two.iter().any(|of| mark.is_like(of)))
}

/// A page as it is while it is another one than was frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odd {
    /// When it was first seen so, Unix ms.
    pub since_ms: u64,
    /// When what it shows was first seen, Unix ms.
    pub at_ms: u64,
    /// What it shows.
    pub marks: Vec<Mark>,
}

/// Why no verdict is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Too many unrelated sites are not as they were.
    Many,
    /// An unrelated site shows the same other page.
    SamePage,
}

impl Cause {
    /// In English.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Many => "too many unrelated sites are not as they were",
            Self::SamePage => "an unrelated site shows the same other page",
        }
    }

    /// In Chinese.
    #[must_use]
    pub const fn words_zh(self) -> &'static str {
        match self {
            Self::Many => "多个互不相关的站点同时异常",
            Self::SamePage => "互不相关的站点出现相同页面",
        }
    }
}

/// A verdict that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Why.
    pub cause: Cause,
    /// Since when, Unix ms.
    pub since_ms: u64,
    /// Other sites that were not as they were, or that showed the same, a few of them.
    pub sites: Vec<String>,
    /// Whether a person said that it is the page: the next look decides.
    #[serde(default)]
    pub released: bool,
}

/// What a look at a page said of the line that it was seen over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saw {
    /// It is as it was frozen.
    Same,
    /// It is another one.
    Other(Vec<Mark>),
    /// It did not answer, and had done so before.
    Nothing,
}

impl Saw {
    /// What a round says of the line that it was made over; `None`: nothing. What is not held to anything, or is stopped, cannot tell.
    #[must_use]
    pub fn of(state: PageState, record: &Record, round: &Round) -> Option<Self> {
        if !record.is_held() || state.is_stopped() || round.infected.is_some() {
            return None;
        }
        let any = |is: fn(&Look) -> bool| {
            round.looks.iter().any(|(agent, look)| record.frozen_for(*agent).is_some() && is(look))
        };
        if any(|look| matches!(look, Look::Other(..))) {
            return Some(Self::Other(round.marks.clone()));
        }
        if any(|look| matches!(look, Look::Same(_))) {
            return Some(Self::Same);
        }
        let answered = matches!(state, PageState::Watched | PageState::Doubted);
        (answered && any(|look| matches!(look, Look::None(_)))).then_some(Self::Nothing)
    }
}

/// The last look at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// The buyer's ACCOUNT ID.
    pub account: String,
    /// The page's site, as [`site`] says.
    pub site: String,
    /// When.
    pub at: UnixMillis,
    /// What was seen.
    pub saw: Saw,
    /// Whether it is another page of which nothing is decided: it is so until it is seen otherwise.
    pub open: bool,
}

impl Recent {
    /// A look at a page, which stands so after it.
    #[must_use]
    pub fn of(state: PageState, record: &Record, at: UnixMillis, saw: Saw) -> Self {
        let open = state == PageState::Doubted && matches!(saw, Saw::Other(_));
        Self { account: record.account.clone(), site: site(&record.url), at, saw, open }
    }

    /// Whether it may be one and the same who is behind both, by what is known.
    #[must_use]
    pub fn is_related(&self, account: &str, site: &str) -> bool {
        self.account == account || self.site == site
    }
}

/// When a verdict is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: UnixMillis,
    /// Since when the page is another one.
    pub since: UnixMillis,
    /// Until when it waits for looks at others.
    pub patience: UnixMillis,
    /// Whether there are unrelated pages that were not looked at since.
    pub more: bool,
}

/// What the guard says of a verdict that would stop a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ruling {
    /// It is taken.
    #[default]
    Take,
    /// The page is stopped, and nobody says that it was its buyer: no violation.
    Unproven,
    /// Others are looked at first.
    Wait,
    /// It is not taken.
    Hold(Held),
}

/// How a party stood at the last looks at its pages.
#[derive(Default)]
struct Stand<'r> {
    same: u32,
    amiss: u32,
    site: &'r str,
}

/// What the guard says of a verdict on a page that was just seen with these marks. `others`: the last looks at all other pages.
#[must_use]
pub fn rule(page: &Recent, held: Option<&Held>, others: &[Recent], moment: &Moment, terms: &Guard) -> Ruling {
    if held.is_some_and(|held| held.released) {
        return Ruling::Take;
    }
    let window_ms = whole_ms(terms.window);
    let oldest = UnixMillis(moment.now.0.saturating_sub(window_ms));
    let from = moment.since.max(oldest);
    let party = parties(page, others);
    let own = party.first().copied().unwrap_or_default();
    let unrelated = || others.iter().zip(party.iter().skip(1)).filter(|(_, party)| **party != own);
    let mut stands: BTreeMap<usize, Stand<'_>> = BTreeMap::new();
    // What was decided, and what vouches, counts where it was seen since; what is in doubt, as long as it is.
    let counts = |recent: &Recent| recent.at >= if recent.open { oldest } else { from };
    for (recent, party) in unrelated().filter(|(recent, _)| counts(recent)) {
        let stand = stands.entry(*party).or_default();
        let is_same = recent.saw == Saw::Same;
        stand.same += u32::from(is_same);
        stand.amiss += u32::from(!is_same);
        if !is_same {
            stand.site = &recent.site;
        }
    }
    let amiss: Vec<&str> = stands.values().filter(|it| it.amiss > it.same).map(|it| it.site).collect();
    let named = |sites: &[&str]| sites.iter().take(MOST_NAMED).map(|site| (*site).to_owned()).collect();
    let hold = |cause, sites| {
        let before = held.filter(|held| held.cause == cause);
        Ruling::Hold(before.cloned().unwrap_or(Held { cause, since_ms: moment.now.0, sites, released: false }))
    };
    // Where it was too many, it is over when it is only a few: who is back last is not the one who changed.
    let was_many = held.is_some_and(|held| held.cause == Cause::Many);
    let (least, share_bp) = if was_many { (2, terms.share_bp / 2) } else { (terms.sites as usize, terms.share_bp) };
    // The page's own party is one of them.
    let (count, all) = (amiss.len() + 1, stands.len() + 1);
    let is_above = |count: usize, share_bp: u16| count * 10_000 > usize::from(share_bp) * all;
    if count >= least && is_above(count, share_bp) {
        return hold(Cause::Many, named(&amiss));
    }
    let marks = |saw: &Saw| if let Saw::Other(marks) = saw { marks.clone() } else { Vec::new() };
    let shown = marks(&page.saw);
    let twins = unrelated().filter(|(recent, _)| recent.at >= oldest && alike(&marks(&recent.saw), &shown));
    let twins: Vec<&str> = twins.map(|(recent, _)| recent.site.as_str()).collect();
    if !twins.is_empty() {
        let is_line_well = is_above(stands.len() - amiss.len(), 5_000);
        let over = |held: &Held| moment.now.0.saturating_sub(held.since_ms) >= whole_ms(terms.hold);
        let lapsed = held.is_some_and(|held| held.cause == Cause::SamePage && over(held));
        return if is_line_well && lapsed { Ruling::Unproven } else { hold(Cause::SamePage, named(&twins)) };
    }
    let wanted = (terms.sites as usize).saturating_sub(1);
    if terms.witnesses > 0 && stands.len() < wanted && moment.more && moment.now < moment.patience {
        return Ruling::Wait;
    }
    Ruling::Take
}

/// To which party each belongs, the page's own first: those that share a buyer or a site, through however many others, are one.
fn parties(page: &Recent, others: &[Recent]) -> Vec<usize> {
    let all: Vec<&Recent> = std::iter::once(page).chain(others).collect();
    let mut party: Vec<usize> = (0..all.len()).collect();
    let (mut accounts, mut sites) = (BTreeMap::new(), BTreeMap::new());
    for (at, it) in all.iter().enumerate() {
        let of_account = *accounts.entry(it.account.as_str()).or_insert(at);
        let of_site = *sites.entry(it.site.as_str()).or_insert(at);
        for other in [of_account, of_site] {
            let (one, two) = (root(&party, at), root(&party, other));
            if let Some(parent) = party.get_mut(one.max(two)) {
                *parent = one.min(two);
            }
        }
    }
    (0..all.len()).map(|at| root(&party, at)).collect()
}

fn root(party: &[usize], mut at: usize) -> usize {
    while let Some(parent) = party.get(at).copied().filter(|parent| *parent != at) {
        at = parent;
    }
    at
}

/// The site of a page: the last two labels of its host, or the last three under a country's `com.cn` and the like. Where hosts of strangers end
/// alike, as at a hoster, they count as one: the guard then sees fewer parties than there are, and never more.
#[must_use]
pub fn site(url: &str) -> String {
    let host = match Url::parse(url).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(host))) => host.trim_end_matches('.').to_owned(),
        Ok(Some(other)) => return other.to_string(),
        _ => return String::new(),
    };
    let labels: Vec<&str> = host.rsplit('.').collect();
    match labels.as_slice() {
        [top, second, third, ..] if top.len() == 2 && SECONDS.contains(second) => format!("{third}.{second}.{top}"),
        [top, second, ..] => format!("{second}.{top}"),
        _ => host,
    }
}

/// Under these of a country's domain everybody registers.
const SECONDS: [&str; 9] = ["com", "net", "org", "gov", "edu", "ac", "co", "mil", "gob"];

fn whole_ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
