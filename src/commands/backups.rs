//! `pmpx backup` and `pmpx restore`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use pmpx::clock::{Clock, UnixMillis};
use pmpx::settlement::ledger;
use pmpx::store::{self, Manifest, Restoring, SqliteReader};
use serde_json::json;

use super::{complain, say};
use crate::arguments::{Backup, Restore};

/// `pmpx backup`.
pub(crate) fn backup(arguments: &Backup) -> Result<ExitCode> {
    progress(&format!("backing up {}", arguments.data.display()));
    let done = store::backup(&arguments.data, &arguments.to, Clock::system().now())?;
    tell(&done, &arguments.to, "backed up to", arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

/// `pmpx restore`.
pub(crate) fn restore(arguments: &Restore) -> Result<ExitCode> {
    let now = Clock::system().now();
    progress(&format!("copying {} and comparing digests", arguments.from.display()));
    let restoring = Restoring::begin(&arguments.from, &arguments.data, now)?;
    progress("proving its books");
    let books = SqliteReader::open(restoring.folder())?;
    ledger::verify(&books).context("the backup's books are broken; nothing is restored")?;
    drop(books);
    let done = restoring.finish(now)?;
    tell(&done, &arguments.data, "restored to", arguments.json)?;
    complain(&format!(
        "what was won between {} and {} cannot be billed here: such notices get 410",
        UnixMillis(done.taken_at_ms).to_rfc3339(),
        now.to_rfc3339()
    ));
    if !done.files.iter().any(|file| file.name == "token.key") {
        complain("the backup has no token.key: the token keys must be where the config says");
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for whoever waits at a terminal.
fn progress(line: &str) {
    if std::io::stderr().is_terminal() {
        complain(line);
    }
}

fn tell(done: &Manifest, folder: &Path, what: &str, json: bool) -> Result<()> {
    if json {
        let files: Vec<_> = done
            .files
            .iter()
            .map(|file| json!({"name": file.name, "bytes": file.bytes, "sha256": file.sha256}))
            .collect();
        let (taken, seq) = (UnixMillis(done.taken_at_ms).to_rfc3339(), done.head_seq);
        return say(&json!({"folder": folder, "taken_at": taken, "head_seq": seq, "files": files}).to_string());
    }
    for file in &done.files {
        say(&format!("{}  {} bytes  {}", file.sha256, file.bytes, file.name))?;
    }
    let taken = UnixMillis(done.taken_at_ms).to_rfc3339();
    say(&format!("{what} {}: the store as of {taken}, journal rows 1 to {}", folder.display(), done.head_seq))
}
