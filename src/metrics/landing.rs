//! What is counted of landing pages.

use std::sync::atomic::AtomicU64;

use super::{Counter, Reasons};

/// How a kind of browser saw a page, in the order of `Landing::looks`.
const LOOKS: [&str; 4] = ["same", "other", "none", "later"];
/// How a creative's file was found, in the order of `Landing::files`.
const FILES: [&str; 4] = ["measured", "refused", "none", "later"];
/// How a page came to stand, in the order of `Landing::verdicts`.
const VERDICTS: [&str; 4] = ["changed", "cloaked", "infected", "unreachable"];

/// Counts of the crawler.
#[derive(Debug)]
pub struct Landing {
    /// Looks, by what was seen.
    pub looks: Reasons,
    /// Verdicts, by what they were.
    pub verdicts: Reasons,
    /// Looks at pages that could not be scanned for malware.
    pub unscanned: Counter,
    /// Looks at files that creatives' markup names, by what was seen.
    pub files: Reasons,
    /// Creatives that were suspended because a file is not the one that was reviewed.
    pub files_changed: Counter,
    /// By how much the page that waits longest is overdue, seconds; 0 where this process does not look at pages.
    pub overdue_seconds: AtomicU64,
    /// Pages of which the guard lets no verdict be taken; 0 where this process does not look at pages.
    pub held: AtomicU64,
}

impl Default for Landing {
    fn default() -> Self {
        Self {
            looks: Reasons::new(LOOKS),
            verdicts: Reasons::new(VERDICTS),
            unscanned: Counter::default(),
            files: Reasons::new(FILES),
            files_changed: Counter::default(),
            overdue_seconds: AtomicU64::new(0),
            held: AtomicU64::new(0),
        }
    }
}

impl Landing {
    /// One more look that saw that, by its name.
    pub fn look(&self, seen: &str) {
        LOOKS.iter().position(|it| *it == seen).into_iter().for_each(|place| self.looks.one(place));
    }

    /// One more look at a creative's file, by what was seen.
    pub fn file(&self, seen: &str) {
        FILES.iter().position(|it| *it == seen).into_iter().for_each(|place| self.files.one(place));
    }

    /// One more verdict, by its name; others are not counted.
    pub fn verdict(&self, verdict: &str) {
        VERDICTS.iter().position(|it| *it == verdict).into_iter().for_each(|place| self.verdicts.one(place));
    }
}
