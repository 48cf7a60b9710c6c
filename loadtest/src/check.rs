//! Whether an answer to a bid request is right, judged anew from the config: nothing here is the exchange's code.

use std::borrow::Cow;

use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::catalog::{Catalog, CreativeCard, DealCard, Format, authority_of};
use crate::client::Answer;

/// What a request offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The media that sent it.
    pub media: String,
    /// Its imps.
    pub imps: Vec<ExpectedImp>,
}

/// One offered imp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedImp {
    /// `imp.id`.
    pub id: String,
    /// `imp.tagid`.
    pub tagid: String,
    /// What it shows.
    pub format: Format,
    /// The sizes that it allows.
    pub sizes: Vec<(u32, u32)>,
    /// A display counts from this many milliseconds.
    pub minimum_display_ms: u64,
}

/// How strictly answers are judged.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Only what OpenRTB itself asks: for the floor, and for exchanges that do not know this config.
    pub generic: bool,
    /// The `host:port`s that the exchange's notice URLs may begin with; empty = any.
    pub notice_authorities: Vec<String>,
}

/// A bid that was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Won {
    /// The imp's index in the request.
    pub imp: usize,
    /// The deal, if the bid named one.
    pub deal: Option<String>,
    /// What the buyer pays for this impression once billed, in micro-yuan; 0 if the deal is unknown.
    pub gross_micro: i64,
    /// Path and query of the billing notice.
    pub burl: Option<String>,
    /// Path and query of the win notice.
    pub nurl: Option<String>,
    /// Path of the exchange's beacon in the markup: the other way in which the display may be told.
    pub beacon: Option<String>,
    /// Path of the exchange's click URL in the markup, and where it must lead.
    pub click: Option<(String, String)>,
    /// Whether the markup is a scripted DSP's, and not the exchange's own copy (a fallback): its DSP is owed notices.
    pub by_dsp: bool,
    /// A display counts from this many milliseconds.
    pub minimum_display_ms: u64,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// At least one bid, all of them right.
    Bids(Vec<Won>),
    /// No bid, with the reason if one was given.
    NoBid(Option<u32>),
    /// 503 with `Retry-After`.
    Shed,
    /// Anything else; the text names what, without ids, so that equal faults count together.
    Wrong(String),
}

#[derive(Debug, Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    cur: Cow<'a, str>,
    nbr: Option<u32>,
    #[serde(borrow, default)]
    seatbid: Vec<Seatbid<'a>>,
}

#[derive(Debug, Deserialize)]
struct Seatbid<'a> {
    #[serde(borrow, default)]
    bid: Vec<Bid<'a>>,
}

#[derive(Debug, Deserialize)]
struct Bid<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    impid: Cow<'a, str>,
    price: f64,
    #[serde(borrow, default)]
    dealid: Cow<'a, str>,
    #[serde(borrow, default)]
    crid: Cow<'a, str>,
    #[serde(borrow, default)]
    adm: Cow<'a, str>,
    #[serde(borrow, default)]
    burl: Cow<'a, str>,
    #[serde(borrow, default)]
    nurl: Cow<'a, str>,
    #[serde(borrow, default)]
    adomain: Vec<Cow<'a, str>>,
    w: Option<u32>,
    h: Option<u32>,
    mtype: Option<u8>,
}

/// Judges an answer to the request with this id.
#[must_use]
pub fn check(catalog: &Catalog, rules: &Rules, id: &str, expected: &Expectation, answer: &Answer) -> Verdict {
    match answer.status {
        StatusCode::NO_CONTENT => no_content(&answer.headers),
        StatusCode::SERVICE_UNAVAILABLE if answer.headers.contains_key(RETRY_AFTER) => Verdict::Shed,
        StatusCode::SERVICE_UNAVAILABLE => Verdict::Wrong("503 without Retry-After".to_owned()),
        StatusCode::OK => match response(catalog, rules, id, expected, answer) {
            Ok(verdict) => verdict,
            Err(reason) => Verdict::Wrong(reason),
        },
        other => Verdict::Wrong(format!("status {other}")),
    }
}

fn no_content(headers: &HeaderMap) -> Verdict {
    let Some(reason) = headers.get("x-pmpx-nbr") else { return Verdict::NoBid(None) };
    match reason.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(reason) => Verdict::NoBid(Some(reason)),
        None => Verdict::Wrong("x-pmpx-nbr is no number".to_owned()),
    }
}

