//! The fan-out: asks each invited DSP over HTTP and hands in the answers as they come, until the deadline
//! (`docs/decisions/0018-fan-out.md`).
//!
//! [`Bidders`] is one core's door: it refuses what may not be sent ([`Unasked`]), and each question that is sent ends in one
//! [`Answer`]. Behind it stand the connections to one endpoint (`pool`), the way to a new one (`dial`), what is read of an answer
//! (`answer`), and compression (`gzip`). [`Breakers`] and [`Throttles`] are a node's, and outlive reloads. [`Notices`] and [`Notifier`] tell
//! DSPs what became of their bids.

mod answer;
mod breaker;
mod client;
mod dial;
mod gzip;
mod inbox;
mod notify;
mod pool;
mod throttle;

pub use answer::Silence;
pub use breaker::{BreakerState, Breakers, Ticket, Verdict};
pub use client::{Answer, Ask, Bidders, Health, Unasked};
pub use inbox::Inbox;
pub use notify::{BidNotice, CurrentMarket, Notices, Notifier, Setup, StartError, Tidings, Times};
pub use throttle::Throttles;
