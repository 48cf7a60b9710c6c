//! The rules of prepaid money, without a database: what a purse can lease, what a lease takes, what comes back
//! (architecture, invariant 8; R-PREPAY, R-COMMIT).

use crate::event::{
    Account, AccountKind, BookError, LeaseRecord, LeaseRequest, LeaseState, Method, Posting, Resolution, Source,
    StoreUnavailable, Transaction, TransactionKind,
};
use crate::ids::BuyerId;
use crate::money::MicroYuan;

/// The money of one source. `funded − settled − held` is never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) buyer: BuyerId,
    /// Paid in, less what moved to commitments.
    pub(super) funded: MicroYuan,
    /// Posted by closed leases.
    pub(super) settled: MicroYuan,
    /// The bounds of leases that are not closed.
    pub(super) held: MicroYuan,
}

impl Purse {
    pub(super) const fn empty(buyer: BuyerId) -> Self {
        Self { buyer, funded: MicroYuan::ZERO, settled: MicroYuan::ZERO, held: MicroYuan::ZERO }
    }

    pub(super) fn available(&self) -> MicroYuan {
        self.funded - self.settled - self.held
    }

    /// Takes what a lease may have: at most what is wanted, at most what is there.
    pub(super) fn lease(&mut self, want: MicroYuan) -> Option<MicroYuan> {
        let amount = want.min(self.available());
        if !amount.is_positive() {
            return None;
        }
        self.held += amount;
        Some(amount)
    }

    /// Adds a payment, or takes what was moved elsewhere (negative).
    pub(super) fn fund(&mut self, change: MicroYuan) -> Result<(), BookError> {
        if change.0 < 0 && self.available().0.saturating_add(change.0) < 0 {
            return Err(BookError::Insufficient { buyer: self.buyer, available: self.available(), asked: -change });
        }
        let funded = self.funded.checked_add(change).filter(|funded| *funded <= MicroYuan::LIMIT);
        self.funded = funded.ok_or(crate::event::Unbalanced::TooLarge(Account::cash(self.buyer)))?;
        Ok(())
    }
}

/// A grant that makes no sense whatever the balance: the caller's mistake, said in words.
pub(super) fn check_request(request: &LeaseRequest, purse: &Purse) -> Result<(), StoreUnavailable> {
    let refuse = |why: &str| Err(StoreUnavailable(format!("a lease on {:?} is refused: {why}", request.source)));
    if request.buyer != purse.buyer {
        return refuse("the money is another buyer's");
    }
    if request.closes_at < request.window_ends {
        return refuse("it would close before its window ends");
    }
    Ok(())
}

/// Whether a lease may take a posting: not closed, of the same money, and within its bound.
pub(super) fn takes(lease: &LeaseRecord, posting: &Posting) -> Result<(), NotTaken> {
    let charge = &posting.charge;
    let same_money = match lease.source {
        Source::Balance(buyer) => charge.method == Method::Pd && buyer == charge.buyer,
        Source::Commitment(deal, _) => {
            charge.method.is_guaranteed() && deal == charge.deal && lease.buyer == charge.buyer
        }
    };
    if lease.state == LeaseState::Closed || !same_money {
        return Err(NotTaken::Closed);
    }
    match posting.resolution {
        Resolution::Posted if lease.posted.0.saturating_add(charge.amount().0) > lease.bound().0 => {
            Err(NotTaken::Beyond)
        }
        Resolution::Posted | Resolution::Voided(_) => Ok(()),
    }
}

/// Why a lease does not take a posting. Both are answered like a closed lease; the second should never happen and is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Closed,
    Beyond,
}

/// Counts a posting against its lease. A void counts nothing.
pub(super) fn count(lease: &mut LeaseRecord, posting: &Posting) {
    if posting.resolution == Resolution::Posted {
        lease.posted += posting.charge.amount();
        lease.posted_count += 1;
    }
}

/// Ends the awarding under an open lease; what was not awarded is free again at once. `false` when it had ended before.
/// `awarded` is kept between what was posted and what was granted: a wrong figure can neither free spent money nor hold more.
pub(super) fn retire(lease: &mut LeaseRecord, purse: &mut Purse, awarded: MicroYuan) -> bool {
    if lease.state != LeaseState::Open {
        return false;
    }
    let awarded = MicroYuan(awarded.0.clamp(lease.posted.0, lease.amount.0));
    purse.held -= lease.amount - awarded;
    lease.awarded = Some(awarded);
    lease.state = LeaseState::Retired;
    true
}

/// Ends a lease whose tokens are dead: what was posted is settled, the rest is free again.
pub(super) fn close(lease: &mut LeaseRecord, purse: &mut Purse) {
    purse.held -= lease.bound();
    purse.settled += lease.posted;
    lease.state = LeaseState::Closed;
}

/// Refuses what a caller may not book directly: money set aside moves only together with its deal and day, which entries
/// do not have (R-COMMIT).
pub(super) fn check_bookable(transaction: &Transaction) -> Result<(), BookError> {
    let contents = transaction.contents();
    let sets_aside = |entry: &&crate::event::Entry| entry.account.kind == AccountKind::BuyerCommitted;
    match contents.entries.iter().find(sets_aside) {
        Some(entry) if contents.kind != TransactionKind::Delivery => {
            Err(BookError::MovesCommitment(BuyerId(entry.account.owner)))
        }
        _ => Ok(()),
    }
}

/// What a transaction changes in buyers' purses besides its entries: cash that does not move by delivery (delivery is
/// counted by lease). Credit is money paid in.
pub(super) fn cash_moves(transaction: &Transaction) -> Vec<(BuyerId, MicroYuan)> {
    let contents = transaction.contents();
    let delivered = contents.kind == TransactionKind::Delivery;
    let cash = contents.entries.iter().filter(|entry| !delivered && entry.account.kind == AccountKind::BuyerCash);
    cash.map(|entry| (BuyerId(entry.account.owner), -entry.amount)).collect()
}

/// Whether two transactions book the same; when, and for which day of booking, does not matter.
pub(super) fn same_booking(one: &crate::event::Draft, other: &crate::event::Draft) -> bool {
    one.entries == other.entries && one.lines == other.lines && one.span == other.span
}
