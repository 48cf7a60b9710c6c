//! Natural months in Asia/Shanghai: the settlement cycle (R-MONTH).

use std::fmt;

use super::ShanghaiDay;

/// A natural month in Asia/Shanghai, 1970-01 to 9999-12. Displays as `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(
    /// Months since 1970-01.
    u32,
);

impl Month {
    /// The first that there is, 1970-01.
    pub const FIRST: Self = Self(0);
    /// The last that there is, 9999-12.
    pub const LAST: Self = Self((9_999 - 1_970) * 12 + 11);

    /// The month of that year (1970 to 9999), 1 to 12.
    #[must_use]
    pub const fn new(year: u16, month: u8) -> Option<Self> {
        if year < 1_970 || year > 9_999 || month < 1 || month > 12 {
            return None;
        }
        Some(Self((year as u32 - 1_970) * 12 + month as u32 - 1))
    }

    /// The month that a day is in.
    #[must_use]
    pub fn of(day: ShanghaiDay) -> Self {
        let date = day.civil();
        Self::new(date.year().unsigned_abs(), date.month().unsigned_abs()).unwrap_or(Self::LAST)
    }

    /// Reads `YYYY-MM`, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// The month with the number `YYYYMM`.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::new(u16::try_from(number / 100).ok()?, u8::try_from(number % 100).ok()?)
    }

    /// The number `YYYYMM`, which sorts as months do: for keys that are stored.
    #[must_use]
    pub fn number(self) -> u32 {
        u32::from(self.year()) * 100 + u32::from(self.month_of_year())
    }

    /// The year, 1970 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        (self.0 / 12) as u16 + 1_970
    }

    /// 1 to 12.
    #[must_use]
    pub const fn month_of_year(self) -> u8 {
        (self.0 % 12) as u8 + 1
    }

    /// The first day.
    #[must_use]
    pub fn first_day(self) -> ShanghaiDay {
        ShanghaiDay::of_civil(self.first_date())
    }

    /// The last day.
    #[must_use]
    pub fn last_day(self) -> ShanghaiDay {
        ShanghaiDay::of_civil(self.first_date().last_of_month())
    }

    /// How many days it has: 28 to 31.
    #[must_use]
    pub fn day_count(self) -> u32 {
        u32::from(self.first_date().days_in_month().unsigned_abs())
    }

    /// Its days in order.
    pub fn days(self) -> impl DoubleEndedIterator<Item = ShanghaiDay> + ExactSizeIterator {
        let (first, count) = (self.first_day().0, self.day_count());
        (first..first + count).map(ShanghaiDay)
    }

    /// Whether the day is one of it.
    #[must_use]
    pub fn contains(self, day: ShanghaiDay) -> bool {
        self.first_day() <= day && day <= self.last_day()
    }

    /// The one after; the last stays.
    #[must_use]
    pub fn next(self) -> Self {
        self.later(1)
    }

    /// The one before; the first stays.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Later by that many months, at most [`Month::LAST`].
    #[must_use]
    pub fn later(self, months: u32) -> Self {
        Self(self.0.saturating_add(months)).min(Self::LAST)
    }

    fn first_date(self) -> jiff::civil::Date {
        let year = i16::try_from(self.year()).unwrap_or(9_999);
        jiff::civil::date(year, i8::try_from(self.month_of_year()).unwrap_or(12), 1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month_of_year())
    }
}

impl serde::Serialize for Month {
    /// As `YYYY-MM`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no month; write it like 2026-11")))
    }
}

impl ShanghaiDay {
    /// The natural month that it is in.
    #[must_use]
    pub fn month(self) -> Month {
        Month::of(self)
    }

    /// The same day of the month that many months later, or that month's last day where it has no such day (R-TERM):
    /// three months after 30 November is 28 February, or 29.
    #[must_use]
    pub fn same_day_months_later(self, months: u32) -> Self {
        let month = self.month();
        let day = self.0 - month.first_day().0;
        let later = month.later(months);
        Self(later.first_day().0 + day.min(later.day_count() - 1))
    }

    /// Later by that many natural days.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day before; the first stays.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> ShanghaiDay {
        ShanghaiDay::parse(text).unwrap()
    }

    #[test]
    fn r_month_is_the_natural_one() {
        let february = Month::parse("2024-02").unwrap();
        assert_eq!((february.first_day(), february.last_day()), (day("2024-02-01"), day("2024-02-29")));
        assert_eq!((february.day_count(), february.days().len(), february.number()), (29, 29, 202_402));
        assert!(february.contains(day("2024-02-29")) && !february.contains(day("2024-03-01")));
        assert!(!february.contains(day("2024-01-31")));
        assert_eq!(Month::new(2026, 12).unwrap().next().to_string(), "2027-01");
        assert_eq!(Month::new(2026, 1).unwrap().previous().to_string(), "2025-12");
        assert_eq!((Month::LAST.next(), Month::FIRST.previous()), (Month::LAST, Month::FIRST));
        assert_eq!(Month::LAST.last_day().to_string(), "9999-12-31");
    }

    #[test]
    fn months_parse_only_as_four_and_two_digits() {
        for text in ["2026-13", "2026-00", "2026-1", "202611", "1969-12", "+026-11", "2026-11-01", "2026-1１", ""] {
            assert_eq!(Month::parse(text), None, "{text:?}");
        }
        assert_eq!((Month::from_number(202_613), Month::from_number(2_026)), (None, None));
        assert_eq!(serde_json::from_str::<Month>("\"2026-11\"").unwrap().number(), 202_611);
        let why = serde_json::from_str::<Month>("\"11/2026\"").unwrap_err().to_string();
        assert!(why.contains("11/2026") && why.contains("2026-11"), "{why}");
    }

    #[test]
    fn r_term_the_same_day_is_clamped_to_the_months_end() {
        let cases = [
            ("2026-11-30", 3, "2027-02-28"),
            ("2027-11-30", 3, "2028-02-29"),
            ("2026-11-15", 3, "2027-02-15"),
            ("2026-08-31", 3, "2026-11-30"),
            ("2026-01-31", 1, "2026-02-28"),
            ("2026-02-28", 1, "2026-03-28"),
            ("2026-12-31", 0, "2026-12-31"),
        ];
        for (from, months, to) in cases {
            assert_eq!(day(from).same_day_months_later(months), day(to), "{from} + {months}");
        }
    }

    proptest! {
        #[test]
        fn months_cover_all_days_without_a_gap(number in 0..Month::LAST.0) {
            let month = Month(number);
            prop_assert_eq!(month.last_day().next(), month.next().first_day());
            prop_assert!(month.days().all(|day| day.month() == month));
            prop_assert_eq!(Month::parse(&month.to_string()), Some(month));
            prop_assert_eq!(Month::from_number(month.number()), Some(month));
        }
    }
}
