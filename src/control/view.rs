//! What is in the market as operators see it: the shapes that the API and the dashboard share.

mod parties;
pub(super) mod prohibitions;

pub(super) use parties::{BuyerLine, CreativeLine, MediaLine, SuspensionLine, collection, creative_name, segment};

mod targets;

use serde::Serialize;

use super::publish::Thrown;
use crate::billing::budget::{Shortage, source_of};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::delivery::pacing::Pace;
use crate::event::{Cause, Measure, Party, Stage};
use crate::exchange::Exchange;
use crate::market::Market;
use crate::market::deal::{Deal, DealState, PushRatio, Volume};
use crate::market::demand::Dsp;
use crate::market::ordered::Word;
use crate::market::plan::DayPlan;
use crate::metrics::{Counter, DSP_OUTCOMES, DspCounts, NoticeOutcome};
use crate::money::{CpmMicroYuan, MicroYuan};
use targets::Targets;

/// What is asked, and when.
#[derive(Clone, Copy)]
pub(super) struct Now<'x> {
    pub(super) exchange: &'x Exchange,
    pub(super) market: &'x Market,
    pub(super) thrown: &'x Thrown,
    pub(super) at: UnixMillis,
}

impl<'x> Now<'x> {
    pub(super) fn new(exchange: &'x Exchange, market: &'x Market, thrown: &'x Thrown) -> Self {
        Self { exchange, market, thrown, at: exchange.clock.now() }
    }

    fn day(&self) -> ShanghaiDay {
        self.at.shanghai_day()
    }

    fn today(&self, deal: &Deal, measure: Measure) -> u64 {
        self.exchange.attribution.today(deal.id, self.day(), measure)
    }
}

/// An amount with its currency.
#[derive(Debug, Serialize)]
pub(super) struct Amount {
    pub(super) amount: String,
    pub(super) currency: &'static str,
}

impl From<MicroYuan> for Amount {
    fn from(amount: MicroYuan) -> Self {
        Self { amount: amount.to_string().replace('¥', ""), currency: "CNY" }
    }
}

/// A price per mille with its currency.
#[derive(Debug, Serialize)]
pub(super) struct Price {
    pub(super) cpm: String,
    pub(super) currency: &'static str,
}

impl From<CpmMicroYuan> for Price {
    fn from(price: CpmMicroYuan) -> Self {
        Self { cpm: price.to_string().trim_start_matches('¥').trim_end_matches(" CPM").to_owned(), currency: "CNY" }
    }
}

/// A deal in a list.
#[derive(Debug, Serialize)]
pub(super) struct DealLine {
    pub(super) id: String,
    pub(super) method: &'static str,
    pub(super) state: &'static str,
    /// Its kill switch, while it is thrown.
    pub(super) suspension: Option<SuspensionLine>,
    /// Whether today is within its period.
    pub(super) in_period: bool,
    pub(super) buyer: String,
    pub(super) price: Price,
    pub(super) from: String,
    pub(super) until: String,
    /// By whose word it is served today.
    pub(super) terms: Said,
    pub(super) today: DealToday,
    /// Guaranteed deals only.
    pub(super) progress: Option<Progress>,
}

/// By whose word a deal is served: deals.toml's, or an order's.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    pub(super) by: &'static str,
    /// The order's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u32>,
}

/// What a deal becomes on a day to come, by its orders.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    pub(super) from: String,
    pub(super) terms: Said,
    pub(super) price: Price,
    pub(super) ordered: Option<u64>,
    pub(super) push_ratio: Option<String>,
    pub(super) until: String,
}

/// The day of a deal in short.
#[derive(Debug, Serialize)]
pub(super) struct DealToday {
    pub(super) offered: u64,
    pub(super) won: u64,
    pub(super) billed: u64,
    /// The most frequent causes.
    pub(super) lost: Vec<Ended>,
}

/// One cause with its count.
#[derive(Debug, Serialize)]
pub(super) struct Ended {
    pub(super) cause: &'static str,
    pub(super) party: &'static str,
    pub(super) count: u64,
}

