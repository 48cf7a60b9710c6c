//! The figures of the agreements, each a default in configuration, dated by when it applies (business rules).

use crate::clock::ShanghaiDay;
use crate::money::MicroYuan;

/// A part of a whole, in basis points: 10,000 is all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BasisPoints(pub u32);

impl BasisPoints {
    /// The whole.
    pub const WHOLE: u32 = 10_000;

    /// That part of an amount, rounded half up to a micro-yuan (away from zero).
    #[must_use]
    pub fn of(self, amount: MicroYuan) -> MicroYuan {
        let product = i128::from(amount.0) * i128::from(self.0);
        let whole = i128::from(Self::WHOLE);
        let rounded = (product.abs() + whole / 2) / whole * product.signum();
        MicroYuan(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// The higher of a part and an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartOrLeast {
    /// The part.
    pub part: BasisPoints,
    /// At least that much.
    pub least: MicroYuan,
}

impl PartOrLeast {
    /// The higher of the part of an amount and the least.
    #[must_use]
    pub fn of(self, amount: MicroYuan) -> MicroYuan {
        self.part.of(amount).max(self.least)
    }
}

/// All figures of money that the exchange computes with, as they are on some day.
/// The default is none: every figure is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Least consumption of a buyer in a natural month, where its contract says no other (R-MINIMUM).
    pub monthly_minimum: MicroYuan,
    /// VAT inside of totals (R-STATEMENT).
    pub vat: BasisPoints,
    /// Up to and including which difference a third party's figure settles (R-STATS).
    pub monitor_tolerance: BasisPoints,
    /// Natural days after a promotion period's end within which figures may be objected to (R-OBJECT).
    pub objection_days: u32,
    /// Natural days of notice that a change or cancellation of an order needs (R-ORDER, R-DAMAGE-CANCEL).
    pub order_notice_days: u32,
    /// Months in which what is left may be used after the cooperation (R-TERM).
    pub extension_months: u32,
    /// For each violation in content (R-DAMAGE-CONTENT).
    pub content_damages: MicroYuan,
    /// For the first, second, … change of a page; one more than there are ends the cooperation (R-DAMAGE-CHANGE).
    pub page_change_damages: Vec<MicroYuan>,
    /// For infringement, of the fees of the content complained of (R-DAMAGE-IP).
    pub infringement_damages: PartOrLeast,
    /// For cancelling without notice, of the order (R-DAMAGE-CANCEL).
    pub cancellation_damages: PartOrLeast,
    /// For showing others' content, of the rate-card value of the resources used (R-OWN).
    pub resale_damages: BasisPoints,
    /// For bribery, of the contract's amount (R-DAMAGE-OTHER).
    pub bribery_damages: PartOrLeast,
    /// For poaching staff (R-DAMAGE-OTHER).
    pub poaching_damages: MicroYuan,
    /// Working days in which damages for resale and further loss are due (R-OWN, R-DAMAGE-CONTENT).
    pub damages_due_workdays: u32,
    /// Working days in which damages for a cancellation are due (R-DAMAGE-CANCEL).
    pub cancellation_due_workdays: u32,
    /// A day of delay, of the overdue amount (R-LATE).
    pub late_fee_a_day: BasisPoints,
    /// After so many days of delay the contract may end (R-LATE).
    pub late_days_until_end: u32,
    /// The most that the exchange is liable for outside of PMP, of the orders concerned (R-LIABILITY).
    pub liability: BasisPoints,
    /// Hours after which an e-mail is served (R-NOTICE).
    pub email_served_hours: u32,
    /// Working days before which a change of contacts is told (R-NOTICE).
    pub contact_change_workdays: u32,
    /// Months of notice by which the exchange may end the cooperation (R-END).
    pub termination_notice_months: u32,
    /// Days of non-provision after which a buyer may end it (R-END).
    pub non_provision_days: u32,
    /// Days of force majeure running, and in total, after which either side may end it (R-EXEMPT).
    pub force_majeure_days: (u32, u32),
}

#[cfg(test)]
impl Figures {
    /// The figures of the agreements of 2023; what the repository's config says.
    pub(crate) fn of_2023() -> Self {
        let yuan = |yuan: i64| MicroYuan(yuan * 1_000_000);
        Self {
            monthly_minimum: yuan(100_000),
            vat: BasisPoints(600),
            monitor_tolerance: BasisPoints(1_000),
            objection_days: 5,
            order_notice_days: 30,
            extension_months: 3,
            content_damages: yuan(5_000),
            page_change_damages: vec![yuan(20_000), yuan(100_000), yuan(500_000)],
            infringement_damages: PartOrLeast { part: BasisPoints(2_000), least: yuan(30_000) },
            cancellation_damages: PartOrLeast { part: BasisPoints(2_000), least: yuan(30_000) },
            resale_damages: BasisPoints(2_000),
            bribery_damages: PartOrLeast { part: BasisPoints(3_000), least: yuan(100_000) },
            poaching_damages: yuan(100_000),
            damages_due_workdays: 5,
            cancellation_due_workdays: 10,
            late_fee_a_day: BasisPoints(300),
            late_days_until_end: 15,
            liability: BasisPoints(2_000),
            email_served_hours: 24,
            contact_change_workdays: 5,
            termination_notice_months: 1,
            non_provision_days: 30,
            force_majeure_days: (20, 30),
        }
    }
}

/// Figures by the day from which they apply, the oldest first; never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatedFigures {
    first: Figures,
    later: Vec<(ShanghaiDay, Figures)>,
}

impl DatedFigures {
    /// The first figures, and those that replace them from a day on. In any order.
    #[must_use]
    pub fn new(first: Figures, mut later: Vec<(ShanghaiDay, Figures)>) -> Self {
        later.sort_by_key(|(from, _)| *from);
        Self { first, later }
    }

    /// The figures of a day.
    #[must_use]
    pub fn on(&self, day: ShanghaiDay) -> &Figures {
        self.later.iter().rev().find(|(from, _)| *from <= day).map_or(&self.first, |(_, figures)| figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_minimum_figures_apply_from_their_day() {
        let raised = Figures { monthly_minimum: MicroYuan(7), ..Figures::of_2023() };
        let dated = DatedFigures::new(Figures::of_2023(), vec![(ShanghaiDay(20_000), raised.clone())]);
        assert_eq!(dated.on(ShanghaiDay(19_999)), &Figures::of_2023());
        assert_eq!((dated.on(ShanghaiDay(20_000)), dated.on(ShanghaiDay(30_000))), (&raised, &raised));
    }

    #[test]
    fn a_part_rounds_half_up_to_a_micro_yuan() {
        assert_eq!(BasisPoints(2_000).of(MicroYuan(7)), MicroYuan(1), "1.4");
        assert_eq!(BasisPoints(5_000).of(MicroYuan(3)), MicroYuan(2), "1.5");
        assert_eq!(BasisPoints(5_000).of(MicroYuan(-3)), MicroYuan(-2));
        let either = Figures::of_2023().cancellation_damages;
        assert_eq!(either.of(MicroYuan(150_000_000_000)), MicroYuan(30_000_000_000));
        assert_eq!(either.of(MicroYuan(150_000_000_005)), MicroYuan(30_000_000_001));
    }
}
