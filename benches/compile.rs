//! What compiling a large folder costs, and what the market weighs.
//!
//! `cargo bench -p pmpx --bench compile`.
//!
//! Before the timings it prints, for 100,000 preferred deals of six conditions each and for 100,000 creatives: the peak of the
//! process's memory while compiling, and by how much each further market that is kept makes it grow (Linux; each in a process of its own,
//! where what is freed is used again, so that the growth is what a market holds).
//!
//! - `compile`: from the texts of the files to a market, at 1,000 and 100,000 deals.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

#[path = "common/fixture.rs"]
mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use common::noon;
use criterion::{BenchmarkId, Criterion, criterion_group};
use pmpx::control::config::{Moment, Sources, compile, load};
use pmpx::ids::IdBook;
use pmpx::market::Market;

/// The example with one file's text replaced.
fn with(name: &str, text: String) -> Sources {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
    let files = load(folder).unwrap();
    let mut files: BTreeMap<_, _> =
        files.files().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect();
    files.insert(name.to_owned(), text.into_bytes());
    Sources::from_files(folder, files).unwrap()
}

/// The example with that many preferred deals in place of its own.
fn sources(deals: u32) -> Sources {
    let mut text = "schema = 1\n".to_owned();
    for number in 0..deals {
        writeln!(
            text,
            "[[deal]]\nid = \"PD-{number:06}\"\nmethod = \"PD\"\nstate = \"active\"\naccount = \"80010001\"\ndsps = [\"aurora\"]\n\
             from = \"2026-01-01\"\nuntil = \"2027-12-31\"\ncpm = \"{}.00\"\n\
             placements = [{{ media = \"sunrise\", tagid = \"sunrise-feed\" }}]\nformats = [\"banner\"]\nregions = [\"CN-{:02}\", \"CN-SH\"]\n\
             cities = [\"city {}\"]\noperating_systems = [\"android\", \"ios>=15\"]\nhours = [\"7-22\"]\nexclude = {{ makes = [\"maker {}\"] }}",
            24 + number % 9,
            number % 34,
            number % 300,
            number % 50,
        )
        .unwrap();
    }
    with("deals.toml", text)
}

/// The example with that many creatives beside its own: approved banners of one buyer's advertiser.
fn creative_sources(creatives: u32) -> Sources {
    let mut text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/creatives.toml")).unwrap();
    for number in 0..creatives {
        writeln!(
            text,
            "[[creative]]\ncrid = \"spring-{number:06}\"\nversion = 1\naccount = \"80010001\"\nadvertiser = \"qinghe-dairy\"\nstate = \"approved\"\n\
             format = \"banner\"\nsizes = [\"640x100\"]\nlanding_page = \"https://qinghe.example/spring/{number:06}\"",
        )
        .unwrap();
    }
    with("creatives.toml", text)
}

fn market(sources: &Sources) -> Market {
    compile(sources, &mut IdBook::default(), &Moment { now: noon(), generation: 1 }).unwrap().market
}

/// A line of `/proc/self/status`, in KiB.
fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|it| it.strip_prefix(line))?.split_whitespace().nth(1)?.parse().ok()
}

/// What compiling takes at its peak, and what each of eight further markets that are kept adds to the process.
#[allow(clippy::print_stdout, reason = "a measurement that criterion has no place for")]
fn weigh(what: &str) {
    const COUNT: u32 = 100_000;
    const KEPT: u64 = 8;
    let sources = if what == "deals" { sources(COUNT) } else { creative_sources(COUNT) };
    let Some(before) = memory("VmRSS") else { return };
    let mut kept = vec![market(&sources)];
    let peak = memory("VmHWM").unwrap_or_default().saturating_sub(before) >> 10;
    // The holes that compiling leaves behind are there once; from the fourth market on they are filled and left again.
    kept.extend((0..3).map(|_| market(&sources)));
    let was = memory("VmRSS").unwrap_or_default();
    kept.extend((0..KEPT).map(|_| market(&sources)));
    let grown = memory("VmRSS").unwrap_or_default().saturating_sub(was) << 10;
    println!(
        "{COUNT} {what}: peak {peak} MiB above the texts, {} bytes each once compiled",
        grown / KEPT / u64::from(COUNT)
    );
    black_box(&kept);
}

fn compiled(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(5));
    for count in [1_000, 100_000] {
        let sources = sources(count);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| black_box(market(&sources)).generation);
        });
    }
    group.finish();
}

criterion_group!(benches, compiled);
/// Names what a process of its own weighs.
const WEIGH: &str = "PMPX_WEIGH";

fn main() {
    if let Ok(what) = std::env::var(WEIGH) {
        return weigh(&what);
    }
    for what in ["deals", "creatives"] {
        let status = std::process::Command::new(std::env::current_exe().unwrap()).env(WEIGH, what).status().unwrap();
        assert!(status.success(), "{what} were not weighed");
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
