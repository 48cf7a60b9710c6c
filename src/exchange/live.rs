//! The live state behind one request, as plain values for the pure decision.

use super::Exchange;
use crate::auction::eligibility::{Delivery, Funds, Invited, Standing};
use crate::billing::budget::{Shortage, source_of};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::delivery::frequency::UserKey;
use crate::delivery::pacing::Pace;
use crate::event::{Cause, Measure, Stage};
use crate::ids::DealId;
use crate::market::Market;
use crate::market::deal::Deal;
use crate::money::MicroYuan;

/// The live state at the moment of one request.
pub(super) struct Live<'x> {
    pub(super) exchange: &'x Exchange,
    pub(super) market: &'x Market,
    pub(super) now: UnixMillis,
    pub(super) day: ShanghaiDay,
    /// Whom the request is about, if that may be known.
    pub(super) user: Option<UserKey>,
}

impl Live<'_> {
    /// Offers and withheld opportunities of today.
    fn offered(&self, deal: &Deal) -> u64 {
        let today = |stage| self.exchange.attribution.today(deal.id, self.day, Measure::Stage(stage));
        today(Stage::Offered) + today(Stage::Withheld)
    }

    fn behind(&self, deal: &Deal, offered: u64) -> Option<u32> {
        match self.exchange.pacing.pace(deal.id, self.exchange.promise(self.market, deal, self.day)?, offered, self.now)
        {
            Pace::Behind(behind) => Some(behind),
            Pace::Ahead => None,
        }
    }

    /// Gives back what was taken from plans and is offered to nobody after all; also what was to be withheld, where that was
    /// not counted either.
    pub(super) fn give_back(&self, invited: &Invited<'_>, withheld: bool) {
        if invited.matched().admitted().is_test() {
            return;
        }
        let offered = invited.opportunities().map(|(_, deal)| deal);
        let held = invited.ends().iter().filter(|(_, measure)| withheld && *measure == Measure::Stage(Stage::Withheld));
        for deal in offered.chain(held.map(|(deal, _)| *deal)) {
            self.exchange.pacing.give_back(deal, self.now);
        }
    }
}

impl Delivery for Live<'_> {
    fn standing(&self, deal: &Deal, cost: MicroYuan) -> Standing {
        let source = source_of(deal, self.day);
        let funds = match self.exchange.budgets.probe(source, cost, self.now) {
            Ok(()) => Funds::Ready,
            Err(Shortage::Empty) => Funds::Empty,
            Err(Shortage::NoLease) => Funds::NoLease,
        };
        let frequency = &self.exchange.frequency;
        let capped = deal.frequency.is_some_and(|cap| !frequency.allows(deal.id, cap, self.user, self.now));
        let unreviewed = deal.unreviewed_a_day.is_some() && self.exchange.allowances.left(deal.id, self.day) > 0;
        let Some(volume) = deal.volume else {
            return Standing { behind: None, capped, funds, may_return: true, unreviewed };
        };
        let offered = self.offered(deal);
        let returned = self.exchange.attribution.today(deal.id, self.day, Measure::Cause(Cause::Returned));
        let may_return = returned < volume.push.returnable_of(offered + 1);
        Standing { behind: self.behind(deal, offered), capped, funds, may_return, unreviewed }
    }

    fn take(&self, deal: &Deal) -> bool {
        let promise = self.exchange.promise(self.market, deal, self.day);
        promise.is_some_and(|promise| self.exchange.pacing.take(deal.id, promise, self.offered(deal), self.now))
    }
}

/// Opportunities that were offered and have not ended yet. When the media breaks off, the request is dropped where it
/// waits, and they end here: every opportunity ends under a cause (R-MAKEGOOD).
pub(super) struct Open<'x> {
    exchange: &'x Exchange,
    day: ShanghaiDay,
    deals: Vec<DealId>,
}

impl<'x> Open<'x> {
    pub(super) fn new(live: &Live<'x>, deals: impl Iterator<Item = DealId>) -> Self {
        Self { exchange: live.exchange, day: live.day, deals: deals.collect() }
    }

    /// They end by decision.
    pub(super) fn decided(mut self) {
        self.deals.clear();
    }

    /// They end for one cause.
    pub(super) fn end(mut self, cause: Cause) {
        for deal in self.deals.drain(..) {
            self.exchange.attribution.count(deal, self.day, Measure::Cause(cause));
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        for deal in self.deals.drain(..) {
            self.exchange.attribution.count(deal, self.day, Measure::Cause(Cause::MediaGone));
        }
    }
}

/// A test request (OpenRTB 2.6 §3.2.1): every deal is due and funded, and nothing is taken from anybody.
pub(super) struct Rehearsal;

impl Delivery for Rehearsal {
    fn standing(&self, deal: &Deal, _: MicroYuan) -> Standing {
        let (behind, unreviewed) = (deal.volume.map(|_| 0), deal.unreviewed_a_day.is_some());
        Standing { behind, capped: false, funds: Funds::Ready, may_return: true, unreviewed }
    }

    fn take(&self, _: &Deal) -> bool {
        true
    }
}
