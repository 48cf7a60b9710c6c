//! Violations with their evidence, and waivers.

use serde::{Deserialize, Serialize};

use super::{Breaches, Claim};
use crate::clock::{Month, ShanghaiDay, UnixMillis};
use crate::event::{Account, AccountKind, FactKind, Transaction, TransactionKind};
use crate::ids::BuyerId;
use crate::market::figures::Figures;
use crate::money::MicroYuan;
use crate::settlement::damages::{Exact, Means, Taken, of_content, of_page_change};
use crate::settlement::month::closed_statement;
use crate::settlement::notice::{moment, said_something, workdays_after};
use crate::settlement::office::{Deed, Refusal, View, payment};
use crate::settlement::statement::Statement;

/// What is overdue (R-LATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overdue {
    /// Service fees.
    Fees,
    /// A deposit.
    Deposit,
    /// What a closed month's minimum asked for beyond its consumption, and was left owing (R-MINIMUM).
    Shortfall,
}

/// What was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Breach {
    /// Content in breach (R-DAMAGE-CONTENT, R-REFUSE, R-MALICE).
    Content {
        /// The whole loss that it caused, in yuan; what is above the fixed damages is claimed too.
        #[serde(default)]
        loss: MicroYuan,
    },
    /// A page's content changed without permission (R-DAMAGE-CHANGE, R-LANDING-FROZEN).
    PageChange {
        /// Whether the new content is itself unlawful: then R-DAMAGE-CONTENT adds.
        unlawful: bool,
    },
    /// Infringement, substantial suspicion of it, or a true and reasonable complaint (R-DAMAGE-IP).
    Infringement {
        /// The fees of the content complained of, in yuan.
        fees: MicroYuan,
        /// Whether the buyer proved its own review: then nothing is claimed.
        review_proven: bool,
    },
    /// Others' content was shown, or the resource resold (R-OWN).
    Resale {
        /// The resources used by the rate card, in yuan.
        rate_card_value: MicroYuan,
    },
    /// Bribery (R-DAMAGE-OTHER).
    Bribery {
        /// The contract's amount, in yuan.
        contract_amount: MicroYuan,
    },
    /// Staff was poached (R-DAMAGE-OTHER).
    Poaching {},
    /// Fees or a deposit were not paid in time (R-LATE): no damages, but a fee for each day until they are paid.
    LatePayment {
        /// What is overdue.
        of: Overdue,
        /// How much, in yuan.
        owed: MicroYuan,
        /// The day on which it was due.
        due: ShanghaiDay,
        /// The closed month whose shortfall it is; said of a shortfall only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        month: Option<Month>,
    },
}

impl Breach {
    /// The rule that it breaks.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Content { .. } => "R-DAMAGE-CONTENT",
            Self::PageChange { .. } => "R-DAMAGE-CHANGE",
            Self::Infringement { .. } => "R-DAMAGE-IP",
            Self::Resale { .. } => "R-OWN",
            Self::Bribery { .. } | Self::Poaching {} => "R-DAMAGE-OTHER",
            Self::LatePayment { .. } => "R-LATE",
        }
    }

    /// The amount that it is judged by, with the key that says it.
    const fn stated(&self) -> Option<(&'static str, MicroYuan)> {
        match self {
            Self::Content { loss } => Some(("loss", *loss)),
            Self::Infringement { fees, .. } => Some(("fees", *fees)),
            Self::Resale { rate_card_value } => Some(("rate_card_value", *rate_card_value)),
            Self::Bribery { contract_amount } => Some(("contract_amount", *contract_amount)),
            Self::PageChange { .. } | Self::Poaching {} | Self::LatePayment { .. } => None,
        }
    }
}

/// What shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// When.
    #[serde(with = "moment")]
    pub at: UnixMillis,
    /// The SHA-256 of the bytes that were found, in hexadecimal.
    pub sha256: String,
}

