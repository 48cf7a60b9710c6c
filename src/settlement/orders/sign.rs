//! Signing and confirming versions (R-ORDER, R-RATE, R-INVENTORY).

use serde::{Deserialize, Serialize};

use super::{KeptOrder, Line, Order, Orders};
use crate::clock::ShanghaiDay;
use crate::event::{FactKind, Transaction};
use crate::ids::BuyerId;
use crate::market::deal::Deal;
use crate::market::demand::Buyer;
use crate::market::supply::Placement;
use crate::money::MicroYuan;
use crate::settlement::month::is_closed;
use crate::settlement::notice::{Side, Subject, notice_of, said_something};
use crate::settlement::office::{Deed, Refusal, View};

/// The most lines of an order.
const MOST_LINES: usize = 1_000;
/// The longest that a line may be, days: ten years.
const MOST_DAYS: u32 = 3_660;

impl Deed for Order {
    const KIND: FactKind = FactKind::Order;
    // An order's number is one buyer's alone.
    const JUDGED_BY_ALL: &'static [FactKind] = &[FactKind::Order];

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.signed))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        said_something("number", &self.number)?;
        if self.signed > view.today() {
            return Err(Refusal::Malformed(format!("`signed` {} is still to come", self.signed)));
        }
        if self.lines.is_empty() || self.lines.len() > MOST_LINES {
            return Err(Refusal::Malformed(format!("`lines` must have 1 to {MOST_LINES}, not {}", self.lines.len())));
        }
        let contract = view.market.buyers.get(buyer).map(|known: &Buyer| known.contract.as_str());
        if contract != Some(&self.contract) {
            let why = format!("the buyer's contract is {:?}, not {:?}", contract.unwrap_or_default(), self.contract);
            return Err(Refusal::rule("R-ORDER", why));
        }
        let orders = Orders::of(view.facts);
        self.check_version(buyer, &orders, view)?;
        for line in &self.lines {
            self.check_line(line, buyer, &orders, view)?;
        }
        if self.amount() > MicroYuan::LIMIT {
            return Err(Refusal::Malformed(format!("the order comes to more than {}", MicroYuan::LIMIT)));
        }
        Ok(Vec::new())
    }
}

impl Order {
    fn check_version(&self, buyer: BuyerId, orders: &Orders, view: &View<'_>) -> Result<(), Refusal> {
        let refuse = |why: String| Err(Refusal::rule("R-ORDER", why));
        let known = orders.get(&self.number);
        let next = known.map_or(1, |order| order.versions.len() as u32 + 1);
        if self.version != next {
            return refuse(format!("the next version of order {:?} is {next}, not {}", self.number, self.version));
        }
        let Some(before) = known else {
            if self.effective.is_some() || self.notice.is_some() {
                let why = "`effective` and `notice` are of changes; a first version applies from its first day";
                return Err(Refusal::Malformed(why.to_owned()));
            }
            return Ok(());
        };
        if before.buyer != buyer {
            return refuse(format!("order {:?} is another buyer's", self.number));
        }
        if let Some((from, _)) = &before.cancelled {
            return refuse(format!("order {:?} is cancelled from {from} on", self.number));
        }
        let (Some(effective), Some(notice)) = (self.effective, &self.notice) else {
            return refuse("a change needs `effective`, its first day, and `notice`, which told of it".to_owned());
        };
        let served = notice_of(view, (buyer, notice), (Side::Buyer, Subject::Order), "R-ORDER")?;
        let days = view.market.terms.figures.on(served).order_notice_days;
        let first = served.plus_days(days);
        if effective < first {
            return refuse(format!(
                "a change needs {days} days' notice: served on {served}, it may apply from {first}"
            ));
        }
        Ok(())
    }

    /// A line must agree with the deal in the market, or say what differs.
    fn check_line(&self, line: &Line, buyer: BuyerId, orders: &Orders, view: &View<'_>) -> Result<(), Refusal> {
        let name = &line.deal;
        let refuse = |rule, why: String| Err(Refusal::rule(rule, format!("deal {name:?}: {why}")));
        let deal = deal_of(line, buyer, view)?;
        if line.until < line.from || line.until.0 - line.from.0 > MOST_DAYS {
            return refuse("R-ORDER", format!("its days are {} to {}", line.from, line.until));
        }
        if line.method != deal.method {
            return refuse("R-METHODS", format!("it is bought by {}, not {}", deal.method.name(), line.method.name()));
        }
        let Some(push) = line.push() else {
            return refuse("R-PUSH", "`push_ratio` must be from 1 to 100 with at most three decimals".to_owned());
        };
        if line.method.is_guaranteed() != line.daily.is_some_and(|daily| daily > 0) {
            return refuse("R-METHODS", "`daily` is what guaranteed lines promise, and they alone".to_owned());
        }
        if line.method != crate::event::Method::Pdb && !push.is_one() {
            return refuse("R-PUSH", "only a PDB has a push ratio above 1".to_owned());
        }
        let differing = line.differences(deal);
        if let Some(term) = differing.iter().find(|term| !line.differs.contains(term)) {
            let agreed = describe(deal);
            let why = format!("its {} is not that of the market, {agreed}; say it in `differs`", term.name());
            return refuse("R-ORDER", why);
        }
        let twice = self.lines.iter().filter(|other| other.deal == line.deal && overlap(other, line)).count();
        if twice > 1 {
            return refuse("R-ORDER", "two lines have it on the same day".to_owned());
        }
        if let Some(other) = orders.other_with(line, &self.number) {
            return refuse("R-INVENTORY", format!("order {:?} has it on the same days", other.number));
        }
        Ok(())
    }
}

