//! Where a media's record is read, changed and looked back on.

use super::Prohibitions;
use crate::clock::UnixMillis;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::office::LONGEST_REASON;
use crate::event::{Docket, DocketError, KeptStep, Owner, Step, StoreUnavailable, Subject, SubjectKind, Taken};
use crate::market::Market;

/// The state of a record that is in force; there is no other. Stored.
pub const IN_FORCE: u16 = 1;

/// Why an edit did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No media has that id.
    #[error("media {0:?} is not known")]
    UnknownMedia(String),
    /// Something in it is wrong: each finding says where.
    #[error("{} of the prohibitions cannot be taken (R-CATEGORY): {}", .0.len(), .0.first().map_or("", |first| first.en.as_str()))]
    Wrong(Vec<Finding>),
    /// What is kept cannot be read: nothing is laid over it unseen.
    #[error("the prohibitions of media {media} cannot be read: {why}")]
    Unreadable {
        /// Whose.
        media: String,
        /// What is wrong with them.
        why: String,
    },
    /// Somebody else was faster, or the store refuses.
    #[error(transparent)]
    Docket(#[from] DocketError),
}

impl From<StoreUnavailable> for EditError {
    fn from(error: StoreUnavailable) -> Self {
        Self::Docket(error.into())
    }
}

/// Who edits, when and why.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'e> {
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub actor: &'e str,
    /// Why, in words: one line of at most [`LONGEST_REASON`] characters.
    pub reason: &'e str,
}

/// What became of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The last step of the record.
    pub seq: u64,
    /// Whether it is a new one; else the record stood so already.
    pub changed: bool,
}

/// A media's record as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// What it prohibits.
    pub record: Prohibitions,
    /// The last step; `None`: it was never edited.
    pub last: Option<KeptStep>,
}

impl Present {
    /// The place of the last step; 0: there is none.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.last.as_ref().map_or(0, |kept| kept.seq)
    }
}

/// A step of a record, and what it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The step.
    pub step: KeptStep,
    /// What is prohibited since.
    pub added: Prohibitions,
    /// What is not any more.
    pub removed: Prohibitions,
}

/// The record of a media.
///
/// # Errors
/// [`EditError::Unreadable`], [`EditError::Docket`].
pub fn present(docket: &dyn Docket, media: &str) -> Result<Present, EditError> {
    let last = docket.standing(&subject(media))?;
    let record = last.as_ref().map(record_of).transpose()?.unwrap_or_default();
    Ok(Present { record, last })
}

/// Puts prohibitions in the place of a media's present ones, by who knew these: `after` is the step that [`present`] told. Where the record stands
/// so already, nothing changes, whatever its author knew. What is changed is in force on every process within a second.
///
/// # Errors
/// [`EditError`]: nothing changed. [`DocketError::Overtaken`] when they were edited in between.
pub fn edit(
    docket: &dyn Docket,
    market: &Market,
    media: &str,
    (wanted, after): (&Prohibitions, u64),
    edit: &Edit<'_>,
) -> Result<Edited, EditError> {
    let known = market.media.iter().find(|it| it.wire == media);
    let owner = Owner::Media(known.ok_or_else(|| EditError::UnknownMedia(media.to_owned()))?.id);
    let mut wrong = wanted.check(&market.terms.content);
    wrong.extend(wrong_reason(edit.reason));
    if !wrong.is_empty() {
        return Err(EditError::Wrong(wrong));
    }
    let present = present(docket, media)?;
    if present.record == *wanted {
        return Ok(Edited { seq: present.seq(), changed: false });
    }
    let unwritable =
        |error: serde_json::Error| EditError::Unreadable { media: media.to_owned(), why: error.to_string() };
    let step = Step {
        subject: subject(media),
        owner,
        state: IN_FORCE,
        due: None,
        at: edit.at,
        actor: edit.actor.to_owned(),
        reason: edit.reason.to_owned(),
        body: serde_json::to_string(wanted).map_err(unwritable)?,
    };
    let taken = docket.take(&[Taken { step, after }])?;
    Ok(Edited { seq: taken.first().copied().unwrap_or_default(), changed: true })
}

/// At most `limit` steps of a media's record below a place, the newest first, with what each changed; and where the next page begins, if there is one.
///
/// # Errors
/// [`EditError::Unreadable`], [`EditError::Docket`].
pub fn changes(
    docket: &dyn Docket,
    media: &str,
    (below, limit): (u64, u32),
) -> Result<(Vec<Change>, Option<u64>), EditError> {
    // One more than is asked for: what the last of them changed is told by the one before it.
    let steps = docket.history(&subject(media), below, limit.saturating_add(1))?;
    let mut told = Vec::new();
    let mut newer: Option<(KeptStep, Prohibitions)> = None;
    for kept in steps {
        let record = record_of(&kept)?;
        if let Some((step, after)) = newer.replace((kept, record.clone())) {
            told.push(change(step, &after, &record));
        }
    }
    if told.len() >= limit as usize {
        let next = told.last().map(|it| it.step.seq);
        return Ok((told, next));
    }
    if let Some((step, after)) = newer {
        told.push(change(step, &after, &Prohibitions::default()));
    }
    Ok((told, None))
}

fn change(step: KeptStep, after: &Prohibitions, before: &Prohibitions) -> Change {
    Change { step, added: after.without(before), removed: before.without(after) }
}

fn record_of(kept: &KeptStep) -> Result<Prohibitions, EditError> {
    let unreadable = |error: serde_json::Error| EditError::Unreadable {
        media: kept.step.subject.name.clone(),
        why: error.to_string(),
    };
    kept.step.read().map_err(unreadable)
}

fn wrong_reason(reason: &str) -> Option<Finding> {
    let tame = reason.chars().count() <= LONGEST_REASON && !reason.chars().any(char::is_control);
    let words = (
        format!("must be one line of at most {LONGEST_REASON} characters"),
        format!("须为单行文字，不超过 {LONGEST_REASON} 个字符"),
    );
    (!tame).then(|| Finding::new("R-CATEGORY", "malformed", Weight::Refuse, ("reason", reason), words))
}

fn subject(media: &str) -> Subject {
    Subject { kind: SubjectKind::Prohibitions, name: media.to_owned(), version: 0 }
}

#[cfg(test)]
mod tests;
