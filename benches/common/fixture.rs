//! What the benches share: the example market at a fixed moment, one request, one DSP's answer to it.

#![allow(dead_code, reason = "each bench takes what it needs")]

use std::path::Path;
use std::sync::Arc;

use loadtest::catalog::{Catalog, Secrets};
use openrtb::BidRequest;
use pmpx::auction::admission::admit;
use pmpx::auction::eligibility::{Delivery, Funds, Invited, Standing, invite};
use pmpx::auction::matching::match_deals;
use pmpx::clock::{Chance, ShanghaiDay, UnixMillis};
use pmpx::control::config::{Moment, compile, load};
use pmpx::event::{DayCommitment, Lease, LeaseRequest, Leases, StoreUnavailable};
use pmpx::ids::{AuctionId, BuyerId, IdBook, LeaseId};
use pmpx::market::deal::Deal;
use pmpx::market::supply::Media;
use pmpx::market::{Market, Parts};
use pmpx::money::MicroYuan;

/// Noon of a day on which every example deal runs.
pub(crate) fn noon() -> UnixMillis {
    ShanghaiDay::parse("2026-06-01").unwrap().starts_at().plus_ms(43_200_000)
}

/// The id that [`answer`] answers.
pub(crate) fn auction() -> AuctionId {
    AuctionId((u128::from(noon().0) << 80) | 42)
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
}

/// The market of the example config.
pub(crate) fn example() -> Market {
    compile(&load(folder()).unwrap(), &mut IdBook::default(), &Moment { now: noon(), generation: 1 }).unwrap().market
}

/// A market as another one with something changed.
pub(crate) fn changed(market: &Market, change: impl FnOnce(&mut Parts)) -> Market {
    let mut parts = Parts {
        // In the example, a media's one key is called as the media is.
        keys: market.media.iter().filter_map(|media| market.key(&media.wire)).cloned().collect(),
        media: market.media.iter().cloned().collect(),
        properties: market.properties.iter().cloned().collect(),
        placements: market.placements.iter().cloned().collect(),
        dsps: market.dsps.iter().cloned().collect(),
        buyers: market.buyers.iter().cloned().collect(),
        advertisers: market.configured_advertisers().iter().cloned().collect(),
        creatives: market.creatives.iter().cloned().collect(),
        deals: market.deals.iter().cloned().collect(),
        rates: market.rates.clone(),
        partner_keys: market.partner_keys().cloned().collect(),
    };
    change(&mut parts);
    Market::assemble(market.generation, market.loaded_at, market.digest, market.terms.clone(), parts)
}

/// The media of [`REQUEST`].
pub(crate) fn media(market: &Market) -> &Media {
    market.media.iter().find(|media| media.wire == "sunrise").unwrap()
}

/// What scripted DSPs know of the example config.
pub(crate) fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::from_config(folder(), &Secrets::demo()).unwrap())
}

/// A request for the opening screen of an app, with consent and identifiers. A PDB deal of one DSP that needs them and a preferred
/// deal of two others apply. About 2.7 KB, as media send it: without white space.
pub(crate) static REQUEST: &[u8] = include_bytes!("request.json");

/// A right answer of the PDB deal's DSP to [`auction`] about [`REQUEST`], with notices and macros.
pub(crate) fn answer() -> Vec<u8> {
    const REST: &str = concat!(
        r#""bidid":"r1","cur":"CNY","seatbid":[{"seat":"aurora-1","bid":[{"id":"b1-1","impid":"1","price":60.0,"#,
        r#""adm":"<a href=\"https://qinghe.example/spring\"><img src=\"https://cdn.qinghe.example/milk-open-1.jpg?a=${AUCTION_ID}\" "#,
        r#"width=\"1080\" height=\"1920\" alt=\"\"></a>","adomain":["qinghe.example"],"cat":["IAB8"],"crid":"milk-open-1","#,
        r#""dealid":"PDB-2026-SPRING-OPEN","w":1080,"h":1920,"mtype":1,"#,
        r#""nurl":"http://127.0.0.1:9101/notice/win?auction=${AUCTION_ID}&price=${AUCTION_PRICE}","#,
        r#""burl":"http://127.0.0.1:9101/notice/bill?auction=${AUCTION_ID}&price=${AUCTION_PRICE}","#,
        r#""lurl":"http://127.0.0.1:9101/notice/loss?auction=${AUCTION_ID}&reason=${AUCTION_LOSS}"}]}]}"#,
    );
    format!(r#"{{"id":"{}",{REST}"#, auction()).into_bytes()
}

/// Who is invited for a request when every deal is due and funded.
pub(crate) fn invited<'r>(market: &'r Market, request: &'r BidRequest<'r>) -> Invited<'r> {
    let admitted = admit(market, media(market), request, noon()).unwrap();
    invite(market, match_deals(market, admitted).unwrap(), &Ready, &mut Chance::seeded(1))
}

/// Live state in which every deal is due and funded.
pub(crate) struct Ready;

impl Delivery for Ready {
    fn standing(&self, deal: &Deal, _: MicroYuan) -> Standing {
        Standing { behind: deal.volume.map(|_| 0), capped: false, funds: Funds::Ready, may_return: true }
    }

    fn take(&self, _: &Deal) -> bool {
        true
    }
}

/// A store that leases more than any bench awards.
pub(crate) struct Endless;

impl Leases for Endless {
    fn grant(&self, request: LeaseRequest) -> Result<Option<Lease>, StoreUnavailable> {
        let LeaseRequest { source, window_ends, .. } = request;
        Ok(Some(Lease { id: LeaseId(1_000_000), source, amount: MicroYuan(i64::MAX / 2), window_ends }))
    }

    fn retire(&self, _: LeaseId, _: MicroYuan) -> Result<(), StoreUnavailable> {
        Ok(())
    }

    fn close_dead(&self, _: UnixMillis) -> Result<u64, StoreUnavailable> {
        Ok(0)
    }

    fn commit_day(&self, _: &DayCommitment, _: UnixMillis) -> Result<bool, StoreUnavailable> {
        Ok(true)
    }

    fn expire(&self, _: &[(BuyerId, ShanghaiDay)], _: UnixMillis) -> Result<u64, StoreUnavailable> {
        Ok(0)
    }
}
