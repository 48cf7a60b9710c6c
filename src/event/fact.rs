//! What was entered about money: top-ups, orders, violations, monitors' figures, closings. Append-only; nothing is erased, a correction
//! is another fact. The state of an account, an order or a month is what its facts in their order come to.

use super::{AccountChange, Audit, Transaction};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::BuyerId;

coded! {
    /// What a fact says. The codes are stored; the labels are names on the API and the command line.
    FactKind {
        /// A payment of a buyer arrived (R-PREPAY).
        TopUp = 1, "top-up";
        /// A grant was given (R-BALANCE).
        Grant = 2, "grant";
        /// Cash moved between a buyer's main account and a client's (R-BALANCE).
        Transfer = 3, "transfer";
        /// Cash was paid back to a buyer.
        Refund = 4, "refund";
        /// A rebate became payable to a buyer.
        Rebate = 5, "rebate";
        /// A deposit was paid or asked for (R-CREDIT).
        Deposit = 6, "deposit";
        /// The credit of a buyer was agreed, changed or withdrawn (R-CREDIT).
        Credit = 7, "credit";
        /// A restrictive measure was taken (R-RESTRICT).
        Restriction = 8, "restriction";
        /// A measure was lifted after rectification (R-RESTRICT).
        Rectification = 9, "rectification";
        /// An account was closed for good.
        AccountClosing = 10, "account-closing";
        /// A transaction is reversed by its opposite.
        Reversal = 11, "reversal";

        /// A version of an order was signed by the buyer (R-ORDER).
        Order = 20, "order";
        /// The exchange confirmed a version (R-ORDER).
        OrderConfirmation = 21, "order-confirmation";
        /// An order was cancelled (R-DAMAGE-CANCEL).
        OrderCancellation = 22, "order-cancellation";
        /// A notice was sent (R-NOTICE).
        Notice = 23, "notice";
        /// The cooperation is ended (R-END).
        Termination = 24, "termination";

        /// A violation with its evidence (business rules §4).
        Violation = 40, "violation";
        /// A violation is waived, with a reason.
        Waiver = 41, "waiver";
        /// A receivable was paid.
        Receipt = 42, "receipt";
        /// Deposit and balances are withheld in a dispute (R-HOLD).
        Hold = 43, "hold";
        /// A hold ended.
        HoldEnd = 44, "hold-end";

        /// A third-party monitor's figures (R-STATS).
        MonitorFigures = 60, "monitor-figures";
        /// What a review of them decided (R-STATS).
        MonitorReview = 61, "monitor-review";
        /// An objection to figures (R-OBJECT).
        Objection = 62, "objection";
        /// What became of it.
        ObjectionDecision = 63, "objection-decision";
        /// A month was closed (R-MONTH).
        MonthClosing = 64, "month-closing";
        /// What changes a closed month, in the next one.
        Adjustment = 65, "adjustment";
        /// A buyer was notified of another minimum (R-MINIMUM).
        Minimum = 66, "minimum";
        /// A quarter's target of a buyer (R-QUARTER).
        Target = 67, "target";
        /// Days on which neither side fails (R-EXEMPT).
        Exemption = 68, "exemption";
    }
}

impl FactKind {
    /// The kind with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The kind with that name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.label() == label)
    }
}

/// Something that was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it says.
    pub kind: FactKind,
    /// What its author knows it by: unique within its kind, so that entering it again changes nothing.
    pub reference: String,
    /// Whose account it concerns; `None`: everybody's.
    pub buyer: Option<BuyerId>,
    /// The day from which it counts.
    pub day: ShanghaiDay,
    /// When it was entered.
    pub at: UnixMillis,
    /// By whom.
    pub actor: String,
    /// All that it says: a JSON object whose form its kind gives, always written the same way.
    pub body: String,
}

impl Fact {
    /// Whether both say the same; when and by whom they were entered does not matter.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.kind, &self.reference, self.buyer, &self.body) == (other.kind, &other.reference, other.buyer, &other.body)
    }

    /// Its entry of the audit log.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit {
            seq: 0,
            at: self.at,
            actor: self.actor.clone(),
            action: "enter".to_owned(),
            subject: format!("{} {}", self.kind.label(), self.reference),
            before: String::new(),
            after: self.body.clone(),
            reason: String::new(),
        }
    }
}

/// A fact as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFact {
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// What was entered.
    pub fact: Fact,
}

/// Which kinds of facts are asked for. One that this program does not know is refused where it may be meant, never passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// All.
    All,
    /// One.
    Only(FactKind),
    /// All others.
    AllBut(FactKind),
}

impl Kinds {
    /// Whether facts of a kind are asked for.
    #[must_use]
    pub fn include(self, kind: FactKind) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only == kind,
            Self::AllBut(other) => other != kind,
        }
    }
}

/// Whose facts are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All.
    Anybodys,
    /// Those that concern one buyer by name.
    Of(BuyerId),
    /// Those that concern everybody.
    Everybodys,
}

impl Whose {
    /// Whether a fact that concerns `buyer` is asked for; `None`: one that concerns everybody.
    #[must_use]
    pub fn include(self, buyer: Option<BuyerId>) -> bool {
        match self {
            Self::Anybodys => true,
            Self::Of(one) => buyer == Some(one),
            Self::Everybodys => buyer.is_none(),
        }
    }
}

/// Where a fact stands and what it is about, without what it says: read where that may be long and is not needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactHead {
    /// Its place.
    pub seq: u64,
    /// What its author knows it by.
    pub reference: String,
    /// Whose account it concerns; `None`: everybody's.
    pub buyer: Option<BuyerId>,
    /// The day from which it counts.
    pub day: ShanghaiDay,
}

/// What is entered in one commit: a fact and the money that it moves, or nothing.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The fact.
    pub fact: Fact,
    /// The transactions that it makes.
    pub transactions: Vec<Transaction>,
    /// What else it changes of accounts; applied before the transactions.
    pub changes: Vec<AccountChange>,
    /// The last fact that its author knew: another one since then may change what is right.
    pub after: u64,
}
