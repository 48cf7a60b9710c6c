//! DSPs that misbehave, down to the bytes: each misbehaviour is counted under its name, another DSP's bid wins, and no connection
//! or place is left behind. Breakers, TLS and headers, through a whole node.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use loadtest::dsp::Temper;
use pmpx::auction::BidRejection;
use pmpx::bidding::BreakerState;
use pmpx::ids::DspId;
use pmpx::metrics::{DSP_OUTCOMES, DspCounts};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use crate::bidding_dsp::{RawDsp, Step, Way, ok, with_head};
use crate::harness::{NOON, Pmpx, bids, splash, top};

/// Comet alone has the deal that comes first, so its answer is waited for; basalt has another one on the same placement.
fn node(timeout: &str) -> Pmpx {
    let deals = json!({"deal": {"id=PD-2026-PAOPAO": {"dsps": ["comet"]}}});
    let dsps = json!({"dsp": {"id=comet": {"timeout": timeout}}});
    let pmpx = Pmpx::start(NOON, &json!({"deals.toml": deals, "dsps.toml": dsps}));
    let comet = counts(&pmpx, "comet");
    pmpx.wait_until("its connections are warm", || comet.connections.get() == 8);
    pmpx
}

fn lead_comet_to(pmpx: &Pmpx, endpoint: &str, more: &Value) {
    let mut edits = more.clone();
    edits["endpoint"] = endpoint.into();
    pmpx.edit(&json!({"dsps.toml": {"dsp": {"id=comet": edits}}}));
    pmpx.reload();
}

fn id_of(pmpx: &Pmpx, wire: &str) -> DspId {
    pmpx.exchange().market.load().dsps.iter().find(|dsp| dsp.wire == wire).unwrap().id
}

fn counts<'p>(pmpx: &'p Pmpx, wire: &str) -> &'p DspCounts {
    pmpx.exchange().metrics.dsps.get(id_of(pmpx, wire)).unwrap()
}

fn asked(counts: &DspCounts, outcome: &str) -> u64 {
    counts.asked[DSP_OUTCOMES.iter().position(|label| *label == outcome).unwrap()].get()
}

fn rejected(counts: &DspCounts, reason: &str) -> u64 {
    counts.rejected[BidRejection::ALL.iter().position(|it| it.label() == reason).unwrap()].get()
}

/// The deal that won the request for the top of `citypages`.
fn winner(pmpx: &Pmpx) -> String {
    let answer = pmpx.auction("citypages", &top());
    bids(&answer)[0]["dealid"].as_str().unwrap().to_owned()
}

const COMETS: &str = "PD-2026-PAOPAO";
const BASALTS: &str = "PD-2026-X7-TOP";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A misbehaviour: its outcome, the reason of a rejected bid, who wins, and whether the connection lives on.
struct Row {
    name: &'static str,
    way: Way,
    outcome: &'static str,
    reason: &'static str,
    winner: &'static str,
    kept: bool,
}

fn row(
    name: &'static str,
    outcome: &'static str,
    kept: bool,
    way: impl Fn(Value) -> Vec<Step> + Send + Sync + 'static,
) -> Row {
    Row { name, way: Arc::new(way), outcome, reason: "", winner: BASALTS, kept }
}

/// Something else instead of the whole answer.
fn bytes(name: &'static str, outcome: &'static str, kept: bool, bytes: impl Into<Vec<u8>>) -> Row {
    let bytes = bytes.into();
    row(name, outcome, kept, move |_| vec![Step::Send(bytes.clone())])
}

/// A bid with something changed.
fn lie(reason: &'static str, path: &'static str, value: Value) -> Row {
    let change = move |mut bid: Value| {
        *bid.pointer_mut(path).unwrap() = value.clone();
        vec![Step::Send(ok(bid.to_string().as_bytes()))]
    };
    Row { reason, ..row(reason, "bid", true, change) }
}

/// A right bid, said in another way.
fn right(name: &'static str, say: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Row {
    let way = move |bid: Value| vec![Step::Send(say(bid.to_string().as_bytes()))];
    Row { winner: COMETS, ..row(name, "bid", true, way) }
}

