//! Advertisers and their documents (R-QUALIFY, R-SCOPE, R-IDLE): who registered what, what a person has verified, and until when that is enough.
//!
//! An advertiser, a document and an app are registered in versions. The newest that is verified is in force; a change is another version, and the
//! one before it stays in force until the new one is verified.

mod app;
mod calendar;
mod desk;
#[cfg(test)]
mod tests;

pub use app::App;
pub use calendar::Tended;
pub use desk::Registered;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Weight};
use super::office::{Office, Refusal, body_of};
use crate::clock::ShanghaiDay;
use crate::event::{KeptStep, Owner, SubjectKind, Wanted};
use crate::market::policy::content::{ContentTerms, DocumentKind, Name};

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

/// What an advertiser's documents come to on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualification {
    /// The last day without a break on which all that is needed is valid; `None`: something is not on the day itself.
    pub until: Option<ShanghaiDay>,
    /// What is missing or expired on the day, or excludes it.
    pub findings: Vec<Finding>,
}

impl Qualification {
    /// Judges an advertiser's verified documents as of a day (R-QUALIFY, R-SCOPE). `place` is told as where the findings are.
    #[must_use]
    pub fn of(
        terms: &ContentTerms,
        (category, industries): (&str, &[String]),
        verified: &[Document],
        day: ShanghaiDay,
        place: &str,
    ) -> Self {
        let mut findings = Vec::new();
        let mut until = NEVER;
        let mut need = |any: &[String], of: &Name| match covered(any, verified, day) {
            Some(last) => until = until.min(last),
            None => findings.push(lacking(terms, any, (verified, of), place)),
        };
        let contracts: Vec<_> =
            terms.documents.iter().filter(|kind| kind.contract).map(|kind| kind.id.clone()).collect();
        if !contracts.is_empty() {
            need(&contracts, &Name { zh: "所有客户".to_owned(), en: "every client".to_owned() });
        }
        let of: Vec<_> = terms.industries_of(category, industries).collect();
        of.iter().for_each(|industry| industry.needs.iter().for_each(|any| need(any, &industry.name)));
        for industry in of.iter().filter(|industry| industry.excluded) {
            let Name { zh, en } = &industry.name;
            let words = (format!("nothing of {en} runs here"), format!("不承接“{zh}”行业的广告"));
            let found = (place, industry.id.as_str());
            findings.push(Finding::new("R-SCOPE", "excluded-industry", Weight::Refuse, found, words));
        }
        Self { until: findings.is_empty().then_some(until), findings }
    }
}

/// The last day from `day` on without a break on which a document of these kinds is valid.
fn covered(any: &[String], verified: &[Document], day: ShanghaiDay) -> Option<ShanghaiDay> {
    let mut valid: Vec<_> = verified.iter().filter(|it| any.contains(&it.kind) && it.last_day() >= day).collect();
    valid.sort_by_key(|it| it.valid_from);
    let mut until = None;
    for document in valid {
        // The first begins by the day; each later one no later than the day after the last one's end.
        if document.valid_from <= until.map_or(day, |until: ShanghaiDay| until.plus_days(1)) {
            until = until.max(Some(document.last_day()));
        }
    }
    until
}

fn lacking(terms: &ContentTerms, any: &[String], (verified, of): (&[Document], &Name), place: &str) -> Finding {
    let kinds: Vec<&DocumentKind> = any.iter().filter_map(|id| terms.document(id)).collect();
    let join = |name: fn(&DocumentKind) -> &str, or: &str| {
        let names: Vec<_> = kinds.iter().map(|kind| name(kind)).collect();
        names.join(or)
    };
    let (en, zh) = (join(|kind| &kind.name.en, " or "), join(|kind| &kind.name.zh, "或"));
    let last = verified.iter().filter(|it| any.contains(&it.kind)).max_by_key(|it| it.last_day());
    let rule = if kinds.iter().any(|kind| kind.contract) { "R-SCOPE" } else { "R-QUALIFY" };
    match last {
        Some(last) => {
            let (from, until) = (last.valid_from, last.last_day());
            let words = (
                format!("{en} {} is valid from {from} to {until} only: {} needs a valid one", last.number, of.en),
                format!("{zh} {} 的有效期为 {from} 至 {until}，“{}”需要有效的证明文件", last.number, of.zh),
            );
            Finding::new(rule, "document-expired", Weight::Refuse, (place, &last.number), words)
        }
        None => {
            let words = (
                format!("there is no verified {en}, which {} needs", of.en),
                format!("缺少已核验的{zh}（“{}”须提供）", of.zh),
            );
            Finding::new(rule, "document-missing", Weight::Refuse, (place, any.join(" | ").as_str()), words)
        }
    }
}

