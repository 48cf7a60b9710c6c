//! What a DSP says: a correct bid response for a request, and the ways to spoil it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::script::{Script, Temper};
use crate::catalog::{Catalog, CreativeCard, DealCard, Format};

/// The part of a bid request that a bid depends on.
#[derive(Debug, Deserialize)]
pub(super) struct Asked<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) imp: Vec<AskedImp<'a>>,
    #[serde(borrow, default)]
    pub(super) source: AskedSource<'a>,
    /// The time that this DSP has, in milliseconds.
    #[serde(default)]
    pub(super) tmax: u32,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct AskedSource<'a> {
    #[serde(borrow, default)]
    pub(super) tid: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AskedImp<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    tagid: Cow<'a, str>,
    banner: Option<AskedSizes>,
    video: Option<AskedSizes>,
    native: Option<serde::de::IgnoredAny>,
    #[serde(borrow, default)]
    pmp: AskedPmp<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct AskedPmp<'a> {
    #[serde(borrow, default)]
    deals: Vec<AskedDeal<'a>>,
}

#[derive(Debug, Deserialize)]
struct AskedDeal<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    bidfloor: Option<f64>,
    #[serde(borrow, default)]
    bidfloorcur: Cow<'a, str>,
    #[serde(borrow, default)]
    wseat: Vec<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct AskedSizes {
    w: Option<u32>,
    h: Option<u32>,
    #[serde(default)]
    format: Vec<AskedSize>,
}

#[derive(Debug, Deserialize)]
struct AskedSize {
    w: Option<u32>,
    h: Option<u32>,
}

impl AskedSizes {
    fn allows(&self, size: (u32, u32)) -> bool {
        let is = |w: Option<u32>, h: Option<u32>| w == Some(size.0) && h == Some(size.1);
        is(self.w, self.h) || self.format.iter().any(|one| is(one.w, one.h))
    }
}

impl AskedImp<'_> {
    /// The first of the creative's sizes that the imp allows for its format.
    fn fitting(&self, card: &CreativeCard) -> Option<(u32, u32)> {
        let allowed = match card.format {
            Format::Banner => self.banner.as_ref()?,
            Format::Video => self.video.as_ref()?,
            Format::Audio => return None,
            Format::Native => return self.native.as_ref().and_then(|_| card.sizes.first().copied()),
        };
        card.sizes.iter().copied().find(|size| allowed.allows(*size))
    }

    pub(super) fn first_deal(&self) -> Option<&str> {
        self.pmp.deals.first().map(|deal| deal.id.as_ref())
    }
}

#[derive(Debug, Serialize)]
struct Response<'a> {
    id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cur: Option<Cow<'a, str>>,
    bidid: String,
    seatbid: Vec<Seatbid<'a>>,
}

#[derive(Debug, Serialize)]
struct Seatbid<'a> {
    seat: Cow<'a, str>,
    bid: Vec<Bid<'a>>,
}

#[derive(Debug, Serialize)]
struct Bid<'a> {
    id: String,
    impid: Cow<'a, str>,
    price: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    adm: Option<String>,
    adomain: Vec<Cow<'a, str>>,
    cat: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    crid: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dealid: Option<Cow<'a, str>>,
    w: u32,
    h: u32,
    mtype: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nurl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lurl: Option<String>,
}

/// Every macro of the specification, in a query.
const MACROS: &str = "auction=${AUCTION_ID}&bid=${AUCTION_BID_ID}&imp=${AUCTION_IMP_ID}&seat=${AUCTION_SEAT_ID}&ad=${AUCTION_AD_ID}\
                      &price=${AUCTION_PRICE}&cur=${AUCTION_CURRENCY}&mbr=${AUCTION_MBR}&loss=${AUCTION_LOSS}\
                      &min=${AUCTION_MIN_TO_WIN}&mult=${AUCTION_MULTIPLIER}&ts=${AUCTION_IMP_TS}&pct=${AUCTION_DISCOUNT_PCT}\
                      &cpm=${AUCTION_DISCOUNT_CPM}";

/// Who answers.
#[derive(Debug)]
pub(super) struct Bidder {
    pub(super) seats: Vec<String>,
    pub(super) address: SocketAddr,
}

