//! What every store promises of who pays: each delivery's lines say it, as far as a lease's accounts are used up one after the other.

use std::collections::BTreeMap;

use super::funds::give;
use super::seals::seal_next;
use super::*;
use crate::event::{Account, AccountKind, Stored};
use crate::settlement::ledger::rebuild;

const GRANT: Account = Account { kind: AccountKind::Grant, owner: 7 };

fn cash() -> Account {
    Account::cash(BUYER)
}

/// A lease on ¥0.000025 of a grant and then cash; ten charges of 10 micro-yuan, the fourth void, derived after the second, the fifth and the last.
fn traffic(store: &dyn Engine) -> LeaseId {
    top_up(store, "bank 1", 1_000).unwrap();
    give(store, 7, None, ShanghaiDay(DAY.0 + 9), 25);
    let lease = grant(store, CASH, 200).unwrap().id;
    for number in 0..10 {
        let charge = charge(number, lease, Method::Pd, 10);
        record(store, if number == 3 { voided(charge) } else { posted(charge) }).unwrap();
        if number == 1 || number == 4 {
            derive(store, noon()).unwrap();
        }
    }
    derive(store, noon()).unwrap();
    lease
}

fn deliveries(store: &dyn Engine) -> Vec<Stored> {
    store.snapshot().unwrap().deliveries_of(DAY, 0, 99).unwrap()
}

/// Count, amount and earnings by payer.
fn by_payer(stored: &Stored) -> BTreeMap<Account, (u64, i64, i64)> {
    let mut sums = BTreeMap::<Account, (u64, i64, i64)>::new();
    for line in &stored.contents.lines {
        let sum = sums.entry(line.payer).or_default();
        *sum = (sum.0 + line.count, sum.1 + line.amount.0, sum.2 + line.earned.0);
    }
    sums
}

pub(super) fn r_balance_each_delivery_says_which_account_paid(store: &dyn Engine) {
    let lease = traffic(store);
    let made = deliveries(store);
    let told: Vec<_> = made.iter().map(by_payer).collect();
    // The third impression is paid by both: it is counted with the grant, which paid first, and the media's part of it with it.
    let expected = [
        BTreeMap::from([(GRANT, (2, 20, 16))]),
        BTreeMap::from([(GRANT, (1, 5, 8)), (cash(), (1, 15, 8))]),
        BTreeMap::from([(cash(), (5, 50, 40))]),
    ];
    assert_eq!(told, expected);
    let draws: Vec<_> = made.iter().flat_map(|stored| stored.contents.draws.clone()).collect();
    assert_eq!(draws, [20, 20, 50].map(|amount| (lease, MicroYuan(amount))));
    assert_eq!(store.snapshot().unwrap().drawn(&[lease]), Ok(vec![(lease, MicroYuan(90))]));
    let balances: BTreeMap<_, _> = store.snapshot().unwrap().balances().unwrap().into_iter().collect();
    assert_eq!((balances[&GRANT], balances[&cash()]), (MicroYuan(0), MicroYuan(-1_000 + 65)));
    proved(store);
    // The same once the day is sealed, and once its detail is gone.
    let after = DAY.next().starts_at().plus_ms(crate::event::AFTER_MIDNIGHT_MS);
    store.close_dead(after).unwrap();
    let before = rebuild(&*store.snapshot().unwrap()).unwrap();
    assert!(seal_next(store, after).is_some());
    proved(store);
    store.let_go(DAY, after).unwrap();
    proved(store);
    assert_eq!(rebuild(&*store.snapshot().unwrap()).unwrap(), before, "the same digest from what is left");
}

/// A lease that carries charges of two days: the earlier day takes of it first, however the rows lie.
pub(super) fn r_balance_a_lease_over_midnight_is_used_up_by_the_earlier_day_first(store: &dyn Engine) {
    top_up(store, "bank 1", 1_000).unwrap();
    give(store, 7, None, ShanghaiDay(DAY.0 + 9), 25);
    let lease = grant(store, CASH, 200).unwrap().id;
    for number in 0..6 {
        let mut charge = charge(number, lease, Method::Pd, 10);
        if number % 2 == 0 {
            charge.key.auction.0 += u128::from(86_400_000_u64) << 80;
        }
        record(store, posted(charge)).unwrap();
        if number == 3 {
            derive(store, noon()).unwrap();
        }
    }
    derive(store, noon()).unwrap();
    let books = store.snapshot().unwrap();
    let told = |day| books.deliveries_of(day, 0, 99).unwrap().iter().map(by_payer).collect::<Vec<_>>();
    let grant = |count, amount, earned| (GRANT, (count, amount, earned));
    assert_eq!(told(DAY), [BTreeMap::from([grant(2, 20, 16)]), BTreeMap::from([(cash(), (1, 10, 8))])]);
    let split = BTreeMap::from([grant(1, 5, 8), (cash(), (1, 15, 8))]);
    assert_eq!(told(DAY.next()), [split, BTreeMap::from([(cash(), (1, 10, 8))])]);
    proved(store);
}

fn proved(store: &dyn Engine) {
    let books = store.snapshot().unwrap();
    verify(&*books).unwrap();
    let rebuilt = rebuild(&*books).unwrap();
    assert_eq!(rebuilt.journal, rebuilt.ledger);
}

/// Another account than the lease says, in books that balance: found while the detail is there, and when it is gone.
#[test]
fn who_paid_cannot_be_altered() {
    let turn = "UPDATE ledger_delivery SET payer_kind = 200, payer_owner = 4 WHERE transaction_id = ID AND payer_kind = 202;
                UPDATE ledger_entry SET account_kind = 200, account_owner = 4 WHERE transaction_id = ID AND account_kind = 202;";
    let draw = "UPDATE ledger_lease SET amount = amount - 1 WHERE transaction_id = ID";
    for (sql, gone) in [(turn, false), (turn, true), (draw, false), (draw, true)] {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
        traffic(&store);
        let first = deliveries(&store)[0].id;
        let after = DAY.next().starts_at().plus_ms(crate::event::AFTER_MIDNIGHT_MS);
        store.close_dead(after).unwrap();
        if gone {
            assert!(seal_next(&store, after).is_some());
            store.let_go(DAY, after).unwrap();
        }
        proved(&store);
        drop(store);
        let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
        let drops =
            "DROP TRIGGER ledger_delivery_keep; DROP TRIGGER ledger_entry_keep; DROP TRIGGER ledger_lease_keep;";
        connection.execute_batch(&format!("{drops} {}", sql.replace("ID", &first.to_string()))).unwrap();
        let reader = crate::store::SqliteReader::open(folder.path()).unwrap();
        let found = verify(&reader).unwrap_err().to_string();
        let words = match (sql == turn, gone) {
            (true, false) => "paid by buyer_cash/4",
            (true, true) => "buyer_cash/4: by its groups it paid",
            (false, false) => "posted, ledger transaction",
            (false, true) => "by its groups it paid",
        };
        assert!(found.contains(words), "{found}");
        let rebuilt = rebuild(&reader).unwrap();
        assert_eq!(rebuilt.journal == rebuilt.ledger, sql == draw, "{found}");
    }
}
