//! Fetches landing pages (R-LANDING-FROZEN, R-LANDING-SAFE), and files that creatives show (R-REVIEW): as a browser would ask, but within bounds, only over what was registered, and
//! never into an internal network.
//!
//! Each hop is judged anew: scheme, port, no credentials, a host under the advertiser's domains, what robots.txt says, and the addresses of
//! the host. What was judged is what is connected to (`reach`). Nothing that is fetched is executed.

mod agent;
mod budget;
mod reach;
mod refresh;
mod refusal;
mod request;
mod robots;

#[cfg(test)]
pub(super) mod tests;

pub use agent::{Agent, ROBOT};
pub use budget::Budget;
pub use reach::{Addresses, Dialer, Judged, Line, Resolve, SystemResolver};
pub use refusal::{Meaning, Phase, Refusal};

use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, LOCATION, REFRESH};
use tokio::time::timeout;
use url::Url;

use request::{Question, Reply, Wanted};
use robots::{Robots, Rules};

use super::html;
use crate::clock::{Clock, UnixMillis};
use crate::market::policy::landing::LandingTerms;

/// The longest URL that is fetched, bytes.
pub const LONGEST_URL: usize = 2_048;
/// Redirects of a robots.txt that are followed (RFC 9309 §2.3.1.2).
const ROBOTS_HOPS: usize = 5;

/// What is fetched, and for whom.
#[derive(Clone, Debug)]
pub struct Target<'t> {
    /// The page.
    pub url: &'t str,
    /// The advertiser's domains, lower case: every hop is under one of them.
    pub domains: &'t [String],
    /// Whether it may do without TLS.
    pub plain: bool,
}

/// One request of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What was asked for.
    pub url: Url,
    /// The answer's status.
    pub status: u16,
}

/// A page, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it was found, after redirects.
    pub url: Url,
    /// The `Content-Type` that it was served with.
    pub content_type: String,
    /// Its bytes, unpacked.
    pub body: Vec<u8>,
}

/// What became of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// As what it was asked.
    pub agent: Agent,
    /// When.
    pub at: UnixMillis,
    /// Its requests, in order.
    pub route: Vec<Hop>,
    /// The page; or the URL that was refused, and why.
    pub result: Result<Document, (String, Refusal)>,
}

/// Fetches pages. One per process: it holds the budget and what sites said of robots.
#[derive(Debug)]
pub struct Fetcher {
    terms: LandingTerms,
    dialer: Arc<Dialer>,
    budget: Budget,
    robots: Robots,
    clock: Clock,
}

impl Fetcher {
    /// # Errors
    /// Where the authorities' certificates cannot be used.
    pub fn new(terms: LandingTerms, resolver: Arc<dyn Resolve>, clock: Clock) -> Result<Self, rustls::Error> {
        let dialer = Arc::new(Dialer::new(terms.reach.clone(), terms.limits.clone(), resolver)?);
        let budget = Budget::new(terms.rates.clone(), clock.clone());
        Ok(Self { terms, dialer, budget, robots: Robots::default(), clock })
    }

    /// The terms that it fetches by.
    #[must_use]
    pub fn terms(&self) -> &LandingTerms {
        &self.terms
    }

    /// The way to any server, for what else may only be reached as pages are.
    #[must_use]
    pub fn dialer(&self) -> &Arc<Dialer> {
        &self.dialer
    }

    /// Fetches a page, within [`Limits::whole`](crate::market::policy::landing::Limits::whole).
    pub async fn fetch(&self, target: &Target<'_>, agent: Agent) -> Fetch {
        self.fetch_as((target, Wanted::Page), agent).await
    }

    /// Fetches a file that a creative shows, within the same bounds, whatever its server says that it is: that is judged by its bytes.
    pub async fn fetch_file(&self, target: &Target<'_>, agent: Agent) -> Fetch {
        self.fetch_as((target, Wanted::File), agent).await
    }

