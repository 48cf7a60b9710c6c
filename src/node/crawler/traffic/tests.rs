//! Impressions of an advertiser's deals.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::compliance::office::tests::{market, noon};
use crate::event::{Cause, Journal, Tally};
use crate::ids::NodeId;
use crate::store::Options;

#[test]
fn impressions_are_those_of_the_busier_day_at_all_processes() {
    let (market, folder, now) = (market(), tempfile::tempdir().unwrap(), noon());
    let deal = |wire: &str| market.deals.iter().find(|deal| deal.wire == wire).unwrap().id;
    let (milk, feed, games) = (deal("PDB-2026-SPRING-OPEN"), deal("PD-2026-DAIRY-FEED"), deal("PD-2026-PAOPAO"));
    let today = now.shanghai_day();
    let row =
        |days_ago: u32, deal, measure, count| Tally { day: ShanghaiDay(today.0 - days_ago), deal, measure, count };
    let billed = Measure::Stage(Stage::Billed);
    let other = SqliteStore::open(Options::new(folder.path(), NodeId(2)), now).unwrap();
    other.tally(vec![row(1, milk, billed, 500), row(0, milk, billed, 30)]).unwrap();
    other.close();
    let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), now).unwrap();
    let not_shown = Measure::Cause(Cause::NoCreative);
    let here = [(1, milk, billed, 70), (0, feed, billed, 9), (0, games, billed, 4_000), (0, milk, not_shown, 900_000)];
    store.tally(here.map(|(ago, deal, measure, count)| row(ago, deal, measure, count)).to_vec()).unwrap();
    store.confirm().unwrap();
    let mut traffic = Traffic::default();
    let of = |traffic: &mut Traffic, account: &str, advertiser: &str, now| {
        traffic.of(&Record::new(account, advertiser, "https://x.example/"), &market, &store, now)
    };
    assert_eq!(of(&mut traffic, "80010001", "qinghe-dairy", now), 579, "570 yesterday, 9 today");
    assert_eq!(of(&mut traffic, "80010003", "paopao-games", now), 4_000);
    assert_eq!(of(&mut traffic, "nobody", "nobody", now), 0);
    // Counts are read again after a while, not at each page.
    store.tally(vec![row(0, games, billed, 6_000)]).unwrap();
    store.confirm().unwrap();
    assert_eq!(of(&mut traffic, "80010003", "paopao-games", now.plus_ms(FRESH_MS - 1)), 4_000);
    assert_eq!(of(&mut traffic, "80010003", "paopao-games", now.plus_ms(FRESH_MS)), 10_000);
}
