//! Malware (R-LANDING-SAFE, R-MALICE): hosts and URLs that are known to be harmful, and clamd. What could not be scanned is not clean: it is
//! not known.

mod clamd;

#[cfg(test)]
mod tests;

pub use clamd::scan;

use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::finding::{Finding, Weight};
use crate::market::policy::landing::Blocklists;

/// The code of what is harmful.
pub(super) const INFECTED: &str = "infected";

/// The most entries of all blocklists together.
pub const MOST_ENTRIES: usize = 1_000_000;

/// What a scan says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Nothing harmful is known of it.
    Clean,
    /// It could not be scanned.
    NotKnown(String),
    /// It is harmful, by that name.
    Infected(String),
}

impl Scan {
    /// What is told of the bytes at a place; nothing where they are clean.
    #[must_use]
    pub fn finding(&self, place: &str) -> Option<Finding> {
        match self {
            Self::Clean => None,
            Self::NotKnown(why) => Some(Finding::new(
                "R-LANDING-SAFE",
                "not-scanned",
                Weight::Note,
                (place, why),
                (
                    "this could not be scanned for malware; it counts as neither clean nor infected",
                    "未能完成恶意软件扫描，既不视为安全，也不视为已感染",
                ),
            )),
            Self::Infected(name) => Some(Finding::new(
                "R-LANDING-SAFE",
                INFECTED,
                Weight::Refuse,
                (place, name),
                (
                    "malware was found; its creatives stay suspended until a person has confirmed that it is safe again",
                    "发现恶意软件；相关创意暂停投放，须经人工确认安全后方可恢复",
                ),
            )),
        }
    }
}

/// Why a line of a blocklist cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unreadable {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Reads blocklists. A line is a host, which stands for everything under it too, or the SHA-256 of a URL in 64 hexadecimal digits; what
/// follows a `#` is a comment. A URL is hashed without its fragment as [`Url`] writes it, or without its query too.
#[derive(Debug, Default)]
pub struct Reader(Blocklists);

impl Reader {
    /// Reads one list.
    ///
    /// # Errors
    /// [`Unreadable`] for the first line that is neither, or more than [`MOST_ENTRIES`] in all.
    pub fn read(&mut self, text: &str) -> Result<(), Unreadable> {
        for (place, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            let wrong = |message: String| Unreadable { line: place + 1, message };
            if self.0.hosts.len() + self.0.urls.len() >= MOST_ENTRIES {
                return Err(wrong(format!("more than {MOST_ENTRIES} entries in all blocklists")));
            }
            if let Some(digest) = digest(entry) {
                self.0.urls.push(digest);
                continue;
            }
            match Host::parse(entry) {
                Ok(host) => self.0.hosts.push(host.to_string()),
                Err(_) => {
                    let shown: String = entry.chars().take(80).collect();
                    return Err(wrong(format!("{shown:?} is neither a host nor the SHA-256 of a URL")));
                }
            }
        }
        Ok(())
    }

    /// All that was read.
    #[must_use]
    pub fn done(self) -> Blocklists {
        let Self(mut lists) = self;
        lists.hosts.sort_unstable();
        lists.hosts.dedup();
        lists.urls.sort_unstable();
        lists.urls.dedup();
        lists
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// By what a URL is on a list, if it is.
#[must_use]
pub fn listed(url: &Url, lists: &Blocklists) -> Option<String> {
    let mut host = url.host_str().unwrap_or_default().trim_end_matches('.');
    while !host.is_empty() {
        if lists.hosts.binary_search_by(|entry| entry.as_str().cmp(host)).is_ok() {
            return Some(format!("host {host}"));
        }
        host = host.split_once('.').map_or("", |(_, parent)| parent);
    }
    let mut url = url.clone();
    url.set_fragment(None);
    let has = |url: &Url| lists.urls.binary_search(&Sha256::digest(url.as_str().as_bytes()).into()).is_ok();
    let whole = has(&url);
    url.set_query(None);
    (whole || has(&url)).then(|| format!("URL {url}"))
}
