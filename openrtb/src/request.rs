//! The bid request: the fields that a decision needs (OpenRTB 2.6 §3.2). The rest travels as bytes.
//!
//! `Option` is absence where absence has a meaning of its own; an empty list or an empty string is absence too.
//! Integers are open lists ([`crate::lists`]); defaults of the specification are not filled in.

use crate::decode::DecodeCode;
use crate::media::{Audio, Banner, Native, Video};
use crate::number::{Millionths, WirePrice};
use crate::read::{Fault, ReadValue, Reader, wire_object};
use crate::text::Text;

wire_object! { 'a;
    /// A request to bid (OpenRTB 2.6 §3.2.1).
    BidRequest<'a> {
        /// Auction id; required.
        id: Text<'a>,
        /// The impressions on offer; at least one is required.
        imp: Vec<Imp<'a>>,
        /// Where the ad shows, if on a web site. At most one of `site`, `app`, `dooh`.
        site: Option<Site<'a>>,
        /// Where the ad shows, if in an app.
        app: Option<App<'a>>,
        /// Where the ad shows, if on a public screen.
        dooh: Option<Dooh<'a>>,
        /// The receiving device.
        device: Option<Device<'a>>,
        /// The audience.
        user: Option<User<'a>>,
        /// 1 = not billable; default 0.
        test: Option<i32>,
        /// Auction type ([`crate::lists::auction_type`]); default 2.
        at: Option<i32>,
        /// Time for the whole exchange, network included, in ms.
        tmax: Option<i32>,
        /// Seats that may bid; not together with `bseat`.
        wseat: Vec<Text<'a>>,
        /// Seats that may not bid.
        bseat: Vec<Text<'a>>,
        /// Currencies allowed in bids, ISO 4217.
        cur: Vec<Text<'a>>,
        /// Allowed categories in `cattax`; not together with `bcat`.
        acat: Vec<Text<'a>>,
        /// Blocked categories in `cattax`.
        bcat: Vec<Text<'a>>,
        /// Taxonomy of `acat` and `bcat` ([`crate::lists::category_taxonomy`]); default 1.
        cattax: Option<i32>,
        /// Blocked advertiser domains.
        badv: Vec<Text<'a>>,
        /// Blocked advertised apps, by store id.
        bapp: Vec<Text<'a>>,
        /// Regulations in force.
        regs: Option<Regs<'a>>,
        /// Origin of the request.
        source: Option<Source<'a>>,
    }
}

wire_object! { 'a;
    /// An impression on offer (OpenRTB 2.6 §3.2.4).
    Imp<'a> [limit imps] {
        /// Unique within the request; required.
        id: Text<'a>,
        /// Offered as a banner.
        banner: Option<Banner<'a>>,
        /// Offered as a video.
        video: Option<Video<'a>>,
        /// Offered as audio.
        audio: Option<Audio<'a>>,
        /// Offered as a native ad.
        native: Option<Native<'a>>,
        /// Deals for this impression.
        pmp: Option<Pmp<'a>>,
        /// 1 = interstitial or full screen; default 0.
        instl: Option<i32>,
        /// Placement or tag id.
        tagid: Option<Text<'a>>,
        /// Least CPM, in `bidfloorcur`; default 0.
        bidfloor: Option<WirePrice>,
        /// Currency of this impression's floors, ISO 4217; default USD.
        bidfloorcur: Option<Text<'a>>,
        /// 1 = HTTPS needed; absent = unknown.
        secure: Option<i32>,
        /// 1 = the viewer is rewarded; default 0.
        rwdd: Option<i32>,
        /// Seconds between auction and impression, advisory.
        exp: Option<i32>,
        /// Impressions counted for one play.
        qty: Option<Qty>,
    }
}

wire_object! { 'a;
    /// How many impressions one play counts for (OpenRTB 2.6 §3.2.31).
    Qty {
        /// Impressions a play, in millionths; required, may be below one.
        multiplier: Option<Millionths>,
    }
}

wire_object! { 'a;
    /// The private marketplace of an impression (OpenRTB 2.6 §3.2.11).
    Pmp<'a> {
        /// 1 = only the listed deals may bid; default 0.
        private_auction: Option<i32>,
        /// The deals.
        deals: Vec<Deal<'a>>,
    }
}

