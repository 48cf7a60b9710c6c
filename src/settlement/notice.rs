//! Notices, when they count as served, and how a cooperation ends (R-NOTICE, R-END, R-TERM, R-EXEMPT).

use serde::{Deserialize, Serialize};

use super::breaches::Breaches;
use super::calendar::Workdays;
use super::office::{Deed, Refusal, View, said};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::BuyerId;
use crate::market::demand::Buyer;
use crate::market::figures::{DatedFigures, Figures};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// Moments as RFC 3339 with an offset, to the millisecond.
pub(super) mod moment {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::UnixMillis;

    pub(in crate::settlement) fn serialize<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339())
    }

    pub(in crate::settlement) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<UnixMillis, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let parsed = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        let wrong = || serde::de::Error::custom(format!("{text:?} is no moment like 2026-11-30T09:00:00+08:00"));
        parsed.and_then(|ms| u64::try_from(ms).ok()).map(UnixMillis).ok_or_else(wrong)
    }
}

/// A way in which a notice went, and what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Way {
    /// By e-mail: served so many hours after it was sent.
    Email {
        /// When it was sent.
        #[serde(with = "moment")]
        sent: UnixMillis,
    },
    /// By post: served when it was delivered.
    Post {
        /// When that was.
        #[serde(with = "moment")]
        delivered: UnixMillis,
    },
    /// On the platform: served when it was published.
    Platform {
        /// When that was.
        #[serde(with = "moment")]
        published: UnixMillis,
    },
}

impl Way {
    const fn happened(&self) -> UnixMillis {
        match self {
            Self::Email { sent: at } | Self::Post { delivered: at } | Self::Platform { published: at } => *at,
        }
    }

    /// When it counts as served, by the figures of the day on which it happened.
    #[must_use]
    pub fn served(&self, figures: &DatedFigures) -> UnixMillis {
        let at = self.happened();
        match self {
            Self::Email { .. } => {
                let hours = figures.on(at.shanghai_day()).email_served_hours;
                at.plus_ms(u64::from(hours) * HOUR_MS)
            }
            Self::Post { .. } | Self::Platform { .. } => at,
        }
    }
}

/// When a notice that went in these ways is served: the earliest of them; `None` where it went in none (R-NOTICE).
#[must_use]
pub fn served_at(ways: &[Way], figures: &DatedFigures) -> Option<UnixMillis> {
    ways.iter().map(|way| way.served(figures)).min()
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The exchange.
    Exchange,
    /// The buyer.
    Buyer,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// An order is to be changed or cancelled (R-ORDER, R-DAMAGE-CANCEL).
    Order,
    /// The cooperation is to be ended (R-END, R-PRICE-CHANGE).
    Termination,
    /// An address or a person changes.
    Contacts,
    /// Anything else.
    Other,
}

/// A notice was sent (R-NOTICE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Who gave it.
    pub from: Side,
    /// What it is about.
    pub about: Subject,
    /// What it says, in a line.
    pub text: String,
    /// The ways in which it went.
    pub ways: Vec<Way>,
    /// From when what it tells applies; contacts have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<ShanghaiDay>,
}

impl Notice {
    /// The day in Shanghai on which it is served.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when it went in no way.
    pub fn served_on(&self, figures: &DatedFigures) -> Result<ShanghaiDay, Refusal> {
        let served = served_at(&self.ways, figures).map(UnixMillis::shanghai_day);
        served.ok_or_else(|| Refusal::Malformed("`ways` is empty: how did the notice go?".to_owned()))
    }
}

