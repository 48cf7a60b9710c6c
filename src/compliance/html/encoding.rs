//! The encoding of a page's bytes, as browsers find it (WHATWG HTML §13.2.3): byte order mark, header, `meta`, and then what the bytes are.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8, WINDOWS_1252};

use super::{Document, Limits};

/// How far a `meta` is looked for, in bytes (WHATWG HTML §13.2.3.2).
const LOOKED_AT: usize = 1024;

/// The text of bytes and the name of their encoding. What does not decode becomes U+FFFD.
///
/// `label` is the charset that the `Content-Type` header names. Where nobody names one, bytes that are UTF-8 are that, and others GB18030, which
/// most unlabelled pages of the mainland are.
#[must_use]
pub fn decode<'b>(bytes: &'b [u8], label: Option<&str>) -> (Cow<'b, str>, &'static str) {
    let named = || label.and_then(|label| Encoding::for_label(label.as_bytes())).or_else(|| in_meta(bytes));
    let guessed = || if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { GB18030 };
    let (encoding, begin) = Encoding::for_bom(bytes).unwrap_or_else(|| (named().unwrap_or_else(guessed), 0));
    let (text, _) = encoding.decode_without_bom_handling(bytes.get(begin..).unwrap_or_default());
    (text, encoding.name())
}

/// The encoding that a `meta` near the beginning names.
fn in_meta(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    // Each byte one character: what a `meta` is written in is ASCII in every encoding that it can name.
    let (head, _) = WINDOWS_1252.decode_without_bom_handling(head);
    let document = Document::read(&head, &Limits { bytes: 3 * LOOKED_AT, ..Limits::default() }).ok()?;
    let label = document.named("meta").find_map(|meta| {
        let described = || {
            let kind = meta.attribute("http-equiv").filter(|it| it.eq_ignore_ascii_case("content-type"));
            kind.and(meta.attribute("content")).and_then(charset)
        };
        meta.attribute("charset").map(str::to_owned).or_else(described)
    })?;
    match Encoding::for_label(label.as_bytes())? {
        // A page that reads as ASCII cannot be what it says there.
        encoding if !encoding.is_ascii_compatible() => Some(UTF_8),
        encoding => Some(encoding),
    }
}

/// The charset of a content type: `text/html; charset=gbk`.
#[must_use]
pub fn charset(content_type: &str) -> Option<String> {
    let lower = content_type.to_ascii_lowercase();
    let (_, behind) = lower.split_once("charset")?;
    let value = behind.trim_start().strip_prefix('=')?.trim_start();
    let quoted = value.strip_prefix(['"', '\'']);
    let end = |it: char| it == ';' || it.is_ascii_whitespace() || (quoted.is_some() && (it == '"' || it == '\''));
    let value = quoted.unwrap_or(value);
    Some(value.split(end).next().unwrap_or(value).to_owned())
}
