//! The automatic checks of a creative's markup (R-REVIEW, R-MALICE, R-SOURCE, R-LANDING-MATCH, R-APP, R-MONITOR-LIST): parsed, not searched.
//!
//! Nothing is fetched and nothing runs. The codes are listed in docs/content-checks.md; what no reading can tell goes to a person.

mod behaviour;
pub(super) mod checks;
mod css;
mod html;
mod native;
mod script;
#[cfg(test)]
mod tests;
mod urls;
mod vast;
mod xml;

use std::collections::BTreeSet;

use super::check::{Check, Findings};
use super::creative::Submission;
use super::finding::Finding;
use super::html::{Document, Limits};
use crate::market::supply::{Format, Size};
use urls::{Target, same_page};

pub use urls::Hosts;

/// What is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Hosts that scripts, style sheets and frames may come from: none.
    pub script_hosts: Hosts,
    /// Hosts of trackers, beside the submission's monitors: none (R-MONITOR-LIST).
    pub tracker_hosts: Hosts,
    /// Hosts that a VAST wrapper may name: none.
    pub wrapper_hosts: Hosts,
    /// Trackers of one creative at most: 10.
    pub trackers: usize,
    /// Words that say that an ad is one (R-SOURCE): 广告, advertisement, ad, sponsored.
    pub labels: Vec<String>,
    /// What the placements take, as far as the creative may run there; empty: not compared.
    pub placements: Vec<Takes>,
    /// Bit rate of a media file at most, kbit/s: 8,000.
    pub bitrate_kbps: u32,
    /// Bounds of the markup: 512 KiB, 10,000 nodes.
    pub limits: Limits,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            script_hosts: Hosts::default(),
            tracker_hosts: Hosts::default(),
            wrapper_hosts: Hosts::default(),
            trackers: 10,
            labels: ["广告", "advertisement", "ad", "sponsored"].map(str::to_owned).to_vec(),
            placements: Vec::new(),
            bitrate_kbps: 8_000,
            limits: Limits { bytes: 512 << 10, tokens: 50_000, nodes: 10_000, ..Limits::default() },
        }
    }
}

/// What a placement takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takes {
    /// Of what kind.
    pub format: Format,
    /// In which sizes; empty: any.
    pub sizes: Vec<Size>,
}

/// A file that a creative shows and that is fetched, measured and fingerprinted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// Its URL, absolute.
    pub url: String,
    /// Where the markup names it.
    pub place: String,
    /// The width and height that the markup says the file has, pixels.
    pub size: Option<(u64, u64)>,
    /// Whether it is what the ad plays, instead of a picture or film beside it.
    pub is_played: bool,
}

impl Resource {
    /// Whether its URL is known: a script may put a part into it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.url.contains(urls::UNKNOWN) && !self.url.contains(urls::UNKNOWN_WRITTEN)
    }
}

/// What the markup says: findings, and what a review needs beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was found, in the order of the markup.
    pub findings: Vec<Finding>,
    /// Files that it shows, each once, by URL.
    pub resources: Vec<Resource>,
    /// What it shows as text, a line for each part: for the words' check.
    pub text: String,
    /// Pages that its links name, each once, in the order of the markup; not those that the click macro stands for.
    pub pages: Vec<String>,
}

/// Files of one creative that are told; one with more is too large to be reviewed.
const MOST_RESOURCES: usize = 200;
/// Pages that are told.
const MOST_PAGES: usize = 32;

/// Checks a submission's markup.
#[must_use]
pub fn check(submission: &Submission, rules: &Rules) -> Vec<Finding> {
    report(submission, rules).findings
}

/// Checks a submission's markup and tells what it shows.
#[must_use]
pub fn report(submission: &Submission, rules: &Rules) -> Report {
    let mut checker = Checker::new(submission, rules);
    checker.fits();
    if submission.markup.len() > rules.limits.bytes {
        checker.say(checks::TOO_MUCH.over("adm", "", format!("{} bytes", rules.limits.bytes)));
        return checker.report();
    }
    match submission.format {
        Format::Banner => html::banner(&mut checker),
        Format::Video | Format::Audio => vast::document(&mut checker, &submission.markup, "adm"),
        Format::Native => native::ad(&mut checker),
    }
    checker.ends();
    checker.report()
}

/// The pages that the links of a markup name, each once, in its order; none where only the click macro stands there.
#[must_use]
pub fn pages(submission: &Submission) -> Vec<String> {
    let limits = Limits { bytes: submission.markup.len(), ..Rules::default().limits };
    report(submission, &Rules { limits, ..Rules::default() }).pages
}