fn response(
    catalog: &Catalog,
    rules: &Rules,
    id: &str,
    expected: &Expectation,
    answer: &Answer,
) -> Result<Verdict, String> {
    let json = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !json.is_some_and(|value| value.starts_with("application/json")) {
        return Err("200 that is not application/json".to_owned());
    }
    if !rules.generic && answer.headers.get("x-openrtb-version").is_none_or(|version| version != "2.6") {
        return Err("no x-openrtb-version: 2.6".to_owned());
    }
    let response: Response<'_> =
        serde_json::from_slice(&answer.body).map_err(|error| format!("not a BidResponse: {error}"))?;
    if response.id != id {
        return Err("id is not the request's".to_owned());
    }
    let mut bids = response.seatbid.iter().flat_map(|group| &group.bid).peekable();
    if bids.peek().is_none() {
        return Ok(Verdict::NoBid(response.nbr));
    }
    if response.cur != "CNY" {
        return Err(format!("cur is `{}`, not CNY", response.cur));
    }
    let mut won: Vec<Won> = Vec::new();
    for bid in bids {
        let one = judge(catalog, rules, expected, bid)?;
        if won.iter().any(|other| other.imp == one.imp) {
            return Err("two bids for one imp".to_owned());
        }
        won.push(one);
    }
    Ok(Verdict::Bids(won))
}

fn judge(catalog: &Catalog, rules: &Rules, expected: &Expectation, bid: &Bid<'_>) -> Result<Won, String> {
    let found = expected.imps.iter().enumerate().find(|(_, imp)| imp.id == bid.impid);
    let (index, imp) = found.ok_or("impid is not of the request")?;
    if bid.id.is_empty() {
        return Err("bid without id".to_owned());
    }
    if !bid.price.is_finite() || bid.price <= 0.0 {
        return Err(format!("price {} is not above zero", bid.price));
    }
    let deal = catalog.deals.get(bid.dealid.as_ref());
    let mut won = Won {
        imp: index,
        deal: deal.map(|deal| deal.id.clone()),
        gross_micro: deal.map_or(0, DealCard::impression_micro),
        burl: None,
        nurl: None,
        beacon: None,
        click: None,
        by_dsp: bid.adm.contains("?a="),
        minimum_display_ms: imp.minimum_display_ms,
    };
    if rules.generic {
        return Ok(won);
    }
    let deal = deal.ok_or_else(|| format!("dealid `{}` is unknown", bid.dealid))?;
    terms(expected, imp, deal, bid)?;
    let card = creative(imp, deal, bid)?;
    won.beacon = path_in(&bid.adm, "/t/imp/").map(str::to_owned);
    won.click = path_in(&bid.adm, "/t/click/").map(|path| (path.to_owned(), card.landing_page.clone()));
    won.burl = Some(notice(rules, "burl", "/n/bill/", &bid.burl)?);
    won.nurl = (!bid.nurl.is_empty()).then(|| notice(rules, "nurl", "/n/win/", &bid.nurl)).transpose()?;
    Ok(won)
}

/// The deal's price and place.
fn terms(expected: &Expectation, imp: &ExpectedImp, deal: &DealCard, bid: &Bid<'_>) -> Result<(), String> {
    let here = |(media, tagid): &(String, String)| *media == expected.media && *tagid == imp.tagid;
    if !deal.placements.iter().any(here) {
        return Err(format!("deal {} does not run on {}", deal.id, imp.tagid));
    }
    // The net price is told in yuan as a float; half a micro-yuan is no difference.
    let gross = deal.price_micro_cpm as f64;
    if bid.price * 1e6 > gross + 0.5 {
        return Err(format!("deal {}: the media's price {} is above the gross price", deal.id, bid.price));
    }
    Ok(())
}

/// One of the buyer's approved creatives, of the right kind and size, with its markup.
fn creative<'d>(imp: &ExpectedImp, deal: &'d DealCard, bid: &Bid<'_>) -> Result<&'d CreativeCard, String> {
    let wrong = |what: &str| Err(format!("deal {}: {what}", deal.id));
    let Some(card) = deal.creatives.iter().find(|card| card.crid == bid.crid) else {
        return wrong(&format!("creative `{}` is not approved for it", bid.crid));
    };
    if card.format != imp.format || bid.mtype.is_some_and(|kind| kind != imp.format.mtype()) {
        return wrong("the creative's format is not the imp's");
    }
    if let (Some(w), Some(h)) = (bid.w, bid.h)
        && !(imp.sizes.contains(&(w, h)) && card.sizes.contains(&(w, h)))
    {
        return wrong(&format!("size {w}x{h} is not the imp's or not the creative's"));
    }
    if bid.w.is_none() && imp.format == Format::Banner {
        return wrong("a banner without its size");
    }
    if bid.adomain != card.adomain {
        return wrong("adomain is not the creative's");
    }
    if bid.adm.is_empty() {
        return wrong("no markup");
    }
    if bid.adm.contains("${AUCTION_") {
        return wrong("an unfilled macro in the markup");
    }
    Ok(card)
}

/// The first path in a markup that begins so, with its token.
fn path_in<'m>(markup: &'m str, begin: &str) -> Option<&'m str> {
    let path = &markup[markup.find(begin)?..];
    let token = &path[begin.len()..];
    let end = token.find(|it: char| !it.is_ascii_alphanumeric() && it != '-' && it != '_').unwrap_or(token.len());
    path.get(..begin.len() + end)
}

