//! What the media gets back.

use openrtb::encode::{ObjectWriter, write_string};
use openrtb::{BidDraft, Macros, RawObject, ResponseDraft, SeatBidDraft, Text, WirePrice, write_bid_response};

use crate::auction::NoBid;
use crate::auction::admission::OfferedImp;
use crate::auction::clearing::Contender;
use crate::billing::notice::NoticeUrls;
use crate::ids::AuctionId;
use crate::market::demand::Advertiser;
use crate::money::CpmMicroYuan;

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

/// One won imp, ready to be written.
#[derive(Debug)]
pub(super) struct Won<'r> {
    pub(super) imp: &'r OfferedImp<'r>,
    pub(super) contender: Contender<'r>,
    pub(super) advertiser: &'r Advertiser,
    /// What the media earns; the gross price never leaves (R-SECRET).
    pub(super) earning: CpmMicroYuan,
    /// None for a test request.
    pub(super) notices: Option<NoticeUrls>,
    pub(super) token_life_ms: u64,
}

/// Writes the BidResponse: one seatbid of the exchange with a bid per won imp (interfaces.md, "To media").
pub(super) fn bid_body(id: &str, auction: AuctionId, won: &[Won<'_>]) -> Vec<u8> {
    let auction = auction.to_string();
    let pieces: Vec<_> = won.iter().map(|won| Pieces::of(&auction, won)).collect();
    let lists: Vec<_> = won.iter().map(|won| texts(&won.advertiser.domains)).collect();
    let categories: Vec<_> = won.iter().map(|won| categories(won)).collect();
    let bids: Vec<_> = won
        .iter()
        .zip(&pieces)
        .zip(lists.iter().zip(&categories))
        .map(|((won, pieces), (adomain, cat))| draft(won, pieces, adomain, cat))
        .collect();
    let mut out = Vec::with_capacity(2_048);
    let seats = [SeatBidDraft { seat: None, bid: &bids }];
    write_bid_response(
        &mut out,
        &ResponseDraft { id, bidid: Some(&auction), cur: Some("CNY"), seatbid: &seats, nbr: None },
    );
    out
}

/// Text of a bid that is made for it.
struct Pieces {
    id: String,
    markup: String,
    source: Vec<u8>,
}

impl Pieces {
    fn of(auction: &str, won: &Won<'_>) -> Self {
        let words = won.contender.bid.as_ref();
        // R-SECRET: the markup reaches the media, so the price stays empty in it; the DSP hears it in its notices.
        let macros = Macros {
            id: Some(auction),
            bid_id: words.and_then(|words| words.response.as_deref()),
            imp_id: Some(won.imp.imp.id.as_str()),
            seat_id: words.map(|words| words.seat.as_str()),
            ad_id: words.and_then(|words| words.ad.as_deref()),
            currency: Some("CNY"),
            ..Macros::default()
        };
        let mut source = b"{\"source\":".to_vec();
        write_string(&mut source, &won.advertiser.source);
        source.push(b'}');
        Self {
            id: format!("{auction}-{}", won.imp.index.0),
            markup: openrtb::substituted(&won.contender.markup, &macros).into_owned(),
            source,
        }
    }
}

fn draft<'d>(won: &'d Won<'_>, pieces: &'d Pieces, adomain: &'d [Text<'d>], cat: &'d [Text<'d>]) -> BidDraft<'d> {
    let contender = &won.contender;
    let notices = won.notices.as_ref();
    BidDraft {
        id: &pieces.id,
        impid: won.imp.imp.id.as_str(),
        price: WirePrice(won.earning.micro_yuan_per_mille()),
        dealid: Some(&contender.deal.wire),
        crid: Some(&contender.creative.crid),
        adomain,
        cat,
        cattax: None,
        adm: Some(&pieces.markup),
        w: contender.size.map(|size| size.w.into()),
        h: contender.size.map(|size| size.h.into()),
        dur: contender.creative.duration_s.and_then(|seconds| i32::try_from(seconds).ok()),
        mtype: Some(contender.creative.format.mtype()),
        nurl: notices.map(|urls| urls.win.as_str()),
        burl: notices.map(|urls| urls.bill.as_str()),
        lurl: notices.map(|urls| urls.loss.as_str()),
        exp: i32::try_from(won.token_life_ms / 1_000).ok(),
        // R-SOURCE: the label that the media shows with the ad.
        ext: RawObject::new(&pieces.source).ok(),
    }
}

fn texts(list: &[String]) -> Vec<Text<'_>> {
    list.iter().map(|text| Text::from(text.as_str())).collect()
}

fn categories<'r>(won: &Won<'r>) -> Vec<Text<'r>> {
    let own = won.contender.creative.categories.iter().chain([&won.advertiser.category]);
    own.map(|text| Text::from(text.as_str())).collect()
}
