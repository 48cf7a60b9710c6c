//! The disk: what is durable behind what is not. The product's memory engine holds what was committed; in front of it stand a queue,
//! commits that take their time, refuse or end in the middle, and answers that get lost. Every step is told to the model.

mod archive;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pmpx::clock::{ShanghaiDay, UnixMillis};
use pmpx::event::{
    AccountKind, BookError, Booking, Books, Click, DayCommitment, Entered, Journal, LaneBoard, Lease, LeaseRequest,
    Leases, Ledger, Posting, Receipt, Recorded, StoreUnavailable, Tally, Ticket, Transaction, TransactionKind,
    Unrecorded,
};
use pmpx::ids::{BuyerId, DealId, Lane, LeaseId};
use pmpx::money::MicroYuan;
use pmpx::store::MemoryStore;

use crate::model::Told;

/// Postings of one lane in flight, and of all lanes in the queue, at most.
const LANE_BOUND: usize = 24;
const QUEUE_BOUND: usize = 40;

/// What the disk did, in order.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A posting was queued under a number.
    Queued { number: u64, posting: Posting },
    /// A queued posting is durable, with what the store made of it.
    Durable { number: u64, posting: Posting, recorded: Recorded },
    /// A queued posting is not durable and never will be.
    Gone { number: u64 },
    /// A lease was asked for; what the store gave.
    Granted { node: u16, request: LeaseRequest, lease: Option<Lease> },
    /// A lease was retired.
    Retired { lease: LeaseId, awarded: MicroYuan },
    /// Dead leases were closed.
    Closed { now: UnixMillis, count: u64 },
    /// A day was to be funded.
    Committed { deal: DealId, day: ShanghaiDay, buyer: BuyerId, amount: MicroYuan, now: UnixMillis, funded: bool },
    /// A day was sealed.
    Sealed { day: ShanghaiDay },
    /// A day of a guaranteed deal was closed.
    DayClosed(Box<Told>),
    /// A payment was booked, under a reference.
    PaidIn { buyer: BuyerId, amount: MicroYuan, reference: String },
}

/// How a store lies. Each is caught by the model, and a test sees to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cheat {
    /// Acknowledges what is only queued.
    AcknowledgesBeforeCommit,
    /// Acknowledges and commits nothing, now and then.
    LosesAfterCommit,
    /// Commits a posting under another key a second time, now and then.
    PostsTwice,
    /// Gives back what leases hold when their windows end.
    ClosesEarly,
    /// Leases twice what the purse has.
    LeasesTooMuch,
    /// Does not hear how much of a retired lease was awarded.
    ForgetsRetirement,
    /// Funds a day whatever the balance.
    FundsEveryDay,
    /// Closes days as if the exchange had failed nothing.
    ChargesItsOwnFailures,
}

impl Cheat {
    pub(crate) const ALL: [Self; 8] = [
        Self::AcknowledgesBeforeCommit,
        Self::LosesAfterCommit,
        Self::PostsTwice,
        Self::ClosesEarly,
        Self::LeasesTooMuch,
        Self::ForgetsRetirement,
        Self::FundsEveryDay,
        Self::ChargesItsOwnFailures,
    ];
}

/// How a commit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// Durable; to be announced.
    Done,
    /// Refused: full, read-only, an I/O error.
    Refused,
    /// The store's process ends before it is durable: nothing of it is.
    DiesBefore,
    /// The process ends behind it: all of it is durable and nobody is told.
    DiesBehind,
}

/// What happens to one of the next calls that wait for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is refused.
    Refused,
    /// It is done, and its answer is lost.
    AnswerLost,
}

struct Queued {
    number: u64,
    node: u16,
    board: Arc<LaneBoard>,
    ticket: Option<Ticket>,
    posting: Posting,
}

#[derive(Default)]
struct State {
    durable: MemoryStore,
    boots: BTreeMap<u16, u32>,
    queue: Vec<Queued>,
    committed: Vec<(Queued, Recorded)>,
    issued: u64,
    full: bool,
    down: bool,
    trouble: Option<(u32, Trouble)>,
    ops: Vec<Op>,
    cheat: Option<Cheat>,
}

