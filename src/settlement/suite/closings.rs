//! What every store promises of closing guaranteed deals' days, from commitments, leases, charges, counts and seals to the ledger.

use super::funds::give;
use super::seals::seal_next;
use std::collections::BTreeSet;

use super::*;
use crate::event::{
    Account, AccountKind, Cause, ClosedDay, DayClosing, DayCommitment, DayTerms, Fund, GrantId, Pot, TransactionKind,
};
use crate::market::deal::{Deal, DealState, PushRatio, Targeting, Volume};
use crate::market::few::Few;
use crate::market::supply::Formats;
use crate::market::{ExchangeTerms, Market, Parts};
use crate::settlement::day::{Closer, Closing, make_good_of};
use crate::settlement::ledger::rebuild;

/// One yuan in micro-yuan.
const YUAN: i64 = 1_000_000;

/// An order of so many days from `DAY` on at ¥60.00 CPM.
pub(super) struct Order {
    pub(super) market: Market,
    ordered: u64,
    push: PushRatio,
}

pub(super) fn price() -> CpmMicroYuan {
    CpmMicroYuan::parse_yuan("60.00").unwrap()
}

pub(super) fn order(days: u32, ordered: u64, push: &str) -> Order {
    let push = PushRatio::parse(push).unwrap();
    let deal = Deal {
        id: DEAL,
        wire: "PDB-1".to_owned(),
        method: Method::Pdb,
        state: DealState::Active,
        buyer: BUYER,
        dsps: Few::default(),
        advertisers: Few::default(),
        period: (DAY, ShanghaiDay(DAY.0 + days - 1)),
        price: price(),
        volume: Some(Volume { daily: ordered, push }),
        priority: 0,
        fallback: None,
        identifiers: false,
        approved_markup: false,
        unreviewed_a_day: None,
        frequency: None,
        client: None,
        targeting: Targeting { places: Few::default(), formats: Formats::ALL, conditions: None },
    };
    let parts = Parts { deals: vec![deal], ..Parts::default() };
    Order { market: Market::assemble(1, noon(), [0; 32], ExchangeTerms::plain(), parts), ordered, push }
}

pub(super) fn nth(index: u32) -> ShanghaiDay {
    ShanghaiDay(DAY.0 + index)
}

impl Order {
    pub(super) fn commit(&self, store: &dyn Engine, day: ShanghaiDay) -> bool {
        let per_impression = price().per_impression().0;
        let push = [(1, 1), (13, 10)].into_iter().find(|ratio| PushRatio::of(ratio.0, ratio.1) == Some(self.push));
        let amount = MicroYuan(per_impression * self.ordered as i64);
        let terms = DayTerms { ordered: self.ordered, price: price(), push: push.unwrap(), amount };
        let payer = Source::Balance(BUYER);
        let commitment = DayCommitment { deal: DEAL, day, buyer: BUYER, payer, terms };
        store.commit_day(&commitment, day.starts_at().plus_ms(1_000)).unwrap()
    }

    /// A whole day: funded, offered, delivered, over, sealed, closed.
    pub(super) fn day(&self, store: &dyn Engine, day: ShanghaiDay, offered: u64, delivered: u64) -> bool {
        let funded = self.commit(store, day);
        deliver(store, day, delivered);
        count(store, day, Stage::Offered, offered);
        self.close(store, day);
        funded
    }

    pub(super) fn close(&self, store: &dyn Engine, day: ShanghaiDay) {
        let after = over(day);
        store.close_dead(after).unwrap();
        derive(store, after).unwrap();
        while seal_next(store, after).is_some() {}
        let mut closer = Closer::default();
        while closer.step(store, &self.market, after).unwrap() != Closing::Idle {}
    }
}

/// Half past midnight.
pub(super) fn over(day: ShanghaiDay) -> UnixMillis {
    day.next().starts_at().plus_ms(1_800_000)
}

pub(super) fn count(store: &dyn Engine, day: ShanghaiDay, stage: Stage, count: u64) {
    let measure = Measure::Stage(stage);
    store.tally(vec![Tally { day, deal: DEAL, measure, count }]).unwrap();
    // Counts are written behind what was queued before.
    store.close_dead(UnixMillis(0)).unwrap();
}

