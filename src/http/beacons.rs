//! Notices and beacons: `/n/…` from media, `/t/…` from browsers (interfaces.md, "Data plane").
//!
//! A browser gets what it can use: a pixel's answer is always the picture, a click's is the page or a word for people. What is
//! only asked for in advance (`HEAD`, a prefetch) counts nothing.

use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming as Body;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};

use super::door::{Admission, Caller, Door, Limits};
use super::routes::{Sent, empty, error, not_allowed, plain_json, retry, shed};
use crate::billing::beacon::{Answer, Notice};
use crate::event::Via;
use crate::exchange::{Clicking, Core, Destination};
use crate::market::client_address;
use crate::metrics::Shed;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");

/// One transparent point (GIF 89a).
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\x04\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";

/// The page behind a click that leads nowhere any more, in the words of those who see it.
const GONE: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>广告已下线</title><body style=\"font:1.1em sans-serif;margin:20vh auto;max-width:30em;padding:0 1em\">\
<p>该广告已下线，无法打开其页面。<p lang=\"en\">This ad is no longer available, and its page is not opened.";

/// What a browser asks for under `/t/`.
enum Beacon {
    Pixel,
    Click,
}

/// Answers what is under `/n/` and `/t/`; `None` for a path that is not there.
pub(super) async fn respond(core: &Core, door: &Door, request: &Request<Body>, peer: IpAddr) -> Option<Sent> {
    let (method, uri) = (request.method(), request.uri());
    let (path, query) = (uri.path(), uri.query());
    let beacon = [("/t/imp/", Beacon::Pixel), ("/t/click/", Beacon::Click)];
    let beacon = beacon.into_iter().find_map(|(start, beacon)| Some((beacon, path.strip_prefix(start)?)));
    if let Some((beacon, token)) = beacon {
        if method != Method::GET && method != Method::HEAD {
            return Some(not_allowed("GET"));
        }
        let admitted = admit(core, door);
        let early = method == Method::HEAD || is_prefetch(request.headers());
        let mut response = match beacon {
            Beacon::Pixel => pixel(core, admitted, token, query, early).await,
            Beacon::Click => {
                let trusted = core.exchange().market.load();
                let client = client_address::client(peer, request.headers(), &trusted.terms.trusted_proxies);
                let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
                click(core, &admitted, Clicking { token, client, user_agent }, query, early)
            }
        };
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        return Some(response);
    }
    let notice = [("/n/bill/", "bill"), ("/n/win/", "win"), ("/n/loss/", "loss")];
    let (name, token) = notice.into_iter().find_map(|(start, name)| Some((name, path.strip_prefix(start)?)))?;
    let _place = match admit(core, door) {
        Ok(place) => place,
        Err(at) => return Some(shed(core, at)),
    };
    Some(match name {
        "bill" if method == Method::GET || method == Method::POST => bill(core, token, query).await,
        "bill" => not_allowed("GET, POST"),
        name if method == Method::GET => genuine(core.is_genuine(name, token)),
        _ if method == Method::HEAD => genuine(core.opens(token)),
        _ => not_allowed("GET"),
    })
}

fn admit<'d>(core: &Core, door: &'d Door) -> Result<Admission<'d>, Shed> {
    let exchange = core.exchange();
    door.admit(Caller::Notice, &Limits::of(&exchange.market.load().terms), exchange.clock.instant())
}

/// Whether a browser asks for something that nobody looks at yet (Fetch §2.2.5 `Sec-Purpose`; `Purpose` before it).
fn is_prefetch(headers: &HeaderMap) -> bool {
    let names = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.trim_start().starts_with("prefetch"));
    [SEC_PURPOSE, PURPOSE].iter().any(|name| headers.get(name).is_some_and(names))
}

