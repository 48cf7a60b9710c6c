//! DSPs, buyers, their advertisers and creatives.

use std::fmt;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;

use super::agreement::{Cooperation, Party};
use super::shared::Shared;
use super::supply::{Format, Size};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{AdvertiserId, BuyerId, CreativeId, CreativeVersion, DspId};
use crate::money::{Currency, MicroYuan};

/// A demand-side platform that the exchange has approved (R-DSP).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsp {
    /// Its id.
    pub id: DspId,
    /// Its id in config and metrics.
    pub wire: String,
    /// Its name.
    pub name: String,
    /// Where its bid requests go.
    pub endpoint: Endpoint,
    /// How it is spoken to. Shared, so that a core sees at one glance that nothing has changed.
    pub transport: Arc<Transport>,
    /// Whether its endpoint, and where its notices go, may be an address that is not on the public internet.
    pub allow_internal: bool,
    /// First and last day of its approval.
    pub approved: (ShanghaiDay, ShanghaiDay),
    /// The buyers that it may bid for, each with the seats that stand for it.
    pub buyers: Vec<(BuyerId, Vec<String>)>,
    /// Requests a second that it was promised not to exceed.
    pub queries_per_second: u32,
    /// Requests in flight per core at most.
    pub most_in_flight: usize,
    /// The most time that it gets, ms.
    pub timeout_ms: u32,
    /// The currency that it is told floors in and bids in.
    pub currency: Currency,
    /// Whether it is stopped.
    pub suspended: bool,
}

impl Dsp {
    /// Whether it may be asked and heard on that day (R-DSP).
    #[must_use]
    pub fn is_approved_on(&self, day: ShanghaiDay) -> bool {
        !self.suspended && self.approved.0 <= day && day <= self.approved.1
    }

    /// The seats that stand for a buyer; `None` when it may not bid for that buyer.
    #[must_use]
    pub fn seats_of(&self, buyer: BuyerId) -> Option<&[String]> {
        self.buyers.iter().find(|(it, _)| *it == buyer).map(|(_, seats)| seats.as_slice())
    }
}

/// An HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whether it is https.
    pub tls: bool,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path with query, beginning with a slash.
    pub path: String,
}

/// How a DSP is spoken to, beside where. The default: HTTP/1.1, no compression, OpenRTB 2.6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    /// HTTP/2: by prior knowledge over http, by ALPN over https (RFC 9113 §3).
    pub http2: bool,
    /// Whether requests are gzip'd.
    pub gzip_requests: bool,
    /// Whether it is told that answers may be gzip'd.
    pub gzip_answers: bool,
    /// The version that `x-openrtb-version` states.
    pub openrtb: OpenRtb,
    /// Headers of its own, secrets among them: each value is marked as sensitive and never shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The authorities whose certificates are trusted instead of the public ones.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
}

/// A version of OpenRTB that a DSP may be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenRtb {
    /// 2.5.
    V2_5,
    /// 2.6.
    #[default]
    V2_6,
}

impl OpenRtb {
    /// As in config and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2_5 => "2.5",
            Self::V2_6 => "2.6",
        }
    }
}

/// A buyer: a contract party known by its ACCOUNT ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buyer {
    /// Its id.
    pub id: BuyerId,
    /// Its ACCOUNT ID: digits.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Its contract's number.
    pub contract: String,
    /// A top-up that is booked once, by its reference.
    pub opening_balance: Option<TopUp>,
    /// Least consumption of a natural month (R-MINIMUM).
    pub monthly_minimum: MicroYuan,
    /// Whether its trading is stopped (R-ABNORMAL, R-RESTRICT).
    pub suspended: bool,
    /// To whom invoices and statements are made out (R-STATEMENT).
    pub invoice_title: String,
    /// The days of its cooperation; `None`: until it is ended (R-TERM, R-END).
    pub cooperation: Option<Cooperation>,
    /// The legal entities that it is, all liable together; empty: one, of its own name.
    pub parties: Vec<Party>,
    /// The listed monitor that is agreed for it (R-STATS, R-MONITOR-LIST).
    pub monitor: Option<String>,
}

