//! What every store promises of grants, clients' accounts, credit and restricted accounts.

use super::*;
use crate::event::{
    AccountChange, Entered, Fact, FactKind, Fund, GrantId, GrantTerms, LeasePart, Pot, Standing, TransactionKind,
};

const CLIENT: AdvertiserId = AdvertiserId(5);

/// Enters changes and the money that goes with them as one fact.
pub(super) fn enter(
    store: &dyn Engine,
    changes: Vec<AccountChange>,
    transactions: Vec<Transaction>,
) -> Result<Booking, BookError> {
    let after = store.snapshot().unwrap().facts(0, 999).unwrap().len() as u64;
    let fact = Fact {
        kind: FactKind::Grant,
        reference: format!("fact {after}"),
        buyer: Some(BUYER),
        day: DAY,
        at: noon(),
        actor: "finance".to_owned(),
        body: r#"{"buyer":"8001","amount":"1.00","last_day":"2026-12-31"}"#.to_owned(),
    };
    store.enter(Entered { fact, transactions, changes, after })
}

pub(super) fn moved(kind: TransactionKind, from: Account, to: Account, amount: i64, reference: &str) -> Transaction {
    let sides = [(from, MicroYuan(amount)), (to, -MicroYuan(amount))];
    Transaction::of(kind, reference, DAY, noon(), "", sides).unwrap()
}

pub(super) fn open_client(store: &dyn Engine) {
    assert_eq!(enter(store, vec![AccountChange::OpenClient(CLIENT, BUYER)], vec![]), Ok(Booking::Booked));
}

/// Gives a grant.
pub(super) fn give(store: &dyn Engine, number: u32, client: Option<AdvertiserId>, last_day: ShanghaiDay, amount: i64) {
    let grant = GrantId(number);
    let terms = GrantTerms { grant, buyer: BUYER, client, last_day };
    let (cost, own) = (Account::single(AccountKind::GrantCost), Fund::Grant(grant).account());
    let given = moved(TransactionKind::Grant, cost, own, amount, &format!("grant {number}"));
    assert_eq!(enter(store, vec![AccountChange::Grant(terms)], vec![given]), Ok(Booking::Booked));
}

fn free_grant(number: u32) -> Pot {
    Pot::Free(Fund::Grant(GrantId(number)))
}

fn free_cash() -> Pot {
    Pot::Free(Fund::Cash(BUYER))
}

fn part(pot: Pot, amount: i64) -> LeasePart {
    LeasePart { pot, amount: MicroYuan(amount) }
}

fn parts(store: &dyn Engine, lease: LeaseId) -> Vec<LeasePart> {
    store.snapshot().unwrap().lease_parts(&[lease]).unwrap().pop().unwrap().1
}

/// Funded, settled, held of one pot.
fn pot(store: &dyn Engine, pot: Pot) -> (i64, i64, i64) {
    let positions = store.snapshot().unwrap().positions(noon()).unwrap();
    let found = positions.into_iter().find(|position| position.pot == pot).unwrap();
    (found.funded.0, found.settled.0, found.held().0)
}

fn limit(store: &dyn Engine, amount: i64) {
    let change = AccountChange::CreditLimit(BUYER, MicroYuan(amount));
    assert_eq!(enter(store, vec![change], vec![]), Ok(Booking::Booked));
}

fn restrict(store: &dyn Engine, standing: Standing) {
    assert_eq!(enter(store, vec![AccountChange::Standing(BUYER, standing)], vec![]), Ok(Booking::Booked));
    assert_eq!(store.snapshot().unwrap().standing(BUYER), Ok(standing));
}

