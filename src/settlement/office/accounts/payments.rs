//! Cash between accounts and back to buyers, rebates, deposits (R-BALANCE, R-CREDIT, R-DEDUCT, R-TERM).

use serde::{Deserialize, Serialize};

use super::{cash_goes_back, cash_leaves, cash_moves, cash_of, client, may_receive, open, opens};
use crate::clock::ShanghaiDay;
use crate::event::{Account, AccountChange, AccountKind, FactKind, Fund, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::office::{Deed, Refusal, View, payment};

const BANK: Account = Account::single(AccountKind::Bank);

/// Which way cash moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the buyer's main account to the client's; opens that if it is the first.
    ToClient,
    /// From the client's account back to the main one.
    ToMain,
}

/// Cash moves between a buyer's main account and a client's own (R-BALANCE). Grants never do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The client: the id of one of its advertisers.
    pub client: String,
    /// Which way.
    pub direction: Direction,
    /// How much, in yuan; at most what is free.
    pub amount: MicroYuan,
}

impl Deed for Transfer {
    const KIND: FactKind = FactKind::Transfer;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (amount, buyer) = (payment("amount", self.amount)?, view.buyer(&self.buyer)?);
        cash_moves(view, buyer)?;
        let (main, own) = (Account::cash(buyer), Fund::Client(client(view, buyer, &self.client)?).account());
        let (from, to) = match self.direction {
            Direction::ToClient => (main, own),
            Direction::ToMain => (own, main),
        };
        one(TransactionKind::Transfer, reference, view, amount, from, to)
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        if self.direction == Direction::ToMain {
            return Ok(Vec::new());
        }
        let buyer = view.buyer(&self.buyer)?;
        Ok(vec![opens(view, buyer, client(view, buyer, &self.client)?)?])
    }
}

/// Cash is paid back to a buyer; at most what is free. Grants are never withdrawn (R-BALANCE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The client from whose own account; left out: the buyer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How much, in yuan.
    pub amount: MicroYuan,
}

impl Deed for Refund {
    const KIND: FactKind = FactKind::Refund;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (amount, buyer) = (payment("amount", self.amount)?, view.buyer(&self.buyer)?);
        cash_goes_back(view, buyer)?;
        let from = cash_of(view, buyer, self.client.as_deref())?.account();
        one(TransactionKind::Refund, reference, view, amount, from, BANK)
    }
}

/// What becomes of a rebate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebateStep {
    /// It became payable.
    Due,
    /// It is added to the buyer's cash.
    ToBalance,
    /// It is paid out.
    Paid,
}

/// A rebate became payable to a buyer, or is settled (R-DEDUCT, R-TERM).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebate {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// What becomes of it.
    pub step: RebateStep,
    /// How much, in yuan; to settle, at most what is payable.
    pub amount: MicroYuan,
}

impl Deed for Rebate {
    const KIND: FactKind = FactKind::Rebate;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (amount, buyer) = (payment("amount", self.amount)?, view.buyer(&self.buyer)?);
        let own = Account { kind: AccountKind::BuyerRebate, owner: buyer.0 };
        let (from, to) = match self.step {
            RebateStep::Due => {
                may_receive(view, buyer, "rebate")?;
                (Account::single(AccountKind::ExchangeRevenue), own)
            }
            RebateStep::ToBalance => {
                may_receive(view, buyer, "top-up")?;
                (own, Account::cash(buyer))
            }
            RebateStep::Paid => {
                cash_leaves(view, buyer)?;
                (own, BANK)
            }
        };
        if self.step != RebateStep::Due {
            covers(view, own, amount, "R-DEDUCT", "is payable as rebate")?;
        }
        one(TransactionKind::Rebate, reference, view, amount, from, to)
    }
}

/// What becomes of a deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepositStep {
    /// The exchange asks for it: no money moves.
    Asked,
    /// It arrived.
    Paid,
    /// It is paid back.
    Returned,
}

/// A deposit is asked for, paid or paid back (R-CREDIT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// What becomes of it.
    pub step: DepositStep,
    /// How much, in yuan; to pay back, at most what there is.
    pub amount: MicroYuan,
}

impl Deed for Deposit {
    const KIND: FactKind = FactKind::Deposit;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (amount, buyer) = (payment("amount", self.amount)?, view.buyer(&self.buyer)?);
        open(view, buyer)?;
        let own = Account { kind: AccountKind::BuyerDeposit, owner: buyer.0 };
        let (from, to) = match self.step {
            DepositStep::Asked => return Ok(Vec::new()),
            DepositStep::Paid => (BANK, own),
            DepositStep::Returned => {
                cash_leaves(view, buyer)?;
                covers(view, own, amount, "R-CREDIT", "is deposited")?;
                (own, BANK)
            }
        };
        one(TransactionKind::Deposit, reference, view, amount, from, to)
    }
}

/// Refuses to take more from a liability than there is.
fn covers(view: &View<'_>, own: Account, amount: MicroYuan, rule: &'static str, what: &str) -> Result<(), Refusal> {
    let balances = view.books.balances()?;
    let there = balances.into_iter().find(|(account, _)| *account == own).map_or(MicroYuan::ZERO, |(_, sum)| -sum);
    if amount > there {
        return Err(Refusal::rule(rule, format!("{there} {what}, {amount} is asked")));
    }
    Ok(())
}

/// One transaction from one account to another.
fn one(
    kind: TransactionKind,
    reference: &str,
    view: &View<'_>,
    amount: MicroYuan,
    from: Account,
    to: Account,
) -> Result<Vec<Transaction>, Refusal> {
    let sides = [(from, amount), (to, -amount)];
    Ok(vec![Transaction::of(kind, reference, view.today(), view.now, "", sides)?])
}