impl Orders {
    /// Another order than `number` that binds and has the deal of a line on some of its days.
    fn other_with(&self, line: &Line, number: &str) -> Option<&KeptOrder> {
        let has = |other: &&KeptOrder| {
            other.confirmed().is_some_and(|version| {
                version.order.lines.iter().any(|it| it.deal == line.deal && overlap(it, line) && other.stands(it, line))
            })
        };
        self.iter().filter(|other| other.number != number).find(has)
    }
}

impl KeptOrder {
    /// Whether it is not cancelled before the days that two lines share.
    fn stands(&self, own: &Line, other: &Line) -> bool {
        self.cancelled.as_ref().is_none_or(|(from, _)| *from > own.from.max(other.from))
    }
}

fn overlap(one: &Line, other: &Line) -> bool {
    one.from <= other.until && other.from <= one.until
}

fn deal_of<'v>(line: &Line, buyer: BuyerId, view: &View<'v>) -> Result<&'v Deal, Refusal> {
    let found = view.market.deal_named(&line.deal).filter(|deal| deal.buyer == buyer);
    found.ok_or_else(|| Refusal::rule("R-ORDER", format!("the buyer has no deal {:?} in the market", line.deal)))
}

fn describe(deal: &Deal) -> String {
    let volume = deal.volume.map_or(String::new(), |volume| format!(", {} a day", volume.daily));
    format!("{}{volume}, {} to {}", deal.price, deal.period.0, deal.period.1)
}

/// The exchange confirms a version: from then on it binds (R-ORDER), and its inventory is locked (R-INVENTORY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderConfirmation {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// The order's number.
    pub number: String,
    /// Which version.
    pub version: u32,
    /// The day of the confirmation. A change may not be confirmed for days that are over: the old version has settled them.
    pub day: ShanghaiDay,
}

impl Deed for OrderConfirmation {
    const KIND: FactKind = FactKind::OrderConfirmation;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.day))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        let orders = Orders::of(view.facts);
        let refuse = |why: String| Err(Refusal::rule("R-ORDER", why));
        let Some(order) = orders.get(&self.number).filter(|order| order.buyer == buyer) else {
            return refuse(format!("the buyer has no order {:?}", self.number));
        };
        if let Some((from, _)) = &order.cancelled {
            return refuse(format!("order {:?} is cancelled from {from} on", self.number));
        }
        let Some(version) = order.versions.iter().find(|it| it.order.version == self.version) else {
            return refuse(format!("order {:?} has no version {}", self.number, self.version));
        };
        if let Some(day) = version.confirmed {
            return refuse(format!("version {} was confirmed on {day}", self.version));
        }
        if order.versions.iter().any(|it| it.order.version > self.version && it.confirmed.is_some()) {
            return refuse(format!("a later version than {} is confirmed", self.version));
        }
        if self.day > view.today() || self.day < version.order.signed {
            let signed = version.order.signed;
            return refuse(format!("`day` must be from {signed}, when it was signed, to {}", view.today()));
        }
        let month = self.day.month();
        if is_closed(view.facts, buyer, month) {
            let why = format!(
                "{month} is closed: no order is confirmed in it any more (R-ORDER), so `day` cannot be {}",
                self.day
            );
            return Err(Refusal::rule("R-MONTH", why));
        }
        if version.order.effective.is_some() && self.day < view.today() {
            return refuse(format!("until today the old version has settled: `day` must be {}", view.today()));
        }
        for line in version.order.lines.iter().filter(|line| line.method.is_guaranteed()) {
            let deal = deal_of(line, buyer, view)?;
            check_price(line, deal, version.order.signed, view)?;
            check_inventory(line, deal)?;
            if let Some(other) = orders.other_with(line, &self.number) {
                let why = format!("deal {:?}: order {:?} has it on the same days", line.deal, other.number);
                return Err(Refusal::rule("R-INVENTORY", why));
            }
        }
        Ok(Vec::new())
    }
}

/// R-RATE: the signed price is not under the card in force at signing, wherever the deal runs.
fn check_price(line: &Line, deal: &Deal, signed: ShanghaiDay, view: &View<'_>) -> Result<(), Refusal> {
    let excluded = deal.targeting.conditions.as_ref().map(|conditions| &conditions.excluded_places);
    let runs_on = |placement: &&Placement| {
        let places = placement.places();
        let out = excluded.is_some_and(|excluded| places.iter().any(|place| excluded.contains(place)));
        places.iter().any(|place| deal.targeting.places.contains(place)) && !out
    };
    for placement in view.market.placements.iter().filter(runs_on) {
        let refuse = |why: String| {
            Err(Refusal::rule("R-RATE", format!("deal {:?}: {why} on {signed}, when it was signed", line.deal)))
        };
        match placement.card_on(signed) {
            None => return refuse(format!("`{}` had no price in the rate card", placement.tagid)),
            Some(card) if line.cpm < card => {
                let tagid = &placement.tagid;
                return refuse(format!("{} is under the rate card of `{tagid}`, {card},", line.cpm));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// R-INVENTORY: what deals.toml promises was judged against the capacity; more than that is not locked by it.
fn check_inventory(line: &Line, deal: &Deal) -> Result<(), Refusal> {
    let locked = deal.volume.map_or(0, |volume| volume.daily);
    let ordered = line.daily.unwrap_or(0);
    let within = deal.period.0 <= line.from && line.until <= deal.period.1;
    if ordered <= locked && within {
        return Ok(());
    }
    let (from, until) = deal.period;
    let why = format!(
        "deal {:?}: {ordered} a day from {} to {} are ordered, deals.toml locks {locked} from {from} to {until}; what is ordered beyond that needs a deal of its own",
        line.deal, line.from, line.until
    );
    Err(Refusal::rule("R-INVENTORY", why))
}
