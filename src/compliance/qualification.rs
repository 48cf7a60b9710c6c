//! Advertisers and their documents (R-QUALIFY, R-SCOPE, R-IDLE): who registered what, what a person has verified, and until when that is enough.
//!
//! An advertiser, a document and an app are registered in versions. The newest that is verified is in force; a change is another version, and the
//! one before it stays in force until the new one is verified.

mod app;
mod calendar;
mod desk;
mod papers;
#[cfg(test)]
mod tests;

pub use app::App;
pub use calendar::Tended;
pub use desk::Registered;
pub use papers::{Papers, Qualification, owner_of};

use serde::{Deserialize, Serialize};

use super::office::{Office, Refusal, body_of};
use crate::clock::ShanghaiDay;
use crate::event::{Docket, KeptStep, Owner, StoreUnavailable, SubjectKind, Wanted};

/// How many subjects are read at once.
const PAGE: u32 = 1_000;
/// The end of what never ends.
const NEVER: ShanghaiDay = ShanghaiDay(2_932_896);

/// Where a registration stands. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Standing {
    /// Waits for a person.
    Pending = 1,
    /// In force.
    Verified = 2,
    /// A person refused it.
    Refused = 3,
    /// Its validity is over, or another version took its place.
    Expired = 4,
    /// Its owner or the exchange took it back.
    Withdrawn = 5,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Verified, Self::Refused, Self::Expired, Self::Withdrawn];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Its name on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it may be followed by another.
    #[must_use]
    pub const fn may_become(self, to: Self) -> bool {
        match self {
            Self::Pending => matches!(to, Self::Verified | Self::Refused | Self::Withdrawn),
            Self::Verified => matches!(to, Self::Refused | Self::Expired | Self::Withdrawn),
            Self::Refused | Self::Expired | Self::Withdrawn => false,
        }
    }

    /// Where a step stands.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for a code that this program does not know.
    pub fn of(kept: &KeptStep) -> Result<Self, Refusal> {
        let why = || format!("state {} is not known", kept.step.state);
        let unknown = || Refusal::Unreadable { subject: kept.step.subject.clone(), why: why() };
        Self::ALL.into_iter().find(|state| state.code() == kept.step.state).ok_or_else(unknown)
    }
}

/// An advertiser as it is registered: the body of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The buyer's ACCOUNT ID.
    pub account: String,
    /// Its id: 1 to 64 letters, digits, `.`, `_` or `-`.
    pub advertiser: String,
    /// Its name, as its licence says it.
    pub name: String,
    /// What the label on its ads says they come from (R-SOURCE).
    pub source: String,
    /// Its domains, lower case; a bid's `adomain` and its landing pages are within them.
    pub domains: Vec<String>,
    /// Its category (IAB content taxonomy 1.0).
    pub category: String,
    /// The industries that it is of beside those of its category, by their ids in the terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub industries: Vec<String>,
}

/// A document as it is registered: the body of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The buyer's ACCOUNT ID.
    pub account: String,
    /// The advertiser's id.
    pub advertiser: String,
    /// Its number.
    pub number: String,
    /// Its kind, by its id in the terms.
    pub kind: String,
    /// Who issued it.
    pub issuer: String,
    /// The first day on which it is valid.
    pub valid_from: ShanghaiDay,
    /// The last one; left out: it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<ShanghaiDay>,
    /// SHA-256 of its pages in hexadecimal, which were uploaded before.
    pub files: Vec<String>,
}

impl Document {
    /// The last day on which it is valid.
    #[must_use]
    pub fn last_day(&self) -> ShanghaiDay {
        self.valid_until.unwrap_or(NEVER)
    }
}

impl Office<'_> {
    /// The advertiser's registration that is in force, if one is.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn registered(&self, account: &str, advertiser: &str) -> Result<Option<Registration>, Refusal> {
        let versions = self.docket.versions(SubjectKind::Advertiser, &format!("{account}/{advertiser}"))?;
        newest_verified(versions.iter())?.map(body_of).transpose()
    }

    /// An advertiser's documents that a person has verified.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn documents(&self, account: &str, advertiser: &str) -> Result<Vec<Document>, Refusal> {
        let wanted = Wanted { state: Some(Standing::Verified.code()), owner: Some(Owner::Buyer(self.buyer(account)?)) };
        let of = format!("{account}/{advertiser}/");
        let mut found = Vec::new();
        each::<Refusal>(self.docket, SubjectKind::Document, &wanted, |kept| {
            if kept.step.subject.name.starts_with(&of) {
                found.push(body_of(kept)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// What an advertiser comes to today, as the market serves it too ([`Qualification::of`]).
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn qualification(&self, account: &str, advertiser: &str) -> Result<Qualification, Refusal> {
        let configured = self.market.configured_advertiser(self.buyer(account)?, advertiser);
        let name = format!("{account}/{advertiser}");
        let papers = Papers::of(self.docket, &name)?;
        Ok(Qualification::of(papers.as_ref(), configured, self.terms(), self.now.shanghai_day(), &name))
    }
}

/// Each subject that is wanted, page by page.
fn each<E: From<StoreUnavailable>>(
    docket: &dyn Docket,
    kind: SubjectKind,
    wanted: &Wanted,
    mut see: impl FnMut(&KeptStep) -> Result<(), E>,
) -> Result<(), E> {
    let mut above = 0;
    loop {
        let page = docket.list(kind, wanted, above, PAGE)?;
        page.iter().try_for_each(&mut see)?;
        match page.last() {
            Some(last) if page.len() == PAGE as usize => above = last.seq,
            _ => return Ok(()),
        }
    }
}

/// The newest version that is in force.
fn newest_verified<'k>(versions: impl Iterator<Item = &'k KeptStep>) -> Result<Option<&'k KeptStep>, Refusal> {
    let mut found = None;
    for kept in versions {
        if Standing::of(kept)? == Standing::Verified {
            found = Some(kept);
        }
    }
    Ok(found)
}
