//! Pixels and clicks as browsers send them: the picture or the page whatever happens, and each display and each click once.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use loadtest::client::Answer;
use pmpx::billing::token::{TokenKey, Tokens};
use pmpx::clock::{Chance, Clock};
use pmpx::event::{Books, Click, Journal, Posting, Receipt, Tally, Unrecorded};
use pmpx::exchange::{Exchange, Seed};
use pmpx::http::DataPlane;
use pmpx::ids::{Boot, Lane, NodeId};
use pmpx::node::{Node, Settings};
use pmpx::store::SqliteReader;
use serde_json::{Value, json};

use crate::harness::{NOON, Pmpx, auction, bids, client_of, copied_config, moment, parsed, proved, splash, start_dsps};
use crate::pods::common::example;

const PDB: &str = "PDB-2026-SPRING-OPEN";

/// The URLs of an impression of `sunrise`: bill, pixel, click.
fn won(pmpx: &Pmpx) -> [String; 3] {
    urls(&bids(&pmpx.auction("sunrise", &splash()))[0])
}

fn urls(bid: &Value) -> [String; 3] {
    let of = |name: &str| bid[name].as_str().unwrap().to_owned();
    [of("burl"), of("burl").replace("/n/bill/", "/t/imp/"), of("nurl").replace("/n/win/", "/t/click/")]
}

fn is_picture(answer: &Answer) {
    assert_eq!(answer.status, 200);
    assert_eq!(
        (&answer.headers["content-type"], &answer.headers["cache-control"]),
        (&"image/gif".parse().unwrap(), &"no-store".parse().unwrap())
    );
    assert!(answer.body.starts_with(b"GIF89a\x01\0\x01\0") && answer.body.ends_with(b";"), "{:?}", answer.body);
}

/// How often each answer was counted under a metric, where it was.
fn counted(pmpx: &Pmpx, metric: &str) -> Value {
    let metrics = &pmpx.exchange().metrics;
    let reasons = if metric == "clicks" { &metrics.clicks } else { &metrics.notices };
    Value::Object(
        reasons.iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count.into())).collect(),
    )
}

fn asked(pmpx: &Pmpx, method: &str, url: &str, header: Option<(&str, &str)>) -> Answer {
    let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap());
    let request = Request::builder().method(method).uri(path);
    let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    pmpx.send(request.body(Full::default()).unwrap())
}

#[test]
fn r_display_a_pixel_is_a_picture_whatever_comes_of_it_and_counts_as_the_bill_does() {
    let edits = json!({"media.toml": {"media": {"id=sunrise": {"placements": {"tagid=sunrise-open": {"minimum_display": "2s"}}}}}});
    let mut pmpx = Pmpx::start(NOON, &edits);
    let [bill, pixel, _] = won(&pmpx);
    let [_, late, _] = won(&pmpx);
    for url in
        [pixel.clone(), format!("{pixel}?ms=1999"), format!("{pixel}?ms=soon"), pixel.replace("/t/imp/", "/t/imp/A")]
    {
        is_picture(&asked(&pmpx, "GET", &url, None));
    }
    let counts = json!({"too_short": 2, "bad_ms": 1, "bad_token": 1});
    assert_eq!(counted(&pmpx, "notices"), counts);
    // Asked for in advance, or only for its head, it is shown to nobody yet.
    let shown = format!("{pixel}?ms=2000");
    for header in [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")] {
        is_picture(&asked(&pmpx, "GET", &shown, Some(header)));
    }
    let head = asked(&pmpx, "HEAD", &shown, None);
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(asked(&pmpx, "POST", &shown, None).status, 405);
    assert_eq!(asked(&pmpx, "HEAD", &format!("{bill}?ms=2000"), None).status, 405);
    assert_eq!(counted(&pmpx, "notices"), counts, "none of these counts");
    is_picture(&asked(&pmpx, "GET", &shown, None));
    is_picture(&asked(&pmpx, "GET", &shown, None));
    assert_eq!(parsed(&pmpx.get(&format!("{bill}?ms=2000"))), json!({"billable": true}), "the same charge");
    pmpx.set_clock("2026-11-22T13:00:01+08:00");
    is_picture(&asked(&pmpx, "GET", &format!("{late}?ms=2000"), None));
    assert_eq!(
        counted(&pmpx, "notices"),
        json!({"too_short": 2, "bad_ms": 1, "bad_token": 1, "posted": 1, "already_posted": 2, "expired": 1})
    );
    assert_eq!(pmpx.journal().len(), 1);
    assert_eq!(pmpx.settle().posted_micro_yuan, 60_000);
}

