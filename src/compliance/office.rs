//! Where steps of the docket are taken: submissions, verdicts, suspensions, messages. The partner API, the admin API, the crawler and the
//! examiner all come here; each step says who took it and why, and what it does to other subjects is taken with it in one commit.

mod aired;
mod allowance;
mod bid;
mod message;
mod submit;
#[cfg(test)]
pub(crate) mod tests;
mod verdict;

pub use aired::{Aired, OnAir};
pub use bid::Heard;
pub use message::{Message, MessageState};
pub use submit::{Became, Receipt};
pub use verdict::{Moved, Verdict, label_zh};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::creative::Record;
use crate::clock::UnixMillis;
use crate::event::{Docket, DocketError, KeptStep, Owner, Step, StoreUnavailable, Subject, Taken};
use crate::ids::BuyerId;
use crate::market::Market;
use crate::market::demand::CreativeState;
use crate::market::policy::content::ContentTerms;

/// How often a step is judged again because another came in between.
const ATTEMPTS: u32 = 16;
/// The longest reason, characters.
pub const LONGEST_REASON: usize = 500;

/// Who takes a step, and why.
#[derive(Clone, Copy, Debug)]
pub struct By<'b> {
    /// Who: an operator, a partner's key, `exchange` itself.
    pub actor: &'b str,
    /// Why, in words.
    pub reason: &'b str,
}

impl<'b> By<'b> {
    /// The exchange itself.
    #[must_use]
    pub const fn exchange(reason: &'b str) -> Self {
        Self { actor: "exchange", reason }
    }
}

/// Why nothing was done. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read, or has not the form.
    #[error("{0}")]
    Malformed(String),
    /// A rule is against it.
    #[error("{rule}: {en}")]
    Rule {
        /// Which.
        rule: &'static str,
        /// What was found, and what would be right, in English.
        en: String,
        /// The same in Chinese.
        zh: String,
    },
    /// As many as may be are there already: later is another matter.
    #[error("{rule}: {en}")]
    TooMany {
        /// By which rule they are there.
        rule: &'static str,
        /// How many, and what makes room, in English.
        en: String,
        /// The same in Chinese.
        zh: String,
    },
    /// There is no such subject.
    #[error("there is no {} {} version {}", .0.kind.label(), .0.name, .0.version)]
    Unknown(Subject),
    /// The name stands for something else.
    #[error("{0}")]
    Taken(String),
    /// A body that this program cannot read: it is of another version.
    #[error("the body of {kind} {name} version {version} cannot be read: {why}", kind = .subject.kind.label(), name = .subject.name, version = .subject.version)]
    Unreadable {
        /// Whose.
        subject: Subject,
        /// What is wrong with it.
        why: String,
    },
    /// The store refuses.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl Refusal {
    /// A rule's refusal, in English and Chinese.
    pub fn rule(rule: &'static str, (en, zh): (impl Into<String>, impl Into<String>)) -> Self {
        Self::Rule { rule, en: en.into(), zh: zh.into() }
    }
}

impl From<DocketError> for Refusal {
    fn from(error: DocketError) -> Self {
        match error {
            DocketError::Unavailable(error) => Self::Unavailable(error),
            DocketError::Overtaken { .. } => {
                Self::Unavailable(StoreUnavailable("too many others take steps at the same time".to_owned()))
            }
            DocketError::Twice(_) | DocketError::TooLarge(_) => Self::Malformed(error.to_string()),
        }
    }
}

/// The docket, the terms and the moment by which steps are judged.
#[derive(Clone, Copy, Debug)]
pub struct Office<'o> {
    /// Where steps are kept.
    pub docket: &'o dyn Docket,
    /// Who is known, and the terms in force.
    pub market: &'o Market,
    /// Now.
    pub now: UnixMillis,
}

impl<'o> Office<'o> {
    /// The terms of content in force.
    #[must_use]
    pub fn terms(&self) -> &'o ContentTerms {
        &self.market.terms.content
    }

    /// The buyer with that ACCOUNT ID.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when there is none.
    pub fn buyer(&self, account: &str) -> Result<BuyerId, Refusal> {
        let known = self.market.buyers.iter().find(|buyer| buyer.account == account);
        known
            .map(|buyer| buyer.id)
            .ok_or_else(|| Refusal::Malformed(format!("`account`: buyer {account:?} is not known")))
    }

    /// A version of a creative as it stands.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn creative(&self, subject: &Subject) -> Result<(KeptStep, CreativeState, Record), Refusal> {
        let kept = self.docket.standing(subject)?.ok_or_else(|| Refusal::Unknown(subject.clone()))?;
        let (state, record) = (state_of(&kept)?, body_of(&kept)?);
        Ok((kept, state, record))
    }

    /// Judges and takes steps; where somebody else came in between, both are done again. `judge` says what is taken, or what is so already.
    pub(in crate::compliance) fn take<T>(
        &self,
        judge: impl Fn() -> Result<(Vec<Taken>, T), Refusal>,
    ) -> Result<(Vec<u64>, T), Refusal> {
        let mut left = ATTEMPTS;
        loop {
            let (steps, told) = judge()?;
            if steps.is_empty() {
                return Ok((Vec::new(), told));
            }
            left -= 1;
            match self.docket.take(&steps) {
                Ok(places) => return Ok((places, told)),
                Err(DocketError::Overtaken { .. }) if left > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A step of a subject after `before`.
    pub(in crate::compliance) fn step(
        &self,
        (subject, owner): (Subject, Owner),
        before: u64,
        (state, body): (u16, String),
        by: &By<'_>,
    ) -> Taken {
        let step = Step {
            subject,
            owner,
            state,
            due: None,
            at: self.now,
            actor: by.actor.to_owned(),
            reason: by.reason.to_owned(),
            body,
        };
        Taken { step, after: before }
    }
}

/// The state of a creative's step.
///
/// # Errors
/// [`Refusal::Unreadable`] for a code that this program does not know.
pub fn state_of(kept: &KeptStep) -> Result<CreativeState, Refusal> {
    let subject = &kept.step.subject;
    let unknown =
        || Refusal::Unreadable { subject: subject.clone(), why: format!("state {} is not known", kept.step.state) };
    CreativeState::from_code(kept.step.state).ok_or_else(unknown)
}

/// The body of a step in the form of its kind.
///
/// # Errors
/// [`Refusal::Unreadable`].
pub fn body_of<T: DeserializeOwned>(kept: &KeptStep) -> Result<T, Refusal> {
    let unreadable =
        |error: serde_json::Error| Refusal::Unreadable { subject: kept.step.subject.clone(), why: error.to_string() };
    serde_json::from_str(&kept.step.body).map_err(unreadable)
}

/// A body as it is kept.
pub(in crate::compliance) fn written(body: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(body).map_err(|error| Refusal::Malformed(error.to_string()))
}
