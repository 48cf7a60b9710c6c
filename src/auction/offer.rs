//! What each DSP is sent: the imps and deals that concern it, and of the rest only what an allow-list names (R-CONSENT,
//! R-SECRET; interfaces.md, "To DSPs"). Known byte ranges of the media's request are spliced, not written anew.

mod allowed;

use std::ops::Range;

use openrtb::encode::{ArrayWriter, ObjectWriter, write_i64, write_millionths, write_string};
use openrtb::{Allow, NativeRequest, ScanError, copy_allowed, scan};

use super::admission::OfferedImp;
use super::eligibility::{Invitation, Invited, Offer};
use crate::ids::AuctionId;
use crate::market::demand::Dsp;
use crate::market::supply::Format;
use crate::market::{ExchangeTerms, Market};
use allowed::{CONTEXT, DEVICE, IDENTIFIED_DEVICE, IDENTIFIED_USER, IMP, NATIVE, NATIVE_REQUEST, NODE, REGS};

/// What all DSPs of one auction are sent, cut once. Kept from auction to auction, for its memory.
#[derive(Debug, Default)]
pub struct Sheet {
    bytes: Vec<u8>,
    /// Per admitted imp: the object without its closing brace; empty when it is offered to nobody.
    imps: Vec<Range<usize>>,
    /// Members that every DSP is sent, each with a comma before it.
    common: Range<usize>,
    /// Device without identifiers; empty when nobody gets it.
    plain: Range<usize>,
    /// Device and user with identifiers, where a deal needs them and there is consent.
    identified: Option<Range<usize>>,
    auction: [u8; 32],
}

impl Sheet {
    /// Cuts the media's request for the invited DSPs.
    ///
    /// # Errors
    /// [`ScanError`] when a key on a redaction path stands twice or is written with escapes: two readers might then disagree
    /// on what is sent; and when a native request is no JSON.
    pub fn cut(
        &mut self,
        raw: &[u8],
        invited: &Invited<'_>,
        terms: &ExchangeTerms,
        auction: AuctionId,
    ) -> Result<(), ScanError> {
        self.bytes.clear();
        self.imps.clear();
        self.auction = auction.to_hex();
        let out = &mut self.bytes;
        let [imp, site, app, dooh, device, user, regs, source] =
            scan::find(raw, 0..raw.len(), ["imp", "site", "app", "dooh", "device", "user", "regs", "source"])?;
        let mut elements = scan::ArrayScan::new(raw, imp.unwrap_or_default());
        let mut next = 0;
        for (place, offered) in invited.matched.admitted.imps.iter().enumerate() {
            let mut range = 0..0;
            // Admitted imps stand in the order of the request.
            while next <= offered.index.0 {
                range = elements.next().transpose()?.unwrap_or_default();
                next += 1;
            }
            let start = out.len();
            if invited.offers.iter().any(|offer| offer.imp == place) {
                copy_imp(raw, range, offered, out)?;
            }
            self.imps.push(start..out.len());
        }
        let start = out.len();
        for (key, object) in [("site", site), ("app", app), ("dooh", dooh)] {
            member(raw, key, object, &CONTEXT, out)?;
        }
        member(raw, "regs", regs, &REGS, out)?;
        blocked(invited, out);
        supply_chain(raw, source, invited, terms, auction, out)?;
        self.common = start..out.len();
        // What is sent to nobody is not made.
        let consent = invited.matched.admitted.consent;
        let needs = |invitation: &Invitation<'_>| consent && identifies(invited, invitation);
        let start = out.len();
        if !invited.invitations().iter().all(needs) {
            member(raw, "device", device.clone(), &DEVICE, out)?;
        }
        self.plain = start..out.len();
        self.identified = None;
        if invited.invitations().iter().any(needs) {
            let start = out.len();
            member(raw, "device", device, &IDENTIFIED_DEVICE, out)?;
            member(raw, "user", user, &IDENTIFIED_USER, out)?;
            self.identified = Some(start..out.len());
        }
        Ok(())
    }