/// A response as bytes, and how many bids it holds; `None` if there is nothing to bid for.
pub(super) fn respond(
    bidder: &Bidder,
    script: &Script,
    catalog: &Catalog,
    asked: &Asked<'_>,
    temper: &Temper,
    serial: u64,
) -> Option<(Vec<u8>, u64)> {
    let mut response = Response { id: asked.id.clone(), cur: None, bidid: format!("r{serial}"), seatbid: Vec::new() };
    let mut count = 0;
    for imp in &asked.imp {
        for offer in offers(bidder, script, catalog, imp) {
            count += 1;
            let bid = correct(bidder, script, imp, &offer, format!("b{serial}-{count}"));
            response.cur.get_or_insert(offer.currency);
            match response.seatbid.iter_mut().find(|group| group.seat == offer.seat) {
                Some(group) => group.bid.push(bid),
                None => response.seatbid.push(Seatbid { seat: offer.seat, bid: vec![bid] }),
            }
        }
    }
    if count == 0 {
        return None;
    }
    spoil(&mut response, temper);
    serde_json::to_vec(&response).ok().map(|bytes| (bytes, count))
}

struct Offer<'a> {
    deal: &'a DealCard,
    card: &'a CreativeCard,
    size: (u32, u32),
    price: f64,
    currency: Cow<'a, str>,
    seat: Cow<'a, str>,
}

fn offers<'a>(bidder: &'a Bidder, script: &Script, catalog: &'a Catalog, imp: &'a AskedImp<'_>) -> Vec<Offer<'a>> {
    let most = if script.every_deal { usize::MAX } else { 1 };
    if imp.pmp.deals.is_empty() && script.without_deals {
        let here = |deal: &&DealCard| deal.placements.iter().any(|(_, tagid)| *tagid == *imp.tagid);
        let seat = bidder.seats.first().map_or(Cow::Borrowed("seat"), |seat| Cow::Borrowed(seat.as_str()));
        let open =
            catalog.deals.values().filter(here).filter_map(|deal| {
                offer(deal, imp, deal.price_micro_cpm as f64 / 1e6, Cow::Borrowed("CNY"), seat.clone())
            });
        return open.take(most).collect();
    }
    let offered = imp.pmp.deals.iter().filter_map(|asked| {
        let deal = catalog.deals.get(asked.id.as_ref())?;
        let owned = |seat: &&String| asked.wseat.is_empty() || asked.wseat.iter().any(|one| one == seat.as_str());
        let seat = bidder.seats.iter().find(owned)?;
        let price = asked.bidfloor.unwrap_or(deal.price_micro_cpm as f64 / 1e6);
        // OpenRTB 2.6 §3.2.12: a floor without a currency is in dollars.
        let currency = if asked.bidfloorcur.is_empty() { "USD" } else { asked.bidfloorcur.as_ref() };
        offer(deal, imp, price, Cow::Borrowed(currency), Cow::Borrowed(seat))
    });
    offered.take(most).collect()
}

fn offer<'a>(
    deal: &'a DealCard,
    imp: &AskedImp<'_>,
    price: f64,
    currency: Cow<'a, str>,
    seat: Cow<'a, str>,
) -> Option<Offer<'a>> {
    let (card, size) = deal.creatives.iter().find_map(|card| Some((card, imp.fitting(card)?)))?;
    Some(Offer { deal, card, size, price, currency, seat })
}

fn correct<'a>(bidder: &Bidder, script: &Script, imp: &'a AskedImp<'_>, offer: &Offer<'a>, id: String) -> Bid<'a> {
    let card = offer.card;
    // Every macro, and beside them what must come back, as only this DSP knows it.
    let (address, own, price, currency) = (bidder.address, &id, offer.price, &offer.currency);
    let expected = format!("own={own}&want={price}&wantcur={currency}&wantimp={}&wantseat={}", imp.id, offer.seat);
    let notice = |kind: &str| script.notices.then(|| format!("http://{address}/notice/{kind}?{expected}&{MACROS}"));
    let [nurl, burl, lurl] = ["win", "bill", "loss"].map(notice);
    Bid {
        id,
        impid: Cow::Borrowed(imp.id.as_ref()),
        price: offer.price,
        adm: Some(markup(card, offer.size)),
        adomain: card.adomain.iter().map(|domain| Cow::Borrowed(domain.as_str())).collect(),
        cat: &card.cat,
        crid: Some(Cow::Borrowed(&card.crid)),
        dealid: Some(Cow::Borrowed(&offer.deal.id)),
        w: offer.size.0,
        h: offer.size.1,
        mtype: card.format.mtype(),
        dur: card.duration_s,
        nurl,
        burl,
        lurl,
    }
}

