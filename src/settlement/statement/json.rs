//! The statement as JSON: amounts as printed, in decimal strings of yuan, beside the exact micro-yuan. Keys are the same in every
//! language; what is said in words is in the language asked for.

use serde_json::{Value, json};

use super::numerals::in_capitals;
use super::paper::{plain_yuan, price_yuan};
use super::words::Language;
use super::{DealLine, Statement, Status};
use crate::money::Fen;

/// The version of the keys below.
const VERSION: u8 = 1;

pub(super) fn render(statement: &Statement, language: Language) -> Result<Vec<u8>, serde_json::Error> {
    let (draft, printed, sums) = (statement.draft(), statement.printed(), statement.sums());
    let deals = draft.deals.iter().zip(printed.deals.iter().zip(&printed.grants));
    let deals: Vec<_> = deals.map(|(line, (amount, granted))| deal(line, *amount, *granted, language)).collect();
    let adjustments = draft.adjustments.iter().zip(&printed.adjustments).map(|(line, amount)| {
        json!({
            "reference": line.reference, "month": line.month, "reason": line.reason,
            "amount": plain_yuan(*amount), "amount_micro_yuan": line.amount.0,
        })
    });
    let deductions = draft.deductions.iter().zip(&printed.deductions).map(|(line, amount)| {
        json!({
            "reference": line.reference, "day": line.day.to_string(), "reason": line.reason,
            "taken_from": line.source, "taken_from_in_words": language.source(line.source),
            "amount": plain_yuan(*amount), "amount_micro_yuan": line.amount.0,
        })
    });
    let taxed = statement.taxed();
    let capitals = |amount| json!({ "amount": plain_yuan(amount), "capitals": in_capitals(amount) });
    let document = json!({
        "document": "data_promotion_service_fee_statement",
        "version": VERSION,
        "language": language.tag(),
        "title": language.title(),
        "statement": draft.number,
        "status": status(draft.status),
        "status_in_words": language.status(draft.status),
        "issuer": draft.exchange,
        "contract": draft.contract,
        "invoice_title": draft.invoice_title,
        "account": draft.account,
        "buyer": draft.buyer,
        "joint_parties": draft.joint_parties,
        "month": draft.month,
        "publishing_period": { "first_day": draft.first_day.to_string(), "last_day": draft.last_day.to_string() },
        "currency": "CNY",
        "deals": deals,
        "minimum": minimum(statement),
        "adjustments": adjustments.collect::<Vec<_>>(),
        "total_micro_yuan": sums.total.0,
        "total_with_tax": capitals(taxed.total),
        "amount_without_tax": capitals(taxed.net),
        "vat": capitals(taxed.vat),
        "vat_basis_points": draft.vat.basis_points(),
        "outside_the_total": {
            "paid_by_grants": plain_yuan(printed.granted),
            "paid_by_grants_micro_yuan": sums.from_grants.0,
            "deducted_for_breaches": plain_yuan(printed.deducted),
            "deductions": deductions.collect::<Vec<_>>(),
        },
    });
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}

fn status(status: Status) -> Value {
    match status {
        Status::Closed { on } => json!({ "state": "closed", "on": on.to_string() }),
        Status::Provisional { through, .. } => json!({ "state": "provisional", "through": through.to_string() }),
    }
}

fn deal(line: &DealLine, amount: Fen, granted: Fen, language: Language) -> Value {
    let causes = line.causes.iter().map(|(cause, count)| {
        json!({
            "cause": cause.label(), "in_words": language.cause(*cause), "answerable": language.party(cause.party()),
            "opportunities": count,
        })
    });
    let guaranteed = line.method.is_guaranteed();
    let count = |count: u64| guaranteed.then_some(count);
    json!({
        "order": line.order,
        "deal": line.deal,
        "project": line.project,
        "method": line.method.name(),
        "first_day": line.first_day.to_string(),
        "last_day": line.last_day.to_string(),
        "unit_price_cpm": price_yuan(line.price),
        "ordered": line.ordered,
        "delivered": line.delivered,
        "undelivered_by_buyer": count(line.undelivered_by_buyer),
        "undelivered_by_exchange": count(line.undelivered_by_exchange),
        "causes": causes.collect::<Vec<_>>(),
        "made_good": count(line.made_good),
        "monitor": line.monitor,
        "settled": line.settled,
        "amount": plain_yuan(amount),
        "paid_by_grants": plain_yuan(granted),
        "consumption_micro_yuan": line.consumption.0,
        "paid_by_grants_micro_yuan": line.from_grants.0,
    })
}

fn minimum(statement: &Statement) -> Value {
    let (draft, sums, printed) = (statement.draft(), statement.sums(), statement.printed());
    let over = draft.month_is_over();
    json!({
        "required": draft.minimum.map(|minimum| plain_yuan(minimum.to_fen())),
        "consumption": plain_yuan(printed.consumption),
        "consumption_micro_yuan": sums.consumption.0,
        "shortfall": over.then(|| plain_yuan(printed.shortfall)),
        "shortfall_micro_yuan": over.then_some(sums.shortfall.0),
        "still_to_consume": (!over).then(|| plain_yuan(printed.still_to_consume)),
        "forecast": printed.forecast.map(plain_yuan),
        "forecast_shortfall": printed.forecast.map(|_| plain_yuan(printed.forecast_shortfall)),
    })
}
