//! Who may advertise what with which documents, and the bounds of a review (R-QUALIFY, R-SCOPE, R-REVIEW).

use crate::market::figures::BasisPoints;
use crate::market::supply::within_category;

/// A name in the two languages that people of the exchange and its partners read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// What `content.toml` says. Where it is not there, what `control::config` ships applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentTerms {
    /// Kinds of documents.
    pub documents: Vec<DocumentKind>,
    /// Industries, each with what it needs.
    pub industries: Vec<Industry>,
    /// Why a review refuses, by code.
    pub reasons: Vec<Reason>,
    /// Hosts that may be told of impressions and clicks beside the exchange's listed monitors, with their subdomains; lower case.
    pub tracker_hosts: Vec<String>,
    /// The most trackers of one creative.
    pub most_trackers: u32,
    /// So many days before a document's end its buyer is told, each once.
    pub expiry_notice_days: Vec<u32>,
    /// An account that was unused for more days than these is verified again before it is used (R-IDLE).
    pub idle_days: u32,
    /// Which approved creatives are checked again.
    pub spot_checks: SpotChecks,
    /// Bounds.
    pub limits: Limits,
}

/// A kind of document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentKind {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: Name,
    /// The forms that its number may have; empty: any. See [`number_fits`].
    pub forms: Vec<String>,
    /// Whether the first six digits of its number are the last day of its validity, as `YYMMDD`: so it is with approvals of advertisements
    /// for drugs, medical devices, health food and food for special medical purposes.
    pub ends_by_number: bool,
    /// Whether each ad must show its number.
    pub shown: bool,
    /// Whether each of the buyer's clients needs one on file (R-SCOPE): it stands for the contract and is asked for in every industry.
    pub contract: bool,
}

/// An industry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Industry {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: Name,
    /// Categories (IAB content taxonomy 1.0) that are of it, with their children.
    pub categories: Vec<String>,
    /// What is needed: of each list one of the kinds, by id.
    pub needs: Vec<Vec<String>>,
    /// Whether nothing of it runs here (R-SCOPE).
    pub excluded: bool,
    /// Whether each advertiser is of it, whatever it says.
    pub of_all: bool,
}

/// Why a review refuses or suspends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// Its code: what is kept.
    pub code: String,
    /// The rule that is against the content.
    pub rule: String,
    /// In words.
    pub name: Name,
}

/// Spot checks of what was approved (R-REVIEW).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotChecks {
    /// The share of approved creatives that is drawn each day.
    pub share: BasisPoints,
    /// The most that are drawn of a day.
    pub most: u32,
}

/// Bounds of what partners send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a creative's markup.
    pub markup_bytes: usize,
    /// Bytes of one uploaded file of a creative.
    pub file_bytes: usize,
    /// Files of a creative.
    pub files: u32,
    /// Bytes of a document of an advertiser.
    pub document_bytes: usize,
    /// Documents of an advertiser, with their renewals.
    pub documents: u32,
    /// Versions of a creative.
    pub versions: u32,
    /// Creatives in one batch.
    pub batch: u32,
    /// Versions of creatives of one buyer that wait for their checks or for a person.
    pub waiting: u32,
}

impl Default for SpotChecks {
    fn default() -> Self {
        Self { share: BasisPoints(100), most: 50 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            markup_bytes: 64 << 10,
            file_bytes: 16 << 20,
            files: 20,
            document_bytes: 8 << 20,
            documents: 100,
            versions: 1_000,
            batch: 100,
            waiting: 1_000,
        }
    }
}

impl ContentTerms {
    /// The kind of document with that id.
    #[must_use]
    pub fn document(&self, id: &str) -> Option<&DocumentKind> {
        self.documents.iter().find(|kind| kind.id == id)
    }

    /// The industry with that id.
    #[must_use]
    pub fn industry(&self, id: &str) -> Option<&Industry> {
        self.industries.iter().find(|industry| industry.id == id)
    }

    /// The industries that a media may prohibit, by their ids (R-CATEGORY): all but those that everybody is of.
    pub fn prohibitable(&self) -> impl Iterator<Item = &str> + Clone {
        self.industries.iter().filter(|industry| !industry.of_all).map(|industry| industry.id.as_str())
    }

