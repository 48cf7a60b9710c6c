//! Backups of a data folder while it is served from, and new data folders from them (`docs/decisions/0024-backups.md`).
//!
//! A backup is a folder with `pmpx.db` (one moment's store, without free pages), `content.db` (the same of what is reviewed), the token
//! keys that the data folder has, and `backup.json`, which is written last and names the others with their sizes and digests: a folder
//! without it is no backup.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{OpenError, claim, journal, schema};
use crate::clock::UnixMillis;

const MANIFEST: &str = "backup.json";
/// Without them nothing that was won can be billed.
const KEYS: [&str; 2] = ["token.key", "token-keys.json"];
/// By how much boot numbers go on after a restore: the lost store has started less often than that since the backup.
const BOOTS: u32 = 4_096;
/// By how much numbers of leases go on: at a million leases a day, four months.
const LEASES: i64 = 1 << 27;

/// Why there is no backup, or why it was not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something already: nothing is ever overwritten.
    #[error("{0}: there is something in this folder already; name a new one")]
    Taken(PathBuf),
    /// The folder is no backup, or one that did not come to its end.
    #[error("{path}: {why}")]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What a backup is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form: 1.
    pub form: u32,
    /// When it was begun, Unix ms: what was won later is not in it.
    pub taken_at_ms: u64,
    /// The last row of the journal in it.
    pub head_seq: u64,
    /// Its files.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// Copies a file of the data folder as it is at one moment, without free pages.
fn copy_database(store: &Connection, to: &Path) -> Result<(), BackupError> {
    // Made here, so that nobody else may read it: SQLite writes into a file that is empty.
    create(to)?;
    store.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map_err(|source| OpenError::database(to, source))?;
    Ok(())
}

/// Writes a backup of `data` to a new folder; whoever serves from `data` is not stopped. Everything is on disk when it returns.
///
/// # Errors
/// [`BackupError`]; what was begun is taken away again.
pub fn backup(data: &Path, to: &Path, now: UnixMillis) -> Result<Manifest, BackupError> {
    let store = schema::open_for_reading(data)?;
    let folder = NewFolder::make(to)?;
    let database = schema::file_in(&folder.0);
    copy_database(&store, &database)?;
    drop(store);
    let head_seq = schema::open_for_reading(&folder.0).map_err(BackupError::Open).and_then(|copy| {
        journal::head_seq(&copy).map_err(|why| BackupError::NotABackup { path: database.clone(), why: why.to_string() })
    })?;
    let mut files = vec![described(&folder.0, schema::BOOKS.file)?];
    // A data folder of a program that knew no reviews has none.
    if data.join(schema::CONTENT.file).exists() {
        let content = schema::read_only(data, &schema::CONTENT)?;
        copy_database(&content, &folder.0.join(schema::CONTENT.file))?;
        files.push(described(&folder.0, schema::CONTENT.file)?);
    }
    for key in KEYS.into_iter().filter(|key| data.join(key).exists()) {
        copy(&data.join(key), &folder.0.join(key))?;
        files.push(described(&folder.0, key)?);
    }
    let manifest = Manifest { form: 1, taken_at_ms: now.0, head_seq, files };
    let path = folder.0.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(&path)(error.into()))?;
    let mut file = create(&path)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(&path))?;
    folder.keep(to)?;
    Ok(manifest)
}

/// A backup's copy in a folder beside the new data folder, its digests compared. Prove it, then [`Restoring::finish`]; dropped, it is taken
/// away again.
#[derive(Debug)]
pub struct Restoring {
    folder: NewFolder,
    data: PathBuf,
    manifest: Manifest,
}

