//! The month on a whole store: from charges to the closed statement and what the accounts say.

mod exemptions;
mod fixture;
mod monitors;

use super::*;
use crate::clock::UnixMillis;
use crate::event::{
    AFTER_MIDNIGHT_MS, Account, AccountKind, Booking, Charge, ChargeKey, DayCommitment, DayTerms, Entered, Fact,
    FactKind, Journal, KeptFact, LeaseRequest, Leases, Ledger, Measure, Posting, Resolution, Source, Stage, Tally, Via,
};
use crate::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DspId, IdKind, ImpIndex, MediaId, PlacementId, Slot,
};
use crate::market::agreement::{Cooperation, ListedMonitor};
use crate::market::deal::{Deal, DealState, PushRatio, Targeting, Volume};
use crate::market::demand::{Advertiser, Buyer};
use crate::market::supply::Formats;
use crate::market::targeting::Place;
use crate::market::{ExchangeTerms, Market, Parts};
use crate::money::{Fen, Quantity};
use crate::settlement::day::{Closer, Closing};
use crate::settlement::ledger::{derive, verify};
use crate::settlement::office::{Facts, Receipt, Refusal, Submission, View, enter, facts_of};
use crate::settlement::seal::{Progress, Sealer};
use crate::settlement::statement::{Statement, Status};
use crate::settlement::suite::record;
use crate::store::{MemoryStore, Registry};

use fixture::*;

const CLOSE: (FactKind, &str) = (FactKind::MonthClosing, "close 2026-11");
const NOVEMBER: &str = r#"{"buyer":"8001","month":"2026-11"}"#;

