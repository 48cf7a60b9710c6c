//! Spot checks of what was approved (R-REVIEW): each day a share of it is drawn by a seed that nobody knows before, and looked at again by a person.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::office::{By, Moved, Office, Refusal, Verdict, body_of, written};
use crate::clock::ShanghaiDay;
use crate::event::{KeptStep, Owner, Subject, SubjectKind, Taken, Wanted};
use crate::market::demand::CreativeState;
use crate::market::figures::BasisPoints;

/// How many creatives are read at once.
const PAGE: u32 = 1_000;

/// Where a spot check stands. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum SpotState {
    /// The draw of a day itself.
    Drawn = 1,
    /// Waits for a person.
    Open = 2,
    /// It is as it was approved.
    Passed = 3,
    /// It failed, and was taken offline.
    Failed = 4,
}

impl SpotState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Drawn, Self::Open, Self::Passed, Self::Failed];

    /// Its name on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Open => "open",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }

    fn of(kept: &KeptStep) -> Result<Self, Refusal> {
        let why = || format!("state {} is not known", kept.step.state);
        let unknown = || Refusal::Unreadable { subject: kept.step.subject.clone(), why: why() };
        Self::ALL.into_iter().find(|state| *state as u16 == kept.step.state).ok_or_else(unknown)
    }
}

/// A day's draw: whoever knows the seed draws the same again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// The day.
    pub day: ShanghaiDay,
    /// What it follows from.
    pub seed: u64,
    /// How many were approved.
    pub approved: u64,
    /// How many were drawn.
    pub drawn: u32,
}

/// One spot check: the body of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpotCheck {
    /// The day of its draw.
    pub day: ShanghaiDay,
    /// The creative: `ACCOUNT/CRID`.
    pub creative: String,
    /// Its version.
    pub version: u32,
    /// Why it failed, by the codes of the reasons' list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// How many of so many are drawn: the share, rounded up, at most `most`.
fn share_of(approved: u64, share: BasisPoints, most: u32) -> u32 {
    let part = approved.saturating_mul(share.0.into()).div_ceil(BasisPoints::WHOLE.into());
    u32::try_from(part).unwrap_or(u32::MAX).min(most)
}

/// Where a creative stands in a draw: the lowest are drawn.
fn lot(seed: u64, day: ShanghaiDay, subject: &Subject) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(day.0.to_be_bytes());
    hash.update(subject.version.to_be_bytes());
    hash.update(subject.name.as_bytes());
    hash.finalize().into()
}

