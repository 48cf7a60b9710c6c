//! The door: what is refused, how, and what it costs others. Raw sockets, because a good client does none of this.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use loadtest::dsp::{Script, Temper};
use pmpx::clock::Clock;
use pmpx::metrics::{Outcome, Shed};
use pmpx::node::{Node, Settings};
use serde_json::json;

use crate::harness::{NOON, PATIENCE, Pmpx, copied_config, moment, splash, start_dsps, top};

/// A connection that speaks for itself.
struct Raw(TcpStream);

impl Raw {
    fn to(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next answer: status, head, body.
    fn answer(&mut self) -> (u16, String, String) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "closed after {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), head, String::from_utf8(body).unwrap())
    }

    /// Whether the other end has closed.
    fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
    }
}

const HEAD: &str =
    "POST /openrtb2/auction HTTP/1.1\r\nhost: x\r\nauthorization: Bearer citypages.demo-citypages-secret\r\n";

fn request(more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{HEAD}{more}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn shed(pmpx: &Pmpx, at: Shed) -> u64 {
    pmpx.exchange().metrics.shed.iter().nth(at as usize).unwrap().1
}

fn only_one_in_flight() -> serde_json::Value {
    json!({"exchange.toml": {"auction": {"most_in_flight": 1}}})
}

#[test]
fn what_is_refused_keeps_its_connection_and_a_notice_gets_in() {
    let pmpx = Pmpx::start(NOON, &only_one_in_flight());
    for dsp in pmpx.dsps() {
        dsp.set_script(Script::always(Temper::Silent));
    }
    let body = top().to_string();
    let mut first = Raw::to(pmpx.address());
    first.send(&request("", body.as_bytes()));
    pmpx.wait_until("a DSP is asked", || pmpx.dsp("comet").stats().requests == 1);
    let mut second = Raw::to(pmpx.address());
    for times in 1..=3 {
        second.send(&request("", body.as_bytes()));
        let (status, head, body) = second.answer();
        assert_eq!(status, 503);
        assert!(head.contains("retry-after: 1\r\n") && !head.contains("connection: close"), "{head}");
        assert!(body.contains("\"code\":\"overloaded\""), "{body}");
        assert_eq!((shed(&pmpx, Shed::InFlight), pmpx.exchange().metrics.total(Outcome::Shed)), (times, times));
    }
    second.send(b"GET /n/bill/x HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(second.answer().0, 403, "a notice was looked at");
    assert_eq!(first.answer().0, 204);
    second.send(&request("", body.as_bytes()));
    assert_eq!(second.answer().0, 204, "the place is free again");
    assert_eq!(pmpx.dsp("comet").stats().requests, 2, "nobody was asked for what was refused");
}

#[test]
fn a_slow_sender_takes_nobodys_place_and_is_cut_off() {
    let pmpx = Pmpx::start(NOON, &only_one_in_flight());
    let body = top().to_string();
    let whole = request("", body.as_bytes());
    let mut slow = Raw::to(pmpx.address());
    slow.send(&whole[..whole.len() - 20]);
    // It is inside for 10 ms at most.
    let another_is_served = || {
        let mut prompt = Raw::to(pmpx.address());
        prompt.send(&whole);
        prompt.answer().0 == 200
    };
    pmpx.wait_until("the slow one steps aside", another_is_served);
    let mut late = Raw::to(pmpx.address());
    late.send(&whole[..whole.len() - 20]);
    pmpx.wait_until("this one does", another_is_served);
    late.send(&whole[whole.len() - 20..]);
    assert_eq!(late.answer().0, 200, "slow and whole is served");
    let (status, _, body) = slow.answer();
    assert_eq!(status, 408, "{body}");
    assert!(slow.is_closed(), "the rest of the body cannot be told from a request");
}

#[test]
fn what_is_too_large_or_a_strangers_is_refused_unread() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    // Only the head is sent: an answer that waited for the body would never come.
    let announced = |head: &str| {
        let mut raw = Raw::to(pmpx.address());
        raw.send(format!("{head}content-length: 262145\r\n\r\n").as_bytes());
        raw.answer().0
    };
    assert_eq!(announced(HEAD), 413);
    assert_eq!(announced(&HEAD.replace("-secret", "-guess")), 401);
    assert_eq!(announced("POST /openrtb2/auction HTTP/1.1\r\nhost: x\r\n"), 401);
    let mut chunked = Raw::to(pmpx.address());
    chunked.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes());
    let chunk = [b"8000\r\n".as_slice(), &[b' '; 0x8000], b"\r\n"].concat();
    // The exchange may close before all is written.
    (0..9).for_each(|_| drop(chunked.0.write_all(&chunk)));
    assert_eq!(chunked.answer().0, 413);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 50_000_000]).unwrap();
    let bomb = bomb.finish().unwrap();
    let mut packed = Raw::to(pmpx.address());
    packed.send(&request("content-encoding: gzip\r\n", &bomb));
    assert_eq!((packed.answer().0, bomb.len() < 100_000), (413, true));
    let metrics = &pmpx.exchange().metrics;
    assert_eq!((metrics.total(Outcome::TooLarge), metrics.total(Outcome::Unauthorized)), (3, 2));
}

