//! What both engines of the docket must do, and a random history that compares them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::{MemoryDocket, SqliteDocket};
use crate::clock::UnixMillis;
use crate::event::{Docket, DocketError, Owner, Step, Subject, SubjectKind, Taken, Wanted};
use crate::ids::{BuyerId, DspId, MediaId};

fn subject(kind: SubjectKind, name: &str, version: u32) -> Subject {
    Subject { kind, name: name.to_owned(), version }
}

fn step(subject: Subject, owner: Owner, state: u16, due: Option<u64>) -> Step {
    let (actor, reason) = ("reviewer".to_owned(), "seen".to_owned());
    let body = format!(r#"{{"state":{state}}}"#);
    Step { subject, owner, state, due: due.map(UnixMillis), at: UnixMillis(7), actor, reason, body }
}

fn engines(each: impl Fn(&dyn Docket)) {
    each(&MemoryDocket::default());
    let folder = tempfile::tempdir().unwrap();
    each(&SqliteDocket::open(folder.path(), UnixMillis(1)).unwrap());
}

#[test]
fn a_step_is_taken_by_who_knew_the_last_one() {
    engines(|docket| {
        let milk = subject(SubjectKind::Creative, "80010001/milk", 1);
        let buyer = Owner::Buyer(BuyerId(3));
        let first = Taken { step: step(milk.clone(), buyer, 1, None), after: 0 };
        assert_eq!(docket.take(std::slice::from_ref(&first)), Ok(vec![1]));
        let late = DocketError::Overtaken { subject: milk.clone(), last: 1 };
        assert_eq!(docket.take(std::slice::from_ref(&first)), Err(late.clone()));
        // All or none: the other subject's step is not taken either.
        let other = Taken { step: step(subject(SubjectKind::Page, "p", 0), Owner::Exchange, 1, None), after: 0 };
        assert_eq!(docket.take(&[other.clone(), first.clone()]), Err(late));
        assert_eq!(docket.standing(&other.step.subject), Ok(None));
        assert_eq!(docket.take(&[other.clone(), other.clone()]), Err(DocketError::Twice(other.step.subject.clone())));
        let second = Taken { step: step(milk.clone(), buyer, 2, Some(50)), after: 1 };
        assert_eq!(docket.take(&[second.clone(), other]), Ok(vec![2, 3]));
        let kept = docket.standing(&milk).unwrap().unwrap();
        assert_eq!((kept.seq, kept.before, kept.step), (2, 1, second.step));
        let history = docket.history(&milk, u64::MAX, 9).unwrap();
        assert_eq!(history.iter().map(|it| it.seq).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(docket.history(&milk, 2, 9).unwrap().len(), 1);
        assert_eq!(docket.last_step(), Ok(3));
    });
}

#[test]
fn what_is_due_is_put_off_without_a_step() {
    engines(|docket| {
        let page = subject(SubjectKind::Page, "80010001/qinghe https://qinghe.example/", 0);
        docket.take(&[Taken { step: step(page.clone(), Owner::Exchange, 1, Some(100)), after: 0 }]).unwrap();
        assert!(docket.due(SubjectKind::Page, UnixMillis(99), 9).unwrap().is_empty());
        assert_eq!(docket.due(SubjectKind::Page, UnixMillis(100), 9).unwrap().len(), 1);
        assert!(docket.due(SubjectKind::Creative, UnixMillis(100), 9).unwrap().is_empty());
        docket.put_off(&[(page.clone(), Some(UnixMillis(500)))]).unwrap();
        assert!(docket.due(SubjectKind::Page, UnixMillis(499), 9).unwrap().is_empty());
        let kept = docket.standing(&page).unwrap().unwrap();
        assert_eq!((kept.seq, kept.step.due), (1, Some(UnixMillis(500))));
        assert_eq!(docket.history(&page, u64::MAX, 1).unwrap()[0].step.due, Some(UnixMillis(100)));
        docket.put_off(&[(page, None)]).unwrap();
        assert!(docket.due(SubjectKind::Page, UnixMillis(u64::MAX >> 1), 9).unwrap().is_empty());
    });
}

#[test]
fn documents_are_kept_once_by_their_digest() {
    engines(|docket| {
        let digest = docket.keep(b"licence", UnixMillis(1)).unwrap();
        assert_eq!(docket.keep(b"licence", UnixMillis(2)), Ok(digest));
        assert_eq!(docket.document(&digest).unwrap().as_deref(), Some(&b"licence"[..]));
        assert_eq!(docket.document(&[0; 32]), Ok(None));
        let large = vec![0; crate::event::LARGEST_BLOB + 1];
        assert_eq!(docket.keep(&large, UnixMillis(1)), Err(DocketError::TooLarge(large.len())));
    });
}

#[test]
fn what_was_taken_outlives_the_process_and_is_seen_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let milk = subject(SubjectKind::Creative, "80010001/milk", 1);
    let one = SqliteDocket::open(folder.path(), UnixMillis(1)).unwrap();
    let other = SqliteDocket::open(folder.path(), UnixMillis(2)).unwrap();
    one.take(&[Taken { step: step(milk.clone(), Owner::Media(MediaId(1)), 1, None), after: 0 }]).unwrap();
    assert_eq!(other.last_step(), Ok(1));
    let again = Taken { step: step(milk.clone(), Owner::Exchange, 2, None), after: 0 };
    assert!(matches!(other.take(&[again]), Err(DocketError::Overtaken { last: 1, .. })));
    drop((one, other));
    let kept = SqliteDocket::open(folder.path(), UnixMillis(3)).unwrap().standing(&milk).unwrap().unwrap();
    assert_eq!(kept.step.owner, Owner::Media(MediaId(1)));
}

/// Processes that start together on a new data folder: none may be refused by another one's opening.
#[test]
fn several_may_open_a_new_docket_at_once() {
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let together = std::sync::Barrier::new(3);
        let open = || {
            together.wait();
            SqliteDocket::open(folder.path(), UnixMillis(1)).map(drop)
        };
        std::thread::scope(|scope| {
            for opened in [(); 3].map(|()| scope.spawn(open)) {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

/// What the random history does to a docket.
#[derive(Clone, Debug)]
enum Act {
    Take { kind: SubjectKind, name: u8, version: u32, owner: Owner, state: u16, due: Option<u64>, knows: bool },
    PutOff { kind: SubjectKind, name: u8, version: u32, due: Option<u64> },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let kind = || prop_oneof![Just(SubjectKind::Creative), Just(SubjectKind::Page)];
    let owner = prop_oneof![
        Just(Owner::Exchange),
        (0_u32..2).prop_map(|it| Owner::Buyer(BuyerId(it))),
        (0_u32..2).prop_map(|it| Owner::Media(MediaId(it))),
        (0_u32..2).prop_map(|it| Owner::Dsp(DspId(it)))
    ];
    let due = || prop::option::of(0_u64..40);
    let take = (kind(), 0_u8..4, 0_u32..3, owner, 0_u16..4, due(), prop::bool::weighted(0.8)).prop_map(
        |(kind, name, version, owner, state, due, knows)| Act::Take { kind, name, version, owner, state, due, knows },
    );
    let put_off = (kind(), 0_u8..4, 0_u32..3, due()).prop_map(|(kind, name, version, due)| Act::PutOff {
        kind,
        name,
        version,
        due,
    });
    prop::collection::vec(prop_oneof![4 => take, 1 => put_off], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_tell_the_same_after_any_history(acts in acts()) {
        let folder = tempfile::tempdir().unwrap();
        let (memory, sqlite) = (MemoryDocket::default(), SqliteDocket::open(folder.path(), UnixMillis(1)).unwrap());
        for act in acts {
            match act {
                Act::Take { kind, name, version, owner, state, due, knows } => {
                    let subject = subject(kind, &name.to_string(), version);
                    let last = memory.standing(&subject).unwrap().map_or(0, |it| it.seq);
                    let taken = Taken { step: step(subject, owner, state, due), after: last + u64::from(!knows) };
                    let taken = [taken];
                    prop_assert_eq!(memory.take(&taken), sqlite.take(&taken));
                }
                Act::PutOff { kind, name, version, due } => {
                    let put_off = [(subject(kind, &name.to_string(), version), due.map(UnixMillis))];
                    prop_assert_eq!(memory.put_off(&put_off), sqlite.put_off(&put_off));
                }
            }
        }
        prop_assert_eq!(memory.steps(0, 100), sqlite.steps(0, 100));
        prop_assert_eq!(memory.steps(5, 3), sqlite.steps(5, 3));
        for kind in [SubjectKind::Creative, SubjectKind::Page] {
            prop_assert_eq!(memory.due(kind, UnixMillis(20), 5), sqlite.due(kind, UnixMillis(20), 5));
            prop_assert_eq!(memory.versions(kind, "1"), sqlite.versions(kind, "1"));
            for state in [None, Some(1)] {
                for owner in [None, Some(Owner::Exchange), Some(Owner::Buyer(BuyerId(1))), Some(Owner::Dsp(DspId(1)))] {
                    let wanted = Wanted { state, owner };
                    prop_assert_eq!(memory.list(kind, &wanted, 3, 4), sqlite.list(kind, &wanted, 3, 4));
                    for most in [0, 2, 100] {
                        prop_assert_eq!(memory.count(kind, &wanted, most), sqlite.count(kind, &wanted, most));
                    }
                    prop_assert_eq!(sqlite.count(kind, &wanted, 100), Ok(sqlite.list(kind, &wanted, 0, 100).unwrap().len() as u32));
                }
            }
        }
    }
}
