//! Working days by contract (R-WORKDAY), from yearly files that the repository carries.
//!
//! The files are compiled in rather than read from the config folder: a public holiday is a fact of law that no two contracts see
//! differently, and a date that was once computed must come out the same in five years (R-RECORDS) whatever folder is at hand. What
//! differs by contract is which facts count: [`Workdays`]. Each November the State Council announces the next year; until its file is
//! here, a date that needs that year is refused by name. Nothing is guessed from weekdays.
//!
//! A file's lines: `year YYYY`; `off FIRST LAST NAME`, days that the announcement frees, weekends within them too; `work FIRST LAST NAME`,
//! weekend days that are worked for them. `#` begins a comment.

mod file;

pub use file::{HolidayFileError, Holidays};

use std::sync::LazyLock;

use crate::clock::ShanghaiDay;

/// The years that the repository carries, by the name of their file.
const FILES: [(&str, &str); 3] = [
    ("2024.txt", include_str!("calendar/2024.txt")),
    ("2025.txt", include_str!("calendar/2025.txt")),
    ("2026.txt", include_str!("calendar/2026.txt")),
];

static CARRIED: LazyLock<Result<Holidays, HolidayFileError>> = LazyLock::new(|| Holidays::read(&FILES));

/// Whose days: which contract says what a working day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workdays {
    /// SUP 1.12, contracts with media: every Saturday and Sunday and each day that the announcement frees is off. A weekend day
    /// that the state has people work for a holiday is still a weekend.
    Supply,
    /// FAC 1, the legal working days of the state: make-up working days count.
    Factoring,
}

/// Why a working day is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// There is no file of that year.
    #[error(
        "the holidays of {year} are not known: calendars are there for {known}; add src/settlement/calendar/{year}.txt from the State Council's announcement (R-WORKDAY)"
    )]
    MissingYear {
        /// The year that was needed.
        year: u16,
        /// Those that are there.
        known: String,
    },
    /// A file that was compiled in is wrong.
    #[error(transparent)]
    File(#[from] HolidayFileError),
}

impl Workdays {
    /// Whether the day is worked.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`].
    pub fn is_workday(self, day: ShanghaiDay) -> Result<bool, CalendarError> {
        let year = CARRIED.as_ref().map_err(Clone::clone)?.year_of(day)?;
        let weekend = day.weekday() >= 5;
        Ok(match self {
            Self::Supply => !weekend && !year.is_freed(day),
            Self::Factoring => year.is_worked_for_a_holiday(day) || (!weekend && !year.is_freed(day)),
        })
    }

