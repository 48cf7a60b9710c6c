//! The files of a folder, read once.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::diagnostic::{Diagnostic, Diagnostics, File};

/// All files of a folder together are at most this large.
pub const LARGEST_FOLDER: u64 = 64 << 20;

/// The texts of a config folder and their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    folder: PathBuf,
    texts: [String; File::ALL.len()],
    digest: [u8; 32],
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
            Some(Ok(text)) => text,
            Some(Err(error)) => {
                let bytes = error.as_bytes();
                let good = &bytes[..error.utf8_error().valid_up_to()];
                let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
                problems.add(file.name(), line, "is not UTF-8 here".to_owned());
                String::new()
            }
            None => {
                problems.add(file.name(), 1, "this file is missing".to_owned());
                String::new()
            }
        });
        for name in files.keys() {
            problems.add(name, 1, format!("is no file of a config folder; those are {}", known()));
        }
        problems.or_else(|| {
            let digest = digest(&texts);
            Self { folder: folder.to_owned(), texts, digest }
        })
    }

    /// The folder as it was given.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// SHA-256 over the sorted names and contents.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Names and contents, sorted by name: what a generation is stored as.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        File::ALL.iter().map(|file| file.name()).zip(self.texts.iter().map(String::as_str))
    }

    pub(super) fn text(&self, file: File) -> &str {
        &self.texts[file as usize]
    }
}

/// Reads the files of a folder. Links are followed; hidden files and those that are not `*.toml` are passed over.
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
        let (Some(name), true) = (path.file_name(), path.extension() == Some(OsStr::new("toml"))) else { continue };
        // Editors keep locks and copies as hidden files.
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let known_file = File::ALL.iter().any(|file| OsStr::new(file.name()) == name);
        let bytes = if known_file { read_bounded(&path, left) } else { Ok(Vec::new()) };
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

fn digest(texts: &[String]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (file, text) in File::ALL.iter().zip(texts) {
        for part in [file.name(), text.as_str()] {
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
