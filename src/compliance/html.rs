//! HTML as browsers read it (WHATWG HTML, parsed by html5ever), in a tree of ours that is bounded while it grows.
//!
//! Nothing is executed and nothing is fetched. What a browser with scripts sees is what is read: the content of `noscript` is one text (read it
//! again as a document of its own where it matters), that of a `template` stands under it like any other.
//!
//! ```
//! use pmpx::compliance::html::{Document, Limits};
//! let document = Document::read("<p>spring <a href='https://qinghe.example/'>milk</a>", &Limits::default())?;
//! let link = document.elements().find(|element| element.name() == "a");
//! let link = link.expect("there is one");
//! assert_eq!(link.attribute("href"), Some("https://qinghe.example/"));
//! assert_eq!((link.text().as_str(), link.position().to_string().as_str()), ("milk", "1:11"));
//! # Ok::<(), pmpx::compliance::html::Excess>(())
//! ```

mod encoding;
mod feed;
mod grow;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::OnceLock;

use html5ever::LocalName;

pub use encoding::decode;

/// What a document may come to. Reading stops where one of them is passed, at the cost of what was read until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document, as UTF-8: 2 MiB.
    pub bytes: usize,
    /// Tags, comments and runs of text: 200,000.
    pub tokens: u32,
    /// Nodes of the tree: 50,000.
    pub nodes: u32,
    /// Elements inside one another: 256. Browsers stop nesting at 512.
    pub depth: u16,
    /// Attributes of one element: 256.
    pub attributes: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 2 << 20, tokens: 200_000, nodes: 50_000, depth: 256, attributes: 256 }
    }
}

/// A document that is more than its [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: more than {limit} {bound}")]
pub struct Excess {
    /// Of what there is too much.
    pub bound: Bound,
    /// What is allowed.
    pub limit: usize,
    /// Where it was passed.
    pub position: Position,
}

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of the document.
    Bytes,
    /// Tags, comments and runs of text.
    Tokens,
    /// Nodes of the tree.
    Nodes,
    /// Elements inside one another.
    Depth,
    /// Attributes of one element.
    Attributes,
    /// Bytes of names, values and texts in the tree: misnested formatting elements copy their attributes.
    Kept,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Tokens => "tags, comments and texts",
            Self::Nodes => "nodes",
            Self::Depth => "elements inside one another",
            Self::Attributes => "attributes of one element",
            Self::Kept => "bytes of attributes and texts (misnested elements are copied)",
        })
    }
}

/// A place in the text: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// Where a byte of a text stands; the text's end for one beyond it.
    #[must_use]
    pub fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.bytes().filter(|it| *it == b'\n').count() + 1;
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line, column: before.get(begin..).map_or(0, |it| it.chars().count()) + 1 }
    }

    /// The position behind a byte of UTF-8.
    fn pass(&mut self, byte: u8) {
        match byte {
            b'\n' => *self = Self { line: self.line + 1, column: 1 },
            // The rest of a character that has been counted.
            0x80..=0xbf => {}
            _ => self.column += 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A place in the tree.
type Id = u32;
/// The document's own.
const ROOT: Id = 0;

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    name: LocalName,
    value: Box<str>,
}

impl Attribute {
    /// In lower case; those of SVG with their prefix: `xlink:href`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With character references resolved.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// What an element belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// HTML.
    Html,
    /// SVG in HTML.
    Svg,
    /// MathML in HTML.
    MathMl,
}

#[derive(Clone, Debug)]
struct Tag {
    space: Space,
    name: LocalName,
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug)]
enum Data {
    Document,
    Doctype(Box<str>),
    Element(Tag),
    Text(String),
    Comment(Box<str>),
}

/// A node with its neighbours: no node owns another, so dropping a deep tree is one step.
#[derive(Clone, Debug)]
struct Kept {
    parent: Option<Id>,
    first: Option<Id>,
    last: Option<Id>,
    before: Option<Id>,
    next: Option<Id>,
    /// Byte of the source where its token begins.
    at: u32,
    depth: u16,
    data: Data,
}

