//! What the ledger adds up to: deliveries by day, entries by account. Kept with each booking, so that reading a month costs the number of
//! its sums, never of its impressions.

use super::{Account, DeliveryLine, Draft, Method};
use crate::clock::ShanghaiDay;
use crate::ids::{BuyerId, DealId, MediaId};
use crate::money::MicroYuan;

/// What the impressions of one sum share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SumKey {
    /// The settlement day (R-MONTH).
    pub day: ShanghaiDay,
    /// Who pays.
    pub buyer: BuyerId,
    /// Under which deal.
    pub deal: DealId,
    /// Who is paid.
    pub media: MediaId,
    /// How the deal is bought.
    pub method: Method,
    /// The account that paid.
    pub payer: Account,
}

impl SumKey {
    /// Where a line of a delivery of that day belongs.
    #[must_use]
    pub const fn of(day: ShanghaiDay, line: &DeliveryLine) -> Self {
        let DeliveryLine { buyer, deal, media, method, payer, .. } = *line;
        Self { day, buyer, deal, media, method, payer }
    }
}

/// What was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Impressions that were posted. One that two accounts pay for together is counted with the one that paid first.
    pub count: u64,
    /// Thousandths of an impression (OpenRTB `qty`).
    pub quantity: u64,
    /// What the buyer pays, in micro-yuan.
    pub amount: MicroYuan,
    /// What the media earns of it, in micro-yuan.
    pub earned: MicroYuan,
}

impl Delivered {
    /// What a line says. Books of before quantities were kept counted every impression as one.
    #[must_use]
    pub fn of(line: &DeliveryLine) -> Self {
        let quantity = line.quantity.unwrap_or(line.count.saturating_mul(1_000));
        Self { count: line.count, quantity, amount: line.amount, earned: line.earned }
    }

    /// Both together; `None` beyond what amounts can be.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_add(other.count)?,
            quantity: self.quantity.checked_add(other.quantity)?,
            amount: self.amount.checked_add(other.amount)?,
            earned: self.earned.checked_add(other.earned)?,
        })
    }
}

/// One sum of a settlement day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaySum {
    /// Of what.
    pub key: SumKey,
    /// How much.
    pub sums: Delivered,
}

impl Draft {
    /// What it adds to the sums of its day.
    pub fn day_sums(&self) -> impl Iterator<Item = DaySum> {
        self.lines.iter().map(|line| DaySum { key: SumKey::of(self.day, line), sums: Delivered::of(line) })
    }
}
