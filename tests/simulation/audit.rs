//! The product's books against the model: row by row, purse by purse, account by account, and the product's own proof of them.

use std::collections::BTreeMap;

use pmpx::clock::UnixMillis;
use pmpx::event::{AccountKind, Books, Fund, LeaseState, Ledger, Method, Position, Pot, Source};
use pmpx::settlement::ledger::verify;
use pmpx::store::MemoryStore;

use crate::model::{End, Held, Model, day_of};
use crate::terms::DEALS;

/// What the books say, in short.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Audited {
    pub(crate) charges: u64,
    pub(crate) posted: i64,
}

#[allow(clippy::needless_pass_by_value, reason = "both sides are made for the comparison")]
fn same<T: PartialEq + std::fmt::Debug>(what: &str, books: T, model: T) -> Held {
    if books == model { Ok(()) } else { Err(format!("{what}: the books say {books:?}, it is {model:?}")) }
}

/// Compares everything. Where `derived`, the ledger has followed the journal to its end.
pub(crate) fn audit(durable: &MemoryStore, model: &Model, now: u64, derived: bool) -> Result<Audited, String> {
    let books = durable.snapshot().map_err(|why| why.to_string())?;
    journal(&*books, model)?;
    leases(&*books, model)?;
    purses(&*books, model, now)?;
    let proof = verify(&*books).map_err(|broken| format!("verify: {broken}"))?;
    same("rows", proof.charges, model.journal.len() as u64)?;
    let posted: i64 = model.charges.values().filter(|seen| seen.end == Some(End::Posted)).map(|seen| seen.amount).sum();
    same("posted", proof.posted_micro_yuan + proof.pending_micro_yuan, posted)?;
    if derived {
        same("rows in the ledger", proof.derived_seq, proof.head_seq)?;
        same("pending", proof.pending_micro_yuan, 0)?;
        same("paid by buyers", proof.ledger_micro_yuan, posted)?;
        ledger(&*books, model)?;
    }
    Ok(Audited { charges: proof.charges, posted })
}

fn journal(books: &dyn Books, model: &Model) -> Held {
    let rows = books.charges(0, u32::MAX).map_err(|why| why.to_string())?;
    same("rows of the journal", rows.len(), model.journal.len())?;
    for (place, (row, key)) in rows.iter().zip(&model.journal).enumerate() {
        let seen = &model.charges[key];
        let charge = &seen.charge;
        same("place", row.seq, place as u64 + 1)?;
        same("key", (row.auction.0, row.imp, row.slot), *key)?;
        same("end", row.is_posted(), seen.end == Some(End::Posted))?;
        same("amounts", (row.amount.0, row.earned.0), (seen.amount, seen.earned))?;
        let names = (row.media, row.buyer, row.deal, row.method, row.lease);
        same("names", names, (charge.media, charge.buyer, charge.deal, charge.method, charge.lease))?;
        same("day", row.day().0, day_of((key.0 >> 80) as u64))?;
    }
    let lost = model.charges.values().find(|seen| seen.acknowledged && seen.end != Some(End::Posted));
    same("acknowledged and not posted", lost.map(|seen| seen.charge.key), None)
}

fn leases(books: &dyn Books, model: &Model) -> Held {
    let records = books.leases(0, u32::MAX).map_err(|why| why.to_string())?;
    same("leases", records.len(), model.leases.len())?;
    for (record, (id, seen)) in records.iter().zip(&model.leases) {
        let state = match (seen.open, seen.closed) {
            (_, true) => LeaseState::Closed,
            (true, _) => LeaseState::Open,
            _ => LeaseState::Retired,
        };
        same("lease", (record.id.0, record.source, record.state), (*id, seen.source, state))?;
        let said = (record.amount.0, record.bound().0, record.posted.0, record.posted_count, record.buyer.0);
        same("figures of a lease", said, (seen.granted, seen.bound, seen.posted, seen.count, seen.buyer))?;
    }
    Ok(())
}

