//! `words.toml`: words that an ad may not say, or not without a person having read it (R-REVIEW). Optional: without it the repository's own
//! `config/words.toml` applies, which is compiled in; a file takes its place as a whole.

use std::collections::HashSet;

use toml::de::DeValue;

use super::diagnostic::{At, File, Report};
use super::names::{choice, id};
use super::reader::{Table, Wrong, read_file};
use super::units::text;
use super::values;
use crate::compliance::words::check;
use crate::market::policy::words::{WordGroup, WordTerms, WordWeight};

const USUAL: &str = include_str!("../../../config/words.toml");
const GROUP_KEYS: &[&str] = &["name", "weight", "industries", "except", "en", "zh", "words"];
const WEIGHTS: &[(&str, WordWeight)] = &[("person", WordWeight::Person), ("refuse", WordWeight::Refuse)];
/// Bytes of a reason: three for an ideograph.
const LONGEST_REASON: usize = 1_000;

/// The list, or `None` when it is refused.
pub(super) fn read(given: Option<&str>, report: &Report) -> Option<WordTerms> {
    read_file(File::Words, given.unwrap_or(USUAL), &["schema", "allowed", "group"], report, list)?
}

fn list(table: Table<'_>) -> Option<WordTerms> {
    let allowed = table.list("allowed", |value| word(value, true)).and_then(|list| unique(table, list));
    let groups = table.tables("group", GROUP_KEYS, group);
    let (allowed, groups) = (allowed?, groups?);
    let mut names = HashSet::new();
    let mut known = true;
    for group in &groups {
        if !names.insert(group.value.name.as_str()) {
            table.report().error(group.place, format!("group `{}` stands twice", group.value.name));
            known = false;
        }
    }
    let count = allowed.len() + groups.iter().map(|group| group.value.words.len()).sum::<usize>();
    if count > WordTerms::MOST {
        let most = WordTerms::MOST;
        table.report().error(table.place, format!("{count} words and phrases are more than {most}"));
        known = false;
    }
    known.then(|| WordTerms { groups: values(groups), allowed })
}

fn group(table: Table<'_>) -> Option<WordGroup> {
    let name = table.required("name", id);
    let weight = table.required("weight", choice(WEIGHTS));
    let industries = table.list("industries", id).map(values);
    let except = table.list("except", id).map(values);
    let (en, zh) = (table.required("en", reason), table.required("zh", reason));
    let words = table.filled_list("words", |value| word(value, false)).and_then(|list| unique(table, list));
    Some(WordGroup {
        name: name?,
        weight: weight?,
        industries: industries?,
        except: except?,
        en: en?,
        zh: zh?,
        words: words?,
    })
}

fn word(value: &DeValue<'_>, allowed: bool) -> Result<String, Wrong> {
    let word = text(value)?;
    check(word, allowed).map_err(|why| format!("cannot be looked for: {why}"))?;
    Ok(word.to_owned())
}

/// A word that stands twice in one list was meant to be another.
fn unique(table: Table<'_>, list: Vec<At<String>>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut known = true;
    for word in &list {
        if !seen.insert(word.value.as_str()) {
            table.report().error(word.place, format!("`{}` stands twice in this list", word.value));
            known = false;
        }
    }
    known.then(|| values(list))
}

fn reason(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    let plain =
        (1..=LONGEST_REASON).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err(format!("must be one line of 1 to {LONGEST_REASON} bytes")) }
}
