//! Money that comes in (R-PREPAY).

use serde::{Deserialize, Serialize};

use super::{Deed, Refusal, View, payment};
use crate::clock::ShanghaiDay;
use crate::event::{Account, AccountKind, FactKind, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::breaches::{Breaches, Payment};
use crate::settlement::damages::Means;
use crate::settlement::notice::last_days;

/// A payment of a buyer arrived (R-PREPAY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// How much, in yuan.
    pub amount: MicroYuan,
    /// What of it paid what was owed for breaches, the oldest first (R-DEDUCT). Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collected: Vec<Payment>,
}

impl Deed for TopUp {
    const KIND: FactKind = FactKind::TopUp;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        if !self.collected.is_empty() {
            return Err(Refusal::Malformed("`collected` is added when it is entered; leave it out".to_owned()));
        }
        let amount = payment("amount", self.amount)?;
        let buyer = view.buyer(&self.buyer)?;
        let known = view.market.buyers.get(buyer);
        let last = known.and_then(|known| last_days(view.facts, known, &view.market.terms.figures));
        if let Some(last) = last.filter(|last| last.cooperation < view.today()) {
            let why =
                format!("the cooperation ended on {}: no top-ups; what is owed is paid by a receipt", last.cooperation);
            return Err(Refusal::rule("R-TERM", why));
        }
        let breaches = Breaches::of(view.facts, buyer);
        if breaches.owed().is_positive() {
            self.collected = breaches.pays(amount.min(Means::of(view, buyer)?.receivable));
        }
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        self.collected = before.collected;
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let mut made = vec![Transaction::top_up(buyer, reference, self.amount, view.now)?];
        let collected: MicroYuan = self.collected.iter().map(|payment| payment.amount).sum();
        if collected.is_positive() {
            let owed = Account { kind: AccountKind::BuyerReceivable, owner: buyer.0 };
            let sides = [(Account::cash(buyer), collected), (owed, -collected)];
            let name = format!("{} {reference}", Self::KIND.label());
            made.push(Transaction::of(TransactionKind::Collection, name, view.today(), view.now, "", sides)?);
        }
        Ok(made)
    }
}
