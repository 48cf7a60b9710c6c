//! What people see of a review: pages on the control plane's listener, and what was uploaded on a listener of its own, the stage.
//!
//! Nothing that a partner wrote is served from the control plane's origin: a page there shows it in a frame from the stage, whose policy gives it
//! no origin, no script, no form, no window but its own.

pub(in crate::control) mod page;
mod parts;
pub mod stage;

pub use stage::Stage;

/// The pages' script.
pub(in crate::control) const SCRIPT: &str = include_str!("review/script.js");
/// The pages' style, beside the dashboard's.
pub(in crate::control) const STYLE: &str = include_str!("review/style.css");
