//! One page that shows what the exchange does, drawn here; its script puts the parts that `/events` sends in their places.
//!
//! Everything is in the binary; the page loads nothing from elsewhere, and its policy would not let it.

mod draw;
mod figures;
mod history;

pub(in crate::control) use draw::{page, parts};
pub(in crate::control) use figures::Figures;
pub(in crate::control) use history::History;

/// The page's style.
pub const STYLE: &str = include_str!("dashboard/style.css");
/// The page's script.
pub const SCRIPT: &str = include_str!("dashboard/script.js");
