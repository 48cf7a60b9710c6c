//! Grants (R-BALANCE).

use serde::{Deserialize, Serialize};

use super::{client, open, opens};
use crate::clock::ShanghaiDay;
use crate::event::{
    Account, AccountChange, AccountKind, FactKind, Fund, GrantId, GrantTerms, Transaction, TransactionKind,
};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::office::{Deed, Refusal, View, payment};

/// A grant is given: spent before cash, never withdrawn, transferred or invoiced (R-BALANCE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The client whose own account gets it; left out: the buyer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How much, in yuan.
    pub amount: MicroYuan,
    /// The last day on which it may be used.
    pub last_day: ShanghaiDay,
}

impl Grant {
    fn number(view: &View<'_>) -> Result<GrantId, Refusal> {
        let place = u32::try_from(view.next_seq());
        place.map(GrantId).map_err(|_| Refusal::Malformed("grants have run out of numbers".to_owned()))
    }
}

impl Deed for Grant {
    const KIND: FactKind = FactKind::Grant;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let (amount, buyer) = (payment("amount", self.amount)?, view.buyer(&self.buyer)?);
        open(view, buyer)?;
        let over = view.market.last_day_of_use(buyer).filter(|last| *last < view.today());
        if let Some(last) = over {
            return Err(Refusal::rule(
                "R-TERM",
                format!("the buyer's last day of use was {last}; a grant would be void at once"),
            ));
        }
        if self.last_day < view.today() {
            let why = format!("`last_day` {} is over; a grant would be void at once", self.last_day);
            return Err(Refusal::rule("R-BALANCE", why));
        }
        let grant = Self::number(view)?;
        let sides = [(Account::single(AccountKind::GrantCost), amount), (Fund::Grant(grant).account(), -amount)];
        let made =
            Transaction::of(TransactionKind::Grant, format!("grant {}", grant.0), view.today(), view.now, "", sides)?;
        Ok(vec![made])
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let client = self.client.as_deref().map(|id| client(view, buyer, id)).transpose()?;
        let mut changes = Vec::new();
        if let Some(client) = client {
            changes.push(opens(view, buyer, client)?);
        }
        let terms = GrantTerms { grant: Self::number(view)?, buyer, client, last_day: self.last_day };
        changes.push(AccountChange::Grant(terms));
        Ok(changes)
    }
}
