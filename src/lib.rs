//! pmpx, a private-marketplace ad exchange: media send OpenRTB requests, approved DSPs bid on deals, every fen is accounted for.
//!
//! The modules stand here in reading order, from the ground up; each may use those above it in this list, never one below, and
//! siblings never use each other (`ARCHITECTURE.md`; a test walks the imports).
//!
//! | invariant | kept by |
//! |---|---|
//! | one immutable market per request | [`market`], [`exchange`] |
//! | a skipped check does not compile | [`auction`] |
//! | no balance goes below zero through delivery | [`billing::budget`], [`store`] |
//! | a charge resolves exactly once, and what is acknowledged is durable | [`billing::beacon`], [`store`] |
//! | every opportunity of a deal ends under a named cause | [`event::Cause`], [`delivery::attribution`] |
//! | debits equal credits, and the ledger equals the journal | [`settlement::ledger`] |
//! | time, chance and keys come from one place | [`clock`] |

// Ground: units, ids, time.
pub mod clock;
pub mod ids;
pub mod money;

// What crosses the planes, and what the outside counts.
pub mod event;
pub mod metrics;

// The snapshot that the hot plane decides from.
pub mod market;

// What goes into an ad's markup.
pub mod markup;

// The rooms of the hot plane.
pub mod auction;
pub mod bidding;
pub mod billing;
pub mod delivery;

// What happened, durably.
pub mod store;

// The hot plane composed; what may run; what happened, in money.
pub mod compliance;
pub mod exchange;
pub mod settlement;

// The doors: media's, and operators'.
pub mod control;
pub mod http;

// All of it, running.
pub mod node;
