//! Landing pages (R-LANDING-FROZEN, R-LANDING-MATCH): what a page says and does, a fingerprint of it that survives what varies by itself, and
//! what changed against it.
//!
//! Two things vary without anybody changing the page: what varies by rule (`mask`: times, today's date, counters, tokens, sessions), and what two
//! or more fetches at approval time had different ([`Fingerprint::learn`]). Everything else is a change.

mod code;
mod compare;
mod extract;
mod fingerprint;
mod mask;
pub mod matching;
mod simhash;
pub(super) mod visible;

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};
use url::Url;

use super::finding::{Finding, Weight};
use super::html::{Document, Limits};
use crate::clock::ShanghaiDay;

pub use code::Script;
pub use compare::{Change, ChangeKind, Comparison, MOST_CHANGES, Standing};
pub use fingerprint::{Fingerprint, LearnError, MOST_FETCHES};
pub use simhash::SimHash;

/// The most lines of text, links, … each, of a page that is watched.
pub const MOST_PARTS: usize = 5_000;

/// Where a page was fetched and when.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// Its own URL, after redirects.
    pub url: &'a str,
    /// The charset that its `Content-Type` names.
    pub charset: Option<&'a str>,
    /// The day, in Shanghai: that day's date on the page is not the page's own text.
    pub day: Option<ShanghaiDay>,
}

/// Something of a page, and the marked-off place that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, as it is compared.
    pub is: String,
    /// The place for rotated ads that it stands in, by its row in [`Page::places`].
    pub place: Option<usize>,
}

/// A page as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its URL, without what varies.
    pub url: String,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// Lines of visible text, in order; with the title, the texts of images and of fields.
    pub text: Vec<Part>,
    /// Lines of text that is there and not shown.
    pub hidden: Vec<Part>,
    /// Where links lead.
    pub links: Vec<Part>,
    /// Images, videos and sounds.
    pub media: Vec<Part>,
    /// Frames and embedded objects.
    pub frames: Vec<Part>,
    /// Style sheets by URL, and styles by digest.
    pub styles: Vec<Part>,
    /// Forms: where they send what.
    pub forms: Vec<String>,
    /// What is downloaded, and apps that are opened.
    pub downloads: Vec<String>,
    /// Redirects by the page itself, and its base.
    pub redirects: Vec<String>,
    /// Scripts by URL.
    pub scripts: Vec<String>,
    /// Scripts in the page itself.
    pub code: Vec<Script>,
    /// Marked-off places for rotated ads, and how many characters they show.
    pub places: Vec<(String, usize)>,
}

impl Page {
    /// Reads a page of which only the URL is known.
    ///
    /// # Errors
    /// See [`Page::of`].
    pub fn read(url: &str, bytes: &[u8]) -> Result<Self, Box<Finding>> {
        Self::of(&Fetched { url, charset: None, day: None }, bytes)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// A refusal under R-LANDING-FROZEN: its URL is none, it is larger than [`Limits`] or has more than [`MOST_PARTS`] of one kind of parts.
    pub fn of(fetched: &Fetched<'_>, bytes: &[u8]) -> Result<Self, Box<Finding>> {
        let refuse = |code, found: &str, en: String, zh: String| {
            let place = format!("page {}", fetched.url);
            Box::new(Finding::new("R-LANDING-FROZEN", code, Weight::Refuse, (place, found), (en, zh)))
        };
        let url = Url::parse(fetched.url).map_err(|why| {
            refuse(
                "page-url",
                fetched.url,
                format!("the landing page has no readable URL: {why}"),
                "落地页网址无法识别".to_owned(),
            )
        })?;
        let document = Document::of_bytes(bytes, fetched.charset, &Limits::default()).map_err(|excess| {
            let (bound, limit) = (excess.bound, excess.limit);
            let en =
                format!("the landing page cannot be watched: it has more than {limit} {bound}, at {}", excess.position);
            let zh = format!("落地页超出可监测范围：{}处超过上限 {limit}（{bound}）", excess.position);
            refuse("page-limits", "", en, zh)
        })?;
        let mut page = extract::read(&document, &url, fetched.day);
        page.digest = Sha256::digest(bytes).into();
        let counts = [&page.text, &page.hidden, &page.links, &page.media, &page.frames, &page.styles].map(Vec::len);
        let more = [page.forms.len(), page.downloads.len(), page.redirects.len(), page.scripts.len(), page.code.len()];
        if let Some(many) = counts.into_iter().chain(more).find(|count| *count > MOST_PARTS) {
            let en = format!("the landing page cannot be watched: {many} parts of one kind are more than {MOST_PARTS}");
            let zh = format!("落地页超出可监测范围：同类内容 {many} 项，超过上限 {MOST_PARTS}");
            return Err(refuse("page-limits", "", en, zh));
        }
        Ok(page)
    }

    /// All its visible text, a line a row: for the words ([`super::words`]) and for the reviewer.
    #[must_use]
    pub fn visible_text(&self) -> String {
        self.text.iter().map(|line| line.is.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// A hash of its visible text that is near for texts that are near: for what is served to different user agents.
    #[must_use]
    pub fn simhash(&self) -> SimHash {
        SimHash::of(self.text.iter().map(|line| line.is.as_str()))
    }
}
