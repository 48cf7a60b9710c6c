//! Money that comes in (R-PREPAY).

use serde::{Deserialize, Serialize};

use super::{Deed, Refusal, View, accounts, payment};
use crate::clock::ShanghaiDay;
use crate::event::{Account, AccountChange, AccountKind, FactKind, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;

/// A payment of a buyer arrived (R-PREPAY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The client to whose own account it goes; left out: the buyer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How much, in yuan.
    pub amount: MicroYuan,
}

impl Deed for TopUp {
    const KIND: FactKind = FactKind::TopUp;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (amount, buyer) = (payment("amount", self.amount)?, view.buyer(&self.buyer)?);
        accounts::may_receive(view, buyer, "top-up")?;
        let to = accounts::cash_of(view, buyer, self.client.as_deref())?.account();
        let sides = [(Account::single(AccountKind::Bank), amount), (to, -amount)];
        Ok(vec![Transaction::of(TransactionKind::TopUp, reference, view.today(), view.now, "", sides)?])
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let client = self.client.as_deref().map(|id| accounts::client(view, buyer, id)).transpose()?;
        client.map(|client| accounts::opens(view, buyer, client)).into_iter().collect()
    }
}
