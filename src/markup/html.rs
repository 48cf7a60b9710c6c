//! Banners: the tags go to the end of the body, where they are neither text of a script nor part of a comment.

use memchr::{memchr, memchr2};

use super::{Within, Writer, viewability};

/// Elements whose text is no markup (HTML §13.1.2), and `template`, whose markup is not shown.
const RAW: [&str; 11] = [
    "script",
    "style",
    "textarea",
    "title",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "template",
    "plaintext",
];

/// Writes a banner with its pixels, or with the script that fires them when it has been shown for long enough.
pub(super) fn write(markup: &str, writer: &mut Writer<'_, '_>) {
    if !writer.counts() {
        return writer.copy(markup);
    }
    let (before, after) = markup.split_at(end_of_body(markup));
    writer.copy(before);
    if writer.display.minimum_ms > 0 {
        viewability::write(writer);
    } else {
        const PIXEL: (&str, &str) = ("<img src=\"", "\" width=\"1\" height=\"1\" alt=\"\" style=\"display:none\">");
        writer.impressions(Within::Attribute, PIXEL);
    }
    writer.copy(after);
}

/// Where the body ends: at its last end tag, else at that of `html`, else where the text ends; and before anything that is not
/// closed, which would swallow what follows. Always at the beginning of a tag or at the end.
fn end_of_body(markup: &str) -> usize {
    let bytes = markup.as_bytes();
    let (mut at, mut body, mut html) = (0, None, None);
    let end = loop {
        let Some(open) = memchr(b'<', rest(bytes, at)).map(|found| at + found) else { break bytes.len() };
        match construct(bytes, open) {
            Some((name, end)) => {
                if name.eq_ignore_ascii_case(b"/body") {
                    body = Some(open);
                } else if name.eq_ignore_ascii_case(b"/html") {
                    html = Some(open);
                }
                at = end;
            }
            None => break open,
        }
    };
    body.or(html).unwrap_or(end)
}

fn rest(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// What begins with the `<` at `open`: its name, with its slash, and where it ends; `None` if it does not end.
fn construct(bytes: &[u8], open: usize) -> Option<(&[u8], usize)> {
    let text = rest(bytes, open + 1);
    let closing = text.first() == Some(&b'/');
    let letter = text.get(usize::from(closing)).copied();
    if text.starts_with(b"!--") {
        return Some((b"", comment_end(bytes, open + 4)?));
    }
    if !letter.is_some_and(|letter| letter.is_ascii_alphabetic()) {
        // A bogus comment, or a `<` that is text.
        let bogus = matches!(text.first(), Some(b'!' | b'?')) || closing && letter.is_some();
        return if bogus { Some((b"", find(bytes, open, b">")? + 1)) } else { Some((b"", open + 1)) };
    }
    let behind = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let name = text.iter().skip(usize::from(closing)).position(behind)? + usize::from(closing);
    let end = tag_end(bytes, open + 1 + name)?;
    let name = text.get(..name)?;
    let raw = RAW.iter().find(|raw| name.eq_ignore_ascii_case(raw.as_bytes()));
    match raw {
        Some(&"plaintext") => None,
        Some(raw) => Some((b"", raw_end(bytes, end, raw)?)),
        None => Some((name, end)),
    }
}

/// Behind a comment whose text begins at `at` (HTML §13.2.5.43 and following).
fn comment_end(bytes: &[u8], at: usize) -> Option<usize> {
    let text = rest(bytes, at);
    if text.starts_with(b">") {
        return Some(at + 1);
    }
    if text.starts_with(b"->") {
        return Some(at + 2);
    }
    let mut from = at;
    loop {
        let dashes = find(bytes, from, b"--")?;
        match rest(bytes, dashes + 2) {
            [b'>', ..] => return Some(dashes + 3),
            [b'!', b'>', ..] => return Some(dashes + 4),
            _ => from = dashes + 1,
        }
    }
}

/// Behind the `>` of a tag whose name ends at `at`. A `>` in a quoted value is not it.
fn tag_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut quote, mut value) = (None, false);
    for (place, byte) in bytes.iter().enumerate().skip(at) {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return Some(place + 1),
            (None, b'"' | b'\'') if value => (quote, value) = (Some(byte), false),
            (None, b'=') => value = true,
            (None, byte) if !byte.is_ascii_whitespace() => value = false,
            _ => {}
        }
    }
    None
}

/// Behind the end tag of a raw element whose text begins at `at`.
fn raw_end(bytes: &[u8], at: usize, name: &str) -> Option<usize> {
    // Within `<!--`, a script's `<script` hides the next `</script` (HTML §13.2.5.20 and following).
    let (mut from, mut commented, mut nested) = (at, false, false);
    loop {
        let mark = from + memchr2(b'<', b'>', rest(bytes, from))?;
        from = mark + 1;
        let text = rest(bytes, from);
        if bytes.get(mark) == Some(&b'>') {
            if bytes.get(at..mark).is_some_and(|before| before.ends_with(b"--")) {
                (commented, nested) = (false, false);
            }
        } else if text.strip_prefix(b"/").is_some_and(|text| names(text, name)) {
            if !nested {
                return tag_end(bytes, from + 1 + name.len());
            }
            nested = false;
        } else if name == "script" {
            commented |= text.starts_with(b"!--");
            nested |= commented && names(text, name);
        }
    }
}

/// Whether a text begins with a tag's name.
fn names(text: &[u8], name: &str) -> bool {
    let (Some(start), Some(behind)) = (text.get(..name.len()), text.get(name.len())) else { return false };
    start.eq_ignore_ascii_case(name.as_bytes()) && (behind.is_ascii_whitespace() || matches!(behind, b'/' | b'>'))
}

fn find(bytes: &[u8], at: usize, wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(rest(bytes, at), wanted).map(|found| at + found)
}