    /// The day itself when it is worked, else the next that is: for what falls due on a day off (R-FACTOR-DUE).
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`] when a day up to it is of a year that is not there.
    pub fn on_or_after(self, day: ShanghaiDay) -> Result<ShanghaiDay, CalendarError> {
        let mut day = day;
        while !self.is_workday(day)? {
            day = day.next();
        }
        Ok(day)
    }

    /// The last day of a term of `count` working days that begins the day after `day`: the first working day after it is 1.
    /// With 0 the day itself, worked or not.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`] when a day up to it is of a year that is not there.
    pub fn nth_after(self, day: ShanghaiDay, count: u32) -> Result<ShanghaiDay, CalendarError> {
        let mut day = day;
        for _ in 0..count {
            day = self.on_or_after(day.next())?;
        }
        Ok(day)
    }

    /// How many working days there are after `from`, up to and including `until`; 0 when `until` is not after `from`. So
    /// `between(day, nth_after(day, n)) = n`.
    ///
    /// # Errors
    /// [`CalendarError::MissingYear`] when a day of them is of a year that is not there.
    pub fn between(self, from: ShanghaiDay, until: ShanghaiDay) -> Result<u32, CalendarError> {
        let mut count = 0;
        let mut day = from;
        while day < until {
            day = day.next();
            count += u32::from(self.is_workday(day)?);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Month;

    fn day(text: &str) -> ShanghaiDay {
        ShanghaiDay::parse(text).unwrap()
    }

    #[test]
    fn r_workday_the_two_contracts_differ_on_make_up_days_alone() {
        // Saturday 14 February 2026 is worked for the Spring Festival; Thursday 1 October is the National Day.
        let cases = [
            ("2026-02-14", false, true),
            ("2026-02-13", true, true),
            ("2026-02-16", false, false),
            ("2026-10-01", false, false),
            ("2026-10-10", false, true),
            ("2026-10-11", false, false),
            ("2026-01-02", false, false),
            ("2025-09-28", false, true),
            ("2024-02-09", true, true),
            ("2024-02-10", false, false),
        ];
        for (date, supply, factoring) in cases {
            assert_eq!(Workdays::Supply.is_workday(day(date)), Ok(supply), "SUP {date}");
            assert_eq!(Workdays::Factoring.is_workday(day(date)), Ok(factoring), "FAC {date}");
        }
    }

    /// The state's own counts: 250 or so working days a year; every make-up day is a weekend day that SUP leaves off.
    #[test]
    fn r_workday_whole_years_add_up() {
        let in_year = |rule: Workdays, year| {
            let new_year = Month::new(year, 1).unwrap().first_day();
            let last = Month::new(year, 12).unwrap().last_day();
            let first = u32::from(rule.is_workday(new_year).unwrap());
            first + rule.between(new_year, last).unwrap()
        };
        // 2024: 366 days, 104 weekend days; 19 freed weekdays; 8 make-up days. 2025: 104, 18, 5. 2026: 104, 19, 6.
        let counts =
            [2024, 2025, 2026].map(|year| (in_year(Workdays::Supply, year), in_year(Workdays::Factoring, year)));
        assert_eq!(counts, [(243, 251), (243, 248), (242, 248)]);
    }

    #[test]
    fn r_workday_terms_step_over_holidays() {
        // Five working days from 30 September 2026: FAC works on Saturday the 10th.
        assert_eq!(Workdays::Supply.nth_after(day("2026-09-30"), 5), Ok(day("2026-10-14")));
        assert_eq!(Workdays::Factoring.nth_after(day("2026-09-30"), 5), Ok(day("2026-10-13")));
        assert_eq!(Workdays::Supply.nth_after(day("2026-10-03"), 0), Ok(day("2026-10-03")));
        assert_eq!(Workdays::Supply.on_or_after(day("2026-10-10")), Ok(day("2026-10-12")));
        assert_eq!(Workdays::Factoring.on_or_after(day("2026-10-10")), Ok(day("2026-10-10")));
        assert_eq!(Workdays::Factoring.between(day("2026-09-30"), day("2026-10-10")), Ok(3));
        assert_eq!(Workdays::Supply.between(day("2026-10-10"), day("2026-09-30")), Ok(0));
        for count in 0..200 {
            for rule in [Workdays::Supply, Workdays::Factoring] {
                let from = day("2024-12-25");
                let until = rule.nth_after(from, count).unwrap();
                assert_eq!(rule.between(from, until), Ok(count), "{rule:?} {until}");
            }
        }
    }

    #[test]
    fn r_workday_a_missing_year_is_refused_by_name() {
        let why = Workdays::Supply.is_workday(day("2027-01-04")).unwrap_err();
        assert!(matches!(why, CalendarError::MissingYear { year: 2027, .. }));
        let told = why.to_string();
        assert!(told.contains("2027.txt") && told.contains("2024, 2025, 2026") && told.contains("R-WORKDAY"), "{told}");
        let last = day("2026-12-31");
        assert_eq!(Workdays::Supply.on_or_after(last), Ok(last), "the next year is not needed");
        assert!(Workdays::Supply.nth_after(last, 1).is_err(), "1 January is free in every year, and yet not guessed");
        assert!(Workdays::Factoring.between(last, day("2027-01-01")).is_err());
        assert!(Workdays::Factoring.is_workday(day("2023-12-29")).is_err());
    }
}
