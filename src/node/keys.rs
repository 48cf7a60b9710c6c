//! The keys of the charge tokens: from where the config says, or one that the exchange made for itself.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::billing::token::TokenKey;
use crate::clock::secret_bytes;
use crate::control::config::{SecretError, TokenKeySource};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not where the config says, or not 64 bytes in hexadecimal.
    #[error("token key {0}: {1}")]
    Secret(u8, SecretError),
    /// The exchange's own key file.
    #[error("token key file {0}: {1}")]
    File(PathBuf, io::Error),
}

/// The keys in the config's order; without any, the one in the data folder, which is made at the first start (mode 0600).
pub(super) fn load(
    sources: &[TokenKeySource],
    data: &Path,
    variable: fn(&str) -> Option<String>,
) -> Result<Vec<TokenKey>, KeyError> {
    if sources.is_empty() {
        let path = data.join("token.key");
        let secret = own(&path).map_err(|error| KeyError::File(path, error))?;
        return Ok(vec![TokenKey { id: 0, secret }]);
    }
    let read = |source: &TokenKeySource| {
        let secret = source.secret.bytes::<64>(variable).map_err(|error| KeyError::Secret(source.id, error))?;
        Ok(TokenKey { id: source.id, secret })
    };
    sources.iter().map(read).collect()
}

fn own(path: &Path) -> io::Result<[u8; 64]> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let wrong =
                |_| io::Error::new(io::ErrorKind::InvalidData, "is not 64 bytes long; restore it or move it away");
            bytes.try_into().map_err(wrong)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(error),
    }
}

/// A new key, durable under its name before it is used: a token must never outlive its key.
fn make(path: &Path) -> io::Result<[u8; 64]> {
    let secret = secret_bytes::<64>()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let draft = path.with_extension("key.new");
    let _ = std::fs::remove_file(&draft);
    let mut file = options.open(&draft)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_key_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.key");
        let first = own(&path).unwrap();
        assert_eq!(own(&path).unwrap(), first);
        assert_ne!(first, [0; 64]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, b"short").unwrap();
        assert!(own(&path).unwrap_err().to_string().contains("64 bytes"));
    }
}
