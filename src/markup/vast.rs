//! VAST 2 to 4 and DAAST 1: tags go into a document that stays as it is around them.
//!
//! Read by a pull parser that expands no entity and resolves nothing; a document type is refused. What is put in:
//!
//! | where | what |
//! |---|---|
//! | before the first `Impression` of each ad | `Impression` of beacon and monitors, without a minimum |
//! | in each `Linear` | `Tracking event="progress"` of beacon and monitors, with a minimum; in VAST 2, the next quartile |
//! | `ClickThrough` of an InLine | its URL becomes the exchange's click; monitors' `ClickTracking` behind it |
//! | a Wrapper | `ClickTracking` of click and monitors, in a `Linear` of its own if it has none |
//! | `ClickThrough` of a Wrapper | its URL becomes the registered landing page: the tracking counts the click |
//! | click-throughs of overlays and companions | their URL becomes the exchange's click |

mod element;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Display, Unfit, Within, Writer};
use element::{Element, milliseconds, offset};

/// Elements inside one another at most.
const DEEPEST: usize = 64;
/// Places where something is put, at most: a document of thousands of ads would grow by their number.
const MOST_PLACES: usize = 64;
/// What marks the exchange's elements and its monitors'.
const MARK: &str = "pmpx";

/// What is to be put in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants {
    /// Something fires when the ad counts.
    counts: bool,
    /// A click is counted by the exchange.
    click: bool,
    /// A click is counted by monitors.
    monitors: bool,
}

impl Wants {
    pub(super) const ALL: Self = Self { counts: true, click: true, monitors: true };
}

/// A part of the document that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// The document's own text.
    Own(&'p str),
    /// Structure that was not there.
    Made(&'p str),
    /// `Impression` elements.
    Impressions,
    /// `Tracking` elements.
    Tracking(When),
    /// The URL of a click-through that is counted.
    Through,
    /// The URL of a click-through that is counted elsewhere.
    Landing,
    /// Elements of a name that count a click; with the exchange's own if `true`.
    Clicks(&'static str, bool),
}

/// When a linear ad has been shown for the minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// VAST 3: at the minimum itself.
    Progress,
    /// VAST 2: at the first of its events that is not before the minimum.
    Event(&'static str),
}

/// What has been seen of an InLine or a Wrapper.
#[derive(Clone, Copy, Debug, Default)]
struct Ad {
    wrapper: bool,
    impressions: bool,
    linear: bool,
    /// Of the `Linear` that is open.
    tracking: bool,
    /// Of the `Linear` that is open.
    clicks: bool,
}

struct Walk<'m, F> {
    text: &'m str,
    /// Up to where the document is told.
    copied: usize,
    put: F,
    places: usize,
    wants: Wants,
    display: Display<'m>,
    /// DAAST instead of VAST.
    audio: bool,
    /// The major version; 2 where none is told, whose events every player knows.
    version: u32,
    stack: Vec<Element>,
    ad: Ad,
    ads: usize,
    is_over: bool,
}

/// Reads a document and tells its parts and what stands between them, in order.
///
/// # Errors
/// [`Unfit`] if it is no such document, or has no place for a beacon.
pub(super) fn walk<'m>(
    markup: &'m str,
    display: &Display<'m>,
    wants: Wants,
    put: impl FnMut(Piece<'m>),
) -> Result<(), Unfit> {
    if display.beacon && display.duration_ms.is_some_and(|duration| duration < display.minimum_ms) {
        return Err(Unfit::TooShort);
    }
    // White space and a byte order mark before the document are no part of it.
    let text = markup.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    if text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        return Err(Unfit::Malformed);
    }
    let mut walk = Walk {
        text,
        copied: 0,
        put,
        places: 0,
        wants,
        display: *display,
        audio: false,
        version: 2,
        stack: Vec::with_capacity(16),
        ad: Ad::default(),
        ads: 0,
        is_over: false,
    };
    (walk.put)(Piece::Own(markup.get(..markup.len() - text.len()).unwrap_or_default()));
    walk.document()
}

