//! Closing a month: when it may be closed, what that books, and the statement that stands from then on (R-MONTH, R-MINIMUM, R-STATEMENT).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account::{BuyerMonth, draft_of, month_of};
use super::{objection, owed};
use crate::clock::{Month, ShanghaiDay};
use crate::event::{
    AFTER_MIDNIGHT_MS, Account, AccountKind, Books, FactKind, LeaseState, StoreUnavailable, Transaction,
    TransactionKind,
};
use crate::ids::{BuyerId, DealId};
use crate::money::{Fen, MicroYuan};
use crate::settlement::day::waiting;
use crate::settlement::office::{Deed, Facts, Refusal, View};
use crate::settlement::statement::{Draft, Statement, Status};

/// How many leases are read at once.
const PAGE: u32 = 4_096;
/// How many unfinished days a refusal names.
const NAMED_DAYS: usize = 5;

/// A month of a buyer is closed: its figures are final, and what the minimum and the total ask for is booked (R-MONTH).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthClosing {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Which month.
    pub month: Month,
    /// The digest of the statement that its author has seen, as the month's figures tell it: refused when another one would be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What was closed. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

/// What was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The digest of the statement: SHA-256 in hexadecimal.
    pub digest: String,
    /// What other counts than the exchange's added to what the buyer pays, in micro-yuan.
    pub corrections_micro_yuan: i64,
    /// The statement.
    pub statement: Draft,
}

impl Closed {
    fn of(month: &BuyerMonth, statement: Draft) -> Self {
        let corrections: MicroYuan =
            month.lines.iter().filter_map(|line| line.corrected.as_ref()).map(|it| it.adds_payable).sum();
        Self { digest: digest_of(&statement), corrections_micro_yuan: corrections.0, statement }
    }
}

/// The digest of a statement, whenever it is closed: SHA-256 over what it is made from, in hexadecimal.
#[must_use]
pub(super) fn digest_of(draft: &Draft) -> String {
    // The day of closing is no figure: what is seen the day before is what is closed.
    let on = draft.month.last_day().next();
    let timeless = Draft { status: Status::Closed { on }, ..draft.clone() };
    let text = serde_json::to_vec(&timeless).unwrap_or_default();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Deed for MonthClosing {
    const KIND: FactKind = FactKind::MonthClosing;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.month.last_day()))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        if self.closed.is_some() {
            return Err(Refusal::Malformed("`closed` is added when the month is closed; leave it out".to_owned()));
        }
        let month = may_be_closed(view, buyer, self.month)?;
        let closed = Closed::of(&month, draft_of(view, &month, Status::Closed { on: view.today() })?);
        if let Some(seen) = self.seen.as_ref().filter(|seen| **seen != closed.digest) {
            let why = format!(
                "the figures of {} are not those that were seen: {seen} then, {} now",
                self.month, closed.digest
            );
            return Err(Refusal::rule("R-MONTH", why));
        }
        self.closed = Some(closed);
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        self.closed = before.closed;
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let Some(closed) = &self.closed else {
            return Err(Refusal::Malformed("the month was not made up".to_owned()));
        };
        let statement =
            Statement::new(closed.statement.clone()).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let corrections = MicroYuan(closed.corrections_micro_yuan);
        let counter = counter_sides(&statement, corrections);
        let asked: MicroYuan = counter.iter().map(|(_, amount)| *amount).sum();
        let mut sides = owed::settled_with(view, buyer, -asked)?;
        sides.extend(counter);
        if sides.iter().all(|(_, amount)| *amount == MicroYuan::ZERO) {
            return Ok(vec![]);
        }
        let reference = format!("{} {}", self.buyer, self.month);
        let (day, note) = (self.month.last_day(), format!("statement {}", closed.digest));
        Ok(vec![Transaction::of(TransactionKind::MonthClosing, reference, day, view.now, note, sides)?])
    }
}

