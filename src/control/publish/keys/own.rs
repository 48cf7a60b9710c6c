//! The key that the exchange makes for itself where the config names none: enough for one node.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::KeyError;
use crate::clock::secret_bytes;

/// The own key, if it is there; made when it is needed (mode 0600).
pub(super) fn read(data: &Path, needed: bool) -> Result<Option<[u8; 64]>, KeyError> {
    let path = data.join("token.key");
    let secret = match std::fs::read(&path) {
        Ok(bytes) => {
            let wrong =
                |_| io::Error::new(io::ErrorKind::InvalidData, "is not 64 bytes long; restore it or move it away");
            bytes.try_into().map_err(wrong).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => needed.then(|| make(&path)).transpose(),
        Err(error) => Err(error),
    };
    secret.map_err(|error| KeyError::File(path, error))
}

/// Keeps other processes of the data folder from its keys until it is dropped. They have it for some writes at most.
pub(super) fn alone(data: &Path) -> Result<File, KeyError> {
    let path = data.join("token-keys.lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let locked = options.open(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| KeyError::File(path, error))
}

/// A new key, durable under its name before it is used: a token must never outlive its key.
fn make(path: &Path) -> io::Result<[u8; 64]> {
    let secret = secret_bytes::<64>()?;
    write(path, &secret)?;
    Ok(secret)
}

/// Writes a file of its owner's only, whole or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let draft = path.with_added_extension("new");
    let _ = std::fs::remove_file(&draft);
    let mut file = options.open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
