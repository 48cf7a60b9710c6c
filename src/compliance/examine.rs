//! The automatic checks of a submission, in order, and what follows: what a check refuses is rejected with all findings, everything else waits for a
//! person (R-REVIEW). The process that leads does them, from what the docket says is due: so they go on after any end of a process.

mod registered;
mod rooms;

pub use rooms::Rooms;

use super::creative::Record;
use super::finding::{Finding, Weight, heaviest};
use super::office::{By, Office, Refusal, Verdict, body_of, state_of};
use crate::clock::UnixMillis;
use crate::event::{KeptStep, SubjectKind};
use crate::market::demand::CreativeState;

/// After how long a subject that this program cannot read is looked at again, ms: meanwhile the others go on.
const AGAIN_MS: u64 = 300_000;

/// What a look at the creatives that are due came to.
#[derive(Debug, Default)]
pub struct Examined {
    /// How many were looked at.
    pub seen: usize,
    /// Those that wait for a person now.
    pub pending: usize,
    /// Those that were rejected.
    pub rejected: usize,
    /// Those whose display period is over.
    pub expired: usize,
    /// What could not be read, to be told in the log; it is looked at again later.
    pub unread: Vec<Refusal>,
}

/// A check of another room: what it finds in a submission.
pub type Check<'c> = &'c (dyn Fn(&Record, &Office<'_>) -> Result<Vec<Finding>, Refusal> + Sync);

/// Who sees to the files that markup names: has those of a version that is being checked fetched, and looks at those of an approved one again.
/// It tells when the version is looked at again; `None`: nothing of its files is to be waited for.
pub type Files<'f> = &'f dyn Fn(&KeptStep, CreativeState, &Record) -> Option<UnixMillis>;

impl Office<'_> {
    /// All that the checks find in a submission, heaviest first: its registrations here, then each of the rooms' checks.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`]: nothing is known then.
    pub fn examine(&self, record: &Record, checks: &[Check<'_>]) -> Result<Vec<Finding>, Refusal> {
        let registered = self.registered_findings(&record.submission)?;
        let mut findings = registered.clone();
        findings.extend(Self::page_assumed(record));
        for check in checks {
            // What a registration says already is not told twice.
            let known = |found: &Finding| registered.iter().any(|it| it.code == found.code && it.rule == found.rule);
            findings.extend(check(record, self)?.into_iter().filter(|found| !known(found)));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        findings.truncate(MOST_FINDINGS);
        Ok(findings)
    }

    /// Looks at up to `most` creatives that are due: checks those that were submitted, and ends those whose display period is over.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]: what was done before stays done, the rest is due still.
    pub fn tend_creatives(&self, most: u32, checks: &[Check<'_>], files: Files<'_>) -> Result<Examined, Refusal> {
        let mut examined = Examined::default();
        for kept in self.docket.due(SubjectKind::Creative, self.now, most)? {
            examined.seen += 1;
            match self.tend_creative(&kept, (checks, files), &mut examined) {
                Ok(()) => {}
                // Somebody decided in between, or nobody can decide: the others do not wait for it.
                Err(Refusal::Unavailable(error)) => return Err(error.into()),
                Err(Refusal::Taken(_)) => {}
                Err(refusal) => {
                    let later = self.now.plus_ms(AGAIN_MS);
                    self.docket.put_off(&[(kept.step.subject.clone(), Some(later))])?;
                    examined.unread.push(refusal);
                }
            }
        }
        Ok(examined)
    }

    fn tend_creative(
        &self,
        kept: &KeptStep,
        (checks, files): (&[Check<'_>], Files<'_>),
        examined: &mut Examined,
    ) -> Result<(), Refusal> {
        let subject = &kept.step.subject;
        let record: Record = body_of(kept)?;
        let state = state_of(kept)?;
        if record.submission.display_until_ms.is_some_and(|until| until <= self.now.0) {
            let verdict =
                Verdict { to: CreativeState::Expired, reasons: &[], findings: None, files: None, seen: Some(kept.seq) };
            self.decide(subject, &verdict, &By::exchange("its display period is over"))?;
            examined.expired += 1;
            return Ok(());
        }
        let again = files(kept, state, &record);
        if state != CreativeState::Checking {
            let ends = super::review::due(state, &record.submission, self.now);
            let due = again.into_iter().chain(ends).min();
            return Ok(self.docket.put_off(&[(subject.clone(), due)])?);
        }
        if again.is_some() {
            // The others do not wait for its files.
            return Ok(self.docket.put_off(&[(subject.clone(), again)])?);
        }
        let findings = self.examine(&record, checks)?;
        let refused = heaviest(&findings) == Some(Weight::Refuse);
        let (to, reason) = match refused {
            true => (CreativeState::Rejected, "the automatic checks refuse it"),
            false => (CreativeState::PendingReview, "the automatic checks are done"),
        };
        let verdict = Verdict { to, reasons: &[], findings: Some(&findings), files: None, seen: Some(kept.seq) };
        self.decide(subject, &verdict, &By::exchange(reason))?;
        examined.rejected += usize::from(refused);
        examined.pending += usize::from(!refused);
        Ok(())
    }
}

/// The most findings that are kept of a submission.
const MOST_FINDINGS: usize = 200;