    async fn fetch_as(&self, (target, wanted): (&Target<'_>, Wanted), agent: Agent) -> Fetch {
        let (at, mut route, mut here) = (self.clock.now(), Vec::new(), target.url.to_owned());
        let walking = self.walk((target, wanted), agent, &mut route, &mut here);
        let result = timeout(self.terms.limits.whole, walking).await.unwrap_or(Err(Refusal::Slow(Phase::Whole)));
        Fetch { agent, at, route, result: result.map_err(|refusal| (here, refusal)) }
    }

    async fn walk(
        &self,
        (target, wanted): (&Target<'_>, Wanted),
        agent: Agent,
        route: &mut Vec<Hop>,
        here: &mut String,
    ) -> Result<Document, Refusal> {
        let mut url = parsed(target.url)?;
        loop {
            url.set_fragment(None);
            url.as_str().clone_into(here);
            let host = self.host_of(&url, target)?;
            if !self.rules(&url, target, agent).await?.allow(&url).ok_or(Refusal::RobotsGone)? {
                return Err(Refusal::Robots);
            }
            let reply = self.ask(&url, &host, agent, wanted).await?;
            route.push(Hop { url: url.clone(), status: reply.status.as_u16() });
            let Some(next) = next(&url, &reply, wanted)? else {
                let content_type = reply.header(&CONTENT_TYPE).unwrap_or_default().to_owned();
                return Ok(Document { url, content_type, body: reply.body });
            };
            if route.iter().any(|hop| hop.url == next) {
                return Err(Refusal::Loop(next.into()));
            }
            if route.len() > self.terms.limits.most_hops {
                return Err(Refusal::Hops(self.terms.limits.most_hops));
            }
            url = next;
        }
    }

    /// Whether a URL may be asked for at all: its scheme, port and host, before any name is resolved.
    ///
    /// # Errors
    /// Why not.
    pub fn may_ask(&self, url: &str, target: &Target<'_>) -> Result<(), Refusal> {
        self.host_of(&parsed(url)?, target).map(drop)
    }

    /// The host of a URL that may be fetched for that advertiser.
    fn host_of(&self, url: &Url, target: &Target<'_>) -> Result<String, Refusal> {
        let reach = &self.terms.reach;
        let ports = match url.scheme() {
            "https" => &reach.ports,
            "http" if target.plain => &reach.plain_ports,
            scheme => return Err(Refusal::Scheme(scheme.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if !ports.contains(&port) {
            return Err(Refusal::Port(port));
        }
        let host = url.host_str().unwrap_or_default();
        if url.as_str().len() > LONGEST_URL {
            return Err(Refusal::Malformed(format!("more than {LONGEST_URL} bytes")));
        }
        if !target.domains.iter().any(|domain| is_under(host, domain)) {
            return Err(Refusal::Outside(host.to_owned()));
        }
        Ok(host.to_owned())
    }

    /// What the site of a URL lets robots fetch.
    async fn rules(&self, url: &Url, target: &Target<'_>, agent: Agent) -> Result<Rules, Refusal> {
        let site = url[..url::Position::BeforePath].to_owned();
        if let Some(rules) = self.robots.known(&site, self.clock.instant()) {
            return Ok(rules);
        }
        let rules = match self.robots_of(url, target, agent).await {
            Ok(rules) => rules,
            // What no page may lead to, no robots.txt may lead to: it is as if there were none.
            Err(refusal) if refusal.meaning() == Meaning::Elsewhere && !matches!(refusal, Refusal::Internal(_)) => {
                Rules::Free
            }
            Err(Refusal::Status(400..=499)) => Rules::Free,
            Err(Refusal::Status(_) | Refusal::Slow(_) | Refusal::Protocol(_)) => Rules::Gone,
            Err(refusal) => return Err(refusal),
        };
        self.robots.keep(site, rules.clone(), self.clock.instant());
        Ok(rules)
    }

    async fn robots_of(&self, url: &Url, target: &Target<'_>, agent: Agent) -> Result<Rules, Refusal> {
        let mut url = url.join("/robots.txt").map_err(|error| Refusal::Malformed(error.to_string()))?;
        for _ in 0..=ROBOTS_HOPS {
            let host = self.host_of(&url, target)?;
            let reply = self.ask(&url, &host, agent, Wanted::Robots).await?;
            match redirect(&url, &reply)? {
                Some(next) => url = next,
                None if reply.status.is_success() => return Ok(Rules::of(&reply.body)),
                None => return Err(Refusal::Status(reply.status.as_u16())),
            }
        }
        Ok(Rules::Free)
    }

    /// One request, on a connection of its own to an address that was judged for it.
    async fn ask(&self, url: &Url, host: &str, agent: Agent, wanted: Wanted) -> Result<Reply, Refusal> {
        let _permit = self.budget.enter(host).await?;
        let judged = self.dialer.judged(host, url.port_or_known_default().unwrap_or(0)).await?;
        let stream = self.dialer.connect(&judged).await?;
        let line: Box<dyn Line> =
            if url.scheme() == "https" { self.dialer.secured(host, stream).await? } else { Box::new(stream) };
        Question { url, agent, limits: &self.terms.limits, budget: &self.budget, wanted }.ask(line).await
    }
}

/// Whether a host is a domain or under it.
#[must_use]
pub fn is_under(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn parsed(url: &str) -> Result<Url, Refusal> {
    Url::parse(url).map_err(|_| Refusal::Malformed(url.to_owned()))
}

/// Where an answer leads; `None`: it is what is wanted. Only a page leads on by what stands in it.
fn next(url: &Url, reply: &Reply, wanted: Wanted) -> Result<Option<Url>, Refusal> {
    if let Some(next) = redirect(url, reply)? {
        return Ok(Some(next));
    }
    if reply.status.as_u16() != 200 {
        return Err(Refusal::Status(reply.status.as_u16()));
    }
    if wanted == Wanted::File {
        return Ok(None);
    }
    let charset = reply.header(&CONTENT_TYPE).and_then(html::charset);
    let (text, _) = html::decode(&reply.body, charset.as_deref());
    refresh::target(url, reply.header(&REFRESH), &text).map_err(Refusal::Malformed)
}

/// RFC 9110 §15.4.
fn redirect(url: &Url, reply: &Reply) -> Result<Option<Url>, Refusal> {
    if !matches!(reply.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = reply.header(&LOCATION) else { return Err(Refusal::Status(reply.status.as_u16())) };
    let mut next = url.join(location).map_err(|_| Refusal::Malformed(location.to_owned()))?;
    next.set_fragment(None);
    Ok(Some(next))
}
