//! The money of one pot, and what a posting takes of a lease, without a database (architecture, invariant 8; R-PREPAY, R-COMMIT).

use crate::event::{BookError, Fund, LeaseRecord, LeaseState, Method, Posting, Resolution, Source, Unbalanced};
use crate::ids::BuyerId;
use crate::money::MicroYuan;

/// The money of one pot. `funded − settled − held` is never negative, except on credit that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) buyer: BuyerId,
    /// Paid in, less what moved to other pots; of credit: the limit, less what is owed other than by delivery.
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
        (self.funded - self.settled - self.held).max(MicroYuan::ZERO)
    }

    /// Adds what came in, or takes what was moved elsewhere (negative). Credit may be cut below what is used of it (R-CREDIT).
    pub(super) fn fund(&mut self, fund: Fund, change: MicroYuan) -> Result<(), BookError> {
        let is_credit = matches!(fund, Fund::Credit(_));
        if !is_credit && change.0 < 0 && self.available().0.saturating_add(change.0) < 0 {
            return Err(BookError::Insufficient { buyer: self.buyer, available: self.available(), asked: -change });
        }
        let within = |funded: &MicroYuan| funded.0.unsigned_abs() <= MicroYuan::LIMIT.0.unsigned_abs();
        let funded = self.funded.checked_add(change).filter(within);
        self.funded = funded.ok_or(Unbalanced::TooLarge(fund.account()))?;
        Ok(())
    }
}

/// Whether a lease may take a posting: not closed, of the same money, and within its bound.
pub(super) fn takes(lease: &LeaseRecord, posting: &Posting) -> Result<(), NotTaken> {
    let charge = &posting.charge;
    let same_money = match lease.source {
        Source::Balance(buyer) => charge.method == Method::Pd && buyer == charge.buyer,
        Source::Client(client) => {
            charge.method == Method::Pd && client == charge.advertiser && lease.buyer == charge.buyer
        }
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

/// Whether two transactions book the same; when, and for which day of booking, does not matter.
pub(super) fn same_booking(one: &crate::event::Draft, other: &crate::event::Draft) -> bool {
    one.entries == other.entries && one.lines == other.lines && one.span == other.span
}