#[test]
fn r_minimum_worked_example_1_from_the_charge_to_the_accounts() {
    let market = market();
    let store = store_with(&market, 2_431_907);
    assert!(refused(say(&store, &market, CLOSE, "2026-11-30", NOVEMBER)).contains("not over before 2026-12-01"));
    let early = refused(say(&store, &market, CLOSE, "2026-12-05", NOVEMBER));
    assert!(early.contains("until 2026-12-05 (R-OBJECT)") && early.contains("not sealed: 2026-11-10"), "{early}");
    seal(&store, "2026-11-10");

    // Another digest than that of what would be closed is refused; the one that was told before fits.
    let seen = |digest: &str| format!(r#"{{"buyer":"8001","month":"2026-11","seen":"{digest}"}}"#);
    let other = refused(say(&store, &market, CLOSE, "2026-12-06", &seen("00")));
    assert!(other.contains("R-MONTH") && other.contains("00 then"), "{other}");
    let digest = stand_on(&store, &market, "2026-12-05", november()).digest;
    let receipt = say(&store, &market, CLOSE, "2026-12-06", &seen(&digest)).unwrap();
    assert_eq!(receipt.booking, Booking::Booked);

    let closed = stand_on(&store, &market, "2026-12-20", november());
    assert_eq!((closed.digest, closed.statement.is_closed()), (digest.clone(), true));
    let sums = closed.statement.sums();
    assert_eq!((sums.consumption, sums.shortfall), (MicroYuan(85_116_745_000), MicroYuan(14_883_255_000)));
    let taxed = closed.statement.taxed();
    assert_eq!((taxed.total, taxed.net, taxed.vat), (Fen(10_000_000), Fen(9_433_962), Fen(566_038)));
    // What the accounts say is what the statement says: ¥100,000 came from cash.
    assert_eq!(balance(&store, AccountKind::BuyerCash), -yuan(20_000).0);
    assert_eq!(balance(&store, AccountKind::MinimumShortfall), -14_883_255_000);
    assert_eq!(balance(&store, AccountKind::VatPayable), -5_660_380_000);
    assert_eq!(balance(&store, AccountKind::Rounding), 0);
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
    // Entering it again changes nothing; another reference does not close it twice.
    let again = say(&store, &market, CLOSE, "2026-12-09", &seen(&digest)).unwrap();
    assert_eq!(again.booking, Booking::AlreadyBooked);
    let twice = refused(say(&store, &market, (FactKind::MonthClosing, "again"), "2026-12-09", NOVEMBER));
    assert!(twice.contains("2026-11 is closed"), "{twice}");
    assert_eq!(balance(&store, AccountKind::BuyerCash), -yuan(20_000).0);
}

#[test]
fn r_settle_an_order_over_two_months_from_the_charge_to_the_accounts() {
    let deals = vec![deal(1, "PDB-1", Method::Pdb, ("2026-11-29", "2026-12-02"))];
    let market = market_with(Buyer { monthly_minimum: MicroYuan::ZERO, ..buyer() }, deals);
    let store = MemoryStore::new();
    let body = r#"{"buyer":"8001","amount":"500.00"}"#;
    say(&store, &market, (FactKind::TopUp, "bank 1"), "2026-11-02", body).unwrap();
    // On the 29th 400 are the exchange's failure and 100 the buyer's; 150 are made good on the 30th, 250 on 1 December.
    guaranteed_day(&store, &market, "2026-11-29", 600, 500);
    let running = stand_on(&store, &market, "2026-11-30", november());
    assert_eq!(running.statement.sums().consumption, yuan(21));
    assert_eq!(
        running.statement.draft().deals[0].ordered,
        Some(2_000),
        "today is ordered too, though it is not closed"
    );
    assert_eq!(running.forecast.unwrap().expected, yuan(21 + 35), "today's volume is committed");
    guaranteed_day(&store, &market, "2026-11-30", 1_150, 1_150);
    guaranteed_day(&store, &market, "2026-12-01", 1_250, 1_250);
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();

    let closed = stand_on(&store, &market, "2026-12-06", november()).statement;
    let line = &closed.draft().deals[0];
    assert_eq!((line.ordered, line.delivered, line.made_good, line.settled), (Some(2_000), 1_650, 150, 1_750));
    assert_eq!((line.undelivered_by_exchange, line.undelivered_by_buyer), (400, 100));
    assert_eq!(line.causes.values().sum::<u64>(), 500, "each under one cause");
    assert_eq!(closed.sums().total, MicroYuan(61_250_000));
    let december = stand_on(&store, &market, "2026-12-06", november().next());
    let [own, earlier] = &december.statement.draft().deals[..] else { panic!("two lines") };
    assert_eq!((own.consumption, earlier.consumption), (yuan(35), MicroYuan(8_750_000)));
    assert!(earlier.project.ends_with("make-good of 2026-11"), "{}", earlier.project);
    // Both months are what the accounts say was consumed.
    let revenue = [AccountKind::ExchangeRevenue, AccountKind::MediaPayable, AccountKind::UndeliveredRevenue];
    let vat = MicroYuan(closed.taxed().vat.0 * 10_000);
    let earned: i64 = revenue.into_iter().map(|kind| balance(&store, kind)).sum();
    assert_eq!(-earned + vat.0, 61_250_000 + 43_750_000);
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
    // 2 December was set aside and is not closed.
    assert!(store.commit_day(&commitment(day("2026-12-02")), at("2026-12-02")).unwrap());
    let last = (FactKind::MonthClosing, "close 2026-12");
    let open = refused(say(&store, &market, last, "2027-01-06", &NOVEMBER.replace("11", "12")));
    assert!(open.contains("guaranteed deals are not closed on 2026-12-02 (R-MAKEGOOD)"), "{open}");
}

#[test]
fn r_statement_the_difference_to_whole_fen_is_booked() {
    let market = market_with(Buyer { monthly_minimum: MicroYuan::ZERO, ..buyer() }, vec![]);
    let store = store_with(&market, 2_431_907);
    seal(&store, "2026-11-10");
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    let closed = stand_on(&store, &market, "2026-12-06", november()).statement;
    assert_eq!(closed.draft().deals[0].deal, "PD-1", "though the market has it no more");
    assert_eq!(balance(&store, AccountKind::Rounding), -5_000, "¥85,116.745 is told as ¥85,116.75");
    assert_eq!(balance(&store, AccountKind::BuyerCash), 85_116_750_000 - 120_000_000_000);
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}

#[test]
fn r_deduct_what_cash_does_not_cover_of_the_shortfall_is_a_receivable() {
    let market = market_with(Buyer { monthly_minimum: yuan(200_000), ..buyer() }, vec![]);
    let store = store_with(&market, 1_000_000);
    seal(&store, "2026-11-10");
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    assert_eq!(balance(&store, AccountKind::BuyerCash), 0);
    assert_eq!(balance(&store, AccountKind::BuyerReceivable), yuan(80_000).0);
    assert!(verify(&*store.snapshot().unwrap()).is_ok());

    // R-LATE: what is owed of it may be overdue as a fee may be, and is paid as such.
    let late = |owed: &str, rest: &str| {
        format!(
            r#"{{"buyer":"8001","day":"2026-12-20","breach":{{"kind":"late-payment","owed":"{owed}","due":"2026-12-15",{rest}}},
                "evidence":{{"expected":"¥80,000 by 15 December","found":"nothing","at":"2026-12-20T09:00:00+08:00","sha256":"{}"}}}}"#,
            "0".repeat(64)
        )
    };
    let overdue = |reference: &'static str, owed: &str, rest: &str| {
        say(&store, &market, (FactKind::Violation, reference), "2026-12-20", &late(owed, rest))
    };
    let november = r#""of":"shortfall","month":"2026-11""#;
    for (owed, rest, words) in [
        ("80000.01", november, "the books have ¥80000.00 as owed"),
        ("1", r#""of":"shortfall","month":"2026-10""#, "2026-10 is not closed"),
        ("1", r#""of":"shortfall""#, "`month` names the closed month"),
        ("1", r#""of":"fees","month":"2026-11""#, "`month` names the closed month"),
    ] {
        let why = refused(overdue("l1", owed, rest));
        assert!(why.contains(words), "{owed} {rest}: {why}");
    }
    overdue("l1", "80000", november).unwrap();
    assert!(refused(overdue("l2", "1", november)).contains("violation \"l1\" names the shortfall of 2026-11 already"));
    let paid = r#"{"buyer":"8001","amount":"80000","from":"bank","day":"2026-12-20","late":"l1"}"#;
    say(&store, &market, (FactKind::Receipt, "r1"), "2026-12-20", paid).unwrap();
    // Five days at 3 % a day.
    assert_eq!(balance(&store, AccountKind::LateFees), -yuan(12_000).0);
    assert_eq!(balance(&store, AccountKind::BuyerReceivable), yuan(12_000).0);
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}

#[test]
fn r_month_nothing_in_a_closed_month_changes() {
    let market = market();
    let store = store_with(&market, 1_000);
    seal(&store, "2026-11-10");
    let adjust = |reference: &'static str, now: &str, month: &str, more: &str| {
        let body = format!(r#"{{"buyer":"8001","month":"{month}","amount":"-35.00","reason":"IVT found late"{more}}}"#);
        say(&store, &market, (FactKind::Adjustment, reference), now, &body)
    };
    let open = refused(adjust("a", "2026-12-06", "2026-11", ""));
    assert!(open.contains("R-MONTH") && open.contains("2026-11 is not closed"), "{open}");
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    let digest = stand_on(&store, &market, "2026-12-06", november()).digest;

    let own = refused(adjust("a", "2026-12-06", "2026-11", r#","day":"2026-11-30""#));
    assert!(own.contains("counts in a later month, not on 2026-11-30"), "{own}");
    assert!(refused(adjust("a", "2026-12-06", "2026-11", r#","day":"2026-12-07""#)).contains("has not come yet"));
    for (kind, body) in [
        (FactKind::Minimum, r#"{"buyer":"8001","from":"2026-11","amount":"5.00","notified":"2026-11-01"}"#),
        (FactKind::Objection, r#"{"buyer":"8001","month":"2026-11","received":"2026-12-05","subject":"all"}"#),
    ] {
        let why = refused(say(&store, &market, (kind, "x"), "2026-12-06", body));
        assert!(why.contains("R-MONTH: 2026-11 is closed"), "{why}");
    }
    let cash = balance(&store, AccountKind::BuyerCash);
    adjust("a", "2026-12-06", "2026-11", "").unwrap();
    assert_eq!(balance(&store, AccountKind::BuyerCash), cash - yuan(35).0, "the credit is cash again");
    assert_eq!(balance(&store, AccountKind::Adjustments), yuan(35).0);

    // Terms that change later change no closed statement; the adjustment is a line of December.
    let renamed = market_with(Buyer { name: "Another".to_owned(), ..buyer() }, vec![]);
    let closed = stand_on(&store, &renamed, "2026-12-20", november());
    assert_eq!((closed.digest, closed.statement.draft().buyer.as_str()), (digest, "Qinghe Media"));
    let december = stand_on(&store, &market, "2026-12-20", november().next());
    let adjustments = &december.statement.draft().adjustments;
    assert_eq!((adjustments.len(), adjustments[0].month, adjustments[0].amount), (1, november(), -yuan(35)));
    assert_eq!(december.statement.sums().total, -yuan(35));

    // What is kept is checked.
    let kept = store.snapshot().unwrap().fact(FactKind::MonthClosing, CLOSE.1).unwrap().unwrap();
    for (body, words) in [
        (kept.fact.body.replace("Qinghe Media", "Qinghe Medic"), "was closed"),
        (r#"{"buyer":"8001","month":"2026-11","sealed":true}"#.to_owned(), "unknown field `sealed`"),
    ] {
        let (other, fact) = (MemoryStore::new(), Fact { body, ..kept.fact.clone() });
        other.enter(Entered { fact, transactions: vec![], changes: vec![], after: 0 }).unwrap();
        let books = other.snapshot().unwrap();
        let facts = Facts::about(&*books, Some(BUYER), &[]).unwrap();
        let view = View { market: &market, books: &*books, facts: &facts, now: at("2026-12-20") };
        let broken = closed_statement(&view, BUYER, november()).unwrap_err().to_string();
        assert!(broken.contains(words) && broken.contains("fact 1"), "{broken}");
        assert!(is_closed(&facts, BUYER, november()), "whatever its statement says");
    }
}

#[test]
fn r_object_objections_come_within_five_natural_days_and_keep_the_month_open() {
    let market = market();
    let store = store_with(&market, 1_000);
    seal(&store, "2026-11-10");
    let object = |reference: &'static str, received: &str, now: &str| {
        let body = format!(
            r#"{{"buyer":"8001","month":"2026-11","deal":"PD-1","received":"{received}","subject":"letter of the 5th"}}"#
        );
        say(&store, &market, (FactKind::Objection, reference), now, &body)
    };
    let late = refused(object("o 1", "2026-12-06", "2026-12-06"));
    assert!(late.contains("R-OBJECT") && late.contains("due by 2026-12-05"), "{late}");
    assert!(refused(object("o 1", "2026-12-05", "2026-12-04")).contains("has not come yet"));
    object("o 1", "2026-12-05", "2026-12-06").unwrap();
    let open = refused(say(&store, &market, CLOSE, "2026-12-06", NOVEMBER));
    assert!(open.contains("objection \"o 1\" is not decided"), "{open}");
    let decide = |body: &str| {
        say(&store, &market, (FactKind::ObjectionDecision, "d 1"), "2026-12-07", body).map(|receipt| receipt.booking)
    };
    let unknown = r#"{"buyer":"8001","objection":"o 2","upheld":false,"reason":"none"}"#;
    assert!(matches!(decide(unknown), Err(Refusal::Rule { rule: "R-OBJECT", .. })));
    let dismissed_with_a_count = r#"{"buyer":"8001","objection":"o 1","upheld":false,"impressions":5,"reason":"none"}"#;
    assert!(matches!(decide(dismissed_with_a_count), Err(Refusal::Rule { rule: "R-OBJECT", .. })));
    decide(r#"{"buyer":"8001","objection":"o 1","upheld":true,"impressions":900,"reason":"counted twice"}"#).unwrap();
    say(&store, &market, CLOSE, "2026-12-07", NOVEMBER).unwrap();
    let closed = stand_on(&store, &market, "2026-12-07", november());
    assert_eq!(closed.statement.sums().consumption, MicroYuan(31_500_000));
    assert_eq!(balance(&store, AccountKind::Adjustments), 3_500_000, "what was posted and is not charged");
    assert_eq!(balance(&store, AccountKind::BuyerCash), -yuan(20_000).0, "the minimum fills it up");
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}

fn table(rows: &str) -> String {
    let csv = format!("deal,from,until,impressions,monitor\n{rows}");
    serde_json::json!({ "buyer": "8001", "csv": csv }).to_string()
}

#[test]
fn r_stats_a_third_partys_figure_settles_or_waits_for_its_review() {
    let market = market();
    let store = store_with(&market, 1_000_000);
    seal(&store, "2026-11-10");
    let figures = |reference: &'static str, rows: &str| {
        say(&store, &market, (FactKind::MonitorFigures, reference), "2026-12-02", &table(rows))
    };
    let wrong = refused(figures(
        "m 1",
        "PD-1,2026-11-01,2026-11-30,5,Nobody\nPD-1,2026-11-02,2026-11-30,5,Late Count\nPD-9,2026-11-01,2026-11-30,5,Qinghe Count\n\
         PD-1,2026-11-01,2026-12-01,5,Example Count\nPD-1,2026-12-01,2026-12-31,5,Example Count\n",
    ));
    for words in [
        "line 2, monitor: \"Nobody\" is not on the list of monitors (R-MONITOR-LIST)",
        "line 3, from: the promotion period of PD-1 in 2026-11 is 2026-11-01 to 2026-11-30",
        "line 3, monitor: \"Late Count\" is not on the list of monitors on 2026-11-02, but from 2026-11-10 (R-MONITOR-LIST)",
        "line 3, deal: PD-1 has figures for 2026-11 on line 2",
        "line 4, deal: deal \"PD-9\" is none of the buyer's",
        "line 4, monitor: \"Qinghe Count\" is the buyer's own: self-built monitoring never settles",
        "line 5, until: 2026-12-01 is in another month than 2026-11-01",
        "line 6, until: 2026-12-31 is not over",
    ] {
        assert!(wrong.contains(words), "{words}\n{wrong}");
    }
    assert_eq!(facts_of(&*store.snapshot().unwrap()).unwrap().len(), 1, "nothing was entered");

    figures("m 1", "PD-1,2026-11-01,2026-11-30,899999,Example Count\n").unwrap();
    assert!(refused(figures("m 2", "PD-1,2026-11-01,2026-11-30,1,Example Count\n")).contains("by \"m 1\""));
    let waits = refused(say(&store, &market, CLOSE, "2026-12-06", NOVEMBER));
    assert!(waits.contains("899999 for deal PD-1, the exchange 1000000: a review is to decide (R-STATS"), "{waits}");
    let before = stand_on(&store, &market, "2026-12-06", november());
    assert_eq!(before.statement.sums().consumption, yuan(35_000), "until then the exchange's figure");
    let review = |reference: &'static str, body: &str| {
        let more = format!(r#"{{"buyer":"8001","figures":"m 1","deal":"PD-1","reason":"logs compared"{body}}}"#);
        say(&store, &market, (FactKind::MonitorReview, reference), "2026-12-06", &more)
    };
    assert!(refused(review("r 1", r#","exchange_was_wrong":true"#)).contains("only then"));
    review("r 1", r#","exchange_was_wrong":false"#).unwrap();
    assert_eq!(stand_on(&store, &market, "2026-12-06", november()).standings[0].settles, Some(1_000_000));
    review("r 2", r#","exchange_was_wrong":true,"impressions":950000"#).unwrap();
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    let closed = stand_on(&store, &market, "2026-12-06", november());
    assert_eq!(closed.statement.sums().consumption, MicroYuan(33_250_000_000));
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}

#[test]
fn r_stats_a_figure_within_the_tolerance_settles_without_a_review() {
    let market = market();
    let store = store_with(&market, 1_000_000);
    let body = table("PD-1,2026-11-01,2026-11-30,900000,Example Count\n");
    say(&store, &market, (FactKind::MonitorFigures, "m 1"), "2026-12-02", &body).unwrap();
    let month = stand_on(&store, &market, "2026-12-02", november());
    assert_eq!((month.standings[0].settles, month.statement.sums().consumption), (Some(900_000), yuan(31_500)));
    let review = r#"{"buyer":"8001","figures":"m 1","deal":"PD-1","exchange_was_wrong":false,"reason":"x"}"#;
    let why = refused(say(&store, &market, (FactKind::MonitorReview, "r"), "2026-12-02", review));
    assert!(why.contains("settles without a review"), "{why}");
}

#[test]
fn r_minimum_as_last_notified_for_whole_months_of_the_cooperation_alone() {
    let facts: Vec<KeptFact> = [
        ("2026-11", "5.00", "2026-10-20"),
        ("2026-12", "7.00", "2026-11-20"),
        ("2026-11", "6.00", "2026-10-20"),
        ("2026-11", "9.00", "2026-10-01"),
    ]
    .into_iter()
    .zip(1..)
    .map(|((from, amount, notified), seq)| {
        let body = format!(r#"{{"buyer":"8001","from":"{from}","amount":"{amount}","notified":"{notified}"}}"#);
        let (kind, buyer, now) = (FactKind::Minimum, Some(BUYER), at("2026-12-01"));
        let (reference, actor) = (seq.to_string(), String::new());
        KeptFact { seq, fact: Fact { kind, reference, buyer, day: day("2026-11-01"), at: now, actor, body } }
    })
    .collect();
    let figures = market().terms.figures.clone();
    let minimum = |month: &str, facts: &[KeptFact]| minimum_of(&buyer(), Month::parse(month).unwrap(), facts, &figures);
    assert_eq!(minimum("2026-11", &[]), Some(yuan(100_000)), "from the 2nd on, and yet whole");
    assert_eq!(minimum("2026-12", &[]), Some(yuan(100_000)), "to the 10th");
    assert_eq!(minimum("2027-01", &[]), None, "R-TERM: an extension month");
    assert_eq!(minimum("2026-10", &[]), None);
    assert_eq!(minimum("2026-11", &facts), Some(yuan(6)), "of two notices of one day the later entered one");
    assert_eq!(minimum("2026-12", &facts), Some(yuan(7)));
    let endless = Buyer { cooperation: None, ..buyer() };
    assert_eq!(minimum_of(&endless, Month::parse("2030-01").unwrap(), &[], &figures), Some(yuan(100_000)));
}

#[test]
fn r_minimum_a_notice_is_about_months_that_are_not_over() {
    let market = market();
    let store = MemoryStore::new();
    let notify = |reference: &'static str, from: &str, amount: &str, notified: &str| {
        let body = format!(r#"{{"buyer":"8001","from":"{from}","amount":"{amount}","notified":"{notified}"}}"#);
        say(&store, &market, (FactKind::Minimum, reference), "2026-11-20", &body)
    };
    for (from, amount, notified, words) in [
        ("2026-10", "5.00", "2026-11-01", "2026-10 was over when the buyer was notified"),
        ("2026-12", "5.00", "2026-11-21", "is not over yet"),
        ("2026-12", "-5.00", "2026-11-20", "is not zero or more"),
    ] {
        let why = refused(notify("n 1", from, amount, notified));
        assert!(why.contains("R-MINIMUM") && why.contains(words), "{why}");
    }
    notify("n 1", "2026-12", "0.00", "2026-11-20").unwrap();
}

#[test]
fn r_minimum_month_to_date_says_what_is_still_to_be_consumed_and_what_the_month_may_come_to() {
    let deals = vec![
        deal(0, "PD-1", Method::Pd, ("2026-11-01", "2026-12-31")),
        deal(1, "PDB-1", Method::Pdb, ("2026-11-19", "2026-11-25")),
    ];
    let market = market_with(buyer(), deals);
    let store = store_with(&market, 1_000_000);
    charged(&store, "2026-11-20", 100_000);
    let month = stand_on(&store, &market, "2026-11-20", november());
    let sums = month.statement.sums();
    assert_eq!((sums.consumption, sums.still_to_consume), (yuan(38_500), yuan(61_500)));
    assert_eq!((sums.shortfall, sums.total), (MicroYuan::ZERO, yuan(38_500)), "the month is not over");
    // Seven days without a preferred deal's consumption; today ¥3,500; the order's days of ¥35, but for the 19th, of which nothing was
    // decided: no node served then.
    assert_eq!(month.forecast.unwrap().expected, yuan(38_500 + 210));
    for decided in ["2026-11-19", "2026-11-20"] {
        assert!(store.commit_day(&commitment(day(decided)), at(decided)).unwrap());
    }
    let month = stand_on(&store, &market, "2026-11-20", november());
    let forecast = month.forecast.unwrap();
    assert_eq!((forecast.expected, forecast.least), (yuan(38_500 + 245), yuan(38_500 + 245)));
    assert!(
        matches!(month.statement.draft().status, Status::Provisional { forecast: Some(it), .. } if it == yuan(38_745))
    );
    // On the next day the last seven have it once.
    let next = stand_on(&store, &market, "2026-11-21", november()).forecast.unwrap();
    assert_eq!((next.expected, next.most), (yuan(38_745 + 5_000), yuan(38_745 + 35_000)));
    let over = stand_on(&store, &market, "2026-12-01", november());
    assert_eq!((over.forecast, over.statement.sums().shortfall), (None, yuan(61_500)));
}

#[test]
fn r_quarter_targets_are_told_with_what_was_achieved() {
    let market = market();
    let store = store_with(&market, 1_000_000);
    let target = |reference: &'static str, quarter: &str, now: &str| {
        let body = format!(r#"{{"buyer":"8001","quarter":"{quarter}","amount":"35000.01"}}"#);
        say(&store, &market, (FactKind::Target, reference), now, &body)
    };
    assert!(refused(target("t 1", "2026-Q3", "2026-11-20")).contains("R-QUARTER: 2026-Q3 is over"));
    target("t 1", "2026-Q4", "2026-11-20").unwrap();
    let of = |now: &str| stand_on(&store, &market, now, november()).quarters[0];
    assert_eq!((of("2026-12-31").consumed, of("2026-12-31").missed), (yuan(35_000), false));
    assert!(of("2027-01-01").missed);
}

#[test]
fn the_statement_is_that_of_the_month() {
    let market = market();
    let store = store_with(&market, 1_000);
    let books = store.snapshot().unwrap();
    let facts = Facts::about(&*books, Some(BUYER), &[]).unwrap();
    let view = View { market: &market, books: &*books, facts: &facts, now: at("2026-11-20") };
    let statement: Statement = statement_of(&view, BUYER, november()).unwrap();
    let draft = statement.draft();
    assert_eq!((draft.number.as_str(), draft.contract.as_str()), ("8001-202611", "PMP-1"));
    assert_eq!((draft.invoice_title.as_str(), draft.first_day), ("Qinghe Media Ltd", day("2026-11-02")));
    assert_eq!((draft.deals[0].deal.as_str(), draft.deals[0].settled), ("PD-1", 1_000));
    let later = stand(&view, BUYER, november().next()).unwrap_err().to_string();
    assert!(later.contains("2026-12 has not begun"), "{later}");
}
