//! Sealing a day: its charges and clicks become groups, proved against the detail and the ledger before the seal is set
//! (`docs/decisions/0023-sealed-days.md`).
//!
//! What a day comes to is pure. [`Sealer`] does the work in steps that are bounded in rows, so that whoever calls it has time for
//! other things; it reads on connections of its own, and each of its writes is one short commit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use sha2::{Digest, Sha256};

use super::ledger::{Lines, chain, first_difference};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Archive, Books, ChargeKey, ClickGroup, ClickKey, Clicked, Group, GroupKey, Journaled, Seal, StoreUnavailable,
};
use crate::money::MicroYuan;

/// The most rows that one step reads.
const ROWS: u32 = 8_192;
/// The most groups that one step lays down or reads.
const GROUPS: u32 = 2_048;
/// The most deliveries that one step reads.
const DELIVERIES: u32 = 256;

/// What the rows and clicks of one day come to. Memory: about a hundred bytes a group.
#[derive(Debug, Default)]
pub(super) struct DaySums {
    /// How many rows.
    pub(super) rows: u64,
    /// The last of them.
    pub(super) last_seq: u64,
    /// Their digest.
    pub(super) digest: [u8; 32],
    charges: BTreeMap<GroupKey, Group>,
    clicks: BTreeMap<ClickKey, ClickGroup>,
}

impl DaySums {
    /// All of a day whose detail is there.
    pub(super) fn of(books: &dyn Books, day: ShanghaiDay) -> Result<Self, StoreUnavailable> {
        let mut sums = Self::default();
        while sums.add_charges(&books.charges_of(day, sums.last_seq, ROWS)?) {}
        let mut after = None;
        while sums.add_clicks(&books.clicks(day, after, ROWS)?, &mut after) {}
        Ok(sums)
    }

    /// Adds the next rows of the day; whether there were any.
    fn add_charges(&mut self, rows: &[Journaled]) -> bool {
        for row in rows {
            self.rows += 1;
            self.last_seq = row.seq;
            self.digest = chain(self.digest, row);
            let key = GroupKey {
                buyer: row.buyer,
                media: row.media,
                deal: row.deal,
                lease: row.lease,
                creative: row.creative,
                creative_version: row.creative_version,
                method: row.method,
                resolution: row.resolution,
            };
            let zero = MicroYuan::ZERO;
            let group =
                self.charges.entry(key).or_insert(Group { key, count: 0, quantity: 0, amount: zero, earned: zero });
            group.count += 1;
            group.quantity += u64::from(row.quantity);
            group.amount += row.amount;
            group.earned += row.earned;
        }
        !rows.is_empty()
    }

    /// The same with clicks.
    fn add_clicks(&mut self, clicks: &[Clicked], after: &mut Option<ChargeKey>) -> bool {
        for click in clicks {
            *after = Some(click.key());
            let Clicked { buyer, media, deal, creative, creative_version, .. } = *click;
            let key = ClickKey { buyer, media, deal, creative, creative_version };
            let group = self.clicks.entry(key).or_insert(ClickGroup { key, ads: 0, clicks: 0 });
            group.ads += 1;
            group.clicks += click.times;
        }
        !clicks.is_empty()
    }

    /// The next groups above a key.
    fn part(&self, after: Option<GroupKey>) -> Vec<Group> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.charges.range((after, Bound::Unbounded)).take(GROUPS as usize).map(|(_, group)| *group).collect()
    }

    fn click_groups(&self) -> Vec<ClickGroup> {
        self.clicks.values().copied().collect()
    }

    /// The digest of all groups.
    pub(super) fn groups_digest(&self) -> [u8; 32] {
        let mut hash = GroupsDigest::default();
        self.charges.values().for_each(|group| hash.add(group));
        hash.end(&self.click_groups())
    }

    fn lines(&self) -> Lines {
        let mut lines = Lines::default();
        self.charges.values().for_each(|group| lines.add_group(group));
        lines
    }
}

/// The digest of groups in the order of their keys, then of the groups of clicks: SHA-256 over every field at its full width.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupsDigest(Sha256);

impl GroupsDigest {
    pub(super) fn add(&mut self, group: &Group) {
        let Group { key, count, quantity, amount, earned } = group;
        for number in [key.buyer.0, key.media.0, key.deal.0, key.creative] {
            self.0.update(number.to_be_bytes());
        }
        self.0.update(key.lease.0.to_be_bytes());
        self.0.update(key.creative_version.to_be_bytes());
        self.0.update([key.method.code(), key.resolution]);
        self.0.update(count.to_be_bytes());
        self.0.update(quantity.to_be_bytes());
        self.0.update(amount.0.to_be_bytes());
        self.0.update(earned.0.to_be_bytes());
    }

    pub(super) fn end(mut self, clicks: &[ClickGroup]) -> [u8; 32] {
        // No group of charges is that long: the two lists cannot be shifted against each other.
        self.0.update((clicks.len() as u64).to_be_bytes());
        for ClickGroup { key, ads, clicks } in clicks {
            for number in [key.buyer.0, key.media.0, key.deal.0, key.creative] {
                self.0.update(number.to_be_bytes());
            }
            self.0.update(key.creative_version.to_be_bytes());
            self.0.update(ads.to_be_bytes());
            self.0.update(clicks.to_be_bytes());
        }
        self.0.finalize().into()
    }
}

/// Why a day is not sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Journal and ledger, or what was laid down, do not agree. The day stays as it is until somebody has looked.
    #[error("{day} is not sealed: {what}")]
    Differs {
        /// Which day.
        day: ShanghaiDay,
        /// What differs.
        what: String,
    },
    /// Not readable or not durable; it is tried again.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// What one step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No day can be sealed.
    Idle,
    /// There is more to do for a day.
    Working,
    /// A day was sealed.
    Sealed(Seal),
}

