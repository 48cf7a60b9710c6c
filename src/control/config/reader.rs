//! A reader over TOML that keeps the line of everything and goes on after a problem.
//!
//! Every function that takes a key returns `None` when the value was refused: the problem has been reported then. A caller reads
//! all keys of a table first and gives up afterwards, so that one run names every problem.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::{At, Place, Report, nearest};

mod file;

pub(super) use file::{read_file, read_parts};

use file::Page;

/// Why a value is refused, as what follows the key's name: `must be a string, not an integer`.
pub(super) type Wrong = String;

/// Unknown keys of a table among which a misspelt one is looked for.
const MOST_COMPARED: usize = 32;

/// `must be a string, not an integer`.
pub(super) fn expected(what: &str, found: &DeValue<'_>) -> Wrong {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("must be {what}, not {found}")
}

/// A table of a file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    page: &'a Page<'a>,
    map: &'a DeTable<'a>,
    /// Where it begins.
    pub(super) place: Place,
    what: &'static str,
    known: &'static [&'static str],
}

impl<'a> Table<'a> {
    /// Where problems go.
    pub(super) fn report(&self) -> &'a Report {
        self.page.report
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The line of a key, or of the table where the key is absent.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.map.get_key_value(key).map_or(self.place, |(key, _)| self.page.place(key.span().start))
    }

    fn unknown(&self) -> impl Iterator<Item = &'a Spanned<DeString<'a>>> {
        self.map.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref()))
    }

    fn refuse_unknown(&self) {
        for key in self.unknown() {
            let name = key.get_ref();
            let known = self.known.iter().copied().filter(|_| !self.report().is_crowded());
            let suggestion = match nearest(name, known) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; known here: {}", self.known.join(", ")),
            };
            let place = self.page.place(key.span().start);
            self.report().error(place, format!("unknown key `{name}` in {}{suggestion}", self.what));
        }
    }

    /// Whether a key is absent because it was written in another way, which has been reported.
    pub(super) fn misspells(&self, key: &str) -> bool {
        self.unknown().take(MOST_COMPARED).any(|it| nearest(it.get_ref(), self.known.iter().copied()) == Some(key))
    }

    /// Reports that a key is absent, if nothing says so already.
    pub(super) fn missing(&self, key: &str) {
        if !self.misspells(key) {
            self.report().error(self.place, format!("`{key}` is missing from {}", self.what));
        }
    }

    /// A value that must be there.
    pub(super) fn required<T>(&self, key: &str, read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Wrong>) -> Option<T> {
        let found = self.optional(key, read)?;
        if found.is_none() {
            self.missing(key);
        }
        found
    }

    /// A value that may be absent: `Some(None)` then.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Option<T>> {
        let Some((name, value)) = self.map.get_key_value(key) else { return Some(None) };
        match read(value.get_ref()) {
            Ok(value) => Some(Some(value)),
            Err(wrong) => {
                self.report().error(self.page.place(name.span().start), format!("`{key}` {wrong}"));
                None
            }
        }
    }

    /// As [`Table::required`], with the line.
    pub(super) fn required_at<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        self.required(key, read).map(|value| At { value, place: self.place_of(key) })
    }

    /// As [`Table::optional`], with the line.
    pub(super) fn optional_at<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Option<At<T>>> {
        self.optional(key, read).map(|found| found.map(|value| At { value, place: self.place_of(key) }))
    }

    /// A list whose items are read one by one, each with its line; absent: empty.
    pub(super) fn list<T>(&self, key: &str, read: impl Fn(&'a DeValue<'a>) -> Result<T, Wrong>) -> Option<Vec<At<T>>> {
        let Some((name, value)) = self.map.get_key_value(key) else { return Some(Vec::new()) };
        let DeValue::Array(items) = value.get_ref() else {
            let place = self.page.place(name.span().start);
            self.report().error(place, format!("`{key}` {}", expected("a list", value.get_ref())));
            return None;
        };
        let mut all = Some(Vec::with_capacity(items.len()));
        for item in items.iter() {
            let place = self.page.place(item.span().start);
            match read(item.get_ref()) {
                Ok(value) => {
                    if let Some(read) = &mut all {
                        read.push(At { value, place });
                    }
                }
                Err(wrong) => {
                    self.report().error(place, format!("an item of `{key}` {wrong}"));
                    all = None;
                }
            }
        }
        all
    }

    /// A list that must be there and have an item.
    pub(super) fn filled_list<T>(
        &self,
        key: &str,
        read: impl Fn(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Vec<At<T>>> {
        if !self.map.contains_key(key) {
            self.missing(key);
            return None;
        }
        let items = self.list(key, read)?;
        if items.is_empty() {
            self.report().error(self.place_of(key), format!("`{key}` is empty"));
            return None;
        }
        Some(items)
    }

    /// A table that must be there, `[key]` or `key = { … }`.
    pub(super) fn section(&self, key: &'static str, keys: &'static [&'static str]) -> Option<Self> {
        let section = self.optional_section(key, keys)?;
        if section.is_none() {
            self.missing(key);
        }
        section
    }

    /// A table that may be absent: `Some(None)` then.
    pub(super) fn optional_section(&self, key: &'static str, keys: &'static [&'static str]) -> Option<Option<Self>> {
        let Some((name, value)) = self.map.get_key_value(key) else { return Some(None) };
        let place = self.page.place(name.span().start);
        let DeValue::Table(map) = value.get_ref() else {
            self.report().error(place, format!("`{key}` {}", expected("a table", value.get_ref())));
            return None;
        };
        let section = Self { page: self.page, map, place, what: key, known: keys };
        section.refuse_unknown();
        Some(Some(section))
    }

    /// The tables of a list, `[[key]]` or `key = [{ … }]`, one by one; absent: none. False when not all could be read.
    pub(super) fn each(&self, key: &'static str, keys: &'static [&'static str], mut read: impl FnMut(Self)) -> bool {
        let Some((name, value)) = self.map.get_key_value(key) else { return !self.misspells(key) };
        let DeValue::Array(items) = value.get_ref() else {
            let place = self.page.place(name.span().start);
            self.report().error(place, format!("`{key}` must be a list of tables; begin each with [[{key}]]"));
            return false;
        };
        let mut whole = true;
        for item in items.iter() {
            let place = self.page.place(item.span().start);
            if let DeValue::Table(map) = item.get_ref() {
                let table = Self { page: self.page, map, place, what: key, known: keys };
                table.refuse_unknown();
                read(table);
            } else {
                self.report().error(place, format!("an item of `{key}` {}", expected("a table", item.get_ref())));
                whole = false;
            }
        }
        whole
    }

    /// The tables of a list as values; `None` when one was refused.
    pub(super) fn tables<T>(
        &self,
        key: &'static str,
        keys: &'static [&'static str],
        mut read: impl FnMut(Self) -> Option<T>,
    ) -> Option<Vec<At<T>>> {
        let mut all = Some(Vec::new());
        let whole = self.each(key, keys, |table| match (read(table), &mut all) {
            (Some(value), Some(values)) => values.push(At { value, place: table.place }),
            _ => all = None,
        });
        all.filter(|_| whole)
    }

    /// The tables of a list that must be there and have one.
    pub(super) fn filled_tables<T>(
        &self,
        key: &'static str,
        keys: &'static [&'static str],
        read: impl FnMut(Self) -> Option<T>,
    ) -> Option<Vec<At<T>>> {
        if !self.map.contains_key(key) {
            self.missing(key);
            return None;
        }
        let items = self.tables(key, keys, read)?;
        if items.is_empty() {
            self.report().error(self.place_of(key), format!("`{key}` is empty"));
            return None;
        }
        Some(items)
    }
}

/// The entries of one kind by their wire names, in the order of the file.
///
/// An entry that was refused keeps its name, so that a reference to it is not refused as well.
#[derive(Debug)]
pub(super) struct Register<T> {
    noun: &'static str,
    /// The entries that were read without a problem.
    pub(super) entries: Vec<T>,
    names: HashMap<Box<str>, (Place, Option<usize>)>,
    complete: bool,
}

impl<T> Register<T> {
    pub(super) fn new(noun: &'static str) -> Self {
        Self { noun, entries: Vec::new(), names: HashMap::new(), complete: true }
    }

    /// The register of a file that could not be read: it may hold any name.
    pub(super) fn unread(noun: &'static str) -> Self {
        Self { complete: false, ..Self::new(noun) }
    }

    /// Says that an entry without a readable name was there.
    pub(super) fn is_incomplete(&mut self) {
        self.complete = false;
    }

    /// Adds an entry under its name; `None` stands for one that was refused.
    pub(super) fn add(&mut self, name: Option<At<String>>, entry: Option<T>, report: &Report) {
        let Some(At { value: name, place }) = name else {
            self.complete = false;
            return;
        };
        if let Some((first, _)) = self.names.get(name.as_str()) {
            report.error(place, format!("{} `{name}` is already defined on line {}", self.noun, first.line));
            return;
        }
        let row = entry.is_some().then_some(self.entries.len());
        self.entries.extend(entry);
        self.names.insert(name.into(), (place, row));
    }

    /// The row of the entry with that name, `None` if there is none that can be judged.
    pub(super) fn row(&self, name: &str) -> Option<usize> {
        self.names.get(name)?.1
    }

    /// Whether a reference to that name must be refused.
    pub(super) fn lacks(&self, name: &str) -> bool {
        self.complete && !self.names.contains_key(name)
    }

    /// Whether every entry was read without a problem.
    pub(super) fn is_whole(&self) -> bool {
        self.complete && self.entries.len() == self.names.len()
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.keys().map(AsRef::as_ref)
    }

    /// The row that a reference means; an unknown name is reported.
    pub(super) fn refer(&self, name: &At<String>, report: &Report) -> Option<usize> {
        if self.lacks(&name.value) {
            let suggestion = report.suggestion(&name.value, self.names());
            report.error(name.place, format!("unknown {} `{}`{suggestion}", self.noun, name.value));
        }
        self.row(&name.value)
    }

    /// As [`Register::refer`] for a name of an owner's, `owner/name`; suggests the owner's own.
    pub(super) fn refer_within(&self, owner: &str, name: &At<String>, report: &Report) -> Option<usize> {
        let full = format!("{owner}/{}", name.value);
        if self.lacks(&full) {
            let own = self.names().filter_map(|it| it.strip_prefix(owner)?.strip_prefix('/'));
            let suggestion = report.suggestion(&name.value, own);
            report.error(name.place, format!("unknown {} `{}` of `{owner}`{suggestion}", self.noun, name.value));
        }
        self.row(&full)
    }
}
