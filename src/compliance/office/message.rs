//! What partners are told, and whether they have read it.

use serde::{Deserialize, Serialize};

use super::{By, Office, Refusal, body_of, written};
use crate::event::{KeptStep, Owner, Subject, SubjectKind, Taken, Wanted};

/// The longest key of a message, bytes.
const LONGEST_KEY: usize = 300;
/// Messages of a DSP that it has not read, at most.
pub(super) const MOST_UNREAD: u32 = 1_000;

/// A message to a partner: the body of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The rule that it follows from.
    pub rule: String,
    /// What it is about: `creative 80010001/milk-9 version 3`.
    pub about: String,
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// Whether a message was read. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum MessageState {
    /// Not yet.
    Unread = 1,
    /// Its owner said so.
    Read = 2,
}

impl Message {
    /// A message's name in the docket: its owner's kind and number, and the key that makes it unique.
    #[must_use]
    pub fn name(owner: Owner, key: &str) -> String {
        match owner {
            Owner::Exchange => format!("exchange/{key}"),
            Owner::Buyer(buyer) => format!("buyer-{}/{key}", buyer.0),
            Owner::Media(media) => format!("media-{}/{key}", media.0),
            Owner::Dsp(dsp) => format!("dsp-{}/{key}", dsp.0),
        }
    }
}

impl Office<'_> {
    /// Tells an owner something, once for each key: the same key again is the same message.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for a key that is empty or too long, [`Refusal::Unavailable`].
    pub fn tell(&self, owner: Owner, key: &str, message: &Message, by: &By<'_>) -> Result<(), Refusal> {
        let judge = || Ok((self.message(owner, key, message, by)?.into_iter().collect(), ()));
        self.take(judge).map(|_| ())
    }

    /// The step that tells it, for a commit of several; `None`: it was told before, or is a DSP's that has not read [`MOST_UNREAD`].
    pub(in crate::compliance) fn message(
        &self,
        owner: Owner,
        key: &str,
        message: &Message,
        by: &By<'_>,
    ) -> Result<Option<Taken>, Refusal> {
        if key.is_empty() || key.len() > LONGEST_KEY || key.chars().any(char::is_control) {
            return Err(Refusal::Malformed(format!("a message's key must be one line of 1 to {LONGEST_KEY} bytes")));
        }
        let subject = Subject { kind: SubjectKind::Message, name: Message::name(owner, key), version: 0 };
        if self.docket.standing(&subject)?.is_some() || self.has_many_unread(owner)? {
            return Ok(None);
        }
        let state = MessageState::Unread as u16;
        Ok(Some(self.step((subject, owner), 0, (state, written(message)?), by)))
    }

    /// Whether an owner is told nothing more until it has read some. What a DSP is told follows from its own bids, however many it sends.
    fn has_many_unread(&self, owner: Owner) -> Result<bool, Refusal> {
        let Owner::Dsp(_) = owner else { return Ok(false) };
        let wanted = Wanted { state: Some(MessageState::Unread as u16), owner: Some(owner) };
        Ok(self.docket.count(SubjectKind::Message, &wanted, MOST_UNREAD)? >= MOST_UNREAD)
    }

    /// At most `limit` messages of an owner above a place, the oldest first; `unread`: only those.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn messages(
        &self,
        owner: Owner,
        unread: bool,
        (above, limit): (u64, u32),
    ) -> Result<Vec<(KeptStep, Message)>, Refusal> {
        let wanted = Wanted { state: unread.then_some(MessageState::Unread as u16), owner: Some(owner) };
        let kept = self.docket.list(SubjectKind::Message, &wanted, above, limit)?;
        kept.into_iter().map(|kept| body_of(&kept).map(|message| (kept, message))).collect()
    }

    /// Notes that an owner has read a message, by the name that [`Office::messages`] gave.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when it has no such message, [`Refusal::Unavailable`].
    pub fn read(&self, owner: Owner, name: &str, by: &By<'_>) -> Result<(), Refusal> {
        let subject = Subject { kind: SubjectKind::Message, name: name.to_owned(), version: 0 };
        let judge = || {
            let kept = self.docket.standing(&subject)?.filter(|kept| kept.step.owner == owner);
            let kept = kept.ok_or_else(|| Refusal::Unknown(subject.clone()))?;
            let read = MessageState::Read as u16;
            let unread = kept.step.state != read;
            let step = || self.step((subject.clone(), owner), kept.seq, (read, kept.step.body.clone()), by);
            Ok((unread.then(step).into_iter().collect(), ()))
        };
        self.take(judge).map(|_| ())
    }
}