/// Markup as a DSP would write it: a link to the registered landing page, and a macro to be filled in.
fn markup(card: &CreativeCard, (width, height): (u32, u32)) -> String {
    let domain = card.adomain.first().map_or("unknown.example", String::as_str);
    let (crid, link) = (&card.crid, &card.landing_page);
    let mut out = String::with_capacity(512);
    let _ = match card.format {
        Format::Banner => write!(
            out,
            r#"<a href="{link}"><img src="https://cdn.{domain}/{crid}.jpg?a=${{AUCTION_ID}}" width="{width}" height="{height}" alt=""></a>"#
        ),
        Format::Video | Format::Audio => write!(
            out,
            concat!(
                r#"<VAST version="3.0"><Ad id="{crid}"><InLine><AdSystem>Scripted DSP</AdSystem><AdTitle>{crid}</AdTitle>"#,
                "<Impression><![CDATA[https://count.{domain}/i?a=${{AUCTION_ID}}]]></Impression><Creatives><Creative><Linear>",
                "<Duration>00:00:{seconds:02}</Duration><VideoClicks><ClickThrough><![CDATA[{link}]]></ClickThrough></VideoClicks>",
                r#"<MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="{width}" height="{height}">"#,
                "<![CDATA[https://cdn.{domain}/{crid}.mp4]]></MediaFile></MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>"
            ),
            crid = crid,
            domain = domain,
            link = link,
            width = width,
            height = height,
            seconds = card.duration_s.unwrap_or(15).min(59),
        ),
        Format::Native => write!(
            out,
            r#"{{"ver":"1.2","assets":[{{"id":1,"required":1,"title":{{"text":"{crid}"}}}},{{"id":2,"required":1,"img":{{"url":"https://cdn.{domain}/{crid}.jpg?a=${{AUCTION_ID}}","w":{width},"h":{height}}}}}],"link":{{"url":"{link}"}}}}"#
        ),
    };
    out
}

/// Turns a correct response into the lie that the temper tells; other tempers leave it as it is.
fn spoil<'a>(response: &mut Response<'a>, temper: &Temper) {
    match temper {
        Temper::WrongId => response.id = Cow::Owned(format!("not-{}", response.id)),
        Temper::WrongCurrency => response.cur = Some(Cow::Borrowed("USD")),
        Temper::NoCurrency => response.cur = None,
        Temper::WrongSeat => response.seatbid.iter_mut().for_each(|group| group.seat = Cow::Borrowed("no-such-seat")),
        _ => {}
    }
    for bid in response.seatbid.iter_mut().flat_map(|group| &mut group.bid) {
        match temper {
            Temper::UnknownImp => bid.impid = Cow::Borrowed("no-such-imp"),
            Temper::BelowFloor => bid.price *= 0.5,
            Temper::AbovePrice => bid.price *= 2.0,
            Temper::UnknownDeal => bid.dealid = Some(Cow::Borrowed("no-such-deal")),
            Temper::NoDeal => bid.dealid = None,
            Temper::UnofferedDeal(id) => bid.dealid = Some(Cow::Owned(id.clone())),
            Temper::UnknownCreative => bid.crid = Some(Cow::Borrowed("no-such-creative")),
            Temper::NoMarkup => bid.adm = None,
            Temper::NoCreativeId => bid.crid = None,
            Temper::ForeignAdvertiser => bid.adomain = vec![Cow::Borrowed("foreign.example")],
            Temper::WrongSize => (bid.w, bid.h) = (bid.w + 1, bid.h + 1),
            _ => {}
        }
    }
}
