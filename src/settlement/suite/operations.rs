//! What every store promises of what operators did.

use super::*;
use crate::event::{Audit, Generation, Remembered, Suspension, Trigger};
use crate::ids::IdKind;

pub(super) fn audit(action: &str) -> Audit {
    Audit {
        seq: 0,
        at: noon(),
        actor: "loopback".to_owned(),
        action: action.to_owned(),
        subject: "market".to_owned(),
        before: "1".to_owned(),
        after: "2".to_owned(),
        reason: String::new(),
    }
}

pub(super) fn generation(number: u64, content: u8) -> Generation {
    Generation {
        number,
        digest: [content; 32],
        published_at: noon(),
        trigger: Trigger::Rollback,
        actor: "loopback".to_owned(),
        reason: "prices".to_owned(),
        changes: vec!["deals: 1 changed (PD-1)".to_owned(), "keys: 1 added (k)".to_owned()],
        restores: Some(1),
        pinned: true,
        size: 0,
    }
}

pub(super) fn generations_come_back_whole_newest_first(store: &dyn Engine) {
    assert_eq!(store.generations(u64::MAX, 10), Ok(vec![]));
    let large: Vec<u8> = (0..1_500_000_u32).map(|place| (place / 7) as u8).collect();
    store.publish(&generation(1, 1), b"first", &audit("publish")).unwrap();
    store.publish(&generation(2, 2), &large, &audit("publish")).unwrap();
    store.publish(&generation(3, 1), b"first, packed otherwise", &audit("rollback")).unwrap();
    let kept = store.generations(u64::MAX, 10).unwrap();
    assert_eq!(kept[0], Generation { size: 5, ..generation(3, 1) });
    assert_eq!(kept[1], Generation { size: 1_500_000, ..generation(2, 2) });
    assert_eq!(kept.iter().map(|it| it.number).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(store.generations(3, 1).unwrap()[0].number, 2, "a page");
    assert_eq!(store.sources(2).unwrap().as_deref(), Some(&large[..]));
    assert_eq!(store.sources(3).unwrap().as_deref(), Some(&b"first"[..]), "the same content is kept once");
    assert_eq!(store.sources(4), Ok(None));
    assert!(store.publish(&generation(3, 4), b"again", &audit("publish")).is_err(), "a number is given once");
    store.unpin(3, &audit("unpin")).unwrap();
    assert!(!store.generations(u64::MAX, 1).unwrap()[0].pinned);
    let log: Vec<_> = store.audits(u64::MAX, 10).unwrap().into_iter().map(|it| (it.seq, it.action)).collect();
    let told = [(4, "unpin"), (3, "rollback"), (2, "publish"), (1, "publish")];
    assert_eq!(log, told.map(|(seq, action)| (seq, action.to_owned())));
    assert_eq!(store.audits(4, 1).unwrap()[0].action, "rollback", "a page");
}

pub(super) fn old_generations_are_let_go_and_their_numbers_are_not(store: &dyn Engine) {
    for number in 1..=103_u64 {
        store.publish(&generation(number, number as u8), &[number as u8; 10], &audit("publish")).unwrap();
    }
    let kept = store.generations(u64::MAX, 1_000).unwrap();
    assert_eq!((kept.len(), kept[0].number, kept[99].number), (100, 103, 4));
    assert_eq!((store.sources(3), store.sources(4).unwrap().is_some()), (Ok(None), true));
}

pub(super) fn the_last_word_on_a_subject_is_its_state(store: &dyn Engine) {
    let say = |kind, number, suspended, reason: &str| {
        let (name, actor) = (format!("it {number}"), "loopback".to_owned());
        let it = Suspension { kind, number, name, suspended, at: noon(), actor, reason: reason.to_owned() };
        store.switch(&it, &audit(if suspended { "suspend" } else { "resume" })).unwrap();
        it
    };
    let dsp = say(IdKind::Dsp, 1, true, "first");
    say(IdKind::Deal, 1, true, "wrong price");
    say(IdKind::Deal, 1, false, "put right");
    let again = say(IdKind::Creative, 7, true, "one");
    say(IdKind::Creative, 7, false, "two");
    let creative = say(IdKind::Creative, 7, true, "three");
    assert_ne!(again, creative);
    assert_eq!(store.suspensions(), Ok(vec![dsp, creative]));
    assert_eq!(store.audits(u64::MAX, 100).unwrap().len(), 6);
}

pub(super) fn an_answer_is_remembered_for_a_day(store: &dyn Engine) {
    let answer = |request, at| Remembered { request: [request; 32], status: 200, body: b"{}".to_vec(), at };
    let day = 86_400_000;
    store.remember("key", &answer(1, noon())).unwrap();
    store.remember("key", &answer(2, noon())).unwrap();
    assert_eq!(store.recall("key", noon().plus_ms(day - 1)), Ok(Some(answer(1, noon()))), "the first one stays");
    assert_eq!(store.recall("key", noon().plus_ms(day)), Ok(None));
    assert_eq!(store.recall("other", noon()), Ok(None));
    store.remember("key", &answer(3, noon().plus_ms(day))).unwrap();
    assert_eq!(store.recall("key", noon().plus_ms(day)).unwrap().map(|it| it.request), Some([3; 32]));
}