fn notice(rules: &Rules, name: &str, begin: &str, url: &str) -> Result<String, String> {
    let authority = authority_of(url).ok_or_else(|| format!("{name} is no http URL"))?;
    if !rules.notice_authorities.is_empty() && !rules.notice_authorities.contains(&authority) {
        return Err(format!("{name} leads to {authority}, not to the exchange"));
    }
    let path = url.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default();
    if !path.starts_with(begin) || path.len() <= begin.len() {
        return Err(format!("{name} is not {begin}{{token}}"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::Secrets;

    fn catalog() -> Catalog {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        Catalog::from_config(&folder, &Secrets::demo()).unwrap()
    }

    fn expectation() -> Expectation {
        let imp = ExpectedImp {
            id: "1".into(),
            tagid: "city-top".into(),
            format: Format::Banner,
            sizes: vec![(728, 90)],
            minimum_display_ms: 0,
        };
        Expectation { media: "citypages".into(), imps: vec![imp] }
    }

    fn right() -> Value {
        json!({"id": "r", "cur": "CNY", "seatbid": [{"bid": [{
            "id": "b", "impid": "1", "price": 8.075, "dealid": "PD-2026-X7-TOP", "crid": "auto-top-1", "adm": "<a></a>",
            "adomain": ["yunfan.example"], "w": 728, "h": 90, "mtype": 1, "burl": "http://127.0.0.1:8080/n/bill/t0ken"
        }]}]})
    }

    fn verdict(body: &Value) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert("x-openrtb-version", "2.6".parse().unwrap());
        let answer = Answer { status: StatusCode::OK, headers, body: body.to_string().into() };
        let rules = Rules { generic: false, notice_authorities: vec!["127.0.0.1:8080".into()] };
        check(&catalog(), &rules, "r", &expectation(), &answer)
    }

    #[test]
    fn a_right_answer_tells_the_gross_price_of_the_impression() {
        let Verdict::Bids(won) = verdict(&right()) else { panic!("{:?}", verdict(&right())) };
        assert_eq!((won[0].gross_micro, won[0].burl.as_deref()), (9_500, Some("/n/bill/t0ken")));
    }

    #[test]
    fn every_spoilt_field_is_found() {
        let spoilt: [(&str, Value, &str); 14] = [
            ("/id", json!("x"), "id is not"),
            ("/cur", json!("USD"), "cur is"),
            ("/cur", Value::Null, "not a BidResponse"),
            ("/seatbid/0/bid/0/impid", json!("9"), "impid"),
            ("/seatbid/0/bid/0/price", json!(0), "above zero"),
            ("/seatbid/0/bid/0/price", json!(9.51), "gross price"),
            ("/seatbid/0/bid/0/dealid", json!("nope"), "unknown"),
            ("/seatbid/0/bid/0/dealid", json!("PD-2026-DAIRY-FEED"), "does not run on"),
            ("/seatbid/0/bid/0/crid", json!("paopao-banner-1"), "not approved"),
            ("/seatbid/0/bid/0/w", json!(950), "size"),
            ("/seatbid/0/bid/0/mtype", json!(2), "format"),
            ("/seatbid/0/bid/0/adm", json!("<img src=${AUCTION_ID}>"), "unfilled"),
            ("/seatbid/0/bid/0/adomain", json!(["foreign.example"]), "adomain"),
            ("/seatbid/0/bid/0/burl", json!("http://127.0.0.1:9101/n/bill/t"), "not to the exchange"),
        ];
        for (path, value, reason) in spoilt {
            let mut body = right();
            *body.pointer_mut(path).unwrap() = value;
            let Verdict::Wrong(said) = verdict(&body) else { panic!("{path} was let through") };
            assert!(said.contains(reason), "{path}: {said}");
        }
        let mut twice = right();
        let bid = twice["seatbid"][0]["bid"][0].clone();
        twice["seatbid"][0]["bid"].as_array_mut().unwrap().push(bid);
        assert_eq!(verdict(&twice), Verdict::Wrong("two bids for one imp".into()));
    }

    #[test]
    fn statuses_are_told_apart() {
        let answer = |status: u16, header: Option<(&'static str, &str)>| {
            let mut headers = HeaderMap::new();
            if let Some((name, value)) = header {
                headers.insert(name, value.parse().unwrap());
            }
            let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: "{}".into() };
            check(&catalog(), &Rules::default(), "r", &expectation(), &answer)
        };
        assert_eq!(answer(204, Some(("x-pmpx-nbr", "7"))), Verdict::NoBid(Some(7)));
        assert_eq!(answer(204, None), Verdict::NoBid(None));
        assert_eq!(answer(503, Some(("retry-after", "1"))), Verdict::Shed);
        assert!(matches!(answer(503, None), Verdict::Wrong(_)));
        assert!(matches!(answer(200, None), Verdict::Wrong(_)));
        assert!(matches!(answer(500, None), Verdict::Wrong(_)));
    }
}
