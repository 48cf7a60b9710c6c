//! Data Promotion Service Orders: their versions, when each settles, and how they end (R-ORDER, R-COMMIT, R-RATE, R-INVENTORY).
//!
//! An order binds once the exchange confirms it. A change is a new version with 30 days' notice; until it is in force the old one settles. A
//! guaranteed deal's terms on a day are those of the order that is in force; before any order is, those of the config. A day's terms stand
//! before it begins, because its volume is set aside at midnight: what is entered counts from the next day on (`first_day_after`).

mod end;
mod serving;
mod sign;

pub use end::OrderCancellation;
pub use sign::OrderConfirmation;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::office::said;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{FactKind, KeptFact, Method};
use crate::ids::BuyerId;
use crate::market::deal::{Deal, PushRatio};
use crate::money::{CpmMicroYuan, MicroYuan};

/// What of a line differs knowingly from the deal in the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// The unit price.
    Price,
    /// The daily volume.
    Volume,
    /// The push ratio.
    PushRatio,
    /// The days.
    Period,
}

/// One deal of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The deal's id on the wire.
    pub deal: String,
    /// How it is bought.
    #[serde(with = "method")]
    pub method: Method,
    /// The first day.
    pub from: ShanghaiDay,
    /// The last day.
    pub until: ShanghaiDay,
    /// Impressions a day; guaranteed lines have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u64>,
    /// Yuan per mille.
    #[serde(with = "cpm")]
    pub cpm: CpmMicroYuan,
    /// The push ratio, as a decimal; left out: 1 (R-PUSH).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_ratio: Option<String>,
    /// What differs knowingly from the deal in the market; everything else must agree with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Term>,
}

impl Line {
    /// Whether a day is within it.
    #[must_use]
    pub fn includes(&self, day: ShanghaiDay) -> bool {
        self.from <= day && day <= self.until
    }

    /// The push ratio; `None` when it is none.
    #[must_use]
    pub fn push(&self) -> Option<PushRatio> {
        self.push_ratio.as_deref().map_or(Some(PushRatio::ONE), PushRatio::parse)
    }

    /// What is ordered for the days from `first` to `last`, in micro-yuan; nothing for a preferred deal (R-METHODS).
    #[must_use]
    pub fn amount_of(&self, first: ShanghaiDay, last: ShanghaiDay) -> MicroYuan {
        let (first, last) = (first.max(self.from), last.min(self.until));
        if last < first || !self.method.is_guaranteed() {
            return MicroYuan::ZERO;
        }
        let impressions = i128::from(last.0 - first.0 + 1) * i128::from(self.daily.unwrap_or(0));
        let amount = impressions * i128::from(self.cpm.per_impression().0);
        MicroYuan(i64::try_from(amount).unwrap_or(i64::MAX))
    }

    /// What of it differs from the deal in the market.
    #[must_use]
    pub fn differences(&self, deal: &Deal) -> Vec<Term> {
        let volume = deal.volume.map(|volume| volume.daily);
        let push = deal.volume.map_or(PushRatio::ONE, |volume| volume.push);
        let compared = [
            (Term::Price, self.cpm != deal.price),
            (Term::Volume, self.method.is_guaranteed() && self.daily != volume),
            (Term::PushRatio, self.method.is_guaranteed() && self.push() != Some(push)),
            (Term::Period, (self.from, self.until) != deal.period),
        ];
        compared.into_iter().filter(|(_, differs)| *differs).map(|(term, _)| term).collect()
    }
}

/// A version of an order, as the buyer signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The order's number.
    pub number: String,
    /// The version, from 1, one more for each change.
    pub version: u32,
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The contract that it is under.
    pub contract: String,
    /// When the buyer signed it: its prices are judged by the rate card of that day (R-RATE).
    pub signed: ShanghaiDay,
    /// From when a change applies; the first version applies from its first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<ShanghaiDay>,
    /// The notice that told of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What is ordered.
    pub lines: Vec<Line>,
}