/// A document that was read.
#[derive(Clone, Debug)]
pub struct Document {
    source: Box<str>,
    nodes: Vec<Kept>,
    /// The position of each [`MARKED`]th byte, so that telling many positions does not read the source as often.
    marks: OnceLock<Vec<Position>>,
}

/// Bytes between marks.
const MARKED: usize = 1024;

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// The first limit that it passes, and where.
    pub fn read(source: &str, limits: &Limits) -> Result<Self, Excess> {
        if source.len() > limits.bytes {
            let position = Position::of(source, limits.bytes);
            return Err(Excess { bound: Bound::Bytes, limit: limits.bytes, position });
        }
        feed::feed(source, limits).map(|nodes| Self { source: source.into(), nodes, marks: OnceLock::new() })
    }

    /// Reads bytes in their encoding ([`decode`]); `label` is the charset that the `Content-Type` header names.
    ///
    /// # Errors
    /// See [`Document::read`].
    pub fn of_bytes(bytes: &[u8], label: Option<&str>, limits: &Limits) -> Result<Self, Excess> {
        if bytes.len() > limits.bytes {
            // Not decoded at all: the place is that of the byte, as if it were one line of single bytes.
            let position = Position { line: 1, column: limits.bytes + 1 };
            return Err(Excess { bound: Bound::Bytes, limit: limits.bytes, position });
        }
        // Decoding may lengthen: two bytes of GBK become three, one byte of a single-byte encoding up to three.
        let wider = Limits { bytes: limits.bytes.saturating_mul(3), ..*limits };
        Self::read(&decode(bytes, label).0, &wider)
    }

    /// What was read, decoded. Positions count in it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The document itself, which is the parent of everything.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { document: self, id: ROOT }
    }

    /// All nodes in document order, without the document itself.
    #[must_use]
    pub fn nodes(&self) -> Descendants<'_> {
        self.root().descendants()
    }

    /// All elements in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        self.nodes().filter_map(|node| node.element())
    }

    /// All HTML elements of a name, in document order.
    pub fn named<'d>(&'d self, name: &'d str) -> impl Iterator<Item = Element<'d>> {
        self.elements().filter(move |element| element.is(name))
    }

    /// Where a byte of the source stands; the end for one beyond it.
    #[must_use]
    pub fn position(&self, at: usize) -> Position {
        let marks = self.marks.get_or_init(|| {
            let mut position = Position { line: 1, column: 1 };
            let mut marks = Vec::with_capacity(self.source.len() / MARKED + 1);
            for (at, byte) in self.source.bytes().enumerate() {
                if at % MARKED == 0 {
                    marks.push(position);
                }
                position.pass(byte);
            }
            marks
        });
        let at = at.min(self.source.len());
        let mut position = marks.get(at / MARKED).or(marks.last()).copied().unwrap_or(Position { line: 1, column: 1 });
        let from = (at / MARKED).min(marks.len().saturating_sub(1)) * MARKED;
        self.source.as_bytes().get(from..at).unwrap_or_default().iter().for_each(|byte| position.pass(*byte));
        position
    }

    fn kept(&self, id: Id) -> Option<&Kept> {
        self.nodes.get(id as usize)
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'d> {
    /// The document.
    Document,
    /// `<!DOCTYPE …>`, by its name.
    Doctype(&'d str),
    /// An element.
    Element(Element<'d>),
    /// Text, with character references resolved; also what stands in `script` and `style`.
    Text(&'d str),
    /// A comment.
    Comment(&'d str),
}

/// A node of a document.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document,
    id: Id,
}

impl<'d> Node<'d> {
    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind<'d> {
        match self.document.kept(self.id).map(|kept| &kept.data) {
            None | Some(Data::Document) => Kind::Document,
            Some(Data::Doctype(name)) => Kind::Doctype(name),
            Some(Data::Element(tag)) => Kind::Element(Element { node: self, tag }),
            Some(Data::Text(text)) => Kind::Text(text),
            Some(Data::Comment(text)) => Kind::Comment(text),
        }
    }

    /// The element that it is, if it is one.
    #[must_use]
    pub fn element(self) -> Option<Element<'d>> {
        match self.kind() {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    /// What it stands in.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        self.to(|kept| kept.parent)
    }

    /// What stands directly in it.
    pub fn children(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.to(|kept| kept.first), |node| node.to(|kept| kept.next))
            .take(self.document.nodes.len())
    }

    /// What stands in it at any depth, in document order.
    #[must_use]
    pub fn descendants(self) -> Descendants<'d> {
        Descendants { top: self.id, at: self, left: self.document.nodes.len() }
    }

    /// The elements that it stands in, the nearest first.
    pub fn ancestors(self) -> impl Iterator<Item = Element<'d>> {
        let up = std::iter::successors(self.parent(), |node| node.parent()).take(self.document.nodes.len());
        up.filter_map(Self::element)
    }

    /// All text in it, as it stands, without that of `script` and `style`.
    #[must_use]
    pub fn text(self) -> String {
        let mut text = String::new();
        for node in self.descendants() {
            if let Kind::Text(it) = node.kind() {
                let code = node.parent().and_then(Self::element);
                if !code.is_some_and(|parent| matches!(parent.name(), "script" | "style")) {
                    text.push_str(it);
                }
            }
        }
        text
    }

    /// The byte of [`Document::source`] at which its tag or text begins. An element that no tag stands for is where it was implied.
    #[must_use]
    pub fn offset(self) -> usize {
        self.document.kept(self.id).map_or(0, |kept| kept.at as usize)
    }

    /// Where its tag or text begins.
    #[must_use]
    pub fn position(self) -> Position {
        self.document.position(self.offset())
    }

    fn to(self, way: impl Fn(&'d Kept) -> Option<Id>) -> Option<Self> {
        let id = way(self.document.kept(self.id)?)?;
        Some(Self { id, ..self })
    }
}

