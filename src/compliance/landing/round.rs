//! One look at a page: every kind of browser fetches it, what it sees is compared with what is known of it, and looked through for malware.

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};
use url::Url;

use super::guard::MOST_MARKS;
use super::{Look, Mark, Matched, Offered, PageState, Record, Round, Ruling, Sight};
use crate::clock::{Clock, UnixMillis};
use crate::compliance::crawl::{Agent, Document, Fetch, Fetcher, Meaning, Target};
use crate::compliance::finding::{Finding, Language};
use crate::compliance::html::charset;
use crate::compliance::page::{Fetched, Fingerprint, Page, Standing};
use crate::compliance::scan::{Scan, listed, scan};
use crate::compliance::{digest_of, digest_text};
use crate::event::{Docket, DocketError};

/// How often a kind of browser fetches a page that is new to it: what differs between these varies by itself.
const LEARNED_FROM: usize = 2;
/// The most differences that are told of one kind of browser, and the most characters of each.
const MOST_TOLD: usize = 20;
const LONGEST_TOLD: usize = 400;
/// Creatives that one round compares with the page.
const MOST_MATCHED: usize = 32;
/// Codes of findings: it leads to a host that is not its advertiser's, or its name is resolved to an internal address.
const OUTSIDE: &str = "page-outside";
const INTERNAL: &str = "page-internal";

/// Why a page could not be looked at; it says nothing of the page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// The docket refuses.
    #[error(transparent)]
    Docket(#[from] DocketError),
    /// What is known of it cannot be read any more.
    #[error("page {url}: what was kept of it cannot be read: {why}")]
    Kept {
        /// The page.
        url: String,
        /// Why.
        why: String,
    },
}

/// Why a page cannot be judged by the terms in force: it is where they do not let anybody look, though they once did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfReach {
    /// The URL.
    pub url: String,
    /// What is against it.
    pub why: Finding,
}

/// Who looks, and where bodies are kept.
#[derive(Clone, Copy, Debug)]
pub struct Looker<'l> {
    /// Fetches.
    pub fetcher: &'l Fetcher,
    /// Keeps what is evidence.
    pub docket: &'l dyn Docket,
    /// Time.
    pub clock: &'l Clock,
}

/// What a kind of browser has fetched.
struct Seen {
    agent: Agent,
    route: Vec<String>,
    document: Document,
    page: Result<Page, Box<Finding>>,
    at: UnixMillis,
}

/// A page under watch, and where it may lead.
struct Place<'p> {
    state: PageState,
    record: &'p Record,
    target: &'p Target<'p>,
}

/// What was found harmful, or could not be scanned.
#[derive(Default)]
struct Harm {
    infected: Option<String>,
    unscanned: Option<String>,
}