/// Delivers so many impressions in two charges under two leases, as far as the money that is set aside reaches.
pub(super) fn deliver(store: &dyn Engine, day: ShanghaiDay, impressions: u64) {
    let at = day.starts_at().plus_ms(3_600_000);
    for (index, part) in [impressions / 3, impressions - impressions / 3].into_iter().enumerate() {
        let window_ends = at.plus_ms(60_000);
        let source = Source::Commitment(DEAL, day);
        let want = MicroYuan(price().per_impression().0 * part as i64);
        let request = LeaseRequest { source, buyer: BUYER, want, window_ends, closes_at: at.plus_ms(700_000) };
        let Some(lease) = store.grant(request).unwrap() else { continue };
        let mut charge = charge(1, lease.id, Method::Pdb, 1);
        charge.key.auction = AuctionId((u128::from(at.0) << 80) | index as u128);
        charge.media = MediaId(index as u32);
        (charge.price, charge.earning) = (price(), CpmMicroYuan::parse_yuan("48.00").unwrap());
        charge.quantity = Quantity(u32::try_from(part * 1_000).unwrap());
        assert_eq!(record(store, posted(charge)), Ok(Recorded::Posted), "{day}");
    }
}

pub(super) fn closed(store: &dyn Engine) -> Vec<ClosedDay> {
    let books = store.snapshot().unwrap();
    let (first, last) = (ShanghaiDay(0), ShanghaiDay(u32::MAX));
    let all = books.closings(first, last).unwrap();
    assert_eq!(books.closings_of(BUYER, None, first, last).as_ref(), Ok(&all));
    assert_eq!(books.closings_of(BUYER, Some(DEAL), nth(1), nth(1)), books.closings(nth(1), nth(1)));
    for (buyer, deal) in [(BuyerId(BUYER.0 + 1), None), (BUYER, Some(DealId(DEAL.0 + 1)))] {
        assert_eq!(books.closings_of(buyer, deal, first, last), Ok(vec![]), "others' cost nothing");
    }
    all
}

fn balance(store: &dyn Engine, account: Account) -> i64 {
    let balances = store.snapshot().unwrap().balances().unwrap();
    balances.iter().find(|(known, _)| *known == account).map_or(0, |(_, amount)| amount.0)
}

pub(super) fn of_buyer(kind: AccountKind) -> Account {
    Account { kind, owner: BUYER.0 }
}

/// What the buyer has paid for in all: what came in, less what it still has.
fn charged(store: &dyn Engine, paid_in: i64) -> i64 {
    let kinds = [AccountKind::BuyerCash, AccountKind::BuyerCommitted, AccountKind::BuyerMakeGood];
    paid_in + kinds.map(|kind| balance(store, of_buyer(kind))).iter().sum::<i64>()
}

pub(super) fn proved(store: &dyn Engine) {
    let books = store.snapshot().unwrap();
    verify(&*books).unwrap();
    let rebuilt = rebuild(&*books).unwrap();
    assert_eq!(rebuilt.journal, rebuilt.ledger);
}

