//! The control plane: what operators write and ask, turned into the next market (architecture §1).
//!
//! It reads the hot plane's snapshot and counters; it never calls the auction.

pub mod admin;
pub mod config;
pub mod dashboard;
mod partner;
pub mod publish;
mod view;
