//! What sites let robots fetch (RFC 9309): kept for a while, for so many sites, of each so much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use robotstxt::DefaultMatcher;
use tokio::time::Instant;
use url::Url;

use super::agent::ROBOT;

/// What of a file is read (RFC 9309 §2.5: 500 KiB or more).
pub(super) const LARGEST: usize = 512 << 10;
/// The longest line that counts: longer than any path that is asked for.
const LONGEST_LINE: usize = 4_096;
/// How long a file is used (RFC 9309 §2.4: not above a day).
const FRESH: Duration = Duration::from_secs(12 * 3_600);
/// How long nothing is fetched after a file could not be had.
const AGAIN: Duration = Duration::from_secs(600);
/// Sites whose files are kept.
const MOST_SITES: usize = 512;

/// What a site says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Nothing: it has no such file (RFC 9309 §2.3.1.3).
    Free,
    /// Its file cannot be had, so nothing may be fetched (RFC 9309 §2.3.1.4).
    Gone,
    /// Its file.
    File(Arc<str>),
}

impl Rules {
    /// What a file says. Long lines are cut: what reads them counts characters where it means bytes.
    pub(super) fn of(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let cut = |line: &str| -> String {
            let end =
                line.char_indices().map(|(place, it)| place + it.len_utf8()).take_while(|end| *end <= LONGEST_LINE);
            line.get(..end.last().unwrap_or(0)).unwrap_or_default().to_owned()
        };
        let lines: Vec<_> = text.trim_start_matches('\u{feff}').split(['\r', '\n']).map(cut).collect();
        Self::File(lines.join("\n").into())
    }

    /// Whether a URL may be fetched; `None`: not now.
    pub(super) fn allow(&self, url: &Url) -> Option<bool> {
        match self {
            Self::Free => Some(true),
            Self::Gone => None,
            Self::File(text) => Some(DefaultMatcher::default().one_agent_allowed_by_robots(text, ROBOT, url.as_str())),
        }
    }
}

/// What sites said.
#[derive(Debug, Default)]
pub(super) struct Robots(Mutex<HashMap<String, (Rules, Instant)>>);

impl Robots {
    /// What a site said lately.
    pub(super) fn known(&self, site: &str, now: Instant) -> Option<Rules> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(site).filter(|(_, until)| *until > now).map(|(rules, _)| rules.clone())
    }

    /// Keeps what a site says. Where there is no room, what is over goes, then what is over soonest.
    pub(super) fn keep(&self, site: String, rules: Rules, now: Instant) {
        let until = now + if rules == Rules::Gone { AGAIN } else { FRESH };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_SITES {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() >= MOST_SITES
            && let Some(soonest) = known.iter().min_by_key(|(_, (_, until))| *until)
        {
            let soonest = soonest.0.clone();
            known.remove(&soonest);
        }
        known.insert(site, (rules, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(text: &str, path: &str) -> bool {
        let url = Url::parse("https://shop.example").unwrap().join(path).unwrap();
        Rules::of(text.as_bytes()).allow(&url).unwrap()
    }

    #[test]
    fn rules_are_those_of_rfc_9309() {
        let text = "\u{feff}User-agent: *\nDisallow: /\n\nUser-Agent: PMPX-Landing # us\r\nDisallow: /private\rAllow: /private/open$\n";
        assert!(allows(text, "/sale") && !allows(text, "/private/x") && allows(text, "/private/open"));
        assert!(!allows("User-agent: *\nDisallow: /", "/sale"));
        assert!(allows("", "/sale") && allows("<!doctype html><p>no such page", "/sale"));
        let long = format!("User-agent: *\nDisallow: /{}\nDisallow: /b", "牛".repeat(20_000));
        assert!(allows(&long, "/a") && !allows(&long, "/b"), "what stands behind a long line counts");
    }

    proptest! {
        #[test]
        fn nothing_that_a_site_sends_makes_it_fail(text in proptest::collection::vec(any::<u8>(), 0..400), times in 1_usize..200) {
            let long: Vec<u8> = text.iter().copied().cycle().take(text.len() * times).collect();
            let with_rules = [b"user-agent: *\ndisallow: ".as_slice(), &long, b"\nallow: /%E7", &text].concat();
            for bytes in [long, with_rules] {
                let _ = Rules::of(&bytes).allow(&Url::parse("https://shop.example/a?b=%E7%89%9B").unwrap());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_and_ends() {
        let (robots, now) = (Robots::default(), Instant::now());
        robots.keep("first".to_owned(), Rules::Free, now);
        for site in 0..MOST_SITES {
            robots.keep(site.to_string(), Rules::Free, now + Duration::from_secs(1));
        }
        assert_eq!(robots.0.lock().unwrap().len(), MOST_SITES);
        assert_eq!(robots.known("first", now), None);
        assert_eq!(robots.known("7", now + FRESH), Some(Rules::Free));
        assert_eq!(robots.known("7", now + FRESH + Duration::from_secs(1)), None);
        robots.keep("gone".to_owned(), Rules::Gone, now);
        assert_eq!(robots.known("gone", now + AGAIN), None, "asked again sooner");
        assert_eq!(Rules::Gone.allow(&Url::parse("https://shop.example/").unwrap()), None);
    }
}