impl PartialEq for Node<'_> {
    /// The same node of the same document.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && std::ptr::eq(self.document, other.document)
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Document => f.write_str("document"),
            Kind::Doctype(name) => write!(f, "doctype {name:?}"),
            Kind::Element(element) => write!(f, "<{}> at {}", element.name(), self.position()),
            Kind::Text(text) => write!(f, "text {text:?}"),
            Kind::Comment(text) => write!(f, "comment {text:?}"),
        }
    }
}

/// An element.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    node: Node<'d>,
    tag: &'d Tag,
}

impl<'d> Element<'d> {
    /// Its name: in lower case, those of SVG as SVG writes them (`foreignObject`).
    #[must_use]
    pub fn name(self) -> &'d str {
        &self.tag.name
    }

    /// What it belongs to.
    #[must_use]
    pub fn space(self) -> Space {
        self.tag.space
    }

    /// Whether it is the HTML element of that name.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        self.tag.space == Space::Html && *self.tag.name == *name
    }

    /// The value of an attribute, by its name in lower case.
    #[must_use]
    pub fn attribute(self, name: &str) -> Option<&'d str> {
        self.attributes().iter().find(|it| it.name() == name).map(Attribute::value)
    }

    /// Its attributes in their order; of several of one name only the first is there, as in a browser.
    #[must_use]
    pub fn attributes(self) -> &'d [Attribute] {
        &self.tag.attributes
    }

    /// Its node: parents, children, position.
    #[must_use]
    pub fn node(self) -> Node<'d> {
        self.node
    }

    /// All text in it, as it stands; of a `script` or `style`, its code.
    #[must_use]
    pub fn text(self) -> String {
        let texts = self.node.children().filter_map(|child| match child.kind() {
            Kind::Text(text) => Some(text),
            _ => None,
        });
        if matches!(self.name(), "script" | "style") { texts.collect() } else { self.node.text() }
    }

    /// Where its tag begins.
    #[must_use]
    pub fn position(self) -> Position {
        self.node.position()
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// Nodes in document order.
#[derive(Clone, Debug)]
pub struct Descendants<'d> {
    top: Id,
    at: Node<'d>,
    /// No walk is longer than the document.
    left: usize,
}

impl<'d> Iterator for Descendants<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut next = self.at.to(|kept| kept.first);
        while next.is_none() && self.at.id != self.top {
            next = self.at.to(|kept| kept.next);
            if next.is_none() {
                self.at = self.at.parent()?;
            }
        }
        self.at = next?;
        Some(self.at)
    }
}
