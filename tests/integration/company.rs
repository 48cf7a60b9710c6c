//! Two nodes on one data folder: what is done at one is known at the other, and done once.

use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use loadtest::client::{Answer, Client};
use loadtest::dsp::{Script, Temper};
use pmpx::clock::Clock;
use pmpx::event::{LeaseState, Ledger, Measure, Stage};
use pmpx::exchange::Exchange;
use pmpx::node::Node;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::{NOON, Pmpx, ask_control, auction, bids, client_of, moment, proved, splash, start_node, top};

/// Node 2, beside the harness's node 1.
pub(crate) struct Second {
    pub(crate) node: Node,
    clock: Clock,
    client: Client,
    runtime: Runtime,
}

impl Second {
    pub(crate) fn beside(pmpx: &Pmpx) -> Self {
        let clock = Clock::manual(moment(NOON));
        let node = start_node(pmpx.config(), pmpx.data(), &clock, Some(2));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { client: client_of(node.address()), node, clock, runtime }
    }

    /// Sends a request of a media to its auction.
    pub(crate) fn auction(&self, media: &str, body: &Value) -> Answer {
        let request = auction(media).body(Full::new(body.to_string().into())).unwrap();
        self.runtime.block_on(self.client.send(request)).unwrap()
    }

    fn get(&self, url: &str) -> Answer {
        let path = url.splitn(4, '/').nth(3).unwrap();
        let request = Request::get(format!("/{path}")).body(Full::default()).unwrap();
        self.runtime.block_on(self.client.send(request)).unwrap()
    }

    fn control(&self, path: &str, body: &Value) -> u16 {
        ask_control(self.node.control_address().unwrap(), path, Some(body)).0
    }

    fn generation(&self) -> u64 {
        self.node.exchange().market.load().generation
    }

    fn price(&self) -> String {
        self.node.exchange().market.load().deal_named("PD-2026-DAIRY-FEED").unwrap().price.to_string()
    }
}

#[test]
fn what_is_published_and_suspended_at_one_node_is_served_and_suspended_at_the_other() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let second = Second::beside(&pmpx);
    assert_eq!(second.generation(), 1, "the same folder is the same generation");
    pmpx.edit(&json!({"deals.toml": {"deal": {"id=PD-2026-DAIRY-FEED": {"cpm": "25.00"}}}}));
    pmpx.reload();
    pmpx.wait_until("it is adopted", || second.generation() == 2);
    assert_eq!(second.price(), "¥25.00 CPM");
    assert_eq!(second.control("/api/v1/market/rollback", &json!({"generation": 1, "reason": "price"})), 200);
    let serving = || pmpx.exchange().market.load().generation;
    pmpx.wait_until("the rollback is adopted", || serving() == 3);
    assert_eq!(pmpx.control("/api/v1/market", None).1["pinned"], true);
    pmpx.switch("dsps/basalt/suspend");
    let suspended = |exchange: &Exchange| {
        let market = exchange.market.load_full();
        market.dsps.iter().any(|dsp| dsp.wire == "basalt" && market.dsp_is_suspended(dsp.id))
    };
    pmpx.wait_until("the switch is thrown", || suspended(second.node.exchange()));
    assert_eq!(second.control("/api/v1/dsps/basalt/resume", &json!({"reason": "a test"})), 200);
    pmpx.wait_until("it is lifted", || !suspended(pmpx.exchange()));
    second.node.stop(Duration::ZERO);
    let store = pmpx.books();
    assert_eq!(store.generations(u64::MAX, 9).unwrap().len(), 3, "each was published once");
    drop(store);
    pmpx.settle();
}

