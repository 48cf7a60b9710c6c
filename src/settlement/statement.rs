//! The monthly Data Promotion Service Fee Statement (R-STATEMENT, R-GRANT-INVOICE, R-MINIMUM; `docs/statement.md`).
//!
//! Who computes a month says it in a [`Draft`], in exact micro-yuan. [`Statement::new`] checks the draft and derives from it everything
//! that must agree with something else: what is in the total and what stands apart, the minimum's shortfall, the printed fen of each
//! line, the VAT. So a statement's sums are right by construction, and the same draft always makes the same document.
//!
//! | amount | in the total | why |
//! |---|---|---|
//! | a deal's consumption, less what grants paid of it | yes | R-SETTLE |
//! | what grants paid | no, a table of its own; counts toward the minimum | R-GRANT-INVOICE |
//! | the shortfall to the minimum, once the month is over | yes, a line of its own | R-MINIMUM |
//! | adjustments of months that are closed | yes, each with its month and reason | R-OBJECT |
//! | damages and other deductions for breaches | no, a table of its own; never count toward the minimum | R-MINIMUM, R-DEDUCT |

pub mod amounts;
mod check;
mod csv;
mod format;
mod html;
mod json;
pub mod numerals;
mod paper;
mod text;
mod wire;
mod words;
mod xlsx;

pub use check::StatementError;
pub use format::{Format, WriteError};
pub use words::Language;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::amounts::{Taxed, VatRate, apportion, sum};
use crate::clock::{Month, ShanghaiDay};
use crate::event::{Cause, Method};
use crate::money::{CpmMicroYuan, Fen, MicroYuan};

/// The most lines that one statement has, of all kinds together.
pub const MOST_LINES: usize = 100_000;

/// Whether the figures may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", deny_unknown_fields)]
pub enum Status {
    /// Month to date, or over and not closed yet: nothing to invoice.
    Provisional {
        /// The last day that the figures hold; a day of the month.
        #[serde(with = "wire::day")]
        through: ShanghaiDay,
        /// What the whole month's consumption may come to, grants included, in micro-yuan. Not negative.
        #[serde(rename = "forecast_micro_yuan", with = "wire::optional_micro_yuan", default)]
        forecast: Option<MicroYuan>,
    },
    /// Final: what changes later is an adjustment of a later month (R-OBJECT).
    Closed {
        /// The day of closing, after the month.
        #[serde(with = "wire::day")]
        on: ShanghaiDay,
    },
}

/// What a statement is made from. Texts are 1 to 200 characters without control characters; amounts are exact micro-yuan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The statement's own number.
    pub number: String,
    /// Whether it is final.
    pub status: Status,
    /// Who issues it: Party A.
    pub exchange: String,
    /// The contract's number.
    pub contract: String,
    /// Whom the invoice is made out to (R-INVOICE).
    pub invoice_title: String,
    /// The buyer's ACCOUNT ID: digits.
    pub account: String,
    /// The buyer: Party B.
    pub buyer: String,
    /// The legal entities that are jointly liable with it.
    pub joint_parties: Vec<String>,
    /// The settlement month.
    pub month: Month,
    /// The publishing period's first day, within the month.
    #[serde(with = "wire::day")]
    pub first_day: ShanghaiDay,
    /// The publishing period's last day, within the month.
    #[serde(with = "wire::day")]
    pub last_day: ShanghaiDay,
    /// The rate of the VAT inside the total.
    #[serde(rename = "vat_basis_points")]
    pub vat: VatRate,
    /// The minimum that applies to the month, in micro-yuan; `None` where none does, as in an extension month (R-TERM).
    #[serde(rename = "minimum_micro_yuan", with = "wire::optional_micro_yuan", default)]
    pub minimum: Option<MicroYuan>,
    /// What was bought, one line for each deal and price.
    pub deals: Vec<DealLine>,
    /// Corrections of closed months.
    pub adjustments: Vec<Adjustment>,
    /// What was taken for breaches in the month.
    pub deductions: Vec<Deduction>,
}

