//! Words of several lists, looked for at once: in whose list is one that a text says? (R-CATEGORY: what media prohibit.)

use std::collections::{BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::fold::{Folded, Gap};
use super::{Span, Spoken, WordsError, strictest};
use crate::compliance::finding::Weight;

/// Lists of words, ready to be looked for.
#[derive(Debug)]
pub struct Banned {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
}

/// A folded word.
#[derive(Debug, Default)]
struct Pattern {
    /// In which lists it stands, ascending.
    lists: Vec<u32>,
    /// Letters, from 0, before which the word itself has a space; bit by bit.
    spaced: u64,
}

impl Banned {
    /// The longest word, characters.
    pub const LONGEST: usize = 64;

    /// Whether a word can be looked for: at most [`Banned::LONGEST`] characters, one of them an ideograph or the like, or two letters or digits;
    /// on one line.
    #[must_use]
    pub fn takes(word: &str) -> bool {
        let letters = Folded::of(word).text;
        let found = !letters.is_ascii() || letters.chars().nth(1).is_some();
        found && word.chars().count() <= Self::LONGEST && !word.chars().any(char::is_control)
    }

    /// Makes lists ready. What cannot be looked for is left out.
    ///
    /// # Errors
    /// [`WordsError::TooLarge`].
    pub fn new<'w>(lists: impl IntoIterator<Item = &'w [String]>) -> Result<Self, WordsError> {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut patterns: Vec<Pattern> = Vec::new();
        for (list, words) in (0_u32..).zip(lists) {
            for word in words.iter().filter(|word| Self::takes(word)) {
                let folded = Folded::of(word);
                let spaces = folded.letters.iter().enumerate().filter(|(_, letter)| letter.gap >= Gap::Space);
                let spaced = spaces.fold(0, |bits, (at, _)| bits | 1_u64.checked_shl(at as u32).unwrap_or(0));
                let place = *known.entry(folded.text).or_insert_with(|| {
                    patterns.push(Pattern::default());
                    patterns.len() - 1
                });
                let pattern = &mut patterns[place];
                pattern.spaced |= spaced;
                if pattern.lists.last() != Some(&list) {
                    pattern.lists.push(list);
                }
            }
        }
        let mut texts = vec![""; patterns.len()];
        known.iter().for_each(|(text, place)| texts[*place] = text);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&texts)
            .map_err(|why| WordsError::TooLarge(why.to_string()))?;
        Ok(Self { automaton, patterns })
    }

    /// The lists, by their place, of which a word occurs in one of the texts. A word whose letters stand in two clauses, or a Latin one that is a
    /// part of another or that spaces make, does not occur.
    #[must_use]
    pub fn lists_in(&self, texts: &[Spoken]) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for said in texts {
            let folded = Folded::of(&said.text);
            for it in self.automaton.find_overlapping_iter(&folded.text) {
                let pattern = &self.patterns[it.pattern().as_usize()];
                let span = Span { first: folded.letter_at(it.start()), last: folded.letter_at(it.end() - 1) };
                if strictest(&folded, span, pattern.spaced) == Some(Weight::Refuse) {
                    found.extend(&pattern.lists);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists_of(lists: &[&[&str]], text: &str) -> Vec<u32> {
        let lists: Vec<Vec<String>> =
            lists.iter().map(|list| list.iter().map(|it| (*it).to_owned()).collect()).collect();
        let banned = Banned::new(lists.iter().map(Vec::as_slice)).unwrap();
        let said = ["nothing", text].map(|text| Spoken { place: String::new(), text: text.to_owned() });
        banned.lists_in(&said).into_iter().collect()
    }

    #[test]
    fn r_category_a_word_is_found_in_every_form_of_it() {
        let lists: &[&[&str]] = &[&["国家杯", "casino"], &["游戏"], &["国家", "best price", "ＣＡＳＩＮＯ"]];
        let found: [(&str, &[u32]); 12] = [
            ("看国家杯", &[0, 2]),
            ("看國家盃前", &[0, 2]),
            ("看 国 家 杯", &[0, 2]),
            ("国\u{200b}家·杯", &[0, 2]),
            ("ＣＡＳＩＮＯ night", &[0, 2]),
            ("саsіnо", &[0, 2]),
            ("遊戲", &[1]),
            ("the Best  Price!", &[2]),
            ("casinos", &[]),
            ("ca sino", &[]),
            ("看国家，杯", &[2]),
            ("何もない", &[]),
        ];
        for (text, lists_of_text) in found {
            assert_eq!(lists_of(lists, text), lists_of_text, "{text}");
        }
    }

    #[test]
    fn a_word_that_is_found_everywhere_or_nowhere_is_none() {
        let long = "赌".repeat(Banned::LONGEST + 1);
        for (word, takes) in [
            ("赌", true),
            ("a1", true),
            ("a", false),
            ("", false),
            (" - ", false),
            ("a\nb", false),
            (&long, false),
            (&long[3..], true),
        ] {
            assert_eq!(Banned::takes(word), takes, "{word}");
        }
        assert!(lists_of(&[], "赌").is_empty());
        assert!(lists_of(&[&["a"], &[]], "a").is_empty());
    }
}
