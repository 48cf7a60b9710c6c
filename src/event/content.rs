//! What is reviewed and what happened to it: advertisers, documents, creatives, landing pages, media's prohibitions. Append-only: each step
//! says all that is known after it, who took it, when and why. What a subject's body and state mean, its kind gives (`compliance`).

use serde::de::DeserializeOwned;

use super::StoreUnavailable;
use crate::clock::UnixMillis;
use crate::ids::{BuyerId, DspId, MediaId};

coded! {
    /// What a step is about. The codes are stored.
    SubjectKind {
        /// An advertiser's registration (R-QUALIFY), by `ACCOUNT/ADVERTISER`.
        Advertiser = 1, "advertiser";
        /// A document of an advertiser (R-QUALIFY), by `ACCOUNT/ADVERTISER/NUMBER`.
        Document = 2, "document";
        /// A version of a creative (R-REVIEW), by `ACCOUNT/CRID`.
        Creative = 3, "creative";
        /// A landing page under watch (R-LANDING-FROZEN), by `ACCOUNT/ADVERTISER URL`.
        Page = 4, "page";
        /// What a media prohibits beside its config (R-CATEGORY), by the media's id.
        Prohibitions = 5, "prohibitions";
        /// A message to a partner, by its owner and number.
        Message = 6, "message";
        /// An app in the app centre (R-APP), by `ACCOUNT/ADVERTISER/APP`.
        App = 7, "app";
        /// A spot check of an approved creative (R-REVIEW), by its number.
        SpotCheck = 8, "spot-check";
        /// A file that a buyer uploaded, by `ACCOUNT/SHA256`.
        Upload = 9, "upload";
        /// How much of a day's share of impressions before review is reserved (R-REVIEW), by `DEAL/DAY`.
        Allowance = 10, "allowance";
        /// A buyer's account (R-IDLE), by its ACCOUNT ID: when it was used.
        Account = 11, "account";
    }
}

impl SubjectKind {
    /// The kind with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The kind with that name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.label() == label)
    }
}

/// What is reviewed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Of what kind.
    pub kind: SubjectKind,
    /// Its name within its kind.
    pub name: String,
    /// Its version, where it has any; else 0.
    pub version: u32,
}

/// Whose it is: nobody else but the exchange sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The exchange's own.
    Exchange,
    /// A buyer's.
    Buyer(BuyerId),
    /// A media's.
    Media(MediaId),
    /// A DSP's.
    Dsp(DspId),
}

impl Owner {
    /// The stored codes: of what kind, and its number.
    #[must_use]
    pub const fn codes(self) -> (u8, u32) {
        match self {
            Self::Exchange => (0, 0),
            Self::Buyer(buyer) => (1, buyer.0),
            Self::Media(media) => (2, media.0),
            Self::Dsp(dsp) => (3, dsp.0),
        }
    }

    /// The owner with these codes.
    #[must_use]
    pub const fn from_codes(kind: u8, number: u32) -> Option<Self> {
        match kind {
            0 => Some(Self::Exchange),
            1 => Some(Self::Buyer(BuyerId(number))),
            2 => Some(Self::Media(MediaId(number))),
            3 => Some(Self::Dsp(DspId(number))),
            _ => None,
        }
    }
}

/// One thing that happened to a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// To what.
    pub subject: Subject,
    /// Whose it is.
    pub owner: Owner,
    /// Where it stands after it: a code that its kind gives.
    pub state: u16,
    /// When it must be looked at again, if ever.
    pub due: Option<UnixMillis>,
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// All that is known of it after the step: a JSON object.
    pub body: String,
}

impl Step {
    /// The body in the form of its kind.
    ///
    /// # Errors
    /// See [`object`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        object(&self.body)
    }
}

/// A JSON object in a form. Serde reads a list of values in the order of the fields as well, so `[]` as any form whose fields may all be left out:
/// that is no body, and no record that somebody meant.
///
/// # Errors
/// What is wrong with it.
pub fn object<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    if !text.trim_start().starts_with('{') {
        return Err(serde::de::Error::custom("expected a JSON object"));
    }
    serde_json::from_str(text)
}

/// A step that is to be taken, by who knew the subject as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The step.
    pub step: Step,
    /// The subject's last step that its author knew; 0: it is new.
    pub after: u64,
}

/// A step as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStep {
    /// Its place among all steps, from 1, without gaps.
    pub seq: u64,
    /// The subject's step before; 0: none.
    pub before: u64,
    /// The step. Where the subject's present standing is told, `due` is the present one.
    pub step: Step,
}

