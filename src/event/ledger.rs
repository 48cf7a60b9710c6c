//! Double entry: accounts, entries, transactions, and the port to the books (architecture, invariant 10).
//!
//! Debit is positive, credit negative; each transaction's entries add up to zero, so the sum over all accounts is zero.
//! Nothing is updated in place: a correction is a new transaction. Codes are appended, never reused.

use std::collections::BTreeMap;

use super::{EVENT_VERSION, Method, Posting, Resolution, Source, StoreUnavailable, Tally};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{AuctionId, BuyerId, DealId, IdBook, LeaseId, MediaId};
use crate::money::MicroYuan;

coded! {
    /// What an account holds. The hundreds group them: 1 the exchange's assets, 2 buyers' money, 3 media's money,
    /// 4 the exchange's result, 5 taxes. The codes are stored.
    AccountKind {
        /// Money in the exchange's bank accounts. One account.
        Bank = 100, "bank";
        /// Transfers that were announced and have not arrived, or the other way round. One account.
        BankClearing = 101, "bank_clearing";
        /// What a buyer owes beyond its balances (R-DEDUCT, R-CREDIT). Owner: buyer.
        BuyerReceivable = 110, "buyer_receivable";
        /// A buyer's free cash (R-PREPAY, R-BALANCE). Owner: buyer.
        BuyerCash = 200, "buyer_cash";
        /// What was set aside for guaranteed volume of a day (R-COMMIT). Owner: buyer.
        BuyerCommitted = 201, "buyer_committed";
        /// One grant: its own expiry, never withdrawn, never invoiced (R-BALANCE). Owner: the grant's number.
        Grant = 202, "grant";
        /// Rebates payable to a buyer (R-DEDUCT). Owner: buyer.
        BuyerRebate = 203, "buyer_rebate";
        /// A buyer's deposit (R-CREDIT, R-DEDUCT). Owner: buyer.
        BuyerDeposit = 204, "buyer_deposit";
        /// What a media has earned and was not paid yet (R-SHARE). Owner: media.
        MediaPayable = 300, "media_payable";
        /// What a media earned and is withheld (R-MEDIA-OFFSET, R-IVT). Owner: media.
        MediaWithheld = 301, "media_withheld";
        /// The exchange's margin. One account.
        ExchangeRevenue = 400, "exchange_revenue";
        /// Liquidated damages received (business rules §4). One account.
        Damages = 401, "damages";
        /// What a month's minimum adds to a buyer's consumption (R-MINIMUM). One account.
        MinimumShortfall = 402, "minimum_shortfall";
        /// Make-good and over-delivery that media are paid for and no buyer pays (R-MAKEGOOD). One account.
        MakeGoodCost = 410, "make_good_cost";
        /// What grants cost the exchange. One account.
        GrantCost = 411, "grant_cost";
        /// Differences below a fen between lines and totals (R-STATEMENT). One account.
        Rounding = 412, "rounding";
        /// Output VAT (R-STATEMENT). One account.
        VatPayable = 500, "vat_payable";
        /// Input VAT on media's invoices (R-RECONCILE). One account.
        VatReceivable = 501, "vat_receivable";
    }
}

impl AccountKind {
    /// The kind with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// Whether an impression is paid from such accounts.
    #[must_use]
    pub const fn pays_for_delivery(self) -> bool {
        matches!(self, Self::BuyerCash | Self::BuyerCommitted | Self::Grant)
    }
}

coded! {
    /// Why a transaction was made. The codes are stored.
    TransactionKind {
        /// A buyer's payment arrived (R-PREPAY).
        TopUp = 1, "top_up";
        /// A day of a guaranteed deal was funded (R-COMMIT).
        Commitment = 2, "commitment";
        /// Impressions of the journal, one transaction per batch and day (R-SETTLE, R-SHARE).
        Delivery = 3, "delivery";
    }
}

impl TransactionKind {
    /// The kind with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// One account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// What it holds.
    pub kind: AccountKind,
    /// Whose it is: the number of a buyer, media or grant; 0 where there is one account of the kind.
    pub owner: u32,
}

impl Account {
    /// The only account of its kind.
    #[must_use]
    pub const fn single(kind: AccountKind) -> Self {
        Self { kind, owner: 0 }
    }

