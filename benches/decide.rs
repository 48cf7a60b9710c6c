//! What a decision costs without I/O: nanoseconds per request or answer.
//!
//! `cargo bench -p pmpx --bench decide`.
//!
//! - `request`: how far a decoded request has come: `admission`, then `matching` with all before it, then `eligibility` with all
//!   before it. On the example config, with every deal due and funded: two deals, three DSPs.
//! - `answer`: one DSP's right bid, from its bytes to what it comes to (`bid_check`), and from there to the winner (`clearing`).
//! - `deals`: the whole of `request` as deals grow, three on each placement. `same` asks one placement again and again, `any`
//!   another one each time, as traffic does, so that caches do not help.
//! - `others`: the whole of `request` with deals on its placement that are for other regions, systems or segments.
//! - `creatives`: the same as one buyer's creatives grow, of which the last fits.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{REQUEST, Ready, auction, changed, example, media, noon};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use openrtb::{Arena, Arenas, BidRequest, Decoder, Imp, Limits, Text};
use pmpx::auction::admission::admit;
use pmpx::auction::bid_check::check;
use pmpx::auction::clearing::Clearing;
use pmpx::auction::eligibility::{Invited, invite};
use pmpx::auction::matching::match_deals;
use pmpx::clock::Chance;
use pmpx::ids::{CreativeId, DealId, PlacementId};
use pmpx::market::Market;
use pmpx::market::deal::Deal;
use pmpx::market::demand::{Creative, CreativeTexts};
use pmpx::market::supply::{Format, Placement};
use pmpx::market::targeting::{Clause, Conditions, Dimension, Listed, OperatingSystem, Place, Segment, Targeting};

const ASKED: &str = "sunrise-open";
const PER_PLACEMENT: u32 = 3;

fn decode(arena: &Arena) -> BidRequest<'_> {
    Decoder::new(Limits::default()).decode_request_in(arena.copy(REQUEST), arena).unwrap()
}

/// Admission, matching, eligibility.
fn decide<'r>(market: &'r Market, request: &'r BidRequest<'r>, chance: &mut Chance) -> Invited<'r> {
    let admitted = admit(market, media(market), request, noon()).unwrap();
    invite(market, match_deals(market, admitted).unwrap(), &Ready, chance)
}

fn request(criterion: &mut Criterion) {
    let market = example();
    let arena = Arena::new();
    let request = decode(&arena);
    let mut chance = Chance::seeded(1);
    let mut group = criterion.benchmark_group("decide/request");
    group.bench_function("admission", |bencher| {
        bencher.iter(|| black_box(admit(&market, media(&market), black_box(&request), noon()).is_ok()));
    });
    group.bench_function("matching", |bencher| {
        bencher.iter(|| {
            let admitted = admit(&market, media(&market), black_box(&request), noon()).unwrap();
            black_box(match_deals(&market, admitted).is_ok())
        });
    });
    group.bench_function("eligibility", |bencher| {
        bencher.iter(|| {
            black_box(&decide(&market, black_box(&request), &mut chance));
        });
    });
    group.finish();
}