async fn bill(core: &Core, token: &str, query: Option<&str>) -> Sent {
    let Ok(displayed_ms) = displayed(query) else {
        core.bad_display();
        return error(StatusCode::BAD_REQUEST, "bad_ms", "ms must be whole milliseconds, 0 to 4294967295");
    };
    let answer = core.bill(Notice { token, displayed_ms, via: Via::Notice }).await;
    let mut response = match answer {
        Answer::Posted | Answer::AlreadyPosted => plain_json(StatusCode::OK, "{\"billable\":true}"),
        Answer::TooShort => plain_json(StatusCode::OK, "{\"billable\":false}"),
        Answer::Expired => error(StatusCode::GONE, "expired", "the time in which this display could be billed is over"),
        Answer::Void => error(StatusCode::GONE, "void", "what was won may not be shown any more"),
        Answer::BadToken(why) => error(StatusCode::FORBIDDEN, "bad_token", &why.to_string()),
        Answer::NotDurable(why) => {
            core.exchange().metrics.shed(Shed::Journal);
            retry("not_durable", &why.to_string())
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Counts as `/n/bill` does, and answers with the picture whatever came of it: a browser would show anything else as broken, and
/// does not ask again.
async fn pixel(
    core: &Core,
    admitted: Result<Admission<'_>, Shed>,
    token: &str,
    query: Option<&str>,
    early: bool,
) -> Sent {
    match (early, admitted, displayed(query)) {
        (true, ..) => {}
        (_, Err(at), _) => {
            core.exchange().metrics.shed(at);
            core.pixel_lost();
        }
        (_, _, Err(())) => core.bad_display(),
        (_, Ok(_place), Ok(displayed_ms)) => {
            let answer = core.bill(Notice { token, displayed_ms, via: Via::Pixel }).await;
            if matches!(answer, Answer::NotDurable(_)) {
                core.exchange().metrics.shed(Shed::Journal);
            }
        }
    }
    picture()
}

fn picture() -> Sent {
    let mut response = Response::new(Full::new(Bytes::from_static(GIF)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    response
}

/// Counts a click and leads to the page that its creative is registered with, and to no other. With `track=1` it only counts, for
/// markup that opens the page itself (VAST `ClickTracking`). A click is never refused for want of room: the page is opened uncounted.
fn click(
    core: &Core,
    admitted: &Result<Admission<'_>, Shed>,
    clicking: Clicking<'_>,
    query: Option<&str>,
    early: bool,
) -> Sent {
    let track = query.is_some_and(|query| query.split('&').any(|pair| pair == "track=1"));
    if early && !track {
        // Followed in advance, it would bring the page into the browser's cache, and the click itself would never come here.
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    let counts = !early && admitted.as_ref().map_err(|at| core.exchange().metrics.shed(*at)).is_ok();
    let destination = core.click(&clicking, counts);
    if track {
        return picture();
    }
    match destination {
        Destination::Page(page) => redirect(&page),
        Destination::Gone => page(StatusCode::GONE),
        Destination::Unknown => page(StatusCode::NOT_FOUND),
    }
}

fn redirect(to: &str) -> Sent {
    let Ok(location) = HeaderValue::from_str(&ascii(to)) else { return page(StatusCode::NOT_FOUND) };
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// A URL in ASCII: other bytes and spaces percent-encoded (RFC 3987 §3.1), as a header has no others.
fn ascii(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() { out.push(byte.into()) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

fn page(status: StatusCode) -> Sent {
    let mut response = Response::new(Full::new(Bytes::from_static(GONE.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn genuine(yes: bool) -> Sent {
    if yes {
        empty(StatusCode::NO_CONTENT)
    } else {
        error(StatusCode::FORBIDDEN, "bad_token", "the token is not one of this exchange's for this notice")
    }
}

/// The `ms` of the query, where there is one.
fn displayed(query: Option<&str>) -> Result<Option<u32>, ()> {
    let ms = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("ms=")));
    ms.map(|text| text.parse().map_err(|_| ())).transpose()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::billing::token::{TokenKey, Tokens};
    use crate::clock::{Chance, Clock, UnixMillis};
    use crate::exchange::{Exchange, Seed};
    use crate::ids::{Boot, Lane, NodeId};
    use crate::market::{ExchangeTerms, Market, Parts};
    use crate::metrics::Reasons;
    use crate::store::MemoryStore;

    #[test]
    fn displayed_time_is_whole_milliseconds() {
        assert_eq!(displayed(None), Ok(None));
        assert_eq!(displayed(Some("a=1&ms=2500")), Ok(Some(2_500)));
        for query in ["ms=", "ms=-1", "ms=1.5", "ms=4294967296"] {
            assert_eq!(displayed(Some(query)), Err(()), "{query}");
        }
    }

    /// A core of an exchange with nothing in it.
    fn core() -> Core {
        let terms = ExchangeTerms::plain();
        let market = Market::assemble(1, UnixMillis(0), [0; 32], terms, Parts::default());
        let tokens = Tokens::new(&[TokenKey { id: 1, secret: [1; 64] }]).unwrap();
        let (journal, metrics) = (Arc::new(MemoryStore::new()), Arc::new(Exchange::metrics()));
        let exchange = Exchange::new(market, tokens, journal, metrics, Clock::manual(UnixMillis(0)));
        let seed = Seed { lane: Lane(0), node: NodeId(1), boot: Boot(1), chance: Chance::seeded(1) };
        Core::new(Arc::new(exchange), seed)
    }

    #[tokio::test]
    async fn while_a_core_sheds_a_pixel_is_still_a_picture_and_counted_as_lost() {
        let core = core();
        let metrics = &core.exchange().metrics;
        let counted = |reasons: &Reasons| {
            let more = reasons.iter().filter(|(_, count)| *count > 0);
            more.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
        };
        let shed = || Err(Shed::Notices);
        for (early, lost) in [(true, [].as_slice()), (false, &["pixel_lost 1".to_owned()])] {
            let response = pixel(&core, shed(), "token", None, early).await;
            assert!(response.status() == StatusCode::OK && response.headers()[CONTENT_TYPE] == "image/gif");
            assert_eq!(counted(&metrics.notices), lost);
        }
        let clicking = Clicking { token: "token", client: [192, 0, 2, 1].into(), user_agent: None };
        assert_eq!(click(&core, &shed(), clicking, Some("track=1"), false).status(), StatusCode::OK);
        assert_eq!(counted(&metrics.shed), ["notices 2"]);
    }

    #[test]
    fn what_is_fetched_in_advance_is_known() {
        let asked = |name: &'static str, value: &'static str| {
            is_prefetch(&HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]))
        };
        assert!(asked("sec-purpose", "prefetch") && asked("sec-purpose", "prefetch;prerender"));
        assert!(asked("purpose", "prefetch"));
        assert!(!asked("sec-purpose", "none") && !asked("sec-fetch-dest", "prefetch"));
    }

    #[test]
    fn a_page_with_other_letters_fits_into_a_header() {
        assert_eq!(ascii("https://tea.example/春?a=1#b"), "https://tea.example/%E6%98%A5?a=1#b");
        assert_eq!(ascii("https://tea.example/a%20b"), "https://tea.example/a%20b", "what is encoded stays");
        assert_eq!(ascii("https://tea.example/\r\nx: y"), "https://tea.example/%0D%0Ax:%20y");
    }
}
