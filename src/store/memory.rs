//! The store of a simulation: the same rules and answers as the durable one, nothing kept after the process, every call
//! done when it returns, so that a run with the same seed is the same run (architecture §6).

mod accounts;
mod archive;
mod closings;
mod docket;
mod facts;
mod operations;
mod outbox;
mod sums;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::Accounts;
pub use docket::MemoryDocket;

use super::funds::{self, Vault};
use super::purse::{self, NotTaken};
use super::{Registry, contradicts, entered_before};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, BookError, Booking, Books, ChargeKey, Click, ClickGroup, Clicked, ClosedDay, DayCommitment, DaySum,
    Entered, FactHead, FactKind, GrantTerms, Group, GroupKey, Journal, Journaled, KeptCommitment, KeptFact, Kinds,
    Lease, LeasePart, LeaseRecord, LeaseRequest, LeaseState, Leases, Ledger, Measure, Position, Posting, Receipt,
    Recorded, Sealed, Standing, StoreUnavailable, Stored, Tally, Totals, Transaction, TransactionKind, Unrecorded,
    Whose,
};
use crate::ids::{BuyerId, DealId, IdBook, IdKind, Lane, LeaseId};
use crate::money::MicroYuan;

/// An in-memory store; clones share their contents.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Arc<State>>>, Arc<Mutex<operations::Log>>, Arc<Mutex<outbox::Owing>>);

/// The books as they were; what is written since goes into a copy.
struct Snapshot(Arc<State>);

impl Deref for Snapshot {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

/// The state in the hands of one call. It is copied at the first change while a snapshot of it is read.
struct Changing<'s>(MutexGuard<'s, Arc<State>>);

impl Deref for Changing<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut State {
        Arc::make_mut(&mut self.0)
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    /// Rows by seq; those of days that are gone are not there.
    journal: BTreeMap<u64, Journaled>,
    head_seq: u64,
    sealed: archive::Sealing,
    resolved: HashMap<ChargeKey, u8>,
    leases: BTreeMap<u64, LeaseRecord>,
    /// Leases that are not closed, by when their tokens are dead: closing looks at no others.
    unclosed: BTreeSet<(UnixMillis, u64)>,
    parts: BTreeMap<u64, Vec<LeasePart>>,
    accounts: Accounts,
    commitments: BTreeMap<(ShanghaiDay, DealId), KeptCommitment>,
    clicks: BTreeMap<ChargeKey, Clicked>,
    tallies: BTreeMap<(ShanghaiDay, DealId, Measure), u64>,
    transactions: Vec<Stored>,
    references: HashMap<(TransactionKind, String), usize>,
    facts: Vec<KeptFact>,
    sums: sums::Kept,
    closings: BTreeMap<(ShanghaiDay, DealId), ClosedDay>,
    ids: BTreeMap<(IdKind, u32), Box<str>>,
    wires: HashSet<(IdKind, Box<str>)>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic of another thread in mid-call cannot leave half a change: each call checks first and then applies.
    fn state(&self) -> Changing<'_> {
        Changing(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn log(&self) -> MutexGuard<'_, operations::Log> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryStore {
    fn submit(&self, _lane: Lane, posting: Posting) -> Result<Receipt, Unrecorded> {
        Ok(Receipt::known(Ok(self.state().record(&posting))))
    }

    fn tally(&self, rows: Vec<Tally>) -> Result<(), Unrecorded> {
        let mut state = self.state();
        for row in rows {
            *state.tallies.entry((row.day, row.deal, row.measure)).or_default() += row.count;
        }
        Ok(())
    }

    fn click(&self, click: Click) -> Result<(), Unrecorded> {
        let State { leases, clicks, sealed, .. } = &mut *self.state();
        if !sealed.has(click.charge.day())
            && leases.get(&click.charge.lease.0).is_some_and(|lease| lease.state != LeaseState::Closed)
        {
            let again = |known: &mut Clicked| known.again(click.at);
            clicks.entry(click.charge.key).and_modify(again).or_insert_with(|| Clicked::new(&click));
        }
        Ok(())
    }
}

impl Leases for MemoryStore {
    fn grant(&self, request: LeaseRequest) -> Result<Option<Lease>, StoreUnavailable> {
        let state = &mut *self.state();
        let id = LeaseId(state.leases.len() as u64 + 1);
        let Some(parts) = funds::lease(state, &request)? else { return Ok(None) };
        let amount = parts.iter().map(|part| part.amount).sum();
        let record = LeaseRecord {
            id,
            source: request.source,
            buyer: request.buyer,
            amount,
            awarded: None,
            posted: MicroYuan::ZERO,
            posted_count: 0,
            window_ends: request.window_ends,
            closes_at: request.closes_at,
            state: LeaseState::Open,
        };
        state.leases.insert(id.0, record);
        state.parts.insert(id.0, parts);
        state.unclosed.insert((request.closes_at, id.0));
        Ok(Some(Lease { id, source: request.source, amount, window_ends: request.window_ends }))
    }