/// R-DSP: a DSP hears of a display once, whichever node the media tells, and of one that the winner's process did not live to tell too.
#[test]
fn a_dsp_hears_once_whichever_node_the_media_tells() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.dsps().iter().for_each(|dsp| dsp.set_script(Script::always(Temper::Bid).every_deal().with_notices()));
    let second = Second::beside(&pmpx);
    let won = |pmpx: &Pmpx| {
        let bid = bids(&pmpx.auction("sunrise", &splash())).remove(0);
        [bid["nurl"].as_str().unwrap().to_owned(), bid["burl"].as_str().unwrap().to_owned()]
    };
    let told = |pmpx: &Pmpx| {
        let stats = pmpx.dsp("aurora").stats();
        assert_eq!(stats.wrong_notices, std::collections::BTreeMap::new());
        [stats.wins, stats.billed]
    };
    // Won at the first and told at the second node, before the first has written it out.
    let [_, burl] = won(&pmpx);
    assert_eq!([&burl, &burl].map(|url| second.get(url).status.as_u16()), [200, 200]);
    assert_eq!(pmpx.get(&burl).status, 200);
    // Two more that wait when the first node ends.
    let [more, last] = [won(&pmpx), won(&pmpx)];
    pmpx.stop();
    assert_eq!(more.each_ref().map(|url| second.get(url).status.as_u16()), [204, 200]);
    pmpx.wait_until("the second node tells for the first", || told(&pmpx)[1] >= 1);
    pmpx.restart(&json!({}));
    pmpx.wait_until("what was posted elsewhere is told by the next start", || told(&pmpx)[1] >= 2);
    assert_eq!(pmpx.get(&last[1]).status, 200);
    pmpx.wait_until("the last is told", || told(&pmpx)[1] >= 3);
    assert_eq!((pmpx.get(&more[1]).status.as_u16(), second.get(&last[1]).status.as_u16()), (200, 200));
    second.node.stop(Duration::ZERO);
    pmpx.settle();
    let mut notices = pmpx.dsp("aurora").notices();
    notices.sort();
    let all = notices.len();
    notices.dedup();
    assert_eq!((notices.len(), told(&pmpx)[1]), (all, 3), "none of them twice: {notices:?}");
}

/// R-MAKEGOOD, R-PUSH: each node counts its own and sees the others'; the housekeeping goes on when the node ends that did it.
#[test]
fn offers_are_seen_by_all_and_the_next_node_leads() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.wait_until("it leads", || pmpx.store().leads());
    let second = Second::beside(&pmpx);
    assert!(!second.node.store().leads());
    for _ in 0..5 {
        let bid = bids(&pmpx.auction("sunrise", &splash())).remove(0);
        assert_eq!(second.get(bid["burl"].as_str().unwrap()).status, 200);
    }
    let offered = |exchange: &Exchange| {
        let market = exchange.market.load_full();
        let deal = market.deal_named("PDB-2026-SPRING-OPEN").unwrap().id;
        exchange.attribution.today(deal, moment(NOON).shanghai_day(), Measure::Stage(Stage::Offered))
    };
    let here = offered(pmpx.exchange());
    assert!(here > 0);
    pmpx.wait_until("the second node knows what the first has offered", || offered(second.node.exchange()) == here);
    pmpx.stop();
    pmpx.wait_until("the second node leads", || second.node.store().leads());
    pmpx.restart(&json!({}));
    assert_eq!((offered(pmpx.exchange()), pmpx.store().leads()), (here, false));
    let followed = || {
        let books = second.node.store().snapshot().unwrap();
        books.cursor().unwrap() == books.head_seq().unwrap() && books.head_seq().unwrap() == 5
    };
    pmpx.wait_until("the ledger follows", followed);
    pmpx.stop();
    second.node.stop(Duration::ZERO);
    assert_eq!(proved(pmpx.data()).charges, 5);
}

/// A clock that was an hour ahead has granted windows that end in an hour: set back, the node gives those leases back at once.
#[test]
fn r_prepay_a_node_whose_clock_is_set_back_holds_no_longer_windows_than_any() {
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let second = Second::beside(&pmpx);
    let latest = |node: &Node| {
        let leases = node.store().snapshot().unwrap().leases(0, u32::MAX).unwrap();
        let open = leases.iter().filter(|lease| lease.state == LeaseState::Open);
        open.map(|lease| lease.window_ends.0).max().unwrap()
    };
    let [noon, soon] = [NOON, "2026-11-22T12:01:00+08:00"].map(|at| moment(at).0);
    second.clock.set(moment("2026-11-22T13:00:00+08:00"));
    pmpx.wait_until("the second node leases at its hour", || latest(&second.node) > soon);
    second.clock.set(moment(NOON));
    pmpx.wait_until("it has given those back", || (noon..=soon).contains(&latest(&second.node)));
    let answer = pmpx.auction("citypages", &top());
    assert_eq!(second.get(bids(&answer)[0]["burl"].as_str().unwrap()).status, 200);
    second.node.stop(Duration::ZERO);
    pmpx.settle();
}
