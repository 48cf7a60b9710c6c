//! Sealed days: their groups against the seal, the ledger, and the detail while it is there.

use super::{Break, PAGE, Proof, first_difference};
use crate::event::Sealed;
use crate::settlement::ledger::Lines;
use crate::settlement::seal::{DaySums, GroupsDigest};

impl Proof<'_> {
    /// One sealed day.
    pub(super) fn sealed(&mut self, sealed: &Sealed) -> Result<(), Break> {
        let Sealed { seal, gone_at } = sealed;
        let day = seal.day;
        let differs = |what: &str| Break::Seal { day, what: what.to_owned() };
        let (mut rows, mut lines, mut digest, mut after) = (0, Lines::default(), GroupsDigest::default(), None);
        loop {
            let page = self.books.groups(day, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            for group in &page {
                rows += group.count;
                lines.add_group(group);
                digest.add(group);
                if gone_at.is_some() && group.key.resolution == 0 {
                    self.done.posted_micro_yuan += group.amount.0;
                    self.posted(group.key.lease, group.amount.0.into(), group.count);
                }
            }
        }
        if digest.end(&self.books.click_groups(day)?) != seal.groups_digest {
            return Err(differs("its groups were altered"));
        }
        if rows != seal.rows {
            return Err(differs(&format!("its groups have {rows} charges, it says {}", seal.rows)));
        }
        let booked = self.days.remove(&day).unwrap_or_default();
        if booked.rows != seal.rows || booked.digest != seal.digest {
            return Err(differs("the ledger booked other rows"));
        }
        if gone_at.is_some() {
            self.done.gone_days += 1;
            self.done.charges += seal.rows;
            if let Some((what, groups, ledger)) = first_difference(&lines, &booked.lines) {
                return Err(differs(&format!("{what}: its groups say {groups}, the ledger says {ledger}")));
            }
        } else {
            let sums = DaySums::of(self.books, day)?;
            if (sums.rows, sums.last_seq, sums.digest) != (seal.rows, seal.last_seq, seal.digest) {
                return Err(differs("its charges are not those that were sealed"));
            }
            if sums.groups_digest() != seal.groups_digest {
                return Err(differs("its groups are not what its charges and clicks come to"));
            }
        }
        self.done.sealed_days += 1;
        Ok(())
    }
}