impl Restoring {
    /// Copies a backup for a new data folder, and brings it up to this program's schema.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left.
    pub fn begin(from: &Path, data: &Path, now: UnixMillis) -> Result<Self, BackupError> {
        let path = from.join(MANIFEST);
        let no_backup = |path: &Path, why: &str| BackupError::NotABackup { path: path.to_owned(), why: why.to_owned() };
        let text = std::fs::read(&path).map_err(|why| {
            no_backup(&path, &format!("cannot be read ({why}); is this the folder of a backup that was finished?"))
        })?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|why| no_backup(&path, &format!("is no list of a backup's files: {why}")))?;
        if manifest.form != 1 {
            return Err(no_backup(&path, "is of a later program"));
        }
        let folder = NewFolder::make(data)?;
        for file in &manifest.files {
            let is_database = [&schema::BOOKS, &schema::CONTENT].iter().any(|it| it.file == file.name);
            if !is_database && !KEYS.contains(&file.name.as_str()) {
                return Err(no_backup(&path, &format!("names {:?}, which no backup has", file.name)));
            }
            copy(&from.join(&file.name), &folder.0.join(&file.name))?;
            if described(&folder.0, &file.name)? != *file {
                return Err(no_backup(&from.join(&file.name), "is not what was backed up: its size or digest differs"));
            }
        }
        let lock = claim::alone(&folder.0)?;
        for of in [&schema::BOOKS, &schema::CONTENT] {
            if of.file == schema::CONTENT.file && !manifest.files.iter().any(|it| it.name == of.file) {
                continue;
            }
            let connection = schema::up_to_date(&folder.0, of, now)?;
            let sound = "SELECT integrity_check FROM pragma_integrity_check LIMIT 1";
            let sound: String = connection
                .query_row(sound, (), |row| row.get(0))
                .map_err(|source| OpenError::database(&from.join(of.file), source))?;
            if sound != "ok" {
                return Err(no_backup(&from.join(of.file), &sound));
            }
            let done = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            done.map_err(|source| OpenError::database(&folder.0.join(of.file), source))?;
        }
        drop(lock);
        Ok(Self { folder, data: data.to_owned(), manifest })
    }

    /// Where the copy is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Numbers boots and leases on, so that nothing is numbered as it was on the lost disk, notes the restore, and gives the folder its name.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left.
    pub fn finish(self, now: UnixMillis) -> Result<Manifest, BackupError> {
        let Self { folder, data, manifest } = self;
        let path = schema::file_in(&folder.0);
        let mut connection = schema::open_for_writing(&folder.0, now)?;
        let renumbered = (|| {
            let transaction = connection.transaction()?;
            transaction.execute("UPDATE node SET boot = boot + ?1", [BOOTS])?;
            let lease = "SELECT max((SELECT coalesce(max(id), 0) FROM lease), (SELECT coalesce(max(first_lease), 0) FROM restored))";
            let lease: i64 = transaction.query_row(lease, (), |row| row.get(0))?;
            transaction.execute(
                "INSERT INTO restored (taken_at_ms, restored_at_ms, last_seq, first_lease) VALUES (?1, ?2, ?3, ?4)",
                (manifest.taken_at_ms, now.0, manifest.head_seq, lease + LEASES),
            )?;
            transaction.commit()?;
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        })();
        renumbered.map_err(|source| OpenError::database(&path, source))?;
        connection.close().map_err(|(_, source)| OpenError::database(&path, source))?;
        folder.keep(&data)?;
        Ok(manifest)
    }
}

/// A folder under a name of its own until it is whole; dropped before, it is taken away.
#[derive(Debug)]
struct NewFolder(PathBuf);

impl NewFolder {
    /// Beside `target`, which must not be there, or be an empty folder.
    fn make(target: &Path) -> Result<Self, BackupError> {
        refuse_taken(target)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = target.with_file_name(name);
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        builder.create(&part).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Taken(part.clone()),
            _ => BackupError::File { path: part.clone(), source },
        })?;
        Ok(Self(part))
    }

    /// Gives it its name, durably.
    fn keep(self, target: &Path) -> Result<(), BackupError> {
        refuse_taken(target)?;
        let done = (|| {
            for entry in std::fs::read_dir(&self.0)? {
                File::open(entry?.path())?.sync_all()?;
            }
            File::open(&self.0)?.sync_all()?;
            std::fs::rename(&self.0, target)?;
            let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        })();
        done.map_err(at(target))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // After it got its name there is nothing under this one.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn refuse_taken(target: &Path) -> Result<(), BackupError> {
    let free = match std::fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if free { Ok(()) } else { Err(BackupError::Taken(target.to_owned())) }
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path: path.clone(), source }
}

/// A new file that only its owner may read.
fn create(path: &Path) -> Result<File, BackupError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at(path))
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(at(from))?;
    let mut target = create(to)?;
    io::copy(&mut source, &mut target).map_err(at(to))?;
    Ok(())
}

fn described(folder: &Path, name: &str) -> Result<BackupFile, BackupError> {
    let path = folder.join(name);
    let mut file = File::open(&path).map_err(at(&path))?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(at(&path))? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(BackupFile { name: name.to_owned(), bytes, sha256 })
}
