//! A buyer's month from the books as they are: what it has come to, what is still to be consumed, what it may come to, and its statement.
//! Reads sums by day and deal, so that the cost does not grow with the number of impressions.

use std::collections::{BTreeMap, BTreeSet};

use super::adjustment::{Adjustment, adjustments_in};
use super::closing::{closed_statement, digest_of};
use super::forecast::{Basis, Forecast, WEEKDAY_DAYS, forecast};
use super::minimum::minimum_of;
use super::quarter::{Achievement, achievements, targets_of};
use super::{Billed, DayResult, Inputs, Line, OpenDay, PaidBy, Settled, lines_of, objection};
use crate::clock::{Month, ShanghaiDay};
use crate::event::{AccountKind, Books, ClosedDay, DaySum, Method, StoreUnavailable};
use crate::ids::{BuyerId, DealId};
use crate::market::deal::{Deal, DealState};
use crate::market::demand::Buyer;
use crate::money::MicroYuan;
use crate::settlement::breaches::Violation;
use crate::settlement::monitor::{self, Standing};
use crate::settlement::office::{Refusal, View, said};
use crate::settlement::orders::Orders;
use crate::settlement::statement::amounts::VatRate;
use crate::settlement::statement::{self, DeductedFrom, Draft, Statement, Status};

/// A month that is not closed, from the books as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuyerMonth {
    /// Whose.
    pub buyer: BuyerId,
    /// Which.
    pub month: Month,
    /// The last day that the figures hold: of a running month today.
    pub through: ShanghaiDay,
    /// What was consumed.
    pub lines: Vec<Line>,
    /// The minimum, where one applies.
    pub minimum: Option<MicroYuan>,
    /// What changes earlier months, each with its reference.
    pub adjustments: Vec<(String, Adjustment)>,
    /// How third parties' figures stand.
    pub standings: Vec<Standing>,
    /// On which days something was billed.
    pub billed_days: BTreeSet<ShanghaiDay>,
    /// The days of guaranteed deals up to `through` that are not closed, with what was billed of them so far, in micro-yuan.
    pub running: BTreeMap<(DealId, ShanghaiDay), MicroYuan>,
}

impl BuyerMonth {
    /// What was consumed, whoever paid.
    #[must_use]
    pub fn consumption(&self) -> MicroYuan {
        self.lines.iter().map(|line| line.consumption).sum()
    }
}

/// How a buyer's month stands, closed or not.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Its statement: as it was closed, or provisional.
    pub statement: Statement,
    /// The statement's digest.
    pub digest: String,
    /// How third parties' figures stand; of a month that is not closed.
    pub standings: Vec<Standing>,
    /// The objections that are not decided.
    pub objections: BTreeSet<String>,
    /// What the month may come to; of a running month.
    pub forecast: Option<Forecast>,
    /// How the quarters with targets stand.
    pub quarters: Vec<Achievement>,
    /// The lines of a month that is not closed.
    pub lines: Vec<Line>,
}

fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Malformed(error.to_string())
}

fn known(view: &View<'_>, buyer: BuyerId) -> Result<Buyer, Refusal> {
    let found = view.market.buyers.get(buyer).cloned();
    found.ok_or_else(|| Refusal::Malformed(format!("buyer number {} is not in the market", buyer.0)))
}

/// How a buyer's month stands.
///
/// # Errors
/// [`Refusal`] when the books cannot be read or do not come to a sum.
pub fn stand(view: &View<'_>, buyer: BuyerId, month: Month) -> Result<Stand, Refusal> {
    let quarters = quarters(view, buyer)?;
    if let Some(closed) = closed_statement(view, buyer, month)? {
        let statement = Statement::new(closed.statement).map_err(malformed)?;
        let (standings, objections, lines) = (Vec::new(), BTreeSet::new(), Vec::new());
        return Ok(Stand { statement, digest: closed.digest, standings, objections, forecast: None, quarters, lines });
    }
    if month.first_day() > view.today() {
        return Err(Refusal::Malformed(format!("{month} has not begun")));
    }
    let figures = month_of(view, buyer, month)?;
    let forecast = (figures.through < month.last_day() || view.today() == month.last_day())
        .then(|| forecast_of(view, &figures))
        .transpose()?;
    let through = if view.today() > month.last_day() { month.last_day() } else { view.today() };
    let status = Status::Provisional { through, forecast: forecast.map(|it| it.expected) };
    let draft = draft_of(view, &figures, status)?;
    let digest = digest_of(&draft);
    Ok(Stand {
        statement: Statement::new(draft).map_err(malformed)?,
        digest,
        standings: figures.standings,
        objections: objection::open(view.facts, buyer, month),
        forecast,
        quarters,
        lines: figures.lines,
    })
}

