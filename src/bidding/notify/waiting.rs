//! Won bids until it is known whether they were displayed: each `nurl` and each `burl` at most once, in whatever order the media's
//! words come. No I/O; what is in the store is only known by its key.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::event::{ChargeKey, Owed, WonBid};

/// Won bids in memory at most: ten seconds of 20,000 a second.
const MOST: usize = 200_000;

/// Won bids in memory and in the store.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    wins: HashMap<ChargeKey, WonBid>,
    /// In the order in which they came; those that ended meanwhile too.
    order: VecDeque<(Instant, ChargeKey)>,
    /// In the store, or on the way there.
    stored: HashSet<ChargeKey>,
    /// To be asked of the store.
    shown: Vec<ChargeKey>,
    posted: Vec<(ChargeKey, UnixMillis)>,
}

impl Waiting {
    /// Those in the store are known by their keys.
    pub(super) fn new(stored: Vec<ChargeKey>) -> Self {
        Self { stored: stored.into_iter().collect(), ..Self::default() }
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
            if self.stored.contains(&key) {
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
        if win.is_none() && self.stored.contains(&key) {
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
                self.stored.insert(key);
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