wire_object! { 'a;
    /// A deal (OpenRTB 2.6 §3.2.12).
    Deal<'a> [limit deals] {
        /// Required; echoed as `bid.dealid`.
        id: Text<'a>,
        /// Least CPM, or the price itself where `at` is 3, in `bidfloorcur`; default 0.
        bidfloor: Option<WirePrice>,
        /// Currency, ISO 4217; default USD, never inherited from the impression.
        bidfloorcur: Option<Text<'a>>,
        /// 1 first price, 2 second price plus, 3 the floor is the price; absent = the request's.
        at: Option<i32>,
        /// Seats that may bid; empty = any.
        wseat: Vec<Text<'a>>,
        /// Advertiser domains allowed; empty = any.
        wadomain: Vec<Text<'a>>,
        /// 1 = guaranteed: the bidder must bid; default 0.
        guar: Option<i32>,
        /// Least price per second (audio, video), as CPM.
        mincpmpersec: Option<WirePrice>,
        /// Floors by duration (audio, video).
        durfloors: Vec<DurFloors>,
    }
}

wire_object! { 'a;
    /// The floor of a band of durations (OpenRTB 2.6 §3.2.35).
    DurFloors {
        /// Shortest creative, s; absent = no lower end.
        mindur: Option<i32>,
        /// Longest creative, s; absent = no upper end.
        maxdur: Option<i32>,
        /// Least CPM inside the band; default 0.
        bidfloor: Option<WirePrice>,
    }
}

wire_object! { 'a;
    /// A web site (OpenRTB 2.6 §3.2.13).
    Site<'a> {
        /// The exchange's id of the site.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Domain.
        domain: Option<Text<'a>>,
        /// URL of the page.
        page: Option<Text<'a>>,
        /// Categories in `cattax`.
        cat: Vec<Text<'a>>,
        /// Taxonomy of `cat`; default 1.
        cattax: Option<i32>,
        /// Publisher.
        publisher: Option<Publisher<'a>>,
    }
}

wire_object! { 'a;
    /// An app (OpenRTB 2.6 §3.2.14).
    App<'a> {
        /// The exchange's id of the app.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Store id, bundle or package.
        bundle: Option<Text<'a>>,
        /// Domain.
        domain: Option<Text<'a>>,
        /// Categories in `cattax`.
        cat: Vec<Text<'a>>,
        /// Taxonomy of `cat`; default 1.
        cattax: Option<i32>,
        /// Publisher.
        publisher: Option<Publisher<'a>>,
    }
}

wire_object! { 'a;
    /// A public screen, or a group of them (OpenRTB 2.6 §3.2.32). Its categories have no field.
    Dooh<'a> {
        /// Placement or group id.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Domain of the inventory's owner.
        domain: Option<Text<'a>>,
        /// Publisher.
        publisher: Option<Publisher<'a>>,
    }
}

wire_object! { 'a;
    /// The seller of the inventory (OpenRTB 2.6 §3.2.15).
    Publisher<'a> {
        /// `seller_id` in the exchange's sellers.json.
        id: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// The receiving device (OpenRTB 2.6 §3.2.18).
    Device<'a> {
        /// 1 = do not track; absent = unknown.
        dnt: Option<i32>,
        /// 1 = limit ad tracking; absent = unknown.
        lmt: Option<i32>,
        /// User agent.
        ua: Option<Text<'a>>,
        /// IPv4 address.
        ip: Option<Text<'a>>,
        /// IPv6 address.
        ipv6: Option<Text<'a>>,
        /// Where it is.
        geo: Option<Geo<'a>>,
        /// Kind ([`crate::lists::device_type`]).
        devicetype: Option<i32>,
        /// Maker.
        make: Option<Text<'a>>,
        /// Model.
        model: Option<Text<'a>>,
        /// Operating system.
        os: Option<Text<'a>>,
        /// Its version.
        osv: Option<Text<'a>>,
        /// Carrier.
        carrier: Option<Text<'a>>,
        /// Mobile country and network code, `460-00`.
        mccmnc: Option<Text<'a>>,
        /// Connection ([`crate::lists::connection_type`]).
        connectiontype: Option<i32>,
        /// The system's advertising id.
        ifa: Option<Text<'a>>,
        /// ISO 639-1.
        language: Option<Text<'a>>,
        /// Width, physical pixels.
        w: Option<i32>,
        /// Height, physical pixels.
        h: Option<i32>,
    }
}

wire_object! { 'a;
    /// A place (OpenRTB 2.6 §3.2.19).
    Geo<'a> {
        /// ISO 3166-1 alpha-3.
        country: Option<Text<'a>>,
        /// ISO 3166-2.
        region: Option<Text<'a>>,
        /// UN/LOCODE, in practice a name.
        city: Option<Text<'a>>,
        /// Latitude, degrees, -90 to 90.
        lat: Option<f64>,
        /// Longitude, degrees, -180 to 180.
        lon: Option<f64>,
    }
}