fn purses(books: &dyn Books, model: &Model, now: u64) -> Held {
    let mut positions: Vec<_> = books.positions(UnixMillis(now)).map_err(|why| why.to_string())?;
    // What is owed for days that could not be funded stands where credit would.
    let is_credit = |position: &Position| matches!(position.pot, Pot::Free(Fund::Credit(_)));
    let owing: BTreeMap<_, _> =
        positions.extract_if(.., |it| is_credit(it)).map(|it| (it.buyer.0, it.funded.0)).collect();
    same("owed, as credit", owing, model.owed().into_iter().map(|(buyer, owed)| (buyer, -owed)).collect())?;
    positions.sort_by_key(|position| position.source);
    let mut sources = model.sources();
    sources.sort_unstable();
    let mut there: Vec<_> = positions.iter().map(|it| it.source).collect();
    there.dedup();
    same("purses", there, sources)?;
    let mut held = BTreeMap::<Source, (i64, i64)>::new();
    for lease in model.leases.values().filter(|lease| !lease.closed) {
        let (open, holding) = held.entry(lease.source).or_default();
        *(if lease.open && lease.window_ends > now { open } else { holding }) += lease.bound;
    }
    // What is set aside for a day and what is kept to be made good on it are one source.
    for pots in positions.chunk_by(|one, next| one.source == next.source) {
        let source = pots[0].source;
        let (open, holding) = held.get(&source).copied().unwrap_or_default();
        let closed = |lease: &&crate::model::SeenLease| lease.closed && lease.source == source;
        let settled: i64 = model.leases.values().filter(closed).map(|lease| lease.posted).sum();
        let sum = |of: fn(&Position) -> i64| pots.iter().map(of).sum::<i64>();
        let said = (sum(|it| it.funded.0), sum(|it| it.settled.0), sum(|it| it.open.0), sum(|it| it.holding.0));
        let what = format!("funded, settled, open, holding of {source:?}");
        same(&what, said, (model.funded(source), settled, open, holding))?;
    }
    Ok(())
}

/// By account, and by buyer, deal, media, method and day.
fn ledger(books: &dyn Books, model: &Model) -> Held {
    let mut accounts = BTreeMap::<(AccountKind, u32), i64>::new();
    let mut lines = BTreeMap::<(u32, u32, u32, u8, u32), (u64, i64, i64)>::new();
    for stored in books.transactions(0, u32::MAX).map_err(|why| why.to_string())? {
        for entry in &stored.contents.entries {
            // What is set aside and what is kept to be made good pay for the same deliveries.
            let kind = match entry.account.kind {
                AccountKind::BuyerMakeGood => AccountKind::BuyerCommitted,
                kind => kind,
            };
            *accounts.entry((kind, entry.account.owner)).or_default() += entry.amount.0;
        }
        for line in &stored.contents.lines {
            let key = (line.buyer.0, line.deal.0, line.media.0, line.method.code(), stored.contents.day.0);
            let sums = lines.entry(key).or_default();
            *sums = (sums.0 + line.count, sums.1 + line.amount.0, sums.2 + line.earned.0);
        }
    }
    accounts.retain(|_, sum| *sum != 0);
    let mut expected = BTreeMap::<(AccountKind, u32), i64>::new();
    let mut expected_lines = BTreeMap::<(u32, u32, u32, u8, u32), (u64, i64, i64)>::new();
    let mut add = |kind, owner, amount| *expected.entry((kind, owner)).or_default() += amount;
    for (buyer, paid) in &model.paid {
        add(AccountKind::Bank, 0, *paid);
        add(AccountKind::BuyerCash, *buyer, -paid);
    }
    for (buyer, amount) in model.commitments.values() {
        add(AccountKind::BuyerCash, *buyer, *amount);
        add(AccountKind::BuyerCommitted, *buyer, -amount);
    }
    for ((deal, _), seen) in &model.closings {
        let place = model.names.deals.iter().position(|it| it.id.0 == *deal).ok_or("a day of which deal?")?;
        let buyer = model.names.buyers[DEALS[place].buyer].0;
        add(AccountKind::UndeliveredRevenue, 0, -(seen.from_pots + seen.from_cash + seen.owed));
        add(AccountKind::BuyerCommitted, buyer, seen.from_pots + seen.released);
        add(AccountKind::BuyerCash, buyer, seen.from_cash - seen.released);
        add(AccountKind::BuyerReceivable, buyer, seen.owed);
    }
    for (key, seen) in model.charges.iter().filter(|(_, seen)| seen.end == Some(End::Posted)) {
        let charge = &seen.charge;
        let payer = if charge.method == Method::Pd { AccountKind::BuyerCash } else { AccountKind::BuyerCommitted };
        add(payer, charge.buyer.0, seen.amount);
        add(AccountKind::MediaPayable, charge.media.0, -seen.earned);
        add(AccountKind::ExchangeRevenue, 0, seen.earned - seen.amount);
        let day = day_of((key.0 >> 80) as u64);
        let key = (charge.buyer.0, charge.deal.0, charge.media.0, charge.method.code(), day);
        let sums = expected_lines.entry(key).or_default();
        *sums = (sums.0 + 1, sums.1 + seen.amount, sums.2 + seen.earned);
    }
    expected.retain(|_, sum| *sum != 0);
    same("accounts", accounts, expected)?;
    same("deliveries", lines, expected_lines)
}