impl Order {
    /// What its guaranteed lines come to, in micro-yuan.
    #[must_use]
    pub fn amount(&self) -> MicroYuan {
        let amounts = self.lines.iter().map(|line| i128::from(line.amount_of(line.from, line.until).0));
        MicroYuan(i64::try_from(amounts.sum::<i128>()).unwrap_or(i64::MAX))
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(&self) -> ShanghaiDay {
        self.lines.iter().map(|line| line.until).max().unwrap_or_default()
    }
}

/// A version and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What the buyer signed.
    pub order: Order,
    /// When the exchange confirmed it; `None`: it does not bind.
    pub confirmed: Option<ShanghaiDay>,
    /// The first day that its confirmation can count for, by when that was entered.
    pub known_from: Option<ShanghaiDay>,
}

impl Version {
    /// From when it is served and settles; `None` while it is not confirmed. A change not before its `effective` day, and none for a day that
    /// had begun when its confirmation was entered: that one was set aside on other terms.
    #[must_use]
    pub fn in_force_from(&self) -> Option<ShanghaiDay> {
        let (_, known) = (self.confirmed?, self.known_from?);
        Some(self.order.effective.map_or(known, |effective| effective.max(known)))
    }
}

/// In the last minute of a day the next one counts as begun: by midnight every node must know what it serves.
const LAST_CALL_MS: u64 = 60_000;

/// The first day whose terms a record that is entered at a moment can change.
#[must_use]
pub fn first_day_after(at: UnixMillis) -> ShanghaiDay {
    at.plus_ms(LAST_CALL_MS).shanghai_day().next()
}

/// An order with its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOrder {
    /// Its number.
    pub number: String,
    /// Who buys.
    pub buyer: BuyerId,
    /// Its versions, from the first; never empty.
    pub versions: Vec<Version>,
    /// The day from which it is cancelled, and the cancellation's reference. Where it bound, a day that had begun is served to its end.
    pub cancelled: Option<(ShanghaiDay, String)>,
}

impl KeptOrder {
    /// The version that settles a day; `None` before any does, and once it is cancelled.
    #[must_use]
    pub fn version_on(&self, day: ShanghaiDay) -> Option<&Version> {
        if self.cancelled.as_ref().is_some_and(|(from, _)| *from <= day) {
            return None;
        }
        let in_force = |version: &&Version| version.in_force_from().is_some_and(|from| from <= day);
        self.versions.iter().rev().find(in_force)
    }

    /// What is ordered for the days from `first` to `last`, each by the version in force on it; in micro-yuan.
    #[must_use]
    pub fn amount_of(&self, first: ShanghaiDay, last: ShanghaiDay) -> MicroYuan {
        let days = (first.0..=last.0).map(ShanghaiDay);
        let lines = days.flat_map(|day| {
            let version = self.version_on(day);
            version
                .into_iter()
                .flat_map(move |version| version.order.lines.iter().map(move |line| line.amount_of(day, day)))
        });
        MicroYuan(i64::try_from(lines.map(|amount| i128::from(amount.0)).sum::<i128>()).unwrap_or(i64::MAX))
    }

    /// The latest version that binds.
    #[must_use]
    pub fn confirmed(&self) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.confirmed.is_some())
    }

    /// The last day of any version.
    #[must_use]
    pub fn last_day(&self) -> ShanghaiDay {
        self.versions.iter().map(|version| version.order.last_day()).max().unwrap_or_default()
    }

    /// Whether a version that binds names a deal.
    fn binds(&self, deal: &str) -> bool {
        self.bound().any(|line| line.deal == deal)
    }

    /// The lines of all versions that bind.
    fn bound(&self) -> impl Iterator<Item = &Line> {
        let bound = self.versions.iter().filter(|version| version.confirmed.is_some());
        bound.flat_map(|version| &version.order.lines)
    }

    /// By what it settles a deal on a day; `None` where that is not for it to say: it does not name the deal, or was not in force before.
    fn says_of(&self, deal: &str, day: ShanghaiDay) -> Option<Terms<'_>> {
        if let Some(version) = self.version_on(day) {
            let line = version.order.lines.iter().find(|line| line.deal == deal && line.includes(day));
            if let Some(line) = line {
                return Some(Terms::Ordered(self, version, line));
            }
        }
        let begun = self.versions.iter().filter_map(Version::in_force_from).min().is_some_and(|from| from <= day);
        (begun && self.binds(deal)).then_some(Terms::NotOrdered(self))
    }
}

