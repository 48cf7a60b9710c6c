//! The thread that calls DSPs: takes in what the hot plane says, makes calls, and keeps with the store what is not done.
//!
//! Everything of the store is one visit at a time (`visit`): what is to be kept has gathered meanwhile, so the more there is, the
//! more one commit carries; and what one visit wrote the next one sees.

mod visit;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::super::answer::Silence;
use super::super::dial::Lookup;
use super::line::{Lines, Manner};
use super::message::{Message, Tidings, Told};
use super::outlet::{Call, Outlets};
use super::target::target;
use super::waiting::Waiting;
use super::{CurrentMarket, Setup, Times, fill, place};
use crate::clock::{Chance, Clock, UnixMillis};
use crate::event::{Attempt, ChargeKey, NoticeKind, Outbox, OutboxRound, Owed, OwedNotice, WonBid};
use crate::ids::{AuctionId, DspId, ImpIndex, Slot};
use crate::metrics::{Metrics, MonitorOutcome, NoticeOutcome};

/// Messages that are taken in at a time: calls get on between.
const MOST_AT_A_TIME: usize = 1_024;
/// How often in a row.
const MOST_TURNS: usize = 16;
/// Notices that wait for the store at most while it takes nothing; more are dropped.
const MOST_UNKEPT: usize = 20_000;
/// How often an end looks around.
const LOOK: Duration = Duration::from_millis(5);

/// How often a notice is tried by itself.
const fn most_attempts(kind: Option<NoticeKind>) -> u32 {
    match kind {
        // Every ten seconds for a minute (OpenRTB 2.6 §4.2.3).
        Some(NoticeKind::Bill) => 7,
        Some(NoticeKind::Win) => 3,
        Some(NoticeKind::Loss) => 1,
        None => 2,
    }
}

/// Whether the same call may have another answer later. A 4xx is about the call, and a redirect is not followed.
const fn may_mend(why: Silence) -> bool {
    match why {
        Silence::Status(status) => status >= 500 || matches!(status, 408 | 425 | 429),
        Silence::Forbidden => false,
        _ => true,
    }
}

fn in_words(why: Silence) -> String {
    match why {
        Silence::Status(status) => format!("status {status}"),
        other => other.label().to_owned(),
    }
}

pub(super) struct Desk {
    clock: Clock,
    times: Times,
    chance: RefCell<Chance>,
    market: CurrentMarket,
    outbox: Arc<dyn Outbox>,
    metrics: Arc<Metrics>,
    lines: Lines,
    waiting: RefCell<Waiting>,
    outlets: RefCell<Outlets>,
    /// What the next visit keeps.
    round: RefCell<OutboxRound>,
    /// Kept notices that are queued or under way.
    trying: RefCell<HashSet<u64>>,
    /// Whether a visit is under way, when there may be the next one, when one looks for what is due, and when one tidies.
    visiting: Cell<bool>,
    next: Cell<Instant>,
    look: Cell<Instant>,
    tidy: Cell<Instant>,
    /// Whether anything that is kept may be tried again.
    retrying: Cell<bool>,
    /// Until when the store is left alone after it took nothing.
    patience: Cell<Option<Instant>>,
    /// Whether no call is begun any more.
    closing: Cell<bool>,
}

impl Desk {
    pub(super) fn new(setup: Setup, lookup: Lookup, metrics: Arc<Metrics>, stored: Vec<ChargeKey>) -> Rc<Self> {
        let Setup { node, clock, chance, market, outbox, times } = setup;
        let now = clock.instant();
        Rc::new(Self {
            lines: Lines::new(clock.clone(), lookup, times.call),
            clock,
            times,
            chance: RefCell::new(chance),
            market,
            outbox,
            metrics,
            waiting: RefCell::new(Waiting::new(node, stored)),
            outlets: RefCell::default(),
            round: RefCell::default(),
            trying: RefCell::default(),
            visiting: Cell::new(false),
            next: Cell::new(now),
            look: Cell::new(now),
            retrying: Cell::new(true),
            tidy: Cell::new(now + times.tidy),
            patience: Cell::new(None),
            closing: Cell::new(false),
        })
    }

