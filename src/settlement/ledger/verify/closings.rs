//! Closed days of guaranteed deals: each record's parts add up, its money is what its transactions moved, and what is kept reaches the day
//! that it is kept for (R-COMMIT, R-MAKEGOOD).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Break, Proof, clamp};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{AccountKind, ClosedDay, DayClosing, Draft, LateExemption, Pot, SumKey, TransactionKind};
use crate::ids::DealId;

/// What the transactions of closings moved, and what is kept of closed days.
#[derive(Default)]
pub(super) struct Closings {
    moved: HashMap<(ShanghaiDay, String), Moved>,
    kept: BTreeMap<(ShanghaiDay, DealId), i128>,
}

/// What one day's closing moved.
#[derive(Default)]
struct Moved {
    revenue: i128,
    receivable: i128,
    cash: i128,
    released: i128,
    /// To money that is kept to be made good, less what was taken of such.
    kept: i128,
}

impl Closings {
    pub(super) fn add(&mut self, contents: &Draft) {
        if !matches!(contents.kind, TransactionKind::DayClosing | TransactionKind::MakeGoodRelease) {
            return;
        }
        let moved = self.moved.entry((contents.day, contents.reference.clone())).or_default();
        for entry in &contents.entries {
            let amount = i128::from(entry.amount.0);
            match (contents.kind, entry.account.kind) {
                (TransactionKind::DayClosing, AccountKind::UndeliveredRevenue) => moved.revenue -= amount,
                (TransactionKind::DayClosing, AccountKind::BuyerReceivable) => moved.receivable += amount,
                (TransactionKind::DayClosing, AccountKind::BuyerCash) => moved.cash += amount,
                (TransactionKind::DayClosing, AccountKind::BuyerMakeGood | AccountKind::GrantMakeGood) => {
                    moved.kept -= amount;
                }
                (TransactionKind::MakeGoodRelease, kind) if !super::is_set_aside(kind) => moved.released -= amount,
                _ => {}
            }
        }
    }
}