/// Where a guaranteed deal stands in its day. Withheld opportunities count as offered (R-MAKEGOOD).
#[derive(Debug, Serialize)]
pub(super) struct Progress {
    /// Impressions ordered for the day.
    pub(super) ordered: u64,
    /// The push ratio.
    pub(super) push_ratio: String,
    /// Opportunities that the day owes: the ratio times the order.
    pub(super) to_offer: u64,
    /// How many an even day would have offered by now.
    pub(super) planned_by_now: u64,
    pub(super) offered: u64,
    pub(super) withheld: u64,
    pub(super) returned: u64,
    pub(super) returnable: u64,
    pub(super) won: u64,
    pub(super) billed: u64,
    pub(super) pace: &'static str,
    /// How far behind, in millionths of the day's offers.
    pub(super) behind_millionths: u32,
}

/// A deal in full.
#[derive(Debug, Serialize)]
pub(super) struct DealPage {
    #[serde(flatten)]
    pub(super) line: DealLine,
    pub(super) dsps: Vec<String>,
    pub(super) priority: u8,
    pub(super) fallback: Option<String>,
    pub(super) identifiers: bool,
    /// How much it may win before review.
    pub(super) unreviewed: Option<UnreviewedToday>,
    pub(super) targeting: Targets,
    /// Whether this node could pay for an impression of it now.
    pub(super) funds: &'static str,
    /// What its orders make of it from later days on.
    pub(super) turns: Vec<Turn>,
    pub(super) day: String,
    pub(super) funnel: Vec<Reached>,
    pub(super) causes: Vec<Ended>,
}

/// What a serve-first deal may win before a person has seen it (R-REVIEW), impressions.
#[derive(Debug, Serialize)]
pub(super) struct UnreviewedToday {
    a_day: u32,
    /// What this process has reserved of today's and not won.
    left_here: u32,
}

/// One stage of the funnel.
#[derive(Debug, Serialize)]
pub(super) struct Reached {
    stage: &'static str,
    count: u64,
}

/// That many causes stand in a line.
const MAIN_CAUSES: usize = 3;

impl DealLine {
    pub(super) fn of(now: Now<'_>, deal: &Deal) -> Self {
        let deal = now.market.on_day(deal, now.day());
        let stage = |stage| now.today(deal, Measure::Stage(stage));
        let mut lost = causes(now, deal);
        lost.retain(|ended| ended.count > 0);
        lost.sort_by(|a, b| b.count.cmp(&a.count).then(a.cause.cmp(b.cause)));
        lost.truncate(MAIN_CAUSES);
        let today =
            DealToday { offered: stage(Stage::Offered), won: stage(Stage::Won), billed: stage(Stage::Billed), lost };
        Self {
            id: deal.wire.clone(),
            method: deal.method.name(),
            state: match now.market.deal_state(deal) {
                DealState::Active => "active",
                DealState::Paused => "paused",
                DealState::Suspended => "suspended",
                DealState::NotOrdered => "not_ordered",
            },
            suspension: now.suspension(deal.id),
            in_period: deal.runs_on(now.day()),
            buyer: now.market.buyers.get(deal.buyer).map_or_else(String::new, |buyer| buyer.account.clone()),
            price: deal.price.into(),
            from: deal.period.0.to_string(),
            until: deal.period.1.to_string(),
            terms: Said::of(now.market.word_on(deal.id, now.day())),
            today,
            progress: ordered_volume(deal).map(|volume| Progress::of(now, deal, volume)),
        }
    }
}

/// What of a guaranteed deal is promised; nothing where it is not ordered.
fn ordered_volume(deal: &Deal) -> Option<Volume> {
    deal.volume.filter(|_| deal.state != DealState::NotOrdered)
}

impl Said {
    fn of(word: &Word) -> Self {
        match word {
            Word::Config => Self { by: "deals.toml", order: None, version: None },
            Word::Order { number, version, .. } => {
                Self { by: "order", order: Some(number.to_string()), version: Some(*version) }
            }
            Word::NotOrdered { number } => Self { by: "not_ordered", order: Some(number.to_string()), version: None },
        }
    }
}

