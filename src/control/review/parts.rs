//! What of a creative a person looks at: a banner as it is, a VAST or native document as its parts. What is made here is shown on the stage only.

use std::fmt::Write;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::compliance::creative::Submission;
use crate::market::supply::Format;

/// The most parts that are shown.
const MOST_PARTS: usize = 60;
/// Elements of VAST whose text a person reads.
const TEXTS: [&str; 6] = ["AdSystem", "AdTitle", "Advertiser", "Description", "ClickThrough", "IFrameResource"];

/// The document that shows a submission; in the place of the files' URLs stands where they are shown from here.
pub(super) fn document(submission: &Submission, mut files: Vec<(String, String)>) -> String {
    // A URL may be the beginning of another.
    files.sort_by_key(|(url, _)| std::cmp::Reverse(url.len()));
    // As it stands, or as it was read.
    let read = |url: &str| url::Url::parse(url).map_or_else(|_| url.to_owned(), String::from);
    let is = |known: &str, url: &str| known == url || known == read(url);
    let local = |url: &str| {
        let file = files.iter().find(|(known, _)| is(known, url));
        file.map_or_else(|| url.to_owned(), |(_, here)| here.clone())
    };
    let body = match submission.format {
        Format::Banner => files.iter().fold(submission.markup.clone(), |markup, (url, here)| put(markup, url, here)),
        Format::Video | Format::Audio => shown(&vast(&submission.markup), &local),
        Format::Native => shown(&native(&submission.markup), &local),
    };
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>creative</title></head><body>{body}</body></html>"
    )
}

/// Puts another URL in the place of one, in the forms in which HTML has it: as it is, with its ampersands escaped, without its scheme.
fn put(markup: String, url: &str, here: &str) -> String {
    let escaped = url.replace('&', "&amp;");
    [escaped.as_str(), url].into_iter().fold(markup, |markup, url| {
        let markup = markup.replace(url, here);
        let Some(bare) = url.strip_prefix("https:") else { return markup };
        let quoted = |quote: char| (format!("{quote}{bare}{quote}"), format!("{quote}{here}{quote}"));
        ['"', '\''].map(quoted).iter().fold(markup, |markup, (from, to)| markup.replace(from, to))
    })
}

/// A part: what it is, and its text or URL.
type Part = (String, Shown);

#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Text(String),
    Picture(String),
    Video(String),
}

fn shown(parts: &[Part], local: &dyn Fn(&str) -> String) -> String {
    let mut html = String::from(
        "<style>body{font:15px/1.5 sans-serif}dt{color:#555}dd{margin:0 0 12px}img,video{max-width:100%}</style><dl>",
    );
    if parts.is_empty() {
        html.push_str("<dt>没有可显示的内容 · nothing to show</dt>");
    }
    for (what, part) in parts.iter().take(MOST_PARTS) {
        let _ = write!(html, "<dt>{}</dt>", text(what));
        let _ = match part {
            Shown::Text(it) => write!(html, "<dd>{}</dd>", text(it)),
            Shown::Picture(it) => write!(html, "<dd><img alt=\"\" src=\"{}\"><br>{}</dd>", text(&local(it)), text(it)),
            Shown::Video(it) => {
                write!(
                    html,
                    "<dd><video controls preload=\"metadata\" src=\"{}\"></video><br>{}</dd>",
                    text(&local(it)),
                    text(it)
                )
            }
        };
    }
    html.push_str("</dl>");
    html
}