impl Looker<'_> {
    /// Whether a page, on the way on which it was frozen, may be looked at by the terms and the advertiser's domains as they are now. If not,
    /// these have changed, and not the page.
    ///
    /// # Errors
    /// [`OutOfReach`] for the first URL that may not be asked for.
    pub fn reaches(&self, record: &Record, target: &Target<'_>) -> Result<(), Box<OutOfReach>> {
        let ways = record.frozen.iter().flat_map(|sight| sight.route.iter().map(String::as_str));
        let mut all = std::iter::once(record.url.as_str()).chain(ways);
        all.try_for_each(|url| {
            let refused = self.fetcher.may_ask(url, target);
            refused.map_err(|why| Box::new(OutOfReach { url: url.to_owned(), why: why.finding(url) }))
        })
    }

    /// Looks at a page of an advertiser with these domains. `offered`: what the creatives state that were not compared with it yet.
    ///
    /// # Errors
    /// [`RoundError`]: nothing follows for the page.
    pub async fn look(
        &self,
        (state, record): (PageState, &Record),
        target: &Target<'_>,
        offered: &[Offered],
    ) -> Result<Round, RoundError> {
        let at = self.clock.now();
        let place = Place { state, record, target };
        let (mut looks, mut seen, mut harm) = (Vec::new(), Vec::new(), Harm::default());
        let (mut unproven, mut marks) = (false, Vec::new());
        for agent in Agent::ALL {
            let fetch = self.fetcher.fetch(target, agent).await;
            let before = harm.infected.is_some();
            self.scan(&fetch, &mut harm).await;
            let is_harmful = harm.infected.is_some() && !before;
            let look = match read(fetch) {
                // Kept as it is, for the person who judges.
                Ok(first) if is_harmful => Look::Same(self.kept(&first)?),
                Ok(first) => {
                    let look = self.judged(&place, &first, &mut harm).await?;
                    if let (Look::Other(..), Ok(page)) = (&look, &first.page) {
                        marks.extend(Mark::of(page));
                    }
                    seen.push(first);
                    look
                }
                Err(refused) => {
                    unproven |= refused.finding.code == INTERNAL;
                    marks.extend(refused.leads());
                    refused.against(record.frozen_for(agent))
                }
            };
            looks.push((agent, look));
        }
        let is_new = !record.is_held() || Agent::ALL.iter().any(|agent| record.frozen_for(*agent).is_none());
        let apart = is_new.then(|| apart(&seen));
        let of = seen.iter().find_map(|it| {
            let look = looks.iter().find(|(agent, _)| *agent == it.agent)?;
            Some((it.page.as_ref().ok()?, look.1.sight()?.sha256.as_str()))
        });
        let of = of.filter(|_| harm.infected.is_none());
        let (matches, more) = of.map_or_else(Default::default, |of| matched(record, offered, of));
        marks.truncate(MOST_MARKS);
        let Harm { infected, unscanned } = harm;
        let ruling = Ruling::Take;
        Ok(Round { at, looks, apart, infected, unproven, unscanned, marks, ruling, matches, more })
    }

    /// What is harmful of a fetch: where it led, what its page leads to, its bytes.
    async fn scan(&self, fetch: &Fetch, harm: &mut Harm) {
        if harm.infected.is_some() {
            return;
        }
        let lists = &self.fetcher.terms().blocklists;
        let on_list = |url: &Url| listed(url, lists).map(|found| format!("{found} is on a blocklist"));
        harm.infected = fetch.route.iter().find_map(|hop| on_list(&hop.url));
        let document = match &fetch.result {
            Ok(document) => document,
            Err((refused, _)) => {
                harm.infected = harm.infected.take().or_else(|| on_list(&Url::parse(refused).ok()?));
                return;
            }
        };
        if let Ok(page) = page_of(document, fetch.at) {
            let parts =
                [&page.links, &page.media, &page.frames, &page.styles].into_iter().flatten().map(|part| &part.is);
            let all = parts.chain(&page.scripts).chain(&page.downloads).chain(&page.forms).chain(&page.redirects);
            let urls = all.flat_map(|text| text.split_whitespace()).filter_map(|text| document.url.join(text).ok());
            harm.infected = harm.infected.take().or_else(|| urls.into_iter().find_map(|url| on_list(&url)));
        }
        let Some(clamd) = self.fetcher.terms().clamd.as_ref().filter(|_| harm.infected.is_none()) else { return };
        match scan(clamd, &document.body).await {
            Scan::Clean => {}
            Scan::Infected(name) => harm.infected = Some(format!("malware {name}")),
            Scan::NotKnown(why) => harm.unscanned = Some(why),
        }
    }

    /// What one kind of browser saw, by what is known of the page.
    async fn judged(&self, place: &Place<'_>, seen: &Seen, harm: &mut Harm) -> Result<Look, RoundError> {
        let Place { state, record, .. } = *place;
        let known = match state.is_stopped() {
            true => [record.last_for(seen.agent), record.frozen_for(seen.agent)],
            false => [record.frozen_for(seen.agent), None],
        };
        let mut differences = None;
        for sight in known.into_iter().flatten() {
            let found = self.differences(record, sight, seen)?;
            if found.is_empty() {
                return Ok(Look::Same(sight.clone()));
            }
            differences.get_or_insert(found);
        }
        match (differences, &seen.page) {
            // What cannot be read as a page cannot be what it is held to.
            (None, Err(finding)) => Ok(Look::None(finding.code.to_string())),
            (None, Ok(_)) => Ok(Look::Same(self.learned(place, seen, harm).await?)),
            (Some(found), _) => {
                // Of a page that is held, what is there already is not kept at each look.
                let latest = record.latest.iter().find(|sight| sight.agent == seen.agent);
                if let Some(sight) = latest.filter(|_| record.held.as_ref().is_some_and(|held| !held.released))
                    && self.differences(record, sight, seen)?.is_empty()
                {
                    return Ok(Look::Other(Some(sight.clone()), found));
                }
                Ok(Look::Other(Some(self.learned(place, seen, harm).await?), found))
            }
        }
    }

    /// A page that is new, with what of it varies by itself.
    async fn learned(&self, place: &Place<'_>, seen: &Seen, harm: &mut Harm) -> Result<Sight, RoundError> {
        let mut sight = self.kept(seen)?;
        for _ in 1..LEARNED_FROM {
            let fetch = self.fetcher.fetch(place.target, seen.agent).await;
            self.scan(&fetch, harm).await;
            if let Ok(again) = read(fetch)
                && same_way(&again.route, &seen.route)
                && again.page.is_ok()
                && again.document.body != seen.document.body
            {
                sight.also.push(digest_text(&self.docket.keep(&again.document.body, again.at)?));
            }
        }
        Ok(sight)
    }

    /// In what a page differs from a sight of it; nothing where it does not matter.
    fn differences(&self, record: &Record, sight: &Sight, seen: &Seen) -> Result<Vec<String>, RoundError> {
        let page = match &seen.page {
            Ok(page) => page,
            Err(finding) => return Ok(vec![finding.en.clone()]),
        };
        let unreadable = |why: String| RoundError::Kept { url: record.url.clone(), why };
        let mut known = Vec::new();
        for sha256 in std::iter::once(&sight.sha256).chain(&sight.also) {
            let digest = digest_of(sha256).ok_or_else(|| unreadable(format!("{sha256} is no SHA-256")))?;
            let body = self.docket.document(&digest).map_err(DocketError::from)?;
            let body = body.ok_or_else(|| unreadable(format!("document {sha256} is not there")))?;
            let url = sight.route.last().unwrap_or(&record.url);
            let page = read_page(url, &sight.content_type, UnixMillis(sight.at_ms), &body);
            known.push(page.map_err(|finding| unreadable(finding.en))?);
        }
        // Of two fetches that are two pages, the first is what was seen.
        let learned = Fingerprint::learn(&known).or_else(|_| Fingerprint::learn(known.get(..1).unwrap_or_default()));
        let compared = learned.map_err(|error| unreadable(error.to_string()))?.compare(page);
        let mut told = Vec::new();
        if !same_way(&sight.route, &seen.route) {
            told.push(format!("redirects: \"{}\" became \"{}\"", sight.route.join(" → "), seen.route.join(" → ")));
        }
        if compared.standing == Standing::Changed {
            told.extend(compared.words(Language::English).lines().take(MOST_TOLD).map(str::to_owned));
        }
        Ok(told.into_iter().map(|line| line.chars().take(LONGEST_TOLD).collect()).collect())
    }

    fn kept(&self, seen: &Seen) -> Result<Sight, DocketError> {
        self.docket.keep(&seen.document.body, seen.at)?;
        let sha256 = digest_text(&Sha256::digest(&seen.document.body).into());
        let (route, content_type) = (seen.route.clone(), seen.document.content_type.clone());
        Ok(Sight { agent: seen.agent, at_ms: seen.at.0, route, content_type, sha256, also: Vec::new() })
    }
}

