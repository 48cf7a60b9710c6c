//! What is kept of an approved page: enough to tell each later change of it, and what of it varies by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compare::{align, kinds_of, pattern, shape};
use super::{Page, Part};

/// The form of a fingerprint in the docket.
const FORM: u32 = 1;
/// Characters of a line that are kept; of a longer one the beginning, and a digest of all.
const LONGEST_LINE: usize = 400;
/// A place for ads shows at most one in so many characters of a page: what shows more is the page itself.
const LARGEST_PLACE: usize = 4;
/// The fetches that a fingerprint is learned from, at most.
pub const MOST_FETCHES: usize = 10;

/// Why a page cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// No fetch, or too many.
    #[error("a fingerprint is learned from 1 to {MOST_FETCHES} fetches, better two or more; these are {0}")]
    Fetches(usize),
    /// The fetches are of different pages.
    #[error("the fetches are of two pages, {0} and {1}")]
    TwoPages(String, String),
}

/// A line of an approved page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Line {
    /// Its text. `{#}` is any number and `{?}` any code, where the fetches had different ones.
    Text(String),
    /// Lines that were different in each fetch.
    Slot {
        /// The most characters that may stand there.
        room: usize,
        /// What may stand there: see [`kinds_of`].
        kinds: String,
    },
}

/// Things of which the order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Set {
    /// Those of every fetch.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) always: BTreeSet<String>,
    /// Those of some; of links and images also shapes of them, with `{?}`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) sometimes: BTreeSet<String>,
}

/// A script in the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    /// Of its tokens.
    pub(super) digest: String,
    /// Which of its tokens are values that vary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wild: Vec<u32>,
    /// How it begins.
    pub(super) start: String,
    /// Whether only some fetches had it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) sometimes: bool,
}

/// A marked-off place for rotated ads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// The most characters that it showed.
    pub(super) shown: usize,
    /// How many of that name there were.
    pub(super) count: usize,
}

/// An approved page's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    form: u32,
    pub(super) url: String,
    /// Exact digests of the fetches that it was learned from, in hexadecimal.
    pub(super) digests: BTreeSet<String>,
    /// Of the first fetch's text, in hexadecimal.
    pub(super) simhash: String,
    pub(super) text: Vec<Line>,
    pub(super) hidden: Vec<Line>,
    pub(super) links: Set,
    pub(super) media: Set,
    pub(super) frames: Set,
    pub(super) styles: Set,
    pub(super) forms: Set,
    pub(super) downloads: Set,
    pub(super) redirects: Set,
    pub(super) scripts: Set,
    pub(super) code: Vec<Code>,
    pub(super) places: BTreeMap<String, Place>,
}

/// The lines, links, … of a page outside of the places that are known.
pub(super) fn outside<'p>(parts: &'p [Part], known: &[bool]) -> Vec<&'p str> {
    let counts = |part: &&Part| part.place.is_none_or(|place| !known.get(place).copied().unwrap_or_default());
    parts.iter().filter(counts).map(|part| part.is.as_str()).collect()
}

