//! What a buyer's natural month comes to (R-MONTH, R-SETTLE; `docs/months.md`). Pure: from the day sums of its deals and the closed days
//! of its guaranteed ones, whatever the number of impressions in them, to lines in exact micro-yuan.
//!
//! | deal | settles by |
//! |---|---|
//! | PD | what was billed |
//! | PDB, BPG, a day that is closed | what was ordered, delivered or not, less what the exchange failed to offer, plus what was made good of it |
//! | PDB, BPG, a day that is not closed yet | what was billed so far; what is ordered for it is told |

mod account;
mod adjustment;
mod closing;
mod forecast;
mod makegood;
mod minimum;
mod objection;
mod owed;
mod quarter;

pub use account::{BuyerMonth, Stand, billed_by_deal, month_of, stand, statement_of};
pub use adjustment::Adjustment;
pub use closing::{Closed, MonthClosing, closed_statement, is_closed};
pub use forecast::{Basis, Forecast, forecast};
pub use minimum::{Minimum, minimum_of};
pub use objection::{Objection, ObjectionDecision};
pub use quarter::{Achievement, Quarter, Target};

pub(crate) use account::promotion_period;
pub(crate) use closing::check_open;
pub(crate) use objection::written;
pub(crate) use owed::settled_with;

use std::collections::BTreeMap;

use crate::clock::{Month, ShanghaiDay};
use crate::event::{Cause, Method};
use crate::ids::DealId;
use crate::money::{CpmMicroYuan, MicroYuan};

use makegood::Failures;

/// Whose money paid for impressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaidBy {
    /// The buyer's: cash, a client's cash, credit, what was set aside of them.
    Cash,
    /// A grant: consumed, and not invoiced (R-GRANT-INVOICE).
    Grant,
    /// The exchange's: delivery above what was ordered and what was owed (R-MAKEGOOD).
    Exchange,
}

/// What was billed under one deal on one day from one kind of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billed {
    /// The auctions' day.
    pub day: ShanghaiDay,
    /// Under which deal.
    pub deal: DealId,
    /// How it is bought.
    pub method: Method,
    /// Who paid.
    pub paid_by: PaidBy,
    /// Impressions, the quantity in whole ones.
    pub impressions: u64,
    /// Thousandths of an impression.
    pub quantity: u64,
    /// What they cost, in micro-yuan.
    pub amount: MicroYuan,
}

/// How a day of a guaranteed deal was closed, in impressions (R-MAKEGOOD).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayResult {
    /// Which deal.
    pub deal: DealId,
    /// PDB or BPG.
    pub method: Method,
    /// Which day.
    pub day: ShanghaiDay,
    /// The day's price.
    pub price: CpmMicroYuan,
    /// The day's volume.
    pub ordered: u64,
    /// Sent to a DSP, or withheld for a reason of the buyer.
    pub offered: u64,
    /// All that was billed, above the order too.
    pub delivered: u64,
    /// The exchange's failure.
    pub failed: u64,
    /// Not delivered on a day on which neither side fails (R-EXEMPT): served later, else not charged.
    pub exempted: u64,
    /// Undelivered for the buyer's reasons.
    pub by_buyer: u64,
    /// Opportunities that it did not take, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// How much of the delivery repaid earlier failures.
    pub made_good: u64,
    /// Whether its volume was set aside: only then is there something to be made good.
    pub funded: bool,
    /// The order's last day: until then the day's failure may be made good.
    pub good_until: ShanghaiDay,
    /// What grants paid of the undelivered volume, in micro-yuan.
    pub undelivered_from_grants: MicroYuan,
}

impl DayResult {
    /// The volume that the day charges.
    const fn payable(&self) -> u64 {
        self.ordered - self.failed - self.exempted
    }
}

/// A count that settles a deal's promotion period in the month instead of the exchange's own (R-STATS, R-OBJECT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which deal.
    pub deal: DealId,
    /// Who counted: a monitor's name, or what decided.
    pub by: String,
    /// Impressions.
    pub impressions: u64,
    /// Whether nothing is made good after the month: only then a higher figure takes from the exchange's failures.
    pub order_is_over: bool,
}

/// What is ordered for a day of a guaranteed deal that is not closed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDay {
    /// Which deal.
    pub deal: DealId,
    /// PDB or BPG.
    pub method: Method,
    /// Which day.
    pub day: ShanghaiDay,
    /// The day's price.
    pub price: CpmMicroYuan,
    /// The day's volume, in impressions.
    pub ordered: u64,
}