impl Proof<'_> {
    /// Every closed day, in order.
    pub(super) fn closings(&mut self) -> Result<(), Break> {
        let days: BTreeSet<ShanghaiDay> = self.books.closed_days()?.into_iter().collect();
        for day in days {
            for closed in self.books.closings(day, day)? {
                self.closing(&closed).map_err(|what| Break::Closing { deal: closed.closing.deal, day, what })?;
                self.done.closed_days += 1;
            }
        }
        if let Some(((day, reference), _)) = self.closings.moved.drain().min_by(|one, other| one.0.cmp(&other.0)) {
            let what =
                format!("the ledger has a transaction of its closing ({reference}), and there is no record of one");
            return Err(Break::Closing { deal: DealId(0), day, what });
        }
        let mut pots = BTreeMap::<(ShanghaiDay, DealId), i128>::new();
        for position in self.books.positions(UnixMillis(0))? {
            if let Pot::MakeGood(deal, day, _) = position.pot {
                *pots.entry((day, deal)).or_default() += i128::from(position.funded.0);
            }
        }
        let differs = |((day, deal), kept): (&(ShanghaiDay, DealId), &i128)| {
            let there = pots.get(&(*day, *deal)).copied().unwrap_or_default();
            let what = format!("{} is kept to be made good on it, its pots have {}", clamp(*kept), clamp(there));
            (there != *kept).then_some(Break::Closing { deal: *deal, day: *day, what })
        };
        self.closings.kept.iter().find_map(differs).map_or(Ok(()), Err)
    }

    fn closing(&mut self, closed: &ClosedDay) -> Result<(), String> {
        let DayClosing { deal, day, ordered, delivered, failed, exempted, by_buyer, .. } = closed.closing;
        let causes: u128 = closed.closing.causes.iter().map(|(_, count)| u128::from(*count)).sum();
        let undelivered = u128::from(failed) + u128::from(exempted) + u128::from(by_buyer);
        if u128::from(delivered) + undelivered != u128::from(ordered) || causes != undelivered {
            return Err(format!(
                "{delivered} delivered, {failed} failed, {exempted} exempt and {by_buyer} the buyer's are not the {ordered} ordered, or not \
                 the {causes} that ended under a cause"
            ));
        }
        let price = i128::from(closed.closing.price.per_impression().0);
        let posted = self.posted_of(day, deal);
        let volume = price * i128::from(ordered);
        let committed = if closed.funded { volume } else { 0 };
        let excused = price * (i128::from(failed) + i128::from(exempted));
        let payable = (volume - excused - posted.min(committed)).max(0);
        let owed_before = self.closings.kept.remove(&(day, deal)).unwrap_or_default();
        let from_pots = if closed.funded { payable } else { 0 };
        let rest = committed + owed_before - posted - from_pots;
        let moved = self.closings.moved.remove(&(day, format!("deal {} on {day}", deal.0))).unwrap_or_default();
        let (kept, released) = (i128::from(closed.kept.0), i128::from(closed.released.0));
        let (cash, owed) = (i128::from(closed.from_cash.0), i128::from(closed.owed.0));
        let figures = [
            ("payable", closed.payable.0.into(), payable),
            ("payable, in the ledger", moved.revenue, payable),
            ("what was taken from cash and is owed", cash + owed, payable - from_pots),
            ("what was taken from cash, in the ledger", moved.cash, cash),
            ("what is owed, in the ledger", moved.receivable, owed),
            ("what is kept and what went back", kept + released, rest),
            ("what went back, in the ledger", moved.released, released),
        ];
        if let Some((what, is, expected)) = figures.into_iter().find(|(_, is, expected)| is != expected) {
            return Err(format!("{what}: it is {}, it should be {}", clamp(is), clamp(expected)));
        }
        match closed.closing.made_good_on {
            Some(on) => *self.closings.kept.entry((on, deal)).or_default() += kept,
            None if kept == 0 => {}
            None => return Err("something is kept for no day".to_owned()),
        }
        closed.exemption.map_or(Ok(()), |exemption| self.exemption(closed, &exemption))
    }

    /// What an exemption gave back of a closed day is what the buyer was charged for its part, and where the ledger has it.
    fn exemption(&mut self, closed: &ClosedDay, exemption: &LateExemption) -> Result<(), String> {
        let DayClosing { deal, day, by_buyer, .. } = closed.closing;
        let part = i128::from(closed.closing.price.per_impression().0) * i128::from(by_buyer);
        let moved = self.closings.moved.remove(&(day, format!("deal {} on {day}, exempt", deal.0))).unwrap_or_default();
        let (back, kept) = (i128::from(exemption.back.0), i128::from(exemption.kept.0));
        let of_grants = i128::from(closed.from_grants.0);
        let cash_part = i128::from(closed.payable.0) - of_grants;
        let figures = [
            ("what its exemption gave back", back, part.min(closed.payable.0.into())),
            ("what its exemption gave back, in the ledger", -moved.revenue, back),
            ("what its exemption gave back to grants", exemption.to_grants.0.into(), (back - cash_part).max(0)),
            ("what its exemption keeps, in the ledger", moved.kept, kept),
            ("what its exemption keeps", kept, if exemption.made_good_on.is_some() { back } else { 0 }),
        ];
        if let Some((what, is, expected)) = figures.into_iter().find(|(_, is, expected)| is != expected) {
            return Err(format!("{what}: it is {}, it should be {}", clamp(is), clamp(expected)));
        }
        if let Some(on) = exemption.made_good_on {
            *self.closings.kept.entry((on, deal)).or_default() += kept;
        }
        Ok(())
    }

    /// What was posted of a deal's day, as the ledger has it.
    fn posted_of(&self, day: ShanghaiDay, deal: DealId) -> i128 {
        let of_deal = |key: &SumKey| key.deal == deal && key.method.is_guaranteed();
        self.sums.of_day(day).filter(|(key, _)| of_deal(key)).map(|(_, sums)| i128::from(sums.amount.0)).sum()
    }
}
