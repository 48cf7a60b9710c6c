//! Where buyers' money comes from, and in which state it is (R-BALANCE, R-COMMIT, R-MAKEGOOD).

use super::{Account, AccountKind, Source};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{AdvertiserId, BuyerId, DealId};
use crate::money::{CpmMicroYuan, MicroYuan};

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

impl Fund {
    /// The ledger account of what is free of it.
    #[must_use]
    pub const fn account(self) -> Account {
        let (kind, owner) = match self {
            Self::Grant(grant) => (AccountKind::Grant, grant.0),
            Self::Client(client) => (AccountKind::ClientCash, client.0),
            Self::Cash(buyer) => (AccountKind::BuyerCash, buyer.0),
            Self::Credit(buyer) => (AccountKind::BuyerReceivable, buyer.0),
        };
        Account { kind, owner }
    }

    /// The fund whose free money an account holds.
    #[must_use]
    pub const fn of_account(account: Account) -> Option<Self> {
        match account.kind {
            AccountKind::Grant => Some(Self::Grant(GrantId(account.owner))),
            AccountKind::ClientCash => Some(Self::Client(AdvertiserId(account.owner))),
            AccountKind::BuyerCash => Some(Self::Cash(BuyerId(account.owner))),
            AccountKind::BuyerReceivable => Some(Self::Credit(BuyerId(account.owner))),
            _ => None,
        }
    }
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
            Self::Free(fund) => return fund.account(),
            Self::Committed(_, _, Fund::Grant(grant)) => (AccountKind::GrantCommitted, grant.0),
            Self::Committed(..) => (AccountKind::BuyerCommitted, buyer.0),
            Self::MakeGood(_, _, Fund::Grant(grant)) => (AccountKind::GrantMakeGood, grant.0),
            Self::MakeGood(..) => (AccountKind::BuyerMakeGood, buyer.0),
        };
        Account { kind, owner }
    }
}

/// A part of a lease: what it may take from one pot. A lease's parts are in order: what is posted under it is taken from the first
/// on, what comes back is the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasePart {
    /// From which pot.
    pub pot: Pot,
    /// At most how much, micro-yuan; above zero.
    pub amount: MicroYuan,
}

impl LeasePart {
    /// How much of each part the first `amount` of a lease takes, in order; parts that nothing is taken from are left out.
    pub fn first(parts: &[Self], amount: MicroYuan) -> impl Iterator<Item = Self> {
        Self::between(parts, MicroYuan::ZERO, amount)
    }

    /// How much of each part lies between two amounts of a lease, in order; parts of which nothing does are left out.
    pub fn between(parts: &[Self], from: MicroYuan, to: MicroYuan) -> impl Iterator<Item = Self> {
        let mut start = MicroYuan::ZERO;
        parts.iter().filter_map(move |part| {
            let (low, high) = (start, start + part.amount);
            start = high;
            let amount = to.min(high) - from.max(low);
            amount.is_positive().then_some(Self { pot: part.pot, amount })
        })
    }
}

/// The terms of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// Which.
    pub grant: GrantId,
    /// To whom.
    pub buyer: BuyerId,
    /// To which client's own account; `None` for the buyer's.
    pub client: Option<AdvertiserId>,
    /// The last day on which it may be used.
    pub last_day: ShanghaiDay,
}

impl GrantTerms {
    /// Whether it may be spent until a moment.
    #[must_use]
    pub fn lasts_until(&self, moment: UnixMillis) -> bool {
        moment <= self.last_day.next().starts_at()
    }

    /// What draws on it.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self.client {
            Some(client) => Source::Client(client),
            None => Source::Balance(self.buyer),
        }
    }
}

/// What a buyer and its clients may do with their accounts (R-RESTRICT). The default is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Cash and credit may not be spent.
    pub cash_frozen: bool,
    /// Grants may not be spent; so it is under every measure (R-BALANCE).
    pub grants_frozen: bool,
    /// No client gets an account.
    pub no_new_accounts: bool,
    /// Nothing may be leased.
    pub no_leases: bool,
    /// Closed for good: nothing may be leased, nothing comes in.
    pub closed: bool,
}

impl Standing {
    const BITS: [u8; 5] = [1, 2, 4, 8, 16];

    /// The stored code: one bit for each measure.
    #[must_use]
    pub fn code(self) -> u8 {
        let set = [self.cash_frozen, self.grants_frozen, self.no_new_accounts, self.no_leases, self.closed];
        set.iter().zip(Self::BITS).filter(|(set, _)| **set).map(|(_, bit)| bit).sum()
    }

