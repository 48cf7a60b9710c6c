//! How a media's record is edited and looked back on.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::compliance::office::tests::{market, noon};
use crate::store::MemoryDocket;

fn words(words: &[&str]) -> Prohibitions {
    Prohibitions { words: words.iter().map(|it| (*it).to_owned()).collect(), ..Prohibitions::default() }
}

/// R-CATEGORY: an edit needs the step that its author knew, but for one that changes nothing: that is known, and no step.
#[test]
fn r_category_what_stands_so_already_is_no_edit_whatever_its_author_knew() {
    let (docket, market) = (MemoryDocket::default(), market());
    let by = Edit { at: noon(), actor: "media:sunrise", reason: "no games" };
    let put = |wanted: &Prohibitions, after| edit(&docket, &market, "sunrise", (wanted, after), &by);
    assert_eq!(put(&words(&[]), 0), Ok(Edited { seq: 0, changed: false }), "nothing was ever prohibited");
    assert_eq!(put(&words(&["游戏"]), 0), Ok(Edited { seq: 1, changed: true }));
    for after in [0, 1, 99] {
        assert_eq!(put(&words(&["游戏"]), after), Ok(Edited { seq: 1, changed: false }));
    }
    let overtaken = put(&words(&["赌博"]), 0);
    assert!(matches!(overtaken, Err(EditError::Docket(DocketError::Overtaken { last: 1, .. }))), "{overtaken:?}");
    let long = "x".repeat(LONGEST_REASON + 1);
    for reason in ["two\nlines", &long] {
        let refused = edit(&docket, &market, "sunrise", (&words(&["赌博"]), 1), &Edit { reason, ..by });
        assert!(matches!(&refused, Err(EditError::Wrong(found)) if found[0].place == "reason"), "{refused:?}");
    }
    assert_eq!(docket.last_step().unwrap(), 1);
}

/// Each step says what it changed, also the last of a page and the first of all.
#[test]
fn r_category_each_change_is_told_with_what_it_added_and_removed() {
    let (docket, market) = (MemoryDocket::default(), market());
    let by = Edit { at: noon(), actor: "media:sunrise", reason: "" };
    for (after, wanted) in (0..).zip([words(&["a1", "b2"]), words(&["b2", "c3"]), words(&[])]) {
        edit(&docket, &market, "sunrise", (&wanted, after), &by).unwrap();
    }
    let page = |below, limit| {
        let (told, next) = changes(&docket, "sunrise", (below, limit)).unwrap();
        let told: Vec<_> = told.into_iter().map(|it| (it.step.seq, it.added.words, it.removed.words)).collect();
        (told, next)
    };
    let list = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let [third, second, first] =
        [(3, list(&[]), list(&["b2", "c3"])), (2, list(&["c3"]), list(&["a1"])), (1, list(&["a1", "b2"]), list(&[]))];
    assert_eq!(page(u64::MAX, 2), (vec![third.clone(), second.clone()], Some(2)));
    assert_eq!(page(2, 2), (vec![first.clone()], None));
    assert_eq!(page(u64::MAX, 9), (vec![third, second, first], None));
}
