//! What other currencies are worth in yuan, by day.

use crate::clock::ShanghaiDay;
use crate::money::{Currency, Rate};

/// The dated rates of every configured currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// By currency; within one the newest day last.
    rows: Box<[(Currency, ShanghaiDay, Rate)]>,
}

impl Rates {
    /// Rates from their days on, in any order; of two of one day the later in the list counts.
    #[must_use]
    pub fn new(mut rows: Vec<(Currency, ShanghaiDay, Rate)>) -> Self {
        rows.sort_by_key(|(currency, from, _)| (*currency, *from));
        Self { rows: rows.into() }
    }

    /// The rate in force on a day: the yuan's own is always 1; `None` before a currency's first rate.
    #[must_use]
    pub fn on(&self, currency: Currency, day: ShanghaiDay) -> Option<Rate> {
        if currency == Currency::CNY {
            return Some(Rate::ONE);
        }
        let end = self.rows.partition_point(|(it, from, _)| (*it, *from) <= (currency, day));
        let (_, _, rate) = self.rows.get(end.checked_sub(1)?).filter(|(it, _, _)| *it == currency)?;
        Some(*rate)
    }

    /// All rates, by currency and day.
    pub fn iter(&self) -> impl Iterator<Item = &(Currency, ShanghaiDay, Rate)> {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_in_force_from_its_day_until_the_next() {
        let [usd, eur, jpy] = ["USD", "EUR", "JPY"].map(|code| Currency::parse(code).unwrap());
        let [old, new, euro] = ["7.1", "7.2", "8"].map(|rate| Rate::parse(rate).unwrap());
        let rates =
            Rates::new(vec![(usd, ShanghaiDay(20), new), (usd, ShanghaiDay(10), old), (eur, ShanghaiDay(5), euro)]);
        let on = |currency, day| rates.on(currency, ShanghaiDay(day));
        assert_eq!([on(usd, 9), on(usd, 10), on(usd, 19), on(usd, 20)], [None, Some(old), Some(old), Some(new)]);
        assert_eq!([on(eur, 99), on(jpy, 99), on(Currency::CNY, 0)], [Some(euro), None, Some(Rate::ONE)]);
    }
}
