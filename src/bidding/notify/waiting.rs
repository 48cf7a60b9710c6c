//! Won bids until it is known whether they were displayed: each `nurl` and each `burl` at most once, in whatever order the media's
//! words come. No I/O; what is in the store is only known by its key.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::event::{ChargeKey, Owed, WAITING_GRACE_MS, WonBid};
use crate::ids::NodeId;

/// Won bids in memory at most: ten seconds of 20,000 a second.
const MOST: usize = 200_000;

/// How long after its end a won bid in the store is not asked for any more, ms: the store has let it go, or another node tells it.
const FORGOTTEN_MS: u64 = 2 * WAITING_GRACE_MS;

/// Won bids in memory and in the store.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Whose auctions are this process's own.
    node: NodeId,
    wins: HashMap<ChargeKey, WonBid>,
    /// In the order in which they came; those that ended meanwhile too.
    order: VecDeque<(Instant, ChargeKey)>,
    /// In the store, or on the way there, with their ends; those of an earlier start without.
    stored: HashMap<ChargeKey, Option<UnixMillis>>,
    /// To be asked of the store.
    shown: Vec<ChargeKey>,
    posted: Vec<(ChargeKey, UnixMillis)>,
}

impl Waiting {
    /// Those in the store are known by their keys.
    pub(super) fn new(node: NodeId, stored: Vec<ChargeKey>) -> Self {
        let stored = stored.into_iter().map(|key| (key, None)).collect();
        let (shown, posted) = (Vec::new(), Vec::new());
        Self { node, wins: HashMap::new(), order: VecDeque::new(), stored, shown, posted }
    }

    /// Whether the store may know of a bid that is not in memory: another node's media may tell this one.
    fn may_be_stored(&self, key: ChargeKey) -> bool {
        key.auction.node() != self.node || self.stored.contains_key(&key)
    }

    /// Forgets those that are over: another node may have told and settled them.
    pub(super) fn forget_over(&mut self, now: UnixMillis) {
        self.stored.retain(|_, end| end.is_none_or(|end| now < end.plus_ms(FORGOTTEN_MS)));
    }

    /// A bid won. `false`: there is no room.
    pub(super) fn won(&mut self, win: WonBid, now: Instant) -> bool {
        while self.order.front().is_some_and(|(_, key)| !self.wins.contains_key(key)) {
            self.order.pop_front();
        }
        if self.wins.len() >= MOST {
            return false;
        }
        self.order.push_back((now, win.key));
        self.wins.insert(win.key, win);
        true
    }

    /// The media says that it won: its bid, if its DSP is to hear so now.
    pub(super) fn shown(&mut self, key: ChargeKey) -> Option<WonBid> {
        let Some(win) = self.wins.get_mut(&key) else {
            if self.may_be_stored(key) {
                self.shown.push(key);
            }
            return None;
        };
        if win.told {
            return None;
        }
        let before = win.clone();
        win.told = true;
        if win.bill.is_none() {
            self.wins.remove(&key);
        }
        before.win.is_some().then_some(before)
    }

    /// Its charge was posted: its bid as it was before, if its DSP is to hear so now; it waits no more.
    pub(super) fn posted(&mut self, key: ChargeKey, at: UnixMillis) -> Option<WonBid> {
        let win = self.wins.remove(&key);
        if win.is_none() && self.may_be_stored(key) {
            self.posted.push((key, at));
        }
        win
    }

    /// At most `most` bids that have waited for so long, to be kept by the store; from then on it is asked.
    pub(super) fn overdue(&mut self, now: Instant, hold: Duration, most: usize) -> Vec<WonBid> {
        let mut overdue = Vec::new();
        while let Some((since, key)) = self.order.front().copied()
            && overdue.len() < most
            && now.saturating_duration_since(since) >= hold
        {
            self.order.pop_front();
            if let Some(win) = self.wins.remove(&key) {
                self.stored.insert(key, Some(win.expires_at));
                overdue.push(win);
            }
        }
        overdue
    }

    /// What is to be asked of the store.
    pub(super) fn asked(&mut self) -> (Vec<ChargeKey>, Vec<(ChargeKey, UnixMillis)>) {
        (std::mem::take(&mut self.shown), std::mem::take(&mut self.posted))
    }

    /// The store's answer: what it owes now is asked no more.
    pub(super) fn answered(&mut self, owed: &Owed) {
        for key in owed.posted.iter().map(|(win, _)| &win.key).chain(&owed.over) {
            self.stored.remove(key);
        }
    }

    /// How many wait, in memory and in the store.
    pub(super) fn count(&self) -> usize {
        self.wins.len() + self.stored.len()
    }

    /// Whether none waits in memory, and nothing is to be asked.
    pub(super) fn is_written(&self) -> bool {
        self.wins.is_empty() && self.shown.is_empty() && self.posted.is_empty()
    }
}