    /// Appends the request of one DSP. `tmax_ms` is the time that it really has.
    pub fn write<'r>(
        &self,
        market: &Market,
        invited: &Invited<'r>,
        invitation: &Invitation<'r>,
        tmax_ms: u32,
        out: &mut Vec<u8>,
    ) {
        let offers = || invited.offers_of(invitation).map(|(_, offer)| offer);
        let who = self.identified.as_ref().filter(|_| identifies(invited, invitation)).unwrap_or(&self.plain);
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(&self.auction);
        out.extend_from_slice(b"\",\"at\":1,\"cur\":[\"");
        out.extend_from_slice(invitation.dsp.currency.as_str().as_bytes());
        out.extend_from_slice(b"\"],\"tmax\":");
        write_i64(out, tmax_ms.into());
        if invited.matched.admitted.is_test() {
            out.extend_from_slice(b",\"test\":1");
        }
        out.extend_from_slice(b",\"imp\":");
        let mut imps = ArrayWriter::new(out);
        for (place, imp) in self.imps.iter().enumerate() {
            if !offers().any(|offer| offer.imp == place) {
                continue;
            }
            let out = imps.value();
            out.extend_from_slice(&self.bytes[imp.clone()]);
            out.extend_from_slice(b",\"pmp\":{\"private_auction\":1,\"deals\":");
            let mut deals = ArrayWriter::new(out);
            offers().filter(|offer| offer.imp == place).for_each(|offer| deal(market, deals.value(), offer));
            deals.finish();
            out.extend_from_slice(b"}}");
        }
        imps.finish();
        out.extend_from_slice(&self.bytes[self.common.clone()]);
        out.extend_from_slice(&self.bytes[who.clone()]);
        out.push(b'}');
    }
}

/// Whether a DSP is offered a deal that needs identifiers.
fn identifies<'r>(invited: &Invited<'r>, invitation: &Invitation<'r>) -> bool {
    invited.offers_of(invitation).any(|(_, offer)| offer.deal.identifiers)
}

/// Copies an imp without its closing brace. The native request is JSON within a string: an allow-list goes through it too.
fn copy_imp(raw: &[u8], range: Range<usize>, offered: &OfferedImp<'_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    copy_allowed(raw, range.clone(), &IMP, out)?;
    out.pop();
    let (Some(native), true) = (offered.imp.native, offered.formats.has(Format::Native)) else { return Ok(()) };
    let [object] = scan::find(raw, range, ["native"])?;
    let Some(object) = object else { return Ok(()) };
    name(out, "native");
    copy_allowed(raw, object.clone(), &NATIVE, out)?;
    out.pop();
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(b"\"request\":");
    let mut request = Vec::with_capacity(512);
    match native.request {
        NativeRequest::Asked { json, .. } if !json.is_empty() => {
            let text = json.as_bytes();
            copy_allowed(text, scan::root(text)?, &NATIVE_REQUEST, &mut request)?;
        }
        // An object by practice: it goes on as the text that the specification asks for.
        _ => {
            let [found] = scan::find(raw, object, ["request"])?;
            copy_allowed(raw, found.unwrap_or_default(), &NATIVE_REQUEST, &mut request)?;
        }
    }
    write_string(out, &String::from_utf8_lossy(&request));
    out.push(b'}');
    Ok(())
}

fn deal(market: &Market, out: &mut Vec<u8>, offer: &Offer<'_>) {
    let deal = offer.deal;
    let mut object = ObjectWriter::new(out);
    object.string("id", &deal.wire);
    write_millionths(object.value("bidfloor"), offer.floor.millionths());
    object.string("bidfloorcur", offer.dsp.currency.as_str());
    object.integer("at", 3);
    if deal.obliges_to_bid() {
        object.integer("guar", 1);
    }
    strings(object.value("wseat"), seats(offer.dsp, offer).iter().map(String::as_str));
    if !deal.advertisers.is_empty() {
        let advertisers = deal.advertisers.iter().filter_map(|id| market.advertisers.get(*id));
        strings(object.value("wadomain"), advertisers.flat_map(|it| &it.domains).map(String::as_str));
    }
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
    let rid = own.value("rid");
    rid.push(b'"');
    rid.extend_from_slice(&auction.to_hex());
    rid.push(b'"');
    own.integer("hp", 1);
    own.finish();
    out.extend_from_slice(b"],\"ver\":\"1.0\"}}");
    Ok(())
}
