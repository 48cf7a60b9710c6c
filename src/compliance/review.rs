//! The life of a version of a creative (R-REVIEW): draft → checking → pending_review → approved | rejected → suspended | expired. One table says
//! what may follow what; `office` takes the steps.

use crate::clock::UnixMillis;
use crate::market::demand::CreativeState;

use super::creative::Submission;

use CreativeState::{Approved, Checking, Draft, Expired, PendingReview, Rejected, Suspended};

/// What may follow each state. Rejected and expired are ends: what comes after is another version.
const FOLLOWS: [(CreativeState, &[CreativeState]); 7] = [
    // A draft may be written again; it is the only state in which content changes.
    (Draft, &[Draft, Checking, Expired]),
    (Checking, &[PendingReview, Rejected, Expired]),
    // Back to checking: terms or words have changed since.
    (PendingReview, &[Approved, Rejected, Checking, Expired]),
    (Approved, &[Suspended, Expired]),
    // Approved: it is resumed by a person who has seen that what was wrong is right (R-LANDING-SAFE).
    (Suspended, &[Approved, Rejected, Expired]),
    (Rejected, &[]),
    (Expired, &[]),
];

/// Whether a version may come from a state into another; `None`: it is new.
#[must_use]
pub fn may_follow(from: Option<CreativeState>, to: CreativeState) -> bool {
    match from {
        None => matches!(to, Draft | Checking),
        Some(from) => FOLLOWS.iter().any(|(state, next)| *state == from && next.contains(&to)),
    }
}

/// Whether nothing follows.
#[must_use]
pub fn is_end(state: CreativeState) -> bool {
    FOLLOWS.iter().any(|(of, next)| *of == state && next.is_empty())
}

/// When a version in a state must be looked at again: a check is due at once, and what may run or might is due at its display period's end.
#[must_use]
pub fn due(state: CreativeState, submission: &Submission, now: UnixMillis) -> Option<UnixMillis> {
    match state {
        Checking => Some(now),
        Draft | PendingReview | Approved | Suspended => submission.display_until_ms.map(UnixMillis),
        Rejected | Expired => None,
    }
}

/// What the approval of a version does to the others of its creative, each given as version and state: which of them end now.
///
/// # Errors
/// The version that is newer and was approved before: what it replaced does not come back.
pub fn replaced(version: u32, others: &[(u32, CreativeState)]) -> Result<Vec<u32>, u32> {
    let newer = |(other, state): &&(u32, CreativeState)| *other > version && matches!(state, Approved | Suspended);
    if let Some((newer, _)) = others.iter().find(newer) {
        return Err(*newer);
    }
    let ends = |(other, state): &&(u32, CreativeState)| *other < version && !is_end(*state);
    Ok(others.iter().filter(ends).map(|(other, _)| *other).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_review_nothing_is_approved_that_was_not_pending_or_suspended() {
        for from in CreativeState::ALL {
            assert_eq!(may_follow(Some(from), Approved), matches!(from, PendingReview | Suspended), "{from:?}");
            assert_eq!(may_follow(Some(from), Draft), from == Draft, "{from:?}: content is as it was submitted");
            assert!(is_end(from) || may_follow(Some(from), Expired), "{from:?}");
        }
        assert!(!may_follow(None, Approved) && !may_follow(None, PendingReview));
    }

    #[test]
    fn r_review_the_old_version_stays_until_the_new_one_is_approved() {
        assert_eq!(replaced(3, &[(1, Expired), (2, Approved), (4, PendingReview)]), Ok(vec![2]));
        assert_eq!(replaced(2, &[(1, Suspended), (3, Suspended)]), Err(3));
        assert_eq!(replaced(2, &[(1, Rejected), (3, Rejected)]), Ok(vec![]));
    }
}
