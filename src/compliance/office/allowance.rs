//! How many impressions of a day a deal may win before a person has reviewed what it shows (R-REVIEW, serve first): each process reserves a part
//! of the share here before it serves it, so that all together never exceed it, whichever of them ends whenever.

use serde::{Deserialize, Serialize};

use super::{By, Office, Refusal, body_of, written};
use crate::clock::ShanghaiDay;
use crate::event::{Owner, Subject, SubjectKind};
use crate::market::deal::Deal;

/// The only state.
const RESERVED: u16 = 1;
/// The smallest part of a share that is reserved at once, impressions.
const SMALLEST_PART: u32 = 50;
/// Into so many parts a large share is divided.
const PARTS: u32 = 8;

/// The body of a share's steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    /// The deal's share of the day when this was reserved, impressions.
    share: u32,
    /// How much of it processes have reserved.
    reserved: u32,
}

impl Office<'_> {
    /// How much of a share is reserved at once: an eighth, or all of a small one.
    #[must_use]
    pub fn part_of(share: u32) -> u32 {
        (share / PARTS).max(SMALLEST_PART).min(share)
    }

    /// Reserves up to `wanted` impressions of a deal's share of a day. Tells how many; 0: there are none left, or its review comes first.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`]: nothing is reserved.
    pub fn reserve(&self, deal: &Deal, day: ShanghaiDay, wanted: u32, by: &By<'_>) -> Result<u32, Refusal> {
        let Some(share) = deal.unreviewed_a_day else { return Ok(0) };
        self.share(deal, day, share, by, |reserved| wanted.min(share.saturating_sub(reserved)).into())
            .map(|granted| u32::try_from(granted).unwrap_or(0))
    }

    /// How much of a day of a deal is reserved, at all processes.
    ///
    /// # Errors
    /// See [`Office::reserve`].
    pub fn reserved(&self, deal: &Deal, day: ShanghaiDay) -> Result<u32, Refusal> {
        let kept = self.docket.standing(&share_of(deal, day))?;
        Ok(kept.as_ref().map(body_of::<Share>).transpose()?.map_or(0, |it| it.reserved))
    }

    /// Gives back what was reserved and not won.
    ///
    /// # Errors
    /// See [`Office::reserve`]; it stays reserved.
    pub fn give_back(&self, deal: &Deal, day: ShanghaiDay, left: u32, by: &By<'_>) -> Result<(), Refusal> {
        let share = deal.unreviewed_a_day.unwrap_or(0);
        self.share(deal, day, share, by, |reserved| -i64::from(left.min(reserved))).map(|_| ())
    }

    /// Changes what is reserved by what `change` makes of it, and tells that.
    fn share(
        &self,
        deal: &Deal,
        day: ShanghaiDay,
        share: u32,
        by: &By<'_>,
        change: impl Fn(u32) -> i64,
    ) -> Result<i64, Refusal> {
        let subject = share_of(deal, day);
        let judge = || {
            let kept = self.docket.standing(&subject)?;
            let reserved = kept.as_ref().map(body_of::<Share>).transpose()?.map_or(0, |it| it.reserved);
            let change = change(reserved);
            if change == 0 {
                return Ok((Vec::new(), 0));
            }
            let reserved = u32::try_from(i64::from(reserved) + change).unwrap_or(0);
            let state = (RESERVED, written(&Share { share, reserved })?);
            let before = kept.map_or(0, |kept| kept.seq);
            Ok((vec![self.step((subject.clone(), Owner::Exchange), before, state, by)], change))
        };
        self.take(judge).map(|(_, change)| change)
    }
}

fn share_of(deal: &Deal, day: ShanghaiDay) -> Subject {
    Subject { kind: SubjectKind::Allowance, name: format!("{}/{day}", deal.wire), version: 0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::tests::{BY, market, noon};
    use super::*;
    use crate::store::MemoryDocket;

    fn served_first(share: u32) -> Deal {
        let market = market();
        let deal = market.deals.iter().find(|it| it.wire == "PD-2026-PAOPAO").unwrap();
        Deal { unreviewed_a_day: Some(share), ..deal.clone() }
    }

    #[test]
    fn r_review_processes_together_reserve_no_more_than_the_share_of_the_day() {
        let (docket, market) = (MemoryDocket::default(), market());
        let (deal, day) = (served_first(1_000), noon().shanghai_day());
        let reserved = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let office = Office { docket: &docket, market: &market, now: noon() };
                    // Each may have it all, and no more: it ends whatever is granted.
                    let grants = (0..=1_000 / 77 + 1).map(|_| office.reserve(&deal, day, 77, &BY).unwrap());
                    reserved.fetch_add(grants.take_while(|granted| *granted > 0).sum(), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(reserved.into_inner(), 1_000);
        let office = Office { docket: &docket, market: &market, now: noon() };
        assert_eq!(office.reserve(&deal, ShanghaiDay(day.0 + 1), 77, &BY), Ok(77), "another day");
        office.give_back(&deal, day, 5, &BY).unwrap();
        assert_eq!(office.reserve(&deal, day, 77, &BY), Ok(5), "what was given back may be reserved again");
        assert_eq!(office.reserve(&served_first(900), day, 77, &BY), Ok(0), "a share that was made smaller");
        assert_eq!(office.reserve(&served_first(1_010), day, 77, &BY), Ok(10));
        assert_eq!(office.reserve(&Deal { unreviewed_a_day: None, ..deal }, day, 77, &BY), Ok(0));
    }

    #[test]
    fn small_shares_are_reserved_whole() {
        assert_eq!([1, 50, 60, 400, 1_000].map(Office::part_of), [1, 50, 50, 50, 125]);
    }
}
