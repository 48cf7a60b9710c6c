//! Who works on a data folder: locks of files in it, which the system gives back when their process ends, however it ends
//! (`docs/decisions/0025-several-processes.md`).
//!
//! | file | shared | alone |
//! |---|---|---|
//! | `pmpx.lock` | every process that writes | whoever changes the schema, or restores |
//! | `node-N.lock` | | the process that is node N |
//! | `lead.lock` | | the process that does the housekeeping |
//! | `publish.lock` | | the process that stores a generation |
//! | `content.lock` | | the process that opens the docket |

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::schema::{self, OpenError};
use crate::clock::UnixMillis;
use crate::event::StoreUnavailable;
use crate::ids::NodeId;

/// How long a lock that somebody else has is tried again: a process that is being killed still has its locks for a moment, and others that
/// start hold each other up for some milliseconds.
const PAUSE: Duration = Duration::from_millis(20);
/// How often the folder and a node's number are tried: half a second.
const TRIES: u32 = 25;
/// How often it is tried to store a generation, or to open the docket: ten seconds.
const LONG_TRIES: u32 = 500;

/// A process's share of a data folder. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Claim {
    _folder: File,
    _node: Option<File>,
}

impl Claim {
    /// Shares the folder as a node, once its schema is this program's; another process that is the same node is refused.
    pub(super) fn as_node(folder: &Path, node: NodeId, now: UnixMillis) -> Result<Self, OpenError> {
        make(folder)?;
        let shared = shared(folder, now)?;
        let path = folder.join(format!("node-{}.lock", node.0));
        let alone = patiently(TRIES, || attempt(&path, File::try_lock))?;
        let alone = alone.ok_or_else(|| OpenError::NodeInUse { path: folder.to_owned(), node: node.0 })?;
        Ok(Self { _folder: shared, _node: Some(alone) })
    }

    /// Shares the folder, which must be there, without being a node.
    pub(super) fn as_visitor(folder: &Path, now: UnixMillis) -> Result<Self, OpenError> {
        if !schema::file_in(folder).exists() {
            return Err(OpenError::Missing(folder.to_owned()));
        }
        Ok(Self { _folder: shared(folder, now)?, _node: None })
    }
}

/// Makes the folder (0700) with the files that others get their mode from.
pub(super) fn make(folder: &Path) -> Result<(), OpenError> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let fail = |source| OpenError::Folder { path: folder.to_owned(), source };
    builder.recursive(true).create(folder).map_err(fail)?;
    // SQLite gives its -wal and -shm files the mode of the main file, so that one is made here.
    file(&schema::file_in(folder)).map(drop)
}

/// Takes a folder for one process alone; refused while anybody else works on it.
pub(super) fn alone(folder: &Path) -> Result<File, OpenError> {
    make(folder)?;
    let path = folder.join("pmpx.lock");
    patiently(TRIES, || attempt(&path, File::try_lock))?.ok_or_else(|| OpenError::InUse(folder.to_owned()))
}

/// Shares a folder whose schema is this program's: brings it there first, alone, if it is older.
pub(super) fn shared(folder: &Path, now: UnixMillis) -> Result<File, OpenError> {
    let path = folder.join("pmpx.lock");
    let taken = patiently(TRIES, || {
        let Some(lock) = attempt(&path, File::try_lock_shared)? else { return Ok(None) };
        if schema::is_current(folder)? {
            return Ok(Some(lock));
        }
        drop(lock);
        // Whoever comes second finds it done.
        if let Some(alone) = attempt(&path, File::try_lock)? {
            drop(schema::open_for_writing(folder, now)?);
            drop(alone);
        }
        Ok(None)
    })?;
    taken.ok_or_else(|| OpenError::InUse(folder.to_owned()))
}

/// Does something as the only process that stores a generation.
pub(super) fn while_publishing<T>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, StoreUnavailable>,
) -> Result<T, StoreUnavailable> {
    let path = folder.join("publish.lock");
    let lock = patiently(LONG_TRIES, || attempt(&path, File::try_lock));
    let lock = lock.map_err(|error| StoreUnavailable(error.to_string()))?;
    let Some(lock) = lock else {
        return Err(StoreUnavailable("another process has been storing a generation for ten seconds".to_owned()));
    };
    let done = work();
    drop(lock);
    done
}

/// Opens the docket while no other process opens it. Two that turn a new file into one with a write-ahead log at the same moment refuse each
/// other at once, whatever they were told to wait.
pub(super) fn while_opening<T>(folder: &Path, work: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let path = folder.join("content.lock");
    let lock = patiently(LONG_TRIES, || attempt(&path, File::try_lock))?;
    let lock = lock.ok_or_else(|| OpenError::InUse(folder.to_owned()))?;
    let done = work();
    drop(lock);
    done
}

/// Does something while no process is that node; `None` when one is.
pub(super) fn while_away<T>(folder: &Path, node: NodeId, work: impl FnOnce() -> T) -> Option<T> {
    let lock = attempt(&folder.join(format!("node-{}.lock", node.0)), File::try_lock).ok().flatten()?;
    let done = work();
    drop(lock);
    Some(done)
}

/// Whether no process is that node now.
#[must_use]
pub fn node_is_away(folder: &Path, node: NodeId) -> bool {
    while_away(folder, node, || ()).is_some()
}

/// Who does the housekeeping.
#[derive(Debug, Default)]
pub(super) struct Lead {
    lock: Option<File>,
    /// The node has ended: it leads no more.
    over: bool,
}

impl Lead {
    /// Whether this process leads, from now on if nobody does.
    pub(super) fn take(&mut self, folder: &Path) -> bool {
        if self.lock.is_none() && !self.over {
            self.lock = attempt(&folder.join("lead.lock"), File::try_lock).ok().flatten();
        }
        self.lock.is_some()
    }

    /// Leaves it to another process.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.lock = None;
    }
}

/// One attempt at a lock; `None` when somebody else has it.
fn attempt(path: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Option<File>, OpenError> {
    let file = file(path)?;
    match lock(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { path: path.to_owned(), source }),
    }
}

/// Lets time pass while another process has a lock: on threads that may wait, and bounded by whoever calls.
#[allow(clippy::disallowed_methods, reason = "locks of files, unlike channels, cannot be waited for with a bound")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Tries so often, with pauses.
fn patiently<T>(tries: u32, mut attempt: impl FnMut() -> Result<Option<T>, OpenError>) -> Result<Option<T>, OpenError> {
    for left in (0..tries).rev() {
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
        if left > 0 {
            pause(PAUSE);
        }
    }
    Ok(None)
}

/// A file that only its owner may read; made when it is not there.
pub(super) fn file(path: &Path) -> Result<File, OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}