/// The statement of a buyer's month: as it was closed, or provisional (R-STATEMENT).
///
/// # Errors
/// See [`stand`].
pub fn statement_of(view: &View<'_>, buyer: BuyerId, month: Month) -> Result<Statement, Refusal> {
    stand(view, buyer, month).map(|stand| stand.statement)
}

/// What a month that is not closed has come to.
///
/// # Errors
/// [`Refusal`] when the books cannot be read or do not come to a sum.
pub fn month_of(view: &View<'_>, buyer: BuyerId, month: Month) -> Result<BuyerMonth, Refusal> {
    let terms = known(view, buyer)?;
    let sums = billed(&view.books.day_sums(month.first_day(), month.last_day(), Some(buyer))?);
    let results = results_of(view, buyer, month, &sums)?;
    let by_deal = count_by_deal(&sums);
    let standings = monitor::standings(view, buyer, month, &by_deal);
    let settled = settled_counts(view, buyer, month, &standings);
    let through = month.last_day().min(view.today());
    let closed: BTreeSet<_> = results.iter().map(|result| (result.deal, result.day)).collect();
    let open = open_days(view, buyer, (month.first_day(), through), &closed)?;
    let inputs = Inputs { month, sums: &sums, results: &results, open: &open, settled: &settled };
    let lines = lines_of(&inputs).map_err(malformed)?;
    let mut running = BTreeMap::<_, MicroYuan>::new();
    for deal in guaranteed(view, buyer) {
        let days = view.market.days_of(deal, month.first_day(), through).map(|(day, _)| (deal.id, day));
        running.extend(days.filter(|key| !closed.contains(key)).map(|key| (key, MicroYuan::ZERO)));
    }
    for sum in sums.iter().filter(|sum| sum.method.is_guaranteed() && !closed.contains(&(sum.deal, sum.day))) {
        let charged = if sum.paid_by == PaidBy::Exchange { MicroYuan::ZERO } else { sum.amount };
        *running.entry((sum.deal, sum.day)).or_default() += charged;
    }
    let adjustments = adjustments_in(view, &terms.account, buyer, month);
    Ok(BuyerMonth {
        buyer,
        month,
        through,
        lines,
        minimum: minimum_of(&terms, month, view.facts, &view.market.terms.figures),
        adjustments,
        standings,
        billed_days: sums.iter().map(|sum| sum.day).collect(),
        running,
    })
}

/// What is ordered for the days of guaranteed deals from one to another that are not closed: by what was set aside for them, and for today, where
/// nothing was yet, by its terms. A day before today that was not set aside was not served.
fn open_days(
    view: &View<'_>,
    buyer: BuyerId,
    (first, last): (ShanghaiDay, ShanghaiDay),
    closed: &BTreeSet<(DealId, ShanghaiDay)>,
) -> Result<Vec<OpenDay>, StoreUnavailable> {
    let mut open = BTreeMap::new();
    for deal in guaranteed(view, buyer).filter(|_| last == view.today()) {
        let served = view.market.served_on(deal, last).filter(|it| view.market.deal_state(it) == DealState::Active);
        let Some((served, volume)) = served.and_then(|served| Some((served, served.volume?))) else { continue };
        let (deal, method, price, ordered) = (served.id, served.method, served.price, volume.daily);
        open.insert((deal, last), OpenDay { deal, method, day: last, price, ordered });
    }
    for kept in view.books.commitments(first, last)?.into_iter().filter(|kept| kept.buyer == buyer) {
        let Some(terms) = kept.terms else { continue };
        let (deal, day) = (kept.deal, kept.day);
        let method = view.market.deals.get(deal).map_or(Method::Pdb, |known| known.method);
        open.insert((deal, day), OpenDay { deal, method, day, price: terms.price, ordered: terms.ordered });
    }
    open.retain(|key, _| !closed.contains(key));
    Ok(open.into_values().collect())
}

/// The guaranteed deals of a buyer.
fn guaranteed<'v>(view: &View<'v>, buyer: BuyerId) -> impl Iterator<Item = &'v Deal> {
    view.market.deals.iter().filter(move |deal| deal.buyer == buyer && deal.volume.is_some())
}

