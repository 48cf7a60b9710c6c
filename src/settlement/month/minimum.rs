//! The least that a buyer consumes in a natural month, and of which it was notified last (R-MINIMUM, R-TERM).

use serde::{Deserialize, Serialize};

use super::closing::check_open;
use crate::clock::{Month, ShanghaiDay};
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::BuyerId;
use crate::market::demand::Buyer;
use crate::market::figures::DatedFigures;
use crate::money::MicroYuan;
use crate::settlement::notice::last_days;
use crate::settlement::office::{Deed, Refusal, View, said};

/// A buyer was notified of another minimum (R-MINIMUM).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// From which month on it applies, until another does.
    pub from: Month,
    /// How much, in yuan; zero for none.
    pub amount: MicroYuan,
    /// When the buyer was notified.
    pub notified: ShanghaiDay,
}

impl Deed for Minimum {
    const KIND: FactKind = FactKind::Minimum;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.from.first_day()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let refused = |why: String| Err(Refusal::rule("R-MINIMUM", why));
        if self.amount < MicroYuan::ZERO || self.amount > MicroYuan::LIMIT || self.amount.0 % 10_000 != 0 {
            return refused(format!("`amount` {} is not zero or more in whole fen", self.amount));
        }
        if self.notified > view.today() {
            return refused(format!("`notified` {} is not over yet: it is told once the buyer knows", self.notified));
        }
        if self.notified > self.from.last_day() {
            return refused(format!("{} was over when the buyer was notified on {}", self.from, self.notified));
        }
        check_open(view.facts, view.buyer(&self.buyer)?, self.from)?;
        Ok(vec![])
    }
}

/// The minimum of a buyer's month; `None` where none applies: before and after the cooperation's months. Those in which it begins and ends,
/// by its contract or earlier, count as whole ones.
#[must_use]
pub fn minimum_of(buyer: &Buyer, month: Month, facts: &[KeptFact], figures: &DatedFigures) -> Option<MicroYuan> {
    let before = buyer.cooperation.is_some_and(|cooperation| month < cooperation.from.month());
    let after = last_days(facts, buyer, figures).is_some_and(|last| month > last.cooperation.month());
    if before || after {
        return None;
    }
    let told = said::<Minimum>(facts).filter(|(kept, told)| kept.fact.buyer == Some(buyer.id) && told.from <= month);
    // Of two notices on one day the later entered one is the last.
    let last = told.max_by_key(|(kept, told)| (told.notified, kept.seq));
    Some(last.map_or(buyer.monthly_minimum, |(_, told)| told.amount))
}
