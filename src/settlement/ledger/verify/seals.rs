//! Sealed days: their groups against the seal, the ledger, and the detail while it is there.

use std::collections::BTreeMap;

use super::{Break, PAGE, Proof, clamp, first_difference};
use crate::event::{Account, Draft, Group, Sealed};
use crate::ids::LeaseId;
use crate::settlement::ledger::{Lines, Payers};
use crate::settlement::seal::{DaySums, GroupsDigest};

impl Proof<'_> {
    /// One sealed day.
    pub(super) fn sealed(&mut self, sealed: &Sealed) -> Result<(), Break> {
        let Sealed { seal, gone_at } = sealed;
        let day = seal.day;
        let differs = |what: &str| Break::Seal { day, what: what.to_owned() };
        let (mut rows, mut lines, mut digest, mut after) = (0, Lines::default(), GroupsDigest::default(), None);
        let mut paid = Paid::default();
        loop {
            let page = self.books.groups(day, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            self.payers.learn(self.books, page.iter().map(|group| group.key.lease))?;
            for group in &page {
                rows += group.count;
                lines.add_group(group);
                digest.add(group);
                if gone_at.is_some() && group.key.resolution == 0 {
                    self.done.posted_micro_yuan += group.amount.0;
                    self.posted(group.key.lease, group.amount.0.into(), group.count);
                    paid.add(&self.payers, group);
                }
            }
        }
        if digest.end(&self.books.click_groups(day)?) != seal.groups_digest {
            return Err(differs("its groups were altered"));
        }
        if rows != seal.rows {
            return Err(differs(&format!("its groups have {rows} charges, it says {}", seal.rows)));
        }
        let booked = self.days.remove(&day).unwrap_or_default();
        if booked.rows != seal.rows || booked.digest != seal.digest {
            return Err(differs("the ledger booked other rows"));
        }
        if gone_at.is_some() {
            self.done.gone_days += 1;
            self.done.charges += seal.rows;
            if let Some((what, groups, ledger)) = first_difference(&lines, &booked.lines) {
                return Err(differs(&format!("{what}: its groups say {groups}, the ledger says {ledger}")));
            }
            if let Some(what) = paid.first_difference(&booked.paid, &booked.drawn) {
                return Err(differs(&what));
            }
        } else {
            let sums = DaySums::of(self.books, day)?;
            if (sums.rows, sums.last_seq, sums.digest) != (seal.rows, seal.last_seq, seal.digest) {
                return Err(differs("its charges are not those that were sealed"));
            }
            if sums.groups_digest() != seal.groups_digest {
                return Err(differs("its groups are not what its charges and clicks come to"));
            }
        }
        self.done.sealed_days += 1;
        Ok(())
    }

    /// One delivery of a day whose detail is gone: who paid, as its lines and its leases say it.
    pub(super) fn booked_of_gone(&mut self, contents: &Draft) -> Result<(), Break> {
        self.payers.learn(self.books, contents.draws.iter().map(|(lease, _)| *lease))?;
        let proof = self.days.entry(contents.day).or_default();
        for line in &contents.lines {
            *proof.paid.entry(line.payer).or_default() += i128::from(line.amount.0);
        }
        for (lease, amount) in &contents.draws {
            let amount = i128::from(amount.0);
            self.payers.draw(*lease, amount, |account, part| *proof.paid.entry(account).or_default() -= part);
            *proof.drawn.entry(*lease).or_default() += amount;
        }
        Ok(())
    }
}

/// Who paid for a sealed day, by its groups.
#[derive(Default)]
struct Paid {
    /// By leases that draw on one account.
    accounts: BTreeMap<Account, i128>,
    /// By the other leases: which of their accounts, only the order of the rows could say.
    leases: BTreeMap<LeaseId, i128>,
}

impl Paid {
    fn add(&mut self, payers: &Payers, group: &Group) {
        let amount = i128::from(group.amount.0);
        match payers.only(group.key.lease, group.key.method, group.key.buyer) {
            Some(account) => *self.accounts.entry(account).or_default() += amount,
            None => *self.leases.entry(group.key.lease).or_default() += amount,
        }
    }

    /// The first account or lease of which the ledger says something else, in words. Nothing and zero are the same.
    fn first_difference(&self, accounts: &BTreeMap<Account, i128>, leases: &BTreeMap<LeaseId, i128>) -> Option<String> {
        let words = |what: String, groups: i128, ledger: i128| {
            format!("{what}: by its groups it paid {}, by the ledger {}", clamp(groups), clamp(ledger))
        };
        let account = differing(&self.accounts, accounts)
            .map(|(account, groups, ledger)| words(account.to_string(), groups, ledger));
        let lease = || {
            differing(&self.leases, leases)
                .map(|(lease, groups, ledger)| words(format!("lease {}", lease.0), groups, ledger))
        };
        account.or_else(lease)
    }
}

fn differing<K: Ord + Copy>(one: &BTreeMap<K, i128>, other: &BTreeMap<K, i128>) -> Option<(K, i128, i128)> {
    let of = |sums: &BTreeMap<K, i128>, key| sums.get(&key).copied().unwrap_or_default();
    let mut keys = one.keys().chain(other.keys()).copied();
    let key = keys.find(|key| of(one, *key) != of(other, *key))?;
    Some((key, of(one, key), of(other, key)))
}
