//! Delivered by day and balances by account, kept with each booking.

use std::collections::BTreeMap;

use crate::clock::ShanghaiDay;
use crate::event::{Account, DaySum, Delivered, Draft, Stored, SumKey};
use crate::ids::{BuyerId, LeaseId};
use crate::money::MicroYuan;

#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    days: BTreeMap<SumKey, Delivered>,
    balances: BTreeMap<Account, MicroYuan>,
    draws: BTreeMap<LeaseId, MicroYuan>,
}

impl Kept {
    /// What all transactions add up to.
    pub(super) fn of(transactions: &[Stored]) -> Self {
        let mut kept = Self::default();
        transactions.iter().for_each(|stored| kept.add(&stored.contents));
        kept
    }

    pub(super) fn add(&mut self, contents: &Draft) {
        for DaySum { key, sums } in contents.day_sums() {
            let known = self.days.entry(key).or_default();
            *known = known.checked_add(sums).unwrap_or(*known);
        }
        for entry in &contents.entries {
            *self.balances.entry(entry.account).or_default() += entry.amount;
        }
        for (lease, amount) in &contents.draws {
            *self.draws.entry(*lease).or_default() += *amount;
        }
    }

    pub(super) fn between(&self, first: ShanghaiDay, last: ShanghaiDay, buyer: Option<BuyerId>) -> Vec<DaySum> {
        let days = self.days.iter().filter(|(key, _)| first <= key.day && key.day <= last);
        let own = days.filter(|(key, _)| buyer.is_none_or(|buyer| key.buyer == buyer));
        own.map(|(key, sums)| DaySum { key: *key, sums: *sums }).collect()
    }

    pub(super) fn drawn(&self, lease: LeaseId) -> Option<MicroYuan> {
        self.draws.get(&lease).copied()
    }

    pub(super) fn balance(&self, account: Account) -> MicroYuan {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    pub(super) fn balances(&self) -> Vec<(Account, MicroYuan)> {
        self.balances.iter().map(|(account, amount)| (*account, *amount)).collect()
    }
}