/// Worked example 2: 200,000 a day at ¥60 CPM over 30 days, 50,000 too few offered on the 12th. `extra` is delivered on the next day beyond what
/// was ordered for it.
fn worked_example_2(store: &dyn Engine, push: &str, offered_on_12th: u64, extra: u64) {
    let order = order(30, 200_000, push);
    let enough = order.push.offers_for(200_000);
    top_up(store, "bank 1", 400_000 * YUAN).unwrap();
    for index in 0..30 {
        let day = nth(index);
        let (offered, delivered) = match index {
            11 => (offered_on_12th, 140_000),
            12 if extra > 0 => (order.push.offers_for(200_000 + extra), 200_000 + extra),
            12 => (enough, 180_000),
            13 => (enough, if extra > 0 { 170_000 } else { 190_000 }),
            _ => (enough, 170_000),
        };
        assert!(order.day(store, day, offered, delivered), "{day}");
        let owed = make_good_of(&*store.snapshot().unwrap(), day.next()).unwrap();
        let expected = if index == 11 || index > 11 && index < 29 && extra == 0 { 50_000 } else { 0 };
        assert_eq!(owed.values().sum::<u64>(), expected, "{day}");
        if index == 12 {
            proved(store);
        }
    }
    let days = closed(store);
    let sum = |of: fn(&DayClosing) -> u64| days.iter().map(|day| of(&day.closing)).sum::<u64>();
    assert_eq!((days.len(), sum(|day| day.failed), sum(|day| day.made_good)), (30, 50_000, extra));
    assert_eq!((sum(|day| day.delivered), sum(|day| day.by_buyer)), (5_100_000, 850_000));
    assert_eq!((sum(|day| day.at_cost), sum(|day| day.exempted)), (0, 0));
    let causes: u64 = days.iter().flat_map(|day| &day.closing.causes).map(|(_, count)| count).sum();
    assert_eq!(causes, 900_000, "every unit ends under one cause");
    let price = price().per_impression().0;
    assert_eq!(balance(store, Account::single(AccountKind::UndeliveredRevenue)), -850_000 * price);
    let released: i64 = days.iter().map(|day| day.released.0).sum();
    assert_eq!(released, if extra > 0 { 0 } else { 3_000 * YUAN });
    assert_eq!(balance(store, of_buyer(AccountKind::BuyerMakeGood)), 0, "nothing is kept beyond the order's end");
    assert_eq!(balance(store, of_buyer(AccountKind::BuyerCommitted)), 0);
    assert_eq!(charged(store, 400_000 * YUAN), if extra > 0 { 360_000 * YUAN } else { 357_000 * YUAN });
    proved(store);
}

pub(super) fn r_makegood_worked_example_2_without_make_good_costs_357000(store: &dyn Engine) {
    worked_example_2(store, "1", 150_000, 0);
}

pub(super) fn r_makegood_worked_example_2_with_make_good_costs_360000(store: &dyn Engine) {
    worked_example_2(store, "1.3", 195_000, 50_000);
}

pub(super) fn r_commit_a_day_is_closed_once_in_order_and_only_when_it_is_sealed(store: &dyn Engine) {
    let order = order(4, 1_000, "1");
    top_up(store, "bank 1", 1_000 * YUAN).unwrap();
    assert!(order.commit(store, nth(0)) && order.commit(store, nth(1)));
    deliver(store, nth(0), 600);
    count(store, nth(0), Stage::Offered, 500);
    count(store, nth(0), Stage::Withheld, 300);
    let closing = |day, failed| DayClosing {
        deal: DEAL,
        day,
        buyer: BUYER,
        price: price(),
        ordered: 1_000,
        offered: 800,
        delivered: 600,
        made_good: 0,
        at_cost: 0,
        failed,
        exempted: 0,
        by_buyer: 400 - failed,
        causes: vec![(Cause::DspTimeout, 400 - failed), (Cause::TooLittleTraffic, failed)],
        good_until: nth(3),
        made_good_on: Some(nth(1)),
    };
    let refused = |closing: &DayClosing, now| store.close_day(closing, now).unwrap_err().to_string();
    assert!(refused(&closing(nth(0), 200), over(nth(0))).contains("it is not sealed"));
    assert_eq!(store.snapshot().unwrap().closable(over(nth(0)), &BTreeSet::new()), Ok(vec![]));
    store.close_dead(over(nth(0))).unwrap();
    derive(store, over(nth(0))).unwrap();
    assert!(seal_next(store, over(nth(0))).is_some());
    assert!(refused(&closing(nth(1), 200), over(nth(1))).contains("an earlier day of the deal is not closed"));
    assert!(refused(&DayClosing { by_buyer: 201, ..closing(nth(0), 200) }, over(nth(0))).contains("do not add up"));
    assert!(refused(&DayClosing { ordered: 999, ..closing(nth(0), 200) }, over(nth(0))).contains("terms are others"));
    for on in [nth(0), nth(4)] {
        let other = DayClosing { made_good_on: Some(on), ..closing(nth(0), 200) };
        assert!(refused(&other, over(nth(0))).contains("nothing can be made good"));
    }
    let unknown = DayClosing { deal: DealId(99), ..closing(nth(0), 200) };
    assert!(refused(&unknown, over(nth(0))).contains("nobody decided"));
    assert_eq!(closed(store), []);

    let before = store.snapshot().unwrap().transactions(0, 99).unwrap().len();
    assert_eq!(store.close_day(&closing(nth(0), 200), over(nth(0))), Ok(Booking::Booked));
    assert_eq!(store.close_day(&closing(nth(0), 100), over(nth(0))), Ok(Booking::AlreadyBooked), "once");
    let books = store.snapshot().unwrap();
    let made = books.transactions(before as u64, 99).unwrap();
    assert_eq!(made.iter().map(|it| it.contents.kind).collect::<Vec<_>>(), [TransactionKind::DayClosing]);
    assert_eq!(balance(store, Account::single(AccountKind::UndeliveredRevenue)), -12 * YUAN, "200 at ¥60 CPM");
    assert_eq!(balance(store, of_buyer(AccountKind::BuyerMakeGood)), -12 * YUAN);
    assert_eq!(make_good_of(&*books, nth(1)).unwrap().get(&DEAL), Some(&200));
    // Its money is leased with the next day's, behind it.
    let position = |pot| books.positions(noon()).unwrap().into_iter().find(|it| it.pot == pot).unwrap();
    assert_eq!(position(Pot::MakeGood(DEAL, nth(1), Fund::Cash(BUYER))).available(), MicroYuan(12 * YUAN));
    assert_eq!(position(Pot::Committed(DEAL, nth(0), Fund::Cash(BUYER))).available(), MicroYuan(0));
    proved(store);
    // A closing that comes late is made good on the day of its coming.
    count(store, nth(1), Stage::Offered, 700);
    deliver(store, nth(1), 0);
    let late = over(nth(2));
    store.close_dead(late).unwrap();
    let mut closer = Closer::default();
    while closer.step(store, &order.market, late).unwrap() != Closing::Idle {}
    let second = closed(store).pop().unwrap();
    assert_eq!((second.closing.failed, second.closing.by_buyer), (300, 700));
    assert_eq!(
        (second.closing.made_good_on, second.kept),
        (Some(nth(3)), MicroYuan(30 * YUAN)),
        "200 of the first day and 300 of its own"
    );
    proved(store);
}

