//! One node: the product's own exchange with its budgets, its cores and their keys, on a clock of its own. Whatever it holds in memory
//! goes with it.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use pmpx::billing::beacon::{Answer, Notice};
use pmpx::billing::budget::source_of;
use pmpx::billing::token::{Purpose, TokenKey, Tokens};
use pmpx::clock::{Chance, Clock, UnixMillis};
use pmpx::event::{Archive, BookError, Charge, ChargeKey, Ledger, StoreUnavailable, Via};
use pmpx::exchange::{Core, Exchange, Incoming, Reply, Seed};
use pmpx::ids::{AuctionIds, Boot, CreativeVersion, ImpIndex, Lane, NodeId, Slot};
use pmpx::market::Market;
use pmpx::money::{CpmMicroYuan, Quantity};
use pmpx::settlement::day::{Closer, Closing, make_good_of};
use pmpx::settlement::seal::{Progress, Sealer};
use serde_json::Value;

use crate::disk::{Disk, Port};
use crate::terms::{DEALS, Names, PLACEMENTS, request};

/// Cores of a node that answer media.
const CORES: u8 = 2;
/// The lane of ads that are awarded without a request.
const SHORT_LANE: Lane = Lane(CORES);

/// An answer that is on its way.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// One ad that was won: its token and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Won {
    pub(crate) token: Rc<str>,
    pub(crate) charge: Charge,
}

/// A running node.
pub(crate) struct Node {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) port: Arc<Port>,
    pub(crate) boot: u32,
    pub(crate) clock: Clock,
    cores: Vec<Rc<Core>>,
    ids: AuctionIds,
    sealer: Sealer,
    closer: Closer,
}

/// What seals by the first of some keys and opens by all of them.
fn tokens(ids: &[u8]) -> Tokens {
    let secret = |id: u8| std::array::from_fn(|index| (index as u8).wrapping_mul(7) ^ id);
    let keys: Vec<_> = ids.iter().map(|id| TokenKey { id: *id, secret: secret(*id) }).collect();
    Tokens::new(&keys).unwrap()
}

/// Seals every day that can be sealed, and closes those of guaranteed deals; how many were closed.
pub(crate) fn close_days(
    store: &dyn Archive,
    sealer: &mut Sealer,
    closer: &mut Closer,
    market: &Market,
    now: UnixMillis,
) -> Result<u64, BookError> {
    let mut closed = 0;
    loop {
        while sealer.step(store, now).map_err(|why| StoreUnavailable(why.to_string()))? != Progress::Idle {}
        match closer.step(store, market, now)? {
            Closing::Idle => return Ok(closed),
            Closing::Closed(_) => closed += 1,
            Closing::Working | Closing::Exempted(..) => {}
        }
    }
}

impl Node {
    /// Starts a node on what is durable.
    pub(crate) fn start(
        number: u16,
        disk: &Disk,
        market: Market,
        keys: &[u8],
        clock: Clock,
    ) -> Result<Self, StoreUnavailable> {
        let boot = disk.boot(number);
        let port = Arc::new(disk.port(number));
        let metrics = Arc::new(Exchange::metrics());
        let exchange = Exchange::new(market, tokens(keys), port.clone(), metrics, clock.clone());
        let books = port.snapshot()?;
        exchange.attribution.restore(&books.tallies_of(clock.now().shanghai_day())?);
        let exchange = Arc::new(exchange);
        let core = |lane| {
            let chance = Chance::seeded(u64::from(number) << 40 | u64::from(boot) << 8 | u64::from(lane));
            let seed = Seed { lane: Lane(lane), node: NodeId(number), boot: Boot(boot), chance };
            Rc::new(Core::new(exchange.clone(), seed))
        };
        let cores = (0..CORES).map(core).collect();
        let ids = AuctionIds::new(NodeId(number), Boot(boot), SHORT_LANE);
        let (sealer, closer) = (Sealer::default(), Closer::default());
        Ok(Self { exchange, port, boot, clock, cores, ids, sealer, closer })
    }

    /// Other keys from now on, without a restart.
    pub(crate) fn set_keys(&self, keys: &[u8]) {
        self.exchange.tokens.store(Arc::new(tokens(keys)));
    }

