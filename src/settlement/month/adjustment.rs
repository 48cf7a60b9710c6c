//! What changes a closed month: a line of a later one, with its reason (R-OBJECT, R-MONTH).

use serde::{Deserialize, Serialize};

use super::closing::{check_open, is_closed};
use super::objection::written;
use super::owed;
use crate::clock::{Month, ShanghaiDay};
use crate::event::{Account, AccountKind, FactKind, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::day::Exemption;
use crate::settlement::office::{Deed, Refusal, View, said};

/// What changes a closed month, in a later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The closed month that it concerns.
    pub month: Month,
    /// What it adds to the buyer's fees, in yuan: a negative amount is a credit. Not zero.
    pub amount: MicroYuan,
    /// The day on which it counts, of a month that is not closed; left out: the day on which it is entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<ShanghaiDay>,
    /// Why.
    pub reason: String,
}

impl Deed for Adjustment {
    const KIND: FactKind = FactKind::Adjustment;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.day.unwrap_or_else(|| view.today())))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (Some(buyer), day) = self.concerns(view)? else {
            return Err(Refusal::Malformed("an adjustment concerns a buyer".to_owned()));
        };
        written("reason", &self.reason)?;
        let size = MicroYuan(self.amount.0.saturating_abs());
        if size == MicroYuan::ZERO || size > MicroYuan::LIMIT {
            return Err(Refusal::Malformed(format!("`amount` {} is zero or beyond {}", self.amount, MicroYuan::LIMIT)));
        }
        let refused = |why: String| Err(Refusal::rule("R-MONTH", why));
        if !is_closed(view.facts, buyer, self.month) {
            return refused(format!("{} is not closed: its own figures change until it is", self.month));
        }
        if day > view.today() {
            return refused(format!("`day` {day} has not come yet"));
        }
        if day.month() <= self.month {
            return refused(format!(
                "{} is closed: what changes it counts in a later month, not on {day}; leave `day` out for today",
                self.month
            ));
        }
        check_open(view.facts, buyer, day.month())?;
        let mut sides = owed::settled_with(view, buyer, self.amount)?;
        sides.push((Account::single(AccountKind::Adjustments), -self.amount));
        let note = format!("{}: {}", self.month, self.reason);
        Ok(vec![Transaction::of(TransactionKind::Adjustment, reference, day, view.now, note, sides)?])
    }
}

/// The adjustments that count in a month, each with its reference, in the order of their entry: also what exemptions gave back of closed months.
pub(super) fn adjustments_in(
    view: &View<'_>,
    account: &str,
    buyer: BuyerId,
    month: Month,
) -> Vec<(String, Adjustment)> {
    let own = said::<Adjustment>(view.facts)
        .filter(|(kept, _)| kept.fact.buyer == Some(buyer) && month.contains(kept.fact.day))
        .map(|(kept, it)| (kept.seq, kept.fact.reference.clone(), it));
    let mut all: Vec<_> = own.collect();
    for (kept, exemption) in said::<Exemption>(view.facts) {
        let day = kept.fact.at.shanghai_day();
        for it in exemption.adjusted.iter().filter(|it| it.buyer == account && month.contains(day)) {
            let (amount, reason) = (-it.amount, exemption.reason.clone());
            let line = Adjustment { buyer: it.buyer.clone(), month: it.month, amount, day: Some(day), reason };
            all.push((kept.seq, kept.fact.reference.clone(), line));
        }
    }
    all.sort_by_key(|(seq, ..)| *seq);
    all.into_iter().map(|(_, reference, it)| (reference, it)).collect()
}
