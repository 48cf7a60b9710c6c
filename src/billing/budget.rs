//! What a node may still award, under durable leases (architecture, invariant 8; R-PREPAY, R-COMMIT).
//!
//! The hot side is [`Budgets::award`]: one atomic subtraction. The cold side is [`Budgets::tend`], which renews leases
//! before they run out and gives back what was not awarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{DayCommitment, Lease, LeaseRequest, Leases, Method, Source, StoreUnavailable};
use crate::ids::{AdvertiserId, BuyerId, Cells, DealId, LeaseId};
use crate::market::Market;
use crate::money::MicroYuan;

/// The longest window of a lease, ms.
pub const LONGEST_WINDOW_MS: u64 = 60_000;
/// A lease is renewed when its window ends within this time, ms.
const RENEW_BEFORE_MS: u64 = 15_000;
/// The first lease of a source, micro-yuan: ¥100.
const FIRST_LEASE: i64 = 100_000_000;
/// The largest lease, micro-yuan: ¥1,000,000. What a node could strand in a crash stays bounded.
const LARGEST_LEASE: i64 = 1_000_000_000_000;
/// How long a source that had too little is left alone, ms.
const RETRY_MS: u64 = 1_000;

/// Why nothing could be awarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The source has no money left: the buyer's reason.
    Empty,
    /// This node holds no lease right now, though there may be money: the exchange's reason.
    NoLease,
}

/// A lease in use.
#[derive(Debug)]
struct Held {
    lease: Lease,
    /// What may still be awarded, micro-yuan; [`CLOSED`] once no more is.
    left: AtomicI64,
}

const CLOSED: i64 = i64::MIN;

#[derive(Debug, Default)]
struct Cell {
    held: ArcSwapOption<Held>,
    /// The last grant gave less than was asked for: nothing stands behind what is held.
    empty: AtomicBool,
    /// When a lease was last asked for, Unix ms.
    tried_at: AtomicU64,
    /// The day's commitment that was made, by day number; 0 for none.
    committed: AtomicU64,
    /// What to ask for next, micro-yuan.
    next: AtomicI64,
    /// The largest amount that did not fit since the last renewal, micro-yuan; 0 for none.
    missed: AtomicI64,
}

/// The budgets of a node: one cell per buyer's balance, per client's own account and per guaranteed deal.
#[derive(Debug, Default)]
pub struct Budgets {
    balances: Cells<BuyerId, Cell>,
    clients: Cells<AdvertiserId, Cell>,
    commitments: Cells<DealId, Cell>,
    /// Whether other nodes lease from the same sources.
    shared: AtomicBool,
}

/// A source that must be funded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is drawn on.
    pub source: Source,
    /// Who pays.
    pub buyer: BuyerId,
    /// For a guaranteed deal's day: what is set aside for it, and from what (R-COMMIT).
    pub commitment: Option<DayCommitment>,
}

/// How long leases and tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// The longest life of any token, ms.
    pub longest_token_ms: u64,
    /// By how much clocks may differ, ms.
    pub clock_skew_ms: u64,
}

impl Lives {
    /// Those of a market.
    #[must_use]
    pub fn of(market: &Market) -> Self {
        let longest = market.placements.iter().map(|placement| placement.token_life_ms).max();
        Self {
            longest_token_ms: longest.unwrap_or(0).max(market.terms.token_life_ms),
            clock_skew_ms: market.terms.clock_skew_ms,
        }
    }
}

