//! Random histories of an order and of preferred deals beside it, against plain accounts: every balance of the ledger must be what the history
//! comes to, and the books must be proved, after each day.
//!
//! A failure prints its seed: `histories(&store, seed, days)` is that history again.

use std::collections::BTreeMap;

use super::closings::{Order, count, deliver, nth, order, price, proved};
use super::funds::give;
use super::*;
use crate::clock::Chance;
use crate::event::{Account, AccountKind, Fund, GrantId, TransactionKind};

const OTHER: BuyerId = BuyerId(5);
/// The day's volume of the order.
const VOLUME: u64 = 100;
const DAYS: u32 = 7;

/// The history without pots, leases, journal and ledger: accounts with what they hold, debit positive.
#[derive(Default)]
struct Plain {
    accounts: BTreeMap<Account, i64>,
    /// The last day of each grant.
    grants: BTreeMap<u32, ShanghaiDay>,
    /// What is set aside for the order's day, by fund, in order; then what is to be made good on it.
    committed: Vec<(Fund, i64)>,
    owed: Vec<(Fund, i64)>,
}

fn single(kind: AccountKind) -> Account {
    Account::single(kind)
}

fn of_buyer(kind: AccountKind) -> Account {
    Account { kind, owner: BUYER.0 }
}

/// The account of what is set aside of a fund, or kept of it.
fn aside(fund: Fund, kept: bool) -> Account {
    match (fund, kept) {
        (Fund::Grant(grant), false) => Account { kind: AccountKind::GrantCommitted, owner: grant.0 },
        (Fund::Grant(grant), true) => Account { kind: AccountKind::GrantMakeGood, owner: grant.0 },
        (_, false) => of_buyer(AccountKind::BuyerCommitted),
        (_, true) => of_buyer(AccountKind::BuyerMakeGood),
    }
}

/// Takes an amount from the first of some parts on.
fn take(parts: &mut Vec<(Fund, i64)>, amount: i64) -> Vec<(Fund, i64)> {
    let mut left = amount;
    let mut taken = Vec::new();
    for (fund, part) in parts.iter_mut() {
        let here = left.min(*part);
        *part -= here;
        left -= here;
        if here > 0 {
            taken.push((*fund, here));
        }
    }
    parts.retain(|(_, part)| *part > 0);
    taken
}

fn sum(parts: &[(Fund, i64)]) -> i64 {
    parts.iter().map(|(_, amount)| amount).sum()
}

impl Plain {
    /// Moves money from an account that holds it, or owes it, to another.
    fn pay(&mut self, from: Account, to: Account, amount: i64) {
        *self.accounts.entry(from).or_default() += amount;
        *self.accounts.entry(to).or_default() -= amount;
    }

    fn free(&self, fund: Fund) -> i64 {
        -self.accounts.get(&fund.account()).copied().unwrap_or_default()
    }

    /// What an amount on a day is paid from: grants by their last days, then cash; `None` when there is less.
    fn parts(&self, buyer: BuyerId, day: ShanghaiDay, amount: i64) -> Option<Vec<(Fund, i64)>> {
        let mut grants: Vec<_> = self.grants.iter().filter(|(_, last)| buyer == BUYER && **last >= day).collect();
        grants.sort_by_key(|(number, last)| (**last, **number));
        let grants = grants.into_iter().map(|(number, _)| Fund::Grant(GrantId(*number)));
        let mut free: Vec<_> = grants.chain([Fund::Cash(buyer)]).map(|fund| (fund, self.free(fund))).collect();
        let parts = take(&mut free, amount);
        (sum(&parts) == amount).then_some(parts)
    }

    fn deliver(&mut self, from: Account, amount: i64) {
        *self.accounts.entry(from).or_default() += amount;
    }

    fn earn(&mut self, media: u32, amount: i64, earned: i64) {
        *self.accounts.entry(Account::payable(MediaId(media))).or_default() -= earned;
        *self.accounts.entry(single(AccountKind::ExchangeRevenue)).or_default() -= amount - earned;
    }