/// Sums by day, deal and kind of money, over all media.
fn billed(sums: &[DaySum]) -> Vec<Billed> {
    let mut all = BTreeMap::<_, Billed>::new();
    for DaySum { key, sums } in sums {
        let paid_by = match key.payer.kind {
            AccountKind::Grant | AccountKind::GrantCommitted | AccountKind::GrantMakeGood => PaidBy::Grant,
            AccountKind::MakeGoodCost => PaidBy::Exchange,
            _ => PaidBy::Cash,
        };
        let none = Billed {
            day: key.day,
            deal: key.deal,
            method: key.method,
            paid_by,
            impressions: 0,
            quantity: 0,
            amount: MicroYuan::ZERO,
        };
        let sum = all.entry((key.deal, key.day, paid_by)).or_insert(none);
        sum.quantity += sums.quantity;
        sum.amount += sums.amount;
    }
    // A screen in a public place shows one ad to many: what is billed is the quantity (OpenRTB 2.6 §3.2.31 `qty`).
    all.values_mut().for_each(|sum| sum.impressions = (sum.quantity + 500) / 1_000);
    all.into_values().collect()
}

/// How the month's days of guaranteed deals were closed. Of a deal that made something good in it: all days before too.
fn results_of(
    view: &View<'_>,
    buyer: BuyerId,
    month: Month,
    sums: &[Billed],
) -> Result<Vec<DayResult>, StoreUnavailable> {
    let mut closed = view.books.closings_of(buyer, None, month.first_day(), month.last_day())?;
    let repaying = closed.iter().map(|day| &day.closing).filter(|closing| closing.made_good > 0);
    let repaying: BTreeSet<_> = repaying.map(|closing| closing.deal).collect();
    for deal in repaying {
        closed.extend(view.books.closings_of(buyer, Some(deal), ShanghaiDay(0), month.first_day().previous())?);
    }
    let methods: BTreeMap<_, _> = sums.iter().map(|sum| (sum.deal, sum.method)).collect();
    let result = |day: ClosedDay| {
        let given_back = day.exemption.map_or(MicroYuan::ZERO, |exemption| exemption.to_grants);
        let closing = day.stands();
        let known = view.market.deals.get(closing.deal).map(|deal| deal.method);
        let method = methods.get(&closing.deal).copied().or(known).unwrap_or(Method::Pdb);
        DayResult {
            deal: closing.deal,
            method,
            day: closing.day,
            price: closing.price,
            ordered: closing.ordered,
            offered: closing.offered,
            delivered: closing.delivered + closing.made_good + closing.at_cost,
            failed: closing.failed,
            exempted: closing.exempted,
            by_buyer: closing.by_buyer,
            causes: closing.causes.into_iter().collect(),
            made_good: closing.made_good,
            funded: day.funded,
            good_until: closing.good_until,
            undelivered_from_grants: day.from_grants - given_back,
        }
    };
    Ok(closed.into_iter().map(result).collect())
}

fn count_by_deal(sums: &[Billed]) -> BTreeMap<DealId, u64> {
    let mut counts = BTreeMap::new();
    for sum in sums {
        *counts.entry(sum.deal).or_default() += sum.impressions;
    }
    counts
}

/// How many impressions of each deal of a buyer were billed in a month.
///
/// # Errors
/// [`StoreUnavailable`] when the sums cannot be read.
pub fn billed_by_deal(
    books: &dyn Books,
    buyer: BuyerId,
    month: Month,
) -> Result<BTreeMap<DealId, u64>, StoreUnavailable> {
    Ok(count_by_deal(&billed(&books.day_sums(month.first_day(), month.last_day(), Some(buyer))?)))
}

/// A deal's days within a month, for a buyer's own deal.
pub(crate) fn promotion_period(
    view: &View<'_>,
    buyer: BuyerId,
    deal: &str,
    month: Month,
) -> Result<(ShanghaiDay, ShanghaiDay), Refusal> {
    let found = view.market.deal_named(deal).filter(|found| found.buyer == buyer);
    let found = found.ok_or_else(|| Refusal::Malformed(format!("deal {deal:?} is none of the buyer's")))?;
    let mut days = view.market.days_of(found, month.first_day(), month.last_day()).map(|(day, _)| day);
    let first = days.next().ok_or_else(|| Refusal::Malformed(format!("deal {deal:?} has no day in {month}")))?;
    Ok((first, days.last().unwrap_or(first)))
}

