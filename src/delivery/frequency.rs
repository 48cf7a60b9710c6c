//! How often each user has seen each deal (R-FREQUENCY), in bounded memory and without a lock.
//!
//! One table of fixed size, made when the first capped deal asks for it: buckets of eight counts, found by a keyed hash of user, deal
//! and period. A count of an earlier period is found by nobody any more. When a bucket is full, the count that was raised longest ago
//! is forgotten: first those of past periods, in a table that is too small also living ones, which [`Frequency::forgotten`] tells.
//!
//! An impression counts when it is awarded and is never taken back: what is not displayed costs the user's allowance, and nobody
//! is shown more than was agreed. Counts are of this node and this run: they are pseudonymous and are written nowhere (R-RETAIN).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::clock::UnixMillis;
use crate::ids::{DealId, DenseId};
use crate::market::deal::{FrequencyCap, FrequencyPeriod};

/// Counts in the table: 16 MiB.
const SLOTS: usize = 1 << 21;
const BUCKET: usize = 8;
const HOUR_MS: u64 = 3_600_000;

/// A user as the counts know it: a keyed hash of the identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserKey(u64);

/// The counts of all users and deals.
#[derive(Debug)]
pub struct Frequency {
    secret: [u8; 32],
    slots: usize,
    /// Each: 32 bits of the hash, 16 of the hour in which it was last raised, 16 of the count; 0: free.
    table: OnceLock<Box<[AtomicU64]>>,
    forgotten: AtomicU64,
}

impl Frequency {
    /// No counts yet. The secret keeps others from choosing identifiers that share a bucket.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret, slots: SLOTS, table: OnceLock::new(), forgotten: AtomicU64::new(0) }
    }

    /// The key of an identifier.
    #[must_use]
    pub fn user(&self, identifier: &str) -> UserKey {
        let digest = Sha256::new().chain_update(self.secret).chain_update(identifier).finalize();
        UserKey(digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    /// Whether a user may see a deal once more.
    #[must_use]
    pub fn allows(&self, deal: DealId, cap: FrequencyCap, user: Option<UserKey>, now: UnixMillis) -> bool {
        let Some(user) = user else { return cap.serves_unknown };
        let hash = hash_of(user, deal, cap.per, now);
        let seen = self.bucket(hash).iter().map(|slot| slot.load(Ordering::Relaxed)).find(|slot| is_of(*slot, hash));
        seen.is_none_or(|slot| count_of(slot) < cap.impressions)
    }

    /// Counts one impression; `false` when the user has seen enough.
    pub fn take(&self, deal: DealId, cap: FrequencyCap, user: Option<UserKey>, now: UnixMillis) -> bool {
        let Some(user) = user else { return cap.serves_unknown };
        let hash = hash_of(user, deal, cap.per, now);
        let bucket = self.bucket(hash);
        let hour = now.0 / HOUR_MS;
        // Another thread may change the slot in between: then look again.
        loop {
            let slots: [u64; BUCKET] =
                std::array::from_fn(|index| bucket.get(index).map_or(u64::MAX, |slot| slot.load(Ordering::Acquire)));
            let known = slots.iter().position(|slot| is_of(*slot, hash));
            let oldest =
                || (0..BUCKET).min_by_key(|index| (slots[*index] != 0, u16::MAX - age_of(slots[*index], hour)));
            let Some(place) = known.or_else(oldest) else { return false };
            let Some(slot) = bucket.get(place) else { return false };
            let seen = known.map_or(0, |place| count_of(slots[place]));
            if seen >= cap.impressions {
                return false;
            }
            let raised = fingerprint(hash) << 32 | (hour & 0xffff) << 16 | u64::from(seen + 1);
            if slot.compare_exchange(slots[place], raised, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                if known.is_none() && slots[place] != 0 {
                    self.forgotten.fetch_add(1, Ordering::Relaxed);
                }
                return true;
            }
        }
    }

    /// Gives back what was counted for an impression that is not awarded after all.
    pub fn give_back(&self, deal: DealId, cap: FrequencyCap, user: Option<UserKey>, now: UnixMillis) {
        let Some(user) = user else { return };
        let hash = hash_of(user, deal, cap.per, now);
        let less = |slot: u64| (is_of(slot, hash) && count_of(slot) > 0).then(|| slot - 1);
        for slot in self.bucket(hash) {
            if slot.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).is_ok() {
                return;
            }
        }
    }

    /// How many counts made room for others.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    fn bucket(&self, hash: u64) -> &[AtomicU64] {
        let table = self.table.get_or_init(|| (0..self.slots).map(|_| AtomicU64::new(0)).collect());
        let first = (hash as usize % (self.slots / BUCKET)) * BUCKET;
        table.get(first..first + BUCKET).unwrap_or_default()
    }
}

/// Of the upper half of a hash, never 0, which is a free slot.
const fn fingerprint(hash: u64) -> u64 {
    (hash >> 32) | 1
}

const fn is_of(slot: u64, hash: u64) -> bool {
    slot >> 32 == fingerprint(hash)
}

