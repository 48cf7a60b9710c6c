//! What a media prohibits beside its contract, edited by itself (R-CATEGORY): the form of the record in the docket, and the one way to change it.

mod desk;

use std::collections::HashSet;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Weight};
use super::words::Banned;
use crate::market::policy::content::ContentTerms;

pub use desk::{Change, Edit, EditError, Edited, IN_FORCE, Present, changes, edit, present};

/// What a media never shows. An ad that any of it names is neither offered nor accepted there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prohibitions {
    /// Categories of the IAB content taxonomy 1.0; a category includes its children.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Industries, by the ids of the terms: of each its categories, and the advertisers that name it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub industries: Vec<String>,
    /// Advertisers, as `ACCOUNT/ADVERTISER`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advertisers: Vec<String>,
    /// Domains of advertisers, lower case; a domain includes its subdomains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Creative attributes (AdCOM 1.0, list Creative Attributes).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<i32>,
    /// Words that no ad says: in any width, spacing, script and spelling that reads alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
}

impl Prohibitions {
    /// Entries of each kind at most.
    pub const MOST: usize = 1_000;

    /// What of it cannot be taken: every entry that is malformed, not known, or there twice, and lists that are too long.
    #[must_use]
    pub fn check(&self, terms: &ContentTerms) -> Vec<Finding> {
        let mut found = Vec::new();
        let category = ("an IAB category such as IAB7 or IAB7-39", "应为 IAB 内容分类，如 IAB7 或 IAB7-39");
        each(&mut found, "categories", &self.categories, is_category, category);
        let known: Vec<_> = terms.prohibitable().collect();
        let listed = known.join(", ");
        let industry = (&*format!("an industry of the exchange: {listed}"), &*format!("应为平台的行业编号：{listed}"));
        each(&mut found, "industries", &self.industries, |id| known.contains(&id), industry);
        let advertiser = ("an advertiser as ACCOUNT/ADVERTISER", "应为“账户号/广告主编号”形式的广告主");
        each(&mut found, "advertisers", &self.advertisers, is_advertiser, advertiser);
        let domain = (
            "a domain such as qinghe.example, in lower case, without scheme or path",
            "应为小写域名，如 qinghe.example，不含协议与路径",
        );
        each(&mut found, "domains", &self.domains, is_domain, domain);
        let attributes: Vec<String> = self.attributes.iter().map(i32::to_string).collect();
        let attribute = ("a creative attribute of AdCOM 1.0, 1 to 9999", "应为 AdCOM 1.0 创意属性编号，1 至 9999");
        let known = |text: &str| text.parse().is_ok_and(|number: i32| (1..=9_999).contains(&number));
        each(&mut found, "attributes", &attributes, known, attribute);
        let word = (
            "a word of at most 64 characters on one line, with an ideograph, or two letters or digits",
            "应为不超过 64 个字符的单行词语，至少含一个汉字，或两个字母或数字",
        );
        each(&mut found, "words", &self.words, Banned::takes, word);
        found
    }

    /// What of this is not in another one.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            categories: only(&self.categories, &other.categories),
            industries: only(&self.industries, &other.industries),
            advertisers: only(&self.advertisers, &other.advertisers),
            domains: only(&self.domains, &other.domains),
            attributes: only(&self.attributes, &other.attributes),
            words: only(&self.words, &other.words),
        }
    }
}

fn only<T: Clone + Eq + Hash>(these: &[T], those: &[T]) -> Vec<T> {
    let those: HashSet<&T> = those.iter().collect();
    these.iter().filter(|it| !those.contains(it)).cloned().collect()
}

fn each(found: &mut Vec<Finding>, list: &str, entries: &[String], is: impl Fn(&str) -> bool, (en, zh): (&str, &str)) {
    let mut tell = |place: String, code, entry: &str, words: (String, String)| {
        found.push(Finding::new("R-CATEGORY", code, Weight::Refuse, (place, entry), words));
    };
    if entries.len() > Prohibitions::MOST {
        let (count, most) = (entries.len(), Prohibitions::MOST);
        let words = (format!("{count} entries are more than {most}"), format!("共 {count} 项，超过上限 {most} 项"));
        return tell(list.to_owned(), "too-many", &count.to_string(), words);
    }
    let mut seen = HashSet::new();
    for (place, entry) in entries.iter().enumerate() {
        let at = format!("{list}[{place}]");
        if !is(entry) {
            tell(at, "malformed", entry, (format!("must be {en}"), zh.to_owned()));
        } else if !seen.insert(entry) {
            tell(at, "twice", entry, ("stands there twice".to_owned(), "重复".to_owned()));
        }
    }
}

