//! Admission: is this a request that the exchange can serve, and what exactly is on offer?

use openrtb::request::{BidRequest, Imp};

use super::NoBid;
use super::pod::{self, Separation};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{DealId, ImpIndex};
use crate::market::Market;
use crate::market::barred::Barred;
use crate::market::demand::{Advertiser, Creative};
use crate::market::supply::{Format, Formats, Media, Placement, Prohibitions, Size};
use crate::markup::Display;
use crate::money::{Currency, Quantity, Rate};

/// A request that may be served, with what the market knows of it.
#[derive(Debug)]
pub struct Admitted<'r> {
    pub(super) request: &'r BidRequest<'r>,
    pub(super) media: &'r Media,
    /// What it never shows: by its contract, and by its own word.
    pub(super) prohibited: [&'r Prohibitions; 2],
    /// Whom the media's words keep away.
    barred: Option<&'r Barred>,
    pub(super) imps: Vec<OfferedImp<'r>>,
    pub(super) at: UnixMillis,
    pub(super) day: ShanghaiDay,
    pub(super) consent: bool,
    pub(super) currency: Currency,
    pub(super) rate: Rate,
}

/// An imp on a known placement.
#[derive(Debug)]
pub struct OfferedImp<'r> {
    /// Its position in the request.
    pub index: ImpIndex,
    /// As it was sent.
    pub imp: &'r Imp<'r>,
    /// Where it is.
    pub placement: &'r Placement,
    /// What it takes, within what the placement takes.
    pub formats: Formats,
    /// How much of an impression it is (OpenRTB 2.6 §3.2.31).
    pub quantity: Quantity,
    /// What a unit of its floors' currency is worth (OpenRTB 2.6 §3.2.4: USD where it says none); `None`: nobody knows.
    pub floor_rate: Option<Rate>,
    /// The first admitted imp of its pod, by its place: its own where it is in no pod, or the first.
    pub pod: usize,
    /// What may not stand twice in its pod; the same for all imps of a pod.
    pub separation: Separation,
    /// The deals that it is restricted to by `pmp.deals`; `None`: not restricted.
    pub only: Option<Vec<DealId>>,
}

impl<'r> OfferedImp<'r> {
    /// How an ad is shown on it, as far as the beacon that bills it depends on that.
    #[must_use]
    pub fn display(&self, creative: &Creative, size: Option<Size>) -> Display<'r> {
        Display {
            format: creative.format,
            beacon: self.placement.beacons.has(creative.format),
            minimum_ms: self.placement.minimum_display_ms,
            duration_ms: creative.duration_s.map(|seconds| seconds.saturating_mul(1_000)),
            size,
            native: self.imp.native.and_then(|native| native.request.request()),
        }
    }
}

impl<'r> Admitted<'r> {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &'r BidRequest<'r> {
        self.request
    }

    /// Whose request it is.
    #[must_use]
    pub fn media(&self) -> &'r Media {
        self.media
    }

    /// The imps on offer.
    #[must_use]
    pub fn imps(&self) -> &[OfferedImp<'r>] {
        &self.imps
    }

    /// The settlement day.
    #[must_use]
    pub fn day(&self) -> ShanghaiDay {
        self.day
    }

    /// What the media is told prices in.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// What a unit of that currency is worth.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Whom the request is about, where there is consent to know it: the media's or the system's id (R-FREQUENCY).
    #[must_use]
    pub fn user_id(&self) -> Option<&'r str> {
        let user = self.request.user.and_then(|user| user.id).map(|id| id.as_str());
        let system = || self.request.device.and_then(|device| device.ifa).map(|id| id.as_str());
        // A system that hides the id sends one of zeros.
        let told = |id: &&str| id.bytes().any(|byte| byte.is_ascii_alphanumeric() && byte != b'0');
        user.filter(told).or_else(|| system().filter(told)).filter(|_| self.consent)
    }

    /// Whether identifiers may be shown to DSPs at all (R-CONSENT).
    #[must_use]
    pub fn consent(&self) -> bool {
        self.consent
    }

    /// Whether the media never shows ads of an advertiser (R-CATEGORY).
    pub(super) fn prohibits_advertiser(&self, advertiser: &Advertiser) -> bool {
        self.prohibited.iter().any(|it| it.bans(advertiser))
    }

    /// Whether the media never shows a category (R-CATEGORY).
    pub(super) fn prohibits_category(&self, category: &str) -> bool {
        self.prohibited.iter().any(|it| it.has_category(category))
    }

    /// Whether the media never shows a creative attribute (R-CATEGORY).
    pub(super) fn prohibits_attribute(&self, attribute: i32) -> bool {
        self.prohibited.iter().any(|it| it.attributes.contains(&attribute))
    }

    /// Whether a creative says a word that the media prohibits (R-CATEGORY).
    pub(super) fn prohibits_words_of(&self, creative: &Creative) -> bool {
        self.barred.is_some_and(|barred| barred.has(creative.id))
    }

    /// Whether nothing of it may be billed (OpenRTB 2.6 §3.2.1 `test`).
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.request.test == Some(1)
    }
}