fn answer(criterion: &mut Criterion) {
    let market = example();
    let arena = Arena::new();
    let request = decode(&arena);
    let mut decoder = Decoder::new(Limits::default());
    let answer = common::answer();
    let invited = common::invited(&market, &request);
    let aurora = invited.invitations().iter().position(|invitation| invitation.dsp.wire == "aurora").unwrap();
    let arenas = Arenas::default();
    let mut group = criterion.benchmark_group("decide/answer");
    group.bench_function("bid_check", |bencher| {
        bencher.iter(|| {
            let (invitation, arena) = (&invited.invitations()[aurora], arenas.lend());
            let body = (&black_box(&answer)[..], &*arena);
            black_box(&check(&market, &invited, invitation, auction(), &mut decoder, body));
        });
    });
    let checked = check(&market, &invited, &invited.invitations()[aurora], auction(), &mut decoder, (&answer, &arena));
    assert_eq!((checked.accepted.len(), checked.rejected.len()), (1, 0), "the bid counts");
    group.bench_function("clearing", |bencher| {
        bencher.iter_batched(
            || (common::invited(&market, &request), checked.clone()),
            |(invited, checked)| {
                let mut clearing = Clearing::new(&market, invited);
                clearing.answered(aurora, checked);
                assert!(clearing.is_settled(), "the first of precedence has bid");
                clearing.decide(false)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// A market with that many deals, three on each placement: a PDB deal and two preferred ones.
fn with_deals(count: u32) -> Market {
    changed(&example(), |parts| {
        let asked = parts.placements.iter().find(|placement| placement.tagid == ASKED).unwrap().clone();
        let fits = |deal: &&Deal| deal.targeting.places.contains(&Place::Placement(asked.id));
        let models: Vec<_> = parts.deals.iter().filter(fits).cloned().collect();
        let placement = |number: u32| Placement { id: PlacementId(number), tagid: tagid(number), ..asked.clone() };
        let deal = |number: u32| {
            let model = &models[(number % PER_PLACEMENT).min(1) as usize];
            let places = [Place::Placement(PlacementId(number / PER_PLACEMENT))].into_iter().collect();
            Deal {
                id: DealId(number),
                wire: format!("{}-{number}", model.wire),
                targeting: Targeting { places, ..model.targeting.clone() },
                ..model.clone()
            }
        };
        parts.placements = (0..count.div_ceil(PER_PLACEMENT)).map(placement).collect();
        parts.deals = (0..count).map(deal).collect();
    })
}

fn tagid(number: u32) -> String {
    format!("placement-{number}")
}

fn deals(criterion: &mut Criterion) {
    let arena = Arena::new();
    let request = decode(&arena);
    let mut chance = Chance::seeded(1);
    let mut group = criterion.benchmark_group("decide/deals");
    for count in [10, 1_000, 100_000] {
        let market = with_deals(count);
        let full = (count / PER_PLACEMENT) as usize;
        let tags: Vec<_> = (0..full as u32).map(tagid).collect();
        for (name, step) in [("same", 0), ("any", 7_919)] {
            let mut at = full / 2;
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    at = (at + step) % full;
                    let imp = Imp { tagid: Some(Text::from(tags[at].as_str())), ..request.imp[0] };
                    let request = BidRequest { imp: &[imp], ..request };
                    let invited = decide(&market, black_box(&request), &mut chance);
                    assert_eq!(invited.matched().deals(0).len(), PER_PLACEMENT as usize);
                    black_box(&invited);
                });
            });
        }
    }
    group.finish();
}

/// The example with that many preferred deals on the asked placement that are for others than who asks: other regions, other systems or
/// other segments.
fn for_others(count: u32) -> Market {
    let listed = |number: u32| -> Listed {
        let text = |name: String| name.into_boxed_str();
        match number % 3 {
            0 => Listed::Texts(Dimension::Region, [text(format!("CN-X{}", number % 33))].into()),
            1 => {
                let segment = Segment { provider: "segments".into(), id: text(format!("x{}", number % 5_000)) };
                Listed::Segments([segment].into())
            }
            _ => Listed::OperatingSystems([OperatingSystem { name: "ios".into(), least: None }].into()),
        }
    };
    changed(&example(), |parts| {
        let model = parts.deals.iter().find(|deal| deal.wire == "PD-2026-PAOPAO").unwrap().clone();
        let deal = |number: u32| {
            let clauses = [Clause { exclude: false, listed: listed(number) }].into();
            let conditions = Some(Arc::new(Conditions { clauses, ..Conditions::default() }));
            Deal {
                id: DealId(1_000 + number),
                wire: format!("OTHERS-{number}"),
                targeting: Targeting { conditions, ..model.targeting.clone() },
                ..model.clone()
            }
        };
        parts.deals.extend((0..count).map(deal));
    })
}

fn others(criterion: &mut Criterion) {
    let arena = Arena::new();
    let request = decode(&arena);
    let mut chance = Chance::seeded(1);
    let mut group = criterion.benchmark_group("decide/others");
    for count in [0, 10, 1_000, 100_000] {
        let market = for_others(count);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let invited = decide(&market, black_box(&request), &mut chance);
                assert_eq!(invited.matched().deals(0).len(), 2);
                black_box(&invited);
            });
        });
    }
    group.finish();
}

/// The example with so many creatives of the PDB deal's buyer; those before the last are of a format that is not asked for.
fn with_creatives(count: u32) -> Market {
    changed(&example(), |parts| {
        let fits = parts.creatives.iter().find(|creative| creative.crid() == "milk-open-1").unwrap().clone();
        parts.creatives.retain(|creative| creative.buyer != fits.buyer);
        let first = 1_000;
        let other = |number: u32| Creative {
            id: CreativeId(first + number),
            texts: CreativeTexts::new(&format!("other-{number}"), fits.landing_page()),
            format: Format::Video,
            markup: None,
            ..fits.clone()
        };
        parts.creatives.extend((1..count).map(other));
        parts.creatives.push(fits.clone());
    })
}

fn creatives(criterion: &mut Criterion) {
    let arena = Arena::new();
    let request = decode(&arena);
    let mut chance = Chance::seeded(1);
    let mut group = criterion.benchmark_group("decide/creatives");
    for count in [10, 1_000, 10_000] {
        let market = with_creatives(count);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                black_box(&decide(&market, black_box(&request), &mut chance));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, request, answer, deals, others, creatives);
criterion_main!(benches);