/// The length that a VAST or DAAST document says its first ad has, in whole seconds, at least one; `None`: it says none.
#[must_use]
pub fn duration_s(markup: &str) -> Option<u32> {
    vast::duration_ms(markup).and_then(|ms| u32::try_from(ms.div_ceil(1_000).max(1)).ok())
}

/// Whether a submission leads to an app: a store, a package, or a link that an app opens (R-APP). It then names its registered app.
#[must_use]
pub fn leads_to_download(submission: &Submission) -> bool {
    let rules =
        Rules { limits: Limits { bytes: submission.markup.len(), ..Rules::default().limits }, ..Rules::default() };
    let nameless = Submission { app: None, ..submission.clone() };
    submission.app.is_some() || check(&nameless, &rules).iter().any(|finding| finding.code == checks::APP.code)
}

/// Where something stands: a text, and the byte of it; or what stands for it where it is a value made of several parts.
#[derive(Clone, Copy, Debug)]
struct Spot<'s> {
    /// `adm`, `adm VAST/Ad/InLine`, …
    within: &'s str,
    document: &'s Document,
    at: usize,
    /// Whether bytes of what is looked at are bytes of the document.
    exact: bool,
}

impl Spot<'_> {
    /// The place of a byte of what begins at the spot.
    fn place(&self, byte: usize) -> String {
        let at = if self.exact { self.at + byte } else { self.at };
        format!("{}:{}", self.within, self.document.position(at))
    }
}

struct Checker<'c> {
    submission: &'c Submission,
    rules: &'c Rules,
    findings: Findings,
    trackers: BTreeSet<String>,
    resources: BTreeSet<Resource>,
    text: String,
    pages: Vec<String>,
    /// The exchange's click macro was found.
    click: bool,
    /// Pieces of HTML that were read: the banner, and what scripts write.
    fragments: usize,
}

impl<'c> Checker<'c> {
    fn new(submission: &'c Submission, rules: &'c Rules) -> Self {
        let (trackers, resources) = (BTreeSet::new(), BTreeSet::new());
        Self {
            submission,
            rules,
            findings: Findings::default(),
            trackers,
            resources,
            text: String::new(),
            pages: Vec::new(),
            click: false,
            fragments: 0,
        }
    }

    fn say(&mut self, mut finding: Finding) {
        if finding.found.contains(urls::UNKNOWN) {
            finding.found = finding.found.replace(urls::UNKNOWN, "…");
        }
        self.findings.push(finding);
    }

    fn report(self) -> Report {
        let findings = self.findings.told(&checks::MORE);
        Report { findings, resources: self.resources.into_iter().collect(), text: self.text, pages: self.pages }
    }

    /// Whether some placement takes what was submitted, and it says what it must.
    fn fits(&mut self) {
        let Submission { format, sizes, duration_s, .. } = self.submission;
        let missing = match format {
            Format::Banner if sizes.is_empty() => Some("sizes"),
            Format::Video | Format::Audio if duration_s.is_none() => Some("duration_s"),
            _ => None,
        };
        if let Some(missing) = missing {
            self.say(checks::NO_SIZE.over("submission", format.name(), missing));
        }
        let fits = |takes: &Takes| {
            let size =
                takes.sizes.is_empty() || sizes.is_empty() || sizes.iter().any(|size| takes.sizes.contains(size));
            takes.format == *format && size
        };
        if !self.rules.placements.is_empty() && !self.rules.placements.iter().any(fits) {
            let taken = |it: &Takes| format!("{}{}", it.format.name(), self::sizes(&it.sizes));
            let taken: BTreeSet<_> = self.rules.placements.iter().map(taken).collect();
            let offered = taken.into_iter().collect::<Vec<_>>().join("; ");
            let found = format!("{}{}", format.name(), self::sizes(sizes));
            self.say(checks::NOWHERE.over("submission", &found, offered));
        }
    }

    /// What can only be said when all has been read.
    fn ends(&mut self) {
        if self.trackers.len() > self.rules.trackers {
            let count = self.trackers.len().to_string();
            self.say(checks::TRACKERS.over("adm", &count, self.rules.trackers));
        }
        let landing = &self.submission.landing_page;
        match Target::of(landing) {
            Target::Secure(url) if urls::is_package(&url) => self.say(checks::DOWNLOAD.at("landing_page", landing)),
            Target::Secure(_) => {}
            Target::Insecure(_) => self.say(checks::INSECURE.at("landing_page", landing)),
            _ => self.say(checks::UNREADABLE_URL.at("landing_page", landing)),
        }
        self.app(landing, || "landing_page".to_owned());
    }