/// By what a deal is settled on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms<'o> {
    /// By this line of this order's version.
    Ordered(&'o KeptOrder, &'o Version, &'o Line),
    /// It is not ordered on that day: its order was cancelled, or does not have it that day.
    NotOrdered(&'o KeptOrder),
    /// By the config: no order of it was in force yet.
    Config,
}

/// All orders, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders(BTreeMap<String, KeptOrder>);

impl Orders {
    /// The orders by what was entered.
    #[must_use]
    pub fn of(facts: &[KeptFact]) -> Self {
        let mut orders = Self::default();
        for kept in facts {
            orders.follow(kept);
        }
        orders
    }

    /// Takes note of what was entered next; whether it was about orders.
    pub(super) fn follow(&mut self, kept: &KeptFact) -> bool {
        let (one, Some(buyer)) = (std::slice::from_ref(kept), kept.fact.buyer) else { return false };
        match kept.fact.kind {
            FactKind::Order => {
                for (_, order) in said::<Order>(one) {
                    let number = order.number.clone();
                    let known = || KeptOrder { number, buyer, versions: Vec::new(), cancelled: None };
                    let all = self.0.entry(order.number.clone()).or_insert_with(known);
                    all.versions.push(Version { order, confirmed: None, known_from: None });
                }
            }
            FactKind::OrderConfirmation => {
                for (_, confirmation) in said::<OrderConfirmation>(one) {
                    let Some(order) = self.0.get_mut(&confirmation.number) else { continue };
                    let version = order.versions.iter_mut().find(|it| it.order.version == confirmation.version);
                    if let Some(version) = version {
                        version.confirmed = Some(confirmation.day);
                        version.known_from = Some(first_day_after(kept.fact.at));
                    }
                }
            }
            FactKind::OrderCancellation => {
                for (_, cancellation) in said::<OrderCancellation>(one) {
                    let Some(order) = self.0.get_mut(&cancellation.number) else { continue };
                    let served = order.confirmed().map(|_| first_day_after(kept.fact.at));
                    let from = served.map_or(cancellation.from, |first| cancellation.from.max(first));
                    order.cancelled = Some((from, kept.fact.reference.clone()));
                }
            }
            _ => return false,
        }
        true
    }

    /// All of them, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &KeptOrder> {
        self.0.values()
    }

    /// The order with that number.
    #[must_use]
    pub fn get(&self, number: &str) -> Option<&KeptOrder> {
        self.0.get(number)
    }

    /// By what a deal is served and settled on a day. Only guaranteed deals are: the order of a preferred one is for reference (R-METHODS).
    #[must_use]
    pub fn terms(&self, deal: &str, day: ShanghaiDay) -> Terms<'_> {
        terms(self.0.values(), deal, day)
    }

    /// The order that has a deal on a day, whether it was in force in time or not, and also where it was cancelled since.
    #[must_use]
    pub fn order_of(&self, deal: &str, day: ShanghaiDay) -> Option<&KeptOrder> {
        self.0.values().find(|order| order.bound().any(|line| line.deal == deal && line.includes(day)))
    }
}

/// By what a deal is settled on a day, by some orders.
fn terms<'o>(orders: impl Iterator<Item = &'o KeptOrder>, deal: &str, day: ShanghaiDay) -> Terms<'o> {
    let mut not_ordered = Terms::Config;
    for said in orders.filter_map(|order| order.says_of(deal, day)) {
        match said {
            Terms::Ordered(..) => return said,
            Terms::NotOrdered(_) | Terms::Config => not_ordered = said,
        }
    }
    not_ordered
}

/// Methods by their names.
mod method {
    use super::*;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let found = [Method::Pdb, Method::Bpg, Method::Pd].into_iter().find(|method| method.name() == text);
        found.ok_or_else(|| serde::de::Error::custom(format!("{text:?} is none of PDB, BPG, PD (R-METHODS)")))
    }
}

/// Prices as decimals in yuan per mille.
mod cpm {
    use super::*;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(price: &CpmMicroYuan, serializer: S) -> Result<S::Ok, S::Error> {
        MicroYuan(price.micro_yuan_per_mille()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CpmMicroYuan, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        CpmMicroYuan::parse_yuan(&text).map_err(|error| serde::de::Error::custom(format!("`cpm` {text:?}: {error}")))
    }
}

#[cfg(test)]
mod tests;