impl Turn {
    fn of(now: Now<'_>, deal: &Deal, from: ShanghaiDay, word: &Word) -> Self {
        let then = now.market.on_day(deal, from);
        let volume = ordered_volume(then);
        Self {
            from: from.to_string(),
            terms: Said::of(word),
            price: then.price.into(),
            ordered: volume.map(|volume| volume.daily),
            push_ratio: volume.map(|volume| ratio(volume.push)),
            until: then.period.1.to_string(),
        }
    }
}

impl Progress {
    pub(super) fn of(now: Now<'_>, deal: &Deal, volume: Volume) -> Self {
        let stage = |stage| now.today(deal, Measure::Stage(stage));
        let (offered, withheld) = (stage(Stage::Offered), stage(Stage::Withheld));
        let promise = now.exchange.promise(now.market, deal, now.day());
        let to_offer = promise.map_or(0, |promise| promise.offers);
        let passed = promise.map_or(0, |promise| promise.plan.passed_at(now.at));
        let planned = u128::from(to_offer) * u128::from(passed) / u128::from(DayPlan::WHOLE);
        let pace = promise.map(|promise| now.exchange.pacing.pace(deal.id, promise, offered + withheld, now.at));
        let (pace, behind_millionths) = match pace.unwrap_or(Pace::Ahead) {
            Pace::Behind(millionths) => ("behind", millionths),
            Pace::Ahead if offered + withheld >= to_offer => ("done", 0),
            Pace::Ahead => ("on_plan", 0),
        };
        Self {
            ordered: volume.daily,
            push_ratio: ratio(volume.push),
            to_offer,
            planned_by_now: u64::try_from(planned).unwrap_or(u64::MAX),
            offered,
            withheld,
            returned: now.today(deal, Measure::Cause(Cause::Returned)),
            returnable: volume.push.returnable_of(offered + withheld),
            won: stage(Stage::Won),
            billed: stage(Stage::Billed),
            pace,
            behind_millionths,
        }
    }
}

impl DealPage {
    pub(super) fn of(now: Now<'_>, deal: &Deal) -> Self {
        let (market, agreed) = (now.market, deal);
        let deal = market.on_day(agreed, now.day());
        let later = market.words_of(deal.id).iter().filter(|span| span.from > now.day());
        let source = source_of(deal, now.day());
        let reached = |stage: &Stage| Reached { stage: stage.label(), count: now.today(deal, Measure::Stage(*stage)) };
        Self {
            line: DealLine::of(now, deal),
            dsps: deal.dsps.iter().filter_map(|id| market.dsps.get(*id)).map(|dsp| dsp.wire.clone()).collect(),
            priority: deal.priority,
            fallback: deal
                .fallback
                .and_then(|id| market.creative_numbered(id))
                .map(|creative| creative.crid().to_owned()),
            identifiers: deal.identifiers,
            unreviewed: deal
                .unreviewed_a_day
                .map(|a_day| UnreviewedToday { a_day, left_here: now.exchange.allowances.left(deal.id, now.day()) }),
            targeting: Targets::of(market, &deal.targeting),
            funds: match now.exchange.budgets.probe(source, deal.price.per_impression(), now.at) {
                Ok(()) => "ready",
                Err(Shortage::Empty) => "empty",
                Err(Shortage::NoLease) => "no_lease",
            },
            turns: later.map(|span| Turn::of(now, agreed, span.from, &span.word)).collect(),
            day: now.day().to_string(),
            funnel: Stage::ALL.iter().map(reached).collect(),
            causes: causes(now, deal),
        }
    }
}

/// Every cause with its count of today.
fn causes(now: Now<'_>, deal: &Deal) -> Vec<Ended> {
    let ended = |cause: &Cause| Ended {
        cause: cause.label(),
        party: match cause.party() {
            Party::Neither => "neither",
            Party::Buyer => "buyer",
            Party::Exchange => "exchange",
        },
        count: now.today(deal, Measure::Cause(*cause)),
    };
    Cause::ALL.iter().map(ended).collect()
}

