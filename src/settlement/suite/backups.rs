//! A backup of a folder that is served from, and what is made of it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::seals::{after_the_day, seal_next};
use super::*;
use crate::event::{Archive, Docket};
use crate::store::{BackupError, Manifest, Restoring, SqliteDocket, SqliteReader, backup};

struct Drill {
    folder: tempfile::TempDir,
    store: SqliteStore,
    lease: LeaseId,
}

impl Drill {
    /// A store with a lease and ten charges.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path().join("data"), NodeId(1)), noon()).unwrap();
        std::fs::write(folder.path().join("data/token.key"), [7; 64]).unwrap();
        top_up(&store, "bank 1", 1_000_000).unwrap();
        let lease = grant(&store, CASH, 100_000).unwrap().id;
        for number in 0..10 {
            record(&store, posted(charge(number, lease, Method::Pd, 10))).unwrap();
        }
        Self { folder, store, lease }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn backup(&self, to: &str, now: UnixMillis) -> Result<Manifest, BackupError> {
        backup(&self.path("data"), &self.path(to), now)
    }

    fn restore(&self, from: &str, to: &str, now: UnixMillis) -> Result<Manifest, BackupError> {
        let restoring = Restoring::begin(&self.path(from), &self.path(to), now)?;
        verify(&SqliteReader::open(restoring.folder()).unwrap()).unwrap();
        restoring.finish(now)
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(Options::new(path, NodeId(1)), noon()).unwrap()
}

#[test]
fn a_backup_is_one_moment_of_a_store_that_goes_on() {
    let drill = Drill::start();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (manifest, served) = std::thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut number = 10;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                record(&drill.store, posted(charge(number, drill.lease, Method::Pd, 10))).unwrap();
                number += 1;
            }
            number
        });
        while drill.store.head_seq() < 50 {
            std::thread::yield_now();
        }
        let manifest = drill.backup("backup", noon()).unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (manifest, serving.join().unwrap())
    });
    assert!(manifest.head_seq >= 50 && manifest.head_seq <= u64::from(served));
    assert_eq!(names(&drill.path("backup")), ["backup.json", "pmpx.db", "token.key"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&drill.path("backup")), 0o700);
    for name in names(&drill.path("backup")) {
        assert_eq!(mode(&drill.path("backup").join(&name)), 0o600, "{name}");
    }
    let size = std::fs::metadata(drill.path("backup/pmpx.db")).unwrap().len();
    assert_eq!((manifest.files[0].name.as_str(), manifest.files[0].bytes), ("pmpx.db", size));
    assert!(matches!(drill.backup("backup", noon()), Err(BackupError::Taken(_))), "nothing is overwritten");
    assert_eq!(names(drill.folder.path()), ["backup", "data"], "nothing else is left");
    // Whatever was acknowledged before the backup is in it; the store goes on.
    drill.restore("backup", "new", noon()).unwrap();
    assert_eq!(names(&drill.path("new")), ["pmpx.db", "pmpx.lock", "token.key"]);
    let rows = SqliteReader::open(&drill.path("new")).unwrap();
    assert_eq!(crate::event::Books::head_seq(&rows), Ok(manifest.head_seq));
    assert_eq!(std::fs::read(drill.path("new/token.key")).unwrap(), [7; 64]);
    assert_eq!(mode(&drill.path("new")), 0o700);
    assert_eq!(mode(&drill.path("new/pmpx.db")), 0o600);
    assert_eq!(drill.store.head_seq(), u64::from(served));
}

