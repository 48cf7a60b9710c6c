//! Breaches of buyers: violations with their evidence, what they cost, what is still owed of it, and what they end (business rules §4).
//!
//! Nothing is erased: a waiver gives back what a violation cost and takes it off the ladder of page changes for those that come after it;
//! steps that were charged before stay as they were. How things stand is a pure fold over what was entered; what was taken from where is
//! added to each record when it is entered, so that the fold needs no balances.

mod hold;
mod receipt;
mod violation;

pub use hold::{Hold, HoldEnd};
pub use receipt::{PaidFrom, Payment, Receipt};
pub use violation::{Breach, Charged, Evidence, Overdue, Violation, Waiver};

use super::office::{TopUp, said};
use super::orders::OrderCancellation;
use crate::clock::{Month, ShanghaiDay};
use crate::event::{FactKind, KeptFact};
use crate::ids::BuyerId;
use crate::money::MicroYuan;

/// A violation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptViolation {
    /// Its author's reference.
    pub reference: String,
    /// What was entered.
    pub violation: Violation,
    /// Why it was waived, if it was.
    pub waived: Option<String>,
}

/// What a buyer owed after a deduction, and what was paid of it since (R-DEDUCT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it is for: the kind and reference of the record that made it.
    pub name: String,
    /// When it is due.
    pub due: ShanghaiDay,
    /// What was left owing, less what was waived.
    pub owed: MicroYuan,
    /// What was paid of it.
    pub paid: MicroYuan,
}

impl Claim {
    /// What is still owed.
    #[must_use]
    pub fn open(&self) -> MicroYuan {
        self.owed - self.paid
    }
}

/// Fees or a deposit that are overdue (R-LATE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The violation's reference.
    pub reference: String,
    /// What is overdue.
    pub of: Overdue,
    /// The month whose shortfall it is, if it is one.
    pub month: Option<Month>,
    /// The day on which it was due.
    pub due: ShanghaiDay,
    /// How much was overdue.
    pub owed: MicroYuan,
    /// What was paid of it.
    pub paid: MicroYuan,
}

impl Late {
    /// What is still overdue.
    #[must_use]
    pub fn open(&self) -> MicroYuan {
        self.owed - self.paid
    }
}

/// How a buyer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaches {
    /// Its violations in the order of their entry, those that were waived among them.
    pub violations: Vec<KeptViolation>,
    /// What is or was owed for them, the oldest first.
    pub claims: Vec<Claim>,
    /// Payments that were overdue, paid ones among them.
    pub late: Vec<Late>,
    /// Holds that have not ended: their references and reasons (R-HOLD).
    pub holds: Vec<(String, String)>,
    /// The day on which the cooperation ended for good (R-DAMAGE-CHANGE).
    pub ended: Option<ShanghaiDay>,
}

impl Breaches {
    /// How a buyer stands by what was entered.
    #[must_use]
    pub fn of(facts: &[KeptFact], buyer: BuyerId) -> Self {
        let mut breaches = Self::default();
        for kept in facts.iter().filter(|kept| kept.fact.buyer == Some(buyer)) {
            breaches.follow(kept);
        }
        breaches.ended = breaches.standing().filter(|kept| kept.ends()).map(|kept| kept.violation.day).min();
        breaches
    }

    fn follow(&mut self, kept: &KeptFact) {
        let one = std::slice::from_ref(kept);
        let reference = &kept.fact.reference;
        match kept.fact.kind {
            FactKind::Violation => said(one).for_each(|(_, violation)| self.violated(reference, violation)),
            FactKind::Waiver => said(one).for_each(|(_, waiver): (_, Waiver)| self.waived(&waiver)),
            FactKind::OrderCancellation => {
                for (_, cancellation) in said::<OrderCancellation>(one) {
                    self.charged(format!("cancellation {reference}"), cancellation.charged.as_ref());
                }
            }
            FactKind::Receipt => said(one).for_each(|(_, receipt): (_, Receipt)| self.received(reference, &receipt)),
            FactKind::TopUp => said(one).for_each(|(_, top_up): (_, TopUp)| self.paid(&top_up.collected)),
            FactKind::Hold => {
                self.holds.extend(said::<Hold>(one).map(|(_, hold)| (reference.clone(), hold.reason)));
            }
            FactKind::HoldEnd => {
                said(one).for_each(|(_, end): (_, HoldEnd)| self.holds.retain(|(hold, _)| *hold != end.hold));
            }
            _ => {}
        }
    }

