//! What breaches cost, where the money comes from, and what the exchange itself is liable for (business rules §4).
//!
//! Damages and late fees are rounded once, half up, to whole fen, so that they can be paid.

use serde::{Deserialize, Serialize};

use super::office::{Refusal, View};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Account, AccountKind, Fund, Pot, Transaction, TransactionKind, Unbalanced};
use crate::ids::BuyerId;
use crate::market::figures::{BasisPoints, DatedFigures, Figures, PartOrLeast};
use crate::money::MicroYuan;

/// An exact amount: basis points of a micro-yuan. Rounded once, by [`Exact::in_fen`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(i128);

impl Exact {
    /// A part of an amount.
    #[must_use]
    pub fn part(part: BasisPoints, amount: MicroYuan) -> Self {
        Self(i128::from(amount.0) * i128::from(part.0))
    }

    /// The higher of a part of an amount and the least.
    #[must_use]
    pub fn higher(figure: PartOrLeast, amount: MicroYuan) -> Self {
        Self::part(figure.part, amount).max(figure.least.into())
    }

    /// In whole fen, half up.
    #[must_use]
    pub fn in_fen(self) -> MicroYuan {
        let fen = i128::from(BasisPoints::WHOLE) * 10_000;
        let rounded = (self.0 + fen / 2).div_euclid(fen) * 10_000;
        MicroYuan(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl From<MicroYuan> for Exact {
    fn from(amount: MicroYuan) -> Self {
        Self(i128::from(amount.0) * i128::from(BasisPoints::WHOLE))
    }
}

impl std::ops::Add for Exact {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// What a page change costs: the damages of its step of the ladder, from 1; `None` beyond the last step, where the cooperation ends
/// (R-DAMAGE-CHANGE).
#[must_use]
pub fn of_page_change(step: usize, figures: &Figures) -> Option<MicroYuan> {
    figures.page_change_damages.get(step.checked_sub(1)?).copied()
}

/// What is claimed for content in breach: the fixed damages, and the loss above them (R-DAMAGE-CONTENT).
#[must_use]
pub fn of_content(loss: MicroYuan, figures: &Figures) -> (MicroYuan, MicroYuan) {
    let fixed = figures.content_damages;
    (fixed, Exact::from((loss - fixed).max(MicroYuan::ZERO)).in_fen())
}

/// What a cancelled order costs without notice and confirmation, beyond what was used and is settled as ordered: the inventory that was
/// locked and reserved, less what of it was sold again, and the higher of a part of the order and an amount (R-DAMAGE-CANCEL).
#[must_use]
pub fn of_cancellation(order: MicroYuan, locked: MicroYuan, resold: MicroYuan, figures: &Figures) -> MicroYuan {
    let locked = Exact::from((locked - resold).max(MicroYuan::ZERO));
    (locked + Exact::higher(figures.cancellation_damages, order)).in_fen()
}

/// What a delay costs: the part a day of the amount, simple, for each day after the one on which it was due, by the figures of that day
/// (R-LATE).
#[must_use]
pub fn of_delay(amount: MicroYuan, due: ShanghaiDay, until: ShanghaiDay, figures: &DatedFigures) -> MicroYuan {
    let days = (due.0.saturating_add(1)..=until.0).map(ShanghaiDay);
    let parts: u64 = days.map(|day| u64::from(figures.on(day).late_fee_a_day.0)).sum();
    Exact(i128::from(amount.0) * i128::from(parts)).in_fen()
}

/// What the exchange is liable for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerned {
    /// Programmatic PMP advertising: the bid's maximum budget.
    Pmp(MicroYuan),
    /// Anything else: the orders or plans concerned.
    Orders(MicroYuan),
}

/// The most that the exchange pays of a directly calculable loss (R-LIABILITY).
#[must_use]
pub fn liability(loss: MicroYuan, concerned: Concerned, figures: &Figures) -> MicroYuan {
    let most = match concerned {
        Concerned::Pmp(budget) => budget,
        Concerned::Orders(orders) => figures.liability.of(orders),
    };
    loss.max(MicroYuan::ZERO).min(most.max(MicroYuan::ZERO))
}

/// Where a claim's money came from: prepayment, deposit, rebates, and what is left, owed (R-DEDUCT). Never grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The whole claim.
    pub amount: MicroYuan,
    /// From free cash.
    pub cash: MicroYuan,
    /// From the deposit.
    pub deposit: MicroYuan,
    /// From rebates payable.
    pub rebate: MicroYuan,
    /// Still owed.
    pub receivable: MicroYuan,
}

/// What a buyer has that a claim may be taken from, micro-yuan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// Free cash: not set aside, not leased.
    pub cash: MicroYuan,
    /// The deposit.
    pub deposit: MicroYuan,
    /// Rebates payable under any contract.
    pub rebate: MicroYuan,
    /// What is owed already.
    pub receivable: MicroYuan,
}

impl Means {
    /// What a buyer has now.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the books cannot be read.
    pub fn of(view: &View<'_>, buyer: BuyerId) -> Result<Self, Refusal> {
        let positions = view.books.positions(view.now)?;
        let free = positions.iter().find(|position| position.pot == Pot::Free(Fund::Cash(buyer)));
        let balances = view.books.balances()?;
        let of = |kind| {
            let own = Account { kind, owner: buyer.0 };
            balances.iter().find(|(account, _)| *account == own).map_or(MicroYuan::ZERO, |(_, amount)| *amount)
        };
        Ok(Self {
            cash: free.map_or(MicroYuan::ZERO, |position| position.available()).max(MicroYuan::ZERO),
            deposit: (-of(AccountKind::BuyerDeposit)).max(MicroYuan::ZERO),
            rebate: (-of(AccountKind::BuyerRebate)).max(MicroYuan::ZERO),
            receivable: of(AccountKind::BuyerReceivable).max(MicroYuan::ZERO),
        })
    }

