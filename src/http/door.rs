//! The door of one core: what is refused when the core is behind (docs/decisions/0019-overload.md).
//!
//! A current-thread runtime serves its tasks in the order in which they became ready. A probe that stands in the same queue
//! therefore tells how long a request that arrives now will wait for its turn, whatever the core is busy with: auctions,
//! answers of DSPs, compression, or a machine that gives the thread no time. There is no rate to configure.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::exchange::Exchange;
use crate::market::ExchangeTerms;
use crate::metrics::Shed;

/// For so long a queue may stand without ever being short before it is no burst any more.
const STANDING: Duration = Duration::from_millis(100);
/// A queue that is worked off faster counts as empty; the probe rests until the next request.
const SHORT: Duration = Duration::from_micros(500);
/// Notices are money that the media has earned already: they are let in until the core is so far behind.
const NOTICE_DELAY: Duration = Duration::from_millis(250);
/// Notices in flight per core; most of them wait for the disk, not for the core.
const MOST_NOTICES: usize = 8_192;

/// How long the core's queue is, in time. Pure: the caller says what time it is.
#[derive(Debug)]
struct Gauge {
    /// Since when the probe has stood in the queue.
    queued: Option<Instant>,
    /// How long it stood the last time.
    last: Duration,
    /// When the queue was short the last time.
    short_at: Instant,
}

impl Gauge {
    const fn new(now: Instant) -> Self {
        Self { queued: None, last: Duration::ZERO, short_at: now }
    }

    /// Puts the probe in the queue; `false` when it stands there already.
    fn depart(&mut self, now: Instant) -> bool {
        if self.queued.is_some() {
            return false;
        }
        // It was resting: the queue has been short until now.
        self.short_at = now;
        self.queued = Some(now);
        true
    }

    /// The probe's turn has come. Tells how long it stood, and whether it must go round again: it rests only once the queue
    /// is short, so that no old measure judges a new request.
    fn arrive(&mut self, now: Instant) -> Option<(Duration, bool)> {
        let stood = now.saturating_duration_since(self.queued?);
        self.last = stood;
        let long = stood > SHORT;
        self.queued = long.then_some(now);
        if !long {
            self.short_at = now;
        }
        Some((stood, long))
    }

    /// How long what arrives now will wait, as far as is known.
    fn delay(&self, now: Instant) -> Duration {
        let standing = self.queued.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.last.max(standing)
    }

    /// How long it may wait: a burst more, a standing queue less.
    fn limit(&self, now: Instant, limits: &Limits) -> Duration {
        let stands = now.saturating_duration_since(self.short_at) > STANDING;
        if stands { limits.target } else { limits.burst }
    }
}

/// Senders of slow bodies per core: they take the place of nobody whose request is there.
const MOST_SLOW: usize = 512;

/// What the config says about overload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    target: Duration,
    burst: Duration,
    most_in_flight: usize,
}

impl Limits {
    /// The limits of a market.
    pub(super) fn of(terms: &ExchangeTerms) -> Self {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        Self {
            target: ms(terms.target_delay_ms),
            burst: ms(terms.burst_delay_ms),
            most_in_flight: terms.most_in_flight,
        }
    }
}

/// What asks to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A request for bids.
    Auction,
    /// A notice: refused last.
    Notice,
}

/// The door of one core. Lives on its thread.
#[derive(Debug)]
pub(super) struct Door {
    gauge: RefCell<Gauge>,
    probe: RefCell<Option<Waker>>,
    auctions: Cell<usize>,
    notices: Cell<usize>,
    slow: Cell<usize>,
}

impl Door {
    /// Open, with nobody inside.
    pub(super) fn new(now: Instant) -> Self {
        let gauge = RefCell::new(Gauge::new(now));
        let nobody = || Cell::new(0);
        Self { gauge, probe: RefCell::default(), auctions: nobody(), notices: nobody(), slow: nobody() }
    }

    /// A place inside, with how long the caller has waited for it, or at which bound it is refused.
    pub(super) fn admit(&self, caller: Caller, limits: &Limits, now: Instant) -> Result<Admission<'_>, Shed> {
        let mut gauge = self.gauge.borrow_mut();
        if gauge.depart(now)
            && let Some(probe) = self.probe.borrow_mut().take()
        {
            probe.wake();
        }
        let delay = gauge.delay(now);
        let (inside, most, longest, at) = match caller {
            Caller::Auction => (&self.auctions, limits.most_in_flight, gauge.limit(now, limits), Shed::Delay),
            Caller::Notice => (&self.notices, MOST_NOTICES, NOTICE_DELAY, Shed::Notices),
        };
        if delay > longest {
            return Err(at);
        }
        let full = if caller == Caller::Auction { Shed::InFlight } else { Shed::Notices };
        Ok(Admission { _place: Place::take(inside, most).ok_or(full)?, waited: delay })
    }

    /// A place among those who are still sending their body, in exchange for the one inside.
    pub(super) fn step_aside(&self, admission: Admission<'_>) -> Result<Place<'_>, Shed> {
        drop(admission);
        Place::take(&self.slow, MOST_SLOW).ok_or(Shed::InFlight)
    }

    /// A place inside for who has sent the whole body at last.
    pub(super) fn step_in(&self, slow: Place<'_>, limits: &Limits) -> Result<Admission<'_>, Shed> {
        drop(slow);
        let place = Place::take(&self.auctions, limits.most_in_flight).ok_or(Shed::InFlight)?;
        Ok(Admission { _place: place, waited: Duration::ZERO })
    }

    /// Requests inside: auctions and notices.
    pub(super) fn inside(&self) -> usize {
        self.auctions.get() + self.notices.get()
    }

    /// Carries the probe round, for ever. Costs nothing while nobody comes.
    pub(super) async fn watch(self: Rc<Self>, exchange: Arc<Exchange>) {
        poll_fn(|context| {
            let arrived = self.gauge.borrow_mut().arrive(exchange.clock.instant());
            if let Some((stood, _)) = arrived {
                exchange.metrics.queue_delay_seconds.note(stood);
            }
            match arrived {
                Some((_, true)) => context.waker().wake_by_ref(),
                _ => *self.probe.borrow_mut() = Some(context.waker().clone()),
            }
            Poll::<()>::Pending
        })
        .await;
    }
}

/// A place that is counted; given back when dropped.
#[derive(Debug)]
pub(super) struct Place<'d>(&'d Cell<usize>);