/// The counts that settle in place of the exchange's: third parties', and over them what an objection was upheld with.
fn settled_counts(view: &View<'_>, buyer: BuyerId, month: Month, standings: &[Standing]) -> Vec<Settled> {
    let mut counts = BTreeMap::new();
    for standing in standings {
        for (deal, exchange, settles) in &standing.deals {
            if let Some(count) = settles.filter(|count| count != exchange) {
                counts.insert(deal.clone(), (standing.monitor.clone(), count));
            }
        }
    }
    for (deal, count) in objection::upheld(view.facts, buyer, month) {
        counts.insert(deal, ("R-OBJECT".to_owned(), count));
    }
    let settled = |(deal, (by, impressions)): (String, (String, u64))| {
        let deal = view.market.deal_named(&deal)?;
        let order_is_over = view.market.last_day_of(deal).is_none_or(|last| last <= month.last_day());
        Some(Settled { deal: deal.id, by, impressions, order_is_over })
    };
    counts.into_iter().filter_map(settled).collect()
}

/// What a running month may come to.
fn forecast_of(view: &View<'_>, figures: &BuyerMonth) -> Result<Forecast, Refusal> {
    let (today, month) = (view.today(), figures.month);
    let first = ShanghaiDay(today.0.saturating_sub(WEEKDAY_DAYS));
    let sums = billed(&view.books.day_sums(first, today, Some(figures.buyer))?);
    let mut preferred = BTreeMap::<_, MicroYuan>::new();
    for sum in sums.iter().filter(|sum| !sum.method.is_guaranteed()) {
        *preferred.entry(sum.day).or_default() += sum.amount;
    }
    let preferred_today = preferred.remove(&today).unwrap_or_default();
    let known_from = preferred.keys().next().copied().unwrap_or(today);
    // A day that is not closed comes to what was ordered for it, or to what was billed where that is more. A day before today on which
    // nothing was decided was not served, and comes to nothing.
    let kept = view.books.commitments(month.first_day(), today)?;
    let decided: BTreeSet<_> = kept.into_iter().map(|kept| (kept.deal, kept.day)).collect();
    let mut committed = MicroYuan::ZERO;
    for deal in guaranteed(view, figures.buyer) {
        for (day, deal) in view.market.days_of(deal, month.first_day(), month.last_day()) {
            if day > figures.through || figures.running.contains_key(&(deal.id, day)) {
                let running = figures.running.get(&(deal.id, day)).copied().unwrap_or_default();
                let served = day >= today || decided.contains(&(deal.id, day));
                committed += if served { deal.daily_commitment().max(running) } else { running };
            }
        }
    }
    let running: MicroYuan = figures.running.values().copied().sum();
    let so_far = figures.consumption() - running - preferred_today;
    let preferred = &preferred;
    Ok(forecast(&Basis { month, today, so_far, preferred_today, preferred, known_from, committed }))
}

/// How the quarters with targets stand: closed months by their statements, others by the books.
fn quarters(view: &View<'_>, buyer: BuyerId) -> Result<Vec<Achievement>, Refusal> {
    let targets = targets_of(view.facts, buyer);
    let mut consumed = BTreeMap::new();
    for month in targets.keys().flat_map(|quarter| quarter.months()) {
        if month.first_day() > view.today() {
            break;
        }
        let consumption = match closed_statement(view, buyer, month)? {
            Some(closed) => closed.statement.deals.iter().map(|line| line.consumption).sum(),
            None => month_of(view, buyer, month)?.consumption(),
        };
        consumed.insert(month, consumption);
    }
    Ok(achievements(&targets, &consumed, view.today()))
}

/// What a month's statement is made from (R-STATEMENT).
///
/// # Errors
/// [`Refusal::Malformed`] where a figure does not fit on a statement.
pub(super) fn draft_of(view: &View<'_>, figures: &BuyerMonth, status: Status) -> Result<Draft, Refusal> {
    let terms = known(view, figures.buyer)?;
    let month = figures.month;
    let vat = view.market.terms.figures.on(month.last_day()).vat;
    let vat = VatRate::from_basis_points(vat.0);
    let names = Names::new(view, &figures.lines)?;
    let first_day = terms.cooperation.map_or(month.first_day(), |it| it.from.max(month.first_day()));
    Ok(Draft {
        number: format!("{}-{}", terms.account, month.number()),
        status,
        exchange: view.market.terms.name().to_owned(),
        contract: terms.contract,
        invoice_title: terms.invoice_title,
        account: terms.account,
        buyer: terms.name,
        joint_parties: terms.parties.into_iter().map(|party| party.name).collect(),
        month,
        first_day: first_day.min(month.last_day()),
        last_day: month.last_day(),
        vat: vat.ok_or_else(|| Refusal::rule("R-STATEMENT", "the rate of VAT is above 100 %"))?,
        minimum: figures.minimum,
        deals: figures.lines.iter().map(|line| names.line(view, line)).collect(),
        adjustments: figures.adjustments.iter().map(|(reference, it)| adjusted(reference, it)).collect(),
        deductions: deductions_in(view, figures.buyer, month),
    })
}

