//! Third-party monitors: whether their figures settle in place of the exchange's own (R-STATS, R-MONITOR-LIST). A promotion period is a
//! deal's days within one natural month, because a month settles by itself (R-MONTH).

mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use table::{MOST_ROWS, Row, WrongTable, read};

use crate::clock::{Month, ShanghaiDay};
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::{BuyerId, DealId};
use crate::market::agreement::{ListedMonitor, OnList};
use crate::market::figures::BasisPoints;
use crate::market::supply::within_domain;
use crate::settlement::month::{billed_by_deal, check_open, promotion_period, written};
use crate::settlement::office::{Deed, Refusal, View, said};

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

/// A third party's figures (R-STATS): a table with the columns `deal`, `from`, `until`, `impressions`, `monitor`.
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
        let mut known = BTreeMap::new();
        for (kept, row) in rows_of(view.facts, buyer) {
            known.insert((row.deal, row.from.month()), format!("by {:?}", kept.fact.reference));
        }
        let mut wrong = Vec::new();
        for row in &rows {
            wrong.extend(wrong_in(row, buyer, view));
            let place = format!("on line {}", row.line);
            if let Some(before) = known.insert((row.deal.clone(), row.from.month()), place) {
                let deal = &row.deal;
                wrong.push(format!("line {}, deal: {deal} has figures for {} {before}", row.line, row.from.month()));
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
        match promotion_period(view, buyer, &row.deal, month) {
            Ok(period) if period != (row.from, row.until) => {
                let (from, until) = period;
                say("from", format!("the promotion period of {} in {month} is {from} to {until}", row.deal));
            }
            Ok((_, until)) if until >= view.today() => say("until", format!("{until} is not over")),
            Ok(_) => {}
            Err(refusal) => say("deal", refusal.to_string()),
        }
        if let Err(why) = check_monitor(&row.monitor, (row.from, row.until), buyer, view) {
            say("monitor", why);
        }
    }
    wrong
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
    let mut own = view.market.advertisers.iter().filter(|advertiser| advertiser.buyer == buyer);
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
    pub deal: String,
    /// Whether the exchange's data was wrong.
    pub exchange_was_wrong: bool,
    /// What settles then, in impressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    /// Why.
    pub reason: String,
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
        let mut figures = rows_of(view.facts, buyer);
        let Some((_, row)) = figures.find(|(kept, row)| kept.fact.reference == self.figures && row.deal == self.deal)
        else {
            return refused(format!(
                "figures {:?} of buyer {} say nothing of deal {}",
                self.figures, self.buyer, self.deal
            ));
        };
        check_open(view.facts, buyer, row.from.month())?;
        if self.exchange_was_wrong != self.impressions.is_some() {
            return refused(
                "`impressions` says what settles when the exchange's data was wrong, and only then".to_owned(),
            );
        }
        let billed = billed_by_deal(view.books, buyer, row.from.month())?;
        let deal = view.market.deal_named(&row.deal).map(|deal| deal.id);
        let exchange = deal.and_then(|deal| billed.get(&deal)).copied().unwrap_or(0);
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

/// How a third party's figure of a deal's month stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The figures' reference.
    pub reference: String,
    /// The deal's id.
    pub deal: String,
    /// Who counted.
    pub monitor: String,
    /// The exchange's count.
    pub exchange: u64,
    /// The third party's.
    pub third: u64,
    /// What settles; `None` while a review is to decide.
    pub settles: Option<u64>,
}

/// How all figures of a buyer's month stand, in the order of their entry. `billed` is the exchange's count by deal, and `named` finds a deal.
pub fn standings(view: &View<'_>, buyer: BuyerId, month: Month, billed: &BTreeMap<DealId, u64>) -> Vec<Standing> {
    let reviews: Vec<_> =
        said::<MonitorReview>(view.facts).filter(|(kept, _)| kept.fact.buyer == Some(buyer)).collect();
    let of_month = rows_of(view.facts, buyer).filter(|(_, row)| row.from.month() == month);
    let standing = |(kept, row): (&KeptFact, Row)| {
        let deal = view.market.deal_named(&row.deal).map(|deal| deal.id);
        let exchange = deal.and_then(|deal| billed.get(&deal)).copied().unwrap_or(0);
        let reference = kept.fact.reference.clone();
        let review = reviews.iter().rev().find(|(_, it)| it.figures == reference && it.deal == row.deal);
        let settles = match compare(exchange, row.impressions, tolerance(view, &row)) {
            Verdict::ThirdSettles => Some(row.impressions),
            Verdict::Review => review.map(|(_, review)| review.impressions.unwrap_or(exchange)),
        };
        let (monitor, third) = (row.monitor, row.impressions);
        Standing { reference, deal: row.deal, monitor, exchange, third, settles }
    };
    of_month.map(standing).collect()
}

#[cfg(test)]
mod tests;