/// A line as it is kept.
pub(super) fn brief(line: &str) -> String {
    if line.chars().nth(LONGEST_LINE).is_none() {
        return line.to_owned();
    }
    let start: String = line.chars().take(LONGEST_LINE).collect();
    format!("{start}…#{}", super::extract::digest(line))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl Fingerprint {
    /// Learns a page from fetches of it within a short time, better two or more: what they have different is what varies by itself. What that is,
    /// a person should see before approving: [`Fingerprint::varying`].
    ///
    /// # Errors
    /// [`LearnError`].
    pub fn learn(fetches: &[Page]) -> Result<Self, LearnError> {
        let (first, others) = fetches.split_first().ok_or(LearnError::Fetches(0))?;
        if fetches.len() > MOST_FETCHES {
            return Err(LearnError::Fetches(fetches.len()));
        }
        if let Some(other) = others.iter().find(|other| other.url != first.url) {
            return Err(LearnError::TwoPages(first.url.clone(), other.url.clone()));
        }
        let places = places(fetches);
        let known: Vec<Vec<bool>> = fetches.iter().map(|page| known(page, &places)).collect();
        let lines = |of: fn(&Page) -> &[Part]| {
            let mut texts = fetches.iter().zip(&known).map(|(page, known)| outside(of(page), known));
            let first = texts.next().unwrap_or_default();
            let first: Vec<_> = first.into_iter().map(|line| Line::Text(brief(line))).collect();
            texts.fold(first, |lines, other| learn_lines(&lines, &other))
        };
        let set = |of: fn(&Page) -> &[Part], shapes: bool| {
            set(fetches.iter().zip(&known).map(|(page, known)| outside(of(page), known)), shapes)
        };
        let list = |of: fn(&Page) -> &[String]| {
            set_of(fetches.iter().map(|page| of(page).iter().map(String::as_str).collect::<Vec<_>>()))
        };
        Ok(Self {
            form: FORM,
            url: first.url.clone(),
            digests: fetches.iter().map(|page| hex(&page.digest)).collect(),
            simhash: format!("{:016x}", first.simhash().0),
            text: lines(|page| &page.text),
            hidden: lines(|page| &page.hidden),
            links: set(|page| &page.links, true),
            media: set(|page| &page.media, true),
            frames: set(|page| &page.frames, false),
            styles: set(|page| &page.styles, false),
            forms: list(|page| &page.forms),
            downloads: list(|page| &page.downloads),
            redirects: list(|page| &page.redirects),
            scripts: list(|page| &page.scripts),
            code: code(fetches),
            places,
        })
    }

    /// Its form for the docket: a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads [`Fingerprint::to_json`]'s form.
    ///
    /// # Errors
    /// What is wrong with it: it is none, or of a form that this program does not know.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let read: Self =
            serde_json::from_str(text).map_err(|why| format!("this is no fingerprint of a page: {why}"))?;
        if read.form != FORM {
            return Err(format!(
                "this fingerprint is of form {}, which this program does not read; it reads {FORM}",
                read.form
            ));
        }
        Ok(read)
    }

    /// The page's URL, without what varies.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was learned to vary, for the person who approves: lines with `{#}` and `{?}`, slots, links of some fetches only, places of ads.
    #[must_use]
    pub fn varying(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (name, lines) in [("text", &self.text), ("hidden text", &self.hidden)] {
            told.extend(lines.iter().filter_map(|line| match line {
                Line::Text(text) if text.contains("{#}") || text.contains("{?}") => Some(format!("{name}: {text}")),
                Line::Slot { room, .. } => Some(format!("{name}: up to {room} characters that differ each time")),
                Line::Text(_) => None,
            }));
        }
        for (name, set) in self.sets() {
            told.extend(set.sometimes.iter().map(|it| format!("{name}: sometimes {it}")));
        }
        for code in &self.code {
            if code.sometimes || !code.wild.is_empty() {
                told.push(format!("script: {} values differ in {}", code.wild.len(), code.start));
            }
        }
        told.extend(self.places.iter().map(|(name, place)| format!("ads: {} × {name}", place.count)));
        told
    }

    fn sets(&self) -> [(&'static str, &Set); 8] {
        [
            ("link", &self.links),
            ("media", &self.media),
            ("frame", &self.frames),
            ("style", &self.styles),
            ("form", &self.forms),
            ("download", &self.downloads),
            ("redirect", &self.redirects),
            ("script", &self.scripts),
        ]
    }
}

/// The places for ads of the fetches. One that shows a large part of the page is none: a page cannot be marked off as a whole.
fn places(fetches: &[Page]) -> BTreeMap<String, Place> {
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let mut too_large = BTreeSet::new();
    for page in fetches {
        let all: usize = page.text.iter().map(|line| line.is.chars().count()).sum();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, shown) in &page.places {
            let count = counts.entry(name).or_default();
            *count += 1;
            let place = places.entry(name.clone()).or_insert(Place { shown: 0, count: 0 });
            *place = Place { shown: place.shown.max(*shown), count: place.count.max(*count) };
            if shown * LARGEST_PLACE > all {
                too_large.insert(name.clone());
            }
        }
    }
    places.retain(|name, _| !too_large.contains(name));
    places
}

/// Which of a page's places are places of the approved page: of that name, no more of them, not much larger.
pub(super) fn known(page: &Page, places: &BTreeMap<String, Place>) -> Vec<bool> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let is = |(name, shown): &(String, usize), counts: usize| {
        places.get(name).is_some_and(|place| counts <= place.count && *shown <= 2 * place.shown + 100)
    };
    let mut list = Vec::with_capacity(page.places.len());
    for place in &page.places {
        let count = counts.entry(&place.0).or_default();
        *count += 1;
        list.push(is(place, *count));
    }
    list
}

