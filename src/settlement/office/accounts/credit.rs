//! Buyers that may owe (R-CREDIT).

use serde::{Deserialize, Serialize};

use super::{may_receive, open};
use crate::clock::ShanghaiDay;
use crate::event::{AccountChange, FactKind, Transaction};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::office::{Deed, Refusal, View, payment};

/// Credit of a buyer is agreed or changed (R-CREDIT). A limit of 0 suspends it, or changes the buyer to prepayment: what its leases hold
/// stays valid. `due_days` of 0 makes fees due at once. A deposit is asked for by a fact of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// How much it may owe, in yuan; 0 for nothing.
    pub limit: MicroYuan,
    /// Days after a statement within which it is to be paid.
    pub due_days: u32,
    /// Why, for people; must be said.
    pub reason: String,
}

impl Deed for Credit {
    const KIND: FactKind = FactKind::Credit;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        if self.reason.trim().is_empty() {
            return Err(Refusal::rule("R-CREDIT", "`reason` must say why"));
        }
        if self.limit == MicroYuan::ZERO {
            open(view, buyer)?;
            return Ok(Vec::new());
        }
        payment("limit", self.limit)?;
        if may_receive(view, buyer, "credit")?.is_restricted() {
            let why = "the buyer's account is restricted; only a limit of 0 can be entered until that is lifted";
            return Err(Refusal::rule("R-RESTRICT", why));
        }
        Ok(Vec::new())
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        Ok(vec![AccountChange::CreditLimit(view.buyer(&self.buyer)?, self.limit)])
    }
}