impl Budgets {
    /// Takes an amount from the source's lease. The lease's id goes into the charge.
    ///
    /// # Errors
    /// [`Shortage`] when nothing was taken.
    pub fn award(&self, source: Source, amount: MicroYuan, now: UnixMillis) -> Result<LeaseId, Shortage> {
        let Some(cell) = self.cell(source) else { return Err(Shortage::NoLease) };
        let short = || if cell.empty.load(Ordering::Relaxed) { Shortage::Empty } else { Shortage::NoLease };
        let held = cell.held.load();
        let Some(held) = held.as_ref().filter(|held| held.serves(source, now)) else { return Err(short()) };
        let take = |left: i64| (left >= amount.0).then(|| left - amount.0);
        match held.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) {
            Ok(_) => Ok(held.lease.id),
            Err(_) => {
                cell.missed.fetch_max(amount.0, Ordering::Relaxed);
                Err(short())
            }
        }
    }

    /// Whether an award of that amount would succeed now; it may be taken by another thread before.
    ///
    /// # Errors
    /// [`Shortage`] as [`Budgets::award`] would give it.
    pub fn probe(&self, source: Source, amount: MicroYuan, now: UnixMillis) -> Result<(), Shortage> {
        let Some(cell) = self.cell(source) else { return Err(Shortage::NoLease) };
        let held = cell.held.load();
        let enough =
            held.as_ref().is_some_and(|held| held.serves(source, now) && held.left.load(Ordering::Relaxed) >= amount.0);
        if enough {
            return Ok(());
        }
        cell.missed.fetch_max(amount.0, Ordering::Relaxed);
        Err(if cell.empty.load(Ordering::Relaxed) { Shortage::Empty } else { Shortage::NoLease })
    }

    /// Funds what is needed: makes the day's commitments, renews leases that run out, closes dead ones. Called by the cold
    /// plane a few times a second; blocks for the store.
    ///
    /// # Errors
    /// [`StoreUnavailable`] at the first refusal; what is leased stays usable until its window ends.
    pub fn tend(
        &self,
        needs: &[Need],
        leases: &dyn Leases,
        lives: Lives,
        now: UnixMillis,
    ) -> Result<(), StoreUnavailable> {
        leases.close_dead(now)?;
        for need in needs {
            let Some(cell) = self.cell(need.source) else { continue };
            if let Some(commitment) = &need.commitment {
                let mark = u64::from(commitment.day.0) + 1;
                if cell.committed.load(Ordering::Acquire) != mark {
                    if cell.tried_lately(now) {
                        continue;
                    }
                    cell.tried_at.store(now.0, Ordering::Relaxed);
                    let funded = leases.commit_day(commitment, now)?;
                    cell.empty.store(!funded, Ordering::Release);
                    if !funded {
                        continue;
                    }
                    cell.committed.store(mark, Ordering::Release);
                }
            }
            cell.renew(need, leases, lives, now, self.shared.load(Ordering::Relaxed))?;
        }
        Ok(())
    }

    /// Says whether other nodes lease from the same sources. Where money is short, a node then holds none that nobody has asked it for, nor
    /// what cannot pay what was asked for: parts that lie about at several nodes would pay for nothing.
    pub fn share(&self, shared: bool) {
        self.shared.store(shared, Ordering::Relaxed);
    }

    /// Retires every lease: the node awards nothing any more.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; leases that were not retired come back when their tokens are dead.
    pub fn close(&self, leases: &dyn Leases) -> Result<(), StoreUnavailable> {
        let balances = self.balances.touched().map(|(_, cell)| cell);
        let clients = self.clients.touched().map(|(_, cell)| cell);
        for cell in balances.chain(clients).chain(self.commitments.touched().map(|(_, cell)| cell)) {
            cell.replace(None, leases)?;
        }
        Ok(())
    }

    fn cell(&self, source: Source) -> Option<&Cell> {
        match source {
            Source::Balance(buyer) => self.balances.get(buyer),
            Source::Client(client) => self.clients.get(client),
            Source::Commitment(deal, _) => self.commitments.get(deal),
        }
    }
}

impl Held {
    fn serves(&self, source: Source, now: UnixMillis) -> bool {
        self.lease.source == source && now < self.lease.window_ends
    }

    /// Ends it and says how much was awarded. After this no thread can take from it, also one that still holds it.
    fn close(&self) -> MicroYuan {
        let left = self.left.swap(CLOSED, Ordering::AcqRel);
        self.lease.amount - MicroYuan(if left == CLOSED { self.lease.amount.0 } else { left })
    }
}

impl Cell {
    /// Whether a source that had too little was asked a moment ago. A clock that was ahead and has stepped back asks again.
    fn tried_lately(&self, now: UnixMillis) -> bool {
        let tried_at = self.tried_at.load(Ordering::Relaxed);
        (tried_at..tried_at + RETRY_MS).contains(&now.0)
    }

