//! Money that comes in (R-PREPAY).

use serde::{Deserialize, Serialize};

use super::{Deed, Refusal, View, payment};
use crate::clock::ShanghaiDay;
use crate::event::{FactKind, Transaction};
use crate::ids::BuyerId;
use crate::money::MicroYuan;

/// A payment of a buyer arrived (R-PREPAY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// How much, in yuan.
    pub amount: MicroYuan,
}

impl Deed for TopUp {
    const KIND: FactKind = FactKind::TopUp;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let amount = payment("amount", self.amount)?;
        Ok(vec![Transaction::top_up(view.buyer(&self.buyer)?, reference, amount, view.now)?])
    }
}