/// What was fetched, or what its refusal says.
fn read(fetch: Fetch) -> Result<Seen, Refused> {
    let Fetch { agent, at, route, result } = fetch;
    match result {
        Ok(document) => {
            let page = page_of(&document, at);
            let route = route.into_iter().map(|hop| hop.url.into()).collect();
            Ok(Seen { agent, route, document, page, at })
        }
        Err((url, refusal)) => Err(Refused { meaning: refusal.meaning(), finding: Box::new(refusal.finding(&url)) }),
    }
}

/// A fetch that brought no page.
struct Refused {
    meaning: Meaning,
    finding: Box<Finding>,
}

impl Refused {
    /// Where it leads, if that is another host's page.
    fn leads(&self) -> Option<Mark> {
        let to = self.meaning == Meaning::Elsewhere && [OUTSIDE, INTERNAL].contains(&&*self.finding.code);
        to.then(|| Mark::Leads(self.finding.found.clone()))
    }

    /// What it says of a page of which that was frozen: to lead elsewhere is another page.
    fn against(self, frozen: Option<&Sight>) -> Look {
        let Self { meaning, finding } = self;
        let told: String = format!("{}: {} ({})", finding.place, finding.en, finding.found);
        match (meaning, frozen) {
            (Meaning::Elsewhere, Some(_)) => Look::Other(None, vec![told.chars().take(LONGEST_TOLD).collect()]),
            (Meaning::Unasked, _) if finding.code == "page-later" => Look::Later,
            _ => Look::None(finding.code.to_string()),
        }
    }
}