impl Deed for Notice {
    const KIND: FactKind = FactKind::Notice;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.served_on(&view.market.terms.figures)?))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        said_something("text", &self.text)?;
        if let Some(way) = self.ways.iter().find(|way| way.happened() > view.now) {
            let why = format!("it went on {}, which is still to come", way.happened().to_rfc3339());
            return Err(Refusal::rule("R-NOTICE", why));
        }
        let served = self.served_on(&view.market.terms.figures)?;
        match (self.about, self.effective) {
            (Subject::Contacts, Some(effective)) => {
                let ahead = view.market.terms.figures.on(served).contact_change_workdays;
                let first = workdays_after(served, ahead)?;
                if effective < first {
                    let why = format!(
                        "a change of contacts is told {ahead} working days ahead: served on {served}, it may apply from {first}, not from {effective}"
                    );
                    return Err(Refusal::rule("R-NOTICE", why));
                }
            }
            (Subject::Contacts, None) => {
                return Err(Refusal::Malformed(
                    "`effective` is missing: from when are the contacts other ones?".into(),
                ));
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

/// The notice with that reference, from that side to the other of that buyer, about a subject; and the day on which it is served.
///
/// # Errors
/// [`Refusal::Rule`] names the rule that needs the notice.
pub(super) fn notice_of(
    view: &View<'_>,
    (buyer, reference): (BuyerId, &str),
    (from, about): (Side, Subject),
    rule: &'static str,
) -> Result<ShanghaiDay, Refusal> {
    let found = said::<Notice>(view.facts).find(|(kept, _)| kept.fact.reference == reference);
    let Some((_, notice)) = found.filter(|(kept, _)| kept.fact.buyer == Some(buyer)) else {
        return Err(Refusal::rule(rule, format!("there is no notice {reference:?} of this buyer")));
    };
    if (notice.from, notice.about) != (from, about) {
        let why = format!("notice {reference:?} is from {:?} about {:?}", notice.from, notice.about);
        return Err(Refusal::rule(rule, format!("{why}, one from {from:?} about {about:?} is needed")));
    }
    notice.served_on(&view.market.terms.figures)
}

/// The legal working days of the state: the agreements with buyers say no others.
pub(super) fn workdays_after(day: ShanghaiDay, count: u32) -> Result<ShanghaiDay, Refusal> {
    Workdays::Factoring.nth_after(day, count).map_err(|error| Refusal::rule("R-WORKDAY", error.to_string()))
}

/// Refuses a text that says nothing.
pub(super) fn said_something(what: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() || text.chars().count() > 1_000 {
        return Err(Refusal::Malformed(format!("`{what}` must have 1 to 1000 characters")));
    }
    Ok(())
}

/// Why a cooperation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ground {
    /// The exchange gave notice (R-END).
    Notice {
        /// The notice's reference.
        notice: String,
    },
    /// The buyer was not served for too long (R-END).
    NonProvision {
        /// The first day without service.
        since: ShanghaiDay,
    },
    /// Force majeure lasted too long (R-EXEMPT): either side may end.
    ForceMajeure {
        /// Its periods, first and last days.
        periods: Vec<(ShanghaiDay, ShanghaiDay)>,
    },
    /// The buyer objects in writing to other prices or ways to pay (R-PRICE-CHANGE).
    PriceChange {
        /// The objection's reference, a notice.
        notice: String,
    },
    /// Fees are overdue for too long (R-LATE).
    LatePayment {
        /// The violation's reference.
        violation: String,
    },
}

/// The cooperation is ended (R-END). What accrued still settles; R-TERM's extension follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Termination {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Who ends it.
    pub by: Side,
    /// The last day of the cooperation.
    pub end: ShanghaiDay,
    /// Why.
    pub ground: Ground,
}

impl Deed for Termination {
    const KIND: FactKind = FactKind::Termination;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.end))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let buyer = view.buyer(&self.buyer)?;
        if let Some(before) = end_of(view.facts, buyer).filter(|before| *before <= self.end) {
            return Err(Refusal::rule("R-END", format!("the cooperation already ends on {before}")));
        }
        let first = self.first_end(buyer, view)?;
        if self.end < first {
            return Err(Refusal::rule(self.rule(), format!("it may end on {first}, not on {}", self.end)));
        }
        if self.end < view.today() {
            let why = format!("{} is over: what was served until today was served under the contract", self.end);
            return Err(Refusal::rule("R-END", why));
        }
        Ok(Vec::new())
    }
}

