//! Sealing days, closing those of guaranteed deals, and letting their detail go, a little with each beat of the keeper: leases, counts and commits do not wait for it.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::event::{Archive, StoreUnavailable};
use crate::exchange::Exchange;
use crate::market::Market;
use crate::settlement::day::{Closer, Closing};
use crate::settlement::seal::{Progress, SealError, Sealer};

/// The longest that one beat's steps take; the last of them may pass it by its own time.
const TIME: Duration = Duration::from_millis(20);
/// How many beats after there was nothing to do it is looked again: five seconds, or less where the wall clock has jumped.
const REST: u32 = 25;
/// What a jump is, in ms.
const JUMP_MS: u64 = 60_000;
/// The most charges or clicks that one commit sweeps out.
const SWEPT: u32 = 2_048;

/// What is being done.
#[derive(Debug, Default)]
pub(super) struct Archivist {
    sealer: Sealer,
    closer: Closer,
    rest: u32,
    /// When it began to rest.
    rests_since: UnixMillis,
}

impl Archivist {
    /// Does some steps, if there are any.
    pub(super) fn beat(&mut self, exchange: &Exchange, store: &dyn Archive) {
        let now = exchange.clock.now();
        self.rest = self.rest.saturating_sub(1);
        if self.rest > 0 && now.0.abs_diff(self.rests_since.0) < JUMP_MS {
            return;
        }
        let started = exchange.clock.instant();
        let market = exchange.market.load();
        while exchange.clock.instant().saturating_duration_since(started) < TIME {
            match self.step(store, &market, now) {
                Ok(true) => {}
                Ok(false) => {
                    (self.rest, self.rests_since) = (REST, now);
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "days wait to be sealed, closed or let go");
                    (self.rest, self.rests_since) = (REST, now);
                    return;
                }
            }
        }
    }

    /// One step; whether there may be more to do.
    fn step(&mut self, store: &dyn Archive, market: &Market, now: UnixMillis) -> Result<bool, SealError> {
        match self.sealer.step(store, now)? {
            Progress::Working => Ok(true),
            Progress::Sealed(seal) => {
                tracing::info!(day = %seal.day, rows = seal.rows, "a day is sealed");
                Ok(true)
            }
            Progress::Idle => Ok(let_go(store, market.terms.detail_ms, now)?
                || store.sweep(SWEPT)?
                || self.close(store, market, now)?),
        }
    }
}

impl Archivist {
    /// One step of closing guaranteed deals' days; whether there may be more to do (R-COMMIT).
    fn close(&mut self, store: &dyn Archive, market: &Market, now: UnixMillis) -> Result<bool, SealError> {
        match self.closer.step(store, market, now).map_err(|error| StoreUnavailable(error.to_string()))? {
            Closing::Idle => Ok(false),
            Closing::Working => Ok(true),
            Closing::Closed(closing) => {
                let (day, deal, failed) = (closing.day, closing.deal.0, closing.failed);
                tracing::info!(%day, deal, failed, payable = closing.by_buyer, "a deal's day is closed");
                Ok(true)
            }
            Closing::Exempted(deal, day) => {
                tracing::info!(%day, deal = deal.0, "a deal's closed day is exempt: what it charged for undelivered volume is given back");
                Ok(true)
            }
        }
    }
}

/// Lets the detail of one sealed day go whose time is over (R-RETAIN); whether there was one.
fn let_go(store: &dyn Archive, detail_ms: u64, now: UnixMillis) -> Result<bool, StoreUnavailable> {
    let over = |sealed: &&crate::event::Sealed| {
        sealed.gone_at.is_none() && sealed.seal.day.next().starts_at().plus_ms(detail_ms) <= now
    };
    let seals = store.snapshot()?.seals()?;
    let Some(sealed) = seals.iter().find(over) else { return Ok(false) };
    store.let_go(sealed.seal.day, now)?;
    tracing::info!(day = %sealed.seal.day, rows = sealed.seal.rows, "the detail of a sealed day is let go");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShanghaiDay;
    use crate::event::{Ledger, Seal};
    use crate::store::MemoryStore;

    const DAY: ShanghaiDay = ShanghaiDay(20_000);

    #[test]
    fn r_retain_the_detail_of_a_day_is_let_go_when_its_time_is_over_and_not_before() {
        let store = MemoryStore::new();
        let seal = |day| Seal {
            day,
            sealed_at: day.starts_at(),
            rows: 0,
            last_seq: 0,
            digest: [0; 32],
            groups_digest: [0; 32],
        };
        store.seal(&seal(DAY)).unwrap();
        store.seal(&seal(DAY.next())).unwrap();
        let over = DAY.next().starts_at().plus_ms(1_000);
        let gone = || store.snapshot().unwrap().seals().unwrap().iter().filter(|it| it.gone_at.is_some()).count();
        assert_eq!((let_go(&store, 1_000, UnixMillis(over.0 - 1)), gone()), (Ok(false), 0));
        assert_eq!((let_go(&store, 1_000, over), gone()), (Ok(true), 1));
        assert_eq!((let_go(&store, 1_000, over), gone()), (Ok(false), 1));
    }
}
