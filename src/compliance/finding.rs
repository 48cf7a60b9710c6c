//! What a check found: which rule, what, where, in Chinese and English.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// A person should know it; nothing follows.
    Note,
    /// A person decides.
    Person,
    /// It is refused.
    Refuse,
}

/// A language that findings are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which rule: `R-MALICE`, …
    pub rule: Cow<'static, str>,
    /// What kind of finding, for programs: `foreign-script`, … Once given it keeps its meaning.
    pub code: Cow<'static, str>,
    /// What follows.
    pub weight: Weight,
    /// Where: `adm:3:17`, `adm VAST/Ad/InLine`, `file banner.png`, `page https://…`.
    pub place: String,
    /// What stands there, at most [`Finding::LONGEST`] characters, with control characters shown.
    pub found: String,
    /// In English: what is wrong and what would be right.
    pub en: String,
    /// The same in Chinese.
    pub zh: String,
}

impl Finding {
    /// The most characters of what was found that are told.
    pub const LONGEST: usize = 200;

    /// A finding.
    pub fn new(
        rule: &'static str,
        code: &'static str,
        weight: Weight,
        (place, found): (impl Into<String>, &str),
        (en, zh): (impl Into<String>, impl Into<String>),
    ) -> Self {
        let shown = |it: char| if it.is_control() { it.escape_default().collect() } else { it.to_string() };
        let mut cut: String = found.chars().take(Self::LONGEST).map(shown).collect();
        if found.chars().nth(Self::LONGEST).is_some() {
            cut.push('…');
        }
        let (rule, code) = (rule.into(), code.into());
        Self { rule, code, weight, place: place.into(), found: cut, en: en.into(), zh: zh.into() }
    }

    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

/// What follows from several findings; `None`: there is none.
#[must_use]
pub fn heaviest(findings: &[Finding]) -> Option<Weight> {
    findings.iter().map(|finding| finding.weight).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_cut_and_shows_what_does_not_print() {
        let long = "赞".repeat(Finding::LONGEST + 1);
        let words = ("too long", "过长");
        let finding = Finding::new("R-REVIEW", "length", Weight::Note, ("adm", &long), words);
        assert_eq!(finding.found.chars().count(), Finding::LONGEST + 1);
        let finding = Finding::new("R-REVIEW", "length", Weight::Note, ("adm", "a\u{0}b\n"), words);
        assert_eq!((finding.found.as_str(), finding.words(Language::Chinese)), ("a\\u{0}b\\n", "过长"));
    }

    #[test]
    fn the_heaviest_decides() {
        let of = |weight| Finding::new("R-REVIEW", "length", weight, ("adm", ""), ("", ""));
        assert_eq!(heaviest(&[]), None);
        assert_eq!(heaviest(&[of(Weight::Person), of(Weight::Refuse), of(Weight::Note)]), Some(Weight::Refuse));
    }
}