    /// A buyer's free cash.
    #[must_use]
    pub const fn cash(buyer: BuyerId) -> Self {
        Self { kind: AccountKind::BuyerCash, owner: buyer.0 }
    }

    /// What a buyer has set aside.
    #[must_use]
    pub const fn committed(buyer: BuyerId) -> Self {
        Self { kind: AccountKind::BuyerCommitted, owner: buyer.0 }
    }

    /// What a media has earned.
    #[must_use]
    pub const fn payable(media: MediaId) -> Self {
        Self { kind: AccountKind::MediaPayable, owner: media.0 }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.label(), self.owner)
    }
}

/// One side of a transaction, in micro-yuan: debit positive, credit negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Which account.
    pub account: Account,
    /// How much.
    pub amount: MicroYuan,
}

/// What one delivery transaction says about one deal on one media: the dimensions that accounts do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryLine {
    /// Who pays.
    pub buyer: BuyerId,
    /// Under which deal.
    pub deal: DealId,
    /// Who is paid.
    pub media: MediaId,
    /// Whether cash or commitment pays.
    pub method: Method,
    /// How many impressions were posted.
    pub count: u64,
    /// What the buyer pays, in micro-yuan.
    pub amount: MicroYuan,
    /// What the media earns of it, in micro-yuan.
    pub earned: MicroYuan,
}

/// The rows of the journal that a delivery transaction was made from, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first_seq: u64,
    /// The last.
    pub last_seq: u64,
    /// The digest of the journal from its first row to this span's last, whatever the spans in between.
    pub digest: [u8; 32],
}

/// A transaction's contents, as they are proposed or were stored; [`Transaction`] is what passed the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Why.
    pub kind: TransactionKind,
    /// What it is known by: unique within its kind, so that a repeated request books nothing twice.
    pub reference: String,
    /// The settlement day it belongs to.
    pub day: ShanghaiDay,
    /// When it was booked.
    pub made_at: UnixMillis,
    /// What it was made from; for deliveries.
    pub span: Option<Span>,
    /// For people.
    pub note: String,
    /// Its sides, one per account. None only where a span holds nothing that costs (voids, make-good at zero).
    pub entries: Vec<Entry>,
    /// What was delivered; for deliveries.
    pub lines: Vec<DeliveryLine>,
}

/// A transaction that balances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction(Draft);

/// Why a draft is no transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// Debits and credits differ.
    #[error("its entries add up to {0} micro-yuan instead of 0")]
    Sum(i128),
    /// Beyond [`MicroYuan::LIMIT`].
    #[error("the entry on {0} is beyond the limit of one amount")]
    TooLarge(Account),
    /// An account twice, or an amount of zero.
    #[error("the entry on {0} is doubled or zero")]
    Malformed(Account),
    /// No entries, though no span explains that.
    #[error("it has no entries")]
    Empty,
    /// A delivery without a span or the other way round, or a span that ends before it starts.
    #[error("only a delivery has a span of the journal, and it must have one")]
    Span,
    /// The entries of a delivery are not what its lines make.
    #[error("its entries are not those of its delivery lines")]
    Lines,
}

impl Transaction {
    /// Checks a draft: it balances, and no amount is beyond [`MicroYuan::LIMIT`].
    ///
    /// # Errors
    /// [`Unbalanced`] names what is wrong.
    pub fn check(draft: Draft) -> Result<Self, Unbalanced> {
        let mut accounts = std::collections::HashSet::new();
        let mut sum = 0_i128;
        for entry in &draft.entries {
            if entry.amount.0.unsigned_abs() > MicroYuan::LIMIT.0.unsigned_abs() {
                return Err(Unbalanced::TooLarge(entry.account));
            }
            if entry.amount == MicroYuan::ZERO || !accounts.insert(entry.account) {
                return Err(Unbalanced::Malformed(entry.account));
            }
            sum += i128::from(entry.amount.0);
        }
        if sum != 0 {
            return Err(Unbalanced::Sum(sum));
        }
        match (draft.kind, draft.span) {
            (TransactionKind::Delivery, Some(span)) if 1 <= span.first_seq && span.first_seq <= span.last_seq => {
                if entries_of_delivery(&draft.lines)? != draft.entries {
                    return Err(Unbalanced::Lines);
                }
            }
            (TransactionKind::Delivery, _) | (_, Some(_)) => return Err(Unbalanced::Span),
            (_, None) if draft.entries.is_empty() => return Err(Unbalanced::Empty),
            (_, None) if !draft.lines.is_empty() => return Err(Unbalanced::Lines),
            (_, None) => {}
        }
        Ok(Self(draft))
    }

