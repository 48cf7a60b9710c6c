//! Native 1.2: tags go into the JSON, which stays as it is around them, unknown members and white space included.
//!
//! The beacon goes where the media says that it fires trackers for what R-DISPLAY asks: the `impression` event without a minimum;
//! with one of up to a second, `viewable-mrc100` (all of the pixels for one second without a break). `viewable-mrc50` and
//! `viewable-video50` are half an ad and never count. Where the media fires none that does, its notice bills.

use std::ops::Range;

use openrtb::ScanError;
use openrtb::native::Request;
use openrtb::scan::{ArrayScan, ObjectScan, find, root};

use super::{Unfit, Within, Writer};

/// `viewable-mrc100` says that an ad was seen for that long, ms.
const VIEWED_MS: u32 = 1_000;

/// Which tracker is told that the ad counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tracker {
    /// An event of `eventtrackers`, by an image.
    Event(i32),
    /// `imptrackers`, of 1.1.
    Old,
}

/// What is to be put in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants {
    tracker: Option<Tracker>,
    /// A click is counted by the exchange.
    click: bool,
    /// A click is counted by monitors.
    monitors: bool,
}

impl Wants {
    pub(super) const ALL: Self = Self { tracker: Some(Tracker::Event(1)), click: true, monitors: true };
}

/// A part of the JSON that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// The ad's own text.
    Own(&'p str),
    /// Structure that was not there.
    Made(&'static str),
    /// Trackers of the ad's count, with commas between them.
    Trackers,
    /// The URL of a click that is counted, in quotes.
    Through,
    /// The registered landing page, in quotes.
    Landing,
    /// URLs that count a click, in quotes, with commas between them; with the exchange's own if `true`.
    Clicks(bool),
}

impl From<ScanError> for Unfit {
    fn from(_: ScanError) -> Self {
        Self::Malformed
    }
}

/// The tracker that the media fires when the ad counts; `None`: none that would do.
fn tracker(asked: Option<&Request<'_>>, minimum_ms: u32) -> Option<Tracker> {
    const IMAGE: i32 = 1;
    let trackers = asked.map_or(&[][..], |asked| asked.eventtrackers);
    let fires = |event: i32| trackers.iter().any(|it| it.event == Some(event) && it.methods.contains(&IMAGE));
    match minimum_ms {
        0 if trackers.is_empty() => Some(Tracker::Old),
        0 => fires(1).then_some(Tracker::Event(1)),
        1..=VIEWED_MS => fires(3).then_some(Tracker::Event(3)),
        _ => None,
    }
}

/// Writes an ad with its tags.
///
/// # Errors
/// As [`walk`].
pub(super) fn write(markup: &str, writer: &mut Writer<'_, '_>) -> Result<(), Unfit> {
    let display = writer.display;
    let tracker = tracker(display.native, display.minimum_ms);
    let wants = Wants {
        tracker: tracker.filter(|_| writer.counts()),
        click: writer.tags.click.is_some(),
        monitors: !writer.click_monitors().is_empty(),
    };
    walk(markup, wants, |piece| match piece {
        Piece::Own(text) => writer.copy(text),
        Piece::Made(text) => writer.raw(text),
        Piece::Trackers => listed(writer, |writer| {
            let event = match tracker {
                Some(Tracker::Event(3)) => "{\"event\":3,\"method\":1,\"url\":\"",
                Some(Tracker::Event(_)) => "{\"event\":1,\"method\":1,\"url\":\"",
                _ => return writer.impressions(Within::Plain, ("\"", "\",")),
            };
            writer.impressions(Within::Plain, (event, "\"},"));
        }),
        Piece::Through | Piece::Landing => {
            let url = if piece == Piece::Landing { writer.tags.landing_page } else { writer.tags.through() };
            writer.raw("\"");
            writer.url(url, Within::Plain);
            writer.raw("\"");
        }
        Piece::Clicks(own) => listed(writer, |writer| writer.clicks(own, Within::Plain, ("\"", "\","))),
    })
}

/// Writes what has a comma behind each part, without the last one.
fn listed(writer: &mut Writer<'_, '_>, write: impl FnOnce(&mut Writer<'_, '_>)) {
    let before = writer.out.len();
    write(writer);
    if writer.out.len() > before {
        writer.out.pop();
    }
}

struct Walk<'m, F> {
    markup: &'m str,
    /// Up to where the ad is told.
    copied: usize,
    put: F,
    wants: Wants,
}

/// Reads an ad and tells its parts and what stands between them, in order.
///
/// # Errors
/// [`Unfit::Malformed`] if it is no JSON, or a name on the way could be read in two ways: twice in its object, or with escapes.
pub(super) fn walk<'m>(markup: &'m str, wants: Wants, put: impl FnMut(Piece<'m>)) -> Result<(), Unfit> {
    let bytes = markup.as_bytes();
    let whole = root(bytes)?;
    // The wrapper of 1.0 has nothing else in it.
    let mut members = ObjectScan::new(bytes, whole.clone());
    let first = members.next().transpose()?.filter(|first| bytes.get(first.key.clone()) == Some(b"native"));
    let wrapped = first.map(|first| first.value).filter(|value| begins(bytes, value, b'{') && members.next().is_none());
    let ad = wrapped.unwrap_or(whole);
    let mut walk = Walk { markup, copied: 0, put, wants };
    walk.ad(ad)?;
    walk.own(markup.len());
    Ok(())
}

