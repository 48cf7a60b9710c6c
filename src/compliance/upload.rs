//! What an uploaded file really is (R-QUALIFY, R-REVIEW, R-MALICE): by its bytes, never by its name or what was said of it.
//!
//! Pictures, MP4 and PDF are taken; archives, programs, HTML and SVG are not, and nothing that is two things at once.

pub(super) mod checks;
mod container;
mod pdf;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::finding::{Finding, Weight, heaviest};
use super::html::{Document, Limits};
pub(super) use container::{Broken, Parts, parts};

/// Bytes of a file at most: 20 MiB.
pub const LARGEST: usize = 20 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG, with or without animation.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
    /// MP4 (ISO 14496-12).
    Mp4,
    /// PDF, as a document only.
    Pdf,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Png, Self::Jpeg, Self::Gif, Self::WebP, Self::Mp4, Self::Pdf];

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Mp4 => "video/mp4",
            Self::Pdf => "application/pdf",
        }
    }

    /// Whether an advertiser's document may be one: a scan or a PDF (R-QUALIFY).
    #[must_use]
    pub const fn is_document(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Pdf)
    }

    /// Whether a creative may show it.
    #[must_use]
    pub const fn is_shown(self) -> bool {
        !matches!(self, Self::Pdf)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Self::Pdf),
            _ => None,
        }
    }
}

/// What a file is, if it is that and nothing else, and what was said of it; `declared` is a media type, or empty.
///
/// # Errors
/// Why it is refused. What a person should see of a file that is taken, [`warnings`] tells.
pub fn check(bytes: &[u8], declared: &str) -> Result<Kind, Box<Finding>> {
    if bytes.is_empty() {
        return Err(checks::EMPTY.at("file", "").into());
    }
    if bytes.len() > LARGEST {
        let found = format!("{} bytes", bytes.len());
        return Err(checks::TOO_LARGE.over("file", &found, format!("{LARGEST} bytes")).into());
    }
    let Some(kind) = Kind::of(bytes) else { return Err(refused(bytes).into()) };
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let same = declared == kind.media_type() || declared == "image/jpg" && kind == Kind::Jpeg;
    if !same && !declared.is_empty() {
        return Err(checks::WRONG_KIND.over("file", &declared, kind.media_type()).into());
    }
    let findings = examine(bytes, kind);
    match findings.into_iter().find(|finding| finding.weight == Weight::Refuse) {
        Some(finding) => Err(finding.into()),
        None => Ok(kind),
    }
}

/// What a person should know of a file that [`check`] takes.
#[must_use]
pub fn warnings(bytes: &[u8], kind: Kind) -> Vec<Finding> {
    let findings = examine(bytes, kind);
    if heaviest(&findings).is_some() { findings } else { Vec::new() }
}

/// What is wrong with the parts of a file of a known kind.
fn examine(bytes: &[u8], kind: Kind) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((at, what)) = code(bytes) {
        findings.push(checks::POLYGLOT.at(format!("file:{at}"), what));
    }
    if let Some(at) = archive(bytes) {
        findings.push(checks::POLYGLOT.at(format!("file:{at}"), "ZIP"));
    }
    if kind == Kind::Pdf {
        findings.extend(pdf::examine(bytes));
    } else {
        match parts(bytes, kind) {
            Ok(parts) => findings.extend(whole(bytes, &parts)),
            Err((at, what)) => findings.push(checks::BROKEN.over(format!("file:{at}"), "", what)),
        }
    }
    findings
}

/// What stands behind a picture's end, or in its comments.
fn whole(bytes: &[u8], parts: &Parts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let behind = bytes.get(parts.end..).unwrap_or_default();
    // Some writers fill up with zeros or a line end.
    if behind.len() > 1024 || behind.iter().any(|it| !matches!(it, 0 | b'\n' | b'\r' | b' ')) {
        let found = String::from_utf8_lossy(behind.get(..32).unwrap_or(behind)).into_owned();
        findings.push(checks::TRAILING.at(format!("file:{}", parts.end), &found));
    }
    for range in &parts.texts {
        let text = bytes.get(range.clone()).unwrap_or_default();
        // Closes a comment that the file's first bytes opened: the file is a script too.
        if memchr::memmem::find(text, b"*/").is_some() {
            let found = String::from_utf8_lossy(text).into_owned();
            findings.push(checks::POLYGLOT.at(format!("file:{}", range.start), &found));
        }
    }
    findings
}

