//! What all fetches together may take: connections at once, bytes a minute, and time between two requests to one host.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout};

use super::refusal::Refusal;
use crate::clock::Clock;
use crate::market::policy::landing::Rates;

/// Hosts whose turn is remembered. More have no turn before one of these is over.
const MOST_HOSTS: usize = 4_096;
/// The longest wait for a turn or a connection; after it the page is fetched another time.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);

/// The budget of one crawler.
#[derive(Debug)]
pub struct Budget {
    rates: Rates,
    connections: Semaphore,
    spent: Mutex<Spent>,
    clock: Clock,
}

#[derive(Debug)]
struct Spent {
    /// When a host may be asked next.
    turns: HashMap<String, Instant>,
    /// When the minute began in which bytes are counted.
    since: Instant,
    bytes: u64,
}

impl Budget {
    /// Nothing is spent.
    #[must_use]
    pub fn new(rates: Rates, clock: Clock) -> Self {
        let spent = Spent { turns: HashMap::new(), since: clock.instant(), bytes: 0 };
        Self { connections: Semaphore::new(rates.connections), rates, spent: Mutex::new(spent), clock }
    }

    /// Waits for the host's turn and then for a connection; the connection is given back when the permit is dropped.
    ///
    /// # Errors
    /// [`Refusal::Busy`] where that would take too long.
    pub async fn enter(&self, host: &str) -> Result<SemaphorePermit<'_>, Refusal> {
        let turn = self.turn(host)?;
        sleep_until(turn).await;
        match timeout(LONGEST_WAIT, self.connections.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refusal::Busy("connections")),
        }
    }

    /// When the host may be asked; it is taken.
    fn turn(&self, host: &str) -> Result<Instant, Refusal> {
        let now = self.clock.instant();
        let mut spent = self.spent();
        spent.in_minute(now);
        if spent.bytes >= self.rates.bytes_a_minute {
            return Err(Refusal::Busy("bytes in this minute"));
        }
        if spent.turns.len() >= MOST_HOSTS {
            spent.turns.retain(|_, turn| *turn > now);
        }
        let turn = spent.turns.get(host).map_or(now, |turn| now.max(*turn));
        if turn > now + LONGEST_WAIT {
            return Err(Refusal::Busy("requests to this host"));
        }
        if spent.turns.len() >= MOST_HOSTS && !spent.turns.contains_key(host) {
            return Err(Refusal::Busy("hosts"));
        }
        spent.turns.insert(host.to_owned(), turn + self.rates.gap);
        Ok(turn)
    }

    /// Counts bytes that were received.
    ///
    /// # Errors
    /// [`Refusal::Busy`] once the minute's are used up.
    pub fn spend(&self, bytes: usize) -> Result<(), Refusal> {
        let mut spent = self.spent();
        spent.in_minute(self.clock.instant());
        spent.bytes = spent.bytes.saturating_add(bytes as u64);
        if spent.bytes > self.rates.bytes_a_minute { Err(Refusal::Busy("bytes in this minute")) } else { Ok(()) }
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn in_minute(&mut self, now: Instant) {
        if now >= self.since + MINUTE {
            (self.since, self.bytes) = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hosts_take_turns_and_connections_and_bytes_run_out() {
        let rates = Rates { connections: 2, bytes_a_minute: 1_000, gap: Duration::from_secs(8) };
        let clock = Clock::system();
        let budget = Budget::new(rates, clock.clone());
        let started = clock.instant();
        let waited = || clock.instant().saturating_duration_since(started).as_secs();
        let first = budget.enter("a.example").await.unwrap();
        assert_eq!(waited(), 0);
        let second = budget.enter("a.example").await.unwrap();
        assert_eq!(waited(), 8, "one host's requests keep their distance");
        // Both connections are taken: another host waits for one, and then no longer.
        assert_eq!(budget.enter("b.example").await.unwrap_err(), Refusal::Busy("connections"));
        drop((first, second));
        assert!(budget.enter("b.example").await.is_ok());
        // 8 s, 16 s and 24 s ahead: the last is too far.
        assert!(
            budget.turn("c.example").is_ok() && budget.turn("c.example").is_ok() && budget.turn("c.example").is_ok()
        );
        assert_eq!(budget.turn("c.example").unwrap_err(), Refusal::Busy("requests to this host"));
        assert!(budget.spend(1_000).is_ok());
        assert_eq!(budget.spend(1).unwrap_err(), Refusal::Busy("bytes in this minute"));
        assert_eq!(budget.turn("d.example").unwrap_err(), Refusal::Busy("bytes in this minute"));
        tokio::time::advance(MINUTE).await;
        assert!(budget.turn("d.example").is_ok() && budget.spend(1_000).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_are_remembered_are_bounded() {
        let rates = Rates { gap: Duration::from_secs(10), ..Rates::default() };
        let budget = Budget::new(rates, Clock::system());
        for host in 0..MOST_HOSTS {
            budget.turn(&host.to_string()).unwrap();
        }
        assert_eq!(budget.turn("one more").unwrap_err(), Refusal::Busy("hosts"));
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(budget.turn("one more").is_ok());
        assert_eq!(budget.spent().turns.len(), 1);
    }
}