fn page_of(document: &Document, at: UnixMillis) -> Result<Page, Box<Finding>> {
    read_page(document.url.as_str(), &document.content_type, at, &document.body)
}

fn read_page(url: &str, content_type: &str, at: UnixMillis, body: &[u8]) -> Result<Page, Box<Finding>> {
    let charset = charset(content_type);
    Page::of(&Fetched { url, charset: charset.as_deref(), day: Some(at.shanghai_day()) }, body)
}

/// Whether two ways lead over the same hosts and paths; queries vary.
fn same_way(one: &[String], other: &[String]) -> bool {
    let place = |url: &String| Url::parse(url).map(|url| url[..url::Position::AfterPath].to_owned()).ok();
    one.len() == other.len() && one.iter().map(place).eq(other.iter().map(place))
}

/// In what kinds of browsers see different pages.
fn apart(seen: &[Seen]) -> Vec<String> {
    let mut pages = seen.iter().filter_map(|it| it.page.as_ref().ok().map(|page| (it.agent, page)));
    let Some((first, page)) = pages.next() else { return Vec::new() };
    let Ok(fingerprint) = Fingerprint::learn(std::slice::from_ref(page)) else { return Vec::new() };
    let mut told = Vec::new();
    for (agent, other) in pages {
        let compared = fingerprint.compare(other);
        if compared.standing == Standing::Changed {
            let words = compared.words(Language::English);
            let line: String = words.lines().next().unwrap_or_default().chars().take(LONGEST_TOLD).collect();
            told.push(format!("{} sees another page than {}: {line}", agent.label(), first.label()));
        }
    }
    told
}

/// What creatives state, compared with the page, as far as it was not; and whether some are left.
fn matched(record: &Record, offered: &[Offered], (page, sha256): (&Page, &str)) -> (Vec<Matched>, bool) {
    let is_known = |it: &&Offered| {
        let of =
            |known: &Matched| (&known.crid, known.version, known.sha256.as_str()) == (&it.crid, it.version, sha256);
        !record.matches.iter().any(of)
    };
    let mut lacking = offered.iter().filter(is_known);
    let matches = lacking.by_ref().take(MOST_MATCHED).map(|it| Matched::of(it, page, sha256)).collect();
    (matches, lacking.next().is_some())
}
