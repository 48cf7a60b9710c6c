//! Paying what is owed: from the bank or from cash that became free, the oldest claim first; and what a delay cost (R-DEDUCT, R-LATE).

use serde::{Deserialize, Serialize};

use super::violation::{Charged, Overdue};
use super::{Breaches, Late};
use crate::clock::ShanghaiDay;
use crate::event::{Account, AccountKind, FactKind, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::damages::{Means, of_delay};
use crate::settlement::office::{Deed, Refusal, View, payment};

/// What was paid of one claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The claim's name.
    pub claim: String,
    /// How much.
    pub amount: MicroYuan,
}

/// Where a payment came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaidFrom {
    /// The buyer's bank.
    Bank,
    /// Its cash with the exchange that became free.
    Balance,
}

/// A receivable was paid. Without `late`: what is owed for breaches, the oldest first. With it: overdue fees or deposit, and then what the
/// delay cost until that day is booked too and taken as any claim is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// How much, in yuan.
    pub amount: MicroYuan,
    /// From where.
    pub from: PaidFrom,
    /// The day on which it was paid.
    pub day: ShanghaiDay,
    /// The violation under which it is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<String>,
    /// What it paid. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<Payment>,
    /// What the delay of this payment cost. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Charged>,
}

impl Receipt {
    fn overdue<'b>(&self, breaches: &'b Breaches) -> Result<Option<&'b Late>, Refusal> {
        let Some(reference) = &self.late else { return Ok(None) };
        let late = breaches.late(reference);
        let unknown = || Refusal::rule("R-LATE", format!("no payment is overdue under violation {reference:?}"));
        late.map(Some).ok_or_else(unknown)
    }

    /// The account that it fills.
    fn fills(&self, late: Option<&Late>) -> AccountKind {
        match late.map(|late| late.of) {
            Some(Overdue::Deposit) => AccountKind::BuyerDeposit,
            Some(Overdue::Fees | Overdue::Shortfall) | None => AccountKind::BuyerReceivable,
        }
    }
}

impl Deed for Receipt {
    const KIND: FactKind = FactKind::Receipt;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.day))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        if !self.paid.is_empty() || self.fee.is_some() {
            return Err(Refusal::Malformed("`paid` and `fee` are added when it is entered; leave them out".to_owned()));
        }
        let buyer = view.buyer(&self.buyer)?;
        let amount = payment("amount", self.amount)?;
        if self.day > view.today() {
            return Err(Refusal::Malformed(format!("`day` {} is still to come", self.day)));
        }
        let breaches = Breaches::of(view.facts, buyer);
        let mut means = Means::of(view, buyer)?;
        if self.from == PaidFrom::Balance {
            if means.cash < amount {
                return Err(Refusal::rule("R-PREPAY", format!("{} is free, {amount} is needed", means.cash)));
            }
            means.cash -= amount;
        }
        let late = self.overdue(&breaches)?;
        let owed = late.map_or_else(|| breaches.owed(), Late::open);
        if amount > owed {
            let why = format!("{owed} is owed; enter what is beyond it as a top-up");
            return Err(Refusal::rule(if late.is_some() { "R-LATE" } else { "R-DEDUCT" }, why));
        }
        if self.fills(late) == AccountKind::BuyerReceivable && amount > means.receivable {
            let why = format!("the books have {} as owed by the buyer, not {amount}", means.receivable);
            return Err(Refusal::rule("R-DEDUCT", why));
        }
        match late {
            None => self.paid = breaches.pays(amount),
            Some(late) => {
                let fee = of_delay(amount, late.due, self.day, &view.market.terms.figures);
                if fee.is_positive() {
                    self.fee = Some(Charged { step: None, taken: means.take(fee), due: view.today(), ends: false });
                }
            }
        }
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        (self.paid, self.fee) = (before.paid, before.fee);
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let breaches = Breaches::of(view.facts, buyer);
        let late = self.overdue(&breaches)?;
        let (kind, payer) = match self.from {
            PaidFrom::Bank => (TransactionKind::Receipt, Account::single(AccountKind::Bank)),
            PaidFrom::Balance => (TransactionKind::Collection, Account::cash(buyer)),
        };
        let filled = Account { kind: self.fills(late), owner: buyer.0 };
        let sides = [(payer, self.amount), (filled, -self.amount)];
        let reference = format!("{} {reference}", Self::KIND.label());
        let mut made = vec![Transaction::of(kind, reference.clone(), self.day, view.now, "", sides)?];
        if let (Some(fee), Some(late)) = (&self.fee, late) {
            let note = format!("{} overdue since {}, violation {}", self.amount, late.due, late.reference);
            let named = (TransactionKind::LateFee, reference);
            made.extend(fee.taken.transaction(buyer, named, self.day, view.now, note)?);
        }
        Ok(made)
    }
}