    /// The end of the order's day (R-MAKEGOOD with push ratio 1).
    fn close(&mut self, offered: u64, delivered: u64, last: bool) {
        let price = price().per_impression().0;
        let funded = !self.committed.is_empty();
        let failed = VOLUME.saturating_sub(offered.max(delivered));
        let payable = (VOLUME - delivered.min(VOLUME) - failed) as i64 * price;
        let mut rest = take(&mut self.committed, i64::MAX).into_iter().map(|part| (part, false)).collect::<Vec<_>>();
        rest.extend(take(&mut self.owed, i64::MAX).into_iter().map(|part| (part, true)));
        let mut left = delivered as i64 * price;
        for ((fund, part), kept) in &mut rest {
            let here = left.min(*part);
            self.deliver(aside(*fund, *kept), here);
            *part -= here;
            left -= here;
        }
        assert_eq!(left, 0, "the history delivers no more than is set aside");
        let revenue = single(AccountKind::UndeliveredRevenue);
        let mut left = if funded { payable } else { 0 };
        for ((fund, part), kept) in rest {
            let here = left.min(part);
            left -= here;
            self.pay(aside(fund, kept), revenue, here);
            let owed = part - here;
            let to = if last { fund.account() } else { aside(fund, true) };
            self.pay(aside(fund, kept), to, owed);
            if !last && owed > 0 {
                match self.owed.iter_mut().find(|(known, _)| *known == fund) {
                    Some(known) => known.1 += owed,
                    None => self.owed.push((fund, owed)),
                }
            }
        }
        self.owed.sort_by_key(|(fund, _)| {
            (
                self.grants
                    .iter()
                    .find(|(number, _)| *fund == Fund::Grant(GrantId(**number)))
                    .map_or(ShanghaiDay(u32::MAX), |(_, last)| *last),
                *fund,
            )
        });
        if !funded {
            let cash = payable.min(self.free(Fund::Cash(BUYER)));
            self.pay(of_buyer(AccountKind::BuyerCash), revenue, cash);
            self.pay(of_buyer(AccountKind::BuyerReceivable), revenue, payable - cash);
        }
    }
}

/// One history on one store.
struct History<'s> {
    store: &'s dyn Engine,
    plain: Plain,
    chance: Chance,
    order: Order,
    number: u32,
    /// Top-ups that were not reversed.
    entered: Vec<(String, BuyerId, i64)>,
}

fn histories(store: &dyn Engine, seed: u64) {
    println!("seed {seed}");
    let order = order(DAYS, VOLUME, "1");
    let mut history =
        History { store, plain: Plain::default(), chance: Chance::seeded(seed), order, number: 0, entered: Vec::new() };
    for index in 0..DAYS {
        history.day(nth(index), index + 1 == DAYS);
        history.agrees();
    }
    proved(store);
}