    fn renew(
        &self,
        need: &Need,
        leases: &dyn Leases,
        lives: Lives,
        now: UnixMillis,
        shared: bool,
    ) -> Result<(), StoreUnavailable> {
        let old = self.held.load_full();
        let fresh = old.as_ref().is_some_and(|held| held.serves(need.source, now.plus_ms(RENEW_BEFORE_MS)));
        let left = old.as_ref().map_or(0, |held| held.left.load(Ordering::Acquire).max(0));
        let amount = old.as_ref().map_or(0, |held| held.lease.amount.0);
        // One ad can be dearer than what is left: a screen's that a whole square sees.
        let missed = self.missed.swap(0, Ordering::Relaxed).min(LARGEST_LEASE);
        let ample = left > 0 && left >= amount / 4 && (left >= missed || self.empty.load(Ordering::Relaxed));
        let patient = !self.empty.load(Ordering::Relaxed) || self.tried_lately(now);
        if (fresh && ample || old.is_none() && self.empty.load(Ordering::Relaxed)) && patient {
            return Ok(());
        }
        let idle = shared && missed == 0 && left == amount;
        if idle && old.is_none() && self.empty.load(Ordering::Relaxed) {
            return Ok(());
        }
        // A lease that was used up before its window bears too little: the next one is twice as large.
        let before = self.next.load(Ordering::Relaxed).max(FIRST_LEASE);
        let want = if fresh && !ample && amount >= before { before.saturating_mul(2) } else { before };
        let want = MicroYuan(want.max(missed.saturating_mul(4)).min(LARGEST_LEASE));
        let window_ends = now.plus_ms(LONGEST_WINDOW_MS).min(now.shanghai_day().next().starts_at());
        let closes_at = window_ends.plus_ms(lives.longest_token_ms + lives.clock_skew_ms);
        let request = LeaseRequest { source: need.source, buyer: need.buyer, want, window_ends, closes_at };
        let mut granted = None;
        if !self.empty.load(Ordering::Relaxed) {
            granted = leases.grant(request)?;
        }
        if granted.is_none() && old.is_some() {
            // Money is short: what is left of the lease goes back first, so that the rest can be leased as one.
            self.replace(None, leases)?;
        }
        if granted.is_none() && !idle {
            granted = leases.grant(request)?;
        }
        let short = granted.is_none_or(|lease| lease.amount < want);
        self.tried_at.store(now.0, Ordering::Relaxed);
        self.next.store(want.0, Ordering::Relaxed);
        self.empty.store(short, Ordering::Release);
        if shared && short && (idle || granted.is_some_and(|lease| lease.amount.0 < missed)) {
            if let Some(lease) = granted {
                leases.retire(lease.id, MicroYuan(0))?;
            }
            return self.replace(None, leases);
        }
        match granted {
            Some(lease) => self.replace(Some(lease), leases),
            None => Ok(()),
        }
    }

    /// Puts another lease in the place of the one that is held, which is retired.
    fn replace(&self, lease: Option<Lease>, leases: &dyn Leases) -> Result<(), StoreUnavailable> {
        let held = lease.map(|lease| Arc::new(Held { lease, left: AtomicI64::new(lease.amount.0) }));
        match self.held.swap(held) {
            Some(old) => leases.retire(old.lease.id, old.close()),
            None => Ok(()),
        }
    }
}

