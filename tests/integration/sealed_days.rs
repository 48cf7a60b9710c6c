//! A day's end, months later: sealed when its tokens are dead, its detail let go when nobody may question it any more.

use loadtest::dsp::Temper;
use pmpx::event::{Books, Sealed};
use serde_json::json;

use crate::harness::{NOON, Pmpx, splash, top};
use crate::life_of_a_charge::{billed, won, yes};

fn seals(pmpx: &Pmpx) -> Vec<Sealed> {
    pmpx.books().seals().unwrap()
}

#[test]
fn r_retain_a_day_is_sealed_and_let_go_and_its_books_stay() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("basalt", Temper::Pass);
    let urls: Vec<_> = (0..4).map(|_| won(&pmpx, "sunrise", &splash())).collect();
    let other: Vec<_> = (0..3).map(|_| won(&pmpx, "citypages", &top())).collect();
    for url in urls[..3].iter().chain(&other[..2]) {
        assert_eq!(billed(&pmpx, url), yes());
    }
    let posted = 3 * 60_000 + 2 * 62_000;
    // Tokens of this config live for four hours at most.
    pmpx.set_clock("2026-11-23T00:01:59+08:00");
    let tomorrow = won(&pmpx, "citypages", &top());
    assert_eq!(billed(&pmpx, &tomorrow), yes());
    assert_eq!(seals(&pmpx), [], "an auction of the day may still be under way");
    pmpx.set_clock("2026-11-23T05:00:00+08:00");
    pmpx.wait_until("the first day is sealed", || seals(&pmpx).len() == 1);
    let sealed = seals(&pmpx)[0];
    assert_eq!((sealed.seal.day.to_string().as_str(), sealed.seal.rows, sealed.gone_at), ("2026-11-22", 5, None));
    let groups = pmpx.books().groups(sealed.seal.day, None, 100).unwrap();
    assert_eq!(groups.iter().map(|group| group.amount.0).sum::<i64>(), posted);
    let gone_after_expiry = |pmpx: &Pmpx| {
        for url in urls.iter().chain(&other) {
            let (status, body) = billed(pmpx, url);
            assert_eq!((status, body["error"]["code"].as_str()), (410, Some("expired")));
        }
    };
    gone_after_expiry(&pmpx);
    // 92 days after the day's end, to the second.
    pmpx.set_clock("2027-02-22T23:59:59+08:00");
    pmpx.wait_until("the second day is sealed", || seals(&pmpx).len() == 2);
    assert_eq!(seals(&pmpx)[0].gone_at, None);
    pmpx.set_clock("2027-02-23T00:01:00+08:00");
    pmpx.wait_until("the first day's detail is let go", || seals(&pmpx)[0].gone_at.is_some());
    assert_eq!(seals(&pmpx)[1].gone_at, None, "a day later");
    assert_eq!(pmpx.journal().len(), 1);
    gone_after_expiry(&pmpx);
    pmpx.restart(&json!({}));
    gone_after_expiry(&pmpx);
    assert_eq!(billed(&pmpx, &won(&pmpx, "citypages", &top())), yes(), "and it goes on");
    let proof = pmpx.settle();
    assert_eq!((proof.charges, proof.sealed_days, proof.gone_days), (7, 2, 1));
    assert_eq!(proof.posted_micro_yuan, posted + 2 * 62_000);
}
