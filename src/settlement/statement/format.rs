//! The formats that a statement is written in.

use super::paper::Paper;
use super::words::Language;
use super::{Statement, Status, csv, html, json, text, xlsx};

/// How a statement is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a terminal or a mail.
    #[default]
    Text,
    /// For programs: decimal strings and exact micro-yuan.
    Json,
    /// One flat table (RFC 4180) with a byte order mark.
    Csv,
    /// One page for print, A4.
    Html,
    /// A workbook.
    Xlsx,
}

/// Why a statement could not be written. Only a workbook that would be too large for its format is known to do that.
#[derive(Debug, thiserror::Error)]
#[error("the statement cannot be written as {format}: {why}")]
pub struct WriteError {
    format: &'static str,
    why: String,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Csv, Self::Html, Self::Xlsx];

    /// Its name, which is also the end of a file's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Xlsx => "xlsx",
        }
    }
}

impl Statement {
    /// The document's bytes; the same statement always makes the same.
    ///
    /// # Errors
    /// [`WriteError`] when the format cannot hold it.
    pub fn write(&self, format: Format, language: Language) -> Result<Vec<u8>, WriteError> {
        let paper = || Paper::of(self, language);
        let wrong = |why: &dyn std::fmt::Display| WriteError { format: format.name(), why: why.to_string() };
        match format {
            Format::Text => Ok(text::render(&paper()).into_bytes()),
            Format::Html => Ok(html::render(&paper()).into_bytes()),
            Format::Json => json::render(self, language).map_err(|why| wrong(&why)),
            Format::Csv => csv::render(self, language).map_err(|why| wrong(&why)),
            Format::Xlsx => {
                let day = match self.draft().status {
                    Status::Closed { on } => on,
                    Status::Provisional { through, .. } => through,
                };
                xlsx::render(&paper(), day).map_err(|why| wrong(&why))
            }
        }
    }
}
