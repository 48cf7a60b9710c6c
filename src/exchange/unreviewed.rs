//! Bids whose creative nobody has reviewed, on their way from the hot plane to the review (R-REVIEW: review first).
//!
//! Where every creative is known this costs an auction nothing. A DSP that bids with an unknown one thousands of times a second costs one
//! look into a small table a time, and one copy a minute on each core. Nobody waits for anybody: what finds no room is counted and dropped,
//! and is handed over again when the next minute's bid comes.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use super::core::Core;
use crate::auction::eligibility::Invited;
use crate::auction::unreviewed::Unreviewed as RefusedBid;
use crate::clock::UnixMillis;
use crate::ids::{BuyerId, DenseId};
use crate::market::Market;
use crate::market::unreviewed::UnreviewedBid;
use crate::metrics::{Metrics, UnreviewedOutcome};

/// Bids that wait for the review at most: with markup of the usual bound, 4 MiB.
const QUEUE: usize = 64;
/// Creatives that a core remembers having handed over.
const PLACES: usize = 1_024;
/// For how long, ms.
const REMEMBERED_MS: u64 = 60_000;
/// Creatives of one buyer that a core hands over within a minute.
const MOST_A_MINUTE: u32 = 30;
/// Bytes of what a bid says beside its markup.
const BESIDE_MARKUP: usize = 16 << 10;

/// The hot plane's end.
pub struct Unreviewed {
    metrics: Arc<Metrics>,
    queue: OnceLock<SyncSender<Box<UnreviewedBid>>>,
}

impl std::fmt::Debug for Unreviewed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unreviewed").field("is_open", &self.queue.get().is_some()).finish()
    }
}

impl Unreviewed {
    /// Nothing is handed over before somebody opens it.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, queue: OnceLock::new() }
    }

    /// The other end; `None`: somebody has it already.
    pub fn open(&self) -> Option<Receiver<Box<UnreviewedBid>>> {
        let (queue, other) = sync_channel(QUEUE);
        self.queue.set(queue).ok().map(|()| other)
    }

    /// Hands one over, if there is room.
    fn push(&self, bid: UnreviewedBid) {
        let sent = self.queue.get().map(|queue| queue.try_send(Box::new(bid)));
        if sent.is_some_and(|sent| sent.is_err()) {
            self.count(UnreviewedOutcome::Dropped);
        }
    }

    /// Counts what came of one.
    pub fn count(&self, outcome: UnreviewedOutcome) {
        self.metrics.unreviewed.one(outcome as usize);
    }
}

impl Core {
    /// Hands over what of these bids the review has not been given of late. A test request leaves nothing behind (OpenRTB 2.6 §3.2.1 `test`).
    pub(super) fn hand_over(&self, market: &Market, invited: &Invited<'_>, refused: &[RefusedBid<'_>]) {
        let unreviewed = &self.exchange.unreviewed;
        if refused.is_empty() || unreviewed.queue.get().is_none() || invited.matched().admitted().is_test() {
            return;
        }
        let now = self.exchange.clock.now();
        let most = market.terms.content.limits.markup_bytes + BESIDE_MARKUP;
        let mut sieve = self.sieve.borrow_mut();
        for bid in refused {
            let Some((buyer, dsp)) = bid.parties(invited) else { continue };
            let name = (buyer.0, dsp.0, bid.name());
            match sieve.pass(buyer, &name, now) {
                Passed::Repeated => {}
                Passed::TooOften => unreviewed.count(UnreviewedOutcome::TooOften),
                Passed::New if bid.bytes() > most => unreviewed.count(UnreviewedOutcome::TooLarge),
                Passed::New => bid.copied(invited).into_iter().for_each(|bid| unreviewed.push(bid)),
            }
        }
    }
}

/// What became of a bid in the sieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    New,
    /// It was handed over within the last minute.
    Repeated,
    /// Its buyer has had its share of this minute.
    TooOften,
}

