//! Third-party monitors: whether their figures settle in place of the exchange's own (R-STATS, R-MONITOR-LIST). A promotion period is a
//! deal's or an order's days within one natural month, because a month settles by itself (R-MONTH).

mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use table::{MOST_ROWS, Row, Subject, WrongTable, read};

use crate::clock::{Month, ShanghaiDay};
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::{BuyerId, DealId};
use crate::market::agreement::{ListedMonitor, OnList};
use crate::market::figures::BasisPoints;
use crate::market::supply::within_domain;
use crate::settlement::month::{billed_by_deal, check_open, promotion_period, written};
use crate::settlement::office::{Deed, Refusal, View, said};
use crate::settlement::orders::Orders;

/// What two counts of the same impressions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Close enough: the third party's settles, higher or lower.
    ThirdSettles,
    /// Too far apart: a review decides.
    Review,
}

/// Compares a third party's count with the exchange's: |third − exchange| / exchange up to and including the tolerance (R-STATS).
#[must_use]
pub fn compare(exchange: u64, third: u64, tolerance: BasisPoints) -> Verdict {
    let apart = u128::from(exchange.abs_diff(third)) * u128::from(BasisPoints::WHOLE);
    if apart <= u128::from(tolerance.0) * u128::from(exchange) { Verdict::ThirdSettles } else { Verdict::Review }
}

/// A third party's figures (R-STATS): a table with the columns `from`, `until`, `impressions`, `monitor`, and `deal` or `order`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorFigures {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The table as it came: CSV (RFC 4180) with a head.
    pub csv: String,
}

impl Deed for MonitorFigures {
    const KIND: FactKind = FactKind::MonitorFigures;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let refused = |wrong: Vec<String>| Err(Refusal::rule("R-STATS", wrong.join("\n")));
        let rows = match read(&self.csv) {
            Ok(rows) => rows,
            Err(WrongTable(wrong)) => return refused(wrong),
        };
        // A deal is counted once in a month, by itself or within its order.
        let mut known = BTreeMap::new();
        for (kept, row) in rows_of(view.facts, buyer) {
            let month = row.from.month();
            for deal in Counted::of(view, buyer, &row.subject, month).map_or_else(|_| Vec::new(), |it| it.deals) {
                known.insert((deal, month), format!("by {:?}", kept.fact.reference));
            }
        }
        let mut wrong = Vec::new();
        for row in &rows {
            wrong.extend(wrong_in(row, buyer, view));
            let (month, column, line) = (row.from.month(), row.subject.column(), row.line);
            let Ok(counted) = Counted::of(view, buyer, &row.subject, month) else { continue };
            for deal in counted.deals {
                if let Some(before) = known.insert((deal.clone(), month), format!("on line {line}")) {
                    wrong.push(format!("line {line}, {column}: {deal} has figures for {month} {before}"));
                }
            }
        }
        if wrong.is_empty() { Ok(vec![]) } else { refused(wrong) }
    }
}

/// All that is wrong with a row.
fn wrong_in(row: &Row, buyer: BuyerId, view: &View<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut say = |column: &str, why: String| wrong.push(format!("line {}, {column}: {why}", row.line));
    let month = row.from.month();
    if row.until < row.from {
        say("until", format!("{} is before {}", row.until, row.from));
    } else if !month.contains(row.until) {
        say("until", format!("{} is in another month than {}: a row for each month (R-MONTH)", row.until, row.from));
    } else {
        if let Err(refusal) = check_open(view.facts, buyer, month) {
            say("from", refusal.to_string());
        }
        match Counted::of(view, buyer, &row.subject, month).map(|counted| counted.period) {
            Ok(period) if period != (row.from, row.until) => {
                let (from, until) = period;
                let (Subject::Deal(name) | Subject::Order(name)) = &row.subject;
                say("from", format!("the promotion period of {name} in {month} is {from} to {until}"));
            }
            Ok((_, until)) if until >= view.today() => say("until", format!("{until} is not over")),
            Ok(_) => {}
            Err(refusal) => say(row.subject.column(), refusal.to_string()),
        }
        if let Err(why) = check_monitor(&row.monitor, (row.from, row.until), buyer, view) {
            say("monitor", why);
        }
    }
    wrong
}

/// The deals that a count is of, and their days within a month.
struct Counted {
    deals: Vec<String>,
    period: (ShanghaiDay, ShanghaiDay),
}