impl Termination {
    const fn rule(&self) -> &'static str {
        match self.ground {
            Ground::Notice { .. } | Ground::NonProvision { .. } => "R-END",
            Ground::ForceMajeure { .. } => "R-EXEMPT",
            Ground::PriceChange { .. } => "R-PRICE-CHANGE",
            Ground::LatePayment { .. } => "R-LATE",
        }
    }

    /// The first day on which it may end.
    fn first_end(&self, buyer: BuyerId, view: &View<'_>) -> Result<ShanghaiDay, Refusal> {
        let figures = &view.market.terms.figures;
        let only = |side: Side| {
            let why = format!(
                "only the {} may end the cooperation for that",
                if side == Side::Buyer { "buyer" } else { "exchange" }
            );
            if self.by == side { Ok(()) } else { Err(Refusal::rule(self.rule(), why)) }
        };
        match &self.ground {
            Ground::Notice { notice } => {
                only(Side::Exchange)?;
                let whose = (Side::Exchange, Subject::Termination);
                let served = notice_of(view, (buyer, notice), whose, "R-END")?;
                Ok(served.same_day_months_later(figures.on(served).termination_notice_months))
            }
            Ground::NonProvision { since } => {
                only(Side::Buyer)?;
                Ok(since.plus_days(figures.on(*since).non_provision_days))
            }
            Ground::ForceMajeure { periods } => may_end_for_force_majeure(periods, figures.on(view.today())),
            Ground::PriceChange { notice } => {
                only(Side::Buyer)?;
                notice_of(view, (buyer, notice), (Side::Buyer, Subject::Termination), "R-PRICE-CHANGE")
            }
            Ground::LatePayment { violation } => {
                only(Side::Exchange)?;
                let breaches = Breaches::of(view.facts, buyer);
                let late = breaches.late(violation).filter(|late| late.open().is_positive());
                let Some(late) = late else {
                    return Err(Refusal::rule("R-LATE", format!("nothing is overdue under violation {violation:?}")));
                };
                // After 15 days of delay: the 16th overdue day is the first.
                Ok(late.due.plus_days(figures.on(late.due).late_days_until_end + 1))
            }
        }
    }
}

/// R-EXEMPT: so many days running or more, or in total more than so many; the day on which that was reached.
fn may_end_for_force_majeure(
    periods: &[(ShanghaiDay, ShanghaiDay)],
    figures: &Figures,
) -> Result<ShanghaiDay, Refusal> {
    let (running, total) = figures.force_majeure_days;
    let mut days: Vec<ShanghaiDay> = Vec::new();
    for (from, until) in periods {
        if until < from || until.0 - from.0 > 3_650 {
            return Err(Refusal::Malformed(format!("a period from {from} to {until}")));
        }
        days.extend((from.0..=until.0).map(ShanghaiDay));
    }
    days.sort_unstable();
    days.dedup();
    let mut in_a_row = 0;
    let mut before = None;
    for (count, day) in (1_u32..).zip(&days) {
        in_a_row = if before.map(ShanghaiDay::next) == Some(*day) { in_a_row + 1 } else { 1 };
        before = Some(*day);
        if in_a_row >= running || count > total {
            return Ok(*day);
        }
    }
    let why =
        format!("force majeure of {} days; {running} running or more than {total} in total are needed", days.len());
    Err(Refusal::rule("R-EXEMPT", why))
}

/// The last day of a buyer's cooperation by what was entered; `None` where it was not ended.
#[must_use]
pub fn end_of(facts: &[KeptFact], buyer: BuyerId) -> Option<ShanghaiDay> {
    let ended = said::<Termination>(facts).filter(|(kept, _)| kept.fact.buyer == Some(buyer));
    ended.map(|(_, termination)| termination.end).min()
}

/// The last days of a buyer (R-TERM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastDays {
    /// Of its cooperation: until then money comes in, and rebates and the minimum apply.
    pub cooperation: ShanghaiDay,
    /// Of use: what is left may be spent until then, and its accounts close after it.
    pub of_use: ShanghaiDay,
}

/// The last days of a buyer, by its contract and by what was entered; `None` where nothing ends it yet. A cooperation that a page change
/// ended for good has no extension (R-DAMAGE-CHANGE).
#[must_use]
pub fn last_days(facts: &[KeptFact], buyer: &Buyer, figures: &DatedFigures) -> Option<LastDays> {
    let by_contract = buyer.cooperation.map(|cooperation| cooperation.until);
    let ends = [by_contract, end_of(facts, buyer.id)]
        .into_iter()
        .flatten()
        .min()
        .map(|end| LastDays { cooperation: end, of_use: end.same_day_months_later(figures.on(end).extension_months) });
    match (Breaches::of(facts, buyer.id).ended, ends) {
        (Some(day), Some(ends)) if ends.of_use < day => Some(ends),
        (Some(day), _) => Some(LastDays { cooperation: day, of_use: day }),
        (None, ends) => ends,
    }
}

#[cfg(test)]
mod tests;