    fn retire(&self, lease: LeaseId, awarded: MicroYuan) -> Result<(), StoreUnavailable> {
        let state = &mut *self.state();
        let Some(mut record) = state.leases.get(&lease.0).copied() else { return Ok(()) };
        let parts = state.parts_of(lease);
        funds::retire(state, &mut record, &parts, awarded)?;
        state.leases.insert(lease.0, record);
        Ok(())
    }

    fn close_dead(&self, now: UnixMillis) -> Result<u64, StoreUnavailable> {
        let state = &mut *self.state();
        let mut closed = 0;
        while let Some((closes_at, id)) = state.unclosed.first().filter(|(closes_at, _)| *closes_at <= now).copied() {
            if let Some(mut record) = state.leases.get(&id).copied() {
                let parts = state.parts_of(LeaseId(id));
                funds::close(state, &mut record, &parts)?;
                state.leases.insert(id, record);
                closed += 1;
            }
            state.unclosed.remove(&(closes_at, id));
        }
        Ok(closed)
    }

    fn commit_day(&self, commitment: &DayCommitment, now: UnixMillis) -> Result<bool, StoreUnavailable> {
        let state = &mut *self.state();
        let DayCommitment { deal, day, buyer, terms, .. } = *commitment;
        if state.commitments.get(&(day, deal)).is_some_and(|kept| kept.funded) {
            return Ok(true);
        }
        let funded = now.shanghai_day() <= day && funds::commit(state, commitment, now)?;
        let kept = KeptCommitment { deal, day, buyer, amount: terms.amount, terms: Some(terms), funded };
        state.commitments.insert((day, deal), kept);
        Ok(funded)
    }

    fn expire(&self, ends: &[(BuyerId, ShanghaiDay)], now: UnixMillis) -> Result<u64, StoreUnavailable> {
        funds::expire(&mut *self.state(), ends, now)
    }
}

impl Ledger for MemoryStore {
    fn snapshot(&self) -> Result<Box<dyn Books>, StoreUnavailable> {
        Ok(Box::new(Snapshot(self.state().0.clone())))
    }

    fn book(&self, transactions: Vec<Transaction>) -> Result<Booking, BookError> {
        self.state().book_all(&transactions)
    }

