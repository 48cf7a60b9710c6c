//! Pots, grants and accounts in memory.

use std::collections::BTreeMap;

use super::State;
use crate::clock::ShanghaiDay;
use crate::event::{
    BookError, Booking, Fund, GrantId, GrantTerms, Pot, Source, Standing, StoreUnavailable, Transaction,
};
use crate::ids::{AdvertiserId, BuyerId, DealId};
use crate::money::MicroYuan;
use crate::store::funds::Vault;
use crate::store::purse::Purse;

#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    pots: BTreeMap<Pot, Purse>,
    /// With how often what was left of each was voided.
    grants: BTreeMap<GrantId, (GrantTerms, u32)>,
    clients: BTreeMap<AdvertiserId, BuyerId>,
    standings: BTreeMap<BuyerId, (Standing, MicroYuan)>,
}

impl Accounts {
    pub(super) fn pots(&self) -> Vec<(Pot, Purse)> {
        self.pots.iter().map(|(pot, purse)| (*pot, *purse)).collect()
    }

    pub(super) fn grants(&self) -> Vec<GrantTerms> {
        self.grants.values().map(|(terms, _)| *terms).collect()
    }

    /// The grants of which something is free, by earliest expiry.
    fn free_grants(&self, takes: impl Fn(&GrantTerms) -> bool) -> Vec<GrantTerms> {
        let free = |terms: &&GrantTerms| {
            let purse = self.pots.get(&Pot::Free(Fund::Grant(terms.grant)));
            purse.is_some_and(|purse| purse.available().is_positive())
        };
        let mut found: Vec<_> =
            self.grants.values().map(|(terms, _)| terms).filter(|terms| takes(terms)).filter(free).copied().collect();
        found.sort_by_key(|terms| (terms.last_day, terms.grant));
        found
    }
}

type Kept<T> = Result<T, StoreUnavailable>;

impl Vault for State {
    fn purse(&self, pot: Pot) -> Kept<Option<Purse>> {
        Ok(self.accounts.pots.get(&pot).copied())
    }

    fn keep_purse(&mut self, pot: Pot, purse: &Purse) -> Kept<()> {
        self.accounts.pots.insert(pot, *purse);
        Ok(())
    }

    fn set_aside(&self, deal: DealId, day: ShanghaiDay) -> Kept<Vec<(Pot, Purse)>> {
        let first = Fund::Grant(GrantId(0));
        let until = Fund::Credit(BuyerId(u32::MAX));
        let committed = self.accounts.pots.range(Pot::Committed(deal, day, first)..=Pot::Committed(deal, day, until));
        let make_good = self.accounts.pots.range(Pot::MakeGood(deal, day, first)..=Pot::MakeGood(deal, day, until));
        Ok(committed.chain(make_good).map(|(pot, purse)| (*pot, *purse)).collect())
    }

    fn purses_of(&self, buyer: BuyerId) -> Kept<Vec<(Pot, Purse)>> {
        Ok(self.accounts.pots().into_iter().filter(|(_, purse)| purse.buyer == buyer).collect())
    }

    fn grant_terms(&self, grant: GrantId) -> Kept<Option<GrantTerms>> {
        Ok(self.accounts.grants.get(&grant).map(|(terms, _)| *terms))
    }

    fn keep_grant(&mut self, terms: &GrantTerms) -> Kept<()> {
        if self.accounts.grants.insert(terms.grant, (*terms, 0)).is_some() {
            return Err(StoreUnavailable(format!("grant {} was given before", terms.grant.0)));
        }
        Ok(())
    }

    fn grants_to(&self, source: Source) -> Kept<Vec<GrantTerms>> {
        Ok(self.accounts.free_grants(|terms| terms.source() == source))
    }

    fn grants_over(&self, today: ShanghaiDay) -> Kept<Vec<GrantTerms>> {
        Ok(self.accounts.free_grants(|terms| terms.last_day < today))
    }

    fn count_void(&mut self, grant: GrantId) -> Kept<u32> {
        let Some((_, voids)) = self.accounts.grants.get_mut(&grant) else {
            return Err(StoreUnavailable(format!("grant {} was never given", grant.0)));
        };
        *voids += 1;
        Ok(*voids)
    }

    fn client(&self, client: AdvertiserId) -> Kept<Option<BuyerId>> {
        Ok(self.accounts.clients.get(&client).copied())
    }

    fn clients_of(&self, buyer: BuyerId) -> Kept<Vec<AdvertiserId>> {
        let own = self.accounts.clients.iter().filter(|(_, of)| **of == buyer);
        Ok(own.map(|(client, _)| *client).collect())
    }

    fn keep_client(&mut self, client: AdvertiserId, buyer: BuyerId) -> Kept<()> {
        self.accounts.clients.insert(client, buyer);
        Ok(())
    }

    fn standing(&self, buyer: BuyerId) -> Kept<(Standing, MicroYuan)> {
        Ok(self.accounts.standings.get(&buyer).copied().unwrap_or_default())
    }

    fn keep_standing(&mut self, buyer: BuyerId, standing: Standing, credit_limit: MicroYuan) -> Kept<()> {
        self.accounts.standings.insert(buyer, (standing, credit_limit));
        Ok(())
    }

    fn book(&mut self, transaction: &Transaction) -> Result<Booking, BookError> {
        self.book_one(transaction)
    }
}
