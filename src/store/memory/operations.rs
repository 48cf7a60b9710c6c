//! What operators did, kept as long as the process lives.

use std::collections::BTreeMap;

use super::MemoryStore;
use crate::clock::UnixMillis;
use crate::event::{Audit, Generation, Operations, REMEMBERED_MS, Remembered, StoreUnavailable, Suspension};
use crate::ids::IdKind;
use crate::store::bounds::{MOST_ANSWERS, kept};

/// Oldest first, but for the map of answers.
#[derive(Debug, Default)]
pub(super) struct Log {
    generations: Vec<Generation>,
    sources: BTreeMap<[u8; 32], Vec<u8>>,
    suspensions: BTreeMap<(IdKind, u32), Suspension>,
    audits: Vec<Audit>,
    answers: Vec<(String, Remembered)>,
}

impl Log {
    pub(super) fn note(&mut self, audit: &Audit) {
        self.audits.push(Audit { seq: self.audits.len() as u64 + 1, ..audit.clone() });
    }

    /// Lets go what is beyond the bounds.
    fn prune(&mut self) {
        let newest_first: Vec<_> = self.generations.iter().rev().map(|it| (it.digest, it.size)).collect();
        let (generations, with_sources) = kept(&newest_first);
        self.generations.drain(..self.generations.len() - generations);
        let without = self.generations.len() - with_sources;
        self.generations.iter_mut().take(without).for_each(|it| it.size = 0);
        let named = |digest: &[u8; 32]| self.generations.iter().any(|it| it.size > 0 && it.digest == *digest);
        let orphans: Vec<_> = self.sources.keys().filter(|digest| !named(digest)).copied().collect();
        orphans.iter().for_each(|digest| drop(self.sources.remove(digest)));
    }
}

impl Operations for MemoryStore {
    fn publish(&self, generation: &Generation, sources: &[u8], audit: &Audit) -> Result<(), StoreUnavailable> {
        let mut log = self.log();
        if log.generations.iter().any(|it| it.number >= generation.number) {
            return Err(StoreUnavailable(format!("generation {} was given before", generation.number)));
        }
        let size = log.sources.entry(generation.digest).or_insert_with(|| sources.to_vec()).len() as u64;
        log.generations.push(Generation { size, ..generation.clone() });
        log.note(audit);
        log.prune();
        Ok(())
    }

    fn unpin(&self, number: u64, audit: &Audit) -> Result<(), StoreUnavailable> {
        let mut log = self.log();
        log.generations.iter_mut().filter(|it| it.number == number).for_each(|it| it.pinned = false);
        log.note(audit);
        Ok(())
    }

    fn generations(&self, below: u64, limit: usize) -> Result<Vec<Generation>, StoreUnavailable> {
        let log = self.log();
        Ok(log.generations.iter().rev().filter(|it| it.number < below).take(limit).cloned().collect())
    }

    fn sources(&self, number: u64) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        let log = self.log();
        let found = log.generations.iter().find(|it| it.number == number && it.size > 0);
        Ok(found.and_then(|it| log.sources.get(&it.digest)).cloned())
    }

    fn switch(&self, suspension: &Suspension, audit: &Audit) -> Result<(), StoreUnavailable> {
        let mut log = self.log();
        log.suspensions.insert((suspension.kind, suspension.number), suspension.clone());
        log.note(audit);
        Ok(())
    }

    fn suspensions(&self) -> Result<Vec<Suspension>, StoreUnavailable> {
        Ok(self.log().suspensions.values().filter(|it| it.suspended).cloned().collect())
    }

    fn audits(&self, below: u64, limit: usize) -> Result<Vec<Audit>, StoreUnavailable> {
        Ok(self.log().audits.iter().rev().filter(|it| it.seq < below).take(limit).cloned().collect())
    }

    fn remember(&self, key: &str, answer: &Remembered) -> Result<(), StoreUnavailable> {
        let answers = &mut self.log().answers;
        answers.retain(|(_, it)| it.at.0 + REMEMBERED_MS > answer.at.0);
        if !answers.iter().any(|(known, _)| known == key) {
            answers.push((key.to_owned(), answer.clone()));
        }
        let beyond = answers.len().saturating_sub(MOST_ANSWERS);
        answers.drain(..beyond);
        Ok(())
    }

    fn recall(&self, key: &str, now: UnixMillis) -> Result<Option<Remembered>, StoreUnavailable> {
        let log = self.log();
        let found = log.answers.iter().find(|(known, it)| known == key && it.at.0 + REMEMBERED_MS > now.0);
        Ok(found.map(|(_, it)| it.clone()))
    }
}
