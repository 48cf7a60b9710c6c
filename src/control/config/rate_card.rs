//! `rate_card.toml`: dated versions of the prices (R-RATE).

use super::diagnostic::{At, File, Place, Report};
use super::names::{id, wire};
use super::reader::{Table, read_file};
use super::units::{day, price};
use crate::clock::ShanghaiDay;
use crate::money::CpmMicroYuan;

/// A placement as other files name it: `{ media = …, tagid = … }`.
#[derive(Clone)]
pub(super) struct PlacementRef {
    pub(super) media: At<String>,
    pub(super) tagid: At<String>,
}

impl PlacementRef {
    pub(super) const KEYS: &'static [&'static str] = &["media", "tagid"];

    pub(super) fn read(table: Table<'_>) -> Option<Self> {
        let media = table.required_at("media", id);
        let tagid = table.required_at("tagid", wire);
        Some(Self { media: media?, tagid: tagid? })
    }
}

/// One version.
pub(super) struct Card {
    pub(super) from: ShanghaiDay,
    pub(super) place: Place,
    pub(super) prices: Vec<At<(PlacementRef, CpmMicroYuan)>>,
}

/// The versions, the oldest first.
pub(super) struct RateCard {
    pub(super) cards: Vec<Card>,
    /// Whether all of it could be read, so that a price that is not there is really missing.
    pub(super) complete: bool,
}

pub(super) fn read(text: &str, report: &Report) -> RateCard {
    let read = read_file(File::RateCard, text, &["schema", "card"], report, |table| {
        let mut rates = RateCard { cards: Vec::new(), complete: true };
        let whole = table.each("card", &["from", "prices"], |table| match card(table) {
            Some(card) => rates.cards.push(card),
            None => rates.complete = false,
        });
        rates.complete &= whole;
        rates
    });
    let mut rates = read.unwrap_or(RateCard { cards: Vec::new(), complete: false });
    rates.cards.sort_by_key(|card| card.from);
    for pair in rates.cards.windows(2).filter(|pair| pair[0].from == pair[1].from) {
        let (day, first) = (pair[0].from, pair[0].place.line);
        report.error(pair[1].place, format!("a rate card from {day} is already defined on line {first} (R-RATE)"));
    }
    rates
}

fn card(table: Table<'_>) -> Option<Card> {
    let from = table.required("from", day);
    let prices = table.filled_tables("prices", &["media", "tagid", "cpm"], |table| {
        let placement = PlacementRef::read(table);
        let cpm = table.required("cpm", price);
        Some((placement?, cpm?))
    });
    Some(Card { from: from?, place: table.place, prices: prices? })
}
