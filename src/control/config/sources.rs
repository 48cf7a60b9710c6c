//! The files of a folder, read once.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::diagnostic::{Diagnostic, Diagnostics, File};

/// All files of a folder together are at most this large.
pub const LARGEST_FOLDER: u64 = 64 << 20;
/// The end of a file of certificates.
const PEM: &str = ".pem";

/// The texts of a config folder and their digest.
#[derive(Clone, Debug)]
pub struct Sources {
    folder: PathBuf,
    /// `None`: an optional file that is not there.
    texts: [Option<String>; File::ALL.len()],
    /// Certificates of authorities, by file name: any `*.pem`.
    certificates: BTreeMap<String, String>,
    digest: [u8; 32],
    /// Looks up `env:NAME`.
    pub(super) variable: fn(&str) -> Option<String>,
}

impl Sources {
    /// The sources from texts by file name, as a stored generation or a push over the admin API has them. `folder` is what problems
    /// name as their folder.
    ///
    /// # Errors
    /// [`Diagnostics`] when a file is missing, unknown, too large or not UTF-8.
    pub fn from_files(folder: &Path, mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, Diagnostics> {
        let mut problems = Problems::of(folder);
        let whole: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
        if whole > LARGEST_FOLDER {
            return Err(problems.with(Path::new(""), 1, too_large()).into());
        }
        let texts = File::ALL.map(|file| match files.remove(file.name()).map(String::from_utf8) {
            Some(Ok(text)) => Some(text),
            Some(Err(error)) => {
                let bytes = error.as_bytes();
                let good = &bytes[..error.utf8_error().valid_up_to()];
                let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
                problems.add(file.name(), line, "is not UTF-8 here".to_owned());
                None
            }
            None if file.is_optional() => None,
            None => {
                problems.add(file.name(), 1, "this file is missing".to_owned());
                None
            }
        });
        let mut certificates = BTreeMap::new();
        for (name, bytes) in files {
            match String::from_utf8(bytes) {
                Ok(text) if name.ends_with(PEM) => drop(certificates.insert(name, text)),
                Err(_) if name.ends_with(PEM) => problems.add(&name, 1, "is not UTF-8".to_owned()),
                _ => problems.add(&name, 1, format!("is no file of a config folder; those are {}", known())),
            }
        }
        problems.or_else(|| {
            let digest = digest(&texts, &certificates);
            Self { folder: folder.to_owned(), texts, certificates, digest, variable: |_| None }
        })
    }

    /// The same with an environment for what stands in it (`env:NAME`); without, every such secret is missing.
    #[must_use]
    pub fn with_environment(self, variable: fn(&str) -> Option<String>) -> Self {
        Self { variable, ..self }
    }

    /// The folder as it was given.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// SHA-256 over the sorted names and contents of the files that are there.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Names and contents, those of certificates last, each sorted by name: what a generation is stored as.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        named(&self.texts).chain(self.certificates.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    /// The certificates in a `*.pem` file of the folder.
    pub(super) fn certificates(&self, name: &str) -> Option<&str> {
        self.certificates.get(name).map(String::as_str)
    }

    pub(super) fn text(&self, file: File) -> &str {
        self.optional_text(file).unwrap_or_default()
    }

    /// What a file says that may be missing.
    pub(super) fn optional_text(&self, file: File) -> Option<&str> {
        self.texts.get(file as usize)?.as_deref()
    }
}

/// Reads the files of a folder. Links are followed; hidden files and those that are not `*.toml` or `*.pem` are passed over.
///
/// # Errors
/// [`Diagnostics`] when the folder or a file cannot be read, a file is missing, unknown, too large or not UTF-8.
pub fn load(folder: &Path) -> Result<Sources, Diagnostics> {
    let mut problems = Problems::of(folder);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return Err(problems.with(Path::new(""), 1, format!("cannot be read: {error}")).into()),
    };
    let mut files = BTreeMap::new();
    let mut left = LARGEST_FOLDER;
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => return Err(problems.with(Path::new(""), 1, format!("cannot be read: {error}")).into()),
        };
        let pem = path.extension() == Some(OsStr::new("pem"));
        let (Some(name), true) = (path.file_name(), pem || path.extension() == Some(OsStr::new("toml"))) else {
            continue;
        };
        // Editors keep locks and copies as hidden files.
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let known_file = File::ALL.iter().any(|file| OsStr::new(file.name()) == name);
        let bytes = if known_file || pem { read_bounded(&path, left) } else { Ok(Vec::new()) };
        match bytes {
            Ok(bytes) if bytes.len() as u64 > left => {
                return Err(problems.with(Path::new(""), 1, too_large()).into());
            }
            Ok(bytes) => {
                left -= bytes.len() as u64;
                files.insert(name.to_string_lossy().into_owned(), bytes);
            }
            Err(error) => return Err(problems.with(Path::new(name), 1, format!("cannot be read: {error}")).into()),
        }
    }
    Sources::from_files(folder, files)
}

/// At most one byte more than is left, to see that there was more.
fn read_bounded(path: &Path, left: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("is not a regular file"));
    }
    std::fs::File::open(path)?.take(left + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The files that are there.
fn named(texts: &[Option<String>]) -> impl Iterator<Item = (&str, &str)> {
    File::ALL.iter().zip(texts).filter_map(|(file, text)| Some((file.name(), text.as_deref()?)))
}

fn digest(texts: &[Option<String>], certificates: &BTreeMap<String, String>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, text) in named(texts).chain(certificates.iter().map(|(name, text)| (name.as_str(), text.as_str()))) {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}

fn known() -> String {
    File::ALL.map(File::name).join(", ")
}

fn too_large() -> String {
    format!("the files together are above {}MiB", LARGEST_FOLDER >> 20)
}

/// Problems of files as a whole.
struct Problems<'a> {
    folder: &'a Path,
    found: Vec<Diagnostic>,
}

impl<'a> Problems<'a> {
    fn of(folder: &'a Path) -> Self {
        Self { folder, found: Vec::new() }
    }

    fn add(&mut self, file: &str, line: usize, message: String) {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.found.push(Diagnostic { file: self.folder.join(file), line, message });
    }

    fn with(&mut self, file: &Path, line: u32, message: String) -> Vec<Diagnostic> {
        let file = if file.as_os_str().is_empty() { self.folder.to_owned() } else { self.folder.join(file) };
        self.found.push(Diagnostic { file, line, message });
        std::mem::take(&mut self.found)
    }

    fn or_else<T>(self, make: impl FnOnce() -> T) -> Result<T, Diagnostics> {
        if self.found.is_empty() { Ok(make()) } else { Err(self.found.into()) }
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(problems: Vec<Diagnostic>) -> Self {
        Self::new(problems, 0)
    }
}