    /// A URL that is loaded by itself. `None`: it was said what is wrong with it, or there is nothing to load.
    fn loaded(&mut self, url: &str, place: &dyn Fn() -> String) -> Option<url::Url> {
        let check = match Target::of(url) {
            Target::Secure(url) => return Some(url),
            Target::Nothing => return None,
            Target::Picture => checks::DATA_IMAGE,
            Target::Insecure(_) => checks::INSECURE,
            Target::Script(_) => checks::SCRIPT_URL,
            Target::Content | Target::App(_) => checks::OTHER_SCHEME,
            Target::Click | Target::Unreadable => checks::UNREADABLE_URL,
        };
        self.say(check.at(place(), url));
        None
    }

    /// A picture, film or sound.
    fn file(&mut self, url: &str, place: &dyn Fn() -> String) {
        self.file_of(url, place, (None, false));
    }

    /// A picture, film or sound of a size; and whether it is what the ad plays.
    fn file_of(&mut self, url: &str, place: &dyn Fn() -> String, (size, is_played): (Option<(u64, u64)>, bool)) {
        let Some(url) = self.loaded(url, place) else { return };
        if self.rules.tracker_hosts.have(url.host_str().unwrap_or_default()) {
            self.trackers.insert(url.into());
        } else if self.resources.iter().all(|it| it.url != url.as_str()) {
            if self.resources.len() >= MOST_RESOURCES {
                return self.say(checks::TOO_MUCH.over(place(), url.as_str(), format!("{MOST_RESOURCES} files")));
            }
            self.resources.insert(Resource { url: url.into(), place: place(), size, is_played });
        }
    }

    /// A request that only counts, or tells a server something.
    fn tracker(&mut self, url: &str, place: &dyn Fn() -> String) {
        let monitors = &self.submission.monitors;
        if monitors.impression.iter().chain(&monitors.click).any(|it| it == url) {
            return;
        }
        let Some(read) = self.loaded(url, place) else { return };
        if !self.rules.tracker_hosts.have(read.host_str().unwrap_or_default()) {
            self.say(checks::TRACKER.at(place(), url));
        }
        self.trackers.insert(read.into());
    }

    /// Something that runs or shows what is not in the markup.
    fn foreign(&mut self, check: &Check, url: &str, place: &dyn Fn() -> String) -> bool {
        let Some(read) = self.loaded(url, place) else { return false };
        let allowed = self.rules.script_hosts.have(read.host_str().unwrap_or_default());
        if !allowed {
            self.say(check.at(place(), url));
        }
        allowed
    }

    /// Where a click leads.
    fn link(&mut self, url: &str, place: &dyn Fn() -> String) {
        self.names(url);
        self.app(url, place);
        let landing = &self.submission.landing_page;
        let target = Target::of(url);
        match &target {
            Target::Click => self.click = true,
            Target::Nothing | Target::App(_) => {}
            Target::Script(code) if is_void(code) => {}
            Target::Script(_) => self.say(checks::SCRIPT_URL.at(place(), url)),
            Target::Picture | Target::Content => self.say(checks::OTHER_SCHEME.at(place(), url)),
            Target::Unreadable => self.say(checks::UNREADABLE_URL.at(place(), url)),
            Target::Insecure(_) => self.say(checks::INSECURE.at(place(), url)),
            Target::Secure(read) if urls::is_package(read) => self.say(checks::DOWNLOAD.at(place(), url)),
            Target::Secure(_) if same_page(url, landing) || Target::of(landing).host() == target.host() => {
                self.say(checks::UNCOUNTED.at(place(), url));
            }
            Target::Secure(_) => self.say(checks::ELSEWHERE.over(place(), url, landing)),
        }
    }

    /// Notes a page that a link names.
    fn names(&mut self, url: &str) {
        if let Target::Secure(page) | Target::Insecure(page) = Target::of(url)
            && !url.contains(urls::UNKNOWN)
            && self.pages.len() < MOST_PAGES
            && self.pages.iter().all(|known| known != page.as_str())
        {
            self.pages.push(page.into());
        }
    }

    /// R-APP: what leads to an app names it.
    fn app(&mut self, url: &str, place: impl Fn() -> String) {
        if self.submission.app.is_none() && urls::leads_to_app(url) {
            self.say(checks::APP.at(place(), url));
        }
    }

    fn show(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }
}

fn sizes(sizes: &[Size]) -> String {
    sizes.iter().map(|size| format!(" {}x{}", size.w, size.h)).collect()
}

/// Whether a script does nothing: `void(0)`.
fn is_void(code: &str) -> bool {
    let code: String = code.chars().filter(|it| !it.is_whitespace() && *it != ';').collect();
    matches!(&*code, "" | "void(0)" | "void0" | "void%200" | "%20" | "0" | "false")
}
