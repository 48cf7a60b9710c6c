//! The bid request and its impressions (OpenRTB 2.6 §3.2).
//!
//! `Option` is absence where absence has a meaning of its own; an empty list or an empty string is absence too.
//! Integers are open lists ([`crate::lists`]); defaults of the specification are not filled in.

use crate::deal::Pmp;
use crate::device::Device;
use crate::inventory::{App, Dooh, Site};
use crate::media::{Audio, Banner, Native, Video};
use crate::number::{Millionths, WirePrice};
use crate::source::{Regs, Source, SupplyChain};
use crate::table::wire_object;
use crate::text::Text;
use crate::user::User;

wire_object! { 'a;
    /// A request to bid (OpenRTB 2.6 §3.2.1).
    BidRequest [ext RequestExt] {
        /// Auction id; required.
        id: Text<'a>,
        /// The impressions on offer; at least one is required.
        imp: &'a [Imp<'a>],
        /// Where the ad shows, if on a web site. At most one of `site`, `app`, `dooh`.
        site: Option<&'a Site<'a>>,
        /// Where the ad shows, if in an app.
        app: Option<&'a App<'a>>,
        /// Where the ad shows, if on a public screen.
        dooh: Option<&'a Dooh<'a>>,
        /// The receiving device.
        device: Option<&'a Device<'a>>,
        /// The audience.
        user: Option<&'a User<'a>>,
        /// 1 = not billable; default 0.
        test: Option<i32>,
        /// Auction type ([`crate::lists::auction_type`]); default 2.
        at: Option<i32>,
        /// Time for the whole exchange, network included, in ms.
        tmax: Option<i32>,
        /// Seats that may bid; not together with `bseat`.
        wseat: &'a [Text<'a>],
        /// Seats that may not bid.
        bseat: &'a [Text<'a>],
        /// 1 = these are all the impressions of the context; default 0.
        allimps: Option<i32>,
        /// Currencies allowed in bids, ISO 4217.
        cur: &'a [Text<'a>],
        /// Languages of creatives, ISO 639-1; not together with `wlangb`.
        wlang: &'a [Text<'a>],
        /// Languages of creatives, BCP 47.
        wlangb: &'a [Text<'a>],
        /// Allowed categories in `cattax`; not together with `bcat`.
        acat: &'a [Text<'a>],
        /// Blocked categories in `cattax`.
        bcat: &'a [Text<'a>],
        /// Taxonomy of `acat` and `bcat` ([`crate::lists::category_taxonomy`]); default 1.
        cattax: Option<i32>,
        /// Blocked advertiser domains.
        badv: &'a [Text<'a>],
        /// Blocked advertised apps, by store id.
        bapp: &'a [Text<'a>],
        /// Origin of the request.
        source: Option<&'a Source<'a>>,
        /// Regulations in force.
        regs: Option<&'a Regs<'a>>,
    }
}

wire_object! { 'a;
    /// What 2.4 partners send in `ext` of the request.
    RequestExt {
        /// Supply chain.
        schain: Option<&'a SupplyChain<'a>>,
    }
}

impl<'a> BidRequest<'a> {
    /// The supply chain: in its field, where 2.5 put it, or where 2.4 put it.
    #[must_use]
    pub fn supply_chain(&self) -> Option<&'a SupplyChain<'a>> {
        let named = self.source.and_then(Source::supply_chain);
        named.or_else(|| self.ext.and_then(|ext| ext.schain))
    }
}

wire_object! { 'a;
    /// An impression on offer (OpenRTB 2.6 §3.2.4).
    Imp [limit imps] {
        /// Unique within the request; required.
        id: Text<'a>,
        /// Measurements, such as viewability.
        metric: &'a [Metric<'a>],
        /// Offered as a banner.
        banner: Option<&'a Banner<'a>>,
        /// Offered as a video.
        video: Option<&'a Video<'a>>,
        /// Offered as audio.
        audio: Option<&'a Audio<'a>>,
        /// Offered as a native ad.
        native: Option<&'a Native<'a>>,
        /// Deals for this impression.
        pmp: Option<&'a Pmp<'a>>,
        /// Name of the SDK or player.
        displaymanager: Option<Text<'a>>,
        /// Its version.
        displaymanagerver: Option<Text<'a>>,
        /// 1 = interstitial or full screen; default 0.
        instl: Option<i32>,
        /// Placement or tag id.
        tagid: Option<Text<'a>>,
        /// Least CPM, in `bidfloorcur`; default 0.
        bidfloor: Option<WirePrice>,
        /// Currency of this impression's floors, ISO 4217; default USD.
        bidfloorcur: Option<Text<'a>>,
        /// Browser that a click opens in an app: 0 embedded, 1 native.
        clickbrowser: Option<i32>,
        /// 1 = HTTPS needed; absent = unknown.
        secure: Option<i32>,
        /// Names of supported iframe busters.
        iframebuster: &'a [Text<'a>],
        /// 1 = the viewer is rewarded; default 0.
        rwdd: Option<i32>,
        /// Server-side insertion: 0 unknown, 1 none, 2 of assets only, 3 of all; default 0.
        ssai: Option<i32>,
        /// Seconds between auction and impression, advisory.
        exp: Option<i32>,
        /// Impressions counted for one play.
        qty: Option<&'a Qty<'a>>,
        /// When the ad is expected to show, ms since 1970.
        dt: Option<f64>,
        /// How the slot refreshes.
        refresh: Option<&'a Refresh<'a>>,
    }
}

wire_object! { 'a;
    /// A measurement of an impression (OpenRTB 2.6 §3.2.5).
    Metric {
        /// Name, as the exchange publishes it; required.
        kind = "type": Option<Text<'a>>,
        /// Value; a probability is 0 to 1; required.
        value: Option<f64>,
        /// Who measured.
        vendor: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// How many impressions one play counts for (OpenRTB 2.6 §3.2.31).
    Qty {
        /// Impressions a play, in millionths; required, may be below one.
        multiplier: Option<Millionths>,
        /// Who says so ([`crate::lists::multiplier_source`]).
        sourcetype: Option<i32>,
        /// The measurement vendor's domain; required where `sourcetype` is 1.
        vendor: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// How a slot refreshes (OpenRTB 2.6 §3.2.33).
    Refresh {
        /// What makes it refresh.
        refsettings: &'a [RefSettings<'a>],
        /// Refreshes since the page was loaded.
        count: Option<i32>,
    }
}

wire_object! { 'a;
    /// What makes a slot refresh (OpenRTB 2.6 §3.2.34).
    RefSettings {
        /// Trigger ([`crate::lists::refresh_trigger`]); default 0.
        reftype: Option<i32>,
        /// Least interval, s; absent = unknown.
        minint: Option<i32>,
    }
}
