//! What happened, in money: the journal becomes the ledger (architecture §1), and later months, statements and payouts.

pub mod calendar;
pub mod day;
pub mod ledger;
pub mod office;
pub mod seal;
pub mod statement;

#[cfg(test)]
pub(crate) mod suite;