/// The parts of a VAST or DAAST document, as far as it can be read.
fn vast(markup: &str) -> Vec<Part> {
    let mut reader = Reader::from_str(markup);
    let mut parts = Vec::new();
    let mut open: Option<(String, String)> = None;
    while parts.len() < MOST_PARTS {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                let name = tag.local_name().as_ref().to_owned();
                let wanted = TEXTS.contains(&name.as_str()) || ["MediaFile", "StaticResource"].contains(&name.as_str());
                open = wanted.then(|| (name, String::new()));
            }
            Ok(Event::Text(found)) => {
                if let Some((_, text)) = &mut open {
                    text.push_str(&found);
                }
            }
            Ok(Event::GeneralRef(found)) => {
                if let Some((_, text)) = &mut open {
                    text.push_str(quick_xml::escape::resolve_predefined_entity(&found).unwrap_or("\u{fffd}"));
                }
            }
            Ok(Event::CData(found)) => {
                if let Some((_, text)) = &mut open {
                    text.push_str(&found);
                }
            }
            Ok(Event::End(_)) => {
                if let Some((name, found)) = open.take() {
                    let found = found.trim().to_owned();
                    let part = match name.as_str() {
                        "MediaFile" => Shown::Video(found),
                        "StaticResource" => Shown::Picture(found),
                        _ => Shown::Text(found),
                    };
                    parts.push((name, part));
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    parts
}

/// The parts of a native response (Native 1.2 §5).
fn native(markup: &str) -> Vec<Part> {
    let Ok(whole) = serde_json::from_str::<Value>(markup) else { return Vec::new() };
    let native = whole.get("native").unwrap_or(&whole);
    let string = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mut parts = Vec::new();
    let link = |of: &Value| string(of.get("link").and_then(|link| link.get("url")));
    for asset in native.get("assets").and_then(Value::as_array).into_iter().flatten().take(MOST_PARTS) {
        let inner = |kind: &str, key: &str| string(asset.get(kind).and_then(|it| it.get(key)));
        parts.extend(inner("title", "text").map(|it| ("title".to_owned(), Shown::Text(it))));
        parts.extend(inner("img", "url").map(|it| ("img".to_owned(), Shown::Picture(it))));
        parts.extend(inner("data", "value").map(|it| ("data".to_owned(), Shown::Text(it))));
        parts.extend(inner("video", "vasttag").into_iter().flat_map(|tag| vast(&tag)));
        parts.extend(link(asset).map(|it| ("asset link".to_owned(), Shown::Text(it))));
    }
    parts.extend(link(native).map(|it| ("link".to_owned(), Shown::Text(it))));
    parts
}

/// Text as HTML, for content and quoted attributes.
pub(super) fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for letter in raw.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_shows_its_files_from_here_however_it_writes_their_urls() {
        let markup = "<img src=\"//a.example/1?x=1&amp;y=2\"><img src='https://a.example/1?x=1&y=2'>\
                      <img src=https://a.example/1><i style=\"background:url(https://a.example/1?x=1&amp;y=2)\">";
        let banner = crate::compliance::creative::tests::banner();
        let files = [("https://a.example/1", "/one"), ("https://a.example/1?x=1&y=2", "/two")];
        let files: Vec<_> = files.iter().map(|(url, here)| ((*url).to_owned(), (*here).to_owned())).collect();
        let html = document(&Submission { markup: markup.to_owned(), ..banner.clone() }, files.clone());
        assert_eq!(
            (html.matches("/two").count(), html.matches("/one").count(), html.contains("a.example")),
            (3, 1, false),
            "{html}"
        );
        let native = r#"{"native":{"assets":[{"img":{"url":"https://A.example/1"}}]}}"#;
        let html = document(&Submission { markup: native.to_owned(), format: Format::Native, ..banner }, files);
        assert!(html.contains("src=\"/one\""), "{html}");
    }

    #[test]
    fn a_video_and_a_native_ad_are_shown_by_their_parts() {
        let markup = "<VAST version=\"4.0\"><Ad><InLine><AdTitle>牛奶 &lt;b&gt;</AdTitle><Creatives><Creative><Linear><VideoClicks>\
             <ClickThrough><![CDATA[https://qinghe.example/]]></ClickThrough></VideoClicks><MediaFiles><MediaFile type=\"video/mp4\">\
             <![CDATA[ https://cdn.qinghe.example/a.mp4 ]]></MediaFile></MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>";
        let parts = vast(markup);
        assert_eq!(parts[1].1, Shown::Text("https://qinghe.example/".to_owned()));
        assert_eq!(parts[2].1, Shown::Video("https://cdn.qinghe.example/a.mp4".to_owned()));
        assert!(vast("<VAST><AdTitle>").is_empty(), "as far as it can be read");
        let markup = r#"{"native":{"link":{"url":"https://q.example/"},"assets":[{"title":{"text":"\"><script>"}},{"img":{"url":"https://q.example/1.jpg"}}]}}"#;
        let parts = native(markup);
        assert_eq!(parts.len(), 3);
        let html = shown(&parts, &|url| url.to_owned());
        assert!(!html.contains("<script>") && html.contains("&quot;&gt;&lt;script&gt;"), "{html}");
    }
}
