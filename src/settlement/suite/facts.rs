//! What every store promises of facts: entered once, with all of their money or not at all.

use super::*;
use crate::event::{Entered, Fact, FactKind, KeptFact, Kinds, Whose};

fn fact(reference: &str, body: &str) -> Fact {
    Fact {
        kind: FactKind::TopUp,
        reference: reference.to_owned(),
        buyer: Some(BUYER),
        day: DAY,
        at: noon(),
        actor: "finance".to_owned(),
        body: body.to_owned(),
    }
}

fn entered(reference: &str, body: &str, amounts: &[i64], after: u64) -> Entered {
    let payment = |(index, amount): (usize, &i64)| {
        Transaction::top_up(BUYER, &format!("{reference}/{index}"), MicroYuan(*amount), noon()).unwrap()
    };
    let transactions = amounts.iter().enumerate().map(payment).collect();
    Entered { fact: fact(reference, body), transactions, changes: vec![], after }
}

pub(crate) fn a_fact_is_entered_once_with_all_of_its_money(store: &dyn Engine) {
    let books = store.snapshot().unwrap();
    let (facts, booked) = (books.facts(0, 9).unwrap(), books.transactions(0, 99).unwrap().len());
    assert_eq!(facts, []);
    assert_eq!(store.enter(entered("a", "{}", &[300, 40], 0)), Ok(Booking::Booked));
    assert_eq!(
        store.enter(entered("a", "{}", &[5], 0)),
        Ok(Booking::AlreadyBooked),
        "its money is not looked at again"
    );
    assert!(matches!(store.enter(entered("a", "{1}", &[], 1)), Err(BookError::FactTaken { .. })));
    assert_eq!(store.enter(entered("b", "{}", &[1], 0)), Err(BookError::Overtaken(1)));
    // The second of its transactions contradicts what was booked: nothing of it is entered.
    let mut torn = entered("c", "{}", &[7], 1);
    torn.transactions.push(Transaction::top_up(BUYER, "a/0", MicroYuan(1), noon()).unwrap());
    assert!(matches!(store.enter(torn), Err(BookError::ReferenceTaken { .. })));
    assert_eq!(store.enter(entered("b", "{}", &[1], 1)), Ok(Booking::Booked));
    let books = store.snapshot().unwrap();
    let kept = books.facts(0, 9).unwrap();
    assert_eq!(kept.iter().map(|kept| kept.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&kept[0].fact, &kept[1].fact), (&fact("a", "{}"), &fact("b", "{}")));
    assert_eq!(books.facts(1, 9).unwrap(), kept[1..]);
    assert_eq!(books.transactions(0, 99).unwrap().len(), booked + 3);
    verify(&*books).unwrap();
}

pub(crate) fn facts_are_found_by_kind_and_by_whom_they_concern(store: &dyn Engine) {
    use FactKind::{Exemption, MonthClosing, TopUp};
    let other = BuyerId(BUYER.0 + 1);
    let entered = [
        (TopUp, Some(BUYER), DAY),
        (TopUp, Some(other), DAY),
        (MonthClosing, Some(BUYER), DAY),
        (Exemption, None, DAY),
        (MonthClosing, Some(other), DAY.next()),
        (TopUp, Some(BUYER), DAY.next()),
    ];
    for (place, (kind, buyer, day)) in (1..).zip(entered) {
        let fact = Fact { kind, buyer, day, ..fact(&format!("f {place}"), "{}") };
        store.enter(Entered { fact, transactions: vec![], changes: vec![], after: place - 1 }).unwrap();
    }
    let books = store.snapshot().unwrap();
    let seqs = |found: Vec<KeptFact>| found.iter().map(|kept| kept.seq).collect::<Vec<_>>();
    let of = |kinds, whose, after, limit| seqs(books.facts_of(kinds, whose, after, limit).unwrap());
    assert_eq!(of(Kinds::All, Whose::Anybodys, 0, 9), [1, 2, 3, 4, 5, 6]);
    assert_eq!(of(Kinds::All, Whose::Of(BUYER), 0, 9), [1, 3, 6]);
    assert_eq!(of(Kinds::All, Whose::Of(BUYER), 1, 1), [3]);
    assert_eq!(of(Kinds::All, Whose::Everybodys, 0, 9), [4]);
    assert_eq!(of(Kinds::Only(TopUp), Whose::Anybodys, 1, 9), [2, 6]);
    assert_eq!(of(Kinds::Only(TopUp), Whose::Of(other), 0, 9), [2]);
    assert_eq!(of(Kinds::AllBut(MonthClosing), Whose::Of(BUYER), 0, 9), [1, 6]);
    assert!(of(Kinds::Only(Exemption), Whose::Of(BUYER), 0, 9).is_empty());
    let heads = |whose, first, last| {
        let found = books.fact_heads(MonthClosing, whose, first, last).unwrap();
        found.into_iter().map(|head| (head.seq, head.reference, head.buyer, head.day)).collect::<Vec<_>>()
    };
    let (own, others) = ((3, "f 3".to_owned(), Some(BUYER), DAY), (5, "f 5".to_owned(), Some(other), DAY.next()));
    assert_eq!(heads(Whose::Anybodys, DAY, DAY.next()), [own.clone(), others]);
    assert_eq!(heads(Whose::Anybodys, ShanghaiDay(0), DAY), [own]);
    assert!(heads(Whose::Of(BUYER), DAY.next(), DAY.next()).is_empty());
    let named = |kind, reference: &str| books.fact(kind, reference).unwrap().map(|kept| (kept.seq, kept.fact.day));
    assert_eq!((named(TopUp, "f 6"), named(Exemption, "f 6")), (Some((6, DAY.next())), None));
    assert_eq!(books.last_fact(), Ok(6));
}
