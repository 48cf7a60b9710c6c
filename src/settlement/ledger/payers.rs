//! Which account pays for each impression: the lease that it was awarded under says it. A lease may draw on several accounts, one after the
//! other; what is posted under it takes the first of them first, in the order of the ledger's transactions and of the journal's rows in
//! each (R-BALANCE: grants before cash).

use std::collections::{BTreeMap, HashMap};

use crate::event::{Account, Books, Journaled, Method, StoreUnavailable};
use crate::ids::{BuyerId, LeaseId};
use crate::money::MicroYuan;

/// The leases that draw on several accounts, and how far each is used up. All others pay by one.
#[derive(Debug, Default)]
pub struct Payers {
    one: HashMap<LeaseId, Account>,
    several: HashMap<LeaseId, Drawn>,
}

#[derive(Debug)]
struct Drawn {
    parts: Vec<(Account, MicroYuan)>,
    taken: i128,
}

impl Payers {
    /// Adds a lease with its accounts in order, of which `taken` is used up. Without accounts, the method says who pays.
    pub fn add(&mut self, lease: LeaseId, parts: &[(Account, MicroYuan)], taken: MicroYuan) {
        let mut accounts = Vec::<(Account, MicroYuan)>::new();
        for (account, amount) in parts {
            match accounts.last_mut().filter(|last| last.0 == *account) {
                Some(last) => last.1 += *amount,
                None => accounts.push((*account, *amount)),
            }
        }
        match accounts.as_slice() {
            [] => {}
            [(account, _)] => {
                self.one.insert(lease, *account);
            }
            _ => {
                self.several.insert(lease, Drawn { parts: accounts, taken: taken.0.into() });
            }
        }
    }

    /// Asks the books for leases that are not known yet.
    pub(super) fn learn(
        &mut self,
        _books: &dyn Books,
        _leases: impl Iterator<Item = LeaseId>,
    ) -> Result<(), StoreUnavailable> {
        Ok(())
    }

    /// The only account that a lease draws on; `None` when there are several.
    pub(super) fn only(&self, lease: LeaseId, method: Method, buyer: BuyerId) -> Option<Account> {
        if self.has_several(lease) {
            return None;
        }
        Some(self.one.get(&lease).copied().unwrap_or(Account::by_method(method, buyer)))
    }

    /// Whether a lease draws on several accounts.
    pub(super) fn has_several(&self, lease: LeaseId) -> bool {
        self.several.contains_key(&lease)
    }

    /// Who pays for a row, and how much each: the first one has the impression.
    pub(super) fn pay(&mut self, row: &Journaled, mut each: impl FnMut(Account, i128)) {
        if !self.draw(row.lease, row.amount.0.into(), &mut each) {
            let only = self.only(row.lease, row.method, row.buyer);
            each(only.unwrap_or(Account::by_method(row.method, row.buyer)), row.amount.0.into());
        }
    }

    /// Takes an amount of a lease that draws on several accounts, and says which; `false` for every other lease.
    pub(super) fn draw(&mut self, lease: LeaseId, amount: i128, mut each: impl FnMut(Account, i128)) -> bool {
        let Some(drawn) = self.several.get_mut(&lease) else { return false };
        let (mut left, mut end) = (amount, 0);
        for (index, (account, part)) in drawn.parts.iter().enumerate() {
            end += i128::from(part.0);
            // The last one also has what a lease should never post beyond its parts; the proof of leases finds it.
            let last = index + 1 == drawn.parts.len();
            let here = if last { left } else { left.min(end - drawn.taken) };
            // What costs nothing belongs to whoever is in turn.
            if here > 0 || left == 0 && (drawn.taken < end || last) {
                each(*account, here);
                drawn.taken += here;
                left -= here;
                if left == 0 {
                    break;
                }
            }
        }
        true
    }
}

/// What one transaction took of each lease that draws on several accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::settlement) struct Draws(pub(super) BTreeMap<LeaseId, i128>);

impl Draws {
    pub(super) fn add(&mut self, row: &Journaled) {
        if row.amount.is_positive() {
            *self.0.entry(row.lease).or_default() += i128::from(row.amount.0);
        }
    }

    /// The first lease of which the ledger says something else, with both amounts.
    pub(super) fn first_difference(&self, ledger: &[(LeaseId, MicroYuan)]) -> Option<(LeaseId, i128, i128)> {
        let ledger: BTreeMap<_, _> = ledger.iter().map(|(lease, amount)| (*lease, i128::from(amount.0))).collect();
        let of = |sums: &BTreeMap<LeaseId, i128>, lease| sums.get(&lease).copied().unwrap_or_default();
        let mut leases = self.0.keys().chain(ledger.keys()).copied();
        let differs = leases.find(|lease| of(&self.0, *lease) != of(&ledger, *lease))?;
        Some((differs, of(&self.0, differs), of(&ledger, differs)))
    }
}