pub(super) fn r_commit_grants_pay_what_is_payable_and_what_is_owed_goes_back_to_its_fund(store: &dyn Engine) {
    // The day costs ¥60: ¥40 of a grant and ¥20 of cash.
    let order = order(2, 1_000, "1");
    top_up(store, "bank 1", 200 * YUAN).unwrap();
    give(store, 7, None, nth(9), 40 * YUAN);
    // 500 delivered (¥30 of the grant), 200 the buyer's (¥10 of the grant, ¥2 of cash), 300 the exchange's (¥18 of cash).
    order.day(store, nth(0), 700, 500);
    let first = closed(store).pop().unwrap();
    assert_eq!(
        (first.payable, first.from_grants, first.kept),
        (MicroYuan(12 * YUAN), MicroYuan(10 * YUAN), MicroYuan(18 * YUAN))
    );
    assert_eq!(balance(store, of_buyer(AccountKind::BuyerMakeGood)), -18 * YUAN);
    assert_eq!(balance(store, Account { kind: AccountKind::GrantCommitted, owner: 7 }), 0);
    proved(store);
    // The last day: 1,100 delivered, 100 of them make-good; the other 200 go back.
    order.day(store, nth(1), 1_300, 1_100);
    let last = closed(store).pop().unwrap();
    assert_eq!((last.closing.made_good, last.closing.delivered, last.closing.at_cost), (100, 1_000, 0));
    assert_eq!((last.payable, last.kept, last.released), (MicroYuan(0), MicroYuan(0), MicroYuan(12 * YUAN)));
    assert_eq!(charged(store, 200 * YUAN), (2 + 60 + 6) * YUAN, "cash: ¥2 of the first day, the second, its make-good");
    proved(store);
}

