//! What of a media's request may reach a DSP, member by member (R-CONSENT). What is not named here stays behind.

use openrtb::{Allow, Keep};

const fn whole(name: &'static str) -> (&'static str, Keep) {
    (name, Keep::Whole)
}

static BANNER: Allow = Allow {
    fields: &[
        (
            "format",
            Keep::EachObject(&Allow {
                fields: &[whole("w"), whole("h"), whole("wratio"), whole("hratio"), whole("wmin")],
            }),
        ),
        whole("w"),
        whole("h"),
        whole("btype"),
        whole("battr"),
        whole("pos"),
        whole("mimes"),
        whole("topframe"),
        whole("expdir"),
        whole("api"),
        whole("id"),
        whole("vcm"),
    ],
};

static VIDEO: Allow = Allow {
    fields: &[
        whole("mimes"),
        whole("minduration"),
        whole("maxduration"),
        whole("startdelay"),
        whole("maxseq"),
        whole("poddur"),
        whole("protocols"),
        whole("w"),
        whole("h"),
        whole("podid"),
        whole("podseq"),
        whole("rqddurs"),
        whole("placement"),
        whole("plcmt"),
        whole("linearity"),
        whole("skip"),
        whole("skipmin"),
        whole("skipafter"),
        whole("sequence"),
        whole("slotinpod"),
        whole("battr"),
        whole("maxextended"),
        whole("minbitrate"),
        whole("maxbitrate"),
        whole("boxingallowed"),
        whole("playbackmethod"),
        whole("playbackend"),
        whole("delivery"),
        whole("pos"),
        whole("api"),
        whole("companiontype"),
        whole("poddedupe"),
        // Audio's own:
        whole("feed"),
        whole("stitched"),
        whole("nvol"),
    ],
};

/// Without `request`, which is cut by [`NATIVE_REQUEST`].
pub(super) static NATIVE: Allow = Allow { fields: &[whole("ver"), whole("api"), whole("battr")] };

static ASSET: Allow = Allow {
    fields: &[
        whole("id"),
        whole("required"),
        ("title", Keep::Object(&Allow { fields: &[whole("len")] })),
        (
            "img",
            Keep::Object(&Allow {
                fields: &[whole("type"), whole("w"), whole("h"), whole("wmin"), whole("hmin"), whole("mimes")],
            }),
        ),
        ("video", Keep::Object(&VIDEO)),
        ("data", Keep::Object(&Allow { fields: &[whole("type"), whole("len")] })),
    ],
};

/// The native request's own members, and `$more`.
macro_rules! native_request {
    ($($more:expr),*) => {
        Allow {
            fields: &[
                whole("ver"),
                whole("context"),
                whole("contextsubtype"),
                whole("plcmttype"),
                whole("plcmtcnt"),
                whole("seq"),
                ("assets", Keep::EachObject(&ASSET)),
                whole("aurlsupport"),
                whole("durlsupport"),
                ("eventtrackers", Keep::EachObject(&Allow { fields: &[whole("event"), whole("methods")] })),
                whole("privacy"),
                whole("layout"),
                whole("adunit"),
                $($more),*
            ],
        }
    };
}

static NATIVE_INNER: Allow = native_request!();
/// Native 1.0 wraps the request in an object of its own.
pub(super) static NATIVE_REQUEST: Allow = native_request!(("native", Keep::Object(&NATIVE_INNER)));

pub(super) static IMP: Allow = Allow {
    fields: &[
        whole("id"),
        ("banner", Keep::Object(&BANNER)),
        ("video", Keep::Object(&VIDEO)),
        ("audio", Keep::Object(&VIDEO)),
        whole("displaymanager"),
        whole("displaymanagerver"),
        whole("instl"),
        whole("tagid"),
        whole("clickbrowser"),
        whole("secure"),
        whole("rwdd"),
        whole("ssai"),
        whole("exp"),
        ("qty", Keep::Object(&Allow { fields: &[whole("multiplier"), whole("sourcetype"), whole("vendor")] })),
        whole("dt"),
    ],
};

static PUBLISHER: Allow =
    Allow { fields: &[whole("id"), whole("name"), whole("cattax"), whole("cat"), whole("domain")] };

