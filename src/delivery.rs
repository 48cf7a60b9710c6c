//! Guaranteed volumes: who is behind its plan, and what became of every opportunity (R-MAKEGOOD).

pub mod attribution;
pub mod pacing;