/// What a month is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'i> {
    /// Which month.
    pub month: Month,
    /// The month's sums; those of other days are left out.
    pub sums: &'i [Billed],
    /// The closed days of the guaranteed deals, from each order's first day on: what is made good now may be owed for long.
    pub results: &'i [DayResult],
    /// What is ordered for its days that are not closed.
    pub open: &'i [OpenDay],
    /// Counts that settle instead of the exchange's.
    pub settled: &'i [Settled],
}

/// What one deal comes to in the month at one price. Counts are impressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which deal.
    pub deal: DealId,
    /// How it is bought.
    pub method: Method,
    /// The price.
    pub price: CpmMicroYuan,
    /// The month of the failures that this one made good; `None`: the month's own consumption.
    pub repays: Option<Month>,
    /// The first day at that price.
    pub first_day: ShanghaiDay,
    /// The last.
    pub last_day: ShanghaiDay,
    /// The ordered volume; zero for a PD.
    pub ordered: u64,
    /// Offered, for guaranteed deals.
    pub offered: u64,
    /// All that was billed.
    pub delivered: u64,
    /// Undelivered for the buyer's reasons: payable.
    pub by_buyer: u64,
    /// Undelivered for the exchange's.
    pub by_exchange: u64,
    /// Undelivered for nobody's.
    pub exempted: u64,
    /// Opportunities that were not taken, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// What repaid failures.
    pub made_good: u64,
    /// Whose count settles instead of the exchange's, and what it adds to the consumption, in micro-yuan.
    pub corrected: Option<Corrected>,
    /// What the consumption is for.
    pub settled: u64,
    /// What it costs, whoever paid, in micro-yuan.
    pub consumption: MicroYuan,
    /// Of that, what grants paid, in micro-yuan.
    pub from_grants: MicroYuan,
}

/// A count that settled in the exchange's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// Whose.
    pub by: String,
    /// Impressions of the line.
    pub impressions: u64,
    /// What it adds to the consumption, in micro-yuan.
    pub adds: MicroYuan,
    /// What it adds to what the buyer pays, in micro-yuan.
    pub adds_payable: MicroYuan,
}

impl Line {
    fn new(deal: DealId, method: Method, price: CpmMicroYuan, repays: Option<Month>, day: ShanghaiDay) -> Self {
        Self {
            deal,
            method,
            price,
            repays,
            first_day: day,
            last_day: day,
            ordered: 0,
            offered: 0,
            delivered: 0,
            by_buyer: 0,
            by_exchange: 0,
            exempted: 0,
            causes: BTreeMap::new(),
            made_good: 0,
            corrected: None,
            settled: 0,
            consumption: MicroYuan::ZERO,
            from_grants: MicroYuan::ZERO,
        }
    }

    /// What the buyer pays, in micro-yuan.
    #[must_use]
    pub fn payable(&self) -> MicroYuan {
        self.consumption - self.from_grants
    }

    fn charge(&mut self, impressions: u64) -> Result<(), MonthError> {
        self.settled += impressions;
        let cost = i128::from(self.price.per_impression().0) * i128::from(impressions);
        self.add(cost)
    }

    fn add(&mut self, amount: i128) -> Result<(), MonthError> {
        let sum = i128::from(self.consumption.0) + amount;
        self.consumption = within_limit(sum).ok_or(MonthError::TooLarge(self.deal))?;
        Ok(())
    }
}

/// Why the records of a month do not come to a sum. None of it happens with books that `pmpx ledger verify` has proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonthError {
    /// More undelivered than ordered.
    #[error("R-MAKEGOOD: the closing of deal number {} on {day} has more undelivered than ordered", deal.0)]
    MoreUndeliveredThanOrdered {
        /// Which deal.
        deal: DealId,
        /// On which day.
        day: ShanghaiDay,
    },
    /// More made good than there was to be.
    #[error("R-MAKEGOOD: deal number {} made good {excess} on {day} that nobody was owed", deal.0)]
    MoreMadeGoodThanFailed {
        /// Which deal.
        deal: DealId,
        /// On which day.
        day: ShanghaiDay,
        /// What was too much.
        excess: MicroYuan,
    },
    /// A deal's grants paid for more than it consumed.
    #[error("R-GRANT-INVOICE: grants paid {excess} more than deal number {} consumed", deal.0)]
    MoreGrantedThanConsumed {
        /// Which deal.
        deal: DealId,
        /// How much too much.
        excess: MicroYuan,
    },
    /// A sum beyond [`MicroYuan::LIMIT`].
    #[error("the consumption of deal number {} is beyond the limit of one amount", .0.0)]
    TooLarge(DealId),
}

/// By deal, the month whose failure it repays, and price in micro-yuan per mille.
type Key = (DealId, Option<Month>, i64);

