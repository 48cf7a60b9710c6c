//! Doing what is owed of a page's verdict, as far as it concerns the docket: suspending and resuming its creatives, telling its buyer. Doing it
//! again changes nothing. What concerns money, the caller enters.

use super::{Lead, MOST_USES, PageState, Record, Standpoint, Stop, Use};
use crate::clock::UnixMillis;
use crate::compliance::creative;
use crate::compliance::office::{By, Message, Office, Refusal, body_of, state_of};
use crate::event::{Docket, DocketError, KeptStep, Owner, Subject, SubjectKind};
use crate::market::demand::CreativeState;

/// Who takes these steps.
pub const CRAWLER: &str = "crawler";
/// Why a creative is suspended, by the reasons' list that is shipped.
const CHANGED: &str = "landing-changed";
const UNSAFE: &str = "landing-unsafe";
/// The most characters of what was found that a message and a violation repeat; the rest is in the page's record.
const LONGEST_FOUND: usize = 2_000;

impl Record {
    /// A creative that leads to the page.
    fn creative(&self, of: &Use) -> Subject {
        let name = format!("{}/{}", self.account, of.crid);
        Subject { kind: SubjectKind::Creative, name, version: of.version }
    }
}

/// Suspends every approved creative that leads to a page (R-LANDING-FROZEN, R-LANDING-SAFE).
///
/// # Errors
/// [`Refusal::Unavailable`], [`Refusal::Unreadable`]: some may be suspended.
pub fn suspend(office: &Office<'_>, state: PageState, record: &Record) -> Result<(), Refusal> {
    let code = if state == PageState::Changed { CHANGED } else { UNSAFE };
    let reason = format!("landing page {} is {}", shown(&record.url), state.label());
    record
        .uses
        .iter()
        .filter(|of| of.is_held())
        .try_for_each(|of| offline(office, &record.creative(of), (code, &reason)))
}

/// Suspends a creative whose page takes no more: nobody would suspend it when that changes.
///
/// # Errors
/// See [`suspend`].
pub fn stop_one(office: &Office<'_>, creative: &Subject, url: &str) -> Result<(), Refusal> {
    let reason =
        format!("{MOST_USES} creatives lead to landing page {} already: it is watched for no more", shown(url));
    offline(office, creative, (UNSAFE, &reason))
}

fn offline(office: &Office<'_>, creative: &Subject, (code, reason): (&str, &str)) -> Result<(), Refusal> {
    // A list of the operator's own may not have it: then the words say why.
    let reasons: Vec<_> = office.terms().reason(code).map(|reason| reason.code.clone()).into_iter().collect();
    let by = By { actor: CRAWLER, reason };
    match office.creative(creative) {
        Ok((_, CreativeState::Approved, _)) => passing(office.suspend(creative, &reasons, &by).map(drop)),
        other => passing(other.map(drop)),
    }
}

/// Resumes the creatives that were suspended for a page, after a person has confirmed that it is as it should be.
///
/// # Errors
/// See [`suspend`].
pub fn resume(office: &Office<'_>, record: &Record) -> Result<(), Refusal> {
    let reason = format!("landing page {} was confirmed", shown(&record.url));
    let by = By { actor: CRAWLER, reason: &reason };
    for of in record.uses.iter().filter(|of| of.is_held()) {
        let subject = record.creative(of);
        let suspended = match office.creative(&subject) {
            // What a person suspended is a person's to resume.
            Ok((kept, CreativeState::Suspended, _)) => kept.step.actor == CRAWLER,
            other => {
                passing(other.map(drop))?;
                false
            }
        };
        if suspended {
            passing(office.resume(&subject, &[], &by).map(drop))?;
        }
    }
    Ok(())
}

/// Tells the page's buyer how it stands, once for each stop.
///
/// # Errors
/// See [`suspend`].
pub fn tell(office: &Office<'_>, state: PageState, record: &Record) -> Result<(), Refusal> {
    let (rule, en, zh) = match state {
        PageState::Changed => {
            ("R-LANDING-FROZEN", "has changed; its creatives are suspended", "内容发生变更，相关创意已暂停投放")
        }
        PageState::Cloaked => (
            "R-MALICE",
            "shows some browsers another page; its creatives are suspended",
            "对不同浏览器展示不同内容，相关创意已暂停投放",
        ),
        PageState::Infected => (
            "R-LANDING-SAFE",
            "is not safe; its creatives are suspended until the exchange has confirmed that it is",
            "存在安全风险，相关创意已暂停投放，须经平台确认安全后恢复",
        ),
        _ => (
            "R-LANDING-FROZEN",
            "cannot be fetched; it must answer while its creatives are shown",
            "无法访问，投放期间落地页须保持可访问",
        ),
    };
    let found = match &record.stop {
        Some(stop) => stop.found.join("; "),
        None => record.rounds.last().map_or_else(String::new, |noted| {
            let words =
                |(agent, look): &(_, String)| format!("{}: {look}", crate::compliance::crawl::Agent::label(*agent));
            noted.looks.iter().map(words).collect::<Vec<_>>().join("; ")
        }),
    };
    let at_ms = record.stop.as_ref().map_or_else(|| last_ms(record), |stop| stop.at_ms);
    message(office, record, (&format!("{at_ms}"), rule), (en, zh, &found))
}