    /// The housekeeper's beat: leases.
    pub(crate) fn tend(&self) -> Result<(), StoreUnavailable> {
        let now = self.clock.now();
        let needs = self.exchange.needs(now);
        self.exchange.budgets.tend(&needs, &*self.port, self.exchange.lives(), now)
    }

    /// Seals and closes what can be, as the archivist does, and tells the hot plane what is made good today; how many days were closed.
    pub(crate) fn close_days(&mut self) -> Result<u64, BookError> {
        let (now, market) = (self.clock.now(), self.exchange.market.load_full());
        let closed = close_days(&*self.port, &mut self.sealer, &mut self.closer, &market, now)?;
        let today = now.shanghai_day();
        for (deal, volume) in make_good_of(&*self.port.snapshot()?, today)? {
            self.exchange.make_good.set(deal, today, volume);
        }
        Ok(closed)
    }

    /// A media's request, from its bytes to the answer's bytes: what was won.
    pub(crate) async fn auction(&mut self, placement: usize, lane: usize) -> Vec<Won> {
        let media = PLACEMENTS[placement].media;
        let bearer = format!("{media}.demo-{media}-secret");
        let body = Bytes::from(request(placement).to_string());
        let arrived = self.clock.instant();
        let core = self.cores[lane % self.cores.len()].clone();
        let reply = core.auction(Incoming { arrived, bearer: Some(&bearer), body }).await;
        let body = match reply {
            Reply::Bid(body) => body,
            Reply::NoBid(..) => return Vec::new(),
            other => panic!("a right request is answered with {other:?}"),
        };
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let seats = answer["seatbid"].as_array().unwrap();
        let bids = seats.iter().flat_map(|seat| seat["bid"].as_array().unwrap());
        bids.map(|bid| self.opened(bid["burl"].as_str().unwrap().rsplit('/').next().unwrap())).collect()
    }

    fn opened(&mut self, token: &str) -> Won {
        let charge = self.exchange.tokens.load().open(Purpose::Bill, token).expect("a node's own token is genuine");
        Won { token: token.into(), charge }
    }

    /// Awards a preferred deal's ads as an auction does, with as many ads in as many imps as asked; what is not funded is left out.
    pub(crate) fn award(&mut self, deal: usize, names: &Names, ads: u8) -> Vec<Won> {
        let now = self.clock.now();
        let auction = self.ids.next(now);
        let now = auction.at();
        let (terms, ours) = (&DEALS[deal], names.deals[deal]);
        let market = self.exchange.market.load_full();
        let traded = market.deals.get(ours.id).unwrap();
        let (id, media) = names.placements[terms.placement];
        let placement = market.placements.get(id).unwrap();
        let earning: CpmMicroYuan = traded.price.after_margin(market.media.get(media).unwrap().margin);
        let source = source_of(traded, now.shanghai_day());
        let mut won = Vec::new();
        for ad in 0..ads {
            // A part of a screen's audience now and then (OpenRTB 2.6 §3.2.31).
            let quantity = if ad == 2 { Quantity(333) } else { Quantity::ONE };
            let Ok(lease) = self.exchange.budgets.award(source, traded.price.cost(quantity), now) else { break };
            let charge = Charge {
                key: ChargeKey { auction, imp: ImpIndex(ad / 2), slot: Slot(ad % 2) },
                expires_at: auction.at().plus_ms(placement.token_life_ms),
                media,
                placement: id,
                dsp: ours.dsp,
                buyer: traded.buyer,
                advertiser: ours.advertiser,
                creative: ours.creative,
                version: CreativeVersion(1),
                deal: traded.id,
                method: traded.method,
                lease,
                quantity,
                price: traded.price,
                earning,
                minimum_display_ms: placement.minimum_display_ms,
            };
            let mut token = String::new();
            self.exchange.tokens.load().seal(Purpose::Bill, &charge, &mut token);
            won.push(Won { token: token.into(), charge });
        }
        won
    }

    /// Takes in a billing notice; nothing of it is done before it is polled.
    pub(crate) fn bill(&self, token: Rc<str>, displayed_ms: Option<u32>, lane: usize) -> Answering {
        let core = self.cores[lane % self.cores.len()].clone();
        Box::pin(async move { core.bill(Notice { token: &token, displayed_ms, via: Via::Notice }).await })
    }

    /// What the clock says.
    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }
}