impl Counted {
    fn of(view: &View<'_>, buyer: BuyerId, subject: &Subject, month: Month) -> Result<Self, Refusal> {
        let number = match subject {
            Subject::Deal(deal) => {
                let period = promotion_period(view, buyer, deal, month)?;
                return Ok(Self { deals: vec![deal.clone()], period });
            }
            Subject::Order(number) => number,
        };
        let orders = Orders::of(view.facts);
        let Some(order) = orders.get(number).filter(|order| order.buyer == buyer) else {
            return Err(Refusal::Malformed(format!("order {number:?} is none of the buyer's")));
        };
        let (mut deals, mut days) = (BTreeSet::new(), Vec::new());
        for day in month.days() {
            let lines = order.version_on(day).into_iter().flat_map(|version| &version.order.lines);
            for line in lines.filter(|line| line.includes(day)) {
                deals.insert(line.deal.clone());
                days.push(day);
            }
        }
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Err(Refusal::Malformed(format!("order {number:?} binds on no day in {month}")));
        };
        Ok(Self { period: (*first, *last), deals: deals.into_iter().collect() })
    }
}

/// Whether a monitor's figures may settle: on the list on each day, the one that is agreed, and not the buyer's own.
fn check_monitor(
    name: &str,
    (from, until): (ShanghaiDay, ShanghaiDay),
    buyer: BuyerId,
    view: &View<'_>,
) -> Result<(), String> {
    let market = view.market;
    for day in (from.0..=until.0).map(ShanghaiDay) {
        match market.terms.monitors.lists_name(name, day) {
            OnList::Yes => {}
            OnList::OtherDays(first, last) => {
                let until = last.map_or_else(String::new, |last| format!(" until {last}"));
                return Err(format!(
                    "{name:?} is not on the list of monitors on {day}, but from {first}{until} (R-MONITOR-LIST)"
                ));
            }
            OnList::No => return Err(format!("{name:?} is not on the list of monitors (R-MONITOR-LIST)")),
        }
    }
    let listed = market.terms.monitors.iter().filter(|monitor| monitor.name == name);
    if listed.clone().any(|monitor| is_self_built(monitor, buyer, view)) {
        return Err(format!("{name:?} is the buyer's own: self-built monitoring never settles (R-STATS)"));
    }
    let agreed = market.buyers.get(buyer).and_then(|buyer| buyer.monitor.as_deref());
    if let Some(agreed) = agreed.filter(|agreed| *agreed != name) {
        return Err(format!("{agreed:?} is agreed with the buyer, not {name:?} (R-STATS)"));
    }
    Ok(())
}

/// Whether a monitor is run by those whose ads it counts: their name, or a host of theirs.
fn is_self_built(monitor: &ListedMonitor, buyer: BuyerId, view: &View<'_>) -> bool {
    let named = view.market.buyers.get(buyer).is_some_and(|buyer| buyer.name == monitor.name);
    let mut own = view.market.all_advertisers().filter(|advertiser| advertiser.buyer == buyer);
    let hosted = |domain: &String| monitor.hosts.iter().any(|host| within_domain(host, domain));
    named || own.any(|it| it.name == monitor.name || it.domains.iter().any(hosted))
}

/// What a review of a third party's figures decided (R-STATS): the exchange's stand unless its data was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorReview {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The reference of the figures.
    pub figures: String,
    /// Which deal of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deal: Option<String>,
    /// Which order of them, where they are an order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Whether the exchange's data was wrong.
    pub exchange_was_wrong: bool,
    /// What settles then, in impressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    /// Why.
    pub reason: String,
}

impl MonitorReview {
    /// What it is of; `None` where it does not say that, or twice.
    fn subject(&self) -> Option<Subject> {
        match (&self.deal, &self.order) {
            (Some(deal), None) => Some(Subject::Deal(deal.clone())),
            (None, Some(order)) => Some(Subject::Order(order.clone())),
            _ => None,
        }
    }
}

impl Deed for MonitorReview {
    const KIND: FactKind = FactKind::MonitorReview;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        written("reason", &self.reason)?;
        let refused = |why: String| Err(Refusal::rule("R-STATS", why));
        let Some(subject) = self.subject() else {
            return Err(Refusal::Malformed("`deal` or `order` says which of the figures, and not both".to_owned()));
        };
        let mut figures = rows_of(view.facts, buyer);
        let own = figures.find(|(kept, row)| kept.fact.reference == self.figures && row.subject == subject);
        let Some((_, row)) = own else {
            return refused(format!("figures {:?} of buyer {} say nothing of {subject}", self.figures, self.buyer));
        };
        check_open(view.facts, buyer, row.from.month())?;
        if self.exchange_was_wrong != self.impressions.is_some() {
            return refused(
                "`impressions` says what settles when the exchange's data was wrong, and only then".to_owned(),
            );
        }
        let billed = billed_by_deal(view.books, buyer, row.from.month())?;
        let counted = counted_by_exchange(view, buyer, &row, &billed);
        let exchange: u64 = counted.iter().map(|(_, count)| count).sum();
        if compare(exchange, row.impressions, tolerance(view, &row)) == Verdict::ThirdSettles {
            return refused(format!(
                "{} is within the tolerance of {exchange}: it settles without a review",
                row.impressions
            ));
        }
        Ok(vec![])
    }
}