/// What a core has handed over of late.
#[derive(Debug)]
pub(super) struct Sieve {
    hasher: RandomState,
    /// By the hash's place: the hash, and until when it is remembered. Another creative in the same place is forgotten, and handed over once more.
    seen: Vec<(u64, UnixMillis)>,
    /// By buyer: until when its share lasts, and how much of it is used.
    shares: Vec<(UnixMillis, u32)>,
}

impl Default for Sieve {
    fn default() -> Self {
        Self { hasher: RandomState::new(), seen: vec![(0, UnixMillis(0)); PLACES], shares: Vec::new() }
    }
}

impl Sieve {
    fn pass(&mut self, buyer: BuyerId, name: &impl std::hash::Hash, now: UnixMillis) -> Passed {
        let hash = self.hasher.hash_one(name);
        let place = usize::try_from(hash % PLACES as u64).unwrap_or(0);
        let Some(seen) = self.seen.get_mut(place) else { return Passed::Repeated };
        if seen.0 == hash && now < seen.1 {
            return Passed::Repeated;
        }
        *seen = (hash, now.plus_ms(REMEMBERED_MS));
        if self.shares.len() <= buyer.index() {
            self.shares.resize(buyer.index() + 1, (UnixMillis(0), 0));
        }
        let Some(share) = self.shares.get_mut(buyer.index()) else { return Passed::TooOften };
        if share.0 <= now {
            *share = (now.plus_ms(REMEMBERED_MS), 0);
        }
        share.1 = share.1.saturating_add(1);
        if share.1 > MOST_A_MINUTE { Passed::TooOften } else { Passed::New }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: BuyerId = BuyerId(1);

    fn bid() -> UnreviewedBid {
        UnreviewedBid {
            dsp: crate::ids::DspId(0),
            deal: crate::ids::DealId(0),
            buyer: A,
            changed: false,
            crid: "c".to_owned(),
            domains: Vec::new(),
            markup: "m".to_owned(),
            offered: crate::market::supply::Formats::ALL,
            format: None,
            size: None,
            asked: Vec::new(),
            duration_s: None,
            categories: Vec::new(),
            attributes: Vec::new(),
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let metrics = Arc::new(crate::exchange::Exchange::metrics());
        let unreviewed = Unreviewed::new(metrics.clone());
        unreviewed.push(bid());
        let other = unreviewed.open();
        assert!(other.is_some() && unreviewed.open().is_none(), "one end");
        (0..QUEUE + 3).for_each(|_| unreviewed.push(bid()));
        let counts: Vec<_> = metrics.unreviewed.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [("dropped", 3)]);
        assert_eq!(other.map(|other| other.try_iter().count()), Some(QUEUE));
    }

    #[test]
    fn r_review_one_creative_passes_once_a_minute() {
        let mut sieve = Sieve::default();
        let now = UnixMillis(1_000_000);
        let passed: Vec<_> = (0..3_000).map(|ms| sieve.pass(A, &"crid", now.plus_ms(ms))).collect();
        assert_eq!(passed.iter().filter(|it| **it == Passed::New).count(), 1);
        assert!(passed.iter().skip(1).all(|it| *it == Passed::Repeated));
        assert_eq!(sieve.pass(A, &"crid", now.plus_ms(REMEMBERED_MS)), Passed::New);
    }

    #[test]
    fn r_review_a_flood_of_one_buyer_is_bounded_and_takes_nothing_from_another() {
        let mut sieve = Sieve::default();
        let now = UnixMillis(1_000_000);
        let mut new = |buyer, from: u32, at| {
            (from..from + 10_000).filter(|crid| sieve.pass(buyer, &(buyer, crid), at) == Passed::New).count()
        };
        assert_eq!(new(A, 0, now), 30);
        assert_eq!(new(BuyerId(7), 0, now), 30);
        assert_eq!(new(A, 10_000, now.plus_ms(59_999)), 0, "the minute lasts");
        assert_eq!(new(A, 20_000, now.plus_ms(60_000)), 30);
        assert_eq!(sieve.seen.len(), PLACES, "it does not grow");
    }
}