    /// Its contents.
    #[must_use]
    pub const fn contents(&self) -> &Draft {
        &self.0
    }

    /// A buyer's payment: `Bank` to `BuyerCash` (R-PREPAY).
    ///
    /// # Errors
    /// [`Unbalanced`] when the amount is zero or beyond the limit.
    pub fn top_up(buyer: BuyerId, reference: &str, amount: MicroYuan, made_at: UnixMillis) -> Result<Self, Unbalanced> {
        let sides = [(Account::single(AccountKind::Bank), amount), (Account::cash(buyer), -amount)];
        Self::plain(TransactionKind::TopUp, reference.to_owned(), made_at.shanghai_day(), made_at, sides)
    }

    /// A funded day of a guaranteed deal: `BuyerCash` to `BuyerCommitted` (R-COMMIT).
    ///
    /// # Errors
    /// [`Unbalanced`] when the amount is zero or beyond the limit.
    pub fn commitment(
        deal: DealId,
        day: ShanghaiDay,
        buyer: BuyerId,
        amount: MicroYuan,
        made_at: UnixMillis,
    ) -> Result<Self, Unbalanced> {
        let sides = [(Account::cash(buyer), amount), (Account::committed(buyer), -amount)];
        Self::plain(TransactionKind::Commitment, format!("deal {} on {day}", deal.0), day, made_at, sides)
    }

    fn plain(
        kind: TransactionKind,
        reference: String,
        day: ShanghaiDay,
        made_at: UnixMillis,
        sides: [(Account, MicroYuan); 2],
    ) -> Result<Self, Unbalanced> {
        let entries = sides.into_iter().map(|(account, amount)| Entry { account, amount }).collect();
        Self::check(Draft { kind, reference, day, made_at, span: None, note: String::new(), entries, lines: vec![] })
    }

    /// The impressions of one day within a span of the journal: the buyer's cash (PD) or commitment (PDB, BPG) pays, the
    /// media earns, and the margin is the exchange's (R-SETTLE, R-SHARE).
    ///
    /// # Errors
    /// [`Unbalanced`] when a sum is beyond the limit.
    pub fn delivery(
        day: ShanghaiDay,
        span: Span,
        lines: Vec<DeliveryLine>,
        made_at: UnixMillis,
    ) -> Result<Self, Unbalanced> {
        let reference = format!("{}-{} on {day}", span.first_seq, span.last_seq);
        let entries = entries_of_delivery(&lines)?;
        let kind = TransactionKind::Delivery;
        Self::check(Draft { kind, reference, day, made_at, span: Some(span), note: String::new(), entries, lines })
    }
}

/// The entries that delivery lines make, ordered by account, none of them zero.
fn entries_of_delivery(lines: &[DeliveryLine]) -> Result<Vec<Entry>, Unbalanced> {
    let mut sums = BTreeMap::<Account, i128>::new();
    for line in lines {
        let payer =
            if line.method.is_guaranteed() { Account::committed(line.buyer) } else { Account::cash(line.buyer) };
        let (amount, earned) = (i128::from(line.amount.0), i128::from(line.earned.0));
        *sums.entry(payer).or_default() += amount;
        *sums.entry(Account::payable(line.media)).or_default() -= earned;
        *sums.entry(Account::single(AccountKind::ExchangeRevenue)).or_default() -= amount - earned;
    }
    let entry = |(account, sum): (Account, i128)| {
        let amount = i64::try_from(sum).map(MicroYuan).map_err(|_| Unbalanced::TooLarge(account))?;
        Ok(Entry { account, amount })
    };
    sums.into_iter().filter(|(_, sum)| *sum != 0).map(entry).collect()
}

