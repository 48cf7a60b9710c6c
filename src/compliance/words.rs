//! Words that an ad may not say, or not without a person having read it (R-REVIEW; the Advertising Law's articles 9 and 16 to 28).
//!
//! One pass over the text, whatever the number of words: an automaton over its folded form (`fold`), in which width, case, spaces, marks,
//! traditional characters and look-alikes do not count. Each match is told where it stands in the text as it was written.

mod banned;
mod cover;
mod fold;
mod spoken;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::finding::{Finding, Weight};
use crate::market::policy::words::{WordGroup, WordTerms, WordWeight};
use crate::market::supply::{Format, within_category};

pub use banned::Banned;
pub use spoken::{Spoken, said, spoken};

use cover::{Cover, Span};
use fold::{Folded, Gap};

/// The most findings of one text; what is beyond is told as one more, with the heaviest weight among it.
pub const MOST_FINDINGS: usize = 50;
/// The most brands of a text that are looked for.
pub const MOST_BRANDS: usize = 32;
/// Characters shown before and behind a word.
const AROUND: usize = 20;

/// Why a list of words cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A word without a letter or digit is never found; one of a single Latin letter is found everywhere.
    #[error("`{0}` has no letters that could be found: a word has an ideograph, or two letters or digits")]
    Nothing(String),
    /// Too long.
    #[error("`{0}` has more than {longest} characters", longest = WordTerms::LONGEST)]
    TooLong(String),
    /// More than two parts, or an empty one.
    #[error("`{0}` must have one `…` between two parts that are not empty")]
    Parts(String),
    /// Too many.
    #[error("{0} words and phrases are more than {most}", most = WordTerms::MOST)]
    TooMany(usize),
    /// The automaton would be too large.
    #[error("the words are too many for one automaton: {0}")]
    TooLarge(String),
}

/// Of whom a text is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// The ids of the advertiser's industries, and the advertiser's and the creative's categories.
    pub industries: &'a [&'a str],
    /// The advertiser's registered brands: a word that is only a part of one does not count; one that is all of it goes to a person.
    pub brands: &'a [&'a str],
}

/// A word that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// Where in the text, bytes.
    pub range: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// The word as the list has it.
    pub word: &'a str,
    /// Its group.
    pub group: &'a WordGroup,
    /// What follows: at most a person's decision where the word goes across clauses, or across spaces that make words of it.
    pub weight: Weight,
}

/// The words, ready to be looked for.
#[derive(Debug)]
pub struct Words {
    terms: WordTerms,
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
    /// How many words have two parts.
    pairs: usize,
}

/// A folded word, and for which entries of the list it stands.
#[derive(Debug, Default)]
struct Pattern {
    uses: Vec<Use>,
    /// Letters, from 0, before which the word itself has a space; bit by bit.
    spaced: u64,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    part: Part,
    entry: Entry,
}

/// Which entry of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// `open`: what only begins in it is allowed too.
    Allowed {
        open: bool,
    },
    Word {
        group: usize,
        word: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The first part of the word with that number among those of two parts.
    Head(usize),
    Tail(usize),
}

/// A match, by its letters.
#[derive(Clone, Copy, Debug)]
struct Found {
    span: Span,
    entry: Entry,
    weight: Weight,
}