/// What one deal comes to in the month, at one price. Counts are impressions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealLine {
    /// The Data Promotion Service Order's number; `None` where there is none.
    pub order: Option<String>,
    /// The deal's id.
    pub deal: String,
    /// What was promoted: the project's name, or the advertiser's.
    pub project: String,
    /// How it is bought.
    #[serde(with = "wire::method")]
    pub method: Method,
    /// The first day in the month, of the order or of the price.
    #[serde(with = "wire::day")]
    pub first_day: ShanghaiDay,
    /// The last day in the month.
    #[serde(with = "wire::day")]
    pub last_day: ShanghaiDay,
    /// The unit price.
    #[serde(rename = "cpm_micro_yuan", with = "wire::price")]
    pub price: CpmMicroYuan,
    /// The ordered volume of these days; `None` for a PD, which has none.
    pub ordered: Option<u64>,
    /// The exchange's own count of what was billed, make-good included.
    pub delivered: u64,
    /// Undelivered for the buyer's reasons: payable (R-MAKEGOOD).
    pub undelivered_by_buyer: u64,
    /// Undelivered for the exchange's reasons: made good or not charged (R-MAKEGOOD).
    pub undelivered_by_exchange: u64,
    /// Opportunities that the deal did not take, by cause.
    #[serde(with = "wire::causes", default)]
    pub causes: BTreeMap<Cause, u64>,
    /// Later deliveries that repaid the exchange's failures, at zero.
    pub made_good: u64,
    /// The third-party monitor's figure where it settles (R-STATS).
    pub monitor: Option<MonitorFigure>,
    /// The quantity that the amount is for.
    pub settled: u64,
    /// What it costs, whoever paid, in micro-yuan (R-SETTLE). Not negative.
    #[serde(rename = "consumption_micro_yuan", with = "wire::micro_yuan")]
    pub consumption: MicroYuan,
    /// Of that, what grants paid, in micro-yuan (R-GRANT-INVOICE).
    #[serde(rename = "from_grants_micro_yuan", with = "wire::micro_yuan")]
    pub from_grants: MicroYuan,
}

/// A third party's count that settles instead of the exchange's (R-STATS).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorFigure {
    /// The monitor's name.
    pub name: String,
    /// Its impressions.
    pub impressions: u64,
}

/// A correction of an earlier, closed month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// What it is known by.
    pub reference: String,
    /// The month that it corrects, before the statement's.
    pub month: Month,
    /// Why.
    pub reason: String,
    /// What it adds to the total, in micro-yuan: negative is a credit to the buyer. Not zero.
    #[serde(rename = "amount_micro_yuan", with = "wire::micro_yuan")]
    pub amount: MicroYuan,
}

/// Where a deduction was taken from, in the order of R-DEDUCT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeductedFrom {
    /// Prepaid cash.
    Prepayment,
    /// The deposit.
    Deposit,
    /// Rebates payable.
    Rebate,
    /// Nothing was there: the buyer owes it.
    Receivable,
}

/// What one breach took from one place; a breach that took from several has a line for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deduction {
    /// What it is known by: the violation's reference.
    pub reference: String,
    /// The day that it was taken.
    #[serde(with = "wire::day")]
    pub day: ShanghaiDay,
    /// Which breach.
    pub reason: String,
    /// Where it was taken from.
    pub source: DeductedFrom,
    /// How much, in micro-yuan; above zero.
    #[serde(rename = "amount_micro_yuan", with = "wire::micro_yuan")]
    pub amount: MicroYuan,
}

/// Exact sums, in micro-yuan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All deals, whoever paid: what counts toward the minimum.
    pub consumption: MicroYuan,
    /// Of that, what grants paid.
    pub from_grants: MicroYuan,
    /// The minimum less the consumption, once the month is over; else zero (R-MINIMUM).
    pub shortfall: MicroYuan,
    /// The minimum less the consumption while the month runs; else zero.
    pub still_to_consume: MicroYuan,
    /// All adjustments.
    pub adjustments: MicroYuan,
    /// Consumption less grants, plus shortfall and adjustments.
    pub total: MicroYuan,
    /// All deductions; in none of the above.
    pub deductions: MicroYuan,
}

/// Each line as it is printed, in fen, in the order of the draft's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Each deal's part of the total. With the shortfall and the adjustments it adds up to the total.
    pub deals: Vec<Fen>,
    /// The shortfall's.
    pub shortfall: Fen,
    /// Each adjustment's.
    pub adjustments: Vec<Fen>,
    /// What grants paid of each deal; adds up to `granted`.
    pub grants: Vec<Fen>,
    /// The sum of what grants paid.
    pub granted: Fen,
    /// Each deduction; adds up to `deducted`.
    pub deductions: Vec<Fen>,
    /// The sum of the deductions.
    pub deducted: Fen,
    /// All deals beside the minimum: with the shortfall, or with what is still to be consumed, it adds up to the minimum.
    pub consumption: Fen,
    /// What is still to be consumed while the month runs.
    pub still_to_consume: Fen,
    /// The forecast, where there is one; with its shortfall it adds up to the minimum, if it is under it.
    pub forecast: Option<Fen>,
    /// What the forecast is under the minimum.
    pub forecast_shortfall: Fen,
}

/// A statement: a draft that passed the checks, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    draft: Draft,
    sums: Sums,
    printed: Printed,
    taxed: Taxed,
}