fn broken_transport() -> Vec<Row> {
    let long = "x".repeat(300 * 1_024);
    let chunks = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4b000\r\n{long}\r\n0\r\n\r\n");
    let flood = format!("HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\n{{}}", "x-flood: 1\r\n".repeat(1_000));
    let wide = format!("HTTP/1.1 200 OK\r\nx-wide: {long}\r\ncontent-length: 2\r\n\r\n{{}}");
    let ms = Duration::from_millis;
    vec![
        row("slow", "timeout", true, move |bid| vec![Step::Pause(ms(400)), Step::Send(ok(bid.to_string().as_bytes()))]),
        row("silent", "timeout", false, |_| vec![Step::Hang]),
        row("half a head", "timeout", false, |_| vec![Step::Send(b"HTTP/1.1 200".to_vec()), Step::Hang]),
        row("dribbling", "timeout", false, move |bid| vec![Step::Dribble(ok(bid.to_string().as_bytes()), ms(25))]),
        row("reset", "connection", false, |_| vec![Step::Reset]),
        row("closed", "connection", false, |_| vec![Step::Close]),
        row("truncated", "connection", false, |bid| {
            let whole = ok(bid.to_string().as_bytes());
            vec![Step::Send(whole[..whole.len() - 9].to_vec()), Step::Close]
        }),
        row("reset in the body", "connection", false, |bid| {
            let whole = ok(bid.to_string().as_bytes());
            vec![Step::Send(whole[..whole.len() - 9].to_vec()), Step::Pause(Duration::from_millis(20)), Step::Reset]
        }),
        bytes("announced too large", "too_large", false, "HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n"),
        bytes("too large in chunks", "too_large", false, chunks),
        bytes("no HTTP", "protocol", false, "\u{1}\u{2}hello, who is there?\r\n\r\n"),
        bytes("garbled chunks", "protocol", false, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        bytes("two lengths", "protocol", false, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
        bytes("flood of headers", "protocol", false, flood),
        bytes("wide header", "protocol", false, wide),
    ]
}

fn broken_answers() -> Vec<Row> {
    let status = |line: &str| format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n");
    let bomb = gzip(&vec![b' '; 200 * 1_024]);
    let bomb = with_head("content-type: application/json\r\ncontent-encoding: gzip\r\n", &bomb);
    let coded = |coding: &str| with_head(&format!("content-encoding: {coding}\r\n"), b"{}");
    vec![
        bytes("error", "status", true, status("500 Internal Server Error")),
        bytes("refused", "status", true, status("404 Not Found")),
        bytes("redirect", "status", true, status("302 Found\r\nlocation: /elsewhere")),
        bytes("pass", "no_bid", true, "HTTP/1.1 204 No Content\r\n\r\n"),
        bytes("a page", "content_type", true, with_head("content-type: text/html\r\n", b"<html>It works!</html>")),
        bytes("bomb", "too_large", false, bomb),
        bytes("unknown coding", "encoding", true, coded("br")),
        bytes("no gzip", "encoding", true, coded("gzip")),
        Row {
            reason: "invalid_response",
            ..row("malformed", "bid", true, |bid| {
                let whole = bid.to_string();
                vec![Step::Send(ok(&whole.as_bytes()[..whole.len() / 2]))]
            })
        },
        Row { reason: "invalid_response", ..bytes("empty", "bid", true, ok(b"")) },
    ]
}

fn lies() -> Vec<Row> {
    vec![
        lie("wrong_auction", "/id", json!("another")),
        lie("unknown_imp", "/seatbid/0/bid/0/impid", json!("2")),
        lie("wrong_currency", "/cur", json!("USD")),
        lie("below_deal_price", "/seatbid/0/bid/0/price", json!(61.99)),
        lie("deal_not_offered", "/seatbid/0/bid/0/dealid", json!("PDB-2026-SPRING-OPEN")),
        lie("seat_not_allowed", "/seatbid/0/seat", json!("basalt-1")),
        lie("unknown_creative", "/seatbid/0/bid/0/crid", json!("nobody-knows")),
    ]
}

fn unusual_but_right() -> Vec<Row> {
    const JSON: &str = "content-type: application/json; charset=utf-8\r\n";
    vec![
        right("gzip", |bid| with_head(&format!("{JSON}content-encoding: gzip\r\n"), &gzip(bid))),
        right("no type", |bid| with_head("", bid)),
        right("early hints", |bid| {
            let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
            [hints.as_bytes(), &with_head(JSON, bid)].concat()
        }),
        right("chunks", |bid| {
            let (first, rest) = bid.split_at(7);
            let head = format!("HTTP/1.1 200 OK\r\n{JSON}transfer-encoding: chunked\r\n\r\n7\r\n");
            [head.as_bytes(), first, format!("\r\n{:x}\r\n", rest.len()).as_bytes(), rest, b"\r\n0\r\n\r\n"].concat()
        }),
    ]
}

#[test]
fn each_misbehaviour_has_its_name_costs_nobody_else_and_leaves_nothing_behind() {
    let pmpx = node("250ms");
    let raw = RawDsp::start(None);
    lead_comet_to(&pmpx, &format!("http://127.0.0.1:{}/bid", raw.port()), &json!({}));
    let comet = counts(&pmpx, "comet");
    let right: Way = Arc::new(|bid: Value| vec![Step::Send(ok(bid.to_string().as_bytes()))]);
    for row in broken_transport().into_iter().chain(broken_answers()).chain(lies()).chain(unusual_but_right()) {
        let name = row.name;
        let before = (asked(comet, row.outcome), raw.asked());
        let refused = |reason: &str| if reason.is_empty() { 0 } else { rejected(comet, reason) };
        let refused_before = refused(row.reason);
        raw.set(row.way);
        assert_eq!(winner(&pmpx), row.winner, "{name}");
        assert_eq!((asked(comet, row.outcome), raw.asked()), (before.0 + 1, before.1 + 1), "{name}");
        assert_eq!(refused(row.reason), refused_before + u64::from(!row.reason.is_empty()), "{name}");
        let rest = usize::from(row.kept);
        let at_rest = || comet.in_flight.get() == 0 && raw.open() == rest && comet.connections.get() == rest as u64;
        pmpx.wait_until(&format!("{name}: everything is at rest"), at_rest);
        // It is heard again at once. Right answers in between also keep the breaker closed.
        raw.set(right.clone());
        (0..3).for_each(|_| assert_eq!(winner(&pmpx), COMETS, "after {name}"));
    }
    assert!(raw.heads().iter().all(|head| head.starts_with("post /bid ")), "a redirect is never followed");
}

/// R-FALLBACK, R-MAKEGOOD: nothing is sent while the breaker is open, the fallback is shown, and the opportunity is the buyer's.
#[test]
fn r_fallback_an_open_breaker_shows_the_fallback_and_a_mended_dsp_is_back() {
    const DEAL: &str = "PDB-2026-SPRING-OPEN";
    let pmpx = Pmpx::start(NOON, &json!({}));
    let aurora = counts(&pmpx, "aurora");
    let state = || pmpx.exchange().breakers.state(id_of(&pmpx, "aurora"));
    ["basalt", "comet"].iter().for_each(|dsp| pmpx.script(dsp, Temper::Pass));
    pmpx.script("aurora", Temper::Reset);
    // Rehearsals ask, and take nothing from the deal's plan.
    let mut rehearsal = splash();
    rehearsal["test"] = 1.into();
    (0..10).for_each(|_| drop(pmpx.auction("sunrise", &rehearsal)));
    assert_eq!((asked(aurora, "connection"), state()), (10, BreakerState::Open));
    // The delay may be over at any time: then it is a probe that fails, and the next one waits longer.
    let refused = || loop {
        let before = (asked(aurora, "breaker_open"), pmpx.dsp("aurora").stats().requests);
        let answer = pmpx.auction("sunrise", &splash());
        if asked(aurora, "breaker_open") > before.0 {
            assert_eq!(pmpx.dsp("aurora").stats().requests, before.1, "nothing is sent");
            return answer;
        }
    };
    let answer = refused();
    let bid = &bids(&answer)[0];
    assert_eq!((&bid["dealid"], &bid["crid"]), (&json!(DEAL), &json!("milk-open-1")), "the fallback");
    let withheld = pmpx.events()[DEAL]["withheld"];
    pmpx.edit(&json!({"deals.toml": {"deal": {format!("id={DEAL}"): {"fallback": null}}}}));
    pmpx.reload();
    assert_eq!(state(), BreakerState::Open, "breakers outlive reloads");
    assert_eq!(refused().status, 204);
    assert_eq!((pmpx.events()[DEAL]["withheld"], pmpx.events()[DEAL]["breaker_open"]), (withheld + 1, 1));

    pmpx.script("aurora", Temper::Bid);
    let tries = (0..100_000).take_while(|_| {
        pmpx.auction("sunrise", &rehearsal);
        state() != BreakerState::Closed
    });
    assert!(tries.count() < 100_000, "it is back");
    assert_eq!(bids(&pmpx.auction("sunrise", &rehearsal))[0]["dealid"], DEAL);
    assert!(asked(aurora, "bid") >= 4, "three probes, and what came after them");
}

/// Certificates of an authority of our own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server's end of TLS with a certificate for a name, valid until a year.
    pub(crate) fn acceptor(&self, name: &str, until: i32, protocols: &[&str]) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.issuer).unwrap().into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[test]
fn tls_is_verified_and_a_dsp_without_it_is_not_asked() {
    let pmpx = node("1500ms");
    let comet = counts(&pmpx, "comet");
    let (ours, foreign) = (Authority::new(), Authority::new());
    std::fs::write(pmpx.config().join("ours.pem"), &ours.pem).unwrap();
    let right = || ours.acceptor("localhost", 2100, &["http/1.1"]);
    let rows = [
        ("right", Some(right()), "1.1", "bid"),
        ("no ALPN", Some(ours.acceptor("localhost", 2100, &[])), "1.1", "bid"),
        ("another name", Some(ours.acceptor("other.example", 2100, &[])), "1.1", "tls"),
        ("expired", Some(ours.acceptor("localhost", 2021, &[])), "1.1", "tls"),
        ("another authority", Some(foreign.acceptor("localhost", 2100, &[])), "1.1", "tls"),
        ("an answer without TLS", None, "1.1", "tls"),
        ("no common protocol", Some(right()), "2", "tls"),
        ("no protocol agreed", Some(ours.acceptor("localhost", 2100, &[])), "2", "protocol"),
    ];
    for (name, acceptor, http, outcome) in rows {
        let raw = RawDsp::start(acceptor);
        let endpoint = format!("https://localhost:{}/bid", raw.port());
        lead_comet_to(&pmpx, &endpoint, &json!({"ca_file": "ours.pem", "http": http}));
        let before = asked(comet, outcome);
        let spoken = outcome == "bid";
        assert_eq!(winner(&pmpx), if spoken { COMETS } else { BASALTS }, "{name}");
        assert_eq!(asked(comet, outcome), before + 1, "{name}");
        assert!(spoken || raw.heads().iter().all(|head| !head.starts_with("post")), "{name}: nothing is told");
        if spoken {
            let host = format!("host: localhost:{}", raw.port());
            assert!(raw.heads()[0].contains(&host), "{name}: {:?}", raw.heads());
        }
        let kept = u64::from(spoken);
        pmpx.wait_until(&format!("{name}: at rest"), || comet.in_flight.get() == 0 && comet.connections.get() == kept);
    }
    // The second connection takes up the first one's session.
    let raw = RawDsp::start(Some(right()));
    raw.set(Arc::new(|bid: Value| vec![Step::Send(ok(bid.to_string().as_bytes())), Step::Close]));
    lead_comet_to(&pmpx, &format!("https://localhost:{}/bid", raw.port()), &json!({"http": "1.1"}));
    for resumed in 0..2 {
        assert_eq!(winner(&pmpx), COMETS);
        pmpx.wait_until("it is closed", || comet.connections.get() == 0);
        assert_eq!(raw.resumed(), resumed);
    }
}

#[test]
fn a_dsp_is_told_what_its_config_says() {
    let pmpx = node("2s");
    let raw = RawDsp::start(None);
    let secret = pmpx.config().join("key.txt");
    std::fs::write(&secret, "hush\n").unwrap();
    let endpoint = format!("http://127.0.0.1:{}/bid?x=1", raw.port());
    lead_comet_to(&pmpx, &endpoint, &json!({}));
    assert_eq!(winner(&pmpx), COMETS);
    let headers = json!({"X-Api-Key": format!("file:{}", secret.display())});
    let more = json!({"headers": headers, "openrtb_version": "2.5", "accept_encoding": "gzip"});
    lead_comet_to(&pmpx, &endpoint, &more);
    assert_eq!(winner(&pmpx), COMETS);
    let lines = |place: usize| {
        let heads = raw.heads();
        let mut lines: Vec<_> = heads[place].lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("content-length"));
        lines[1..].sort();
        lines
    };
    let host = format!("host: 127.0.0.1:{}", raw.port());
    let plain = ["post /bid?x=1 http/1.1", "accept: application/json", "content-type: application/json", &host];
    assert_eq!(lines(0), [&plain[..], &["x-openrtb-version: 2.6"]].concat());
    let mut told = vec![plain[0], "accept-encoding: gzip", plain[1], plain[2], plain[3]];
    told.extend(["x-api-key: hush", "x-openrtb-version: 2.5"]);
    assert_eq!(lines(1), told);
}