/// A row of the journal, as it is stored: what a [`Posting`] leaves behind for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Its place in the journal, from 1, without gaps.
    pub seq: u64,
    /// Its auction.
    pub auction: AuctionId,
    /// Its imp.
    pub imp: u8,
    /// Its ad of the imp.
    pub slot: u8,
    /// 0 for posted, otherwise the code of the `VoidReason`.
    pub resolution: u8,
    /// The `EVENT_VERSION` that wrote it.
    pub version: u8,
    /// The media's number.
    pub media: MediaId,
    /// The placement's number.
    pub placement: u32,
    /// The DSP's number.
    pub dsp: u32,
    /// The buyer's number.
    pub buyer: BuyerId,
    /// The advertiser's number.
    pub advertiser: u32,
    /// The deal's number.
    pub deal: DealId,
    /// The creative's number.
    pub creative: u32,
    /// The creative's version.
    pub creative_version: u16,
    /// How the deal is bought.
    pub method: Method,
    /// The lease that it counts against.
    pub lease: LeaseId,
    /// Thousandths of an impression.
    pub quantity: u32,
    /// The agreed price, micro-yuan per mille.
    pub price: i64,
    /// The media's price, micro-yuan per mille.
    pub earning: i64,
    /// What the buyer pays; also kept for a void, which nobody pays.
    pub amount: MicroYuan,
    /// What the media earns of it.
    pub earned: MicroYuan,
    /// When its notice came.
    pub at: UnixMillis,
    /// The code of the `Via`.
    pub via: u8,
    /// How long it was on screen, in milliseconds, where that was told.
    pub displayed_ms: Option<u32>,
}

impl Journaled {
    /// The row of a posting.
    #[must_use]
    pub fn new(seq: u64, posting: &Posting) -> Self {
        let charge = &posting.charge;
        Self {
            seq,
            auction: charge.key.auction,
            imp: charge.key.imp.0,
            slot: charge.key.slot.0,
            resolution: match posting.resolution {
                Resolution::Posted => 0,
                Resolution::Voided(reason) => reason.code(),
            },
            version: EVENT_VERSION,
            media: charge.media,
            placement: charge.placement.0,
            dsp: charge.dsp.0,
            buyer: charge.buyer,
            advertiser: charge.advertiser.0,
            deal: charge.deal,
            creative: charge.creative.0,
            creative_version: charge.version.0,
            method: charge.method,
            lease: charge.lease,
            quantity: charge.quantity.0,
            price: charge.price.micro_yuan_per_mille(),
            earning: charge.earning.micro_yuan_per_mille(),
            amount: charge.amount(),
            earned: charge.earned(),
            at: posting.at,
            via: posting.via as u8,
            displayed_ms: posting.displayed_ms,
        }
    }

    /// Whether somebody pays for it.
    #[must_use]
    pub const fn is_posted(&self) -> bool {
        self.resolution == 0
    }

    /// The settlement day: that of the auction (R-MONTH).
    #[must_use]
    pub fn day(&self) -> ShanghaiDay {
        self.auction.at().shanghai_day()
    }
}

/// A stored transaction. Its contents are unchecked: `settlement::ledger::verify` is there to find what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number, from 1, without gaps.
    pub id: u64,
    /// Its contents.
    pub contents: Draft,
}

/// Where a lease is in its life. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LeaseState {
    /// May be awarded from until its window ends.
    Open = 0,
    /// No more is awarded; its tokens may still be posted.
    Retired = 1,
    /// Its tokens are dead; what was not posted went back.
    Closed = 2,
}

/// A lease and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Its id.
    pub id: LeaseId,
    /// What it draws on.
    pub source: Source,
    /// Who pays.
    pub buyer: BuyerId,
    /// How much may be awarded.
    pub amount: MicroYuan,
    /// How much was, once it is retired.
    pub awarded: Option<MicroYuan>,
    /// How much was posted.
    pub posted: MicroYuan,
    /// By how many charges.
    pub posted_count: u64,
    /// Until when it may be awarded from.
    pub window_ends: UnixMillis,
    /// When all its tokens are dead.
    pub closes_at: UnixMillis,
    /// Where it is in its life.
    pub state: LeaseState,
}

impl LeaseRecord {
    /// The most that its charges may post: what it holds of its source until it closes.
    #[must_use]
    pub fn bound(&self) -> MicroYuan {
        self.awarded.unwrap_or(self.amount)
    }
}

