//! What each DSP is sent: the imps and deals that concern it, and of the rest only what an allow-list names (R-CONSENT,
//! R-SECRET; interfaces.md, "To DSPs"). Known byte ranges of the media's request are spliced, not written anew.

use std::ops::Range;

use openrtb::encode::{ArrayWriter, ObjectWriter, write_i64, write_millionths, write_string};
use openrtb::{Allow, Keep, ScanError, copy_allowed, scan};

use super::eligibility::{Invitation, Invited, Offer};
use crate::ids::AuctionId;
use crate::market::ExchangeTerms;
use crate::market::demand::Dsp;

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

static NATIVE: Allow = Allow { fields: &[whole("request"), whole("ver"), whole("api"), whole("battr")] };

static IMP: Allow = Allow {
    fields: &[
        whole("id"),
        ("banner", Keep::Object(&BANNER)),
        ("video", Keep::Object(&VIDEO)),
        ("audio", Keep::Object(&VIDEO)),
        ("native", Keep::Object(&NATIVE)),
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
static CONTEXT: Allow = Allow {
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

static PLACE: Allow = Allow {
    fields: &[whole("type"), whole("country"), whole("region"), whole("metro"), whole("city"), whole("utcoffset")],
};

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

/// Without consent: what the device is, and roughly where; nothing that tells one from another.
static DEVICE: Allow = Allow {
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
        ("geo", Keep::Object(&PLACE)),
    ],
};

static IDENTIFIED_PLACE: Allow = Allow {
    fields: &[
        whole("type"),
        whole("country"),
        whole("region"),
        whole("metro"),
        whole("city"),
        whole("utcoffset"),
        whole("lat"),
        whole("lon"),
        whole("accuracy"),
        whole("lastfix"),
        whole("zip"),
    ],
};

/// With consent, for a deal that needs identifiers.
static IDENTIFIED_DEVICE: Allow = Allow {
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
        whole("ip"),
        whole("ipv6"),
        whole("ifa"),
        whole("didsha1"),
        whole("didmd5"),
        whole("dpidsha1"),
        whole("dpidmd5"),
        ("geo", Keep::Object(&IDENTIFIED_PLACE)),
    ],
};

static EID: Allow = Allow {
    fields: &[
        whole("inserter"),
        whole("source"),
        whole("matcher"),
        whole("mm"),
        ("uids", Keep::EachObject(&Allow { fields: &[whole("id"), whole("atype")] })),
    ],
};

static IDENTIFIED_USER: Allow =
    Allow { fields: &[whole("id"), whole("buyeruid"), whole("consent"), ("eids", Keep::EachObject(&EID))] };

static REGS: Allow = Allow {
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
static NODE: Allow =
    Allow { fields: &[whole("asi"), whole("sid"), whole("rid"), whole("name"), whole("domain"), whole("hp")] };

/// What all DSPs of one auction are sent, cut once.
#[derive(Debug)]
pub struct Sheet {
    /// Per admitted imp: the object without its closing brace.
    imps: Vec<Vec<u8>>,
    /// Members from `site` on, without identifiers and with them; each ends before the closing brace.
    plain: Vec<u8>,
    identified: Option<Vec<u8>>,
    auction: [u8; 32],
}

/// Cuts the media's request for the invited DSPs.
///
/// # Errors
/// [`ScanError`] when a key on a redaction path stands twice or is written with escapes: two readers might then disagree
/// on what is sent.
pub fn cut(raw: &[u8], invited: &Invited<'_>, terms: &ExchangeTerms, auction: AuctionId) -> Result<Sheet, ScanError> {
    let admitted = &invited.matched.admitted;
    let root = scan::root(raw)?;
    let [imp, site, app, dooh, device, user, regs, source] =
        scan::find(raw, root, ["imp", "site", "app", "dooh", "device", "user", "regs", "source"])?;
    let ranges: Vec<Range<usize>> =
        scan::ArrayScan::new(raw, imp.unwrap_or_default()).collect::<Result<_, ScanError>>()?;
    let mut imps = Vec::with_capacity(admitted.imps.len());
    for offered in &admitted.imps {
        let mut out = Vec::with_capacity(512);
        let range = ranges.get(usize::from(offered.index.0)).cloned().unwrap_or_default();
        copy_allowed(raw, range, &IMP, &mut out)?;
        out.pop();
        imps.push(out);
    }
    let context = |device_allow, with_user: bool| -> Result<Vec<u8>, ScanError> {
        let mut out = Vec::with_capacity(2_048);
        member(raw, "site", site.clone(), &CONTEXT, &mut out)?;
        member(raw, "app", app.clone(), &CONTEXT, &mut out)?;
        member(raw, "dooh", dooh.clone(), &CONTEXT, &mut out)?;
        member(raw, "device", device.clone(), device_allow, &mut out)?;
        if with_user {
            member(raw, "user", user.clone(), &IDENTIFIED_USER, &mut out)?;
        }
        member(raw, "regs", regs.clone(), &REGS, &mut out)?;
        blocked(invited, &mut out);
        supply_chain(raw, source.clone(), invited, terms, auction, &mut out)?;
        Ok(out)
    };
    let needed = admitted.consent && invited.offers.iter().any(|offer| offer.deal.identifiers);
    let identified = if needed { Some(context(&IDENTIFIED_DEVICE, true)?) } else { None };
    Ok(Sheet { imps, plain: context(&DEVICE, false)?, identified, auction: auction.to_hex() })
}

impl Sheet {
    /// The request of one DSP. `tmax_ms` is the time that it really has.
    #[must_use]
    pub fn body(&self, invited: &Invited<'_>, invitation: &Invitation<'_>, tmax_ms: u32) -> Vec<u8> {
        let offers = || invitation.offers.iter().map(|index| &invited.offers[*index]);
        let identifiers = offers().any(|offer| offer.deal.identifiers);
        let context = self.identified.as_ref().filter(|_| identifiers).unwrap_or(&self.plain);
        let mut out = Vec::with_capacity(context.len() + 1_536);
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(&self.auction);
        out.extend_from_slice(b"\",\"at\":1,\"cur\":[\"CNY\"],\"tmax\":");
        write_i64(&mut out, tmax_ms.into());
        if invited.matched.admitted.is_test() {
            out.extend_from_slice(b",\"test\":1");
        }
        out.extend_from_slice(b",\"imp\":");
        let mut imps = ArrayWriter::new(&mut out);
        for (place, imp) in self.imps.iter().enumerate() {
            if !offers().any(|offer| offer.imp == place) {
                continue;
            }
            let out = imps.value();
            out.extend_from_slice(imp);
            out.extend_from_slice(b",\"pmp\":{\"private_auction\":1,\"deals\":");
            let mut deals = ArrayWriter::new(out);
            offers().filter(|offer| offer.imp == place).for_each(|offer| deal(deals.value(), offer));
            deals.finish();
            out.extend_from_slice(b"}}");
        }
        imps.finish();
        out.extend_from_slice(context);
        out.push(b'}');
        out
    }
}

fn deal(out: &mut Vec<u8>, offer: &Offer<'_>) {
    let deal = offer.deal;
    let mut object = ObjectWriter::new(out);
    object.string("id", &deal.wire);
    write_millionths(object.value("bidfloor"), deal.price.micro_yuan_per_mille());
    object.string("bidfloorcur", "CNY");
    object.integer("at", 3);
    if deal.obliges_to_bid() {
        object.integer("guar", 1);
    }
    strings(object.value("wseat"), seats(offer.dsp, offer).iter().map(String::as_str));
    let method = object.value("ext");
    method.extend_from_slice(b"{\"pmpx\":{\"method\":");
    write_string(method, deal.method.name());
    method.extend_from_slice(b"}}");
    object.finish();
}

/// R-SECRET: a DSP sees its own seats only.
fn seats<'d>(dsp: &'d Dsp, offer: &Offer<'_>) -> &'d [String] {
    dsp.seats_of(offer.deal.buyer).unwrap_or_default()
}

fn strings<'s>(out: &mut Vec<u8>, list: impl Iterator<Item = &'s str>) {
    let mut array = ArrayWriter::new(out);
    list.for_each(|text| write_string(array.value(), text));
    array.finish();
}

fn name(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn member(
    raw: &[u8],
    key: &str,
    object: Option<Range<usize>>,
    allow: &Allow,
    out: &mut Vec<u8>,
) -> Result<(), ScanError> {
    let Some(object) = object.filter(|range| raw[range.clone()].starts_with(b"{")) else { return Ok(()) };
    name(out, key);
    copy_allowed(raw, object, allow, out)
}

/// What the media never shows, of its contract and of this request (R-CATEGORY).
fn blocked(invited: &Invited<'_>, out: &mut Vec<u8>) {
    let admitted = &invited.matched.admitted;
    let (request, media) = (admitted.request, admitted.media);
    let lists =
        [("bcat", &request.bcat, &media.prohibited_categories), ("badv", &request.badv, &media.prohibited_advertisers)];
    for (key, asked, agreed) in lists {
        if !asked.is_empty() || !agreed.is_empty() {
            name(out, key);
            strings(out, asked.iter().map(openrtb::Text::as_str).chain(agreed.iter().map(String::as_str)));
        }
    }
}

/// Our node behind the nodes that came with the request; alone and complete when the media is the origin
/// (OpenRTB 2.6 §3.2.25, supply-chain text).
fn supply_chain(
    raw: &[u8],
    source: Option<Range<usize>>,
    invited: &Invited<'_>,
    terms: &ExchangeTerms,
    auction: AuctionId,
    out: &mut Vec<u8>,
) -> Result<(), ScanError> {
    let is_object = |range: &Range<usize>| raw[range.clone()].starts_with(b"{");
    let (mut tid, mut chain) = (None, None);
    if let Some(source) = source.filter(is_object) {
        let [found_tid, schain, ext] = scan::find(raw, source, ["tid", "schain", "ext"])?;
        tid = found_tid;
        chain = schain.filter(is_object);
        if let (None, Some(ext)) = (&chain, ext.filter(is_object)) {
            let [schain] = scan::find(raw, ext, ["schain"])?;
            chain = schain.filter(is_object);
        }
    }
    name(out, "source");
    out.push(b'{');
    if let Some(tid) = tid {
        out.extend_from_slice(b"\"tid\":");
        out.extend_from_slice(&raw[tid]);
        out.push(b',');
    }
    let mut complete = &b"1"[..];
    let mut list = None;
    if let Some(chain) = chain {
        let [told, nodes] = scan::find(raw, chain, ["complete", "nodes"])?;
        complete = told.map_or(b"0", |range| if raw[range.clone()] == *b"1" { b"1" } else { b"0" });
        list = nodes.filter(|range| raw[range.clone()].starts_with(b"["));
    }
    out.extend_from_slice(b"\"schain\":{\"complete\":");
    out.extend_from_slice(complete);
    out.extend_from_slice(b",\"nodes\":[");
    for node in list.into_iter().flat_map(|range| scan::ArrayScan::new(raw, range)) {
        let node = node?;
        if is_object(&node) {
            copy_allowed(raw, node, &NODE, out)?;
            out.push(b',');
        }
    }
    let mut own = ObjectWriter::new(out);
    own.string("asi", &terms.domain);
    own.string("sid", &invited.matched.admitted.media.wire);
    own.value("rid").extend_from_slice(&[b"\"", &auction.to_hex()[..], b"\""].concat());
    own.integer("hp", 1);
    own.finish();
    out.extend_from_slice(b"],\"ver\":\"1.0\"}}");
    Ok(())
}
