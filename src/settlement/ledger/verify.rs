//! The proof: conservation, no gaps, journal = ledger, purses = ledger. It reads everything and trusts nothing, not even the
//! indexes and triggers that should make a break impossible.

use std::collections::{BTreeMap, BTreeSet, HashMap};

mod breaks;
mod seals;
mod sums;

pub use breaks::Break;

use super::{CHUNK, Draws, Lines, Payers, Sum, chain};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountKind, Books, Draft, Journaled, LeasePart, LeaseRecord, LeaseState, Pot, Span, Stored, Transaction,
    TransactionKind,
};
use crate::ids::LeaseId;
use crate::money::MicroYuan;

/// How many transactions or leases are read at once.
const PAGE: u32 = 1_024;

/// What was proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Transactions, all balanced.
    pub transactions: u64,
    /// Their entries.
    pub entries: u64,
    /// Facts, none missing.
    pub facts: u64,
    /// Rows of the journal, posted or void; also those whose detail is gone.
    pub charges: u64,
    /// Sealed days.
    pub sealed_days: u64,
    /// Those of them whose detail is gone.
    pub gone_days: u64,
    /// Posted by the journal, in micro-yuan, as far as the ledger follows it.
    pub posted_micro_yuan: i64,
    /// Taken from buyers for it by the ledger, in micro-yuan: the same.
    pub ledger_micro_yuan: i64,
    /// The last row of the journal.
    pub head_seq: u64,
    /// The last row that is in the ledger. Rows behind it are waiting for the next derivation, which is no break.
    pub derived_seq: u64,
    /// Posted by the rows behind it, in micro-yuan.
    pub pending_micro_yuan: i64,
}

/// Proves the books, or names the first break.
///
/// Time and memory: one pass over the ledger and the journal, a second over each sealed day while its detail is there; a few dozen bytes
/// for each lease, account and sum of a day, and the groups of one sealed day.
///
/// # Errors
/// [`Break`].
pub fn verify(books: &dyn Books) -> Result<Verified, Break> {
    let mut proof = Proof {
        books,
        done: Verified::default(),
        cursor: 0,
        whole: Some([0; 32]),
        days: BTreeMap::new(),
        gone: BTreeSet::new(),
        moved: HashMap::new(),
        leases: HashMap::new(),
        payers: Payers::default(),
        sums: sums::Added::default(),
    };
    proof.done.head_seq = books.head_seq()?;
    let seals = books.seals()?;
    proof.gone = seals.iter().filter(|sealed| sealed.gone_at.is_some()).map(|sealed| sealed.seal.day).collect();
    if let Some(seq) = books.doubled_charge()? {
        return Err(Break::Doubled(seq));
    }
    proof.ledger()?;
    proof.tail()?;
    for sealed in &seals {
        proof.sealed(sealed)?;
    }
    proof.leases_and_purses()?;
    proof.sums.agree(books)?;
    proof.facts()?;
    Ok(proof.done)
}

/// What the ledger has booked of one day so far.
#[derive(Default)]
struct DayProof {
    rows: u64,
    digest: [u8; 32],
    /// Kept for days whose detail is gone.
    lines: Lines,
    /// Of these, how much each account paid beyond what leases with several accounts say.
    paid: BTreeMap<Account, i128>,
    /// What they took of these leases.
    drawn: BTreeMap<LeaseId, i128>,
}

/// What the journal says of one day in one span.
#[derive(Default)]
struct OfDay {
    rows: u64,
    lines: Lines,
    draws: Draws,
    /// Rows of leases that draw on several accounts: an earlier day's take of them first.
    waiting: Vec<Journaled>,
}

struct Proof<'b> {
    books: &'b dyn Books,
    done: Verified,
    /// The last row that was passed.
    cursor: u64,
    /// The digest of the rows of all days, as long as the ledger's spans have that.
    whole: Option<[u8; 32]>,
    days: BTreeMap<ShanghaiDay, DayProof>,
    /// The days whose detail is gone.
    gone: BTreeSet<ShanghaiDay>,
    /// What moved on each account other than by delivery: that is what purses were funded with.
    moved: HashMap<Account, i128>,
    /// Posted amount and count by lease, from the journal.
    leases: HashMap<LeaseId, (i128, u64)>,
    /// Who pays for what is posted under each.
    payers: Payers,
    /// What the transactions add up to.
    sums: sums::Added,
}