impl Office<'_> {
    /// Draws the day's spot checks, once a day: `seed` is asked for only then. `None`: they were drawn before.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub fn draw(&self, seed: impl FnOnce() -> u64) -> Result<Option<Draw>, Refusal> {
        let day = self.now.shanghai_day();
        let subject = |number: u32| Subject {
            kind: SubjectKind::SpotCheck,
            name: format!("{}-{number}", day.compact()),
            version: 0,
        };
        if self.docket.standing(&subject(0))?.is_some() {
            return Ok(None);
        }
        let (seed, terms) = (seed(), self.terms().spot_checks);
        let mut lots = BinaryHeap::new();
        let mut approved = 0_u64;
        let wanted = Wanted { state: Some(CreativeState::Approved.code()), owner: None };
        let mut above = 0;
        loop {
            let page = self.docket.list(SubjectKind::Creative, &wanted, above, PAGE)?;
            for kept in &page {
                approved += 1;
                lots.push((lot(seed, day, &kept.step.subject), kept.step.subject.clone()));
                if lots.len() > terms.most as usize {
                    lots.pop();
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE as usize => above = last.seq,
                _ => break,
            }
        }
        let drawn = share_of(approved, terms.share, terms.most);
        let mut lots = lots.into_sorted_vec();
        lots.truncate(drawn as usize);
        let draw = Draw { day, seed, approved, drawn };
        let by = By::exchange("drawn for spot checks");
        let mut steps =
            vec![self.step((subject(0), Owner::Exchange), 0, (SpotState::Drawn as u16, written(&draw)?), &by)];
        // They are the exchange's own: a buyer does not see what is drawn.
        for (number, (_, creative)) in (1..).zip(lots) {
            let check = SpotCheck { day, creative: creative.name, version: creative.version, reasons: Vec::new() };
            let state = (SpotState::Open as u16, written(&check)?);
            steps.push(self.step((subject(number), Owner::Exchange), 0, state, &by));
        }
        match self.docket.take(&steps) {
            Ok(_) => Ok(Some(draw)),
            // Another process drew.
            Err(crate::event::DocketError::Overtaken { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says what a spot check came to. One that failed is taken offline in the same commit, and its buyer is told (R-REVIEW).
    ///
    /// # Errors
    /// [`Refusal::Malformed`] where it failed without a reason of the list, [`Refusal::Taken`] where it was decided otherwise, [`Refusal::Unknown`],
    /// [`Refusal::Unavailable`].
    pub fn decide_spot_check(
        &self,
        number: &str,
        passed: bool,
        reasons: &[String],
        by: &By<'_>,
    ) -> Result<(SpotCheck, Option<Moved>), Refusal> {
        self.knows(reasons, by)?;
        if !passed && reasons.is_empty() {
            return Err(Refusal::Malformed("`reasons` must say why it failed, by codes of the list".to_owned()));
        }
        let subject = Subject { kind: SubjectKind::SpotCheck, name: number.to_owned(), version: 0 };
        self.take(|| self.deciding_spot_check(&subject, passed, reasons, by)).map(|(_, told)| told)
    }

    #[allow(clippy::type_complexity, reason = "what is taken, and what is told of it")]
    fn deciding_spot_check(
        &self,
        subject: &Subject,
        passed: bool,
        reasons: &[String],
        by: &By<'_>,
    ) -> Result<(Vec<Taken>, (SpotCheck, Option<Moved>)), Refusal> {
        let to = if passed { SpotState::Passed } else { SpotState::Failed };
        let kept = self.docket.standing(subject)?.ok_or_else(|| Refusal::Unknown(subject.clone()))?;
        let from = SpotState::of(&kept)?;
        if from == SpotState::Drawn {
            return Err(Refusal::Unknown(subject.clone()));
        }
        let check: SpotCheck = body_of(&kept)?;
        if from == to {
            return Ok((Vec::new(), (check, None)));
        }
        if from != SpotState::Open {
            let why = format!("spot check {} was decided: {}", subject.name, from.label());
            return Err(Refusal::Taken(why));
        }
        let check = SpotCheck { reasons: reasons.to_vec(), ..check };
        let creative = Subject { kind: SubjectKind::Creative, name: check.creative.clone(), version: check.version };
        let (_, state, _) = self.creative(&creative)?;
        let mut steps = Vec::new();
        let mut moved = None;
        if !passed && state == CreativeState::Approved {
            let verdict = Verdict { to: CreativeState::Suspended, reasons, findings: None, files: None, seen: None };
            let (suspension, told) = self.deciding(&creative, &verdict, by)?;
            steps.extend(suspension);
            moved = Some(told);
        }
        let state = (to as u16, written(&check)?);
        steps.push(self.step((subject.clone(), kept.step.owner), kept.seq, state, by));
        Ok((steps, (check, moved)))
    }

    /// At most `limit` spot checks in a state above a place, the oldest first.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn spot_checks(
        &self,
        state: SpotState,
        (above, limit): (u64, u32),
    ) -> Result<Vec<(KeptStep, SpotCheck)>, Refusal> {
        if state == SpotState::Drawn {
            return Ok(Vec::new());
        }
        let wanted = Wanted { state: Some(state as u16), owner: None };
        let kept = self.docket.list(SubjectKind::SpotCheck, &wanted, above, limit)?;
        kept.into_iter().map(|kept| body_of(&kept).map(|check| (kept, check))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_review_a_share_is_rounded_up_and_bounded() {
        let one = BasisPoints(100);
        assert_eq!([0, 1, 100, 101, 9_999].map(|count| share_of(count, one, 50)), [0, 1, 1, 2, 50]);
        assert_eq!(share_of(u64::MAX, BasisPoints(10_000), 7), 7);
        assert_eq!(share_of(10, BasisPoints(0), 7), 0);
    }
}
