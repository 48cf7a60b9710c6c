//! Where a request comes from, and under which regulations (OpenRTB 2.6 §3.2.2, §3.2.3, §3.2.25, §3.2.26).

use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// Origin of the request (OpenRTB 2.6 §3.2.2).
    Source [ext SourceExt] {
        /// Who decides finally: 0 the exchange, 1 upstream.
        fd: Option<i32>,
        /// Transaction id, shared by all who take part.
        tid: Option<Text<'a>>,
        /// TAG payment id chain.
        pchain: Option<Text<'a>>,
        /// Supply chain, in its field.
        schain: Option<&'a SupplyChain<'a>>,
    }
}

wire_object! { 'a;
    /// What 2.5 partners send in `source.ext`.
    SourceExt {
        /// Supply chain.
        schain: Option<&'a SupplyChain<'a>>,
    }
}

impl<'a> Source<'a> {
    /// The supply chain, in its field or where 2.5 put it.
    #[must_use]
    pub fn supply_chain(&self) -> Option<&'a SupplyChain<'a>> {
        self.schain.or_else(|| self.ext.and_then(|ext| ext.schain))
    }
}

wire_object! { 'a;
    /// Those who sold and resold the inventory (OpenRTB 2.6 §3.2.25).
    SupplyChain {
        /// 1 = the chain goes back to the owner; required.
        complete: Option<i32>,
        /// The sellers in order, the sender last; required.
        nodes: &'a [SupplyChainNode<'a>],
        /// Version, such as `1.0`; required.
        ver: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A seller or reseller (OpenRTB 2.6 §3.2.26).
    SupplyChainNode {
        /// Domain of the advertising system; required.
        asi: Option<Text<'a>>,
        /// Seller's account there; required.
        sid: Option<Text<'a>>,
        /// Id of the request at that hop.
        rid: Option<Text<'a>>,
        /// Name of the company, unless sellers.json has it.
        name: Option<Text<'a>>,
        /// Its domain, unless sellers.json has it.
        domain: Option<Text<'a>>,
        /// 1 = takes part in the flow of payment.
        hp: Option<i32>,
    }
}

wire_object! { 'a;
    /// Regulations in force (OpenRTB 2.6 §3.2.3).
    Regs [ext RegsExt] {
        /// 1 = directed at children; absent = unknown.
        coppa: Option<i32>,
        /// 1 = GDPR applies; absent = unknown.
        gdpr: Option<i32>,
        /// US privacy string.
        us_privacy: Option<&'a str>,
        /// GPP consent string.
        gpp: Option<&'a str>,
        /// Sections of `gpp` that apply.
        gpp_sid: &'a [i32],
    }
}

wire_object! { 'a;
    /// What 2.5 partners send in `regs.ext`, and the header Global Privacy Control.
    RegsExt {
        /// 1 = GDPR applies.
        gdpr: Option<i32>,
        /// US privacy string.
        us_privacy: Option<&'a str>,
        /// 1 = the browser sent `Sec-GPC: 1` (official extension).
        gpc: Option<i32>,
    }
}

impl<'a> Regs<'a> {
    /// Whether GDPR applies, in its field or where 2.5 put it.
    #[must_use]
    pub fn gdpr_applies(&self) -> Option<i32> {
        self.gdpr.or_else(|| self.ext.and_then(|ext| ext.gdpr))
    }

    /// The US privacy string, in its field or where 2.5 put it.
    #[must_use]
    pub fn us_privacy_string(&self) -> Option<&'a str> {
        self.us_privacy.or_else(|| self.ext.and_then(|ext| ext.us_privacy))
    }
}