/// The money of one source, in micro-yuan (architecture, invariant 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which.
    pub source: Source,
    /// Whose.
    pub buyer: BuyerId,
    /// Paid in, less what was moved to commitments.
    pub funded: MicroYuan,
    /// Posted by closed leases.
    pub settled: MicroYuan,
    /// Held by leases that may be awarded from now.
    pub open: MicroYuan,
    /// Held by leases that wait for their last tokens.
    pub holding: MicroYuan,
}

impl Position {
    /// What cannot be leased now.
    #[must_use]
    pub fn held(&self) -> MicroYuan {
        self.open + self.holding
    }

    /// What can be leased now.
    #[must_use]
    pub fn available(&self) -> MicroYuan {
        self.funded - self.settled - self.held()
    }
}

/// How far the ledger follows the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last row of the journal that is in the ledger; 0 for none.
    pub seq: u64,
    /// The digest of the journal up to there; zeros for none.
    pub digest: [u8; 32],
}

/// What two totals say about the same money (interfaces, `demo`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Posted charges in the journal.
    pub posted_count: u64,
    /// Their amounts.
    pub posted: MicroYuan,
    /// What delivery transactions took from buyers.
    pub ledger: MicroYuan,
}

/// The books as they were at one moment. All answers of one value agree with each other.
pub trait Books {
    /// The last row of the journal; 0 for none.
    ///
    /// # Errors
    /// [`StoreUnavailable`], here and in every other call, when it cannot be read.
    fn head_seq(&self) -> Result<u64, StoreUnavailable>;

    /// The rows of the journal with `after < seq ≤ after + limit`, in order. Fewer only at the head, or where rows are missing.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn charges(&self, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable>;

    /// The first charge, if any, that is in the journal twice: the later seq.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn doubled_charge(&self) -> Result<Option<u64>, StoreUnavailable>;

    /// How far the ledger follows the journal.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn cursor(&self) -> Result<Cursor, StoreUnavailable>;

    /// At most `limit` transactions with an id above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn transactions(&self, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable>;

    /// At most `limit` leases with an id above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn leases(&self, after: u64, limit: u32) -> Result<Vec<LeaseRecord>, StoreUnavailable>;

    /// The money of every source, and how much of it is unspendable at `now`.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn positions(&self, now: UnixMillis) -> Result<Vec<Position>, StoreUnavailable>;

    /// Journal and ledger in one sum each.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn totals(&self) -> Result<Totals, StoreUnavailable>;

    /// The counts of a day, in order of deal and measure.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn tallies_of(&self, day: ShanghaiDay) -> Result<Vec<Tally>, StoreUnavailable>;

    /// How many charges of each deal were posted for a day: where its plan goes on after a restart.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn posted_of(&self, day: ShanghaiDay) -> Result<Vec<(DealId, u64)>, StoreUnavailable>;

    /// Every number that was ever given.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn load_ids(&self) -> Result<IdBook, StoreUnavailable>;
}

/// Whether a booking changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// Durable now.
    Booked,
    /// The same was booked before; nothing changed.
    AlreadyBooked,
}

