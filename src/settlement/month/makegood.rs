//! Which failures of the exchange later deliveries make good: the oldest of the deal first, at equal value (R-MAKEGOOD).

use std::collections::VecDeque;

use super::DayResult;
use crate::clock::{Month, ShanghaiDay};
use crate::ids::DealId;

/// What the exchange owes of one day.
struct Failure {
    month: Month,
    until: ShanghaiDay,
    /// Micro-yuan.
    value: i128,
}

/// What the exchange owes under one deal at a time; days come in order of deal and day.
#[derive(Default)]
pub(super) struct Failures {
    deal: Option<DealId>,
    open: VecDeque<Failure>,
}

/// A part of what a day made good.
pub(super) struct Repaid {
    /// The month of the failure.
    pub(super) of: Month,
    /// Impressions of the day.
    pub(super) impressions: u64,
    /// What they are worth, in micro-yuan.
    pub(super) value: i128,
}

impl Failures {
    /// Lets the day's make-good repay what is open, then opens the day's own failure. An error says what was made good that nobody was
    /// owed, in micro-yuan.
    pub(super) fn repay(&mut self, result: &DayResult) -> Result<Vec<Repaid>, i128> {
        if self.deal != Some(result.deal) {
            *self = Self { deal: Some(result.deal), open: VecDeque::new() };
        }
        // What was not made good by its order's end is not charged, and is not owed any more. An order that goes on longer than it was to
        // takes along what is still owed.
        self.open.retain(|failure| failure.until >= result.day);
        self.open.iter_mut().for_each(|failure| failure.until = failure.until.max(result.good_until));
        let price = i128::from(result.price.per_impression().0);
        let mut value = price * i128::from(result.made_good);
        let mut impressions = result.made_good;
        let mut repaid = Vec::new();
        while value > 0 {
            let Some(oldest) = self.open.front_mut() else { return Err(value) };
            let part = value.min(oldest.value);
            value -= part;
            oldest.value -= part;
            // An impression that repays two months counts with the later one.
            let whole = if value == 0 { impressions } else { u64::try_from(part / price).unwrap_or(impressions) };
            impressions -= whole.min(impressions);
            repaid.push(Repaid { of: oldest.month, impressions: whole, value: part });
            if oldest.value == 0 {
                self.open.pop_front();
            }
        }
        let value = price * (i128::from(result.failed) + i128::from(result.exempted));
        // A day that was not paid for leaves nothing to be made good.
        if result.funded && value > 0 {
            self.open.push_back(Failure { month: result.day.month(), until: result.good_until, value });
        }
        Ok(repaid)
    }
}
