//! What the exchange puts into an ad's markup on its way to the media: the beacon that bills it, the click, the monitors of its
//! creative, and values for macros (interfaces.md, "Where the billable moment lies"; docs/markup.md).
//!
//! | module | holds |
//! |---|---|
//! | [`digest`] | whether a bid's markup is the approved one |
//! | [`macros`] | `${AUCTION_…}` of OpenRTB and `__NAME__` of the field, from one table |
//! | `html` | banners: a pixel, or the script of `viewability` |
//! | `vast` | VAST 2 to 4 and DAAST |
//! | `native` | Native 1.2 |
//!
//! Pure: texts in, text out. What is not replaced or added stays as it was, byte for byte. [`check`] and [`write()`] walk the same
//! way, so that what was checked can be written.

pub mod digest;
mod html;
pub mod macros;
mod native;
mod vast;
mod viewability;

use openrtb::Macros;
use openrtb::native::Request;

use crate::market::demand::Monitors;
use crate::market::supply::{Format, Size};
use macros::Filler;
pub use macros::{Identifiers, Known, fill};

/// Text as HTML, for content and quoted attributes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
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

/// How an ad is shown, as far as its beacon depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Display<'d> {
    /// What kind of ad it is.
    pub format: Format,
    /// Whether its markup carries the beacon; otherwise the media's notice alone bills it.
    pub beacon: bool,
    /// How long it must be shown to count, ms; 0: no minimum (R-DISPLAY).
    pub minimum_ms: u32,
    /// Its length, ms, for video and audio.
    pub duration_ms: Option<u32>,
    /// Its size, for formats that have one.
    pub size: Option<Size>,
    /// What a native ad answers: the trackers that the media fires are in it.
    pub native: Option<&'d Request<'d>>,
}

/// The URLs that go into an ad's markup. A test request, which bills nothing, has a landing page only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tags<'t> {
    /// The beacon, `…/t/imp/TOKEN`.
    pub impression: Option<&'t str>,
    /// Where a click goes, `…/t/click/TOKEN`: counted, then on to the landing page.
    pub click: Option<&'t str>,
    /// The landing page that is registered (R-LANDING-MATCH).
    pub landing_page: &'t str,
    /// Who counts besides the exchange (R-STATS).
    pub monitors: Option<&'t Monitors>,
}

/// Why an exchange that bills by its beacon cannot show an ad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not a document of its format.
    Malformed,
    /// No place for a beacon that would fire when the ad counts.
    Unbillable,
    /// Over before it could count (R-DISPLAY).
    TooShort,
}

/// Whether an ad can be billed by its markup.
///
/// # Errors
/// [`Unfit`] if it cannot.
pub fn check(markup: &str, display: &Display<'_>) -> Result<(), Unfit> {
    match display.format {
        Format::Banner => Ok(()),
        Format::Video | Format::Audio => vast::walk(markup, display, vast::Wants::ALL, |_| {}),
        Format::Native => native::walk(markup, native::Wants::ALL, |_| {}),
    }
}

/// Appends an ad's markup with its macros filled in, and its tags.
///
/// # Errors
/// As [`check`]; what was appended then means nothing.
pub fn write(
    markup: &str,
    display: &Display<'_>,
    tags: &Tags<'_>,
    (known, auction): (&Known<'_>, &Macros<'_>),
    out: &mut String,
) -> Result<(), Unfit> {
    let filler = Filler { known, auction: Some(auction), click: Some(tags.through()) };
    let mut writer = Writer { display, tags, filler, out };
    match display.format {
        Format::Banner => html::write(markup, &mut writer),
        Format::Video | Format::Audio => vast::write(markup, &mut writer)?,
        Format::Native => native::write(markup, &mut writer)?,
    }
    Ok(())
}

impl<'t> Tags<'t> {
    /// What a click opens.
    fn through(&self) -> &'t str {
        self.click.unwrap_or(self.landing_page)
    }
}

/// What a URL stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// An attribute of HTML, in double quotes.
    Attribute,
    /// A string of JavaScript or JSON, or character data of XML.
    Plain,
}

/// Where an ad is written to.
struct Writer<'w, 'o> {
    display: &'w Display<'w>,
    tags: &'w Tags<'w>,
    filler: Filler<'w>,
    out: &'o mut String,
}

/// What tells a click that is only counted from one that is followed.
const TRACK: &str = "?track=1";

impl<'w> Writer<'w, '_> {
    /// The ad's own text.
    fn copy(&mut self, text: &str) {
        self.filler.fill(text, self.out);
    }

    /// What stands around a URL.
    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// The beacon, where the markup bills.
    fn beacon(&self) -> Option<&'w str> {
        self.tags.impression.filter(|_| self.display.beacon)
    }

    fn impression_monitors(&self) -> &'w [String] {
        self.tags.monitors.map_or(&[], |monitors| &monitors.impression)
    }

    fn click_monitors(&self) -> &'w [String] {
        self.tags.monitors.map_or(&[], |monitors| &monitors.click)
    }

    /// Whether anything fires when the ad counts.
    fn counts(&self) -> bool {
        self.beacon().is_some() || !self.impression_monitors().is_empty()
    }

    /// Writes what fires when the ad counts: the beacon, with the time that it stands for, and each monitor. `around` writes what
    /// goes before a URL, and behind it.
    fn impressions(&mut self, within: Within, around: (&str, &str)) {
        if let Some(beacon) = self.beacon() {
            let minimum_ms = self.display.minimum_ms;
            self.around(around, |writer| {
                writer.url(beacon, within);
                if minimum_ms > 0 {
                    writer.raw("?ms=");
                    macros::integer(minimum_ms.into(), writer.out);
                }
            });
        }
        self.monitors(self.impression_monitors(), within, around);
    }

    /// Writes what only counts a click: the exchange's own, if `own`, and each monitor.
    fn clicks(&mut self, own: bool, within: Within, around: (&str, &str)) {
        if let Some(click) = self.tags.click.filter(|_| own) {
            self.around(around, |writer| {
                writer.url(click, within);
                writer.raw(TRACK);
            });
        }
        self.monitors(self.click_monitors(), within, around);
    }

    fn monitors(&mut self, urls: &[String], within: Within, around: (&str, &str)) {
        let filler = Filler { auction: None, click: None, ..self.filler };
        for url in urls {
            // A value is percent-encoded: only what the config wrote could need an escape.
            self.around(around, |writer| {
                let mut rest = url.as_str();
                while let Some((before, after)) = rest.split_once('&') {
                    filler.fill(before, writer.out);
                    writer.url("&", within);
                    rest = after;
                }
                filler.fill(rest, writer.out);
            });
        }
    }

    fn around(&mut self, (before, after): (&str, &str), url: impl FnOnce(&mut Self)) {
        self.raw(before);
        url(self);
        self.raw(after);
    }

    /// A URL of the exchange's own, or the landing page, so that it ends where it should.
    fn url(&mut self, url: &str, within: Within) {
        for letter in url.chars() {
            match (within, letter) {
                (Within::Attribute, '&') => self.raw("&amp;"),
                (_, '"') => self.raw("%22"),
                (_, '<') => self.raw("%3C"),
                (_, '>') => self.raw("%3E"),
                (_, '\\') => self.raw("%5C"),
                _ => self.out.push(letter),
            }
        }
    }
}