impl Evidence {
    fn check(&self, now: UnixMillis) -> Result<(), Refusal> {
        said_something("expected", &self.expected)?;
        said_something("found", &self.found)?;
        let digest = self.sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if self.sha256.len() != 64 || !digest {
            let why = "`sha256` must be the SHA-256 of the bytes that were found: 64 hexadecimal digits in lower case";
            return Err(Refusal::Malformed(why.to_owned()));
        }
        if self.at > now {
            return Err(Refusal::Malformed(format!(
                "the evidence is of {}, which is still to come",
                self.at.to_rfc3339()
            )));
        }
        Ok(())
    }
}

/// What a breach cost, and where it was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charged {
    /// The step of the ladder of page changes, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The damages.
    pub taken: Taken,
    /// When what is left owing is due.
    pub due: ShanghaiDay,
    /// Whether it ends the cooperation for good.
    pub ends: bool,
}

/// A violation with its evidence. Its figures are those of the day on which it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The day on which it happened.
    pub day: ShanghaiDay,
    /// What was broken.
    pub breach: Breach,
    /// What shows it.
    pub evidence: Evidence,
    /// What it cost. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Charged>,
}

impl Violation {
    fn check(&self, view: &View<'_>) -> Result<(), Refusal> {
        if self.charged.is_some() {
            return Err(Refusal::Malformed("`charged` is added when it is entered; leave it out".to_owned()));
        }
        if self.day > view.today() {
            return Err(Refusal::Malformed(format!("`day` {} is still to come", self.day)));
        }
        if let Some((key, amount)) = self.breach.stated()
            && (amount < MicroYuan::ZERO || amount > MicroYuan::LIMIT)
        {
            return Err(Refusal::Malformed(format!("`{key}` {amount} must be from 0 to {}", MicroYuan::LIMIT)));
        }
        if let Breach::LatePayment { of, owed, due, month } = &self.breach {
            payment("owed", *owed)?;
            if *due >= view.today() {
                let first = due.next();
                return Err(Refusal::rule("R-LATE", format!("what was due on {due} is overdue from {first} on")));
            }
            match (of, month) {
                (Overdue::Shortfall, Some(month)) => check_shortfall(view, view.buyer(&self.buyer)?, *month, *owed)?,
                (Overdue::Fees | Overdue::Deposit, None) => {}
                _ => {
                    let why = "`month` names the closed month whose shortfall is overdue, and is said of nothing else";
                    return Err(Refusal::Malformed(why.to_owned()));
                }
            }
        }
        self.evidence.check(view.now)
    }

    /// What it costs, where it is the step of the ladder that it would be; and whether it ends the cooperation.
    fn cost(&self, step: usize, figures: &Figures) -> (MicroYuan, bool) {
        match &self.breach {
            Breach::Content { loss } => {
                let (fixed, further) = of_content(*loss, figures);
                (fixed + further, false)
            }
            Breach::PageChange { unlawful } => {
                let damages = of_page_change(step, figures);
                let content = if *unlawful { figures.content_damages } else { MicroYuan::ZERO };
                (damages.unwrap_or_default() + content, damages.is_none())
            }
            Breach::Infringement { review_proven: true, .. } | Breach::LatePayment { .. } => (MicroYuan::ZERO, false),
            Breach::Infringement { fees, .. } => (Exact::higher(figures.infringement_damages, *fees).in_fen(), false),
            Breach::Resale { rate_card_value } => {
                (Exact::part(figures.resale_damages, *rate_card_value).in_fen(), false)
            }
            Breach::Bribery { contract_amount } => {
                (Exact::higher(figures.bribery_damages, *contract_amount).in_fen(), false)
            }
            Breach::Poaching {} => (figures.poaching_damages, false),
        }
    }

    /// When what cannot be deducted is due: in so many working days where the rule says so, else at once.
    fn due(&self, today: ShanghaiDay, figures: &Figures) -> Result<ShanghaiDay, Refusal> {
        match &self.breach {
            Breach::Resale { .. } => workdays_after(today, figures.damages_due_workdays),
            Breach::Content { loss } if *loss > figures.content_damages => {
                workdays_after(today, figures.damages_due_workdays)
            }
            _ => Ok(today),
        }
    }
}