impl History<'_> {
    fn below(&mut self, bound: u32) -> i64 {
        i64::from(self.chance.below(bound))
    }

    fn next(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    fn day(&mut self, day: ShanghaiDay, last: bool) {
        self.expire(day);
        for _ in 0..self.below(4) {
            self.top_up(day);
        }
        let amount = VOLUME as i64 * price().per_impression().0;
        let parts = self.plain.parts(BUYER, day, amount);
        assert_eq!(self.order.commit(self.store, day), parts.is_some(), "{day}");
        for (fund, part) in parts.iter().flatten() {
            self.plain.pay(fund.account(), aside(*fund, false), *part);
        }
        self.plain.committed = parts.unwrap_or_default();
        for _ in 0..8 {
            match self.chance.below(6) {
                0 => self.top_up(day),
                1 => self.grant(day),
                2 => self.damages(day),
                3 => self.reverse(day),
                _ => self.charge(day),
            }
        }
        let set_aside = (sum(&self.plain.committed) + sum(&self.plain.owed)) / price().per_impression().0;
        let most = if self.plain.committed.is_empty() { 0 } else { set_aside };
        let delivered = if self.chance.below(3) == 0 { most } else { self.below(most as u32 + 1) } as u64;
        let offered = delivered.max(self.below(130) as u64);
        deliver(self.store, day, delivered);
        for (media, part) in [delivered / 3, delivered - delivered / 3].into_iter().enumerate() {
            let amount = part as i64 * price().per_impression().0;
            self.plain.earn(media as u32, amount, amount / 60 * 48);
        }
        count(self.store, day, if self.chance.below(2) == 0 { Stage::Offered } else { Stage::Withheld }, offered);
        self.order.close(self.store, day);
        self.plain.close(offered, delivered, last);
    }

    fn top_up(&mut self, day: ShanghaiDay) {
        let (buyer, amount) = ([BUYER, OTHER][self.chance.below(2) as usize], self.below(5_000_000) + 1);
        let reference = format!("bank {}", self.next());
        self.store.top_up(buyer, &reference, MicroYuan(amount), day.starts_at()).unwrap();
        self.plain.pay(single(AccountKind::Bank), Account::cash(buyer), amount);
        self.entered.push((reference, buyer, amount));
    }

    fn grant(&mut self, day: ShanghaiDay) {
        let (number, amount) = (self.next(), self.below(3_000_000) + 1);
        let last = ShanghaiDay(day.0 + self.chance.below(4));
        give(self.store, number, None, last, amount);
        self.plain.grants.insert(number, last);
        self.plain.pay(single(AccountKind::GrantCost), Fund::Grant(GrantId(number)).account(), amount);
    }

    /// What is free of grants that are over is void.
    fn expire(&mut self, today: ShanghaiDay) {
        self.store.expire(&[], today.starts_at()).unwrap();
        for (number, _) in self.plain.grants.clone().into_iter().filter(|(_, last)| *last < today) {
            let fund = Fund::Grant(GrantId(number));
            self.plain.pay(fund.account(), single(AccountKind::GrantCost), self.plain.free(fund));
        }
    }

    fn book(&self, kind: TransactionKind, reference: &str, day: ShanghaiDay, sides: [(Account, i64); 2]) -> bool {
        let sides = sides.map(|(account, amount)| (account, MicroYuan(amount)));
        let made = Transaction::of(kind, reference, day, day.starts_at(), "", sides).unwrap();
        match self.store.book(vec![made]) {
            Ok(booking) => booking == Booking::Booked,
            Err(BookError::Insufficient { .. }) => false,
            Err(error) => unreachable!("{error}"),
        }
    }

    fn damages(&mut self, day: ShanghaiDay) {
        let (amount, number) = (self.below(2_000_000) + 1, self.next());
        let (cash, damages) = (Account::cash(BUYER), single(AccountKind::Damages));
        let sides = [(cash, amount), (damages, -amount)];
        let covered = self.plain.free(Fund::Cash(BUYER)) >= amount;
        assert_eq!(self.book(TransactionKind::Damages, &format!("violation {number}"), day, sides), covered);
        if covered {
            self.plain.pay(cash, damages, amount);
        }
    }

    fn reverse(&mut self, day: ShanghaiDay) {
        if self.entered.is_empty() {
            return;
        }
        let index = self.chance.below(self.entered.len() as u32) as usize;
        let (reference, buyer, amount) = self.entered[index].clone();
        let (cash, bank) = (Account::cash(buyer), single(AccountKind::Bank));
        let covered = self.plain.free(Fund::Cash(buyer)) >= amount;
        assert_eq!(self.book(TransactionKind::Reversal, &reference, day, [(cash, amount), (bank, -amount)]), covered);
        if covered {
            self.plain.pay(cash, bank, amount);
            self.entered.remove(index);
        }
    }

    /// An impression of a preferred deal, under a lease of its price; void or never displayed now and then.
    fn charge(&mut self, day: ShanghaiDay) {
        let buyer = [BUYER, OTHER][self.chance.below(2) as usize];
        let (amount, number) = ((self.below(400_000) + 1) * 5, self.next());
        let at = day.starts_at().plus_ms(7_200_000);
        let (window_ends, closes_at) = (at.plus_ms(60_000), at.plus_ms(700_000));
        let source = Source::Balance(buyer);
        let request = LeaseRequest { source, buyer, want: MicroYuan(amount), window_ends, closes_at };
        let parts = self.plain.parts(buyer, day, amount);
        let lease = self.store.grant(request).unwrap();
        assert_eq!(lease.is_some_and(|lease| lease.amount.0 == amount), parts.is_some());
        let Some(lease) = lease else { return };
        let mut charge = Charge { buyer, deal: DealId(9), ..charge(number, lease.id, Method::Pd, amount) };
        charge.key.auction = AuctionId((u128::from(at.0) << 80) | u128::from(number));
        let fate = self.chance.below(5);
        let shown = fate > 1 && parts.is_some();
        if shown {
            assert_eq!(record(self.store, posted(charge)), Ok(Recorded::Posted));
            for (fund, part) in parts.into_iter().flatten() {
                self.plain.deliver(fund.account(), part);
            }
            self.plain.earn(charge.media.0, amount, charge.earned().0);
        } else if fate == 1 {
            assert_eq!(record(self.store, voided(charge)), Ok(Recorded::Voided));
        }
        self.store.retire(lease.id, MicroYuan(if shown { amount } else { 0 })).unwrap();
    }

    /// Every balance of the ledger against the plain accounts; all of them together are nothing.
    fn agrees(&self) {
        derive(self.store, noon()).unwrap();
        let balances = self.store.snapshot().unwrap().balances().unwrap();
        let ledger: BTreeMap<_, _> = balances.into_iter().map(|(account, sum)| (account, sum.0)).collect();
        let some = |accounts: &BTreeMap<Account, i64>| {
            accounts
                .iter()
                .filter(|(_, sum)| **sum != 0)
                .map(|(account, sum)| (*account, *sum))
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(some(&ledger), some(&self.plain.accounts));
        assert_eq!(ledger.values().sum::<i64>(), 0);
        verify(&*self.store.snapshot().unwrap()).unwrap();
    }
}

#[test]
fn r_balance_random_histories_in_memory_come_to_the_plain_accounts() {
    (0..60).for_each(|seed| histories(&MemoryStore::new(), seed));
}

#[test]
fn r_balance_random_histories_on_disk_come_to_the_plain_accounts() {
    for seed in 100..103 {
        let folder = tempfile::tempdir().unwrap();
        histories(&SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap(), seed);
    }
}