/// What another fetch teaches of lines.
fn learn_lines(lines: &[Line], other: &[&str]) -> Vec<Line> {
    let mut learned = Vec::new();
    let mut at = 0;
    for (mine, theirs) in align(lines, other) {
        learned.extend(lines[at..mine.start].iter().cloned());
        at = mine.end;
        let (mine, theirs) = (&lines[mine], &other[theirs]);
        let one_by_one = || {
            let pairs = mine.iter().zip(theirs);
            pairs.map(|(mine, theirs)| pattern(mine, theirs)).collect::<Option<Vec<_>>>()
        };
        if let Some(patterns) = (mine.len() == theirs.len()).then(one_by_one).flatten() {
            learned.extend(patterns.into_iter().map(Line::Text));
            continue;
        }
        let mut room = theirs.iter().map(|line| line.chars().count()).sum::<usize>();
        let mut kinds: BTreeSet<char> =
            theirs.iter().flat_map(|line| kinds_of(line).chars().collect::<Vec<_>>()).collect();
        let mut before = 0;
        for line in mine {
            match line {
                Line::Text(text) => {
                    before += text.chars().count();
                    kinds.extend(kinds_of(text).chars());
                }
                Line::Slot { room, kinds: more } => {
                    before += room;
                    kinds.extend(more.chars());
                }
            }
        }
        room = 2 * room.max(before);
        learned.push(Line::Slot { room, kinds: kinds.into_iter().collect() });
    }
    learned.extend(lines[at..].iter().cloned());
    learned
}

fn set_of<'p>(fetches: impl Iterator<Item = Vec<&'p str>>) -> Set {
    set(fetches, false)
}

fn set<'p>(fetches: impl Iterator<Item = Vec<&'p str>>, shapes: bool) -> Set {
    let sets: Vec<BTreeSet<&str>> = fetches.map(|list| list.into_iter().collect()).collect();
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    sets.iter().flatten().for_each(|it| *all.entry(it).or_default() += 1);
    let (always, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, count)| *count == sets.len());
    let mut sometimes: BTreeSet<String> = rest.iter().map(|(it, _)| (*it).to_owned()).collect();
    if shapes {
        let mut alike: BTreeMap<String, usize> = BTreeMap::new();
        rest.iter().for_each(|(it, _)| *alike.entry(shape(it)).or_default() += 1);
        alike.retain(|shape, count| *count > 1 && shape.contains("{?}"));
        sometimes.retain(|it| !alike.contains_key(&shape(it)));
        sometimes.extend(alike.into_keys());
    }
    Set { always: always.into_iter().map(|(it, _)| it.to_owned()).collect(), sometimes }
}

/// The scripts of the fetches: those that differ only in values are one.
fn code(fetches: &[Page]) -> Vec<Code> {
    struct Known<'p> {
        script: &'p super::Script,
        wild: BTreeSet<u32>,
        fetches: BTreeSet<usize>,
    }
    let mut known: Vec<Known<'_>> = Vec::new();
    for (fetch, page) in fetches.iter().enumerate() {
        for script in &page.code {
            let same = known.iter().position(|known| known.script == script);
            // Within one fetch, two scripts that differ in a value are two.
            let near = || {
                known.iter().enumerate().find_map(|(at, known)| {
                    let wild =
                        (!known.fetches.contains(&fetch)).then(|| known.script.values_that_differ(script)).flatten()?;
                    Some((at, wild))
                })
            };
            match same.map(|at| (at, Vec::new())).or_else(near) {
                Some((at, wild)) => {
                    known[at].wild.extend(wild);
                    known[at].fetches.insert(fetch);
                }
                None => known.push(Known { script, wild: BTreeSet::new(), fetches: BTreeSet::from([fetch]) }),
            }
        }
    }
    let kept = |known: Known<'_>| {
        let wild: Vec<u32> = known.wild.into_iter().collect();
        let sometimes = known.fetches.len() < fetches.len();
        Code { digest: known.script.digest(&wild), wild, start: known.script.start(), sometimes }
    };
    known.into_iter().map(kept).collect()
}
