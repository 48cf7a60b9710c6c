//! What a draft must be before it is a statement.

use std::collections::BTreeSet;

use super::{Adjustment, DealLine, Deduction, Draft, MOST_LINES, Status};
use crate::clock::ShanghaiDay;
use crate::money::MicroYuan;

/// Why a draft is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// A text that cannot be printed.
    #[error("{field} {problem}: {text:?} (R-STATEMENT)")]
    Text {
        /// Which field, of which line.
        field: String,
        /// The text, cut.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A day or a month that does not fit.
    #[error("{field}: {day} {problem} (R-MONTH)")]
    Day {
        /// Which field, of which line.
        field: String,
        /// The day or month.
        day: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An amount or a count that does not fit.
    #[error("{field}: {amount} {problem} ({rule})")]
    Amount {
        /// Which field, of which line.
        field: String,
        /// The amount.
        amount: MicroYuan,
        /// What is wrong with it.
        problem: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// An ordered volume where there is none, or the other way round.
    #[error("deal {deal}: {problem} (R-METHODS)")]
    Volume {
        /// The deal.
        deal: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The same thing on two lines, so that it would be charged twice.
    #[error("{line} stands there twice (R-SETTLE)")]
    Doubled {
        /// Which.
        line: String,
    },
    /// More than [`MOST_LINES`].
    #[error("{0} lines are more than a statement has; the most is {MOST_LINES} (R-STATEMENT)")]
    TooManyLines(usize),
    /// Beyond [`MicroYuan::LIMIT`].
    #[error("{what} is beyond the limit of one amount, {} (R-STATEMENT)", MicroYuan::LIMIT)]
    TooLarge {
        /// Which sum.
        what: &'static str,
    },
}

const LONGEST_TEXT: usize = 200;

pub(super) fn check(draft: &Draft) -> Result<(), StatementError> {
    let lines = draft.deals.len() + draft.adjustments.len() + draft.deductions.len() + draft.joint_parties.len();
    if lines > MOST_LINES {
        return Err(StatementError::TooManyLines(lines));
    }
    head(draft)?;
    let mut seen = BTreeSet::new();
    for line in &draft.deals {
        deal(draft, line)?;
        if !seen.insert((&line.order, &line.deal, line.first_day, line.price)) {
            let line = format!("deal {} at {} from {}", line.deal, line.price, line.first_day);
            return Err(StatementError::Doubled { line });
        }
    }
    let mut seen = BTreeSet::new();
    for line in &draft.adjustments {
        adjustment(draft, line)?;
        if !seen.insert(&line.reference) {
            return Err(StatementError::Doubled { line: format!("adjustment {}", line.reference) });
        }
    }
    let mut seen = BTreeSet::new();
    for line in &draft.deductions {
        deduction(draft, line)?;
        if !seen.insert((&line.reference, line.source, line.day)) {
            return Err(StatementError::Doubled { line: format!("deduction {}", line.reference) });
        }
    }
    Ok(())
}

fn head(draft: &Draft) -> Result<(), StatementError> {
    let texts = [
        ("the statement number", &draft.number),
        ("the issuer", &draft.exchange),
        ("the contract number", &draft.contract),
        ("the invoice title", &draft.invoice_title),
        ("the buyer's name", &draft.buyer),
    ];
    for (field, it) in texts {
        text(field, it)?;
    }
    draft.joint_parties.iter().try_for_each(|it| text("a joint party", it))?;
    text("the ACCOUNT ID", &draft.account)?;
    if !draft.account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong_text("the ACCOUNT ID", &draft.account, "is not digits"));
    }
    period("the publishing period", draft, draft.first_day, draft.last_day)?;
    if let Some(minimum) = draft.minimum {
        amount("the minimum", minimum, "R-MINIMUM")?;
        if minimum.0 % 10_000 != 0 {
            let (field, problem) = ("the minimum".to_owned(), "is finer than a fen");
            return Err(StatementError::Amount { field, amount: minimum, problem, rule: "R-MINIMUM" });
        }
    }
    match draft.status {
        Status::Provisional { through, forecast } => {
            within("the last day of the figures", draft, through)?;
            forecast.map_or(Ok(()), |forecast| amount("the forecast", forecast, "R-MINIMUM"))
        }
        Status::Closed { on } if on <= draft.month.last_day() => {
            Err(wrong_day("the day of closing", &on, format!("is not after {}", draft.month)))
        }
        Status::Closed { .. } => Ok(()),
    }
}

fn deal(draft: &Draft, line: &DealLine) -> Result<(), StatementError> {
    let name = format!("deal {}", line.deal);
    text("a deal's id", &line.deal)?;
    text(&format!("{name}, project"), &line.project)?;
    line.order.iter().try_for_each(|it| text(&format!("{name}, order"), it))?;
    line.monitor.iter().try_for_each(|it| text(&format!("{name}, monitor"), &it.name))?;
    period(&name, draft, line.first_day, line.last_day)?;
    amount(&format!("{name}, consumption"), line.consumption, "R-SETTLE")?;
    amount(&format!("{name}, from grants"), line.from_grants, "R-GRANT-INVOICE")?;
    if line.from_grants > line.consumption {
        let problem = "is more than the deal's consumption";
        let field = format!("{name}, from grants");
        return Err(StatementError::Amount { field, amount: line.from_grants, problem, rule: "R-GRANT-INVOICE" });
    }
    let volume = |problem| Err(StatementError::Volume { deal: line.deal.clone(), problem });
    match (line.method.is_guaranteed(), line.ordered) {
        (true, None) => volume("a guaranteed deal has an ordered volume"),
        (true, Some(_)) => Ok(()),
        (false, Some(_)) => volume("a PD has no ordered volume"),
        (false, None) if [line.undelivered_by_buyer, line.undelivered_by_exchange, line.made_good] != [0; 3] => {
            volume("a PD has nothing undelivered or made good")
        }
        (false, None) => Ok(()),
    }
}

fn adjustment(draft: &Draft, line: &Adjustment) -> Result<(), StatementError> {
    let name = format!("adjustment {}", line.reference);
    text("an adjustment's reference", &line.reference)?;
    text(&format!("{name}, reason"), &line.reason)?;
    if line.month >= draft.month {
        return Err(wrong_day(
            &name,
            &line.month,
            format!("is not before {}, so nothing of it is closed", draft.month),
        ));
    }
    let size = MicroYuan(line.amount.0.saturating_abs());
    above_zero(&name, size, "R-OBJECT")
}

fn deduction(draft: &Draft, line: &Deduction) -> Result<(), StatementError> {
    let name = format!("deduction {}", line.reference);
    text("a deduction's reference", &line.reference)?;
    text(&format!("{name}, reason"), &line.reason)?;
    within(&name, draft, line.day)?;
    above_zero(&name, line.amount, "R-DEDUCT")
}

fn text(field: &str, text: &str) -> Result<(), StatementError> {
    if text.trim().is_empty() {
        return Err(wrong_text(field, text, "is empty"));
    }
    if text.chars().count() > LONGEST_TEXT {
        return Err(wrong_text(field, text, "is longer than 200 characters"));
    }
    // Not only controls: the direction of writing can be turned so that a name reads as another.
    let turns = |it: char| matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let splits = |it: char| matches!(it, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    if text.chars().any(|it| it.is_control() || turns(it) || splits(it)) {
        return Err(wrong_text(field, text, "has a control character"));
    }
    Ok(())
}

fn wrong_text(field: &str, text: &str, problem: &'static str) -> StatementError {
    StatementError::Text { field: field.to_owned(), text: text.chars().take(40).collect(), problem }
}

fn wrong_day(field: &str, day: &dyn std::fmt::Display, problem: String) -> StatementError {
    StatementError::Day { field: field.to_owned(), day: day.to_string(), problem }
}

fn within(field: &str, draft: &Draft, day: ShanghaiDay) -> Result<(), StatementError> {
    if draft.month.contains(day) {
        return Ok(());
    }
    Err(wrong_day(field, &day, format!("is not in {}", draft.month)))
}

fn period(field: &str, draft: &Draft, first: ShanghaiDay, last: ShanghaiDay) -> Result<(), StatementError> {
    within(field, draft, first)?;
    within(field, draft, last)?;
    if last < first {
        return Err(wrong_day(field, &last, format!("is before the first day, {first}")));
    }
    Ok(())
}

/// Not negative and not beyond the limit.
fn amount(field: &str, amount: MicroYuan, rule: &'static str) -> Result<(), StatementError> {
    let problem = match amount {
        amount if amount < MicroYuan::ZERO => "is negative",
        amount if amount > MicroYuan::LIMIT => "is beyond the limit of one amount",
        _ => return Ok(()),
    };
    Err(StatementError::Amount { field: field.to_owned(), amount, problem, rule })
}

fn above_zero(field: &str, it: MicroYuan, rule: &'static str) -> Result<(), StatementError> {
    amount(field, it, rule)?;
    if it == MicroYuan::ZERO {
        return Err(StatementError::Amount { field: field.to_owned(), amount: it, problem: "is nothing", rule });
    }
    Ok(())
}
