//! Where money records are entered: each is judged by its rules against the books as they are, and entered with the transactions that it
//! makes, once, by its author's reference. The admin API and the command line both come here.

pub mod accounts;
mod facts;
mod receipts;
mod reversal;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    AccountChange, BookError, Booking, Books, Entered, Fact, FactKind, Ledger, StoreUnavailable, Transaction,
    Unbalanced,
};
use crate::ids::BuyerId;
use crate::market::Market;
use crate::market::figures::Figures;
use crate::money::MicroYuan;

pub use facts::{Facts, facts_by, facts_of, page_of, said};
pub use receipts::TopUp;
pub use reversal::Reversal;

use super::monitor::{MonitorFigures, MonitorReview};
use super::month::{Adjustment, Minimum, MonthClosing, Objection, ObjectionDecision, Target};

use super::breaches::{self, Hold, HoldEnd, Violation, Waiver};
use super::notice::{Notice, Termination};
use super::orders::{Order, OrderCancellation, OrderConfirmation};

/// How often a fact is judged again because another came in between.
const ATTEMPTS: u32 = 16;
/// The longest reference, characters.
const LONGEST_REFERENCE: usize = 100;
/// The largest body, bytes.
pub const LARGEST_BODY: usize = 1 << 20;

/// What is entered.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'s> {
    /// What it says.
    pub kind: FactKind,
    /// What its author knows it by: 1 to 100 visible characters, unique within its kind.
    pub reference: &'s str,
    /// Who enters it.
    pub actor: &'s str,
    /// A JSON object in the form of its kind.
    pub body: &'s [u8],
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whether it was entered now, or before.
    pub booking: Booking,
    /// What was entered.
    pub fact: Fact,
}

/// Why nothing was entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// A rule is against it.
    #[error("{rule}: {why}")]
    Rule {
        /// Which.
        rule: &'static str,
        /// What was found, and what would be right.
        why: String,
    },
    /// The reference stands for something else.
    #[error("{0}")]
    Taken(BookError),
    /// The store refuses.
    #[error("{0}")]
    Unavailable(StoreUnavailable),
}

impl Refusal {
    /// A rule's refusal.
    pub fn rule(rule: &'static str, why: impl Into<String>) -> Self {
        Self::Rule { rule, why: why.into() }
    }
}

impl From<StoreUnavailable> for Refusal {
    fn from(error: StoreUnavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl From<Unbalanced> for Refusal {
    fn from(error: Unbalanced) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<BookError> for Refusal {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Unavailable(error) => Self::Unavailable(error),
            BookError::FactTaken { .. } | BookError::ReferenceTaken { .. } => Self::Taken(error),
            BookError::Overtaken(_) | BookError::NotNext { .. } => {
                Self::Unavailable(StoreUnavailable("too many others enter records at the same time".to_owned()))
            }
            BookError::Insufficient { available, asked, .. } => {
                Self::rule("R-PREPAY", format!("{available} is free, {asked} is needed"))
            }
            BookError::NoAccount(why) => Self::rule("R-RESTRICT", why),
            BookError::StillHeld { held, .. } => Self::rule(
                "R-RESTRICT",
                format!("{held} is in leases and commitments: close the accounts when it has come back"),
            ),
            BookError::NotPositive(_)
            | BookError::MovesCommitment(_)
            | BookError::NotClosed { .. }
            | BookError::Unbalanced(_) => Self::Malformed(error.to_string()),
        }
    }
}

/// What a fact is judged by: the books and the terms at one moment.
pub struct View<'v> {
    /// Who is known, and the terms in force.
    pub market: &'v Market,
    /// The books.
    pub books: &'v dyn Books,
    /// What was entered before about whom it concerns, in order.
    pub facts: &'v Facts,
    /// Now.
    pub now: UnixMillis,
}

impl View<'_> {
    /// Today in Shanghai.
    #[must_use]
    pub fn today(&self) -> ShanghaiDay {
        self.now.shanghai_day()
    }

    /// The figures in force today.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        self.market.terms.figures.on(self.today())
    }

    /// The place that the fact in judgement gets.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.facts.last() + 1
    }

    /// The buyer with that ACCOUNT ID.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when there is none.
    pub fn buyer(&self, account: &str) -> Result<BuyerId, Refusal> {
        let known = self.market.buyers.iter().find(|buyer| buyer.account == account);
        known.map(|buyer| buyer.id).ok_or_else(|| Refusal::Malformed(format!("buyer {account:?} is not known")))
    }
}

/// One kind of fact: its form, and the rules for entering it.
pub trait Deed: Serialize + DeserializeOwned {
    /// Which kind.
    const KIND: FactKind;

    /// Of which kinds it is judged by everybody's records, not only by those of whom it concerns.
    const JUDGED_BY_ALL: &'static [FactKind] = &[];

    /// Whom it concerns, and from which day it counts. Asked before any fact is read.
    ///
    /// # Errors
    /// [`Refusal`] when that cannot be.
    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal>;

    /// Adds what only the books know, before it is judged. Its author leaves that out, so that the same words are the same record.
    ///
    /// # Errors
    /// [`Refusal`] when it cannot be made up.
    fn complete(&mut self, _view: &View<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Takes over what was added when it was entered before.
    fn complete_as(&mut self, _before: Self) {}

    /// Judges it, and says which money it moves.
    ///
    /// # Errors
    /// [`Refusal`] names the rule that is against it.
    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal>;

    /// What it changes of accounts besides the money that it moves; asked only where [`Deed::judge`] has agreed.
    ///
    /// # Errors
    /// [`Refusal`] names the rule that is against it.
    fn changes(&self, _view: &View<'_>) -> Result<Vec<AccountChange>, Refusal> {
        Ok(Vec::new())
    }
}

/// What a fact makes: the money that it moves, and what else it changes of accounts.
type Effects = (Vec<Transaction>, Vec<AccountChange>);

/// Where and when one submission is judged.
struct Desk<'d> {
    market: &'d Market,
    books: &'d dyn Books,
    now: UnixMillis,
}