/// What was taken for breaches on the days of a month, one line for each place that it was taken from; what was waived stands where it was.
fn deductions_in(view: &View<'_>, buyer: BuyerId, month: Month) -> Vec<statement::Deduction> {
    let mut lines = Vec::new();
    for (kept, violation) in said::<Violation>(view.facts).filter(|(kept, _)| kept.fact.buyer == Some(buyer)) {
        let day = kept.fact.at.shanghai_day();
        let Some(charged) = violation.charged.filter(|_| month.contains(day)) else { continue };
        let taken = charged.taken;
        let places = [
            (DeductedFrom::Prepayment, taken.cash),
            (DeductedFrom::Deposit, taken.deposit),
            (DeductedFrom::Rebate, taken.rebate),
            (DeductedFrom::Receivable, taken.receivable),
        ];
        for (source, amount) in places.into_iter().filter(|(_, amount)| amount.is_positive()) {
            let (reference, reason) = (kept.fact.reference.clone(), violation.breach.rule().to_owned());
            lines.push(statement::Deduction { reference, day, reason, source, amount });
        }
    }
    lines
}

fn adjusted(reference: &str, adjustment: &Adjustment) -> statement::Adjustment {
    statement::Adjustment {
        reference: reference.to_owned(),
        month: adjustment.month,
        reason: adjustment.reason.chars().take(200).collect(),
        amount: adjustment.amount,
    }
}

/// How deals are named on a statement, those that the market has no more among them.
struct Names {
    gone: BTreeMap<DealId, String>,
    orders: Orders,
}

impl Names {
    fn new(view: &View<'_>, lines: &[Line]) -> Result<Self, Refusal> {
        let gone = lines.iter().map(|line| line.deal).filter(|deal| view.market.deals.get(*deal).is_none());
        let mut gone: BTreeMap<_, _> = gone.map(|deal| (deal, format!("deal number {}", deal.0))).collect();
        if !gone.is_empty() {
            for (deal, wire) in view.books.load_ids()?.wires::<DealId>() {
                gone.entry(deal).and_modify(|name| wire.clone_into(name));
            }
        }
        Ok(Self { gone, orders: Orders::of(view.facts) })
    }

    fn line(&self, view: &View<'_>, line: &Line) -> statement::DealLine {
        let known = view.market.deals.get(line.deal);
        let deal = known.map_or_else(|| self.gone.get(&line.deal).cloned().unwrap_or_default(), |it| it.wire.clone());
        let advertisers = known.iter().flat_map(|deal| deal.advertisers.iter());
        let named: Vec<_> =
            advertisers.filter_map(|id| view.market.advertiser(*id)).map(|it| it.name.as_str()).collect();
        let mut project = if named.is_empty() { deal.clone() } else { named.join(", ") };
        if let Some(month) = line.repays {
            project = format!("{project}: make-good of {month}");
        }
        let guaranteed = line.method.is_guaranteed();
        let monitor = line
            .corrected
            .as_ref()
            .map(|it| statement::MonitorFigure { name: it.by.clone(), impressions: it.impressions });
        let order = self.orders.order_of(&deal, line.last_day).map(|order| order.number.clone());
        statement::DealLine {
            order,
            deal,
            project: project.chars().take(200).collect(),
            method: line.method,
            first_day: line.first_day,
            last_day: line.last_day,
            price: line.price,
            ordered: guaranteed.then_some(line.ordered),
            delivered: line.delivered,
            undelivered_by_buyer: line.by_buyer,
            undelivered_by_exchange: line.by_exchange + line.exempted,
            causes: line.causes.clone(),
            made_good: line.made_good,
            monitor,
            settled: line.settled,
            consumption: line.consumption,
            from_grants: line.from_grants,
        }
    }
}