    fn violated(&mut self, reference: &str, violation: Violation) {
        self.charged(format!("violation {reference}"), violation.charged.as_ref());
        if let Breach::LatePayment { of, owed, due, month } = violation.breach {
            self.late.push(Late { reference: reference.to_owned(), of, month, due, owed, paid: MicroYuan::ZERO });
        }
        self.violations.push(KeptViolation { reference: reference.to_owned(), violation, waived: None });
    }

    fn charged(&mut self, name: String, charged: Option<&Charged>) {
        let owed = charged.map_or(MicroYuan::ZERO, |charged| charged.taken.receivable);
        if let Some(charged) = charged.filter(|_| owed.is_positive()) {
            self.claims.push(Claim { name, due: charged.due, owed, paid: MicroYuan::ZERO });
        }
    }

    fn waived(&mut self, waiver: &Waiver) {
        let Some(kept) = self.violations.iter_mut().find(|kept| kept.reference == waiver.violation) else { return };
        kept.waived = Some(waiver.reason.clone());
        self.late.retain(|late| late.reference != waiver.violation);
        let name = format!("violation {}", waiver.violation);
        if let (Some(claim), Some(back)) = (self.claims.iter_mut().find(|claim| claim.name == name), waiver.back) {
            claim.owed -= back.receivable;
        }
    }

    fn received(&mut self, reference: &str, receipt: &Receipt) {
        self.paid(&receipt.paid);
        if let Some(late) = self.late.iter_mut().find(|late| Some(&late.reference) == receipt.late.as_ref()) {
            late.paid += receipt.amount;
        }
        self.charged(format!("late fee of {reference}"), receipt.fee.as_ref());
    }

    fn paid(&mut self, payments: &[Payment]) {
        for payment in payments {
            if let Some(claim) = self.claims.iter_mut().find(|claim| claim.name == payment.claim) {
                claim.paid += payment.amount;
            }
        }
    }

    /// The violations that were not waived.
    pub fn standing(&self) -> impl Iterator<Item = &KeptViolation> {
        self.violations.iter().filter(|kept| kept.waived.is_none())
    }

    /// Which step of the ladder the next page change is, from 1 (R-DAMAGE-CHANGE).
    #[must_use]
    pub fn next_step(&self) -> usize {
        1 + self.standing().filter(|kept| matches!(kept.violation.breach, Breach::PageChange { .. })).count()
    }

    /// The violation with that reference.
    #[must_use]
    pub fn violation(&self, reference: &str) -> Option<&KeptViolation> {
        self.violations.iter().find(|kept| kept.reference == reference)
    }

    /// The overdue payment that was entered under that reference, paid or not.
    #[must_use]
    pub fn late(&self, reference: &str) -> Option<&Late> {
        self.late.iter().find(|late| late.reference == reference)
    }

    /// What is owed in all.
    #[must_use]
    pub fn owed(&self) -> MicroYuan {
        self.claims.iter().map(Claim::open).sum()
    }

    /// What an amount pays, the oldest claim first (R-DEDUCT).
    #[must_use]
    pub fn pays(&self, amount: MicroYuan) -> Vec<Payment> {
        let mut left = amount;
        let mut payments = Vec::new();
        for claim in self.claims.iter().filter(|claim| claim.open().is_positive()) {
            let amount = claim.open().min(left);
            if !amount.is_positive() {
                break;
            }
            left -= amount;
            payments.push(Payment { claim: claim.name.clone(), amount });
        }
        payments
    }

    /// Why nothing of the buyer may be delivered on a day, if so: the cooperation ended for good, or fees or deposit are overdue.
    #[must_use]
    pub fn stops_delivery(&self, day: ShanghaiDay) -> Option<&'static str> {
        let late = self.late.iter().any(|late| late.open().is_positive() && late.due < day);
        match self.ended {
            Some(ended) if ended <= day => Some("R-DAMAGE-CHANGE"),
            _ if late => Some("R-LATE"),
            _ => None,
        }
    }

    /// Whether deposit and balances are withheld (R-HOLD).
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.holds.is_empty()
    }
}

impl KeptViolation {
    /// Whether it ends the cooperation for good.
    fn ends(&self) -> bool {
        self.violation.charged.as_ref().is_some_and(|charged| charged.ends)
    }
}

#[cfg(test)]
mod tests;
