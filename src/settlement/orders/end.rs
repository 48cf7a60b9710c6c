//! Cancelling an order: with notice and confirmation, or with damages (R-DAMAGE-CANCEL).

use serde::{Deserialize, Serialize};

use super::{KeptOrder, Orders, first_day_after};
use crate::clock::ShanghaiDay;
use crate::event::{FactKind, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::breaches::Charged;
use crate::settlement::damages::{Means, of_cancellation};
use crate::settlement::notice::{Side, Subject, notice_of, said_something, workdays_after};
use crate::settlement::office::{Deed, Refusal, View};

/// An effective order was cancelled by the buyer, or was not paid in advance as agreed, which counts as that (R-DAMAGE-CANCEL).
///
/// What was used until then settles as ordered. With 30 days' written notice and the exchange's confirmation that is all. Without, the
/// inventory that the order still locks is claimed, less what of it was sold again, plus the higher of a part of the order and an amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderCancellation {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The order's number.
    pub number: String,
    /// The first day on which it is not served any more.
    pub from: ShanghaiDay,
    /// Why, in a line.
    pub reason: String,
    /// The notice that told of it, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Whether the exchange confirms it.
    #[serde(default)]
    pub confirmed: bool,
    /// What of the locked inventory was sold again, in yuan.
    #[serde(default)]
    pub resold: MicroYuan,
    /// What it cost. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Charged>,
}

impl OrderCancellation {
    /// Whether notice was given in time and the exchange confirms.
    fn is_agreed(&self, buyer: BuyerId, view: &View<'_>) -> Result<bool, Refusal> {
        let Some(notice) = self.notice.as_ref().filter(|_| self.confirmed) else { return Ok(false) };
        let served = notice_of(view, (buyer, notice), (Side::Buyer, Subject::Order), "R-DAMAGE-CANCEL")?;
        let days = view.market.terms.figures.on(served).order_notice_days;
        Ok(served.plus_days(days) <= self.from)
    }

    fn order<'o>(&self, buyer: BuyerId, orders: &'o Orders) -> Result<&'o KeptOrder, Refusal> {
        let refuse = |why: String| Err(Refusal::rule("R-ORDER", why));
        let Some(order) = orders.get(&self.number).filter(|order| order.buyer == buyer) else {
            return refuse(format!("the buyer has no order {:?}", self.number));
        };
        if let Some((from, _)) = &order.cancelled {
            return refuse(format!("order {:?} is cancelled from {from} on", self.number));
        }
        if self.from > order.last_day() {
            return refuse(format!("order {:?} ends on {}", self.number, order.last_day()));
        }
        Ok(order)
    }
}

impl Deed for OrderCancellation {
    const KIND: FactKind = FactKind::OrderCancellation;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.from))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        if self.charged.is_some() {
            return Err(Refusal::Malformed("`charged` is added when it is entered; leave it out".to_owned()));
        }
        said_something("reason", &self.reason)?;
        if self.resold < MicroYuan::ZERO {
            return Err(Refusal::Malformed(format!("`resold` {} is below zero", self.resold)));
        }
        if self.from < view.today() {
            let why = format!("{} is over: what was served until today was ordered", self.from);
            return Err(Refusal::rule("R-ORDER", why));
        }
        let buyer = view.buyer(&self.buyer)?;
        let orders = Orders::of(view.facts);
        let order = self.order(buyer, &orders)?;
        // An order that the exchange never confirmed does not bind: nothing was locked for it.
        let Some(effective) = order.confirmed() else { return Ok(()) };
        let first = first_day_after(view.now);
        if self.from < first {
            let why = format!(
                "what has begun was set aside as ordered: it can be cancelled from {first} on, not from {}",
                self.from
            );
            return Err(Refusal::rule("R-COMMIT", why));
        }
        if self.is_agreed(buyer, view)? {
            return Ok(());
        }
        let figures = view.figures();
        let locked = order.amount_of(self.from, order.last_day());
        let cost = of_cancellation(effective.order.amount(), locked, self.resold, figures);
        let taken = Means::of(view, buyer)?.take(cost);
        let due = workdays_after(view.today(), figures.cancellation_due_workdays)?;
        self.charged = Some(Charged { step: None, taken, due, ends: false });
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        self.charged = before.charged;
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let Some(charged) = &self.charged else { return Ok(Vec::new()) };
        let named = (TransactionKind::Damages, format!("{} {reference}", Self::KIND.label()));
        let note = format!("R-DAMAGE-CANCEL, order {}", self.number);
        Ok(charged.taken.transaction(buyer, named, view.today(), view.now, note)?.into_iter().collect())
    }
}
