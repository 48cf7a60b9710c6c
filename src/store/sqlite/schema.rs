//! The data folder and its schema: embedded migrations, each applied in one transaction and recorded with its digest.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use sha2::{Digest, Sha256};

use crate::clock::{ShanghaiDay, UnixMillis};

/// Those of the books.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_operations.sql"),
    include_str!("0003_clicks_seals_backups.sql"),
    include_str!("0004_notices.sql"),
    include_str!("0005_facts.sql"),
    include_str!("0006_funds.sql"),
    include_str!("0007_books.sql"),
    include_str!("0008_notices_of_nodes.sql"),
    include_str!("0009_closings.sql"),
    include_str!("0010_facts_by_buyer.sql"),
];

/// `pmpx` in ASCII: marks a file as ours.
const APPLICATION_ID: i32 = 0x706d_7078;

/// A file of the data folder, with its migrations.
pub(super) struct Database {
    /// Its name in the folder.
    pub(super) file: &'static str,
    /// Every migration in order; the position, from 1, is its version. Appended to, never edited.
    migrations: &'static [&'static str],
}

/// Money, and what operators did.
pub(super) const BOOKS: Database = Database { file: "pmpx.db", migrations: MIGRATIONS };

/// What is reviewed, with its documents: apart, so that a large upload never stands before a charge.
pub(super) const CONTENT: Database =
    Database { file: "content.db", migrations: &[include_str!("content_0001.sql"), include_str!("content_0002.sql")] };

/// Why a data folder was not opened. It was not changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be made or read.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Opened for reading, and there is nothing.
    #[error("{0}: there is no store in this folder; is it the data folder of an exchange that has started once?")]
    Missing(PathBuf),
    /// Another process works on it, and one of the two needs it alone: an older or a newer program, or a restore.
    #[error(
        "{0}: another process works on this data folder: a program of another version, which must end first, or one that brings it up \
         to date or restores it; try again in a moment"
    )]
    InUse(PathBuf),
    /// Another process is that node.
    #[error(
        "{path}: another process is node {node} of this data folder: give each a number of its own (`--node`, PMPX_NODE, or `node` in \
         exchange.toml)"
    )]
    NodeInUse {
        /// Which folder.
        path: PathBuf,
        /// The node's number.
        node: u16,
    },
    /// A file, but not ours, or damaged.
    #[error("{path} is not a store of pmpx, or it is damaged: {why}")]
    NotOurs {
        /// Which.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Written by a later program.
    #[error("{path} has schema {found}, this program knows up to {known}: start the newer program")]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The latest known one.
        known: i64,
    },
    /// Opened for reading, and not yet brought to this program's schema.
    #[error("{path} has schema {found}, this program reads {known}: start it once for serving")]
    Older {
        /// Which.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The expected one.
        known: i64,
    },
    /// A migration was applied with other contents than this program's.
    #[error("{path}: migration {version} was applied with other contents than this program has")]
    Altered {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        version: i64,
    },
    /// This node has started 2²⁴ times.
    #[error("node {0} has used up its boot numbers: give it another number")]
    Boots(u16),
    /// Anything else that the database said.
    #[error("{path}: {source}")]
    Database {
        /// Which.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(super) fn database(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::NotOurs { path, why: source.to_string() }
            }
            _ => Self::Database { path, source },
        }
    }
}

/// The file in a data folder.
pub(super) fn file_in(folder: &Path) -> PathBuf {
    folder.join(BOOKS.file)
}

/// The longest that a statement waits for another process's commit, in sleeps of a millisecond: five seconds and the time it takes to wake.
const MOST_WAITS: i32 = 5_000;

/// SQLite's own pauses grow to a tenth of a second; a process that commits without a break would leave others no chance.
fn wait_for_turn(waits: i32) -> bool {
    super::claim::pause(std::time::Duration::from_millis(1));
    waits < MOST_WAITS
}

