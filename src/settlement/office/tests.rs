use super::*;
use crate::event::{Account, AccountKind, Kinds, Source, Whose};
use crate::ids::DenseId;
use crate::market::demand::Buyer;
use crate::market::{ExchangeTerms, Parts};
use crate::settlement::ledger::verify;
use crate::store::MemoryStore;

const NOW: UnixMillis = UnixMillis(1_795_312_800_000);

/// Buyer `8001`, `8002` …, without terms of its own.
pub(crate) fn buyer(number: u32) -> Buyer {
    Buyer {
        id: BuyerId::from_number(number),
        account: format!("800{}", number + 1),
        name: "A buyer".to_owned(),
        contract: "PMP-1".to_owned(),
        opening_balance: None,
        monthly_minimum: MicroYuan::ZERO,
        suspended: false,
        invoice_title: "A buyer".to_owned(),
        cooperation: None,
        parties: vec![],
        monitor: None,
    }
}

/// A market of two buyers, `8001` and `8002`.
pub(crate) fn market() -> Market {
    let parts = Parts { buyers: vec![buyer(0), buyer(1)], ..Parts::default() };
    Market::assemble(1, NOW, [0; 32], ExchangeTerms::plain(), parts)
}

fn top_up(store: &MemoryStore, reference: &str, body: &str) -> Result<Booking, Refusal> {
    let submission = Submission { kind: FactKind::TopUp, reference, actor: "finance", body: body.as_bytes() };
    enter(&submission, &market(), store, NOW).map(|receipt| receipt.booking)
}

