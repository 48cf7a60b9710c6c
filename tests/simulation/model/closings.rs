//! What the day of a guaranteed deal comes to once it is over, by the words of R-MAKEGOOD and R-COMMIT, and where its money goes.

use std::collections::BTreeMap;

use pmpx::event::{ClosedDay, Method};

use super::{End, Held, Model, day_of, must};
use crate::terms::DEALS;

/// What was taken for undelivered volume, and where what was owed went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeenClosing {
    /// From what was set aside.
    pub(crate) from_pots: i64,
    pub(crate) from_cash: i64,
    pub(crate) owed: i64,
    pub(crate) kept: i64,
    pub(crate) released: i64,
}

/// What the store has counted and decided when a day was closed.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) closed: ClosedDay,
    /// Sent to a DSP or withheld for a reason of the buyer.
    pub(crate) offered: u64,
    /// The clock of whoever closed it, ms.
    pub(crate) clock: u64,
}

impl Model {
    /// What was kept to be made good on a day, in micro-yuan.
    pub(crate) fn kept(&self, deal: u32, day: u32) -> i64 {
        self.kept.get(&(deal, day)).map_or(0, |parts| parts.iter().sum())
    }

    /// What each buyer owes for days that could not be funded, in micro-yuan; those who owe nothing are left out.
    pub(crate) fn owed(&self) -> BTreeMap<u32, i64> {
        let mut owed = BTreeMap::new();
        for ((deal, _), seen) in self.closings.iter().filter(|(_, seen)| seen.owed > 0) {
            let place = self.names.deals.iter().position(|it| it.id.0 == *deal);
            let buyer = place.map(|place| self.names.buyers[DEALS[place].buyer].0);
            *owed.entry(buyer.unwrap_or(u32::MAX)).or_default() += seen.owed;
        }
        owed
    }

    /// Which days were decided and are not closed, of days before one.
    pub(crate) fn unclosed_days(&self, today: u32) -> Vec<(u32, u32)> {
        let open = self.decided.iter().filter(|key| key.1 < today && !self.closings.contains_key(key));
        open.copied().collect()
    }

    /// A day was closed: each figure is what the rule makes of what was counted.
    pub(super) fn day_closed(&mut self, told: &Told) -> Held {
        let closing = &told.closed.closing;
        let key = (closing.deal.0, closing.day.0);
        let (deal, day) = key;
        let place = self.names.deals.iter().position(|it| it.id == closing.deal).ok_or("a day of which deal?")?;
        let (terms, buyer) = (&DEALS[place], self.names.buyers[DEALS[place].buyer].0);
        must(self.decided.contains(&key), || format!("deal {deal} on {day} was never decided, and is closed"))?;
        must(!self.closings.contains_key(&key), || format!("deal {deal} on {day} is closed twice"))?;
        let open = self.leases.values().any(|lease| !lease.closed && self.of_day(lease.source) == Some(key));
        must(!open, || format!("deal {deal} on {day} is closed while a lease holds money of it"))?;

        let posted: Vec<_> = self.charges.iter().filter(|(_, seen)| seen.end == Some(End::Posted)).collect();
        let own = posted.into_iter().filter(|(key, seen)| {
            (seen.charge.deal.0, day_of((key.0 >> 80) as u64)) == (deal, day) && seen.charge.method != Method::Pd
        });
        let (mut quantity, mut money) = (0_u64, 0_i64);
        for (_, seen) in own {
            quantity += u64::from(seen.charge.quantity.0);
            money += seen.amount;
        }
        let (price, ordered, counted) = (terms.price[0], terms.daily, quantity / 1_000);
        let delivered = counted.min(ordered);
        let failed = ordered.saturating_sub(counted.max(told.offered));
        let by_buyer = ordered - delivered - failed;
        let scheduled: u64 = self.kept.get(&key).into_iter().flatten().map(|kept| (kept / price) as u64).sum();
        let made_good = (counted - delivered).min(scheduled);
        let expected = [ordered, delivered, failed, by_buyer, made_good, counted - delivered - made_good, 0];
        let said = [
            closing.ordered,
            closing.delivered,
            closing.failed,
            closing.by_buyer,
            closing.made_good,
            closing.at_cost,
            closing.exempted,
        ];
        must(said == expected, || {
            format!(
                "deal {deal} on {day}: ordered, delivered, failed, the buyer's, made good, at cost, exempt are {expected:?}, not {said:?}"
            )
        })?;
        let next = (day + 1).max(day_of(told.clock));
        let on = (next <= closing.good_until.0).then_some(next);
        must(closing.made_good_on.map(|on| on.0) == on, || {
            format!("made good on {:?}, not {on:?}", closing.made_good_on)
        })?;

        let set_aside = self.commitments.get(&key).map(|(_, amount)| *amount);
        let committed = set_aside.unwrap_or(0);
        let payable = (price * (ordered - failed) as i64 - committed.min(money)).max(0);
        let from_pots = if set_aside.is_some() { payable } else { 0 };
        let rest = committed + self.kept(deal, day) - money - from_pots;
        let mut seen = SeenClosing { from_pots, ..SeenClosing::default() };
        match on {
            Some(_) => seen.kept = rest,
            None => seen.released = rest,
        }
        if set_aside.is_none() {
            let source = pmpx::event::Source::Balance(pmpx::ids::BuyerId(buyer));
            seen.from_cash = payable.min((self.available(source) + seen.released).max(0));
            seen.owed = payable - seen.from_cash;
        }
        let it = &told.closed;
        let said = (it.payable.0, it.from_cash.0, it.owed.0, it.kept.0, it.released.0, it.from_grants.0);
        let expected = (payable, seen.from_cash, seen.owed, seen.kept, seen.released, 0);
        must(said == expected, || {
            format!(
                "deal {deal} on {day}: payable, from cash, owed, kept, released, from grants are {expected:?}, not {said:?}"
            )
        })?;
        if let Some(on) = on.filter(|_| rest > 0) {
            self.kept.entry((deal, on)).or_default().push(rest);
        }
        *self.returned.entry(buyer).or_default() += seen.released - seen.from_cash;
        self.closings.insert(key, seen);
        Ok(())
    }
}
