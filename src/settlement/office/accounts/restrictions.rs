//! Restrictive measures, and how they are lifted (R-RESTRICT).

use serde::{Deserialize, Serialize};

use super::open;
use crate::clock::ShanghaiDay;
use crate::event::{AccountChange, FactKind, Standing, Transaction};
use crate::ids::BuyerId;
use crate::settlement::office::{Deed, Refusal, View};

/// A restrictive measure (R-RESTRICT). Under each of them grants are not spent (R-BALANCE). An account is closed by a fact of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Cash and credit are not spent, moved or paid back.
    FreezeCash,
    /// Grants are not spent.
    FreezeGrants,
    /// No client gets an account of its own.
    BarNewAccounts,
    /// Nothing new is leased or set aside.
    LimitFunctions,
}

impl Measure {
    fn of(self, standing: &mut Standing) -> &mut bool {
        match self {
            Self::FreezeCash => &mut standing.cash_frozen,
            Self::FreezeGrants => &mut standing.grants_frozen,
            Self::BarNewAccounts => &mut standing.no_new_accounts,
            Self::LimitFunctions => &mut standing.no_leases,
        }
    }
}

/// Measures are taken against a buyer and all of its clients (R-RESTRICT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Which.
    pub measures: Vec<Measure>,
    /// Why; must be said.
    pub reason: String,
}

impl Deed for Restriction {
    const KIND: FactKind = FactKind::Restriction;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        open(view, view.buyer(&self.buyer)?)?;
        if self.measures.is_empty() || self.reason.trim().is_empty() {
            return Err(Refusal::rule("R-RESTRICT", "`measures` must name at least one, and `reason` say why"));
        }
        Ok(Vec::new())
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let mut standing = view.books.standing(buyer)?;
        self.measures.iter().for_each(|measure| *measure.of(&mut standing) = true);
        Ok(vec![AccountChange::Standing(buyer, standing)])
    }
}

/// Measures are lifted after rectification, which must be stated (R-RESTRICT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rectification {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Which measures are lifted.
    pub lifts: Vec<Measure>,
    /// What was rectified, and how that was found.
    pub statement: String,
}

impl Deed for Rectification {
    const KIND: FactKind = FactKind::Rectification;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let mut standing = open(view, view.buyer(&self.buyer)?)?;
        if self.statement.trim().is_empty() {
            let why = "no measure is lifted before rectification: `statement` must say what was rectified";
            return Err(Refusal::rule("R-RESTRICT", why));
        }
        let absent = self.lifts.iter().find(|measure| !*measure.of(&mut standing));
        if self.lifts.is_empty() || absent.is_some() {
            let why = format!("`lifts` must name measures that are in force, {absent:?} is not");
            return Err(Refusal::rule("R-RESTRICT", why));
        }
        Ok(Vec::new())
    }

    fn changes(&self, view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let mut standing = view.books.standing(buyer)?;
        self.lifts.iter().for_each(|measure| *measure.of(&mut standing) = false);
        Ok(vec![AccountChange::Standing(buyer, standing)])
    }
}