/// Judges one submission: what it says in its canonical form, what it makes, and the last fact that was known.
type Judge = fn(&Submission<'_>, &Desk<'_>) -> Result<(Fact, Effects, u64), Refusal>;

/// Whether a kept record still has the form of its kind.
type Reads = fn(&str) -> Result<(), serde_json::Error>;

/// The kinds that can be entered.
fn judges() -> BTreeMap<FactKind, (Judge, Reads)> {
    BTreeMap::from([
        of::<TopUp>(),
        of::<Reversal>(),
        of::<super::day::Exemption>(),
        of::<MonitorFigures>(),
        of::<MonitorReview>(),
        of::<Objection>(),
        of::<ObjectionDecision>(),
        of::<MonthClosing>(),
        of::<Adjustment>(),
        of::<Minimum>(),
        of::<Target>(),
        of::<Order>(),
        of::<OrderConfirmation>(),
        of::<OrderCancellation>(),
        of::<Notice>(),
        of::<Termination>(),
        of::<Violation>(),
        of::<Waiver>(),
        of::<breaches::Receipt>(),
        of::<Hold>(),
        of::<HoldEnd>(),
        of::<accounts::Grant>(),
        of::<accounts::Transfer>(),
        of::<accounts::Refund>(),
        of::<accounts::Rebate>(),
        of::<accounts::Deposit>(),
        of::<accounts::Credit>(),
        of::<accounts::Restriction>(),
        of::<accounts::Rectification>(),
        of::<accounts::AccountClosing>(),
    ])
}

const fn of<D: Deed>() -> (FactKind, (Judge, Reads)) {
    (D::KIND, (judge::<D>, reads::<D>))
}

fn reads<D: Deed>(body: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<D>(body).map(drop)
}

/// The kinds that can be entered, by their names.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    judges().into_keys().map(FactKind::label)
}

fn judge<D: Deed>(submission: &Submission<'_>, desk: &Desk<'_>) -> Result<(Fact, Effects, u64), Refusal> {
    let mut deed: D = read(submission.body)?;
    let Desk { market, books, now } = *desk;
    let (buyer, day) = deed.concerns(&View { market, books, facts: &Facts::default(), now })?;
    let facts = Facts::about(books, buyer, D::JUDGED_BY_ALL)?;
    let view = &View { market, books, facts: &facts, now };
    // What was entered before is not judged again: it may not be right any more, and it is not entered twice.
    let effects = match books.fact(D::KIND, submission.reference)? {
        Some(before) => {
            deed.complete_as(facts::understood(&before)?);
            Effects::default()
        }
        None => {
            deed.complete(view)?;
            (deed.judge(submission.reference, view)?, deed.changes(view)?)
        }
    };
    let body = serde_json::to_string(&deed).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let fact = Fact {
        kind: D::KIND,
        reference: submission.reference.to_owned(),
        buyer,
        day,
        at: now,
        actor: submission.actor.to_owned(),
        body,
    };
    Ok((fact, effects, facts.last()))
}

fn read<D: DeserializeOwned>(body: &[u8]) -> Result<D, Refusal> {
    if body.len() > LARGEST_BODY {
        return Err(Refusal::Malformed(format!("the body has {} bytes, {LARGEST_BODY} are allowed", body.len())));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))
}

/// Enters a record, once.
///
/// # Errors
/// [`Refusal`]: nothing was entered.
pub fn enter(
    submission: &Submission<'_>,
    market: &Market,
    ledger: &dyn Ledger,
    now: UnixMillis,
) -> Result<Receipt, Refusal> {
    check_reference(submission.reference)?;
    let judges = judges();
    let Some((judge, _)) = judges.get(&submission.kind) else {
        return Err(Refusal::Malformed(format!("{} is not entered by hand", submission.kind.label())));
    };
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let books = ledger.snapshot()?;
        let (fact, (transactions, changes), after) = judge(submission, &Desk { market, books: &*books, now })?;
        drop(books);
        match ledger.enter(Entered { fact: fact.clone(), transactions, changes, after }) {
            Ok(booking) => return Ok(Receipt { booking, fact }),
            Err(overtaken @ BookError::Overtaken(_)) => last = Some(overtaken),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or_else(|| Refusal::Malformed("it was never tried".to_owned()), Refusal::from))
}

fn check_reference(reference: &str) -> Result<(), Refusal> {
    let visible = |text: &str| text.chars().all(|char| !char.is_control()) && text.trim() == text;
    if (1..=LONGEST_REFERENCE).contains(&reference.chars().count()) && visible(reference) {
        return Ok(());
    }
    let why = "`reference` must have 1 to 100 visible characters: by it the record is entered once";
    Err(Refusal::Malformed(why.to_owned()))
}

/// An amount of money that changes hands: above zero, in whole fen.
///
/// # Errors
/// [`Refusal::Malformed`] says which it is not.
pub fn payment(what: &str, amount: MicroYuan) -> Result<MicroYuan, Refusal> {
    if !amount.is_positive() {
        return Err(Refusal::Malformed(format!("`{what}` {amount} is not above zero")));
    }
    if amount.0 % 10_000 != 0 {
        return Err(Refusal::Malformed(format!("`{what}` {amount} is not in whole fen")));
    }
    if amount > MicroYuan::LIMIT {
        return Err(Refusal::Malformed(format!("`{what}` {amount} is above {}", MicroYuan::LIMIT)));
    }
    Ok(amount)
}

#[cfg(test)]
mod tests;
