//! What DSPs are owed: one transaction a round, on the write connection, between two batches of the journal.
//!
//! A won bid is told by one node: by whichever marks it as shown or posted, in a transaction. What that node did not get told is told by its
//! next start, or, while it is away, by the process that leads. Kept notices are sent by the process that leads alone.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::operations::{bounded, save_audit};
use super::reader::{rows, unknown};
use super::schema::charge_table;
use super::{SqliteStore, claim};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Attempt, Audit, ChargeKey, KeptNotice, MOST_NOTICES, MOST_WAITING, NOTICE_LIFE_MS, NoticeFilter, NoticeKind,
    NoticeWords, Outbox, OutboxRound, Owed, OwedNotice, Resend, StoreUnavailable, WAITING_GRACE_MS, WonBid,
};
use crate::ids::{AuctionId, DspId, ImpIndex, NodeId, Slot};
use crate::money::{Currency, Quantity};

const WAITING: &str = "auction, imp, slot, dsp, expires_at_ms, told, price, bid, currency, quantity, imp_id, response, seat, ad, \
                       win_url, bill_url, posted_at_ms";
const NOTICE: &str = "id, auction, imp, slot, dsp, kind, url, attempts, next_at_ms, error, made_at_ms";
/// A time so far ahead is a clock that was wrong, ms.
const FAR_AHEAD_MS: u64 = 3_600_000;
/// How long after its end a won bid of a node that is away is kept, ms: nodes tidy every half a minute.
const AWAY_GRACE_MS: u64 = 3 * WAITING_GRACE_MS;

type Done<T> = Result<T, StoreUnavailable>;

impl Outbox for SqliteStore {
    fn keep(&self, round: &OutboxRound) -> Done<Owed> {
        let round = round.clone();
        self.call(move |connection, writer| {
            let (node, _) = writer.node()?;
            keep(connection, node, &round)
        })
    }

    fn resume(&self) -> Done<(Vec<ChargeKey>, Owed)> {
        self.call(|connection, writer| {
            let (node, _) = writer.node()?;
            connection.execute("UPDATE notice_waiting SET node = ?1 WHERE node IS NULL", [node.0])?;
            let mine = "SELECT auction, imp, slot FROM notice_waiting WHERE node = ?1";
            let keys = rows(connection, mine, [node.0], |row| key_of(row, 0))?;
            let mut owed = Owed { posted: marked(connection, node)?, ..Owed::default() };
            let mut days = Days::default();
            for key in &keys {
                if let Some(at) = posted_at(connection, &mut days, *key)? {
                    post(connection, node, *key, at, &mut owed)?;
                }
            }
            Ok((keys, owed))
        })
    }

    /// Each node lets its own won bids go; the one that leads also those of nodes that are away.
    fn tidy(&self, now: UnixMillis, limit: usize) -> Done<Owed> {
        let leads = self.leads();
        let mut owed = self.call(move |connection, writer| {
            let (node, _) = writer.node()?;
            tidy(connection, node, leads, now, limit)
        })?;
        if leads {
            self.take_over(&mut owed)?;
        }
        Ok(owed)
    }

    fn due(&self, now: UnixMillis, most: usize) -> Done<Vec<KeptNotice>> {
        if !self.leads() {
            return Ok(Vec::new());
        }
        let reader = self.reader()?;
        let connection = reader.connection();
        let (now_ms, far) = (now.0.cast_signed(), now.plus_ms(FAR_AHEAD_MS).0.cast_signed());
        let mut due = Vec::new();
        let next = "SELECT min(dsp) FROM notice_owed WHERE dsp > ?1";
        let of_dsp = format!(
            "SELECT {NOTICE} FROM notice_owed WHERE dsp = ?1 AND next_at_ms IS NOT NULL
             AND (next_at_ms <= ?2 OR next_at_ms > ?3) ORDER BY next_at_ms, id LIMIT ?4"
        );
        let mut before = -1_i64;
        while let Some(dsp) =
            connection.prepare_cached(next)?.query_row([before], |row| row.get::<_, Option<i64>>(0))?
        {
            due.extend(rows(connection, &of_dsp, (dsp, now_ms, far, most), notice_of)?);
            before = dsp;
        }
        Ok(due)
    }

