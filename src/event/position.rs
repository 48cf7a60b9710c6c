//! What is in a pot, and how much of it is unspendable now (architecture, invariant 8).

use std::collections::BTreeMap;

use super::{Pot, Source};
use crate::ids::BuyerId;
use crate::money::MicroYuan;

/// The money of one pot, in micro-yuan (architecture, invariant 8). `funded − settled − held` is never below zero, except on credit that
/// was cut: then nothing of it can be leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which.
    pub pot: Pot,
    /// What draws on it.
    pub source: Source,
    /// Whose.
    pub buyer: BuyerId,
    /// Paid in, less what was moved to other pots; of credit: the limit, less what is owed other than by delivery.
    pub funded: MicroYuan,
    /// Posted by closed leases.
    pub settled: MicroYuan,
    /// Held by leases that may be awarded from now.
    pub open: MicroYuan,
    /// Held by leases that wait for their last tokens.
    pub holding: MicroYuan,
}

impl Position {
    /// Its figures.
    #[must_use]
    pub const fn sums(&self) -> Sums {
        Sums { funded: self.funded, settled: self.settled, open: self.open, holding: self.holding }
    }

    /// What cannot be leased now.
    #[must_use]
    pub fn held(&self) -> MicroYuan {
        self.sums().held()
    }

    /// What can be leased now.
    #[must_use]
    pub fn available(&self) -> MicroYuan {
        self.sums().available()
    }
}

/// Figures of one or several pots, in micro-yuan; see [`Position`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// See [`Position::funded`].
    pub funded: MicroYuan,
    /// See [`Position::settled`].
    pub settled: MicroYuan,
    /// See [`Position::open`].
    pub open: MicroYuan,
    /// See [`Position::holding`].
    pub holding: MicroYuan,
}

impl Sums {
    /// What cannot be leased now.
    #[must_use]
    pub fn held(&self) -> MicroYuan {
        self.open + self.holding
    }

    /// What can be leased now.
    #[must_use]
    pub fn available(&self) -> MicroYuan {
        (self.funded - self.settled - self.held()).max(MicroYuan::ZERO)
    }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.funded += other.funded;
        self.settled += other.settled;
        self.open += other.open;
        self.holding += other.holding;
    }
}

/// The figures of all pots that one source draws on.
#[must_use]
pub fn sums_by_source(positions: &[Position]) -> BTreeMap<Source, Sums> {
    let mut sums = BTreeMap::<Source, Sums>::new();
    for position in positions {
        *sums.entry(position.source).or_default() += position.sums();
    }
    sums
}
