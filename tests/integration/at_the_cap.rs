//! A DSP whose places are all taken: the exchange's own limit costs no guaranteed deal its volume (R-MAKEGOOD).

use std::sync::Arc;

use bytes::Bytes;
use pmpx::billing::token::{TokenKey, Tokens};
use pmpx::clock::{Chance, Clock};
use pmpx::event::{Cause, Measure, Stage};
use pmpx::exchange::{Core, Exchange, Incoming, Seed};
use pmpx::ids::{Boot, Lane, NodeId};
use pmpx::store::MemoryStore;

use crate::pods::common::{Endless, REQUEST, changed, example, noon};

/// The day's offers of the deal.
const OFFERS: u64 = 4;
/// Requests from noon until a little before midnight.
const ASKED: u64 = 350;
const GAP_MS: u64 = 120_000;

#[test]
fn r_makegood_what_the_exchange_could_not_ask_goes_back_to_its_plan() {
    let market = changed(&example(), |parts| {
        parts.dsps.iter_mut().for_each(|dsp| dsp.most_in_flight = 0);
        parts.deals.retain(|deal| deal.wire == "PDB-2026-SPRING-OPEN");
        for deal in &mut parts.deals {
            deal.fallback = None;
            deal.volume.as_mut().unwrap().daily = OFFERS;
        }
    });
    let deal = market.deal_named("PDB-2026-SPRING-OPEN").unwrap().id;
    let clock = Clock::manual(noon());
    let tokens = Tokens::new(&[TokenKey { id: 1, secret: [7; 64] }]).unwrap();
    let exchange =
        Exchange::new(market, tokens, Arc::new(MemoryStore::new()), Arc::new(Exchange::metrics()), clock.clone());
    let seed = Seed { lane: Lane(0), node: NodeId(1), boot: Boot(1), chance: Chance::seeded(1) };
    let core = Core::new(Arc::new(exchange), seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        for count in 0..ASKED {
            let now = noon().plus_ms(count * GAP_MS);
            clock.set(now);
            let exchange = core.exchange();
            exchange.budgets.tend(&exchange.needs(now), &Endless, exchange.lives(), now).unwrap();
            let bearer = Some("sunrise.demo-sunrise-secret");
            let body = Bytes::from_static(REQUEST);
            core.auction(Incoming { arrived: clock.instant(), bearer, body }).await;
        }
    });
    let day = noon().shanghai_day();
    let today = |measure| core.exchange().attribution.today(deal, day, measure);
    assert_eq!(today(Measure::Stage(Stage::Offered)) + today(Measure::Stage(Stage::Withheld)), 0);
    let busy = today(Measure::Cause(Cause::ExchangeBusy));
    assert!(
        busy > 2 * OFFERS,
        "{busy} opportunities were tried: none of the {OFFERS} times 1.3 that are planned is used up"
    );
}