/// A journal on a disk that takes nothing.
struct FullDisk;

impl Journal for FullDisk {
    fn submit(&self, _: Lane, _: Posting) -> Result<Receipt, Unrecorded> {
        Ok(Receipt::known(Err(Unrecorded::Failed)))
    }

    fn tally(&self, _: Vec<Tally>) -> Result<(), Unrecorded> {
        Err(Unrecorded::Full)
    }

    fn click(&self, _: Click) -> Result<(), Unrecorded> {
        Err(Unrecorded::Full)
    }
}

#[test]
fn what_a_pixel_could_not_make_durable_is_counted_and_the_click_still_leads_on() {
    let market = example();
    let tokens = || Tokens::new(&[TokenKey { id: 1, secret: [7; 64] }]).unwrap();
    let creative = market.creatives.iter().find(|it| it.crid() == "milk-open-1").unwrap().id;
    let charge = pmpx::event::Charge { creative, ..charge(moment(NOON)) };
    let urls = pmpx::billing::notice::urls("http://x", &tokens(), &charge);
    let clock = Clock::manual(moment(NOON));
    let exchange = Arc::new(Exchange::new(market, tokens(), Arc::new(FullDisk), Arc::new(Exchange::metrics()), clock));
    let seed = Seed { lane: Lane(0), node: NodeId(1), boot: Boot(1), chance: Chance::seeded(1) };
    let plane = DataPlane::start(TcpListener::bind("127.0.0.1:0").unwrap(), &exchange, vec![seed]).unwrap();
    let client = client_of(plane.address());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let get = |url: &str| runtime.block_on(client.get(url.strip_prefix("http://x").unwrap())).unwrap();
    is_picture(&get(urls.impression()));
    assert_eq!(get(urls.bill()).status, 503, "who can ask again is told to");
    let clicked = get(urls.click());
    assert_eq!(
        (clicked.status.as_u16(), &clicked.headers["location"]),
        (302, &"https://qinghe.example/spring".parse().unwrap())
    );
    let of = |reasons: &pmpx::metrics::Reasons| {
        reasons.iter().filter(|(_, count)| *count > 0).map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(of(&exchange.metrics.notices), ["not_durable", "pixel_lost"]);
    assert_eq!(of(&exchange.metrics.clicks), ["not_recorded"]);
    plane.cut();
    plane.join();
}

fn charge(at: pmpx::clock::UnixMillis) -> pmpx::event::Charge {
    use pmpx::ids::*;
    pmpx::event::Charge {
        key: pmpx::event::ChargeKey { auction: AuctionId(u128::from(at.0) << 80), imp: ImpIndex(0), slot: Slot(0) },
        expires_at: at.plus_ms(3_600_000),
        media: MediaId(0),
        placement: PlacementId(0),
        dsp: DspId(0),
        buyer: BuyerId(0),
        advertiser: AdvertiserId(0),
        creative: CreativeId(0),
        version: CreativeVersion(1),
        deal: DealId(0),
        method: pmpx::event::Method::Pd,
        lease: LeaseId(1),
        quantity: pmpx::money::Quantity::ONE,
        price: pmpx::money::CpmMicroYuan::parse_yuan("60").unwrap(),
        earning: pmpx::money::CpmMicroYuan::parse_yuan("51").unwrap(),
        minimum_display_ms: 0,
    }
}

#[test]
fn a_click_is_counted_once_and_leads_to_the_registered_page_and_nowhere_else() {
    let monitors = json!({"click": ["https://count.invalid/c?o=__OS__&ip=__IP__&t=__TS__"]});
    let list = json!([{"name": "count", "hosts": ["count.invalid"], "from": "2026-01-01"}]);
    let edits = json!({
        "creatives.toml": {"creative": {"crid=milk-open-1": {"monitors": monitors}}},
        "exchange.toml": {"monitors": list},
    });
    let mut pmpx = Pmpx::start(NOON, &edits);
    let [bill, pixel, click] = won(&pmpx);
    let led = |pmpx: &Pmpx, url: &str| {
        let answer = asked(pmpx, "GET", url, None);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let location = answer.headers.get("location").map(|it| it.to_str().unwrap().to_owned());
        (answer.status.as_u16(), location.unwrap_or_default())
    };
    let spring = (302, "https://qinghe.example/spring".to_owned());
    assert_eq!(led(&pmpx, &click), spring);
    assert_eq!(led(&pmpx, &format!("{click}?url=https://evil.example&r=//evil.example")), spring, "no open redirect");
    is_picture(&asked(&pmpx, "GET", &format!("{click}?track=1"), None));
    assert_eq!(counted(&pmpx, "clicks"), json!({"first": 1, "again": 2}));
    // Neither a head nor a page that is fetched in advance is a click; nor may the page be kept for when it is one.
    assert_eq!(asked(&pmpx, "HEAD", &click, None).status, 503);
    assert_eq!(asked(&pmpx, "GET", &click, Some(("sec-purpose", "prefetch"))).status, 503);
    is_picture(&asked(&pmpx, "GET", &format!("{click}?track=1"), Some(("purpose", "prefetch"))));
    // A click's token is no bill's, and the other way round.
    assert_eq!(pmpx.get(&click.replace("/t/click/", "/n/bill/")).status, 403);
    assert_eq!(led(&pmpx, &pixel.replace("/t/imp/", "/t/click/")).0, 404);
    is_picture(&asked(&pmpx, "GET", &format!("{}?track=1", bill.replace("/n/bill/", "/t/click/")), None));
    assert_eq!(counted(&pmpx, "clicks"), json!({"first": 1, "again": 2, "bad_token": 2}));
    assert_eq!(pmpx.events()[PDB]["clicked"], 1);
    assert_eq!(pmpx.journal().len(), 0, "no money");

    let crid = |edit: Value| json!({"creatives.toml": {"creative": {"crid=milk-open-1": edit}}});
    pmpx.edit(&crid(json!({"landing_page": "https://qinghe.example/夏", "version": 9})));
    pmpx.reload();
    assert_eq!(led(&pmpx, &click), (302, "https://qinghe.example/%E5%A4%8F".to_owned()), "as it is registered now");
    pmpx.switch("creatives/80010001%2Fmilk-open-1/suspend");
    let gone = asked(&pmpx, "GET", &click, None);
    assert_eq!(
        (gone.status.as_u16(), &gone.headers["content-type"]),
        (410, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(!gone.headers.contains_key("location"));
    is_picture(&asked(&pmpx, "GET", &format!("{click}?track=1"), None));
    pmpx.switch("creatives/80010001%2Fmilk-open-1/resume");
    for state in ["rejected", "pending_review", "expired"] {
        pmpx.edit(&crid(json!({"state": state})));
        pmpx.edit(&json!({"deals.toml": {"deal": {(format!("id={PDB}")): {"state": "draft"}}}}));
        pmpx.reload();
        assert_eq!(led(&pmpx, &click).0, if state == "expired" { 302 } else { 410 }, "{state}");
    }
    // Whoever comes late finds the page too, but is no click of the ad any more.
    let before = counted(&pmpx, "clicks");
    pmpx.set_clock("2026-11-22T13:00:01+08:00");
    assert_eq!(led(&pmpx, &click).0, 302);
    assert_eq!(counted(&pmpx, "clicks")["late"], 1);
    assert_eq!(counted(&pmpx, "clicks")["again"], before["again"]);
    let called = |exchange: &Exchange| exchange.metrics.monitors.iter().map(|(_, count)| count).sum::<u64>();
    pmpx.wait_until("the monitor is called", || called(pmpx.exchange()) > 0);
    let (data, exchange) = (pmpx.data().to_owned(), pmpx.exchange().clone());
    pmpx.stop();
    assert_eq!(called(&exchange), 1, "once for an ad, by its first click");
    let day = moment(NOON).shanghai_day();
    let clicks = SqliteReader::open(&data).unwrap().clicks(day, None, 9).unwrap();
    assert_eq!(clicks.iter().map(|it| it.times).collect::<Vec<_>>(), [before["again"].as_u64().unwrap() + 1]);
}

#[test]
fn each_display_is_charged_once_however_many_tell_it_and_over_a_restart() {
    const WON: usize = 24;
    let config = copied_config();
    let dsps = start_dsps(config.path());
    dsps.iter().for_each(|dsp| assert!(!dsp.name().is_empty()));
    let data = tempfile::tempdir().unwrap();
    let node = start(config.path(), data.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client_of(node.address());
    let won: Vec<[String; 3]> = (0..WON)
        .map(|_| {
            let body = Full::new(Bytes::from(splash().to_string()));
            urls(&bids(&runtime.block_on(client.send(auction("sunrise").body(body).unwrap())).unwrap())[0])
        })
        .collect();
    // Half of them are told at once, from many sides; then the node is another one, and all are told.
    race(node.address(), &won[..WON / 2]);
    let posted = |node: &Node| node.exchange().metrics.notices.iter().find(|(name, _)| *name == "posted").unwrap().1;
    assert_eq!(posted(&node), WON as u64 / 2);
    node.stop(Duration::ZERO);
    let node = start(config.path(), data.path());
    race(node.address(), &won);
    assert_eq!(posted(&node), WON as u64 / 2);
    node.stop(Duration::ZERO);
    let journal = SqliteReader::open(data.path()).unwrap().charges(0, 1_000).unwrap();
    assert_eq!(journal.len(), WON);
    assert_eq!(proved(data.path()).posted_micro_yuan, WON as i64 * 60_000);
}

/// A node of three cores.
fn start(config: &Path, data: &Path) -> Node {
    let settings = Settings {
        config: config.to_owned(),
        data: data.to_owned(),
        listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        control: None,
        review: None,
        cores: 3,
        clock: Clock::manual(moment(NOON)),
        watch: false,
        node: None,
        unpin: false,
        variable: |_| None,
    };
    Node::start(settings).unwrap()
}

/// Tells each display as a bill and as a pixel, over four clients with connections of their own, each in an order of its own.
fn race(address: SocketAddr, won: &[[String; 3]]) {
    std::thread::scope(|scope| {
        for side in 0..4 {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let client = client_of(address);
                let mut telling: Vec<_> = won.iter().flat_map(|[bill, pixel, _]| [bill, pixel]).collect();
                let turn = telling.len() * side / 4;
                telling.rotate_left(turn);
                if side % 2 == 1 {
                    telling.reverse();
                }
                runtime.block_on(async {
                    let mut flying = tokio::task::JoinSet::new();
                    for url in telling {
                        let (client, path) = (client.clone(), format!("/{}", url.splitn(4, '/').nth(3).unwrap()));
                        flying.spawn(async move { (client.get(&path).await.unwrap(), path) });
                    }
                    for (answer, path) in flying.join_all().await {
                        if path.starts_with("/t/") {
                            is_picture(&answer);
                        } else {
                            assert_eq!(parsed(&answer), json!({"billable": true}));
                        }
                    }
                });
            });
        }
    });
}
