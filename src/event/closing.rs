//! Closed days of guaranteed deals: what became of what was ordered for a day, and of the money that was set aside for it (R-COMMIT,
//! R-MAKEGOOD; `docs/decisions/0027-day-closing.md`).

use super::Cause;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{BuyerId, DealId};
use crate::money::{CpmMicroYuan, MicroYuan};

/// What is decided of one day of one guaranteed deal from its counts, in impressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayClosing {
    /// Which deal.
    pub deal: DealId,
    /// Which day.
    pub day: ShanghaiDay,
    /// Who pays.
    pub buyer: BuyerId,
    /// The day's price.
    pub price: CpmMicroYuan,
    /// The day's volume: `delivered` of it, `failed`, `exempted` and `by_buyer` add up to it.
    pub ordered: u64,
    /// Sent to a DSP, or withheld for a reason of the buyer.
    pub offered: u64,
    /// Billed of the day's volume.
    pub delivered: u64,
    /// Billed beyond it in the place of an earlier failure.
    pub made_good: u64,
    /// Billed beyond that: at the exchange's cost.
    pub at_cost: u64,
    /// The exchange's failure.
    pub failed: u64,
    /// Not delivered on a day on which neither side fails (R-EXEMPT).
    pub exempted: u64,
    /// Undelivered for the buyer's reasons: payable.
    pub by_buyer: u64,
    /// What is undelivered, each unit under one cause, by their codes.
    pub causes: Vec<(Cause, u64)>,
    /// The order's last day: what was not made good by then is not charged.
    pub good_until: ShanghaiDay,
    /// The day on which what is owed may be made good; `None`: on none, so that its money goes back.
    pub made_good_on: Option<ShanghaiDay>,
}

/// A closed day with what became of its money, in micro-yuan. What was set aside for it, or for make-good on it, and was not posted is `payable`
/// less what was taken elsewhere, `kept` and `released`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedDay {
    /// What was decided.
    pub closing: DayClosing,
    /// When it was closed.
    pub closed_at: UnixMillis,
    /// Whether its volume was set aside.
    pub funded: bool,
    /// What was paid for the undelivered volume of the buyer's reasons.
    pub payable: MicroYuan,
    /// How much of it grants paid (R-GRANT-INVOICE).
    pub from_grants: MicroYuan,
    /// How much of it was taken from free cash, because the day had not been funded.
    pub from_cash: MicroYuan,
    /// How much of it became a receivable, because there was no cash either.
    pub owed: MicroYuan,
    /// What is kept to be made good on [`DayClosing::made_good_on`].
    pub kept: MicroYuan,
    /// What went back to where it came from.
    pub released: MicroYuan,
    /// What an exemption changed of it that was entered after it was closed.
    pub exemption: Option<LateExemption>,
}

/// What an exemption changed of a day that was closed before it was entered (R-EXEMPT): nothing that is undelivered is the buyer's or the
/// exchange's any more, and what was paid for it was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateExemption {
    /// When.
    pub at: UnixMillis,
    /// What of [`ClosedDay::payable`] was given back.
    pub back: MicroYuan,
    /// How much of it to grants.
    pub to_grants: MicroYuan,
    /// How much of it is kept to be made good.
    pub kept: MicroYuan,
    /// The day on which it may be; `None`: on none, so that it went back to where it came from.
    pub made_good_on: Option<ShanghaiDay>,
}

impl ClosedDay {
    /// How many impressions may be made good on a day with what is kept.
    #[must_use]
    pub fn to_make_good(&self, on: ShanghaiDay) -> u64 {
        let at_closing = (self.closing.made_good_on, self.kept);
        let later = self.exemption.map(|exemption| (exemption.made_good_on, exemption.kept));
        let kept = std::iter::once(at_closing).chain(later).filter(|(day, _)| *day == Some(on));
        let price = self.closing.price.per_impression().0.max(1);
        kept.map(|(_, kept)| u64::try_from(kept.0 / price).unwrap_or_default()).sum()
    }

    /// What was decided of it, as it stands.
    #[must_use]
    pub fn stands(&self) -> DayClosing {
        let closing = self.closing.clone();
        match self.exemption {
            None => closing,
            Some(_) => {
                let exempted = closing.ordered - closing.delivered;
                DayClosing { failed: 0, by_buyer: 0, exempted, causes: vec![(Cause::Exempt, exempted)], ..closing }
            }
        }
    }

    /// Whether an exemption would change what was decided of it.
    #[must_use]
    pub fn may_be_exempted(&self) -> bool {
        self.exemption.is_none() && self.closing.failed + self.closing.by_buyer > 0
    }

    /// What of it an exemption gives back: what was paid for the undelivered volume of the buyer's reasons.
    #[must_use]
    pub fn given_back_by_exemption(&self) -> MicroYuan {
        let volume = i128::from(self.closing.price.per_impression().0) * i128::from(self.closing.by_buyer);
        MicroYuan(i64::try_from(volume).unwrap_or(i64::MAX)).min(self.payable)
    }
}
