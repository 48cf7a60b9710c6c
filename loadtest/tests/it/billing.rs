//! A small exchange that always sells one deal, keeps its own ledger and is as unreliable as it is told to be.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use loadtest::catalog::Format;
use loadtest::notices::NoticePlan;
use loadtest::openloop::{Plan, run_blocking};
use loadtest::outcome::Outcome;
use loadtest::traffic::Traffic;
use serde_json::{Value, json};

use crate::harness::catalog;

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Refuses the first notice of every impression, exactly once.
    Unready,
    /// Refuses every notice.
    Down,
    /// Bills displays below the minimum.
    Hasty,
    /// Tells the media more than the gross price.
    Dear,
}

#[derive(Default)]
struct Books {
    /// Token → (minimum, micro-yuan, posted).
    sold: BTreeMap<String, (u64, i64, bool)>,
    refused: BTreeSet<String>,
    notices: u64,
}

fn sell(request: &Value, address: SocketAddr, fault: Fault, books: &mut Books) -> Option<Value> {
    let catalog = catalog();
    let imp = &request["imp"][0];
    let tagid = imp["tagid"].as_str()?;
    let here = |places: &[(String, String)]| places.iter().any(|(_, tag)| tag == tagid);
    let deal = catalog.deals.values().find(|deal| here(&deal.placements))?;
    let video = imp["video"].is_object();
    let (format, shape) = if video { (Format::Video, &imp["video"]) } else { (Format::Banner, &imp["banner"]) };
    let size = (u32::try_from(shape["w"].as_u64()?).ok()?, u32::try_from(shape["h"].as_u64()?).ok()?);
    let card = deal.creatives.iter().find(|card| card.format == format && card.sizes.contains(&size))?;
    let token = format!("t{}", books.sold.len());
    let minimum = if video { 2_000 } else { 0 };
    books.sold.insert(token.clone(), (minimum, deal.price_micro_cpm / 1000, false));
    let factor = if fault == Fault::Dear { 1.01 } else { 0.85 };
    Some(json!({"id": request["id"], "cur": "CNY", "seatbid": [{"bid": [{
        "id": "1", "impid": imp["id"], "price": deal.price_micro_cpm as f64 / 1e6 * factor, "dealid": deal.id,
        "crid": card.crid, "adomain": card.adomain, "adm": "<a>", "w": size.0, "h": size.1, "mtype": format.mtype(),
        "burl": format!("http://{address}/n/bill/{token}?v=1")
    }]}]}))
}

fn bill(target: &str, fault: Fault, books: &mut Books) -> (u16, Value) {
    books.notices += 1;
    let (path, query) = target.split_once('?').unwrap();
    if fault == Fault::Down || (fault == Fault::Unready && books.refused.insert(path.to_owned())) {
        return (503, json!({}));
    }
    let shown: Option<u64> = query.split('&').find_map(|pair| pair.strip_prefix("ms=")).map(|ms| ms.parse().unwrap());
    let Some(sold) = books.sold.get_mut(path.trim_start_matches("/n/bill/")) else { return (403, json!({})) };
    let enough = shown.unwrap_or(0) >= sold.0 || fault == Fault::Hasty;
    sold.2 |= enough;
    (200, json!({"billable": enough}))
}

async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    fault: Fault,
    books: Arc<Mutex<Books>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut books = books.lock().unwrap();
    let (status, said) = if head.method == "GET" {
        bill(&head.uri.to_string(), fault, &mut books)
    } else {
        assert!(head.headers["authorization"].to_str().unwrap().starts_with("Bearer "));
        match sell(&serde_json::from_slice(&body).unwrap(), address, fault, &mut books) {
            Some(said) => (200, said),
            None => (204, Value::Null),
        }
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-openrtb-version", "2.6");
    let body = if said.is_null() { Bytes::new() } else { said.to_string().into() };
    response.body(Full::new(body)).unwrap()
}

/// Starts the exchange, runs a second of load, and gives what the media believe and what the exchange has in its books.
fn run(fault: Fault) -> (Outcome, i64, u64) {
    let books = Arc::new(Mutex::new(Books::default()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let inside = Arc::clone(&books);
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let books = Arc::clone(&inside);
                let service = service_fn(move |request| {
                    let books = Arc::clone(&books);
                    async move { Ok::<_, Infallible>(answer(request, address, fault, books).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service),
                );
            }
        };
        runtime.block_on(async {
            tokio::select! { () = serve => {}, _ = ended => {} }
        });
    });
    let catalog = catalog();
    let traffic = Traffic::from_sample(&catalog, 4).unwrap();
    let mut plan = Plan::new(&format!("http://{address}/openrtb2/auction"), 250.0, traffic, catalog);
    plan.duration = Some(Duration::from_secs(1));
    plan.warmup = Duration::from_millis(200);
    let notices = NoticePlan { below_minimum_share: 0.5, double_share: 0.2, ..NoticePlan::default() };
    let retries = if fault == Fault::Down { 1 } else { notices.retries };
    plan.notices = Some(NoticePlan { delay: Duration::from_millis(50), retries, ..notices });
    let outcome = run_blocking(plan, |_| {}).unwrap();
    end.send(()).unwrap();
    server.join().unwrap();
    let books = books.lock().unwrap();
    let posted = books.sold.values().filter(|(_, _, posted)| *posted);
    (outcome, posted.map(|(_, micro, _)| micro).sum(), books.notices)
}

#[test]
fn the_expected_bill_is_what_an_exact_exchange_has_in_its_books() {
    let (outcome, ledger, notices) = run(Fault::None);
    assert_eq!((outcome.errors, outcome.bill.notices_unknown), (0, 0), "{:?}", outcome.error_reasons);
    assert!(outcome.bids > 100 && outcome.bill.impressions_billed > 100);
    assert!(outcome.bill.impressions_billed < outcome.answered_in_all, "one in ten is never displayed");
    assert_eq!(outcome.bill.expected_billed_micro_yuan, ledger);
    assert_eq!(outcome.bill.notices_sent, notices);
    assert!(notices > outcome.bill.impressions_billed, "some notices are fired twice");
    assert!(outcome.bill.below_minimum > 0, "some displays stay below the minimum");
}

#[test]
fn refused_notices_are_repeated_until_they_are_answered() {
    let (outcome, ledger, notices) = run(Fault::Unready);
    assert_eq!((outcome.errors, outcome.bill.notices_unknown), (0, 0), "{:?}", outcome.error_reasons);
    assert_eq!(outcome.bill.expected_billed_micro_yuan, ledger);
    assert!(notices >= outcome.bill.impressions_billed * 2, "each was refused once and repeated");
}

#[test]
fn a_notice_that_is_never_answered_is_unknown_and_not_billed() {
    let (outcome, ledger, notices) = run(Fault::Down);
    assert_eq!((outcome.errors, ledger, outcome.bill.expected_billed_micro_yuan), (0, 0, 0));
    assert!(outcome.bill.notices_unknown > 100 && notices >= outcome.bill.notices_unknown * 2);
}

#[test]
fn an_exchange_that_bills_too_early_or_tells_too_high_a_price_is_caught() {
    let (outcome, ..) = run(Fault::Hasty);
    assert!(
        outcome.error_reasons.contains_key("notice: a display below the minimum was billed"),
        "{:?}",
        outcome.error_reasons
    );
    let (outcome, ..) = run(Fault::Dear);
    assert_eq!(outcome.bids, 0);
    assert!(
        outcome.error_reasons.keys().all(|reason| reason.contains("above the gross price")),
        "{:?}",
        outcome.error_reasons
    );
}
