//! The example of the repository, and what becomes of it when it is edited.

mod content;
mod deals;
mod format;
mod landing;
mod large;
mod operators;
mod partner_keys;
mod robustness;
mod rules;
mod settlement;
mod transport;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::clock::ShanghaiDay;
use crate::event::Method;
use crate::ids::DealId;
use crate::market::ImpFacts;
use crate::market::supply::Formats;

/// One replacement in a file: every occurrence; the old text must be there.
type Edit<'a> = (&'a str, &'a str, &'a str);

fn files_of_the_repository() -> BTreeMap<String, Vec<u8>> {
    let sources = load(Path::new("config")).unwrap();
    sources.files().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect()
}

/// The example of the repository with its late fee confirmed, so that nothing is warned of but what a test asks for.
fn example() -> BTreeMap<String, Vec<u8>> {
    let mut files = files_of_the_repository();
    files.get_mut("settlement.toml").unwrap().extend(b"late_fee_confirmed = true\n");
    files
}

fn moment() -> Moment {
    Moment { now: ShanghaiDay::parse("2026-11-22").unwrap().starts_at(), generation: 1 }
}

fn edited(edits: &[Edit<'_>]) -> Result<Compiled, Diagnostics> {
    let mut files = example();
    for (file, old, new) in edits {
        let text = String::from_utf8(files.remove(*file).unwrap()).unwrap();
        assert!(text.contains(old), "{file} does not have {old:?}");
        files.insert((*file).to_owned(), text.replace(old, new).into_bytes());
    }
    compile(&Sources::from_files(Path::new("config"), files)?, &mut IdBook::default(), &moment())
}

/// Checks all that is said about the example after some edits: the errors, or the warnings.
#[track_caller]
fn check(edits: &[Edit<'_>], expected: &[&str]) {
    let said: Vec<String> = match edited(edits) {
        Ok(compiled) => compiled.warnings.iter().map(|warning| format!("warning: {warning}")).collect(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(said, expected);
}

#[test]
fn the_example_compiles_without_a_word() {
    let compiled = edited(&[]).unwrap();
    assert_eq!(compiled.warnings, []);
    let market = &compiled.market;
    let counts = [market.media.len(), market.placements.len(), market.dsps.len(), market.buyers.len()];
    assert_eq!(counts, [3, 5, 3, 3]);
    assert_eq!([market.configured_advertisers().len(), market.creatives.len(), market.deals.len()], [3, 6, 5]);
    assert_eq!(compiled.node, NodeId(1));
    assert_eq!(compiled.token_keys, []);
    assert_eq!(compiled.top_ups.len(), 3);
    assert_eq!(compiled.top_ups[0].1.reference, "bank-2026-0001");

    let sunrise = market.key("sunrise").unwrap().media;
    let open = market.placement(sunrise, "sunrise-open").unwrap();
    assert_eq!(open.token_life_ms, 3_600_000, "from exchange.toml");
    let harbor = market.key("harbor").unwrap().media;
    let preroll = market.placement(harbor, "harbor-preroll").unwrap();
    assert_eq!((preroll.token_life_ms, preroll.minimum_display_ms), (14_400_000, 2_000));
    let pdb = market.deal_named("PDB-2026-SPRING-OPEN").unwrap();
    assert_eq!(pdb.method, Method::Pdb);
    assert_eq!(pdb.volume.unwrap().push.offers_for(10), 13);
    assert_eq!(pdb.fallback, market.creative(pdb.buyer, "milk-open-1").map(|creative| creative.id));
    let imp = ImpFacts { placement: open, formats: Formats::ALL, sizes: &[], only: None };
    let applying = market.deals_for(&market.facts(moment().now), imp);
    assert_eq!(
        applying.iter().map(|deal| deal.wire.as_str()).collect::<Vec<_>>(),
        ["PDB-2026-SPRING-OPEN", "PD-2026-PAOPAO"]
    );
    let basalt = market.dsps.iter().find(|dsp| dsp.wire == "basalt").unwrap();
    let bpg = market.deal_named("BPG-2026-X7-PREROLL").unwrap();
    assert_eq!(basalt.seats_of(bpg.buyer), Some(&["basalt-1".to_owned()][..]));
}

#[test]
fn the_same_sources_give_the_same_market_and_a_book_keeps_its_numbers() {
    let sources = Sources::from_files(Path::new("config"), example()).unwrap();
    let mut book = IdBook::default();
    let first = compile(&sources, &mut book, &moment()).unwrap().market;
    let fresh = book.fresh().len();
    assert_eq!(fresh, 3 + 3 + 5 + 3 + 3 + 3 + 6 + 5);
    let second = compile(&sources, &mut book, &moment()).unwrap().market;
    let third = compile(&sources, &mut IdBook::default(), &moment()).unwrap().market;
    assert!(book.fresh().is_empty());
    assert_eq!(format!("{:?}", first.deals), format!("{:?}", second.deals));
    assert_eq!(format!("{:?}", first.deals), format!("{:?}", third.deals));
    assert_eq!(format!("{:?}", first.placements), format!("{:?}", third.placements));
    assert_eq!((first.digest, first.generation), (sources.digest(), 1));
}

#[test]
fn a_refused_folder_gives_out_no_number() {
    let mut files = example();
    let deals = String::from_utf8(files["deals.toml"].clone()).unwrap().replace("\"9.50\"", "9.50");
    files.insert("deals.toml".to_owned(), deals.into_bytes());
    let mut book = IdBook::default();
    let sources = Sources::from_files(Path::new("config"), files).unwrap();
    compile(&sources, &mut book, &moment()).unwrap_err();
    assert!(book.fresh().is_empty());
}

#[test]
fn drafts_and_ended_deals_are_judged_but_not_in_the_market() {
    for state in ["draft", "ended"] {
        let state = format!("state = \"{state}\"");
        let market = edited(&[("deals.toml", "state = \"active\"", &state)]).unwrap().market;
        assert!(market.deals.is_empty() && market.deals.get(DealId(0)).is_none());
    }
    for (state, expected) in [("paused", 5), ("suspended", 5)] {
        let state = format!("state = \"{state}\"");
        assert_eq!(edited(&[("deals.toml", "state = \"active\"", &state)]).unwrap().market.deals.len(), expected);
    }
    check(
        &[("deals.toml", "state = \"active\"", "state = \"ended\""), ("deals.toml", "[\"aurora\"]", "[\"aurara\"]")],
        &[
            "config/deals.toml:11: unknown dsp `aurara`; did you mean `aurora`?",
            "config/deals.toml:81: unknown dsp `aurara`; did you mean `aurora`?",
        ],
    );
}