static CONTENT: Allow = Allow {
    fields: &[
        whole("id"),
        whole("episode"),
        whole("title"),
        whole("series"),
        whole("season"),
        whole("artist"),
        whole("genre"),
        whole("gtax"),
        whole("genres"),
        whole("album"),
        whole("isrc"),
        whole("url"),
        whole("cattax"),
        whole("cat"),
        whole("prodq"),
        whole("context"),
        whole("contentrating"),
        whole("userrating"),
        whole("qagmediarating"),
        whole("keywords"),
        whole("kwarray"),
        whole("livestream"),
        whole("len"),
        whole("language"),
        whole("langb"),
        whole("embeddable"),
    ],
};

/// Site, app and screen share a table: each has some of these, and none of them tells who the user is.
pub(super) static CONTEXT: Allow = Allow {
    fields: &[
        whole("id"),
        whole("name"),
        whole("bundle"),
        whole("domain"),
        whole("storeurl"),
        whole("cattax"),
        whole("cat"),
        whole("sectioncat"),
        whole("pagecat"),
        whole("page"),
        whole("mobile"),
        whole("ver"),
        whole("privacypolicy"),
        whole("paid"),
        whole("venuetype"),
        whole("venuetypetax"),
        whole("keywords"),
        whole("kwarray"),
        whole("inventorypartnerdomain"),
        ("publisher", Keep::Object(&PUBLISHER)),
        ("content", Keep::Object(&CONTENT)),
    ],
};

/// Where a device roughly is, and `$more`.
macro_rules! place {
    ($($more:expr),*) => {
        Allow {
            fields: &[
                whole("type"),
                whole("country"),
                whole("region"),
                whole("metro"),
                whole("city"),
                whole("utcoffset"),
                $($more),*
            ],
        }
    };
}

static PLACE: Allow = place!();
static IDENTIFIED_PLACE: Allow = place!(whole("lat"), whole("lon"), whole("accuracy"), whole("lastfix"), whole("zip"));

static SUA: Allow = Allow {
    fields: &[
        whole("browsers"),
        whole("platform"),
        whole("mobile"),
        whole("architecture"),
        whole("bitness"),
        whole("model"),
        whole("source"),
    ],
};

/// What a device is, and `$more`; nothing of the former tells one from another.
macro_rules! device {
    ($($more:expr),*) => {
        Allow {
            fields: &[
                whole("dnt"),
                whole("lmt"),
                whole("ua"),
                ("sua", Keep::Object(&SUA)),
                whole("devicetype"),
                whole("make"),
                whole("model"),
                whole("os"),
                whole("osv"),
                whole("hwv"),
                whole("h"),
                whole("w"),
                whole("ppi"),
                whole("pxratio"),
                whole("js"),
                whole("language"),
                whole("langb"),
                whole("carrier"),
                whole("mccmnc"),
                whole("connectiontype"),
                $($more),*
            ],
        }
    };
}

/// Without consent.
pub(super) static DEVICE: Allow = device!(("geo", Keep::Object(&PLACE)));

/// With consent, for a deal that needs identifiers.
pub(super) static IDENTIFIED_DEVICE: Allow = device!(
    ("geo", Keep::Object(&IDENTIFIED_PLACE)),
    whole("ip"),
    whole("ipv6"),
    whole("ifa"),
    whole("didsha1"),
    whole("didmd5"),
    whole("dpidsha1"),
    whole("dpidmd5")
);

static EID: Allow = Allow {
    fields: &[
        whole("inserter"),
        whole("source"),
        whole("matcher"),
        whole("mm"),
        ("uids", Keep::EachObject(&Allow { fields: &[whole("id"), whole("atype")] })),
    ],
};

pub(super) static IDENTIFIED_USER: Allow =
    Allow { fields: &[whole("id"), whole("buyeruid"), whole("consent"), ("eids", Keep::EachObject(&EID))] };

pub(super) static REGS: Allow = Allow {
    fields: &[
        whole("coppa"),
        whole("gdpr"),
        whole("us_privacy"),
        whole("gpp"),
        whole("gpp_sid"),
        ("ext", Keep::Object(&Allow { fields: &[whole("gdpr"), whole("us_privacy"), whole("gpc")] })),
    ],
};

/// A node of the supply chain that came with the request: who sold it on, and nothing beside.
pub(super) static NODE: Allow =
    Allow { fields: &[whole("asi"), whole("sid"), whole("rid"), whole("name"), whole("domain"), whole("hp")] };
