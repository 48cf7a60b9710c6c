//! What every store promises of facts: entered once, with all of their money or not at all.

use super::*;
use crate::event::{Entered, Fact, FactKind};

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
