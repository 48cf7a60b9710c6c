//! What is reviewed, in a file of its own (`content.db`): nothing that is written here stands before a charge.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};
use sha2::{Digest, Sha256};

use super::claim;
use super::reader::{rows, unknown};
use super::schema::{self, OpenError};
use crate::clock::UnixMillis;
use crate::event::{
    Docket, DocketError, KeptStep, LARGEST_BLOB, Owner, Step, StoreUnavailable, Subject, SubjectKind, Taken, Wanted,
};
use crate::store::refuse_twice;

/// A step's columns, `due` last: of a list, the subject's; of a history, the step's.
const COLUMNS: &str =
    "s.seq, s.before, s.kind, s.name, s.version, s.owner_kind, s.owner, s.state, s.at_ms, s.actor, s.reason, s.body";

/// What is reviewed, durably. Several processes may have it open.
pub struct SqliteDocket {
    folder: PathBuf,
    writer: Mutex<Connection>,
    /// Lists of a million take seconds, and no step waits for them.
    reader: Mutex<Connection>,
}

impl std::fmt::Debug for SqliteDocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteDocket").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl SqliteDocket {
    /// Opens the data folder's `content.db`; makes it, and brings its schema up to date. The folder must be there.
    ///
    /// # Errors
    /// [`OpenError`]; the file is not changed.
    pub fn open(folder: &Path, now: UnixMillis) -> Result<Self, OpenError> {
        claim::while_opening(folder, || {
            claim::file(&folder.join(schema::CONTENT.file))?;
            let writer = Mutex::new(schema::up_to_date(folder, &schema::CONTENT, now)?);
            let reader = Mutex::new(schema::read_only(folder, &schema::CONTENT)?);
            Ok(Self { folder: folder.to_owned(), writer, reader })
        })
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        held(&self.reader)
    }

    /// Work in a transaction that is whole or not at all.
    fn write<T, E: From<rusqlite::Error>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let mut connection = held(&self.writer);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// A connection whose holder panicked has rolled back.