fn begins(bytes: &[u8], range: &Range<usize>, byte: u8) -> bool {
    bytes.get(range.start) == Some(&byte)
}

impl<'m, F: FnMut(Piece<'m>)> Walk<'m, F> {
    fn ad(&mut self, ad: Range<usize>) -> Result<(), Unfit> {
        let bytes = self.markup.as_bytes();
        let (name, member) = match self.wants.tracker {
            Some(Tracker::Old) => ("imptrackers", ",\"imptrackers\":["),
            _ => ("eventtrackers", ",\"eventtrackers\":["),
        };
        let [link, assets, trackers] = find(bytes, ad.clone(), ["link", "assets", name])?;
        let link = link.ok_or(Unfit::Malformed)?;
        // In the order in which they stand.
        let mut parts = [Some(link), assets, trackers.clone().filter(|_| self.wants.tracker.is_some())];
        let [link, assets, _] = parts.clone();
        parts.sort_by_key(|part| part.as_ref().map(|part| part.start));
        for part in parts.into_iter().flatten() {
            if Some(&part) == link.as_ref() {
                self.link(part)?;
            } else if Some(&part) == assets.as_ref() {
                self.assets(part)?;
            } else {
                self.list(part, Piece::Trackers)?;
            }
        }
        if trackers.is_none() && self.wants.tracker.is_some() {
            self.own(ad.end - 1);
            self.all([Piece::Made(member), Piece::Trackers, Piece::Made("]")]);
        }
        Ok(())
    }

    fn assets(&mut self, assets: Range<usize>) -> Result<(), Unfit> {
        let bytes = self.markup.as_bytes();
        if !begins(bytes, &assets, b'[') {
            return Ok(());
        }
        for asset in ArrayScan::new(bytes, assets) {
            let asset = asset?;
            if begins(bytes, &asset, b'{') {
                let [link] = find(bytes, asset, ["link"])?;
                link.filter(|link| begins(bytes, link, b'{')).map_or(Ok(()), |link| self.link(link))?;
            }
        }
        Ok(())
    }

    /// A page is opened through the exchange's click. An app is opened as it is: the click is told by a tracker, and the page that
    /// stands in for the app is the registered one.
    fn link(&mut self, link: Range<usize>) -> Result<(), Unfit> {
        let bytes = self.markup.as_bytes();
        if !begins(bytes, &link, b'{') {
            return Err(Unfit::Malformed);
        }
        let [url, fallback, trackers] = find(bytes, link.clone(), ["url", "fallback", "clicktrackers"])?;
        let url = url.ok_or(Unfit::Malformed)?;
        let text = self.markup.get(url.clone()).unwrap_or_default().trim_start_matches('"');
        let web = ["http:", "https:"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let app = !web && fallback.is_some();
        let counted = self.wants.click && app || self.wants.monitors;
        let mut parts = [
            (Some(url).filter(|_| self.wants.click && !app), Piece::Through),
            (fallback.filter(|_| self.wants.click), Piece::Landing),
            (trackers.clone().filter(|_| counted), Piece::Clicks(app)),
        ];
        parts.sort_by_key(|(part, _)| part.as_ref().map(|part| part.start));
        for (part, piece) in parts {
            match (part, piece) {
                (None, _) => {}
                (Some(part), Piece::Clicks(_)) => self.list(part, piece)?,
                (Some(part), _) => {
                    self.own(part.start);
                    (self.put)(piece);
                    self.copied = part.end;
                }
            }
        }
        if trackers.is_none() && counted {
            self.own(link.end - 1);
            self.all([Piece::Made(",\"clicktrackers\":["), Piece::Clicks(app), Piece::Made("]")]);
        }
        Ok(())
    }

    /// Adds to the end of an array; null is an empty one.
    fn list(&mut self, list: Range<usize>, piece: Piece<'m>) -> Result<(), Unfit> {
        let bytes = self.markup.as_bytes();
        if bytes.get(list.clone()) == Some(b"null") {
            self.own(list.start);
            self.all([Piece::Made("["), piece, Piece::Made("]")]);
            self.copied = list.end;
            return Ok(());
        }
        let first = ArrayScan::new(bytes, list.clone()).next().transpose()?;
        self.own(list.end - 1);
        if first.is_some() {
            (self.put)(Piece::Made(","));
        }
        (self.put)(piece);
        Ok(())
    }

    fn all(&mut self, pieces: [Piece<'m>; 3]) {
        pieces.into_iter().for_each(&mut self.put);
    }

    /// Tells the ad's own text up to a place.
    fn own(&mut self, end: usize) {
        (self.put)(Piece::Own(self.markup.get(self.copied..end).unwrap_or_default()));
        self.copied = end;
    }
}