wire_object! { 'a;
    /// The audience (OpenRTB 2.6 §3.2.20).
    User<'a> {
        /// The exchange's id.
        id: Option<Text<'a>>,
        /// The buyer's id.
        buyeruid: Option<Text<'a>>,
        /// TCF consent string.
        consent: Option<&'a str>,
        /// Where 2.5 put `consent`.
        ext: Option<UserExt<'a>>,
        /// What data providers say of the user.
        data: Vec<Data<'a>>,
    }
}

wire_object! { 'a;
    /// What one data provider says (OpenRTB 2.6 §3.2.21).
    Data<'a> {
        /// The provider.
        id: Option<Text<'a>>,
        /// Its segments.
        segment: Vec<Segment<'a>>,
    }
}

wire_object! { 'a;
    /// A segment of a data provider (OpenRTB 2.6 §3.2.22).
    Segment<'a> {
        /// The provider's id of it.
        id: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// What 2.5 partners send in `user.ext`.
    UserExt<'a> {
        /// TCF consent string.
        consent: Option<&'a str>,
    }
}

impl<'a> User<'a> {
    /// The TCF consent string, in its field or where 2.5 put it.
    #[must_use]
    pub fn consent_string(&self) -> Option<&'a str> {
        self.consent.or_else(|| self.ext.as_ref().and_then(|ext| ext.consent))
    }
}

wire_object! { 'a;
    /// Regulations in force (OpenRTB 2.6 §3.2.3).
    Regs<'a> {
        /// 1 = directed at children; absent = unknown.
        coppa: Option<i32>,
        /// 1 = GDPR applies; absent = unknown.
        gdpr: Option<i32>,
        /// US privacy string.
        us_privacy: Option<&'a str>,
        /// GPP consent string.
        gpp: Option<&'a str>,
        /// Where 2.5 put `gdpr`.
        ext: Option<RegsExt>,
    }
}

wire_object! { 'a;
    /// What 2.5 partners send in `regs.ext`.
    RegsExt {
        /// 1 = GDPR applies.
        gdpr: Option<i32>,
    }
}

impl Regs<'_> {
    /// Whether GDPR applies, in its field or where 2.5 put it.
    #[must_use]
    pub fn gdpr_applies(&self) -> Option<i32> {
        self.gdpr.or_else(|| self.ext.as_ref().and_then(|ext| ext.gdpr))
    }
}

wire_object! { 'a;
    /// Origin of the request (OpenRTB 2.6 §3.2.2).
    Source<'a> {
        /// Transaction id, shared by all who take part.
        tid: Option<Text<'a>>,
        /// Supply chain, in its field.
        schain: Option<Present>,
        /// Where 2.5 put `schain`.
        ext: Option<SourceExt>,
    }
}

wire_object! { 'a;
    /// What 2.5 partners send in `source.ext`.
    SourceExt {
        /// Supply chain.
        schain: Option<Present>,
    }
}

impl Source<'_> {
    /// Whether a supply chain was sent, in its field or where 2.5 put it.
    #[must_use]
    pub fn has_supply_chain(&self) -> bool {
        self.schain.is_some() || self.ext.as_ref().is_some_and(|ext| ext.schain.is_some())
    }
}

/// An object that is there and not decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present;

impl<'a> ReadValue<'a> for Present {
    const IS_OBJECT: bool = true;

    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        reader.skip();
        Ok(Self)
    }
}

/// `native.request`: JSON in a string by the text, an object by practice (OpenRTB 2.6 §3.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeRequest<'a> {
    /// The JSON text, unescaped.
    Json(&'a str),
    /// An object with so many members; its bytes are in the body.
    Object {
        /// Number of members.
        members: usize,
    },
}

impl Default for NativeRequest<'_> {
    fn default() -> Self {
        Self::Json("")
    }
}

impl NativeRequest<'_> {
    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Json(text) => text.trim().is_empty(),
            Self::Object { members } => *members == 0,
        }
    }
}

impl<'a> ReadValue<'a> for NativeRequest<'a> {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        if let Some(members) = reader.peek_object() {
            reader.skip();
            return Ok(Self::Object { members });
        }
        let text = Text::read(reader)?;
        text.as_borrowed()
            .map(Self::Json)
            .ok_or_else(|| Fault::new(DecodeCode::WrongType, "expected JSON text or an object"))
    }
}
