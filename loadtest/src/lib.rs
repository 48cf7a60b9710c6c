//! Open-loop load, scripted DSPs, replayed traffic and a bare fan-out floor for any OpenRTB exchange.
//!
//! ```text
//!            catalog ── what may be bid, by whom, for how much
//!           ╱       ╲
//!    traffic         dsp ── script (tempers, latencies), bid (what a temper answers)
//!       │             ▲
//!   openloop ─► media ─► exchange under test, or floor (asks the same DSPs, does nothing else)
//!       │         └ check (every answer), notices (billing, exactly once)
//!     report ── one JSON object, one HTML page          process ── a server child and its CPU
//! ```
//!
//! - [`catalog`] reads an example config loosely; nothing else here knows a config file.
//! - [`dsp`] answers over real HTTP/1.1, rightly or wrongly, as its [`dsp::Script`] says.
//! - [`traffic`] makes complete `BidRequest`s from replayed slots, on a schedule.
//! - [`openloop`] sends them on that schedule whatever the server does, and [`check`]s what comes back.
//! - [`floor`] is what an exchange would cost if it did nothing but ask.
//!
//! Nothing here shares code with the exchange: its answers are read by another parser and held against the config anew.

pub mod catalog;
pub mod check;
pub mod client;
pub mod delays;
pub mod dsp;
pub mod floor;
pub mod media;
pub mod notices;
pub mod openloop;
pub mod outcome;
pub mod process;
pub mod report;
mod sample;
mod template;
pub mod time;
pub mod traffic;