    /// Categories, with those of industries, each once (R-CATEGORY). An industry that is not known has none.
    #[must_use]
    pub fn with_industries(&self, categories: &[String], industries: &[String]) -> Vec<String> {
        let mut all = categories.to_vec();
        let known = industries.iter().filter_map(|id| self.industry(id));
        for category in known.flat_map(|industry| &industry.categories) {
            if !all.contains(category) {
                all.push(category.clone());
            }
        }
        all
    }

    /// The reason with that code.
    #[must_use]
    pub fn reason(&self, code: &str) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.code == code)
    }

    /// The industries of an advertiser: those that it names, those of its category, and those that everybody is of.
    pub fn industries_of<'t>(&'t self, category: &'t str, named: &'t [String]) -> impl Iterator<Item = &'t Industry> {
        self.industries.iter().filter(move |industry| {
            industry.of_all
                || named.contains(&industry.id)
                || industry.categories.iter().any(|parent| within_category(category, parent))
        })
    }
}

/// The longest number of a document, characters.
pub const LONGEST_NUMBER: usize = 64;

/// Whether a document's number has a form. In a form `0` is a digit, `×` a Chinese character (the short name of a province, say), `a/b/c` one of
/// these characters, `*` one or more of any; everything else is itself. Full-width brackets, digits and letters are as their narrow ones, and
/// spaces do not count: so the same form is written as the statute prints it.
#[must_use]
pub fn number_fits(number: &str, form: &str) -> bool {
    let number: Vec<char> = plain(number).collect();
    let form: Vec<char> = plain(form).collect();
    number.len() <= LONGEST_NUMBER && fits(&number, &form)
}

/// The first six digits of a number, as the day `YYMMDD` of this century.
#[must_use]
pub fn last_day_of(number: &str) -> Option<crate::clock::ShanghaiDay> {
    let digits: String = plain(number).filter(char::is_ascii_digit).take(6).collect();
    let (year, rest) = digits.split_at_checked(2)?;
    let (month, day) = rest.split_at_checked(2)?;
    crate::clock::ShanghaiDay::parse(&format!("20{year}-{month}-{day}"))
}

/// A number as it is compared: narrow forms, no spaces.
fn plain(text: &str) -> impl Iterator<Item = char> + '_ {
    let narrow = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        '〔' | '【' => '[',
        '〕' | '】' => ']',
        other => other,
    };
    text.chars().filter(|letter| !letter.is_whitespace()).map(narrow)
}

fn fits(number: &[char], form: &[char]) -> bool {
    let Some((first, mut rest)) = form.split_first() else { return number.is_empty() };
    if *first == '*' {
        return (1..=number.len()).any(|taken| number.get(taken..).is_some_and(|left| fits(left, rest)));
    }
    let mut choices = vec![*first];
    while let ['/', next, left @ ..] = rest {
        choices.push(*next);
        rest = left;
    }
    let Some((letter, left)) = number.split_first() else { return false };
    let is = |choice: &char| match choice {
        '0' => letter.is_ascii_digit(),
        '×' => ('\u{4e00}'..='\u{9fff}').contains(letter),
        other => letter == other,
    };
    choices.iter().any(is) && fits(left, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShanghaiDay;

    #[test]
    fn r_qualify_numbers_are_judged_by_the_form_that_the_statute_prints() {
        let drug = "×药广审（视/声/文）第000000-00000号";
        for right in
            ["沪药广审（文）第271130-00123号", "京药广审(视)第 271130-00123 号", "浙药广审（声）第２７１１３０-00123号"]
        {
            assert!(number_fits(right, drug), "{right}");
        }
        for wrong in
            ["沪药广审（图）第271130-00123号", "沪药广审（文）第27113-00123号", "A药广审（文）第271130-00123号", ""]
        {
            assert!(!number_fits(wrong, drug), "{wrong}");
        }
        assert!(number_fits("国新出审〔2026〕1234号", "国新出审[0000]*号"));
        assert!(!number_fits("国新出审〔2026〕号", "国新出审[0000]*号"), "a star stands for something");
        assert_eq!(last_day_of("沪药广审（文）第271130-00123号"), ShanghaiDay::parse("2027-11-30"));
        assert_eq!(last_day_of("沪药广审（文）第271330-00123号"), None, "no such month");
    }

    #[test]
    fn a_hostile_form_takes_no_more_than_its_length() {
        let long = "a".repeat(LONGEST_NUMBER);
        assert!(!number_fits(&long, "*b*b*"));
        assert!(!number_fits(&"a".repeat(LONGEST_NUMBER + 1), "*"));
    }
}