impl<'d> Place<'d> {
    fn take(taken: &'d Cell<usize>, most: usize) -> Option<Self> {
        (taken.get() < most).then(|| {
            taken.set(taken.get() + 1);
            Self(taken)
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A place inside, given back when dropped.
#[derive(Debug)]
pub(super) struct Admission<'d> {
    _place: Place<'d>,
    /// How long the request waited in the core's queue before it was seen, as far as is known.
    pub(super) waited: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    const LIMITS: Limits =
        Limits { target: Duration::from_millis(3), burst: Duration::from_millis(20), most_in_flight: 2 };

    #[test]
    fn a_burst_may_wait_longer_than_a_standing_queue() {
        let start = Instant::now();
        let door = Door::new(start);
        let auction = |ms: u32| door.admit(Caller::Auction, &LIMITS, start + MS * ms).map(|it| it.waited).map_err(Some);
        let round = |ms: u32| door.gauge.borrow_mut().arrive(start + MS * ms);
        assert_eq!(auction(0), Ok(Duration::ZERO));
        assert_eq!(auction(20), Ok(MS * 20), "the probe has stood for 20 ms: a burst");
        assert_eq!(auction(21), Err(Some(Shed::Delay)), "and longer than a burst may be");
        assert_eq!(round(30), Some((MS * 30, true)), "a long queue: the probe goes round again");
        assert_eq!(auction(31), Err(Some(Shed::Delay)), "what was measured last counts");
        assert_eq!(round(34), Some((MS * 4, true)));
        assert_eq!(auction(35), Ok(MS * 4), "worked off in time");
        for ms in (38..=134).step_by(4) {
            assert_eq!(round(ms), Some((MS * 4, true)));
        }
        assert_eq!(auction(135), Err(Some(Shed::Delay)), "4 ms that never go away are no burst");
        assert!(door.admit(Caller::Notice, &LIMITS, start + MS * 135).is_ok(), "a notice is money");
        assert_eq!(round(136), Some((MS * 2, true)));
        assert_eq!(auction(137), Ok(MS * 2), "a short queue is no reason to refuse");
        assert_eq!(round(137), Some((MS, true)));
        assert_eq!(round(137), Some((Duration::ZERO, false)), "empty: the probe rests");
        assert_eq!(round(500), None);
        assert_eq!(auction(900), Ok(Duration::ZERO), "nothing old judges a new request");
        assert_eq!(auction(910), Ok(MS * 10), "and a new burst is one again");
    }

    #[test]
    fn places_are_bounded_and_given_back_and_notices_have_their_own() {
        let now = Instant::now();
        let door = Door::new(now);
        let enter = |caller| door.admit(caller, &LIMITS, now);
        let (first, second) = (enter(Caller::Auction).unwrap(), enter(Caller::Auction).unwrap());
        assert_eq!(enter(Caller::Auction).unwrap_err(), Shed::InFlight);
        assert!(enter(Caller::Notice).is_ok());
        let slow = door.step_aside(first).unwrap();
        let third = enter(Caller::Auction).unwrap();
        assert_eq!(door.step_in(slow, &LIMITS).unwrap_err(), Shed::InFlight, "its place was taken meanwhile");
        drop((second, third));
        assert_eq!(door.inside(), 0);
        let notices: Vec<_> = std::iter::from_fn(|| enter(Caller::Notice).ok()).collect();
        assert_eq!((notices.len(), enter(Caller::Notice).unwrap_err()), (MOST_NOTICES, Shed::Notices));
        drop(notices);
        let crowd: Vec<_> = std::iter::from_fn(|| door.step_aside(enter(Caller::Auction).ok()?).ok()).collect();
        assert_eq!(crowd.len(), MOST_SLOW);
    }

    #[test]
    fn a_notice_is_refused_last() {
        let start = Instant::now();
        let door = Door::new(start);
        assert!(door.admit(Caller::Notice, &LIMITS, start).is_ok(), "the probe stands from here on");
        assert!(door.admit(Caller::Notice, &LIMITS, start + NOTICE_DELAY).is_ok());
        assert_eq!(door.admit(Caller::Notice, &LIMITS, start + NOTICE_DELAY + MS).unwrap_err(), Shed::Notices);
    }
}