/// IAB content taxonomy 1.0: 26 categories, and their children.
fn is_category(text: &str) -> bool {
    let number = |part: &str, most: u16| {
        let plain = part.bytes().all(|it| it.is_ascii_digit()) && !part.starts_with('0') && part.len() <= 3;
        plain && part.parse::<u16>().is_ok_and(|it| it <= most)
    };
    text.strip_prefix("IAB").is_some_and(|rest| match rest.split_once('-') {
        Some((parent, child)) => number(parent, 26) && number(child, 999),
        None => number(rest, 26),
    })
}

fn is_advertiser(text: &str) -> bool {
    let id = |part: &str| {
        let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-');
        (1..=64).contains(&part.len()) && part.bytes().all(plain)
    };
    text.split_once('/').is_some_and(|(account, advertiser)| {
        account.bytes().all(|it| it.is_ascii_digit()) && id(account) && id(advertiser)
    })
}

fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        (1..=63).contains(&part.len()) && part.bytes().all(plain) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::policy::content::Industry;

    fn of(categories: &[&str], advertisers: &[&str], domains: &[&str], attributes: &[i32]) -> Prohibitions {
        let texts = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        Prohibitions {
            categories: texts(categories),
            industries: Vec::new(),
            advertisers: texts(advertisers),
            domains: texts(domains),
            attributes: attributes.to_vec(),
            words: Vec::new(),
        }
    }

    fn terms() -> ContentTerms {
        let of = |id: &str, of_all| Industry { id: id.to_owned(), of_all, ..Industry::default() };
        ContentTerms { industries: vec![of("any", true), of("games", false), of("food", false)], ..Default::default() }
    }

    #[test]
    fn r_category_an_industry_is_known_and_not_everybodys() {
        let industries = ["games", "any", "toys", "games"].map(str::to_owned).to_vec();
        let found = Prohibitions { industries, ..Prohibitions::default() }.check(&terms());
        let told: Vec<_> = found.iter().map(|it| format!("{} {}", it.place, it.code)).collect();
        assert_eq!(told, ["industries[1] malformed", "industries[2] malformed", "industries[3] twice"]);
        assert_eq!(found[1].en, "must be an industry of the exchange: games, food");
        assert_eq!((found[1].found.as_str(), found[1].zh.as_str()), ("toys", "应为平台的行业编号：games, food"));
    }

    #[test]
    fn r_category_each_wrong_entry_is_told_with_its_place() {
        let right =
            of(&["IAB7", "IAB7-39", "IAB26"], &["80010003/paopao-games"], &["a.example", "xn--fiqs8s.cn"], &[1, 500]);
        assert_eq!(right.check(&terms()), []);
        let wrong = of(
            &["IAB27", "iab7", "IAB7-", "IAB7-1000", "IAB7", "IAB7"],
            &["paopao", "x/y", "80010003/", "80010003/a b"],
            &["A.example", "example", "https://a.example", "-a.example", "a..example"],
            &[0, 10_000, 1, 1],
        );
        let told: Vec<_> = wrong.check(&terms()).into_iter().map(|it| format!("{} {}", it.place, it.code)).collect();
        let expected = [
            "categories[0] malformed",
            "categories[1] malformed",
            "categories[2] malformed",
            "categories[3] malformed",
            "categories[5] twice",
            "advertisers[0] malformed",
            "advertisers[1] malformed",
            "advertisers[2] malformed",
            "advertisers[3] malformed",
            "domains[0] malformed",
            "domains[1] malformed",
            "domains[2] malformed",
            "domains[3] malformed",
            "domains[4] malformed",
            "attributes[0] malformed",
            "attributes[1] malformed",
            "attributes[3] twice",
        ];
        assert_eq!(told, expected);
        let words = ["赌", "a", "Best Price", "a\tb", "赌"].map(str::to_owned).to_vec();
        let told = Prohibitions { words, ..Prohibitions::default() }.check(&terms());
        let told: Vec<_> = told.into_iter().map(|it| format!("{} {}", it.place, it.code)).collect();
        assert_eq!(told, ["words[1] malformed", "words[3] malformed", "words[4] twice"]);
        let many = Prohibitions { attributes: (1..=1_001).collect(), ..Prohibitions::default() };
        assert_eq!(many.check(&terms())[0].en, "1001 entries are more than 1000");
    }
}
