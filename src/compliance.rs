//! What may run: advertisers and their documents, creatives and their review, words, landing pages (business rules §3, R-SCOPE, R-CATEGORY).
//!
//! Rooms decide from what they are given and say why, in Chinese and English; what happened is kept in the [`Docket`](crate::event::Docket).
//! Verdicts go into the market, where the hot plane looks them up.

pub mod creative;
pub mod finding;
pub mod html;
pub mod prohibitions;