/// Which subjects are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In that state only.
    pub state: Option<u16>,
    /// Of that owner only.
    pub owner: Option<Owner>,
}

/// Why a step was not taken. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocketError {
    /// Somebody else took a step of the subject in between: read it again.
    #[error("{kind} {name} was changed in between (step {last})", kind = .subject.kind.label(), name = .subject.name)]
    Overtaken {
        /// Which.
        subject: Subject,
        /// Its last step; 0: it is not there.
        last: u64,
    },
    /// Two steps of one subject at once.
    #[error("{} {} cannot take two steps at once", .0.kind.label(), .0.name)]
    Twice(Subject),
    /// More bytes than are kept of one document.
    #[error("{0} bytes are more than the {LARGEST_BLOB} that are kept of one document")]
    TooLarge(usize),
    /// The store refuses.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// The most bytes of one document.
pub const LARGEST_BLOB: usize = 32 << 20;

/// The port to what is reviewed. Called from the cold plane; may block for a commit. What returns without an error is durable.
pub trait Docket: Send + Sync + std::fmt::Debug {
    /// Takes steps in one commit, all or none, and tells their places.
    ///
    /// # Errors
    /// [`DocketError::Overtaken`] for the first of them whose subject was changed since, [`DocketError::Twice`].
    fn take(&self, steps: &[Taken]) -> Result<Vec<u64>, DocketError>;

    /// Moves when a subject must be looked at again; no step of it.
    ///
    /// # Errors
    /// [`StoreUnavailable`] here and below: nothing changed.
    fn put_off(&self, due: &[(Subject, Option<UnixMillis>)]) -> Result<(), StoreUnavailable>;

    /// A subject's last step.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn standing(&self, subject: &Subject) -> Result<Option<KeptStep>, StoreUnavailable>;

    /// The last steps of all versions of a subject, the oldest version first.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn versions(&self, kind: SubjectKind, name: &str) -> Result<Vec<KeptStep>, StoreUnavailable>;

    /// At most `limit` steps of a subject below a place, the newest first.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn history(&self, subject: &Subject, below: u64, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable>;

    /// At most `limit` subjects of a kind whose last step is above a place, in the order of these steps: who waits longest comes first.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn list(
        &self,
        kind: SubjectKind,
        wanted: &Wanted,
        above: u64,
        limit: u32,
    ) -> Result<Vec<KeptStep>, StoreUnavailable>;

    /// How many subjects of a kind there are, counted up to `most`.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn count(&self, kind: SubjectKind, wanted: &Wanted, most: u32) -> Result<u32, StoreUnavailable>;

    /// At most `limit` subjects of a kind that are due by a moment, the longest overdue first.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn due(&self, kind: SubjectKind, by: UnixMillis, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable>;

    /// At most `limit` steps of all subjects above a place, in order: what other processes did too.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn steps(&self, above: u64, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable>;

    /// The last step's place; 0: there is none.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn last_step(&self) -> Result<u64, StoreUnavailable>;

    /// Keeps a document, once, and tells its SHA-256.
    ///
    /// # Errors
    /// [`DocketError::TooLarge`] above [`LARGEST_BLOB`].
    fn keep(&self, bytes: &[u8], at: UnixMillis) -> Result<[u8; 32], DocketError>;

    /// A document by its SHA-256.
    ///
    /// # Errors
    /// See [`Docket::put_off`].
    fn document(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreUnavailable>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form whose fields may all be left out.
    #[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Form {
        words: Vec<String>,
    }

    #[test]
    fn a_body_is_an_object_and_a_list_is_none() {
        let step = |body: &str| Step {
            subject: Subject { kind: SubjectKind::Prohibitions, name: "sunrise".to_owned(), version: 0 },
            owner: Owner::Exchange,
            state: 1,
            due: None,
            at: UnixMillis(0),
            actor: String::new(),
            reason: String::new(),
            body: body.to_owned(),
        };
        for body in ["{}", " \n{ }", r#"{"words": []}"#] {
            assert_eq!(step(body).read::<Form>().ok(), Some(Form::default()), "{body:?}");
        }
        for body in ["[]", " []", r#"[["a"]]"#, "null", "", r#"{"colour": 1}"#, "{} []"] {
            assert!(step(body).read::<Form>().is_err(), "{body:?}");
        }
        assert_eq!(step("[]").read::<Form>().err().map(|it| it.to_string()), Some("expected a JSON object".to_owned()));
    }
}
