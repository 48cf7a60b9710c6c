//! Days on which neither side fails: maintenance, changed rules, orders of authorities (R-EXEMPT).

use serde::{Deserialize, Serialize};

use crate::clock::ShanghaiDay;
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::{BuyerId, DealId};
use crate::market::Market;
use crate::settlement::office::{Deed, Refusal, View, said};

/// The longest reason, characters.
const LONGEST_REASON: usize = 500;
/// The most days of one exemption.
const MOST_DAYS: u32 = 366;

/// On some days neither side fails. It is entered before they are closed; afterwards an adjustment says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The first day.
    pub first: ShanghaiDay,
    /// The last.
    pub last: ShanghaiDay,
    /// Why, in words: what happened, and who ordered it.
    pub reason: String,
    /// Which deals, as they are called on the wire; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deals: Vec<String>,
}

impl Exemption {
    fn is_for(&self, deal: Option<&str>) -> bool {
        self.deals.is_empty() || deal.is_some_and(|wire| self.deals.iter().any(|known| known == wire))
    }
}

impl Deed for Exemption {
    const KIND: FactKind = FactKind::Exemption;

    fn concerns(&self, _: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((None, self.first))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let refuse = |why: String| Err(Refusal::rule("R-EXEMPT", why));
        if self.last < self.first || self.last.0 - self.first.0 >= MOST_DAYS {
            return refuse(format!("{} to {} are not 1 to {MOST_DAYS} days", self.first, self.last));
        }
        let length = self.reason.trim().chars().count();
        if !(1..=LONGEST_REASON).contains(&length) {
            return refuse(format!("`reason` has {length} characters, 1 to {LONGEST_REASON} are asked"));
        }
        if let Some(unknown) = self.deals.iter().find(|wire| !view.market.deals.iter().any(|deal| deal.wire == **wire))
        {
            return refuse(format!("deal {unknown:?} is not known"));
        }
        let closed = view.books.closings(self.first, self.last)?;
        let mut closed = closed.iter().map(|closed| &closed.closing);
        match closed.find(|closing| self.is_for(wire_of(view.market, closing.deal))) {
            Some(closing) => refuse(format!(
                "{} is closed for deal {}: an adjustment changes what it came to",
                closing.day,
                wire_of(view.market, closing.deal).unwrap_or("that is in the market no more"),
            )),
            None => Ok(Vec::new()),
        }
    }
}

fn wire_of(market: &Market, deal: DealId) -> Option<&str> {
    market.deals.iter().find(|known| known.id == deal).map(|known| known.wire.as_str())
}

/// Whether a day of a deal is exempt.
pub(super) fn is_exempt(facts: &[KeptFact], market: &Market, deal: DealId, day: ShanghaiDay) -> bool {
    let wire = wire_of(market, deal);
    said::<Exemption>(facts).any(|(_, said)| said.first <= day && day <= said.last && said.is_for(wire))
}
