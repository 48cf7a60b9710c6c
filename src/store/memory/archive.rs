//! Sealed days, kept as long as the process lives. What is let go is gone at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{MemoryStore, State};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    AFTER_MIDNIGHT_MS, Archive, BookError, Booking, ClickGroup, ClickKey, DayClosing, Group, GroupKey, LeaseState,
    Seal, Sealed, StoreUnavailable,
};
use crate::ids::DealId;
use crate::money::MicroYuan;
use crate::store::closing;

/// Seals, and the groups of each day by their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Sealing {
    seals: BTreeMap<ShanghaiDay, Sealed>,
    charges: BTreeMap<ShanghaiDay, BTreeMap<GroupKey, Group>>,
    clicks: BTreeMap<ShanghaiDay, BTreeMap<ClickKey, ClickGroup>>,
}

impl Sealing {
    pub(super) fn has(&self, day: ShanghaiDay) -> bool {
        self.seals.contains_key(&day)
    }

    pub(super) fn seals(&self) -> Vec<Sealed> {
        self.seals.values().copied().collect()
    }

    pub(super) fn groups(&self, day: ShanghaiDay, after: Option<GroupKey>, limit: u32) -> Vec<Group> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_day = self.charges.get(&day).into_iter().flat_map(|groups| groups.range((after, Bound::Unbounded)));
        of_day.take(limit as usize).map(|(_, group)| *group).collect()
    }

    pub(super) fn click_groups(&self, day: ShanghaiDay) -> Vec<ClickGroup> {
        self.clicks.get(&day).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// Count and amount of what was posted on days whose detail is gone.
    pub(super) fn posted_of_gone(&self) -> (u64, MicroYuan) {
        let gone = self.seals.iter().filter(|(_, sealed)| sealed.gone_at.is_some());
        let groups = gone.filter_map(|(day, _)| self.charges.get(day)).flat_map(BTreeMap::values);
        groups
            .filter(|group| group.key.resolution == 0)
            .fold((0, MicroYuan::ZERO), |(count, amount), group| (count + group.count, amount + group.amount))
    }

    /// How many charges of each deal were posted on a day whose detail is gone.
    pub(super) fn posted_if_gone(&self, day: ShanghaiDay) -> BTreeMap<DealId, u64> {
        let mut counts = BTreeMap::new();
        if self.seals.get(&day).is_some_and(|sealed| sealed.gone_at.is_some()) {
            let groups = self.charges.get(&day).into_iter().flat_map(BTreeMap::values);
            for group in groups.filter(|group| group.key.resolution == 0) {
                *counts.entry(group.key.deal).or_default() += group.count;
            }
        }
        counts
    }

    fn refuse_sealed(&self, day: ShanghaiDay) -> Result<(), StoreUnavailable> {
        if self.has(day) { Err(StoreUnavailable(format!("{day} is sealed"))) } else { Ok(()) }
    }
}

impl State {
    pub(super) fn sealable_days(&self, now: UnixMillis) -> Vec<ShanghaiDay> {
        let charged = self.journal.values().map(super::Journaled::day);
        let clicked = self.clicks.keys().map(|key| key.auction.at().shanghai_day());
        let days: BTreeSet<_> = charged.chain(clicked).filter(|day| !self.sealed.has(*day)).collect();
        let closed = |day: &ShanghaiDay| now >= last_award(*day) && !self.leases_stand(*day);
        let old = |day: &ShanghaiDay| {
            let mut spans =
                self.transactions.iter().filter(|it| it.contents.day == *day).filter_map(|it| it.contents.span);
            spans.any(|span| span.rows.is_none())
        };
        let booked = |day: &ShanghaiDay| self.last_seq(*day) <= self.last_span().0;
        days.into_iter().take_while(closed).filter(|day| !old(day) && booked(day)).collect()
    }

    pub(super) fn leases_stand(&self, day: ShanghaiDay) -> bool {
        let carries = |window_ends: UnixMillis| window_ends <= last_award(day);
        self.leases.values().any(|lease| lease.state != LeaseState::Closed && carries(lease.window_ends))
    }

    fn last_seq(&self, day: ShanghaiDay) -> u64 {
        self.journal.values().rev().find(|row| row.day() == day).map_or(0, |row| row.seq)
    }
}

pub(super) fn last_award(day: ShanghaiDay) -> UnixMillis {
    day.next().starts_at().plus_ms(AFTER_MIDNIGHT_MS)
}

impl Archive for MemoryStore {
    fn lay(&self, day: ShanghaiDay, charges: &[Group], clicks: &[ClickGroup]) -> Result<(), StoreUnavailable> {
        let mut state = self.state();
        state.sealed.refuse_sealed(day)?;
        let known = state.sealed.charges.entry(day).or_default();
        known.extend(charges.iter().map(|group| (group.key, *group)));
        let known = state.sealed.clicks.entry(day).or_default();
        known.extend(clicks.iter().map(|group| (group.key, *group)));
        Ok(())
    }

    fn clear(&self, day: ShanghaiDay, _limit: u32) -> Result<bool, StoreUnavailable> {
        let mut state = self.state();
        state.sealed.refuse_sealed(day)?;
        let charges = state.sealed.charges.remove(&day).is_some_and(|groups| !groups.is_empty());
        let clicks = state.sealed.clicks.remove(&day).is_some_and(|groups| !groups.is_empty());
        Ok(charges || clicks)
    }

    fn seal(&self, seal: &Seal) -> Result<(), StoreUnavailable> {
        let mut state = self.state();
        let day = seal.day;
        state.sealed.refuse_sealed(day)?;
        let (last, booked) = (state.last_seq(day), state.last_span().0);
        if state.leases_stand(day) || last != seal.last_seq || booked < last {
            return Err(StoreUnavailable(format!(
                "{day} cannot be sealed: its leases, its rows or the ledger are not ready"
            )));
        }
        state.sealed.seals.insert(day, Sealed { seal: *seal, gone_at: None });
        Ok(())
    }

    fn close_day(&self, closing: &DayClosing, now: UnixMillis) -> Result<Booking, BookError> {
        self.state().all_or_nothing(|state| closing::close(state, closing, now))
    }

    fn exempt_day(
        &self,
        deal: DealId,
        day: ShanghaiDay,
        made_good_on: Option<ShanghaiDay>,
        now: UnixMillis,
    ) -> Result<Booking, BookError> {
        self.state().all_or_nothing(|state| closing::exempt(state, (deal, day), made_good_on, now))
    }

    fn let_go(&self, day: ShanghaiDay, now: UnixMillis) -> Result<(), StoreUnavailable> {
        let state = &mut *self.state();
        let refused = StoreUnavailable(format!("{day} is not sealed, or its detail is gone"));
        let sealed = state.sealed.seals.get_mut(&day).filter(|sealed| sealed.gone_at.is_none()).ok_or(refused)?;
        sealed.gone_at = Some(now);
        state.journal.retain(|_, row| row.day() != day);
        state.resolved.retain(|key, _| key.auction.at().shanghai_day() != day);
        state.clicks.retain(|key, _| key.auction.at().shanghai_day() != day);
        Ok(())
    }

    fn sweep(&self, _limit: u32) -> Result<bool, StoreUnavailable> {
        Ok(false)
    }
}
