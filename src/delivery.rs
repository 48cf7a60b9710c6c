//! Volumes: who is behind its plan, what became of every opportunity (R-MAKEGOOD), how often a user has seen a deal.

pub mod attribution;
pub mod frequency;
pub mod make_good;
pub mod pacing;
