//! Accounts that are closed for good: by a record, or by themselves when the time of use is over (R-BALANCE, R-RESTRICT, R-TERM).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{cash_leaves, open, pots};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountChange, AccountKind, FactKind, Fund, KeptFact, Ledger, Pot, Transaction, TransactionKind,
};
use crate::ids::BuyerId;
use crate::market::Market;
use crate::money::MicroYuan;
use crate::settlement::notice::last_days;
use crate::settlement::office::{Deed, Refusal, Submission, View, enter};

/// Who closes accounts whose time is over.
const EXCHANGE: &str = "exchange";

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

/// The buyers whose last day of use is before a day, with that day: by their contracts, and by what was entered of them (R-TERM, R-END,
/// R-DAMAGE-CHANGE).
#[must_use]
pub fn ended_uses(facts: &[KeptFact], market: &Market, today: ShanghaiDay) -> Vec<(BuyerId, ShanghaiDay)> {
    let mut told = BTreeMap::<BuyerId, Vec<KeptFact>>::new();
    for kept in facts {
        let ends = matches!(kept.fact.kind, FactKind::Termination | FactKind::Violation | FactKind::Waiver);
        if let Some(buyer) = kept.fact.buyer.filter(|_| ends) {
            told.entry(buyer).or_default().push(kept.clone());
        }
    }
    let last = |buyer| {
        let own = told.get(&buyer).map_or(&[][..], Vec::as_slice);
        last_days(own, market.buyers.get(buyer)?, &market.terms.figures).map(|last| (buyer, last.of_use))
    };
    market.buyers.iter().filter_map(|buyer| last(buyer.id)).filter(|(_, last)| *last < today).collect()
}

/// Closes the accounts of buyers whose last day of use is over, each once, as a record of the exchange's own (R-TERM). Their cash stays until a
/// `refund` pays it back. Accounts of which leases or commitments still hold money are left for a later call. Tells how many were closed.
///
/// # Errors
/// [`Refusal`] when the books cannot be read or written; those before it are closed.
pub fn close_ended(
    ended: &[(BuyerId, ShanghaiDay)],
    market: &Market,
    ledger: &dyn Ledger,
    now: UnixMillis,
) -> Result<usize, Refusal> {
    let mut closed = 0;
    for (buyer, last) in ended {
        let Some(known) = market.buyers.get(*buyer).filter(|_| *last < now.shanghai_day()) else { continue };
        if ledger.snapshot()?.standing(*buyer)?.closed {
            continue;
        }
        let reason = format!("R-TERM: the last day of use was {last}");
        let closing = AccountClosing { buyer: known.account.clone(), cash: Cash::Leave, reason };
        let body = serde_json::to_vec(&closing).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let reference = format!("R-TERM {} {last}", known.account);
        let submission =
            Submission { kind: FactKind::AccountClosing, reference: &reference, actor: EXCHANGE, body: &body };
        match enter(&submission, market, ledger, now) {
            Ok(_) => closed += 1,
            Err(Refusal::Rule { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(closed)
}
