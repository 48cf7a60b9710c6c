//! Where buyers' money comes from, and in which state it is (R-BALANCE, R-COMMIT, R-MAKEGOOD).

use super::{Account, AccountKind};
use crate::clock::ShanghaiDay;
use crate::ids::{AdvertiserId, BuyerId, DealId};

/// A grant: the place of the fact that gave it, which is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub u32);

/// What pays for delivery. Grants come first, the earliest expiry first; then cash; then credit (R-BALANCE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fund {
    /// A grant: never withdrawn, transferred or invoiced.
    Grant(GrantId),
    /// The cash of a client's own account.
    Client(AdvertiserId),
    /// The buyer's cash.
    Cash(BuyerId),
    /// What a credit buyer may owe (R-CREDIT).
    Credit(BuyerId),
}

/// A fund in one of its states: what a lease takes from, in whole micro-yuan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pot {
    /// Spendable by preferred deals, and by commitments to come.
    Free(Fund),
    /// Set aside for one day of a guaranteed deal (R-COMMIT).
    Committed(DealId, ShanghaiDay, Fund),
    /// Kept for what the exchange failed to offer, to be made good on that day (R-MAKEGOOD).
    MakeGood(DealId, ShanghaiDay, Fund),
}

impl Pot {
    /// Its fund.
    #[must_use]
    pub const fn fund(self) -> Fund {
        match self {
            Self::Free(fund) | Self::Committed(_, _, fund) | Self::MakeGood(_, _, fund) => fund,
        }
    }

    /// The ledger account that an impression paid from it debits.
    #[must_use]
    pub const fn account(self, buyer: BuyerId) -> Account {
        let (kind, owner) = match self {
            Self::Free(Fund::Grant(grant)) => (AccountKind::Grant, grant.0),
            Self::Free(Fund::Client(client)) => (AccountKind::ClientCash, client.0),
            Self::Free(Fund::Cash(buyer)) => (AccountKind::BuyerCash, buyer.0),
            Self::Free(Fund::Credit(buyer)) => (AccountKind::BuyerReceivable, buyer.0),
            Self::Committed(_, _, Fund::Grant(grant)) => (AccountKind::GrantCommitted, grant.0),
            Self::Committed(..) => (AccountKind::BuyerCommitted, buyer.0),
            Self::MakeGood(_, _, Fund::Grant(grant)) => (AccountKind::GrantMakeGood, grant.0),
            Self::MakeGood(..) => (AccountKind::BuyerMakeGood, buyer.0),
        };
        Account { kind, owner }
    }
}