impl Proof<'_> {
    /// Every transaction in order; each span of deliveries against the journal's rows.
    fn ledger(&mut self) -> Result<(), Break> {
        let mut sum = 0_i128;
        let mut waiting = Vec::<Stored>::new();
        loop {
            let page = self.books.transactions(self.done.transactions, PAGE)?;
            if page.is_empty() {
                break;
            }
            for stored in page {
                self.done.transactions += 1;
                if stored.id != self.done.transactions {
                    return Err(Break::TransactionMissing { expected: self.done.transactions, found: stored.id });
                }
                sum += self.balance(&stored)?;
                if !same_span(waiting.first(), &stored) {
                    self.span(&std::mem::take(&mut waiting))?;
                }
                if stored.contents.span.is_some() {
                    waiting.push(stored);
                }
            }
        }
        self.span(&waiting)?;
        self.done.derived_seq = self.cursor;
        if sum == 0 { Ok(()) } else { Err(Break::Sum(sum)) }
    }

    /// One transaction on its own; returns the sum of its entries.
    fn balance(&mut self, stored: &Stored) -> Result<i128, Break> {
        let Draft { kind, reference, .. } = &stored.contents;
        if let Err(why) = Transaction::check(stored.contents.clone()) {
            return Err(Break::Transaction { id: stored.id, reference: reference.clone(), why });
        }
        self.sums.add(&stored.contents);
        let mut sum = 0;
        for entry in &stored.contents.entries {
            let amount = i128::from(entry.amount.0);
            sum += amount;
            self.done.entries += 1;
            if *kind != TransactionKind::Delivery {
                *self.moved.entry(entry.account).or_default() += amount;
            } else if entry.account.kind.pays_for_delivery() {
                self.done.ledger_micro_yuan += entry.amount.0;
            }
        }
        Ok(sum)
    }

    /// All transactions of one span against the rows it covers.
    fn span(&mut self, stored: &[Stored]) -> Result<(), Break> {
        let Some((id, Span { first_seq, last_seq, rows, digest })) =
            stored.first().and_then(|first| Some((first.id, first.contents.span?)))
        else {
            return Ok(());
        };
        if first_seq != self.cursor + 1 || last_seq > self.done.head_seq {
            let expected = self.cursor + 1;
            if first_seq == expected {
                return Err(Break::Gap { expected: self.done.head_seq + 1, found: last_seq });
            }
            return Err(Break::Span { id, first_seq, last_seq, expected });
        }
        if rows.is_some() {
            self.whole = None;
        }
        let mut days = BTreeMap::<ShanghaiDay, OfDay>::new();
        let gone = stored.iter().any(|one| self.gone.contains(&one.contents.day));
        let present = self.rows(last_seq, gone, |payers, row| {
            let of_day = days.entry(row.day()).or_default();
            of_day.rows += 1;
            if payers.has_several(row.lease) {
                of_day.waiting.push(*row);
            } else {
                of_day.lines.add(row, payers, &mut of_day.draws);
            }
        })?;
        let mut booked = 0;
        for one in stored {
            let journal = days.remove(&one.contents.day).unwrap_or_default();
            booked += one.contents.span.and_then(|span| span.rows).unwrap_or_default();
            self.booked(one, journal)?;
        }
        if let Some((day, OfDay { rows, .. })) = days.pop_first() {
            let (what, ledger) = ("the whole day".to_owned(), "nothing".to_owned());
            let journal = format!("{rows} rows");
            return Err(Break::Line { first_seq, last_seq, day, what, journal, ledger, id: 0 });
        }
        if let Some(whole) = self.whole {
            // Of before days had digests of their own.
            return if whole == digest { Ok(()) } else { Err(Break::Digest { first_seq, last_seq, id }) };
        }
        let covered = last_seq - first_seq + 1;
        if booked != covered {
            let day = stored.first().map(|one| one.contents.day).unwrap_or_default();
            return Err(Break::Rows { first_seq, last_seq, day, journal: covered.max(present), ledger: booked, id });
        }
        Ok(())
    }

    /// One delivery against the rows of its day in its span.
    fn booked(&mut self, stored: &Stored, journal: OfDay) -> Result<(), Break> {
        let OfDay { rows: count, lines: mut journal, mut draws, waiting } = journal;
        let contents = &stored.contents;
        let (id, day) = (stored.id, contents.day);
        let Some(Span { first_seq, last_seq, rows, digest }) = contents.span else { return Ok(()) };
        let proof = self.days.entry(day).or_default();
        if let Some(ledger) = rows {
            let gone = self.gone.contains(&day);
            if count != if gone { 0 } else { ledger } {
                return Err(Break::Rows { first_seq, last_seq, day, journal: count, ledger, id });
            }
            proof.rows += ledger;
            if gone {
                // The seal says what these rows were.
                proof.lines.add_lines_of_all_payers(&contents.lines);
                proof.digest = digest;
                return self.booked_of_gone(contents);
            }
        }
        waiting.iter().for_each(|row| journal.add(row, &mut self.payers, &mut draws));
        let mut ledger = Lines::default();
        ledger.add_lines(&contents.lines);
        if let Some((what, journal, ledger)) = first_difference(&journal, &ledger) {
            return Err(Break::Line { first_seq, last_seq, day, what, journal, ledger, id });
        }
        if let Some((lease, journal, ledger)) = draws.first_difference(&contents.draws) {
            let (what, ledger) = (format!("lease {}", lease.0), format!("{} posted", clamp(ledger)));
            let journal = format!("{} posted", clamp(journal));
            return Err(Break::Line { first_seq, last_seq, day, what, journal, ledger, id });
        }
        if rows.is_some() && proof.digest != digest {
            return Err(Break::Digest { first_seq, last_seq, id });
        }
        Ok(())
    }

    /// The rows that are not in the ledger yet: no gaps there either.
    fn tail(&mut self) -> Result<(), Break> {
        let derived = self.done.posted_micro_yuan;
        self.rows(self.done.head_seq, false, |_, _| {})?;
        self.done.pending_micro_yuan = self.done.posted_micro_yuan - derived;
        self.done.posted_micro_yuan = derived;
        Ok(())
    }

    /// Reads on up to a row, counting and chaining, and tells how many rows there were. A missing one is a break, unless rows of that
    /// span may be `gone`: then the counts of the days tell.
    fn rows(&mut self, last_seq: u64, gone: bool, mut each: impl FnMut(&mut Payers, &Journaled)) -> Result<u64, Break> {
        let mut present = 0;
        while self.cursor < last_seq {
            let wanted = u32::try_from(last_seq - self.cursor).unwrap_or(CHUNK).min(CHUNK);
            let before = self.cursor;
            let page = self.books.charges(before, wanted)?;
            self.payers.learn(self.books, page.iter().map(|row| row.lease))?;
            for row in page {
                let expected = self.cursor + 1;
                if row.seq < expected || (row.seq > expected && !gone) {
                    return Err(Break::Gap { expected, found: row.seq });
                }
                self.cursor = row.seq;
                present += 1;
                self.row(&row);
                each(&mut self.payers, &row);
            }
            if gone {
                self.cursor = before + u64::from(wanted);
            } else if self.cursor < before + u64::from(wanted) {
                return Err(Break::Gap { expected: self.cursor + 1, found: self.done.head_seq });
            }
        }
        Ok(present)
    }

    fn row(&mut self, row: &Journaled) {
        match &mut self.whole {
            Some(whole) => *whole = chain(*whole, row),
            None => {
                let proof = self.days.entry(row.day()).or_default();
                proof.digest = chain(proof.digest, row);
            }
        }
        self.done.charges += 1;
        if row.is_posted() {
            self.done.posted_micro_yuan += row.amount.0;
            self.posted(row.lease, row.amount.0.into(), 1);
        }
    }

    fn posted(&mut self, lease: LeaseId, amount: i128, count: u64) {
        let sums = self.leases.entry(lease).or_default();
        sums.0 += amount;
        sums.1 += count;
    }

    /// Leases against the journal, pots against leases and ledger.
    fn leases_and_purses(&mut self) -> Result<(), Break> {
        let mut held = HashMap::<Pot, (i128, i128)>::new();
        let mut after = 0;
        loop {
            let page = self.books.leases(after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.id.0;
            let ids: Vec<_> = page.iter().map(|lease| lease.id).collect();
            for (lease, (_, parts)) in page.iter().zip(self.books.lease_parts(&ids)?) {
                let (journal, count) = self.leases.remove(&lease.id).unwrap_or_default();
                if journal != i128::from(lease.posted.0) || count != lease.posted_count {
                    return Err(lease_break(lease.id, lease.posted, lease.posted_count, journal, count));
                }
                let whole: i128 = parts.iter().map(|part| i128::from(part.amount.0)).sum();
                agree(&format!("lease {}", lease.id.0), "what was granted", lease.amount, whole)?;
                add_lease(&mut held, lease, &parts);
            }
        }
        if let Some((id, (journal, count))) = self.leases.iter().next() {
            return Err(lease_break(*id, MicroYuan::ZERO, 0, *journal, *count));
        }
        let mut funded = HashMap::<Account, i128>::new();
        for position in self.books.positions(UnixMillis(0))? {
            let (settled, holding) = held.remove(&position.pot).unwrap_or_default();
            let whose = format!("{:?}", position.pot);
            agree(&whose, "what closed leases posted", position.settled, settled)?;
            agree(&whose, "what leases hold", position.held(), holding)?;
            *funded.entry(position.pot.account(position.buyer)).or_default() += i128::from(position.funded.0);
        }
        if let Some((pot, (settled, holding))) = held.iter().next() {
            return agree(&format!("{pot:?}"), "what leases hold", MicroYuan::ZERO, settled + holding);
        }
        // What a credit buyer may owe is no money that came in.
        funded.retain(|account, _| is_backed(account.kind));
        let backed = self.moved.keys().filter(|account| is_backed(account.kind)).copied();
        let accounts: BTreeSet<_> = backed.chain(funded.keys().copied()).collect();
        for account in accounts {
            let purse = funded.get(&account).copied().unwrap_or_default();
            let ledger = -self.moved.get(&account).copied().unwrap_or_default();
            agree(&account.to_string(), "what was paid in", clamp(purse), ledger)?;
        }
        Ok(())
    }
}