pub(super) fn r_balance_grants_pay_before_cash_the_earliest_expiry_first_and_cash_before_credit(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    limit(store, 50);
    give(store, 20, None, ShanghaiDay(DAY.0 + 9), 30);
    give(store, 21, None, DAY, 20);
    give(store, 22, None, ShanghaiDay(DAY.0 - 1), 1_000);
    let lease = grant(store, CASH, 160).unwrap();
    let expected = [part(free_grant(21), 20), part(free_grant(20), 30), part(free_cash(), 100)];
    let credit = Pot::Free(Fund::Credit(BUYER));
    assert_eq!(parts(store, lease.id), [&expected[..], &[part(credit, 10)]].concat(), "the ended grant pays nothing");
    assert_eq!(position(store, CASH).available(), MicroYuan(1_040));
    record(store, posted(charge(1, lease.id, Method::Pd, 25))).unwrap();
    store.retire(lease.id, MicroYuan(60)).unwrap();
    assert_eq!(pot(store, free_grant(20)), (30, 0, 30));
    assert_eq!((pot(store, free_cash()), pot(store, credit)), ((100, 0, 10), (50, 0, 0)), "the end came back");
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    assert_eq!(pot(store, free_grant(21)), (20, 20, 0));
    assert_eq!((pot(store, free_grant(20)), pot(store, free_cash())), ((30, 5, 0), (100, 0, 0)));
    assert_eq!(store.snapshot().unwrap().lease_parts(&[LeaseId(99)]).unwrap(), [(LeaseId(99), vec![])]);
    derive(store, noon()).unwrap();
    verify(&*store.snapshot().unwrap()).unwrap();
}

pub(super) fn r_commit_a_day_is_set_aside_from_each_fund_and_keeps_its_terms(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    limit(store, 40);
    give(store, 20, None, DAY, 30);
    let of_day = day_of(DEAL, BUYER, 171);
    assert!(!store.commit_day(&of_day, noon()).unwrap(), "all of it or nothing");
    assert_eq!(pot(store, free_grant(20)), (30, 0, 0));
    let of_day = day_of(DEAL, BUYER, 150);
    assert!(store.commit_day(&of_day, noon()).unwrap());
    let aside = |fund| Pot::Committed(DEAL, DAY, fund);
    let [given, cash, credit] = [Fund::Grant(GrantId(20)), Fund::Cash(BUYER), Fund::Credit(BUYER)];
    let source = Source::Commitment(DEAL, DAY);
    let lease = grant(store, source, 150).unwrap();
    let expected = [part(aside(given), 30), part(aside(cash), 100), part(aside(credit), 20)];
    assert_eq!(parts(store, lease.id), expected);
    assert_eq!(pot(store, Pot::Free(credit)), (20, 0, 0), "20 are owed");
    let books = store.snapshot().unwrap();
    let kept = books.commitments(DAY, DAY).unwrap();
    assert_eq!((kept.len(), kept[0].terms, kept[0].funded), (1, Some(of_day.terms), true));
    assert_eq!(books.commitments(DAY.next(), ShanghaiDay(DAY.0 + 9)).unwrap(), []);
    let stored = books.transactions(0, 99).unwrap().pop().unwrap().contents;
    let entry = |account, amount| crate::event::Entry { account, amount: MicroYuan(amount) };
    let own = |kind, owner| Account { kind, owner };
    assert_eq!(
        stored.entries,
        [
            entry(own(AccountKind::BuyerReceivable, BUYER.0), 20),
            entry(Account::cash(BUYER), 100),
            entry(Account::committed(BUYER), -120),
            entry(own(AccountKind::Grant, 20), 30),
            entry(own(AccountKind::GrantCommitted, 20), -30),
        ]
    );
    verify(&*books).unwrap();
}