    fn enter(&self, entered: Entered) -> Result<Booking, BookError> {
        let mut state = self.state();
        let Entered { fact, transactions, changes, after } = entered;
        if let Some(known) = State::fact(&state, fact.kind, &fact.reference) {
            return entered_before(&known.fact, &fact);
        }
        let head = state.facts.len() as u64;
        if head != after {
            return Err(BookError::Overtaken(head));
        }
        state.all_or_nothing(|state| {
            changes.iter().try_for_each(|change| funds::apply(state, change, fact.at))?;
            state.book_all(&transactions)
        })?;
        self.log().note(&fact.audit());
        state.facts.push(KeptFact { seq: head + 1, fact });
        Ok(Booking::Booked)
    }
}

impl Registry for MemoryStore {
    fn save_ids(&self, fresh: &[(IdKind, u32, Box<str>)]) -> Result<(), StoreUnavailable> {
        let mut state = self.state();
        let mut changed = (state.ids.clone(), state.wires.clone());
        for (kind, number, wire) in fresh {
            let same = changed.0.get(&(*kind, *number)) == Some(wire);
            if !same && (changed.0.contains_key(&(*kind, *number)) || changed.1.contains(&(*kind, wire.clone()))) {
                return Err(contradicts(*kind, *number, wire));
            }
            changed.0.insert((*kind, *number), wire.clone());
            changed.1.insert((*kind, wire.clone()));
        }
        (state.ids, state.wires) = changed;
        Ok(())
    }
}

impl State {
    fn record(&mut self, posting: &Posting) -> Recorded {
        let key = posting.charge.key;
        match self.resolved.get(&key) {
            Some(0) => return Recorded::AlreadyPosted,
            Some(_) => return Recorded::AlreadyVoided,
            None => {}
        }
        let Some(lease) = self.leases.get_mut(&posting.charge.lease.0) else { return Recorded::LeaseClosed };
        if let Err(NotTaken::Closed | NotTaken::Beyond) = purse::takes(lease, posting) {
            return Recorded::LeaseClosed;
        }
        if self.sealed.has(posting.charge.day()) {
            return Recorded::LeaseClosed;
        }
        purse::count(lease, posting);
        self.head_seq += 1;
        let row = Journaled::new(self.head_seq, posting);
        self.resolved.insert(key, row.resolution);
        self.journal.insert(row.seq, row);
        if row.is_posted() { Recorded::Posted } else { Recorded::Voided }
    }

    fn parts_of(&self, lease: LeaseId) -> Vec<LeasePart> {
        self.parts.get(&lease.0).cloned().unwrap_or_default()
    }

    /// All of them or none.
    fn book_all(&mut self, transactions: &[Transaction]) -> Result<Booking, BookError> {
        self.all_or_nothing(|state| {
            let mut booking = Booking::AlreadyBooked;
            for transaction in transactions {
                if state.book_any(transaction)? == Booking::Booked {
                    booking = Booking::Booked;
                }
            }
            Ok(booking)
        })
    }

    /// Undoes what work changed of the accounts and booked, if it fails.
    fn all_or_nothing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, BookError>) -> Result<T, BookError> {
        let (accounts, booked) = (self.accounts.clone(), self.transactions.len());
        let done = work(self);
        if done.is_err() {
            self.accounts = accounts;
            self.transactions.truncate(booked);
            self.references.retain(|_, index| *index < booked);
            self.sums = sums::Kept::of(&self.transactions);
        }
        done
    }

    fn book_any(&mut self, transaction: &Transaction) -> Result<Booking, BookError> {
        funds::check_bookable(transaction)?;
        self.book_one(transaction)
    }

    fn book_one(&mut self, transaction: &Transaction) -> Result<Booking, BookError> {
        let contents = transaction.contents();
        let known = (contents.kind, contents.reference.clone());
        if let Some(index) = self.references.get(&known) {
            if purse::same_booking(&self.transactions[*index].contents, contents) {
                return Ok(Booking::AlreadyBooked);
            }
            return Err(BookError::ReferenceTaken { kind: known.0, reference: known.1 });
        }
        if let Some(span) = contents.span {
            let (cursor, start) = self.last_span();
            if span.first_seq != cursor + 1 && (span.first_seq, span.last_seq) != (start, cursor) {
                return Err(BookError::NotNext { cursor, first_seq: span.first_seq });
            }
        }
        funds::move_money(self, transaction)?;
        self.sums.add(contents);
        self.references.insert(known, self.transactions.len());
        self.transactions.push(Stored { id: self.transactions.len() as u64 + 1, contents: contents.clone() });
        Ok(Booking::Booked)
    }

    fn last_span(&self) -> (u64, u64) {
        let last = self.transactions.iter().rev().find_map(|stored| stored.contents.span);
        last.map_or((0, 0), |span| (span.last_seq, span.first_seq))
    }
}

impl Books for Snapshot {
    fn head_seq(&self) -> Result<u64, StoreUnavailable> {
        Ok(self.head_seq)
    }

