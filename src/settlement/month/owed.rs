//! Where what a buyer owes for a month comes from: cash and deposit, then rebates, and the rest is a receivable. Never grants (R-DEDUCT).

use crate::event::{Account, AccountKind, Fund, Pot};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::office::{Refusal, View};

/// The buyer's side of an amount that it owes, or is owed where it is negative: what is due to the buyer first pays what it owes, the rest
/// becomes cash. Together the sides come to the amount.
///
/// # Errors
/// [`Refusal::Unavailable`] when the balances cannot be read.
pub(crate) fn settled_with(
    view: &View<'_>,
    buyer: BuyerId,
    amount: MicroYuan,
) -> Result<Vec<(Account, MicroYuan)>, Refusal> {
    let own = |kind| Account { kind, owner: buyer.0 };
    let balances = view.books.balances()?;
    let balance = |kind| balances.iter().find(|(account, _)| *account == own(kind)).map_or(0, |(_, amount)| amount.0);
    let free = Pot::Free(Fund::Cash(buyer));
    let positions = view.books.positions(view.now)?;
    let cash = positions.iter().find(|position| position.pot == free).map_or(0, |position| position.available().0);
    let held = [
        (AccountKind::BuyerCash, cash),
        (AccountKind::BuyerDeposit, -balance(AccountKind::BuyerDeposit)),
        (AccountKind::BuyerRebate, -balance(AccountKind::BuyerRebate)),
    ];
    let receivable = balance(AccountKind::BuyerReceivable);
    Ok(split(amount.0, held, receivable).into_iter().map(|(kind, part)| (own(kind), MicroYuan(part))).collect())
}

/// The amount over what is held, in its order, and the receivable.
fn split(amount: i64, held: [(AccountKind, i64); 3], receivable: i64) -> Vec<(AccountKind, i64)> {
    let mut left = amount;
    let mut sides = Vec::new();
    if amount < 0 {
        let repaid = (-amount).min(receivable.max(0));
        sides.push((AccountKind::BuyerReceivable, -repaid));
        sides.push((AccountKind::BuyerCash, amount + repaid));
    } else {
        for (kind, held) in held {
            let part = left.min(held.max(0));
            sides.push((kind, part));
            left -= part;
        }
        sides.push((AccountKind::BuyerReceivable, left));
    }
    sides.retain(|(_, part)| *part != 0);
    sides
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccountKind::{BuyerCash, BuyerDeposit, BuyerRebate, BuyerReceivable};

    #[test]
    fn r_deduct_cash_and_deposit_then_rebates_then_a_receivable() {
        let held = [(BuyerCash, 300), (BuyerDeposit, 40), (BuyerRebate, 50)];
        assert_eq!(
            split(620, held, 0),
            [(BuyerCash, 300), (BuyerDeposit, 40), (BuyerRebate, 50), (BuyerReceivable, 230)]
        );
        assert_eq!(split(320, held, 7), [(BuyerCash, 300), (BuyerDeposit, 20)]);
        assert_eq!(split(5, [(BuyerCash, -2), (BuyerDeposit, 0), (BuyerRebate, 0)], 0), [(BuyerReceivable, 5)]);
        assert_eq!(split(-10, held, 4), [(BuyerReceivable, -4), (BuyerCash, -6)], "a credit pays what is owed first");
        assert_eq!(split(0, held, 4), []);
    }
}