pub(super) fn r_balance_what_is_left_of_a_grant_is_void_after_its_last_day(store: &dyn Engine) {
    give(store, 20, None, DAY, 30);
    give(store, 21, None, ShanghaiDay(DAY.0 + 9), 40);
    let lease = grant(store, CASH, 12).unwrap();
    assert_eq!(store.expire(&[], noon()), Ok(0), "it may be used all of its last day");
    let midnight = DAY.next().starts_at();
    assert_eq!((store.expire(&[], midnight), store.expire(&[], midnight)), (Ok(1), Ok(0)));
    assert_eq!(pot(store, free_grant(20)), (12, 0, 12));
    record(store, posted(charge(1, lease.id, Method::Pd, 5))).unwrap();
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    assert_eq!(store.expire(&[], midnight), Ok(1), "what came back is void too");
    assert_eq!(pot(store, free_grant(20)), (5, 5, 0));
    let other = (BuyerId(8), DAY);
    assert_eq!(store.expire(&[other, (BUYER, DAY.next())], midnight), Ok(0));
    assert_eq!(store.expire(&[(BUYER, DAY)], midnight), Ok(1), "R-TERM: at the end of use all grants are void");
    assert_eq!(pot(store, free_grant(21)), (0, 0, 0));
    let stored = store.snapshot().unwrap().transactions(0, 99).unwrap();
    let voids = stored.iter().filter(|stored| stored.contents.kind == TransactionKind::GrantExpiry);
    let voids: Vec<_> = voids.map(|stored| stored.contents.reference.as_str()).collect();
    assert_eq!(voids, ["grant 20, 1", "grant 20, 2", "grant 21, 1"]);
    derive(store, noon()).unwrap();
    verify(&*store.snapshot().unwrap()).unwrap();
}

pub(super) fn r_balance_a_clients_own_account_pays_for_its_deals_alone(store: &dyn Engine) {
    let source = Source::Client(CLIENT);
    let own = Fund::Client(CLIENT).account();
    let transfer =
        |amount, reference: &str| moved(TransactionKind::Transfer, Account::cash(BUYER), own, amount, reference);
    top_up(store, "bank 1", 100).unwrap();
    assert!(matches!(enter(store, vec![], vec![transfer(60, "t")]), Err(BookError::NoAccount(_))), "not opened");
    assert_eq!(grant(store, source, 1), None);
    let opened = AccountChange::OpenClient(CLIENT, BUYER);
    let beyond = enter(store, vec![opened], vec![transfer(101, "t")]);
    assert!(matches!(beyond, Err(BookError::Insufficient { .. })));
    assert!(matches!(enter(store, vec![], vec![transfer(1, "t")]), Err(BookError::NoAccount(_))), "nothing was opened");
    assert_eq!(enter(store, vec![opened], vec![transfer(60, "t")]), Ok(Booking::Booked));
    let stolen = enter(store, vec![AccountChange::OpenClient(CLIENT, BuyerId(8))], vec![]);
    assert!(matches!(stolen, Err(BookError::NoAccount(_))), "another buyer's client");
    give(store, 20, Some(CLIENT), DAY, 10);
    assert_eq!(
        (position(store, source).available(), position(store, CASH).available()),
        (MicroYuan(70), MicroYuan(40))
    );
    let lease = grant(store, source, 70).unwrap();
    assert_eq!(parts(store, lease.id), [part(free_grant(20), 10), part(Pot::Free(Fund::Client(CLIENT)), 60)]);
    assert!(store.grant(LeaseRequest { buyer: BuyerId(8), ..request(source, 1) }).is_err(), "another buyer's client");
    assert_eq!(record(store, posted(charge(1, lease.id, Method::Pd, 7))), Ok(Recorded::Posted));
    let other = Charge { advertiser: AdvertiserId(6), ..charge(2, lease.id, Method::Pd, 7) };
    assert_eq!(record(store, posted(other)), Ok(Recorded::LeaseClosed), "another client's ad");
    store.retire(lease.id, MicroYuan(7)).unwrap();
    let mut of_day = day_of(DEAL, BUYER, 50);
    of_day.payer = source;
    assert!(store.commit_day(&of_day, noon()).unwrap());
    assert_eq!(position(store, source).available(), MicroYuan(13));
    verify(&*store.snapshot().unwrap()).unwrap();
}

