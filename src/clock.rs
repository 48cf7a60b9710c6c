//! Time and chance, passed in as handles; nothing else in the exchange reads a clock or draws a number (architecture §6).
//!
//! Wall time is UTC milliseconds; the settlement day and month are those of Asia/Shanghai, which is UTC+8 without daylight saving
//! since 1991 (`docs/decisions/0007-time.md`). Deadlines use tokio's monotonic clock, which a simulation can pause.

mod month;

pub use month::Month;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng, TryRng};
use tokio::time::Instant;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

const DAY_MS: u64 = 86_400_000;
const SHANGHAI_OFFSET_MS: u64 = 8 * 3_600_000;

impl UnixMillis {
    /// The day in Shanghai.
    #[must_use]
    pub fn shanghai_day(self) -> ShanghaiDay {
        ShanghaiDay(((self.0 + SHANGHAI_OFFSET_MS) / DAY_MS) as u32)
    }

    /// Milliseconds since midnight in Shanghai: 0 to 86,399,999.
    #[must_use]
    pub fn shanghai_time_of_day_ms(self) -> u64 {
        (self.0 + SHANGHAI_OFFSET_MS) % DAY_MS
    }

    /// Later by that many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// RFC 3339 in Shanghai time with its offset, to the millisecond.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let day = self.shanghai_day();
        let ms = self.shanghai_time_of_day_ms();
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        format!("{day}T{hour:02}:{minute:02}:{second:02}.{:03}+08:00", ms % 1_000)
    }
}

/// A calendar day in Asia/Shanghai: days since 1970-01-01. Displays as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShanghaiDay(pub u32);

impl ShanghaiDay {
    /// Reads `YYYY-MM-DD`, years 1970 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date: jiff::civil::Date = text.parse().ok()?;
        if text.len() != 10 {
            return None;
        }
        (date >= EPOCH).then(|| Self::of_civil(date))
    }

    /// The first moment of the day.
    #[must_use]
    pub fn starts_at(self) -> UnixMillis {
        UnixMillis((u64::from(self.0) * DAY_MS).saturating_sub(SHANGHAI_OFFSET_MS))
    }

    /// The next day.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The same day some months later, or that month's last where it has no such day.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        let later = self.civil().checked_add(jiff::Span::new().months(i64::from(months.min(12_000))));
        let days = later.and_then(|later| later.since(EPOCH)).map(|since| since.get_days());
        days.ok().and_then(|days| u32::try_from(days).ok()).map_or(self, Self)
    }

    /// The day of the week: Monday is 0, Sunday 6.
    #[must_use]
    pub fn weekday(self) -> u8 {
        ((self.0 + 3) % 7) as u8
    }

    /// The number `YYYYMMDD`, for names of daily tables.
    #[must_use]
    pub fn compact(self) -> u32 {
        let date = self.civil();
        let year = u32::try_from(date.year()).unwrap_or(0);
        year * 10_000 + u32::from(date.month().unsigned_abs()) * 100 + u32::from(date.day().unsigned_abs())
    }

    /// The year, 1970 to 9999.
    #[must_use]
    pub fn year(self) -> u16 {
        self.civil().year().unsigned_abs()
    }

    /// The day with that date; dates before 1970 are its first day.
    fn of_civil(date: jiff::civil::Date) -> Self {
        let days = date.since(EPOCH).map_or(0, |span| span.get_days());
        Self(u32::try_from(days).unwrap_or(0))
    }

    fn civil(self) -> jiff::civil::Date {
        let days = i64::from(self.0);
        EPOCH.checked_add(jiff::Span::new().days(days)).unwrap_or(jiff::civil::Date::MAX)
    }
}

const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

impl fmt::Display for ShanghaiDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.civil())
    }
}

impl serde::Serialize for ShanghaiDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ShanghaiDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no day; write it like 2026-11-30")))
    }
}

/// A handle on wall and monotonic time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Wall time that moves with tokio's clock, which a simulation pauses and advances.
    Following {
        base: Instant,
        wall: UnixMillis,
    },
    /// Wall time that only moves when told to.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that says `wall` now and moves with tokio's (pausable) time.
    #[must_use]
    pub fn following(wall: UnixMillis) -> Self {
        Self(Source::Following { base: Instant::now(), wall })
    }

    /// A clock that stands still at `wall` until [`Clock::set`].
    #[must_use]
    pub fn manual(wall: UnixMillis) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(wall.0))))
    }

    /// Moves a manual clock; the others stay as they are.
    pub fn set(&self, wall: UnixMillis) {
        if let Source::Manual(now) = &self.0 {
            now.store(wall.0, Ordering::SeqCst);
        }
    }

    /// The wall time.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's wall clock")]
    pub fn now(&self) -> UnixMillis {
        match &self.0 {
            Source::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Source::Following { base, wall } => {
                let passed = Instant::now().saturating_duration_since(*base).as_millis();
                wall.plus_ms(u64::try_from(passed).unwrap_or(u64::MAX))
            }
            Source::Manual(now) => UnixMillis(now.load(Ordering::SeqCst)),
        }
    }

    /// The monotonic time, for deadlines and measured durations.
    #[must_use]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// A source of random draws; the same seed gives the same draws.
#[derive(Debug)]
pub struct Chance(SmallRng);

impl Chance {
    /// Draws that follow from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// Draws that nobody can repeat.
    #[must_use]
    pub fn unpredictable() -> Self {
        Self(rand::make_rng())
    }

    /// Draws of its own that follow from this one's.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        Self(SmallRng::from_rng(&mut self.0))
    }

    /// A number below `bound`, each as likely as the other; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        if bound == 0 { 0 } else { self.0.random_range(0..bound) }
    }
}

/// Bytes from the machine's source of randomness, fit for a key.
///
/// # Errors
/// When the machine has none to give.
pub fn secret_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_month_days_are_those_of_shanghai() {
        let last = ShanghaiDay::parse("2026-11-30").unwrap();
        let midnight = last.next().starts_at();
        assert_eq!(midnight.to_rfc3339(), "2026-12-01T00:00:00.000+08:00");
        assert_eq!(UnixMillis(midnight.0 - 1).shanghai_day(), last, "16:00 UTC is the next day's midnight");
        assert_eq!((last.compact(), last.month().number(), last.weekday()), (20_261_130, 202_611, 0));
        assert_eq!(last.next().month().number(), 202_612);
    }

    #[test]
    fn days_parse_only_as_plain_dates() {
        assert_eq!(ShanghaiDay::parse("1970-01-01"), Some(ShanghaiDay(0)));
        assert_eq!(ShanghaiDay::parse("2024-02-29").map(|day| day.to_string()).as_deref(), Some("2024-02-29"));
        for text in ["2026-02-30", "2026-1-1", "20260101", "2026-01-01T00:00", "1969-12-31", ""] {
            assert_eq!(ShanghaiDay::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            (0..20)
                .map(|_| 0)
                .scan(Chance::seeded(seed), |chance, _: i32| Some(chance.below(1_000)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