#[test]
fn r_prepay_a_top_up_is_entered_once_by_its_reference() {
    let store = MemoryStore::new();
    let body = r#"{"buyer":"8001","amount":"100.50"}"#;
    assert_eq!(top_up(&store, "bank 1", body), Ok(Booking::Booked));
    assert_eq!(top_up(&store, "bank 1", r#"{ "amount": "100.5", "buyer": "8001" }"#), Ok(Booking::AlreadyBooked));
    for other in [r#"{"buyer":"8001","amount":"100.51"}"#, r#"{"buyer":"8002","amount":"100.50"}"#] {
        assert!(matches!(top_up(&store, "bank 1", other), Err(Refusal::Taken(BookError::FactTaken { .. }))), "{other}");
    }
    let books = store.snapshot().unwrap();
    let facts = facts_of(&*books).unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].seq, facts[0].fact.actor.as_str(), facts[0].fact.at), (1, "finance", NOW));
    let entry = books.transactions(0, 9).unwrap()[0].contents.entries[0];
    assert_eq!((entry.account, entry.amount), (Account::single(AccountKind::Bank), MicroYuan(100_500_000)));
    let position = books.positions(NOW).unwrap()[0];
    assert_eq!((position.source, position.available()), (Source::Balance(BuyerId(0)), MicroYuan(100_500_000)));
    assert_eq!(verify(&*books).unwrap().transactions, 1);
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let store = MemoryStore::new();
    let cases = [
        (r#"{"buyer":"8003","amount":"1.00"}"#, "buyer \"8003\" is not known"),
        (r#"{"buyer":"8001","amount":"-1.00"}"#, "is not above zero"),
        (r#"{"buyer":"8001","amount":"0.001"}"#, "is not in whole fen"),
        (r#"{"buyer":"8001","amount":1}"#, "invalid type"),
        (r#"{"buyer":"8001","amount":"1.00","note":"x"}"#, "unknown field `note`"),
        ("{", "line 1"),
    ];
    for (body, words) in cases {
        let refused = top_up(&store, "bank 1", body).unwrap_err().to_string();
        assert!(refused.contains(words), "{body}: {refused}");
    }
    for reference in ["", " a", "a\n", &"x".repeat(101)] {
        assert!(matches!(top_up(&store, reference, r#"{"buyer":"8001","amount":"1.00"}"#), Err(Refusal::Malformed(_))));
    }
    assert!(facts_of(&*store.snapshot().unwrap()).unwrap().is_empty());
}

#[test]
fn a_fact_that_was_judged_on_older_facts_is_overtaken() {
    let store = MemoryStore::new();
    top_up(&store, "bank 1", r#"{"buyer":"8001","amount":"1.00"}"#).unwrap();
    let fact = |reference: &str| Fact {
        kind: FactKind::Notice,
        reference: reference.to_owned(),
        buyer: None,
        day: NOW.shanghai_day(),
        at: NOW,
        actor: "finance".to_owned(),
        body: "{}".to_owned(),
    };
    let entered = |after| Entered { fact: fact("n 1"), transactions: vec![], changes: vec![], after };
    assert_eq!(store.enter(entered(0)), Err(BookError::Overtaken(1)));
    assert_eq!(store.enter(entered(1)), Ok(Booking::Booked));
    assert_eq!(store.enter(entered(0)), Ok(Booking::AlreadyBooked), "known, whatever its author knew");
}

#[test]
fn every_kind_that_can_be_entered_is_explained() {
    let docs =
        ["finance", "contracts", "months"].map(|name| std::fs::read_to_string(format!("docs/{name}.md")).unwrap());
    for kind in kinds() {
        assert!(docs.iter().any(|doc| doc.contains(&format!("`{kind}`"))), "{kind} is in none of the pages");
    }
    assert_eq!(kinds().count(), FactKind::ALL.len(), "a kind that nobody can enter");
}

#[test]
fn a_record_that_is_not_understood_is_named_and_never_passed_over() {
    let store = MemoryStore::new();
    top_up(&store, "bank 1", r#"{"buyer":"8001","amount":"1.00"}"#).unwrap();
    let entered = store.snapshot().unwrap().facts(0, 1).unwrap().remove(0).fact;
    let put = |fact: Fact, after| {
        store.enter(Entered { fact, transactions: vec![], changes: vec![], after }).unwrap();
    };
    let body = r#"{"buyer":"8001","sum":"1.00"}"#.to_owned();
    put(Fact { reference: "bank 2".to_owned(), body, ..entered.clone() }, 1);
    let refused = |account: &str| {
        let body = format!(r#"{{"buyer":"{account}","amount":"1.00"}}"#);
        match top_up(&store, &format!("bank of {account}"), &body) {
            Err(Refusal::Unavailable(why)) => Some(why.to_string()),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        }
    };
    let words = "record 2, top-up bank 2, is not understood: unknown field `sum`";
    assert!(refused("8001").unwrap().contains(words));
    assert_eq!(refused("8002"), None, "it concerns another buyer");
    let books = store.snapshot().unwrap();
    for kinds in [Kinds::All, Kinds::Only(FactKind::TopUp), Kinds::AllBut(FactKind::MonthClosing)] {
        assert!(facts_by(&*books, kinds, Whose::Anybodys).unwrap_err().to_string().contains(words));
        assert!(facts_by(&*books, kinds, Whose::Of(BuyerId(1))).is_ok());
    }
    drop(books);
    // What concerns everybody concerns each.
    let (kind, body) = (FactKind::Exemption, r#"{"first":"2026-11-01"}"#.to_owned());
    put(Fact { kind, reference: "all".to_owned(), buyer: None, body, ..entered }, 3);
    let words = "record 4, exemption all, is not understood";
    assert!(["8001", "8002"].iter().all(|account| refused(account).unwrap().contains(words)));
}

// R-ORDER: a number is one buyer's alone, though a record is judged by what concerns its buyer.
#[test]
fn r_order_an_orders_number_is_one_buyers_alone() {
    let store = MemoryStore::new();
    let order = |account: &str, version: u32| {
        serde_json::json!({
            "number": "O-1", "version": version, "buyer": account, "contract": "PMP-1", "signed": "2026-11-01",
            "lines": [{ "deal": "PD-1", "method": "PD", "from": "2026-11-01", "until": "2026-11-30", "cpm": "35.00" }],
        })
        .to_string()
    };
    let fact = Fact {
        kind: FactKind::Order,
        reference: "first".to_owned(),
        buyer: Some(BuyerId(0)),
        day: NOW.shanghai_day(),
        at: NOW,
        actor: "finance".to_owned(),
        body: order("8001", 1),
    };
    store.enter(Entered { fact, transactions: vec![], changes: vec![], after: 0 }).unwrap();
    let body = order("8002", 2);
    let submission = Submission { kind: FactKind::Order, reference: "second", actor: "finance", body: body.as_bytes() };
    let refused = enter(&submission, &market(), &store, NOW).unwrap_err().to_string();
    assert!(refused.contains("R-ORDER: order \"O-1\" is another buyer's"), "{refused}");
}
