//! Exemptions that come after the closing of their days, from the office to the statement (R-EXEMPT, R-MONTH).

use super::*;
use crate::settlement::day::make_good_of;

/// ¥500 of cash, and a day of PDB-1 of which 500 were delivered, 400 are the buyer's and 100 the exchange's.
fn closed_day() -> (Market, MemoryStore) {
    let deals = vec![deal(1, "PDB-1", Method::Pdb, ("2026-11-10", "2026-12-20"))];
    let market = market_with(Buyer { monthly_minimum: MicroYuan::ZERO, ..buyer() }, deals);
    let store = MemoryStore::new();
    let body = r#"{"buyer":"8001","amount":"500.00"}"#;
    say(&store, &market, (FactKind::TopUp, "bank 1"), "2026-11-02", body).unwrap();
    guaranteed_day(&store, &market, "2026-11-10", 900, 500);
    (market, store)
}

fn exempt(
    store: &MemoryStore,
    market: &Market,
    reference: &str,
    now: &str,
    days: (&str, &str),
) -> Result<Receipt, Refusal> {
    let body = format!(
        r#"{{"first":"{}","last":"{}","reason":"flood in the data centre","deals":["PDB-1"]}}"#,
        days.0, days.1
    );
    say(store, market, (FactKind::Exemption, reference), now, &body)
}

/// Runs a new closer to its end, as after a start; what it exempted.
fn carry_out(store: &MemoryStore, market: &Market, now: &str) -> Vec<(DealId, ShanghaiDay)> {
    let mut closer = Closer::default();
    let mut exempted = Vec::new();
    loop {
        match closer.step(store, market, at(now)).unwrap() {
            Closing::Idle => return exempted,
            Closing::Exempted(deal, day) => exempted.push((deal, day)),
            Closing::Working | Closing::Closed(_) => {}
        }
    }
}

#[test]
fn r_exempt_a_closed_day_of_an_open_month_is_closed_again_and_made_good() {
    let (market, store) = closed_day();
    let sums = |now: &str| stand_on(&store, &market, now, november()).statement.sums().consumption;
    assert_eq!(sums("2026-11-12"), MicroYuan(31_500_000), "the buyer's part is payable");
    exempt(&store, &market, "flood", "2026-11-12", ("2026-11-10", "2026-11-10")).unwrap();
    let waits = refused(say(&store, &market, CLOSE, "2026-12-06", NOVEMBER));
    assert!(waits.contains("because an exemption was entered: 2026-11-10 (R-EXEMPT)"), "{waits}");

    assert_eq!(carry_out(&store, &market, "2026-11-12"), [(DealId(1), day("2026-11-10"))]);
    assert_eq!(carry_out(&store, &market, "2026-11-12"), [], "once, also after a start");
    assert_eq!(sums("2026-11-12"), MicroYuan(17_500_000), "what was delivered");
    let owed = make_good_of(&*store.snapshot().unwrap(), day("2026-11-12")).unwrap();
    assert_eq!(owed.get(&DealId(1)), Some(&400), "on the day of the entry; the failure on the day after it");
    guaranteed_day(&store, &market, "2026-11-11", 1_100, 1_100);
    guaranteed_day(&store, &market, "2026-11-12", 1_400, 1_400);
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    let closed = stand_on(&store, &market, "2026-12-06", november()).statement;
    let line = &closed.draft().deals[0];
    assert_eq!((line.undelivered_by_exchange, line.undelivered_by_buyer), (500, 0));
    assert_eq!((line.made_good, line.settled, closed.sums().total), (500, 3_000, yuan(105)));
    assert_eq!(line.causes, BTreeMap::from([(Cause::Exempt, 500)]));
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}

#[test]
fn r_exempt_what_a_closed_month_charged_comes_back_once_in_the_next_one() {
    let (market, store) = closed_day();
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    let digest = stand_on(&store, &market, "2026-12-06", november()).digest;
    let cash = balance(&store, AccountKind::BuyerCash);
    exempt(&store, &market, "flood", "2026-12-08", ("2026-11-09", "2026-11-30")).unwrap();
    exempt(&store, &market, "again", "2026-12-09", ("2026-11-10", "2026-11-10")).unwrap();
    exempt(&store, &market, "flood", "2026-12-10", ("2026-11-09", "2026-11-30")).unwrap();
    assert_eq!(carry_out(&store, &market, "2026-12-10"), [], "the month stands");
    assert_eq!(balance(&store, AccountKind::BuyerCash), cash - yuan(14).0, "400 at ¥35 CPM are cash again");
    assert_eq!(balance(&store, AccountKind::Adjustments), yuan(14).0);
    assert_eq!(stand_on(&store, &market, "2026-12-10", november()).digest, digest);
    let december = stand_on(&store, &market, "2026-12-10", november().next());
    let adjustments = &december.statement.draft().adjustments;
    let told: Vec<_> = adjustments.iter().map(|it| (it.reference.as_str(), it.month, it.amount)).collect();
    assert_eq!(told, [("flood", november(), -yuan(14))]);
    let said = r#"{"first":"2026-11-10","last":"2026-11-10","reason":"x","adjusted":[{"buyer":"8001","month":"2026-11","amount":"1.00"}]}"#;
    let own = refused(say(&store, &market, (FactKind::Exemption, "own"), "2026-12-10", said));
    assert!(own.contains("`adjusted` is added when it is entered"), "{own}");
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}
