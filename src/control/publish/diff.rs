//! What is different between two markets, by the names that operators know.

use std::collections::HashMap;
use std::fmt;

use crate::ids::DenseId;
use crate::market::demand::Creative;
use crate::market::supply::{Placement, Property};
use crate::market::{Market, Table};
use crate::money::Rate;

/// Some names, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// How many.
    pub count: usize,
    /// The first of them, in order.
    pub first: Vec<String>,
}

impl Names {
    /// That many names are kept.
    pub const MOST: usize = 50;

    fn of(mut names: Vec<String>) -> Self {
        let count = names.len();
        names.sort_unstable();
        names.truncate(Self::MOST);
        Self { count, first: names }
    }
}

/// What became of one kind of entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New ones.
    pub added: Names,
    /// Those whose terms are different.
    pub changed: Names,
    /// Those that are gone.
    pub removed: Names,
}

impl Changes {
    /// Whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.added, &self.changed, &self.removed].iter().all(|names| names.count == 0)
    }
}

/// What is different between two markets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Whether the exchange's own terms are.
    pub terms: bool,
    /// By kind, in the order of [`Diff::KINDS`].
    pub kinds: [Changes; Self::KINDS.len()],
}

impl Diff {
    /// What is compared, as config names it.
    pub const KINDS: [&'static str; 11] = [
        "deals",
        "creatives",
        "dsps",
        "media",
        "keys",
        "properties",
        "placements",
        "buyers",
        "advertisers",
        "rates",
        "partner_keys",
    ];

    /// From the old market to the new one.
    #[must_use]
    pub fn between(old: &Market, new: &Market) -> Self {
        let keys = |market: &Market| -> HashMap<String, _> {
            market.keys().map(|key| (key.key_id.clone(), (key.sha256, key.media))).collect()
        };
        let partner_keys = |market: &Market| -> HashMap<String, _> {
            market.partner_keys().map(|key| (key.key_id.clone(), (key.sha256, key.partner))).collect()
        };
        let kinds = [
            tables(&old.deals, &new.deals, |it| it.id, |it| it.wire.clone()),
            tables(&old.creatives, &new.creatives, |it| it.id, |it| creative(old, new, it)),
            tables(&old.dsps, &new.dsps, |it| it.id, |it| it.wire.clone()),
            tables(&old.media, &new.media, |it| it.id, |it| it.wire.clone()),
            maps(&keys(old), &keys(new)),
            tables(&old.properties, &new.properties, |it| it.id, |it| property(old, new, it)),
            tables(&old.placements, &new.placements, |it| it.id, |it| placement(old, new, it)),
            tables(&old.buyers, &new.buyers, |it| it.id, |it| it.account.clone()),
            tables(old.configured_advertisers(), new.configured_advertisers(), |it| it.id, |it| it.wire.clone()),
            maps(&rates(old), &rates(new)),
            maps(&partner_keys(old), &partner_keys(new)),
        ];
        Self { terms: old.terms != new.terms, kinds }
    }

    /// One line for each thing that is different, as `deals: 1 changed (PD-1)`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.terms {
            lines.push("exchange: terms changed".to_owned());
        }
        for (kind, changes) in Self::KINDS.iter().zip(&self.kinds) {
            let parts = [("added", &changes.added), ("changed", &changes.changed), ("removed", &changes.removed)];
            for (what, names) in parts.into_iter().filter(|(_, names)| names.count > 0) {
                let more = if names.count > names.first.len() { ", …" } else { "" };
                lines.push(format!("{kind}: {} {what} ({}{more})", names.count, names.first.join(", ")));
            }
        }
        lines
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}

fn tables<I: DenseId, T: PartialEq>(
    old: &Table<I, T>,
    new: &Table<I, T>,
    id: impl Fn(&T) -> I,
    name: impl Fn(&T) -> String,
) -> Changes {
    let names = |items: &mut dyn Iterator<Item = &T>| Names::of(items.map(&name).collect());
    Changes {
        added: names(&mut new.iter().filter(|it| old.get(id(it)).is_none())),
        changed: names(&mut new.iter().filter(|it| old.get(id(it)).is_some_and(|before| before != *it))),
        removed: names(&mut old.iter().filter(|it| new.get(id(it)).is_none())),
    }
}

fn maps<T: PartialEq>(old: &HashMap<String, T>, new: &HashMap<String, T>) -> Changes {
    let names = |items: &mut dyn Iterator<Item = &String>| Names::of(items.cloned().collect());
    Changes {
        added: names(&mut new.keys().filter(|key| !old.contains_key(*key))),
        changed: names(&mut new.keys().filter(|key| old.get(*key).is_some_and(|before| Some(before) != new.get(*key)))),
        removed: names(&mut old.keys().filter(|key| !new.contains_key(*key))),
    }
}

/// `account/crid`; a buyer may be in one of the markets only.
fn creative(old: &Market, new: &Market, it: &Creative) -> String {
    let buyer = new.buyers.get(it.buyer).or_else(|| old.buyers.get(it.buyer));
    format!("{}/{}", buyer.map_or("?", |buyer| buyer.account.as_str()), it.crid())
}

/// `media/property`.
fn property(old: &Market, new: &Market, it: &Property) -> String {
    let media = new.media.get(it.media).or_else(|| old.media.get(it.media));
    format!("{}/{}", media.map_or("?", |media| media.wire.as_str()), it.wire)
}

/// By `currency day`.
fn rates(market: &Market) -> HashMap<String, Rate> {
    market.rates.iter().map(|(currency, from, rate)| (format!("{currency} {from}"), *rate)).collect()
}

/// `media/tagid`.
fn placement(old: &Market, new: &Market, it: &Placement) -> String {
    let media = new.media.get(it.media).or_else(|| old.media.get(it.media));
    format!("{}/{}", media.map_or("?", |media| media.wire.as_str()), it.tagid)
}
