//! One file of the folder, whole or in parts.
//!
//! The parse tree of a file is many times its text. A file that is one long list of tables is read part by part, so that only one
//! part's tree is in memory; what it says and where is the same as of the whole.

use toml::de::{DeTable, DeValue};

use super::super::diagnostic::{File, Place, Report};
use super::{Table, expected};

/// The version of the format that this program reads.
const SCHEMA: u64 = 1;

/// Problems of TOML's own syntax that are shown per file; one often causes the next.
const MOST_SYNTAX_ERRORS: usize = 5;

/// A part ends at the first table that begins after so many bytes.
const PART_BYTES: usize = 64 << 10;

/// A file or a part of it: turns byte offsets into places.
pub(in crate::control::config) struct Page<'a> {
    file: File,
    /// Lines before it.
    before: usize,
    newlines: Vec<usize>,
    pub(super) report: &'a Report,
}

impl<'a> Page<'a> {
    fn new(file: File, text: &str, before: usize, report: &'a Report) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset).collect();
        Self { file, before, newlines, report }
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.before + self.newlines.partition_point(|newline| *newline < offset) + 1;
        Place { file: self.file, line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

/// Reads one file with `read`, or returns `None` when its syntax or its schema is refused.
pub(in crate::control::config) fn read_file<T>(
    file: File,
    text: &str,
    keys: &'static [&'static str],
    report: &Report,
    read: impl FnOnce(Table<'_>) -> T,
) -> Option<T> {
    let page = Page::new(file, text, 0, report);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut seen = None;
        let mut shown = 0;
        for error in errors {
            let place = page.place(error.span().map_or(0, |span| span.start.min(text.len())));
            if seen != Some(place) && shown < MOST_SYNTAX_ERRORS {
                report.error(place, format!("is not TOML here: {}", error.message()));
                shown += 1;
            }
            seen = Some(place);
        }
        return None;
    }
    let table = Table { page: &page, map: root.get_ref(), place: page.place(0), what: "the file", known: keys };
    has_our_schema(table)?;
    table.refuse_unknown();
    Some(read(table))
}

/// As [`read_file`], for a file whose tables `[[list]]` are read into a state one after the other, wherever the file is cut between
/// two of them. `read` is given each part as if it were the file; `made` makes the state anew where the parts turn out to be none.
pub(in crate::control::config) fn read_parts<S>(
    file: File,
    text: &str,
    list: &'static str,
    keys: &'static [&'static str],
    report: &Report,
    made: impl Fn() -> S,
    read: impl Fn(&mut S, Table<'_>),
) -> Option<S> {
    let before = report.mark();
    let mut state = made();
    match in_parts(file, text, list, keys, report, |table| read(&mut state, table)) {
        Parts::Read => Some(state),
        Parts::Refused => None,
        // Only the whole says what is wrong: a mistake may be one of the cut, inside a text of several lines.
        Parts::Torn => {
            report.undo(before);
            read_file(file, text, keys, report, |table| {
                let mut state = made();
                read(&mut state, table);
                state
            })
        }
    }
}

enum Parts {
    Read,
    /// For a reason that has been told.
    Refused,
    /// A part is no TOML by itself.
    Torn,
}

fn in_parts(
    file: File,
    text: &str,
    list: &str,
    keys: &'static [&'static str],
    report: &Report,
    mut read: impl FnMut(Table<'_>),
) -> Parts {
    let mut lines = 0;
    for (index, part) in parts(text, list).enumerate() {
        let page = Page::new(file, part, lines, report);
        let (root, errors) = DeTable::parse_recoverable(part);
        if !errors.is_empty() {
            return Parts::Torn;
        }
        let table = Table { page: &page, map: root.get_ref(), place: page.place(0), what: "the file", known: keys };
        if index == 0 && has_our_schema(table).is_none() {
            return Parts::Refused;
        }
        // A list that was begun as a value cannot go on as tables.
        let begins = root.get_ref().get_key_value(list).map(|(name, _)| name.span().start);
        let as_tables = |start: usize| part.get(..start).is_some_and(|before| before.trim_end().ends_with("[["));
        if index == 0 && !begins.is_none_or(as_tables) {
            return Parts::Torn;
        }
        table.refuse_unknown();
        read(table);
        lines += page.newlines.len();
    }
    Parts::Read
}

/// The text cut before lines `[[list]]`, each part but the last of at least [`PART_BYTES`].
fn parts<'t>(text: &'t str, list: &str) -> impl Iterator<Item = &'t str> {
    let header = format!("[[{list}]]");
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut searched = PART_BYTES.min(rest.len());
        while !rest.is_char_boundary(searched) {
            searched += 1;
        }
        let end = loop {
            let Some(found) = rest.get(searched..).and_then(|tail| tail.find(&header)) else { break rest.len() };
            let at = searched + found;
            if rest.get(..at).is_some_and(|before| before.ends_with('\n')) {
                break at;
            }
            searched = at + header.len();
        };
        let (part, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(part)
    })
}

/// `None` when it is another schema, which has been told.
fn has_our_schema(table: Table<'_>) -> Option<()> {
    let schema = table.required("schema", |value| match value {
        DeValue::Integer(number) => Ok(number.to_string()),
        other => Err(expected("an integer", other)),
    })?;
    if schema != SCHEMA.to_string() {
        let place = table.place_of("schema");
        table.report().error(place, format!("schema {schema} is not known; this version reads schema = {SCHEMA}"));
        return None;
    }
    Some(())
}
