//! Days on which neither side fails: maintenance, changed rules, orders of authorities (R-EXEMPT). What is entered before a day is closed counts
//! with its closing; what is entered behind it gives back what was charged: in an open month by closing the day again, of a closed month by an
//! adjustment, which counts in the month of its entry (R-MONTH).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::{Month, ShanghaiDay};
use crate::event::{
    Account, AccountKind, ClosedDay, FactKind, KeptFact, StoreUnavailable, Transaction, TransactionKind, Whose,
};
use crate::ids::{BuyerId, DealId};
use crate::market::Market;
use crate::money::MicroYuan;
use crate::settlement::month::settled_with;
use crate::settlement::office::{Deed, Refusal, View, said};

/// The longest reason, characters.
const LONGEST_REASON: usize = 500;
/// The most days of one exemption.
const MOST_DAYS: u32 = 366;

/// On some days neither side fails.
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
    /// What it gives back of closed months. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjusted: Vec<Adjusted>,
}

/// What an exemption gives back of a buyer's closed month, as an adjustment (R-MONTH).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjusted {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The closed month.
    pub month: Month,
    /// How much, in yuan: what cash paid; grants have no part in it.
    pub amount: MicroYuan,
}

impl Exemption {
    /// Whether a day is one of its days.
    pub(super) fn includes(&self, day: ShanghaiDay) -> bool {
        self.first <= day && day <= self.last
    }

    fn is_for(&self, deal: Option<&str>) -> bool {
        self.deals.is_empty() || deal.is_some_and(|wire| self.deals.iter().any(|known| known == wire))
    }

    fn check(&self, view: &View<'_>) -> Result<(), Refusal> {
        let refuse = |why: String| Err(Refusal::rule("R-EXEMPT", why));
        if self.last < self.first || self.last.0 - self.first.0 >= MOST_DAYS {
            return refuse(format!("{} to {} are not 1 to {MOST_DAYS} days", self.first, self.last));
        }
        let length = self.reason.trim().chars().count();
        if !(1..=LONGEST_REASON).contains(&length) {
            return refuse(format!("`reason` has {length} characters, 1 to {LONGEST_REASON} are asked"));
        }
        let unknown = self.deals.iter().find(|wire| !view.market.deals.iter().any(|deal| deal.wire == **wire));
        unknown.map_or(Ok(()), |unknown| refuse(format!("deal {unknown:?} is not known")))
    }

    /// What of closed months it gives back, by buyer and month: what cash paid for undelivered volume that no earlier exemption covers.
    fn of_closed_months(&self, view: &View<'_>) -> Result<Vec<Adjusted>, Refusal> {
        let (first, last) = (self.first.month().last_day(), self.last.month().last_day());
        let heads = view.books.fact_heads(FactKind::MonthClosing, Whose::Anybodys, first, last)?;
        let months: BTreeSet<_> = heads.iter().filter_map(|head| Some((head.buyer?, head.day.month()))).collect();
        if months.is_empty() {
            return Ok(Vec::new());
        }
        let mut sums = BTreeMap::<(BuyerId, Month), MicroYuan>::new();
        for closed in view.books.closings(self.first, self.last)? {
            let (deal, day, key) =
                (closed.closing.deal, closed.closing.day, (closed.closing.buyer, closed.closing.day.month()));
            let covered = self.is_for(wire_of(view.market, deal)) && !is_exempt(view.facts, view.market, deal, day);
            if covered && closed.may_be_exempted() && months.contains(&key) {
                *sums.entry(key).or_default() += by_cash(&closed);
            }
        }
        let adjusted = |((buyer, month), amount): ((BuyerId, Month), MicroYuan)| {
            let account = view.market.buyers.get(buyer).map(|known| known.account.clone());
            let gone = || Refusal::Malformed(format!("buyer number {} is not in the market", buyer.0));
            Ok(Adjusted { buyer: account.ok_or_else(gone)?, month, amount })
        };
        sums.into_iter().filter(|(_, amount)| amount.is_positive()).map(adjusted).collect()
    }
}

/// What of a day's charge for undelivered volume goes back to cash: grants paid first, and what goes back is what was paid last.
fn by_cash(closed: &ClosedDay) -> MicroYuan {
    closed.given_back_by_exemption().min(closed.payable - closed.from_grants)
}

impl Deed for Exemption {
    const KIND: FactKind = FactKind::Exemption;

    fn concerns(&self, _: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((None, self.first))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        if !self.adjusted.is_empty() {
            return Err(Refusal::Malformed("`adjusted` is added when it is entered; leave it out".to_owned()));
        }
        self.check(view)?;
        self.adjusted = self.of_closed_months(view)?;
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        self.adjusted = before.adjusted;
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let mut by_buyer = BTreeMap::<&str, (MicroYuan, Vec<String>)>::new();
        for Adjusted { buyer, month, amount } in &self.adjusted {
            let (sum, months) = by_buyer.entry(buyer).or_default();
            *sum += *amount;
            months.push(month.to_string());
        }
        let adjustment = |(account, (amount, months)): (&str, (MicroYuan, Vec<String>))| {
            let buyer = view.buyer(account)?;
            let mut sides = settled_with(view, buyer, -amount)?;
            sides.push((Account::single(AccountKind::Adjustments), amount));
            let (name, note) =
                (format!("exemption {reference}, {account}"), format!("{}: {}", months.join(", "), self.reason));
            Ok(Transaction::of(TransactionKind::Adjustment, name, view.today(), view.now, note, sides)?)
        };
        by_buyer.into_iter().map(adjustment).collect()
    }
}

fn wire_of(market: &Market, deal: DealId) -> Option<&str> {
    market.deals.iter().find(|known| known.id == deal).map(|known| known.wire.as_str())
}

/// Whether an exemption is for a deal.
pub(super) fn is_for(exemption: &Exemption, market: &Market, deal: DealId) -> bool {
    exemption.is_for(wire_of(market, deal))
}

/// Whether a day of a deal is exempt.
pub(super) fn is_exempt(facts: &[KeptFact], market: &Market, deal: DealId, day: ShanghaiDay) -> bool {
    let wire = wire_of(market, deal);
    said::<Exemption>(facts).any(|(_, said)| said.includes(day) && said.is_for(wire))
}

/// The days of a buyer's month that were closed before they became exempt, and are still to be closed again.
pub(in crate::settlement) fn waiting(
    view: &View<'_>,
    buyer: BuyerId,
    month: Month,
) -> Result<BTreeSet<ShanghaiDay>, StoreUnavailable> {
    let mut days = BTreeSet::new();
    for closed in view.books.closings_of(buyer, None, month.first_day(), month.last_day())? {
        let (deal, day) = (closed.closing.deal, closed.closing.day);
        if closed.may_be_exempted() && is_exempt(view.facts, view.market, deal, day) {
            days.insert(day);
        }
    }
    Ok(days)
}
