#![doc = include_str!("lib.md")]

// Bottom of the house: units, ids, time. Nothing below them is ours but `openrtb`.
pub mod clock;
pub mod ids;
pub mod money;

// What crosses the planes, and what the outside counts.
pub mod event;
pub mod metrics;

// The snapshot that the hot plane decides from.
pub mod market;

// The hot plane.
pub mod auction;
pub mod bidding;
pub mod billing;
pub mod delivery;
pub mod exchange;

// The cold plane: terms in, the next market out.
pub mod control;