impl Words {
    /// Makes a list ready.
    ///
    /// # Errors
    /// [`WordsError`] names the first word that cannot be looked for.
    pub fn new(terms: WordTerms) -> Result<Self, WordsError> {
        let count = terms.allowed.len() + terms.groups.iter().map(|group| group.words.len()).sum::<usize>();
        if count > WordTerms::MOST {
            return Err(WordsError::TooMany(count));
        }
        let words = terms.groups.iter().enumerate().flat_map(|(at, group)| {
            group.words.iter().enumerate().map(move |(word, text)| (text, Entry::Word { group: at, word }))
        });
        let allowed = terms.allowed.iter().map(|text| (text, Entry::Allowed { open: text.ends_with('…') }));
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut patterns: Vec<Pattern> = Vec::new();
        let mut pairs = 0;
        for (text, entry) in words.chain(allowed) {
            let parts = parts(text, matches!(entry, Entry::Allowed { .. }))?;
            for (index, folded) in parts.iter().enumerate() {
                let part = match (parts.len(), index) {
                    (1, _) => Part::Whole,
                    (_, 0) => Part::Head(pairs),
                    _ => Part::Tail(pairs),
                };
                let spaces = folded.letters.iter().enumerate().filter(|(_, letter)| letter.gap >= Gap::Space);
                let spaced = spaces.fold(0, |bits, (at, _)| bits | 1_u64.checked_shl(at as u32).unwrap_or(0));
                let at = *known.entry(folded.text.clone()).or_insert_with(|| {
                    patterns.push(Pattern::default());
                    patterns.len() - 1
                });
                patterns[at].uses.push(Use { part, entry });
                patterns[at].spaced |= spaced;
            }
            pairs += usize::from(parts.len() > 1);
        }
        let mut texts = vec![""; patterns.len()];
        known.iter().for_each(|(text, at)| texts[*at] = text);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            // A table over all bytes would take hundreds of megabytes for ten thousand words.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&texts)
            .map_err(|why| WordsError::TooLarge(why.to_string()))?;
        Ok(Self { terms, automaton, patterns, pairs })
    }

    /// The list.
    #[must_use]
    pub fn terms(&self) -> &WordTerms {
        &self.terms
    }

    /// Findings in a text of an advertiser of whom nothing is known. `place` is what the text is: `adm`, `title`.
    #[must_use]
    pub fn find(&self, text: &str, place: &str) -> Vec<Finding> {
        self.find_for(text, place, &Scope::default())
    }

    /// Findings in a text: `place:LINE:COLUMN`, with the word marked among what stands around it.
    #[must_use]
    pub fn find_for(&self, text: &str, place: &str, scope: &Scope<'_>) -> Vec<Finding> {
        let hits = self.hits(text, scope);
        let mut findings: Vec<_> = hits.iter().take(MOST_FINDINGS).map(|hit| finding(text, place, hit)).collect();
        if let Some(weight) = hits.iter().skip(MOST_FINDINGS).map(|hit| hit.weight).max() {
            let more = hits.len() - MOST_FINDINGS;
            let words = (format!("{more} more words were found"), format!("另有 {more} 处用语未逐一列出"));
            findings.push(Finding::new("R-REVIEW", "words-more", weight, (place, ""), words));
        }
        findings
    }

    /// Findings in all that a creative's markup says ([`spoken`]), those of one text together.
    #[must_use]
    pub fn find_in(&self, format: Format, markup: &str, scope: &Scope<'_>) -> Vec<Finding> {
        let texts = spoken(format, markup);
        texts.iter().flat_map(|it| self.find_for(&it.text, &it.place, scope)).take(MOST_FINDINGS).collect()
    }

