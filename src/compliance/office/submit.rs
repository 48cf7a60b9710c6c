//! Drafts and submissions, single and in batches (R-REVIEW, R-OWN).

use super::{By, Office, Refusal, body_of, state_of, written};
use crate::compliance::creative::{Origin, Record, Submission};
use crate::compliance::review;
use crate::event::{KeptStep, Owner, Subject, SubjectKind, Taken, Wanted};
use crate::market::demand::CreativeState;

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The version.
    pub subject: Subject,
    /// Whether it was submitted now, or stood so already.
    pub became: Became,
    /// Where it stands.
    pub state: CreativeState,
}

/// Whether a submission changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is new.
    Submitted,
    /// The same was submitted before.
    Known,
}

impl Office<'_> {
    /// Submits a version of a creative: its checks begin. The same version again with the same content is the same submission.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for its form, [`Refusal::Rule`] where a rule is against it, [`Refusal::Taken`] where the version was submitted with
    /// other content or is not the next one, [`Refusal::Unavailable`].
    pub fn submit(&self, submission: &Submission, origin: Origin, by: &By<'_>) -> Result<Receipt, Refusal> {
        self.enter(submission, (CreativeState::Checking, origin), by)
    }

    /// Keeps a version as a draft: it is not checked, and may be written again until it is submitted.
    ///
    /// # Errors
    /// See [`Office::submit`].
    pub fn draft(&self, submission: &Submission, by: &By<'_>) -> Result<Receipt, Refusal> {
        self.enter(submission, (CreativeState::Draft, Origin::Submitted), by)
    }

    /// Submits a batch, each for itself: one that is refused holds up no other. The answers are in the order of the batch.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when it is empty or longer than the terms allow. Nothing was submitted then.
    pub fn submit_all(
        &self,
        batch: &[Submission],
        origin: Origin,
        by: &By<'_>,
    ) -> Result<Vec<Result<Receipt, Refusal>>, Refusal> {
        let most = self.terms().limits.batch;
        if batch.is_empty() || batch.len() > most as usize {
            return Err(Refusal::Malformed(format!("a batch has 1 to {most} creatives, not {}", batch.len())));
        }
        Ok(batch.iter().map(|submission| self.submit(submission, origin, by)).collect())
    }

    fn enter(
        &self,
        submission: &Submission,
        (to, origin): (CreativeState, Origin),
        by: &By<'_>,
    ) -> Result<Receipt, Refusal> {
        submission.judge(&self.terms().limits, self.now)?;
        let owner = Owner::Buyer(self.buyer(&submission.account)?);
        self.owns(submission)?;
        let judge = || self.entering(submission, (to, origin), owner, by);
        self.take(judge).map(|(_, receipt)| receipt)
    }

    fn entering(
        &self,
        submission: &Submission,
        (to, origin): (CreativeState, Origin),
        owner: Owner,
        by: &By<'_>,
    ) -> Result<(Vec<Taken>, Receipt), Refusal> {
        let subject = submission.subject();
        let receipt = |became, state| Receipt { subject: subject.clone(), became, state };
        let versions = self.docket.versions(SubjectKind::Creative, &subject.name)?;
        let before = versions.iter().find(|kept| kept.step.subject == subject);
        let from = before.map(state_of).transpose()?;
        if let (Some(kept), Some(state)) = (before, from) {
            let same = body_of::<Record>(kept)?.submission == *submission;
            if same && (state == to || state != CreativeState::Draft) {
                return Ok((Vec::new(), receipt(Became::Known, state)));
            }
            if state != CreativeState::Draft {
                let (name, version) = (&subject.name, subject.version);
                let why = "was submitted with other content; a version never changes: submit the next one (R-REVIEW)";
                return Err(Refusal::Taken(format!("{name} version {version} {why}")));
            }
        } else {
            self.is_next(&versions, submission.version)?;
        }
        if to == CreativeState::Checking {
            self.has_room(owner)?;
        }
        let record = Record {
            submission: submission.clone(),
            origin,
            findings: Vec::new(),
            reasons: Vec::new(),
            named: Vec::new(),
        };
        let body = written(&record)?;
        let mut taken = self.step((subject.clone(), owner), before.map_or(0, |kept| kept.seq), (to.code(), body), by);
        taken.step.due = review::due(to, submission, self.now);
        Ok((vec![taken], receipt(Became::Submitted, to)))
    }

    /// R-REVIEW: a buyer that submits faster than people read waits for them, and holds up nobody else.
    fn has_room(&self, owner: Owner) -> Result<(), Refusal> {
        let most = self.terms().limits.waiting;
        let mut waiting = 0;
        for state in [CreativeState::Checking, CreativeState::PendingReview] {
            let wanted = Wanted { state: Some(state.code()), owner: Some(owner) };
            waiting += self.docket.count(SubjectKind::Creative, &wanted, most)?;
        }
        if waiting < most {
            return Ok(());
        }
        let en = format!(
            "{waiting} versions of your creatives wait for review, at most {most} may: withdraw some, or submit when some are decided"
        );
        let zh =
            format!("已有 {waiting} 个创意版本等待审核，上限为 {most} 个：请撤回部分创意，或待部分审核完成后再提交");
        Err(Refusal::TooMany { rule: "R-REVIEW", en, zh })
    }

    /// A new version comes right after the last one, and there are not too many.
    fn is_next(&self, versions: &[KeptStep], version: u32) -> Result<(), Refusal> {
        let next = versions.last().map_or(0, |kept| kept.step.subject.version) + 1;
        if version != next {
            return Err(Refusal::Taken(format!("`version`: the next version is {next}, not {version} (R-REVIEW)")));
        }
        let most = self.terms().limits.versions;
        if version > most {
            return Err(Refusal::Taken(format!(
                "`version`: at most {most} of a creative are kept; take another `crid`"
            )));
        }
        Ok(())
    }

    /// R-OWN: a buyer shows only what its own registered advertisers advertise.
    fn owns(&self, submission: &Submission) -> Result<(), Refusal> {
        let (account, id) = (&submission.account, &submission.advertiser);
        let buyer = self.buyer(account)?;
        let configured = self.market.configured_advertiser(buyer, id).is_some();
        let name = format!("{account}/{id}");
        let registered = || self.docket.versions(SubjectKind::Advertiser, &name);
        if configured || !registered()?.is_empty() {
            return Ok(());
        }
        let en = format!("`advertiser`: {id:?} is not registered for buyer {account}: register it first");
        Err(Refusal::rule("R-OWN", (en, format!("广告主“{id}”未在客户 {account} 名下登记，请先登记"))))
    }
}
