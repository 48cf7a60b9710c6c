//! The ledger's deliveries, made again from the journal: sealed days from their groups, the others from their rows, who paid from the
//! leases. Whatever came of it before, it comes to the same digest.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{CHUNK, Payers};
use crate::clock::ShanghaiDay;
use crate::event::{Account, Books, Method, StoreUnavailable, TransactionKind};
use crate::ids::{BuyerId, DealId, LeaseId, MediaId};

/// How many transactions or groups are read at once.
const PAGE: u32 = 1_024;

/// The digests of what was delivered, by the journal and by the ledger: equal unless one of them was altered.
///
/// SHA-256 over, in this order: each (settlement day, buyer, deal, media, method) with count, amount and earnings, and then each account
/// that paid with what it paid in all. Neither depends on how the journal was cut into transactions, nor on whether a day's detail is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Made from the journal, as far as the ledger follows it.
    pub journal: [u8; 32],
    /// Of the ledger as it is.
    pub ledger: [u8; 32],
}

/// Makes the deliveries again, and says what both come to. Time: one pass over journal and ledger; memory: the sums of the days.
///
/// # Errors
/// [`StoreUnavailable`] when they cannot be read.
pub fn rebuild(books: &dyn Books) -> Result<Rebuilt, StoreUnavailable> {
    Ok(Rebuilt { journal: from_journal(books)?.digest(), ledger: from_ledger(books)?.digest() })
}

/// What is delivered belongs to one of these.
type Place = (ShanghaiDay, BuyerId, DealId, MediaId, Method);

/// Count, amount and earnings by place; what each account paid.
#[derive(Default)]
struct Delivered {
    days: BTreeMap<Place, (u64, i128, i128)>,
    paid: BTreeMap<Account, i128>,
}

impl Delivered {
    fn add(&mut self, key: Place, count: u64, amount: i128, earned: i128) {
        let sums = self.days.entry(key).or_default();
        sums.0 += count;
        sums.1 += amount;
        sums.2 += earned;
    }

    fn digest(self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for ((day, buyer, deal, media, method), (count, amount, earned)) in self.days {
            for number in [day.0, buyer.0, deal.0, media.0] {
                hash.update(number.to_be_bytes());
            }
            hash.update([method.code()]);
            hash.update(count.to_be_bytes());
            hash.update(amount.to_be_bytes());
            hash.update(earned.to_be_bytes());
        }
        // A day's row is 49 bytes and an account's 22: the two lists cannot be shifted against each other.
        for (account, paid) in self.paid.into_iter().filter(|(_, paid)| *paid != 0) {
            hash.update(account.kind.code().to_be_bytes());
            hash.update(account.owner.to_be_bytes());
            hash.update(paid.to_be_bytes());
        }
        hash.finalize().into()
    }
}

fn from_ledger(books: &dyn Books) -> Result<Delivered, StoreUnavailable> {
    let (mut made, mut after) = (Delivered::default(), 0);
    loop {
        let page = books.transactions(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(made) };
        after = last.id;
        for stored in page.iter().filter(|stored| stored.contents.kind == TransactionKind::Delivery) {
            for line in &stored.contents.lines {
                let key = (stored.contents.day, line.buyer, line.deal, line.media, line.method);
                made.add(key, line.count, line.amount.0.into(), line.earned.0.into());
                *made.paid.entry(line.payer).or_default() += i128::from(line.amount.0);
            }
        }
    }
}

fn from_journal(books: &dyn Books) -> Result<Delivered, StoreUnavailable> {
    let (mut made, mut leases) = (Delivered::default(), BTreeMap::<LeaseId, (Method, BuyerId, i128)>::new());
    let mut posted = |lease, method, buyer, amount: i128| {
        leases.entry(lease).or_insert((method, buyer, 0)).2 += amount;
    };
    let (mut after, until) = (0, books.cursor()?);
    while after < until {
        let wanted = u32::try_from(until - after).unwrap_or(CHUNK).min(CHUNK);
        for row in books.charges(after, wanted)?.iter().filter(|row| row.is_posted()) {
            let (amount, earned) = (row.amount.0.into(), row.earned.0.into());
            made.add((row.day(), row.buyer, row.deal, row.media, row.method), 1, amount, earned);
            posted(row.lease, row.method, row.buyer, amount);
        }
        after += u64::from(wanted);
    }
    for sealed in books.seals()?.iter().filter(|sealed| sealed.gone_at.is_some()) {
        let mut key = None;
        loop {
            let page = books.groups(sealed.seal.day, key, PAGE)?;
            let Some(last) = page.last() else { break };
            key = Some(last.key);
            for group in page.iter().filter(|group| group.key.resolution == 0) {
                let of = group.key;
                let (amount, earned) = (group.amount.0.into(), group.earned.0.into());
                made.add((sealed.seal.day, of.buyer, of.deal, of.media, of.method), group.count, amount, earned);
                posted(of.lease, of.method, of.buyer, amount);
            }
        }
    }
    let mut payers = Payers::default();
    payers.learn(books, leases.iter().map(|(lease, (_, buyer, _))| (*lease, *buyer)))?;
    for (lease, (method, buyer, amount)) in leases {
        match payers.only(lease, method, buyer) {
            Some(account) => *made.paid.entry(account).or_default() += amount,
            None => {
                payers.draw(lease, amount, |account, part| *made.paid.entry(account).or_default() += part);
            }
        }
    }
    Ok(made)
}