    /// The words in a text, by where they stand. Of words within each other the longest is told, unless a shorter one is heavier.
    #[must_use]
    pub fn hits(&self, text: &str, scope: &Scope<'_>) -> Vec<Hit<'_>> {
        let folded = Folded::of(text);
        let applies: Vec<bool> = self.terms.groups.iter().map(|group| is_for(group, scope.industries)).collect();
        let (mut found, allowed) = self.matches(&folded, &applies);
        let (allowed, open) = (Cover::of(allowed.0), Cover::of(allowed.1));
        if found.is_empty() {
            return Vec::new();
        }
        let begins = |span: Span| Span { last: span.first, ..span };
        found.retain(|found| !allowed.holds(found.span) && !open.holds(begins(found.span)));
        let brands = brands(&folded, scope.brands);
        found.retain_mut(|found| {
            if brands.holds(found.span) {
                found.weight = found.weight.min(Weight::Person);
            }
            !brands.holds_more_than(found.span)
        });
        found.sort_by_key(|it| (it.span.first, std::cmp::Reverse((it.span.last, it.weight))));
        let mut reach = [None; 2];
        found.retain(|it| {
            let refuses = it.weight == Weight::Refuse;
            let hidden = reach[usize::from(refuses)].is_some_and(|reach| it.span.last <= reach);
            reach[0] = reach[0].max(Some(it.span.last));
            if refuses {
                reach[1] = reach[1].max(Some(it.span.last));
            }
            !hidden
        });
        self.placed(text, &folded, &found)
    }

    /// The matches of words that apply, and the spans of allowed phrases, those that are open apart. Of two parts of an allowed phrase the
    /// second one allows.
    fn matches(&self, folded: &Folded, applies: &[bool]) -> (Vec<Found>, (Vec<Span>, Vec<Span>)) {
        let (mut found, mut allowed, mut open) = (Vec::new(), Vec::new(), Vec::new());
        let mut heads: Vec<Option<(Span, Weight)>> = vec![None; self.pairs];
        for it in self.automaton.find_overlapping_iter(&folded.text) {
            let pattern = &self.patterns[it.pattern().as_usize()];
            let span = Span { first: folded.letter_at(it.start()), last: folded.letter_at(it.end() - 1) };
            let Some(weight) = strictest(folded, span, pattern.spaced) else { continue };
            for Use { part, entry } in &pattern.uses {
                let (whole, weight) = match part {
                    Part::Whole => (span, weight),
                    Part::Head(pair) => {
                        heads[*pair] = Some((span, weight));
                        continue;
                    }
                    Part::Tail(pair) => match heads[*pair].filter(|(head, _)| joins(folded, *head, span)) {
                        Some((head, before)) => (Span { first: head.first, last: span.last }, weight.min(before)),
                        None => continue,
                    },
                };
                match *entry {
                    // A phrase that had to be put together from two clauses excuses nothing.
                    Entry::Allowed { open: false } if weight == Weight::Refuse => allowed.push(span),
                    Entry::Allowed { open: true } if weight == Weight::Refuse => open.push(span),
                    Entry::Word { group, .. } if applies[group] => {
                        let own = self.terms.groups[group].weight;
                        let own = if own == WordWeight::Refuse { Weight::Refuse } else { Weight::Person };
                        found.push(Found { span: whole, entry: *entry, weight: weight.min(own) });
                    }
                    Entry::Allowed { .. } | Entry::Word { .. } => {}
                }
            }
        }
        (found, (allowed, open))
    }

    /// Letters as places in the text. The matches are in order.
    fn placed(&self, text: &str, folded: &Folded, found: &[Found]) -> Vec<Hit<'_>> {
        let (mut line, mut column, mut read) = (1, 1, 0);
        let mut hits = Vec::with_capacity(found.len());
        for it in found {
            let Entry::Word { group, word } = it.entry else { continue };
            let (Some(first), Some(last)) = (folded.letters.get(it.span.first), folded.letters.get(it.span.last))
            else {
                continue;
            };
            let (from, to) = (first.from as usize, last.to as usize);
            for letter in text[read..from].chars() {
                (line, column) = if letter == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            read = from;
            let group = &self.terms.groups[group];
            hits.push(Hit { range: from..to, line, column, word: &group.words[word], group, weight: it.weight });
        }
        hits
    }
}

/// Its letters only, in the form in which what reads alike is the same.
pub(super) fn plain(text: &str) -> String {
    Folded::of(text).text
}

/// Whether a word can be looked for, or a phrase allowed.
///
/// # Errors
/// See [`Words::new`].
pub fn check(text: &str, allowed: bool) -> Result<(), WordsError> {
    parts(text, allowed).map(drop)
}

/// The folded parts of a word; of an allowed phrase without the `…` that leaves its end open.
fn parts(text: &str, allowed: bool) -> Result<Vec<Folded>, WordsError> {
    let text = if allowed { text.strip_suffix('…').unwrap_or(text) } else { text };
    if text.chars().count() > WordTerms::LONGEST {
        return Err(WordsError::TooLong(text.to_owned()));
    }
    let parts: Vec<_> = text.split('…').map(Folded::of).collect();
    let letters = parts.iter().flat_map(|part| part.text.chars());
    if parts.len() == 1 && letters.clone().count() < 2 && letters.clone().all(|letter| letter.is_ascii()) {
        return Err(WordsError::Nothing(text.to_owned()));
    }
    if parts.len() > 2 || parts.iter().any(|part| part.letters.is_empty()) {
        return Err(WordsError::Parts(text.to_owned()));
    }
    Ok(parts)
}

fn is_for(group: &WordGroup, industries: &[&str]) -> bool {
    let named = |list: &[String]| industries.iter().any(|it| list.iter().any(|parent| within_category(it, parent)));
    (group.industries.is_empty() || named(&group.industries)) && !named(&group.except)
}

/// The most that may follow from a match; `None`: it is a part of another word.
fn strictest(folded: &Folded, span: Span, spaced: u64) -> Option<Weight> {
    let joined = |letter: usize| {
        folded.letters.get(letter).is_some_and(|it| it.gap == Gap::None)
            && letter > 0
            && folded.is_latin(letter)
            && folded.is_latin(letter - 1)
    };
    if joined(span.first) || joined(span.last + 1) {
        return None;
    }
    let parted = |letter: usize| match folded.letters.get(letter).map(|it| it.gap) {
        Some(Gap::Clause) => true,
        Some(Gap::Space) => {
            let own = spaced.checked_shr((letter - span.first) as u32).is_some_and(|bits| bits & 1 == 1);
            !own && folded.is_latin(letter) && folded.is_latin(letter - 1)
        }
        _ => false,
    };
    Some(if (span.first + 1..=span.last).any(parted) { Weight::Person } else { Weight::Refuse })
}

/// Whether two parts stand near each other in one clause.
fn joins(folded: &Folded, head: Span, tail: Span) -> bool {
    let between = tail.first.checked_sub(head.last + 1);
    between.is_some_and(|between| between <= WordGroup::MOST_BETWEEN)
        && folded.letters[head.last + 1..=tail.first].iter().all(|letter| letter.gap != Gap::Clause)
}

/// Where the advertiser's brands stand.
fn brands(folded: &Folded, brands: &[&str]) -> Cover {
    let mut spans = Vec::new();
    for brand in brands.iter().take(MOST_BRANDS) {
        let brand = Folded::of(brand).text;
        if brand.is_empty() {
            continue;
        }
        for from in memchr::memmem::find_iter(folded.text.as_bytes(), &brand) {
            let span = Span { first: folded.letter_at(from), last: folded.letter_at(from + brand.len() - 1) };
            if strictest(folded, span, u64::MAX) == Some(Weight::Refuse) {
                spans.push(span);
            }
        }
    }
    Cover::of(spans)
}

/// A hit in words.
fn finding(text: &str, place: &str, hit: &Hit<'_>) -> Finding {
    let written = &text[hit.range.clone()];
    let before: Vec<_> = text[..hit.range.start].chars().rev().take(AROUND).collect();
    let behind = text[hit.range.end..].chars().take(AROUND);
    let around: String =
        before.into_iter().rev().chain(['【']).chain(written.chars()).chain(['】']).chain(behind).collect();
    let (mut en, mut zh) = (format!("\"{}\"", hit.word), format!("“{}”", hit.word));
    if written != hit.word {
        let short: String = written.chars().take(Finding::LONGEST / 4).collect();
        en += &format!(" (written \"{short}\")");
        zh += &format!("（原文写作“{short}”）");
    }
    let WordGroup { name, en: why, zh: reason, .. } = hit.group;
    let words = (format!("{en}: {why}"), format!("{zh}：{reason}"));
    let place = format!("{place}:{}:{}", hit.line, hit.column);
    let mut finding = Finding::new("R-REVIEW", "words", hit.weight, (place, &around), words);
    finding.code = Cow::Owned(format!("words-{name}"));
    finding
}