/// Code of pages and servers, which no picture needs. Long enough not to come about in compressed data by chance.
fn code(bytes: &[u8]) -> Option<(usize, &'static str)> {
    const WORDS: [&str; 14] = [
        "<script",
        "<?php",
        "<iframe",
        "<html>",
        "<html ",
        "<!doctype",
        "<foreignobject",
        "<svg ",
        "<svg>",
        "javascript:",
        "onerror=",
        "onload=",
        "<object ",
        "<embed ",
    ];
    static FIND: LazyLock<Option<AhoCorasick>> =
        LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS).ok());
    let found = FIND.as_ref()?.find(bytes)?;
    Some((found.start(), WORDS.get(found.pattern().as_usize())?))
}

/// Where a ZIP archive ends in the bytes: readers of archives look from the end.
fn archive(bytes: &[u8]) -> Option<usize> {
    const RECORD: usize = 22;
    let from = bytes.len().saturating_sub(RECORD + 0xffff);
    let tail = bytes.get(from..)?;
    memchr::memmem::find_iter(tail, b"PK\x05\x06").map(|at| from + at).find(|at| {
        let comment =
            bytes.get(at + 20..).and_then(|it| it.first_chunk::<2>()).map(|it| usize::from(u16::from_le_bytes(*it)));
        comment.is_some_and(|comment| at + RECORD + comment == bytes.len())
    })
}

/// Why bytes of no kind that is taken are refused.
fn refused(bytes: &[u8]) -> Finding {
    const ARCHIVES: [&[u8]; 9] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"BZh",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
    ];
    const PROGRAMS: [&[u8]; 8] =
        [b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"dex\n", b"\0asm"];
    let begins = |with: &[&[u8]]| with.iter().any(|it| bytes.starts_with(it));
    let head: String = String::from_utf8_lossy(bytes.get(..16).unwrap_or(bytes)).into_owned();
    let tar = bytes.get(257..262) == Some(b"ustar");
    if begins(&ARCHIVES) || tar {
        return checks::ARCHIVE.at("file", &head);
    }
    if begins(&PROGRAMS) {
        return checks::PROGRAM.at("file", &head);
    }
    text(bytes).unwrap_or_else(|| checks::UNKNOWN.at("file", &head))
}

/// What is wrong with a file that is text: SVG and HTML are named as such.
fn text(bytes: &[u8]) -> Option<Finding> {
    let (text, _) = super::html::decode(bytes.get(..64 << 10).unwrap_or(bytes), None);
    let lower = text.trim_start_matches(|it: char| it.is_whitespace() || it == '\u{feff}').to_ascii_lowercase();
    if !lower.starts_with('<') {
        return None;
    }
    let document = match Document::read(&text, &Limits { nodes: 10_000, ..Limits::default() }) {
        Ok(document) => document,
        Err(excess) => return Some(checks::HTML.at(format!("file:{}", excess.position), &excess.to_string())),
    };
    let svg = document.elements().find(|it| it.name() == "svg" || it.name() == "svg:svg");
    let active = document.elements().find(|it| {
        let runs = |name: &str| name.starts_with("on") || name.ends_with("href");
        let script = matches!(it.name(), "script" | "foreignObject" | "iframe" | "handler" | "set" | "animate");
        script || it.attributes().iter().any(|attribute| runs(attribute.name()))
    });
    let place = |it: super::html::Element<'_>| format!("file:{}", it.position());
    Some(match (svg, active) {
        (Some(_), Some(active)) => checks::SVG_SCRIPT.at(place(active), active.name()),
        (Some(svg), None) => checks::SVG.at(place(svg), "svg"),
        (None, _) => checks::HTML.at("file", lower.get(..32).unwrap_or(&lower)),
    })
}
