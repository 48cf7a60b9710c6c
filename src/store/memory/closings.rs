//! Closed days of guaranteed deals in memory, and which days can be closed.

use std::collections::BTreeSet;

use super::State;
use super::archive::last_award;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Account, ClosedDay, Entry, KeptCommitment, LateExemption, StoreUnavailable, TransactionKind};
use crate::ids::DealId;
use crate::money::MicroYuan;
use crate::store::closing::Closings;

impl Closings for State {
    fn commitment(&self, deal: DealId, day: ShanghaiDay) -> Result<Option<KeptCommitment>, StoreUnavailable> {
        Ok(self.commitments.get(&(day, deal)).copied())
    }

    fn first_open(&self, deal: DealId) -> Result<Option<ShanghaiDay>, StoreUnavailable> {
        let mut own = self.commitments.values().filter(|kept| kept.deal == deal && kept.terms.is_some());
        Ok(own.find(|kept| !self.closings.contains_key(&(kept.day, deal))).map(|kept| kept.day))
    }

    fn closed(&self, deal: DealId, day: ShanghaiDay) -> Result<Option<ClosedDay>, StoreUnavailable> {
        Ok(self.closings.get(&(day, deal)).cloned())
    }

    fn keep_closed(&mut self, closed: &ClosedDay) -> Result<(), StoreUnavailable> {
        self.closings.insert((closed.closing.day, closed.closing.deal), closed.clone());
        Ok(())
    }

    fn keep_exempted(
        &mut self,
        deal: DealId,
        day: ShanghaiDay,
        exemption: &LateExemption,
    ) -> Result<(), StoreUnavailable> {
        if let Some(closed) = self.closings.get_mut(&(day, deal)) {
            closed.exemption = Some(*exemption);
        }
        Ok(())
    }

    fn entries_of(&self, kind: TransactionKind, reference: &str) -> Result<Vec<Entry>, StoreUnavailable> {
        let place = self.references.get(&(kind, reference.to_owned()));
        let found = place.and_then(|place| self.transactions.get(*place));
        Ok(found.map_or_else(Vec::new, |stored| stored.contents.entries.clone()))
    }

    fn balance(&self, account: Account) -> Result<MicroYuan, StoreUnavailable> {
        Ok(self.sums.balance(account))
    }

    fn is_settled(&self, day: ShanghaiDay, now: UnixMillis) -> Result<bool, StoreUnavailable> {
        let charged = || self.journal.values().any(|row| row.day() == day);
        let clicked = || self.clicks.keys().any(|key| key.auction.at().shanghai_day() == day);
        let over = now >= last_award(day) && !self.leases_stand(day);
        Ok(over && (self.sealed.has(day) || !charged() && !clicked()))
    }
}

impl State {
    pub(super) fn closable_days(
        &self,
        now: UnixMillis,
        passing: &BTreeSet<DealId>,
    ) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
        let open = |kept: &&KeptCommitment| {
            kept.terms.is_some()
                && !self.closings.contains_key(&(kept.day, kept.deal))
                && kept.day < now.shanghai_day()
                && !passing.contains(&kept.deal)
        };
        let Some(day) = self.commitments.values().find(open).map(|kept| kept.day) else { return Ok(Vec::new()) };
        if !self.is_settled(day, now)? {
            return Ok(Vec::new());
        }
        Ok(self.commitments.values().filter(open).filter(|kept| kept.day == day).copied().collect())
    }

    pub(super) fn closed_between(&self, first: ShanghaiDay, last: ShanghaiDay) -> Vec<ClosedDay> {
        self.closings.values().filter(|it| first <= it.closing.day && it.closing.day <= last).cloned().collect()
    }

    pub(super) fn to_make_good(&self, day: ShanghaiDay) -> Vec<ClosedDay> {
        let due = |it: &&ClosedDay| {
            let later = it.exemption.is_some_and(|it| it.made_good_on == Some(day) && it.kept.is_positive());
            it.closing.made_good_on == Some(day) && it.kept.is_positive() || later
        };
        let mut due: Vec<_> = self.closings.values().filter(due).cloned().collect();
        due.sort_by_key(|closed| (closed.closing.day, closed.closing.deal));
        due
    }
}
