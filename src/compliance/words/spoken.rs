//! What of a creative's markup is said to people: text, descriptions of images, titles.

use std::borrow::Cow;

use quick_xml::events::Event;
use serde_json::Value;

use crate::compliance::creative::Submission;
use crate::compliance::html::{Document, Kind, Limits, Node};
use crate::compliance::page::visible::is_block;
use crate::market::supply::Format;

/// Attributes that are said.
const SAID: &[&str] = &["alt", "title", "aria-label", "placeholder", "value", "label", "summary"];
/// Elements of VAST and DAAST that are.
const VAST: &[&str] = &["AdTitle", "Description", "Advertiser", "AltText", "Category"];
/// The most texts of one markup.
const MOST_TEXTS: usize = 10_000;

/// A text that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// What it is: `adm:3:17 alt`.
    pub place: String,
    /// The text, with character references resolved.
    pub text: String,
}

/// All that markup says: hidden text too, which a script may show. Markup that cannot be read is one text as it stands; that it cannot, others tell.
#[must_use]
pub fn spoken(format: Format, markup: &str) -> Vec<Spoken> {
    let mut texts = Vec::new();
    let read = match format {
        Format::Banner => html("adm:", markup, &mut texts),
        Format::Native => serde_json::from_str(markup).map(|value| native("adm native", &value, &mut texts)).is_ok(),
        Format::Video | Format::Audio => vast(markup, &mut texts),
    };
    if !read {
        texts = vec![Spoken { place: "adm".to_owned(), text: markup.to_owned() }];
    }
    texts.truncate(MOST_TEXTS);
    texts
}

/// All that a submission says: its markup, and its offer.
#[must_use]
pub fn said(submission: &Submission) -> Vec<Spoken> {
    let mut texts = spoken(submission.format, &submission.markup);
    let offer = submission.offer.brand.iter().chain(&submission.offer.product).chain(&submission.offer.terms);
    texts.extend(offer.map(|text| Spoken { place: "offer".to_owned(), text: text.clone() }));
    texts
}

fn html(place: &str, markup: &str, texts: &mut Vec<Spoken>) -> bool {
    let Ok(document) = Document::read(markup, &Limits::default()) else { return false };
    let mut line: Option<(Node<'_>, String)> = None;
    let mut block = None;
    for node in document.nodes() {
        match node.kind() {
            Kind::Text(text) => {
                let mut up = node.ancestors();
                if up.next().is_some_and(|parent| matches!(parent.name(), "script" | "style")) {
                    continue;
                }
                // Inline elements part no word, blocks do.
                let inside = node.ancestors().find(|element| is_block(*element)).map(|element| element.node().offset());
                if inside != block {
                    end(place, &mut line, texts);
                    block = inside;
                }
                line.get_or_insert((first(node), String::new())).1.push_str(text);
            }
            Kind::Element(element) => {
                if is_block(element) {
                    end(place, &mut line, texts);
                }
                let said =
                    element.attributes().iter().filter(|it| SAID.contains(&it.name()) && !it.value().trim().is_empty());
                texts.extend(said.map(|it| Spoken {
                    place: format!("{place}{} {}", element.position(), it.name()),
                    text: it.value().to_owned(),
                }));
            }
            Kind::Document | Kind::Doctype(_) | Kind::Comment(_) => {}
        }
    }
    end(place, &mut line, texts);
    true
}

/// The outermost inline element that a text begins.
fn first(node: Node<'_>) -> Node<'_> {
    let inline = node.ancestors().take_while(|element| !is_block(*element)).last();
    inline.map_or(node, |element| element.node())
}

fn end(place: &str, line: &mut Option<(Node<'_>, String)>, texts: &mut Vec<Spoken>) {
    if let Some((node, text)) = line.take().filter(|(_, text)| !text.trim().is_empty()) {
        texts.push(Spoken { place: format!("{place}{} text", node.position()), text });
    }
}

/// Titles, data and descriptions; URLs are not said.
fn native(place: &str, value: &Value, texts: &mut Vec<Spoken>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let place = if key == "native" { place.to_owned() } else { format!("{place}/{key}") };
                match value {
                    Value::String(text) if matches!(key.as_str(), "text" | "value" | "alt" | "label") => {
                        texts.push(Spoken { place, text: text.clone() });
                    }
                    _ => native(&place, value, texts),
                }
            }
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| native(&format!("{place}/{at}"), value, texts));
        }
        _ => {}
    }
}

fn vast(markup: &str, texts: &mut Vec<Spoken>) -> bool {
    let mut reader = quick_xml::Reader::from_str(markup);
    let mut open: Vec<String> = Vec::new();
    let mut said = String::new();
    loop {
        let event = match reader.read_event() {
            Ok(Event::Eof) => return open.is_empty(),
            Ok(event) => event,
            Err(_) => return false,
        };
        match event {
            Event::Start(tag) => {
                open.push(tag.local_name().as_ref().to_owned());
                said.clear();
            }
            Event::End(_) => {
                let name = open.pop().unwrap_or_default();
                let text = std::mem::take(&mut said);
                if VAST.contains(&name.as_str()) && !text.trim().is_empty() {
                    texts.push(Spoken { place: format!("adm {name}"), text });
                } else if name == "HTMLResource" {
                    html("adm HTMLResource ", &text, texts);
                }
            }
            Event::Text(text) => said.push_str(&text),
            Event::CData(text) => said.push_str(&text),
            Event::GeneralRef(reference) => said.push_str(&referred(&reference)),
            _ => {}
        }
    }
}

/// A character reference of XML; anything else stays as it stands.
fn referred(name: &str) -> Cow<'_, str> {
    let number =
        name.strip_prefix("#x").map(|it| u32::from_str_radix(it, 16)).or(name.strip_prefix('#').map(str::parse));
    match (number.and_then(Result::ok).and_then(char::from_u32), name) {
        (Some(letter), _) => Cow::Owned(letter.to_string()),
        (None, "amp") => Cow::Borrowed("&"),
        (None, "lt") => Cow::Borrowed("<"),
        (None, "gt") => Cow::Borrowed(">"),
        (None, "quot") => Cow::Borrowed("\""),
        (None, "apos") => Cow::Borrowed("'"),
        (None, _) => Cow::Borrowed(name),
    }
}
