//! What automatic checks can say: each check once, with its rule, its code, what follows and its words, so that the list of codes
//! (docs/content-checks.md) is what the program does.

use std::fmt::Display;

use super::finding::{Finding, Weight};

/// One thing that a check can say.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Which rule.
    pub rule: &'static str,
    /// Its code. Once given it keeps its meaning.
    pub code: &'static str,
    /// What follows.
    pub weight: Weight,
    /// In English; `{}` is a limit or what was expected.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
}

impl Check {
    /// It was found there.
    #[must_use]
    pub fn at(&self, place: impl Into<String>, found: &str) -> Finding {
        Finding::new(self.rule, self.code, self.weight, (place, found), (self.en, self.zh))
    }

    /// It was found there; `limit` is what is allowed or expected.
    #[must_use]
    pub fn over(&self, place: impl Into<String>, found: &str, limit: impl Display) -> Finding {
        let words = |words: &str| words.replacen("{}", &limit.to_string(), 1);
        Finding::new(self.rule, self.code, self.weight, (place, found), (words(self.en), words(self.zh)))
    }
}

/// Checks as constants, and `ALL` of them.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $rule:literal, $code:literal, $weight:ident, $en:literal, $zh:literal;)*) => {
        $(
            $(#[$doc])*
            pub(in crate::compliance) const $name: $crate::compliance::check::Check = $crate::compliance::check::Check {
                rule: $rule, code: $code, weight: $crate::compliance::finding::Weight::$weight, en: $en, zh: $zh,
            };
        )*
        /// All of them.
        pub(in crate::compliance) const ALL: &[$crate::compliance::check::Check] = &[$($name),*];
    };
}
pub(in crate::compliance) use checks;

/// All that the checks of markup and of files can say, in the order of docs/content-checks.md.
pub fn every() -> impl Iterator<Item = &'static Check> {
    super::markup::checks::ALL.iter().chain(super::upload::checks::ALL).chain(super::files::checks::ALL)
}

/// Findings of one submission: as many as a person reads, and no more.
#[derive(Debug, Default)]
pub(in crate::compliance) struct Findings {
    list: Vec<Finding>,
    left_out: usize,
    refused: usize,
}

impl Findings {
    /// The most that are told; what refuses takes the place of what does not.
    const MOST: usize = 100;

    pub(in crate::compliance) fn push(&mut self, finding: Finding) {
        if self.list.contains(&finding) {
            return;
        }
        self.refused += usize::from(finding.weight == Weight::Refuse);
        if self.list.len() < Self::MOST {
            return self.list.push(finding);
        }
        self.left_out += 1;
        let lighter = self.list.iter().rposition(|it| it.weight < finding.weight);
        if let Some(there) = lighter.and_then(|at| self.list.get_mut(at)) {
            *there = finding;
        }
    }

    /// How many of them refuse.
    pub(in crate::compliance) fn refused(&self) -> usize {
        self.refused
    }

    /// In the order in which they were found; `more` tells of those that were left out.
    pub(in crate::compliance) fn told(mut self, more: &Check) -> Vec<Finding> {
        if self.left_out > 0 {
            let left_out = self.left_out.to_string();
            self.list.push(more.over("adm", &left_out, Self::MOST));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: Check = Check { rule: "R-REVIEW", code: "a", weight: Weight::Note, en: "over {}", zh: "超过{}" };
    const WRONG: Check = Check { weight: Weight::Refuse, code: "b", ..NOTE };

    /// The page lists each check as it is, and nothing else.
    #[test]
    fn the_page_of_codes_is_true() {
        let page = include_str!("../../docs/content-checks.md");
        let told: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |it: &Check| {
            let weight = format!("{:?}", it.weight).to_lowercase();
            format!("| `{}` | {} | {weight} | {} {} |", it.code, it.rule, it.en, it.zh).replace("{}", "…")
        };
        let is: Vec<_> = every().map(row).collect();
        for row in &is {
            assert!(told.contains(&row.as_str()), "docs/content-checks.md lacks\n{row}");
        }
        assert_eq!(told.len(), is.len(), "docs/content-checks.md has rows of no check");
        let codes: std::collections::BTreeSet<_> = every().map(|it| it.code).collect();
        assert_eq!(codes.len(), is.len(), "a code stands for two checks");
        assert!(every().all(|it| it.en.matches("{}").count() == it.zh.matches("{}").count()));
    }

    #[test]
    fn what_refuses_is_told_however_much_else_is_found() {
        let mut findings = Findings::default();
        // Each twice, which is told once.
        for n in (0..50).chain(0..150) {
            findings.push(NOTE.over("adm", &n.to_string(), 3));
        }
        findings.push(WRONG.at("adm", "x"));
        let told = findings.told(&NOTE);
        assert_eq!((told.len(), told.iter().filter(|it| it.weight == Weight::Refuse).count()), (101, 1));
        assert_eq!(told.last().map(|it| (it.found.as_str(), it.zh.as_str())), Some(("51", "超过100")));
        assert_eq!(told.first().map(|it| it.en.as_str()), Some("over 3"));
    }
}