/// Tells the page's buyer that a person has found what it shows unlawful, once for each stop.
///
/// # Errors
/// See [`suspend`].
pub fn tell_unlawful(office: &Office<'_>, record: &Record) -> Result<(), Refusal> {
    let Some(stop) = &record.stop else { return Ok(()) };
    let key = format!("{}/unlawful", stop.at_ms);
    let (en, zh) = ("was found to show unlawful content", "经审核认定含有违法内容");
    message(office, record, (&key, "R-DAMAGE-CONTENT"), (en, zh, &stop.found.join("; ")))
}

fn message(
    office: &Office<'_>,
    record: &Record,
    (key, rule): (&str, &str),
    (en, zh, found): (&str, &str, &str),
) -> Result<(), Refusal> {
    // Whose account is not in the market any more cannot be told there.
    let Ok(buyer) = office.buyer(&record.account) else { return Ok(()) };
    let url = shown(&record.url);
    let found: String = found.chars().take(LONGEST_FOUND).collect();
    let found = if found.is_empty() { String::new() } else { format!(": {found}") };
    let message = Message {
        rule: rule.to_owned(),
        about: format!("page {}", record.url),
        en: format!("landing page {url} {en}{found}"),
        zh: format!("落地页 {url} {zh}{found}"),
    };
    let key = format!("page/{}/{key}", record.key());
    passing(office.tell(Owner::Buyer(buyer), &key, &message, &By { actor: CRAWLER, reason: "" }))
}

fn last_ms(record: &Record) -> u64 {
    record.rounds.last().map_or(0, |round| round.at_ms)
}

/// A URL as it stands in one line of words.
fn shown(url: &str) -> String {
    url.chars().filter(|char| !char.is_control()).take(200).collect()
}

/// A refusal by a rule or a creative that is gone is no reason to try again; a store that does not answer is.
fn passing(done: Result<(), Refusal>) -> Result<(), Refusal> {
    match done {
        Err(error @ (Refusal::Unavailable(_) | Refusal::Unreadable { .. })) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "a creative of a landing page stays as it is");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// A creative's version as its page sees it, and where it stands.
///
/// # Errors
/// [`Refusal::Unreadable`].
pub fn use_of(kept: &KeptStep) -> Result<(creative::Submission, Standpoint), Refusal> {
    let (state, record) = (state_of(kept)?, body_of::<creative::Record>(kept)?);
    let now = match state {
        CreativeState::Draft | CreativeState::Checking | CreativeState::Rejected | CreativeState::Expired => {
            Standpoint::Gone
        }
        CreativeState::PendingReview => Standpoint::Pending,
        CreativeState::Approved => Standpoint::Approved,
        CreativeState::Suspended => Standpoint::Suspended,
    };
    Ok((record.submission, now))
}

impl creative::Submission {
    /// What it is to its landing page.
    #[must_use]
    pub fn lead(&self) -> Lead<'_> {
        Lead { crid: &self.crid, version: self.version, from_ms: self.display_from_ms }
    }
}

/// What shows a violation: what was expected, what was found, and the digest of the bytes that were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The page as it was frozen.
    pub expected: String,
    /// In what it differs.
    pub found: String,
    /// The SHA-256 of what was found, in hexadecimal.
    pub sha256: String,
}

/// The evidence of a stop. Where nothing could be fetched, because the page leads elsewhere, what is told of that is kept as a document.
///
/// # Errors
/// What the docket refuses.
pub fn claim(docket: &dyn Docket, record: &Record, stop: &Stop) -> Result<Shown, DocketError> {
    let found: String = stop.found.join("; ").chars().take(LONGEST_FOUND).collect();
    let sha256 = match stop.found_sha256() {
        Some(sha256) => sha256.to_owned(),
        None => crate::compliance::digest_text(&docket.keep(found.as_bytes(), UnixMillis(stop.at_ms))?),
    };
    let held = if stop.before.is_empty() { &record.frozen } else { &stop.before };
    let frozen: Vec<_> = held.iter().map(|it| format!("{} {}", it.agent.label(), it.sha256)).collect();
    Ok(Shown { expected: format!("{} as frozen: {}", record.url, frozen.join(", ")), found, sha256 })
}