impl Statement {
    /// Makes the document from what was computed.
    ///
    /// # Errors
    /// [`StatementError`] names the field or the line and what is wrong with it.
    pub fn new(draft: Draft) -> Result<Self, StatementError> {
        check::check(&draft)?;
        let sums = sums(&draft)?;
        let printed = printed(&draft, &sums);
        let taxed = draft.vat.inside(sums.total.to_fen());
        Ok(Self { draft, sums, printed, taxed })
    }

    /// What it was made from.
    #[must_use]
    pub const fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The exact sums.
    #[must_use]
    pub const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// The printed amounts of the lines.
    #[must_use]
    pub const fn printed(&self) -> &Printed {
        &self.printed
    }

    /// The total with tax, which is fixed, and what it consists of.
    #[must_use]
    pub const fn taxed(&self) -> Taxed {
        self.taxed
    }

    /// Whether the figures are final.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.draft.status, Status::Closed { .. })
    }

    /// Whether nothing was bought, owed, corrected or deducted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums == Sums::default() && self.draft.deals.is_empty()
    }
}

impl Draft {
    /// Whether the month's consumption is complete, so that the shortfall stands.
    #[must_use]
    pub fn month_is_over(&self) -> bool {
        match self.status {
            Status::Closed { .. } => true,
            Status::Provisional { through, .. } => through == self.month.last_day(),
        }
    }
}

fn sums(draft: &Draft) -> Result<Sums, StatementError> {
    let consumption = sum(draft.deals.iter().map(|line| line.consumption));
    let from_grants = sum(draft.deals.iter().map(|line| line.from_grants));
    let adjustments = sum(draft.adjustments.iter().map(|line| line.amount));
    let deductions = sum(draft.deductions.iter().map(|line| line.amount));
    let too_large = |what| move || StatementError::TooLarge { what };
    let consumption = consumption.ok_or_else(too_large("the consumption of all deals"))?;
    let from_grants = from_grants.ok_or_else(too_large("what grants paid"))?;
    let adjustments = adjustments.ok_or_else(too_large("the sum of the adjustments"))?;
    let deductions = deductions.ok_or_else(too_large("the sum of the deductions"))?;
    let missing = MicroYuan((draft.minimum.unwrap_or_default().0 - consumption.0).max(0));
    let (shortfall, still_to_consume) =
        if draft.month_is_over() { (missing, MicroYuan::ZERO) } else { (MicroYuan::ZERO, missing) };
    let total = sum([consumption, -from_grants, shortfall, adjustments]).ok_or_else(too_large("the total"))?;
    Ok(Sums { consumption, from_grants, shortfall, still_to_consume, adjustments, total, deductions })
}

fn printed(draft: &Draft, sums: &Sums) -> Printed {
    let mut exact: Vec<_> = draft.deals.iter().map(|line| line.consumption - line.from_grants).collect();
    exact.push(sums.shortfall);
    exact.extend(draft.adjustments.iter().map(|line| line.amount));
    let mut deals = apportion(&exact, sums.total);
    let mut adjustments = deals.split_off(draft.deals.len());
    let shortfall = adjustments.remove(0);
    let grants: Vec<_> = draft.deals.iter().map(|line| line.from_grants).collect();
    let deductions: Vec<_> = draft.deductions.iter().map(|line| line.amount).collect();
    let (mut consumption, still_to_consume) = pair(sums.consumption, sums.still_to_consume);
    let minimum = draft.minimum.unwrap_or_default();
    if sums.shortfall.is_positive() {
        // The shortfall is printed as a line of the total; what stands beside it follows.
        consumption = Fen(minimum.to_fen().0 - shortfall.0);
    }
    let forecast = match draft.status {
        Status::Provisional { forecast: Some(forecast), .. } => {
            Some(pair(forecast, MicroYuan((minimum.0 - forecast.0).max(0))))
        }
        _ => None,
    };
    Printed {
        deals,
        shortfall,
        adjustments,
        grants: apportion(&grants, sums.from_grants),
        granted: sums.from_grants.to_fen(),
        deductions: apportion(&deductions, sums.deductions),
        deducted: sums.deductions.to_fen(),
        consumption,
        still_to_consume,
        forecast: forecast.map(|(forecast, _)| forecast),
        forecast_shortfall: forecast.map_or(Fen(0), |(_, shortfall)| shortfall),
    }
}

/// Two amounts as they are printed beside their sum.
fn pair(first: MicroYuan, second: MicroYuan) -> (Fen, Fen) {
    match apportion(&[first, second], first + second).as_slice() {
        [first, second] => (*first, *second),
        _ => (first.to_fen(), second.to_fen()),
    }
}

#[cfg(test)]
pub(crate) mod sample;

#[cfg(test)]
mod tests;
