//! What an advertiser comes to on a day, by the papers that the docket holds of it and by what the config says: one rule for reviews and for bids
//! (R-QUALIFY, R-SCOPE, R-IDLE; `docs/decisions/0037-advertisers-in-the-market.md`).

use std::collections::BTreeMap;

use super::{Document, NEVER, Registration, Standing, each};
use crate::clock::ShanghaiDay;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::office::{Refusal, body_of};
use crate::event::{Docket, KeptStep, StoreUnavailable, SubjectKind, Wanted};
use crate::market::demand::Advertiser;
use crate::market::policy::content::{ContentTerms, DocumentKind, Name};

/// What people have verified of an advertiser in the docket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Papers {
    /// Its registration that is in force, or the last one that was.
    pub registration: Registration,
    /// Whether one is in force.
    in_force: bool,
    /// Documents that are verified, also those that begin later or have ended since.
    verified: Vec<Document>,
    /// Documents that were in force until a step ended them: over, replaced, refused, taken back.
    ended: Vec<Document>,
}

impl Papers {
    /// Those of the advertiser `ACCOUNT/ADVERTISER`; `None`: nobody has ever verified a registration of it, and the docket says nothing.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn of(docket: &dyn Docket, name: &str) -> Result<Option<Self>, Refusal> {
        let registrations = docket.versions(SubjectKind::Advertiser, name)?;
        let Some(last) = registrations.last() else { return Ok(None) };
        let wanted = Wanted { state: None, owner: Some(last.step.owner) };
        let mut documents = Vec::new();
        each::<StoreUnavailable>(docket, SubjectKind::Document, &wanted, |kept| {
            if owner_of(&kept.step.subject.name) == name {
                documents.push(kept.clone());
            }
            Ok(())
        })?;
        Self::read(docket, &registrations, &documents)
    }

    /// Those of all advertisers of whom the docket says something, by their names, each as it can be read.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub fn all(docket: &dyn Docket) -> Result<BTreeMap<String, Result<Self, Refusal>>, StoreUnavailable> {
        let by_name = |kind, name: fn(&str) -> &str| {
            let mut found = BTreeMap::<String, Vec<KeptStep>>::new();
            each::<StoreUnavailable>(docket, kind, &Wanted::default(), |kept| {
                found.entry(name(&kept.step.subject.name).to_owned()).or_default().push(kept.clone());
                Ok(())
            })?;
            Ok::<_, StoreUnavailable>(found)
        };
        let documents = by_name(SubjectKind::Document, owner_of)?;
        let mut all = BTreeMap::new();
        for (name, mut registrations) in by_name(SubjectKind::Advertiser, |name| name)? {
            registrations.sort_by_key(|kept| kept.step.subject.version);
            let own = documents.get(&name).map_or(&[][..], Vec::as_slice);
            match Self::read(docket, &registrations, own) {
                Ok(None) => {}
                Err(Refusal::Unavailable(error)) => return Err(error),
                Ok(Some(papers)) => drop(all.insert(name, Ok(papers))),
                Err(refusal) => drop(all.insert(name, Err(refusal))),
            }
        }
        Ok(all)
    }

    /// Whether a registration was in force and none is any more. Read from the states alone: what is taken back is so though nobody can read it.
    ///
    /// # Errors
    /// See [`Papers::of`].
    pub fn are_taken_back(docket: &dyn Docket, name: &str) -> Result<bool, Refusal> {
        let registrations = docket.versions(SubjectKind::Advertiser, name)?;
        Ok(standing(docket, &registrations)?.is_some_and(|(_, in_force)| !in_force))
    }

    /// From all versions of the registration, the oldest first, and of its documents.
    fn read(docket: &dyn Docket, registrations: &[KeptStep], documents: &[KeptStep]) -> Result<Option<Self>, Refusal> {
        let Some((kept, in_force)) = standing(docket, registrations)? else { return Ok(None) };
        let mut papers = Self { registration: body_of(kept)?, in_force, verified: Vec::new(), ended: Vec::new() };
        for kept in documents {
            let Some(in_force) = was_in_force(docket, kept)? else { continue };
            let document: Document = body_of(kept)?;
            if in_force {
                papers.verified.push(document);
            } else if document.valid_from <= kept.step.at.shanghai_day() {
                papers.ended.push(document);
            }
        }
        Ok(Some(papers))
    }

    #[cfg(test)]
    pub(super) const fn verified(registration: Registration, verified: Vec<Document>) -> Self {
        Self { registration, in_force: true, verified, ended: Vec::new() }
    }

    /// What they come to; `vouched`: the day until which the config says that all is in order.
    fn come_to(
        &self,
        terms: &ContentTerms,
        vouched: Option<ShanghaiDay>,
        day: ShanghaiDay,
        place: &str,
    ) -> Qualification {
        let mut findings = Vec::new();
        let mut until = NEVER;
        let mut need = |any: &[String], of: &Name| match self.covered(any, vouched, day) {
            Some(last) => until = until.min(last),
            None => findings.push(self.lacking(terms, any, (of, day), place)),
        };
        let contracts: Vec<_> =
            terms.documents.iter().filter(|kind| kind.contract).map(|kind| kind.id.clone()).collect();
        if !contracts.is_empty() {
            need(&contracts, &Name { zh: "所有客户".to_owned(), en: "every client".to_owned() });
        }
        let Registration { category, industries, .. } = &self.registration;
        let of: Vec<_> = terms.industries_of(category, industries).collect();
        of.iter().for_each(|industry| industry.needs.iter().for_each(|any| need(any, &industry.name)));
        for industry in of.iter().filter(|industry| industry.excluded) {
            let Name { zh, en } = &industry.name;
            let words = (format!("nothing of {en} runs here"), format!("不承接“{zh}”行业的广告"));
            let found = (place, industry.id.as_str());
            findings.push(Finding::new("R-SCOPE", "excluded-industry", Weight::Refuse, found, words));
        }
        Qualification { until: findings.is_empty().then_some(until), findings }
    }

    /// The last day from `day` on without a break on which a document of these kinds is valid. Until the first of them has begun, the config's word
    /// stands for it; from then on they alone count, also once they are over.
    pub(super) fn covered(
        &self,
        any: &[String],
        vouched: Option<ShanghaiDay>,
        day: ShanghaiDay,
    ) -> Option<ShanghaiDay> {
        let of = |it: &&Document| any.contains(&it.kind);
        let begun = self.verified.iter().chain(&self.ended).filter(of).any(|it| it.valid_from <= day);
        let mut vouched = vouched.filter(|_| !begun);
        let mut valid: Vec<_> = self.verified.iter().filter(of).filter(|it| it.last_day() >= day).collect();
        valid.sort_by_key(|it| it.valid_from);
        let mut until = vouched;
        for document in valid {
            // The first begins by the day; each later one no later than the day after the last one's end.
            if document.valid_from <= until.map_or(day, |until| until.plus_days(1)) {
                until = until.filter(|_| vouched.take().is_none()).max(Some(document.last_day()));
            }
        }
        until
    }

    fn lacking(&self, terms: &ContentTerms, any: &[String], (of, day): (&Name, ShanghaiDay), place: &str) -> Finding {
        let kinds: Vec<&DocumentKind> = any.iter().filter_map(|id| terms.document(id)).collect();
        let join = |name: fn(&DocumentKind) -> &str, or: &str| {
            let names: Vec<_> = kinds.iter().map(|kind| name(kind)).collect();
            names.join(or)
        };
        let (en, zh) = (join(|kind| &kind.name.en, " or "), join(|kind| &kind.name.zh, "或"));
        let over = self.ended.iter().filter(|it| it.last_day() < day);
        let known = self.verified.iter().chain(over).filter(|it| any.contains(&it.kind));
        let rule = if kinds.iter().any(|kind| kind.contract) { "R-SCOPE" } else { "R-QUALIFY" };
        match known.max_by_key(|it| it.last_day()) {
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
}

/// The registration that stands, and whether it is in force: the newest that is, or else the newest that was.
fn standing<'k>(docket: &dyn Docket, registrations: &'k [KeptStep]) -> Result<Option<(&'k KeptStep, bool)>, Refusal> {
    let mut found = None;
    for kept in registrations {
        match (was_in_force(docket, kept)?, found) {
            (Some(true), _) => found = Some((kept, true)),
            (Some(false), None | Some((_, false))) => found = Some((kept, false)),
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a registration is in force (`true`) or was so before its last step; `None`: nobody has ever verified it.
fn was_in_force(docket: &dyn Docket, kept: &KeptStep) -> Result<Option<bool>, Refusal> {
    Ok(match Standing::of(kept)? {
        Standing::Pending => None,
        Standing::Verified => Some(true),
        Standing::Expired => Some(false),
        Standing::Refused | Standing::Withdrawn => {
            let before = docket.history(&kept.step.subject, kept.seq, 1)?;
            let verified = before.first().map(Standing::of).transpose()? == Some(Standing::Verified);
            verified.then_some(false)
        }
    })
}

/// The advertiser of a document's name, `ACCOUNT/ADVERTISER/NUMBER`.
#[must_use]
pub fn owner_of(document: &str) -> &str {
    document.rsplit_once('/').map_or(document, |(owner, _)| owner)
}

/// What an advertiser comes to on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualification {
    /// The last day without a break on which all that is needed is valid; `None`: something is not on the day itself.
    pub until: Option<ShanghaiDay>,
    /// What is missing or expired on the day, or excludes it.
    pub findings: Vec<Finding>,
}

impl Qualification {
    /// Judges an advertiser as of a day (R-QUALIFY, R-SCOPE) by its papers in the docket and by what the config says of it. `name` is its
    /// `ACCOUNT/ADVERTISER`.
    ///
    /// Where the docket says nothing, the config's day counts. Once a registration of it was verified, the docket decides: nothing is released when
    /// none is in force any more; and the config's day stands only for those documents of which none has begun yet.
    #[must_use]
    pub fn of(
        papers: Option<&Papers>,
        configured: Option<&Advertiser>,
        terms: &ContentTerms,
        day: ShanghaiDay,
        name: &str,
    ) -> Self {
        let vouched = configured.and_then(|it| it.qualified_until).filter(|until| *until >= day);
        let place = format!("advertiser {name}");
        let refused = |words: (&str, &str)| Self {
            until: None,
            findings: vec![Finding::new("R-QUALIFY", "not-verified", Weight::Refuse, (place.as_str(), name), words)],
        };
        match (papers, vouched) {
            (Some(papers), _) if papers.in_force => papers.come_to(terms, vouched, day, &place),
            (Some(_), _) => refused((
                "its registration was taken back or refused: register it again",
                "登记信息已撤回或被拒绝，请重新登记",
            )),
            (None, Some(until)) => Self { until: Some(until), findings: Vec::new() },
            (None, None) => refused(("is not registered, or nobody has verified it", "未登记，或登记信息尚未核验")),
        }
    }
}

#[cfg(test)]
mod tests;
