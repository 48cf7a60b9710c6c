//! Orders laid over a market: by which terms its guaranteed deals are served, day by day (`docs/decisions/0028-order-versions-in-the-market.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{KeptOrder, Line, Order, OrderCancellation, OrderConfirmation, Orders, Term, Terms, terms};
use crate::clock::ShanghaiDay;
use crate::event::{FactKind, KeptFact, StoreUnavailable};
use crate::ids::DealId;
use crate::market::Market;
use crate::market::deal::{Deal, Volume};
use crate::market::ordered::{LineTerms, Ordered, Word};

impl Orders {
    /// Takes note of what was entered next; whether it was about orders.
    ///
    /// # Errors
    /// [`StoreUnavailable`] names a record about orders that this program does not understand; nothing is noted of it.
    pub fn learn(&mut self, kept: &KeptFact) -> Result<bool, StoreUnavailable> {
        let body = &kept.fact.body;
        let read = match kept.fact.kind {
            FactKind::Order => serde_json::from_str::<Order>(body).map(drop),
            FactKind::OrderConfirmation => serde_json::from_str::<OrderConfirmation>(body).map(drop),
            FactKind::OrderCancellation => serde_json::from_str::<OrderCancellation>(body).map(drop),
            _ => return Ok(false),
        };
        let broken = |why| {
            let (seq, kind, reference) = (kept.seq, kept.fact.kind.label(), &kept.fact.reference);
            StoreUnavailable(format!("record {seq}, {kind} {reference}, is not understood: {why}"))
        };
        read.map_err(broken)?;
        Ok(self.follow(kept))
    }

    /// How they stand over what a market's config says.
    #[must_use]
    pub fn over(&self, market: &Market) -> Ordered {
        let said = self.by_deal().into_iter().filter_map(|(wire, orders)| {
            let deal = market.deal_named(wire).filter(|deal| deal.volume.is_some())?;
            let own: Vec<_> = orders.into_iter().filter(|order| order.buyer == deal.buyer).collect();
            Some((deal.id, words(&own, deal)))
        });
        Ordered::new(market, said.filter(|(_, words): &(DealId, Vec<_>)| !words.is_empty()))
    }

    /// What of them should be looked at: what is in force today or later and cannot be served, promises more than deals.toml has capacity for,
    /// or is served by other terms than deals.toml says.
    #[must_use]
    pub fn remarks(&self, market: &Market, today: ShanghaiDay) -> Vec<String> {
        let mut remarks = Vec::new();
        for (wire, orders) in self.by_deal() {
            let mut told = BTreeSet::new();
            for day in turns(&orders, wire).into_iter().map(|day| day.max(today)) {
                let Terms::Ordered(order, version, line) = terms(orders.iter().copied(), wire, day) else { continue };
                let (number, version) = (&order.number, version.order.version);
                if line.method.is_guaranteed()
                    && let Some(remark) = remark(market, order, line)
                    && told.insert((number.clone(), version))
                {
                    remarks.push(format!("deal {wire:?}, order {number:?} version {version}: {remark}"));
                }
            }
        }
        remarks
    }

    /// The orders that bind, by the deals that they name.
    fn by_deal(&self) -> BTreeMap<&str, Vec<&KeptOrder>> {
        let mut by_deal = BTreeMap::<&str, Vec<&KeptOrder>>::new();
        for order in self.iter() {
            let deals: BTreeSet<_> = order.bound().map(|line| line.deal.as_str()).collect();
            deals.into_iter().for_each(|deal| by_deal.entry(deal).or_default().push(order));
        }
        by_deal
    }
}

/// What is wrong, or should be known, of a line that is in force.
fn remark(market: &Market, order: &KeptOrder, line: &Line) -> Option<String> {
    let Some(deal) = market.deal_named(&line.deal) else {
        return Some("R-ORDER: it is in force and deals.toml does not have the deal, which is not served".to_owned());
    };
    if deal.buyer != order.buyer {
        return Some("R-ORDER: it is in force and the deal is another buyer's; it is not followed".to_owned());
    }
    if deal.method != line.method {
        let (own, other) = (line.method.name(), deal.method.name());
        return Some(format!("R-METHODS: it is in force for a {own} and the deal is a {other}; it is not followed"));
    }
    let differing = line.differences(deal);
    let names: Vec<_> = differing.iter().map(|term| term.name()).collect();
    let locked = deal.volume.map_or(0, |volume| volume.daily);
    let within = deal.runs_on(line.from) && deal.runs_on(line.until);
    match names.as_slice() {
        [] => None,
        _ if line.daily.is_some_and(|daily| daily > locked) || !within => Some(format!(
            "R-INVENTORY: it promises more than deals.toml, by which capacity is judged; the order is served ({})",
            names.join(", ")
        )),
        _ => Some(format!("deals.toml says another {}; the order is served", names.join(", "))),
    }
}

impl Term {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Volume => "volume",
            Self::PushRatio => "push ratio",
            Self::Period => "period",
        }
    }
}

/// The days on which what some orders say of a deal may change.
fn turns(orders: &[&KeptOrder], deal: &str) -> BTreeSet<ShanghaiDay> {
    let mut days = BTreeSet::new();
    for order in orders {
        days.extend(order.versions.iter().filter_map(super::Version::in_force_from));
        days.extend(order.cancelled.as_ref().map(|(from, _)| *from));
        let lines = order.bound().filter(|line| line.deal == deal);
        lines.for_each(|line| days.extend([line.from, line.until.next()]));
    }
    days
}

/// By whose word a deal is served, each with its first day.
fn words(orders: &[&KeptOrder], deal: &Deal) -> Vec<(ShanghaiDay, Word)> {
    let mut words: Vec<(ShanghaiDay, Word)> = Vec::new();
    for day in turns(orders, &deal.wire) {
        let word = match terms(orders.iter().copied(), &deal.wire, day) {
            Terms::Config => Word::Config,
            Terms::NotOrdered(order) => Word::NotOrdered { number: Arc::from(order.number.as_str()) },
            Terms::Ordered(order, version, line) => match agreed(line, deal) {
                Some(terms) => {
                    Word::Order { number: Arc::from(order.number.as_str()), version: version.order.version, terms }
                }
                None => Word::Config,
            },
        };
        if words.last().is_none_or(|(_, before)| *before != word) {
            words.push((day, word));
        }
    }
    words
}

/// What a line says of a deal; `None` where the deal was made another one since.
fn agreed(line: &Line, deal: &Deal) -> Option<LineTerms> {
    if line.method != deal.method {
        return None;
    }
    let volume = Volume { daily: line.daily?, push: line.push()? };
    Some(LineTerms { price: line.cpm, volume, period: (line.from, line.until) })
}
