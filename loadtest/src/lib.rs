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
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc};
//! # use loadtest::{catalog::{Catalog, Secrets}, delays::Delays, dsp::{Script, ScriptedDsp, Temper}};
//! # use loadtest::{openloop::{Plan, run_blocking}, traffic::Traffic};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalog = Arc::new(Catalog::from_config(Path::new("config"), &Secrets::demo())?);
//! let delays = Arc::new(Delays::default());
//! let script = Script::weighted([(95, Temper::Bid), (5, Temper::Pass)]).with_notices();
//! let dsps = ScriptedDsp::start_all(&catalog, &script, true, Some(&delays))?; // true = the config's ports
//! let traffic = Traffic::from_sample(&catalog, 1)?;
//! let mut plan = Plan::new("http://127.0.0.1:8080/openrtb2/auction", 500.0, traffic, Arc::clone(&catalog));
//! plan.delays = Some(delays);
//! let stop = Arc::clone(&plan.stop); // store(true) ends the run early
//! let load = std::thread::spawn(move || run_blocking(plan, |now| drop(now.latency_us.p99)));
//! let outcome = load.join().map_err(|_| "the load's thread ended")??;
//! assert_eq!(outcome.errors, 0);
//! assert!(dsps[0].stats().requests > 0);
//! # drop(stop);
//! # Ok(())
//! # }
//! ```

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
