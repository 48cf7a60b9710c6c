//! What operators did: writes on the write connection, reads on one that cannot write.

use rusqlite::{Connection, OptionalExtension, Row};

use super::claim;
use super::reader::{rows, unknown};
use super::{SqliteReader, SqliteStore};
use crate::clock::UnixMillis;
use crate::event::{Audit, Generation, Operations, REMEMBERED_MS, Remembered, StoreUnavailable, Suspension, Trigger};
use crate::ids::IdKind;
use crate::store::bounds::{MOST_ANSWERS, kept};

/// The most bytes of packed sources in one commit: what a billing notice may have to wait for.
const PART: usize = 512 << 10;

impl Operations for SqliteStore {
    fn publish(&self, generation: &Generation, sources: &[u8], audit: &Audit) -> Result<(), StoreUnavailable> {
        // Its parts are several commits: those of two processes must not mix.
        claim::while_publishing(&self.folder, || self.publish_alone(generation, sources, audit))
    }

    fn unpin(&self, number: u64, audit: &Audit) -> Result<(), StoreUnavailable> {
        let audit = audit.clone();
        self.call(move |connection, _| {
            connection.execute("UPDATE generation SET pinned = 0 WHERE number = ?1", [number.cast_signed()])?;
            save_audit(connection, &audit)
        })
    }

    fn generations(&self, below: u64, limit: usize) -> Result<Vec<Generation>, StoreUnavailable> {
        self.reader()?.generations(below, limit)
    }

    fn sources(&self, number: u64) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.reader()?.sources(number)
    }

    fn switch(&self, suspension: &Suspension, audit: &Audit) -> Result<(), StoreUnavailable> {
        let (it, audit) = (suspension.clone(), audit.clone());
        self.call(move |connection, _| {
            connection
                .prepare_cached(
                    "INSERT INTO suspension (kind, number, name, suspended, at_ms, actor, reason)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    it.kind.code(),
                    it.number,
                    it.name,
                    it.suspended,
                    it.at.0.cast_signed(),
                    it.actor,
                    it.reason,
                ))?;
            save_audit(connection, &audit)
        })
    }

    fn suspensions(&self) -> Result<Vec<Suspension>, StoreUnavailable> {
        let last = "SELECT kind, number, name, suspended, at_ms, actor, reason FROM suspension AS one
                    WHERE suspended = 1 AND NOT EXISTS (SELECT 1 FROM suspension AS later
                        WHERE later.kind = one.kind AND later.number = one.number AND later.seq > one.seq)
                    ORDER BY kind, number";
        rows(self.reader()?.connection(), last, (), |row| {
            let code: u8 = row.get(0)?;
            let kind = IdKind::ALL.iter().copied().find(|kind| kind.code() == code);
            Ok(Suspension {
                kind: kind.ok_or_else(|| unknown(0, "kind of id"))?,
                number: row.get(1)?,
                name: row.get(2)?,
                suspended: row.get(3)?,
                at: UnixMillis(row.get(4)?),
                actor: row.get(5)?,
                reason: row.get(6)?,
            })
        })
    }

    fn audits(&self, below: u64, limit: usize) -> Result<Vec<Audit>, StoreUnavailable> {
        let newest = "SELECT seq, at_ms, actor, action, subject, before, after, reason FROM audit
                      WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2";
        rows(self.reader()?.connection(), newest, (bounded(below), limit), |row| {
            Ok(Audit {
                seq: row.get(0)?,
                at: UnixMillis(row.get(1)?),
                actor: row.get(2)?,
                action: row.get(3)?,
                subject: row.get(4)?,
                before: row.get(5)?,
                after: row.get(6)?,
                reason: row.get(7)?,
            })
        })
    }

    fn remember(&self, key: &str, answer: &Remembered) -> Result<(), StoreUnavailable> {
        let (key, answer) = (key.to_owned(), answer.clone());
        self.call(move |connection, _| {
            let now = answer.at.0;
            let dead = now.saturating_sub(REMEMBERED_MS).cast_signed();
            connection.execute("DELETE FROM answer WHERE at_ms <= ?1", [dead])?;
            connection.execute(
                "INSERT INTO answer VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                (key, answer.request, answer.status, answer.body, now.cast_signed()),
            )?;
            let oldest = "DELETE FROM answer WHERE key IN (SELECT key FROM answer ORDER BY at_ms DESC, rowid DESC LIMIT -1 OFFSET ?1)";
            connection.execute(oldest, [MOST_ANSWERS])?;
            Ok(())
        })
    }

    fn recall(&self, key: &str, now: UnixMillis) -> Result<Option<Remembered>, StoreUnavailable> {
        let alive = now.0.saturating_sub(REMEMBERED_MS).cast_signed();
        let find = "SELECT request, status, body, at_ms FROM answer WHERE key = ?1 AND at_ms > ?2";
        let found = rows(self.reader()?.connection(), find, (key, alive), |row| {
            Ok(Remembered { request: row.get(0)?, status: row.get(1)?, body: row.get(2)?, at: UnixMillis(row.get(3)?) })
        });
        Ok(found?.pop())
    }
}

impl SqliteStore {
    fn publish_alone(&self, generation: &Generation, sources: &[u8], audit: &Audit) -> Result<(), StoreUnavailable> {
        let digest = generation.digest;
        let known = self.call(move |connection, _| kept_size(connection, digest))?;
        if known.is_none() {
            self.call(move |connection, _| forget_sources(connection, digest))?;
            for (part, bytes) in sources.chunks(PART).enumerate() {
                let bytes = bytes.to_vec();
                self.call(move |connection, _| save_part(connection, digest, part as u64, &bytes))?;
            }
        }
        let size = known.unwrap_or(sources.len() as u64);
        let generation = Generation { size, ..generation.clone() };
        let audit = audit.clone();
        self.call(move |connection, _| {
            save_generation(connection, &generation)?;
            save_audit(connection, &audit)?;
            prune(connection)
        })
    }
}