/// The store's process and its disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn new(cheat: Option<Cheat>) -> Self {
        Self(Arc::new(Mutex::new(State { cheat, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Starts a node once more, durably.
    pub(crate) fn boot(&self, node: u16) -> u32 {
        let mut state = self.state();
        let boot = state.boots.entry(node).or_default();
        *boot += 1;
        *boot
    }

    /// What was done since the last call.
    pub(crate) fn ops(&self) -> Vec<Op> {
        std::mem::take(&mut self.state().ops)
    }

    /// What is durable.
    pub(crate) fn durable(&self) -> MemoryStore {
        self.state().durable.clone()
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.state().full
    }

    pub(crate) fn is_down(&self) -> bool {
        self.state().down
    }

    /// The call after so many others goes wrong.
    pub(crate) fn script(&self, after: u32, trouble: Trouble) {
        self.state().trouble = Some((after, trouble));
    }

    pub(crate) fn unscript(&self) {
        self.state().trouble = None;
    }

    /// The process comes back with what is durable.
    pub(crate) fn start(&self) {
        self.state().down = false;
    }

    /// The process ends: what it had not committed is gone, what it had committed is told to nobody.
    pub(crate) fn kill(&self) {
        let mut state = self.state();
        state.down = true;
        let queue = std::mem::take(&mut state.queue);
        for queued in queue {
            state.drop_queued(queued);
        }
        for (mut queued, _) in std::mem::take(&mut state.committed) {
            settle(&mut queued, Err(Unrecorded::Closed));
        }
    }

    /// A node's process ends. What it had queued goes with it when the store runs inside of it.
    pub(crate) fn node_ends(&self, node: u16, inside: bool) {
        let mut state = self.state();
        if inside {
            let (gone, stays) = std::mem::take(&mut state.queue).into_iter().partition(|it| it.node == node);
            state.queue = stays;
            let gone: Vec<Queued> = gone;
            gone.into_iter().for_each(|queued| state.drop_queued(queued));
        }
    }

    /// Commits what is queued: all of it or nothing.
    pub(crate) fn commit(&self, how: Commit) {
        let how = if self.state().full && how == Commit::Done { Commit::Refused } else { how };
        if how == Commit::DiesBefore {
            return self.kill();
        }
        let mut state = self.state();
        for mut queued in std::mem::take(&mut state.queue) {
            if how == Commit::Refused {
                settle(&mut queued, Err(Unrecorded::Failed));
                state.ops.push(Op::Gone { number: queued.number });
                continue;
            }
            let recorded = state.apply(&queued);
            state.ops.push(Op::Durable { number: queued.number, posting: queued.posting, recorded });
            state.committed.push((queued, recorded));
        }
        drop(state);
        if how == Commit::DiesBehind {
            self.kill();
        }
    }

    /// Tells what was committed.
    pub(crate) fn announce(&self) {
        for (mut queued, recorded) in std::mem::take(&mut self.state().committed) {
            settle(&mut queued, Ok(recorded));
        }
    }

    /// The store as one start of a node sees it.
    pub(crate) fn port(&self, node: u16) -> Port {
        Port { disk: self.clone(), node, boards: Mutex::default() }
    }
}

fn settle(queued: &mut Queued, outcome: Result<Recorded, Unrecorded>) {
    if let Some(ticket) = queued.ticket.take() {
        queued.board.settle(ticket, outcome);
    }
    queued.board.announce();
}

impl State {
    fn apply(&mut self, queued: &Queued) -> Recorded {
        let unlucky = queued.number % 64 == 63;
        if unlucky && self.cheat == Some(Cheat::LosesAfterCommit) {
            return Recorded::Posted;
        }
        if unlucky && self.cheat == Some(Cheat::PostsTwice) {
            let mut posting = queued.posting;
            posting.charge.key.slot.0 ^= 0x80;
            let _ = self.durable.submit(Lane(0), posting);
        }
        let receipt = self.durable.submit(Lane(0), queued.posting).unwrap();
        ready(receipt.outcome()).unwrap()
    }

    fn drop_queued(&mut self, mut queued: Queued) {
        self.ops.push(Op::Gone { number: queued.number });
        settle(&mut queued, Err(Unrecorded::Closed));
    }

    /// Makes a call that waits for its commit.
    fn call<T>(&mut self, call: impl FnOnce(&mut Self) -> Result<T, StoreUnavailable>) -> Result<T, StoreUnavailable> {
        if self.down || self.full {
            return Err(StoreUnavailable("the simulated store takes nothing".to_owned()));
        }
        let trouble = match &mut self.trouble {
            Some((0, trouble)) => Some(*trouble),
            Some((after, _)) => {
                *after -= 1;
                None
            }
            None => None,
        };
        if trouble.is_some() {
            self.trouble = None;
        }
        if trouble == Some(Trouble::Refused) {
            return Err(StoreUnavailable("the simulated store refuses".to_owned()));
        }
        let done = call(self);
        if trouble == Some(Trouble::AnswerLost) {
            return Err(StoreUnavailable("the simulated store's answer is lost".to_owned()));
        }
        done
    }
}

/// The outcome of a future that does not wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the memory engine waits for nothing"),
    }
}

/// What a payment puts into a buyer's cash.
fn payment(transaction: &Transaction) -> Option<Op> {
    let contents = transaction.contents();
    let cash = contents.entries.iter().find(|entry| entry.account.kind == AccountKind::BuyerCash);
    let cash = cash.filter(|_| contents.kind == TransactionKind::TopUp)?;
    let (buyer, amount) = (BuyerId(cash.account.owner), -cash.amount);
    Some(Op::PaidIn { buyer, amount, reference: contents.reference.clone() })
}

/// The store as one start of one node sees it.
pub(crate) struct Port {
    disk: Disk,
    node: u16,
    boards: Mutex<BTreeMap<u8, Arc<LaneBoard>>>,
}

impl Journal for Port {
    fn submit(&self, lane: Lane, posting: Posting) -> Result<Receipt, Unrecorded> {
        let mut state = self.disk.state();
        if state.down {
            return Err(Unrecorded::Closed);
        }
        if state.queue.len() >= QUEUE_BOUND {
            return Err(Unrecorded::Full);
        }
        let mut boards = self.boards.lock().unwrap();
        let board = boards.entry(lane.0).or_insert_with(|| Arc::new(LaneBoard::new(LANE_BOUND))).clone();
        let ticket = board.issue().ok_or(Unrecorded::Full)?;
        let number = state.issued;
        state.issued += 1;
        state.ops.push(Op::Queued { number, posting });
        let mut queued = Queued { number, node: self.node, board: board.clone(), ticket: Some(ticket), posting };
        if state.cheat == Some(Cheat::AcknowledgesBeforeCommit) {
            settle(&mut queued, Ok(Recorded::Posted));
        }
        state.queue.push(queued);
        Ok(Receipt::pending(board, ticket))
    }

    fn tally(&self, rows: Vec<Tally>) -> Result<(), Unrecorded> {
        let state = self.disk.state();
        if state.down || state.full {
            return Err(Unrecorded::Closed);
        }
        state.durable.tally(rows)
    }

    fn click(&self, click: Click) -> Result<(), Unrecorded> {
        let state = self.disk.state();
        if state.down || state.full {
            return Err(Unrecorded::Closed);
        }
        state.durable.click(click)
    }
}

impl Leases for Port {
    fn grant(&self, request: LeaseRequest) -> Result<Option<Lease>, StoreUnavailable> {
        self.disk.state().call(|state| {
            let mut lease = state.durable.grant(request)?;
            if state.cheat == Some(Cheat::LeasesTooMuch) {
                lease.iter_mut().for_each(|lease| lease.amount += lease.amount);
            }
            state.ops.push(Op::Granted { node: self.node, request, lease });
            Ok(lease)
        })
    }

    fn retire(&self, lease: LeaseId, awarded: MicroYuan) -> Result<(), StoreUnavailable> {
        self.disk.state().call(|state| {
            state.ops.push(Op::Retired { lease, awarded });
            let told = if state.cheat == Some(Cheat::ForgetsRetirement) { MicroYuan::ZERO } else { awarded };
            state.durable.retire(lease, told)
        })
    }

    fn close_dead(&self, now: UnixMillis) -> Result<u64, StoreUnavailable> {
        self.disk.state().call(|state| {
            let early = if state.cheat == Some(Cheat::ClosesEarly) { 3_600_000 } else { 0 };
            let count = state.durable.close_dead(now.plus_ms(early))?;
            state.ops.push(Op::Closed { now, count });
            Ok(count)
        })
    }

    fn commit_day(&self, commitment: &DayCommitment, now: UnixMillis) -> Result<bool, StoreUnavailable> {
        self.disk.state().call(|state| {
            let mut funded = state.durable.commit_day(commitment, now)?;
            funded |= state.cheat == Some(Cheat::FundsEveryDay);
            let DayCommitment { deal, day, buyer, terms, .. } = *commitment;
            state.ops.push(Op::Committed { deal, day, buyer, amount: terms.amount, now, funded });
            Ok(funded)
        })
    }

    fn expire(&self, ends: &[(BuyerId, ShanghaiDay)], now: UnixMillis) -> Result<u64, StoreUnavailable> {
        self.disk.state().call(|state| state.durable.expire(ends, now))
    }
}

impl Ledger for Port {
    fn snapshot(&self) -> Result<Box<dyn Books>, StoreUnavailable> {
        let state = self.disk.state();
        if state.down {
            return Err(StoreUnavailable("the simulated store is down".to_owned()));
        }
        state.durable.snapshot()
    }

    fn book(&self, transactions: Vec<Transaction>) -> Result<Booking, BookError> {
        let top_ups = transactions.iter().filter_map(payment).collect();
        self.booked(top_ups, |durable| durable.book(transactions))
    }

    fn enter(&self, entered: Entered) -> Result<Booking, BookError> {
        let top_ups = entered.transactions.iter().filter_map(payment).collect();
        self.booked(top_ups, |durable| durable.enter(entered))
    }
}

impl Port {
    /// Books, and notes the payments that were booked.
    fn booked(
        &self,
        top_ups: Vec<Op>,
        book: impl FnOnce(&MemoryStore) -> Result<Booking, BookError>,
    ) -> Result<Booking, BookError> {
        let mut booked = None;
        self.disk.state().call(|state| {
            let done = book(&state.durable);
            if done == Ok(Booking::Booked) {
                state.ops.extend(top_ups);
            }
            booked = Some(done);
            Ok(())
        })?;
        booked.unwrap_or(Ok(Booking::AlreadyBooked))
    }
}