impl Deed for Violation {
    const KIND: FactKind = FactKind::Violation;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.day))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        self.check(view)?;
        let buyer = view.buyer(&self.buyer)?;
        let figures = view.market.terms.figures.on(self.day);
        let step = Breaches::of(view.facts, buyer).next_step();
        let (cost, ends) = self.cost(step, figures);
        let taken = Means::of(view, buyer)?.take(cost);
        let step = matches!(self.breach, Breach::PageChange { .. }).then_some(step);
        self.charged = Some(Charged { step, taken, due: self.due(view.today(), figures)?, ends });
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        self.charged = before.charged;
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let Some(charged) = &self.charged else { return Ok(Vec::new()) };
        let named = (TransactionKind::Damages, format!("{} {reference}", Self::KIND.label()));
        let made = charged.taken.transaction(buyer, named, view.today(), view.now, self.breach.rule().to_owned())?;
        Ok(made.into_iter().collect())
    }
}

/// R-MINIMUM: what is overdue of a closed month's shortfall is no more than that, is still owed by the books, and is named once.
fn check_shortfall(view: &View<'_>, buyer: BuyerId, month: Month, owed: MicroYuan) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::rule("R-LATE", why));
    let Some(closed) = closed_statement(view, buyer, month)? else {
        return refuse(format!("{month} is not closed: its shortfall is not known before (R-MINIMUM)"));
    };
    let statement = Statement::new(closed.statement).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let shortfall = statement.sums().shortfall;
    let receivable = Means::of(view, buyer)?.receivable;
    if owed > shortfall.min(receivable) {
        return refuse(format!(
            "the shortfall of {month} was {shortfall}, and the books have {receivable} as owed, not {owed}"
        ));
    }
    let breaches = Breaches::of(view.facts, buyer);
    match breaches.late.iter().find(|late| late.month == Some(month) && late.open().is_positive()) {
        Some(late) => refuse(format!("violation {:?} names the shortfall of {month} already", late.reference)),
        None => Ok(()),
    }
}

/// A violation is waived, with a reason: what it cost goes back to where it was taken from, what was owed of it is owed no more, and it
/// counts on the ladder no more. The violation stays on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The violation's reference.
    pub violation: String,
    /// Why.
    pub reason: String,
    /// What was given back. Added when it is entered, not by its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Taken>,
}

impl Deed for Waiver {
    const KIND: FactKind = FactKind::Waiver;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn complete(&mut self, view: &View<'_>) -> Result<(), Refusal> {
        if self.back.is_some() {
            return Err(Refusal::Malformed("`back` is added when it is entered; leave it out".to_owned()));
        }
        said_something("reason", &self.reason)?;
        let breaches = Breaches::of(view.facts, view.buyer(&self.buyer)?);
        let Some(kept) = breaches.violation(&self.violation) else {
            return Err(Refusal::Malformed(format!("the buyer has no violation {:?}", self.violation)));
        };
        if let Some(reason) = &kept.waived {
            return Err(Refusal::Malformed(format!("violation {:?} was waived before: {reason}", self.violation)));
        }
        let Some(charged) = &kept.violation.charged else { return Ok(()) };
        let name = format!("violation {}", self.violation);
        let open = breaches.claims.iter().find(|claim| claim.name == name).map_or(MicroYuan::ZERO, Claim::open);
        let paid = charged.taken.receivable - open;
        self.back = Some(Taken { cash: charged.taken.cash + paid, receivable: open, ..charged.taken });
        Ok(())
    }

    fn complete_as(&mut self, before: Self) {
        self.back = before.back;
    }

    fn judge(&self, reference: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let Some(back) = self.back.filter(|back| back.amount != MicroYuan::ZERO) else { return Ok(Vec::new()) };
        let sides = back.sides(buyer).map(|(account, amount)| (account, -amount));
        let sides = sides.chain([(Account::single(AccountKind::Damages), back.amount)]);
        let name = format!("{} {reference}", Self::KIND.label());
        let note = format!("violation {}", self.violation);
        Ok(vec![Transaction::of(TransactionKind::Reversal, name, view.today(), view.now, note, sides)?])
    }
}