/// The rows of a buyer's figures, in the order of their entry.
fn rows_of(facts: &[KeptFact], buyer: BuyerId) -> impl Iterator<Item = (&KeptFact, Row)> {
    let own = said::<MonitorFigures>(facts).filter(move |(kept, _)| kept.fact.buyer == Some(buyer));
    // They were readable when they were entered.
    own.flat_map(|(kept, figures)| read(&figures.csv).unwrap_or_default().into_iter().map(move |row| (kept, row)))
}

fn tolerance(view: &View<'_>, row: &Row) -> BasisPoints {
    view.market.terms.figures.on(row.until).monitor_tolerance
}

/// How a third party's figure of a deal's or an order's month stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The figures' reference.
    pub reference: String,
    /// What was counted.
    pub subject: Subject,
    /// Who counted.
    pub monitor: String,
    /// The exchange's count.
    pub exchange: u64,
    /// The third party's.
    pub third: u64,
    /// What settles; `None` while a review is to decide.
    pub settles: Option<u64>,
    /// The deals by their ids, each with the exchange's count and its part of what settles.
    pub deals: Vec<(String, u64, Option<u64>)>,
}

/// How all figures of a buyer's month stand, in the order of their entry. `billed` is the exchange's count by deal. An order's figure is shared
/// out over its deals as the exchange counted them, by largest remainder.
pub fn standings(view: &View<'_>, buyer: BuyerId, month: Month, billed: &BTreeMap<DealId, u64>) -> Vec<Standing> {
    let reviews: Vec<_> =
        said::<MonitorReview>(view.facts).filter(|(kept, _)| kept.fact.buyer == Some(buyer)).collect();
    let of_month = rows_of(view.facts, buyer).filter(|(_, row)| row.from.month() == month);
    let standing = |(kept, row): (&KeptFact, Row)| {
        let counted = counted_by_exchange(view, buyer, &row, billed);
        let exchange = counted.iter().map(|(_, count)| count).sum();
        let reference = kept.fact.reference.clone();
        let of_row = |it: &MonitorReview| it.figures == reference && it.subject().as_ref() == Some(&row.subject);
        let review = reviews.iter().rev().find(|(_, it)| of_row(it));
        let settles = match compare(exchange, row.impressions, tolerance(view, &row)) {
            Verdict::ThirdSettles => Some(row.impressions),
            Verdict::Review => review.map(|(_, review)| review.impressions.unwrap_or(exchange)),
        };
        let weights: Vec<_> = counted.iter().map(|(_, count)| *count).collect();
        let mut parts = settles.map(|whole| shares(whole, &weights)).unwrap_or_default().into_iter();
        let deals = counted.into_iter().map(|(deal, count)| (deal, count, parts.next())).collect();
        let (monitor, third) = (row.monitor, row.impressions);
        Standing { reference, subject: row.subject, monitor, exchange, third, settles, deals }
    };
    of_month.map(standing).collect()
}

/// The exchange's own counts of the deals of a row. One that the market has no more has none.
fn counted_by_exchange(
    view: &View<'_>,
    buyer: BuyerId,
    row: &Row,
    billed: &BTreeMap<DealId, u64>,
) -> Vec<(String, u64)> {
    let deals = match (&row.subject, Counted::of(view, buyer, &row.subject, row.from.month())) {
        (_, Ok(counted)) => counted.deals,
        (Subject::Deal(deal), Err(_)) => vec![deal.clone()],
        (Subject::Order(_), Err(_)) => Vec::new(),
    };
    let count = |deal: String| {
        let id = view.market.deal_named(&deal).map(|deal| deal.id);
        let count = id.and_then(|id| billed.get(&id)).copied().unwrap_or(0);
        (deal, count)
    };
    deals.into_iter().map(count).collect()
}

/// Shares a whole out by weights: each part is rounded down, and what is left goes to the largest remainders, one each, of equal ones to the
/// first. Without weights all of it is the first one's.
fn shares(whole: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return weights.iter().enumerate().map(|(place, _)| if place == 0 { whole } else { 0 }).collect();
    }
    let share = |weight: u64| u128::from(whole) * u128::from(weight);
    let mut parts: Vec<_> = weights.iter().map(|weight| u64::try_from(share(*weight) / sum).unwrap_or(whole)).collect();
    let mut by_remainder: Vec<_> = (0..weights.len()).zip(weights.iter().map(|weight| share(*weight) % sum)).collect();
    by_remainder.sort_by_key(|(_, remainder)| std::cmp::Reverse(*remainder));
    let left = whole - parts.iter().sum::<u64>();
    for (place, _) in by_remainder.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        if let Some(part) = parts.get_mut(*place) {
            *part += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests;
