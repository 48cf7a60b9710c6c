//! What the media gets back.

use openrtb::encode::{ArrayWriter, ObjectWriter, write_millionths, write_string};
use openrtb::{Macros, ResponseDraft, substitute, write_bid_response};

use crate::auction::NoBid;
use crate::auction::admission::OfferedImp;
use crate::auction::outcome::Winner;
use crate::auction::pod::Dynamic;
use crate::billing::notice::NoticeUrls;
use crate::ids::{AuctionId, LeaseId};
use crate::markup::{self, Known, Tags};
use crate::money::{ConvertedCpm, Currency};

/// The answer to one request, before it is HTTP.
#[derive(Debug)]
pub enum Reply {
    /// 200 with this body.
    Bid(Vec<u8>),
    /// 204 with `x-pmpx-nbr`, or 200 with this body where the media asked for it.
    NoBid(NoBid, Option<Vec<u8>>),
    /// 400 with this error.
    BadRequest(BadRequest),
    /// 401.
    Unauthorized,
    /// 413.
    TooLarge(String),
}

/// Why a request is refused, in words for the one who sent it.
#[derive(Debug)]
pub struct BadRequest {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, as a JSON path; empty for the whole.
    pub path: String,
}

impl BadRequest {
    /// `{"error":{"code","message","path"}}`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut root = ObjectWriter::new(&mut out);
        let mut error = ObjectWriter::new(root.value("error"));
        error.string("code", self.code);
        error.string("message", &self.message);
        error.string("path", &self.path);
        error.finish();
        root.finish();
        out
    }
}

/// `{"id","nbr"}` for a media that wants it.
pub(super) fn no_bid_body(id: &str, reason: NoBid) -> Vec<u8> {
    let mut out = Vec::new();
    write_bid_response(&mut out, &ResponseDraft { id, nbr: Some(reason.code()), ..ResponseDraft::default() });
    out
}

/// One ad that is shown, ready to be written.
#[derive(Debug)]
pub(super) struct Won<'w> {
    pub(super) imp: &'w OfferedImp<'w>,
    pub(super) winner: &'w Winner<'w, Option<LeaseId>>,
    /// What the media earns, in the currency of the answer, rounded down; the gross price never leaves (R-SECRET).
    pub(super) price: ConvertedCpm,
    /// None for a test request.
    pub(super) notices: Option<NoticeUrls>,
    /// What macros are filled in with, but for the auction.
    pub(super) known: Known<'w>,
    pub(super) token_life_ms: u64,
}

/// Writes the BidResponse: one seatbid of the exchange with a bid for each ad (interfaces.md, "To media").
pub(super) fn bid_body<'w>(
    id: &str,
    auction: AuctionId,
    currency: Currency,
    won: impl Iterator<Item = Won<'w>>,
) -> Vec<u8> {
    let hex = auction.to_hex();
    let auction = str::from_utf8(&hex).unwrap_or_default();
    let mut out = Vec::with_capacity(4_096);
    let mut markup = String::new();
    let mut response = ObjectWriter::new(&mut out);
    response.string("id", id);
    response.string("bidid", auction);
    response.string("cur", currency.as_str());
    let mut seats = ArrayWriter::new(response.value("seatbid"));
    let mut seat = ObjectWriter::new(seats.value());
    let mut bids = ArrayWriter::new(seat.value("bid"));
    for won in won {
        markup.clear();
        fill_in(&won, auction, &mut markup);
        write_bid(bids.value(), &won, auction, &markup);
    }
    bids.finish();
    seat.finish();
    seats.finish();
    response.finish();
    out
}

/// The markup with its tags (interfaces.md, "Where the billable moment lies"). R-SECRET: it reaches the media, so the price stays
/// empty in it; the DSP hears it in its notices.
fn fill_in(won: &Won<'_>, auction: &str, out: &mut String) {
    let contender = &won.winner.contender;
    let words = contender.bid.as_ref();
    let macros = Macros {
        id: Some(auction),
        bid_id: words.and_then(|words| words.response),
        imp_id: Some(won.imp.imp.id.as_str()),
        seat_id: words.and_then(|words| words.seat),
        ad_id: words.and_then(|words| words.ad),
        currency: Some(contender.dsp.currency.as_str()),
        ..Macros::default()
    };
    let notices = won.notices.as_ref();
    let tags = Tags {
        impression: notices.map(NoticeUrls::impression),
        click: notices.map(NoticeUrls::click),
        landing_page: contender.creative.landing_page(),
        // A test request is no impression to anybody.
        monitors: contender.creative.monitors.as_deref().filter(|_| notices.is_some()),
    };
    let display = won.imp.display(contender.creative, contender.size);
    let known = Known { auction, ..won.known };
    if markup::write(contender.markup, &display, &tags, (&known, &macros), out).is_err() {
        // What was checked can be written; should that ever be false, the media's notice still bills.
        out.clear();
        substitute(contender.markup, &macros, out);
    }
}

fn write_bid(out: &mut Vec<u8>, won: &Won<'_>, auction: &str, markup: &str) {
    let contender = &won.winner.contender;
    let (creative, advertiser) = (contender.creative, contender.advertiser);
    let mut bid = ObjectWriter::new(out);
    write_id(bid.value("id"), won, auction);
    bid.string("impid", won.imp.imp.id.as_str());
    write_millionths(bid.value("price"), won.price.millionths());
    bid.string("dealid", &contender.deal.wire);
    bid.string("crid", creative.crid());
    write_list(bid.value("adomain"), advertiser.domains.iter());
    write_list(bid.value("cat"), creative.categories.iter().chain([&advertiser.category]));
    bid.string("adm", markup);
    bid.optional_integer("w", contender.size.map(|size| size.w.into()));
    bid.optional_integer("h", contender.size.map(|size| size.h.into()));
    bid.optional_integer("dur", creative.duration_s.and_then(|seconds| i32::try_from(seconds).ok()));
    bid.optional_integer("mtype", Some(creative.format.mtype()));
    bid.optional_integer("slotinpod", won.winner.position.code());
    if let Some(urls) = &won.notices {
        bid.string("nurl", urls.win());
        bid.string("burl", urls.bill());
        bid.string("lurl", urls.loss());
    }
    bid.optional_integer("exp", i32::try_from(won.token_life_ms / 1_000).ok());
    // R-SOURCE: the label that the media shows with the ad.
    let mut ext = ObjectWriter::new(bid.value("ext"));
    ext.string("source", &advertiser.source);
    ext.finish();
    bid.finish();
}

/// `AUCTION-IMP`, and `-SLOT` where an imp shows several ads: what the charge is known by.
fn write_id(out: &mut Vec<u8>, won: &Won<'_>, auction: &str) {
    out.push(b'"');
    out.extend_from_slice(auction.as_bytes());
    out.push(b'-');
    openrtb::encode::write_i64(out, won.imp.index.0.into());
    if Dynamic::of(won.imp.imp, won.winner.contender.creative.format).is_some() {
        out.push(b'-');
        openrtb::encode::write_i64(out, won.winner.slot.0.into());
    }
    out.push(b'"');
}

fn write_list<'t>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'t String>) {
    let mut list = ArrayWriter::new(out);
    texts.for_each(|text| write_string(list.value(), text));
    list.finish();
}