    fn notices(&self, filter: NoticeFilter, below: u64, limit: usize) -> Done<Vec<KeptNotice>> {
        let newest = format!(
            "SELECT {NOTICE} FROM notice_owed WHERE id < ?1 AND (?2 IS NULL OR dsp = ?2)
             AND (?3 IS NULL OR (next_at_ms IS NULL) = ?3) ORDER BY id DESC LIMIT ?4"
        );
        let meant = (bounded(below), filter.dsp.map(|dsp| dsp.0), filter.undelivered, limit);
        rows(self.reader()?.connection(), &newest, meant, notice_of)
    }

    fn owed(&self) -> Done<(u64, u64)> {
        let count = "SELECT count(next_at_ms), count(*) FROM notice_owed";
        let reader = self.reader()?;
        let (tried, all): (u64, u64) =
            reader.connection().query_row(count, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((tried, all - tried))
    }

    fn resend(&self, which: Resend, now: UnixMillis, audit: &Audit) -> Done<u64> {
        let audit = audit.clone();
        self.call(move |connection, _| {
            let (column, value) = match which {
                Resend::One(id) => ("id", bounded(id)),
                Resend::Of(dsp) => ("dsp", dsp.0.into()),
            };
            let again = format!(
                "UPDATE notice_owed SET next_at_ms = ?2, attempts = 0 WHERE {column} = ?1 AND next_at_ms IS NULL"
            );
            let count = connection.execute(&again, (value, now.0.cast_signed()))? as u64;
            if count > 0 {
                save_audit(connection, &audit)?;
            }
            Ok(count)
        })
    }
}

impl SqliteStore {
    /// Has this node tell what nodes have marked that are away.
    fn take_over(&self, owed: &mut Owed) -> Done<()> {
        let Some((mine, _)) = self.node else { return Ok(()) };
        let others = "SELECT DISTINCT node FROM notice_waiting WHERE posted_at_ms IS NOT NULL AND node <> ?1";
        let others: Vec<u16> = rows(self.reader()?.connection(), others, [mine.0], |row| row.get(0))?;
        for node in others.into_iter().map(NodeId) {
            let taken = claim::while_away(&self.folder, node, || {
                self.call(move |connection, _| {
                    let found = marked(connection, node)?;
                    let take = "UPDATE notice_waiting SET node = ?2 WHERE posted_at_ms IS NOT NULL AND node = ?1";
                    connection.execute(take, (node.0, mine.0))?;
                    Ok::<_, StoreUnavailable>(found)
                })
            });
            owed.posted.extend(taken.transpose()?.unwrap_or_default());
        }
        Ok(())
    }
}

/// Won bids that a node has marked as posted and has not settled.
fn marked(connection: &Connection, node: NodeId) -> Done<Vec<(WonBid, UnixMillis)>> {
    let marked = format!("SELECT {WAITING} FROM notice_waiting WHERE posted_at_ms IS NOT NULL AND node = ?1");
    let found = rows(connection, &marked, [node.0], win_of)?;
    Ok(found.into_iter().filter_map(|(win, at)| at.map(|at| (win, at))).collect())
}

fn keep(connection: &Connection, node: NodeId, round: &OutboxRound) -> Done<Owed> {
    let mut owed = Owed::default();
    let mut days = Days::default();
    for win in &round.waiting {
        save_waiting(connection, node, win)?;
        if let Some(at) = posted_at(connection, &mut days, win.key)? {
            post(connection, node, win.key, at, &mut owed)?;
        }
    }
    for key in &round.shown {
        let tell = "UPDATE notice_waiting SET told = 1 WHERE auction = ?1 AND imp = ?2 AND slot = ?3 AND told = 0";
        if let Some((win, _)) = waiting(connection, *key)?
            && connection.prepare_cached(tell)?.execute(columns(*key))? == 1
        {
            owed.shown.push(win);
        }
    }
    for (key, at) in &round.posted {
        post(connection, node, *key, *at, &mut owed)?;
    }
    for key in &round.settled {
        forget(connection, *key)?;
    }
    for notice in &round.failed {
        save_notice(connection, notice)?;
    }
    for (id, attempt) in &round.tried {
        note_attempt(connection, *id, attempt)?;
    }
    Ok(owed)
}

/// Marks a kept win as posted, once, and owes it: this node tells it.
fn post(connection: &Connection, node: NodeId, key: ChargeKey, at: UnixMillis, owed: &mut Owed) -> Done<()> {
    let Some((win, None)) = waiting(connection, key)? else { return Ok(()) };
    let mark = "UPDATE notice_waiting SET told = 1, posted_at_ms = ?4, node = ?5 WHERE auction = ?1 AND imp = ?2 AND slot = ?3";
    let (auction, imp, slot) = columns(key);
    connection.prepare_cached(mark)?.execute((auction, imp, slot, at.0.cast_signed(), node.0))?;
    owed.posted.push((win, at));
    Ok(())
}

fn tidy(connection: &Connection, node: NodeId, leads: bool, now: UnixMillis, limit: usize) -> Done<Owed> {
    let mut owed = Owed::default();
    let end = now.0.saturating_sub(WAITING_GRACE_MS).cast_signed();
    // Those of a node that is there are gone by then.
    let long_over = if leads { now.0.saturating_sub(AWAY_GRACE_MS).cast_signed() } else { -1 };
    let over = "SELECT auction, imp, slot FROM notice_waiting
                WHERE expires_at_ms <= ?1 AND posted_at_ms IS NULL AND (node = ?2 OR expires_at_ms <= ?3)
                ORDER BY expires_at_ms LIMIT ?4";
    let mut days = Days::default();
    for key in rows(connection, over, (end, node.0, long_over, limit), |row| key_of(row, 0))? {
        match posted_at(connection, &mut days, key)? {
            Some(at) => post(connection, node, key, at, &mut owed)?,
            None => {
                forget(connection, key)?;
                owed.over.push(key);
            }
        }
    }
    if leads {
        tidy_all(connection, now, limit, &mut owed)?;
    }
    Ok(owed)
}

/// What is kept beyond its bounds, whoever keeps it.
fn tidy_all(connection: &Connection, now: UnixMillis, limit: usize, owed: &mut Owed) -> Done<()> {
    let kept: u64 = connection.query_row("SELECT count(*) FROM notice_waiting", (), |row| row.get(0))?;
    let first =
        "SELECT auction, imp, slot FROM notice_waiting WHERE posted_at_ms IS NULL ORDER BY expires_at_ms LIMIT ?1";
    let beyond = kept.saturating_sub(MOST_WAITING);
    for key in rows(connection, first, [beyond.min(limit as u64)], |row| key_of(row, 0))? {
        forget(connection, key)?;
        owed.over.push(key);
    }
    let dead = now.0.saturating_sub(NOTICE_LIFE_MS).cast_signed();
    connection.execute("DELETE FROM notice_owed WHERE made_at_ms <= ?1", [dead])?;
    let oldest = "DELETE FROM notice_owed WHERE id <= (SELECT id FROM notice_owed ORDER BY id DESC LIMIT 1 OFFSET ?1)";
    let gone = connection.execute(oldest, [MOST_NOTICES])?;
    if gone > 0 {
        tracing::error!(notices = gone, "more notices to DSPs failed than are kept; the oldest are forgotten");
    }
    Ok(())
}

/// Which days' charges are there, as far as was asked.
type Days = BTreeMap<ShanghaiDay, bool>;

/// When the journal posted a charge, if it did. A day may have no charges, or none any more (R-RETAIN).
fn posted_at(connection: &Connection, days: &mut Days, key: ChargeKey) -> Done<Option<UnixMillis>> {
    let day = key.auction.at().shanghai_day();
    let there = match days.get(&day) {
        Some(there) => *there,
        None => {
            let find = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
            let there = connection.prepare_cached(find)?.exists([charge_table(day)])?;
            days.insert(day, there);
            there
        }
    };
    if !there {
        return Ok(None);
    }
    let find = format!(
        "SELECT at_ms FROM {} WHERE auction = ?1 AND imp = ?2 AND slot = ?3 AND resolution = 0",
        charge_table(day)
    );
    let found = connection.prepare_cached(&find)?.query_row(columns(key), |row| row.get(0)).optional()?;
    Ok(found.map(UnixMillis))
}

fn columns(key: ChargeKey) -> ([u8; 16], u8, u8) {
    (key.auction.to_bytes(), key.imp.0, key.slot.0)
}

fn key_of(row: &Row<'_>, first: usize) -> rusqlite::Result<ChargeKey> {
    Ok(ChargeKey {
        auction: AuctionId::from_bytes(row.get(first)?),
        imp: ImpIndex(row.get(first + 1)?),
        slot: Slot(row.get(first + 2)?),
    })
}

/// A kept win, and when it was posted.
fn waiting(connection: &Connection, key: ChargeKey) -> Done<Option<(WonBid, Option<UnixMillis>)>> {
    let find = format!("SELECT {WAITING} FROM notice_waiting WHERE auction = ?1 AND imp = ?2 AND slot = ?3");
    Ok(connection.prepare_cached(&find)?.query_row(columns(key), win_of).optional()?)
}

fn win_of(row: &Row<'_>) -> rusqlite::Result<(WonBid, Option<UnixMillis>)> {
    let currency: String = row.get(8)?;
    let win = WonBid {
        key: key_of(row, 0)?,
        dsp: DspId(row.get(3)?),
        expires_at: UnixMillis(row.get(4)?),
        told: row.get(5)?,
        price: row.get(6)?,
        bid: row.get(7)?,
        currency: Currency::parse(&currency).ok_or_else(|| unknown(8, "currency"))?,
        quantity: Quantity(row.get(9)?),
        words: NoticeWords { imp: row.get(10)?, response: row.get(11)?, seat: row.get(12)?, ad: row.get(13)? },
        win: row.get(14)?,
        bill: row.get(15)?,
    };
    Ok((win, row.get::<_, Option<u64>>(16)?.map(UnixMillis)))
}

fn save_waiting(connection: &Connection, node: NodeId, win: &WonBid) -> Done<()> {
    let insert = format!(
        "INSERT INTO notice_waiting ({WAITING}, node) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, NULL, ?17)
         ON CONFLICT DO NOTHING"
    );
    let (auction, imp, slot) = columns(win.key);
    connection.prepare_cached(&insert)?.execute(rusqlite::params![
        auction,
        imp,
        slot,
        win.dsp.0,
        win.expires_at.0.cast_signed(),
        win.told,
        win.price,
        win.bid,
        win.currency.as_str(),
        win.quantity.0,
        win.words.imp,
        win.words.response,
        win.words.seat,
        win.words.ad,
        win.win,
        win.bill,
        node.0,
    ])?;
    Ok(())
}

fn forget(connection: &Connection, key: ChargeKey) -> Done<()> {
    let delete = "DELETE FROM notice_waiting WHERE auction = ?1 AND imp = ?2 AND slot = ?3";
    connection.prepare_cached(delete)?.execute(columns(key))?;
    Ok(())
}

fn notice_of(row: &Row<'_>) -> rusqlite::Result<KeptNotice> {
    let notice = OwedNotice {
        key: key_of(row, 1)?,
        dsp: DspId(row.get(4)?),
        kind: NoticeKind::from_code(row.get(5)?).ok_or_else(|| unknown(5, "kind of notice"))?,
        url: row.get(6)?,
        attempts: row.get(7)?,
        next_at: row.get::<_, Option<u64>>(8)?.map(UnixMillis),
        error: row.get(9)?,
        made_at: UnixMillis(row.get(10)?),
    };
    Ok(KeptNotice { id: row.get(0)?, notice })
}

fn save_notice(connection: &Connection, it: &OwedNotice) -> Done<()> {
    let insert = "INSERT INTO notice_owed (auction, imp, slot, dsp, kind, url, attempts, next_at_ms, error, made_at_ms)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let (auction, imp, slot) = columns(it.key);
    connection.prepare_cached(insert)?.execute((
        auction,
        imp,
        slot,
        it.dsp.0,
        it.kind.code(),
        &it.url,
        it.attempts,
        it.next_at.map(|at| at.0.cast_signed()),
        &it.error,
        it.made_at.0.cast_signed(),
    ))?;
    Ok(())
}

fn note_attempt(connection: &Connection, id: u64, attempt: &Attempt) -> Done<()> {
    let id = bounded(id);
    match attempt {
        Attempt::Delivered => {
            connection.prepare_cached("DELETE FROM notice_owed WHERE id = ?1")?.execute([id])?;
        }
        Attempt::Failed { attempts, next_at, error } => {
            let update = "UPDATE notice_owed SET attempts = ?2, next_at_ms = ?3, error = ?4 WHERE id = ?1";
            let next_at = next_at.map(|at| at.0.cast_signed());
            connection.prepare_cached(update)?.execute((id, attempts, next_at, error))?;
        }
    }
    Ok(())
}
