//! What is reviewed, kept as long as the process lives.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::clock::UnixMillis;
use crate::event::{
    Docket, DocketError, KeptStep, LARGEST_BLOB, StoreUnavailable, Subject, SubjectKind, Taken, Wanted,
};
use crate::store::refuse_twice;

/// What is reviewed, for simulation and tests.
#[derive(Debug, Default)]
pub struct MemoryDocket(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    steps: Vec<KeptStep>,
    /// Each subject's last step, with the present `due`.
    standing: BTreeMap<Subject, KeptStep>,
    documents: BTreeMap<[u8; 32], Vec<u8>>,
}

impl MemoryDocket {
    /// Every change is made at once, so that a holder that panicked left it whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subjects that are wanted, by `order`.
    fn find<K: Ord>(
        &self,
        limit: u32,
        wanted: impl Fn(&KeptStep) -> bool,
        order: impl Fn(&KeptStep) -> K,
    ) -> Vec<KeptStep> {
        let mut found: Vec<_> = self.kept().standing.values().filter(|kept| wanted(kept)).cloned().collect();
        found.sort_by_key(|kept| order(kept));
        found.truncate(limit as usize);
        found
    }
}

impl Docket for MemoryDocket {
    fn take(&self, steps: &[Taken]) -> Result<Vec<u64>, DocketError> {
        refuse_twice(steps)?;
        let mut kept = self.kept();
        for taken in steps {
            let subject = &taken.step.subject;
            let last = kept.standing.get(subject).map_or(0, |it| it.seq);
            if last != taken.after {
                return Err(DocketError::Overtaken { subject: subject.clone(), last });
            }
        }
        let take = |taken: &Taken| {
            let seq = kept.steps.len() as u64 + 1;
            let step = KeptStep { seq, before: taken.after, step: taken.step.clone() };
            kept.standing.insert(taken.step.subject.clone(), step.clone());
            kept.steps.push(step);
            seq
        };
        Ok(steps.iter().map(take).collect())
    }

    fn put_off(&self, due: &[(Subject, Option<UnixMillis>)]) -> Result<(), StoreUnavailable> {
        let mut kept = self.kept();
        for (subject, due) in due {
            if let Some(standing) = kept.standing.get_mut(subject) {
                standing.step.due = *due;
            }
        }
        Ok(())
    }

    fn standing(&self, subject: &Subject) -> Result<Option<KeptStep>, StoreUnavailable> {
        Ok(self.kept().standing.get(subject).cloned())
    }

    fn versions(&self, kind: SubjectKind, name: &str) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let of = |kept: &KeptStep| kept.step.subject.kind == kind && kept.step.subject.name == name;
        Ok(self.find(u32::MAX, of, |kept| kept.step.subject.version))
    }

    fn history(&self, subject: &Subject, below: u64, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let kept = self.kept();
        let of = kept.steps.iter().rev().filter(|it| it.step.subject == *subject && it.seq < below);
        Ok(of.take(limit as usize).cloned().collect())
    }

    fn list(
        &self,
        kind: SubjectKind,
        wanted: &Wanted,
        above: u64,
        limit: u32,
    ) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let is_wanted = |kept: &KeptStep| {
            kept.step.subject.kind == kind
                && kept.seq > above
                && wanted.state.is_none_or(|state| kept.step.state == state)
                && wanted.owner.is_none_or(|owner| kept.step.owner == owner)
        };
        Ok(self.find(limit, is_wanted, |kept| kept.seq))
    }

    fn count(&self, kind: SubjectKind, wanted: &Wanted, most: u32) -> Result<u32, StoreUnavailable> {
        let found = self.list(kind, wanted, 0, most)?.len();
        Ok(u32::try_from(found).unwrap_or(u32::MAX))
    }

    fn due(&self, kind: SubjectKind, by: UnixMillis, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let is_due = |kept: &KeptStep| kept.step.subject.kind == kind && kept.step.due.is_some_and(|due| due <= by);
        Ok(self.find(limit, is_due, |kept| (kept.step.due, kept.seq)))
    }

    fn steps(&self, above: u64, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let kept = self.kept();
        Ok(kept.steps.iter().filter(|it| it.seq > above).take(limit as usize).cloned().collect())
    }

    fn last_step(&self) -> Result<u64, StoreUnavailable> {
        Ok(self.kept().steps.len() as u64)
    }

    fn keep(&self, bytes: &[u8], _at: UnixMillis) -> Result<[u8; 32], DocketError> {
        if bytes.len() > LARGEST_BLOB {
            return Err(DocketError::TooLarge(bytes.len()));
        }
        let digest = Sha256::digest(bytes).into();
        self.kept().documents.entry(digest).or_insert_with(|| bytes.to_vec());
        Ok(digest)
    }

    fn document(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        Ok(self.kept().documents.get(digest).cloned())
    }
}
