//! When the files of the config folder have changed and come to rest.
//!
//! The folder is looked at twice a second instead of being told of changes by the kernel: a look works the same on network and
//! overlay file systems, for links that are turned to another folder, for a folder that is itself replaced, and needs no watch that can
//! be lost. It costs some ten calls of the system.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// After so many looks that all found something else, the folder is taken as it is.
const MOST_LOOKS: u32 = 20;

/// What tells one state of a folder from another; `None` for what cannot be read.
type Print = Option<Vec<(OsString, Option<FilePrint>)>>;

/// Device, inode, length, and the times of content and inode in nanoseconds.
type FilePrint = (u64, u64, u64, (i64, i64), (i64, i64));

/// A config folder that is looked at now and then.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    /// As it was when it was last acted upon.
    known: Print,
    /// As it was at the last look, when that was something else.
    seen: Option<Print>,
    looks: u32,
}

impl Watch {
    /// How long to wait between two looks.
    pub const PAUSE: Duration = Duration::from_millis(500);

    /// Watches a folder for changes from now on. To be made before the folder is read for the first time.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: print(folder), seen: None, looks: 0 }
    }

    /// Looks at the folder. `true` once for each change: when two looks after it found the same, so that the several writes of an
    /// editor or a deployment are one change, or after ten seconds without rest.
    pub fn look(&mut self) -> bool {
        let now = print(&self.folder);
        if now == self.known {
            self.seen = None;
            self.looks = 0;
            return false;
        }
        self.looks += 1;
        let rests = self.seen.as_ref() == Some(&now);
        if rests || self.looks >= MOST_LOOKS {
            self.known = now;
            self.seen = None;
            self.looks = 0;
            return true;
        }
        self.seen = Some(now);
        false
    }
}

/// The files that a reload would read, links followed, by name.
fn print(folder: &Path) -> Print {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        let visible = path.file_name().filter(|name| !name.as_encoded_bytes().starts_with(b"."));
        if let (Some(name), true) = (visible, path.extension().is_some_and(|it| it == "toml" || it == "pem")) {
            files.push((name.to_owned(), std::fs::metadata(&path).ok().map(|it| of_file(&it))));
        }
    }
    files.sort();
    Some(files)
}

fn of_file(it: &Metadata) -> FilePrint {
    (it.dev(), it.ino(), it.len(), (it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, text: &str) {
        std::fs::write(folder.join("deals.toml"), text).unwrap();
    }

    #[test]
    fn several_writes_are_one_change_and_it_waits_for_rest() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), "one");
        let mut watch = Watch::new(folder.path());
        assert!(!watch.look());
        written(folder.path(), "two, longer");
        assert!(!watch.look());
        written(folder.path(), "three, still longer");
        assert!(!watch.look(), "written again since the last look");
        assert!(watch.look());
        assert!(!watch.look(), "once");
    }

    #[test]
    fn what_is_replaced_is_a_change_whatever_its_length_and_time() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), "one");
        let path = folder.path().join("deals.toml");
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut watch = Watch::new(folder.path());
        let other = folder.path().join("deals.toml.new");
        std::fs::write(&other, "two").unwrap();
        std::fs::File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
        assert!(!watch.look() && !watch.look(), "no file of the config yet");
        std::fs::rename(&other, &path).unwrap();
        assert!(!watch.look());
        assert!(watch.look());
    }

    #[test]
    fn a_link_that_is_turned_and_a_folder_that_goes_are_changes() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second, link] = ["first", "second", "link"].map(|name| folder.path().join(name));
        for place in [&first, &second] {
            std::fs::create_dir(place).unwrap();
            written(place, "the same");
        }
        std::os::unix::fs::symlink(&first, &link).unwrap();
        let mut watch = Watch::new(&link);
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&second, &link).unwrap();
        assert_eq!([watch.look(), watch.look()], [false, true]);
        std::fs::remove_dir_all(&second).unwrap();
        assert_eq!([watch.look(), watch.look(), watch.look()], [false, true, false]);
    }

    #[test]
    fn a_folder_that_never_rests_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path());
        let looks: Vec<_> = (1..=25)
            .map(|length| {
                written(folder.path(), &"x".repeat(length));
                watch.look()
            })
            .collect();
        assert_eq!(looks.iter().position(|changed| *changed), Some(19));
        assert_eq!(looks.iter().filter(|changed| **changed).count(), 1);
    }
}
