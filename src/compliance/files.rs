//! Files that a creative's markup names by URL (R-REVIEW, R-MALICE): fetched as pages are, measured as uploads are, and kept as they were reviewed.
//! While the creative runs they are fetched again: what is shown stays what was approved.
//!
//! What follows is pure (`judge`); `fetch` asks, and `steps` notes what was seen in the docket.

pub(super) mod checks;
mod fetch;
mod judge;
mod steps;

#[cfg(test)]
mod tests;

pub use fetch::{Looker, Seen};
pub use judge::{Differs, findings, wanted};
pub use steps::Noted;
pub(super) use steps::refusing;

use serde::{Deserialize, Serialize};

use super::finding::Finding;

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Whether the docket has its bytes.
    #[serde(default)]
    pub kept: bool,
    /// Its media type, by its bytes; empty where it is none that is measured here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Width and height in pixels; 0 where it has none.
    #[serde(default)]
    pub size: (u32, u32),
    /// How long it is, ms: a film, or an animation once; 0 where it stands still.
    #[serde(default)]
    pub duration_ms: u64,
    /// Of a film: bits of the whole file by its duration, kbit/s.
    #[serde(default)]
    pub bitrate_kbps: u64,
    /// How a picture looks, in 16 hexadecimal digits: see [`media::distance`](super::media::distance).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What is wrong with it, or should be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Measured {
    /// How different two pictures look: 0 to 64 ([`media::distance`](super::media::distance)); `None` where one of them is no picture.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Option<u32> {
        let print = |of: &Self| of.fingerprint.as_deref().and_then(|text| u64::from_str_radix(text, 16).ok());
        Some(super::media::distance(print(self)?, print(other)?))
    }
}

/// A file that could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// How often in a row.
    pub times: u32,
    /// Whether trying again would not help.
    #[serde(default)]
    pub ends: bool,
    /// Why, the last time.
    pub why: Finding,
}

/// What is known of a file that markup names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its URL.
    pub url: String,
    /// When it was last fetched, Unix ms.
    pub at_ms: u64,
    /// As it was when the creative was reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Measured>,
    /// Another file that was there afterwards. Who resumes the creative takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Measured>,
    /// Why it could not be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
}

impl Named {
    /// As it is now, as far as is known.
    #[must_use]
    pub fn present(&self) -> Option<&Measured> {
        self.other.as_ref().or(self.file.as_ref())
    }

    /// What was reviewed is what is there now.
    #[must_use]
    pub fn accepted(mut self) -> Self {
        self.file = self.other.take().or(self.file);
        self.missed = self.missed.filter(|_| self.file.is_none());
        self
    }
}
