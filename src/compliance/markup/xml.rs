//! XML as a small tree with places: VAST and DAAST. Nothing is expanded but the five entities of XML and character references; document
//! types are refused.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements inside one another at most.
const DEEPEST: usize = 64;
/// Elements at most.
const MOST: usize = 5_000;

/// An element.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// Its own text, trimmed.
    pub(super) text: String,
    pub(super) parent: Option<usize>,
    /// Names from the root: `VAST/Ad/InLine`; the second of a name among its siblings is `Ad[2]`.
    pub(super) path: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
    }
}

/// Reads a document: its elements in their order. The first is the root.
///
/// # Errors
/// What is wrong with it, in English and Chinese, for people.
pub(super) fn read(text: &str) -> Result<Vec<Element>, (&'static str, &'static str)> {
    const BROKEN: (&str, &str) = ("it is not well-formed XML", "不是格式良好的 XML");
    let text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    let mut reader = Reader::from_str(text);
    let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        let at = reader.buffer_position();
        let inside = open.last().copied();
        match reader.read_event().map_err(|_| BROKEN)? {
            Event::Start(tag) => {
                if open.len() >= DEEPEST {
                    return Err(("too many elements inside one another", "元素嵌套过深"));
                }
                open.push(begin(&mut elements, &tag, inside).ok_or(BROKEN)?);
            }
            Event::Empty(tag) => {
                begin(&mut elements, &tag, inside).ok_or(BROKEN)?;
            }
            Event::End(_) => {
                open.pop().ok_or(BROKEN)?;
            }
            Event::Text(piece) => add(&mut elements, inside, &piece).ok_or(BROKEN)?,
            Event::CData(piece) => add(&mut elements, inside, &piece).ok_or(BROKEN)?,
            Event::GeneralRef(reference) => {
                let letter =
                    named(&reference).ok_or(("it uses an entity that XML does not have", "使用了 XML 未定义的实体"))?;
                add(&mut elements, inside, letter.encode_utf8(&mut [0; 4])).ok_or(BROKEN)?;
            }
            Event::DocType(_) => return Err(("a document type is not allowed", "不允许文档类型声明")),
            Event::Decl(_) if at == 0 => {}
            Event::Decl(_) => return Err(BROKEN),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
        if elements.len() > MOST {
            return Err(("too many elements", "元素过多"));
        }
    }
    if elements.is_empty() || !open.is_empty() {
        return Err(BROKEN);
    }
    for element in &mut elements {
        element.text = element.text.trim().to_owned();
    }
    Ok(elements)
}

fn begin(elements: &mut Vec<Element>, tag: &BytesStart<'_>, parent: Option<usize>) -> Option<usize> {
    let name = tag.name().as_ref().to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        attributes.push((attribute.key.as_ref().to_owned(), unescape(&attribute.value)?));
    }
    if parent.is_none() && !elements.is_empty() {
        return None;
    }
    let before = elements.iter().filter(|it| it.parent == parent && it.name == name).count();
    let above = parent.and_then(|at| elements.get(at)).map(|it| format!("{}/", it.path)).unwrap_or_default();
    let path = if before == 0 { format!("{above}{name}") } else { format!("{above}{name}[{}]", before + 1) };
    elements.push(Element { name, attributes, text: String::new(), parent, path });
    Some(elements.len() - 1)
}

fn add(elements: &mut [Element], inside: Option<usize>, text: &str) -> Option<()> {
    match inside.and_then(|at| elements.get_mut(at)) {
        Some(element) => element.text.push_str(text),
        None => return text.trim().is_empty().then_some(()),
    }
    Some(())
}

fn named(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// A value with its references resolved.
fn unescape(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once('&') {
        let (name, after) = behind.split_once(';')?;
        text.push_str(before);
        text.push(named(name)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}