/// Writes a document with its tags.
///
/// # Errors
/// As [`walk`].
pub(super) fn write(markup: &str, writer: &mut Writer<'_, '_>) -> Result<(), Unfit> {
    let wants = Wants {
        counts: writer.counts(),
        click: writer.tags.click.is_some(),
        monitors: !writer.click_monitors().is_empty(),
    };
    let display = writer.display;
    walk(markup, display, wants, |piece| put(piece, writer))
}

fn put(piece: Piece<'_>, writer: &mut Writer<'_, '_>) {
    let minimum_ms = writer.display.minimum_ms;
    match piece {
        Piece::Own(text) => writer.copy(text),
        Piece::Made(text) => writer.raw(text),
        Piece::Impressions => {
            writer.impressions(Within::Plain, ("<Impression id=\"pmpx\"><![CDATA[", "]]></Impression>"));
        }
        Piece::Tracking(When::Event(event)) => {
            let before = format!("<Tracking event=\"{event}\"><![CDATA[");
            writer.impressions(Within::Plain, (&before, "]]></Tracking>"));
        }
        Piece::Tracking(When::Progress) => {
            let before = format!("<Tracking event=\"progress\" offset=\"{}\"><![CDATA[", offset(minimum_ms));
            writer.impressions(Within::Plain, (&before, "]]></Tracking>"));
        }
        Piece::Through | Piece::Landing => {
            let url = if piece == Piece::Landing { writer.tags.landing_page } else { writer.tags.through() };
            writer.raw("<![CDATA[");
            writer.url(url, Within::Plain);
            writer.raw("]]>");
        }
        Piece::Clicks(name, own) => {
            let (before, after) = (format!("<{name} id=\"{MARK}\"><![CDATA["), format!("]]></{name}>"));
            writer.clicks(own, Within::Plain, (&before, &after));
        }
    }
}

