use super::*;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Booking, Entered, Fact, GrantId, GrantTerms, LeaseRequest, Leases, Ledger, Source, TransactionKind, sums_by_source,
};
use crate::ids::{AdvertiserId, LeaseId};
use crate::market::agreement::Cooperation;
use crate::market::demand::Advertiser;
use crate::market::{ExchangeTerms, Market, Parts};
use crate::money::MicroYuan;
use crate::settlement::ledger::verify;
use crate::settlement::office::{Submission, enter as submit, tests::buyer};
use crate::store::MemoryStore;

const NOW: UnixMillis = UnixMillis(1_795_312_800_000);
const BUYER: BuyerId = BuyerId(0);
const CASH: Source = Source::Balance(BUYER);

fn today() -> ShanghaiDay {
    NOW.shanghai_day()
}

/// Buyers `8001`, with clients `c1` and `c2`, and `8002` with `c3`; the first's cooperation ends on a day.
fn market(until: Option<ShanghaiDay>) -> Market {
    let client = |number: u32, buyer: u32| Advertiser {
        id: AdvertiserId(number),
        buyer: BuyerId(buyer),
        wire: format!("c{}", number + 1),
        name: "A client".to_owned(),
        source: "A client".to_owned(),
        domains: vec![],
        category: String::new(),
        industries: vec![],
        qualified_until: Some(today()),
    };
    let mut buyers = vec![buyer(0), buyer(1)];
    buyers[0].cooperation = until.map(|until| Cooperation { from: ShanghaiDay(0), until });
    let parts = Parts { buyers, advertisers: vec![client(0, 0), client(1, 0), client(2, 1)], ..Parts::default() };
    Market::assemble(1, NOW, [0; 32], ExchangeTerms::plain(), parts)
}

struct Desk {
    store: MemoryStore,
    market: Market,
}

impl Desk {
    fn new() -> Self {
        Self { store: MemoryStore::new(), market: market(None) }
    }

