//! Words that an ad may not say, or not without a person having read it.

/// The list of words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordTerms {
    /// Groups of words that are looked for.
    pub groups: Vec<WordGroup>,
    /// Phrases in which no word counts: what stands whole inside one of them is not found. `追求…最佳`: 最佳 is allowed where 追求 stands near
    /// before it. `本系列中最…`: whatever word begins in the phrase is allowed.
    pub allowed: Vec<String>,
}

impl WordTerms {
    /// The most words and allowed phrases together.
    pub const MOST: usize = 20_000;
    /// The most characters of a word or phrase.
    pub const LONGEST: usize = 48;
}

/// Words for which the same reason is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordGroup {
    /// Its name, for programs: lower-case letters, digits, hyphens.
    pub name: String,
    /// Whether the words refuse, or a person decides.
    pub weight: WordWeight,
    /// For advertisers of these industries (by id, or IAB categories with their children) only; empty: for all.
    pub industries: Vec<String>,
    /// Not for advertisers of one of these industries.
    pub except: Vec<String>,
    /// Why, in English: the statute, and what would be right.
    pub en: String,
    /// The same in Chinese.
    pub zh: String,
    /// The words. `保证…治愈`: both parts, at most [`WordGroup::MOST_BETWEEN`] characters apart in one clause.
    pub words: Vec<String>,
}

impl WordGroup {
    /// The most letters between the two parts of a word with `…` in it.
    pub const MOST_BETWEEN: usize = 8;
}

/// What follows from a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordWeight {
    /// A person decides.
    Person,
    /// It is refused.
    Refuse,
}
