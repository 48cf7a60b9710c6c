//! Quarterly targets and what was achieved of them (R-QUARTER).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::{Month, ShanghaiDay};
use crate::event::{FactKind, KeptFact, Transaction};
use crate::ids::BuyerId;
use crate::money::MicroYuan;
use crate::settlement::office::{Deed, Refusal, View, payment, said};

/// A quarter of a year. Written as `2026-Q4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarter(Month);

impl Quarter {
    /// Reads `YYYY-Qn`, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, quarter) = text.split_once("-Q")?;
        let quarter = ["1", "2", "3", "4"].iter().position(|it| *it == quarter)?;
        Month::parse(&format!("{year}-{:02}", quarter * 3 + 1)).map(Self)
    }

    /// The one that a month is in.
    #[must_use]
    pub fn of(month: Month) -> Self {
        let first = (month.month_of_year() - 1) / 3 * 3 + 1;
        Self(Month::new(month.year(), first).unwrap_or(month))
    }

    /// Its months in order.
    #[must_use]
    pub fn months(self) -> [Month; 3] {
        [self.0, self.0.later(1), self.0.later(2)]
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.0.year(), (self.0.month_of_year() - 1) / 3 + 1)
    }
}

impl Serialize for Quarter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quarter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no quarter; write it like 2026-Q4")))
    }
}

/// A quarter's target of a buyer (R-QUARTER).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The buyer's ACCOUNT ID.
    pub buyer: String,
    /// Which quarter. One that had a target has this one from now on, until the quarter is over.
    pub quarter: Quarter,
    /// What is to be consumed in it, in yuan.
    pub amount: MicroYuan,
}

impl Deed for Target {
    const KIND: FactKind = FactKind::Target;

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        Ok((Some(view.buyer(&self.buyer)?), self.quarter.0.first_day()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        payment("amount", self.amount)?;
        let [_, _, last] = self.quarter.months();
        if last.last_day() < view.today() {
            return Err(Refusal::rule("R-QUARTER", format!("{} is over: its target stands", self.quarter)));
        }
        Ok(vec![])
    }
}

/// How a quarter with a target stands, in micro-yuan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Achievement {
    /// Which.
    pub quarter: Quarter,
    /// Its target.
    pub target: MicroYuan,
    /// What was consumed in it, grants included.
    pub consumed: MicroYuan,
    /// The targets of all quarters up to it, from the first that has one.
    pub cumulative_target: MicroYuan,
    /// What was consumed in these.
    pub cumulative: MicroYuan,
    /// Whether it is over and its target was not reached: the exchange may terminate at once.
    pub missed: bool,
}

/// The targets of a buyer in order of their quarters; the last one entered stands.
#[must_use]
pub(super) fn targets_of(facts: &[KeptFact], buyer: BuyerId) -> BTreeMap<Quarter, MicroYuan> {
    let own = said::<Target>(facts).filter(|(kept, _)| kept.fact.buyer == Some(buyer));
    own.map(|(_, target)| (target.quarter, target.amount)).collect()
}

/// How each quarter with a target stands, from what each month's consumption came to.
#[must_use]
pub(super) fn achievements(
    targets: &BTreeMap<Quarter, MicroYuan>,
    consumed: &BTreeMap<Month, MicroYuan>,
    today: ShanghaiDay,
) -> Vec<Achievement> {
    let (mut cumulative, mut cumulative_target) = (MicroYuan::ZERO, MicroYuan::ZERO);
    let stand = |(quarter, target): (&Quarter, &MicroYuan)| {
        let of = |month: &Month| consumed.get(month).copied().unwrap_or_default();
        let consumed: MicroYuan = quarter.months().iter().map(of).sum();
        cumulative += consumed;
        cumulative_target += *target;
        let [_, _, last] = quarter.months();
        let missed = last.last_day() < today && consumed < *target;
        Achievement { quarter: *quarter, target: *target, consumed, cumulative_target, cumulative, missed }
    };
    targets.iter().map(stand).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_quarter_a_missed_target_is_told_once_the_quarter_is_over() {
        let quarter = |text| Quarter::parse(text).unwrap();
        let month = |text| Month::parse(text).unwrap();
        let targets = BTreeMap::from([(quarter("2026-Q3"), MicroYuan(300)), (quarter("2026-Q4"), MicroYuan(500))]);
        let consumed = BTreeMap::from([
            (month("2026-06"), MicroYuan(9_000)),
            (month("2026-07"), MicroYuan(100)),
            (month("2026-09"), MicroYuan(200)),
            (month("2026-10"), MicroYuan(450)),
            (month("2026-12"), MicroYuan(49)),
            (month("2027-01"), MicroYuan(9_000)),
        ]);
        let on = |day| achievements(&targets, &consumed, ShanghaiDay::parse(day).unwrap());
        let [third, fourth] = on("2026-12-31")[..] else { panic!("two quarters") };
        assert_eq!((third.consumed, third.missed), (MicroYuan(300), false), "reached exactly");
        assert_eq!((fourth.consumed, fourth.missed), (MicroYuan(499), false), "not over");
        assert_eq!((fourth.cumulative_target, fourth.cumulative), (MicroYuan(800), MicroYuan(799)));
        assert!(on("2027-01-01")[1].missed);
    }

    #[test]
    fn quarters_parse_and_print() {
        let fourth = Quarter::parse("2026-Q4").unwrap();
        assert_eq!((fourth.to_string(), Quarter::of(Month::parse("2026-12").unwrap())), ("2026-Q4".to_owned(), fourth));
        for text in ["2026-Q5", "2026-Q0", "2026-4", "26-Q1", "2026-Q01", ""] {
            assert_eq!(Quarter::parse(text), None, "{text:?}");
        }
    }
}
