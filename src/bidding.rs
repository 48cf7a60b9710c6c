//! The fan-out: asks each invited DSP over HTTP and hands in the answers as they come, until the deadline.

mod address;
mod client;
mod inbox;
mod throttle;

pub use address::is_public;
pub use client::{Answer, Ask, Bidders, Silence};
pub use inbox::Inbox;
pub use throttle::Throttles;