/// Seals days, one after the other, step by step. What it knows of a day in the middle of the work is lost with it and found again.
#[derive(Debug, Default)]
pub struct Sealer {
    work: Option<Work>,
    /// Days that do not agree: told once.
    differ: BTreeSet<ShanghaiDay>,
}

#[derive(Debug)]
struct Work {
    day: ShanghaiDay,
    sums: DaySums,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Charges,
    Clicks {
        after: Option<ChargeKey>,
    },
    /// What an earlier attempt laid down goes away.
    Clear,
    Lay {
        after: Option<GroupKey>,
        clicks: bool,
    },
    /// What was laid down is read back.
    Check {
        after: Option<GroupKey>,
        digest: GroupsDigest,
    },
    Ledger {
        after: u64,
        rows: u64,
        digest: [u8; 32],
        lines: Lines,
    },
    Seal,
}

impl Sealer {
    /// Does one step.
    ///
    /// # Errors
    /// [`SealError`]; the next call begins anew.
    pub fn step(&mut self, store: &dyn Archive, now: UnixMillis) -> Result<Progress, SealError> {
        let Some(mut work) = self.work.take() else {
            let days = store.snapshot()?.sealable(now)?;
            let Some(day) = days.into_iter().find(|day| !self.differ.contains(day)) else { return Ok(Progress::Idle) };
            self.work = Some(Work { day, sums: DaySums::default(), stage: Stage::Charges });
            return Ok(Progress::Working);
        };
        match work.step(store, now) {
            Ok(Some(seal)) => Ok(Progress::Sealed(seal)),
            Ok(None) => {
                self.work = Some(work);
                Ok(Progress::Working)
            }
            Err(error) => {
                if let SealError::Differs { day, .. } = error {
                    self.differ.insert(day);
                }
                Err(error)
            }
        }
    }
}

impl Work {
    fn step(&mut self, store: &dyn Archive, now: UnixMillis) -> Result<Option<Seal>, SealError> {
        let (day, sums) = (self.day, &mut self.sums);
        let next = match &mut self.stage {
            Stage::Charges => {
                let rows = store.snapshot()?.charges_of(day, sums.last_seq, ROWS)?;
                (!sums.add_charges(&rows)).then_some(Stage::Clicks { after: None })
            }
            Stage::Clicks { after } => {
                let clicks = store.snapshot()?.clicks(day, *after, ROWS)?;
                (!sums.add_clicks(&clicks, after)).then_some(Stage::Clear)
            }
            Stage::Clear => (!store.clear(day, GROUPS)?).then_some(Stage::Lay { after: None, clicks: false }),
            Stage::Lay { clicks: done @ false, .. } => {
                store.lay(day, &[], &sums.click_groups())?;
                *done = true;
                None
            }
            Stage::Lay { after, .. } => {
                let part = sums.part(*after);
                match part.last() {
                    Some(last) => {
                        store.lay(day, &part, &[])?;
                        *after = Some(last.key);
                        None
                    }
                    None => Some(Stage::Check { after: None, digest: GroupsDigest::default() }),
                }
            }
            Stage::Check { after, digest } => {
                let books = store.snapshot()?;
                let part = books.groups(day, *after, GROUPS)?;
                part.iter().for_each(|group| digest.add(group));
                match part.last() {
                    Some(last) => {
                        *after = Some(last.key);
                        None
                    }
                    None if digest.clone().end(&books.click_groups(day)?) == sums.groups_digest() => {
                        let lines = Lines::default();
                        Some(Stage::Ledger { after: 0, rows: 0, digest: [0; 32], lines })
                    }
                    None => return Err(differs(day, "what was laid down reads back otherwise")),
                }
            }
            Stage::Ledger { after, rows, digest, lines } => {
                let part = store.snapshot()?.deliveries_of(day, *after, DELIVERIES)?;
                for stored in &part {
                    *after = stored.id;
                    lines.add_lines_of_all_payers(&stored.contents.lines);
                    if let Some(span) = stored.contents.span {
                        *rows += span.rows.unwrap_or_default();
                        *digest = span.digest;
                    }
                }
                if part.is_empty() {
                    agree(day, sums, *rows, *digest, lines)?;
                }
                part.is_empty().then_some(Stage::Seal)
            }
            Stage::Seal => {
                let DaySums { rows, last_seq, digest, .. } = *sums;
                let groups_digest = sums.groups_digest();
                let seal = Seal { day, sealed_at: now, rows, last_seq, digest, groups_digest };
                store.seal(&seal)?;
                return Ok(Some(seal));
            }
        };
        if let Some(next) = next {
            self.stage = next;
        }
        Ok(None)
    }
}

fn differs(day: ShanghaiDay, what: &str) -> SealError {
    SealError::Differs { day, what: what.to_owned() }
}

/// The day's detail against what the ledger booked of it.
fn agree(day: ShanghaiDay, sums: &DaySums, rows: u64, digest: [u8; 32], ledger: &Lines) -> Result<(), SealError> {
    if sums.rows != rows {
        return Err(differs(day, &format!("the journal has {} rows, the ledger booked {rows}", sums.rows)));
    }
    if sums.digest != digest {
        return Err(differs(day, "its rows were altered after they were booked"));
    }
    match first_difference(&sums.lines(), ledger) {
        Some((what, journal, ledger)) => {
            Err(differs(day, &format!("{what}: the journal says {journal}, the ledger says {ledger}")))
        }
        None => Ok(()),
    }
}