/// The lines of a month, in order of deal, month that is made good, and price.
///
/// # Errors
/// [`MonthError`] names the record that cannot be.
pub fn lines_of(inputs: &Inputs<'_>) -> Result<Vec<Line>, MonthError> {
    let mut lines = BTreeMap::new();
    let closed = close_days(inputs, &mut lines)?;
    let prices = prices_of(inputs.sums);
    let mut granted = BTreeMap::<DealId, i128>::new();
    for sum in inputs.sums.iter().filter(|sum| inputs.month.contains(sum.day)) {
        if sum.paid_by == PaidBy::Grant {
            *granted.entry(sum.deal).or_default() += i128::from(sum.amount.0);
        }
        if !closed.contains(&(sum.deal, sum.day)) {
            bill(sum, prices.get(&(sum.deal, sum.day)).copied().unwrap_or_default(), &mut lines)?;
        }
    }
    let open = |day: &&OpenDay| inputs.month.contains(day.day) && !closed.contains(&(day.deal, day.day));
    for OpenDay { deal, method, day, price, ordered } in inputs.open.iter().filter(open).copied() {
        line_of(&mut lines, method, (deal, None, price.micro_yuan_per_mille()), day).ordered += ordered;
    }
    for result in inputs.results.iter().filter(|result| inputs.month.contains(result.day)) {
        *granted.entry(result.deal).or_default() += i128::from(result.undelivered_from_grants.0);
    }
    let mut lines: Vec<_> = lines.into_values().collect();
    for (deal, granted) in granted {
        grant(deal, granted, &mut lines)?;
    }
    for settled in inputs.settled {
        correct(settled, &mut lines)?;
    }
    Ok(lines)
}

/// Charges the closed days and what they made good; returns which days are closed.
fn close_days(
    inputs: &Inputs<'_>,
    lines: &mut BTreeMap<Key, Line>,
) -> Result<std::collections::BTreeSet<(DealId, ShanghaiDay)>, MonthError> {
    let month = inputs.month;
    let mut results: Vec<_> = inputs.results.iter().filter(|result| result.day <= month.last_day()).collect();
    results.sort_by_key(|result| (result.deal, result.day));
    let mut closed = std::collections::BTreeSet::new();
    let mut failures = Failures::default();
    for result in results {
        let (deal, day) = (result.deal, result.day);
        let undelivered = u128::from(result.failed) + u128::from(result.exempted) + u128::from(result.by_buyer);
        if undelivered > u128::from(result.ordered) {
            return Err(MonthError::MoreUndeliveredThanOrdered { deal, day });
        }
        let repaid = failures.repay(result).map_err(|excess| {
            let excess = within_limit(excess).unwrap_or(MicroYuan::LIMIT);
            MonthError::MoreMadeGoodThanFailed { deal, day, excess }
        })?;
        if !month.contains(day) {
            continue;
        }
        closed.insert((deal, day));
        let price = result.price.micro_yuan_per_mille();
        for part in repaid {
            let line = line_of(lines, result.method, (deal, (part.of != month).then_some(part.of), price), day);
            line.made_good += part.impressions;
            line.settled += part.impressions;
            line.add(part.value)?;
        }
        let line = line_of(lines, result.method, (deal, None, price), day);
        line.ordered += result.ordered;
        line.offered += result.offered;
        line.delivered += result.delivered;
        line.by_buyer += result.by_buyer;
        line.by_exchange += result.failed;
        line.exempted += result.exempted;
        for (cause, count) in &result.causes {
            *line.causes.entry(*cause).or_default() += count;
        }
        line.charge(result.payable())?;
    }
    Ok(closed)
}

/// Adds what was billed: a PD's day, or a day of a guaranteed deal that is not closed.
fn bill(sum: &Billed, price: i64, lines: &mut BTreeMap<Key, Line>) -> Result<(), MonthError> {
    let line = line_of(lines, sum.method, (sum.deal, None, price), sum.day);
    line.delivered += sum.impressions;
    if sum.paid_by != PaidBy::Exchange {
        line.settled += sum.impressions;
        line.add(sum.amount.0.into())?;
    }
    Ok(())
}

/// The price of each deal's day, in micro-yuan per mille: exact where all of its charges have the same, else the mean, rounded down to the
/// step of prices. Over all that paid: where a grant's last fen and cash paid one impression together, neither has a price of its own.
fn prices_of(sums: &[Billed]) -> BTreeMap<(DealId, ShanghaiDay), i64> {
    let mut days = BTreeMap::<_, (i128, i128)>::new();
    for sum in sums {
        let day = days.entry((sum.deal, sum.day)).or_default();
        *day = (day.0 + i128::from(sum.amount.0), day.1 + i128::from(sum.quantity));
    }
    let price = |(amount, quantity): (i128, i128)| {
        let price = amount * 1_000_000 / quantity.max(1);
        let price = i64::try_from(price).unwrap_or(i64::MAX).min(CpmMicroYuan::MAX.micro_yuan_per_mille());
        price - price % CpmMicroYuan::STEP
    };
    days.into_iter().map(|(day, sums)| (day, price(sums))).collect()
}

