//! What was entered, in memory.

use super::State;
use crate::clock::ShanghaiDay;
use crate::event::{Fact, FactHead, FactKind, KeptFact, Kinds, Whose};

impl State {
    pub(super) fn facts_of(&self, kinds: Kinds, whose: Whose, after: u64, limit: u32) -> Vec<KeptFact> {
        let asked =
            |kept: &&KeptFact| kept.seq > after && kinds.include(kept.fact.kind) && whose.include(kept.fact.buyer);
        self.facts.iter().filter(asked).take(limit as usize).cloned().collect()
    }

    pub(super) fn fact_heads(
        &self,
        kind: FactKind,
        whose: Whose,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Vec<FactHead> {
        let asked =
            |fact: &Fact| fact.kind == kind && whose.include(fact.buyer) && first <= fact.day && fact.day <= last;
        let head = |kept: &KeptFact| {
            let Fact { reference, buyer, day, .. } = &kept.fact;
            FactHead { seq: kept.seq, reference: reference.clone(), buyer: *buyer, day: *day }
        };
        self.facts.iter().filter(|kept| asked(&kept.fact)).map(head).collect()
    }

    pub(super) fn fact(&self, kind: FactKind, reference: &str) -> Option<&KeptFact> {
        self.facts.iter().find(|kept| kept.fact.kind == kind && kept.fact.reference == reference)
    }
}