/// A push ratio as config writes it: it has at most three decimals, so its thousandfold is whole.
fn ratio(push: PushRatio) -> String {
    let milli = push.offers_for(1_000);
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A DSP in a list. Counts are those since the process started.
#[derive(Debug, Serialize)]
pub(super) struct DspLine {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: &'static str,
    /// Its kill switch, while it is thrown.
    pub(super) suspension: Option<SuspensionLine>,
    /// Its breaker: closed, probing, open.
    pub(super) breaker: &'static str,
    pub(super) approved_from: String,
    pub(super) approved_until: String,
    pub(super) asked: u64,
    pub(super) outcomes: Vec<Counted>,
    pub(super) rejected: Vec<Counted>,
    /// Notices to it by outcome, all kinds together; those that are not at zero.
    pub(super) notices: Vec<Counted>,
    /// Upper bounds of the time that answers took.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
}

/// A name with its count.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    pub(super) name: &'static str,
    pub(super) count: u64,
}

impl DspLine {
    pub(super) fn of(now: Now<'_>, dsp: &Dsp) -> Self {
        let none = DspCounts::default();
        let counts = now.exchange.metrics.dsps.get(dsp.id).unwrap_or(&none);
        let day = now.day();
        let counted = |(name, counter): (&&'static str, &Counter)| Counted { name, count: counter.get() };
        let rejections = now.exchange.metrics.rejections.iter().zip(&counts.rejected).map(counted);
        Self {
            id: dsp.wire.clone(),
            name: dsp.name.clone(),
            state: match () {
                () if now.market.dsp_is_suspended(dsp.id) => "suspended",
                () if day < dsp.approved.0 => "not_yet_approved",
                () if day > dsp.approved.1 => "approval_expired",
                () => "approved",
            },
            suspension: now.suspension(dsp.id),
            breaker: now.exchange.breakers.state(dsp.id).label(),
            approved_from: dsp.approved.0.to_string(),
            approved_until: dsp.approved.1.to_string(),
            asked: counts.asked.iter().map(Counter::get).sum(),
            outcomes: DSP_OUTCOMES.iter().zip(&counts.asked).map(counted).collect(),
            notices: notice_outcomes(counts),
            rejected: rejections.filter(|counted| counted.count > 0).collect(),
            p50_us: counts.seconds.quantile_us(0.5),
            p99_us: counts.seconds.quantile_us(0.99),
        }
    }
}

fn notice_outcomes(counts: &DspCounts) -> Vec<Counted> {
    let total = |outcome: NoticeOutcome| counts.notices.iter().map(|kind| kind[outcome as usize].get()).sum();
    let counted = NoticeOutcome::ALL.iter().map(|(outcome, name)| Counted { name, count: total(*outcome) });
    counted.filter(|counted| counted.count > 0).collect()
}

/// The first items by a key, in its order; one pass over all of them, whatever their number.
pub(super) fn first_by_key<T: Copy, K: Ord>(mut items: Vec<T>, most: usize, key: impl Fn(&T) -> K) -> Vec<T> {
    if most < items.len() {
        items.select_nth_unstable_by_key(most, &key);
        items.truncate(most);
    }
    items.sort_unstable_by_key(&key);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_and_amounts_read_as_config_writes_them() {
        assert_eq!(["1.3", "1", "1.125"].map(|text| ratio(PushRatio::parse(text).unwrap())), ["1.3", "1", "1.125"]);
        assert_eq!(Amount::from(MicroYuan(-1_500_000)).amount, "-1.50");
        assert_eq!(Price::from(CpmMicroYuan::parse_yuan("62").unwrap()).cpm, "62.00");
    }

    #[test]
    fn the_first_of_many_come_in_order() {
        assert_eq!(first_by_key(vec![5, 3, 9, 1], 2, |it| *it), [1, 3]);
        assert_eq!(first_by_key(vec![2, 1], 9, |it| *it), [1, 2]);
    }
}
