//! The audience, and data about it (OpenRTB 2.6 §3.2.20 to §3.2.22, §3.2.27, §3.2.28).

use crate::device::Geo;
use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// The audience (OpenRTB 2.6 §3.2.20).
    User [ext UserExt] {
        /// The exchange's id.
        id: Option<Text<'a>>,
        /// The buyer's id.
        buyeruid: Option<Text<'a>>,
        /// Year of birth; deprecated.
        yob: Option<i32>,
        /// `M`, `F` or `O`; deprecated.
        gender: Option<Text<'a>>,
        /// Keywords, with commas; not together with `kwarray`.
        keywords: Option<Text<'a>>,
        /// Keywords.
        kwarray: &'a [Text<'a>],
        /// From the exchange's cookie.
        customdata: Option<Text<'a>>,
        /// Home base.
        geo: Option<&'a Geo<'a>>,
        /// More about the user.
        data: &'a [Data<'a>],
        /// TCF consent string.
        consent: Option<&'a str>,
        /// Ids of other parties.
        eids: &'a [Eid<'a>],
    }
}

wire_object! { 'a;
    /// What 2.5 partners send in `user.ext`.
    UserExt {
        /// TCF consent string.
        consent: Option<&'a str>,
        /// Ids of other parties.
        eids: &'a [Eid<'a>],
    }
}

impl<'a> User<'a> {
    /// The TCF consent string, in its field or where 2.5 put it.
    #[must_use]
    pub fn consent_string(&self) -> Option<&'a str> {
        self.consent.or_else(|| self.ext.and_then(|ext| ext.consent))
    }

    /// Ids of other parties, in their field or where 2.5 put them.
    #[must_use]
    pub fn extended_ids(&self) -> &'a [Eid<'a>] {
        if self.eids.is_empty() { self.ext.map_or(&[], |ext| ext.eids) } else { self.eids }
    }
}

wire_object! { 'a;
    /// Ids of one party (OpenRTB 2.6 §3.2.27).
    Eid = "EID" {
        /// Domain of who added the ids.
        inserter: Option<Text<'a>>,
        /// Domain of whose ids they are.
        source: Option<Text<'a>>,
        /// Domain of who matched them; absent = `source`.
        matcher: Option<Text<'a>>,
        /// How they were matched ([`crate::lists::id_match_method`]).
        mm: Option<i32>,
        /// The ids.
        uids: &'a [Uid<'a>],
    }
}

wire_object! { 'a;
    /// An id (OpenRTB 2.6 §3.2.28).
    Uid = "UID" {
        /// The id.
        id: Option<Text<'a>>,
        /// What it stands for ([`crate::lists::agent_type`]).
        atype: Option<i32>,
    }
}

wire_object! { 'a;
    /// What a provider says (OpenRTB 2.6 §3.2.21).
    Data {
        /// Provider's id.
        id: Option<Text<'a>>,
        /// Provider's name; the namespace of `cids`.
        name: Option<Text<'a>>,
        /// Extended ids of content.
        cids: &'a [Text<'a>],
        /// What it says.
        segment: &'a [Segment<'a>],
    }
}

wire_object! { 'a;
    /// A statement of a provider (OpenRTB 2.6 §3.2.22).
    Segment {
        /// Id.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Value.
        value: Option<Text<'a>>,
    }
}
