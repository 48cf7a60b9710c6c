//! Visits to the store: keep what is to be kept, ask what is to be asked, look for what is due, tidy.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use super::super::outlet::Call;
use super::Desk;
use crate::clock::UnixMillis;
use crate::event::{KeptNotice, Outbox, OutboxRound, Owed, StoreUnavailable};

/// Won bids that one visit writes out at most: what a billing notice may have to wait for.
const MOST_WRITTEN: usize = 512;
/// Won bids that one visit lets go at most.
const MOST_TIDIED: usize = 2_048;
/// Kept notices of one DSP that are queued at a time.
const MOST_LOADED: usize = 256;
/// How many looks are left out while nothing is known to be due: other nodes may have kept something.
const LOOKS_AT_REST: u32 = 9;
/// How long a store is left alone that took nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What one visit does, on a thread that may wait.
struct Errand {
    round: OutboxRound,
    now: UnixMillis,
    due: Option<usize>,
    tidy: bool,
}

/// What came of it.
struct Visited {
    owed: Owed,
    due: Vec<KeptNotice>,
    /// Notices that are tried again, and that are not.
    kept: Option<(u64, u64)>,
}

impl Errand {
    /// The round first: should it fail, nothing else is done, and it comes back.
    fn run(self, outbox: &dyn Outbox) -> Result<Visited, Box<(OutboxRound, StoreUnavailable)>> {
        let mut owed = Owed::default();
        if !self.round.is_empty() {
            owed = outbox.keep(&self.round).map_err(|error| Box::new((self.round, error)))?;
        }
        let rest = (|| {
            let tidied = if self.tidy { outbox.tidy(self.now, MOST_TIDIED)? } else { Owed::default() };
            let due = self.due.map(|most| outbox.due(self.now, most)).transpose()?.unwrap_or_default();
            let kept = if self.tidy || self.due.is_some() { Some(outbox.owed()?) } else { None };
            Ok::<_, StoreUnavailable>((tidied, due, kept))
        })();
        let (tidied, due, kept) = rest.unwrap_or_else(|error| {
            tracing::warn!(%error, "what DSPs are owed could not be looked through");
            (Owed::default(), Vec::new(), None)
        });
        owed.posted.extend(tidied.posted);
        owed.over.extend(tidied.over);
        Ok(Visited { owed, due, kept })
    }
}

impl Desk {
    /// Has the store keep what has waited for so long, unless it takes nothing anyway.
    pub(super) fn write_out(&self, hold: Duration) {
        let mut round = self.round.borrow_mut();
        if self.patience.get().is_some() || round.waiting.len() >= MOST_WRITTEN {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        let room = MOST_WRITTEN - round.waiting.len();
        round.waiting.extend(waiting.overdue(self.clock.instant(), hold, room));
        let (shown, posted) = waiting.asked();
        round.shown.extend(shown);
        round.posted.extend(posted);
        self.metrics.notices_waiting.store(waiting.count() as u64, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether anything is not in the store yet.
    pub(super) fn is_unkept(&self) -> bool {
        self.visiting.get() || !self.round.borrow().is_empty() || !self.waiting.borrow().is_written()
    }

    /// Visits the store, if there is a reason, and nobody is there.
    pub(super) fn visit(self: &Rc<Self>) {
        let now = self.clock.instant();
        if self.visiting.get() || self.patience.get().is_some_and(|until| now < until) {
            return;
        }
        self.patience.set(None);
        let rest = if self.retrying.get() { Duration::ZERO } else { self.times.look * LOOKS_AT_REST };
        let look = now >= self.look.get() + rest;
        let due = look.then(|| self.look.set(now + self.times.look));
        let tidy = now >= self.tidy.get();
        if tidy {
            self.tidy.set(now + self.times.tidy);
            self.waiting.borrow_mut().forget_over(self.clock.now());
        }
        let round = std::mem::take(&mut *self.round.borrow_mut());
        if !round.failed.is_empty() || !round.tried.is_empty() {
            self.retrying.set(true);
        }
        if round.is_empty() && due.is_none() && !tidy {
            return;
        }
        self.visiting.set(true);
        let most = due.map(|()| MOST_LOADED);
        let errand = Errand { round, now: self.clock.now(), due: most, tidy };
        let (desk, outbox) = (self.clone(), self.outbox.clone());
        tokio::task::spawn_local(async move {
            let tried: HashSet<u64> = errand.round.tried.iter().map(|(id, _)| *id).collect();
            let visited = tokio::task::spawn_blocking(move || errand.run(&*outbox)).await;
            desk.visiting.set(false);
            match visited {
                Ok(Ok(visited)) => desk.visited(&tried, visited),
                Ok(Err(failed)) => {
                    let (round, error) = *failed;
                    tracing::warn!(%error, "the store does not take what DSPs are owed; it is tried again");
                    desk.put_back(round);
                }
                // The runtime is going away.
                Err(_) => {}
            }
        });
    }

    fn visited(self: &Rc<Self>, tried: &HashSet<u64>, visited: Visited) {
        self.trying.borrow_mut().retain(|id| !tried.contains(id));
        self.owe(&visited.owed);
        if visited.owed.over.len() >= MOST_TIDIED {
            // There is more.
            self.tidy.set(self.clock.instant());
        }
        if let Some((retried, undelivered)) = visited.kept {
            let [first, second] = &self.metrics.notices_owed;
            first.store(retried, std::sync::atomic::Ordering::Relaxed);
            second.store(undelivered, std::sync::atomic::Ordering::Relaxed);
            // What is under way is noted with a later visit, which sets it again.
            self.retrying.set(retried > 0);
        }
        for KeptNotice { id, notice } in visited.due {
            if !tried.contains(&id) && !self.trying.borrow().contains(&id) {
                self.call(Call {
                    to: Some(notice.dsp),
                    kind: Some(notice.kind),
                    key: notice.key,
                    url: notice.url,
                    attempts: notice.attempts,
                    kept: Some(id),
                    settles: false,
                    made_at: notice.made_at,
                });
            }
        }
    }

    /// A round that nothing came of goes before what has gathered since.
    fn put_back(&self, failed: OutboxRound) {
        let mut round = self.round.borrow_mut();
        let since = std::mem::replace(&mut *round, failed);
        round.waiting.extend(since.waiting);
        round.shown.extend(since.shown);
        round.posted.extend(since.posted);
        round.settled.extend(since.settled);
        round.failed.extend(since.failed);
        round.tried.extend(since.tried);
        self.patience.set(Some(self.clock.instant() + PATIENCE));
    }
}
