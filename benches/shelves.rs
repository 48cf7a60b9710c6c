//! What a million reviewed creatives cost: looking one up, and a verdict.
//!
//! `cargo bench -p pmpx --bench shelves`.
//!
//! Before the timings it prints how many bytes each creative holds (Linux); bytes do not depend on the profile: `--profile dev` tells them too.
//!
//! - `creative`: a lookup by buyer and `crid`, of one that is there and one that is not, each another one than before.
//! - `verdict`: from a creative that was read to the market that shows it, with nothing and with 4,096 creatives beside the large shelf.
//! - `base`: building the large shelf with 4,096 newer creatives.
//! - `digest`: comparing 2 KiB of markup with the approved one.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pmpx::ids::{AdvertiserId, BuyerId, CreativeId, CreativeVersion};
use pmpx::market::Market;
use pmpx::market::content::{Content, Shelf};
use pmpx::market::demand::{Approved, Creative, CreativeState, CreativeTexts};
use pmpx::market::shared::Shared;
use pmpx::market::supply::{Format, Size};
use pmpx::markup::digest;

const COUNT: u32 = 1_000_000;
const RECENT: u32 = 4_096;
const BUYERS: u32 = 100;

fn creative(number: u32, markup: &str) -> Creative {
    let crid = format!("spring-{number:07}");
    Creative {
        id: CreativeId(number),
        version: CreativeVersion(1),
        buyer: BuyerId(number % BUYERS),
        advertiser: AdvertiserId(number % 1_000),
        texts: CreativeTexts::new(&crid, &format!("https://qinghe.example/spring/{number:07}")),
        state: CreativeState::Approved,
        format: Format::Banner,
        sizes: [Size { w: 640, h: 100 }].into(),
        duration_s: None,
        categories: Shared::default(),
        markup: None,
        monitors: None,
        review: Some(Arc::new(Approved { attributes: Some(Box::default()), shown: (0, u32::MAX) })),
        print: Some(digest::print(markup)),
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// A shelf, and what it holds for each creative once what it was made from is gone.
fn weighed(markup: &str) -> (Shelf, Option<u64>) {
    let before = resident();
    let shelf = Shelf::new((0..COUNT).map(|number| creative(number, markup)));
    let grown = resident().zip(before).map(|(after, before)| after.saturating_sub(before) / u64::from(COUNT));
    (shelf, grown)
}

#[allow(clippy::print_stdout, reason = "a measurement that criterion has no place for")]
fn content(criterion: &mut Criterion) {
    let (plain, bytes) = weighed("<a href=\"__CLICK_URL__\"><img src=\"https://cdn.qinghe.example/1.jpg\"></a>");
    println!("{COUNT} reviewed creatives: {} bytes each at most, without macros of values", bytes.unwrap_or_default());
    let (base, recent) = (Arc::new(plain), Shelf::new((0..RECENT).map(|it| creative(it * 7, "newer"))));
    let market = common::example().showing(Content::new(base.clone(), Arc::default(), Arc::default()));
    let mut group = criterion.benchmark_group("content");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (what, prefix) in [("hit", "spring"), ("miss", "summer")] {
        let mut number = 0_u32;
        let mut name = String::new();
        group.bench_function(format!("creative/{what}"), |bencher| {
            bencher.iter(|| {
                use std::fmt::Write as _;
                number = (number + 611_953) % COUNT;
                name.clear();
                write!(name, "{prefix}-{number:07}").unwrap();
                black_box(market.creative(BuyerId(number % BUYERS), &name)).is_some()
            });
        });
    }
    for beside in [0, RECENT] {
        let kept: Vec<_> = recent.iter().take(beside as usize).cloned().collect();
        group.bench_function(format!("verdict/{beside}"), |bencher| bencher.iter(|| verdict(&market, &base, &kept)));
    }
    group.bench_function("base", |bencher| bencher.iter(|| black_box(base.merged(&recent)).len()));
    let approved = format!("<img src=\"https://t.qinghe.example/?a=${{AUCTION_ID}}\">{}", "x".repeat(2_000));
    let (print, bid) = (digest::print(&approved), approved.replace("${AUCTION_ID}", "018bcfe568000001"));
    group.throughput(Throughput::Bytes(bid.len() as u64));
    group.bench_function("digest", |bencher| bencher.iter(|| assert!(digest::is_as_approved(&print, black_box(&bid)))));
    group.finish();
}

fn verdict(market: &Market, base: &Arc<Shelf>, kept: &[Creative]) -> u64 {
    let mut recent = kept.to_vec();
    recent.push(Creative { state: CreativeState::Suspended, ..creative(5, "newer") });
    let content = Content::new(base.clone(), Arc::new(Shelf::new(recent)), Arc::default());
    market.showing(content).generation
}

criterion_group!(benches, content);
criterion_main!(benches);