/// Why something was not booked. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The reference is taken by something else.
    #[error("R-PREPAY: the {} reference {reference:?} was booked before with other contents", kind.label())]
    ReferenceTaken {
        /// Of what kind.
        kind: TransactionKind,
        /// Which.
        reference: String,
    },
    /// Not a payment: zero or negative.
    #[error("R-PREPAY: a top-up of {0} is not an amount above zero")]
    NotPositive(MicroYuan),
    /// It would take more from a buyer than is free.
    #[error("R-PREPAY: buyer number {} has {available} free, {asked} is needed", buyer.0)]
    Insufficient {
        /// Whose balance.
        buyer: BuyerId,
        /// What is free.
        available: MicroYuan,
        /// What was asked.
        asked: MicroYuan,
    },
    /// A delivery that does not continue where the ledger ends: someone else has booked it.
    #[error("the ledger follows the journal up to {cursor}, a delivery from {first_seq} does not continue it")]
    NotNext {
        /// Where the ledger ends.
        cursor: u64,
        /// Where the delivery starts.
        first_seq: u64,
    },
    /// Money that is set aside moves only with its deal and day, which entries do not have.
    #[error("R-COMMIT: only a commitment moves money of buyer number {} to or from what is set aside", .0.0)]
    MovesCommitment(BuyerId),
    /// Not balanced, or a balance beyond [`MicroYuan::LIMIT`].
    #[error("not a transaction: {0}")]
    Unbalanced(#[from] Unbalanced),
    /// Not durable.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// The port to the ledger. Called from the cold plane; may block for a commit.
pub trait Ledger: Send + Sync {
    /// The books as they are now.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when they cannot be read.
    fn snapshot(&self) -> Result<Box<dyn Books>, StoreUnavailable>;

    /// Books transactions: all of them or none. What they take from or give to a buyer's cash, other than by delivery, also
    /// changes what the buyer can spend.
    ///
    /// # Errors
    /// [`BookError`]; nothing was booked.
    fn book(&self, transactions: Vec<Transaction>) -> Result<Booking, BookError>;

    /// Books a buyer's payment, once per reference (R-PREPAY).
    ///
    /// # Errors
    /// [`BookError::ReferenceTaken`] when that reference was booked for another buyer or amount; the others likewise.
    fn top_up(
        &self,
        buyer: BuyerId,
        reference: &str,
        amount: MicroYuan,
        now: UnixMillis,
    ) -> Result<Booking, BookError> {
        if !amount.is_positive() {
            return Err(BookError::NotPositive(amount));
        }
        self.book(vec![Transaction::top_up(buyer, reference, amount, now)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top_up(amount: i64) -> Draft {
        Transaction::top_up(BuyerId(1), "bank 7", MicroYuan(amount), UnixMillis(0)).unwrap().0
    }

    #[test]
    fn r_prepay_a_draft_that_does_not_balance_is_no_transaction() {
        let mut draft = top_up(5);
        draft.entries[0].amount = MicroYuan(6);
        assert_eq!(Transaction::check(draft), Err(Unbalanced::Sum(1)));
        let mut draft = top_up(5);
        draft.entries.clear();
        assert_eq!(Transaction::check(draft), Err(Unbalanced::Empty));
        let mut draft = top_up(5);
        draft.entries.push(Entry { account: Account::cash(BuyerId(1)), amount: MicroYuan(0) });
        assert!(matches!(Transaction::check(draft), Err(Unbalanced::Malformed(_))));
        let beyond = MicroYuan(MicroYuan::LIMIT.0 + 1);
        assert!(matches!(
            Transaction::top_up(BuyerId(1), "", beyond, UnixMillis(0)),
            Err(Unbalanced::TooLarge(Account { kind: AccountKind::Bank, .. }))
        ));
    }

    #[test]
    fn r_settle_cash_pays_preferred_deals_and_commitments_pay_guaranteed_ones() {
        let line = |method, amount, earned| DeliveryLine {
            buyer: BuyerId(3),
            deal: DealId(1),
            media: MediaId(9),
            method,
            count: 1,
            amount: MicroYuan(amount),
            earned: MicroYuan(earned),
        };
        let span = Span { first_seq: 1, last_seq: 2, digest: [0; 32] };
        let lines = vec![line(Method::Pd, 35_000, 29_750), line(Method::Pdb, 60_000, 51_000)];
        let made = Transaction::delivery(ShanghaiDay(1), span, lines, UnixMillis(0)).unwrap();
        let entry = |account, amount| Entry { account, amount: MicroYuan(amount) };
        assert_eq!(
            made.contents().entries,
            [
                entry(Account::cash(BuyerId(3)), 35_000),
                entry(Account::committed(BuyerId(3)), 60_000),
                entry(Account::payable(MediaId(9)), -80_750),
                entry(Account::single(AccountKind::ExchangeRevenue), -14_250),
            ]
        );
    }

    #[test]
    fn stored_codes_read_back() {
        assert!(AccountKind::ALL.iter().all(|kind| AccountKind::from_code(kind.code()) == Some(*kind)));
        assert!(TransactionKind::ALL.iter().all(|kind| TransactionKind::from_code(kind.code()) == Some(*kind)));
        assert_eq!(AccountKind::from_code(1), None);
    }
}
