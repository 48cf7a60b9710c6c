//! Sealing days and closing them, through the simulated store.

use pmpx::clock::{ShanghaiDay, UnixMillis};
use pmpx::event::{
    Archive, BookError, Booking, ClickGroup, DayClosing, Group, Ledger, Measure, Seal, Stage, StoreUnavailable,
};
use pmpx::ids::DealId;

use super::{Cheat, Op, Port};
use crate::model::Told;

impl Archive for Port {
    fn lay(&self, day: ShanghaiDay, charges: &[Group], clicks: &[ClickGroup]) -> Result<(), StoreUnavailable> {
        self.disk.state().call(|state| state.durable.lay(day, charges, clicks))
    }

    fn clear(&self, day: ShanghaiDay, limit: u32) -> Result<bool, StoreUnavailable> {
        self.disk.state().call(|state| state.durable.clear(day, limit))
    }

    fn seal(&self, seal: &Seal) -> Result<(), StoreUnavailable> {
        self.disk.state().call(|state| {
            state.durable.seal(seal)?;
            state.ops.push(Op::Sealed { day: seal.day });
            Ok(())
        })
    }

    fn close_day(&self, closing: &DayClosing, now: UnixMillis) -> Result<Booking, BookError> {
        let mut made = None;
        self.disk.state().call(|state| {
            let mut closing = closing.clone();
            if state.cheat == Some(Cheat::ChargesItsOwnFailures) && closing.failed > 0 {
                closing.by_buyer += std::mem::take(&mut closing.failed);
            }
            let done = state.durable.close_day(&closing, now);
            if done == Ok(Booking::Booked) {
                let books = state.durable.snapshot()?;
                let (deal, day) = (closing.deal, closing.day);
                let closed = books.closings_of(closing.buyer, Some(deal), day, day)?.remove(0);
                let counts = |measure| matches!(measure, Measure::Stage(Stage::Offered | Stage::Withheld));
                let tallies = books.tallies_of(day)?;
                let own = tallies.iter().filter(|tally| tally.deal == deal && counts(tally.measure));
                let offered = own.map(|tally| tally.count).sum();
                state.ops.push(Op::DayClosed(Box::new(Told { closed, offered, clock: now.0 })));
            }
            made = Some(done);
            Ok(())
        })?;
        made.unwrap_or(Ok(Booking::AlreadyBooked))
    }

    fn exempt_day(
        &self,
        deal: DealId,
        day: ShanghaiDay,
        made_good_on: Option<ShanghaiDay>,
        now: UnixMillis,
    ) -> Result<Booking, BookError> {
        let mut made = None;
        self.disk.state().call(|state| {
            made = Some(state.durable.exempt_day(deal, day, made_good_on, now));
            Ok(())
        })?;
        made.unwrap_or(Ok(Booking::AlreadyBooked))
    }

    fn let_go(&self, day: ShanghaiDay, now: UnixMillis) -> Result<(), StoreUnavailable> {
        self.disk.state().call(|state| state.durable.let_go(day, now))
    }

    fn sweep(&self, limit: u32) -> Result<bool, StoreUnavailable> {
        self.disk.state().call(|state| state.durable.sweep(limit))
    }
}