/// Money that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// How much.
    pub amount: MicroYuan,
    /// What makes it unique, per buyer.
    pub reference: String,
}

/// The real provider of what is advertised (R-QUALIFY).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertiser {
    /// Its id.
    pub id: AdvertiserId,
    /// The buyer that registered it (R-OWN).
    pub buyer: BuyerId,
    /// Its id in config.
    pub wire: String,
    /// Its name.
    pub name: String,
    /// What the label on its ads says they come from (R-SOURCE).
    pub source: String,
    /// Its domains, lower case; a bid's `adomain` must be within them.
    pub domains: Vec<String>,
    /// Its category.
    pub category: String,
    /// The industries that its registration names beside those of its category, by their ids.
    pub industries: Vec<String>,
    /// The last day on which its documents are valid; `None`: something is missing, or its registration was taken back.
    pub qualified_until: Option<ShanghaiDay>,
}

impl Advertiser {
    /// Whether anything of it may be released on a day (R-QUALIFY).
    #[must_use]
    pub fn is_qualified_on(&self, day: ShanghaiDay) -> bool {
        self.qualified_until.is_some_and(|until| day <= until)
    }
}

/// Where a creative stands in its review (R-REVIEW). Only `Approved` is served. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CreativeState {
    /// Being written.
    Draft = 1,
    /// Automatic checks run.
    Checking = 2,
    /// Waits for a person.
    PendingReview = 3,
    /// May be served.
    Approved = 4,
    /// Refused.
    Rejected = 5,
    /// Taken offline; an ad already won is void at its beacon.
    Suspended = 6,
    /// Past its period.
    Expired = 7,
}

impl CreativeState {
    /// All of them, in the order in which they come.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Checking,
        Self::PendingReview,
        Self::Approved,
        Self::Rejected,
        Self::Suspended,
        Self::Expired,
    ];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The state with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Its name in config and on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Checking => "checking",
            Self::PendingReview => "pending_review",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
        }
    }
}

/// Promotion content, in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creative {
    /// Its id.
    pub id: CreativeId,
    /// Its version.
    pub version: CreativeVersion,
    /// Who submitted it.
    pub buyer: BuyerId,
    /// Whose content it is.
    pub advertiser: AdvertiserId,
    /// Its id on the wire and the page that its link opens.
    pub texts: CreativeTexts,
    /// Its review.
    pub state: CreativeState,
    /// What kind of ad it is.
    pub format: Format,
    /// The sizes that were approved; empty for audio and native. Kept once for all creatives that have the same.
    pub sizes: Shared<Size>,
    /// Its length in seconds, for video and audio.
    pub duration_s: Option<u32>,
    /// Its categories beside the advertiser's. Kept once for all creatives that have the same.
    pub categories: Shared<String>,
    /// The exchange's copy of the markup; needed to serve it as a fallback (R-FALLBACK).
    pub markup: Option<Box<str>>,
    /// Who counts it besides the exchange (R-STATS).
    pub monitors: Option<Box<Monitors>>,
    /// What else was approved, where it is known. Kept once for all creatives that have the same.
    pub review: Option<Arc<Approved>>,
    /// The markup that was approved, where it is known.
    pub print: Option<Print>,
}

/// What was approved of a creative beside what every creative has (R-REVIEW).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approved {
    /// Its creative attributes (AdCOM 1.0, list Creative Attributes); `None`: nobody said.
    pub attributes: Option<Box<[i32]>>,
    /// From when until when it is shown, Unix seconds; the end is not part of it.
    pub shown: (u32, u32),
}

impl Approved {
    fn shows_at(&self, at: UnixMillis) -> bool {
        let second = at.0 / 1_000;
        u64::from(self.shown.0) <= second && second < u64::from(self.shown.1)
    }
}

/// What tells an approved markup from others; made and compared by `markup::digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// The first half of SHA-256 of what must be the same.
    pub digest: [u8; 16],
    /// The lengths, in bytes, of what stands before each value that may differ; empty: none may.
    pub before: Box<[u32]>,
}