#[test]
fn a_head_without_end_is_refused() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    let mut raw = Raw::to(pmpx.address());
    let _ = raw.0.write_all(format!("{HEAD}x-long: {}", "x".repeat(140_000)).as_bytes());
    assert_eq!(raw.answer().0, 431);
    let mut raw = Raw::to(pmpx.address());
    let _ = raw.0.write_all(format!("{HEAD}{}\r\n", "x-many: 1\r\n".repeat(200)).as_bytes());
    assert_eq!(raw.answer().0, 431);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let pmpx = Pmpx::start(NOON, &only_one_in_flight());
    let mut raw = Raw::to(pmpx.address());
    let mut ids = Vec::new();
    let bytes: Vec<u8> = (0..5)
        .flat_map(|number| {
            let mut body = top();
            body["id"] = format!("request-{number}").into();
            request("", body.to_string().as_bytes())
        })
        .collect();
    raw.send(&bytes);
    for _ in 0..5 {
        let (status, _, body) = raw.answer();
        assert_eq!(status, 200, "one at a time, so each has the only place");
        ids.push(serde_json::from_str::<serde_json::Value>(&body).unwrap()["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids, (0..5).map(|number| format!("request-{number}")).collect::<Vec<_>>());
}

/// The request and the client's end are there before the exchange looks: nobody is asked, nothing is counted, nothing is won.
#[test]
fn nobody_is_asked_for_a_client_that_left_before() {
    let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
    let dsps = start_dsps(config.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let body = splash().to_string();
    let whole = String::from_utf8(request("", body.as_bytes())).unwrap().replace("citypages", "sunrise");
    for sent in [whole.as_str(), &whole[..whole.len() - 20]] {
        let mut gone = Raw::to(listener.local_addr().unwrap());
        gone.send(sent.as_bytes());
    }
    let settings = Settings {
        config: config.path().to_owned(),
        data: data.path().to_owned(),
        listener,
        control: None,
        review: None,
        cores: 1,
        clock: Clock::manual(moment(NOON)),
        watch: false,
        node: None,
        unpin: false,
        variable: |_| None,
    };
    let node = Node::start(settings).unwrap();
    // One core serves in order: when this one is answered, the others were looked at.
    let mut present = Raw::to(node.address());
    present.send(whole.as_bytes());
    assert_eq!(present.answer().0, 200);
    let asked: Vec<_> = dsps.iter().map(|dsp| (dsp.name().to_owned(), dsp.stats().requests)).collect();
    assert!(asked.iter().all(|(_, requests)| *requests <= 1), "{asked:?}");
    assert_eq!(asked[0].1, 1);
    let exchange = node.exchange().clone();
    let deal = exchange.market.load().deal_named("PDB-2026-SPRING-OPEN").unwrap().id;
    let counts: Vec<_> = exchange.attribution.since_start(deal).map(|(it, count)| (it.label(), count)).collect();
    assert!(counts.contains(&("offered", 1)) && counts.iter().all(|(_, count)| *count == 1), "{counts:?}");
    node.stop(Duration::ZERO);
}
