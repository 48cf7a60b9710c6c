//! How landing pages are fetched, how often, and what they are held to (R-LANDING-FROZEN, R-LANDING-SAFE): `landing.toml`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::super::network::AddressRange;
use super::super::supply::Size;

/// All of `landing.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LandingTerms {
    /// Whether a running node looks at landing pages: it asks hosts on the internet for them.
    pub crawl: bool,
    /// What one fetch may take.
    pub limits: Limits,
    /// What all fetches together may take.
    pub rates: Rates,
    /// Where may be connected to.
    pub reach: Reach,
    /// When a page is fetched again.
    pub watch: Watch,
    /// When no verdict is taken because too many pages are other ones at once.
    pub guard: Guard,
    /// How files that markup names are fetched.
    pub files: FileTerms,
    /// What is known to be harmful.
    pub blocklists: Arc<Blocklists>,
    /// Who scans for malware besides; `None`: nobody.
    pub clamd: Option<Clamd>,
    /// Who takes pictures of pages; `None`: nobody.
    pub browser: Option<BrowserTerms>,
}

/// What one fetch may take, with all its redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Redirects that are followed.
    pub most_hops: usize,
    /// Bytes of an answer's head, 8,192 or more.
    pub largest_head: usize,
    /// Bytes of a body, as sent and after unpacking.
    pub largest_body: usize,
    /// A name is resolved within this.
    pub resolve: Duration,
    /// A connection is made within this, TLS included.
    pub connect: Duration,
    /// An answer's head arrives within this.
    pub head: Duration,
    /// Between two pieces of a body passes at most this.
    pub pause: Duration,
    /// All of it is over within this.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most_hops: 5,
            largest_head: 32 << 10,
            largest_body: 4 << 20,
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(10),
            head: Duration::from_secs(15),
            pause: Duration::from_secs(10),
            whole: Duration::from_secs(60),
        }
    }
}

/// What all fetches together may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Connections at once.
    pub connections: usize,
    /// Bytes that are received in a minute, as sent.
    pub bytes_a_minute: u64,
    /// Between two requests to one host passes at least this.
    pub gap: Duration,
}

impl Default for Rates {
    fn default() -> Self {
        Self { connections: 8, bytes_a_minute: 64 << 20, gap: Duration::from_secs(1) }
    }
}

/// Where may be connected to. Public addresses only, but for those that are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Ports for HTTPS.
    pub ports: Vec<u16>,
    /// Ports for HTTP without TLS, for the advertisers that may have it.
    pub plain_ports: Vec<u16>,
    /// `ACCOUNT/ADVERTISER` whose pages may do without TLS.
    pub plain: Vec<String>,
    /// Internal addresses that may be reached all the same: for rehearsals and tests.
    pub internal: Vec<AddressRange>,
    /// Addresses of names for which no resolver is asked, lower case. They are judged like any other.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Who signs certificates; `None`: the public authorities.
    pub authorities: Option<Arc<[CertificateDer<'static>]>>,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            ports: vec![443],
            plain_ports: vec![80],
            plain: Vec::new(),
            internal: Vec::new(),
            hosts: BTreeMap::new(),
            authorities: None,
        }
    }
}

/// When a page is fetched again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The longest between two rounds: for pages to which nothing leads at the moment.
    pub longest: Duration,
    /// The shortest: for those that serve most.
    pub shortest: Duration,
    /// With so many impressions a day the interval is half of the longest; with three times as many a quarter, and so on.
    pub impressions_a_day: u64,
    /// After an odd answer the page is fetched again after this, before anything follows.
    pub confirm: Duration,
    /// After so many rounds in a row without an answer a person is told.
    pub misses: u32,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            longest: Duration::from_secs(12 * 3_600),
            shortest: Duration::from_secs(600),
            impressions_a_day: 10_000,
            confirm: Duration::from_secs(60),
            misses: 4,
        }
    }
}

/// When pages of unrelated sites that are other ones at once are more likely this side's fault than theirs, and no verdict is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// So many parties that have nothing to do with each other are not as they were, 2 or more.
    pub sites: u32,
    /// And they are more than this share of those that were looked at since, basis points.
    pub share_bp: u16,
    /// What was seen before that says nothing any more.
    pub window: Duration,
    /// A page that shows what an unrelated one shows, while the others are as they were, is stopped after this without a word of an operator, and
    /// without a violation.
    pub hold: Duration,
    /// Pages of others that are looked at when one is another page: whether it is the page or the line that it is seen over.
    pub witnesses: u32,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            sites: 4,
            share_bp: 5_000,
            window: Duration::from_secs(3_600),
            hold: Duration::from_secs(2 * 3_600),
            witnesses: 8,
        }
    }
}

/// How pictures and films that a creative's markup names are fetched (R-REVIEW). Their bytes at most are those of an upload; rates and reach are those
/// of pages, counted apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTerms {
    /// Of one creative, so many.
    pub most: usize,
    /// One of them, with all its redirects, is over within this.
    pub whole: Duration,
    /// A file that does not answer is asked for so often before the creative is judged without it.
    pub tries: u32,
    /// Between two tries passes this, once more after each.
    pub pause: Duration,
    /// The files of an approved creative are looked at again after this.
    pub again: Duration,
    /// Bytes that are kept of one buyer's files in a day.
    pub kept_a_day: u64,
}

impl Default for FileTerms {
    fn default() -> Self {
        Self {
            most: 10,
            whole: Duration::from_secs(60),
            tries: 3,
            pause: Duration::from_secs(60),
            again: Duration::from_secs(6 * 3_600),
            kept_a_day: 1 << 30,
        }
    }
}

/// Hosts and URLs that are known to be harmful.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocklists {
    /// Hosts, lower case, sorted; each with everything under it.
    pub hosts: Vec<String>,
    /// SHA-256 of URLs, sorted.
    pub urls: Vec<[u8; 32]>,
}

/// Where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdAt {
    /// A socket of this machine.
    Socket(PathBuf),
    /// TCP. The protocol has no encryption: a host of the same machine or network.
    Tcp(SocketAddr),
}

/// How clamd is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clamd {
    /// Where it listens.
    pub at: ClamdAt,
    /// It answers within this.
    pub within: Duration,
    /// The most bytes that it is sent of one file; its own `StreamMaxLength` must not be below.
    pub largest: usize,
}

/// The browser that takes pictures of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserTerms {
    /// Chromium.
    pub program: PathBuf,
    /// The picture's width and height, pixels.
    pub size: Size,
    /// A picture is there within this, from the browser's start.
    pub within: Duration,
    /// Whether pages run inside Chromium's own sandbox. It does not work for root.
    pub sandbox: bool,
}