pub(super) fn r_restrict_frozen_money_is_not_leased_and_a_buyers_measures_are_its_clients(store: &dyn Engine) {
    let frozen_cash = Standing { cash_frozen: true, ..Standing::default() };
    let frozen_grants = Standing { grants_frozen: true, ..Standing::default() };
    let no_leases = Standing { no_leases: true, ..Standing::default() };
    top_up(store, "bank 1", 100).unwrap();
    let own = Fund::Client(CLIENT).account();
    let transfer = moved(TransactionKind::Transfer, Account::cash(BUYER), own, 40, "t");
    enter(store, vec![AccountChange::OpenClient(CLIENT, BUYER)], vec![transfer]).unwrap();
    give(store, 20, None, DAY, 30);
    assert!(store.commit_day(&day_of(DEAL, BUYER, 35), noon()).unwrap());
    restrict(store, frozen_grants);
    assert_eq!(grant(store, CASH, 5).map(|lease| parts(store, lease.id)), Some(vec![part(free_cash(), 5)]));
    assert_eq!(grant(store, Source::Commitment(DEAL, DAY), 35).map(|lease| lease.amount), Some(MicroYuan(5)));
    restrict(store, frozen_cash);
    assert_eq!((grant(store, CASH, 5), grant(store, Source::Client(CLIENT), 5)), (None, None));
    assert!(!store.commit_day(&day_of(DealId(7), BUYER, 1), noon()).unwrap(), "nothing is set aside either");
    restrict(store, no_leases);
    assert_eq!(grant(store, Source::Client(CLIENT), 5), None);
    restrict(store, Standing::default());
    assert!(grant(store, Source::Client(CLIENT), 5).is_some(), "rectified");
    assert!(store.commit_day(&day_of(DealId(7), BUYER, 1), noon()).unwrap());
}

pub(super) fn r_credit_a_limit_that_is_cut_leaves_what_is_held_valid(store: &dyn Engine) {
    limit(store, 100);
    let lease = grant(store, CASH, 80).unwrap();
    limit(store, 0);
    assert_eq!((position(store, CASH).available(), grant(store, CASH, 1)), (MicroYuan(0), None));
    assert_eq!(record(store, posted(charge(1, lease.id, Method::Pd, 80))), Ok(Recorded::Posted), "its tokens are good");
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    limit(store, 90);
    assert_eq!(position(store, CASH).available(), MicroYuan(10), "80 are owed");
    let receivable = Fund::Credit(BUYER).account();
    let paid = moved(TransactionKind::Receipt, Account::single(AccountKind::Bank), receivable, 30, "paid");
    assert_eq!(store.book(vec![paid]), Ok(Booking::Booked));
    assert_eq!(position(store, CASH).available(), MicroYuan(40), "what was paid may be owed again");
    derive(store, noon()).unwrap();
    verify(&*store.snapshot().unwrap()).unwrap();
}

pub(super) fn r_restrict_an_account_is_closed_when_nothing_of_it_is_held_and_voids_its_grants(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    give(store, 20, None, DAY, 30);
    let lease = grant(store, CASH, 40).unwrap();
    let close = || enter(store, vec![AccountChange::Close(BUYER)], vec![]);
    assert!(matches!(close(), Err(BookError::StillHeld { held: MicroYuan(40), .. })));
    store.retire(lease.id, MicroYuan(0)).unwrap();
    assert!(store.commit_day(&day_of(DEAL, BUYER, 10), noon()).unwrap());
    assert!(matches!(close(), Err(BookError::StillHeld { held: MicroYuan(10), .. })));
    // The day's closing, which is not this suite's, would give it back; here all of it is delivered.
    let lease = grant(store, Source::Commitment(DEAL, DAY), 10).unwrap();
    record(store, posted(charge(1, lease.id, Method::Bpg, 10))).unwrap();
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    let refund = moved(TransactionKind::Refund, Account::cash(BUYER), Account::single(AccountKind::Bank), 100, "r");
    assert_eq!(enter(store, vec![AccountChange::Close(BUYER)], vec![refund]), Ok(Booking::Booked));
    assert_eq!((pot(store, free_grant(20)), pot(store, free_cash())), ((0, 0, 0), (0, 0, 0)));
    assert!(store.snapshot().unwrap().standing(BUYER).unwrap().closed);
    top_up(store, "bank 2", 100).unwrap();
    assert_eq!(grant(store, CASH, 1), None);
    derive(store, noon()).unwrap();
    verify(&*store.snapshot().unwrap()).unwrap();
}