    /// What a claim takes of it, in the order of R-DEDUCT: prepayment and deposit, then rebates.
    #[must_use]
    pub fn take(&self, amount: MicroYuan) -> Taken {
        let mut left = amount;
        let mut from = |held: MicroYuan| {
            let part = left.min(held);
            left -= part;
            part
        };
        let (cash, deposit, rebate) = (from(self.cash), from(self.deposit), from(self.rebate));
        Taken { amount, cash, deposit, rebate, receivable: left }
    }
}

impl Taken {
    /// The buyer's sides; together they come to the amount.
    pub fn sides(&self, buyer: BuyerId) -> impl Iterator<Item = (Account, MicroYuan)> {
        let of = move |kind, amount| (Account { kind, owner: buyer.0 }, amount);
        [
            of(AccountKind::BuyerCash, self.cash),
            of(AccountKind::BuyerDeposit, self.deposit),
            of(AccountKind::BuyerRebate, self.rebate),
            of(AccountKind::BuyerReceivable, self.receivable),
        ]
        .into_iter()
    }

    /// The transaction that takes it; `None` for nothing.
    ///
    /// # Errors
    /// [`Unbalanced`] when an amount is beyond the limit.
    pub fn transaction(
        &self,
        buyer: BuyerId,
        (kind, reference): (TransactionKind, String),
        day: ShanghaiDay,
        now: UnixMillis,
        note: String,
    ) -> Result<Option<Transaction>, Unbalanced> {
        if self.amount == MicroYuan::ZERO {
            return Ok(None);
        }
        let income = if kind == TransactionKind::LateFee { AccountKind::LateFees } else { AccountKind::Damages };
        let sides = self.sides(buyer).chain([(Account::single(income), -self.amount)]);
        Transaction::of(kind, reference, day, now, note, sides).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn yuan(yuan: i64) -> MicroYuan {
        MicroYuan(yuan * 1_000_000)
    }

    fn figures() -> DatedFigures {
        let dear = Figures { late_fee_a_day: BasisPoints(500), ..Figures::of_2023() };
        DatedFigures::new(Figures::of_2023(), vec![(ShanghaiDay(110), dear)])
    }

    #[test]
    fn r_damage_change_the_ladder_ends() {
        let figures = Figures::of_2023();
        let steps: Vec<_> = (0..=5).map(|step| of_page_change(step, &figures)).collect();
        assert_eq!(steps, [None, Some(yuan(20_000)), Some(yuan(100_000)), Some(yuan(500_000)), None, None]);
    }

    #[test]
    fn r_damage_content_is_fixed_and_the_loss_above_it() {
        let figures = Figures::of_2023();
        assert_eq!(of_content(MicroYuan::ZERO, &figures), (yuan(5_000), MicroYuan::ZERO));
        assert_eq!(of_content(yuan(5_000), &figures), (yuan(5_000), MicroYuan::ZERO));
        assert_eq!(of_content(MicroYuan(7_000_005_000), &figures), (yuan(5_000), MicroYuan(2_000_010_000)));
    }

    #[test]
    fn r_damage_cancel_is_the_locked_inventory_and_the_higher_of_two() {
        let figures = Figures::of_2023();
        let of = |order, locked, resold| of_cancellation(yuan(order), yuan(locked), yuan(resold), &figures);
        assert_eq!(of(360_000, 100_000, 0), yuan(100_000 + 72_000));
        assert_eq!(of(150_000, 0, 0), yuan(30_000), "20 % is 30,000 as well");
        assert_eq!(of(149_000, 1_000, 0), yuan(31_000), "20 % would be 29,800");
        assert_eq!(of(360_000, 100_000, 60_000), yuan(40_000 + 72_000));
        assert_eq!(of(360_000, 10_000, 60_000), yuan(72_000), "what is sold dearer is not the buyer's");
        // 20 % of it are 0.49998 fen above whole yuan: rounded once, not first to a micro-yuan.
        let order = MicroYuan(200_000_024_999);
        assert_eq!(of_cancellation(order, yuan(0), yuan(0), &figures), yuan(40_000));
    }

    #[test]
    fn r_late_is_simple_and_starts_on_the_first_overdue_day() {
        let (due, figures) = (ShanghaiDay(100), figures());
        let of = |until| of_delay(yuan(10_000), due, ShanghaiDay(until), &figures);
        assert_eq!((of(99), of(100)), (MicroYuan::ZERO, MicroYuan::ZERO), "paid in time");
        assert_eq!((of(101), of(103)), (yuan(300), yuan(900)));
        assert_eq!(of(111), yuan(9 * 300 + 2 * 500), "each day by its own figures");
        assert_eq!(of_delay(MicroYuan(170_000), due, ShanghaiDay(101), &figures), MicroYuan(10_000), "0.51 fen");
        assert_eq!(of_delay(MicroYuan(160_000), due, ShanghaiDay(101), &figures), MicroYuan::ZERO, "0.48 fen");
    }

    #[test]
    fn r_liability_is_capped_by_budget_or_a_part_of_the_orders() {
        let figures = Figures::of_2023();
        let of = |loss, concerned| liability(yuan(loss), concerned, &figures);
        assert_eq!(of(900, Concerned::Pmp(yuan(1_000))), yuan(900));
        assert_eq!(of(1_100, Concerned::Pmp(yuan(1_000))), yuan(1_000));
        assert_eq!(of(1_100, Concerned::Orders(yuan(5_000))), yuan(1_000));
        assert_eq!(of(999, Concerned::Orders(yuan(5_000))), yuan(999));
        assert_eq!(of(-1, Concerned::Orders(yuan(5_000))), MicroYuan::ZERO);
    }

    #[test]
    fn r_deduct_takes_cash_and_deposit_then_rebates_then_leaves_a_receivable() {
        let means = Means { cash: yuan(300), deposit: yuan(40), rebate: yuan(50), receivable: yuan(7) };
        let taken = |amount, cash, deposit, rebate, receivable| Taken {
            amount: yuan(amount),
            cash: yuan(cash),
            deposit: yuan(deposit),
            rebate: yuan(rebate),
            receivable: yuan(receivable),
        };
        assert_eq!(means.take(yuan(620)), taken(620, 300, 40, 50, 230));
        assert_eq!(means.take(yuan(320)), taken(320, 300, 20, 0, 0));
        assert_eq!(means.take(yuan(345)), taken(345, 300, 40, 5, 0));
        assert_eq!(Means::default().take(yuan(5)), taken(5, 0, 0, 0, 5));
        let made = means.take(yuan(620)).transaction(
            BuyerId(3),
            (TransactionKind::Damages, "x".to_owned()),
            ShanghaiDay(1),
            UnixMillis(0),
            String::new(),
        );
        let entries = made.unwrap().unwrap().contents().entries.clone();
        assert!(
            entries.iter().all(|entry| !matches!(entry.account.kind, AccountKind::Grant | AccountKind::ClientCash))
        );
        assert_eq!(entries.len(), 5);
    }
}
