//! Double entry: accounts, entries, transactions (architecture, invariant 10).
//!
//! Debit is positive, credit negative; each transaction's entries add up to zero, so the sum over all accounts is zero.
//! Nothing is updated in place: a correction is a new transaction. Codes are appended, never reused.

use std::collections::BTreeMap;

use super::{Fund, Method, Pot};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{BuyerId, DealId, LeaseId, MediaId};
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
        /// What the exchange failed to offer and keeps until it is made good (R-MAKEGOOD). Owner: buyer.
        BuyerMakeGood = 205, "buyer_make_good";
        /// The free cash of a client's own account (R-BALANCE). Owner: advertiser.
        ClientCash = 206, "client_cash";
        /// What was set aside of a grant for guaranteed volume of a day (R-COMMIT). Owner: the grant's number.
        GrantCommitted = 207, "grant_committed";
        /// What of a grant is kept until it is made good (R-MAKEGOOD). Owner: the grant's number.
        GrantMakeGood = 208, "grant_make_good";
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
        /// Volume that buyers pay for though it was not delivered; no media earns of it (R-MAKEGOOD). One account.
        UndeliveredRevenue = 403, "undelivered_revenue";
        /// Fees for late payment (R-LATE). One account.
        LateFees = 404, "late_fees";
        /// What changes a closed month (R-OBJECT). One account.
        Adjustments = 405, "adjustments";
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
        matches!(
            self,
            Self::BuyerCash
                | Self::BuyerCommitted
                | Self::BuyerMakeGood
                | Self::BuyerReceivable
                | Self::ClientCash
                | Self::Grant
                | Self::GrantCommitted
                | Self::GrantMakeGood
        )
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
        /// A grant was given (R-BALANCE).
        Grant = 4, "grant";
        /// What was left of a grant is void (R-BALANCE).
        GrantExpiry = 5, "grant_expiry";
        /// Cash moved between a buyer's accounts.
        Transfer = 6, "transfer";
        /// Cash was paid back to a buyer.
        Refund = 7, "refund";
        /// A rebate became payable.
        Rebate = 8, "rebate";
        /// A deposit was paid, or paid back.
        Deposit = 9, "deposit";
        /// A day of a guaranteed deal was closed: payable undelivered volume, and what the exchange failed to offer (R-COMMIT).
        DayClosing = 10, "day_closing";
        /// What could not be made good went back to the buyer (R-MAKEGOOD).
        MakeGoodRelease = 11, "make_good_release";
        /// What a buyer owes for a breach, taken in the order of R-DEDUCT.
        Damages = 12, "damages";
        /// A receivable was taken from money that became free (R-DEDUCT).
        Collection = 13, "collection";
        /// A fee for late payment (R-LATE).
        LateFee = 14, "late_fee";
        /// A receivable was paid.
        Receipt = 15, "receipt";
        /// A month was closed: shortfall, VAT and rounding (R-MINIMUM, R-STATEMENT).
        MonthClosing = 16, "month_closing";
        /// What changes a closed month.
        Adjustment = 17, "adjustment";
        /// The opposite of an earlier transaction.
        Reversal = 18, "reversal";
        /// An account was closed: what was left of it.
        AccountClosing = 19, "account_closing";
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

    /// What pays where a lease does not say it: the buyer's cash for a preferred deal, its commitment for a guaranteed one.
    #[must_use]
    pub const fn by_method(method: Method, buyer: BuyerId) -> Self {
        if method.is_guaranteed() { Self::committed(buyer) } else { Self::cash(buyer) }
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
    /// How the deal is bought.
    pub method: Method,
    /// The account that pays.
    pub payer: Account,
    /// How many impressions were posted; one that two accounts pay for together is counted with the one that paid first.
    pub count: u64,
    /// Thousandths of an impression; `None` in books of before they were kept.
    pub quantity: Option<u64>,
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
    /// How many of these rows are of the transaction's day; `None` in books of before days had digests of their own.
    pub rows: Option<u64>,
    /// The digest of the day's rows from the first to this span's last, whatever the spans in between. Without `rows`: of the rows
    /// of all days.
    pub digest: [u8; 32],
}

impl Span {
    fn is_possible(&self) -> bool {
        let within = |rows| 1 <= rows && rows <= self.last_seq - self.first_seq + 1;
        1 <= self.first_seq && self.first_seq <= self.last_seq && self.rows.is_none_or(within)
    }