/// What a deal draws on, on a day.
#[must_use]
pub fn source_of(method: Method, deal: DealId, buyer: BuyerId, day: ShanghaiDay) -> Source {
    if method.is_guaranteed() { Source::Commitment(deal, day) } else { Source::Balance(buyer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DayTerms;
    use std::sync::Mutex;

    /// A purse that grants what it has; the store's own rules are tested with the store.
    #[derive(Default)]
    struct Purse(Mutex<State>);
    #[derive(Default)]
    struct State {
        available: i64,
        funded: bool,
        next: u64,
        open: std::collections::HashMap<u64, i64>,
        awarded: i64,
    }

    impl Purse {
        fn with(available: i64) -> Self {
            Self(Mutex::new(State { available, funded: true, ..State::default() }))
        }
    }

    impl Leases for Purse {
        fn grant(&self, request: LeaseRequest) -> Result<Option<Lease>, StoreUnavailable> {
            let mut state = self.0.lock().unwrap();
            let amount = request.want.0.min(state.available);
            if amount == 0 {
                return Ok(None);
            }
            state.available -= amount;
            state.next += 1;
            let id = state.next;
            state.open.insert(id, amount);
            let Need { source, .. } = need();
            assert_eq!(request.source, source);
            Ok(Some(Lease { id: LeaseId(id), source, amount: MicroYuan(amount), window_ends: request.window_ends }))
        }
        fn retire(&self, lease: LeaseId, awarded: MicroYuan) -> Result<(), StoreUnavailable> {
            let mut state = self.0.lock().unwrap();
            let amount = state.open.remove(&lease.0).expect("an open lease");
            assert!((0..=amount).contains(&awarded.0));
            state.available += amount - awarded.0;
            state.awarded += awarded.0;
            Ok(())
        }
        fn close_dead(&self, _: UnixMillis) -> Result<u64, StoreUnavailable> {
            Ok(0)
        }
        fn commit_day(&self, _: &DayCommitment, _: UnixMillis) -> Result<bool, StoreUnavailable> {
            Ok(self.0.lock().unwrap().funded)
        }
        fn expire(&self, _: &[(BuyerId, ShanghaiDay)], _: UnixMillis) -> Result<u64, StoreUnavailable> {
            Ok(0)
        }
    }

    const LIVES: Lives = Lives { longest_token_ms: 1_000, clock_skew_ms: 0 };
    const NOW: UnixMillis = UnixMillis(1_795_312_800_000);

    fn need() -> Need {
        Need { source: Source::Balance(BuyerId(3)), buyer: BuyerId(3), commitment: None }
    }

    fn need_of_day() -> Need {
        let (deal, day, buyer) = (DealId(9), NOW.shanghai_day(), BuyerId(3));
        let price = crate::money::CpmMicroYuan::new(1_000).unwrap();
        let terms = DayTerms { ordered: 5, price, push: (1, 1), amount: MicroYuan(5) };
        let commitment = DayCommitment { deal, day, buyer, payer: Source::Balance(buyer), terms };
        Need { source: Source::Commitment(deal, day), buyer, commitment: Some(commitment) }
    }

    fn award(budgets: &Budgets, amount: i64, now: UnixMillis) -> Result<LeaseId, Shortage> {
        budgets.award(need().source, MicroYuan(amount), now)
    }

    #[test]
    fn r_prepay_what_is_awarded_never_exceeds_the_balance() {
        let purse = Purse::with(1_000_000_000);
        let budgets = Budgets::default();
        let (mut awarded, mut now) = (0, NOW);
        for step in 0..40_000 {
            if step % 500 == 0 {
                now = now.plus_ms(1_001);
                budgets.tend(&[need()], &purse, LIVES, now).unwrap();
            }
            if award(&budgets, 62_000, now).is_ok() {
                awarded += 62_000;
            }
        }
        assert!(awarded > 1_000_000_000 - 62_000, "spent to the last impression that it can pay: {awarded}");
        assert!(awarded <= 1_000_000_000);
        assert_eq!(award(&budgets, 62_000, now), Err(Shortage::Empty));
        budgets.close(&purse).unwrap();
        let state = purse.0.lock().unwrap();
        assert_eq!((state.awarded, state.available), (awarded, 1_000_000_000 - awarded), "the rest came back");
    }

    #[test]
    fn a_lease_is_not_awarded_from_after_its_window_nor_before_there_is_one() {
        let purse = Purse::with(1_000_000_000);
        let budgets = Budgets::default();
        assert_eq!(award(&budgets, 1, NOW), Err(Shortage::NoLease));
        budgets.tend(&[need()], &purse, LIVES, NOW).unwrap();
        assert!(award(&budgets, 1, NOW.plus_ms(LONGEST_WINDOW_MS - 1)).is_ok());
        assert_eq!(award(&budgets, 1, NOW.plus_ms(LONGEST_WINDOW_MS)), Err(Shortage::NoLease));
        budgets.tend(&[need()], &purse, LIVES, NOW.plus_ms(LONGEST_WINDOW_MS)).unwrap();
        assert!(award(&budgets, 1, NOW.plus_ms(LONGEST_WINDOW_MS)).is_ok());
    }

    #[test]
    fn a_window_never_crosses_midnight_in_shanghai() {
        let purse = Purse::with(1_000_000_000);
        let budgets = Budgets::default();
        let midnight = NOW.shanghai_day().next().starts_at();
        let before = UnixMillis(midnight.0 - 10);
        budgets.tend(&[need()], &purse, LIVES, before).unwrap();
        assert!(award(&budgets, 1, before).is_ok());
        assert_eq!(award(&budgets, 1, midnight), Err(Shortage::NoLease));
    }

    #[test]
    fn r_commit_an_unfunded_day_is_the_buyers_reason_until_it_is_funded() {
        let purse = Purse::with(0);
        purse.0.lock().unwrap().funded = false;
        let budgets = Budgets::default();
        let Need { source, .. } = need_of_day();
        budgets.tend(&[need_of_day()], &purse, LIVES, NOW).unwrap();
        assert_eq!(budgets.award(source, MicroYuan(1), NOW), Err(Shortage::Empty));
    }

    #[test]
    fn an_ad_that_is_dearer_than_a_lease_is_paid_from_the_next_one() {
        let purse = Purse::with(10_000_000_000);
        let budgets = Budgets::default();
        let dear = MicroYuan(345_000_000);
        budgets.tend(&[need()], &purse, LIVES, NOW).unwrap();
        assert_eq!(budgets.probe(need().source, dear, NOW), Err(Shortage::NoLease));
        budgets.tend(&[need()], &purse, LIVES, NOW).unwrap();
        assert!(award(&budgets, dear.0, NOW).is_ok() && award(&budgets, dear.0, NOW).is_ok());
        let granted = purse.0.lock().unwrap().next;
        budgets.tend(&[need()], &purse, LIVES, NOW).unwrap();
        assert_eq!(purse.0.lock().unwrap().next, granted, "what is ample is left alone");
    }

    #[test]
    fn a_clock_that_was_ahead_and_stepped_back_leaves_no_source_alone() {
        let purse = Purse::with(0);
        purse.0.lock().unwrap().funded = false;
        let (budgets, day) = (Budgets::default(), NOW.shanghai_day());
        let commitment = Source::Commitment(DealId(9), day);
        let needs = [need(), need_of_day()];
        budgets.tend(&needs[..1], &purse, LIVES, NOW.plus_ms(7_200_000)).unwrap();
        budgets.tend(&needs[1..], &purse, LIVES, NOW.plus_ms(7_200_000)).unwrap();
        *purse.0.lock().unwrap() = State { available: 1_000, funded: true, ..State::default() };
        budgets.tend(&needs[..1], &purse, LIVES, NOW).unwrap();
        assert!(award(&budgets, 1, NOW).is_ok(), "a top-up that came after the step is found");
        purse.0.lock().unwrap().available = 0;
        budgets.tend(&needs[1..], &purse, LIVES, NOW).unwrap();
        assert_eq!(budgets.cell(commitment).unwrap().committed.load(Ordering::Relaxed), u64::from(day.0) + 1);
    }

    #[test]
    fn threads_that_race_with_a_renewal_neither_lose_nor_make_money() {
        let purse = Purse::with(50_000_000_000);
        let budgets = Budgets::default();
        budgets.tend(&[need()], &purse, LIVES, NOW).unwrap();
        let awarded: i64 = std::thread::scope(|scope| {
            let spend = || (0..200_000).filter(|_| award(&budgets, 7_000, NOW).is_ok()).count() as i64 * 7_000;
            let threads = [scope.spawn(spend), scope.spawn(spend)];
            while threads.iter().any(|thread| !thread.is_finished()) {
                budgets.tend(&[need()], &purse, LIVES, NOW).unwrap();
            }
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        budgets.close(&purse).unwrap();
        assert_eq!(purse.0.lock().unwrap().awarded, awarded);
    }
}