    /// The standing with that code.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        let [cash_frozen, grants_frozen, no_new_accounts, no_leases, closed] = Self::BITS.map(|bit| code & bit != 0);
        Self { cash_frozen, grants_frozen, no_new_accounts, no_leases, closed }
    }

    /// Whether anything is restricted.
    #[must_use]
    pub fn is_restricted(self) -> bool {
        self != Self::default()
    }

    /// Whether a fund may be leased from or committed.
    #[must_use]
    pub fn allows(self, fund: Fund) -> bool {
        let frozen = match fund {
            Fund::Grant(_) => self.is_restricted(),
            Fund::Client(_) | Fund::Cash(_) | Fund::Credit(_) => self.cash_frozen,
        };
        !(frozen || self.no_leases || self.closed)
    }
}

/// What a fact changes of accounts besides the money that its transactions move; applied before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// A grant is given on these terms; its money comes by a transaction.
    Grant(GrantTerms),
    /// A client gets an account of its own under a buyer.
    OpenClient(AdvertiserId, BuyerId),
    /// What a buyer and its clients may do from now on.
    Standing(BuyerId, Standing),
    /// How much a buyer may owe from now on, micro-yuan; 0 for nothing (R-CREDIT).
    CreditLimit(BuyerId, MicroYuan),
    /// A buyer's accounts are closed for good: refused while leases or commitments hold money of it, or a client has cash; what is
    /// left of its grants is void (R-BALANCE).
    Close(BuyerId),
}

/// One day of a guaranteed deal on the terms by which it is settled, whatever the config says later (R-COMMIT, R-MAKEGOOD).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTerms {
    /// Ordered impressions.
    pub ordered: u64,
    /// The agreed price.
    pub price: CpmMicroYuan,
    /// The push ratio: numerator and denominator, both above zero (R-PUSH).
    pub push: (u32, u32),
    /// What the day's volume costs, micro-yuan.
    pub amount: MicroYuan,
}

/// A request to set a day's volume aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCommitment {
    /// Of which deal.
    pub deal: DealId,
    /// For which day.
    pub day: ShanghaiDay,
    /// Who pays.
    pub buyer: BuyerId,
    /// From what: the buyer's balance or a client's.
    pub payer: Source,
    /// The day's terms.
    pub terms: DayTerms,
}

/// A day of a guaranteed deal as it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptCommitment {
    /// Of which deal.
    pub deal: DealId,
    /// For which day.
    pub day: ShanghaiDay,
    /// Who pays.
    pub buyer: BuyerId,
    /// What was, or could not be, set aside, micro-yuan.
    pub amount: MicroYuan,
    /// The terms that it was decided by; `None` where a program before them decided.
    pub terms: Option<DayTerms>,
    /// Whether it was set aside.
    pub funded: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_balance_a_leases_parts_are_taken_in_order_and_come_back_from_the_end() {
        let pots = [Fund::Grant(GrantId(7)), Fund::Cash(BuyerId(1)), Fund::Credit(BuyerId(1))].map(Pot::Free);
        let part = |pot, amount| LeasePart { pot, amount: MicroYuan(amount) };
        let parts = [part(pots[0], 10), part(pots[1], 5), part(pots[2], 20)];
        let first = |amount| LeasePart::first(&parts, MicroYuan(amount)).collect::<Vec<_>>();
        assert_eq!(first(0), []);
        assert_eq!(first(10), [part(pots[0], 10)]);
        assert_eq!(first(12), [part(pots[0], 10), part(pots[1], 2)]);
        assert_eq!(first(99), parts);
        let rest: Vec<_> = LeasePart::between(&parts, MicroYuan(12), MicroYuan(16)).collect();
        assert_eq!(rest, [part(pots[1], 3), part(pots[2], 1)]);
    }

    #[test]
    fn r_restrict_codes_read_back_and_every_measure_freezes_grants() {
        for code in 0..32 {
            let standing = Standing::from_code(code);
            assert_eq!(standing.code(), code);
            assert_eq!(standing.allows(Fund::Grant(GrantId(1))), code == 0, "{standing:?}");
            assert_eq!(standing.allows(Fund::Cash(BuyerId(1))), code & 0b11001 == 0, "{standing:?}");
        }
    }
}