/// What a closing books besides the buyer's side: the shortfall, what other counts changed, the difference to whole fen, and the VAT inside of
/// the total, which comes out of revenue. Their sum, turned round, is the buyer's side.
fn counter_sides(statement: &Statement, corrections: MicroYuan) -> Vec<(Account, MicroYuan)> {
    let micro = |fen: Fen| MicroYuan(fen.0 * 10_000);
    let (sums, taxed) = (statement.sums(), statement.taxed());
    let rounding = micro(taxed.total) - sums.total;
    let vat = micro(taxed.vat);
    let single = Account::single;
    let sides = [
        (single(AccountKind::MinimumShortfall), -sums.shortfall),
        (single(AccountKind::Adjustments), -corrections),
        (single(AccountKind::Rounding), -rounding),
        (single(AccountKind::ExchangeRevenue), vat),
        (single(AccountKind::VatPayable), -vat),
    ];
    sides.into_iter().filter(|(_, amount)| *amount != MicroYuan::ZERO).collect()
}

/// Whether a buyer's month is closed.
#[must_use]
pub fn is_closed(facts: &Facts, buyer: BuyerId, month: Month) -> bool {
    facts.closing_of(buyer, month).is_some()
}

/// The statement of a closed month, exactly as it was closed; `None` while it is open.
///
/// # Errors
/// [`Refusal::Malformed`] when what is kept is not what was closed.
pub fn closed_statement(view: &View<'_>, buyer: BuyerId, month: Month) -> Result<Option<Closed>, Refusal> {
    let Some(head) = view.facts.closing_of(buyer, month) else { return Ok(None) };
    let broken = |why: String| Refusal::Malformed(format!("fact {}, the closing of {month}: {why}", head.seq));
    let kept = view.books.fact(FactKind::MonthClosing, &head.reference)?;
    let kept = kept.ok_or_else(|| broken("it is not there".to_owned()))?;
    let closing: MonthClosing = serde_json::from_str(&kept.fact.body).map_err(|error| broken(error.to_string()))?;
    let closed = closing.closed.ok_or_else(|| broken("it has no statement".to_owned()))?;
    let digest = digest_of(&closed.statement);
    if digest != closed.digest {
        return Err(broken(format!("its statement has the digest {digest}, {} was closed", closed.digest)));
    }
    Ok(Some(closed))
}

/// Refuses what would change a closed month.
pub(crate) fn check_open(facts: &Facts, buyer: BuyerId, month: Month) -> Result<(), Refusal> {
    if is_closed(facts, buyer, month) {
        let why = format!("{month} is closed: what changes it is an adjustment, which counts in a later month");
        return Err(Refusal::rule("R-MONTH", why));
    }
    Ok(())
}

/// The month's figures, if nothing stands against closing it; otherwise everything that does.
fn may_be_closed(view: &View<'_>, buyer: BuyerId, month: Month) -> Result<BuyerMonth, Refusal> {
    check_open(view.facts, buyer, month)?;
    let refused =
        |points: Vec<String>| Refusal::rule("R-MONTH", format!("{month} cannot be closed: {}", points.join("; ")));
    if view.today() <= month.last_day() {
        return Err(refused(vec![format!("it is not over before {}", month.last_day().next())]));
    }
    let mut points = Vec::new();
    let last = objection::last_day_for(view, month.last_day());
    if view.today() <= last {
        points.push(format!("figures may be objected to until {last} (R-OBJECT)"));
    }
    let figures = month_of(view, buyer, month)?;
    points.extend(unfinished_days(view, &figures)?);
    for standing in figures.standings.iter().filter(|standing| standing.settles.is_none()) {
        points.push(format!(
            "{} counted {} for {}, the exchange {}: a review is to decide (R-STATS, figures {:?})",
            standing.monitor, standing.third, standing.subject, standing.exchange, standing.reference
        ));
    }
    for objection in objection::open(view.facts, buyer, month) {
        points.push(format!("objection {objection:?} is not decided (R-OBJECT)"));
    }
    if let Some(before) = unclosed_before(view, buyer, month)? {
        points.push(format!("{before} is to be closed before"));
    }
    if points.is_empty() { Ok(figures) } else { Err(refused(points)) }
}

