//! Withholding deposit and balances while a dispute with a client is not settled (R-HOLD).

use serde::{Deserialize, Serialize};

use super::Breaches;
use crate::clock::ShanghaiDay;
use crate::event::{FactKind, Transaction};
use crate::ids::BuyerId;
use crate::settlement::notice::said_something;
use crate::settlement::office::{Deed, Refusal, View};

/// Deposit and balances are withheld.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The client that it is in dispute with: an advertiser of the buyer.
    pub client: String,
    /// What the dispute is about.
    pub reason: String,
}

impl Deed for Hold {
    const KIND: FactKind = FactKind::Hold;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        said_something("reason", &self.reason)?;
        if view.market.advertiser_named(buyer, &self.client).is_none() {
            return Err(Refusal::Malformed(format!("the buyer has no client {:?}", self.client)));
        }
        Ok(Vec::new())
    }
}

/// A hold ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldEnd {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The hold's reference.
    pub hold: String,
    /// How the dispute was settled.
    pub reason: String,
}

impl Deed for HoldEnd {
    const KIND: FactKind = FactKind::HoldEnd;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        said_something("reason", &self.reason)?;
        let breaches = Breaches::of(view.facts, view.buyer(&self.buyer)?);
        if breaches.holds.iter().any(|(hold, _)| *hold == self.hold) {
            return Ok(Vec::new());
        }
        Err(Refusal::rule("R-HOLD", format!("the buyer is not held under {:?}", self.hold)))
    }
}
