//! Objections to a month's figures, and what became of them (R-OBJECT).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::closing::check_open;
use super::promotion_period;
use crate::clock::{Month, ShanghaiDay};
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::BuyerId;
use crate::settlement::office::{Deed, Refusal, View, said};

/// The longest text of a reason or a subject, characters.
const LONGEST_TEXT: usize = 2_000;

/// An objection to figures, in writing (R-OBJECT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objection {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Which month's figures.
    pub month: Month,
    /// Those of one deal, by its id; left out: of the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deal: Option<String>,
    /// The day on which the writing arrived.
    pub received: ShanghaiDay,
    /// What is objected to, and by which document.
    pub subject: String,
}

impl Deed for Objection {
    const KIND: FactKind = FactKind::Objection;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.received))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        written("subject", &self.subject)?;
        check_open(view.facts, buyer, self.month)?;
        let end = match &self.deal {
            Some(deal) => promotion_period(view, buyer, deal, self.month)?.1,
            None => self.month.last_day(),
        };
        let refused = |why: String| Err(Refusal::rule("R-OBJECT", why));
        if self.received > view.today() {
            return refused(format!("`received` {} has not come yet", self.received));
        }
        if self.received < self.month.first_day() {
            return refused(format!("`received` {} is before {} began", self.received, self.month));
        }
        let last = last_day_for(view, end);
        if self.received > last {
            let why = format!(
                "the promotion period ended on {end}, objections in writing were due by {last}; this one came on {}, so the figures stand",
                self.received
            );
            return refused(why);
        }
        Ok(vec![])
    }
}

/// The last day for objections to a promotion period that ended on that day: by the figures of that day.
#[must_use]
pub(super) fn last_day_for(view: &View<'_>, end: ShanghaiDay) -> ShanghaiDay {
    end.plus_days(view.market.terms.figures.on(end).objection_days)
}

/// What became of an objection (R-OBJECT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectionDecision {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The objection's reference.
    pub objection: String,
    /// Whether it was right.
    pub upheld: bool,
    /// The count that settles its deal's promotion period, where it was right about a deal. Any other correction is an adjustment of the
    /// month once it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    /// Why.
    pub reason: String,
}

impl Deed for ObjectionDecision {
    const KIND: FactKind = FactKind::ObjectionDecision;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        written("reason", &self.reason)?;
        let own = said::<Objection>(view.facts).filter(|(kept, _)| kept.fact.buyer == Some(buyer));
        let found = own.map(|(kept, objection)| (&kept.fact.reference, objection)).find(|it| *it.0 == self.objection);
        let refused = |why: String| Err(Refusal::rule("R-OBJECT", why));
        let Some((_, objection)) = found else {
            return refused(format!("buyer {} has no objection {:?}", self.buyer, self.objection));
        };
        if !open(view.facts, buyer, objection.month).contains(&self.objection) {
            return refused(format!("objection {:?} is decided already", self.objection));
        }
        check_open(view.facts, buyer, objection.month)?;
        if self.impressions.is_some() && (!self.upheld || objection.deal.is_none()) {
            return refused("`impressions` is for an objection to a deal's figures that was right".to_owned());
        }
        Ok(vec![])
    }
}

/// The references of a month's objections that are not decided.
#[must_use]
pub(super) fn open(facts: &[KeptFact], buyer: BuyerId, month: Month) -> BTreeSet<String> {
    let own = |kept: &KeptFact| kept.fact.buyer == Some(buyer);
    let raised = said::<Objection>(facts).filter(|(kept, it)| own(kept) && it.month == month);
    let mut open: BTreeSet<_> = raised.map(|(kept, _)| kept.fact.reference.clone()).collect();
    for (_, decision) in said::<ObjectionDecision>(facts).filter(|(kept, _)| own(kept)) {
        open.remove(&decision.objection);
    }
    open
}

/// The counts by which objections to deals of a month were upheld, by the deal's id; the last decision stands.
#[must_use]
pub(super) fn upheld(facts: &[KeptFact], buyer: BuyerId, month: Month) -> Vec<(String, u64)> {
    let own = |kept: &KeptFact| kept.fact.buyer == Some(buyer);
    let raised: Vec<_> = said::<Objection>(facts).filter(|(kept, it)| own(kept) && it.month == month).collect();
    let count = |(_, decision): (_, ObjectionDecision)| {
        let (_, objection) = raised.iter().find(|(kept, _)| kept.fact.reference == decision.objection)?;
        objection.deal.clone().zip(decision.impressions)
    };
    said::<ObjectionDecision>(facts).filter(|(kept, _)| own(kept)).filter_map(count).collect()
}

/// A text that says something: 1 to 2,000 characters.
pub(crate) fn written(what: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT {
        return Err(Refusal::Malformed(format!("`{what}` must have 1 to {LONGEST_TEXT} characters")));
    }
    Ok(())
}
