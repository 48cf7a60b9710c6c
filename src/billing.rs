//! The life of one charge: reserved under a lease, carried in an encrypted token, posted or made void at its beacon
//! (architecture, invariants 6 to 8).

pub mod beacon;
pub mod budget;
pub mod notice;
pub mod token;
