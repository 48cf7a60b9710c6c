//! One batch of postings on the write connection: each is resolved once, under its lease, into its day's table.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::days::Days;
use crate::clock::ShanghaiDay;
use crate::event::{Journaled, LeaseRecord, Posting, Recorded, Resolution, StoreUnavailable};
use crate::ids::LeaseId;
use crate::store::purse::{self, NotTaken};
use crate::store::sqlite::{leases, schema};

/// What one batch looks up once.
pub(super) struct Batch<'w> {
    connection: &'w Connection,
    /// The seq of the next row.
    next_seq: u64,
    days: &'w mut Days,
    /// The statements of the days in this batch: almost always one, two around midnight.
    open: Vec<Day<'w>>,
    leases: HashMap<LeaseId, Option<Held>>,
    /// Postings that would have taken more than their lease holds.
    beyond: u64,
    /// Postings to sealed days that their leases would have taken.
    sealed: u64,
}

/// What a batch has come to; nothing of it is durable before the commit.
pub(super) struct Done {
    pub(super) next_seq: u64,
    pub(super) beyond: u64,
    pub(super) sealed: u64,
}

struct Held {
    record: LeaseRecord,
    changed: bool,
}

struct Day<'w> {
    day: ShanghaiDay,
    insert: CachedStatement<'w>,
    find: CachedStatement<'w>,
}

impl<'w> Batch<'w> {
    /// A batch whose first new row gets `next_seq`.
    pub(super) fn new(connection: &'w Connection, next_seq: u64, days: &'w mut Days) -> Self {
        Self { connection, next_seq, days, open: Vec::new(), leases: HashMap::new(), beyond: 0, sealed: 0 }
    }

    /// Resolves one posting.
    pub(super) fn record(&mut self, posting: &Posting) -> Result<Recorded, StoreUnavailable> {
        let lease = posting.charge.lease;
        let mut held = match self.leases.remove(&lease) {
            Some(held) => held,
            None => leases::load(self.connection, lease)?.map(|record| Held { record, changed: false }),
        };
        let recorded = self.record_under(posting, held.as_mut());
        self.leases.insert(lease, held);
        recorded
    }

    /// Keeps what was posted under each lease.
    pub(super) fn finish(self) -> Result<Done, StoreUnavailable> {
        for lease in self.leases.into_values().flatten().filter(|lease| lease.changed) {
            leases::save_posted(self.connection, &lease.record)?;
        }
        Ok(Done { next_seq: self.next_seq, beyond: self.beyond, sealed: self.sealed })
    }

    fn record_under(&mut self, posting: &Posting, held: Option<&mut Held>) -> Result<Recorded, StoreUnavailable> {
        let taken = held.as_ref().map_or(Err(NotTaken::Closed), |held| purse::takes(&held.record, posting));
        let (seq, day) = (self.next_seq, posting.charge.day());
        let (sealed, lost) = (self.days.is_sealed(day), self.days.is_lost(posting.charge.key.auction));
        if let (Ok(()), false, Some(held)) = (taken, sealed || lost, held) {
            let table = self.table(day)?;
            if table.insert(seq, posting)? {
                self.next_seq += 1;
                purse::count(&mut held.record, posting);
                held.changed = true;
                return Ok(if posting.resolution == Resolution::Posted { Recorded::Posted } else { Recorded::Voided });
            }
            return Ok(table.find(posting)?.unwrap_or(Recorded::AlreadyPosted));
        }
        // A duplicate is told how the first ended, though its lease has closed since. Nothing is looked up where there is no table
        // any more: a key is not needed longer than a token of its day can be posted.
        let before = if self.days.tables.contains(&day) { self.table(day)?.find(posting)? } else { None };
        match taken {
            _ if before.is_some() || lost => {}
            Ok(()) => self.sealed += 1,
            Err(NotTaken::Beyond) => self.beyond += 1,
            Err(NotTaken::Closed) => {}
        }
        Ok(before.unwrap_or(Recorded::LeaseClosed))
    }

    fn table(&mut self, day: ShanghaiDay) -> Result<&mut Day<'w>, StoreUnavailable> {
        let known = self.open.iter().position(|open| open.day == day);
        let index = match known {
            Some(index) => index,
            None => {
                if self.days.tables.insert(day) {
                    schema::create_charge_table(self.connection, day)?;
                }
                self.open.push(Day::open(self.connection, day)?);
                self.open.len() - 1
            }
        };
        Ok(&mut self.open[index])
    }
}

impl<'w> Day<'w> {
    fn open(connection: &'w Connection, day: ShanghaiDay) -> Result<Self, StoreUnavailable> {
        let table = schema::charge_table(day);
        let insert = connection.prepare_cached(&format!(
            "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21, ?22, ?23, ?24) ON CONFLICT (auction, imp, slot) DO NOTHING"
        ))?;
        let find = format!("SELECT resolution FROM {table} WHERE auction = ?1 AND imp = ?2 AND slot = ?3");
        Ok(Self { day, insert, find: connection.prepare_cached(&find)? })
    }

    /// `false` when the charge is there already.
    fn insert(&mut self, seq: u64, posting: &Posting) -> Result<bool, StoreUnavailable> {
        let row = Journaled::new(seq, posting);
        let (seq, lease, at) = (seq.cast_signed(), row.lease.0.cast_signed(), row.at.0.cast_signed());
        let changed = self.insert.execute(rusqlite::params![
            seq,
            row.auction.to_bytes(),
            row.imp,
            row.slot,
            row.resolution,
            row.version,
            row.media.0,
            row.placement,
            row.dsp,
            row.buyer.0,
            row.advertiser,
            row.deal.0,
            row.creative,
            row.creative_version,
            row.method.code(),
            lease,
            row.quantity,
            row.price,
            row.earning,
            row.amount.0,
            row.earned.0,
            at,
            row.via,
            row.displayed_ms,
        ])?;
        Ok(changed == 1)
    }

    /// How the charge was resolved before, if it was.
    fn find(&mut self, posting: &Posting) -> Result<Option<Recorded>, StoreUnavailable> {
        let key = posting.charge.key;
        let key = (key.auction.to_bytes(), key.imp.0, key.slot.0);
        let resolution: Option<u8> = self.find.query_row(key, |row| row.get(0)).optional()?;
        Ok(resolution.map(|code| if code == 0 { Recorded::AlreadyPosted } else { Recorded::AlreadyVoided }))
    }
}
