//! One core's door to the DSPs: what may be asked is asked, and each question ends in one answer, at the latest at its deadline.
//! A late answer is still read for a while, so that its connection lives on (performance.md, "A DSP that never answers").

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::answer::Silence;
use super::breaker::{BreakerState, Breakers, Ticket, Verdict};
use super::dial::system_lookup;
use super::gzip::{Packer, SMALLEST};
use super::inbox::Inbox;
use super::pool::{House, Pool, Question};
use crate::clock::{Chance, Clock};
use crate::ids::{DenseId, DspId};
use crate::market::demand::Dsp;
use crate::metrics::Metrics;

/// How long after its deadline an answer is still read, so that the connection can be used again.
const DRAIN: Duration = Duration::from_secs(1);
/// How often idle connections are looked through.
const SWEEP: Duration = Duration::from_secs(10);

/// One question to one DSP.
#[derive(Debug)]
pub struct Ask<'d> {
    /// The DSP.
    pub dsp: &'d Dsp,
    /// Its request.
    pub body: Bytes,
    /// Until when its answer counts.
    pub deadline: Instant,
    /// What the answer is handed in with.
    pub tag: usize,
}

/// Why a question was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// The cap of questions in flight to this DSP on this core is reached.
    Busy,
    /// The DSP's breaker is open.
    BreakerOpen,
}

/// An answer or its absence.
#[derive(Debug)]
pub struct Answer {
    /// The tag of the question.
    pub tag: usize,
    /// 200: the body; 204: `None`; or why there is nothing.
    pub result: Result<Option<Vec<u8>>, Silence>,
    /// How long it took.
    pub took: Duration,
    /// Takes what the body says about the DSP's health.
    pub health: Health,
}

/// What an answer says to the DSP's breaker: that it is well, unless somebody who read it says otherwise.
#[derive(Debug)]
pub struct Health {
    wards: Rc<Wards>,
    dsp: DspId,
    ticket: Option<Ticket>,
}

impl Health {
    /// The body was not what it said it was: malformed.
    pub fn malformed(mut self) {
        self.tell(Verdict::Failed);
    }

    fn tell(&mut self, verdict: Verdict) {
        let Some(ticket) = self.ticket.take() else { return };
        let wards = &self.wards;
        let now = wards.house.clock.instant();
        match wards.breakers.report(self.dsp, ticket, verdict, now, &mut wards.house.chance.borrow_mut()) {
            Some(BreakerState::Closed) => tracing::info!(dsp = self.dsp.0, "breaker closed"),
            Some(state) => tracing::warn!(dsp = self.dsp.0, "breaker {}", state.label()),
            None => {}
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.tell(Verdict::Healthy);
    }
}

/// What watches over the DSPs.
#[derive(Debug)]
struct Wards {
    house: Rc<House>,
    breakers: Arc<Breakers>,
}

/// The DSP connections of one core. Lives on one thread, within a `LocalSet`.
#[derive(Debug)]
pub struct Bidders {
    wards: Rc<Wards>,
    pools: RefCell<Vec<Option<Rc<Pool>>>>,
    packer: RefCell<Packer>,
    sweep: Cell<Instant>,
}

impl Bidders {
    /// No connections yet.
    #[must_use]
    pub fn new(clock: Clock, chance: Chance, breakers: Arc<Breakers>, metrics: Arc<Metrics>) -> Self {
        let sweep = Cell::new(clock.instant() + SWEEP);
        let house = House { clock, chance: RefCell::new(chance), metrics, lookup: system_lookup };
        let wards = Rc::new(Wards { house: Rc::new(house), breakers });
        Self { wards, pools: RefCell::default(), packer: RefCell::new(Packer::new()), sweep }
    }

    /// Sends a question; its answer arrives in the inbox, at the latest at the deadline.
    ///
    /// # Errors
    /// [`Unasked`]: nothing is sent, and nothing arrives.
    pub fn ask(&self, ask: Ask<'_>, inbox: &mut Inbox<Answer>) -> Result<(), Unasked> {
        let started = self.wards.house.clock.instant();
        let Ask { dsp, body, deadline, tag } = ask;
        let pool = self.pool(dsp, started);
        if pool.in_flight() >= dsp.most_in_flight {
            return Err(Unasked::Busy);
        }
        let ticket = self.wards.breakers.admit(dsp.id, started, deadline).ok_or(Unasked::BreakerOpen)?;
        let health = Health { wards: self.wards.clone(), dsp: dsp.id, ticket: Some(ticket) };
        let question = self.question(dsp, body, deadline);
        let (slip, flight) = (inbox.slip(), pool.enter(started));
        tokio::task::spawn_local(async move {
            let exchange = flight.0.exchange(question);
            tokio::pin!(exchange);
            match timeout_at(deadline, &mut exchange).await {
                Ok(result) => slip.hand_in(answer(tag, result, started, health)),
                Err(_) => {
                    slip.hand_in(answer(tag, Err(Silence::Timeout), started, health));
                    let _ = timeout_at(deadline + DRAIN, exchange).await;
                }
            }
        });
        Ok(())
    }

    fn question(&self, dsp: &Dsp, body: Bytes, deadline: Instant) -> Question {
        if dsp.transport.gzip_requests
            && body.len() >= SMALLEST
            && let Some(body) = self.packer.borrow_mut().pack(&body)
        {
            return Question { body, packed: true, deadline };
        }
        Question { body, packed: false, deadline }
    }

    /// Opens connections ahead of traffic, so that the first requests do not pay for them.
    pub async fn warm<'d>(&self, dsps: impl Iterator<Item = &'d Dsp>, each: usize) {
        // All at once: a reload that comes in between has the last word on where a DSP is.
        let now = self.wards.house.clock.instant();
        let pools: Vec<_> = dsps.map(|dsp| self.pool(dsp, now)).collect();
        for pool in pools {
            pool.warm(each).await;
        }
    }

    /// The pool of a DSP; a new one when its endpoint or how it is spoken to has changed.
    fn pool(&self, dsp: &Dsp, now: Instant) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if now >= self.sweep.get() {
            self.sweep.set(now + SWEEP);
            for place in pools.iter_mut() {
                place.take_if(|pool| !pool.sweep(now));
            }
        }
        let place = dsp.id.index();
        if let Some(Some(pool)) = pools.get(place)
            && pool.is_for(dsp)
        {
            return pool.clone();
        }
        let pool = Rc::new(Pool::new(dsp, self.wards.house.clone()));
        if pools.len() <= place {
            pools.resize(place + 1, None);
        }
        pools[place] = Some(pool.clone());
        pool
    }
}

/// What is clear without reading a body is told to the breaker at once; the rest, by whoever reads it.
fn answer(tag: usize, result: Result<Option<Vec<u8>>, Silence>, started: Instant, mut health: Health) -> Answer {
    match &result {
        Err(silence) => health.tell(silence.verdict()),
        Ok(None) => health.tell(Verdict::Healthy),
        Ok(Some(_)) => {}
    }
    let took = health.wards.house.clock.instant().saturating_duration_since(started);
    Answer { tag, result, took, health }
}
