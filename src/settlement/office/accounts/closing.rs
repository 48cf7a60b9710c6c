//! Accounts that are closed for good (R-BALANCE, R-RESTRICT, R-TERM).

use serde::{Deserialize, Serialize};

use super::{cash_leaves, open, pots};
use crate::clock::ShanghaiDay;
use crate::event::{Account, AccountChange, AccountKind, FactKind, Fund, Pot, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::office::{Deed, Refusal, View};

/// What becomes of the cash of accounts that are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cash {
    /// It is paid back.
    Refund,
    /// It stays, unspendable, until it is decided elsewhere.
    Leave,
}

/// A buyer's accounts, with those of its clients, are closed for good. Its grants are void (R-BALANCE). Refused while leases or
/// commitments hold money of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountClosing {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// What becomes of its cash.
    pub cash: Cash,
    /// Why; must be said.
    pub reason: String,
}

impl Deed for AccountClosing {
    const KIND: FactKind = FactKind::AccountClosing;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        open(view, buyer)?;
        if self.reason.trim().is_empty() {
            return Err(Refusal::rule("R-RESTRICT", "`reason` must say why"));
        }
        if self.cash == Cash::Leave {
            return Ok(Vec::new());
        }
        cash_leaves(view, buyer)?;
        let mut sides = Vec::new();
        for position in pots(view, buyer)? {
            if let Pot::Free(Fund::Cash(_) | Fund::Client(_)) = position.pot {
                sides.push((position.pot.account(buyer), position.available()));
            }
        }
        let paid: MicroYuan = sides.iter().map(|(_, amount)| *amount).sum();
        if !paid.is_positive() {
            return Ok(Vec::new());
        }
        sides.push((Account::single(AccountKind::Bank), -paid));
        Ok(vec![Transaction::of(TransactionKind::AccountClosing, reference, view.today(), view.now, "", sides)?])
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        Ok(vec![AccountChange::Close(view.buyer(&self.buyer)?)])
    }
}