/// The URLs of a creative's monitors, macros not yet filled in; every host is on the exchange's list (R-MONITOR-LIST).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitors {
    /// Told of each impression, when the exchange's own beacon is.
    pub impression: Vec<String>,
    /// Told of each click.
    pub click: Vec<String>,
}

impl Monitors {
    /// Whether there is any.
    #[must_use]
    pub fn is_told(&self) -> bool {
        !self.impression.is_empty() || !self.click.is_empty()
    }
}

/// The texts that every creative has. Those of a whole market are one piece of memory: there may be a million creatives.
#[derive(Clone)]
pub struct CreativeTexts {
    /// Behind a thin pointer: there is one in each creative, and this one is soon in a core's cache.
    all: Arc<Box<str>>,
    start: u32,
    crid: u16,
    page: u16,
}

impl CreativeTexts {
    /// The texts of one creative. Beyond 65,535 bytes a text is cut; config allows far less.
    #[must_use]
    pub fn new(crid: &str, landing_page: &str) -> Self {
        let mut draft = CreativeTextsDraft::default();
        let mut texts = draft.add(crid, landing_page);
        draft.finish([&mut texts]);
        texts
    }

    fn split(&self) -> (&str, &str) {
        let rest = self.all.get(self.start as usize..).unwrap_or_default();
        let (crid, rest) = rest.split_at_checked(self.crid.into()).unwrap_or_default();
        (crid, rest.get(..self.page.into()).unwrap_or_default())
    }
}

/// The texts of many creatives, as they come: so that none of them is a piece of memory of its own.
#[derive(Debug, Default)]
pub struct CreativeTextsDraft {
    all: String,
    /// What stands in for the whole until it is there.
    nothing: Arc<Box<str>>,
}

impl CreativeTextsDraft {
    /// Those of the next creative, to be read once [`CreativeTextsDraft::finish`] has had them.
    pub fn add(&mut self, crid: &str, landing_page: &str) -> CreativeTexts {
        let start = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let mut put = |text: &str| {
            let text = &text[..text.floor_char_boundary(u16::MAX.into())];
            self.all.push_str(text);
            text.len() as u16
        };
        let (crid, page) = (put(crid), put(landing_page));
        CreativeTexts { all: Arc::clone(&self.nothing), start, crid, page }
    }

    /// Makes texts readable that came from here.
    pub fn finish<'t>(self, texts: impl IntoIterator<Item = &'t mut CreativeTexts>) {
        let all: Arc<Box<str>> = Arc::new(self.all.into());
        texts.into_iter().for_each(|it| it.all = Arc::clone(&all));
    }
}

impl PartialEq for CreativeTexts {
    fn eq(&self, other: &Self) -> bool {
        self.split() == other.split()
    }
}

impl Eq for CreativeTexts {}

impl fmt::Debug for CreativeTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CreativeTexts").field(&self.split().0).field(&self.split().1).finish()
    }
}

impl Creative {
    /// Its id on the wire: `bid.crid`.
    #[must_use]
    pub fn crid(&self) -> &str {
        self.texts.split().0
    }

    /// The page that its link opens.
    #[must_use]
    pub fn landing_page(&self) -> &str {
        self.texts.split().1
    }

    /// Its approved creative attributes, as far as they are known.
    #[must_use]
    pub fn attributes(&self) -> &[i32] {
        self.review.as_ref().and_then(|review| review.attributes.as_deref()).unwrap_or_default()
    }

    /// Whether a moment is within the time in which it is shown.
    #[must_use]
    pub fn shows_at(&self, at: UnixMillis) -> bool {
        self.review.as_ref().is_none_or(|review| review.shows_at(at))
    }

    /// Under which sizes it is looked for: each of its own for an approved banner, none in particular for other approved
    /// formats, and nothing at all before it is approved.
    pub(super) fn fitting_sizes(&self) -> impl Iterator<Item = Option<Size>> {
        let approved = self.state == CreativeState::Approved;
        let banner = self.format == Format::Banner;
        let sizes = self.sizes.iter().copied().map(Some).filter(move |_| approved && banner);
        sizes.chain((approved && !banner).then_some(None))
    }
}