fn held(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<rusqlite::Error> for DocketError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Docket for SqliteDocket {
    fn take(&self, steps: &[Taken]) -> Result<Vec<u64>, DocketError> {
        refuse_twice(steps)?;
        self.write(|connection| {
            let head: u64 = connection.query_row("SELECT coalesce(max(seq), 0) FROM step", (), |row| row.get(0))?;
            let places = head + 1..;
            places.zip(steps).map(|(seq, taken)| take(connection, seq, taken).map(|()| seq)).collect()
        })
    }

    fn put_off(&self, due: &[(Subject, Option<UnixMillis>)]) -> Result<(), StoreUnavailable> {
        self.write(|connection| {
            let sql = "UPDATE subject SET due_ms = ?4 WHERE kind = ?1 AND name = ?2 AND version = ?3";
            let mut statement = connection.prepare_cached(sql)?;
            for (subject, due) in due {
                let due = due.map(|due| due.0.cast_signed());
                statement.execute((subject.kind.code(), &subject.name, subject.version, due))?;
            }
            Ok(())
        })
    }

    fn standing(&self, subject: &Subject) -> Result<Option<KeptStep>, StoreUnavailable> {
        let sql = format!(
            "SELECT {COLUMNS}, b.due_ms FROM subject b JOIN step s ON s.seq = b.seq
             WHERE b.kind = ?1 AND b.name = ?2 AND b.version = ?3"
        );
        let key = (subject.kind.code(), &subject.name, subject.version);
        Ok(self.read().prepare_cached(&sql)?.query_row(key, kept).optional()?)
    }

    fn versions(&self, kind: SubjectKind, name: &str) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let sql = format!(
            "SELECT {COLUMNS}, b.due_ms FROM subject b JOIN step s ON s.seq = b.seq
             WHERE b.kind = ?1 AND b.name = ?2 ORDER BY b.version"
        );
        rows(&self.read(), &sql, (kind.code(), name), kept)
    }

    fn history(&self, subject: &Subject, below: u64, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let sql = format!(
            "SELECT {COLUMNS}, s.due_ms FROM step s
             WHERE s.kind = ?1 AND s.name = ?2 AND s.version = ?3 AND s.seq < ?4 ORDER BY s.seq DESC LIMIT ?5"
        );
        let below = i64::try_from(below).unwrap_or(i64::MAX);
        let key = (subject.kind.code(), &subject.name, subject.version, below, limit);
        rows(&self.read(), &sql, key, kept)
    }

    fn list(
        &self,
        kind: SubjectKind,
        wanted: &Wanted,
        above: u64,
        limit: u32,
    ) -> Result<Vec<KeptStep>, StoreUnavailable> {
        // One text for each question, so that each is answered by the index that is made for it.
        let state = wanted.state.map_or("", |_| "AND b.state = ?4");
        let owner = wanted.owner.map_or("", |_| "AND b.owner_kind = ?5 AND b.owner = ?6");
        let sql = format!(
            "SELECT {COLUMNS}, b.due_ms FROM subject b JOIN step s ON s.seq = b.seq
             WHERE b.kind = ?1 AND b.seq > ?2 {state} {owner} AND ?4 = ?4 AND ?5 = ?5 AND ?6 = ?6 ORDER BY b.seq LIMIT ?3"
        );
        let (owner_kind, owner) = wanted.owner.unwrap_or(Owner::Exchange).codes();
        let key = (kind.code(), above.cast_signed(), limit, wanted.state.unwrap_or_default(), owner_kind, owner);
        rows(&self.read(), &sql, key, kept)
    }

    fn count(&self, kind: SubjectKind, wanted: &Wanted, most: u32) -> Result<u32, StoreUnavailable> {
        let state = wanted.state.map_or("", |_| "AND state = ?3");
        let owner = wanted.owner.map_or("", |_| "AND owner_kind = ?4 AND owner = ?5");
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM subject
             WHERE kind = ?1 {state} {owner} AND ?3 = ?3 AND ?4 = ?4 AND ?5 = ?5 LIMIT ?2)"
        );
        let (owner_kind, owner) = wanted.owner.unwrap_or(Owner::Exchange).codes();
        let key = (kind.code(), most, wanted.state.unwrap_or_default(), owner_kind, owner);
        Ok(self.read().prepare_cached(&sql)?.query_row(key, |row| row.get(0))?)
    }

    fn due(&self, kind: SubjectKind, by: UnixMillis, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let sql = format!(
            "SELECT {COLUMNS}, b.due_ms FROM subject b JOIN step s ON s.seq = b.seq
             WHERE b.kind = ?1 AND b.due_ms <= ?2 ORDER BY b.due_ms, b.seq LIMIT ?3"
        );
        rows(&self.read(), &sql, (kind.code(), by.0.cast_signed(), limit), kept)
    }

    fn steps(&self, above: u64, limit: u32) -> Result<Vec<KeptStep>, StoreUnavailable> {
        let sql = format!("SELECT {COLUMNS}, s.due_ms FROM step s WHERE s.seq > ?1 ORDER BY s.seq LIMIT ?2");
        rows(&self.read(), &sql, (above.cast_signed(), limit), kept)
    }

    fn last_step(&self) -> Result<u64, StoreUnavailable> {
        Ok(self.read().query_row("SELECT coalesce(max(seq), 0) FROM step", (), |row| row.get(0))?)
    }

    fn keep(&self, bytes: &[u8], at: UnixMillis) -> Result<[u8; 32], DocketError> {
        if bytes.len() > LARGEST_BLOB {
            return Err(DocketError::TooLarge(bytes.len()));
        }
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        self.write(|connection| {
            let sql = "INSERT INTO blob (digest, bytes, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING";
            connection.prepare_cached(sql)?.execute((digest, bytes, at.0.cast_signed()))?;
            Ok(digest)
        })
    }

    fn document(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        let connection = self.read();
        let mut statement = connection.prepare_cached("SELECT bytes FROM blob WHERE digest = ?1")?;
        Ok(statement.query_row([digest], |row| row.get(0)).optional()?)
    }
}

fn take(connection: &Connection, seq: u64, taken: &Taken) -> Result<(), DocketError> {
    let Taken { step, after } = taken;
    let Subject { kind, name, version } = &step.subject;
    let key = (kind.code(), name, version);
    let last = "SELECT seq FROM subject WHERE kind = ?1 AND name = ?2 AND version = ?3";
    let last: Option<u64> = connection.prepare_cached(last)?.query_row(key, |row| row.get(0)).optional()?;
    let last = last.unwrap_or(0);
    if last != *after {
        return Err(DocketError::Overtaken { subject: step.subject.clone(), last });
    }
    let (owner_kind, owner) = step.owner.codes();
    let (due, at) = (step.due.map(|due| due.0.cast_signed()), step.at.0.cast_signed());
    let sql = "INSERT INTO step VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    connection.prepare_cached(sql)?.execute((
        seq.cast_signed(),
        last.cast_signed(),
        kind.code(),
        name,
        version,
        owner_kind,
        owner,
        step.state,
        due,
        at,
        &step.actor,
        &step.reason,
        &step.body,
    ))?;
    let sql = "INSERT OR REPLACE INTO subject VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let row = (kind.code(), name, version, seq.cast_signed(), owner_kind, owner, step.state, due);
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptStep> {
    let kind = SubjectKind::from_code(row.get(2)?).ok_or_else(|| unknown(2, "kind of subject"))?;
    let owner = Owner::from_codes(row.get(5)?, row.get(6)?).ok_or_else(|| unknown(5, "owner"))?;
    let step = Step {
        subject: Subject { kind, name: row.get(3)?, version: row.get(4)? },
        owner,
        state: row.get(7)?,
        at: UnixMillis(row.get(8)?),
        actor: row.get(9)?,
        reason: row.get(10)?,
        body: row.get(11)?,
        due: row.get::<_, Option<u64>>(12)?.map(UnixMillis),
    };
    Ok(KeptStep { seq: row.get(0)?, before: row.get(1)?, step })
}
