//! As what a page is asked: it must show each the same (R-MALICE; a page that does not is cloaked).

use serde::{Deserialize, Serialize};

/// What robots.txt knows the crawler as (RFC 9309 §2.2.1).
pub const ROBOT: &str = "pmpx-landing";

/// As what a page is asked. None of them names the crawler: a page that is shown to crawlers only would not be what users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agent {
    /// A browser on a desk.
    Desktop,
    /// A telephone's browser.
    Mobile,
    /// The view that an app opens links in.
    InApp,
}

impl Agent {
    /// All of them, in the order in which they ask.
    pub const ALL: [Self; 3] = [Self::Mobile, Self::Desktop, Self::InApp];

    /// Its name in records and messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::InApp => "in-app",
        }
    }

    /// Its `User-Agent` (RFC 9110 §10.1.5).
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Desktop => {
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
            }
            Self::Mobile => {
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
            }
            Self::InApp => {
                "Mozilla/5.0 (Linux; Android 10; K; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36"
            }
        }
    }
}
