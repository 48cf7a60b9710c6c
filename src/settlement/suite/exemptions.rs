//! What every store promises of days that become exempt after they were closed, and of a day that cannot be closed (R-EXEMPT, R-COMMIT).

use super::closings::{Order, closed, count, deliver, nth, of_buyer, order, over, price, proved};
use super::funds::give;
use super::*;
use crate::event::{Fund, GrantId, LateExemption, Pot};
use crate::settlement::day::{Closer, Closing, make_good_of};

/// One yuan in micro-yuan.
const YUAN: i64 = 1_000_000;

fn yuan(amount: i64) -> MicroYuan {
    MicroYuan(amount * YUAN)
}

fn account(store: &dyn Engine, kind: AccountKind) -> i64 {
    let account = if kind == AccountKind::UndeliveredRevenue { Account::single(kind) } else { of_buyer(kind) };
    let balances = store.snapshot().unwrap().balances().unwrap();
    balances.iter().find(|(known, _)| *known == account).map_or(0, |(_, amount)| amount.0)
}

/// A day that costs ¥60, ¥40 of a grant and ¥20 of cash: 500 delivered, 200 the buyer's (¥10 of the grant, ¥2 of cash), 300 the exchange's.
fn first_day(store: &dyn Engine, order: &Order) {
    top_up(store, "bank 1", 200 * YUAN).unwrap();
    give(store, 7, None, nth(9), 40 * YUAN);
    order.day(store, nth(0), 700, 500);
    assert_eq!((closed(store)[0].payable, closed(store)[0].from_grants), (yuan(12), yuan(10)));
}

pub(super) fn r_exempt_a_closed_day_gives_back_what_it_charged_to_be_made_good(store: &dyn Engine) {
    let order = order(2, 1_000, "1");
    let exempt = |day, on| store.exempt_day(DEAL, day, on, over(nth(0)));
    let refused = |day, on| exempt(day, on).unwrap_err().to_string();
    assert!(refused(nth(0), Some(nth(1))).contains("is not closed: so that nothing of it can be exempted"));
    first_day(store, &order);
    for on in [nth(0), nth(2)] {
        assert!(refused(nth(0), Some(on)).contains("nothing can be made good on the day"), "{on}");
    }
    assert_eq!(exempt(nth(0), Some(nth(1))), Ok(Booking::Booked));
    assert_eq!(exempt(nth(0), None), Ok(Booking::AlreadyBooked), "once");
    let day = closed(store).pop().unwrap();
    let expected = LateExemption {
        at: over(nth(0)),
        back: yuan(12),
        to_grants: yuan(10),
        kept: yuan(12),
        made_good_on: Some(nth(1)),
    };
    assert_eq!(day.exemption, Some(expected));
    let stands = day.stands();
    assert_eq!((stands.delivered, stands.failed, stands.by_buyer, stands.exempted), (500, 0, 0, 500));
    assert_eq!(account(store, AccountKind::UndeliveredRevenue), 0);
    assert_eq!(make_good_of(&*store.snapshot().unwrap(), nth(1)).unwrap().get(&DEAL), Some(&500));
    proved(store);
    // Served later on no worse terms: all of it, from the grant and the cash that had paid.
    order.day(store, nth(1), 1_500, 1_500);
    let last = closed(store).pop().unwrap();
    assert_eq!((last.closing.made_good, last.closing.at_cost, last.released), (500, 0, yuan(0)));
    assert_eq!(account(store, AccountKind::BuyerCash), -(200 - 20 - 60) * YUAN);
    assert_eq!(account(store, AccountKind::BuyerMakeGood), 0);
    proved(store);
}

pub(super) fn r_exempt_what_cannot_be_served_later_goes_back_to_where_it_came_from(store: &dyn Engine) {
    let order = order(1, 1_000, "1");
    first_day(store, &order);
    assert_eq!(store.exempt_day(DEAL, nth(0), None, over(nth(0))), Ok(Booking::Booked));
    let positions = store.snapshot().unwrap().positions(noon()).unwrap();
    let free = |fund| positions.iter().find(|it| it.pot == Pot::Free(fund)).unwrap().available();
    assert_eq!(free(Fund::Grant(GrantId(7))), yuan(10), "actual delivery settles: ¥30 of it");
    assert_eq!(free(Fund::Cash(BUYER)), yuan(200));
    proved(store);
}

pub(super) fn r_exempt_what_a_day_without_funds_took_pays_what_is_owed_first(store: &dyn Engine) {
    let order = order(3, 1_000, "1");
    top_up(store, "bank 1", 45 * YUAN).unwrap();
    assert!(!order.commit(store, nth(0)));
    count(store, nth(0), Stage::Withheld, 900);
    order.close(store, nth(0));
    assert_eq!((closed(store)[0].from_cash, closed(store)[0].owed), (yuan(45), yuan(9)));
    assert_eq!(store.exempt_day(DEAL, nth(0), Some(nth(1)), over(nth(0))), Ok(Booking::Booked));
    let exemption = closed(store)[0].exemption.unwrap();
    assert_eq!((exemption.back, exemption.kept, exemption.made_good_on), (yuan(54), yuan(0), None));
    assert_eq!(account(store, AccountKind::BuyerReceivable), 0);
    assert_eq!(account(store, AccountKind::BuyerCash), -45 * YUAN);
    proved(store);
}

pub(super) fn r_commit_a_day_that_cannot_be_closed_holds_up_its_own_deal_alone(store: &dyn Engine) {
    let order = order(3, 1_000, "1");
    top_up(store, "bank 1", 500 * YUAN).unwrap();
    // A push ratio below 1 is none: nobody can say what such a day comes to.
    let stuck = DealId(DEAL.0 - 1);
    let terms = DayTerms { ordered: 10, price: price(), push: (1, 2), amount: MicroYuan(600_000) };
    for index in 0..2 {
        let day = nth(index);
        assert!(order.commit(store, day));
        let payer = Source::Balance(BUYER);
        let commitment = DayCommitment { deal: stuck, day, buyer: BUYER, payer, terms };
        store.commit_day(&commitment, day.starts_at().plus_ms(1_000)).unwrap();
        deliver(store, day, 1_000);
        count(store, day, Stage::Offered, 1_000);
    }
    let after = over(nth(1));
    store.close_dead(after).unwrap();
    derive(store, after).unwrap();
    while seals::seal_next(store, after).is_some() {}
    let mut closer = Closer::default();
    for _ in 0..2 {
        let ended = std::iter::from_fn(|| Some(closer.step(store, &order.market, after)))
            .find(|step| !matches!(step, Ok(Closing::Working | Closing::Closed(_))));
        let told = ended.unwrap().unwrap_err().to_string();
        assert!(told.contains("R-COMMIT") && told.contains("terms that nobody knows"), "told each time: {told}");
        let days: Vec<_> = closed(store).iter().map(|day| (day.closing.deal, day.closing.day)).collect();
        assert_eq!(days, [(DEAL, nth(0)), (DEAL, nth(1))]);
    }
    proved(store);
}
