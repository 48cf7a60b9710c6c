//! When buyers' accounts were last used, taken from the docket (R-IDLE).

use std::sync::Arc;

use super::{PAGE, Review};
use crate::clock::ShanghaiDay;
use crate::compliance::account::{AccountState, day_of};
use crate::event::{KeptStep, StoreUnavailable, SubjectKind, Wanted};
use crate::ids::BuyerId;

impl Review {
    /// All of them.
    pub(super) fn read_accounts(&mut self) -> Result<(), StoreUnavailable> {
        let mut above = 0;
        loop {
            let page = self.docket.list(SubjectKind::Account, &Wanted::default(), above, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            above = last.seq;
            self.take_accounts(&page);
        }
    }

    /// Those among steps. Tells whether there are any.
    pub(super) fn take_accounts(&mut self, steps: &[KeptStep]) -> bool {
        let used: Vec<(BuyerId, ShanghaiDay)> = steps
            .iter()
            .filter(|kept| kept.step.subject.kind == SubjectKind::Account)
            .filter(|kept| AccountState::from_code(kept.step.state).is_some())
            .filter_map(|kept| Some((self.book.find(&kept.step.subject.name)?, day_of(kept))))
            .collect();
        if used.is_empty() {
            return false;
        }
        Arc::make_mut(&mut self.used).extend(used);
        true
    }
}