    fn charges(&self, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable> {
        let within = after.saturating_add(1)..=after.saturating_add(limit.into());
        Ok(self.journal.range(within).map(|(_, row)| *row).collect())
    }

    fn doubled_charge(&self) -> Result<Option<u64>, StoreUnavailable> {
        let mut seen = HashSet::new();
        let doubled = |row: &&Journaled| !seen.insert((row.auction, row.imp, row.slot));
        Ok(self.journal.values().find(doubled).map(|row| row.seq))
    }

    fn cursor(&self) -> Result<u64, StoreUnavailable> {
        Ok(self.last_span().0)
    }

    fn day_digest(&self, day: ShanghaiDay) -> Result<[u8; 32], StoreUnavailable> {
        let own =
            |stored: &Stored| stored.contents.span.filter(|span| stored.contents.day == day && span.rows.is_some());
        Ok(self.transactions.iter().rev().find_map(own).map(|span| span.digest).unwrap_or_default())
    }

    fn deliveries_of(&self, day: ShanghaiDay, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable> {
        let of_day = |it: &&Stored| it.id > after && it.contents.day == day && it.contents.span.is_some();
        Ok(self.transactions.iter().filter(of_day).take(limit as usize).cloned().collect())
    }

    fn charges_of(&self, day: ShanghaiDay, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable> {
        let later = self.journal.range(after.saturating_add(1)..).map(|(_, row)| *row);
        Ok(later.filter(|row| row.day() == day).take(limit as usize).collect())
    }

    fn sealable(&self, now: UnixMillis) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
        Ok(self.sealable_days(now))
    }

    fn seals(&self) -> Result<Vec<Sealed>, StoreUnavailable> {
        Ok(self.sealed.seals())
    }

    fn groups(&self, day: ShanghaiDay, after: Option<GroupKey>, limit: u32) -> Result<Vec<Group>, StoreUnavailable> {
        Ok(self.sealed.groups(day, after, limit))
    }

    fn click_groups(&self, day: ShanghaiDay) -> Result<Vec<ClickGroup>, StoreUnavailable> {
        Ok(self.sealed.click_groups(day))
    }

    fn transactions(&self, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable> {
        Ok(self.transactions.iter().filter(|stored| stored.id > after).take(limit as usize).cloned().collect())
    }

    fn day_sums(
        &self,
        first: ShanghaiDay,
        last: ShanghaiDay,
        buyer: Option<BuyerId>,
    ) -> Result<Vec<DaySum>, StoreUnavailable> {
        Ok(self.sums.between(first, last, buyer))
    }

    fn balances(&self) -> Result<Vec<(Account, MicroYuan)>, StoreUnavailable> {
        Ok(self.sums.balances())
    }

    fn leases(&self, after: u64, limit: u32) -> Result<Vec<LeaseRecord>, StoreUnavailable> {
        Ok(self.leases.range(after.saturating_add(1)..).take(limit as usize).map(|(_, lease)| *lease).collect())
    }

    fn lease_parts(&self, leases: &[LeaseId]) -> Result<Vec<(LeaseId, Vec<LeasePart>)>, StoreUnavailable> {
        Ok(leases.iter().map(|lease| (*lease, self.parts_of(*lease))).collect())
    }

    fn drawn(&self, leases: &[LeaseId]) -> Result<Vec<(LeaseId, MicroYuan)>, StoreUnavailable> {
        Ok(leases.iter().filter_map(|lease| self.sums.drawn(*lease).map(|taken| (*lease, taken))).collect())
    }

    fn grants(&self) -> Result<Vec<GrantTerms>, StoreUnavailable> {
        Ok(self.accounts.grants())
    }

    fn standing(&self, buyer: BuyerId) -> Result<Standing, StoreUnavailable> {
        Ok(Vault::standing(&**self, buyer)?.0)
    }

    fn commitments(&self, from: ShanghaiDay, to: ShanghaiDay) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
        let within = |kept: &&KeptCommitment| from <= kept.day && kept.day <= to;
        Ok(self.commitments.values().filter(within).copied().collect())
    }

    fn closable(&self, now: UnixMillis, passing: &BTreeSet<DealId>) -> Result<Vec<KeptCommitment>, StoreUnavailable> {
        self.closable_days(now, passing)
    }

    fn closed_days(&self) -> Result<Vec<ShanghaiDay>, StoreUnavailable> {
        Ok(self.closings.keys().map(|(day, _)| *day).collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn closings(&self, first: ShanghaiDay, last: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable> {
        Ok(self.closed_between(first, last))
    }

    fn closings_of(
        &self,
        buyer: BuyerId,
        deal: Option<DealId>,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Result<Vec<ClosedDay>, StoreUnavailable> {
        let own = |it: &ClosedDay| it.closing.buyer == buyer && deal.is_none_or(|deal| it.closing.deal == deal);
        Ok(self.closed_between(first, last).into_iter().filter(own).collect())
    }

    fn made_good_on(&self, day: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable> {
        Ok(self.to_make_good(day))
    }

    fn positions(&self, now: UnixMillis) -> Result<Vec<Position>, StoreUnavailable> {
        let open = self.leases.values().filter(|lease| lease.state == LeaseState::Open && lease.window_ends > now);
        let open = open.flat_map(|lease| self.parts_of(lease.id)).collect();
        funds::positions(&**self, self.accounts.pots(), open)
    }

    fn totals(&self) -> Result<Totals, StoreUnavailable> {
        let (gone_count, gone) = self.sealed.posted_of_gone();
        let posted: Vec<_> = self.journal.values().filter(|row| row.is_posted()).collect();
        let deliveries = self.transactions.iter().filter(|stored| stored.contents.kind == TransactionKind::Delivery);
        let entries = deliveries.flat_map(|stored| &stored.contents.entries);
        let ledger = entries.filter(|entry| entry.account.kind.pays_for_delivery()).map(|entry| entry.amount).sum();
        let posted_count = gone_count + posted.len() as u64;
        Ok(Totals { posted_count, posted: gone + posted.iter().map(|row| row.amount).sum(), ledger })
    }

    fn tallies_of(&self, day: ShanghaiDay) -> Result<Vec<Tally>, StoreUnavailable> {
        let rows = self.tallies.iter().filter(|((of, _, _), _)| *of == day);
        Ok(rows
            .map(|((day, deal, measure), count)| Tally { day: *day, deal: *deal, measure: *measure, count: *count })
            .collect())
    }

    fn posted_of(&self, day: ShanghaiDay) -> Result<Vec<(DealId, u64)>, StoreUnavailable> {
        let mut counts = self.sealed.posted_if_gone(day);
        for row in self.journal.values().filter(|row| row.is_posted() && row.day() == day) {
            *counts.entry(row.deal).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn clicks(&self, day: ShanghaiDay, after: Option<ChargeKey>, limit: u32) -> Result<Vec<Clicked>, StoreUnavailable> {
        let of_day = self.clicks.iter().filter(|(key, _)| key.auction.at().shanghai_day() == day);
        let later = of_day.filter(|(key, _)| after.is_none_or(|after| **key > after));
        Ok(later.take(limit as usize).map(|(_, clicked)| *clicked).collect())
    }

    fn facts_of(&self, kinds: Kinds, whose: Whose, after: u64, limit: u32) -> Result<Vec<KeptFact>, StoreUnavailable> {
        Ok(State::facts_of(self, kinds, whose, after, limit))
    }

    fn fact_heads(
        &self,
        kind: FactKind,
        whose: Whose,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Result<Vec<FactHead>, StoreUnavailable> {
        Ok(State::fact_heads(self, kind, whose, first, last))
    }

    fn fact(&self, kind: FactKind, reference: &str) -> Result<Option<KeptFact>, StoreUnavailable> {
        Ok(State::fact(self, kind, reference).cloned())
    }

    fn last_fact(&self) -> Result<u64, StoreUnavailable> {
        Ok(self.facts.len() as u64)
    }

    fn load_ids(&self) -> Result<IdBook, StoreUnavailable> {
        let mut book = IdBook::default();
        for ((kind, number), wire) in &self.ids {
            book.restore(*kind, *number, wire);
        }
        Ok(book)
    }
}