impl SqliteReader {
    /// At most `limit` kept generations with a number below, the newest first.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when they cannot be read.
    pub fn generations(&self, below: u64, limit: usize) -> Result<Vec<Generation>, StoreUnavailable> {
        let newest = "SELECT number, digest, published_at_ms, cause, actor, reason, changes, restores, pinned, size
                      FROM generation WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
        rows(self.connection(), newest, (bounded(below), limit), generation_of)
    }

    /// The packed sources of a generation, while they are kept.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when they cannot be read or are not whole.
    pub fn sources(&self, number: u64) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        let find = "SELECT digest, size FROM generation WHERE number = ?1 AND size > 0";
        let found: Option<([u8; 32], u64)> = self
            .connection()
            .query_row(find, [number.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((digest, size)) = found else { return Ok(None) };
        let parts = "SELECT bytes FROM generation_source WHERE digest = ?1 ORDER BY part";
        let bytes = rows(self.connection(), parts, [digest], |row| row.get::<_, Vec<u8>>(0))?.concat();
        if bytes.len() as u64 != size {
            return Err(StoreUnavailable(format!("generation {number} has {} of {size} bytes", bytes.len())));
        }
        Ok(Some(bytes))
    }
}

/// SQLite's integers have a sign.
pub(super) fn bounded(below: u64) -> i64 {
    i64::try_from(below).unwrap_or(i64::MAX)
}

fn generation_of(row: &Row<'_>) -> rusqlite::Result<Generation> {
    let changes: String = row.get(6)?;
    Ok(Generation {
        number: row.get(0)?,
        digest: row.get(1)?,
        published_at: UnixMillis(row.get(2)?),
        trigger: Trigger::from_code(row.get(3)?).ok_or_else(|| unknown(3, "cause of a generation"))?,
        actor: row.get(4)?,
        reason: row.get(5)?,
        changes: changes.lines().map(str::to_owned).collect(),
        restores: row.get(7)?,
        pinned: row.get(8)?,
        size: row.get(9)?,
    })
}

/// The bytes of sources that are kept already, for another generation.
fn kept_size(connection: &Connection, digest: [u8; 32]) -> Result<Option<u64>, StoreUnavailable> {
    let find = "SELECT size FROM generation WHERE digest = ?1 AND size > 0";
    Ok(connection.query_row(find, [digest], |row| row.get(0)).optional()?)
}

/// What a publication that did not come to its end has left.
fn forget_sources(connection: &Connection, digest: [u8; 32]) -> Result<(), StoreUnavailable> {
    connection.execute("DELETE FROM generation_source WHERE digest = ?1", [digest])?;
    Ok(())
}

fn save_part(connection: &Connection, digest: [u8; 32], part: u64, bytes: &[u8]) -> Result<(), StoreUnavailable> {
    let insert = "INSERT INTO generation_source (digest, part, bytes) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(insert)?.execute((digest, part.cast_signed(), bytes))?;
    Ok(())
}

/// Numbers rise: one that another process has given in between is refused.
fn save_generation(connection: &Connection, it: &Generation) -> Result<(), StoreUnavailable> {
    let taken =
        connection.prepare_cached("SELECT 1 FROM generation WHERE number >= ?1")?.exists([it.number.cast_signed()])?;
    if taken {
        return Err(StoreUnavailable(format!("generation {} was given before", it.number)));
    }
    let insert = "INSERT INTO generation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.execute(
        insert,
        (
            it.number.cast_signed(),
            it.digest,
            it.published_at.0.cast_signed(),
            it.trigger.code(),
            &it.actor,
            &it.reason,
            it.changes.join("\n"),
            it.restores.map(u64::cast_signed),
            it.pinned,
            it.size.cast_signed(),
        ),
    )?;
    Ok(())
}

pub(super) fn save_audit(connection: &Connection, it: &Audit) -> Result<(), StoreUnavailable> {
    let insert = "INSERT INTO audit (at_ms, actor, action, subject, before, after, reason)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let row = (it.at.0.cast_signed(), &it.actor, &it.action, &it.subject, &it.before, &it.after, &it.reason);
    connection.prepare_cached(insert)?.execute(row)?;
    Ok(())
}

/// Lets go what is beyond the bounds.
fn prune(connection: &Connection) -> Result<(), StoreUnavailable> {
    let all = rows(connection, "SELECT number, digest, size FROM generation ORDER BY number DESC", (), |row| {
        Ok((row.get::<_, i64>(0)?, (row.get::<_, [u8; 32]>(1)?, row.get::<_, u64>(2)?)))
    })?;
    let sizes: Vec<_> = all.iter().map(|(_, it)| *it).collect();
    let (generations, with_sources) = kept(&sizes);
    if let Some((last, _)) = generations.checked_sub(1).and_then(|last| all.get(last)) {
        connection.execute("DELETE FROM generation WHERE number < ?1", [last])?;
    }
    if let Some((last, _)) = with_sources.checked_sub(1).and_then(|last| all.get(last)) {
        connection.execute("UPDATE generation SET size = 0 WHERE number < ?1 AND size > 0", [last])?;
    }
    let orphans = "DELETE FROM generation_source WHERE digest NOT IN (SELECT digest FROM generation WHERE size > 0)";
    connection.execute(orphans, ())?;
    Ok(())
}