    /// Whether both cover the same rows; those of other days have other digests.
    #[must_use]
    pub const fn covers_the_same(&self, other: &Self) -> bool {
        self.first_seq == other.first_seq && self.last_seq == other.last_seq
    }
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
    /// How much of it was posted under each lease that draws on several accounts, ordered by lease; for deliveries.
    pub draws: Vec<(LeaseId, MicroYuan)>,
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
    #[error("only a delivery has a span of the journal, it must have one, and as many rows of its day as fit in")]
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
            (TransactionKind::Delivery, Some(span)) if span.is_possible() => {
                let drawn = draft.draws.is_sorted_by(|one, next| one.0 < next.0)
                    && draft.draws.iter().all(|(_, amount)| amount.is_positive());
                let paid = draft.lines.iter().all(|line| line.payer.kind.pays_for_delivery());
                if !drawn || !paid || entries_of_delivery(&draft.lines)? != draft.entries {
                    return Err(Unbalanced::Lines);
                }
            }
            (TransactionKind::Delivery, _) | (_, Some(_)) => return Err(Unbalanced::Span),
            (_, None) if draft.entries.is_empty() => return Err(Unbalanced::Empty),
            (_, None) if !draft.lines.is_empty() || !draft.draws.is_empty() => return Err(Unbalanced::Lines),
            (_, None) => {}
        }
        Ok(Self(draft))
    }

    /// Its contents.
    #[must_use]
    pub const fn contents(&self) -> &Draft {
        &self.0
    }

    /// A transaction that is not made from the journal. Entries on one account are added up, those that come to nothing are left out.
    ///
    /// # Errors
    /// [`Unbalanced`] names what is wrong.
    pub fn of(
        kind: TransactionKind,
        reference: impl Into<String>,
        day: ShanghaiDay,
        made_at: UnixMillis,
        note: impl Into<String>,
        sides: impl IntoIterator<Item = (Account, MicroYuan)>,
    ) -> Result<Self, Unbalanced> {
        let mut sums = BTreeMap::<Account, i128>::new();
        for (account, amount) in sides {
            *sums.entry(account).or_default() += i128::from(amount.0);
        }
        let entries = entries_of(sums)?;
        let (reference, note) = (reference.into(), note.into());
        Self::check(Draft { kind, reference, day, made_at, span: None, note, entries, lines: vec![], draws: vec![] })
    }

    /// A buyer's payment: `Bank` to `BuyerCash` (R-PREPAY).
    ///
    /// # Errors
    /// [`Unbalanced`] when the amount is zero or beyond the limit.
    pub fn top_up(buyer: BuyerId, reference: &str, amount: MicroYuan, made_at: UnixMillis) -> Result<Self, Unbalanced> {
        let sides = [(Account::single(AccountKind::Bank), amount), (Account::cash(buyer), -amount)];
        Self::of(TransactionKind::TopUp, reference, made_at.shanghai_day(), made_at, "", sides)
    }

    /// A funded day of a guaranteed deal: each fund's free account to what is set aside of it (R-COMMIT).
    ///
    /// # Errors
    /// [`Unbalanced`] when there are no parts or one is beyond the limit.
    pub fn commitment(
        deal: DealId,
        day: ShanghaiDay,
        buyer: BuyerId,
        parts: &[(Fund, MicroYuan)],
        made_at: UnixMillis,
    ) -> Result<Self, Unbalanced> {
        let sides = parts.iter().flat_map(|(fund, amount)| {
            [(fund.account(), *amount), (Pot::Committed(deal, day, *fund).account(buyer), -*amount)]
        });
        Self::of(TransactionKind::Commitment, format!("deal {} on {day}", deal.0), day, made_at, "", sides)
    }

    /// The impressions of one day within a span of the journal: the account of each line pays, the media earns, and the margin is the
    /// exchange's (R-SETTLE, R-SHARE).
    ///
    /// # Errors
    /// [`Unbalanced`] when a sum is beyond the limit.
    pub fn delivery(
        day: ShanghaiDay,
        span: Span,
        lines: Vec<DeliveryLine>,
        draws: Vec<(LeaseId, MicroYuan)>,
        made_at: UnixMillis,
    ) -> Result<Self, Unbalanced> {
        let reference = format!("{}-{} on {day}", span.first_seq, span.last_seq);
        let entries = entries_of_delivery(&lines)?;
        let kind = TransactionKind::Delivery;
        let (span, note) = (Some(span), String::new());
        Self::check(Draft { kind, reference, day, made_at, span, note, entries, lines, draws })
    }
}

/// The entries that delivery lines make, ordered by account, none of them zero.
fn entries_of_delivery(lines: &[DeliveryLine]) -> Result<Vec<Entry>, Unbalanced> {
    let mut sums = BTreeMap::<Account, i128>::new();
    for line in lines {
        let (amount, earned) = (i128::from(line.amount.0), i128::from(line.earned.0));
        *sums.entry(line.payer).or_default() += amount;
        *sums.entry(Account::payable(line.media)).or_default() -= earned;
        *sums.entry(Account::single(AccountKind::ExchangeRevenue)).or_default() -= amount - earned;
    }
    entries_of(sums)
}

/// Sums by account as entries, ordered by account, none of them zero.
fn entries_of(sums: BTreeMap<Account, i128>) -> Result<Vec<Entry>, Unbalanced> {
    let entry = |(account, sum): (Account, i128)| {
        let amount = i64::try_from(sum).map(MicroYuan).map_err(|_| Unbalanced::TooLarge(account))?;
        Ok(Entry { account, amount })
    };
    sums.into_iter().filter(|(_, sum)| *sum != 0).map(entry).collect()
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
            payer: Account::by_method(method, BuyerId(3)),
            count: 1,
            quantity: Some(1_000),
            amount: MicroYuan(amount),
            earned: MicroYuan(earned),
        };
        let span = Span { first_seq: 1, last_seq: 2, rows: Some(2), digest: [0; 32] };
        let lines = vec![line(Method::Pd, 35_000, 29_750), line(Method::Pdb, 60_000, 51_000)];
        let made = Transaction::delivery(ShanghaiDay(1), span, lines, vec![], UnixMillis(0)).unwrap();
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