/// An advertiser of the docket as the market takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualified {
    /// As it is registered and verified.
    pub registration: Registration,
    /// The last day on which its documents are valid; `None`: nothing of it is released.
    pub until: Option<ShanghaiDay>,
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
        self.each(SubjectKind::Document, &wanted, |kept| {
            if kept.step.subject.name.starts_with(&of) {
                found.push(body_of(kept)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// What an advertiser's documents come to today. One that only the config knows is qualified as long as that says.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn qualification(&self, account: &str, advertiser: &str) -> Result<Qualification, Refusal> {
        let today = self.now.shanghai_day();
        let buyer = self.buyer(account)?;
        let configured = self.market.advertisers.iter().find(|it| it.buyer == buyer && it.wire == advertiser);
        let configured = configured.map(|it| it.qualified_until).filter(|until| *until >= today);
        let place = format!("advertiser {account}/{advertiser}");
        let own = match self.registered(account, advertiser)? {
            Some(it) => {
                let documents = self.documents(account, advertiser)?;
                Qualification::of(self.terms(), (&it.category, &it.industries), &documents, today, &place)
            }
            None => {
                let words = ("is not registered, or nobody has verified it", "未登记，或登记信息尚未核验");
                let finding = Finding::new("R-QUALIFY", "not-verified", Weight::Refuse, (place, advertiser), words);
                Qualification { until: None, findings: vec![finding] }
            }
        };
        let excluded = own.findings.iter().any(|finding| finding.code == "excluded-industry");
        Ok(match configured {
            Some(until) if !excluded => Qualification { until: own.until.max(Some(until)), findings: Vec::new() },
            _ => own,
        })
    }

    /// Every advertiser of the docket that is verified, with the last day of its documents: what is laid over the market. In the order of their
    /// names.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn qualified(&self) -> Result<Vec<Qualified>, Refusal> {
        let wanted = Wanted { state: Some(Standing::Verified.code()), owner: None };
        let mut documents = std::collections::BTreeMap::<(String, String), Vec<Document>>::new();
        self.each(SubjectKind::Document, &wanted, |kept| {
            let document: Document = body_of(kept)?;
            documents.entry((document.account.clone(), document.advertiser.clone())).or_default().push(document);
            Ok(())
        })?;
        let mut advertisers = std::collections::BTreeMap::<String, (u32, Registration)>::new();
        self.each(SubjectKind::Advertiser, &wanted, |kept| {
            let subject = &kept.step.subject;
            let older = advertisers.get(&subject.name).is_none_or(|(version, _)| *version < subject.version);
            if older {
                advertisers.insert(subject.name.clone(), (subject.version, body_of(kept)?));
            }
            Ok(())
        })?;
        let today = self.now.shanghai_day();
        let judged = advertisers.into_values().map(|(_, it)| {
            let own = documents.get(&(it.account.clone(), it.advertiser.clone())).map_or(&[][..], Vec::as_slice);
            let until = Qualification::of(self.terms(), (&it.category, &it.industries), own, today, "").until;
            Qualified { registration: it, until }
        });
        Ok(judged.collect())
    }

    /// Each subject that is wanted, page by page.
    fn each(
        &self,
        kind: SubjectKind,
        wanted: &Wanted,
        mut see: impl FnMut(&KeptStep) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut above = 0;
        loop {
            let page = self.docket.list(kind, wanted, above, PAGE)?;
            page.iter().try_for_each(&mut see)?;
            match page.last() {
                Some(last) if page.len() == PAGE as usize => above = last.seq,
                _ => return Ok(()),
            }
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