/// Whether the file has this program's schema; `false` for an older one, and where there is none yet.
pub(super) fn is_current(folder: &Path) -> Result<bool, OpenError> {
    let path = file_in(folder);
    let connection = Connection::open(&path).map_err(|source| OpenError::database(&path, source))?;
    Ok(check(&connection, &path, &BOOKS)? == MIGRATIONS.len())
}

/// Opens a connection that writes, beside those of other processes: the file must have this program's schema.
pub(super) fn open_beside_others(folder: &Path) -> Result<Connection, OpenError> {
    let path = file_in(folder);
    let (connection, applied) = connect(&path, &BOOKS)?;
    if applied != MIGRATIONS.len() {
        return Err(OpenError::Older { path, found: applied as i64, known: MIGRATIONS.len() as i64 });
    }
    Ok(connection)
}

/// Opens a connection that writes and brings the schema up to date: for who has the folder alone.
pub(super) fn open_for_writing(folder: &Path, now: UnixMillis) -> Result<Connection, OpenError> {
    up_to_date(folder, &BOOKS, now)
}

/// Opens a connection that writes a file of the folder, and brings its schema up to date. Several processes may come at once.
pub(super) fn up_to_date(folder: &Path, of: &Database, now: UnixMillis) -> Result<Connection, OpenError> {
    let path = folder.join(of.file);
    let database = |source| OpenError::database(&path, source);
    let (mut connection, mut applied) = connect(&path, of)?;
    while let Some(sql) = of.migrations.get(applied) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        // Whoever waited for another process finds it done.
        let before = check(&transaction, &path, of)?;
        if before != applied {
            applied = before;
            continue;
        }
        applied += 1;
        let version = applied as i64;
        transaction.execute_batch(sql).map_err(database)?;
        let row = (version, digest(sql), now.0.cast_signed());
        transaction.execute("INSERT INTO migration VALUES (?1, ?2, ?3)", row).map_err(database)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(database)?;
        transaction.pragma_update(None, "user_version", version).map_err(database)?;
        transaction.commit().map_err(database)?;
    }
    Ok(connection)
}

/// A connection that writes, and how many migrations the file has.
fn connect(path: &Path, of: &Database) -> Result<(Connection, usize), OpenError> {
    let database = |source| OpenError::database(path, source);
    let mut connection = Connection::open(path).map_err(database)?;
    connection.busy_handler(Some(wait_for_turn)).map_err(database)?;
    let applied = check(&connection, path, of)?;
    // 64 MiB of page cache; a checkpoint every 16 MiB of log instead of every 4, so that fewer commits pay for one.
    let tuning = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                  PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;";
    connection.execute_batch(tuning).map_err(database)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok((connection, applied))
}

/// Opens a connection that cannot write, also while another process serves.
pub(super) fn open_for_reading(folder: &Path) -> Result<Connection, OpenError> {
    read_only(folder, &BOOKS)
}

/// Opens a connection to a file of the folder that cannot write.
pub(super) fn read_only(folder: &Path, of: &Database) -> Result<Connection, OpenError> {
    let path = folder.join(of.file);
    if !path.exists() {
        return Err(OpenError::Missing(folder.to_owned()));
    }
    let database = |source| OpenError::database(&path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(database)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(database)?;
    connection.set_prepared_statement_cache_capacity(64);
    let applied = check(&connection, &path, of)?;
    if applied != of.migrations.len() {
        return Err(OpenError::Older { path, found: applied as i64, known: of.migrations.len() as i64 });
    }
    Ok(connection)
}

/// How many migrations the file has: 0 for a new one. Refuses a file that is not ours, newer, or altered.
fn check(connection: &Connection, path: &Path, of: &Database) -> Result<usize, OpenError> {
    let database = |source| OpenError::database(path, source);
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(database);
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let known = of.migrations.len() as i64;
    let count = "SELECT count(*) FROM sqlite_schema";
    let objects: i64 = connection.query_row(count, (), |row| row.get(0)).map_err(database)?;
    if application == 0 && version == 0 && objects == 0 {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(OpenError::NotOurs {
            path: path.to_owned(),
            why: format!("its application id is {application:#x}"),
        });
    }
    if version > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
    }
    let mut statement =
        connection.prepare("SELECT version, digest FROM migration ORDER BY version").map_err(database)?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).map_err(database)?;
    let applied: Vec<(i64, [u8; 32])> = rows.collect::<Result<_, _>>().map_err(database)?;
    if applied.len() as i64 != version {
        let why = format!("it says schema {version} and lists {} migrations", applied.len());
        return Err(OpenError::NotOurs { path: path.to_owned(), why });
    }
    for ((version, found), sql) in applied.iter().zip(of.migrations) {
        if *found != digest(sql) {
            return Err(OpenError::Altered { path: path.to_owned(), version: *version });
        }
    }
    Ok(applied.len())
}