pub(super) fn r_balance_a_failure_that_a_grant_had_paid_for_goes_back_to_the_grant(store: &dyn Engine) {
    let order = order(1, 1_000, "1");
    give(store, 7, None, nth(9), 100 * YUAN);
    order.day(store, nth(0), 400, 400);
    let only = closed(store).pop().unwrap();
    assert_eq!((only.payable, only.released, only.kept), (MicroYuan(0), MicroYuan(36 * YUAN), MicroYuan(0)));
    let grant = Fund::Grant(GrantId(7)).account();
    assert_eq!(balance(store, grant), -76 * YUAN);
    let books = store.snapshot().unwrap();
    let free = books.positions(noon()).unwrap().into_iter().find(|it| it.pot == Pot::Free(Fund::Grant(GrantId(7))));
    assert_eq!(free.unwrap().available(), MicroYuan(76 * YUAN));
    proved(store);
}

pub(super) fn r_makegood_a_day_without_funds_is_the_buyers_cause(store: &dyn Engine) {
    let order = order(3, 1_000, "1");
    top_up(store, "bank 1", 45 * YUAN).unwrap();
    // ¥60 are needed. 900 were withheld: 100 are the exchange's failure, 900 are payable: ¥54.
    assert!(!order.commit(store, nth(0)));
    count(store, nth(0), Stage::Withheld, 900);
    order.close(store, nth(0));
    let day = closed(store).pop().unwrap();
    assert!(!day.funded);
    assert_eq!((day.closing.by_buyer, day.closing.failed), (900, 100));
    assert_eq!(
        (day.payable, day.from_cash, day.owed),
        (MicroYuan(54 * YUAN), MicroYuan(45 * YUAN), MicroYuan(9 * YUAN))
    );
    assert_eq!((day.kept, day.released), (MicroYuan(0), MicroYuan(0)), "what was never paid is not made good");
    assert_eq!(balance(store, of_buyer(AccountKind::BuyerCash)), 0);
    assert_eq!(balance(store, of_buyer(AccountKind::BuyerReceivable)), 9 * YUAN);
    proved(store);
    // A paid receivable is no prepayment: a later day needs its own.
    top_up(store, "bank 2", 60 * YUAN).unwrap();
    order.day(store, nth(1), 1_000, 1_000);
    assert_eq!(closed(store).len(), 2);
    proved(store);
}

/// Each figure of a closing is proved, and so is that no closing is missing.
#[test]
fn a_closing_cannot_be_altered() {
    let cases = [
        ("UPDATE day_closing SET payable = payable + 1, kept = kept - 1", "payable: it is"),
        ("UPDATE day_closing SET kept = kept + 1", "what is kept and what went back"),
        ("UPDATE day_closing SET failed = failed - 1, by_buyer = by_buyer + 1", "payable: it is"),
        ("UPDATE day_closing_cause SET count = count + 1", "ended under a cause"),
        ("UPDATE day_closing SET from_cash = 1", "what was taken from cash"),
        (
            "DELETE FROM day_closing_cause; DELETE FROM day_exemption; DELETE FROM day_closing",
            "there is no record of one",
        ),
        ("UPDATE pot SET funded = funded + 1 WHERE state = 3", "buyer_make_good/4"),
        ("UPDATE day_exemption SET back = back - 1, kept = kept - 1", "what its exemption gave back: it is"),
        ("UPDATE day_exemption SET kept = kept - 1", "what its exemption keeps, in the ledger"),
        ("UPDATE day_exemption SET to_grants = 1", "what its exemption gave back to grants"),
        ("DELETE FROM day_exemption", "there is no record of one"),
    ];
    for (sql, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
        let order = order(3, 1_000, "1");
        top_up(&store, "bank 1", 200 * YUAN).unwrap();
        order.day(&store, nth(0), 700, 500);
        order.day(&store, nth(1), 700, 500);
        store.exempt_day(DEAL, nth(1), Some(nth(2)), over(nth(1))).unwrap();
        proved(&store);
        drop(store);
        let connection = rusqlite::Connection::open(folder.path().join("pmpx.db")).unwrap();
        let drops: String = ["day_closing", "day_closing_cause", "day_exemption"]
            .map(|name| format!("DROP TRIGGER {name}_keep; DROP TRIGGER {name}_stay;"))
            .concat();
        connection.execute_batch(&format!("{drops} {sql}")).unwrap();
        let found = verify(&crate::store::SqliteReader::open(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(found.contains(words), "{sql}: {found}");
    }
}
