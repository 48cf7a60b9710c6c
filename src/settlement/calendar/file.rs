//! Reading the yearly files.

use std::collections::{BTreeMap, BTreeSet};

use super::CalendarError;
use crate::clock::ShanghaiDay;

/// Why a file of holidays is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calendar {file}:{line}: {problem} (R-WORKDAY)")]
pub struct HolidayFileError {
    /// Its name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// What was announced for each year that there is a file of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    years: BTreeMap<u16, Year>,
}

/// One year's announcement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Year {
    freed: BTreeSet<ShanghaiDay>,
    worked: BTreeSet<ShanghaiDay>,
}

impl Year {
    pub(super) fn is_freed(&self, day: ShanghaiDay) -> bool {
        self.freed.contains(&day)
    }

    pub(super) fn is_worked_for_a_holiday(&self, day: ShanghaiDay) -> bool {
        self.worked.contains(&day)
    }
}

impl Holidays {
    /// Reads files, each a name and its text.
    ///
    /// # Errors
    /// [`HolidayFileError`] names the first line that is wrong.
    pub fn read(files: &[(&str, &str)]) -> Result<Self, HolidayFileError> {
        let mut years = BTreeMap::new();
        for (file, text) in files {
            let wrong = |(line, problem)| HolidayFileError { file: (*file).to_owned(), line, problem };
            let (number, year) = read_year(text).map_err(wrong)?;
            if years.insert(number, year).is_some() {
                return Err(wrong((1, format!("the year {number} has a file already"))));
            }
        }
        Ok(Self { years })
    }

    pub(super) fn year_of(&self, day: ShanghaiDay) -> Result<&Year, CalendarError> {
        let year = day.year();
        self.years.get(&year).ok_or_else(|| {
            let known: Vec<_> = self.years.keys().map(ToString::to_string).collect();
            CalendarError::MissingYear { year, known: known.join(", ") }
        })
    }
}

type Wrong = (usize, String);

fn read_year(text: &str) -> Result<(u16, Year), Wrong> {
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    let (head, number) = lines.next().unwrap_or(("", 1));
    let year = head.strip_prefix("year ").and_then(|digits| digits.trim().parse().ok());
    let year = year.ok_or_else(|| (number, "begins with the year, as in `year 2026`".to_owned()))?;
    let mut read = Year::default();
    for (line, number) in lines {
        read_run(line, year, &mut read).map_err(|problem| (number, problem))?;
    }
    if read.freed.is_empty() {
        return Err((1, "has no holiday; every year has some".to_owned()));
    }
    Ok((year, read))
}

fn read_run(line: &str, year: u16, read: &mut Year) -> Result<(), String> {
    let mut words = line.split_whitespace();
    let [kind, first, last, _name] = [(); 4].map(|()| words.next().unwrap_or(""));
    let day = |text| ShanghaiDay::parse(text).filter(|day| day.year() == year);
    let (Some(first), Some(last)) = (day(first), day(last)) else {
        return Err(format!("a line is `off` or `work`, its first and last day in {year} as YYYY-MM-DD, and a name"));
    };
    if last < first {
        return Err(format!("{last} is before {first}"));
    }
    for day in (first.0..=last.0).map(ShanghaiDay) {
        let is_weekend = day.weekday() >= 5;
        let days = match kind {
            "off" => &mut read.freed,
            "work" if is_weekend => &mut read.worked,
            "work" => return Err(format!("{day} is no weekend day, so nobody has to be told to work on it")),
            _ => return Err(format!("{kind:?} is neither `off` nor `work`")),
        };
        if !days.insert(day) || (read.freed.contains(&day) && read.worked.contains(&day)) {
            return Err(format!("{day} is said twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named() {
        let cases = [
            ("off 2026-01-01 2026-01-01 x", 1, "begins with the year"),
            ("# only\n\nyear 2026\n", 1, "no holiday"),
            ("year 2026\noff 2026-01-01 2026-01-32 x", 2, "YYYY-MM-DD"),
            ("year 2026\noff 2025-12-31 2026-01-01 x", 2, "in 2026"),
            ("year 2026\noff 2026-01-03 2026-01-01 x", 2, "is before"),
            ("year 2026\n# c\nof 2026-01-01 2026-01-01 x", 3, "neither"),
            ("year 2026\nwork 2026-01-05 2026-01-05 x", 2, "no weekend day"),
            ("year 2026\noff 2026-01-01 2026-01-03 x\nwork 2026-01-03 2026-01-03 x", 3, "said twice"),
            ("year 2026\noff 2026-01-01 2026-01-03 x\noff 2026-01-03 2026-01-03 x", 3, "said twice"),
        ];
        for (text, line, says) in cases {
            let why = Holidays::read(&[("2026.txt", text)]).unwrap_err();
            assert_eq!(why.line, line, "{text:?}: {why}");
            assert!(why.to_string().contains(says), "{why}");
        }
        let twice = [("a.txt", "year 2026\noff 2026-01-01 2026-01-01 x"); 2];
        assert!(Holidays::read(&twice).unwrap_err().to_string().contains("already"));
    }
}