fn digest(sql: &str) -> [u8; 32] {
    Sha256::digest(sql).into()
}

/// The table of a day's charges.
pub(super) fn charge_table(day: ShanghaiDay) -> String {
    format!("charge_{}", day.compact())
}

/// Makes the table of a day's charges: rows are only ever added to it. `auction` is 16 bytes, big-endian, so that keys
/// arrive nearly in order and the index grows at its end.
pub(super) fn create_charge_table(connection: &Connection, day: ShanghaiDay) -> rusqlite::Result<()> {
    let table = charge_table(day);
    connection.execute_batch(&format!(
        "CREATE TABLE {table} (
            seq INTEGER PRIMARY KEY, auction BLOB NOT NULL CHECK (length(auction) = 16), imp INTEGER NOT NULL,
            slot INTEGER NOT NULL, resolution INTEGER NOT NULL, version INTEGER NOT NULL, media INTEGER NOT NULL,
            placement INTEGER NOT NULL, dsp INTEGER NOT NULL, buyer INTEGER NOT NULL, advertiser INTEGER NOT NULL,
            deal INTEGER NOT NULL, creative INTEGER NOT NULL, creative_version INTEGER NOT NULL, method INTEGER NOT NULL,
            lease INTEGER NOT NULL, quantity INTEGER NOT NULL, price INTEGER NOT NULL, earning INTEGER NOT NULL,
            amount INTEGER NOT NULL CHECK (amount >= 0), earned INTEGER NOT NULL CHECK (earned >= 0),
            at_ms INTEGER NOT NULL, via INTEGER NOT NULL, displayed_ms INTEGER
        ) STRICT;
        CREATE UNIQUE INDEX {table}_key ON {table} (auction, imp, slot);
        CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'charges are append-only'); END;
        CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'charges are append-only'); END;
        INSERT INTO charge_day VALUES ({});",
        day.0
    ))
}

/// The table of a day's clicks.
pub(super) fn click_table(day: ShanghaiDay) -> String {
    format!("click_{}", day.compact())
}

/// Makes the table of a day's clicks: a row for each ad, of which only the count and the times of its clicks change.
pub(super) fn create_click_table(connection: &Connection, day: ShanghaiDay) -> rusqlite::Result<()> {
    let table = click_table(day);
    let fixed = "media, placement, dsp, buyer, advertiser, deal, creative, creative_version";
    let columns: String = fixed.split(", ").map(|name| format!("{name} INTEGER NOT NULL, ")).collect();
    connection.execute_batch(&format!(
        "CREATE TABLE {table} (
            auction BLOB NOT NULL CHECK (length(auction) = 16), imp INTEGER NOT NULL, slot INTEGER NOT NULL, {columns}
            first_at_ms INTEGER NOT NULL, last_at_ms INTEGER NOT NULL, times INTEGER NOT NULL CHECK (times > 0),
            PRIMARY KEY (auction, imp, slot)
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER {table}_keep BEFORE UPDATE OF auction, imp, slot, {fixed} ON {table}
            BEGIN SELECT RAISE(ABORT, 'clicks are append-only'); END;
        CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'clicks are append-only'); END;
        INSERT INTO click_day VALUES ({});",
        day.0
    ))
}
