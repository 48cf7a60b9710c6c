//! What happened, in money: the journal becomes the ledger (architecture §1), and later months, statements and payouts.

pub mod breaches;
pub mod calendar;
pub mod damages;
pub mod day;
pub mod ledger;
pub mod monitor;
pub mod month;
pub mod notice;
pub mod office;
pub mod orders;
pub mod seal;
pub mod statement;

#[cfg(test)]
pub(crate) mod suite;