impl<'m, F: FnMut(Piece<'m>)> Walk<'m, F> {
    fn document(&mut self) -> Result<(), Unfit> {
        let mut reader = Reader::from_str(self.text);
        let position = |reader: &Reader<&[u8]>| usize::try_from(reader.buffer_position()).map_err(|_| Unfit::Malformed);
        loop {
            let start = position(&reader)?;
            let event = reader.read_event().map_err(|_| Unfit::Malformed)?;
            let end = position(&reader)?;
            match event {
                Event::Start(tag) => self.open(&tag, (start, end), false)?,
                Event::Empty(tag) => self.open(&tag, (start, end), true)?,
                Event::End(_) => self.close((start, end))?,
                Event::Text(text) => self.characters(&text)?,
                Event::CData(_) if self.stack.is_empty() => return Err(Unfit::Malformed),
                Event::CData(text) => self.duration(&text)?,
                Event::Comment(_) | Event::PI(_) => {}
                Event::GeneralRef(reference) if is_known(&reference) && !self.stack.is_empty() => {}
                Event::Decl(_) if start == 0 => {}
                Event::Decl(_) | Event::DocType(_) | Event::GeneralRef(_) => return Err(Unfit::Malformed),
                Event::Eof => break,
            }
        }
        if !self.is_over {
            return Err(Unfit::Malformed);
        }
        if self.ads == 0 {
            return Err(Unfit::Unbillable);
        }
        self.own(self.text.len());
        Ok(())
    }

    fn open(&mut self, tag: &BytesStart<'_>, (start, end): (usize, usize), empty: bool) -> Result<(), Unfit> {
        let name = tag.name();
        let name = self.text.get(start + 1..start + 1 + name.as_ref().len()).ok_or(Unfit::Malformed)?;
        check_tag(tag, name)?;
        let element = match self.stack.last() {
            None if self.is_over => return Err(Unfit::Malformed),
            None => self.root(tag, name)?,
            parent => Element::of(parent.copied(), name),
        };
        if self.stack.len() >= DEEPEST {
            return Err(Unfit::Malformed);
        }
        self.begin(element, start)?;
        self.stack.push(element);
        let filled = self.fills(element);
        if !empty {
            if filled {
                self.own(end);
                self.fill(element)?;
            }
            return Ok(());
        }
        let lacks = self.lacks(element);
        if filled || lacks {
            // `<Name/>` becomes `<Name>…</Name>`.
            self.own(end - 2);
            self.put(Piece::Made(">"))?;
            self.copied = end;
            self.fill(element)?;
            self.complete(element)?;
            for made in ["</", name, ">"] {
                self.put(Piece::Made(made))?;
            }
        }
        self.end(element, end)
    }

    fn close(&mut self, (start, end): (usize, usize)) -> Result<(), Unfit> {
        let element = *self.stack.last().ok_or(Unfit::Malformed)?;
        if self.wants.click && matches!(element, Element::ClickThrough | Element::OtherThrough(_)) {
            // What stood there has been replaced.
            self.copied = start;
        }
        if self.lacks(element) {
            self.own(start);
            self.complete(element)?;
        }
        self.end(element, end)
    }

    fn root(&mut self, tag: &BytesStart<'_>, name: &str) -> Result<Element, Unfit> {
        self.audio = name == "DAAST";
        if !self.audio && name != "VAST" {
            return Err(Unfit::Malformed);
        }
        let told = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == "version");
        let major = told.and_then(|told| told.value.split('.').next().and_then(|major| major.parse().ok()));
        self.version = if self.audio { 3 } else { major.unwrap_or(2) };
        Ok(Element::Root)
    }

    /// Notes that an element begins, and puts what goes before it.
    fn begin(&mut self, element: Element, start: usize) -> Result<(), Unfit> {
        match element {
            Element::InLine | Element::Wrapper => {
                self.ads += 1;
                self.ad = Ad { wrapper: element == Element::Wrapper, ..Ad::default() };
            }
            Element::Impression if self.lacks_impressions() => {
                self.own(start);
                self.put(Piece::Impressions)?;
                self.ad.impressions = true;
            }
            Element::Linear => (self.ad.linear, self.ad.tracking, self.ad.clicks) = (true, false, false),
            _ => {}
        }
        Ok(())
    }

    /// Whether something goes to the beginning of an element's content.
    fn fills(&self, element: Element) -> bool {
        match element {
            Element::TrackingEvents => self.progresses() && !self.ad.tracking,
            Element::Clicks => self.tracks_clicks() && !self.ad.clicks,
            Element::ClickThrough | Element::OtherThrough(_) => self.wants.click,
            _ => false,
        }
    }

    /// Puts that.
    fn fill(&mut self, element: Element) -> Result<(), Unfit> {
        if !self.fills(element) {
            return Ok(());
        }
        match element {
            Element::TrackingEvents => {
                self.ad.tracking = true;
                self.put(Piece::Tracking(self.when()))
            }
            Element::Clicks => {
                self.ad.clicks = true;
                self.put(Piece::Clicks("ClickTracking", true))
            }
            Element::ClickThrough if self.ad.wrapper => self.put(Piece::Landing),
            _ => self.put(Piece::Through),
        }
    }

    /// Whether something is missing at the end of an element's content.
    fn lacks(&self, element: Element) -> bool {
        let makes_linear = self.ad.wrapper && !self.ad.linear && (self.progresses() || self.tracks_clicks());
        match element {
            Element::InLine | Element::Wrapper => self.lacks_impressions() || makes_linear,
            Element::Creatives => makes_linear,
            Element::Linear => self.progresses() && !self.ad.tracking || self.tracks_clicks() && !self.ad.clicks,
            _ => false,
        }
    }

    /// Puts that.
    fn complete(&mut self, element: Element) -> Result<(), Unfit> {
        if self.lacks_impressions() && matches!(element, Element::InLine | Element::Wrapper) {
            self.put(Piece::Impressions)?;
            self.ad.impressions = true;
        }
        if !self.lacks(element) {
            return Ok(());
        }
        let around: &[&str] = match element {
            Element::Wrapper => &["<Creatives><Creative><Linear>", "</Linear></Creative></Creatives>"],
            Element::Creatives => &["<Creative><Linear>", "</Linear></Creative>"],
            _ => &["", ""],
        };
        let [before, after] = around else { return Ok(()) };
        self.put(Piece::Made(before))?;
        if self.progresses() && !self.ad.tracking {
            self.put(Piece::Made("<TrackingEvents>"))?;
            self.put(Piece::Tracking(self.when()))?;
            self.put(Piece::Made("</TrackingEvents>"))?;
        }
        if self.tracks_clicks() && !self.ad.clicks {
            let (open, close) = if self.audio {
                ("<AdInteractions>", "</AdInteractions>")
            } else {
                ("<VideoClicks>", "</VideoClicks>")
            };
            self.put(Piece::Made(open))?;
            self.put(Piece::Clicks("ClickTracking", true))?;
            self.put(Piece::Made(close))?;
        }
        self.put(Piece::Made(after))?;
        (self.ad.linear, self.ad.tracking, self.ad.clicks) = (true, true, true);
        Ok(())
    }

    /// Notes that an element is over, and puts what goes behind it.
    fn end(&mut self, element: Element, end: usize) -> Result<(), Unfit> {
        self.stack.pop();
        self.is_over = self.stack.is_empty();
        let tracking = match element {
            // Nothing of it is linear, and nothing else can tell how long it was shown.
            Element::InLine if self.display.beacon && self.display.minimum_ms > 0 && !self.ad.linear => {
                return Err(Unfit::Unbillable);
            }
            Element::ClickThrough if !self.ad.wrapper => "ClickTracking",
            Element::OtherThrough(tracking) if self.version >= 3 => tracking,
            _ => return Ok(()),
        };
        if self.wants.monitors {
            self.own(end);
            self.put(Piece::Clicks(tracking, false))?;
        }
        Ok(())
    }

    /// Text between tags: none outside of the document.
    fn characters(&mut self, text: &str) -> Result<(), Unfit> {
        if self.stack.is_empty() && !text.trim().is_empty() || text.contains("]]>") {
            return Err(Unfit::Malformed);
        }
        self.duration(text)
    }

    /// R-DISPLAY: what is over before the minimum never counts.
    fn duration(&self, text: &str) -> Result<(), Unfit> {
        let bound = self.display.beacon && self.stack.last() == Some(&Element::Duration);
        let over = |ms| ms < u64::from(self.display.minimum_ms);
        if bound && milliseconds(text.trim()).is_some_and(over) { Err(Unfit::TooShort) } else { Ok(()) }
    }

    fn lacks_impressions(&self) -> bool {
        self.wants.counts && self.display.minimum_ms == 0 && !self.ad.impressions
    }

    /// Whether linear parts tell when they have been shown for the minimum.
    fn progresses(&self) -> bool {
        self.wants.counts && self.display.minimum_ms > 0
    }

    /// Whether a click is told by tracking: a wrapper does not open a page itself.
    fn tracks_clicks(&self) -> bool {
        self.ad.wrapper && (self.wants.click || self.wants.monitors)
    }

    fn when(&self) -> When {
        if self.version >= 3 {
            return When::Progress;
        }
        let minimum = 4 * u64::from(self.display.minimum_ms);
        let duration = u64::from(self.display.duration_ms.unwrap_or(0));
        let quartiles = [(1, "firstQuartile"), (2, "midpoint"), (3, "thirdQuartile")];
        let first = quartiles.into_iter().find(|(quarters, _)| quarters * duration >= minimum);
        When::Event(first.map_or("complete", |(_, event)| event))
    }

    /// Tells the document's own text up to a place.
    fn own(&mut self, end: usize) {
        let text = self.text.get(self.copied..end).unwrap_or_default();
        (self.put)(Piece::Own(text));
        self.copied = end;
    }

    fn put(&mut self, piece: Piece<'m>) -> Result<(), Unfit> {
        self.places += usize::from(!matches!(piece, Piece::Made(_)));
        if self.places > MOST_PLACES {
            return Err(Unfit::Malformed);
        }
        (self.put)(piece);
        Ok(())
    }
}

/// Holds a tag to what the parser leaves open: names, quotes, entities.
fn check_tag(tag: &BytesStart<'_>, name: &str) -> Result<(), Unfit> {
    let begins =
        name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || b"_:".contains(&byte) || byte > 127);
    if !begins {
        return Err(Unfit::Malformed);
    }
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| Unfit::Malformed)?;
        if attribute.value.contains('<') || quick_xml::escape::unescape(&attribute.value).is_err() {
            return Err(Unfit::Malformed);
        }
    }
    Ok(())
}

fn is_known(reference: &BytesRef<'_>) -> bool {
    let character = || reference.resolve_char_ref().is_ok_and(|character| character.is_some());
    ["amp", "lt", "gt", "quot", "apos"].contains(&&**reference) || character()
}
