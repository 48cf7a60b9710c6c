//! Which failures of the exchange later deliveries make good: the oldest of the deal first, each at its own day's price (R-MAKEGOOD).

use std::collections::VecDeque;

use super::DayResult;
use crate::clock::{Month, ShanghaiDay};
use crate::ids::DealId;

/// What the exchange owes of one day.
struct Failure {
    day: ShanghaiDay,
    price: i64,
    until: ShanghaiDay,
    impressions: u64,
}

/// What the exchange owes under one deal at a time; days come in order of deal and day.
#[derive(Default)]
pub(super) struct Failures {
    deal: Option<DealId>,
    open: VecDeque<Failure>,
}

/// Of which month, at which price in micro-yuan per mille, how many impressions were repaid.
pub(super) type Repaid = (Month, i64, u64);

impl Failures {
    /// Lets the day's make-good repay what is open, then opens the day's own failure. An error says how many impressions were made good
    /// that nobody was owed.
    pub(super) fn repay(&mut self, result: &DayResult) -> Result<Vec<Repaid>, u64> {
        if self.deal != Some(result.deal) {
            *self = Self { deal: Some(result.deal), open: VecDeque::new() };
        }
        // What was not made good by its order's end is not charged, and is not owed any more.
        self.open.retain(|failure| failure.until >= result.day);
        let mut left = result.made_good;
        let mut repaid = Vec::new();
        while left > 0 {
            let Some(oldest) = self.open.front_mut() else { return Err(left) };
            let part = left.min(oldest.impressions);
            repaid.push((oldest.day.month(), oldest.price, part));
            left -= part;
            oldest.impressions -= part;
            if oldest.impressions == 0 {
                self.open.pop_front();
            }
        }
        let impressions = result.failed + result.exempted;
        if impressions > 0 {
            let price = result.price.micro_yuan_per_mille();
            self.open.push_back(Failure { day: result.day, price, until: result.good_until, impressions });
        }
        Ok(repaid)
    }
}