fn line_of(lines: &mut BTreeMap<Key, Line>, method: Method, key: Key, day: ShanghaiDay) -> &mut Line {
    let (deal, repays, price) = key;
    let price = CpmMicroYuan::new(price).unwrap_or_default();
    let line = lines.entry(key).or_insert_with(|| Line::new(deal, method, price, repays, day));
    line.first_day = line.first_day.min(day);
    line.last_day = line.last_day.max(day);
    line
}

/// Says which part of a deal's consumption grants paid: of its own lines first, in their order.
fn grant(deal: DealId, granted: i128, lines: &mut [Line]) -> Result<(), MonthError> {
    let mut left = granted;
    for line in lines.iter_mut().filter(|line| line.deal == deal) {
        let part = left.min(i128::from(line.consumption.0));
        line.from_grants = within_limit(part).ok_or(MonthError::TooLarge(deal))?;
        left -= part;
    }
    if left > 0 {
        let excess = within_limit(left).unwrap_or(MicroYuan::LIMIT);
        return Err(MonthError::MoreGrantedThanConsumed { deal, excess });
    }
    Ok(())
}

/// Lets another count settle a deal's own lines, each for its part of what was delivered; the last takes what is left over.
///
/// A missing impression is the exchange's failure: first what nobody paid for, then what was charged. Of a PD each impression more is
/// charged; of a guaranteed deal only those that the exchange had failed to deliver (R-STATS).
fn correct(settled: &Settled, lines: &mut [Line]) -> Result<(), MonthError> {
    let own = |line: &&mut Line| line.deal == settled.deal && line.repays.is_none();
    let delivered: u128 = lines.iter_mut().filter(own).map(|line| u128::from(line.delivered)).sum();
    let count = lines.iter_mut().filter(own).count();
    // What repaid an earlier month was delivered beside the month's own volume, and is charged.
    let earlier = lines.iter().filter(|line| line.deal == settled.deal && line.repays.is_some());
    let mut repaid: u64 = earlier.map(|line| line.made_good).sum();
    let mut left = settled.impressions;
    for (place, line) in lines.iter_mut().filter(own).enumerate() {
        let part = (u128::from(settled.impressions) * u128::from(line.delivered)).checked_div(delivered).unwrap_or(0);
        let part = if place + 1 == count { left } else { u64::try_from(part).unwrap_or(left).min(left) };
        left -= part;
        let free = (line.delivered + line.by_buyer).saturating_sub(line.settled);
        let free_of_charge = free.saturating_sub(repaid);
        repaid = repaid.saturating_sub(free);
        let charged = charged_by(line, part, free_of_charge, settled.order_is_over);
        let (before, paid) = (line.consumption, line.payable());
        let cost = i128::from(line.price.per_impression().0) * (i128::from(charged) - i128::from(line.settled));
        if line.method.is_guaranteed() {
            line.by_exchange = (line.by_exchange + line.settled).saturating_sub(charged);
        }
        line.settled = charged;
        line.add(cost.max(-i128::from(before.0)))?;
        // Grants are spent first, so what was not delivered is what cash would have paid for.
        line.from_grants = line.from_grants.min(line.consumption);
        let (adds, adds_payable) = (line.consumption - before, line.payable() - paid);
        line.corrected = Some(Corrected { by: settled.by.clone(), impressions: part, adds, adds_payable });
    }
    Ok(())
}

/// How many impressions a line charges for when another count than the exchange's settles it; `free` were delivered and not charged.
fn charged_by(line: &Line, counted: u64, free: u64, order_is_over: bool) -> u64 {
    if !line.method.is_guaranteed() {
        return counted;
    }
    if counted <= line.delivered {
        return line.settled.saturating_sub((line.delivered - counted).saturating_sub(free));
    }
    let owed = (line.by_exchange + line.exempted).saturating_sub(line.made_good);
    line.settled + if order_is_over { owed.min(counted - line.delivered) } else { 0 }
}

fn within_limit(sum: i128) -> Option<MicroYuan> {
    let within = sum.unsigned_abs() <= u128::from(MicroYuan::LIMIT.0.unsigned_abs());
    within.then(|| i64::try_from(sum).ok()).flatten().map(MicroYuan)
}

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
