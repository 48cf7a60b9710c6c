//! What a document's days bring about by themselves: it comes into force, its end is told beforehand, it expires (R-QUALIFY).

use super::{Document, Standing};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::compliance::office::{By, Message, Office, Refusal, body_of};
use crate::event::{KeptStep, SubjectKind};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Documents that were looked at.
    pub seen: usize,
    /// Documents that expired.
    pub expired: usize,
    /// Notices to buyers.
    pub told: usize,
    /// What could not be read, to be told in the log; it is looked at again later.
    pub unread: Vec<Refusal>,
}

impl Document {
    /// When a verified document must be looked at next: when it comes into force, at a notice, or at the midnight that ends it.
    pub(super) fn next_look(&self, now: UnixMillis, notice_days: &[u32]) -> Option<UnixMillis> {
        let begins = Some(self.valid_from.starts_at());
        let end = self.valid_until.map(|until| until.next().starts_at());
        let before = |days: &u32| self.valid_until.map(|until| notice_day(until, *days).starts_at());
        let looks = begins.into_iter().chain(end).chain(notice_days.iter().filter_map(before));
        looks.filter(|at| *at > now).min()
    }
}

/// The day so many days before another.
fn notice_day(until: ShanghaiDay, days: u32) -> ShanghaiDay {
    ShanghaiDay(until.0.saturating_sub(days))
}

impl Office<'_> {
    /// Looks at up to `most` documents that are due: those whose last day is over expire, with a step; of those that end soon their buyers are told,
    /// once for each of the days in the terms. Called again and again by the process that leads; what was done is not done twice.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]: what was done before stays done.
    pub fn tend_documents(&self, most: u32) -> Result<Tended, Refusal> {
        let mut tended = Tended::default();
        for kept in self.docket.due(SubjectKind::Document, self.now, most)? {
            tended.seen += 1;
            match self.tend_document(&kept, &mut tended) {
                Ok(()) => {}
                Err(Refusal::Unavailable(error)) => return Err(error.into()),
                // Somebody decided in between.
                Err(Refusal::Taken(_)) => {}
                // The others do not wait for it.
                Err(refusal) => {
                    let later = self.now.plus_ms(AGAIN_MS);
                    self.docket.put_off(&[(kept.step.subject.clone(), Some(later))])?;
                    tended.unread.push(refusal);
                }
            }
        }
        Ok(tended)
    }

    fn tend_document(&self, kept: &KeptStep, tended: &mut Tended) -> Result<(), Refusal> {
        let subject = &kept.step.subject;
        if Standing::of(kept)? != Standing::Verified {
            return Ok(self.docket.put_off(&[(subject.clone(), None)])?);
        }
        let document: Document = body_of(kept)?;
        let today = self.now.shanghai_day();
        let Some(until) = document.valid_until.filter(|until| *until < today.plus_days(LONGEST_NOTICE)) else {
            return self.comes_into_force(kept, &document);
        };
        if until < today {
            let reason = format!("valid until {until}");
            let by = By::exchange(&reason);
            let (_, changed) = self.judge_registration(subject, Standing::Expired, Some(kept.seq), &by)?;
            tended.expired += usize::from(changed);
            return Ok(());
        }
        // Several notices that were missed are one: that of the fewest days.
        let days = self.terms().expiry_notice_days.iter().filter(|days| notice_day(until, **days) <= today).min();
        if let Some(days) = days {
            let key = format!("document/{}/{}/before-{days}", subject.name, subject.version);
            let left = until.0 - today.0;
            let message = Message {
                rule: "R-QUALIFY".to_owned(),
                about: format!("document {} version {}", subject.name, subject.version),
                en: format!(
                    "document {} ends on {until}, in {left} days: without a valid one nothing of the advertiser is released from the day after",
                    subject.name
                ),
                zh: format!(
                    "证明文件 {} 将于 {until} 到期（剩余 {left} 天）：逾期未更新，自次日零时起该广告主的广告将停止投放",
                    subject.name
                ),
            };
            self.tell(kept.step.owner, &key, &message, &By::exchange("a document ends soon"))?;
            tended.told += 1;
        }
        self.comes_into_force(kept, &document)
    }

    /// Puts the next look off; on the day from which a document is valid that is a step, and what it renews ends
    /// with it.
    fn comes_into_force(&self, kept: &KeptStep, document: &Document) -> Result<(), Refusal> {
        let next = document.next_look(self.now, &self.terms().expiry_notice_days);
        let begins = document.valid_from.starts_at();
        if begins <= kept.step.at || begins > self.now {
            return Ok(self.docket.put_off(&[(kept.step.subject.clone(), next)])?);
        }
        let judge = || {
            let by = By::exchange("valid from today");
            let versions = self.docket.versions(SubjectKind::Document, &kept.step.subject.name)?;
            let mut steps = self.superseding(&kept.step.subject, &versions, by.actor);
            let (of, state) = ((kept.step.subject.clone(), kept.step.owner), (kept.step.state, kept.step.body.clone()));
            let mut taken = self.step(of, kept.seq, state, &by);
            taken.step.due = next;
            steps.push(taken);
            Ok((steps, ()))
        };
        self.take(judge).map(|_| ())
    }
}

/// After how long a document that this program cannot read is looked at again, ms.
const AGAIN_MS: u64 = 300_000;
/// Longer than any notice, days.
const LONGEST_NOTICE: u32 = 366;
