//! The decision, as pure functions: no I/O, no clock, no metrics. Each stage's output is the next one's input, with private
//! constructors, so that a skipped check does not compile (architecture, invariant 2).
//!
//! ```text
//! admission → matching → eligibility → offer (what each DSP is sent) … answers … → bid_check → clearing (with its awards)
//! ```

pub mod admission;
pub mod bid_check;
pub mod clearing;
pub mod eligibility;
mod fit;
pub mod matching;
mod native;
pub mod offer;
pub mod outcome;
pub mod pod;
mod reason;
pub mod unreviewed;

pub use reason::{BidRejection, Loss, NoBid};
