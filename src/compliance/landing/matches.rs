//! How well a page says what the creatives state that lead to it (R-LANDING-MATCH), as the reviewer sees it.

use serde::{Deserialize, Serialize};

use super::Use;
use crate::compliance::creative::Offer;
use crate::compliance::finding::Finding;
use crate::compliance::page::Page;
use crate::compliance::page::matching::{Match, Reason, compare};

/// What a creative states that leads to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its id on the wire.
    pub crid: String,
    /// Its version.
    pub version: u32,
    /// What it says of its offer.
    pub offer: Offer,
    /// The id of the app that it leads to.
    pub app: Option<String>,
}

/// How well a page says what one creative states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matched {
    /// The creative's id on the wire.
    pub crid: String,
    /// Its version.
    pub version: u32,
    /// With what it was compared: the SHA-256 of the page's bytes, in hexadecimal.
    pub sha256: String,
    /// 0 to 100; 0 where the creative states nothing.
    pub score: u8,
    /// Each thing that the creative states, and how far the page says it.
    pub reasons: Vec<Reason>,
}

impl Matched {
    pub(super) fn of(offered: &Offered, page: &Page, sha256: &str) -> Self {
        let Match { score, reasons } = compare(&offered.offer, page, offered.app.as_deref());
        Self { crid: offered.crid.clone(), version: offered.version, sha256: sha256.to_owned(), score, reasons }
    }

    /// What the reviewer is told of it: a note where the page matches, else a question to a person.
    #[must_use]
    pub fn finding(&self, url: &str) -> Finding {
        Match { score: self.score, reasons: self.reasons.clone() }.finding(url)
    }

    pub(super) fn is_of(&self, it: &Use) -> bool {
        self.crid == it.crid && self.version == it.version
    }
}
