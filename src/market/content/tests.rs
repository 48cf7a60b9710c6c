#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::clock::UnixMillis;
use crate::ids::{AdvertiserId, CreativeVersion};
use crate::market::demand::CreativeTexts;
use crate::market::shared::Shared;
use crate::market::{ExchangeTerms, Parts, Suspensions};

const BUYER: BuyerId = BuyerId(7);
const SIZE: Size = Size { w: 300, h: 250 };

fn creative(id: u32, version: u16, state: CreativeState) -> Creative {
    Creative {
        id: CreativeId(id),
        version: CreativeVersion(version),
        buyer: BUYER,
        advertiser: AdvertiserId(0),
        texts: CreativeTexts::new(&format!("crid-{id}"), "https://a.example/"),
        state,
        format: Format::Banner,
        sizes: [SIZE].into(),
        duration_s: None,
        categories: Shared::default(),
        markup: None,
        monitors: None,
        review: None,
        print: None,
    }
}

fn shelf(creatives: &[(u32, u16, CreativeState)]) -> Arc<Shelf> {
    Arc::new(Shelf::new(creatives.iter().map(|(id, version, state)| creative(*id, *version, *state))))
}

fn market(
    config: &[(u32, u16, CreativeState)],
    base: &[(u32, u16, CreativeState)],
    recent: &[(u32, u16, CreativeState)],
) -> Market {
    let creatives = config.iter().map(|(id, version, state)| creative(*id, *version, *state)).collect();
    let parts = Parts { creatives, ..Parts::default() };
    let market = Market::assemble(1, UnixMillis(0), [0; 32], ExchangeTerms::plain(), parts);
    market.showing(Content::new(shelf(base), shelf(recent), Arc::default()))
}

/// By name and by number; `None`: there is none.
fn stands(market: &Market, id: u32) -> Option<(u16, CreativeState)> {
    let named = market.creative(BUYER, &format!("crid-{id}"));
    assert_eq!(named, market.creative_numbered(CreativeId(id)));
    named.map(|it| (it.version.0, market.creative_state(it)))
}

fn fitting(market: &Market) -> Vec<(u32, u16)> {
    let mut found: Vec<_> =
        market.approved_creatives(BUYER, Format::Banner, Some(SIZE)).map(|it| (it.id.0, it.version.0)).collect();
    found.sort_unstable();
    found
}

/// R-REVIEW: what stands is the newest word that has ever let a creative run; what waits, or was refused, takes nothing away.
#[test]
fn r_review_the_newest_verdict_stands_and_what_waits_takes_nothing_away() {
    use CreativeState::{Approved, Checking, Expired, PendingReview, Rejected, Suspended};
    let config = [(1, 1, Approved), (2, 1, Approved), (3, 1, Approved), (4, 1, Suspended), (5, 1, Approved)];
    let base = [
        (2, 2, Approved),
        (3, 2, PendingReview),
        (4, 2, Approved),
        (6, 1, Approved),
        (7, 1, Checking),
        (8, 1, Approved),
    ];
    let recent = [(5, 2, Suspended), (6, 1, Suspended), (8, 1, Expired), (9, 1, Rejected), (10, 1, Approved)];
    let market = market(&config, &base, &recent);
    let all: Vec<_> = (1..=11).map(|id| stands(&market, id)).collect();
    let told = [
        Some((1, Approved)),
        Some((2, Approved)),
        Some((1, Approved)),
        Some((2, Approved)),
        Some((2, Suspended)),
        Some((1, Suspended)),
        Some((1, Checking)),
        Some((1, Expired)),
        Some((1, Rejected)),
        Some((1, Approved)),
        None,
    ];
    assert_eq!(all, told);
    assert_eq!(fitting(&market), [(1, 1), (2, 2), (3, 1), (4, 2), (10, 1)]);
    let mut listed: Vec<_> = market.all_creatives().map(|it| (it.id.0, it.version.0)).collect();
    listed.sort_unstable();
    let each: Vec<_> = told.iter().zip(1..).filter_map(|(it, id)| it.map(|(version, _)| (id, version))).collect();
    assert_eq!(listed, each, "each is listed once");
    let off = Suspensions { creatives: [CreativeId(10)].into_iter().collect(), ..Suspensions::default() };
    let market = market.under(off);
    assert_eq!(stands(&market, 10), Some((1, Suspended)), "a kill switch comes before a review");
    assert_eq!(fitting(&market).last(), Some(&(4, 2)));
}

#[test]
fn a_merged_shelf_has_the_newer_ones_and_the_rest() {
    use CreativeState::{Approved, Suspended};
    let merged = shelf(&[(1, 1, Approved), (3, 1, Approved)]).merged(&shelf(&[(3, 2, Suspended), (2, 1, Approved)]));
    let all: Vec<_> = merged.iter().map(|it| (it.id.0, it.version.0, it.crid().to_owned())).collect();
    assert_eq!(all, [(1, 1, "crid-1".to_owned()), (2, 1, "crid-2".to_owned()), (3, 2, "crid-3".to_owned())]);
    let one = merged.iter().next().unwrap();
    assert!(merged.iter().all(|it| it.sizes.is(&one.sizes)), "lists are kept once");
}
