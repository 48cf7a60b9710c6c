//! What is kept beside the ledger so that it is read quickly: sums of days, balances of accounts. Also that no fact is missing.

use std::collections::BTreeMap;

use super::{Break, PAGE, Proof};
use crate::clock::ShanghaiDay;
use crate::event::{Account, Books, DaySum, Delivered, Draft, SumKey};

/// What transactions add up to.
#[derive(Default)]
pub(super) struct Added {
    days: BTreeMap<SumKey, Delivered>,
    balances: BTreeMap<Account, i128>,
}

impl Added {
    pub(super) fn add(&mut self, contents: &Draft) {
        for DaySum { key, sums } in contents.day_sums() {
            let known = self.days.entry(key).or_default();
            *known = known.checked_add(sums).unwrap_or(*known);
        }
        for entry in &contents.entries {
            *self.balances.entry(entry.account).or_default() += i128::from(entry.amount.0);
        }
    }

    /// What is kept against what was added up; the first that differs.
    pub(super) fn agree(&self, books: &dyn Books) -> Result<(), Break> {
        let mut kept = BTreeMap::new();
        for DaySum { key, sums } in books.day_sums(ShanghaiDay(0), ShanghaiDay(u32::MAX), None)? {
            kept.insert(key, sums);
        }
        let words = |sums: Option<&Delivered>| match sums {
            Some(Delivered { count, quantity, amount, earned }) => {
                format!("{count} impressions ({quantity}/1000), {amount} paid, {earned} earned")
            }
            None => "nothing".to_owned(),
        };
        if let Some(key) = first_difference(&kept, &self.days) {
            let SumKey { day, buyer, deal, media, method, payer } = key;
            let (method, what) = (method.name(), format!("buyer {}, deal {}, media {}", buyer.0, deal.0, media.0));
            let what = format!("the sum of {day}, {what}, {method}, paid by {payer}");
            return Err(Break::Kept { what, kept: words(kept.get(&key)), expected: words(self.days.get(&key)) });
        }
        let kept: BTreeMap<_, _> =
            books.balances()?.into_iter().map(|(account, amount)| (account, i128::from(amount.0))).collect();
        if let Some(account) = first_difference(&kept, &self.balances) {
            let words = |sums: &BTreeMap<Account, i128>| {
                sums.get(&account).map_or_else(|| "nothing".to_owned(), |sum| super::clamp(*sum).to_string())
            };
            let what = format!("the balance of {account}");
            return Err(Break::Kept { what, kept: words(&kept), expected: words(&self.balances) });
        }
        Ok(())
    }
}

/// The first key whose values differ.
fn first_difference<K: Ord + Copy, V: PartialEq>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> Option<K> {
    let differs = |key: &&K| one.get(*key) != other.get(*key);
    let (here, there) = (one.keys().find(differs), other.keys().find(differs));
    here.into_iter().chain(there).min().copied()
}

impl Proof<'_> {
    /// Every fact has the place after the one before it.
    pub(super) fn facts(&mut self) -> Result<(), Break> {
        loop {
            let page = self.books.facts(self.done.facts, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for kept in page {
                let expected = self.done.facts + 1;
                if kept.seq != expected {
                    return Err(Break::Fact { expected, found: kept.seq });
                }
                self.done.facts = expected;
            }
        }
    }
}
