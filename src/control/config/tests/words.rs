//! `words.toml`, with and without it.

use super::*;
use crate::compliance::finding::Weight;
use crate::compliance::words::Words;

#[test]
fn r_review_a_folder_without_words_has_what_is_shipped_and_the_laws_terms_refuse() {
    let mut files = example();
    files.remove("words.toml").unwrap();
    let sources = Sources::from_files(Path::new("config"), files).unwrap();
    let without = compile(&sources, &mut IdBook::default(), &moment()).unwrap().market;
    let with = edited(&[]).unwrap().market;
    assert_eq!(without.terms.words, with.terms.words, "the example is what is shipped");
    let words = Words::new(WordTerms::clone(&without.terms.words)).unwrap();
    for term in ["国家级", "最高级", "最佳"] {
        let findings = words.find(term, "adm");
        assert_eq!(findings.first().map(|finding| finding.weight), Some(Weight::Refuse), "{term}");
    }
    // Industries are those of content.toml, or IAB categories.
    let known = |id: &String| without.terms.content.industry(id).is_some() || id.starts_with("IAB");
    for group in &without.terms.words.groups {
        assert!(group.industries.iter().chain(&group.except).all(known), "{}", group.name);
    }
}

#[test]
fn words_that_cannot_be_looked_for_have_their_line() {
    let list = "words = [\"国家级\", \"最高级\", \"最佳\"]";
    let line = example_line("words.toml", list);
    let told = |instead: &str, why: &str| {
        check(&[("words.toml", list, instead)], &[&format!("config/words.toml:{line}: {why}")]);
    };
    let nothing = "has no letters that could be found: a word has an ideograph, or two letters or digits";
    told("words = [\"!\"]", &format!("an item of `words` cannot be looked for: `!` {nothing}"));
    told("words = [\"最佳\", \"最佳\"]", "`最佳` stands twice in this list");
    told(
        "words = [\"a…b…c\"]",
        "an item of `words` cannot be looked for: `a…b…c` must have one `…` between two parts that are not empty",
    );
    told("words = []", "`words` is empty");
}

/// The line of a text in a file of the example.
fn example_line(file: &str, text: &str) -> usize {
    let files = example();
    let read = std::str::from_utf8(&files[file]).unwrap();
    read[..read.find(text).unwrap()].matches('\n').count() + 1
}