const fn count_of(slot: u64) -> u16 {
    (slot & 0xffff) as u16
}

/// Hours since a slot was raised, as far as 16 bits tell.
const fn age_of(slot: u64, hour: u64) -> u16 {
    (hour as u16).wrapping_sub((slot >> 16) as u16)
}

/// One number for user, deal and period; each bit depends on all (the finishing steps of `splitmix64`).
fn hash_of(user: UserKey, deal: DealId, per: FrequencyPeriod, now: UnixMillis) -> u64 {
    let day = now.shanghai_day();
    let period = match per {
        FrequencyPeriod::Day => u64::from(day.0) << 2 | 1,
        FrequencyPeriod::Week => u64::from(day.0.saturating_sub(day.weekday().into())) << 2 | 2,
        FrequencyPeriod::Flight => 0,
    };
    let mut hash = user.0 ^ (u64::from(deal.number()) << 32 | period).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShanghaiDay;

    const DEAL: DealId = DealId(7);
    /// A Sunday.
    const SUNDAY: ShanghaiDay = ShanghaiDay(20_779);

    fn cap(impressions: u16, per: FrequencyPeriod) -> FrequencyCap {
        FrequencyCap { impressions, per, serves_unknown: false }
    }

    fn counts(slots: usize) -> Frequency {
        Frequency { slots, ..Frequency::new([7; 32]) }
    }

    fn served(counts: &Frequency, cap: FrequencyCap, user: &str, now: UnixMillis) -> usize {
        let user = Some(counts.user(user));
        (0..9).filter(|_| counts.allows(DEAL, cap, user, now) && counts.take(DEAL, cap, user, now)).count()
    }

    #[test]
    fn r_frequency_a_user_sees_a_deal_so_often_in_a_period() {
        let now = SUNDAY.starts_at().plus_ms(80_000_000);
        let tomorrow = SUNDAY.next().starts_at();
        for (per, again) in [(FrequencyPeriod::Day, 3), (FrequencyPeriod::Week, 3), (FrequencyPeriod::Flight, 0)] {
            let counts = counts(64);
            let served = |user, now| served(&counts, cap(3, per), user, now);
            assert_eq!((served("anna", now), served("anna", now), served("bert", now)), (3, 0, 3), "{per:?}");
            assert_eq!(served("anna", tomorrow), again, "{per:?} on Monday");
        }
        let weekly = counts(64);
        let served = |now| served(&weekly, cap(3, FrequencyPeriod::Week), "anna", now);
        assert_eq!((served(tomorrow), served(tomorrow.plus_ms(6 * 86_400_000 - 1))), (3, 0), "the same week");
    }

    #[test]
    fn r_frequency_an_unknown_user_is_served_as_the_deal_says() {
        let counts = counts(64);
        let (skips, serves) =
            (cap(1, FrequencyPeriod::Day), FrequencyCap { serves_unknown: true, ..cap(1, FrequencyPeriod::Day) });
        let now = SUNDAY.starts_at();
        assert!(!counts.allows(DEAL, skips, None, now) && !counts.take(DEAL, skips, None, now));
        assert!((0..5).all(|_| counts.allows(DEAL, serves, None, now) && counts.take(DEAL, serves, None, now)));
    }

    #[test]
    fn what_is_not_awarded_after_all_is_given_back() {
        let counts = counts(64);
        let (cap, now) = (cap(1, FrequencyPeriod::Day), SUNDAY.starts_at());
        let user = Some(counts.user("anna"));
        assert!(counts.take(DEAL, cap, user, now) && !counts.allows(DEAL, cap, user, now));
        counts.give_back(DEAL, cap, user, now);
        assert!(counts.allows(DEAL, cap, user, now));
    }

    #[test]
    fn a_full_bucket_forgets_what_was_raised_longest_ago() {
        let counts = counts(BUCKET);
        let cap = cap(1, FrequencyPeriod::Flight);
        let at = |hour: u64| SUNDAY.starts_at().plus_ms(hour * HOUR_MS);
        let users: Vec<_> = (0..=BUCKET as u64).map(|index| Some(counts.user(&index.to_string()))).collect();
        for (hour, user) in users.iter().enumerate() {
            assert!(counts.take(DEAL, cap, *user, at(hour as u64)));
        }
        let now = at(100);
        assert_eq!(counts.forgotten(), 1);
        assert!(counts.allows(DEAL, cap, users[0], now), "the oldest is forgotten");
        assert!(users[1..].iter().all(|user| !counts.allows(DEAL, cap, *user, now)), "and nobody else");
    }

    #[test]
    fn many_threads_never_serve_a_user_more_than_was_agreed() {
        let counts = counts(64);
        let (cap, now) = (cap(500, FrequencyPeriod::Day), SUNDAY.starts_at());
        let user = Some(counts.user("anna"));
        let served: usize = std::thread::scope(|scope| {
            let one = || (0..400).filter(|_| counts.take(DEAL, cap, user, now)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(served, 500);
    }
}
