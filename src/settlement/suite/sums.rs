//! What every store promises of sums by day and of balances: they are what the journal and the ledger add up to, however often it was booked.

use std::collections::BTreeMap;

use super::*;
use crate::event::{Account, AccountKind, DaySum, Delivered, Journaled, SumKey};

/// Charges of three days, two methods, several media and quantities, derived in pieces.
fn traffic(store: &dyn Engine) {
    top_up(store, "bank 1", 1_000_000).unwrap();
    assert!(store.commit_day(&day_of(DEAL, BUYER, 50_000), noon()).unwrap());
    let cash = grant(store, CASH, 500_000).unwrap().id;
    let committed = grant(store, Source::Commitment(DEAL, DAY), 50_000).unwrap().id;
    for number in 0..60 {
        let guaranteed = number % 4 == 0;
        let (lease, method) = if guaranteed { (committed, Method::Pdb) } else { (cash, Method::Pd) };
        let mut charge = charge(number, lease, method, i64::from(number));
        charge.quantity = Quantity(500 + number * 10);
        if !guaranteed {
            charge.deal = DealId(number % 5 + 7);
            charge.key.auction.0 += u128::from(u64::from(number % 3) * 86_400_000) << 80;
        }
        record(store, if number % 7 == 0 { voided(charge) } else { posted(charge) }).unwrap();
        if number % 10 == 0 {
            derive(store, noon()).unwrap();
        }
    }
    derive(store, noon()).unwrap();
}

fn plainly(rows: &[Journaled]) -> Vec<DaySum> {
    let mut sums = BTreeMap::<SumKey, Delivered>::new();
    for row in rows.iter().filter(|row| row.is_posted()) {
        let payer = Account::by_method(row.method, row.buyer);
        let Journaled { buyer, deal, media, method, .. } = *row;
        let sum = sums.entry(SumKey { day: row.day(), buyer, deal, media, method, payer }).or_default();
        sum.count += 1;
        sum.quantity += u64::from(row.quantity);
        sum.amount += row.amount;
        sum.earned += row.earned;
    }
    sums.into_iter().map(|(key, sums)| DaySum { key, sums }).collect()
}

pub(super) fn r_month_days_and_accounts_add_up(store: &dyn Engine) {
    traffic(store);
    let books = store.snapshot().unwrap();
    let all = plainly(&books.charges(0, 1_000).unwrap());
    let last = ShanghaiDay(DAY.0 + 2);
    assert_eq!(books.day_sums(DAY, last, None).unwrap(), all);
    assert_eq!(books.day_sums(ShanghaiDay(0), ShanghaiDay(u32::MAX), Some(BUYER)).unwrap(), all);
    let tomorrow: Vec<_> = all.iter().filter(|sum| sum.key.day == DAY.next()).copied().collect();
    assert!(!tomorrow.is_empty());
    assert_eq!(books.day_sums(DAY.next(), DAY.next(), Some(BUYER)).unwrap(), tomorrow, "of one day");
    assert_eq!(books.day_sums(DAY, last, Some(BuyerId(9))).unwrap(), []);
    assert_eq!(books.day_sums(last.next(), last.next(), None).unwrap(), []);

    let mut balances = BTreeMap::<Account, i64>::new();
    for stored in books.transactions(0, 1_000).unwrap() {
        for entry in stored.contents.entries {
            *balances.entry(entry.account).or_default() += entry.amount.0;
        }
    }
    let kept: BTreeMap<_, _> = books.balances().unwrap().into_iter().map(|(account, sum)| (account, sum.0)).collect();
    assert_eq!(kept, balances);
    assert_eq!(kept[&Account::single(AccountKind::Bank)], 1_000_000);
    assert_eq!(kept.values().sum::<i64>(), 0);
    // What is refused leaves no sums behind.
    let torn = Transaction::top_up(BUYER, "bank 1", MicroYuan(3), noon()).unwrap();
    let fine = Transaction::top_up(BUYER, "bank 2", MicroYuan(5), noon()).unwrap();
    assert!(store.book(vec![fine, torn]).is_err());
    assert_eq!(store.snapshot().unwrap().balances().unwrap(), books.balances().unwrap());
    verify(&*store.snapshot().unwrap()).unwrap();
}
