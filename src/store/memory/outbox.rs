//! What DSPs are owed, kept as long as the process lives.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::MemoryStore;
use crate::clock::UnixMillis;
use crate::event::{
    Attempt, Audit, ChargeKey, KeptNotice, MOST_NOTICES, MOST_WAITING, NOTICE_LIFE_MS, NoticeFilter, Outbox,
    OutboxRound, Owed, Resend, StoreUnavailable, WAITING_GRACE_MS, WonBid,
};
use crate::ids::DspId;

/// A time so far ahead is a clock that was wrong, ms.
const FAR_AHEAD_MS: u64 = 3_600_000;

type Done<T> = Result<T, StoreUnavailable>;

/// Won bids with the moment of their posting, and notices by id.
#[derive(Debug, Default)]
pub(super) struct Owing {
    waiting: BTreeMap<ChargeKey, (WonBid, Option<UnixMillis>)>,
    notices: BTreeMap<u64, KeptNotice>,
    last: u64,
}

impl Owing {
    /// Marks a kept win as posted, once, and owes it.
    fn post(&mut self, key: ChargeKey, at: UnixMillis, owed: &mut Owed) {
        if let Some((win, posted)) = self.waiting.get_mut(&key).filter(|(_, posted)| posted.is_none()) {
            owed.posted.push((win.clone(), at));
            win.told = true;
            *posted = Some(at);
        }
    }
}

impl MemoryStore {
    fn owing(&self) -> MutexGuard<'_, Owing> {
        let owing: &Mutex<Owing> = &self.2;
        owing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the journal posted each of some charges.
    fn postings(&self, keys: impl Iterator<Item = ChargeKey>) -> HashMap<ChargeKey, UnixMillis> {
        let state = self.state();
        let found = |key: ChargeKey| {
            let same = |row: &&crate::event::Journaled| {
                row.is_posted() && (row.auction, row.imp, row.slot) == (key.auction, key.imp.0, key.slot.0)
            };
            state.journal.values().find(same).map(|row| (key, row.at))
        };
        keys.filter_map(found).collect()
    }
}

impl Outbox for MemoryStore {
    fn keep(&self, round: &OutboxRound) -> Done<Owed> {
        let postings = self.postings(round.waiting.iter().map(|win| win.key));
        let mut owing = self.owing();
        let mut owed = Owed::default();
        for win in &round.waiting {
            owing.waiting.entry(win.key).or_insert_with(|| (win.clone(), None));
            if let Some(at) = postings.get(&win.key) {
                owing.post(win.key, *at, &mut owed);
            }
        }
        for key in &round.shown {
            if let Some((win, _)) = owing.waiting.get_mut(key).filter(|(win, _)| !win.told) {
                owed.shown.push(win.clone());
                win.told = true;
            }
        }
        round.posted.iter().for_each(|(key, at)| owing.post(*key, *at, &mut owed));
        round.settled.iter().for_each(|key| drop(owing.waiting.remove(key)));
        for notice in &round.failed {
            owing.last += 1;
            let kept = KeptNotice { id: owing.last, notice: notice.clone() };
            owing.notices.insert(kept.id, kept);
        }
        for (id, attempt) in &round.tried {
            match attempt {
                Attempt::Delivered => drop(owing.notices.remove(id)),
                Attempt::Failed { attempts, next_at, error } => {
                    if let Some(KeptNotice { notice, .. }) = owing.notices.get_mut(id) {
                        (notice.attempts, notice.next_at) = (*attempts, *next_at);
                        notice.error.clone_from(error);
                    }
                }
            }
        }
        Ok(owed)
    }

    fn resume(&self) -> Done<(Vec<ChargeKey>, Owed)> {
        let keys: Vec<_> = self.owing().waiting.keys().copied().collect();
        let postings = self.postings(keys.iter().copied());
        let mut owing = self.owing();
        let mut owed = Owed::default();
        let marked = owing.waiting.values().filter_map(|(win, posted)| Some((win.clone(), (*posted)?)));
        owed.posted.extend(marked);
        keys.iter()
            .filter_map(|key| Some((*key, *postings.get(key)?)))
            .for_each(|(key, at)| owing.post(key, at, &mut owed));
        Ok((keys, owed))
    }

    fn tidy(&self, now: UnixMillis, limit: usize) -> Done<Owed> {
        let mut waiting: Vec<_> = {
            let owing = self.owing();
            let unposted = owing.waiting.values().filter(|(_, posted)| posted.is_none());
            unposted.map(|(win, _)| (win.expires_at, win.key)).collect()
        };
        waiting.sort_unstable();
        let kept = self.owing().waiting.len() as u64;
        let beyond = usize::try_from(kept.saturating_sub(MOST_WAITING)).unwrap_or(usize::MAX);
        let over = waiting.iter().filter(|(end, _)| end.0 + WAITING_GRACE_MS <= now.0).take(limit).count();
        let postings = self.postings(waiting.iter().take(over).map(|(_, key)| *key));
        let mut owing = self.owing();
        let mut owed = Owed::default();
        for (_, key) in waiting.iter().take(over.max(beyond)) {
            match postings.get(key) {
                Some(at) => owing.post(*key, *at, &mut owed),
                None => {
                    owing.waiting.remove(key);
                    owed.over.push(*key);
                }
            }
        }
        owing.notices.retain(|_, it| it.notice.made_at.0 + NOTICE_LIFE_MS > now.0);
        while owing.notices.len() as u64 > MOST_NOTICES {
            owing.notices.pop_first();
        }
        Ok(owed)
    }

    fn due(&self, now: UnixMillis, most: usize) -> Done<Vec<KeptNotice>> {
        let owing = self.owing();
        let mut by_dsp: BTreeMap<DspId, Vec<_>> = BTreeMap::new();
        for kept in owing.notices.values() {
            let due = |at: &UnixMillis| at.0 <= now.0 || at.0 > now.0 + FAR_AHEAD_MS;
            if let Some(at) = kept.notice.next_at.filter(due) {
                by_dsp.entry(kept.notice.dsp).or_default().push((at, kept.id, kept));
            }
        }
        let mut due = Vec::new();
        for mut of_dsp in by_dsp.into_values() {
            of_dsp.sort_unstable_by_key(|(at, id, _)| (*at, *id));
            due.extend(of_dsp.into_iter().take(most).map(|(_, _, kept)| kept.clone()));
        }
        Ok(due)
    }

    fn notices(&self, filter: NoticeFilter, below: u64, limit: usize) -> Done<Vec<KeptNotice>> {
        let owing = self.owing();
        let meant = owing.notices.range(..below).rev().map(|(_, kept)| kept).filter(|it| filter.takes(&it.notice));
        Ok(meant.take(limit).cloned().collect())
    }

    fn owed(&self) -> Done<(u64, u64)> {
        let owing = self.owing();
        let tried = owing.notices.values().filter(|it| it.notice.next_at.is_some()).count() as u64;
        Ok((tried, owing.notices.len() as u64 - tried))
    }

    fn resend(&self, which: Resend, now: UnixMillis, audit: &Audit) -> Done<u64> {
        let mut owing = self.owing();
        let meant = |it: &&mut KeptNotice| {
            it.notice.next_at.is_none()
                && match which {
                    Resend::One(id) => it.id == id,
                    Resend::Of(dsp) => it.notice.dsp == dsp,
                }
        };
        let mut count = 0;
        for it in owing.notices.values_mut().filter(meant) {
            (it.notice.attempts, it.notice.next_at) = (0, Some(now));
            count += 1;
        }
        if count > 0 {
            self.log().note(audit);
        }
        Ok(count)
    }
}