/// What is not final of the month's days: charges that may still come, days that are not sealed, guaranteed days that are not closed.
fn unfinished_days(view: &View<'_>, month: &BuyerMonth) -> Result<Vec<String>, Refusal> {
    let (books, last) = (view.books, month.month.last_day());
    let mut points = Vec::new();
    if books.cursor()? != books.head_seq()? {
        points.push("the ledger has not followed the journal to its end".to_owned());
    }
    let sealed: BTreeSet<_> = books.seals()?.iter().map(|sealed| sealed.seal.day).collect();
    let named = |days: &[ShanghaiDay]| {
        let names: Vec<_> = days.iter().take(NAMED_DAYS).map(ToString::to_string).collect();
        let more =
            if days.len() > NAMED_DAYS { format!(" and {} more", days.len() - NAMED_DAYS) } else { String::new() };
        names.join(", ") + &more
    };
    let unsealed: Vec<_> = month.billed_days.difference(&sealed).copied().collect();
    if !unsealed.is_empty() {
        points.push(format!("not sealed: {}", named(&unsealed)));
    } else if sealed.range(last..).next().is_none() && leases_stand(books, last)? {
        points.push(format!("leases of {last} are not closed"));
    }
    let unclosed = unclosed_days(books, month)?;
    if !unclosed.is_empty() {
        points.push(format!("guaranteed deals are not closed on {} (R-MAKEGOOD)", named(&unclosed)));
    }
    let waiting: Vec<_> = waiting(view, month.buyer, month.month)?.into_iter().collect();
    if !waiting.is_empty() {
        points.push(format!("to be closed again, because an exemption was entered: {} (R-EXEMPT)", named(&waiting)));
    }
    Ok(points)
}

/// On which days something of guaranteed deals is still to be closed. A day of which nobody ever decided anything, because the exchange stood
/// still, has nothing to close: the exchange's failure, and not charged.
fn unclosed_days(books: &dyn Books, month: &BuyerMonth) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
    let days = || month.running.keys().map(|(_, day)| *day);
    let (Some(first), Some(last)) = (days().min(), days().max()) else { return Ok(Vec::new()) };
    let decided = books.commitments(first, last)?.into_iter().filter(|kept| kept.terms.is_some());
    let decided: BTreeSet<_> = decided.map(|kept| (kept.deal, kept.day)).collect();
    let waits = |((deal, day), billed): (&(DealId, ShanghaiDay), &MicroYuan)| {
        (billed.is_positive() || decided.contains(&(*deal, *day))).then_some(*day)
    };
    let days: BTreeSet<_> = month.running.iter().filter_map(waits).collect();
    Ok(days.into_iter().collect())
}

/// Whether a lease is not closed that may carry charges of a day, or of an earlier one. Asked only where no later day is sealed.
fn leases_stand(books: &dyn Books, day: ShanghaiDay) -> Result<bool, StoreUnavailable> {
    let until = day.next().starts_at().plus_ms(AFTER_MIDNIGHT_MS);
    let mut after = 0;
    loop {
        let page = books.leases(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(false) };
        if page.iter().any(|lease| lease.state != LeaseState::Closed && lease.window_ends <= until) {
            return Ok(true);
        }
        after = last.id.0;
    }
}

/// The month before, if it has figures and is not closed: what is made good and adjusted follows the order of the months.
fn unclosed_before(view: &View<'_>, buyer: BuyerId, month: Month) -> Result<Option<Month>, Refusal> {
    let before = month.previous();
    if before == month || is_closed(view.facts, buyer, before) {
        return Ok(None);
    }
    let sums = view.books.day_sums(before.first_day(), before.last_day(), Some(buyer))?;
    Ok((!sums.is_empty()).then_some(before))
}