    /// Serves until told to stop, then ends.
    pub(super) async fn run(
        self: Rc<Self>,
        owed: Owed,
        intake: &Receiver<Message>,
        stirred: &Notify,
        mut stopped: oneshot::Receiver<Duration>,
    ) {
        self.owe(&owed);
        let mut tick = tokio::time::interval(self.times.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let wait = loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stirred.notified() => self.stir(),
                wait = &mut stopped => break wait.unwrap_or_default(),
            }
            // Calls and visits get on between, however much comes in.
            for _ in 0..MOST_TURNS {
                if !self.take_in(intake) {
                    break;
                }
                tokio::task::yield_now().await;
            }
            if self.clock.instant() >= self.next.get() {
                self.next.set(self.clock.instant() + self.times.visit);
                self.write_out(self.times.hold);
                self.visit();
            }
        };
        while self.take_in(intake) {
            tokio::task::yield_now().await;
        }
        self.end(wait).await;
    }

    /// Somebody has changed what is kept.
    fn stir(&self) {
        let now = self.clock.instant();
        self.next.set(now);
        self.look.set(now);
        self.retrying.set(true);
    }

    /// Takes in some messages; tells whether there may be more.
    fn take_in(self: &Rc<Self>, intake: &Receiver<Message>) -> bool {
        for _ in 0..MOST_AT_A_TIME {
            match intake.try_recv() {
                Ok(Message::Decided(tidings)) => self.decided(&tidings),
                Ok(Message::Shown(key)) => {
                    let due = self.waiting.borrow_mut().shown(key);
                    due.into_iter().for_each(|win| self.tell_won(&win, None));
                }
                Ok(Message::Posted(key, at)) => {
                    let due = self.waiting.borrow_mut().posted(key, at);
                    due.into_iter().for_each(|win| self.tell_billed(&win, at, false));
                }
                Ok(Message::Monitor(url)) => self.monitor(url),
                Err(_) => return false,
            }
        }
        true
    }

    fn decided(self: &Rc<Self>, tidings: &Tidings) {
        let now = self.clock.instant();
        for told in tidings.bids() {
            match told {
                Told::Won(win) => {
                    let (dsp, kinds) = (win.dsp, [(&win.win, NoticeKind::Win), (&win.bill, NoticeKind::Bill)]);
                    let kinds = kinds.map(|(url, kind)| url.is_some().then_some(kind));
                    if !self.waiting.borrow_mut().won(win, now) {
                        kinds.into_iter().flatten().for_each(|kind| self.count(dsp, kind, NoticeOutcome::Dropped));
                    }
                }
                Told::Lost { key, dsp, words, currency, reason, url } => {
                    let url = fill::lost(key, &words, currency, reason, &url);
                    self.call(self.fresh(key, dsp, NoticeKind::Loss, url));
                }
            }
        }
    }

    fn fresh(&self, key: ChargeKey, dsp: DspId, kind: NoticeKind, url: String) -> Call {
        let made_at = self.clock.now();
        Call { to: Some(dsp), kind: Some(kind), key, url, attempts: 0, kept: None, settles: false, made_at }
    }

    /// What the store found to be owed.
    fn owe(self: &Rc<Self>, owed: &Owed) {
        self.waiting.borrow_mut().answered(owed);
        owed.shown.iter().for_each(|win| self.tell_won(win, None));
        owed.posted.iter().for_each(|(win, at)| self.tell_billed(win, *at, true));
    }

    fn tell_won(self: &Rc<Self>, win: &WonBid, shown_at: Option<UnixMillis>) {
        if let Some(url) = &win.win {
            self.call(self.fresh(win.key, win.dsp, NoticeKind::Win, fill::won(win, url, shown_at)));
        }
    }

    /// `kept`: the store keeps the won bid until its DSP has heard that it was billed.
    fn tell_billed(self: &Rc<Self>, win: &WonBid, at: UnixMillis, kept: bool) {
        if !win.told {
            self.tell_won(win, Some(at));
        }
        match &win.bill {
            Some(url) => {
                let call = self.fresh(win.key, win.dsp, NoticeKind::Bill, fill::won(win, url, Some(at)));
                self.call(Call { settles: kept, ..call });
            }
            None if kept => self.round.borrow_mut().settled.push(win.key),
            None => {}
        }
    }

    fn monitor(self: &Rc<Self>, url: String) {
        let nothing = ChargeKey { auction: AuctionId(0), imp: ImpIndex(0), slot: Slot(0) };
        let made_at = self.clock.now();
        self.call(Call { to: None, kind: None, key: nothing, url, attempts: 0, kept: None, settles: false, made_at });
    }

    /// Queues a call, and makes it as soon as its DSP may be called.
    fn call(self: &Rc<Self>, call: Call) {
        if let Some(id) = call.kept {
            self.trying.borrow_mut().insert(id);
        }
        let to = call.to;
        self.level(to, true);
        match self.outlets.borrow_mut().put(call) {
            Ok(()) => {}
            Err(refused) => {
                self.level(to, false);
                self.put_off(&refused, "too many notices wait for this DSP");
            }
        }
        self.pump(to);
    }

    fn pump(self: &Rc<Self>, to: Option<DspId>) {
        while !self.closing.get() {
            let Some(call) = self.outlets.borrow_mut().take(to) else { return };
            let desk = self.clone();
            tokio::task::spawn_local(async move {
                desk.attempt(&call).await;
                desk.outlets.borrow_mut().landed(&call);
                desk.level(call.to, false);
                desk.pump(call.to);
            });
        }
    }

    /// Makes a call and notes what came of it.
    async fn attempt(&self, call: &Call) {
        let Some(target) = target(&call.url) else {
            self.finish(call, NoticeOutcome::BadUrl, Some((call.attempts + 1, "not a URL that is called".to_owned())));
            return;
        };
        let manner = match self.manner(call.to) {
            Ok(manner) => manner,
            Err((outcome, why)) => return self.finish(call, outcome, Some((call.attempts, why.to_owned()))),
        };
        let mut attempts = call.attempts + 1;
        let mut done = self.lines.get(call.to, &manner, &target).await;
        if call.kind.is_none() && done.is_err_and(may_mend) && attempts < most_attempts(None) {
            tokio::time::sleep(self.times.look).await;
            done = self.lines.get(call.to, &manner, &target).await;
            attempts += 1;
        }
        match done {
            Ok(()) => self.finish(call, NoticeOutcome::Delivered, None),
            Err(why) if may_mend(why) && attempts < most_attempts(call.kind) => {
                self.finish(call, NoticeOutcome::Retried, Some((attempts, in_words(why))));
            }
            Err(why) => self.finish(call, NoticeOutcome::Undelivered, Some((attempts, in_words(why)))),
        }
    }

    /// How a DSP may be called; a suspended one hears nothing.
    fn manner(&self, to: Option<DspId>) -> Result<Manner, (NoticeOutcome, &'static str)> {
        let Some(id) = to else { return Ok(Manner { allow_internal: false, transport: Arc::default() }) };
        let market = (self.market)();
        if market.dsp_is_suspended(id) {
            return Err((NoticeOutcome::Suspended, "the DSP is suspended"));
        }
        let dsp = market.dsps.get(id).ok_or((NoticeOutcome::Undelivered, "the DSP is not in the market"))?;
        Ok(Manner { allow_internal: dsp.allow_internal, transport: dsp.transport.clone() })
    }

    /// Counts what came of a call, and has the store keep or forget it.
    fn finish(&self, call: &Call, outcome: NoticeOutcome, failed: Option<(u32, String)>) {
        let Some((dsp, kind)) = call.to.zip(call.kind) else {
            let outcome = match outcome {
                NoticeOutcome::Delivered => MonitorOutcome::Delivered,
                NoticeOutcome::BadUrl => MonitorOutcome::BadUrl,
                _ => MonitorOutcome::Failed,
            };
            return self.metrics.monitors.one(outcome as usize);
        };
        self.count(dsp, kind, outcome);
        let again = (outcome == NoticeOutcome::Retried).then(|| self.again());
        // A URL that is not called now is none later, and to have won means nothing to a DSP that comes back; what was billed does.
        let over = outcome == NoticeOutcome::BadUrl || (outcome == NoticeOutcome::Suspended && kind == NoticeKind::Win);
        self.keep(call, failed.filter(|_| !over), again);
    }

    /// What became of a call is kept with the next visit, unless it is done or light.
    fn keep(&self, call: &Call, failed: Option<(u32, String)>, next_at: Option<UnixMillis>) {
        let mut round = self.round.borrow_mut();
        if call.settles {
            round.settled.push(call.key);
        }
        match (call.kept, failed) {
            (Some(id), None) => round.tried.push((id, Attempt::Delivered)),
            (Some(id), Some((attempts, error))) => round.tried.push((id, Attempt::Failed { attempts, next_at, error })),
            (None, None) => {}
            (None, Some((attempts, error))) => {
                let (Some(dsp), Some(kind), false) = (call.to, call.kind, call.is_light()) else { return };
                if round.failed.len() >= MOST_UNKEPT {
                    drop(round);
                    return self.count(dsp, kind, NoticeOutcome::Dropped);
                }
                let (key, url, made_at) = (call.key, call.url.clone(), call.made_at);
                round.failed.push(OwedNotice { key, dsp, kind, url, attempts, next_at, error, made_at });
            }
        }
    }

    /// A call that cannot be made now is kept for soon; a light one is dropped.
    fn put_off(&self, call: &Call, why: &str) {
        match call.to.zip(call.kind) {
            None => self.metrics.monitors.one(MonitorOutcome::Dropped as usize),
            Some((dsp, kind)) if call.is_light() => self.count(dsp, kind, NoticeOutcome::Dropped),
            Some(_) if call.kept.is_some() => {
                // The store has it, and it is due still.
                self.trying.borrow_mut().retain(|id| Some(*id) != call.kept);
            }
            Some(_) => self.keep(call, Some((call.attempts, why.to_owned())), Some(self.clock.now())),
        }
    }

    /// When a notice is tried again.
    fn again(&self) -> UnixMillis {
        let pause = u64::try_from(self.times.again.as_millis()).unwrap_or(u64::MAX);
        let spread = u32::try_from(pause * 2 / 5).unwrap_or(u32::MAX);
        let more = u64::from(self.chance.borrow_mut().below(spread.max(1)));
        self.clock.now().plus_ms(pause.saturating_sub(pause / 5) + more)
    }

    fn count(&self, dsp: DspId, kind: NoticeKind, outcome: NoticeOutcome) {
        if let Some(counts) = self.metrics.dsps.get(dsp) {
            counts.notice(place(kind), outcome);
        }
    }

    fn level(&self, to: Option<DspId>, up: bool) {
        if let Some(counts) = to.and_then(|dsp| self.metrics.dsps.get(dsp)) {
            if up { counts.notice_queue.up() } else { counts.notice_queue.down() }
        }
    }

    /// Makes the calls that wait, for some time; waits for those under way, which have a bound of their own; keeps the rest.
    async fn end(self: &Rc<Self>, wait: Duration) {
        let until = self.clock.instant() + wait;
        while !self.outlets.borrow().is_empty() && self.clock.instant() < until {
            self.visit();
            tokio::time::sleep(LOOK).await;
        }
        self.closing.set(true);
        while self.outlets.borrow().is_flying() {
            tokio::time::sleep(LOOK).await;
        }
        let left = self.outlets.borrow_mut().abandon();
        let (owed, light): (Vec<_>, Vec<_>) = left.into_iter().partition(|call| !call.is_light());
        owed.iter().chain(&light).for_each(|call| self.put_off(call, "the exchange stopped"));
        self.patience.set(None);
        while self.is_unkept() {
            self.write_out(Duration::ZERO);
            self.visit();
            if self.patience.get().is_some() {
                let round = self.round.borrow();
                let (wins, notices) = (round.waiting.len(), round.failed.len());
                tracing::error!(wins, notices, "the store does not take what DSPs are owed; it is lost");
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