/// Admits a valid request of a known media.
///
/// # Errors
/// [`NoBid`] when nothing of it can be served.
pub fn admit<'r>(
    market: &'r Market,
    media: &'r Media,
    request: &'r BidRequest<'r>,
    at: UnixMillis,
) -> Result<Admitted<'r>, NoBid> {
    if market.media_is_suspended(media) {
        return Err(NoBid::MediaSuspended);
    }
    let day = at.shanghai_day();
    let (currency, rate) = currency(market, media, request, day).ok_or(NoBid::Currency)?;
    let indexed = request.imp.iter().enumerate().filter_map(|(index, imp)| Some((u8::try_from(index).ok()?, imp)));
    let mut imps: Vec<_> =
        indexed.filter_map(|(index, imp)| offered(market, media, (ImpIndex(index), imp), day)).collect();
    join_pods(&mut imps);
    if imps.is_empty() {
        return Err(NoBid::UnknownPlacement);
    }
    let (prohibited, barred) = (market.prohibited(media), market.barred(media));
    Ok(Admitted {
        request,
        media,
        prohibited,
        barred,
        imps,
        at,
        day,
        consent: consents(request, media, day),
        currency,
        rate,
    })
}

/// What the media is told prices in: the yuan where the request takes it, else the first of its currencies that has a rate; where
/// it says nothing, the media's own (interfaces.md, "From media").
fn currency(market: &Market, media: &Media, request: &BidRequest<'_>, day: ShanghaiDay) -> Option<(Currency, Rate)> {
    let known = |currency| Some((currency, market.rate_on(currency, day)?));
    if request.cur.is_empty() {
        return known(media.currency);
    }
    let asked = || request.cur.iter().filter_map(|currency| Currency::parse(currency));
    asked().find(|currency| *currency == Currency::CNY).and_then(known).or_else(|| asked().find_map(known))
}

fn offered<'r>(
    market: &'r Market,
    media: &Media,
    (index, imp): (ImpIndex, &'r Imp<'r>),
    day: ShanghaiDay,
) -> Option<OfferedImp<'r>> {
    let placement = market.placement(media.id, imp.tagid.as_deref()?)?;
    let asked = [
        (imp.banner.is_some(), Format::Banner),
        (imp.video.is_some(), Format::Video),
        (imp.audio.is_some(), Format::Audio),
        (imp.native.is_some(), Format::Native),
    ];
    let formats: Formats = asked.into_iter().filter(|(there, _)| *there).map(|(_, format)| format).collect();
    Some(OfferedImp {
        index,
        imp,
        placement,
        formats: formats.and(placement.formats),
        quantity: quantity(imp),
        floor_rate: Currency::parse(imp.bidfloorcur.as_deref().unwrap_or("USD"))
            .and_then(|currency| market.rate_on(currency, day)),
        pod: 0,
        separation: separation(imp, placement),
        only: restriction(market, imp),
    })
}

/// Tells each imp its pod. The imps of a pod share the strictest of what they ask for.
fn join_pods(imps: &mut [OfferedImp<'_>]) {
    for place in 0..imps.len() {
        let pod = pod::id_of(imps[place].imp);
        let first = pod.and_then(|_| (0..place).find(|other| pod::id_of(imps[*other].imp) == pod));
        imps[place].pod = first.unwrap_or(place);
        if let Some(first) = first {
            imps[first].separation = imps[first].separation.and(imps[place].separation);
        }
    }
    for place in 0..imps.len() {
        imps[place].separation = imps[imps[place].pod].separation;
    }
}

fn separation(imp: &Imp<'_>, placement: &Placement) -> Separation {
    let dedupe = imp.video.map_or(&[][..], |video| video.poddedupe);
    Separation::of(dedupe, placement.competitive_separation)
}

/// `qty.multiplier` in thousandths, at least one of them; one impression where there is none.
fn quantity(imp: &Imp<'_>) -> Quantity {
    let Some(multiplier) = imp.qty.as_ref().and_then(|qty| qty.multiplier) else { return Quantity::ONE };
    u32::try_from(multiplier.0 / 1_000).ok().filter(|thousandths| *thousandths > 0).map_or(Quantity::ONE, Quantity)
}

/// Known ids in `pmp.deals` restrict; unknown ones are dropped; `private_auction = 1` with none known leaves nothing.
fn restriction(market: &Market, imp: &Imp<'_>) -> Option<Vec<DealId>> {
    let pmp = imp.pmp.as_ref()?;
    let known: Vec<_> = pmp.deals.iter().filter_map(|deal| market.deal_named(&deal.id)).map(|deal| deal.id).collect();
    (!known.is_empty() || pmp.private_auction == Some(1)).then_some(known)
}

/// R-CONSENT: absent is none unless the media's contract asserts it; `lmt`, `dnt`, `coppa`, or GDPR without a consent
/// string take it away.
fn consents(request: &BidRequest<'_>, media: &Media, day: ShanghaiDay) -> bool {
    let device = request.device.as_ref();
    let limited = device.is_some_and(|device| device.lmt == Some(1) || device.dnt == Some(1));
    let regs = request.regs.as_ref();
    let child = regs.is_some_and(|regs| regs.coppa == Some(1));
    let consent = request.user.and_then(openrtb::User::consent_string);
    let given = consent.is_some_and(|text| !text.is_empty());
    let gdpr = regs.is_some_and(|regs| regs.gdpr_applies() == Some(1)) && !given;
    let asserted = media.consent_since.is_some_and(|since| since <= day);
    asserted && !limited && !child && !gdpr
}