/// Whether a transaction belongs to the span that is being collected.
fn same_span(first: Option<&Stored>, next: &Stored) -> bool {
    match (first.and_then(|first| first.contents.span), next.contents.span) {
        (Some(first), Some(next)) => first.covers_the_same(&next),
        (None, _) => true,
        (Some(_), None) => false,
    }
}

/// Whether pots stand behind an account.
fn is_backed(kind: AccountKind) -> bool {
    kind.pays_for_delivery() && kind != AccountKind::BuyerReceivable
}

/// What a lease posted or holds, by pot.
fn add_lease(sums: &mut HashMap<Pot, (i128, i128)>, lease: &LeaseRecord, parts: &[LeasePart]) {
    let closed = lease.state == LeaseState::Closed;
    for part in LeasePart::first(parts, if closed { lease.posted } else { lease.bound() }) {
        let (settled, holding) = sums.entry(part.pot).or_default();
        *(if closed { settled } else { holding }) += i128::from(part.amount.0);
    }
}

fn lease_break(id: LeaseId, lease: MicroYuan, lease_count: u64, journal: i128, journal_count: u64) -> Break {
    Break::Lease { id, lease, lease_count, journal: clamp(journal), journal_count }
}

fn agree(whose: &str, what: &'static str, purse: MicroYuan, expected: i128) -> Result<(), Break> {
    if i128::from(purse.0) == expected {
        return Ok(());
    }
    Err(Break::Purse { whose: whose.to_owned(), what, purse, expected: clamp(expected) })
}

/// A sum for people; sums beyond an amount exist only in broken books.
fn clamp(sum: i128) -> MicroYuan {
    MicroYuan(i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX }))
}

/// The first group in which journal and ledger differ, in words: which, and what each says.
pub(in crate::settlement) fn first_difference(journal: &Lines, ledger: &Lines) -> Option<(String, String, String)> {
    let keys: BTreeSet<_> = journal.0.keys().chain(ledger.0.keys()).collect();
    let differs = keys.into_iter().find(|key| journal.0.get(*key) != ledger.0.get(*key))?;
    let (buyer, deal, media, method, payer) = differs;
    let by = payer.map_or_else(String::new, |payer| format!(", paid by {payer}"));
    let what = format!("buyer {}, deal {}, media {}, {}{by}", buyer.0, deal.0, media.0, method.name());
    let words = |lines: &Lines| match lines.0.get(differs) {
        Some(Sum { count, quantity, amount, earned, .. }) => {
            format!("{count} impressions ({quantity}/1000), {} paid, {} earned", clamp(*amount), clamp(*earned))
        }
        None => "nothing".to_owned(),
    };
    Some((what, words(journal), words(ledger)))
}
