//! A store of what operators did that can be told to fail.

use std::sync::{Arc, Mutex};

use crate::clock::UnixMillis;
use crate::control::publish::held;
use crate::event::{Audit, Generation, Operations, Remembered, StoreUnavailable, Suspension};
use crate::store::MemoryStore;

/// What another process does in the moment before something is published; once.
pub(super) type Rival = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// Reads always succeed, writes do unless it is broken.
pub(super) struct Flaky {
    pub(super) store: MemoryStore,
    pub(super) broken: Arc<Mutex<bool>>,
    pub(super) rival: Rival,
}

impl Flaky {
    fn whole(&self) -> Result<&MemoryStore, StoreUnavailable> {
        if *held(&self.broken) { Err(StoreUnavailable("disk full".to_owned())) } else { Ok(&self.store) }
    }
}

impl Operations for Flaky {
    fn publish(&self, generation: &Generation, sources: &[u8], audit: &Audit) -> Result<(), StoreUnavailable> {
        let rival = held(&self.rival).take();
        if let Some(acts) = rival {
            acts();
        }
        self.whole()?.publish(generation, sources, audit)
    }

    fn unpin(&self, number: u64, audit: &Audit) -> Result<(), StoreUnavailable> {
        self.whole()?.unpin(number, audit)
    }

    fn generations(&self, below: u64, limit: usize) -> Result<Vec<Generation>, StoreUnavailable> {
        self.store.generations(below, limit)
    }

    fn sources(&self, number: u64) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.store.sources(number)
    }

    fn switch(&self, suspension: &Suspension, audit: &Audit) -> Result<(), StoreUnavailable> {
        self.whole()?.switch(suspension, audit)
    }

    fn suspensions(&self) -> Result<Vec<Suspension>, StoreUnavailable> {
        self.store.suspensions()
    }

    fn audits(&self, below: u64, limit: usize) -> Result<Vec<Audit>, StoreUnavailable> {
        self.store.audits(below, limit)
    }

    fn remember(&self, key: &str, answer: &Remembered) -> Result<(), StoreUnavailable> {
        self.whole()?.remember(key, answer)
    }

    fn recall(&self, key: &str, now: UnixMillis) -> Result<Option<Remembered>, StoreUnavailable> {
        self.store.recall(key, now)
    }
}