/// What the lost disk has acknowledged after the backup is lost; nothing of it may be taken for something else.
#[test]
fn what_was_won_after_the_backup_is_refused_and_no_number_comes_again() {
    let drill = Drill::start();
    let before = charge(100, drill.lease, Method::Pd, 10);
    let taken = noon().plus_ms(1_000);
    drill.backup("backup", taken).unwrap();
    // The lost disk: another start, another lease, charges of the old and of the new lease.
    let Drill { folder, store, lease } = drill;
    drop(store);
    let lost = open(&folder.path().join("data"));
    let lost_lease = grant(&lost, CASH, 100_000).unwrap().id;
    let at = |charge: Charge, ms: u64| {
        let auction = AuctionId(charge.key.auction.0 + (u128::from(ms) << 80));
        Charge { key: ChargeKey { auction, ..charge.key }, ..charge }
    };
    let under_old = at(charge(101, lease, Method::Pd, 10), 1_001);
    let under_new = at(charge(102, lost_lease, Method::Pd, 10), 2_000);
    for charge in [under_old, under_new] {
        assert_eq!(record(&lost, posted(charge)), Ok(Recorded::Posted));
    }
    let boots = lost.boot();
    drop(lost);
    let restored = noon().plus_ms(60_000);
    let restoring = Restoring::begin(&folder.path().join("backup"), &folder.path().join("new"), restored).unwrap();
    restoring.finish(restored).unwrap();
    let store = open(&folder.path().join("new"));
    assert!(store.boot().0 > boots.0 + 4_000, "auction ids of the lost starts do not come again");
    let fresh = grant(&store, CASH, 1_000).unwrap().id;
    assert!(fresh.0 > lost_lease.0 + 100_000_000, "nor do numbers of leases");
    assert!(grant(&store, CASH, 1_000).unwrap().id.0 == fresh.0 + 1);
    assert_eq!(record(&store, posted(under_old)), Ok(Recorded::LeaseClosed), "it belonged to the lost disk");
    assert_eq!(record(&store, posted(under_new)), Ok(Recorded::LeaseClosed));
    clicks::click(&store, under_old, 1_500);
    assert_eq!(record(&store, posted(at(before, 1_000))), Ok(Recorded::Posted), "won at the backup's moment");
    assert_eq!(record(&store, posted(charge(1, lease, Method::Pd, 10))), Ok(Recorded::AlreadyPosted));
    let later = at(charge(103, fresh, Method::Pd, 10), 60_001);
    assert_eq!(record(&store, posted(later)), Ok(Recorded::Posted));
    assert_eq!(store.snapshot().unwrap().clicks(DAY, None, 9), Ok(vec![]));
    derive(&store, noon()).unwrap();
    assert_eq!(verify(&*store.snapshot().unwrap()).unwrap().charges, 12);
    for sql in ["UPDATE restored SET last_seq = 0", "DELETE FROM restored"] {
        let refused = store.raw(move |connection| Ok(connection.execute_batch(sql)?)).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[test]
fn a_backup_that_is_not_whole_or_was_altered_is_refused_and_leaves_nothing() {
    let drill = Drill::start();
    drill.backup("backup", noon()).unwrap();
    let refused = |prepare: &dyn Fn(&Path)| {
        let copy = tempfile::tempdir().unwrap();
        for name in names(&drill.path("backup")) {
            std::fs::copy(drill.path("backup").join(&name), copy.path().join(&name)).unwrap();
        }
        prepare(copy.path());
        let error = Restoring::begin(copy.path(), &drill.path("new"), noon()).unwrap_err();
        assert_eq!(names(drill.folder.path()), ["backup", "data"]);
        error.to_string()
    };
    let missing = refused(&|copy| std::fs::remove_file(copy.join("backup.json")).unwrap());
    assert!(missing.contains("backup.json") && missing.contains("finished"), "{missing}");
    let flipped = refused(&|copy| {
        let mut bytes = std::fs::read(copy.join("pmpx.db")).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(copy.join("pmpx.db"), bytes).unwrap();
    });
    assert!(flipped.contains("pmpx.db") && flipped.contains("digest"), "{flipped}");
    let keyless = refused(&|copy| std::fs::remove_file(copy.join("token.key")).unwrap());
    assert!(keyless.contains("token.key"), "{keyless}");
    let elsewhere = refused(&|copy| {
        let text = std::fs::read_to_string(copy.join("backup.json")).unwrap();
        std::fs::write(copy.join("backup.json"), text.replace("token.key", "../token.key")).unwrap();
    });
    assert!(elsewhere.contains("which no backup has"), "{elsewhere}");
    assert!(matches!(Restoring::begin(&drill.path("backup"), &drill.path("data"), noon()), Err(BackupError::Taken(_))));
    assert!(matches!(backup(&drill.path("no"), &drill.path("new"), noon()), Err(BackupError::Open(_))));
    assert_eq!(names(drill.folder.path()), ["backup", "data"]);
}

/// A sealed day whose detail is half swept out is backed up like any other.
#[test]
fn r_records_seals_are_in_a_backup_and_free_space_is_not() {
    let drill = Drill::start();
    for number in 10..5_000 {
        drill.store.submit(Lane(0), posted(charge(number, drill.lease, Method::Pd, 10))).unwrap();
    }
    drill.store.close_dead(after_the_day()).unwrap();
    derive(&drill.store, noon()).unwrap();
    seal_next(&drill.store, after_the_day()).unwrap();
    drill.store.let_go(DAY, after_the_day()).unwrap();
    drill.store.sweep(1_000).unwrap();
    let half = drill.backup("half", after_the_day()).unwrap();
    while drill.store.sweep(1_000).unwrap() {}
    let swept = drill.backup("swept", after_the_day()).unwrap();
    assert!(swept.files[0].bytes * 2 < half.files[0].bytes, "{swept:?} {half:?}");
    drill.restore("half", "new", after_the_day()).unwrap();
    let store = open(&drill.path("new"));
    while store.sweep(1_000).unwrap() {}
    let proof = verify(&*store.snapshot().unwrap()).unwrap();
    assert_eq!((proof.charges, proof.sealed_days, proof.gone_days), (5_000, 1, 1));
}

#[test]
fn what_is_reviewed_is_backed_up_too() {
    let drill = Drill::start();
    let docket = SqliteDocket::open(&drill.path("data"), noon()).unwrap();
    let digest = docket.keep(b"licence", noon()).unwrap();
    let manifest = drill.backup("backup", noon()).unwrap();
    let listed: Vec<_> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(listed, ["pmpx.db", "content.db", "token.key"]);
    docket.keep(b"later", noon()).unwrap();
    drill.restore("backup", "restored", noon()).unwrap();
    let restored = SqliteDocket::open(&drill.path("restored"), noon()).unwrap();
    assert_eq!(restored.document(&digest).unwrap().as_deref(), Some(&b"licence"[..]));
    let mut bytes = std::fs::read(drill.path("backup/content.db")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(drill.path("backup/content.db"), bytes).unwrap();
    assert!(matches!(drill.restore("backup", "again", noon()), Err(BackupError::NotABackup { .. })));
}