    /// Enters one record about buyer `8001`; `rest` is the body without the buyer.
    fn enter(&self, kind: FactKind, reference: &str, rest: &str) -> Result<Booking, Refusal> {
        let body = format!(r#"{{"buyer":"8001",{rest}}}"#);
        let submission = Submission { kind, reference, actor: "finance", body: body.as_bytes() };
        submit(&submission, &self.market, &self.store, NOW).map(|receipt| receipt.booking)
    }

    fn done(&self, kind: FactKind, reference: &str, rest: &str) {
        assert_eq!(self.enter(kind, reference, rest), Ok(Booking::Booked), "{rest}");
        let again = self.enter(kind, reference, rest);
        assert_eq!(again, Ok(Booking::AlreadyBooked), "entered once by its reference: {rest}");
        verify(&*self.store.snapshot().unwrap()).unwrap();
    }

    /// That a rule refuses it, in these words, and that nothing changed.
    fn refused(&self, kind: FactKind, rest: &str, words: &str) {
        let before = self.store.snapshot().unwrap();
        let said = self.enter(kind, "refused", rest).unwrap_err().to_string();
        assert!(said.contains(words), "{rest}: {said}");
        let after = self.store.snapshot().unwrap();
        assert_eq!(before.positions(NOW).unwrap(), after.positions(NOW).unwrap());
        assert_eq!(before.transactions(0, 999).unwrap(), after.transactions(0, 999).unwrap());
        assert_eq!(before.facts(0, 999).unwrap(), after.facts(0, 999).unwrap());
    }

    /// What is free of a source, in yuan.
    fn free(&self, source: Source) -> i64 {
        let sums = sums_by_source(&self.store.snapshot().unwrap().positions(NOW).unwrap());
        sums.get(&source).map_or(0, |sums| sums.available().0 / 1_000_000)
    }

    fn lease(&self, want: i64) -> LeaseId {
        let (window_ends, closes_at) = (NOW.plus_ms(60_000), NOW.plus_ms(90_000));
        let want = MicroYuan(want * 1_000_000);
        let request = LeaseRequest { source: CASH, buyer: BUYER, want, window_ends, closes_at };
        self.store.grant(request).unwrap().unwrap().id
    }

    fn hold(&self, kind: FactKind) {
        let after = self.store.snapshot().unwrap().facts(0, 999).unwrap().len() as u64;
        let what = if kind == FactKind::Hold { r#""client":"c1""# } else { r#""hold":"h 1""# };
        let fact = Fact {
            kind,
            reference: format!("dispute {after}"),
            buyer: Some(BUYER),
            day: today(),
            at: NOW,
            actor: "legal".to_owned(),
            body: format!(r#"{{"buyer":"8001",{what},"reason":"a dispute"}}"#),
        };
        let entered = Entered { fact, transactions: vec![], changes: vec![], after };
        assert_eq!(self.store.enter(entered), Ok(Booking::Booked));
    }
}

const CLIENT: Source = Source::Client(AdvertiserId(0));

#[test]
fn r_balance_cash_moves_between_accounts_and_grants_do_not() {
    let desk = Desk::new();
    desk.done(FactKind::TopUp, "bank 1", r#""amount":"100.00""#);
    desk.done(FactKind::Transfer, "t 1", r#""client":"c1","direction":"to_client","amount":"60.00""#);
    desk.done(FactKind::TopUp, "bank 2", r#""client":"c1","amount":"5.00""#);
    let grant = format!(r#""client":"c1","amount":"30.00","last_day":"{}""#, today());
    desk.done(FactKind::Grant, "g 1", &grant);
    assert_eq!((desk.free(CASH), desk.free(CLIENT)), (40, 95));
    let terms = GrantTerms { grant: GrantId(4), buyer: BUYER, client: Some(AdvertiserId(0)), last_day: today() };
    assert_eq!(desk.store.snapshot().unwrap().grants().unwrap(), [terms], "its number is the place of its fact");
    let too_much = r#""client":"c1","direction":"to_main","amount":"65.01""#;
    desk.refused(FactKind::Transfer, too_much, "R-PREPAY: ¥65.00 is free, ¥65.01 is needed");
    desk.refused(FactKind::Refund, r#""client":"c1","amount":"65.01""#, "R-PREPAY");
    desk.refused(FactKind::Transfer, r#""client":"c3","direction":"to_client","amount":"1.00""#, "R-OWN");
    desk.refused(FactKind::Refund, r#""client":"c2","amount":"1.00""#, "R-RESTRICT: client number 1 has no account");
    desk.done(FactKind::Transfer, "t 2", r#""client":"c1","direction":"to_main","amount":"20.00""#);
    desk.done(FactKind::Refund, "r 1", r#""client":"c1","amount":"45.00""#);
    desk.done(FactKind::Refund, "r 2", r#""amount":"60.00""#);
    assert_eq!((desk.free(CASH), desk.free(CLIENT)), (0, 30), "all cash is out, the grant is there");
    let over = format!(r#""amount":"30.00","last_day":"{}""#, ShanghaiDay(today().0 - 1));
    desk.refused(FactKind::Grant, &over, "R-BALANCE");
}

#[test]
fn r_restrict_measures_hold_until_a_rectification_is_stated() {
    let desk = Desk::new();
    desk.done(FactKind::TopUp, "bank 1", r#""amount":"100.00""#);
    desk.done(FactKind::Transfer, "t 1", r#""client":"c1","direction":"to_client","amount":"10.00""#);
    desk.refused(FactKind::Restriction, r#""measures":[],"reason":"fraud""#, "R-RESTRICT");
    desk.refused(FactKind::Restriction, r#""measures":["pause"],"reason":"fraud""#, "unknown variant `pause`");
    let measures = r#""measures":["freeze_cash","bar_new_accounts"],"reason":"fraud""#;
    desk.done(FactKind::Restriction, "x 1", measures);
    desk.refused(FactKind::Refund, r#""amount":"1.00""#, "R-RESTRICT");
    desk.refused(FactKind::Transfer, r#""client":"c1","direction":"to_client","amount":"1.00""#, "R-RESTRICT");
    desk.refused(FactKind::Rectification, r#""lifts":["freeze_cash"],"statement":" ""#, "before rectification");
    desk.refused(FactKind::Rectification, r#""lifts":["limit_functions"],"statement":"done""#, "in force");
    desk.done(FactKind::Rectification, "y 1", r#""lifts":["freeze_cash"],"statement":"licence shown""#);
    desk.done(FactKind::Transfer, "t 2", r#""client":"c1","direction":"to_client","amount":"1.00""#);
    desk.refused(FactKind::Transfer, r#""client":"c2","direction":"to_client","amount":"1.00""#, "new accounts");
    let standing = desk.store.snapshot().unwrap().standing(BUYER).unwrap();
    assert_eq!(standing, Standing { no_new_accounts: true, ..Standing::default() });
    desk.refused(FactKind::Credit, r#""limit":"5.00","due_days":30,"reason":"agreed""#, "R-RESTRICT");
}

#[test]
fn r_term_after_the_cooperation_nothing_comes_in_and_after_the_extension_nothing_is_given() {
    let mut desk = Desk::new();
    let day = |text| ShanghaiDay::parse(text).unwrap();
    assert_eq!(
        (day("2026-11-30").plus_months(3), day("2026-11-30").plus_months(1)),
        (day("2027-02-28"), day("2026-12-30"))
    );
    desk.done(FactKind::Rebate, "due 1", r#""step":"due","amount":"9.00""#);
    desk.market = market(Some(today()));
    desk.done(FactKind::TopUp, "bank 1", r#""amount":"100.00""#);
    desk.market = market(Some(ShanghaiDay(today().0 - 1)));
    assert_eq!(desk.market.last_day_of_use(BUYER), Some(ShanghaiDay(today().0 - 1).plus_months(3)));
    desk.refused(FactKind::TopUp, r#""amount":"100.00""#, "R-TERM");
    desk.refused(FactKind::Rebate, r#""step":"due","amount":"1.00""#, "R-TERM");
    desk.refused(FactKind::Rebate, r#""step":"to_balance","amount":"1.00""#, "R-TERM");
    desk.done(FactKind::Rebate, "paid 1", r#""step":"paid","amount":"9.00""#);
    let grant = format!(r#""amount":"30.00","last_day":"{}""#, ShanghaiDay(today().0 + 99));
    desk.done(FactKind::Grant, "g 1", &grant);
    desk.market = market(Some(ShanghaiDay(today().0 - 100)));
    desk.refused(FactKind::Grant, &grant, "R-TERM");
    let ends = desk.market.ended_uses(today());
    assert_eq!(ends, [(BUYER, ShanghaiDay(today().0 - 100).plus_months(3))]);
    assert_eq!(desk.store.expire(&ends, NOW), Ok(1));
    assert_eq!(desk.free(CASH), 100, "only the cash is left");
}

#[test]
fn r_credit_is_agreed_suspended_and_backed_by_a_deposit() {
    let desk = Desk::new();
    desk.refused(FactKind::Credit, r#""limit":"50.00","due_days":30,"reason":"""#, "R-CREDIT");
    desk.refused(FactKind::Credit, r#""limit":"-1.00","due_days":30,"reason":"agreed""#, "not above zero");
    desk.done(FactKind::Credit, "c 1", r#""limit":"50.00","due_days":30,"reason":"agreed""#);
    assert_eq!(desk.free(CASH), 50);
    desk.done(FactKind::Credit, "c 2", r#""limit":"0.00","due_days":0,"reason":"at risk""#);
    assert_eq!(desk.free(CASH), 0);
    desk.done(FactKind::Deposit, "d 1", r#""step":"asked","amount":"20.00""#);
    desk.done(FactKind::Deposit, "d 2", r#""step":"paid","amount":"20.00""#);
    desk.refused(FactKind::Deposit, r#""step":"returned","amount":"20.01""#, "R-CREDIT: ¥20.00 is deposited");
    desk.hold(FactKind::Hold);
    desk.refused(FactKind::Deposit, r#""step":"returned","amount":"20.00""#, "R-HOLD");
    desk.hold(FactKind::HoldEnd);
    desk.done(FactKind::Deposit, "d 3", r#""step":"returned","amount":"20.00""#);
    desk.done(FactKind::Rebate, "b 1", r#""step":"due","amount":"8.00""#);
    desk.refused(FactKind::Rebate, r#""step":"paid","amount":"8.01""#, "R-DEDUCT: ¥8.00 is payable");
    desk.done(FactKind::Rebate, "b 2", r#""step":"to_balance","amount":"3.00""#);
    assert_eq!(desk.free(CASH), 3);
}

#[test]
fn r_restrict_accounts_close_when_nothing_is_held_and_stay_closed() {
    let desk = Desk::new();
    desk.done(FactKind::TopUp, "bank 1", r#""amount":"100.00""#);
    desk.done(FactKind::Transfer, "t 1", r#""client":"c1","direction":"to_client","amount":"10.00""#);
    let grant = format!(r#""amount":"30.00","last_day":"{}""#, today());
    desk.done(FactKind::Grant, "g 1", &grant);
    let lease = desk.lease(40);
    let close = r#""cash":"refund","reason":"asked for""#;
    desk.refused(FactKind::AccountClosing, close, "R-RESTRICT: ¥40.00 is in leases and commitments");
    desk.store.retire(lease, MicroYuan::ZERO).unwrap();
    desk.hold(FactKind::Hold);
    desk.refused(FactKind::AccountClosing, close, "R-HOLD");
    desk.hold(FactKind::HoldEnd);
    desk.done(FactKind::AccountClosing, "z 1", close);
    assert_eq!((desk.free(CASH), desk.free(CLIENT)), (0, 0));
    let stored = desk.store.snapshot().unwrap().transactions(0, 99).unwrap();
    let of = |kind| stored.iter().filter(|stored| stored.contents.kind == kind).count();
    assert_eq!((of(TransactionKind::GrantExpiry), of(TransactionKind::AccountClosing)), (1, 1));
    for (kind, rest) in [
        (FactKind::TopUp, r#""amount":"1.00""#),
        (FactKind::Grant, grant.as_str()),
        (FactKind::Credit, r#""limit":"1.00","due_days":1,"reason":"agreed""#),
        (FactKind::AccountClosing, close),
    ] {
        desk.refused(kind, rest, "closed for good");
    }
}

/// R-TERM: accounts close by themselves after the extension, once, as the exchange's own record; grants are void, and the cash that is left goes back
/// by a refund.
#[test]
fn r_term_accounts_close_by_themselves_after_the_extension() {
    let mut desk = Desk::new();
    desk.market = market(Some(today()));
    desk.done(FactKind::TopUp, "bank 1", r#""amount":"100.00""#);
    desk.done(FactKind::Grant, "g 1", &format!(r#""amount":"30.00","last_day":"{}""#, today().plus_days(900)));
    let lease = desk.lease(40);
    let months = desk.market.terms.figures.on(today()).extension_months;
    let last = today().same_day_months_later(months);
    let close = |day: ShanghaiDay| {
        let now = day.starts_at().plus_ms(60_000);
        let facts = crate::settlement::office::facts_of(&*desk.store.snapshot().unwrap()).unwrap();
        let ended = ended_uses(&facts, &desk.market, day);
        (ended.clone(), close_ended(&ended, &desk.market, &desk.store, now).unwrap())
    };
    assert_eq!(close(last), (vec![], 0), "the last day of use is one of use");
    let ended = vec![(BUYER, last)];
    assert_eq!(close(last.next()), (ended.clone(), 0), "a lease holds money of it");
    desk.store.retire(lease, MicroYuan::ZERO).unwrap();
    assert_eq!(close(last.next()), (ended.clone(), 1));
    assert_eq!([close(last.next()), close(last.plus_days(9))], [(ended.clone(), 0), (ended, 0)], "once");
    let kept = desk.store.snapshot().unwrap().facts(0, 999).unwrap();
    let closings: Vec<_> = kept.iter().filter(|kept| kept.fact.kind == FactKind::AccountClosing).collect();
    assert_eq!((closings.len(), closings[0].fact.actor.as_str()), (1, "exchange"));
    assert!(
        closings[0].fact.body.contains(&format!("R-TERM: the last day of use was {last}")),
        "{}",
        closings[0].fact.body
    );
    assert_eq!(desk.free(CASH), 100, "the grant is void, the cash is left");
    let gone = desk.store.snapshot().unwrap().transactions(0, 99).unwrap();
    assert_eq!(gone.iter().filter(|stored| stored.contents.kind == TransactionKind::GrantExpiry).count(), 1);
    desk.refused(FactKind::Transfer, r#""client":"c1","direction":"to_client","amount":"1.00""#, "closed for good");
    desk.hold(FactKind::Hold);
    desk.refused(FactKind::Refund, r#""amount":"100.00""#, "R-HOLD");
    desk.hold(FactKind::HoldEnd);
    desk.done(FactKind::Refund, "back", r#""amount":"100.00""#);
    assert_eq!(desk.free(CASH), 0);
}
