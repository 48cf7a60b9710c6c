//! What each DSP is sent: the imps and deals that concern it, and of the rest only what an allow-list names (R-CONSENT,
//! R-SECRET; interfaces.md, "To DSPs"). Known byte ranges of the media's request are spliced, not written anew.

mod allowed;

use std::ops::Range;

use openrtb::encode::{ArrayWriter, ObjectWriter, write_i64, write_millionths, write_string};
use openrtb::{Allow, Members, NativeRequest, ScanError, copy_allowed, scan};

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
    imps: Vec<u8>,
    /// Per admitted imp: its part of `imps`, the object without its closing brace; empty when it is offered to nobody.
    places: Vec<Range<usize>>,
    /// Members that every DSP is sent, each with a comma before it.
    common: Vec<u8>,
    /// Device without identifiers; empty when nobody gets it.
    plain: Vec<u8>,
    /// Device and user with identifiers, where a deal needs them and there is consent; else empty.
    identified: Vec<u8>,
    auction: [u8; 32],
}

impl Sheet {
    /// Cuts the media's request for the invited DSPs, in one pass over its bytes.
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
        const PARTS: [&[u8]; 8] = [b"imp", b"site", b"app", b"dooh", b"device", b"user", b"regs", b"source"];
        self.clear(invited);
        self.auction = auction.to_hex();
        // What is sent to nobody is not made.
        let consent = invited.matched.admitted.consent;
        let needs = |invitation: &Invitation<'_>| consent && identifies(invited, invitation);
        let plain = !invited.invitations().iter().all(needs);
        let identified = invited.invitations().iter().any(needs);
        let (mut seen, mut device, mut source) = ([false; PARTS.len()], None, None);
        let mut members = Members::new(raw);
        while let Some(key) = members.key()? {
            let Some(part) = PARTS.iter().position(|it| *it == key) else { continue };
            if std::mem::replace(&mut seen[part], true) {
                return Err(members.duplicate());
            }
            match key {
                b"imp" => self.copy_imps(raw, &mut members, invited)?,
                b"site" | b"app" | b"dooh" => copy_member(&mut members, key, &CONTEXT, &mut self.common)?,
                b"regs" => copy_member(&mut members, key, &REGS, &mut self.common)?,
                b"user" if identified => copy_member(&mut members, key, &IDENTIFIED_USER, &mut self.identified)?,
                b"device" if !identified => copy_member(&mut members, key, &DEVICE, &mut self.plain)?,
                b"device" if !plain => copy_member(&mut members, key, &IDENTIFIED_DEVICE, &mut self.identified)?,
                b"device" => device = Some(members.range()?),
                b"source" => source = Some(members.range()?),
                _ => {}
            }
        }
        for (allow, out) in [(&DEVICE, &mut self.plain), (&IDENTIFIED_DEVICE, &mut self.identified)] {
            if let Some(range) = device.clone().filter(|range| raw[range.clone()].starts_with(b"{")) {
                name(out, b"device");
                copy_allowed(raw, range, allow, out)?;
            }
        }
        blocked(invited, &mut self.common);
        supply_chain(raw, source, invited, terms, auction, &mut self.common)
    }

    fn clear(&mut self, invited: &Invited<'_>) {
        for buffer in [&mut self.imps, &mut self.common, &mut self.plain, &mut self.identified] {
            buffer.clear();
        }
        self.places.clear();
        self.places.resize(invited.matched.admitted.imps.len(), 0..0);
    }

    /// Copies the imps that are offered to anybody.
    fn copy_imps(&mut self, raw: &[u8], members: &mut Members<'_>, invited: &Invited<'_>) -> Result<(), ScanError> {
        let admitted = &invited.matched.admitted.imps;
        let place_of = |index: usize| admitted.iter().position(|it| usize::from(it.index.0) == index);
        let offered = |place: usize| invited.offers.iter().any(|offer| offer.imp == place);
        let places = &mut self.places;
        let wanted = |index| place_of(index).is_some_and(offered);
        members.copy_each(&IMP, &mut self.imps, wanted, |index, range, out, start| {
            let Some(place) = place_of(index) else { return Ok(()) };
            out.pop();
            copy_native(raw, range, &admitted[place], out)?;
            places[place] = start..out.len();
            Ok(())
        })
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
        let identified = invited.matched.admitted.consent && identifies(invited, invitation);
        let who = if identified { &self.identified } else { &self.plain };
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
        for (place, imp) in self.places.iter().enumerate() {
            if !offers().any(|offer| offer.imp == place) {
                continue;
            }
            let out = imps.value();
            out.extend_from_slice(&self.imps[imp.clone()]);
            out.extend_from_slice(b",\"pmp\":{\"private_auction\":1,\"deals\":");
            let mut deals = ArrayWriter::new(out);
            offers().filter(|offer| offer.imp == place).for_each(|offer| deal(market, deals.value(), offer));
            deals.finish();
            out.extend_from_slice(b"}}");
        }
        imps.finish();
        out.extend_from_slice(&self.common);
        out.extend_from_slice(who);
        out.push(b'}');
    }
}

/// Whether a DSP is offered a deal that needs identifiers.
fn identifies<'r>(invited: &Invited<'r>, invitation: &Invitation<'r>) -> bool {
    invited.offers_of(invitation).any(|(_, offer)| offer.deal.identifiers)
}

/// Adds an imp's native part, if it is offered. Its request is JSON within a string: an allow-list goes through it too.
fn copy_native(raw: &[u8], range: Range<usize>, offered: &OfferedImp<'_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let (Some(native), true) = (offered.imp.native, offered.formats.has(Format::Native)) else { return Ok(()) };
    let [object] = scan::find(raw, range, ["native"])?;
    let Some(object) = object else { return Ok(()) };
    name(out, b"native");
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
        let advertisers = deal.advertisers.iter().filter_map(|id| market.advertiser(*id));
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

fn name(out: &mut Vec<u8>, key: &[u8]) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key);
    out.extend_from_slice(b"\":");
}

/// Copies the member that the walk stands on, if its value is an object.
fn copy_member(members: &mut Members<'_>, key: &[u8], allow: &Allow, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let before = out.len();
    name(out, key);
    if !members.copy(allow, out)? {
        out.truncate(before);
    }
    Ok(())
}

/// What the media never shows, of its contract and of this request (R-CATEGORY).
fn blocked(invited: &Invited<'_>, out: &mut Vec<u8>) {
    let admitted = &invited.matched.admitted;
    let (request, prohibited) = (admitted.request, admitted.prohibited);
    let categories = prohibited.map(|it| it.categories.as_slice());
    let domains = prohibited.map(|it| it.domains.as_slice());
    for (key, asked, lists) in [("bcat", &request.bcat, categories), ("badv", &request.badv, domains)] {
        let agreed = || lists.into_iter().flatten();
        if !asked.is_empty() || agreed().next().is_some() {
            name(out, key.as_bytes());
            strings(out, asked.iter().map(openrtb::Text::as_str).chain(agreed().map(String::as_str)));
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
    name(out, b"source");
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
